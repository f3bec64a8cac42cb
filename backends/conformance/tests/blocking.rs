//! An asynchronous store is asked by the whole kit, however its futures behave.
#![allow(clippy::unwrap_used)] // tests

mod reference;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use std::{panic, thread};

use doorward_conformance::{Blocking, Fixture, Medium, Verdict, uphold, verdicts};
use doorward_core::record::{Key, Row};
use doorward_core::store::{
    AsyncStore, Batch, Changes, Commit, Cursor, Guarantees, Range, Store, StoreFuture,
};
use doorward_core::time::Timestamp;
use reference::{Bench, Flaw};

/// A blocking store behind futures that pend once before they answer.
struct Pending {
    store: Arc<dyn Store>,
    wakes: Wakes,
}

/// Whom to wake, and where to note that it was woken.
type Sleeper = (Waker, Arc<AtomicBool>);

/// Who wakes a pending future.
#[derive(Clone)]
enum Wakes {
    /// The poll itself, before the caller could have parked.
    Early,
    /// The poll itself, which parks its thread for something else before it returns.
    BeforeAnotherPark,
    /// Another thread, as soon as it gets there.
    Elsewhere(Arc<Mutex<Sender<Sleeper>>>),
}

impl Wakes {
    fn elsewhere() -> Self {
        let (sender, waiting) = mpsc::channel::<Sleeper>();
        thread::spawn(move || {
            for (number, (waker, woken)) in waiting.into_iter().enumerate() {
                // Some late enough that the caller has surely parked.
                if number % 16 == 0 {
                    thread::sleep(Duration::from_micros(200));
                }
                woken.store(true, Ordering::SeqCst);
                waker.wake();
            }
        });
        Self::Elsewhere(Arc::new(Mutex::new(sender)))
    }

    async fn once(&self) {
        let woken = Arc::new(AtomicBool::new(false));
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            assert!(polls < 10, "it is polled again and again without being woken");
            if woken.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            match self {
                Self::Early => {
                    woken.store(true, Ordering::SeqCst);
                    context.waker().wake_by_ref();
                }
                Self::BeforeAnotherPark => {
                    woken.store(true, Ordering::SeqCst);
                    context.waker().wake_by_ref();
                    thread::park_timeout(Duration::from_millis(1));
                }
                Self::Elsewhere(to) if polls == 1 => {
                    to.lock().unwrap().send((context.waker().clone(), Arc::clone(&woken))).unwrap();
                }
                Self::Elsewhere(_) => {}
            }
            Poll::Pending
        })
        .await;
    }
}

impl Pending {
    fn then<'a, T: 'a>(
        &'a self,
        call: impl FnOnce(&dyn Store) -> Result<T, doorward_core::error::StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            self.wakes.once().await;
            call(&*self.store)
        })
    }
}

impl AsyncStore for Pending {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        self.then(move |store| store.read(keys))
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        self.then(move |store| store.commit(batch))
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        self.then(move |store| store.scan(range, limit))
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        self.then(move |store| store.changes(after, limit))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        self.then(move |store| store.purge(now, limit))
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }
}

/// A bench whose handles are asynchronous stores, blocked on.
struct Asynchronous {
    bench: Bench,
    wakes: Wakes,
}

impl Asynchronous {
    fn new(wakes: Wakes) -> Self {
        Self { bench: Bench::correct(), wakes }
    }

    fn blocking(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Blocking(Pending { store, wakes: self.wakes.clone() }))
    }
}

impl Fixture for Asynchronous {
    fn open(&self) -> Arc<dyn Store> {
        self.blocking(self.bench.open())
    }

    fn second_handle(&self) -> Option<Arc<dyn Store>> {
        Some(self.blocking(self.bench.second_handle()?))
    }

    fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some(self.blocking(self.bench.reopen()?))
    }

    fn medium(&self) -> Option<&dyn Medium> {
        self.bench.medium()
    }
}

mod woken_elsewhere {
    doorward_conformance::suite!(super::Asynchronous::new(super::Wakes::elsewhere()));
}

mod woken_before_parking {
    doorward_conformance::suite!(super::Asynchronous::new(super::Wakes::Early));
}

/// The adapter relied on the thread to remember a wake. A store that waits on a channel inside of its poll took that wake
/// for its own, and the caller waited for ever.
#[test]
fn a_wake_is_not_lost_to_a_park_within_the_poll() {
    let (told, answer) = mpsc::channel();
    thread::spawn(move || {
        let fixture = Asynchronous::new(Wakes::BeforeAnotherPark);
        let _gone = told.send(fixture.open().read(&[Key::Keyring]).unwrap());
    });
    assert_eq!(answer.recv_timeout(Duration::from_secs(20)), Ok(vec![None]));
}

#[test]
fn a_broken_store_is_found_through_it() {
    let broken = || {
        let mut fixture = Asynchronous::new(Wakes::Early);
        fixture.bench = Bench::broken(Flaw::LosesRaises);
        fixture
    };
    let found = verdicts(broken).into_iter().filter(|(_, verdict)| matches!(verdict, Verdict::Broken(_)));
    assert_eq!(found.map(|(promise, _)| promise.name).collect::<Vec<_>>(), ["no_raise_is_lost"]);
}

/// A store whose reads panic once they have been woken, or are woken again and again for nothing.
struct Odd {
    panics: bool,
    polls: AtomicUsize,
    goes: AtomicBool,
    wakes: Wakes,
}

impl Odd {
    fn new(panics: bool) -> Self {
        Self { panics, polls: AtomicUsize::new(0), goes: AtomicBool::new(false), wakes: Wakes::elsewhere() }
    }
}

impl AsyncStore for Odd {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        Box::pin(async move {
            self.wakes.once().await;
            assert!(!self.panics, "a panic in a future");
            let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
            thread::scope(|scope| {
                scope.spawn(|| (0..5).for_each(|_| waker.wake_by_ref()));
            });
            poll_fn(|context| {
                self.polls.fetch_add(1, Ordering::SeqCst);
                if self.goes.swap(true, Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                // The last wake comes before this poll has even returned.
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            Ok(keys.iter().map(|_| None).collect())
        })
    }

    fn commit<'a>(&'a self, _: &'a Batch) -> StoreFuture<'a, Commit> {
        Box::pin(async { Ok(Commit::Applied) })
    }

    fn scan<'a>(&'a self, _: &'a Range, _: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn changes(&self, _: Cursor, _: usize) -> StoreFuture<'_, Changes> {
        Box::pin(async { Ok(Changes::default()) })
    }

    fn purge(&self, _: Timestamp, _: usize) -> StoreFuture<'_, usize> {
        Box::pin(async { Ok(0) })
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees::EPHEMERAL
    }
}

struct Panics;

impl Fixture for Panics {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(Blocking(Odd::new(true)))
    }
}

#[test]
fn a_panic_in_a_future_is_the_callers_and_the_adapter_goes_on() {
    let store = Blocking(Odd::new(true));
    let told = panic::catch_unwind(panic::AssertUnwindSafe(|| store.read(&[Key::Keyring])));
    let payload = told.expect_err("the panic goes on in the caller");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"a panic in a future"));
    assert_eq!(store.purge(Timestamp::from_millis(0), 1).unwrap(), 0);
    let fails = panic::catch_unwind(|| uphold("a_read_answers_in_key_order", &Panics));
    assert!(fails.is_err(), "the kit takes it for a broken promise");
}

#[test]
fn wakes_for_nothing_and_before_parking_neither_lose_nor_make_an_answer() {
    let store = Blocking(Odd::new(false));
    assert_eq!(store.read(&[Key::Keyring, Key::Clock]).unwrap(), [None, None]);
    assert_eq!(store.0.polls.load(Ordering::SeqCst), 2);
    assert_eq!(
        store
            .commit(&Batch::new(
                doorward_core::id::Stamp::from_bytes([1; 16]),
                doorward_core::store::Durability::Durable
            ))
            .unwrap(),
        Commit::Applied
    );
}
