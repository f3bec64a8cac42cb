//! Slowing by source, as a driver sees it: what is charged, what is due, and what one is told who is turned away.

use std::net::{IpAddr, Ipv4Addr};

use doorward_core::error::{Fault, Misuse};
use doorward_core::event::EventResult;
use doorward_core::machine::{Decide, Machine};
use doorward_core::model::source::Toll;
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::register::{Register, RegisterError};
use doorward_core::secret::Seed;
use doorward_core::time::Timestamp;

use crate::support::{Ask, RIGHT, START, WRONG, World, ask, environment};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const UNTIL: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn turned_away<O: Decide>(operation: O) -> Machine<O> {
    Machine::turned_away(operation, environment(), Seed::from_bytes([7; 32]), UNTIL)
}

#[test]
fn gu_5_who_is_turned_away_is_told_at_once_and_the_trail_too() {
    for name in ["ada", "nobody"] {
        let mut machine = turned_away(Login::new(name, RIGHT).source(SOURCE));
        assert!(machine.is_done());
        let Ask::Done(outcome, event) = ask(&mut machine) else { panic!("something is needed") };
        assert!(matches!(outcome.unwrap(), Err(LoginError::Throttled { until: UNTIL })));
        assert_eq!((event.operation, event.result), ("login", EventResult::Refused("throttled")));
        assert_eq!(
            (event.at, event.subject.source, event.subject.account),
            (START, Some(SOURCE.into()), None)
        );
        let again = ask(&mut machine).done();
        assert!(matches!(again, Err(Fault::Misuse(Misuse::Finished))), "told once");
    }
    let mut machine = turned_away(Register::new("ada", RIGHT).source(SOURCE));
    let Ask::Done(outcome, event) = ask(&mut machine) else { panic!("something is needed") };
    assert!(matches!(outcome.unwrap(), Err(RegisterError::Throttled { until: UNTIL })));
    assert_eq!((event.operation, event.result), ("register", EventResult::Refused("throttled")));
}

/// It is charged nothing; turned away all the same, it does nothing.
#[test]
fn an_operation_that_does_not_know_of_sources_fails_closed() {
    let operation = AfterRestore::new();
    assert_eq!(operation.toll(), None);
    assert!(operation.is_due(&()));
    let Ask::Done(outcome, event) = ask(&mut turned_away(operation)) else { panic!("something is needed") };
    assert!(matches!(outcome, Err(Fault::Busy)));
    assert_eq!(event.result, EventResult::Failed("busy"));
}

#[test]
fn only_what_can_be_a_guess_or_a_registration_is_charged_and_only_to_a_source() {
    let long = "x".repeat(4097);
    let guess = |name: &str, password: &str| Login::new(name, password).source(SOURCE).toll();
    assert!(matches!(guess("ada", WRONG), Some(Toll::Guess(_))));
    assert_eq!(guess("ada", WRONG), guess("bob", RIGHT));
    assert_eq!((guess("", WRONG), guess("ada", &long)), (None, None));
    let register = |name: &str, password: &str| Register::new(name, password).source(SOURCE).toll();
    assert!(matches!(register("ada", RIGHT), Some(Toll::Registration(_))));
    assert_eq!((register("", RIGHT), register("ada", &long)), (None, None));
    assert_eq!((Login::new("ada", WRONG).toll(), Register::new("ada", RIGHT).toll()), (None, None));
}

#[test]
fn wrong_guesses_registrations_and_taken_names_are_due_and_nothing_else() {
    let mut world = World::new();
    let login = Login::new("ada", RIGHT);
    let mut is_due = |name: &str, password: &str| {
        let outcome = world.run(Register::new(name, password)).unwrap();
        (Register::new(name, password).is_due(&outcome), outcome.is_ok())
    };
    assert_eq!(is_due("ada", RIGHT), (true, true));
    assert_eq!(is_due("Ada", RIGHT), (true, false), "taken");
    assert_eq!(is_due("bob", "short"), (false, false));
    assert_eq!(is_due("", RIGHT), (false, false));

    let logged_in = world.run(Login::new("ada", RIGHT)).unwrap();
    assert!(logged_in.is_ok() && !login.is_due(&logged_in));
    for name in ["ada", "nobody"] {
        for _ in 0..5 {
            let denied = world.run(Login::new(name, WRONG)).unwrap();
            assert!(matches!(denied, Err(LoginError::Denied)) && login.is_due(&denied));
        }
        let throttled = world.run(Login::new(name, RIGHT)).unwrap();
        assert!(matches!(throttled, Err(LoginError::Throttled { .. })) && !login.is_due(&throttled));
    }
    assert!(!login.is_due(&Err(LoginError::OtherAccount)));
}
