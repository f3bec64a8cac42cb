//! Password hashing: as many runs at once as there are cores, the others in a bounded queue, in which no source crowds
//! the others out.
//!
//! Each run needs its parameters' memory (19 MiB by default). The pool keeps one block per run at once, used
//! again and wiped after each run: allocating it anew each time costs a third more, and without a bound 64
//! logins at once would want more than a gigabyte. The blocking engine hashes on its callers' threads, the asynchronous one
//! on as many of its own.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use doorward_core::error::Fault;
use doorward_core::model::source::SourcePrefix;
use doorward_core::password::{Argon2Params, HashMemory};
use doorward_core::work::{Work, Worked};

use crate::crew::Crew;
use queue::{Place, Queue};

mod queue;

/// How much hashing an engine does at once.
///
/// # Example: a small machine
/// ```
/// use std::num::NonZeroUsize;
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, Hashing, MasterKey};
///
/// // At most 2 x 19 MiB for hashing; the eleventh caller at once is told to come again, and so is the third that
/// // would wait from one address.
/// let at_once = NonZeroUsize::new(2).expect("two is not zero");
/// let hashing = Hashing { at_once, queue: 8, ..Hashing::default() };
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(1, [1; 32]))
///     .hashing(hashing)
///     .open()?;
/// assert_eq!(engine.policy().argon2().memory_kib(), 19 * 1024); // the memory of one run
/// # Ok::<(), doorward::OpenError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// Runs at once. Default: the number of cores.
    pub at_once: NonZeroUsize,
    /// Callers that may wait for a run; the next one is told [`Fault::Busy`] before anything is allocated.
    /// Default 128.
    pub queue: usize,
    /// Into how many shares the queue is cut. Callers of one source may fill one share, which is one place at least;
    /// the next one is told [`Fault::Busy`] while others still get in. A caller without a source may take any place.
    /// Default 4.
    pub shares: NonZeroUsize,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            at_once: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            queue: 128,
            shares: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

pub(super) struct Pool {
    queue: Arc<Queue>,
    /// What a run of the policy costs: the memory to keep.
    params: Argon2Params,
    idle: Arc<Mutex<Vec<HashMemory>>>,
}

impl Pool {
    pub(super) fn new(limits: Hashing, params: Argon2Params) -> Self {
        Self { queue: Arc::new(Queue::new(limits)), params, idle: Arc::default() }
    }

    /// Runs the work on this thread when its source's turn comes.
    pub(super) fn run(&self, work: &Work, source: Option<SourcePrefix>) -> Result<Worked, Fault> {
        self.enter(source)?.run(work)
    }

    /// The same on one of these threads. While it waits, and when it is dropped, it holds none of them.
    pub(super) async fn run_on(
        &self,
        threads: &Crew,
        work: &Work,
        source: Option<SourcePrefix>,
    ) -> Result<Worked, Fault> {
        let mut place = self.queue.join(source)?;
        place.turn().await;
        let mut slot = self.slot(place);
        let work = work.clone();
        let worked = threads.call(move || slot.run(&work)).ok_or(Fault::Busy)?;
        // Hashing does not panic, and the threads live as long as their engine.
        worked.await.unwrap_or(Err(Fault::Busy))
    }

    fn enter(&self, source: Option<SourcePrefix>) -> Result<Slot, Fault> {
        let place = self.queue.join(source)?;
        place.wait();
        Ok(self.slot(place))
    }

    fn slot(&self, place: Place) -> Slot {
        let memory = idle(&self.idle).pop().unwrap_or_else(|| HashMemory::keeping(&self.params));
        Slot { memory, idle: Arc::clone(&self.idle), _place: place }
    }
}

/// One run's place; gives memory and turn back, also when the run panics.
struct Slot {
    memory: HashMemory,
    idle: Arc<Mutex<Vec<HashMemory>>>,
    _place: Place,
}

impl Slot {
    fn run(&mut self, work: &Work) -> Result<Worked, Fault> {
        work.run(&mut self.memory).map_err(|_| Fault::Busy)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        idle(&self.idle).push(std::mem::take(&mut self.memory));
    }
}

fn idle(idle: &Mutex<Vec<HashMemory>>) -> MutexGuard<'_, Vec<HashMemory>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use doorward_core::event::Source;
    use doorward_core::password::{Normalization, Password};

    use super::*;

    const KIB: u32 = 12 * 1024;

    fn params() -> Argon2Params {
        Argon2Params::default().with_memory_kib(KIB).unwrap().with_passes(1).unwrap()
    }

    fn limits(at_once: usize, queue: usize) -> Hashing {
        Hashing { at_once: NonZeroUsize::new(at_once).unwrap(), queue, ..Hashing::default() }
    }

    fn pool(at_once: usize, queue: usize) -> Arc<Pool> {
        Arc::new(Pool::new(limits(at_once, queue), params()))
    }

    fn hash(params: Argon2Params) -> Work {
        let password = Password::new("plum kettle orbit").unwrap();
        Work::Hash { password, normalization: Normalization::Nfc, salt: [6; 16], params, pepper: None }
    }

    fn wait_for(pool: &Pool, waiting: usize) {
        let waits = || {
            (0..5_000).any(|_| {
                thread::sleep(Duration::from_millis(1));
                pool.queue.state().waiting.len() == waiting
            })
        };
        assert!(waits(), "{waiting} should wait");
    }

    fn held(pool: &Pool) -> Vec<String> {
        idle(&pool.idle).iter().map(|memory| format!("{memory:?}")).collect()
    }

    #[test]
    fn pw_15_a_full_queue_is_busy_before_anything_is_allocated() {
        let pool = pool(1, 2);
        thread::scope(|scope| {
            let running = pool.enter(None).unwrap();
            let waiters: Vec<_> = (0..2).map(|_| scope.spawn(|| pool.run(&hash(params()), None))).collect();
            wait_for(&pool, 2);
            let refused = scope.spawn(|| pool.run(&hash(params()), None));
            thread::sleep(Duration::from_millis(100));
            assert!(refused.is_finished(), "it waits");
            assert!(matches!(refused.join().unwrap(), Err(Fault::Busy)));
            let state = pool.queue.state();
            assert_eq!((state.running.len(), state.waiting.len(), held(&pool).len()), (1, 2, 0));
            drop(state);
            drop(running);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap().is_ok()), "who waited is served");
        });
        assert!(pool.run(&hash(params()), None).is_ok(), "and the next one, too");
        assert_eq!(held(&pool).len(), 1);
    }

    #[test]
    fn pw_15_without_a_queue_the_second_is_busy_at_once() {
        let pool = pool(1, 0);
        let running = pool.enter(None).unwrap();
        assert!(matches!(pool.enter(None), Err(Fault::Busy)));
        drop(running);
        assert!(pool.enter(None).is_ok());
    }

    #[test]
    fn pw_15_never_more_than_the_limit_run_and_as_many_blocks_are_kept() {
        let pool = pool(3, 100);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let mut slot = pool.enter(None).unwrap();
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        hash(params()).run(&mut slot.memory).unwrap();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 3, "all places are used, and no more");
        assert_eq!(held(&pool), ["HashMemory { held_kib: 12288, .. }"; 3]);
        assert_eq!(pool.queue.state().running.len(), 0);
    }

    #[test]
    fn who_comes_first_is_served_first() {
        let pool = pool(1, 100);
        let served = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let running = pool.enter(None).unwrap();
            for number in 0..12 {
                let (pool, served) = (&pool, &served);
                scope.spawn(move || {
                    let _slot = pool.enter(None).unwrap();
                    served.lock().unwrap().push(number);
                });
                wait_for(pool, number + 1);
            }
            drop(running);
        });
        assert!(served.lock().unwrap().iter().copied().eq(0..12), "{served:?}");
    }

    fn source(number: u32) -> SourcePrefix {
        Source::from(IpAddr::from(Ipv4Addr::from_bits(number))).into()
    }

    #[test]
    fn pw_15_a_source_fills_its_share_of_the_queue_and_others_still_get_in() {
        let pool = pool(1, 8);
        thread::scope(|scope| {
            let running = pool.enter(Some(source(1))).unwrap();
            let wait = |source| {
                let waiting = pool.queue.state().waiting.len() + 1;
                let pool = &pool;
                scope.spawn(move || drop(pool.enter(source).unwrap()));
                wait_for(pool, waiting);
            };
            let is_busy = |source| {
                let pool = &pool;
                let asked = scope.spawn(move || matches!(pool.enter(source), Err(Fault::Busy)));
                let is_answered = |_| {
                    thread::sleep(Duration::from_millis(1));
                    asked.is_finished()
                };
                (0..5_000).any(is_answered) && asked.join().unwrap()
            };
            wait(Some(source(1)));
            wait(Some(source(1)));
            assert!(is_busy(Some(source(1))), "a quarter of eight");
            assert!(held(&pool).is_empty(), "nothing is allocated");
            wait(Some(source(2)));
            wait(Some(source(2)));
            assert!(is_busy(Some(source(2))));
            (0..4).for_each(|_| wait(None));
            assert!(is_busy(Some(source(3))), "the queue itself is full");
            drop(running);
        });
        assert!(pool.enter(Some(source(1))).is_ok(), "and all were served");
    }

    #[test]
    fn pw_15_a_source_may_wait_in_the_shortest_queue_too() {
        let pool = pool(1, 1);
        thread::scope(|scope| {
            let running = pool.enter(Some(source(1))).unwrap();
            scope.spawn(|| drop(pool.enter(Some(source(1))).unwrap()));
            wait_for(&pool, 1);
            drop(running);
        });
    }

    #[test]
    fn a_flood_from_one_source_does_not_keep_another_waiting() {
        for at_once in [1, 2, 3] {
            let pool = pool(at_once, 100);
            let served = Mutex::new(Vec::new());
            thread::scope(|scope| {
                let mut running: Vec<_> =
                    (0..at_once).map(|_| pool.enter(Some(source(1))).unwrap()).collect();
                for (waiting, number) in [1, 1, 1, 1, 1, 1, 1, 1, 2].into_iter().enumerate() {
                    let (pool, served) = (&pool, &served);
                    scope.spawn(move || {
                        let _slot = pool.enter(Some(source(number))).unwrap();
                        served.lock().unwrap().push(number);
                    });
                    wait_for(pool, waiting + 1);
                }
                drop(running.pop());
                wait_for(&pool, 0);
            });
            assert_eq!(served.lock().unwrap()[0], 2, "{at_once} at once");
        }
    }

    #[test]
    fn a_panic_in_a_run_gives_place_and_memory_back() {
        let pool = pool(1, 0);
        for _ in 0..3 {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _slot = pool.enter(None).unwrap();
                std::panic::resume_unwind(Box::new(()));
            }));
            assert!(panicked.is_err());
            assert_eq!(pool.queue.state().running.len(), 0);
            assert_eq!(held(&pool).len(), 1);
        }
        assert!(pool.run(&hash(params()), None).is_ok());
    }

    /// A host whose policy asks for more than the default paid for new memory at every login: the pool kept
    /// blocks of the default's size, and gave larger ones back after each run.
    #[test]
    fn the_memory_of_a_costly_policy_is_kept_too() {
        let costly = Argon2Params::default().with_memory_kib(24 * 1024).unwrap().with_passes(1).unwrap();
        let pool = Pool::new(limits(1, 0), costly);
        pool.run(&hash(costly), None).unwrap();
        assert_eq!(held(&pool), ["HashMemory { held_kib: 24576, .. }"]);
    }
}
