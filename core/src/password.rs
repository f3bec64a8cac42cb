//! Passwords: what a person may choose, and what is kept of it.
//!
//! A [`Password`] is bounded before anything looks at it and wiped when it is dropped. [`PasswordRules`] say whether
//! it may be chosen; [`hash`] and [`verify`] run Argon2id (RFC 9106) in memory that the caller lends. Only a
//! [`PasswordHash`] is ever kept, and a foreign one is bounded before it is obeyed.
//!
//! | step | cost | refuses |
//! |---|---|---|
//! | [`Password::new`] | a length | more than [`Password::MAX_BYTES`] bytes |
//! | [`PasswordRules::check`] | microseconds; only when a password is chosen | too short, too long, blocked |
//! | [`PasswordHash::parse`] | microseconds | another algorithm or version, costs out of bounds, a second spelling |
//! | [`hash`], [`verify`] | [`Argon2Params`] | memory that cannot be had |
//!
//! There are no composition rules and no expiry: NIST SP 800-63B-4, section 3.1.1.2.

use alloc::{string::String, vec::Vec};
use core::fmt;

use subtle::ConstantTimeEq;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

pub use blocklist::Blocklist;
pub use hashing::{HashError, Verdict, hash, verify};
pub use memory::HashMemory;
pub use params::{Argon2Params, ParamsError};
pub use phc::{PasswordHash, PasswordHashError};
pub use rules::{BlockedReason, Factors, PasswordContext, PasswordError, PasswordRules};

mod blocklist;
mod hashing;
mod memory;
mod params;
mod pattern;
mod phc;
mod rules;

/// A password as somebody typed it: any Unicode text, spaces and NUL included, every byte of it counted.
///
/// It is wiped when dropped, compared in constant time (the length is not hidden), and `Debug` prints
/// `Password(..)`. There is no way to print or serialise it.
///
/// # Example: nothing to see in a log
///
/// ```
/// use doorward_core::password::Password;
///
/// let password = Password::new("correct horse battery staple")?;
/// assert_eq!(format!("{password:?}"), "Password(..)");
/// # Ok::<(), doorward_core::password::PasswordError>(())
/// ```
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The longest password, in bytes of UTF-8: no work is spent on a longer one.
    pub const MAX_BYTES: usize = 4096;

    /// Takes a password over. Pass a `String` by value, and its buffer is the one that is wiped: a `&str` is copied,
    /// and the caller keeps the original.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooManyBytes`] above [`Password::MAX_BYTES`] bytes; the input is wiped then too.
    ///
    /// # Example: too long to look at
    ///
    /// ```
    /// use doorward_core::password::{Password, PasswordError};
    ///
    /// assert_eq!(Password::new("x".repeat(4097)).unwrap_err(), PasswordError::TooManyBytes);
    /// ```
    pub fn new(password: impl Into<String>) -> Result<Self, PasswordError> {
        let password = Zeroizing::new(password.into());
        if password.len() > Self::MAX_BYTES {
            return Err(PasswordError::TooManyBytes);
        }
        Ok(Self(password))
    }

    /// The bytes to be hashed, in a buffer that is wiped when dropped and never moved while it is filled. Only where
    /// NFC has something to compose do characters pass through the normaliser's own buffers, which nobody wipes: one by one, and
    /// together where five marks or more follow each other.
    ///
    /// # Example: one password, typed on two keyboards
    ///
    /// ```
    /// use doorward_core::password::{Normalization, Password};
    ///
    /// let (composed, decomposed) = (Password::new("caf\u{e9}")?, Password::new("cafe\u{301}")?);
    /// assert_eq!(composed.prepare(Normalization::Nfc), decomposed.prepare(Normalization::Nfc));
    /// assert_ne!(composed.prepare(Normalization::Exact), decomposed.prepare(Normalization::Exact));
    /// # Ok::<(), doorward_core::password::PasswordError>(())
    /// ```
    pub fn prepare(&self, normalization: Normalization) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(core::mem::take(&mut *self.normalized(normalization)).into_bytes())
    }

    fn normalized(&self, normalization: Normalization) -> Zeroizing<String> {
        match normalization {
            // UAX 15, section 9: NFC is at most three times as long in UTF-8.
            Normalization::Nfc if !is_nfc(&self.0) => gather(self.0.nfc(), self.0.len() * 3),
            Normalization::Nfc | Normalization::Exact => self.0.clone(),
        }
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Which bytes of a password are hashed. It is kept with each credential, so that a change of the rules locks
/// nobody out.
///
/// The standards conflict: NIST SP 800-63B-4, section 3.1.1.2, wants a normalised form, OWASP ASVS 5.0, 6.2.8, the
/// password exactly as received.
///
/// # Example: the default follows NIST
///
/// ```
/// use doorward_core::password::Normalization;
///
/// assert_eq!(Normalization::default(), Normalization::Nfc);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Normalization {
    /// Unicode NFC: `é` is `é`, however a keyboard composes it. A character younger than the Unicode tables of this
    /// build passes unchanged, so one with a decomposition of its own could hash differently after an update.
    #[default]
    #[n(0)]
    Nfc,
    /// The bytes as they came.
    #[n(1)]
    Exact,
}

/// Collects characters into one buffer of the given capacity in bytes: a buffer that grew would leave a copy behind.
fn gather(chars: impl Iterator<Item = char>, capacity: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    let room = text.capacity();
    text.extend(chars);
    debug_assert_eq!(text.capacity(), room, "a text grew, and left a copy behind");
    text
}

#[cfg(test)]
mod tests {
    use std::{format, vec};

    use proptest::prelude::*;

    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text).unwrap()
    }

    #[test]
    fn pw_2_the_byte_cap_comes_first() {
        assert!(Password::new("x".repeat(4096)).is_ok());
        assert_eq!(Password::new("x".repeat(4097)), Err(PasswordError::TooManyBytes));
        // Bytes, not characters: 4,098 of them.
        assert_eq!(Password::new("é".repeat(2049)), Err(PasswordError::TooManyBytes));
    }

    #[test]
    fn pw_3_every_byte_counts() {
        let right = password("correct horse\0battery ");
        for wrong in
            ["correct horse\0battery", "Correct horse\0battery ", "correct horse\0batterY ", "correct horse"]
        {
            for mode in [Normalization::Nfc, Normalization::Exact] {
                assert_ne!(right.prepare(mode), password(wrong).prepare(mode), "{wrong:?}");
            }
            assert_ne!(right, password(wrong));
        }
        assert_eq!(right, right.clone());
    }

    #[test]
    fn pw_4_each_mode_hashes_its_own_bytes() {
        let decomposed = password("e\u{301}");
        assert_eq!(*decomposed.prepare(Normalization::Nfc), "é".as_bytes());
        assert_eq!(*decomposed.prepare(Normalization::Exact), "e\u{301}".as_bytes());
    }

    /// PW-4: the mode is stored; these bytes must never change.
    #[test]
    fn pw_4_the_stored_mode_is_stable() {
        for (mode, bytes) in [(Normalization::Nfc, vec![0]), (Normalization::Exact, vec![1])] {
            assert_eq!(minicbor::to_vec(mode).unwrap(), bytes);
            assert_eq!(minicbor::decode::<Normalization>(&bytes).unwrap(), mode);
        }
        assert!(minicbor::decode::<Normalization>(&[2]).is_err());
    }

    /// U+FB2C is the worst case of UAX 15: NFC takes three times the room.
    #[test]
    fn the_buffer_never_grows() {
        let worst = password(&"\u{1d160}\u{fb2c}".repeat(500));
        let prepared = worst.prepare(Normalization::Nfc);
        assert!(prepared.len() > worst.0.len());
        assert_eq!(prepared.capacity(), worst.0.len() * 3);
    }

    #[test]
    fn debug_keeps_the_secret() {
        assert_eq!(format!("{:?}", password("hunter2 hunter2 x")), "Password(..)");
    }

    proptest! {
        #[test]
        fn pw_4_nfc_is_idempotent_and_fits(text in "\\PC{0,60}|.{0,60}") {
            let once = password(&text).prepare(Normalization::Nfc);
            prop_assert!(once.len() <= text.len() * 3);
            let again = password(core::str::from_utf8(&once).unwrap());
            prop_assert_eq!(again.prepare(Normalization::Nfc), once);
        }
    }
}
