//! What the kit says when it cannot ask, and when a store does worse than break a promise.

mod reference;

use std::panic::catch_unwind;
use std::sync::Arc;

use doorward_conformance::fault::{Failure, FaultStore, Rule};
use doorward_conformance::{Fixture, Verdict, uphold, verdicts};
use doorward_core::store::Store;
use reference::Bench;

#[test]
fn what_a_memory_store_cannot_be_asked_is_said_and_not_counted_as_kept() {
    let mut not_asked = Vec::new();
    for (promise, verdict) in verdicts(Bench::ephemeral) {
        match verdict {
            Verdict::Kept => {}
            Verdict::Broken(what) => panic!("{}: {what}", promise.name),
            Verdict::NotAsked(why) => not_asked.push((promise.name, why)),
        }
    }
    let names: Vec<&str> = not_asked.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "another_handle_sees_what_was_applied",
            "an_applied_batch_survives_a_kill",
            "a_relaxed_batch_survives_a_kill",
            "an_applied_batch_survives_a_power_cut",
            "no_crash_halves_a_batch",
            "a_barrier_makes_all_before_it_durable",
            "nothing_is_read_before_it_is_durable",
            "nothing_is_scanned_before_it_is_durable",
            "no_ending_is_told_before_it_is_durable",
            "after_a_failed_sync_reads_wait",
        ]
    );
    assert!(not_asked.iter().all(|(_, why)| !why.is_empty()));
}

/// The durable reference store, of which nothing is offered but the store.
struct Opaque(Bench);

impl Fixture for Opaque {
    fn open(&self) -> Arc<dyn Store> {
        self.0.open()
    }
}

#[test]
fn who_declares_durability_must_let_it_be_asked() {
    let broken = |(promise, verdict): (&'static doorward_conformance::Promise, Verdict)| {
        matches!(verdict, Verdict::Broken(_)).then_some(promise.name)
    };
    let broken: Vec<_> = verdicts(|| Opaque(Bench::correct())).into_iter().filter_map(broken).collect();
    assert_eq!(broken, ["an_applied_batch_survives_a_kill"]);
}

/// A store that does this to every call.
struct Always(Failure);

impl Fixture for Always {
    fn open(&self) -> Arc<dyn Store> {
        let store = FaultStore::new(Bench::correct().open());
        store.add(Rule::new(self.0.clone()).sticky());
        Arc::new(store)
    }
}

#[test]
fn a_store_that_panics_or_fails_breaks_its_promises_and_the_kit_goes_on() {
    for failure in [Failure::Panics, Failure::Fatal, Failure::UnknownNotApplied] {
        let verdicts = verdicts(|| Always(failure.clone()));
        // A second handle, a reopening and a medium are not offered: no more than those may go unasked.
        assert!(verdicts.iter().all(|(_, verdict)| *verdict != Verdict::Kept), "{failure:?}: {verdicts:?}");
        let broken = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Broken(_)));
        assert!(broken.count() >= 40, "{failure:?}");
    }
}

#[test]
fn a_broken_promise_fails_the_test_and_one_that_cannot_be_asked_does_not() {
    let fails = |name: &'static str| catch_unwind(move || uphold(name, &Always(Failure::Fatal))).is_err();
    assert!(fails("a_scan_shows_one_kind"));
    assert!(!fails("another_handle_sees_what_was_applied"));
    assert!(fails("there is no such promise"));
}
