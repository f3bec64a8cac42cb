//! A disk that fails to sync, a restart, and a power cut.
//!
//! Linux reports a failed write once and then holds the pages for written: they are read back from memory, later
//! syncs succeed, and the medium has a hole. A shim below the C library makes the syncs of the log fail on
//! demand; the image of the power cut has zeros where only failed syncs had written.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use doorward::store::sqlite::SqliteStore;
use doorward_core::error::StoreErrorKind;
use doorward_core::store::{Commit, Expect, Store, Write};

use crate::fixture::{Home, batch, create, put, read, session};
use crate::process::{child_on_a_bad_disk, disk_fails, path_of_child};

/// A commit's sync failed, and the process was killed. After the restart a session was ended, and that was
/// acknowledged; then the power went. The end stood behind the hole, and the session was back.
#[test]
fn inv_26_what_follows_a_failed_sync_and_a_restart_survives_a_power_cut() {
    let home = Home::new();
    let [synced, failed] = ["synced", "failed"].map(|name| home.folder.path().join(name));
    let ended = child_on_a_bad_disk("power::in_a_child_fail_to_sync", &home.path)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(ended.signal(), Some(6), "the child did all it should, and died: {ended:?}");

    let store = home.open();
    assert!(read(&store, &session(1)).is_some());
    let end = batch(9, vec![Write::Delete { key: session(1) }]);
    assert_eq!(store.commit(&end).unwrap(), Commit::Applied);

    let cut = home.folder.path().join("cut.db");
    fs::copy(&home.path, &cut).unwrap();
    let [synced, failed, now] = [synced, failed, log_of(&home.path)].map(|path| fs::read(path).unwrap());
    fs::write(log_of(&cut), medium(&synced, &failed, now)).unwrap();
    assert!(read(&SqliteStore::open(&cut).unwrap(), &session(1)).is_none(), "the session came back");
}

/// The same restart, and nobody writes. SQLite does not sync the log that it emptied: the power cut brought the old one
/// back, up to its hole, and that was replayed over the database. What a read had shown was gone.
#[test]
fn inv_41_what_a_read_shows_after_a_failed_sync_and_a_restart_survives_a_power_cut() {
    let home = Home::new();
    let [synced, failed] = ["synced", "failed"].map(|name| home.folder.path().join(name));
    let ended = child_on_a_bad_disk("power::in_a_child_fail_to_sync", &home.path)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(ended.signal(), Some(6), "the child did all it should, and died: {ended:?}");

    let store = home.open();
    let shown = [1, 2].map(|number| read(&store, &session(number)).is_some());
    assert_eq!(shown, [true, true], "a recovery finds the commit whose sync failed");

    let cut = home.folder.path().join("cut.db");
    fs::copy(&home.path, &cut).unwrap();
    let [synced, failed, now] = [synced, failed, log_of(&home.path)].map(|path| fs::read(path).unwrap());
    fs::write(log_of(&cut), medium(&synced, &failed, now)).unwrap();
    let after = SqliteStore::open(&cut).unwrap();
    assert_eq!([1, 2].map(|number| read(&after, &session(number)).is_some()), shown);
}

#[test]
#[ignore = "run by the tests of a failed sync and a restart"]
fn in_a_child_fail_to_sync() {
    let Some(path) = path_of_child() else { return };
    let beside = |name| path.with_file_name(name);
    let store = SqliteStore::open(&path).unwrap();
    create(&store, &session(1), 1);
    fs::copy(log_of(&path), beside("synced")).unwrap();
    disk_fails(&path, Some("sync -wal$"));
    let lost = store.commit(&batch(2, vec![put(&session(2), 2, Expect::Absent)]));
    assert_eq!(lost.unwrap_err().kind(), StoreErrorKind::Unknown);
    fs::copy(log_of(&path), beside("failed")).unwrap();
    std::process::abort();
}

/// The log as the medium has it: without what failed syncs wrote and nobody wrote again. One that was emptied, and not
/// written since, was not synced either: the old one is there.
fn medium(synced: &[u8], failed: &[u8], mut now: Vec<u8>) -> Vec<u8> {
    if now.is_empty() {
        return synced.to_owned();
    }
    if now.starts_with(synced) {
        let (from, written) = (synced.len(), failed.len().min(now.len()));
        let never_again = (from..written).take_while(|at| now[*at] == failed[*at]).count();
        now[from..from + never_again].fill(0);
    }
    now
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}
