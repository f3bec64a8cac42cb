//! Guessing, and asking which names are taken, from one address: slowed after a while, never off, and no burden to
//! others; while what succeeds costs its source nothing.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::event::{Event, EventResult};
use doorward::core::store::Store;
use doorward::core::time::Timestamp;
use doorward::store::MemoryStore;
use doorward::{
    Builder, Engine, Hashing, Login, LoginError, ManualClock, MasterKey, Register, RegisterError,
};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use crate::support::engine::{NAME, PASSWORD, each_store, open_with_clock, policy};

const WRONG: &str = "a wrong and improper password";
const SIZE: u32 = 30;
const REFILL: Duration = Duration::from_secs(10);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The campus: one /64, as many machines as one likes.
fn campus(machine: u32) -> IpAddr {
    address(&format!("2001:db8:0:7::{machine:x}"))
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(1_700_000_000_000))
}

fn builder(store: impl Store + 'static, clock: &ManualClock) -> Builder {
    let builder = Engine::builder(store).ephemeral().master_key(MasterKey::new(1, [0x42; 32]));
    builder.policy(policy()).clock(clock.clone())
}

fn engine(clock: &ManualClock) -> Engine {
    let engine = builder(MemoryStore::new(), clock).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine
}

/// One password tried at one name after the other, so that the throttle by name never sees a second failure.
fn spray(engine: &Engine, source: IpAddr, number: u32) -> Result<(), LoginError> {
    engine.login(Login::new(&format!("name{number}"), WRONG).source(source)).map(|_| ())
}

fn is_denied(outcome: &Result<(), LoginError>) -> bool {
    matches!(outcome, Err(LoginError::Denied))
}

fn right(source: IpAddr) -> Login {
    Login::new(NAME, PASSWORD).source(source)
}

#[test]
fn gu_3_a_busy_campus_is_slowed_but_never_off_and_recovers() {
    let clock = clock();
    let engine = engine(&clock);
    assert!((0..SIZE).all(|number| is_denied(&spray(&engine, campus(number), number))));

    let next = engine.now().saturating_add(REFILL);
    let turned_away = engine.login(right(campus(1_000)));
    assert!(matches!(turned_away, Err(LoginError::Throttled { until }) if until == next), "{turned_away:?}");
    for elsewhere in ["2001:db8:0:8::1", "192.0.2.1"] {
        assert!(engine.login(right(address(elsewhere))).is_ok(), "{elsewhere} has done nothing");
    }

    // However busy it stays, one more is decided every ten seconds; and what is right is not counted.
    for number in 100..110 {
        clock.advance(REFILL);
        for machine in 0..3 {
            assert!(engine.login(right(campus(machine))).is_ok());
        }
        assert!(is_denied(&spray(&engine, campus(number), number)));
        assert!(matches!(engine.login(right(campus(1))), Err(LoginError::Throttled { .. })));
    }
    clock.advance(REFILL * SIZE);
    assert!((200..200 + SIZE).all(|number| is_denied(&spray(&engine, campus(number), number))));
}

#[test]
fn gu_3_an_ipv4_address_is_a_source_however_it_is_written() {
    let engine = engine(&clock());
    let (plain, mapped) = (address("192.0.2.1"), address("::ffff:192.0.2.1"));
    assert!((0..SIZE).all(|n| is_denied(&spray(&engine, if n % 2 == 0 { plain } else { mapped }, n))));
    for source in [plain, mapped] {
        assert!(matches!(engine.login(right(source)), Err(LoginError::Throttled { .. })));
    }
    assert!(engine.login(right(address("::ffff:192.0.2.2"))).is_ok());
}

#[test]
fn gu_4_of_a_password_sprayed_in_parallel_only_the_allowed_number_is_decided() {
    const THREADS: u32 = 16;
    for store in each_store() {
        let clock = clock();
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        for allowed in [SIZE, 2] {
            let denied = AtomicU32::new(0);
            let guess = |thread: u32| {
                for number in 0..12 {
                    match spray(&engine, campus(thread), thread * 100 + number) {
                        Err(LoginError::Denied) => drop(denied.fetch_add(1, Ordering::SeqCst)),
                        Err(LoginError::Throttled { .. }) => {}
                        other => panic!("{}: {other:?}", store.name),
                    }
                }
            };
            let guess = &guess;
            std::thread::scope(|scope| {
                (0..THREADS).for_each(|thread| drop(scope.spawn(move || guess(thread))));
            });
            assert_eq!(denied.into_inner(), allowed, "{}", store.name);
            clock.advance(REFILL * 2);
        }
    }
}

/// GU-5: whatever the name and the password, the same answer, no call of the store, no hashing, and one event.
#[test]
fn gu_5_who_is_turned_away_learns_nothing() {
    let events = Arc::new(Mutex::new(Vec::<Event>::new()));
    let (clock, sink) = (clock(), Arc::clone(&events));
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    let tell = move |event: &Event| sink.lock().unwrap().push(event.clone());
    let engine = builder(store.clone(), &clock).events(tell).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    for number in 0..SIZE {
        spray(&engine, campus(number), number).unwrap_err();
        engine.register(Register::new(NAME, PASSWORD).source(campus(number))).unwrap_err();
    }
    let next = engine.now().saturating_add(REFILL);
    store.forget_calls();
    events.lock().unwrap().clear();
    let one_event = |operation: &str| {
        let event = events.lock().unwrap().pop().unwrap();
        assert!(events.lock().unwrap().is_empty());
        assert_eq!((event.operation, event.result), (operation, EventResult::Refused("throttled")));
        assert_eq!((event.at, event.subject.account), (engine.now(), None));
        assert_eq!(event.subject.source.unwrap().address(), campus(1));
        assert!(event.subject.name.is_some());
    };
    for (name, password) in [(NAME, PASSWORD), (NAME, WRONG), ("nobody", PASSWORD), ("nobody", WRONG)] {
        let outcome = engine.login(Login::new(name, password).source(campus(1)));
        assert!(matches!(outcome, Err(LoginError::Throttled { until }) if until == next), "{outcome:?}");
        one_event("login");
        let outcome = engine.register(Register::new(name, password).source(campus(1)));
        assert!(matches!(outcome, Err(RegisterError::Throttled { until }) if until == next), "{outcome:?}");
        one_event("register");
    }
    assert_eq!(store.calls(), []);

    // What cannot be one is told all the same: it says nothing about who exists.
    let outcome = engine.login(Login::new("a b", PASSWORD).source(campus(1)));
    assert!(matches!(outcome, Err(LoginError::Name(_))), "{outcome:?}");
    let outcome = engine.register(Register::new("", PASSWORD).source(campus(1)));
    assert!(matches!(outcome, Err(RegisterError::Name(_))), "{outcome:?}");
}

#[test]
fn a_login_that_succeeds_costs_its_source_nothing_and_nor_does_one_that_is_not_decided() {
    let clock = clock();
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    let engine = builder(store.clone(), &clock).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    for _ in 0..=SIZE {
        engine.login(right(campus(1))).unwrap();
    }
    store.add(Rule::new(Failure::Retryable).on(CallKind::Commit).sticky());
    for number in 0..=SIZE {
        let outcome = spray(&engine, campus(1), number);
        assert!(matches!(outcome, Err(LoginError::Fault(Fault::Store(_)))), "{outcome:?}");
    }
    store.heal();
    for _ in 0..5 {
        engine.login(Login::new("slow", WRONG).source(campus(1))).unwrap_err();
    }
    for _ in 0..=SIZE {
        let outcome = engine.login(Login::new("slow", WRONG).source(campus(1)));
        assert!(
            matches!(outcome, Err(LoginError::Throttled { until }) if until.since(engine.now()) > REFILL)
        );
    }
    assert!((5..SIZE).all(|number| is_denied(&spray(&engine, campus(1), number))), "five were wrong before");
    assert!(matches!(spray(&engine, campus(1), SIZE), Err(LoginError::Throttled { .. })));
}

#[test]
fn registrations_are_slowed_whether_they_succeed_or_find_the_name_taken_and_apart_from_guesses() {
    let clock = clock();
    let engine = engine(&clock);
    let register =
        |name: &str, password: &str| engine.register(Register::new(name, password).source(campus(1)));
    for number in 0..SIZE {
        assert!(matches!(register("", PASSWORD), Err(RegisterError::Name(_))));
        assert!(matches!(register("grace", "short"), Err(RegisterError::Password(_))));
        match number % 2 {
            0 => assert!(matches!(register(NAME, PASSWORD), Err(RegisterError::Taken))),
            _ => drop(register(&format!("name{number}"), PASSWORD).unwrap()),
        }
    }
    assert!(matches!(register(NAME, PASSWORD), Err(RegisterError::Throttled { .. })));
    assert!(matches!(register("grace", PASSWORD), Err(RegisterError::Throttled { .. })));
    assert!(is_denied(&spray(&engine, campus(1), 0)), "guesses have a bucket of their own");
    assert!(engine.login(right(campus(1))).is_ok());
    clock.advance(REFILL);
    register("grace", PASSWORD).unwrap();
}

#[test]
fn without_a_source_nothing_is_slowed_by_it() {
    let engine = engine(&clock());
    for number in 0..=SIZE {
        let outcome = engine.login(Login::new(&format!("name{number}"), WRONG));
        assert!(matches!(outcome, Err(LoginError::Denied)), "{outcome:?}");
        assert!(matches!(engine.register(Register::new(NAME, PASSWORD)), Err(RegisterError::Taken)));
    }
}

/// PW-15: ten threads of one address would fill the queue of eight for good.
#[test]
fn pw_15_a_flood_from_one_source_does_not_keep_anothers_login_from_hashing() {
    let clock = clock();
    let hashing = Hashing { at_once: NonZeroUsize::MIN, queue: 8, ..Hashing::default() };
    let engine = builder(MemoryStore::new(), &clock).hashing(hashing).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let (is_over, turned_back) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for machine in 0..10 {
            let (engine, is_over, turned_back) = (&engine, &is_over, &turned_back);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    // Right ones, and so never slowed by source.
                    if let Err(LoginError::Fault(Fault::Busy)) = engine.login(right(campus(machine))) {
                        turned_back.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                    }
                }
            });
        }
        while turned_back.load(Ordering::SeqCst) < 10 {
            std::thread::yield_now();
        }
        let outcomes: Vec<_> = (0..20).map(|_| spray(&engine, address("192.0.2.1"), 1)).collect();
        is_over.store(true, Ordering::SeqCst);
        assert!(outcomes.iter().all(|o| matches!(o, Err(LoginError::Denied | LoginError::Throttled { .. }))));
        assert!(outcomes.iter().filter(|outcome| is_denied(outcome)).count() == 5, "{outcomes:?}");
    });
}
