//! There and back.

use std::string::{String, ToString};
use std::time::Duration;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::saying;
use crate::model::throttle::ThrottlePolicy;
use crate::password::{Blocklist, PasswordRules};
use crate::policy::Policy;

/// The text in the documentation is what `to_json` says of the defaults.
#[test]
fn the_documentation_shows_the_defaults() {
    let source = include_str!("../../json.rs");
    let (_, after) = source.split_once("/// ```json\n").unwrap();
    let (text, _) = after.split_once("/// ```\n").unwrap();
    let text = text.replace("    /// ", "");
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value(&text), value(&Policy::default().to_json()));
    assert_eq!(Policy::from_json(&text).unwrap(), Policy::default());
}

#[test]
fn what_rust_can_say_and_no_text_comes_back_as_the_nearest() {
    let throttle = ThrottlePolicy {
        first_wait: Duration::from_nanos(1),
        longest_wait: Duration::from_micros(1500),
        forget_after: Duration::MAX,
        ..ThrottlePolicy::default()
    };
    let password = PasswordRules { max: usize::MAX, ..PasswordRules::default() };
    let policy = Policy::builder().throttle(throttle).password(password).build().unwrap();
    let back = Policy::from_json(&policy.to_json()).unwrap();
    let nearest = ThrottlePolicy {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(1),
        forget_after: Duration::from_millis((1 << 53) - 1),
        ..ThrottlePolicy::default()
    };
    assert_eq!(*back.throttle(), nearest);
    assert_eq!(u64::try_from(back.password().max).unwrap(), (1 << 53) - 1);
    assert_eq!(Policy::from_json(&back.to_json()).unwrap(), back);
}

/// What is folded twice is what was folded once: a list comes back as it was.
#[test]
fn every_character_may_stand_in_a_list() {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    for some in all.chunks(1000) {
        let list = |words: &mut dyn Iterator<Item = String>| Blocklist::new(words);
        let once = list(&mut some.iter().map(|character| String::from_iter([*character, '\u{301}'])));
        assert_eq!(list(&mut once.entries().map(String::from)), once);
    }
}

/// JSON of every shape, with the keys of a policy in it.
fn json_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (0..100_u32).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,6}|bound|watched|nfc|ES256".prop_map(Value::from),
    ];
    let key = prop::sample::select(std::vec![
        "password",
        "min",
        "max",
        "blocklist",
        "service_names",
        "argon2",
        "passes",
        "throttle",
        "free",
        "sources",
        "guesses",
        "size",
        "refill_ms",
        "devices",
        "tries",
        "session_cap",
        "most",
        "when_full",
        "sessions",
        "web",
        "idle_ms",
        "data",
        "logged_in",
        "tokens",
        "issuer",
        "algorithm",
        "revocation",
        "mode",
        "max_staleness_ms",
        "touch_every_ms",
        "max_skew_ms",
        "else",
    ]);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key.clone(), inner), 0..5).prop_map(Value::from_iter),
        ]
    })
}

fn milliseconds(range: core::ops::RangeInclusive<u64>) -> impl Strategy<Value = Value> {
    range.prop_map(Value::from)
}

/// Texts that say much, and nearly always what may be said.
fn sensible() -> impl Strategy<Value = Value> {
    let span = || {
        (120_000..=3_600_000_u64, 0..=1_000_000_u64)
            .prop_map(|(idle, more)| json!({ "idle_ms": idle, "absolute_ms": idle + more }))
    };
    let revocation = prop_oneof![
        Just(json!({ "mode": "bound" })),
        (1..=3_600_000_u64, any::<bool>()).prop_map(|(age, ask)| {
            json!({ "mode": "watched", "max_staleness_ms": age, "when_stale": if ask { "ask_store" } else { "refuse" } })
        }),
        milliseconds(1..=3_600_000).prop_map(|age| json!({ "mode": "until_expiry", "max_key_age_ms": age })),
    ];
    let cap = prop_oneof![
        Just(Value::Null),
        (1..=u32::MAX).prop_map(|most| json!({ "most": most, "when_full": "end_oldest" })),
    ];
    let words = || vec("\\PC{0,12}|.{0,4}", 0..6);
    let tokens = (revocation, 1..=86_400_u64, "[!-~]{1,256}", milliseconds(0..=60_000)).prop_map(
        |(revocation, seconds, issuer, grace)| json!({ "revocation": revocation, "lifetime_ms": seconds * 1000, "issuer": issuer, "grace_ms": grace }),
    );
    ((span(), span(), span(), span()), cap, words(), words(), tokens, milliseconds(0..=60_000)).prop_map(
        |((web, remembered, device, anonymous), cap, names, list, tokens, touch)| {
            json!({
                "sessions": { "web": web, "remembered": remembered, "device": device, "anonymous": anonymous },
                "session_cap": cap,
                "service_names": names,
                "password": { "blocklist": list },
                "tokens": tokens,
                "touch_every_ms": touch,
            })
        },
    )
}

proptest! {
    #[test]
    fn a_policy_comes_back_equal(text in sensible()) {
        let policy = Policy::from_json(&text.to_string()).unwrap();
        let again = Policy::from_json(&policy.to_json()).unwrap();
        prop_assert_eq!(&again, &policy);
        prop_assert_eq!(again.to_json(), policy.to_json());
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in ".{0,200}|\\{\"[a-z0-9_\":,{}\\[\\] .eE\\\\u-]{0,200}") {
        if let Err(error) = Policy::from_json(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_json_is_judged_without_a_panic(value in json_like(), path in "|tokens|password|sessions\\.web|throttle") {
        for text in [value.to_string(), saying(&path, &value)] {
            if let Ok(policy) = Policy::from_json(&text) {
                prop_assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
            }
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(
        bytes in vec(any::<u8>(), 0..300),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = Policy::default().to_json().into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        for bytes in [bytes, text] {
            let _ = Policy::from_json(&String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_cut_text_is_refused(value in sensible(), at in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let cut: String = text.chars().take(at.index(text.chars().count())).collect();
        prop_assert!(Policy::from_json(&cut).is_err());
    }
}
