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

use crate::error::StoreError;
use crate::id::AccountId;
use crate::record::{Key, Kind, Row};
use crate::time::Timestamp;

pub use batch::{Batch, Check, Commit, Durability, Expect, Write};
pub use effects::Effects;
pub use journal::{Change, Changes, Cursor, Ending, Revocation};

mod batch;
mod effects;
mod frame;
mod journal;

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
    /// as `Retryable` until a later durable commit, or a barrier of the store's own, has succeeded: before that, what they
    /// show could still change without a write. (Where only the answer was lost, there is nothing to wait for.)
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
    /// A malformed batch (see [`Batch::validate`]) is refused as `Fatal` and changes nothing. An epoch that cannot be raised
    /// further (a store may stop at `i64::MAX`) likewise.
    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError>;

    /// The first `limit` rows of `range`, in key order, strictly after `range.after`; fewer only when there are no more.
    /// One page is one snapshot; successive pages need not be.
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

/// A shared store is a store.
impl<S: AsyncStore + ?Sized> AsyncStore for Arc<S> {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        (**self).read(keys)
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        (**self).commit(batch)
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        (**self).scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        (**self).changes(after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        (**self).purge(now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        (**self).guarantees()
    }
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
