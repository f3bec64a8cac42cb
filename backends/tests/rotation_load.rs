//! Signing keys rotate every second, while two engines on one file issue, refresh and verify on four threads: no token that is
//! valid is refused, and none whose time or whose key is over is accepted. Six seconds of it, or as many as
//! `DOORWARD_ROTATION_SECONDS` says.
//!
//! The tokens of one engine live longer than the other's, so that a key can be over, for the other, before its tokens are.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // tests

mod support;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use doorward::core::record::Key;
use doorward::core::store::Store;
use doorward::core::token::jwt::{Compact, JwtError};
use doorward::store::SqliteStore;
use doorward::{
    Engine, Issue, Issued, Login, MasterKey, Policy, Refresh, Register, RevocationMode, RotateKeys,
    Timestamp, TokenPolicy, Verifier, VerifyError, WhenStale,
};

use support::engine::{NAME, PASSWORD};
use support::everywhere::folder;
use support::modes::AUDIENCE;
use support::remembered::cheapest;

const LEEWAY: Duration = Duration::from_millis(100);
const SKEW: Duration = Duration::from_millis(100);
/// Longer than anybody here keeps keys without asking.
const OVERLAP: Duration = Duration::from_millis(900);
const EVERY: Duration = Duration::from_secs(1);
const LIVES: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(1)];

fn open(store: Arc<SqliteStore>, lifetime: Duration, revocation: RevocationMode) -> Engine {
    let tokens = TokenPolicy {
        lifetime,
        leeway: LEEWAY,
        overlap: OVERLAP,
        rotate_every: EVERY,
        revocation,
        ..TokenPolicy::default()
    };
    let policy = Policy::builder().argon2(cheapest()).tokens(tokens).max_skew(SKEW).build().unwrap();
    Engine::builder(store).master_key(MasterKey::new(1, [0x42; 32])).policy(policy).open().unwrap()
}

#[derive(Default)]
struct Counts {
    issued: AtomicU64,
    refreshed: AtomicU64,
    accepted: AtomicU64,
    expired: AtomicU64,
    key_over: AtomicU64,
    between: AtomicU64,
    by_jwks: AtomicU64,
    rotations: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// When each key was followed by the next, as far as it is known.
type Successors = RwLock<BTreeMap<String, Timestamp>>;

fn rotate(engine: &Engine, store: &dyn Store, successors: &Successors, counts: &Counts) {
    let rotated = engine.rotate_keys(RotateKeys::new()).unwrap();
    assert!(rotated.is_new, "the one before signs by now");
    count(&counts.rotations);
    let row = store.read(&[Key::Keyring]).unwrap().remove(0).unwrap();
    let signing = &row.keyring().unwrap().signing;
    assert!(signing.len() < 16, "{} keys", signing.len());
    let followed = signing.windows(2).map(|pair| (pair[0].kid.clone(), pair[1].active_from));
    successors.write().unwrap().extend(followed);
}

/// What a token was when it was held against an engine of this token life.
fn judge(engine: &Engine, life: Duration, issued: &Issued, successors: &Successors, counts: &Counts) {
    let token = issued.access.expose();
    let kid = Compact::parse(token).unwrap().kid().to_owned();
    let before = engine.now();
    let outcome = engine.verify(token, AUDIENCE);
    let after = engine.now();
    // Looked up afterwards: a key that was followed by then is in the map.
    let key_over = successors
        .read()
        .unwrap()
        .get(&kid)
        .map(|followed| followed.saturating_add(life + LEEWAY + SKEW * 2));
    let expired = issued.expires.saturating_add(LEEWAY);
    let is_over_at = |moment: Timestamp| moment >= expired || key_over.is_some_and(|over| moment >= over);
    match outcome {
        Ok(_) => {
            assert!(!is_over_at(before), "accepted {:?} after its end", before.since(expired));
            count(&counts.accepted);
        }
        Err(VerifyError::Token(error @ (JwtError::Expired | JwtError::UnknownKey))) => {
            assert!(
                is_over_at(after),
                "{error:?}, {:?} before its end, key over at {key_over:?}",
                expired.since(after)
            );
            count(match error {
                _ if !is_over_at(before) => &counts.between,
                JwtError::Expired => &counts.expired,
                _ => &counts.key_over,
            });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn inv_36_keys_rotate_every_second_and_no_valid_token_is_refused_nor_a_retired_one_accepted() {
    let seconds = std::env::var("DOORWARD_ROTATION_SECONDS").map_or(6, |text| text.parse().unwrap());
    let folder = folder();
    let path = folder.path().join("auth.db");
    let stores = [(); 2].map(|()| Arc::new(SqliteStore::open(&path).unwrap()));
    let watched = RevocationMode::Watched {
        max_staleness: Duration::from_millis(300),
        when_stale: WhenStale::AskStore,
    };
    let engines = [
        open(Arc::clone(&stores[0]), LIVES[0], RevocationMode::Bound),
        open(Arc::clone(&stores[1]), LIVES[1], watched),
    ];
    engines[0].register(Register::new(NAME, PASSWORD)).unwrap();
    let (counts, successors, is_over) = (Counts::default(), Successors::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        for number in 0..4_usize {
            let (engines, counts, successors, is_over) = (&engines, &counts, &successors, &is_over);
            scope.spawn(move || work(number, engines, successors, counts, is_over));
        }
        let _over = Over(&is_over);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            // By the engine of the longer lives: who rotates removes the keys that are over by its own policy.
            rotate(&engines[0], &*stores[0], &successors, &counts);
            thread::sleep(EVERY);
        }
    });
    let all = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{} rotations, {} issued, {} refreshed, {} accepted, {} expired, {} of a key that was over, {} on the edge, {} by JWKS",
        all(&counts.rotations),
        all(&counts.issued),
        all(&counts.refreshed),
        all(&counts.accepted),
        all(&counts.expired),
        all(&counts.key_over),
        all(&counts.between),
        all(&counts.by_jwks),
    );
    assert!(all(&counts.rotations) >= seconds.min(3) - 1);
    for counter in [
        &counts.issued,
        &counts.refreshed,
        &counts.accepted,
        &counts.expired,
        &counts.key_over,
        &counts.by_jwks,
    ] {
        assert!(all(counter) > 0, "each of these was to be seen");
    }
}

/// The others end, too, when this thread does.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Issues and refreshes at either engine, and holds what there is, new and old, against both.
fn work(
    number: usize,
    engines: &[Engine; 2],
    successors: &Successors,
    counts: &Counts,
    is_over: &AtomicBool,
) {
    let session = engines[0].login(Login::new(NAME, PASSWORD)).unwrap().token;
    let asked = || Issue::new(session.expose(), "web", AUDIENCE);
    // One family for each thread: of a seventeenth, the first would be pushed out.
    let mut refresh = engines[0].issue(asked().with_refresh()).unwrap().refresh.unwrap();
    let mut held = VecDeque::new();
    let mut jwks = None;
    let mut turn = number;
    while !is_over.load(Ordering::SeqCst) {
        turn += 1;
        let engine = &engines[turn % 2];
        let (fetched, verifier) = match jwks.take() {
            Some((fetched, verifier)) if engine.now().since(fetched) < OVERLAP / 2 => (fetched, verifier),
            _ => {
                let fetched = engine.now();
                let keys = engine.jwks().unwrap();
                let verifier = Verifier::new(keys.to_json(), "doorward", AUDIENCE).unwrap();
                (fetched, verifier)
            }
        };
        let issued = if turn.is_multiple_of(3) {
            count(&counts.refreshed);
            engine.refresh(Refresh::new(refresh.expose(), "web")).unwrap()
        } else {
            count(&counts.issued);
            engine.issue(asked()).unwrap()
        };
        let signed = engine.now();
        if turn.is_multiple_of(3) {
            refresh = issued.refresh.clone().unwrap();
        }
        // Whoever keeps a JWKS for no longer than the overlap knows each key before it signs.
        if signed.since(fetched) < OVERLAP {
            let claims = verifier.verify(issued.access.expose(), signed);
            let is_right = claims.is_ok() || signed >= issued.expires;
            assert!(is_right, "{claims:?}");
            count(&counts.by_jwks);
        }
        jwks = Some((fetched, verifier));
        held.push_back(issued);
        // Some old ones, some new ones, by both.
        for step in 0..6 {
            let at = (turn * 31 + step * held.len() / 6) % held.len();
            for (engine, life) in engines.iter().zip(LIVES) {
                judge(engine, life, &held[at], successors, counts);
            }
        }
        if held.len() > 2_000
            || held.front().is_some_and(|old: &Issued| engine.now().since(old.expires) > EVERY)
        {
            held.pop_front();
        }
        // So that one machine of two cores can run its other tests, and the file does not grow without end.
        thread::sleep(Duration::from_millis(2));
    }
}
