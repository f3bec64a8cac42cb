//! Ada's session, what is seen of it after each step, and what follows from that.

use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::id::{AccountId, SessionId};
use doorward::core::operation::authenticate::Authenticate;
use doorward::core::operation::reauthenticate::Reauthenticate;
use doorward::core::record::{Key, Kind};
use doorward::core::store::{Cursor, Range, Revocation};
use doorward::{LoggedIn, Login, LoginError, Register};

use crate::support::everywhere::Schedules;
use crate::support::race::{self, outcome_of, race};
use crate::support::world::{Ground, Operation, World};

pub(crate) const NAME: &str = "ada";
pub(crate) const PASSWORD: &str = "the right and proper password";
pub(crate) const NEW: &str = "an entirely different sentence";

/// Ada has one session, whose next authentication writes a touch.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
    pub(crate) token: String,
    /// How many steps were taken.
    steps: usize,
    /// After which step another session was there.
    granted: Option<usize>,
    /// After which step an ending took effect: the first time, and the last.
    pub(crate) ended: Option<(usize, usize)>,
    epoch: u64,
}

impl Stage {
    pub(crate) fn new(ground: Ground) -> Self {
        let mut world = World::new(ground);
        let account = world.run(Register::new(NAME, PASSWORD)).unwrap().unwrap();
        let login = world.run(Login::new(NAME, PASSWORD)).unwrap().unwrap();
        world.now = world.now.saturating_add(Duration::from_mins(2));
        let (session, token) = (login.session.id, login.token.expose().to_owned());
        Self { world, account, session, token, steps: 0, granted: None, ended: None, epoch: 0 }
    }

    pub(crate) fn accepts(&mut self, token: &str) -> bool {
        self.world.run(Authenticate::new(token)).unwrap().is_ok()
    }

    /// INV 24: of a login there is no session, or one whole one, and nothing beside it.
    fn check_sessions(&self) {
        let range = |kind, owner| Range { kind, owner, after: None };
        let mut rows = self.world.store.scan(&range(Kind::Session, Some(self.account)), 9).unwrap();
        rows.retain(|(key, _)| *key != Key::Session(self.session));
        assert!(rows.len() <= usize::from(self.granted.is_some()), "{} logins of one", rows.len());
        for (_, row) in &rows {
            let session = row.session().unwrap();
            assert_eq!((session.generation, row.owner, row.expires.is_some()), (1, Some(self.account), true));
        }
        assert_eq!(self.world.store.scan(&range(Kind::Session, None), 9).unwrap().len(), {
            rows.len() + usize::from(self.world.row(Key::Session(self.session)).is_some())
        });
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
pub(crate) struct Leaves {
    /// Whether it puts no row, so that it is never unsure of itself.
    pub(crate) is_blind: bool,
    /// Whether other sessions live on.
    pub(crate) others: bool,
    /// Whether the old password opens the account.
    pub(crate) password: bool,
}

/// What an ending has said: whether it is done, and the token that it lets live.
pub(crate) fn check_ending<O: Operation>(
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
pub(crate) fn check_end(stage: &mut Stage, kept: Option<String>, leaves: Leaves) {
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
pub(crate) fn against_login<O: Operation>(
    schedules: Schedules,
    leaves: Leaves,
    start: impl Fn(&Stage) -> O,
    kept: impl Fn(&O::Outcome) -> Option<String>,
) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage::new(ground);
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
        stage.check_sessions();
        if let (Some(granted), Some((first, last)), false) = (stage.granted, stage.ended, leaves.others) {
            assert!(granted < first || leaves.password, "the old password opened after its end");
            assert!(token.is_none_or(|token| stage.accepts(&token) == (granted > last)));
        } else if let Some(token) = token {
            assert!(stage.accepts(&token), "a session that nothing ended was harmed");
        }
        check_end(&mut stage, goes_on, leaves);
    })
}

/// INV 11, 15: the touch of an authentication brings nothing back, and one that begins after the ending is refused.
pub(crate) fn against_touch<O: Operation>(
    schedules: Schedules,
    leaves: Leaves,
    start: impl Fn(&Stage) -> O,
    kept: impl Fn(&O::Outcome) -> Option<String>,
) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage::new(ground);
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
}

/// INV 15: the session's renewal falls before the ending, and dies with the session, or after it, and is refused.
pub(crate) fn against_renewal<O: Operation>(
    schedules: Schedules,
    leaves: Leaves,
    start: impl Fn(&Stage) -> O,
) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage::new(ground);
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
}
