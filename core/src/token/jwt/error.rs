//! Why a JWT was refused, why a key was, and why nothing could be signed. None says a thing of the token's contents or
//! the key's.

use thiserror::Error;

/// Why a text is not an acceptable access token. Nothing was changed, and nothing of it may be believed.
///
/// # Example: an answer for the client, a word for the log
/// ```
/// use doorward_core::token::jwt::JwtError;
///
/// let error = JwtError::Missing("exp");
/// assert_eq!(error.to_string(), "the claim `exp` is missing: it is not an access token as RFC 9068 asks for");
/// assert_eq!(error.rule(), "missing_claim");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum JwtError {
    /// It has not three parts: a JWE, the JSON form, another kind of token, or no token.
    #[error("not a compact JWS of three parts: give the access token as it was issued")]
    Form,
    /// It is longer than [`MAX_BYTES`](super::MAX_BYTES).
    #[error("longer than any access token that is read: put less into it")]
    TooLong,
    /// A part is not base64url, or not its one canonical form (RFC 7515, section 2).
    #[error("not canonical base64url: the token was changed or mangled on the way")]
    Encoding,
    /// Header or claims are not one JSON object in UTF-8, or are nested too deeply.
    #[error("header or claims are not a JSON object: the token's maker is broken")]
    Json,
    /// An object has two members of one name (RFC 7519, section 4).
    #[error("two members of one name: the token could mean two things")]
    Duplicate,
    /// The header's `typ` is not an access token's (RFC 9068, section 4).
    #[error("not marked as an access token: give the access token, not an ID token or another kind")]
    Type,
    /// The header's `alg` is not one that is allowed, or not the key's.
    #[error("its algorithm is not allowed, or is not its key's")]
    Algorithm,
    /// The header has `crit` or `b64`: no extension is understood (RFC 7515, section 4.1.11; RFC 7797, section 6).
    #[error("its header asks for an extension that is not understood")]
    Critical,
    /// The header's `kid` is missing, empty, too long or no string.
    #[error("its header names no key: a `kid` of 1 to 128 bytes is needed")]
    KeyId,
    /// No key has this `kid`.
    #[error("made under a key that is not known here: fetch the issuer's keys again, or log in again")]
    UnknownKey,
    /// The signature is not this key's over this text.
    #[error("its signature does not hold: it was forged or changed")]
    Signature,
    /// A claim that must be there is not.
    #[error("the claim `{0}` is missing: it is not an access token as RFC 9068 asks for")]
    Missing(&'static str),
    /// A claim is of another type than its standard says, or out of range.
    #[error("the claim `{0}` is not of the type or range that its standard asks for")]
    Claim(&'static str),
    /// `iss` is not exactly the issuer that is expected.
    #[error("made by another issuer than the expected one")]
    Issuer,
    /// `aud` does not hold exactly the audience that is expected.
    #[error("made for another audience")]
    Audience,
    /// Its end has come.
    #[error("it has expired: refresh it, or log in again")]
    Expired,
    /// Its beginning has not come.
    #[error("it is not valid yet: try again later, or look at the clocks")]
    NotYet,
}

impl JwtError {
    /// A fixed word for logs and events.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::TooLong => "too_long",
            Self::Encoding => "encoding",
            Self::Json => "json",
            Self::Duplicate => "duplicate_member",
            Self::Type => "type",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical_header",
            Self::KeyId => "key_id",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Missing(_) => "missing_claim",
            Self::Claim(_) => "malformed_claim",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet_valid",
        }
    }
}

/// Why a key, a set of keys or a verifier was refused. Found when it is loaded, never at a request.
///
/// # Example: a secret that can be guessed
/// ```
/// use doorward_core::token::jwt::{KeyLoadError, SigningKey};
///
/// let refused = SigningKey::from_secret("2026-11", b"hunter2").unwrap_err();
/// assert_eq!(refused, KeyLoadError::Weak);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum KeyLoadError {
    /// It is not one PEM block of a kind that is known.
    #[error(
        "not one PEM block with an unencrypted key: give PKCS#8 (`openssl pkcs8 -topk8 -nodes`) or `PUBLIC KEY`"
    )]
    Pem,
    /// It is not one strict JSON object.
    #[error("not one JSON object in UTF-8 whose members have different names: give a JWK or a JWKS")]
    Json,
    /// The set of keys, or the RSA key, is longer than what is read.
    #[error("longer than what is read: 256 KiB for the keys of one issuer, 8192 bits for an RSA key")]
    TooLong,
    /// A member is missing, of another type, or not in its one canonical form.
    #[error(
        "the JWK's member `{0}` is missing or malformed: see RFC 7518, section 6, and RFC 8037, section 2"
    )]
    Member(&'static str),
    /// The key's type, curve or algorithm is another than what is asked for, or none that is known.
    #[error(
        "the key is of another kind than its algorithm, or of none that is known: EdDSA, ES256, HS256, RS256"
    )]
    Kind,
    /// The JWK is not meant for this: its `use` or `key_ops` say so.
    #[error("the JWK is meant for another use: see its members `use` and `key_ops`")]
    Use,
    /// It can be guessed or computed: HMAC under 32 bytes, RSA under 2048 bits or with ROCA's fingerprint, a point of
    /// small order.
    #[error("the key is too weak: HS256 takes 32 bytes or more, RS256 2048 bits or more")]
    Weak,
    /// It is no valid key of its kind.
    #[error("not a valid key: its parts do not fit each other, or its curve")]
    Invalid,
    /// A JWK that is to be public holds a private member.
    #[error("a public JWK holds a private member: replace the key, for somebody may have read it")]
    Private,
    /// A JWK that is to sign holds no private member.
    #[error("the JWK has no private member: a key to sign with is needed")]
    Public,
    /// The `kid` is missing where there must be one, empty or too long.
    #[error("a `kid` of 1 to 128 bytes is needed")]
    KeyId,
    /// Two keys of a set have one `kid`.
    #[error("two keys have one `kid`: give each its own")]
    DuplicateKeyId,
    /// A set holds secrets beside public keys.
    #[error("the set holds secret keys beside public ones: keep them apart")]
    MixedFamilies,
    /// A set holds no key that access tokens can be verified with.
    #[error("the set holds no key to verify access tokens with")]
    NoKey,
    /// The key cannot be derived: an RSA key is imported.
    #[error("an RS256 key cannot be derived: import one")]
    Derived,
    /// A verifier's setting is out of its range.
    #[error("the verifier's {0} is out of range")]
    Setting(&'static str),
}

/// Why no access token was made.
///
/// # Example: claims that no verifier would accept
/// ```
/// use doorward_core::token::jwt::SignError;
///
/// assert_eq!(SignError::Claim("sub").to_string(), "the claim `sub` is one that no verifier would accept");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SignError {
    /// A claim is empty, out of range, or hides another.
    #[error("the claim `{0}` is one that no verifier would accept")]
    Claim(&'static str),
    /// A host's claim has more levels of nesting than are read.
    #[error("a claim is nested too deeply: use 15 levels at most")]
    Nested,
    /// The token would be longer than what is read.
    #[error("the access token would be longer than any that is read: give it fewer claims")]
    TooLong,
    /// The cryptographic library refused.
    #[error("the key could not sign: look at the memory and at the key")]
    Key,
}
