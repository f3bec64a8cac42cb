//! Policy: every number the engine goes by, with its default. Checked once, when it is built.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error;

use crate::model::session::{Lifetime, Span};
use crate::model::throttle::ThrottlePolicy;
use crate::password::{Argon2Params, PasswordRules};
use crate::planted::Planted;

/// The rules in force, immutable once built.
///
/// | | default |
/// |---|---|
/// | passwords | [`PasswordRules::default`] |
/// | hashing | Argon2id, 19456 KiB, 2 passes, 1 lane |
/// | throttle | [`ThrottlePolicy::default`] |
/// | `web` sessions | idle 1 h, absolute 24 h |
/// | `remembered` | idle 7 d, absolute 30 d |
/// | `device` | idle 30 d, absolute 90 d |
/// | touch | every 60 s |
/// | skew between instances | 2 s |
///
/// # Example: an office day instead of an hour
/// ```
/// use core::time::Duration;
/// use doorward_core::model::session::{Lifetime, Span};
/// use doorward_core::policy::Policy;
///
/// let office = Span { idle: Duration::from_hours(2), absolute: Duration::from_hours(10) };
/// let policy = Policy::builder().session(Lifetime::Web, office).build()?;
/// assert_eq!(policy.span(Lifetime::Web), office);
/// # Ok::<(), doorward_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    password: PasswordRules,
    service_names: Vec<String>,
    argon2: Argon2Params,
    throttle: ThrottlePolicy,
    web: Span,
    remembered: Span,
    device: Span,
    touch_every: Duration,
    max_skew: Duration,
    #[cfg(feature = "planted")]
    planted: Option<Planted>,
}

impl Policy {
    /// A builder that starts from the defaults.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder { policy: Self::default() }
    }

    /// What a new password must be.
    pub fn password(&self) -> &PasswordRules {
        &self.password
    }

    /// What people call the service: passwords made of it are refused.
    pub fn service_names(&self) -> impl Iterator<Item = &str> {
        self.service_names.iter().map(String::as_str)
    }

    /// How hard new hashes are; a stored one of other costs, lower or higher, is made anew at the next login.
    pub fn argon2(&self) -> &Argon2Params {
        &self.argon2
    }

    /// How guessing is slowed.
    pub fn throttle(&self) -> &ThrottlePolicy {
        &self.throttle
    }

    /// How long a session of this lifetime lives.
    pub fn span(&self, lifetime: Lifetime) -> Span {
        match lifetime {
            Lifetime::Web => self.web,
            Lifetime::Remembered => self.remembered,
            Lifetime::Device => self.device,
        }
    }

    /// How long the longest session may live: for as long, an ending is remembered in the journal.
    pub fn longest_session(&self) -> Duration {
        [self.web, self.remembered, self.device]
            .iter()
            .map(|span| span.absolute)
            .max()
            .unwrap_or(Duration::ZERO)
    }

    /// How often activity is written down, at most.
    pub fn touch_every(&self) -> Duration {
        self.touch_every
    }

    /// How far the clocks of two instances on one store may differ.
    pub fn max_skew(&self) -> Duration {
        self.max_skew
    }

    #[cfg(feature = "planted")]
    pub(crate) fn has(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    /// Whether a test planted this bug: never, without the feature.
    #[cfg(not(feature = "planted"))]
    #[allow(clippy::unused_self, reason = "with the feature, it is asked")]
    pub(crate) const fn has(&self, _: Planted) -> bool {
        false
    }
}

impl Default for Policy {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        const DAY: u64 = 24 * HOUR;
        let span = |idle, absolute| Span {
            idle: Duration::from_secs(idle),
            absolute: Duration::from_secs(absolute),
        };
        Self {
            password: PasswordRules::default(),
            service_names: Vec::new(),
            argon2: Argon2Params::default(),
            throttle: ThrottlePolicy::default(),
            web: span(HOUR, DAY),
            remembered: span(7 * DAY, 30 * DAY),
            device: span(30 * DAY, 90 * DAY),
            touch_every: Duration::from_mins(1),
            max_skew: Duration::from_secs(2),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }
}

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
    policy: Policy,
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

    /// How long sessions of this lifetime live.
    #[must_use]
    pub fn session(mut self, lifetime: Lifetime, span: Span) -> Self {
        match lifetime {
            Lifetime::Web => self.policy.web = span,
            Lifetime::Remembered => self.policy.remembered = span,
            Lifetime::Device => self.policy.device = span,
        }
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
        for lifetime in [Lifetime::Web, Lifetime::Remembered, Lifetime::Device] {
            let Span { idle, absolute } = policy.span(lifetime);
            if idle < Duration::from_secs(1) || absolute > LONGEST_SESSION || idle > absolute {
                return Err(PolicyError::Session);
            }
            if policy.touch_every > idle / 2 {
                return Err(PolicyError::Touch);
            }
        }
        let throttle = &policy.throttle;
        if throttle.off_at == 0 || throttle.off_at > MOST_FAILURES || throttle.free == 0 {
            return Err(PolicyError::Guesses);
        }
        if throttle.first_wait.is_zero()
            || throttle.first_wait > throttle.longest_wait
            || throttle.longest_wait > LONGEST_WAIT
            || throttle.forget_after < throttle.longest_wait
        {
            return Err(PolicyError::Wait);
        }
        if policy.max_skew > LONGEST_SKEW {
            return Err(PolicyError::Skew);
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
const LONGEST_WAIT: Duration = Duration::from_hours(24);
const LONGEST_SKEW: Duration = Duration::from_mins(1);
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
    /// The numbers of guesses are impossible.
    #[error("a throttle must leave at least one free try and go off after 1 to 100 failures")]
    Guesses,
    /// The waits are impossible.
    #[error(
        "a throttle's first wait must be above zero and at most the longest, that at most 24 h, and forget_after no shorter than the longest wait"
    )]
    Wait,
    /// The skew is too large to be one.
    #[error("max_skew must be at most 60 s: set the clocks instead")]
    Skew,
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
        let throttle = |change: fn(&mut ThrottlePolicy)| {
            let mut throttle = ThrottlePolicy::default();
            change(&mut throttle);
            Policy::builder().throttle(throttle).build().err()
        };
        assert_eq!(throttle(|t| t.off_at = 101), Some(PolicyError::Guesses));
        assert_eq!(throttle(|t| t.free = 0), Some(PolicyError::Guesses));
        assert_eq!(throttle(|t| t.first_wait = Duration::ZERO), Some(PolicyError::Wait));
        assert_eq!(throttle(|t| t.forget_after = Duration::from_secs(1)), Some(PolicyError::Wait));
    }
}
