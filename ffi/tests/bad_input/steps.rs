//! Operations that are left at each of their steps, and replies that are wrong at each of them.

use doorward_ffi::dw_open_handles;
use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::Need;
use doorward_ffi_host::raw::{Answer, Arg, SlotKind, Told, entries, entry, reply};

use crate::replies::{wrong_contents, wrong_forms};
use crate::stage::{Stage, call, done, drive, free, is_done, poll, told};

/// What begins an operation at a context.
fn beginnings() -> Vec<&'static str> {
    let begins = entries().iter().filter(|entry| {
        let is_at_context =
            entry.slots.first().is_some_and(|slot| slot.kind == SlotKind::Handle("dw_context"));
        is_at_context && entry.slots.iter().any(|slot| slot.kind == SlotKind::Out("dw_op"))
    });
    let names: Vec<&str> = begins.map(doorward_ffi_host::raw::Entry::name).collect();
    assert!(names.len() > 30, "{names:?}");
    names
}

/// Brings what an operation needs now; whether there was anything.
fn step(stage: &Stage, op: usize) -> bool {
    let (ticket, need) = poll(op);
    let Some((entry, args)) = reply(op, ticket, &need, &stage.store) else { return false };
    assert_eq!(entry.call(args).status(), Some(DW_OK), "{need:?}");
    true
}

/// The outcome of an operation that is done, whichever function it is for.
pub(crate) fn take(op: usize) -> Answer {
    let takes = entries().iter().map(doorward_ffi_host::raw::Entry::name);
    for name in takes.filter(|name| name.starts_with("dw_op_take")) {
        let answer = call(name, vec![Arg::Handle(op)]);
        let is_another =
            answer.refused.as_ref().is_some_and(|(error, _)| error.message.contains("another result"));
        if !is_another {
            return answer;
        }
    }
    panic!("nothing takes its outcome")
}

fn events(stage: &Stage) -> Vec<doorward_ffi_host::Event> {
    let mut events = Vec::new();
    loop {
        let answer = done("dw_context_event", vec![Arg::Handle(stage.context)]);
        if answer.outcome.is_none() {
            return events;
        }
        let Told::Event(event) = told(&answer) else { panic!("{answer:?}") };
        events.push(event);
    }
}

/// A reply that never comes: the operation is freed, nothing is left behind, and it is told as abandoned. The same operation
/// can be done afterwards.
#[test]
fn rv_12_an_operation_is_left_at_each_of_its_steps() {
    let mut left = 0;
    for name in beginnings() {
        for at in 0.. {
            let stage = Stage::new();
            events(&stage);
            let before = dw_open_handles();
            let begun = entry(name).call(stage.right(entry(name)));
            let op = begun.handle.unwrap();
            let mut is_over = (0..at).any(|_| !step(&stage, op));
            // Polled, and no reply.
            is_over |= at > 0 && is_done(&poll(op).1);
            free("dw_op_free", op);
            assert_eq!(dw_open_handles(), before, "{name} leaves handles behind at step {at}");
            if is_over {
                break;
            }
            left += 1;
            let words: Vec<_> = events(&stage).into_iter().filter_map(|event| event.reason).collect();
            let is_told = words.iter().any(|word| word == "abandoned");
            // Maintenance is made of others, and has no event of its own; nor has a verification that catches up with the
            // journal. One that was not polled has not begun.
            let is_silent = at == 0 || matches!(name, "dw_op_maintain" | "dw_op_purge" | "dw_op_verify");
            assert!(is_told || is_silent, "{name} at step {at} tells {words:?}");
            assert_eq!(call("dw_op_poll", vec![Arg::Handle(op)]).status(), Some(DW_HANDLE));

            let again = stage.begin(name);
            drive(again, &stage.store, is_done);
            let status = take(again).status().unwrap();
            let is_sane = matches!(
                status,
                DW_OK
                    | DW_TAKEN
                    | DW_GONE
                    | DW_REUSED
                    | DW_TOKEN_INVALID
                    | DW_TOKEN
                    | DW_DENIED
                    | DW_NOT_FOUND
                    | DW_CONFLICT
            );
            assert!(is_sane, "{name} after one that was left at step {at}: {status:?}");
        }
    }
    assert!(left > 80, "{left}");
}

/// Replies that are wrong in every way, at each step: each is refused and changes nothing, and the operation ends as it would
/// have.
#[test]
fn rv_12_inv_40_a_wrong_reply_changes_nothing() {
    let mut refused = 0;
    for name in beginnings() {
        let stage = Stage::new();
        let (op, other) = (stage.begin(name), stage.begin("dw_op_jwks"));
        let (other_ticket, _) = poll(other);
        let mut last = None;
        loop {
            let (ticket, need) = poll(op);
            let mut expect =
                |what: &str, entry: &'static doorward_ffi_host::raw::Entry, args, expected: dw_status| {
                    let answer = entry.call(args);
                    assert_eq!(
                        answer.status(),
                        Some(expected),
                        "{name} at {need:?}: {} {what}: {answer:?}",
                        entry.name()
                    );
                    assert_eq!(
                        poll(op),
                        (ticket, need.clone()),
                        "{name}: {} {what} has changed it",
                        entry.name()
                    );
                    refused += 1;
                };
            if is_done(&need) {
                for (what, entry, args, _) in wrong_forms(op, last.unwrap_or(1), &need) {
                    expect(what, entry, args, DW_SEQUENCE);
                }
                break;
            }
            for (what, entry, args, expected) in wrong_forms(op, ticket, &need) {
                expect(what, entry, args, expected);
            }
            for (what, entry, args, expected) in wrong_contents(op, ticket, &need) {
                expect(what, entry, args, expected);
            }
            let tickets = [0, ticket + 1_000_000, u64::MAX, other_ticket].into_iter().chain(last);
            for wrong in tickets {
                for (entry, args) in fitting(op, wrong, &need) {
                    expect("with another ticket", entry, args, DW_SEQUENCE);
                }
            }
            let (entry, args) = reply(op, ticket, &need, &stage.store).unwrap();
            assert_eq!(entry.call(args).status(), Some(DW_OK), "{name} at {need:?}");
            // Replied once.
            for (entry, args) in fitting(op, ticket, &need) {
                let answer = entry.call(args);
                assert_eq!(answer.status(), Some(DW_SEQUENCE), "{name} at {need:?} was replied to twice");
            }
            last = Some(ticket);
        }
        let status = take(op).status();
        assert_eq!(status, Some(DW_OK), "{name} ends otherwise after wrong replies");
        assert_eq!(poll(other).0, other_ticket, "the other operation waits as it did");
    }
    assert!(refused > 2000, "{refused}");
}

/// Replies of the right form to this need, without a look at any store.
fn fitting(op: usize, ticket: u64, need: &Need) -> Vec<(&'static doorward_ffi_host::raw::Entry, Vec<Arg>)> {
    use doorward_ffi_host::raw::{Many, RowArg};
    let (name, said) = match need {
        Need::Done => return vec![],
        Need::Read(keys) => {
            ("dw_op_reply_rows", vec![Arg::Rows(Many::Given(vec![RowArg::absent(); keys.len()]))])
        }
        Need::Scan(..) => ("dw_op_reply_page", vec![Arg::Rows(Many::Given(vec![]))]),
        Need::Commit(_) => ("dw_op_reply_commit", vec![Arg::Int(1)]),
        Need::Changes(after, _) => {
            ("dw_op_reply_changes", vec![Arg::Changes(Many::Given(vec![])), Arg::Int(after.number())])
        }
        Need::Purge(..) => ("dw_op_reply_purged", vec![Arg::Int(0)]),
        Need::Work { .. } => ("dw_work_run", vec![]),
    };
    let mut replies = vec![(name, said), ("dw_op_reply_failed", vec![Arg::Int(1)])];
    if matches!(need, Need::Work { .. }) {
        replies[1] = ("dw_op_reply_busy", vec![]);
    }
    let whole = |(name, said): (&str, Vec<Arg>)| {
        let args = [Arg::Handle(op), Arg::Int(ticket)].into_iter().chain(said).chain([Arg::Place(true)]);
        (entry(name), args.collect())
    };
    replies.into_iter().map(whole).collect()
}

/// Two operations whose replies come in the other order, and a reply that was meant for the other.
#[test]
fn rv_12_replies_may_come_in_any_order_but_to_their_own() {
    let stage = Stage::new();
    let ops =
        [stage.begin("dw_op_authenticate"), stage.begin("dw_op_session_data"), stage.begin("dw_op_sessions")];
    loop {
        let needs: Vec<_> = ops.iter().map(|op| (*op, poll(*op))).collect();
        if needs.iter().all(|(_, (_, need))| is_done(need)) {
            break;
        }
        for (op, (ticket, need)) in needs.iter().rev() {
            for other in ops.iter().filter(|other| *other != op) {
                for (entry, args) in fitting(*other, *ticket, need) {
                    assert_eq!(entry.call(args).status(), Some(DW_SEQUENCE));
                }
            }
            if let Some((entry, args)) = reply(*op, *ticket, need, &stage.store) {
                assert_eq!(entry.call(args).status(), Some(DW_OK));
            }
        }
    }
    for op in ops {
        assert_eq!(take(op).status(), Some(DW_OK));
    }
}

/// A store that fails at each step, in each way: the operation ends, refused or done, and never as a bug.
#[test]
fn rv_12_a_store_that_fails_at_each_step_is_told() {
    let mut failed = 0;
    for name in beginnings() {
        for failure in 1..=4 {
            for at in 0.. {
                let stage = Stage::new();
                let op = stage.begin(name);
                let (ticket, need) = match (0..at).all(|_| step(&stage, op)).then(|| poll(op)) {
                    Some((ticket, need)) if !is_done(&need) => (ticket, need),
                    _ => break,
                };
                let args = match need {
                    Need::Work { .. } => call("dw_op_reply_busy", vec![Arg::Handle(op), Arg::Int(ticket)]),
                    _ => {
                        call("dw_op_reply_failed", vec![Arg::Handle(op), Arg::Int(ticket), Arg::Int(failure)])
                    }
                };
                assert_eq!(args.status(), Some(DW_OK));
                drive(op, &stage.store, is_done);
                let status = take(op).status().unwrap();
                let expected = match (&need, failure) {
                    (Need::Work { .. }, _) => DW_BUSY,
                    (_, 1) => DW_STORE_RETRYABLE,
                    (Need::Commit(_), 2) => DW_UNRESOLVED,
                    (_, 2) => DW_STORE_RETRYABLE,
                    (_, 3) => DW_STORE_FATAL,
                    _ => DW_CORRUPT,
                };
                // What is only nice to have may fail; what is read again may succeed.
                let is_told = status == expected || status == DW_OK || (failure == 2 && status != DW_PANIC);
                assert!(is_told, "{name}: failure {failure} of {need:?} gives {status:?}, not {expected:?}");
                failed += usize::from(status == expected);
            }
        }
    }
    assert!(failed > 300, "{failed}");
}
