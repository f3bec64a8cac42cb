//! Revoking one token, and what a resource server is told of tokens.

use doorward_core::model::session::{Gone, Lifetime, Span};
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::introspect::Introspect;
use doorward_core::operation::issue::{Issue, Issued};
use doorward_core::operation::logout::{Ended, Logout};
use doorward_core::operation::open::Open;
use doorward_core::operation::refresh::RefreshError;
use doorward_core::operation::revoke_token::{RevokeToken, RevokeTokenError};
use doorward_core::operation::tick::Tick;
use doorward_core::operation::verify::VerifyError;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind};
use doorward_core::store::{Durability, Ending};
use serde_json::{Value, json};

use crate::support::home::is_live;
use crate::support::tokens::{API, OTHER_API, at_home, at_home_in, engine, refresh_of, scope, secs};
use crate::support::{START, Step, World, ask_at, environment_with, millis};

fn inactive(world: &mut World, token: &str) -> bool {
    let answer = world.run(Introspect::new(token)).unwrap();
    answer.to_json() == r#"{"active":false}"# && !answer.is_active() && answer.members().len() == 1
}

fn revoke(world: &mut World, token: &str) -> Ended {
    world.run(RevokeToken::new(token, "web")).unwrap().unwrap()
}

#[test]
fn rv_6_an_access_tokens_members_are_exactly_these() {
    let (mut world, ada) = at_home();
    let issue = Issue::new(&ada.token, "web", API).audience(OTHER_API).claim("tenant", "acme");
    let issued = world.run(issue).unwrap().unwrap();
    let now = START.as_millis() / 1000;
    let expected = json!({
        "active": true, "scope": "read write", "client_id": "web", "token_type": "Bearer", "exp": now + 600, "iat": now,
        "sub": ada.account.to_string(), "aud": [API, OTHER_API], "iss": "doorward", "jti": issued.token.to_string(),
    });
    for answer in [
        world.run(Introspect::new(issued.access.expose())).unwrap(),
        world.run(Introspect::new(issued.access.expose()).audience(OTHER_API)).unwrap(),
    ] {
        assert_eq!(json!(answer.members()), expected);
        assert_eq!(serde_json::from_str::<Value>(&answer.to_json()).unwrap(), expected);
    }
    let bare = Issue::new(&ada.token, "web", API).scope(scope(""));
    let bare = world.run(bare).unwrap().unwrap();
    let answer = world.run(Introspect::new(bare.access.expose())).unwrap();
    assert_eq!((answer.members().get("scope"), &answer.members()["aud"]), (None, &json!(API)));
    let other = world.run(Introspect::new(bare.access.expose()).audience(OTHER_API)).unwrap();
    assert_eq!(other.to_json(), r#"{"active":false}"#, "a token for others is none for it");
}

#[test]
fn rv_6_a_refresh_tokens_members_are_exactly_these() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    world.wait(secs(30));
    let next = world.turn(&first);
    let before = world.map.clone();
    let now = START.as_millis() / 1000;
    let answer = world.run(Introspect::new(&next)).unwrap();
    let expected = json!({
        "active": true, "scope": "read write", "client_id": "web", "exp": now + 3600, "iat": now + 30,
        "sub": ada.account.to_string(), "aud": API, "iss": "doorward",
    });
    assert_eq!(json!(answer.members()), expected);
    assert!(inactive(&mut world, &first), "one that was used is none, within the grace too");
    world.wait(secs(30));
    assert!(inactive(&mut world, &first));
    assert_eq!(world.map, before, "whoever only looks raises no alarm");
}

/// A resource server that was sent a refresh token was told that it is active, for its audience: it served the bearer, who
/// needed no access token, for as long as the session lived.
#[test]
fn inv_34_rv_6_a_refresh_token_is_active_for_no_resource_server() {
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    for asked in [API, OTHER_API, ""] {
        let answer = world.run(Introspect::new(&refresh).audience(asked)).unwrap();
        assert_eq!(answer.to_json(), r#"{"active":false}"#, "{asked}");
    }
    let told = |world: &mut World, token: &str| world.run(Introspect::new(token)).unwrap().members().clone();
    assert_eq!(told(&mut world, &refresh).get("token_type"), None, "the mark by which it is known");
    assert_eq!(told(&mut world, issued.access.expose())["token_type"], "Bearer");
    assert!(world.run(Introspect::new(issued.access.expose()).audience(API)).unwrap().is_active());
}

#[test]
fn rv_6_what_opens_nothing_is_inactive_and_nothing_else() {
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    let texts = [issued.access.expose().to_owned(), refresh];
    for text in ["", "x", "dws_", "dwr_", "a.b.c", &ada.token] {
        assert!(inactive(&mut world, text), "{text}");
    }
    for text in &texts {
        let mut forged = text.clone();
        let last = forged.pop();
        forged.push(if last == Some('A') { 'Q' } else { 'A' });
        assert!(inactive(&mut world, &forged));
    }
    world.run(Logout::new(&ada.token)).unwrap().unwrap();
    assert!(texts.iter().all(|text| inactive(&mut world, text)));
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    world.now = issued.expires.saturating_add(secs(5));
    assert!(inactive(&mut world, issued.access.expose()));
    world.wait(secs(3600));
    assert!(inactive(&mut world, &refresh));
}

#[test]
fn rv_5_a_refresh_token_takes_its_access_tokens_along() {
    for which in 0..2 {
        let (mut world, ada) = at_home();
        let (issued, first) = world.issue_both(&ada);
        let (others, other) = world.issue_both(&ada);
        let child = world.refresh(&first).unwrap();
        let next = refresh_of(&child);
        let family = world.grants(ada.session).families[0].id;
        let token = [&first, &next][which];
        let (outcome, steps) = world.trace(RevokeToken::new(token, "web"));
        assert_eq!(outcome.unwrap(), Ended::Ended, "any token of the family will do");
        let Some(Step::Commit { puts, takes, durability, .. }) = steps.last() else { panic!("a commit") };
        assert_eq!((&puts[..], takes.len(), *durability), (&[Kind::Grants][..], 0, Durability::Durable));
        // Ten minutes of life, five seconds of leeway, twice the skew, and what a clock may be set back, also unnoticed; and what an
        // activity may go unwritten, and the grace, whose retries give access tokens too.
        let until = START.saturating_add(secs(609 + 360 + 60 + 10));
        assert_eq!(world.map.journal, [Ending::Grant { grant: family, until }]);
        for token in [&issued, &child] {
            assert!(matches!(world.verify(token), Err(VerifyError::Gone(Gone::Revoked))));
            assert!(inactive(&mut world, token.access.expose()));
        }
        assert!(matches!(world.refresh(&next), Err(RefreshError::Gone(Gone::Ended))));
        assert!(world.accepts(&others) && is_live(&mut world, &ada.token));
        world.turn(&other);
        assert_eq!(revoke(&mut world, token), Ended::AlreadyGone);
        assert_eq!(world.map.journal.len(), 1);
    }
}

#[test]
fn rv_5_an_access_token_ends_alone_and_for_good() {
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    let (plain, other) = (world.issue(&ada), world.issue(&ada));
    assert_eq!(revoke(&mut world, issued.access.expose()), Ended::Ended);
    assert_eq!(revoke(&mut world, plain.access.expose()), Ended::Ended);
    assert!(!world.accepts(&issued) && !world.accepts(&plain) && world.accepts(&other));
    let until = START.saturating_add(secs(609 + 360));
    let told = [&issued, &plain].map(|token| Ending::Grant { grant: token.token, until });
    assert_eq!(world.map.journal, told);
    let next = world.refresh(&refresh).unwrap();
    assert!(world.accepts(&next) && !world.accepts(&issued), "INV 15: what writes the row keeps it in mind");
    world.issue_both(&ada);
    world.now = issued.expires.saturating_add(millis(4_999));
    assert!(matches!(world.verify(&issued), Err(VerifyError::Gone(Gone::Revoked))), "to its last moment");
}

#[test]
fn rv_5_what_is_unknown_is_done_and_what_is_anothers_is_refused() {
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    let before = world.map.clone();
    for text in ["", "no token", "dwr_AAAA", "a.b.c", &ada.token] {
        assert_eq!(revoke(&mut world, text), Ended::AlreadyGone, "{text}");
    }
    for text in [issued.access.expose(), &refresh] {
        let refused = world.run(RevokeToken::new(text, "app")).unwrap();
        assert!(matches!(refused, Err(RevokeTokenError::Client)));
        assert!(matches!(world.run(RevokeToken::new(text, "")).unwrap(), Err(RevokeTokenError::Term(_))));
    }
    assert_eq!(world.map, before);
    assert!(world.accepts(&issued));
    world.turn(&refresh);
}

#[test]
fn rv_5_more_than_256_of_a_session_are_refused_in_so_many_words() {
    let (mut world, ada) = at_home();
    for _ in 0..256 {
        let issued = world.issue(&ada);
        assert_eq!(revoke(&mut world, issued.access.expose()), Ended::Ended);
    }
    let (issued, refresh) = world.issue_both(&ada);
    let before = world.map.clone();
    let refused = world.run(RevokeToken::new(issued.access.expose(), "web")).unwrap();
    assert!(matches!(refused, Err(RevokeTokenError::TooMany)), "{refused:?}");
    assert_eq!(world.map, before);
    let key = Key::Grants(ada.session);
    let row = &world.map.rows[&key];
    let bytes = row.encode(&key);
    assert!(
        doorward_core::record::Row::decode(&key, row.stamp, row.epoch, row.owner, row.expires, &bytes)
            .is_ok()
    );
    assert_eq!(revoke(&mut world, &refresh), Ended::Ended, "a family is not counted");
    // Dead by this clock; but one that is set back across a restart, by less than six minutes, would find them alive.
    world.wait(secs(609 + 360).saturating_sub(millis(1)));
    let later = world.issue(&ada);
    let refused = world.run(RevokeToken::new(later.access.expose(), "web")).unwrap();
    assert!(matches!(refused, Err(RevokeTokenError::TooMany)), "{refused:?}");
    world.wait(millis(1));
    let refused = world.run(RevokeToken::new(later.access.expose(), "web")).unwrap();
    assert!(matches!(refused, Err(RevokeTokenError::TooMany)), "no mark says how late it is: {refused:?}");
    world.run(Tick::new()).unwrap().unwrap();
    assert_eq!(revoke(&mut world, later.access.expose()), Ended::Ended, "what is dead makes room");
    assert_eq!(world.grants(ada.session).revoked.len(), 1);
}

/// An instance that was ahead forgot a revocation whose token had ended by its time, when it wrote down the next one. One
/// whose clock was set back accepted the token again.
#[test]
fn inv_15_inv_21_rv_5_a_revoked_token_stays_so_for_a_clock_that_was_set_back() {
    let (mut world, ada) = at_home();
    let issued = world.issue(&ada);
    assert_eq!(revoke(&mut world, issued.access.expose()), Ended::Ended);
    world.wait(secs(700));
    let later = world.issue(&ada);
    assert_eq!(revoke(&mut world, later.access.expose()), Ended::Ended);
    world.now = START;
    assert!(matches!(world.verify(&issued), Err(VerifyError::Gone(Gone::Revoked))));
}

/// To the millisecond: the token has expired by this clock, and is revoked for one that is behind, as far as one can be.
#[test]
fn inv_21_rv_5_a_token_that_has_expired_here_is_revoked_until_it_has_everywhere() {
    for (after, told) in [(968_999, Ended::Ended), (969_000, Ended::AlreadyGone)] {
        let (mut world, ada) = at_home();
        let issued = world.issue(&ada);
        world.wait(millis(after));
        world.run(Tick::new()).unwrap().unwrap();
        assert!(!world.accepts(&issued));
        assert_eq!(revoke(&mut world, issued.access.expose()), told);
        world.now = START;
        assert_eq!(world.accepts(&issued), told == Ended::AlreadyGone);
    }
}

/// The clock jumped by twenty minutes, and a client was told that its token is gone: it was dead by more than a clock is set back. Set
/// right, and restarted before a maintenance had seen the jump, the engine accepted it again.
#[test]
fn inv_15_inv_20_rv_5_a_token_is_dead_for_everybody_when_the_mark_says_so() {
    let (mut world, ada) = at_home();
    let issued = world.issue(&ada);
    world.wait(secs(1200));
    assert_eq!(revoke(&mut world, issued.access.expose()), Ended::Ended);
    world.now = START.saturating_add(secs(10));
    world.run(Open::new()).unwrap();
    assert!(matches!(world.verify(&issued), Err(VerifyError::Gone(Gone::Revoked))));
}

/// A client was told that its refresh token is gone, because the session was over by that instance's clock. Another, a
/// moment behind, went on with it: for as long as it was used.
#[test]
fn inv_19_rv_5_a_refresh_token_of_a_session_seen_over_is_over_everywhere() {
    let (mut world, ada) = at_home();
    let (_, refresh) = world.issue_both(&ada);
    let idle_end = world.map.rows[&Key::Session(ada.session)].session().unwrap().idle_end();
    world.now = idle_end;
    let (outcome, steps) = world.trace(RevokeToken::new(&refresh, "web"));
    assert_eq!(outcome.unwrap(), Ended::AlreadyGone);
    let Some(Step::Commit { takes, durability, .. }) = steps.last() else { panic!("nothing was ended") };
    assert!(takes.contains(&Kind::Session) && takes.contains(&Kind::Grants));
    assert_eq!(*durability, Durability::Durable);
    world.now = idle_end.saturating_sub(millis(1));
    assert!(matches!(world.refresh(&refresh), Err(RefreshError::Gone(Gone::Ended))));
}

/// The story: a session was seen over by its own time, by a verification or an introspection of one of its tokens, which wrote nothing
/// down. A touch that had been decided a moment before landed, and the tokens opened something again.
#[test]
fn inv_19_whoever_looks_at_a_token_of_a_session_that_is_over_ends_it() {
    type Look = fn(&mut World, &Issued, &str) -> bool;
    let looks: [(&str, Look); 4] = [
        ("verify", |world, issued, _| {
            matches!(world.verify(issued), Err(VerifyError::Gone(Gone::Idle | Gone::Expired)))
        }),
        ("introspect", |world, issued, _| inactive(world, issued.access.expose())),
        ("introspect, for others", |world, issued, _| {
            let other = world.run(Introspect::new(issued.access.expose()).audience(OTHER_API));
            !other.unwrap().is_active()
        }),
        ("introspect refresh", |world, _, refresh| inactive(world, refresh)),
    ];
    // Within the leeway, so that the token itself is good.
    let span = Span { idle: secs(120), absolute: secs(180) };
    let policy = Policy::builder().session(Lifetime::Web, span).touch_every(secs(60)).build().unwrap();
    for (name, sees_over) in looks {
        let (mut world, ada) = at_home_in(environment_with(policy.clone()));
        let (issued, refresh) = world.issue_both(&ada);
        let end = issued.expires;
        world.now = end.saturating_sub(millis(1));
        let mut slow = world.machine(Authenticate::new(&ada.token));
        world.step(&mut slow);
        ask_at(&mut slow, world.now).commit();
        world.now = end;
        assert!(sees_over(&mut world, &issued, &refresh), "{name}");
        assert!(!world.map.rows.contains_key(&Key::Session(ada.session)), "{name}");
        let is_its =
            |ending: &Ending| matches!(ending, Ending::Session { session, .. } if *session == ada.session);
        let told = world.map.journal.iter().any(is_its);
        assert!(told, "{name}: for those who watch");
        assert!(world.finish(slow).unwrap().is_ok(), "it was live when it was looked at");
        assert!(!world.accepts(&issued) && inactive(&mut world, &refresh), "{name}");
        assert!(matches!(world.refresh(&refresh), Err(RefreshError::Gone(_))), "{name}");
    }
}

/// An access token under a master key that this engine lacked counted as gone, and the instance that has the key went on
/// accepting it.
#[test]
fn rv_5_under_a_master_key_that_is_not_here_nothing_is_revoked() {
    let (mut world, ada) = at_home_in(engine(&[2]));
    let (issued, refresh) = world.issue_both(&ada);
    world.become_engine(engine(&[2, 1]));
    world.run(Open::new()).unwrap();
    world.become_engine(engine(&[1]));
    let before = world.map.clone();
    for text in [issued.access.expose(), &refresh] {
        let refused = world.run(RevokeToken::new(text, "web")).unwrap();
        assert!(matches!(refused, Err(RevokeTokenError::UnknownKey)), "{refused:?}");
    }
    assert_eq!(world.map, before);
    world.become_engine(engine(&[2]));
    assert!(world.accepts(&issued));
}
