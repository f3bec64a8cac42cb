//! All engines under one face, so that one story can be told to each.

use std::sync::Arc;

use doorward::core::error::Fault;
use doorward::core::machine::Decide;
use doorward::core::operation::access::{Disable, Enable};
use doorward::core::operation::after_restore::AfterRestore;
use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::jwks::Jwks;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::mark_compromised::MarkCompromised;
use doorward::core::operation::reauthenticate::Reauthenticate;
use doorward::core::operation::rename::Rename;
use doorward::core::operation::revoke_token::RevokeToken;
use doorward::core::operation::rotate_session::RotateSession;
use doorward::core::operation::session_data::{KeptData, SessionData};
use doorward::core::operation::sessions::Sessions;
use doorward::core::operation::set_password::SetPassword;
use doorward::core::operation::unlock::Unlock;
use doorward::core::store::Store;
use doorward::{
    Access, AccountError, AccountId, AsyncEngine, AuthenticateError, ChangePasswordError, EndSessionError,
    Ended, EndedEverywhere, Engine, Introspection, IssueError, Issued, LoggedIn, LoginError, LogoutError,
    LogoutEverywhereError, Maintained, OpenSessionError, OpenedSession, PublishedKeys, ReauthenticateError,
    Receipt, RefreshError, RegisterError, RenameError, Renewed, RevokeTokenError, RotateKeysError,
    RotatedKeys, Session, SessionId, SetPasswordError, SteppedEngine, Steps, UpdateSessionDataError,
    VerifyError, Visitor,
};

use super::asked::{
    Introspect, Issue, Login, LogoutEverywhere, OpenSession, Refresh, Register, RevokeAllTokens, RotateKeys,
    Said, UpdateSessionData,
};
use super::block_on::block_on;
use super::steps::drive;

/// The asynchronous engine, waited for.
pub(crate) struct Awaited(pub(crate) AsyncEngine);

/// The engine of a host that keeps its rows in this store by itself.
pub(crate) struct Driven(pub(crate) SteppedEngine, pub(crate) Arc<dyn Store>);

impl Driven {
    fn run<O: Decide<Outcome: Send> + Send + 'static>(&self, operation: O) -> Result<O::Outcome, Fault> {
        self.drive(self.0.run(operation))
    }

    fn drive<T>(&self, steps: Steps<T>) -> T {
        drive(steps, &*self.1)
    }
}

/// Each method of an engine, and how a stepped one does it; `story` finds out one that is missing here.
macro_rules! face {
    ($(fn $method:ident($($given:ident: $type:ty),*) -> $outcome:ty = |$driven:ident| $steps:expr;)*) => {
        pub(crate) trait Face {
            $(fn $method(&self, $($given: $type),*) -> $outcome;)*
        }

        impl Face for Engine {
            $(fn $method(&self, $($given: $type),*) -> $outcome {
                self.$method($($given.said()),*)
            })*
        }

        impl Face for Awaited {
            $(fn $method(&self, $($given: $type),*) -> $outcome {
                block_on(self.0.$method($($given.said()),*))
            })*
        }

        impl Face for Driven {
            $(fn $method(&self, $($given: $type),*) -> $outcome {
                let $driven = self;
                $(let $given = $given.said();)*
                $steps
            })*
        }
    };
}

face! {
    fn register(operation: Register) -> Result<AccountId, RegisterError> = |on| on.run(operation)?;
    fn login(operation: Login) -> Result<LoggedIn, LoginError> = |on| on.drive(on.0.login(operation));
    fn authenticate(token: &str) -> Result<Session, AuthenticateError> = |on| on.drive(on.0.authenticate(token));
    fn logout(token: &str) -> Result<Receipt, LogoutError> = |on| on.run(Logout::new(token))?;
    fn open_session(operation: OpenSession) -> Result<OpenedSession, OpenSessionError> = |on| on.run(operation)?;
    fn session_data(token: &str) -> Result<KeptData, AuthenticateError> = |on| on.run(SessionData::new(token))?;
    fn update_session_data(operation: UpdateSessionData) -> Result<Visitor, UpdateSessionDataError> = |on| on.run(operation)?;
    fn rotate_session(token: &str) -> Result<Renewed<Visitor>, AuthenticateError> = |on| on.run(RotateSession::new(token))?;
    fn reauthenticate(token: &str, password: &str) -> Result<Renewed, ReauthenticateError> = |on| on.run(Reauthenticate::new(token, password))?;
    fn sessions(account: AccountId) -> Result<Vec<Session>, Fault> = |on| on.run(Sessions::new(account));
    fn end_session(account: AccountId, session: SessionId) -> Result<Receipt, EndSessionError> = |on| on.run(EndSession::new(account, session))?;
    fn logout_everywhere(operation: LogoutEverywhere) -> Result<EndedEverywhere, LogoutEverywhereError> = |on| on.run(operation)?;
    fn change_password(token: &str, current: &str, new: &str) -> Result<Renewed, ChangePasswordError> = |on| on.run(ChangePassword::new(token, current, new))?;
    fn set_password(account: AccountId, new: &str) -> Result<(), SetPasswordError> = |on| on.run(SetPassword::new(account, new))?;
    fn unlock(account: AccountId) -> Result<(), AccountError> = |on| on.run(Unlock::new(account))?;
    fn disable(account: AccountId) -> Result<(), AccountError> = |on| on.run(Disable::new(account))?;
    fn enable(account: AccountId) -> Result<(), AccountError> = |on| on.run(Enable::new(account))?;
    fn rename(account: AccountId, name: &str) -> Result<(), RenameError> = |on| on.run(Rename::new(account, name))?;
    fn mark_compromised(account: AccountId) -> Result<(), AccountError> = |on| on.run(MarkCompromised::new(account))?;
    fn delete_account(account: AccountId) -> Result<(), AccountError> = |on| on.drive(on.0.delete_account(account));
    fn issue(operation: Issue) -> Result<Issued, IssueError> = |on| on.run(operation)?;
    fn refresh(operation: Refresh) -> Result<Issued, RefreshError> = |on| on.run(operation)?;
    fn verify(token: &str, audience: &str) -> Result<Arc<Access>, VerifyError> = |on| on.drive(on.0.verify(token, audience));
    fn introspect(operation: Introspect) -> Result<Introspection, Fault> = |on| on.run(operation);
    fn revoke_token(token: &str, client: &str) -> Result<Ended, RevokeTokenError> = |on| on.run(RevokeToken::new(token, client))?;
    fn jwks() -> Result<PublishedKeys, Fault> = |on| on.run(Jwks::new());
    fn rotate_keys(operation: RotateKeys) -> Result<RotatedKeys, RotateKeysError> = |on| on.run(operation)?;
    fn revoke_all_tokens(operation: RevokeAllTokens) -> Result<(), Fault> = |on| on.run(operation);
    fn after_restore() -> Result<(), Fault> = |on| on.run(AfterRestore::new());
    fn maintain() -> Result<Maintained, Fault> = |on| on.drive(on.0.maintain());
    fn purge(limit: usize) -> Result<usize, Fault> = |on| on.drive(on.0.purge(limit));
}
