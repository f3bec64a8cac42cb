//! PW-13: the pepper (NIST SP 800-63B-4: a keyed hash, and a key id to change the key by).

use std::sync::Arc;

use doorward_core::error::Fault;
use doorward_core::id::AccountId;
use doorward_core::machine::Environment;
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::open::{Open, Opened};
use doorward_core::operation::reauthenticate::{Reauthenticate, ReauthenticateError};
use doorward_core::operation::rehash::Rehashed;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Record};
use doorward_core::secret::{KeyError, MasterKey, MasterKeys, Pepper};
use doorward_core::work::Work;

use crate::support::{Ask, RIGHT, WRONG, World, ask_at};

const OTHER: &str = "an entirely different sentence";

fn pepper(number: u32) -> Pepper {
    Pepper::new(number, [u8::try_from(number).unwrap(); 32])
}

/// The engine is started anew: with this pepper in use, if any, and those accepted.
fn give(world: &mut World, active: Option<u32>, accepted: &[u32]) {
    let keys = MasterKeys::new(MasterKey::new(1, [0x5a; 32]));
    let keys = active.into_iter().fold(keys, |keys, number| keys.pepper(pepper(number)).unwrap());
    let keys = accepted.iter().fold(keys, |keys, number| keys.accept_pepper(pepper(*number)).unwrap());
    world.environment = Arc::new(Environment { policy: Policy::default(), keys });
    world.run(Open::new()).unwrap();
}

/// The number in the account's credential.
fn under(world: &World, account: AccountId) -> Option<u32> {
    let Record::Credential(record) = &world.map.rows[&Key::Credential(account)].record else {
        panic!("a credential")
    };
    record.pepper
}

/// A login and the upgrade it leaves to do; whether there was one.
fn log_in(world: &mut World, name: &str) -> bool {
    let logged_in = world.run(Login::new(name, RIGHT)).unwrap().unwrap();
    logged_in.rehash.is_some_and(|rehash| world.run(rehash).unwrap() == Rehashed::Upgraded)
}

#[test]
fn pw_13_two_key_ids_verify_and_a_login_brings_both_under_the_new_one() {
    let mut world = World::new();
    let none = world.register("none");
    give(&mut world, Some(1), &[]);
    let old = world.register("old");
    give(&mut world, Some(2), &[1]);
    let new = world.register("new");
    assert_eq!([none, old, new].map(|account| under(&world, account)), [None, Some(1), Some(2)]);
    assert_eq!(["none", "old", "new"].map(|name| log_in(&mut world, name)), [true, true, false]);
    assert_eq!([none, old, new].map(|account| under(&world, account)), [Some(2); 3]);
    give(&mut world, Some(2), &[]);
    assert_eq!(["none", "old", "new"].map(|name| log_in(&mut world, name)), [false; 3]);
}

#[test]
fn pw_13_a_pepper_that_is_given_up_while_it_is_accepted_leaves_at_the_next_login() {
    let mut world = World::new();
    give(&mut world, Some(1), &[]);
    let ada = world.register("ada");
    give(&mut world, None, &[1]);
    assert!(log_in(&mut world, "ada"));
    assert_eq!(under(&world, ada), None);
    give(&mut world, None, &[]);
    assert!(!log_in(&mut world, "ada"));
}

#[test]
fn pw_13_every_way_to_set_or_show_a_password_goes_through_the_pepper() {
    let mut world = World::new();
    give(&mut world, Some(1), &[]);
    let ada = world.register("ada");
    assert_eq!(under(&world, ada), Some(1));
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    give(&mut world, Some(2), &[1]);
    let token = world.run(Reauthenticate::new(token.expose(), RIGHT)).unwrap().unwrap().token;
    world.run(ChangePassword::new(token.expose(), RIGHT, OTHER)).unwrap().unwrap();
    assert_eq!(under(&world, ada), Some(2));
    give(&mut world, Some(3), &[]);
    let gone = world.run(Login::new("ada", OTHER)).unwrap();
    assert!(matches!(gone, Err(LoginError::Denied)), "{gone:?}");
    world.run(SetPassword::new(ada, RIGHT)).unwrap().unwrap();
    assert_eq!(under(&world, ada), Some(3));
    assert!(!log_in(&mut world, "ada"));
}

#[test]
fn pw_13_inside_a_session_a_pepper_that_is_gone_denies_and_counts() {
    let mut world = World::new();
    give(&mut world, Some(1), &[]);
    let ada = world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    give(&mut world, Some(2), &[]);
    let outcome = world.run(Reauthenticate::new(token.expose(), RIGHT)).unwrap();
    assert!(matches!(outcome, Err(ReauthenticateError::Denied)), "{outcome:?}");
    assert!(world.map.rows.contains_key(&Key::Attempts(ada)));
}

/// GU-5, INV 37: nothing tells a credential whose pepper is gone from none at all, nor from a wrong password.
#[test]
fn gu_5_a_pepper_that_is_gone_looks_like_no_password() {
    let traced = |prepare: fn(&mut World, AccountId), password: &str| {
        let mut world = World::new();
        give(&mut world, Some(1), &[]);
        let ada = world.register("ada");
        give(&mut world, Some(2), &[]);
        prepare(&mut world, ada);
        world.steps.clear();
        let mut runs = Vec::new();
        let mut machine = world.machine(Login::new("ada", password));
        let outcome = loop {
            let asked = ask_at(&mut machine, world.now);
            if let Ask::Work(_, Work::Verify { normalization, hash, pepper, .. }) = &asked {
                runs.push((*normalization, *hash.params(), pepper.clone()));
            }
            if let Ask::Done(outcome, _) = asked {
                break outcome.unwrap();
            }
            let (ticket, reply) = (asked.ticket(), world.carry_out(&asked));
            machine.reply(ticket, reply).unwrap();
        };
        assert!(matches!(outcome, Err(LoginError::Denied)), "{outcome:?}");
        (runs, std::mem::take(&mut world.steps))
    };
    let gone = traced(|_, _| {}, RIGHT);
    let without = traced(|world, ada| drop(world.map.rows.remove(&Key::Credential(ada))), RIGHT);
    let wrong = traced(|world, ada| world.run(SetPassword::new(ada, RIGHT)).unwrap().unwrap(), WRONG);
    assert_eq!(gone.0, wrong.0);
    assert_eq!(gone.0.len(), 1, "one run of Argon2id");
    assert_eq!(gone.0[0].2, Some(pepper(2)));
    assert_eq!(gone.1, without.1);
    assert_eq!(gone.1, wrong.1);
}

#[test]
fn inv_39_a_password_changed_meanwhile_is_not_overwritten_by_a_change_of_pepper() {
    let mut world = World::new();
    let ada = world.register("ada");
    give(&mut world, Some(1), &[]);
    let rehash = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().rehash.unwrap();
    let mut machine = world.machine(rehash);
    world.step_to_commit(&mut machine);
    world.run(SetPassword::new(ada, OTHER)).unwrap().unwrap();
    let changed = world.map.rows[&Key::Credential(ada)].clone();
    assert_eq!(world.finish(machine).unwrap(), Rehashed::Overtaken);
    assert_eq!(world.map.rows[&Key::Credential(ada)], changed);
}

#[test]
fn pw_13_a_wrong_pepper_is_refused_at_open_and_changes_nothing() {
    let open = |world: &mut World, pepper: Pepper| {
        let keys = MasterKeys::new(MasterKey::new(1, [0x5a; 32])).pepper(pepper).unwrap();
        world.environment = Arc::new(Environment { policy: Policy::default(), keys });
        world.run(Open::new())
    };
    let mut world = World::new();
    assert_eq!(open(&mut world, pepper(1)).unwrap().found, Opened::KeyAdded);
    assert_eq!(open(&mut world, pepper(1)).unwrap().found, Opened::Known);
    let before = world.map.clone();
    let refused = open(&mut world, Pepper::new(1, [0xff; 32]));
    assert!(matches!(refused, Err(Fault::Key(KeyError::WrongPepper(1)))), "{refused:?}");
    assert_eq!(world.map, before);
}
