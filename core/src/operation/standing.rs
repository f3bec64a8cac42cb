//! What the rows say of a session token: shared by every operation that is given one.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::Fault;
use crate::facts::Facts;
use crate::model::session::{Gone, SessionRecord};
use crate::record::{Key, RecordError, Row};
use crate::time::Timestamp;
use crate::token::opaque::Claim;

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
