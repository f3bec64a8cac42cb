//! A key that access tokens are signed with, parsed once.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::AccessToken;
use super::algorithm::Algorithm;
use super::claims::{Body, Claims};
use super::compact::MAX_BYTES;
use super::error::{KeyLoadError, SignError};
use super::jwk;
use super::pem;
use super::verifying_key::{VerifyingKey, prepared};
use super::weak;

/// A key that access tokens are signed with. It has one algorithm and one `kid`, and is cheap to clone.
///
/// # Example: a secret that issuer and verifier share
/// ```
/// use doorward_core::token::jwt::{Algorithm, SigningKey};
///
/// let key = SigningKey::from_secret("2026-11", &[0x5a; 32])?;
/// assert_eq!((key.kid(), key.algorithm()), ("2026-11", Algorithm::Hs256));
/// assert_eq!(format!("{key:?}"), r#"SigningKey("2026-11", HS256)"#);
/// assert!(key.verifying_key().to_jwk().is_none()); // a secret never goes into a JWKS
/// # Ok::<(), doorward_core::token::jwt::KeyLoadError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    private: Private,
    public: VerifyingKey,
}

pub(super) enum Private {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Hs256(Hmac<Sha256>),
    Rs256(rsa::KeyPair),
}

impl SigningKey {
    /// A private key in PEM, unencrypted: PKCS#8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`). Its
    /// `kid` is its thumbprint.
    pub fn from_pem(pem: &str, algorithm: Algorithm) -> Result<Self, KeyLoadError> {
        let block = pem::block(pem)?;
        let der = &block.bytes;
        let private = match (&*block.label, algorithm) {
            ("PRIVATE KEY", Algorithm::EdDsa) => Ed25519KeyPair::from_pkcs8(der).map(Private::EdDsa),
            ("PRIVATE KEY", Algorithm::Es256) => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Private::Es256)
            }
            ("EC PRIVATE KEY", Algorithm::Es256) => {
                EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Private::Es256)
            }
            ("PRIVATE KEY", Algorithm::Rs256) => rsa::KeyPair::from_pkcs8(der).map(Private::Rs256),
            ("RSA PRIVATE KEY", Algorithm::Rs256) => rsa::KeyPair::from_der(der).map(Private::Rs256),
            ("PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY", _) => return Err(KeyLoadError::Kind),
            ("PUBLIC KEY" | "RSA PUBLIC KEY", _) => return Err(KeyLoadError::Public),
            _ => return Err(KeyLoadError::Pem),
        };
        Self::from_private(private?, None)
    }

    /// A private JWK (RFC 7517). Without a `kid` of its own, it is the public half's thumbprint; HS256 must have one.
    pub fn from_jwk(json: &str) -> Result<Self, KeyLoadError> {
        jwk::parse(json)?.signing_key()
    }

    /// A shared secret of 32 bytes or more, for HS256 (RFC 7518, section 3.2).
    pub fn from_secret(kid: &str, secret: &[u8]) -> Result<Self, KeyLoadError> {
        let mac = prepared(secret)?;
        let public = VerifyingKey::from_mac(kid, mac.clone())?;
        Ok(Self::new(Private::Hs256(mac), public))
    }

    /// A key made of bytes that were derived: `bytes(n)` gives the n-th 32 of them.
    pub(crate) fn derived(
        algorithm: Algorithm,
        kid: Option<&str>,
        mut bytes: impl FnMut(u32) -> Zeroizing<[u8; 32]>,
    ) -> Result<Self, KeyLoadError> {
        match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_seed_unchecked(&*bytes(0))?;
                Self::from_private(Private::EdDsa(pair), kid)
            }
            Algorithm::Es256 => {
                let pair = (0..DRAWS).find_map(|draw| p256(&bytes(draw))).ok_or(KeyLoadError::Invalid)?;
                Self::from_private(Private::Es256(pair), kid)
            }
            Algorithm::Hs256 => Self::from_secret(kid.ok_or(KeyLoadError::KeyId)?, &*bytes(0)),
            Algorithm::Rs256 => Err(KeyLoadError::Derived),
        }
    }

    /// Its name in a header.
    pub fn kid(&self) -> &str {
        self.0.public.kid()
    }

    /// The one algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.0.public.algorithm()
    }

    /// What its tokens are verified with.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0.public
    }

    /// Why the key should be replaced although it is accepted.
    pub fn warning(&self) -> Option<&'static str> {
        match &self.0.private {
            Private::Rs256(pair)
                if weak::bits(pair.public_key().modulus().big_endian_without_leading_zero()) < 3072 =>
            {
                Some("the RSA key has fewer than 3072 bits: replace it (ASVS 5.0, 11.2.3)")
            }
            Private::EdDsa(_) | Private::Es256(_) | Private::Hs256(_) | Private::Rs256(_) => None,
        }
    }

    /// The access token that says this. The same claims give the same token, but for ES256: its signatures are randomised
    /// inside the cryptographic library.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<AccessToken, SignError> {
        claims.sound()?;
        let body = serde_json::to_vec(&Body(claims)).map_err(|_| SignError::Key)?;
        let head = self.0.public.head();
        let signature_length = encoded_length(self.signature_length());
        let bytes = head.len() + 1 + encoded_length(body.len()) + 1 + signature_length;
        if bytes > MAX_BYTES {
            return Err(SignError::TooLong);
        }
        // Room for all of it at once: a text that grew would leave copies behind.
        let mut token = Zeroizing::new(String::with_capacity(bytes));
        token.push_str(head);
        token.push('.');
        push_encoded(&mut token, &body);
        let signature = Zeroizing::new(self.signature(token.as_bytes())?);
        token.push('.');
        push_encoded(&mut token, &signature);
        Ok(AccessToken(core::mem::take(&mut *token)))
    }

    fn signature_length(&self) -> usize {
        match &self.0.private {
            Private::EdDsa(_) | Private::Es256(_) => 64,
            Private::Hs256(_) => 32,
            Private::Rs256(pair) => pair.public_modulus_len(),
        }
    }

    pub(super) fn signature(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        let digest = || digest::digest(&digest::SHA256, signing_input);
        match &self.0.private {
            Private::EdDsa(pair) => pair.try_sign(signing_input).map(|signature| signature.as_ref().to_vec()),
            Private::Es256(pair) => pair.sign_digest(&digest()).map(|signature| signature.as_ref().to_vec()),
            Private::Hs256(mac) => {
                Ok(mac.clone().chain_update(signing_input).finalize().into_bytes().to_vec())
            }
            Private::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, &digest(), &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| SignError::Key)
    }

    pub(super) fn from_private(private: Private, kid: Option<&str>) -> Result<Self, KeyLoadError> {
        let (algorithm, bytes) = match &private {
            Private::EdDsa(pair) => (Algorithm::EdDsa, pair.public_key().as_ref()),
            Private::Es256(pair) => (Algorithm::Es256, pair.public_key().as_ref()),
            Private::Rs256(pair) => (Algorithm::Rs256, pair.public_key().as_ref()),
            Private::Hs256(_) => return Err(KeyLoadError::Kind),
        };
        let public = VerifyingKey::from_encoded(algorithm, kid, bytes)?;
        Ok(Self::new(private, public))
    }

    fn new(private: Private, public: VerifyingKey) -> Self {
        Self(Arc::new(Inner { private, public }))
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.public == other.0.public
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, {})", self.kid(), self.algorithm())
    }
}

fn push_encoded(text: &mut String, bytes: &[u8]) {
    text.push_str(&Zeroizing::new(Base64UrlUnpadded::encode_string(bytes)));
}

/// How many characters of base64url so many bytes take.
const fn encoded_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

impl From<KeyRejected> for KeyLoadError {
    fn from(error: KeyRejected) -> Self {
        match error.description_() {
            "TooSmall" => Self::Weak,
            "TooLarge" => Self::TooLong,
            _ => Self::Invalid,
        }
    }
}

/// Each draw fails with a chance of 2^-32.
const DRAWS: u32 = 16;

/// FIPS 186-5, appendix A.2.2: the candidate and one, if that is below the curve's order; else another is to be drawn.
fn p256(candidate: &[u8; 32]) -> Option<EcdsaKeyPair> {
    let mut scalar = Zeroizing::new(*candidate);
    for byte in scalar.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    p256_scalar(&scalar) // the greatest candidate has become zero, which is no key either
}

/// RFC 5915: a private key without its public half, which is then computed; refused unless it is from 1 to the order less 1.
pub(super) fn p256_scalar(scalar: &[u8; 32]) -> Option<EcdsaKeyPair> {
    let mut der = Zeroizing::new(Vec::with_capacity(BEFORE.len() + scalar.len() + AFTER.len()));
    der.extend_from_slice(BEFORE);
    der.extend_from_slice(scalar);
    der.extend_from_slice(AFTER);
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()
}

const BEFORE: &[u8] = &[0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
const AFTER: &[u8] = &[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
