//! Handles: what C holds in its hand of a thing that lives in here.
//!
//! A handle looks like a pointer and is a number. It is looked up, never followed: one that was freed, or is none, or is of
//! another kind, is refused, and a call that is under way keeps its thing alive. Numbers are never given twice in a process
//! (on a machine of 32 bits not before four billion of them).

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::failure::{Called, Failure};
use crate::status::dw_status::DW_HANDLE;
use crate::text::null;

/// All handles of a kind.
pub(crate) struct Registry<T> {
    shards: [RwLock<BTreeMap<usize, Arc<T>>>; SHARDS],
    /// What one of them is called.
    name: &'static str,
}

const SHARDS: usize = 16;

impl<T> Registry<T> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { shards: [const { RwLock::new(BTreeMap::new()) }; SHARDS], name }
    }

    pub(crate) fn add<H>(&self, thing: T) -> *mut H {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        let mut shard = self.shard(number).write().unwrap_or_else(PoisonError::into_inner);
        shard.insert(number, Arc::new(thing));
        ptr::without_provenance_mut(number)
    }

    pub(crate) fn find<H>(&self, handle: *const H) -> Called<Arc<T>> {
        let number = handle.addr();
        if number == 0 {
            return Err(null(self.name));
        }
        let shard = self.shard(number).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&number).cloned().ok_or_else(|| self.unknown())
    }

    /// Nobody finds it any more. It goes when the last call that has it returns.
    pub(crate) fn remove<H>(&self, handle: *const H) {
        let number = handle.addr();
        let removed = self.shard(number).write().unwrap_or_else(PoisonError::into_inner).remove(&number);
        // Not under the lock: it may take its time.
        drop(removed);
    }

    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    fn shard(&self, number: usize) -> &RwLock<BTreeMap<usize, Arc<T>>> {
        let [first, ..] = &self.shards;
        self.shards.get(number % SHARDS).unwrap_or(first)
    }

    fn unknown(&self) -> Failure {
        let name = self.name;
        Failure::new(DW_HANDLE, format!("this `{name}` is freed, or was never one: open another"))
    }
}
