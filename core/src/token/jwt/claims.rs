//! What an access token says (RFC 9068, section 2.2), read strictly and written in one order.
//!
//! | claim | here | when read | |
//! |---|---|---|---|
//! | `iss` `sub` `client_id` `jti` | string, not empty | required | compared byte by byte |
//! | `aud` | string or array of strings, none empty, one at least | required | |
//! | `exp` `iat` | whole seconds, 0 to 2^53 | required | |
//! | `nbf` `auth_time` | whole seconds, 0 to 2^53 | may be absent | RFC 7519, section 4.1.5 |
//! | `scope` | string | may be absent | RFC 9068, section 2.2.3 |
//! | `sid` | string | may be absent | OpenID Connect Front-Channel Logout 1.0, section 3 |
//! | `amr` | array of strings | may be absent: none | RFC 8176 |
//! | others | any | kept as they are | |

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::error::{JwtError, SignError};
use super::json::{self, JsonError, MAX_SECONDS, Reader};
use crate::time::Timestamp;

/// What an access token says. Times are whole seconds since 1970.
///
/// # Example: whose, and for what
/// ```
/// use doorward_core::token::jwt::Claims;
///
/// fn may_write(claims: &Claims) -> bool {
///     claims.scope.as_deref().is_some_and(|scope| scope.split(' ').any(|word| word == "write"))
/// }
/// # let claims = Claims { scope: Some("read write".into()), ..Claims::default() };
/// assert!(may_write(&claims));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claims {
    /// `iss`: who made it.
    pub issuer: String,
    /// `sub`: whose it is.
    pub subject: String,
    /// `aud`: whom it is for; one at least.
    pub audience: Vec<String>,
    /// `exp`: it is accepted before this moment only.
    pub expires: i64,
    /// `nbf`: it is not accepted before this moment.
    pub not_before: Option<i64>,
    /// `iat`: when it was made.
    pub issued_at: i64,
    /// `jti`: its own name.
    pub token_id: String,
    /// `client_id`: which client it was made for.
    pub client_id: String,
    /// `sid`: the session that it belongs to.
    pub session: Option<String>,
    /// `auth_time`: when the person last authenticated.
    pub auth_time: Option<i64>,
    /// `amr`: how the person authenticated.
    pub amr: Vec<String>,
    /// `scope`: what it allows, words with a space between them.
    pub scope: Option<String>,
    /// Every other member, as it is.
    pub extra: Map<String, Value>,
}

/// What a verifier expects of an access token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// Exactly this `iss`.
    pub(crate) issuer: &'a str,
    /// Exactly this in `aud`; none: any.
    pub(crate) audience: Option<&'a str>,
    /// The caller's clock.
    pub(crate) now: Timestamp,
    /// How far clocks may be apart.
    pub(crate) leeway: Duration,
}

impl Expected<'_> {
    /// INV 18: a token is accepted only while now < exp + leeway.
    fn are_met(
        &self,
        issuer: &str,
        audience: &[String],
        expires: i64,
        not_before: Option<i64>,
    ) -> Result<(), JwtError> {
        if issuer != self.issuer {
            return Err(JwtError::Issuer);
        }
        if let Some(expected) = self.audience
            && !audience.iter().any(|one| one == expected)
        {
            return Err(JwtError::Audience);
        }
        if self.now >= moment(expires).saturating_add(self.leeway) {
            return Err(JwtError::Expired);
        }
        match not_before {
            Some(begin) if self.now.saturating_add(self.leeway) < moment(begin) => Err(JwtError::NotYet),
            _ => Ok(()),
        }
    }
}

/// Whether a claim's name means something to this engine or to whoever verifies, so that a host's own claim must not
/// take it: what [`Claims`] reads, and what binds or delegates a token (`cnf`, RFC 7800; `act` and `may_act`, RFC 8693).
/// `roles`, `groups` and `entitlements` are the host's to give (RFC 9068, section 2.2.3.1).
///
/// # Example: a host's own claims
/// ```
/// use doorward_core::token::jwt::is_registered;
///
/// assert!(is_registered("exp"));
/// assert!(!is_registered("roles"));
/// ```
pub fn is_registered(claim: &str) -> bool {
    READ.contains(&claim) || BINDING.contains(&claim)
}

const READ: [&str; 12] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "auth_time", "amr", "scope"];
const BINDING: [&str; 3] = ["cnf", "act", "may_act"];

impl Claims {
    /// Reads the claims of a token: one JSON object.
    pub(super) fn parse(text: &str) -> Result<Self, JwtError> {
        let mut extra = Map::new();
        let said = Said::parse(text, |name, reader| Ok(reader.member_of(&mut extra, name)?))?;
        Ok(Self {
            issuer: said.issuer.into_owned(),
            subject: said.subject.into_owned(),
            audience: said.audience,
            expires: said.expires,
            not_before: said.not_before,
            issued_at: said.issued_at,
            token_id: said.token_id.into_owned(),
            client_id: said.client_id.into_owned(),
            session: said.session.map(Cow::into_owned),
            auth_time: said.auth_time,
            amr: said.amr,
            scope: said.scope.map(Cow::into_owned),
            extra,
        })
    }

    /// Whether this is a token of that issuer, for that audience, at this time.
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), JwtError> {
        expected.are_met(&self.issuer, &self.audience, self.expires, self.not_before)
    }

    /// Whether a verifier could accept this: the rules of [`parse`](Self::parse), for what is about to be signed.
    pub(super) fn sound(&self) -> Result<(), SignError> {
        let texts = [
            ("iss", Some(&self.issuer)),
            ("sub", Some(&self.subject)),
            ("client_id", Some(&self.client_id)),
            ("jti", Some(&self.token_id)),
            ("sid", self.session.as_ref()),
        ];
        let times = [
            ("exp", Some(self.expires)),
            ("iat", Some(self.issued_at)),
            ("nbf", self.not_before),
            ("auth_time", self.auth_time),
        ];
        let empty = |text: &String| text.is_empty();
        if let Some((name, _)) = texts.into_iter().find(|(_, text)| text.is_some_and(empty)) {
            return Err(SignError::Claim(name));
        }
        if self.audience.is_empty() || self.audience.iter().any(empty) {
            return Err(SignError::Claim("aud"));
        }
        let outside = |seconds: i64| !(0..=MAX_SECONDS).contains(&seconds);
        if let Some((name, _)) = times.into_iter().find(|(_, time)| time.is_some_and(outside)) {
            return Err(SignError::Claim(name));
        }
        if let Some(hidden) = READ.into_iter().find(|name| self.extra.contains_key(*name)) {
            return Err(SignError::Claim(hidden));
        }
        if json::is_shallow(&self.extra) { Ok(()) } else { Err(SignError::Nested) }
    }
}

/// The claims in the one order in which they are signed: the same claims give the same bytes.
pub(super) struct Body<'a>(pub(super) &'a Claims);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let claims = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &claims.issuer)?;
        map.serialize_entry("sub", &claims.subject)?;
        match claims.audience.as_slice() {
            [one] => map.serialize_entry("aud", one)?,
            all => map.serialize_entry("aud", all)?,
        }
        map.serialize_entry("exp", &claims.expires)?;
        optional(&mut map, "nbf", claims.not_before.as_ref())?;
        map.serialize_entry("iat", &claims.issued_at)?;
        map.serialize_entry("jti", &claims.token_id)?;
        map.serialize_entry("client_id", &claims.client_id)?;
        optional(&mut map, "sid", claims.session.as_ref())?;
        optional(&mut map, "auth_time", claims.auth_time.as_ref())?;
        optional(&mut map, "amr", Some(&claims.amr).filter(|amr| !amr.is_empty()))?;
        optional(&mut map, "scope", claims.scope.as_ref())?;
        for (name, value) in &claims.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The same as [`Claims`] but for the other members, as it stands in the text: what is not kept is not copied.
pub(crate) struct Said<'a> {
    issuer: Cow<'a, str>,
    pub(crate) subject: Cow<'a, str>,
    pub(crate) audience: Vec<String>,
    pub(crate) expires: i64,
    not_before: Option<i64>,
    pub(crate) issued_at: i64,
    pub(crate) token_id: Cow<'a, str>,
    pub(crate) client_id: Cow<'a, str>,
    pub(crate) session: Option<Cow<'a, str>>,
    pub(crate) auth_time: Option<i64>,
    pub(crate) amr: Vec<String>,
    pub(crate) scope: Option<Cow<'a, str>>,
}

#[derive(Default)]
struct Read<'a> {
    issuer: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    audience: Option<Vec<String>>,
    expires: Option<i64>,
    not_before: Option<i64>,
    issued_at: Option<i64>,
    token_id: Option<Cow<'a, str>>,
    client_id: Option<Cow<'a, str>>,
    session: Option<Cow<'a, str>>,
    auth_time: Option<i64>,
    amr: Option<Vec<String>>,
    scope: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    /// Reads the claims of a token: one JSON object. `other` is handed the name of each member that is not of these, must read
    /// its value, and must see to it that no name comes twice.
    pub(crate) fn parse(
        text: &'a str,
        mut other: impl FnMut(Cow<'a, str>, &mut Reader<'a>) -> Result<(), JwtError>,
    ) -> Result<Self, JwtError> {
        let mut read = Read::default();
        json::object(text, |name, reader| match &*name {
            "iss" => once(&mut read.issuer, "iss", || filled(reader.string()?)),
            "sub" => once(&mut read.subject, "sub", || filled(reader.string()?)),
            "client_id" => once(&mut read.client_id, "client_id", || filled(reader.string()?)),
            "jti" => once(&mut read.token_id, "jti", || filled(reader.string()?)),
            "aud" => once(&mut read.audience, "aud", || {
                let audience = reader.string_or_strings()?;
                let sound = !audience.is_empty() && audience.iter().all(|one| !one.is_empty());
                if sound { Ok(audience) } else { Err(JsonError::Type) }
            }),
            "exp" => once(&mut read.expires, "exp", || reader.seconds()),
            "iat" => once(&mut read.issued_at, "iat", || reader.seconds()),
            "nbf" => once(&mut read.not_before, "nbf", || reader.seconds()),
            "auth_time" => once(&mut read.auth_time, "auth_time", || reader.seconds()),
            "sid" => once(&mut read.session, "sid", || filled(reader.string()?)),
            "scope" => once(&mut read.scope, "scope", || reader.string()),
            "amr" => once(&mut read.amr, "amr", || reader.strings()),
            _ => other(name, reader),
        })?;
        Ok(Self {
            issuer: read.issuer.ok_or(JwtError::Missing("iss"))?,
            subject: read.subject.ok_or(JwtError::Missing("sub"))?,
            audience: read.audience.ok_or(JwtError::Missing("aud"))?,
            expires: read.expires.ok_or(JwtError::Missing("exp"))?,
            not_before: read.not_before,
            issued_at: read.issued_at.ok_or(JwtError::Missing("iat"))?,
            token_id: read.token_id.ok_or(JwtError::Missing("jti"))?,
            client_id: read.client_id.ok_or(JwtError::Missing("client_id"))?,
            session: read.session,
            auth_time: read.auth_time,
            amr: read.amr.unwrap_or_default(),
            scope: read.scope,
        })
    }

    /// As [`Claims::check`].
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), JwtError> {
        expected.are_met(&self.issuer, &self.audience, self.expires, self.not_before)
    }
}

/// Reads a claim into its place, which must be free.
pub(crate) fn once<T>(
    place: &mut Option<T>,
    name: &'static str,
    read: impl FnOnce() -> Result<T, JsonError>,
) -> Result<(), JwtError> {
    if place.is_some() {
        return Err(JwtError::Duplicate);
    }
    *place = Some(read().map_err(|error| match error {
        JsonError::Type => JwtError::Claim(name),
        JsonError::Syntax | JsonError::Duplicate => error.into(),
    })?);
    Ok(())
}

fn filled(text: Cow<'_, str>) -> Result<Cow<'_, str>, JsonError> {
    if text.is_empty() { Err(JsonError::Type) } else { Ok(text) }
}

fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}
