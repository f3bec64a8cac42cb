//! The stores that are compared.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Engine, MasterKey};
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
}

/// All of them. The ratios of the table are to the first.
pub const ALL: &[Candidate] = &[
    Candidate { name: "memory", is_durable: false, open: |_| Ok(Arc::new(MemoryStore::new())) },
    Candidate {
        name: "sqlite",
        is_durable: true,
        open: |folder| Ok(Arc::new(SqliteStore::open(folder.join("auth.db"))?)),
    },
];

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

/// An engine on a store, and another one on the same store whose calls are timed.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The engine.
    pub engine: Engine,
    /// The engine that tells [`in_store`](Self::in_store).
    pub timed: Engine,
    in_store: Arc<AtomicU64>,
}

impl Subject {
    /// Both engines.
    pub fn new(store: &Arc<dyn Store>) -> Result<Self, Failure> {
        let in_store = Arc::new(AtomicU64::new(0));
        let timed = Timed { store: Arc::clone(store), in_store: Arc::clone(&in_store) };
        let engine = Engine::builder(Arc::clone(store)).ephemeral().master_key(key()).open()?;
        let timed = Engine::builder(timed).ephemeral().master_key(key()).open()?;
        Ok(Self { engine, timed, in_store })
    }

    /// How long all calls of the store by the timed engine have taken together.
    pub fn in_store(&self) -> Duration {
        Duration::from_nanos(self.in_store.load(Ordering::Relaxed))
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
