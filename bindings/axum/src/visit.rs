//! A request, as far as every route and extractor looks at it.

use std::net::IpAddr;

use axum::http::header::{self, AsHeaderName};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use doorward::Renewed;
use doorward::core::web::cookie::Cookie;
use doorward::core::web::origin::FetchHeaders;
use doorward::core::web::problem::{Kind, Problem, Refusal};
use doorward::core::web::reply::{Plan, Wants};
use doorward::core::web::target::ReturnTarget;
use zeroize::Zeroizing;

use crate::auth::Auth;
use crate::layer::Personal;
use crate::respond::{Rejection, refuse};

/// Who asks, and how.
pub(crate) struct Visit<'a> {
    pub(crate) auth: Auth,
    pub(crate) wants: Wants,
    parts: &'a Parts,
}

impl<'a> Visit<'a> {
    pub(crate) fn of(parts: &'a Parts) -> Result<Self, Rejection> {
        let text = |name| one(&parts.headers, name);
        let wants = Wants::of(text(header::CONTENT_TYPE), text(header::ACCEPT));
        let Some(auth) = parts.extensions.get::<Auth>().cloned() else {
            let problem = "the layer is missing: Router::layer(auth), after the routes";
            return Err(Rejection::new(Problem::new(Kind::Unavailable, problem), wants));
        };
        if let Some(personal) = parts.extensions.get::<Personal>() {
            personal.mark();
        }
        Ok(Self { auth, wants, parts })
    }

    /// The value of the session's cookie.
    pub(crate) fn session_token(&self) -> Result<Option<Zeroizing<String>>, Rejection> {
        self.cookie(&self.auth.settings.replies.session)
    }

    /// The same where nothing can be done without one.
    pub(crate) fn needed_token(&self) -> Result<Zeroizing<String>, Rejection> {
        self.session_token()?.ok_or_else(|| self.nobody())
    }

    /// The value of the known device's cookie.
    pub(crate) fn device_token(&self) -> Result<Option<Zeroizing<String>>, Rejection> {
        self.auth.settings.replies.device.as_ref().map_or(Ok(None), |(cookie, _)| self.cookie(cookie))
    }

    fn cookie(&self, cookie: &Cookie) -> Result<Option<Zeroizing<String>>, Rejection> {
        let headers = self.parts.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        let value = cookie.read(headers).map_err(|error| {
            // One of two may be what an earlier configuration left: without it the next request makes sense.
            self.refuse(&error).forgetting(cookie.clear_former())
        })?;
        Ok(value.map(|value| Zeroizing::new(value.to_owned())))
    }

    /// Whether the request may do more than look. A WebSocket opens with a `GET`, and no rule of browsers keeps another site's
    /// page from opening one (RFC 6455, section 10.2).
    pub(crate) fn may_change(&self) -> bool {
        let is_look = matches!(self.parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let headers = &self.parts.headers;
        let is_to_socket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
        let opens_socket = headers.get_all("upgrade").iter().any(is_to_socket);
        !is_look || opens_socket || headers.contains_key("sec-websocket-key")
    }

    pub(crate) fn check_write(&self) -> Result<(), Rejection> {
        self.fetch().check_write(&self.auth.settings.origins).map_err(|error| self.refuse(&error))
    }

    pub(crate) fn check_foreign(&self) -> Result<(), Rejection> {
        self.fetch().check_foreign(&self.auth.settings.origins).map_err(|error| self.refuse(&error))
    }

    pub(crate) fn check_own_link(&self) -> Result<(), Rejection> {
        self.fetch().check_own_link().map_err(|error| self.refuse(&error))
    }

    pub(crate) fn check_link(&self) -> Result<(), Rejection> {
        self.fetch().check_link(&self.auth.settings.origins).map_err(|error| self.refuse(&error))
    }

    fn fetch(&self) -> FetchHeaders<'_> {
        let text = |name: &'static str| one(&self.parts.headers, HeaderName::from_static(name));
        let authority = self.parts.uri.authority().map(Authority::as_str);
        FetchHeaders {
            host: text("host").or(authority),
            origin: text("origin"),
            site: text("sec-fetch-site"),
            mode: text("sec-fetch-mode"),
            dest: text("sec-fetch-dest"),
            user: text("sec-fetch-user"),
            purpose: ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().find_map(text),
        }
    }

    /// The reply to whatever gave the session a new token.
    pub(crate) fn renewed(
        &self,
        renewed: &Renewed,
        wants: Wants,
        target: ReturnTarget,
    ) -> Result<Plan, Rejection> {
        let plan = self.auth.settings.replies.renewed(&renewed.token, &renewed.session, wants, target);
        plan.map_err(|error| self.refuse(&error))
    }

    pub(crate) fn source(&self) -> Option<IpAddr> {
        self.auth.source(self.parts)
    }

    /// The media type of the body; none where several are named.
    pub(crate) fn media(&self) -> Option<String> {
        let kind = one(&self.parts.headers, header::CONTENT_TYPE)?;
        Some(kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// What the browser calls itself.
    pub(crate) fn label(&self) -> Option<&str> {
        one(&self.parts.headers, header::USER_AGENT).filter(|label| !label.is_empty())
    }

    pub(crate) fn nobody(&self) -> Rejection {
        self.reject(Kind::Session, "log in first")
    }

    pub(crate) fn reject(&self, kind: Kind, detail: &'static str) -> Rejection {
        Rejection::new(Problem::new(kind, detail), self.wants)
    }

    pub(crate) fn refuse(&self, refusal: &impl Refusal) -> Rejection {
        refuse(refusal, self.auth.engine.now(), self.wants)
    }
}

/// The text of a header that may come once. Several, or one that is no text, are an empty one, which matches nothing.
fn one(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { Some("") } else { Some(value.to_str().unwrap_or_default()) }
}
