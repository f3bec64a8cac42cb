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
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::session::{Amr, Gone, SessionRecord};
use crate::operation::standing::Entrance;
use crate::planted::Planted;
use crate::record::{ClientLabel, Key};
use crate::time::Timestamp;
use crate::token::opaque::TokenError;

/// Authenticates a session token: one read of three rows, and now and then a note of the activity that no
/// outcome depends on.
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

/// Why nobody was recognised. Nothing was changed.
///
/// # Example: a login page, or "try again"
/// ```
/// use doorward_core::error::Fault;
/// use doorward_core::model::session::Gone;
/// use doorward_core::operation::authenticate::AuthenticateError;
///
/// fn status(error: &AuthenticateError) -> u16 {
///     match error {
///         AuthenticateError::Token(_) | AuthenticateError::Gone(_) => 401, // clear the cookie, show the login page
///         _ => 503,                                                        // keep the cookie: nothing was decided
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
    /// It could not be decided, which means no.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl AuthenticateError {
    pub(super) fn result(&self) -> EventResult {
        match self {
            Self::Token(_) => EventResult::Refused("token"),
            Self::Gone(_) => EventResult::Refused("gone"),
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
        let live = match Entrance::of(&self.token, facts, cx)? {
            Entrance::Read(keys) => return Ok(Decision::Read(keys)),
            Entrance::Refused(refusal) => return Ok(refusal.decision()),
            Entrance::Live(live) => live,
        };
        let record = live.record;
        let session = Session::of(live.id, live.account, record, cx.now);
        // A touch moves forwards only, also where another instance's clock is ahead of this one's.
        let goes_back = cx.now < record.last_seen && cx.policy.has(Planted::TouchGoesBack);
        let is_behind = cx.now <= record.last_seen;
        if (is_behind || cx.now.since(record.last_seen) < cx.policy.touch_every()) && !goes_back {
            return Ok(Decision::Done(Ok(session)));
        }
        let mut touched = SessionRecord { last_seen: cx.now, ..record.clone() };
        if cx.policy.has(Planted::TouchMovesAbsoluteEnd) {
            touched.absolute_end = cx.now.saturating_add(cx.policy.longest_session());
        }
        let expires = Some(touched.idle_end());
        let writes = Writes::new().put(Key::Session(live.id), Some(live.account), expires, touched);
        Ok(Decision::Offer(writes, Ok(session)))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(session) => (EventResult::Success, session.subject()),
            Err(error) => (error.result(), Subject::default()),
        }
    }
}

impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticate(..)")
    }
}
