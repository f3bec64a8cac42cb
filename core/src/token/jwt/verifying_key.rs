//! A key that access tokens are verified with, parsed once.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::jwk::Jwk;
use sha2::Sha256;

use super::algorithm::Algorithm;
use super::compact::MAX_KEY_ID;
use super::error::KeyLoadError;
use super::jwk;
use super::pem;

const MIN_SECRET: usize = 32;
const MIN_MODULUS: usize = 2048;
const MAX_MODULUS: usize = 8192;

/// A key that access tokens are verified with. It has one algorithm and one `kid`, and is cheap to clone.
///
/// # Example: the public half, for everybody
/// ```
/// use doorward_core::token::jwt::{Algorithm, VerifyingKey};
///
/// // RFC 8037, appendix A.2
/// let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let key = VerifyingKey::from_jwk(jwk)?;
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"); // appendix A.3
/// # Ok::<(), doorward_core::token::jwt::KeyLoadError>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    key_id: String,
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Public { key: ParsedPublicKey, bytes: Box<[u8]> },
    Secret(Hmac<Sha256>),
}

impl VerifyingKey {
    /// A public key in PEM: `PUBLIC KEY` (RFC 5280), or `RSA PUBLIC KEY` (RFC 8017). Its `kid` is its thumbprint.
    pub fn from_pem(pem: &str, algorithm: Algorithm) -> Result<Self, KeyLoadError> {
        let block = pem::block(pem)?;
        match (&*block.label, algorithm) {
            ("PUBLIC KEY", Algorithm::EdDsa | Algorithm::Es256)
            | ("PUBLIC KEY" | "RSA PUBLIC KEY", Algorithm::Rs256) => {
                Self::from_encoded(algorithm, None, &block.bytes)
            }
            ("PUBLIC KEY" | "RSA PUBLIC KEY", _) => Err(KeyLoadError::Kind),
            (label, _) if label.ends_with("PRIVATE KEY") => Err(KeyLoadError::Private),
            _ => Err(KeyLoadError::Pem),
        }
    }

    /// A JWK (RFC 7517): a public one, or a shared secret. Without a `kid` of its own, a public key's is its thumbprint.
    pub fn from_jwk(json: &str) -> Result<Self, KeyLoadError> {
        jwk::parse(json)?.verifying_key()
    }

    /// What [`public_bytes`](Self::public_bytes) gave: 32 bytes of Ed25519, 65 of an uncompressed P-256 point, or the DER of
    /// an `RSAPublicKey` (RFC 8017).
    pub(crate) fn from_public(algorithm: Algorithm, kid: &str, bytes: &[u8]) -> Result<Self, KeyLoadError> {
        let key = Self::from_encoded(algorithm, Some(kid), bytes)?;
        if key.public_bytes() == Some(bytes) { Ok(key) } else { Err(KeyLoadError::Invalid) }
    }

    /// The same, or the key in a `SubjectPublicKeyInfo`.
    pub(super) fn from_encoded(
        algorithm: Algorithm,
        kid: Option<&str>,
        bytes: &[u8],
    ) -> Result<Self, KeyLoadError> {
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::EdDsa => &ED25519,
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Hs256 => return Err(KeyLoadError::Kind),
        };
        let parsed = ParsedPublicKey::new(verification, bytes)?;
        let info: PublicKeyX509Der<'_> = parsed.as_der().map_err(|_| KeyLoadError::Invalid)?;
        let info = info.as_ref();
        let bytes = match algorithm {
            // RFC 8410, section 4, and RFC 5480, section 2.2: the key is the last thing in it, whole.
            Algorithm::EdDsa => info.last_chunk::<32>().ok_or(KeyLoadError::Invalid)?.to_vec(),
            Algorithm::Es256 => info.last_chunk::<65>().ok_or(KeyLoadError::Invalid)?.to_vec(),
            Algorithm::Rs256 => {
                let key = rsa::PublicKey::from_der(info)?;
                match modulus_bits(&key) {
                    ..MIN_MODULUS => return Err(KeyLoadError::Weak),
                    MIN_MODULUS..=MAX_MODULUS => key.as_ref().to_vec(),
                    _ => return Err(KeyLoadError::TooLong),
                }
            }
            Algorithm::Hs256 => return Err(KeyLoadError::Kind),
        };
        if algorithm == Algorithm::EdDsa && is_weak_point(&bytes) {
            return Err(KeyLoadError::Weak);
        }
        let key_id = match kid {
            Some(kid) => checked_key_id(kid)?,
            None => jwk::thumbprint(algorithm, &bytes).ok_or(KeyLoadError::Invalid)?,
        };
        let material = Material::Public { key: parsed, bytes: bytes.into() };
        Ok(Self(Arc::new(Inner { key_id, algorithm, material })))
    }

    /// A shared secret, prepared.
    pub(super) fn from_mac(kid: &str, mac: Hmac<Sha256>) -> Result<Self, KeyLoadError> {
        let key_id = checked_key_id(kid)?;
        Ok(Self(Arc::new(Inner { key_id, algorithm: Algorithm::Hs256, material: Material::Secret(mac) })))
    }

    /// What [`from_public`](Self::from_public) takes; none of a secret.
    pub(crate) fn public_bytes(&self) -> Option<&[u8]> {
        match &self.0.material {
            Material::Public { bytes, .. } => Some(bytes),
            Material::Secret(_) => None,
        }
    }

    /// Its name in a header.
    pub fn kid(&self) -> &str {
        &self.0.key_id
    }

    /// The one algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Its public JWK, with `kid`, `alg` and `use`; none of a shared secret.
    pub fn to_jwk(&self) -> Option<Jwk> {
        jwk::public(self.algorithm(), self.kid(), self.public_bytes()?)
    }

    /// Its thumbprint (RFC 7638, SHA-256); none of a shared secret, which a hash would help to guess.
    pub fn thumbprint(&self) -> Option<String> {
        jwk::thumbprint(self.algorithm(), self.public_bytes()?)
    }

    /// Whether this key made this signature over this text.
    pub(crate) fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        match &self.0.material {
            Material::Public { key, .. } => key.verify_sig(signing_input, signature).is_ok(),
            Material::Secret(mac) => mac.clone().chain_update(signing_input).verify_slice(signature).is_ok(),
        }
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid() == other.kid() && self.algorithm() == other.algorithm()
    }
}

impl Eq for VerifyingKey {}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?}, {})", self.kid(), self.algorithm())
    }
}

/// A shared secret, which must be as long as the hash at least (RFC 7518, section 3.2).
pub(super) fn prepared(secret: &[u8]) -> Result<Hmac<Sha256>, KeyLoadError> {
    if secret.len() < MIN_SECRET {
        return Err(KeyLoadError::Weak);
    }
    Hmac::new_from_slice(secret).map_err(|_| KeyLoadError::Invalid)
}

fn checked_key_id(kid: &str) -> Result<String, KeyLoadError> {
    if kid.is_empty() || kid.len() > MAX_KEY_ID { Err(KeyLoadError::KeyId) } else { Ok(kid.to_owned()) }
}

/// How long an RSA key is.
pub(super) fn modulus_bits(key: &rsa::PublicKey) -> usize {
    let modulus = key.modulus().big_endian_without_leading_zero();
    modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize)
}

/// Whether a point's multiples are eight at most, so that anybody can sign, or its encoding is not the canonical one
/// (RFC 8032, section 5.1.3): y is below 2^255 - 19.
fn is_weak_point(point: &[u8]) -> bool {
    let mut y = [0; 32];
    y.iter_mut().zip(point).for_each(|(to, from)| *to = *from);
    let [low, middle @ .., high] = &mut y;
    *high &= 0x7f; // the sign of x
    let beyond = *low >= 0xed && middle.iter().all(|byte| *byte == 0xff) && *high == 0x7f;
    beyond || SMALL_ORDER.contains(&y)
}

/// The y coordinates of the points whose order divides 8.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];
