//! What a row is filed under.

use crate::id::{AccountId, NameHash, SessionId};
use crate::name::LoginName;

/// What a row is filed under. Keys sort by kind, then by their bytes: the order of every scan.
///
/// # Example: a key's parts, for a store that files by kind and bytes
/// ```
/// use doorward_core::id::SessionId;
/// use doorward_core::record::{Key, Kind};
///
/// let key = Key::Session(SessionId::from_bytes([9; 16]));
/// assert_eq!((key.kind(), key.id_bytes()), (Kind::Session, &[9; 16][..]));
/// assert_eq!(Key::from_parts(Kind::Session, &[9; 16]), Some(key));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Whose login name this is.
    Login(LoginName),
    /// An account.
    Account(AccountId),
    /// That an account may log in.
    Active(AccountId),
    /// An account's password.
    Credential(AccountId),
    /// An account's failures in a row.
    Attempts(AccountId),
    /// A name's failures and wait.
    Throttle(NameHash),
    /// A session.
    Session(SessionId),
    /// The one keyring.
    Keyring,
    /// What the host keeps with a session.
    Data(SessionId),
    /// The devices that an account has logged in from.
    Devices(AccountId),
    /// That an account was deleted and its remains are being removed.
    Deletion(AccountId),
    /// The latest time that was seen.
    Clock,
    /// What a session has granted in tokens.
    Grants(SessionId),
}

/// The kind of a [`Key`], with the number and name that stores may write down: they are never reused.
///
/// # Example: a table for each kind
/// ```
/// use doorward_core::record::{Key, Kind};
///
/// let tables: Vec<&str> = Kind::ALL.into_iter().map(Kind::name).collect();
/// assert_eq!(tables.len(), 13);
/// assert_eq!((Kind::Session.name(), Kind::Session.number()), ("session", 7)); // both for ever
/// assert_eq!(Kind::from_number(7), Some(Kind::Session));
/// assert!(Key::Keyring >= Kind::Keyring.least_key()); // where a scan of this kind begins
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// [`Key::Login`].
    Login = 1,
    /// [`Key::Account`].
    Account = 2,
    /// [`Key::Active`].
    Active = 3,
    /// [`Key::Credential`].
    Credential = 4,
    /// [`Key::Attempts`].
    Attempts = 5,
    /// [`Key::Throttle`].
    Throttle = 6,
    /// [`Key::Session`].
    Session = 7,
    /// [`Key::Keyring`].
    Keyring = 8,
    /// [`Key::Data`].
    Data = 9,
    /// [`Key::Devices`].
    Devices = 10,
    /// [`Key::Deletion`].
    Deletion = 11,
    /// [`Key::Clock`].
    Clock = 12,
    /// [`Key::Grants`].
    Grants = 13,
}

impl Kind {
    /// Every kind, in key order.
    pub const ALL: [Self; 13] = [
        Self::Login,
        Self::Account,
        Self::Active,
        Self::Credential,
        Self::Attempts,
        Self::Throttle,
        Self::Session,
        Self::Keyring,
        Self::Data,
        Self::Devices,
        Self::Deletion,
        Self::Clock,
        Self::Grants,
    ];

    /// Its lasting number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// A key that no key of this kind sorts before: where a range begins. It may not be one that can be stored.
    pub fn least_key(self) -> Key {
        let account = AccountId::from_bytes([0; 16]);
        match self {
            Self::Login => Key::Login(LoginName::before_all()),
            Self::Account => Key::Account(account),
            Self::Active => Key::Active(account),
            Self::Credential => Key::Credential(account),
            Self::Attempts => Key::Attempts(account),
            Self::Throttle => Key::Throttle(NameHash::from_bytes([0; 16])),
            Self::Session => Key::Session(SessionId::from_bytes([0; 16])),
            Self::Keyring => Key::Keyring,
            Self::Data => Key::Data(SessionId::from_bytes([0; 16])),
            Self::Devices => Key::Devices(account),
            Self::Deletion => Key::Deletion(account),
            Self::Clock => Key::Clock,
            Self::Grants => Key::Grants(SessionId::from_bytes([0; 16])),
        }
    }

    /// Its lasting name, singular and lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Account => "account",
            Self::Active => "active",
            Self::Credential => "credential",
            Self::Attempts => "attempts",
            Self::Throttle => "throttle",
            Self::Session => "session",
            Self::Keyring => "keyring",
            Self::Data => "data",
            Self::Devices => "devices",
            Self::Deletion => "deletion",
            Self::Clock => "clock",
            Self::Grants => "grants",
        }
    }

    /// Whether an account may own any number of rows of it: what scans by owner are for, and stores should index.
    pub const fn has_many_per_owner(self) -> bool {
        match self {
            Self::Login | Self::Session | Self::Data | Self::Grants => true,
            Self::Account
            | Self::Active
            | Self::Credential
            | Self::Attempts
            | Self::Throttle
            | Self::Keyring
            | Self::Devices
            | Self::Deletion
            | Self::Clock => false,
        }
    }

    /// Whether a store has one row of it at the most.
    pub const fn is_single(self) -> bool {
        matches!(self, Self::Keyring | Self::Clock)
    }
}

impl Key {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Login(_) => Kind::Login,
            Self::Account(_) => Kind::Account,
            Self::Active(_) => Kind::Active,
            Self::Credential(_) => Kind::Credential,
            Self::Attempts(_) => Kind::Attempts,
            Self::Throttle(_) => Kind::Throttle,
            Self::Session(_) => Kind::Session,
            Self::Keyring => Kind::Keyring,
            Self::Data(_) => Kind::Data,
            Self::Devices(_) => Kind::Devices,
            Self::Deletion(_) => Kind::Deletion,
            Self::Clock => Kind::Clock,
            Self::Grants(_) => Kind::Grants,
        }
    }

    /// What tells it from others of its kind: sixteen bytes, a name's UTF-8, or nothing (keyring and clock).
    pub fn id_bytes(&self) -> &[u8] {
        match self {
            Self::Login(name) => name.as_str().as_bytes(),
            Self::Account(id)
            | Self::Active(id)
            | Self::Credential(id)
            | Self::Attempts(id)
            | Self::Devices(id)
            | Self::Deletion(id) => id.as_bytes(),
            Self::Throttle(hash) => hash.as_bytes(),
            Self::Session(id) | Self::Data(id) | Self::Grants(id) => id.as_bytes(),
            Self::Keyring | Self::Clock => &[],
        }
    }

    /// The key with these parts; `None` when no key has them.
    pub fn from_parts(kind: Kind, id: &[u8]) -> Option<Self> {
        let bytes = || <[u8; 16]>::try_from(id).ok();
        let account = || bytes().map(AccountId::from_bytes);
        Some(match kind {
            Kind::Login => Self::Login(LoginName::from_stored(core::str::from_utf8(id).ok()?).ok()?),
            Kind::Account => Self::Account(account()?),
            Kind::Active => Self::Active(account()?),
            Kind::Credential => Self::Credential(account()?),
            Kind::Attempts => Self::Attempts(account()?),
            Kind::Throttle => Self::Throttle(NameHash::from_bytes(bytes()?)),
            Kind::Session => Self::Session(SessionId::from_bytes(bytes()?)),
            Kind::Keyring => id.is_empty().then_some(Self::Keyring)?,
            Kind::Data => Self::Data(SessionId::from_bytes(bytes()?)),
            Kind::Devices => Self::Devices(account()?),
            Kind::Deletion => Self::Deletion(account()?),
            Kind::Clock => id.is_empty().then_some(Self::Clock)?,
            Kind::Grants => Self::Grants(SessionId::from_bytes(bytes()?)),
        })
    }
}
