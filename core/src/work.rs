//! Work that is too slow to do while deciding: the driver runs it between two calls of the store, on whatever thread
//! it likes (`doorward::Engine`: the caller's), and its result is replayed to the machine as a value.

use alloc::boxed::Box;

use crate::password::{
    self, Argon2Params, HashError, HashMemory, Normalization, Password, PasswordHash, Verdict,
};
use crate::secret::Pepper;
use crate::token::jwt::{AccessToken, Claims, SignError, SigningKey};

/// A piece of work: pure, so that running it twice gives the same. (A signature by ES256 excepted, of which there are many
/// for one text: whichever was replied is the one.)
///
/// # Example: hash, then verify
/// ```
/// use doorward_core::password::{Argon2Params, HashMemory, Normalization, Password, Verdict};
/// use doorward_core::work::{Work, Worked};
///
/// let mut memory = HashMemory::default();
/// let password = Password::new("correct horse battery staple")?;
/// let hash = Work::Hash {
///     password: password.clone(),
///     normalization: Normalization::Nfc,
///     salt: [7; 16],
///     params: Argon2Params::default(),
///     pepper: None,
/// };
/// let Worked::Hashed(hash) = hash.run(&mut memory)? else { unreachable!() };
/// let verify = Work::Verify { password, normalization: Normalization::Nfc, hash, pepper: None };
/// assert_eq!(verify.run(&mut memory)?, Worked::Verified(Verdict::Match));
/// # Ok::<(), Box<dyn std::error::Error>>(())
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
        /// The pepper in use, if the host has one.
        pepper: Option<Pepper>,
    },
    /// Sign an access token.
    Sign {
        /// With this key.
        key: SigningKey,
        /// That it says this.
        claims: Box<Claims>,
    },
    /// Compare a password with a stored hash.
    Verify {
        /// The password given.
        password: Password,
        /// How it was made comparable when the hash was made.
        normalization: Normalization,
        /// The hash stored, or a decoy.
        hash: PasswordHash,
        /// The pepper it was made with, if any.
        pepper: Option<Pepper>,
    },
}

/// What a piece of work came to.
///
/// # Example: a stand-in for Argon2id in a simulation
/// ```
/// use doorward_core::password::{Argon2Params, HashMemory, PasswordHash, Verdict};
/// use doorward_core::work::{Work, Worked};
///
/// fn stand_in(work: &Work) -> Worked {
///     match work {
///         Work::Hash { params, salt, .. } => Worked::Hashed(PasswordHash::decoy(params, *salt, [0; 32])),
///         Work::Verify { .. } => Worked::Verified(Verdict::Mismatch),
///         Work::Sign { .. } => work.run(&mut HashMemory::default()).expect("no hashing"), // microseconds
///     }
/// }
/// # use doorward_core::password::{Normalization, Password};
/// # let (password, normalization) = (Password::new("a guess")?, Normalization::Nfc);
/// # let hash = PasswordHash::decoy(&Argon2Params::default(), [0; 16], [0; 32]);
/// let work = Work::Verify { password, normalization, hash, pepper: None };
/// assert_eq!(stand_in(&work), Worked::Verified(Verdict::Mismatch));
/// # Ok::<(), doorward_core::password::PasswordError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Worked {
    /// Of [`Work::Hash`].
    Hashed(PasswordHash),
    /// Of [`Work::Sign`].
    Signed(Result<AccessToken, SignError>),
    /// Of [`Work::Verify`]: whether it is the password.
    Verified(Verdict),
}

impl Work {
    /// Does the work, in memory that is reused from run to run and wiped after each.
    ///
    /// # Errors
    /// [`HashError::OutOfMemory`]: there is no room for it, which a driver answers as
    /// [`Reply::Busy`](crate::machine::Reply::Busy).
    pub fn run(&self, memory: &mut HashMemory) -> Result<Worked, HashError> {
        match self {
            Self::Hash { password, normalization, salt, params, pepper } => {
                password::hash(password, *normalization, *salt, params, pepper.as_ref(), memory)
                    .map(Worked::Hashed)
            }
            Self::Sign { key, claims } => Ok(Worked::Signed(key.sign(claims))),
            Self::Verify { password, normalization, hash, pepper } => {
                password::verify(password, *normalization, hash, pepper.as_ref(), memory)
                    .map(Worked::Verified)
            }
        }
    }

    /// Whether it hashes, so that it takes long and wants much memory.
    pub fn is_hashing(&self) -> bool {
        match self {
            Self::Hash { .. } | Self::Verify { .. } => true,
            Self::Sign { .. } => false,
        }
    }

    /// Whether this could be what it came to.
    pub fn fits(&self, worked: &Worked) -> bool {
        matches!(
            (self, worked),
            (Self::Hash { .. }, Worked::Hashed(_))
                | (Self::Verify { .. }, Worked::Verified(_))
                | (Self::Sign { .. }, Worked::Signed(_))
        )
    }
}
