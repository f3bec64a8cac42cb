//! A host with a web login: Doorward's routes and some of its own, served on a loopback socket from a database file.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use doorward::core::model::source::{Bucket, SourcePolicy};
use doorward::core::password::Argon2Params;
use doorward::core::policy::PolicyBuilder;
use doorward::core::store::AsyncStore;
use doorward::store::{Pooled, SqliteStore};
use doorward::{AccountId, AsyncEngine, Builder, ManualClock, MasterKey, Policy, Register, Scope, Timestamp};
use doorward_axum::{AccessToken, Auth, AuthBuilder, FreshSession, OptionalSession, Rejection, Session};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::client::{Connection, Request, Response};
use super::{NAME, PASSWORD};

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) engine: AsyncEngine,
    pub(crate) ada: AccountId,
    folder: TempDir,
}

impl Site {
    /// With every default, for pages at this address; `ada` has an account.
    pub(crate) async fn start() -> Self {
        Self::with(AuthBuilder::loopback).await
    }

    /// The same, with these settings.
    pub(crate) async fn with(settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = builder(store(&folder), policy()).open().await.unwrap();
        Self::serve(folder, engine, settings).await
    }

    /// The same, by a clock that the test sets.
    pub(crate) async fn at(clock: &ManualClock, settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = builder(store(&folder), policy()).clock(clock.clone()).open().await.unwrap();
        Self::serve(folder, engine, settings).await
    }

    pub(crate) async fn serve(
        folder: TempDir,
        engine: AsyncEngine,
        settings: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        let ada = engine.register(Register::new(NAME, PASSWORD)).await.unwrap();
        let auth = settings(Auth::builder(engine.clone())).build();
        let address = listen(host().merge(auth.router()).layer(auth)).await;
        Self { address, engine, ada, folder }
    }

    /// The origin of its pages.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn database(&self) -> PathBuf {
        path(&self.folder)
    }

    /// What a program that is no browser sends, on a connection of its own.
    pub(crate) async fn send(&self, request: Request) -> Response {
        Connection::to(self.address).await.send(&request).await
    }
}

pub(crate) async fn listen(app: Router) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("auth.db")
}

pub(crate) fn store(folder: &TempDir) -> Pooled<SqliteStore> {
    Pooled::new(SqliteStore::open(path(folder)).unwrap()).unwrap()
}

pub(crate) fn builder(store: impl AsyncStore + 'static, policy: PolicyBuilder) -> Builder<dyn AsyncStore> {
    AsyncEngine::builder(store).master_key(MasterKey::new(1, [7; 32])).policy(policy.build().unwrap())
}

/// Hashing as cheap as the floor allows, and an address that is not slowed: all browsers here have the same.
pub(crate) fn policy() -> PolicyBuilder {
    let argon2 = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(1).unwrap();
    let unslowed = Bucket { size: 1_000_000, refill: Duration::from_millis(1) };
    let sources = SourcePolicy { guesses: unslowed, registrations: unslowed, ..SourcePolicy::default() };
    Policy::builder().argon2(argon2).sources(sources)
}

/// A clock that stands until it is moved.
pub(crate) fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(1_800_000_000_000))
}

pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

/// Pages and an API of the host's own.
pub(crate) fn host() -> Router {
    Router::new()
        .route("/public", get(async || "anybody"))
        .route("/page", get(page).post(page))
        .route("/maybe", get(maybe).post(maybe))
        .route("/fresh", get(async |fresh: FreshSession| fresh.0.account.to_string()))
        .route("/logout-url", get(async |session: Session| session.logout_url()))
        .route("/note", get(note).put(keep_note).post(keep_note))
        .route("/api/me", get(async |token: AccessToken| token.account.to_string()))
        .route("/api/notes", get(notes))
}

async fn page(session: Session) -> String {
    session.account.to_string()
}

async fn maybe(OptionalSession(session): OptionalSession) -> &'static str {
    if session.is_some() { "somebody" } else { "nobody" }
}

async fn note(session: Session) -> Result<Json<Option<String>>, Rejection> {
    Ok(Json(session.data().await?))
}

async fn keep_note(session: Session, note: String) -> Result<StatusCode, Rejection> {
    session.set_data(&note).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn notes(token: AccessToken) -> Result<&'static str, Rejection> {
    token.require("notes:read")?;
    Ok("notes")
}
