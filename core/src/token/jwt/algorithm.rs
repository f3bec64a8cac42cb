//! The allow-list of signature algorithms (RFC 7518, section 3.1; RFC 8037, section 3.1). `none` is not among them.

use core::fmt;

/// How access tokens are signed. A key has one algorithm, for ever.
///
/// | | key | signature | for |
/// |---|---|---|---|
/// | `EdDSA` | Ed25519 | 64 bytes, deterministic | the default: fast, and no randomness to get wrong |
/// | `ES256` | P-256 | 64 bytes, randomised | clients that lack `EdDSA` |
/// | `HS256` | 32 bytes or more, shared | 32 bytes, deterministic | one party that issues and verifies |
/// | `RS256` | RSA, 2048 to 8192 bits | the modulus's length, deterministic | what is old |
///
/// # Example: as the header names it
/// ```
/// use doorward_core::token::jwt::Algorithm;
///
/// assert_eq!(Algorithm::default().name(), "EdDSA");
/// assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::Es256));
/// assert_eq!(Algorithm::from_name("none"), None);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum Algorithm {
    /// Ed25519.
    #[default]
    #[n(1)]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    #[n(2)]
    Es256,
    /// HMAC with SHA-256.
    #[n(3)]
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[n(4)]
    Rs256,
}

impl Algorithm {
    /// Its name in a header's or JWK's `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of exactly this name: names are case-sensitive (RFC 7515, section 4.1.1).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Hs256, Self::Rs256].into_iter().find(|all| all.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
