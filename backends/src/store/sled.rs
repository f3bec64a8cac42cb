//! Rows in one sled 0.34 folder, by the contract of [`doorward_core::store`]. DOCS
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorward_core::error::StoreError;
#[cfg(doc)]
use doorward_core::error::StoreErrorKind;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Guarantees, Range, Store};
use doorward_core::time::Timestamp;

#[cfg(feature = "planted")]
pub use disk::Disk;
pub use error::OpenError;

use super::failing::corrupt;
use super::standing::Standing;
use disk::Syncs;
use layout::Place;
use plan::Plan;
use value::{Meta, damaged};
use view::{Era, Gate, View};
use writer::{Task, Writer};

mod disk;
mod error;
mod layout;
mod mark;
mod open;
mod plan;
mod value;
mod view;
mod writer;

/// A store of rows in a sled folder.
///
/// Every commit, and each bite of a purge, is bounded by [`SledOptions::commit_deadline`]. A read runs on the caller's
/// thread and waits for nobody; what sled does there cannot be interrupted. Dropping the store finishes what was queued
/// and closes sled, within the same bound.
///
/// # Example: open, ask, close
/// ```
/// use doorward::store::sled::SledStore;
/// use doorward_core::record::Key;
/// use doorward_core::store::{Guarantees, Store};
///
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("auth");
/// let store = SledStore::open(&path)?; // a folder
/// assert_eq!(store.guarantees(), Guarantees::ALL);
/// assert_eq!(store.read(&[Key::Keyring])?, [None]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SledStore {
    gate: Arc<Gate>,
    standing: Arc<Standing>,
    writer: Writer,
}

impl SledStore {
    /// Opens the folder at `path` with the default options; makes it, for its owner alone, where there is none.
    ///
    /// # Errors
    /// As [`SledOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SledOptions::new().open(path)
    }

    /// What `look` sees: one moment, in which all is durable. A panic of sled ends here, and ends the store.
    fn look<T>(&self, look: impl FnOnce(&View<'_, Era>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.writer.settle()?;
        let shown = self.gate.shown().ok_or_else(writer::in_doubt)?;
        // It owns what it looks at: letting go of sled last may panic too.
        let looked =
            catch_unwind(AssertUnwindSafe(move || look(&View { tree: &shown.sled, over: &*shown.era })));
        looked.unwrap_or_else(|_| {
            self.standing.stop();
            Err(corrupt("sled panicked in a read: close the store, and restore the folder from a backup if it does again"))
        })
    }
}

impl Store for SledStore {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.look(|view| keys.iter().map(|key| row(view, key)).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        let plan = Plan::of(batch)?;
        Ok(self.writer.submit(Task::Apply(plan))?.commit())
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        let after = match &range.after {
            Some(after) if after.kind() > range.kind => return Ok(Vec::new()),
            Some(after) if after.kind() < range.kind => None,
            after => after.as_ref(),
        };
        self.look(|view| match range.owner {
            None => Ok(rows(view, range, after, limit)?.0),
            Some(owner) if plan::is_indexed(range.kind) => {
                let pointers = view.entries(layout::owned_by(owner, range.kind, after), limit)?;
                let keys = pointers.iter().map(|(raw, _)| match Place::of(raw) {
                    Some(Place::Owned { key }) => Ok(key),
                    _ => Err(damaged()),
                });
                keys.map(|key| {
                    let key = key?;
                    let row = row(view, &key)?.ok_or_else(damaged)?;
                    Ok((key, row))
                })
                .collect()
            }
            Some(_) => {
                let mut page = Vec::new();
                let mut after = after.cloned();
                loop {
                    let (found, is_last) = rows(view, range, after.as_ref(), PAGE)?;
                    after = found.last().map(|(key, _)| key.clone()).or(after);
                    let owned = found.into_iter().filter(|(_, row)| row.owner == range.owner);
                    page.extend(owned.take(limit - page.len()));
                    if is_last || page.len() >= limit {
                        return Ok(page);
                    }
                }
            }
        })
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.look(|view| {
            let meta = view.value(&layout::meta())?.ok_or_else(damaged)?;
            let found = view.entries(layout::endings_after(after), limit)?;
            let entries = found.iter().map(|(raw, bytes)| match Place::of(raw) {
                Some(Place::Ending(cursor)) => value::change(cursor, bytes),
                _ => Err(damaged()),
            });
            let entries = entries.collect::<Result<_, _>>()?;
            Ok(Changes { entries, end: Cursor::from_number(Meta::decode(&meta)?.end) })
        })
    }

    /// See [`Store::purge`]. Removes in bites of a few dozen rows, between which commits go ahead. What was removed
    /// before a failure stays removed.
    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut removed = 0;
        while removed < limit {
            let bite = PURGE_BITE.min(limit - removed);
            let task = Task::Purge { now, limit: bite };
            let bitten = self.writer.submit(task)?.removed();
            removed += bitten;
            if bitten < bite {
                break;
            }
        }
        Ok(removed)
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees::ALL
    }
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").finish_non_exhaustive()
    }
}

fn row(view: &View<'_, Era>, key: &Key) -> Result<Option<Row>, StoreError> {
    view.value(&layout::row(key))?.map(|bytes| value::row(key, &bytes)).transpose()
}

/// The next rows of the range's kind, whoever owns them, and whether they are the last.
fn rows(
    view: &View<'_, Era>,
    range: &Range,
    after: Option<&Key>,
    limit: usize,
) -> Result<(Vec<(Key, Row)>, bool), StoreError> {
    let found = view.entries(layout::rows_of(range.kind, after), limit)?;
    let is_last = found.len() < limit;
    let rows = found.iter().map(|(raw, bytes)| {
        let Some(Place::Row(key)) = Place::of(raw) else { return Err(damaged()) };
        let row = value::row(&key, bytes)?;
        Ok((key, row))
    });
    Ok((rows.collect::<Result<_, _>>()?, is_last))
}

/// How a [`SledStore`] is opened.
///
/// # Example: a store that gives up sooner
/// ```
/// use std::time::Duration;
/// use doorward::core::{record::Key, store::Store};
/// use doorward::store::sled::SledOptions;
///
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("auth");
/// let store = SledOptions::new()
///     .commit_deadline(Duration::from_secs(2))
///     .cache_bytes(16 << 20)
///     .open(&path)?;
/// assert_eq!(store.read(&[Key::Keyring])?, [None]); // no engine was opened on it yet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct SledOptions {
    commit_deadline: Duration,
    open_deadline: Duration,
    cache_bytes: u64,
    queue: usize,
    syncs: Syncs,
    #[cfg(feature = "planted")]
    is_without_gate: bool,
}

/// Whoever waits longer waits for somebody, not for a disk.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

impl SledOptions {
    /// The default options.
    pub fn new() -> Self {
        Self {
            commit_deadline: Duration::from_secs(10),
            open_deadline: Duration::from_mins(1),
            cache_bytes: 64 << 20,
            queue: 1024,
            syncs: Syncs::default(),
            #[cfg(feature = "planted")]
            is_without_gate: false,
        }
    }

    /// How long a commit may take before its caller is told `Unknown`, or `Retryable` where it was not begun:
    /// 10 s by default, an hour at most.
    pub fn commit_deadline(mut self, deadline: Duration) -> Self {
        self.commit_deadline = deadline.min(LONGEST_WAIT);
        self
    }

    /// How long sled may take to open the folder, or to make it, before that is [`OpenError::Stuck`]: a minute by
    /// default, an hour at most. It reads all there is, and writes it once.
    pub fn open_deadline(mut self, deadline: Duration) -> Self {
        self.open_deadline = deadline.min(LONGEST_WAIT);
        self
    }

    /// How many bytes of pages sled keeps in memory, about: 64 MiB by default, at least 64 KiB.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        // sled panics on next to nothing.
        self.cache_bytes = bytes.max(64 << 10);
        self
    }

    /// How many commits may wait for the writer before the next is refused as `Retryable`, at least 1: 1024
    /// by default.
    pub fn queue(mut self, commits: usize) -> Self {
        self.queue = commits;
        self
    }

    /// Test-only: the disk that every sync goes through.
    #[cfg(feature = "planted")]
    pub fn disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.syncs.disk = Some(disk);
        self
    }

    /// Test-only: readers are shown what is applied, before it is durable.
    #[cfg(feature = "planted")]
    pub fn without_gate(mut self) -> Self {
        self.is_without_gate = true;
        self
    }

    /// Opens the folder at `path`; makes it, for its owner alone, where there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what to do; no row was changed.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SledStore, OpenError> {
        let opened = open::open(path.as_ref(), &self)?;
        let standing = Arc::new(Standing::settled());
        let (writer, gate) =
            Writer::start(open::located(path.as_ref()), opened, self, Arc::clone(&standing))?;
        Ok(SledStore { gate, standing, writer })
    }
}

impl Default for SledOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for SledOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledOptions")
            .field("commit_deadline", &self.commit_deadline)
            .field("open_deadline", &self.open_deadline)
            .field("cache_bytes", &self.cache_bytes)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// How many rows a purge removes while commits wait.
const PURGE_BITE: usize = 64;

/// How many rows of a kind are looked at together for those of an owner.
const PAGE: usize = 256;
