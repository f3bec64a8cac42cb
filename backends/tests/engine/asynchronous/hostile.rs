//! What a host can do that an engine must bear: wakers that drop what they wake, or panic; more threads than there are;
//! one thread for all.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use doorward::core::time::Timestamp;
use doorward::store::MemoryStore;
use doorward::store::pooled::{Pooled, Threads};
use doorward::{AsyncEngine, Hashing, Login, LoginError, ManualClock, MasterKey, OpenError, OpenSession};

use super::polled::{Polled, block_on};

use crate::support::engine::{PASSWORD, policy};

const SOON: Duration = Duration::from_secs(20);

async fn open(at_once: NonZeroUsize) -> Result<AsyncEngine, OpenError> {
    let builder = AsyncEngine::builder(MemoryStore::new()).ephemeral().policy(policy());
    let hashing = Hashing { at_once, ..Hashing::default() };
    builder.master_key(MasterKey::new(1, [0x42; 32])).hashing(hashing).open().await
}

type Attempt = Pin<Box<dyn Future<Output = Result<(), LoginError>> + Send>>;

/// A task of an executor that has gone: waking it drops it, on the thread that wakes.
struct Orphan(Mutex<Option<Attempt>>);

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {
        let future = self.0.lock().unwrap().take();
        drop(future);
    }
}

/// A waker that panics.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new(()));
    }
}

fn login(engine: &AsyncEngine) -> Attempt {
    let engine = engine.clone();
    Box::pin(async move { engine.login(Login::new("nobody", PASSWORD)).await.map(drop) })
}

/// The waker of a task whose executor had gone dropped the task, as those of `async-task` do. It was called under the
/// lock of the queue for hashing, for which the task's own place waited then: the thread hung, and with it each login that
/// came.
#[test]
fn a_task_that_is_dropped_by_its_waker_keeps_nobody_waiting() {
    for round in 0..20 {
        let engine = block_on(open(NonZeroUsize::MIN)).unwrap();
        let mut first = Polled::new(login(&engine));
        assert!(first.poll().is_none());
        let orphans = [(); 3].map(|()| Arc::new(Orphan(Mutex::new(Some(login(&engine))))));
        for orphan in &orphans {
            let waker = Waker::from(Arc::clone(orphan));
            let mut future = orphan.0.lock().unwrap();
            let polled = future.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        let served = first.within(SOON).is_some() && Polled::new(login(&engine)).within(SOON).is_some();
        if !served {
            std::mem::forget(engine); // it could not be dropped
            panic!("round {round}: a thread waits for itself");
        }
    }
}

/// What a waker does is its own affair: the run before gave its result to nobody, and was told that there was no room.
#[test]
fn a_waker_that_panics_harms_no_other_login() {
    let engine = block_on(open(NonZeroUsize::MIN)).unwrap();
    let mut first = Polled::new(login(&engine));
    assert!(first.poll().is_none());
    let mut next = login(&engine);
    let waker = Waker::from(Arc::new(Panicking));
    assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let outcome = first.within(SOON).unwrap();
    assert!(matches!(outcome, Err(LoginError::Denied)), "{outcome:?}");
    drop(next);
    assert!(matches!(block_on(login(&engine)), Err(LoginError::Denied)));
}

/// Each number of threads made room for as many handles at once: the greatest panicked, and others aborted the process.
#[test]
fn more_threads_than_can_be_are_refused() {
    assert!(matches!(block_on(open(NonZeroUsize::MAX)), Err(OpenError::Thread(_))));
    let threads = Threads { reading: NonZeroUsize::MAX, ..Threads::default() };
    assert!(Pooled::with(MemoryStore::new(), threads).is_err());
}

/// A store in memory answers at once, so nothing ended the poll: a task that maintained it kept its thread to itself until
/// all was done.
#[test]
fn what_is_long_lets_other_tasks_have_the_thread() {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let builder = AsyncEngine::builder(MemoryStore::new()).ephemeral().policy(policy()).clock(clock.clone());
    let engine = block_on(builder.master_key(MasterKey::new(1, [0x42; 32])).open()).unwrap();
    for _ in 0..5_500 {
        block_on(engine.open_session(OpenSession::new(""))).unwrap();
    }
    clock.advance(Duration::from_hours(24 * 30));
    let mut maintaining = Polled::new(engine.maintain());
    let done = maintaining.within(SOON).unwrap().unwrap();
    assert_eq!((done.purged, done.more), (5_500, false));
    assert_eq!(maintaining.polls, 6, "a poll for each thousand");
}
