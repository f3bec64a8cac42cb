//! PW-8: a password that is known to others opens nothing, and tells no more than any other guess.

use std::sync::Arc;

use doorward_core::error::StoreErrorKind;
use doorward_core::event::EventResult;
use doorward_core::id::AccountId;
use doorward_core::machine::Environment;
use doorward_core::model::session::Gone;
use doorward_core::operation::access::{AccountError, Disable};
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::mark_compromised::MarkCompromised;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::rehash::Rehashed;
use doorward_core::operation::set_password::{SetPassword, SetPasswordError};
use doorward_core::password::Argon2Params;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind};
use doorward_core::secret::{MasterKey, MasterKeys};
use doorward_core::store::Ending;

use crate::support::home::{gone, home, is_live};
use crate::support::{RIGHT, START, Step, WRONG, World, answer, ask_at, failed, millis};

const NEW: &str = "an entirely different sentence";
/// The longest session of the default policy.
const LONGEST: u64 = 90 * 24 * 3_600_000;

fn must_change(world: &mut World) -> bool {
    matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::MustChange))
}

#[test]
fn pw_8_a_marked_password_ends_all_and_opens_nothing_until_another_is_set() {
    let (mut world, [ada, _], [token, others]) = home();
    world.run(MarkCompromised::new(ada)).unwrap().unwrap();
    let until = START.saturating_add(millis(LONGEST));
    assert_eq!(world.map.journal, [Ending::Epoch { key: Key::Account(ada), until }]);
    assert_eq!(gone(&mut world, &token), Some(Gone::Revoked));
    assert!(is_live(&mut world, &others));

    let marked = world.map.clone();
    world.wait(millis(5));
    world.run(MarkCompromised::new(ada)).unwrap().unwrap();
    assert_eq!(world.map, marked, "once is enough, and since when stays");
    assert!(must_change(&mut world) && must_change(&mut world));
    assert_eq!(world.map, marked, "no session, and no counter");
    assert!(matches!(world.run(Login::new("ada", WRONG)).unwrap(), Err(LoginError::Denied)));
    assert!(world.run(ChangePassword::new(&token, RIGHT, NEW)).unwrap().is_err());

    let again = world.run(SetPassword::new(ada, RIGHT)).unwrap();
    assert!(matches!(again, Err(SetPasswordError::Compromised)), "{again:?}");
    assert!(must_change(&mut world));
    world.run(SetPassword::new(ada, NEW)).unwrap().unwrap();
    assert!(matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::Denied)));
    let fresh = world.run(Login::new("ada", NEW)).unwrap().unwrap();
    assert!(is_live(&mut world, fresh.token.expose()) && !is_live(&mut world, &token));
    // Ten years later it still opens: nothing expires by age.
    world.wait(millis(10 * 365 * 24 * 3_600_000));
    world.run(Login::new("ada", NEW)).unwrap().unwrap();
}

/// The answer says that the guess was right: it is given where a success would be, and withheld where it would be.
#[test]
fn pw_8_gu_5_the_answer_obeys_every_counter_as_a_success_does() {
    let (mut world, [ada, _], _) = home();
    world.run(MarkCompromised::new(ada)).unwrap().unwrap();
    let steps_of = |world: &mut World| world.trace(Login::new("ada", RIGHT)).1;
    let reads = |steps: Vec<Step>| {
        steps.into_iter().filter(|step| !matches!(step, Step::Commit { .. })).collect::<Vec<_>>()
    };
    let of_marked = reads(steps_of(&mut world));
    assert_eq!(of_marked, reads(world.trace(Login::new("bob", RIGHT)).1));

    for _ in 0..3 {
        world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    }
    assert!(must_change(&mut world));
    assert_eq!(
        world.map.count(Kind::Throttle) + world.map.count(Kind::Attempts),
        0,
        "reset, as by a success"
    );
    for _ in 0..5 {
        world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    }
    let waits = world.run(Login::new("ada", RIGHT)).unwrap();
    assert!(matches!(waits, Err(LoginError::Throttled { .. })), "{waits:?}");
    for _ in 5..100 {
        world.wait(millis(3_600_000));
        world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    }
    world.wait(millis(3_600_000));
    let off = world.run(Login::new("ada", RIGHT)).unwrap();
    assert!(matches!(off, Err(LoginError::Denied)), "GU-1: {off:?}");
}

#[test]
fn pw_8_inv_37_a_disabled_account_tells_nothing_of_its_mark() {
    let (mut world, [ada, _], _) = home();
    world.run(MarkCompromised::new(ada)).unwrap().unwrap();
    world.run(Disable::new(ada)).unwrap().unwrap();
    assert!(matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::Denied)));
}

/// GU-4, INV 38: the commit of the answer rests on the counters, so that five wrong guesses beside it come first.
#[test]
fn pw_8_gu_4_of_guesses_in_parallel_only_the_allowed_number_is_told() {
    let (mut world, [ada, _], _) = home();
    world.run(MarkCompromised::new(ada)).unwrap().unwrap();
    let mut right = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut right);
    let batch = ask_at(&mut right, world.now).commit();
    for kind in [Kind::Throttle, Kind::Attempts, Kind::Credential, Kind::Account, Kind::Active] {
        assert!(batch.expectations().any(|(key, _)| key.kind() == kind), "{kind:?}");
    }
    for _ in 0..5 {
        world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    }
    let outcome = world.finish(right).unwrap();
    assert!(matches!(outcome, Err(LoginError::Throttled { .. })), "{outcome:?}");
}

/// INV 13: a login, a reauthentication and a change that are on their way when the mark is set.
#[test]
fn pw_8_inv_13_who_is_on_the_way_falls_before_the_mark_or_meets_it() {
    let (mut world, [ada, _], [token, _]) = home();
    let mut late = world.machine(Login::new("ada", RIGHT));
    let mut proves = world.machine(Reauthenticate::new(&token, RIGHT));
    let mut changes = world.machine(ChangePassword::new(&token, RIGHT, NEW));
    world.step_to_commit(&mut late);
    world.step_to_commit(&mut proves);
    world.step_to_commit(&mut changes);
    // One that has seen the session live, and not yet the password.
    let mut half = world.machine(Reauthenticate::new(&token, RIGHT));
    assert!(world.step(&mut half).is_none());
    world.run(MarkCompromised::new(ada)).unwrap().unwrap();
    let marked = world.map.clone();
    assert!(matches!(world.finish(late).unwrap(), Err(LoginError::MustChange)));
    assert!(world.finish(proves).unwrap().is_err() && world.finish(changes).unwrap().is_err());
    assert!(world.finish(half).unwrap().is_err());
    assert_eq!(world.map, marked);
}

#[test]
fn pw_8_inv_39_an_upgrade_of_the_hash_keeps_the_mark() {
    let (mut world, [ada, _], _) = home();
    let argon2 = Argon2Params::default().with_passes(3).unwrap();
    let policy = Policy::builder().argon2(argon2).build().unwrap();
    let keys = MasterKeys::new(MasterKey::new(1, [0x5a; 32]));
    world.environment = Arc::new(Environment { policy, keys });
    let rehash = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().rehash.expect("the policy moved");
    world.run(MarkCompromised::new(ada)).unwrap().unwrap();
    assert_eq!(world.run(rehash).unwrap(), Rehashed::Upgraded);
    assert!(must_change(&mut world));
}

#[test]
fn rv_8_the_mark_and_its_answer_have_their_words() {
    let (mut world, [ada, _], _) = home();
    let nobody = AccountId::from_bytes([9; 16]);
    let refused = EventResult::Refused;
    assert!(matches!(world.run(MarkCompromised::new(nobody)).unwrap(), Err(AccountError::NotFound)));
    assert_eq!(
        world.told(MarkCompromised::new(nobody)),
        ("mark_compromised", refused("not found"), Some(nobody))
    );
    assert_eq!(world.told(MarkCompromised::new(ada)), ("mark_compromised", EventResult::Success, Some(ada)));
    assert_eq!(world.told(Login::new("ada", RIGHT)), ("login", refused("must change"), None));
    assert_eq!(world.told(SetPassword::new(ada, RIGHT)), ("set_password", refused("compromised"), Some(ada)));
}

/// An answer that is lost is asked for again, and is the same; a store that fails says nothing.
#[test]
fn pw_8_rv_11_a_store_that_fails_tells_nothing() {
    for (kind, is_told) in [(StoreErrorKind::Fatal, false), (StoreErrorKind::Unknown, true)] {
        let (mut world, [ada, _], _) = home();
        world.run(MarkCompromised::new(ada)).unwrap().unwrap();
        let mut machine = world.machine(Login::new("ada", RIGHT));
        world.step_to_commit(&mut machine);
        answer(&mut machine, failed(kind));
        let outcome = world.finish(machine);
        assert_eq!(matches!(outcome, Ok(Err(LoginError::MustChange))), is_told, "{outcome:?}");
        assert!(is_told || outcome.is_err());
    }
}
