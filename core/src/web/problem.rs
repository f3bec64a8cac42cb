//! What is said of each refusal: problem details (RFC 9457), as JSON for programs and as a page for people.
//!
//! Nothing of the request comes back in one, and of a failure of ours no more than that there was one: the audit trail
//! has the rest.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use serde_json::{Value, json};

use crate::time::Timestamp;

use super::reply::{Body, Plan, Wants};

mod refusals;

/// One refusal, for the client.
///
/// # Example: a wrong password
/// ```
/// use doorward_core::operation::login::LoginError;
/// use doorward_core::time::Timestamp;
/// use doorward_core::web::problem::{Kind, Refusal};
/// use doorward_core::web::reply::Wants;
///
/// let problem = LoginError::Denied.problem(Timestamp::from_millis(0));
/// assert_eq!(problem.kind, Kind::Denied);
/// let plan = problem.plan(Wants::Json);
/// let body = plan.body.ok_or("none")?;
/// assert_eq!((plan.status, body.content_type), (401, "application/problem+json"));
/// assert!(body.expose().contains(r#""type":"urn:doorward:problem:denied""#));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which it is: status, `type` and title.
    pub kind: Kind,
    /// What it says, for people.
    pub detail: String,
    /// How long to wait before the next try, when waiting helps.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// Of this kind. What an error says becomes a sentence: a person reads it.
    pub fn new(kind: Kind, detail: impl AsRef<str>) -> Self {
        let mut letters = detail.as_ref().chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let mut detail: String = first.into_iter().chain(letters).collect();
        if !detail.ends_with(['.', '!', '?', '…']) {
            detail.push('.');
        }
        Self { kind, detail, retry_after: None }
    }

    /// The response.
    pub fn plan(&self, wants: Wants) -> Plan {
        let mut plan = Plan::new(self.kind.status());
        if let Some(wait) = self.retry_after {
            plan.more.push(("retry-after", Cow::Owned(seconds(wait).to_string())));
        }
        if let Some(challenge) = self.kind.challenge() {
            plan.more.push(("www-authenticate", Cow::Borrowed(challenge)));
        }
        plan.body = Some(match wants {
            Wants::Json | Wants::Form => Body::json("application/problem+json", &self.to_json()),
            Wants::Page => {
                let policy =
                    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
                plan.more.push(("content-security-policy", Cow::Borrowed(policy)));
                Body::html(self.to_html())
            }
        });
        plan
    }

    fn to_json(&self) -> Value {
        let mut value = json!({
            "type": format!("urn:doorward:problem:{}", self.kind.word()),
            "title": self.kind.title(),
            "status": self.kind.status(),
            "detail": self.detail,
        });
        if let (Some(wait), Some(members)) = (self.retry_after, value.as_object_mut()) {
            let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            members.insert("retry_after_ms".into(), wait.into());
        }
        value
    }

    fn to_html(&self) -> String {
        let (title, detail) = (self.kind.title(), escaped(&self.detail));
        let wait = self.retry_after.map(|wait| format!("<p>Try again in {} seconds.</p>", seconds(wait)));
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
             <title>{title}</title><h1>{title}</h1><p>{detail}</p>{}<p><a href=\"/\">Back</a></p></html>",
            wait.unwrap_or_default()
        )
    }

    fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// An error that a client is told of.
///
/// # Example: one `match` less in an adapter
/// ```
/// use doorward_core::time::Timestamp;
/// use doorward_core::web::{problem::Refusal, target::ReturnTarget};
///
/// fn status(refusal: &impl Refusal) -> u16 {
///     refusal.problem(Timestamp::from_millis(0)).kind.status()
/// }
/// assert_eq!(status(&ReturnTarget::parse("//evil.example").unwrap_err()), 400);
/// ```
pub trait Refusal {
    /// What the client is told at this time.
    fn problem(&self, now: Timestamp) -> Problem;
}

macro_rules! kinds {
    ($(#[doc = $doc:literal] $kind:ident = $status:literal $word:literal $title:literal,)*) => {
        /// The kinds of refusals. Each has one status, one `type` (`urn:doorward:problem:` and its word) and one title; a
        /// word is never given another meaning.
        ///
        /// # Example: what a script goes by
        /// ```
        /// use doorward_core::web::problem::Kind;
        ///
        /// assert_eq!((Kind::Throttled.status(), Kind::Throttled.word()), (429, "throttled"));
        /// assert_eq!(Kind::Throttled.title(), "Too many attempts");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = $doc] $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The status code.
            pub fn status(self) -> u16 {
                match self { $(Self::$kind => $status,)* }
            }

            /// The end of its `type`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }

            /// What went wrong, in short.
            pub fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }
        }
    };
}

kinds! {
    #[doc = "The body is not what the route takes."]
    Body = 400 "body" "The request was not understood",
    #[doc = "The `Authorization` header is not one bearer token."]
    Bearer = 400 "bearer" "The Authorization header was not understood",
    #[doc = "Two cookies have the session's name, or it is no text."]
    Cookies = 400 "cookies" "The cookies are not usable",
    #[doc = "The return target could lead away, or is the logout."]
    Target = 400 "target" "The return target cannot be used",
    #[doc = "No live session."]
    Session = 401 "session" "Nobody is logged in",
    #[doc = "A session, but of a guest."]
    Anonymous = 401 "anonymous" "Nobody is logged in",
    #[doc = "Name or password is wrong, or the account may not log in."]
    Denied = 401 "denied" "Name or password is wrong",
    #[doc = "The access or refresh token is not accepted."]
    Token = 401 "token" "The token is not accepted",
    #[doc = "There is no access token."]
    NoToken = 401 "no-token" "An access token is needed",
    #[doc = "A refresh token came back: its session has ended."]
    Reused = 401 "reused" "The refresh token was used twice",
    #[doc = "Another site's page sent the request, or nobody says who did."]
    CrossSite = 403 "cross-site" "The request is not known to come from this site",
    #[doc = "The session is live, and the password was proven too long ago."]
    StepUp = 403 "step-up" "The password is needed again",
    #[doc = "The password is known to others."]
    MustChange = 403 "must-change" "The password must be changed",
    #[doc = "The token is another client's."]
    Client = 403 "client" "The token is another client's",
    #[doc = "More was asked for than was granted."]
    Scope = 403 "scope" "More was asked for than was granted",
    #[doc = "The access token was not granted what this asks for."]
    InsufficientScope = 403 "insufficient-scope" "The token does not allow this",
    #[doc = "No such thing, or not this person's."]
    NotFound = 404 "not-found" "There is no such thing here",
    #[doc = "The route has other methods."]
    Method = 405 "method" "The method is not allowed here",
    #[doc = "The name is taken."]
    Taken = 409 "taken" "The name is taken",
    #[doc = "The browser is logged in as somebody else."]
    OtherAccount = 409 "other-account" "Another account is logged in",
    #[doc = "The account has as many sessions as it may."]
    TooManySessions = 409 "too-many-sessions" "There are too many sessions",
    #[doc = "The refresh token was used a moment ago, by another instance."]
    Conflict = 409 "conflict" "The token was used a moment ago",
    #[doc = "The body, or what is to be kept, is too large."]
    TooLarge = 413 "too-large" "The request is too large",
    #[doc = "The body is of a media type that the route does not take."]
    ContentType = 415 "content-type" "The request's body is of another kind",
    #[doc = "The name cannot be one."]
    Name = 422 "name" "The name cannot be used",
    #[doc = "The password cannot be one."]
    Password = 422 "password" "The password cannot be used",
    #[doc = "Too many attempts."]
    Throttled = 429 "throttled" "Too many attempts",
    #[doc = "More cookies than are read."]
    TooManyCookies = 431 "too-many-cookies" "There are too many cookies",
    #[doc = "No room now; nothing was changed."]
    Busy = 503 "busy" "Too much to do at the moment",
    #[doc = "It could not be decided, or it is not known whether it was done. No token was given out."]
    Unavailable = 503 "unavailable" "It could not be decided",
    #[doc = "A logout that is not done."]
    NotDone = 503 "not-done" "The logout is not done",
}

impl Kind {
    /// What to send instead, when credentials were missing or refused (RFC 9110, section 11.6.1; RFC 6750, section 3). No
    /// browser shows a dialogue for either scheme.
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Session | Self::Anonymous | Self::Denied => Some("Cookie"),
            Self::NoToken => Some("Bearer"),
            Self::InsufficientScope => Some(r#"Bearer error="insufficient_scope""#),
            Self::Token | Self::Reused => Some(r#"Bearer error="invalid_token""#),
            Self::Bearer => Some(r#"Bearer error="invalid_request""#),
            _ => None,
        }
    }
}

/// Whole seconds, rounded up: who comes then is not too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use crate::error::{Fault, StoreError, StoreErrorKind};
    use crate::operation::change_password::ChangePasswordError;
    use crate::operation::end_session::EndSessionError;
    use crate::operation::login::LoginError;
    use crate::operation::logout::LogoutError;
    use crate::operation::session_data::UpdateSessionDataError;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn body(plan: &Plan) -> &str {
        plan.body.as_ref().unwrap().expose()
    }

    #[test]
    fn each_kind_has_a_word_of_its_own_and_a_status_that_refuses() {
        let words: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!((400..600).contains(&kind.status()) && kind.title().len() > 10, "{kind:?}");
            let is_challenge = kind.status() == 401 || matches!(kind, Kind::Bearer | Kind::InsufficientScope);
            assert_eq!(kind.challenge().is_some(), is_challenge, "{kind:?}");
            assert_eq!(kind.title(), escaped(kind.title()));
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        for (until, seconds) in
            [(1_000, "1"), (1_001, "1"), (2_000, "1"), (2_001, "2"), (31_000, "30"), (0, "1")]
        {
            let problem = LoginError::Throttled { until: Timestamp::from_millis(until) }.problem(NOW);
            let plan = problem.plan(Wants::Json);
            assert!(plan.headers().any(|header| header == ("retry-after", seconds)), "{until}");
        }
    }

    #[test]
    fn rv_11_a_failure_of_ours_is_told_without_its_cause() {
        let fault = Fault::Store(StoreError::new(StoreErrorKind::Fatal, "canary.db is a directory"));
        for problem in [
            fault.problem(NOW),
            LoginError::from(fault.clone()).problem(NOW),
            LogoutError::Fault(fault.clone()).problem(NOW),
            EndSessionError::Fault(fault.clone()).problem(NOW),
            ChangePasswordError::Fault(fault.clone()).problem(NOW),
            UpdateSessionDataError::Fault(fault.clone()).problem(NOW),
        ] {
            for wants in [Wants::Json, Wants::Page] {
                let plan = problem.plan(wants);
                assert!(plan.status == 503 && !body(&plan).contains("canary"), "{problem:?}");
            }
        }
    }

    #[test]
    fn what_an_error_says_is_a_sentence() {
        for (said, told) in [("it is off", "It is off."), ("Wait!", "Wait!"), ("é", "é."), ("", ".")] {
            assert_eq!(Problem::new(Kind::Body, said).detail, told);
        }
    }

    #[test]
    fn a_page_cannot_be_written_into() {
        let plan = Problem::new(Kind::Body, "<script src=\"x\">&").plan(Wants::Page);
        assert!(body(&plan).contains("<p>&lt;script src=&quot;x&quot;&gt;&amp;.</p>"));
        assert!(plan.headers().any(
            |(name, value)| name == "content-security-policy" && value.starts_with("default-src 'none'")
        ));
    }
}
