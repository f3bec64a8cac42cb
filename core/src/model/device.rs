//! The devices that an account is known to log in from: each has an allowance of guesses of its own, so that a
//! stranger who keeps the name waiting does not keep its owner out (ASVS 5.0, 6.1.1).
//!
//! | from | by | to |
//! |---|---|---|
//! | – | a login that asks for it | known |
//! | known | a login with its token | known for the whole lifetime from now, or from up to a day before (half the lifetime, where that is less) |
//! | known | its lifetime, account or global epoch raised (a new password, logout everywhere, disabled, a restore, a clock mark lowered), a further device where the list is full | forgotten |
//! | forgotten | anything | forgotten |
//!
//! A logout leaves it alone: who comes back is to be known. Its token opens nothing without the password.
//!
//! | guesses | wait by | decided while all failures in a row are below |
//! |---|---|---|
//! | by name, where no device is known | the name's throttle | `off_at` |
//! | by name, where one is | the name's throttle | `off_at` - `tries` |
//! | from a known device, `tries` in a row | nothing | `off_at` |
//! | from one that has made them | as by name | as by name |
//! | inside a session | the account's throttle | `off_at` |
//!
//! So no more than [`off_at`](crate::model::throttle::ThrottlePolicy::off_at) failures in a row are ever decided (NIST
//! SP 800-63B-4, section 3.2.2), and the last `tries` of them are not a stranger's to use up.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::id::DeviceId;
use crate::record::Row;
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
}

impl KnownDevice {
    /// Whether it is still known, given the rows that it depends on.
    pub(crate) fn is_live(&self, account: &Row, keyring: &Row, now: Timestamp) -> bool {
        now < self.expires && account.epoch == self.account_epoch && keyring.epoch == self.global_epoch
    }
}

impl fmt::Debug for KnownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownDevice")
            .field("id", &self.id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// What a known device may, and how many there are.
///
/// # Example: fewer tries, and only on the three latest devices
/// ```
/// use doorward_core::model::device::DevicePolicy;
/// use doorward_core::policy::Policy;
///
/// let strict = DevicePolicy { tries: 3, per_account: 3, ..DevicePolicy::default() };
/// let policy = Policy::builder().devices(strict).build()?;
/// // Strangers are decided 97 guesses in a row; the last three are the devices'.
/// assert_eq!(policy.throttle().off_at - policy.devices().tries, 97);
/// # Ok::<(), doorward_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePolicy {
    /// Failures in a row that a device may make whatever strangers do to the name; then it is as any other. As many are
    /// kept from guesses by name while a device is known. Default 10.
    pub tries: u32,
    /// How long a device is known after its last login. Default 400 days: browsers keep no cookie longer (RFC 6265bis,
    /// section 5.5).
    pub lifetime: Duration,
    /// How many an account has: a further one takes the place of the one that was away longest. Default 10; 0: none is
    /// ever known.
    pub per_account: u32,
}

impl Default for DevicePolicy {
    fn default() -> Self {
        Self { tries: 10, lifetime: Duration::from_hours(400 * 24), per_account: 10 }
    }
}
