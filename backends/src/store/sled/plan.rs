//! A batch made ready on the caller's thread (checked, owned), and carried out on the writer's: into a draft of
//! what sled is to apply.

use ::sled::{IVec, Tree};
use doorward_core::error::StoreError;
use doorward_core::id::Stamp;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Cursor, Durability, Ending, Expect, Revocation, Write};
use doorward_core::time::Timestamp;

use super::layout::{self, Place};
use super::value::{self, Meta, damaged};
use super::view::{Patches, View};
use crate::store::failing::fatal;
use crate::store::queue::Done;

pub(super) struct Plan {
    stamp: Stamp,
    pub(super) durability: Durability,
    expectations: Vec<(Key, Expect)>,
    writes: Vec<Write>,
    journal: Vec<Ending>,
    bytes: usize,
}

impl Plan {
    pub(super) fn of(batch: &Batch) -> Result<Self, StoreError> {
        batch.validate()?;
        let mut bytes = 0;
        for write in &batch.writes {
            if let Write::Put { key, row, .. } = write {
                // One row that cannot be read back would be damage to every later opening.
                let encoded = value::of_row(key, row);
                bytes += encoded.len();
                value::row(key, &encoded).map_err(|error| {
                    fatal("a row could not be read back: keep less in it").with_source(error)
                })?;
            }
        }
        Ok(Self {
            stamp: batch.stamp,
            durability: batch.durability,
            expectations: batch.expectations().map(|(key, expect)| (key.clone(), expect)).collect(),
            writes: batch.writes.clone(),
            journal: batch.journal.clone(),
            bytes,
        })
    }

    /// How many entries it may write, about; a large row counts as many.
    pub(super) fn weight(&self) -> usize {
        4 * self.writes.len() + 2 * self.journal.len() + self.bytes / ENTRY
    }

    /// Carries it out in the draft: all comparisons, then all writes, then the journal. A conflict has therefore changed
    /// nothing; after an error the draft must be thrown away.
    pub(super) fn draw(&self, draft: &mut Draft<'_>) -> Result<Done, StoreError> {
        for (key, expect) in &self.expectations {
            if !expect.met_by(draft.row(key)?.map(|row| row.stamp)) {
                return Ok(Done::Conflict);
            }
        }
        for write in &self.writes {
            let key = write.key();
            let before = draft.row(key)?;
            match write {
                Write::Put { row, .. } => draft.change(key, before.as_ref(), Some(row))?,
                Write::Delete { .. } => draft.change(key, before.as_ref(), None)?,
                Write::Raise { .. } => {
                    let Some(before) = before else { continue };
                    let epoch = before.epoch.checked_add(1).ok_or_else(too_high)?;
                    let raised = Row { epoch, stamp: self.stamp, ..before.clone() };
                    draft.change(key, Some(&before), Some(&raised))?;
                }
            }
        }
        for ending in &self.journal {
            let epoch_of = |key: &Key| draft.row(key).map(|row| row.map(|row| row.epoch));
            if let Some((revocation, until)) = ending.entry(epoch_of)? {
                draft.append(&revocation, until)?;
            }
        }
        Ok(Done::Applied)
    }
}

/// How many bytes of rows count as an entry more; a session's row stays below it.
const ENTRY: usize = 512;

fn too_high() -> StoreError {
    fatal("an epoch cannot be raised any further: this is a bug")
}

/// What a group makes of the tree, before sled hears of it.
pub(super) struct Draft<'a> {
    tree: &'a Tree,
    after: Patches,
    before: Patches,
    meta: Meta,
}

impl<'a> Draft<'a> {
    pub(super) fn new(tree: &'a Tree, meta: Meta) -> Self {
        Self { tree, after: Patches::new(), before: Patches::new(), meta }
    }

    /// Removes what is over: rows, then endings, `limit` of both together.
    pub(super) fn purge(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let expired = self.view().entries(layout::expired(now), limit)?;
        for (raw, _) in &expired {
            let Some(Place::Expiry { of }) = Place::of(raw) else { return Err(damaged()) };
            let row = self.row(&of)?.ok_or_else(damaged)?;
            self.change(&of, Some(&row), None)?;
        }
        let lapsed = self.view().entries(layout::lapsed(now), limit - expired.len())?;
        for (raw, _) in &lapsed {
            let Some(Place::Lapse(cursor)) = Place::of(raw) else { return Err(damaged()) };
            self.write(raw.to_vec(), None)?;
            self.write(layout::ending(cursor), None)?;
        }
        Ok(expired.len() + lapsed.len())
    }

    /// What stood before, what sled is to apply, and what is then known of the whole; `None` when nothing changes.
    pub(super) fn finish(mut self) -> Result<Option<(Patches, ::sled::Batch, Meta)>, StoreError> {
        if self.after.is_empty() {
            return Ok(None);
        }
        self.meta.sequence += 1;
        let meta = layout::meta();
        self.before.insert(meta.clone(), self.tree.get(&meta).map_err(super::error::failed)?);
        self.after.insert(meta, Some(self.meta.encode().into()));
        let mut batch = ::sled::Batch::default();
        for (raw, value) in self.after {
            match value {
                Some(value) => batch.insert(raw, value),
                None => batch.remove(raw),
            }
        }
        Ok(Some((self.before, batch, self.meta)))
    }

    fn row(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.view().value(&layout::row(key))?.map(|bytes| value::row(key, &bytes)).transpose()
    }

    /// Writes, replaces or removes a row, and with it what points to it.
    fn change(&mut self, key: &Key, before: Option<&Row>, after: Option<&Row>) -> Result<(), StoreError> {
        let pointers = |row: &Row| {
            let owned = row.owner.filter(|_| is_indexed(key.kind())).map(|owner| layout::owned(owner, key));
            [owned, row.expires.map(|expires| layout::expiry(expires, key))]
        };
        let (old, new) = (before.map(pointers), after.map(pointers));
        for (old, new) in old.unwrap_or_default().into_iter().zip(new.unwrap_or_default()) {
            if old == new {
                continue;
            }
            if let Some(old) = old {
                self.write(old, None)?;
            }
            if let Some(new) = new {
                self.write(new, Some(IVec::default()))?;
            }
        }
        self.write(layout::row(key), after.map(|row| value::of_row(key, row).into()))
    }

    fn append(&mut self, revocation: &Revocation, until: Timestamp) -> Result<(), StoreError> {
        self.meta.end =
            self.meta.end.checked_add(1).ok_or_else(|| fatal("the journal's numbers are used up"))?;
        let cursor = Cursor::from_number(self.meta.end);
        self.write(layout::ending(cursor), Some(value::of_ending(revocation, until).into()))?;
        self.write(layout::lapse(until, cursor), Some(IVec::default()))
    }

    fn write(&mut self, raw: Vec<u8>, value: Option<IVec>) -> Result<(), StoreError> {
        let stands = self.view().value(&raw)?;
        if stands == value {
            return Ok(());
        }
        if let Some(stands) = &stands {
            self.meta.take(&raw, stands);
        }
        if let Some(value) = &value {
            self.meta.add(&raw, value);
        }
        // What stands now is sled's own only the first time.
        self.before.entry(raw.clone()).or_insert(stands);
        self.after.insert(raw, value);
        Ok(())
    }

    fn view(&self) -> View<'_, Patches> {
        View { tree: self.tree, over: &self.after }
    }
}

/// Whether rows of this kind are found by their owner through an index; the others by looking at all of them.
pub(super) fn is_indexed(kind: Kind) -> bool {
    kind.has_many_per_owner()
}
