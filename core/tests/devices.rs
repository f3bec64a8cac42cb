//! Known devices: an attacker who keeps the name waiting, or drives it off, does not keep its owner out, and gains
//! nothing from the owner's coming in.

use std::sync::Arc;
use std::time::Duration;

use doorward_core::id::AccountId;
use doorward_core::machine::Environment;
use doorward_core::model::device::DevicePolicy;
use doorward_core::operation::access::{Disable, Enable};
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::open::Open;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::operation::unlock::Unlock;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::secret::{MasterKey, MasterKeys};
use doorward_core::token::opaque::TokenError;

use crate::support::devices::{
    DAY, DAY_MILLIS, by_name, counted, denied, from, home, home_with, is_known, keep_waiting, known,
    remember, strangers, throttled,
};
use crate::support::{RIGHT, START, Step, WRONG, World, environment_with, millis};

#[test]
fn gu_3_the_owner_comes_in_from_a_known_device_while_the_name_waits() {
    let (mut world, account, device) = home();
    keep_waiting(&mut world);
    let before = strangers(&world, account);
    assert_eq!(before.len(), 2);
    for _ in 0..3 {
        let login = from(&mut world, &device, RIGHT).unwrap();
        assert!(login.device.is_none(), "it was not asked for");
        assert_eq!(strangers(&world, account), before, "the strangers have gained nothing");
        assert!(throttled(&by_name(&mut world, RIGHT)), "and wait on");
    }
}

/// INV 37, GU-5: a token that is worth nothing, of whatever kind, and for whatever name: the same answers and calls as
/// a login without one that asks in the same words.
#[test]
fn gu_5_inv_37_a_device_token_that_is_worth_nothing_changes_nothing() {
    let (mut stranger, _, foreign) = home();
    stranger.register("bob");
    let others = remember(&mut stranger, "bob").unwrap();
    let session = stranger.run(Login::new("bob", RIGHT)).unwrap().unwrap().token.expose().to_owned();
    let world = || {
        let (mut world, _, device) = home();
        world.register("bob");
        let _ = remember(&mut world, "bob");
        world.wait(DAY * 400); // what it knew has expired
        (world, device)
    };
    let (mut expected, expired) = world();
    let expected: Vec<_> = (0..6).map(|_| expected.trace(Login::new("ada", WRONG))).collect();
    for token in
        ["", "dwd_", "x", &expired, &foreign, &others, &session, &expired.replacen("dwd_", "dws_", 1)]
    {
        for name in ["ada", "nobody"] {
            let (mut world, _) = world();
            for (outcome, steps) in &expected {
                let (seen, taken) = world.trace(Login::new(name, WRONG).device(token));
                assert_eq!(format!("{seen:?}"), format!("{outcome:?}"), "{token} for {name}");
                assert_eq!(taken, *steps, "{token} for {name}");
            }
        }
    }
    assert!(throttled(&expected[5].0) && !expected[5].1.contains(&Step::Verify));
}

/// INV 29: a device of one account neither opens nor touches another's.
#[test]
fn inv_29_a_device_is_known_to_its_own_account_only() {
    let (mut world, ada, device) = home();
    let bob = world.register("bob");
    for _ in 0..5 {
        world.run(Login::new("bob", WRONG)).unwrap().unwrap_err();
    }
    let of = |world: &World, owner| -> Vec<(Key, Row)> {
        let rows = world.map.rows.iter().filter(|(_, row)| row.owner == Some(owner));
        rows.map(|(key, row)| (key.clone(), row.clone())).collect()
    };
    let (adas, bobs) = (of(&world, ada), of(&world, bob));
    assert!(throttled(&world.run(Login::new("bob", RIGHT).device(&device)).unwrap()));
    assert_eq!((of(&world, ada), of(&world, bob)), (adas, bobs.clone()));
    keep_waiting(&mut world);
    assert!(denied(&from(&mut world, &device, WRONG)));
    from(&mut world, &device, RIGHT).unwrap();
    assert_eq!(of(&world, bob), bobs);
    // The same device in Bob's row: the token was made for Ada's.
    let mut row = world.map.rows[&Key::Devices(ada)].clone();
    row.owner = Some(bob);
    world.map.rows.insert(Key::Devices(bob), row.clone());
    assert!(throttled(&world.run(Login::new("bob", RIGHT).device(&device)).unwrap()));
    // Another account's row under this one's key, by a store that mixed them up: none is known.
    world.map.rows.insert(Key::Devices(ada), row);
    assert!(throttled(&from(&mut world, &device, RIGHT)));
}

#[test]
fn inv_34_a_device_token_never_authenticates_and_a_session_token_is_no_device() {
    let (mut world, _, device) = home();
    for text in [device.clone(), device.replacen("dwd_", "dws_", 1)] {
        let refused = world.run(Authenticate::new(&text)).unwrap();
        let expected = if text == device { TokenError::Kind } else { TokenError::Forged };
        assert!(matches!(refused, Err(AuthenticateError::Token(error)) if error == expected));
        world.run(Logout::new(&text)).unwrap().unwrap_err();
    }
    let session = by_name(&mut world, RIGHT).unwrap().token.expose().to_owned();
    keep_waiting(&mut world);
    for text in [session.replacen("dws_", "dwd_", 1), session] {
        assert!(throttled(&from(&mut world, &text, RIGHT)), "{text}");
    }
    assert!(denied(&from(&mut world, &device, "")), "alone it opens nothing");
}

/// The master key and every id ever seen make no token of a known device: it takes the salt in the store.
#[test]
fn inv_42_a_device_is_proven_by_the_salt_in_its_row() {
    let (mut world, ada, device) = home();
    assert!(is_known(&world, &device));
    let row = world.map.rows.get_mut(&Key::Devices(ada)).unwrap();
    let mut record = row.devices().unwrap().clone();
    record.devices[0].salt[0] ^= 1;
    row.record = record.into();
    assert!(!is_known(&world, &device));
}

#[test]
fn inv_12_inv_14_what_ends_every_session_forgets_the_devices_and_a_logout_does_not() {
    const NEW: &str = "an entirely different sentence";
    type End = fn(&mut World, AccountId);
    let password: End = |world, ada| world.run(SetPassword::new(ada, RIGHT)).unwrap().unwrap();
    let change: End = |world, _| {
        let token = by_name(world, RIGHT).unwrap().token;
        let renewed = world.run(ChangePassword::new(token.expose(), RIGHT, NEW)).unwrap().unwrap();
        world.run(ChangePassword::new(renewed.token.expose(), NEW, RIGHT)).unwrap().unwrap();
    };
    let everywhere: End = |world, ada| drop(world.run(LogoutEverywhere::new(ada)).unwrap().unwrap());
    let disable: End = |world, ada| {
        world.run(Disable::new(ada)).unwrap().unwrap();
        world.run(Enable::new(ada)).unwrap().unwrap();
    };
    let restore: End = |world, _| world.run(AfterRestore::new()).unwrap();
    let ends = [("set", password), ("change", change), ("everywhere", everywhere), ("disable", disable)];
    for (name, end) in ends.into_iter().chain([("restore", restore)]) {
        let (mut world, ada, device) = home();
        end(&mut world, ada);
        assert!(!is_known(&world, &device), "{name}");
        // And a new one is remembered in its place; the dead are dropped.
        let login = world.run(Login::new("ada", RIGHT).device(&device).remember_device()).unwrap().unwrap();
        let next = login.device.expect("the presented one is worth nothing");
        assert!(is_known(&world, next.expose()), "{name}");
        assert_eq!(known(&world, ada).len(), 1, "{name}");
    }
    let (mut world, _, device) = home();
    let token = from(&mut world, &device, RIGHT).unwrap().token;
    world.run(Logout::new(token.expose())).unwrap().unwrap();
    assert!(is_known(&world, &device));
}

#[test]
fn a_new_password_leaves_nothing_of_the_devices() {
    type End = fn(&mut World, AccountId);
    let set: End = |world, ada| world.run(SetPassword::new(ada, RIGHT)).unwrap().unwrap();
    let change: End = |world, _| {
        let token = by_name(world, RIGHT).unwrap().token;
        let new = "an entirely different sentence";
        drop(world.run(ChangePassword::new(token.expose(), RIGHT, new)).unwrap().unwrap());
    };
    for end in [set, change] {
        let (mut world, ada, device) = home();
        assert!(denied(&from(&mut world, &device, WRONG)));
        end(&mut world, ada);
        assert_eq!((world.map.count(Kind::Devices), world.map.count(Kind::Attempts)), (0, 0));
    }
}

/// GU-3: where the guessing goes on, the devices are the way in, so an unlock leaves them, with all their tries.
#[test]
fn gu_3_an_unlock_keeps_the_devices_and_gives_their_tries_back() {
    let (mut world, ada, device) = home();
    for _ in 0..10 {
        assert!(denied(&from(&mut world, &device, WRONG)));
    }
    keep_waiting(&mut world);
    assert!(throttled(&from(&mut world, &device, RIGHT)));
    world.run(Unlock::new(ada)).unwrap().unwrap();
    keep_waiting(&mut world);
    for _ in 0..10 {
        assert!(denied(&from(&mut world, &device, WRONG)));
    }
    assert!(throttled(&from(&mut world, &device, WRONG)));
}

#[test]
fn a_device_is_known_until_its_time_is_over_and_each_day_moves_it() {
    let (mut world, ada, device) = home();
    let row = |world: &World| world.map.rows[&Key::Devices(ada)].clone();
    let first = row(&world);
    assert_eq!((first.owner, first.expires), (Some(ada), Some(START.saturating_add(DAY * 400))));
    // Within a day nothing is written; after it, the whole lifetime begins anew.
    world.wait(millis(DAY_MILLIS - 1));
    from(&mut world, &device, RIGHT).unwrap();
    assert_eq!(row(&world), first);
    world.wait(millis(1));
    from(&mut world, &device, RIGHT).unwrap();
    assert_eq!(row(&world).expires, Some(START.saturating_add(DAY * 401)));
    assert!(denied(&from(&mut world, &device, WRONG)));
    assert_eq!(row(&world).expires, Some(START.saturating_add(DAY * 401)), "a wrong guess moves nothing");
    world.wait(millis(400 * DAY_MILLIS - 1));
    assert!(is_known(&world, &device));
    world.wait(millis(1));
    assert!(!is_known(&world, &device));
    // INV 21: a clock that steps back extends nothing.
    world.now = START;
    from(&mut world, &device, RIGHT).unwrap();
    assert_eq!(row(&world).expires, Some(START.saturating_add(DAY * 401)));
}

/// One that is known for a day or two only would be forgotten while it is used.
#[test]
fn a_short_time_is_begun_anew_in_its_second_half() {
    let policy = DevicePolicy { lifetime: DAY, ..DevicePolicy::default() };
    let (mut world, ada, device) = home_with(Policy::builder().devices(policy).build().unwrap());
    let ends = |world: &World| world.map.rows[&Key::Devices(ada)].expires;
    world.wait(millis(DAY_MILLIS / 2 - 1));
    from(&mut world, &device, RIGHT).unwrap();
    assert_eq!(ends(&world), Some(START.saturating_add(DAY)));
    world.wait(millis(1));
    from(&mut world, &device, RIGHT).unwrap();
    assert_eq!(ends(&world), Some(START.saturating_add(DAY + DAY / 2)));
}

#[test]
fn a_full_list_drops_the_device_that_was_away_longest() {
    let devices = DevicePolicy { per_account: 3, ..DevicePolicy::default() };
    let (mut world, ada, first) = home_with(Policy::builder().devices(devices).build().unwrap());
    let mut tokens = vec![first];
    for _ in 0..2 {
        world.wait(DAY);
        tokens.push(remember(&mut world, "ada").unwrap());
    }
    world.wait(DAY);
    from(&mut world, &tokens[0], RIGHT).unwrap();
    tokens.push(remember(&mut world, "ada").unwrap());
    assert_eq!(known(&world, ada).len(), 3);
    let live: Vec<bool> = tokens.iter().map(|token| is_known(&world, token)).collect();
    assert_eq!(live, [true, false, true, true]);
}

/// A device that logs in every day kept the token of its first, and was a stranger once that one's master key was gone.
#[test]
fn a_device_goes_over_to_a_new_master_key_and_outlives_the_old_one() {
    let (mut world, ada, old) = home();
    let (one, two) = (MasterKey::new(1, [0x5a; 32]), MasterKey::new(2, [0x5b; 32]));
    let with = |keys| Arc::new(Environment { policy: Policy::default(), keys });
    let ask = |world: &mut World, device: &str| {
        let login = Login::new("ada", RIGHT).device(device).remember_device();
        world.run(login).unwrap().unwrap().device
    };
    assert!(ask(&mut world, &old).is_none(), "it is of the key in use");
    world.environment = with(MasterKeys::new(two.clone()).accept(one).unwrap());
    world.run(Open::new()).unwrap();
    assert!(from(&mut world, &old, RIGHT).unwrap().device.is_none(), "it was not asked for");
    let new = ask(&mut world, &old).expect("it is of an earlier key");
    assert_eq!(known(&world, ada).len(), 1, "it is the same device");
    assert!(is_known(&world, &old) && is_known(&world, new.expose()));
    assert!(ask(&mut world, new.expose()).is_none());
    world.environment = with(MasterKeys::new(two));
    assert!(is_known(&world, new.expose()) && !is_known(&world, &old));
}

#[test]
fn no_device_is_made_unasked_for_a_failure_or_where_the_policy_has_none() {
    let (mut world, ada, _) = home();
    assert!(by_name(&mut world, RIGHT).unwrap().device.is_none());
    world.run(Login::new("ada", WRONG).remember_device()).unwrap().unwrap_err();
    assert_eq!(known(&world, ada).len(), 1);

    let none = DevicePolicy { per_account: 0, ..DevicePolicy::default() };
    let mut off = World::with(environment_with(Policy::builder().devices(none).build().unwrap()));
    let ada = off.register("ada");
    assert_eq!(remember(&mut off, "ada"), None);
    assert_eq!(known(&off, ada), []);
    // Turned off later: those that are stored are not known, and nothing is kept for them.
    let (mut world, ada, device) = home();
    world.environment = environment_with(off.environment.policy.clone());
    assert!(!is_known(&world, &device));
    for _ in 0..100 {
        world.wait(Duration::from_hours(1));
        assert!(denied(&by_name(&mut world, WRONG)));
    }
    assert_eq!(counted(&world, ada).failures, 100);
}

/// INV 39, INV 13: the device is forgotten while its guess is being verified: the guess goes by the name.
#[test]
fn inv_13_a_device_forgotten_in_flight_no_longer_helps() {
    let (mut world, ada, device) = home();
    let end: [fn(&mut World, AccountId); 2] = [
        |world, ada| drop(world.run(LogoutEverywhere::new(ada)).unwrap().unwrap()),
        |world, ada| drop(world.map.rows.remove(&Key::Devices(ada)).unwrap()),
    ];
    for end in end {
        world.run(Unlock::new(ada)).unwrap().unwrap();
        let device =
            if is_known(&world, &device) { device.clone() } else { remember(&mut world, "ada").unwrap() };
        keep_waiting(&mut world);
        let mut right = world.machine(Login::new("ada", RIGHT).device(&device));
        world.step_to_commit(&mut right);
        end(&mut world, ada);
        assert!(throttled(&world.finish(right).unwrap()));
    }
}
