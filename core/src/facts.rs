//! What an operation knows so far. Only the machine adds to it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::record::{Key, Row};
use crate::store::Range;
use crate::time::Timestamp;
use crate::work::{Work, Worked};

/// The rows, pages and finished work that one operation has been given.
///
/// # Example: not read yet, or not there
/// ```
/// use doorward_core::facts::Facts;
/// use doorward_core::id::AccountId;
/// use doorward_core::record::Key;
///
/// /// `None`: read it first.
/// fn may_log_in(facts: &Facts, account: AccountId) -> Option<bool> {
///     let [active] = facts.rows([&Key::Active(account)])?;
///     Some(active.is_some())
/// }
/// assert_eq!(may_log_in(&Facts::default(), AccountId::from_bytes([1; 16])), None);
/// ```
#[derive(Debug, Default)]
pub struct Facts {
    rows: BTreeMap<Key, Option<Row>>,
    pages: BTreeMap<Range, Vec<(Key, Row)>>,
    work: Vec<(Work, Worked)>,
    reads: u32,
    asked: Option<Timestamp>,
}

impl Facts {
    /// The rows under these keys (`None` inside: there is none), or `None` when one of them was not read yet.
    pub fn rows<const N: usize>(&self, keys: [&Key; N]) -> Option<[Option<&Row>; N]> {
        if keys.iter().all(|key| self.rows.contains_key(key)) {
            Some(keys.map(|key| self.rows.get(key).and_then(Option::as_ref)))
        } else {
            None
        }
    }

    /// The page of this range, when it was scanned.
    pub fn page(&self, range: &Range) -> Option<&[(Key, Row)]> {
        self.pages.get(range).map(Vec::as_slice)
    }

    /// What this work came to, when it was done.
    pub fn worked(&self, work: &Work) -> Option<&Worked> {
        self.work.iter().find(|(done, _)| done == work).map(|(_, worked)| worked)
    }

    /// When the access token that was signed last says that it was issued, in seconds: who is decided again says the same.
    pub(crate) fn signed_at(&self) -> Option<i64> {
        self.work.iter().rev().find_map(|(work, _)| match work {
            Work::Sign { claims, .. } => Some(claims.issued_at),
            Work::Hash { .. } | Work::Verify { .. } => None,
        })
    }

    /// The rows are as of this time, or later: until then they were not asked for.
    pub(crate) fn asked(&self) -> Option<Timestamp> {
        self.asked
    }

    pub(crate) fn learn_rows(&mut self, keys: Vec<Key>, rows: Vec<Option<Row>>, asked: Timestamp) {
        self.rows.extend(keys.into_iter().zip(rows));
        self.reads += 1;
        self.asked = self.asked.or(Some(asked));
    }

    pub(crate) fn learn_page(&mut self, range: Range, rows: Vec<(Key, Row)>) {
        self.pages.insert(range, rows);
    }

    pub(crate) fn learn_work(&mut self, work: Work, worked: Worked) {
        self.work.push((work, worked));
    }

    /// Forgets what the store said; what was worked out stays.
    pub(crate) fn forget_rows(&mut self) {
        self.rows.clear();
        self.pages.clear();
        self.reads = 0;
        self.asked = None;
    }

    /// Whether all rows are from one snapshot.
    pub(crate) fn is_one_snapshot(&self) -> bool {
        self.reads <= 1
    }

    /// Each key that was read, with the row seen.
    pub(crate) fn consulted(&self) -> impl Iterator<Item = (&Key, Option<&Row>)> {
        self.rows.iter().map(|(key, row)| (key, row.as_ref()))
    }

    pub(crate) fn seen(&self, key: &Key) -> Option<&Row> {
        self.rows.get(key).and_then(Option::as_ref)
    }
}
