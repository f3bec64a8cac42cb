//! A store whose next commit waits until the test lets it go, or whose commits fail: it stands before the real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward::Timestamp;
use doorward::core::error::{StoreError, StoreErrorKind};
use doorward::core::record::{Key, Row};
use doorward::core::store::{AsyncStore, Batch, Changes, Commit, Cursor, Guarantees, Range, StoreFuture};
use tokio::sync::Notify;
use tokio::time::timeout;

pub(crate) struct Gated<S> {
    store: S,
    gate: Gate,
}

#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    holds_next: AtomicBool,
    fails: AtomicBool,
    held: Notify,
    released: Notify,
}

impl<S> Gated<S> {
    pub(crate) fn over(store: S) -> (Self, Gate) {
        let gate = Gate::default();
        (Self { store, gate: gate.clone() }, gate)
    }
}

impl Gate {
    pub(crate) fn hold_next_commit(&self) {
        self.0.holds_next.store(true, Ordering::SeqCst);
    }

    /// Waits until a commit is held.
    pub(crate) async fn is_held(&self) {
        timeout(Duration::from_secs(20), self.0.held.notified()).await.expect("a commit within 20 s");
    }

    pub(crate) fn let_go(&self) {
        self.0.released.notify_one();
    }

    /// From now on commits fail, or no longer.
    pub(crate) fn fail(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }
}

impl<S: AsyncStore> AsyncStore for Gated<S> {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        self.store.read(keys)
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        Box::pin(async move {
            if self.gate.0.holds_next.swap(false, Ordering::SeqCst) {
                self.gate.0.held.notify_one();
                self.gate.0.released.notified().await;
            }
            if self.gate.0.fails.load(Ordering::SeqCst) {
                return Err(StoreError::new(StoreErrorKind::Fatal, "the test lets no commit through"));
            }
            self.store.commit(batch).await
        })
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        self.store.scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        self.store.changes(after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        self.store.purge(now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }
}
