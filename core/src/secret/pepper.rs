//! The pepper: a secret without which no stored hash can be tried, however weak the password
//! (NIST SP 800-63B-4, section 3.1.1.2: a keyed hash, its key kept apart from the hashes).

use alloc::vec::Vec;
use core::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{HKDF_SALT, KeyError, expand, same};

/// A host's 32-byte pepper and its lasting number: Argon2id's secret value K (RFC 9106, section 3.1). The number
/// stands in every credential that was hashed with it; a number is never used for another pepper.
///
/// Whoever steals the database cannot try a single password without it. Whoever *loses* it has lost every password
/// that was hashed with it: keep a copy, apart from the database and from its backups.
///
/// # Example: from bytes that the host keeps safe
/// ```
/// use doorward_core::secret::Pepper;
///
/// let pepper = Pepper::new(1, [0x5a; 32]);
/// assert_eq!(pepper.number(), 1);
/// assert_eq!(format!("{pepper:?}"), "Pepper(1, ..)");
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pepper {
    #[zeroize(skip)]
    number: u32,
    bytes: [u8; 32],
}

impl Pepper {
    /// The pepper with this number and these bytes. The bytes must come from a secure random source.
    pub fn new(number: u32, bytes: [u8; 32]) -> Self {
        Self { number, bytes }
    }

    /// Its lasting number.
    pub fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the keyring row remembers of it, to tell a wrong one at open.
    pub(crate) fn check(&self) -> [u8; 16] {
        let mut check = [0; 16];
        expand(&Hkdf::<Sha256>::new(Some(HKDF_SALT), &self.bytes), &[b"pepper check"], &mut check);
        check
    }
}

/// In time that does not depend on the bytes.
impl PartialEq for Pepper {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && same(&self.bytes, &other.bytes)
    }
}

impl Eq for Pepper {}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({}, ..)", self.number)
    }
}

/// The peppers beside the master keys.
#[derive(Default)]
pub(super) struct Peppers {
    all: Vec<Pepper>,
    /// The number of the one that hashes new passwords.
    active: Option<u32>,
}

impl Peppers {
    pub(super) fn activate(&mut self, pepper: Pepper) -> Result<(), KeyError> {
        let number = pepper.number;
        self.accept(pepper)?;
        self.active.get_or_insert(number);
        Ok(())
    }

    pub(super) fn accept(&mut self, pepper: Pepper) -> Result<(), KeyError> {
        if self.numbered(pepper.number).is_some() {
            return Err(KeyError::DuplicatePepper(pepper.number));
        }
        self.all.push(pepper);
        Ok(())
    }

    pub(super) fn all(&self) -> &[Pepper] {
        &self.all
    }

    pub(super) fn active(&self) -> Option<&Pepper> {
        self.active.and_then(|number| self.numbered(number))
    }

    pub(super) fn numbered(&self, number: u32) -> Option<&Pepper> {
        self.all.iter().find(|pepper| pepper.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{MasterKey, MasterKeys};

    fn pepper(number: u32) -> Pepper {
        Pepper::new(number, [u8::try_from(number).unwrap(); 32])
    }

    fn ring() -> MasterKeys {
        MasterKeys::new(MasterKey::new(1, [1; 32]))
    }

    #[test]
    fn pw_13_the_first_given_is_active_and_an_accepted_one_never_is() {
        assert_eq!(ring().active_pepper(), None);
        let accepting = ring().accept_pepper(pepper(3)).unwrap();
        assert_eq!(accepting.active_pepper(), None);
        let both = accepting.pepper(pepper(2)).unwrap().pepper(pepper(1)).unwrap();
        assert_eq!(both.active_pepper(), Some(&pepper(2)));
        for number in 1..=3 {
            assert_eq!(both.numbered_pepper(number), Some(&pepper(number)));
        }
        assert_eq!(both.numbered_pepper(4), None);
        assert_eq!(both.pepper(pepper(3)).err(), Some(KeyError::DuplicatePepper(3)));
    }

    #[test]
    fn checks_and_peppers_differ_by_bytes_and_a_check_is_no_master_keys() {
        let one = Pepper::new(1, [1; 32]);
        assert_ne!(one.check(), Pepper::new(1, [2; 32]).check());
        assert_ne!(one.check(), ring().active().check, "the same bytes, by another label");
        assert_ne!(one, Pepper::new(1, [2; 32]));
        assert_ne!(one, Pepper::new(2, [1; 32]));
    }
}
