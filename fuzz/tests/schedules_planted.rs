//! What the schedules of pairs find of the planted bugs, each in the first pair that finds it.
#![cfg(feature = "planted")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it fails as a test does")]

use doorward_core::planted::Planted;
use doorward_core::planted::Planted::*;
use doorward_fuzz::schedules::{Faults, Search, Set, Size};

/// The pair, and the invariant that is broken; `None`: the set-up breaks it before anybody comes.
const FOUND: &[(Planted, Option<&str>, Faults, u8)] = &[
    (AbsoluteEndIgnored, Some("register | register"), Faults::None, 22),
    (EpochsIgnored, Some("register | logout everywhere"), Faults::None, 12),
    (GenerationIgnored, Some("register | reauthenticate"), Faults::None, 32),
    (OverIsLeft, Some("register | authenticate what is over"), Faults::None, 19),
    (TouchMovesAbsoluteEnd, Some("register | session data"), Faults::None, 22),
    (TouchRevives, Some("login of one | session data"), Faults::None, 11),
    (LogoutKeepsRow, Some("register | logout"), Faults::None, 15),
    (KeepSparesAll, Some("register | logout everywhere else"), Faults::None, 12),
    (KeptTokenStays, Some("register | logout everywhere else"), Faults::None, 32),
    (RestoreSparesAll, Some("register | after restore"), Faults::None, 12),
    (ChangeSparesOthers, Some("register | change password"), Faults::None, 12),
    (SetSparesSessions, Some("register | set password"), Faults::None, 12),
    (DisableSparesSessions, Some("register | disable"), Faults::None, 12),
    (DisabledMayLogIn, Some("login | disable"), Faults::None, 24),
    (PreviousLives, Some("register | login of one"), Faults::None, 15),
    (PreviousIdAdopted, Some("register | login of one"), Faults::None, 33),
    (UnknownIsQuick, Some("login | delete"), Faults::None, 26),
    (WaitIgnored, Some("login | login, wrong"), Faults::None, 38),
    (WaitAfterHash, Some("login | login, wrong"), Faults::None, 37),
    (RehashIsBlind, Some("rehash | rehash"), Faults::None, 39),
    (UnlockIsBlind, Some("register | unlock"), Faults::None, 38),
    (StampPerOperation, Some("login | logout everywhere"), Faults::One, 13),
    (AnyRowSettles, Some("register | login, new device"), Faults::One, 40),
    (FailedReadIsEmpty, Some("register | disable"), Faults::One, 17),
    (UnknownIsApplied, Some("register | register another"), Faults::One, 40),
    (ConflictIsApplied, Some("register another | register another"), Faults::None, 40),
    (ChecksDropped, Some("login | login, wrong"), Faults::None, 38),
    (EndingsCompare, Some("login of one | end session"), Faults::None, 43),
    (UpdateIsBlind, Some("update | logout everywhere"), Faults::None, 12),
    (DataSurvivesEnd, Some("register | login of one"), Faults::None, 15),
    (AccountsDataCarried, Some("register | login of one"), Faults::None, 15),
    (NobodyIsSomebody, Some("register | register"), Faults::None, 34),
    (DeviceHoldsNothing, Some("register | login, device, wrong"), Faults::None, 38),
    (DeviceForgivesName, Some("login, wrong | login, device"), Faults::None, 21),
    (DeviceEpochsIgnored, Some("login, device | disable"), Faults::None, 38),
    (DeletionLeavesAccount, Some("register | delete"), Faults::None, 12),
    (DeletionLeavesName, Some("register | delete"), Faults::None, 26),
    (RenameLeavesName, Some("register | rename"), Faults::None, 26),
    (CompromisedIsLetIn, Some("login | mark compromised"), Faults::None, 24),
    (MustChangeRestsOnNothing, Some("login | mark compromised"), Faults::None, 38),
    (MarkIgnored, Some("register | open"), Faults::None, 20),
    (FamilyEpochsIgnored, Some("register | revoke all"), Faults::None, 44),
    (ReuseIsAgain, Some("refresh | refresh of the parent"), Faults::None, 3),
    (ReuseIsSpared, Some("refresh | refresh of the parent"), Faults::None, 3),
    (ParentRotatesAgain, Some("register | refresh of the parent"), Faults::None, 1),
    (AccessOutlivesSession, Some("register | login of one"), Faults::None, 32),
    (AccessEpochsIgnored, Some("logout everywhere else | issue without refresh"), Faults::None, 12),
    (RevokedTokenAccepted, Some("register | revoke"), Faults::None, 5),
    (RevokeAllSparesTokens, Some("register | after restore"), Faults::None, 36),
    (ClientIgnored, Some("register | refresh by another"), Faults::None, 9),
    (RevokedFamilyLives, Some("register | revoke refresh"), Faults::None, 5),
    (AccessOutlivesFamily, Some("register | revoke refresh"), Faults::None, 5),
    (GrantsSurviveEnd, Some("register | login of one"), Faults::None, 15),
    (GrantsNotProlonged, Some("register | reauthenticate"), Faults::None, 10),
    (FamiliesUnbounded, Some("issue | issue"), Faults::None, 5),
    (RotationForgets, Some("register | open"), Faults::None, 36),
    (RehashKeepsPepper, Some("register | rehash"), Faults::None, 39),
    (SaltIsId, None, Faults::None, 42),
    (FailuresUncounted, None, Faults::None, 38),
    (CommitsAreRelaxed, None, Faults::None, 41),
];

/// What pairs without a fault do not meet; `simulate` finds these, too.
const BEYOND: &[Planted] = &[
    // Time must pass, or a clock step.
    IdleEndIgnored,
    TouchGoesBack,
    WaitNeverGrows,
    OffIgnored,
    DeviceTriesEndless,
    MarkIsLowered,
    TrustSparesAll,
    RememberedIsEndless,
    RevokedLateIsLeft,
    UpdateProlongs,
    ExpNotClamped,
    // Somebody must ask for what is not his, or forge a token.
    ProofIgnored,
    EndsAnybodys,
    RefreshWidens,
    IssueWidens,
    // Sessions must be capped, or more of them be deleted than there are.
    CapRestsOnNothing,
    DeletionLeavesSessions,
    // More than two must meet, or a reply must come late.
    MomentsMixed,
    LateReplyTaken,
    // Somebody must watch the journal.
    OldJournalGoesOn,
    ViewForgetsAtOnce,
];

fn pair(name: &str) -> Set {
    let sets = Size::Pairs.sets();
    sets.into_iter().find(|set| set.to_string() == name).unwrap_or_else(|| panic!("no pair is called {name}"))
}

#[test]
fn planted_bugs_are_found_by_pairs() {
    for (bug, name, faults, invariant) in FOUND.iter().copied() {
        let search = Search::new(move |policy| policy.planted(bug));
        let found = match name {
            None => search.map(drop).unwrap_err(),
            Some(name) => {
                let (search, set) = (search.unwrap(), pair(name));
                let found = search.every(&set, faults).unwrap_err();
                // Its choices are a counterexample: they find it again, and tell the same.
                assert_eq!(search.replay(&set, faults, &found.choices), Err(found.clone()), "{bug:?}");
                assert!(!found.story.is_empty(), "{bug:?}: {found}");
                // Its schedule has a fault only if there is none without.
                let quiet = search.every(&set, Faults::None);
                assert_eq!(quiet.is_err(), faults == Faults::None, "{bug:?}: {quiet:?}");
                found
            }
        };
        assert_eq!(found.violation.invariant, invariant, "{bug:?}: {found}");
    }
}

/// Whoever plants another bug is asked whether pairs find it.
#[test]
fn every_planted_bug_is_listed_once() {
    let listed = |bug: &Planted| {
        let found = FOUND.iter().filter(|(one, ..)| one == bug).count();
        found + BEYOND.iter().filter(|one| *one == bug).count()
    };
    let not_once: Vec<_> = Planted::ALL.iter().filter(|bug| listed(bug) != 1).collect();
    assert!(not_once.is_empty(), "{not_once:?}");
}
