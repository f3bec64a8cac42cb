//! The access tokens that were verified before: their signature is not looked at again.
//!
//! What is remembered is what a token says, under its digest; the token itself is not. Whether it still holds (the same
//! keyring, its key not retired, its time not over) the core looks at each time. Bounded: a digest says in which set its token
//! belongs, and a set that is full forgets the token that was looked for longest ago.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

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
    /// Those that did not; 0 where none is to be remembered.
    pub misses: u64,
    /// How many tokens are remembered now.
    pub tokens: usize,
}

/// How many are remembered, unless the host says otherwise.
pub(super) const DEFAULT_PROVEN: usize = 4096;
/// However many the host asks for.
const MOST_PROVEN: usize = 1 << 20;
/// A set is searched from its beginning.
const MOST_OF_A_SET: usize = 16;

pub(super) struct ProvenTokens {
    sets: Vec<Mutex<Set>>,
    most_of_a_set: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What was looked for last comes first.
#[derive(Default)]
struct Set(Vec<Proven>);

impl ProvenTokens {
    pub(super) fn new(most: usize) -> Self {
        let most = most.min(MOST_PROVEN);
        let most_of_a_set = most.min(MOST_OF_A_SET);
        let sets = most.checked_div(most_of_a_set).unwrap_or(0);
        let sets = (0..sets).map(|_| Mutex::default()).collect();
        Self { sets, most_of_a_set, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    pub(super) fn find(&self, digest: TokenDigest) -> Option<Proven> {
        let found = self.set(digest)?.lock().unwrap_or_else(PoisonError::into_inner).find(digest);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    pub(super) fn remember(&self, proven: Proven) {
        let Some(set) = self.set(proven.digest()) else { return };
        let forgotten = set.lock().unwrap_or_else(PoisonError::into_inner).put(proven, self.most_of_a_set);
        drop(forgotten); // when nobody waits for it
    }

    pub(super) fn count(&self) -> Remembered {
        let count = |set: &Mutex<Set>| set.lock().unwrap_or_else(PoisonError::into_inner).0.len();
        Remembered {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            tokens: self.sets.iter().map(count).sum(),
        }
    }

    fn set(&self, digest: TokenDigest) -> Option<&Mutex<Set>> {
        self.sets.get(digest.spread(self.sets.len()))
    }
}

impl Set {
    fn find(&mut self, digest: TokenDigest) -> Option<Proven> {
        let place = self.0.iter().position(|proven| proven.digest() == digest)?;
        self.0.get_mut(..=place)?.rotate_right(1);
        self.0.first().cloned()
    }

    /// In the place of an older one of the same token, of the last one if there are so many, or of none.
    fn put(&mut self, proven: Proven, most: usize) -> Option<Proven> {
        let older = self.0.iter().position(|older| older.digest() == proven.digest());
        let forgotten = match older {
            Some(place) => Some(self.0.remove(place)),
            None if self.0.len() >= most => self.0.pop(),
            None => None,
        };
        self.0.insert(0, proven);
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use doorward_core::operation::verify::Verify;

    use crate::store::MemoryStore;
    use crate::{Engine, Issue, Login, MasterKey, Register, SessionToken};

    struct House {
        engine: Engine,
        session: SessionToken,
    }

    impl House {
        fn open() -> Self {
            let builder = Engine::builder(MemoryStore::new()).ephemeral();
            let engine = builder.master_key(MasterKey::new(1, [1; 32])).open().unwrap();
            engine.register(Register::new("ada", "plum kettle orbit")).unwrap();
            let session = engine.login(Login::new("ada", "plum kettle orbit")).unwrap().token;
            Self { engine, session }
        }

        fn token(&self) -> String {
            let issue = Issue::new(self.session.expose(), "web", "https://api.example");
            self.engine.issue(issue).unwrap().access.expose().to_owned()
        }

        fn verified(&self, token: &str) -> Proven {
            self.engine.run(Verify::new(token, "https://api.example")).unwrap().unwrap()
        }

        /// So many tokens, verified.
        fn many(&self, many: usize) -> Vec<Proven> {
            (0..many).map(|_| self.verified(&self.token())).collect()
        }
    }

    fn are_one(one: &Proven, other: &Proven) -> bool {
        Arc::ptr_eq(one.access(), other.access())
    }

    #[test]
    fn never_more_are_remembered_than_the_host_says() {
        let many = House::open().many(1200);
        for most in [0, 1, 2, 3, 15, 16, 31, 32, 33, 100, 512] {
            let tokens = ProvenTokens::new(most);
            for (turn, proven) in many.iter().enumerate() {
                tokens.remember(proven.clone());
                tokens.find(many[turn / 2].digest());
                assert!(turn % 97 != 0 || tokens.count().tokens <= most, "{most}: {:?}", tokens.count());
            }
            // Sets are not filled alike, and so many may not be a number of sets.
            let held = tokens.count().tokens;
            assert!(held <= most && held >= most / 2, "{most}: {held}");
        }
    }

    #[test]
    fn however_many_the_host_asks_for_there_is_an_end() {
        let tokens = ProvenTokens::new(usize::MAX);
        assert_eq!(tokens.sets.len() * tokens.most_of_a_set, MOST_PROVEN);
        tokens.remember(House::open().many(1).remove(0));
        assert_eq!(tokens.count().tokens, 1);
    }

    /// A set of three.
    #[test]
    fn what_was_looked_for_longest_ago_is_forgotten() {
        let tokens = ProvenTokens::new(3);
        let [one, two, three, four, five] = House::open().many(5).try_into().unwrap();
        let held =
            |proven: &Proven| tokens.find(proven.digest()).is_some_and(|found| are_one(&found, proven));
        for proven in [&one, &two, &three] {
            tokens.remember(proven.clone());
        }
        assert!(held(&two) && held(&one), "three is the one that was looked for longest ago");
        tokens.remember(four.clone());
        assert_eq!(tokens.sets[0].lock().unwrap().0.len(), 3);
        assert!(!held(&three));
        assert!(held(&four) && held(&one) && held(&two));
        tokens.remember(five.clone());
        assert!(!held(&four) && held(&one) && held(&two) && held(&five));
        assert_eq!((tokens.count().hits, tokens.count().misses), (8, 2));
    }

    #[test]
    fn what_is_proven_anew_takes_the_place_of_what_was_proven_before() {
        let (tokens, house) = (ProvenTokens::new(3), House::open());
        let token = house.token();
        let [before, now] = [house.verified(&token), house.verified(&token)];
        assert!(!are_one(&before, &now));
        for proven in [&before, &house.many(1)[0], &now] {
            tokens.remember(proven.clone());
        }
        assert_eq!(tokens.count().tokens, 2);
        assert!(are_one(&tokens.find(now.digest()).unwrap(), &now));
    }

    /// Under another keyring its signature is looked at again, once: not at every verification from then on.
    #[test]
    fn a_token_is_remembered_anew_when_the_keyring_is_another() {
        let house = House::open();
        let token = house.token();
        let remembered = || {
            house.engine.verify(&token, "https://api.example").unwrap();
            house.engine.parts.proven.find(TokenDigest::of(&token)).unwrap()
        };
        let before = remembered();
        assert!(are_one(&remembered(), &before));
        house.engine.rotate_keys(crate::RotateKeys::at_once()).unwrap();
        let after = remembered();
        assert!(!are_one(&after, &before));
        assert!(are_one(&remembered(), &after));
    }
}
