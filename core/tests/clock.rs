//! The clock's mark: what a restart, a purge and another instance learn from it.

use std::time::Duration;

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::event::EventResult;
use doorward_core::model::clock::{ClockError, ClockRecord};
use doorward_core::model::session::Gone;
use doorward_core::operation::login::Login;
use doorward_core::operation::open::{Open, Opened};
use doorward_core::operation::register::Register;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::tick::Tick;
use doorward_core::operation::trust_clock::{TrustClock, Trusted};
use doorward_core::policy::{Policy, TokenPolicy};
use doorward_core::record::{Key, Kind};
use doorward_core::store::{Durability, Ending};
use doorward_core::time::Timestamp;

use crate::support::home::{gone, home, is_live, login};
use crate::support::{Ask, RIGHT, START, Step, World, answer, ask_at, environment, failed};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn mark(world: &World) -> ClockRecord {
    world.map.rows[&Key::Clock].clock().unwrap().clone()
}

fn later(span: Duration) -> Timestamp {
    START.saturating_add(span)
}

fn earlier(span: Duration) -> Timestamp {
    START.saturating_sub(span)
}

#[test]
fn inv_20_opening_compares_the_clock_with_the_mark() {
    let mut world = World::new();
    assert_eq!(mark(&world), ClockRecord::at(START), "made with the keyring");
    let before = world.map.clone();
    let minutes = MINUTE * 5;
    for (now, refused) in [
        (START, false),
        (earlier(minutes), false),
        (earlier(minutes + Duration::from_millis(1)), true),
        (Timestamp::from_millis(0), true),
        (Timestamp::from_millis(i64::MIN), true),
    ] {
        world.now = now;
        match world.run(Open::new()) {
            Ok(opening) => assert_eq!((opening.mark, refused), (START, false)),
            Err(Fault::Clock(ClockError::Behind { mark, now: shown })) => {
                assert_eq!((mark, shown, refused), (START, now, true));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(world.map, before, "a mark is never lowered");
    }
    world.now = later(DAY * 365);
    assert_eq!(world.run(Open::new()).unwrap().found, Opened::Known, "a host may have been down for long");
}

/// A known store opens although it cannot be written to: the mark is offered, and not insisted on.
#[test]
fn inv_20_opening_raises_the_mark_as_seldom_as_a_touch() {
    let mut world = World::new();
    world.now = later(Duration::from_millis(59_999));
    let (_, steps) = world.trace(Open::new());
    assert_eq!(steps, [Step::Read(vec![Kind::Keyring, Kind::Clock])]);
    world.now = later(MINUTE);
    let (_, steps) = world.trace(Open::new());
    let Some(Step::Commit { puts, durability, .. }) = steps.last() else { panic!("{steps:?}") };
    assert_eq!((&puts[..], *durability), (&[Kind::Clock][..], Durability::Relaxed));
    assert_eq!(mark(&world).highest, world.now);

    world.now = later(DAY);
    let mut machine = world.machine(Open::new());
    world.step_to_commit(&mut machine);
    answer(&mut machine, failed(StoreErrorKind::Fatal));
    assert_eq!(world.finish(machine).unwrap().found, Opened::Known);
}

/// A store of an older version has no mark: opening makes one, and so does maintenance.
#[test]
fn inv_20_a_store_without_a_mark_gets_one() {
    for opens in [true, false] {
        let mut world = World::new();
        world.map.rows.remove(&Key::Clock);
        world.now = earlier(DAY);
        if opens {
            assert_eq!(world.run(Open::new()).unwrap().mark, world.now);
        } else {
            world.run(Tick::new()).unwrap().unwrap();
        }
        assert_eq!(mark(&world), ClockRecord::at(world.now));
    }
}

#[test]
fn inv_20_a_tick_raises_the_mark_and_never_lowers_it() {
    let mut world = World::new();
    world.now = later(DAY);
    world.run(Tick::new()).unwrap().unwrap();
    assert_eq!(mark(&world), ClockRecord::at(later(DAY)));
    let before = world.map.clone();
    // Another instance wrote it, and its clock may be ahead by the skew.
    let bound = MINUTE * 5 + Duration::from_secs(2);
    world.now = later(DAY).saturating_sub(bound);
    world.run(Tick::new()).unwrap().unwrap();
    world.now = world.now.saturating_sub(Duration::from_millis(1));
    let refused = world.run(Tick::new()).unwrap();
    assert_eq!(refused, Err(ClockError::Behind { mark: later(DAY), now: world.now }));
    assert_eq!(world.map, before);
}

/// Nothing that lets anybody in rests on the mark: it may be written under all of them.
#[test]
fn inv_20_the_mark_disturbs_nobody() {
    let (mut world, _, [token, _]) = home();
    let mut login = world.machine(Login::new("bob", RIGHT));
    let mut rotate = world.machine(RotateSession::new(&token));
    let mut register = world.machine(Register::new("cleo", RIGHT));
    world.step_to_commit(&mut login);
    world.step_to_commit(&mut rotate);
    world.step_to_commit(&mut register);
    world.now = later(MINUTE);
    world.run(Tick::new()).unwrap().unwrap();
    assert_eq!(mark(&world).highest, world.now);
    for step in [
        world.step(&mut login).is_none(),
        world.step(&mut rotate).is_none(),
        world.step(&mut register).is_none(),
    ] {
        assert!(step);
    }
    assert!(login.is_done() && rotate.is_done() && register.is_done(), "one commit each, and no conflict");
    world.finish(login).unwrap().unwrap();
    world.finish(rotate).unwrap().unwrap();
    world.finish(register).unwrap().unwrap();
}

#[test]
fn inv_20_a_jump_is_refused_until_somebody_vouches_for_the_clock() {
    let mut world = World::new();
    world.now = later(DAY * 30);
    world.run(Tick::new()).unwrap().unwrap();
    let believed = world.now;
    world.now = believed.saturating_add(DAY * 30 + Duration::from_millis(1));
    let jumped = world.now;
    for _ in 0..2 {
        let refused = world.run(Tick::new()).unwrap();
        assert_eq!(refused, Err(ClockError::Jumped { mark: believed, now: jumped }));
        assert!(world.run(Open::new()).is_ok());
    }
    assert_eq!(mark(&world), ClockRecord { highest: jumped, jumped_from: Some(believed) });
    let trusted = world.run(TrustClock::new()).unwrap();
    assert_eq!(trusted, Trusted { mark: jumped, ended_everything: false });
    world.run(Tick::new()).unwrap().unwrap();
    assert!(world.map.journal.is_empty());
}

/// INV 15, 19, 21: a session of a time that has not come would live until it comes; one that was seen over would live
/// again. Both clocks are refused, and the override ends them in the commit that lowers the mark.
#[test]
fn inv_15_inv_21_lowering_the_mark_ends_everything_in_the_same_commit() {
    for (ahead, ticks) in [(DAY, true), (DAY * 365, true), (DAY * 365, false)] {
        let (mut world, _, _) = home();
        world.now = later(ahead);
        if ticks {
            let _ = world.run(Tick::new()).unwrap();
        } else {
            world.run(Open::new()).unwrap();
        }
        let future = login(&mut world, "ada");
        world.now = later(MINUTE);
        let before = world.map.clone();
        let refused = world.run(Open::new());
        assert!(matches!(refused, Err(Fault::Clock(ClockError::Behind { .. }))), "{refused:?}");
        let opening = world.run(Open::new().trusting_the_clock()).unwrap();
        assert_eq!((opening.mark, &world.map), (later(ahead), &before));

        let mut machine = world.machine(TrustClock::new());
        world.step_to_commit(&mut machine);
        assert_eq!(world.map, before);
        let trusted = world.finish(machine).unwrap();
        assert_eq!(trusted, Trusted { mark: world.now, ended_everything: true });
        assert_eq!(mark(&world), ClockRecord::at(world.now));
        let until = later(ahead).saturating_add(DAY * 90);
        assert_eq!(world.map.journal, [Ending::Epoch { key: Key::Keyring, until }]);
        assert_eq!(gone(&mut world, &future), Some(Gone::Revoked));

        let lowered = world.map.clone();
        assert!(!world.run(TrustClock::new()).unwrap().ended_everything, "once");
        assert_eq!(world.map, lowered);
        world.run(Open::new()).unwrap();
        let fresh = login(&mut world, "ada");
        assert!(is_live(&mut world, &fresh));
    }
}

/// A host may trust its clock at every open: where nothing would be refused, nothing is done.
#[test]
fn inv_20_trust_where_nobody_doubts_changes_nothing() {
    for now in [START, later(DAY * 30), earlier(MINUTE * 5)] {
        let (mut world, _, [token, _]) = home();
        world.now = now;
        let before = world.map.clone();
        world.run(Open::new().trusting_the_clock()).unwrap();
        assert_eq!(world.run(TrustClock::new()).unwrap(), Trusted { mark: START, ended_everything: false });
        // After a month it is time for another signing key, whoever trusts what.
        let key = world.map.rows.insert(Key::Keyring, before.rows[&Key::Keyring].clone());
        assert_eq!(key != before.rows.get(&Key::Keyring).cloned(), now > START);
        assert_eq!(world.map, before);
        assert!(now > START || is_live(&mut world, &token));
    }
}

#[test]
fn of_two_ticks_at_once_one_writes() {
    let mut world = World::new();
    world.now = later(DAY);
    let mut machines = [(); 2].map(|()| world.machine(Tick::new()));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    let [one, other] = machines;
    world.finish(one).unwrap().unwrap();
    let written = world.map.clone();
    world.finish(other).unwrap().unwrap();
    assert_eq!(world.map, written);
}

#[test]
fn rv_8_a_doubted_clock_is_told_by_its_word() {
    let mut world = World::unopened(environment());
    world.run(Open::new()).unwrap();
    world.now = later(DAY * 400);
    let mut machine = world.machine(Tick::new());
    world.step_to_commit(&mut machine);
    assert!(world.step(&mut machine).is_none());
    let Ask::Done(_, event) = ask_at(&mut machine, world.now) else { panic!("not done") };
    assert_eq!((event.operation, event.result), ("tick", EventResult::Failed("clock")));
    let fault = Fault::Clock(ClockError::Behind { mark: START, now: START });
    assert_eq!((fault.word(), fault.is_transient()), ("clock", false));
}

/// What has expired is kept for as long as a clock that is behind may believe in it: the leeway, and twice what clocks differ by.
#[test]
fn inv_10_a_purge_comes_after_the_last_clock_that_believes() {
    let tokens = TokenPolicy { leeway: Duration::from_secs(7), ..TokenPolicy::default() };
    let policy = Policy::builder().tokens(tokens).max_skew(Duration::from_secs(3)).build().unwrap();
    let set_back = policy.max_clock_regression() + policy.touch_every() * 2;
    assert_eq!(policy.purge_after(), policy.tokens().lifetime + Duration::from_secs(7 + 2 * 3) + set_back);
}
