//! What a store once showed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use doorward_core::error::StoreError;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Changes, Cursor, Range, Store};

/// All that a store showed at one time: what a replica that lags behind still shows. Cheap to clone.
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
