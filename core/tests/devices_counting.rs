//! What known devices fail is counted: for each of them, and for the account (NIST SP 800-63B-4, section 3.2.2).

use std::time::Duration;

use doorward_core::model::device::DevicePolicy;
use doorward_core::model::throttle::ThrottlePolicy;
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::logout::Logout;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::unlock::Unlock;
use doorward_core::policy::Policy;
use doorward_core::record::Kind;

use crate::support::devices::{
    DAY, by_name, counted, denied, from, home, home_with, keep_waiting, remember, set_attempts, throttled,
};
use crate::support::{RIGHT, Step, WRONG, World, millis};

/// INV 38: a mistyped password or two before the right one: the strangers' count and wait are what they were.
#[test]
fn inv_38_a_devices_success_takes_off_its_own_failures_and_no_others() {
    let (mut world, account, device) = home();
    keep_waiting(&mut world);
    let (strange, throttle) = (counted(&world, account), world.map.only(Kind::Throttle).1.clone());
    for failures in 1..=4 {
        assert!(denied(&from(&mut world, &device, WRONG)));
        assert_eq!(counted(&world, account).failures, strange.failures + failures, "all failures count");
    }
    from(&mut world, &device, RIGHT).unwrap();
    assert_eq!(counted(&world, account), strange);
    assert_eq!(*world.map.only(Kind::Throttle).1, throttle);
}

#[test]
fn inv_38_each_device_holds_its_own_failures() {
    let (mut world, account, one) = home();
    let two = remember(&mut world, "ada").unwrap();
    for device in [&one, &one, &two] {
        assert!(denied(&from(&mut world, device, WRONG)));
    }
    assert!(denied(&by_name(&mut world, WRONG)));
    from(&mut world, &two, RIGHT).unwrap();
    assert_eq!(counted(&world, account).failures, 3, "one's two, and the stranger's");
    // By name, everything goes but what a device holds; from the device as well, that too.
    by_name(&mut world, RIGHT).unwrap();
    assert_eq!((counted(&world, account).failures, world.map.count(Kind::Throttle)), (2, 0));
    let inside = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    world.run(Reauthenticate::new(inside.expose(), RIGHT)).unwrap().unwrap();
    assert_eq!(counted(&world, account).failures, 2, "nor does a success inside a session");
    from(&mut world, &one, RIGHT).unwrap();
    assert_eq!(world.map.count(Kind::Attempts), 0);
}

/// INV 38, for the only one there is.
#[test]
fn inv_38_a_success_by_name_leaves_what_the_only_device_has_failed() {
    let (mut world, account, device) = home();
    for _ in 0..2 {
        assert!(denied(&from(&mut world, &device, WRONG)));
    }
    by_name(&mut world, RIGHT).unwrap();
    assert_eq!(counted(&world, account).failures, 2);
}

#[test]
fn gu_3_after_its_tries_a_device_is_as_any_other() {
    let (mut world, account, device) = home();
    keep_waiting(&mut world);
    for tries in 1..=10 {
        assert!(denied(&from(&mut world, &device, WRONG)), "{tries}");
    }
    assert!(throttled(&from(&mut world, &device, RIGHT)), "now it waits as the name does");
    // When the wait is over its guesses are the name's; a right one gives it its tries back.
    world.wait(millis(30_000));
    assert!(denied(&from(&mut world, &device, WRONG)));
    assert_eq!(world.map.only(Kind::Throttle).1.throttle().unwrap().failures, 6);
    assert_eq!(counted(&world, account).failures, 16);
    world.wait(millis(60_000));
    let login = world.run(Login::new("ada", RIGHT).device(&device).remember_device()).unwrap().unwrap();
    assert!(login.device.is_none(), "the one it has is good again");
    assert_eq!((world.map.count(Kind::Attempts), world.map.count(Kind::Throttle)), (0, 0));
    keep_waiting(&mut world);
    assert!(denied(&from(&mut world, &device, WRONG)));
}

/// GU-1, GU-3: strangers are decided ninety guesses; then the name is off for them, and the last ten are the device's.
/// No more than a hundred in a row are decided by anybody.
#[test]
fn gu_1_gu_3_strangers_use_up_ninety_and_the_device_has_the_last_ten() {
    let (mut world, account, device) = home();
    for failures in 1..=90 {
        world.wait(Duration::from_hours(1));
        assert!(denied(&by_name(&mut world, WRONG)));
        assert_eq!(counted(&world, account).failures, failures);
    }
    for _ in 0..20 {
        world.wait(Duration::from_hours(1));
        assert!(denied(&by_name(&mut world, RIGHT)), "off for guesses by name");
        assert_eq!(counted(&world, account).failures, 90, "what is not decided uses nothing up");
    }
    let before = counted(&world, account);
    for _ in 0..9 {
        assert!(denied(&from(&mut world, &device, WRONG)));
    }
    let login = from(&mut world, &device, RIGHT).expect("the hundredth guess in a row is decided");
    assert_eq!(counted(&world, account), before);
    world.run(Logout::new(login.token.expose())).unwrap().unwrap();

    for _ in 0..10 {
        assert!(denied(&from(&mut world, &device, WRONG)));
    }
    assert_eq!(counted(&world, account).failures, 100);
    for _ in 0..3 {
        world.wait(Duration::from_hours(1));
        assert!(denied(&from(&mut world, &device, RIGHT)), "a hundred and first is not");
        world.wait(Duration::from_hours(1));
        assert!(denied(&by_name(&mut world, RIGHT)));
        assert_eq!(counted(&world, account).failures, 100);
    }
    world.run(Unlock::new(account)).unwrap().unwrap();
    assert!(from(&mut world, &device, RIGHT).is_ok());
}

/// Many devices, and a session: together with the strangers they are decided a hundred, not one more.
#[test]
fn gu_1_all_devices_together_do_not_go_beyond_a_hundred() {
    let (mut world, account, one) = home();
    let two = remember(&mut world, "ada").unwrap();
    let inside = by_name(&mut world, RIGHT).unwrap().token;
    set_attempts(&mut world, account, 85);
    for device in [&one, &two] {
        for _ in 0..7 {
            assert!(denied(&from(&mut world, device, WRONG)));
        }
    }
    assert_eq!(counted(&world, account).failures, 99);
    world.run(Reauthenticate::new(inside.expose(), WRONG)).unwrap().unwrap_err();
    assert_eq!(counted(&world, account).failures, 100);
    for device in [&one, &two] {
        assert!(denied(&from(&mut world, device, RIGHT)), "three tries left, and none that is decided");
    }
    world.run(Reauthenticate::new(inside.expose(), RIGHT)).unwrap().unwrap_err();
    // And where none is decided, a device waits as the name does: its guesses would cost a hash each.
    while !throttled(&from(&mut world, &one, RIGHT)) {}
    assert_eq!(counted(&world, account).failures, 100);
}

/// When the last device is forgotten, the tries that were kept for it are the name's again: it goes off at a hundred.
#[test]
fn gu_1_where_no_device_is_known_any_more_the_name_goes_on_to_a_hundred() {
    let (mut world, account, _) = home();
    for _ in 0..92 {
        world.wait(Duration::from_hours(1));
        assert!(denied(&by_name(&mut world, WRONG)));
    }
    assert_eq!(counted(&world, account).failures, 90);
    world.wait(DAY * 400);
    for _ in 0..12 {
        world.wait(Duration::from_hours(1));
        assert!(denied(&by_name(&mut world, WRONG)));
    }
    assert_eq!(counted(&world, account).failures, 100);
    world.wait(Duration::from_hours(1));
    assert!(denied(&by_name(&mut world, RIGHT)));
}

/// INV 38: twenty guesses from one device, all verified before the first is written down: its ten tries are decided.
#[test]
fn inv_38_guesses_in_parallel_from_a_device_decide_no_more_than_its_tries() {
    let (mut world, account, device) = home();
    keep_waiting(&mut world);
    let strange = counted(&world, account).failures;
    let mut right = world.machine(Login::new("ada", RIGHT).device(&device));
    world.step_to_commit(&mut right);
    let guess = |world: &mut World| world.machine(Login::new("ada", WRONG).device(&device));
    let mut wrong: Vec<_> = (0..20).map(|_| guess(&mut world)).collect();
    for machine in &mut wrong {
        world.step_to_commit(machine);
    }
    world.steps.clear();
    let outcomes: Vec<_> = wrong.into_iter().map(|machine| world.finish(machine)).collect();
    // A guess that met eight others is not decided either.
    let decided = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Err(LoginError::Denied)))).count();
    assert_eq!(decided, 10);
    assert_eq!(counted(&world, account).failures, strange + 10);
    assert!(!world.steps.contains(&Step::Verify), "a conflict costs no second run");
    let sessions = world.map.count(Kind::Session);
    assert!(throttled(&world.finish(right).unwrap()));
    assert_eq!(world.map.count(Kind::Session), sessions);
}

/// A count of a hundred at most, whatever the policy's numbers.
#[test]
fn gu_1_a_throttle_of_few_guesses_keeps_its_bound() {
    let throttle = ThrottlePolicy { off_at: 5, ..ThrottlePolicy::default() };
    let devices = DevicePolicy { tries: 2, ..DevicePolicy::default() };
    let policy = Policy::builder().throttle(throttle).devices(devices).build().unwrap();
    let (mut world, account, device) = home_with(policy);
    for (expected, outcome) in (1..=5).zip([WRONG; 5]) {
        assert!(denied(&by_name(&mut world, outcome)));
        assert_eq!(counted(&world, account).failures, expected.min(3));
    }
    assert!(denied(&from(&mut world, &device, WRONG)));
    assert!(from(&mut world, &device, RIGHT).is_ok());
}
