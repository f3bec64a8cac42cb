//! What no policy says.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use serde_json::{Value, json};

use super::keys::said;
use super::{refusal, saying};
use crate::password::ParamsError;
use crate::policy::{Policy, PolicyError, PolicyTextError};
use crate::token::terms::TermError;

/// Every object that a policy may have in it; the whole one first.
const OBJECTS: [&str; 16] = [
    "",
    "password",
    "argon2",
    "throttle",
    "sources",
    "sources.guesses",
    "sources.registrations",
    "devices",
    "session_cap",
    "sessions",
    "sessions.web",
    "sessions.remembered",
    "sessions.device",
    "sessions.anonymous",
    "data",
    "tokens.revocation",
];

fn within(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

#[test]
fn a_typo_is_refused_wherever_it_is_and_told_what_there_is() {
    for path in OBJECTS.into_iter().chain(["tokens"]) {
        for typo in ["maxx", "Min", "", "min "] {
            let error = refusal(&saying(path, &json!({ typo: 1 })));
            let PolicyTextError::Unknown { key, keys } = &error else { panic!("{path}: {error:?}") };
            assert_eq!(*key, within(path, typo));
            assert!(keys.len() > 1 && error.to_string().contains(keys[1]), "{error}");
        }
    }
    assert_eq!(
        refusal(r#"{"data":{"anonymous":1,"loged_in":2}}"#).to_string(),
        r#""data.loged_in" is no key of a policy; there are logged_in, anonymous"#
    );
}

#[test]
fn a_typo_is_repeated_on_one_line_and_not_at_any_length() {
    let long = format!("{{\"a\\n\\u202e\\\"{}\":1}}", "x".repeat(60_000));
    let sentence = refusal(&long).to_string();
    assert!(sentence.starts_with("\"a\\n\\u{202e}\\\"xxx") && sentence.len() < 400, "{sentence}");
    assert!(sentence.contains("x…\" is no key") && !sentence.contains(['\n', '\u{202e}']), "{sentence}");
}

#[test]
fn a_key_is_said_once() {
    for path in said(&Policy::default()).keys() {
        let (outer, key) = path.rsplit_once('.').unwrap_or(("", path));
        let value = &said(&Policy::default())[path];
        let twice = format!("{{\"{key}\":{value},\"\\u{:04x}{}\":{value}}}", key.as_bytes()[0], &key[1..]);
        let text = saying(outer, &json!("HERE")).replace("\"HERE\"", &twice);
        assert_eq!(refusal(&text), PolicyTextError::Duplicate { key: path.clone() }, "{text}");
    }
    for path in ["tokens", "sessions", "password"] {
        let text = format!(r#"{{"{path}":{{}},"{path}":{{}}}}"#);
        assert_eq!(refusal(&text).to_string(), format!("{path} is there twice: say it once"));
    }
    let cap = r#"{"session_cap":{"most":1,"when_full":"refuse","most":1}}"#;
    assert_eq!(refusal(cap), PolicyTextError::Duplicate { key: "session_cap.most".into() });
}

/// Values of every type, of which each key takes those of one.
const VALUES: [&str; 17] = [
    "null",
    "true",
    "\"\"",
    "\"canary\"",
    "[]",
    "[1]",
    "[\"canary\",null]",
    "{}",
    "{\"canary\":1,\"canary\":1}",
    "1.0",
    "0.5",
    "1e3",
    "-0",
    "-1",
    "9007199254740992",
    "18446744073709551616",
    "-9223372036854775809",
];

#[test]
fn a_value_of_another_type_is_refused_by_the_name_of_its_key() {
    for (path, default) in said(&Policy::default()) {
        for text in VALUES {
            let fits = match (&default, text) {
                (Value::Bool(_), "true") | (Value::Array(_), "[]") => true,
                (Value::String(_), "\"canary\"" | "\"\"") => path == "tokens.issuer",
                _ => matches!(
                    (path.as_str(), text),
                    ("session_cap", "null" | "{}" | "{\"canary\":1,\"canary\":1}")
                        | ("tokens.revocation", "{}" | "{\"canary\":1,\"canary\":1}")
                ),
            };
            let whole = saying(&path, &json!("HERE")).replace("\"HERE\"", text);
            match Policy::from_json(&whole) {
                Err(PolicyTextError::Value { key, .. }) if !fits => assert_eq!(key, path),
                other if fits => assert!(!matches!(other, Err(PolicyTextError::Value { .. })), "{whole}"),
                other => panic!("{whole}: {other:?}"),
            }
        }
    }
    for path in OBJECTS.into_iter().chain(["tokens"]).filter(|path| !path.is_empty()) {
        for text in VALUES.into_iter().filter(|text| !text.starts_with('{')) {
            if (path, text) == ("session_cap", "null") {
                continue;
            }
            let error = refusal(&saying(path, &json!("HERE")).replace("\"HERE\"", text));
            assert_eq!(error, PolicyTextError::Value { key: path.into(), expected: "an object" });
        }
    }
    assert_eq!(refusal("[]").to_string(), "a policy must be an object");
    assert_eq!(refusal("null").to_string(), "a policy must be an object");
}

#[test]
fn an_error_repeats_no_value() {
    for path in said(&Policy::default()).keys() {
        for text in VALUES.into_iter().chain(["\"canary \\u0000\"", "\"canary", "{\"mode\":\"canary\"}"]) {
            let whole = saying(path, &json!("HERE")).replace("\"HERE\"", text);
            if let Err(error) = Policy::from_json(&whole)
                && !matches!(error, PolicyTextError::Unknown { .. })
            {
                assert!(!format!("{error} {error:?}").contains("canary"), "{whole}: {error:?}");
            }
        }
    }
}

#[test]
fn numbers_end_where_their_types_do() {
    let read =
        |path: &str, number: &str| Policy::from_json(&saying(path, &json!("N")).replace("\"N\"", number));
    for (path, most, more) in [
        ("throttle.forget_after_ms", "9007199254740991", "9007199254740992"),
        ("password.max", "9007199254740991", "9007199254740992"),
        ("sources.guesses.size", "4294967295", "4294967296"),
    ] {
        assert!(read(path, most).is_ok(), "{path}");
        let error = read(path, more).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{path} must be a whole number")), "{error}");
        assert!(error.to_string().contains(most), "{error}");
    }
}

#[test]
fn what_the_rules_of_the_policy_refuse_is_refused_here() {
    let passes = PolicyTextError::Argon2 { key: "argon2.passes".into(), source: ParamsError::Passes };
    let memory = PolicyTextError::Argon2 { key: "argon2.memory_kib".into(), source: ParamsError::Memory };
    let lanes = PolicyTextError::Argon2 { key: "argon2.lanes".into(), source: ParamsError::Lanes };
    let issuer = PolicyTextError::Audience { key: "tokens.issuer".into(), source: TermError::Audience };
    for (text, expected) in [
        (r#"{"argon2":{"passes":0}}"#, passes),
        (r#"{"argon2":{"memory_kib":12287}}"#, memory),
        (r#"{"argon2":{"lanes":5}}"#, lanes),
        (r#"{"tokens":{"issuer":"two words"}}"#, issuer),
        (r#"{"sessions":{"device":{"idle_ms":999}}}"#, PolicyError::Session.into()),
        (r#"{"touch_every_ms":1800001}"#, PolicyError::Touch.into()),
        (r#"{"data":{"anonymous":65537}}"#, PolicyError::Data.into()),
        (r#"{"tokens":{"lifetime_ms":1500}}"#, PolicyError::Tokens.into()),
        (r#"{"throttle":{"free":0}}"#, PolicyError::Guesses.into()),
        (r#"{"throttle":{"first_wait_ms":0}}"#, PolicyError::Wait.into()),
        (r#"{"sources":{"registrations":{"size":0}}}"#, PolicyError::Bucket.into()),
        (r#"{"sources":{"most_sources":0}}"#, PolicyError::Sources.into()),
        (r#"{"devices":{"tries":100}}"#, PolicyError::Devices.into()),
        (r#"{"max_skew_ms":60001}"#, PolicyError::Skew.into()),
        (r#"{"max_clock_jump_ms":1}"#, PolicyError::Clock.into()),
        (r#"{"password":{"min":7}}"#, PolicyError::Password.into()),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
    let rs256 = refusal(r#"{"tokens":{"algorithm":"RS256"}}"#).to_string();
    assert_eq!(rs256, "tokens.algorithm must be \"EdDSA\", \"ES256\" or \"HS256\"");
}

#[test]
fn what_is_no_json_is_shown_by_line_and_column() {
    for (text, line, column) in [
        ("", 1, 1),
        ("\u{feff}{}", 1, 1),
        ("{} {}", 1, 4),
        ("{\n \"data\": {\n  \"anonymous\": }}", 3, 16),
        ("{\"data\":{\"anonymous\":1,}}", 1, 24),
        ("{\"argon2\":{\"passes\":1e400}}", 1, 26),
        ("{'data':{}}", 1, 2),
        ("{\"data\":{} // how much\n}", 1, 12),
    ] {
        assert_eq!(refusal(text), PolicyTextError::Syntax { line, column }, "{text}");
    }
}

#[test]
fn ten_thousand_brackets_are_refused_one_by_one() {
    for (open, count) in [("[", 10_000), ("{\"password\":", 5_000), ("[{\"a\":", 9_000)] {
        let deep = open.repeat(count);
        let places = ["", "{\"tokens\":", "{\"touch_every_ms\":", "{\"password\":{\"blocklist\":["];
        for text in places.map(|before| format!("{before}{deep}")) {
            let error = refusal(&text);
            let is_expected = matches!(
                error,
                PolicyTextError::Syntax { line: 1, column: ..=250 } | PolicyTextError::Unknown { .. }
            );
            assert!(is_expected, "{error:?}");
        }
    }
}

#[test]
fn a_text_is_64_kib_at_most() {
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    assert!(Policy::from_json(&padded(64 * 1024)).is_ok());
    assert_eq!(refusal(&padded(64 * 1024 + 1)), PolicyTextError::TooLong);
    let words: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    assert_eq!(refusal(&saying("password.blocklist", &words.into())), PolicyTextError::TooLong);
}
