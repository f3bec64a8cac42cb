//! The example's store, and a key file, on a disk whose syncs fail, as the C library reports it: reads wait, then show what stays.
//!
//! In a file of its own: a process that is being started holds copies of its parent's file locks for a moment.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, dead_code)] // tests, and they use a part

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::{KeyFile, KeyFileError};
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::id::{SessionId, Stamp};
use doorward_core::store::{Batch, Commit, Cursor, Durability, Ending, Store};
use doorward_core::time::Timestamp;
use store::LogStore;
use tempfile::tempdir;

#[path = "../examples/custom_store/store.rs"]
mod store;

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int sync_by(const char *name, int file) {
    const char *flag = getenv("DOORWARD_TEST_FAIL");
    if (flag && !access(flag, F_OK)) { errno = EIO; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(file);
}
int fsync(int file) { return sync_by("fsync", file); }
int fdatasync(int file) { return sync_by("fdatasync", file); }
"#;

#[test]
fn inv_26_after_a_failed_sync_nothing_is_shown_until_it_is_settled() {
    let folder = tempdir().unwrap();
    run_in_a_child("in_a_child_fail_to_sync", folder.path());
    // What it showed last is what a restart finds.
    assert_eq!(told(&LogStore::open(&folder.path().join("auth.log")).unwrap()), 2);
}

#[test]
#[ignore = "run by inv_26_after_a_failed_sync_nothing_is_shown_until_it_is_settled"]
fn in_a_child_fail_to_sync() {
    let Some(flag) = std::env::var_os("DOORWARD_TEST_FAIL") else { return };
    let path = Path::new(&flag).with_file_name("auth.log");
    let store = LogStore::open(&path).unwrap();
    apply(&store, 1);
    let frames = fs::read(&path).unwrap();
    fs::write(&flag, "").unwrap();
    assert_eq!(store.commit(&ending(2)).unwrap_err().kind(), StoreErrorKind::Unknown);
    assert!(fs::read(&path).unwrap().len() > frames.len(), "the doubtful frame is in the file");
    let waits = |answer: Result<(), StoreError>| {
        assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Retryable);
    };
    waits(store.read(&[]).map(drop));
    waits(store.changes(Cursor::START, 1).map(drop));
    waits(store.commit(&ending(3)).map(drop));
    fs::remove_file(&flag).unwrap();
    assert_eq!(told(&store), 1);
    assert_eq!(told(&LogStore::open(&copy(&path)).unwrap()), 1, "a restart shows what the reads do");
    apply(&store, 4);
    assert_eq!(told(&store), 2);
}

/// The story: a process made a key file and was killed before the file's name was durable. The next one found the key, and made a
/// database under it; a power cut took the name, another key was made, and the database never opened again.
#[test]
fn inv_41_a_key_that_is_found_is_used_once_its_name_is_durable() {
    let folder = tempdir().unwrap();
    KeyFile::load_or_create(folder.path().join("app.key")).unwrap();
    run_in_a_child("in_a_child_find_a_key", folder.path());
}

#[test]
#[ignore = "run by inv_41_a_key_that_is_found_is_used_once_its_name_is_durable"]
fn in_a_child_find_a_key() {
    let Some(flag) = std::env::var_os("DOORWARD_TEST_FAIL") else { return };
    let path = Path::new(&flag).with_file_name("app.key");
    fs::write(&flag, "").unwrap();
    assert!(matches!(KeyFile::load_or_create(&path), Err(KeyFileError::Io(_))));
    fs::remove_file(&flag).unwrap();
    KeyFile::load_or_create(&path).unwrap();
}

/// In a process whose syncs fail as long as there is a file `fail` in this folder.
fn run_in_a_child(test: &str, folder: &Path) {
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .env("LD_PRELOAD", shim(folder))
        .env("DOORWARD_TEST_FAIL", folder.join("fail"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

fn copy(path: &Path) -> PathBuf {
    let copy = path.with_file_name("copy.log");
    fs::copy(path, &copy).unwrap();
    copy
}

fn shim(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
    assert!(built.unwrap().success(), "a C compiler builds the shim, as it builds SQLite");
    library
}

fn ending(number: u8) -> Batch {
    let mut batch = Batch::new(Stamp::from_bytes([number; 16]), Durability::Durable);
    let (session, until) = (SessionId::from_bytes([number; 16]), Timestamp::from_millis(i64::MAX));
    batch.journal.push(Ending::Session { session, until });
    batch
}

fn apply(store: &LogStore, number: u8) {
    assert_eq!(store.commit(&ending(number)).unwrap(), Commit::Applied);
}

fn told(store: &LogStore) -> usize {
    store.changes(Cursor::START, 100).unwrap().entries.len()
}
