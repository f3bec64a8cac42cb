//! A key that access tokens are verified with, parsed once.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::jwk::Jwk;
use sha2::Sha256;

use super::algorithm::Algorithm;
use super::compact::MAX_KEY_ID;
use super::error::KeyLoadError;
use super::jwk;
use super::pem;
use super::weak;

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
    key_id: Arc<str>,
    algorithm: Algorithm,
    head: String,
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
            Algorithm::EdDsa => {
                let point = info.last_chunk::<32>().ok_or(KeyLoadError::Invalid)?;
                weak::refuse_point(point)?;
                point.to_vec()
            }
            Algorithm::Es256 => info.last_chunk::<65>().ok_or(KeyLoadError::Invalid)?.to_vec(),
            Algorithm::Rs256 => {
                let key = rsa::PublicKey::from_der(info)?;
                weak::refuse_modulus(key.modulus().big_endian_without_leading_zero())?;
                key.as_ref().to_vec()
            }
            Algorithm::Hs256 => return Err(KeyLoadError::Kind),
        };
        let key_id = match kid {
            Some(kid) => checked_key_id(kid)?,
            None => jwk::thumbprint(algorithm, &bytes).ok_or(KeyLoadError::Invalid)?.into(),
        };
        Self::new(key_id, algorithm, Material::Public { key: parsed, bytes: bytes.into() })
    }

    /// A shared secret, prepared.
    pub(super) fn from_mac(kid: &str, mac: Hmac<Sha256>) -> Result<Self, KeyLoadError> {
        Self::new(checked_key_id(kid)?, Algorithm::Hs256, Material::Secret(mac))
    }

    fn new(key_id: Arc<str>, algorithm: Algorithm, material: Material) -> Result<Self, KeyLoadError> {
        let kid = serde_json::to_string(&*key_id).map_err(|_| KeyLoadError::KeyId)?;
        let header = format!(r#"{{"alg":"{algorithm}","typ":"at+jwt","kid":{kid}}}"#);
        let head = Base64UrlUnpadded::encode_string(header.as_bytes());
        Ok(Self(Arc::new(Inner { key_id, algorithm, head, material })))
    }

    /// The header of every token that this engine makes with the key, as it stands there. One of the same meaning that others
    /// wrote need not look like it.
    pub(crate) fn head(&self) -> &str {
        &self.0.head
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

    /// The same, to be kept.
    pub(crate) fn shared_kid(&self) -> Arc<str> {
        Arc::clone(&self.0.key_id)
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

/// Two keys of one name and algorithm are two: a name is what anybody may call a key. Secrets are compared in constant time.
impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        let is_same = || match (&self.0.material, &other.0.material) {
            (Material::Public { bytes, .. }, Material::Public { bytes: others, .. }) => bytes == others,
            (Material::Secret(mac), Material::Secret(others)) => {
                mac.clone().finalize() == others.clone().finalize()
            }
            (Material::Public { .. }, Material::Secret(_))
            | (Material::Secret(_), Material::Public { .. }) => false,
        };
        let is_named_alike = self.kid() == other.kid() && self.algorithm() == other.algorithm();
        Arc::ptr_eq(&self.0, &other.0) || is_named_alike && is_same()
    }
}

impl Eq for VerifyingKey {}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?}, {})", self.kid(), self.algorithm())
    }
}

/// A shared secret, made ready.
pub(super) fn prepared(secret: &[u8]) -> Result<Hmac<Sha256>, KeyLoadError> {
    weak::refuse_secret(secret)?;
    Hmac::new_from_slice(secret).map_err(|_| KeyLoadError::Invalid)
}

fn checked_key_id(kid: &str) -> Result<Arc<str>, KeyLoadError> {
    if kid.is_empty() || kid.len() > MAX_KEY_ID { Err(KeyLoadError::KeyId) } else { Ok(kid.into()) }
}
