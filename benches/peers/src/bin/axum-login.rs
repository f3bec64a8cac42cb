//! `axum-login` on sessions in SQLite, for `http` in `doorward-benches`: begun with a file, it fills that, and says `ready` and its port.
//!
//! Set up as its own example is: one pool for users and sessions, the user read on every request, a session that ends when it
//! is not used for a day. What is not as there: people log in by `POST /login` with a form, and who may not see `/me` is told 401.

use std::collections::HashMap;
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, login_required};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{FromRow, SqlitePool};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tower_sessions::session::{Id, Record};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore};
use tower_sessions_sqlx_store::SqliteStore;

type Failure = Box<dyn Error + Send + Sync>;

/// As many as on our side.
const MANY: usize = 1000;
const NAME: &str = "ada";
const PASSWORD: &str = "plum kettle orbit";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let file = std::env::args().nth(1).ok_or("begin it with a file")?;
    // As ours is set up: a log, and a sync for each commit. The pool is the default one.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().connect_with(options).await?;
    let backend = Users { pool: pool.clone() };
    let ada = backend.make().await?;
    let store = SqliteStore::new(pool);
    store.migrate().await?;
    fill(&store, &ada).await?;

    let sessions = SessionManagerLayer::new(store).with_expiry(Expiry::OnInactivity(time::Duration::days(1)));
    let app = Router::new()
        .route("/me", get(me))
        .route_layer(login_required!(Users))
        .route("/login", post(login))
        .layer(AuthManagerLayerBuilder::new(backend, sessions).build());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut answers = stdout();
    writeln!(answers, "ready {}", listener.local_addr()?.port())?;
    answers.flush()?;
    Ok(axum::serve(listener, app).await?)
}

/// Sessions of others, as a login writes them.
async fn fill(store: &SqliteStore, user: &User) -> Result<(), Failure> {
    for _ in 0..MANY {
        let auth_data = json!({ "user_id": user.id, "auth_hash": user.session_auth_hash() });
        let data = HashMap::from([("axum-login.data".to_owned(), auth_data)]);
        let expiry_date = OffsetDateTime::now_utc() + Duration::from_secs(86_400);
        store.create(&mut Record { id: Id::default(), data, expiry_date }).await?;
    }
    Ok(())
}

type AuthSession = axum_login::AuthSession<Users>;

async fn me(session: AuthSession) -> Result<Json<Value>, StatusCode> {
    let user = session.user.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(json!({ "id": user.id, "name": user.name })))
}

async fn login(mut session: AuthSession, Form(credentials): Form<Credentials>) -> Result<(), StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let user = session.authenticate(credentials).await.map_err(failed)?.ok_or(StatusCode::UNAUTHORIZED)?;
    session.login(&user).await.map_err(failed)
}

#[derive(Clone, FromRow)]
struct User {
    id: i64,
    name: String,
    password: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

#[derive(Clone, Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

#[derive(Clone)]
struct Users {
    pool: SqlitePool,
}

impl Users {
    async fn make(&self) -> Result<User, Failure> {
        let table = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL)";
        sqlx::query(table).execute(&self.pool).await?;
        let hash = password_auth::generate_hash(PASSWORD);
        let made = sqlx::query_as("INSERT INTO users (name, password) VALUES (?, ?) RETURNING *");
        Ok(made.bind(NAME).bind(hash).fetch_one(&self.pool).await?)
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = Credentials;
    type Error = sqlx::Error;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, sqlx::Error> {
        let found = sqlx::query_as("SELECT * FROM users WHERE name = ?");
        let found: Option<User> = found.bind(credentials.name).fetch_optional(&self.pool).await?;
        let proven = spawn_blocking(move || {
            found.filter(|user| password_auth::verify_password(credentials.password, &user.password).is_ok())
        });
        Ok(proven.await.unwrap_or_default())
    }

    async fn get_user(&self, id: &i64) -> Result<Option<User>, sqlx::Error> {
        sqlx::query_as("SELECT * FROM users WHERE id = ?").bind(id).fetch_optional(&self.pool).await
    }
}
