//! What was ended stays so for as long as a token from before could be accepted anywhere: by whoever starts later, by whose
//! clock is behind or was set back; also where a session, or all of a deployment's, were made shorter than a token's life.

use std::sync::Arc;
use std::time::Duration;

use doorward::core::model::session::{Lifetime, Span};
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::logout::{Ended, Logout};
use doorward::core::operation::revoke_token::{RevokeToken, RevokeTokenError};
use doorward::core::operation::session_data::UpdateSessionData;
use doorward::core::record::{Key, Record};
use doorward::core::time::Timestamp;
use doorward::{AccessToken, Engine, Issue, ManualClock, MasterKey, Policy, RevocationMode, TokenPolicy};

use crate::support::endings::EVERY_ENDING;
use crate::support::modes::{
    ASKING, AUDIENCE, BOUND, Deployment, Either, Instance, Kind, MILLISECOND, REFUSING, UNTIL_EXPIRY,
    in_mode, issue, log_in,
};
use crate::support::remembered::cheapest;
use crate::support::tapped::{Tap, Tapped};

const WATCHED: [RevocationMode; 2] = [ASKING, REFUSING];
const LEEWAY: Duration = Duration::from_secs(5);
const SKEW: Duration = Duration::from_secs(2);
/// `max_clock_regression` and `touch_every`.
const SET_BACK: Duration = Duration::from_mins(6);

/// A host shortened a session, and its person logged out. The journal told of that until the shortened end, and the next
/// maintenance took it away: a process that started then, or had been idle, accepted the session's tokens to their end.
#[test]
fn inv_11_inv_15_what_ended_a_shortened_session_is_told_for_as_long_as_its_tokens_live() {
    for ending in &EVERY_ENDING {
        for mode in WATCHED {
            let all = Deployment::new(Kind::Blocking, mode);
            shorten(&all, Duration::from_secs(1));
            (ending.at)(&all, &all.here);
            is_refused_by_all_who_come_later(&all, &all.here, mode, ending.name);
        }
    }
}

/// The story: a host shortened a session, and maintenance took its row soon after its end. Whoever logged it out then, or revoked its
/// tokens, was told that they were gone already; nothing was journaled, and the tokens were accepted to their end.
#[test]
fn inv_11_inv_15_rv_5_a_shortened_session_is_there_to_be_ended_for_as_long_as_its_tokens_live() {
    let second = Duration::from_secs(1);
    let last = (Duration::from_mins(10) + LEEWAY).saturating_sub(MILLISECOND + BOUND);
    // By every clock over; so long that the mark says so, too; at the last moment, but for what the others may lag behind.
    for late in [second + SKEW * 2 + LEEWAY, second + SET_BACK + SKEW * 2, last] {
        let endings = EVERY_ENDING.iter().filter(|ending| OF_WHAT_IS_OVER.contains(&ending.name));
        assert_eq!(endings.clone().count(), OF_WHAT_IS_OVER.len());
        for ending in endings {
            for mode in WATCHED {
                let all = Deployment::new(Kind::Blocking, mode);
                shorten(&all, second);
                all.wait(late);
                all.here.engine.blocking().maintain().unwrap();
                assert!(all.there.accepts(all.token()), "it was shortened, and nobody has ended it");
                (ending.at)(&all, &all.here);
                all.wait(BOUND);
                for instance in [&all.here, &all.there] {
                    assert!(!instance.accepts(all.token()), "{}, {late:?}, {mode:?}", ending.name);
                }
            }
        }
    }
}

/// Those of `EVERY_ENDING` that ask nothing of a session but that it is there.
const OF_WHAT_IS_OVER: [&str; 5] = [
    "logout",
    "end_session",
    "revoke_token of the access token",
    "revoke_token of the refresh token",
    "a login in its place",
];

/// Sessions of a minute were deployed; those from before lived as long as they were made for. When all of an account's were
/// ended, the journal told of it for a minute: a process that started then accepted their tokens to their end.
#[test]
fn inv_12_inv_14_inv_15_what_ended_all_sessions_is_told_for_as_long_as_tokens_from_before_live() {
    let minute = Span { idle: Duration::from_mins(1), absolute: Duration::from_mins(1) };
    for ending in &EVERY_ENDING {
        for mode in WATCHED {
            let all = Deployment::new(Kind::Blocking, mode);
            let deployed = deployed(&all, mode, minute);
            (ending.at)(&all, &deployed);
            is_refused_by_all_who_come_later(&all, &deployed, mode, ending.name);
        }
    }
}

/// A host shortened a session to a minute, and its person logged out. The receipt said that no token is accepted after that
/// minute; they were accepted to their end.
#[test]
fn inv_11_the_receipt_of_a_shortened_session_says_when_its_tokens_die() {
    for by_id in [false, true] {
        let all = Deployment::new(Kind::Blocking, UNTIL_EXPIRY);
        shorten(&all, Duration::from_mins(1));
        let receipt = if by_id {
            all.here.engine.run(EndSession::new(all.ada, all.id)).unwrap().unwrap()
        } else {
            all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap()
        };
        assert_eq!(receipt.access_dies_at, Some(all.issued.expires.saturating_add(LEEWAY + SKEW * 2)));
        all.wait(receipt.others_lag.saturating_sub(SKEW * 2 + MILLISECOND));
        assert!(all.there.accepts(all.token()), "to its end, as this mode has it");
        all.wait(MILLISECOND);
        assert!(!all.there.accepts(all.token()));
    }
}

/// A client revoked an access token which was over by the clock of the instance that it asked. "Already gone" was the answer,
/// nothing was written, and an instance whose clock was behind by the declared skew accepted the token; as did one whose clock
/// was set back across a restart.
#[test]
fn inv_11_inv_15_rv_5_a_token_that_is_over_here_is_revoked_for_whoever_is_behind() {
    let hour = Duration::from_hours(1);
    let ends_by_itself = (TokenPolicy::default(), Duration::from_mins(10) + LEEWAY);
    let ends_with_its_session = (TokenPolicy { lifetime: hour * 24, ..TokenPolicy::default() }, hour);
    for (tokens, over) in [ends_by_itself, ends_with_its_session] {
        // At once; within the declared skew; within what a clock may be set back.
        for late in [0, 1, 359].map(Duration::from_secs) {
            let all = Deployment::with(Kind::Blocking, tokens.clone());
            all.wait(over + late);
            let then = all.now().saturating_sub(late + MILLISECOND);
            let behind = Instance::open(Kind::Blocking, &all.store, tokens.clone(), then);
            assert!(behind.accepts(all.token()));
            let revoke = || all.here.engine.run(RevokeToken::new(all.token(), "web")).unwrap().unwrap();
            assert_eq!(revoke(), Ended::Ended);
            assert!(!all.here.accepts(all.token()) && !behind.accepts(all.token()));
            assert_eq!(revoke(), Ended::AlreadyGone);
        }
        // Where no clock finds it alive, and the mark says so, nothing is written of it; of its session, that it is over.
        let is_over_by_session = tokens.lifetime > over;
        let all = Deployment::with(Kind::Blocking, tokens);
        all.wait(over + SKEW * 2 + SET_BACK);
        all.here.engine.blocking().maintain().unwrap();
        let _of_maintenance = all.here.store.calls();
        let said = all.here.engine.run(RevokeToken::new(all.token(), "web")).unwrap().unwrap();
        let calls = if is_over_by_session { vec![Tap::Rows, Tap::Commit] } else { vec![Tap::Rows] };
        assert_eq!((said, all.here.store.calls()), (Ended::AlreadyGone, calls));
    }
}

/// The story: a machine's clock was four minutes fast, and was set right across a restart. A session of the minutes in between was
/// logged out; its tokens had been made later than it was by then, and outlived what the receipt said.
#[test]
fn inv_11_a_receipt_reckons_with_tokens_from_before_the_clock_was_set_back() {
    let minutes = Duration::from_mins(4);
    for by_id in [false, true] {
        let all = Deployment::new(Kind::Blocking, UNTIL_EXPIRY);
        let begun = all.now();
        all.wait(minutes);
        let (session, id) = log_in(&all.here);
        let issued = issue(&all.here, &session);
        let restarted = Instance::open(Kind::Blocking, &all.store, in_mode(UNTIL_EXPIRY), begun);
        let receipt = if by_id {
            restarted.engine.run(EndSession::new(all.ada, id)).unwrap().unwrap()
        } else {
            restarted.engine.run(Logout::new(session.expose())).unwrap().unwrap()
        };
        let dies = receipt.access_dies_at.unwrap();
        assert!(restarted.accepts(issued.access.expose()), "in this mode");
        assert!(dies >= issued.expires.saturating_add(LEEWAY), "{dies:?}, {:?}", issued.expires);
    }
}

/// The story: the same, of a session that was shortened, in a deployment that reads the journal. What was told of its end was
/// reckoned from when it was ended, and was gone while a clock that was set back once more found its tokens alive.
#[test]
fn inv_15_inv_20_what_ended_a_session_is_told_for_as_long_as_tokens_that_were_made_later() {
    let sure = Duration::from_secs;
    for mode in WATCHED {
        let all = Deployment::new(Kind::Blocking, mode);
        let begun = all.now();
        all.wait(sure(290));
        let (session, _) = log_in(&all.here);
        let issued = issue(&all.here, &session);
        let short = UpdateSessionData::new(session.expose(), b"").lifetime(sure(10));
        all.here.engine.run(short).unwrap().unwrap();
        let restarted = Instance::open(Kind::Blocking, &all.store, in_mode(mode), begun);
        restarted.engine.run(Logout::new(session.expose())).unwrap().unwrap();
        // The clock is right again.
        all.wait(sure(859 - 290));
        all.here.engine.blocking().maintain().unwrap();
        all.wait(sure(59));
        all.here.engine.blocking().maintain().unwrap();
        let back = begun.saturating_add(sure(859));
        let once_more = Instance::open(Kind::Blocking, &all.store, in_mode(mode), back);
        assert!(!once_more.accepts(issued.access.expose()), "{mode:?}");
    }
}

/// The story: a clock was set back across a restart, and a session from before was shortened by it. When that was purged, the mark was
/// behind by almost as much as it may be, and a second restart began there: its tokens were alive, and there was nothing to log out.
#[test]
fn inv_11_inv_15_inv_20_a_shortened_session_is_there_to_be_ended_after_a_clock_was_set_back_twice() {
    let sure = Duration::from_secs;
    for mode in WATCHED {
        let all = Deployment::new(Kind::Blocking, mode);
        let begun = all.now();
        all.wait(sure(59));
        all.here.engine.blocking().maintain().unwrap();
        assert_eq!(mark_of(&all), begun, "too soon for another");
        all.wait(sure(355 - 59));
        let (session, _) = log_in(&all.here);
        let issued = issue(&all.here, &session);
        let restarted = Instance::open(Kind::Blocking, &all.store, in_mode(mode), begun);
        let short = UpdateSessionData::new(session.expose(), b"").lifetime(sure(1));
        restarted.engine.run(short).unwrap().unwrap();
        for wait in [111, 300, 300, 200, 59] {
            restarted.clock.advance(sure(wait));
            restarted.engine.blocking().maintain().unwrap();
        }
        let once_more = Instance::open(Kind::Blocking, &all.store, in_mode(mode), mark_of(&all));
        assert!(once_more.accepts(issued.access.expose()), "nobody has ended it");
        once_more.engine.run(Logout::new(session.expose())).unwrap().unwrap();
        once_more.clock.advance(BOUND);
        assert!(!once_more.accepts(issued.access.expose()), "{mode:?}");
    }
}

/// The story: a client revoked a token, or a family was pushed out by a newer one, and the journal told of it until the token was
/// dead. Maintenance took that away before the store's mark was there: a process that was killed then, and whose clock had been set
/// back, accepted the token.
#[test]
fn inv_15_inv_20_rv_5_what_a_client_revoked_is_told_for_as_long_as_a_clock_may_find_it_alive() {
    let sure = |seconds| Duration::from_secs(seconds);
    for ends in ["the token", "its family", "a newer family"] {
        for mode in WATCHED {
            let all = Deployment::new(Kind::Blocking, mode);
            let engine = &all.here.engine;
            match ends {
                "the token" => _ = engine.run(RevokeToken::new(all.token(), "web")).unwrap().unwrap(),
                "its family" => {
                    let refresh = all.issued.refresh.as_ref().unwrap().expose();
                    engine.run(RevokeToken::new(refresh, "web")).unwrap().unwrap();
                }
                _ => {
                    let most = TokenPolicy::default().families;
                    for _ in 0..most {
                        let issue = Issue::new(all.session.expose(), "web", AUDIENCE).with_refresh();
                        engine.run(issue).unwrap().unwrap();
                    }
                }
            }
            assert!(!all.here.accepts(all.token()), "{ends}");
            all.wait(sure(559));
            engine.blocking().maintain().unwrap();
            // Too soon for another mark.
            all.wait(sure(59));
            engine.blocking().maintain().unwrap();
            let back = all.issued.expires.saturating_sub(sure(41));
            let restarted = Instance::open(Kind::Blocking, &all.store, in_mode(mode), back);
            assert!(!restarted.accepts(all.token()), "{ends}, {mode:?}");
        }
    }
}

/// The story: the clocks of a deployment were declared good to two seconds. A client revoked a token, and the mark was a minute behind, as
/// seldom as it is written, when the journal's entry went: a process that was killed then, and whose clock had been set back by that minute,
/// which nothing shows, accepted the token.
#[test]
fn inv_15_inv_20_rv_5_what_a_client_revoked_is_told_for_as_long_as_no_mark_shows_that_a_clock_was_set_back() {
    let sure = Duration::from_secs;
    for mode in WATCHED {
        let policy = Policy::builder().argon2(cheapest()).tokens(in_mode(mode)).max_clock_regression(SKEW);
        let policy = policy.build().unwrap();
        let all = Deployment::new(Kind::Blocking, mode);
        let open = |at| {
            let (store, clock) = (Tapped::new(Arc::clone(&all.store)), ManualClock::at(at));
            let builder = Engine::builder(store).ephemeral().master_key(MasterKey::new(1, [0x42; 32]));
            let engine = builder.policy(policy.clone()).clock(clock.clone()).open().unwrap();
            (engine, clock)
        };
        let begun = all.now();
        let (engine, clock) = open(begun);
        engine.revoke_token(all.token(), "web").unwrap();
        for (wait, marked) in [(561, true), (59, false)] {
            clock.advance(sure(wait));
            engine.maintain().unwrap();
            assert_eq!(mark_of(&all) == engine.now(), marked);
        }
        let (restarted, _) = open(begun.saturating_add(sure(561)));
        assert!(restarted.verify(all.token(), AUDIENCE).is_err(), "{mode:?}");
    }
}

/// A client revoked 256 access tokens of one session, and another when these were dead: it took their place. Then the clock was
/// set back across a restart, by less than is taken for honest, and they were accepted again.
#[test]
fn inv_15_inv_20_rv_5_no_revoked_token_makes_room_while_a_clock_may_find_it_alive() {
    let all = Deployment::new(Kind::Blocking, RevocationMode::Bound);
    let issue =
        || all.here.engine.run(Issue::new(all.session.expose(), "web", AUDIENCE)).unwrap().unwrap().access;
    let revoke = |token: &AccessToken| all.here.engine.run(RevokeToken::new(token.expose(), "web")).unwrap();
    let many: Vec<_> = (0..256).map(|_| issue()).collect();
    for token in &many {
        assert_eq!(revoke(token).unwrap(), Ended::Ended);
    }
    all.wait(Duration::from_secs(350));
    all.here.engine.blocking().maintain().unwrap();
    let last = issue();
    all.wait(Duration::from_secs(260)); // ten minutes and ten seconds in all
    let said = revoke(&last);

    let back = all.now().saturating_sub(Duration::from_secs(260));
    let restarted = Instance::open(Kind::Blocking, &all.store, in_mode(RevocationMode::Bound), back);
    let again = many.iter().filter(|token| restarted.accepts(token.expose())).count();
    assert_eq!(again, 0, "they were revoked");
    assert!(matches!(said, Err(RevokeTokenError::TooMany)), "{said:?}");
    assert!(restarted.accepts(last.expose()), "nor was it said of this one");

    all.wait(Duration::from_secs(359)); // and from there on no clock can be so far back
    all.here.engine.blocking().maintain().unwrap();
    assert_eq!(revoke(&issue()).unwrap(), Ended::Ended);
}

/// The latest time that the store has written down.
fn mark_of(all: &Deployment) -> Timestamp {
    let row = all.store.read(&[Key::Clock]).unwrap().remove(0).unwrap();
    let Record::Clock(clock) = row.record else { panic!("no clock: {row:?}") };
    clock.highest
}

/// Gives the session no more than this lifetime.
fn shorten(all: &Deployment, lifetime: Duration) {
    let update = UpdateSessionData::new(all.session.expose(), b"").lifetime(lifetime);
    all.here.engine.run(update).unwrap().unwrap();
}

/// An instance of another deployment on the same store, under which all sessions are this long.
fn deployed(all: &Deployment, mode: RevocationMode, span: Span) -> Instance {
    let lifetimes = [Lifetime::Web, Lifetime::Remembered, Lifetime::Device];
    let policy = Policy::builder().argon2(cheapest()).tokens(in_mode(mode)).touch_every(span.idle / 2);
    let policy =
        lifetimes.into_iter().fold(policy.anonymous(span), |policy, life| policy.session(life, span));
    let (store, clock) = (Tapped::new(Arc::clone(&all.store)), all.here.clock.clone());
    let builder = Engine::builder(store.clone()).ephemeral().master_key(MasterKey::new(1, [0x42; 32]));
    let engine = builder.policy(policy.build().unwrap()).clock(clock.clone()).open().unwrap();
    Instance { engine: Either::Blocking(engine), store, clock }
}

/// However often `at` forgets what needs no more to be known, to the last moment at which the token would be accepted.
fn is_refused_by_all_who_come_later(all: &Deployment, at: &Instance, mode: RevocationMode, what: &str) {
    let last = all.issued.expires.saturating_add(LEEWAY).saturating_sub(MILLISECOND);
    for wait in [Duration::from_mins(2), last.since(all.now()).saturating_sub(Duration::from_mins(2))] {
        all.wait(wait);
        at.engine.blocking().maintain().unwrap();
        let late = Instance::open(Kind::Blocking, &all.store, in_mode(mode), all.now());
        assert!(!late.accepts(all.token()), "{what}, {mode:?}: a process that starts");
    }
    assert_eq!(all.now(), last);
    assert!(!all.there.accepts(all.token()), "{what}, {mode:?}: a process that was idle");
}
