//! Every planted bug is found, and without one the same seeds are clean.
#![cfg(feature = "planted")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it fails and tells as a test does"
)]

use doorward_core::planted::Planted;
use doorward_fuzz::plan::{Move, Plan};
use doorward_fuzz::shrink::Plans;
use doorward_fuzz::world::World;
use proptest::test_runner::{Config, TestError, TestRunner};

const OPERATIONS: usize = 2000;
/// Every bug is found in fewer cases.
const CASES: u64 = 200;

fn world(bug: Planted) -> World {
    World::new().with(move |policy| policy.planted(bug))
}

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for bug in Planted::ALL.iter().copied() {
        let found = (0..CASES).find_map(|seed| {
            let plan = Plan::from_seed(seed, OPERATIONS);
            let found = world(bug).run(&plan).err()?;
            // A seed is a counterexample: it fails again, in the same place, in the same words.
            assert_eq!(world(bug).run(&plan).err().as_ref(), Some(&found));
            let started = plan.moves.iter().take(found.at + 1);
            let started = started.filter(|one| matches!(one, Move::Start { .. })).count();
            Some((seed, OPERATIONS * usize::try_from(seed).unwrap() + started, found.violation))
        });
        match found {
            Some((seed, operations, violation)) => {
                println!("{bug:?}: seed {seed}, {operations} operations, {violation}");
            }
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

/// A counterexample is worth as much as it can be read: thousands of moves come down to a handful.
#[test]
fn a_counterexample_shrinks_to_few_moves() {
    for (bug, most) in
        [(Planted::LogoutKeepsRow, 25), (Planted::WaitIgnored, 25), (Planted::TouchRevives, 25)]
    {
        let config = Config { failure_persistence: None, max_shrink_iters: 100_000, ..Config::default() };
        let outcome = TestRunner::new_with_rng(
            config,
            proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
        )
        .run(&Plans { operations: OPERATIONS }, |plan| {
            proptest::prop_assert!(world(bug).run(&plan).is_ok());
            Ok(())
        });
        let Err(TestError::Fail(_, plan)) = outcome else { panic!("{bug:?} is not found: {outcome:?}") };
        println!("{bug:?}: {} moves, {:?}", plan.moves.len(), world(bug).run(&plan).unwrap_err());
        assert!(plan.moves.len() <= most, "{bug:?}: {:#?}", plan.moves);
        assert!(world(bug).run(&plan).is_err());
    }
}
