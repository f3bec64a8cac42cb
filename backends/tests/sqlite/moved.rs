//! The file deleted or replaced while it is open: noticed, said, and what was acknowledged is not lost with it.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::store::SqliteStore;
use doorward::store::sqlite::BackupError;
use doorward::{Login, LoginError, Register};
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::record::Kind;
use doorward_core::store::{Commit, Cursor, Range, Store};

use crate::backup::on;
use crate::fixture::{Home, has_pair, hasty, pair, read, session};
use crate::process::{child, path_of_child};
use crate::restore::engine;

/// Longer than a read may take to notice.
const NOTICED: Duration = Duration::from_millis(80);

#[derive(Debug, Clone, Copy)]
enum Way {
    Delete,
    RenameAway,
    ReplaceByACopy,
    ReplaceByAnother,
    DeleteLog,
    ReplaceLog,
    DeleteIndex,
}

const WAYS: [Way; 7] = [
    Way::Delete,
    Way::RenameAway,
    Way::ReplaceByACopy,
    Way::ReplaceByAnother,
    Way::DeleteLog,
    Way::ReplaceLog,
    Way::DeleteIndex,
];

fn beside(home: &Home, name: &str) -> PathBuf {
    home.folder.path().join(name)
}

fn lose(home: &Home, way: Way) {
    let [log, index, new] = ["auth.db-wal", "auth.db-shm", "new"].map(|name| beside(home, name));
    match way {
        Way::Delete => fs::remove_file(&home.path).unwrap(),
        Way::RenameAway => fs::rename(&home.path, beside(home, "away.db")).unwrap(),
        Way::ReplaceByACopy => {
            copy(&home.path, &new);
            fs::rename(new, &home.path).unwrap();
        }
        Way::ReplaceByAnother => {
            drop(SqliteStore::open(&new).unwrap());
            fs::rename(new, &home.path).unwrap();
        }
        Way::DeleteLog => fs::remove_file(log).unwrap(),
        Way::ReplaceLog => {
            fs::write(&new, "another's log").unwrap();
            fs::rename(new, log).unwrap();
        }
        Way::DeleteIndex => fs::remove_file(index).unwrap(),
    }
}

/// By another process: closing a handle here would drop SQLite's locks.
fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

fn is_lost(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Fatal && error.to_string().contains("deleted or replaced")
}

#[test]
fn inv_17_a_read_notices_within_its_bound_whatever_was_done() {
    for way in WAYS {
        let home = Home::new();
        let store = home.open();
        store.commit(&pair(1)).unwrap();
        lose(&home, way);
        std::thread::sleep(NOTICED);
        let everything = Range { kind: Kind::Session, owner: None, after: None };
        let answers = [
            store.read(&[session(1)]).map(drop),
            store.scan(&everything, 1).map(drop),
            store.changes(Cursor::START, 1).map(drop),
            store.commit(&pair(2)).map(drop),
            store.size().map(drop),
            store.vacuum(Duration::from_secs(9)).map(drop),
            store.check(|_| ControlFlow::Continue(())).map(drop),
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            assert!(is_lost(&error), "{way:?}: {error}");
        }
        let backup = store.backup(beside(&home, "b.db"), on);
        assert!(matches!(&backup, Err(BackupError::Store(error)) if is_lost(error)), "{way:?}: {backup:?}");
        assert!(!beside(&home, "b.db").exists());
    }
}

/// A read had just looked for the file, so a check and a backup believed that all was well: they had opened another
/// database by its path, and copied that.
#[test]
fn inv_17_a_backup_and_a_check_notice_at_once() {
    for way in [Way::ReplaceByACopy, Way::ReplaceByAnother] {
        for is_backup in [true, false] {
            let home = Home::new();
            let store = home.open();
            store.commit(&pair(1)).unwrap();
            let new = beside(&home, "new");
            match way {
                Way::ReplaceByACopy => copy(&home.path, &new),
                _ => drop(SqliteStore::open(&new).unwrap()),
            }
            store.commit(&pair(2)).unwrap();
            fs::rename(new, &home.path).unwrap();
            if is_backup {
                let backup = store.backup(beside(&home, "b.db"), on);
                assert!(matches!(&backup, Err(BackupError::Store(error)) if is_lost(error)), "{backup:?}");
                assert!(!beside(&home, "b.db").exists());
            } else {
                assert!(is_lost(&store.check(|_| ControlFlow::Continue(())).unwrap_err()), "{way:?}");
            }
        }
    }
}

#[test]
fn a_commit_notices_at_once_and_changes_nothing() {
    for way in WAYS {
        let home = Home::new();
        let store = home.open();
        store.commit(&pair(1)).unwrap();
        lose(&home, way);
        let error = store.commit(&pair(2)).unwrap_err();
        assert!(is_lost(&error), "{way:?}: {error}");
        let error = store.read(&[session(1)]).unwrap_err();
        assert!(is_lost(&error), "{way:?}: the store has stopped, and reads too: {error}");
    }
}

/// While the writer waits for a lock, between its look and its commit, the file goes: where the commit is,
/// nobody will look.
#[test]
fn a_commit_into_a_file_that_went_meanwhile_is_unknown() {
    for way in [Way::Delete, Way::RenameAway, Way::ReplaceByACopy, Way::ReplaceByAnother] {
        let home = Home::new();
        let store = home.open();
        let holder = home.sql();
        holder.execute_batch("BEGIN IMMEDIATE").unwrap();
        let outcome = std::thread::scope(|scope| {
            let commit = scope.spawn(|| store.commit(&pair(1)));
            std::thread::sleep(Duration::from_millis(200));
            lose(&home, way);
            holder.execute_batch("ROLLBACK").unwrap();
            commit.join().unwrap()
        });
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{way:?}: {error}");
        assert!(is_lost(&store.commit(&pair(2)).unwrap_err()), "{way:?}");
        if matches!(way, Way::RenameAway) {
            drop((store, holder));
            let away = SqliteStore::open(beside(&home, "away.db")).unwrap();
            assert!(has_pair(&away, 1) && !has_pair(&away, 2), "the truth is in that file");
        }
    }
}

#[test]
fn a_login_on_a_lost_file_is_a_fault_and_grants_nothing() {
    for way in WAYS {
        let home = Home::new();
        let engine = engine(Arc::new(home.open()));
        engine.register(Register::new("ada", "the right and proper password")).unwrap();
        lose(&home, way);
        match engine.login(Login::new("ada", "the right and proper password")) {
            Err(LoginError::Fault(fault @ Fault::Store(_))) => {
                assert!(
                    !fault.is_transient() && fault.to_string().contains("deleted or replaced"),
                    "{way:?}: {fault}"
                );
            }
            other => panic!("{way:?}: {other:?}"),
        }
    }
}

/// What was said to be lost may be looked at, and put right, by then.
#[test]
fn a_store_that_lost_its_file_stays_stopped() {
    let home = Home::new();
    let store = home.open();
    store.commit(&pair(1)).unwrap();
    lose(&home, Way::RenameAway);
    assert!(is_lost(&store.commit(&pair(2)).unwrap_err()));
    fs::rename(beside(&home, "away.db"), &home.path).unwrap();
    std::thread::sleep(NOTICED);
    assert!(is_lost(&store.commit(&pair(2)).unwrap_err()));
    assert!(is_lost(&store.read(&[session(1)]).unwrap_err()));
    drop(store);
    let again = home.open();
    assert!(has_pair(&again, 1) && !has_pair(&again, 2));
}

/// Acknowledged commits may stand in the log alone. They are brought into the file that went away, and the log does
/// not lie in wait for the file that takes its place.
#[test]
fn inv_26_what_was_acknowledged_is_in_the_file_that_was_renamed() {
    for is_seen_by_a_read in [true, false] {
        let home = Home::new();
        let store = home.open();
        for number in 1..20 {
            store.commit(&pair(number)).unwrap();
        }
        lose(&home, Way::RenameAway);
        std::thread::sleep(NOTICED);
        if is_seen_by_a_read {
            assert!(is_lost(&store.read(&[session(1)]).unwrap_err()));
        }
        drop(store);
        let log = fs::metadata(beside(&home, "auth.db-wal")).map_or(0, |found| found.len());
        assert_eq!(log, 0, "no log lies in wait");
        let away = SqliteStore::open(beside(&home, "away.db")).unwrap();
        assert!((1..20).all(|number| has_pair(&away, number)));
    }
}

#[test]
fn inv_26_a_deleted_log_takes_no_acknowledged_commit_with_it() {
    for way in [Way::DeleteLog, Way::DeleteIndex] {
        let home = Home::new();
        let store = home.open();
        for number in 1..20 {
            store.commit(&pair(number)).unwrap();
        }
        lose(&home, way);
        assert!(is_lost(&store.commit(&pair(20)).unwrap_err()));
        drop(store);
        let again = home.open();
        assert!((1..20).all(|number| has_pair(&again, number)) && !has_pair(&again, 20), "{way:?}");
    }
}

/// Where another's log lies, a checkpoint of ours would overwrite what is that other's now.
#[test]
fn a_replaced_log_is_left_alone_and_the_database_too() {
    for is_noticed_before_the_end in [true, false] {
        let home = Home::new();
        let store = home.open();
        store.commit(&pair(1)).unwrap();
        lose(&home, Way::ReplaceLog);
        copy(&home.path, &beside(&home, "before"));
        let before = fs::read(beside(&home, "before")).unwrap();
        if is_noticed_before_the_end {
            assert!(is_lost(&store.commit(&pair(2)).unwrap_err()));
        }
        drop(store);
        assert_eq!(fs::read(beside(&home, "auth.db-wal")).unwrap(), b"another's log");
        assert_eq!(fs::read(&home.path).unwrap(), before);
    }
}

/// Another process opened the file that took the place of ours, and found our log beside it: what it was told is done is
/// not carried away into the file that nobody will find.
#[test]
fn inv_26_what_a_neighbour_wrote_on_the_new_file_stays_in_it() {
    let home = Home::new();
    let store = home.open();
    store.commit(&pair(1)).unwrap();
    home.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    lose(&home, Way::ReplaceByAnother);
    let mut neighbour = child("moved::in_a_child_write_on_the_new_file", &home.path).spawn().unwrap();
    let start = std::time::Instant::now();
    while !beside(&home, "written").exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "the neighbour did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(is_lost(&store.commit(&pair(2)).unwrap_err()));
    drop(store);
    fs::write(beside(&home, "left"), "").unwrap();
    assert!(!neighbour.wait().unwrap().success(), "it was killed");
    let again = home.open();
    assert!((10..20).all(|number| has_pair(&again, number)));
    assert!(!has_pair(&again, 1) && !has_pair(&again, 2), "that is another file's");
}

#[test]
#[ignore = "run by inv_26_what_a_neighbour_wrote_on_the_new_file_stays_in_it"]
fn in_a_child_write_on_the_new_file() {
    let Some(path) = path_of_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    (10..20).for_each(|number| assert_eq!(store.commit(&pair(number)).unwrap(), Commit::Applied));
    fs::write(path.with_file_name("written"), "").unwrap();
    while !path.with_file_name("left").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::process::abort();
}

/// Checkpoints, vacuums, backups, and stores that come and go here and in another process.
#[test]
fn a_normal_life_is_no_alarm() {
    let home = Home::new();
    let store = home.open();
    let mut neighbour = child("moved::in_a_child_come_and_go", &home.path).spawn().unwrap();
    for round in 0..12 {
        store.commit(&pair(round)).unwrap();
        let other = home.open();
        other.commit(&pair(1000 + round)).unwrap();
        home.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let target = beside(&home, &format!("b{round}.db"));
        store.backup(&target, on).unwrap();
        match other.vacuum(Duration::from_secs(9)) {
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Retryable, "{error}"),
            Ok(size) => assert_eq!(size.free, 0),
        }
        drop(other);
        std::thread::sleep(NOTICED);
        assert!(has_pair(&store, round) && has_pair(&store, 1000 + round));
    }
    assert!(neighbour.wait().unwrap().success());
    store.commit(&pair(5000)).unwrap();
}

#[test]
#[ignore = "run by a_normal_life_is_no_alarm"]
fn in_a_child_come_and_go() {
    let Some(path) = path_of_child() else { return };
    for number in 0..12 {
        let store = SqliteStore::open(&path).unwrap();
        store.commit(&pair(2000 + number)).unwrap();
        std::thread::sleep(NOTICED);
        assert!(read(&store, &session(2000 + number)).is_some());
    }
}

/// A path by a link, of which the log lies beside its end: what is watched is what is open.
#[test]
fn a_link_that_is_turned_elsewhere_is_noticed() {
    let home = Home::new();
    let link = beside(&home, "link.db");
    drop(home.open());
    std::os::unix::fs::symlink(&home.path, &link).unwrap();
    let store = hasty().open(&link).unwrap();
    store.commit(&pair(1)).unwrap();
    std::thread::sleep(NOTICED);
    assert!(has_pair(&store, 1));
    drop(SqliteStore::open(beside(&home, "other.db")).unwrap());
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(beside(&home, "other.db"), &link).unwrap();
    assert!(is_lost(&store.commit(&pair(2)).unwrap_err()));
}
