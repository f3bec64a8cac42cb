//! A view of the journal and what happens while it is read: each race as one order of steps, taken in the middle of a call
//! of the store.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use doorward::core::id::Stamp;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::introspect::Introspect;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::mark_compromised::MarkCompromised;
use doorward::core::operation::revoke_token::RevokeToken;
use doorward::core::record::Key;
use doorward::core::store::{Batch, Commit, Durability, Ending, Store, Write};
use doorward::{
    EndSessionError, Ended, Issue, LogoutEverywhere, LogoutEverywhereError, RevocationMode, RotateKeys,
    Timestamp, TokenPolicy, VerifyError,
};

use crate::support::endings::EVERY_ENDING;
use crate::support::modes::{
    ASKING, AUDIENCE, BOTH, BOUND, Deployment, Instance, Kind, MILLISECOND, REFUSING, UNTIL_EXPIRY, in_mode,
    issue, log_in,
};
use crate::support::tapped::{Moment, Tap};

const WATCHED: [RevocationMode; 2] = [ASKING, REFUSING];

/// The page is in hand, and does not show what this engine ends now: once the ending is done, no verification rests on it.
#[test]
fn inv_11_a_reading_under_way_hides_no_ending_of_ones_own() {
    for ending in &EVERY_ENDING {
        for mode in WATCHED {
            for (tap, moment) in [
                (Tap::Keyring, Moment::Before),
                (Tap::Keyring, Moment::After),
                (Tap::Journal, Moment::Before),
                (Tap::Journal, Moment::After),
            ] {
                for after in [BOUND / 2, BOUND] {
                    let all = Arc::new(Deployment::new(Kind::Blocking, mode));
                    all.wait(after);
                    let (inner, at) = (Arc::clone(&all), ending.at);
                    all.here.store.step_in(tap, moment, move || at(&inner, &inner.here));
                    // It began before the ending was done: either answer is right.
                    let _ = all.here.verify(all.token());
                    assert!(all.here.store.is_idle());
                    let outcome = all.here.verify(all.token());
                    let is_refused = matches!(outcome, Err(VerifyError::Gone(_) | VerifyError::Token(_)));
                    assert!(is_refused, "{} at {tap:?} {moment:?}: {outcome:?}", ending.name);
                }
            }
        }
    }
}

/// Two read at once: each learns its page from where the view stands, and neither undoes what the other has learned.
#[test]
fn inv_15_of_two_that_read_at_once_neither_revives_what_the_other_knows_to_be_over() {
    for ending in &EVERY_ENDING {
        for mode in WATCHED {
            for (tap, moment) in [(Tap::Keyring, Moment::After), (Tap::Journal, Moment::After)] {
                let all = Arc::new(Deployment::new(Kind::Blocking, mode));
                all.wait(BOUND);
                let (inner, at) = (Arc::clone(&all), ending.at);
                all.there.store.step_in(tap, moment, move || {
                    at(&inner, &inner.here);
                    assert!(!inner.there.accepts(inner.token()), "it has begun after the ending");
                });
                let _ = all.there.verify(all.token());
                assert!(all.there.store.is_idle());
                let outcome = all.there.verify(all.token());
                assert!(
                    outcome.is_err(),
                    "{} at {tap:?}: refused, and accepted again: {outcome:?}",
                    ending.name
                );
            }
        }
    }
}

/// The session was ended elsewhere, a moment ago, or by a commit of this very call whose answer was lost: who is told that
/// it is over is not let in here.
#[test]
fn inv_11_what_is_said_to_be_gone_already_is_refused_at_once() {
    for kind in BOTH {
        for mode in WATCHED {
            let all = Deployment::new(kind, mode);
            let logout = |at: &Instance| at.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
            assert_eq!(logout(&all.here).ended, Ended::Ended);
            assert_eq!(logout(&all.there).ended, Ended::AlreadyGone);
            assert!(!all.there.accepts(all.token()), "logout");

            let all = Deployment::new(kind, mode);
            let end = |at: &Instance| at.engine.run(EndSession::new(all.ada, all.id)).unwrap();
            assert!(end(&all.here).is_ok());
            assert!(matches!(end(&all.there), Err(EndSessionError::NotFound)));
            assert!(!all.there.accepts(all.token()), "end_session");

            let all = Deployment::new(kind, mode);
            let revoke =
                |at: &Instance| at.engine.run(RevokeToken::new(all.token(), "web")).unwrap().unwrap();
            assert_eq!(revoke(&all.here), Ended::Ended);
            assert_eq!(revoke(&all.there), Ended::AlreadyGone);
            assert!(!all.there.accepts(all.token()), "revoke_token");

            // No such account, says whoever looks for it now.
            let all = Deployment::new(kind, mode);
            let run = |at: &Instance| at.engine.run(DeleteAccount::new(all.ada)).unwrap();
            assert!(run(&all.here).is_ok());
            let everywhere = all.there.engine.run(LogoutEverywhere::new(all.ada)).unwrap();
            assert!(matches!(everywhere, Err(LogoutEverywhereError::NoAccount)));
            assert!(!all.there.accepts(all.token()), "delete_account");
        }
    }
}

/// A client hangs up while its logout is on its way, and logs out once more: what the first one did was heard by nobody.
#[test]
fn inv_11_a_logout_whose_future_was_dropped_and_that_landed_is_known_to_the_next() {
    for mode in WATCHED {
        let all = Deployment::new(Kind::Asynchronous, mode);
        let engine = all.here.engine.asynchronous();
        {
            let mut logout = pin!(engine.run(Logout::new(all.session.expose())));
            all.here.store.hold(&[Tap::Commit]);
            assert!(logout.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        all.here.store.hold(&[]);
        // As a store may do it that has its own threads: the batch lands when nobody waits any more.
        all.there.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
        let receipt = all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
        assert_eq!(receipt.ended, Ended::AlreadyGone);
        assert!(!all.here.accepts(all.token()));
    }
}

/// An engine that ends sessions all the time goes on accepting others: what it ends while it reads makes the reading no older
/// than the verification is.
#[test]
fn inv_11_endings_while_it_reads_are_no_reason_to_refuse_others() {
    for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
        let all = Arc::new(Deployment::new(Kind::Blocking, mode));
        for (tap, moment) in [(Tap::Keyring, Moment::Before), (Tap::Journal, Moment::After)] {
            let (other, _) = log_in(&all.here);
            all.wait(BOUND);
            let inner = Arc::clone(&all);
            all.here.store.step_in(
                if mode == UNTIL_EXPIRY { Tap::Keyring } else { tap },
                moment,
                move || {
                    inner.here.engine.run(Logout::new(other.expose())).unwrap().unwrap();
                },
            );
            let outcome = all.here.verify(all.token());
            assert!(all.here.store.is_idle());
            assert!(outcome.is_ok(), "{mode:?} at {tap:?}: {outcome:?}");
        }
    }
}

/// The turn to read on at half the bound is given back by who hangs up, and held up by who does not: until the bound.
#[test]
fn inv_11_a_verification_that_is_dropped_gives_its_turn_back() {
    for mode in WATCHED {
        for held in [Tap::Keyring, Tap::Journal] {
            let all = Deployment::new(Kind::Asynchronous, mode);
            let engine = all.here.engine.asynchronous();
            all.wait(BOUND / 2);
            all.here.store.hold(&[held]);
            let mut slow = Box::pin(engine.verify(all.token(), AUDIENCE));
            assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            all.here.store.hold(&[]);
            all.here.store.calls();
            assert!(all.here.accepts(all.token()));
            assert_eq!(all.here.store.calls(), [], "somebody reads already");
            drop(slow);
            assert!(all.here.accepts(all.token()));
            assert_eq!(all.here.store.calls(), [Tap::Journal, Tap::Keyring]);

            all.wait(BOUND / 2);
            all.here.store.hold(&[held]);
            let mut slow = Box::pin(engine.verify(all.token(), AUDIENCE));
            assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            all.here.store.hold(&[]);
            (EVERY_ENDING[0].at)(&all, &all.there);
            all.wait(BOUND / 2);
            assert!(!all.here.accepts(all.token()), "beyond the bound nobody waits for who reads");
            // And who has waited for so long knows it, too.
            let outcome = crate::support::block_on::block_on(slow);
            assert!(outcome.is_err(), "{outcome:?}");
        }
    }
}

/// The story: another instance had marked a password, and so ended its sessions. This one was to do the same, found the mark there, and
/// said that all are over; it accepted their tokens until it next read the journal.
#[test]
fn inv_11_inv_14_who_finds_a_password_marked_knows_that_its_sessions_are_over() {
    for mode in WATCHED {
        let all = Deployment::new(Kind::Blocking, mode);
        assert!(all.here.accepts(all.token()));
        for instance in [&all.there, &all.here] {
            instance.engine.run(MarkCompromised::new(all.ada)).unwrap().unwrap();
        }
        assert!(!all.here.accepts(all.token()), "{mode:?}");
    }
}

/// A verification could not read the journal, asked the store, and said that the token is over. A reading that had begun before that
/// ended after it, without it: the next verification let the token in. A reader of this code found it.
#[test]
fn inv_15_what_the_store_was_asked_about_is_over_for_a_reading_under_way_too() {
    let all = Arc::new(Deployment::new(Kind::Blocking, ASKING));
    let (session, _) = log_in(&all.here);
    let ended = Arc::new(issue(&all.here, &session));
    all.wait(BOUND);
    let (inner, token) = (Arc::clone(&all), Arc::clone(&ended));
    all.there.store.step_in(Tap::Journal, Moment::After, move || {
        inner.here.engine.run(Logout::new(session.expose())).unwrap().unwrap();
        inner.there.store.shut(&[Tap::Journal]);
        assert!(!inner.there.accepts(token.access.expose()), "the store says so");
        inner.there.store.shut(&[]);
    });
    assert!(all.there.accepts(all.token()));
    assert!(all.there.store.is_idle());
    assert!(!all.there.accepts(ended.access.expose()), "it was said to be over");
}

/// The same engine called a token inactive and then verified it: it had asked the store the first time, and its view the second.
#[test]
fn inv_15_what_is_introspected_as_inactive_is_verified_no_more() {
    for mode in WATCHED {
        let all = Deployment::new(Kind::Blocking, mode);
        let (session, _) = log_in(&all.here);
        let ended = issue(&all.here, &session);
        assert!(all.there.accepts(ended.access.expose()));
        all.here.engine.run(Logout::new(session.expose())).unwrap().unwrap();
        assert!(all.there.accepts(ended.access.expose()), "nobody has told it yet");
        assert!(!all.there.engine.run(Introspect::new(ended.access.expose())).unwrap().is_active());
        assert!(!all.there.accepts(ended.access.expose()));
    }
}

/// Every epoch was raised elsewhere, and new tokens were granted under the new ones: whoever had not heard of that called them revoked
/// until it read on, `UntilExpiry` for as long as it takes keys to be.
#[test]
fn inv_17_a_token_that_is_newer_than_the_view_is_not_called_revoked() {
    for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
        let all = Deployment::new(Kind::Blocking, mode);
        assert!(all.there.accepts(all.token()));
        let mut batch = Batch::new(Stamp::from_bytes([7; 16]), Durability::Durable);
        batch.writes.push(Write::Raise { key: Key::Keyring });
        batch.journal.push(Ending::Epoch { key: Key::Keyring, until: Timestamp::MAX });
        assert_eq!(all.store.commit(&batch).unwrap(), Commit::Applied);
        let new = issue(&all.here, &log_in(&all.here).0);
        let verified = all.there.verify(new.access.expose());
        assert!(verified.is_ok(), "{mode:?}: {verified:?}");
        assert!(!all.there.accepts(all.token()), "it is from before");
        let _ = all.there.store.calls();
        assert!(all.there.accepts(new.access.expose()));
        assert!(all.there.store.calls().is_empty(), "it is read on once");
    }
}

/// The wall clock was set forward while the journal was read: the view was too old at once, and it was said that nobody knows,
/// though the store was there to be asked again.
#[test]
fn inv_17_a_clock_that_is_set_during_a_reading_is_no_reason_to_refuse() {
    for mode in [REFUSING, UNTIL_EXPIRY] {
        let all = Arc::new(Deployment::new(Kind::Blocking, mode));
        all.wait(BOUND / 2);
        let inner = Arc::clone(&all);
        all.there.store.step_in(Tap::Keyring, Moment::After, move || {
            inner.there.clock.set(inner.now().saturating_add(BOUND));
        });
        let verified = all.there.verify(all.token());
        assert!(all.there.store.is_idle());
        assert!(verified.is_ok(), "{mode:?}: {verified:?}");
    }
}

/// A simulated service found the store in order and said that it is not known whether a token is good: the keyring that its reading
/// had in hand was from before a rotation that another reading, begun later, had already seen, and it threw away what that had read.
#[test]
fn inv_17_a_keyring_that_comes_late_is_no_reason_to_refuse() {
    for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
        for (early, late) in [(BOUND / 2, BOUND / 2), (BOUND, Duration::ZERO)] {
            let all = Arc::new(Deployment::new(Kind::Blocking, mode));
            all.wait(early);
            let inner = Arc::clone(&all);
            all.there.store.step_in(Tap::Keyring, Moment::After, move || {
                inner.here.engine.run(RotateKeys::new()).unwrap().unwrap();
                inner.wait(late);
                assert!(inner.there.accepts(inner.token()));
            });
            let outcome = all.there.verify(all.token());
            assert!(all.there.store.is_idle());
            assert!(outcome.is_ok(), "{mode:?}: {outcome:?}");
            let _ = all.there.store.calls();
            assert!(all.there.accepts(all.token()));
            assert!(all.there.store.calls().is_empty(), "what was read later counts");
        }
    }
}

/// A deployment goes from tokens of a day to tokens of ten minutes. Those of a day outlive what the view remembers, by the
/// new policy, of what was ended: they are not its to accept.
#[test]
fn inv_15_a_shorter_token_life_makes_no_ending_forgotten() {
    for mode in WATCHED {
        let long = TokenPolicy { lifetime: Duration::from_mins(50), ..in_mode(mode) };
        let all = Deployment::with(Kind::Blocking, long);
        let live = issue(&all.here, &log_in(&all.here).0);
        all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
        let again = Instance::open(Kind::Blocking, &all.store, in_mode(mode), all.now());
        for _ in 0..45 {
            assert!(!again.accepts(all.token()), "it was ended");
            // Where rows may be asked they are; else it is not known.
            assert_eq!(again.accepts(live.access.expose()), mode == ASKING);
            again.clock.advance(Duration::from_mins(1));
        }
    }
}

/// The same for one token that was revoked: its row remembers it to its own end.
#[test]
fn inv_15_rv_5_a_shorter_token_life_makes_no_revoked_token_forgotten() {
    let tokens =
        |minutes| TokenPolicy { lifetime: Duration::from_mins(minutes), ..in_mode(RevocationMode::Bound) };
    let all = Deployment::with(Kind::Blocking, tokens(50));
    let again = Instance::open(Kind::Blocking, &all.store, tokens(10), all.now());
    let plain = |at: &Instance| {
        at.engine.run(Issue::new(all.session.expose(), "web", AUDIENCE)).unwrap().unwrap().access
    };
    let revoke = |token: &str| again.engine.run(RevokeToken::new(token, "web")).unwrap().unwrap();
    let long = plain(&all.here);
    assert_eq!(revoke(long.expose()), Ended::Ended);
    for _ in 0..4 {
        all.wait(Duration::from_mins(11));
        again.clock.advance(Duration::from_mins(11));
        assert_eq!(revoke(plain(&again).expose()), Ended::Ended, "which makes room for itself");
        assert!(!again.accepts(long.expose()));
    }
}

/// INV 36: a key that is new is known when it is used, if the policy gives it time to be heard of.
#[test]
fn inv_36_a_rotation_elsewhere_is_known_before_the_key_signs() {
    for kind in BOTH {
        for mode in [ASKING, REFUSING, UNTIL_EXPIRY] {
            let overlap = BOUND;
            let all = Deployment::with(kind, TokenPolicy { overlap, ..in_mode(mode) });
            let rotated = all.here.engine.run(RotateKeys::new()).unwrap().unwrap();
            assert!(rotated.is_new);
            all.wait(overlap.saturating_sub(MILLISECOND));
            assert!(all.there.accepts(issue(&all.here, &all.session).access.expose()));
            all.wait(MILLISECOND);
            assert_eq!(all.now(), rotated.active_from);
            assert!(all.there.accepts(issue(&all.here, &all.session).access.expose()));
            assert!(all.there.accepts(all.token()), "and the key before it is not gone");
        }
    }
}

/// Many threads verify, in two engines, while a third thread ends: from when an ending is said to be done, no verification
/// that begins in its engine accepts.
#[test]
fn inv_11_threads_never_accept_here_what_was_said_to_be_over() {
    let all = Deployment::new(Kind::Blocking, REFUSING);
    let is_over = AtomicBool::new(false);
    for round in 0..20 {
        is_over.store(false, Ordering::SeqCst);
        let (session, _) = log_in(&all.here);
        let token = issue(&all.here, &session).access;
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (is_over, token, here) = (&is_over, token.expose(), &all.here);
                scope.spawn(move || {
                    loop {
                        let knew = is_over.load(Ordering::SeqCst);
                        let outcome = here.verify(token);
                        match outcome {
                            Ok(_) => assert!(!knew, "round {round}: accepted after its logout"),
                            Err(VerifyError::Gone(_)) => break,
                            other => panic!("round {round}: {other:?}"),
                        }
                    }
                });
            }
            all.here.engine.run(Logout::new(session.expose())).unwrap().unwrap();
            is_over.store(true, Ordering::SeqCst);
        });
    }
}
