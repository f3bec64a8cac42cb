//! Logging out, and the session that came along with a login.

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::id::AccountId;
use doorward_core::machine::{Machine, Reply};
use doorward_core::model::session::Gone;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::operation::logout::{Ended, Logout, LogoutError};
use doorward_core::record::{Key, Kind, Record};
use doorward_core::store::{Commit, Durability, Ending};
use doorward_core::token::opaque::TokenError;

use crate::support::{RIGHT, Step, WRONG, World, answer, ask, failed, millis, stamp};

const HOUR: u64 = 3_600_000;

fn home() -> (World, AccountId, LoggedIn) {
    let mut world = World::new();
    let account = world.register("ada");
    let logged_in = login(&mut world, "ada");
    (world, account, logged_in)
}

fn login(world: &mut World, name: &str) -> LoggedIn {
    world.run(Login::new(name, RIGHT)).unwrap().unwrap()
}

fn logout(world: &mut World, logged_in: &LoggedIn) -> Ended {
    let receipt = world.run(Logout::new(logged_in.token.expose())).unwrap().unwrap();
    assert_eq!(receipt.session, logged_in.session.id);
    receipt.ended
}

fn is_live(world: &mut World, logged_in: &LoggedIn) -> bool {
    world.run(Authenticate::new(logged_in.token.expose())).unwrap().is_ok()
}

fn ending(logged_in: &LoggedIn) -> Ending {
    Ending::Session { session: logged_in.session.id, until: logged_in.session.absolute_ends }
}

fn drive(machine: &mut Machine<Logout>, world: &World) {
    let keys = ask(machine).read();
    answer(machine, Reply::Rows(world.map.read(&keys)));
}

#[test]
fn se_7_inv_16_logout_is_final_and_may_be_repeated() {
    let (mut world, _, ada) = home();
    let other = login(&mut world, "ada");
    let (outcome, steps) = world.trace(Logout::new(ada.token.expose()));
    assert_eq!(outcome.unwrap().ended, Ended::Ended);
    let takes = vec![Kind::Session, Kind::Data, Kind::Grants];
    let commit = Step::Commit { checks: vec![], puts: vec![], takes, durability: Durability::Durable };
    assert_eq!(steps, [Step::Read(vec![Kind::Session, Kind::Account, Kind::Keyring]), commit]);
    assert_eq!(world.map.journal, [ending(&ada)]);
    for _ in 0..3 {
        let refused = world.run(Authenticate::new(ada.token.expose())).unwrap();
        assert!(matches!(refused, Err(AuthenticateError::Gone(Gone::Ended))));
        assert_eq!(logout(&mut world, &ada), Ended::AlreadyGone);
    }
    assert_eq!(world.map.journal.len(), 1, "there was nothing to tell again");
    assert!(is_live(&mut world, &other), "another session of the same account lives on");
}

#[test]
fn inv_35_logout_with_a_forged_token_changes_nothing() {
    let (mut world, _, ada) = home();
    let text = ada.token.expose();
    let before = world.map.clone();
    for at in 0..text.len() {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        let outcome = world.run(Logout::new(&forged)).unwrap();
        assert!(
            matches!(outcome, Err(LogoutError::Token(_) | LogoutError::UnknownKey)),
            "{forged}: {outcome:?}"
        );
        let outcome = world.run(Login::new("ada", WRONG).previous(&forged)).unwrap();
        assert!(matches!(outcome, Err(LoginError::Denied)));
        assert_eq!(world.map.rows[&Key::Session(ada.session.id)], before.rows[&Key::Session(ada.session.id)]);
        world.map = before.clone();
    }
}

#[test]
fn inv_16_logout_of_an_expired_session_says_already_gone() {
    let (mut world, _, ada) = home();
    world.wait(millis(HOUR));
    assert_eq!(logout(&mut world, &ada), Ended::AlreadyGone);
    assert_eq!(world.map.count(Kind::Session), 0, "and yet no clock that goes back finds it");
}

#[test]
fn inv_16_logout_of_a_revoked_session_says_already_gone() {
    let (mut world, account, ada) = home();
    world.map.raise(&Key::Account(account), stamp(0xee));
    assert_eq!(logout(&mut world, &ada), Ended::AlreadyGone);
    assert_eq!(world.map.count(Kind::Session), 0);
}

/// An old tab's button must work: its token was issued for the session.
#[test]
fn logout_with_an_older_generation_ends_the_session() {
    let (mut world, _, ada) = home();
    let row = world.map.rows.get_mut(&Key::Session(ada.session.id)).unwrap();
    let Record::Session(record) = &mut row.record else { panic!("a session") };
    record.generation = 5;
    assert_eq!(logout(&mut world, &ada), Ended::Ended);
    assert_eq!(world.map.count(Kind::Session), 0);
}

/// However often the row is touched under it, a logout needs one commit.
#[test]
fn inv_43_a_busy_session_does_not_starve_its_logout() {
    let (mut world, account, ada) = home();
    let mut machine = world.machine(Logout::new(ada.token.expose()));
    world.step_to_commit(&mut machine);
    world.map.rows.get_mut(&Key::Session(ada.session.id)).unwrap().stamp = stamp(0xee);
    world.map.raise(&Key::Account(account), stamp(0xed));
    world.map.raise(&Key::Keyring, stamp(0xec));
    world.steps.clear();
    assert_eq!(world.finish(machine).unwrap().unwrap().ended, Ended::Ended);
    assert_eq!(world.steps.len(), 1, "{:?}", world.steps);
    assert!(!is_live(&mut world, &ada));
}

#[test]
fn inv_16_two_logouts_at_once_both_succeed() {
    let (mut world, _, ada) = home();
    let mut machines = [(); 2].map(|()| world.machine(Logout::new(ada.token.expose())));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    for machine in machines {
        assert_eq!(world.finish(machine).unwrap().unwrap().ended, Ended::Ended);
    }
    assert_eq!(world.map.count(Kind::Session), 0);
}

/// The commit's answer was lost, and it had landed: the reread finds nothing, which is what was wanted.
#[test]
fn inv_16_a_logout_whose_answer_was_lost_is_done() {
    let (mut world, _, ada) = home();
    let mut machine = world.machine(Logout::new(ada.token.expose()));
    drive(&mut machine, &world);
    let batch = ask(&mut machine).commit();
    assert_eq!(world.map.commit(&batch), Commit::Applied);
    answer(&mut machine, failed(StoreErrorKind::Unknown));
    drive(&mut machine, &world);
    assert_eq!(ask(&mut machine).done().unwrap().unwrap().ended, Ended::AlreadyGone);
}

#[test]
fn inv_17_a_logout_that_could_not_be_done_says_so() {
    for kind in [StoreErrorKind::Retryable, StoreErrorKind::Fatal, StoreErrorKind::Corrupt] {
        let (mut world, _, ada) = home();
        let mut machine = world.machine(Logout::new(ada.token.expose()));
        drive(&mut machine, &world);
        answer(&mut machine, failed(kind));
        assert!(matches!(ask(&mut machine).done(), Err(Fault::Store(_))));
        assert!(is_live(&mut world, &ada));
    }
}

/// Not even a driver that only ever says "unknown" gets a receipt.
#[test]
fn inv_17_a_logout_of_unknown_fate_gives_no_receipt() {
    let (mut world, _, ada) = home();
    let mut machine = world.machine(Logout::new(ada.token.expose()));
    for _ in 0..8 {
        drive(&mut machine, &world);
        answer(&mut machine, failed(StoreErrorKind::Unknown));
    }
    assert!(matches!(ask(&mut machine).done(), Err(Fault::Unresolved)));
}

/// A login whose commit's fate is unknown: what it minted may stand, and nobody has its token.
#[test]
fn inv_24_a_login_of_unknown_fate_gives_no_token() {
    for lands in [true, false] {
        let (mut world, _, _) = home();
        let mut machine = world.machine(Login::new("ada", RIGHT));
        world.step_to_commit(&mut machine);
        let batch = ask(&mut machine).commit();
        if lands {
            world.map.commit(&batch);
        }
        answer(&mut machine, failed(StoreErrorKind::Unknown));
        let outcome = world.finish(machine);
        if lands {
            assert!(is_live(&mut world, &outcome.unwrap().unwrap()));
        } else {
            assert!(matches!(outcome, Err(Fault::Unresolved)));
        }
    }
}

#[test]
fn se_3_inv_32_a_login_ends_the_previous_session_of_the_same_account() {
    let (mut world, _, old) = home();
    let (outcome, steps) = world.trace(Login::new("ada", RIGHT).previous(old.token.expose()));
    let new = outcome.unwrap();
    assert_ne!(new.session.id, old.session.id);
    assert!(!is_live(&mut world, &old) && is_live(&mut world, &new));
    assert_eq!((world.map.count(Kind::Session), &world.map.journal[..]), (1, &[ending(&old)][..]));
    let commits = steps.iter().filter(|step| matches!(step, Step::Commit { .. })).count();
    assert_eq!(commits, 1, "old and new change places in one commit: {steps:?}");
}

#[test]
fn se_3_a_denied_login_leaves_the_previous_session_alone() {
    let (mut world, _, old) = home();
    world.run(Login::new("ada", WRONG).previous(old.token.expose())).unwrap().unwrap_err();
    assert!(is_live(&mut world, &old));
    assert_eq!(world.map.journal, []);
}

#[test]
fn a_live_session_of_another_account_is_not_replaced() {
    let (mut world, _, ada) = home();
    world.register("bob");
    world.run(Login::new("bob", WRONG)).unwrap().unwrap_err();
    let before = world.map.clone();
    let outcome = world.run(Login::new("bob", RIGHT).previous(ada.token.expose())).unwrap();
    assert!(matches!(outcome, Err(LoginError::OtherAccount)), "{outcome:?}");
    assert_eq!(world.map, before);
    // A wrong password is told the same, and no guess is spent on it.
    let outcome = world.run(Login::new("bob", WRONG).previous(ada.token.expose())).unwrap();
    assert!(matches!(outcome, Err(LoginError::OtherAccount)), "{outcome:?}");
    assert_eq!(world.map, before);
}

#[test]
fn a_previous_token_of_anothers_dead_session_or_of_nothing_is_ignored() {
    let (mut world, account, dead) = home();
    world.register("bob");
    world.map.raise(&Key::Account(account), stamp(0xee));
    let ended = login(&mut world, "ada");
    logout(&mut world, &ended);
    let journal = world.map.journal.clone();
    let dead = dead.token.expose();
    let mangled = format!("{}{}", &dead[..dead.len() - 1], if dead.ends_with('A') { "B" } else { "A" });
    for previous in [dead, ended.token.expose(), &mangled, "", "dws_", "another cookie"] {
        let sessions = world.map.count(Kind::Session);
        let new = world.run(Login::new("bob", RIGHT).previous(previous)).unwrap().unwrap();
        assert!(is_live(&mut world, &new));
        assert_eq!(world.map.count(Kind::Session), sessions + 1);
        assert_eq!(world.map.journal, journal);
    }
}

/// A token that names a live session of the same account, and was not made for it, ends nothing.
#[test]
fn inv_42_a_previous_token_without_proof_ends_nothing() {
    let (mut world, _, old) = home();
    let text = old.token.expose();
    let forged = format!("{}{}", &text[..text.len() - 1], if text.ends_with('A') { "B" } else { "A" });
    world.run(Login::new("ada", RIGHT).previous(&forged)).unwrap().unwrap();
    assert!(is_live(&mut world, &old));
    let outcome = world.run(Logout::new(&forged)).unwrap();
    assert!(matches!(outcome, Err(LogoutError::Token(TokenError::Forged))), "{outcome:?}");
    assert!(is_live(&mut world, &old));
}
