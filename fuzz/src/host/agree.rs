//! Whether a host was told what the machine has decided: every field of its result that the machine's outcome has, and of a
//! refusal the status and the word.

use doorward_core::error::Fault;
use doorward_core::operation::issue::Issued;
use doorward_core::operation::logout::Ended;
use doorward_core::time::Timestamp;
use doorward_core::token::opaque::RefreshToken;
use doorward_ffi::dw_status;
use doorward_ffi_host::Refused;
use serde_json::{Value, json};

use super::said::hex;
use crate::abi::agree::is_refused;
use crate::answer::{Answer, Grant, Life, Seen, Told};

/// Whether both came to the same. `now` is the engine's time.
pub(super) fn agrees(told: &Value, outcome: &Result<Told, Fault>, now: Timestamp) -> bool {
    match (told.get("given"), outcome) {
        (Some(given), Ok(outcome)) => is_given(given, outcome, now),
        (None, Ok(outcome)) => {
            refused(told).is_some_and(|refused| is_refused(&refused, &outcome.answer))
                && is_named(told, &outcome.answer)
        }
        // A day without accidents has no faults.
        (_, Err(_)) => false,
    }
}

/// The refusal that a host has told.
pub(crate) fn refused(told: &Value) -> Option<Refused> {
    let refused = told.get("refused")?;
    let status = refused.get("status").and_then(Value::as_str)?;
    Some(Refused {
        status: *dw_status::ALL.iter().find(|one| format!("{one:?}") == status)?,
        message: String::new(),
        reason: refused.get("reason").and_then(Value::as_str).map(str::to_owned),
        until: refused.get("until").and_then(Value::as_i64).unwrap_or_default(),
        is_transient: false,
    })
}

/// Of a guest's session it is told which it is.
fn is_named(told: &Value, answer: &Answer) -> bool {
    match answer {
        Answer::Anonymous(Some(life)) => told["refused"]["session"] == life.id.to_string(),
        _ => true,
    }
}

fn is_given(given: &Value, told: &Told, now: Timestamp) -> bool {
    let token = told.token.as_deref();
    match &told.answer {
        Answer::Done => given.is_null(),
        Answer::Registered(account) => *given == account.to_string(),
        Answer::LoggedIn(life, _) => {
            given["session_token"].as_str() == token
                && given["device_token"].as_str() == told.device.as_deref()
                && is_life(&given["details"], life, now)
        }
        Answer::Live(life) | Answer::Updated(life) => is_life(given, life, now),
        Answer::Renewed(_) | Answer::Begun(_) => token.is_some() && given.as_str() == token,
        Answer::Listed(ids) => given.as_array().is_some_and(|sessions| {
            let told = sessions.iter().map(|session| session["session_id"].as_str().map(str::to_owned));
            told.eq(ids.iter().map(|id| Some(id.to_string())))
        }),
        Answer::Ended(ended) => {
            let is_new = Value::from(*ended == Ended::Ended);
            // A receipt, or the bare word of a revocation.
            *given == is_new || given.get("ended") == Some(&is_new)
        }
        Answer::Kept(life, data) => given["data"] == hex(data) && is_life(&given["session"], life, now),
        Answer::Issued(grant) => {
            told.issued.as_ref().is_some_and(|issued| are_tokens(given, issued, grant, now))
        }
        Answer::Verified(seen) => is_seen(given, seen),
        Answer::Active((scope, client, ends)) => {
            // A member that has nothing to say is left out.
            let text = |name: &str| given[name].as_str().unwrap_or_default();
            given["active"] == true
                && (text("scope"), text("client_id"), given["exp"].as_i64().unwrap_or_default())
                    == (&**scope, &**client, *ends)
        }
        Answer::Inactive => *given == json!({ "active": false }),
        Answer::Published(names) => given["keys"]["keys"].as_array().is_some_and(|keys| {
            keys.iter().map(|key| key["kid"].as_str()).eq(names.iter().map(|name| Some(&**name)))
        }),
        Answer::Rotated(is_new, from) => {
            has(given, &json!({ "is_new": is_new, "active_from": from.as_millis() }))
        }
        _ => false,
    }
}

/// Whether each of these members is one of its members.
fn has(given: &Value, members: &Value) -> bool {
    let members = members.as_object().into_iter().flatten();
    given.is_object() && members.into_iter().all(|(name, value)| given.get(name) == Some(value))
}

fn is_life(given: &Value, life: &Life, now: Timestamp) -> bool {
    let account = life.account.map(|account| account.to_string());
    let members = json!({
        "session_id": life.id.to_string(),
        "auth_time": account.as_ref().map(|_| life.auth_time.as_millis()),
        "account": account,
        "created": life.created.as_millis(),
        "idle_ends": life.idle_ends.as_millis(),
        "absolute_ends": life.absolute_ends.as_millis(),
        "seen_at": now.as_millis(),
        "label": Value::Null,
    });
    has(given, &members)
}

fn are_tokens(given: &Value, issued: &Issued, grant: &Grant, now: Timestamp) -> bool {
    let left = (issued.expires.as_millis() - now.as_millis()).max(0) / 1000;
    let members = json!({
        "access": issued.access.expose(),
        "refresh": issued.refresh.as_ref().map(RefreshToken::expose),
        "token_id": issued.token.to_string(),
        "expires": issued.expires.as_millis(),
        "expires_in": left,
        "scope": words(&grant.scope),
        "account": grant.account.to_string(),
        "session": grant.session.to_string(),
    });
    has(given, &members)
}

fn is_seen(given: &Value, seen: &Seen) -> bool {
    let members = json!({
        "jti": seen.token.to_string(),
        "sub": seen.account.to_string(),
        "sid": seen.session.to_string(),
        "client_id": seen.client,
        "aud": seen.audience,
        "scope": seen.scope,
        "exp": seen.ends.as_millis() / 1000,
    });
    has(given, &members)
}

fn words(scope: &str) -> Vec<&str> {
    scope.split_whitespace().collect()
}
