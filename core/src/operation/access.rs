//! Shutting an account and opening it again.

use alloc::vec;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::planted::Planted;
use crate::record::{ActiveRecord, Key};
use crate::store::Ending;

/// Disables an account: nobody logs in to it, and all its sessions are over. One blind write that nobody can starve;
/// a login in flight falls before it, and is over, or after it, and is denied. Idempotent.
///
/// # Example: nobody gets in, and nobody stays in
/// ```
/// use doorward_core::operation::access::Disable;
/// use doorward_core::operation::authenticate::Authenticate;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(Disable::new(ada))??;
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// assert!(engine.run(Login::new("ada", "plum kettle orbit"))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Disable {
    account: AccountId,
}

/// Enables an account again. What was ended stays ended, and guesses that were denied meanwhile stay counted, the owner's
/// right ones too: see [`Unlock`](super::unlock::Unlock). Idempotent.
///
/// # Example: open again, but only for new logins
/// ```
/// use doorward_core::operation::access::{Disable, Enable};
/// use doorward_core::operation::authenticate::Authenticate;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(Disable::new(ada))??;
/// engine.run(Enable::new(ada))??;
/// assert!(engine.run(Authenticate::new(token))?.is_err()); // ended for good
/// assert!(engine.run(Login::new("ada", "plum kettle orbit"))?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Enable {
    account: AccountId,
}

impl Disable {
    /// This account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }
}

impl Enable {
    /// This account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }
}

/// Why an account is as it was.
///
/// # Example: nobody of that id
/// ```
/// use doorward_core::id::AccountId;
/// use doorward_core::operation::access::{AccountError, Disable};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let nobody = engine.run(Disable::new(AccountId::from_bytes([7; 16])))?;
/// assert!(matches!(nobody, Err(AccountError::NotFound)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// It is not done.
    #[error("it is not done: {0}")]
    Fault(#[from] Fault),
}

impl AccountError {
    pub(super) fn result(outcome: &Result<(), Self>) -> EventResult {
        match outcome {
            Ok(()) => EventResult::Success,
            Err(Self::NotFound) => EventResult::Refused("not found"),
            Err(Self::Fault(fault)) => EventResult::Failed(fault.word()),
        }
    }
}

impl Decide for Disable {
    type Outcome = Result<(), AccountError>;

    fn name(&self) -> &'static str {
        "disable"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let account = Key::Account(self.account);
        let Some([row]) = facts.rows([&account]) else {
            return Ok(Decision::Read(vec![account]));
        };
        if row.is_none() {
            return Ok(Decision::Done(Err(AccountError::NotFound)));
        }
        let until = cx.policy.floor_dies_at(cx.now);
        let mut writes = Writes::new().delete(Key::Active(self.account));
        if !cx.policy.has(Planted::DisableSparesSessions) {
            writes = writes.raise(account.clone());
        }
        Ok(Decision::Commit(writes.journal(Ending::Epoch { key: account, until }), Ok(())))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Ok(()) | Err(AccountError::NotFound))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        (AccountError::result(outcome), self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}

impl Decide for Enable {
    type Outcome = Result<(), AccountError>;

    fn name(&self) -> &'static str {
        "enable"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let (account, active) = (Key::Account(self.account), Key::Active(self.account));
        let Some([row, is_active]) = facts.rows([&account, &active]) else {
            return Ok(Decision::Read(vec![account, active]));
        };
        Ok(match (row, is_active) {
            (None, _) => Decision::Done(Err(AccountError::NotFound)),
            (Some(_), Some(_)) => Decision::Done(Ok(())),
            (Some(_), None) => {
                let since = ActiveRecord { since: cx.now };
                Decision::Commit(Writes::new().put(active, Some(self.account), None, since), Ok(()))
            }
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        (AccountError::result(outcome), self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}
