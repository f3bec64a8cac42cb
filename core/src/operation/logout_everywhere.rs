//! Ending all sessions of an account at once: one write, however many there are.

use alloc::string::String;
use alloc::vec;
use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::session::SessionRecord;
use crate::operation::authenticate::{AuthenticateError, Session};
use crate::operation::rotate_session::Renewed;
use crate::operation::standing::Entrance;
use crate::planted::Planted;
use crate::record::Key;
use crate::store::Ending;

/// Ends every session of this account by raising its epoch: nothing granted before lives on, and nobody can starve it.
///
/// One session may be kept: it goes on under a new token, for a thief may hold a copy of the old one. Keeping it
/// compares rows, so when they change at every attempt, the last one ends everything, the kept session too.
///
/// # Example: all other sessions end, this one goes on under a new token
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::logout_everywhere::LogoutEverywhere;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let other = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// let ended = engine.run(LogoutEverywhere::new(ada).keep(token))??;
/// let kept = ended.kept.ok_or("nobody interfered")?;
/// assert!(engine.run(Authenticate::new(kept.token.expose()))?.is_ok());
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// assert!(engine.run(Authenticate::new(other.token.expose()))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LogoutEverywhere {
    account: AccountId,
    keep: Option<Zeroizing<String>>,
}

impl LogoutEverywhere {
    /// Of this account.
    pub fn new(account: AccountId) -> Self {
        Self { account, keep: None }
    }

    /// Keep the session of this token, when it is a live one of the account.
    #[must_use]
    pub fn keep(mut self, token: &str) -> Self {
        self.keep = Some(Zeroizing::new(token.into()));
        self
    }
}

/// What is true after it. Having one means that it is durable.
///
/// # Example: none was to be kept
/// ```
/// use doorward_core::operation::logout_everywhere::LogoutEverywhere;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// assert!(engine.run(LogoutEverywhere::new(ada))??.kept.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EndedEverywhere {
    /// The session that goes on, under its new token; `None` when none was to be kept, or it could not be.
    pub kept: Option<Renewed>,
}

/// Why nothing was ended.
///
/// # Example: a dead session cannot be kept, and nothing was ended
/// ```
/// use doorward_core::operation::logout::Logout;
/// use doorward_core::operation::logout_everywhere::{LogoutEverywhere, LogoutEverywhereError};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(Logout::new(token))??;
/// let outcome = engine.run(LogoutEverywhere::new(ada).keep(token))?;
/// assert!(matches!(outcome, Err(LogoutEverywhereError::Keep(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LogoutEverywhereError {
    /// There is no such account.
    #[error("there is no such account")]
    NoAccount,
    /// The session to keep is another account's.
    #[error("the session to keep is another account's")]
    OtherAccount,
    /// The token of the session to keep opens none: log in first, or keep none.
    #[error("the session to keep is none: {0}")]
    Keep(#[from] AuthenticateError),
    /// It is not done; the sessions may live on.
    #[error("the logout is not done: {0}")]
    Fault(#[from] Fault),
}

impl Decide for LogoutEverywhere {
    type Outcome = Result<EndedEverywhere, LogoutEverywhereError>;

    fn name(&self) -> &'static str {
        "logout_everywhere"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error| Ok(Decision::Done(Err(error)));
        let account = Key::Account(self.account);
        let kept = match &self.keep {
            Some(token) if !cx.is_last_attempt => match Entrance::of(token, facts, cx)? {
                Entrance::Read(keys) => return Ok(Decision::Read(keys)),
                Entrance::Refused(refusal) => return Ok(refusal.decision()),
                Entrance::Live(live) if live.account != self.account => {
                    return refused(LogoutEverywhereError::OtherAccount);
                }
                Entrance::Live(live) => Some(live),
            },
            _ => None,
        };
        let Some([row]) = facts.rows([&account]) else {
            return Ok(Decision::Read(vec![account]));
        };
        let Some(row) = row else {
            return refused(LogoutEverywhereError::NoAccount);
        };
        let until = cx.policy.floor_dies_at(cx.now);
        let writes = Writes::new().raise(account.clone()).journal(Ending::Epoch { key: account, until });
        let Some(live) = kept else {
            return Ok(Decision::Commit(writes, Ok(EndedEverywhere { kept: None })));
        };
        if cx.policy.has(Planted::KeepSparesAll) {
            let (writes, renewed) =
                live.renew(live.record.next_generation(cx.now), Writes::new(), Session::of, cx);
            return Ok(Decision::Commit(writes, Ok(EndedEverywhere { kept: Some(renewed) })));
        }
        // The account row is a precondition here, so the epoch after the raise is known.
        let mut next = live.record.next_generation(cx.now);
        if cx.policy.has(Planted::KeptTokenStays) {
            next.generation = live.record.generation;
        }
        let next = SessionRecord { account_epoch: row.epoch.saturating_add(1), ..next };
        // No token that was granted before is good: a thief may hold a copy of one of these, too.
        let writes = writes.delete(Key::Grants(live.id));
        let (writes, renewed) = live.renew(next, writes, Session::of, cx);
        Ok(Decision::Commit(writes, Ok(EndedEverywhere { kept: Some(renewed) })))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Ok(_) | Err(LogoutEverywhereError::NoAccount))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(_) => EventResult::Success,
            Err(LogoutEverywhereError::NoAccount) => EventResult::Refused("no account"),
            Err(LogoutEverywhereError::OtherAccount) => EventResult::Refused("other account"),
            Err(LogoutEverywhereError::Keep(error)) => error.result(),
            Err(LogoutEverywhereError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}

impl fmt::Debug for LogoutEverywhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutEverywhere").field("account", &self.account).finish_non_exhaustive()
    }
}
