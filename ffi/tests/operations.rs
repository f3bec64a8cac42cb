//! The header has every operation of the engine, in one call and step by step, and nothing else but what is listed here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests
#![allow(dead_code, reason = "the support is that of another crate's tests")]

#[path = "../../backends/tests/support/operations.rs"]
mod operations;

use std::collections::{BTreeMap, BTreeSet};

use operations::engine_methods;

const HEADER: &str = include_str!("../include/doorward.h");

/// What is in the header and no operation.
const OTHERS: &[&str] = &[
    // The configuration.
    "dw_config_entropy",
    "dw_config_events",
    "dw_config_free",
    "dw_config_hashing",
    "dw_config_key_file",
    "dw_config_maintain_every",
    "dw_config_manual_clock",
    "dw_config_master_key",
    "dw_config_new",
    "dw_config_pepper",
    "dw_config_policy",
    "dw_config_remember_tokens",
    "dw_config_signing_jwk",
    "dw_config_signing_pem",
    "dw_config_signing_secret",
    "dw_config_store",
    "dw_config_trust_clock",
    // What is open.
    "dw_context_event",
    "dw_context_events_lost",
    "dw_context_free",
    "dw_context_now",
    "dw_context_policy",
    "dw_context_remembered_tokens",
    "dw_context_set_time",
    "dw_engine_backup",
    "dw_engine_event",
    "dw_engine_events_lost",
    "dw_engine_free",
    "dw_engine_now",
    "dw_engine_open",
    "dw_engine_policy",
    "dw_engine_remembered_tokens",
    "dw_engine_set_time",
    "dw_open_handles",
    // Ids, statuses, the version.
    "dw_id_parse",
    "dw_id_text",
    "dw_status_http",
    "dw_status_name",
    "dw_version",
    // What is asked of a result that is there.
    "dw_session_is_fresh",
    // For web hosts.
    "dw_bearer",
    "dw_check_request",
    "dw_cookie_clear",
    "dw_cookie_read",
    "dw_cookie_set",
    "dw_is_logout_token",
    "dw_logout_token",
    "dw_return_target",
    // Step by step.
    "dw_op_free",
    "dw_op_open",
    "dw_op_poll",
    "dw_op_reply_busy",
    "dw_op_reply_changes",
    "dw_op_reply_commit",
    "dw_op_reply_failed",
    "dw_op_reply_page",
    "dw_op_reply_purged",
    "dw_op_reply_rows",
    "dw_op_take",
    "dw_op_take_context",
    "dw_work_run",
];

/// The result that each operation's outcome is taken as.
const TAKES: [(&str, &[&str]); 17] = [
    (
        "dw_op_take",
        &[
            "after_restore",
            "delete_account",
            "disable",
            "enable",
            "mark_compromised",
            "rename",
            "revoke_all_tokens",
            "set_password",
            "unlock",
        ],
    ),
    ("dw_op_take_access", &["verify"]),
    ("dw_op_take_account", &["register"]),
    ("dw_op_take_data", &["session_data"]),
    ("dw_op_take_ended_everywhere", &["logout_everywhere"]),
    ("dw_op_take_jwks", &["jwks"]),
    ("dw_op_take_login", &["login"]),
    ("dw_op_take_maintained", &["maintain"]),
    ("dw_op_take_purged", &["purge"]),
    ("dw_op_take_receipt", &["end_session", "logout"]),
    ("dw_op_take_renewed", &["change_password", "open_session", "reauthenticate", "rotate_session"]),
    ("dw_op_take_revoked", &["revoke_token"]),
    ("dw_op_take_rotated", &["rotate_keys"]),
    ("dw_op_take_session", &["authenticate", "update_session_data"]),
    ("dw_op_take_session_list", &["sessions"]),
    ("dw_op_take_string", &["introspect"]),
    ("dw_op_take_tokens", &["issue", "refresh"]),
];

/// A function of the header.
struct Function {
    /// The comment above it, in one line.
    comment: String,
    /// What it is given, in one line.
    given: String,
}

fn functions() -> BTreeMap<&'static str, Function> {
    let mut functions = BTreeMap::new();
    let declared = HEADER.split_once("extern \"C\" {").unwrap().1;
    for part in declared.split("/* ").skip(1) {
        let Some((comment, declaration)) = part.split_once("*/\n") else { continue };
        let Some((head, rest)) = declaration.split_once('(') else { continue };
        let Some(at) = head.find("dw_").map(|_| head.rfind([' ', '*']).map_or(0, |space| space + 1)) else {
            continue;
        };
        let one_line =
            |text: &str| text.split_whitespace().filter(|word| *word != "*").collect::<Vec<_>>().join(" ");
        let given = one_line(rest.split_once(");").unwrap().0);
        let known = functions.insert(&head[at..], Function { comment: one_line(comment), given });
        assert!(known.is_none(), "{head} is declared twice");
    }
    functions
}

/// Which operation each function is: `dw_login` and `dw_op_login` are `login`.
fn operation(function: &str) -> &str {
    let bare = function.strip_prefix("dw_").unwrap();
    bare.strip_prefix("op_").unwrap_or(bare)
}

#[test]
fn every_method_of_the_engine_is_there_in_one_call_and_in_steps() {
    let (functions, methods) = (functions(), engine_methods());
    assert!(methods.len() > 30, "{methods:?}");
    for form in ["dw_", "dw_op_"] {
        let missing: Vec<_> =
            methods.iter().filter(|method| !functions.contains_key(&*format!("{form}{method}"))).collect();
        assert!(missing.is_empty(), "no {form} function for {missing:?}");
    }
}

#[test]
fn nothing_is_there_without_a_method_but_what_is_listed() {
    let (functions, methods) = (functions(), engine_methods());
    let takes: BTreeSet<&str> = TAKES.iter().map(|(take, _)| *take).collect();
    let is_free = |name: &str| name.ends_with("_free");
    let unknown: Vec<_> = functions
        .keys()
        .filter(|name| !methods.contains(operation(name)))
        .filter(|name| !OTHERS.contains(name) && !takes.contains(**name) && !is_free(name))
        .collect();
    assert!(unknown.is_empty(), "neither an operation nor listed: {unknown:?}");
    let gone: Vec<_> = OTHERS.iter().filter(|name| !functions.contains_key(**name)).collect();
    assert!(gone.is_empty(), "listed, and not there: {gone:?}");
}

/// Each result of a call has a function that frees it, and each such function has its result.
#[test]
fn every_result_is_freed_by_the_function_of_its_name() {
    let functions = functions();
    let given = functions.values().flat_map(|function| function.given.split(", "));
    let given: BTreeSet<String> = given
        .filter_map(|one| {
            one.strip_suffix("**out")
                .or_else(|| one.strip_suffix("**op"))
                .or_else(|| one.strip_suffix("**error"))
        })
        .map(|kind| format!("{}_free", kind.trim()))
        .collect();
    let frees: BTreeSet<String> =
        functions.keys().filter(|name| name.ends_with("_free")).map(|name| (*name).to_owned()).collect();
    assert_eq!(given, frees);
}

/// The comment of each beginning names the function that takes its outcome, and that one's names it. That they do take it,
/// `same` shows.
#[test]
fn each_beginning_and_its_taking_name_each_other() {
    let functions = functions();
    let mut named = BTreeSet::new();
    for (take, operations) in TAKES {
        for operation in operations {
            let begin = format!("dw_op_{operation}");
            let expected = format!("Begins `dw_{operation}` at a context; its outcome is for `{take}`.");
            assert_eq!(functions[&*begin].comment, expected);
            let comment = &functions[take].comment;
            let is_named = comment.contains(&format!("`{begin}`"));
            assert!(is_named || take == "dw_op_take", "{take} does not name {begin}: {comment}");
            named.insert(*operation);
        }
    }
    assert_eq!(named, engine_methods());
}

/// What a beginning is given is what the call is given, with a context for the engine and an operation for the result.
#[test]
fn a_beginning_is_given_what_its_call_is_given() {
    let functions = functions();
    for method in engine_methods() {
        let without_out = |name: &str, receiver: &str| -> Vec<String> {
            let given = functions[name].given.split(", ");
            given
                .filter(|one| !one.ends_with("*out") && !one.ends_with("**op") && *one != receiver)
                .map(str::to_owned)
                .collect()
        };
        let call = without_out(&format!("dw_{method}"), "const dw_engine *engine");
        let begin = without_out(&format!("dw_op_{method}"), "const dw_context *context");
        assert_eq!(call, begin, "{method}");
    }
}
