//! What C answers to each refusal, by the word that the audit trail has for it.

use doorward_ffi::dw_status::{self, *};

use crate::support::story::{JWT_RULES, refusals};

/// The status for an operation that was refused with this word.
pub(crate) fn status(operation: &str, word: &str) -> Option<dw_status> {
    Some(match (operation, word) {
        // What is told of tokens that an API is shown, RFC 6750 has one word for.
        ("verify" | "refresh", "gone") | ("refresh", "token") => DW_TOKEN_INVALID,
        ("verify", word) if JWT_RULES.contains(&word) => DW_TOKEN_INVALID,
        ("verify", "stale") => DW_STALE,
        ("revoke_token", "too many") | ("rotate_keys", "full") => DW_FULL,
        (_, "anonymous") => DW_ANONYMOUS,
        (_, "claims") => DW_CLAIMS,
        (_, "client") => DW_CLIENT,
        (_, "conflict") => DW_CONFLICT,
        (_, "denied") => DW_DENIED,
        (_, "gone") => DW_GONE,
        (_, "lifetime") => DW_LIFETIME,
        (_, "must change") => DW_MUST_CHANGE,
        (_, "name") => DW_NAME,
        (_, "no key") => DW_NO_KEY,
        (_, "not found" | "no account") => DW_NOT_FOUND,
        (_, "other account") => DW_OTHER_ACCOUNT,
        (_, "password" | "new password" | "compromised") => DW_PASSWORD,
        (_, "reused") => DW_REUSED,
        (_, "scope") => DW_SCOPE,
        (_, "taken") => DW_TAKEN,
        (_, "term") => DW_TERM,
        (_, "throttled") => DW_THROTTLED,
        (_, "token") => DW_TOKEN,
        (_, "too large") => DW_TOO_LARGE,
        (_, "too many sessions") => DW_TOO_MANY_SESSIONS,
        (_, "unknown key") => DW_UNKNOWN_KEY,
        (_, _) => return None,
    })
}

#[test]
fn every_refusal_has_a_status() {
    // A rehash is no call of its own.
    let called = refusals().filter(|(operation, _)| *operation != "rehash");
    let without: Vec<_> = called.filter(|(operation, word)| status(operation, word).is_none()).collect();
    assert!(without.is_empty(), "no status for {without:?}");
}
