//! The stateful model test through the C ABI: the same worlds, whose operations a host in C steps with `dw_op_*`. Each must
//! need what its bare machine needs, row by row, and tell what the model says. Passwords are hashed for real, so there are
//! fewer operations: `simulate --through abi` goes on for as long as one likes.
#![allow(clippy::unwrap_used, reason = "it fails as a test does")]

use doorward_fuzz::plan::Plan;
use doorward_fuzz::store::StoreKind;
use doorward_fuzz::world::{Run, World};

const OPERATIONS: usize = 300;

fn run(kind: StoreKind, seed: u64) -> Run {
    let found = World::on(kind).through_abi().run(&Plan::from_seed(seed, OPERATIONS));
    assert!(found.is_ok(), "seed {seed} on {kind}: {}", found.unwrap_err());
    found.unwrap()
}

#[test]
fn inv_40_and_all_others_hold_through_the_abi() {
    let mut total = Run::default();
    for seed in 0..24 {
        total.add(run(StoreKind::Memory, seed));
    }
    assert!(total.faults * 10 >= total.commits, "{} of {} commits went wrong", total.faults, total.commits);
    let hardly = ANSWERS.iter().filter(|answer| !total.answers.contains_key(**answer)).collect::<Vec<_>>();
    assert!(hardly.is_empty(), "never told: {hardly:?}");
}

#[test]
fn inv_26_a_hosts_rows_are_as_good_in_a_file() {
    for kind in StoreKind::ALL.into_iter().filter(|kind| *kind != StoreKind::Memory) {
        for seed in 100..103 {
            assert_eq!(run(kind, seed).operations, OPERATIONS);
        }
    }
}

/// What each call is told in a few hundred operations.
const ANSWERS: &[&str] = &[
    "Register Registered",
    "Register Taken",
    "Login LoggedIn",
    "Login LoggedIn with data",
    "Login LoggedIn from a device",
    "Login Denied",
    "Login Throttled",
    "Login OtherAccount",
    "Authenticate Live",
    "Authenticate Anonymous",
    "Authenticate BadToken",
    "Authenticate Gone(Idle)",
    "Authenticate Gone(Revoked)",
    "RotateSession Renewed",
    "Reauthenticate Renewed",
    "Reauthenticate Denied",
    "ChangePassword Renewed",
    "ChangePassword Denied",
    "Sessions Listed",
    "EndSession Ended(Ended)",
    "EndSession NotFound",
    "Logout Ended(Ended)",
    "Logout Ended(AlreadyGone)",
    "Logout BadToken",
    "LogoutEverywhere Done",
    "LogoutEverywhere Renewed",
    "SetPassword Done",
    "Unlock Done",
    "Disable Done",
    "Enable Done",
    "Rename Done",
    "Rename Taken",
    "MarkCompromised Done",
    "OpenSession Begun",
    "OpenSession TooMuch",
    "OpenSession TooLong",
    "SessionData Kept",
    "SessionData Kept(nothing)",
    "UpdateSessionData Updated",
    "UpdateSessionData TooMuch",
    "UpdateSessionData TooLong",
    "AfterRestore Done",
    "Issue Issued",
    "Issue Issued with refresh",
    "Issue TooWide",
    "Issue Anonymous",
    "Refresh Issued",
    "Refresh Issued again",
    "Refresh Reused",
    "Refresh OtherClient",
    "Refresh TooWide",
    "Refresh BadToken",
    "Verify Verified",
    "Verify Gone(Ended)",
    "Verify Unfit(Audience)",
    "Verify Unfit(Expired)",
    "Verify Unfit(Forged)",
    "Introspect Active",
    "Introspect Inactive",
    "Revoke Ended(Ended)",
    "Revoke Ended(AlreadyGone)",
    "Revoke OtherClient",
    "RotateKeys Rotated(true)",
    "RotateKeys Rotated(false)",
    "RevokeAll Done",
    "Jwks Published",
];
