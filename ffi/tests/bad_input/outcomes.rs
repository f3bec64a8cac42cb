//! Outcomes that are taken before they are there, by the wrong function, and twice.

use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::raw::{Arg, Entry, entries, reply};

use crate::stage::{Stage, TAKEN, call, done, drive, is_done, poll, text, with};

/// All functions that take an outcome.
fn takes() -> impl Iterator<Item = &'static str> {
    entries().iter().map(Entry::name).filter(|name| name.starts_with("dw_op_take"))
}

fn take(name: &str, op: usize) -> dw_status {
    call(name, vec![Arg::Handle(op)]).status().unwrap()
}

/// Before it is there, at each need on the way, and by each function.
#[test]
fn rv_12_an_outcome_is_not_taken_before_it_is_there() {
    let mut asked = 0;
    for (right, begin) in TAKEN {
        let stage = Stage::new();
        let op = stage.begin(begin);
        for name in takes() {
            assert_eq!(take(name, op), DW_SEQUENCE, "{name} of {begin} before it was polled");
        }
        loop {
            let (ticket, need) = poll(op);
            let Some((entry, args)) = reply(op, ticket, &need, &stage.store) else { break };
            for name in takes() {
                assert_eq!(take(name, op), DW_SEQUENCE, "{name} of {begin} at {need:?}");
                asked += 1;
            }
            assert_eq!(entry.call(args).status(), Some(DW_OK));
            assert_eq!(take(right, op), DW_SEQUENCE, "{begin} replied to and not polled");
        }
        assert_eq!(take(right, op), DW_OK, "{begin}");
    }
    assert!(asked > 500, "{asked}");
}

/// By each function but its own, which does not lose it; then by its own; then by all.
#[test]
fn rv_12_an_outcome_is_taken_by_its_own_function_and_once() {
    for (right, begin) in TAKEN {
        let stage = Stage::new();
        let op = stage.begin(begin);
        drive(op, &stage.store, is_done);
        for _ in 0..2 {
            for name in takes().filter(|name| *name != right) {
                assert_eq!(take(name, op), DW_SEQUENCE, "{name} of {begin}");
            }
            assert!(is_done(&poll(op).1), "{begin} is lost");
        }
        // Nor without a place for it.
        if right != "dw_op_take" {
            let nowhere = vec![Arg::Handle(op), Arg::Place(false), Arg::Place(true)];
            assert_eq!(call(right, nowhere).status(), Some(DW_NULL), "{begin}");
        }
        assert_eq!(take(right, op), DW_OK, "{begin}");
        for name in takes() {
            assert_eq!(take(name, op), DW_SEQUENCE, "{name} of {begin} once more");
        }
        assert_eq!(call("dw_op_poll", vec![Arg::Handle(op)]).status(), Some(DW_SEQUENCE), "{begin}");
        let late = vec![Arg::Handle(op), Arg::Int(1), Arg::Int(1)];
        assert_eq!(call("dw_op_reply_failed", late).status(), Some(DW_SEQUENCE), "{begin}");
    }
}

/// A refusal says the same as often as it is asked, and to each function.
#[test]
fn rv_12_a_refusal_is_told_again() {
    let stage = Stage::new();
    let wrong = text("a token of nobody");
    let refused = [
        ("dw_op_authenticate", vec![wrong], DW_TOKEN),
        ("dw_op_login", vec![text("ada"), text("not the password of ada"), Arg::Options(None)], DW_DENIED),
        ("dw_op_unlock", vec![Arg::Id([0; 16])], DW_NOT_FOUND),
        ("dw_op_verify", vec![text("no.access.token"), text("https://api.example")], DW_TOKEN_INVALID),
    ];
    for (begin, args, expected) in refused {
        let op = stage.keep(done(begin, with(stage.context, args)).handle.unwrap());
        drive(op, &stage.store, is_done);
        let first = call("dw_op_take", vec![Arg::Handle(op)]);
        assert_eq!(first.status(), Some(expected), "{begin}: {first:?}");
        for name in takes().chain(takes()) {
            let again = call(name, vec![Arg::Handle(op)]);
            let said = |answer: &doorward_ffi_host::raw::Answer| answer.refused.as_ref().unwrap().0.clone();
            assert_eq!(said(&again), said(&first), "{name} of {begin}");
        }
        assert!(is_done(&poll(op).1));
    }
}
