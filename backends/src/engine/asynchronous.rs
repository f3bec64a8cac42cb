//! The engine whose calls are futures.
//!
//! | a future that is dropped | leaves | told as |
//! |---|---|---|
//! | before it is polled | nothing: it had not begun | – |
//! | while it reads, waits for a hash, or hashes | nothing: no row was written | `Failed("abandoned")` |
//! | while it commits | the whole batch or none of it; a store's thread that has begun ends it | `Failed("abandoned")` |
//! | once it has its outcome | what the outcome says | its own event |
//!
//! What it would have given (a token) is lost with it, and nobody can derive it: a session that was made nevertheless ends
//! by its time, and is on the account's list until then.

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
use doorward_core::store::AsyncStore;
use doorward_core::time::Timestamp;
use doorward_core::token::access::Access;

use crate::crew::Crew;

use super::authenticate;
#[cfg(doc)]
use super::blocking::Engine;
use super::builder::Builder;
use super::maintenance::{self, Maintained};
use super::proven::Remembered;
use super::run::{self, Parts};
use super::verify;

/// [`Engine`] for hosts that do not block: the same machine, the same stores, the same outcomes. Cheap to clone; its
/// futures are `Send`, need no particular runtime, and may be dropped at any time.
///
/// Argon2id runs on threads of its own, as many as [`Hashing::at_once`](crate::Hashing); who waits for one holds no thread.
/// A blocking store gets its threads from [`Pooled`](crate::store::Pooled). The clock, the random source and the
/// [`events`](Builder::events) are called on the thread that polls, and of a future that is dropped the events on the one
/// that drops it: they must not block it.
///
/// Dropping the last clone blocks its thread until the runs of Argon2id under way have ended, and closes the store; a
/// future owns the clone that was moved into it.
///
/// # Example: the whole story of one session, on whatever polls
/// ```
/// use doorward::{AsyncEngine, Login, MasterKey, Register};
/// use doorward::store::MemoryStore;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let engine = AsyncEngine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(1, [0x42; 32])) // a host keeps 32 random bytes; see `KeyFile`
///     .open()
///     .await?;
///
/// let ada = engine.register(Register::new("ada", "correct horse battery staple")).await?;
/// let login = engine.login(Login::new("Ada", "correct horse battery staple")).await?;
/// let token = login.token.expose(); // goes into the client's cookie
///
/// assert_eq!(engine.authenticate(token).await?.account, ada);
/// engine.logout(token).await?;
/// assert!(engine.authenticate(token).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Example: on a SQLite file, with maintenance as a task of the host's runtime
/// ```
/// use std::time::Duration;
/// use doorward::{AsyncEngine, KeyFile};
/// use doorward::store::{Pooled, SqliteStore};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # let folder = tempfile::tempdir()?;
/// # let (database, key) = (folder.path().join("app.db"), folder.path().join("app.key"));
/// # runtime.block_on(async {
/// let store = Pooled::new(SqliteStore::open(database)?)?; // opening blocks: do it before serving
/// let engine = AsyncEngine::builder(store).master_key(KeyFile::load_or_create(key)?).open().await?;
///
/// let maintained = engine.clone();
/// let task = tokio::spawn(async move {
///     loop {
///         let _ = maintained.maintain().await; // a failure is told to the events, and tried again
///         tokio::time::sleep(Duration::from_mins(5)).await;
///     }
/// });
/// # engine.register(doorward::Register::new("ada", "plum kettle orbit")).await?;
/// // Requests are served; then the task is stopped, wherever it is.
/// task.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AsyncEngine {
    pub(super) parts: Arc<Parts>,
    pub(super) store: Arc<dyn AsyncStore>,
    pub(super) hashers: Arc<Crew>,
}

impl AsyncEngine {
    /// A builder for an engine on this store. A blocking one is wrapped in [`Pooled`](crate::store::Pooled) first.
    pub fn builder(store: impl AsyncStore + 'static) -> Builder<dyn AsyncStore> {
        Builder::new(Arc::new(store))
    }

    /// As [`Engine::login`]. Dropped after its commit, it leaves a session whose token nobody has.
    pub async fn login(&self, operation: Login) -> Result<LoggedIn, LoginError> {
        run::login(self, operation).await
    }

    /// As [`Engine::delete_account`]. Dropped after its first commit, it leaves the rest to [`AsyncEngine::maintain`].
    pub async fn delete_account(&self, account: AccountId) -> Result<(), AccountError> {
        run::delete_account(self, account).await
    }

    /// As [`Engine::register`].
    pub async fn register(&self, operation: Register) -> Result<AccountId, RegisterError> {
        self.run(operation).await?
    }

    /// As [`Engine::authenticate`].
    pub async fn authenticate(&self, token: &str) -> Result<Session, AuthenticateError> {
        authenticate::authenticate(self, token).await
    }

    /// As [`Engine::logout`].
    pub async fn logout(&self, token: &str) -> Result<Receipt, LogoutError> {
        self.run(Logout::new(token)).await?
    }

    /// As [`Engine::open_session`].
    pub async fn open_session(&self, operation: OpenSession) -> Result<OpenedSession, OpenSessionError> {
        self.run(operation).await?
    }

    /// As [`Engine::session_data`].
    pub async fn session_data(&self, token: &str) -> Result<KeptData, AuthenticateError> {
        self.run(SessionData::new(token)).await?
    }

    /// As [`Engine::update_session_data`].
    pub async fn update_session_data(
        &self,
        operation: UpdateSessionData,
    ) -> Result<Visitor, UpdateSessionDataError> {
        self.run(operation).await?
    }

    /// As [`Engine::rotate_session`].
    pub async fn rotate_session(&self, token: &str) -> Result<Renewed<Visitor>, AuthenticateError> {
        self.run(RotateSession::new(token)).await?
    }

    /// As [`Engine::reauthenticate`].
    pub async fn reauthenticate(
        &self,
        token: &str,
        password: impl Into<String> + Send,
    ) -> Result<Renewed, ReauthenticateError> {
        self.run(Reauthenticate::new(token, password)).await?
    }

    /// As [`Engine::sessions`].
    pub async fn sessions(&self, account: AccountId) -> Result<Vec<Session>, Fault> {
        self.run(Sessions::new(account)).await
    }

    /// As [`Engine::end_session`].
    pub async fn end_session(
        &self,
        account: AccountId,
        session: SessionId,
    ) -> Result<Receipt, EndSessionError> {
        self.run(EndSession::new(account, session)).await?
    }

    /// As [`Engine::logout_everywhere`].
    pub async fn logout_everywhere(
        &self,
        operation: LogoutEverywhere,
    ) -> Result<EndedEverywhere, LogoutEverywhereError> {
        self.run(operation).await?
    }

    /// As [`Engine::change_password`].
    pub async fn change_password(
        &self,
        token: &str,
        current: impl Into<String> + Send,
        new: impl Into<String> + Send,
    ) -> Result<Renewed, ChangePasswordError> {
        self.run(ChangePassword::new(token, current, new)).await?
    }

    /// As [`Engine::set_password`].
    pub async fn set_password(
        &self,
        account: AccountId,
        new: impl Into<String> + Send,
    ) -> Result<(), SetPasswordError> {
        self.run(SetPassword::new(account, new)).await?
    }

    /// As [`Engine::unlock`].
    pub async fn unlock(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(Unlock::new(account)).await?
    }

    /// As [`Engine::disable`].
    pub async fn disable(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(Disable::new(account)).await?
    }

    /// As [`Engine::enable`].
    pub async fn enable(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(Enable::new(account)).await?
    }

    /// As [`Engine::rename`].
    pub async fn rename(&self, account: AccountId, name: &str) -> Result<(), RenameError> {
        self.run(Rename::new(account, name)).await?
    }

    /// As [`Engine::mark_compromised`].
    pub async fn mark_compromised(&self, account: AccountId) -> Result<(), AccountError> {
        self.run(MarkCompromised::new(account)).await?
    }

    /// As [`Engine::issue`].
    pub async fn issue(&self, operation: Issue) -> Result<Issued, IssueError> {
        self.run(operation).await?
    }

    /// As [`Engine::refresh`]. A client whose request was dropped tries again with the same token.
    pub async fn refresh(&self, operation: Refresh) -> Result<Issued, RefreshError> {
        self.run(operation).await?
    }

    /// As [`Engine::verify`].
    pub async fn verify(&self, token: &str, audience: &str) -> Result<Arc<Access>, VerifyError> {
        verify::verify(self, token, audience).await
    }

    /// As [`Engine::remembered_tokens`].
    pub fn remembered_tokens(&self) -> Remembered {
        self.parts.proven.count()
    }

    /// As [`Engine::introspect`].
    pub async fn introspect(&self, operation: Introspect) -> Result<Introspection, Fault> {
        self.run(operation).await
    }

    /// As [`Engine::revoke_token`].
    pub async fn revoke_token(&self, token: &str, client: &str) -> Result<Ended, RevokeTokenError> {
        self.run(RevokeToken::new(token, client)).await?
    }

    /// As [`Engine::jwks`].
    pub async fn jwks(&self) -> Result<PublishedKeys, Fault> {
        self.run(Jwks::new()).await
    }

    /// As [`Engine::rotate_keys`].
    pub async fn rotate_keys(&self, operation: RotateKeys) -> Result<RotatedKeys, RotateKeysError> {
        self.run(operation).await?
    }

    /// As [`Engine::revoke_all_tokens`].
    pub async fn revoke_all_tokens(&self, operation: RevokeAllTokens) -> Result<(), Fault> {
        self.run(operation).await
    }

    /// As [`Engine::after_restore`].
    pub async fn after_restore(&self) -> Result<(), Fault> {
        self.run(AfterRestore::new()).await
    }

    /// As [`Engine::maintain`]; between two bites it lets other tasks have the thread. Dropped, it leaves the rest to the
    /// next call, and no event of its own.
    pub async fn maintain(&self) -> Result<Maintained, Fault> {
        maintenance::maintain(self, &|| false).await
    }

    /// As [`Engine::purge`].
    pub async fn purge(&self, limit: usize) -> Result<usize, Fault> {
        maintenance::purge(self, limit).await
    }

    /// As [`Engine::run`].
    pub async fn run<O: Decide<Outcome: Send> + Send>(&self, operation: O) -> Result<O::Outcome, Fault> {
        run::run(self, operation).await
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

impl fmt::Debug for AsyncEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncEngine").field("keys", &self.parts.environment.keys).finish_non_exhaustive()
    }
}
