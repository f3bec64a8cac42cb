//! A policy as JSON: for hosts in other languages, and for files.

use alloc::format;
use alloc::string::{String, ToString};

use thiserror::Error;

use super::{Policy, PolicyBuilder, PolicyError};
use crate::password::ParamsError;
use crate::token::jwt::json::Reader;
use crate::token::terms::TermError;
use form::{Form, Stop};

mod form;
mod objects;
#[cfg(test)]
mod tests;

impl Policy {
    /// The policy that a text says: one JSON object of at most 64 KiB. What it leaves out, in the objects inside it too,
    /// keeps its default. Times are whole milliseconds, `data` is in bytes. Every key, with its default:
    ///
    /// ```json
    /// {
    ///   "password": {
    ///     "min": 15, "min_with_second_factor": 8, "max": 256,
    ///     "normalization": "nfc", "refuse_common": true, "blocklist": []
    ///   },
    ///   "service_names": [],
    ///   "argon2": { "memory_kib": 19456, "passes": 2, "lanes": 1 },
    ///   "throttle": {
    ///     "free": 5, "first_wait_ms": 30000, "longest_wait_ms": 3600000,
    ///     "off_at": 100, "forget_after_ms": 86400000
    ///   },
    ///   "sources": {
    ///     "guesses": { "size": 30, "refill_ms": 10000 },
    ///     "registrations": { "size": 30, "refill_ms": 10000 },
    ///     "most_sources": 65536
    ///   },
    ///   "devices": { "tries": 10, "lifetime_ms": 34560000000, "per_account": 10 },
    ///   "session_cap": null,
    ///   "sessions": {
    ///     "web": { "idle_ms": 3600000, "absolute_ms": 86400000 },
    ///     "remembered": { "idle_ms": 604800000, "absolute_ms": 2592000000 },
    ///     "device": { "idle_ms": 2592000000, "absolute_ms": 7776000000 },
    ///     "anonymous": { "idle_ms": 3600000, "absolute_ms": 86400000 }
    ///   },
    ///   "data": { "logged_in": 65536, "anonymous": 16384 },
    ///   "tokens": {
    ///     "issuer": "doorward", "algorithm": "EdDSA", "lifetime_ms": 600000, "leeway_ms": 5000, "grace_ms": 10000,
    ///     "families": 16, "rotate_every_ms": 2592000000, "overlap_ms": 86400000,
    ///     "revocation": { "mode": "bound" }
    ///   },
    ///   "touch_every_ms": 60000,
    ///   "max_skew_ms": 2000,
    ///   "max_clock_regression_ms": 300000,
    ///   "max_clock_jump_ms": 2592000000
    /// }
    /// ```
    ///
    /// | key | other values |
    /// |---|---|
    /// | `password.normalization` | `"exact"` |
    /// | `session_cap` | `{"most": 5, "when_full": "end_oldest"}`, or `"refuse"`; both must be said |
    /// | `tokens.algorithm` | `"ES256"`, `"HS256"` |
    /// | `tokens.revocation` | `{"mode": "watched", "max_staleness_ms": 2000, "when_stale": "ask_store"}`, which are its defaults, or `"refuse"` |
    /// | | `{"mode": "until_expiry", "max_key_age_ms": 60000}`; the age must be said |
    ///
    /// # Errors
    /// [`PolicyTextError`]: the first thing that is wrong. An unknown key is wrong, and so is one that is there twice.
    ///
    /// # Example: a longer working day, from a file
    /// ```
    /// use core::time::Duration;
    /// use doorward_core::model::session::Lifetime;
    /// use doorward_core::policy::{Policy, PolicyTextError};
    ///
    /// let text = r#"{"sessions": {"web": {"idle_ms": 7200000}}, "tokens": {"revocation": {"mode": "watched"}}}"#;
    /// let policy = Policy::from_json(text)?;
    /// assert_eq!(policy.span(Lifetime::Web).idle, Duration::from_hours(2));
    /// assert_eq!(policy.span(Lifetime::Web).absolute, Duration::from_hours(24)); // the default
    ///
    /// let typo = Policy::from_json(r#"{"sessions": {"web": {"idle": 7200000}}}"#).unwrap_err();
    /// assert_eq!(
    ///     typo.to_string(),
    ///     r#""sessions.web.idle" is no key of a policy; there are idle_ms, absolute_ms"#
    /// );
    /// # Ok::<(), PolicyTextError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, PolicyTextError> {
        if text.len() > MOST_BYTES {
            return Err(PolicyTextError::TooLong);
        }
        let mut policy = Self::default();
        let mut reader = Reader::new(text);
        match policy.read(&mut reader).and_then(|()| Ok(reader.end()?)) {
            Ok(()) => Ok(PolicyBuilder { policy }.build()?),
            Err(Stop::Refused(error)) => Err(error),
            Err(Stop::Syntax) => {
                let (line, column) = reader.line_and_column();
                Err(PolicyTextError::Syntax { line, column })
            }
        }
    }

    /// The whole policy in force, with every key: [`Policy::from_json`] makes an equal one of it.
    ///
    /// What only Rust can say comes back as the nearest: times are cut to whole milliseconds, but never to none; numbers end
    /// at 2<sup>53</sup> - 1, which is a time of 285,000 years. The words of the blocklist are listed as they are compared, in
    /// lower case and NFC: whoever may not see them may not see this text. With more of them than fit into 64 KiB it is not
    /// taken back.
    ///
    /// # Example: all keys, and what they are when nobody says anything
    /// ```
    /// use doorward_core::policy::{Policy, PolicyTextError};
    ///
    /// let defaults = Policy::default().to_json();
    /// assert!(defaults.contains(r#""max_skew_ms":2000"#));
    /// assert_eq!(Policy::from_json(&defaults)?, Policy::default());
    /// assert_eq!(Policy::from_json("{}")?, Policy::default());
    /// # Ok::<(), PolicyTextError>(())
    /// ```
    pub fn to_json(&self) -> String {
        self.write().to_string()
    }
}

/// As long as a text may be.
const MOST_BYTES: usize = 64 * 1024;

/// Why a text is no policy. Nothing took effect. It names the key, an unknown one too, and repeats no value.
///
/// # Example: where to look, and what may stand there
/// ```
/// use doorward_core::policy::{Policy, PolicyTextError};
///
/// let said = |text| Policy::from_json(text).unwrap_err().to_string();
/// assert_eq!(said("{\n  \"argon2\": {,}\n}"), "a policy is one JSON object, no deeper than 16 levels: look at line 2, column 14");
/// assert_eq!(said(r#"{"argon2": {"passes": 17}}"#), "argon2.passes: argon2 takes 1 to 16 passes here");
/// assert_eq!(said(r#"{"throttle": {"free": -1}}"#), "throttle.free must be a whole number from 0 to 4294967295");
/// assert!(matches!(Policy::from_json(r#"{"max_skew_ms": 60001}"#), Err(PolicyTextError::Policy(_))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyTextError {
    /// The text is longer than 64 KiB: nothing else was looked at.
    #[error("a policy's text is at most 65536 bytes: give a long list of refused passwords in code")]
    TooLong,
    /// It is no JSON, or nested deeper than anything here is.
    #[error("a policy is one JSON object, no deeper than 16 levels: look at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// A key that means nothing: a typo, as a rule.
    #[error("\"{key}\" is no key of a policy; there are {}", keys.join(", "))]
    Unknown {
        /// The key as it was written, cut after 40 characters, behind those of the objects around it.
        key: String,
        /// The keys that its object may have.
        keys: &'static [&'static str],
    },
    /// A key that is there twice: which of the two is meant?
    #[error("{key} is there twice: say it once")]
    Duplicate {
        /// The key, behind those of the objects around it.
        key: String,
    },
    /// A key that has no default.
    #[error("{key} is missing: it has no default, say it")]
    Missing {
        /// The key, behind those of the objects around it.
        key: String,
    },
    /// A value of another type, or outside what its type holds.
    #[error("{} must be {expected}", if key.is_empty() { "a policy" } else { key })]
    Value {
        /// The key, behind those of the objects around it; empty: the whole text.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A cost of hashing that is out of bounds.
    #[error("{key}: {source}")]
    Argon2 {
        /// The key, behind that of the object around it.
        key: String,
        /// Its bounds.
        source: ParamsError,
    },
    /// The issuer is none.
    #[error("{key}: {source}")]
    Audience {
        /// The key, behind that of the object around it.
        key: String,
        /// What one is.
        source: TermError,
    },
    /// Each value is one, but they do not go together.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl PolicyTextError {
    /// The same, seen from the object that has it under this key.
    fn within(mut self, outer: &str) -> Self {
        match &mut self {
            Self::Value { key, .. } | Self::Argon2 { key, .. } | Self::Audience { key, .. }
                if key.is_empty() =>
            {
                *key = outer.into();
            }
            Self::Unknown { key, .. }
            | Self::Duplicate { key }
            | Self::Missing { key }
            | Self::Value { key, .. }
            | Self::Argon2 { key, .. }
            | Self::Audience { key, .. } => *key = format!("{outer}.{key}"),
            Self::TooLong | Self::Syntax { .. } | Self::Policy(_) => {}
        }
        self
    }
}
