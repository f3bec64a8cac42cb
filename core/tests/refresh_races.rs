//! Refresh tokens in several hands at once, and under a store that does not say what became of a commit.

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::machine::{Machine, Reply};
use doorward_core::model::session::Gone;
use doorward_core::operation::issue::Issue;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::revoke_token::RevokeToken;
use doorward_core::record::{Key, Kind};
use doorward_core::store::Commit;

use crate::support::home::is_live;
use crate::support::tokens::{API, Person, at_home, at_home_in, refresh_of, secs, with_tokens};
use crate::support::{Ask, RIGHT, Step, World, answer, ask_at, failed, stamp};

/// A refresh that has signed, and is about to commit.
fn at_commit(world: &mut World, token: &str) -> Machine<Refresh> {
    let mut machine = world.machine(Refresh::new(token, "web"));
    world.step_to_commit(&mut machine);
    machine
}

fn batch_of(world: &World, machine: &mut Machine<Refresh>) -> doorward_core::store::Batch {
    let Ask::Commit(_, batch) = ask_at(machine, world.now) else { panic!("a commit") };
    batch
}

fn signatures(steps: &[Step]) -> usize {
    steps.iter().filter(|step| **step == Step::Sign).count()
}

#[test]
fn inv_1_rv_2_of_many_at_once_all_get_the_one_successor() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let machines: Vec<_> = (0..8).map(|_| at_commit(&mut world, &first)).collect();
    let all = machines.into_iter().map(|machine| world.finish(machine).unwrap().unwrap());
    let all: Vec<String> = all.map(|issued| refresh_of(&issued)).collect();
    assert!(all.iter().all(|token| *token == all[0]));
    let family = &world.grants(ada.session).families[0];
    assert_eq!(family.generation, 2, "one step, whoever took it");
    world.turn(&all[0]);
}

/// The one that comes second is later than the grace by the time that it is decided again.
#[test]
fn inv_3_a_loser_that_comes_back_late_is_no_retry() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let slow = at_commit(&mut world, &first);
    world.turn(&first);
    world.wait(secs(12));
    assert!(matches!(world.finish(slow).unwrap(), Err(RefreshError::Reused { .. })));
    assert!(!is_live(&mut world, &ada.token));
}

#[test]
fn inv_13_the_child_of_a_killed_parent_is_always_dead() {
    let logout: fn(&mut World, &Person, &str) =
        |world, ada, _| _ = world.run(Logout::new(&ada.token)).unwrap();
    let everywhere: fn(&mut World, &Person, &str) =
        |world, ada, _| _ = world.run(LogoutEverywhere::new(ada.account)).unwrap();
    let keep: fn(&mut World, &Person, &str) =
        |world, ada, _| _ = world.run(LogoutEverywhere::new(ada.account).keep(&ada.token)).unwrap();
    let revoke: fn(&mut World, &Person, &str) =
        |world, _, token| _ = world.run(RevokeToken::new(token, "web")).unwrap();
    for end in [logout, everywhere, keep, revoke] {
        // In flight when the end comes.
        let (mut world, ada) = at_home();
        let (_, first) = world.issue_both(&ada);
        let refresh = at_commit(&mut world, &first);
        end(&mut world, &ada, &first);
        let ended = world.map.clone();
        assert!(matches!(world.finish(refresh).unwrap(), Err(RefreshError::Gone(_))));
        assert_eq!(world.map, ended);
        // Just before it.
        let (mut world, ada) = at_home();
        let (_, first) = world.issue_both(&ada);
        let child = world.refresh(&first).unwrap();
        end(&mut world, &ada, &first);
        assert!(!world.accepts(&child));
        assert!(matches!(world.refresh(&refresh_of(&child)), Err(RefreshError::Gone(_))));
    }
}

/// An issue that opens a family in a session that is being kept by a logout everywhere: it is before it, or after it.
#[test]
fn inv_13_an_issue_in_flight_opens_no_family_of_an_earlier_epoch() {
    let (mut world, ada) = at_home();
    let mut issue = world.machine(Issue::new(&ada.token, "web", API).with_refresh());
    world.step_to_commit(&mut issue);
    world.run(LogoutEverywhere::new(ada.account).keep(&ada.token)).unwrap().unwrap();
    assert!(world.finish(issue).unwrap().is_err());
    assert_eq!(world.map.count(Kind::Grants), 0);
}

#[test]
fn inv_6_two_at_once_do_not_push_the_families_over_their_bound() {
    let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.families = 1));
    let [one, other] = [(); 2].map(|()| {
        let mut machine = world.machine(Issue::new(&ada.token, "web", API).with_refresh());
        world.step_to_commit(&mut machine);
        machine
    });
    let one = refresh_of(&world.finish(one).unwrap().unwrap());
    let other = refresh_of(&world.finish(other).unwrap().unwrap());
    let grants = world.grants(ada.session);
    assert_eq!((grants.families.len(), grants.families[0].number, grants.opened), (1, 1, 2));
    assert!(matches!(world.refresh(&one), Err(RefreshError::Gone(Gone::Ended))));
    world.turn(&other);
}

#[test]
fn a_conflict_signs_again_only_when_the_token_would_say_something_else() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let refresh = at_commit(&mut world, &first);
    world.row(Key::Account(ada.account)).stamp = stamp(0xee);
    world.steps.clear();
    world.wait(secs(3));
    let issued = world.finish(refresh).unwrap().unwrap();
    assert_eq!(signatures(&world.steps), 0, "{:?}", world.steps);
    assert_eq!(issued.expires.since(crate::support::START), secs(600), "it says when it was signed");

    let refresh = at_commit(&mut world, &refresh_of(&issued));
    world.row(Key::Session(ada.session)).stamp = stamp(0xee);
    let doorward_core::record::Record::Session(record) = &mut world.row(Key::Session(ada.session)).record
    else {
        panic!("a session")
    };
    record.idle_millis = 300_000;
    world.steps.clear();
    let issued = world.finish(refresh).unwrap().unwrap();
    assert_eq!(signatures(&world.steps), 1, "it ends sooner: {:?}", world.steps);
    assert!(issued.expires.since(crate::support::START) <= secs(303));
}

#[test]
fn inv_9_a_row_that_keeps_changing_decides_nothing() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let mut refresh = world.machine(Refresh::new(&first, "web"));
    let mut commits = 0;
    let outcome = loop {
        if !refresh.is_done() && matches!(ask_at(&mut refresh, world.now), Ask::Commit(..)) {
            commits += 1;
            world.row(Key::Session(ada.session)).stamp = stamp(commits);
        }
        if let Some(outcome) = world.step(&mut refresh) {
            break outcome;
        }
    };
    assert!(matches!(outcome, Err(Fault::Contended)), "{outcome:?}");
    assert_eq!(commits, 8);
    assert_eq!(world.grants(ada.session).families[0].generation, 1);
    world.turn(&first);
}

/// It landed, and its answer was lost: its own stamp says so.
#[test]
fn inv_25_a_lost_answer_is_settled_by_the_stamp() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let mut refresh = at_commit(&mut world, &first);
    let batch = batch_of(&world, &mut refresh);
    assert_eq!(world.map.commit(&batch), Commit::Applied);
    answer(&mut refresh, failed(StoreErrorKind::Unknown));
    let next = refresh_of(&world.finish(refresh).unwrap().unwrap());
    assert_eq!(world.turn(&first), next, "and a retry converges");
    world.turn(&next);
}

/// Nobody knows: no token is given out, and the same token then gives the one successor, whatever had become of it.
#[test]
fn inv_4_inv_25_after_an_unknown_fate_the_same_token_converges() {
    for lands in [true, false] {
        let (mut world, ada) = at_home();
        let (_, first) = world.issue_both(&ada);
        let mut refresh = at_commit(&mut world, &first);
        let batch = batch_of(&world, &mut refresh);
        answer(&mut refresh, failed(StoreErrorKind::Unknown));
        // Still on its way while it is looked for.
        assert!(matches!(world.finish(refresh), Err(Fault::Unresolved)));
        if lands {
            assert_eq!(world.map.commit(&batch), Commit::Applied);
        }
        let next = world.turn(&first);
        assert_eq!(world.grants(ada.session).families[0].generation, 2);
        assert_eq!(world.turn(&first), next);
        // What arrives after that meets another stamp.
        assert_eq!(world.map.commit(&batch), Commit::Conflict);
        world.turn(&next);
    }
}

/// A failed read, a refused commit, a full disk: nothing changed, and the token is good.
#[test]
fn rv_11_inv_9_a_fault_at_each_call_grants_and_changes_nothing() {
    for kind in [StoreErrorKind::Retryable, StoreErrorKind::Fatal, StoreErrorKind::Corrupt] {
        for at in 0..2 {
            let (mut world, ada) = at_home();
            let (_, first) = world.issue_both(&ada);
            let before = world.map.clone();
            let mut refresh = world.machine(Refresh::new(&first, "web"));
            if at == 1 {
                world.step_to_commit(&mut refresh);
            }
            answer(&mut refresh, failed(kind));
            let fault = world.finish(refresh).expect_err("it could not be decided");
            assert!(matches!(fault, Fault::Store(_)), "{fault}");
            assert_eq!(world.map, before);
            world.turn(&first);
        }
    }
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let mut refresh = world.machine(Refresh::new(&first, "web"));
    assert!(world.step(&mut refresh).is_none());
    answer(&mut refresh, Reply::Busy);
    assert!(matches!(world.finish(refresh), Err(Fault::Busy)));
    world.turn(&first);
}

/// The proof of the password prolongs the row of the grants as it was read: a refresh in between is not undone.
#[test]
fn inv_2_a_refresh_beside_a_proof_of_the_password_is_not_undone() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let mut proof = world.machine(Reauthenticate::new(&ada.token, RIGHT));
    world.step_to_commit(&mut proof);
    let next = world.turn(&first);
    world.finish(proof).unwrap().unwrap();
    assert_eq!(world.grants(ada.session).families[0].generation, 2);
    world.turn(&next);
}
