//! The keys of each object of a policy.

use alloc::string::String;
use core::time::Duration;

use serde_json::Value;

use super::PolicyTextError;
use super::form::{Form, Leaf, Stop, members, object, refused, value, word};
use crate::model::data::DataLimits;
use crate::model::device::DevicePolicy;
use crate::model::session::{SessionCap, Span, WhenFull};
use crate::model::source::{Bucket, SourcePolicy};
use crate::model::throttle::ThrottlePolicy;
use crate::password::{Argon2Params, Normalization, ParamsError, PasswordRules};
use crate::policy::{Policy, RevocationMode, Spans, TokenPolicy, WhenStale};
use crate::token::jwt::Algorithm;
use crate::token::jwt::json::Reader;

object!(Policy {
    "password" => password,
    "service_names" => service_names,
    "argon2" => argon2,
    "throttle" => throttle,
    "sources" => sources,
    "devices" => devices,
    "session_cap" => session_cap,
    "sessions" => spans,
    "data" => data_limits,
    "tokens" => tokens,
    "touch_every_ms" => touch_every,
    "max_skew_ms" => max_skew,
    "max_clock_regression_ms" => max_clock_regression,
    "max_clock_jump_ms" => max_clock_jump,
} besides #[cfg(feature = "planted")] planted);

object!(PasswordRules {
    "min" => min,
    "min_with_second_factor" => min_with_second_factor,
    "max" => max,
    "normalization" => normalization,
    "refuse_common" => refuse_common,
    "blocklist" => host_list,
});

object!(ThrottlePolicy {
    "free" => free,
    "first_wait_ms" => first_wait,
    "longest_wait_ms" => longest_wait,
    "off_at" => off_at,
    "forget_after_ms" => forget_after,
});

object!(SourcePolicy {
    "guesses" => guesses,
    "registrations" => registrations,
    "most_sources" => most_sources,
});

object!(Bucket { "size" => size, "refill_ms" => refill, });

object!(DevicePolicy { "tries" => tries, "lifetime_ms" => lifetime, "per_account" => per_account, });

object!(Spans {
    "web" => web,
    "remembered" => remembered,
    "device" => device,
    "anonymous" => anonymous,
});

object!(Span { "idle_ms" => idle, "absolute_ms" => absolute, });

object!(DataLimits { "logged_in" => logged_in, "anonymous" => anonymous, });

object!(TokenPolicy {
    "issuer" => issuer,
    "algorithm" => algorithm,
    "lifetime_ms" => lifetime,
    "leeway_ms" => leeway,
    "grace_ms" => grace,
    "families" => families,
    "rotate_every_ms" => rotate_every,
    "overlap_ms" => overlap,
    "revocation" => revocation,
});

word!(Normalization, "\"nfc\" or \"exact\"", {
    "nfc" => Normalization::Nfc,
    "exact" => Normalization::Exact,
});

word!(WhenFull, "\"end_oldest\" or \"refuse\"", {
    "end_oldest" => WhenFull::EndOldest,
    "refuse" => WhenFull::Refuse,
});

word!(WhenStale, "\"ask_store\" or \"refuse\"", {
    "ask_store" => WhenStale::AskStore,
    "refuse" => WhenStale::Refuse,
});

word!(Mode, "\"bound\", \"watched\" or \"until_expiry\"", {
    "bound" => Mode::Bound,
    "watched" => Mode::Watched,
    "until_expiry" => Mode::UntilExpiry,
});

impl Leaf for Algorithm {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        // With RS256 nothing is signed but by a key of the host's own, which is no part of a policy.
        let expected = "\"EdDSA\", \"ES256\" or \"HS256\"";
        let value = value(reader, expected)?;
        let named = value.as_str().and_then(Self::from_name).filter(|named| *named != Self::Rs256);
        named.ok_or_else(|| refused(expected))
    }

    fn put(&self) -> Value {
        self.name().into()
    }
}

impl Form for Argon2Params {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        let mut set = |number: Result<u32, Stop>, with: fn(Self, u32) -> Result<Self, ParamsError>| {
            *self = with(*self, number?)
                .map_err(|source| Stop::Refused(PolicyTextError::Argon2 { key: String::new(), source }))?;
            Ok(())
        };
        members(reader, &["memory_kib", "passes", "lanes"], |key, reader| match key {
            "memory_kib" => Some(set(u32::take(reader), Self::with_memory_kib)),
            "passes" => Some(set(u32::take(reader), Self::with_passes)),
            "lanes" => Some(set(u32::take(reader), Self::with_lanes)),
            _ => None,
        })
    }

    fn write(&self) -> Value {
        Value::from_iter([
            ("memory_kib", self.memory_kib()),
            ("passes", self.passes()),
            ("lanes", self.lanes()),
        ])
    }
}

/// A cap, or `null`: none.
impl Leaf for Option<SessionCap> {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        if reader.peek() == Some(b'n') {
            return value(reader, "null, or an object").map(|_| None);
        }
        let (mut most, mut when_full) = (None, None);
        members(reader, &["most", "when_full"], |key, reader| match key {
            "most" => Some(keep(&mut most, reader)),
            "when_full" => Some(keep(&mut when_full, reader)),
            _ => None,
        })?;
        let (most, when_full) = (needed(most, "most")?, needed(when_full, "when_full")?);
        Ok(Some(SessionCap { most, when_full }))
    }

    fn put(&self) -> Value {
        match self {
            None => Value::Null,
            Some(SessionCap { most, when_full }) => {
                Value::from_iter([("most", most.put()), ("when_full", when_full.put())])
            }
        }
    }
}

/// Which of the modes of [`RevocationMode`].
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Bound,
    Watched,
    UntilExpiry,
}

impl Leaf for RevocationMode {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let (mut mode, mut max_staleness, mut when_stale, mut max_key_age) = (None, None, None, None);
        members(
            reader,
            &["mode", "max_staleness_ms", "when_stale", "max_key_age_ms"],
            |key, reader| match key {
                "mode" => Some(keep(&mut mode, reader)),
                "max_staleness_ms" => Some(keep(&mut max_staleness, reader)),
                "when_stale" => Some(keep(&mut when_stale, reader)),
                "max_key_age_ms" => Some(keep(&mut max_key_age, reader)),
                _ => None,
            },
        )?;
        let mode = mode.unwrap_or_default();
        if mode != Mode::Watched {
            unsaid(max_staleness, "max_staleness_ms", WITH_WATCHED)?;
            unsaid(when_stale, "when_stale", WITH_WATCHED)?;
        }
        if mode != Mode::UntilExpiry {
            unsaid(max_key_age, "max_key_age_ms", WITH_UNTIL_EXPIRY)?;
        }
        Ok(match mode {
            Mode::Bound => Self::Bound,
            Mode::Watched => Self::Watched {
                max_staleness: max_staleness.unwrap_or(STALENESS),
                when_stale: when_stale.unwrap_or_default(),
            },
            Mode::UntilExpiry => Self::UntilExpiry { max_key_age: needed(max_key_age, "max_key_age_ms")? },
        })
    }

    fn put(&self) -> Value {
        match self {
            Self::Bound => Value::from_iter([("mode", Mode::Bound.put())]),
            Self::Watched { max_staleness, when_stale } => Value::from_iter([
                ("mode", Mode::Watched.put()),
                ("max_staleness_ms", max_staleness.put()),
                ("when_stale", when_stale.put()),
            ]),
            Self::UntilExpiry { max_key_age } => {
                Value::from_iter([("mode", Mode::UntilExpiry.put()), ("max_key_age_ms", max_key_age.put())])
            }
        }
    }
}

const WITH_WATCHED: &str = "left out, or the mode \"watched\"";
const WITH_UNTIL_EXPIRY: &str = "left out, or the mode \"until_expiry\"";
/// How old the view of the journal may be where a text asks for one and says no more.
const STALENESS: Duration = Duration::from_secs(2);

/// Keeps a value that has no default.
fn keep<T: Leaf>(place: &mut Option<T>, reader: &mut Reader<'_>) -> Result<(), Stop> {
    *place = Some(T::take(reader)?);
    Ok(())
}

/// What must have been said.
fn needed<T>(said: Option<T>, key: &'static str) -> Result<T, Stop> {
    said.ok_or_else(|| Stop::Refused(PolicyTextError::Missing { key: key.into() }))
}

/// That nothing was said of what the mode does not have.
fn unsaid<T>(said: Option<T>, key: &'static str, expected: &'static str) -> Result<(), Stop> {
    if said.is_some() { Err(refused(expected).within(key)) } else { Ok(()) }
}
