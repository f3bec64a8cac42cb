//! What each error of the engine is to C.

use doorward::core::error::{Fault, StoreErrorKind};
use doorward::core::model::clock::ClockError;
use doorward::core::model::session::Gone;
use doorward::core::name::NameError;
use doorward::core::password::{BlockedReason, PasswordError};
use doorward::core::secret::KeyError;
use doorward::core::token::jwt::{JwtError, KeyLoadError};
use doorward::core::token::opaque::TokenError;
use doorward::core::token::terms::TermError;
use doorward::core::web::bearer::BearerError;
use doorward::core::web::cookie::CookieError;
use doorward::core::web::origin::{CrossSite, OriginError};
use doorward::core::web::target::TargetError;
use doorward::store::sqlite::BackupError;
use doorward::{
    AccountError, AuthenticateError, ChangePasswordError, EndSessionError, IssueError, KeyFileError,
    LoginError, LogoutError, LogoutEverywhereError, OpenError, OpenSessionError, ReauthenticateError,
    RefreshError, RegisterError, RenameError, RevokeTokenError, RotateKeysError, SetPasswordError, Timestamp,
    UpdateSessionDataError, VerifyError,
};

use crate::failure::Failure;
use crate::status::dw_status::*;

/// `Error { pattern => failure, … }`: an error's failure, case by case.
macro_rules! refused {
    ($($error:ident as $said:ident { $($pattern:pat => $failure:expr,)* })*) => {
        $(impl From<$error> for Failure {
            fn from($said: $error) -> Self {
                #[allow(unreachable_patterns, reason = "a case that a later version adds is a refusal")]
                match &$said {
                    $($pattern => $failure,)*
                    _ => Failure::new(DW_VALUE, $said.to_string()),
                }
            }
        })*
    };
}

refused! {
    Fault as error {
        Fault::Store(store) => match store.kind() {
            StoreErrorKind::Retryable => Failure::new(DW_STORE_RETRYABLE, error.to_string()).transient(true),
            // Of a read: a commit whose fate is unknown is looked up.
            StoreErrorKind::Unknown => Failure::new(DW_STORE_FATAL, error.to_string()),
            StoreErrorKind::Fatal => Failure::new(DW_STORE_FATAL, error.to_string()),
            StoreErrorKind::Corrupt => Failure::new(DW_CORRUPT, error.to_string()),
        },
        Fault::Contended => Failure::new(DW_CONTENDED, error.to_string()).transient(true),
        Fault::Unresolved => Failure::new(DW_UNRESOLVED, error.to_string()),
        Fault::Busy => Failure::new(DW_BUSY, error.to_string()).transient(true),
        Fault::Record(_) => Failure::new(DW_CORRUPT, error.to_string()),
        Fault::Key(_) => Failure::new(DW_KEY, error.to_string()),
        Fault::Clock(_) => Failure::new(DW_CLOCK, error.to_string()),
        Fault::Entropy => Failure::new(DW_ENTROPY, error.to_string()),
        Fault::Signing => Failure::new(DW_SIGNING, error.to_string()),
        Fault::Misuse(_) => Failure::new(DW_SEQUENCE, error.to_string()),
    }
    ClockError as error { _ => Failure::new(DW_CLOCK, error.to_string()), }
    NameError as error { _ => Failure::new(DW_NAME, error.to_string()), }
    PasswordError as error { _ => Failure::new(DW_PASSWORD, error.to_string()).because(password(&error)), }
    TokenError as error { _ => Failure::new(DW_TOKEN, error.to_string()), }
    Gone as error { _ => Failure::new(DW_GONE, error.to_string()).because(gone(error)), }
    TermError as error { _ => Failure::new(DW_TERM, error.to_string()), }
    JwtError as error { _ => Failure::new(DW_TOKEN_INVALID, error.to_string()).because(error.rule()), }
    RegisterError as error {
        RegisterError::Name(name) => (*name).into(),
        RegisterError::Password(password) => (*password).into(),
        RegisterError::Taken => Failure::new(DW_TAKEN, error.to_string()),
        RegisterError::Throttled { until } => throttled(&error, *until),
        RegisterError::Fault(fault) => fault.clone().into(),
    }
    LoginError as error {
        LoginError::Denied => Failure::new(DW_DENIED, error.to_string()),
        LoginError::Throttled { until } => throttled(&error, *until),
        LoginError::MustChange => Failure::new(DW_MUST_CHANGE, error.to_string()),
        LoginError::OtherAccount => Failure::new(DW_OTHER_ACCOUNT, error.to_string()),
        LoginError::TooManySessions => Failure::new(DW_TOO_MANY_SESSIONS, error.to_string()),
        LoginError::Name(name) => (*name).into(),
        LoginError::Password(password) => (*password).into(),
        LoginError::Fault(fault) => fault.clone().into(),
    }
    AuthenticateError as error {
        AuthenticateError::Token(token) => (*token).into(),
        AuthenticateError::Gone(gone) => (*gone).into(),
        AuthenticateError::Anonymous(session) => Failure::new(DW_ANONYMOUS, error.to_string()).of(None, session.id),
        AuthenticateError::Fault(fault) => fault.clone().into(),
    }
    LogoutError as error {
        LogoutError::Token(token) => (*token).into(),
        LogoutError::UnknownKey => Failure::new(DW_UNKNOWN_KEY, error.to_string()),
        LogoutError::Fault(fault) => fault.clone().into(),
    }
    OpenSessionError as error {
        OpenSessionError::TooLarge { .. } => Failure::new(DW_TOO_LARGE, error.to_string()),
        OpenSessionError::Lifetime { .. } => Failure::new(DW_LIFETIME, error.to_string()),
        OpenSessionError::Fault(fault) => fault.clone().into(),
    }
    UpdateSessionDataError as error {
        UpdateSessionDataError::Session(session) => session.clone().into(),
        UpdateSessionDataError::TooLarge { .. } => Failure::new(DW_TOO_LARGE, error.to_string()),
        UpdateSessionDataError::Lifetime { .. } => Failure::new(DW_LIFETIME, error.to_string()),
        UpdateSessionDataError::Fault(fault) => fault.clone().into(),
    }
    ReauthenticateError as error {
        ReauthenticateError::Token(token) => (*token).into(),
        ReauthenticateError::Gone(gone) => (*gone).into(),
        ReauthenticateError::Anonymous => Failure::new(DW_ANONYMOUS, error.to_string()),
        ReauthenticateError::Denied => Failure::new(DW_DENIED, error.to_string()),
        ReauthenticateError::Throttled { until } => throttled(&error, *until),
        ReauthenticateError::Password(password) => (*password).into(),
        ReauthenticateError::Fault(fault) => fault.clone().into(),
    }
    ChangePasswordError as error {
        ChangePasswordError::Current(current) => current.clone().into(),
        ChangePasswordError::New(new) => Failure::new(DW_PASSWORD, error.to_string()).because(password(new)),
        ChangePasswordError::Fault(fault) => fault.clone().into(),
    }
    SetPasswordError as error {
        SetPasswordError::NotFound => Failure::new(DW_NOT_FOUND, error.to_string()),
        SetPasswordError::Password(password) => (*password).into(),
        SetPasswordError::Compromised => Failure::new(DW_PASSWORD, error.to_string()).because("compromised"),
        SetPasswordError::Fault(fault) => fault.clone().into(),
    }
    EndSessionError as error {
        EndSessionError::NotFound => Failure::new(DW_NOT_FOUND, error.to_string()),
        EndSessionError::Fault(fault) => fault.clone().into(),
    }
    LogoutEverywhereError as error {
        LogoutEverywhereError::NoAccount => Failure::new(DW_NOT_FOUND, error.to_string()),
        LogoutEverywhereError::OtherAccount => Failure::new(DW_OTHER_ACCOUNT, error.to_string()),
        LogoutEverywhereError::Keep(keep) => keep.clone().into(),
        LogoutEverywhereError::Fault(fault) => fault.clone().into(),
    }
    AccountError as error {
        AccountError::NotFound => Failure::new(DW_NOT_FOUND, error.to_string()),
        AccountError::Fault(fault) => fault.clone().into(),
    }
    RenameError as error {
        RenameError::Name(name) => (*name).into(),
        RenameError::Taken => Failure::new(DW_TAKEN, error.to_string()),
        RenameError::NotFound => Failure::new(DW_NOT_FOUND, error.to_string()),
        RenameError::Fault(fault) => fault.clone().into(),
    }
    IssueError as error {
        IssueError::Token(token) => (*token).into(),
        IssueError::Gone(gone) => (*gone).into(),
        IssueError::Anonymous => Failure::new(DW_ANONYMOUS, error.to_string()),
        IssueError::Term(term) => (*term).into(),
        IssueError::Scope => Failure::new(DW_SCOPE, error.to_string()),
        IssueError::Claims => Failure::new(DW_CLAIMS, error.to_string()),
        IssueError::NoKey => Failure::new(DW_NO_KEY, error.to_string()),
        IssueError::Fault(fault) => fault.clone().into(),
    }
    RefreshError as error {
        RefreshError::Token(_) => Failure::new(DW_TOKEN_INVALID, error.to_string()).because("token"),
        RefreshError::Gone(session) => Failure::new(DW_TOKEN_INVALID, error.to_string()).because(gone(*session)),
        RefreshError::Reused { account, session } => Failure::new(DW_REUSED, error.to_string()).of(Some(*account), *session),
        // Not transient: after the grace the same call is reuse. The client has another token, or gets it.
        RefreshError::Conflict => Failure::new(DW_CONFLICT, error.to_string()),
        RefreshError::Client => Failure::new(DW_CLIENT, error.to_string()),
        RefreshError::Scope => Failure::new(DW_SCOPE, error.to_string()),
        RefreshError::Term(term) => (*term).into(),
        RefreshError::Claims => Failure::new(DW_CLAIMS, error.to_string()),
        RefreshError::NoKey => Failure::new(DW_NO_KEY, error.to_string()),
        RefreshError::Fault(fault) => fault.clone().into(),
    }
    VerifyError as error {
        VerifyError::Token(token) => (*token).into(),
        VerifyError::Gone(session) => Failure::new(DW_TOKEN_INVALID, error.to_string()).because(gone(*session)),
        VerifyError::Stale => Failure::new(DW_STALE, error.to_string()).transient(true),
        VerifyError::Fault(fault) => fault.clone().into(),
    }
    RevokeTokenError as error {
        RevokeTokenError::Client => Failure::new(DW_CLIENT, error.to_string()),
        RevokeTokenError::Term(term) => (*term).into(),
        RevokeTokenError::UnknownKey => Failure::new(DW_UNKNOWN_KEY, error.to_string()),
        RevokeTokenError::TooMany => Failure::new(DW_FULL, error.to_string()),
        RevokeTokenError::Fault(fault) => fault.clone().into(),
    }
    RotateKeysError as error {
        RotateKeysError::Full => Failure::new(DW_FULL, error.to_string()),
        RotateKeysError::Fault(fault) => fault.clone().into(),
    }
    KeyError as error { _ => Failure::new(DW_CONFIG_KEY, error.to_string()), }
    KeyLoadError as error { _ => Failure::new(DW_CONFIG_KEY, error.to_string()), }
    KeyFileError as error { _ => Failure::new(DW_CONFIG_KEY_FILE, error.to_string()), }
    OpenError as error {
        OpenError::NoKey => Failure::new(DW_CONFIG_KEY, "no master key was given: call dw_config_master_key or dw_config_key_file first"),
        OpenError::Guarantees { .. } => Failure::new(DW_CONFIG_GUARANTEES, error.to_string()),
        OpenError::Key(_) => Failure::new(DW_CONFIG_KEY, error.to_string()),
        OpenError::Clock(_) => Failure::new(DW_CLOCK, error.to_string()),
        OpenError::Fault(fault) => fault.clone().into(),
        _ => Failure::new(DW_CONFIG_ENGINE, error.to_string()),
    }
    BackupError as error {
        BackupError::Exists | BackupError::StrayLog => Failure::new(DW_VALUE, error.to_string()),
        BackupError::Stopped => Failure::new(DW_STOPPED, error.to_string()),
        BackupError::Entropy => Failure::new(DW_ENTROPY, error.to_string()),
        BackupError::Store(store) => Fault::Store(store.clone()).into(),
        BackupError::Refused(open) => Failure::new(DW_STORE_FATAL, error.to_string()).transient(open.is_transient()),
        _ => Failure::new(DW_STORE_FATAL, error.to_string()),
    }
    TargetError as error { _ => Failure::new(DW_WEB_TARGET, error.to_string()), }
    CookieError as error {
        CookieError::TooLong | CookieError::TooMany => Failure::new(DW_WEB_TOO_MANY_COOKIES, error.to_string()),
        _ => Failure::new(DW_WEB_COOKIE, error.to_string()),
    }
    BearerError as error { _ => Failure::new(DW_WEB_BEARER, error.to_string()), }
    CrossSite as error { _ => Failure::new(DW_WEB_CROSS_SITE, error.to_string()), }
    OriginError as error { _ => Failure::new(DW_VALUE, error.to_string()), }
}

fn throttled(error: &impl ToString, until: Timestamp) -> Failure {
    Failure::new(DW_THROTTLED, error.to_string()).until(until)
}

fn password(error: &PasswordError) -> &'static str {
    match error {
        PasswordError::TooShort { .. } => "too short",
        PasswordError::TooLong { .. } | PasswordError::TooManyBytes => "too long",
        PasswordError::Blocked(BlockedReason::Common) => "common",
        PasswordError::Blocked(BlockedReason::Pattern) => "pattern",
        PasswordError::Blocked(BlockedReason::Host) => "listed",
        PasswordError::Blocked(BlockedReason::LoginName) => "login name",
        PasswordError::Blocked(BlockedReason::Service) => "service",
        _ => "refused",
    }
}

fn gone(gone: Gone) -> &'static str {
    match gone {
        Gone::Ended => "ended",
        Gone::Idle => "idle",
        Gone::Expired => "expired",
        Gone::Revoked => "revoked",
        Gone::Replaced => "replaced",
        _ => "gone",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests
mod tests;
