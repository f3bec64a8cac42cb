//! A session of nobody: opened, kept, and replaced by the login that says who it was.

use std::fmt::Debug;

use doorward_core::error::Fault;
use doorward_core::event::EventResult;
use doorward_core::id::AccountId;
use doorward_core::machine::Decide;
use doorward_core::model::session::{Amr, Gone, Lifetime};
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{AnonymousSession, Authenticate, AuthenticateError, Visitor};
use doorward_core::operation::change_password::{ChangePassword, ChangePasswordError};
use doorward_core::operation::end_session::{EndSession, EndSessionError};
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::logout::{Ended, Logout, LogoutError};
use doorward_core::operation::logout_everywhere::{LogoutEverywhere, LogoutEverywhereError};
use doorward_core::operation::open_session::{OpenSession, OpenedSession};
use doorward_core::operation::reauthenticate::{Reauthenticate, ReauthenticateError};
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::session_data::{SessionData, UpdateSessionData, UpdateSessionDataError};
use doorward_core::operation::sessions::Sessions;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::secret::Seed;
use doorward_core::store::{Durability, Ending};
use doorward_core::time::Timestamp;
use doorward_core::token::opaque::TokenError;

use crate::support::home::{home, is_live, token_of};
use crate::support::{Ask, RIGHT, START, Step, WRONG, World, ask_at, millis};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const CART: &[u8] = b"two plums";

fn at(millis_after_start: u64) -> Timestamp {
    START.saturating_add(millis(millis_after_start))
}

fn open(world: &mut World) -> OpenedSession {
    world.run(OpenSession::new(CART).label("Firefox")).unwrap().unwrap()
}

fn recognised(world: &mut World, token: &str) -> Result<AnonymousSession, Gone> {
    match world.run(Authenticate::new(token)).unwrap() {
        Err(AuthenticateError::Anonymous(session)) => Ok(session),
        Err(AuthenticateError::Gone(gone)) => Err(gone),
        other => panic!("neither anonymous nor gone: {other:?}"),
    }
}

fn data(world: &mut World, token: &str) -> Vec<u8> {
    world.run(SessionData::new(token)).unwrap().unwrap().data
}

fn rows(world: &World, opened: &OpenedSession) -> [Option<Row>; 2] {
    let id = opened.session.id;
    [Key::Session(id), Key::Data(id)].map(|key| world.map.rows.get(&key).cloned())
}

#[test]
fn an_opened_session_is_nobodys_and_recognised_as_what_it_was() {
    let mut world = World::new();
    let (opened, steps) = world.trace(OpenSession::new(CART).label("Firefox"));
    let OpenedSession { token, session } = opened.unwrap();
    let commit = Step::Commit {
        checks: vec![Kind::Keyring],
        puts: vec![Kind::Session, Kind::Data],
        takes: vec![],
        durability: Durability::Durable,
    };
    assert_eq!(steps, [Step::Read(vec![Kind::Keyring]), commit]);
    assert_eq!((session.idle_ends, session.absolute_ends), (at(HOUR), at(24 * HOUR)));
    assert_eq!(session.label.as_ref().unwrap().as_str(), "Firefox");
    let row = &world.map.rows[&Key::Session(session.id)];
    assert_eq!((row.owner, row.expires), (None, Some(at(HOUR))));
    let record = row.session().unwrap();
    assert_eq!((record.amr, record.auth_time), (Amr::default(), START));
    let row = &world.map.rows[&Key::Data(session.id)];
    assert_eq!((row.owner, row.expires), (None, Some(at(24 * HOUR))));

    world.wait(millis(1000));
    let seen = recognised(&mut world, token.expose()).unwrap();
    assert_eq!(seen, AnonymousSession { seen_at: world.now, ..session.clone() });
    let kept = world.run(SessionData::new(token.expose())).unwrap().unwrap();
    let (id, whose, end) = (kept.visitor.id(), kept.visitor.account(), kept.visitor.absolute_ends());
    assert_eq!((id, whose, end), (session.id, None, session.absolute_ends));
    assert_eq!((kept.visitor, kept.data), (Visitor::Anonymous(seen), CART.to_vec()));
}

#[test]
fn se_5_inv_22_activity_counts_and_never_past_the_absolute_end() {
    let mut world = World::new();
    let token = open(&mut world).token;
    let reads = Step::Read(vec![Kind::Session, Kind::Keyring]);
    let touch = Step::Commit {
        checks: vec![Kind::Keyring],
        puts: vec![Kind::Session],
        takes: vec![],
        durability: Durability::Relaxed,
    };
    world.wait(millis(MINUTE - 1));
    assert_eq!(world.trace(Authenticate::new(token.expose())).1, std::slice::from_ref(&reads));
    world.wait(millis(1));
    assert_eq!(world.trace(Authenticate::new(token.expose())).1, [reads, touch]);
    while world.now < at(24 * HOUR - 30 * MINUTE) {
        world.wait(millis(30 * MINUTE));
        // Reading what is kept is an activity too.
        data(&mut world, token.expose());
    }
    world.now = at(24 * HOUR - 1);
    recognised(&mut world, token.expose()).unwrap();
    world.now = at(24 * HOUR);
    assert_eq!(recognised(&mut world, token.expose()), Err(Gone::Expired));
    assert_eq!((world.map.count(Kind::Session), world.map.count(Kind::Data)), (0, 0));
}

#[test]
fn se_3_a_rotated_token_is_dead_at_once_and_its_data_stays() {
    let mut world = World::new();
    let opened = open(&mut world);
    let renewed = world.run(RotateSession::new(opened.token.expose())).unwrap().unwrap();
    assert_eq!(renewed.session, Visitor::Anonymous(opened.session.clone()));
    assert_eq!(recognised(&mut world, opened.token.expose()), Err(Gone::Replaced));
    let refused = world.run(UpdateSessionData::new(opened.token.expose(), "a copy's")).unwrap();
    assert!(matches!(refused, Err(UpdateSessionDataError::Session(AuthenticateError::Gone(Gone::Replaced)))));
    assert_eq!(data(&mut world, &token_of(&renewed)), CART);
}

#[test]
fn se_3_inv_32_a_login_ends_the_anonymous_session_and_takes_another_id() {
    let (mut world, [ada_id, _], _) = home();
    let opened = open(&mut world);
    let (outcome, steps) = world.trace(Login::new("ada", RIGHT).previous(opened.token.expose()));
    let login = outcome.unwrap();
    assert_ne!(login.session.id, opened.session.id);
    assert_ne!(login.token.expose(), opened.token.expose());
    assert_eq!(world.run(Authenticate::new(login.token.expose())).unwrap().unwrap().account, ada_id);
    assert_eq!(recognised(&mut world, opened.token.expose()), Err(Gone::Ended));
    let commits = steps.iter().filter(|step| matches!(step, Step::Commit { .. })).count();
    assert_eq!(commits, 1, "both change places in one commit: {steps:?}");
    assert_eq!(world.map.count(Kind::Data), 0, "nobody asked for it");
    let ending = Ending::Session { session: opened.session.id, until: opened.session.absolute_ends };
    assert_eq!(world.map.journal, [ending]);
}

#[test]
fn data_comes_along_on_request_and_lives_as_long_as_its_new_session() {
    let (mut world, [ada_id, _], _) = home();
    let opened = open(&mut world);
    let login = Login::new("ada", RIGHT).lifetime(Lifetime::Remembered);
    let login = world.run(login.previous(opened.token.expose()).carry_data()).unwrap().unwrap();
    assert_eq!(data(&mut world, login.token.expose()), CART);
    let (key, row) = world.map.only(Kind::Data);
    assert_eq!(*key, Key::Data(login.session.id));
    assert_eq!((row.owner, row.expires), (Some(ada_id), Some(at(30 * 24 * HOUR))));
    assert!(world.run(SessionData::new(opened.token.expose())).unwrap().is_err());
}

#[test]
fn nothing_comes_along_from_an_accounts_session_nor_from_a_dead_token() {
    let (mut world, _, [ada, _]) = home();
    world.run(UpdateSessionData::new(&ada, "private")).unwrap().unwrap();
    let login = Login::new("ada", RIGHT).previous(&ada).carry_data();
    let login = world.run(login).unwrap().unwrap();
    assert_eq!(data(&mut world, login.token.expose()), b"");
    assert_eq!(world.map.count(Kind::Data), 0);

    // An older generation's token: its session is ended, and what is in it is not given to who holds a copy.
    let opened = open(&mut world);
    world.run(RotateSession::new(opened.token.expose())).unwrap().unwrap();
    // One that is over by its own time.
    let idle = open(&mut world);
    for (previous, waits) in [(&opened, 0), (&idle, HOUR)] {
        world.wait(millis(waits));
        let login = Login::new("ada", RIGHT).previous(previous.token.expose()).carry_data();
        let login = world.run(login).unwrap().unwrap();
        assert_eq!(data(&mut world, login.token.expose()), b"");
        assert_eq!(rows(&world, previous), [None, None]);
    }
}

#[test]
fn inv_32_a_failed_login_leaves_the_anonymous_session_as_it_was() {
    let (mut world, _, _) = home();
    let opened = open(&mut world);
    let before = rows(&world, &opened);
    for name in ["ada", "nobody"] {
        let login = Login::new(name, WRONG).previous(opened.token.expose()).carry_data();
        assert!(matches!(world.run(login).unwrap(), Err(LoginError::Denied)));
        assert_eq!(rows(&world, &opened), before);
    }
    assert_eq!(world.map.journal, []);
}

#[test]
fn se_4_inv_33_a_token_whose_session_is_unknown_is_refused_and_makes_none() {
    let elsewhere = open(&mut World::new());
    let token = elsewhere.token.expose();
    let (mut world, _, _) = home();
    let before = world.map.clone();
    assert_eq!(recognised(&mut world, token), Err(Gone::Ended));
    assert!(world.run(SessionData::new(token)).unwrap().is_err());
    assert!(world.run(UpdateSessionData::new(token, "planted")).unwrap().is_err());
    assert!(world.run(RotateSession::new(token)).unwrap().is_err());
    assert_eq!(world.run(Logout::new(token)).unwrap().unwrap().ended, Ended::AlreadyGone);
    assert_eq!(world.map, before);
    world.run(Login::new("ada", RIGHT).previous(token).carry_data()).unwrap().unwrap();
    assert_eq!((world.map.count(Kind::Session), world.map.count(Kind::Data)), (3, 0));
    assert_eq!(world.map.journal, []);
}

#[test]
fn inv_33_a_seed_met_again_overwrites_nothing() {
    let mut world = World::new();
    let machine = |world: &World| {
        let environment = std::sync::Arc::clone(&world.environment);
        doorward_core::machine::Machine::new(OpenSession::new(CART), environment, Seed::from_bytes([9; 32]))
    };
    let first = machine(&world);
    world.finish(first).unwrap().unwrap();
    let before = world.map.clone();
    let second = machine(&world);
    assert!(matches!(world.finish(second), Err(Fault::Contended)));
    assert_eq!(world.map, before);
}

/// A guest is let in where guests are, and nowhere else; nothing is changed by asking.
#[test]
fn what_needs_a_person_refuses_an_anonymous_session() {
    let (mut world, [ada_id, _], _) = home();
    let opened = open(&mut world);
    let (id, token) = (opened.session.id, opened.token.expose());
    let before = world.map.clone();
    let outcome = world.run(Reauthenticate::new(token, RIGHT)).unwrap();
    assert!(matches!(outcome, Err(ReauthenticateError::Anonymous)), "{outcome:?}");
    let outcome = world.run(ChangePassword::new(token, RIGHT, "an entirely different sentence")).unwrap();
    assert!(matches!(outcome, Err(ChangePasswordError::Current(ReauthenticateError::Anonymous))));
    let outcome = world.run(LogoutEverywhere::new(ada_id).keep(token)).unwrap();
    assert!(matches!(outcome, Err(LogoutEverywhereError::Keep(AuthenticateError::Anonymous(_)))));
    for account in [ada_id, AccountId::from_bytes([0; 16])] {
        let outcome = world.run(EndSession::new(account, id)).unwrap();
        assert!(matches!(outcome, Err(EndSessionError::NotFound)));
        assert!(world.run(Sessions::new(account)).unwrap().iter().all(|session| session.id != id));
    }
    assert_eq!(world.map, before);
}

#[test]
fn se_7_inv_11_inv_16_logout_ends_it_with_its_data_and_may_be_repeated() {
    let (mut world, _, [ada, bob]) = home();
    let opened = open(&mut world);
    let (outcome, steps) = world.trace(Logout::new(opened.token.expose()));
    assert_eq!(outcome.unwrap().ended, Ended::Ended);
    let Some(Step::Commit { checks, takes, .. }) = steps.last() else { panic!("{steps:?}") };
    assert_eq!(
        (checks.as_slice(), takes.as_slice()),
        ([].as_slice(), &[Kind::Session, Kind::Data, Kind::Grants][..])
    );
    assert_eq!(recognised(&mut world, opened.token.expose()), Err(Gone::Ended));
    let again = world.run(Logout::new(opened.token.expose())).unwrap().unwrap();
    assert_eq!(again.ended, Ended::AlreadyGone);
    assert_eq!(world.map.journal.len(), 1);
    assert!(is_live(&mut world, &ada) && is_live(&mut world, &bob));
}

#[test]
fn inv_44_after_restore_ends_anonymous_sessions_too() {
    let mut world = World::new();
    let opened = open(&mut world);
    world.run(AfterRestore::new()).unwrap();
    assert_eq!(recognised(&mut world, opened.token.expose()), Err(Gone::Revoked));
    let after = open(&mut world);
    recognised(&mut world, after.token.expose()).unwrap();
}

#[test]
fn inv_17_without_a_keyring_nothing_is_opened() {
    let mut world = World::new();
    let opened = open(&mut world);
    world.map.rows.remove(&Key::Keyring).unwrap();
    assert!(world.run(OpenSession::new(CART)).is_err());
    assert!(world.run(Authenticate::new(opened.token.expose())).is_err());
}

#[test]
fn inv_29_inv_42_an_id_is_worth_nothing_without_its_proof_nor_under_another_owner() {
    let (mut world, [ada_id, _], _) = home();
    let opened = open(&mut world);
    let text = opened.token.expose();
    let forged = format!("{}{}", &text[..text.len() - 1], if text.ends_with('A') { "B" } else { "A" });
    let before = world.map.clone();
    let refused = world.run(SessionData::new(&forged)).unwrap();
    assert!(matches!(refused, Err(AuthenticateError::Token(TokenError::Forged))), "{refused:?}");
    let refused = world.run(Logout::new(&forged)).unwrap();
    assert!(matches!(refused, Err(LogoutError::Token(TokenError::Forged))), "{refused:?}");
    assert_eq!(world.map, before);
    world.map.rows.get_mut(&Key::Session(opened.session.id)).unwrap().owner = Some(ada_id);
    let refused = world.run(Authenticate::new(text)).unwrap();
    assert!(matches!(refused, Err(AuthenticateError::Token(TokenError::Forged))), "{refused:?}");
}

fn event<O: Decide<Outcome: Debug>>(world: &mut World, operation: O) -> (&'static str, EventResult, bool) {
    let mut machine = world.machine(operation);
    loop {
        if let Ask::Done(_, event) = ask_at(&mut machine, world.now) {
            assert_eq!(event.subject.account, None);
            return (event.operation, event.result, event.subject.session.is_some());
        }
        assert!(world.step(&mut machine).is_none());
    }
}

#[test]
fn the_audit_trail_tells_a_guest_from_a_person() {
    let mut world = World::new();
    let opened = open(&mut world);
    let token = opened.token.expose();
    let (done, refused) = (EventResult::Success, EventResult::Refused);
    let much = vec![0; 16 * 1024 + 1];
    assert_eq!(event(&mut world, OpenSession::new("")), ("open_session", done, true));
    let outcome = event(&mut world, OpenSession::new(much.clone()));
    assert_eq!(outcome, ("open_session", refused("too large"), false));
    assert_eq!(event(&mut world, Authenticate::new(token)), ("authenticate", refused("anonymous"), true));
    let outcome = event(&mut world, Reauthenticate::new(token, RIGHT));
    assert_eq!(outcome, ("reauthenticate", refused("anonymous"), false));
    assert_eq!(event(&mut world, SessionData::new(token)), ("session_data", done, true));
    let outcome = event(&mut world, UpdateSessionData::new(token, "more"));
    assert_eq!(outcome, ("update_session_data", done, true));
    let outcome = event(&mut world, UpdateSessionData::new(token, much));
    assert_eq!(outcome, ("update_session_data", refused("too large"), false));
    let none = UpdateSessionData::new(token, "").lifetime(millis(0));
    assert_eq!(event(&mut world, none), ("update_session_data", refused("lifetime"), false));
    let outcome = event(&mut world, UpdateSessionData::new("dws_guess", ""));
    assert_eq!(outcome, ("update_session_data", refused("token"), false));
}
