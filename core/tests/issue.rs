//! Issuing: what an access token says, and what it never says.

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::model::session::{Amr, Gone, Lifetime, Span};
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::issue::{Issue, IssueError};
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::open_session::OpenSession;
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::rotate_keys::RotateKeys;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind};
use doorward_core::store::{Durability, Ending};
use doorward_core::token::jwt::Verifier;
use doorward_core::token::terms::TermError;
use serde_json::json;

use crate::support::tokens::{
    API, OTHER_API, Person, at_home, at_home_in, header, kid_of, payload, refresh_of, scope, secs,
};
use crate::support::{RIGHT, START, Step, World, answer, environment_with, failed, millis, stamp};

const START_SECONDS: i64 = START.as_millis() / 1000;

fn refused(world: &mut World, issue: Issue) -> IssueError {
    let before = world.map.clone();
    let error = world.run(issue).unwrap().expect_err("it is refused");
    assert_eq!(world.map, before, "{error}");
    error
}

#[test]
fn jw_13_every_claim_of_rfc_9068_is_there_and_no_other() {
    let (mut world, ada) = at_home();
    world.wait(secs(90));
    let issue = Issue::new(&ada.token, "web", API).scope(scope("read")).claim("tenant", "acme");
    let issued = world.run(issue).unwrap().unwrap();
    let now = START_SECONDS + 90;
    let expected = json!({
        "iss": "doorward", "sub": ada.account.to_string(), "aud": API, "exp": now + 600, "iat": now,
        "jti": issued.token.to_string(), "client_id": "web", "sid": ada.session.to_string(),
        "auth_time": START_SECONDS, "amr": ["pwd"], "scope": "read", "tenant": "acme", "dw": { "e": [0, 0, 0] },
    });
    assert_eq!(json!(payload(issued.access.expose())), expected);
    let head = header(issued.access.expose());
    assert_eq!((head["typ"].as_str(), head["alg"].as_str(), head.len()), (Some("at+jwt"), Some("EdDSA"), 3));
    assert_eq!(issued.expires.as_millis(), (now + 600) * 1000);
    let published = world.run(doorward_core::operation::jwks::Jwks::new()).unwrap();
    let foreign = Verifier::new(published.to_json(), "doorward", API).unwrap();
    let claims = foreign.verify(issued.access.expose(), world.now).unwrap();
    assert_eq!(claims.subject, ada.account.to_string());
}

#[test]
fn inv_7_an_access_token_never_outlives_its_session() {
    let short = Span { idle: millis(120_999), absolute: millis(300_999) };
    let policy = Policy::builder().session(Lifetime::Web, short).touch_every(secs(60)).build().unwrap();
    let (mut world, ada) = at_home_in(environment_with(policy));
    let issued = world.issue(&ada);
    assert_eq!(issued.expires, START.saturating_add(secs(120)), "the idle end, in whole seconds");
    world.wait(secs(60));
    assert_eq!(
        world.issue(&ada).expires,
        START.saturating_add(secs(120)),
        "what it says rests on what is written"
    );
    for _ in 0..3 {
        world.wait(secs(60));
        assert!(world.issue(&ada).expires <= START.saturating_add(secs(300)));
    }
    assert_eq!(world.issue(&ada).expires, START.saturating_add(secs(300)), "the absolute end");
    world.now = START.saturating_add(millis(299_999));
    assert_eq!(world.issue(&ada).expires.since(START), secs(300));
    world.now = START.saturating_add(millis(300_998));
    let late = world.run(Issue::new(&ada.token, "web", API)).unwrap();
    assert!(matches!(late, Err(IssueError::Gone(Gone::Expired))), "less than a second is no life: {late:?}");
}

/// In the last second of an idle life, `issue` and `refresh` said that the session was over, and left it. It went on, and the
/// refresh token was good again.
#[test]
fn inv_19_a_session_with_less_than_a_second_left_for_a_token_is_ended() {
    let short = Span { idle: millis(120_999), absolute: secs(1000) };
    let policy = Policy::builder().session(Lifetime::Web, short).touch_every(secs(60)).build().unwrap();
    for is_refresh in [false, true] {
        let (mut world, ada) = at_home_in(environment_with(policy.clone()));
        let family = world.run(Issue::new(&ada.token, "web", API).with_refresh()).unwrap().unwrap();
        let refresh = refresh_of(&family);
        world.now = START.saturating_add(millis(120_000));
        if is_refresh {
            let said = world.refresh(&refresh);
            assert!(matches!(said, Err(RefreshError::Gone(Gone::Idle))), "{said:?}");
        } else {
            let said = world.run(Issue::new(&ada.token, "web", API)).unwrap();
            assert!(matches!(said, Err(IssueError::Gone(Gone::Idle))), "{said:?}");
        }
        let late = world.run(Authenticate::new(&ada.token)).unwrap();
        assert!(matches!(late, Err(AuthenticateError::Gone(Gone::Ended))), "{late:?}");
        assert!(matches!(world.refresh(&refresh), Err(RefreshError::Gone(Gone::Ended))));
        let is_told =
            |told: &Ending| matches!(told, Ending::Session { session, .. } if *session == ada.session);
        assert!(world.map.journal.iter().any(is_told), "whoever watches hears of it");
    }
}

/// The ending was not compared with anything: a session that another request had used in its last second was lost with it.
#[test]
fn a_session_that_is_used_in_its_last_second_is_not_ended_by_who_found_it_over() {
    let short = Span { idle: millis(120_999), absolute: secs(1000) };
    let policy = Policy::builder().session(Lifetime::Web, short).touch_every(secs(60)).build().unwrap();
    let (mut world, ada) = at_home_in(environment_with(policy));
    let refresh = refresh_of(&world.run(Issue::new(&ada.token, "web", API).with_refresh()).unwrap().unwrap());
    world.now = START.saturating_add(millis(120_000));
    let mut issue = world.machine(Issue::new(&ada.token, "web", API));
    world.step_to_commit(&mut issue);
    let mut slow = world.machine(Refresh::new(&refresh, "web"));
    world.step_to_commit(&mut slow);
    world.run(Authenticate::new(&ada.token)).unwrap().unwrap();
    let ends = START.saturating_add(secs(240));
    assert_eq!(world.finish(issue).unwrap().unwrap().expires, ends, "by the life that it has now");
    assert_eq!(world.finish(slow).unwrap().unwrap().expires, ends);
    world.run(Authenticate::new(&ada.token)).unwrap().unwrap();
}

#[test]
fn who_came_by_no_method_is_said_to_have_come_by_none() {
    assert!(Amr::default().names().is_empty());
    assert_eq!(Amr::PASSWORD.names(), ["pwd"]);
}

#[test]
fn inv_8_a_scope_is_never_wider_than_the_logins() {
    let (mut world, ada) = at_home();
    for wider in ["admin", "read admin", "read write x", "READ"] {
        let issue = Issue::new(&ada.token, "web", API).scope(scope(wider));
        assert!(matches!(refused(&mut world, issue), IssueError::Scope), "{wider}");
    }
    assert_eq!(world.issue(&ada).scope, scope("read write"));
    let none = world.run(Issue::new(&ada.token, "web", API).scope(scope(""))).unwrap().unwrap();
    assert_eq!(payload(none.access.expose()).get("scope"), None);
    let bare = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let issue = Issue::new(bare.token.expose(), "web", API);
    assert!(world.run(issue).unwrap().unwrap().scope.is_none(), "a login without a scope grants none");
}

#[test]
fn jw_11_no_host_claim_passes_for_one_that_means_something() {
    let (mut world, ada) = at_home();
    for claim in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "sid",
        "auth_time",
        "amr",
        "scope",
        "cnf",
        "act",
        "may_act",
        "dw",
    ] {
        let issue = Issue::new(&ada.token, "web", API).claim(claim, "x");
        assert!(matches!(refused(&mut world, issue), IssueError::Claims), "{claim}");
    }
    let of =
        |bytes: usize| Issue::new(&ada.token, "web", API).claim("x", "y".repeat(bytes - r#"{"x":""}"#.len()));
    assert!(world.run(of(2048)).unwrap().is_ok());
    assert!(matches!(refused(&mut world, of(2049)), IssueError::Claims));
}

/// A token with a claim of 17 levels was signed, and then no verifier read it.
#[test]
fn jw_14_claims_nest_no_deeper_than_a_verifier_reads() {
    let (mut world, ada) = at_home();
    let mut deep = json!(1);
    for levels in 1..40 {
        deep = if levels % 2 == 0 { json!([deep]) } else { json!({ "a": deep }) };
        let issue = Issue::new(&ada.token, "web", API).claim("deep", deep.clone());
        match world.run(issue).unwrap() {
            Ok(issued) => assert!(levels < 16 && world.accepts(&issued), "{levels}"),
            Err(error) => assert!(levels >= 16 && matches!(error, IssueError::Claims), "{levels}: {error}"),
        }
    }
}

#[test]
fn jw_10_a_token_is_for_one_to_eight_audiences() {
    let (mut world, ada) = at_home();
    let of = |many: usize| {
        (1..many).fold(Issue::new(&ada.token, "web", API), |issue, n| issue.audience(&format!("urn:{n}")))
    };
    let issued = world.run(of(8)).unwrap().unwrap();
    assert_eq!(payload(issued.access.expose())["aud"].as_array().map(Vec::len), Some(8));
    assert!(world.accepts(&issued));
    assert!(matches!(refused(&mut world, of(9)), IssueError::Claims));
    for bad in ["", "two words", "ä", &"x".repeat(257)] {
        let error = refused(&mut world, Issue::new(&ada.token, "web", API).audience(bad));
        assert!(matches!(error, IssueError::Term(TermError::Audience)), "{bad}");
        assert!(matches!(refused(&mut world, Issue::new(&ada.token, "web", bad)), IssueError::Term(_)));
    }
    let error = refused(&mut world, Issue::new(&ada.token, "a\nb", API));
    assert!(matches!(error, IssueError::Term(TermError::Client)));
}

/// As much as the terms allow at once is still a token that everybody reads.
#[test]
fn jw_14_the_largest_token_is_refused_here_or_accepted_there() {
    let (mut world, _) = at_home();
    let words: Vec<String> = (0..170).map(|n| format!("w{n:04}")).collect();
    let login = world.run(Login::new("ada", RIGHT).scope(scope(&words.join(" ")))).unwrap().unwrap();
    for claim in [10, 1_000, 2_000] {
        let mut issue = Issue::new(login.token.expose(), &"c".repeat(128), API).claim("x", "y".repeat(claim));
        for n in 0..7 {
            issue = issue.audience(&format!("urn:{n}{}", "a".repeat(240)));
        }
        match world.run(issue).unwrap() {
            Ok(issued) => assert!(world.accepts(&issued)),
            Err(error) => assert!(matches!(error, IssueError::Claims), "{error:?}"),
        }
    }
}

#[test]
fn inv_32_nobody_and_the_dead_are_issued_nothing() {
    let (mut world, ada) = at_home();
    let anonymous = world.run(OpenSession::new(*b"basket")).unwrap().unwrap();
    let token = anonymous.token.expose();
    assert!(matches!(refused(&mut world, Issue::new(token, "web", API)), IssueError::Anonymous));
    assert!(matches!(
        refused(&mut world, Issue::new(token, "web", API).with_refresh()),
        IssueError::Anonymous
    ));
    world.run(Logout::new(&ada.token)).unwrap().unwrap();
    for issue in [Issue::new(&ada.token, "web", API), Issue::new(&ada.token, "web", API).with_refresh()] {
        assert!(matches!(refused(&mut world, issue), IssueError::Gone(Gone::Ended)));
    }
    assert!(matches!(refused(&mut world, Issue::new("dws_x", "web", API)), IssueError::Token(_)));
}

#[test]
fn an_access_token_alone_costs_one_read_and_no_commit() {
    let (mut world, ada) = at_home();
    let (outcome, steps) = world.trace(Issue::new(&ada.token, "web", API));
    outcome.unwrap();
    assert_eq!(steps, [Step::Read(vec![Kind::Session, Kind::Account, Kind::Keyring]), Step::Sign]);
    let (outcome, steps) = world.trace(Issue::new(&ada.token, "web", API).with_refresh());
    outcome.unwrap();
    let checks = vec![Kind::Account, Kind::Session, Kind::Keyring];
    let (puts, durability) = (vec![Kind::Grants], Durability::Durable);
    let commit = Step::Commit { checks, puts, takes: vec![], durability };
    let read = Step::Read(vec![Kind::Session, Kind::Account, Kind::Keyring, Kind::Grants]);
    assert_eq!(steps, [read, Step::Sign, commit]);
}

/// What was signed is kept over a conflict; what would no longer be true is signed anew.
#[test]
fn inv_36_a_conflict_after_signing_signs_again_under_another_key_only() {
    for rotates in [false, true] {
        let (mut world, ada) = at_home();
        let old = world.issue(&ada);
        let mut issue = world.machine(Issue::new(&ada.token, "web", OTHER_API).with_refresh());
        world.step_to_commit(&mut issue);
        if rotates {
            world.run(RotateKeys::at_once()).unwrap().unwrap();
        } else {
            world.row(Key::Keyring).stamp = stamp(0xee);
        }
        world.steps.clear();
        let issued = world.finish(issue).unwrap().unwrap();
        assert_eq!(world.steps.iter().filter(|step| **step == Step::Sign).count(), usize::from(rotates));
        let kid = |text: &str| header(text)["kid"].clone();
        assert_eq!(kid(old.access.expose()) != kid(issued.access.expose()), rotates);
    }
}

/// The keyring is parsed once for all threads. Where one parsed it just after a rotation, another, which had read the clock
/// just before, was told that there is no key to sign with.
#[test]
fn inv_36_a_clock_that_was_read_before_a_rotation_signs_with_the_earlier_key() {
    let (mut world, ada) = at_home();
    let old = world.issue(&ada);
    let before = world.now;
    world.wait(millis(1));
    world.run(RotateKeys::at_once()).unwrap().unwrap();
    let new = world.issue(&ada);
    let after = std::mem::replace(&mut world.now, before);
    let late = world.run(Issue::new(&ada.token, "web", API)).unwrap().expect("there is a key");
    world.now = after;
    assert_ne!(kid_of(&old), kid_of(&new));
    assert_eq!(kid_of(&late), kid_of(&old));
    assert!(world.accepts(&late));
}

#[test]
fn inv_28_after_an_unknown_commit_no_token_is_given_out() {
    let (mut world, ada) = at_home();
    let mut issue = world.machine(Issue::new(&ada.token, "web", API).with_refresh());
    world.step_to_commit(&mut issue);
    answer(&mut issue, failed(StoreErrorKind::Unknown));
    assert!(matches!(world.finish(issue), Err(Fault::Unresolved)));
    world.issue_both(&ada);
    assert_eq!(world.grants(ada.session).families.len(), 1);
}

#[test]
fn rv_9_no_token_and_no_salt_stands_in_what_is_printed() {
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    let next = world.refresh(&refresh).unwrap();
    world.verify(&next).unwrap();
    let said = world.transcript.concat() + &format!("{issued:?} {:?}", Issue::new(&ada.token, "web", API));
    let signature = |text: &str| text.rsplit('.').next().unwrap().to_owned();
    for secret in [signature(issued.access.expose()), signature(next.access.expose()), refresh, ada.token] {
        assert!(!said.contains(&secret) && !said.contains(&secret[4..]), "{secret}");
    }
}

#[test]
fn inv_31_two_issues_share_no_id() {
    let (mut world, ada) = at_home();
    let Person { token, .. } = &ada;
    let mut ids: Vec<_> = (0..20)
        .map(|_| world.run(Issue::new(token, "web", API).with_refresh()).unwrap().unwrap().token)
        .collect();
    ids.extend(world.grants(ada.session).families.iter().map(|family| family.id));
    let salts: std::collections::BTreeSet<_> =
        world.grants(ada.session).families.iter().map(|family| family.salt).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), salts.len()), (all, 16));
}
