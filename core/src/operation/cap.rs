//! Room for one more session of an account, where the policy caps how many there are (ASVS 5.0, 7.1.2).
//!
//! A scan is no precondition, so two logins could both find room for one. They meet in the account's row: each puts
//! it as it was read, and who comes second looks again. Nothing else makes a session. One that is over by its own time
//! is deleted: else a touch, or a proof of the password, that is still on its way would bring it back beside the new one.

use alloc::vec::Vec;

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Writes};
use crate::model::session::{Gone, Holder, WhenFull};
use crate::operation::sessions::sessions_of;
use crate::operation::standing::end;
use crate::planted::Planted;
use crate::record::{Key, Row};
use crate::store::Range;

/// Whether there is room.
pub(super) enum Room {
    /// This must be scanned first.
    Unread(Range),
    /// No. The writes, with those that end what is over anyway.
    Full(Writes),
    /// The writes, with those that make it.
    Made(Writes),
}

impl Room {
    /// For a session beside all of this account but the one that it replaces.
    pub(super) fn of(
        (account, account_row): (AccountId, &Row),
        keyring: &Row,
        replaced: Option<SessionId>,
        mut writes: Writes,
        facts: &Facts,
        cx: &Context<'_>,
    ) -> Result<Self, Fault> {
        let Some(cap) = cx.policy.session_cap() else {
            return Ok(Self::Made(writes));
        };
        let sessions = match sessions_of(account, facts)? {
            Ok(sessions) => sessions,
            Err(range) => return Ok(Self::Unread(range)),
        };
        let mut live = Vec::new();
        for (session, record) in sessions.into_iter().filter(|(session, _)| replaced != Some(*session)) {
            match record.present(Holder::Account(Some(account_row)), keyring, cx.now) {
                Ok(()) => live.push((session, record)),
                Err(Gone::Idle | Gone::Expired) => writes = end(session, Some(account), record, writes, cx),
                // Its epoch is past: nothing brings it back.
                Err(Gone::Ended | Gone::Revoked | Gone::Replaced) => {}
            }
        }
        let most = usize::try_from(cap.most.get()).unwrap_or(usize::MAX);
        let too_many = (live.len() + 1).saturating_sub(most);
        if too_many > 0 && cap.when_full == WhenFull::Refuse {
            return Ok(Self::Full(writes));
        }
        live.sort_by_key(|(session, record)| (record.created, *session));
        for (session, record) in live.into_iter().take(too_many) {
            writes = end(session, Some(account), record, writes, cx);
        }
        if cx.policy.has(Planted::CapRestsOnNothing) {
            return Ok(Self::Made(writes));
        }
        let Row { owner, expires, record, .. } = account_row;
        Ok(Self::Made(writes.put(Key::Account(account), *owner, *expires, record.clone())))
    }
}
