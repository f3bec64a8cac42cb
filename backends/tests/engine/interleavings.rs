//! Every interleaving of two and three operations' steps, with every fault of every commit: up to two faults a
//! schedule of two operations, one of three. The session never comes back, and no outcome is untrue.
//!
//! A step is one call of the store (or one piece of work). A commit may succeed, fail with nothing applied,
//! or answer "unknown": applied, lost, or still in flight and landing at any later point, or never.

use doorward::core::error::Fault;
use doorward::core::id::{AccountId, SessionId};
use doorward::core::operation::authenticate::Authenticate;
use doorward::core::operation::logout::Logout;
use doorward::core::record::Key;
use doorward::core::store::{Cursor, Revocation};
use doorward::{Ended, LoggedIn, Login, Register};
use doorward_conformance::explore::Choices;
use std::time::Duration;

use crate::support::everywhere::explore_everywhere;
use crate::support::world::{Actor, Ground, LUCK, Luck, Operation, Step, World};

const NAME: &str = "ada";
const PASSWORD: &str = "the right and proper password";

/// A world in which Ada is registered and has one session, seen a moment ago.
struct Stage {
    world: World,
    account: AccountId,
    session: SessionId,
    token: String,
}

impl Stage {
    fn new(ground: Ground) -> Self {
        let mut world = World::new(ground);
        let account = world.run(Register::new(NAME, PASSWORD)).unwrap().unwrap();
        let login = world.run(Login::new(NAME, PASSWORD)).unwrap().unwrap();
        let (session, token) = (login.session.id, login.token.expose().to_owned());
        Self { world, account, session, token }
    }

    /// The session was seen so long ago that the next authentication writes a touch.
    fn touch_is_due(mut self) -> Self {
        self.world.now = self.world.now.saturating_add(Duration::from_mins(2));
        self
    }

    fn is_stored(&self) -> bool {
        self.world.row(Key::Session(self.session)).is_some()
    }

    fn is_journalled(&self) -> bool {
        let changes = self.world.store.changes(Cursor::START, 100).unwrap();
        changes.entries.iter().any(|entry| entry.revocation == Revocation::Session(self.session))
    }
}

/// Runs the actors to their end in the order that the choices give; `check` looks after each step at who has
/// just finished.
fn race(
    stage: &mut Stage,
    actors: &mut [&mut dyn Step],
    mut faults: u32,
    choices: &mut Choices,
    check: &mut dyn FnMut(&Stage, usize, &dyn Step),
) {
    loop {
        let ready: Vec<usize> = (0..actors.len()).filter(|at| !actors[*at].is_done()).collect();
        if ready.is_empty() {
            break;
        }
        let landing = usize::from(!stage.world.in_flight.is_empty());
        let chosen = choices.pick(ready.len() + landing);
        let Some(at) = ready.get(chosen).copied() else {
            stage.world.land();
            continue;
        };
        let mut luck = || {
            if faults == 0 {
                return Luck::Good;
            }
            let luck = LUCK[choices.pick(LUCK.len())];
            faults -= u32::from(luck != Luck::Good);
            luck
        };
        actors[at].step(&mut stage.world, &mut luck);
        if actors[at].is_done() {
            check(stage, at, &*actors[at]);
        }
    }
    // What is still in flight lands now, or never.
    while !stage.world.in_flight.is_empty() && choices.pick(2) == 0 {
        stage.world.land();
    }
}

fn outcome_of<O: Operation>(step: &dyn Step) -> &Result<O::Outcome, Fault> {
    step.as_any().downcast_ref::<Actor<O>>().unwrap().outcome.as_ref().unwrap()
}

/// What must hold when a logout says what it says, and ever after.
fn is_true_of_logout(
    stage: &Stage,
    outcome: &Result<<Logout as doorward::core::machine::Decide>::Outcome, Fault>,
) -> bool {
    match outcome {
        Ok(Ok(receipt)) => {
            assert!(!stage.is_stored(), "a logout said {:?}, and the session is there", receipt.ended);
            assert!(stage.is_journalled(), "a session ended, and the journal does not know");
            true
        }
        Ok(Err(error)) => panic!("the token is good: {error}"),
        Err(Fault::Store(_) | Fault::Unresolved) => false,
        Err(other) => panic!("a logout is never starved: {other}"),
    }
}

/// INV 11, 15, 16, 43: logout against one authentication, with and without a touch.
fn logout_against_authenticate(stage: fn(Ground) -> Stage) -> u64 {
    explore_everywhere(|ground, choices| {
        let mut stage = stage(ground);
        let mut logout = stage.world.start(Logout::new(&stage.token));
        let mut authenticate = stage.world.start(Authenticate::new(&stage.token));
        let mut done = false;
        race(&mut stage, &mut [&mut logout, &mut authenticate], 2, choices, &mut |stage, at, step| {
            if at == 0 {
                done = is_true_of_logout(stage, outcome_of::<Logout>(step));
            } else if let Ok(Ok(session)) = outcome_of::<Authenticate>(step) {
                assert_eq!(session.account, stage.account);
            }
        });
        assert_over(&mut stage, done);
    })
}

/// After a logout that is done, the session is not there, and no token of it opens anything.
fn assert_over(stage: &mut Stage, done: bool) {
    if done {
        assert!(!stage.is_stored(), "the session came back");
        let token = stage.token.clone();
        assert!(stage.world.run(Authenticate::new(&token)).unwrap().is_err(), "a dead token was accepted");
        let again = stage.world.run(Logout::new(&token)).unwrap().unwrap();
        assert_eq!(again.ended, Ended::AlreadyGone);
    }
}

/// A login that says yes has made a session that is there; one that does not, has given nothing away.
fn check_login(stage: &Stage, outcome: &Result<<Login as doorward::core::machine::Decide>::Outcome, Fault>) {
    match outcome {
        Ok(Ok(LoggedIn { session, .. })) => {
            assert_eq!(session.account, stage.account);
            assert!(stage.world.row(Key::Session(session.id)).is_some(), "a login without a session");
        }
        Ok(Err(error)) => panic!("name and password are right: {error}"),
        Err(Fault::Store(_) | Fault::Unresolved) => {}
        Err(other) => panic!("two operations cannot contend eight times: {other}"),
    }
}

fn logout_against_login(stage: fn(Ground) -> Stage, replaces: bool) -> u64 {
    explore_everywhere(|ground, choices| {
        let mut stage = stage(ground);
        let mut logout = stage.world.start(Logout::new(&stage.token));
        let login = Login::new(NAME, PASSWORD);
        let mut login = stage.world.start(if replaces { login.previous(&stage.token) } else { login });
        let mut done = false;
        race(&mut stage, &mut [&mut logout, &mut login], 2, choices, &mut |stage, at, step| {
            if at == 0 {
                done |= is_true_of_logout(stage, outcome_of::<Logout>(step));
            } else {
                let outcome = outcome_of::<Login>(step);
                check_login(stage, outcome);
                done |= replaces && matches!(outcome, Ok(Ok(_)));
                if done {
                    assert!(!stage.is_stored(), "the replaced session lives");
                }
            }
        });
        assert_over(&mut stage, done);
        if let Some(Ok(Ok(logged_in))) = &login.outcome {
            let token = logged_in.token.expose().to_owned();
            assert!(
                stage.world.run(Authenticate::new(&token)).unwrap().is_ok(),
                "the new session was harmed"
            );
        }
    })
}

#[test]
fn inv_11_logout_and_authenticate() {
    assert_eq!(logout_against_authenticate(Stage::new), 1_383);
}

#[test]
fn inv_15_logout_and_touch() {
    assert_eq!(logout_against_authenticate(|ground| Stage::new(ground).touch_is_due()), 2_098);
}

#[test]
fn inv_15_logout_and_login() {
    assert_eq!(logout_against_login(Stage::new, false), 19_920);
}

#[test]
fn inv_15_logout_and_a_login_that_replaces_the_session() {
    assert_eq!(logout_against_login(Stage::new, true), 52_863);
}

#[test]
fn inv_16_two_logouts() {
    let explored = explore_everywhere(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut one = stage.world.start(Logout::new(&stage.token));
        let mut two = stage.world.start(Logout::new(&stage.token));
        let mut done = false;
        race(&mut stage, &mut [&mut one, &mut two], 2, choices, &mut |stage, _, step| {
            done |= is_true_of_logout(stage, outcome_of::<Logout>(step));
        });
        assert_over(&mut stage, done);
    });
    assert_eq!(explored, 6_114);
}

#[test]
fn inv_28_two_logins() {
    let explored = explore_everywhere(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut one = stage.world.start(Login::new(NAME, PASSWORD));
        let mut two = stage.world.start(Login::new(NAME, PASSWORD));
        race(&mut stage, &mut [&mut one, &mut two], 2, choices, &mut |stage, _, step| {
            check_login(stage, outcome_of::<Login>(step));
        });
        for outcome in [&one.outcome, &two.outcome] {
            if let Some(Ok(Ok(logged_in))) = outcome {
                let token = logged_in.token.expose().to_owned();
                assert!(stage.world.run(Authenticate::new(&token)).unwrap().is_ok());
            }
        }
    });
    assert_eq!(explored, 15_106);
}

/// INV 38: of two wrong guesses, as many are counted as are decided; one whose commit is unknown may count.
#[test]
fn inv_38_two_wrong_guesses() {
    let explored = explore_everywhere(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut one = stage.world.start(Login::new(NAME, "a wrong password of some length"));
        let mut two = stage.world.start(Login::new(NAME, "another wrong password of length"));
        race(&mut stage, &mut [&mut one, &mut two], 2, choices, &mut |_, _, _| {});
        let outcomes = [one.outcome.unwrap(), two.outcome.unwrap()];
        let denied = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Err(_)))).count();
        let unsure = outcomes.iter().filter(|outcome| matches!(outcome, Err(Fault::Unresolved))).count();
        let row = stage.world.row(Key::Attempts(stage.account));
        let counted = row.map_or(0, |row| row.attempts().unwrap().failures as usize);
        assert!(
            (denied..=denied + unsure).contains(&counted),
            "{denied} denied, {unsure} unsure, {counted} counted"
        );
    });
    assert_eq!(explored, 24_154);
}

#[test]
fn inv_15_logout_touch_and_a_login_that_replaces_the_session() {
    assert_eq!(logout_touch_and_a_login(0), 798);
}

#[test]
#[ignore = "minutes: cargo test --release --test engine interleavings -- --ignored"]
fn inv_15_logout_touch_and_a_login_that_replaces_the_session_with_a_fault() {
    assert_eq!(logout_touch_and_a_login(1), 141_649);
}

/// The login replaces the session; up to so many commits of a schedule go wrong.
fn logout_touch_and_a_login(faults: u32) -> u64 {
    explore_everywhere(|ground, choices| {
        let mut stage = Stage::new(ground).touch_is_due();
        let mut logout = stage.world.start(Logout::new(&stage.token));
        let mut touch = stage.world.start(Authenticate::new(&stage.token));
        let mut login = stage.world.start(Login::new(NAME, PASSWORD).previous(&stage.token));
        let mut done = false;
        race(
            &mut stage,
            &mut [&mut logout, &mut touch, &mut login],
            faults,
            choices,
            &mut |stage, at, step| match at {
                0 => done |= is_true_of_logout(stage, outcome_of::<Logout>(step)),
                1 => {}
                _ => {
                    let outcome = outcome_of::<Login>(step);
                    check_login(stage, outcome);
                    done |= matches!(outcome, Ok(Ok(_)));
                }
            },
        );
        assert_over(&mut stage, done);
    })
}
