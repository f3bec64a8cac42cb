//! The last resorts, and thieves: nothing that was granted lives on; and neither half of the secrets makes a token.

use doorward_core::error::Fault;
use doorward_core::machine::Decide;
use doorward_core::model::session::Gone;
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::issue::Issue;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::open::Open;
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::operation::verify::{Verify, VerifyError};
use doorward_core::record::{Key, Kind, Record};
use doorward_core::store::{Durability, Ending};
use doorward_core::token::jwt::JwtError;

use crate::support::home::{gone, is_live};
use crate::support::tokens::{API, at_home, at_home_in, engine, kid_of, logged_in, refresh_of};
use crate::support::{Ask, RIGHT, START, Step, World, ask_at, stamp};

#[test]
fn inv_44_all_tokens_of_everybody_die_in_one_commit_and_sessions_live_on() {
    let (mut world, ada) = at_home();
    world.register("bob");
    let bob = logged_in(&mut world, "bob");
    let all = [world.issue_both(&ada), world.issue_both(&bob)];
    let proven = world.verify(&all[0].0).unwrap();
    let ((), steps) = world.trace(RevokeAllTokens::new());
    let (checks, puts, takes) = (vec![], vec![Kind::Keyring], vec![]);
    let commit = Step::Commit { checks, puts, takes, durability: Durability::Durable };
    assert_eq!(steps, [Step::Read(vec![Kind::Keyring]), commit]);
    let until = START.saturating_add(world.environment.policy.longest_session());
    assert_eq!(world.map.journal, [Ending::Epoch { key: Key::Keyring, until }]);
    for (issued, refresh) in &all {
        let refused = world.verify(issued);
        assert!(matches!(refused, Err(VerifyError::Token(JwtError::UnknownKey))), "{refused:?}");
        assert!(matches!(world.refresh(refresh), Err(RefreshError::Gone(Gone::Revoked))));
    }
    let again = Verify::new(all[0].0.access.expose(), API).remembering(proven);
    assert!(world.run(again).unwrap().is_err());
    for person in [&ada, &bob] {
        assert!(is_live(&mut world, &person.token));
        let (issued, refresh) = world.issue_both(person);
        assert!(world.accepts(&issued) && kid_of(&issued) != kid_of(&all[0].0));
        world.turn(&refresh);
    }
    assert_eq!(
        world.grants(ada.session).families.len(),
        2,
        "the old one is over by its epoch, not by its absence"
    );
}

#[test]
fn inv_44_with_the_sessions_nothing_is_left() {
    fn dies<O: Decide<Outcome = ()>>(operation: O) {
        let (mut world, ada) = at_home();
        let (issued, refresh) = world.issue_both(&ada);
        let epoch = world.map.rows[&Key::Keyring].epoch;
        let ((), steps) = world.trace(operation);
        assert_eq!(steps.iter().filter(|step| matches!(step, Step::Commit { .. })).count(), 1);
        assert_eq!(world.map.rows[&Key::Keyring].epoch, epoch + 1);
        assert!(matches!(world.map.journal[..], [Ending::Epoch { key: Key::Keyring, .. }]));
        assert_eq!(gone(&mut world, &ada.token), Some(Gone::Revoked));
        assert!(!world.accepts(&issued));
        assert!(matches!(world.refresh(&refresh), Err(RefreshError::Gone(Gone::Revoked))));
        let ada = logged_in(&mut world, "ada");
        let (new, refresh) = world.issue_both(&ada);
        assert!(world.accepts(&new) && kid_of(&new) != kid_of(&issued));
        world.turn(&refresh);
    }
    dies(RevokeAllTokens::new().and_sessions());
    dies(AfterRestore::new());
}

/// What the store's later life had granted may carry epochs that come again after the backup: its keys are others.
#[test]
fn inv_44_a_restored_store_accepts_nothing_of_the_life_that_it_lost() {
    let (mut world, ada) = at_home();
    let backup = world.map.clone();
    world.run(RevokeAllTokens::new().and_sessions()).unwrap();
    let lost = logged_in(&mut world, "ada");
    let (lost_token, lost_refresh) = world.issue_both(&lost);
    world.map = backup;
    world.run(AfterRestore::new()).unwrap();
    assert_eq!(gone(&mut world, &ada.token), Some(Gone::Revoked));
    let refused = world.verify(&lost_token);
    assert!(matches!(refused, Err(VerifyError::Token(JwtError::UnknownKey))), "{refused:?}");
    assert!(world.refresh(&lost_refresh).is_err() && !is_live(&mut world, &lost.token));
}

/// However often somebody writes the keyring, an end of everything comes: the last attempt compares nothing.
#[test]
fn inv_43_nobody_starves_what_follows_a_restored_backup() {
    let disturbed = |world: &mut World, machine: &mut _| {
        let mut commits = 0_u8;
        loop {
            if !doorward_core::machine::Machine::<AfterRestore>::is_done(machine)
                && matches!(ask_at(machine, world.now), Ask::Commit(..))
            {
                commits += 1;
                world.row(Key::Keyring).stamp = stamp(commits);
            }
            if let Some(outcome) = world.step(machine) {
                break (outcome, commits);
            }
        }
    };
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    let mut machine = world.machine(AfterRestore::new());
    let (outcome, commits) = disturbed(&mut world, &mut machine);
    outcome.unwrap();
    assert_eq!((commits, world.map.rows[&Key::Keyring].epoch), (8, 1));
    assert!(!world.accepts(&issued) && world.refresh(&refresh).is_err() && !is_live(&mut world, &ada.token));
}

/// INV 42: the whole database, and every token's text but the secret parts, under another master key.
#[test]
fn inv_42_the_database_without_the_master_key_makes_no_accepted_token() {
    let (mut world, ada) = at_home_in(engine(&[1]));
    let (_, refresh) = world.issue_both(&ada);
    let next = world.turn(&refresh);
    for thief in [engine_with(1, 9), engine_with(9, 9)] {
        let mut stolen = World::unopened(thief);
        stolen.map = world.map.clone();
        assert!(matches!(stolen.run(Open::new()), Err(Fault::Key(_))), "the key check tells");
        // So the thief lets the store forget which keys it knew, and whose passwords.
        let keyring = stolen.map.rows.remove(&Key::Keyring).unwrap();
        stolen.run(Open::new()).unwrap();
        stolen.row(Key::Keyring).epoch = keyring.epoch;
        stolen.run(SetPassword::new(ada.account, RIGHT)).unwrap().unwrap();
        let forged = logged_in(&mut stolen, "ada");
        let (access, refresh) = stolen.issue_both(&forged);
        assert!(
            stolen.run(Authenticate::new(&ada.token)).unwrap().is_err(),
            "nor are the real ones good there"
        );
        let before = world.map.clone();
        for token in [&forged.token, &refresh] {
            assert!(world.run(Authenticate::new(token)).unwrap().is_err());
            assert!(world.run(Refresh::new(token, "web")).unwrap().is_err());
            assert!(world.run(Logout::new(token)).unwrap().is_err());
        }
        assert!(!world.accepts(&access));
        assert_eq!(world.map, before);
    }
    world.turn(&next);
    assert!(is_live(&mut world, &ada.token));
}

fn engine_with(number: u32, byte: u8) -> std::sync::Arc<doorward_core::machine::Environment> {
    let key = doorward_core::secret::MasterKey::new(number, [byte; 32]);
    let (policy, keys) =
        (doorward_core::policy::Policy::default(), doorward_core::secret::MasterKeys::new(key));
    std::sync::Arc::new(doorward_core::machine::Environment { policy, keys })
}

/// INV 42: the master key, and every id that ever stood in a log. All that is missing is the salts.
#[test]
fn inv_42_the_master_key_without_the_database_makes_no_accepted_token() {
    let (mut world, ada) = at_home_in(engine(&[1]));
    let (issued, refresh) = world.issue_both(&ada);
    // The same seeds, so that every id is the same; then the salts are others, as they would be without the rows.
    let (mut thief, eve) = at_home_in(engine(&[1]));
    assert_eq!((eve.account, eve.session), (ada.account, ada.session));
    let Record::Session(record) = &mut thief.row(Key::Session(eve.session)).record else { panic!() };
    record.salt = [0xee; 16];
    let Record::Keyring(record) = &mut thief.row(Key::Keyring).record else { panic!() };
    record.signing[0].salt = [0xee; 16];
    let kid = record.signing[0].kid.clone();
    thief.row(Key::Keyring).stamp = stamp(0xee);
    assert!(thief.run(Authenticate::new(&eve.token)).unwrap().is_err(), "the salt is half of the token");
    // A key of that salt has another thumbprint; the entry cannot pass for the one of this kid.
    thief.run(RevokeAllTokens::new()).unwrap();
    let eve = logged_in(&mut thief, "ada");
    let made = thief.issue(&eve);
    assert_ne!(kid_of(&made), kid);
    let forged_sessions = thief.issue_both(&eve);
    assert!(!world.accepts(&made) && !world.accepts(&forged_sessions.0));
    let before = world.map.clone();
    for token in [&eve.token, &forged_sessions.1] {
        assert!(world.run(Authenticate::new(token)).unwrap().is_err());
        assert!(
            world.run(Logout::new(token)).unwrap().map_or(true, |receipt| receipt.session != ada.session)
        );
        assert!(world.run(Refresh::new(token, "web")).unwrap().is_err());
        assert!(world.run(Issue::new(token, "web", API)).unwrap().is_err());
    }
    assert_eq!(world.map, before);
    assert!(world.accepts(&issued));
    world.turn(&refresh);
}

/// The same ids and the same key, but salts of another store: refused before any alarm is raised.
#[test]
fn inv_42_a_refresh_token_over_another_salt_is_forged_and_alarms_nobody() {
    let (mut world, ada) = at_home();
    let (_, refresh) = world.issue_both(&ada);
    let old = refresh.clone();
    let next = refresh_of(&world.refresh(&refresh).unwrap());
    let Record::Grants(record) = &mut world.row(Key::Grants(ada.session)).record else { panic!() };
    let salt = std::mem::replace(&mut record.families[0].salt, [0xee; 16]);
    world.wait(crate::support::tokens::secs(60));
    let before = world.map.clone();
    for token in [&old, &next] {
        let refused = world.refresh(token);
        assert!(matches!(refused, Err(RefreshError::Token(_))), "{refused:?}");
    }
    assert_eq!(world.map, before, "nobody who lacks the salt ends a session");
    let Record::Grants(record) = &mut world.row(Key::Grants(ada.session)).record else { panic!() };
    record.families[0].salt = salt;
    assert!(matches!(world.refresh(&old), Err(RefreshError::Reused { .. })));
}
