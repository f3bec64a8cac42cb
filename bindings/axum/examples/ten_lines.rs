//! A web login in ten lines: the example of README.

use axum::{Router, routing::get};
use doorward::store::{Pooled, SqliteStore};
use doorward::{AsyncEngine, KeyFile};
use doorward_axum::{AccessToken, Auth, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Pooled::new(SqliteStore::open("app.db")?)?;
    let engine = AsyncEngine::builder(store).master_key(KeyFile::load_or_create("app.key")?).open().await?;
    // beside it: engine.maintain(), every five minutes
    let auth = Auth::new(engine); // behind a proxy: Auth::builder(engine).source(…); without TLS: .loopback()

    let app = Router::new()
        .route("/account", get(async |session: Session| session.account.to_string()))
        .route("/api/me", get(async |token: AccessToken| token.account.to_string()))
        .merge(auth.router()) // POST /auth/register, /auth/login, /auth/token, /auth/logout …
        .layer(auth);
    let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>(); // who asks is slowed by address
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?;
    Ok(())
}
