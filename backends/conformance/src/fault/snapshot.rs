//! What a store once showed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use doorward_core::error::StoreError;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Changes, Cursor, Range, Store};

/// All that a store showed at one time: what a replica that lags behind still shows. Cheap to clone.
///
/// # Example: a replica that lags behind
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::id::{AccountId, Stamp};
/// # use doorward_core::record::{ActiveRecord, Key, Row};
/// # use doorward_core::store::{Batch, Durability, Expect, Store, Write};
/// # use doorward_core::time::Timestamp;
/// use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
/// # let key = Key::Active(AccountId::from_bytes([1; 16]));
/// # let stamp = Stamp::from_bytes([2; 16]);
/// # let record = ActiveRecord { since: Timestamp::from_millis(0) }.into();
/// # let row = Row { stamp, epoch: 0, owner: None, expires: None, record };
/// # let mut batch = Batch::new(stamp, Durability::Durable);
/// # batch.writes = vec![Write::Put { key: key.clone(), row, expect: Expect::Absent }];
///
/// let faulty = FaultStore::new(Arc::new(Memory::default()));
/// let before = faulty.snapshot()?;
/// faulty.commit(&batch)?; // puts a row under `key`
/// faulty.add(Rule::new(Failure::Stale(before)).on(CallKind::Read));
/// assert!(faulty.read(&[key.clone()])?[0].is_none()); // as it once was
/// assert!(faulty.read(&[key])?[0].is_some()); // the rule has met its one call
/// # Ok::<(), doorward_core::error::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    rows: Arc<BTreeMap<Key, Row>>,
    journal: Arc<Changes>,
}

impl Snapshot {
    pub(super) fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let mut rows = BTreeMap::new();
        for kind in Kind::ALL {
            rows.extend(store.scan(&Range { kind, owner: None, after: None }, MOST)?);
        }
        let journal = store.changes(Cursor::START, MOST)?;
        Ok(Self { rows: Arc::new(rows), journal: Arc::new(journal) })
    }

    pub(super) fn read(&self, keys: &[Key]) -> Vec<Option<Row>> {
        keys.iter().map(|key| self.rows.get(key).cloned()).collect()
    }

    pub(super) fn scan(&self, range: &Range, limit: usize) -> Vec<(Key, Row)> {
        let found = self.rows.iter().filter(|(key, row)| range.holds(key, row));
        found.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect()
    }

    pub(super) fn changes(&self, after: Cursor, limit: usize) -> Changes {
        let found = self.journal.entries.iter().filter(|change| change.cursor > after);
        Changes { entries: found.take(limit).cloned().collect(), end: self.journal.end }
    }
}

/// Beyond what a test writes.
const MOST: usize = 1_000_000;

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot of {} rows, {} entries", self.rows.len(), self.journal.entries.len())
    }
}
