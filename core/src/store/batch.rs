//! One atomic change, and what became of it.

use alloc::vec::Vec;

use super::{Ending, Revocation};
use crate::error::{StoreError, StoreErrorKind};
use crate::id::Stamp;
use crate::record::{Key, Row};

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

    /// Refuses a batch that no machine makes: a key that is written or checked twice, a record under a key of another kind
    /// or longer than 256 KiB, the epoch's ending of a row that has no epoch to end. Stores ask this before they look at any
    /// row.
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
            Ending::Session { .. } | Ending::Grant { .. } => false,
            Ending::Epoch { key, .. } => Revocation::of_epoch(key, None).is_none(),
        };
        let misfiled = |write: &Write| match write {
            // What is stored too long could never be read again.
            Write::Put { key, row, .. } => row.record.kind() != key.kind() || !row.fits(),
            Write::Delete { .. } | Write::Raise { .. } => false,
        };
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
