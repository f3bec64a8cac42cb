//! Every planted bug is found, and without one the same seeds are clean.
#![cfg(feature = "planted")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it fails and tells as a test does"
)]

use doorward_core::planted::Planted;
use doorward_fuzz::plan::Plan;
use doorward_fuzz::world::World;

const OPERATIONS: usize = 2000;
/// No bug needs as many cases as this.
const CASES: u64 = 40;

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for bug in Planted::ALL.iter().copied() {
        let found = (0..CASES).find_map(|seed| {
            let found = World::with(|policy| policy.planted(bug)).run(&Plan::from_seed(seed, OPERATIONS));
            found.err().map(|found| (seed, found))
        });
        match found {
            Some((seed, found)) => println!("{bug:?}: case {}, {found}", seed + 1),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found in {CASES} cases: {missed:?}");
}

#[test]
fn the_same_seeds_are_clean_without_a_bug() {
    for seed in 0..CASES {
        let found = World::new().run(&Plan::from_seed(seed, OPERATIONS)).err();
        assert_eq!(found, None, "seed {seed}");
    }
}
