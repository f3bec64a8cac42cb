//! What a store of rows must promise.
//!
//! A store remembers rows; it never interprets them. The engine trusts the eight promises below and
//! nothing else; `doorward-conformance` has a named test for each.
//!
//! | promise | in one line |
//! |---|---|
//! | one snapshot | all rows of one [`read`](Store::read) stood side by side at one moment |
//! | all or nothing | a batch is applied whole or not at all, also across a crash |
//! | compare, then write | any [`Check`] or [`Write::Put`] whose expectation fails makes the whole batch a [`Commit::Conflict`] |
//! | no upsert | a `Put` onto a row that is not as expected writes nothing: what was ended stays ended |
//! | never refused | a batch of `Delete` and `Raise` alone, without checks, is never a conflict |
//! | durable before seen | nothing shows a [`Durability::Durable`] write that a power cut could undo |
//! | relaxed is written | a [`Durability::Relaxed`] batch that was applied survives the process |
//! | the journal skips nothing | [`changes`](Store::changes) yields every entry once, in commit order |

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;

use crate::error::{StoreError, StoreErrorKind};
use crate::id::{AccountId, SessionId, Stamp};
use crate::record::{Key, Kind, Row};
use crate::time::Timestamp;

/// Where rows live. Object-safe; the engine holds an `Arc<dyn Store>` and calls it from many threads.
///
/// Every method may block, within a bound that the store documents. None may panic; the engine contains one
/// that does, and takes a panic in `commit` for [`StoreErrorKind::Unknown`](crate::error::StoreErrorKind).
///
/// # Example: asking a store for rows
/// ```
/// use doorward_core::error::StoreError;
/// use doorward_core::record::Key;
/// use doorward_core::store::Store;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn was_opened(store: &dyn Store) -> Result<bool, StoreError> {
///     Ok(store.read(&[Key::Keyring])?.first().is_some_and(Option::is_some))
/// }
/// assert!(!was_opened(&Engine::new().store)?);
/// assert!(was_opened(&Engine::opened().store)?);
/// # Ok::<(), StoreError>(())
/// ```
pub trait Store: Send + Sync {
    /// The rows under `keys`, in that order, `None` where there is none, all from one snapshot.
    ///
    /// A read that begins after a `commit` has answered `Applied`, here or in another handle on the same
    /// store, sees that batch. Neither a read nor a scan nor a page of the journal ever shows a `Durable` write that
    /// is not yet durable. After a commit whose *sync* failed (it answered `Unknown`), reads, scans and changes fail
    /// as `Retryable` until a later durable commit has succeeded: before that, what they show could still change
    /// without a write. (Where only the answer was lost, there is nothing to wait for.)
    ///
    /// A key may stand twice among `keys`; so does its row, then.
    ///
    /// Expired rows may be shown; the core looks at the time itself.
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError>;

    /// Applies `batch` wholly, or answers `Conflict`, or fails; the error's kind says what is true then.
    ///
    /// In one atomic step: compare each expectation of [`Batch::checks`] and of each `Put` with the stamp of
    /// the row now; if one differs, `Conflict` and nothing is changed. Else carry out the writes and append
    /// the journal entries, in order. `Applied` is said only when a `Durable` batch would survive a power cut.
    ///
    /// A malformed batch (see [`Batch::validate`]) is refused as `Fatal` and changes nothing. An epoch that cannot be raised further (a store may stop at `i64::MAX`) likewise.
    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError>;

    /// Up to `limit` rows of `range`, in key order, strictly after `range.after`. One page is one snapshot;
    /// successive pages need not be.
    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError>;

    /// Up to `limit` journal entries after `after`, in commit order, skipping none that is committed and not
    /// yet past its `until`. A number is never given twice, also after a purge or a reopen, and `end` never goes back.
    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError>;

    /// Removes rows whose `expires` is at or before `now`, and journal entries whose `until` is: at most `limit` of
    /// both together. Says how many it removed; fewer than `limit` means that none is left. It need not be durable:
    /// what it removes is over, whether or not it comes back.
    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// What this store promises. The engine refuses at open what is not enough for it.
    fn guarantees(&self) -> Guarantees;
}

/// A shared store is a store.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        (**self).read(keys)
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        (**self).commit(batch)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        (**self).scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        (**self).changes(after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        (**self).purge(now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        (**self).guarantees()
    }
}

/// What an [`AsyncStore`] method returns.
///
/// # Example: an answer that is there already
/// ```
/// use doorward_core::store::{Changes, StoreFuture};
///
/// fn empty_journal<'a>() -> StoreFuture<'a, Changes> {
///     Box::pin(async { Ok(Changes::default()) })
/// }
/// # use std::task::{Context, Poll, Waker};
/// # let mut future = empty_journal();
/// # let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
/// assert!(answer.unwrap().entries.is_empty());
/// ```
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The same contract as [`Store`], sentence by sentence, returning futures of any runtime. A future that is
/// dropped must leave its batch wholly applied or not at all.
///
/// # Example: a blocking store behind futures that are ready at once
/// ```
/// use doorward_core::record::{Key, Row};
/// use doorward_core::store::{AsyncStore, Batch, Commit, Store, StoreFuture};
/// # use doorward_core::{store::{Changes, Cursor, Guarantees, Range}, time::Timestamp};
/// # use std::task::{Context, Poll, Waker};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// struct AtOnce<S>(S);
///
/// impl<S: Store> AsyncStore for AtOnce<S> {
///     fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
///         Box::pin(async { self.0.read(keys) })
///     }
///
///     fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
///         Box::pin(async { self.0.commit(batch) })
///     }
///     // … and so on
/// #     fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
/// #         Box::pin(async move { self.0.scan(range, limit) })
/// #     }
/// #     fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
/// #         Box::pin(async move { self.0.changes(after, limit) })
/// #     }
/// #     fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
/// #         Box::pin(async move { self.0.purge(now, limit) })
/// #     }
/// #     fn guarantees(&self) -> Guarantees {
/// #         self.0.guarantees()
/// #     }
/// }
/// let store = AtOnce(Engine::opened().store);
/// let mut answer = store.read(&[Key::Keyring]);
/// # let waker = &mut Context::from_waker(Waker::noop());
/// assert!(matches!(answer.as_mut().poll(waker), Poll::Ready(Ok(rows)) if rows[0].is_some()));
/// ```
pub trait AsyncStore: Send + Sync {
    /// See [`Store::read`].
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>>;
    /// See [`Store::commit`].
    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit>;
    /// See [`Store::scan`].
    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>>;
    /// See [`Store::changes`].
    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes>;
    /// See [`Store::purge`].
    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize>;
    /// See [`Store::guarantees`].
    fn guarantees(&self) -> Guarantees;
}

/// One atomic change, as the machine makes it out of an operation's decision.
///
/// Each key is written at most once, and a key with a `Put` does not stand in `checks`.
///
/// # Example: create a row, provided that nothing is there
/// ```
/// use doorward_core::id::{AccountId, Stamp};
/// use doorward_core::record::{AccountRecord, Key, Record, Row};
/// use doorward_core::store::{Batch, Commit, Durability, Expect, Write};
/// use doorward_core::time::Timestamp;
///
/// let (account, stamp) = (AccountId::from_bytes([1; 16]), Stamp::from_bytes([2; 16]));
/// let record = Record::Account(AccountRecord { created: Timestamp::from_millis(0) });
/// let row = Row { stamp, epoch: 0, owner: Some(account), expires: None, record };
/// let mut batch = Batch::new(stamp, Durability::Durable);
/// batch.writes.push(Write::Put { key: Key::Account(account), row, expect: Expect::Absent });
/// assert!(batch.holds(|_key| None));
/// assert!(!batch.holds(|_key| Some(Stamp::from_bytes([3; 16]))));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The stamp of this attempt: what every row it puts carries and every row it raises receives.
    pub stamp: Stamp,
    /// Rows that were consulted and must still be as they were seen.
    pub checks: Vec<Check>,
    /// What to write.
    pub writes: Vec<Write>,
    /// What to append to the journal.
    pub journal: Vec<Ending>,
    /// What `Applied` must mean.
    pub durability: Durability,
}

impl Batch {
    /// An empty batch. Committing it is a barrier: `Applied` says that all before it is durable.
    pub fn new(stamp: Stamp, durability: Durability) -> Self {
        Self { stamp, checks: Vec::new(), writes: Vec::new(), journal: Vec::new(), durability }
    }

    /// Refuses a batch that no machine makes: a key that is written or checked twice, a record under a key of another
    /// kind, the epoch's ending of a row that has no epoch to end. Stores ask this before they look at any row.
    ///
    /// # Errors
    /// A [`Fatal`](StoreErrorKind::Fatal) one.
    pub fn validate(&self) -> Result<(), StoreError> {
        let checked = self.checks.iter().map(|check| &check.key);
        let is_twice = |mut keys: Vec<&Key>| {
            keys.sort_unstable();
            !keys.is_sorted_by(|one, next| one < next)
        };
        let twice = is_twice(checked.collect()) || is_twice(self.writes.iter().map(Write::key).collect());
        let ends_none = |ending: &Ending| match ending {
            Ending::Session { .. } => false,
            Ending::Epoch { key, .. } => Revocation::of_epoch(key, None).is_none(),
        };
        let misfiled =
            |write: &Write| matches!(write, Write::Put { key, row, .. } if row.record.kind() != key.kind());
        if twice || self.writes.iter().any(misfiled) || self.journal.iter().any(ends_none) {
            return Err(StoreError::new(
                StoreErrorKind::Fatal,
                "the batch is malformed: no machine makes such a one",
            ));
        }
        Ok(())
    }

    /// Each key whose stamp the batch compares, with what it expects.
    pub fn expectations(&self) -> impl Iterator<Item = (&Key, Expect)> {
        let checks = self.checks.iter().map(|check| (&check.key, check.expect));
        let puts = self.writes.iter().filter_map(|write| match write {
            Write::Put { key, expect, .. } => Some((key, *expect)),
            Write::Delete { .. } | Write::Raise { .. } => None,
        });
        checks.chain(puts)
    }

    /// Whether every expectation holds, where `stamp_of` gives the stamp of the row under a key now.
    pub fn holds(&self, mut stamp_of: impl FnMut(&Key) -> Option<Stamp>) -> bool {
        self.expectations().all(|(key, expect)| expect.met_by(stamp_of(key)))
    }
}

/// A row that was consulted, and how it was seen.
///
/// # Example: a grant that rests on an account as it was seen
/// ```
/// use doorward_core::id::{AccountId, Stamp};
/// use doorward_core::record::Key;
/// use doorward_core::store::{Batch, Check, Durability, Expect};
///
/// let (key, seen) = (Key::Account(AccountId::from_bytes([1; 16])), Stamp::from_bytes([2; 16]));
/// let mut batch = Batch::new(Stamp::from_bytes([3; 16]), Durability::Durable);
/// batch.checks.push(Check { key, expect: Expect::Stamp(seen) });
/// assert!(batch.holds(|_| Some(seen)));
/// assert!(!batch.holds(|_| None)); // the account is gone: a conflict
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The row's key.
    pub key: Key,
    /// What must still be true of it.
    pub expect: Expect,
}

/// What must be true of a row for a batch to apply.
///
/// # Example: another stamp is another row
/// ```
/// use doorward_core::id::Stamp;
/// use doorward_core::store::Expect;
///
/// let (seen, other) = (Stamp::from_bytes([1; 16]), Stamp::from_bytes([2; 16]));
/// assert!(Expect::Absent.met_by(None) && !Expect::Absent.met_by(Some(seen)));
/// assert!(Expect::Stamp(seen).met_by(Some(seen)) && !Expect::Stamp(seen).met_by(Some(other)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is no such row.
    Absent,
    /// The row carries this stamp.
    Stamp(Stamp),
}

impl Expect {
    /// Whether a row with this stamp (`None`: no row) is what was expected.
    pub fn met_by(self, found: Option<Stamp>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Stamp(stamp) => found == Some(stamp),
        }
    }
}

/// One write of a batch.
///
/// # Example: how a store carries them out
/// ```
/// use std::collections::BTreeMap;
/// use doorward_core::record::{Key, Row};
/// use doorward_core::store::{Batch, Commit, Write};
/// # use doorward_core::{id::Stamp, store::Durability};
///
/// fn apply(rows: &mut BTreeMap<Key, Row>, batch: &Batch) -> Commit {
///     if !batch.holds(|key| rows.get(key).map(|row| row.stamp)) {
///         return Commit::Conflict;
///     }
///     for write in &batch.writes {
///         match write {
///             Write::Put { key, row, .. } => _ = rows.insert(key.clone(), row.clone()),
///             Write::Delete { key } => _ = rows.remove(key),
///             Write::Raise { key } => {
///                 if let Some(row) = rows.get_mut(key) {
///                     (row.epoch, row.stamp) = (row.epoch + 1, batch.stamp);
///                 }
///             }
///         }
///     }
///     Commit::Applied
/// }
/// # let mut batch = Batch::new(Stamp::from_bytes([1; 16]), Durability::Durable);
/// batch.writes = vec![Write::Delete { key: Key::Keyring }];
/// assert_eq!(apply(&mut BTreeMap::new(), &batch), Commit::Applied); // there was nothing: it is gone all the same
/// ```
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "most writes are puts; a box would cost each of them an allocation"
)]
pub enum Write {
    /// Create or replace the row, provided that it is as `expect` says.
    Put {
        /// The row's key.
        key: Key,
        /// The row as it is to stand.
        row: Row,
        /// What must be there before.
        expect: Expect,
    },
    /// Remove the row; without effect where there is none.
    Delete {
        /// The row's key.
        key: Key,
    },
    /// Add one to the row's `epoch` in place and give it the batch's stamp, all else left as it is; without
    /// effect where there is no row.
    Raise {
        /// The row's key.
        key: Key,
    },
}

impl Write {
    /// The key it writes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } | Self::Raise { key } => key,
        }
    }
}

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
///     match ending {
///         Ending::Session { session, .. } => Some(Revocation::Session(*session)),
///         Ending::Epoch { key, .. } => Revocation::of_epoch(key, row_of(key).map(|row| row.epoch)),
///     }
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

/// An entry of the journal: something that was granted and is no more.
///
/// # Example: is this still granted?
/// ```
/// use doorward_core::id::{AccountId, SessionId};
/// use doorward_core::store::Revocation;
///
/// /// What an access token says of the moment when it was granted.
/// struct Grant { session: SessionId, account: AccountId, account_epoch: u64, global_epoch: u64 }
///
/// fn ends(revocation: &Revocation, grant: &Grant) -> bool {
///     match revocation {
///         Revocation::Session(session) => *session == grant.session,
///         Revocation::Account { account, floor } => *account == grant.account && grant.account_epoch < *floor,
///         Revocation::Everything { floor } => grant.global_epoch < *floor,
///     }
/// }
/// let (session, account) = (SessionId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
/// let grant = Grant { session, account, account_epoch: 4, global_epoch: 0 };
/// assert!(ends(&Revocation::Account { account, floor: 5 }, &grant));
/// assert!(!ends(&Revocation::Account { account, floor: 4 }, &grant));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// This session is over.
    Session(SessionId),
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
            | Key::Session(_) => None,
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

/// Which rows a scan walks over: those of one kind, of one owner when given, after a key when given.
///
/// # Example: the sessions of an account, two at a time
/// ```
/// use doorward_core::error::StoreError;
/// use doorward_core::id::AccountId;
/// use doorward_core::record::{Key, Kind};
/// use doorward_core::store::{Range, Store};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn sessions(store: &dyn Store, owner: AccountId) -> Result<Vec<Key>, StoreError> {
///     let mut range = Range { kind: Kind::Session, owner: Some(owner), after: None };
///     let mut all = Vec::new();
///     loop {
///         let page = store.scan(&range, 2)?;
///         let Some((last, _)) = page.last() else { return Ok(all) };
///         range.after = Some(last.clone());
///         all.extend(page.into_iter().map(|(key, _)| key));
///     }
/// }
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # for _ in 0..3 { engine.run(Login::new("ada", "plum kettle orbit"))??; }
/// assert_eq!(sessions(&engine.store, ada)?.len(), 3); // after three logins
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The kind of rows.
    pub kind: Kind,
    /// Only rows with this owner.
    pub owner: Option<AccountId>,
    /// Only rows whose key is greater.
    pub after: Option<Key>,
}

impl Range {
    /// Whether the row belongs to the range.
    pub fn holds(&self, key: &Key, row: &Row) -> bool {
        key.kind() == self.kind
            && (self.owner.is_none() || row.owner == self.owner)
            && self.after.as_ref().is_none_or(|after| key > after)
    }
}

/// What became of a batch.
///
/// # Example: a conflict is an answer, not an error
/// ```
/// use doorward_core::error::StoreError;
/// use doorward_core::store::Commit;
///
/// fn tell(answer: Result<Commit, StoreError>) -> &'static str {
///     match answer {
///         Ok(Commit::Applied) => "done",
///         Ok(Commit::Conflict) => "nothing was done: read again and decide again",
///         Err(_) => "the error's kind says what is true",
///     }
/// }
/// assert_eq!(tell(Ok(Commit::Applied)), "done");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Every write is done, as durably as the batch asked.
    Applied,
    /// A row was not as expected; nothing was done.
    Conflict,
}

/// What `Applied` must mean.
///
/// # Example: which commits wait for the disk
/// ```
/// use doorward_core::id::Stamp;
/// use doorward_core::store::{Batch, Durability};
///
/// fn must_sync(batch: &Batch) -> bool {
///     match batch.durability {
///         Durability::Durable => true, // an empty one too: it is a barrier
///         Durability::Relaxed => false,
///     }
/// }
/// assert!(must_sync(&Batch::new(Stamp::from_bytes([1; 16]), Durability::Durable)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut. All that grants, rotates or ends anything.
    Durable,
    /// It survives the process, but a power cut may undo it. Only a touch.
    Relaxed,
}

/// What a store promises beyond keeping rows.
///
/// # Example: what memory can and cannot promise
/// ```
/// use doorward_core::store::Guarantees;
///
/// let memory = Guarantees { atomic: true, linearizable: true, durable: false };
/// assert!(!memory.meets(Guarantees::ALL));
/// assert!(memory.meets(Guarantees::EPHEMERAL));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarantees {
    /// A batch is applied wholly or not at all.
    pub atomic: bool,
    /// A read that begins after a commit has answered sees it, through whatever handle.
    pub linearizable: bool,
    /// `Applied` on a `Durable` batch survives a power cut.
    pub durable: bool,
}

impl Guarantees {
    /// What the engine asks of a store.
    pub const ALL: Self = Self { atomic: true, linearizable: true, durable: true };
    /// What it asks when the host waives durability, in so many words.
    pub const EPHEMERAL: Self = Self { atomic: true, linearizable: true, durable: false };

    /// Whether everything that `asked` asks is promised.
    pub fn meets(self, asked: Self) -> bool {
        self.atomic >= asked.atomic
            && self.linearizable >= asked.linearizable
            && self.durable >= asked.durable
    }
}

impl fmt::Display for Guarantees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |kept| if kept { "" } else { "not " };
        write!(
            f,
            "{}atomic, {}linearizable, {}durable",
            word(self.atomic),
            word(self.linearizable),
            word(self.durable)
        )
    }
}
