//! Each key alone.

use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::time::Duration;
use std::vec::Vec;

use serde_json::{Value, json};

use super::saying;
use crate::model::session::{Lifetime, SessionCap, WhenFull};
use crate::password::{Blocklist, Normalization};
use crate::policy::{Policy, RevocationMode, WhenStale};

type Row = (&'static str, Value, fn(&Policy) -> Value);

fn ms(duration: Duration) -> Value {
    u64::try_from(duration.as_millis()).unwrap().into()
}

/// Every key, something else than its default, and where Rust has it.
fn table() -> Vec<Row> {
    std::vec![
        ("password.min", json!(16), |p| p.password().min.into()),
        ("password.min_with_second_factor", json!(9), |p| p.password().min_with_second_factor.into()),
        ("password.max", json!(300), |p| p.password().max.into()),
        ("password.normalization", json!("exact"), |p| {
            json!(if p.password().normalization == Normalization::Exact { "exact" } else { "another" })
        }),
        ("password.refuse_common", json!(false), |p| p.password().refuse_common.into()),
        ("password.blocklist", json!(["eins", "zwei"]), |p| {
            let is_it = p.password().host_list == Blocklist::new(["Zwei", "Eins"]);
            if is_it { json!(["eins", "zwei"]) } else { Value::Null }
        }),
        ("service_names", json!(["Door & Ward", "dw"]), |p| p.service_names().collect()),
        ("argon2.memory_kib", json!(20_000), |p| p.argon2().memory_kib().into()),
        ("argon2.passes", json!(3), |p| p.argon2().passes().into()),
        ("argon2.lanes", json!(4), |p| p.argon2().lanes().into()),
        ("throttle.free", json!(6), |p| p.throttle().free.into()),
        ("throttle.first_wait_ms", json!(30_001), |p| ms(p.throttle().first_wait)),
        ("throttle.longest_wait_ms", json!(3_600_001), |p| ms(p.throttle().longest_wait)),
        ("throttle.off_at", json!(99), |p| p.throttle().off_at.into()),
        ("throttle.forget_after_ms", json!(9_007_199_254_740_991_u64), |p| ms(p.throttle().forget_after)),
        ("sources.guesses.size", json!(u32::MAX), |p| p.sources().guesses.size.into()),
        ("sources.guesses.refill_ms", json!(10_001), |p| ms(p.sources().guesses.refill)),
        ("sources.registrations.size", json!(31), |p| p.sources().registrations.size.into()),
        ("sources.registrations.refill_ms", json!(10_002), |p| ms(p.sources().registrations.refill)),
        ("sources.most_sources", json!(65_537), |p| p.sources().most_sources.into()),
        ("devices.tries", json!(9), |p| p.devices().tries.into()),
        ("devices.lifetime_ms", json!(1_000), |p| ms(p.devices().lifetime)),
        ("devices.per_account", json!(11), |p| p.devices().per_account.into()),
        ("session_cap", json!({ "most": 2, "when_full": "refuse" }), |p| match p.session_cap() {
            Some(SessionCap { most, when_full: WhenFull::Refuse }) => {
                json!({ "most": most.get(), "when_full": "refuse" })
            }
            Some(_) | None => Value::Null,
        }),
        ("sessions.web.idle_ms", json!(3_600_001), |p| ms(p.span(Lifetime::Web).idle)),
        ("sessions.web.absolute_ms", json!(86_400_001), |p| ms(p.span(Lifetime::Web).absolute)),
        ("sessions.remembered.idle_ms", json!(3_600_002), |p| ms(p.span(Lifetime::Remembered).idle)),
        ("sessions.remembered.absolute_ms", json!(604_800_001), |p| {
            ms(p.span(Lifetime::Remembered).absolute)
        }),
        ("sessions.device.idle_ms", json!(3_600_003), |p| ms(p.span(Lifetime::Device).idle)),
        ("sessions.device.absolute_ms", json!(2_592_000_001_u64), |p| ms(p.span(Lifetime::Device).absolute)),
        ("sessions.anonymous.idle_ms", json!(3_600_004), |p| ms(p.anonymous().idle)),
        ("sessions.anonymous.absolute_ms", json!(86_400_004), |p| ms(p.anonymous().absolute)),
        ("data.logged_in", json!(65_537), |p| p.data_limits().logged_in.into()),
        ("data.anonymous", json!(0), |p| p.data_limits().anonymous.into()),
        ("tokens.issuer", json!("https://login.example"), |p| p.tokens().issuer.as_str().into()),
        ("tokens.algorithm", json!("HS256"), |p| p.tokens().algorithm.name().into()),
        ("tokens.lifetime_ms", json!(601_000), |p| ms(p.tokens().lifetime)),
        ("tokens.leeway_ms", json!(5_001), |p| ms(p.tokens().leeway)),
        ("tokens.grace_ms", json!(10_001), |p| ms(p.tokens().grace)),
        ("tokens.families", json!(17), |p| p.tokens().families.into()),
        ("tokens.rotate_every_ms", json!(86_400_003), |p| ms(p.tokens().rotate_every)),
        ("tokens.overlap_ms", json!(86_400_002), |p| ms(p.tokens().overlap)),
        ("tokens.revocation", json!({ "mode": "until_expiry", "max_key_age_ms": 7 }), |p| {
            match p.tokens().revocation {
                RevocationMode::UntilExpiry { max_key_age } => {
                    json!({ "mode": "until_expiry", "max_key_age_ms": ms(max_key_age) })
                }
                RevocationMode::Bound | RevocationMode::Watched { .. } => Value::Null,
            }
        }),
        ("touch_every_ms", json!(59_999), |p| ms(p.touch_every())),
        ("max_skew_ms", json!(1_999), |p| ms(p.max_skew())),
        ("max_clock_regression_ms", json!(300_001), |p| ms(p.max_clock_regression())),
        ("max_clock_jump_ms", json!(3_600_000), |p| ms(p.max_clock_jump())),
    ]
}

/// What the text of a policy says, by path. What may be another object altogether is kept whole.
pub(super) fn said(policy: &Policy) -> BTreeMap<String, Value> {
    fn flatten(path: &str, value: Value, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(members) if path != "session_cap" && path != "tokens.revocation" => {
                for (key, value) in members {
                    let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                    flatten(&path, value, into);
                }
            }
            leaf => drop(into.insert(path.into(), leaf)),
        }
    }
    let mut said = BTreeMap::new();
    flatten("", serde_json::from_str(&policy.to_json()).unwrap(), &mut said);
    said
}

#[test]
fn every_key_changes_what_it_names_and_nothing_else() {
    let default = said(&Policy::default());
    let paths: Vec<&str> = table().iter().map(|(path, ..)| *path).collect();
    assert!(default.keys().all(|path| paths.contains(&path.as_str())), "a key is not in the table");
    assert_eq!(paths.len(), default.len());
    for (path, value, of) in table() {
        assert_ne!(of(&Policy::default()), value, "{path}: the table has the default");
        let policy = Policy::from_json(&saying(path, &value)).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert_eq!(of(&policy), value, "{path}");
        let mut expected = default.clone();
        expected.insert(path.into(), value);
        assert_eq!(said(&policy), expected, "{path}");
    }
}

#[test]
fn all_keys_together_say_what_each_says_alone() {
    let mut members = json!({});
    for (path, value, _) in table() {
        let mut place = &mut members;
        for key in path.split('.') {
            place = &mut place[key];
        }
        *place = value;
    }
    let policy = Policy::from_json(&members.to_string()).unwrap();
    for (path, value, of) in table() {
        assert_eq!(of(&policy), value, "{path}");
    }
}

#[test]
fn a_revocation_mode_has_its_own_keys_and_defaults() {
    let mode = |text: &str| {
        let text = format!(r#"{{"tokens":{{"revocation":{text}}}}}"#);
        Policy::from_json(&text).map(|policy| policy.tokens().revocation)
    };
    let watched = |millis, when_stale| RevocationMode::Watched {
        max_staleness: Duration::from_millis(millis),
        when_stale,
    };
    for (text, expected) in [
        ("{}", RevocationMode::Bound),
        (r#"{"mode":"bound"}"#, RevocationMode::Bound),
        (r#"{"mode":"watched"}"#, watched(2000, WhenStale::AskStore)),
        (r#"{"when_stale":"refuse","mode":"watched"}"#, watched(2000, WhenStale::Refuse)),
        (r#"{"max_staleness_ms":1,"mode":"watched"}"#, watched(1, WhenStale::AskStore)),
        (
            r#"{"max_key_age_ms":3600000,"mode":"until_expiry"}"#,
            RevocationMode::UntilExpiry { max_key_age: Duration::from_hours(1) },
        ),
    ] {
        assert_eq!(mode(text), Ok(expected), "{text}");
    }
    for (text, sentence) in [
        (
            r#"{"max_staleness_ms":500}"#,
            "tokens.revocation.max_staleness_ms must be left out, or the mode \"watched\"",
        ),
        (
            r#"{"mode":"until_expiry","max_key_age_ms":1,"when_stale":"refuse"}"#,
            "tokens.revocation.when_stale must be left out, or the mode \"watched\"",
        ),
        (
            r#"{"mode":"watched","max_key_age_ms":1}"#,
            "tokens.revocation.max_key_age_ms must be left out, or the mode \"until_expiry\"",
        ),
        (
            r#"{"mode":"until_expiry"}"#,
            "tokens.revocation.max_key_age_ms is missing: it has no default, say it",
        ),
    ] {
        assert_eq!(mode(text).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn a_cap_is_said_whole_or_not_at_all() {
    let cap = |text: &str| {
        Policy::from_json(&format!(r#"{{"session_cap":{text}}}"#)).map(|policy| policy.session_cap())
    };
    let most = std::num::NonZeroU32::MIN;
    assert_eq!(cap("null"), Ok(None));
    let one = Ok(Some(SessionCap { most, when_full: WhenFull::EndOldest }));
    assert_eq!(cap(r#"{"when_full":"end_oldest","most":1}"#), one);
    for (text, sentence) in [
        (
            r#"{"most":0,"when_full":"refuse"}"#,
            "session_cap.most must be a whole number from 1 to 4294967295",
        ),
        (r#"{"most":1}"#, "session_cap.when_full is missing: it has no default, say it"),
        (r#"{"when_full":"refuse"}"#, "session_cap.most is missing: it has no default, say it"),
        ("nul", "a policy is one JSON object, no deeper than 16 levels: look at line 1, column 16"),
    ] {
        assert_eq!(cap(text).unwrap_err().to_string(), sentence, "{text}");
    }
}
