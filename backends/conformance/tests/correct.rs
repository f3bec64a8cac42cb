//! The kit is green on a store that keeps every promise: the one line that a third party writes.

mod reference;

use doorward_conformance::suite;
use reference::Bench;

suite!(Bench::correct());
