//! What a session has granted in tokens: its refresh families, and the access tokens that were revoked one by one.
//!
//! A family begins with an `issue` that asks for a refresh token. Each refresh moves it to its next generation, so that of
//! all its tokens only the latest opens anything; and since a token names its generation, an old one is recognised for what
//! it is, however old, without being remembered.
//!
//! | the row says generation *g* | a token of | within | then |
//! |---|---|---|---|
//! | live | *g* | | rotates: *g* + 1 is the latest (`Next`) |
//! | live | *g* − 1 | the grace | the same successor again (`Again`): the answer was lost |
//! | live | *g* − 1 | the skew after it | a typed conflict (`Conflict`); nothing changed |
//! | live | *g* − 1 after that, or older | | reuse: the session ends (`Reuse`) (RFC 9700, section 4.14.2) |
//! | live | newer than *g* | | nothing changed (`Unknown`): the store was set back |
//! | revoked, pushed out by a newer family, of an earlier epoch | any | | refused, no grace |
//!
//! All of a session's families stand in one row beside it. It goes when the session goes, in the same blind batch, so that
//! ending them costs one delete; and since whoever opens one puts that row as it was read, no two push the number of
//! families over its bound.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::id::GrantId;
use crate::model::keyring::Epochs;
use crate::time::Timestamp;
use crate::token::terms::{Audience, ClientId, Scope};

/// What a session has granted.
///
/// # Example: a session that has granted nothing yet
/// ```
/// use doorward_core::model::grant::GrantsRecord;
///
/// let grants = GrantsRecord::default();
/// assert!(grants.families.is_empty() && grants.revoked.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub struct GrantsRecord {
    /// How many families there ever were: the number of the next. None is given twice while the row is there; after that
    /// another salt tells an old token from a new one.
    #[n(0)]
    pub opened: u32,
    /// Those that live.
    #[n(1)]
    pub families: Vec<Family>,
    /// Access tokens that were revoked before their end.
    #[n(2)]
    pub revoked: Vec<RevokedToken>,
}

/// The refresh tokens that follow one another from one `issue`.
///
/// # Example: it does not print its salt
/// ```
/// use doorward_core::id::GrantId;
/// use doorward_core::model::grant::Family;
/// use doorward_core::model::keyring::Epochs;
/// use doorward_core::token::terms::{Audience, ClientId, Scope};
/// # use doorward_core::time::Timestamp;
///
/// let family = Family {
///     number: 0,
///     id: GrantId::from_bytes([1; 16]),
///     salt: [2; 16],
///     generation: 1,
///     rotated: Timestamp::from_millis(0),
///     epochs: Epochs::default(),
///     client: ClientId::parse("web")?,
///     audience: vec![Audience::parse("https://api.example")?],
///     scope: Scope::parse("read")?,
/// };
/// assert!(!format!("{family:?}").contains("salt"));
/// # Ok::<(), doorward_core::token::terms::TermError>(())
/// ```
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Family {
    /// Which of the session's families it is: what its tokens say.
    #[n(0)]
    pub number: u32,
    /// What its access tokens and the journal call it.
    #[n(1)]
    pub id: GrantId,
    /// Half of what makes its tokens; the other half is a master key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// Which of its tokens is the latest.
    #[n(3)]
    pub generation: u32,
    /// When that one was made.
    #[n(4)]
    pub rotated: Timestamp,
    /// The epochs under which it was opened.
    #[n(5)]
    pub epochs: Epochs,
    /// Who may use it.
    #[n(6)]
    pub client: ClientId,
    /// For whom its access tokens are.
    #[n(7)]
    pub audience: Vec<Audience>,
    /// What they allow at most.
    #[n(8)]
    pub scope: Scope,
}

/// An access token that was revoked.
///
/// # Example: until when it must be remembered
/// ```
/// use doorward_core::id::GrantId;
/// use doorward_core::model::grant::RevokedToken;
/// # use doorward_core::time::Timestamp;
///
/// let token = RevokedToken { id: GrantId::from_bytes([1; 16]), until: Timestamp::from_millis(600_000) };
/// assert!(token.until > Timestamp::from_millis(0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RevokedToken {
    /// Its `jti`.
    #[n(0)]
    pub id: GrantId,
    /// From when on it opens nothing anyway, not even for a clock that was set back across a restart.
    #[n(1)]
    pub until: Timestamp,
}

/// What a family makes of one of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the latest: the next one takes its place.
    Next,
    /// Its successor was made a moment ago, and is given again.
    Again,
    /// Its successor was made a little longer ago: by this clock too long, by another's perhaps not.
    Conflict,
    /// Its successor was made long ago, or has successors itself: somebody holds a copy.
    Reuse,
    /// It is newer than all that this store knows.
    Unknown,
}

impl Family {
    /// What becomes of the token of this generation. A clock that stepped back reopens no grace: what was rotated later
    /// than `now` and the skew is not within it.
    pub(crate) fn turn(&self, generation: u32, grace: Duration, skew: Duration, now: Timestamp) -> Turn {
        let parent = self.generation.checked_sub(1).filter(|parent| *parent > 0);
        if generation == self.generation {
            Turn::Next
        } else if generation > self.generation {
            Turn::Unknown
        } else if Some(generation) != parent {
            Turn::Reuse
        } else if now.saturating_add(skew) < self.rotated {
            Turn::Conflict
        } else if now < self.rotated.saturating_add(grace) {
            Turn::Again
        } else if now < self.rotated.saturating_add(grace).saturating_add(skew) {
            Turn::Conflict
        } else {
            Turn::Reuse
        }
    }

    /// The same family, one generation on; `None` after four thousand million of them.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Self> {
        Some(Self { generation: self.generation.checked_add(1)?, rotated: now, ..self.clone() })
    }
}

impl GrantsRecord {
    pub(crate) fn family(&self, number: u32) -> Option<&Family> {
        self.families.iter().find(|family| family.number == number)
    }

    /// Whether the access token with this `jti`, of this family if it has one, was revoked.
    pub(crate) fn has_revoked(&self, token: GrantId, family: Option<GrantId>) -> bool {
        self.revoked.iter().any(|revoked| revoked.id == token)
            || family.is_some_and(|id| self.families.iter().all(|family| family.id != id))
    }

    /// The same, with this family as well. Beyond `most` of them it takes the place of the one that was not used for
    /// longest, whose id is told.
    pub(crate) fn with(mut self, family: Family, most: usize) -> (Self, Vec<GrantId>) {
        let mut pushed_out = Vec::new();
        while self.families.len() >= most.max(1) {
            let oldest =
                self.families.iter().enumerate().min_by_key(|(_, family)| (family.rotated, family.number));
            let Some((at, _)) = oldest else { break };
            pushed_out.push(self.families.remove(at).id);
        }
        self.opened = family.number.saturating_add(1);
        self.families.push(family);
        (self, pushed_out)
    }

    /// The same, with this family in the place of its earlier self.
    pub(crate) fn moved_on(mut self, next: Family) -> Self {
        if let Some(family) = self.families.iter_mut().find(|family| family.number == next.number) {
            *family = next;
        }
        self
    }

    /// The same, without this family.
    pub(crate) fn without(mut self, number: u32) -> Self {
        self.families.retain(|family| family.number != number);
        self
    }

    /// The same, with this token revoked; `None` when there are too many. Those that open nothing any more make room only
    /// when it is needed: a clock may be set back further than is foreseen. `now` is no later than the store's mark.
    pub(crate) fn revoking(mut self, token: RevokedToken, now: Timestamp) -> Option<Self> {
        let is_full = self.revoked.len() >= MOST_REVOKED;
        self.revoked.retain(|revoked| revoked.id != token.id && (now < revoked.until || !is_full));
        if self.revoked.len() >= MOST_REVOKED {
            return None;
        }
        self.revoked.push(token);
        Some(self)
    }
}

/// More access tokens of one session than a client revokes one by one in their life.
const MOST_REVOKED: usize = 256;

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("id", &self.id)
            .field("generation", &self.generation)
            .field("rotated", &self.rotated)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const GRACE: Duration = Duration::from_secs(10);
    const SKEW: Duration = Duration::from_secs(2);

    fn family(generation: u32) -> Family {
        Family {
            number: 0,
            id: GrantId::from_bytes([1; 16]),
            salt: [2; 16],
            generation,
            rotated: at(100_000),
            epochs: Epochs::default(),
            client: ClientId::parse("web").unwrap(),
            audience: vec![],
            scope: Scope::NONE,
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn inv_3_inv_4_rv_1_rv_3_the_table_row_by_row() {
        let turn = |generation, now| family(7).turn(generation, GRACE, SKEW, at(now));
        for now in [0, 100_000, 500_000] {
            assert_eq!(turn(7, now), Turn::Next);
            assert_eq!(turn(8, now), Turn::Unknown);
            assert_eq!(turn(5, now), Turn::Reuse, "inside the grace too");
            assert_eq!(turn(0, now), Turn::Reuse);
        }
        let parent = [
            (100_000, Turn::Again),
            (109_999, Turn::Again),
            (110_000, Turn::Conflict),
            (111_999, Turn::Conflict),
            (112_000, Turn::Reuse),
            (98_000, Turn::Again),
            (97_999, Turn::Conflict),
        ];
        for (now, expected) in parent {
            assert_eq!(turn(6, now), expected, "at {now}");
        }
    }

    #[test]
    fn the_first_generation_has_no_parent() {
        assert_eq!(family(1).turn(0, GRACE, SKEW, at(100_000)), Turn::Reuse);
    }

    #[test]
    fn inv_23_extremes_neither_panic_nor_wrap() {
        for rotated in [i64::MIN, 0, i64::MAX].map(at) {
            for now in [i64::MIN, 0, i64::MAX].map(at) {
                let family = Family { rotated, ..family(u32::MAX) };
                let _ = family.turn(u32::MAX - 1, Duration::MAX, Duration::MAX, now);
                assert_eq!(family.next(now), None);
            }
        }
    }

    #[test]
    fn inv_6_beyond_the_bound_the_family_that_rested_longest_goes() {
        let numbered = |number, rotated| Family { number, rotated: at(rotated), ..family(1) };
        let grants =
            GrantsRecord { opened: 2, families: vec![numbered(0, 9), numbered(1, 5)], revoked: vec![] };
        let (grants, pushed_out) = grants.with(numbered(2, 7), 2);
        assert_eq!(grants.families.iter().map(|family| family.number).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((grants.opened, pushed_out.len()), (3, 1));
    }

    #[test]
    fn rv_5_inv_15_a_revoked_token_is_remembered_while_there_is_room_and_their_number_is_bounded() {
        let token = |n: u8, until| RevokedToken { id: GrantId::from_bytes([n; 16]), until: at(until) };
        let grants = GrantsRecord::default().revoking(token(1, 10), at(0)).unwrap();
        assert!(grants.has_revoked(GrantId::from_bytes([1; 16]), None));
        assert!(!grants.has_revoked(GrantId::from_bytes([2; 16]), None));
        let later = grants.revoking(token(2, 20), at(10)).unwrap();
        assert_eq!(later.revoked, [token(1, 10), token(2, 20)]);
        let full = GrantsRecord { revoked: vec![token(3, 99); MOST_REVOKED], ..GrantsRecord::default() };
        assert_eq!(full.clone().revoking(token(4, 99), at(98)), None);
        assert_eq!(full.revoking(token(4, 200), at(99)).unwrap().revoked, [token(4, 200)]);
    }
}
