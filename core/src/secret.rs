//! Secrets that live in the host: master keys, peppers and seeds. None of them prints, and each is wiped when dropped.
//!
//! What makes a token is derived from a master key *and* from a salt in the store, so that whoever steals
//! one of the two holds nothing. Below a master key stand labels (HKDF-SHA256, RFC 5869, section 2.3).

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use base64ct::Encoding;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::Fault;
use crate::record::Row;
use crate::time::Timestamp;
use crate::token::jwt::{Algorithm, SigningKey};
use crate::token::ring::{Parsed, Ring};

pub use pepper::Pepper;
use pepper::Peppers;

mod pepper;

const HKDF_SALT: &[u8] = b"doorward v1";

/// A host's 32-byte master key and its lasting number. The number stands in every token made under the key;
/// a number is never used for another key.
///
/// # Example: from bytes that the host keeps safe
/// ```
/// use doorward_core::secret::MasterKey;
///
/// let key = MasterKey::new(1, [0x5a; 32]);
/// assert_eq!(key.number(), 1);
/// assert_eq!(format!("{key:?}"), "MasterKey(1, ..)");
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    #[zeroize(skip)]
    number: u32,
    bytes: [u8; 32],
}

impl MasterKey {
    /// The key with this number and these bytes. The bytes must come from a secure random source.
    pub fn new(number: u32, bytes: [u8; 32]) -> Self {
        Self { number, bytes }
    }

    /// Its lasting number.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, ..)", self.number)
    }
}

/// The ring of master keys: the first makes new tokens, all are accepted. Only what is derived is kept. Beside them
/// stand the peppers, if the host has any: they are kept as they are, for each run of Argon2id wants one.
///
/// # Example: a second key, accepted before it is used
/// ```
/// use doorward_core::secret::{KeyError, MasterKey, MasterKeys};
///
/// let keys = MasterKeys::new(MasterKey::new(1, [1; 32]))
///     .accept(MasterKey::new(2, [2; 32]))?;
/// assert_eq!(keys.numbers().collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), KeyError>(())
/// ```
///
/// # Example: one pepper follows another
/// ```
/// use doorward_core::secret::{KeyError, MasterKey, MasterKeys, Pepper};
///
/// let keys = MasterKeys::new(MasterKey::new(1, [1; 32]))
///     .pepper(Pepper::new(2, [4; 32]))? // hashes what is new, and after a login also what is old
///     .accept_pepper(Pepper::new(1, [3; 32]))?; // until nobody's password is under it any more
/// assert_eq!(keys.accept_pepper(Pepper::new(1, [5; 32])).unwrap_err(), KeyError::DuplicatePepper(1));
/// # Ok::<(), KeyError>(())
/// ```
///
/// # Example: a signing key of the host's own
/// ```
/// use doorward_core::secret::{KeyError, MasterKey, MasterKeys};
/// use doorward_core::token::jwt::SigningKey;
///
/// let key = SigningKey::from_secret("2026-11", &[7; 32])?; // shared with a gateway that verifies HS256
/// let keys = MasterKeys::new(MasterKey::new(1, [1; 32])).signing_key(key.clone())?;
/// assert_eq!(keys.signing_key(key).unwrap_err(), KeyError::DuplicateSigning);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MasterKeys {
    ring: Vec<DerivedKeys>,
    peppers: Peppers,
    own: Vec<SigningKey>,
    parsed: Parsed,
}

impl MasterKeys {
    /// A ring whose one key makes tokens and accepts them.
    pub fn new(active: MasterKey) -> Self {
        Self {
            ring: Vec::from([DerivedKeys::new(&active)]),
            peppers: Peppers::default(),
            own: Vec::new(),
            parsed: Parsed::default(),
        }
    }

    /// The same ring, which also accepts tokens made under `key`.
    ///
    /// # Errors
    /// [`KeyError::Duplicate`] when the ring has a key of this number.
    pub fn accept(mut self, key: MasterKey) -> Result<Self, KeyError> {
        if self.numbered(key.number).is_some() {
            return Err(KeyError::Duplicate(key.number));
        }
        self.ring.push(DerivedKeys::new(&key));
        Ok(self)
    }

    /// The same ring, with a pepper. The first one given so hashes new passwords; every other is accepted.
    ///
    /// # Errors
    /// [`KeyError::DuplicatePepper`] when there is a pepper of this number.
    pub fn pepper(mut self, pepper: Pepper) -> Result<Self, KeyError> {
        self.peppers.activate(pepper)?;
        Ok(self)
    }

    /// The same ring, which can also verify what was hashed with `pepper`, and hashes nothing new with it.
    ///
    /// # Errors
    /// [`KeyError::DuplicatePepper`] when there is a pepper of this number.
    pub fn accept_pepper(mut self, pepper: Pepper) -> Result<Self, KeyError> {
        self.peppers.accept(pepper)?;
        Ok(self)
    }

    /// The same ring, which signs access tokens with `key` instead of a key of its own deriving. The first one given so
    /// signs; every other is accepted. Their rotation is the host's affair.
    ///
    /// # Errors
    /// [`KeyError::DuplicateSigning`] when there is one with its `kid`, [`KeyError::MixedSigning`] when secret and public
    /// keys would stand side by side.
    pub fn signing_key(mut self, key: SigningKey) -> Result<Self, KeyError> {
        if self.own.iter().any(|own| own.kid() == key.kid()) {
            return Err(KeyError::DuplicateSigning);
        }
        let is_secret = |key: &SigningKey| key.algorithm() == Algorithm::Hs256;
        if self.own.iter().any(|own| is_secret(own) != is_secret(&key)) {
            return Err(KeyError::MixedSigning);
        }
        self.own.push(key);
        Ok(self)
    }

    /// The numbers of its keys, the active one first.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.ring.iter().map(|keys| keys.number)
    }

    pub(crate) fn all(&self) -> &[DerivedKeys] {
        &self.ring
    }

    pub(crate) fn active(&self) -> &DerivedKeys {
        // `new` puts one in, and none is ever taken out.
        self.ring.first().expect("a ring has a first key from its construction on")
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<&DerivedKeys> {
        self.ring.iter().find(|keys| keys.number == number)
    }

    pub(crate) fn own_signing_keys(&self) -> &[SigningKey] {
        &self.own
    }

    /// The signing keys of this keyring row.
    pub(crate) fn ring(&self, keyring: &Row, now: Timestamp) -> Result<Arc<Ring>, Fault> {
        self.parsed.of(keyring, self, now)
    }

    pub(crate) fn peppers(&self) -> &[Pepper] {
        self.peppers.all()
    }

    /// What new passwords are hashed with.
    pub(crate) fn active_pepper(&self) -> Option<&Pepper> {
        self.peppers.active()
    }

    pub(crate) fn numbered_pepper(&self, number: u32) -> Option<&Pepper> {
        self.peppers.numbered(number)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.numbers()).finish()
    }
}

/// What is derived from one master key.
pub(crate) struct DerivedKeys {
    pub(crate) number: u32,
    /// What the keyring row remembers of the key, to tell a wrong one at open.
    pub(crate) check: [u8; 16],
    tag: Hmac<Sha256>,
    proof: Hmac<Sha256>,
    signing: Hmac<Sha256>,
}

impl DerivedKeys {
    fn new(master: &MasterKey) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(HKDF_SALT), &master.bytes);
        let mut check = [0; 16];
        expand(&hkdf, &[b"key check"], &mut check);
        let subkey = |label: &[u8]| {
            let mut bytes = Zeroizing::new([0; 32]);
            expand(&hkdf, &[label], bytes.as_mut());
            keyed(bytes.as_ref())
        };
        Self {
            number: master.number,
            check,
            tag: subkey(b"token tag"),
            proof: subkey(b"token proof"),
            signing: subkey(b"signing key"),
        }
    }

    /// The eight bytes that show, without the store, that this engine made a token.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 8] {
        truncated(&self.tag, parts)
    }

    /// The bytes that a signing key is made of.
    pub(crate) fn signing(&self, parts: &[&[u8]]) -> [u8; 32] {
        truncated(&self.signing, parts)
    }

    /// The sixteen bytes that prove a token against its row's salt.
    pub(crate) fn proof(&self, parts: &[&[u8]]) -> [u8; 16] {
        truncated(&self.proof, parts)
    }
}

/// The randomness of one operation: 32 bytes from the operating system, given by the engine. Everything that
/// the operation mints is expanded from it by label, so that a retry mints the same ids, and a replay the
/// same bytes.
///
/// # Example: the same seed, the same bytes
/// ```
/// use doorward_core::secret::Seed;
///
/// let seed = Seed::from_bytes([3; 32]);
/// assert_eq!(seed.bytes::<16>("session"), seed.bytes::<16>("session"));
/// assert_ne!(seed.bytes::<16>("session"), seed.bytes::<16>("salt"));
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed with these bytes. They must be fresh from a secure random source, and used once.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// `N` bytes for this label.
    ///
    /// # Panics
    /// When `N` is more than 8160, which is all that HKDF-SHA256 can give (RFC 5869, section 2.3).
    pub fn bytes<const N: usize>(&self, label: &str) -> [u8; N] {
        self.expand(&[b"label", label.as_bytes()])
    }

    /// What this attempt stamps its rows with: public, so no label may give the same bytes.
    pub(crate) fn stamp(&self, attempt: u32) -> [u8; 16] {
        self.expand(&[b"stamp", &attempt.to_be_bytes()])
    }

    /// What tells the machine of this seed from another. Its driver gave the seed, so it learns nothing here.
    pub(crate) fn machine(&self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    fn expand<const N: usize>(&self, info: &[&[u8]]) -> [u8; N] {
        let hkdf = Hkdf::<Sha256>::new(Some(HKDF_SALT), &self.0);
        let mut bytes = [0; N];
        expand(&hkdf, info, &mut bytes);
        bytes
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// Master keys or peppers that do not fit each other or the store. A fault of configuration: nothing was read or changed.
///
/// # Example: two keys under one number
/// ```
/// use doorward_core::secret::{KeyError, MasterKey, MasterKeys};
///
/// let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// let error = keys.accept(MasterKey::new(1, [2; 32])).unwrap_err();
/// assert_eq!(error, KeyError::Duplicate(1));
/// assert!(error.to_string().ends_with("give each key its own, lasting number"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Two keys of a ring have one number.
    #[error("two master keys have the number {0}: give each key its own, lasting number")]
    Duplicate(u32),
    /// The store was made with another key of this number.
    #[error(
        "master key {0} is not the one this store was made with: give the engine that key, or another store"
    )]
    Wrong(u32),
    /// The ring shares no key with the store.
    #[error(
        "none of the given master keys is known to this store: open it with a key it knows, and the new one beside it"
    )]
    Unknown,
    /// Two peppers have one number.
    #[error("two peppers have the number {0}: give each pepper its own, lasting number")]
    DuplicatePepper(u32),
    /// The store has met another pepper of this number.
    #[error(
        "pepper {0} is not the one this store was used with: give the engine that pepper, or this one a number of its own"
    )]
    WrongPepper(u32),
    /// Two signing keys have one `kid`.
    #[error("two signing keys have one `kid`: give each its own")]
    DuplicateSigning,
    /// Secret and public signing keys side by side.
    #[error("HS256 keys and public ones do not stand side by side: choose one family")]
    MixedSigning,
    /// A stored signing key cannot be derived.
    #[error(
        "a signing key of the store cannot be derived from its master key: revoke all tokens, or restore a backup"
    )]
    Signing,
}

/// HMAC-SHA256 (RFC 2104) of `parts`, one after another, cut to `N` bytes.
pub(crate) fn truncated<const N: usize>(key: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; N] {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    let full = mac.finalize().into_bytes();
    let mut cut = [0; N];
    cut.iter_mut().zip(full.iter()).for_each(|(to, from)| *to = *from);
    cut
}

/// An HMAC under these key bytes.
pub(crate) fn keyed(bytes: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(bytes).expect("HMAC takes keys of every length (RFC 2104, section 2)")
}

/// Whether two byte strings are equal, in time that depends on their length only.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// What a text is in base64, in a buffer that is wiped, also where the text is refused in the end.
pub(crate) fn decoded<E: Encoding>(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; text.len()]);
    let len = E::decode(text, &mut bytes).ok()?.len();
    bytes.truncate(len);
    Some(bytes)
}

fn expand(hkdf: &Hkdf<Sha256>, label: &[&[u8]], to: &mut [u8]) {
    hkdf.expand_multi_info(label, to).expect("callers ask for far less than the 8160 bytes HKDF can give");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn pw_secrets_do_not_print() {
        let seed = Seed::from_bytes([0xab; 32]);
        let keys = MasterKeys::new(MasterKey::new(7, [0xcd; 32]));
        assert_eq!(format!("{seed:?} {keys:?}"), "Seed(..) [7]");
    }

    #[test]
    fn labels_keys_and_numbers_separate() {
        let one = MasterKeys::new(MasterKey::new(1, [1; 32]));
        let two = MasterKeys::new(MasterKey::new(1, [2; 32]));
        assert_ne!(one.active().check, two.active().check);
        assert_ne!(one.active().proof(&[b"x"]), two.active().proof(&[b"x"]));
        assert_ne!(one.active().proof(&[b"x"])[..8], one.active().tag(&[b"x"]));
        let seed = Seed::from_bytes([9; 32]);
        assert_ne!(seed.stamp(0), seed.stamp(1));
        assert_ne!(seed.stamp(0), seed.bytes("stamp"));
        assert_eq!(one.accept(MasterKey::new(1, [3; 32])).err(), Some(KeyError::Duplicate(1)));
    }
}
