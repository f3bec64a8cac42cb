//! Rows in one sled 0.34 folder, by the contract of [`doorward_core::store`]. The weaker choice: see below.
//!
//! One thread writes; it gives sled the batches that wait as one atomic group, so that they share a sync. sled shows a
//! write at once and makes it durable at some time; so readers look through a gate, which shows them the moment before
//! the group until the group is on the medium. They wait for no sync, only for sled while it takes a group in. A folder
//! belongs to one store in one process.
//!
//! | what happens | [`StoreErrorKind`] | because |
//! |---|---|---|
//! | sled's `apply_batch` or `flush` fails, or a sync | `Unknown` | the files may hold the group; nothing is shown until that is known |
//! | a durable commit after that, or a read, a scan or a page of the journal | as it comes | first the folder is closed and opened again, as below; for looks at most once a second |
//! | anything else after that, and looks in between | `Retryable` | nothing was done |
//! | that opening finds damage | `Corrupt`, then `Fatal` | open the store once more, then restore a backup |
//! | that opening fails otherwise, or a read of before has not ended | `Retryable` | nothing was done |
//! | queue full; no answer within the commit deadline, and not yet begun | `Retryable` | nothing was done, and it is cancelled |
//! | no answer within the commit deadline, and begun | `Unknown` | it may yet be applied |
//! | sled reports corruption, or misses a part of a file, in a look | `Corrupt` | the files changed below it, or the disk forgot |
//! | an entry does not decode | `Corrupt` | damage, or a newer Doorward |
//! | sled panics in a read | `Corrupt`, then `Fatal` | it cannot be relied on; the panic goes no further than the host's hook |
//! | the folder was deleted or replaced | `Unknown`, then `Fatal` | found by the next commit, on Unix; the group is in the folder that went away |
//! | the writer panics | `Unknown`, then `Fatal` | what was begun is uncertain; open the store again |
//! | sled reports anything else in a look | `Fatal` | somebody must act |
//! | an epoch beyond `u64::MAX` | `Fatal` | it would wrap |
//!
//! **Opening** looks at the folder before sled may touch it, takes sled's lock, writes every byte of it onto itself and
//! syncs that, makes a copy of it, lets sled recover, reads and decodes every entry, and checks their sum against the one
//! that was written with them, and the number of groups against the one noted beside them. The writing is for what an
//! earlier process could not sync: Linux reports a failed write once, and a later sync proves nothing. The copy is for
//! sled, which overwrites what it cannot read; it is put back when the opening fails, or by the next one, and is gone when
//! this one has succeeded. The sums are for sled too, which takes damage in its log for the log's end, and opens without
//! what came after. Creation happens under another name beside the path; a kill leaves at most a folder `.NAME.new-…`
//! there, which may be removed.
//!
//! # The weaker choice
//!
//! Choose [`SqliteStore`](super::SqliteStore) unless the host has sled already. This one keeps every promise; but
//!
//! - **sled alone keeps few of them.** As it comes it lost acknowledged writes in 252 of 300 kills. With `flush()`
//!   after each, 606 of 1,000 power cuts lost some, and 119 left a folder that would not open. With the syncs that are
//!   made here, none lost anything. What makes the difference is this module; below it nothing is checked.
//! - **One process, one store.** No other program can look into the folder while it is open, not even to back it up: close
//!   the store, and copy the folder.
//! - **Opening takes time that grows with the folder, and as much room again**: it is read three times and written twice.
//!   10,000 sessions took 67 ms and 100,000 took 481 ms, where SQLite took 11 ms for either.
//! - **The folder is large**: 4.6 MiB for 10,000 sessions and 46 MiB for 100,000, against 1.7 and 16 MiB in SQLite. What
//!   was deleted is overwritten when sled comes by there again, or never, and the copy that an opening makes is removed, not
//!   overwritten: an old password hash may stay on the disk.
//! - **What happens inside sled cannot be interrupted.** A commit and an opening that hang are answered for at their
//!   deadline, and leave a thread behind; a read that hangs inside sled hangs its caller. A batch of any sled in the
//!   process waits for every call of every other sled in it: one static lock orders them all.
//! - **A panic of one of sled's own threads** ends all its work in the process ([`OpenError::Broken`],
//!   [`OpenError::Stuck`]): start the program again.
//! - **A large batch can cost the folder.** sled writes one of many hundred rows across several of its 512 KiB segments. A
//!   kill leaves it whole or not at all; but of about 110 simulated power cuts in the middle of batches of 1,500 rows,
//!   three left a folder that is refused as damaged. None left half a batch. Keep batches small; groups are kept so here.
//! - **A full disk stops reads as well**, from the first commit that fails until there is room, and a second longer at most:
//!   finding out what stands means to open the folder again, which needs as much room as the folder has. No row is lost by it.
//! - **At the level TRACE it logs what it stores**, through the crate `log`: names, host data and password hashes. A program whose
//!   logger goes that far leaves out the target `sled`.
//! - **It stands still.** 0.34.7 has been its last release for years; the 1.0 alpha has another format and no transactions. Its
//!   own README advises SQLite where reliability comes first.
//!
//! An authentication, three point reads, took 5.1 µs (SQLite 7.0 µs); a durable commit 672 µs from one thread (445 µs), and
//! 113 µs from sixteen together (64 µs): medians of one run, all in turn, on two cores and a virtual disk.
//!
//! A process that forks must open its stores in the child; keep the folder on a local file system.

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
use super::queue::in_bites;
use super::standing::Standing;
use disk::Syncs;
use layout::Place;
use plan::Plan;
use value::{Meta, damaged};
use view::{Era, Gate, View};
use writer::{Task, Writer};

mod disk;
mod error;
mod kept;
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
/// thread and waits for no sync; what sled does there cannot be interrupted. Dropping the store finishes what was queued
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
        let purge = |limit| Ok(self.writer.submit(Task::Purge { now, limit })?.removed());
        in_bites(limit, PURGE_BITE, purge)
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
    /// default, an hour at most. It reads all there is three times, and writes it twice.
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

#[cfg(test)]
mod tests {
    use doorward_core::error::StoreErrorKind;

    use super::*;

    /// Nothing that is done to the files makes sled panic in a read for certain; so one that panics is asked for.
    #[test]
    #[allow(clippy::panic, reason = "it is what sled does")]
    fn a_panic_in_a_read_ends_there_and_ends_the_store() {
        let home = tempfile::tempdir().unwrap();
        let store = SledStore::open(home.path().join("auth")).unwrap();
        let looked = store.look::<()>(|_| panic!("a test asked for it"));
        assert_eq!(looked.unwrap_err().kind(), StoreErrorKind::Corrupt);
        assert_eq!(store.read(&[Key::Keyring]).unwrap_err().kind(), StoreErrorKind::Fatal);
    }
}
