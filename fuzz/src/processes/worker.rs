//! What a thread of a process does: it logs in and out, and tries, ends and changes what the others were given.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use doorward::core::error::StoreErrorKind;
use doorward::{
    AuthenticateError, EndSessionError, Ended, Fault, Login, LoginError, LogoutError, LogoutEverywhere,
    LogoutEverywhereError, OpenSession, OpenSessionError, Register, RegisterError, UpdateSessionData,
    UpdateSessionDataError,
};
use doorward_core::id::{AccountId, SessionId};

use super::log::{Line, Log, Op, Subject};
use super::member::Hall;
use crate::rng::Rng;

const PASSWORD: &str = "plum kettle orbit";
const WRONG: &str = "slate lantern ferry";
/// Whom they share.
const NAMES: [&str; 4] = ["ada", "grace", "edsger", "barbara"];

/// Whose token it is, and how it reads.
#[derive(Debug, Clone)]
struct Known {
    session: SessionId,
    account: Option<AccountId>,
    token: String,
}

/// A thread that does this and that.
pub(super) struct Worker<'a> {
    process: usize,
    numbers: &'a AtomicU64,
    hall: &'a Hall,
    log: Log,
    rng: Rng,
    accounts: BTreeMap<String, AccountId>,
    /// The latest that anybody was given.
    tokens: VecDeque<Known>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(process: usize, numbers: &'a AtomicU64, hall: &'a Hall, log: Log, rng: Rng) -> Self {
        let (accounts, tokens) = (BTreeMap::new(), VecDeque::new());
        Self { process, numbers, hall, log, rng, accounts, tokens }
    }

    /// Goes on until it is over.
    pub(super) fn work(&mut self, is_over: &AtomicBool) -> Result<(), String> {
        for name in NAMES {
            self.register(name)?;
        }
        while !is_over.load(Ordering::SeqCst) {
            self.read_on()?;
            let ahead = i64::from(self.rng.below(2 * SKEW)) - i64::from(SKEW);
            self.hall.clock.store(ahead, Ordering::Relaxed);
            let account = self.account();
            match (self.rng.below(1000), self.token(), account) {
                (0..180, ..) | (_, None, None) => self.grant(None)?,
                (180..290, _, Some(account)) => self.grant(Some(account))?,
                (290..690, Some(known), _) => self.attempt(&known)?,
                (690..860, Some(known), _) => self.log_out(&known)?,
                (860..940, Some(Known { session, account: Some(account), .. }), _) => {
                    self.end_session(account, session)?;
                }
                (940..970, _, Some((_, account))) => self.log_out_everywhere(account)?,
                (970..985, _, Some((name, _))) => self.guess(&name)?,
                (985.., ..) => self.maintain()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn op(&self) -> Op {
        Op { process: self.process, number: self.numbers.fetch_add(1, Ordering::SeqCst) }
    }

    fn tell(&self, line: &Line) -> Result<(), String> {
        self.log.tell(line).map_err(|error| error.to_string())
    }

    fn failed(&self, op: Op, what: &str, fault: &Fault) -> Result<(), String> {
        let kind = match fault {
            Fault::Busy => "busy",
            Fault::Contended => "contended",
            Fault::Store(error) if error.kind() == StoreErrorKind::Retryable => "retryable",
            other => return self.wrong(op, format!("{what}: {other}")),
        };
        self.tell(&Line::Failed { op, what: what.to_owned(), kind: kind.to_owned() })
    }

    fn wrong(&self, op: Op, what: String) -> Result<(), String> {
        self.tell(&Line::Wrong { op, what })
    }

    /// What the others were given since.
    fn read_on(&mut self) -> Result<(), String> {
        for line in self.log.next().map_err(|error| error.to_string())? {
            match line {
                Line::Registered { name, account, .. } => _ = self.accounts.insert(name, account),
                Line::Granted { session, account, token, .. } => {
                    self.tokens.push_back(Known { session, account, token });
                    if self.tokens.len() > POOL {
                        self.tokens.pop_front();
                    }
                }
                Line::GrantBegins { .. }
                | Line::EndBegins { .. }
                | Line::Ended { .. }
                | Line::TryBegins { .. }
                | Line::Tried { .. }
                | Line::Failed { .. }
                | Line::Wrong { .. } => {}
            }
        }
        Ok(())
    }

    fn token(&mut self) -> Option<Known> {
        let many = u32::try_from(self.tokens.len()).ok().filter(|many| *many > 0)?;
        // Mostly one of the newest, which nobody may have ended yet.
        let back = if self.rng.in_thousand(600) { many.min(12) } else { many };
        self.tokens.get((many - 1 - self.rng.below(back)) as usize).cloned()
    }

    fn account(&mut self) -> Option<(String, AccountId)> {
        let many = u32::try_from(self.accounts.len()).ok().filter(|many| *many > 0)?;
        self.accounts.iter().nth(self.rng.below(many) as usize).map(|(name, id)| (name.clone(), *id))
    }

    fn register(&self, name: &str) -> Result<(), String> {
        let op = self.op();
        match self.hall.engine.register(Register::new(name, PASSWORD)) {
            Ok(account) => self.tell(&Line::Registered { op, name: name.to_owned(), account }),
            Err(RegisterError::Taken) => Ok(()),
            Err(RegisterError::Fault(fault)) => self.failed(op, "register", &fault),
            Err(other) => self.wrong(op, other.to_string()),
        }
    }

    fn grant(&self, account: Option<(String, AccountId)>) -> Result<(), String> {
        let op = self.op();
        self.tell(&Line::GrantBegins { op })?;
        let Some((name, id)) = account else {
            let opened = match self.hall.engine.open_session(OpenSession::new("a plum")) {
                Ok(opened) => opened,
                Err(OpenSessionError::Fault(fault)) => return self.failed(op, "open_session", &fault),
                Err(other) => return self.wrong(op, other.to_string()),
            };
            let (session, end) = (opened.session.id, opened.session.absolute_ends.as_millis());
            let token = opened.token.expose().to_owned();
            return self.tell(&Line::Granted { op, session, account: None, token, end });
        };
        match self.hall.engine.login(Login::new(&name, PASSWORD)) {
            Ok(login) if login.session.account == id => {
                let (session, end) = (login.session.id, login.session.absolute_ends.as_millis());
                let token = login.token.expose().to_owned();
                self.tell(&Line::Granted { op, session, account: Some(id), token, end })
            }
            Ok(login) => {
                self.wrong(op, format!("{name} is {id}, and logged in as {}", login.session.account))
            }
            Err(LoginError::Fault(fault)) => self.failed(op, "login", &fault),
            Err(other) => self.wrong(op, format!("the right password: {other}")),
        }
    }

    /// Tries a token, by reading or by writing with it.
    fn attempt(&mut self, known: &Known) -> Result<(), String> {
        let op = self.op();
        let engine = &self.hall.engine;
        self.tell(&Line::TryBegins { op, session: known.session })?;
        let (what, outcome) = if self.rng.in_thousand(250) {
            let update = engine.update_session_data(UpdateSessionData::new(&known.token, format!("{op:?}")));
            let outcome = update.map(|visitor| visitor.id()).map_err(|error| match error {
                UpdateSessionDataError::Session(error) => Ok(error),
                UpdateSessionDataError::Fault(fault) => Ok(AuthenticateError::Fault(fault)),
                other => Err(other.to_string()),
            });
            ("update_session_data", outcome)
        } else {
            ("session_data", engine.session_data(&known.token).map(|kept| kept.visitor.id()).map_err(Ok))
        };
        let now = engine.now().as_millis();
        match outcome {
            Ok(id) if id == known.session => self.tell(&Line::Tried { op, is_accepted: true, now }),
            Ok(id) => self.wrong(op, format!("the token of {} is that of {id}", known.session)),
            Err(Ok(AuthenticateError::Gone(_))) => self.tell(&Line::Tried { op, is_accepted: false, now }),
            Err(Ok(AuthenticateError::Fault(fault))) => self.failed(op, what, &fault),
            Err(Ok(other)) => self.wrong(op, other.to_string()),
            Err(Err(other)) => self.wrong(op, other),
        }
    }

    fn log_out(&self, known: &Known) -> Result<(), String> {
        let op = self.op();
        self.tell(&Line::EndBegins { op, subject: Subject::Session(known.session) })?;
        match self.hall.engine.logout(&known.token) {
            Ok(receipt) => self.ended(op, receipt.ended == Ended::Ended),
            Err(LogoutError::Fault(fault)) => self.failed(op, "logout", &fault),
            Err(other) => self.wrong(op, other.to_string()),
        }
    }

    fn end_session(&self, account: AccountId, session: SessionId) -> Result<(), String> {
        let op = self.op();
        self.tell(&Line::EndBegins { op, subject: Subject::Session(session) })?;
        match self.hall.engine.end_session(account, session) {
            Ok(receipt) => self.ended(op, receipt.ended == Ended::Ended),
            Err(EndSessionError::NotFound) => self.ended(op, false),
            Err(EndSessionError::Fault(fault)) => self.failed(op, "end_session", &fault),
            Err(other) => self.wrong(op, other.to_string()),
        }
    }

    fn log_out_everywhere(&self, account: AccountId) -> Result<(), String> {
        let op = self.op();
        self.tell(&Line::EndBegins { op, subject: Subject::Account(account) })?;
        match self.hall.engine.logout_everywhere(LogoutEverywhere::new(account)) {
            Ok(_) => self.ended(op, true),
            Err(LogoutEverywhereError::Fault(fault)) => self.failed(op, "logout_everywhere", &fault),
            Err(other) => self.wrong(op, other.to_string()),
        }
    }

    fn ended(&self, op: Op, was_live: bool) -> Result<(), String> {
        self.tell(&Line::Ended { op, was_live, now: self.hall.engine.now().as_millis() })
    }

    /// Counters are what logins in other processes rest on.
    fn guess(&self, name: &str) -> Result<(), String> {
        let op = self.op();
        match self.hall.engine.login(Login::new(name, WRONG)) {
            Err(LoginError::Denied) => Ok(()),
            Err(LoginError::Fault(fault)) => self.failed(op, "guess", &fault),
            other => self.wrong(op, format!("a wrong password: {other:?}")),
        }
    }

    fn maintain(&self) -> Result<(), String> {
        let op = self.op();
        match self.hall.engine.maintain() {
            Ok(_) => Ok(()),
            Err(fault) => self.failed(op, "maintain", &fault),
        }
    }
}

/// By how many milliseconds a clock is off, at most.
const SKEW: u32 = 300;
/// How many tokens a worker knows.
const POOL: usize = 300;
