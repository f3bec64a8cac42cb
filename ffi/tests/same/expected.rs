//! What C must be told, said once more: of each outcome every field, of each error every part, and of events.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;

use doorward::core::error::Fault;
use doorward::core::model::session::Gone;
use doorward::core::name::LoginName;
use doorward::core::operation::session_data::KeptData;
use doorward::core::password::{BlockedReason, PasswordError};
use doorward::{
    Access, AccountError, AccountId, AnonymousSession, AuthenticateError, ChangePasswordError, DeviceToken,
    EndSessionError, Ended, EndedEverywhere, Event, EventResult, Introspection, IssueError, Issued, LoggedIn,
    LoginError, LogoutError, LogoutEverywhereError, Maintained, OpenSessionError, OpenedSession,
    PublishedKeys, ReauthenticateError, Receipt, RefreshError, RefreshToken, RegisterError, RenameError,
    Renewed, RevokeTokenError, RotateKeysError, RotatedKeys, Session, SetPasswordError, Timestamp,
    UpdateSessionDataError, VerifyError, Visitor,
};
use doorward_ffi::{dw_event_result, dw_status};
use doorward_ffi_host::{self as host, Given, Refused};

use crate::refusals::status;

/// An outcome.
pub(crate) trait Gives {
    fn given(&self) -> Given;
}

fn session(session: &Session) -> host::Session {
    host::Session {
        id: *session.id.as_bytes(),
        account: *session.account.as_bytes(),
        is_anonymous: false,
        created: session.created.as_millis(),
        auth_time: session.auth_time.as_millis(),
        amr: Some(session.amr.names().join(" ")),
        idle_ends: session.idle_ends.as_millis(),
        absolute_ends: session.absolute_ends.as_millis(),
        label: session.label.as_ref().map(|label| label.as_str().to_owned()),
        seen_at: session.seen_at.as_millis(),
    }
}

fn guest(session: &AnonymousSession) -> host::Session {
    host::Session {
        id: *session.id.as_bytes(),
        account: [0; 16],
        is_anonymous: true,
        created: session.created.as_millis(),
        auth_time: 0,
        amr: None,
        idle_ends: session.idle_ends.as_millis(),
        absolute_ends: session.absolute_ends.as_millis(),
        label: session.label.as_ref().map(|label| label.as_str().to_owned()),
        seen_at: session.seen_at.as_millis(),
    }
}

fn visitor(of: &Visitor) -> host::Session {
    match of {
        Visitor::Account(of) => session(of),
        Visitor::Anonymous(of) => guest(of),
    }
}

fn renewed(renewed: &Renewed) -> host::Renewed {
    host::Renewed { token: renewed.token.expose().to_owned(), session: session(&renewed.session) }
}

/// What each outcome gives.
macro_rules! gives {
    ($($outcome:ty: $this:ident => $given:expr;)*) => {
        $(impl Gives for $outcome {
            fn given(&self) -> Given {
                let $this = self;
                $given
            }
        })*
    };
}

gives! {
    (): _this => Given::Nothing;
    usize: this => Given::Purged(*this);
    AccountId: this => Given::Account(*this.as_bytes());
    Ended: this => Given::Revoked(*this == Ended::AlreadyGone);
    Session: this => Given::Session(session(this));
    Visitor: this => Given::Session(visitor(this));
    Vec<Session>: this => Given::Sessions(this.iter().map(session).collect());
    LoggedIn: this => Given::Login {
        token: this.token.expose().to_owned(),
        session: session(&this.session),
        device_token: this.device.as_ref().map(DeviceToken::expose).map(str::to_owned),
    };
    OpenedSession: this => {
        let (token, session) = (this.token.expose().to_owned(), guest(&this.session));
        Given::Renewed(host::Renewed { token, session })
    };
    Renewed: this => Given::Renewed(renewed(this));
    Renewed<Visitor>: this => {
        let (token, session) = (this.token.expose().to_owned(), visitor(&this.session));
        Given::Renewed(host::Renewed { token, session })
    };
    EndedEverywhere: this => Given::Everywhere { kept: this.kept.as_ref().map(renewed) };
    Receipt: this => Given::Receipt {
        was_over: this.ended == Ended::AlreadyGone,
        session: *this.session.as_bytes(),
        access_dies_at: this.access_dies_at.map_or(0, Timestamp::as_millis),
        others_lag_ms: u64::try_from(this.others_lag.as_millis()).unwrap(),
    };
    KeptData: this => Given::Data { session: visitor(&this.visitor), data: this.data.clone() };
    Issued: this => Given::Tokens {
        access: this.access.expose().to_owned(),
        refresh: this.refresh.as_ref().map(RefreshToken::expose).map(str::to_owned),
        token: *this.token.as_bytes(),
        expires: this.expires.as_millis(),
        scope: this.scope.as_str().to_owned(),
        account: *this.account.as_bytes(),
        session: *this.session.as_bytes(),
    };
    Arc<Access>: this => Given::Access {
        account: *this.account.as_bytes(),
        session: *this.session.as_bytes(),
        token: *this.token.as_bytes(),
        client: this.client.as_str().to_owned(),
        audience: serde_json::to_string(&this.audience).unwrap(),
        scope: this.scope.as_str().to_owned(),
        issued_at: this.issued_at.as_millis(),
        expires: this.expires.as_millis(),
        auth_time: this.auth_time.as_millis(),
        amr: this.amr.join(" "),
        claims: serde_json::to_string(&this.claims).unwrap(),
    };
    Introspection: this => Given::Text(this.to_json());
    PublishedKeys: this => Given::Keys {
        json: this.to_json().to_owned(),
        max_age_ms: u64::try_from(this.max_age.as_millis()).unwrap(),
    };
    RotatedKeys: this => Given::Rotated { is_new: this.is_new, active_from: this.active_from.as_millis() };
    Maintained: this => Given::Maintained {
        purged: this.purged,
        deletions: this.deletions,
        rotated: this.rotated,
        more: this.more,
    };
}

/// An error: its word where its status has several causes, and when to come again.
pub(crate) trait Errs: Error {
    fn reason(&self) -> Option<String> {
        None
    }

    fn until(&self) -> Option<Timestamp> {
        None
    }
}

fn gone(gone: Gone) -> String {
    format!("{gone:?}").to_lowercase()
}

fn password(error: PasswordError) -> String {
    let word = match error {
        PasswordError::TooShort { .. } => "too short",
        PasswordError::TooLong { .. } | PasswordError::TooManyBytes => "too long",
        PasswordError::Blocked(BlockedReason::Common) => "common",
        PasswordError::Blocked(BlockedReason::LoginName) => "login name",
        other => panic!("the story has no {other:?}"),
    };
    word.to_owned()
}

/// What each error says besides.
macro_rules! errs {
    ($($error:ident { $($reason:pat => $word:expr,)* } until { $($pattern:pat => $until:expr,)* })*) => {
        $(impl Errs for $error {
            #[allow(unreachable_patterns, reason = "some have none")]
            fn reason(&self) -> Option<String> {
                match self {
                    $($reason => Some($word.into()),)*
                    _ => None,
                }
            }

            #[allow(unreachable_patterns, reason = "some have none")]
            fn until(&self) -> Option<Timestamp> {
                match self {
                    $($pattern => Some($until),)*
                    _ => None,
                }
            }
        })*
    };
}

errs! {
    Fault {} until {}
    AccountError {} until {}
    EndSessionError {} until {}
    LogoutError {} until {}
    OpenSessionError {} until {}
    RenameError {} until {}
    RevokeTokenError {} until {}
    RotateKeysError {} until {}
    RegisterError { Self::Password(error) => password(*error), } until { Self::Throttled { until } => *until, }
    LoginError { Self::Password(error) => password(*error), } until { Self::Throttled { until } => *until, }
    AuthenticateError { Self::Gone(error) => gone(*error), } until {}
    UpdateSessionDataError { Self::Session(AuthenticateError::Gone(error)) => gone(*error), } until {}
    ReauthenticateError {
        Self::Gone(error) => gone(*error),
        Self::Password(error) => password(*error),
    } until { Self::Throttled { until } => *until, }
    ChangePasswordError {
        Self::Current(ReauthenticateError::Gone(error)) => gone(*error),
        Self::Current(ReauthenticateError::Password(error)) | Self::New(error) => password(*error),
    } until { Self::Current(ReauthenticateError::Throttled { until }) => *until, }
    SetPasswordError {
        Self::Password(error) => password(*error),
        Self::Compromised => "compromised",
    } until {}
    LogoutEverywhereError { Self::Keep(AuthenticateError::Gone(error)) => gone(*error), } until {}
    IssueError { Self::Gone(error) => gone(*error), } until {}
    RefreshError { Self::Token(_) => "token", Self::Gone(error) => gone(*error), } until {}
    VerifyError { Self::Token(error) => error.rule(), Self::Gone(error) => gone(*error), } until {}
}

/// What C must be told of an operation that these events tell of. Its sentence is the error's, or that of a cause behind it.
pub(crate) fn refused<E: Errs + 'static>(
    error: &E,
    operation: &str,
    events: &[Event],
    said: Option<&str>,
) -> Refused {
    let told = events.iter().rev().find(|event| event.operation == operation);
    let Some(EventResult::Refused(word)) = told.map(|event| event.result) else {
        panic!("{operation}: {error}, and {events:?}")
    };
    let status = status(operation, word).unwrap();
    let behind = successors(Some(error as &dyn Error), |error| (**error).source()).map(ToString::to_string);
    Refused {
        status,
        message: behind.filter(|sentence| Some(&**sentence) == said).last().unwrap_or(error.to_string()),
        reason: error.reason(),
        until: error.until().map_or(0, Timestamp::as_millis),
        is_transient: matches!(status, dw_status::DW_STALE),
    }
}

pub(crate) fn event(event: &Event) -> host::Event {
    let (result, reason) = match event.result {
        EventResult::Success => (dw_event_result::DW_EVENT_SUCCESS, None),
        EventResult::Refused(word) => (dw_event_result::DW_EVENT_REFUSED, Some(word)),
        EventResult::Failed(word) => (dw_event_result::DW_EVENT_FAILED, Some(word)),
    };
    let subject = &event.subject;
    host::Event {
        at: event.at.as_millis(),
        operation: event.operation.to_owned(),
        result,
        reason: reason.map(str::to_owned),
        name: subject.name.as_ref().map(LoginName::as_str).map(str::to_owned),
        account: subject.account.map(|account| *account.as_bytes()),
        session: subject.session.map(|session| *session.as_bytes()),
        source: subject.source.map(|source| source.address().to_string()),
    }
}
