//! A blocking store for an asynchronous engine, on a few threads of its own.
//!
//! Reads and commits have threads apart, so that no read waits behind commits that wait for the disk. A store that groups
//! the commits that wait together groups as many as there are threads for them.
//!
//! | a future that is dropped | leaves |
//! |---|---|
//! | before it is polled, or while its call waits for a thread | nothing done |
//! | once a thread has taken its call | the call is finished, and nobody hears how it ended |

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::record::{Key, Row};
use doorward_core::store::{
    AsyncStore, Batch, Changes, Commit, Cursor, Guarantees, Range, Store, StoreFuture,
};
use doorward_core::time::Timestamp;

use crate::crew::Crew;
use crate::engine::contain;

/// A [`Store`] as an [`AsyncStore`]. Needs no particular runtime: its futures are woken by its own threads.
///
/// Dropping it waits for the calls that a thread has taken, so that the store is closed when the last engine is gone: as
/// long as the store bounds its calls. Calls that were waiting are not begun.
///
/// # Example: a SQLite file, with eight commits that may share a sync
/// ```
/// use std::num::NonZeroUsize;
/// use doorward::core::{record::Key, store::AsyncStore};
/// use doorward::store::pooled::{Pooled, Threads};
/// use doorward::store::SqliteStore;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("app.db");
/// let committing = NonZeroUsize::new(8).expect("eight is not zero");
/// let store = Pooled::with(SqliteStore::open(path)?, Threads { committing, ..Threads::default() })?;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// assert_eq!(store.read(&[Key::Keyring]).await?, [None]); // no engine was opened on it yet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pooled<S: ?Sized> {
    // Dropped in this order: the threads' calls end before the store is closed.
    reading: Crew,
    committing: Crew,
    store: Arc<S>,
}

/// How many threads serve a [`Pooled`] store, and how many calls may wait for them.
///
/// # Example: the defaults
/// ```
/// use doorward::store::pooled::Threads;
///
/// let threads = Threads::default();
/// assert_eq!((threads.committing.get(), threads.waiting), (16, 1024));
/// assert!(threads.reading.get() >= 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// For reads, scans and the journal. Default: the number of cores, from 2 to 16.
    pub reading: NonZeroUsize,
    /// For commits and purges, which mostly wait for the disk. Default 16.
    pub committing: NonZeroUsize,
    /// How many calls may wait for a thread, on each side, those whose futures were dropped not counted; the next one fails
    /// as `Retryable`. Default 1024.
    pub waiting: usize,
}

impl Default for Threads {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(2, NonZeroUsize::get);
        let threads = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Self { reading: threads(cores.clamp(2, 16)), committing: threads(16), waiting: 1024 }
    }
}

impl<S: Store + 'static> Pooled<S> {
    /// The store, with the default number of threads.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(store: S) -> io::Result<Self> {
        Self::with(store, Threads::default())
    }

    /// The store, with so many threads.
    ///
    /// # Errors
    /// The system gives no threads, or more than 1024 were asked for on one side.
    pub fn with(store: S, threads: Threads) -> io::Result<Self> {
        Ok(Self {
            reading: Crew::start("doorward-reading", threads.reading, threads.waiting)?,
            committing: Crew::start("doorward-committing", threads.committing, threads.waiting)?,
            store: Arc::new(store),
        })
    }
}

impl<S: Store + ?Sized + 'static> Pooled<S> {
    /// Nothing happens before it is polled.
    async fn call<T: Send + 'static>(
        &self,
        threads: &Crew,
        panicked: StoreErrorKind,
        call: impl FnOnce(&S) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.store);
        let promise = threads.call(move || contain(|| call(&store), panicked)).ok_or(FULL)?;
        // A call that panics has an answer; without one it was never begun.
        promise.await.unwrap_or(Err(CLOSED))
    }
}

impl<S: Store + ?Sized + 'static> AsyncStore for Pooled<S> {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        Box::pin(async {
            let keys = keys.to_vec();
            self.call(&self.reading, StoreErrorKind::Retryable, move |store| store.read(&keys)).await
        })
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        Box::pin(async {
            let batch = batch.clone();
            self.call(&self.committing, StoreErrorKind::Unknown, move |store| store.commit(&batch)).await
        })
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        Box::pin(async move {
            let range = range.clone();
            let scan = move |store: &S| store.scan(&range, limit);
            self.call(&self.reading, StoreErrorKind::Retryable, scan).await
        })
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        let changes = move |store: &S| store.changes(after, limit);
        Box::pin(self.call(&self.reading, StoreErrorKind::Retryable, changes))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        let purge = move |store: &S| store.purge(now, limit);
        Box::pin(self.call(&self.committing, StoreErrorKind::Unknown, purge))
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }
}

impl<S: ?Sized> fmt::Debug for Pooled<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled")
            .field("reading", &self.reading)
            .field("committing", &self.committing)
            .finish_non_exhaustive()
    }
}

const FULL: StoreError = StoreError::new(
    StoreErrorKind::Retryable,
    "every thread of the store is busy and as many calls wait as may: nothing was done, try again",
);
const CLOSED: StoreError =
    StoreError::new(StoreErrorKind::Retryable, "the store is being closed: nothing was done");
