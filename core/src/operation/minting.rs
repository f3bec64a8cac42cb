//! Making an access token: shared by the operations that issue one.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::{AccountId, GrantId, SessionId};
use crate::machine::{Context, Decision};
use crate::model::keyring::Epochs;
use crate::model::session::{Gone, SessionRecord};
use crate::operation::issue::Issued;
use crate::operation::standing::{Live, keyring_row};
use crate::planted::Planted;
use crate::time::Timestamp;
use crate::token::access;
use crate::token::jwt::{Claims, SignError, is_registered, is_shallow};
use crate::token::opaque::RefreshToken;
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

/// Why nothing is issued yet, or at all.
pub(super) enum Unissued {
    /// It must be signed.
    Work(Work),
    /// It cannot be.
    Refused(Unissuable),
}

/// Why no access token can be made: each operation has words of its own for it.
pub(super) enum Unissuable {
    /// There is no key to sign with.
    NoKey,
    /// The session ends within the second in which the token would begin: so.
    Over(Gone),
    /// It would be longer than anybody reads.
    TooLarge,
}

impl Unissued {
    /// The decision of the operation that was to issue it to this session.
    pub(super) fn decision<T, E: From<Unissuable>>(
        self,
        live: &Live<'_>,
        cx: &Context<'_>,
    ) -> Decision<Result<T, E>> {
        match self {
            Self::Work(work) => Decision::Work(work),
            Self::Refused(why @ Unissuable::Over(_)) => live.over(Err(why.into()), cx),
            Self::Refused(why) => Decision::Done(Err(why.into())),
        }
    }
}

impl Minting<'_> {
    /// The access token beside this refresh token, signed once: an attempt after the first finds the work done, unless what
    /// it says has changed.
    pub(super) fn issued(
        &self,
        refresh: Option<RefreshToken>,
        facts: &Facts,
        cx: &Context<'_>,
    ) -> Result<Result<Issued, Unissued>, Fault> {
        let Some(key) = ring::signer(keyring_row(facts)?, cx)? else {
            return Ok(Err(Unissued::Refused(Unissuable::NoKey)));
        };
        let token = GrantId::from_bytes(cx.bytes("access token"));
        // As old as what it rests on: a logout that came since reckons with no token that begins later.
        let begins = seconds(facts.asked().unwrap_or(cx.now));
        let claims = self.claims_at(facts.signed_at().unwrap_or(begins), token, cx);
        let expires = Timestamp::from_millis(claims.expires.saturating_mul(1000));
        if claims.expires <= claims.issued_at {
            return Ok(Err(Unissued::Refused(Unissuable::Over(self.record.ends_as()))));
        }
        let work = Work::Sign { key, claims: Box::new(claims) };
        let access = match facts.worked(&work) {
            None => return Ok(Err(Unissued::Work(work))),
            Some(Worked::Signed(Ok(access))) => access.clone(),
            Some(Worked::Signed(Err(SignError::TooLong | SignError::Claim(_)))) => {
                return Ok(Err(Unissued::Refused(Unissuable::TooLarge)));
            }
            Some(_) => return Err(Fault::Signing),
        };
        let (scope, account, session) = (self.scope.clone(), self.account, self.session);
        Ok(Ok(Issued { access, token, expires, scope, refresh, account, session }))
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
