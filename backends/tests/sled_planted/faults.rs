//! A disk that fails, hangs or panics, and what is said and shown meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::store::sled::{OpenError, SledStore};
use doorward::{Engine, Login, MasterKey, Register};
use doorward_conformance::Medium;
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::id::SessionId;
use doorward_core::model::data::DataRecord;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Commit, Cursor, Durability, Expect, Range, Store, Write};
use doorward_core::time::Timestamp;

use crate::drafts::{batch, create, id, put, read, row, session, stamp};
use crate::medium::{Bench, Without, copy_folder};

const SHORT: Duration = Duration::from_millis(300);
const SESSIONS: Range = Range { kind: Kind::Session, owner: None, after: None };

fn kind_of<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> StoreErrorKind {
    answer.unwrap_err().kind()
}

fn creation(number: u32) -> Batch {
    batch(number, vec![put(&session(number), number, Expect::Absent)])
}

fn until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "it never came to that");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whatever the disk did with the group, nothing is shown before it was found out; and then it is what a power cut would
/// leave.
#[test]
fn inv_26_after_a_failed_sync_nothing_is_shown_before_it_is_settled() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().open(bench.path()).unwrap();
    create(&store, &session(1), 1);
    bench.fail_next_sync();
    assert_eq!(kind_of(store.commit(&creation(2))), StoreErrorKind::Unknown);
    let relaxed = Batch { durability: Durability::Relaxed, ..creation(3) };
    // The first look opens the folder again, and meets the failing disk too; those that follow soon do not try.
    bench.fail_next_sync();
    for _ in 0..2 {
        assert_eq!(kind_of(store.read(&[session(1)])), StoreErrorKind::Retryable);
        assert_eq!(kind_of(store.scan(&SESSIONS, 9)), StoreErrorKind::Retryable);
        assert_eq!(kind_of(store.changes(Cursor::START, 9)), StoreErrorKind::Retryable);
        assert_eq!(kind_of(store.commit(&relaxed)), StoreErrorKind::Retryable);
        assert_eq!(kind_of(store.purge(Timestamp::MAX, 9)), StoreErrorKind::Retryable);
    }
    // A durable commit tries at any time.
    bench.fail_next_sync();
    assert_eq!(kind_of(store.commit(&creation(4))), StoreErrorKind::Retryable);
    assert_eq!(kind_of(store.read(&[session(1)])), StoreErrorKind::Retryable);

    let barrier = Batch::new(stamp(5), Durability::Durable);
    assert_eq!(store.commit(&barrier).unwrap(), Commit::Applied);
    let shown = store.scan(&SESSIONS, 9).unwrap();
    assert!(
        shown.iter().any(|(key, _)| *key == session(1)) && shown.iter().all(|(key, _)| *key <= session(2))
    );
    assert_eq!(bench.cut_power().scan(&SESSIONS, 9).unwrap(), shown);
    create(&store, &session(6), 6);
    assert!(read(&store, &session(6)).is_some());
}

/// The story: only a durable commit opened the folder again, and an engine reads before it commits. So one sync that failed
/// stopped every engine on this store for good: each logout, login and `maintain` read first, and was told to try again.
#[test]
fn inv_43_an_engine_goes_on_once_the_disk_is_sound_again() {
    let bench = Bench::new(Without::Nothing);
    let store = Arc::new(bench.options().open(bench.path()).unwrap());
    let engine = Engine::builder(store).master_key(MasterKey::new(1, [7; 32])).open().unwrap();
    let password = "plum kettle orbit";
    engine.register(Register::new("ada", password)).unwrap();
    let login = engine.login(Login::new("ada", password)).unwrap();
    // Once: it looks what became of it, and does it again.
    bench.fail_next_sync();
    engine.logout(login.token.expose()).unwrap();
    let login = engine.login(Login::new("ada", password)).unwrap();
    // And while it looks, too.
    bench.disk.state().fails = 2;
    assert!(engine.logout(login.token.expose()).is_err());
    until(|| engine.logout(login.token.expose()).is_ok());
    assert!(engine.authenticate(login.token.expose()).is_err());
    assert!(engine.login(Login::new("ada", password)).is_ok());
}

/// The story: a look that opened the folder again, and found it damaged, was told to check the disk and try again; and then that the
/// writer has stopped. Nobody ever heard of the damage.
#[test]
fn damage_that_a_look_finds_is_told_to_who_looked() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().open(bench.path()).unwrap();
    create(&store, &session(1), 1);
    bench.fail_next_sync();
    assert_eq!(kind_of(store.commit(&creation(2))), StoreErrorKind::Unknown);
    bench.disk.state().panics = true;
    assert_eq!(kind_of(store.read(&[session(1)])), StoreErrorKind::Corrupt);
    assert_eq!(kind_of(store.read(&[session(1)])), StoreErrorKind::Fatal);
}

/// The writer waits in a sync for ever: who began hears `Unknown`, who waited `Retryable`, readers go on and see what was
/// durable, and dropping the store does not wait for ever either.
#[test]
fn a_hanging_disk_is_answered_for_at_the_deadline() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().commit_deadline(SHORT).open(bench.path()).unwrap();
    create(&store, &session(1), 1);
    bench.hold_syncs();
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| store.commit(&creation(2)));
        until(|| bench.syncs_held() > 0);
        let second = scope.spawn(|| store.commit(&creation(3)));
        assert!(read(&store, &session(1)).is_some() && read(&store, &session(2)).is_none());
        assert_eq!(store.scan(&SESSIONS, 9).unwrap().len(), 1);
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(kind_of(first), StoreErrorKind::Unknown);
    assert_eq!(kind_of(second), StoreErrorKind::Retryable);
    // The answer was lost, not the write: as long as that is open, nothing is shown.
    assert_eq!(kind_of(store.read(&[session(1)])), StoreErrorKind::Retryable);

    let start = Instant::now();
    drop(store);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(
        matches!(bench.options().open(bench.path()), Err(OpenError::Locked)),
        "the hanging thread has it"
    );
    bench.release_syncs();
    until(|| SledStore::open(bench.path()).is_ok());
    let again = SledStore::open(bench.path()).unwrap();
    assert!(read(&again, &session(2)).is_some(), "the one that was begun was applied later");
    assert!(read(&again, &session(3)).is_none(), "the cancelled one never is");
}

/// A late answer is no doubt: once it is there, reads go on without a commit.
#[test]
fn what_came_late_is_shown_without_another_commit() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().commit_deadline(SHORT).open(bench.path()).unwrap();
    bench.hold_syncs();
    assert_eq!(kind_of(store.commit(&creation(1))), StoreErrorKind::Unknown);
    bench.release_syncs();
    assert!(read(&store, &session(1)).is_some());
}

#[test]
fn a_panic_in_the_writer_is_contained_and_said() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().open(bench.path()).unwrap();
    create(&store, &session(1), 1);
    bench.disk.state().panics = true;
    assert_eq!(kind_of(store.commit(&creation(2))), StoreErrorKind::Unknown);
    let start = Instant::now();
    assert_eq!(kind_of(store.commit(&creation(3))), StoreErrorKind::Fatal);
    assert_eq!(kind_of(store.read(&[session(1)])), StoreErrorKind::Fatal);
    assert_eq!(kind_of(store.purge(Timestamp::MAX, 1)), StoreErrorKind::Fatal);
    assert!(start.elapsed() < Duration::from_secs(2), "nobody waits for a dead writer");
    drop(store);
    let again = SledStore::open(bench.path()).unwrap();
    assert!(read(&again, &session(1)).is_some() && read(&again, &session(3)).is_none());
}

/// Opening meets the same disks: it answers, and the folder is as it was.
#[test]
fn opening_on_a_failing_panicking_or_hanging_disk_is_an_error() {
    let bench = Bench::new(Without::Nothing);
    create(&bench.options().open(bench.path()).unwrap(), &session(1), 1);
    bench.fail_next_sync();
    assert!(matches!(bench.options().open(bench.path()), Err(OpenError::Io(_))));
    bench.disk.state().panics = true;
    assert!(matches!(bench.options().open(bench.path()), Err(OpenError::Damaged)));
    bench.hold_syncs();
    let start = Instant::now();
    let refused = bench.options().open_deadline(SHORT).open(bench.path());
    assert!(matches!(refused, Err(OpenError::Stuck)) && start.elapsed() < Duration::from_secs(2));
    bench.release_syncs();
    until(|| SledStore::open(bench.path()).is_ok());
    assert!(read(&SledStore::open(bench.path()).unwrap(), &session(1)).is_some());
}

/// A creation that fails leaves nothing at the path, and nothing beside it.
#[test]
fn a_creation_that_fails_leaves_nothing() {
    let bench = Bench::new(Without::Nothing);
    bench.fail_next_sync();
    assert!(matches!(bench.options().open(bench.path()), Err(OpenError::Create(_))));
    assert_eq!(std::fs::read_dir(bench.path().parent().unwrap()).unwrap().count(), 0);
    bench.options().open(bench.path()).unwrap();
}

/// A process was killed between its write and its sync: what it wrote is found, and is durable before it is shown.
#[test]
fn opening_makes_what_it_finds_durable() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().open(bench.path()).unwrap();
    bench.hold_syncs();
    let killed = bench.path().with_file_name("killed");
    std::thread::scope(|scope| {
        scope.spawn(|| store.commit(&creation(1)));
        until(|| bench.syncs_held() > 0);
        copy_folder(bench.path(), &killed);
        bench.release_syncs();
    });
    drop(store);
    std::fs::remove_dir_all(bench.path()).unwrap();
    std::fs::rename(killed, bench.path()).unwrap();
    let before = bench.disk.state().syncs;
    let store = bench.options().open(bench.path()).unwrap();
    assert_eq!(bench.disk.state().syncs, before + 2, "once before sled looked, and once after");
    assert!(read(&store, &session(1)).is_some());
    assert!(read(&*bench.cut_power(), &session(1)).is_some());
}

/// One sync for a group, none where nothing was written: sixteen callers at once do not pay sixteen times.
#[test]
fn every_group_is_synced_once_and_nothing_else_is() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().open(bench.path()).unwrap();
    let syncs = || bench.disk.state().syncs;
    let before = syncs();
    create(&store, &session(1), 1);
    let relaxed = Batch { durability: Durability::Relaxed, ..creation(2) };
    store.commit(&relaxed).unwrap();
    assert_eq!(syncs(), before + 2, "a relaxed batch is synced like any");
    assert_eq!(store.commit(&creation(1)).unwrap(), Commit::Conflict);
    store.commit(&Batch::new(stamp(3), Durability::Durable)).unwrap();
    assert_eq!(store.purge(Timestamp::from_millis(0), 9).unwrap(), 0);
    assert_eq!(syncs(), before + 2);

    bench.hold_syncs();
    std::thread::scope(|scope| {
        let store = &store;
        scope.spawn(|| store.commit(&creation(10)));
        until(|| bench.syncs_held() > 0);
        for number in 11..27 {
            scope.spawn(move || store.commit(&creation(number)));
        }
        std::thread::sleep(SHORT);
        bench.release_syncs();
    });
    assert_eq!(syncs(), before + 4, "the sixteen that waited shared one");
    assert_eq!(store.scan(&SESSIONS, 99).unwrap().len(), 19);
}

/// Sixteen rows of 60 KiB would be one group of two of sled's segments, and a power cut in the middle of such a group can
/// ruin the folder: so bytes count as well as entries.
#[test]
fn inv_27_large_rows_do_not_make_a_large_group() {
    let bench = Bench::new(Without::Nothing);
    let store = bench.options().open(bench.path()).unwrap();
    let before = bench.disk.state().syncs;
    bench.hold_syncs();
    std::thread::scope(|scope| {
        let store = &store;
        scope.spawn(|| store.commit(&creation(10)));
        until(|| bench.syncs_held() > 0);
        for number in 11..27 {
            scope.spawn(move || store.commit(&batch(number, vec![data(number, 60 * 1024)])));
        }
        std::thread::sleep(SHORT);
        bench.release_syncs();
    });
    assert_eq!(bench.disk.state().syncs, before + 9, "two of the sixteen share a group");
}

fn data(number: u32, size: usize) -> Write {
    let key = Key::Data(SessionId::from_bytes(id(number)));
    let record = DataRecord { bytes: vec![7; size] }.into();
    Write::Put { key, row: Row { record, ..row(&session(number), stamp(number)) }, expect: Expect::Absent }
}
