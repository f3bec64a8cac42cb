//! Databases to try things on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward::store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

pub(crate) use drafts::*;

#[path = "../support/drafts.rs"]
mod drafts;

pub(crate) struct Home {
    pub(crate) path: PathBuf,
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("auth.db"), folder }
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path).unwrap()
    }

    pub(crate) fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.path).unwrap()
    }
}

pub(crate) fn hasty() -> SqliteOptions {
    SqliteOptions::new().busy_timeout(Duration::from_millis(100))
}

/// Every file of the database, as a killed machine would leave it.
pub(crate) fn copy_image(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        let with = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if with(from).exists() {
            std::fs::copy(with(from), with(to)).unwrap();
        }
    }
}
