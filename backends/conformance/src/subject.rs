//! The store under test, with the patience of a real caller: what is `Retryable` is tried again within a bound,
//! and whatever else goes wrong is a finding.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Change, Changes, Commit, Cursor, Range, Store};
use doorward_core::time::Timestamp;

use crate::draft::{Draft, row};
use crate::fixture::Fixture;
use crate::promise::{Checked, Finding, ensure};

/// How long a store may go on saying `Retryable` before that counts as never answering.
const PATIENCE: Duration = Duration::from_secs(20);
/// More rows or entries than any check writes.
pub(crate) const ALL: usize = 1_000_000;

#[derive(Clone)]
pub(crate) struct Subject(pub(crate) Arc<dyn Store>);

impl Subject {
    pub(crate) fn of(fixture: &dyn Fixture) -> Self {
        Self(fixture.open())
    }

    pub(crate) fn read(&self, keys: &[Key]) -> Checked<Vec<Option<Row>>> {
        let rows = patiently("read", || self.0.read(keys))?;
        ensure!(rows.len() == keys.len(), "a read of {} keys gave {} rows", keys.len(), rows.len());
        Ok(rows)
    }

    pub(crate) fn row(&self, key: &Key) -> Checked<Option<Row>> {
        Ok(self.read(std::slice::from_ref(key))?.pop().flatten())
    }

    /// The row, which must be there.
    pub(crate) fn present(&self, key: &Key) -> Checked<Row> {
        let missing = || Finding::Broken(format!("{key:?} is not there"));
        self.row(key)?.ok_or_else(missing)
    }

    pub(crate) fn commit(&self, batch: &Batch) -> Checked<Commit> {
        patiently("commit", || self.0.commit(batch))
    }

    /// One call, its answer as it comes.
    pub(crate) fn attempt(&self, batch: &Batch) -> Result<Commit, StoreError> {
        self.0.commit(batch)
    }

    /// Commits what must apply.
    pub(crate) fn apply(&self, batch: &Batch) -> Checked {
        let answer = self.commit(batch)?;
        ensure!(answer == Commit::Applied, "a batch without a cause for conflict was refused: {batch:?}");
        Ok(())
    }

    /// Commits what must conflict.
    pub(crate) fn refuse(&self, batch: &Batch) -> Checked {
        let answer = self.commit(batch)?;
        ensure!(answer == Commit::Conflict, "a batch whose expectation fails was applied: {batch:?}");
        Ok(())
    }

    /// Makes a row with a content that no other has, and gives it as it must now stand.
    pub(crate) fn create(&self, key: &Key) -> Checked<Row> {
        self.create_as(key, row(key.kind()))
    }

    /// Makes this row, and gives it as it must now stand.
    pub(crate) fn create_as(&self, key: &Key, row: Row) -> Checked<Row> {
        let draft = Draft::new();
        let row = draft.row(row);
        self.apply(&draft.put_absent(key, row.clone()).batch())?;
        Ok(row)
    }

    /// Writes another content over the row, and gives it as it must now stand.
    pub(crate) fn replace(&self, key: &Key, seen: &Row) -> Checked<Row> {
        let draft = Draft::new();
        let row = draft.row(row(key.kind()));
        self.apply(&draft.put_over(key, row.clone(), seen).batch())?;
        Ok(row)
    }

    pub(crate) fn delete(&self, key: &Key) -> Checked {
        self.apply(&Draft::new().delete(key).batch())
    }

    pub(crate) fn scan(&self, range: &Range, limit: usize) -> Checked<Vec<(Key, Row)>> {
        patiently("scan", || self.0.scan(range, limit))
    }

    /// Every key of a kind, in the store's order.
    pub(crate) fn keys(&self, kind: Kind) -> Checked<Vec<Key>> {
        let range = Range { kind, owner: None, after: None };
        let page = self.scan(&range, ALL)?;
        Ok(page.into_iter().map(|(key, _)| key).collect())
    }

    pub(crate) fn changes(&self, after: Cursor, limit: usize) -> Checked<Changes> {
        patiently("changes", || self.0.changes(after, limit))
    }

    /// The whole journal.
    pub(crate) fn journal(&self) -> Checked<Vec<Change>> {
        Ok(self.changes(Cursor::START, ALL)?.entries)
    }

    pub(crate) fn purge(&self, now: Timestamp, limit: usize) -> Checked<usize> {
        patiently("purge", || self.0.purge(now, limit))
    }

    /// Purges until the store says that nothing is left.
    pub(crate) fn purge_all(&self, now: Timestamp) -> Checked {
        for _ in 0..1_000 {
            if self.purge(now, 100)? < 100 {
                return Ok(());
            }
        }
        Err(Finding::Broken("purge goes on finding rows without end".to_owned()))
    }
}

fn patiently<T>(what: &str, mut call: impl FnMut() -> Result<T, StoreError>) -> Checked<T> {
    let begun = Instant::now();
    loop {
        match call() {
            Ok(answer) => return Ok(answer),
            Err(error) if error.kind() == StoreErrorKind::Retryable && begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => {
                let kind = error.kind();
                return Err(Finding::Broken(format!("{what} failed as {kind:?}: {error}")));
            }
        }
    }
}
