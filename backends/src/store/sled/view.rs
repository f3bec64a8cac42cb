//! What a reader is shown: the tree as it was at one moment, whatever the writer has applied since.
//!
//! sled shows a batch as soon as it is applied, entry by entry, long before it is on the medium. So before the writer
//! applies a group it writes down what stood under every key that the group will change: that ends an *era*. A reader
//! looks into sled first, and then asks its era and all that have followed it: the first that changed the key tells what
//! stood there before. What no era changed is as sled has it.
//!
//! | the writer | readers begin in | and see a key of the group |
//! |---|---|---|
//! | waits | the present era, which has no end yet | as sled has it |
//! | ends the era, applies, syncs | the era that ended | as the era says that it was |
//! | has synced, and shows the next era | the next era | as sled has it |
//!
//! Nobody here holds a lock while inside sled, whose own static one lets a reader wait while a group is applied, and not
//! while it is synced. No reader ever has to begin again: what a slow one still needs is kept alive by the reader itself.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ::sled::{Db, IVec, Tree};
use doorward_core::error::StoreError;

use super::error::failed;
use super::layout::Span;

/// Raw keys, each with what is to be seen instead of what the tree has; `None`: nothing.
pub(super) type Patches = BTreeMap<Vec<u8>, Option<IVec>>;

/// A stretch of time in which nothing was applied. Its end is the group that was applied then, and the era after it.
#[derive(Default)]
pub(super) struct Era {
    end: OnceLock<(Patches, Arc<Era>)>,
}

impl Era {
    /// Ends the present era by the group that is about to be applied: `before` is what stands there now.
    pub(super) fn close(&self, before: Patches) -> Arc<Self> {
        let (_, next) = self.end.get_or_init(|| (before, Arc::default()));
        Arc::clone(next)
    }
}

impl Drop for Era {
    /// One after the other: a reader that slept through a million groups must not need a stack for them.
    fn drop(&mut self) {
        let mut end = self.end.take();
        while let Some((_, next)) = end {
            end = Arc::into_inner(next).and_then(|mut next| next.end.take());
        }
    }
}

/// What stands over the tree: past values for a reader, future ones for the writer.
pub(super) trait Over {
    /// What is to be seen under this key, where the tree has `stored`.
    fn at(&self, raw: &[u8], stored: Option<IVec>) -> Option<IVec>;

    /// The same for all keys of a stretch.
    fn within(&self, span: (Bound<&[u8]>, Bound<&[u8]>)) -> Patches;
}

impl Over for Patches {
    fn at(&self, raw: &[u8], stored: Option<IVec>) -> Option<IVec> {
        self.get(raw).map_or(stored, Clone::clone)
    }

    fn within(&self, span: (Bound<&[u8]>, Bound<&[u8]>)) -> Patches {
        self.range::<[u8], _>(span).map(|(raw, value)| (raw.clone(), value.clone())).collect()
    }
}

impl Over for Era {
    fn at(&self, raw: &[u8], stored: Option<IVec>) -> Option<IVec> {
        let mut end = self.end.get();
        while let Some((before, next)) = end {
            if let Some(value) = before.get(raw) {
                return value.clone();
            }
            end = next.end.get();
        }
        stored
    }

    fn within(&self, span: (Bound<&[u8]>, Bound<&[u8]>)) -> Patches {
        let mut patches = Patches::new();
        let mut end = self.end.get();
        while let Some((before, next)) = end {
            for (raw, value) in before.range::<[u8], _>(span) {
                patches.entry(raw.clone()).or_insert_with(|| value.clone());
            }
            end = next.end.get();
        }
        patches
    }
}

/// A tree, and what stands over it.
pub(super) struct View<'a, O> {
    pub(super) tree: &'a Tree,
    pub(super) over: &'a O,
}

impl<O: Over> View<'_, O> {
    pub(super) fn value(&self, raw: &[u8]) -> Result<Option<IVec>, StoreError> {
        // In this order: what is applied after the tree was asked cannot have been in its answer.
        let stored = self.tree.get(raw).map_err(failed)?;
        Ok(self.over.at(raw, stored))
    }

    /// The first `most` entries of the stretch, in order; fewer only when there are no more.
    pub(super) fn entries(&self, span: Span, most: usize) -> Result<Vec<(IVec, IVec)>, StoreError> {
        let (mut from, to) = span;
        let mut found = Vec::new();
        while found.len() < most {
            let chunk = CHUNK.min(most - found.len());
            let stretch = self.tree.range((from.clone(), to.clone())).take(chunk);
            let stored: Vec<(IVec, IVec)> = stretch.collect::<Result<_, _>>().map_err(failed)?;
            let is_last = stored.len() < chunk;
            let reached = match stored.last() {
                Some((last, _)) if !is_last => Bound::Included(last.to_vec()),
                _ => to.clone(),
            };
            let mut merged: BTreeMap<IVec, IVec> = stored.into_iter().collect();
            for (raw, value) in self.over.within((borrowed(&from), borrowed(&reached))) {
                match value {
                    Some(value) => merged.insert(raw.into(), value),
                    None => merged.remove(raw.as_slice()),
                };
            }
            found.extend(merged.into_iter().take(most - found.len()));
            if is_last {
                break;
            }
            let Bound::Included(last) = reached else { break };
            from = Bound::Excluded(last);
        }
        Ok(found)
    }
}

/// What readers are shown, and whether anything may be shown at all.
pub(super) struct Gate(Mutex<Option<Shown>>);

/// An open sled, and the era in which a read begins now.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) sled: Arc<Db>,
    pub(super) era: Arc<Era>,
}

impl Gate {
    pub(super) fn open(shown: Shown) -> Self {
        Self(Mutex::new(Some(shown)))
    }

    /// `None` while it is not known what will stand.
    pub(super) fn shown(&self) -> Option<Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn show(&self, shown: Option<Shown>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), shown);
        // Outside the lock: it may be the last hold on an era, or on sled.
        drop(before);
    }
}

fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// How many entries are taken from sled before its eras are asked.
const CHUNK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Db {
        ::sled::Config::new().temporary(true).flush_every_ms(None).open().unwrap()
    }

    fn all(view: &View<'_, Era>, most: usize) -> Vec<(u8, u8)> {
        let span = (Bound::Included(vec![0]), Bound::Excluded(vec![255]));
        view.entries(span, most).unwrap().iter().map(|(raw, value)| (raw[0], value[0])).collect()
    }

    fn patches(of: &[(u8, Option<u8>)]) -> Patches {
        of.iter().map(|(raw, value)| (vec![*raw], value.map(|value| IVec::from(vec![value])))).collect()
    }

    /// A reader stays in its moment through every group that is applied after it began, and another one is in the next.
    #[test]
    fn a_view_stays_in_its_moment() {
        let sled = tree();
        for key in [1, 2, 3] {
            sled.insert([key], vec![key]).unwrap();
        }
        let first = Arc::new(Era::default());
        let then = View { tree: &sled, over: &*first };
        let second = first.close(patches(&[(2, Some(2)), (4, None)]));
        sled.remove([2]).unwrap();
        sled.insert([4], vec![4]).unwrap();
        let third = second.close(patches(&[(1, Some(1)), (4, Some(4)), (2, None)]));
        sled.insert([1], vec![9]).unwrap();
        sled.insert([2], vec![9]).unwrap();
        sled.remove([4]).unwrap();

        assert_eq!(all(&then, 9), [(1, 1), (2, 2), (3, 3)]);
        assert_eq!(all(&View { tree: &sled, over: &*second }, 9), [(1, 1), (3, 3), (4, 4)]);
        assert_eq!(all(&View { tree: &sled, over: &*third }, 9), [(1, 9), (2, 9), (3, 3)]);
        assert_eq!(then.value(&[2]).unwrap().unwrap(), [2]);
        assert_eq!(then.value(&[4]).unwrap(), None);
    }

    /// Pages longer than a chunk, of which any part was removed or is new since.
    #[test]
    fn a_page_goes_on_through_what_was_removed() {
        let sled = tree();
        let mut before = Patches::new();
        for number in 0_u16..1000 {
            let raw = number.to_be_bytes();
            match number % 3 {
                0 => drop(sled.insert(raw, b"kept").unwrap()),
                1 => drop(before.insert(raw.to_vec(), Some(IVec::from(b"removed")))),
                _ => {
                    sled.insert(raw, b"new").unwrap();
                    before.insert(raw.to_vec(), None);
                }
            }
        }
        let era = Era::default();
        era.close(before);
        let view = View { tree: &sled, over: &era };
        let expected: Vec<u16> = (0..1000).filter(|number| number % 3 != 2).collect();
        for most in [0, 1, 255, 256, 257, 600, 700, usize::MAX] {
            let span = (Bound::Included(vec![0]), Bound::Excluded(vec![255]));
            let found = view.entries(span, most).unwrap();
            let numbers = found.iter().map(|(raw, _)| u16::from_be_bytes([raw[0], raw[1]]));
            assert!(numbers.eq(expected.iter().copied().take(most)), "{most}");
        }
    }

    #[test]
    fn a_long_row_of_eras_is_dropped_without_a_deep_stack() {
        let first = Arc::new(Era::default());
        let mut last = Arc::clone(&first);
        for _ in 0..1_000_000 {
            last = last.close(Patches::new());
        }
        drop(last);
        drop(first);
    }
}
