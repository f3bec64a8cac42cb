//! The kit on a simulated medium; and what it says of a store without its gate, and of one without syncs.

use doorward_conformance::{Verdict, promises};

use crate::medium::{Bench, Without};

doorward_conformance::suite!(Bench::new(Without::Nothing));

/// Of the promises about durability, those with this verdict.
fn found(without: Without, is_found: impl Fn(&Verdict) -> bool) -> Vec<&'static str> {
    let first = promises().iter().position(|promise| promise.name == "an_applied_batch_survives_a_kill");
    let asked = promises().iter().skip(first.unwrap());
    let verdicts = asked.map(|promise| (promise.name, promise.put_to(&Bench::new(without))));
    verdicts.filter(|(_, verdict)| is_found(verdict)).map(|(name, _)| name).collect()
}

fn broken(without: Without) -> Vec<&'static str> {
    found(without, |verdict| matches!(verdict, Verdict::Broken(_)))
}

/// What a suite does not ask it does not fail: the medium must be one that lets all of it be asked.
#[test]
fn all_promises_of_durability_are_asked_and_kept() {
    assert_eq!(found(Without::Nothing, |verdict| *verdict != Verdict::Kept), [""; 0]);
}

#[test]
fn without_the_gate_what_is_not_durable_is_seen() {
    assert_eq!(
        broken(Without::Gate),
        [
            "nothing_is_read_before_it_is_durable",
            "nothing_is_scanned_before_it_is_durable",
            "no_ending_is_told_before_it_is_durable",
        ]
    );
}

#[test]
fn without_syncs_a_power_cut_takes_what_was_applied() {
    let broken = broken(Without::Syncs);
    for promise in ["an_applied_batch_survives_a_power_cut", "a_barrier_makes_all_before_it_durable"] {
        assert!(broken.contains(&promise), "{broken:?}");
    }
}
