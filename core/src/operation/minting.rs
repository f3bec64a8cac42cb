//! Making an access token: shared by the operations that issue one.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::{AccountId, GrantId, SessionId};
use crate::machine::Context;
use crate::model::keyring::Epochs;
use crate::model::session::SessionRecord;
use crate::planted::Planted;
use crate::record::Row;
use crate::time::Timestamp;
use crate::token::access;
use crate::token::jwt::{AccessToken, Claims, SignError, is_registered, is_shallow};
use crate::token::ring;
use crate::token::terms::{Audience, ClientId, Scope};
use crate::work::{Work, Worked};

/// What is to be signed.
pub(super) struct Minting<'a> {
    pub(super) account: AccountId,
    pub(super) session: SessionId,
    pub(super) record: &'a SessionRecord,
    pub(super) epochs: Epochs,
    pub(super) client: &'a ClientId,
    pub(super) audience: &'a [Audience],
    pub(super) scope: &'a Scope,
    pub(super) family: Option<GrantId>,
    pub(super) claims: &'a Map<String, Value>,
}

/// How far it has come.
pub(super) enum Minted {
    /// It must be signed.
    Work(Work),
    /// It is signed, and lives until then.
    Token(AccessToken, GrantId, Timestamp),
    /// There is no key to sign with.
    NoKey,
    /// The session ends before the token would begin.
    Over,
    /// It would be longer than anybody reads.
    TooLarge,
}

impl Minting<'_> {
    /// The token, signed once: an attempt after the first finds the work done, unless what it says has changed.
    pub(super) fn token(&self, keyring: &Row, facts: &Facts, cx: &Context<'_>) -> Result<Minted, Fault> {
        let Some(key) = ring::signer(keyring, cx)? else {
            return Ok(Minted::NoKey);
        };
        let token = GrantId::from_bytes(cx.bytes("access token"));
        let claims = self.claims_at(facts.signed_at().unwrap_or(seconds(cx.now)), token, cx);
        let expires = Timestamp::from_millis(claims.expires.saturating_mul(1000));
        if claims.expires <= claims.issued_at {
            return Ok(Minted::Over);
        }
        let work = Work::Sign { key, claims: Box::new(claims) };
        match facts.worked(&work) {
            None => Ok(Minted::Work(work)),
            Some(Worked::Signed(Ok(access))) => Ok(Minted::Token(access.clone(), token, expires)),
            Some(Worked::Signed(Err(SignError::TooLong | SignError::Claim(_)))) => Ok(Minted::TooLarge),
            Some(_) => Err(Fault::Signing),
        }
    }

    fn claims_at(&self, issued_at: i64, token: GrantId, cx: &Context<'_>) -> Claims {
        let tokens = cx.policy.tokens();
        let lifetime = i64::try_from(tokens.lifetime.as_secs()).unwrap_or(i64::MAX);
        // A lower bound: that this is an activity may not be written down.
        let is_clamped = !cx.policy.has(Planted::ExpNotClamped);
        let session_end = if is_clamped { self.record.idle_end() } else { Timestamp::MAX };
        let mut extra = self.claims.clone();
        extra.insert(access::PRIVATE.into(), access::private(self.epochs, self.family));
        Claims {
            issuer: tokens.issuer.as_str().into(),
            subject: self.account.to_string(),
            audience: self.audience.iter().map(|audience| audience.as_str().into()).collect(),
            expires: issued_at.saturating_add(lifetime).min(seconds(session_end)),
            not_before: None,
            issued_at,
            token_id: token.to_string(),
            client_id: self.client.as_str().into(),
            session: Some(self.session.to_string()),
            auth_time: Some(seconds(self.record.auth_time)),
            amr: self.record.amr.names().into_iter().map(Into::into).collect(),
            scope: (!self.scope.is_none()).then(|| self.scope.as_str().into()),
            extra,
        }
    }
}

fn seconds(moment: Timestamp) -> i64 {
    moment.as_millis().div_euclid(1000)
}

/// Whether a host may add these claims: none that means something already, none that nests deeper than anybody reads, and
/// all of them within 2 KiB.
pub(super) fn may_add(claims: &Map<String, Value>) -> bool {
    let is_free = |name: &String| !is_registered(name) && name != access::PRIVATE;
    claims.keys().all(is_free)
        && is_shallow(claims)
        && serde_json::to_vec(claims).is_ok_and(|text: Vec<u8>| text.len() <= MOST_CLAIM_BYTES)
}

pub(super) const MOST_CLAIM_BYTES: usize = 2048;
/// More audiences than one token is for.
pub(super) const MOST_AUDIENCES: usize = 8;
