//! The first steps: opening a store, and making accounts in it.

use std::sync::Arc;

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::machine::{Environment, Machine};
use doorward_core::model::keyring::KeyringRecord;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::open::{Open, Opened};
use doorward_core::operation::register::{Register, RegisterError};
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind};
use doorward_core::secret::{KeyError, MasterKey, MasterKeys, Seed};
use doorward_core::token::opaque::TokenError;

use crate::support::{RIGHT, Step, WRONG, World, answer, ask, failed, stamp};

/// A ring of the keys with these numbers, the first active.
fn ring(numbers: &[u32]) -> Arc<Environment> {
    let key = |number: u32| MasterKey::new(number, [u8::try_from(number).unwrap(); 32]);
    let first = MasterKeys::new(key(numbers[0]));
    let keys = numbers[1..].iter().fold(first, |ring, number| ring.accept(key(*number)).unwrap());
    Arc::new(Environment { policy: Policy::default(), keys })
}

fn keyring(world: &World) -> KeyringRecord {
    world.map.rows[&Key::Keyring].keyring().unwrap().clone()
}

#[test]
fn a_registration_is_four_rows_of_one_attempt() {
    let mut world = World::new();
    let (outcome, steps) = world.trace(Register::new("Ada", RIGHT));
    let account = outcome.unwrap();
    let kinds = [Kind::Login, Kind::Account, Kind::Active, Kind::Credential];
    for kind in kinds {
        let row = world.map.only(kind).1;
        assert_eq!((row.owner, row.expires, row.epoch), (Some(account), None, 0));
        assert_eq!(row.stamp, world.map.only(Kind::Login).1.stamp);
    }
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert_eq!(steps[..2], [Step::Hash, Step::Read(vec![Kind::Login])]);
    assert!(matches!(&steps[2], Step::Commit { puts, .. } if puts == &kinds));
}

/// No default users: until somebody signs up, there is nobody, and no name and password open anything.
#[test]
fn pw_10_a_new_store_has_no_account() {
    let mut world = World::new();
    for kind in [Kind::Login, Kind::Account, Kind::Active, Kind::Credential, Kind::Session] {
        assert_eq!(world.map.count(kind), 0, "{kind:?}");
    }
    for name in ["admin", "root", "doorward"] {
        for password in ["", name, "admin", "changeme"] {
            assert!(matches!(world.run(Login::new(name, password)).unwrap(), Err(LoginError::Denied)));
            world.wait(std::time::Duration::from_hours(48));
        }
    }
    world.register("ada");
    assert_eq!(world.map.count(Kind::Account), 1);
}

#[test]
fn a_name_that_is_taken_in_any_spelling_costs_the_work_of_a_free_one() {
    let mut world = World::new();
    world.register("Ada");
    let before = world.map.clone();
    for name in ["ada", "Ada", "ADA"] {
        let (outcome, steps) = world.trace(Register::new(name, WRONG));
        assert!(matches!(outcome, Err(RegisterError::Taken)));
        assert_eq!(steps, [Step::Hash, Step::Read(vec![Kind::Login])]);
    }
    assert_eq!(world.map, before);
}

#[test]
fn of_two_registrations_of_one_name_one_wins() {
    let mut world = World::new();
    let mut first = world.machine(Register::new("ada", RIGHT));
    let mut second = world.machine(Register::new("Ada", WRONG));
    world.step_to_commit(&mut first);
    world.step_to_commit(&mut second);
    let winner = world.finish(second).unwrap().unwrap();
    let before = world.map.clone();
    world.steps.clear();
    assert!(matches!(world.finish(first).unwrap(), Err(RegisterError::Taken)));
    assert!(!world.steps.contains(&Step::Hash), "the loser hashes once");
    assert_eq!(world.map, before);
    assert_eq!(world.run(Login::new("ada", WRONG)).unwrap().unwrap().session.account, winner);
}

#[test]
fn what_cannot_be_a_name_or_a_password_is_told_before_the_store_is_asked() {
    let mut world = World::new();
    let before = world.map.clone();
    let (outcome, steps) = world.trace(Register::new("", RIGHT));
    assert!(matches!(outcome, Err(RegisterError::Name(_))) && steps.is_empty());
    let long = "x".repeat(4097);
    for impossible in ["", "hunter2", &long] {
        let (outcome, steps) = world.trace(Register::new("ada", impossible));
        assert!(matches!(outcome, Err(RegisterError::Password(_))) && steps.is_empty());
    }
    let (outcome, steps) = world.trace(Login::new("", RIGHT));
    assert!(matches!(outcome, Err(LoginError::Name(_))) && steps.is_empty());
    let (outcome, steps) = world.trace(Login::new("ada", long));
    assert!(matches!(outcome, Err(LoginError::Password(_))) && steps.is_empty());
    assert_eq!(world.map, before);
}

/// Two operations whose seeds are one: the second makes another name, and must not take over the account.
#[test]
fn inv_33_an_account_id_met_again_overwrites_nothing() {
    let mut world = World::new();
    let mut register = |name: &str| {
        let environment = Arc::clone(&world.environment);
        let machine = Machine::new(Register::new(name, RIGHT), environment, Seed::from_bytes([77; 32]));
        (world.finish(machine), world.map.clone())
    };
    let (first, before) = register("ada");
    first.unwrap().unwrap();
    let (second, after) = register("bob");
    assert!(matches!(second, Err(Fault::Contended)));
    assert_eq!(after, before);
}

#[test]
fn inv_24_a_registration_of_unknown_fate_is_settled_or_unresolved() {
    for lands in [true, false] {
        let mut world = World::new();
        let mut machine = world.machine(Register::new("ada", RIGHT));
        world.step_to_commit(&mut machine);
        let batch = ask(&mut machine).commit();
        if lands {
            world.map.commit(&batch);
        }
        answer(&mut machine, failed(StoreErrorKind::Unknown));
        let outcome = world.finish(machine);
        if lands {
            assert_eq!(Key::Account(outcome.unwrap().unwrap()), *world.map.only(Kind::Account).0);
        } else {
            assert!(matches!(outcome, Err(Fault::Unresolved)));
        }
    }
}

#[test]
fn inv_29_a_registration_touches_nobody_else() {
    let mut world = World::new();
    world.register("ada");
    let before = world.map.clone();
    world.register("bob");
    assert!(before.rows.iter().all(|(key, row)| world.map.rows.get(key) == Some(row)));
    assert_eq!(world.map.rows.len(), before.rows.len() + 4);
}

#[test]
fn opening_makes_a_keyring_once() {
    let mut world = World::unopened(ring(&[1]));
    assert_eq!(world.run(Open::new()).unwrap().found, Opened::New);
    let before = world.map.clone();
    let (opened, steps) = world.trace(Open::new());
    assert_eq!((opened.found, steps), (Opened::Known, vec![Step::Read(vec![Kind::Keyring, Kind::Clock])]));
    assert_eq!(world.map, before);
}

/// Names are hidden under a key of the store's own: what one store gives away tells nothing about another, though
/// both have the same master key.
#[test]
fn inv_31_each_store_has_a_throttle_key_of_its_own() {
    let keys: Vec<[u8; 32]> = [1, 2]
        .map(|seed| {
            let mut world = World::unopened(ring(&[1]));
            let seed = Seed::from_bytes([seed; 32]);
            let machine = Machine::new(Open::new(), Arc::clone(&world.environment), seed);
            world.finish(machine).unwrap();
            keyring(&world).throttle_key
        })
        .into();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn of_two_first_openings_one_makes_the_keyring() {
    let mut world = World::unopened(ring(&[1]));
    let mut machines = [(); 2].map(|()| world.machine(Open::new()));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    let opened = machines.map(|machine| world.finish(machine).unwrap().found);
    assert_eq!(opened, [Opened::New, Opened::Known]);
}

/// The throttle key and the global epoch outlive every change of master key: else it would reset every lockout
/// and revive every session.
#[test]
fn inv_36_a_key_is_added_beside_a_known_one_and_all_else_stays() {
    let mut world = World::with(ring(&[1]));
    world.register("ada");
    let under_one = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    for _ in 0..5 {
        world.run(Login::new("nobody", WRONG)).unwrap().unwrap_err();
    }
    let before = keyring(&world);
    world.environment = ring(&[2, 1]);
    assert_eq!(world.run(Open::new()).unwrap().found, Opened::KeyAdded);
    let after = keyring(&world);
    assert_eq!((after.throttle_key, &after.checks[..1]), (before.throttle_key, &before.checks[..]));
    assert_eq!(after.checks.len(), 2);
    let waits = world.run(Login::new("nobody", WRONG)).unwrap();
    assert!(matches!(waits, Err(LoginError::Throttled { .. })));
    world.run(Authenticate::new(under_one.expose())).unwrap().unwrap();
    let under_two = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;

    // The old key is laid down: its tokens die, those of the new one live.
    world.environment = ring(&[2]);
    assert_eq!(world.run(Open::new()).unwrap().found, Opened::Known);
    let refused = world.run(Authenticate::new(under_one.expose())).unwrap();
    assert!(matches!(refused, Err(AuthenticateError::Token(TokenError::Key))));
    world.run(Authenticate::new(under_two.expose())).unwrap().unwrap();
}

#[test]
fn inv_15_adding_a_key_loses_no_raise_of_the_global_epoch() {
    let mut world = World::with(ring(&[1]));
    world.map.raise(&Key::Keyring, stamp(0xee));
    world.environment = ring(&[1, 2]);
    let mut machine = world.machine(Open::new());
    world.step_to_commit(&mut machine);
    world.map.raise(&Key::Keyring, stamp(0xef));
    assert_eq!(world.finish(machine).unwrap().found, Opened::KeyAdded);
    assert_eq!(world.map.rows[&Key::Keyring].epoch, 2);
}

#[test]
fn a_key_that_does_not_fit_the_store_is_an_error_at_open() {
    let mut world = World::with(ring(&[1]));
    let before = world.map.clone();
    let impostor = MasterKeys::new(MasterKey::new(1, [9; 32]));
    let impostor_beside = MasterKeys::new(MasterKey::new(2, [2; 32])).accept(MasterKey::new(1, [9; 32]));
    for keys in [impostor, impostor_beside.unwrap()] {
        world.environment = Arc::new(Environment { policy: Policy::default(), keys });
        assert!(matches!(world.run(Open::new()), Err(Fault::Key(KeyError::Wrong(1)))));
    }
    world.environment = ring(&[2, 3]);
    assert!(matches!(world.run(Open::new()), Err(Fault::Key(KeyError::Unknown))));
    assert_eq!(world.map, before);
}
