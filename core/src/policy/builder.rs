//! Making a policy, and the bounds of its numbers.

use core::time::Duration;

use thiserror::Error;

use super::{Policy, TokenPolicy};
use crate::model::data::DataLimits;
use crate::model::device::DevicePolicy;
use crate::model::session::{Lifetime, SessionCap, Span};
use crate::model::source::SourcePolicy;
use crate::model::throttle::ThrottlePolicy;
use crate::password::{Argon2Params, PasswordRules};
#[cfg(feature = "planted")]
use crate::planted::Planted;

/// Builds a [`Policy`]; nothing takes effect before [`PolicyBuilder::build`] has checked it.
///
/// # Example: a stricter house
/// ```
/// use core::time::Duration;
/// use doorward_core::password::Argon2Params;
/// use doorward_core::policy::Policy;
///
/// let policy = Policy::builder()
///     .service_name("Door & Ward") // no password may be made of it
///     .argon2(Argon2Params::default().with_memory_kib(64 * 1024)?)
///     .touch_every(Duration::from_mins(5))
///     .build()?;
/// assert_eq!(policy.argon2().memory_kib(), 65_536);
/// assert_eq!(policy.touch_every(), Duration::from_secs(300));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PolicyBuilder {
    pub(super) policy: Policy,
}

impl PolicyBuilder {
    /// What a new password must be.
    #[must_use]
    pub fn password(mut self, rules: PasswordRules) -> Self {
        self.policy.password = rules;
        self
    }

    /// A name of the service, as people write it: passwords made of it are refused (ASVS 5.0, 6.2.11).
    #[must_use]
    pub fn service_name(mut self, name: &str) -> Self {
        self.policy.service_names.push(name.into());
        self
    }

    /// How hard new hashes are.
    #[must_use]
    pub fn argon2(mut self, params: Argon2Params) -> Self {
        self.policy.argon2 = params;
        self
    }

    /// How guessing is slowed.
    #[must_use]
    pub fn throttle(mut self, throttle: ThrottlePolicy) -> Self {
        self.policy.throttle = throttle;
        self
    }

    /// How guessing and registration are slowed by where they come from.
    #[must_use]
    pub fn sources(mut self, sources: SourcePolicy) -> Self {
        self.policy.sources = sources;
        self
    }

    /// What a known device may.
    #[must_use]
    pub fn devices(mut self, devices: DevicePolicy) -> Self {
        self.policy.devices = devices;
        self
    }

    /// How many sessions an account may have at once (ASVS 5.0, 7.1.2). Without it: any number.
    #[must_use]
    pub fn session_cap(mut self, cap: SessionCap) -> Self {
        self.policy.session_cap = Some(cap);
        self
    }

    /// How long sessions of this lifetime live.
    #[must_use]
    pub fn session(mut self, lifetime: Lifetime, span: Span) -> Self {
        match lifetime {
            Lifetime::Web => self.policy.spans.web = span,
            Lifetime::Remembered => self.policy.spans.remembered = span,
            Lifetime::Device => self.policy.spans.device = span,
        }
        self
    }

    /// How long anonymous sessions live.
    #[must_use]
    pub fn anonymous(mut self, span: Span) -> Self {
        self.policy.spans.anonymous = span;
        self
    }

    /// How much a host may keep with a session.
    #[must_use]
    pub fn data_limits(mut self, limits: DataLimits) -> Self {
        self.policy.data_limits = limits;
        self
    }

    /// How tokens are made, and how their revocation is heard of.
    #[must_use]
    pub fn tokens(mut self, tokens: TokenPolicy) -> Self {
        self.policy.tokens = tokens;
        self
    }

    /// How often activity is written down, at most.
    #[must_use]
    pub fn touch_every(mut self, every: Duration) -> Self {
        self.policy.touch_every = every;
        self
    }

    /// How far the clocks of two instances on one store may differ.
    #[must_use]
    pub fn max_skew(mut self, skew: Duration) -> Self {
        self.policy.max_skew = skew;
        self
    }

    /// How far behind the latest time that the store has seen a clock may be at open; the engine's own time then begins
    /// at that mark. Maintenance must succeed at least as often as this, for it writes down what has been seen. At least 1 s, and
    /// [`max_skew`](Self::max_skew).
    #[must_use]
    pub fn max_clock_regression(mut self, most: Duration) -> Self {
        self.policy.max_clock_regression = most;
        self
    }

    /// How far ahead of the latest time that the store has seen a clock may be for a purge to believe it. Maintenance
    /// must run more often than this.
    #[must_use]
    pub fn max_clock_jump(mut self, most: Duration) -> Self {
        self.policy.max_clock_jump = most;
        self
    }

    /// Plants a bug in the rules. Test-only.
    #[cfg(feature = "planted")]
    #[doc(hidden)]
    #[must_use]
    pub fn planted(mut self, bug: Planted) -> Self {
        self.policy.planted = Some(bug);
        self
    }

    /// The policy, when it makes sense.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let policy = self.policy;
        for Span { idle, absolute } in policy.spans.all() {
            if idle < Duration::from_secs(1) || absolute > LONGEST_SESSION || idle > absolute {
                return Err(PolicyError::Session);
            }
            if policy.touch_every > idle / 2 {
                return Err(PolicyError::Touch);
            }
        }
        let DataLimits { logged_in, anonymous } = policy.data_limits;
        if logged_in > DataLimits::MOST || anonymous > logged_in {
            return Err(PolicyError::Data);
        }
        if !policy.tokens.is_sensible() {
            return Err(PolicyError::Tokens);
        }
        let throttle = &policy.throttle;
        if throttle.off_at == 0
            || throttle.off_at > MOST_FAILURES
            || !(1..=MOST_FAILURES).contains(&throttle.free)
        {
            return Err(PolicyError::Guesses);
        }
        if throttle.first_wait.is_zero()
            || throttle.first_wait > throttle.longest_wait
            || throttle.longest_wait > LONGEST_WAIT
            || throttle.forget_after < throttle.longest_wait
        {
            return Err(PolicyError::Wait);
        }
        let SourcePolicy { guesses, registrations, most_sources } = policy.sources;
        for bucket in [guesses, registrations] {
            let is_whole = bucket.refill.subsec_nanos().is_multiple_of(1_000_000);
            if bucket.size == 0 || bucket.refill.is_zero() || bucket.refill > LONGEST_REFILL || !is_whole {
                return Err(PolicyError::Bucket);
            }
        }
        if most_sources == 0 || most_sources > MOST_SOURCES {
            return Err(PolicyError::Sources);
        }
        let DevicePolicy { tries, lifetime, per_account } = policy.devices;
        let is_sensible = (1..throttle.off_at).contains(&tries)
            && (Duration::from_secs(1)..=LONGEST_DEVICE).contains(&lifetime)
            && per_account <= MOST_DEVICES;
        if per_account > 0 && !is_sensible {
            return Err(PolicyError::Devices);
        }
        if policy.max_skew > LONGEST_SKEW {
            return Err(PolicyError::Skew);
        }
        let (regression, jump) = (policy.max_clock_regression, policy.max_clock_jump);
        if regression < policy.max_skew.max(SHORTEST_REGRESSION)
            || regression > LONGEST_REGRESSION
            || !(SHORTEST_JUMP..=LONGEST_JUMP).contains(&jump)
        {
            return Err(PolicyError::Clock);
        }
        let PasswordRules { min, min_with_second_factor, max, .. } = policy.password;
        // NIST SP 800-63B-4, section 3.1.1.2; ASVS 5.0, 6.2.9.
        if min_with_second_factor < 8 || min_with_second_factor > min || min > max || max < 64 {
            return Err(PolicyError::Password);
        }
        Ok(policy)
    }
}

const LONGEST_SESSION: Duration = Duration::from_hours(400 * 24);
/// As long as browsers keep a cookie (RFC 6265bis, section 5.5).
const LONGEST_DEVICE: Duration = Duration::from_hours(400 * 24);
const MOST_DEVICES: u32 = 100;
const LONGEST_WAIT: Duration = Duration::from_hours(24);
const LONGEST_SKEW: Duration = Duration::from_mins(1);
/// A longer one would shut an address off that many people share.
const LONGEST_REFILL: Duration = Duration::from_hours(1);
const MOST_SOURCES: usize = 1 << 24;
/// Nobody maintains a store more often.
const SHORTEST_REGRESSION: Duration = Duration::from_secs(1);
const LONGEST_REGRESSION: Duration = Duration::from_hours(24);
const SHORTEST_JUMP: Duration = Duration::from_hours(1);
const LONGEST_JUMP: Duration = Duration::from_hours(400 * 24);
/// NIST SP 800-63B-4, section 3.2.2.
const MOST_FAILURES: u32 = 100;

/// Which rule a policy breaks. Nothing took effect.
///
/// # Example: an idle end after the absolute one
/// ```
/// use core::time::Duration;
/// use doorward_core::model::session::{Lifetime, Span};
/// use doorward_core::policy::{Policy, PolicyError};
///
/// let span = Span { idle: Duration::from_hours(8), absolute: Duration::from_hours(1) };
/// let refused = Policy::builder().session(Lifetime::Web, span).build().unwrap_err();
/// assert_eq!(refused, PolicyError::Session);
/// assert!(refused.to_string().contains("at most its absolute end"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A session's ends are impossible.
    #[error("a session's idle end must be at least 1 s, at most its absolute end, and that at most 400 days")]
    Session,
    /// Activity would not be written down in time to matter.
    #[error("touch_every must be at most half of every idle end, or an active session would end as idle")]
    Touch,
    /// More host data than a record holds, or more with an anonymous session than with an account's.
    #[error("host data must be at most 128 KiB with a session, and no more than that with an anonymous one")]
    Data,
    /// The numbers of tokens are impossible.
    #[error(
        "tokens: whole seconds of life up to 24 h, leeway and grace up to 1 min, 1 to 64 families, keys rotated every 1 s to 400 days with an overlap no longer than that, a staleness of 1 ms to 1 h, and an algorithm other than RS256, whose key you must bring"
    )]
    Tokens,
    /// The numbers of guesses are impossible.
    #[error("a throttle must leave 1 to 100 free tries and go off after 1 to 100 failures")]
    Guesses,
    /// The waits are impossible.
    #[error(
        "a throttle's first wait must be above zero and at most the longest, that at most 24 h, and forget_after no shorter than the longest wait"
    )]
    Wait,
    /// A source's bucket is impossible.
    #[error(
        "a source's bucket must hold at least one attempt and refill in whole milliseconds, in 1 h at most"
    )]
    Bucket,
    /// The number of sources is impossible.
    #[error("most_sources must be 1 to 16777216")]
    Sources,
    /// The numbers of known devices are impossible.
    #[error(
        "a known device needs at least one try and fewer than the throttle's off_at, a lifetime of 1 s to 400 days, and at most 100 of them per account; per_account 0 does without"
    )]
    Devices,
    /// The skew is too large to be one.
    #[error("max_skew must be at most 60 s: set the clocks instead")]
    Skew,
    /// The bounds of a clock would refuse good ones, or believe any.
    #[error(
        "max_clock_regression must be at least max_skew, at least 1 s and at most 24 h, max_clock_jump from 1 h to 400 days"
    )]
    Clock,
    /// The password rules contradict themselves.
    #[error(
        "the password rules are impossible: 8 <= min_with_second_factor <= min <= max, and max at least 64"
    )]
    Password,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_each_rule_is_kept() {
        assert!(Policy::builder().build().is_ok());
        let build = |change: fn(PolicyBuilder) -> PolicyBuilder| change(Policy::builder()).build().err();
        let seconds = Duration::from_secs;
        let span = Span { idle: seconds(10), absolute: seconds(5) };
        assert_eq!(Policy::builder().session(Lifetime::Web, span).build().err(), Some(PolicyError::Session));
        assert_eq!(build(|b| b.touch_every(Duration::from_secs(1801))), Some(PolicyError::Touch));
        assert_eq!(build(|b| b.max_skew(Duration::from_secs(61))), Some(PolicyError::Skew));
        assert_eq!(Policy::builder().anonymous(span).build().err(), Some(PolicyError::Session));
        let span = Span { idle: seconds(119), absolute: seconds(3600) };
        assert_eq!(Policy::builder().anonymous(span).build().err(), Some(PolicyError::Touch));
        let data = |logged_in, anonymous| {
            Policy::builder().data_limits(DataLimits { logged_in, anonymous }).build().err()
        };
        assert_eq!((data(128 * 1024, 128 * 1024), data(0, 0)), (None, None));
        assert_eq!(data(128 * 1024 + 1, 0), Some(PolicyError::Data));
        assert_eq!(data(1000, 1001), Some(PolicyError::Data));
        assert_eq!(build(|b| b.max_clock_regression(Duration::from_secs(2))), None);
        assert_eq!(build(|b| b.max_clock_regression(Duration::from_secs(1))), Some(PolicyError::Clock));
        assert_eq!(
            build(|b| b.max_clock_regression(Duration::from_mins(24 * 60 + 1))),
            Some(PolicyError::Clock)
        );
        assert_eq!(build(|b| b.max_clock_jump(Duration::from_mins(59))), Some(PolicyError::Clock));
        assert_eq!(build(|b| b.max_clock_jump(Duration::MAX)), Some(PolicyError::Clock));
        let throttle = |change: fn(&mut ThrottlePolicy)| {
            let mut throttle = ThrottlePolicy::default();
            change(&mut throttle);
            Policy::builder().throttle(throttle).build().err()
        };
        let sources = |change: fn(&mut SourcePolicy)| {
            let mut sources = SourcePolicy::default();
            change(&mut sources);
            Policy::builder().sources(sources).build().err()
        };
        assert_eq!(sources(|s| s.guesses.size = 0), Some(PolicyError::Bucket));
        assert_eq!(sources(|s| s.registrations.refill = Duration::ZERO), Some(PolicyError::Bucket));
        assert_eq!(sources(|s| s.guesses.refill = Duration::from_micros(1500)), Some(PolicyError::Bucket));
        assert_eq!(sources(|s| s.guesses.refill = Duration::from_secs(3601)), Some(PolicyError::Bucket));
        assert_eq!(sources(|s| s.guesses.refill = Duration::from_millis(1)), None);
        assert_eq!(sources(|s| s.most_sources = 0), Some(PolicyError::Sources));
        assert_eq!(sources(|s| s.most_sources = usize::MAX), Some(PolicyError::Sources));
        assert_eq!(throttle(|t| t.off_at = 101), Some(PolicyError::Guesses));
        assert_eq!(throttle(|t| t.free = 0), Some(PolicyError::Guesses));
        assert_eq!(throttle(|t| t.first_wait = Duration::ZERO), Some(PolicyError::Wait));
        assert_eq!(throttle(|t| t.forget_after = Duration::from_secs(1)), Some(PolicyError::Wait));
        assert_eq!(throttle(|t| t.off_at = 10), Some(PolicyError::Devices), "as many as a device's tries");
        let devices = |change: fn(&mut DevicePolicy)| {
            let mut devices = DevicePolicy::default();
            change(&mut devices);
            Policy::builder().devices(devices).build().err()
        };
        assert_eq!(devices(|d| d.tries = 0), Some(PolicyError::Devices));
        assert_eq!(devices(|d| d.tries = 99), None);
        assert_eq!(devices(|d| d.tries = 100), Some(PolicyError::Devices));
        assert_eq!(devices(|d| d.lifetime = Duration::from_millis(999)), Some(PolicyError::Devices));
        assert_eq!(devices(|d| d.lifetime = Duration::from_hours(9601)), Some(PolicyError::Devices));
        assert_eq!(devices(|d| d.per_account = 101), Some(PolicyError::Devices));
        assert_eq!(devices(|d| (d.per_account, d.tries) = (0, 0)), None, "none is known");
    }
}
