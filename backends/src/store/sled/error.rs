//! What sled's errors, and what is found before sled is asked, mean to an opener and to the engine.

use std::io::ErrorKind;

use ::sled::Error;
use doorward_core::error::{StoreError, StoreErrorKind};
use thiserror::Error as ThisError;

/// Why a folder was not opened. Its rows are as they were, or are made so by the next opening.
///
/// # Example: wait for another program to let go, and for nothing else
/// ```
/// use doorward::store::SledStore;
/// use doorward::store::sled::OpenError;
///
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("auth");
/// let store = SledStore::open(&path)?;
/// let refused = SledStore::open(&path).unwrap_err();
/// assert!(matches!(refused, OpenError::Locked) && refused.is_transient());
/// drop(store);
/// assert!(SledStore::open(&path).is_ok()); // at once
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum OpenError {
    /// No path to a folder.
    #[error("the path names no folder: give a path to a folder")]
    NotAPath,
    /// The folder was not there and could not be made.
    #[error("the folder cannot be created ({0}): check that the folder around it exists and may be written")]
    Create(#[source] std::io::Error),
    /// Some file stands there.
    #[error("the path leads to a file: give a path to a folder, or to nothing yet")]
    NotAFolder,
    /// There is a folder with nothing in it.
    #[error("the folder is empty: check the path, or remove the folder, for the store makes its own")]
    Empty,
    /// A folder of something else, another program's sled included.
    #[error("the folder is not a Doorward store: check the path; nothing was changed")]
    Foreign,
    /// Written by a newer Doorward.
    #[error("the folder has format version {found}, this build knows {known}: use a newer Doorward")]
    Newer {
        /// The folder's version.
        found: u32,
        /// The newest that this build knows.
        known: u32,
    },
    /// Its sled files are of another version of sled, or were set up otherwise.
    #[error("the folder was written by another sled than 0.34: open it with the Doorward that wrote it")]
    OtherSled,
    /// Its files contradict each other, or something is missing from them, or sled took a failed read for that.
    #[error(
        "the folder is damaged, or the disk failed for a moment: try once more, then restore a backup; no row was changed"
    )]
    Damaged,
    /// This or another process has it open.
    #[error("the folder is open elsewhere: close that store, or give each process a store of its own")]
    Locked,
    /// It cannot be looked at.
    #[error("the folder cannot be read ({0}): check its permissions, and the disk")]
    Unreachable(ErrorKind),
    /// It or one of its files may not be written.
    #[error("the folder is read-only: make it and its files writable for this program")]
    ReadOnly,
    /// No room.
    #[error("the disk is full: make room and open again")]
    Full,
    /// sled did not come to an end within [`SledOptions::open_deadline`](super::SledOptions::open_deadline).
    #[error(
        "the folder was not opened in time: raise the deadline for a large store, check the disk, or restore a backup \
         and start the program again"
    )]
    Stuck,
    /// A thread of sled's own panicked earlier in this process, and sled starts no other.
    #[error("the threads of sled have stopped in this process: start the program again")]
    Broken,
    /// The system gave no thread.
    #[error("no thread could be started ({0}): raise the limit on threads")]
    Thread(#[source] std::io::Error),
    /// Anything else that the system reports.
    #[error("the disk failed ({0}): check it")]
    Io(ErrorKind),
}

impl OpenError {
    /// Whether waiting a little may be enough.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Locked)
    }
}

/// What a failure of sled means to an opener.
pub(super) fn refused(error: Error) -> OpenError {
    match error {
        // Its own words are all that tells it from a failure of the disk.
        Error::Io(error) if error.to_string().contains("could not acquire lock") => OpenError::Locked,
        Error::Io(error) => refused_io(&error),
        Error::Unsupported(_) => OpenError::OtherSled,
        Error::ReportableBug(_) => OpenError::Broken,
        Error::Corruption { .. } | Error::CollectionNotFound(_) => OpenError::Damaged,
    }
}

/// What a failure of a file inside the folder means to an opener.
pub(super) fn refused_io(error: &std::io::Error) -> OpenError {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::Full,
        ErrorKind::NotFound | ErrorKind::UnexpectedEof | ErrorKind::InvalidData => OpenError::Damaged,
        kind => OpenError::Io(kind),
    }
}

/// What a failure of sled means where nothing was begun: a look at the tree.
pub(super) fn failed(error: Error) -> StoreError {
    let (kind, what) = match &error {
        Error::Corruption { .. } | Error::CollectionNotFound(_) => (StoreErrorKind::Corrupt, DAMAGED),
        Error::Io(error) if matches!(refused_io(error), OpenError::Damaged) => {
            (StoreErrorKind::Corrupt, DAMAGED)
        }
        Error::Io(_) => (StoreErrorKind::Fatal, "the folder cannot be reached: check the disk"),
        Error::Unsupported(_) | Error::ReportableBug(_) => {
            (StoreErrorKind::Fatal, "sled failed: close the store and open it again")
        }
    };
    StoreError::new(kind, what).with_source(error)
}

pub(super) const DAMAGED: &str =
    "the folder is damaged, or the disk failed for a moment: open the store once more, then restore a backup";
