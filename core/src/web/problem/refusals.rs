//! What each error of an operation, or of a request, is to a client.

use alloc::format;
use alloc::string::ToString as _;
use core::time::Duration;

use crate::error::Fault;
use crate::model::session::Gone;
use crate::operation::authenticate::AuthenticateError;
use crate::operation::change_password::ChangePasswordError;
use crate::operation::end_session::EndSessionError;
use crate::operation::issue::IssueError;
use crate::operation::login::LoginError;
use crate::operation::logout::LogoutError;
use crate::operation::logout_everywhere::LogoutEverywhereError;
use crate::operation::reauthenticate::ReauthenticateError;
use crate::operation::refresh::RefreshError;
use crate::operation::register::RegisterError;
use crate::operation::session_data::UpdateSessionDataError;
use crate::operation::verify::VerifyError;
use crate::time::Timestamp;
use crate::token::opaque::TokenError;

use super::{Kind, Problem, Refusal};
use crate::web::bearer::BearerError;
use crate::web::cookie::CookieError;
use crate::web::origin::CrossSite;
use crate::web::target::TargetError;

impl Refusal for Fault {
    fn problem(&self, _: Timestamp) -> Problem {
        match self {
            _ if self.is_transient() => {
                Problem::new(Kind::Busy, "nothing was changed: try again in a moment").after(SOON)
            }
            Fault::Unresolved => Problem::new(
                Kind::Unavailable,
                "it is not known whether it was done: look before you try again",
            ),
            _ => Problem::new(Kind::Unavailable, "it could not be decided, and nothing was granted"),
        }
    }
}

impl Refusal for LoginError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Denied => Problem::new(Kind::Denied, self.to_string()),
            Self::Throttled { until } => throttled(self, *until, now),
            Self::MustChange => Problem::new(Kind::MustChange, self.to_string()),
            Self::OtherAccount => Problem::new(Kind::OtherAccount, self.to_string()),
            Self::TooManySessions => Problem::new(Kind::TooManySessions, self.to_string()),
            Self::Name(_) => Problem::new(Kind::Name, self.to_string()),
            Self::Password(_) => Problem::new(Kind::Password, self.to_string()),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for RegisterError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Name(_) => Problem::new(Kind::Name, self.to_string()),
            Self::Password(_) => Problem::new(Kind::Password, self.to_string()),
            Self::Taken => Problem::new(Kind::Taken, self.to_string()),
            Self::Throttled { until } => throttled(self, *until, now),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for AuthenticateError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Token(error) => error.problem(now),
            Self::Gone(gone) => gone.problem(now),
            Self::Anonymous(_) => Problem::new(Kind::Anonymous, self.to_string()),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

/// A session's token; of a refresh token see [`RefreshError`].
impl Refusal for TokenError {
    fn problem(&self, _: Timestamp) -> Problem {
        Problem::new(Kind::Session, self.to_string())
    }
}

/// A session; of an access token's see [`VerifyError`].
impl Refusal for Gone {
    fn problem(&self, _: Timestamp) -> Problem {
        Problem::new(Kind::Session, format!("{self}: log in again"))
    }
}

impl Refusal for ReauthenticateError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Token(error) => error.problem(now),
            Self::Gone(gone) => gone.problem(now),
            Self::Anonymous => Problem::new(Kind::Anonymous, self.to_string()),
            Self::Denied => Problem::new(Kind::Denied, self.to_string()),
            Self::Throttled { until } => throttled(self, *until, now),
            Self::Password(_) => Problem::new(Kind::Password, self.to_string()),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for ChangePasswordError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Current(error) => error.problem(now),
            Self::New(_) => Problem::new(Kind::Password, self.to_string()),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for IssueError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Token(error) => error.problem(now),
            Self::Gone(gone) => gone.problem(now),
            Self::Anonymous => Problem::new(Kind::Anonymous, self.to_string()),
            Self::Term(_) => Problem::new(Kind::Body, self.to_string()),
            Self::Scope => Problem::new(Kind::Scope, self.to_string()),
            Self::Claims => Problem::new(Kind::Body, self.to_string()),
            Self::NoKey => Problem::new(Kind::Unavailable, "there is no key to sign with"),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for RefreshError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Token(_) | Self::Gone(_) => Problem::new(Kind::Token, self.to_string()),
            Self::Reused { .. } => Problem::new(Kind::Reused, self.to_string()),
            Self::Conflict => Problem::new(Kind::Conflict, self.to_string()),
            Self::Client => Problem::new(Kind::Client, self.to_string()),
            Self::Scope => Problem::new(Kind::Scope, self.to_string()),
            Self::Term(_) | Self::Claims => Problem::new(Kind::Body, self.to_string()),
            Self::NoKey => Problem::new(Kind::Unavailable, "there is no key to sign with"),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for VerifyError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Token(_) | Self::Gone(_) => Problem::new(Kind::Token, self.to_string()),
            Self::Stale => Problem::new(Kind::Unavailable, self.to_string()),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for LogoutError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Token(error) => error.problem(now),
            Self::UnknownKey => Problem::new(Kind::NotDone, self.to_string()),
            Self::Fault(fault) => {
                let retry_after = fault.problem(now).retry_after;
                Problem { retry_after, ..Problem::new(Kind::NotDone, "the session may live on: try again") }
            }
        }
    }
}

impl Refusal for EndSessionError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::NotFound => Problem::new(Kind::NotFound, self.to_string()),
            Self::Fault(fault) => LogoutError::Fault(fault.clone()).problem(now),
        }
    }
}

impl Refusal for LogoutEverywhereError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::NoAccount | Self::OtherAccount => Problem::new(Kind::Session, self.to_string()),
            Self::Keep(error) => error.problem(now),
            Self::Fault(fault) => LogoutError::Fault(fault.clone()).problem(now),
        }
    }
}

impl Refusal for UpdateSessionDataError {
    fn problem(&self, now: Timestamp) -> Problem {
        match self {
            Self::Session(error) => error.problem(now),
            Self::TooLarge { .. } => Problem::new(Kind::TooLarge, self.to_string()),
            Self::Lifetime { .. } => Problem::new(Kind::Body, self.to_string()),
            Self::Fault(fault) => fault.problem(now),
        }
    }
}

impl Refusal for CookieError {
    fn problem(&self, _: Timestamp) -> Problem {
        let kind = match self {
            Self::TooLong | Self::TooMany => Kind::TooManyCookies,
            _ => Kind::Cookies,
        };
        Problem::new(kind, self.to_string())
    }
}

impl Refusal for TargetError {
    fn problem(&self, _: Timestamp) -> Problem {
        Problem::new(Kind::Target, self.to_string())
    }
}

impl Refusal for CrossSite {
    fn problem(&self, _: Timestamp) -> Problem {
        Problem::new(Kind::CrossSite, self.to_string())
    }
}

impl Refusal for BearerError {
    fn problem(&self, _: Timestamp) -> Problem {
        Problem::new(Kind::Bearer, self.to_string())
    }
}

fn throttled(error: &impl alloc::string::ToString, until: Timestamp, now: Timestamp) -> Problem {
    Problem::new(Kind::Throttled, error.to_string()).after(until.since(now))
}

const SOON: Duration = Duration::from_secs(1);
