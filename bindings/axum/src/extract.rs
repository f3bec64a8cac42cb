//! Extractors: who sends this request.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{self, AsHeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use doorward::core::web::bearer::bearer;
use doorward::core::web::logout_link::logout_token;
use doorward::core::web::origin::FetchHeaders;
use doorward::core::web::problem::{Kind, Problem, Refusal};
use doorward::core::web::reply::Wants;
use doorward::{Access, UpdateSessionData};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::auth::Auth;
use crate::layer::Personal;
use crate::respond::{Rejection, refuse};

/// A live session of a person's: the extractor of whatever needs a login. A request that may change something (any method
/// but `GET`, `HEAD` and `OPTIONS`) must also come from a page of ours. The answer is kept by no cache.
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
    /// Where a link leads that logs this session out. The token in it can do nothing else; it ends with the session's
    /// present cookie.
    pub fn logout_url(&self) -> String {
        format!("/auth/logout?token={}", logout_token(&self.token))
    }

    /// What was last kept with this session by [`set_data`](Self::set_data).
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
    /// The session has ended meanwhile, it is more than the policy's limit (64 KiB), or the store failed: nothing is changed.
    pub async fn set_data<T: Serialize + Sync>(&self, data: &T) -> Result<(), Rejection> {
        let data = serde_json::to_vec(data)
            .map_err(|_| Rejection::new(Problem::new(Kind::Body, "it cannot be kept as JSON"), self.wants))?;
        let update = UpdateSessionData::new(&self.token, data);
        self.auth.engine.update_session_data(update).await.map_err(|error| self.refuse(&error))?;
        Ok(())
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
        let token = visit.session_token()?.ok_or_else(|| visit.nobody())?;
        if !parts.method.is_safe() {
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
/// Refusals: 401 `token` with the reason, 400 for an `Authorization` header that makes no sense, 503 when it cannot be decided.
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
    /// 403 `scope`.
    pub fn require(&self, word: &str) -> Result<(), Rejection> {
        if self.access.scope.as_str().split(' ').any(|granted| granted == word) {
            return Ok(());
        }
        let problem = Problem::new(Kind::Scope, "the token was not granted what this asks for");
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
        let token = bearer(headers.iter().map(axum::http::HeaderValue::as_bytes))
            .map_err(|error| visit.refuse(&error))?
            .ok_or_else(|| visit.reject(Kind::Token, "send an access token: Authorization: Bearer …"))?;
        let audience = visit.auth.settings.audience.as_str();
        let access = visit.auth.engine.verify(token, audience).await.map_err(|error| visit.refuse(&error))?;
        Ok(Self { access, wants: visit.wants })
    }
}

/// A request, as far as every route looks at it.
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

    /// The value of the known device's cookie.
    pub(crate) fn device_token(&self) -> Result<Option<Zeroizing<String>>, Rejection> {
        self.auth.settings.replies.device.as_ref().map_or(Ok(None), |(cookie, _)| self.cookie(cookie))
    }

    fn cookie(
        &self,
        cookie: &doorward::core::web::cookie::Cookie,
    ) -> Result<Option<Zeroizing<String>>, Rejection> {
        let headers =
            self.parts.headers.get_all(header::COOKIE).iter().map(axum::http::HeaderValue::as_bytes);
        let value = cookie.read(headers).map_err(|error| self.refuse(&error))?;
        Ok(value.map(|value| Zeroizing::new(value.to_owned())))
    }

    pub(crate) fn check_write(&self) -> Result<(), Rejection> {
        self.fetch().check_write(&self.auth.settings.origins).map_err(|error| self.refuse(&error))
    }

    pub(crate) fn check_foreign(&self) -> Result<(), Rejection> {
        self.fetch().check_foreign(&self.auth.settings.origins).map_err(|error| self.refuse(&error))
    }

    pub(crate) fn check_link(&self) -> Result<(), Rejection> {
        self.fetch().check_link(&self.auth.settings.origins).map_err(|error| self.refuse(&error))
    }

    fn fetch(&self) -> FetchHeaders<'_> {
        let text = |name: &'static str| one(&self.parts.headers, HeaderName::from_static(name));
        let authority = self.parts.uri.authority().map(axum::http::uri::Authority::as_str);
        FetchHeaders {
            host: text("host").or(authority),
            origin: text("origin"),
            site: text("sec-fetch-site"),
            mode: text("sec-fetch-mode"),
            dest: text("sec-fetch-dest"),
            user: text("sec-fetch-user"),
            purpose: text("sec-purpose").or_else(|| text("purpose")),
        }
    }

    pub(crate) fn source(&self) -> Option<std::net::IpAddr> {
        self.auth.source(self.parts)
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
pub(crate) fn one(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { Some("") } else { Some(value.to_str().unwrap_or_default()) }
}
