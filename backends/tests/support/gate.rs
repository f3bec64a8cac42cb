//! A store for the asynchronous engine, whose every call stops at a gate until the test lets it through.
//!
//! | a call | the future |
//! |---|---|
//! | is made | nothing |
//! | is polled first | arrives at the gate, and is pending |
//! | is polled again | is carried out with the luck that the test gave, and is ready |
//! | is dropped at the gate | nothing was done; what was to be committed is the test's |

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use doorward::core::record::{Key, Row};
use doorward::core::store::{
    AsyncStore, Batch, Changes, Commit, Cursor, Guarantees, Range, Store, StoreFuture,
};
use doorward::core::time::Timestamp;

use super::world::{Luck, send};

pub(crate) struct Gated {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gate: Arc<Gate>,
}

/// Where calls arrive.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    arrived: Option<Arrival>,
    let_in: Option<Luck>,
    in_flight: Vec<Batch>,
    /// Whether a call came by when none was expected.
    is_broken: bool,
}

/// A call that waits at the gate.
#[derive(Debug)]
pub(crate) enum Arrival {
    Commit(Batch),
    Other,
}

impl Gate {
    /// The next poll lets one call in.
    pub(crate) fn let_in(&self, luck: Luck) {
        self.assert_quiet();
        self.state().let_in = Some(luck);
    }

    /// Who has arrived, and what was sent off by who was let in.
    pub(crate) fn look(&self) -> (Option<Arrival>, Vec<Batch>) {
        let mut state = self.state();
        assert!(!state.is_broken && state.let_in.is_none());
        (state.arrived.take(), mem::take(&mut state.in_flight))
    }

    /// Nobody is at the gate whom the test does not know of.
    pub(crate) fn assert_quiet(&self) {
        let state = self.state();
        let is_quiet = !state.is_broken && state.arrived.is_none() && state.let_in.is_none();
        assert!(is_quiet, "the store was called by nobody whom the test has polled");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self, arrival: Arrival) -> Luck {
        let mut arriving = Some(arrival);
        poll_fn(move |_| {
            let mut state = self.state();
            if let Some(arrival) = arriving.take() {
                state.is_broken |= state.arrived.replace(arrival).is_some();
                return Poll::Pending;
            }
            let luck = state.let_in.take();
            state.is_broken |= luck.is_none();
            luck.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl AsyncStore for Gated {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        Box::pin(async {
            self.gate.pass(Arrival::Other).await;
            self.store.read(keys)
        })
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        Box::pin(async {
            let luck = self.gate.pass(Arrival::Commit(batch.clone())).await;
            send(&*self.store, batch, luck, &mut self.gate.state().in_flight)
        })
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        Box::pin(async move {
            self.gate.pass(Arrival::Other).await;
            self.store.scan(range, limit)
        })
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        Box::pin(async move {
            self.gate.pass(Arrival::Other).await;
            self.store.changes(after, limit)
        })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        Box::pin(async move {
            self.gate.pass(Arrival::Other).await;
            self.store.purge(now, limit)
        })
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }
}
