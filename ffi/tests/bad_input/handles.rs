//! Handles that are none: freed, of another kind, made up. A handle is a number that is looked up, never followed.

use doorward_ffi::dw_open_handles;
use doorward_ffi::dw_status::*;
use doorward_ffi_host::Need;
use doorward_ffi_host::raw::{Arg, SlotKind, Value, entries};

use crate::stage::{Stage, call, done, drive, engine, free, is_done, poll, text};

const KINDS: [&str; 4] = ["dw_config", "dw_engine", "dw_context", "dw_op"];

/// Freed ones of every kind, and what never was one.
fn dead(stage: &Stage) -> Vec<usize> {
    let on_the_stack = 0_u64;
    let config = crate::stage::config();
    let op = done("dw_op_jwks", vec![Arg::Handle(stage.context)]).handle.unwrap();
    let opening = done("dw_op_open", vec![Arg::Handle(config), Arg::Int(2)]).handle.unwrap();
    let store = doorward::store::MemoryStore::new();
    drive(opening, &store, is_done);
    let context = done("dw_op_take_context", vec![Arg::Handle(opening)]).handle.unwrap();
    let engine = engine("memory:");
    for (kind, handle) in
        [("op", op), ("op", opening), ("context", context), ("config", config), ("engine", engine)]
    {
        free(&format!("dw_{kind}_free"), handle);
    }
    let made_up = [usize::MAX, usize::MAX / 2 + 1, (&raw const on_the_stack).addr(), 1 << 40, 1 << 32];
    [op, opening, context, config, engine].into_iter().chain(made_up).collect()
}

#[test]
fn rv_12_a_handle_that_is_none_is_refused_by_every_entry() {
    let stage = Stage::new();
    let dead = dead(&stage);
    let mut asked = 0;
    for entry in entries().iter().filter(|entry| !entry.name().ends_with("_free")) {
        let Some(SlotKind::Handle(kind)) = entry.slots.first().map(|slot| slot.kind) else { continue };
        let other_kinds =
            KINDS.iter().zip([stage.config, stage.engine(), stage.context, stage.begin("dw_op_jwks")]);
        let other_kinds = other_kinds.filter(|(other, _)| **other != kind).map(|(_, handle)| handle);
        for handle in dead.iter().copied().chain(other_kinds) {
            let mut args = stage.right(entry);
            args[0] = Arg::Handle(handle);
            let answer = entry.call(args);
            let is_refused = match &answer.value {
                Value::Status(status) => *status == DW_HANDLE,
                Value::Number(number) => *number == 0,
                Value::Time(time) => *time == 0,
                _ => false,
            };
            assert!(is_refused, "{} with {handle:#x} answers {answer:?}", entry.name());
            if let Some((error, _)) = &answer.refused {
                assert!(
                    error.message.contains(kind),
                    "{} does not say which handle: {error:?}",
                    entry.name()
                );
            }
            asked += 1;
        }
    }
    assert!(asked > 1000, "{asked}");
}

/// A second free is none, and one by the function of another kind is none either.
#[test]
fn rv_12_only_its_own_function_frees_a_handle_and_only_once() {
    let stage = Stage::new();
    let op = stage.begin("dw_op_jwks");
    let live = [stage.config, stage.engine(), stage.context, op];
    let before = dw_open_handles() - 1;
    for (kind, own) in KINDS.iter().zip(live) {
        for handle in live.into_iter().filter(|handle| *handle != own) {
            free(&format!("{kind}_free"), handle);
        }
    }
    for handle in dead(&stage) {
        for kind in KINDS {
            free(&format!("{kind}_free"), handle);
        }
    }
    assert_eq!(dw_open_handles(), before + 1, "a handle was freed by another function than its own");
    free("dw_op_free", op);
    free("dw_op_free", op);
    assert_eq!(dw_open_handles(), before);
}

/// Handles are numbers: none is given twice, so that an old one never becomes another's.
#[test]
fn rv_12_no_handle_is_given_twice() {
    let _alone = crate::stage::alone();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        let config = done("dw_config_new", vec![]).handle.unwrap();
        assert!(seen.insert(config), "{config} was given twice");
        free("dw_config_free", config);
    }
}

/// What still needs another keeps it alive, in whatever order they are freed.
#[test]
fn rv_12_handles_are_freed_in_any_order() {
    let stage = Stage::new();
    let config = crate::stage::config();
    done("dw_config_store", vec![Arg::Handle(config), text("memory:")]);
    let engine = done("dw_engine_open", vec![Arg::Handle(config)]).handle.unwrap();
    free("dw_config_free", config);
    done("dw_jwks", vec![Arg::Handle(engine)]);
    free("dw_engine_free", engine);

    // A context that is freed while its operation is under way, which goes on to its end.
    let config = crate::stage::config();
    let opening = done("dw_op_open", vec![Arg::Handle(config), Arg::Int(2)]).handle.unwrap();
    free("dw_config_free", config);
    let store = doorward::store::MemoryStore::new();
    drive(opening, &store, is_done);
    let context = done("dw_op_take_context", vec![Arg::Handle(opening)]).handle.unwrap();
    free("dw_op_free", opening);
    let op = done("dw_op_jwks", vec![Arg::Handle(context)]).handle.unwrap();
    free("dw_context_free", context);
    assert_ne!(poll(op).1, Need::Done);
    drive(op, &store, is_done);
    done("dw_op_take_jwks", vec![Arg::Handle(op)]);
    free("dw_op_free", op);
    drop(stage);
}

/// A result outlives all that it came from.
#[test]
fn rv_12_a_result_outlives_its_engine_and_its_operation() {
    let stage = Stage::new();
    let kinds =
        ["dw_session", "dw_tokens", "dw_need", "dw_event", "dw_string", "dw_strings", "dw_session_list"];
    let results = kinds.map(|kind| (stage.result(kind), stage.result(kind).read()));
    let error = stage.result("dw_error");
    let op = stage.begin("dw_op_open_session");
    drive(op, &stage.store, is_done);
    let renewed = done("dw_op_take_renewed", vec![Arg::Handle(op)]).outcome.unwrap();
    let said = renewed.read();
    drop(stage);
    assert_eq!(renewed.read(), said);
    for (result, _) in &results {
        result.read();
    }
    drop((renewed, results, error));
}

/// The context of an opening is there when it is done, and not before.
#[test]
fn rv_12_a_context_is_not_to_be_had_before_it_is_open() {
    let stage = Stage::new();
    let store = doorward::store::MemoryStore::new();
    let opening = done("dw_op_open", vec![Arg::Handle(stage.config), Arg::Int(2)]).handle.unwrap();
    let mut steps = 0;
    loop {
        let taken = call("dw_op_take_context", vec![Arg::Handle(opening)]);
        let used = call("dw_op_jwks", vec![Arg::Handle(opening)]);
        assert_eq!((taken.status(), used.status()), (Some(DW_SEQUENCE), Some(DW_HANDLE)));
        let (ticket, need) = poll(opening);
        let Some((entry, args)) = doorward_ffi_host::raw::reply(opening, ticket, &need, &store) else {
            break;
        };
        assert_eq!(entry.call(args).status(), Some(DW_OK));
        steps += 1;
    }
    assert!(steps > 1, "an opening has needs");
    let context = done("dw_op_take_context", vec![Arg::Handle(opening)]).handle.unwrap();
    assert_eq!(call("dw_op_take_context", vec![Arg::Handle(opening)]).status(), Some(DW_SEQUENCE));
    free("dw_op_free", opening);
    free("dw_context_free", context);
}
