//! Why an operation of a victim's gave no answer.

use doorward::{
    AccountError, AuthenticateError, ChangePasswordError, EndSessionError, LoginError, LogoutError,
    LogoutEverywhereError, OpenSessionError, ReauthenticateError, RegisterError, RenameError,
    SetPasswordError, UpdateSessionDataError,
};
use doorward_core::error::Fault;
use thiserror::Error;

#[derive(Debug, Error)]
pub(super) enum Trouble {
    /// It could not be done, or nobody knows whether it was.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The session to end was gone. Nobody else ends it; but after a commit whose fate was unknown it is the first try that did.
    #[error("a live session was already gone")]
    AlreadyGone,
    /// It was refused: nothing that a victim asks for may be.
    #[error("{0}")]
    Refused(String),
}

impl From<&str> for Trouble {
    fn from(why: &str) -> Self {
        Self::Refused(why.to_owned())
    }
}

macro_rules! troubles {
    ($($error:ident),*) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                match error {
                    $error::Fault(fault) => Self::Fault(fault),
                    refused => Self::Refused(refused.to_string()),
                }
            }
        }
    )*};
}

troubles!(
    AccountError,
    AuthenticateError,
    ChangePasswordError,
    EndSessionError,
    LoginError,
    LogoutError,
    LogoutEverywhereError,
    OpenSessionError,
    ReauthenticateError,
    RegisterError,
    RenameError,
    SetPasswordError,
    UpdateSessionDataError
);
