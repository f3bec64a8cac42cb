//! The engine whose calls return when their outcome is durable.

use std::fmt;
use std::sync::Arc;

use doorward_core::error::Fault;
use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::Decide;
use doorward_core::operation::access::{AccountError, Disable, Enable};
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{AuthenticateError, Session, Visitor};
use doorward_core::operation::change_password::{ChangePassword, ChangePasswordError};
use doorward_core::operation::end_session::{EndSession, EndSessionError};
use doorward_core::operation::introspect::{Introspect, Introspection};
use doorward_core::operation::issue::{Issue, IssueError, Issued};
use doorward_core::operation::jwks::{Jwks, PublishedKeys};
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::operation::logout::{Ended, Logout, LogoutError, Receipt};
use doorward_core::operation::logout_everywhere::{EndedEverywhere, LogoutEverywhere, LogoutEverywhereError};
use doorward_core::operation::mark_compromised::MarkCompromised;
use doorward_core::operation::open_session::{OpenSession, OpenSessionError, OpenedSession};
use doorward_core::operation::reauthenticate::{Reauthenticate, ReauthenticateError};
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::register::{Register, RegisterError};
use doorward_core::operation::rename::{Rename, RenameError};
use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward_core::operation::revoke_token::{RevokeToken, RevokeTokenError};
use doorward_core::operation::rotate_keys::{RotateKeys, RotateKeysError, RotatedKeys};
use doorward_core::operation::rotate_session::{Renewed, RotateSession};
use doorward_core::operation::session_data::{
    KeptData, SessionData, UpdateSessionData, UpdateSessionDataError,
};
use doorward_core::operation::sessions::Sessions;
use doorward_core::operation::set_password::{SetPassword, SetPasswordError};
use doorward_core::operation::unlock::Unlock;
use doorward_core::operation::verify::VerifyError;
use doorward_core::policy::Policy;
use doorward_core::store::Store;
use doorward_core::time::Timestamp;
use doorward_core::token::access::Access;

use super::authenticate;
use super::builder::Builder;
use super::maintenance;
use super::proven::Remembered;
use super::run::{self, Parts, at_once};
use super::verify;

/// An authentication engine on a store. Cheap to clone; every method may be called from any thread, and
/// blocks until its outcome is durable. [`AsyncEngine`](crate::AsyncEngine) is the same for hosts that do not block.
///
/// # Example: the whole story of one session
/// ```
/// use doorward::{Engine, Login, MasterKey, Register};
/// use doorward::store::MemoryStore;
///
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(1, [0x42; 32])) // a host keeps 32 random bytes; see `KeyFile`
///     .open()?;
///
/// let ada = engine.register(Register::new("ada", "correct horse battery staple"))?;
/// let login = engine.login(Login::new("Ada", "correct horse battery staple"))?;
/// let token = login.token.expose(); // goes into the client's cookie
///
/// assert_eq!(engine.authenticate(token)?.account, ada);
/// engine.logout(token)?;
/// assert!(engine.authenticate(token).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Example: a copy of the token may be in other hands
/// ```
/// # use doorward::{Engine, Login, LogoutEverywhere, MasterKey, Register};
/// # use doorward::store::MemoryStore;
/// # let key = MasterKey::new(1, [0x42; 32]);
/// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(key).open()?;
/// # let ada = engine.register(Register::new("ada", "correct horse battery staple"))?;
/// # let phone = engine.login(Login::new("ada", "correct horse battery staple"))?;
/// # let login = engine.login(Login::new("ada", "correct horse battery staple"))?;
/// # let token = login.token.expose();
/// assert_eq!(engine.sessions(ada)?.len(), 2);
/// let renewed = engine.rotate_session(token)?; // every answer with a token replaces the client's cookie
/// assert!(engine.authenticate(token).is_err());
///
/// let ended = engine.logout_everywhere(LogoutEverywhere::new(ada).keep(renewed.token.expose()))?;
/// let token = ended.kept.ok_or("log in again")?.token;
/// assert_eq!(engine.sessions(ada)?.len(), 1);
///
/// // What is sensitive asks for the password again; a new password ends all other sessions.
/// let new = "an entirely different sentence";
/// let renewed = engine.change_password(token.expose(), "correct horse battery staple", new)?;
/// assert!(renewed.session.is_fresh(std::time::Duration::from_secs(60)));
/// # assert!(engine.authenticate(phone.token.expose()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Example: a cart before the login, carried over
/// ```
/// use doorward::{AuthenticateError, Engine, Login, OpenSession, UpdateSessionData};
/// # use doorward::{MasterKey, Register};
/// # use doorward::store::MemoryStore;
/// # let key = MasterKey::new(1, [0x42; 32]);
/// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(key).open()?;
/// # let ada = engine.register(Register::new("ada", "correct horse battery staple"))?;
/// let guest = engine.open_session(OpenSession::new("two plums"))?.token;
/// engine.update_session_data(UpdateSessionData::new(guest.expose(), "two plums, one kettle"))?;
/// let nobody = engine.authenticate(guest.expose()); // a guest is never taken for a person
/// assert!(matches!(nobody, Err(AuthenticateError::Anonymous(_))));
///
/// let login = Login::new("ada", "correct horse battery staple").previous(guest.expose()).carry_data();
/// let login = engine.login(login)?; // a session of its own; the guest's is over
/// assert!(engine.session_data(guest.expose()).is_err());
/// let cart = engine.session_data(login.token.expose())?; // kept in clear: it is no place for secrets
/// assert_eq!((cart.visitor.account(), cart.data), (Some(ada), b"two plums, one kettle".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(super) parts: Arc<Parts>,
    pub(super) store: Arc<dyn Store>,
    /// Stopped when the last clone is dropped.
    pub(super) maintenance: Option<Arc<maintenance::Thread>>,
}

impl Engine {
    /// A builder for an engine on this store.
    pub fn builder(store: impl Store + 'static) -> Builder {
        Builder::new(Arc::new(store))
    }

    /// Signs a person up: one Argon2id run, one durable commit. A session is made by [`Engine::login`] only.
    ///
    /// # Errors
    /// [`RegisterError`]: what to tell the person, or a [`Fault`]. After [`Fault::Unresolved`] the account may be there.
    pub fn register(&self, operation: Register) -> Result<AccountId, RegisterError> {
        self.run(operation)?
    }

    /// Logs a person in. The session's token is in the answer, and nowhere else.
    ///
    /// # Errors
    /// [`LoginError`]. Nobody was logged in, whatever it is; a failure that was counted stays counted.
    ///
    /// # Example: five wrong guesses, then a wait also for the right password
    /// ```
    /// use doorward::{Engine, Login, LoginError, MasterKey, Register};
    /// # use doorward::store::MemoryStore;
    /// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32])).open()?;
    /// engine.register(Register::new("ada", "plum kettle orbit"))?;
    /// for _ in 0..5 {
    ///     let denied = engine.login(Login::new("ada", "a guess"));
    ///     assert!(matches!(denied, Err(LoginError::Denied)));
    /// }
    /// let early = engine.login(Login::new("ada", "plum kettle orbit"));
    /// let Err(LoginError::Throttled { until }) = early else { panic!("no wait") };
    /// assert!(until.since(engine.now()).as_secs() <= 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn login(&self, operation: Login) -> Result<LoggedIn, LoginError> {
        at_once(run::login(self, operation))
    }

    /// Says whose session this token is, if it lives: one read of three rows, no hashing of passwords.
    ///
    /// # Errors
    /// [`AuthenticateError`]. Every one means no; only a [`Fault`] may be another answer a moment later.
    pub fn authenticate(&self, token: &str) -> Result<Session, AuthenticateError> {
        at_once(authenticate::authenticate(self, token))
    }

    /// Ends the session of this token for good: durable when it returns. A second call is no error.
    ///
    /// # Errors
    /// [`LogoutError::Token`]: the text opens nothing. [`LogoutError::UnknownKey`], [`LogoutError::Fault`]: it is not done; keep
    /// the cookie and call again.
    pub fn logout(&self, token: &str) -> Result<Receipt, LogoutError> {
        self.run(Logout::new(token))?
    }

    /// Opens a session for nobody yet; a login replaces it, and takes its data along if it is told to. Refused when the
    /// data is too large or the lifetime too long; [`OpenSessionError::Fault`] means that no token was given out.
    pub fn open_session(&self, operation: OpenSession) -> Result<OpenedSession, OpenSessionError> {
        self.run(operation)?
    }

    /// What the host keeps with a live session, a person's or an anonymous one, and whose it is. Every error means no.
    pub fn session_data(&self, token: &str) -> Result<KeptData, AuthenticateError> {
        self.run(SessionData::new(token))?
    }

    /// Replaces what the host keeps with a live session: durable when it returns, and refused once the session is over.
    /// After an error other than [`Fault::Unresolved`] all is as it was, but that a session which is over by its time is
    /// deleted.
    pub fn update_session_data(
        &self,
        operation: UpdateSessionData,
    ) -> Result<Visitor, UpdateSessionDataError> {
        self.run(operation)?
    }

    /// Replaces the token of a live session, an anonymous one too: the old one is dead at once. After an error the client
    /// keeps the old token, except after [`Fault::Unresolved`], where either may be the live one: it must log in again if
    /// refused.
    pub fn rotate_session(&self, token: &str) -> Result<Renewed<Visitor>, AuthenticateError> {
        self.run(RotateSession::new(token))?
    }

    /// Asks for the password again inside a session: a fresh `auth_time`, under a new token.
    /// [`ReauthenticateError::Denied`] was counted; every error means that nothing was proven. To tell where the request
    /// came from, [`run`](Self::run) the operation with its `source`.
    pub fn reauthenticate(
        &self,
        token: &str,
        password: impl Into<String>,
    ) -> Result<Renewed, ReauthenticateError> {
        self.run(Reauthenticate::new(token, password))?
    }

    /// The live sessions of an account, in the order of their ids; none for an account that is not there.
    pub fn sessions(&self, account: AccountId) -> Result<Vec<Session>, Fault> {
        self.run(Sessions::new(account))
    }

    /// Ends one session of this account. [`EndSessionError::NotFound`] for every other session, another
    /// account's too; [`EndSessionError::Fault`] means that it is not done.
    pub fn end_session(&self, account: AccountId, session: SessionId) -> Result<Receipt, EndSessionError> {
        self.run(EndSession::new(account, session))?
    }

    /// Ends every session of an account, but for one that may be kept under a new token. Nothing was ended when the
    /// one to keep is refused; [`LogoutEverywhereError::Fault`] means that it is not known to be done.
    pub fn logout_everywhere(
        &self,
        operation: LogoutEverywhere,
    ) -> Result<EndedEverywhere, LogoutEverywhereError> {
        self.run(operation)?
    }

    /// Changes the password of a live session's account, given the present one; the session goes on under a new
    /// token, every other is over. After an error other than [`Fault::Unresolved`] all is as it was, but that
    /// [`ReauthenticateError::Denied`] was counted, and a session which is over by its time deleted. To tell where the
    /// request came from, [`run`](Self::run) the operation with its `source`.
    pub fn change_password(
        &self,
        token: &str,
        current: impl Into<String>,
        new: impl Into<String>,
    ) -> Result<Renewed, ChangePasswordError> {
        self.run(ChangePassword::new(token, current, new))?
    }

    /// Sets an account's password without the present one (recovery, administrators): ends all its sessions and
    /// lifts a lock. Refused where there is no such account, and for a password that breaks the rules.
    pub fn set_password(&self, account: AccountId, new: impl Into<String>) -> Result<(), SetPasswordError> {
        self.run(SetPassword::new(account, new))?
    }

    /// Lifts what guesses have brought on an account: its count, and the waits on its names.
    /// [`AccountError::NotFound`] where there is no such account.
    pub fn unlock(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(Unlock::new(account))?
    }

    /// Shuts an account: all its sessions are over, and nobody logs in to it. [`AccountError::Fault`] means that it
    /// is not known to be done.
    pub fn disable(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(Disable::new(account))?
    }

    /// Opens a disabled account for logins again; what was ended stays ended, and what was counted stays counted
    /// ([`Engine::unlock`]). [`AccountError::NotFound`] where there is no such account.
    pub fn enable(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(Enable::new(account))?
    }

    /// Deletes an account: when this returns, all its sessions are over and its login name is free. Its remains are
    /// removed next, at once if nothing fails, else by [`Engine::maintain`]. Its id is never given again.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]: there is no such account, or no more. [`AccountError::Fault`]: it is not known to be
    /// done; call again.
    ///
    /// # Example: nobody is in, and the name is anybody's
    /// ```
    /// # use doorward::{Engine, Login, MasterKey, Register};
    /// # use doorward::store::MemoryStore;
    /// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32])).open()?;
    /// let ada = engine.register(Register::new("ada", "plum kettle orbit"))?;
    /// let login = engine.login(Login::new("ada", "plum kettle orbit"))?;
    /// engine.delete_account(ada)?;
    /// assert!(engine.authenticate(login.token.expose()).is_err());
    /// assert_ne!(engine.register(Register::new("ada", "slate lantern ferry"))?, ada);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete_account(&self, account: AccountId) -> Result<(), AccountError> {
        at_once(run::delete_account(self, account))
    }

    /// Gives an account another login name; the old one is free, and sessions live on.
    /// [`RenameError::Taken`] when somebody has it.
    pub fn rename(&self, account: AccountId, name: &str) -> Result<(), RenameError> {
        self.run(Rename::new(account, name))?
    }

    /// Says that an account's password is in other hands: all its sessions are over, and the password brings
    /// [`LoginError::MustChange`] until [`Engine::set_password`] sets another. [`AccountError::Fault`] means that it is
    /// not known to be done.
    pub fn mark_compromised(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(MarkCompromised::new(account))?
    }

    /// Issues an access token for a live session, and a refresh token if it is asked for: durable then when it returns.
    ///
    /// # Errors
    /// [`IssueError`]. No token was given out, whatever it is.
    ///
    /// # Example: a token for an API
    /// ```
    /// use doorward::{Engine, Issue, Login, MasterKey, Register, Scope};
    /// # use doorward::store::MemoryStore;
    /// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32])).open()?;
    /// # engine.register(Register::new("ada", "plum kettle orbit"))?;
    /// let login = engine.login(Login::new("ada", "plum kettle orbit").scope(Scope::parse("read write")?))?;
    /// let issue = Issue::new(login.token.expose(), "web", "https://api.example").scope(Scope::parse("read")?);
    /// let token = engine.issue(issue)?.access;
    /// assert_eq!(engine.verify(token.expose(), "https://api.example")?.scope.as_str(), "read");
    ///
    /// engine.logout(login.token.expose())?;
    /// assert!(engine.verify(token.expose(), "https://api.example").is_err()); // at once: `RevocationMode::Bound`
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issue(&self, operation: Issue) -> Result<Issued, IssueError> {
        self.run(operation)?
    }

    /// Uses a refresh token: the next one and an access token, durable when it returns. A token that comes back ends its
    /// session ([`RefreshError::Reused`]), except within the policy's grace, when it gives the same again. After
    /// [`Fault::Unresolved`] the client tries again with the same token.
    pub fn refresh(&self, operation: Refresh) -> Result<Issued, RefreshError> {
        self.run(operation)?
    }

    /// Verifies an access token for this audience, in the policy's [`RevocationMode`](crate::RevocationMode): by one read
    /// of four rows, or by what is known in memory. What was verified before is not verified again, but for its times, its
    /// audience and its revocation. It is no activity of the session.
    ///
    /// # Errors
    /// [`VerifyError`]. Every one means no; only a [`Fault`] and [`VerifyError::Stale`] may be another answer a moment later.
    pub fn verify(&self, token: &str, audience: &str) -> Result<Arc<Access>, VerifyError> {
        at_once(verify::verify(self, token, audience))
    }

    /// How many verified access tokens are remembered, and how often that was of use.
    pub fn remembered_tokens(&self) -> Remembered {
        self.parts.proven.count()
    }

    /// Says what an access or refresh token is (RFC 7662). Who may ask is the host's affair; if it is a resource server, say
    /// which ([`Introspect::audience`]), or it may take a refresh token for an access token.
    pub fn introspect(&self, operation: Introspect) -> Result<Introspection, Fault> {
        self.run(operation)
    }

    /// Revokes a token of this client (RFC 7009): a refresh token with all that came of it, or one access token. No error
    /// for a token that is none; [`RevokeTokenError::Fault`] means that it is not known to be done.
    pub fn revoke_token(&self, token: &str, client: &str) -> Result<Ended, RevokeTokenError> {
        self.run(RevokeToken::new(token, client))?
    }

    /// The public keys that access tokens are verified with, and how long they may be kept: for a
    /// [`Verifier`](crate::Verifier) elsewhere.
    pub fn jwks(&self) -> Result<PublishedKeys, Fault> {
        self.run(Jwks::new())
    }

    /// Makes the next signing key before it is time for it. What was signed before lives to its end. After an error the
    /// keys are as they were, except after [`Fault::Unresolved`]: call again.
    pub fn rotate_keys(&self, operation: RotateKeys) -> Result<RotatedKeys, RotateKeysError> {
        self.run(operation)?
    }

    /// Ends every access and refresh token of everybody, by new keys; and every session, if it is asked for. After an
    /// error, run it again.
    pub fn revoke_all_tokens(&self, operation: RevokeAllTokens) -> Result<(), Fault> {
        self.run(operation)
    }

    /// Ends every session of every account: run it once after restoring a backup, before the doors open. After an
    /// error, run it again.
    pub fn after_restore(&self) -> Result<(), Fault> {
        self.run(AfterRestore::new())
    }

    /// Removes what has expired longer ago than [`Policy::purge_after`](crate::Policy::purge_after), about 17 minutes unless
    /// the policy says otherwise: rows and journal entries, `limit` at most of both together. Says how many it removed: call
    /// it now and then until it removes fewer. Nothing depends on it but the store's size.
    ///
    /// # Errors
    /// [`Fault::Store`]. What was removed before stays removed. [`Fault::Clock`]: the clock cannot be right, and nothing
    /// was removed.
    ///
    /// # Example: a job for the night
    /// ```
    /// # use std::time::Duration;
    /// # use doorward::store::MemoryStore;
    /// # use doorward::{Engine, Login, ManualClock, MasterKey, Register, core::time::Timestamp};
    /// # let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    /// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32]));
    /// # let engine = engine.clock(clock.clone()).open()?;
    /// # engine.register(Register::new("ada", "plum kettle orbit"))?;
    /// engine.login(Login::new("ada", "plum kettle orbit"))?;
    /// clock.advance(Duration::from_hours(24)); // the session is long over
    ///
    /// let mut removed = 0;
    /// loop {
    ///     let now = engine.purge(1000)?;
    ///     removed += now;
    ///     if now < 1000 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(removed, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn purge(&self, limit: usize) -> Result<usize, Fault> {
        at_once(maintenance::purge(self, limit))
    }

    /// Runs any operation of the core, or one of the host's own ([`Decide`]), to its end: what the methods above do
    /// with theirs. One whose source is throttled is turned away before any work ([`Decide::toll`]).
    ///
    /// # Errors
    /// A [`Fault`] when it could not decide. What it decided, refusals included, is its outcome.
    pub fn run<O: Decide>(&self, operation: O) -> Result<O::Outcome, Fault> {
        at_once(run::run(self, operation))
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.parts.environment.policy
    }

    /// The engine's time: its clock's, but never earlier than before.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("keys", &self.parts.environment.keys).finish_non_exhaustive()
    }
}
