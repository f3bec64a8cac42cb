//! The C ABI, called at random: `abi` goes on for as long as one likes. Alone in its process, which counts the open handles.
#![allow(clippy::unwrap_used, reason = "it fails as a test does")]

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_ffi_host::random::{self, Tally};

const HEADER: &str = include_str!("../../ffi/include/doorward.h");

#[test]
fn whatever_is_said_to_the_header_is_answered_as_it_says() {
    let declared = declared();
    let mut total = Tally::default();
    let uncalled = |total: &Tally| -> Vec<_> {
        let called: BTreeSet<_> = total.functions().map(|(function, _)| function).collect();
        declared.difference(&called).copied().collect()
    };
    for seed in 1..=MOST_CASES {
        let found = random::run(seed, 600, Duration::from_secs(30));
        assert!(found.is_ok(), "{}", found.unwrap_err());
        total.add(found.unwrap());
        if seed >= CASES && uncalled(&total).is_empty() {
            break;
        }
    }
    assert!(uncalled(&total).is_empty(), "never called: {:?}\n{total}", uncalled(&total));
    // Few of them are done in so short a run that are not done in every one.
    assert!(total.done() * 2 > total.calls(), "most calls are refused:\n{total}");
    let never = total.never_done();
    assert!(never.len() < 10, "never done as asked: {never:?}\n{total}");
}

/// Every fourth of them has several threads.
const CASES: u64 = 32;
/// Threads take turns as they please: by then each function has had its turn.
const MOST_CASES: u64 = 200;

/// The functions of the header.
fn declared() -> BTreeSet<&'static str> {
    let lines = HEADER
        .lines()
        .filter(|line| !line.starts_with([' ', '/', '#', '*', '}']) && !line.contains("typedef"));
    let heads = lines.filter_map(|line| line.split_once('(')).map(|(head, _)| head);
    let names = heads.filter_map(|head| head.rsplit([' ', '*']).next());
    let names: BTreeSet<_> = names.filter(|name| name.starts_with("dw_")).collect();
    assert!(names.len() > 150, "{} functions are not the whole header", names.len());
    names
}
