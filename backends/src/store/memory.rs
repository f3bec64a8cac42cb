//! Rows in memory, for tests and for hosts whose sessions may end with the process.
//!
//! Rows are spread over shards, each behind a lock of its own, so that requests of different people do not
//! wait for each other. A read or a batch locks all its shards, in ascending order (so no two can wait for
//! each other in a circle), before it looks at the first row: that makes it one snapshot, or all or nothing.
//! The journal's lock comes last, while the shards are held: its order is the commit order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::id::{AccountId, Stamp};
use doorward_core::record::{Key, Record, Row};
use doorward_core::store::{
    AsyncStore, Batch, Change, Changes, Commit, Cursor, Ending, Guarantees, Range, Revocation, Store,
    StoreFuture, Write,
};
use doorward_core::time::Timestamp;

const SHARDS: usize = 64;

/// A store that lives and ends with the process. An engine takes it only when
/// [`ephemeral`](crate::Builder::ephemeral) says that this is meant.
///
/// # Example: an engine for a test
/// ```
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, Login, MasterKey, Register};
///
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral() // without it: `OpenError::Guarantees`
///     .master_key(MasterKey::new(1, [0x42; 32]))
///     .open()?;
/// engine.register(Register::new("ada", "plum kettle orbit"))?;
/// assert!(engine.login(Login::new("ada", "plum kettle orbit")).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryStore {
    shards: [RwLock<Shard>; SHARDS],
    journal: Mutex<Journal>,
    hasher: RandomState,
}

#[derive(Clone, Default)]
struct Shard {
    /// Each in a box: a tree's nodes are a third empty, and a row is large.
    rows: BTreeMap<Key, Box<Packed>>,
    by_owner: BTreeSet<(AccountId, Key)>,
    by_expiry: BTreeSet<(Timestamp, Key)>,
}

/// A row in 184 bytes instead of 192, which an allocator rounds up to 208.
#[derive(Clone)]
struct Packed {
    stamp: Stamp,
    epoch: u64,
    owner: Option<AccountId>,
    does_expire: bool,
    expires: Timestamp,
    record: Record,
}

#[derive(Clone, Default)]
struct Journal {
    entries: VecDeque<Change>,
    end: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            journal: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    fn shard_of(&self, key: &Key) -> usize {
        let number = match key {
            Key::Keyring | Key::Clock => 0,
            // Names are chosen by strangers: without a secret hash they could pile up in one shard.
            Key::Login(name) => self.hasher.hash_one(name.as_str()),
            Key::Account(_)
            | Key::Active(_)
            | Key::Credential(_)
            | Key::Attempts(_)
            | Key::Throttle(_)
            | Key::Session(_)
            | Key::Data(_)
            | Key::Devices(_)
            | Key::Deletion(_)
            | Key::Grants(_) => key.id_bytes().first().copied().map_or(0, u64::from),
        };
        usize::try_from(number % SHARDS as u64).unwrap_or(0)
    }

    /// The shards of these keys, as a set of bits.
    fn shards_of<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> u64 {
        keys.fold(0, |shards, key| shards | 1 << self.shard_of(key))
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that is in it, as of one moment: what a backup is to a file.
///
/// # Example: a test that goes back
/// ```
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, MasterKey, Register};
///
/// let store = std::sync::Arc::new(MemoryStore::new());
/// let engine = Engine::builder(std::sync::Arc::clone(&store)).ephemeral().master_key(MasterKey::new(1, [0x42; 32])).open()?;
/// let backup = MemoryStore::clone(&store);
/// engine.register(Register::new("ada", "plum kettle orbit"))?;
///
/// let restored = Engine::builder(backup).ephemeral().master_key(MasterKey::new(1, [0x42; 32])).open()?;
/// restored.after_restore()?;
/// assert!(restored.register(Register::new("ada", "another kettle orbit")).is_ok()); // the name is free again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        let held = Held::new(u64::MAX, |shard| self.shards.get(shard).map(read));
        let journal = self.journal().clone();
        let shards = std::array::from_fn(|number| {
            RwLock::new(held.shard(number).map(|shard| Shard::clone(shard)).unwrap_or_default())
        });
        // Which shard a name is in, its hash says.
        Self { shards, journal: Mutex::new(journal), hasher: self.hasher.clone() }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore(..)")
    }
}

impl Store for MemoryStore {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let held = Held::new(self.shards_of(keys.iter()), |shard| self.shards.get(shard).map(read));
        let row = |key: &Key| held.shard(self.shard_of(key))?.rows.get(key);
        Ok(keys.iter().map(|key| Some(row(key)?.row())).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        batch.validate()?;
        let keys = batch.expectations().map(|(key, _)| key).chain(batch.writes.iter().map(Write::key));
        let ended = batch.journal.iter().filter_map(|ending| match ending {
            Ending::Epoch { key, .. } => Some(key),
            Ending::Session { .. } | Ending::Grant { .. } => None,
        });
        let shards = self.shards_of(keys.chain(ended));
        let mut held = Held::new(shards, |shard| self.shards.get(shard).map(write));

        let stamp_of = |key: &Key| held.shard(self.shard_of(key))?.rows.get(key).map(|row| row.stamp);
        if !batch.holds(stamp_of) {
            return Ok(Commit::Conflict);
        }
        let raised = batch.writes.iter().filter(|write| matches!(write, Write::Raise { .. })).map(Write::key);
        let row = |key: &Key| held.shard(self.shard_of(key))?.rows.get(key);
        if raised.filter_map(row).any(|row| row.epoch == u64::MAX) {
            return Err(StoreError::new(StoreErrorKind::Fatal, "an epoch cannot be raised any further"));
        }
        for write in &batch.writes {
            let Some(shard) = held.shard_mut(self.shard_of(write.key())) else {
                continue;
            };
            match write {
                Write::Put { key, row, .. } => shard.put(key, row.clone()),
                Write::Delete { key } => shard.delete(key),
                Write::Raise { key } => {
                    if let Some(row) = shard.rows.get_mut(key) {
                        row.epoch += 1;
                        row.stamp = batch.stamp;
                    }
                }
            }
        }
        if !batch.journal.is_empty() {
            let mut journal = self.journal();
            for ending in &batch.journal {
                let Ok(entry) = ending.entry(|key| {
                    let row = held.shard(self.shard_of(key)).and_then(|shard| shard.rows.get(key));
                    Ok::<_, Infallible>(row.map(|row| row.epoch))
                });
                if let Some((revocation, until)) = entry {
                    journal.append(revocation, until);
                }
            }
        }
        Ok(Commit::Applied)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        let held = Held::new(u64::MAX, |shard| self.shards.get(shard).map(read));
        let mut rows = Vec::new();
        for (_, shard) in &held.guards {
            rows.extend(shard.scan(range).take(limit));
        }
        rows.sort_unstable_by_key(|(key, _)| *key);
        Ok(rows.into_iter().take(limit).map(|(key, row)| (key.clone(), row.row())).collect())
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        let journal = self.journal();
        let from = journal.entries.partition_point(|change| change.cursor <= after);
        Ok(Changes {
            entries: journal.entries.iter().skip(from).take(limit).cloned().collect(),
            end: Cursor::from_number(journal.end),
        })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut removed = 0;
        for shard in &self.shards {
            removed += write(shard).purge(now, limit - removed);
        }
        let mut journal = self.journal();
        let mut room = limit - removed;
        journal.entries.retain(|change| {
            let drop = change.until <= now && room > 0;
            room -= usize::from(drop);
            !drop
        });
        Ok(limit - room)
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees::EPHEMERAL
    }
}

/// For an engine that does not block: no call waits for anything but another's few instructions.
impl AsyncStore for MemoryStore {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        Box::pin(async { Store::read(self, keys) })
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        Box::pin(async { Store::commit(self, batch) })
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        Box::pin(async move { Store::scan(self, range, limit) })
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        Box::pin(async move { Store::changes(self, after, limit) })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        Box::pin(async move { Store::purge(self, now, limit) })
    }

    fn guarantees(&self) -> Guarantees {
        Store::guarantees(self)
    }
}

impl Shard {
    fn put(&mut self, key: &Key, row: Row) {
        self.delete(key);
        if let Some(owner) = row.owner {
            self.by_owner.insert((owner, key.clone()));
        }
        if let Some(expires) = row.expires {
            self.by_expiry.insert((expires, key.clone()));
        }
        self.rows.insert(key.clone(), Box::new(row.into()));
    }

    fn delete(&mut self, key: &Key) {
        let Some(row) = self.rows.remove(key) else { return };
        if let Some(owner) = row.owner {
            self.by_owner.remove(&(owner, key.clone()));
        }
        if let Some(expires) = row.expires() {
            self.by_expiry.remove(&(expires, key.clone()));
        }
    }

    fn scan<'a>(&'a self, range: &'a Range) -> Box<dyn Iterator<Item = (&'a Key, &'a Packed)> + 'a> {
        let least = range.kind.least_key();
        let from = range.after.as_ref().map_or(least.clone(), |after| least.max(after.clone()));
        let rows: Box<dyn Iterator<Item = (&Key, &Packed)>> = if let Some(owner) = range.owner {
            let keys = self.by_owner.range((owner, from)..).take_while(move |(of, _)| *of == owner);
            Box::new(keys.filter_map(|(_, key)| Some((key, &**self.rows.get(key)?))))
        } else {
            Box::new(self.rows.range(from..).map(|(key, row)| (key, &**row)))
        };
        let of_kind = rows.take_while(|(key, _)| key.kind() == range.kind);
        // The first key may be `after` itself, which is not of the range.
        Box::new(of_kind.filter(|(key, _)| range.after.as_ref() != Some(key)))
    }

    fn purge(&mut self, now: Timestamp, limit: usize) -> usize {
        let due = self.by_expiry.iter().take_while(|(expires, _)| *expires <= now).take(limit);
        let due: Vec<Key> = due.map(|(_, key)| key.clone()).collect();
        for key in &due {
            self.delete(key);
        }
        due.len()
    }
}

impl Packed {
    fn expires(&self) -> Option<Timestamp> {
        self.does_expire.then_some(self.expires)
    }

    fn row(&self) -> Row {
        let (stamp, epoch, owner, expires) = (self.stamp, self.epoch, self.owner, self.expires());
        Row { stamp, epoch, owner, expires, record: self.record.clone() }
    }
}

impl From<Row> for Packed {
    fn from(row: Row) -> Self {
        let Row { stamp, epoch, owner, expires, record } = row;
        let does_expire = expires.is_some();
        Self { stamp, epoch, owner, does_expire, expires: expires.unwrap_or_default(), record }
    }
}

impl Journal {
    fn append(&mut self, revocation: Revocation, until: Timestamp) {
        self.end += 1;
        self.entries.push_back(Change { cursor: Cursor::from_number(self.end), revocation, until });
    }
}

/// The locks of some shards, taken in ascending order.
struct Held<G> {
    guards: Vec<(usize, G)>,
}

impl<G> Held<G> {
    fn new(shards: u64, lock: impl Fn(usize) -> Option<G>) -> Self {
        let numbers = (0..SHARDS).filter(|number| shards & 1 << number != 0);
        Self { guards: numbers.filter_map(|number| Some((number, lock(number)?))).collect() }
    }

    fn shard(&self, number: usize) -> Option<&G> {
        self.guards.iter().find(|(shard, _)| *shard == number).map(|(_, guard)| guard)
    }

    fn shard_mut(&mut self, number: usize) -> Option<&mut G> {
        self.guards.iter_mut().find(|(shard, _)| *shard == number).map(|(_, guard)| guard)
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_row_takes_no_more_than_an_allocator_gives_out_at_once() {
        assert!(size_of::<Packed>() <= 184, "{}", size_of::<Packed>());
    }

    #[test]
    fn what_is_packed_is_the_row() {
        for expires in [None, Some(Timestamp::from_millis(0)), Some(Timestamp::MAX)] {
            let row = Row {
                stamp: Stamp::from_bytes([1; 16]),
                epoch: 2,
                owner: Some(AccountId::from_bytes([3; 16])),
                expires,
                record: doorward_core::record::ActiveRecord { since: Timestamp::from_millis(4) }.into(),
            };
            assert_eq!(Packed::from(row.clone()).row(), row);
        }
    }
}
