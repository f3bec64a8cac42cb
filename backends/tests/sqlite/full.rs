//! A disk that is full, or fails, in the middle of a group of commits, of a backup, of a vacuum.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use doorward::store::SqliteStore;
use doorward::store::sqlite::{BackupError, OpenError};
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::store::{Commit, Store};

use crate::backup::on;
use crate::fixture::{Home, fill, has_pair, names_in, pair};
use crate::process::{child_on_a_bad_disk, disk_fails, path_of_child};

const COMMITS: u32 = 48;

/// Twelve threads commit while the disk begins to fail, and each is told what is true; nothing acknowledged is lost,
/// no batch is torn, and reads show only what stays. When the disk is well again the store goes on by itself. Then
/// the process is killed, and another reads what is left.
fn a_disk_fails_in_the_middle(order: &str) -> BTreeMap<u32, String> {
    let home = Home::new();
    drop(home.open());
    let run = child_on_a_bad_disk("full::in_a_child_commit_on_a_bad_disk", &home.path)
        .env("DOORWARD_TEST_ORDER", order)
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    let errors = String::from_utf8(run.stderr).unwrap();
    assert!(text.contains("reached its end"), "{order}: {text}{errors}");
    let told: BTreeMap<u32, String> = text
        .lines()
        .filter_map(|line| line.split_once("told: ")?.1.split_once(' '))
        .map(|(number, word)| (number.parse().unwrap(), word.to_owned()))
        .collect();
    assert_eq!(told.len(), usize::try_from(COMMITS).unwrap() + 2);
    let store = home.open();
    for (number, word) in &told {
        match word.as_str() {
            "Applied" => assert!(has_pair(&store, *number), "{order}: {number} is lost"),
            "Retryable" | "Fatal" => assert!(!has_pair(&store, *number), "{order}: {number} is there"),
            "Unknown" => drop(has_pair(&store, *number)),
            other => panic!("{order}: {other}"),
        }
    }
    for number in text.lines().filter_map(|line| line.split_once("seen: ")) {
        assert!(has_pair(&store, number.1.parse().unwrap()), "{order}: {} was shown, and is gone", number.1);
    }
    told
}

#[test]
#[ignore = "run by the tests of a disk that fails in the middle"]
fn in_a_child_commit_on_a_bad_disk() {
    let Some(path) = path_of_child() else { return };
    let order = std::env::var("DOORWARD_TEST_ORDER").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.commit(&pair(1000)).unwrap();
    println!("\ntold: 1000 Applied");
    let told: Vec<(u32, Result<Commit, StoreError>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    let numbers = (thread..COMMITS).step_by(12);
                    let commit = |number| (number, store.commit(&pair(number)));
                    numbers.map(commit).collect::<Vec<_>>()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(1));
        disk_fails(&path, Some(&order));
        // What a read shows meanwhile, if anything, stays.
        for _ in 0..50 {
            for number in 0..COMMITS {
                if let Ok(rows) = store.read(&[pair_key(number)])
                    && rows[0].is_some()
                {
                    println!("\nseen: {number}");
                }
            }
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for (number, outcome) in &told {
        let word = match outcome {
            Ok(commit) => format!("{commit:?}"),
            Err(error) => format!("{:?}", error.kind()),
        };
        println!("\ntold: {number} {word}");
    }
    disk_fails(&path, None);
    // By itself: no reopening.
    for (number, outcome) in &told {
        let is_there = has_pair(&store, *number);
        match outcome {
            Ok(_) => assert!(is_there),
            Err(error) if error.kind() == StoreErrorKind::Unknown => {}
            Err(error) => assert!(!is_there, "{error}"),
        }
    }
    store.commit(&pair(1001)).unwrap();
    println!("\ntold: 1001 Applied\nreached its end");
    std::process::abort();
}

fn pair_key(number: u32) -> doorward_core::record::Key {
    crate::fixture::session(number)
}

#[test]
fn inv_26_no_room_for_the_log_in_the_middle_of_a_group() {
    let told = a_disk_fails_in_the_middle("write -wal$");
    assert!(told.values().any(|word| word != "Applied"), "the disk failed too late: {told:?}");
}

#[test]
fn inv_26_a_failed_sync_in_the_middle_of_a_group() {
    let told = a_disk_fails_in_the_middle("sync -wal$");
    assert!(told.values().any(|word| word == "Unknown"), "the disk failed too late: {told:?}");
}

/// A checkpoint that finds no room fails by itself: the log keeps what is committed, and grows.
#[test]
fn inv_26_no_room_for_the_database_costs_no_commit() {
    for order in ["write auth.db$", "sync auth.db$"] {
        let told = a_disk_fails_in_the_middle(order);
        assert!(told.values().all(|word| word == "Applied"), "{told:?}");
    }
}

/// The log had filled the disk: no read was answered until somebody made room. All that it held had its place in the
/// database, so the store can make room itself.
#[test]
fn inv_17_a_log_that_filled_the_disk_makes_room_for_settling() {
    let home = Home::new();
    drop(home.open());
    in_a_child("full::in_a_child_fill_the_disk_with_the_log", &home);
}

#[test]
#[ignore = "run by inv_17_a_log_that_filled_the_disk_makes_room_for_settling"]
fn in_a_child_fill_the_disk_with_the_log() {
    let Some(path) = path_of_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    store.commit(&pair(1)).unwrap();
    let length = |path: &Path| fs::metadata(path).unwrap().len();
    let log = length(&path.with_file_name("auth.db-wal"));
    disk_fails(&path, Some(&format!("write -wal$ {log}")));
    assert_eq!(store.commit(&pair(2)).unwrap_err().kind(), StoreErrorKind::Unknown);
    assert!(has_pair(&store, 1));
    let second = has_pair(&store, 2);
    // It is as full as before.
    assert!(length(&path.with_file_name("auth.db-wal")) < log);
    let mut number = 3;
    while store.commit(&pair(number)).is_ok() {
        number += 1;
    }
    assert!((3..number).all(|number| has_pair(&store, number)));
    disk_fails(&path, None);
    assert_eq!(has_pair(&store, 2), second);
    assert!(!has_pair(&store, number), "what was read as not there is not");
}

fn in_a_child(test: &str, home: &Home) {
    let spare = home.folder.path().join("spare");
    fs::create_dir(&spare).unwrap();
    let run = child_on_a_bad_disk(test, &home.path)
        .env("SQLITE_TMPDIR", spare)
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let printed = String::from_utf8(run.stdout).unwrap();
    assert!(
        run.status.success() && printed.contains("1 passed"),
        "{printed}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

#[test]
fn a_backup_that_finds_no_room_leaves_nothing() {
    let home = Home::new();
    drop(home.open());
    fill(&home, 4);
    in_a_child("full::in_a_child_back_up_to_a_full_disk", &home);
}

#[test]
#[ignore = "run by a_backup_that_finds_no_room_leaves_nothing"]
fn in_a_child_back_up_to_a_full_disk() {
    let Some(path) = path_of_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    let target = path.with_file_name("b.db");
    // At the first page, and in the middle.
    for after in [0, 2] {
        let mut left = after;
        if left == 0 {
            disk_fails(&path, Some("write .new$"));
        }
        let outcome = store.backup(&target, |_| {
            left -= 1;
            if left == 0 {
                disk_fails(&path, Some("write .new$"));
            }
            ControlFlow::Continue(())
        });
        assert!(matches!(outcome, Err(BackupError::Refused(OpenError::Full))), "{outcome:?}");
        disk_fails(&path, None);
        assert!(!holds_a_copy(path.parent().unwrap()));
    }
    disk_fails(&path, Some("sync .new$"));
    let outcome = store.backup(&target, on);
    assert!(matches!(outcome, Err(BackupError::Write(_))), "{outcome:?}");
    disk_fails(&path, None);
    assert!(!holds_a_copy(path.parent().unwrap()));
    // With room it is made, and the database was never touched by all this.
    store.commit(&pair(1)).unwrap();
    store.backup(&target, on).unwrap();
    assert!(has_pair(&SqliteStore::open(&target).unwrap(), 1));
}

fn holds_a_copy(folder: &Path) -> bool {
    names_in(folder).iter().any(|name| name.starts_with("b.db"))
}

#[test]
fn a_vacuum_that_finds_no_room_changes_nothing() {
    let home = Home::new();
    drop(home.open());
    fill(&home, 6);
    in_a_child("full::in_a_child_vacuum_a_full_disk", &home);
}

/// In the folder for temporary files, in the log, at its sync; what only the checkpoint lacks is made up for later.
#[test]
#[ignore = "run by a_vacuum_that_finds_no_room_changes_nothing"]
fn in_a_child_vacuum_a_full_disk() {
    let Some(path) = path_of_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    store.commit(&pair(1)).unwrap();
    let length = || fs::metadata(&path).unwrap().len();
    let before = length();
    for (number, order) in (2..).zip(["write /spare/", "write -wal$", "sync -wal$"]) {
        disk_fails(&path, Some(order));
        let error = store.vacuum(Duration::from_mins(1)).expect_err(order);
        assert_eq!(error.kind(), StoreErrorKind::Fatal, "{order}: {error}");
        assert_eq!(error.to_string().contains("is full"), order.starts_with("write"), "{order}: {error}");
        // What it left in the log is a hole like any other.
        let read = store.read(&[pair_key(1)]).map_err(|error| error.kind());
        assert_eq!(read.is_err(), order.ends_with("-wal$"), "{order}: {read:?}");
        disk_fails(&path, None);
        assert!(length() >= before, "{order}");
        store.commit(&pair(number)).unwrap();
        assert!(has_pair(&store, 1) && has_pair(&store, number), "{order}");
    }
    let after = store.vacuum(Duration::from_mins(1)).unwrap();
    assert_eq!((after.free, after.log), (0, 0));
    assert!(store.check(|_| ControlFlow::Continue(())).unwrap().is_sound());
}
