//! Rows: what is remembered, under which key, and how it is written down.
//!
//! | kind | under | holds | read |
//! |---|---|---|---|
//! | login | canonical name | whose name it is | login, register, rename |
//! | account | account | that it exists; its row's epoch counts "logout everywhere" | every request |
//! | active | account | that it may log in: deleting the row disables | login |
//! | credential | account | the password hash and its Unicode mode | login |
//! | attempts | account | failures in a row, lasting | login |
//! | throttle | keyed hash of a name | failures and the present wait, expiring | login |
//! | session | session | one life: salt, generation, epochs, times | every request |
//! | keyring | (one row) | key checks, the throttle key; its row's epoch is the global epoch | every request |
//! | data | session | what the host keeps with a session | when the host asks |
//! | devices | account | the devices known from earlier logins | login |
//! | deletion | account | that an account's remains are being removed | maintenance |
//! | clock | (one row) | the latest time that was seen | opening, maintenance, revoke_token |
//! | grants | session | its refresh families, and its access tokens that were revoked | issue, refresh, verify, introspect, revoke_token, reauthenticate |

use alloc::vec::Vec;
use core::fmt;

use crate::error::Fault;
use crate::id::{AccountId, Stamp};
use crate::model::clock::ClockRecord;
use crate::model::data::DataRecord;
use crate::model::deletion::DeletionRecord;
use crate::model::device::DevicesRecord;
use crate::model::grant::GrantsRecord;
use crate::model::keyring::KeyringRecord;
use crate::model::session::SessionRecord;
use crate::model::throttle::{AttemptsRecord, ThrottleRecord};
use crate::password::{Normalization, PasswordHash};
use crate::time::Timestamp;

pub use encoding::RecordError;
pub use key::{Key, Kind};
pub use label::ClientLabel;

mod encoding;
mod key;
mod label;
pub(crate) mod text;

/// A row as a store keeps it.
///
/// # Example: a row as its columns
/// ```
/// use doorward_core::id::{AccountId, Stamp};
/// use doorward_core::record::{ActiveRecord, Row};
/// use doorward_core::time::Timestamp;
///
/// let since = Timestamp::from_millis(1_700_000_000_000);
/// let row = Row {
///     stamp: Stamp::from_bytes([2; 16]), // another one after each write
///     epoch: 0,
///     owner: Some(AccountId::from_bytes([1; 16])),
///     expires: None, // a purge leaves it alone
///     record: ActiveRecord { since }.into(),
/// };
/// assert_eq!(row.active()?.since, since);
/// assert!(row.session().is_err()); // another kind under this key: the store mixed rows up
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which attempt wrote it: the version that preconditions compare.
    pub stamp: Stamp,
    /// How often it was raised: see [`Write::Raise`](crate::store::Write).
    pub epoch: u64,
    /// The account it belongs to, for scans by owner.
    pub owner: Option<AccountId>,
    /// From when on a purge may remove it. Until then, and after it, the core goes by the times in the record, and
    /// by this one for counters, which count nothing from here on.
    pub expires: Option<Timestamp>,
    /// What it says.
    pub record: Record,
}

/// What a row says. Memory keeps it as it is; byte stores use [`Row::encode`] and [`Row::decode`].
///
/// # Example: each kind of record has its kind of key
/// ```
/// use doorward_core::id::AccountId;
/// use doorward_core::record::{AccountRecord, Key, Record};
/// use doorward_core::time::Timestamp;
///
/// let record = Record::from(AccountRecord { created: Timestamp::from_millis(0) });
/// assert_eq!(record.kind(), Key::Account(AccountId::from_bytes([1; 16])).kind());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Under [`Key::Login`].
    Login(LoginRecord),
    /// Under [`Key::Account`].
    Account(AccountRecord),
    /// Under [`Key::Active`].
    Active(ActiveRecord),
    /// Under [`Key::Credential`].
    Credential(CredentialRecord),
    /// Under [`Key::Attempts`].
    Attempts(AttemptsRecord),
    /// Under [`Key::Throttle`].
    Throttle(ThrottleRecord),
    /// Under [`Key::Session`].
    Session(SessionRecord),
    /// Under [`Key::Keyring`].
    Keyring(KeyringRecord),
    /// Under [`Key::Data`].
    Data(DataRecord),
    /// Under [`Key::Devices`].
    Devices(DevicesRecord),
    /// Under [`Key::Deletion`].
    Deletion(DeletionRecord),
    /// Under [`Key::Clock`].
    Clock(ClockRecord),
    /// Under [`Key::Grants`].
    Grants(GrantsRecord),
}

impl Record {
    /// The kind of key it stands under.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Login(_) => Kind::Login,
            Self::Account(_) => Kind::Account,
            Self::Active(_) => Kind::Active,
            Self::Credential(_) => Kind::Credential,
            Self::Attempts(_) => Kind::Attempts,
            Self::Throttle(_) => Kind::Throttle,
            Self::Session(_) => Kind::Session,
            Self::Keyring(_) => Kind::Keyring,
            Self::Data(_) => Kind::Data,
            Self::Devices(_) => Kind::Devices,
            Self::Deletion(_) => Kind::Deletion,
            Self::Clock(_) => Kind::Clock,
            Self::Grants(_) => Kind::Grants,
        }
    }
}

/// Rows of one kind hold records of that kind: a typed way in, an error where a store mixed them up.
macro_rules! record_access {
    ($($method:ident: $variant:ident => $record:ty),+ $(,)?) => {
        impl Row {
            $(
                /// The record, when it is of this kind.
                ///
                /// # Errors
                /// [`RecordError::Kind`], as a [`Fault`]: the store filed a row of another kind under this key.
                pub fn $method(&self) -> Result<&$record, Fault> {
                    match &self.record {
                        Record::$variant(record) => Ok(record),
                        _ => Err(RecordError::Kind.into()),
                    }
                }
            )+
        }

        $(impl From<$record> for Record {
            fn from(record: $record) -> Self {
                Self::$variant(record)
            }
        })+
    };
}

record_access! {
    login: Login => LoginRecord,
    account: Account => AccountRecord,
    active: Active => ActiveRecord,
    credential: Credential => CredentialRecord,
    attempts: Attempts => AttemptsRecord,
    throttle: Throttle => ThrottleRecord,
    session: Session => SessionRecord,
    keyring: Keyring => KeyringRecord,
    data: Data => DataRecord,
    devices: Devices => DevicesRecord,
    deletion: Deletion => DeletionRecord,
    clock: Clock => ClockRecord,
    grants: Grants => GrantsRecord,
}

/// Whose login name it is.
///
/// # Example: whose name is it?
/// ```
/// # use doorward_core::{name::LoginName, operation::register::Register, record::Key, store::Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let ada = engine.run(Register::new("Ada", "plum kettle orbit"))??;
/// let rows = engine.store.read(&[Key::Login(LoginName::parse("ada")?)])?;
/// let Some(row) = &rows[0] else { unreachable!() };
/// assert_eq!(row.login()?.account, ada);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct LoginRecord {
    /// The account.
    #[n(0)]
    pub account: AccountId,
}

/// That an account exists. Small, for every request reads it.
///
/// # Example: how small it is
/// ```
/// use doorward_core::id::{AccountId, Stamp};
/// use doorward_core::record::{AccountRecord, Key, Row};
/// use doorward_core::time::Timestamp;
///
/// let account = AccountId::from_bytes([1; 16]);
/// let record = AccountRecord { created: Timestamp::from_millis(1_700_000_000_000) }.into();
/// let row = Row { stamp: Stamp::from_bytes([2; 16]), epoch: 0, owner: Some(account), expires: None, record };
/// assert_eq!(row.encode(&Key::Account(account)).len(), 15); // bytes, checksum included
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct AccountRecord {
    /// When it was made.
    #[n(0)]
    pub created: Timestamp,
}

/// That an account may log in. It is a row of its own so that disabling is a `Delete`, which nobody can
/// starve, and a login in flight, which consulted the row, cannot commit after it.
///
/// # Example: an account is active from its registration on
/// ```
/// # use doorward_core::{operation::register::Register, record::Key, store::Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let rows = engine.store.read(&[Key::Active(ada)])?;
/// let Some(row) = &rows[0] else { unreachable!() };
/// assert_eq!(row.active()?.since, engine.now);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ActiveRecord {
    /// Since when.
    #[n(0)]
    pub since: Timestamp,
}

/// An account's password.
///
/// # Example: the hash does not print
/// ```
/// # use doorward_core::{operation::register::Register, record::Key, store::Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let rows = engine.store.read(&[Key::Credential(ada)])?;
/// let Some(row) = &rows[0] else { unreachable!() };
/// let credential = row.credential()?;
/// assert!(credential.hash.as_str().starts_with("$argon2id$v=19$"));
/// assert!(!format!("{credential:?}").contains("argon2id"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, minicbor::Encode, minicbor::Decode)]
pub struct CredentialRecord {
    /// The Argon2id hash.
    #[cbor(n(0), with = "encoding::password_hash")]
    pub hash: PasswordHash,
    /// How the password was made comparable before hashing.
    #[n(1)]
    pub normalization: Normalization,
    /// When it was last set. A rehash of the same password does not move it.
    #[n(2)]
    pub set: Timestamp,
    /// Since when it is known to be in other hands: it opens nothing until another one is set.
    #[n(3)]
    pub compromised: Option<Timestamp>,
    /// The number of the pepper that it was hashed with, if any.
    #[n(4)]
    pub pepper: Option<u32>,
}

impl CredentialRecord {
    /// Of a password that was set just now.
    pub fn new(
        hash: PasswordHash,
        normalization: Normalization,
        pepper: Option<u32>,
        set: Timestamp,
    ) -> Self {
        Self { hash, normalization, set, compromised: None, pepper }
    }
}

impl fmt::Debug for CredentialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRecord").field("set", &self.set).finish_non_exhaustive()
    }
}

/// Encodes and decodes rows: used by stores that keep bytes.
impl Row {
    /// The record as bytes: format version, CBOR, checksum. The checksum covers key, owner and expiry too,
    /// so that a row filed under another key, or with a damaged column, is found out.
    ///
    /// # Example: there and back
    /// ```
    /// use doorward_core::id::{AccountId, Stamp};
    /// use doorward_core::record::{AccountRecord, Key, Record, Row};
    /// use doorward_core::time::Timestamp;
    ///
    /// let account = AccountId::from_bytes([1; 16]);
    /// let key = Key::Account(account);
    /// let record = Record::Account(AccountRecord { created: Timestamp::from_millis(5) });
    /// let row = Row { stamp: Stamp::from_bytes([2; 16]), epoch: 3, owner: Some(account), expires: None, record };
    /// let bytes = row.encode(&key);
    /// let again = Row::decode(&key, row.stamp, row.epoch, row.owner, row.expires, &bytes);
    /// assert_eq!(again, Ok(row));
    /// ```
    pub fn encode(&self, key: &Key) -> Vec<u8> {
        encoding::encode(key, self)
    }

    /// Whether [`Row::decode`] would take the record back: a longer one it refuses.
    pub(crate) fn fits(&self) -> bool {
        encoding::fits(&self.record)
    }

    /// The row with these columns and this record. Refuses, without a panic and without allocating more than
    /// the input's size, whatever [`Row::encode`] would not have written.
    ///
    /// # Errors
    /// [`RecordError`]: damage, another key's or owner's record, or a newer Doorward's.
    pub fn decode(
        key: &Key,
        stamp: Stamp,
        epoch: u64,
        owner: Option<AccountId>,
        expires: Option<Timestamp>,
        bytes: &[u8],
    ) -> Result<Self, RecordError> {
        let record = encoding::decode(key, owner, expires, bytes)?;
        Ok(Self { stamp, epoch, owner, expires, record })
    }
}
