//! One life: a session from its login to each of its ends.

use doorward_core::id::AccountId;
use doorward_core::model::session::{Gone, SessionRecord};
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError, Session};
use doorward_core::operation::login::{LoggedIn, Login};
use doorward_core::operation::session_data::SessionData;
use doorward_core::record::{Key, Kind, Record, Row};
use doorward_core::store::Durability;
use doorward_core::time::Timestamp;
use doorward_core::token::opaque::TokenError;

use crate::support::{RIGHT, START, Step, World, millis, stamp};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Ada, logged in at `START`.
fn home() -> (World, AccountId, LoggedIn) {
    let mut world = World::new();
    let account = world.register("ada");
    let logged_in = login(&mut world, "ada");
    (world, account, logged_in)
}

fn login(world: &mut World, name: &str) -> LoggedIn {
    world.run(Login::new(name, RIGHT)).unwrap().unwrap()
}

fn authenticate(world: &mut World, logged_in: &LoggedIn) -> Result<Session, AuthenticateError> {
    world.run(Authenticate::new(logged_in.token.expose())).unwrap()
}

fn gone(world: &mut World, logged_in: &LoggedIn) -> Gone {
    match authenticate(world, logged_in) {
        Err(AuthenticateError::Gone(gone)) => gone,
        other => panic!("not gone: {other:?}"),
    }
}

fn record(world: &World, logged_in: &LoggedIn) -> SessionRecord {
    world.map.rows[&Key::Session(logged_in.session.id)].session().unwrap().clone()
}

fn change(world: &mut World, logged_in: &LoggedIn, change: impl FnOnce(&mut SessionRecord)) {
    let row = world.map.rows.get_mut(&Key::Session(logged_in.session.id)).unwrap();
    let Record::Session(record) = &mut row.record else { panic!("a session") };
    change(record);
}

fn at(millis_after_start: u64) -> Timestamp {
    START.saturating_add(millis(millis_after_start))
}

#[test]
fn a_login_is_recognised_as_what_it_was() {
    let mut world = World::new();
    let account = world.register("ada");
    let logged_in = world.run(Login::new("ada", RIGHT).label("Firefox")).unwrap().unwrap();
    world.wait(millis(1000));
    let session = authenticate(&mut world, &logged_in).unwrap();
    assert_eq!(session, Session { seen_at: world.now, ..logged_in.session.clone() });
    assert_eq!((session.account, session.created, session.auth_time), (account, START, START));
    assert_eq!((session.idle_ends, session.absolute_ends), (at(HOUR), at(24 * HOUR)));
    assert_eq!(session.label.unwrap().as_str(), "Firefox");
    assert_eq!(session.amr.names(), ["pwd"]);
    let row = &world.map.rows[&Key::Session(session.id)];
    assert_eq!((row.owner, row.expires), (Some(account), Some(at(HOUR))));
    let kept = world.run(SessionData::new(logged_in.token.expose())).unwrap().unwrap().visitor;
    let seen = (kept.id(), kept.account(), kept.absolute_ends());
    assert_eq!(seen, (session.id, Some(account), session.absolute_ends));
}

#[test]
fn inv_33_a_seed_met_again_overwrites_nothing() {
    let (mut world, _, first) = home();
    let before = world.map.clone();
    let environment = std::sync::Arc::clone(&world.environment);
    // `home` used the seeds 1 to 3; the third made the session.
    let seed = doorward_core::secret::Seed::from_bytes([3; 32]);
    let machine = doorward_core::machine::Machine::new(Login::new("ada", RIGHT), environment, seed);
    let outcome = world.finish(machine);
    assert!(matches!(outcome, Err(doorward_core::error::Fault::Contended)), "{outcome:?}");
    assert_eq!(world.map, before);
    authenticate(&mut world, &first).unwrap();
}

#[test]
fn se_3_each_login_has_a_new_id_and_a_new_token() {
    let (mut world, _, first) = home();
    let second = login(&mut world, "ada");
    assert_ne!(first.session.id, second.session.id);
    assert_ne!(first.token.expose(), second.token.expose());
    assert_ne!(record(&world, &first).salt, record(&world, &second).salt);
}

#[test]
fn se_4_inv_33_a_token_whose_session_is_unknown_is_refused_and_makes_none() {
    let (_, _, elsewhere) = home();
    let mut world = World::new();
    world.register("ada");
    let before = world.map.clone();
    assert_eq!(gone(&mut world, &elsewhere), Gone::Ended);
    assert_eq!(world.map, before);
    let session = world.run(Login::new("ada", RIGHT).previous(elsewhere.token.expose())).unwrap().unwrap();
    assert_eq!(world.map.count(Kind::Session), 1);
    assert_eq!(world.map.journal, []);
    authenticate(&mut world, &session).unwrap();
}

#[test]
fn se_5_the_idle_end_is_kept_to_the_millisecond() {
    let (mut world, _, logged_in) = home();
    for (after, live) in [(HOUR - 1, true), (HOUR, false), (HOUR + 1, false)] {
        let mut world_then = World::with(crate::support::environment());
        world_then.map = world.map.clone();
        world_then.now = at(after);
        assert_eq!(authenticate(&mut world_then, &logged_in).is_ok(), live, "{after}");
    }
    world.now = at(HOUR);
    assert_eq!(gone(&mut world, &logged_in), Gone::Idle);
}

#[test]
fn se_5_inv_22_activity_moves_the_idle_end_and_never_past_the_absolute_one() {
    let (mut world, _, logged_in) = home();
    let end = at(24 * HOUR);
    while world.now < end.saturating_sub(millis(30 * MINUTE)) {
        world.wait(millis(30 * MINUTE));
        let session = authenticate(&mut world, &logged_in).unwrap();
        assert_eq!(session.absolute_ends, end);
        let row = &world.map.rows[&Key::Session(session.id)];
        assert_eq!(row.session().unwrap().last_seen, world.now);
        assert_eq!(row.expires, Some(world.now.saturating_add(millis(HOUR)).min(end)));
    }
    world.now = end.saturating_sub(millis(1));
    let session = authenticate(&mut world, &logged_in).unwrap();
    assert_eq!(session.idle_ends, end);
    world.now = end;
    assert_eq!(gone(&mut world, &logged_in), Gone::Expired);
}

#[test]
fn se_5_activity_is_written_down_at_most_once_per_touch_every() {
    let (mut world, _, logged_in) = home();
    let reads = Step::Read(vec![Kind::Session, Kind::Account, Kind::Keyring]);
    let touch = Step::Commit {
        checks: vec![Kind::Account, Kind::Keyring],
        puts: vec![Kind::Session],
        takes: vec![],
        durability: Durability::Relaxed,
    };
    for (after, touches) in
        [(0, false), (MINUTE - 1, false), (MINUTE, true), (2 * MINUTE - 1, false), (2 * MINUTE, true)]
    {
        world.now = at(after);
        let (outcome, steps) = world.trace(Authenticate::new(logged_in.token.expose()));
        outcome.unwrap();
        let expected = if touches { vec![reads.clone(), touch.clone()] } else { vec![reads.clone()] };
        assert_eq!(steps, expected, "{after}");
    }
}

/// A touch changes what it must and nothing else.
#[test]
fn inv_8_a_touch_changes_nothing_but_the_time_last_seen() {
    let (mut world, account, logged_in) = home();
    let key = Key::Session(logged_in.session.id);
    let before = world.map.clone();
    world.now = at(MINUTE);
    authenticate(&mut world, &logged_in).unwrap();
    let (was, is) = (before.rows[&key].clone(), world.map.rows[&key].clone());
    let record = SessionRecord { last_seen: at(MINUTE), ..was.session().unwrap().clone() };
    let (owner, expires) = (Some(account), Some(at(HOUR + MINUTE)));
    assert_eq!(is, Row { stamp: is.stamp, epoch: was.epoch, owner, expires, record: record.into() });
    let mut rest = world.map.clone();
    rest.rows.insert(key, was);
    assert_eq!(rest, before);
}

#[test]
fn se_6_inv_21_an_earlier_time_extends_nothing() {
    let (mut world, _, logged_in) = home();
    world.now = at(10 * MINUTE);
    authenticate(&mut world, &logged_in).unwrap();
    let before = world.map.clone();
    for earlier in
        [at(9 * MINUTE), START, START.saturating_sub(millis(1000 * HOUR)), Timestamp::from_millis(0)]
    {
        world.now = earlier;
        let session = authenticate(&mut world, &logged_in).unwrap();
        assert_eq!((session.idle_ends, session.absolute_ends), (at(HOUR + 10 * MINUTE), at(24 * HOUR)));
        assert_eq!(world.map, before, "{earlier:?}");
    }
}

#[test]
fn inv_12_raising_the_account_ends_its_sessions_and_no_others() {
    let (mut world, account, ada) = home();
    world.register("bob");
    let bob = login(&mut world, "bob");
    world.map.raise(&Key::Account(account), stamp(0xee));
    assert_eq!(gone(&mut world, &ada), Gone::Revoked);
    authenticate(&mut world, &bob).unwrap();
    let again = login(&mut world, "ada");
    authenticate(&mut world, &again).unwrap();
}

#[test]
fn inv_44_raising_the_keyring_ends_every_session() {
    let (mut world, _, ada) = home();
    world.map.raise(&Key::Keyring, stamp(0xee));
    assert_eq!(gone(&mut world, &ada), Gone::Revoked);
    let again = login(&mut world, "ada");
    authenticate(&mut world, &again).unwrap();
}

#[test]
fn inv_12_an_account_that_is_gone_takes_its_sessions_along() {
    let (mut world, account, ada) = home();
    world.map.rows.remove(&Key::Account(account)).unwrap();
    assert_eq!(gone(&mut world, &ada), Gone::Revoked);
}

#[test]
fn inv_17_without_a_keyring_nobody_is_recognised() {
    let (mut world, _, ada) = home();
    world.map.rows.remove(&Key::Keyring).unwrap();
    assert!(world.run(Authenticate::new(ada.token.expose())).is_err());
    assert!(world.run(Login::new("ada", RIGHT)).is_err());
}

/// A login and a logout everywhere at once: the login is before it, and dead, or after it, and alive.
#[test]
fn inv_13_raising_the_account_or_the_keyring_meets_a_login_in_flight() {
    for which in [true, false] {
        let mut world = World::new();
        let account = world.register("ada");
        let key = if which { Key::Account(account) } else { Key::Keyring };
        let mut machine = world.machine(Login::new("ada", RIGHT));
        world.step_to_commit(&mut machine);
        world.map.raise(&key, stamp(0xee));
        world.steps.clear();
        let after = world.finish(machine).unwrap().unwrap();
        assert!(!world.steps.contains(&Step::Verify), "the work is kept");
        authenticate(&mut world, &after).unwrap();
        assert_eq!(world.map.count(Kind::Session), 1);
    }
}

#[test]
fn inv_15_a_touch_in_flight_brings_no_session_back() {
    let (mut world, account, ada) = home();
    for end in [Key::Session(ada.session.id), Key::Account(account)] {
        let mut world_then = World::with(crate::support::environment());
        world_then.map = world.map.clone();
        world_then.now = at(5 * MINUTE);
        let mut machine = world_then.machine(Authenticate::new(ada.token.expose()));
        world_then.step_to_commit(&mut machine);
        match &end {
            Key::Session(_) => drop(world_then.map.rows.remove(&end).unwrap()),
            _ => world_then.map.raise(&end, stamp(0xee)),
        }
        let ended = world_then.map.clone();
        // It was live when it was read; what it would have written is refused.
        world_then.finish(machine).unwrap().unwrap();
        assert_eq!(world_then.map, ended);
        gone(&mut world_then, &ada);
    }
    authenticate(&mut world, &ada).unwrap();
}

#[test]
fn inv_28_a_generation_other_than_the_present_one_is_refused() {
    let (mut world, _, ada) = home();
    change(&mut world, &ada, |record| record.generation = 2);
    assert_eq!(gone(&mut world, &ada), Gone::Replaced);
    change(&mut world, &ada, |record| record.generation = 0);
    assert_eq!(gone(&mut world, &ada), Gone::Ended);
    change(&mut world, &ada, |record| record.generation = 1);
    authenticate(&mut world, &ada).unwrap();
}

/// INV-42: the id of a session, with the key, but with another salt, opens nothing.
#[test]
fn inv_42_a_token_is_worth_nothing_without_its_rows_salt() {
    let (mut world, _, ada) = home();
    world.now = at(5 * MINUTE);
    change(&mut world, &ada, |record| record.salt[0] ^= 1);
    let before = world.map.clone();
    let refused = authenticate(&mut world, &ada);
    assert!(matches!(refused, Err(AuthenticateError::Token(TokenError::Forged))), "{refused:?}");
    assert_eq!(world.map, before);
}

#[test]
fn inv_29_a_session_row_of_another_owner_is_not_the_tokens() {
    for owner in [None, Some(AccountId::from_bytes([7; 16]))] {
        let (mut world, _, ada) = home();
        world.map.rows.get_mut(&Key::Session(ada.session.id)).unwrap().owner = owner;
        let refused = authenticate(&mut world, &ada);
        assert!(matches!(refused, Err(AuthenticateError::Token(TokenError::Forged))), "{refused:?}");
    }
}

#[test]
fn inv_35_a_mangled_token_is_refused_without_the_store() {
    let (mut world, _, ada) = home();
    let text = ada.token.expose();
    let mut mangled: Vec<String> = (0..text.len()).map(|cut| text[..cut].to_owned()).collect();
    // Prefix, fields and tag: what the key alone can check. The proof's 16 bytes are the last 21 1/3 characters.
    for at in 0..text.len() - 22 {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        mangled.push(format!("{}{other}{}", &text[..at], &text[at + 1..]));
    }
    mangled.extend([format!("{text}="), format!(" {text}"), format!("{text}\n"), text.to_uppercase()]);
    for token in mangled {
        let (outcome, steps) = world.trace(Authenticate::new(&token));
        assert!(matches!(outcome, Err(AuthenticateError::Token(_))), "{token}: {outcome:?}");
        assert_eq!(steps, [], "{token}");
    }
}

#[test]
fn freshness_is_counted_from_the_proof_to_the_call() {
    let (mut world, _, ada) = home();
    // As a re-authentication will leave it: proven a minute after the session began.
    change(&mut world, &ada, |record| record.auth_time = at(MINUTE));
    world.now = at(5 * MINUTE);
    let session = authenticate(&mut world, &ada).unwrap();
    assert!(session.is_fresh(millis(4 * MINUTE)), "neither its beginning nor its activity is the proof");
    assert!(!session.is_fresh(millis(4 * MINUTE - 1)));
}
