//! A JWT in its compact form (RFC 7515, section 7.1), read once and strictly.
//!
//! What is parsed is not proven: only [`Compact::verify`] says that a key made it.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use base64::{Engine, decoded_len_estimate};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::claims::Claims;
use super::error::JwtError;
use super::json::{self, JsonError};
use super::verifying_key::VerifyingKey;

/// The longest text that is read as an access token. What is longer is refused before it is looked at.
///
/// # Example: the limit of a header
/// ```
/// use doorward_core::token::jwt::MAX_BYTES;
///
/// assert_eq!(MAX_BYTES, 8192); // what common servers take in one header
/// ```
pub const MAX_BYTES: usize = 8192;

pub(super) const MAX_KEY_ID: usize = 128;

/// A text that has the form of an access token. Nothing of what it says is proven.
///
/// # Example: looking is not believing
/// ```
/// use doorward_core::token::jwt::{Compact, JwtError};
///
/// let id_token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ.e30.AAAA";
/// assert_eq!(Compact::parse(id_token).unwrap_err(), JwtError::Type);
/// ```
pub struct Compact<'a> {
    signed: Signed<'a>,
    signature: Zeroizing<Vec<u8>>,
    claims: Claims,
}

impl<'a> Compact<'a> {
    /// Reads a token. Refuses every text but the canonical form of an access token.
    pub fn parse(text: &'a str) -> Result<Self, JwtError> {
        let signed = Signed::parse(text, |_| None)?;
        let claims = Claims::parse(&signed.body()?)?;
        Ok(Self { signature: signed.signature()?, signed, claims })
    }

    /// The header's `kid`: for a look-up and nothing else.
    pub fn kid(&self) -> &str {
        self.signed.kid()
    }

    /// The header's `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.signed.algorithm()
    }

    /// What it says, unproven.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// What it says, if this key made it: the key's own `kid` and algorithm must be the header's.
    pub(crate) fn verify(self, key: &VerifyingKey) -> Result<Claims, JwtError> {
        self.signed.verify(&self.signature, key)?;
        Ok(self.claims)
    }
}

impl fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compact")
            .field("kid", &self.kid())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// A text with the header of an access token, taken apart: neither its claims nor its signature were read.
pub(crate) struct Signed<'a> {
    parts: Parts<'a>,
    head: Head,
}

/// What a header says.
enum Head {
    /// It is, letter for letter, the one that this key writes.
    Of(VerifyingKey),
    Read {
        algorithm: Algorithm,
        key_id: String,
    },
}

impl<'a> Signed<'a> {
    /// The text's header is read, unless it is that of a key, by [`VerifyingKey::head`].
    pub(crate) fn parse(
        text: &'a str,
        of: impl FnOnce(&str) -> Option<VerifyingKey>,
    ) -> Result<Self, JwtError> {
        let parts = Parts::split(text)?;
        if let Some(key) = of(parts.header) {
            return Ok(Self { parts, head: Head::Of(key) });
        }
        let Header { algorithm, kind, key_id } = Header::parse(&object_text(parts.header)?)?;
        if kind != Some(Kind::AccessToken) {
            return Err(JwtError::Type);
        }
        let key_id = key_id.ok_or(JwtError::KeyId)?;
        Ok(Self { parts, head: Head::Read { algorithm, key_id } })
    }

    pub(crate) fn kid(&self) -> &str {
        match &self.head {
            Head::Of(key) => key.kid(),
            Head::Read { key_id, .. } => key_id,
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match &self.head {
            Head::Of(key) => key.algorithm(),
            Head::Read { algorithm, .. } => *algorithm,
        }
    }

    /// The text of the claims.
    pub(crate) fn body(&self) -> Result<String, JwtError> {
        object_text(self.parts.claims)
    }

    /// Wiped when it is dropped, and so is what was decoded of one that is refused: with it, what a token says is the token.
    pub(crate) fn signature(&self) -> Result<Zeroizing<Vec<u8>>, JwtError> {
        let text = self.parts.signature;
        let mut bytes = Zeroizing::new(vec![0; decoded_len_estimate(text.len())]);
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| JwtError::Encoding)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// That this key made this signature of it: the key's own `kid` and algorithm must be the header's.
    pub(crate) fn verify(&self, signature: &[u8], key: &VerifyingKey) -> Result<(), JwtError> {
        if self.kid() != key.kid() {
            return Err(JwtError::UnknownKey);
        }
        if self.algorithm() != key.algorithm() {
            return Err(JwtError::Algorithm);
        }
        let is_signed = key.verify(self.parts.signing_input.as_bytes(), signature);
        if is_signed { Ok(()) } else { Err(JwtError::Signature) }
    }
}

/// The parts of a text, still encoded.
pub(super) struct Parts<'a> {
    pub(super) signing_input: &'a str,
    pub(super) header: &'a str,
    pub(super) claims: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, JwtError> {
        if text.len() > MAX_BYTES {
            return Err(JwtError::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwtError::Form)?;
        let (header, claims) = signing_input.split_once('.').ok_or(JwtError::Form)?;
        if claims.contains('.') {
            return Err(JwtError::Form);
        }
        Ok(Self { signing_input, header, claims, signature })
    }
}

/// What a header's `typ` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    AccessToken,
    Other,
}

impl Kind {
    /// RFC 9068, section 4: `at+jwt` or `application/at+jwt` and nothing else. Media types are compared without regard
    /// to case (RFC 7515, section 4.1.9).
    fn of(name: &str) -> Self {
        if name.eq_ignore_ascii_case("at+jwt") || name.eq_ignore_ascii_case("application/at+jwt") {
            Self::AccessToken
        } else {
            Self::Other
        }
    }
}

/// What a header says: of any JWS, for only an access token must have all of it.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kind: Option<Kind>,
    pub(super) key_id: Option<String>,
}

impl Header {
    /// RFC 7515, section 4: what is not understood is ignored, so `jku`, `jwk`, `x5u` and `x5c` lead nowhere.
    pub(super) fn parse(text: &str) -> Result<Self, JwtError> {
        let (mut algorithm, mut kind, mut key_id) = (None, None, None);
        let mut others = BTreeSet::new();
        json::object(text, |name, reader| {
            let again = match &*name {
                "alg" => {
                    let found = reader.string().map_err(|error| typed(error, JwtError::Algorithm))?;
                    let found = Algorithm::from_name(&found).ok_or(JwtError::Algorithm)?;
                    algorithm.replace(found).is_some()
                }
                "typ" => {
                    let found = reader.string().map_err(|error| typed(error, JwtError::Type))?;
                    kind.replace(Kind::of(&found)).is_some()
                }
                "kid" => {
                    let found = reader.string().map_err(|error| typed(error, JwtError::KeyId))?;
                    if found.is_empty() || found.len() > MAX_KEY_ID {
                        return Err(JwtError::KeyId);
                    }
                    key_id.replace(found.into_owned()).is_some()
                }
                "crit" | "b64" => return Err(JwtError::Critical),
                _ => {
                    reader.value()?;
                    !others.insert(name)
                }
            };
            if again { Err(JwtError::Duplicate) } else { Ok(()) }
        })?;
        Ok(Self { algorithm: algorithm.ok_or(JwtError::Algorithm)?, kind, key_id })
    }
}

fn typed(error: JsonError, other_type: JwtError) -> JwtError {
    match error {
        JsonError::Type => other_type,
        JsonError::Syntax | JsonError::Duplicate => error.into(),
    }
}

pub(super) fn object_text(part: &str) -> Result<String, JwtError> {
    String::from_utf8(decoded(part)?).map_err(|_| JwtError::Json)
}

/// Strict: no padding, no other alphabet, no stray bits. Not in constant time, as keys and opaque tokens are read: that
/// would take a third of the whole reading, and a token's text has nothing to compare it with.
pub(super) fn decoded(part: &str) -> Result<Vec<u8>, JwtError> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Encoding)
}

impl From<JsonError> for JwtError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax | JsonError::Type => Self::Json,
            JsonError::Duplicate => Self::Duplicate,
        }
    }
}
