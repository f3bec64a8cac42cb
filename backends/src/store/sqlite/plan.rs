//! A batch made ready on the caller's thread (checked, encoded, owned), and carried out on the writer's.

use doorward_core::error::StoreError;
use doorward_core::id::{AccountId, Stamp};
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Ending, Expect, Write};
use doorward_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::failed;
use super::rows::{self, Entry, KeyColumn, Statements};
use crate::store::failing::fatal;
use crate::store::queue::Done;

pub(super) struct Plan {
    stamp: Stamp,
    expectations: Vec<(Key, Expect)>,
    steps: Vec<Step>,
    journal: Vec<Ending>,
}

enum Step {
    Insert(Key, Columns),
    Update(Key, Columns),
    Delete(Key),
    Raise(Key),
}

struct Columns {
    stamp: Stamp,
    epoch: i64,
    owner: Option<AccountId>,
    expires: Option<Timestamp>,
    record: Vec<u8>,
}

impl Plan {
    /// Refuses what no table could hold, before anything is queued.
    pub(super) fn of(batch: &Batch) -> Result<Self, StoreError> {
        batch.validate()?;
        Ok(Self {
            stamp: batch.stamp,
            expectations: batch.expectations().map(|(key, expect)| (key.clone(), expect)).collect(),
            steps: batch.writes.iter().map(Step::of).collect::<Result<_, _>>()?,
            journal: batch.journal.clone(),
        })
    }

    /// Carries it out inside the open transaction: all comparisons, then all writes, then the journal. A
    /// conflict has therefore changed nothing; after an error the transaction must be rolled back.
    pub(super) fn apply(&self, connection: &Connection) -> Result<Done, StoreError> {
        for (key, expect) in &self.expectations {
            if !expect.met_by(rows::stamp(connection, key)?) {
                return Ok(Done::Conflict);
            }
        }
        for step in &self.steps {
            step.carry_out(connection, self.stamp)?;
        }
        for ending in &self.journal {
            append(connection, ending)?;
        }
        Ok(Done::Applied)
    }
}

impl Step {
    fn of(write: &Write) -> Result<Self, StoreError> {
        Ok(match write {
            Write::Put { key, row, expect } => {
                let columns = Columns::of(key, row)?;
                match expect {
                    Expect::Absent => Self::Insert(key.clone(), columns),
                    Expect::Stamp(_) => Self::Update(key.clone(), columns),
                }
            }
            Write::Delete { key } => Self::Delete(key.clone()),
            Write::Raise { key } => Self::Raise(key.clone()),
        })
    }

    fn carry_out(&self, connection: &Connection, stamp: Stamp) -> Result<(), StoreError> {
        let prepare = |sql| connection.prepare_cached(sql).map_err(failed);
        let done = match self {
            Self::Insert(key, columns) => columns.write(prepare(Statements::of(key.kind()).insert)?, key),
            Self::Update(key, columns) => columns.write(prepare(Statements::of(key.kind()).update)?, key),
            Self::Delete(key) => prepare(Statements::of(key.kind()).delete)?.execute([KeyColumn::of(key)]),
            Self::Raise(key) => {
                let mut raise = prepare(Statements::of(key.kind()).raise)?;
                raise.execute(params![KeyColumn::of(key), stamp.as_bytes()])
            }
        };
        done.map(drop).map_err(failed)
    }
}

impl Columns {
    fn of(key: &Key, row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            stamp: row.stamp,
            epoch: i64::try_from(row.epoch)
                .map_err(|_| fatal("a row's epoch is beyond what can be stored: this is a bug"))?,
            owner: row.owner,
            expires: row.expires,
            record: row.encode(key),
        })
    }

    fn write(&self, mut statement: rusqlite::CachedStatement<'_>, key: &Key) -> rusqlite::Result<usize> {
        statement.execute(params![
            KeyColumn::of(key),
            self.stamp.as_bytes(),
            self.epoch,
            self.owner.as_ref().map(AccountId::as_bytes),
            self.expires.map(Timestamp::as_millis),
            self.record,
        ])
    }
}

/// Appends to the journal; an ended epoch is the row's as the batch leaves it.
fn append(connection: &Connection, ending: &Ending) -> Result<(), StoreError> {
    let Some((revocation, until)) = ending.entry(|key| rows::epoch(connection, key))? else {
        return Ok(());
    };
    let entry = Entry::of(&revocation);
    let mut statement = connection.prepare_cached(APPEND).map_err(failed)?;
    statement
        .execute(params![entry.kind, entry.subject, entry.floor, until.as_millis()])
        .map(drop)
        .map_err(failed)
}

/// Removes expired rows of every kind, then past journal entries, `limit` of them all together.
pub(super) fn purge(connection: &Connection, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let tables = Kind::ALL.map(|kind| Statements::of(kind).purge);
    let mut left = limit;
    for sql in tables.into_iter().chain([PURGE_JOURNAL]) {
        if left == 0 {
            break;
        }
        let most = i64::try_from(left).unwrap_or(i64::MAX);
        let removed = connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params![now.as_millis(), most]))
            .map_err(failed)?;
        left = left.saturating_sub(removed);
    }
    Ok(limit - left)
}

pub(super) const APPEND: &str = "INSERT INTO journal (kind, subject, floor, until) VALUES (?1, ?2, ?3, ?4)";
pub(super) const PURGE_JOURNAL: &str = "DELETE FROM journal WHERE cursor IN (SELECT cursor FROM journal WHERE until <= ?1 ORDER BY until LIMIT ?2)";
