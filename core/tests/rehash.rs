//! A login under a policy that has moved: the hash is upgraded, and never over a newer password.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers fail as their tests do"
)]

mod support;

use doorward_core::id::AccountId;
use doorward_core::machine::Reply;
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::record::{Key, Kind, Record};
use support::{RIGHT, START, Step, WRONG, World, answer, ask, millis, stamp};

/// Less memory than the default policy asks for, and no less than may be stored.
const OLD: u32 = 12288;
const NEW: u32 = 19456;

/// Ada, whose password was hashed under an older policy.
fn world() -> (World, AccountId) {
    let mut world = World::new();
    let account = world.register("ada");
    world.set_password(account, RIGHT, OLD, 0xa0);
    (world, account)
}

fn memory(world: &World) -> bool {
    let Record::Credential(record) = &world.map.only(Kind::Credential).1.record else {
        panic!("a credential")
    };
    record.hash.as_str().contains(&format!("m={NEW},"))
}

fn hashes(steps: &[Step]) -> (usize, usize) {
    let count = |wanted: &Step| steps.iter().filter(|step| *step == wanted).count();
    (count(&Step::Verify), count(&Step::Hash))
}

#[test]
fn a_success_upgrades_the_hash_in_its_own_commit_and_once() {
    let (mut world, _) = world();
    world.wait(millis(1000));
    let (outcome, steps) = world.trace(Login::new("ada", RIGHT));
    outcome.unwrap();
    assert_eq!(hashes(&steps), (1, 1));
    let Some(Step::Commit { puts, .. }) = steps.last() else { panic!("{steps:?}") };
    assert_eq!(*puts, [Kind::Credential, Kind::Session]);
    assert!(memory(&world));
    let Record::Credential(record) = &world.map.only(Kind::Credential).1.record else { panic!() };
    assert_eq!(record.set, START, "it is the same password");
    let (outcome, steps) = world.trace(Login::new("ada", RIGHT));
    outcome.unwrap();
    assert_eq!(hashes(&steps), (1, 0));
}

#[test]
fn a_failure_upgrades_nothing() {
    let (mut world, account) = world();
    let before = world.map.rows[&Key::Credential(account)].clone();
    let (outcome, steps) = world.trace(Login::new("ada", WRONG));
    assert!(matches!(outcome, Err(LoginError::Denied)));
    assert_eq!(hashes(&steps), (1, 0));
    assert_eq!(world.map.rows[&Key::Credential(account)], before);
}

#[test]
fn inv_39_a_password_changed_meanwhile_is_not_overwritten_by_a_rehash() {
    let (mut world, account) = world();
    let mut machine = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut machine);
    world.set_password(account, WRONG, NEW, 0xa1);
    let changed = world.map.rows[&Key::Credential(account)].clone();
    world.steps.clear();
    assert!(matches!(world.finish(machine).unwrap(), Err(LoginError::Denied)));
    assert_eq!(hashes(&world.steps), (1, 0), "the new hash is verified anew");
    assert_eq!(world.map.rows[&Key::Credential(account)], changed);
    assert_eq!(world.map.count(Kind::Session), 0);
}

#[test]
fn inv_39_the_same_password_set_again_meanwhile_is_verified_again_and_stays() {
    let (mut world, account) = world();
    let mut machine = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut machine);
    world.set_password(account, RIGHT, NEW, 0xa1);
    let changed = world.map.rows[&Key::Credential(account)].clone();
    world.finish(machine).unwrap().unwrap();
    assert_eq!(world.map.rows[&Key::Credential(account)], changed);
}

#[test]
fn a_conflict_costs_a_rehash_no_second_run() {
    let (mut world, account) = world();
    let mut machine = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut machine);
    world.map.raise(&Key::Account(account), stamp(0xee));
    world.steps.clear();
    world.finish(machine).unwrap().unwrap();
    assert_eq!(hashes(&world.steps), (0, 0));
    assert!(memory(&world));
}

#[test]
fn of_two_upgrades_at_once_one_stands_and_both_logins_do() {
    let (mut world, _) = world();
    let mut machines = [(); 2].map(|()| world.machine(Login::new("ada", RIGHT)));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    for machine in machines {
        world.finish(machine).unwrap().unwrap();
    }
    assert!(memory(&world));
    assert_eq!(world.map.count(Kind::Session), 2);
}

/// What the upgrade costs is no reason to say who is right: without room for it there is no answer at all.
#[test]
fn an_upgrade_without_room_decides_nothing() {
    let (mut world, _) = world();
    let before = world.map.clone();
    let mut machine = world.machine(Login::new("ada", RIGHT));
    for _ in 0..3 {
        assert!(world.step(&mut machine).is_none());
    }
    ask(&mut machine).work();
    answer(&mut machine, Reply::Busy);
    assert!(matches!(ask(&mut machine).done(), Err(doorward_core::error::Fault::Busy)));
    assert_eq!(world.map, before);
}
