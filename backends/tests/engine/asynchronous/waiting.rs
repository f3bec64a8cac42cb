//! What the engine does to the thread that polls it: nothing.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use doorward::core::error::{Fault, StoreError, StoreErrorKind};
use doorward::core::id::Stamp;
use doorward::core::record::{Key, Row};
use doorward::core::store::{
    AsyncStore, Batch, Changes, Commit, Cursor, Durability, Guarantees, Range, Store, StoreFuture,
};
use doorward::core::time::Timestamp;
use doorward::store::MemoryStore;
use doorward::store::pooled::{Pooled, Threads};
use doorward::{AsyncEngine, Hashing, Login, LoginError, MasterKey, OpenSession, Register, RegisterError};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use super::polled::{Polled, block_on};

use crate::support::engine::{NAME, PASSWORD, policy};
use crate::support::operations::{async_engine_methods, engine_methods};

const SOON: Duration = Duration::from_secs(20);

async fn open(store: impl AsyncStore + 'static, hashing: Hashing) -> AsyncEngine {
    let builder = AsyncEngine::builder(store).ephemeral().master_key(MasterKey::new(1, [0x42; 32]));
    builder.policy(policy()).hashing(hashing).open().await.unwrap()
}

#[test]
fn both_engines_have_the_same_methods() {
    assert_eq!(async_engine_methods(), engine_methods());
}

/// A store whose commits wait until they are let through.
#[derive(Default)]
struct Gated {
    store: MemoryStore,
    gate: Mutex<bool>,
    opened: Condvar,
    begun: AtomicU32,
}

impl Gated {
    fn shut(&self) {
        *self.gate.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.gate.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn begun(&self, count: u32) {
        let start = Instant::now();
        while self.begun.load(Ordering::SeqCst) < count {
            assert!(start.elapsed() < SOON, "{count} commits should have begun");
            std::thread::yield_now();
        }
    }
}

impl Store for Gated {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        Store::read(&self.store, keys)
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        // Not for ever: a test that fails must end.
        drop(self.opened.wait_timeout_while(self.gate.lock().unwrap(), SOON, |is_shut| *is_shut).unwrap());
        Store::commit(&self.store, batch)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        Store::scan(&self.store, range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        Store::changes(&self.store, after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Store::purge(&self.store, now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        Store::guarantees(&self.store)
    }
}

fn threads(committing: usize, waiting: usize) -> Threads {
    Threads { committing: NonZeroUsize::new(committing).unwrap(), waiting, ..Threads::default() }
}

/// The one thread that polls goes on while a commit waits for the disk, and so do reads.
#[test]
fn a_commit_that_waits_blocks_neither_the_thread_nor_reads() {
    let store = Arc::new(Gated::default());
    let pooled = Pooled::with(Arc::clone(&store), threads(1, 8)).unwrap();
    let engine = block_on(open(pooled, Hashing::default()));
    let token = block_on(engine.open_session(OpenSession::new(""))).unwrap().token;
    store.shut();
    let begun = store.begun.load(Ordering::SeqCst);
    let mut waiting: Vec<_> =
        (0..4).map(|_| Polled::new(engine.open_session(OpenSession::new("")))).collect();
    for future in &mut waiting {
        assert!(future.within(Duration::from_millis(5)).is_none());
    }
    store.begun(begun + 1);
    let read = Polled::new(engine.session_data(token.expose())).within(SOON / 2);
    assert!(read.is_some_and(|read| read.is_ok()), "a read waits behind a commit");
    store.open();
    assert!(waiting.iter_mut().all(|future| future.within(SOON).unwrap().is_ok()));
}

/// A commit whose future is dropped before a thread took it never begins; one that was taken is finished.
#[test]
fn inv_26_a_dropped_commit_is_finished_or_never_begun() {
    let store = Arc::new(Gated::default());
    let pooled = Pooled::with(Arc::clone(&store), threads(1, 8)).unwrap();
    let [taken, waiting, last] = [1, 2, 3].map(|number| Stamp::from_bytes([number; 16]));
    let [taken, waiting, last] = [taken, waiting, last].map(|stamp| Batch::new(stamp, Durability::Durable));
    store.shut();
    let mut taken = Polled::new(pooled.commit(&taken));
    assert!(taken.poll().is_none());
    store.begun(1);
    let mut waiting = Polled::new(pooled.commit(&waiting));
    assert!(waiting.poll().is_none());
    let mut last = Polled::new(pooled.commit(&last));
    assert!(last.poll().is_none());
    drop(taken);
    drop(waiting);
    store.open();
    assert_eq!(last.within(SOON).unwrap().unwrap(), Commit::Applied);
    assert_eq!(store.begun.load(Ordering::SeqCst), 2, "the first and the last");
}

#[test]
fn more_calls_than_may_wait_are_refused_and_nothing_is_done() {
    let store = Arc::new(Gated::default());
    let pooled = Pooled::with(Arc::clone(&store), threads(1, 1)).unwrap();
    let batches: Vec<Batch> =
        (1..=3).map(|number| Batch::new(Stamp::from_bytes([number; 16]), Durability::Durable)).collect();
    store.shut();
    let mut running = Polled::new(pooled.commit(&batches[0]));
    assert!(running.poll().is_none());
    store.begun(1);
    let mut waiting = Polled::new(pooled.commit(&batches[1]));
    assert!(waiting.poll().is_none());
    let refused = Polled::new(pooled.commit(&batches[2])).poll().unwrap().unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Retryable);
    store.open();
    for future in [&mut running, &mut waiting] {
        assert_eq!(future.within(SOON).unwrap().unwrap(), Commit::Applied);
    }
    assert_eq!(store.begun.load(Ordering::SeqCst), 2);
}

/// Clients that hang up on a slow disk come again: calls that nobody waited for any more filled the queue, and those that
/// came again were refused.
#[test]
fn a_call_that_is_dropped_while_it_waits_leaves_room_for_another() {
    let store = Arc::new(Gated::default());
    let pooled = Pooled::with(Arc::clone(&store), threads(1, 2)).unwrap();
    let batches: Vec<Batch> =
        (0..20).map(|number| Batch::new(Stamp::from_bytes([number; 16]), Durability::Durable)).collect();
    store.shut();
    let mut running = Polled::new(pooled.commit(&batches[0]));
    assert!(running.poll().is_none());
    store.begun(1);
    let mut waiting = Polled::new(pooled.commit(&batches[1]));
    assert!(waiting.poll().is_none());
    for batch in &batches[2..] {
        assert!(Polled::new(pooled.commit(batch)).poll().is_none(), "refused for one that is gone");
    }
    store.open();
    for future in [&mut running, &mut waiting] {
        assert_eq!(future.within(SOON).unwrap().unwrap(), Commit::Applied);
    }
    drop((running, waiting));
    drop(pooled);
    assert_eq!(store.begun.load(Ordering::SeqCst), 2, "what was dropped never began");
}

/// PW-15: hashing has threads of its own, and a full queue says so at once. Who hangs up leaves the place to the next.
#[test]
fn pw_15_hashing_blocks_no_thread_and_its_queue_is_bounded() {
    let hashing = Hashing { at_once: NonZeroUsize::MIN, queue: 2, ..Hashing::default() };
    let engine = block_on(open(MemoryStore::new(), hashing));
    let login = || Polled::new(engine.login(Login::new("nobody", PASSWORD)));
    let mut logins = [login(), login(), login()];
    // Each poll is done at once: it hashes nothing.
    for login in &mut logins {
        assert!(login.poll().is_none());
    }
    let mut refused = login();
    assert!(matches!(refused.poll(), Some(Err(LoginError::Fault(Fault::Busy)))));
    let [mut first, second, mut third] = logins;
    drop(second);
    let mut fourth = login();
    assert!(fourth.poll().is_none(), "there is room again");
    for login in [&mut first, &mut third, &mut fourth] {
        assert!(matches!(login.within(SOON), Some(Err(LoginError::Denied))));
    }
}

/// GU-2: what a guess costs its source is not given back to who hangs up; what a right password costs is.
#[test]
fn who_hangs_up_in_time_pays_for_the_guess_all_the_same() {
    let engine = block_on(open(MemoryStore::new(), Hashing::default()));
    block_on(engine.register(Register::new(NAME, PASSWORD))).unwrap();
    let source = std::net::IpAddr::from([192, 0, 2, 1]);
    let login = || Polled::new(engine.login(Login::new(NAME, PASSWORD).source(source)));
    for _ in 0..40 {
        assert!(login().within(SOON).unwrap().is_ok(), "a right password costs nothing");
    }
    let burst = engine.policy().sources().guesses.size;
    for _ in 0..burst {
        assert!(login().poll().is_none());
    }
    assert!(matches!(login().poll(), Some(Err(LoginError::Throttled { .. }))));
}

#[test]
fn a_panic_in_a_store_is_contained_behind_threads_too() {
    let faulty = FaultStore::new(Arc::new(MemoryStore::new()));
    let engine = block_on(open(Pooled::new(faulty.clone()).unwrap(), Hashing::default()));
    faulty.add(Rule::new(Failure::Panics).on(CallKind::Commit));
    let outcome = block_on(engine.register(Register::new(NAME, PASSWORD)));
    assert!(matches!(outcome, Err(RegisterError::Fault(Fault::Unresolved))), "{outcome:?}");
    faulty.heal();
    faulty.add(Rule::new(Failure::Panics).on(CallKind::Read));
    let outcome = block_on(engine.register(Register::new(NAME, PASSWORD)));
    let Err(RegisterError::Fault(Fault::Store(error))) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Retryable);
    faulty.heal();
    assert!(block_on(engine.register(Register::new(NAME, PASSWORD))).is_ok());
}

/// A store of futures that panic: when they are made, when they are polled, or when they are dropped.
struct Panicking(MemoryStore, &'static str);

struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "a store panics");
    }
}

impl AsyncStore for Panicking {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        AsyncStore::read(&self.0, keys)
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        assert!(self.1 != "made", "a store panics");
        let is_polled = self.1 == "polled";
        let bomb = Bomb(self.1 == "dropped");
        let mut batch = Some(batch);
        Box::pin(std::future::poll_fn(move |_| {
            let _whole = &bomb; // it is dropped with the future
            assert!(!is_polled, "a store panics");
            batch.take().map_or(Poll::Pending, |batch| Poll::Ready(Store::commit(&self.0, batch)))
        }))
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        AsyncStore::scan(&self.0, range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        AsyncStore::changes(&self.0, after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        AsyncStore::purge(&self.0, now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        AsyncStore::guarantees(&self.0)
    }
}

#[test]
fn a_panic_in_a_future_of_a_store_is_an_unknown_commit() {
    let open = |when| {
        let builder = AsyncEngine::builder(Panicking(MemoryStore::new(), when)).ephemeral();
        block_on(builder.master_key(MasterKey::new(1, [0x42; 32])).open())
    };
    for when in ["made", "polled"] {
        let opened = open(when);
        let Err(doorward::OpenError::Fault(fault)) = opened else { panic!("{when}: {opened:?}") };
        assert!(matches!(fault, Fault::Unresolved), "{when}: {fault:?}");
    }
    // It was applied before it panicked; what it wrote tells so.
    assert!(open("dropped").is_ok());
}
