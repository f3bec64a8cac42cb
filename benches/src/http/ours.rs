//! Our web login, set up as the README says, in a process of its own.

use std::future::IntoFuture;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use doorward::store::{Pooled, SqliteStore};
use doorward::{AsyncEngine, Engine, Register};
use doorward_axum::{Auth, Session};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{MANY, NAME, PASSWORD};
use crate::Failure;
use crate::answering::say;
use crate::candidate::key;
use crate::populate;

/// The first argument of a process that serves; the second is its file.
pub(super) const SERVE: &str = "--serve-http";

/// Whether these are the arguments of a process that serves. It does so until it is ended.
///
/// # Errors
/// The store or the system fails.
pub fn serve(arguments: &[String]) -> Result<bool, Failure> {
    let [first, file] = arguments else { return Ok(false) };
    if first != SERVE {
        return Ok(false);
    }
    fill(file.as_ref())?;
    // As `#[tokio::main]` makes one.
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(answer(file.as_ref(), |port| say(&format!("ready {port}"))))?;
    Ok(true)
}

/// Somebody who can log in, and sessions of others.
fn fill(file: &Path) -> Result<(), Failure> {
    let store = Arc::new(SqliteStore::open(file)?);
    let engine = Engine::builder(Arc::clone(&store)).master_key(key()).open()?;
    engine.register(Register::new(NAME, PASSWORD))?;
    populate::sessions(&engine, &*store, MANY)
}

/// Tells the port when it can be asked.
async fn answer(file: &Path, tell: impl FnOnce(u16) -> io::Result<()>) -> Result<(), Failure> {
    let store = Pooled::new(SqliteStore::open(file)?)?;
    let engine = AsyncEngine::builder(store).master_key(key()).open().await?;
    let auth = Auth::builder(engine).loopback().build();
    let app = Router::new().route("/me", get(me)).merge(auth.router()).layer(auth);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    tell(listener.local_addr()?.port())?;
    Ok(axum::serve(listener, app).into_future().await?)
}

async fn me(session: Session) -> Json<Value> {
    Json(json!({ "id": session.account.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{LOGIN, check, log_in};

    #[test]
    fn who_logs_in_is_known_and_nobody_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        fill(&file).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        // It serves until the tests are over.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(answer(&file, |port| tell.send(port).map_err(io::Error::other))).unwrap();
        });
        let port = told.recv().unwrap();
        let cookie = log_in(port, LOGIN).unwrap();
        check(port, &cookie).unwrap();
        let refused = check(port, &format!("{cookie}x")).unwrap_err();
        assert!(refused.to_string().contains("who is logged in"), "{refused}");
    }
}
