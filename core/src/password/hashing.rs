//! Argon2id, in memory that the caller lends, with the host's pepper if it has one.

use argon2::{Algorithm, Argon2, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::phc::{SALT, TAG};
use super::{Argon2Params, HashMemory, Normalization, Password, PasswordHash};
use crate::secret::Pepper;

/// Hashes a new password (RFC 9106; OWASP Password Storage Cheat Sheet).
///
/// The salt must be fresh and random: the same password under two salts makes two hashes that nobody can link. The
/// pepper is Argon2's secret value K (RFC 9106, section 3.1); the hash does not tell which one it was.
///
/// # Errors
///
/// [`HashError::OutOfMemory`] where the memory that `params` asks for cannot be had.
///
/// # Example: set a password, then log in
///
/// ```
/// use doorward_core::password::{Argon2Params, HashMemory, Normalization, Password, Verdict, hash, verify};
///
/// let mut memory = HashMemory::default();
/// let password = Password::new("plum kettle orbit")?;
/// let salt = [42; 16]; // from the operation's seed
/// let kept = hash(&password, Normalization::Nfc, salt, &Argon2Params::default(), None, &mut memory)?;
///
/// assert_eq!(verify(&password, Normalization::Nfc, &kept, None, &mut memory)?, Verdict::Match);
/// let wrong = Password::new("plum kettle orbiT")?;
/// assert_eq!(verify(&wrong, Normalization::Nfc, &kept, None, &mut memory)?, Verdict::Mismatch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn hash(
    password: &Password,
    normalization: Normalization,
    salt: [u8; SALT],
    params: &Argon2Params,
    pepper: Option<&Pepper>,
    memory: &mut HashMemory,
) -> Result<PasswordHash, HashError> {
    let tag = run(&password.prepare(normalization), &salt, params, pepper, memory)?;
    Ok(PasswordHash::from_parts(*params, &salt, tag))
}

/// Whether the password opens this hash. It always runs Argon2id once in full, with the costs of the hash, and compares
/// in constant time. Normalisation and pepper are those that the credential was made with.
///
/// # Errors
///
/// [`HashError::OutOfMemory`] where the memory that the hash asks for cannot be had: that says nothing about the
/// password.
///
/// # Example: the mode belongs to the credential
///
/// ```
/// use doorward_core::password::{Argon2Params, HashMemory, Normalization, Password, Verdict, hash, verify};
///
/// let mut memory = HashMemory::default();
/// let (set, typed) = (Password::new("cafe\u{301}")?, Password::new("caf\u{e9}")?);
/// for (mode, expected) in [(Normalization::Nfc, Verdict::Match), (Normalization::Exact, Verdict::Mismatch)] {
///     let kept = hash(&set, mode, [1; 16], &Argon2Params::default(), None, &mut memory)?;
///     assert_eq!(verify(&typed, mode, &kept, None, &mut memory)?, expected);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(
    password: &Password,
    normalization: Normalization,
    hash: &PasswordHash,
    pepper: Option<&Pepper>,
    memory: &mut HashMemory,
) -> Result<Verdict, HashError> {
    let tag = run(&password.prepare(normalization), hash.salt(), hash.params(), pepper, memory)?;
    Ok(if tag.ct_eq(hash.tag()).into() { Verdict::Match } else { Verdict::Mismatch })
}

/// What a verification found.
///
/// # Example: only a match opens
///
/// ```
/// use doorward_core::password::Verdict;
///
/// assert_ne!(Verdict::Match, Verdict::Mismatch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The password is the one that was hashed.
    Match,
    /// It is another one.
    Mismatch,
}

/// Why there is no hash and no verdict.
///
/// # Example: a full machine
///
/// ```
/// use doorward_core::password::HashError;
///
/// assert_eq!(HashError::OutOfMemory.to_string(), "there is not enough memory to hash a password");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The allocator refused.
    #[error("there is not enough memory to hash a password")]
    OutOfMemory,
}

fn run(
    password: &[u8],
    salt: &[u8],
    params: &Argon2Params,
    pepper: Option<&Pepper>,
    memory: &mut HashMemory,
) -> Result<Zeroizing<[u8; TAG]>, HashError> {
    let params = params.for_argon2();
    let mut blocks = memory.lend(params.block_count())?;
    let mut tag = Zeroizing::new([0; TAG]);
    // Argon2 takes no pepper and one of no bytes for the same.
    Argon2::new_with_secret(pepper.map_or(&[], Pepper::bytes), Algorithm::Argon2id, Version::V0x13, params)
        .expect("a pepper is far shorter than the 2^32 - 1 bytes that argon2 takes")
        .hash_password_into_with_memory(password, salt, &mut *tag, &mut blocks)
        .expect("salt, tag, password and blocks have the lengths that argon2 asks for");
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Argon2Params {
        Argon2Params::default().with_memory_kib(12_288).and_then(|params| params.with_passes(1)).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text).unwrap()
    }

    /// Made by the reference implementation, through argon2-cffi 25.1.0.
    const REFERENCE: [(&str, &str); 3] = [
        (
            "correct horse battery staple",
            "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU",
        ),
        (
            "caf\u{e9} \0 noir 🔑",
            "$argon2id$v=19$m=12288,t=3,p=4$EBESExQVFhcYGRobHB0eHw$StW/okIa0an59aNSagBjzyFJqEsq8B50M+3er8QBvcg",
        ),
        (
            "",
            "$argon2id$v=19$m=16384,t=1,p=2$ZGphbmdvLXNhbHQtb2YtMjItYnl0ZQ$UTOpB78dmbZUSOgA/ZcYYzSCfjMlhOYOaIbKVVt3kkg",
        ),
    ];

    #[test]
    fn pw_11_we_agree_with_the_reference_implementation() {
        let mut memory = HashMemory::default();
        for (text, phc) in REFERENCE {
            let theirs = PasswordHash::parse(phc).unwrap();
            let verdict = verify(&password(text), Normalization::Nfc, &theirs, None, &mut memory).unwrap();
            assert_eq!(verdict, Verdict::Match, "{phc}");
            if let Ok(salt) = theirs.salt().try_into() {
                let ours =
                    hash(&password(text), Normalization::Nfc, salt, theirs.params(), None, &mut memory)
                        .unwrap();
                assert_eq!(ours.as_str(), phc);
            }
        }
    }

    /// RFC 9106, section 5.3, has a vector with a secret; it has associated data too, which we never give, so that it is
    /// run on the crate itself (`tests/argon2_vectors.rs`). These were made by the reference implementation: its
    /// `argon2_ctx`, through argon2-cffi 25.1.0, which gives that vector's tag as well.
    #[test]
    fn pw_13_the_pepper_is_argon2s_secret_value() {
        let counting = core::array::from_fn(|at| 0x60 + u8::try_from(at).unwrap());
        let peppered = [
            (
                REFERENCE[0].0,
                Pepper::new(1, counting),
                "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$GYXP+Unr7AC+qib6FU4sDsJW532QuaSuAvsCv6Kbd1s",
            ),
            (
                REFERENCE[1].0,
                Pepper::new(2, [0xa7; 32]),
                "$argon2id$v=19$m=12288,t=3,p=4$EBESExQVFhcYGRobHB0eHw$ZvH4WQNXeZIhUFUrf0F7BJSBcpwg8RiELXj+22UlgG0",
            ),
        ];
        let mut memory = HashMemory::default();
        for (text, pepper, phc) in peppered {
            let theirs = PasswordHash::parse(phc).unwrap();
            let mut check = |pepper: Option<&Pepper>| {
                verify(&password(text), Normalization::Nfc, &theirs, pepper, &mut memory).unwrap()
            };
            assert_eq!(check(Some(&pepper)), Verdict::Match, "{phc}");
            assert_eq!(check(None), Verdict::Mismatch, "{phc}");
            let mut wrong: [u8; 32] = pepper.bytes().try_into().unwrap();
            wrong[31] ^= 1;
            assert_eq!(check(Some(&Pepper::new(pepper.number(), wrong))), Verdict::Mismatch, "{phc}");
            let salt = theirs.salt().try_into().unwrap();
            let ours =
                hash(&password(text), Normalization::Nfc, salt, theirs.params(), Some(&pepper), &mut memory);
            assert_eq!(ours.unwrap().as_str(), phc);
        }
    }

    #[test]
    fn pw_11_another_salt_makes_another_hash() {
        let mut memory = HashMemory::default();
        let mut with =
            |salt| hash(&password("plum"), Normalization::Nfc, salt, &cheap(), None, &mut memory).unwrap();
        let (one, other) = (with([1; 16]), with([2; 16]));
        assert_ne!(one, other);
        assert_ne!(one.tag(), other.tag());
        assert_eq!(*one.params(), cheap());
    }

    #[test]
    fn pw_3_last_byte_case_and_trailing_space_are_refused() {
        let mut memory = HashMemory::default();
        let right = "long \0 enough to matter ".repeat(20);
        let kept =
            hash(&password(&right), Normalization::Exact, [3; 16], &cheap(), None, &mut memory).unwrap();
        let mut check =
            |text: &str| verify(&password(text), Normalization::Exact, &kept, None, &mut memory).unwrap();
        assert_eq!(check(&right), Verdict::Match);
        for wrong in [right.trim_end(), &right.replace('l', "L"), &right[..right.len() - 2], "long ", ""] {
            assert_eq!(check(wrong), Verdict::Mismatch);
        }
    }

    #[test]
    fn pw_4_set_decomposed_log_in_composed() {
        let mut memory = HashMemory::default();
        for (mode, expected) in
            [(Normalization::Nfc, Verdict::Match), (Normalization::Exact, Verdict::Mismatch)]
        {
            let kept = hash(&password("e\u{301}"), mode, [4; 16], &cheap(), None, &mut memory).unwrap();
            let same = verify(&password("e\u{301}"), mode, &kept, None, &mut memory);
            assert_eq!(same, Ok(Verdict::Match), "{mode:?}");
            assert_eq!(verify(&password("\u{e9}"), mode, &kept, None, &mut memory), Ok(expected), "{mode:?}");
        }
    }

    #[test]
    fn every_byte_of_the_tag_is_compared() {
        let mut memory = HashMemory::default();
        let kept = hash(&password("plum"), Normalization::Nfc, [5; 16], &cheap(), None, &mut memory).unwrap();
        for at in [0, 15, 31] {
            let mut tag = *kept.tag();
            tag[at] ^= 1;
            let near = PasswordHash::decoy(&cheap(), [5; 16], tag);
            assert_eq!(
                verify(&password("plum"), Normalization::Nfc, &near, None, &mut memory),
                Ok(Verdict::Mismatch)
            );
        }
    }
}
