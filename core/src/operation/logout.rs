//! Logging out: the session's row is deleted, and nothing in flight can write it back.

use alloc::string::String;
use core::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::SessionId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::session::{Gone, SessionRecord};
use crate::operation::standing::{Standing, end, latest_grant};
use crate::planted::Planted;
use crate::policy::RevocationMode;
use crate::time::Timestamp;
use crate::token::opaque::{Claim, Purpose, TokenError};

/// Ends the session of a token. Idempotent. Any token that was ever issued for the session will do, an older
/// generation's too: taking away is always safe, and an old tab's logout button must work.
///
/// The batch deletes and compares nothing, so that nobody can starve a logout by keeping the session busy.
///
/// # Example: over for good
/// ```
/// # use doorward_core::operation::{login::Login, register::Register};
/// use doorward_core::operation::{authenticate::Authenticate, logout::Logout};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
///
/// engine.run(Logout::new(token))??;
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// assert!(engine.run(Logout::new(token))?.is_ok()); // again is no error
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// # Example: which session it was
/// ```
/// # use doorward_core::operation::{login::Login, logout::{Ended, Logout}, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// let receipt = engine.run(Logout::new(login.token.expose()))??;
/// assert_eq!((receipt.ended, receipt.session), (Ended::Ended, login.session.id));
/// assert_eq!(receipt.access_dies_at, None); // no token of this session opens anything any more
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// What the logout found.
    pub ended: Ended,
    /// Which session the token names.
    pub session: SessionId,
    /// When the last access token of the session that could still be accepted anywhere dies, at the latest; `None`: there is
    /// none, for every verification asks the store ([`RevocationMode::Bound`]). It may be too early by as much as the clock was
    /// set back across a restart, where the session's row does not show that: it is gone, or was last written before.
    pub access_dies_at: Option<Timestamp>,
    /// How long other instances under the same policy may go on accepting them; this one refuses at once, except under
    /// [`RevocationMode::UntilExpiry`].
    pub others_lag: Duration,
}

impl Receipt {
    /// By the tokens' life alone: the session may have been shortened since they were made. Where it was active later than
    /// now, the clock was set back since, and they may have been made later, too.
    pub(super) fn new(
        ended: Ended,
        session: SessionId,
        record: Option<&SessionRecord>,
        cx: &Context<'_>,
    ) -> Self {
        let later = record.filter(|record| record.last_seen > cx.now);
        let latest = cx.policy.access_dies_at(later.map_or(cx.now, |record| latest_grant(record, cx)));
        let (access_dies_at, others_lag) = match cx.policy.tokens().revocation {
            RevocationMode::Bound => (None, Duration::ZERO),
            RevocationMode::Watched { max_staleness, .. } => {
                (Some(latest.min(cx.now.saturating_add(max_staleness))), max_staleness)
            }
            RevocationMode::UntilExpiry { .. } => (Some(latest), latest.since(cx.now)),
        };
        Self { ended, session, access_dies_at, others_lag }
    }

    /// Of a commit that took so long: until it stood, tokens were granted, and journals read, that do not show it.
    pub(super) fn later(self, by: Duration) -> Self {
        Self { access_dies_at: self.access_dies_at.map(|dies| dies.saturating_add(by)), ..self }
    }
}

/// What a logout found.
///
/// # Example: the second click on the button
/// ```
/// # use doorward_core::operation::{login::Login, logout::{Ended, Logout}, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// assert_eq!(engine.run(Logout::new(token))??.ended, Ended::Ended);
/// assert_eq!(engine.run(Logout::new(token))??.ended, Ended::AlreadyGone);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The session was live when this logout looked, and is over now. Of two logouts at once, both may say so.
    Ended,
    /// The session was over before; or it is over by this very logout, whose first commit's answer was lost.
    AlreadyGone,
}

/// Why a logout is *not done*.
///
/// # Example: may the cookie be cleared?
/// ```
/// use doorward_core::error::Fault;
/// use doorward_core::operation::logout::LogoutError;
/// use doorward_core::token::opaque::TokenError;
///
/// fn may_clear_cookie(error: &LogoutError) -> bool {
///     matches!(error, LogoutError::Token(_))
/// }
/// assert!(may_clear_cookie(&TokenError::Malformed.into()));
/// assert!(!may_clear_cookie(&TokenError::Key.into())); // another instance may accept it
/// let fault = LogoutError::from(Fault::Unresolved);
/// assert!(!may_clear_cookie(&fault)); // say so, keep the cookie, and log out again: it is idempotent
/// assert!(fault.to_string().starts_with("the logout is not done"));
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LogoutError {
    /// It is no token of ours: there is nothing to end, and the cookie may be cleared.
    #[error(transparent)]
    Token(TokenError),
    /// It was made under a master key that this engine does not have. Another instance may have it, and accept the
    /// token: keep the cookie, and give every instance every key that is in use.
    #[error("the logout is not done: the token was made under a master key that this engine does not have")]
    UnknownKey,
    /// It could not be done; the session may live on.
    #[error("the logout is not done: {0}")]
    Fault(#[from] Fault),
}

impl From<TokenError> for LogoutError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Key => Self::UnknownKey,
            TokenError::Kind | TokenError::Malformed | TokenError::Forged => Self::Token(error),
        }
    }
}

impl Decide for Logout {
    type Outcome = Result<Receipt, LogoutError>;

    fn name(&self) -> &'static str {
        "logout"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let claim = match Claim::parse(Purpose::Session, &self.token, cx.keys) {
            Ok(claim) => claim,
            Err(error) => return Ok(Decision::Done(Err(error.into()))),
        };
        let receipt = |ended, record| Ok(Receipt::new(ended, claim.session(), record, cx));
        let (row, record, ended) = match Standing::of(&claim, facts, cx.now)? {
            Standing::Unread(keys) => return Ok(Decision::Read(keys)),
            Standing::Absent => return Ok(Decision::Done(receipt(Ended::AlreadyGone, None))),
            Standing::Forged => return Ok(Decision::Done(Err(TokenError::Forged.into()))),
            Standing::Proven { row, record, life: Ok(()) | Err(Gone::Replaced) } => {
                (row, record, Ended::Ended)
            }
            Standing::Proven { row, record, life: Err(_) } => (row, record, Ended::AlreadyGone),
        };
        let mut writes = end(claim.session(), row.owner, record, Writes::new(), cx);
        if cx.policy.has(Planted::LogoutKeepsRow) {
            writes = Writes::new();
        }
        Ok(Decision::Commit(writes, receipt(ended, Some(record))))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        outcome.is_ok()
    }

    fn given_out(&self, outcome: Self::Outcome, after: Duration) -> Self::Outcome {
        outcome.map(|receipt| receipt.later(after))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(receipt) => {
                (EventResult::Success, Subject { session: Some(receipt.session), ..Subject::default() })
            }
            Err(LogoutError::Token(_)) => (EventResult::Refused("token"), Subject::default()),
            Err(LogoutError::UnknownKey) => (EventResult::Refused("unknown key"), Subject::default()),
            Err(LogoutError::Fault(fault)) => (EventResult::Failed(fault.word()), Subject::default()),
        }
    }
}

impl core::fmt::Debug for Logout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Logout(..)")
    }
}
