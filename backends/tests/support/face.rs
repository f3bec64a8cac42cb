//! Both engines under one face, so that one story can be told to either.

use std::sync::Arc;

use doorward::core::error::Fault;
use doorward::core::operation::session_data::KeptData;
use doorward::{
    Access, AccountError, AccountId, AsyncEngine, AuthenticateError, ChangePasswordError, EndSessionError,
    Ended, EndedEverywhere, Engine, Introspect, Introspection, Issue, IssueError, Issued, LoggedIn, Login,
    LoginError, LogoutError, LogoutEverywhere, LogoutEverywhereError, Maintained, OpenSession,
    OpenSessionError, OpenedSession, PublishedKeys, ReauthenticateError, Receipt, Refresh, RefreshError,
    Register, RegisterError, RenameError, Renewed, RevokeAllTokens, RevokeTokenError, RotateKeys,
    RotateKeysError, RotatedKeys, Session, SessionId, SetPasswordError, UpdateSessionData,
    UpdateSessionDataError, VerifyError, Visitor,
};

use super::block_on::block_on;

/// The asynchronous engine, waited for.
pub(crate) struct Awaited(pub(crate) AsyncEngine);

/// Each method of an engine; `story` finds out one that is missing here.
macro_rules! face {
    ($(fn $method:ident($($given:ident: $type:ty),*) -> $outcome:ty;)*) => {
        pub(crate) trait Face {
            $(fn $method(&self, $($given: $type),*) -> $outcome;)*
        }

        impl Face for Engine {
            $(fn $method(&self, $($given: $type),*) -> $outcome {
                self.$method($($given),*)
            })*
        }

        impl Face for Awaited {
            $(fn $method(&self, $($given: $type),*) -> $outcome {
                block_on(self.0.$method($($given),*))
            })*
        }
    };
}

face! {
    fn register(operation: Register) -> Result<AccountId, RegisterError>;
    fn login(operation: Login) -> Result<LoggedIn, LoginError>;
    fn authenticate(token: &str) -> Result<Session, AuthenticateError>;
    fn logout(token: &str) -> Result<Receipt, LogoutError>;
    fn open_session(operation: OpenSession) -> Result<OpenedSession, OpenSessionError>;
    fn session_data(token: &str) -> Result<KeptData, AuthenticateError>;
    fn update_session_data(operation: UpdateSessionData) -> Result<Visitor, UpdateSessionDataError>;
    fn rotate_session(token: &str) -> Result<Renewed<Visitor>, AuthenticateError>;
    fn reauthenticate(token: &str, password: &str) -> Result<Renewed, ReauthenticateError>;
    fn sessions(account: AccountId) -> Result<Vec<Session>, Fault>;
    fn end_session(account: AccountId, session: SessionId) -> Result<Receipt, EndSessionError>;
    fn logout_everywhere(operation: LogoutEverywhere) -> Result<EndedEverywhere, LogoutEverywhereError>;
    fn change_password(token: &str, current: &str, new: &str) -> Result<Renewed, ChangePasswordError>;
    fn set_password(account: AccountId, new: &str) -> Result<(), SetPasswordError>;
    fn unlock(account: AccountId) -> Result<(), AccountError>;
    fn disable(account: AccountId) -> Result<(), AccountError>;
    fn enable(account: AccountId) -> Result<(), AccountError>;
    fn rename(account: AccountId, name: &str) -> Result<(), RenameError>;
    fn mark_compromised(account: AccountId) -> Result<(), AccountError>;
    fn delete_account(account: AccountId) -> Result<(), AccountError>;
    fn issue(operation: Issue) -> Result<Issued, IssueError>;
    fn refresh(operation: Refresh) -> Result<Issued, RefreshError>;
    fn verify(token: &str, audience: &str) -> Result<Arc<Access>, VerifyError>;
    fn introspect(operation: Introspect) -> Result<Introspection, Fault>;
    fn revoke_token(token: &str, client: &str) -> Result<Ended, RevokeTokenError>;
    fn jwks() -> Result<PublishedKeys, Fault>;
    fn rotate_keys(operation: RotateKeys) -> Result<RotatedKeys, RotateKeysError>;
    fn revoke_all_tokens(operation: RevokeAllTokens) -> Result<(), Fault>;
    fn after_restore() -> Result<(), Fault>;
    fn maintain() -> Result<Maintained, Fault>;
    fn purge(limit: usize) -> Result<usize, Fault>;
}
