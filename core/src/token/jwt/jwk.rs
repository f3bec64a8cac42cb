//! JSON web keys (RFC 7517), read strictly: what a key says of itself must fit what it is.
//!
//! | member | rule |
//! |---|---|
//! | `kty` `crv` | OKP with Ed25519, EC with P-256, RSA, oct |
//! | `alg` | if there, the one that the kind has here |
//! | `use` | if there, `sig` |
//! | `key_ops` | if there, the operation that the key is loaded for is in it; none twice |
//! | `x` `y` `n` `e` `d` … `k` | canonical base64url of exactly the length that the kind has |
//! | private members | none in a public key: not even where it would be skipped |

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{self, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256};
use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType,
    Jwk, KeyAlgorithm, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, RSAKeyParameters, RSAKeyType,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::error::KeyLoadError;
use super::json::{self, JsonError};
use super::signing_key::{Private, SigningKey, p256_scalar};
use super::verifying_key::{self, VerifyingKey};
use crate::secret::decoded;

/// A JWK's members. They may be secret, and are wiped when dropped.
pub(super) struct Members(Map<String, Value>);

/// Reads one JWK.
pub(super) fn parse(text: &str) -> Result<Members, KeyLoadError> {
    let mut members = Members(Map::new());
    json::object(text, |name, reader| reader.member_of(&mut members.0, name))?;
    Ok(members)
}

/// Reads a JWKS: an object whose `keys` are JWKs (RFC 7517, section 5).
pub(super) fn parse_set(text: &str) -> Result<Vec<Members>, KeyLoadError> {
    let mut set = parse(text)?;
    let Some(Value::Array(keys)) = set.0.get_mut("keys") else { return Err(KeyLoadError::Member("keys")) };
    keys.iter_mut()
        .map(|key| match key {
            Value::Object(map) => Ok(Members(core::mem::take(map))),
            _ => Err(KeyLoadError::Member("keys")),
        })
        .collect()
}

impl Members {
    pub(super) fn verifying_key(&self) -> Result<VerifyingKey, KeyLoadError> {
        if self.has_private_member() {
            return Err(KeyLoadError::Private);
        }
        let algorithm = self.algorithm("verify")?;
        let kid = self.text("kid")?;
        match algorithm {
            Algorithm::Hs256 => {
                let secret = self.bytes("k")?;
                VerifyingKey::from_mac(kid.ok_or(KeyLoadError::KeyId)?, verifying_key::prepared(&secret)?)
            }
            Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Rs256 => {
                VerifyingKey::from_encoded(algorithm, kid, &self.public(algorithm)?)
            }
        }
    }

    pub(super) fn signing_key(&self) -> Result<SigningKey, KeyLoadError> {
        let algorithm = self.algorithm("sign")?;
        let kid = self.text("kid")?;
        if algorithm == Algorithm::Hs256 {
            return SigningKey::from_secret(kid.ok_or(KeyLoadError::KeyId)?, &self.bytes("k")?);
        }
        if !self.0.contains_key("d") {
            return Err(KeyLoadError::Public);
        }
        let invalid = KeyLoadError::Invalid;
        let private = match algorithm {
            Algorithm::EdDsa => {
                let pair =
                    Ed25519KeyPair::from_seed_and_public_key(&self.fixed("d")?[..], &self.fixed("x")?[..]);
                Private::EdDsa(pair?)
            }
            Algorithm::Es256 => {
                let pair = p256_scalar(&*self.fixed("d")?).ok_or(invalid)?;
                if pair.public_key().as_ref() != &self.public(algorithm)?[..] {
                    return Err(invalid);
                }
                Private::Es256(pair)
            }
            Algorithm::Rs256 => Private::Rs256(self.rsa_pair()?),
            Algorithm::Hs256 => return Err(KeyLoadError::Kind),
        };
        SigningKey::from_private(private, kid)
    }

    /// What the key is for, if it is for that operation and of a kind that is known.
    fn algorithm(&self, operation: &str) -> Result<Algorithm, KeyLoadError> {
        let kty = self.text("kty")?.ok_or(KeyLoadError::Member("kty"))?;
        let crv = self.text("crv")?;
        let algorithm = match (kty, crv) {
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("RSA", None) => Algorithm::Rs256,
            ("oct", None) => Algorithm::Hs256,
            ("OKP" | "EC", None) | ("RSA" | "oct", Some(_)) => return Err(KeyLoadError::Member("crv")),
            _ => return Err(KeyLoadError::Kind),
        };
        if self.text("alg")?.is_some_and(|name| name != algorithm.name()) {
            return Err(KeyLoadError::Kind);
        }
        if self.text("use")?.is_some_and(|meant| meant != "sig") {
            return Err(KeyLoadError::Use);
        }
        match self.0.get("key_ops") {
            None => Ok(algorithm),
            Some(Value::Array(operations)) => {
                let mut seen = BTreeSet::new();
                if !operations.iter().all(|one| one.as_str().is_some_and(|one| seen.insert(one))) {
                    return Err(KeyLoadError::Member("key_ops"));
                }
                if seen.contains(operation) { Ok(algorithm) } else { Err(KeyLoadError::Use) }
            }
            Some(_) => Err(KeyLoadError::Member("key_ops")),
        }
    }

    /// Whether it is a shared secret.
    pub(super) fn is_secret(&self) -> bool {
        self.text("kty") == Ok(Some("oct"))
    }

    /// Whether a public key shows what only its owner may know (RFC 7518, section 6), whatever its kind and use.
    pub(super) fn has_private_member(&self) -> bool {
        !self.is_secret() && PRIVATE.into_iter().any(|name| self.0.contains_key(name))
    }

    /// What [`VerifyingKey::from_encoded`] takes.
    fn public(&self, algorithm: Algorithm) -> Result<Vec<u8>, KeyLoadError> {
        match algorithm {
            Algorithm::EdDsa => Ok(self.fixed("x")?.to_vec()),
            Algorithm::Es256 => {
                let mut point = Vec::from([4]); // SEC 1, section 2.3.3: uncompressed
                point.extend_from_slice(&self.fixed("x")?[..]);
                point.extend_from_slice(&self.fixed("y")?[..]);
                Ok(point)
            }
            Algorithm::Rs256 => {
                let (n, e) = (self.bytes("n")?, self.bytes("e")?);
                let parsed = PublicKeyComponents { n: &n[..], e: &e[..] }
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                    .map_err(|_| KeyLoadError::Invalid)?;
                let info: PublicKeyX509Der<'_> = parsed.as_der().map_err(|_| KeyLoadError::Invalid)?;
                Ok(info.as_ref().to_vec())
            }
            Algorithm::Hs256 => Err(KeyLoadError::Kind),
        }
    }

    fn rsa_pair(&self) -> Result<rsa::KeyPair, KeyLoadError> {
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: self.bytes("n")?, e: self.bytes("e")? },
            d: self.bytes("d")?,
            p: self.bytes("p")?,
            q: self.bytes("q")?,
            dP: self.bytes("dp")?,
            dQ: self.bytes("dq")?,
            qInv: self.bytes("qi")?,
        };
        Ok(rsa::KeyPair::from_components(&components)?)
    }

    fn fixed(&self, name: &'static str) -> Result<Zeroizing<[u8; 32]>, KeyLoadError> {
        let bytes = self.bytes(name)?;
        bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| KeyLoadError::Member(name))
    }

    fn bytes(&self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyLoadError> {
        let text = self.text(name)?.ok_or(KeyLoadError::Member(name))?;
        decoded::<Base64UrlUnpadded>(text).ok_or(KeyLoadError::Member(name))
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, KeyLoadError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(KeyLoadError::Member(name)),
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.0.values_mut().for_each(json::wipe);
    }
}

/// The last is an AKP key's: a kind that is not read here, and must not leak either.
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The public JWK of a key.
pub(super) fn public(algorithm: Algorithm, kid: &str, bytes: &[u8]) -> Option<Jwk> {
    let encode = Base64UrlUnpadded::encode_string;
    let (alg, parameters) = match algorithm {
        Algorithm::EdDsa => {
            let (key_type, curve) = (OctetKeyPairType::OctetKeyPair, EllipticCurve::Ed25519);
            let x = encode(bytes);
            (
                KeyAlgorithm::EdDSA,
                AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters { key_type, curve, x }),
            )
        }
        Algorithm::Es256 => {
            let (x, y) = bytes.get(1..)?.split_at_checked(32)?;
            let (key_type, curve) = (EllipticCurveKeyType::EC, EllipticCurve::P256);
            let point = EllipticCurveKeyParameters { key_type, curve, x: encode(x), y: encode(y) };
            (KeyAlgorithm::ES256, AlgorithmParameters::EllipticCurve(point))
        }
        Algorithm::Rs256 => {
            let key = rsa::PublicKey::from_der(bytes).ok()?;
            let n = encode(key.modulus().big_endian_without_leading_zero());
            let e = encode(key.exponent().big_endian_without_leading_zero());
            (
                KeyAlgorithm::RS256,
                AlgorithmParameters::RSA(RSAKeyParameters { key_type: RSAKeyType::RSA, n, e }),
            )
        }
        Algorithm::Hs256 => return None,
    };
    let common = CommonParameters {
        public_key_use: Some(PublicKeyUse::Signature),
        key_algorithm: Some(alg),
        key_id: Some(kid.into()),
        ..CommonParameters::default()
    };
    Some(Jwk { common, algorithm: parameters })
}

/// RFC 7638, section 3: the hash of the members that the key needs, in lexicographic order, without white space.
pub(super) fn thumbprint(algorithm: Algorithm, bytes: &[u8]) -> Option<String> {
    let text = match public(algorithm, "", bytes)?.algorithm {
        AlgorithmParameters::OctetKeyPair(key) => {
            alloc::format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, key.x)
        }
        AlgorithmParameters::EllipticCurve(key) => {
            alloc::format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, key.x, key.y)
        }
        AlgorithmParameters::RSA(key) => alloc::format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, key.e, key.n),
        _ => return None,
    };
    Some(Base64UrlUnpadded::encode_string(&Sha256::digest(text)))
}

impl From<JsonError> for KeyLoadError {
    fn from(_: JsonError) -> Self {
        Self::Json
    }
}
