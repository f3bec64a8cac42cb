//! What clients find after a kill: their tokens open what they should, and nothing else.

use std::collections::BTreeSet;

use doorward::{AuthenticateError, Engine};
use doorward_core::error::StoreError;
use doorward_core::id::{AccountId, SessionId};

use super::hall::Hall;
use super::judge;
use super::town::{Session, Town};

/// Tries every live token, and the latest of the dead ones. Says how many.
pub(super) fn try_all(engine: &Engine, towns: &[Town]) -> Result<u64, String> {
    let mut tried = 0;
    for town in towns {
        for (id, account) in &town.accounts {
            for (session, state) in &account.sessions {
                tried += try_live(engine, *session, Some(*id), state)?;
            }
            let listed = engine.sessions(*id).map_err(|fault| fault.to_string())?;
            let listed: BTreeSet<SessionId> = listed.into_iter().map(|session| session.id).collect();
            if !listed.iter().eq(account.sessions.keys()) {
                return Err(format!(
                    "account {id} lists {listed:?} instead of {:?}",
                    account.sessions.keys()
                ));
            }
        }
        for (session, (state, _)) in &town.guests {
            tried += try_live(engine, *session, None, state)?;
        }
        for token in town.dead.iter().rev().take(DEAD) {
            match engine.session_data(token) {
                Err(AuthenticateError::Gone(_)) => tried += 1,
                other => return Err(format!("a token that was ended or replaced is answered {other:?}")),
            }
        }
    }
    Ok(tried)
}

/// How many dead tokens of each thread are tried after each kill.
const DEAD: usize = 300;

fn try_live(
    engine: &Engine,
    id: SessionId,
    account: Option<AccountId>,
    session: &Session,
) -> Result<u64, String> {
    let Some(token) = &session.token else { return Ok(0) };
    let kept = engine.session_data(token).map_err(|error| format!("session {id} is refused: {error}"))?;
    let told = (kept.visitor.id(), kept.visitor.account(), kept.data.as_slice());
    if told == (id, account, session.data.as_bytes()) {
        Ok(1)
    } else {
        Err(format!("session {id} of {account:?} is answered {told:?}"))
    }
}

/// INVARIANT 27: deletions that were interrupted are taken up, and leave nothing.
pub(super) fn finish_deletions(hall: &Hall, towns: &[Town]) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    let is_left = |owner: Option<AccountId>| {
        owner.is_some_and(|owner| towns.iter().any(|town| town.gone.contains(&owner)))
    };
    let rows = judge::rows_of(&*hall.store).map_err(told)?;
    if !rows.values().any(|row| is_left(row.owner)) {
        return Ok(());
    }
    hall.engine.maintain().map_err(|fault| fault.to_string())?;
    match judge::rows_of(&*hall.store).map_err(told)?.iter().find(|(_, row)| is_left(row.owner)) {
        Some((key, _)) => Err(format!("{key:?} of a deleted account is left after maintenance")),
        None => Ok(()),
    }
}
