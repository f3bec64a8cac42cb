//! What becomes of a commit, an offer and a plain answer: every line of the machine's second table.

use std::cell::Cell;
use std::collections::BTreeSet;

use doorward_core::error::{Fault, Misuse, StoreErrorKind};
use doorward_core::event::EventResult;
use doorward_core::machine::{Decide, Decision, Machine, Reply, Writes};
use doorward_core::password::{Normalization, Password, Verdict};
use doorward_core::record::{AccountRecord, Key, Kind, Row};
use doorward_core::store::{Commit, Range};
use doorward_core::work::{Work, Worked};

use crate::support::{
    Ask, RIGHT, START, account, account_row, answer, ask, failed, hash, rows, scripted, stamp,
};

const EVERY_KIND: [StoreErrorKind; 4] =
    [StoreErrorKind::Retryable, StoreErrorKind::Unknown, StoreErrorKind::Fatal, StoreErrorKind::Corrupt];

fn verify() -> Work {
    let (password, hash) = (Password::new(RIGHT).unwrap(), hash(1, 19456));
    Work::Verify { password, normalization: Normalization::Nfc, hash, pepper: None }
}

fn put(key: u8) -> Writes {
    Writes::new().put(account(key), None, None, AccountRecord { created: START })
}

/// Reads 1, does one piece of work, then puts 1 and 2 and deletes 3.
fn grant() -> Machine<impl Decide<Outcome = u64>> {
    scripted(1, |facts, _| {
        let Some([row]) = facts.rows([&account(1)]) else { return Ok(Decision::Read(vec![account(1)])) };
        if facts.worked(&verify()).is_none() {
            return Ok(Decision::Work(verify()));
        }
        let writes = put(1).put(account(2), None, None, AccountRecord { created: START }).delete(account(3));
        Ok(Decision::Commit(writes, row.map_or(0, |row| row.epoch)))
    })
}

/// Reads 1, then deletes it and raises 2.
fn take() -> Machine<impl Decide<Outcome = u64>> {
    scripted(1, |facts, _| {
        Ok(match facts.rows([&account(1)]) {
            None => Decision::Read(vec![account(1)]),
            Some([None]) => Decision::Done(100),
            Some([Some(row)]) => {
                Decision::Commit(Writes::new().delete(account(1)).raise(account(2)), row.epoch)
            }
        })
    })
}

/// Brings `grant` to its first commit.
fn granting() -> Machine<impl Decide<Outcome = u64>> {
    let mut machine = grant();
    answer(&mut machine, rows([Some(account_row(1, 5))]));
    answer(&mut machine, Reply::Worked(Worked::Verified(Verdict::Match)));
    machine
}

#[test]
fn applied_releases_the_outcome_and_one_event() {
    let mut machine = granting();
    ask(&mut machine).commit();
    assert!(!machine.is_done());
    answer(&mut machine, Reply::Commit(Commit::Applied));
    assert!(machine.is_done());
    let Ask::Done(outcome, event) = ask(&mut machine) else { panic!("not done") };
    assert!(matches!(outcome, Ok(5)));
    assert_eq!((event.operation, event.result, event.at), ("script", EventResult::Success, START));
}

#[test]
fn a_conflict_forgets_rows_keeps_work_and_after_the_eighth_fails_closed() {
    let mut machine = granting();
    for attempt in 1..=8u8 {
        ask(&mut machine).commit();
        answer(&mut machine, Reply::Commit(Commit::Conflict));
        if attempt < 8 {
            assert_eq!(ask(&mut machine).read(), [account(1)], "the rows are read anew");
            answer(&mut machine, rows([Some(account_row(attempt, attempt.into()))]));
        }
    }
    let Ask::Done(outcome, event) = ask(&mut machine) else { panic!("not done") };
    assert!(matches!(outcome, Err(Fault::Contended)));
    assert_eq!(event.result, EventResult::Failed("contended"));
}

#[test]
fn a_conflict_decides_on_the_new_rows() {
    let mut machine = granting();
    answer(&mut machine, Reply::Commit(Commit::Conflict));
    answer(&mut machine, rows([Some(account_row(9, 42))]));
    answer(&mut machine, Reply::Commit(Commit::Applied));
    assert!(matches!(ask(&mut machine).done(), Ok(42)));
}

#[test]
fn an_unknown_commit_is_settled_by_rereading_exactly_what_was_put() {
    let mut machine = granting();
    answer(&mut machine, failed(StoreErrorKind::Unknown));
    assert_eq!(ask(&mut machine).read(), [account(1), account(2)]);
}

#[test]
fn an_unknown_commit_stands_when_any_row_bears_its_own_stamp() {
    for at in 0..2 {
        let mut machine = granting();
        let ours = ask(&mut machine).commit().stamp;
        answer(&mut machine, failed(StoreErrorKind::Unknown));
        let mut found: [Option<Row>; 2] = [None, Some(account_row(77, 0))];
        found[at] = Some(Row { stamp: ours, ..account_row(0, 0) });
        answer(&mut machine, rows(found));
        assert!(matches!(ask(&mut machine).done(), Ok(5)));
    }
}

#[test]
fn an_unknown_commit_without_its_stamp_proves_nothing() {
    let silence = [rows([None, None]), rows([Some(account_row(1, 5)), None])];
    let overwritten = [rows([Some(account_row(7, 5)), Some(account_row(7, 0))])];
    let unread = EVERY_KIND.map(failed);
    for reply in silence.into_iter().chain(overwritten).chain(unread) {
        let mut machine = granting();
        answer(&mut machine, failed(StoreErrorKind::Unknown));
        let told = format!("{reply:?}");
        answer(&mut machine, reply);
        assert!(matches!(ask(&mut machine).done(), Err(Fault::Unresolved)), "{told}");
    }
}

/// The stamp of an earlier attempt that came to nothing must not settle a later one.
#[test]
fn an_unknown_commit_is_not_settled_by_the_stamp_of_an_earlier_attempt() {
    let mut machine = granting();
    let earlier = ask(&mut machine).commit().stamp;
    answer(&mut machine, Reply::Commit(Commit::Conflict));
    answer(&mut machine, rows([Some(account_row(2, 5))]));
    answer(&mut machine, failed(StoreErrorKind::Unknown));
    answer(&mut machine, rows([Some(Row { stamp: earlier, ..account_row(0, 0) }), None]));
    assert!(matches!(ask(&mut machine).done(), Err(Fault::Unresolved)));
}

#[test]
fn inv_43_an_ending_of_unknown_fate_is_decided_again_under_a_new_stamp() {
    let mut machine = take();
    let mut stamps = BTreeSet::new();
    for _ in 0..8 {
        assert_eq!(ask(&mut machine).read(), [account(1)]);
        answer(&mut machine, rows([Some(account_row(1, 5))]));
        stamps.insert(ask(&mut machine).commit().stamp);
        answer(&mut machine, failed(StoreErrorKind::Unknown));
    }
    assert_eq!(stamps.len(), 8);
    assert!(matches!(ask(&mut machine).done(), Err(Fault::Unresolved)));
}

#[test]
fn inv_43_an_ending_that_is_found_done_ends() {
    let mut machine = take();
    answer(&mut machine, rows([Some(account_row(1, 5))]));
    answer(&mut machine, failed(StoreErrorKind::Unknown));
    answer(&mut machine, rows([None]));
    assert!(matches!(ask(&mut machine).done(), Ok(100)));
}

#[test]
fn any_other_failure_of_a_commit_is_that_fault() {
    for kind in [StoreErrorKind::Retryable, StoreErrorKind::Fatal, StoreErrorKind::Corrupt] {
        let mut machine = granting();
        answer(&mut machine, failed(kind));
        let outcome = ask(&mut machine).done();
        assert!(matches!(&outcome, Err(Fault::Store(error)) if error.kind() == kind), "{outcome:?}");
    }
}

#[test]
fn inv_17_a_failed_read_is_that_fault() {
    for kind in EVERY_KIND {
        let mut machine = grant();
        answer(&mut machine, failed(kind));
        let outcome = ask(&mut machine).done();
        assert!(matches!(&outcome, Err(Fault::Store(error)) if error.kind() == kind), "{outcome:?}");
    }
}

#[test]
fn no_room_for_work_is_busy() {
    let mut machine = grant();
    answer(&mut machine, rows([None]));
    answer(&mut machine, Reply::Busy);
    assert!(matches!(ask(&mut machine).done(), Err(Fault::Busy)));
}

/// Reads 2, then 1, and is done, or offers a touch of 1; the outcome tells both epochs.
fn over_two_reads(offers: bool) -> Machine<impl Decide<Outcome = u64>> {
    over_two_reads_with(offers, Some(account_row(1, 1)))
}

fn over_two_reads_with(offers: bool, one: Option<Row>) -> Machine<impl Decide<Outcome = u64>> {
    let mut machine = scripted(1, move |facts, _| {
        let Some([two]) = facts.rows([&account(2)]) else { return Ok(Decision::Read(vec![account(2)])) };
        let Some([one]) = facts.rows([&account(1)]) else { return Ok(Decision::Read(vec![account(1)])) };
        let epoch = |row: Option<&Row>| row.map_or(9, |row| row.epoch);
        let told = epoch(one) * 10 + epoch(two);
        Ok(if offers { Decision::Offer(put(1), told) } else { Decision::Done(told) })
    });
    answer(&mut machine, rows([Some(account_row(2, 2))]));
    answer(&mut machine, rows([one]));
    machine
}

#[test]
fn inv_41_an_answer_over_two_reads_is_confirmed_by_one_of_all_rows() {
    let mut machine = over_two_reads(false);
    assert_eq!(ask(&mut machine).read(), [account(1), account(2)]);
    answer(&mut machine, rows([Some(account_row(1, 1)), Some(account_row(2, 2))]));
    assert!(matches!(ask(&mut machine).done(), Ok(12)));
}

#[test]
fn inv_41_an_answer_whose_rows_have_changed_is_decided_again() {
    let changed = [
        (rows([Some(account_row(8, 3)), Some(account_row(2, 2))]), 32),
        (rows([Some(account_row(1, 1)), Some(account_row(8, 3))]), 13),
        (rows([None, Some(account_row(2, 2))]), 92),
        (rows([Some(account_row(1, 1)), None]), 19),
    ];
    for (reply, told) in changed {
        let mut machine = over_two_reads(false);
        answer(&mut machine, reply);
        // These rows are from one snapshot: no further read.
        let outcome = ask(&mut machine).done();
        assert!(matches!(outcome, Ok(is) if is == told), "{outcome:?} is not {told}");
    }
}

#[test]
fn inv_41_a_row_that_appeared_meanwhile_is_a_change() {
    let mut machine = over_two_reads_with(false, None);
    answer(&mut machine, rows([Some(account_row(1, 1)), Some(account_row(2, 2))]));
    assert!(matches!(ask(&mut machine).done(), Ok(12)));
    let mut machine = over_two_reads_with(false, None);
    answer(&mut machine, rows([None, Some(account_row(2, 2))]));
    assert!(matches!(ask(&mut machine).done(), Ok(92)));
}

#[test]
fn inv_17_an_answer_that_cannot_be_confirmed_is_none() {
    for kind in EVERY_KIND {
        let mut machine = over_two_reads(false);
        answer(&mut machine, failed(kind));
        assert!(matches!(ask(&mut machine).done(), Err(Fault::Store(_))));
    }
}

#[test]
fn an_answer_over_one_read_is_released_at_once() {
    let mut machine = take();
    answer(&mut machine, rows([None]));
    assert!(matches!(ask(&mut machine).done(), Ok(100)));
}

/// An operation that always finds one more row to read never has an answer from one snapshot.
#[test]
fn an_answer_that_is_never_confirmed_is_contended() {
    let last: Cell<u8> = Cell::new(0);
    let mut machine = scripted(1, move |facts, _| {
        let mut known = 0;
        while facts.rows([&account(known)]).is_some() {
            known += 1;
        }
        Ok(if known < 2 || known <= last.get() {
            Decision::Read(vec![account(known)])
        } else {
            last.set(known);
            Decision::Done(0)
        })
    });
    for stamped in 0..=255 {
        match ask(&mut machine) {
            Ask::Read(_, keys) => {
                let found = keys.iter().map(|_| Some(account_row(stamped, 0))).collect();
                answer(&mut machine, Reply::Rows(found));
            }
            Ask::Done(outcome, _) => return assert!(matches!(outcome, Err(Fault::Contended)), "{outcome:?}"),
            other => panic!("{other:?}"),
        }
    }
    panic!("it does not end");
}

fn offering() -> Machine<impl Decide<Outcome = u64>> {
    let mut machine = scripted(1, |facts, _| {
        Ok(match facts.rows([&account(1)]) {
            None => Decision::Read(vec![account(1)]),
            Some([row]) => Decision::Offer(put(1), row.map_or(0, |row| row.epoch)),
        })
    });
    answer(&mut machine, rows([Some(account_row(1, 5))]));
    machine
}

#[test]
fn an_offer_is_released_whatever_becomes_of_it() {
    let said = [Reply::Commit(Commit::Applied), Reply::Commit(Commit::Conflict)];
    for reply in said.into_iter().chain(EVERY_KIND.map(failed)) {
        let mut machine = offering();
        let told = format!("{reply:?}");
        answer(&mut machine, reply);
        assert!(matches!(ask(&mut machine).done(), Ok(5)), "{told}");
    }
}

/// Only an applied offer has compared its rows in one moment; else they are compared by a read.
/// An offer's preconditions guard nothing, for its failure is ignored: so its rows must be of one snapshot first.
#[test]
fn an_offer_over_two_reads_is_decided_from_one_read_of_all() {
    let said = [Reply::Commit(Commit::Applied), Reply::Commit(Commit::Conflict)];
    for reply in said.into_iter().chain(EVERY_KIND.map(failed)) {
        let mut machine = over_two_reads(true);
        assert_eq!(ask(&mut machine).read(), [account(1), account(2)]);
        answer(&mut machine, rows([Some(account_row(8, 3)), Some(account_row(2, 2))]));
        let batch = ask(&mut machine).commit();
        assert!(batch.holds(|key| Some(if *key == account(1) { stamp(8) } else { stamp(2) })));
        answer(&mut machine, reply);
        assert!(matches!(ask(&mut machine).done(), Ok(32)));
    }
}

#[test]
fn a_fault_of_the_operation_is_released() {
    let mut machine = scripted(1, |_, _| Err(Fault::Entropy));
    assert!(matches!(ask(&mut machine).done(), Err(Fault::Entropy)));
}

#[test]
fn inv_40_an_outcome_is_given_once() {
    let mut machine = granting();
    answer(&mut machine, Reply::Commit(Commit::Applied));
    assert!(ask(&mut machine).done().is_ok());
    assert!(machine.is_done());
    for _ in 0..3 {
        assert!(matches!(ask(&mut machine).done(), Err(Fault::Misuse(Misuse::Finished))));
    }
}

#[test]
fn inv_40_reading_and_working_without_end_are_stopped() {
    let read = || (Decision::Read(vec![Key::Keyring]), rows([None]));
    let work = || (Decision::Work(verify()), Reply::Worked(Worked::Verified(Verdict::Match)));
    for asked in [read, work] {
        let mut machine = scripted(1, move |_, _| Ok(asked().0));
        let mut rounds = 0;
        while !matches!(ask(&mut machine), Ask::Done(Err(Fault::Misuse(Misuse::Endless)), _)) {
            answer(&mut machine, asked().1);
            rounds += 1;
            assert!(rounds < 1000, "it does not end");
        }
    }
}

#[test]
fn inv_40_asking_for_a_page_again_is_stopped() {
    let range = Range { kind: Kind::Account, owner: None, after: None };
    let mut machine = scripted(1, move |_, _| Ok(Decision::Scan(range.clone())));
    answer(&mut machine, Reply::Page(vec![]));
    assert!(matches!(ask(&mut machine).done(), Err(Fault::Misuse(Misuse::Endless))));
}

#[test]
fn a_hundred_rows_one_after_the_other_are_not_endless() {
    let mut machine = scripted(1, |facts, _| {
        let next = (0..100).map(account).find(|key| facts.rows([key]).is_none());
        Ok(next.map_or(Decision::Done(7), |key| Decision::Read(vec![key])))
    });
    loop {
        match ask(&mut machine) {
            Ask::Read(ticket, keys) => machine.reply(ticket, Reply::Rows(vec![None; keys.len()])).unwrap(),
            asked => return assert!(matches!(asked.done(), Ok(7))),
        }
    }
}

/// An ending was sent, and may stand; the next attempt cannot even read. What it says must not be that nothing was done.
#[test]
fn inv_17_a_failure_after_an_ending_of_unknown_fate_is_unresolved() {
    for kind in EVERY_KIND {
        let mut machine = take();
        answer(&mut machine, rows([Some(account_row(1, 5))]));
        answer(&mut machine, failed(StoreErrorKind::Unknown));
        answer(&mut machine, failed(kind));
        assert!(matches!(ask(&mut machine).done(), Err(Fault::Unresolved)), "{kind:?}");
    }
}

#[test]
fn a_machine_prints_what_it_does_and_nothing_of_what_it_knows() {
    let machine = grant();
    assert_eq!(format!("{machine:?}"), r#"Machine { operation: "script", attempt: 0, .. }"#);
    let mut machine = machine;
    assert_eq!(format!("{:?}", ask(&mut machine).ticket()), "Ticket(0)");
}
