//! Work that is too slow to do while deciding: the engine runs it outside any transaction, on threads of its
//! choice, and its result is replayed to the machine as a value.

use crate::password::{self, Argon2Params, HashMemory, Normalization, Password, PasswordHash};

/// A piece of work: pure, so that running it twice gives the same.
///
/// # Example: hash, then verify
/// ```
/// use doorward_core::password::{Argon2Params, HashMemory, Normalization, Password};
/// use doorward_core::work::{Work, Worked};
///
/// let mut memory = HashMemory::new();
/// let password = Password::new("correct horse battery staple").unwrap();
/// let hash = Work::Hash {
///     password: password.clone(),
///     normalization: Normalization::Nfc,
///     salt: [7; 16],
///     params: Argon2Params::default(),
/// };
/// let Worked::Hashed(hash) = hash.run(&mut memory) else { unreachable!() };
/// let verify = Work::Verify { password, normalization: Normalization::Nfc, hash };
/// assert_eq!(verify.run(&mut memory), Worked::Verified(true));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Hash a password for storing.
    Hash {
        /// The password.
        password: Password,
        /// How to make it comparable first.
        normalization: Normalization,
        /// The salt, minted from the operation's seed.
        salt: [u8; 16],
        /// How hard.
        params: Argon2Params,
    },
    /// Compare a password with a stored hash.
    Verify {
        /// The password given.
        password: Password,
        /// How it was made comparable when the hash was made.
        normalization: Normalization,
        /// The hash stored, or a decoy.
        hash: PasswordHash,
    },
}

/// What a piece of work came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Worked {
    /// Of [`Work::Hash`].
    Hashed(PasswordHash),
    /// Of [`Work::Verify`]: whether it is the password.
    Verified(bool),
}

impl Work {
    /// Does the work, in memory that is reused from run to run and wiped after each.
    pub fn run(&self, memory: &mut HashMemory) -> Worked {
        match self {
            Self::Hash { password, normalization, salt, params } => {
                Worked::Hashed(password::hash(password, *normalization, *salt, params, memory))
            }
            Self::Verify { password, normalization, hash } => {
                Worked::Verified(password::verify(password, *normalization, hash, memory))
            }
        }
    }

    /// Whether this could be what it came to.
    pub(crate) fn fits(&self, worked: &Worked) -> bool {
        matches!(
            (self, worked),
            (Self::Hash { .. }, Worked::Hashed(_)) | (Self::Verify { .. }, Worked::Verified(_))
        )
    }
}
