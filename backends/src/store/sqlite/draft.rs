//! A database that is being written under another name beside its target, and gets its name when it is whole.
//!
//! | moment | what is there |
//! |---|---|
//! | while it is written | `TARGET.….new`, for its owner alone |
//! | whole, checked, synced | both names for a moment, then the target's; a target that is there is never replaced |
//! | failed, or stopped | nothing; a killed process leaves the draft: remove it |

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::backup::BackupError;
use super::error::OpenError;
use super::place::with_ending;

pub(super) struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// An empty file. The target's name must be free, and no log may lie beside it: SQLite would take it for the new
    /// database's own, and replay a stranger's pages over it.
    pub(super) fn beside(target: &Path) -> Result<Self, BackupError> {
        vacant(target)?;
        let mut suffix = [0; 8];
        getrandom::fill(&mut suffix).map_err(|_| BackupError::Entropy)?;
        let path = with_ending(target, &format!(".{:016x}.new", u64::from_be_bytes(suffix)));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Closed before SQLite opens it: later, closing it would drop SQLite's locks.
        options.open(&path).map_err(written)?;
        Ok(Self { path, target: target.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it durable, and gives it its name. No connection may have it open.
    pub(super) fn publish(self) -> Result<(), BackupError> {
        OpenOptions::new().write(true).open(&self.path).and_then(|file| file.sync_all()).map_err(written)?;
        vacant(&self.target)?;
        std::fs::hard_link(&self.path, &self.target).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => BackupError::Exists,
            _ => written(error),
        })?;
        // Before the folder is synced, so that no second name comes back. That it is not removed harms nobody.
        let _tried_again_when_dropped = std::fs::remove_file(&self.path);
        sync_folder(&self.target).map_err(|error| {
            // It might be gone after a power cut: so it is gone now.
            let _as_it_was = std::fs::remove_file(&self.target);
            BackupError::Write(error)
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for ending in ["", "-journal", "-wal", "-shm"] {
            let _mostly_not_there = std::fs::remove_file(with_ending(&self.path, ending));
        }
    }
}

/// Whether nothing is there, not even a link that leads nowhere.
fn vacant(target: &Path) -> Result<(), BackupError> {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if is_there(target) {
        return Err(BackupError::Exists);
    }
    let logs = ["-journal", "-wal", "-shm"];
    if logs.iter().any(|ending| is_there(&with_ending(target, ending))) {
        return Err(BackupError::StrayLog);
    }
    Ok(())
}

fn written(error: io::Error) -> BackupError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => BackupError::Refused(OpenError::Full),
        _ => BackupError::Write(error),
    }
}

/// A new name is only durable once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
