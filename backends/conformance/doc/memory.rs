use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use doorward_core::error::StoreError;
use doorward_core::record::{Key, Row};
use doorward_core::store::{
    Batch, Change, Changes, Commit, Cursor, Guarantees, Range, Store, Write,
};
use doorward_core::time::Timestamp;

#[derive(Default)]
pub struct Memory(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    rows: BTreeMap<Key, Row>,
    journal: Vec<Change>,
    last: u64,
}

impl Memory {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let tables = self.tables();
        Ok(keys.iter().map(|key| tables.rows.get(key).cloned()).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        batch.validate()?;
        let mut tables = self.tables();
        if !batch.holds(|key| tables.rows.get(key).map(|row| row.stamp)) {
            return Ok(Commit::Conflict);
        }
        for write in &batch.writes {
            match write {
                Write::Put { key, row, .. } => _ = tables.rows.insert(key.clone(), row.clone()),
                Write::Delete { key } => _ = tables.rows.remove(key),
                Write::Raise { key } => {
                    if let Some(row) = tables.rows.get_mut(key) {
                        row.epoch += 1;
                        row.stamp = batch.stamp;
                    }
                }
            }
        }
        for ending in &batch.journal {
            let Ok(entry) =
                ending.entry(|key| Ok::<_, Infallible>(tables.rows.get(key).map(|row| row.epoch)));
            tables.last += 1;
            let cursor = Cursor::from_number(tables.last);
            tables.journal.extend(entry.map(|(revocation, until)| Change { cursor, revocation, until }));
        }
        Ok(Commit::Applied)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        let tables = self.tables();
        let found = tables.rows.iter().filter(|(key, row)| range.holds(key, row));
        Ok(found.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect())
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        let tables = self.tables();
        let entries = tables.journal.iter().filter(|change| change.cursor > after).take(limit);
        Ok(Changes { entries: entries.cloned().collect(), end: Cursor::from_number(tables.last) })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let mut room = limit;
        let mut is_dropped = |is_over: bool| {
            let drops = is_over && room > 0;
            room -= usize::from(drops);
            drops
        };
        tables.rows.retain(|_, row| !is_dropped(row.expires.is_some_and(|expires| expires <= now)));
        tables.journal.retain(|change| !is_dropped(change.until <= now));
        Ok(limit - room)
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees::EPHEMERAL
    }
}
