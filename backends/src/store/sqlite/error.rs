//! What SQLite's error codes mean to an opener, and to the engine.

use doorward_core::error::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;
use thiserror::Error;

use crate::store::failing::corrupt;

/// Why a database was not opened. Its content is as it was.
///
/// # Example: wait for another program's lock, and for nothing else
/// ```
/// use doorward::store::SqliteStore;
/// use doorward::store::sqlite::OpenError;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("notes.txt");
/// std::fs::write(&path, "not a database, but a text of more than a hundred bytes ".repeat(2))?;
/// let refused = SqliteStore::open(&path).unwrap_err();
/// assert!(matches!(refused, OpenError::NotADatabase));
/// assert!(!refused.is_transient());
/// assert_eq!(refused.to_string(), "the file is not a SQLite database: check the path; nothing was changed");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The SQLite that this program links can lose commits.
    #[error(
        "the linked SQLite is {found}: link 3.51.3 or newer (older ones can lose commits when the WAL restarts)"
    )]
    OldSqlite {
        /// Its version.
        found: &'static str,
    },
    /// No path to a file.
    #[error(
        "the path names no file: give a path to a file; for rows that need not last use the memory store"
    )]
    NotAPath,
    /// The file was not there and could not be made.
    #[error("the database file cannot be created ({0}): check that its folder exists and may be written")]
    Create(#[source] std::io::Error),
    /// There is something, and it is no file that can be opened and read.
    #[error(
        "the database cannot be read: check that it is a file, its and its folder's permissions, and the disk"
    )]
    Unreachable,
    /// The file or its folder may not be written.
    #[error("the database is read-only: make the file and its folder writable for this program")]
    ReadOnly,
    /// Some other kind of file.
    #[error("the file is not a SQLite database: check the path; nothing was changed")]
    NotADatabase,
    /// A SQLite database of something else.
    #[error("the database belongs to another application: check the path; nothing was changed")]
    Foreign,
    /// Written by a newer Doorward.
    #[error("the database has schema version {found}, this build knows {known}: use a newer Doorward")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
    /// Its pages contradict each other, or something is missing from it.
    #[error("the database is damaged: restore it from a backup; nothing was changed")]
    Damaged,
    /// Another program held the lock for the whole of the busy timeout.
    #[error(
        "the database is locked by another program: end that program's transaction, or wait and try again"
    )]
    Locked,
    /// No room.
    #[error("the disk is full: make room and open again")]
    Full,
    /// A file system without shared memory or locks.
    #[error("the database cannot use a write-ahead log here: keep it on a local file system")]
    NoWal,
    /// The system gave no thread for the writer.
    #[error("no writer thread could be started ({0}): raise the limit on threads")]
    Thread(#[source] std::io::Error),
    /// Anything else that SQLite or the system reports.
    #[error("SQLite failed with the extended code {0}: see sqlite.org/rescode.html")]
    Sqlite(i32),
}

impl OpenError {
    /// Whether waiting a little may be enough.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Locked)
    }
}

/// What a failure means to an opener. No `From`: which rusqlite we use is no part of our interface.
pub(super) fn refused(error: rusqlite::Error) -> OpenError {
    let Some(cause) = error.sqlite_error().copied() else {
        // A pragma or a column of the schema answered with another type than it has.
        return OpenError::Damaged;
    };
    match cause.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            OpenError::Locked
        }
        ErrorCode::NotADatabase => OpenError::NotADatabase,
        ErrorCode::DatabaseCorrupt => OpenError::Damaged,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => OpenError::ReadOnly,
        ErrorCode::DiskFull => OpenError::Full,
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure => OpenError::Unreachable,
        _ => OpenError::Sqlite(cause.extended_code),
    }
}

/// What a failure means before a COMMIT was tried: a read, or a write that was rolled back.
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    let Some(cause) = error.sqlite_error().copied() else {
        return corrupt("a stored column is not of its type: restore the database from a backup");
    };
    let (kind, what) = match cause.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            (StoreErrorKind::Retryable, "the database is locked by another program: try again")
        }
        ErrorCode::OperationInterrupted | ErrorCode::OperationAborted | ErrorCode::SchemaChanged => {
            (StoreErrorKind::Retryable, "the statement was interrupted: try again")
        }
        ErrorCode::OutOfMemory => (StoreErrorKind::Retryable, "there was not enough memory: try again"),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            (StoreErrorKind::Corrupt, "the database is damaged: restore it from a backup")
        }
        ErrorCode::DiskFull => (StoreErrorKind::Fatal, "the disk is full: make room"),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            (StoreErrorKind::Fatal, "the database cannot be written: make the file and its folder writable")
        }
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure => {
            (StoreErrorKind::Fatal, "the database cannot be reached: check the disk")
        }
        ErrorCode::ConstraintViolation => {
            (StoreErrorKind::Fatal, "the database refused a value that its schema does not hold")
        }
        _ => (StoreErrorKind::Fatal, "SQLite failed: see its code"),
    };
    StoreError::new(kind, what).with_source(cause)
}

/// What a failure of COMMIT itself means. Only BUSY is known to leave nothing behind: after any other, a
/// full disk included, the frames may be whole in the log and be found by a recovery.
pub(super) fn failed_at_commit(error: rusqlite::Error) -> StoreError {
    let Some(cause) = error.sqlite_error().copied() else {
        return StoreError::new(StoreErrorKind::Unknown, "the commit failed: read again");
    };
    if cause.code == ErrorCode::DatabaseBusy {
        return failed(error);
    }
    let what = "the commit failed on its way to the disk: check the disk, then read again";
    StoreError::new(StoreErrorKind::Unknown, what).with_source(cause)
}
