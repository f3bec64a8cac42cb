//! How guessing is slowed, by name and by account.
//!
//! | row | filed under | lasts | does |
//! |---|---|---|---|
//! | throttle | keyed hash of the name, known or not | expires | after the free tries: a wait that doubles |
//! | attempts | the account, or a decoy of it | until a success (a decoy's: as the throttle) | at the limit: off |
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
///
/// # Example: five wrong guesses at a name that nobody has
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::login::Login;
/// use doorward_core::record::Kind;
/// use doorward_core::store::{Range, Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
///
/// for _ in 0..5 {
///     assert!(engine.run(Login::new("nobody", "a guess"))?.is_err());
/// }
/// let rows = engine.store.scan(&Range { kind: Kind::Throttle, owner: None, after: None }, 10)?;
/// let record = rows[0].1.throttle()?;
/// assert_eq!(record.failures, 5);
/// assert_eq!(record.until.since(engine.now), Duration::from_secs(30));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// # Example: an account's failures do not expire
/// ```
/// # use doorward_core::{operation::{login::Login, register::Register}, record::Key, store::Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let account = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// assert!(engine.run(Login::new("ada", "a guess"))?.is_err());
///
/// let rows = engine.store.read(&[Key::Attempts(account)])?;
/// let Some(row) = &rows[0] else { unreachable!() };
/// assert_eq!((row.attempts()?.failures, row.expires), (1, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub struct AttemptsRecord {
    /// Failures in a row.
    #[n(0)]
    pub failures: u32,
}

/// How many guesses are free, how the wait grows, and when an account goes off.
///
/// # Example: three free tries, then a minute, two, four
/// ```
/// use core::time::Duration;
/// use doorward_core::model::throttle::ThrottlePolicy;
/// use doorward_core::policy::Policy;
///
/// let strict = ThrottlePolicy { free: 3, first_wait: Duration::from_mins(1), ..ThrottlePolicy::default() };
/// let waits = [2, 3, 4, 5, 100].map(|failures| strict.wait_after(failures).as_secs() / 60);
/// assert_eq!(waits, [0, 1, 2, 4, 60]); // minutes; never longer than `longest_wait`
/// let policy = Policy::builder().throttle(strict).build()?;
/// # assert_eq!(policy.throttle().free, 3);
/// # Ok::<(), doorward_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottlePolicy {
    /// Failures that are decided without waiting; the last of them brings the first wait. Default 5.
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
