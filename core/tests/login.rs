//! Guessing: what an attacker can see of a login, and how often one may try.

use doorward_core::id::AccountId;
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::operation::open_session::OpenSession;
use doorward_core::record::{Key, Kind, Record, Row};
use doorward_core::time::Timestamp;

use crate::support::{Ask, RIGHT, START, Step, WRONG, World, ask_at, millis, stamp};

type Outcome = Result<LoggedIn, LoginError>;

const HOUR: u64 = 3_600_000;

fn denied(outcome: &Outcome) -> bool {
    matches!(outcome, Err(LoginError::Denied))
}

fn until(outcome: &Outcome) -> Timestamp {
    let Err(LoginError::Throttled { until }) = outcome else { panic!("no wait: {outcome:?}") };
    *until
}

fn attempts(world: &World, account: AccountId) -> u32 {
    world.map.rows.get(&Key::Attempts(account)).map_or(0, |row| row.attempts().unwrap().failures)
}

fn set_attempts(world: &mut World, account: AccountId, failures: u32) {
    let record = doorward_core::model::throttle::AttemptsRecord { failures, devices: vec![] };
    let row =
        Row { stamp: stamp(0xa7), epoch: 0, owner: Some(account), expires: None, record: record.into() };
    world.map.rows.insert(Key::Attempts(account), row);
}

/// The five ways to be no one, each in a world of its own.
fn nobodies() -> Vec<(&'static str, World, &'static str)> {
    let with = |change: fn(&mut World, AccountId)| {
        let mut world = World::new();
        let account = world.register("ada");
        change(&mut world, account);
        world
    };
    vec![
        ("unknown", World::new(), RIGHT),
        ("wrong", with(|_, _| {}), WRONG),
        ("empty", with(|_, _| {}), ""),
        ("disabled", with(|world, id| drop(world.map.rows.remove(&Key::Active(id)).unwrap())), RIGHT),
        ("no password", with(|world, id| drop(world.map.rows.remove(&Key::Credential(id)).unwrap())), RIGHT),
        ("no account", with(|world, id| drop(world.map.rows.remove(&Key::Account(id)).unwrap())), RIGHT),
        ("off", with(|world, id| set_attempts(world, id, 100)), RIGHT),
    ]
}

#[test]
fn gu_5_inv_37_every_way_to_be_denied_looks_alike() {
    let (_, mut wrong, password) = nobodies().remove(1);
    let mut expected = Vec::new();
    for _ in 0..6 {
        expected.push(wrong.trace(Login::new("ada", password)));
    }
    let first = &expected[0].1;
    assert_eq!(first.iter().filter(|step| **step == Step::Verify).count(), 1);
    assert!(matches!(first.last(), Some(Step::Commit { .. })), "a failure is written down: {first:?}");
    for (way, mut world, password) in nobodies() {
        for (try_number, (outcome, steps)) in expected.iter().enumerate() {
            let (seen, taken) = world.trace(Login::new("ada", password));
            assert_eq!(format!("{seen:?}"), format!("{outcome:?}"), "{way}, try {try_number}");
            assert_eq!(taken, *steps, "{way}, try {try_number}");
        }
    }
}

/// Who comes with another's live session is told so before any hashing, whatever the name: it says nothing of
/// whether the name is anybody's.
#[test]
fn gu_5_a_previous_session_tells_nobody_apart() {
    let mut expected = None;
    for (way, mut world, password) in nobodies() {
        world.register("bob");
        let token = world.run(Login::new("bob", RIGHT)).unwrap().unwrap().token;
        let (outcome, steps) = world.trace(Login::new("ada", password).previous(token.expose()));
        assert!(matches!(outcome, Err(LoginError::OtherAccount)), "{way}");
        assert!(!steps.contains(&Step::Verify), "{way}");
        assert_eq!(*expected.get_or_insert(steps.clone()), steps, "{way}");
    }
}

/// An anonymous session, and what is kept there, are read before any hashing and alike for every name.
#[test]
fn gu_5_an_anonymous_session_tells_nobody_apart() {
    let mut expected = None;
    for (way, mut world, password) in nobodies() {
        let guest = world.run(OpenSession::new("two plums")).unwrap().unwrap().token;
        let login = Login::new("ada", password).previous(guest.expose()).carry_data();
        let (outcome, steps) = world.trace(login);
        assert!(denied(&outcome), "{way}");
        assert!(matches!(&steps[1], Step::Read(kinds) if kinds.contains(&Kind::Data)), "{way}: {steps:?}");
        assert_eq!((steps.len(), &steps[2]), (4, &Step::Verify), "{way}: {steps:?}");
        assert_eq!(*expected.get_or_insert(steps.clone()), steps, "{way}");
    }
}

#[test]
fn gu_5_the_decoy_is_nobody_and_always_the_same() {
    let mut world = World::new();
    let keys = |world: &mut World, name: &str| {
        let mut machine = world.machine(Login::new(name, RIGHT));
        world.step(&mut machine);
        ask_at(&mut machine, world.now).read()
    };
    assert_eq!(keys(&mut world, "ada"), keys(&mut world, "ada"));
    // No key is shared, or unknown names would meet in one row and be told apart by the wait for it.
    let others = keys(&mut world, "bob");
    assert!(keys(&mut world, "ada").iter().all(|key| !others.contains(key)));
    let decoys = keys(&mut world, "ada");
    let account = world.register("ada");
    assert!(!decoys.contains(&Key::Account(account)));
    assert!(keys(&mut world, "ada").contains(&Key::Account(account)));
}

#[test]
fn gu_1_after_a_hundred_failures_the_right_password_is_denied_after_one_hash() {
    let mut world = World::new();
    let account = world.register("ada");
    for failures in 0..100 {
        assert_eq!(attempts(&world, account), failures);
        assert!(denied(&world.run(Login::new("ada", WRONG)).unwrap()), "{failures}");
        world.wait(millis(HOUR));
    }
    let (outcome, steps) = world.trace(Login::new("ada", RIGHT));
    assert!(denied(&outcome));
    assert_eq!(steps.iter().filter(|step| **step == Step::Verify).count(), 1);
    // No time mends it.
    world.wait(millis(1000 * 24 * HOUR));
    assert!(denied(&world.run(Login::new("ada", RIGHT)).unwrap()));
}

#[test]
fn gu_1_after_ninety_nine_failures_the_right_password_still_opens() {
    let mut world = World::new();
    let account = world.register("ada");
    set_attempts(&mut world, account, 99);
    assert!(world.run(Login::new("ada", RIGHT)).unwrap().is_ok());
    assert_eq!(attempts(&world, account), 0);
    set_attempts(&mut world, account, 100);
    assert!(denied(&world.run(Login::new("ada", RIGHT)).unwrap()));
    assert_eq!(attempts(&world, account), 100, "what is not decided is no failure");
}

#[test]
fn gu_2_the_wait_begins_at_thirty_seconds_doubles_and_stays_within_an_hour() {
    let mut world = World::new();
    world.register("ada");
    for _ in 0..5 {
        assert!(denied(&world.run(Login::new("ada", WRONG)).unwrap()));
    }
    let mut waits = Vec::new();
    for _ in 0..10 {
        let end = until(&world.run(Login::new("ada", WRONG)).unwrap());
        waits.push(end.since(world.now).as_secs());
        world.now = end.saturating_sub(millis(1));
        assert_eq!(until(&world.run(Login::new("ada", RIGHT)).unwrap()), end, "decided a millisecond early");
        world.now = end;
        assert!(denied(&world.run(Login::new("ada", WRONG)).unwrap()));
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
}

#[test]
fn gu_2_success_resets_the_wait_and_the_count() {
    let mut world = World::new();
    let account = world.register("ada");
    for _ in 0..5 {
        world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    }
    world.wait(millis(30_000));
    world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    assert_eq!((attempts(&world, account), world.map.count(Kind::Throttle)), (0, 0));
    for _ in 0..5 {
        assert!(denied(&world.run(Login::new("ada", WRONG)).unwrap()), "five free tries again");
    }
    assert_eq!(
        until(&world.run(Login::new("ada", WRONG)).unwrap()),
        world.now.saturating_add(millis(30_000))
    );
}

#[test]
fn inv_37_a_wait_is_announced_before_any_work_alike_for_every_name() {
    let mut expected = None;
    for (way, mut world, password) in nobodies() {
        for _ in 0..5 {
            world.run(Login::new("ada", password)).unwrap().unwrap_err();
        }
        world.wait(millis(29_999));
        let before = world.map.clone();
        let (outcome, steps) = world.trace(Login::new("ada", RIGHT));
        assert!(!steps.contains(&Step::Verify), "{way}: {steps:?}");
        assert_eq!(world.map, before, "{way}: an attempt during a wait changes nothing");
        let seen = (until(&outcome), steps);
        assert_eq!(*expected.get_or_insert(seen.clone()), seen, "{way}");
    }
    assert_eq!(expected.unwrap().0, START.saturating_add(millis(30_000)));
}

#[test]
fn inv_37_every_spelling_of_a_name_shares_its_wait() {
    let mut world = World::new();
    world.register("ada");
    for name in ["ada", "Ada", "ADA", "aDa", "adA"] {
        assert!(denied(&world.run(Login::new(name, WRONG)).unwrap()));
    }
    for name in ["ada", "Ada"] {
        until(&world.run(Login::new(name, RIGHT)).unwrap());
    }
}

#[test]
fn inv_38_success_resets_only_its_own_subject() {
    let mut world = World::new();
    let (ada, bob) = (world.register("ada"), world.register("bob"));
    for name in ["ada", "bob", "nobody"] {
        for _ in 0..4 {
            world.run(Login::new(name, WRONG)).unwrap().unwrap_err();
        }
    }
    let others: Vec<_> = world.map.rows.clone().into_iter().collect();
    world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    assert_eq!((attempts(&world, ada), attempts(&world, bob)), (0, 4));
    let gone: Vec<_> = others.iter().filter(|(key, _)| !world.map.rows.contains_key(key)).collect();
    assert_eq!(gone.len(), 2, "one name's throttle, one account's attempts: {gone:?}");
    for (key, row) in others {
        assert!(world.map.rows.get(&key).is_none_or(|now| *now == row), "{key:?} changed");
    }
    for name in ["bob", "nobody"] {
        world.run(Login::new(name, WRONG)).unwrap().unwrap_err();
        until(&world.run(Login::new(name, WRONG)).unwrap());
    }
}

#[test]
fn inv_38_failures_in_parallel_are_all_counted() {
    let mut world = World::new();
    let account = world.register("ada");
    let mut machines: Vec<_> = (0..4).map(|_| world.machine(Login::new("ada", WRONG))).collect();
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    for machine in machines {
        assert!(denied(&world.finish(machine).unwrap()));
    }
    assert_eq!(attempts(&world, account), 4);
}

/// Many guesses that are all verified before the first is written down: only the free ones are decided, and
/// the right one is not among them.
#[test]
fn inv_38_guesses_in_parallel_decide_no_more_than_the_allowed_number() {
    let mut world = World::new();
    let account = world.register("ada");
    let mut right = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut right);
    let mut wrong: Vec<_> = (0..20).map(|_| world.machine(Login::new("ada", WRONG))).collect();
    for machine in &mut wrong {
        world.step_to_commit(machine);
    }
    world.steps.clear();
    let outcomes: Vec<_> = wrong.into_iter().map(|machine| world.finish(machine).unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| denied(outcome)).count(), 5);
    assert!(outcomes[5..].iter().all(|outcome| until(outcome) > world.now));
    until(&world.finish(right).unwrap());
    assert_eq!((attempts(&world, account), world.map.count(Kind::Session)), (5, 0));
    assert!(!world.steps.contains(&Step::Verify), "a conflict costs no second run");
}

/// A login whose right password was verified before the account went off must not slip in.
#[test]
fn gu_1_going_off_stops_a_login_in_flight() {
    let mut world = World::new();
    let account = world.register("ada");
    set_attempts(&mut world, account, 99);
    let mut right = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut right);
    assert!(denied(&world.run(Login::new("ada", WRONG)).unwrap()));
    assert!(denied(&world.finish(right).unwrap()));
    assert_eq!(world.map.count(Kind::Session), 0);
}

#[test]
fn inv_13_disabling_stops_a_login_in_flight() {
    let mut world = World::new();
    let account = world.register("ada");
    let mut right = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut right);
    world.map.rows.remove(&Key::Active(account)).unwrap();
    assert!(denied(&world.finish(right).unwrap()));
    assert_eq!(world.map.count(Kind::Session), 0);
}

#[test]
fn an_expired_throttle_row_counts_nothing() {
    let mut world = World::new();
    let account = world.register("ada");
    for _ in 0..8 {
        let _ = world.run(Login::new("ada", WRONG)).unwrap();
        world.wait(millis(HOUR));
    }
    assert_eq!(attempts(&world, account), 8);
    let expires = world.map.only(Kind::Throttle).1.expires.expect("a throttle row expires");
    // A millisecond before, the ninth failure is remembered as such; at that moment, it is the first.
    for (now, waits) in [(expires.saturating_sub(millis(1)), true), (expires, false)] {
        world.now = now;
        let before = world.map.clone();
        assert!(denied(&world.run(Login::new("ada", WRONG)).unwrap()));
        let Record::Throttle(record) = &world.map.only(Kind::Throttle).1.record else { panic!() };
        assert_eq!(record.failures, if waits { 9 } else { 1 });
        assert_eq!(attempts(&world, account), 9, "an account's count lasts");
        world.map = before;
    }
}

#[test]
fn an_expired_throttle_row_is_no_obstacle_to_success() {
    let mut world = World::new();
    world.register("ada");
    world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    world.wait(millis(25 * HOUR));
    world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    assert_eq!(world.map.count(Kind::Throttle), 0);
}

/// The rows that stand in for a name without an account must not pile up for ever.
#[test]
fn what_is_written_for_an_unknown_name_expires() {
    let mut world = World::new();
    world.run(Login::new("nobody", WRONG)).unwrap().unwrap_err();
    for kind in [Kind::Throttle, Kind::Attempts] {
        let row = world.map.only(kind).1;
        assert_eq!(row.expires, Some(START.saturating_add(millis(24 * HOUR))), "{kind:?}");
        assert_eq!(row.owner, None);
    }
}

#[test]
fn inv_21_a_clock_that_steps_back_shortens_no_wait() {
    let mut world = World::new();
    world.register("ada");
    for _ in 0..5 {
        world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    }
    let end = START.saturating_add(millis(30_000));
    world.now = START.saturating_sub(millis(HOUR));
    assert_eq!(until(&world.run(Login::new("ada", RIGHT)).unwrap()), end);
    assert!(matches!(ask_at(&mut world.machine(Login::new("ada", RIGHT)), START), Ask::Read(..)));
}

/// A password that is changed while the old one is being verified: the old one opens nothing any more.
#[test]
fn inv_39_a_password_changed_between_verify_and_commit_is_verified_again() {
    let mut world = World::new();
    let account = world.register("ada");
    let mut machine = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut machine);
    world.set_password(account, WRONG, 19456, 0xa1);
    let changed = world.map.rows[&Key::Credential(account)].clone();
    world.steps.clear();
    assert!(denied(&world.finish(machine).unwrap()));
    assert_eq!(world.steps.iter().filter(|step| **step == Step::Verify).count(), 1);
    assert_eq!(world.map.rows[&Key::Credential(account)], changed);

    let mut machine = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut machine);
    world.set_password(account, RIGHT, 19456, 0xa2);
    assert!(world.finish(machine).unwrap().is_ok(), "and a wrong one may have become right");
}

/// Guesses that come too late are told to wait, whatever they are worth, after the same calls.
#[test]
fn inv_37_a_guess_beyond_the_allowed_number_takes_the_same_steps_right_or_wrong() {
    let steps = |password: &str| {
        let mut world = World::new();
        world.register("ada");
        let mut machine = world.machine(Login::new("ada", password));
        assert!(world.step(&mut machine).is_none());
        assert!(world.step(&mut machine).is_none());
        for _ in 0..5 {
            world.run(Login::new("ada", "another that is wrong")).unwrap().unwrap_err();
        }
        world.steps.clear();
        until(&world.finish(machine).unwrap());
        // What the refused batch held is nobody's to see.
        let seen = |step: &Step| if let Step::Commit { .. } = step { None } else { Some(step.clone()) };
        world.steps.iter().map(seen).collect::<Vec<_>>()
    };
    assert_eq!(steps(RIGHT), steps(WRONG));
}
