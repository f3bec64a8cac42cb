//! A cap on the sessions of an account (SE-11; ASVS 5.0, 7.1.2).

use std::num::NonZeroU32;
use std::time::Duration;

use doorward_core::id::{AccountId, SessionId};
use doorward_core::model::data::DataRecord;
use doorward_core::model::session::{Lifetime, SessionCap, WhenFull};
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::sessions::Sessions;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::Ending;

use crate::support::{RIGHT, Step, WRONG, World, environment_with, millis, stamp};

fn capped(most: u32, when_full: WhenFull) -> (World, AccountId) {
    let cap = SessionCap { most: NonZeroU32::new(most).unwrap(), when_full };
    let mut world = World::with(environment_with(Policy::builder().session_cap(cap).build().unwrap()));
    let account = world.register("ada");
    (world, account)
}

fn login(world: &mut World) -> LoggedIn {
    world.wait(millis(1));
    world.run(Login::new("ada", RIGHT)).unwrap().unwrap()
}

fn live(world: &mut World, account: AccountId) -> Vec<SessionId> {
    let sessions = world.run(Sessions::new(account)).unwrap();
    sessions.iter().map(|session| session.id).collect()
}

fn sorted(logins: &[&LoggedIn]) -> Vec<SessionId> {
    let mut ids: Vec<_> = logins.iter().map(|login| login.session.id).collect();
    ids.sort();
    ids
}

#[test]
fn se_11_the_oldest_sessions_end_in_the_commit_of_the_login_that_needs_their_place() {
    let (mut world, account) = capped(2, WhenFull::EndOldest);
    let (one, two) = (login(&mut world), login(&mut world));
    let data = Row {
        stamp: stamp(7),
        epoch: 0,
        owner: Some(account),
        expires: None,
        record: DataRecord { bytes: vec![1] }.into(),
    };
    world.map.rows.insert(Key::Data(one.session.id), data);
    // Activity does not make it younger: the one that began first goes.
    world.wait(Duration::from_mins(5));
    world.run(Authenticate::new(one.token.expose())).unwrap().unwrap();
    let until = world.map.rows[&Key::Session(one.session.id)].session().unwrap().created;
    let three = login(&mut world);
    assert_eq!(live(&mut world, account), sorted(&[&two, &three]));
    assert!(world.run(Authenticate::new(one.token.expose())).unwrap().is_err());
    assert_eq!(world.map.count(Kind::Data), 0, "what the host kept with it went too");
    let told = |session| {
        world.map.journal.iter().any(|ending| {
        matches!(ending, Ending::Session { session: ended, until: at } if *ended == session && *at > until)
    })
    };
    assert!(told(one.session.id) && !told(two.session.id));
}

#[test]
fn se_11_a_cap_that_came_later_ends_all_that_are_too_many() {
    let mut world = World::new();
    let account = world.register("ada");
    let logins: Vec<_> = (0..5).map(|_| login(&mut world)).collect();
    let cap = SessionCap { most: NonZeroU32::new(3).unwrap(), when_full: WhenFull::EndOldest };
    world.environment = environment_with(Policy::builder().session_cap(cap).build().unwrap());
    let last = login(&mut world);
    assert_eq!(live(&mut world, account), sorted(&[&logins[3], &logins[4], &last]));
    assert_eq!(world.map.journal.len(), 3);
}

/// Of sessions that began at one moment, the ids decide: everybody ends the same.
#[test]
fn se_11_sessions_of_one_moment_end_in_the_order_of_their_ids() {
    let (mut world, account) = capped(2, WhenFull::EndOldest);
    let mut ids: Vec<_> =
        (0..2).map(|_| world.run(Login::new("ada", RIGHT)).unwrap().unwrap().session.id).collect();
    let last = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().session.id;
    ids.sort();
    let mut expected = vec![ids[1], last];
    expected.sort();
    assert_eq!(live(&mut world, account), expected);
}

/// Only a right guess scanned for sessions, before anything was committed: of guesses in parallel the scan told it, also
/// of those that were not decided.
#[test]
fn se_11_inv_37_until_it_is_decided_a_right_guess_takes_the_steps_of_a_wrong_one() {
    let (mut world, _) = capped(1, WhenFull::EndOldest);
    login(&mut world);
    let steps = [("ada", RIGHT), ("ada", WRONG), ("nobody", WRONG)].map(|(name, password)| {
        let (_, mut steps) = world.trace(Login::new(name, password));
        assert!(matches!(steps.pop(), Some(Step::Commit { .. })));
        steps
    });
    assert_eq!(steps[0].iter().filter(|step| **step == Step::Scan(Kind::Session)).count(), 1);
    assert!(steps.iter().all(|of_one| *of_one == steps[0]), "{steps:?}");

    // And once a guess has met a conflict: its work is kept, its rows and pages are not.
    let again = [(RIGHT, 0xc1), (WRONG, 0xc2)].map(|(password, stamped)| {
        let mut machine = world.machine(Login::new("ada", password));
        world.step_to_commit(&mut machine);
        world.map.raise(&Key::Keyring, stamp(stamped));
        world.steps.clear();
        assert!(world.step(&mut machine).is_none());
        world.step_to_commit(&mut machine);
        std::mem::take(&mut world.steps).split_off(1)
    });
    assert!(again[0].contains(&Step::Scan(Kind::Session)));
    assert_eq!(again[0], again[1]);
}

#[test]
fn se_11_a_full_account_refuses_after_the_right_password_only() {
    let (mut world, account) = capped(2, WhenFull::Refuse);
    let logins = [login(&mut world), login(&mut world)];
    let (outcome, _) = world.trace(Login::new("ada", WRONG));
    assert!(matches!(outcome, Err(LoginError::Denied)));
    let before = world.map.clone();
    let (outcome, steps) = world.trace(Login::new("ada", RIGHT));
    assert!(matches!(outcome, Err(LoginError::TooManySessions)));
    // It tells that the password is right, so it rests on the counters, and resets them.
    let Some(Step::Commit { checks, puts, takes, .. }) = steps.last() else { panic!("{steps:?}") };
    assert!([Kind::Throttle, Kind::Attempts, Kind::Credential].iter().all(|kind| checks.contains(kind)));
    assert_eq!((puts.len(), takes), (0, &vec![Kind::Attempts, Kind::Throttle]));
    assert_eq!(world.map.rows.len() + 2, before.rows.len(), "nothing else has changed");
    assert_eq!(live(&mut world, account), sorted(&[&logins[0], &logins[1]]));
    // With nothing to reset it is told all the same, and rests on the counters that are not there.
    let (outcome, steps) = world.trace(Login::new("ada", RIGHT));
    assert!(matches!(outcome, Err(LoginError::TooManySessions)));
    let Some(Step::Commit { checks, puts, takes, .. }) = steps.last() else { panic!("{steps:?}") };
    assert!(checks.contains(&Kind::Throttle) && puts.is_empty() && takes.is_empty());
    assert_eq!(
        LoginError::TooManySessions.to_string(),
        "the account has as many sessions as it may: end one first"
    );
}

/// A right guess too many in parallel is not told that it was right.
#[test]
fn inv_38_a_refusal_for_want_of_room_meets_the_wait_of_guesses_in_parallel() {
    let (mut world, _) = capped(1, WhenFull::Refuse);
    login(&mut world);
    let mut right = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut right);
    for _ in 0..5 {
        world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    }
    assert!(matches!(world.finish(right).unwrap(), Err(LoginError::Throttled { .. })));
}

#[test]
fn se_11_the_session_that_a_login_replaces_leaves_its_place() {
    for when_full in [WhenFull::Refuse, WhenFull::EndOldest] {
        let (mut world, account) = capped(2, when_full);
        let (one, two) = (login(&mut world), login(&mut world));
        let operation = Login::new("ada", RIGHT).previous(two.token.expose());
        let three = world.run(operation).unwrap().unwrap();
        assert_eq!(live(&mut world, account), sorted(&[&one, &three]), "{when_full:?}");
    }
}

#[test]
fn se_11_sessions_that_are_over_leave_their_place() {
    type End = fn(&mut World, AccountId);
    let idle: End = |world, _| world.wait(Duration::from_hours(1));
    let everywhere: End = |world, ada| drop(world.run(LogoutEverywhere::new(ada)).unwrap().unwrap());
    for end in [idle, everywhere] {
        let (mut world, account) = capped(1, WhenFull::Refuse);
        login(&mut world);
        end(&mut world, account);
        let next = login(&mut world);
        assert_eq!(live(&mut world, account), sorted(&[&next]));
    }
}

/// A proof of the password that began a moment before its session was over, and lands while a login has found the
/// place free: without the login's delete the session would go on beside the new one.
#[test]
fn se_11_a_session_that_is_over_does_not_come_back_beside_the_new_one() {
    let (mut world, account) = capped(1, WhenFull::Refuse);
    let first = login(&mut world);
    world.wait(millis(3_599_999));
    let mut proof = world.machine(Reauthenticate::new(first.token.expose(), RIGHT));
    world.step_to_commit(&mut proof);
    world.wait(millis(1));
    let mut second = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut second);
    world.finish(proof).unwrap().expect("nothing has changed since it looked");
    let second = world.finish(second).unwrap().unwrap();
    assert_eq!(live(&mut world, account), sorted(&[&second]));
    assert!(
        world.map.journal.iter().any(|ending| {
            matches!(ending, Ending::Session { session, .. } if *session == first.session.id)
        })
    );
}

/// Two logins that both found room for one: who commits second looks again.
#[test]
fn se_11_two_logins_in_parallel_take_one_place_once() {
    for when_full in [WhenFull::Refuse, WhenFull::EndOldest] {
        let (mut world, account) = capped(2, when_full);
        login(&mut world);
        let mut two = [(); 2].map(|()| world.machine(Login::new("ada", RIGHT)));
        for machine in &mut two {
            world.step_to_commit(machine);
        }
        let outcomes = two.map(|machine| world.finish(machine).unwrap());
        assert!(outcomes[0].is_ok());
        let refused = matches!(outcomes[1], Err(LoginError::TooManySessions));
        assert_eq!(refused, when_full == WhenFull::Refuse);
        assert_eq!(live(&mut world, account).len(), 2);
    }
}

/// INV 29, and what a cap costs those that it does not touch: nothing.
#[test]
fn se_11_inv_29_another_account_has_its_own_cap_and_no_cap_scans_nothing() {
    let (mut world, ada) = capped(1, WhenFull::EndOldest);
    let bob = world.register("bob");
    let bobs = world.run(Login::new("bob", RIGHT)).unwrap().unwrap();
    login(&mut world);
    let epoch = world.map.rows[&Key::Account(ada)].clone();
    let adas = login(&mut world);
    assert_eq!(live(&mut world, bob), sorted(&[&bobs]));
    assert_eq!(live(&mut world, ada), sorted(&[&adas]));
    let after = &world.map.rows[&Key::Account(ada)];
    assert_eq!(Row { stamp: epoch.stamp, ..after.clone() }, epoch, "the account's row says what it said");

    let mut world = World::new();
    world.register("ada");
    let (_, steps) = world.trace(Login::new("ada", RIGHT));
    assert!(!steps.iter().any(|step| matches!(step, Step::Scan(_))), "{steps:?}");
}

/// More sessions than one page holds.
#[test]
fn se_11_every_page_is_counted() {
    let mut world = World::new();
    let account = world.register("ada");
    let one = world.run(Login::new("ada", RIGHT).lifetime(Lifetime::Device)).unwrap().unwrap();
    let row = world.map.rows[&Key::Session(one.session.id)].clone();
    for number in 0..599_u16 {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        world.map.rows.insert(Key::Session(SessionId::from_bytes(id)), row.clone());
    }
    let cap = SessionCap { most: NonZeroU32::new(600).unwrap(), when_full: WhenFull::Refuse };
    world.environment = environment_with(Policy::builder().session_cap(cap).build().unwrap());
    assert!(matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::TooManySessions)));
    world.map.rows.remove(&Key::Session(one.session.id)).unwrap();
    world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    assert_eq!(live(&mut world, account).len(), 600);
}
