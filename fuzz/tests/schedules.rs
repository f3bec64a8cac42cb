//! Every schedule of some pairs, counted; `schedules` goes through all pairs and triples.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail as they do")]

use std::collections::BTreeSet;

use doorward_fuzz::action::{Action, TokenAction};
use doorward_fuzz::schedules::{ACTORS, Actor, Counted, Faults, Part, Search, Set, Size};

fn search() -> Search {
    Search::new(|policy| policy).unwrap()
}

fn pair(one: &str, other: &str) -> Set {
    let name = format!("{one} | {other}");
    let sets = Size::Pairs.sets();
    sets.into_iter().find(|set| set.to_string() == name).unwrap_or_else(|| panic!("no pair is called {name}"))
}

/// How many schedules there are of each pair, with no fault or one.
fn schedules<const N: usize>(pairs: [(&str, &str); N]) -> [u64; N] {
    let search = search();
    pairs.map(|(one, other)| match search.every(&pair(one, other), Faults::One) {
        Ok(Counted { schedules, .. }) => schedules,
        Err(found) => panic!("{found}\n  {}", found.story.join("\n  ")),
    })
}

fn operation(action: &Action) -> usize {
    match action {
        Action::Register { .. } => 0,
        Action::Login { .. } => 1,
        Action::OpenSession { .. } => 2,
        Action::SessionData { .. } => 3,
        Action::UpdateSessionData { .. } => 4,
        Action::Rehash { .. } => 5,
        Action::Authenticate { .. } => 6,
        Action::Reauthenticate { .. } => 7,
        Action::RotateSession { .. } => 8,
        Action::Sessions { .. } => 9,
        Action::EndSession { .. } => 10,
        Action::Logout { .. } => 11,
        Action::LogoutEverywhere { .. } => 12,
        Action::ChangePassword { .. } => 13,
        Action::SetPassword { .. } => 14,
        Action::Unlock { .. } => 15,
        Action::Disable { .. } => 16,
        Action::Enable { .. } => 17,
        Action::DeleteAccount { .. } => 18,
        Action::FinishDeletion { .. } => 19,
        Action::Rename { .. } => 20,
        Action::MarkCompromised { .. } => 21,
        Action::Tick => 22,
        Action::TrustClock => 23,
        Action::AfterRestore => 24,
        Action::Open => 25,
        Action::Token(TokenAction::Issue { .. }) => 26,
        Action::Token(TokenAction::Refresh { .. }) => 27,
        Action::Token(TokenAction::Verify { .. }) => 28,
        Action::Token(TokenAction::Introspect { .. }) => 29,
        Action::Token(TokenAction::Revoke { .. }) => 30,
        Action::Token(TokenAction::RotateKeys(_)) => 31,
        Action::Token(TokenAction::RevokeAll { .. }) => 32,
        Action::Token(TokenAction::Jwks) => 33,
    }
}

/// Whoever adds an operation is asked for its number here, and for an actor.
#[test]
fn every_operation_takes_part() {
    let known: BTreeSet<usize> = ACTORS
        .iter()
        .filter_map(|actor| match &actor.part {
            Part::Asks(action) => Some(operation(action)),
            Part::Purges => None,
        })
        .collect();
    assert_eq!(known, (0..34).collect());
    assert!(ACTORS.iter().any(|actor| actor.part == Part::Purges));
    let names: BTreeSet<&str> = ACTORS.iter().map(|actor| actor.name).collect();
    assert_eq!(names.len(), ACTORS.len(), "two are called the same");
}

/// Logouts, refreshes, and whatever may put another signing key.
const LEADING: [&str; 15] = [
    "logout",
    "logout of the other",
    "logout of the guest",
    "logout everywhere",
    "logout everywhere else",
    "after restore",
    "open",
    "refresh",
    "refresh of the parent",
    "refresh by another",
    "rotate keys when due",
    "rotate keys",
    "rotate keys at once",
    "revoke all",
    "revoke all and sessions",
];

#[test]
fn every_triple_has_a_refresh_a_logout_or_a_change_of_keys() {
    let leading = ACTORS.iter().filter(|actor| actor.is_leading()).map(|actor| actor.name);
    assert_eq!(leading.collect::<Vec<_>>(), LEADING);
    let triples = Size::Triples.sets();
    assert!(triples.iter().all(|set| set.actors.iter().any(Actor::is_leading)));
    let (all, others) = (ACTORS.len(), ACTORS.iter().filter(|actor| !actor.is_leading()).count());
    let triples_of = |many: usize| many * (many + 1) * (many + 2) / 6;
    assert_eq!(triples.len(), triples_of(all) - triples_of(others));
    let names: BTreeSet<String> = triples.iter().map(Set::to_string).collect();
    assert_eq!(names.len(), triples.len(), "a triple comes again");
}

#[test]
fn inv_11_inv_12_inv_15_inv_16_a_logout_beside_others() {
    let counts = schedules([
        ("authenticate", "logout"),
        ("logout", "logout"),
        ("logout", "logout everywhere"),
        ("login of one", "logout"),
        ("update", "logout"),
    ]);
    assert_eq!(counts, [98, 119, 152, 208, 117]);
}

#[test]
fn inv_1_to_5_inv_25_a_refresh_beside_others() {
    let counts = schedules([
        ("refresh", "refresh"),
        ("refresh", "refresh of the parent"),
        ("logout", "refresh"),
        ("logout everywhere else", "refresh"),
        ("refresh", "revoke refresh"),
        ("refresh", "revoke all"),
    ]);
    assert_eq!(counts, [81, 91, 117, 100, 98, 98]);
}

#[test]
fn inv_14_inv_38_inv_39_passwords_that_change_beside_others() {
    let counts = schedules([
        ("login", "change password"),
        ("rehash", "set password"),
        ("login, wrong", "login, wrong"),
        ("login", "delete"),
    ]);
    assert_eq!(counts, [314, 220, 181, 275]);
}

#[test]
fn inv_36_inv_44_keys_that_change_beside_others() {
    let counts = schedules([
        ("rotate keys", "rotate keys at once"),
        ("verify", "revoke all"),
        ("issue", "rotate keys at once"),
        ("after restore", "open"),
    ]);
    assert_eq!(counts, [117, 42, 117, 89]);
}

/// Schedules that shared their engines were judged wrongly: in one of them a rotation makes another key, and in one of the next
/// set the rotation at its place brings forward the key that `open` has made. The same seed gives both keyrings one stamp, by
/// which an engine knows the keys that it has parsed; so it refused what the right key had signed.
#[test]
fn inv_36_no_schedule_remembers_another() {
    let (search, sets) = (search(), Size::Triples.sets());
    let counts = ["open | issue | rotate keys", "open | issue | rotate keys at once"].map(|name| {
        let set = sets.iter().find(|set| set.to_string() == name).unwrap();
        search.every(set, Faults::None).map(|counted| counted.schedules)
    });
    assert_eq!(counts, [Ok(53), Ok(67)]);
}

/// A look that could as well have come before its neighbour adds nothing to be found: with all of them, there are more
/// schedules, and no other ends.
#[test]
fn what_is_left_out_ends_as_what_is_gone_through() {
    for (one, other) in [
        ("login", "change password"),
        ("refresh", "refresh"),
        ("delete", "finish deletion"),
        ("logout", "logout"),
    ] {
        let set = pair(one, other);
        let (all, full) = search().with_twins().outcomes(&set, Faults::One).unwrap();
        let (found, reduced) = search().outcomes(&set, Faults::One).unwrap();
        assert_eq!(found, all, "{set}");
        assert!(
            reduced.schedules < full.schedules && found.len() > 3,
            "{set}: {reduced:?}, and all are {full:?}"
        );
    }
}

/// A schedule that comes to where another has been is not run to its end: all are counted, and there are no other ends.
#[test]
fn what_is_not_run_to_its_end_ends_as_what_is() {
    let triples = Size::Triples.sets();
    let triple = |name: &str| triples.iter().find(|set| set.to_string() == name).unwrap();
    for (set, faults) in [
        (&pair("login", "change password"), Faults::One),
        (&pair("refresh", "refresh"), Faults::One),
        (&pair("delete", "finish deletion"), Faults::One),
        (&pair("login of one", "logout"), Faults::One),
        (&pair("after restore", "open"), Faults::One),
        // A purge wrote the clock mark with a stamp of the move's number: alike moments ended in other rows.
        (&pair("disable", "purge"), Faults::One),
        (triple("register | logout | refresh"), Faults::One),
        (triple("login | logout | refresh"), Faults::None),
        (triple("open | issue | rotate keys"), Faults::None),
    ] {
        let (all, full) = search().to_each_end().outcomes(set, faults).unwrap();
        let (found, merged) = search().outcomes(set, faults).unwrap();
        assert_eq!(found, all, "{set}");
        assert_eq!(merged.schedules, full.schedules, "{set}");
        assert!(merged.runs < full.runs && full.runs == full.schedules, "{set}: {merged:?} of {full:?}");
    }
}

#[test]
fn inv_40_a_schedule_is_told_by_its_choices() {
    let (search, set) = (search(), pair("logout", "refresh"));
    let story = search.replay(&set, Faults::One, &[]).unwrap().unwrap();
    assert_eq!(story, ["logout looks", "logout commits", "refresh looks"]);
    let other = search.replay(&set, Faults::One, &[3]).unwrap().unwrap();
    assert_eq!(other[0], "refresh looks");
    assert_eq!(search.replay(&set, Faults::None, &[3]).unwrap(), None, "there is no fault to choose");
}
