//! Flaws that the lifecycle's rules had. Each test opens with its story.

use core::net::IpAddr;
use core::time::Duration;
use std::fmt::Debug;
use std::num::NonZeroU32;

use doorward_core::error::Fault;
use doorward_core::id::AccountId;
use doorward_core::machine::{Decide, Reply};
use doorward_core::model::session::{SessionCap, WhenFull};
use doorward_core::name::LoginName;
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::finish_deletion::{FinishDeletion, Remains};
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::mark_compromised::MarkCompromised;
use doorward_core::operation::open::Open;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::register::Register;
use doorward_core::operation::rehash::Rehashed;
use doorward_core::operation::rename::Rename;
use doorward_core::operation::session_data::UpdateSessionData;
use doorward_core::operation::sessions::Sessions;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::operation::tick::Tick;
use doorward_core::operation::trust_clock::TrustClock;
use doorward_core::password::Argon2Params;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind};

use crate::support::*;

/// The list of sessions read the epochs first and the pages after: a session that a logout everywhere kept in between
/// carried an epoch that the list did not know, and was missing, though it was live all the time.
#[test]
fn a_session_that_is_kept_while_sessions_are_listed_is_on_the_list() {
    let (mut world, [ada, _], [token, _]) = crate::support::home::home();
    let kept = crate::support::home::session_of(&mut world, &token);
    let mut listing = world.machine(Sessions::new(ada));
    assert!(world.step(&mut listing).is_none());
    world.run(LogoutEverywhere::new(ada).keep(&token)).unwrap().unwrap();
    let listed = world.finish(listing).unwrap();
    assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [kept]);
}

/// The last attempt of a deletion does not rest on the account's row, so it took the name that it had scanned away from
/// whoever had it by then: its account was renamed meanwhile, and somebody else had registered under the free name.
#[test]
fn inv_29_a_deletion_never_takes_anothers_name() {
    let mut world = World::new();
    let ada = world.register("ada");
    let mut deletion = world.machine(DeleteAccount::new(ada));
    for attempt in 0..8 {
        world.step_to_commit(&mut deletion);
        world.map.raise(&Key::Account(ada), stamp(0xc0 + attempt));
        assert!(attempt == 7 || world.step(&mut deletion).is_none());
    }
    world.run(Rename::new(ada, "countess")).unwrap().unwrap();
    world.register("ada");
    world.finish(deletion).unwrap().unwrap();
    assert!(world.run(Login::new("ada", RIGHT)).unwrap().is_ok());
    // The name that the account had by then was not scanned for: the bites free it.
    while world.run(FinishDeletion::new(ada)).unwrap() == Remains::Left {}
    world.register("countess");
    assert!(world.run(Login::new("ada", RIGHT)).unwrap().is_ok());
}

/// A bite took away whatever name it had scanned. Of two bites at once the first freed it, somebody registered under it,
/// and the second took it from them.
#[test]
fn inv_29_a_late_bite_never_takes_anothers_name() {
    let mut world = World::new();
    let ada = world.register("ada");
    let name = Key::Login(LoginName::parse("ada").unwrap());
    let left = world.map.rows[&name].clone();
    world.run(DeleteAccount::new(ada)).unwrap().unwrap();
    world.map.rows.insert(name.clone(), left);
    let mut bites = [(); 2].map(|()| world.machine(FinishDeletion::new(ada)));
    for bite in &mut bites {
        world.step_to_commit(bite);
    }
    let [one, late] = bites;
    assert_eq!(world.finish(one).unwrap(), Remains::Left);
    assert!(!world.map.rows.contains_key(&name));
    world.register("ada");
    assert_eq!(world.finish(late).unwrap(), Remains::None);
    assert!(world.run(Login::new("ada", RIGHT)).unwrap().is_ok());
}

/// To vouch for a clock that has jumped set the mark to it, also when it was a little behind the mark by then: lowered,
/// and nothing ended. A session that had been seen over was on the list of the next engine to open.
#[test]
fn inv_20_to_trust_a_jump_lowers_no_mark() {
    let (mut world, minute) = (World::new(), Duration::from_mins(1));
    let ada = world.register("ada");
    world.wait(Duration::from_hours(31 * 24));
    world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    world.wait(Duration::from_mins(61));
    assert!(world.run(Tick::new()).unwrap().is_err(), "it has jumped");
    assert!(world.run(Sessions::new(ada)).unwrap().is_empty(), "it was idle for too long");
    let seen = world.now;
    world.now = seen.saturating_sub(minute * 4);
    assert!(!world.run(TrustClock::new()).unwrap().ended_everything);
    let mark = world.run(Open::new()).unwrap().mark;
    assert_eq!(mark, seen);
    world.now = world.now.max(mark);
    assert!(world.run(Sessions::new(ada)).unwrap().is_empty());
    assert!(world.run(Tick::new()).unwrap().is_ok());
}

/// The name was looked up before the hashing: with the pool full, a name that is taken was told to be, and one that is
/// free was busy, for which a source is charged nothing. So whoever kept the pool busy could ask for names without end.
#[test]
fn gu_5_a_full_pool_does_not_tell_which_names_are_free() {
    let mut world = World::new();
    world.register("ada");
    let mut answer = |name: &str| {
        let mut machine = world.machine(Register::new(name, RIGHT));
        loop {
            let asked = ask(&mut machine);
            match &asked {
                Ask::Done(..) => return format!("{:?}", asked.done()),
                Ask::Work(ticket, _) => machine.reply(*ticket, Reply::Busy).unwrap(),
                _ => {
                    let reply = world.carry_out(&asked);
                    machine.reply(asked.ticket(), reply).unwrap();
                }
            }
        }
    };
    assert_eq!(answer("ada"), answer("bob"));
}

/// With a cap, each login writes the account's row. A thief who has the password and logs in without end kept it from
/// being marked, and the owner's recovery from setting another: each of the eight attempts met one more login.
#[test]
fn a_thief_who_logs_in_without_end_keeps_nobody_from_taking_the_password_away() {
    fn beside_a_thief<O: Decide<Outcome: Debug>>(
        operation: impl FnOnce(AccountId) -> O,
        is_deleted: bool,
    ) -> (Result<O::Outcome, Fault>, World) {
        let cap = SessionCap { most: NonZeroU32::MIN, when_full: WhenFull::EndOldest };
        let mut world = World::with(environment_with(Policy::builder().session_cap(cap).build().unwrap()));
        let account = world.register("ada");
        let mut machine = world.machine(operation(account));
        let mut logins = 0;
        loop {
            match ask_at(&mut machine, world.now) {
                Ask::Done(outcome, _) => return (outcome, world),
                Ask::Commit(..) => {
                    world.wait(millis(1));
                    logins += 1;
                    match logins {
                        7 if is_deleted => world.run(DeleteAccount::new(account)).unwrap().unwrap(),
                        _ => drop(world.run(Login::new("ada", RIGHT)).unwrap().unwrap()),
                    }
                }
                _ => {}
            }
            assert!(world.step(&mut machine).is_none());
        }
    }
    let set = |account| SetPassword::new(account, "slate lantern ferry");
    let (marked, mut world) = beside_a_thief(MarkCompromised::new, false);
    marked.unwrap().unwrap();
    assert!(matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::MustChange)));
    let (done, mut world) = beside_a_thief(set, false);
    done.unwrap().unwrap();
    assert!(matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::Denied)));

    // Nor does the attempt that does without the account's row bring anything back to one that is deleted.
    let (marked, world) = beside_a_thief(MarkCompromised::new, true);
    assert!(matches!(marked, Err(Fault::Contended)));
    assert_eq!(world.map.count(Kind::Credential), 0);
    let (done, world) = beside_a_thief(set, true);
    assert!(matches!(done, Err(Fault::Contended)));
    assert_eq!(world.map.count(Kind::Credential), 0);
}

/// The upgrade of a hash after a login did not know where the login came from: it was hashed as if it had no source,
/// outside of that source's share of the queue and before those who wait there, and the audit trail did not tell it.
#[test]
fn gu_5_an_upgrade_is_its_logins_sources_affair() {
    let mut world = World::new();
    world.register("ada");
    let harder = Argon2Params::default().with_passes(3).unwrap();
    world.environment = environment_with(Policy::builder().argon2(harder).build().unwrap());
    let login = Login::new("ada", RIGHT).source(IpAddr::from([192, 0, 2, 1]));
    let source = login.subject().source;
    let rehash = world.run(login).unwrap().unwrap().rehash.unwrap();
    assert_eq!(rehash.subject().source, source);
    assert_eq!(rehash.audit(&Rehashed::Upgraded).1.source, source);
}

/// A proof of the password was said to bring back the life that the login gave, also after the host had shortened it. What
/// a login gave is not written down: the session lives as long again as it had from the last proof to its end.
#[test]
fn a_proof_gives_a_shortened_session_as_long_again_as_it_had() {
    let (mut world, minutes) = (World::new(), Duration::from_mins);
    world.register("ada");
    let login = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let token = login.token.expose();
    world.wait(minutes(50));
    world.run(UpdateSessionData::new(token, "a cart").lifetime(minutes(15))).unwrap().unwrap();
    world.wait(minutes(5));
    let session = world.run(Reauthenticate::new(token, RIGHT)).unwrap().unwrap().session;
    let left = [session.idle_ends, session.absolute_ends].map(|end| end.since(world.now));
    assert_eq!(left, [minutes(15), minutes(50 + 15)]);
}
