//! What is there after the process is gone at any moment.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use doorward::store::sqlite::SqliteStore;
use doorward_core::store::{Expect, Store};

use crate::fixture::{Home, batch, copy_image, put, read, session, throttle};

/// INV-26. The files are copied while four threads commit: database first, then log, as a kill leaves them
/// (nothing is copied that a checkpoint in between could have moved, for the log stays below its limit).
/// What was acknowledged before the copy began is in it, and each batch whole or not at all.
#[test]
fn every_acknowledged_batch_is_in_the_image_of_a_kill() {
    let home = Home::new();
    let store = home.open();
    let acknowledged = Mutex::new(Vec::new());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, acknowledged, done) = (&store, &acknowledged, &done);
            scope.spawn(move || {
                for number in (thread * 100_000..).take(60) {
                    let writes = vec![
                        put(&session(number), number, Expect::Absent),
                        put(&throttle(number), number, Expect::Absent),
                    ];
                    store.commit(&batch(number, writes)).unwrap();
                    acknowledged.lock().unwrap().push(number);
                }
                done.store(true, Ordering::SeqCst);
            });
        }
        for image in 0.. {
            let copy = home.folder.path().join(format!("image-{image}.db"));
            let known = acknowledged.lock().unwrap().clone();
            copy_image(&home.path, &copy);
            let revived = SqliteStore::open(&copy).unwrap();
            for number in known {
                assert!(read(&revived, &session(number)).is_some(), "image {image} lost {number}");
            }
            for number in (0..4).flat_map(|thread| (thread * 100_000..).take(60)) {
                let rows = revived.read(&[session(number), throttle(number)]).unwrap();
                assert_eq!(rows[0].is_some(), rows[1].is_some(), "image {image} tore {number}");
            }
            if done.load(Ordering::SeqCst) {
                break;
            }
        }
    });
}

/// A log that ends inside a commit (a torn write) is read up to the last whole one, wherever it is cut.
#[test]
fn a_torn_log_ends_at_a_whole_batch() {
    let home = Home::new();
    let store = home.open();
    for number in 1..=20 {
        let writes = vec![
            put(&session(number), number, Expect::Absent),
            put(&throttle(number), number, Expect::Absent),
        ];
        store.commit(&batch(number, writes)).unwrap();
    }
    let copy = home.folder.path().join("torn.db");
    let log = home.folder.path().join("torn.db-wal");
    copy_image(&home.path, &copy);
    let whole = std::fs::read(&log).unwrap();
    let database = std::fs::read(&copy).unwrap();
    for cut in (32..whole.len()).step_by(3 * 512) {
        std::fs::write(&copy, &database).unwrap();
        std::fs::write(&log, &whole[..cut]).unwrap();
        let _shared_memory = std::fs::remove_file(home.folder.path().join("torn.db-shm"));
        let revived = SqliteStore::open(&copy).unwrap();
        let mut gone = false;
        for number in 1..=20 {
            let rows = revived.read(&[session(number), throttle(number)]).unwrap();
            assert_eq!(rows[0].is_some(), rows[1].is_some(), "cut at {cut} tore {number}");
            assert!(!(gone && rows[0].is_some()), "cut at {cut} lost a batch before {number}");
            gone = rows[0].is_none();
        }
    }
}

/// Commits that are queued when the store is dropped are finished, not forgotten.
#[test]
fn dropping_the_store_loses_nothing_that_was_acknowledged() {
    let home = Home::new();
    for number in 1..20 {
        let store = home.open();
        let writes = vec![put(&session(number), number, Expect::Absent)];
        store.commit(&batch(number, writes)).unwrap();
        drop(store);
        assert!(read(&home.open(), &session(number)).is_some());
    }
}
