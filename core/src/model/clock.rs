//! The latest time that any engine on the store has written down: what a clock is compared with after a restart.

use crate::time::Timestamp;

/// The store's one clock row. No operation rests on it, so that writing it disturbs none.
///
/// # Example: a mark and a clock that is behind it
/// ```
/// use core::time::Duration;
/// use doorward_core::model::clock::ClockRecord;
/// use doorward_core::time::Timestamp;
///
/// let mark = ClockRecord { highest: Timestamp::from_millis(1_700_000_000_000) };
/// let clock = Timestamp::from_millis(1_699_999_990_000);
/// assert_eq!(mark.highest.since(clock), Duration::from_secs(10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ClockRecord {
    /// The latest time that was seen.
    #[n(0)]
    pub highest: Timestamp,
}
