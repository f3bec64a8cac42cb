//! What an access token of this engine says, once it is proven: the claims of RFC 9068 in the engine's own types.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value, json};

use crate::event::Subject;
use crate::id::{AccountId, GrantId, SessionId};
use crate::model::keyring::Epochs;
use crate::time::Timestamp;
use crate::token::jwt::json::{JsonError, Reader};
use crate::token::jwt::{Expected, JwtError, Said, once};
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
/// let access = proven.access();
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
    pub(crate) fn of(Unproven { said, private, extra }: Unproven<'_>) -> Result<Self, JwtError> {
        let Private { epochs, family } = private?;
        let seconds = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let scope = Scope::parse(said.scope.as_deref().unwrap_or_default());
        Ok(Self {
            account: said.subject.parse().map_err(|_| JwtError::Claim("sub"))?,
            session: said
                .session
                .ok_or(JwtError::Missing("sid"))?
                .parse()
                .map_err(|_| JwtError::Claim("sid"))?,
            token: said.token_id.parse().map_err(|_| JwtError::Claim("jti"))?,
            client: ClientId::parse(&said.client_id).map_err(|_| JwtError::Claim("client_id"))?,
            audience: said.audience,
            scope: scope.map_err(|_| JwtError::Claim("scope"))?,
            issued_at: seconds(said.issued_at),
            expires: seconds(said.expires),
            auth_time: seconds(said.auth_time.ok_or(JwtError::Missing("auth_time"))?),
            amr: said.amr,
            claims: extra,
            family,
            epochs,
        })
    }
}

/// The claims of a token, read and not believed.
pub(crate) struct Unproven<'a> {
    said: Said<'a>,
    /// The engine's own claim, or why there is none: for whoever believes the token.
    private: Result<Private, JwtError>,
    extra: Map<String, Value>,
}

impl<'a> Unproven<'a> {
    /// Reads the text of a token's claims.
    pub(crate) fn parse(body: &'a str) -> Result<Self, JwtError> {
        let (mut private, mut extra) = (None, Map::new());
        let said = Said::parse(body, |name, reader| match &*name {
            PRIVATE => once(&mut private, PRIVATE, || Private::read(reader)),
            _ => Ok(reader.member_of(&mut extra, name)?),
        })?;
        let private = private.ok_or(JwtError::Missing(PRIVATE));
        let private = private.and_then(|private| private.ok_or(JwtError::Claim(PRIVATE)));
        Ok(Self { said, private, extra })
    }

    /// Whether this is a token of that issuer, for that audience, at this time.
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), JwtError> {
        self.said.check(expected)
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

/// The same, read.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Private {
    epochs: Epochs,
    family: Option<GrantId>,
}

impl Private {
    /// Reads a value, of which `None` is made when it is none of this engine's.
    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, JsonError> {
        // What the engine writes is read as it stands there; what anybody else does, as JSON, so that this is no less strict.
        match reader.attempt(Self::written) {
            Ok(private) => Ok(Some(private)),
            Err(_) => reader.value().map(|value| Self::of(&value)),
        }
    }

    fn written(reader: &mut Reader<'_>) -> Result<Self, JsonError> {
        let (mut epochs, mut family) = (None, None);
        reader.members(|name, reader| {
            let again = match &*name {
                "e" => {
                    let (mut three, mut count) = ([0; 3], 0);
                    reader.elements(|reader| {
                        let place = three.get_mut(count).ok_or(JsonError::Type)?;
                        *place = reader.number()?.as_u64().ok_or(JsonError::Type)?;
                        count += 1;
                        Ok(())
                    })?;
                    let [account, global, tokens] = three;
                    let all = (count == 3).then_some(Epochs { account, global, tokens });
                    epochs.replace(all.ok_or(JsonError::Type)?).is_some()
                }
                "f" => family.replace(reader.string()?.parse().map_err(|_| JsonError::Type)?).is_some(),
                _ => return Err(JsonError::Type),
            };
            if again { Err(JsonError::Duplicate) } else { Ok(()) }
        })?;
        Ok(Self { epochs: epochs.ok_or(JsonError::Type)?, family })
    }

    fn of(value: &Value) -> Option<Self> {
        let members = value.as_object()?;
        let [account, global, tokens] = members.get("e")?.as_array()?.as_slice() else { return None };
        let epochs =
            Epochs { account: account.as_u64()?, global: global.as_u64()?, tokens: tokens.as_u64()? };
        let family = match members.get("f") {
            None => None,
            Some(family) => Some(family.as_str()?.parse().ok()?),
        };
        Some(Self { epochs, family })
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

    /// By the way that reads what the engine writes, and by the one that reads anything.
    fn read(text: &str) -> Result<Option<Private>, JsonError> {
        let mut reader = Reader::new(text);
        let read = Private::read(&mut reader)?;
        reader.end()?;
        let mut reader = Reader::new(text);
        assert_eq!(reader.value().map(|value| Private::of(&value)), Ok(read), "{text}");
        Ok(read)
    }

    #[test]
    fn the_private_claim_reads_back_and_nothing_else_is_read() {
        let epochs = Epochs { account: 1, global: 2, tokens: u64::MAX };
        for family in [None, Some(GrantId::from_bytes([7; 16]))] {
            let text = private(epochs, family).to_string();
            assert_eq!(read(&text), Ok(Some(Private { epochs, family })));
            assert_eq!(Private::written(&mut Reader::new(&text)), Ok(Private { epochs, family }));
        }
        for none in [
            "null",
            "[]",
            "{}",
            "7",
            r#"{"e":[1,2]}"#,
            r#"{"e":[1,2,3,4]}"#,
            r#"{"e":[1,2,-1]}"#,
            r#"{"e":[1,2,3.0]}"#,
            r#"{"e":{"e":[1,2,3]}}"#,
            r#"{"e":[1,2,3],"f":null}"#,
            r#"{"e":[1,2,3],"f":"AB"}"#,
            r#"{"f":"07070707070707070707070707070707"}"#,
        ] {
            assert_eq!(read(none), Ok(None), "{none}");
        }
        // What a later engine says beside it.
        for more in [r#"{"e":[1,2,3],"g":[{}]}"#, r#"{ "g" : 1, "e" : [ 1 , 2 , 3 ] }"#] {
            let epochs = Epochs { account: 1, global: 2, tokens: 3 };
            assert_eq!(read(more), Ok(Some(Private { epochs, family: None })), "{more}");
        }
        for broken in [r#"{"e":[1,2,3],"e":[1,2,3]}"#, r#"{"e":[1,2,3],"g":1,"g":1}"#] {
            assert_eq!(read(broken), Err(JsonError::Duplicate), "{broken}");
        }
        for broken in ["", "{", r#"{"e":[1,2,3]"#, r#"{"e":[1,2,03]}"#, r#"{"e":[1,2,3],}"#] {
            assert_eq!(read(broken), Err(JsonError::Syntax), "{broken}");
        }
    }
}
