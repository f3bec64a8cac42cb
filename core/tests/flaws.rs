//! Flaws found in core: each test states the promise and is red today.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers fail as their tests do")]

mod support;

use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::{Decision, Reply, Writes};
use doorward_core::model::session::{Amr, SessionRecord};
use doorward_core::name::LoginName;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::logout::Logout;
use doorward_core::policy::Policy;
use doorward_core::record::{AccountRecord, ActiveRecord, ClientLabel, Key, Kind, LoginRecord, Row};
use doorward_core::store::{Commit, Range};
use doorward_core::time::Timestamp;
use support::*;

/// F1: error.rs says of `Misuse::Ticket`: "or one for another machine". The verdict on another password opens.
#[test]
fn f1_a_verdict_for_another_machine_is_refused() {
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

/// F2: guesses beyond the allowed number decide nothing, but the right one takes another Argon2id run before
/// it is told to wait: its latency tells it from the wrong ones.
#[test]
fn f2_a_guess_that_is_not_decided_does_the_same_work_right_or_wrong() {
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

/// F3: "already gone" while the row stands: with the keyring lost, logout neither ends nor says so.
#[test]
fn f3_inv_17_logout_without_a_keyring_does_not_claim_to_be_done() {
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

/// F4: the checksum's parts are not framed: bytes wander from owner to name and it still agrees.
#[test]
fn f4_a_row_under_another_name_without_its_owner_is_found_out() {
    let owner = AccountId::from_bytes(*b"0123456789abcdef");
    let name = |text: &str| Key::Login(LoginName::parse(text).unwrap());
    let record = LoginRecord { account: owner }.into();
    let row = Row { stamp: stamp(1), epoch: 0, owner: Some(owner), expires: None, record };
    let bytes = row.encode(&name("ada"));
    let read = Row::decode(&name("ada0123456789abcdef"), row.stamp, 0, None, None, &bytes);
    assert!(read.is_err(), "{read:?}");
}

/// F5: an applied offer is taken for a comparison of its rows, but one that only takes away compares nothing.
#[test]
fn f5_an_offer_that_only_takes_away_confirms_its_answer() {
    let mut machine = scripted(1, |facts, _| {
        let Some([two]) = facts.rows([&account(2)]) else { return Ok(Decision::Read(vec![account(2)])) };
        let Some([_]) = facts.rows([&account(1)]) else { return Ok(Decision::Read(vec![account(1)])) };
        Ok(Decision::Offer(Writes::new().delete(account(9)), two.map_or(0, |row| row.epoch)))
    });
    answer(&mut machine, rows([Some(account_row(2, 2))]));
    answer(&mut machine, rows([Some(account_row(1, 1))]));
    assert_eq!(ask(&mut machine).commit().expectations().count(), 0);
    answer(&mut machine, Reply::Commit(Commit::Applied));
    assert!(matches!(ask(&mut machine), Ask::Read(..)), "released over two snapshots");
}

/// F5b: the same for a commit that writes nothing, or only takes away.
#[test]
fn f5b_a_commit_without_preconditions_confirms_its_answer() {
    let mut machine = scripted(1, |facts, _| {
        let Some([two]) = facts.rows([&account(2)]) else { return Ok(Decision::Read(vec![account(2)])) };
        let Some([_]) = facts.rows([&account(1)]) else { return Ok(Decision::Read(vec![account(1)])) };
        Ok(Decision::Commit(Writes::new(), two.map_or(0, |row| row.epoch)))
    });
    answer(&mut machine, rows([Some(account_row(2, 2))]));
    answer(&mut machine, rows([Some(account_row(1, 1))]));
    answer(&mut machine, Reply::Commit(Commit::Applied));
    assert!(matches!(ask(&mut machine), Ask::Read(..)), "released over two snapshots");
}

/// F6: `Row::decode` "refuses whatever `Row::encode` would not have written": a label with a line break.
#[test]
fn f6_a_stored_label_is_safe_to_show() {
    let record = SessionRecord {
        salt: [7; 16], generation: 1, account_epoch: 0, global_epoch: 0, created: START, last_seen: START,
        idle_millis: 1, absolute_end: START, auth_time: START, amr: Amr::PASSWORD,
        label: Some(ClientLabel::new("Firefox")),
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

/// F7: rows of a page are not held to their key's kind, as those of a read are.
#[test]
fn f7_a_page_with_a_record_of_another_kind_is_misuse() {
    let record = ActiveRecord { since: START }.into();
    assert!(!page(vec![(account(1), Row { record, ..account_row(1, 0) })]));
}

/// F7b: nor to the order of the scan, on which the next page's `after` rests.
#[test]
fn f7b_a_page_out_of_order_or_with_a_key_twice_is_misuse() {
    assert!(!page(vec![(account(2), account_row(1, 0)), (account(1), account_row(1, 0))]));
    assert!(!page(vec![(account(1), account_row(1, 0)), (account(1), account_row(2, 0))]));
}

/// F8: a login with a previous session of the same account asks for two keys twice in its reads.
#[test]
fn f8_no_read_asks_for_a_key_twice() {
    let mut world = World::new();
    world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let mut machine = world.machine(Login::new("ada", RIGHT).previous(token.expose()));
    world.step(&mut machine);
    let keys = ask(&mut machine).read();
    let once: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(once.len(), keys.len(), "{keys:?}");
}

/// F9: with `touch_every` zero (which the policy allows) a clock that steps back writes `last_seen` back.
#[test]
fn f9_activity_never_moves_last_seen_back() {
    let policy = Policy::builder().touch_every(millis(0)).build().unwrap();
    let mut world = World::with(environment_with(policy));
    world.register("ada");
    let logged_in = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let seen = |world: &World| world.map.rows[&Key::Session(logged_in.session.id)].session().unwrap().last_seen;
    world.wait(millis(600_000));
    world.run(Authenticate::new(logged_in.token.expose())).unwrap().unwrap();
    let before = seen(&world);
    world.now = START;
    world.run(Authenticate::new(logged_in.token.expose())).unwrap().unwrap();
    assert_eq!(seen(&world), before);
}

/// F10: a record put under a key of another kind gets as far as the store (account and active encode alike).
#[test]
fn f10_a_record_under_a_key_of_another_kind_is_never_committed() {
    let mut machine = scripted(1, |_, _| {
        Ok(Decision::Commit(Writes::new().put(account(1), None, None, ActiveRecord { since: START }), 0))
    });
    let asked = ask(&mut machine);
    assert!(!matches!(asked, Ask::Commit(..)), "{asked:?}");
}

/// F11: `Context::bytes("stamp")` is the stamp of the first attempt, which everybody may see.
#[test]
fn f11_no_label_of_an_operation_gives_a_stamp() {
    let mut machine = scripted(1, |_, cx| {
        let id = AccountId::from_bytes(cx.bytes("stamp"));
        Ok(Decision::Commit(Writes::new().put(Key::Account(id), None, None, AccountRecord { created: START }), 0))
    });
    let batch = ask(&mut machine).commit();
    assert_ne!(batch.writes[0].key().id_bytes(), batch.stamp.as_bytes());
}

/// F12: "When it was decided": a late poll moves the time of what was decided before it.
#[test]
fn f12_an_event_bears_the_time_of_its_decision() {
    let mut machine = scripted(1, |_, _| Ok(Decision::Commit(Writes::new().delete(account(1)), 0)));
    answer(&mut machine, Reply::Commit(Commit::Applied));
    let Ask::Done(_, event) = ask_at(&mut machine, Timestamp::MAX) else { panic!() };
    assert_eq!(event.at, START);
}

/// F13: a list of 40,000 rows is no misuse by the operation.
#[test]
fn f13_a_long_scan_is_not_endless() {
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
            salt: [7; 16], generation: 1, account_epoch: 0, global_epoch: 0, created: START, last_seen: START,
            idle_millis: 1, absolute_end: START, auth_time: START, amr: Amr::PASSWORD, label: None,
        }.into(),
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

/// F2b: with a live session of one's own as `previous`, an undecided right guess takes fewer store calls.
#[test]
fn f2b_an_undecided_guess_makes_the_same_store_calls_right_or_wrong() {
    let calls = |password: &str| {
        let mut world = World::new();
        world.register("ada");
        world.register("bob");
        let own = world.run(Login::new("bob", RIGHT)).unwrap().unwrap().token;
        let mut machine = world.machine(Login::new("ada", password).previous(own.expose()));
        for _ in 0..2 {
            world.step(&mut machine);
        }
        for _ in 0..5 {
            world.run(Login::new("ada", "some other wrong password")).unwrap().unwrap_err();
        }
        world.steps.clear();
        let outcome = world.finish(machine).unwrap();
        assert!(matches!(outcome, Err(LoginError::Throttled { .. })));
        world.steps.iter().map(|step| format!("{step:?}").split([' ', '(']).next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(calls(RIGHT), calls(WRONG));
}

/// F14: "The core never takes an expired row for a live one" holds for counters only.
#[test]
fn f14_a_row_whose_expiry_has_come_is_not_live() {
    let mut world = World::new();
    world.register("ada");
    let logged_in = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    world.map.rows.get_mut(&Key::Session(logged_in.session.id)).unwrap().expires = Some(START);
    assert!(world.run(Authenticate::new(logged_in.token.expose())).unwrap().is_err());
}
