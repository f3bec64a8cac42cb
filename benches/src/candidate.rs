//! The stores that are compared.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use doorward::store::{MemoryStore, Pooled, SledStore, SqliteStore};
use doorward::{AsyncEngine, Engine, MasterKey, OpenSession, Policy};
use doorward_core::error::StoreError;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Guarantees, Range, Store};
use doorward_core::time::Timestamp;

use crate::Failure;

/// Opens a store in this folder.
type Open = fn(&Path) -> Result<Arc<dyn Store>, Failure>;

/// A store to measure.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Its name in the table.
    pub name: &'static str,
    /// Whether it finds its rows again.
    pub is_durable: bool,
    open: Open,
    driven: Driven,
}

/// What drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driven {
    /// An [`Engine`].
    Blocking,
    /// An [`AsyncEngine`] on a [`Pooled`] store; each thread waits for its own futures.
    Pooled,
}

/// All of them. The ratios of the table are to the first.
pub const ALL: &[Candidate] = &[
    Candidate { name: "memory", is_durable: false, open: memory, driven: Driven::Blocking },
    Candidate { name: "sqlite", is_durable: true, open: sqlite, driven: Driven::Blocking },
    Candidate { name: "sqlite, async", is_durable: true, open: sqlite, driven: Driven::Pooled },
    Candidate { name: "sled", is_durable: true, open: sled, driven: Driven::Blocking },
];

#[allow(clippy::unnecessary_wraps, reason = "the others can fail")]
fn memory(_: &Path) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(MemoryStore::new()))
}

fn sqlite(folder: &Path) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(SqliteStore::open(folder.join("auth.db"))?))
}

fn sled(folder: &Path) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(SledStore::open(folder.join("auth.sled"))?))
}

impl Candidate {
    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|candidate| candidate.name == name)
    }

    /// Its store.
    pub fn open(self, folder: &Path) -> Result<Arc<dyn Store>, Failure> {
        (self.open)(folder)
    }
}

/// An engine of the candidate's on a store, and a blocking one on the same store whose calls are timed.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The engine that is measured.
    pub door: Door,
    /// The engine that tells [`in_store`](Self::in_store).
    pub timed: Engine,
    in_store: Arc<AtomicU64>,
}

impl Subject {
    /// Both engines, under this policy.
    pub fn new(candidate: Candidate, store: &Arc<dyn Store>, policy: Policy) -> Result<Self, Failure> {
        let in_store = Arc::new(AtomicU64::new(0));
        let timed = Timed { store: Arc::clone(store), in_store: Arc::clone(&in_store) };
        let timed = Engine::builder(timed).ephemeral().master_key(key()).policy(policy.clone()).open()?;
        Ok(Self { door: Door::open(candidate, store, policy)?, timed, in_store })
    }

    /// How long all calls of the store by the timed engine have taken together.
    pub fn in_store(&self) -> Duration {
        Duration::from_nanos(self.in_store.load(Ordering::Relaxed))
    }
}

/// An engine of either kind, for threads that wait.
#[derive(Debug, Clone)]
pub enum Door {
    /// One that blocks.
    Blocking(Engine),
    /// One whose futures the calling thread waits for.
    Asynchronous(AsyncEngine),
}

impl Door {
    /// The candidate's engine on this store, under this policy.
    pub fn open(candidate: Candidate, store: &Arc<dyn Store>, policy: Policy) -> Result<Self, Failure> {
        let store = Arc::clone(store);
        Ok(match candidate.driven {
            Driven::Blocking => {
                Self::Blocking(Engine::builder(store).ephemeral().master_key(key()).policy(policy).open()?)
            }
            Driven::Pooled => {
                let builder =
                    AsyncEngine::builder(Pooled::new(store)?).ephemeral().master_key(key()).policy(policy);
                Self::Asynchronous(wait(builder.open())?)
            }
        })
    }

    /// Recognises a session.
    pub fn authenticate(&self, token: &str) -> Result<(), Failure> {
        match self {
            Self::Blocking(engine) => engine.authenticate(token).map(drop)?,
            Self::Asynchronous(engine) => wait(engine.authenticate(token)).map(drop)?,
        }
        Ok(())
    }

    /// Opens a session and ends it: two durable commits.
    pub fn come_and_go(&self) -> Result<(), Failure> {
        let visit = OpenSession::new("two plums");
        match self {
            Self::Blocking(engine) => {
                let opened = engine.open_session(visit)?;
                engine.logout(opened.token.expose())?;
            }
            Self::Asynchronous(engine) => {
                let opened = wait(engine.open_session(visit))?;
                wait(engine.logout(opened.token.expose()))?;
            }
        }
        Ok(())
    }
}

/// Polls on the calling thread, which parks until it is woken.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

/// The master key of every engine here.
pub fn key() -> MasterKey {
    MasterKey::new(1, [0x42; 32])
}

/// Adds up the time that is spent in a store.
struct Timed {
    store: Arc<dyn Store>,
    in_store: Arc<AtomicU64>,
}

impl Timed {
    fn time<T>(&self, call: impl FnOnce(&dyn Store) -> T) -> T {
        let begun = Instant::now();
        let answer = call(&*self.store);
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.in_store.fetch_add(nanos, Ordering::Relaxed);
        answer
    }
}

impl Store for Timed {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.time(|store| store.read(keys))
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        self.time(|store| store.commit(batch))
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        self.time(|store| store.scan(range, limit))
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.time(|store| store.changes(after, limit))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.time(|store| store.purge(now, limit))
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }
}
