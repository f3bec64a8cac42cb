//! What a host keeps with a session, a person's or an anonymous one: read, and changed while the session lives.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::data::DataRecord;
use crate::model::session::{SessionRecord, millis};
use crate::operation::authenticate::{AuthenticateError, Visitor};
use crate::operation::standing::{Entrance, Live};
use crate::planted::Planted;
use crate::record::{Key, Row};

/// Reads what the host keeps with a live session, and says whose it is: one read of four rows. It counts as activity, as
/// an [`Authenticate`](super::authenticate::Authenticate) does.
///
/// # Example: nothing was kept yet
/// ```
/// use doorward_core::operation::session_data::{SessionData, UpdateSessionData};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// assert!(engine.run(SessionData::new(token))??.data.is_empty());
/// engine.run(UpdateSessionData::new(token, "dark mode"))??;
/// let kept = engine.run(SessionData::new(token))??;
/// assert_eq!((kept.data.as_slice(), kept.visitor.account()), (&b"dark mode"[..], Some(ada)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SessionData {
    token: Zeroizing<String>,
}

impl SessionData {
    /// Of the session of this token.
    pub fn new(token: &str) -> Self {
        Self { token: Zeroizing::new(token.into()) }
    }
}

/// What a host keeps with a session. `Debug` tells how much it is, and not what.
///
/// # Example: it does not print
/// ```
/// use doorward_core::operation::session_data::SessionData;
/// # use doorward_core::operation::open_session::OpenSession;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let opened = engine.run(OpenSession::new("two plums"))??;
/// let kept = engine.run(SessionData::new(opened.token.expose()))??;
/// assert_eq!(kept.data, b"two plums");
/// assert!(!format!("{kept:?}").contains(&format!("{:?}", kept.data)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeptData {
    /// Whose session it is.
    pub visitor: Visitor,
    /// The bytes; none when nothing is kept.
    pub data: Vec<u8>,
}

/// Replaces what the host keeps with a live session: one durable commit, which fails when the session is gone by then,
/// so that a request in flight during a logout brings nothing back. No bytes at all: nothing is kept any more.
///
/// Of two updates at once the later one stands, whole. It counts as activity, written down with it when that is due.
/// The bytes rest in the store as they are: encrypt first what nobody who reads the database may read.
///
/// # Example: another kettle, and a quarter of an hour to pay
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::session_data::UpdateSessionData;
/// # use doorward_core::operation::{logout::Logout, open_session::OpenSession};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let opened = engine.run(OpenSession::new("one kettle"))??;
/// # let token = opened.token.expose();
/// let update = UpdateSessionData::new(token, "two kettles").lifetime(Duration::from_mins(15));
/// let visitor = engine.run(update)??;
/// assert_eq!(visitor.absolute_ends().since(engine.now), Duration::from_mins(15));
///
/// engine.run(Logout::new(token))??;
/// assert!(engine.run(UpdateSessionData::new(token, "three kettles"))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UpdateSessionData {
    token: Zeroizing<String>,
    data: Vec<u8>,
    lifetime: Option<Duration>,
}

impl UpdateSessionData {
    /// In the session of this token, these bytes, as many as the policy's
    /// [`DataLimits`](crate::model::data::DataLimits) allow.
    pub fn new(token: &str, data: impl Into<Vec<u8>>) -> Self {
        Self { token: Zeroizing::new(token.into()), data: data.into(), lifetime: None }
    }

    /// Also lets the session live for this long from now at most, and without activity too. An anonymous session may
    /// gain by it, up to the policy's absolute lifetime in all; a person's can only become shorter. A proof of the password
    /// then gives it as long again as it had from the last one to its end.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// Why the data is as it was. So is the session.
///
/// # Example: more than the policy allows
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::session_data::{UpdateSessionData, UpdateSessionDataError};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let much = engine.run(UpdateSessionData::new(token, vec![0; 64 * 1024 + 1]))?;
/// assert!(matches!(much, Err(UpdateSessionDataError::TooLarge { limit: 65_536 })));
/// let none = engine.run(UpdateSessionData::new(token, "").lifetime(Duration::ZERO))?;
/// assert!(matches!(none, Err(UpdateSessionDataError::Lifetime { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum UpdateSessionDataError {
    /// The token opens no session, neither a person's nor an anonymous one.
    #[error(transparent)]
    Session(#[from] AuthenticateError),
    /// It is more data than may be kept with this session.
    #[error("the data is too large: at most {limit} bytes are kept with this session")]
    TooLarge {
        /// The most, in bytes.
        limit: usize,
    },
    /// The session cannot have this lifetime.
    #[error("the lifetime must be at least 1 ms and at most {longest:?}")]
    Lifetime {
        /// The longest: an anonymous session's by the policy, what is left of a person's.
        longest: Duration,
    },
    /// It is not done, or after [`Fault::Unresolved`] not known to be.
    #[error("the data is not updated: {0}")]
    Fault(#[from] Fault),
}

impl Decide for SessionData {
    type Outcome = Result<KeptData, AuthenticateError>;

    fn name(&self) -> &'static str {
        "session_data"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        Ok(match Entrance::with_data(&self.token, facts, cx)? {
            (Entrance::Read(keys), _) => Decision::Read(keys),
            (Entrance::Refused(refusal), _) => refusal.decision(),
            (Entrance::Live(live), row) => {
                let record = row.map(Row::data).transpose()?;
                let data = record.map(|record| record.bytes.clone()).unwrap_or_default();
                live.touched(Ok(KeptData { visitor: live.visitor(cx), data }), cx)
            }
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(kept) => (EventResult::Success, kept.visitor.subject()),
            Err(error) => (error.result(), Subject::default()),
        }
    }
}

impl UpdateSessionData {
    /// The session as it is to go on; `None` when it stays as it is.
    fn next(
        &self,
        live: &Live<'_, Option<AccountId>>,
        cx: &Context<'_>,
    ) -> Result<Option<SessionRecord>, UpdateSessionDataError> {
        let (record, span) = (live.record, cx.policy.anonymous());
        let Some(lifetime) = self.lifetime else {
            return Ok(record.touched(cx.policy.touch_every(), cx.now));
        };
        let refused = |longest| Err(UpdateSessionDataError::Lifetime { longest });
        match live.account {
            Some(_) if millis(lifetime) == 0 => refused(record.absolute_end.since(cx.now)),
            Some(_) if cx.policy.has(Planted::UpdateProlongs) => {
                Ok(Some(record.anonymous_for(lifetime, span, cx.now)))
            }
            Some(_) => Ok(Some(record.shortened(lifetime, cx.now))),
            None if lifetime > span.absolute || millis(lifetime) == 0 => refused(span.absolute),
            None => Ok(Some(record.anonymous_for(lifetime, span, cx.now))),
        }
    }
}

impl Decide for UpdateSessionData {
    type Outcome = Result<Visitor, UpdateSessionDataError>;

    fn name(&self) -> &'static str {
        "update_session_data"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let (live, row) = match Entrance::with_data(&self.token, facts, cx)? {
            (Entrance::Read(keys), _) => return Ok(Decision::Read(keys)),
            (Entrance::Refused(refusal), _) => return Ok(refusal.decision()),
            (Entrance::Live(live), row) => (live, row),
        };
        let limit = cx.policy.data_limits().of(live.account);
        if self.data.len() > limit {
            return Ok(Decision::Done(Err(UpdateSessionDataError::TooLarge { limit })));
        }
        let next = match self.next(&live, cx) {
            Ok(next) => next,
            Err(error) => return Ok(Decision::Done(Err(error))),
        };
        let record = next.as_ref().unwrap_or(live.record);
        let visitor = Visitor::of(live.id, live.account, record, cx.now);

        // Taking the last byte away compares too: it is no ending, and must not outrun another update.
        let (key, mut writes) = (Key::Data(live.id), Writes::new().guarded());
        if !self.data.is_empty() {
            let data = DataRecord { bytes: self.data.clone() };
            writes = writes.put(key, live.account, Some(record.absolute_end), data);
        } else if row.is_some() {
            writes = writes.delete(key);
        }
        if let Some(next) = next {
            writes = live.put(next, writes);
        }
        Ok(Decision::Commit(writes, Ok(visitor)))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(visitor) => return (EventResult::Success, visitor.subject()),
            Err(UpdateSessionDataError::Session(error)) => error.result(),
            Err(UpdateSessionDataError::TooLarge { .. }) => EventResult::Refused("too large"),
            Err(UpdateSessionDataError::Lifetime { .. }) => EventResult::Refused("lifetime"),
            Err(UpdateSessionDataError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, Subject::default())
    }
}

impl fmt::Debug for SessionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionData(..)")
    }
}

impl fmt::Debug for KeptData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { visitor, data } = self;
        f.debug_struct("KeptData").field("visitor", visitor).field("bytes", &data.len()).finish()
    }
}

impl fmt::Debug for UpdateSessionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateSessionData").field("bytes", &self.data.len()).finish_non_exhaustive()
    }
}
