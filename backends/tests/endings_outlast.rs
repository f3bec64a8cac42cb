//! What was ended stays so for as long as a token from before could be accepted anywhere: by whoever starts later, by whose
//! clock is behind or was set back; also where a session, or all of a deployment's, were made shorter than a token's life.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::sync::Arc;
use std::time::Duration;

use doorward::core::model::session::{Lifetime, Span};
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::session_data::UpdateSessionData;
use doorward::{Engine, MasterKey, Policy, RevocationMode};

use support::endings::EVERY_ENDING;
use support::modes::{
    ASKING, Deployment, Either, Instance, Kind, MILLISECOND, REFUSING, UNTIL_EXPIRY, in_mode,
};
use support::remembered::cheapest;
use support::tapped::Tapped;

const WATCHED: [RevocationMode; 2] = [ASKING, REFUSING];
const LEEWAY: Duration = Duration::from_secs(5);
const SKEW: Duration = Duration::from_secs(2);

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
