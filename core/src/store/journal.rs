//! The revocation journal: what was granted and is no more, in commit order.

use alloc::vec::Vec;

use crate::id::{AccountId, GrantId, SessionId};
use crate::record::Key;
use crate::time::Timestamp;

/// What a batch asks the journal to remember, until the given moment.
///
/// # Example: what becomes of it in the journal
/// ```
/// use doorward_core::record::{Key, Row};
/// use doorward_core::store::{Ending, Revocation};
/// # use doorward_core::{id::AccountId, time::Timestamp};
///
/// /// `row_of` gives a row as it is after the batch.
/// fn revocation(ending: &Ending, row_of: impl Fn(&Key) -> Option<Row>) -> Option<Revocation> {
///     let entry = ending.entry(|key| Ok::<_, ()>(row_of(key).map(|row| row.epoch)));
///     entry.ok().flatten().map(|(revocation, _until)| revocation)
/// }
/// # let (account, until) = (AccountId::from_bytes([1; 16]), Timestamp::from_millis(0));
/// let ending = Ending::Epoch { key: Key::Account(account), until };
/// let gone = revocation(&ending, |_| None); // the batch deleted the account
/// assert_eq!(gone, Some(Revocation::Account { account, floor: u64::MAX }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// This session is over.
    Session {
        /// The session.
        session: SessionId,
        /// When nothing can depend on the entry any more.
        until: Timestamp,
    },
    /// What this session granted under this id is over: one access token, or a family of refresh tokens.
    Grant {
        /// The grant.
        grant: GrantId,
        /// When nothing can depend on the entry any more.
        until: Timestamp,
    },
    /// Everything granted under an earlier epoch of this row is over. The store writes down the row's epoch
    /// as it is after the batch (`u64::MAX` where the row is gone): the caller cannot know it, for a
    /// `Raise` compares nothing.
    Epoch {
        /// [`Key::Account`] or [`Key::Keyring`].
        key: Key,
        /// When nothing can depend on the entry any more.
        until: Timestamp,
    },
}

impl Ending {
    /// The entry that the journal gets, and until when, where `epoch_of` gives the epoch of a row as the batch leaves it.
    /// `None` for an epoch's ending of a row that has no epoch to end: [`Batch::validate`](super::Batch::validate)
    /// refuses such a batch.
    ///
    /// # Errors
    /// Those of `epoch_of`.
    pub fn entry<E>(
        &self,
        epoch_of: impl FnOnce(&Key) -> Result<Option<u64>, E>,
    ) -> Result<Option<(Revocation, Timestamp)>, E> {
        let (revocation, until) = match self {
            Self::Session { session, until } => (Some(Revocation::Session(*session)), until),
            Self::Grant { grant, until } => (Some(Revocation::Grant(*grant)), until),
            Self::Epoch { key, until } => (Revocation::of_epoch(key, epoch_of(key)?), until),
        };
        Ok(revocation.map(|revocation| (revocation, *until)))
    }
}

/// An entry of the journal: something that was granted and is no more.
///
/// # Example: is this still granted?
/// ```
/// use doorward_core::id::{AccountId, GrantId, SessionId};
/// use doorward_core::store::Revocation;
///
/// /// What an access token says of the moment when it was granted.
/// struct Grant { id: GrantId, session: SessionId, account: AccountId, account_epoch: u64, global_epoch: u64 }
///
/// fn ends(revocation: &Revocation, grant: &Grant) -> bool {
///     match revocation {
///         Revocation::Session(session) => *session == grant.session,
///         Revocation::Grant(id) => *id == grant.id,
///         Revocation::Account { account, floor } => *account == grant.account && grant.account_epoch < *floor,
///         Revocation::Everything { floor } => grant.global_epoch < *floor,
///     }
/// }
/// let (session, account) = (SessionId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
/// let grant = Grant { id: GrantId::from_bytes([3; 16]), session, account, account_epoch: 4, global_epoch: 0 };
/// assert!(ends(&Revocation::Account { account, floor: 5 }, &grant));
/// assert!(!ends(&Revocation::Account { account, floor: 4 }, &grant));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// This session is over.
    Session(SessionId),
    /// This access token is over, or all of this family.
    Grant(GrantId),
    /// What was granted for this account under an epoch below `floor` is over.
    Account {
        /// The account.
        account: AccountId,
        /// The lowest epoch that still counts.
        floor: u64,
    },
    /// What was granted to anybody under a global epoch below `floor` is over.
    Everything {
        /// The lowest global epoch that still counts.
        floor: u64,
    },
}

impl Revocation {
    /// The entry for an [`Ending::Epoch`] of `key` whose row now stands at `epoch` (`None`: no row). `None`
    /// when the key is of a kind that has no epoch to end: such a batch is malformed.
    pub fn of_epoch(key: &Key, epoch: Option<u64>) -> Option<Self> {
        let floor = epoch.unwrap_or(u64::MAX);
        match key {
            Key::Account(account) => Some(Self::Account { account: *account, floor }),
            Key::Keyring => Some(Self::Everything { floor }),
            Key::Login(_)
            | Key::Active(_)
            | Key::Credential(_)
            | Key::Attempts(_)
            | Key::Throttle(_)
            | Key::Session(_)
            | Key::Data(_)
            | Key::Devices(_)
            | Key::Deletion(_)
            | Key::Clock
            | Key::Grants(_) => None,
        }
    }
}

/// A place in the journal. The start is [`Cursor::START`]; the store makes the others, and a follower that is to go on
/// after a restart writes their numbers down.
///
/// # Example: where a follower goes on after a restart
/// ```
/// use doorward_core::store::Cursor;
///
/// assert!(Cursor::START < Cursor::from_number(1)); // entries are numbered from 1
/// let written_down = Cursor::from_number(42).number();
/// assert_eq!(Cursor::from_number(written_down).number(), 42);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor(u64);

impl Cursor {
    /// Before the first entry.
    pub const START: Self = Self(0);

    /// The place with this number: for stores, which count from 1, and for followers that wrote it down.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A page of the journal.
///
/// # Example: follow a journal, and notice that it is another one
/// ```
/// use doorward_core::error::StoreError;
/// use doorward_core::store::{Change, Cursor, Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// /// The next entries, up to 100. After a restored backup: `None`, and everything remembered is to be forgotten.
/// fn follow(store: &dyn Store, cursor: &mut Cursor) -> Result<Option<Vec<Change>>, StoreError> {
///     let page = store.changes(*cursor, 100)?;
///     if *cursor > page.end {
///         *cursor = Cursor::START;
///         return Ok(None);
///     }
///     *cursor = page.entries.last().map_or(*cursor, |last| last.cursor);
///     Ok(Some(page.entries))
/// }
/// # let engine = Engine::opened();
/// let mut ahead = Cursor::from_number(9);
/// assert_eq!(follow(&engine.store, &mut ahead)?, None); // the journal is empty
/// assert_eq!(follow(&engine.store, &mut ahead)?, Some(vec![]));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The entries, in commit order.
    pub entries: Vec<Change>,
    /// The last entry that is committed now, in this page or beyond it. A reader whose cursor is beyond it
    /// looks at another journal (a restored backup): what it remembers of the old one proves nothing here.
    pub end: Cursor,
}

/// One entry of the journal and its place.
///
/// # Example: when a purge may drop it
/// ```
/// use doorward_core::id::SessionId;
/// use doorward_core::store::{Change, Cursor, Revocation};
/// use doorward_core::time::Timestamp;
///
/// let revocation = Revocation::Session(SessionId::from_bytes([1; 16]));
/// let until = Timestamp::from_millis(1_700_000_000_000); // the session's absolute end
/// let change = Change { cursor: Cursor::from_number(1), revocation, until };
/// let may_drop = |now: Timestamp| change.until <= now;
/// assert!(may_drop(until) && !may_drop(Timestamp::from_millis(1_699_999_999_999)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it stands: what the next call gives as `after`.
    pub cursor: Cursor,
    /// What ended.
    pub revocation: Revocation,
    /// When nothing can depend on the entry any more, and `purge` may drop it.
    pub until: Timestamp,
}
