//! The fault store: each failure does what it says, and without a script the kit finds nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test's own functions fail as the test does

mod reference;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_conformance::fault::{Call, CallKind, Failure, FaultStore, Rule};
use doorward_conformance::{Fixture, Medium, suite};
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::id::{AccountId, SessionId, Stamp};
use doorward_core::record::{AccountRecord, Key, Kind, Row};
use doorward_core::store::{Batch, Commit, Cursor, Durability, Ending, Expect, Range, Store, Write};
use doorward_core::time::Timestamp;
use reference::Bench;

/// The reference store behind a fault store without a script.
struct Behind(Bench);

fn behind(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(FaultStore::new(store))
}

impl Fixture for Behind {
    fn open(&self) -> Arc<dyn Store> {
        behind(self.0.open())
    }

    fn second_handle(&self) -> Option<Arc<dyn Store>> {
        self.0.second_handle().map(behind)
    }

    fn reopen(&self) -> Option<Arc<dyn Store>> {
        self.0.reopen().map(behind)
    }

    fn medium(&self) -> Option<&dyn Medium> {
        self.0.medium()
    }
}

mod without_a_script {
    use super::*;

    suite!(Behind(Bench::correct()));
}

fn store() -> FaultStore {
    FaultStore::new(Bench::correct().open())
}

fn key(number: u8) -> Key {
    Key::Account(AccountId::from_bytes([number; 16]))
}

fn create(number: u8) -> Batch {
    let stamp = Stamp::from_bytes([number; 16]);
    let record = AccountRecord { created: Timestamp::from_millis(0) }.into();
    let row = Row { stamp, epoch: 0, owner: None, expires: None, record };
    let mut batch = Batch::new(stamp, Durability::Durable);
    batch.writes.push(Write::Put { key: key(number), row, expect: Expect::Absent });
    batch
}

fn has(store: &FaultStore, number: u8) -> bool {
    store.read(&[key(number)]).unwrap()[0].is_some()
}

fn kind<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> StoreErrorKind {
    answer.unwrap_err().kind()
}

fn accounts() -> Range {
    Range { kind: Kind::Account, owner: None, after: None }
}

#[test]
fn what_says_that_nothing_was_applied_applies_nothing_on_every_call() {
    for (failure, expected) in [
        (Failure::Retryable, StoreErrorKind::Retryable),
        (Failure::Fatal, StoreErrorKind::Fatal),
        (Failure::Corrupt, StoreErrorKind::Corrupt),
        (Failure::UnknownNotApplied, StoreErrorKind::Unknown),
    ] {
        let store = store();
        store.add(Rule::new(failure).sticky());
        assert_eq!(kind(store.commit(&create(1))), expected);
        assert_eq!(kind(store.read(&[key(1)])), expected);
        assert_eq!(kind(store.scan(&accounts(), 1)), expected);
        assert_eq!(kind(store.changes(Cursor::START, 1)), expected);
        assert_eq!(kind(store.purge(Timestamp::MAX, 1)), expected);
        store.heal();
        assert!(!has(&store, 1));
    }
}

#[test]
fn unknown_applied_is_applied_and_conflicts_are_lost_too() {
    let store = store();
    store.add(Rule::new(Failure::UnknownApplied).on(CallKind::Commit).sticky());
    assert_eq!(kind(store.commit(&create(1))), StoreErrorKind::Unknown);
    assert_eq!(kind(store.commit(&create(1))), StoreErrorKind::Unknown);
    assert!(has(&store, 1));
}

#[test]
fn unknown_applied_later_arrives_at_a_release() {
    let store = store();
    store.add(Rule::new(Failure::UnknownAppliedLater { before_call: None }));
    assert_eq!(kind(store.commit(&create(1))), StoreErrorKind::Unknown);
    assert!(!has(&store, 1));
    assert_eq!(store.on_the_way(), 1);
    assert!(matches!(store.release()[..], [Ok(Commit::Applied)]));
    assert!(has(&store, 1));
    assert!(store.release().is_empty());
}

#[test]
fn unknown_applied_later_arrives_just_before_the_call_that_was_named() {
    let store = store();
    store.add(Rule::new(Failure::UnknownAppliedLater { before_call: Some(3) }));
    assert_eq!(kind(store.commit(&create(1))), StoreErrorKind::Unknown);
    assert_eq!([(); 4].map(|()| has(&store, 1)), [false, false, true, true]);
}

#[test]
fn a_batch_that_arrives_late_still_compares() {
    let store = store();
    store.add(Rule::new(Failure::UnknownAppliedLater { before_call: None }));
    assert_eq!(kind(store.commit(&create(1))), StoreErrorKind::Unknown);
    assert_eq!(store.commit(&create(1)).unwrap(), Commit::Applied);
    assert!(matches!(store.release()[..], [Ok(Commit::Conflict)]));
}

#[test]
fn after_a_failed_sync_reads_are_retryable_until_a_durable_commit() {
    for applied in [true, false] {
        let store = store();
        store.add(Rule::new(Failure::FailedSync { applied }).on(CallKind::Commit));
        assert_eq!(kind(store.commit(&create(1))), StoreErrorKind::Unknown);
        let reads_wait = || {
            assert_eq!(kind(store.read(&[key(1)])), StoreErrorKind::Retryable);
            assert_eq!(kind(store.scan(&accounts(), 1)), StoreErrorKind::Retryable);
            assert_eq!(kind(store.changes(Cursor::START, 1)), StoreErrorKind::Retryable);
        };
        reads_wait();
        let relaxed = Batch::new(Stamp::from_bytes([8; 16]), Durability::Relaxed);
        assert_eq!(store.commit(&relaxed).unwrap(), Commit::Applied);
        reads_wait();
        assert_eq!(store.commit(&create(2)).unwrap(), Commit::Applied);
        assert_eq!(has(&store, 1), applied);
    }
}

#[test]
fn slow_is_slow_and_nothing_else() {
    let store = store();
    store.add(Rule::new(Failure::Slow(Duration::from_millis(30))).sticky());
    let begun = Instant::now();
    assert_eq!(store.commit(&create(1)).unwrap(), Commit::Applied);
    assert!(has(&store, 1));
    assert!(begun.elapsed() >= Duration::from_millis(60));
}

#[test]
fn a_panic_comes_before_or_after_the_call_and_poisons_nothing() {
    for (failure, applied) in [(Failure::Panics, false), (Failure::PanicsApplied, true)] {
        let store = store();
        store.add(Rule::new(failure.clone()));
        assert!(catch_unwind(AssertUnwindSafe(|| store.commit(&create(1)))).is_err());
        assert_eq!(has(&store, 1), applied);
        store.add(Rule::new(failure));
        assert!(catch_unwind(AssertUnwindSafe(|| store.read(&[key(1)]))).is_err());
        assert_eq!(store.calls().len(), 3);
    }
}

#[test]
fn a_stale_read_shows_what_stood_at_the_snapshot() {
    let store = store();
    store.commit(&create(1)).unwrap();
    let old = store.snapshot().unwrap();
    let mut ending = create(2);
    let (session, until) = (SessionId::from_bytes([1; 16]), Timestamp::MAX);
    ending.journal.push(Ending::Session { session, until });
    ending.writes.push(Write::Delete { key: key(1) });
    store.commit(&ending).unwrap();
    store.add(Rule::new(Failure::Stale(old)).sticky());
    assert!(has(&store, 1) && !has(&store, 2));
    assert_eq!(store.scan(&accounts(), 10).unwrap()[0].0, key(1));
    assert!(store.changes(Cursor::START, 10).unwrap().entries.is_empty());
    assert_eq!(store.commit(&create(2)).unwrap(), Commit::Conflict);
    store.heal();
    assert!(!has(&store, 1) && has(&store, 2));
}

#[test]
fn a_rule_counts_calls_of_its_kind_once_or_from_then_on() {
    let store = store();
    store.add(Rule::new(Failure::Retryable).on(CallKind::Read).nth(2));
    store.add(Rule::new(Failure::Fatal).on(CallKind::Read).nth(4).sticky());
    let fails = || {
        store.scan(&accounts(), 1).unwrap();
        store.read(&[]).err().map(|error| error.kind())
    };
    let found = [(); 5].map(|()| fails());
    let (retryable, fatal) = (Some(StoreErrorKind::Retryable), Some(StoreErrorKind::Fatal));
    assert_eq!(found, [None, retryable, None, fatal, fatal]);
}

#[test]
fn of_two_rules_for_one_call_the_first_decides_and_both_have_counted() {
    let store = store();
    store.add(Rule::new(Failure::Retryable));
    store.add(Rule::new(Failure::Fatal));
    assert_eq!(kind(store.read(&[])), StoreErrorKind::Retryable);
    assert!(store.read(&[]).is_ok());
}

#[test]
fn calls_are_noted_in_order_also_by_clones_and_also_those_that_fail() {
    let store = store();
    let clone = store.clone();
    clone.read(&[key(1), Key::Keyring]).unwrap();
    store.add(Rule::new(Failure::Fatal));
    let mut batch = create(1);
    batch.writes.push(Write::Raise { key: Key::Keyring });
    batch.journal.push(Ending::Epoch { key: Key::Keyring, until: Timestamp::MAX });
    clone.commit(&batch).unwrap_err();
    store.purge(Timestamp::MAX, 9).unwrap();
    let calls = store.calls();
    assert_eq!(calls[0], Call::Read { keys: vec![key(1), Key::Keyring] });
    let shapes: Vec<String> = calls.iter().map(ToString::to_string).collect();
    assert_eq!(
        shapes,
        ["read account keyring", "commit create:account raise:keyring end:keyring", "purge 9"]
    );
    store.forget_calls();
    assert!(clone.calls().is_empty());
}
