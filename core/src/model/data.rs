//! What a host keeps with a session: bytes that mean nothing to the engine, in a row of their own, so that no request
//! pays for them that does not ask.

use alloc::vec::Vec;
use core::fmt;

use crate::id::AccountId;

/// The host's bytes. They rest in the store as they are: whoever reads the database reads them.
///
/// # Example: they do not print
/// ```
/// use doorward_core::model::data::DataRecord;
///
/// let cart = DataRecord { bytes: b"two plums".to_vec() };
/// assert_eq!(format!("{cart:?}"), "DataRecord(9 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DataRecord {
    /// What the host said.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// How much a host may keep with a session, in bytes.
///
/// # Example: less for who has not said who they are
/// ```
/// use doorward_core::policy::Policy;
///
/// let limits = Policy::default().data_limits();
/// assert_eq!((limits.logged_in, limits.anonymous), (64 * 1024, 16 * 1024));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataLimits {
    /// With a session of an account: at most 128 KiB.
    pub logged_in: usize,
    /// With an anonymous one: no more than that, for anybody may have as many as they like.
    pub anonymous: usize,
}

impl DataLimits {
    /// The most that a policy may allow: well below what a record holds.
    pub(crate) const MOST: usize = 128 * 1024;

    /// For a session of this owner.
    pub(crate) fn of(self, owner: Option<AccountId>) -> usize {
        if owner.is_some() { self.logged_in } else { self.anonymous }
    }
}

impl Default for DataLimits {
    fn default() -> Self {
        Self { logged_in: 64 * 1024, anonymous: 16 * 1024 }
    }
}

impl fmt::Debug for DataRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataRecord({} bytes)", self.bytes.len())
    }
}
