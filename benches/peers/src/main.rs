//! Sessions of `tower-sessions`, for the driver in `doorward-benches`: begun with the name of a store, it fills that, says
//! `ready`, and then answers each line, a number of milliseconds, with the microseconds that one load took.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use time::OffsetDateTime;
use tower_sessions::session::{Id, Record};
use tower_sessions::{MemoryStore, SessionStore};
use tower_sessions_sqlx_store::SqliteStore;

type Failure = Box<dyn Error + Send + Sync>;

/// As many as on our side.
const MANY: usize = 1000;
/// So many of them are asked for, one after the other.
const ASKED: usize = 32;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["memory"] => answer(MemoryStore::default()).await,
        ["sqlite", file] => {
            // As ours is set up: a log, and a sync for each commit. The pool is the default one.
            let options = SqliteConnectOptions::new()
                .filename(file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let store = SqliteStore::new(SqlitePoolOptions::new().connect_with(options).await?);
            store.migrate().await?;
            answer(store).await
        }
        _ => Err("memory, or sqlite and a file".into()),
    }
}

async fn answer(store: impl SessionStore) -> Result<(), Failure> {
    let mut ids = Vec::new();
    for number in 0..MANY {
        let data = HashMap::from([("user".to_owned(), format!("{number:032x}").into())]);
        let expiry_date = OffsetDateTime::now_utc() + Duration::from_secs(86_400);
        let mut record = Record { id: Id::default(), data, expiry_date };
        store.create(&mut record).await?;
        ids.push(record.id);
    }
    ids.truncate(ASKED);
    say("ready")?;
    for line in stdin().lock().lines() {
        let time = Duration::from_millis(line?.parse()?);
        let (begun, mut loads) = (Instant::now(), 0_u32);
        while begun.elapsed() < time {
            // The clock is looked at now and then.
            for id in &ids {
                if store.load(id).await?.is_none() {
                    return Err("a session is not there".into());
                }
                loads += 1;
            }
        }
        say(&format!("{}", begun.elapsed().as_secs_f64() * 1e6 / f64::from(loads)))?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), Failure> {
    let mut answers = stdout().lock();
    writeln!(answers, "{line}")?;
    Ok(answers.flush()?)
}
