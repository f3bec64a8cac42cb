//! Rows in one SQLite database file, by the contract of [`doorward_core::store`].
//!
//! One thread writes; it commits the batches that wait as one group, so that they share a sync. Reading
//! connections stay open beside it and see what is committed, never what is not yet on the medium. Several
//! stores, in this and in other processes on the same machine, may have the file open.
//!
//! | SQLite reports | [`StoreErrorKind`] | because |
//! |---|---|---|
//! | `BUSY` (also from `COMMIT`), `LOCKED`, `PROTOCOL` | `Retryable` | another program holds the lock; rolled back |
//! | `INTERRUPT`, `ABORT`, `SCHEMA`, `NOMEM` | `Retryable` | rolled back, and passing |
//! | anything else from `COMMIT` | `Unknown` | a recovery may find the transaction whole in the log |
//! | `CORRUPT`, `NOTADB`, a column of another type or size | `Corrupt` | what is stored was not written so |
//! | a record that does not decode | `Corrupt` | damage, or a newer Doorward |
//! | `FULL`, `READONLY`, `PERM`, `CANTOPEN`, `IOERR` | `Fatal` | rolled back; somebody must act |
//! | `CONSTRAINT` | `Fatal` | rolled back; an epoch beyond `i64::MAX` |
//! | any other code | `Fatal` | rolled back |
//!
//! | the store itself says | [`StoreErrorKind`] | because |
//! |---|---|---|
//! | queue full, every reader lent | `Retryable` | nothing was done |
//! | no answer within the commit deadline | `Retryable` or `Unknown` | not yet begun, and cancelled; or begun |
//! | an `Unknown` is not settled yet | `Retryable` | each read and commit first asks for a durable barrier commit |
//! | the writer panicked | `Unknown`, then `Fatal` | what was begun is uncertain; open the store again |
//! | the file or its log was deleted or replaced | `Fatal`, for good | nothing was done; see below |
//! | so it was found after a commit | `Unknown`, then `Fatal` | it is in the file that went away |
//!
//! A process that forks must open its stores in the child; keep the file on a local file system.
//!
//! # Upkeep
//!
//! | to | call | others, meanwhile |
//! |---|---|---|
//! | keep a copy elsewhere | [`SqliteStore::backup`] | read and write; the log grows |
//! | look for damage | [`SqliteStore::check`] | read and write |
//! | see what is unused | [`SqliteStore::size`] | read and write |
//! | give it back | [`SqliteStore::vacuum`] | read; commits wait |
//!
//! A full disk fails what needs room, and nothing else is lost: a commit that cannot be written is `Unknown` or
//! `Fatal`. After an `Unknown`, reads too fail as `Retryable` until a small commit finds room. The log is emptied before,
//! which makes some unless the database must grow for it. The store then goes on by itself.
//!
//! # The file, while it is open
//!
//! Move, replace or delete neither the database nor the `-wal` and `-shm` beside it. On Unix the store notices: a
//! commit at once, a read within 50 ms. It brings what was acknowledged into the file that went away, where nobody else's
//! log is in the way, and does nothing more until it is opened again. It does not notice a file that is overwritten in place
//! (`cp other.db auth.db`), and on other systems it notices nothing. Never open a database that is in use as a plain file within
//! the same program: closing that handle drops SQLite's locks.
//!
//! Open it by one name. A symbolic link is none of its own; a second hard link is, and so is a mount of the file alone
//! (mount its folder): each has a log of its own, and they destroy each other's work.
//!
//! # The way back from a lost database
//!
//! 1. End every program that has the database open.
//! 2. Move what is left away, *with* `-wal`, `-shm` and `-journal` beside it. SQLite replays a log over whatever
//!    file has its name: a backup put beside an old log becomes a mixture of both, and nothing says so.
//! 3. [`SqliteStore::restore`] the backup. It refuses a target that exists, a log beside it, and a bad backup.
//! 4. Open the engine, with the same master key, and call `after_restore` before anybody is let in. A backup
//!    remembers sessions that were ended since: whoever forgets this step lets them back in.
//!
//! What was done since the backup is undone, and no step brings it back: accounts that were made, passwords that were
//! changed (the old one is valid again), accounts that were disabled or deleted (they are back).

use std::path::Path;
use std::time::Duration;

use doorward_core::error::StoreError;
#[cfg(doc)]
use doorward_core::error::StoreErrorKind;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Guarantees, Range, Store};
use doorward_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

pub use backup::{BackupError, Progress};
pub use check::CheckProgress;
pub use error::OpenError;
pub use report::{KeyId, Part, Problem, Report};
pub use size::Size;

use super::queue::in_bites;
use error::failed;
use plan::Plan;
use readers::Readers;
use rows::{KeyColumn, Statements};
use writer::{Task, Writer};

mod backup;
mod barrier;
mod check;
mod connect;
mod draft;
mod error;
#[cfg(test)]
mod fault;
mod place;
mod plan;
mod readers;
mod report;
mod restore;
mod rows;
mod schema;
mod size;
#[cfg(test)]
mod tests;
mod vacuum;
mod writer;

/// A store of rows in a SQLite database file.
///
/// Every call is bounded: a commit, and each bite of a purge, by [`SqliteOptions::commit_deadline`], a read by
/// [`SqliteOptions::busy_timeout`], by both after a commit whose fate was unknown. Dropping it finishes what
/// was queued.
///
/// # Example: open, ask, close
/// ```
/// use doorward::store::sqlite::SqliteStore;
/// use doorward_core::record::Key;
/// use doorward_core::store::{Guarantees, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("auth.db");
/// let store = SqliteStore::open(&path)?;
/// assert_eq!(store.guarantees(), Guarantees::ALL);
/// assert_eq!(store.read(&[Key::Keyring])?, [None]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStore {
    // Dropped in this order, so that the writer's connection is the last and can tidy the log away.
    readers: Readers,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database at `path` with the default options; makes it, for its owner alone, where there is none.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SqliteOptions::new().open(path)
    }

    /// Looks at what is durable, in the file that is to be read.
    fn look<T>(&self, look: impl FnOnce(&Readers) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.writer.settle()?;
        let seen = look(&self.readers);
        self.writer.vouch()?;
        seen
    }

    fn scan_on(
        connection: &Connection,
        range: &Range,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Row)>, StoreError> {
        let statements = Statements::of(range.kind);
        let sql = match (range.owner, after) {
            (None, None) => statements.from,
            (None, Some(_)) => statements.after,
            (Some(_), None) => statements.owned_from,
            (Some(_), Some(_)) => statements.owned_after,
        };
        let bound = after.map_or(KeyColumn::least(range.kind), KeyColumn::of);
        let mut statement = connection.prepare_cached(sql).map_err(failed)?;
        let found = match &range.owner {
            None => statement.query(params![bound, at_most(limit)]),
            Some(owner) => statement.query(params![bound, at_most(limit), owner.as_bytes()]),
        };
        let mut found = found.map_err(failed)?;
        let mut page = Vec::new();
        while let Some(columns) = found.next().map_err(failed)? {
            page.push(rows::keyed_row(range.kind, columns)?);
        }
        Ok(page)
    }

    fn changes_on(connection: &Connection, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        let prepare = |sql| connection.prepare_cached(sql).map_err(failed);
        let end: Option<i64> =
            prepare(JOURNAL_END)?.query_row([], |columns| columns.get(0)).optional().map_err(failed)?;
        let end = Cursor::from_number(rows::count(end.unwrap_or(0))?);
        let mut entries = Vec::new();
        // A cursor beyond the columns' end is beyond every entry.
        let after = i64::try_from(after.number()).unwrap_or(i64::MAX);
        let mut statement = prepare(JOURNAL_AFTER)?;
        let mut found = statement.query(params![after, at_most(limit)]).map_err(failed)?;
        while let Some(columns) = found.next().map_err(failed)? {
            entries.push(rows::change(columns)?);
        }
        Ok(Changes { entries, end })
    }
}

impl Store for SqliteStore {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.look(|readers| match keys {
            [] => Ok(Vec::new()),
            [key] => readers.statement(|connection| Ok(vec![rows::read(connection, key)?])),
            keys => match rows::together(keys) {
                Some(sql) => readers.statement(|connection| rows::read_together(connection, sql, keys)),
                None => readers
                    .snapshot(|connection| keys.iter().map(|key| rows::read(connection, key)).collect()),
            },
        })
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
        self.look(|readers| readers.statement(|connection| Self::scan_on(connection, range, after, limit)))
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.look(|readers| readers.snapshot(|connection| Self::changes_on(connection, after, limit)))
    }

    /// See [`Store::purge`]. Removes in bites of a few hundred rows, between which commits go ahead. What was
    /// removed before a failure stays removed. A purge that a power cut undoes has only
    /// to be done again.
    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let purge = |limit| Ok(self.writer.submit(Task::Purge { now, limit })?.removed());
        in_bites(limit, PURGE_BITE, purge)
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees::ALL
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// How a [`SqliteStore`] is opened.
///
/// # Example: a store that gives up sooner
/// ```
/// use std::time::Duration;
/// use doorward::core::{record::Key, store::Store};
/// use doorward::store::sqlite::SqliteOptions;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("auth.db");
/// let store = SqliteOptions::new()
///     .busy_timeout(Duration::from_secs(1))
///     .commit_deadline(Duration::from_secs(2))
///     .open(&path)?;
/// assert_eq!(store.read(&[Key::Keyring])?, [None]); // no engine was opened on it yet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SqliteOptions {
    busy_timeout: Duration,
    commit_deadline: Duration,
    read_connections: usize,
    queue: usize,
    #[cfg(test)]
    fault: fault::Fault,
}

/// Whoever waits longer waits for somebody, not for a lock.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

impl SqliteOptions {
    /// The default options.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            busy_timeout: Duration::from_secs(5),
            commit_deadline: Duration::from_secs(10),
            read_connections: (2 * cores).clamp(4, 32),
            queue: 1024,
            #[cfg(test)]
            fault: fault::Fault::default(),
        }
    }

    /// How long to wait for a lock that another program holds, and for a free read connection: 5 s by default, an
    /// hour at most.
    pub fn busy_timeout(mut self, patience: Duration) -> Self {
        self.busy_timeout = patience.min(LONGEST_WAIT);
        self
    }

    /// How long a commit may take before its caller is told `Unknown`, or `Retryable` where it was not begun:
    /// 10 s by default, an hour at most. Keep it above the busy timeout.
    pub fn commit_deadline(mut self, deadline: Duration) -> Self {
        self.commit_deadline = deadline.min(LONGEST_WAIT);
        self
    }

    /// How many connections read side by side, at least 1: twice the cores by default, from 4 to 32. Each
    /// holds up to 1 MiB of pages.
    pub fn read_connections(mut self, connections: usize) -> Self {
        self.read_connections = connections;
        self
    }

    /// How many commits may wait for the writer before the next is refused as `Retryable`, at least 1: 1024
    /// by default.
    pub fn queue(mut self, commits: usize) -> Self {
        self.queue = commits;
        self
    }

    /// Opens the database at `path`; makes it, for its owner alone, where there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what to do; no row was changed.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let path = connect::locate(path.as_ref())?;
        let opened = connect::make(&path)?;
        let connection = connect::writing(&path, self.busy_timeout)?;
        let readers = Readers::open(&path, self.read_connections, self.busy_timeout)?;
        let writer = Writer::start(
            connection,
            &path,
            opened,
            self.queue,
            self.commit_deadline,
            self.busy_timeout,
            #[cfg(test)]
            self.fault,
        )?;
        Ok(SqliteStore { readers, writer })
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// How many rows a purge removes while commits wait.
const PURGE_BITE: usize = 256;

/// The sequence, not the last row: it stands when every entry is purged.
const JOURNAL_END: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'journal'";
const JOURNAL_AFTER: &str =
    "SELECT cursor, kind, subject, floor, until FROM journal WHERE cursor > ?1 ORDER BY cursor LIMIT ?2";
