//! A login hashes and commits without holding up the runtime: one thread serves everybody else meanwhile.
#![allow(clippy::unwrap_used)] // tests

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use doorward::core::password::Argon2Params;
use doorward::store::{Pooled, SqliteStore};
use doorward::{AsyncEngine, MasterKey, Policy};
use doorward_axum::Auth;
use tower_service::Service as _;

#[tokio::test(flavor = "current_thread")]
async fn a_login_on_sqlite_leaves_the_thread_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = Pooled::new(SqliteStore::open(folder.path().join("app.db")).unwrap()).unwrap();
    let slow = Argon2Params::default().with_memory_kib(64 * 1024).unwrap().with_passes(12).unwrap();
    let engine = AsyncEngine::builder(store)
        .master_key(MasterKey::new(1, [7; 32]))
        .policy(Policy::builder().argon2(slow).build().unwrap());
    let mut app = Auth::builder(engine.open().await.unwrap()).loopback().build().router::<()>();
    assert_eq!(send(&mut app, "/auth/register").await.0, StatusCode::SEE_OTHER);

    let ticks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ticks);
    let others = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (status, took) = send(&mut app, "/auth/login").await;
    others.abort();
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(took > Duration::from_millis(100), "it hashed for {took:?}: too short to tell");
    // Were the thread held, there would be none. Half of what there was time for allows for a busy machine.
    let (ticks, possible) = (u128::from(ticks.load(Ordering::Relaxed)), took.as_millis() / 2);
    assert!(ticks > possible / 2, "{ticks} turns in {took:?}");
}

async fn send(app: &mut Router, path: &str) -> (StatusCode, Duration) {
    let request = Request::post(path)
        .header("host", "127.0.0.1")
        .header("origin", "http://127.0.0.1")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("name=ada&password=plum+kettle+orbit"))
        .unwrap();
    let begun = Instant::now();
    let response = app.call(request).await.unwrap();
    (response.status(), begun.elapsed())
}
