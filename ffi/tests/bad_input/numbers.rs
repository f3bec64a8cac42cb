//! Numbers of every width at their ends.

use doorward_ffi::dw_status::{DW_OK, DW_PANIC};
use doorward_ffi_host::raw::{Arg, SlotKind, entries, entry};

use crate::stage::{NOW, Stage, TAKEN, call, drive, is_done};

/// No number of any width brings an entry down.
#[test]
fn rv_12_inv_23_extreme_numbers_neither_panic_nor_hang() {
    let everywhere = Stage::new();
    for entry in entries() {
        for (at, slot) in entry.slots.iter().enumerate() {
            // Who moves the clock moves it for all that comes after.
            let moves_time = slot.name == "now" && entry.name() != "dw_config_manual_clock";
            if slot.kind.is_pointer() || matches!(slot.kind, SlotKind::Id | SlotKind::Int) || moves_time {
                continue;
            }
            for number in
                [0, 1, i64::MAX.cast_unsigned(), i64::MIN.cast_unsigned(), u64::MAX, 1 << 53, 1 << 31]
            {
                let mut args = everywhere.right(entry);
                args[at] = Arg::Int(number);
                let answer = entry.call(args);
                assert_ne!(answer.status(), Some(DW_PANIC), "{} `{}` {number}", entry.name(), slot.name);
                if let Some(op) = answer.handle {
                    crate::stage::free("dw_op_free", op);
                }
            }
        }
    }
}

/// To any time, and to any other; whatever is asked then is answered.
#[test]
fn rv_12_inv_23_every_time_is_answered() {
    let times = [0, i64::MAX, 0, i64::MIN, i64::MAX, NOW, i64::MIN + 1, 1 << 53, -1, NOW];
    for (set, side) in [("dw_engine_set_time", "dw_"), ("dw_context_set_time", "dw_op_")] {
        let stage = Stage::new();
        for time in times {
            let mut args = stage.right(entry(set));
            args[1] = Arg::Int(time.cast_unsigned());
            assert_eq!(entry(set).call(args).status(), Some(DW_OK), "{time}");
            for name in
                ["login", "authenticate", "issue", "refresh", "verify", "maintain", "register", "jwks"]
            {
                let entry = entry(&format!("{side}{name}"));
                let answer = entry.call(stage.right(entry));
                assert_ne!(answer.status(), Some(DW_PANIC), "{} at {time}", entry.name());
                let Some(op) = answer.handle else { continue };
                stage.keep(op);
                drive(op, &stage.store, is_done);
                let (take, _) = TAKEN.iter().find(|(_, begin)| *begin == entry.name()).unwrap_or(&TAKEN[16]);
                assert_ne!(
                    call(take, vec![Arg::Handle(op)]).status(),
                    Some(DW_PANIC),
                    "{} at {time}",
                    entry.name()
                );
            }
        }
    }
}
