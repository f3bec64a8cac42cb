//! Runtimes that come and go around one engine.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use doorward::core::record::Kind;
use doorward::core::store::{AsyncStore, Store};
use doorward::store::{MemoryStore, Pooled, SqliteStore};
use doorward::{AsyncEngine, Login, MasterKey, OpenSession, Register};
use tokio::runtime::Runtime;

use crate::support::engine::{NAME, PASSWORD, open, policy};
use crate::support::rows::dump;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

async fn open_async(store: impl AsyncStore + 'static) -> AsyncEngine {
    let builder = AsyncEngine::builder(store).ephemeral().master_key(MasterKey::new(1, [0x42; 32]));
    builder.policy(policy()).open().await.unwrap()
}

/// While passwords are hashed, a runtime of one thread serves the others. (Of the disk: `waiting`.)
#[test]
fn a_runtime_of_one_thread_is_never_blocked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let engine = open_async(MemoryStore::new()).await;
        engine.register(Register::new(NAME, PASSWORD)).await.unwrap();
        let tasks: Vec<_> = (0..24)
            .map(|_| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.login(Login::new(NAME, PASSWORD)).await.is_ok() })
            })
            .collect();
        let (mut longest, mut turns, mut last) = (Duration::ZERO, 0, Instant::now());
        while tasks.iter().any(|task| !task.is_finished()) {
            tokio::task::yield_now().await;
            longest = longest.max(last.elapsed());
            (turns, last) = (turns + 1, Instant::now());
        }
        for task in tasks {
            assert!(task.await.unwrap());
        }
        // Blocked by its logins it would have had two for each.
        assert!(turns > 1_000, "{turns} turns, the longest {longest:?}");
    });
}

/// The runtime goes away with operations in every state; the store has all that was acknowledged, nothing by halves, and
/// serves the next runtime.
#[test]
fn inv_24_inv_26_a_runtime_that_shuts_down_leaves_what_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let (acknowledge, acknowledged) = mpsc::channel();
    for round in 0..12 {
        let runtime = runtime();
        let store = Pooled::new(SqliteStore::open(&path).unwrap()).unwrap();
        let engine = runtime.block_on(open_async(store));
        if round == 0 {
            runtime.block_on(engine.register(Register::new(NAME, PASSWORD))).unwrap();
        }
        for _ in 0..8 {
            let (engine, acknowledge) = (engine.clone(), acknowledge.clone());
            runtime.spawn(async move {
                loop {
                    let guest = engine.open_session(OpenSession::new("a cart")).await.unwrap().token;
                    acknowledge.send((guest.expose().to_owned(), true)).unwrap();
                    for _ in 0..4 {
                        let passing = engine.open_session(OpenSession::new("")).await.unwrap().token;
                        engine.logout(passing.expose()).await.unwrap();
                        acknowledge.send((passing.expose().to_owned(), false)).unwrap();
                    }
                    let login = engine.login(Login::new(NAME, PASSWORD).previous(guest.expose())).await;
                    if let Ok(login) = login {
                        acknowledge.send((guest.expose().to_owned(), false)).unwrap();
                        acknowledge.send((login.token.expose().to_owned(), true)).unwrap();
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(40 + 7 * round));
        if round % 2 == 0 {
            runtime.shutdown_background();
        } else {
            drop(runtime);
        }
        // The last engine closes the store; the tasks' clones went with the runtime, in its time.
        drop(engine);
    }
    drop(acknowledge);

    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let engine = open(Arc::clone(&store) as Arc<dyn Store>);
    let (mut live, mut over) = (0, 0);
    for (token, lives) in acknowledged {
        let found = engine.session_data(&token);
        // A guest whose login was never acknowledged may be over all the same.
        match (lives, found.is_ok()) {
            (true, true) => live += 1,
            (false, false) => over += 1,
            (false, true) => panic!("a session that was acknowledged as over is live"),
            (true, false) => {}
        }
    }
    assert!(live > 20 && over > 20, "{live} live, {over} over");
    let dump = dump(&*store);
    let of = |kind: Kind| {
        dump.rows.keys().filter(move |key| key.kind() == kind).map(|key| key.id_bytes().to_vec())
    };
    let sessions: std::collections::BTreeSet<_> = of(Kind::Session).collect();
    assert!(of(Kind::Data).all(|data| sessions.contains(&data)), "data without its session");
}

/// One engine, two runtimes at once, and a third that never knew it.
#[test]
fn an_engine_belongs_to_no_runtime() {
    let (one, other) = (runtime(), runtime());
    let engine = one.block_on(open_async(MemoryStore::new()));
    one.block_on(engine.register(Register::new(NAME, PASSWORD))).unwrap();
    let login = |runtime: &Runtime| {
        let engine = engine.clone();
        runtime.spawn(async move { engine.login(Login::new(NAME, PASSWORD)).await.unwrap().token })
    };
    let (here, there) = (login(&one), login(&other));
    let tokens = [one.block_on(here).unwrap(), one.block_on(there).unwrap()];
    drop((one, other));
    for token in tokens {
        assert!(super::polled::block_on(engine.authenticate(token.expose())).is_ok());
    }
}

/// An engine that goes away inside of a task, its threads still at work, waits for nothing for ever.
#[test]
fn the_last_engine_may_be_dropped_by_its_own_task() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let runtime = runtime();
    for _ in 0..5 {
        let store = Pooled::new(SqliteStore::open(&path).unwrap()).unwrap();
        let engine = runtime.block_on(open_async(store));
        let task = runtime.spawn(async move { engine.open_session(OpenSession::new("")).await.is_ok() });
        assert!(runtime.block_on(task).unwrap());
    }
}
