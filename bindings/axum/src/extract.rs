//! Extractors: who sends this request.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use doorward::core::web::bearer::bearer;
use doorward::core::web::logout_link::logout_token;
use doorward::core::web::problem::{Kind, Problem, Refusal};
use doorward::core::web::reply::Wants;
use doorward::core::web::target::ReturnTarget;
use doorward::{Access, UpdateSessionData, Visitor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::auth::Auth;
use crate::respond::{Rejection, SessionCookies, refuse};
use crate::visit::Visit;

/// A live session of a person's: the extractor of whatever needs a login. A request that may change something (any method
/// but `GET`, `HEAD` and `OPTIONS`, and the opening of a WebSocket) must also come from a page of ours. The answer is kept by no
/// cache, unless the handler says otherwise.
///
/// Refusals: 401 without a live session, 403 for another site's request, 400 and 431 for cookies that make no sense, 503
/// when it cannot be decided.
///
/// # Example: data that goes with the session
/// ```
/// use axum::{Router, routing::post};
/// use doorward_axum::{Rejection, Session};
///
/// async fn add_to_basket(session: Session) -> Result<String, Rejection> {
///     let mut basket: Vec<String> = session.data().await?.unwrap_or_default();
///     basket.push("a kettle".into());
///     session.set_data(&basket).await?; // fails when the session has ended meanwhile
///     Ok(format!("{} things", basket.len()))
/// }
/// # let app: Router = Router::new().route("/basket", post(add_to_basket));
/// # assert!(app.has_routes());
/// ```
#[derive(Clone)]
pub struct Session {
    live: doorward::Session,
    token: Zeroizing<String>,
    auth: Auth,
    wants: Wants,
}

impl Session {
    /// Where a link leads that logs this session out, when it is opened: as far as browsers say so, what they fetch by
    /// themselves is refused. The token in it can do nothing else; it ends with the session's present cookie.
    pub fn logout_url(&self) -> String {
        format!("/auth/logout?token={}", logout_token(&self.token))
    }

    /// What was last kept with this session by [`set_data`](Self::set_data). What was kept in another shape is a refusal until
    /// it is replaced: let a new version of a host read what the old one kept.
    ///
    /// # Errors
    /// The session has ended meanwhile, the store failed, or something else was kept: a [`Rejection`] to answer with.
    pub async fn data<T: DeserializeOwned>(&self) -> Result<Option<T>, Rejection> {
        let kept = self.auth.engine.session_data(&self.token).await.map_err(|error| self.refuse(&error))?;
        if kept.data.is_empty() {
            return Ok(None);
        }
        let problem =
            |_| Problem::new(Kind::Unavailable, "what is kept with the session is of another shape");
        serde_json::from_slice(&kept.data)
            .map(Some)
            .map_err(|error| Rejection::new(problem(error), self.wants))
    }

    /// Keeps this with the session, as JSON, in the place of what was kept before. Of two at once the later one stands.
    ///
    /// # Errors
    /// The session has ended meanwhile, it is more than the policy's limit (64 KiB), or the store failed: nothing is changed,
    /// unless [`Fault::Unresolved`](doorward::Fault::Unresolved) told that nobody knows.
    pub async fn set_data<T: Serialize + Sync>(&self, data: &T) -> Result<(), Rejection> {
        let data = serde_json::to_vec(data).map_err(|_| {
            Rejection::new(Problem::new(Kind::Unavailable, "it cannot be kept as JSON"), self.wants)
        })?;
        let update = UpdateSessionData::new(&self.token, data);
        self.auth.engine.update_session_data(update).await.map_err(|error| self.refuse(&error))?;
        Ok(())
    }

    /// Gives the session a new cookie, and ends the old one: after whatever changed what this person may do (OWASP, session
    /// management). The session goes on with the new one; without the cookies in the response the browser is logged out.
    ///
    /// # Errors
    /// The session has ended meanwhile, or the store failed: the cookie is as it was, unless
    /// [`Fault::Unresolved`](doorward::Fault::Unresolved) told that nobody knows; the person then logs in again.
    pub async fn rotate(self) -> Result<(SessionCookies, Self), Rejection> {
        let renewed =
            self.auth.engine.rotate_session(&self.token).await.map_err(|error| self.refuse(&error))?;
        let Visitor::Account(live) = renewed.session else {
            return Err(Rejection::new(Problem::new(Kind::Anonymous, "log in first"), self.wants));
        };
        let (replies, target) = (&self.auth.settings.replies, ReturnTarget::default());
        let plan = replies.renewed(&renewed.token, &live, Wants::Form, target);
        let cookies = SessionCookies(plan.map_err(|error| self.refuse(&error))?.cookies);
        let token = Zeroizing::new(renewed.token.expose().to_owned());
        Ok((cookies, Self { live, token, ..self }))
    }

    fn refuse(&self, refusal: &impl Refusal) -> Rejection {
        refuse(refusal, self.auth.engine.now(), self.wants)
    }
}

impl Deref for Session {
    type Target = doorward::Session;

    fn deref(&self) -> &doorward::Session {
        &self.live
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.live.fmt(f)
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let visit = Visit::of(parts)?;
        let token = visit.needed_token()?;
        if visit.may_change() {
            visit.check_write()?;
        }
        let live = visit.auth.engine.authenticate(&token).await.map_err(|error| visit.refuse(&error))?;
        Ok(Self { live, token, auth: visit.auth, wants: visit.wants })
    }
}

/// A live session, or none: for pages that anybody may see. A cookie that opens no session is none; one that cannot be
/// decided about is a refusal, and so is another site's request with one.
///
/// # Example: a greeting
/// ```
/// use axum::{Router, routing::get};
/// use doorward_axum::OptionalSession;
///
/// async fn index(OptionalSession(session): OptionalSession) -> &'static str {
///     if session.is_some() { "welcome back" } else { "please log in" }
/// }
/// # let app: Router = Router::new().route("/", get(index));
/// # assert!(app.has_routes());
/// ```
#[derive(Debug, Clone)]
pub struct OptionalSession(pub Option<Session>);

impl<S: Sync> FromRequestParts<S> for OptionalSession {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        match Session::from_request_parts(parts, state).await {
            Ok(session) => Ok(Self(Some(session))),
            Err(refused) if matches!(refused.kind(), Kind::Session | Kind::Anonymous) => Ok(Self(None)),
            Err(refused) => Err(refused),
        }
    }
}

/// A session whose person proved who they are a short while ago ([`AuthBuilder::fresh_within`](crate::AuthBuilder::fresh_within)): for
/// payments, a new address, whatever a borrowed screen must not do (ASVS 5.0, 7.5.1). Else 403 `step-up`: ask for the password,
/// and send it to `POST /auth/reauthenticate`.
///
/// # Example: a payment
/// ```
/// use axum::{Router, routing::post};
/// use doorward_axum::FreshSession;
///
/// async fn pay(FreshSession(session): FreshSession) -> String {
///     format!("paid by {}", session.account)
/// }
/// # let app: Router = Router::new().route("/pay", post(pay));
/// # assert!(app.has_routes());
/// ```
#[derive(Debug, Clone)]
pub struct FreshSession(pub Session);

impl<S: Sync> FromRequestParts<S> for FreshSession {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let session = Session::from_request_parts(parts, state).await?;
        if session.is_fresh(session.auth.settings.fresh_within) {
            return Ok(Self(session));
        }
        let problem = Problem::new(Kind::StepUp, "prove the password again: POST /auth/reauthenticate");
        Err(Rejection::new(problem, session.wants))
    }
}

/// A verified access token of this engine's, for the [`AuthBuilder::audience`](crate::AuthBuilder::audience). Its session lives as far as the
/// policy's revocation mode asks.
///
/// Refusals: 401 `token` with the reason, or `no-token`; 400 for an `Authorization` header that makes no sense, 503 when it cannot be decided.
///
/// # Example: an API that asks for a scope
/// ```
/// use axum::{Router, routing::get};
/// use doorward_axum::{AccessToken, Rejection};
///
/// async fn read(token: AccessToken) -> Result<String, Rejection> {
///     token.require("notes:read")?;
///     Ok(format!("the notes of {}", token.account))
/// }
/// # let app: Router = Router::new().route("/api/notes", get(read));
/// # assert!(app.has_routes());
/// ```
#[derive(Debug, Clone)]
pub struct AccessToken {
    access: Arc<Access>,
    wants: Wants,
}

impl AccessToken {
    /// Whether the token was granted this word of a scope.
    ///
    /// # Errors
    /// 403 `insufficient-scope`.
    pub fn require(&self, word: &str) -> Result<(), Rejection> {
        if self.access.scope.as_str().split(' ').any(|granted| granted == word) {
            return Ok(());
        }
        let problem = Problem::new(Kind::InsufficientScope, "the token was not granted what this asks for");
        Err(Rejection::new(problem, self.wants))
    }
}

impl Deref for AccessToken {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl<S: Sync> FromRequestParts<S> for AccessToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let visit = Visit::of(parts)?;
        let headers = parts.headers.get_all(header::AUTHORIZATION);
        let token = bearer(headers.iter().map(HeaderValue::as_bytes))
            .map_err(|error| visit.refuse(&error))?
            .ok_or_else(|| visit.reject(Kind::NoToken, "send an access token: Authorization: Bearer …"))?;
        let audience = visit.auth.settings.audience.as_str();
        let access = visit.auth.engine.verify(token, audience).await.map_err(|error| visit.refuse(&error))?;
        Ok(Self { access, wants: visit.wants })
    }
}
