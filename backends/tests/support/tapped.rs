//! A store that counts its calls, fails some kinds of them on demand, and lets a test do something in the middle of one:
//! so that what is a race between threads elsewhere is one order of steps here.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use doorward::core::error::{StoreError, StoreErrorKind};
use doorward::core::record::{Key, Row};
use doorward::core::store::{
    AsyncStore, Batch, Changes, Commit, Cursor, Guarantees, Range, Store, StoreFuture,
};
use doorward::core::time::Timestamp;

/// What an engine can ask of it, as far as these tests tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tap {
    /// A read of the keyring's row alone: what a view of the journal begins with.
    Keyring,
    /// Any other read, and scans.
    Rows,
    /// A page of the journal.
    Journal,
    /// A commit, and purges.
    Commit,
}

pub(crate) const EVERY_TAP: [Tap; 4] = [Tap::Keyring, Tap::Rows, Tap::Journal, Tap::Commit];

/// When a test steps in: before the store beneath is called, or when it has answered and nobody has heard it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// Clones are the same store.
#[derive(Clone)]
pub(crate) struct Tapped {
    beneath: Arc<Mutex<Arc<dyn Store>>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Vec<Tap>,
    shut: Vec<Tap>,
    held: Vec<Tap>,
    steps: Vec<Step>,
}

/// What happens in the middle of a call.
type Step = (Tap, Moment, Box<dyn FnOnce() + Send>);

impl Tapped {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { beneath: Arc::new(Mutex::new(store)), state: Arc::default() }
    }

    /// From now on these fail, and no others.
    pub(crate) fn shut(&self, taps: &[Tap]) {
        self.state().shut = taps.to_vec();
    }

    /// From now on these calls of an asynchronous engine do not end, and no others.
    pub(crate) fn hold(&self, taps: &[Tap]) {
        self.state().held = taps.to_vec();
    }

    /// In the next such call, once.
    pub(crate) fn step_in(&self, tap: Tap, moment: Moment, step: impl FnOnce() + Send + 'static) {
        self.state().steps.push((tap, moment, Box::new(step)));
    }

    /// What was called since the last time.
    pub(crate) fn calls(&self) -> Vec<Tap> {
        std::mem::take(&mut self.state().calls)
    }

    /// Another store in its place, under the engine's feet.
    pub(crate) fn replace(&self, store: Arc<dyn Store>) {
        *self.beneath.lock().unwrap_or_else(PoisonError::into_inner) = store;
    }

    /// Whether every step that was to be taken was taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.state().steps.is_empty()
    }

    fn beneath(&self) -> Arc<dyn Store> {
        Arc::clone(&self.beneath.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, tap: Tap, moment: Moment) {
        let step = {
            let mut state = self.state();
            let at = state.steps.iter().position(|(at, when, _)| (*at, *when) == (tap, moment));
            at.map(|at| state.steps.remove(at).2)
        };
        if let Some(step) = step {
            step();
        }
    }

    fn call<T>(
        &self,
        tap: Tap,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.state().calls.push(tap);
        self.step(tap, Moment::Before);
        let answer = if self.state().shut.contains(&tap) {
            Err(StoreError::new(StoreErrorKind::Retryable, "the test has shut this store"))
        } else {
            call(&*self.beneath())
        };
        self.step(tap, Moment::After);
        answer
    }

    async fn let_through(&self, tap: Tap) {
        poll_fn(|_| if self.state().held.contains(&tap) { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

fn tap_of(keys: &[Key]) -> Tap {
    if keys == [Key::Keyring] { Tap::Keyring } else { Tap::Rows }
}

impl Store for Tapped {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.call(tap_of(keys), |store| store.read(keys))
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        self.call(Tap::Commit, |store| store.commit(batch))
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        self.call(Tap::Rows, |store| store.scan(range, limit))
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.call(Tap::Journal, |store| store.changes(after, limit))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.call(Tap::Commit, |store| store.purge(now, limit))
    }

    fn guarantees(&self) -> Guarantees {
        self.beneath().guarantees()
    }
}

impl AsyncStore for Tapped {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        Box::pin(async {
            self.let_through(tap_of(keys)).await;
            Store::read(self, keys)
        })
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        Box::pin(async {
            self.let_through(Tap::Commit).await;
            Store::commit(self, batch)
        })
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        Box::pin(async move {
            self.let_through(Tap::Rows).await;
            Store::scan(self, range, limit)
        })
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        Box::pin(async move {
            self.let_through(Tap::Journal).await;
            Store::changes(self, after, limit)
        })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        Box::pin(async move {
            self.let_through(Tap::Commit).await;
            Store::purge(self, now, limit)
        })
    }

    fn guarantees(&self) -> Guarantees {
        Store::guarantees(self)
    }
}
