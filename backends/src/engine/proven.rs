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
            mem::swap(&mut self.young, &mut self.old);
            self.young.clear(); // and keeps its room
        }
        self.young.insert(proven.digest, proven);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::operation::verify::Verify;

    use crate::store::MemoryStore;
    use crate::{Engine, Issue, Login, MasterKey, Register};

    /// What a real verification has proven: to be filed under other names.
    fn proven() -> Arc<Proven> {
        let builder = Engine::builder(MemoryStore::new()).ephemeral();
        let engine = builder.master_key(MasterKey::new(1, [1; 32])).open().unwrap();
        engine.register(Register::new("ada", "plum kettle orbit")).unwrap();
        let session = engine.login(Login::new("ada", "plum kettle orbit")).unwrap().token;
        let token = engine.issue(Issue::new(session.expose(), "web", "https://api.example")).unwrap().access;
        engine.run(Verify::new(token.expose(), "https://api.example")).unwrap().unwrap()
    }

    fn named(proven: &Proven, number: usize) -> Arc<Proven> {
        let mut other = proven.clone();
        other.digest = TokenDigest::of(&number.to_string());
        Arc::new(other)
    }

    #[test]
    fn inv_18_never_more_are_remembered_than_the_host_says() {
        let proven = proven();
        for most in [0, 1, 2, 3, 15, 16, 31, 32, 33, 100, 4096] {
            let tokens = ProvenTokens::new(most);
            for number in 0..3 * most + 100 {
                tokens.remember(&named(&proven, number));
                // Some are looked for again, and so move from the old generation to the young.
                tokens.find(TokenDigest::of(&(number / 2).to_string()));
                assert!(number % 97 != 0 || tokens.count().tokens <= most, "{most}: {:?}", tokens.count());
            }
            let held = tokens.count().tokens;
            assert!(held <= most && (most < 2 || held >= most / 4), "{most}: {held}");
        }
    }

    #[test]
    fn inv_18_what_is_looked_for_stays_and_is_what_was_remembered() {
        let proven = proven();
        let tokens = ProvenTokens::new(64);
        let often = named(&proven, 0);
        tokens.remember(&often);
        for number in 1..10_000 {
            tokens.remember(&named(&proven, number));
            let found = tokens.find(often.digest).unwrap();
            assert!(Arc::ptr_eq(&found, &often));
        }
        assert!(tokens.find(TokenDigest::of("1")).is_none(), "nobody has asked for it");
        assert_eq!((tokens.count().hits, tokens.count().misses), (9_999, 1));
    }
}
