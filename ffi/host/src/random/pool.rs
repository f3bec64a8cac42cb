//! What the players of a case share: what is open, what is not freed, what was learnt, and where rows are kept.

use core::ffi::{c_int, c_void};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use doorward::store::MemoryStore;

use super::rng::Rng;
use crate::given::Id;
use crate::op::Need;

/// What a handle is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Config,
    Engine,
    Context,
    Op,
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    Session,
    Access,
    Refresh,
    Device,
    LogoutLink,
}

/// A result that is not freed.
pub(super) struct Held {
    /// The function that frees it.
    pub(super) free: &'static str,
    /// Where it is.
    pub(super) address: usize,
    /// The same function.
    pub(super) by: unsafe fn(usize),
}

/// What is known of an operation under way.
#[derive(Clone)]
pub(super) struct Under {
    /// The function that takes its outcome.
    pub(super) take: &'static str,
    /// Which store it is of.
    pub(super) store: usize,
    /// What it was seen to need last.
    pub(super) need: Option<(u64, Need)>,
}

#[derive(Default)]
pub(super) struct Known {
    pub(super) live: BTreeMap<Kind, Vec<usize>>,
    pub(super) freed: Vec<usize>,
    pub(super) held: Vec<Held>,
    /// Each with its home.
    pub(super) tokens: Vec<(usize, Opens, String)>,
    pub(super) accounts: Vec<(usize, Id)>,
    /// Each with its home and its account.
    pub(super) sessions: Vec<(usize, Id, Id)>,
    /// Names that were registered at a home.
    pub(super) people: Vec<(usize, String)>,
    /// What may be in no message and no event.
    pub(super) secrets: Vec<String>,
    pub(super) ops: BTreeMap<usize, Under>,
    /// Where the rows of an engine or a context are: at itself, or in one of the stores.
    pub(super) homes: BTreeMap<usize, usize>,
    /// Engines that can be copied.
    pub(super) sqlite: Vec<usize>,
}

pub(super) struct Pool {
    pub(super) seed: u64,
    pub(super) stores: [MemoryStore; 2],
    /// Where files of this case are; it goes with it.
    pub(super) folder: PathBuf,
    known: Mutex<Known>,
    #[allow(clippy::vec_box, reason = "the library has their addresses")]
    sources: Mutex<Vec<Box<Source>>>,
}

impl Pool {
    pub(super) fn new(seed: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("doorward-abi-{}-{seed}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("there is a place for files");
        let known =
            Known { secrets: (0..PASSWORDS).map(|at| password(seed, at)).collect(), ..Known::default() };
        let stores = [MemoryStore::new(), MemoryStore::new()];
        Self { seed, stores, folder, known: Mutex::new(known), sources: Mutex::default() }
    }

    /// Never held during a call.
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A random source that fails so often in a thousand times; it lives as long as the pool.
    pub(super) fn source(&self, seed: u64, fails: u64) -> *mut c_void {
        let source = Box::new(Source { state: AtomicU64::new(seed), fails });
        let user = (&raw const *source).cast_mut().cast();
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
        user
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Known {
    pub(super) fn opened(&mut self, kind: Kind, address: usize) {
        self.live.entry(kind).or_default().push(address);
    }

    pub(super) fn closed(&mut self, address: usize) {
        for handles in self.live.values_mut() {
            handles.retain(|handle| *handle != address);
        }
        self.ops.remove(&address);
        self.freed.push(address);
    }

    pub(super) fn live(&self, kind: Kind) -> &[usize] {
        self.live.get(&kind).map_or(&[], Vec::as_slice)
    }

    pub(super) fn learn(&mut self, home: usize, opens: Opens, token: String) {
        if opens != Opens::LogoutLink {
            self.secrets.push(token.clone());
        }
        self.tokens.push((home, opens, token));
    }

    /// Tokens that open this at this home, or anywhere if there are none.
    pub(super) fn tokens_of(&self, home: usize, opens: Opens) -> Vec<&String> {
        let all = || self.tokens.iter().filter(|(_, what, _)| *what == opens);
        let here: Vec<_> = all().filter(|(at, ..)| *at == home).map(|(.., token)| token).collect();
        if here.is_empty() { all().map(|(.., token)| token).collect() } else { here }
    }
}

/// How many passwords a case knows.
pub(super) const PASSWORDS: usize = 3;

/// A password that nothing else looks like.
pub(super) fn password(seed: u64, at: usize) -> String {
    format!("plum kettle {:016x} orbit", Rng::new(seed ^ 0x7061_7373 ^ (at as u64) << 40).next())
}

/// A host's random source.
struct Source {
    state: AtomicU64,
    fails: u64,
}

/// # Safety
/// `user` is of [`Pool::source`], whose pool lives, and there are `len` bytes to write to.
pub(super) unsafe extern "C" fn fill(user: *mut c_void, bytes: *mut u8, len: usize) -> c_int {
    // SAFETY: as the caller has it.
    let (source, bytes) = unsafe { (&*user.cast::<Source>(), std::slice::from_raw_parts_mut(bytes, len)) };
    let mut rng = Rng::new(source.state.fetch_add(0x1_0000_0001, Ordering::Relaxed));
    bytes.iter_mut().for_each(|byte| *byte = rng.byte());
    c_int::from(rng.next() % 1000 < source.fails)
}
