//! The keys that sign access tokens: each is published before it is used, and accepted after it was.
//!
//! | state | from | signs | accepted | in the JWKS |
//! |---|---|---|---|---|
//! | [`Next`](KeyState::Next) | it is made | | yes | yes |
//! | [`Active`](KeyState::Active) | its `active_from`; the first of all at once | yes | yes | yes |
//! | [`Retired`](KeyState::Retired) | its successor's `active_from` | | until the last token that it signed is dead | yes |
//! | gone | that moment | | | |
//!
//! Which state a key is in follows from the times alone, so that every instance knows it without a write: one commit per
//! rotation makes the next key, and the rest happens by the clock. Two instances that rotate at once meet at the keyring's
//! row: the second sees that there is a next key already.
//!
//! A private key is nowhere: it is derived from a master key and the entry's salt. Whoever has the database alone cannot
//! sign, nor can who has the master key alone.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::model::keyring::KeyringRecord;
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::token::jwt::Algorithm;

/// A signing key, as the keyring row remembers it.
///
/// # Example: what a new store begins with
/// ```
/// use doorward_core::model::signing::KeyState;
/// use doorward_core::token::jwt::Algorithm;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # use doorward_core::{record::Key, store::Store};
/// # let engine = Engine::opened();
/// # let rows = engine.store.read(&[Key::Keyring])?;
/// # let keyring = rows[0].as_ref().unwrap().keyring()?;
/// let [entry] = &keyring.signing[..] else { unreachable!() };
/// assert_eq!((entry.algorithm, entry.master), (Algorithm::EdDsa, 1));
/// assert_eq!(keyring.state_of(&entry.kid, &engine.environment.policy, engine.now), Some(KeyState::Active));
/// assert!(!format!("{entry:?}").contains("salt"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SigningEntry {
    /// What tokens call it: the RFC 7638 thumbprint, or for HS256 random.
    #[n(0)]
    pub kid: String,
    /// What it signs with.
    #[n(1)]
    pub algorithm: Algorithm,
    /// The number of the master key that it is derived from.
    #[n(2)]
    pub master: u32,
    /// The other half of what makes it.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// The public key; empty for HS256.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub public: Vec<u8>,
    /// From when on it signs. Entries stand in the order in which they sign; but for a clock that was wrong, they ascend by it.
    #[n(5)]
    pub active_from: Timestamp,
}

impl fmt::Debug for SigningEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningEntry")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("active_from", &self.active_from)
            .finish_non_exhaustive()
    }
}

/// Where a key is in its life.
///
/// # Example: which keys sign
/// ```
/// use doorward_core::model::signing::KeyState;
///
/// fn signs(state: KeyState) -> bool {
///     match state {
///         KeyState::Active => true,
///         KeyState::Next | KeyState::Retired => false,
///     }
/// }
/// assert!(!signs(KeyState::Next)); // published first, so that whoever verifies has it in time
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, and not used yet.
    Next,
    /// It signs.
    Active,
    /// It signs no more; what it signed is accepted to its end.
    Retired,
}

/// More keys than a store has when it is rotated even every few seconds.
pub(crate) const MOST_KEYS: usize = 64;

impl KeyringRecord {
    /// The state of the key with this id; `None` when there is none, or none any more.
    pub fn state_of(&self, kid: &str, policy: &Policy, now: Timestamp) -> Option<KeyState> {
        let at = self.signing.iter().position(|entry| entry.kid == kid)?;
        self.state_at(at, policy, now)
    }

    fn state_at(&self, at: usize, policy: &Policy, now: Timestamp) -> Option<KeyState> {
        let entry = self.signing.get(at)?;
        match self.signing.get(at + 1) {
            _ if at > 0 && now < entry.active_from => Some(KeyState::Next),
            None => Some(KeyState::Active),
            Some(successor) if now < successor.active_from => Some(KeyState::Active),
            Some(successor) => {
                (now < policy.access_dies_at(successor.active_from)).then_some(KeyState::Retired)
            }
        }
    }

    /// The keys that are not gone, with their states.
    pub(crate) fn present_keys(
        &self,
        policy: &Policy,
        now: Timestamp,
    ) -> impl Iterator<Item = (&SigningEntry, KeyState)> {
        let state = move |(at, entry)| Some((entry, self.state_at(at, policy, now)?));
        self.signing.iter().enumerate().filter_map(state)
    }

    /// The key that signs now, and the newest one, which may be it. The first of all signs before its time, too: whose
    /// clock is behind that of the instance which made it must neither be without a key nor make another in its place.
    pub(crate) fn active_and_newest(&self, now: Timestamp) -> Option<(&SigningEntry, &SigningEntry)> {
        let active = self.signing.iter().rfind(|entry| entry.active_from <= now).or(self.signing.first())?;
        Some((active, self.signing.last()?))
    }
}
