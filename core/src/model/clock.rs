//! The latest time that any engine on the store has written down: what a clock is compared with after a restart.
//!
//! | the clock shows | at open | at maintenance |
//! |---|---|---|
//! | the mark, or later by at most `max_clock_jump` | the mark is raised | the mark is raised |
//! | later than that | the mark is raised, and the jump noted | the same, and refused: [`ClockError::Jumped`] |
//! | earlier by at most `max_clock_regression` | taken; the engine's time begins at the mark | taken (and `max_skew` more) |
//! | earlier than that | refused: [`ClockError::Behind`] | refused: [`ClockError::Behind`] |
//!
//! A clock that is behind would bring back what is over; one that has jumped ahead would purge what still lives. An
//! engine may open after any pause, for sessions that look too old are refused and no more; a purge cannot be undone.
//! The mark follows a jump, too: if the clock was wrong and is set right, what was granted meanwhile would live until
//! that time comes, so that opening must be refused until [`TrustClock`](crate::operation::trust_clock) ends it all.

use core::time::Duration;

use thiserror::Error;

use crate::policy::Policy;
use crate::time::Timestamp;

/// The store's one clock row. No operation that lets anybody in rests on it, so that writing it disturbs none.
///
/// # Example: a mark and a clock that is behind it
/// ```
/// use core::time::Duration;
/// use doorward_core::model::clock::ClockRecord;
/// use doorward_core::time::Timestamp;
///
/// let mark = ClockRecord::at(Timestamp::from_millis(1_700_000_000_000));
/// let clock = Timestamp::from_millis(1_699_999_990_000);
/// assert_eq!(mark.highest.since(clock), Duration::from_secs(10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ClockRecord {
    /// The latest time that was seen.
    #[n(0)]
    pub highest: Timestamp,
    /// The latest time before an implausible jump ahead, until somebody vouches for the clock.
    #[n(1)]
    pub jumped_from: Option<Timestamp>,
}

/// Why a clock cannot be right. Nothing was changed.
///
/// # Example: a machine whose clock was lost
/// ```
/// use doorward_core::error::Fault;
/// use doorward_core::model::clock::ClockError;
/// use doorward_core::operation::open::Open;
/// # use doorward_core::time::Timestamp;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
///
/// engine.now = Timestamp::from_millis(0); // 1970
/// let refused = engine.run(Open::new()).unwrap_err();
/// let Fault::Clock(ClockError::Behind { mark, now }) = refused else { unreachable!() };
/// assert_eq!((mark.as_millis(), now.as_millis()), (1_700_000_000_000, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClockError {
    /// It is further behind the mark than the policy's `max_clock_regression`.
    #[error(
        "the clock is behind: the store has seen {mark:?}, it shows {now:?}; set it, or trust it explicitly"
    )]
    Behind {
        /// The latest time that was written down.
        mark: Timestamp,
        /// What the clock shows.
        now: Timestamp,
    },
    /// It is further ahead of the mark than the policy's `max_clock_jump`.
    #[error(
        "the clock has jumped: the store has seen {mark:?}, it shows {now:?}; set it, or trust it explicitly"
    )]
    Jumped {
        /// The latest time that was written down.
        mark: Timestamp,
        /// What the clock shows.
        now: Timestamp,
    },
}

impl ClockRecord {
    /// A mark that nobody doubts.
    pub fn at(highest: Timestamp) -> Self {
        Self { highest, jumped_from: None }
    }

    /// Refuses a clock that is behind the mark by more than this.
    pub(crate) fn check_behind(&self, now: Timestamp, most: Duration) -> Result<(), ClockError> {
        let mark = self.highest;
        if mark.since(now) > most { Err(ClockError::Behind { mark, now }) } else { Ok(()) }
    }

    /// Refuses a clock that is ahead of the mark, or of where it jumped from, by more than the policy allows.
    pub(crate) fn check_jump(&self, now: Timestamp, policy: &Policy) -> Result<(), ClockError> {
        let mark = self.jumped_from.unwrap_or(self.highest);
        if now.since(mark) > policy.max_clock_jump() { Err(ClockError::Jumped { mark, now }) } else { Ok(()) }
    }

    /// The mark after this time was seen.
    pub(crate) fn raised(&self, now: Timestamp, policy: &Policy) -> Self {
        let jumped_from = self.check_jump(now, policy).is_err();
        let jumped_from = jumped_from.then(|| self.jumped_from.unwrap_or(self.highest));
        Self { highest: self.highest.max(now), jumped_from }
    }

    /// Whether the mark has fallen so far behind that it is worth a write.
    pub(crate) fn is_due(&self, now: Timestamp, policy: &Policy) -> bool {
        now > self.highest && now.since(self.highest) >= policy.touch_every()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_20_the_bounds_to_the_millisecond_and_at_the_extremes() {
        let at = Timestamp::from_millis;
        let (policy, mark) = (Policy::default(), ClockRecord::at(at(1_700_000_000_000)));
        let bound = policy.max_clock_regression();
        let behind = mark.highest.saturating_sub(bound);
        assert_eq!(mark.check_behind(behind, bound), Ok(()));
        let now = at(behind.as_millis() - 1);
        assert_eq!(mark.check_behind(now, bound), Err(ClockError::Behind { mark: mark.highest, now }));
        let ahead = mark.highest.saturating_add(policy.max_clock_jump());
        assert_eq!(mark.check_jump(ahead, &policy), Ok(()));
        let now = at(ahead.as_millis() + 1);
        assert_eq!(mark.check_jump(now, &policy), Err(ClockError::Jumped { mark: mark.highest, now }));

        // The jump is doubted until time has caught up with it, however often it is seen.
        let raised = mark.raised(now, &policy).raised(now, &policy);
        assert_eq!(raised, ClockRecord { highest: now, jumped_from: Some(mark.highest) });
        assert!(raised.check_jump(now, &policy).is_err());
        assert_eq!(mark.raised(ahead, &policy), ClockRecord::at(ahead));

        let (first, last) = (ClockRecord::at(at(i64::MIN)), ClockRecord::at(Timestamp::MAX));
        assert!(
            first.check_behind(at(i64::MIN), bound).is_ok()
                && first.check_jump(Timestamp::MAX, &policy).is_err()
        );
        assert!(
            last.check_behind(at(i64::MIN), bound).is_err() && last.check_jump(at(i64::MIN), &policy).is_ok()
        );
    }

    #[test]
    fn the_mark_is_written_as_seldom_as_a_touch_and_never_lowered() {
        let policy = Policy::builder().touch_every(Duration::ZERO).build().unwrap();
        let mark = ClockRecord::at(Timestamp::from_millis(60_000));
        let is_due = |millis, policy: &Policy| mark.is_due(Timestamp::from_millis(millis), policy);
        assert!(!is_due(59_999, &policy) && !is_due(60_000, &policy) && is_due(60_001, &policy));
        assert!(!is_due(119_999, &Policy::default()) && is_due(120_000, &Policy::default()));
    }
}
