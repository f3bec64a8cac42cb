//! A few threads that do what would block somebody else's.
//!
//! | a job is | when | and its promise |
//! |---|---|---|
//! | refused | as many wait as may whose promises are kept | – |
//! | waiting | no thread is free | dropped: the job is never begun, and leaves room when room is short |
//! | begun | a thread has taken it | dropped: the job is finished all the same |
//! | done | | gives what came of it |

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::{fmt, io, mem};

use futures_channel::oneshot;

/// Dropping it forgets what was not begun, and waits for what was.
pub(crate) struct Crew {
    jobs: Arc<Jobs>,
    threads: Vec<JoinHandle<()>>,
}

/// What a job will give; an error when the job panicked, or the crew was gone before it began.
pub(crate) type Promise<T> = oneshot::Receiver<T>;

impl Crew {
    /// So many threads of this name, for which so many jobs may wait. More than `MOST_THREADS` are an error: systems
    /// that have no limit of their own give them until nothing is left.
    pub(crate) fn start(name: &str, threads: NonZeroUsize, waiting: usize) -> io::Result<Self> {
        if threads > MOST_THREADS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let jobs = Arc::new(Jobs { state: Mutex::default(), arrived: Condvar::new(), most: waiting });
        let mut crew = Self { jobs, threads: Vec::with_capacity(threads.get()) };
        for _ in 0..threads.get() {
            let jobs = Arc::clone(&crew.jobs);
            // One that fails ends those before it: `crew` is dropped.
            crew.threads.push(thread::Builder::new().name(name.to_owned()).spawn(move || jobs.work())?);
        }
        Ok(crew)
    }

    /// Has a thread do the job; `None` when no more may wait.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<Promise<T>> {
        let (tell, promise) = oneshot::channel();
        self.jobs.push(Box::new(Promised { job, tell })).then_some(promise)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Outside of the lock: a job owns parts of its caller.
        let forgotten = self.jobs.close();
        drop(forgotten);
        let this = thread::current().id();
        // What a job owned last may own this: no thread can wait for itself.
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != this) {
            if let Err(payload) = thread.join() {
                mem::forget(payload);
            }
        }
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

trait Job: Send {
    fn is_forgotten(&self) -> bool;

    /// Does it, unless it is forgotten.
    fn begin(self: Box<Self>);
}

struct Promised<T, F> {
    job: F,
    tell: oneshot::Sender<T>,
}

impl<T: Send, F: FnOnce() -> T + Send> Job for Promised<T, F> {
    fn is_forgotten(&self) -> bool {
        self.tell.is_canceled()
    }

    fn begin(self: Box<Self>) {
        if !self.is_forgotten() {
            let Self { job, tell } = *self;
            // Nobody may wait for it any more; it is done all the same.
            let _ = tell.send(job());
        }
    }
}

struct Jobs {
    state: Mutex<State>,
    arrived: Condvar,
    /// How many may wait beside those for which a thread is free.
    most: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Job>>,
    free: usize,
    is_closed: bool,
}

impl Jobs {
    fn push(&self, job: Box<dyn Job>) -> bool {
        let mut state = self.state();
        let forgotten = state.make_room(self.most);
        let is_taken = !state.is_closed && state.has_room(self.most);
        if is_taken {
            state.waiting.push_back(job);
        }
        drop(state);
        drop(forgotten);
        if is_taken {
            self.arrived.notify_one();
        }
        is_taken
    }

    fn work(&self) {
        while let Some(job) = self.take() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.begin())) {
                mem::forget(payload);
            }
        }
    }

    fn take(&self) -> Option<Box<dyn Job>> {
        let mut state = self.state();
        state.free += 1;
        let idles = |state: &mut State| state.waiting.is_empty() && !state.is_closed;
        state = self.arrived.wait_while(state, idles).unwrap_or_else(PoisonError::into_inner);
        state.free -= 1;
        state.waiting.pop_front()
    }

    fn close(&self) -> VecDeque<Box<dyn Job>> {
        let mut state = self.state();
        state.is_closed = true;
        self.arrived.notify_all();
        mem::take(&mut state.waiting)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, most: usize) -> bool {
        self.waiting.len() < most.saturating_add(self.free)
    }

    /// Takes out what nobody waits for, when there is no room else: when threads are slow, clients hang up and come again.
    fn make_room(&mut self, most: usize) -> VecDeque<Box<dyn Job>> {
        if self.has_room(most) {
            return VecDeque::new();
        }
        let waiting = mem::take(&mut self.waiting).into_iter();
        let (forgotten, waiting) = waiting.partition(|job| job.is_forgotten());
        self.waiting = waiting;
        forgotten
    }
}

const MOST_THREADS: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not zero");
