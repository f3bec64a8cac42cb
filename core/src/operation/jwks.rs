//! Publishing the keys that access tokens are verified with (RFC 7517, section 5).

use alloc::string::String;
use alloc::vec;
use core::time::Duration;

use jsonwebtoken::jwk::JwkSet;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision};
use crate::operation::standing::keyring_row;
use crate::record::Key;
use crate::token::jwt::VerifyingKey;
use crate::token::ring;

/// Gives the public keys: the one that signs, the next one, and those whose tokens still live. A secret (HS256) is never
/// among them.
///
/// # Example: a verifier without a store
/// ```
/// use doorward_core::operation::jwks::Jwks;
/// use doorward_core::token::jwt::Verifier;
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// # let issued = engine.run(Issue::new(session.expose(), "web", "https://api.example"))??;
/// let published = engine.run(Jwks::new())?;
/// assert_eq!(published.max_age.as_secs(), 12 * 3600); // for `Cache-Control: max-age`
///
/// let verifier = Verifier::new(published.to_json(), "doorward", "https://api.example")?;
/// let claims = verifier.verify(issued.access.expose(), engine.now)?;
/// assert_eq!(claims.subject, ada.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Jwks {}

impl Jwks {
    /// The operation.
    pub fn new() -> Self {
        Self {}
    }
}

/// Public keys, and how long they may be kept.
///
/// # Example: the body of `/.well-known/jwks.json`
/// ```
/// use doorward_core::operation::jwks::Jwks;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let published = engine.run(Jwks::new())?;
/// assert_eq!(published.keys.keys.len(), 1);
/// assert!(published.to_json().starts_with(r#"{"keys":[{"#));
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PublishedKeys {
    /// The keys.
    pub keys: JwkSet,
    /// How long they may be kept: half the overlap, so that everybody has the next key before it signs.
    pub max_age: Duration,
    json: String,
}

impl PublishedKeys {
    /// The set as JSON.
    pub fn to_json(&self) -> &str {
        &self.json
    }
}

impl Decide for Jwks {
    type Outcome = PublishedKeys;

    fn name(&self) -> &'static str {
        "jwks"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<PublishedKeys>, Fault> {
        if facts.rows([&Key::Keyring]).is_none() {
            return Ok(Decision::Read(vec![Key::Keyring]));
        }
        let keys = ring::public_keys(keyring_row(facts)?, cx)?;
        let keys = JwkSet { keys: keys.iter().filter_map(VerifyingKey::to_jwk).collect() };
        let json = serde_json::to_string(&keys).map_err(|_| Fault::Signing)?;
        Ok(Decision::Done(PublishedKeys { keys, max_age: cx.policy.tokens().overlap / 2, json }))
    }

    fn audit(&self, _: &PublishedKeys) -> (EventResult, Subject) {
        (EventResult::Success, Subject::default())
    }
}
