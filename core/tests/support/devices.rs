//! Ada and her known devices: where the stories of devices begin.

use std::time::Duration;

use doorward_core::id::AccountId;
use doorward_core::model::device::KnownDevice;
use doorward_core::model::throttle::AttemptsRecord;
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind, Row};

use super::{RIGHT, WRONG, World, environment_with, stamp};

pub(crate) const DAY: Duration = Duration::from_hours(24);
pub(crate) const DAY_MILLIS: u64 = 86_400_000;

pub(crate) type Outcome = Result<LoggedIn, LoginError>;

pub(crate) fn denied(outcome: &Outcome) -> bool {
    matches!(outcome, Err(LoginError::Denied))
}

pub(crate) fn throttled(outcome: &Outcome) -> bool {
    matches!(outcome, Err(LoginError::Throttled { .. }))
}

/// Ada, with one known device.
pub(crate) fn home() -> (World, AccountId, String) {
    home_with(Policy::default())
}

pub(crate) fn home_with(policy: Policy) -> (World, AccountId, String) {
    let mut world = World::with(environment_with(policy));
    let account = world.register("ada");
    let device = remember(&mut world, "ada").expect("none was known");
    (world, account, device)
}

/// Logs in and asks for a device.
pub(crate) fn remember(world: &mut World, name: &str) -> Option<String> {
    let login = world.run(Login::new(name, RIGHT).remember_device()).unwrap().unwrap();
    login.device.map(|token| token.expose().to_owned())
}

pub(crate) fn by_name(world: &mut World, password: &str) -> Outcome {
    world.run(Login::new("ada", password)).unwrap()
}

pub(crate) fn from(world: &mut World, device: &str, password: &str) -> Outcome {
    world.run(Login::new("ada", password).device(device)).unwrap()
}

/// The strangers come until the name has to wait.
pub(crate) fn keep_waiting(world: &mut World) {
    while !throttled(&by_name(world, WRONG)) {}
}

pub(crate) fn counted(world: &World, account: AccountId) -> AttemptsRecord {
    let row = world.map.rows.get(&Key::Attempts(account));
    row.map(|row| row.attempts().unwrap().clone()).unwrap_or_default()
}

pub(crate) fn set_attempts(world: &mut World, account: AccountId, failures: u32) {
    let record = AttemptsRecord { failures, devices: vec![] };
    let row =
        Row { stamp: stamp(0xa7), epoch: 0, owner: Some(account), expires: None, record: record.into() };
    world.map.rows.insert(Key::Attempts(account), row);
}

pub(crate) fn known(world: &World, account: AccountId) -> Vec<KnownDevice> {
    let row = world.map.rows.get(&Key::Devices(account));
    row.map(|row| row.devices().unwrap().devices.clone()).unwrap_or_default()
}

/// Whether the token lets its holder guess although the name has to wait.
pub(crate) fn is_known(world: &World, device: &str) -> bool {
    let mut probe = World::unopened(world.environment.clone());
    (probe.map, probe.now) = (world.map.clone(), world.now);
    let world = &mut probe;
    for _ in 0..6 {
        let _ = by_name(world, WRONG);
    }
    assert!(throttled(&by_name(world, WRONG)));
    denied(&from(world, device, WRONG))
}

/// The rows that are the strangers' doing, whole: their stamps tell whether anybody has written them.
pub(crate) fn strangers(world: &World, account: AccountId) -> Vec<Row> {
    let throttles = world.map.rows.iter().filter(|(key, _)| key.kind() == Kind::Throttle);
    throttles.map(|(_, row)| row).chain(world.map.rows.get(&Key::Attempts(account))).cloned().collect()
}
