//! Flaws that an attack on the core found, each with its story; red before its mending.

use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::{Decision, Reply, Writes};
use doorward_core::model::session::{Amr, Gone, SessionRecord};
use doorward_core::name::LoginName;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::logout::Logout;
use doorward_core::policy::Policy;
use doorward_core::record::{AccountRecord, ActiveRecord, ClientLabel, Key, Kind, LoginRecord, Row};
use doorward_core::store::{Commit, Range};
use doorward_core::token::terms::Scope;

use crate::support::*;

/// A ticket was a plain counter: the verdict on the right password, handed to the machine of a wrong one by a
/// driver's mistake, logged the wrong one in.
#[test]
fn a_verdict_for_another_machine_is_refused() {
    let mut world = World::new();
    world.register("ada");
    let mut right = world.machine(Login::new("ada", RIGHT));
    let mut wrong = world.machine(Login::new("ada", WRONG));
    for machine in [&mut right, &mut wrong] {
        for _ in 0..2 {
            assert!(world.step(machine).is_none());
        }
    }
    ask(&mut wrong).work();
    let asked = ask(&mut right);
    let verdict = world.carry_out(&asked);
    let taken = wrong.reply(asked.ticket(), verdict);
    let admitted = taken.is_ok() && world.finish(wrong).unwrap().is_ok();
    assert!(!admitted, "the wrong password logged in");
}

/// The rehash was a part of the login: a right guess, beyond the allowed number and told to wait, had run
/// Argon2id once more than a wrong one. Its latency told it.
#[test]
fn a_guess_that_is_not_decided_does_the_same_work_right_or_wrong() {
    let work = |password: &str| {
        let mut world = World::new();
        let account = world.register("ada");
        world.set_password(account, RIGHT, 12288, 0xa0);
        let mut machine = world.machine(Login::new("ada", password));
        for _ in 0..2 {
            world.step(&mut machine);
        }
        for _ in 0..5 {
            world.run(Login::new("ada", "some other wrong password")).unwrap().unwrap_err();
        }
        world.steps.clear();
        let outcome = world.finish(machine).unwrap();
        assert!(matches!(outcome, Err(LoginError::Throttled { .. })));
        world.steps.iter().filter(|step| matches!(step, Step::Verify | Step::Hash)).count()
    };
    assert_eq!(work(RIGHT), work(WRONG));
}

/// With its keyring row lost, a store's sessions were "already gone" to a logout, and live again once it was back.
#[test]
fn inv_17_logout_without_a_keyring_does_not_claim_to_be_done() {
    let mut world = World::new();
    world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let keyring = world.map.rows.remove(&Key::Keyring).unwrap();
    let outcome = world.run(Logout::new(token.expose()));
    let claims_done = matches!(outcome, Ok(Ok(_)));
    world.map.rows.insert(Key::Keyring, keyring);
    let lives = world.run(Authenticate::new(token.expose())).unwrap().is_ok();
    assert!(!(claims_done && lives), "a receipt, and the session lives");
}

/// The checksum's parts were not framed: bytes could wander from the owner to the name, and it still agreed.
#[test]
fn a_row_under_another_name_without_its_owner_is_found_out() {
    let owner = AccountId::from_bytes(*b"0123456789abcdef");
    let name = |text: &str| Key::Login(LoginName::parse(text).unwrap());
    let record = LoginRecord { account: owner }.into();
    let row = Row { stamp: stamp(1), epoch: 0, owner: Some(owner), expires: None, record };
    let bytes = row.encode(&name("ada"));
    let read = Row::decode(&name("ada0123456789abcdef"), row.stamp, 0, None, None, &bytes);
    assert!(read.is_err(), "{read:?}");
}

/// An offer or a commit that compares nothing was taken for a comparison of its rows: its outcome was put
/// together from two moments.
#[test]
fn an_outcome_without_preconditions_is_decided_from_one_snapshot() {
    let writes = [|| Writes::new().delete(account(9)), Writes::new];
    for (offer, writes) in [(true, writes[0]), (false, writes[0]), (false, writes[1])] {
        let mut machine = scripted(1, move |facts, _| {
            let Some([two]) = facts.rows([&account(2)]) else { return Ok(Decision::Read(vec![account(2)])) };
            let Some([_]) = facts.rows([&account(1)]) else { return Ok(Decision::Read(vec![account(1)])) };
            let epoch = two.map_or(0, |row| row.epoch);
            Ok(if offer { Decision::Offer(writes(), epoch) } else { Decision::Commit(writes(), epoch) })
        });
        answer(&mut machine, rows([Some(account_row(2, 2))]));
        answer(&mut machine, rows([Some(account_row(1, 1))]));
        assert_eq!(ask(&mut machine).read(), [account(1), account(2)]);
        answer(&mut machine, rows([Some(account_row(1, 1)), Some(account_row(3, 7))]));
        assert_eq!(ask(&mut machine).commit().expectations().count(), 0);
        answer(&mut machine, Reply::Commit(Commit::Applied));
        assert!(matches!(ask(&mut machine).done(), Ok(7)));
    }
}

/// A damaged label with a line break, its checksum made to fit, was read back as a label that is safe to show.
#[test]
fn a_stored_label_is_safe_to_show() {
    let record = SessionRecord {
        salt: [7; 16],
        generation: 1,
        account_epoch: 0,
        global_epoch: 0,
        created: START,
        last_seen: START,
        idle_millis: 1,
        absolute_end: START,
        auth_time: START,
        amr: Amr::PASSWORD,
        label: Some(ClientLabel::new("Firefox")),
        scope: Scope::NONE,
    };
    let key = Key::Session(SessionId::from_bytes([4; 16]));
    let row = Row { stamp: stamp(1), epoch: 0, owner: None, expires: None, record: record.into() };
    let bytes = row.encode(&key);
    let (was, sum) = bytes.split_last_chunk::<4>().unwrap();
    let mut is = was.to_vec();
    *is.last_mut().unwrap() = b'\n';
    let delta: Vec<u8> = was.iter().zip(&is).map(|(a, b)| a ^ b).collect();
    let zeros = vec![0; delta.len()];
    let sum = u32::from_be_bytes(*sum) ^ crc32fast::hash(&delta) ^ crc32fast::hash(&zeros);
    is.extend(sum.to_be_bytes());
    let read = Row::decode(&key, row.stamp, 0, None, None, &is);
    assert!(read.is_err(), "{:?}", read.unwrap().session().unwrap().label);
}

fn page(page: Vec<(Key, Row)>) -> bool {
    let range = Range { kind: Kind::Account, owner: None, after: None };
    let mut machine = scripted(1, move |_, _| Ok(Decision::Scan(range.clone())));
    let ticket = ask(&mut machine).ticket();
    machine.reply(ticket, Reply::Page(page)).is_ok()
}

/// The rows of a page were not held to their key's kind, as those of a read are.
#[test]
fn a_page_with_a_record_of_another_kind_is_misuse() {
    let record = ActiveRecord { since: START }.into();
    assert!(!page(vec![(account(1), Row { record, ..account_row(1, 0) })]));
}

/// Nor were they held to the order of the scan, on which the next page rests.
#[test]
fn a_page_out_of_order_or_with_a_key_twice_is_misuse() {
    assert!(!page(vec![(account(2), account_row(1, 0)), (account(1), account_row(1, 0))]));
    assert!(!page(vec![(account(1), account_row(1, 0)), (account(1), account_row(2, 0))]));
}

/// A login with a previous session of the same account asked for two keys twice in one read.
#[test]
fn no_read_asks_for_a_key_twice() {
    let mut world = World::new();
    world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let mut machine = world.machine(Login::new("ada", RIGHT).previous(token.expose()));
    world.step(&mut machine);
    let keys = ask(&mut machine).read();
    let once: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(once.len(), keys.len(), "{keys:?}");
}

/// With `touch_every` zero, a clock that stepped back wrote `last_seen` back. (Nor is the same moment written twice.)
#[test]
fn activity_never_moves_last_seen_back() {
    let policy = Policy::builder().touch_every(millis(0)).build().unwrap();
    let mut world = World::with(environment_with(policy));
    world.register("ada");
    let logged_in = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let seen =
        |world: &World| world.map.rows[&Key::Session(logged_in.session.id)].session().unwrap().last_seen;
    world.wait(millis(600_000));
    world.run(Authenticate::new(logged_in.token.expose())).unwrap().unwrap();
    let before = seen(&world);
    let (_, steps) = world.trace(Authenticate::new(logged_in.token.expose()));
    assert!(!steps.iter().any(|step| matches!(step, Step::Commit { .. })), "{steps:?}");
    world.now = START;
    world.run(Authenticate::new(logged_in.token.expose())).unwrap().unwrap();
    assert_eq!(seen(&world), before);
}

/// A record put under a key of another kind got as far as the store: account and active encode alike.
#[test]
fn a_record_under_a_key_of_another_kind_is_never_committed() {
    let mut machine = scripted(1, |_, _| {
        Ok(Decision::Commit(Writes::new().put(account(1), None, None, ActiveRecord { since: START }), 0))
    });
    let asked = ask(&mut machine);
    assert!(!matches!(asked, Ask::Commit(..)), "{asked:?}");
}

/// A label that an operation might choose gave the stamp of its first attempt, which everybody may see.
#[test]
fn no_label_of_an_operation_gives_a_stamp() {
    let mut machine = scripted(1, |_, cx| {
        let id = AccountId::from_bytes(cx.bytes("stamp"));
        Ok(Decision::Commit(
            Writes::new().put(Key::Account(id), None, None, AccountRecord { created: START }),
            0,
        ))
    });
    let batch = ask(&mut machine).commit();
    assert_ne!(batch.writes[0].key().id_bytes(), batch.stamp.as_bytes());
}

/// A list of 40,000 rows was taken for an operation that reads without end.
#[test]
fn a_long_scan_is_not_endless() {
    let mut machine = scripted(1, |facts, _| {
        let mut after = None;
        loop {
            let range = Range { kind: Kind::Session, owner: None, after: after.clone() };
            match facts.page(&range) {
                None => return Ok(Decision::Scan(range)),
                Some([]) => return Ok(Decision::Done(0)),
                Some(rows) => after = rows.last().map(|(key, _)| key.clone()),
            }
        }
    });
    let row = Row {
        record: SessionRecord {
            salt: [7; 16],
            generation: 1,
            account_epoch: 0,
            global_epoch: 0,
            created: START,
            last_seen: START,
            idle_millis: 1,
            absolute_end: START,
            auth_time: START,
            amr: Amr::PASSWORD,
            label: None,
            scope: Scope::NONE,
        }
        .into(),
        ..account_row(1, 0)
    };
    let mut next = 0u128;
    while let Ask::Scan(ticket, _, limit) = ask(&mut machine) {
        let page: Vec<_> = (next..(next + limit as u128).min(40_000))
            .map(|n| (Key::Session(SessionId::from_bytes(n.to_be_bytes())), row.clone()))
            .collect();
        next += page.len() as u128;
        machine.reply(ticket, Reply::Page(page)).unwrap();
    }
    assert_eq!(next, 40_000);
}

/// With a live session of one's own as `previous`, a right guess that was not decided took other store calls
/// than a wrong one.
#[test]
fn another_accounts_session_is_told_before_any_password_is_looked_at() {
    let calls = |password: &str| {
        let mut world = World::new();
        world.register("ada");
        world.register("bob");
        let own = world.run(Login::new("bob", RIGHT)).unwrap().unwrap().token;
        let (outcome, steps) = world.trace(Login::new("ada", password).previous(own.expose()));
        assert!(matches!(outcome, Err(LoginError::OtherAccount)));
        assert!(!steps.contains(&Step::Verify));
        steps
    };
    assert_eq!(calls(RIGHT), calls(WRONG));
}

/// INV 19: a request saw the session live, a millisecond before its idle end, and its touch was slow; the next one
/// saw it over and was told so; then the touch landed, and the session was live again.
#[test]
fn inv_19_a_session_that_was_seen_over_stays_over() {
    let mut world = World::new();
    world.register("ada");
    let logged_in = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let token = logged_in.token.expose();
    let end = logged_in.session.idle_ends;
    world.now = end.saturating_sub(millis(1));
    let mut slow = world.machine(Authenticate::new(token));
    world.step(&mut slow);
    ask_at(&mut slow, world.now).commit();
    world.now = end;
    let seen = world.run(Authenticate::new(token)).unwrap();
    assert!(matches!(seen, Err(AuthenticateError::Gone(Gone::Idle))), "{seen:?}");
    assert!(world.finish(slow).unwrap().is_ok(), "it was live when it was looked at");
    assert!(world.run(Authenticate::new(token)).unwrap().is_err());
}
