//! Access tokens of a foreign issuer: its published keys, and no store.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use super::claims::{Claims, Expected};
use super::compact::Compact;
use super::error::{JwtError, KeyLoadError};
use super::jwk;
use super::verifying_key::VerifyingKey;
use crate::time::Timestamp;

/// Verifies the access tokens that one issuer makes for one audience, by the keys that it publishes.
///
/// # Example: an API behind somebody's login
/// ```
/// use doorward_core::time::Timestamp;
/// use doorward_core::token::jwt::{JwtError, Verifier};
///
/// let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let verifier = Verifier::new(jwks, "https://login.example", "https://api.example")?;
/// let now = Timestamp::from_millis(1_700_000_000_000);
/// assert_eq!(verifier.verify("dws_not-a-jwt", now).unwrap_err(), JwtError::Form);
/// # Ok::<(), doorward_core::token::jwt::KeyLoadError>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    keys: BTreeMap<String, VerifyingKey>,
    skipped: usize,
    issuer: String,
    audience: String,
    leeway: Duration,
}

impl Verifier {
    /// Reads a JWKS (RFC 7517, section 5). Keys for other uses and of kinds that are not known are skipped; one that is weak,
    /// malformed or secret refuses the whole set, for somebody has to look at it.
    pub fn new(jwks: &str, issuer: &str, audience: &str) -> Result<Self, KeyLoadError> {
        if jwks.len() > MAX_JWKS {
            return Err(KeyLoadError::TooLong);
        }
        for (name, text) in [("issuer", issuer), ("audience", audience)] {
            if text.is_empty() {
                return Err(KeyLoadError::Setting(name));
            }
        }
        let set = jwk::parse_set(jwks)?;
        let secrets = set.iter().filter(|member| member.is_secret()).count();
        if secrets > 0 && secrets < set.len() {
            return Err(KeyLoadError::MixedFamilies);
        }
        let (mut keys, mut skipped) = (BTreeMap::new(), 0);
        for member in set {
            match member.verifying_key() {
                Err(KeyLoadError::Kind | KeyLoadError::Use) => skipped += 1,
                key => {
                    let key = key?;
                    if keys.insert(key.kid().to_owned(), key).is_some() {
                        return Err(KeyLoadError::DuplicateKeyId);
                    }
                }
            }
        }
        if keys.is_empty() {
            return Err(KeyLoadError::NoKey);
        }
        let leeway = DEFAULT_LEEWAY;
        Ok(Self { keys, skipped, issuer: issuer.to_owned(), audience: audience.to_owned(), leeway })
    }

    /// How far the issuer's clock and the caller's may be apart: 5 s unless said otherwise, a minute at most.
    ///
    /// # Errors
    /// [`KeyLoadError::Setting`] when it is more.
    pub fn leeway(mut self, leeway: Duration) -> Result<Self, KeyLoadError> {
        if leeway > MAX_LEEWAY {
            return Err(KeyLoadError::Setting("leeway"));
        }
        self.leeway = leeway;
        Ok(self)
    }

    /// How many keys of the set cannot verify access tokens.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The keys that can, ordered by their `kid`.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.values()
    }

    /// What the token says, if it is the issuer's, for the audience, and alive at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, JwtError> {
        let token = Compact::parse(token)?;
        let key = self.keys.get(token.kid()).ok_or(JwtError::UnknownKey)?;
        let claims = token.verify(key)?;
        let (issuer, audience, leeway) = (&*self.issuer, Some(&*self.audience), self.leeway);
        claims.check(&Expected { issuer, audience, now, leeway })?;
        Ok(claims)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("keys", &self.keys.values())
            .finish_non_exhaustive()
    }
}

const MAX_JWKS: usize = 256 * 1024;
const DEFAULT_LEEWAY: Duration = Duration::from_secs(5);
const MAX_LEEWAY: Duration = Duration::from_mins(1);
