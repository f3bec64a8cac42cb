//! What the stories of maintenance begin with: engines on a clock of the test's own, and a store that it disturbs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use doorward::core::error::{StoreError, StoreErrorKind};
use doorward::core::id::{AccountId, SessionId, Stamp};
use doorward::core::record::{Key, Kind};
use doorward::core::store::{
    Batch, Changes, Commit, Cursor, Durability, Expect, Guarantees, Range, Store, Write,
};
use doorward::core::time::Timestamp;
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Builder, Engine, ManualClock, MasterKey};

use crate::support::engine::policy;
use crate::support::rows::dump;

pub(crate) const START: i64 = 1_700_000_000_000;
pub(crate) const NEW: &str = "an entirely different sentence";
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) fn start() -> Timestamp {
    Timestamp::from_millis(START)
}

pub(crate) fn builder(store: impl Store + 'static, clock: &ManualClock) -> Builder {
    let key = MasterKey::new(1, [0x42; 32]);
    Engine::builder(store).ephemeral().master_key(key).policy(policy()).clock(clock.clone())
}

pub(crate) fn on_file(path: &Path, clock: &ManualClock) -> Builder {
    builder(SqliteStore::open(path).unwrap(), clock)
}

/// As many more sessions of this account, which expire at this time.
pub(crate) fn crowd(store: &dyn Store, account: AccountId, sessions: u32, expires: Timestamp) {
    let rows = dump(store).rows;
    let session = rows.iter().find(|(key, row)| key.kind() == Kind::Session && row.owner == Some(account));
    let row = session.expect("there is one").1;
    let numbers: Vec<u32> = (0..sessions).collect();
    for some in numbers.chunks(10_000) {
        let stamp = Stamp::from_bytes([0xcd; 16]);
        let mut batch = Batch::new(stamp, Durability::Durable);
        for number in some {
            let mut id = [0xab; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let mut row = row.clone();
            (row.stamp, row.expires) = (stamp, Some(expires));
            let key = Key::Session(SessionId::from_bytes(id));
            batch.writes.push(Write::Put { key, row, expect: Expect::Absent });
        }
        assert_eq!(store.commit(&batch).unwrap(), Commit::Applied);
    }
}

pub(crate) fn owned(store: &dyn Store, account: AccountId) -> usize {
    dump(store).rows.values().filter(|row| row.owner == Some(account)).count()
}

pub(crate) type Hook = Box<dyn Fn(&str, Option<AccountId>) -> Result<(), StoreError> + Send + Sync>;

/// A store that a test disturbs.
pub(crate) struct Disturbed {
    pub(crate) store: Arc<dyn Store>,
    /// Before each call, by its name.
    pub(crate) hook: Hook,
    pub(crate) purges: AtomicUsize,
    /// Whether a purge never finds an end.
    pub(crate) is_endless: bool,
}

impl Disturbed {
    pub(crate) fn new(
        hook: impl Fn(&str, Option<AccountId>) -> Result<(), StoreError> + Send + Sync + 'static,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { store, hook: Box::new(hook), purges: AtomicUsize::new(0), is_endless: false }
    }

    pub(crate) fn purges(&self) -> usize {
        self.purges.load(Ordering::SeqCst)
    }
}

impl Store for Disturbed {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<doorward::core::record::Row>>, StoreError> {
        (self.hook)("read", None)?;
        self.store.read(keys)
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        (self.hook)("commit", None)?;
        self.store.commit(batch)
    }

    fn scan(
        &self,
        range: &Range,
        limit: usize,
    ) -> Result<Vec<(Key, doorward::core::record::Row)>, StoreError> {
        (self.hook)("scan", range.owner)?;
        self.store.scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.store.changes(after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.purges.fetch_add(1, Ordering::SeqCst);
        (self.hook)("purge", None)?;
        if self.is_endless { Ok(limit) } else { self.store.purge(now, limit) }
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }
}

pub(crate) fn broken() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the test said so")
}

pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: not in 20 s");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
