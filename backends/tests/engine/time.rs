//! Time, as the engine goes by it: clocks that step back, and the purge.

use std::sync::Arc;
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::model::clock::ClockError;
use doorward::core::model::session::Gone;
use doorward::core::record::{Key, Kind};
use doorward::core::time::Timestamp;
use doorward::{AuthenticateError, Login, LoginError, ManualClock, Register};

use crate::support::engine::{NAME, PASSWORD, each_store, open_with_clock};
use crate::support::rows::dump;

const START: i64 = 1_700_000_000_000;
const WRONG: &str = "a wrong and improper password";
const HOUR: Duration = Duration::from_hours(1);

fn start() -> Timestamp {
    Timestamp::from_millis(START)
}

/// INV 19, 21, SE-6: what was over stays over, and no life grows.
#[test]
fn inv_19_inv_21_se_6_a_clock_set_back_extends_no_session() {
    for store in each_store() {
        let clock = ManualClock::at(start());
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        clock.advance(Duration::from_mins(30));
        let before = engine.authenticate(token.expose()).unwrap();
        let seen = dump(&*store.store);

        clock.set(start().saturating_sub(HOUR * 24 * 400));
        let after = engine.authenticate(token.expose()).unwrap();
        assert_eq!(after.seen_at, before.seen_at, "{}", store.name);
        assert_eq!(after.absolute_ends, before.absolute_ends);
        assert_eq!(dump(&*store.store), seen, "a step back is no activity");
        let made = engine.login(Login::new(NAME, PASSWORD)).unwrap().session;
        assert_eq!(made.created, before.seen_at, "a session is not made in the past");

        clock.set(start().saturating_add(Duration::from_mins(90)));
        let gone = |why| {
            let outcome = engine.authenticate(token.expose());
            assert!(matches!(outcome, Err(AuthenticateError::Gone(gone)) if gone == why), "{outcome:?}");
        };
        gone(Gone::Idle);
        clock.set(start());
        gone(Gone::Ended); // seen over, it was ended for good
    }
}

/// SE-5: live until a millisecond before its end, over at it.
#[test]
fn se_5_inv_18_idle_and_absolute_ends_to_the_millisecond() {
    let clock = ManualClock::at(start());
    let memory = each_store().remove(0);
    let engine = open_with_clock(memory.store, clock.clone());
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    for hour in 1..24_u32 {
        // INV 22: kept alive by use, to the last moment, but not beyond the absolute end.
        clock.set(
            start().saturating_add((HOUR * hour).saturating_sub(Duration::from_millis(u64::from(hour)))),
        );
        engine.authenticate(token.expose()).unwrap();
    }
    clock.set(start().saturating_add((HOUR * 24).saturating_sub(Duration::from_millis(24))));
    assert_eq!(
        engine.authenticate(token.expose()).unwrap().absolute_ends.as_millis(),
        START + 24 * 3_600_000
    );
    clock.set(start().saturating_add((HOUR * 24).saturating_sub(Duration::from_millis(1))));
    engine.authenticate(token.expose()).unwrap();
    clock.set(start().saturating_add(HOUR * 24));
    let outcome = engine.authenticate(token.expose());
    assert!(matches!(outcome, Err(AuthenticateError::Gone(Gone::Expired))), "{outcome:?}");
}

#[test]
fn inv_21_gu_2_a_clock_set_back_shortens_no_wait() {
    for store in each_store() {
        let clock = ManualClock::at(start());
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        for _ in 0..5 {
            assert!(matches!(engine.login(Login::new(NAME, WRONG)), Err(LoginError::Denied)));
        }
        let end = start().saturating_add(Duration::from_secs(30));
        let minutes = Duration::from_mins(5);
        for shown in [start(), start().saturating_sub(minutes), end.saturating_sub(Duration::from_millis(1))]
        {
            clock.set(shown);
            let outcome = engine.login(Login::new(NAME, PASSWORD));
            assert!(matches!(outcome, Err(LoginError::Throttled { until }) if until == end), "{outcome:?}");
            // Another process, whose clock never was at the later time, waits no less.
            let other = open_with_clock(Arc::clone(&store.store), clock.clone());
            let outcome = other.login(Login::new(NAME, PASSWORD));
            assert!(matches!(outcome, Err(LoginError::Throttled { until }) if until == end), "{outcome:?}");
        }
        clock.set(end);
        assert!(engine.login(Login::new(NAME, PASSWORD)).is_ok(), "{}", store.name);
    }
}

/// The purge takes what has been over for so long that no instance believes in it, nor in an access token of it.
#[test]
fn inv_15_a_purge_takes_the_dead_after_its_margin_and_never_the_living() {
    for store in each_store() {
        let clock = ManualClock::at(start());
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        let margin = engine.policy().purge_after();
        let slack = Duration::from_secs(5 + 2 * 2);
        let (token, set_back) = (Duration::from_mins(10), Duration::from_mins(5 + 1 + 1));
        assert_eq!(
            margin,
            token + slack + set_back,
            "a token's life and leeway, and all that clocks may differ by"
        );
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let idle = engine.login(Login::new(NAME, PASSWORD)).unwrap();
        engine.login(Login::new(NAME, WRONG)).unwrap_err();
        engine.login(Login::new("nobody", WRONG)).unwrap_err();
        clock.advance(Duration::from_mins(30));
        let live = engine.authenticate(idle.token.expose()).unwrap();
        assert_eq!(engine.purge(100).unwrap(), 0, "{}", store.name);

        // A session that was touched half an hour ago lives for half an hour yet.
        clock.set(start().saturating_add(HOUR + margin));
        assert_eq!(engine.purge(100).unwrap(), 0);
        let end = start().saturating_add(Duration::from_mins(90));
        clock.set(end.saturating_add(margin).saturating_sub(Duration::from_millis(1)));
        assert_eq!(engine.purge(100).unwrap(), 0, "an instance that is behind may still take it for live");
        clock.set(end.saturating_add(margin));
        assert_eq!(engine.purge(100).unwrap(), 1);
        assert!(!dump(&*store.store).rows.contains_key(&Key::Session(live.id)));

        // Throttles, and the counter of nobody; the account's own counter lasts.
        let forgotten = start().saturating_add(HOUR * 24 + margin);
        clock.set(forgotten.saturating_sub(Duration::from_millis(1)));
        assert_eq!(engine.purge(100).unwrap(), 0);
        clock.set(forgotten);
        assert_eq!(engine.purge(2).unwrap(), 2, "no more than the limit");
        assert_eq!(engine.purge(2).unwrap(), 1);
        assert_eq!(engine.purge(2).unwrap(), 0);
        let rest = dump(&*store.store);
        assert!(rest.has(Kind::Attempts) && !rest.has(Kind::Throttle), "{}", store.name);
        assert!(engine.login(Login::new(NAME, PASSWORD)).is_ok());
    }
}

/// A clock that shows no possible time breaks nothing; at the end of time every session is over as it begins.
#[test]
fn inv_23_the_extremes_of_time_neither_panic_nor_wrap() {
    for store in each_store() {
        let clock = ManualClock::at(Timestamp::from_millis(i64::MIN));
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        for millis in [i64::MIN, -1, 0, 1 << 53, i64::MAX] {
            clock.set(Timestamp::from_millis(millis));
            let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
            let lives = engine.authenticate(token.expose()).is_ok();
            assert_eq!(lives, millis != i64::MAX, "{}: {millis}", store.name);
            engine.logout(token.expose()).unwrap();
            // None of these follows from the one before.
            let purged = engine.purge(100);
            let refused = matches!(purged, Err(Fault::Clock(ClockError::Jumped { .. })));
            assert!(if millis == i64::MIN { purged.is_ok() } else { refused }, "{}: {millis}", store.name);
        }
    }
}
