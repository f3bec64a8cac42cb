//! What a host keeps with a session: how much, for how long, and that it ends with the session.

use std::fmt::Debug;
use std::time::Duration;

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::Decide;
use doorward_core::model::data::DataLimits;
use doorward_core::model::session::Span;
use doorward_core::operation::access::Disable;
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError, Visitor};
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::end_session::EndSession;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::open_session::{OpenSession, OpenSessionError};
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::session_data::{SessionData, UpdateSessionData, UpdateSessionDataError};
use doorward_core::operation::set_password::SetPassword;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind};
use doorward_core::store::{Commit, Durability, Ending};
use doorward_core::time::Timestamp;

use crate::support::home::{home, session_of, token_of};
use crate::support::{Ask, RIGHT, START, Step, World, answer, ask_at, environment_with, failed, millis};

const NEW: &str = "an entirely different sentence";
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn at(millis_after_start: u64) -> Timestamp {
    START.saturating_add(millis(millis_after_start))
}

type Updated = Result<Visitor, UpdateSessionDataError>;

fn update(world: &mut World, token: &str, data: impl Into<Vec<u8>>) -> Updated {
    world.run(UpdateSessionData::new(token, data)).unwrap()
}

fn limited(world: &mut World, token: &str, lifetime: Duration) -> Updated {
    world.run(UpdateSessionData::new(token, "kept").lifetime(lifetime)).unwrap()
}

fn data(world: &mut World, token: &str) -> Vec<u8> {
    world.run(SessionData::new(token)).unwrap().unwrap().data
}

fn open(world: &mut World) -> (SessionId, String) {
    let opened = world.run(OpenSession::new("two plums")).unwrap().unwrap();
    (opened.session.id, opened.token.expose().to_owned())
}

/// When a purge may take the data.
fn data_expires(world: &World) -> Timestamp {
    world.map.only(Kind::Data).1.expires.unwrap()
}

#[test]
fn an_update_compares_what_it_read_and_writes_the_data_alone_unless_a_touch_is_due() {
    let (mut world, [ada_id, _], [ada, _]) = home();
    let key = Key::Data(session_of(&mut world, &ada));
    for (waits, puts) in [(MINUTE - 1, vec![Kind::Data]), (1, vec![Kind::Session, Kind::Data])] {
        world.wait(millis(waits));
        let (visitor, steps) = world.trace(UpdateSessionData::new(&ada, "dark mode"));
        let read = vec![Kind::Session, Kind::Account, Kind::Keyring, Kind::Data];
        let mut checks = vec![Kind::Account, Kind::Session, Kind::Keyring];
        checks.retain(|kind| !puts.contains(kind));
        let idle_ends = if puts.contains(&Kind::Session) { at(HOUR + MINUTE) } else { at(HOUR) };
        let commit = Step::Commit { checks, puts, takes: vec![], durability: Durability::Durable };
        assert_eq!(steps, [Step::Read(read), commit]);
        let Visitor::Account(session) = visitor.unwrap() else { panic!("Ada's") };
        assert_eq!((session.account, session.idle_ends), (ada_id, idle_ends));
        let row = &world.map.rows[&key];
        assert_eq!((row.owner, row.expires), (Some(ada_id), Some(at(24 * HOUR))));
    }
    let row = world.map.rows[&key].clone();
    world.wait(millis(MINUTE));
    let (kept, steps) = world.trace(SessionData::new(&ada));
    assert_eq!((kept.unwrap().data.as_slice(), steps.len()), (&b"dark mode"[..], 2), "it is touched");
    world.wait(millis(MINUTE));
    world.run(Authenticate::new(&ada)).unwrap().unwrap();
    assert_eq!(world.map.rows[&key], row, "a touch leaves the data alone");
}

#[test]
fn no_bytes_are_no_row() {
    let (mut world, _, [ada, _]) = home();
    let empty = world.run(OpenSession::new("")).unwrap().unwrap().token;
    assert_eq!(world.map.count(Kind::Data), 0);
    assert_eq!(data(&mut world, empty.expose()), b"");
    for token in [ada.as_str(), empty.expose()] {
        update(&mut world, token, "something").unwrap();
        assert_eq!(world.map.count(Kind::Data), 1);
        for _ in 0..2 {
            update(&mut world, token, "").unwrap();
            assert_eq!(world.map.count(Kind::Data), 0);
            assert_eq!(data(&mut world, token), b"");
        }
    }
}

#[test]
fn data_fits_up_to_the_policys_limit_and_not_a_byte_more() {
    let limits = DataLimits { logged_in: 128 * 1024, anonymous: 5 };
    let mut default = World::new();
    let mut own = World::with(environment_with(Policy::builder().data_limits(limits).build().unwrap()));
    for (world, logged_in, anonymous) in
        [(&mut default, 64 * 1024, 16 * 1024), (&mut own, limits.logged_in, limits.anonymous)]
    {
        world.register("ada");
        let ada = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
        let guest = world.run(OpenSession::new(vec![7; anonymous])).unwrap().unwrap().token;
        let before = world.map.clone();
        let refused = world.run(OpenSession::new(vec![7; anonymous + 1])).unwrap();
        assert!(matches!(refused, Err(OpenSessionError::TooLarge { limit }) if limit == anonymous));
        assert_eq!(world.map, before);
        for (token, most) in [(ada.expose(), logged_in), (guest.expose(), anonymous)] {
            update(world, token, vec![8; most - 1]).unwrap();
            update(world, token, vec![9; most]).unwrap();
            let before = world.map.clone();
            let refused = update(world, token, vec![7; most + 1]);
            assert!(matches!(refused, Err(UpdateSessionDataError::TooLarge { limit }) if limit == most));
            assert_eq!(world.map, before);
            assert_eq!(data(world, token), vec![9; most]);
        }
        // What a policy allows, a record holds.
        let (key, row) = world.map.rows.iter().find(|(key, _)| key.kind() == Kind::Data).unwrap();
        let read = doorward_core::record::Row::decode;
        let bytes = row.encode(key);
        assert_eq!(read(key, row.stamp, row.epoch, row.owner, row.expires, &bytes).unwrap(), *row);
    }
}

#[test]
fn an_anonymous_sessions_lifetime_is_chosen_within_the_policy() {
    let mut world = World::new();
    let longest = millis(24 * HOUR);
    for lifetime in [Duration::ZERO, Duration::from_nanos(999_999), longest + millis(1), Duration::MAX] {
        let refused = world.run(OpenSession::new("").lifetime(lifetime)).unwrap();
        assert!(matches!(refused, Err(OpenSessionError::Lifetime { longest: named }) if named == longest));
    }
    for (lifetime, idle, absolute) in
        [(1, 1, 1), (HOUR - 1, HOUR - 1, HOUR - 1), (2 * HOUR, HOUR, 2 * HOUR), (24 * HOUR, HOUR, 24 * HOUR)]
    {
        let opened = world.run(OpenSession::new("x").lifetime(millis(lifetime))).unwrap().unwrap().session;
        assert_eq!((opened.idle_ends, opened.absolute_ends), (at(idle), at(absolute)));
        assert_eq!(world.map.rows[&Key::Data(opened.id)].expires, Some(at(absolute)));
    }
}

#[test]
fn an_anonymous_session_may_gain_by_a_lifetime_and_never_beyond_the_policy() {
    let mut world = World::new();
    let opened = world.run(OpenSession::new("x").lifetime(millis(10 * MINUTE))).unwrap().unwrap();
    let token = opened.token.expose();
    let ends = |visitor: Visitor| {
        let Visitor::Anonymous(session) = visitor else { panic!("nobody's") };
        (session.idle_ends, session.absolute_ends)
    };
    world.wait(millis(5 * MINUTE));
    let before = world.map.clone();
    for lifetime in [Duration::ZERO, millis(24 * HOUR + 1), Duration::MAX] {
        let refused = limited(&mut world, token, lifetime);
        let Err(UpdateSessionDataError::Lifetime { longest }) = refused else { panic!("{refused:?}") };
        assert_eq!(longest, millis(24 * HOUR));
        assert_eq!(world.map, before);
    }
    let longer = ends(limited(&mut world, token, millis(12 * HOUR)).unwrap());
    assert_eq!(longer, (at(HOUR + 5 * MINUTE), at(12 * HOUR + 5 * MINUTE)));
    assert_eq!(data_expires(&world), longer.1);
    let shorter = ends(limited(&mut world, token, millis(MINUTE)).unwrap());
    assert_eq!(shorter, (at(6 * MINUTE), at(6 * MINUTE)));
    assert_eq!(data_expires(&world), shorter.1);
    let longest = ends(limited(&mut world, token, millis(24 * HOUR)).unwrap());
    assert_eq!(longest, (at(HOUR + 5 * MINUTE), at(24 * HOUR)), "its first day is its last");
}

#[test]
fn a_persons_session_can_only_become_shorter() {
    let (mut world, _, [ada, _]) = home();
    let ends = |visitor: Visitor| {
        let Visitor::Account(session) = visitor else { panic!("Ada's") };
        (session.idle_ends, session.absolute_ends)
    };
    world.wait(millis(30 * MINUTE));
    for longer in [Duration::MAX, millis(24 * HOUR)] {
        let same = ends(limited(&mut world, &ada, longer).unwrap());
        assert_eq!(same, (at(90 * MINUTE), at(24 * HOUR)));
    }
    assert!(matches!(
        limited(&mut world, &ada, Duration::ZERO),
        Err(UpdateSessionDataError::Lifetime { longest }) if longest == millis(23 * HOUR + 30 * MINUTE)
    ));
    let shorter = ends(limited(&mut world, &ada, millis(MINUTE)).unwrap());
    assert_eq!(shorter, (at(31 * MINUTE), at(31 * MINUTE)));
    assert_eq!(data_expires(&world), at(31 * MINUTE));
    world.now = at(31 * MINUTE - 1);
    let same = ends(limited(&mut world, &ada, millis(HOUR)).unwrap());
    assert_eq!(same.1, at(31 * MINUTE), "one life");
    world.now = at(31 * MINUTE);
    assert!(update(&mut world, &ada, "late").is_err());
    assert_eq!(world.map.count(Kind::Data), 0);
}

/// A short idle time is written down in time to matter, whatever `touch_every` says.
#[test]
fn se_5_an_active_session_with_a_short_idle_time_does_not_end_as_idle() {
    let (mut world, _, [ada, _]) = home();
    world.wait(millis(30 * MINUTE));
    limited(&mut world, &ada, millis(90_000)).unwrap();
    let token = token_of(&world.run(Reauthenticate::new(&ada, RIGHT)).unwrap().unwrap());
    for _ in 0..10 {
        world.wait(millis(50_000));
        world.run(Authenticate::new(&token)).unwrap().unwrap();
    }
    world.wait(millis(90_000));
    assert!(world.run(Authenticate::new(&token)).unwrap().is_err());
}

#[test]
fn what_moves_the_absolute_end_takes_the_data_along() {
    let (mut world, _, [ada, _]) = home();
    update(&mut world, &ada, "dark mode").unwrap();
    world.wait(millis(30 * MINUTE));
    let rotated = world.run(RotateSession::new(&ada)).unwrap().unwrap();
    assert_eq!(data_expires(&world), at(24 * HOUR));
    let proven = world.run(Reauthenticate::new(&token_of(&rotated), RIGHT)).unwrap().unwrap();
    assert_eq!(
        (proven.session.absolute_ends, data_expires(&world)),
        (at(24 * HOUR + 30 * MINUTE), at(24 * HOUR + 30 * MINUTE))
    );
    world.wait(millis(30 * MINUTE));
    let changed = world.run(ChangePassword::new(&token_of(&proven), RIGHT, NEW)).unwrap().unwrap();
    assert_eq!(data_expires(&world), changed.session.absolute_ends);
    assert_eq!(data(&mut world, &token_of(&changed)), b"dark mode");
}

/// An ending beside an update in flight: nothing comes back, of session or data, and the update says so.
fn update_in_flight<O: Decide<Outcome: Debug>>(ending: impl Fn(AccountId, SessionId, &str) -> O) {
    for bytes in ["brought back", ""] {
        let (mut world, [ada_id, _], [ada, _]) = home();
        update(&mut world, &ada, "before").unwrap();
        let session = session_of(&mut world, &ada);
        world.wait(millis(2 * MINUTE));
        let mut machine = world.machine(UpdateSessionData::new(&ada, bytes));
        world.step_to_commit(&mut machine);
        world.run(ending(ada_id, session, &ada)).unwrap();
        let before = world.map.clone();
        let outcome = world.finish(machine).unwrap();
        let Err(UpdateSessionDataError::Session(AuthenticateError::Gone(_))) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(world.map, before);
    }
}

#[test]
fn inv_11_inv_15_an_update_in_flight_brings_nothing_back() {
    update_in_flight(|_, _, token| Logout::new(token));
    update_in_flight(|account, session, _| EndSession::new(account, session));
    update_in_flight(|account, _, _| LogoutEverywhere::new(account));
    update_in_flight(|account, _, token| LogoutEverywhere::new(account).keep(token));
    update_in_flight(|account, _, _| Disable::new(account));
    update_in_flight(|account, _, _| SetPassword::new(account, NEW));
    update_in_flight(|_, _, token| ChangePassword::new(token, RIGHT, NEW));
    update_in_flight(|_, _, token| Login::new("ada", RIGHT).previous(token));
    update_in_flight(|_, _, token| RotateSession::new(token));
    update_in_flight(|_, _, _| AfterRestore::new());
}

#[test]
fn the_data_goes_with_whatever_deletes_the_session() {
    fn goes<O: Decide<Outcome: Debug>>(ending: impl Fn(AccountId, SessionId, &str) -> O) {
        let (mut world, [ada_id, _], [ada, bob]) = home();
        update(&mut world, &ada, "Ada's").unwrap();
        update(&mut world, &bob, "Bob's").unwrap();
        let session = session_of(&mut world, &ada);
        world.run(ending(ada_id, session, &ada)).unwrap();
        assert_eq!(world.map.count(Kind::Data), 1);
        assert_eq!(data(&mut world, &bob), b"Bob's");
    }
    goes(|_, _, token| Logout::new(token));
    goes(|account, session, _| EndSession::new(account, session));
    goes(|_, _, token| Login::new("ada", RIGHT).previous(token));
    let (mut world, _, [ada, _]) = home();
    update(&mut world, &ada, "Ada's").unwrap();
    world.wait(millis(HOUR));
    assert!(world.run(SessionData::new(&ada)).unwrap().is_err());
    assert_eq!(world.map.count(Kind::Data), 0, "seen over");
}

/// The later of two updates stands, whole, decided on the rows of the earlier; taking everything away is no exception.
#[test]
fn of_two_updates_at_once_the_later_stands() {
    for (one, two) in [("one", "two"), ("one", ""), ("", "two")] {
        let (mut world, _, [ada, _]) = home();
        update(&mut world, &ada, "before").unwrap();
        let mut machines = [one, two].map(|bytes| world.machine(UpdateSessionData::new(&ada, bytes)));
        for machine in &mut machines {
            world.step_to_commit(machine);
        }
        let [first, second] = machines;
        world.finish(first).unwrap().unwrap();
        assert_eq!(data(&mut world, &ada), one.as_bytes());
        world.steps.clear();
        world.finish(second).unwrap().unwrap();
        assert_eq!(world.steps.len(), 3, "a conflict, the rows again, a commit: {:?}", world.steps);
        assert_eq!(data(&mut world, &ada), two.as_bytes());
    }
}

#[test]
fn inv_26_an_update_of_unknown_fate_says_done_only_when_it_is() {
    for (bytes, lands) in [("new", true), ("new", false), ("", true), ("", false)] {
        let (mut world, _, [ada, _]) = home();
        update(&mut world, &ada, "old").unwrap();
        let mut machine = world.machine(UpdateSessionData::new(&ada, bytes));
        world.step_to_commit(&mut machine);
        let Ask::Commit(_, batch) = ask_at(&mut machine, world.now) else { panic!("a commit") };
        if lands {
            assert_eq!(world.map.commit(&batch), Commit::Applied);
        }
        answer(&mut machine, failed(StoreErrorKind::Unknown));
        match world.finish(machine) {
            Ok(outcome) => {
                outcome.unwrap();
                assert_eq!(data(&mut world, &ada), bytes.as_bytes());
            }
            Err(fault) => assert!(matches!(fault, Fault::Unresolved) && !lands && !bytes.is_empty()),
        }
    }
}

/// An ending compares nothing: since it looked, the session may have been given the longest lifetime there is.
#[test]
fn inv_11_the_journal_outlasts_a_lifetime_that_was_moved_meanwhile() {
    let mut world = World::new();
    let opened = world.run(OpenSession::new("x").lifetime(millis(10 * MINUTE))).unwrap().unwrap();
    let token = opened.token.expose();
    world.wait(millis(5 * MINUTE));
    let mut machine = world.machine(Logout::new(token));
    world.step_to_commit(&mut machine);
    let visitor = limited(&mut world, token, millis(24 * HOUR)).unwrap();
    world.finish(machine).unwrap().unwrap();
    let [Ending::Session { until, .. }] = world.map.journal.as_slice() else { panic!("one") };
    assert_eq!((*until, visitor.absolute_ends()), (at(24 * HOUR), at(24 * HOUR)));
}

#[test]
fn inv_44_the_journal_outlasts_the_longest_anonymous_session() {
    let span = Span { idle: millis(HOUR), absolute: millis(400 * 24 * HOUR) };
    let mut world = World::with(environment_with(Policy::builder().anonymous(span).build().unwrap()));
    world.run(AfterRestore::new()).unwrap();
    let until = at(400 * 24 * HOUR);
    assert_eq!(world.map.journal, [Ending::Epoch { key: Key::Keyring, until }]);
}

#[test]
fn inv_21_a_clock_that_is_behind_takes_nothing_back_and_gives_nothing_more() {
    let mut world = World::new();
    let (id, token) = open(&mut world);
    world.now = START.saturating_sub(millis(HOUR));
    update(&mut world, &token, "earlier").unwrap();
    let record = world.map.rows[&Key::Session(id)].session().unwrap();
    assert_eq!((record.last_seen, record.absolute_end), (START, at(24 * HOUR)));
    let visitor = limited(&mut world, &token, millis(24 * HOUR)).unwrap();
    assert_eq!(visitor.absolute_ends(), at(23 * HOUR));
    assert_eq!(world.map.rows[&Key::Session(id)].session().unwrap().last_seen, START);
}

#[test]
fn inv_23_no_extreme_of_time_panics_or_wraps() {
    for now in [i64::MIN, -1, 0, 1 << 53, i64::MAX - 1, i64::MAX] {
        let mut world = World::new();
        world.now = Timestamp::from_millis(now);
        world.register("ada");
        let opened = world.run(OpenSession::new("x").lifetime(millis(MINUTE))).unwrap().unwrap();
        let ada = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
        for token in [opened.token.expose(), ada.expose()] {
            for lifetime in [millis(1), millis(24 * HOUR), Duration::MAX] {
                if let Ok(visitor) = limited(&mut world, token, lifetime) {
                    assert!(visitor.absolute_ends() > world.now);
                }
            }
            let is_over = now == i64::MAX; // there is no later moment to live until
            assert_eq!(world.run(SessionData::new(token)).unwrap().is_err(), is_over, "{now}");
            world.run(Logout::new(token)).unwrap().unwrap();
        }
    }
}
