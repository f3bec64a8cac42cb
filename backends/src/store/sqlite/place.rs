//! Whether the paths still lead to the files that the store has open.
//!
//! A file that was deleted, renamed or replaced stays open and can be written: commits go into what nobody will find
//! again, and other programs use another file under the same name. So each group of commits looks before it begins and
//! after it committed, and a read looks when nobody looked within [`STALE`]. A look is three `stat` calls, about 4 µs;
//! a read of one row takes about as long, so not each of them looks.
//!
//! | at the path of | is | then |
//! |---|---|---|
//! | the database, its log, the log's index | the file that was opened | go on |
//! | any of them | nothing, or another file | the store stops, for good |
//! | any of them | what cannot be asked for (no permission, an I/O error) | go on: that proves nothing |
//!
//! Files are known by device and inode, on Unix; elsewhere nothing is noticed. A file that is overwritten in place
//! (`cp backup.db auth.db`) keeps both, and is not noticed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::error::OpenError;

pub(super) struct Place {
    path: PathBuf,
    patience: Duration,
    database: Held,
    log: Held,
    index: Held,
    since: Instant,
    /// When somebody last began to look and found all well, in milliseconds after `since`.
    looked: AtomicU64,
}

/// What is at a path, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Held,
    Another,
    Nothing,
}

impl Place {
    /// Takes note of the open files. `opened` is the database's identity before it was opened: of a file that was
    /// replaced in between nobody could tell which one is open. Asked once a log is there, and it stays while any
    /// connection is open.
    pub(super) fn hold(path: &Path, patience: Duration, opened: Option<Identity>) -> Result<Self, OpenError> {
        // SQLite keeps the log beside the file that a link leads to.
        let real = std::fs::canonicalize(path).map_err(|_| OpenError::Moved)?;
        let held = |path: PathBuf| Held { identity: Identity::at(&path).ok().flatten(), path };
        let place = Self {
            path: path.to_owned(),
            patience,
            database: held(path.to_owned()),
            log: held(with_ending(&real, "-wal")),
            index: held(with_ending(&real, "-shm")),
            since: Instant::now(),
            looked: AtomicU64::new(0),
        };
        if place.database.identity == opened { Ok(place) } else { Err(OpenError::Moved) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How long to wait for a lock.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Where the log is.
    pub(super) fn log(&self) -> &Path {
        &self.log.path
    }

    /// Whether all paths lead to what was opened.
    pub(super) fn is_kept(&self) -> bool {
        let now = self.since.elapsed();
        let kept = [&self.database, &self.log, &self.index].map(Held::look) == [Found::Held; 3];
        if kept {
            let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            self.looked.fetch_max(now, Ordering::SeqCst);
        }
        kept
    }

    /// The same, and it may have been seen [`STALE`] ago.
    pub(super) fn was_kept(&self) -> bool {
        let looked = Duration::from_millis(self.looked.load(Ordering::SeqCst));
        self.since.elapsed().saturating_sub(looked) < STALE || self.is_kept()
    }

    /// Whether another database took the place of ours: who opens it finds our log beside it.
    pub(super) fn has_a_successor(&self) -> bool {
        self.database.look() == Found::Another
    }

    /// Whether the log may still be emptied into its database, wherever that went: nobody else has put a log or an
    /// index in the place of ours.
    pub(super) fn has_the_log_to_itself(&self) -> bool {
        [&self.log, &self.index].iter().all(|held| held.look() != Found::Another)
    }
}

/// How old what a read knows of its file may be.
pub(super) const STALE: Duration = Duration::from_millis(50);

struct Held {
    path: PathBuf,
    /// `None`: it could not be asked for, and nothing is said of it.
    identity: Option<Identity>,
}

impl Held {
    fn look(&self) -> Found {
        match (self.identity, Identity::at(&self.path)) {
            (Some(_), Ok(None)) => Found::Nothing,
            (Some(held), Ok(Some(now))) if held != now => Found::Another,
            _ => Found::Held,
        }
    }
}

/// Which file it is, by whatever name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// `None` where there is no file. Never by a handle: closing one drops SQLite's locks on the file.
    #[cfg(unix)]
    pub(super) fn at(path: &Path) -> std::io::Result<Option<Self>> {
        use std::io::ErrorKind;
        use std::os::unix::fs::MetadataExt;
        match std::fs::metadata(path) {
            Ok(found) => Ok(Some(Self { device: found.dev(), inode: found.ino() })),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn at(_: &Path) -> std::io::Result<Option<Self>> {
        Ok(Some(Self { device: 0, inode: 0 }))
    }
}

/// The path with an ending after its last character.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(ending);
    whole.into()
}
