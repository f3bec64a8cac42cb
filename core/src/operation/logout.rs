//! Logging out: the session's row is deleted, and nothing in flight can write it back.

use alloc::string::String;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::SessionId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::session::Gone;
use crate::operation::standing::Standing;
use crate::record::Key;
use crate::store::Ending;
use crate::time::Timestamp;
use crate::token::opaque::{Claim, TokenError};

/// Ends the session of a token. Idempotent. Any token that was ever issued for the session will do, an older
/// generation's too: taking away is always safe, and an old tab's logout button must work.
///
/// The batch deletes and compares nothing, so that nobody can starve a logout by keeping the session busy.
pub struct Logout {
    token: Zeroizing<String>,
}

impl Logout {
    /// For the session of this token.
    pub fn new(token: &str) -> Self {
        Self { token: Zeroizing::new(token.into()) }
    }
}

/// What is true after a logout. Having one means that it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// What the logout found.
    pub ended: Ended,
    /// Which session the token names.
    pub session: SessionId,
    /// When the last access token of the session that could still be accepted dies; `None`: there is none.
    pub access_dies_at: Option<Timestamp>,
}

/// What a logout found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The session was live when this logout looked, and is over now. Of two logouts at once, both may say so.
    Ended,
    /// The session was over before.
    AlreadyGone,
}

/// Why a logout is *not done*.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LogoutError {
    /// It is no token of ours: there is nothing to end, and the cookie may be cleared.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It could not be done; the session may live on.
    #[error("the logout is not done: {0}")]
    Fault(#[from] Fault),
}

impl Decide for Logout {
    type Outcome = Result<Receipt, LogoutError>;

    fn name(&self) -> &'static str {
        "logout"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let claim = match Claim::parse(&self.token, cx.keys) {
            Ok(claim) => claim,
            Err(error) => return Ok(Decision::Done(Err(error.into()))),
        };
        let receipt = |ended| Ok(Receipt { ended, session: claim.session, access_dies_at: None });
        let (record, ended) = match Standing::of(&claim, facts, cx.now)? {
            Standing::Unread(keys) => return Ok(Decision::Read(keys)),
            Standing::Absent => return Ok(Decision::Done(receipt(Ended::AlreadyGone))),
            Standing::Forged => return Ok(Decision::Done(Err(TokenError::Forged.into()))),
            Standing::Proven { record, life: Ok(()) | Err(Gone::Replaced), .. } => (record, Ended::Ended),
            Standing::Proven { record, life: Err(_), .. } => (record, Ended::AlreadyGone),
        };
        let ending = Ending::Session { session: claim.session, until: record.latest_end(cx.now) };
        let writes = Writes::new().delete(Key::Session(claim.session)).journal(ending);
        Ok(Decision::Commit(writes, receipt(ended)))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(receipt) => {
                (EventResult::Success, Subject { session: Some(receipt.session), ..Subject::default() })
            }
            Err(LogoutError::Token(_)) => (EventResult::Refused("token"), Subject::default()),
            Err(LogoutError::Fault(fault)) => (EventResult::Failed(fault.word()), Subject::default()),
        }
    }
}

impl core::fmt::Debug for Logout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Logout(..)")
    }
}
