//! A service that watches: an engine of its own, which verifies access tokens by what it has read of the journal, on a store
//! that answers late or not at all. What it runs is the engine that people run, stepped.
//!
//! | it says | then |
//! |---|---|
//! | yes | whatever ended the token was acknowledged less than the bound before it was asked; and it never said no. But of a token from a clock that was further ahead than is declared it forgets both too early |
//! | gone | so the store says, too; or the keys were changed less than the bound ago |
//! | it is not known | the store failed, or time went by while it was asked |

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use doorward::{
    Builder, ManualClock, MasterKey, Pepper, Step, StepNeed, StepReply, StepTicket, SteppedEngine, Steps,
};
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::operation::verify::VerifyError;
use doorward_core::policy::{RevocationMode, TokenPolicy, WhenStale};
use doorward_core::store::Guarantees;
use doorward_core::time::Timestamp;
use doorward_core::token::access::Access;
use doorward_core::token::jwt::JwtError;

use super::World;
use super::engines::{Engine, policy, tokens};
use super::restore::{Orphan, Stray};
use crate::action::AccessPick;
use crate::answer::{Answer, Flaw};
use crate::model::judge::{Intent, Shown};
use crate::model::terms::Audiences;
use crate::model::token::Request;
use crate::plan::Line;
use crate::violation::{Violation, ensure};

/// How old a view may be.
const BOUND: Duration = Duration::from_secs(1);
/// How many verifications are under way at once, at most.
const LOOKS: usize = 4;

/// The service, and what it has under way.
#[derive(Default)]
pub(super) struct Watcher {
    engine: Option<SteppedEngine>,
    clock: Option<ManualClock>,
    looks: Vec<Look>,
    /// The access tokens that it knew to be gone.
    refused: BTreeSet<String>,
    /// When the keys were changed last, by the clock that nobody sets.
    rekeyed: u64,
}

/// A verification.
struct Look {
    label: u32,
    token: Looked,
    steps: Steps<Result<Arc<Access>, VerifyError>>,
    /// What it waits for.
    ticket: Option<(StepTicket, Arc<StepNeed>)>,
    /// What the store has answered to that, and is on its way.
    late: Option<StepReply>,
    /// When it began, in moves and by the clock that nobody sets.
    started: (usize, u64),
    has_failed: bool,
}

/// What is looked at.
enum Looked {
    Known(Shown, Audiences, String),
    Stray(Stray),
    /// A restored backup came between: whatever it says, nobody asks any more. What it reads goes on.
    Anything,
}

impl World {
    /// A token is shown to the service.
    pub(super) fn look(&mut self, label: u32, pick: AccessPick, stray: bool) -> Result<(), Violation> {
        while self.watcher.looks.len() >= LOOKS {
            self.look_on_at(0, Line::Good)?;
        }
        if !self.open_watcher()? {
            return Ok(());
        }
        let Some(engine) = self.watcher.engine.clone() else { return Ok(()) };
        let strays = self.orphans.iter().rev().filter_map(|orphan| match orphan {
            Orphan::Access(stray) => Some(stray),
            Orphan::Session(_) | Orphan::Refresh(_) => None,
        });
        let stray = strays.take(8).nth(usize::from(pick.of % 8 > 4)).filter(|_| stray).cloned();
        let (token, text, audience) = if let Some(stray) = stray {
            let (text, audience) = (stray.text.clone(), stray.audience.clone());
            (Looked::Stray(stray), text, audience)
        } else {
            let (number, shown, text) = self.shown_access(pick);
            let audience = number.map_or(Audiences::numbered(0), |number| {
                self.model.access_tokens[number].audience.one(false)
            });
            let one = audience.texts().next().unwrap_or_default().to_owned();
            (Looked::Known(shown, audience, text.clone()), text, one)
        };
        let steps = engine.verify(&text, &audience);
        let started = (self.tick, self.elapsed);
        let look = Look { label, token, steps, ticket: None, late: None, started, has_failed: false };
        self.watcher.looks.push(look);
        // So that its reading begins now, whenever the store answers.
        self.ask_on(self.watcher.looks.len() - 1)
    }

    /// One of its calls of the store is answered.
    pub(super) fn look_on(&mut self, label: u32, line: Line) -> Result<(), Violation> {
        match self.watcher.looks.iter().rposition(|look| look.label <= label) {
            Some(at) => self.look_on_at(at, line),
            None => Ok(()),
        }
    }

    pub(super) fn finish_looks(&mut self) -> Result<(), Violation> {
        while !self.watcher.looks.is_empty() {
            self.look_on_at(0, Line::Good)?;
        }
        Ok(())
    }

    /// The service is no more, and whatever it has under way is never answered.
    pub(super) fn drop_watcher(&mut self) {
        self.watcher.looks.clear();
        (self.watcher.engine, self.watcher.clock) = (None, None);
    }

    /// The service lives on, and what it has under way goes on after the backup: answers may be on their way.
    pub(super) fn watch_across_restore(&mut self) {
        for look in &mut self.watcher.looks {
            look.token = Looked::Anything;
        }
    }

    pub(super) fn keys_changed(&mut self) {
        self.watcher.rekeyed = self.elapsed;
    }

    pub(super) fn watch_passes(&mut self, time: Duration) {
        if let Some(clock) = &self.watcher.clock {
            clock.advance(time);
        }
    }

    pub(super) fn watch_is_set(&mut self, now: Timestamp) {
        if let Some(clock) = &self.watcher.clock {
            clock.set(now);
        }
    }

    fn look_on_at(&mut self, at: usize, line: Line) -> Result<(), Violation> {
        let look = &mut self.watcher.looks[at];
        let Some((ticket, need)) = look.ticket.clone() else { return Ok(()) };
        let reply = match (look.late.take(), line) {
            (_, Line::Dead) => {
                look.has_failed = true;
                StepReply::Failed(StoreError::new(StoreErrorKind::Retryable, "the plan says so"))
            }
            (Some(late), Line::Good | Line::Late) => late,
            (None, _) => match &*need {
                StepNeed::Read(keys) => self.store.read(keys).map_or_else(StepReply::Failed, StepReply::Rows),
                StepNeed::Changes(after, limit) => {
                    // A page at a time, so that a journal is read in several.
                    let page = self.store.changes(*after, (*limit).min(PAGE));
                    page.map_or_else(StepReply::Failed, StepReply::Changes)
                }
                other => return Err(Violation::new(29, format!("who verifies asks for {other:?}"))),
            },
        };
        let look = &mut self.watcher.looks[at];
        if line == Line::Late {
            look.late = Some(reply);
            return Ok(());
        }
        let misfit = |misuse| Violation::new(40, format!("a right reply was refused: {misuse}"));
        look.steps.reply(ticket, reply).map_err(misfit)?;
        self.ask_on(at)
    }

    /// To its next call of the store, or to its end.
    fn ask_on(&mut self, at: usize) -> Result<(), Violation> {
        let step = self.watcher.looks[at].steps.poll();
        match step.map_err(|misuse| Violation::new(40, format!("it cannot be asked: {misuse}")))? {
            Step::Need(ticket, need) => {
                self.watcher.looks[at].ticket = Some((ticket, need));
                Ok(())
            }
            Step::Done(outcome) => {
                let look = self.watcher.looks.swap_remove(at);
                self.looked(&look, outcome)
            }
        }
    }

    fn looked(&mut self, look: &Look, outcome: Result<Arc<Access>, VerifyError>) -> Result<(), Violation> {
        let (began, bound) = (look.started.1, BOUND.as_millis().try_into().unwrap_or(u64::MAX));
        let is_heard = |since: u64| since.saturating_add(bound) <= began;
        let is_rekeyed = self.watcher.rekeyed > 0 && !is_heard(self.watcher.rekeyed);
        let (word, exact) = match &look.token {
            Looked::Anything => return Ok(()),
            Looked::Stray(stray) => {
                ensure(outcome.is_err() || !is_heard(stray.dead), 44, || {
                    "a token from before the restored backup was accepted".to_owned()
                })?;
                ("stray", None)
            }
            Looked::Known(token, audience, text) => {
                let intent = Intent::Token(Request::Verify { token: *token, audience: *audience });
                let is_declared = match token {
                    Shown::Token(number) => !self.model.access_tokens[*number].is_from_ahead,
                    Shown::WrongProof(_) | Shown::OtherKind | Shown::Garbage => true,
                };
                if let (Ok(access), true) = (&outcome, is_declared) {
                    // Nobody's promise is broken who was told of it less than the bound ago.
                    let since = self.passed.partition_point(|passed| passed.saturating_add(bound) <= began);
                    self.model.accepted(&intent, since.min(look.started.0))?;
                    ensure(!self.watcher.refused.contains(text), 15, || {
                        format!("token {} was refused before", access.token)
                    })?;
                }
                let now = self.watch_now();
                ("token", Some(self.model.judge(&intent, now).answer))
            }
        };
        let told = match (&outcome, &exact) {
            (Ok(_), None | Some(Answer::Verified(_) | Answer::Gone(_) | Answer::Unfit(Flaw::Key))) => "yes",
            (Ok(_), Some(exact)) => {
                return Err(Violation::new(18, format!("{exact:?} was verified by who watches")));
            }
            (Err(VerifyError::Stale), _) => {
                let is_excused = look.has_failed || self.elapsed > began;
                ensure(is_excused, 17, || "who watches does not know, and nothing failed".to_owned())?;
                "stale"
            }
            (Err(VerifyError::Gone(_)), Some(exact)) => {
                let is_right = matches!(exact, Answer::Gone(_) | Answer::Unfit(Flaw::Key | Flaw::Expired));
                ensure(is_right || is_rekeyed, 18, || format!("{exact:?} is gone for who watches"))?;
                if let (Looked::Known(Shown::Token(_), _, text), true) = (&look.token, is_right) {
                    self.watcher.refused.insert(text.clone());
                }
                "gone"
            }
            (Err(VerifyError::Token(_) | VerifyError::Gone(_)), None) => "no",
            (Err(VerifyError::Token(error)), Some(exact)) => {
                let is_right =
                    matches!(exact, Answer::Unfit(_)) || (*error == JwtError::UnknownKey && is_rekeyed);
                ensure(is_right, 18, || format!("{exact:?} is {error} for who watches"))?;
                "no"
            }
            (Err(VerifyError::Fault(fault)), _) => {
                return Err(Violation::new(17, format!("who watches fails: {fault}")));
            }
            (Err(other), _) => return Err(Violation::new(17, format!("who watches says: {other}"))),
        };
        *self.run.answers.entry(format!("Watch {word} {told}")).or_default() += 1;
        Ok(())
    }

    fn watch_now(&self) -> Timestamp {
        self.watcher.engine.as_ref().map_or(self.time, SteppedEngine::now)
    }

    /// Whether there is a service: one whose clock is too far behind does not open.
    fn open_watcher(&mut self) -> Result<bool, Violation> {
        if self.watcher.engine.is_some() {
            return Ok(true);
        }
        let clock = ManualClock::at(self.time);
        let mut opening = self.watching(clock.clone()).open();
        loop {
            let step = opening.poll();
            match step.map_err(|misuse| Violation::new(40, format!("it cannot be asked: {misuse}")))? {
                Step::Need(ticket, need) => {
                    let reply = match &*need {
                        StepNeed::Read(keys) => self.store.read(keys).map(StepReply::Rows),
                        _ => Err(StoreError::new(StoreErrorKind::Fatal, "whoever watches writes nothing")),
                    };
                    let taken = opening.reply(ticket, reply.unwrap_or_else(StepReply::Failed));
                    taken.map_err(|misuse| {
                        Violation::new(40, format!("a right reply was refused: {misuse}"))
                    })?;
                }
                Step::Done(engine) => {
                    self.watcher.engine = engine.ok();
                    self.watcher.clock = Some(clock);
                    return Ok(self.watcher.engine.is_some());
                }
            }
        }
    }

    fn watching(&self, clock: ManualClock) -> Builder<Guarantees> {
        let Engine { environment, keys, .. } = &self.engines[0];
        let revocation = RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse };
        let tokens = TokenPolicy { revocation, ..tokens(self.house) };
        let argon2 = *environment.policy.argon2();
        let policy = policy(argon2, self.house, |policy| (self.change)(policy.tokens(tokens.clone())));
        let (number, byte) = keys.master;
        let mut builder = SteppedEngine::builder(Guarantees::EPHEMERAL)
            .ephemeral()
            .master_key(MasterKey::new(number, [byte; 32]))
            .policy(policy)
            .clock(clock);
        for (at, (number, byte)) in keys.peppers.iter().enumerate() {
            let pepper = Pepper::new(*number, [*byte; 32]);
            builder = if at == 0 { builder.pepper(pepper) } else { builder.accept_pepper(pepper) };
        }
        builder
    }
}

/// How much of the journal the store gives at once.
const PAGE: usize = 16;
