//! The reader of JSON against `serde_json`.

use crate::token::jwt::json::{JsonError, MAX_DEPTH, object};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::format;
use std::string::{String, ToString};

fn map(text: &str) -> Result<Map<String, Value>, JsonError> {
    let mut map = Map::new();
    object(text, |name, reader| reader.member_of(&mut map, name))?;
    Ok(map)
}

fn value(text: &str) -> Result<Value, JsonError> {
    map(&format!("{{\"x\":{text}}}")).map(|mut map| map["x"].take())
}

#[test]
fn jw_15_every_form_of_json_is_read_as_it_is() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "7",
        "-7",
        "1e2",
        "1E+2",
        "1e-2",
        "0.5",
        "-1.25e10",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "[]",
        "[ ]",
        "{ }",
        "[1,2]",
        "[ 1 , 2 ]",
        "{\"a\":{}}",
        r#""""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0000\u00e9\uD83D\uDE00""#,
        "\"\u{7f}\u{80}\u{2028}\"",
        " \t\r\n1 \t\r\n",
    ] {
        assert_eq!(value(text), Ok(serde_json::from_str(text).unwrap()), "{text}");
    }
}

#[test]
fn jw_15_what_is_no_json_is_refused() {
    for text in [
        "",
        "nul",
        "nulL",
        "True",
        "01",
        "-",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "1_0",
        "1e400",
        "-1e400",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "'a'",
        r#""a"#,
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        "\"\t\"",
        "\"\u{1f}\"",
        "\"\n\"",
        "\"\u{0}\"",
        "1 1",
        "/**/1",
        "\u{feff}1",
        "\u{a0}1",
        "\u{c}1",
        "[1]]",
    ] {
        assert_eq!(value(text), Err(JsonError::Syntax), "{text}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    }
}

#[test]
fn jw_7_names_are_compared_after_their_escapes() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"{"\ud83d\ude00":1,"😀":2}"#,
        r#"{"":1,"":2}"#,
        r#"[[{"a":{},"a":{}}]]"#,
        r#"{"/":1,"\/":1}"#,
    ] {
        assert_eq!(value(text), Err(JsonError::Duplicate), "{text}");
    }
    // The composed and the decomposed form are two names, and so are two cases.
    assert!(value("{\"\u{e9}\":1,\"e\u{301}\":2,\"a\":3,\"A\":4}").is_ok());
}

#[test]
fn inv_40_nesting_is_bounded() {
    let nested =
        |open: &str, close: &str, levels: usize| value(&(open.repeat(levels) + "1" + &close.repeat(levels)));
    let most = MAX_DEPTH as usize - 1;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert!(nested(open, close, most).is_ok());
        assert_eq!(nested(open, close, most + 1), Err(JsonError::Syntax));
        assert_eq!(nested(open, close, 1_000_000), Err(JsonError::Syntax));
    }
    let wide = format!("[{}1]", "[[]],".repeat(1000));
    assert!(value(&wide).is_ok(), "siblings are not nested");
}

/// Many strings with escapes must not each take room for the rest of the text.
#[test]
fn inv_40_a_string_takes_no_more_room_than_its_own_text() {
    let text = format!(r#"{{"a":"\n","b":"{}"}}"#, "x".repeat(100_000));
    let mut capacities = std::vec::Vec::new();
    object(&text, |_, reader| {
        if let Cow::Owned(text) = reader.string()? {
            capacities.push(text.capacity());
        }
        Ok::<(), JsonError>(())
    })
    .unwrap();
    assert!(capacities.len() == 1 && capacities[0] < 16, "{capacities:?}");
}

/// Where `serde_json` is a step off, and the comparison below took a step for a fault: 1e-309 has so few digits that it is many
/// parts of 1e15.
#[test]
fn jw_15_the_smallest_floats_are_read_to_the_last_digit() {
    let number = 1.973_455_658_522_07e-309;
    assert_eq!(map(r#"{"x":1.97345565852207e-309}"#).unwrap()["x"].as_f64(), Some(number));
    let theirs = serde_json::from_str::<Value>("1.97345565852207e-309").unwrap();
    assert!(same(&json!(number), &theirs), "{theirs}");
}

#[test]
fn jw_8_a_claim_of_another_type_is_told_from_broken_json() {
    let read = |text: &str| {
        let mut found = Err(JsonError::Syntax);
        let whole = object(&format!("{{\"x\":{text}}}"), |_, reader| {
            found = reader.seconds();
            found.map(|_| ())
        });
        whole.and(found)
    };
    assert_eq!(read("17"), Ok(17));
    for other in ["-1", "1.5", "\"17\"", "[1]", "{}", "null"] {
        assert_eq!(read(other), Err(JsonError::Type), "{other}");
    }
    for broken in ["1.", "\"17", "[1", "{\"a\":", "nul", "x"] {
        assert_eq!(read(broken), Err(JsonError::Syntax), "{broken}");
    }
    assert_eq!(read(r#"{"a":1,"a":2}"#), Err(JsonError::Duplicate));
}

/// Whether two values are one, but for a few steps from a float to the next: `serde_json` reads these a little off. (Steps, not a
/// part of the value: near 1e-309 one step is more than the last of fifteen digits.)
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            one.as_f64().unwrap().to_bits().abs_diff(other.as_f64().unwrap().to_bits()) <= 4
        }
        (one, other) => one == other,
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn jw_15_what_serde_json_writes_is_read_as_it_was(value in any_value(), pretty: bool) {
        let whole = json!({ "x": value });
        let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) }.unwrap();
        prop_assert_eq!(map(&text).map(Value::Object), Ok(whole));
    }

    /// `serde_json` takes twins and deep nesting, and nothing else that is refused here.
    #[test]
    fn jw_15_a_mangled_text_is_judged_as_serde_json_does(
        value in any_value(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof!["[\\[\\]{}\",:\\\\0-9eE+. -]{0,3}", Just("\\ud800".to_string()), Just("\\u0061".to_string())],
        cut in 0usize..3,
    ) {
        let mut text = json!({ "x": value }).to_string();
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        prop_assume!(text.is_char_boundary(at) && text.is_char_boundary(end));
        text.replace_range(at..end, &with);
        let theirs = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
        match map(&text) {
            Ok(ours) => prop_assert!(theirs.is_some_and(|theirs| same(&Value::Object(ours), &theirs)), "{}", text),
            Err(JsonError::Duplicate) => prop_assert!(text.matches('"').count() >= 4),
            Err(error) => prop_assert!(theirs.is_none(), "{:?}: {}", error, text),
        }
    }
}
