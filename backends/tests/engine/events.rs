//! RV-8, RV-10: one event for each operation, success and refusal, after its commit; no line of it can be broken,
//! and whatever its sink does, the outcome stands.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use doorward::core::error::{Fault, StoreError};
use doorward::core::event::{Event, EventResult};
use doorward::core::password::Argon2Params;
use doorward::core::record::{Key, Kind, Row};
use doorward::core::store::{Batch, Changes, Commit, Cursor, Guarantees, Range, Store};
use doorward::core::time::Timestamp;
use doorward::store::MemoryStore;
use doorward::{
    Builder, Engine, Entropy, EntropyError, Login, LoginError, ManualClock, MasterKey, Policy, Register,
    RegisterError,
};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use crate::support::engine::{NAME, PASSWORD, policy};
use crate::support::operations::event_names;
use crate::support::rows::{Dump, dump};
use crate::support::story::{self, Listener, REFUSALS, Story, refusals};
use crate::support::token_story::elsewhere;

const START: i64 = 1_700_000_000_000;
const WRONG: &str = "a wrong and improper password";

fn builder(store: Arc<dyn Store>, clock: &ManualClock) -> Builder {
    Engine::builder(store)
        .ephemeral()
        .master_key(MasterKey::new(1, [0x42; 32]))
        .policy(policy())
        .clock(clock.clone())
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(START))
}

/// What the sink heard, each with the store as it was at that moment.
type Heard = Arc<Mutex<Vec<(Event, Dump)>>>;

fn listening(store: &Arc<dyn Store>, clock: &ManualClock) -> (Engine, Heard) {
    let heard = Heard::default();
    let (to, seen) = (Arc::clone(&heard), Arc::clone(store));
    let tell = move |event: &Event| to.lock().unwrap().push((event.clone(), dump(&*seen)));
    (builder(Arc::clone(store), clock).events(tell).open().unwrap(), heard)
}

fn one(heard: &Heard) -> (Event, Dump) {
    let mut heard = std::mem::take(&mut *heard.lock().unwrap());
    assert_eq!(heard.len(), 1, "{heard:?}");
    heard.remove(0)
}

#[test]
fn rv_8_one_event_per_operation_success_and_refusal_with_utc_milliseconds() {
    use EventResult::{Refused, Success};
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = clock();
    let (engine, heard) = listening(&store, &clock);
    let expect = |operation: &str, result| {
        let (event, _) = one(&heard);
        assert_eq!((event.operation, event.result), (operation, result));
        assert_eq!(event.at, engine.now());
        clock.advance(Duration::from_millis(17));
        event.subject
    };
    assert_eq!(engine.now().as_millis(), START);
    expect("open", Success);

    let ada = engine.register(Register::new("Ada", PASSWORD)).unwrap();
    let subject = expect("register", Success);
    assert_eq!((subject.name.unwrap().as_str(), subject.account), ("ada", Some(ada)));
    engine.register(Register::new(NAME, PASSWORD)).unwrap_err();
    expect("register", Refused("taken"));
    engine.register(Register::new("", PASSWORD)).unwrap_err();
    expect("register", Refused("name"));
    engine.register(Register::new("grace", "short")).unwrap_err();
    expect("register", Refused("password"));
    engine.register(Register::new("grace", PASSWORD)).unwrap();
    expect("register", Success);
    let hers = engine.login(Login::new("grace", PASSWORD)).unwrap().token;
    expect("login", Success);

    let source: std::net::IpAddr = "2001:db8::1".parse().unwrap();
    let login = engine.login(Login::new(NAME, PASSWORD).source(source)).unwrap();
    let subject = expect("login", Success);
    assert_eq!((subject.account, subject.session), (Some(ada), Some(login.session.id)));
    assert_eq!(subject.source.unwrap().address(), source);
    engine.login(Login::new(NAME, PASSWORD).previous(hers.expose())).unwrap_err();
    expect("login", Refused("other account"));
    engine.login(Login::new("a b", PASSWORD)).unwrap_err();
    expect("login", Refused("name"));
    engine.login(Login::new(NAME, "x".repeat(5000))).unwrap_err();
    expect("login", Refused("password"));
    for _ in 0..5 {
        engine.login(Login::new("nobody", WRONG)).unwrap_err();
        // GU-5: an event, too, tells a name without an account from one with only by what was given.
        let subject = expect("login", Refused("denied"));
        assert_eq!((subject.name.unwrap().as_str(), subject.account), ("nobody", None));
    }
    engine.login(Login::new("nobody", WRONG)).unwrap_err();
    expect("login", Refused("throttled"));

    let token = login.token.expose();
    engine.authenticate(token).unwrap();
    assert_eq!(expect("authenticate", Success).session, Some(login.session.id));
    engine.authenticate("no token").unwrap_err();
    expect("authenticate", Refused("token"));
    engine.logout("no token").unwrap_err();
    expect("logout", Refused("token"));
    engine.logout(token).unwrap();
    expect("logout", Success);
    engine.logout(token).unwrap();
    expect("logout", Success);
    engine.authenticate(token).unwrap_err();
    expect("authenticate", Refused("gone"));
}

/// What the sink sees in the store when it is told is what the event says.
#[test]
fn rv_8_the_event_comes_after_the_commit() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = clock();
    let (engine, heard) = listening(&store, &clock);
    assert!(one(&heard).1.has(Kind::Keyring));
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    assert!(one(&heard).1.has(Kind::Credential));
    engine.login(Login::new(NAME, WRONG)).unwrap_err();
    assert!(one(&heard).1.has(Kind::Attempts));
    let login = engine.login(Login::new(NAME, PASSWORD)).unwrap();
    let (_, seen) = one(&heard);
    assert!(seen.rows.contains_key(&Key::Session(login.session.id)) && !seen.has(Kind::Attempts));
    engine.logout(login.token.expose()).unwrap();
    let (_, seen) = one(&heard);
    assert!(!seen.has(Kind::Session) && seen.journal.len() == 1);
}

/// An operation that could not decide is told of as well, whatever failed.
#[test]
fn rv_8_faults_are_told_once_each() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let faulty = FaultStore::new(store);
    let shared: Arc<dyn Store> = Arc::new(faulty.clone());
    let clock = clock();
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let to = Arc::clone(&heard);
    let engine =
        builder(shared, &clock).events(move |event| to.lock().unwrap().push(event.clone())).open().unwrap();
    heard.lock().unwrap().clear();
    for (failure, kind, word) in [
        (Failure::Fatal, CallKind::Read, "store"),
        (Failure::Panics, CallKind::Read, "store"),
        (Failure::UnknownNotApplied, CallKind::Commit, "unresolved"),
        (Failure::Panics, CallKind::Commit, "unresolved"),
    ] {
        faulty.add(Rule::new(failure).on(kind));
        engine.register(Register::new(NAME, PASSWORD)).unwrap_err();
        faulty.heal();
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].result, EventResult::Failed(word));
        assert_eq!(heard[0].subject.name.as_ref().unwrap().as_str(), NAME);
    }
}

struct NoEntropyAfter(std::sync::atomic::AtomicU8);

impl Entropy for NoEntropyAfter {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        bytes.fill(number + 1);
        if number == 0 { Ok(()) } else { Err(EntropyError) }
    }
}

/// RV-8, SE-1: an operation that got no seed never began, but the trail must show that somebody was turned away.
#[test]
fn rv_8_se_1_an_operation_without_entropy_is_told_too() {
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let to = Arc::clone(&heard);
    let engine = builder(Arc::new(MemoryStore::new()), &clock())
        .entropy(NoEntropyAfter(0.into()))
        .events(move |event| to.lock().unwrap().push(event.clone()))
        .open()
        .unwrap();
    heard.lock().unwrap().clear();
    let outcome = engine.login(Login::new(NAME, PASSWORD));
    assert!(matches!(outcome, Err(LoginError::Fault(Fault::Entropy))), "{outcome:?}");
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!((heard[0].operation, heard[0].result), ("login", EventResult::Failed("entropy")));
    assert_eq!(heard[0].subject.name.as_ref().unwrap().as_str(), NAME);
    assert_eq!(heard[0].at.as_millis(), START);
}

/// A store that answers a read with one row too many.
struct Miscounting(MemoryStore);

impl Store for Miscounting {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let mut rows = self.0.read(keys)?;
        if keys != [Key::Keyring, Key::Clock] {
            rows.push(None);
        }
        Ok(rows)
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        self.0.commit(batch)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        self.0.scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.0.changes(after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.purge(now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }
}

#[test]
fn rv_8_a_store_that_answers_nonsense_is_a_fault_and_told() {
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let to = Arc::clone(&heard);
    let engine = builder(Arc::new(Miscounting(MemoryStore::new())), &clock())
        .events(move |event| to.lock().unwrap().push(event.clone()))
        .open()
        .unwrap();
    heard.lock().unwrap().clear();
    let outcome = engine.login(Login::new(NAME, PASSWORD));
    assert!(matches!(outcome, Err(LoginError::Fault(Fault::Misuse(_)))), "{outcome:?}");
    let results: Vec<EventResult> = heard.lock().unwrap().iter().map(|event| event.result).collect();
    assert_eq!(results, [EventResult::Failed("misuse")]);
}

/// RV-10 (ASVS 5.0, 16.4.1): no text of a stranger breaks a line of the log.
#[test]
fn rv_10_line_breaks_never_reach_an_event_or_a_label() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = clock();
    let (engine, heard) = listening(&store, &clock);
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    heard.lock().unwrap().clear();
    for breaks in ["\r\n", "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\u{b}", "\u{c}", "\u{1b}[2K", "\0"]
    {
        let name = format!("ada{breaks}root logged in");
        engine.login(Login::new(&name, PASSWORD)).unwrap_err();
        engine.register(Register::new(&format!("ada{breaks}root"), PASSWORD)).unwrap_err();
        let label = format!("Firefox{breaks}root logged in");
        let login = engine.login(Login::new(NAME, PASSWORD).label(&label)).unwrap();
        let session = engine.authenticate(login.token.expose()).unwrap();
        let label = session.label.unwrap();
        assert!(label.as_str().starts_with("Firefox\u{fffd}"), "{label:?}");
        assert!(!label.as_str().contains(breaks), "{label:?}");
        engine.logout(login.token.expose()).unwrap();
        for (event, _) in std::mem::take(&mut *heard.lock().unwrap()) {
            let line = format!("{event:?}");
            assert!(!line.contains(breaks) && !line.contains("root"), "{line}");
            assert!(
                !line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')),
                "{line:?}"
            );
        }
    }
}

/// What a panic may carry: it panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the payload, too");
    }
}

#[test]
fn a_sink_that_panics_or_asks_back_changes_no_outcome() {
    let sinks: [fn(&Engine); 3] = [
        |_| panic!("the sink"),
        |_| std::panic::panic_any(Bomb),
        |engine| drop(engine.authenticate("no token")),
    ];
    for sink in sinks {
        let back: Arc<OnceLock<Engine>> = Arc::default();
        let asked = Arc::clone(&back);
        let told = move |event: &Event| {
            if let (Some(engine), true) = (asked.get(), event.result == EventResult::Success) {
                sink(engine);
            }
        };
        let engine = builder(Arc::new(MemoryStore::new()), &clock()).events(told).open().unwrap();
        assert!(back.set(engine.clone()).is_ok());
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        assert!(matches!(engine.register(Register::new(NAME, PASSWORD)), Err(RegisterError::Taken)));
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        engine.authenticate(token.expose()).unwrap();
        engine.logout(token.expose()).unwrap();
        assert!(engine.authenticate(token.expose()).is_err());
    }
}

/// Hears a story, and compares it with what the sink was told.
struct Audit {
    heard: Arc<Mutex<Vec<Event>>>,
    told: BTreeSet<(&'static str, Option<&'static str>)>,
}

impl Audit {
    fn expect(&mut self, told: &[(&'static str, EventResult)], what: &dyn Debug) {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        let heard: Vec<_> = heard.iter().map(|event| (event.operation, event.result)).collect();
        assert_eq!(heard, told, "{what:?}");
        self.told.extend(told.iter().map(|(operation, result)| match result {
            EventResult::Success => (*operation, None),
            EventResult::Refused(why) | EventResult::Failed(why) => (*operation, Some(*why)),
        }));
    }
}

impl Listener for Audit {
    fn came(&mut self, outcome: &dyn Debug, _: &[String], told: &[(&'static str, EventResult)]) {
        self.expect(told, outcome);
    }
}

/// RV-8 (ASVS 5.0, 16.3.1): each operation is told, its success and each of its refusals, in the documented words.
#[test]
fn rv_8_every_operation_tells_its_success_and_each_of_its_refusals() {
    use EventResult::{Failed, Refused, Success};
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (clock, heard) = (clock(), Arc::<Mutex<Vec<Event>>>::default());
    let listened = || {
        let to = Arc::clone(&heard);
        builder(Arc::clone(&store), &clock).events(move |event| to.lock().unwrap().push(event.clone()))
    };
    let mut audit = Audit { heard: Arc::clone(&heard), told: BTreeSet::new() };
    let engine = listened().policy(story::policy()).open().unwrap();
    audit.expect(&[("open", Success)], &engine);
    Story::new(&engine, &mut audit).every_outcome(&clock);
    let begin = |faulty: FaultStore, key: Option<MasterKey>| {
        let to = Arc::clone(&heard);
        let builder = Engine::builder(faulty).ephemeral().clock(clock.clone()).policy(story::policy());
        let builder = match key {
            Some(key) => builder.master_key(key),
            None => builder,
        };
        let builder = builder.master_key(MasterKey::new(1, [0x42; 32]));
        builder.events(move |event| to.lock().unwrap().push(event.clone()))
    };
    elsewhere(&begin, Arc::clone(&store), &mut audit);

    // What only another opening brings: a wrong key, a clock gone wrong, a hash to upgrade.
    let other = Engine::builder(Arc::clone(&store)).ephemeral().master_key(MasterKey::new(1, [1; 32]));
    let to = Arc::clone(&heard);
    let refused = other.events(move |event| to.lock().unwrap().push(event.clone())).open();
    audit.expect(&[("open", Failed("key"))], &refused);
    clock.set(Timestamp::from_millis(START).saturating_sub(Duration::from_hours(48)));
    let refused = listened().open();
    audit.expect(&[("open", Failed("clock"))], &refused);
    let moved = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(2).unwrap();
    let moved = Policy::builder().argon2(moved).build().unwrap();
    let engine = listened().policy(moved).trust_clock().open().unwrap();
    audit.expect(&[("open", Success), ("trust_clock", Success)], &engine);
    // Of two logins at once the one rehashes before the other, which lets it be.
    let other = engine.run(Login::new("grace", story::PASSWORD)).unwrap().unwrap();
    engine.login(Login::new("grace", story::PASSWORD)).unwrap();
    engine.run(other.rehash.unwrap()).unwrap();
    let rehashed = [("login", Success), ("login", Success), ("rehash", Success)];
    audit.expect(&[&rehashed[..], &[("rehash", Refused("overtaken"))]].concat(), &engine);

    let refusals = refusals().map(|(name, word)| (name, Some(word)));
    let successes = event_names().into_iter().map(|name| (name, None));
    let failures = [("open", Some("key")), ("open", Some("clock"))];
    assert_eq!(audit.told, refusals.chain(successes).chain(failures).collect());
}

/// RV-8: a reader of the trail finds each word of it in the documentation, and no other.
#[test]
fn rv_8_the_words_of_refusals_are_the_documented_ones() {
    let source = include_str!("../../../core/src/event.rs");
    let (_, after) = source.split_once("the word says why:").unwrap();
    let (list, _) = after.split_once("Refused(").unwrap();
    let documented: BTreeSet<&str> = list.split('`').skip(1).step_by(2).collect();
    let told: BTreeSet<&str> = REFUSALS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
    assert_eq!(documented, told);
}
