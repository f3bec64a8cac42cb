//! The routes of a web login.

use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use doorward::core::web::problem::Kind;
use doorward::core::web::reply::Plan;

use crate::auth::Auth;
use crate::respond::{Rejection, response};
use crate::visit::Visit;

mod account;
mod login;
mod logout;
mod published;
mod sessions;
mod token;

impl Auth {
    /// The routes of a web login: see the [crate's page](crate). Merge it into the host's router, before the layer; nested,
    /// its links would lead elsewhere. How long a client may take to send a request is the server's to say.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let mut routes = Router::new();
        if self.settings.takes_registrations {
            routes = routes.route("/auth/register", post(account::register));
        }
        routes
            .route("/auth/login", post(login::login))
            .route("/auth/reauthenticate", post(account::reauthenticate))
            .route("/auth/password", post(account::password))
            .route("/auth/token", post(token::token))
            .route("/auth/refresh", post(token::refresh))
            .route(
                "/auth/logout",
                post(logout::by_post).get(logout::by_link).head(logout_method).fallback(logout_method),
            )
            .route("/auth/sessions", get(sessions::list).delete(sessions::end_others))
            .route("/auth/sessions/{id}", delete(sessions::end))
            .route("/auth/openapi.json", get(published::openapi))
            .route("/.well-known/jwks.json", get(published::keys))
            .method_not_allowed_fallback(method)
            .layer(self.clone())
    }
}

/// A route's answer: a plan, or a refusal.
type Answer = Result<Planned, Rejection>;

struct Planned(Plan);

impl IntoResponse for Planned {
    fn into_response(self) -> Response {
        response(&self.0)
    }
}

async fn method(request: Request) -> Rejection {
    let (parts, _) = request.into_parts();
    match Visit::of(&parts) {
        Ok(visit) => visit.reject(Kind::Method, "see the Allow header for the methods of this route"),
        Err(rejection) => rejection,
    }
}

/// A `HEAD` request is no navigation: it gets what any other method gets, and `Allow`, which axum would write with it, is
/// written here (RFC 9110, section 15.5.6).
async fn logout_method(request: Request) -> impl IntoResponse {
    ([(header::ALLOW, "GET,POST")], method(request).await)
}
