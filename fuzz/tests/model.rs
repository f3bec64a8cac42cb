//! The stateful model test: many accounts, two engines with skewed and stepping clocks on one store, faults on at least
//! one commit in ten. What is checked, by the numbers of `doorward_fuzz::violation::INVARIANTS`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers fail as their tests do"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use doorward::store::{MemoryStore, Pooled};
use doorward_conformance::Blocking;
use doorward_fuzz::plan::{Luck, Move, Plan};
use doorward_fuzz::shrink::Plans;
use doorward_fuzz::store::{Shelf, StoreKind};
use doorward_fuzz::world::{Run, World};
use proptest::prelude::*;

const OPERATIONS: usize = 2000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn inv_1_to_44_hold_in_every_run(plan in Plans { operations: OPERATIONS }) {
        let found = World::new().run(&plan);
        prop_assert!(found.is_ok(), "{}", found.unwrap_err());
        let run = found.unwrap();
        prop_assert!(run.operations >= OPERATIONS || plan.operations() < OPERATIONS);
    }
}

/// The first few thousand of what `simulate --operations 200` goes through by the million.
#[test]
fn inv_1_to_44_hold_in_thousands_of_short_runs() {
    for seed in 1..=3000 {
        let found = World::new().run(&Plan::from_seed(seed, 200));
        assert!(found.is_ok(), "seed {seed}: {}", found.unwrap_err());
    }
}

/// On a store that writes everything down, and is closed and opened again by each power cut. (Whether it survives a kill
/// is another rig's question.) Answers may differ from memory's in one thing: which rows a small purge takes first.
#[test]
fn inv_26_inv_27_and_all_others_hold_on_every_store() {
    for kind in StoreKind::ALL.into_iter().filter(|kind| *kind != StoreKind::Memory) {
        for seed in 0..8 {
            let plan = Plan::from_seed(seed, OPERATIONS);
            assert!(plan.moves.contains(&Move::PowerCut), "{kind} is never opened again");
            let found = World::on(kind).run(&plan);
            assert!(found.is_ok(), "seed {seed} on {kind}: {}", found.unwrap_err());
            assert_eq!(found.unwrap().operations, OPERATIONS);
        }
    }
}

/// On each store as an asynchronous engine has it: behind threads of its own.
#[test]
fn inv_26_inv_27_and_all_others_hold_behind_threads() {
    for kind in StoreKind::ALL.into_iter().filter(|kind| *kind != StoreKind::Memory) {
        for seed in 100..103 {
            let shelf = Shelf::new(kind).unwrap();
            let faced = World::opening(move || Ok(Arc::new(Blocking(Pooled::new(shelf.open()?)?))));
            let found = faced.run(&Plan::from_seed(seed, OPERATIONS));
            assert!(found.is_ok(), "seed {seed} on {kind}: {}", found.unwrap_err());
            assert_eq!(found.unwrap().operations, OPERATIONS);
        }
    }
}

/// What is asked of a store that is opened again is asked in earnest: one that forgets is found.
#[test]
fn inv_26_a_store_that_forgets_is_found() {
    let plan = Plan::from_seed(0, OPERATIONS);
    let forgetful = World::opening(|| Ok(Arc::new(MemoryStore::new())));
    let found = forgetful.run(&plan).unwrap_err();
    let cut = plan.moves.iter().position(|one| *one == Move::PowerCut).unwrap();
    assert!(found.at >= cut, "{found}, and the power was cut at {cut}");
}

/// A plan that makes the engine panic is a counterexample with a seed, not the end of the search.
#[test]
fn inv_40_a_panic_is_found_as_any_other_violation() {
    let broken = World::opening(|| panic!("the store fell over"));
    let found = broken.run(&Plan::from_seed(0, 10)).unwrap_err();
    assert_eq!((found.violation.invariant, found.at), (40, 0));
    assert!(found.violation.what.contains("the store fell over"), "{found}");
}

/// Every operation gets every answer that it can give, or a rule is not tried at all.
#[test]
fn the_runs_go_everywhere() {
    let mut total = Run::default();
    for seed in 0..200 {
        total.add(World::new().run(&Plan::from_seed(seed, OPERATIONS)).unwrap());
    }
    assert!(total.faults * 10 >= total.commits, "{} of {} commits went wrong", total.faults, total.commits);
    assert!(total.answered * 2 >= total.operations, "{} of {} answered", total.answered, total.operations);
    let inside =
        ["BadToken", "Gone(Ended)", "Gone(Idle)", "Gone(Expired)", "Gone(Replaced)", "Gone(Revoked)"];
    let with_token = [
        "Authenticate",
        "RotateSession",
        "Reauthenticate",
        "ChangePassword",
        "LogoutEverywhere",
        "SessionData",
        "UpdateSessionData",
        "Issue",
    ];
    let mut wanted: Vec<String> = with_token
        .iter()
        .flat_map(|word| inside.iter().map(move |answer| format!("{word} {answer}")))
        .collect();
    wanted.extend(ANSWERS.iter().copied().map(str::to_owned));
    wanted.retain(|answer| total.answers.get(answer).is_none_or(|count| *count < 3));
    assert!(wanted.is_empty(), "hardly ever told: {wanted:?}");
}

#[test]
fn inv_40_the_same_seed_gives_the_same_bytes() {
    for seed in 0..5 {
        let plan = Plan::from_seed(seed, 500);
        let [one, other] = [(); 2].map(|()| World::new().recording().run(&plan).unwrap());
        assert!(one.transcript.len() > 100_000, "it is hardly a transcript");
        assert_eq!(one.transcript, other.transcript, "seed {seed}");
    }
}

/// What a driver can print of a machine's needs, of faults and of every row, never holds a token, also one whose reply
/// was lost: it stands in the one answer that gave it.
#[test]
fn inv_28_inv_30_a_token_is_in_the_answer_that_gives_it_and_nowhere_else() {
    let mut given = 0;
    for seed in 0..5 {
        let run = World::new().recording().run(&Plan::from_seed(seed, 500)).unwrap();
        let (answers, others): (Vec<&str>, Vec<&str>) =
            run.transcript.lines().partition(|line| line.contains(" ends: told "));
        let holds_token =
            |line: &&str| ["dws_", "dwd_", "dwr_", ".eyJ"].iter().any(|mark| line.contains(mark));
        assert!(!others.iter().any(holds_token), "a token is printed");
        given += answers.into_iter().filter(holds_token).count();
    }
    assert!(given > 100, "only {given} tokens were given");
}

/// What makes a plan worth its name: all kinds of moves and of luck, and a seed for each operation.
#[test]
fn inv_31_a_plan_has_every_move_and_no_seed_twice() {
    let plan = Plan::from_seed(1, OPERATIONS);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut seeds = Vec::new();
    for one in &plan.moves {
        let word = match one {
            Move::Step { luck, .. } => format!("{luck:?}"),
            other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
        };
        *kinds.entry(word).or_default() += 1;
        if let Move::Start { seed, .. } = one {
            seeds.push(*seed);
        }
    }
    assert_eq!(kinds.len(), 8 + 14, "{kinds:?}");
    assert!(plan.moves.iter().any(|one| matches!(one, Move::Step { luck: Luck::UnknownInFlight, .. })));
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), OPERATIONS);
}

/// What is told beside what every operation tells of a session's token.
const ANSWERS: &[&str] = &[
    "Register Registered",
    "Register Taken",
    "Login LoggedIn",
    "Login Denied",
    "Login Throttled",
    "Login OtherAccount",
    "Rehash Upgraded",
    "Rehash Overtaken",
    "Authenticate Live",
    "RotateSession Renewed",
    "Reauthenticate Renewed",
    "Reauthenticate Denied",
    "Reauthenticate Throttled",
    "ChangePassword Renewed",
    "ChangePassword Denied",
    "ChangePassword Throttled",
    "Sessions Listed",
    "EndSession Ended(Ended)",
    "EndSession Ended(AlreadyGone)",
    "EndSession NotFound",
    "Logout Ended(Ended)",
    "Logout Ended(AlreadyGone)",
    "Logout BadToken",
    "LogoutEverywhere Done",
    "LogoutEverywhere Renewed",
    "LogoutEverywhere OtherAccount",
    "SetPassword Done",
    "Unlock Done",
    "Disable Done",
    "Enable Done",
    "AfterRestore Done",
    "Open Opened",
    "Open Behind",
    "OpenSession Begun",
    "OpenSession TooMuch",
    "OpenSession TooLong",
    "Authenticate Anonymous",
    "Reauthenticate Anonymous",
    "ChangePassword Anonymous",
    "LogoutEverywhere Anonymous",
    "SessionData Kept",
    "SessionData Kept(nothing)",
    "UpdateSessionData Updated",
    "UpdateSessionData TooMuch",
    "UpdateSessionData TooLong",
    "Login LoggedIn with data",
    "Login LoggedIn from a device",
    "Login LoggedIn past the wait",
    "Login Denied from a device",
    "Login Denied past the wait",
    "Login TooManySessions",
    "Login MustChange",
    "SetPassword MustChange",
    "SetPassword NotFound",
    "DeleteAccount Done",
    "DeleteAccount NotFound",
    "FinishDeletion Remains(true)",
    "FinishDeletion Remains(false)",
    "Rename Done",
    "Rename Taken",
    "Rename NotFound",
    "MarkCompromised Done",
    "MarkCompromised NotFound",
    "Tick Done",
    "Tick Behind",
    "TrustClock Trusted(false)",
    "TrustClock Trusted(true)",
    "Issue Issued",
    "Issue Issued with refresh",
    "Issue TooWide",
    "Issue Anonymous",
    "Refresh Issued",
    "Refresh Issued again",
    "Refresh Conflict",
    "Refresh Reused",
    "Refresh OtherClient",
    "Refresh TooWide",
    "Refresh BadToken",
    "Refresh Gone(Ended)",
    "Refresh Gone(Idle)",
    "Refresh Gone(Expired)",
    "Refresh Gone(Revoked)",
    "Verify Verified",
    "Verify Gone(Ended)",
    "Verify Gone(Revoked)",
    "Verify Unfit(Audience)",
    "Verify Unfit(Expired)",
    "Verify Unfit(Forged)",
    "Verify Unfit(Key)",
    "Introspect Active",
    "Introspect Inactive",
    "Revoke Ended(Ended)",
    "Revoke Ended(AlreadyGone)",
    "Revoke OtherClient",
    "RotateKeys Rotated(true)",
    "RotateKeys Rotated(false)",
    "RevokeAll Done",
    "Jwks Published",
    "Watch token yes",
    "Watch token gone",
    "Watch token no",
    "Watch token stale",
    "Watch stray no",
];
