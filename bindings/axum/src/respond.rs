//! Plans of the core as responses of axum.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward::Timestamp;
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
}

impl Rejection {
    pub(crate) fn new(problem: Problem, wants: Wants) -> Self {
        Self { problem, wants }
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
        response(&self.problem.plan(self.wants))
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
pub(crate) fn append<'a>(to: &mut HeaderMap, headers: impl Iterator<Item = (&'a str, &'a str)>) {
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
