//! Plans of the core as responses of axum.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use doorward::Timestamp;
use doorward::core::web::cookie::SetCookie;
use doorward::core::web::problem::{Kind, Problem, Refusal};
use doorward::core::web::reply::{Plan, Wants};

/// Why a request was refused, as its response: problem details (RFC 9457), or a page for a browser.
///
/// # Example: an extractor's refusal, told in a host's own way
/// ```
/// use axum::response::{IntoResponse, Redirect, Response};
/// use doorward::core::web::problem::Kind;
/// use doorward_axum::{Rejection, Session};
///
/// async fn page(session: Result<Session, Rejection>) -> Response {
///     match session {
///         Ok(session) => format!("hello {}", session.account).into_response(),
///         Err(refused) if refused.kind() == Kind::Session => Redirect::to("/").into_response(),
///         Err(refused) => refused.into_response(),
///     }
/// }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::get(page));
/// # assert!(app.has_routes());
/// ```
#[derive(Debug, Clone)]
pub struct Rejection {
    problem: Problem,
    wants: Wants,
    cookies: Vec<SetCookie>,
}

impl Rejection {
    pub(crate) fn new(problem: Problem, wants: Wants) -> Self {
        Self { problem, wants, cookies: Vec::new() }
    }

    /// The same, with cookies that make a browser forget what was wrong.
    pub(crate) fn forgetting(mut self, cookies: Vec<SetCookie>) -> Self {
        self.cookies = cookies;
        self
    }

    /// Which it is.
    pub fn kind(&self) -> Kind {
        self.problem.kind
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem.detail)
    }
}

impl std::error::Error for Rejection {}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut plan = self.problem.plan(self.wants);
        plan.cookies = self.cookies;
        response(&plan)
    }
}

/// A session's cookies, as parts of a response: return them in front of the body.
///
/// # Example: somebody becomes an administrator
/// ```
/// use axum::{Router, routing::post};
/// use doorward_axum::{Rejection, Session, SessionCookies};
///
/// async fn promote(session: Session) -> Result<(SessionCookies, String), Rejection> {
///     let (cookies, session) = session.rotate().await?; // the old cookie is dead
///     Ok((cookies, format!("welcome, {}", session.account)))
/// }
/// # let app: Router = Router::new().route("/promote", post(promote));
/// # assert!(app.has_routes());
/// ```
#[derive(Debug, Clone)]
#[must_use = "without them the browser keeps a cookie that opens nothing"]
pub struct SessionCookies(pub(crate) Vec<SetCookie>);

impl IntoResponseParts for SessionCookies {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        append(parts.headers_mut(), self.0.iter().map(|cookie| ("set-cookie", cookie.expose())));
        // A cookie keeps no cache from keeping the response, and giving it to others (RFC 9111, section 7.3).
        parts.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(parts)
    }
}

impl IntoResponse for SessionCookies {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}

/// The plan as a response.
pub(crate) fn response(plan: &Plan) -> Response {
    let mut response = Response::new(match &plan.body {
        Some(body) => Body::from(body.expose().to_owned()),
        None => Body::empty(),
    });
    *response.status_mut() = StatusCode::from_u16(plan.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    append(response.headers_mut(), plan.headers());
    response
}

/// All of them are checked where they are made; one that is none would be left out rather than sent changed.
fn append<'a>(to: &mut HeaderMap, headers: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, value) in headers {
        let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        else {
            continue;
        };
        value.set_sensitive(name == header::SET_COOKIE);
        to.append(name, value);
    }
}

/// A refusal at this time, for who asks in this way.
pub(crate) fn refuse(refusal: &impl Refusal, now: Timestamp, wants: Wants) -> Rejection {
    Rejection::new(refusal.problem(now), wants)
}
