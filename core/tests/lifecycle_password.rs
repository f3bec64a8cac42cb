//! Passwords after registration: changed by who knows the present one, set by who may, and the counters between.

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::id::AccountId;
use doorward_core::machine::Reply;
use doorward_core::model::session::Gone;
use doorward_core::operation::access::{AccountError, Disable};
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::change_password::{ChangePassword, ChangePasswordError};
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::reauthenticate::{Reauthenticate, ReauthenticateError};
use doorward_core::operation::rotate_session::{Renewed, RotateSession};
use doorward_core::operation::set_password::{SetPassword, SetPasswordError};
use doorward_core::operation::unlock::Unlock;
use doorward_core::password::PasswordError;
use doorward_core::record::{Key, Kind, Record};
use doorward_core::store::{Commit, Ending};

use crate::support::{
    Ask, Map, RIGHT, Step, WRONG, World, answer, ask, ask_at, environment_with, failed, millis, stamp,
};

const NAME: &str = "ada.lovelace.of.london";
const NEW: &str = "an entirely different sentence";
const MINUTE: u64 = 60_000;
/// The longest session of the default policy.
const LONGEST: u64 = 90 * 24 * 60 * MINUTE;

/// Ada, with the session that the token is of.
fn home() -> (World, AccountId, String) {
    let mut world = World::new();
    let account = world.register(NAME);
    let token = login(&mut world, RIGHT).unwrap();
    (world, account, token)
}

fn login(world: &mut World, password: &str) -> Result<String, LoginError> {
    world.run(Login::new(NAME, password)).unwrap().map(|login| login.token.expose().to_owned())
}

fn change(world: &mut World, token: &str, current: &str) -> Result<Renewed, ChangePasswordError> {
    world.run(ChangePassword::new(token, current, NEW)).unwrap()
}

fn prove(world: &mut World, token: &str, password: &str) -> Result<Renewed, ReauthenticateError> {
    world.run(Reauthenticate::new(token, password)).unwrap()
}

fn gone(world: &mut World, token: &str) -> Option<Gone> {
    match world.run(Authenticate::new(token)).unwrap() {
        Ok(_) => None,
        Err(AuthenticateError::Gone(gone)) => Some(gone),
        other => panic!("neither live nor gone: {other:?}"),
    }
}

fn failures(map: &Map, account: AccountId) -> u32 {
    map.rows.get(&Key::Attempts(account)).map_or(0, |row| row.attempts().unwrap().failures)
}

fn set_failures(map: &mut Map, account: AccountId, failures: u32) {
    let row = map.rows.get_mut(&Key::Attempts(account)).unwrap();
    let Record::Attempts(record) = &mut row.record else { panic!("attempts") };
    record.failures = failures;
}

/// The rows without the two that a wrong guess may write.
fn but_counters(map: &Map) -> Map {
    let mut map = map.clone();
    map.rows.retain(|key, _| !matches!(key.kind(), Kind::Attempts | Kind::Throttle));
    map
}

fn work(steps: &[Step]) -> Vec<Step> {
    steps.iter().filter(|step| matches!(step, Step::Hash | Step::Verify)).cloned().collect()
}

#[test]
fn pw_9_se_3_a_change_ends_all_but_the_callers_session_which_gets_a_new_token() {
    let (mut world, account, token) = home();
    let other = login(&mut world, RIGHT).unwrap();
    world.wait(millis(MINUTE));
    let renewed = change(&mut world, &token, RIGHT).unwrap();
    assert!(renewed.session.is_fresh(millis(0)));
    assert_eq!(gone(&mut world, renewed.token.expose()), None);
    assert_eq!(gone(&mut world, &token), Some(Gone::Replaced));
    assert_eq!(gone(&mut world, &other), Some(Gone::Revoked));
    let until = world.now.saturating_add(millis(LONGEST));
    assert_eq!(world.map.journal, [Ending::Epoch { key: Key::Account(account), until }]);
    assert_eq!(world.map.rows[&Key::Account(account)].epoch, 1);
    let Record::Credential(record) = &world.map.only(Kind::Credential).1.record else { panic!() };
    assert_eq!(record.set, world.now);
    assert!(matches!(login(&mut world, RIGHT), Err(LoginError::Denied)));
    assert!(login(&mut world, NEW).is_ok());
}

#[test]
fn pw_9_a_wrong_present_password_is_denied_and_counted() {
    let (mut world, account, token) = home();
    let before = but_counters(&world.map);
    for count in 1..=4 {
        if count % 2 == 0 {
            let denied = change(&mut world, &token, WRONG);
            assert!(matches!(denied, Err(ChangePasswordError::Current(ReauthenticateError::Denied))));
        } else {
            assert!(matches!(prove(&mut world, &token, WRONG), Err(ReauthenticateError::Denied)));
        }
        assert_eq!(failures(&world.map, account), count);
        assert_eq!(but_counters(&world.map), before);
    }
    let renewed = prove(&mut world, &token, RIGHT).unwrap();
    assert_eq!((failures(&world.map, account), world.map.count(Kind::Throttle)), (0, 0));
    assert_eq!(gone(&mut world, renewed.token.expose()), None);
}

#[test]
fn pw_9_gu_2_guesses_inside_a_session_are_throttled_before_any_work() {
    let (mut world, account, token) = home();
    for _ in 0..5 {
        prove(&mut world, &token, WRONG).unwrap_err();
    }
    let before = world.map.clone();
    world.steps.clear();
    let proof = prove(&mut world, &token, RIGHT);
    let Err(ReauthenticateError::Throttled { until }) = proof else { panic!("{proof:?}") };
    assert_eq!(until, world.now.saturating_add(millis(30_000)));
    let changed = change(&mut world, &token, RIGHT);
    assert!(matches!(changed, Err(ChangePasswordError::Current(ReauthenticateError::Throttled { .. }))));
    assert_eq!(work(&world.steps), []);
    assert_eq!(world.map, before, "nothing is decided, so nothing is counted");
    world.now = until;
    assert!(change(&mut world, &token, RIGHT).is_ok());
    assert_eq!(failures(&world.map, account), 0);
}

/// Who has the name alone slows nobody who is inside, and the other way round.
#[test]
fn gu_3_guesses_at_the_door_do_not_slow_who_is_inside() {
    let (mut world, _, token) = home();
    for _ in 0..5 {
        login(&mut world, WRONG).unwrap_err();
    }
    assert!(matches!(login(&mut world, RIGHT), Err(LoginError::Throttled { .. })));
    let renewed = prove(&mut world, &token, RIGHT).unwrap();
    assert!(matches!(login(&mut world, RIGHT), Err(LoginError::Throttled { .. })), "a wait is not lifted");
    for _ in 0..5 {
        prove(&mut world, renewed.token.expose(), WRONG).unwrap_err();
    }
    world.wait(millis(30_000));
    assert!(login(&mut world, RIGHT).is_ok());
}

/// INV-29: guesses inside one account's session slow nobody else.
#[test]
fn inv_29_guesses_inside_one_account_do_not_slow_another() {
    let (mut world, _, token) = home();
    world.register("bob");
    let bob = world.run(Login::new("bob", RIGHT)).unwrap().unwrap();
    for _ in 0..5 {
        prove(&mut world, &token, WRONG).unwrap_err();
    }
    assert!(prove(&mut world, bob.token.expose(), RIGHT).is_ok());
    assert!(matches!(prove(&mut world, &token, RIGHT), Err(ReauthenticateError::Throttled { .. })));
}

#[test]
fn pw_9_gu_1_the_hundredth_wrong_guess_turns_the_password_off_inside_too() {
    let (mut world, account, token) = home();
    prove(&mut world, &token, WRONG).unwrap_err();
    set_failures(&mut world.map, account, 99);
    change(&mut world, &token, WRONG).unwrap_err();
    assert_eq!(failures(&world.map, account), 100);
    let before = but_counters(&world.map);
    assert!(matches!(prove(&mut world, &token, RIGHT), Err(ReauthenticateError::Denied)));
    let denied = change(&mut world, &token, RIGHT);
    assert!(matches!(denied, Err(ChangePasswordError::Current(ReauthenticateError::Denied))));
    assert!(matches!(login(&mut world, RIGHT), Err(LoginError::Denied)));
    assert_eq!(but_counters(&world.map), before);
    assert_eq!(gone(&mut world, &token), None, "the session itself goes on");
}

/// Off, and waiting at both entrances.
fn locked() -> (World, AccountId, String) {
    let (mut world, account, token) = home();
    for _ in 0..5 {
        login(&mut world, WRONG).unwrap_err();
        prove(&mut world, &token, WRONG).unwrap_err();
    }
    set_failures(&mut world.map, account, 100);
    assert_eq!(world.map.count(Kind::Throttle), 2);
    (world, account, token)
}

#[test]
fn gu_3_unlock_lifts_a_lock_and_nothing_else() {
    let (mut world, account, token) = locked();
    let before = but_counters(&world.map);
    world.run(Unlock::new(account)).unwrap().unwrap();
    assert_eq!(world.map, before, "both counters are gone, and nothing else is changed");
    assert!(login(&mut world, RIGHT).is_ok());
    assert!(prove(&mut world, &token, RIGHT).is_ok());
    let nobody = Unlock::new(AccountId::from_bytes([9; 16]));
    assert!(matches!(world.run(nobody).unwrap(), Err(AccountError::NotFound)));
}

#[test]
fn gu_3_inv_14_set_password_lifts_a_lock_and_ends_every_session() {
    let (mut world, account, token) = locked();
    world.run(SetPassword::new(account, NEW)).unwrap().unwrap();
    assert_eq!(failures(&world.map, account) as usize + world.map.count(Kind::Throttle), 0);
    assert_eq!(gone(&mut world, &token), Some(Gone::Revoked));
    let until = world.now.saturating_add(millis(LONGEST));
    assert_eq!(world.map.journal, [Ending::Epoch { key: Key::Account(account), until }]);
    assert!(matches!(login(&mut world, RIGHT), Err(LoginError::Denied)));
    assert!(login(&mut world, NEW).is_ok());
}

#[test]
fn gu_3_guessing_on_starves_neither_unlock_nor_set_password() {
    let (mut world, account, _) = home();
    let mut unlock = world.machine(Unlock::new(account));
    let mut set = world.machine(SetPassword::new(account, NEW));
    world.step_to_commit(&mut unlock);
    world.step_to_commit(&mut set);
    for _ in 0..2 {
        login(&mut world, WRONG).unwrap_err();
    }
    world.finish(unlock).unwrap().unwrap();
    assert_eq!((failures(&world.map, account), world.map.count(Kind::Throttle)), (0, 0));
    // Who guesses whenever it looks does not keep it from its end, either: it looks seven times.
    let mut unlock = world.machine(Unlock::new(account));
    for _ in 0..7 {
        world.step_to_commit(&mut unlock);
        world.wait(millis(10 * MINUTE));
        login(&mut world, WRONG).unwrap_err();
        assert!(world.step(&mut unlock).is_none(), "it met a guess");
    }
    world.step_to_commit(&mut unlock);
    world.wait(millis(10 * MINUTE));
    login(&mut world, WRONG).unwrap_err();
    world.finish(unlock).unwrap().unwrap();
    assert_eq!((failures(&world.map, account), world.map.count(Kind::Throttle)), (0, 0));
    login(&mut world, WRONG).unwrap_err();
    world.steps.clear();
    world.finish(set).unwrap().unwrap();
    assert_eq!((world.steps.len(), failures(&world.map, account)), (1, 0));
    assert_eq!(world.map.count(Kind::Throttle), 0);
}

/// The story: nobody knew what had become of an unlock's first commit, so that a second one did it, and was answered. Then somebody
/// guessed, and had to wait; the first one landed, and took away what had been counted since.
#[test]
fn inv_38_an_unlock_that_lands_late_takes_nothing_that_was_counted_since() {
    let (mut world, account, _) = locked();
    let mut unlock = world.machine(Unlock::new(account));
    world.step_to_commit(&mut unlock);
    let Ask::Commit(ticket, late) = ask_at(&mut unlock, world.now) else { panic!("a commit waits") };
    unlock.reply(ticket, failed(StoreErrorKind::Unknown)).unwrap();
    world.finish(unlock).unwrap().unwrap();
    for _ in 0..5 {
        login(&mut world, WRONG).unwrap_err();
    }
    assert_eq!(world.map.commit(&late), Commit::Conflict);
    assert_eq!(failures(&world.map, account), 5);
    assert!(matches!(login(&mut world, RIGHT), Err(LoginError::Throttled { .. })));
}

#[test]
fn a_disabled_account_stays_disabled_under_its_new_password() {
    let (mut world, account, _) = home();
    world.run(Disable::new(account)).unwrap().unwrap();
    world.run(SetPassword::new(account, NEW)).unwrap().unwrap();
    world.run(Unlock::new(account)).unwrap().unwrap();
    assert!(matches!(login(&mut world, NEW), Err(LoginError::Denied)));
}

#[test]
fn pw_1_pw_7_a_new_password_that_breaks_the_rules_changes_nothing() {
    let policy = doorward_core::policy::Policy::builder().service_name("Doorward Demo Service").build();
    let mut world = World::with(environment_with(policy.unwrap()));
    let account = world.register(NAME);
    let token = login(&mut world, RIGHT).unwrap();
    let before = world.map.clone();
    let huge = "x".repeat(5000);
    for new in ["too short", NAME, "Ada.Lovelace.Of.London", "DOORWARD demo service", &huge] {
        world.steps.clear();
        let set = world.run(SetPassword::new(account, new)).unwrap();
        let Err(SetPasswordError::Password(one)) = set else { panic!("{new}: {set:?}") };
        // Told alike to who does not know the present one: it says nothing about it, and costs no work.
        let changed = world.run(ChangePassword::new(&token, WRONG, new)).unwrap();
        let Err(ChangePasswordError::New(other)) = changed else { panic!("{new}: {changed:?}") };
        assert_eq!(one, other);
        assert_eq!(one == PasswordError::TooShort { min: 15 }, new == "too short");
        assert_eq!(work(&world.steps), []);
        assert_eq!(world.map, before);
    }
    let nobody = SetPassword::new(AccountId::from_bytes([9; 16]), NEW);
    assert!(matches!(world.run(nobody).unwrap(), Err(SetPasswordError::NotFound)));
    assert_eq!(world.map, before);
}

#[test]
fn inv_37_a_change_does_the_same_work_whether_the_present_password_is_right_or_not() {
    let (mut world, _, token) = home();
    let (wrong, steps_of_wrong) = world.trace(ChangePassword::new(&token, WRONG, NEW));
    let (right, steps_of_right) = world.trace(ChangePassword::new(&token, RIGHT, NEW));
    assert!(wrong.is_err() && right.is_ok());
    assert_eq!(work(&steps_of_wrong), [Step::Hash, Step::Verify]);
    let (commit, before) = steps_of_wrong.split_last().unwrap();
    let (_, before_right) = steps_of_right.split_last().unwrap();
    assert_eq!(before, before_right, "up to the commit nobody can tell");
    assert!(matches!(commit, Step::Commit { .. }));
}

#[test]
fn inv_17_a_dead_token_changes_no_password_and_moves_no_counter() {
    let (mut world, _, token) = home();
    world.run(RotateSession::new(&token)).unwrap().unwrap();
    let before = world.map.clone();
    for password in [RIGHT, WRONG] {
        for dead in [token.as_str(), "no token"] {
            world.steps.clear();
            assert!(matches!(
                change(&mut world, dead, password),
                Err(ChangePasswordError::Current(
                    ReauthenticateError::Gone(_) | ReauthenticateError::Token(_)
                ))
            ));
            assert!(prove(&mut world, dead, password).is_err());
            assert_eq!(work(&world.steps), []);
        }
    }
    let too_long = "x".repeat(5000);
    assert!(matches!(prove(&mut world, &token, &too_long), Err(ReauthenticateError::Password(_))));
    assert_eq!(world.map, before);
}

/// INV-39's other half: a change that saw an older credential is decided anew, against the newer.
#[test]
fn inv_39_of_two_changes_at_once_the_second_must_know_the_first() {
    let (mut world, account, token) = home();
    let mut machine = world.machine(ChangePassword::new(&token, RIGHT, NEW));
    world.step_to_commit(&mut machine);
    world.set_password(account, WRONG, 19456, 0xa1);
    let denied = world.finish(machine).unwrap();
    assert!(matches!(denied, Err(ChangePasswordError::Current(ReauthenticateError::Denied))));
    assert_eq!(failures(&world.map, account), 1);
    assert_eq!(gone(&mut world, &token), None);
}

/// GU-4: however many guesses run at once from inside, each that is decided is counted.
#[test]
fn gu_4_parallel_guesses_are_counted_one_by_one() {
    let (mut world, account, token) = home();
    let mut machines = [(); 8].map(|()| world.machine(Reauthenticate::new(&token, WRONG)));
    let mut right = world.machine(ChangePassword::new(&token, RIGHT, NEW));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    world.step_to_commit(&mut right);
    let outcomes = machines.map(|machine| world.finish(machine).unwrap().unwrap_err());
    let denied = outcomes.iter().filter(|error| matches!(error, ReauthenticateError::Denied)).count();
    assert_eq!((denied, failures(&world.map, account)), (5, 5));
    assert!(outcomes[5..].iter().all(|error| matches!(error, ReauthenticateError::Throttled { .. })));
    let right = world.finish(right).unwrap();
    assert!(matches!(right, Err(ChangePasswordError::Current(ReauthenticateError::Throttled { .. }))));
}

#[test]
fn pw_15_a_change_without_room_to_hash_changes_nothing() {
    let (mut world, account, token) = home();
    let before = world.map.clone();
    let mut change = world.machine(ChangePassword::new(&token, WRONG, NEW));
    while !matches!(ask(&mut change), crate::support::Ask::Work(..)) {
        assert!(world.step(&mut change).is_none());
    }
    answer(&mut change, Reply::Busy);
    assert!(matches!(world.finish(change), Err(Fault::Busy)));
    let mut set = world.machine(SetPassword::new(account, NEW));
    while !matches!(ask(&mut set), crate::support::Ask::Work(..)) {
        assert!(world.step(&mut set).is_none());
    }
    answer(&mut set, Reply::Busy);
    assert!(matches!(world.finish(set), Err(Fault::Busy)));
    assert_eq!(world.map, before);
}

/// A change that lost its session on the way (here: ended) is no change.
#[test]
fn inv_15_a_session_that_ends_meanwhile_changes_no_password() {
    let (mut world, account, token) = home();
    let mut machine = world.machine(ChangePassword::new(&token, RIGHT, NEW));
    world.step_to_commit(&mut machine);
    world.map.raise(&Key::Account(account), stamp(0xee));
    let before = world.map.clone();
    assert!(matches!(
        world.finish(machine).unwrap(),
        Err(ChangePasswordError::Current(ReauthenticateError::Gone(Gone::Revoked)))
    ));
    assert_eq!(world.map, before);
}
