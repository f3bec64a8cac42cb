//! Texts that are no token of this engine, at each of the three doors that take one: `authenticate`, `logout` and
//! `Login::previous`. None opens anything, none ends anything, and a forgery is refused without the store.

use std::sync::Arc;

use doorward::core::model::session::{Gone, SessionRecord};
use doorward::core::record::{Key, Kind, Record, Row};
use doorward::core::store::{Batch, Durability, Expect, Store, Write};
use doorward::core::token::opaque::TokenError;
use doorward::store::MemoryStore;
use doorward::{AuthenticateError, Ended, Engine, Login, LogoutError, MasterKey, Register};
use doorward_conformance::fault::FaultStore;

use crate::support::engine::{NAME, PASSWORD, policy};
use crate::support::rows::{Dump, dump};

struct Stage {
    inner: Arc<dyn Store>,
    faulty: FaultStore,
    engine: Engine,
    token: String,
}

impl Stage {
    /// Ada is registered and logged in, under this master key.
    fn new(number: u32, key: [u8; 32]) -> Self {
        let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let faulty = FaultStore::new(Arc::clone(&inner));
        let engine = open(Arc::new(faulty.clone()), number, key);
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token.expose().to_owned();
        Self { inner, faulty, engine, token }
    }

    /// The two doors that answer with the token's own error: both say the same, without the store.
    fn refuses(&self, text: &str, expected: TokenError) {
        let before = dump(&*self.inner);
        self.faulty.forget_calls();
        let outcome = self.engine.authenticate(text);
        assert!(matches!(outcome, Err(AuthenticateError::Token(error)) if error == expected), "{outcome:?}");
        let outcome = self.engine.logout(text);
        // A logout does not call done what another instance, with the key, may still accept.
        match (outcome.unwrap_err(), expected) {
            (LogoutError::UnknownKey, TokenError::Key) => {}
            (LogoutError::Token(error), expected) => assert_eq!(error, expected),
            (other, _) => panic!("{other:?}"),
        }
        assert!(self.faulty.calls().is_empty(), "{:?}", self.faulty.calls());
        assert_eq!(dump(&*self.inner), before);
    }

    /// As a previous session it is ignored: the login makes a session, and ends none.
    fn ignores_as_previous(&self, text: &str) {
        let before = dump(&*self.inner);
        let login = self.engine.login(Login::new(NAME, PASSWORD).previous(text)).unwrap();
        assert_ne!(login.token.expose(), text, "SE-4: a caller's token was adopted");
        assert_eq!(before.changes_to(&dump(&*self.inner)), ["+session"]);
        self.engine.logout(login.token.expose()).unwrap();
    }

    fn still_knows_its_own(&self) {
        assert!(self.engine.authenticate(&self.token).is_ok());
    }
}

fn open(store: Arc<dyn Store>, number: u32, key: [u8; 32]) -> Engine {
    let key = MasterKey::new(number, key);
    Engine::builder(store).ephemeral().master_key(key).policy(policy()).open().unwrap()
}

#[test]
fn se_4_inv_33_texts_that_are_no_token_are_refused_without_the_store() {
    let stage = Stage::new(1, [0x42; 32]);
    let token = stage.token.as_str();
    let body = token.strip_prefix("dws_").unwrap();
    let with = |prefix: &str| format!("{prefix}{body}");
    let malformed = TokenError::Malformed;
    let cases = [
        (String::new(), TokenError::Kind),
        ("x".repeat(1 << 20), TokenError::Kind),
        (format!("dws_{}", "A".repeat(1 << 20)), malformed),
        (with("dwr_"), TokenError::Kind), // INV 34: a refresh token's prefix, a device's, none, and others
        (with("dwd_"), TokenError::Kind),
        (with(""), TokenError::Kind),
        (with("DWS_"), TokenError::Kind),
        (format!("Bearer {token}"), TokenError::Kind),
        (format!(" {token}"), TokenError::Kind),
        (format!("\n{token}"), TokenError::Kind),
        (format!("{token} "), malformed),
        (format!("{token}\n"), malformed),
        (format!("{token}\r\n"), malformed),
        (format!("{token}="), malformed),
        (format!("{token}===="), malformed),
        (format!("{token}\0"), malformed),
        (format!("{token}{token}"), malformed),
        (format!("dws_{} {}", &body[..40], &body[41..]), malformed),
        (format!("dws_{}+{}", &body[..40], &body[41..]), malformed),
        (format!("dws_{}={}", &body[..40], &body[41..]), malformed),
        (format!("dws_{}é{}", &body[..40], &body[42..]), malformed),
        (format!("dws_{}", "é".repeat(46)), malformed), // of a token's length in bytes
        (format!("dws_{}", "ａ".repeat(92)), malformed),
    ];
    for (text, expected) in &cases {
        stage.refuses(text, *expected);
        stage.ignores_as_previous(text);
    }
    stage.still_knows_its_own();
}

/// INV 35: no other text than the one that was given out.
#[test]
fn inv_35_se_4_every_cut_and_every_changed_bit_is_refused() {
    let stage = Stage::new(1, [0x42; 32]);
    let before = dump(&*stage.inner);
    for cut in 0..stage.token.len() {
        let expected = if cut < 4 { TokenError::Kind } else { TokenError::Malformed };
        stage.refuses(&stage.token[..cut], expected);
    }
    // The tag covers what comes before it; only the proof, at the end, needs the row.
    let proof_from = 4 + (45 + 8) * 4 / 3;
    let mut changed = 0;
    for at in 0..stage.token.len() {
        for bit in 0..7 {
            let mut bytes = stage.token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let text = String::from_utf8(bytes).unwrap();
            stage.faulty.forget_calls();
            let outcome = stage.engine.authenticate(&text);
            assert!(matches!(outcome, Err(AuthenticateError::Token(_))), "{at}.{bit}: {outcome:?}");
            let outcome = stage.engine.logout(&text);
            assert!(
                matches!(outcome, Err(LogoutError::Token(_) | LogoutError::UnknownKey)),
                "{at}.{bit}: {outcome:?}"
            );
            assert!(
                at >= proof_from || stage.faulty.calls().is_empty(),
                "{at}.{bit}: {:?}",
                stage.faulty.calls()
            );
            changed += 1;
        }
    }
    assert_eq!(changed, 96 * 7);
    assert_eq!(dump(&*stage.inner), before);
    stage.still_knows_its_own();
}

/// The last character of a token has no spare bits: every other one is another proof.
#[test]
fn inv_35_no_second_spelling_by_any_last_character() {
    let stage = Stage::new(1, [0x42; 32]);
    let head = &stage.token[..stage.token.len() - 1];
    let accepted = (0..128_u8)
        .filter(|last| stage.engine.authenticate(&format!("{head}{}", char::from(*last))).is_ok())
        .count();
    assert_eq!(accepted, 1);
}

#[test]
fn inv_36_inv_33_another_engines_tokens_are_refused_without_the_store() {
    let ours = Stage::new(1, [0x42; 32]);
    let same_number = Stage::new(1, [0x43; 32]);
    let other_number = Stage::new(2, [0x42; 32]);
    for (theirs, expected) in [(same_number, TokenError::Forged), (other_number, TokenError::Key)] {
        ours.refuses(&theirs.token, expected);
        ours.ignores_as_previous(&theirs.token);
        theirs.still_knows_its_own();
    }
    ours.still_knows_its_own();
}

/// The same master key on another store: no such session there, which a logout may say and an
/// authentication must.
#[test]
fn inv_42_a_token_of_another_store_under_the_same_key_opens_nothing() {
    let (ours, theirs) = (Stage::new(1, [0x42; 32]), Stage::new(1, [0x42; 32]));
    let before = dump(&*ours.inner);
    let outcome = ours.engine.authenticate(&theirs.token);
    assert!(matches!(outcome, Err(AuthenticateError::Gone(Gone::Ended))), "{outcome:?}");
    assert_eq!(ours.engine.logout(&theirs.token).unwrap().ended, Ended::AlreadyGone);
    assert_eq!(dump(&*ours.inner), before);
    ours.ignores_as_previous(&theirs.token);
    ours.still_knows_its_own();
}

/// Everything of a session is there but its salt: whoever has the master key and an old copy of the database
/// has nothing (INV 42).
#[test]
fn inv_42_the_right_tag_with_another_salt_is_forged() {
    let stage = Stage::new(1, [0x42; 32]);
    stage.replace_session(|record| record.salt = [0x77; 16]);
    let before = dump(&*stage.inner);
    let outcome = stage.engine.authenticate(&stage.token);
    assert!(matches!(outcome, Err(AuthenticateError::Token(TokenError::Forged))), "{outcome:?}");
    let outcome = stage.engine.logout(&stage.token);
    assert!(matches!(outcome, Err(LogoutError::Token(TokenError::Forged))), "{outcome:?}");
    assert_eq!(dump(&*stage.inner), before);
    stage.ignores_as_previous(&stage.token);
}

/// A store that was set back knows less than a token it issued; a token of an older generation still logs out.
#[test]
fn inv_15_generations_other_than_the_present_open_nothing() {
    for (generation, gone) in [(0, Gone::Ended), (2, Gone::Replaced)] {
        let stage = Stage::new(1, [0x42; 32]);
        stage.replace_session(|record| record.generation = generation);
        let outcome = stage.engine.authenticate(&stage.token);
        assert!(matches!(outcome, Err(AuthenticateError::Gone(found)) if found == gone), "{outcome:?}");
        stage.engine.logout(&stage.token).unwrap();
        assert!(!dump(&*stage.inner).has(Kind::Session));
    }
}

impl Stage {
    /// Changes the one session's row behind the engine's back.
    fn replace_session(&self, change: impl FnOnce(&mut SessionRecord)) {
        let Dump { rows, .. } = dump(&*self.inner);
        let (key, row) = rows.into_iter().find(|(key, _)| matches!(key, Key::Session(_))).unwrap();
        let mut record = row.session().unwrap().clone();
        change(&mut record);
        let expect = Expect::Stamp(row.stamp);
        let mut batch = Batch::new(row.stamp, Durability::Durable);
        let row = Row { record: Record::Session(record), ..row };
        batch.writes.push(Write::Put { key, row, expect });
        self.inner.commit(&batch).unwrap();
    }
}
