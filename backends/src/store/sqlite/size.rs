//! How large the files are, how much of them is unused, and how it is given back.

use std::time::{Duration, Instant};

use doorward_core::error::StoreError;

use super::error::failed;
use super::writer::Task;
use super::{LONGEST_WAIT, SqliteStore, rows};

/// How large a database is, in bytes.
///
/// Free pages are not lost: the next rows take them. A vacuum is worth its trouble when much was removed for good.
///
/// # Example: what was removed leaves free pages, and a vacuum gives them back
/// ```
/// use std::time::Duration;
/// use doorward::store::SqliteStore;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("auth.db");
/// let store = SqliteStore::open(&path)?;
/// # let shell = rusqlite::Connection::open(&path)?;
/// # shell.execute_batch("CREATE TABLE fill (x); INSERT INTO fill VALUES (zeroblob(9000000)); DROP TABLE fill")?;
/// let before = store.size()?;
/// assert!(before.is_vacuum_worth_it());
///
/// let after = store.vacuum(Duration::from_mins(1))?;
/// assert_eq!((after.free, after.log), (0, 0));
/// assert!(after.file <= before.file - before.free);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Size {
    /// The database file, as it is on the disk.
    pub file: u64,
    /// Pages that hold nothing, in the file or in the log. A vacuum gives back at least these.
    pub free: u64,
    /// The log beside it. A vacuum empties it.
    pub log: u64,
}

impl Size {
    /// Whether a vacuum would give back at least 4 MiB, and at least a quarter of the file: less is soon used again.
    pub fn is_vacuum_worth_it(&self) -> bool {
        self.free >= LEAST && self.free >= self.file / 4
    }
}

const LEAST: u64 = 4 << 20;

impl SqliteStore {
    /// How large the database is now, and how much of it is unused. Cheap.
    ///
    /// # Errors
    /// As any read.
    pub fn size(&self) -> Result<Size, StoreError> {
        let free = self.look(|readers| {
            readers.snapshot(|connection| {
                let number = |sql| {
                    let found = connection.query_row(sql, [], |columns| columns.get::<_, i64>(0));
                    found.map_err(failed).and_then(rows::count)
                };
                Ok(number("PRAGMA freelist_count")?.saturating_mul(number("PRAGMA page_size")?))
            })
        })?;
        let place = self.writer.place();
        // By its name: closing a handle of our own would drop SQLite's locks.
        let length = |path| std::fs::metadata(path).map_or(0, |found| found.len());
        Ok(Size { file: length(place.path()), free, log: length(place.log()) })
    }

    /// Builds the file anew without its free pages, empties the log, and says how large it is then.
    ///
    /// Reads go on. Commits wait for it: one that waits longer than its deadline is `Retryable`, and was not done.
    /// It copies all rows twice, so it takes a few seconds for each GiB of them. It needs as much room again, for a copy
    /// in the folder for temporary files (`SQLITE_TMPDIR`, `TMPDIR` or `/var/tmp`; a file without a name, for its
    /// owner alone), and for a second one in the log. Where somebody reads for longer than the busy timeout, the log is
    /// emptied and the file shrinks later; [`Size::log`] tells.
    ///
    /// # Errors
    /// `Retryable`: not done within `patience` (an hour at most), or another program holds the lock; `Fatal`: the disk is
    /// full. Nothing was changed. `Unknown`: the file went away meanwhile, or writing back does not end; no row was
    /// changed. Only the copying is ended at once; writing back what was copied comes to its end.
    pub fn vacuum(&self, patience: Duration) -> Result<Size, StoreError> {
        self.writer.settle()?;
        let patience = patience.min(LONGEST_WAIT);
        let task = Task::Vacuum { until: Instant::now() + patience };
        // What was copied in time is written back in about as much time.
        self.writer.submit_within(task, patience.saturating_mul(2) + self.writer.deadline())?;
        self.size()
    }
}
