//! The modes in which a verification asks the store, or a view of its journal: what was ended here is refused here at once;
//! what was ended elsewhere, within the bound and not a call later; and nothing is accepted that nobody could know of.

use std::sync::Arc;
use std::time::Duration;

use doorward::core::id::{SessionId, Stamp};
use doorward::core::operation::logout::Logout;
use doorward::core::record::Key;
use doorward::core::store::{Batch, Durability, Ending, Store, Write};
use doorward::{Fault, RevocationMode, VerifyError};

use crate::support::endings::EVERY_ENDING;
use crate::support::modes::{
    ASKING, BOTH, BOUND, Deployment, Instance, Kind, MILLISECOND, REFUSING, UNTIL_EXPIRY, in_mode, issue,
    log_in,
};
use crate::support::tapped::{EVERY_TAP, Tap};

const WATCHED: [RevocationMode; 2] = [ASKING, REFUSING];

#[track_caller]
fn refused(what: &str, outcome: Result<Arc<doorward::Access>, VerifyError>) {
    // An unknown key, for those who replace the keys.
    let is_refused = matches!(outcome, Err(VerifyError::Gone(_) | VerifyError::Token(_)));
    assert!(is_refused, "{what}: {outcome:?}");
}

#[test]
fn inv_11_inv_12_inv_14_bound_refuses_at_once_here_and_elsewhere() {
    for ending in &EVERY_ENDING {
        for kind in BOTH {
            let all = Deployment::new(kind, RevocationMode::Bound);
            (ending.at)(&all, &all.here);
            refused(ending.name, all.here.verify(all.token()));
            refused(ending.name, all.there.verify(all.token()));
        }
    }
}

#[test]
fn inv_11_inv_12_inv_14_watched_refuses_its_own_endings_at_once() {
    for ending in &EVERY_ENDING {
        for (kind, mode) in BOTH.into_iter().zip(WATCHED) {
            let all = Deployment::new(kind, mode);
            (ending.at)(&all, &all.here);
            refused(ending.name, all.here.verify(all.token()));
        }
    }
}

/// By the first verification that reads on, which is that at half the bound.
#[test]
fn inv_11_inv_12_inv_14_watched_refuses_anothers_endings_within_the_bound() {
    for ending in &EVERY_ENDING {
        for (kind, mode) in BOTH.into_iter().zip(WATCHED) {
            for after in [BOUND / 2, BOUND.saturating_sub(MILLISECOND), BOUND, BOUND * 100] {
                let all = Deployment::new(kind, mode);
                (ending.at)(&all, &all.here);
                assert!(all.there.accepts(all.token()), "{}: it could not know", ending.name);
                all.there.clock.advance(after);
                refused(ending.name, all.there.verify(all.token()));
            }
        }
    }
}

/// The same where nothing is read in between: to the millisecond, counted from when the reading began.
#[test]
fn inv_11_the_bound_is_kept_to_the_millisecond_by_who_cannot_read() {
    for kind in BOTH {
        for (mode, taps) in [(REFUSING, &[Tap::Journal][..]), (ASKING, &EVERY_TAP)] {
            let all = Deployment::new(kind, mode);
            all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
            all.there.store.shut(taps);
            all.there.clock.advance(BOUND.saturating_sub(MILLISECOND));
            assert!(all.there.accepts(all.token()));
            all.there.clock.advance(MILLISECOND);
            let outcome = all.there.verify(all.token());
            assert!(matches!(outcome, Err(VerifyError::Stale | VerifyError::Fault(_))), "{outcome:?}");
        }
    }
}

#[test]
fn inv_11_a_fresh_view_needs_no_store_and_reads_on_once_at_half_the_bound() {
    let reading = [Tap::Journal, Tap::Keyring];
    for kind in BOTH {
        for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
            let all = Deployment::new(kind, mode);
            let verify = |times: usize| (0..times).all(|_| all.there.accepts(all.token()));
            for _ in 0..5 {
                assert!(verify(100));
                all.wait((BOUND / 2).saturating_sub(MILLISECOND));
                assert!(verify(100));
                assert_eq!(all.there.store.calls(), []);
                all.wait(MILLISECOND);
                assert!(verify(100));
                let calls = all.there.store.calls();
                assert!(calls == reading || mode == UNTIL_EXPIRY && calls == [Tap::Keyring], "{calls:?}");
            }
        }
    }
}

/// INV 17: whatever it is that cannot be read, a token is accepted to the bound and by no mode beyond it.
#[test]
fn inv_17_a_store_that_is_down_means_no_from_the_bound_on() {
    for kind in BOTH {
        for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
            let all = Deployment::new(kind, mode);
            all.there.store.shut(&EVERY_TAP);
            for millis in 0..4_000 {
                let outcome = all.there.verify(all.token());
                let is_right = match (Duration::from_millis(millis) < BOUND, mode) {
                    (true, _) => outcome.is_ok(),
                    (false, mode) if mode == ASKING => {
                        matches!(outcome, Err(VerifyError::Fault(Fault::Store(_))))
                    }
                    (false, _) => matches!(outcome, Err(VerifyError::Stale)),
                };
                assert!(is_right, "{mode:?} after {millis} ms: {outcome:?}");
                all.there.clock.advance(MILLISECOND);
            }
            // And from when it can be read again, it is.
            all.there.store.shut(&[]);
            assert!(all.there.accepts(all.token()));
        }
    }
}

/// A journal without its keyring is no view, and a keyring without its journal neither: who may ask the rows does.
#[test]
fn inv_17_half_a_reading_is_none() {
    for kind in BOTH {
        for tap in [Tap::Keyring, Tap::Journal] {
            let refusing = Deployment::new(kind, REFUSING);
            let asking = Deployment::new(kind, ASKING);
            for all in [&refusing, &asking] {
                all.there.store.shut(&[tap]);
                all.wait(BOUND);
            }
            assert!(matches!(refusing.there.verify(refusing.token()), Err(VerifyError::Stale)));
            assert!(asking.there.accepts(asking.token()), "the rows say that it lives");
            (EVERY_ENDING[0].at)(&asking, &asking.here);
            refused("asked", asking.there.verify(asking.token()));
        }
    }
}

/// The row is there to be read and is not: another state that means no.
#[test]
fn inv_17_a_keyring_that_is_gone_means_no_from_the_next_reading_on() {
    for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
        let all = Deployment::new(Kind::Blocking, mode);
        let mut batch = Batch::new(Stamp::from_bytes([9; 16]), Durability::Durable);
        batch.writes.push(Write::Delete { key: Key::Keyring });
        all.store.commit(&batch).unwrap();
        all.wait(BOUND);
        let outcome = all.there.verify(all.token());
        assert!(matches!(outcome, Err(VerifyError::Stale | VerifyError::Fault(_))), "{mode:?}: {outcome:?}");
    }
}

/// Somebody sets the clock: back, it makes no view younger; forwards, every view is old.
#[test]
fn inv_21_a_clock_that_is_set_stretches_no_bound() {
    for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
        let all = Deployment::new(Kind::Blocking, mode);
        all.there.store.shut(&EVERY_TAP);
        for hours in [1, 24, 1000] {
            all.there.clock.set(all.now().saturating_sub(Duration::from_hours(hours)));
        }
        assert!(all.there.accepts(all.token()));
        all.there.clock.advance(BOUND.saturating_sub(MILLISECOND));
        assert!(all.there.accepts(all.token()));
        all.there.clock.advance(MILLISECOND);
        assert!(!all.there.accepts(all.token()));
    }
    for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
        let all = Deployment::new(Kind::Blocking, mode);
        all.there.store.shut(&EVERY_TAP);
        // As a machine that slept finds it: the wall clock has run, the other stood still.
        all.there.clock.set(all.now().saturating_add(BOUND.saturating_sub(MILLISECOND)));
        assert!(all.there.accepts(all.token()));
        all.there.clock.set(all.now().saturating_add(BOUND));
        assert!(!all.there.accepts(all.token()));
        // Awake again, at what was the right time: it stays no until somebody has read.
        all.there.clock.set(all.now());
        assert!(!all.there.accepts(all.token()));
        all.there.store.shut(&[]);
        assert!(all.there.accepts(all.token()));
    }
}

/// A clock had been minutes ahead and was set right; then the machine slept. The engine's own time stood still until it was caught up
/// with, as did the monotonic clock, and its view was as fresh as before. A reader of this code found it.
#[test]
fn inv_21_a_machine_that_sleeps_after_its_clock_was_set_back_stretches_no_bound() {
    for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
        let all = Deployment::new(Kind::Blocking, mode);
        let right = all.now();
        all.there.clock.set(right.saturating_add(Duration::from_mins(5)));
        assert!(all.there.accepts(all.token()));
        all.there.clock.set(right);
        all.there.clock.advance(BOUND);
        assert!(all.there.accepts(all.token()), "it is read on at the right time");
        all.there.store.shut(&EVERY_TAP);
        assert!(all.there.accepts(all.token()));
        all.there.clock.set(right.saturating_add(BOUND * 2));
        assert!(!all.there.accepts(all.token()), "{mode:?}: nobody knows what was ended meanwhile");
    }
}

/// INV 15: what was ended before an engine began is not forgotten by its beginning, wherever in a long journal it stands.
#[test]
fn inv_15_a_restart_revives_nothing_that_a_long_journal_has_ended() {
    for kind in BOTH {
        for mode in WATCHED {
            let all = Deployment::new(kind, mode);
            let mut tokens = Vec::new();
            // The first entry, the last of the first page, the first of the next, and the very last.
            for others in [0, 998, 0, 1_500] {
                log_endings(&*all.store, others, all.now());
                let (session, _) = log_in(&all.here);
                tokens.push(issue(&all.here, &session).access);
                all.here.engine.run(Logout::new(session.expose())).unwrap().unwrap();
            }
            let again = Instance::open(kind, &all.store, in_mode(mode), all.now());
            for (at, token) in tokens.iter().enumerate() {
                refused(&format!("token {at}"), again.verify(token.expose()));
            }
            assert!(again.accepts(all.token()));
            let pages = again.store.calls().into_iter().filter(|tap| *tap == Tap::Journal).count();
            assert_eq!(pages, 3, "2502 entries are three pages, read once");
        }
    }
}

/// So many sessions, of nobody in particular, end.
fn log_endings(store: &dyn Store, count: u16, now: doorward::Timestamp) {
    let mut batch = Batch::new(Stamp::from_bytes([7; 16]), Durability::Durable);
    for n in 0..count {
        let [high, low] = n.to_be_bytes();
        let session = SessionId::from_bytes([high, low, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
        batch.journal.push(Ending::Session { session, until: now.saturating_add(Duration::from_hours(1)) });
    }
    store.commit(&batch).unwrap();
}
