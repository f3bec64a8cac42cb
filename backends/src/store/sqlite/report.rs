//! What a check found.

use std::fmt;

use doorward_core::record::{Kind, RecordError};
use thiserror::Error;

/// What a check counted and found. Without names, passwords or contents: it can go into a log.
///
/// # Example: a sound database
/// ```
/// use std::ops::ControlFlow;
/// use doorward::core::record::Kind;
/// use doorward::store::SqliteStore;
/// use doorward::{Engine, MasterKey};
/// # use std::sync::Arc;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("auth.db");
/// let store = Arc::new(SqliteStore::open(&path)?);
/// let engine = Engine::builder(Arc::clone(&store)).master_key(MasterKey::new(1, [7; 32])).open()?;
/// let report = store.check(|_| ControlFlow::Continue(()))?;
/// assert!(report.is_sound());
/// assert_eq!(report.rows(Kind::Keyring), 1);
/// # drop(engine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub(super) rows: [u64; Kind::ALL.len()],
    pub(super) journal: u64,
    pub(super) problems: Vec<Problem>,
    pub(super) unlisted: u64,
    pub(super) complete: bool,
}

impl Report {
    /// How many rows of this kind were looked at, bad ones included. Rows that came or went meanwhile may be missing.
    pub fn rows(&self, kind: Kind) -> u64 {
        let place = Kind::ALL.iter().position(|other| *other == kind);
        place.and_then(|place| self.rows.get(place)).copied().unwrap_or(0)
    }

    /// How many journal entries were looked at.
    pub fn journal(&self) -> u64 {
        self.journal
    }

    /// The first hundred problems, in the order in which they were found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many more problems there were.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Whether it came to its end; not if the callback stopped it.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether everything was looked at, and nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.complete && self.problems.is_empty()
    }

    pub(super) fn add(&mut self, problem: Problem) {
        if self.problems.len() < LISTED { self.problems.push(problem) } else { self.unlisted += 1 }
    }

    pub(super) fn count(&mut self, part: Part) {
        match part {
            Part::Rows(kind) => {
                let place = Kind::ALL.iter().position(|other| *other == kind);
                if let Some(rows) = place.and_then(|place| self.rows.get_mut(place)) {
                    *rows += 1;
                }
            }
            Part::Journal => self.journal += 1,
            Part::Meta | Part::Schema => {}
        }
    }

    pub(super) fn counted(&self) -> u64 {
        self.rows.iter().sum::<u64>() + self.journal
    }
}

const LISTED: usize = 100;

/// A part of the database that is looked at by itself.
///
/// # Example: as it is printed
/// ```
/// use doorward::core::record::Kind;
/// use doorward::store::sqlite::Part;
///
/// assert_eq!(Part::Rows(Kind::Session).to_string(), "session");
/// assert_eq!(Part::Journal.to_string(), "journal");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The list of tables.
    Schema,
    /// The rows of one kind.
    Rows(Kind),
    /// The journal of what was ended.
    Journal,
    /// What the store keeps for itself.
    Meta,
}

impl Part {
    pub(super) const COUNT: usize = Kind::ALL.len() + 3;

    pub(super) fn all() -> impl Iterator<Item = Self> {
        [Self::Schema].into_iter().chain(Kind::ALL.map(Self::Rows)).chain([Self::Journal, Self::Meta])
    }

    /// Its table.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Schema => "sqlite_schema",
            Self::Rows(kind) => super::rows::Statements::of(kind).table,
            Self::Journal => "journal",
            Self::Meta => "meta",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table())
    }
}

/// Which row, without telling a person's name: its id in hexadecimal; of a login, whose key is a name, its account's.
///
/// # Example: where a damaged row stands
/// ```
/// use std::ops::ControlFlow;
/// use doorward::store::SqliteStore;
/// use doorward::store::sqlite::Problem;
/// # use doorward::{Engine, MasterKey};
/// # use std::sync::Arc;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("auth.db");
/// # let store = Arc::new(SqliteStore::open(&path)?);
/// # let engine = Engine::builder(Arc::clone(&store)).master_key(MasterKey::new(1, [7; 32])).open()?;
/// # let account = engine.register(doorward::Register::new("ada", "plum kettle orbit"))?;
/// # let shell = rusqlite::Connection::open(&path)?;
/// shell.execute_batch("UPDATE login SET record = x'0102030405060708'")?; // a disk that rots
/// let report = store.check(|_| ControlFlow::Continue(()))?;
/// let [Problem::Record { key, .. }] = report.problems() else { panic!("{report:?}") };
/// let hex: String = account.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
/// assert_eq!(key.to_string(), hex); // ada's, without saying so
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeyId(Vec<u8>);

impl KeyId {
    /// As much of the id as any id has.
    pub(super) fn of(id: &[u8]) -> Self {
        Self(id.iter().copied().take(32).collect())
    }

    /// Of a row that does not say whose it is.
    pub(super) fn untold() -> Self {
        Self(Vec::new())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("?");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// One thing that is not as it was written.
///
/// # Example: what to do about them
/// ```
/// use doorward::store::sqlite::{Part, Problem};
///
/// fn needs_a_backup(problem: &Problem) -> bool {
///     !matches!(problem, Problem::Record { cause, .. } if matches!(cause, doorward::core::record::RecordError::Version(_)))
/// }
/// assert!(needs_a_backup(&Problem::Unreadable { part: Part::Journal }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The schema is not that of any version of ours.
    #[error("the schema is not the one this build knows: use the newest Doorward, or restore a backup")]
    Schema,
    /// Pages, or a table and its index, contradict each other. The message is SQLite's own, without content.
    #[error("{part}: {message}")]
    Structure {
        /// Where.
        part: Part,
        /// What SQLite says.
        message: String,
    },
    /// A page cannot be read; what is behind it was not looked at.
    #[error("{part}: a page cannot be read, and what is behind it was not looked at: restore a backup")]
    Unreadable {
        /// Where.
        part: Part,
    },
    /// The key cannot be one of this kind.
    #[error("{} {key}: the key is impossible: restore a backup", Part::Rows(*kind))]
    Key {
        /// The row's kind.
        kind: Kind,
        /// The row.
        key: KeyId,
    },
    /// A column is not of its type or size.
    #[error("{} {key}: a column is not of its type or size: restore a backup", Part::Rows(*kind))]
    Column {
        /// The row's kind.
        kind: Kind,
        /// The row.
        key: KeyId,
    },
    /// The record does not decode.
    #[error("{} {key}: {cause}", Part::Rows(*kind))]
    Record {
        /// The row's kind.
        kind: Kind,
        /// The row.
        key: KeyId,
        /// Why.
        cause: RecordError,
    },
    /// A journal entry cannot be read.
    #[error("journal {cursor}: the entry cannot be read: restore a backup")]
    Entry {
        /// Its number.
        cursor: i64,
    },
    /// A journal entry stands above the number that was given last: numbers would be given twice.
    #[error("journal {cursor}: the last number given is {end}, which is less: restore a backup")]
    Beyond {
        /// Its number.
        cursor: i64,
        /// The last number given.
        end: i64,
    },
    /// The barrier's row is gone: no failed commit could be settled.
    #[error("the barrier row is gone: restore a backup")]
    Barrier,
}
