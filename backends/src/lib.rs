//! Doorward: an embedded authentication engine. Link it, hand it a store, and it says who is at the door.
//!
//! | start with | for |
//! |---|---|
//! | [`Engine`] | the whole story of a session, in ten lines |
//! | [`AsyncEngine`] | the same for hosts that do not block |
//! | [`SteppedEngine`] | the same for hosts that do their own I/O |
//! | [`Builder`] | what an engine is made of, and the defaults |
//! | [`events`] | the audit trail: a queue to poll, `tracing` |
//! | [`KeyFile`] | a master key in a file of its own |
//! | [`store`] | where rows live |
//! | [`Policy`] | every number, with its default |
//! | [`core::web`] | cookies, origins and replies of a web login, as values; `doorward-axum` serves them |
//! | [`core`] | the sans-IO core: how an operation is decided, and what a store promises |
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `sqlite` | yes | `store::SqliteStore`, with the SQLite that it compiles itself |
//! | `sqlite-host` | | the same on the SQLite that the host links; one older than 3.51.3 is refused |
//! | `sled` | | `store::SledStore`: the weaker choice, its page says in what |
//! | `tracing` | | `events::to_tracing`: the audit trail as events of the `tracing` crate |
#![forbid(unsafe_code)]

pub use doorward_core as core;
pub use doorward_core::error::Fault;
pub use doorward_core::event::{Event, EventResult, Source};
pub use doorward_core::id::{AccountId, SessionId};
pub use doorward_core::model::data::DataLimits;
pub use doorward_core::model::device::DevicePolicy;
pub use doorward_core::model::session::{Gone, Lifetime, SessionCap, Span, WhenFull};
pub use doorward_core::model::source::SourcePolicy;
pub use doorward_core::model::throttle::ThrottlePolicy;
pub use doorward_core::operation::access::AccountError;
pub use doorward_core::operation::authenticate::{AnonymousSession, AuthenticateError, Session, Visitor};
pub use doorward_core::operation::change_password::ChangePasswordError;
pub use doorward_core::operation::end_session::EndSessionError;
pub use doorward_core::operation::introspect::{Introspect, Introspection};
pub use doorward_core::operation::issue::{Issue, IssueError, Issued};
pub use doorward_core::operation::jwks::PublishedKeys;
pub use doorward_core::operation::login::{LoggedIn, Login, LoginError};
pub use doorward_core::operation::logout::{Ended, LogoutError, Receipt};
pub use doorward_core::operation::logout_everywhere::{
    EndedEverywhere, LogoutEverywhere, LogoutEverywhereError,
};
pub use doorward_core::operation::open_session::{OpenSession, OpenSessionError, OpenedSession};
pub use doorward_core::operation::reauthenticate::ReauthenticateError;
pub use doorward_core::operation::refresh::{Refresh, RefreshError};
pub use doorward_core::operation::register::{Register, RegisterError};
pub use doorward_core::operation::rename::RenameError;
pub use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
pub use doorward_core::operation::revoke_token::RevokeTokenError;
pub use doorward_core::operation::rotate_keys::{RotateKeys, RotateKeysError, RotatedKeys};
pub use doorward_core::operation::rotate_session::Renewed;
pub use doorward_core::operation::session_data::{
    KeptData, SessionData, UpdateSessionData, UpdateSessionDataError,
};
pub use doorward_core::operation::set_password::SetPasswordError;
pub use doorward_core::operation::verify::VerifyError;
pub use doorward_core::policy::{Policy, RevocationMode, TokenPolicy, WhenStale};
pub use doorward_core::secret::{MasterKey, Pepper};
pub use doorward_core::time::Timestamp;
pub use doorward_core::token::access::Access;
pub use doorward_core::token::jwt::{AccessToken, Algorithm, Claims, SigningKey, Verifier};
pub use doorward_core::token::opaque::{DeviceToken, RefreshToken, SessionToken};
pub use doorward_core::token::terms::{Audience, ClientId, Scope};

pub use engine::{
    AsyncEngine, Builder, Clock, Engine, Entropy, EntropyError, Hashing, Maintained, ManualClock, OpenError,
    Remembered, Step, StepNeed, StepReply, StepTicket, StepWork, SteppedEngine, Steps, SystemClock,
    SystemEntropy, events,
};

pub use key_file::{KeyFile, KeyFileError};

mod crew;
mod engine;
mod key_file;
pub mod store;
