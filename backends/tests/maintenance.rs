//! Maintenance: the clock's mark across restarts, purges that a wrong clock cannot misuse, deletions that a crash
//! interrupts, and the thread that does it all when asked.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use doorward::core::error::{Fault, StoreError, StoreErrorKind};
use doorward::core::event::EventResult;
use doorward::core::id::{AccountId, SessionId, Stamp};
use doorward::core::model::clock::ClockError;
use doorward::core::model::session::{Gone, Lifetime};
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::finish_deletion::FinishDeletion;
use doorward::core::record::{Key, Kind};
use doorward::core::store::{
    Batch, Changes, Commit, Cursor, Durability, Expect, Guarantees, Range, Revocation, Store, Write,
};
use doorward::core::time::Timestamp;
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{
    AccountError, AuthenticateError, Builder, Clock, Engine, Login, LoginError, ManualClock, MasterKey,
    OpenError, Register, RenameError,
};

use support::engine::{NAME, PASSWORD, each_store, open_with_clock, policy};
use support::rows::dump;

const START: i64 = 1_700_000_000_000;
const NEW: &str = "an entirely different sentence";
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn start() -> Timestamp {
    Timestamp::from_millis(START)
}

fn builder(store: impl Store + 'static, clock: &ManualClock) -> Builder {
    let key = MasterKey::new(1, [0x42; 32]);
    Engine::builder(store).ephemeral().master_key(key).policy(policy()).clock(clock.clone())
}

fn on_file(path: &Path, clock: &ManualClock) -> Builder {
    builder(SqliteStore::open(path).unwrap(), clock)
}

/// As many more sessions of this account, which expire at this time.
fn crowd(store: &dyn Store, account: AccountId, sessions: u32, expires: Timestamp) {
    let rows = dump(store).rows;
    let session = rows.iter().find(|(key, row)| key.kind() == Kind::Session && row.owner == Some(account));
    let row = session.expect("there is one").1;
    let numbers: Vec<u32> = (0..sessions).collect();
    for some in numbers.chunks(10_000) {
        let stamp = Stamp::from_bytes([0xcd; 16]);
        let mut batch = Batch::new(stamp, Durability::Durable);
        for number in some {
            let mut id = [0xab; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let mut row = row.clone();
            (row.stamp, row.expires) = (stamp, Some(expires));
            let key = Key::Session(SessionId::from_bytes(id));
            batch.writes.push(Write::Put { key, row, expect: Expect::Absent });
        }
        assert_eq!(store.commit(&batch).unwrap(), Commit::Applied);
    }
}

fn owned(store: &dyn Store, account: AccountId) -> usize {
    dump(store).rows.values().filter(|row| row.owner == Some(account)).count()
}

#[test]
fn inv_14_se_8_a_deleted_account_leaves_nothing_and_its_name_is_free() {
    for store in each_store() {
        let engine = open_with_clock(Arc::clone(&store.store), ManualClock::at(start()));
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let grace = engine.register(Register::new("grace", PASSWORD)).unwrap();
        let login = |name| engine.login(Login::new(name, PASSWORD)).unwrap().token;
        let (hers, others) = (login(NAME), login("grace"));
        crowd(&*store.store, ada, 300, start().saturating_add(DAY));
        engine.login(Login::new(NAME, NEW)).unwrap_err();

        engine.delete_account(ada).unwrap();
        assert_eq!(owned(&*store.store, ada), 0, "{}", store.name);
        let gone = engine.authenticate(hers.expose());
        assert!(matches!(gone, Err(AuthenticateError::Gone(Gone::Ended))), "{gone:?}");
        assert_eq!(engine.authenticate(others.expose()).unwrap().account, grace);
        let journal = store.store.changes(Cursor::START, 10).unwrap().entries;
        assert_eq!(journal[0].revocation, Revocation::Account { account: ada, floor: u64::MAX });
        assert!(matches!(engine.login(Login::new(NAME, PASSWORD)), Err(LoginError::Denied)));
        assert!(matches!(engine.delete_account(ada), Err(AccountError::NotFound)));
        assert_ne!(engine.register(Register::new(NAME, PASSWORD)).unwrap(), ada);
        assert_eq!(engine.maintain().unwrap().deletions, 0);
    }
}

#[test]
fn pw_8_a_rename_and_a_mark_on_every_store() {
    for store in each_store() {
        let engine = open_with_clock(Arc::clone(&store.store), ManualClock::at(start()));
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        engine.register(Register::new("grace", PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        assert!(matches!(engine.rename(ada, "Grace"), Err(RenameError::Taken)));
        engine.rename(ada, "Countess").unwrap();
        assert_eq!(engine.authenticate(token.expose()).unwrap().account, ada);
        assert!(matches!(engine.login(Login::new(NAME, PASSWORD)), Err(LoginError::Denied)));

        engine.mark_compromised(ada).unwrap();
        assert!(engine.authenticate(token.expose()).is_err());
        for _ in 0..6 {
            // Without a counter to reset, the commit that guards this answer writes nothing.
            let refused = engine.login(Login::new("countess", PASSWORD));
            assert!(matches!(refused, Err(LoginError::MustChange)), "{}: {refused:?}", store.name);
        }
        assert!(engine.sessions(ada).unwrap().is_empty());
        assert!(engine.set_password(ada, PASSWORD).is_err());
        engine.set_password(ada, NEW).unwrap();
        engine.login(Login::new("countess", NEW)).unwrap();
    }
}

/// INV 27: the process stops after any of the deletion's commits; the next one's maintenance finishes it.
#[test]
fn inv_27_a_deletion_that_a_crash_interrupts_is_finished_by_maintenance() {
    const CROWD: u32 = 600;
    for bites in 0..=5 {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("auth.db"), ManualClock::at(start()));
        let engine = on_file(&path, &clock).open().unwrap();
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        let second = SqliteStore::open(&path).unwrap();
        crowd(&second, ada, CROWD, start().saturating_add(DAY));
        engine.run(DeleteAccount::new(ada)).unwrap().unwrap();
        let bitten = (0..bites).map(|_| engine.run(FinishDeletion::new(ada)).unwrap()).collect::<Vec<_>>();
        drop((engine, second));

        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
        let engine = builder(Arc::clone(&store), &clock).open().unwrap();
        let left = owned(&*store, ada);
        assert_eq!(left == 0, bites >= 4, "{bitten:?}");
        assert!(left == 0 || dump(&*store).rows.contains_key(&Key::Deletion(ada)), "the tombstone goes last");
        assert!(engine.authenticate(token.expose()).is_err());
        let done = engine.maintain().unwrap();
        assert_eq!((done.deletions, done.more), (usize::from(left > 0), false));
        assert_eq!(owned(&*store, ada), 0);
        let before = dump(&*store);
        assert_eq!(engine.maintain().unwrap(), doorward::Maintained::default());
        assert_eq!(dump(&*store), before);
    }
}

/// INV 19, 20: across restarts, on a file.
#[test]
fn inv_19_inv_20_a_restart_with_an_earlier_clock_brings_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, clock) = (folder.path().join("auth.db"), ManualClock::at(start()));
    let engine = on_file(&path, &clock).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let web = engine.login(Login::new(NAME, PASSWORD)).unwrap();
    let device = engine.login(Login::new(NAME, PASSWORD).lifetime(Lifetime::Device)).unwrap();
    // It is over, a minute before the mark, and nobody looked at it.
    clock.set(web.session.idle_ends.saturating_add(MINUTE));
    engine.maintain().unwrap();
    let mark = engine.now();
    drop(engine);

    for (behind, opens) in
        [(MINUTE * 5, true), (MINUTE * 5 + Duration::from_millis(1), false), (DAY * 400, false)]
    {
        clock.set(mark.saturating_sub(behind));
        match on_file(&path, &clock).open() {
            Ok(engine) => {
                assert!(opens);
                assert_eq!(engine.now(), mark, "its time begins at the mark");
                assert!(engine.authenticate(device.token.expose()).is_ok());
                assert!(engine.authenticate(web.token.expose()).is_err());
            }
            Err(OpenError::Clock(ClockError::Behind { mark: seen, now })) => {
                assert_eq!((opens, seen, now), (false, mark, mark.saturating_sub(behind)));
            }
            other => panic!("{other:?}"),
        }
    }

    clock.set(start());
    let engine = on_file(&path, &clock).trust_clock().open().unwrap();
    assert_eq!(engine.now(), start());
    for token in [&web.token, &device.token] {
        assert!(engine.authenticate(token.expose()).is_err(), "all that was granted is over");
    }
    let fresh = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    drop(engine);
    let engine = on_file(&path, &clock).trust_clock().open().unwrap();
    assert!(engine.authenticate(fresh.expose()).is_ok(), "trust ends nothing where nobody doubts");
}

/// INV 21: a clock that jumps ahead makes nobody's rows purgeable.
#[test]
fn inv_21_a_clock_that_jumps_ahead_purges_nothing_until_it_is_trusted() {
    for store in each_store() {
        let clock = ManualClock::at(start());
        let open = || builder(Arc::clone(&store.store), &clock);
        let engine = open().open().unwrap();
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        engine.login(Login::new(NAME, PASSWORD)).unwrap();
        crowd(&*store.store, ada, 10, start().saturating_add(DAY));
        clock.advance(DAY * 31);
        let sessions = || dump(&*store.store).rows.keys().filter(|key| key.kind() == Kind::Session).count();
        for engine in [&engine, &open().open().unwrap()] {
            for refused in [engine.purge(100).unwrap_err(), engine.maintain().unwrap_err()] {
                let Fault::Clock(ClockError::Jumped { mark, now }) = refused else { panic!("{refused:?}") };
                assert_eq!((mark, now), (start(), engine.now()));
            }
            assert_eq!(sessions(), 11, "{}", store.name);
            let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
            engine.logout(token.expose()).unwrap();
        }
        let trusting = open().trust_clock().open().unwrap();
        assert!(trusting.maintain().unwrap().purged >= 11);
        assert_eq!((sessions(), engine.purge(100).unwrap()), (0, 0));
    }
}

/// Another instance's clock is far ahead: maintenance here says so, and everything else goes on.
#[test]
fn inv_20_a_mark_of_another_instance_that_is_far_ahead_is_a_typed_error() {
    for store in each_store() {
        let open = |minutes| {
            let clock = ManualClock::at(start().saturating_add(MINUTE * minutes));
            builder(Arc::clone(&store.store), &clock).open().unwrap()
        };
        let (here, near, far) = (open(0), open(5), open(6));
        assert!(near.maintain().is_ok() && far.maintain().is_ok());
        let refused = here.maintain();
        assert!(matches!(refused, Err(Fault::Clock(ClockError::Behind { .. }))), "{refused:?}");
        here.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = here.login(Login::new(NAME, PASSWORD)).unwrap().token;
        assert!(far.authenticate(token.expose()).is_ok() && here.authenticate(token.expose()).is_ok());
    }
}

#[test]
fn a_call_is_bounded_and_says_that_there_is_more() {
    let (store, clock): (Arc<dyn Store>, _) = (Arc::new(MemoryStore::new()), ManualClock::at(start()));
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine.login(Login::new(NAME, PASSWORD)).unwrap();
    crowd(&*store, ada, 100_005, start());
    clock.advance(MINUTE);
    let first = engine.maintain().unwrap();
    assert_eq!((first.purged, first.more), (100_000, true));
    let second = engine.maintain().unwrap();
    assert_eq!((second.purged, second.more), (5, false));
}

type Hook = Box<dyn Fn(&str, Option<AccountId>) -> Result<(), StoreError> + Send + Sync>;

/// A store that a test disturbs.
struct Disturbed {
    store: Arc<dyn Store>,
    /// Before each call, by its name.
    hook: Hook,
    purges: AtomicUsize,
    /// Whether a purge never finds an end.
    is_endless: bool,
}

impl Disturbed {
    fn new(hook: impl Fn(&str, Option<AccountId>) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { store, hook: Box::new(hook), purges: AtomicUsize::new(0), is_endless: false }
    }

    fn purges(&self) -> usize {
        self.purges.load(Ordering::SeqCst)
    }
}

impl Store for Disturbed {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<doorward::core::record::Row>>, StoreError> {
        (self.hook)("read", None)?;
        self.store.read(keys)
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        (self.hook)("commit", None)?;
        self.store.commit(batch)
    }

    fn scan(
        &self,
        range: &Range,
        limit: usize,
    ) -> Result<Vec<(Key, doorward::core::record::Row)>, StoreError> {
        (self.hook)("scan", range.owner)?;
        self.store.scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.store.changes(after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.purges.fetch_add(1, Ordering::SeqCst);
        (self.hook)("purge", None)?;
        if self.is_endless { Ok(limit) } else { self.store.purge(now, limit) }
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }
}

fn broken() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the test said so")
}

/// The clock was asked again for the purge, after the tick had found that it could be right: one that jumped in between
/// purged sessions that still lived.
#[test]
fn inv_21_a_clock_that_jumps_once_it_was_checked_purges_nothing() {
    for by_maintenance in [true, false] {
        let clock = ManualClock::at(start());
        let (jumping, jumps) = (clock.clone(), Arc::new(AtomicBool::new(false)));
        let armed = Arc::clone(&jumps);
        let store = Disturbed::new(move |call, _| {
            if call == "commit" && armed.swap(false, Ordering::SeqCst) {
                jumping.advance(DAY * 365);
            }
            Ok(())
        });
        let rows = Arc::clone(&store.store);
        let engine = builder(store, &clock).open().unwrap();
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        engine.login(Login::new(NAME, PASSWORD)).unwrap();
        clock.advance(MINUTE * 2);
        jumps.store(true, Ordering::SeqCst);
        let purged =
            if by_maintenance { engine.maintain().unwrap().purged } else { engine.purge(1_000).unwrap() };
        assert!(!jumps.load(Ordering::SeqCst), "it jumped");
        assert_eq!(purged, 0);
        assert!(dump(&*rows).has(Kind::Session));
    }
}

/// One account whose rows cannot be read, and a purge that fails, hold up no other deletion.
#[test]
fn rv_11_one_deletion_that_fails_holds_up_no_other() {
    let stuck = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&stuck);
    let store = Arc::new(Disturbed::new(move |call, owner| {
        let stuck = *seen.lock().unwrap();
        if stuck.is_some() && (call == "purge" || owner == stuck) { Err(broken()) } else { Ok(()) }
    }));
    let clock = ManualClock::at(start());
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    let mut accounts = ["ada", "bob", "cleo"].map(|name| {
        let account = engine.register(Register::new(name, PASSWORD)).unwrap();
        engine.run(DeleteAccount::new(account)).unwrap().unwrap();
        account
    });
    accounts.sort_unstable();
    *stuck.lock().unwrap() = Some(accounts[0]);
    assert!(matches!(engine.maintain(), Err(Fault::Store(_))));
    let left = |account| owned(&*store.store, account);
    assert_eq!(accounts.map(left), [1, 0, 0]);
    *stuck.lock().unwrap() = None;
    assert_eq!(engine.maintain().unwrap().deletions, 1);
    assert_eq!(accounts.map(left), [0, 0, 0]);
}

/// The account is gone although its remains cannot be removed now.
#[test]
fn inv_26_a_deletion_is_done_although_its_bites_fail() {
    let is_broken = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&is_broken);
    let commits = AtomicUsize::new(0);
    let store = Arc::new(Disturbed::new(move |call, _| {
        let fails = *seen.lock().unwrap() && call == "commit" && commits.fetch_add(1, Ordering::SeqCst) > 0;
        if fails { Err(broken()) } else { Ok(()) }
    }));
    let engine = builder(Arc::clone(&store), &ManualClock::at(start())).open().unwrap();
    let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    *is_broken.lock().unwrap() = true;
    engine.delete_account(ada).unwrap();
    *is_broken.lock().unwrap() = false;
    assert_eq!(owned(&*store.store, ada), 2, "the session's row and the tombstone");
    assert!(engine.authenticate(token.expose()).is_err());
    assert_eq!(engine.maintain().unwrap().deletions, 1);
}

#[test]
fn rv_8_maintenance_tells_of_itself_once() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (sink, clock) = (Arc::clone(&heard), ManualClock::at(start()));
    let engine = builder(MemoryStore::new(), &clock);
    let engine = engine
        .events(move |event| sink.lock().unwrap().push((event.operation, event.result)))
        .open()
        .unwrap();
    let maintain = || {
        heard.lock().unwrap().clear();
        let _ = engine.maintain();
        let told = heard.lock().unwrap();
        told.iter()
            .filter(|(operation, _)| *operation == "maintain")
            .map(|(_, result)| *result)
            .collect::<Vec<_>>()
    };
    assert_eq!(maintain(), [EventResult::Success]);
    clock.advance(DAY * 31);
    assert_eq!(maintain(), [EventResult::Failed("clock")]);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: not in 20 s");
        thread::sleep(Duration::from_millis(5));
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nobody_maintains_who_was_not_asked_to() {
    let (store, clock) = (Arc::new(Disturbed::new(|_, _| Ok(()))), ManualClock::at(start()));
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    thread::sleep(SECOND + SECOND / 5);
    assert_eq!(store.purges(), 0);
    drop(engine);
    assert_eq!(Arc::strong_count(&store), 1);
    let often = builder(MemoryStore::new(), &clock).maintain_every(Duration::from_millis(999)).open();
    assert!(matches!(often, Err(OpenError::Interval)), "{often:?}");
}

/// At open and every so often; the last clone ends it, and then nobody holds the store.
#[test]
fn the_thread_runs_from_the_opening_to_the_last_drop() {
    let (store, clock) = (Arc::new(Disturbed::new(|_, _| Ok(()))), ManualClock::at(start()));
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine.run(DeleteAccount::new(ada)).unwrap().unwrap();
    drop(engine);

    let engine = builder(Arc::clone(&store), &clock).maintain_every(SECOND).open().unwrap();
    until("the first run finishes what a crash left", || owned(&*store.store, ada) == 0);
    until("the second run", || store.purges() >= 2);
    let clone = engine.clone();
    drop(engine);
    let seen = store.purges();
    until("one clone is enough", || store.purges() > seen);
    let begun = Instant::now();
    drop(clone);
    assert!(begun.elapsed() < SECOND / 2, "it does not wait for the next run");
    assert_eq!(Arc::strong_count(&store), 1, "the store is closed when the engine is gone");
}

/// A clock that panics when the trouble is of its number.
struct Troubled(Arc<AtomicUsize>);

impl Clock for Troubled {
    fn now(&self) -> Timestamp {
        assert!(self.0.load(Ordering::SeqCst) != 3, "in the clock");
        start()
    }
}

/// Store, sink and clock may fail and panic: the next run tries again.
#[test]
fn the_thread_survives_what_it_meets() {
    let trouble = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&trouble);
    let store = Arc::new(Disturbed::new(move |call, _| match seen.load(Ordering::SeqCst) {
        1 if call == "purge" => Err(broken()),
        2 if call == "purge" => panic!("in the store"),
        _ => Ok(()),
    }));
    let (told, sink) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(&trouble));
    let heard = Arc::clone(&told);
    let engine = builder(Arc::clone(&store), &ManualClock::at(start()))
        .clock(Troubled(Arc::clone(&trouble)))
        .events(move |event| {
            if event.operation == "maintain" {
                heard.lock().unwrap().push(event.result);
            }
            assert!(sink.load(Ordering::SeqCst) != 4, "in the sink");
        })
        .maintain_every(SECOND)
        .open()
        .unwrap();
    let last = || told.lock().unwrap().last().copied();
    until("a first run", || last() == Some(EventResult::Success));
    for number in 1..=4 {
        trouble.store(number, Ordering::SeqCst);
        match number {
            1 | 2 => until("a failure is told", || last() == Some(EventResult::Failed("store"))),
            _ => thread::sleep(SECOND + SECOND / 5),
        }
        trouble.store(0, Ordering::SeqCst);
        told.lock().unwrap().clear();
        until("it goes on", || last() == Some(EventResult::Success));
    }
    drop(engine);
    assert_eq!(Arc::strong_count(&store), 1);
}

/// A run that finds no end is left between two bites.
#[test]
fn a_drop_stops_a_long_run_between_two_bites() {
    let store = Disturbed { is_endless: true, ..Disturbed::new(|_, _| Ok(())) };
    let store = Arc::new(store);
    let engine = builder(Arc::clone(&store), &ManualClock::at(start())).maintain_every(DAY).open().unwrap();
    until("more than one call's bites", || store.purges() > 250);
    drop(engine);
    let purges = store.purges();
    assert_eq!(Arc::strong_count(&store), 1);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(store.purges(), purges);
}

/// A sink that holds the last engine drops it on the thread itself.
#[test]
fn the_last_engine_may_be_dropped_on_the_thread_itself() {
    let store = Arc::new(Disturbed::new(|_, _| Ok(())));
    let held: Arc<Mutex<Option<Engine>>> = Arc::default();
    let (slot, (done, dropped)) = (Arc::clone(&held), mpsc::channel());
    let engine = builder(Arc::clone(&store), &ManualClock::at(start()))
        .events(move |event| {
            let engine = if event.operation == "maintain" { slot.lock().unwrap().take() } else { None };
            if engine.is_some() {
                drop(engine);
                let _ = done.send(());
            }
        })
        .maintain_every(SECOND)
        .open()
        .unwrap();
    *held.lock().unwrap() = Some(engine);
    dropped.recv_timeout(Duration::from_secs(20)).unwrap();
    until("the thread has ended", || Arc::strong_count(&store) == 1);
}
