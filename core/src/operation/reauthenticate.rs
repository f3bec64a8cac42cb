//! Proving again who one is, inside a session: before something sensitive (step-up; ASVS 5.0, 7.5.1 and 7.5.3).

use alloc::string::String;
use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Source, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision};
use crate::model::session::Gone;
use crate::operation::authenticate::{AuthenticateError, Session};
use crate::operation::guess::Judged;
use crate::operation::rotate_session::Renewed;
use crate::operation::standing::{Entrance, account_guess};
use crate::password::{Password, PasswordError};
use crate::planted::Planted;
use crate::record::Key;
use crate::time::Timestamp;
use crate::token::opaque::TokenError;

/// Shows the password of a live session's account again: a fresh `auth_time`, a new token, both ends moved. The old
/// token is dead at once.
///
/// Wrong guesses are counted for the account, as at a login, and slowed by a throttle of their own: who has a copy of
/// the token cannot guess faster, and who has only the name cannot make the person inside wait. At the hundredth
/// failure in a row, wherever it was made, the password is off here too (NIST SP 800-63B-4, section 3.2.2).
///
/// # Example: before something sensitive
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::reauthenticate::Reauthenticate;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let renewed = engine.run(Reauthenticate::new(token, "plum kettle orbit"))??;
/// assert!(renewed.session.is_fresh(Duration::from_mins(5)));
/// assert_ne!(renewed.token.expose(), token); // put the new one into the cookie
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reauthenticate {
    token: Zeroizing<String>,
    password: Result<Password, PasswordError>,
    source: Option<Source>,
}

impl Reauthenticate {
    /// In the session of this token, with this password.
    pub fn new(token: &str, password: impl Into<String>) -> Self {
        Self { token: Zeroizing::new(token.into()), password: Password::new(password), source: None }
    }

    /// The same, with where the request came from: for the audit trail, and for its share of the hashing queue.
    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Why nothing was proven. The session is as it was.
///
/// # Example: wrong, and counted
/// ```
/// use doorward_core::operation::reauthenticate::{Reauthenticate, ReauthenticateError};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let outcome = engine.run(Reauthenticate::new(token, "not the password"))?;
/// assert!(matches!(outcome, Err(ReauthenticateError::Denied)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ReauthenticateError {
    /// It is no token of this engine.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It was one; its session is over.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The session is nobody's: log in first.
    #[error("the session is anonymous: log in first")]
    Anonymous,
    /// It is not the password, or the account's password is off.
    #[error("the password is wrong")]
    Denied,
    /// Too many failures: nothing is decided before `until`.
    #[error("too many attempts: wait before the next")]
    Throttled {
        /// When the next attempt is decided.
        until: Timestamp,
    },
    /// The password is too long to be anybody's.
    #[error("the password cannot be one: {0}")]
    Password(#[from] PasswordError),
    /// It could not be decided, which means no.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl ReauthenticateError {
    pub(super) fn result(&self) -> EventResult {
        EventResult::Refused(match self {
            Self::Token(_) => "token",
            Self::Gone(_) => "gone",
            Self::Anonymous => "anonymous",
            Self::Denied => "denied",
            Self::Throttled { .. } => "throttled",
            Self::Password(_) => "password",
            Self::Fault(fault) => return EventResult::Failed(fault.word()),
        })
    }
}

impl From<AuthenticateError> for ReauthenticateError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Token(error) => error.into(),
            AuthenticateError::Gone(gone) => gone.into(),
            AuthenticateError::Anonymous(_) => Self::Anonymous,
            AuthenticateError::Fault(fault) => fault.into(),
        }
    }
}

impl Decide for Reauthenticate {
    type Outcome = Result<Renewed, ReauthenticateError>;

    fn name(&self) -> &'static str {
        "reauthenticate"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: ReauthenticateError| Ok(Decision::Done(Err(error)));
        let password = match &self.password {
            Ok(password) => password,
            Err(error) => return refused((*error).into()),
        };
        let live = match Entrance::of(&self.token, facts, cx)? {
            Entrance::Read(keys) => return Ok(Decision::Read(keys)),
            Entrance::Refused(refusal) => return Ok(refusal.decision()),
            Entrance::Live(live) => live,
        };
        let guess = account_guess(live.account, facts)?;
        let (data, grants) = (Key::Data(live.id), Key::Grants(live.id));
        let reads = || guess.keys().into_iter().chain([data.clone(), grants.clone()]).collect();
        let writes = match guess.judge(password, true, facts, cx)? {
            Judged::Unread => return Ok(Decision::Read(reads())),
            Judged::Wait(until) => return refused(ReauthenticateError::Throttled { until }),
            Judged::Work(work) => return Ok(Decision::Work(work)),
            // A mark has ended this session: who meets one here is denied as all others.
            Judged::Wrong(writes) | Judged::Compromised(writes) => {
                return Ok(Decision::Commit(writes, Err(ReauthenticateError::Denied)));
            }
            Judged::Right(_, writes) => writes,
        };
        let Some([data_row, grants_row]) = facts.rows([&data, &grants]) else {
            return Ok(Decision::Read(reads()));
        };
        let next = live.record.reauthenticated(cx.now);
        let writes = live.prolong(data, data_row, next.absolute_end, writes);
        let grants_row = grants_row.filter(|_| !cx.policy.has(Planted::GrantsNotProlonged));
        let writes = live.prolong(grants, grants_row, next.absolute_end, writes);
        let (writes, renewed) = live.renew(next, writes, Session::of, cx);
        Ok(Decision::Commit(writes, Ok(renewed)))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(renewed) => {
                (EventResult::Success, Subject { source: self.source, ..renewed.session.subject() })
            }
            Err(error) => (error.result(), self.subject()),
        }
    }

    fn subject(&self) -> Subject {
        Subject { source: self.source, ..Subject::default() }
    }
}

impl fmt::Debug for Reauthenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reauthenticate(..)")
    }
}
