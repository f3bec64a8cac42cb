//! What the rows say of a session token: shared by every operation that is given one.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decision, Writes};
use crate::model::session::{Gone, SessionRecord};
use crate::operation::authenticate::{AuthenticateError, Session};
use crate::operation::guess::Guess;
use crate::operation::rotate_session::Renewed;
use crate::planted::Planted;
use crate::record::{Key, RecordError, Row};
use crate::store::Ending;
use crate::time::Timestamp;
use crate::token::opaque::{self, Claim, TokenError};

/// The rows that a session's life depends on.
pub(super) fn keys_of(session: SessionId, account: AccountId) -> [Key; 3] {
    [Key::Session(session), Key::Account(account), Key::Keyring]
}

/// A guess at an account's password by somebody who is inside one of its sessions.
pub(super) fn account_guess(account: AccountId, facts: &Facts) -> Result<Guess, Fault> {
    let keyring = facts.rows([&Key::Keyring]).and_then(|[row]| row).ok_or(RecordError::NoKeyring)?;
    Ok(Guess::new(Key::Throttle(keyring.keyring()?.account_hash(account)), account, Some(account)))
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
        let Some(account) = claim.account else {
            return Ok(Self::Absent);
        };
        let (session, account_key) = (Key::Session(claim.session), Key::Account(account));
        let Some([row, account_row, keyring]) = facts.rows([&session, &account_key, &Key::Keyring]) else {
            return Ok(Self::Unread(vec![session, account_key, Key::Keyring]));
        };
        let keyring = keyring.ok_or(RecordError::NoKeyring)?;
        let Some(row) = row else {
            return Ok(Self::Absent);
        };
        let record = row.session()?;
        // The proof comes first: nothing that follows may be told to who did not receive the token.
        if !claim.proven_by(&record.salt) || row.owner != Some(account) {
            return Ok(Self::Forged);
        }
        let life = record.present(account_row, keyring, now).and(match claim.generation {
            generation if generation == record.generation => Ok(()),
            generation if generation < record.generation => Err(Gone::Replaced),
            // Only a store that was set back knows less than a token that it issued.
            _ => Err(Gone::Ended),
        });
        Ok(Self::Proven { row, record, life })
    }
}

/// A live session, or what to do or say instead: the beginning of every operation that is given a token.
pub(super) enum Entrance<'a> {
    Read(Vec<Key>),
    Refused(Refusal),
    Live(Live<'a>),
}

/// A session whose token was proven and which is live now.
pub(super) struct Live<'a> {
    pub(super) id: SessionId,
    pub(super) account: AccountId,
    pub(super) record: &'a SessionRecord,
}

impl<'a> Entrance<'a> {
    pub(super) fn of(token: &str, facts: &'a Facts, cx: &Context<'_>) -> Result<Self, Fault> {
        let claim = match Claim::parse(token, cx.keys) {
            Ok(claim) => claim,
            Err(error) => return Ok(Self::refused(error)),
        };
        let standing = Standing::of(&claim, facts, cx.now)?;
        #[cfg(feature = "planted")]
        if let Some(live) = Live::planted(&standing, &claim, facts, cx) {
            return Ok(Self::Live(live));
        }
        Ok(match (standing, claim.account) {
            (Standing::Unread(keys), _) => Self::Read(keys),
            (Standing::Forged, _) => Self::refused(TokenError::Forged),
            // Once seen over, for good: a touch that is still on its way must not find the row.
            (Standing::Proven { life: Err(gone @ (Gone::Idle | Gone::Expired)), record, .. }, _) => {
                let ending = Ending::Session { session: claim.session, until: record.latest_end(cx.now) };
                let writes = Writes::new().delete(Key::Session(claim.session)).journal(ending);
                let writes = (!cx.policy.has(Planted::OverIsLeft)).then_some(writes);
                Self::Refused(Refusal { error: gone.into(), writes })
            }
            (Standing::Proven { life: Err(gone), .. }, _) => Self::refused(gone),
            (Standing::Proven { record, life: Ok(()), .. }, Some(account)) => {
                Self::Live(Live { id: claim.session, account, record })
            }
            (Standing::Absent | Standing::Proven { .. }, _) => Self::refused(Gone::Ended),
        })
    }

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
        let outcome = Err(self.error.into());
        match self.writes {
            Some(writes) => Decision::Commit(writes, outcome),
            None => Decision::Done(outcome),
        }
    }
}

#[cfg(feature = "planted")]
impl<'a> Live<'a> {
    /// What a planted bug takes for live.
    fn planted(
        standing: &Standing<'a>,
        claim: &Claim<'_>,
        facts: &'a Facts,
        cx: &Context<'_>,
    ) -> Option<Self> {
        let (bug, record) = match standing {
            Standing::Forged => {
                let [row] = facts.rows([&Key::Session(claim.session)])?;
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
        let account = claim.account.filter(|_| cx.policy.has(bug))?;
        Some(Self { id: claim.session, account, record })
    }
}

impl Live<'_> {
    /// The session goes on as `record`, under a token of its generation.
    pub(super) fn renew(&self, record: SessionRecord, writes: Writes, cx: &Context<'_>) -> (Writes, Renewed) {
        let owner = Some(self.account);
        let token = opaque::mint(cx.keys, owner, self.id, record.generation, &record.salt);
        let session = Session::of(self.id, self.account, &record, cx.now);
        let writes = writes.put(Key::Session(self.id), owner, Some(record.idle_end()), record);
        (writes, Renewed { token, session })
    }
}
