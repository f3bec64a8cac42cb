//! What clients ask for with tokens, and administrators of their keys.

use serde::Deserialize;

use super::Pick;
use crate::rng::Rng;

/// One request. Numbers choose among what there is when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the fields say no more than their types")]
pub enum TokenAction {
    /// A session is turned into tokens.
    Issue { token: Pick, client: u8, audience: u8, scope: Option<u8>, with_refresh: bool },
    /// A refresh token is used.
    Refresh { token: RefreshPick, is_other_client: bool, audience: Option<u8>, scope: Option<u8> },
    /// An access token is shown to a service.
    Verify { token: AccessPick, is_other_audience: bool, remembers: bool },
    /// A service asks what a token is.
    Introspect { token: AnyPick, audience: Option<u8> },
    /// A client is done with a token.
    Revoke { token: AnyPick, is_other_client: bool },
    /// The signing keys are rotated.
    RotateKeys(Rotate),
    /// Every token is ended.
    RevokeAll { and_sessions: bool },
    /// The public keys are asked for.
    Jwks,
}

/// How soon another key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Rotate {
    /// When it is time for it.
    WhenDue,
    /// After the overlap.
    Orderly,
    /// From now on.
    AtOnce,
}

/// Which refresh token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RefreshPick {
    /// Of the family that this operation opened or moved on, or else the last one before.
    pub of: u32,
    /// How many generations before the latest that any client has.
    pub back: u8,
    /// What an attacker did to it.
    pub forgery: TokenForgery,
}

/// Which access token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AccessPick {
    /// The one that this operation gave, or else the last one before.
    pub of: u32,
    /// What an attacker did to it.
    pub forgery: TokenForgery,
}

/// A token of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AnyPick {
    /// A refresh token.
    Refresh(RefreshPick),
    /// An access token.
    Access(AccessPick),
}

/// What became of a token on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TokenForgery {
    /// Nothing.
    None,
    /// Another proof or signature, all else as it was.
    Proof(u8),
    /// Another character somewhere before that.
    Field(u8),
    /// It says what another token says.
    Spliced(u32),
    /// Another kind of token.
    Kind(u8),
    /// Cut short.
    Cut(u8),
}

impl TokenAction {
    /// The operations before `next` are there to be named.
    pub(super) fn draw(rng: &mut Rng, next: u32) -> Self {
        let (client, audience) = (rng.byte(), rng.byte());
        match rng.below(1000) {
            0..280 => Self::Issue {
                token: Pick::draw(rng, next),
                client,
                audience,
                scope: rng.in_thousand(500).then(|| rng.byte()),
                with_refresh: rng.in_thousand(700),
            },
            280..620 => Self::Refresh {
                token: RefreshPick::draw(rng, next),
                is_other_client: rng.in_thousand(60),
                audience: rng.in_thousand(250).then_some(audience),
                scope: rng.in_thousand(250).then(|| rng.byte()),
            },
            620..800 => Self::Verify {
                token: AccessPick::draw(rng, next),
                is_other_audience: rng.in_thousand(80),
                remembers: rng.in_thousand(500),
            },
            800..870 => Self::Introspect {
                token: AnyPick::draw(rng, next),
                audience: rng.in_thousand(300).then_some(audience),
            },
            870..930 => {
                Self::Revoke { token: AnyPick::draw(rng, next), is_other_client: rng.in_thousand(100) }
            }
            930..970 => Self::RotateKeys(
                rng.weighted(&[(2, Rotate::WhenDue), (2, Rotate::Orderly), (1, Rotate::AtOnce)])
                    .unwrap_or(Rotate::WhenDue),
            ),
            970..974 => Self::RevokeAll { and_sessions: rng.in_thousand(300) },
            _ => Self::Jwks,
        }
    }
}

impl RefreshPick {
    fn draw(rng: &mut Rng, next: u32) -> Self {
        let back = [(600, 0), (280, 1), (120, 2 + rng.byte() % 3)];
        let back = rng.weighted(&back).unwrap_or(0);
        Self { of: recent(rng, next), back, forgery: TokenForgery::draw(rng, next) }
    }
}

impl AccessPick {
    pub(crate) fn draw(rng: &mut Rng, next: u32) -> Self {
        Self { of: recent(rng, next), forgery: TokenForgery::draw(rng, next) }
    }

    /// Or the one that was given last.
    pub(crate) fn or_latest(self, is_latest: bool, next: u32) -> Self {
        Self { of: if is_latest { next } else { self.of }, ..self }
    }
}

impl AnyPick {
    fn draw(rng: &mut Rng, next: u32) -> Self {
        if rng.in_thousand(500) {
            Self::Refresh(RefreshPick::draw(rng, next))
        } else {
            Self::Access(AccessPick::draw(rng, next))
        }
    }
}

impl TokenForgery {
    fn draw(rng: &mut Rng, next: u32) -> Self {
        let noise = rng.byte();
        let forgery = [
            (920, Self::None),
            (25, Self::Proof(noise)),
            (15, Self::Field(noise)),
            (15, Self::Spliced(rng.below(next + 1))),
            (15, Self::Kind(noise)),
            (10, Self::Cut(noise)),
        ];
        rng.weighted(&forgery).unwrap_or(Self::None)
    }
}

/// Mostly one of the latest operations, for a family is used by several at once; now and then any.
fn recent(rng: &mut Rng, next: u32) -> u32 {
    let back = if rng.in_thousand(100) { next } else { next.min(60) };
    next - rng.below(back + 1)
}
