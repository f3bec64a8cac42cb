//! A store that keeps every promise, on a simulated medium, and the flaws that make a broken store of it: each
//! is one small edit at the place where a careful author once put the right line.
#![allow(dead_code, unreachable_pub)] // each test file uses its part

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use doorward_conformance::{Fixture, Medium};
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Durability, Guarantees, Range, Store, Write};
use doorward_core::time::Timestamp;

use data::{Data, Glimpse, dawdle};
pub use flaw::Flaw;

mod data;
mod flaw;

/// One database on its medium. Each state is a whole value, and is replaced whole.
pub struct Disk {
    flaw: Option<Flaw>,
    durable: bool,
    writer: Mutex<()>,
    /// What the process wrote: a kill leaves it.
    written: Mutex<Arc<Data>>,
    /// What a kill leaves under a flaw that loses the last batch.
    earlier: Mutex<Arc<Data>>,
    /// What was synced: a power cut leaves it.
    platter: Mutex<Arc<Data>>,
    /// What reads show.
    visible: Mutex<Arc<Data>>,
    gate: Mutex<Gate>,
    opened: Condvar,
    /// A sync failed, and no durable commit or barrier has succeeded since.
    doubtful: AtomicBool,
    /// Reads raise a barrier of their own then, instead of waiting for one.
    settles: AtomicBool,
    numbers: AtomicU64,
    memories: Mutex<HashMap<(ThreadId, Key), Option<Row>>>,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    waiting: usize,
    fail: bool,
}

impl Disk {
    fn holding(data: Arc<Data>, durable: bool) -> Arc<Self> {
        let last = data.last();
        Arc::new(Self {
            flaw: data.flaw,
            durable,
            writer: Mutex::default(),
            written: Mutex::new(data.clone()),
            earlier: Mutex::new(data.clone()),
            platter: Mutex::new(data.clone()),
            visible: Mutex::new(data),
            gate: Mutex::default(),
            opened: Condvar::new(),
            doubtful: AtomicBool::new(false),
            settles: AtomicBool::new(false),
            numbers: AtomicU64::new(last + 1),
            memories: Mutex::default(),
        })
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// What a call may show, unless a flaw makes it look further.
    fn seen(&self, early: Flaw) -> Result<Arc<Data>, StoreError> {
        if self.doubtful.load(Ordering::SeqCst) && self.settles.load(Ordering::SeqCst) {
            let _writer = lock(&self.writer);
            let written = lock(&self.written).clone();
            self.sync(&written)?;
            *lock(&self.visible) = written;
            self.doubtful.store(false, Ordering::SeqCst);
        }
        if self.doubtful.load(Ordering::SeqCst) && !self.has(Flaw::ForgetsFailedSyncs) {
            return Err(StoreError::new(
                StoreErrorKind::Retryable,
                "a sync failed: commit something durable first",
            ));
        }
        let state = if self.has(early) { &self.written } else { &self.visible };
        Ok(lock(state).clone())
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        if !self.has(Flaw::TakesTheMalformed) {
            batch.validate()?;
        }
        let glimpse = self.glimpse(batch);
        let _writer = lock(&self.writer);
        let now = lock(&self.written).clone();
        let mut next = Data::clone(&now);
        let answer = next.apply(batch, &glimpse);
        let next = Arc::new(next);
        if answer == Commit::Conflict {
            if self.has(Flaw::StopsHalfway) || self.has(Flaw::JournalsConflicts) {
                *lock(&self.written) = next.clone();
                *lock(&self.visible) = next;
            }
            return Ok(answer);
        }
        let loses = match batch.durability {
            Durability::Durable => Flaw::ForgetsOnKill,
            Durability::Relaxed => Flaw::BuffersRelaxed,
        };
        *lock(&self.earlier) = if self.has(loses) { now } else { next.clone() };
        *lock(&self.written) = next.clone();
        let barrier = batch.writes.is_empty() && batch.journal.is_empty();
        let grants = batch.writes.iter().any(|write| matches!(write, Write::Put { .. }));
        let skips = self.has(Flaw::NeverSyncs)
            || self.has(Flaw::SkipsBarriers) && barrier
            || self.has(Flaw::SkipsSyncOfEndings) && !grants && !barrier;
        if batch.durability == Durability::Durable && !skips {
            self.sync(&next)?;
            self.doubtful.store(false, Ordering::SeqCst);
        }
        *lock(&self.visible) = next;
        Ok(answer)
    }

    fn glimpse(&self, batch: &Batch) -> Glimpse {
        let mut glimpse = Glimpse::default();
        let now = lock(&self.written).clone();
        let grants = batch.writes.iter().any(|write| matches!(write, Write::Put { .. }));
        if self.has(Flaw::ComparesUnlocked) {
            glimpse.held = Some(now.holds(batch));
        }
        if self.has(Flaw::LosesRaises) {
            glimpse.epochs = now.rows.iter().map(|(key, row)| (key.clone(), row.epoch)).collect();
        }
        if self.has(Flaw::RefusesEndings) && !grants {
            let stamp = |key: &Key| now.rows.get(key).map(|row| row.stamp);
            glimpse.stamps =
                batch.writes.iter().map(|write| (write.key().clone(), stamp(write.key()))).collect();
        }
        if self.has(Flaw::NumbersEarly) {
            glimpse.number = Some(self.numbers.fetch_add(batch.journal.len() as u64, Ordering::SeqCst));
        }
        // A gap that others may fall into, wider for some than for others.
        if glimpse.number.is_some_and(|number| number % 8 == 1) {
            (0..10).for_each(|_| dawdle());
        }
        if self.has(Flaw::ComparesUnlocked) || self.has(Flaw::LosesRaises) || self.has(Flaw::RefusesEndings) {
            dawdle();
        }
        glimpse
    }

    fn remembered(&self, keys: &[Key], rows: Vec<Option<Row>>) -> Vec<Option<Row>> {
        let mut memories = lock(&self.memories);
        let mut answer = |(key, row): (&Key, Option<Row>)| {
            let place = (thread::current().id(), key.clone());
            memories.remove(&place).unwrap_or_else(|| {
                memories.insert(place, row.clone());
                row
            })
        };
        keys.iter().zip(rows).map(&mut answer).collect()
    }

    fn forget(&self) {
        let me = thread::current().id();
        lock(&self.memories).retain(|(thread, _), _| *thread != me);
    }

    fn sync(&self, next: &Arc<Data>) -> Result<(), StoreError> {
        if self.has(Flaw::SyncsRowByRow) {
            let mut platter = lock(&self.platter);
            let half = platter.halfway_to(next);
            *platter = Arc::new(half);
        }
        let mut gate = lock(&self.gate);
        gate.waiting += 1;
        while gate.closed {
            gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        gate.waiting -= 1;
        if std::mem::take(&mut gate.fail) {
            self.doubtful.store(true, Ordering::SeqCst);
            return Err(StoreError::new(StoreErrorKind::Unknown, "the sync failed"));
        }
        *lock(&self.platter) = next.clone();
        Ok(())
    }
}

/// A handle on a database.
pub struct Reference {
    disk: Arc<Disk>,
    cache: Option<Mutex<Arc<Data>>>,
}

impl Store for Reference {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        if keys.is_empty() && self.disk.has(Flaw::RefusesEmptyReads) {
            return Err(StoreError::new(StoreErrorKind::Fatal, "a read needs at least one key"));
        }
        if let Some(cache) = &self.cache {
            return Ok(lock(cache).read(keys));
        }
        if self.disk.has(Flaw::ReadsRowByRow) {
            let mut rows = Vec::new();
            for (place, key) in keys.iter().enumerate() {
                rows.extend(self.disk.seen(Flaw::ReadsEarly)?.read(std::slice::from_ref(key)));
                if place % 8 == 1 {
                    dawdle();
                }
            }
            return Ok(rows);
        }
        let rows = self.disk.seen(Flaw::ReadsEarly)?.read(keys);
        Ok(if self.disk.has(Flaw::ThreadsRemember) { self.disk.remembered(keys, rows) } else { rows })
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        self.disk.forget();
        let answer = self.disk.commit(batch)?;
        if let Some(cache) = &self.cache {
            *lock(cache) = self.disk.seen(Flaw::ReadsEarly)?;
        }
        Ok(answer)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        if !self.disk.has(Flaw::ScansRowByRow) {
            return Ok(self.disk.seen(Flaw::ScansEarly)?.scan(range, limit));
        }
        let mut page: Vec<(Key, Row)> = Vec::new();
        let mut rest = range.clone();
        while page.len() < limit {
            let Some((key, row)) = self.disk.seen(Flaw::ScansEarly)?.scan(&rest, 1).pop() else {
                break;
            };
            rest.after = Some(key.clone());
            page.push((key, row));
            if page.len() == 8 {
                dawdle();
            }
        }
        Ok(page)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        Ok(self.disk.seen(Flaw::TellsEarly)?.changes(after, limit))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.disk.forget();
        let _writer = lock(&self.disk.writer);
        let mut next = Data::clone(&lock(&self.disk.written));
        let removed = next.purge(now, limit);
        let next = Arc::new(next);
        *lock(&self.disk.written) = next.clone();
        *lock(&self.disk.visible) = next;
        Ok(removed)
    }

    fn guarantees(&self) -> Guarantees {
        let wavers = self.disk.has(Flaw::Wavers) && !lock(&self.disk.visible).rows.is_empty();
        Guarantees { durable: self.disk.durable && !wavers, ..Guarantees::ALL }
    }
}

/// The reference store with all it can be asked, or, when ephemeral, with nothing but itself.
pub struct Bench {
    disk: Arc<Disk>,
}

impl Bench {
    pub fn correct() -> Self {
        Self::on(None, true)
    }

    /// As correct: after a failed sync it does not wait for the host's next commit.
    pub fn settling() -> Self {
        let bench = Self::correct();
        bench.disk.settles.store(true, Ordering::SeqCst);
        bench
    }

    pub fn broken(flaw: Flaw) -> Self {
        Self::on(Some(flaw), true)
    }

    pub fn ephemeral() -> Self {
        Self::on(None, false)
    }

    fn on(flaw: Option<Flaw>, durable: bool) -> Self {
        let data = Data::with(flaw);
        Self { disk: Disk::holding(Arc::new(data), durable) }
    }

    fn image(&self, data: Arc<Data>) -> Arc<dyn Store> {
        let data = Arc::new(Data::clone(&data).opened());
        Arc::new(Reference { disk: Disk::holding(data, self.disk.durable), cache: None })
    }
}

impl Fixture for Bench {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(Reference { disk: self.disk.clone(), cache: None })
    }

    fn second_handle(&self) -> Option<Arc<dyn Store>> {
        let cache =
            self.disk.has(Flaw::SecondHandleCaches).then(|| Mutex::new(lock(&self.disk.visible).clone()));
        let handle = Reference { disk: self.disk.clone(), cache };
        self.disk.durable.then(|| Arc::new(handle) as Arc<dyn Store>)
    }

    fn reopen(&self) -> Option<Arc<dyn Store>> {
        let loses = self.disk.has(Flaw::ForgetsOnKill) || self.disk.has(Flaw::BuffersRelaxed);
        let state = if loses { &self.disk.earlier } else { &self.disk.written };
        let state = lock(state).clone();
        self.disk.durable.then(|| self.image(state))
    }

    fn medium(&self) -> Option<&dyn Medium> {
        self.disk.durable.then_some(self)
    }
}

impl Medium for Bench {
    fn hold_syncs(&self) {
        lock(&self.disk.gate).closed = true;
    }

    fn syncs_held(&self) -> usize {
        let gate = lock(&self.disk.gate);
        if gate.closed { gate.waiting } else { 0 }
    }

    fn release_syncs(&self) {
        lock(&self.disk.gate).closed = false;
        self.disk.opened.notify_all();
    }

    fn fail_next_sync(&self) {
        lock(&self.disk.gate).fail = true;
    }

    fn cut_power(&self) -> Arc<dyn Store> {
        let platter = lock(&self.disk.platter).clone();
        self.image(platter)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
