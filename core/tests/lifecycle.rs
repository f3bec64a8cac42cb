//! One session through its renewals: rotated, proven anew, listed, and ended by its owner.

use std::fmt::Debug;

use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::Decide;
use doorward_core::model::session::Gone;
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError, Visitor};
use doorward_core::operation::end_session::{EndSession, EndSessionError};
use doorward_core::operation::logout::{Ended, Logout};
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::sessions::Sessions;
use doorward_core::record::{Key, Kind};
use doorward_core::store::Ending;
use doorward_core::time::Timestamp;

use crate::support::home::{gone, home, is_live, login, session_of, token_of};
use crate::support::{RIGHT, START, Step, millis};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn at(millis_after_start: u64) -> Timestamp {
    START.saturating_add(millis(millis_after_start))
}

#[test]
fn se_3_a_rotated_token_is_dead_at_once_and_the_session_goes_on() {
    let (mut world, _, [ada, bob]) = home();
    let session = world.run(Authenticate::new(&ada)).unwrap().unwrap();
    let (renewed, steps) = world.trace(RotateSession::new(&ada));
    let renewed = renewed.unwrap();
    assert_eq!(renewed.session, Visitor::Account(session), "it is the same session, otherwise as it was");
    let Some(Step::Commit { checks, puts, takes, .. }) = steps.last() else { panic!("{steps:?}") };
    assert_eq!(
        (checks.len(), puts.as_slice(), takes.as_slice()),
        (2, [Kind::Session].as_slice(), [].as_slice())
    );
    assert_eq!(gone(&mut world, &ada), Some(Gone::Replaced));
    assert!(is_live(&mut world, &token_of(&renewed)));
    assert!(is_live(&mut world, &bob));
    let before = world.map.clone();
    let again = world.run(RotateSession::new(&ada)).unwrap();
    assert!(matches!(again, Err(AuthenticateError::Gone(Gone::Replaced))));
    assert_eq!(world.map, before, "a dead token changes nothing");
}

#[test]
fn se_3_se_9_a_reauthentication_is_fresh_under_a_new_token() {
    let (mut world, _, [ada, _]) = home();
    world.wait(millis(50 * MINUTE));
    let stale = world.run(Authenticate::new(&ada)).unwrap().unwrap();
    assert!(!stale.is_fresh(millis(10 * MINUTE)));
    let renewed = world.run(Reauthenticate::new(&ada, RIGHT)).unwrap().unwrap();
    assert!(renewed.session.is_fresh(millis(0)));
    assert_eq!((renewed.session.id, renewed.session.created), (stale.id, stale.created));
    assert_eq!(gone(&mut world, &ada), Some(Gone::Replaced));
    world.wait(millis(10 * MINUTE));
    let later = world.run(Authenticate::new(&token_of(&renewed))).unwrap().unwrap();
    assert!(later.is_fresh(millis(10 * MINUTE)) && !later.is_fresh(millis(10 * MINUTE - 1)));
}

#[test]
fn se_3_of_two_rotations_at_once_one_token_lives() {
    let (mut world, _, [ada, _]) = home();
    let mut machines = [(); 2].map(|()| world.machine(RotateSession::new(&ada)));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    let [one, two] = machines.map(|machine| world.finish(machine).unwrap());
    assert!(is_live(&mut world, &token_of(&one.unwrap())));
    assert!(matches!(two, Err(AuthenticateError::Gone(Gone::Replaced))));
}

#[test]
fn se_5_activity_moves_the_idle_end_only_and_a_reauthentication_both() {
    let (mut world, _, [ada, _]) = home();
    world.wait(millis(30 * MINUTE));
    let rotated = world.run(RotateSession::new(&ada)).unwrap().unwrap();
    let Visitor::Account(session) = &rotated.session else { panic!("nobody's") };
    assert_eq!((session.idle_ends, session.absolute_ends), (at(90 * MINUTE), at(24 * HOUR)));
    let row = &world.map.rows[&Key::Session(session.id)];
    assert_eq!(row.expires, Some(session.idle_ends));
    world.wait(millis(30 * MINUTE));
    let proven = world.run(Reauthenticate::new(&token_of(&rotated), RIGHT)).unwrap().unwrap();
    let ends = (proven.session.idle_ends, proven.session.absolute_ends);
    assert_eq!(ends, (at(2 * HOUR), at(25 * HOUR)));
    let token = token_of(&proven);
    let before = world.map.clone();
    for (time, is_there) in [(2 * HOUR - 1, true), (2 * HOUR, false)] {
        (world.now, world.map) = (at(time), before.clone());
        assert_eq!(world.run(RotateSession::new(&token)).unwrap().is_ok(), is_there);
    }
}

/// A clock that is behind (another instance's) takes nothing back and gives nothing more.
#[test]
fn inv_21_a_reauthentication_under_a_clock_that_is_behind_extends_nothing() {
    let (mut world, _, [ada, _]) = home();
    world.now = START.saturating_sub(millis(HOUR));
    let proven = world.run(Reauthenticate::new(&ada, RIGHT)).unwrap().unwrap().session;
    assert_eq!((proven.auth_time, proven.absolute_ends), (START, at(24 * HOUR)));
    assert_eq!(proven.idle_ends, at(HOUR));
}

#[test]
fn se_8_se_10_one_session_is_ended_by_its_owner_only() {
    let (mut world, [ada_id, bob_id], [ada, bob]) = home();
    let (session, other) = (session_of(&mut world, &ada), login(&mut world, "ada"));
    let before = world.map.clone();
    for (account, session) in [(bob_id, session), (ada_id, SessionId::from_bytes([9; 16]))] {
        let outcome = world.run(EndSession::new(account, session)).unwrap();
        assert!(matches!(outcome, Err(EndSessionError::NotFound)), "{outcome:?}");
        assert_eq!(world.map, before);
    }
    let receipt = world.run(EndSession::new(ada_id, session)).unwrap().unwrap();
    assert_eq!((receipt.ended, receipt.session), (Ended::Ended, session));
    assert_eq!(world.map.journal, [Ending::Session { session, until: at(24 * HOUR) }]);
    assert_eq!(gone(&mut world, &ada), Some(Gone::Ended));
    assert!(is_live(&mut world, &other) && is_live(&mut world, &bob));
    let again = world.run(EndSession::new(ada_id, session)).unwrap();
    assert!(matches!(again, Err(EndSessionError::NotFound)));
}

/// An ending compares nothing, so the session may have been proven anew since it looked, and live for longer than
/// it saw: the journal must outlast that life too.
fn journal_outlasts<O: Decide<Outcome: Debug>>(ending: impl Fn(AccountId, SessionId, &str) -> O) {
    let (mut world, [ada_id, _], [ada, _]) = home();
    let session = session_of(&mut world, &ada);
    world.wait(millis(50 * MINUTE));
    let mut machine = world.machine(ending(ada_id, session, &ada));
    world.step_to_commit(&mut machine);
    let proven = world.run(Reauthenticate::new(&ada, RIGHT)).unwrap().unwrap().session;
    world.finish(machine).unwrap();
    let [Ending::Session { until, .. }] = world.map.journal.as_slice() else { panic!("one") };
    assert!(*until >= proven.absolute_ends, "{until:?} {:?}", proven.absolute_ends);
}

#[test]
fn inv_11_the_journal_outlasts_a_session_that_was_reauthenticated_meanwhile() {
    journal_outlasts(|account, session, _| EndSession::new(account, session));
    journal_outlasts(|_, _, token| Logout::new(token));
}

#[test]
fn se_10_a_list_holds_the_accounts_own_live_sessions() {
    let (mut world, [ada_id, bob_id], [ada, bob]) = home();
    let (ada, bob) = (session_of(&mut world, &ada), session_of(&mut world, &bob));
    let row = world.map.rows[&Key::Session(ada)].clone();
    for number in 0..600_u16 {
        let [high, low] = number.to_be_bytes();
        let id = SessionId::from_bytes(std::array::from_fn(|at| if at == 0 { high } else { low }));
        world.map.rows.insert(Key::Session(id), row.clone());
    }
    let (listed, steps) = world.trace(Sessions::new(ada_id));
    assert_eq!(listed.len(), 601, "pages are {steps:?}");
    assert!(listed.is_sorted_by(|one, next| one.id.as_bytes() < next.id.as_bytes()));
    assert!(listed.iter().all(|session| session.account == ada_id && session.id != bob));
    world.run(EndSession::new(ada_id, ada)).unwrap().unwrap();
    assert_eq!(world.run(Sessions::new(ada_id)).unwrap().len(), 600);
    world.wait(millis(30 * MINUTE));
    let late = login(&mut world, "ada");
    world.wait(millis(30 * MINUTE));
    let listed = world.run(Sessions::new(ada_id)).unwrap();
    assert_eq!(listed.len(), 1, "the others are idle, though their rows are there");
    assert_eq!(listed[0].id, session_of(&mut world, &late));
    world.run(LogoutEverywhere::new(ada_id)).unwrap().unwrap();
    for account in [ada_id, bob_id, AccountId::from_bytes([9; 16])] {
        assert_eq!(world.run(Sessions::new(account)).unwrap(), []);
    }
}

#[test]
fn inv_44_a_list_holds_nothing_from_before_a_restore() {
    let (mut world, [ada_id, _], _) = home();
    assert_eq!(world.run(Sessions::new(ada_id)).unwrap().len(), 1);
    world.run(AfterRestore::new()).unwrap();
    assert_eq!(world.run(Sessions::new(ada_id)).unwrap(), []);
}
