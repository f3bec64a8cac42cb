//! Calls as they were made.

use std::fmt;

use doorward_core::record::{Key, Kind};
use doorward_core::store::{Batch, Cursor, Durability, Ending, Expect, Range, Write};
use doorward_core::time::Timestamp;

/// A method of a store, apart from `guarantees`.
///
/// # Example: how often a store was asked to commit
/// ```
/// use doorward_conformance::fault::{Call, CallKind};
///
/// fn commits(calls: &[Call]) -> usize {
///     calls.iter().filter(|call| call.kind() == CallKind::Commit).count()
/// }
/// assert_eq!(commits(&[Call::Read { keys: vec![] }]), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// `Store::read`.
    Read,
    /// `Store::commit`.
    Commit,
    /// `Store::scan`.
    Scan,
    /// `Store::changes`.
    Changes,
    /// `Store::purge`.
    Purge,
}

/// A call that a [`FaultStore`](super::FaultStore) was given. Two calls are equal when they ask for the same rows; their
/// `Display` leaves out which rows of a kind, so that operations on different rows can be compared.
///
/// # Example: what two logins ask of the store
/// ```
/// use doorward_conformance::fault::Call;
/// use doorward_core::id::AccountId;
/// use doorward_core::record::Key;
///
/// let read = |byte| {
///     let account = AccountId::from_bytes([byte; 16]);
///     Call::Read { keys: vec![Key::Credential(account), Key::Attempts(account), Key::Keyring] }
/// };
/// assert_ne!(read(1), read(2));
/// assert_eq!(read(1).to_string(), "read credential attempts keyring");
/// assert_eq!(read(1).to_string(), read(2).to_string());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// `Store::read`.
    Read {
        /// The keys asked for.
        keys: Vec<Key>,
    },
    /// `Store::commit`.
    Commit {
        /// The rows consulted.
        checks: Vec<(Key, Expect)>,
        /// The rows written, and how.
        writes: Vec<(Written, Key)>,
        /// What the journal is told.
        journal: Vec<Ending>,
        /// What `Applied` must mean.
        durability: Durability,
    },
    /// `Store::scan`.
    Scan {
        /// Over which rows.
        range: Range,
        /// At most how many.
        limit: usize,
    },
    /// `Store::changes`.
    Changes {
        /// After which entry.
        after: Cursor,
        /// At most how many.
        limit: usize,
    },
    /// `Store::purge`.
    Purge {
        /// What counts as now.
        now: Timestamp,
        /// At most how many.
        limit: usize,
    },
}

/// How a row was written.
///
/// # Example: an operation that only takes away
/// ```
/// use doorward_conformance::fault::{Call, Written};
/// use doorward_core::{id::SessionId, record::Key, store::Durability};
///
/// fn takes_away_only(call: &Call) -> bool {
///     match call {
///         Call::Commit { writes, .. } => {
///             writes.iter().all(|(written, _)| matches!(written, Written::Deleted | Written::Raised))
///         }
///         _ => true,
///     }
/// }
/// let writes = vec![(Written::Deleted, Key::Session(SessionId::from_bytes([1; 16])))];
/// let logout = Call::Commit { checks: vec![], writes, journal: vec![], durability: Durability::Durable };
/// assert!(takes_away_only(&logout));
/// assert_eq!(logout.to_string(), "commit delete:session");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Put where none was expected.
    Created,
    /// Put over a row with this stamp.
    Replaced,
    /// Deleted.
    Deleted,
    /// Raised.
    Raised,
}

impl Call {
    pub(super) fn commit(batch: &Batch) -> Self {
        let written = |write: &Write| match write {
            Write::Put { expect: Expect::Absent, .. } => Written::Created,
            Write::Put { expect: Expect::Stamp(_), .. } => Written::Replaced,
            Write::Delete { .. } => Written::Deleted,
            Write::Raise { .. } => Written::Raised,
        };
        Self::Commit {
            checks: batch.checks.iter().map(|check| (check.key.clone(), check.expect)).collect(),
            writes: batch.writes.iter().map(|write| (written(write), write.key().clone())).collect(),
            journal: batch.journal.clone(),
            durability: batch.durability,
        }
    }

    /// Which method it was.
    pub fn kind(&self) -> CallKind {
        match self {
            Self::Read { .. } => CallKind::Read,
            Self::Commit { .. } => CallKind::Commit,
            Self::Scan { .. } => CallKind::Scan,
            Self::Changes { .. } => CallKind::Changes,
            Self::Purge { .. } => CallKind::Purge,
        }
    }
}

/// The call's form: the method and the kinds of rows, in order, without their ids.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |key: &Key| Kind::name(key.kind());
        match self {
            Self::Read { keys } => {
                f.write_str("read")?;
                keys.iter().try_for_each(|key| write!(f, " {}", kind(key)))
            }
            Self::Commit { checks, writes, journal, durability } => {
                f.write_str(match durability {
                    Durability::Durable => "commit",
                    Durability::Relaxed => "relaxed commit",
                })?;
                checks.iter().try_for_each(|(key, _)| write!(f, " check:{}", kind(key)))?;
                for (written, key) in writes {
                    let how = match written {
                        Written::Created => "create",
                        Written::Replaced => "replace",
                        Written::Deleted => "delete",
                        Written::Raised => "raise",
                    };
                    write!(f, " {how}:{}", kind(key))?;
                }
                journal.iter().try_for_each(|ending| match ending {
                    Ending::Session { .. } => f.write_str(" end:session"),
                    Ending::Grant { .. } => f.write_str(" end:grant"),
                    Ending::Epoch { key, .. } => write!(f, " end:{}", kind(key)),
                })
            }
            Self::Scan { range, limit } => {
                let owned = if range.owner.is_some() { " of one owner" } else { "" };
                write!(f, "scan {limit} {}{owned}", range.kind.name())
            }
            Self::Changes { limit, .. } => write!(f, "changes {limit}"),
            Self::Purge { limit, .. } => write!(f, "purge {limit}"),
        }
    }
}
