//! Size, and a vacuum that gives back, ends, and makes way.

use std::time::{Duration, Instant};

use doorward::store::sqlite::SqliteOptions;
use doorward_core::error::StoreErrorKind;
use doorward_core::store::Store;

use crate::fixture::{Home, create, fill, has_pair, hasty, names_in, pair, read, session};

const MINUTE: Duration = Duration::from_mins(1);
const MIB: u64 = 1 << 20;

/// A database of which some mebibytes were used and are free.
fn swollen(mebibytes: usize) -> Home {
    let home = Home::new();
    drop(home.open());
    fill(&home, mebibytes);
    home.sql().execute_batch("DROP TABLE fill").unwrap();
    home
}

#[test]
fn a_vacuum_gives_back_what_is_free_and_keeps_every_row() {
    let home = swollen(8);
    let store = home.open();
    for number in 1..50 {
        store.commit(&pair(number)).unwrap();
    }
    let before = store.size().unwrap();
    assert!(before.is_vacuum_worth_it() && before.free >= 7 * MIB && before.file >= 8 * MIB, "{before:?}");
    assert!(before.log > 0, "{before:?}");
    let other = home.open();

    let after = store.vacuum(MINUTE).unwrap();
    assert!(after.file < MIB && after.free == 0 && after.log == 0, "{after:?}");
    assert_eq!(std::fs::metadata(&home.path).unwrap().len(), after.file, "the file itself is smaller");
    assert!(!after.is_vacuum_worth_it());

    // Both stores go on, and nothing but rows and their places changed.
    for store in [&store, &other] {
        assert!((1..50).all(|number| has_pair(store, number)));
    }
    other.commit(&pair(60)).unwrap();
    store.commit(&pair(61)).unwrap();
    assert!(has_pair(&store, 60) && has_pair(&other, 61));
    assert!(store.check(|_| std::ops::ControlFlow::Continue(())).unwrap().is_sound());
    drop((store, other));
    assert_eq!(names_in(home.folder.path()), ["auth.db"], "no temporary file is left");
    drop(home.open());
}

#[test]
fn a_vacuum_that_is_late_changes_nothing_and_ends() {
    let home = swollen(2);
    fill(&home, 8);
    let store = home.open();
    create(&store, &session(1), 1);
    let before = store.size().unwrap();
    let start = Instant::now();
    let late = store.vacuum(Duration::ZERO).unwrap_err();
    assert_eq!(late.kind(), StoreErrorKind::Retryable);
    assert!(late.to_string().contains("did not end in time"), "{late}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(store.size().unwrap(), before);
    // The end it was given hits no later statement.
    for number in 2..30 {
        create(&store, &session(number), number);
    }
    assert!(read(&store, &session(1)).is_some());
}

/// Commits wait for a vacuum up to their own deadline, and were not done then; reads do not wait.
#[test]
fn commits_wait_for_a_vacuum_no_longer_than_their_deadline() {
    let home = Home::new();
    drop(home.open());
    fill(&home, 96);
    let store = SqliteOptions::new().commit_deadline(Duration::from_millis(100)).open(&home.path).unwrap();
    create(&store, &session(1), 1);
    let (vacuum, late) = std::thread::scope(|scope| {
        let vacuum = scope.spawn(|| store.vacuum(MINUTE));
        let mut late = None;
        let mut number = 10;
        while !vacuum.is_finished() {
            number += 1;
            let start = Instant::now();
            match store.commit(&pair(number)).map_err(|error| error.kind()) {
                Ok(_) => {}
                Err(StoreErrorKind::Retryable) => late = Some(number),
                // It had begun, and the disk was slow.
                Err(other) => assert_eq!(other, StoreErrorKind::Unknown),
            }
            assert!(start.elapsed() < Duration::from_secs(1), "nobody waits longer");
            let start = Instant::now();
            assert!(read(&store, &session(1)).is_some());
            assert!(start.elapsed() < Duration::from_secs(1), "reads go on");
        }
        (vacuum.join().unwrap(), late)
    });
    vacuum.unwrap();
    assert!(!has_pair(&store, late.expect("one commit at least was late")));
}

#[test]
fn a_vacuum_beside_a_lock_of_another_program_is_retryable() {
    let home = swollen(1);
    let store = hasty().open(&home.path).unwrap();
    let holder = home.sql();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.vacuum(MINUTE).unwrap_err().kind(), StoreErrorKind::Retryable);
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.vacuum(MINUTE).unwrap().free, 0);
}

/// A long read holds the log: the vacuum is done, and says that the file shrinks later.
#[test]
fn a_vacuum_beside_a_long_read_is_done_and_says_that_the_log_stands() {
    let home = swollen(4);
    let store = hasty().open(&home.path).unwrap();
    create(&store, &session(1), 1);
    let reader = home.sql();
    reader.execute_batch("BEGIN; SELECT * FROM session").unwrap();
    let size = store.vacuum(MINUTE).unwrap();
    assert!(size.log > 0 && size.free == 0, "{size:?}");
    reader.execute_batch("COMMIT").unwrap();
    let size = store.vacuum(MINUTE).unwrap();
    assert!(size.log == 0 && size.file < MIB, "{size:?}");
}
