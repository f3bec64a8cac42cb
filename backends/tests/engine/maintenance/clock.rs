//! The clock's mark across restarts, and purges that a wrong clock cannot misuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward::core::error::{Fault, StoreError, StoreErrorKind};
use doorward::core::model::clock::ClockError;
use doorward::core::model::session::Lifetime;
use doorward::core::record::Kind;
use doorward::events::EventQueue;
use doorward::{EventResult, Login, ManualClock, OpenError, Register};

use super::stage::{DAY, Disturbed, MINUTE, builder, crowd, on_file, start};

use crate::support::engine::{NAME, PASSWORD, each_store};
use crate::support::rows::dump;

/// INV 19, 20: across restarts, on a file.
#[test]
fn inv_19_inv_20_a_restart_with_an_earlier_clock_brings_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, clock) = (folder.path().join("auth.db"), ManualClock::at(start()));
    let engine = on_file(&path, &clock).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let web = engine.login(Login::new(NAME, PASSWORD)).unwrap();
    let device = engine.login(Login::new(NAME, PASSWORD).lifetime(Lifetime::Device)).unwrap();
    // It is over, a minute before the mark, and nobody looked at it.
    clock.set(web.session.idle_ends.saturating_add(MINUTE));
    engine.maintain().unwrap();
    let mark = engine.now();
    drop(engine);

    for (behind, opens) in
        [(MINUTE * 5, true), (MINUTE * 5 + Duration::from_millis(1), false), (DAY * 400, false)]
    {
        clock.set(mark.saturating_sub(behind));
        match on_file(&path, &clock).open() {
            Ok(engine) => {
                assert!(opens);
                assert_eq!(engine.now(), mark, "its time begins at the mark");
                assert!(engine.authenticate(device.token.expose()).is_ok());
                assert!(engine.authenticate(web.token.expose()).is_err());
            }
            Err(OpenError::Clock(ClockError::Behind { mark: seen, now })) => {
                assert_eq!((opens, seen, now), (false, mark, mark.saturating_sub(behind)));
            }
            other => panic!("{other:?}"),
        }
    }

    clock.set(start());
    let engine = on_file(&path, &clock).trust_clock().open().unwrap();
    assert_eq!(engine.now(), start());
    for token in [&web.token, &device.token] {
        assert!(engine.authenticate(token.expose()).is_err(), "all that was granted is over");
    }
    let fresh = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    drop(engine);
    let engine = on_file(&path, &clock).trust_clock().open().unwrap();
    assert!(engine.authenticate(fresh.expose()).is_ok(), "trust ends nothing where nobody doubts");
}

/// INV 21: a clock that jumps ahead makes nobody's rows purgeable.
#[test]
fn inv_21_a_clock_that_jumps_ahead_purges_nothing_until_it_is_trusted() {
    for store in each_store() {
        let clock = ManualClock::at(start());
        let open = || builder(Arc::clone(&store.store), &clock);
        let engine = open().open().unwrap();
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        engine.login(Login::new(NAME, PASSWORD)).unwrap();
        crowd(&*store.store, ada, 10, start().saturating_add(DAY));
        clock.advance(DAY * 31);
        let sessions = || dump(&*store.store).rows.keys().filter(|key| key.kind() == Kind::Session).count();
        for engine in [&engine, &open().open().unwrap()] {
            for refused in [engine.purge(100).unwrap_err(), engine.maintain().unwrap_err()] {
                let Fault::Clock(ClockError::Jumped { mark, now }) = refused else { panic!("{refused:?}") };
                assert_eq!((mark, now), (start(), engine.now()));
            }
            assert_eq!(sessions(), 11, "{}", store.name);
            let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
            engine.logout(token.expose()).unwrap();
        }
        let trusting = open().trust_clock().open().unwrap();
        assert!(trusting.maintain().unwrap().purged >= 11);
        assert_eq!((sessions(), engine.purge(100).unwrap()), (0, 0));
    }
}

/// Another instance's clock is far ahead: maintenance here says so, and everything else goes on.
#[test]
fn inv_20_a_mark_of_another_instance_that_is_far_ahead_is_a_typed_error() {
    for store in each_store() {
        let open = |minutes| {
            let clock = ManualClock::at(start().saturating_add(MINUTE * minutes));
            builder(Arc::clone(&store.store), &clock).open().unwrap()
        };
        let (here, near, far) = (open(0), open(5), open(6));
        assert!(near.maintain().is_ok() && far.maintain().is_ok());
        let refused = here.maintain();
        assert!(matches!(refused, Err(Fault::Clock(ClockError::Behind { .. }))), "{refused:?}");
        here.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = here.login(Login::new(NAME, PASSWORD)).unwrap().token;
        assert!(far.authenticate(token.expose()).is_ok() && here.authenticate(token.expose()).is_ok());
    }
}

/// The clock was asked again for the purge, after the tick had found that it could be right: one that jumped in between
/// purged sessions that still lived.
#[test]
fn inv_21_a_clock_that_jumps_once_it_was_checked_purges_nothing() {
    for by_maintenance in [true, false] {
        let clock = ManualClock::at(start());
        let (jumping, jumps) = (clock.clone(), Arc::new(AtomicBool::new(false)));
        let armed = Arc::clone(&jumps);
        let store = Disturbed::new(move |call, _| {
            if call == "commit" && armed.swap(false, Ordering::SeqCst) {
                jumping.advance(DAY * 365);
            }
            Ok(())
        });
        let rows = Arc::clone(&store.store);
        let engine = builder(store, &clock).open().unwrap();
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        engine.login(Login::new(NAME, PASSWORD)).unwrap();
        clock.advance(MINUTE * 2);
        jumps.store(true, Ordering::SeqCst);
        let purged =
            if by_maintenance { engine.maintain().unwrap().purged } else { engine.purge(1_000).unwrap() };
        assert!(!jumps.load(Ordering::SeqCst), "it jumped");
        assert_eq!(purged, 0);
        assert!(dump(&*rows).has(Kind::Session));
    }
}

/// A purge that failed was told to nobody but its caller: the trail had the success of its look at the clock, and no more.
#[test]
fn rv_8_a_purge_is_told_and_so_is_one_that_fails() {
    let (is_broken, queue) = (Arc::new(AtomicBool::new(false)), EventQueue::new(10));
    let broken = Arc::clone(&is_broken);
    let store = Disturbed::new(move |call, _| match call {
        "purge" if broken.load(Ordering::SeqCst) => Err(StoreError::new(StoreErrorKind::Retryable, "broken")),
        _ => Ok(()),
    });
    let engine = builder(store, &ManualClock::at(start())).events(queue.sink()).open().unwrap();
    let told = || {
        let _ = engine.purge(1);
        let events = queue.drain();
        events.last().map(|event| (event.operation, event.result))
    };
    assert_eq!(told(), Some(("purge", EventResult::Success)));
    is_broken.store(true, Ordering::SeqCst);
    assert_eq!(told(), Some(("purge", EventResult::Failed("store"))));
}
