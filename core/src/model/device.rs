//! The devices that an account is known to log in from: each has an allowance of guesses of its own, so that a
//! stranger who keeps the name waiting does not keep its owner out (ASVS 5.0, 6.1.1).

use alloc::vec::Vec;
use core::fmt;

use crate::id::DeviceId;
use crate::time::Timestamp;

/// The known devices of one account, in one row: no more than the policy allows.
///
/// # Example: an account without one
/// ```
/// use doorward_core::model::device::DevicesRecord;
///
/// assert!(DevicesRecord::default().devices.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub struct DevicesRecord {
    /// The devices, the longest known first.
    #[n(0)]
    pub devices: Vec<KnownDevice>,
}

/// One device.
///
/// # Example: half of what makes its token does not print
/// ```
/// use doorward_core::id::DeviceId;
/// use doorward_core::model::device::KnownDevice;
/// use doorward_core::time::Timestamp;
///
/// let device = KnownDevice {
///     id: DeviceId::from_bytes([1; 16]),
///     salt: [7; 16],
///     account_epoch: 0,
///     global_epoch: 0,
///     expires: Timestamp::from_millis(5),
///     failures: 2,
/// };
/// assert!(!format!("{device:?}").contains("salt"));
/// ```
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct KnownDevice {
    /// Which one.
    #[n(0)]
    pub id: DeviceId,
    /// Half of what makes its token; the other half is a master key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// The account row's epoch when it became known.
    #[n(2)]
    pub account_epoch: u64,
    /// The keyring row's epoch when it became known.
    #[n(3)]
    pub global_epoch: u64,
    /// From when on it is a stranger again.
    #[n(4)]
    pub expires: Timestamp,
    /// Its failures since its last success.
    #[n(5)]
    pub failures: u32,
}

impl fmt::Debug for KnownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownDevice")
            .field("id", &self.id)
            .field("expires", &self.expires)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}
