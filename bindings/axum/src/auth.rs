//! What a host says once of its web login: the engine, the cookie, the origins, the tokens.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use doorward::core::web::cookie::{Cookie, CookieError};
use doorward::core::web::origin::Origins;
use doorward::core::web::reply::{Replies, Wants};
use doorward::core::web::target::ReturnTarget;
use doorward::{AsyncEngine, Audience, ClientId, LoggedIn, Scope};

use crate::respond::SessionCookies;

/// A web login on an engine: a layer that lets the extractors work, and the [`router`](Self::router) of its routes.
/// Cheap to clone.
///
/// # Example: the whole of it
/// ```
/// use axum::{Router, routing::get};
/// use doorward::{AsyncEngine, MasterKey, store::MemoryStore};
/// use doorward_axum::{AccessToken, Auth, Session};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let engine = AsyncEngine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [7; 32])).open().await?;
/// let auth = Auth::new(engine);
/// let app: Router = Router::new()
///     .route("/account", get(|session: Session| async move { format!("{}", session.account) }))
///     .route("/api/me", get(|token: AccessToken| async move { format!("{}", token.account) }))
///     .merge(auth.router()) // POST /auth/login, /auth/token, /auth/logout …
///     .layer(auth);
/// # assert!(app.has_routes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Auth {
    pub(crate) engine: AsyncEngine,
    pub(crate) settings: Arc<Settings>,
}

pub(crate) struct Settings {
    pub(crate) replies: Replies,
    pub(crate) origins: Origins,
    pub(crate) client: String,
    pub(crate) audience: Audience,
    pub(crate) scope: Scope,
    pub(crate) fresh_within: Duration,
    pub(crate) max_body: usize,
    pub(crate) takes_registrations: bool,
    source: Box<SourceOf>,
}

type SourceOf = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

impl Auth {
    /// With every default: see [`AuthBuilder`].
    pub fn new(engine: AsyncEngine) -> Self {
        Self::builder(engine).build()
    }

    /// A builder that starts from the defaults.
    pub fn builder(engine: AsyncEngine) -> AuthBuilder {
        let audience = engine.policy().tokens().issuer.clone();
        let settings = Settings {
            replies: Replies::default(),
            origins: Origins::default(),
            client: "web".into(),
            audience,
            scope: Scope::default(),
            fresh_within: Duration::from_mins(10),
            max_body: 16 * 1024,
            takes_registrations: true,
            source: Box::new(peer),
        };
        AuthBuilder { engine, settings, remembers_devices: false }
    }

    /// The engine: what the routes do not do, a host does with it.
    pub fn engine(&self) -> &AsyncEngine {
        &self.engine
    }

    /// The cookies of a login that a host did by itself, with [`engine`](Self::engine): parts of its response.
    ///
    /// # Errors
    /// [`CookieError`]: the token does not fit the cookie.
    pub fn cookies_of(&self, login: &LoggedIn) -> Result<SessionCookies, CookieError> {
        let plan = self.settings.replies.logged_in(login, Wants::Form, ReturnTarget::default())?;
        Ok(SessionCookies(plan.cookies))
    }

    /// What makes a browser forget the session's cookie, after a host has ended the session by itself.
    pub fn cleared_cookies(&self) -> SessionCookies {
        SessionCookies(self.settings.replies.session.clear())
    }

    pub(crate) fn source(&self, parts: &Parts) -> Option<IpAddr> {
        (self.settings.source)(parts)
    }
}

/// As an extractor: for handlers that need the engine.
impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = crate::Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, crate::Rejection> {
        Ok(crate::visit::Visit::of(parts)?.auth)
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("cookie", &self.settings.replies.session.name()).finish_non_exhaustive()
    }
}

/// What a web login is made of.
///
/// | | default |
/// |---|---|
/// | cookie | `__Host-session; Path=/; Secure; HttpOnly; SameSite=Lax`, to the session's absolute end |
/// | origins | `https://` and the request's `Host` |
/// | client of the tokens | `web` |
/// | audience of the tokens | the policy's issuer |
/// | scope that a login is granted | none |
/// | a session is fresh | 10 min after the password was proven |
/// | largest body | 16 KiB |
/// | source of a request | the peer's address, if the server tells it (`into_make_service_with_connect_info`) |
/// | known devices | not remembered |
/// | sign-up | open |
/// | `Clear-Site-Data` at logout | not sent |
///
/// # Example: behind a proxy that says who asks
/// ```
/// use doorward::core::web::origin::Origins;
/// use doorward::{AsyncEngine, Audience, MasterKey, store::MemoryStore};
/// use doorward_axum::Auth;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let engine = AsyncEngine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [7; 32])).open().await?;
/// let auth = Auth::builder(engine)
///     .origins(Origins::only(["https://app.example"])?)
///     .audience(Audience::parse("https://app.example/api")?)
///     .source(|request| request.headers.get("x-real-ip")?.to_str().ok()?.parse().ok())
///     .remember_devices()
///     .build();
/// # assert!(format!("{auth:?}").contains("__Host-session"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct AuthBuilder {
    engine: AsyncEngine,
    settings: Settings,
    remembers_devices: bool,
}

impl AuthBuilder {
    /// The session's cookie.
    ///
    /// # Errors
    /// [`CookieError::OutOfReach`]: its path leaves out the routes that set and clear it.
    pub fn cookie(mut self, cookie: Cookie) -> Result<Self, CookieError> {
        if !cookie.is_sent_to("/auth/") {
            return Err(CookieError::OutOfReach("/auth"));
        }
        self.settings.replies.session = cookie;
        Ok(self)
    }

    /// Which pages may send requests that change something.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.settings.origins = origins;
        self
    }

    /// For development: pages at `http://localhost`, `http://127.0.0.1` or `http://[::1]`, and no others. The cookie stays
    /// `Secure`, which Chromium, Firefox and curl take from this machine over plain HTTP.
    pub fn loopback(self) -> Self {
        self.origins(Origins::loopback())
    }

    /// For development in a browser that does not: the same with the cookie `session`, which is not `Secure`. Whoever is on
    /// the way reads it.
    pub fn plain_http(mut self) -> Self {
        self.settings.replies.session = Cookie::plain_http();
        self.loopback()
    }

    /// The client that tokens are issued to.
    pub fn client(mut self, client: ClientId) -> Self {
        self.settings.client = client.as_str().into();
        self
    }

    /// For whom tokens are issued, and which ones [`AccessToken`](crate::AccessToken) accepts.
    pub fn audience(mut self, audience: Audience) -> Self {
        self.settings.audience = audience;
        self
    }

    /// What every login is granted: its tokens may ask for no more.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.settings.scope = scope;
        self
    }

    /// How long after a password was proven a session is a [`FreshSession`](crate::FreshSession).
    pub fn fresh_within(mut self, within: Duration) -> Self {
        self.settings.fresh_within = within;
        self
    }

    /// The largest body that a route of this crate reads, in bytes.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// Where a request comes from, for what is slowed by source. Behind a proxy every peer is that proxy, and all would be
    /// slowed as one: read the header that it sets, and that nobody else can. `None` slows nothing.
    pub fn source(mut self, source: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.settings.source = Box::new(source);
        self
    }

    /// A login makes this browser a known device, in a cookie of its own that outlives the session: it need not wait while
    /// strangers guess at the name.
    pub fn remember_devices(mut self) -> Self {
        self.remembers_devices = true;
        self
    }

    /// There is no `POST /auth/register`: accounts are made by the host, with [`Auth::engine`].
    pub fn without_registration(mut self) -> Self {
        self.settings.takes_registrations = false;
        self
    }

    /// A logout tells the browser to forget what it keeps of this origin.
    pub fn clear_site_data(mut self) -> Self {
        self.settings.replies.clear_site_data = true;
        self
    }

    /// The web login.
    #[must_use]
    pub fn build(mut self) -> Auth {
        if self.remembers_devices {
            let lifetime = self.engine.policy().devices().lifetime;
            self.settings.replies.device = Some((self.settings.replies.session.of_device(), lifetime));
        }
        Auth { engine: self.engine, settings: Arc::new(self.settings) }
    }
}

impl std::fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthBuilder").finish_non_exhaustive()
    }
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}
