//! Opening a session for nobody yet: what a person does before a login is kept, and comes along if the host wants it to.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::SessionId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::data::DataRecord;
use crate::model::session::{Amr, SessionRecord, Span, millis};
use crate::operation::authenticate::AnonymousSession;
use crate::record::{ClientLabel, Key, RecordError};
use crate::token::opaque::{self, SessionToken};
use crate::token::terms::Scope;

/// Opens an anonymous session that keeps these bytes (none are fine): one read, one durable commit. Whoever asks gets
/// one, so open it when there is something to keep, and bound how often one source may ask.
///
/// The bytes rest in the store as they are: encrypt first what nobody who reads the database may read.
///
/// # Example: a cart before the login, and after it
/// ```
/// use doorward_core::operation::login::Login;
/// use doorward_core::operation::open_session::OpenSession;
/// use doorward_core::operation::session_data::{SessionData, UpdateSessionData};
/// # use doorward_core::operation::register::Register;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
///
/// let opened = engine.run(OpenSession::new("two plums").label("Firefox"))??;
/// let cookie = opened.token.expose();
/// engine.run(UpdateSessionData::new(cookie, "two plums, one kettle"))??;
///
/// let login = Login::new("ada", "plum kettle orbit").previous(cookie).carry_data();
/// let login = engine.run(login)??; // another id, another token; the anonymous session is over
/// let kept = engine.run(SessionData::new(login.token.expose()))??;
/// assert_eq!(kept.data, b"two plums, one kettle");
/// assert!(engine.run(SessionData::new(cookie))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OpenSession {
    data: Vec<u8>,
    lifetime: Option<Duration>,
    label: Option<ClientLabel>,
}

impl OpenSession {
    /// With these bytes, [`DataLimits::anonymous`](crate::model::data::DataLimits) of them at most.
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self { data: data.into(), lifetime: None, label: None }
    }

    /// How long it is to live at most, and without activity too. Without it: as the policy says.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// What to call the client.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(ClientLabel::new(label));
        self
    }
}

/// An anonymous session that was just made. The token is shown here and never again: nothing of it is stored.
///
/// # Example: what goes where
/// ```
/// use doorward_core::operation::open_session::{OpenSession, OpenedSession};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let OpenedSession { token, session } = engine.run(OpenSession::new("two plums"))??;
/// assert!(token.expose().starts_with("dws_")); // into the cookie, as a login's
/// assert_eq!(session.created, engine.now);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenedSession {
    /// What the client must send to be recognised.
    pub token: SessionToken,
    /// What was made.
    pub session: AnonymousSession,
}

/// Why no session was opened.
///
/// # Example: more than the policy allows
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::open_session::{OpenSession, OpenSessionError};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let much = engine.run(OpenSession::new(vec![0; 16 * 1024 + 1]))?;
/// assert!(matches!(much, Err(OpenSessionError::TooLarge { limit: 16_384 })));
/// let long = engine.run(OpenSession::new("").lifetime(Duration::from_hours(25)))?;
/// let Err(OpenSessionError::Lifetime { longest }) = long else { unreachable!() };
/// assert_eq!(longest, Duration::from_hours(24));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum OpenSessionError {
    /// It is more data than may be kept with an anonymous session.
    #[error("the data is too large: at most {limit} bytes are kept with this session")]
    TooLarge {
        /// The most, in bytes.
        limit: usize,
    },
    /// An anonymous session cannot have this lifetime.
    #[error("the lifetime must be at least 1 ms and at most {longest:?}")]
    Lifetime {
        /// The longest.
        longest: Duration,
    },
    /// It is not done.
    #[error("no session was opened: {0}")]
    Fault(#[from] Fault),
}

impl Decide for OpenSession {
    type Outcome = Result<OpenedSession, OpenSessionError>;

    fn name(&self) -> &'static str {
        "open_session"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error| Ok(Decision::Done(Err(error)));
        let limit = cx.policy.data_limits().anonymous;
        if self.data.len() > limit {
            return refused(OpenSessionError::TooLarge { limit });
        }
        let Span { idle, absolute } = cx.policy.anonymous();
        let lifetime = self.lifetime.unwrap_or(absolute);
        if lifetime > absolute || millis(lifetime) == 0 {
            return refused(OpenSessionError::Lifetime { longest: absolute });
        }
        let Some([keyring]) = facts.rows([&Key::Keyring]) else {
            return Ok(Decision::Read(vec![Key::Keyring]));
        };
        let record = SessionRecord {
            salt: cx.bytes("session salt"),
            generation: 1,
            account_epoch: 0,
            global_epoch: keyring.ok_or(RecordError::NoKeyring)?.epoch,
            created: cx.now,
            last_seen: cx.now,
            idle_millis: millis(idle.min(lifetime)),
            absolute_end: cx.now.saturating_add(lifetime),
            auth_time: cx.now,
            amr: Amr::default(),
            label: self.label.clone(),
            scope: Scope::NONE,
        };
        let id = SessionId::from_bytes(cx.bytes("session"));
        let token = opaque::mint_session(cx.keys, None, id, record.generation, &record.salt);
        let session = AnonymousSession::of(id, &record, cx.now);
        let mut writes = Writes::new();
        if !self.data.is_empty() {
            let data = DataRecord { bytes: self.data.clone() };
            writes = writes.put(Key::Data(id), None, Some(record.absolute_end), data);
        }
        let writes = writes.put(Key::Session(id), None, Some(record.idle_end()), record);
        Ok(Decision::Commit(writes, Ok(OpenedSession { token, session })))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(opened) => return (EventResult::Success, opened.session.subject()),
            Err(OpenSessionError::TooLarge { .. }) => EventResult::Refused("too large"),
            Err(OpenSessionError::Lifetime { .. }) => EventResult::Refused("lifetime"),
            Err(OpenSessionError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, Subject::default())
    }
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSession").field("bytes", &self.data.len()).finish_non_exhaustive()
    }
}
