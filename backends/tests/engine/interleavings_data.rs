//! Every interleaving of an update of a session's data with whatever else may run, under at most one fault.
//!
//! The test watches the rows. Once the session of the update's token is over, its data may go and never change; an
//! update that says yes was there to be seen; and what was seen is what is kept, or carried over, in the end.

use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::id::{AccountId, SessionId};
use doorward::core::machine::Decide;
use doorward::core::operation::access::Disable;
use doorward::core::operation::after_restore::AfterRestore;
use doorward::core::operation::authenticate::Authenticate;
use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::reauthenticate::Reauthenticate;
use doorward::core::operation::rotate_session::RotateSession;
use doorward::core::record::{Key, Kind};
use doorward::core::store::Range;
use doorward::{
    AuthenticateError, Login, LogoutEverywhere, OpenSession, Register, UpdateSessionData,
    UpdateSessionDataError,
};

use crate::support::everywhere::Schedules::{self, Abandoning, Everywhere};
use crate::support::race::{self, outcome_of, race};
use crate::support::world::{Ground, Operation, Step, World};

const NAME: &str = "ada";
const PASSWORD: &str = "the right and proper password";
const NEW: &str = "an entirely different sentence";
const BEFORE: &[u8] = b"before";
const AFTER: &[u8] = b"after";

/// A session that keeps something, and whose next activity is written down.
struct Stage {
    world: World,
    account: AccountId,
    session: SessionId,
    token: String,
    /// What its data was, each time that it changed.
    seen: Vec<Option<Vec<u8>>>,
    /// Whether its token is dead for good.
    is_over: bool,
}

impl Stage {
    /// The session is Ada's.
    fn of_ada(ground: Ground) -> Self {
        Self::with(ground, |world| {
            let login = world.run(Login::new(NAME, PASSWORD)).unwrap().unwrap();
            let token = login.token.expose().to_owned();
            world.run(UpdateSessionData::new(&token, BEFORE)).unwrap().unwrap();
            (login.session.id, token)
        })
    }

    /// The session is nobody's, and Ada has none.
    fn of_a_guest(ground: Ground) -> Self {
        Self::with(ground, |world| {
            let opened = world.run(OpenSession::new(BEFORE)).unwrap().unwrap();
            (opened.session.id, opened.token.expose().to_owned())
        })
    }

    fn with(ground: Ground, session: impl FnOnce(&mut World) -> (SessionId, String)) -> Self {
        let mut world = World::new(ground);
        let account = world.run(Register::new(NAME, PASSWORD)).unwrap().unwrap();
        let (session, token) = session(&mut world);
        world.now = world.now.saturating_add(Duration::from_mins(2));
        let seen = vec![Some(BEFORE.to_vec())];
        Self { world, account, session, token, seen, is_over: false }
    }

    fn data(&self, session: SessionId) -> Option<Vec<u8>> {
        self.world.row(Key::Data(session)).map(|row| row.data().unwrap().bytes.clone())
    }

    fn is_adas(&self) -> bool {
        self.world.row(Key::Session(self.session)).is_none_or(|row| row.owner.is_some())
    }

    fn was_seen(&self, data: &[u8]) -> bool {
        let data = (!data.is_empty()).then(|| data.to_vec());
        self.seen[1..].contains(&data)
    }

    /// The sessions of Ada's but this one.
    fn others(&self) -> Vec<SessionId> {
        let range = Range { kind: Kind::Session, owner: Some(self.account), after: None };
        let rows = self.world.store.scan(&range, 9).unwrap();
        let ids = rows.into_iter().map(|(key, _)| match key {
            Key::Session(id) => id,
            other => panic!("{other:?}"),
        });
        ids.filter(|id| *id != self.session).collect()
    }

    /// What an update has said is true.
    fn check_update(&self, step: &dyn Step, data: &[u8]) {
        match outcome_of::<UpdateSessionData>(step) {
            Ok(Ok(_)) => assert!(self.was_seen(data), "it says that it is done, and nobody saw it"),
            Ok(Err(UpdateSessionDataError::Session(AuthenticateError::Gone(_)))) => {
                assert!(self.is_over, "nothing has ended");
                assert!(!self.was_seen(data), "it says no, and was done");
            }
            Err(Fault::Store(_) | Fault::Unresolved) => {}
            other => panic!("neither refused nor starved by one other: {other:?}"),
        }
    }

    /// What must hold at the end, whatever was said.
    fn check_end(&mut self) {
        let outcome = self.world.run(Authenticate::new(&self.token.clone())).unwrap();
        let lives = matches!(outcome, Ok(_) | Err(AuthenticateError::Anonymous(_)));
        assert_eq!(lives, !self.is_over);
        if self.world.row(Key::Session(self.session)).is_some() {
            let kept = if self.was_seen(AFTER) { AFTER } else { BEFORE };
            assert_eq!(self.data(self.session).as_deref(), Some(kept), "an update was lost");
        }
    }
}

impl race::Stage for Stage {
    fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Looks at the rows after a step.
    fn watch(&mut self) {
        let row = self.world.row(Key::Session(self.session));
        let data = self.data(self.session);
        assert!(row.is_some() || data.is_none(), "there is data without its session");
        if *self.seen.last().unwrap() != data {
            assert!(!self.is_over || data.is_none(), "the data of a session that is over was changed");
            self.seen.push(data);
        }
        let raised = |key| self.world.row(key).is_some_and(|row| row.epoch > 0);
        self.is_over |= row.is_none_or(|row| row.session().unwrap().generation > 1)
            || raised(Key::Keyring)
            || (raised(Key::Account(self.account)) && self.is_adas());
    }
}

/// An update beside another operation, of which `said` looks at the outcome, and `end` at what is there in the end.
fn beside<O: Operation>(
    schedules: Schedules,
    stage: fn(Ground) -> Stage,
    start: impl Fn(&Stage) -> O,
    said: impl Fn(&Stage, &O::Outcome),
    end: impl Fn(&Stage),
) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = stage(ground);
        let mut update = stage.world.start(UpdateSessionData::new(&stage.token, AFTER));
        let other = start(&stage);
        let mut other = stage.world.start(other);
        race(&mut stage, [&mut update, &mut other], choices, &mut |stage, at, step| {
            if at == 0 {
                return stage.check_update(step, AFTER);
            }
            match outcome_of::<O>(step) {
                Ok(outcome) => said(stage, outcome),
                Err(Fault::Store(_) | Fault::Unresolved) => {}
                Err(other) => panic!("not starved by one update: {other}"),
            }
        });
        end(&stage);
        stage.check_end();
    })
}

fn beside_ending<O: Operation>(
    schedules: Schedules,
    stage: fn(Ground) -> Stage,
    start: impl Fn(&Stage) -> O,
) -> u64 {
    beside(
        schedules,
        stage,
        start,
        |stage, _| assert!(stage.is_over, "it is done, and the token opens"),
        |_| (),
    )
}

#[test]
fn inv_11_inv_15_an_update_beside_each_ending() {
    let counted = [
        beside_ending(Everywhere, Stage::of_ada, |stage| Logout::new(&stage.token)),
        beside_ending(Everywhere, Stage::of_a_guest, |stage| Logout::new(&stage.token)),
        beside_ending(Everywhere, Stage::of_ada, |stage| EndSession::new(stage.account, stage.session)),
        beside_ending(Everywhere, Stage::of_ada, |stage| LogoutEverywhere::new(stage.account)),
        beside_ending(Everywhere, Stage::of_ada, |stage| Disable::new(stage.account)),
        beside_ending(Everywhere, Stage::of_a_guest, |_| AfterRestore::new()),
    ];
    // The last puts the keyring: an answer that is lost is looked up, where an ending is done again.
    assert_eq!(counted, [242, 242, 242, 242, 242, 153]);
}

/// What replaces the token keeps the data: as it was, or as an update that came before has made it.
#[test]
fn inv_15_an_update_beside_each_renewal() {
    let counted = [
        beside_ending(Everywhere, Stage::of_a_guest, |stage| RotateSession::new(&stage.token)),
        beside_ending(Everywhere, Stage::of_ada, |stage| Reauthenticate::new(&stage.token, PASSWORD)),
        beside_ending(Everywhere, Stage::of_ada, |stage| ChangePassword::new(&stage.token, PASSWORD, NEW)),
        beside_ending(Everywhere, Stage::of_ada, |stage| {
            LogoutEverywhere::new(stage.account).keep(&stage.token)
        }),
    ];
    assert_eq!(counted, [177, 597, 2_207, 177]);
}

/// A touch loses no update, and an update no touch.
#[test]
fn an_update_beside_an_authentication() {
    let known = |_: &Stage, outcome: &<Authenticate as Decide>::Outcome| {
        assert!(matches!(outcome, Ok(_) | Err(AuthenticateError::Anonymous(_))), "{outcome:?}");
    };
    let counted = [Stage::of_ada, Stage::of_a_guest]
        .map(|stage| beside(Everywhere, stage, |stage| Authenticate::new(&stage.token), known, |_| ()));
    assert_eq!(counted, [126; 2]);
}

#[test]
fn inv_32_an_update_beside_a_login() {
    let said = |stage: &Stage, outcome: &<Login as Decide>::Outcome| {
        let session = &outcome.as_ref().unwrap().session;
        assert!(stage.others().contains(&session.id), "a login without a session");
    };
    let replaced = |stage: &Stage, outcome: &<Login as Decide>::Outcome| {
        said(stage, outcome);
        assert!(stage.is_over, "the replaced session lives");
    };
    let alone = |stage: &Stage| assert!(stage.others().iter().all(|id| stage.data(*id).is_none()));
    let carried = |stage: &Stage| {
        let kept = if stage.was_seen(AFTER) { AFTER } else { BEFORE };
        assert!(stage.others().iter().all(|id| stage.data(*id).as_deref() == Some(kept)));
    };
    let login = || Login::new(NAME, PASSWORD);
    let counted = [
        beside(Everywhere, Stage::of_ada, |_| login(), said, alone),
        beside(Everywhere, Stage::of_ada, |stage| login().previous(&stage.token), replaced, alone),
        beside(Everywhere, Stage::of_a_guest, |stage| login().previous(&stage.token), replaced, alone),
        beside(
            Everywhere,
            Stage::of_a_guest,
            |stage| login().previous(&stage.token).carry_data(),
            replaced,
            carried,
        ),
    ];
    assert_eq!(counted, [439, 568, 568, 568]);
}

/// Of an update that was dropped nothing is left, or all; an ending that was dropped is done, or not begun.
#[test]
fn inv_11_inv_15_an_update_beside_each_that_does_not_hash_one_of_them_dropped() {
    let known = |_: &Stage, _: &<Authenticate as Decide>::Outcome| ();
    let counted = [
        beside_ending(Abandoning, Stage::of_ada, |stage| Logout::new(&stage.token)),
        beside_ending(Abandoning, Stage::of_a_guest, |stage| Logout::new(&stage.token)),
        beside_ending(Abandoning, Stage::of_ada, |stage| EndSession::new(stage.account, stage.session)),
        beside_ending(Abandoning, Stage::of_ada, |stage| LogoutEverywhere::new(stage.account)),
        beside_ending(Abandoning, Stage::of_ada, |stage| Disable::new(stage.account)),
        beside_ending(Abandoning, Stage::of_a_guest, |_| AfterRestore::new()),
        beside_ending(Abandoning, Stage::of_a_guest, |stage| RotateSession::new(&stage.token)),
        beside_ending(Abandoning, Stage::of_ada, |stage| {
            LogoutEverywhere::new(stage.account).keep(&stage.token)
        }),
        beside(Abandoning, Stage::of_ada, |stage| Authenticate::new(&stage.token), known, |_| ()),
    ];
    assert_eq!(counted, [305, 305, 305, 305, 305, 216, 250, 250, 195]);
}

/// Each that is done was there to be seen: the later one was decided on what the earlier one wrote.
#[test]
fn of_two_updates_none_is_lost() {
    let beside = |schedules: Schedules, other: &[u8]| {
        schedules.explore(|ground, choices| {
            let mut stage = Stage::of_a_guest(ground);
            let [mut one, mut two] =
                [AFTER, other].map(|data| stage.world.start(UpdateSessionData::new(&stage.token, data)));
            race(&mut stage, [&mut one, &mut two], choices, &mut |stage, at, step| {
                stage.check_update(step, [AFTER, other][at]);
            });
            assert!(stage.seen.len() <= 3, "one was written twice: {:?}", stage.seen);
            assert!(!stage.is_over);
            assert_eq!(stage.data(stage.session), *stage.seen.last().unwrap());
        })
    };
    assert_eq!([beside(Everywhere, b"other"), beside(Everywhere, b"")], [198, 201]);
    assert_eq!([beside(Abandoning, b"other"), beside(Abandoning, b"")], [280, 283]);
}
