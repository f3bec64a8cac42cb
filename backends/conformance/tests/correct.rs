//! The kit is green on stores that keep every promise: the one line that a third party writes.

mod reference;

use doorward_conformance::suite;
use reference::Bench;

suite!(Bench::correct());

mod settling {
    doorward_conformance::suite!(super::Bench::settling());
}
