//! The promises of a Doorward store as tests, and a store that fails on demand.
//!
//! An engine trusts its [`Store`](doorward_core::store::Store) with seven promises and nothing else. This kit
//! asks for each sentence of them. It depends on `doorward-core` only and never ships in an engine.
//!
//! # How to test your own store
//!
//! 1. Implement [`Fixture`] for a type that makes one fresh database. [`Fixture::open`] is enough to begin.
//! 2. Write one line in a test file: `doorward_conformance::suite!(Mine::new());`
//! 3. Run `cargo test`. There is one test per promise, under a name that says it; a store that breaks a promise
//!    fails that test, with the contract's sentence and with what was seen.
//!
//! Then offer more, so that more can be asked:
//!
//! | offer | to be asked |
//! |---|---|
//! | [`Fixture::second_handle`] | whether another handle sees at once what one has applied |
//! | [`Fixture::reopen`] | whether what was applied survives `kill -9`; required when you declare `durable: true` |
//! | [`Fixture::medium`] | power cuts, torn batches, barriers, what is seen before it is durable, failed syncs |
//!
//! What a fixture does not offer is printed as `NOT ASKED` with the reason, and is not counted as kept.
//!
//! # A store from nothing
//!
//! A whole store in memory, and the whole kit run on it as a program instead of as tests:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
//!
//! use doorward_conformance::{Fixture, Verdict, verdicts};
//! use doorward_core::error::{StoreError, StoreErrorKind};
//! use doorward_core::record::{Key, Row};
//! use doorward_core::store::{
//!     Batch, Change, Changes, Commit, Cursor, Ending, Guarantees, Range, Revocation, Store, Write,
//! };
//! use doorward_core::time::Timestamp;
//!
//! #[derive(Default)]
//! struct Memory(Mutex<Tables>);
//!
//! #[derive(Default)]
//! struct Tables {
//!     rows: BTreeMap<Key, Row>,
//!     journal: Vec<Change>,
//!     last: u64,
//! }
//!
//! impl Memory {
//!     fn tables(&self) -> MutexGuard<'_, Tables> {
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner)
//!     }
//! }
//!
//! impl Store for Memory {
//!     fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
//!         let tables = self.tables();
//!         Ok(keys.iter().map(|key| tables.rows.get(key).cloned()).collect())
//!     }
//!
//!     fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
//!         batch.validate()?;
//!         let mut tables = self.tables();
//!         if !batch.holds(|key| tables.rows.get(key).map(|row| row.stamp)) {
//!             return Ok(Commit::Conflict);
//!         }
//!         let is_malformed = |ending: &Ending| match ending {
//!             Ending::Session { .. } => false,
//!             Ending::Epoch { key, .. } => Revocation::of_epoch(key, None).is_none(),
//!         };
//!         if batch.journal.iter().any(is_malformed) {
//!             return Err(StoreError::new(StoreErrorKind::Fatal, "only accounts and the keyring have epochs"));
//!         }
//!         for write in &batch.writes {
//!             match write {
//!                 Write::Put { key, row, .. } => _ = tables.rows.insert(key.clone(), row.clone()),
//!                 Write::Delete { key } => _ = tables.rows.remove(key),
//!                 Write::Raise { key } => {
//!                     if let Some(row) = tables.rows.get_mut(key) {
//!                         row.epoch += 1;
//!                         row.stamp = batch.stamp;
//!                     }
//!                 }
//!             }
//!         }
//!         for ending in &batch.journal {
//!             let (revocation, until) = match ending {
//!                 Ending::Session { session, until } => (Some(Revocation::Session(*session)), *until),
//!                 Ending::Epoch { key, until } => {
//!                     let epoch = tables.rows.get(key).map(|row| row.epoch);
//!                     (Revocation::of_epoch(key, epoch), *until)
//!                 }
//!             };
//!             tables.last += 1;
//!             let cursor = Cursor::from_number(tables.last);
//!             tables.journal.extend(revocation.map(|revocation| Change { cursor, revocation, until }));
//!         }
//!         Ok(Commit::Applied)
//!     }
//!
//!     fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
//!         let tables = self.tables();
//!         let found = tables.rows.iter().filter(|(key, row)| range.holds(key, row));
//!         Ok(found.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect())
//!     }
//!
//!     fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
//!         let tables = self.tables();
//!         let entries = tables.journal.iter().filter(|change| change.cursor > after).take(limit);
//!         Ok(Changes { entries: entries.cloned().collect(), end: Cursor::from_number(tables.last) })
//!     }
//!
//!     fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
//!         let mut tables = self.tables();
//!         let is_over = |row: &Row| row.expires.is_some_and(|expires| expires <= now);
//!         let over: Vec<Key> =
//!             tables.rows.iter().filter(|(_, row)| is_over(row)).take(limit).map(|(key, _)| key.clone()).collect();
//!         over.iter().for_each(|key| _ = tables.rows.remove(key));
//!         tables.journal.retain(|change| change.until > now);
//!         Ok(over.len())
//!     }
//!
//!     fn guarantees(&self) -> Guarantees {
//!         Guarantees::EPHEMERAL
//!     }
//! }
//!
//! struct Fresh;
//!
//! impl Fixture for Fresh {
//!     fn open(&self) -> Arc<dyn Store> {
//!         Arc::new(Memory::default())
//!     }
//! }
//!
//! for (promise, verdict) in verdicts(|| Fresh) {
//!     assert!(!matches!(verdict, Verdict::Broken(_)), "{}: {verdict}", promise.name);
//! }
//! ```
//!
//! # What the kit relies on, and what it cannot see
//!
//! It has been seen to fail: for every promise there is a store in this crate's tests that breaks it, by one
//! small edit of a correct store, and the kit names that promise and no other.
//!
//! It looks for races by racing, for a moment each: a store with a window of nanoseconds may pass once, so run
//! it often, and under load. It cannot kill a process in the middle of a write, nor tear one: that is for crash
//! tests with real processes and replayed system calls. It asks a blocking [`Store`](doorward_core::store::Store);
//! an `AsyncStore` is asked through an adapter that blocks on its futures. A store that hangs hangs its test.
//!
//! # Also here
//!
//! [`fault`] stands before any store and fails when a test says so. [`explore`](mod@explore) runs every schedule
//! of a small world.
#![forbid(unsafe_code)]
// A kit of tests fails by panicking, in the few places that say `# Panics`.
#![allow(clippy::panic)]

mod check;
mod crowd;
mod draft;
pub mod explore;
pub mod fault;
mod fixture;
mod promise;
mod subject;
mod suite;

pub use fixture::{Fixture, Medium};
pub use promise::{Promise, Verdict, promises, uphold, verdicts};
