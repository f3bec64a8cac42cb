//! How an engine's calls get to its store and its hashing pool, and back.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::model::source::SourcePrefix;
use doorward_core::password::HashMemory;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Range, StoreFuture};
use doorward_core::time::Timestamp;
use doorward_core::work::{Work, Worked};

use super::asynchronous::AsyncEngine;
use super::blocking::Engine;
use super::run::Parts;

/// An engine as the loop sees it. Panics of its store are contained: they are failures of these calls.
pub(super) trait Reach {
    fn parts(&self) -> &Parts;

    fn read(&self, keys: &[Key]) -> impl Future<Output = Result<Vec<Option<Row>>, StoreError>> + Send;

    fn scan(
        &self,
        range: &Range,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, Row)>, StoreError>> + Send;

    fn commit(&self, batch: &Batch) -> impl Future<Output = Result<Commit, StoreError>> + Send;

    fn changes(
        &self,
        after: Cursor,
        limit: usize,
    ) -> impl Future<Output = Result<Changes, StoreError>> + Send;

    fn purge(&self, now: Timestamp, limit: usize) -> impl Future<Output = Result<usize, StoreError>> + Send;

    fn work(
        &self,
        work: &Work,
        source: Option<SourcePrefix>,
    ) -> impl Future<Output = Result<Worked, Fault>> + Send;

    /// Between two bites of what is long: lets the thread go, if others want it.
    fn pause(&self) -> impl Future<Output = ()> + Send;
}

/// No call waits for anything but its thread: each is done when it is polled.
impl Reach for Engine {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        contain(|| self.store.read(keys), StoreErrorKind::Retryable)
    }

    async fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        contain(|| self.store.scan(range, limit), StoreErrorKind::Retryable)
    }

    async fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        contain(|| self.store.commit(batch), StoreErrorKind::Unknown)
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        contain(|| self.store.changes(after, limit), StoreErrorKind::Retryable)
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        contain(|| self.store.purge(now, limit), StoreErrorKind::Unknown)
    }

    async fn work(&self, work: &Work, source: Option<SourcePrefix>) -> Result<Worked, Fault> {
        if work.is_hashing() { self.parts.hashing.run(work, source) } else { signed(work) }
    }

    async fn pause(&self) {}
}

impl Reach for AsyncEngine {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        contained(|| self.store.read(keys), StoreErrorKind::Retryable).await
    }

    async fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        contained(|| self.store.scan(range, limit), StoreErrorKind::Retryable).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        contained(|| self.store.commit(batch), StoreErrorKind::Unknown).await
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        contained(|| self.store.changes(after, limit), StoreErrorKind::Retryable).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        contained(|| self.store.purge(now, limit), StoreErrorKind::Unknown).await
    }

    async fn work(&self, work: &Work, source: Option<SourcePrefix>) -> Result<Worked, Fault> {
        if work.is_hashing() {
            self.parts.hashing.run_on(&self.hashers, work, source).await
        } else {
            signed(work)
        }
    }

    /// A store may answer each call at once; then nothing else ends the poll.
    async fn pause(&self) {
        let mut has_paused = false;
        let polled = poll_fn(move |context| {
            if mem::replace(&mut has_paused, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        polled.await;
    }
}

/// Signing takes microseconds and no memory: there is nothing to wait for.
fn signed(work: &Work) -> Result<Worked, Fault> {
    work.run(&mut HashMemory::default()).map_err(|_| Fault::Busy)
}

/// A panic of the store is its failure of this kind, and nobody else's.
pub(crate) fn contain<T>(
    call: impl FnOnce() -> Result<T, StoreError>,
    panicked: StoreErrorKind,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        mem::forget(payload);
        Err(StoreError::new(panicked, "the store panicked: this is a bug in the store"))
    })
}

/// The same of a future, also of its being dropped when it has answered. One that panicked is not polled again.
async fn contained<'a, T>(
    call: impl FnOnce() -> StoreFuture<'a, T>,
    panicked: StoreErrorKind,
) -> Result<T, StoreError> {
    let mut waiting = Some(contain(|| Ok(call()), panicked)?);
    let polled = poll_fn(move |context| {
        let poll = || {
            let Some(mut future) = waiting.take() else { return Ok(None) };
            let Poll::Ready(answer) = future.as_mut().poll(context) else {
                waiting = Some(future);
                return Ok(None);
            };
            drop(future);
            answer.map(Some)
        };
        contain(poll, panicked).transpose().map_or(Poll::Pending, Poll::Ready)
    });
    polled.await
}
