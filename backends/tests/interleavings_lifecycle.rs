//! Every interleaving of an ending with a login, and with a touch of the session that ends, under at most one fault.
//!
//! The test watches the rows, and so knows the moment at which each of the two took effect, whatever its caller was
//! told. From that alone follows who is let in at the end: a token lives when no ending took effect after it did.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::id::{AccountId, SessionId};
use doorward::core::machine::Decide;
use doorward::core::operation::access::Disable;
use doorward::core::operation::authenticate::Authenticate;
use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::mark_compromised::MarkCompromised;
use doorward::core::operation::reauthenticate::Reauthenticate;
use doorward::core::operation::rename::{Rename, RenameError};
use doorward::core::operation::set_password::SetPassword;
use doorward::core::record::{Key, Kind};
use doorward::core::store::{Cursor, Range, Revocation};
use doorward::store::MemoryStore;
use doorward::{EndSessionError, LoggedIn, Login, LoginError, LogoutEverywhere, Register};
use doorward_conformance::explore::explore;

use support::race::{self, outcome_of, race};
use support::world::World;

const NAME: &str = "ada";
const PASSWORD: &str = "the right and proper password";
const NEW: &str = "an entirely different sentence";

/// Ada has one session, whose next authentication writes a touch.
struct Stage {
    world: World,
    account: AccountId,
    session: SessionId,
    token: String,
    /// How many steps were taken.
    steps: usize,
    /// After which step another session was there.
    granted: Option<usize>,
    /// After which step an ending took effect: the first time, and the last.
    ended: Option<(usize, usize)>,
    epoch: u64,
}

impl Stage {
    fn new() -> Self {
        let mut world = World::new(MemoryStore::new());
        let account = world.run(Register::new(NAME, PASSWORD)).unwrap().unwrap();
        let login = world.run(Login::new(NAME, PASSWORD)).unwrap().unwrap();
        world.now = world.now.saturating_add(Duration::from_mins(2));
        let (session, token) = (login.session.id, login.token.expose().to_owned());
        Self { world, account, session, token, steps: 0, granted: None, ended: None, epoch: 0 }
    }

    fn accepts(&mut self, token: &str) -> bool {
        self.world.run(Authenticate::new(token)).unwrap().is_ok()
    }

    /// Whether the journal tells of all that has ended.
    fn is_journalled(&self) -> bool {
        let changes = self.world.store.changes(Cursor::START, 100).unwrap();
        let tells = |revocation| changes.entries.iter().any(|entry| entry.revocation == revocation);
        match self.epoch {
            0 => tells(Revocation::Session(self.session)),
            floor => tells(Revocation::Account { account: self.account, floor }),
        }
    }
}

impl race::Stage for Stage {
    fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Looks at the rows after a step.
    fn watch(&mut self) {
        self.steps += 1;
        // An account that is gone has an epoch above all: no session has it.
        let epoch = self.world.row(Key::Account(self.account)).map_or(u64::MAX, |row| row.epoch);
        let is_stored = self.world.row(Key::Session(self.session)).is_some();
        if epoch > self.epoch || (!is_stored && self.ended.is_none()) {
            self.ended = Some((self.ended.map_or(self.steps, |(first, _)| first), self.steps));
        }
        self.epoch = epoch;
        let range = Range { kind: Kind::Session, owner: Some(self.account), after: None };
        if self.granted.is_none() && self.world.store.scan(&range, 3).unwrap().len() > usize::from(is_stored)
        {
            self.granted = Some(self.steps);
        }
    }
}

/// What an ending leaves behind.
#[derive(Clone, Copy)]
struct Leaves {
    /// Whether it puts no row, so that it is never unsure of itself.
    is_blind: bool,
    /// Whether other sessions live on.
    others: bool,
    /// Whether the old password opens the account.
    password: bool,
}

/// What an ending has said: whether it is done, and the token that it lets live.
fn check_ending<O: Decide + 'static>(
    stage: &mut Stage,
    outcome: &Result<O::Outcome, Fault>,
    leaves: Leaves,
    kept: impl Fn(&O::Outcome) -> Option<String>,
) -> Option<String> {
    match outcome {
        Ok(outcome) => {
            assert!(stage.ended.is_some(), "it says that it is done, and nothing has ended");
            assert!(stage.is_journalled(), "something ended, and the journal does not know");
            let token = stage.token.clone();
            assert!(!stage.accepts(&token), "it is done, and the old token opens");
            kept(outcome)
        }
        Err(Fault::Store(_)) => None,
        Err(Fault::Unresolved) if !leaves.is_blind => None,
        Err(other) => panic!("never starved, and never unsure without a put: {other}"),
    }
}

/// What must hold at the end, whatever was said.
fn check_end(stage: &mut Stage, kept: Option<String>, leaves: Leaves) {
    let has_ended = stage.ended.is_some();
    let token = stage.token.clone();
    assert_eq!(stage.accepts(&token), !has_ended);
    assert!(!has_ended || stage.is_journalled());
    if let Some(kept) = kept {
        assert!(stage.accepts(&kept), "the token that goes on does not open");
    }
    let opens = stage.world.run(Login::new(NAME, PASSWORD)).unwrap().is_ok();
    assert_eq!(opens, !has_ended || leaves.password);
}

/// INV 12, 13, 14: each order of the two, and each fate of each commit.
fn against_login<O: Decide + 'static>(
    leaves: Leaves,
    start: impl Fn(&Stage) -> O,
    kept: impl Fn(&O::Outcome) -> Option<String>,
) -> u64 {
    explore(|choices| {
        let mut stage = Stage::new();
        let ending = start(&stage);
        let mut ending = stage.world.start(ending);
        let mut login = stage.world.start(Login::new(NAME, PASSWORD));
        let (mut goes_on, mut token) = (None, None);
        race(&mut stage, [&mut ending, &mut login], choices, &mut |stage, at, step| {
            if at == 0 {
                goes_on = check_ending::<O>(stage, outcome_of::<O>(step), leaves, &kept);
                return;
            }
            match outcome_of::<Login>(step) {
                Ok(Ok(LoggedIn { token: granted, .. })) => {
                    assert!(stage.granted.is_some(), "a login without a session");
                    token = Some(granted.expose().to_owned());
                }
                Ok(Err(LoginError::Denied | LoginError::MustChange)) => {
                    assert!(stage.ended.is_some() && !leaves.password, "name and password are right");
                }
                Err(Fault::Store(_) | Fault::Unresolved) => {}
                other => panic!("two operations cannot contend eight times: {other:?}"),
            }
        });
        if let (Some(granted), Some((first, last)), false) = (stage.granted, stage.ended, leaves.others) {
            assert!(granted < first || leaves.password, "the old password opened after its end");
            assert!(token.is_none_or(|token| stage.accepts(&token) == (granted > last)));
        } else if let Some(token) = token {
            assert!(stage.accepts(&token), "a session that nothing ended was harmed");
        }
        check_end(&mut stage, goes_on, leaves);
    })
    .schedules
}

/// INV 11, 15: the touch of an authentication brings nothing back, and one that begins after the ending is refused.
fn against_touch<O: Decide + 'static>(
    leaves: Leaves,
    start: impl Fn(&Stage) -> O,
    kept: impl Fn(&O::Outcome) -> Option<String>,
) -> u64 {
    explore(|choices| {
        let mut stage = Stage::new();
        let ending = start(&stage);
        let mut ending = stage.world.start(ending);
        let mut authenticate = stage.world.start(Authenticate::new(&stage.token));
        let mut goes_on = None;
        race(&mut stage, [&mut ending, &mut authenticate], choices, &mut |stage, at, step| {
            if at == 0 {
                goes_on = check_ending::<O>(stage, outcome_of::<O>(step), leaves, &kept);
            } else {
                let outcome = outcome_of::<Authenticate>(step).as_ref().unwrap();
                assert!(outcome.is_ok() || stage.ended.is_some(), "nothing has ended: {outcome:?}");
            }
        });
        check_end(&mut stage, goes_on, leaves);
    })
    .schedules
}

/// INV 15: the session's renewal falls before the ending, and dies with the session, or after it, and is refused.
fn against_renewal<O: Decide + 'static>(leaves: Leaves, start: impl Fn(&Stage) -> O) -> u64 {
    explore(|choices| {
        let mut stage = Stage::new();
        let ending = start(&stage);
        let mut ending = stage.world.start(ending);
        let mut renewal = stage.world.start(Reauthenticate::new(&stage.token, PASSWORD));
        let (mut is_done, mut token) = (false, None);
        race(&mut stage, [&mut ending, &mut renewal], choices, &mut |stage, at, step| {
            if at == 0 {
                is_done = outcome_of::<O>(step).is_ok();
                check_ending::<O>(stage, outcome_of::<O>(step), leaves, |_| None);
                return;
            }
            match outcome_of::<Reauthenticate>(step) {
                Ok(Ok(renewed)) => token = Some(renewed.token.expose().to_owned()),
                Ok(Err(error)) => assert!(stage.ended.is_some(), "token and password are right: {error}"),
                Err(Fault::Store(_) | Fault::Unresolved) => {}
                Err(other) => panic!("two operations cannot contend eight times: {other}"),
            }
        });
        let has_ended = stage.ended.is_some();
        assert!(has_ended || !is_done);
        assert!(token.is_none_or(|token| stage.accepts(&token) != has_ended));
        let old = stage.token.clone();
        assert!(!has_ended || !stage.accepts(&old));
    })
    .schedules
}

const BLIND: Leaves = Leaves { is_blind: true, others: false, password: true };

fn both<O: Decide + 'static>(
    leaves: Leaves,
    start: impl Fn(&Stage) -> O,
    kept: impl Fn(&O::Outcome) -> Option<String>,
) -> (u64, u64) {
    (against_login(leaves, &start, &kept), against_touch(leaves, &start, &kept))
}

#[test]
fn inv_15_end_session_beside_a_login_and_a_touch() {
    let leaves = Leaves { others: true, ..BLIND };
    let start = |stage: &Stage| EndSession::new(stage.account, stage.session);
    // A second look after an answer that was lost finds nothing, which is what was wanted.
    let counted = both(leaves, start, |outcome| {
        assert!(matches!(outcome, Ok(_) | Err(EndSessionError::NotFound)), "{outcome:?}");
        None
    });
    assert_eq!(counted, (782, 160));
}

#[test]
fn inv_13_inv_15_logout_everywhere_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| LogoutEverywhere::new(stage.account);
    let counted = both(BLIND, start, |outcome| {
        assert!(outcome.as_ref().unwrap().kept.is_none());
        None
    });
    assert_eq!(counted, (1_314, 160));
}

#[test]
fn inv_13_inv_15_logout_everywhere_but_here_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| LogoutEverywhere::new(stage.account).keep(&stage.token);
    let counted = both(Leaves { is_blind: false, ..BLIND }, start, |outcome| {
        let kept = outcome.as_ref().unwrap().kept.as_ref();
        Some(kept.expect("two operations cannot contend eight times").token.expose().to_owned())
    });
    assert_eq!(counted, (557, 126));
}

#[test]
fn inv_14_inv_15_change_password_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| ChangePassword::new(&stage.token, PASSWORD, NEW);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        Some(outcome.as_ref().unwrap().token.expose().to_owned())
    });
    assert_eq!(counted, (12_229, 836));
}

#[test]
fn inv_14_inv_15_set_password_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| SetPassword::new(stage.account, NEW);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (4_458, 374));
}

#[test]
fn inv_14_inv_15_disable_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| Disable::new(stage.account);
    let counted = both(Leaves { password: false, ..BLIND }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (1_314, 160));
}

#[test]
fn inv_15_each_ending_beside_a_reauthentication() {
    let putting = Leaves { is_blind: false, ..BLIND };
    let counted = [
        against_renewal(BLIND, |stage| EndSession::new(stage.account, stage.session)),
        against_renewal(BLIND, |stage| LogoutEverywhere::new(stage.account)),
        against_renewal(BLIND, |stage| Disable::new(stage.account)),
        against_renewal(putting, |stage| SetPassword::new(stage.account, NEW)),
        against_renewal(putting, |stage| MarkCompromised::new(stage.account)),
        against_renewal(putting, |stage| DeleteAccount::new(stage.account)),
    ];
    assert_eq!(counted, [1_123, 1_123, 1_123, 3_865, 486, 2_113]);
}

#[test]
fn pw_8_inv_14_a_mark_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| MarkCompromised::new(stage.account);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (577, 112));
}

#[test]
fn inv_14_inv_15_delete_account_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| DeleteAccount::new(stage.account);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (2_531, 268));
}

/// The names that are somebody's.
fn names(stage: &Stage) -> usize {
    stage.world.store.scan(&Range { kind: Kind::Login, owner: None, after: None }, 9).unwrap().len()
}

/// An account that is there has one name, and one that is gone has none.
#[test]
fn inv_14_delete_account_beside_a_rename() {
    let counted = explore(|choices| {
        let mut stage = Stage::new();
        let mut deletion = stage.world.start(DeleteAccount::new(stage.account));
        let mut rename = stage.world.start(Rename::new(stage.account, "countess"));
        race(&mut stage, [&mut deletion, &mut rename], choices, &mut |stage, at, step| {
            if at == 0 {
                let done = outcome_of::<DeleteAccount>(step);
                assert!(matches!(done, Ok(Ok(())) | Err(Fault::Store(_) | Fault::Unresolved)), "{done:?}");
                assert!(done.is_err() || stage.ended.is_some());
                return;
            }
            match outcome_of::<Rename>(step) {
                Ok(Ok(())) | Err(Fault::Store(_) | Fault::Unresolved) => {}
                Ok(Err(RenameError::NotFound)) => assert!(stage.ended.is_some(), "the account is there"),
                other => panic!("the name is free, and two cannot contend eight times: {other:?}"),
            }
        });
        let token = stage.token.clone();
        assert_eq!(stage.accepts(&token), stage.ended.is_none());
        assert_eq!(names(&stage), usize::from(stage.ended.is_none()));
    });
    assert_eq!(counted.schedules, 2_723);
}
