//! Several processes that open one database at the same moment, and each commits.

use std::path::Path;
use std::time::{Duration, Instant};

use doorward::store::SqliteStore;

use crate::fixture::{Home, OLDER, copy_image, has_pair, of_version, pair};
use crate::process::{child, path_of_child};

const PROCESSES: u32 = 6;

fn all_of_them_open_and_commit(path: &Path) {
    let go = path.with_file_name("go");
    let _from_the_last_round = std::fs::remove_file(&go);
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            child("racing::in_a_child_open_and_commit", path)
                .env("DOORWARD_TEST_NUMBER", number.to_string())
                .spawn()
                .unwrap()
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    while (0..PROCESSES).any(|number| !path.with_file_name(format!("ready{number}")).exists()) {
        assert!(Instant::now() < deadline, "not every process started");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::fs::write(&go, "").unwrap();
    let ends: Vec<_> = children.into_iter().map(|mut child| child.wait().unwrap()).collect();
    assert!(ends.iter().all(std::process::ExitStatus::success), "{ends:?}");
    let store = SqliteStore::open(path).unwrap();
    assert!((0..PROCESSES).all(|number| (0..20).all(|row| has_pair(&store, number * 100 + row))));
    for number in 0..PROCESSES {
        std::fs::remove_file(path.with_file_name(format!("ready{number}"))).unwrap();
    }
}

#[test]
#[ignore = "run by the tests of processes that start together"]
fn in_a_child_open_and_commit() {
    use doorward_core::store::Store;
    let Some(path) = path_of_child() else { return };
    let number: u32 = std::env::var("DOORWARD_TEST_NUMBER").unwrap().parse().unwrap();
    std::fs::write(path.with_file_name(format!("ready{number}")), "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !path.with_file_name("go").exists() {
        assert!(Instant::now() < deadline, "nobody gave the sign");
        std::hint::spin_loop();
    }
    let store = SqliteStore::open(&path).unwrap();
    for row in 0..20 {
        store.commit(&pair(number * 100 + row)).unwrap();
    }
}

#[test]
fn processes_that_make_the_database_together_all_succeed() {
    for _round in 0..4 {
        all_of_them_open_and_commit(&Home::new().path);
    }
}

#[test]
fn processes_that_migrate_the_database_together_all_succeed() {
    for journal in ["DELETE", "WAL"] {
        for version in 1..=OLDER.len() {
            let home = Home::new();
            let sql = of_version(&home.path, version);
            sql.execute_batch(&format!("PRAGMA journal_mode = {journal}")).unwrap();
            drop(sql);
            all_of_them_open_and_commit(&home.path);
        }
    }
}

/// The log of a process that was killed: one of them recovers it, the others wait.
#[test]
fn processes_that_recover_a_log_together_all_succeed() {
    use doorward_core::store::Store;
    for _round in 0..4 {
        let home = Home::new();
        let store = home.open();
        for row in 0..50 {
            store.commit(&pair(5000 + row)).unwrap();
        }
        let killed = home.folder.path().join("killed.db");
        copy_image(&home.path, &killed);
        assert_ne!(std::fs::metadata(home.folder.path().join("killed.db-wal")).unwrap().len(), 0);
        all_of_them_open_and_commit(&killed);
        let store = SqliteStore::open(&killed).unwrap();
        assert!((0..50).all(|row| has_pair(&store, 5000 + row)));
    }
}
