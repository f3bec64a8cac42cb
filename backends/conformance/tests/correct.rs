//! The kit is green on a store that keeps every promise: the one line that a third party writes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests

mod reference;

use doorward_conformance::suite;
use reference::Bench;

suite!(Bench::correct());
