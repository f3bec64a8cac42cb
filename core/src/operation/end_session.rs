//! Ending one session of an account by its id: "log out that other device".

use core::time::Duration;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::session::Holder;
use crate::operation::logout::{Ended, Receipt};
use crate::operation::standing::{end, keys_of};
use crate::planted::Planted;
use crate::record::RecordError;

/// Ends a session of this account. The host says whose sessions the caller may end: the account of the session
/// that asks. Another account's session is not found (ASVS 5.0, 7.5.2). Idempotent, and never starved.
///
/// # Example: log out that other device
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::end_session::EndSession;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(EndSession::new(ada, login.session.id))??;
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct EndSession {
    account: AccountId,
    session: SessionId,
}

impl EndSession {
    /// Of this account, this session.
    pub fn new(account: AccountId, session: SessionId) -> Self {
        Self { account, session }
    }
}

/// Why no session was ended. Nothing was changed.
///
/// # Example: another's session is not found
/// ```
/// use doorward_core::id::AccountId;
/// use doorward_core::operation::end_session::{EndSession, EndSessionError};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let other = AccountId::from_bytes([7; 16]);
/// let outcome = engine.run(EndSession::new(other, login.session.id))?;
/// assert!(matches!(outcome, Err(EndSessionError::NotFound)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum EndSessionError {
    /// The account has no such session: it ended before, is another's, or was ended by this very call, whose first commit's
    /// answer was lost.
    #[error("the account has no such session")]
    NotFound,
    /// It is not done; the session may live on.
    #[error("the session is not ended: {0}")]
    Fault(#[from] Fault),
}

impl Decide for EndSession {
    type Outcome = Result<Receipt, EndSessionError>;

    fn name(&self) -> &'static str {
        "end_session"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let [session, account, keyring] = keys_of(self.session, self.account);
        let Some([row, account, keyring]) = facts.rows([&session, &account, &keyring]) else {
            return Ok(Decision::Read(keys_of(self.session, self.account).to_vec()));
        };
        let keyring = keyring.ok_or(RecordError::NoKeyring)?;
        let Some(row) =
            row.filter(|row| row.owner == Some(self.account) || cx.policy.has(Planted::EndsAnybodys))
        else {
            return Ok(Decision::Done(Err(EndSessionError::NotFound)));
        };
        let record = row.session()?;
        let is_live = record.present(Holder::Account(account), keyring, cx.now).is_ok();
        let ended = if is_live { Ended::Ended } else { Ended::AlreadyGone };
        let writes = end(self.session, row.owner, record, Writes::new(), cx);
        Ok(Decision::Commit(writes, Ok(Receipt::new(ended, self.session, Some(record), cx))))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Ok(_) | Err(EndSessionError::NotFound))
    }

    fn given_out(&self, outcome: Self::Outcome, after: Duration) -> Self::Outcome {
        outcome.map(|receipt| receipt.later(after))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(_) => EventResult::Success,
            Err(EndSessionError::NotFound) => EventResult::Refused("not found"),
            Err(EndSessionError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), session: Some(self.session), ..Subject::default() }
    }
}
