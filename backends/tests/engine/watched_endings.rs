//! What an engine that watches the journal makes of schedules in which something happens *while* it reads, or while one of
//! its own endings is on its way.

use std::collections::VecDeque;
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use doorward::core::error::{StoreError, StoreErrorKind};
use doorward::core::id::Stamp;
use doorward::core::record::{Key, Row};
use doorward::core::store::{
    AsyncStore, Batch, Change, Changes, Commit, Cursor, Durability, Guarantees, Range, Store, StoreFuture,
    Write,
};
use doorward::store::MemoryStore;
use doorward::{
    AsyncEngine, Clock, Ended, Engine, Introspect, Issue, Login, ManualClock, MasterKey, Policy, Register,
    RevocationMode, Timestamp, TokenPolicy, VerifyError, WhenStale,
};

use crate::support::block_on::block_on;
use crate::support::engine::{NAME, PASSWORD};
use crate::support::remembered::cheapest;

const API: &str = "https://api.example";
const BOUND: Duration = Duration::from_secs(10);

/// Two users logged out at the same moment as a third showed a token: the reading for the third had begun before, was
/// distrusted, and a good token was refused as stale, in `UntilExpiry` too, where no logout matters.
#[test]
fn inv_11_a_logout_during_a_reading_refuses_no_other_token() {
    let watched = RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse };
    for mode in [watched, RevocationMode::UntilExpiry { max_key_age: BOUND }] {
        let stage = Stage::new(mode);
        let [(_, good), (session, ended)] = stage.tokens();
        let engine = stage.engine.clone();
        stage.store.during_changes(move || {
            engine.logout(&session).unwrap();
            Ok(())
        });
        stage.engine.verify(&good, API).unwrap();
        // Whoever begins after the logout hears of it.
        assert_eq!(stage.engine.verify(&ended, API).is_ok(), mode != watched);
    }
}

/// A backup was put back under a running engine: its view began anew, and until it was read to its end it knew of no
/// logout, but was as fresh as before.
#[test]
fn inv_15_a_view_that_begins_anew_lets_nobody_in_before_it_is_read() {
    let stage = Stage::new(RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse });
    stage.store.shift.store(5, Ordering::SeqCst);
    let [(session, token), (_, good)] = stage.tokens();
    stage.engine.logout(&session).unwrap();
    assert!(matches!(stage.engine.verify(&token, API), Err(VerifyError::Gone(_))));

    stage.clock.advance(BOUND / 2);
    stage.store.shift.store(0, Ordering::SeqCst);
    stage.store.during_changes(|| Ok(()));
    // After the turn that was taken to read on: the reading without which nothing is known now.
    stage.store.during_changes(|| Err(StoreError::new(StoreErrorKind::Retryable, "the disk is slow")));
    let refused = stage.engine.verify(&token, API);
    assert!(matches!(refused, Err(VerifyError::Stale)), "{refused:?}");
    assert!(matches!(stage.engine.verify(&token, API), Err(VerifyError::Gone(_))));
    stage.engine.verify(&good, API).unwrap();
}

/// Somebody emptied the database: an engine that had seen its keyring once went on accepting tokens by it.
#[test]
fn inv_17_without_a_keyring_in_the_store_nothing_is_accepted() {
    let stage = Stage::new(RevocationMode::UntilExpiry { max_key_age: BOUND });
    let [(_, token), _] = stage.tokens();
    stage.engine.verify(&token, API).unwrap();
    let gone = Batch {
        stamp: Stamp::from_bytes([9; 16]),
        checks: vec![],
        writes: vec![Write::Delete { key: Key::Keyring }],
        journal: vec![],
        durability: Durability::Durable,
    };
    assert!(matches!(stage.store.inner.commit(&gone), Ok(Commit::Applied)));
    stage.clock.advance(BOUND);
    let refused = stage.engine.verify(&token, API);
    assert!(matches!(refused, Err(VerifyError::Stale)), "{refused:?}");
}

/// A logout's commit was lost on its way and arrived late. Between the two, somebody's verification read the journal; then
/// the logout found its session gone and said so, and its token was accepted for as long as that reading was fresh.
#[test]
fn inv_11_a_logout_that_lands_late_is_known_when_it_is_said() {
    let stage = Stage::new(RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse });
    let [(session, token), (_, other)] = stage.tokens();
    let engine = stage.engine.clone();
    stage.store.commit_lands_late(move || {
        engine.verify(&other, API).unwrap();
    });
    stage.engine.logout(&session).unwrap();
    assert!(matches!(stage.engine.verify(&token, API), Err(VerifyError::Gone(_))));
}

/// A client hung up during its logout, whose commit was done by then, and asked again: "already gone". Its token was
/// accepted for as long as the last reading of the journal was fresh.
#[test]
fn inv_11_a_logout_whose_future_was_dropped_is_known_to_the_next() {
    let watched = RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse };
    let hangs = Arc::new(AtomicBool::new(false));
    let store = Hangs { inner: Arc::new(MemoryStore::new()), hangs: Arc::clone(&hangs) };
    let builder = AsyncEngine::builder(store).ephemeral().master_key(MasterKey::new(1, [1; 32]));
    block_on(async {
        let engine = builder.policy(policy(watched)).open().await.unwrap();
        engine.register(Register::new(NAME, PASSWORD)).await.unwrap();
        let session = engine.login(Login::new(NAME, PASSWORD)).await.unwrap().token;
        let issued = engine.issue(Issue::new(session.expose(), "web", API)).await.unwrap();
        engine.verify(issued.access.expose(), API).await.unwrap();

        hangs.store(true, Ordering::SeqCst);
        {
            let mut logout = pin!(engine.logout(session.expose()));
            assert!(matches!(logout.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        }
        hangs.store(false, Ordering::SeqCst);
        assert_eq!(engine.logout(session.expose()).await.unwrap().ended, Ended::AlreadyGone);
        let refused = engine.verify(issued.access.expose(), API).await;
        assert!(matches!(refused, Err(VerifyError::Gone(_))), "{refused:?}");
    });
}

/// While the store was down, somebody asked about text that is no token. Of nothing "it is over" was said, and the view was
/// distrusted: every good token was refused from then on, instead of after its bound.
#[test]
fn text_that_is_no_token_says_nothing_to_the_view() {
    let stage = Stage::new(RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse });
    let [(_, good), _] = stage.tokens();
    stage.engine.verify(&good, API).unwrap();
    stage.store.during_changes(|| Err(StoreError::new(StoreErrorKind::Retryable, "the store is down")));
    for text in ["", "x", "dwr_x", "a.b.c"] {
        assert!(!stage.engine.introspect(Introspect::new(text)).unwrap().is_active());
        assert_eq!(stage.engine.revoke_token(text, "web").unwrap(), Ended::AlreadyGone);
        stage.engine.verify(&good, API).unwrap();
    }
    assert_eq!(stage.store.during_changes.lock().unwrap().len(), 1, "the journal was read");
}

/// A machine's clock was four minutes fast, and was set right across a restart: the engine's time went back to the store's
/// mark. A token from before was revoked then, and forgotten before it died: it was issued later than it was revoked.
#[test]
fn inv_15_inv_21_a_token_from_before_the_clock_was_set_back_stays_revoked() {
    let watched = RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse };
    for mode in [watched, RevocationMode::Bound] {
        let mut stage = Stage::new(mode);
        let begun = Clock::now(&stage.clock);
        stage.clock.advance(Duration::from_mins(4));
        let [(session, token), _] = stage.tokens();
        stage.clock.set(begun);
        stage.engine = open(&stage.store, &stage.clock, mode);

        stage.engine.revoke_token(&token, "web").unwrap();
        for minute in 0..15 {
            let refused = stage.engine.verify(&token, API);
            assert!(refused.is_err(), "{mode:?}: accepted after {minute} minutes");
            if minute == 11 {
                // What its session forgets, it forgets when the next one is revoked.
                let other = stage.engine.issue(Issue::new(&session, "web", API)).unwrap().access;
                stage.engine.revoke_token(other.expose(), "web").unwrap();
            }
            stage.clock.advance(Duration::from_mins(1));
        }
    }
}

struct Stage {
    store: Arc<Staged>,
    clock: ManualClock,
    engine: Engine,
}

impl Stage {
    fn new(mode: RevocationMode) -> Self {
        let store = Arc::new(Staged::new());
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let engine = open(&store, &clock, mode);
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        Self { store, clock, engine }
    }

    /// Two sessions, each with an access token.
    fn tokens(&self) -> [(String, String); 2] {
        [(); 2].map(|()| {
            let session = self.engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
            let issued = self.engine.issue(Issue::new(session.expose(), "web", API)).unwrap();
            (session.expose().to_owned(), issued.access.expose().to_owned())
        })
    }
}

fn open(store: &Arc<Staged>, clock: &ManualClock, mode: RevocationMode) -> Engine {
    let builder = Engine::builder(Arc::clone(store)).ephemeral().master_key(MasterKey::new(1, [1; 32]));
    builder.policy(policy(mode)).clock(clock.clone()).open().unwrap()
}

fn policy(revocation: RevocationMode) -> Policy {
    let tokens = TokenPolicy { revocation, ..TokenPolicy::default() };
    Policy::builder().argon2(cheapest()).tokens(tokens).build().unwrap()
}

type Event<T> = Box<dyn FnOnce() -> T + Send>;

/// A store to which things happen at chosen calls.
struct Staged {
    inner: Arc<dyn Store>,
    /// By how much the journal's numbers are higher than they are.
    shift: AtomicU64,
    during_changes: Mutex<VecDeque<Event<Result<(), StoreError>>>>,
    lands_late: Mutex<Option<Event<()>>>,
    late: Mutex<Option<(Batch, Event<()>)>>,
}

impl Staged {
    fn new() -> Self {
        Self {
            inner: Arc::new(MemoryStore::new()),
            shift: AtomicU64::default(),
            during_changes: Mutex::default(),
            lands_late: Mutex::default(),
            late: Mutex::default(),
        }
    }

    /// At the next page of the journal that no earlier event is for.
    fn during_changes(&self, event: impl FnOnce() -> Result<(), StoreError> + Send + 'static) {
        self.during_changes.lock().unwrap().push_back(Box::new(event));
    }

    /// The next commit's answer is lost; it arrives before the next read, and this event before it.
    fn commit_lands_late(&self, event: impl FnOnce() + Send + 'static) {
        *self.lands_late.lock().unwrap() = Some(Box::new(event));
    }
}

impl Store for Staged {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let late = self.late.lock().unwrap().take();
        if let Some((batch, event)) = late {
            event();
            assert!(matches!(self.inner.commit(&batch), Ok(Commit::Applied)));
        }
        self.inner.read(keys)
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        if let Some(event) = self.lands_late.lock().unwrap().take() {
            *self.late.lock().unwrap() = Some((batch.clone(), event));
            return Err(StoreError::new(StoreErrorKind::Unknown, "the connection was lost"));
        }
        self.inner.commit(batch)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        self.inner.scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        let event = self.during_changes.lock().unwrap().pop_front();
        event.map_or(Ok(()), |event| event())?;
        let shift = self.shift.load(Ordering::SeqCst);
        let up = |cursor: Cursor| Cursor::from_number(cursor.number() + shift);
        let page = self.inner.changes(Cursor::from_number(after.number().saturating_sub(shift)), limit)?;
        let entries = page.entries.into_iter().map(|entry| Change { cursor: up(entry.cursor), ..entry });
        Ok(Changes { entries: entries.collect(), end: up(page.end) })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge(now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        self.inner.guarantees()
    }
}

/// A store whose commits are done, and say so never.
struct Hangs {
    inner: Arc<dyn Store>,
    hangs: Arc<AtomicBool>,
}

impl AsyncStore for Hangs {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        Box::pin(ready(self.inner.read(keys)))
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        let answer = self.inner.commit(batch);
        if self.hangs.load(Ordering::SeqCst) { Box::pin(pending()) } else { Box::pin(ready(answer)) }
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        Box::pin(ready(self.inner.scan(range, limit)))
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        Box::pin(ready(self.inner.changes(after, limit)))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        Box::pin(ready(self.inner.purge(now, limit)))
    }

    fn guarantees(&self) -> Guarantees {
        self.inner.guarantees()
    }
}
