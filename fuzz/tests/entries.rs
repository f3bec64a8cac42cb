//! Bytes choose calls of the C ABI that do something: a fuzzer that was refused everywhere would search for nothing. Alone in its
//! process, which counts the open handles.
#![allow(clippy::unwrap_used, reason = "it fails as a test does")]

use std::fs;
use std::time::Duration;

use doorward_ffi_host::random::{self, Tally};
use doorward_fuzz::target::Target;

#[test]
fn bytes_choose_calls_that_do_something() {
    let target = Target::named("entries").unwrap();
    let files = fs::read_dir(target.corpus()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let mut total = Tally::default();
    for input in files.chain(target.seeds()) {
        let tally = random::chosen(&input, 200, Duration::from_secs(30));
        assert!(tally.is_ok(), "{}", tally.unwrap_err());
        total.add(tally.unwrap());
    }
    assert!(total.done() * 3 > total.calls(), "most calls are refused:\n{total}");
    assert!(total.functions().count() > 60, "few functions are called:\n{total}");
}
