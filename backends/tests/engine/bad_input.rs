//! What strangers send: names, passwords and tokens that are none. Each meets its own typed error, no store is
//! asked where none is needed, and nothing is written.

use std::sync::Arc;

use doorward::core::name::NameError;
use doorward::core::password::{BlockedReason, PasswordError};
use doorward::core::store::Store;
use doorward::store::MemoryStore;
use doorward::{Engine, Login, LoginError, Register, RegisterError};
use doorward_conformance::fault::FaultStore;

use crate::support::engine::{PASSWORD, each_store, open};
use crate::support::rows::dump;

/// An engine, the calls it makes, and the rows it leaves.
struct Stage {
    inner: Arc<dyn Store>,
    faulty: FaultStore,
    engine: Engine,
}

impl Stage {
    fn new(inner: Arc<dyn Store>) -> Self {
        let faulty = FaultStore::new(Arc::clone(&inner));
        let engine = open(Arc::new(faulty.clone()));
        Self { inner, faulty, engine }
    }

    fn memory() -> Self {
        Self::new(Arc::new(MemoryStore::new()))
    }

    /// What is done without one call of the store, and so without a change.
    fn without_the_store<T>(&self, operation: impl FnOnce(&Engine) -> T) -> T {
        self.faulty.forget_calls();
        let outcome = operation(&self.engine);
        assert!(self.faulty.calls().is_empty(), "{:?}", self.faulty.calls());
        outcome
    }
}

#[test]
fn names_that_cannot_be_one_are_refused_without_the_store() {
    let stage = Stage::memory();
    let huge = "a".repeat(100 * 1024);
    for (name, expected) in [
        ("", NameError::Empty),
        (huge.as_str(), NameError::TooLong),
        (&"ａ".repeat(342), NameError::TooLong), // over 1,024 bytes as typed, 342 in canonical form
        (&"a".repeat(255), NameError::TooLong),
        ("ada\0", NameError::Forbidden),
        ("ada\u{1b}[31m", NameError::Forbidden),
        ("ada\r\nlogin: root", NameError::Forbidden),
        ("ada lovelace", NameError::Forbidden),
        (" ada", NameError::Forbidden),
        ("ada\u{202e}toor", NameError::Forbidden),
        ("ada\u{2066}", NameError::Forbidden),
        ("ada\u{200b}", NameError::Forbidden),
        ("שלוםada", NameError::Bidirectional),
        ("аda", NameError::MixedScript), // the first letter is Cyrillic
        ("αdmin@example.com", NameError::MixedScript), // Greek alpha
    ] {
        let outcome = stage.without_the_store(|engine| engine.register(Register::new(name, PASSWORD)));
        assert!(matches!(outcome, Err(RegisterError::Name(error)) if error == expected), "{outcome:?}");
        let outcome = stage.without_the_store(|engine| engine.login(Login::new(name, PASSWORD)));
        assert!(matches!(outcome, Err(LoginError::Name(error)) if error == expected), "{outcome:?}");
    }
}

/// However it is typed, it is one account, and nobody registers the other spelling.
#[test]
fn inv_29_spellings_of_one_name_are_one_account() {
    for store in each_store() {
        let stage = Stage::new(Arc::clone(&store.store));
        for (first, spellings) in [
            ("jos\u{e9}", &["jose\u{301}", "JOS\u{c9}", "Jose\u{301}", "ｊｏｓ\u{e9}"][..]),
            ("Alice", &["alice", "ALICE", "ＡＬＩＣＥ", "ａlice"]),
            ("ガンダム", &["ｶﾞﾝﾀﾞﾑ", "カ\u{3099}ンタ\u{3099}ム"]),
        ] {
            let account = stage.engine.register(Register::new(first, PASSWORD)).unwrap();
            for name in spellings {
                let before = dump(&*stage.inner);
                let outcome = stage.engine.register(Register::new(name, PASSWORD));
                assert!(matches!(outcome, Err(RegisterError::Taken)), "{name}: {outcome:?}");
                assert_eq!(dump(&*stage.inner), before, "{name}");
                let login = stage.engine.login(Login::new(name, PASSWORD)).unwrap();
                assert_eq!(login.session.account, account, "{}: {name}", store.name);
            }
        }
        // Failures under one spelling are failures under all.
        for spelling in ["alice", "ALICE", "ＡＬＩＣＥ", "ａlice", "Alice"] {
            let outcome = stage.engine.login(Login::new(spelling, "a wrong and improper password"));
            assert!(matches!(outcome, Err(LoginError::Denied)), "{outcome:?}");
        }
        let outcome = stage.engine.login(Login::new("aLICE", PASSWORD));
        assert!(matches!(outcome, Err(LoginError::Throttled { .. })), "{outcome:?}");
    }
}

#[test]
fn passwords_that_may_not_be_chosen_are_refused_without_the_store() {
    let stage = Stage::memory();
    let blocked = PasswordError::Blocked;
    for (name, password, expected) in [
        ("ada", String::new(), PasswordError::TooShort { min: 15 }),
        ("ada", "fourteen chars".to_owned(), PasswordError::TooShort { min: 15 }),
        ("ada", "plumkettleorbe\u{301}".to_owned(), PasswordError::TooShort { min: 15 }),
        ("ada", "x".repeat(4096 + 1), PasswordError::TooManyBytes),
        ("ada", "x".repeat(1 << 20), PasswordError::TooManyBytes),
        ("ada", "plum kettle ".repeat(22), PasswordError::TooLong { max: 256 }),
        ("ada", "manchesterunited".to_owned(), blocked(BlockedReason::Common)),
        ("ada", "aaaaaaaaaaaaaaaaaa".to_owned(), blocked(BlockedReason::Pattern)),
        (
            "ada.lovelace@example.com",
            "ADA.lovelace@example.com".to_owned(),
            blocked(BlockedReason::LoginName),
        ),
        ("ada.king.lovelace@example.com", "ada.king.lovelace".to_owned(), blocked(BlockedReason::LoginName)),
    ] {
        let outcome = stage.without_the_store(|engine| engine.register(Register::new(name, password)));
        assert!(matches!(outcome, Err(RegisterError::Password(error)) if error == expected), "{outcome:?}");
    }
    // At login the cap alone is looked at: the rules of today must not lock out a password of yesterday.
    for long in [4096 + 1, 1 << 20] {
        let outcome = stage.without_the_store(|engine| engine.login(Login::new("ada", "x".repeat(long))));
        assert!(
            matches!(outcome, Err(LoginError::Password(PasswordError::TooManyBytes))),
            "{long}: {outcome:?}"
        );
    }
    let outcome = stage.engine.login(Login::new("ada", "x".repeat(4096)));
    assert!(matches!(outcome, Err(LoginError::Denied)), "{outcome:?}");
}

#[test]
fn pw_3_pw_4_every_byte_counts_and_unicode_spellings_meet() {
    for store in each_store() {
        let stage = Stage::new(Arc::clone(&store.store));
        let password = "caf\u{e9}\0 with a Long tail ";
        stage.engine.register(Register::new("ada", password)).unwrap();
        let may_enter = |password: &str| match stage.engine.login(Login::new("ada", password)) {
            Ok(_) => true,
            Err(LoginError::Denied) => false,
            Err(other) => panic!("{other:?}"),
        };
        for wrong in [
            "caf\u{e9}\0 with a Long tail",
            "caf\u{e9}\0 with a Long tail  ",
            "caf\u{e9}\0 with a long tail ",
            "caf\u{e9}\0 with a Long tail\u{a0}",
            "caf\u{e9}",
            "cafe\0 with a Long tail ",
            "caf\u{e9} with a Long tail ",
            "",
        ] {
            assert!(!may_enter(wrong), "{}: {wrong:?}", store.name);
            assert!(may_enter(password), "{}: PW-3, NUL included", store.name);
            assert!(may_enter("cafe\u{301}\0 with a Long tail "), "{}: PW-4, NFD", store.name);
        }
        stage.engine.register(Register::new("grace", "cafe\u{301} with a long tail")).unwrap();
        assert!(stage.engine.login(Login::new("grace", "caf\u{e9} with a long tail")).is_ok(), "PW-4, NFC");
    }
}

/// INV 29: whatever Ada does, succeeds or fails at, Grace's rows stay as they are.
#[test]
fn inv_29_no_operation_touches_another_accounts_rows() {
    for store in each_store() {
        let clock =
            doorward::ManualClock::at(doorward::core::time::Timestamp::from_millis(1_700_000_000_000));
        let engine = crate::support::engine::open_with_clock(Arc::clone(&store.store), clock.clone());
        let grace = engine.register(Register::new("grace", PASSWORD)).unwrap();
        let hers = engine.login(Login::new("grace", PASSWORD)).unwrap();
        let _ = engine.login(Login::new("grace", "a wrong and improper password"));
        let before = dump(&*store.store);

        let ada = engine.register(Register::new("ada", PASSWORD)).unwrap();
        let _ = engine.register(Register::new("grace", PASSWORD)).unwrap_err();
        let _ = engine.login(Login::new("ada", "a wrong and improper password")).unwrap_err();
        let first = engine.login(Login::new("ada", PASSWORD)).unwrap().token;
        let refused = engine.login(Login::new("ada", PASSWORD).previous(hers.token.expose()));
        assert!(matches!(refused, Err(LoginError::OtherAccount)), "{refused:?}");
        let second = engine.login(Login::new("ada", PASSWORD).previous(first.expose())).unwrap().token;
        clock.advance(std::time::Duration::from_mins(2));
        assert_eq!(engine.authenticate(second.expose()).unwrap().account, ada);
        engine.logout(second.expose()).unwrap();
        let _ = engine.login(Login::new("nobody", "a wrong and improper password")).unwrap_err();

        let after = dump(&*store.store);
        for (key, row) in &before.rows {
            assert_eq!(after.rows.get(key), Some(row), "{}: {key:?}", store.name);
        }
        let made = after.rows.iter().filter(|(key, _)| !before.rows.contains_key(*key));
        assert!(made.clone().count() >= 4 && made.clone().all(|(_, row)| row.owner != Some(grace)));
        assert_eq!(engine.authenticate(hers.token.expose()).unwrap().account, grace);
    }
}
