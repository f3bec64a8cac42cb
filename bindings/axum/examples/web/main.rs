//! A web login to look at: `cargo run --release --example web`, and open the address that it prints.
//!
//! It keeps `doorward-web.db` and its key in the current folder, listens on 127.0.0.1 only, and takes a free port unless
//! `PORT` names one. With `PLAIN_HTTP=1` the cookie is not `Secure`, for browsers that take no such cookie from
//! `http://127.0.0.1`.

use std::error::Error;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use doorward::store::{Pooled, SqliteStore};
use doorward::{AsyncEngine, KeyFile};
use doorward_axum::{AccessToken, Auth, Rejection, Session};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Pooled::new(SqliteStore::open("doorward-web.db")?)?;
    let key = KeyFile::load_or_create("doorward-web.key")?; // a real host keeps it apart from the database
    let engine = AsyncEngine::builder(store).master_key(key).open().await?;
    tokio::spawn(maintain(engine.clone()));

    let is_plain = std::env::var_os("PLAIN_HTTP").is_some_and(|value| value == "1");
    let auth = Auth::builder(engine);
    let auth = if is_plain { auth.plain_http() } else { auth.loopback() }.build();

    let port = std::env::var("PORT").map_or(Ok(0), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    say(&format!("http://{}", listener.local_addr()?));
    if is_plain {
        say("plain HTTP: the session's cookie is not Secure; for this machine only");
    }
    let app = app(auth).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await?;
    Ok(())
}

fn app(auth: Auth) -> Router {
    Router::new()
        .route("/", get(async || Html(include_str!("index.html"))))
        .route("/app.css", get(async || asset("text/css; charset=utf-8", include_str!("app.css"))))
        .route("/app.js", get(async || asset("text/javascript; charset=utf-8", include_str!("app.js"))))
        .route("/api/me", get(me))
        .route("/api/note", get(note).put(keep_note))
        .layer(DefaultBodyLimit::max(16 * 1024))
        .merge(auth.router())
        .layer(auth)
        .layer(middleware::from_fn(with_headers))
}

/// Whoever the access token was issued for.
async fn me(token: AccessToken) -> Json<Value> {
    Json(json!({
        "account": token.account.to_string(),
        "session": token.session.to_string(),
        "client": token.client.as_str(),
        "scope": token.scope.as_str(),
        "expires": token.expires.as_millis(),
    }))
}

#[derive(Serialize, Deserialize, Default)]
struct Note {
    note: String,
}

/// What is kept with the session ends with it.
async fn note(session: Session) -> Result<Json<Note>, Rejection> {
    Ok(Json(session.data().await?.unwrap_or_default()))
}

async fn keep_note(session: Session, Json(note): Json<Note>) -> Result<Response, Rejection> {
    session.set_data(&note).await?;
    Ok(axum::http::StatusCode::NO_CONTENT.into_response())
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

/// What every page of this example tells browsers. `Referrer-Policy` is not `no-referrer`: with that, forms have no origin.
async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Expired rows are deleted and keys rotated; a failure is told to the engine's events, and tried again.
async fn maintain(engine: AsyncEngine) {
    loop {
        let _ = engine.maintain().await;
        tokio::time::sleep(Duration::from_mins(5)).await;
    }
}

/// To whoever runs it. Nobody may read it any more, as behind `| head -n 1`: it serves all the same.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}
