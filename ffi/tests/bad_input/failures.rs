//! What a failure of the host's store comes to, need by need: each with the one status that the conventions have for it.

use doorward::core::record::Key;
use doorward::core::store::{Commit, Store};
use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::Need;
use doorward_ffi_host::raw::{Arg, entry, reply};

use crate::stage::{PASSWORD, POLICY, Stage, call, config, done, drive, free, is_done, poll, text, with};

/// What begins, and what takes its outcome.
const OPERATIONS: [(&str, &str); 8] = [
    ("dw_op_register", "dw_op_take_account"),
    ("dw_op_login", "dw_op_take_login"),
    (REHASH, "dw_op_take_login"),
    ("dw_op_refresh", "dw_op_take_tokens"),
    ("dw_op_logout", "dw_op_take_receipt"),
    ("dw_op_verify", "dw_op_take_access"),
    ("dw_op_maintain", "dw_op_take_maintained"),
    ("dw_op_delete_account", "dw_op_take"),
];

/// A login whose hash is of other costs than the policy's, and is made anew.
const REHASH: &str = "a login with a rehash";

const RETRYABLE: u64 = 1;
const UNKNOWN: u64 = 2;
const FATAL: u64 = 3;
const DAMAGED: u64 = 4;

fn begin(stage: &Stage, name: &str) -> usize {
    if name != REHASH {
        return stage.begin(name);
    }
    let config = config();
    let dearer = POLICY.replace("\"passes\": 1", "\"passes\": 2");
    done("dw_config_policy", with(config, vec![text(&dearer)]));
    let opening = done("dw_op_open", with(config, vec![Arg::Int(2)])).handle.unwrap();
    drive(opening, &stage.store, is_done);
    let context = done("dw_op_take_context", vec![Arg::Handle(opening)]).handle.unwrap();
    let args = vec![text("ada"), text(PASSWORD), Arg::Options(None)];
    let op = done("dw_op_login", with(context, args)).handle.unwrap();
    free("dw_op_free", opening);
    free("dw_config_free", config);
    // The operation goes on without it.
    free("dw_context_free", context);
    stage.keep(op)
}

/// An operation at its n-th need, and whether a commit is behind it. `None`: it has fewer.
fn at_need(stage: &Stage, name: &str, nth: usize) -> Option<(usize, u64, Need, bool)> {
    let op = begin(stage, name);
    let mut has_committed = false;
    for _ in 0..nth {
        let (ticket, need) = poll(op);
        let (entry, args) = reply(op, ticket, &need, &stage.store)?;
        assert_eq!(entry.call(args).status(), Some(DW_OK));
        has_committed |= matches!(need, Need::Commit(_));
    }
    let (ticket, need) = poll(op);
    (!is_done(&need)).then_some((op, ticket, need, has_committed))
}

fn fail(op: usize, ticket: u64, failure: u64) {
    done("dw_op_reply_failed", vec![Arg::Handle(op), Arg::Int(ticket), Arg::Int(failure)]);
}

/// The outcome, once all else that it needs is brought.
fn outcome(stage: &Stage, op: usize, take: &str) -> (dw_status, bool) {
    drive(op, &stage.store, is_done);
    let answer = call(take, vec![Arg::Handle(op)]);
    let is_transient = answer.refused.as_ref().is_some_and(|(error, _)| error.is_transient);
    (answer.status().unwrap(), is_transient)
}

/// What is decided already is not taken back: a person is in whose hash could not be made anew, an account is gone whose rows
/// are removed later; and where the journal cannot be had, the store is asked itself.
fn is_forgiven(name: &str, need: &Need, has_committed: bool) -> bool {
    match name {
        REHASH | "dw_op_delete_account" => has_committed,
        "dw_op_verify" => match need {
            Need::Changes(..) => true,
            Need::Read(keys) => **keys == [Key::Keyring],
            _ => false,
        },
        _ => false,
    }
}

#[test]
fn rv_12_each_failure_of_each_need_has_its_status() {
    let mut met = 0;
    for (name, take) in OPERATIONS {
        for failure in [RETRYABLE, UNKNOWN, FATAL, DAMAGED] {
            for nth in 0.. {
                let stage = Stage::new();
                let Some((op, ticket, need, has_committed)) = at_need(&stage, name, nth) else { break };
                let is_commit = matches!(need, Need::Commit(_));
                if matches!(need, Need::Work { .. }) || (failure == UNKNOWN && is_commit) {
                    continue;
                }
                fail(op, ticket, failure);
                let expected = match failure {
                    _ if is_forgiven(name, &need, has_committed) => (DW_OK, false),
                    RETRYABLE | UNKNOWN => (DW_STORE_RETRYABLE, true),
                    FATAL => (DW_STORE_FATAL, false),
                    _ => (DW_CORRUPT, false),
                };
                assert_eq!(outcome(&stage, op, take), expected, "{name}: failure {failure} of {need:?}");
                met += 1;
            }
        }
    }
    assert!(met > 80, "{met}");
}

/// A commit of which nobody knows is looked up. Where it is found, the operation is done.
#[test]
fn rv_12_a_commit_whose_answer_is_lost_is_found() {
    let mut met = 0;
    for (name, take) in OPERATIONS {
        for nth in 0.. {
            let stage = Stage::new();
            let Some((op, ticket, need, _)) = at_need(&stage, name, nth) else { break };
            let Need::Commit(batch) = &need else { continue };
            assert_eq!(stage.store.commit(batch).unwrap(), Commit::Applied);
            fail(op, ticket, UNKNOWN);
            let (_, next) = poll(op);
            assert!(matches!(next, Need::Read(_)), "{name} is not looked up: {next:?}");
            assert_eq!(outcome(&stage, op, take), (DW_OK, false), "{name}");
            met += 1;
        }
    }
    assert!(met >= 7, "{met}");
}

/// Where it is not found, it may come later: it is not said to be done, and no token is given out.
#[test]
fn rv_12_a_commit_whose_answer_is_lost_and_is_not_found() {
    let mut met = 0;
    for (name, take) in OPERATIONS {
        for nth in 0.. {
            let stage = Stage::new();
            let Some((op, ticket, need, has_committed)) = at_need(&stage, name, nth) else { break };
            let Need::Commit(_) = &need else { continue };
            fail(op, ticket, UNKNOWN);
            let (_, next) = poll(op);
            assert!(matches!(next, Need::Read(_)), "{name} is not looked up: {next:?}");
            let (status, _) = outcome(&stage, op, take);
            let expected = if is_forgiven(name, &need, has_committed) { DW_OK } else { DW_UNRESOLVED };
            // What ends and can be done twice is done again.
            let is_again = matches!(name, "dw_op_logout" | "dw_op_delete_account") && status == DW_OK;
            assert!(status == expected || is_again, "{name} at {need:?}: {status:?}");
            met += 1;
        }
    }
    assert!(met >= 7, "{met}");
}

/// Neither applied nor a conflict: whatever else is said of a commit is refused, and it waits.
#[test]
fn rv_12_a_commit_is_applied_or_a_conflict_and_nothing_else() {
    for (name, take) in OPERATIONS {
        for nth in 0.. {
            let stage = Stage::new();
            let Some((op, ticket, need, _)) = at_need(&stage, name, nth) else { break };
            let Need::Commit(_) = &need else { continue };
            for applied in [-1, 2, 255, 256, i64::from(i32::MAX), i64::from(i32::MIN)] {
                let said = vec![Arg::Handle(op), Arg::Int(ticket), Arg::Int(applied.cast_unsigned())];
                assert_eq!(call("dw_op_reply_commit", said).status(), Some(DW_VALUE), "{name} {applied}");
                assert_eq!(poll(op), (ticket, need.clone()), "{name} {applied}");
            }
            assert_eq!(outcome(&stage, op, take).0, DW_OK, "{name}");
        }
    }
}

/// Work for which there is no room.
#[test]
fn rv_12_no_room_for_work_is_busy() {
    let mut met = 0;
    for (name, take) in OPERATIONS {
        for nth in 0.. {
            let stage = Stage::new();
            let Some((op, ticket, need, has_committed)) = at_need(&stage, name, nth) else { break };
            let Need::Work { .. } = need else { continue };
            let busy = entry("dw_op_reply_busy");
            let answer = busy.call(vec![Arg::Handle(op), Arg::Int(ticket), Arg::Place(true)]);
            assert_eq!(answer.status(), Some(DW_OK), "{answer:?}");
            let is_forgiven = is_forgiven(name, &need, has_committed);
            let expected = if is_forgiven { (DW_OK, false) } else { (DW_BUSY, true) };
            assert_eq!(outcome(&stage, op, take), expected, "{name}");
            met += 1;
        }
    }
    assert!(met >= 5, "{met}");
}
