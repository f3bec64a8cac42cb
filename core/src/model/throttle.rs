//! How guessing is slowed, by name and by account.
//!
//! | row | filed under | lasts | does |
//! |---|---|---|---|
//! | throttle | keyed hash of the name, known or not | expires | after the free tries: a wait that doubles |
//! | attempts | the account, or a decoy of it | until a success (a decoy's: as the throttle) | at the limit: off |
//!
//! | event | throttle | attempts |
//! |---|---|---|
//! | failure | failures + 1, wait by [`ThrottlePolicy::wait_after`] | failures + 1, unless it is off |
//! | attempt during a wait | unchanged, answered before hashing | unchanged |
//! | success | removed | removed, but for what known devices hold |
//! | failure from a known device with tries left | unchanged | failures + 1, and so many that it holds |
//! | success from such a one | unchanged | less what it held |
//!
//! So a success takes off what its own subject has brought on, and a stranger's guesses are counted as if the owner had
//! not come by (see [`device`](crate::model::device) for how many there are).
//!
//! Failures in parallel meet in these rows, and a success consults them: however many guesses run at once,
//! only the allowed number is decided (ASVS 5.0, 15.4.2; NIST SP 800-63B-4, section 3.2.2).

use alloc::vec::Vec;
use core::time::Duration;

use crate::id::DeviceId;
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
    /// Failures in a row, wherever they were made.
    #[n(0)]
    pub failures: u32,
    /// Which of them known devices have made. They stand here, beside all others, so that whoever forgets the count
    /// forgets them too.
    #[cbor(n(1), skip_if = "Vec::is_empty")]
    pub devices: Vec<DeviceFailures>,
}

/// The failures of one known device since its last success.
///
/// # Example: two of seven
/// ```
/// use doorward_core::id::DeviceId;
/// use doorward_core::model::throttle::{AttemptsRecord, DeviceFailures};
///
/// let device = DeviceId::from_bytes([1; 16]);
/// let record = AttemptsRecord { failures: 7, devices: vec![DeviceFailures { device, failures: 2 }] };
/// let by_others = record.failures - record.devices.iter().map(|held| held.failures).sum::<u32>();
/// assert_eq!(by_others, 5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DeviceFailures {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// How many.
    #[n(1)]
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
        let until = match policy.wait_after(failures) {
            // Not even until now: an instance whose clock is behind would take that for a wait.
            Duration::ZERO => self.until,
            wait => now.saturating_add(wait).max(self.until),
        };
        Self { failures, until }
    }

    /// From when on the row may be forgotten.
    pub(crate) fn expires(&self, policy: &ThrottlePolicy, now: Timestamp) -> Timestamp {
        self.until.max(now).saturating_add(policy.forget_after)
    }
}

impl AttemptsRecord {
    /// How many of the failures are this device's.
    pub(crate) fn of(&self, device: DeviceId) -> u32 {
        self.devices.iter().find(|held| held.device == device).map_or(0, |held| held.failures)
    }

    /// The row after one more failure: a known device's, or anybody's.
    pub(crate) fn failed(&self, device: Option<DeviceId>) -> Self {
        let mut next = Self { failures: self.failures.saturating_add(1), devices: self.devices.clone() };
        if let Some(device) = device {
            next.devices.retain(|held| held.device != device);
            next.devices.push(DeviceFailures { device, failures: self.of(device).saturating_add(1) });
        }
        next
    }

    /// The row without what this device holds.
    pub(crate) fn without(&self, device: DeviceId) -> Self {
        let mut next = Self { failures: self.failures.saturating_sub(self.of(device)), ..self.clone() };
        next.devices.retain(|held| held.device != device);
        next
    }

    /// The row with nothing but what these devices hold.
    pub(crate) fn only(&self, is_kept: impl Fn(DeviceId) -> bool) -> Self {
        let devices: Vec<_> = self.devices.iter().filter(|held| is_kept(held.device)).cloned().collect();
        let failures = devices.iter().fold(0_u32, |sum, held| sum.saturating_add(held.failures));
        Self { failures, devices }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_38_each_device_takes_off_what_it_has_brought_on_and_no_more() {
        let [one, two] = [1, 2].map(|byte| DeviceId::from_bytes([byte; 16]));
        let record = [None, Some(one), Some(two), None, Some(one)]
            .into_iter()
            .fold(AttemptsRecord::default(), |record, device| record.failed(device));
        assert_eq!((record.failures, record.of(one), record.of(two)), (5, 2, 1));
        let without = record.without(one);
        assert_eq!((without.failures, without.of(one), without.of(two)), (3, 0, 1));
        let only = record.only(|device| device == one);
        assert_eq!((only.failures, only.of(one), only.of(two)), (2, 2, 0));
        assert_eq!(record.only(|_| false), AttemptsRecord::default());
        let full = AttemptsRecord { failures: u32::MAX, ..record };
        assert_eq!(full.failed(None).failures, u32::MAX);
    }

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

    /// Four processes with clocks 300 ms apart: a free failure in one was a wait in another, for the right password too.
    #[test]
    fn a_free_failure_is_no_wait_on_a_clock_that_is_behind() {
        let policy = ThrottlePolicy::default();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut row = ThrottleRecord::default();
        for _ in 1..policy.free {
            row = row.failed(&policy, now);
            assert!(row.until <= Timestamp::from_millis(0));
        }
        assert_eq!(row.failed(&policy, now).until, now.saturating_add(policy.first_wait));
        let waited = ThrottleRecord { failures: 1, until: now };
        assert_eq!(waited.failed(&policy, Timestamp::from_millis(5)).until, now, "a wait is never shortened");
    }

    #[test]
    fn inv_21_a_clock_that_steps_back_shortens_no_wait() {
        let policy = ThrottlePolicy::default();
        let row = ThrottleRecord { failures: 8, until: Timestamp::from_millis(10_000_000) };
        assert!(row.failed(&policy, Timestamp::from_millis(0)).until >= row.until);
    }
}
