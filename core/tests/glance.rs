//! A look says what the operation says, wherever that writes nothing; and where it writes, or rows do not fit, it says nothing.

use doorward_core::operation::access::Disable;
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{Authenticate, Glance};
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::open_session::OpenSession;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::record::{Key, Kind, Row};

use crate::support::{RIGHT, Step, World, millis};

const MINUTE: u64 = 60_000;

/// Whether a look does; if so, it says the same as the operation, of the same rows and at the same time, and tells the same.
fn does(world: &mut World, token: &str) -> bool {
    let environment = world.environment.clone();
    let now = world.now;
    let (glance, asked) = match Glance::at(token, &environment) {
        Ok(glance) => {
            let rows = world.map.read(&glance.keys());
            (glance.of(&rows, now), Some(glance.keys()))
        }
        Err(error) => (Some(Err(error.into())), None),
    };
    let before = world.map.clone();
    let (_, result, account) = world.told(Authenticate::new(token));
    world.map = before.clone();
    let (outcome, steps) = world.trace(Authenticate::new(token));
    world.map = before;
    let kinds = |keys: Vec<Key>| Step::Read(keys.iter().map(Key::kind).collect());
    assert_eq!(steps.first().cloned(), asked.map(kinds), "{outcome:?}");
    let writes = steps.iter().any(|step| matches!(step, Step::Commit { .. }));
    assert_eq!(glance.is_none(), writes, "{outcome:?}");
    let Some(glance) = glance else { return false };
    assert_eq!(format!("{glance:?}"), format!("{outcome:?}"));
    let (told, subject) = Glance::audit(&glance);
    assert_eq!((told, subject.account), (result, account));
    true
}

#[test]
fn inv_11_a_look_says_what_the_operation_says() {
    let mut world = World::new();
    let ada = world.register("ada");
    let log_in = |world: &mut World| world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let token = log_in(&mut world);
    let token = token.expose();

    assert!(does(&mut world, token), "live");
    world.wait(millis(MINUTE - 1));
    assert!(does(&mut world, token), "live, and active a moment ago");
    world.wait(millis(1));
    assert!(!does(&mut world, token), "its activity is written down");
    world.wait(millis(59 * MINUTE));
    assert!(!does(&mut world, token), "idle for too long, which is written down");

    for nothing in ["", "dws_", "no token", &token.replacen("dws_", "dwr_", 1), &token.replace('A', "B")] {
        assert!(does(&mut world, nothing), "{nothing}");
    }

    let replaced = log_in(&mut world);
    world.run(RotateSession::new(replaced.expose())).unwrap().unwrap();
    let ended = log_in(&mut world);
    world.run(Logout::new(ended.expose())).unwrap().unwrap();
    for over in [&replaced, &ended] {
        assert!(does(&mut world, over.expose()), "replaced, ended");
    }
    let live = log_in(&mut world);
    world.run(LogoutEverywhere::new(ada)).unwrap().unwrap();
    assert!(does(&mut world, live.expose()), "ended with all others");
    let live = log_in(&mut world);
    world.run(AfterRestore::new()).unwrap();
    assert!(does(&mut world, live.expose()), "ended with everybody's");
    let live = log_in(&mut world);
    world.run(Disable::new(ada)).unwrap().unwrap();
    assert!(does(&mut world, live.expose()), "its account is disabled");
    world.map.rows.remove(&Key::Account(ada));
    assert!(does(&mut world, live.expose()), "its account is gone");
}

#[test]
fn inv_11_a_look_takes_nobody_for_a_person() {
    let mut world = World::new();
    let opened = world.run(OpenSession::new("")).unwrap().unwrap();
    let token = opened.token.expose();
    assert!(does(&mut world, token));
    world.wait(millis(60 * MINUTE));
    assert!(!does(&mut world, token), "over, which is written down");
}

/// INV 34: a row of another session, whose salt is another.
#[test]
fn inv_34_a_look_is_fooled_by_no_other_row() {
    let mut world = World::new();
    world.register("ada");
    let first = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let second = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let row = world.map.rows[&Key::Session(second.session.id)].clone();
    world.map.rows.insert(Key::Session(first.session.id), row);
    assert!(does(&mut world, first.token.expose()), "forged");
}

#[test]
fn inv_17_of_rows_that_do_not_fit_a_look_says_nothing() {
    let mut world = World::new();
    world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let environment = world.environment.clone();
    let glance = Glance::at(token.expose(), &environment).unwrap();
    assert_eq!(format!("{glance:?}"), "Glance(..)");
    let rows = world.map.read(&glance.keys());
    assert!(glance.of(&rows, world.now).is_some());
    let mut longer = rows.clone();
    longer.push(None);
    let with = |at: usize, row: Option<Row>| {
        let mut rows = rows.clone();
        rows[at] = row;
        rows
    };
    // A stray row of the same epoch, in place of an account whose sessions have all ended, let one in again.
    let stray = world.map.only(Kind::Active).1.clone();
    for unfit in [
        &rows[..2],
        &longer,
        &[],
        &with(0, Some(stray.clone())),
        &with(1, Some(stray.clone())),
        &with(2, Some(stray)),
        &with(2, None),
        &[None, rows[1].clone(), rows[1].clone()],
    ] {
        assert!(glance.of(unfit, world.now).is_none());
    }
    assert_eq!(
        glance.keys().iter().map(Key::kind).collect::<Vec<_>>(),
        [Kind::Session, Kind::Account, Kind::Keyring]
    );
}
