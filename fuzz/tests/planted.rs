//! Every planted bug is found, and without one the same seeds are clean.
#![cfg(feature = "planted")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it fails and tells as a test does"
)]

use doorward_core::planted::Planted;
use doorward_fuzz::catalogue::{self, CASES, Caught, OPERATIONS};
use doorward_fuzz::ledger;
use doorward_fuzz::plan::Plan;
use doorward_fuzz::shrink::Plans;
use doorward_fuzz::world::World;
use proptest::test_runner::{Config, TestError, TestRunner};

fn world(bug: Planted) -> World {
    World::new().with(move |policy| policy.planted(bug))
}

/// And as soon as the catalogue says, from which `core/EVIDENCE.md` is written. `DOORWARD_BLESS=1` writes it anew.
#[test]
fn every_planted_bug_is_found() {
    let caught: Vec<(Planted, Option<Caught>)> =
        Planted::ALL.iter().map(|bug| (*bug, catalogue::catch(*bug))).collect();
    let missed: Vec<Planted> =
        caught.iter().filter(|(_, caught)| caught.is_none()).map(|(bug, _)| *bug).collect();
    assert!(missed.is_empty(), "not found in {CASES} cases: {missed:?}");
    let caught: Vec<Caught> = caught.into_iter().filter_map(|(_, caught)| caught).collect();
    let folder = ledger::folder();
    if std::env::var_os("DOORWARD_BLESS").is_some() {
        catalogue::write(&folder, &caught).unwrap();
    }
    assert_eq!(catalogue::read(&folder).unwrap(), caught, "write it anew, with DOORWARD_BLESS=1");
}

#[test]
fn the_same_seeds_are_clean_without_a_bug() {
    for seed in 0..CASES {
        let found = World::new().run(&Plan::from_seed(seed, OPERATIONS)).err();
        assert_eq!(found, None, "seed {seed}");
    }
}

/// A fuzzer chooses by bytes. Without one, and much later, bytes that nobody chose find bugs too; without a bug they find nothing.
#[test]
fn bytes_find_what_is_planted() {
    let noise = |seed: u64| {
        let mut state = seed;
        let byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        Plan::from_bytes(&std::iter::repeat_with(byte).take(4096).collect::<Vec<_>>())
    };
    for bug in [Planted::LogoutKeepsRow, Planted::WaitIgnored, Planted::TouchRevives] {
        let seed = (0..5000).find(|seed| world(bug).run(&noise(*seed)).is_err());
        let seed = seed.unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?}: {seed}");
        assert_eq!(World::new().run(&noise(seed)).err(), None);
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
