//! Recognising who is at the door: a session token becomes the session it was made for.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decide, Decision};
use crate::model::session::{Amr, Gone, SessionRecord};
use crate::operation::standing::Entrance;
use crate::record::ClientLabel;
use crate::time::Timestamp;
use crate::token::opaque::TokenError;

pub use super::glance::Glance;

/// Authenticates a session token: one read of three rows, and now and then a note of the activity that no
/// outcome depends on. A live anonymous session is [`AuthenticateError::Anonymous`]; its activity counts as well.
///
/// # Example: who sends this cookie?
/// ```
/// # use doorward_core::operation::{login::Login, register::Register};
/// use doorward_core::operation::authenticate::Authenticate;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
///
/// let session = engine.run(Authenticate::new(login.token.expose()))??;
/// assert_eq!(session.account, ada);
/// assert!(engine.run(Authenticate::new("dws_guess"))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Authenticate {
    token: Zeroizing<String>,
}

impl Authenticate {
    /// For this token, as the client sent it.
    pub fn new(token: &str) -> Self {
        Self { token: Zeroizing::new(token.into()) }
    }
}

/// A live session.
///
/// # Example: ask for the password again before a payment
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::authenticate::{Authenticate, Session};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn may_pay(session: &Session) -> bool {
///     session.is_fresh(Duration::from_mins(10))
/// }
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit").label("Firefox"))??;
/// # let token = login.token.expose();
///
/// assert!(may_pay(&login.session));
/// engine.now = engine.now.saturating_add(Duration::from_mins(11));
/// let session = engine.run(Authenticate::new(token))??;
/// assert!(!may_pay(&session)); // recognised, but not fresh
/// assert_eq!(session.absolute_ends.since(session.created), Duration::from_hours(24));
/// assert_eq!(session.label.unwrap().as_str(), "Firefox");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which one.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// When it began.
    pub created: Timestamp,
    /// When the person last proved who they are.
    pub auth_time: Timestamp,
    /// How.
    pub amr: Amr,
    /// It lives at least until here, unless it is ended. Later when the present activity is written down,
    /// which is not waited for.
    pub idle_ends: Timestamp,
    /// It never lives beyond here.
    pub absolute_ends: Timestamp,
    /// What the client was called at login.
    pub label: Option<ClientLabel>,
    /// When it was recognised: the time of this call.
    pub seen_at: Timestamp,
}

impl Session {
    pub(super) fn of(id: SessionId, account: AccountId, record: &SessionRecord, now: Timestamp) -> Self {
        Self {
            id,
            account,
            created: record.created,
            auth_time: record.auth_time,
            amr: record.amr,
            idle_ends: record.idle_end(),
            absolute_ends: record.absolute_end,
            label: record.label.clone(),
            seen_at: now,
        }
    }

    pub(super) fn subject(&self) -> Subject {
        Subject { account: Some(self.account), session: Some(self.id), ..Subject::default() }
    }

    /// Whether the person proved who they are within this time before the call (ASVS 5.0, 7.5.1): ask before
    /// a sensitive operation.
    pub fn is_fresh(&self, within: Duration) -> bool {
        self.seen_at.since(self.auth_time) <= within
    }
}

/// A live session of nobody: what somebody did before they said who they are is kept in it.
///
/// # Example: a guest is no person
/// ```
/// use doorward_core::operation::authenticate::{AnonymousSession, Authenticate, AuthenticateError};
/// # use doorward_core::operation::open_session::OpenSession;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn greeting(guest: &AnonymousSession) -> String {
///     let minutes = guest.idle_ends.since(guest.seen_at).as_secs() / 60;
///     format!("Your cart is kept for {minutes} minutes. Log in to keep it longer.")
/// }
/// # let mut engine = Engine::opened();
/// let opened = engine.run(OpenSession::new("two plums"))??;
/// let refused = engine.run(Authenticate::new(opened.token.expose()))?;
/// let Err(AuthenticateError::Anonymous(guest)) = refused else { unreachable!() };
/// assert_eq!(greeting(&guest), "Your cart is kept for 60 minutes. Log in to keep it longer.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousSession {
    /// Which one.
    pub id: SessionId,
    /// When it was opened.
    pub created: Timestamp,
    /// It lives at least until here, unless it is ended. Later when the present activity is written down,
    /// which is not waited for.
    pub idle_ends: Timestamp,
    /// It never lives beyond here, unless it is given another lifetime.
    pub absolute_ends: Timestamp,
    /// What the client was called when it was opened.
    pub label: Option<ClientLabel>,
    /// When it was recognised: the time of this call.
    pub seen_at: Timestamp,
}

impl AnonymousSession {
    pub(super) fn of(id: SessionId, record: &SessionRecord, now: Timestamp) -> Self {
        Self {
            id,
            created: record.created,
            idle_ends: record.idle_end(),
            absolute_ends: record.absolute_end,
            label: record.label.clone(),
            seen_at: now,
        }
    }

    pub(super) fn subject(&self) -> Subject {
        Subject { session: Some(self.id), ..Subject::default() }
    }
}

/// Whose session it is, for what serves everybody.
///
/// # Example: the same page for both
/// ```
/// use doorward_core::operation::authenticate::Visitor;
/// # use doorward_core::operation::{open_session::OpenSession, rotate_session::RotateSession};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn may_comment(visitor: &Visitor) -> bool {
///     match visitor {
///         Visitor::Account(_) => true,
///         Visitor::Anonymous(_) => false,
///     }
/// }
/// # let mut engine = Engine::opened();
/// # let opened = engine.run(OpenSession::new(""))??;
/// let visitor = engine.run(RotateSession::new(opened.token.expose()))??.session;
/// assert!(!may_comment(&visitor));
/// assert_eq!((visitor.id(), visitor.account()), (opened.session.id, None));
/// assert_eq!(visitor.absolute_ends(), opened.session.absolute_ends); // for the cookie's Max-Age
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody who has logged in.
    Account(Session),
    /// Nobody knows who.
    Anonymous(AnonymousSession),
}

impl Visitor {
    pub(super) fn of(
        id: SessionId,
        account: Option<AccountId>,
        record: &SessionRecord,
        now: Timestamp,
    ) -> Self {
        match account {
            Some(account) => Self::Account(Session::of(id, account, record, now)),
            None => Self::Anonymous(AnonymousSession::of(id, record, now)),
        }
    }

    /// The person, where only a person is let in.
    pub(super) fn person(self) -> Result<Session, AuthenticateError> {
        match self {
            Self::Account(session) => Ok(session),
            Self::Anonymous(session) => Err(AuthenticateError::Anonymous(session)),
        }
    }

    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::Account(session) => session.subject(),
            Self::Anonymous(session) => session.subject(),
        }
    }

    /// Which session.
    pub fn id(&self) -> SessionId {
        match self {
            Self::Account(session) => session.id,
            Self::Anonymous(session) => session.id,
        }
    }

    /// Whose.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(session) => Some(session.account),
            Self::Anonymous(_) => None,
        }
    }

    /// When the session ends whatever happens.
    pub fn absolute_ends(&self) -> Timestamp {
        match self {
            Self::Account(session) => session.absolute_ends,
            Self::Anonymous(session) => session.absolute_ends,
        }
    }
}

/// Why nobody was recognised. Nothing was changed, but that a session which is over by its time is deleted.
///
/// A refusal clears no cookie: it may come late, and would clear that of the login after it.
///
/// # Example: a login page, or "try again"
/// ```
/// use doorward_core::error::Fault;
/// use doorward_core::model::session::Gone;
/// use doorward_core::operation::authenticate::AuthenticateError;
///
/// fn status(error: &AuthenticateError) -> u16 {
///     match error {
///         AuthenticateError::Token(_) | AuthenticateError::Gone(_) => 401, // the login page; its reply sets another cookie
///         AuthenticateError::Anonymous(_) => 401, // the same page, and keep the cookie: `Login::previous` takes it
///         _ => 503,                               // keep the cookie: nothing was decided
///     }
/// }
/// assert_eq!(status(&Gone::Idle.into()), 401);
/// assert_eq!(status(&Fault::Contended.into()), 503);
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// It is no token of this engine.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It was one; its session is over.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// Its session lives, and is nobody's. It stands among the refusals, so that a host which asks no more than whether
    /// there is a session never takes a stranger for a person.
    #[error("the session is anonymous: log in first")]
    Anonymous(AnonymousSession),
    /// It could not be decided, which means no.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl AuthenticateError {
    pub(super) fn result(&self) -> EventResult {
        match self {
            Self::Token(_) => EventResult::Refused("token"),
            Self::Gone(_) => EventResult::Refused("gone"),
            Self::Anonymous(_) => EventResult::Refused("anonymous"),
            Self::Fault(fault) => EventResult::Failed(fault.word()),
        }
    }
}

impl Decide for Authenticate {
    type Outcome = Result<Session, AuthenticateError>;

    fn name(&self) -> &'static str {
        "authenticate"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        Ok(match Entrance::of_anybody(&self.token, facts, cx)? {
            Entrance::Read(keys) => Decision::Read(keys),
            Entrance::Refused(refusal) => refusal.decision(),
            Entrance::Live(live) => live.touched(live.visitor(cx).person(), cx),
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        audit(outcome)
    }
}

/// What the audit trail says of it.
pub(super) fn audit(outcome: &Result<Session, AuthenticateError>) -> (EventResult, Subject) {
    match outcome {
        Ok(session) => (EventResult::Success, session.subject()),
        Err(error @ AuthenticateError::Anonymous(session)) => (error.result(), session.subject()),
        Err(error) => (error.result(), Subject::default()),
    }
}

impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticate(..)")
    }
}
