//! RV-11, RV-7: every operation, with every fault at every call of the store, once and from then on. It returns,
//! what it says is true, its rows are all there or none, another account's are as they were, and afterwards the engine
//! works as ever.

#![allow(clippy::similar_names)] // a case, and what came of it

mod operation;
mod stage;
mod truth;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::record::Key;
use doorward::store::MemoryStore;
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use operation::{ACCOUNTS, DOORS, Operation, SESSIONS, TOKENS};
use stage::{Base, Came, Stage, undisturbed};

use crate::support::engine::{OnDisk, each_on_disk};
use crate::support::everywhere::folder;
use crate::support::operations::event_names;
use crate::support::rows::dump;

fn failures() -> [Failure; 12] {
    [
        Failure::Retryable,
        Failure::UnknownApplied,
        Failure::UnknownNotApplied,
        Failure::UnknownAppliedLater { before_call: None },
        Failure::UnknownAppliedLater { before_call: Some(1) },
        Failure::FailedSync { applied: true },
        Failure::FailedSync { applied: false },
        Failure::Fatal,
        Failure::Corrupt,
        Failure::Panics,
        Failure::PanicsApplied,
        Failure::Slow(Duration::from_millis(1)),
    ]
}

/// One fault that one operation meets.
struct Case<'a> {
    base: &'a Base,
    operation: Operation,
    /// The kind of call, when the answer rests on it.
    met: Option<CallKind>,
    failure: Failure,
    rule: Rule,
    name: String,
}

fn each_case(operations: &[Operation], run: impl Fn(Case<'_>)) -> u32 {
    let base = Base::new();
    let mut cases = 0;
    for operation in operations {
        for (at, (met, rests)) in undisturbed(*operation, &base).into_iter().enumerate() {
            for failure in failures() {
                let nth = u64::try_from(at).unwrap() + 1;
                for sticky in [false, true] {
                    let rule = Rule::new(failure.clone()).nth(nth);
                    let rule = if sticky { rule.sticky() } else { rule };
                    let name = format!("{operation:?}, call {nth} ({met:?}), {failure:?}, sticky {sticky}");
                    let met = rests.then_some(met);
                    let failure = failure.clone();
                    run(Case { base: &base, operation: *operation, met, failure, rule, name });
                    cases += 1;
                }
            }
        }
    }
    cases
}

fn in_memory(operations: &[Operation]) -> u32 {
    each_case(operations, |Case { base, operation, met, failure, rule, name }| {
        let mut stage = Stage::new(operation, Arc::new(MemoryStore::new()), base);
        stage.faulty.add(rule);
        let came = stage.run();
        stage.check_event(&came, &name);
        stage.check_truth(&came, &failure, met, &name);
        let open = || stage.open(Arc::new(stage.faulty.clone())).expect("a healed store opens");
        let engine = stage.engine.clone().unwrap_or_else(open);
        stage.check_afterwards(&came, &engine, &name);
    })
}

#[test]
fn rv_11_inv_17_24_29_memory_every_fault_at_every_call_of_opening_and_logging_in() {
    assert_eq!(in_memory(&DOORS), 43 * 12 * 2);
}

#[test]
fn rv_11_inv_17_29_memory_every_fault_at_every_call_on_a_session() {
    assert_eq!(in_memory(&SESSIONS), 35 * 12 * 2);
}

#[test]
fn rv_11_inv_17_27_29_memory_every_fault_at_every_call_on_an_account() {
    assert_eq!(in_memory(&ACCOUNTS), 62 * 12 * 2);
}

#[test]
fn rv_11_inv_5_11_17_25_29_memory_every_fault_at_every_call_of_tokens() {
    assert_eq!(in_memory(&TOKENS), 22 * 12 * 2);
}

/// What is new in the core meets the faults, too.
#[test]
fn rv_11_no_operation_is_left_out() {
    let all = DOORS.iter().chain(&SESSIONS).chain(&ACCOUNTS).chain(&TOKENS);
    let met: BTreeSet<&str> =
        all.flat_map(|operation| operation.others().iter().copied().chain([operation.name()])).collect();
    // A purge alone is one call of the store: maintenance meets its faults.
    let all = event_names().into_iter().filter(|name| *name != "purge");
    assert_eq!(met, all.collect());
}

/// RV-7: what was said stands on the disk, for whoever opens it next.
#[test]
fn rv_7_rv_11_every_fault_and_then_a_restart() {
    let operations = [
        Operation::Register,
        Operation::LoginPrevious,
        Operation::Logout,
        Operation::ChangePassword,
        Operation::LogoutEverywhereKeep,
        Operation::Refresh,
        Operation::RefreshReused,
        Operation::RevokeAllTokens,
    ];
    for OnDisk { name: kind, open } in each_on_disk() {
        let cases = each_case(&operations, |Case { base, operation, met, failure, rule, name }| {
            let (folder, name) = (folder(), format!("{kind}: {name}"));
            let path = folder.path().join("doorward");
            let mut stage = Stage::new(operation, open(&path), base);
            stage.faulty.add(rule);
            let came = stage.run();
            stage.check_truth(&came, &failure, met, &name);
            // The process ends, and another opens the store.
            stage.engine = None;
            stage.faulty = FaultStore::new(Arc::new(MemoryStore::new()));
            stage.inner = Arc::new(MemoryStore::new());
            stage.inner = open(&path);
            let engine = stage.open(Arc::clone(&stage.inner)).unwrap();
            stage.check_afterwards(&came, &engine, &name);
        });
        assert_eq!(cases, 20 * 12 * 2, "{kind}");
    }
}

/// INV 28, 24: a login whose fate is unknown has given no token away, and left one whole session at most.
#[test]
fn inv_28_what_an_unresolved_login_minted_is_nobodys() {
    let base = Base::new();
    let mut stage = Stage::new(Operation::Login, Arc::new(MemoryStore::new()), &base);
    stage.faulty.add(Rule::new(Failure::UnknownApplied).on(CallKind::Commit).sticky());
    stage.faulty.add(Rule::new(Failure::Retryable).on(CallKind::Read).nth(3));
    assert!(matches!(stage.run(), Came::Fault(Fault::Unresolved)));
    let after = dump(&*stage.inner);
    let sessions = after.rows.keys().filter(|key| matches!(key, Key::Session(_))).count();
    assert_eq!(sessions, 6, "five were there");
    assert_eq!(stage.stands("a login in doubt"), 1);
}

/// `Fault::is_transient` promises that nothing was applied. A logout whose commit is unknown and whose reread then
/// fails as `Retryable` reports that second failure alone, and the session is gone.
#[test]
fn logouts_that_may_be_done_are_not_called_transient() {
    let base = Base::new();
    let mut stage = Stage::new(Operation::Logout, Arc::new(MemoryStore::new()), &base);
    stage.faulty.add(Rule::new(Failure::UnknownApplied).on(CallKind::Commit));
    stage.faulty.add(Rule::new(Failure::Retryable).on(CallKind::Read).nth(2));
    let Came::Fault(fault) = stage.run() else { panic!("the reread failed") };
    assert_eq!(stage.stands("a logout in doubt"), 1);
    assert!(!fault.is_transient(), "{fault:?}");
}
