//! Starting: engines that must not open, master keys that change, and what a restart remembers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use doorward::core::error::Fault;
use doorward::core::model::session::Gone;
use doorward::core::secret::KeyError;
use doorward::core::store::{Guarantees, Store};
use doorward::core::token::opaque::TokenError;
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{
    AuthenticateError, Builder, Ended, Engine, Entropy, EntropyError, Login, LoginError, MasterKey,
    OpenError, Register, RegisterError,
};

use crate::support::engine::{NAME, PASSWORD, each_store, policy};
use crate::support::rows::dump;

const WRONG: &str = "a wrong and improper password";

fn key(number: u32) -> MasterKey {
    MasterKey::new(number, [u8::try_from(number).unwrap(); 32])
}

/// An engine with these keys, the first of which makes tokens.
fn with_keys(store: &Arc<dyn Store>, keys: impl IntoIterator<Item = MasterKey>) -> Result<Engine, OpenError> {
    let builder = Engine::builder(Arc::clone(store)).ephemeral().policy(policy());
    keys.into_iter().fold(builder, Builder::master_key).open()
}

#[test]
fn an_engine_that_does_not_fit_does_not_open_and_changes_nothing() {
    for store in each_store() {
        let store = store.store;
        assert!(matches!(with_keys(&store, []), Err(OpenError::NoKey)));
        let twice = with_keys(&store, [key(1), MasterKey::new(1, [9; 32])]);
        assert!(matches!(twice, Err(OpenError::Key(KeyError::Duplicate(1)))), "{twice:?}");
        assert!(dump(&*store).rows.is_empty());

        with_keys(&store, [key(1)]).unwrap();
        let before = dump(&*store);
        let impostor = MasterKey::new(1, [9; 32]);
        for (keys, expected) in [
            (vec![impostor.clone()], KeyError::Wrong(1)),
            (vec![key(2)], KeyError::Unknown),
            (vec![key(2), key(3)], KeyError::Unknown),
            (vec![key(2), impostor.clone()], KeyError::Wrong(1)),
            (vec![key(1), key(2), key(2)], KeyError::Duplicate(2)),
        ] {
            let outcome = with_keys(&store, keys);
            assert!(matches!(&outcome, Err(OpenError::Key(error)) if *error == expected), "{outcome:?}");
            assert_eq!(dump(&*store), before);
        }
        with_keys(&store, [key(1)]).unwrap();
        assert_eq!(dump(&*store), before, "opening again writes nothing");
    }
}

#[test]
fn a_store_that_forgets_is_taken_only_when_that_is_meant() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let outcome = Engine::builder(Arc::clone(&store)).master_key(key(1)).open();
    let Err(OpenError::Guarantees { offered, asked }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((offered, asked), (Guarantees::EPHEMERAL, Guarantees::ALL));
    assert!(dump(&*store).rows.is_empty());
}

/// INV 36, JW-19's like: a key is added, made the first, and dropped.
#[test]
fn inv_36_a_change_of_master_key_from_beginning_to_end() {
    for store in each_store() {
        let store = store.store;
        let token =
            |engine: &Engine| engine.login(Login::new(NAME, PASSWORD)).unwrap().token.expose().to_owned();
        let only_old = with_keys(&store, [key(1)]).unwrap();
        only_old.register(Register::new(NAME, PASSWORD)).unwrap();
        let old = token(&only_old);
        // Every instance accepts the new key before one makes tokens with it.
        let both = with_keys(&store, [key(1), key(2)]).unwrap();
        let under_old = token(&both);
        assert!(only_old.authenticate(&under_old).is_ok(), "the first key makes the tokens");
        let new_first = with_keys(&store, [key(2), key(1)]).unwrap();
        let new = token(&new_first);
        for engine in [&both, &new_first] {
            assert!(engine.authenticate(&old).is_ok() && engine.authenticate(&new).is_ok());
        }
        let outcome = only_old.authenticate(&new);
        assert!(matches!(outcome, Err(AuthenticateError::Token(TokenError::Key))), "{outcome:?}");

        let only_new = with_keys(&store, [key(2)]).unwrap();
        assert!(only_new.authenticate(&new).is_ok());
        let outcome = only_new.authenticate(&old);
        assert!(matches!(outcome, Err(AuthenticateError::Token(TokenError::Key))), "{outcome:?}");
        // The number of a dropped key is not another's.
        let reused = with_keys(&store, [key(2), MasterKey::new(1, [9; 32])]);
        assert!(matches!(reused, Err(OpenError::Key(KeyError::Wrong(1)))), "{reused:?}");
    }
}

/// A change of master key resets no lockout.
#[test]
fn inv_38_a_wait_survives_a_change_of_master_key() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let engine = with_keys(&store, [key(1)]).unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    for _ in 0..5 {
        engine.login(Login::new(NAME, WRONG)).unwrap_err();
    }
    with_keys(&store, [key(1), key(2)]).unwrap();
    let engine = with_keys(&store, [key(2)]).unwrap();
    let outcome = engine.login(Login::new(NAME, PASSWORD));
    assert!(matches!(outcome, Err(LoginError::Throttled { .. })), "{outcome:?}");
}

/// A source that gives 1, 2, 3 … and from a number on fails, gives zeros, or repeats itself.
#[derive(Clone, Copy)]
enum Then {
    Fail,
    Zeros,
    Repeat,
}

struct Source(AtomicU8, u8, Then);

impl Entropy for Source {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let is_good = number <= self.1;
        bytes.fill(match self.2 {
            _ if is_good => number,
            Then::Repeat => 1,
            Then::Fail | Then::Zeros => 0,
        });
        if matches!(self.2, Then::Fail) && !is_good { Err(EntropyError) } else { Ok(()) }
    }
}

fn with_entropy(store: &Arc<dyn Store>, good: u8, then: Then) -> Result<Engine, OpenError> {
    let builder = Engine::builder(Arc::clone(store)).ephemeral().policy(policy()).master_key(key(1));
    builder.entropy(Source(AtomicU8::new(0), good, then)).open()
}

#[test]
fn se_1_without_entropy_nothing_is_done_and_nothing_is_weak() {
    for then in [Then::Fail, Then::Zeros] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let outcome = with_entropy(&store, 0, then);
        assert!(matches!(outcome, Err(OpenError::Fault(Fault::Entropy))), "{outcome:?}");
        assert!(dump(&*store).rows.is_empty());

        let engine = with_entropy(&store, 3, then).unwrap();
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        let before = dump(&*store);
        assert!(matches!(
            engine.register(Register::new("grace", PASSWORD)),
            Err(RegisterError::Fault(Fault::Entropy))
        ));
        assert!(matches!(engine.login(Login::new(NAME, PASSWORD)), Err(LoginError::Fault(Fault::Entropy))));
        assert!(engine.logout(token.expose()).is_err());
        assert!(engine.authenticate(token.expose()).is_ok(), "who only looks draws nothing");
        assert_eq!(dump(&*store), before);
    }
}

/// The fault table's "duplicate key": a source that repeats itself overwrites nobody.
#[test]
fn se_1_a_source_that_repeats_itself_overwrites_nothing() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let engine = with_entropy(&store, 0, Then::Repeat).unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    let before = dump(&*store);
    let outcome = engine.register(Register::new("grace", PASSWORD));
    assert!(matches!(outcome, Err(RegisterError::Fault(Fault::Contended))), "{outcome:?}");
    let outcome = engine.login(Login::new(NAME, PASSWORD));
    assert!(matches!(outcome, Err(LoginError::Fault(Fault::Contended))), "{outcome:?}");
    assert_eq!(dump(&*store), before);
    assert!(engine.authenticate(token.expose()).is_ok());
}

fn on_file(path: &Path) -> Engine {
    let store = SqliteStore::open(path).unwrap();
    Engine::builder(store).master_key(key(1)).policy(policy()).open().unwrap()
}

/// INV 15, 26: sessions, logouts and lockouts are in the file when they are said, with no goodbye.
#[test]
fn inv_15_inv_26_sessions_logouts_and_lockouts_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let engine = on_file(&path);
    let account = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine.register(Register::new("grace", PASSWORD)).unwrap();
    let login = || engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    let (lives, ended, replaced) = (login(), login(), login());
    engine.logout(ended.expose()).unwrap();
    let fresh = engine.login(Login::new(NAME, PASSWORD).previous(replaced.expose())).unwrap().token;
    for name in ["grace", "nobody"] {
        for _ in 0..5 {
            engine.login(Login::new(name, WRONG)).unwrap_err();
        }
    }
    // What a machine would find that lost power now.
    let copy = folder.path().join("copy.db");
    for end in ["", "-wal"] {
        let with = |path: &Path| format!("{}{end}", path.display());
        std::fs::copy(with(&path), with(&copy)).unwrap();
    }
    drop(engine);
    for path in [path, copy] {
        let engine = on_file(&path);
        for live in [&lives, &fresh] {
            assert_eq!(engine.authenticate(live.expose()).unwrap().account, account);
        }
        for dead in [&ended, &replaced] {
            let outcome = engine.authenticate(dead.expose());
            assert!(matches!(outcome, Err(AuthenticateError::Gone(Gone::Ended))), "{outcome:?}");
            assert_eq!(engine.logout(dead.expose()).unwrap().ended, Ended::AlreadyGone);
        }
        for name in ["grace", "nobody"] {
            let outcome = engine.login(Login::new(name, PASSWORD));
            assert!(matches!(outcome, Err(LoginError::Throttled { .. })), "{name}: {outcome:?}");
        }
        assert!(engine.login(Login::new(NAME, PASSWORD)).is_ok());
    }
}
