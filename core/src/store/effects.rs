//! What a batch does to the rows that it finds: worked out once, for every store.

use alloc::vec::Vec;

use super::{Batch, Change, Changes, Cursor, Write};
use crate::error::{StoreError, StoreErrorKind};
use crate::record::{Key, Row};

/// What a batch changes: what a store that has compared writes down, blindly, in one piece.
///
/// # Example: a store's whole commit, but for the disk
/// ```
/// use std::collections::BTreeMap;
/// use doorward_core::error::StoreError;
/// use doorward_core::record::{Key, Row};
/// use doorward_core::store::{Batch, Change, Commit, Cursor, Revocation};
/// # use doorward_core::id::{AccountId, Stamp};
/// # use doorward_core::record::{AccountRecord, Record};
/// # use doorward_core::store::{Durability, Ending, Expect, Write};
/// # use doorward_core::time::Timestamp;
///
/// #[derive(Default)]
/// struct Tables { rows: BTreeMap<Key, Row>, journal: Vec<Change>, end: Cursor }
///
/// fn commit(tables: &mut Tables, batch: &Batch) -> Result<Commit, StoreError> {
///     let row_of = |key: &Key| Ok(tables.rows.get(key).cloned());
///     let Some(effects) = batch.effects(tables.end, row_of)? else { return Ok(Commit::Conflict) };
///     for (key, row) in effects.rows {
///         match row {
///             Some(row) => _ = tables.rows.insert(key, row),
///             None => _ = tables.rows.remove(&key),
///         }
///     }
///     tables.journal.extend(effects.journal.entries);
///     tables.end = effects.journal.end;
///     Ok(Commit::Applied)
/// }
/// # let (account, until) = (AccountId::from_bytes([1; 16]), Timestamp::from_millis(9));
/// # let (key, stamp) = (Key::Account(account), Stamp::from_bytes([2; 16]));
/// # let record = Record::Account(AccountRecord { created: Timestamp::from_millis(0) });
/// # let row = Row { stamp, epoch: 4, owner: Some(account), expires: None, record };
/// # let mut tables = Tables::default();
/// # tables.rows.insert(key.clone(), row.clone());
/// // Everybody who is logged in to the account is out: the floor is that after the raise.
/// let mut batch = Batch::new(Stamp::from_bytes([3; 16]), Durability::Durable);
/// batch.writes.push(Write::Raise { key: key.clone() });
/// batch.journal.push(Ending::Epoch { key: key.clone(), until });
/// assert_eq!(commit(&mut tables, &batch)?, Commit::Applied);
/// assert_eq!(tables.journal[0].revocation, Revocation::Account { account, floor: 5 });
/// # assert_eq!(tables.end.number(), 1);
/// # assert_eq!(tables.rows[&key], Row { stamp: batch.stamp, epoch: 5, ..row.clone() });
/// # batch.writes = vec![Write::Put { key: key.clone(), row: row.clone(), expect: Expect::Absent }];
/// # assert_eq!(commit(&mut tables, &batch)?, Commit::Conflict);
/// # tables.rows.insert(key.clone(), Row { epoch: u64::MAX, ..row });
/// # batch.writes = vec![Write::Raise { key }];
/// # assert!(commit(&mut tables, &batch).is_err());
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    /// The rows that it writes as they stand afterwards, `None` for gone; each key once.
    pub rows: Vec<(Key, Option<Row>)>,
    /// The entries that it appends, numbered, and the journal's end afterwards.
    pub journal: Changes,
}

impl Batch {
    /// What the batch changes, where `end` is the journal's last number and `row_of` gives the row under a key now.
    /// `None` when an expectation fails, which is a [`Commit::Conflict`](super::Commit). The caller sees to it that no
    /// other commit comes between.
    ///
    /// # Errors
    /// Those of [`Batch::validate`] and of `row_of`; a `Fatal` one when an epoch cannot be raised further. Nothing is to
    /// be changed then.
    pub fn effects(
        &self,
        end: Cursor,
        mut row_of: impl FnMut(&Key) -> Result<Option<Row>, StoreError>,
    ) -> Result<Option<Effects>, StoreError> {
        self.validate()?;
        for (key, expect) in self.expectations() {
            if !expect.met_by(row_of(key)?.map(|row| row.stamp)) {
                return Ok(None);
            }
        }
        let mut effects = Effects { journal: Changes { end, entries: Vec::new() }, rows: Vec::new() };
        for write in &self.writes {
            let row = match write {
                Write::Put { row, .. } => Some(row.clone()),
                Write::Delete { .. } => None,
                Write::Raise { key } => match row_of(key)? {
                    Some(row) => {
                        let epoch = row.epoch.checked_add(1).ok_or(TOO_HIGH)?;
                        Some(Row { epoch, stamp: self.stamp, ..row })
                    }
                    None => continue,
                },
            };
            effects.rows.push((write.key().clone(), row));
        }
        for ending in &self.journal {
            let entry = ending.entry(|key| -> Result<_, StoreError> {
                let written = effects.rows.iter().find(|(written, _)| written == key);
                let row = written.map_or_else(|| row_of(key), |(_, row)| Ok(row.clone()))?;
                Ok(row.map(|row| row.epoch))
            })?;
            // A valid batch has one for each ending.
            if let Some((revocation, until)) = entry {
                let cursor = Cursor::from_number(effects.journal.end.number().saturating_add(1));
                effects.journal.end = cursor;
                effects.journal.entries.push(Change { cursor, revocation, until });
            }
        }
        Ok(Some(effects))
    }
}

const TOO_HIGH: StoreError =
    StoreError::new(StoreErrorKind::Fatal, "an epoch cannot be raised any further: restore a backup");
