//! Refresh tokens: each is used once, and whoever brings one a second time ends the session.

use doorward_core::event::EventResult;
use doorward_core::model::session::{Gone, Lifetime};
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::issue::Issue;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::revoke_token::RevokeToken;
use doorward_core::record::{Key, Kind};
use doorward_core::store::{Durability, Ending};
use doorward_core::token::opaque::TokenError;

use crate::support::home::is_live;
use crate::support::tokens::{
    API, OTHER_API, Person, at_home, at_home_in, engine, payload, refresh_of, scope, secs, with_tokens,
};
use crate::support::{RIGHT, Step, World, millis};

const MINUTE: u64 = 60_000;

fn is_over(world: &World, person: &Person) -> bool {
    !world.map.rows.contains_key(&Key::Session(person.session))
        && !world.map.rows.contains_key(&Key::Grants(person.session))
}

/// Refused so, and not a byte of the store is another.
fn refused(world: &mut World, refresh: Refresh) -> RefreshError {
    let before = world.map.clone();
    let error = world.run(refresh).unwrap().expect_err("it is refused");
    assert_eq!(world.map, before, "{error}");
    error
}

#[test]
fn inv_2_rv_1_a_refresh_moves_the_family_on_in_one_durable_commit() {
    let (mut world, ada) = at_home();
    let (issued, first) = world.issue_both(&ada);
    let family = world.grants(ada.session).families[0].id;
    let (outcome, steps) = world.trace(Refresh::new(&first, "web"));
    let next = outcome.unwrap();
    let reads = Step::Read(vec![Kind::Session, Kind::Account, Kind::Keyring, Kind::Grants]);
    let commit = Step::Commit {
        checks: vec![Kind::Account, Kind::Session, Kind::Keyring],
        puts: vec![Kind::Grants],
        takes: vec![],
        durability: Durability::Durable,
    };
    assert_eq!(steps, [reads, Step::Sign, commit]);
    assert_ne!(refresh_of(&next), first);
    let grants = world.grants(ada.session);
    assert_eq!((grants.families.len(), grants.families[0].generation), (1, 2));
    assert_eq!(payload(next.access.expose())["dw"]["f"], family.to_string());
    assert_eq!(
        (next.account, next.session, next.scope.clone()),
        (ada.account, ada.session, issued.scope.clone())
    );
    assert_ne!(next.token, issued.token);
    assert!(world.accepts(&issued) && world.accepts(&next), "a refresh ends no access token");
    let mut latest = refresh_of(&next);
    for generation in 3..20 {
        latest = world.turn(&latest);
        assert_eq!(world.grants(ada.session).families[0].generation, generation);
    }
}

#[test]
fn inv_1_inv_4_rv_3_a_lost_answer_is_given_again_word_for_word() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let next = world.turn(&first);
    let moved = world.map.clone();
    for _ in 0..3 {
        let (outcome, steps) = world.trace(Refresh::new(&first, "web"));
        let again = outcome.unwrap();
        assert_eq!(refresh_of(&again), next);
        assert!(world.accepts(&again));
        assert!(!steps.iter().any(|step| matches!(step, Step::Commit { .. })));
    }
    assert_eq!(world.map, moved, "a retry writes nothing");
    world.wait(millis(9_999));
    assert_eq!(refresh_of(&world.refresh(&first).unwrap()), next, "until the grace ends");
    world.wait(millis(1));
    assert!(matches!(refused(&mut world, Refresh::new(&first, "web")), RefreshError::Conflict));
    world.wait(millis(1_999));
    assert!(matches!(refused(&mut world, Refresh::new(&first, "web")), RefreshError::Conflict));
    world.turn(&next);
}

/// The clock that stepped back opens no grace that was over for another instance.
#[test]
fn inv_21_a_clock_behind_reopens_no_grace_and_raises_no_alarm() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    world.wait(secs(10));
    world.turn(&first);
    world.now = crate::support::START.saturating_add(millis(7_999));
    assert!(matches!(refused(&mut world, Refresh::new(&first, "web")), RefreshError::Conflict));
    world.now = crate::support::START.saturating_add(millis(8_000));
    assert!(world.refresh(&first).is_ok(), "within the skew it is the same moment");
}

#[test]
fn inv_3_rv_1_reuse_ends_the_session_in_the_commit_that_precedes_its_answer() {
    let parent_late: fn(&mut World, &str) = |world, first| {
        world.turn(first);
        world.wait(secs(12));
    };
    let grandparent_early: fn(&mut World, &str) = |world, first| {
        let next = world.turn(first);
        world.turn(&next);
    };
    for story in [parent_late, grandparent_early] {
        let (mut world, ada) = at_home();
        let (issued, first) = world.issue_both(&ada);
        let (_, other_family) = world.issue_both(&ada);
        story(&mut world, &first);
        let (outcome, steps) = world.trace(Refresh::new(&first, "web"));
        let Err(RefreshError::Reused { account, session }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((account, session), (ada.account, ada.session));
        let takes = vec![Kind::Session, Kind::Data, Kind::Grants];
        let commit = Step::Commit { checks: vec![], puts: vec![], takes, durability: Durability::Durable };
        assert_eq!(steps.last(), Some(&commit), "an ending compares nothing");
        assert!(is_over(&world, &ada));
        let [.., Ending::Session { session, until }] = &world.map.journal[..] else {
            panic!("it is journaled")
        };
        assert_eq!(*session, ada.session);
        assert!(*until >= crate::support::START.saturating_add(secs(24 * 3600)));
        assert!(!world.accepts(&issued) && !is_live(&mut world, &ada.token));
        for token in [&first, &other_family] {
            let error = refused(&mut world, Refresh::new(token, "web"));
            assert!(matches!(error, RefreshError::Gone(Gone::Ended)), "the alarm is raised once: {error:?}");
        }
    }
}

/// A refresh token that had been used long ago was shown with a scope or an audience wider than its family's, and was refused
/// for that alone: thief and owner went on, each with what they had.
#[test]
fn inv_3_inv_8_inv_9_reuse_is_reuse_whatever_it_asks_for() {
    let wider: fn(&str) -> Refresh = |token| Refresh::new(token, "web").scope(scope("admin"));
    let elsewhere: fn(&str) -> Refresh = |token| Refresh::new(token, "web").audience("https://evil.example");
    for asking in [wider, elsewhere] {
        let (mut world, ada) = at_home();
        let (_, first) = world.issue_both(&ada);
        let next = world.turn(&first);
        let before = world.map.clone();
        for token in [&first, &next] {
            assert!(matches!(refused(&mut world, asking(token)), RefreshError::Scope), "within the grace");
        }
        let anothers = Refresh::new(&first, "app").scope(scope("admin"));
        assert!(matches!(refused(&mut world, anothers), RefreshError::Client));
        assert_eq!(world.map, before);
        let latest = world.turn(&next);
        let before = world.map.clone();
        let anothers = Refresh::new(&first, "app").scope(scope("admin"));
        assert!(matches!(refused(&mut world, anothers), RefreshError::Client), "it is no proof of a copy");
        assert_eq!(world.map, before);

        let outcome = world.run(asking(&first)).unwrap();
        assert!(matches!(outcome, Err(RefreshError::Reused { .. })), "{outcome:?}");
        assert!(is_over(&world, &ada));
        assert!(matches!(refused(&mut world, Refresh::new(&latest, "web")), RefreshError::Gone(Gone::Ended)));
    }
}

/// The documentation promised that a thief has one refresh. Within the grace his is a retry, as the owner's would be: who
/// follows each that closely is not told from a client that lost an answer.
#[test]
fn inv_3_inv_4_who_follows_within_the_grace_is_found_out_by_the_first_that_comes_later() {
    let (mut world, ada) = at_home();
    let (_, mut owners) = world.issue_both(&ada);
    for _ in 0..100 {
        let stolen = owners.clone();
        world.wait(secs(590));
        owners = world.turn(&owners);
        world.wait(millis(9_999));
        assert_eq!(world.turn(&stolen), owners);
    }
    let stolen = owners.clone();
    world.turn(&owners);
    world.wait(secs(12));
    assert!(matches!(world.refresh(&stolen), Err(RefreshError::Reused { .. })));
    assert!(is_over(&world, &ada));
}

#[test]
fn rv_8_reuse_is_told_by_its_word() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    world.turn(&first);
    world.wait(secs(12));
    let (operation, result, _) = world.told(Refresh::new(&first, "web"));
    assert_eq!((operation, result), ("refresh", EventResult::Refused("reused")));
}

#[test]
fn inv_8_inv_9_what_is_wider_or_anothers_changes_nothing() {
    let (mut world, ada) = at_home();
    let issue = Issue::new(&ada.token, "web", API).audience(OTHER_API).scope(scope("read")).with_refresh();
    let token = refresh_of(&world.run(issue).unwrap().unwrap());
    let refresh = || Refresh::new(&token, "web");
    assert!(matches!(refused(&mut world, Refresh::new(&token, "app")), RefreshError::Client));
    assert!(matches!(refused(&mut world, Refresh::new(&token, "")), RefreshError::Term(_)));
    for wider in ["write", "read write", "read admin"] {
        assert!(matches!(refused(&mut world, refresh().scope(scope(wider))), RefreshError::Scope), "{wider}");
    }
    let wider = refresh().audience(API).audience("https://evil.example");
    assert!(matches!(refused(&mut world, wider), RefreshError::Scope));
    assert!(matches!(refused(&mut world, refresh().audience("no uri")), RefreshError::Term(_)));
    for claim in ["sub", "exp", "scope", "cnf", "dw"] {
        assert!(matches!(refused(&mut world, refresh().claim(claim, 1)), RefreshError::Claims), "{claim}");
    }
    assert!(matches!(refused(&mut world, refresh().claim("x", "y".repeat(2048))), RefreshError::Claims));

    let narrow = world.run(refresh().scope(scope("")).audience(OTHER_API)).unwrap().unwrap();
    let says = payload(narrow.access.expose());
    assert_eq!((says.get("scope"), &says["aud"]), (None, &OTHER_API.into()));
    let whole = world.refresh(&refresh_of(&narrow)).unwrap();
    assert_eq!(whole.scope, scope("read"), "a narrow token leaves the family as it was granted");
    assert_eq!(payload(whole.access.expose())["aud"], serde_json::json!([API, OTHER_API]));
}

#[test]
fn inv_9_inv_35_a_mangled_token_is_refused_without_the_store() {
    let (mut world, ada) = at_home();
    let (_, token) = world.issue_both(&ada);
    let before = world.map.clone();
    let mut forged = 0;
    for at in 0..token.len() {
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        let (outcome, steps) = world.trace(Refresh::new(&changed, "web"));
        let Err(RefreshError::Token(error)) = outcome else { panic!("{changed} is taken: {outcome:?}") };
        // The last 16 bytes are the proof, which takes the row's salt: all before them cost no call of the store. One
        // character has bits of both.
        let proof = 4 + (1 + 4 + 16 + 16 + 8 + 8) * 4 / 3;
        assert!(at == proof || steps.is_empty() == (at < proof), "{at}: {error}");
        forged += usize::from(error == TokenError::Forged);
    }
    assert_eq!(world.map, before);
    assert!(forged > 80, "nearly all are forgeries");
    assert!(world.refresh(&token).is_ok());
}

#[test]
fn inv_9_inv_42_a_token_of_another_engine_or_of_nobody_is_refused() {
    let (mut foreign, stranger) = at_home_in(engine(&[9]));
    let (_, theirs) = foreign.issue_both(&stranger);
    let (mut world, ada) = at_home();
    world.issue_both(&ada);
    assert!(matches!(
        refused(&mut world, Refresh::new(&theirs, "web")),
        RefreshError::Token(TokenError::Key)
    ));
    // The same number, another key.
    let (mut foreign, stranger) = at_home_in(engine(&[1]));
    let (_, theirs) = foreign.issue_both(&stranger);
    assert_eq!(stranger.session, ada.session, "the same seeds make the same ids");
    assert!(matches!(
        refused(&mut world, Refresh::new(&theirs, "web")),
        RefreshError::Token(TokenError::Forged)
    ));
}

#[test]
fn inv_14_a_deleted_accounts_family_is_dead() {
    let (mut world, ada) = at_home();
    let (_, token) = world.issue_both(&ada);
    world.run(DeleteAccount::new(ada.account)).unwrap().unwrap();
    let error = refused(&mut world, Refresh::new(&token, "web"));
    assert!(matches!(error, RefreshError::Gone(Gone::Revoked)), "{error:?}");
}

#[test]
fn inv_6_the_family_that_rested_longest_makes_room_and_is_journaled() {
    let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.families = 2));
    let (kept, one) = world.issue_both(&ada);
    world.wait(secs(1));
    let (lost, two) = world.issue_both(&ada);
    world.wait(secs(1));
    let one = world.turn(&one);
    let pushed_out = world.grants(ada.session).families[1].id;
    let (_, three) = world.issue_both(&ada);
    assert_eq!(world.grants(ada.session).families.len(), 2);
    let [.., Ending::Grant { grant, .. }] = &world.map.journal[..] else { panic!("it is journaled") };
    assert_eq!(*grant, pushed_out);
    assert!(matches!(refused(&mut world, Refresh::new(&two, "web")), RefreshError::Gone(Gone::Ended)));
    assert!(world.accepts(&kept) && !world.accepts(&lost), "and what came of it is dead");
    world.turn(&one);
    world.turn(&three);
}

#[test]
fn inv_12_inv_14_what_spares_the_session_spares_no_family() {
    let keep: fn(&mut World, &Person) -> String = |world, ada| {
        let ended = world.run(LogoutEverywhere::new(ada.account).keep(&ada.token)).unwrap().unwrap();
        ended.kept.unwrap().token.expose().to_owned()
    };
    let change: fn(&mut World, &Person) -> String = |world, ada| {
        let change = ChangePassword::new(&ada.token, RIGHT, "seventeen slow ferries");
        world.run(change).unwrap().unwrap().token.expose().to_owned()
    };
    for end in [keep, change] {
        let (mut world, ada) = at_home();
        let (issued, token) = world.issue_both(&ada);
        let kept = end(&mut world, &ada);
        assert_eq!(world.map.count(Kind::Grants), 0, "nor is a dead family left to count");
        assert!(matches!(refused(&mut world, Refresh::new(&token, "web")), RefreshError::Gone(_)));
        assert!(!world.accepts(&issued));
        let ada = Person { token: kept, ..ada };
        let (issued, token) = world.issue_both(&ada);
        assert!(world.accepts(&issued) && world.refresh(&token).is_ok());
    }
}

#[test]
fn inv_5_a_token_that_was_revoked_has_no_grace() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    let next = world.turn(&first);
    world.run(RevokeToken::new(&next, "web")).unwrap().unwrap();
    for token in [&first, &next] {
        let error = refused(&mut world, Refresh::new(token, "web"));
        assert!(matches!(error, RefreshError::Gone(Gone::Ended)), "{error:?}");
    }
    assert!(is_live(&mut world, &ada.token), "the session lives on");
}

#[test]
fn inv_7_rv_4_no_chain_outlives_the_absolute_end_and_each_use_is_an_activity() {
    let mut world = World::new();
    world.register("ada");
    let login = world.run(Login::new("ada", RIGHT).lifetime(Lifetime::Web)).unwrap().unwrap();
    let (id, ends) = (login.session.id, login.session.absolute_ends);
    let account = login.session.account;
    let ada = Person { account, session: id, token: login.token.expose().to_owned() };
    let (_, mut token) = world.issue_both(&ada);
    while world.now.saturating_add(secs(50 * 60)) < ends {
        world.wait(secs(50 * 60));
        let issued = world.refresh(&token).expect("it was used within the hour");
        assert!(issued.expires <= ends);
        assert_eq!(
            world.map.rows[&Key::Grants(id)].expires,
            Some(ends),
            "INV 10: it stays as long as the session may"
        );
        token = refresh_of(&issued);
    }
    world.now = ends.saturating_sub(millis(1));
    let last = world.refresh(&token);
    assert!(last.as_ref().map_or(true, |issued| issued.expires <= ends), "{last:?}");
    world.now = ends;
    let token = last.map_or(token, |issued| refresh_of(&issued));
    assert!(matches!(world.refresh(&token), Err(RefreshError::Gone(Gone::Expired))));
    assert!(is_over(&world, &ada), "once seen over, for good");
    world.now = ends.saturating_sub(millis(1));
    assert!(matches!(world.refresh(&token), Err(RefreshError::Gone(Gone::Ended))));
}

#[test]
fn rv_4_an_idle_session_takes_its_families_along() {
    let (mut world, ada) = at_home();
    let (_, token) = world.issue_both(&ada);
    world.wait(secs(3600));
    assert!(matches!(world.refresh(&token), Err(RefreshError::Gone(Gone::Idle))));
    assert!(is_over(&world, &ada));
    assert!(matches!(world.map.journal[..], [Ending::Session { session, .. }] if session == ada.session));
}

#[test]
fn inv_10_a_proof_of_the_password_prolongs_what_remembers_replays() {
    let (mut world, ada) = at_home();
    let (_, first) = world.issue_both(&ada);
    world.turn(&first);
    world.wait(millis(30 * MINUTE));
    let renewed = world.run(Reauthenticate::new(&ada.token, RIGHT)).unwrap().unwrap();
    let row = &world.map.rows[&Key::Grants(ada.session)];
    assert_eq!(row.expires, Some(renewed.session.absolute_ends));
    assert!(matches!(world.refresh(&first), Err(RefreshError::Reused { .. })));
    assert!(world.run(Authenticate::new(renewed.token.expose())).unwrap().is_err());
}
