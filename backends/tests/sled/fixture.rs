//! Folders to try things on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use doorward::store::SledStore;
use tempfile::TempDir;

pub(crate) use copies::copy_folder;
pub(crate) use drafts::*;

#[path = "../support/folder.rs"]
mod copies;

#[path = "../support/drafts.rs"]
mod drafts;

pub(crate) struct Home {
    pub(crate) path: PathBuf,
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// In memory where there is such a place: for what is no question of durability.
    pub(crate) fn quick() -> Self {
        let memory = Path::new("/dev/shm");
        Self::within(
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap(),
        )
    }

    fn within(folder: TempDir) -> Self {
        Self { path: folder.path().join("auth"), folder }
    }

    pub(crate) fn open(&self) -> SledStore {
        SledStore::open(&self.path).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Every file below a folder, with its bytes; a folder with none.
pub(crate) fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(bytes_of(&entry.path()));
            found.insert(entry.path(), None);
        } else {
            found.insert(entry.path(), Some(fs::read(entry.path()).unwrap()));
        }
    }
    found
}

/// This test program, to run one ignored test in a process of its own.
pub(crate) fn child(test: &str, path: &Path, number: u32) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--nocapture", "--exact", test])
        .env("DOORWARD_TEST_PATH", path)
        .env("DOORWARD_TEST_NUMBER", number.to_string());
    command
}

/// What a child was given; `None` where nobody gave anything.
pub(crate) fn given() -> Option<(PathBuf, u32)> {
    let path = std::env::var_os("DOORWARD_TEST_PATH")?;
    Some((path.into(), std::env::var("DOORWARD_TEST_NUMBER").unwrap().parse().unwrap()))
}
