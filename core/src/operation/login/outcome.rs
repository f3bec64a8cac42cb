//! What a login comes to.

use thiserror::Error;

use super::Rehash;
use crate::error::Fault;
use crate::name::NameError;
use crate::operation::authenticate::Session;
use crate::password::PasswordError;
use crate::time::Timestamp;
use crate::token::opaque::{DeviceToken, SessionToken};

/// A session that was just made. The token is shown here and never again: nothing of it is stored.
///
/// # Example: the answer to a login form
/// ```
/// use doorward_core::operation::login::{LoggedIn, Login};
/// # use doorward_core::operation::register::Register;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn set_cookie(login: &LoggedIn, now_millis: i64) -> String {
///     let seconds = (login.session.absolute_ends.as_millis() - now_millis) / 1000;
///     format!("__Host-session={}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax; Path=/", login.token.expose())
/// }
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// let cookie = set_cookie(&login, engine.now.as_millis());
/// assert!(cookie.starts_with("__Host-session=dws_") && cookie.contains("Max-Age=86400"));
/// assert!(login.rehash.is_none()); // the hash is as the policy wants it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// What the client must send to be recognised.
    pub token: SessionToken,
    /// What was made.
    pub session: Session,
    /// A device's token, to be kept in a long-lived cookie of its own and presented with
    /// [`Login::device`](super::Login::device). `None`: none was asked for, the presented one is still good, or the policy
    /// has no known devices.
    pub device: Option<DeviceToken>,
    /// What is left to do when the policy's hashing or the pepper in use moved since the password was hashed: run it
    /// after the login, and do not mind if it fails. `Engine::login` does.
    pub rehash: Option<Rehash>,
}

/// Why nobody was logged in.
///
/// # Example: what to tell a person
/// ```
/// use doorward_core::operation::login::LoginError;
/// use doorward_core::time::Timestamp;
///
/// fn tell(error: &LoginError, now: Timestamp) -> (u16, String) {
///     match error {
///         LoginError::Denied => (401, error.to_string()),
///         LoginError::Throttled { until } => (429, format!("wait {} s", until.since(now).as_secs())),
///         LoginError::OtherAccount => (409, "log out first".into()),
///         LoginError::TooManySessions => (409, "log out somewhere else first".into()),
///         LoginError::Name(why) => (422, why.to_string()),
///         LoginError::Password(why) => (422, why.to_string()),
///         _ => (503, "try again".into()), // nobody was logged in
///     }
/// }
/// let now = Timestamp::from_millis(0);
/// assert_eq!(tell(&LoginError::Denied, now), (401, "name or password is wrong".into()));
/// let until = Timestamp::from_millis(30_000);
/// assert_eq!(tell(&LoginError::Throttled { until }, now), (429, "wait 30 s".into()));
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Name and password do not open an account; which of the two is wrong is not told.
    #[error("name or password is wrong")]
    Denied,
    /// Too many failures: nothing is decided before `until`.
    #[error("too many attempts: wait before the next")]
    Throttled {
        /// When the next attempt is decided.
        until: Timestamp,
    },
    /// The password is right and known to others: it opens nothing until another one is set, after a recovery.
    #[error("the password is known to others: recover the account and set another")]
    MustChange,
    /// The browser is logged in as somebody else, who must log out first.
    #[error("the previous session is another account's: log out of it first")]
    OtherAccount,
    /// The password is right, and the account has as many sessions as the policy's cap lets it have: end one first.
    #[error("the account has as many sessions as it may: end one first")]
    TooManySessions,
    /// The name cannot be anybody's: told before any work, for it tells nothing about who exists.
    #[error("the login name cannot be one: {0}")]
    Name(#[from] NameError),
    /// The password is too long to be anybody's.
    #[error("the password cannot be one: {0}")]
    Password(#[from] PasswordError),
    /// It could not be decided, which means no.
    #[error(transparent)]
    Fault(#[from] Fault),
}
