//! What the rows say of a session token: shared by every operation that is given one.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decision, Writes};
use crate::model::session::{Gone, Holder, SessionRecord};
use crate::operation::authenticate::{AuthenticateError, Visitor};
use crate::operation::guess::Guess;
use crate::operation::rotate_session::Renewed;
use crate::planted::Planted;
use crate::record::{Key, RecordError, Row};
use crate::store::Ending;
use crate::time::Timestamp;
use crate::token::opaque::{self, Claim, Purpose, TokenError};

/// The rows that a session's life depends on.
pub(super) fn keys_of(session: SessionId, account: AccountId) -> [Key; 3] {
    [Key::Session(session), Key::Account(account), Key::Keyring]
}

/// The same, of the session that this names.
pub(super) fn keys_at(claim: &Claim<'_>) -> Vec<Key> {
    match claim.account {
        Some(account) => keys_of(claim.session(), account).to_vec(),
        None => vec![Key::Session(claim.session()), Key::Keyring],
    }
}

/// The keyring that was read.
pub(super) fn keyring_row(facts: &Facts) -> Result<&Row, Fault> {
    let keyring = facts.rows([&Key::Keyring]).and_then(|[row]| row);
    Ok(keyring.ok_or(RecordError::NoKeyring)?)
}

/// A guess at an account's password by somebody who is inside one of its sessions.
pub(super) fn account_guess(account: AccountId, facts: &Facts) -> Result<Guess<'static>, Fault> {
    let throttle = Key::Throttle(keyring_row(facts)?.keyring()?.account_hash(account));
    Ok(Guess::new(throttle, account, Some(account)).inside())
}

/// Where a claim stands.
pub(super) enum Standing<'a> {
    /// These rows must be read first, in one snapshot.
    Unread(Vec<Key>),
    /// There is no such session.
    Absent,
    /// The session is there, and the token was not made for it.
    Forged,
    /// The token was made for this session.
    Proven {
        row: &'a Row,
        record: &'a SessionRecord,
        /// Whether session and token are live.
        life: Result<(), Gone>,
    },
}

impl<'a> Standing<'a> {
    pub(super) fn of(claim: &Claim<'_>, facts: &'a Facts, now: Timestamp) -> Result<Self, Fault> {
        let session = Key::Session(claim.session());
        let rows = if let Some(account) = claim.account {
            let rows = facts.rows([&session, &Key::Account(account), &Key::Keyring]);
            rows.map(|[row, account, keyring]| (row, Holder::Account(account), keyring))
        } else {
            let rows = facts.rows([&session, &Key::Keyring]);
            rows.map(|[row, keyring]| (row, Holder::Nobody, keyring))
        };
        match rows {
            Some((row, holder, keyring)) => Self::by(claim, row, holder, keyring, now),
            None => Ok(Self::Unread(keys_at(claim))),
        }
    }

    /// By these rows, all of one moment.
    pub(super) fn by(
        claim: &Claim<'_>,
        row: Option<&'a Row>,
        holder: Holder<'_>,
        keyring: Option<&Row>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let keyring = keyring.ok_or(RecordError::NoKeyring)?;
        let Some(row) = row else {
            return Ok(Self::Absent);
        };
        let record = row.session()?;
        // The proof comes first: nothing that follows may be told to who did not receive the token.
        if !claim.proven_by(&record.salt) || row.owner != claim.account {
            return Ok(Self::Forged);
        }
        let life = record.present(holder, keyring, now).and(match claim.generation {
            generation if generation == record.generation => Ok(()),
            generation if generation < record.generation => Err(Gone::Replaced),
            // Only a store that was set back knows less than a token that it issued.
            _ => Err(Gone::Ended),
        });
        Ok(Self::Proven { row, record, life })
    }
}

/// No token of this session was made later, also not by a clock that was set back since: the session was active then, or an
/// answer was given again within the grace.
pub(super) fn latest_grant(record: &SessionRecord, cx: &Context<'_>) -> Timestamp {
    let active = record.last_seen.saturating_add(cx.policy.touch_every());
    cx.now.max(active.saturating_add(cx.policy.tokens().grace))
}

/// Ends a session: its row goes, and with it what the host keeps there, and the journal is told. Nothing is compared here, so
/// that nobody starves an ending; and so the journal must outlast every life that the session may have begun meanwhile. It
/// must outlast its tokens as well: a session may have been shortened since they were made. Who wants the ending compared
/// gives `writes` that are guarded.
pub(super) fn end(
    session: SessionId,
    owner: Option<AccountId>,
    record: &SessionRecord,
    writes: Writes,
    cx: &Context<'_>,
) -> Writes {
    let until = match owner {
        Some(_) => record.latest_end(cx.now).max(cx.policy.revocation_dies_at(latest_grant(record, cx))),
        None => record.latest_anonymous_end(cx.policy.anonymous()),
    };
    let mut writes = writes.delete(Key::Session(session));
    if !cx.policy.has(Planted::GrantsSurviveEnd) {
        writes = writes.delete(Key::Grants(session));
    }
    if !cx.policy.has(Planted::DataSurvivesEnd) {
        writes = writes.delete(Key::Data(session));
    }
    writes.journal(Ending::Session { session, until })
}

/// A live session, or what to do or say instead: the beginning of every operation that is given a token. Without more
/// words a person's; with `Option<AccountId>`, anybody's.
pub(super) enum Entrance<'a, A = AccountId> {
    Read(Vec<Key>),
    Refused(Refusal),
    Live(Live<'a, A>),
}

/// A session whose token was proven and which is live now.
pub(super) struct Live<'a, A = AccountId> {
    pub(super) id: SessionId,
    pub(super) account: A,
    pub(super) record: &'a SessionRecord,
}

impl<'a> Entrance<'a> {
    /// For a person: who has not logged in is refused.
    pub(super) fn of(token: &str, facts: &'a Facts, cx: &Context<'_>) -> Result<Self, Fault> {
        Ok(match Entrance::of_anybody(token, facts, cx)? {
            Entrance::Read(keys) => Self::Read(keys),
            Entrance::Refused(refusal) => Self::Refused(refusal),
            Entrance::Live(live) => match live.visitor(cx).person() {
                Ok(person) => Self::Live(Live { id: live.id, account: person.account, record: live.record }),
                Err(error) => Self::refused(error),
            },
        })
    }
}

impl<'a> Entrance<'a> {
    /// For a person; and what the session has granted is known when it lives, if it is wanted: all of it in one read.
    pub(super) fn with_grants(
        token: &str,
        is_wanted: bool,
        facts: &'a Facts,
        cx: &Context<'_>,
    ) -> Result<(Self, Option<&'a Row>), Fault> {
        Ok(match Self::of(token, facts, cx)? {
            Self::Read(mut keys) if is_wanted => {
                keys.extend(beside(&keys, Key::Grants));
                (Self::Read(keys), None)
            }
            Self::Live(live) if is_wanted => {
                let grants = Key::Grants(live.id);
                match facts.rows([&grants]) {
                    Some([row]) => (Self::Live(live), row),
                    None => (Self::Read(vec![grants]), None),
                }
            }
            entrance => (entrance, None),
        })
    }
}

/// The row that stands beside the session among these.
fn beside(keys: &[Key], row: impl Fn(SessionId) -> Key) -> Option<Key> {
    keys.iter().find_map(|key| match key {
        Key::Session(session) => Some(row(*session)),
        _ => None,
    })
}

impl<'a> Entrance<'a, Option<AccountId>> {
    /// For anybody whose session lives.
    pub(super) fn of_anybody(token: &str, facts: &'a Facts, cx: &Context<'_>) -> Result<Self, Fault> {
        let claim = match Claim::parse(Purpose::Session, token, cx.keys) {
            Ok(claim) => claim,
            Err(error) => return Ok(Self::refused(error)),
        };
        let id = claim.session();
        let standing = Standing::of(&claim, facts, cx.now)?;
        #[cfg(feature = "planted")]
        if let Some(live) = Live::planted(&standing, &claim, facts, cx) {
            return Ok(Self::Live(live));
        }
        Ok(match standing {
            Standing::Unread(keys) => Self::Read(keys),
            Standing::Absent => Self::refused(Gone::Ended),
            Standing::Forged => Self::refused(TokenError::Forged),
            // Once seen over, for good: a touch that is still on its way must not find the row.
            Standing::Proven { row, record, life: Err(gone @ (Gone::Idle | Gone::Expired)) } => {
                let writes = end(id, row.owner, record, Writes::new(), cx);
                let writes = (!cx.policy.has(Planted::OverIsLeft)).then_some(writes);
                Self::Refused(Refusal { error: gone.into(), writes })
            }
            Standing::Proven { life: Err(gone), .. } => Self::refused(gone),
            Standing::Proven { record, life: Ok(()), .. } => {
                Self::Live(Live { id, account: claim.account, record })
            }
        })
    }

    /// The same, and what the host keeps with the session is known when it lives: all of it in one read.
    pub(super) fn with_data(
        token: &str,
        facts: &'a Facts,
        cx: &Context<'_>,
    ) -> Result<(Self, Option<&'a Row>), Fault> {
        Ok(match Self::of_anybody(token, facts, cx)? {
            Self::Read(mut keys) => {
                keys.extend(beside(&keys, Key::Data));
                (Self::Read(keys), None)
            }
            Self::Refused(refusal) => (Self::Refused(refusal), None),
            Self::Live(live) => {
                let data = Key::Data(live.id);
                match facts.rows([&data]) {
                    Some([row]) => (Self::Live(live), row),
                    None => (Self::Read(vec![data]), None),
                }
            }
        })
    }
}

impl<A> Entrance<'_, A> {
    fn refused(error: impl Into<AuthenticateError>) -> Self {
        Self::Refused(Refusal { error: error.into(), writes: None })
    }
}

/// Why a token opens nothing, and what must be written down before that is said.
pub(super) struct Refusal {
    error: AuthenticateError,
    writes: Option<Writes>,
}

impl Refusal {
    /// The decision of an operation that can do no more.
    pub(super) fn decision<T, E: From<AuthenticateError>>(self) -> Decision<Result<T, E>> {
        Decision::after(self.writes, Err(self.error.into()))
    }
}

#[cfg(feature = "planted")]
impl<'a> Live<'a, Option<AccountId>> {
    /// What a planted bug takes for live.
    fn planted(
        standing: &Standing<'a>,
        claim: &Claim<'_>,
        facts: &'a Facts,
        cx: &Context<'_>,
    ) -> Option<Self> {
        let (bug, record) = match standing {
            Standing::Forged => {
                let [row] = facts.rows([&Key::Session(claim.session())])?;
                (Planted::ProofIgnored, row?.session().ok()?)
            }
            Standing::Proven { life: Err(gone), record, .. } => match gone {
                Gone::Idle => (Planted::IdleEndIgnored, *record),
                Gone::Expired => (Planted::AbsoluteEndIgnored, *record),
                Gone::Revoked => (Planted::EpochsIgnored, *record),
                Gone::Replaced => (Planted::GenerationIgnored, *record),
                Gone::Ended => return None,
            },
            Standing::Unread(_) | Standing::Absent | Standing::Proven { .. } => return None,
        };
        let is_planted = cx.policy.has(bug);
        is_planted.then_some(Self { id: claim.session(), account: claim.account, record })
    }

    /// What a planted bug makes of a touch.
    fn mistouched(&self, touched: Option<SessionRecord>, cx: &Context<'_>) -> Option<SessionRecord> {
        let goes_back = cx.policy.has(Planted::TouchGoesBack) && cx.now < self.record.last_seen;
        let back = goes_back.then(|| SessionRecord { last_seen: cx.now, ..self.record.clone() });
        let mut touched = back.or(touched)?;
        if cx.policy.has(Planted::TouchMovesAbsoluteEnd) {
            touched.absolute_end = cx.now.saturating_add(cx.policy.longest_session());
        }
        Some(touched)
    }
}

impl Live<'_, Option<AccountId>> {
    /// Whom the host is told of.
    pub(super) fn visitor(&self, cx: &Context<'_>) -> Visitor {
        let is_somebody = cx.policy.has(Planted::NobodyIsSomebody);
        let nobody = is_somebody.then(|| AccountId::from_bytes(*self.id.as_bytes()));
        Visitor::of(self.id, self.account.or(nobody), self.record, cx.now)
    }

    /// Releases an outcome, and notes the activity when that is due: best effort, nothing rests on it.
    pub(super) fn touched<T>(&self, outcome: T, cx: &Context<'_>) -> Decision<T> {
        let touched = self.record.touched(cx.policy.touch_every(), cx.now);
        #[cfg(feature = "planted")]
        let touched = self.mistouched(touched, cx);
        match touched {
            Some(record) => Decision::Offer(self.put(record, Writes::new()), outcome),
            None => Decision::Done(outcome),
        }
    }
}

impl<'a> Live<'a> {
    /// The same, for what is alike for anybody.
    pub(super) fn for_anybody(&self) -> Live<'a, Option<AccountId>> {
        Live { id: self.id, account: Some(self.account), record: self.record }
    }

    /// Ends it, because this says that it is over: unless somebody has prolonged it meanwhile.
    pub(super) fn over<T>(&self, outcome: T, cx: &Context<'_>) -> Decision<T> {
        let writes = end(self.id, Some(self.account), self.record, Writes::new().guarded(), cx);
        Decision::after((!cx.policy.has(Planted::OverIsLeft)).then_some(writes), outcome)
    }
}

impl<A: Copy + Into<Option<AccountId>>> Live<'_, A> {
    /// The session goes on as `record`.
    pub(super) fn put(&self, record: SessionRecord, writes: Writes) -> Writes {
        writes.put(Key::Session(self.id), self.account.into(), Some(record.idle_end()), record)
    }

    /// The session goes on as `record`, under a token of its generation, and is told as `tell` tells it.
    pub(super) fn renew<S>(
        &self,
        record: SessionRecord,
        writes: Writes,
        tell: impl FnOnce(SessionId, A, &SessionRecord, Timestamp) -> S,
        cx: &Context<'_>,
    ) -> (Writes, Renewed<S>) {
        let token =
            opaque::mint_session(cx.keys, self.account.into(), self.id, record.generation, &record.salt);
        let session = tell(self.id, self.account, &record, cx.now);
        (self.put(record, writes), Renewed { token, session })
    }

    /// What stands beside the session under this key lives as long as the session, now until `absolute_end`.
    pub(super) fn prolong(
        &self,
        key: Key,
        row: Option<&Row>,
        absolute_end: Timestamp,
        writes: Writes,
    ) -> Writes {
        match row {
            Some(row) => writes.put(key, self.account.into(), Some(absolute_end), row.record.clone()),
            None => writes,
        }
    }
}
