//! A login under a policy that has moved: the hash is upgraded, and never over a newer password.

use std::net::{IpAddr, Ipv4Addr};

use doorward_core::error::StoreErrorKind;
use doorward_core::event::{EventResult, Subject};
use doorward_core::id::AccountId;
use doorward_core::machine::Reply;
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::operation::rehash::Rehashed;
use doorward_core::record::{Key, Kind, Record};

use crate::support::{Ask, RIGHT, START, Step, WRONG, World, answer, ask, failed, millis};

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

/// A login and what it leaves to do.
fn log_in(world: &mut World) -> LoggedIn {
    let mut logged_in = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    if let Some(rehash) = logged_in.rehash.take() {
        world.run(rehash).unwrap();
    }
    logged_in
}

#[test]
fn pw_12_a_success_upgrades_the_hash_in_its_own_commit_and_once() {
    let (mut world, _) = world();
    world.wait(millis(1000));
    world.steps.clear();
    log_in(&mut world);
    assert_eq!(hashes(&world.steps), (1, 1));
    let Some(Step::Commit { puts, .. }) = world.steps.last() else { panic!("{:?}", world.steps) };
    assert_eq!(*puts, [Kind::Credential]);
    assert!(memory(&world));
    let Record::Credential(record) = &world.map.only(Kind::Credential).1.record else { panic!() };
    assert_eq!(record.set, START, "it is the same password");
    world.steps.clear();
    log_in(&mut world);
    assert_eq!(hashes(&world.steps), (1, 0));
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
fn inv_39_a_password_changed_between_login_and_upgrade_wins() {
    let (mut world, account) = world();
    let rehash = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().rehash.unwrap();
    for (password, at_commit) in [(WRONG, false), (RIGHT, true)] {
        let mut machine = world.machine(rehash.clone());
        if at_commit {
            world.set_password(account, RIGHT, OLD, 0xa0);
            world.step_to_commit(&mut machine);
        }
        world.set_password(account, password, NEW, 0xa1);
        let changed = world.map.rows[&Key::Credential(account)].clone();
        assert_eq!(world.finish(machine).unwrap(), Rehashed::Overtaken);
        assert_eq!(world.map.rows[&Key::Credential(account)], changed);
    }
}

#[test]
fn of_two_upgrades_at_once_one_stands_and_both_logins_do() {
    let (mut world, _) = world();
    let rehashes = [(); 2].map(|()| world.run(Login::new("ada", RIGHT)).unwrap().unwrap().rehash.unwrap());
    let mut machines = rehashes.map(|rehash| world.machine(rehash));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    let became = machines.map(|machine| world.finish(machine).unwrap());
    assert_eq!(became, [Rehashed::Upgraded, Rehashed::Overtaken]);
    assert!(memory(&world));
    assert_eq!(world.map.count(Kind::Session), 2);
}

/// What the upgrade costs is no reason to keep a person out: it comes after the login, and may fail.
#[test]
fn an_upgrade_without_room_changes_nothing() {
    let (mut world, _) = world();
    let rehash = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().rehash.unwrap();
    let before = world.map.clone();
    let mut machine = world.machine(rehash);
    assert!(world.step(&mut machine).is_none());
    ask(&mut machine).work();
    answer(&mut machine, Reply::Busy);
    assert!(matches!(ask(&mut machine).done(), Err(doorward_core::error::Fault::Busy)));
    assert_eq!(world.map, before);
}

/// RV-8: whose hash was upgraded, or was not, and where the login came from that found it old.
#[test]
fn rv_8_an_upgrade_is_told_with_whose_it_is() {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    for (fails, result) in [(false, EventResult::Success), (true, EventResult::Failed("store"))] {
        let (mut world, account) = world();
        let login = world.run(Login::new("ada", RIGHT).source(source)).unwrap().unwrap();
        let mut machine = world.machine(login.rehash.expect("its hash is of an older policy"));
        if fails {
            answer(&mut machine, failed(StoreErrorKind::Fatal));
        }
        while !machine.is_done() {
            assert!(world.step(&mut machine).is_none());
        }
        let Ask::Done(_, event) = ask(&mut machine) else { panic!("it is done") };
        assert_eq!((event.operation, event.result), ("rehash", result));
        let whose = Subject { account: Some(account), source: Some(source.into()), ..Subject::default() };
        assert_eq!(event.subject, whose);
    }
}
