//! What only a disk that fails can show: the writer's answers when its commit, its thread or its room is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::id::{AccountId, Stamp};
use doorward_core::record::{AccountRecord, Key, Kind, Record, Row};
use doorward_core::store::{Batch, Commit, Cursor, Durability, Ending, Expect, Range, Store, Write};
use doorward_core::time::Timestamp;
use tempfile::TempDir;

use super::fault::{Fault, Meets};
use super::rows::{Statements, TOGETHER};
use super::{SqliteOptions, SqliteStore};

struct Rig {
    store: Arc<SqliteStore>,
    fault: Fault,
    path: PathBuf,
    _folder: TempDir,
}

fn rig() -> Rig {
    rig_with(Duration::from_secs(10))
}

fn rig_with(deadline: Duration) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let fault = Fault::default();
    let mut options = SqliteOptions::new()
        .busy_timeout(Duration::from_secs(2))
        .commit_deadline(deadline)
        .read_connections(2);
    options.fault = fault.clone();
    Rig { store: Arc::new(options.open(&path).unwrap()), fault, path, _folder: folder }
}

fn account(number: u8) -> Key {
    Key::Account(AccountId::from_bytes([number; 16]))
}

fn creation(number: u8) -> Batch {
    let stamp = Stamp::from_bytes([number; 16]);
    let mut batch = Batch::new(stamp, Durability::Durable);
    batch.writes.push(Write::Put {
        key: account(number),
        row: Row {
            stamp,
            epoch: 0,
            owner: None,
            expires: None,
            record: Record::Account(AccountRecord { created: Timestamp::from_millis(1) }),
        },
        expect: Expect::Absent,
    });
    batch
}

fn kind_of<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> StoreErrorKind {
    answer.unwrap_err().kind()
}

fn is_there(store: &SqliteStore, number: u8) -> bool {
    store.read(&[account(number)]).unwrap()[0].is_some()
}

/// SQLite can fail to sync the log and still have the transaction after a recovery. Until a later durable
/// commit succeeds, a read could show what then changes without a write.
#[test]
fn after_an_unknown_commit_nothing_is_read_before_a_barrier() {
    for (meets, stands) in [(Meets::AppliedThenError, true), (Meets::GoneThenError, false)] {
        let rig = rig();
        rig.fault.set(meets);
        assert_eq!(kind_of(rig.store.commit(&creation(1))), StoreErrorKind::Unknown);

        rig.fault.set(Meets::ErrorAlways);
        let everything = Range { kind: Kind::Account, owner: None, after: None };
        assert_eq!(kind_of(rig.store.read(&[account(1)])), StoreErrorKind::Retryable);
        assert_eq!(kind_of(rig.store.scan(&everything, 1)), StoreErrorKind::Retryable);
        assert_eq!(kind_of(rig.store.changes(Cursor::START, 1)), StoreErrorKind::Retryable);
        assert_eq!(kind_of(rig.store.commit(&creation(2))), StoreErrorKind::Retryable);

        rig.fault.set(Meets::Nothing);
        let barrier = barriers(&rig);
        assert_eq!(is_there(&rig.store, 1), stands);
        assert_eq!(barriers(&rig), barrier + 1, "the read was preceded by a durable write");
        assert!(!is_there(&rig.store, 2), "what was refused was not applied");
        assert_eq!(barriers(&rig), barrier + 1, "one is enough");
    }
}

/// Whoever looked was told to try again, for ever, and only who wrote was told to restore the backup.
#[test]
fn damage_that_settling_finds_is_told_to_who_looks() {
    let rig = rig();
    rig.fault.set(Meets::GoneThenError);
    assert_eq!(kind_of(rig.store.commit(&creation(1))), StoreErrorKind::Unknown);
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    assert_eq!(other.execute("DELETE FROM meta WHERE name = 'barrier'", []).unwrap(), 1);
    assert_eq!(kind_of(rig.store.read(&[account(1)])), StoreErrorKind::Corrupt);
    assert_eq!(kind_of(rig.store.changes(Cursor::START, 1)), StoreErrorKind::Corrupt);
    assert_eq!(kind_of(rig.store.commit(&creation(2))), StoreErrorKind::Corrupt);
}

/// Linux reports a failed write once: frames before the failed sync may be lost though the barrier's own sync
/// succeeds, and every later commit would stand behind a hole.
#[test]
fn settling_also_begins_the_log_anew() {
    let rig = rig();
    assert_eq!(rig.store.commit(&creation(1)).unwrap(), Commit::Applied);
    rig.fault.set(Meets::GoneThenError);
    assert_eq!(kind_of(rig.store.commit(&creation(2))), StoreErrorKind::Unknown);

    assert!(is_there(&rig.store, 1));
    assert_eq!(log_length(&rig), ONE_FRAME);
}

/// A log that holds a barrier and nothing else.
const ONE_FRAME: u64 = 32 + 24 + 4096;

/// Settling needs the log emptied, which a backup's snapshot keeps from it: for the whole of a long backup nothing
/// would be answered.
#[test]
fn inv_17_a_backup_makes_way_for_settling() {
    let rig = rig();
    let shell = rusqlite::Connection::open(&rig.path).unwrap();
    shell.execute_batch("CREATE TABLE fill (x); INSERT INTO fill VALUES (zeroblob(3000000))").unwrap();
    let outcome = rig.store.backup(rig.path.with_extension("backup"), |_| {
        rig.fault.set(Meets::GoneThenError);
        assert_eq!(kind_of(rig.store.commit(&creation(1))), StoreErrorKind::Unknown);
        std::ops::ControlFlow::Continue(())
    });
    assert!(
        matches!(&outcome, Err(super::BackupError::Store(error)) if error.kind() == StoreErrorKind::Retryable),
        "{outcome:?}"
    );
    assert!(!is_there(&rig.store, 1));
}

fn log_length(rig: &Rig) -> u64 {
    std::fs::metadata(rig.path.with_extension("db-wal")).unwrap().len()
}

#[test]
fn a_commit_that_meets_a_lock_was_not_applied() {
    let rig = rig();
    rig.fault.set(Meets::Busy);
    assert_eq!(kind_of(rig.store.commit(&creation(1))), StoreErrorKind::Retryable);
    assert!(!is_there(&rig.store, 1));
    assert_eq!(rig.store.commit(&creation(1)).unwrap(), Commit::Applied);
}

#[test]
fn a_panic_of_the_writer_is_contained_and_said() {
    let rig = rig();
    rig.fault.set(Meets::Panic);
    assert_eq!(kind_of(rig.store.commit(&creation(1))), StoreErrorKind::Unknown);
    let start = Instant::now();
    assert_eq!(kind_of(rig.store.commit(&creation(2))), StoreErrorKind::Fatal);
    assert_eq!(kind_of(rig.store.read(&[account(1)])), StoreErrorKind::Fatal);
    assert!(start.elapsed() < Duration::from_secs(2), "nobody waits for a dead writer");

    let again = SqliteStore::open(&rig.path).unwrap();
    assert!(!is_there(&again, 1) && !is_there(&again, 2));
}

/// Past its deadline a batch that was begun may yet be applied; one that was not is cancelled for good.
#[test]
fn a_hanging_writer_is_answered_for_at_the_deadline() {
    let rig = rig_with(Duration::from_secs(1));
    let before = barriers(&rig);
    rig.fault.set(Meets::Hang);
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| rig.store.commit(&creation(1)));
        std::thread::sleep(Duration::from_millis(50));
        let second = scope.spawn(|| rig.store.commit(&creation(2)));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(kind_of(first), StoreErrorKind::Unknown);
    assert_eq!(kind_of(second), StoreErrorKind::Retryable);
    std::thread::sleep(Duration::from_secs(1));
    assert!(is_there(&rig.store, 1), "the one that was begun was applied later");
    assert!(!is_there(&rig.store, 2), "the cancelled one never is");
    assert_eq!(barriers(&rig), before + 1, "an unknown commit unsettles, whatever its cause");
}

/// A batch that finds no room on a full disk.
fn large() -> Batch {
    let mut large = creation(1);
    for number in 10..200 {
        large.writes.extend(creation(number).writes);
    }
    large
}

/// The story: of three that came together one had no room, so each was tried alone; the first met a failing sync, and the
/// last was committed behind it, and said to be, with nothing settled between.
#[test]
fn of_a_group_nothing_is_committed_behind_a_commit_whose_fate_is_unknown() {
    let rig = rig();
    rig.fault.set(Meets::FullDisk);
    rig.store.commit(&creation(2)).unwrap();
    let shell = rusqlite::Connection::open(&rig.path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The first waits for the lock alone, fails without a commit, and lets the next three arrive as one group.
    let answers = std::thread::scope(|scope| {
        let threads = [large(), creation(3), large(), creation(4)].map(|batch| {
            let thread = scope.spawn({
                let store = &rig.store;
                move || store.commit(&batch)
            });
            std::thread::sleep(Duration::from_millis(100));
            thread
        });
        rig.fault.set(Meets::GoneThenError);
        shell.execute_batch("COMMIT").unwrap();
        threads.map(|thread| kind_of(thread.join().unwrap()))
    });
    let (fatal, unknown, later) = (StoreErrorKind::Fatal, StoreErrorKind::Unknown, StoreErrorKind::Retryable);
    assert_eq!(answers, [fatal, unknown, later, later]);
    assert!(!is_there(&rig.store, 4));
}

/// A full disk fails the batch that needs room, not those that came with it.
#[test]
fn a_full_disk_applies_nothing_and_fails_only_who_needs_room() {
    let rig = rig();
    rig.fault.set(Meets::FullDisk);
    let large = large();
    // What the writer is busy with meanwhile lets the next three arrive as one group.
    let [first, full, last] = std::thread::scope(|scope| {
        rig.fault.set(Meets::FullDisk);
        [creation(2), large, creation(3)]
            .map(|batch| {
                let store = Arc::clone(&rig.store);
                scope.spawn(move || store.commit(&batch))
            })
            .map(|thread| thread.join().unwrap())
    });
    assert_eq!(first.unwrap(), Commit::Applied);
    assert_eq!(last.unwrap(), Commit::Applied);
    let full = full.unwrap_err();
    assert_eq!(full.kind(), StoreErrorKind::Fatal);
    assert!(full.to_string().starts_with("the disk is full"));
    assert!(!is_there(&rig.store, 1) && !is_there(&rig.store, 100));
    assert!(is_there(&rig.store, 2) && is_there(&rig.store, 3));

    rig.fault.set(Meets::RoomAgain);
    assert_eq!(rig.store.commit(&creation(4)).unwrap(), Commit::Applied);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Fault::default();
    let mut options = SqliteOptions::new().queue(1);
    options.fault = fault.clone();
    let store = options.open(folder.path().join("auth.db")).unwrap();
    fault.set(Meets::Hang);
    let answers = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=3)
            .map(|number| {
                let thread = scope.spawn({
                    let store = &store;
                    move || store.commit(&creation(number))
                });
                std::thread::sleep(Duration::from_millis(50));
                thread
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(answers[0].as_ref().unwrap(), &Commit::Applied);
    assert_eq!(answers[1].as_ref().unwrap(), &Commit::Applied);
    assert_eq!(answers[2].as_ref().unwrap_err().kind(), StoreErrorKind::Retryable);
    assert!(!is_there(&store, 3));
}

/// INV-26. WAL without a sync lost acknowledged commits in 722 of 1,000 power-cut images; and a frame that was
/// written without one is a hole for every commit after it when the next sync fails. So every group is synced.
#[test]
fn every_group_is_synced() {
    let rig = rig();
    let relaxed = |number| Batch { durability: Durability::Relaxed, ..creation(number) };
    let mut ending = relaxed(3);
    ending.journal.push(Ending::Epoch { key: account(1), until: Timestamp::MAX });
    for batch in [creation(1), relaxed(2), ending] {
        rig.store.commit(&batch).unwrap();
        assert_eq!(rig.fault.level(), 2);
    }
    rig.store.purge(Timestamp::MAX, 1).unwrap();
    assert_eq!(rig.fault.level(), 2);
}

/// A process killed between the write and the sync leaves frames that a recovery finds whole: shown before
/// they are durable, a power cut could still take them. So opening makes a durable write first.
#[test]
fn opening_makes_what_it_finds_durable() {
    let rig = rig();
    let before = barriers(&rig);
    rig.store.commit(&creation(1)).unwrap();
    assert!(log_length(&rig) > ONE_FRAME);
    drop(SqliteStore::open(&rig.path).unwrap());
    assert_eq!(barriers(&rig), before + 1);
    assert_eq!(log_length(&rig), ONE_FRAME, "what a failed sync left in the log is behind nothing any more");
}

#[test]
fn readers_are_lent_to_one_thread_each_and_waited_for_within_a_bound() {
    let rig = rig();
    let readers = &rig.store.readers;
    let nested = readers.snapshot(|_| readers.snapshot(|_| Ok(readers.snapshot(|_| Ok(())))));
    assert_eq!(kind_of(nested.unwrap()), StoreErrorKind::Retryable, "there are two");
    assert!(readers.snapshot(|_| Ok(())).is_ok(), "both came back");
}

/// Nobody is woken where nobody waits; whoever waits is.
#[test]
fn who_waits_for_a_reader_is_served_when_one_comes_back() {
    let rig = rig_with(Duration::from_secs(10));
    let readers = &rig.store.readers;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let looks = |_: &rusqlite::Connection| Ok(());
        let nested = readers.snapshot(|_| {
            readers.snapshot(|_| {
                let begun = Instant::now();
                scope.spawn(move || tell.send((readers.snapshot(looks).is_ok(), begun.elapsed())));
                while readers.waiting() == 0 {
                    std::thread::yield_now();
                }
                Ok(())
            })
        });
        assert!(nested.is_ok());
    });
    let (is_served, after) = told.recv().unwrap();
    assert!(
        is_served && after < Duration::from_secs(2),
        "{after:?}: not woken, it would look again at its deadline"
    );
}

/// A reader that panicked leaves its snapshot open: the next must not be shown yesterday's rows.
#[test]
fn a_snapshot_left_open_is_not_read_again() {
    let rig = rig();
    for _connection in 0..2 {
        let look = AssertUnwindSafe(|| {
            rig.store.readers.snapshot(|connection| -> Result<(), StoreError> {
                super::rows::read(connection, &account(1))?;
                panic!("a test asked the reader to panic")
            })
        });
        assert!(catch_unwind(look).is_err());
    }
    rig.store.commit(&creation(1)).unwrap();
    assert!(is_there(&rig.store, 1));
}

/// A scan or purge that walks a whole table would hold up every login of a large store.
#[test]
fn hot_statements_use_their_indexes() {
    let rig = rig();
    let connection = rusqlite::Connection::open(&rig.path).unwrap();
    let plan = |sql: &str| -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        for parameter in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(parameter, 1).unwrap();
        }
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get::<_, String>(3).unwrap());
        }
        steps.join("; ")
    };
    for kind in Kind::ALL {
        let statements = Statements::of(kind);
        let together = TOGETHER.map(|(_, sql)| sql);
        for sql in statements.reading().into_iter().chain(statements.writing()).chain(together) {
            if !sql.starts_with("INSERT") {
                let plan = plan(sql);
                assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
            }
        }
    }
    for kind in Kind::ALL.into_iter().filter(|kind| kind.has_many_per_owner()) {
        let plan = plan(Statements::of(kind).owned_after);
        assert!(plan.contains("_owner (owner=? AND key>?)"), "{plan}");
    }
}

fn barriers(rig: &Rig) -> i64 {
    rusqlite::Connection::open(&rig.path)
        .unwrap()
        .query_row("SELECT value FROM meta WHERE name = 'barrier'", [], |row| row.get(0))
        .unwrap()
}
