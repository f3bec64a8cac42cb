//! A durable store with its fixture: a file to start from. `doorward::store::write_your_own` tells what each line is for.
//!
//! Rows are in memory. A commit appends one frame to a log and syncs it before memory changes: reads never wait for the
//! disk, nor show what it could lose. Opening replays the log, cuts a torn tail and writes all anew as one frame, which
//! also settles a failed sync. For Unix.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use doorward::core::error::{StoreError, StoreErrorKind as Is};
use doorward::core::store::{Batch, Changes, Commit, Cursor, Durability, Effects, Guarantees, Range, Store};
use doorward::core::{id::Stamp, record::Key, record::Row, time::Timestamp};
use doorward_conformance::Fixture;

/// A commit or purge waits for those before it, a sync each; reads wait for none. The log shrinks when it is opened.
pub(crate) struct LogStore {
    path: PathBuf,
    log: Mutex<File>,
    tables: RwLock<Tables>,
    _lock: File, // a second process would not see what this one has in memory
}

#[derive(Default)]
struct Tables {
    rows: BTreeMap<Key, Row>,
    journal: Changes,
    is_doubtful: bool, // an append failed: what the file holds is not known until it is written anew
}

impl LogStore {
    pub(crate) fn open(path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let (path, lock) = (std::path::absolute(path)?, File::create(path.with_extension("lock"))?);
        lock.try_lock()?;
        let bytes = if path.try_exists()? { fs::read(&path)? } else { Effects::default().frame() };
        let (mut tables, mut rest) = (Tables::default(), bytes.as_slice());
        while let Some((effects, behind)) = Effects::unframe(rest)? {
            tables.apply(effects);
            rest = behind;
        }
        (rest.len() < bytes.len()).then_some(()).ok_or("the log is damaged: restore a backup")?; // it began whole
        let log = Mutex::new(tables.write_anew(&path)?);
        Ok(Self { path, log, tables: RwLock::new(tables), _lock: lock })
    }

    fn tables(&self) -> Result<RwLockReadGuard<'_, Tables>, StoreError> {
        let tables = || self.tables.read().unwrap_or_else(PoisonError::into_inner);
        if tables().is_doubtful {
            let barrier = Batch::new(Stamp::from_bytes([0; 16]), Durability::Durable);
            self.commit(&barrier).map_err(|error| failed(Is::Retryable, error))?;
        }
        Ok(tables())
    }
}

impl Tables {
    fn apply(&mut self, effects: Effects) {
        for (key, row) in effects.rows {
            self.rows.remove(&key);
            self.rows.extend(row.map(|row| (key, row)));
        }
        self.journal.entries.extend(effects.journal.entries);
        self.journal.end = effects.journal.end;
    }

    /// A new file, because a page whose write failed once is never written again, and syncs well all the same.
    fn write_anew(&self, path: &Path) -> io::Result<File> {
        let rows = self.rows.iter().map(|(key, row)| (key.clone(), Some(row.clone()))).collect();
        let fresh = path.with_extension("fresh");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&Effects { rows, journal: self.journal.clone() }.frame())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(path.parent().unwrap_or(path))?.sync_all()?;
        Ok(file)
    }
}

impl Store for LogStore {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let tables = self.tables()?;
        Ok(keys.iter().map(|key| tables.rows.get(key).cloned()).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let effects = batch.effects(tables.journal.end, |key| Ok(tables.rows.get(key).cloned()))?;
        let Some(effects) = effects else { return Ok(Commit::Conflict) };
        if tables.is_doubtful {
            *log = tables.write_anew(&self.path).map_err(|error| failed(Is::Retryable, error))?;
        }
        drop(tables);
        let appended = log.write_all(&effects.frame()).and_then(|()| log.sync_data());
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.is_doubtful = appended.is_err();
        appended.map_err(|error| failed(Is::Unknown, error))?;
        tables.apply(effects);
        Ok(Commit::Applied)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        let tables = self.tables()?;
        let found = tables.rows.range(range.kind.least_key()..).filter(|(key, row)| range.holds(key, row));
        Ok(found.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect())
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        let journal = &self.tables()?.journal;
        let entries = journal.entries.iter().filter(|change| change.cursor > after).take(limit);
        Ok(Changes { entries: entries.cloned().collect(), end: journal.end })
    }

    /// In memory alone: what a reopening brings back is over, and is purged again.
    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let _no_commit_between = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut tables, mut room) = (self.tables.write().unwrap_or_else(PoisonError::into_inner), limit);
        let mut stays = |is_over: bool| !is_over || room.checked_sub(1).map(|left| room = left).is_none();
        tables.rows.retain(|_, row| stays(row.expires.is_some_and(|expires| expires <= now)));
        tables.journal.entries.retain(|change| stays(change.until <= now));
        Ok(limit - room)
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees::ALL
    }
}

fn failed(kind: Is, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(kind, "the log cannot be written: see to the disk").with_source(error)
}

/// One database in a folder of its own. A kill leaves the file as it is now.
pub(crate) struct Home(pub(crate) tempfile::TempDir);

impl Fixture for Home {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(LogStore::open(&self.0.path().join("auth.log")).expect("a fresh folder takes a log"))
    }

    fn reopen(&self) -> Option<Arc<dyn Store>> {
        let copy = tempfile::tempdir_in(&self.0).ok()?.keep().join("auth.log");
        fs::copy(self.0.path().join("auth.log"), &copy).ok()?;
        Some(Arc::new(LogStore::open(&copy).ok()?))
    }
}
