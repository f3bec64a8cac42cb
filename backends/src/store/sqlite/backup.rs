//! A copy of the database as it stood at one moment, while others read and write.
//!
//! The source connection keeps one read transaction open from the first page to the last. Without it SQLite begins
//! anew whenever somebody else commits, and beside a busy writer never ends. The price: the log cannot be emptied
//! meanwhile, so it grows by what is committed. An opener that needs it emptied waits for the busy timeout. The store
//! itself has the backup give up when it must be settled; another one on the same file waits for the backup's end.
//!
//! | step | fails | then |
//! |---|---|---|
//! | settle, begin, take the first page | the store | nothing was made |
//! | copy, a mebibyte at a time | a full disk, a damaged page, the host's `Break` | the draft is removed |
//! | check: schema and structure, as `open` would take it | | the draft is removed |
//! | sync, name, sync the folder | the target came into being meanwhile | it is untouched; the draft is removed |

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use doorward_core::error::StoreError;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use thiserror::Error;

use super::draft::Draft;
use super::error::{OpenError, refused};
use super::{SqliteStore, connect};
use crate::store::failing::retryable;

/// How far a backup or a restore has come, in pages of 4 KiB. At the end `done` is `total`, and the copy is checked.
///
/// # Example: a percentage
/// ```
/// use std::ops::ControlFlow;
/// use doorward::store::SqliteStore;
///
/// # let folder = tempfile::tempdir()?;
/// # let (path, target) = (folder.path().join("auth.db"), folder.path().join("auth.backup"));
/// let store = SqliteStore::open(&path)?;
/// let mut percent = 0;
/// store.backup(&target, |progress| {
///     percent = 100 * progress.done / progress.total;
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(percent, 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Pages that were copied.
    pub done: u64,
    /// Pages that there are; never zero.
    pub total: u64,
}

/// Why there is no backup, or nothing was restored. The target is as it was; nothing half is left.
///
/// # Example: nothing is overwritten, and the host can stop it
/// ```
/// use std::ops::ControlFlow;
/// use doorward::store::SqliteStore;
/// use doorward::store::sqlite::BackupError;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("auth.db");
/// let store = SqliteStore::open(&path)?;
/// let target = folder.path().join("auth.backup");
/// assert!(matches!(store.backup(&target, |_| ControlFlow::Break(())), Err(BackupError::Stopped)));
/// assert!(!target.exists());
///
/// store.backup(&target, |_| ControlFlow::Continue(()))?;
/// assert!(matches!(store.backup(&target, |_| ControlFlow::Continue(())), Err(BackupError::Exists)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Something is at the target.
    #[error("something is at the target already: nothing is overwritten; give another name")]
    Exists,
    /// A log of another database lies beside the target, and would be taken for the new one's.
    #[error(
        "a log lies beside the target (-wal, -shm or -journal): see that nobody has that database open, then move \
         the log away"
    )]
    StrayLog,
    /// There is nothing to restore at that path.
    #[error("there is no backup at that path: nothing was restored; check the path")]
    Missing,
    /// What should be restored is a database without anything in it.
    #[error("the backup is an empty database: nothing was restored; take another")]
    Empty,
    /// The host's callback said so.
    #[error("it was stopped by the caller's callback: nothing was left")]
    Stopped,
    /// The copy cannot be opened as a database of ours: the source is damaged, or another program's; or the disk is full.
    #[error(transparent)]
    Refused(#[from] OpenError),
    /// The target's file could not be made, synced or named.
    #[error(
        "the copy cannot be written ({0}): check that its folder exists, may be written and has hard links"
    )]
    Write(#[source] std::io::Error),
    /// The system gave no random bytes for a name.
    #[error("no random bytes were to be had from the system: nothing was made")]
    Entropy,
    /// The store cannot be read now, or no more.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SqliteStore {
    /// Copies the database as it stands now to `target`, while others read and write, in this process and in others.
    ///
    /// The backup is one file, for its owner alone, durable when this returns, and checked: [`SqliteStore::open`]
    /// would take it. (Whether every record in it can be read, [`check`](SqliteStore::check) tells.) It holds password
    /// hashes: keep it as well guarded as the database, and apart from the master key. How to go back to it stands in
    /// the [module's documentation](crate::store::sqlite).
    ///
    /// `progress` is called after each mebibyte, and stops the backup by `ControlFlow::Break`. Until the last page is
    /// copied the log cannot be emptied, and grows by what is committed: a callback should not dawdle. Who opens the
    /// database meanwhile, here or in another process, waits, and is told that it is
    /// [locked](OpenError::Locked) where that takes longer than the busy timeout. Another store on the same file
    /// whose commit becomes `Unknown` meanwhile answers `Retryable` until then.
    ///
    /// # Errors
    /// [`BackupError`]. The target is as it was, whatever went wrong.
    ///
    /// # Example: every night, under a new name
    /// ```
    /// use std::ops::ControlFlow;
    /// use doorward::store::SqliteStore;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("auth.db");
    /// let store = SqliteStore::open(&path)?;
    /// let target = folder.path().join("auth-2026-03-14.db");
    /// store.backup(&target, |_| ControlFlow::Continue(()))?;
    /// assert!(SqliteStore::open(&target).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(
        &self,
        target: impl AsRef<Path>,
        mut progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), BackupError> {
        let target = connect::locate(target.as_ref())?;
        self.writer.settle()?;
        let draft = Draft::beside(&target)?;
        let place = self.writer.place();
        // A connection of its own, so that reads have all of theirs.
        let source = connect::source(place.path(), place.patience())?;
        begin(&source)?;
        self.writer.vouch_for_a_new_connection()?;
        copy(
            &source,
            draft.path(),
            &mut || {
                // Settling needs the log, on which the open transaction holds its hand.
                if self.writer.is_settled() { Ok(()) } else { Err(retryable(UNSETTLED).into()) }
            },
            &mut progress,
        )?;
        drop(source);
        check(draft.path(), place.patience())?;
        draft.publish()
    }
}

/// Opens a read transaction, and with it the snapshot.
pub(super) fn begin(source: &Connection) -> Result<(), BackupError> {
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(refused)?;
    Ok(())
}

/// Copies all pages to an empty file, which is a database without a log then.
pub(super) fn copy(
    source: &Connection,
    draft: &Path,
    may_go_on: &mut dyn FnMut() -> Result<(), BackupError>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<(), BackupError> {
    let mut copy = connect::draft(draft)?;
    let backup = Backup::new(source, &mut copy).map_err(refused)?;
    loop {
        let step = backup.step(STEP).map_err(refused)?;
        let pages = backup.progress();
        let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
        let total = count(pages.pagecount).max(1);
        let done = total.saturating_sub(count(pages.remaining));
        if progress(Progress { done, total }).is_break() {
            return Err(BackupError::Stopped);
        }
        match step {
            StepResult::Done => break,
            StepResult::More => may_go_on()?,
            // The snapshot is open and nobody knows the draft: it cannot be, and waiting would not help.
            _ => return Err(OpenError::Locked.into()),
        }
    }
    drop(backup);
    // The copied header says that there is a log. Without one, whoever looks at the backup leaves nothing beside it.
    let mode: String =
        copy.query_row("PRAGMA journal_mode = DELETE", [], |columns| columns.get(0)).map_err(refused)?;
    if mode != "delete" {
        return Err(OpenError::NoWal.into());
    }
    copy.close().map_err(|(_, error)| refused(error).into())
}

/// Whether a copy is worth its name: `open` would take it, and its pages do not contradict each other.
pub(super) fn check(copy: &Path, patience: Duration) -> Result<(), BackupError> {
    let mut connection = connect::source(copy, patience)?;
    if connect::lacks_everything(&mut connection)? {
        return Err(BackupError::Empty);
    }
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |columns| columns.get(0)).map_err(refused)?;
    if found == "ok" { Ok(()) } else { Err(OpenError::Damaged.into()) }
}

/// Pages in a step: a mebibyte.
const STEP: i32 = 256;

const UNSETTLED: &str =
    "a commit's fate became unknown meanwhile: the backup made way for settling it, try again";
