//! Each schedule of a small world on a store in memory, and as many of them as there is time for on every other store,
//! and by the asynchronous engine.
//!
//! There the world must ask for the same choices, each among as many branches, and leave the same rows and the same
//! journal, byte for byte. A store is opened once, and emptied after each schedule.
//!
//! | on | schedules | with `DOORWARD_EVERY_SCHEDULE=1` |
//! |---|---|---|
//! | memory, by bare machines | all | all |
//! | each other store | each 41st | all |
//! | each store behind its asynchronous face | each 211th | each 41st |
//! | memory, by the asynchronous engine | each 307th: it hashes | the same |

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::core::id::Stamp;
use doorward::core::store::{Batch, Commit, Cursor, Durability, Store, Write};
use doorward::core::time::Timestamp;
#[cfg(feature = "sled")]
use doorward::store::SledStore;
#[cfg(feature = "sqlite-host")]
use doorward::store::SqliteStore;
use doorward::store::{MemoryStore, Pooled};
use doorward_conformance::Blocking;
use doorward_conformance::explore::{Choices, explore};
use tempfile::TempDir;

use super::rows::{Dump, dump};
use super::world::{Driver, Ground};

/// Which schedules there are, and where they are run.
#[derive(Clone, Copy)]
pub(crate) enum Schedules {
    /// Of operations that go on to their ends: everywhere.
    Everywhere,
    /// Of futures of which one may be dropped: by the asynchronous engine, in memory.
    Abandoning,
}

impl Schedules {
    /// Runs the closure under each of them, and says how many there are. It gets an empty store each time.
    pub(crate) fn explore(self, mut run: impl FnMut(Ground, &mut Choices)) -> u64 {
        match self {
            Self::Everywhere => explore_everywhere(run),
            Self::Abandoning => {
                let driver = Driver::Abandoning;
                explore(|choices| run(Ground { store: Arc::new(MemoryStore::new()), driver }, choices))
                    .schedules
            }
        }
    }
}

/// Runs the closure under every schedule, and says how many there are. It gets an empty store each time.
pub(crate) fn explore_everywhere(mut run: impl FnMut(Ground, &mut Choices)) -> u64 {
    let begun = Instant::now();
    let mut others = others();
    let mut at = 0_u64;
    let explored = explore(|choices| {
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
        run(Ground { store: Arc::clone(&memory), driver: Driver::Machine }, choices);
        for other in others.iter_mut().filter(|other| at.is_multiple_of(other.stride)) {
            other.run_again(choices, &mut run, &*memory);
        }
        at += 1;
        if at.is_multiple_of(20_000) {
            say(&format!("{at} schedules in {} s", begun.elapsed().as_secs()));
        }
    });
    for other in others {
        assert_eq!(other.ran, explored.schedules.div_ceil(other.stride));
        let Other { name, ran, took, .. } = &other;
        say(&format!("{ran} of {} schedules on {name} too, in {} ms", explored.schedules, took.as_millis()));
    }
    explored.schedules
}

/// A folder for databases whose durability is not asked about: in memory, where there is such a place.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Where each so-manieth schedule is run again.
struct Other {
    name: &'static str,
    ground: Ground,
    stride: u64,
    ran: u64,
    took: Duration,
    _folder: TempDir,
}

/// Primes: a stride that a number of branches divides would meet the same branch each time.
const STORES: u64 = 41;
const FACES: u64 = 211;
const ENGINE: u64 = 307;

fn others() -> Vec<Other> {
    let every = std::env::var_os("DOORWARD_EVERY_SCHEDULE").is_some_and(|value| value == "1");
    let [stores, faces] = if every { [1, STORES] } else { [STORES, FACES] };
    let mut others = Vec::new();
    let mut add = |name, stride, driver, open: &dyn Fn(&TempDir) -> Arc<dyn Store>| {
        let folder = folder();
        let ground = Ground { store: open(&folder), driver };
        others.push(Other { name, ground, stride, ran: 0, took: Duration::ZERO, _folder: folder });
    };
    add("memory's async face", faces, Driver::Machine, &|_| faced(MemoryStore::new()));
    let _ = stores; // there may be none
    #[cfg(feature = "sqlite-host")]
    {
        let open = |folder: &TempDir| SqliteStore::open(folder.path().join("doorward.db")).unwrap();
        add("sqlite", stores, Driver::Machine, &|folder| Arc::new(open(folder)));
        add("sqlite's async face", faces, Driver::Machine, &|folder| faced(open(folder)));
    }
    #[cfg(feature = "sled")]
    {
        let open = |folder: &TempDir| SledStore::open(folder.path().join("doorward")).unwrap();
        add("sled", stores, Driver::Machine, &|folder| Arc::new(open(folder)));
        add("sled's async face", faces, Driver::Machine, &|folder| faced(open(folder)));
    }
    add("the asynchronous engine", ENGINE, Driver::AsyncEngine, &|_| Arc::new(MemoryStore::new()));
    others
}

/// The store as an asynchronous one, waited for.
fn faced(store: impl Store + 'static) -> Arc<dyn Store> {
    Arc::new(Blocking(Pooled::new(store).unwrap()))
}

impl Other {
    /// The schedule that was run on `first`, here.
    fn run_again(
        &mut self,
        choices: &Choices,
        run: &mut impl FnMut(Ground, &mut Choices),
        first: &dyn Store,
    ) {
        let begun = Instant::now();
        let (told, store) = (ToldOfPanic(self.name), &*self.ground.store);
        choices.again(|choices| run(self.ground.clone(), choices));
        let (first, left) = (dump(first), dump(store));
        assert_eq!(left.rows, first.rows, "the rows are others");
        assert_eq!(journal(&left), journal(&first), "the journal is another");
        drop(told);
        empty(store, &left);
        self.ran += 1;
        self.took += begun.elapsed();
    }
}

/// What the journal tells, without the numbers, which go on.
fn journal(dump: &Dump) -> Vec<impl PartialEq + std::fmt::Debug> {
    dump.journal.iter().map(|change| (change.revocation.clone(), change.until)).collect()
}

fn empty(store: &dyn Store, all: &Dump) {
    let mut batch = Batch::new(Stamp::from_bytes([0xee; 16]), Durability::Relaxed);
    batch.writes = all.rows.keys().map(|key| Write::Delete { key: key.clone() }).collect();
    assert_eq!(store.commit(&batch).unwrap(), Commit::Applied);
    if !all.journal.is_empty() {
        store.purge(Timestamp::MAX, 10_000).unwrap();
        assert!(store.changes(Cursor::START, 1).unwrap().entries.is_empty(), "an entry that never ends");
    }
}

/// Says on which store a schedule has failed.
struct ToldOfPanic(&'static str);

impl Drop for ToldOfPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("on {}:", self.0));
        }
    }
}

/// Straight to the terminal: the harness holds back what is printed as usual.
fn say(line: &str) {
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "{}: {line}", thread.name().unwrap_or_default());
}
