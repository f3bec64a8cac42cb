//! Whether C was told what the machine has decided: every field of the result, and of a refusal the status and the word.

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::id::SessionId;
use doorward_core::model::session::Gone;
use doorward_core::operation::issue::Issued;
use doorward_core::operation::logout::Ended;
use doorward_core::time::Timestamp;
use doorward_core::token::opaque::RefreshToken;
use doorward_ffi::dw_status::{
    self, DW_ANONYMOUS, DW_BUSY, DW_CLIENT, DW_CLOCK, DW_CONFLICT, DW_CONTENDED, DW_CORRUPT, DW_DENIED,
    DW_GONE, DW_LIFETIME, DW_MUST_CHANGE, DW_NOT_FOUND, DW_OTHER_ACCOUNT, DW_PANIC, DW_PASSWORD, DW_REUSED,
    DW_SCOPE, DW_STORE_FATAL, DW_STORE_RETRYABLE, DW_TAKEN, DW_THROTTLED, DW_TOKEN, DW_TOKEN_INVALID,
    DW_TOO_LARGE, DW_TOO_MANY_SESSIONS, DW_UNKNOWN_KEY, DW_UNRESOLVED,
};
use doorward_ffi_host::{Called, Given, Refused, Renewed, Session};
use serde_json::Value;

use crate::answer::{Answer, Flaw, Life, Members, Seen, Told};

/// Whether both came to the same.
pub(super) fn agrees(called: &Called<Given>, outcome: &Result<Told, Fault>) -> bool {
    match (called, outcome) {
        (Ok(given), Ok(told)) => is_given(given, told),
        (Err(refused), Ok(told)) => is_refused(refused, &told.answer),
        (Err(refused), Err(fault)) => refused.status == status_of(fault),
        (Ok(_), Err(_)) => false,
    }
}

fn is_given(given: &Given, told: &Told) -> bool {
    let token = told.token.as_deref();
    match (given, &told.answer) {
        (Given::Nothing | Given::Everywhere { kept: None }, Answer::Done) => true,
        (Given::Account(id), Answer::Registered(account)) => id == account.as_bytes(),
        (Given::Login { token: minted, session, device_token }, Answer::LoggedIn(life, _)) => {
            token == Some(&**minted) && is_life(session, life) && *device_token == told.device
        }
        (Given::Session(session), Answer::Live(life) | Answer::Updated(life)) => is_life(session, life),
        (
            Given::Renewed(renewed) | Given::Everywhere { kept: Some(renewed) },
            Answer::Renewed(life) | Answer::Begun(life),
        ) => {
            let Renewed { token: minted, session } = renewed;
            token == Some(&**minted) && is_life(session, life)
        }
        (Given::Sessions(sessions), Answer::Listed(ids)) => {
            sessions.iter().map(|session| &session.id).eq(ids.iter().map(SessionId::as_bytes))
        }
        (Given::Receipt { was_over: over, .. } | Given::Revoked(over), Answer::Ended(ended)) => {
            *over == (*ended == Ended::AlreadyGone)
        }
        (Given::Data { session, data }, Answer::Kept(life, kept)) => is_life(session, life) && data == kept,
        (Given::Tokens { .. }, Answer::Issued(_)) => {
            told.issued.as_ref().is_some_and(|issued| *given == tokens(issued))
        }
        (Given::Access { .. }, Answer::Verified(seen)) => is_seen(given, seen),
        (Given::Text(json), Answer::Active(members)) => is_active(json, members),
        (Given::Text(json), Answer::Inactive) => json == "{\"active\":false}",
        (Given::Keys { json, .. }, Answer::Published(names)) => are_published(json, names),
        (Given::Rotated { is_new, active_from }, Answer::Rotated(new, from)) => {
            (*is_new, *active_from) == (*new, from.as_millis())
        }
        _ => false,
    }
}

fn is_life(session: &Session, life: &Life) -> bool {
    let nobody = [0; 16];
    let auth_time = life.account.map_or(0, |_| life.auth_time.as_millis());
    session.id == *life.id.as_bytes()
        && session.account == life.account.map_or(nobody, |account| *account.as_bytes())
        && session.is_anonymous == life.account.is_none()
        && [session.created, session.auth_time, session.idle_ends, session.absolute_ends]
            == [
                life.created.as_millis(),
                auth_time,
                life.idle_ends.as_millis(),
                life.absolute_ends.as_millis(),
            ]
}

fn tokens(issued: &Issued) -> Given {
    Given::Tokens {
        access: issued.access.expose().to_owned(),
        refresh: issued.refresh.as_ref().map(RefreshToken::expose).map(str::to_owned),
        token: *issued.token.as_bytes(),
        expires: issued.expires.as_millis(),
        scope: issued.scope.as_str().to_owned(),
        account: *issued.account.as_bytes(),
        session: *issued.session.as_bytes(),
    }
}

fn is_seen(given: &Given, seen: &Seen) -> bool {
    let Given::Access { account, session, token, client, audience, scope, expires, .. } = given else {
        return false;
    };
    (account, session, token) == (seen.account.as_bytes(), seen.session.as_bytes(), seen.token.as_bytes())
        && (client, scope, *expires) == (&seen.client, &seen.scope, seen.ends.as_millis())
        && serde_json::from_str::<Vec<String>>(audience).is_ok_and(|audience| audience == seen.audience)
}

fn is_active(json: &str, (scope, client, ends): &Members) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(json) else { return false };
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let told = value.get("exp").map_or(0, |ends| ends.as_i64().unwrap_or_default());
    value.get("active") == Some(&Value::Bool(true))
        && (text("scope"), text("client_id"), told) == (&**scope, &**client, *ends)
}

fn are_published(json: &str, names: &[String]) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(json) else { return false };
    let keys = value.get("keys").and_then(Value::as_array);
    let told = keys.into_iter().flatten().map(|key| key.get("kid").and_then(Value::as_str));
    told.eq(names.iter().map(|name| Some(&**name)))
}

/// Whether this is the refusal's status, and its word.
pub(crate) fn is_refused(refused: &Refused, answer: &Answer) -> bool {
    let reason = refused.reason.as_deref().unwrap_or_default();
    match (refused.status, answer) {
        (DW_TAKEN, Answer::Taken)
        | (DW_DENIED, Answer::Denied)
        | (DW_OTHER_ACCOUNT, Answer::OtherAccount)
        | (DW_TOO_MANY_SESSIONS, Answer::TooManySessions)
        | (DW_MUST_CHANGE, Answer::MustChange)
        | (DW_TOKEN | DW_UNKNOWN_KEY, Answer::BadToken)
        | (DW_ANONYMOUS, Answer::Anonymous(_))
        | (DW_NOT_FOUND, Answer::NotFound)
        | (DW_TOO_LARGE, Answer::TooMuch(_))
        | (DW_LIFETIME, Answer::TooLong(_))
        | (DW_SCOPE, Answer::TooWide)
        | (DW_CLIENT, Answer::OtherClient)
        | (DW_CONFLICT, Answer::Conflict)
        | (DW_REUSED, Answer::Reused)
        | (DW_CLOCK, Answer::Behind) => true,
        (DW_PASSWORD, Answer::MustChange) => reason == "compromised",
        (DW_THROTTLED, Answer::Throttled(until)) => Timestamp::from_millis(refused.until) == *until,
        (DW_GONE | DW_TOKEN_INVALID, Answer::Gone(gone)) => reason == word(*gone),
        (DW_TOKEN_INVALID, Answer::BadToken) => reason == "token",
        (DW_TOKEN_INVALID, Answer::Unfit(flaw)) => match flaw {
            Flaw::Key => reason == "unknown_key",
            Flaw::Expired => reason == "expired",
            Flaw::Audience => reason == "audience",
            Flaw::Forged => !["unknown_key", "expired", "audience"].contains(&reason),
        },
        _ => false,
    }
}

fn word(gone: Gone) -> String {
    format!("{gone:?}").to_lowercase()
}

fn status_of(fault: &Fault) -> dw_status {
    match fault {
        Fault::Store(error) => match error.kind() {
            StoreErrorKind::Retryable => DW_STORE_RETRYABLE,
            StoreErrorKind::Unknown | StoreErrorKind::Fatal => DW_STORE_FATAL,
            StoreErrorKind::Corrupt => DW_CORRUPT,
        },
        Fault::Contended => DW_CONTENDED,
        Fault::Unresolved => DW_UNRESOLVED,
        Fault::Busy => DW_BUSY,
        // The model excuses none of the others.
        _ => DW_PANIC,
    }
}
