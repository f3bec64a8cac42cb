//! The process that is killed: it opens the store as the kill before has left it, and several threads do what they are used
//! to, writing down what they begin and what they are told.

use std::path::PathBuf;
use std::time::Instant;

use doorward::{Engine, Login, LoginError, LogoutEverywhere, OpenSession, Register, UpdateSessionData};

use super::act::{Act, Answer, Op};
use super::hall::Hall;
use super::plan;
use super::story::{Line, Story, follow};
use super::town::Town;
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
    /// Whether it only opens the store.
    pub is_idle: bool,
}

impl Victim {
    /// Goes on until it is killed.
    ///
    /// # Errors
    /// It could not.
    pub fn run(self, begun: Instant) -> Result<(), String> {
        let told = |error: std::io::Error| error.to_string();
        let mut story = Story::open(&self.folder).map_err(told)?;
        let mut towns = vec![Town::default(); self.threads];
        follow(&mut towns, &story.next().map_err(told)?)?;
        let now = towns.first().map_or(super::hall::START_MILLIS, |town| town.now);
        let hall = Hall::open(self.store, &self.folder, now).map_err(|error| error.to_string())?;
        if self.is_idle {
            loop {
                std::thread::park();
            }
        }
        let ready = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        story.tell(&Line::Ready(ready)).map_err(told)?;
        let mut seeds = Rng::new(self.seed);
        std::thread::scope(|scope| {
            let threads = towns.into_iter().enumerate().map(|(thread, town)| {
                let (story, engine, rng) = (&story, &hall.engine, Rng::new(seeds.next()));
                scope.spawn(move || live(thread, town, story, engine, rng))
            });
            let threads: Vec<_> = threads.collect();
            let ended = threads.into_iter().map(|thread| match thread.join() {
                Ok(ended) => ended,
                Err(_) => Err("a thread panicked".to_owned()),
            });
            ended.collect()
        })
    }
}

fn live(thread: usize, mut town: Town, story: &Story, engine: &Engine, mut rng: Rng) -> Result<(), String> {
    loop {
        let op = Op { thread, number: town.next };
        let act = plan::next(&town, op, &mut rng);
        let begin = Line::Begin(op, act.clone());
        story.tell(&begin).map_err(|error| error.to_string())?;
        town.follow(&begin)?;
        let end = match act_out(&act, op, &mut town, engine) {
            Ok(answer) => Line::Done(op, answer),
            Err(why) => Line::Failed(op, why),
        };
        story.tell(&end).map_err(|error| error.to_string())?;
        town.follow(&end)?;
    }
}

/// Does it, and says what it was told; an error is whatever should not have been.
fn act_out(act: &Act, op: Op, town: &mut Town, engine: &Engine) -> Result<Answer, String> {
    let nothing = |()| Answer::default();
    let token_of = |town: &mut Town, session| {
        let token = town.session(session).and_then(|session| session.token.clone());
        token.ok_or_else(|| "the plan picked a session without a token".to_owned())
    };
    let account = |account| town.accounts.get(account).cloned().ok_or("the plan picked no account");
    match act {
        Act::Register { name, password } => {
            let account = engine.register(Register::new(name, plan::password(*password))).map_err(why)?;
            Ok(Answer { account: Some(account), ..Answer::default() })
        }
        Act::Login { account: id, previous } => {
            let account = account(id)?;
            let mut login = Login::new(&account.name, plan::password(account.password));
            if let Some(previous) = previous {
                login = login.previous(&token_of(town, previous)?).carry_data();
            }
            let login = engine.login(login).map_err(why)?;
            let token = Some(login.token.expose().to_owned());
            Ok(Answer { session: Some(login.session.id), token, ..Answer::default() })
        }
        Act::Guess { account: id } => match engine.login(Login::new(&account(id)?.name, plan::WRONG)) {
            Err(LoginError::Denied) => Ok(Answer::default()),
            other => Err(format!("a wrong password was answered {other:?}")),
        },
        Act::OpenSession => {
            let opened = engine.open_session(OpenSession::new(op.data())).map_err(why)?;
            let token = Some(opened.token.expose().to_owned());
            Ok(Answer { session: Some(opened.session.id), token, ..Answer::default() })
        }
        Act::Update { session, is_empty } => {
            let data = if *is_empty { String::new() } else { op.data() };
            let token = token_of(town, session)?;
            engine.update_session_data(UpdateSessionData::new(&token, data)).map_err(why)?;
            Ok(Answer::default())
        }
        Act::Rotate { session } => {
            let renewed = engine.rotate_session(&token_of(town, session)?).map_err(why)?;
            Ok(Answer { token: Some(renewed.token.expose().to_owned()), ..Answer::default() })
        }
        Act::Reauthenticate { session } => {
            let owner = town.owner(session).ok_or("the plan picked no person's session")?;
            let password = plan::password(account(&owner)?.password);
            let renewed = engine.reauthenticate(&token_of(town, session)?, password).map_err(why)?;
            Ok(Answer { token: Some(renewed.token.expose().to_owned()), ..Answer::default() })
        }
        Act::Logout { session } => {
            let receipt = engine.logout(&token_of(town, session)?).map_err(why)?;
            match receipt.ended {
                doorward::Ended::Ended => Ok(Answer::default()),
                doorward::Ended::AlreadyGone => Err("a live session was already gone".to_owned()),
            }
        }
        Act::EndSession { account, session } => {
            engine.end_session(*account, *session).map(|_| Answer::default()).map_err(why)
        }
        Act::LogoutEverywhere { account, keep } => {
            let mut operation = LogoutEverywhere::new(*account);
            if let Some(keep) = keep {
                operation = operation.keep(&token_of(town, keep)?);
            }
            let ended = engine.logout_everywhere(operation).map_err(why)?;
            let token = ended.kept.map(|kept| kept.token.expose().to_owned());
            if keep.is_some() && token.is_none() {
                return Err("the session to keep was ended, and nobody interfered".to_owned());
            }
            Ok(Answer { token, ..Answer::default() })
        }
        Act::ChangePassword { session, password } => {
            let owner = town.owner(session).ok_or("the plan picked no person's session")?;
            let (current, new) = (plan::password(account(&owner)?.password), plan::password(*password));
            let token = token_of(town, session)?;
            let renewed = engine.change_password(&token, current, new).map_err(why)?;
            Ok(Answer { token: Some(renewed.token.expose().to_owned()), ..Answer::default() })
        }
        Act::SetPassword { account, password } => {
            engine.set_password(*account, plan::password(*password)).map(nothing).map_err(why)
        }
        Act::Disable { account } => engine.disable(*account).map(nothing).map_err(why),
        Act::Enable { account } => engine.enable(*account).map(nothing).map_err(why),
        Act::Rename { account, name } => engine.rename(*account, name).map(nothing).map_err(why),
        Act::Delete { account } => engine.delete_account(*account).map(nothing).map_err(why),
        Act::Maintain => engine.maintain().map(|_| Answer::default()).map_err(why),
    }
}

fn why(error: impl std::fmt::Display) -> String {
    error.to_string()
}
