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
use crate::record::{ClientLabel, Key};
use crate::time::Timestamp;
use crate::token::opaque::TokenError;

/// Authenticates a session token: one read of three rows, and now and then a note of the activity that no
/// outcome depends on.
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
            Entrance::Refused(error) => return Ok(Decision::Done(Err(error))),
            Entrance::Live(live) => live,
        };
        let record = live.record;
        let session = Session::of(live.id, live.account, record, cx.now);
        // A touch moves forwards only, also where another instance's clock is ahead of this one's.
        if cx.now <= record.last_seen || cx.now.since(record.last_seen) < cx.policy.touch_every() {
            return Ok(Decision::Done(Ok(session)));
        }
        let touched = SessionRecord { last_seen: cx.now, ..record.clone() };
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
