//! A policy's text: strict JSON, and all that it says is in force.

use doorward_core::policy::{Policy, PolicyTextError};
use serde_json::{Map, Value};

use super::take::Input;
use super::twins;

/// The whole input is the text.
///
/// # Panics
/// `serde_json` reads it otherwise, or what is in force does not come back.
pub fn policy(data: &[u8]) {
    let text = Input(data).text();
    let ours = Policy::from_json(&text);
    judge(&text, ours.as_ref().map(Policy::to_json));
    if let Ok(policy) = ours {
        let written = policy.to_json();
        let again = Policy::from_json(&written);
        assert_eq!(again.as_ref(), Ok(&policy), "a policy does not come back: {written}");
        assert_eq!(
            again.map(|again| again.to_json()).as_ref(),
            Ok(&written),
            "a policy is written in two ways"
        );
    }
}

/// A text, and what it puts in force.
fn judge(text: &str, ours: Result<String, &PolicyTextError>) {
    let theirs = serde_json::from_str::<Value>(text);
    match (ours, theirs) {
        (Ok(written), Ok(said)) => {
            assert!(!twins::has_twins(text.as_bytes()), "a key that is said twice is taken: {text}");
            let in_force = serde_json::from_str::<Value>(&written).expect("what is written is JSON");
            is_in_force(&said, &in_force, "");
        }
        (Ok(_), Err(error)) => panic!("what is no JSON is a policy, {error}: {text}"),
        (Err(PolicyTextError::Syntax { line, column }), said) => {
            assert!(*line <= text.lines().count() + 1 && *column <= text.len() + 1, "an error is nowhere");
            assert!(!said.is_ok_and(|said| depth(&said) <= 16), "JSON is called none: {text}");
        }
        (Err(error), _) => assert!(error.to_string().len() > 10, "an error says nothing: {error:?}"),
    }
}

/// That every value that was said is in force. Lists are folded and put in order.
fn is_in_force(said: &Value, in_force: &Value, path: &str) {
    match said {
        Value::Object(members) => {
            let empty = Map::new();
            let all = in_force.as_object().unwrap_or(&empty);
            assert!(members.is_empty() || !all.is_empty(), "{path} is an object, and none is in force");
            for (key, value) in members {
                let in_force = all.get(key).unwrap_or_else(|| panic!("{path}.{key} is dropped"));
                is_in_force(value, in_force, &format!("{path}.{key}"));
            }
        }
        Value::Array(_) => {
            assert!(in_force.is_array(), "{path} is a list, and none is in force");
        }
        Value::Number(_) => assert_eq!(said.as_u64(), in_force.as_u64(), "{path} is not in force"),
        Value::Null | Value::Bool(_) | Value::String(_) => {
            assert_eq!(said, in_force, "{path} is not in force");
        }
    }
}

/// How deep objects and lists stand in each other.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
        Value::Object(all) => 1 + all.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "{}",
        r#"{"sessions":{"web":{"idle_ms":7200000}},"tokens":{"revocation":{"mode":"watched"}}}"#,
        r#"{"tokens":{"revocation":{"mode":"until_expiry","max_key_age_ms":60000},"algorithm":"ES256"}}"#,
        r#"{"session_cap":{"most":5,"when_full":"end_oldest"},"max_skew_ms":0}"#,
        r#"{"password":{"min":15,"normalization":"exact","blocklist":["Doorward","\u00e9\ud83d\ude00"]}}"#,
        r#"{"throttle":{"free":5},"throttle":{"free":5}}"#,
        r#"{"argon2":{"memory_kib":12288,"passes":3,"lanes":4}}"#,
        r#"{"data":{"logged_in":1.5}}"#,
        r#"{"service_names":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"#,
    ];
    let mut all = texts.map(Vec::from).to_vec();
    all.push(Policy::default().to_json().into());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = ".max_skew_ms is not in force")]
    fn a_value_that_takes_no_effect_is_found() {
        judge(r#"{"max_skew_ms":1000}"#, Ok(Policy::default().to_json()));
    }

    #[test]
    #[should_panic(expected = ".max_skew is dropped")]
    fn a_key_that_is_overlooked_is_found() {
        judge(r#"{"max_skew":1000}"#, Ok(Policy::default().to_json()));
    }

    #[test]
    #[should_panic(expected = "a key that is said twice")]
    fn a_key_of_which_the_last_counts_is_found() {
        judge(r#"{"data":{},"data":{}}"#, Ok(Policy::default().to_json()));
    }

    #[test]
    #[should_panic(expected = "what is no JSON is a policy")]
    fn a_lax_reader_is_found() {
        judge("{} {}", Ok(Policy::default().to_json()));
    }

    #[test]
    #[should_panic(expected = "JSON is called none")]
    fn a_reader_that_is_too_strict_is_found() {
        judge("{\t}", Err(&PolicyTextError::Syntax { line: 1, column: 2 }));
    }
}
