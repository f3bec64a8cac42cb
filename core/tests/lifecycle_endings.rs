//! Ending many sessions at once, and what may run beside it.

use std::fmt::Debug;

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::Decide;
use doorward_core::model::session::Gone;
use doorward_core::operation::access::{AccountError, Disable, Enable};
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::end_session::EndSession;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout_everywhere::{LogoutEverywhere, LogoutEverywhereError};
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Commit, Ending};
use doorward_core::time::Timestamp;

use crate::support::home::{gone, home, is_live, login, session_of, token_of};
use crate::support::{Ask, RIGHT, START, World, answer, ask_at, failed, millis, stamp};

const NEW: &str = "an entirely different sentence";
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// The longest session of the default policy.
const LONGEST: u64 = 90 * 24 * HOUR;

fn floor(key: Key, at: Timestamp) -> Ending {
    Ending::Epoch { key, until: at.saturating_add(millis(LONGEST)) }
}

/// Every row is written by somebody.
fn disturb(world: &mut World, by: u8) {
    for row in world.map.rows.values_mut() {
        row.stamp = stamp(by);
    }
}

fn rows_of(world: &World, account: AccountId) -> Vec<(Key, Row)> {
    let rows = world.map.rows.iter().filter(|(_, row)| row.owner == Some(account));
    rows.map(|(key, row)| (key.clone(), row.clone())).collect()
}

#[test]
fn se_8_inv_12_logout_everywhere_ends_all_of_one_account() {
    let (mut world, [ada_id, _], [ada, bob]) = home();
    let other = login(&mut world, "ada");
    let ended = world.run(LogoutEverywhere::new(ada_id)).unwrap().unwrap();
    assert!(ended.kept.is_none());
    assert_eq!(world.map.journal, [floor(Key::Account(ada_id), START)]);
    for token in [&ada, &other] {
        assert_eq!(gone(&mut world, token), Some(Gone::Revoked));
    }
    assert!(is_live(&mut world, &bob));
    let after = login(&mut world, "ada");
    assert!(is_live(&mut world, &after));
    let nobody = LogoutEverywhere::new(AccountId::from_bytes([9; 16]));
    assert!(matches!(world.run(nobody).unwrap(), Err(LogoutEverywhereError::NoAccount)));
}

#[test]
fn se_8_inv_14_disable_ends_all_and_enable_revives_nothing() {
    let (mut world, [ada_id, _], [ada, bob]) = home();
    for _ in 0..2 {
        world.run(Disable::new(ada_id)).unwrap().unwrap();
        assert_eq!(gone(&mut world, &ada), Some(Gone::Revoked));
        assert!(world.run(Login::new("ada", RIGHT)).unwrap().is_err());
    }
    for _ in 0..2 {
        world.run(Enable::new(ada_id)).unwrap().unwrap();
        assert_eq!(gone(&mut world, &ada), Some(Gone::Revoked));
    }
    let after = login(&mut world, "ada");
    assert!(is_live(&mut world, &after) && is_live(&mut world, &bob));
    let nobody = AccountId::from_bytes([9; 16]);
    assert!(matches!(world.run(Disable::new(nobody)).unwrap(), Err(AccountError::NotFound)));
    assert!(matches!(world.run(Enable::new(nobody)).unwrap(), Err(AccountError::NotFound)));
    assert!(!world.map.rows.contains_key(&Key::Active(nobody)));
}

#[test]
fn inv_44_after_restore_ends_every_session_of_every_account() {
    let (mut world, _, [ada, bob]) = home();
    let mut touch = world.machine(RotateSession::new(&ada));
    world.step_to_commit(&mut touch);
    world.run(AfterRestore::new()).unwrap();
    assert_eq!(world.map.journal, [floor(Key::Keyring, START)]);
    for token in [&ada, &bob] {
        assert_eq!(gone(&mut world, token), Some(Gone::Revoked));
    }
    assert!(world.finish(touch).unwrap().is_err(), "nor does what was in flight go on");
    let after = login(&mut world, "bob");
    assert!(is_live(&mut world, &after));
}

/// A login beside an ending: whichever commits first, nothing granted before the ending lives after it.
fn beside_a_login<O: Decide<Outcome: Debug>>(revives: bool, ending: impl Fn(AccountId, &str) -> O) {
    let (mut world, [ada_id, _], [ada, bob]) = home();
    let mut machine = world.machine(ending(ada_id, &ada));
    world.step_to_commit(&mut machine);
    let before = login(&mut world, "ada");
    world.finish(machine).unwrap();
    assert_eq!(gone(&mut world, &before), Some(Gone::Revoked), "it fell before the ending");
    assert!(!is_live(&mut world, &ada) && is_live(&mut world, &bob));

    let (mut world, [ada_id, _], [ada, bob]) = home();
    let mut machine = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut machine);
    world.run(ending(ada_id, &ada)).unwrap();
    let after = world.finish(machine).unwrap();
    assert_eq!(after.is_ok(), revives, "{after:?}");
    assert!(after.is_err() || is_live(&mut world, after.unwrap().token.expose()));
    assert!(!is_live(&mut world, &ada) && is_live(&mut world, &bob));
}

#[test]
fn inv_13_a_login_falls_before_logout_everywhere_or_after_it() {
    beside_a_login(true, |account, _| LogoutEverywhere::new(account));
    beside_a_login(true, |account, token| LogoutEverywhere::new(account).keep(token));
}

#[test]
fn inv_14_a_login_falls_before_a_new_password_or_a_disable_or_is_denied() {
    beside_a_login(false, |account, _| Disable::new(account));
    beside_a_login(false, |account, _| SetPassword::new(account, NEW));
    beside_a_login(false, |_, token| ChangePassword::new(token, RIGHT, NEW));
}

/// Whatever was in flight when everything ended, nothing brings a session back.
#[test]
fn inv_15_what_was_in_flight_revives_nothing() {
    for ends_one in [true, false] {
        let (mut world, [ada_id, _], [ada, _]) = home();
        let session = session_of(&mut world, &ada);
        world.wait(millis(2 * MINUTE));
        let mut touch = world.machine(Authenticate::new(&ada));
        let mut rotate = world.machine(RotateSession::new(&ada));
        let mut prove = world.machine(Reauthenticate::new(&ada, RIGHT));
        let mut keep = world.machine(LogoutEverywhere::new(ada_id).keep(&ada));
        world.step_to_commit(&mut touch);
        world.step_to_commit(&mut rotate);
        world.step_to_commit(&mut prove);
        world.step_to_commit(&mut keep);
        if ends_one {
            world.run(EndSession::new(ada_id, session)).unwrap().unwrap();
        } else {
            world.run(LogoutEverywhere::new(ada_id)).unwrap().unwrap();
        }
        let before = rows_of(&world, ada_id);
        let _ = world.finish(touch).unwrap();
        assert!(matches!(world.finish(rotate).unwrap(), Err(AuthenticateError::Gone(_))));
        assert!(world.finish(prove).unwrap().is_err());
        assert!(matches!(world.finish(keep).unwrap(), Err(LogoutEverywhereError::Keep(_))));
        assert_eq!(rows_of(&world, ada_id), before);
        assert!(!is_live(&mut world, &ada));
    }
}

/// One commit, however much the rows change under it.
fn needs_one_commit<O: Decide<Outcome: Debug>>(ending: impl Fn(AccountId, SessionId) -> O) {
    let (mut world, [ada_id, _], [ada, _]) = home();
    let session = session_of(&mut world, &ada);
    let mut machine = world.machine(ending(ada_id, session));
    world.step_to_commit(&mut machine);
    let Ask::Commit(_, batch) = ask_at(&mut machine, world.now) else { panic!("a commit") };
    assert_eq!(batch.expectations().count(), 0);
    disturb(&mut world, 0xee);
    world.steps.clear();
    world.finish(machine).unwrap();
    assert_eq!(world.steps.len(), 1, "{:?}", world.steps);
    assert!(!is_live(&mut world, &ada));
}

#[test]
fn inv_43_nobody_starves_an_ending() {
    needs_one_commit(EndSession::new);
    needs_one_commit(|account, _| LogoutEverywhere::new(account));
    needs_one_commit(|account, _| Disable::new(account));
}

#[test]
fn inv_12_the_kept_session_goes_on_under_a_new_token_alone() {
    let (mut world, [ada_id, _], [ada, bob]) = home();
    let other = login(&mut world, "ada");
    let id = session_of(&mut world, &ada);
    let kept = world.run(LogoutEverywhere::new(ada_id).keep(&ada)).unwrap().unwrap().kept.unwrap();
    assert_eq!(kept.session.id, id);
    assert!(is_live(&mut world, &token_of(&kept)));
    assert_eq!(gone(&mut world, &ada), Some(Gone::Replaced), "a thief may hold a copy");
    assert_eq!(gone(&mut world, &other), Some(Gone::Revoked));
    assert!(is_live(&mut world, &bob));
    assert_eq!(world.map.journal, [floor(Key::Account(ada_id), START)]);
}

#[test]
fn keeping_what_is_not_the_accounts_own_live_session_ends_nothing() {
    let (mut world, [ada_id, _], [ada, bob]) = home();
    let live = token_of(&world.run(RotateSession::new(&ada)).unwrap().unwrap());
    let before = world.map.clone();
    let outcome = world.run(LogoutEverywhere::new(ada_id).keep(&bob)).unwrap();
    assert!(matches!(outcome, Err(LogoutEverywhereError::OtherAccount)));
    for dead in [ada.as_str(), "no token"] {
        let outcome = world.run(LogoutEverywhere::new(ada_id).keep(dead)).unwrap();
        assert!(matches!(outcome, Err(LogoutEverywhereError::Keep(_))), "{outcome:?}");
    }
    assert_eq!(world.map, before);
    assert!(is_live(&mut world, &live));
}

#[test]
fn inv_43_a_keep_that_meets_conflicts_only_ends_everything_in_the_end() {
    let (mut world, [ada_id, _], [ada, _]) = home();
    let mut machine = world.machine(LogoutEverywhere::new(ada_id).keep(&ada));
    for attempt in 0..8 {
        world.step_to_commit(&mut machine);
        disturb(&mut world, 0xe0 + attempt);
        assert!(world.step(&mut machine).is_none());
    }
    assert!(world.finish(machine).unwrap().unwrap().kept.is_none());
    assert_eq!(gone(&mut world, &ada), Some(Gone::Revoked));
    assert_eq!(world.map.journal, [floor(Key::Account(ada_id), START)]);
}

#[test]
fn inv_17_an_ending_whose_store_failed_is_not_done_and_one_whose_answer_was_lost_is() {
    let (mut world, [ada_id, _], [ada, _]) = home();
    let mut machine = world.machine(Disable::new(ada_id));
    world.step_to_commit(&mut machine);
    answer(&mut machine, failed(StoreErrorKind::Retryable));
    assert!(matches!(world.finish(machine), Err(Fault::Store(_))));
    assert!(is_live(&mut world, &ada));
    let mut machine = world.machine(Disable::new(ada_id));
    world.step_to_commit(&mut machine);
    let Ask::Commit(_, batch) = ask_at(&mut machine, world.now) else { panic!("a commit") };
    assert_eq!(world.map.commit(&batch), Commit::Applied);
    answer(&mut machine, failed(StoreErrorKind::Unknown));
    world.finish(machine).unwrap().unwrap();
    assert!(!is_live(&mut world, &ada));
}

/// INV-29: whatever is done to one account, the other's rows are byte for byte what they were.
#[test]
fn inv_29_no_ending_touches_another_account() {
    let (mut world, [ada_id, bob_id], [ada, _]) = home();
    let session = session_of(&mut world, &ada);
    let before = rows_of(&world, bob_id);
    assert!(before.len() >= 3, "{before:?}");
    let kept = world.run(LogoutEverywhere::new(ada_id).keep(&ada)).unwrap().unwrap().kept.unwrap();
    world.run(ChangePassword::new(&token_of(&kept), RIGHT, NEW)).unwrap().unwrap();
    world.run(EndSession::new(ada_id, session)).unwrap().unwrap();
    world.run(SetPassword::new(ada_id, RIGHT)).unwrap().unwrap();
    world.run(Disable::new(ada_id)).unwrap().unwrap();
    world.run(Enable::new(ada_id)).unwrap().unwrap();
    assert_eq!(rows_of(&world, bob_id), before);
}
