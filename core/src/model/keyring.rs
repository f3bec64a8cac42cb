//! The keyring: one row per store that every request reads.
//!
//! Its row's epoch is the *global epoch*: raising it ends every session and token of the store at once. Its
//! record knows which master keys and peppers the store has met (a check value each, from which no key can be had),
//! and holds the key under which throttle rows hide names. That key is the store's own: it must survive a change
//! of master key, or changing it would reset every lockout.

use alloc::vec::Vec;
use core::fmt;

use crate::error::Fault;
use crate::id::{AccountId, NameHash};
use crate::model::signing::SigningEntry;
use crate::name::LoginName;
use crate::record::Row;
use crate::secret::{DerivedKeys, KeyError, MasterKeys, Pepper, keyed, same, truncated};

/// What the keyring row says.
///
/// # Example: what a store knows after it was opened
/// ```
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # use doorward_core::{record::Key, store::Store};
/// # let engine = Engine::opened();
/// let rows = engine.store.read(&[Key::Keyring])?;
/// let Some(row) = &rows[0] else { unreachable!() };
/// let keyring = row.keyring()?;
/// assert_eq!(keyring.checks.len(), 1); // one master key
/// assert!(!format!("{keyring:?}").contains("throttle_key")); // a secret of the store's own
/// assert_eq!(row.epoch, 0); // nobody has ended everything yet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, minicbor::Encode, minicbor::Decode)]
pub struct KeyringRecord {
    /// The master keys this store has met.
    #[n(0)]
    pub checks: Vec<KeyCheck>,
    /// The key under which names are hashed.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub throttle_key: [u8; 32],
    /// The peppers this store has met.
    #[cbor(n(2), skip_if = "Vec::is_empty")]
    pub peppers: Vec<KeyCheck>,
    /// How often all tokens were revoked while sessions lived on.
    #[cbor(n(3), default)]
    pub token_epoch: u64,
    /// The keys that sign access tokens, in the order in which they do.
    #[cbor(n(4), default)]
    pub signing: Vec<SigningEntry>,
}

/// How often everything was ended, as far as a grant was made under it: a grant lives while all three are as they were.
///
/// # Example: a password change ends what came before it
/// ```
/// use doorward_core::model::keyring::Epochs;
///
/// let granted = Epochs { account: 4, global: 0, tokens: 0 };
/// let now = Epochs { account: 5, ..granted };
/// assert_ne!(granted, now);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, minicbor::Encode, minicbor::Decode)]
pub struct Epochs {
    /// The account row's epoch: logout everywhere, a new password, a disabled account.
    #[n(0)]
    pub account: u64,
    /// The keyring row's epoch: a restored backup.
    #[n(1)]
    pub global: u64,
    /// The keyring record's token epoch: all tokens revoked.
    #[n(2)]
    pub tokens: u64,
}

impl Epochs {
    /// Those that count now, by these rows of one snapshot. An account that is gone grants nothing.
    pub(crate) fn now(account: Option<&Row>, keyring: &Row) -> Result<Self, Fault> {
        Ok(Self {
            account: account.map_or(u64::MAX, |row| row.epoch),
            global: keyring.epoch,
            tokens: keyring.keyring()?.token_epoch,
        })
    }
}

/// A master key or a pepper as the store remembers it.
///
/// # Example: which master keys a store has met
/// ```
/// use doorward_core::model::keyring::KeyringRecord;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # use doorward_core::{record::Key, store::Store};
///
/// fn numbers(keyring: &KeyringRecord) -> Vec<u32> {
///     keyring.checks.iter().map(|check| check.number).collect()
/// }
/// # let rows = Engine::opened().store.read(&[Key::Keyring])?;
/// # let keyring = rows[0].as_ref().unwrap().keyring()?;
/// assert_eq!(numbers(keyring), [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct KeyCheck {
    /// The key's number.
    #[n(0)]
    pub number: u32,
    /// A value that only this key gives.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub value: [u8; 16],
}

impl KeyringRecord {
    /// The first keyring of a store.
    pub(crate) fn new(keys: &MasterKeys, throttle_key: [u8; 32]) -> Self {
        let checks = keys.all().iter().map(KeyCheck::of_key).collect();
        let peppers = keys.peppers().iter().map(KeyCheck::of_pepper).collect();
        Self { checks, throttle_key, peppers, token_epoch: 0, signing: Vec::new() }
    }

    /// The record that also knows the keys and peppers of this ring; `None` when it knows them all.
    ///
    /// A ring that shares no key with the store is refused: else any key would open any store, and the old
    /// tokens would die without a word. A pepper may be new: the keys have shown whose store it is.
    pub(crate) fn accepting(&self, keys: &MasterKeys) -> Result<Option<Self>, KeyError> {
        let mut grown = self.clone();
        let mut shared = false;
        for key in keys.all() {
            shared |= !note(&mut grown.checks, KeyCheck::of_key(key)).map_err(KeyError::Wrong)?;
        }
        if !shared {
            return Err(KeyError::Unknown);
        }
        for pepper in keys.peppers() {
            note(&mut grown.peppers, KeyCheck::of_pepper(pepper)).map_err(KeyError::WrongPepper)?;
        }
        Ok((grown != *self).then_some(grown))
    }

    /// What the throttle row of this name is filed under.
    pub(crate) fn name_hash(&self, name: &LoginName) -> NameHash {
        NameHash::from_bytes(self.hash("name", name.as_str().as_bytes()))
    }

    /// What the throttle row of guesses from inside this account's sessions is filed under.
    pub(crate) fn account_hash(&self, account: AccountId) -> NameHash {
        NameHash::from_bytes(self.hash("account", account.as_bytes()))
    }

    /// The account that a name without one is taken for: always the same, and nobody's.
    pub(crate) fn decoy(&self, name: &LoginName) -> AccountId {
        AccountId::from_bytes(self.hash("decoy", name.as_str().as_bytes()))
    }

    fn hash(&self, label: &str, bytes: &[u8]) -> [u8; 16] {
        truncated(&keyed(&self.throttle_key), &[label.as_bytes(), &[0], bytes])
    }
}

impl KeyCheck {
    fn of_key(key: &DerivedKeys) -> Self {
        Self { number: key.number, value: key.check }
    }

    fn of_pepper(pepper: &Pepper) -> Self {
        Self { number: pepper.number(), value: pepper.check() }
    }
}

/// Adds a check to those met, and says whether it is new; its number, when another stands under that.
fn note(met: &mut Vec<KeyCheck>, check: KeyCheck) -> Result<bool, u32> {
    match met.iter().find(|known| known.number == check.number) {
        Some(known) if same(&known.value, &check.value) => Ok(false),
        Some(_) => Err(check.number),
        None => {
            met.push(check);
            Ok(true)
        }
    }
}

impl fmt::Debug for KeyringRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringRecord")
            .field("checks", &self.checks)
            .field("peppers", &self.peppers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::MasterKey;

    fn ring(numbers: &[u32]) -> MasterKeys {
        let key = |n: u32| MasterKey::new(n, [u8::try_from(n).unwrap(); 32]);
        let mut numbers = numbers.iter();
        let first = MasterKeys::new(key(*numbers.next().unwrap()));
        numbers.fold(first, |ring, n| ring.accept(key(*n)).unwrap())
    }

    #[test]
    fn a_new_key_is_accepted_beside_a_known_one_only() {
        let record = KeyringRecord::new(&ring(&[1]), [0; 32]);
        assert_eq!(record.accepting(&ring(&[1])), Ok(None));
        let grown = record.accepting(&ring(&[1, 2])).unwrap().unwrap();
        assert_eq!(grown.checks.len(), 2);
        assert_eq!(grown.accepting(&ring(&[2])), Ok(None));
        assert_eq!(record.accepting(&ring(&[2])), Err(KeyError::Unknown));
        let impostor = MasterKeys::new(MasterKey::new(1, [9; 32]));
        assert_eq!(record.accepting(&impostor), Err(KeyError::Wrong(1)));
    }

    #[test]
    fn pw_13_a_new_pepper_is_noted_and_a_wrong_one_refused() {
        let (one, two) = (Pepper::new(1, [1; 32]), Pepper::new(2, [2; 32]));
        let with = |peppers: [&Pepper; 2]| {
            peppers.into_iter().fold(ring(&[1]), |ring, pepper| ring.accept_pepper(pepper.clone()).unwrap())
        };
        let bare = KeyringRecord::new(&ring(&[1]), [0; 32]);
        let grown = bare.accepting(&with([&one, &two])).unwrap().unwrap();
        assert_eq!(grown, KeyringRecord::new(&with([&one, &two]), [0; 32]));
        assert_eq!(grown.accepting(&with([&two, &one])), Ok(None));
        assert_eq!(grown.accepting(&ring(&[1])), Ok(None), "one that is no longer given stays known");
        let impostor = Pepper::new(2, [3; 32]);
        assert_eq!(grown.accepting(&with([&one, &impostor])), Err(KeyError::WrongPepper(2)));
        let strange = ring(&[2]).pepper(one).unwrap();
        assert_eq!(grown.accepting(&strange), Err(KeyError::Unknown), "a pepper opens no store");
    }
}
