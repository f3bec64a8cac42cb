//! How guessing is slowed, by name and by account.
//!
//! | row | filed under | lasts | does |
//! |---|---|---|---|
//! | throttle | keyed hash of the name, known or not | expires | after the free tries: a wait that doubles |
//! | attempts | the account | until a success or an unlock | at the limit: off |
//!
//! | event | throttle | attempts |
//! |---|---|---|
//! | failure | failures + 1, wait by [`ThrottlePolicy::wait_after`] | failures + 1 |
//! | attempt during a wait | unchanged, answered before hashing | unchanged |
//! | success | removed | removed |
//!
//! Failures in parallel meet in these rows, and a success consults them: however many guesses run at once,
//! only the allowed number is decided (ASVS 5.0, 15.4.2; NIST SP 800-63B-4, section 3.2.2).

use core::time::Duration;

use crate::time::Timestamp;

/// The throttle row of a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub struct ThrottleRecord {
    /// Failures since the last success, or since the row last expired.
    #[n(0)]
    pub failures: u32,
    /// No attempt is decided before this moment.
    #[n(1)]
    pub until: Timestamp,
}

/// The attempts row of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub struct AttemptsRecord {
    /// Failures in a row.
    #[n(0)]
    pub failures: u32,
}

/// How many guesses are free, how the wait grows, and when an account goes off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottlePolicy {
    /// Failures without a wait. Default 5.
    pub free: u32,
    /// The wait after the last free failure; each further one doubles it. Default 30 s.
    pub first_wait: Duration,
    /// The longest wait. Default 1 h.
    pub longest_wait: Duration,
    /// Failures in a row after which the account's password is off. Default 100, and no more
    /// (NIST SP 800-63B-4, section 3.2.2).
    pub off_at: u32,
    /// How long after its wait a name's failures are remembered. Default 24 h.
    pub forget_after: Duration,
}

impl Default for ThrottlePolicy {
    fn default() -> Self {
        Self {
            free: 5,
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_hours(1),
            off_at: 100,
            forget_after: Duration::from_hours(24),
        }
    }
}

impl ThrottlePolicy {
    /// The wait that the `failures`-th failure brings.
    pub fn wait_after(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(over) => {
                let doubled = 2u32.checked_pow(over).and_then(|factor| self.first_wait.checked_mul(factor));
                doubled.unwrap_or(self.longest_wait).min(self.longest_wait)
            }
        }
    }
}

impl ThrottleRecord {
    /// The row after one more failure.
    pub(crate) fn failed(&self, policy: &ThrottlePolicy, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        Self { failures, until: now.saturating_add(policy.wait_after(failures)).max(self.until) }
    }

    /// From when on the row may be forgotten.
    pub(crate) fn expires(&self, policy: &ThrottlePolicy, now: Timestamp) -> Timestamp {
        self.until.max(now).saturating_add(policy.forget_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gu_2_the_wait_never_shrinks_and_stays_within_its_bounds() {
        let policy = ThrottlePolicy::default();
        assert_eq!(policy.wait_after(4), Duration::ZERO);
        assert_eq!(policy.wait_after(5), Duration::from_secs(30));
        assert_eq!(policy.wait_after(6), Duration::from_mins(1));
        let waits = (0..200).map(|n| policy.wait_after(n));
        assert!(waits.clone().is_sorted());
        assert_eq!(waits.max(), Some(Duration::from_hours(1)));
        assert_eq!(policy.wait_after(u32::MAX), Duration::from_hours(1));
    }

    #[test]
    fn inv_21_a_clock_that_steps_back_shortens_no_wait() {
        let policy = ThrottlePolicy::default();
        let row = ThrottleRecord { failures: 8, until: Timestamp::from_millis(10_000_000) };
        assert!(row.failed(&policy, Timestamp::from_millis(0)).until >= row.until);
    }
}
