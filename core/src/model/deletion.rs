//! The tombstone of an account: it is gone, and its remains are being removed.

use crate::time::Timestamp;

/// That an account was deleted. It stands until nothing of the account is left.
///
/// # Example: for how long the remains have been waiting
/// ```
/// use core::time::Duration;
/// use doorward_core::model::deletion::DeletionRecord;
/// use doorward_core::time::Timestamp;
///
/// let tombstone = DeletionRecord { started: Timestamp::from_millis(0) };
/// let now = Timestamp::from_millis(60_000);
/// assert_eq!(now.since(tombstone.started), Duration::from_mins(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DeletionRecord {
    /// When the account was deleted.
    #[n(0)]
    pub started: Timestamp,
}
