//! One thing wrong at a time, in each slot of each entry.

use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::raw::{Answer, Arg, Bytes, Entry, MOST, Many, Slot, SlotKind, Value, entries};

use crate::stage::Stage;

/// What an entry without a status answers to what is none.
fn is_no(value: &Value) -> bool {
    match value {
        Value::Nothing => true,
        Value::Bool(answer) => !answer,
        Value::Number(number) => *number == 0,
        Value::Time(time) => *time == 0,
        Value::Text(text) => text.is_none(),
        Value::Status(_) => false,
    }
}

/// The answer is this status, or no.
fn refused(entry: &Entry, slot: &Slot, answer: &Answer, expected: dw_status) {
    let is_so = answer.status().map_or_else(|| is_no(&answer.value), |status| status == expected);
    assert!(is_so, "{} with a wrong `{}` answers {answer:?}, not {expected:?}", entry.name(), slot.name);
    if answer.status().is_some_and(|status| status != DW_OK) {
        let (error, _) = answer.refused.as_ref().unwrap();
        assert!(error.message.len() < 250, "{} says too much: {}", entry.name(), error.message);
    }
}

/// Calls each entry once for each wrong argument of each of its slots: all else is right.
fn each_wrong(wrong: impl Fn(&Entry, &Slot) -> Vec<(Arg, dw_status)>) -> usize {
    each_wrong_at(&Stage::new(), wrong)
}

pub(crate) fn each_wrong_at(stage: &Stage, wrong: impl Fn(&Entry, &Slot) -> Vec<(Arg, dw_status)>) -> usize {
    let mut asked = 0;
    for entry in entries() {
        for (at, slot) in entry.slots.iter().enumerate() {
            for (arg, expected) in wrong(entry, slot) {
                let mut args = stage.right(entry);
                args[at] = arg;
                let answer = entry.call(args);
                if let Some(op) = answer.handle {
                    stage.keep(op);
                }
                refused(entry, slot, &answer, expected);
                asked += 1;
            }
        }
    }
    asked
}

/// Else nothing below would say what it seems to.
#[test]
fn every_entry_does_what_is_right() {
    for entry in entries() {
        let stage = Stage::new();
        let answer = entry.call(stage.right(entry));
        let is_right = match &answer.value {
            Value::Status(status) => *status == DW_OK && answer.refused.is_none(),
            Value::Nothing => true,
            Value::Number(_) if entry.name().ends_with("_lost") => true,
            other => !is_no(other),
        };
        assert!(is_right, "{} answers {answer:?}", entry.name());
        if let Some(handle) = answer.handle {
            for free in ["dw_op_free", "dw_config_free", "dw_engine_free", "dw_context_free"] {
                crate::stage::free(free, handle);
            }
        }
    }
}

/// A slot that may be left out by NULL.
fn is_optional(entry: &str, slot: &str) -> bool {
    let entry = entry.trim_start_matches("dw_op_").trim_start_matches("dw_");
    matches!(
        (entry, slot),
        (_, "source" | "keep" | "options" | "cookie" | "progress" | "origins" | "error")
            | ("introspect", "audience")
            | ("open_session" | "update_session_data", "label" | "data")
            | ("return_target", "target")
            | ("cookie_read" | "bearer", "headers")
            | ("reply_page", "rows")
            | ("reply_changes", "entries")
    )
}

#[test]
fn rv_12_null_is_refused_wherever_something_is_needed() {
    let asked = each_wrong(|entry, slot| {
        let is_needed = !is_optional(entry.name(), slot.name) && !entry.name().ends_with("_free");
        let null = match slot.kind {
            SlotKind::Handle(_) => Arg::Handle(0),
            SlotKind::Text | SlotKind::Data => Arg::Bytes(Bytes::NONE),
            SlotKind::Texts => Arg::Texts(Many::Null(0)),
            SlotKind::Rows if entry.name() == "dw_op_reply_rows" => {
                return vec![(Arg::Rows(Many::Null(1)), DW_NULL)];
            }
            SlotKind::Rows => Arg::Rows(Many::Null(0)),
            SlotKind::Changes => Arg::Changes(Many::Null(0)),
            SlotKind::Options(_) => Arg::Options(None),
            SlotKind::Callback(_) => Arg::Callback(None),
            SlotKind::Result(_) => Arg::Result(None),
            SlotKind::Room | SlotKind::Out(_) | SlotKind::PlainOut(_) => Arg::Place(false),
            _ => return vec![],
        };
        if is_needed { vec![(null, DW_NULL)] } else { vec![] }
    });
    assert!(asked > 250, "{asked}");
}

#[test]
fn rv_12_null_with_a_length_is_refused_even_where_it_may_be_left_out() {
    let asked = each_wrong(|_, slot| {
        let nulls: Vec<Arg> = match slot.kind {
            SlotKind::Text | SlotKind::Data => [1, 32, MOST].map(|len| Arg::Bytes(Bytes::Null(len))).into(),
            SlotKind::Texts => [1, 7].map(|count| Arg::Texts(Many::Null(count))).into(),
            SlotKind::Rows => [1, 7].map(|count| Arg::Rows(Many::Null(count))).into(),
            SlotKind::Changes => [1, 7].map(|count| Arg::Changes(Many::Null(count))).into(),
            _ => vec![],
        };
        nulls.into_iter().map(|null| (null, DW_NULL)).collect()
    });
    assert!(asked > 200, "{asked}");
}

/// What may be left out is left out by NULL, and what is freed need not be there.
#[test]
fn rv_12_null_is_taken_wherever_nothing_is_needed() {
    let mut asked = 0;
    for entry in entries() {
        for (at, slot) in entry.slots.iter().enumerate() {
            let null = match slot.kind {
                SlotKind::Text if is_optional(entry.name(), slot.name) => Arg::Bytes(Bytes::NONE),
                SlotKind::Texts if is_optional(entry.name(), slot.name) => Arg::Texts(Many::Null(0)),
                SlotKind::Options(_) if is_optional(entry.name(), slot.name) => Arg::Options(None),
                SlotKind::Callback("dw_progress") => Arg::Callback(None),
                SlotKind::Handle(_) if entry.name().ends_with("_free") => Arg::Handle(0),
                SlotKind::Result(_) if entry.name().ends_with("_free") => Arg::Result(None),
                SlotKind::Error => Arg::Place(false),
                _ => continue,
            };
            let stage = Stage::new();
            let mut args = stage.right(entry);
            args[at] = null;
            let answer = entry.call(args);
            let is_taken = matches!(answer.value, Value::Nothing | Value::Status(DW_OK));
            assert!(is_taken, "{} without `{}` answers {answer:?}", entry.name(), slot.name);
            if let Some(handle) = answer.handle {
                for free in ["dw_op_free", "dw_config_free", "dw_engine_free", "dw_context_free"] {
                    crate::stage::free(free, handle);
                }
            }
            asked += 1;
        }
    }
    assert!(asked > 150, "{asked}");
}

/// Where nobody asks for an error, none is written, and the call is refused as well.
#[test]
fn rv_12_a_refusal_without_a_place_for_the_error_is_a_status() {
    let stage = Stage::new();
    for entry in entries() {
        let Some(SlotKind::Handle(_)) = entry.slots.first().map(|slot| slot.kind) else { continue };
        if entry.slots.last().unwrap().kind != SlotKind::Error {
            continue;
        }
        let mut args = stage.right(entry);
        args[0] = Arg::Handle(0);
        *args.last_mut().unwrap() = Arg::Place(false);
        let answer = entry.call(args);
        assert_eq!((answer.status(), answer.refused.is_none()), (Some(DW_NULL), true), "{}", entry.name());
    }
}

#[test]
fn rv_12_lengths_that_were_negative_or_forgotten_are_refused_unread() {
    let asked = each_wrong(|_, slot| {
        let lengths = [usize::MAX, isize::MAX.cast_unsigned(), isize::MAX.cast_unsigned() + 1, MOST + 1];
        let long = |length: usize| match slot.kind {
            SlotKind::Text | SlotKind::Data => Some(Arg::Bytes(Bytes::Long(length))),
            SlotKind::Texts => Some(Arg::Texts(Many::Long(length))),
            SlotKind::Rows => Some(Arg::Rows(Many::Long(length))),
            SlotKind::Changes => Some(Arg::Changes(Many::Long(length))),
            _ => None,
        };
        let mut wrong: Vec<_> = lengths.into_iter().filter_map(long).collect();
        match slot.kind {
            SlotKind::Texts => wrong.push(Arg::Texts(Many::Unaligned(2))),
            SlotKind::Rows => wrong.push(Arg::Rows(Many::Unaligned(2))),
            SlotKind::Changes => wrong.push(Arg::Changes(Many::Unaligned(2))),
            _ => {}
        }
        wrong.into_iter().map(|arg| (arg, DW_VALUE)).collect()
    });
    assert!(asked > 300, "{asked}");
}

/// As long as is taken at most: no crash, and not done.
#[test]
fn rv_12_texts_as_long_as_are_taken_are_refused_for_what_they_are() {
    let stage = Stage::new();
    let longest = vec![b'a'; MOST];
    for entry in entries() {
        for (at, slot) in entry.slots.iter().enumerate() {
            if !matches!(slot.kind, SlotKind::Text | SlotKind::Data) || entry.name() == "dw_logout_token" {
                continue;
            }
            let mut args = stage.right(entry);
            args[at] = Arg::Bytes(Bytes::Given(longest.clone()));
            let answer = entry.call(args);
            assert_ne!(answer.status(), Some(DW_PANIC), "{} `{}`", entry.name(), slot.name);
            if let Some(op) = answer.handle {
                crate::stage::free("dw_op_free", op);
                continue;
            }
            // A label is cut, an address of revoked tokens is that of none, and so on: these say so themselves.
            let is_taken = matches!(slot.name, "label" | "secret")
                || matches!((entry.name(), slot.name), ("dw_introspect", _) | ("dw_revoke_token", "token"));
            assert!(is_taken || answer.status() != Some(DW_OK), "{} `{}`", entry.name(), slot.name);
        }
    }
}

#[test]
fn rv_12_text_that_is_not_utf_8_is_refused() {
    let not_utf_8: [&[u8]; 6] =
        [b"\xff", b"a\x80", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"];
    let asked = each_wrong(|entry, slot| {
        let expected = match (entry.name(), slot.name) {
            // A label is only shown.
            (_, "label") => DW_OK,
            // A target is the client's.
            ("dw_return_target", _) => DW_WEB_TARGET,
            _ => DW_NOT_UTF8,
        };
        if slot.kind != SlotKind::Text {
            return vec![];
        }
        not_utf_8.iter().map(|text| (Arg::Bytes(Bytes::Given(text.to_vec())), expected)).collect()
    });
    assert!(asked > 300, "{asked}");
}

/// Integers that stand for an enum, with how many it has from 0 or 1 on.
#[test]
fn rv_12_integers_that_stand_for_no_enum_are_refused() {
    let asked = each_wrong(|entry, slot| {
        let (first, last) = match (entry.name(), slot.name) {
            (_, "algorithm") => (1, 4),
            (_, "durability") => (1, 2),
            (_, "failure") => (1, 4),
            (_, "when") => (0, 2),
            (_, "applied") => (0, 1),
            ("dw_check_request", "kind") => (0, 3),
            // Yes and no, and no others: whoever adds one looks here.
            (_, "create" | "accept_only" | "and_sessions") => return vec![],
            _ if slot.kind == SlotKind::Int => panic!("what is `{}` of {}?", slot.name, entry.name()),
            _ => return vec![],
        };
        let wrong = [first - 1, last + 1, 255, 256 + first, i32::MAX, i32::MIN];
        wrong.map(|number| (Arg::Int(i64::from(number).cast_unsigned()), DW_VALUE)).into()
    });
    assert!(asked >= 42, "{asked}");
}
