//! Handles between threads: freed under a call, used by two at once, opened and freed by eight.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use doorward_ffi::dw_open_handles;
use doorward_ffi::dw_status::*;
use doorward_ffi_host::raw::{Arg, SlotKind, entries};
use doorward_ffi_host::{Given, Need};

use crate::gate::Gate;
use crate::stage::{
    PASSWORD, Stage, call, config, done, drive, engine, free, given, held, is_done, poll, text, with,
};

/// How long is waited for what must happen soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The call that is under way ends as if nobody had freed anything, its outcome is kept, and its store is closed then.
#[test]
fn rv_12_an_engine_that_is_freed_during_a_login() {
    let stage = Stage::new();
    for scheme in ["sqlite", "sled"] {
        let url = format!("{scheme}:{}", stage.folder.path().join(format!("closed_{scheme}")).display());
        let first = engine(&url);
        held(|name, args, _| done(&format!("dw_{name}"), with(first, args)));
        free("dw_engine_free", first);
        let mut logins = 0;
        for wait in [0, 0, 1, 2, 4, 8, 16] {
            let engine = engine(&url);
            let begins = Arc::new(Barrier::new(2));
            let login = thread::spawn({
                let begins = Arc::clone(&begins);
                move || {
                    begins.wait();
                    call("dw_login", with(engine, vec![text("ada"), text(PASSWORD), Arg::Options(None)]))
                }
            });
            begins.wait();
            thread::sleep(Duration::from_millis(wait));
            free("dw_engine_free", engine);
            assert_eq!(call("dw_maintain", vec![Arg::Handle(engine)]).status(), Some(DW_HANDLE));
            let answer = login.join().unwrap();
            let again = self::engine(&url);
            match answer.status() {
                Some(DW_OK) => {
                    let Given::Login { token, .. } = given(&answer) else { panic!() };
                    done("dw_authenticate", vec![Arg::Handle(again), text(&token)]);
                    logins += 1;
                }
                status => assert_eq!(status, Some(DW_HANDLE), "{answer:?}"),
            }
            free("dw_engine_free", again);
        }
        assert!(logins > 0, "no login was under way when its engine was freed");
    }
}

/// Whether this has come true in time.
fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if is_so() {
            return true;
        }
    }
    false
}

/// Two threads poll one operation: one at a time is let in, and whoever is has the same need.
#[test]
fn rv_12_an_operation_that_two_threads_poll_at_once() {
    let stage = Stage::new();
    let op = stage.begin("dw_op_authenticate");
    let (ticket, need) = poll(op);
    let (refused, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let poll_once = || {
        let answer = call("dw_op_poll", vec![Arg::Handle(op)]);
        match answer.status() {
            Some(DW_OK) => assert_eq!(
                crate::stage::told(&answer),
                doorward_ffi_host::raw::Told::Need(ticket, need.clone())
            ),
            status => {
                assert_eq!(status, Some(DW_IN_USE), "{answer:?}");
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            soon(|| {
                poll_once();
                is_over.load(Ordering::Relaxed)
            })
        });
        let is_seen = soon(|| {
            poll_once();
            refused.load(Ordering::Relaxed) > 10
        });
        is_over.store(true, Ordering::Relaxed);
        assert!(is_seen, "nobody was refused");
    });
    assert_eq!(poll(op), (ticket, need));
    drive(op, &stage.store, is_done);
    assert_eq!(call("dw_op_take_session", vec![Arg::Handle(op)]).status(), Some(DW_OK));
}

/// A beginning that hashes, at its work.
fn at_work(stage: &Stage) -> (usize, u64) {
    let op = stage.begin("dw_op_login");
    let (ticket, _) = drive(op, &stage.store, |need| matches!(need, Need::Work { .. }));
    (op, ticket)
}

fn work(op: usize, ticket: u64) -> doorward_ffi::dw_status {
    call("dw_work_run", vec![Arg::Handle(op), Arg::Int(ticket)]).status().unwrap()
}

/// The worker is never refused, however often others look; nor are they, but by each other.
#[test]
fn rv_12_work_is_done_beside_polls() {
    let stage = Stage::new();
    for _ in 0..30 {
        let (op, ticket) = at_work(&stage);
        let (is_over, polls) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    soon(|| {
                        let status = call("dw_op_poll", vec![Arg::Handle(op)]).status();
                        assert!(matches!(status, Some(DW_OK | DW_IN_USE)), "{status:?}");
                        polls.fetch_add(1, Ordering::Relaxed);
                        is_over.load(Ordering::Relaxed)
                    })
                });
            }
            assert!(soon(|| polls.load(Ordering::Relaxed) > 200));
            let worked = work(op, ticket);
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(worked, DW_OK);
        });
        drive(op, &stage.store, is_done);
        done("dw_op_take_login", vec![Arg::Handle(op)]);
    }
}

/// Of two that do the same work, one has replied.
#[test]
fn rv_12_work_that_is_done_twice_is_done_once() {
    let stage = Stage::new();
    let (op, ticket) = at_work(&stage);
    let both: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| work(op, ticket))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(both.contains(&DW_OK) && both.contains(&DW_SEQUENCE), "{both:?}");
    drive(op, &stage.store, is_done);
    done("dw_op_take_login", vec![Arg::Handle(op)]);
}

#[test]
fn rv_12_an_operation_that_is_freed_during_its_work() {
    let stage = Stage::new();
    let before = dw_open_handles();
    let mut met = [0, 0];
    for round in 0..20 {
        let (op, ticket) = at_work(&stage);
        let begins = Barrier::new(2);
        let worked = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                begins.wait();
                work(op, ticket)
            });
            begins.wait();
            thread::sleep(Duration::from_millis(round % 4));
            free("dw_op_free", op);
            worker.join().unwrap()
        });
        match worked {
            DW_HANDLE => met[0] += 1,
            DW_OK => met[1] += 1,
            other => panic!("{other:?}"),
        }
        assert_eq!(call("dw_op_poll", vec![Arg::Handle(op)]).status(), Some(DW_HANDLE));
    }
    assert!(met[0] > 0, "{met:?}");
    assert_eq!(dw_open_handles(), before);
}

/// Eight threads, each with its own configurations, engines and operations, and with numbers of the others'.
#[test]
fn rv_12_eight_threads_open_and_free() {
    let stage = Stage::new();
    let before = dw_open_handles();
    let context = stage.context;
    let last = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (last, stage_store) = (&last, &stage.store);
            scope.spawn(move || {
                for round in 0..12 {
                    let config = config();
                    let engine = engine("memory:");
                    let op = done("dw_op_jwks", vec![Arg::Handle(context)]).handle.unwrap();
                    // Whatever it is, and whether it is freed by now: a look-up, no more.
                    let others = last.swap(engine, Ordering::Relaxed);
                    let _ = call("dw_engine_policy", vec![Arg::Handle(others)]);
                    done("dw_engine_policy", vec![Arg::Handle(engine)]);
                    if round % 2 == 0 {
                        drive(op, stage_store, is_done);
                        done("dw_op_take_jwks", vec![Arg::Handle(op)]);
                    }
                    let frees = [("dw_op_free", op), ("dw_engine_free", engine), ("dw_config_free", config)];
                    for at in 0..3 {
                        let (function, handle) = frees[(at + thread) % 3];
                        free(function, handle);
                        free(function, handle);
                    }
                    assert_eq!(call("dw_op_poll", vec![Arg::Handle(op)]).status(), Some(DW_HANDLE));
                }
            });
        }
    });
    assert_eq!(dw_open_handles(), before);
}

/// While one thread is inside of a call with an operation, every other entry that takes it is refused, and none waits.
#[test]
fn rv_12_every_entry_refuses_an_operation_that_is_in_use() {
    let stage = Stage::new();
    let gate = Gate::default();
    let context = gate.context(&stage);
    let op = done("dw_op_jwks", vec![Arg::Handle(context)]).handle.unwrap();
    gate.is_shut.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let opens = gate.opens();
        let inside = scope.spawn(|| call("dw_op_poll", vec![Arg::Handle(op)]));
        assert!(soon(|| gate.is_entered.load(Ordering::SeqCst)), "nothing was random");
        let mut asked = 0;
        for entry in entries() {
            let takes_op = entry.slots.first().is_some_and(|slot| slot.kind == SlotKind::Handle("dw_op"));
            // The worker waits for the one who is inside, and is let in.
            if !takes_op || matches!(entry.name(), "dw_op_free" | "dw_work_run") {
                continue;
            }
            let mut args = stage.right(entry);
            args[0] = Arg::Handle(op);
            assert_eq!(entry.call(args).status(), Some(DW_IN_USE), "{}", entry.name());
            asked += 1;
        }
        assert!(asked > 20, "{asked}");
        let worker = scope.spawn(|| call("dw_work_run", vec![Arg::Handle(op), Arg::Int(1)]));
        thread::sleep(Duration::from_millis(5));
        drop(opens);
        assert_eq!(inside.join().unwrap().status(), Some(DW_OK));
        assert_eq!(worker.join().unwrap().status(), Some(DW_SEQUENCE));
    });
    drive(op, &stage.store, is_done);
    done("dw_op_take_jwks", vec![Arg::Handle(op)]);
    free("dw_op_free", op);
    free("dw_context_free", context);
}
