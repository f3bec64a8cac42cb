//! The access tokens that were verified before: their signature is not looked at again.
//!
//! What is remembered is what a token says, under its digest; the token itself is not. Whether it still holds (the same
//! keyring, its key not retired, its time not over) the core looks at each time. Bounded: there are two generations of each
//! shard, and when the young one is full, the old one is dropped.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use doorward_core::operation::verify::{Proven, TokenDigest};

/// What an engine remembers of the access tokens it has verified.
///
/// # Example: the second look is cheaper
/// ```
/// # use doorward::{Engine, Issue, Login, MasterKey, Register};
/// # use doorward::store::MemoryStore;
/// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32])).open()?;
/// # engine.register(Register::new("ada", "plum kettle orbit"))?;
/// # let session = engine.login(Login::new("ada", "plum kettle orbit"))?.token;
/// let issued = engine.issue(Issue::new(session.expose(), "web", "https://api.example"))?;
/// for _ in 0..3 {
///     engine.verify(issued.access.expose(), "https://api.example")?;
/// }
/// let remembered = engine.remembered_tokens();
/// assert_eq!((remembered.hits, remembered.misses, remembered.tokens), (2, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Remembered {
    /// Verifications that found their token.
    pub hits: u64,
    /// Those that did not.
    pub misses: u64,
    /// How many tokens are remembered now.
    pub tokens: usize,
}

/// How many are remembered, unless the host says otherwise.
pub(super) const DEFAULT_PROVEN: usize = 4096;
/// So that threads seldom wait for each other.
const SHARDS: usize = 16;

pub(super) struct ProvenTokens {
    shards: Vec<Mutex<Shard>>,
    /// How many one generation of a shard holds.
    most: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Default)]
struct Shard {
    young: HashMap<TokenDigest, Arc<Proven>>,
    old: HashMap<TokenDigest, Arc<Proven>>,
}

impl ProvenTokens {
    pub(super) fn new(most: usize) -> Self {
        let shards = (0..SHARDS.min(most / 2)).map(|_| Mutex::default()).collect::<Vec<_>>();
        let most = most / 2 / shards.len().max(1);
        Self { shards, most, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    pub(super) fn find(&self, digest: TokenDigest) -> Option<Arc<Proven>> {
        let mut shard = self.shard(digest)?.lock().unwrap_or_else(PoisonError::into_inner);
        let found = shard.young.get(&digest).cloned().or_else(|| {
            let old = shard.old.remove(&digest)?;
            shard.put(Arc::clone(&old), self.most);
            Some(old)
        });
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    pub(super) fn remember(&self, proven: &Arc<Proven>) {
        if let Some(shard) = self.shard(proven.digest) {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.old.remove(&proven.digest);
            shard.put(Arc::clone(proven), self.most);
        }
    }

    pub(super) fn count(&self) -> Remembered {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        Remembered {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            tokens: self.shards.iter().map(count).sum(),
        }
    }

    fn shard(&self, digest: TokenDigest) -> Option<&Mutex<Shard>> {
        let of = self.shards.len();
        if of == 0 { None } else { self.shards.get(digest.spread(of)) }
    }
}

impl Shard {
    fn put(&mut self, proven: Arc<Proven>, most: usize) {
        if self.young.len() >= most && !self.young.contains_key(&proven.digest) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(proven.digest, proven);
    }
}
