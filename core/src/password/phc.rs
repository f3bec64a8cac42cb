//! A password hash as it is kept: one strict PHC string.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt::{self, Write};

use base64ct::{Base64Unpadded, Encoding};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Argon2Params, ParamsError};
use crate::secret::decoded;

/// An Argon2id hash, `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>`: the PHC string format, in its one canonical
/// spelling, with costs that may be obeyed.
///
/// Salt 16 to 48 bytes (our own: 16), tag 32 bytes, both in unpadded base64. Whoever reads a hash can guess at the
/// password offline, so `Debug` prints the costs only, and the value is wiped when dropped and compared in
/// constant time.
///
/// # Example: a hash from elsewhere
///
/// ```
/// use doorward_core::password::{Argon2Params, PasswordHash};
///
/// let imported = PasswordHash::parse(
///     "$argon2id$v=19$m=12288,t=3,p=4$EBESExQVFhcYGRobHB0eHw$StW/okIa0an59aNSagBjzyFJqEsq8B50M+3er8QBvcg",
/// )?;
/// assert_eq!(imported.params().memory_kib(), 12_288);
/// assert!(imported.needs_rehash(&Argon2Params::default()));
/// # Ok::<(), doorward_core::password::PasswordHashError>(())
/// ```
#[derive(Clone)]
pub struct PasswordHash {
    phc: Zeroizing<Box<str>>,
    params: Argon2Params,
    salt: Zeroizing<Box<[u8]>>,
    /// In a box, as all that is secret: no copy stays behind where the hash moves.
    tag: Box<Zeroizing<[u8; TAG]>>,
}

impl PasswordHash {
    /// The longest string, in bytes: 48 bytes of salt and the highest costs.
    pub const MAX_LEN: usize = 142;

    /// A hash from a store or from another system. No memory is taken for its costs: they are only checked.
    ///
    /// # Errors
    ///
    /// The [`PasswordHashError`] of the first part that does not fit.
    ///
    /// # Example: a hostile cost
    ///
    /// ```
    /// use doorward_core::password::{ParamsError, PasswordHash, PasswordHashError};
    ///
    /// let four_gib = "$argon2id$v=19$m=4194304,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU";
    /// assert_eq!(PasswordHash::parse(four_gib).unwrap_err(), PasswordHashError::Params(ParamsError::Memory));
    /// ```
    pub fn parse(phc: &str) -> Result<Self, PasswordHashError> {
        if phc.len() > Self::MAX_LEN {
            return Err(PasswordHashError::TooLong);
        }
        let mut parts = phc.split('$');
        let mut next = || parts.next().ok_or(PasswordHashError::Malformed);
        let (_, algorithm, version, costs, salt, tag) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        if algorithm != "argon2id" {
            return Err(PasswordHashError::Algorithm);
        }
        if version != "v=19" {
            return Err(PasswordHashError::Version);
        }
        let hash = Self::from_parts(parse_costs(costs)?, &parse_salt(salt)?, parse_tag(tag)?);
        // Whatever else was in the string is not in ours: further parts, leading zeros, spare bits in base64.
        if hash.as_str() == phc { Ok(hash) } else { Err(PasswordHashError::Malformed) }
    }

    /// A hash that no password is known to open, to be verified where there is no real one: it costs what a real one
    /// does.
    ///
    /// The salt and tag should be unknown to others: drawn at random once, or derived from a master key. A password
    /// opens it by a chance of 2⁻²⁵⁶, and the caller refuses whatever the verdict.
    ///
    /// # Example: an unknown name takes as long as a known one
    ///
    /// ```
    /// use doorward_core::password::{Argon2Params, HashMemory, Normalization, Password, PasswordHash, Verdict, verify};
    ///
    /// let decoy = PasswordHash::decoy(&Argon2Params::default(), [7; 16], [9; 32]);
    /// let verdict = verify(&Password::new("guess")?, Normalization::Nfc, &decoy, None, &mut HashMemory::default())?;
    /// assert_eq!(verdict, Verdict::Mismatch);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decoy(params: &Argon2Params, salt: [u8; SALT], tag: [u8; TAG]) -> Self {
        Self::from_parts(*params, &salt, Zeroizing::new(tag))
    }

    /// The PHC string: at most [`PasswordHash::MAX_LEN`] bytes of ASCII. It is a secret: keep it in the store only.
    ///
    /// # Example: it comes back as it went
    ///
    /// ```
    /// # use doorward_core::password::{Argon2Params, PasswordHash};
    /// let hash = PasswordHash::decoy(&Argon2Params::default(), [0; 16], [0; 32]);
    /// assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"));
    /// assert_eq!(PasswordHash::parse(hash.as_str())?, hash);
    /// # Ok::<(), doorward_core::password::PasswordHashError>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.phc
    }

    /// What a verification costs.
    ///
    /// # Example: the cost of a decoy is the policy's
    ///
    /// ```
    /// # use doorward_core::password::{Argon2Params, PasswordHash};
    /// let policy = Argon2Params::default();
    /// assert_eq!(PasswordHash::decoy(&policy, [0; 16], [0; 32]).params(), &policy);
    /// ```
    pub const fn params(&self) -> &Argon2Params {
        &self.params
    }

    /// Whether the next right password should be hashed anew: the costs differ from the policy, up or down (a costlier
    /// hash would tell its name from an unknown one), or the salt is not 16 bytes.
    ///
    /// # Example: the policy moved
    ///
    /// ```
    /// # use doorward_core::password::{Argon2Params, PasswordHash};
    /// let hash = PasswordHash::decoy(&Argon2Params::default(), [0; 16], [0; 32]);
    /// assert!(!hash.needs_rehash(&Argon2Params::default()));
    /// assert!(hash.needs_rehash(&Argon2Params::default().with_passes(3)?));
    /// # Ok::<(), doorward_core::password::ParamsError>(())
    /// ```
    pub fn needs_rehash(&self, policy: &Argon2Params) -> bool {
        self.params != *policy || self.salt.len() != SALT
    }

    pub(super) fn from_parts(params: Argon2Params, salt: &[u8], tag: Zeroizing<[u8; TAG]>) -> Self {
        let mut phc = Zeroizing::new(String::with_capacity(Self::MAX_LEN));
        let (memory, passes, lanes) = (params.memory_kib(), params.passes(), params.lanes());
        let salted = Zeroizing::new(Base64Unpadded::encode_string(salt));
        let tagged = Zeroizing::new(Base64Unpadded::encode_string(&*tag));
        write!(phc, "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}", *salted, *tagged)
            .expect("writing to a string does not fail");
        // Not its spare room: the text is copied, and the first one wiped.
        let phc = Zeroizing::new(Box::from(phc.as_str()));
        Self { phc, params, salt: Zeroizing::new(Box::from(salt)), tag: Box::new(tag) }
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub(super) fn tag(&self) -> &[u8; TAG] {
        &self.tag
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        self.phc.as_bytes().ct_eq(other.phc.as_bytes()).into()
    }
}

impl Eq for PasswordHash {}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("params", &self.params).finish_non_exhaustive()
    }
}

/// Why a string is not a password hash that we obey. It never repeats the string.
///
/// # Example: another algorithm
///
/// ```
/// use doorward_core::password::{PasswordHash, PasswordHashError};
///
/// let bcrypt_like = PasswordHash::parse("$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA");
/// assert_eq!(bcrypt_like.unwrap_err(), PasswordHashError::Algorithm);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordHashError {
    /// Not the PHC string format, or not in its canonical spelling.
    #[error("the password hash is not a canonical PHC string")]
    Malformed,
    /// More than [`PasswordHash::MAX_LEN`] bytes: nothing else was looked at.
    #[error("the password hash is longer than 142 bytes")]
    TooLong,
    /// Not `argon2id`.
    #[error("the password hash is not argon2id")]
    Algorithm,
    /// Not `v=19`, the version of RFC 9106.
    #[error("the password hash is not of argon2 version 19")]
    Version,
    /// A cost out of bounds.
    #[error("the password hash asks for too much or too little: {0}")]
    Params(#[from] ParamsError),
    /// A salt that is not 16 to 48 bytes.
    #[error("the salt of the password hash is not 16 to 48 bytes")]
    Salt,
    /// A tag that is not 32 bytes.
    #[error("the tag of the password hash is not 32 bytes")]
    Tag,
}

fn parse_costs(costs: &str) -> Result<Argon2Params, PasswordHashError> {
    let mut costs = costs.split(',');
    let mut cost = |name| {
        let digits =
            costs.next().and_then(|cost| cost.strip_prefix(name)).ok_or(PasswordHashError::Malformed)?;
        digits.parse::<u32>().map_err(|_| PasswordHashError::Malformed)
    };
    let (memory, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
    Ok(Argon2Params::default().with_memory_kib(memory)?.with_passes(passes)?.with_lanes(lanes)?)
}

fn parse_salt(salt: &str) -> Result<Zeroizing<Vec<u8>>, PasswordHashError> {
    let salt = decoded::<Base64Unpadded>(salt).ok_or(PasswordHashError::Malformed)?;
    if (SALT..=MAX_SALT).contains(&salt.len()) { Ok(salt) } else { Err(PasswordHashError::Salt) }
}

fn parse_tag(tag: &str) -> Result<Zeroizing<[u8; TAG]>, PasswordHashError> {
    let tag = decoded::<Base64Unpadded>(tag).ok_or(PasswordHashError::Malformed)?;
    tag.as_slice().try_into().map(Zeroizing::new).map_err(|_| PasswordHashError::Tag)
}

/// The length of our own salts, in bytes: RFC 9106, section 3.1.
pub(super) const SALT: usize = 16;
/// The length of every tag, in bytes.
pub(super) const TAG: usize = 32;
/// The longest salt of the PHC string format, in bytes.
const MAX_SALT: usize = 48;

#[cfg(test)]
mod tests {
    use std::{format, string::String, string::ToString, vec};

    use proptest::prelude::*;

    use super::*;

    const GOOD: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU";

    fn refusal(from: &str, to: &str) -> PasswordHashError {
        let bad = GOOD.replacen(from, to, 1);
        assert_ne!(bad, GOOD, "{from} is not in the good string");
        PasswordHash::parse(&bad).expect_err(&bad)
    }

    #[test]
    fn a_good_string_comes_back_as_it_went() {
        let hash = PasswordHash::parse(GOOD).unwrap();
        assert_eq!(hash.as_str(), GOOD);
        assert_eq!(*hash.params(), Argon2Params::default());
        assert_eq!(hash.salt(), (0..16).collect::<Vec<u8>>());
        assert_eq!(hash.tag()[..2], [0x81, 0x82]);
    }

    #[test]
    fn pw_14_hostile_hashes_are_refused() {
        use PasswordHashError::{Algorithm, Malformed, Params, Version};
        for (from, to, error) in [
            ("m=19456", "m=4194304", Params(ParamsError::Memory)),
            ("m=19456", "m=4294967295", Params(ParamsError::Memory)),
            ("m=19456", "m=8", Params(ParamsError::Memory)),
            ("t=2", "t=17", Params(ParamsError::Passes)),
            ("t=2", "t=0", Params(ParamsError::Passes)),
            ("p=1", "p=5", Params(ParamsError::Lanes)),
            ("p=1", "p=0", Params(ParamsError::Lanes)),
            ("m=19456", "m=4294967296", Malformed),
            ("argon2id", "argon2d", Algorithm),
            ("argon2id", "argon2i", Algorithm),
            ("argon2id", "Argon2id", Algorithm),
            ("v=19", "v=16", Version),
            ("v=19", "v=019", Version),
        ] {
            assert_eq!(refusal(from, to), error, "{to}");
        }
    }

    #[test]
    fn pw_14_there_is_one_spelling() {
        for (from, to) in [
            ("m=19456", "m=019456"),
            ("m=19456", "m=+19456"),
            ("t=2", "t=02"),
            ("m=19456,t=2", "t=2,m=19456"),
            ("p=1", "p=1,keyid=AA"),
            ("p=1", "p=1,"),
            ("v=19$", ""),
            ("$argon2id", "argon2id"),
            ("$argon2id", "x$argon2id"),
            ("ODw$", "ODw==$"),
            ("ODw$", "ODx$"),
            ("SkIU", "SkIV"),
            ("SkIU", "SkIU="),
            ("SkIU", "SkIU$"),
            ("SkIU", "SkIU\n"),
            ("q8/b", "q8_b"),
        ] {
            assert_eq!(refusal(from, to), PasswordHashError::Malformed, "{to}");
        }
    }

    #[test]
    fn pw_14_salt_tag_and_string_are_bounded() {
        let build = |salt: usize, tag: usize| {
            let part = |n| Base64Unpadded::encode_string(&vec![1; n]);
            format!("$argon2id$v=19$m=1048576,t=16,p=4${}${}", part(salt), part(tag))
        };
        assert_eq!(PasswordHash::parse(&build(48, 32)).unwrap().as_str().len(), PasswordHash::MAX_LEN);
        assert!(PasswordHash::parse(&build(16, 32)).is_ok());
        assert_eq!(PasswordHash::parse(&build(15, 32)), Err(PasswordHashError::Salt));
        assert_eq!(
            PasswordHash::parse(&build(49, 32).replace("m=1048576,t=16", "m=12288,t=1")),
            Err(PasswordHashError::Salt)
        );
        assert_eq!(PasswordHash::parse(&build(16, 31)), Err(PasswordHashError::Tag));
        assert_eq!(PasswordHash::parse(&build(16, 33)), Err(PasswordHashError::Tag));
        assert_eq!(PasswordHash::parse(&"$".repeat(1 << 20)), Err(PasswordHashError::TooLong));
    }

    #[test]
    fn pw_12_other_costs_or_salts_ask_for_a_new_hash() {
        let hash = PasswordHash::parse(GOOD).unwrap();
        let policy = Argon2Params::default();
        assert!(!hash.needs_rehash(&policy));
        for other in [policy.with_memory_kib(12_288), policy.with_passes(1), policy.with_lanes(2)] {
            assert!(hash.needs_rehash(&other.unwrap()));
        }
        let long_salt =
            PasswordHash::parse(&GOOD.replace("ODw$", "OD3AA$").replace("OD3AA", "ODwQ")).unwrap();
        assert!(long_salt.needs_rehash(&policy));
    }

    #[test]
    fn debug_keeps_salt_and_tag() {
        let shown = format!("{:?}", PasswordHash::parse(GOOD).unwrap());
        assert!(shown.contains("19456") && !shown.contains("AAEC") && !shown.contains("gYJZ"), "{shown}");
        assert!(!refusal("SkIU", "SkIV").to_string().contains("gYJZ"));
    }

    proptest! {
        #[test]
        fn pw_14_what_is_accepted_is_canonical(at in 0..GOOD.len(), put in "[ -~]{0,3}", cut in 0_usize..3) {
            let mut text = String::from(GOOD);
            text.replace_range(at..(at + cut).min(GOOD.len()), &put);
            if let Ok(hash) = PasswordHash::parse(&text) {
                prop_assert_eq!(hash.as_str(), text);
            }
        }
    }
}
