//! The promises of a Doorward store as tests, and a store that fails on demand.
//!
//! An engine trusts its [`Store`](doorward_core::store::Store) with the eight promises of
//! [`doorward_core::store`] and nothing else. This kit asks for each sentence of them. It depends on
//! `doorward-core` only and never ships in an engine.
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
#![doc = include_str!("../doc/memory.rs")]
//!
//! use std::sync::Arc;
//!
//! use doorward_conformance::{Fixture, Verdict, verdicts};
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
//! an [`AsyncStore`](doorward_core::store::AsyncStore) is asked through [`Blocking`], which waits for its futures; what
//! a dropped future leaves is for its author's own tests. A store that hangs hangs its test.
//!
//! The page [`write_your_own`](https://docs.rs/doorward/latest/doorward/store/write_your_own/) of `doorward` goes through
//! the contract sentence by sentence and names the tests that ask for each.
//!
//! # Also here
//!
//! [`fault`] stands before any store and fails when a test says so. [`explore`](mod@explore) runs every schedule
//! of a small world.
#![forbid(unsafe_code)]
// A kit of tests fails by panicking, in the few places that say `# Panics`.
#![allow(clippy::panic)]

mod blocking;
mod check;
mod crowd;
mod draft;
pub mod explore;
pub mod fault;
mod fixture;
mod promise;
mod subject;
mod suite;

pub use blocking::Blocking;
pub use fixture::{Fixture, Medium};
pub use promise::{Promise, Verdict, promises, uphold, verdicts};
