//! A disk under a sled store of which it is known what is durable: the files as they were after the last sync.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use doorward::store::sled::{Disk, SledOptions, SledStore};
use doorward_conformance::{Fixture, Medium};
use doorward_core::store::Store;
use tempfile::TempDir;

pub(crate) use folder::copy_folder;

#[path = "../support/folder.rs"]
mod folder;

/// Which promise of the store's own is taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    Gate,
    Syncs,
}

pub(crate) struct Bench {
    pub(crate) disk: Arc<Platter>,
    without: Without,
    copies: AtomicU32,
}

impl Bench {
    pub(crate) fn new(without: Without) -> Self {
        let home = in_memory();
        let disk = Platter {
            path: home.path().join("doorward"),
            home,
            lies: without == Without::Syncs,
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Self { disk: Arc::new(disk), without, copies: AtomicU32::new(0) }
    }

    pub(crate) fn options(&self) -> SledOptions {
        let disk = Arc::clone(&self.disk) as Arc<dyn Disk>;
        let options = SledOptions::new().disk(disk).commit_deadline(Duration::from_secs(30));
        if self.without == Without::Gate { options.without_gate() } else { options }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.disk.path
    }

    fn copy(&self, of: &Path) -> Arc<dyn Store> {
        let copy = self.disk.home.path().join(format!("copy-{}", self.copies.fetch_add(1, Ordering::SeqCst)));
        if of.exists() {
            copy_folder(of, &copy);
        }
        Arc::new(SledStore::open(copy).unwrap())
    }
}

impl Fixture for Bench {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.options().open(self.path()).unwrap())
    }

    fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some(self.copy(self.path()))
    }

    fn medium(&self) -> Option<&dyn Medium> {
        Some(self)
    }
}

impl Medium for Bench {
    fn hold_syncs(&self) {
        self.disk.state().is_held = true;
    }

    fn syncs_held(&self) -> usize {
        self.disk.state().waiting
    }

    fn release_syncs(&self) {
        self.disk.state().is_held = false;
        self.disk.changed.notify_all();
    }

    fn fail_next_sync(&self) {
        self.disk.state().fails = 1;
    }

    fn cut_power(&self) -> Arc<dyn Store> {
        let _still = self.disk.state();
        self.copy(&self.disk.durable())
    }
}

pub(crate) struct Platter {
    path: PathBuf,
    home: TempDir,
    lies: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) is_held: bool,
    pub(crate) waiting: usize,
    /// So many syncs, from the next one on.
    pub(crate) fails: u32,
    pub(crate) panics: bool,
    pub(crate) syncs: usize,
}

impl Platter {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn durable(&self) -> PathBuf {
        self.home.path().join("durable")
    }
}

impl Disk for Platter {
    /// Writes for real, and then waits at the gate: a kill now would leave all of it, and a power cut nothing.
    fn sync(&self, sync: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        sync()?;
        let mut state = self.state();
        state.waiting += 1;
        state = self.changed.wait_while(state, |state| state.is_held).unwrap();
        state.waiting -= 1;
        state.syncs += 1;
        if std::mem::take(&mut state.panics) {
            drop(state);
            panic!("a test asked the disk to panic");
        }
        if state.fails > 0 {
            state.fails -= 1;
            return Err(io::Error::other("a test asked the disk to fail"));
        }
        if !self.lies && self.path.exists() {
            let _none_yet = fs::remove_dir_all(self.durable());
            copy_folder(&self.path, &self.durable());
        }
        Ok(())
    }
}

/// What is durable is simulated here; the files below may as well be in memory.
fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}
