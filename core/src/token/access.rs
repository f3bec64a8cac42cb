//! What an access token of this engine says, once it is proven: the claims of RFC 9068 in the engine's own types.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value, json};

use crate::event::Subject;
use crate::id::{AccountId, GrantId, SessionId};
use crate::model::keyring::Epochs;
use crate::time::Timestamp;
use crate::token::jwt::{Claims, JwtError};
use crate::token::terms::{ClientId, Scope};

/// A verified access token.
///
/// # Example: may this request write?
/// ```
/// use doorward_core::operation::verify::Verify;
/// use doorward_core::token::access::Access;
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register};
/// # use doorward_core::token::terms::Scope;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn may_write(access: &Access) -> bool {
///     access.scope.words().any(|word| word == "write")
/// }
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit").scope(Scope::parse("read")?))??;
/// # let issued = engine.run(Issue::new(login.token.expose(), "web", "https://api.example"))??;
/// let proven = engine.run(Verify::new(issued.access.expose(), "https://api.example"))??;
/// let access = &proven.access;
/// assert_eq!(access.account, ada);
/// assert!(!may_write(access));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Access {
    /// Whose it is: the `sub`.
    pub account: AccountId,
    /// The session that it was issued in: the `sid`.
    pub session: SessionId,
    /// Its own id: the `jti`.
    pub token: GrantId,
    /// Who it was issued to.
    pub client: ClientId,
    /// For whom it is: the `aud`.
    pub audience: Vec<String>,
    /// What it allows.
    pub scope: Scope,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it is accepted no more, but for the leeway.
    pub expires: Timestamp,
    /// When its person last proved who they are.
    pub auth_time: Timestamp,
    /// How.
    pub amr: Vec<String>,
    /// What the host added.
    pub claims: Map<String, Value>,
    pub(crate) family: Option<GrantId>,
    pub(crate) epochs: Epochs,
}

impl Access {
    /// That it is for this audience.
    ///
    /// # Errors
    /// [`JwtError::Audience`].
    pub fn check_audience(&self, audience: &str) -> Result<(), JwtError> {
        if self.audience.iter().any(|one| one == audience) { Ok(()) } else { Err(JwtError::Audience) }
    }

    /// Who and what it is about.
    pub fn subject(&self) -> Subject {
        Subject { account: Some(self.account), session: Some(self.session), ..Subject::default() }
    }

    /// What these claims say.
    pub(crate) fn of(mut claims: Claims) -> Result<Self, JwtError> {
        let private = claims.extra.remove(PRIVATE).ok_or(JwtError::Missing(PRIVATE))?;
        let (epochs, family) = private_of(&private).ok_or(JwtError::Claim(PRIVATE))?;
        let seconds = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let scope = Scope::parse(claims.scope.as_deref().unwrap_or_default());
        Ok(Self {
            account: claims.subject.parse().map_err(|_| JwtError::Claim("sub"))?,
            session: claims
                .session
                .ok_or(JwtError::Missing("sid"))?
                .parse()
                .map_err(|_| JwtError::Claim("sid"))?,
            token: claims.token_id.parse().map_err(|_| JwtError::Claim("jti"))?,
            client: ClientId::parse(&claims.client_id).map_err(|_| JwtError::Claim("client_id"))?,
            audience: claims.audience,
            scope: scope.map_err(|_| JwtError::Claim("scope"))?,
            issued_at: seconds(claims.issued_at),
            expires: seconds(claims.expires),
            auth_time: seconds(claims.auth_time.ok_or(JwtError::Missing("auth_time"))?),
            amr: claims.amr,
            claims: claims.extra,
            family,
            epochs,
        })
    }
}

/// The engine's own claim: under which epochs a token was granted, and of which family it came.
pub(crate) const PRIVATE: &str = "dw";

pub(crate) fn private(epochs: Epochs, family: Option<GrantId>) -> Value {
    let Epochs { account, global, tokens } = epochs;
    match family {
        Some(family) => json!({ "e": [account, global, tokens], "f": family.to_string() }),
        None => json!({ "e": [account, global, tokens] }),
    }
}

fn private_of(value: &Value) -> Option<(Epochs, Option<GrantId>)> {
    let members = value.as_object()?;
    let [account, global, tokens] = members.get("e")?.as_array()?.as_slice() else { return None };
    let epochs = Epochs { account: account.as_u64()?, global: global.as_u64()?, tokens: tokens.as_u64()? };
    match members.get("f") {
        None => Some((epochs, None)),
        Some(family) => Some((epochs, Some(family.as_str()?.parse().ok()?))),
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("account", &self.account)
            .field("session", &self.session)
            .field("token", &self.token)
            .field("client", &self.client)
            .field("scope", &self.scope)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_claim_reads_back_and_nothing_else_is_read() {
        let epochs = Epochs { account: 1, global: 2, tokens: u64::MAX };
        for family in [None, Some(GrantId::from_bytes([7; 16]))] {
            assert_eq!(private_of(&private(epochs, family)), Some((epochs, family)));
        }
        for bad in [
            json!(null),
            json!([]),
            json!({}),
            json!({ "e": [1, 2] }),
            json!({ "e": [1, 2, -1] }),
            json!({ "e": [1, 2, 3.0] }),
            json!({ "e": [1, 2, 3], "f": null }),
            json!({ "e": [1, 2, 3], "f": "AB" }),
        ] {
            assert_eq!(private_of(&bad), None, "{bad}");
        }
    }
}
