//! The kit on a simulated medium; and what it says of a store without its gate, and of one without syncs.

use doorward_conformance::{Verdict, verdicts};

use crate::medium::{Bench, Without};

doorward_conformance::suite!(Bench::new(Without::Nothing));

fn broken(without: Without) -> Vec<&'static str> {
    let verdicts = verdicts(|| Bench::new(without));
    let is_broken = |verdict: &Verdict| matches!(verdict, Verdict::Broken(_));
    verdicts.into_iter().filter(|(_, verdict)| is_broken(verdict)).map(|(promise, _)| promise.name).collect()
}

/// Only the promise of a second handle is not asked: sled is for one process, and for one store in it.
#[test]
fn all_that_can_be_asked_is_asked() {
    let not_asked = verdicts(|| Bench::new(Without::Nothing)).into_iter().filter_map(|(promise, verdict)| {
        assert!(!matches!(verdict, Verdict::Broken(_)), "{}: {verdict}", promise.name);
        matches!(verdict, Verdict::NotAsked(_)).then_some(promise.name)
    });
    assert_eq!(not_asked.collect::<Vec<_>>(), ["another_handle_sees_what_was_applied"]);
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
