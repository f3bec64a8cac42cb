//! The process that is killed, or whose calls to the system fail: it opens the store as the one before has left it, and several
//! threads do what they are used to, writing down what they begin and what they are told.

use std::path::PathBuf;
use std::time::Instant;

use doorward::{
    EndSessionError, Engine, Login, LoginError, LogoutEverywhere, OpenSession, Register, UpdateSessionData,
};
use doorward_core::error::{Fault, StoreErrorKind};

use super::act::{Act, Answer, Op};
use super::hall::Hall;
use super::plan;
use super::story::{Line, Story, follow};
use super::town::Town;
use super::trouble::Trouble;
use crate::rng::Rng;
use crate::store::StoreKind;

/// What a victim is told by the rig that starts it.
#[derive(Debug, Clone)]
pub struct Victim {
    /// What it opens.
    pub store: StoreKind,
    /// Where.
    pub folder: PathBuf,
    /// What it draws from.
    pub seed: u64,
    /// How many threads it has.
    pub threads: usize,
    /// What it does.
    pub life: Life,
}

/// What a victim does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It opens the store, and works until it is killed; no call fails.
    Lives,
    /// It opens the store, and waits to be killed.
    Idles,
    /// It opens the store, sees what became of what was under way, and writes that down.
    Looks,
    /// It works for a while, and calls fail: an operation that a fault ends has happened wholly or not at all, and not at all when the
    /// fault says so.
    Endures,
}

/// How much is done by a thread that endures, and how many faults end it.
const ACTS: u32 = 30;
const FAULTS: u32 = 3;

impl Victim {
    /// Goes on until it is killed, or has endured enough.
    ///
    /// # Errors
    /// It could not, or was told what cannot be.
    pub fn run(self, begun: Instant) -> Result<(), String> {
        if self.life == Life::Looks {
            return super::look(self.store, &self.folder, self.threads).map(drop);
        }
        let (mut story, towns) = match self.begin() {
            Ok(begun) => begun,
            // It is the story's file that it cannot read.
            Err(why) => return if self.life == Life::Endures { Ok(()) } else { Err(why) },
        };
        let now = towns.first().map_or(super::hall::START_MILLIS, |town| town.now);
        let hall = match Hall::open(self.store, &self.folder, now) {
            Ok(hall) => hall,
            Err(_) if self.life == Life::Endures => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if self.life == Life::Idles {
            loop {
                std::thread::park();
            }
        }
        let ready = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        story.tell(&Line::Ready(ready)).map_err(why)?;
        story.skip().map_err(why)?;
        let mut seeds = Rng::new(self.seed);
        std::thread::scope(|scope| {
            let threads = towns.into_iter().enumerate().map(|(thread, town)| {
                let (story, engine, rng) = (&story, &hall.engine, Rng::new(seeds.next()));
                scope.spawn(move || match self.life {
                    Life::Endures => endure(thread, town, story, engine, rng),
                    Life::Lives | Life::Idles | Life::Looks => live(thread, town, story, engine, rng),
                })
            });
            let threads: Vec<_> = threads.collect();
            let ended = threads.into_iter().map(|thread| match thread.join() {
                Ok(ended) => ended,
                Err(_) => Err("a thread panicked".to_owned()),
            });
            ended.collect()
        })
    }

    fn begin(&self) -> Result<(Story, Vec<Town>), String> {
        let mut story = Story::open(&self.folder).map_err(why)?;
        let mut towns = vec![Town::default(); self.threads];
        follow(&mut towns, &story.next().map_err(why)?)?;
        Ok((story, towns))
    }
}

fn live(thread: usize, mut town: Town, story: &Story, engine: &Engine, mut rng: Rng) -> Result<(), String> {
    loop {
        let (op, outcome) = take_a_step(thread, &mut town, story, engine, &mut rng)?;
        let end = match outcome {
            Ok(answer) => Line::Done(op, answer),
            Err(trouble) => Line::Failed(op, trouble.to_string()),
        };
        story.tell(&end).map_err(why)?;
        town.follow(&end)?;
    }
}

fn endure(thread: usize, mut town: Town, story: &Story, engine: &Engine, mut rng: Rng) -> Result<(), String> {
    let mut faults = 0;
    for _ in 0..ACTS {
        let (op, outcome) = take_a_step(thread, &mut town, story, engine, &mut rng)?;
        let end = match outcome {
            Ok(answer) => Line::Done(op, answer),
            Err(Trouble::AlreadyGone) => Line::Done(op, Answer::default()),
            Err(Trouble::Fault(fault)) => {
                let is_several = town.pending.as_ref().is_some_and(|(_, act)| act.is_several());
                if is_several || !is_nothing(&fault) {
                    // Whoever looks finds out.
                    return Ok(());
                }
                faults += 1;
                Line::Lost(op)
            }
            Err(Trouble::Refused(why)) => Line::Failed(op, why),
        };
        story.tell(&end).map_err(why)?;
        town.follow(&end)?;
        if faults == FAULTS {
            break;
        }
    }
    Ok(())
}

/// Whether it says that the commit it ended did nothing.
fn is_nothing(fault: &Fault) -> bool {
    match fault {
        Fault::Store(error) => error.kind() != StoreErrorKind::Unknown,
        Fault::Unresolved => false,
        _ => true,
    }
}

/// Writes down what is next, and does it.
fn take_a_step(
    thread: usize,
    town: &mut Town,
    story: &Story,
    engine: &Engine,
    rng: &mut Rng,
) -> Result<(Op, Result<Answer, Trouble>), String> {
    let op = Op { thread, number: town.next };
    let act = plan::next(town, op, rng);
    let begin = Line::Begin(op, act.clone());
    story.tell(&begin).map_err(why)?;
    town.follow(&begin)?;
    Ok((op, act_out(&act, op, town, engine)))
}

/// Does it, and says what it was told; an error is whatever should not have been.
fn act_out(act: &Act, op: Op, town: &mut Town, engine: &Engine) -> Result<Answer, Trouble> {
    let nothing = |()| Answer::default();
    let token_of = |town: &mut Town, session| {
        let token = town.session(session).and_then(|session| session.token.clone());
        token.ok_or("the plan picked a session without a token")
    };
    let account = |account| town.accounts.get(account).cloned().ok_or("the plan picked no account");
    match act {
        Act::Register { name, password } => {
            let account = engine.register(Register::new(name, plan::password(*password)))?;
            Ok(Answer { account: Some(account), ..Answer::default() })
        }
        Act::Login { account: id, previous } => {
            let account = account(id)?;
            let mut login = Login::new(&account.name, plan::password(account.password));
            if let Some(previous) = previous {
                login = login.previous(&token_of(town, previous)?).carry_data();
            }
            let login = engine.login(login)?;
            let token = Some(login.token.expose().to_owned());
            Ok(Answer { session: Some(login.session.id), token, ..Answer::default() })
        }
        Act::Guess { account: id } => match engine.login(Login::new(&account(id)?.name, plan::WRONG)) {
            Err(LoginError::Denied) => Ok(Answer::default()),
            Err(LoginError::Fault(fault)) => Err(fault.into()),
            other => Err(Trouble::Refused(format!("a wrong password was answered {other:?}"))),
        },
        Act::OpenSession => {
            let opened = engine.open_session(OpenSession::new(op.data()))?;
            let token = Some(opened.token.expose().to_owned());
            Ok(Answer { session: Some(opened.session.id), token, ..Answer::default() })
        }
        Act::Update { session, is_empty } => {
            let data = if *is_empty { String::new() } else { op.data() };
            let token = token_of(town, session)?;
            engine.update_session_data(UpdateSessionData::new(&token, data))?;
            Ok(Answer::default())
        }
        Act::Rotate { session } => {
            let renewed = engine.rotate_session(&token_of(town, session)?)?;
            Ok(Answer { token: Some(renewed.token.expose().to_owned()), ..Answer::default() })
        }
        Act::Reauthenticate { session } => {
            let owner = town.owner(session).ok_or("the plan picked no person's session")?;
            let password = plan::password(account(&owner)?.password);
            let renewed = engine.reauthenticate(&token_of(town, session)?, password)?;
            Ok(Answer { token: Some(renewed.token.expose().to_owned()), ..Answer::default() })
        }
        Act::Logout { session } => {
            let receipt = engine.logout(&token_of(town, session)?)?;
            match receipt.ended {
                doorward::Ended::Ended => Ok(Answer::default()),
                doorward::Ended::AlreadyGone => Err(Trouble::AlreadyGone),
            }
        }
        Act::EndSession { account, session } => match engine.end_session(*account, *session) {
            Err(EndSessionError::NotFound) => Err(Trouble::AlreadyGone),
            ended => Ok(ended.map(|_| Answer::default())?),
        },
        Act::LogoutEverywhere { account, keep } => {
            let mut operation = LogoutEverywhere::new(*account);
            if let Some(keep) = keep {
                operation = operation.keep(&token_of(town, keep)?);
            }
            let ended = engine.logout_everywhere(operation)?;
            let token = ended.kept.map(|kept| kept.token.expose().to_owned());
            if keep.is_some() && token.is_none() {
                return Err("the session to keep was ended, and nobody interfered".into());
            }
            Ok(Answer { token, ..Answer::default() })
        }
        Act::ChangePassword { session, password } => {
            let owner = town.owner(session).ok_or("the plan picked no person's session")?;
            let (current, new) = (plan::password(account(&owner)?.password), plan::password(*password));
            let token = token_of(town, session)?;
            let renewed = engine.change_password(&token, current, new)?;
            Ok(Answer { token: Some(renewed.token.expose().to_owned()), ..Answer::default() })
        }
        Act::SetPassword { account, password } => {
            Ok(engine.set_password(*account, plan::password(*password)).map(nothing)?)
        }
        Act::Disable { account } => Ok(engine.disable(*account).map(nothing)?),
        Act::Enable { account } => Ok(engine.enable(*account).map(nothing)?),
        Act::Rename { account, name } => Ok(engine.rename(*account, name).map(nothing)?),
        Act::Delete { account } => Ok(engine.delete_account(*account).map(nothing)?),
        Act::Maintain => Ok(engine.maintain().map(|_| Answer::default())?),
    }
}

fn why(error: impl std::fmt::Display) -> String {
    error.to_string()
}
