//! Databases to try things on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward::store::sqlite::{SqliteOptions, SqliteStore};
use doorward_core::store::{Batch, Expect, Store};
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

/// A database as a Doorward of that schema made it, in a shell's hands.
pub(crate) fn of_version(path: &Path, version: usize) -> rusqlite::Connection {
    let sql = rusqlite::Connection::open(path).unwrap();
    for step in &OLDER[..version] {
        sql.execute_batch(step).unwrap();
    }
    sql.pragma_update(None, "application_id", 0x444f_4f52).unwrap();
    sql.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
    sql
}

/// What leads to each version but the newest.
pub(crate) const OLDER: [&str; 2] =
    [include_str!("../../src/store/sqlite/v1.sql"), include_str!("../../src/store/sqlite/v2.sql")];

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

/// Two rows by one batch: they are there together or not at all.
pub(crate) fn pair(number: u32) -> Batch {
    let writes =
        vec![put(&session(number), number, Expect::Absent), put(&throttle(number), number, Expect::Absent)];
    batch(number, writes)
}

/// Whether the pair is there; it is never half.
pub(crate) fn has_pair(store: &SqliteStore, number: u32) -> bool {
    let rows = store.read(&[session(number), throttle(number)]).unwrap();
    assert_eq!(rows[0].is_some(), rows[1].is_some(), "{number} is torn");
    rows[0].is_some()
}

/// A table of another's, so that the file has that many mebibytes more.
pub(crate) fn fill(home: &Home, mebibytes: usize) {
    let sql = home.sql();
    sql.execute_batch("CREATE TABLE fill (x BLOB)").unwrap();
    for _ in 0..mebibytes {
        sql.execute_batch("INSERT INTO fill VALUES (randomblob(1048576))").unwrap();
    }
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
