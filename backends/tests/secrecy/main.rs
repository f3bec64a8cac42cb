//! A secret that was put in comes out nowhere: not in an answer, an error, an event, a log, a panic's message, nor in
//! the bytes of a database. RV-9, SE-2, INV 30, INV 42.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod canary;
mod dumps;
mod needs;
mod printed;
#[path = "../support/mod.rs"]
mod support;
mod web;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward::core::id::{GrantId, Stamp};
use doorward::core::model::grant::{Family, GrantsRecord, RevokedToken};
use doorward::core::model::keyring::Epochs;
use doorward::core::operation::deletions::Deletions;
use doorward::core::operation::finish_deletion::FinishDeletion;
use doorward::core::operation::trust_clock::TrustClock;
use doorward::core::password::Argon2Params;
use doorward::core::record::Row;
use doorward::core::store::Store;
use doorward::core::time::Timestamp;
use doorward::core::token::terms::{Audience, ClientId, Scope};
use doorward::events::EventQueue;
use doorward::store::MemoryStore;
use doorward::{
    Builder, Engine, Entropy, EntropyError, Issue, KeyFile, KeyFileError, Login, ManualClock, MasterKey,
    OpenSession, Pepper, Policy, Register,
};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use canary::{KEY, PEPPER, Secrets, Seeds, seed};
use printed::{Printed, traced};
use support::engine::NAME;
use support::operations::event_names;
use support::rows::dump;
use support::story::{DATA, PASSWORD, Story, policy, refusals};
use support::token_story::{API, CLIENT, elsewhere};

/// So that no two engines beside the first draw the same seeds.
static OTHERS: AtomicU16 = AtomicU16::new(1);

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// An engine's builder, which prints all that it tells, to each kind of sink.
fn builder(store: Arc<dyn Store>, clock: &ManualClock, printed: &Printed, queue: &EventQueue) -> Builder {
    let sink = printed.clone();
    let builder = Engine::builder(store)
        .ephemeral()
        .master_key(MasterKey::new(7, KEY))
        .pepper(Pepper::new(3, PEPPER))
        .policy(policy())
        .clock(clock.clone())
        .entropy(Seeds::default())
        .events(queue.sink())
        .events(move |event| {
            sink.note(event);
            // What a sink that fails would print.
            panic!("{event:?}");
        });
    #[cfg(feature = "tracing")]
    let builder = builder.events(doorward::events::to_tracing);
    builder
}

fn engine(store: Arc<dyn Store>, clock: &ManualClock, printed: &Printed, queue: &EventQueue) -> Engine {
    let builder = builder(store, clock, printed, queue);
    printed.note(&builder);
    let engine = builder.open().unwrap();
    printed.note(&engine);
    engine
}

/// RV-9, INV 30: each operation to its success and each refusal, and under every fault of every kind of call; keys,
/// peppers and clocks that do not fit; all that the core asks for. Panics' messages are listened to.
#[test]
fn rv_9_inv_30_no_secret_in_anything_that_prints() {
    let mut printed = Printed::default();
    let heard = printed.clone();
    std::panic::set_hook(Box::new(move |panic| heard.note(panic.to_string())));
    let mut rows = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let everything = printed.clone();
        traced(&everything, || {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            every_outcome(&store, &mut printed);
            rows.extend(dump(&*store).rows.into_values());
            for kind in [CallKind::Read, CallKind::Scan, CallKind::Commit, CallKind::Purge] {
                for failure in failures() {
                    every_method_under(kind, failure, &mut printed);
                }
            }
            without_entropy(&mut printed);
            openings(&printed);
            key_files(&printed);
            rows.extend(needs::of_every_operation(&mut printed));
            rows.push(granted(&printed));
            let (clock, queue) = (ManualClock::at(START), EventQueue::new(1));
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            web::of_a_login(&engine(Arc::clone(&store), &clock, &printed, &queue), &mut printed);
            rows.extend(dump(&*store).rows.into_values());
        });
    }));
    drop(std::panic::take_hook());
    outcome.unwrap_or_else(|_| panic!("{}", printed.text()));

    everything_was_printed(&printed);
    let tokens = printed.tokens();
    assert!(tokens.iter().any(|token| token.starts_with("dwd_")), "no device was known");
    let secrets = Secrets::put_in().tokens(&tokens).at_rest(&rows);
    secrets.assert_not_in("what was printed", printed.text().as_bytes());
}

/// The net holds water: each operation with each of its refusals, each fault, and each type that holds something.
fn everything_was_printed(printed: &Printed) {
    let text = printed.text();
    for name in event_names() {
        let event = format!("operation: \"{name}\", result: Success");
        assert!(text.contains(&event), "{name} never succeeded");
        let events = format!("operation: \"{name}\", result: Failed(");
        assert!(text.contains(&events), "{name} never failed");
    }
    for (name, why) in refusals() {
        let event = format!("operation: \"{name}\", result: Refused(\"{why}\")");
        assert!(text.contains(&event), "{name} was never refused for {why}");
    }
    for word in ["store", "unresolved", "entropy", "key", "clock"] {
        assert!(text.contains(&format!("Failed(\"{word}\")")), "nothing failed of {word}");
    }
    let words = printed.words();
    let missing: Vec<String> = types().into_iter().filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "never printed: {missing:?}");
    assert!(text.contains("fault store panics") && text.contains("Pepper(3, ..)"));
    #[cfg(feature = "tracing")]
    assert!(text.contains("told to tracing"));
}

/// The public structs of the core, read from its sources, but for those that hold nothing of anybody's.
fn types() -> Vec<String> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src")];
    let mut types = vec!["SessionToken".to_owned(), "DeviceToken".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            let structs = source.lines().filter_map(|line| line.strip_prefix("pub struct "));
            let names = structs.filter_map(|rest| rest.split(['(', '<', ' ', ';']).next());
            types.extend(names.filter(|name| *name != "$name" && !SILENT.contains(name)).map(str::to_owned));
        }
    }
    assert!(types.len() > 50, "{types:?}");
    types
}

/// These hold times, addresses, names and settings only.
const SILENT: [&str; 6] =
    ["IdError", "PasswordContext", "PolicyBuilder", "SourceBuckets", "SourcePrefix", "Timestamp"];

fn failures() -> [Failure; 7] {
    [
        Failure::Retryable,
        Failure::UnknownApplied,
        Failure::UnknownNotApplied,
        Failure::Fatal,
        Failure::Corrupt,
        Failure::Panics,
        Failure::PanicsApplied,
    ]
}

/// A policy under which hashes are to be upgraded.
fn moved() -> Policy {
    let argon2 = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(2).unwrap();
    Policy::builder().argon2(argon2).build().unwrap()
}

fn every_outcome(store: &Arc<dyn Store>, printed: &mut Printed) {
    let (clock, queue) = (ManualClock::at(START), EventQueue::new(4096));
    let first = engine(Arc::clone(store), &clock, printed, &queue);
    Story::new(&first, printed).every_outcome(&clock);
    printed.note(first.policy());
    let begin = |faulty: FaultStore, key: Option<MasterKey>| {
        let builder = Engine::builder(faulty).ephemeral().policy(policy()).clock(clock.clone());
        let builder = match key {
            Some(key) => builder.master_key(key),
            None => builder,
        };
        let builder = builder.master_key(MasterKey::new(7, KEY)).pepper(Pepper::new(3, PEPPER));
        let (sink, seeds) = (printed.clone(), OTHERS.fetch_add(1, Ordering::SeqCst));
        builder.entropy(Seeds::from(seeds * 1_000)).events(move |event| sink.note(event))
    };
    elsewhere(&begin, Arc::clone(store), &mut printed.clone());

    // The hashing has moved, and the clock is trusted.
    clock.set(START.saturating_sub(Duration::from_hours(48)));
    let again = || builder(Arc::clone(store), &clock, printed, &queue);
    printed.note_error(again().open());
    let second = again().policy(moved()).trust_clock().entropy(Seeds::from(200)).open().unwrap();
    let login = || Login::new("grace", PASSWORD);
    let other = second.run(login()).unwrap().unwrap();
    let token = printed.note_error(second.login(login())).unwrap().token;
    printed.note_error(second.run(other.rehash.unwrap()));
    for token in [&token, &other.token] {
        support::story::Listener::gave(printed, token.expose());
    }
    assert_eq!(queue.lost(), 0);
    printed.note(&queue);
    printed.note(queue.drain());
}

/// Whoever was there before meets this fault in each method of the engine.
fn every_method_under(kind: CallKind, failure: Failure, printed: &mut Printed) {
    let (clock, queue) = (ManualClock::at(START), EventQueue::new(4096));
    let faulty = FaultStore::new(Arc::new(MemoryStore::new()));
    let engine = engine(Arc::new(faulty.clone()), &clock, printed, &queue);
    let account = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let login = engine.login(Login::new(NAME, PASSWORD).remember_device()).unwrap();
    let guest = engine.open_session(OpenSession::new(DATA)).unwrap().token;
    let device = login.device.unwrap();
    let issued = engine.issue(Issue::new(login.token.expose(), CLIENT, API).with_refresh()).unwrap();
    let (access, refresh) = (issued.access.expose(), issued.refresh.as_ref().unwrap().expose());
    for token in [login.token.expose(), guest.expose(), device.expose(), access, refresh] {
        support::story::Listener::gave(printed, token);
    }
    let others = builder(Arc::new(faulty.clone()), &clock, printed, &queue).policy(moved()).open().unwrap();
    let rehash = others.run(Login::new(NAME, PASSWORD)).unwrap().unwrap().rehash.unwrap();
    clock.advance(Duration::from_mins(2));
    faulty.add(Rule::new(failure).on(kind).sticky());
    // What else they consist of, and would not come to.
    printed.note_error(engine.run(FinishDeletion::new(account)));
    printed.note_error(engine.run(TrustClock::new()));
    printed.note_error(engine.run(rehash));
    printed.note_error(engine.run(Deletions::new()));
    let cast = (account, login.token.expose(), guest.expose(), device.expose(), &issued);
    Story::new(&engine, printed).every_method(cast);
    printed.note_error(builder(Arc::new(faulty.clone()), &clock, printed, &queue).open());
    printed.note_error(builder(Arc::new(faulty), &clock, printed, &queue).trust_clock().open());
    printed.note(queue.drain());
}

struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

fn without_entropy(printed: &mut Printed) {
    let (clock, queue) = (ManualClock::at(START), EventQueue::new(64));
    let refused = builder(Arc::new(MemoryStore::new()), &clock, printed, &queue).entropy(NoEntropy).open();
    printed.note_error(refused);
}

/// What does not fit each other, or the store.
fn openings(printed: &Printed) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (clock, queue) = (ManualClock::at(START), EventQueue::new(64));
    let known = engine(Arc::clone(&store), &clock, printed, &queue);
    printed.note(known.now());
    let bare = || {
        let sink = printed.clone();
        let builder = Engine::builder(Arc::clone(&store)).ephemeral().policy(policy());
        builder.events(move |event| sink.note(event))
    };
    let key = || MasterKey::new(7, KEY);
    let pepper = |number| Pepper::new(number, PEPPER);
    for builder in [
        bare(),
        Engine::builder(Arc::clone(&store)).master_key(key()),
        bare().master_key(key()).maintain_every(Duration::from_millis(1)),
        bare().master_key(MasterKey::new(8, KEY)),
        bare().master_key(key()).master_key(key()),
        bare().master_key(MasterKey::new(7, seed(1))),
        bare().master_key(key()).pepper(Pepper::new(3, KEY)),
        bare().master_key(key()).pepper(pepper(3)).pepper(pepper(3)),
        bare().master_key(key()).pepper(pepper(3)).accept_pepper(pepper(3)),
        bare().master_key(key()).clock(ManualClock::at(START.saturating_sub(Duration::from_hours(48)))),
    ] {
        printed.note(&builder);
        assert!(printed.note_error(builder.open()).is_none(), "each is refused");
    }
}

/// What a session granted, as a store would show it.
fn granted(printed: &Printed) -> Row {
    let (id, until) = (GrantId::from_bytes([0x6a; 16]), START);
    let family = Family {
        number: 0,
        id,
        salt: *b"\x91family's salt\xe3\x07",
        generation: 1,
        rotated: START,
        epochs: Epochs::default(),
        client: ClientId::parse("web").unwrap(),
        audience: vec![Audience::parse("https://api.example").unwrap()],
        scope: Scope::parse("read").unwrap(),
    };
    let revoked = vec![RevokedToken { id, until }];
    let record = GrantsRecord { opened: 1, families: vec![family.clone()], revoked }.into();
    let row = Row { stamp: Stamp::from_bytes([0x6b; 16]), epoch: 0, owner: None, expires: None, record };
    printed.note((&row, family.epochs, family.scope));
    row
}

/// A key file that is cut, doubled or misnumbered is refused without being repeated.
fn key_files(printed: &Printed) {
    printed.note_error(KeyFile::load("no such file"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let key = Base64UrlUnpadded::encode_string(&KEY);
    printed.note_error(KeyFile::create(&path, 7));
    printed.note_error(KeyFile::load_or_create(&path));
    for text in [
        format!("doorward-master-key-1 7 {key}\n"),
        format!("doorward-master-key-1 7 {key}\n{key}"),
        format!("doorward-master-key-1 seven {key}\n"),
        format!("doorward-master-key-1 7 {}\n", &key[..40]),
        format!("doorward-master-key-1 {key}\n"),
        key,
    ] {
        std::fs::write(&path, text).unwrap();
        let loaded: Result<MasterKey, KeyFileError> = KeyFile::load(&path);
        printed.note_error(loaded);
    }
}
