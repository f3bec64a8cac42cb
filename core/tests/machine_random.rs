//! Any driver at all, on any store at all: no reply panics, and every machine comes to an end.

use std::collections::BTreeSet;
use std::fmt::Debug;

use doorward_core::error::StoreErrorKind;
use doorward_core::id::{AccountId, Stamp};
use doorward_core::machine::{Decide, Machine, Reply, Ticket};
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::open::Open;
use doorward_core::operation::register::Register;
use doorward_core::record::{Key, Kind, Record, Row};
use doorward_core::store::Commit;
use doorward_core::time::Timestamp;
use doorward_core::work::{Work, Worked};
use proptest::prelude::*;

use crate::support::{Ask, RIGHT, START, WRONG, World, ask_at, failed, hash, verified};

/// What a hostile driver does next, and with which byte of noise.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// The right answer.
    Honest,
    /// The right answer, with rows removed, restamped, raised, of another record or another owner.
    Twisted,
    Conflict,
    Fails,
    /// A reply of another form, or with an old ticket.
    Misfit,
    /// Somebody else writes, and the clock jumps.
    World,
}

fn moves() -> impl Strategy<Value = Vec<(Move, u8)>> {
    let one = prop_oneof![
        6 => Just(Move::Honest),
        4 => Just(Move::Twisted),
        4 => Just(Move::Conflict),
        2 => Just(Move::Fails),
        2 => Just(Move::Misfit),
        3 => Just(Move::World),
    ];
    // One honest step at least: a driver that only errs gets nowhere, and is told so each time.
    proptest::collection::vec((one, any::<u8>()), 1..60).prop_map(|mut moves| {
        moves.push((Move::Honest, 0));
        moves
    })
}

const KINDS: [StoreErrorKind; 4] =
    [StoreErrorKind::Unknown, StoreErrorKind::Retryable, StoreErrorKind::Fatal, StoreErrorKind::Corrupt];

fn twist(row: &mut Row, noise: u8, map: &crate::support::Map) {
    match noise % 5 {
        0 => row.stamp = Stamp::from_bytes([noise; 16]),
        1 => row.epoch = u64::MAX - u64::from(noise),
        2 => row.owner = (noise < 128).then(|| AccountId::from_bytes([noise; 16])),
        3 => row.expires = Some(Timestamp::from_millis(i64::MAX - i64::from(noise))),
        _ => {
            let alike = |other: &&Row| other.record.kind() == row.record.kind();
            if let Some(other) = map.rows.values().filter(alike).nth(usize::from(noise) % 2) {
                row.record = other.record.clone();
            }
        }
    }
    if let Record::Session(record) = &mut row.record
        && noise > 200
    {
        record.last_seen = Timestamp::MAX;
        record.idle_millis = u64::MAX;
    }
}

fn disturb(world: &mut World, noise: u8) {
    let jump = i64::from(noise) * 997_331 - 100_000_000;
    world.now = Timestamp::from_millis(START.as_millis() + jump);
    let at = usize::from(noise) % world.map.rows.len().max(1);
    let Some(key) = world.map.rows.keys().nth(at).cloned() else { return };
    if noise.is_multiple_of(3) {
        world.map.rows.remove(&key);
    } else {
        world.map.raise(&key, Stamp::from_bytes([noise; 16]));
    }
}

/// Drives the machine by the moves, over and over. Counts only replies that were taken.
fn drive<O: Decide<Outcome: Debug>>(
    world: &mut World,
    mut machine: Machine<O>,
    moves: &[(Move, u8)],
    lies_about_work: bool,
) {
    let mut old: Option<Ticket> = None;
    let mut taken = 0;
    for (step, noise) in moves.iter().copied().cycle().take(20_000) {
        let asked = ask_at(&mut machine, world.now);
        let told = format!("{asked:?}");
        if let Ask::Done(..) = asked {
            assert!(taken <= 16 * 8 * 2, "{taken} replies");
            return;
        }
        let ticket = asked.ticket();
        let reply = match (step, &asked) {
            (Move::World, _) => {
                disturb(world, noise);
                continue;
            }
            (Move::Misfit, _) => {
                let wrong = match &asked {
                    Ask::Read(_, keys) => Reply::Rows(vec![None; keys.len() + 1 + usize::from(noise)]),
                    _ => Reply::Rows(vec![]),
                };
                assert!(machine.reply(ticket, wrong).is_err());
                if let Some(old) = old {
                    assert!(machine.reply(old, failed(StoreErrorKind::Fatal)).is_err());
                }
                assert_eq!(format!("{:?}", ask_at(&mut machine, Timestamp::from_millis(0))), told);
                continue;
            }
            (Move::Conflict, Ask::Commit(..)) => Reply::Commit(Commit::Conflict),
            // Seldom, or nothing would ever get far.
            (Move::Fails, Ask::Read(..) | Ask::Commit(..)) if noise < 64 => {
                failed(KINDS[usize::from(noise) % KINDS.len()])
            }
            (Move::Fails, Ask::Commit(..)) => failed(StoreErrorKind::Unknown),
            (Move::Fails, Ask::Work(..)) if noise < 64 => Reply::Busy,
            (Move::Twisted, Ask::Work(_, Work::Verify { .. })) if lies_about_work => {
                Reply::Worked(verified(noise < 128))
            }
            (Move::Twisted, Ask::Work(_, Work::Hash { .. })) => {
                Reply::Worked(Worked::Hashed(hash(noise.into(), 19456)))
            }
            (Move::Twisted, Ask::Read(..)) => {
                let Reply::Rows(mut rows) = world.carry_out(&asked) else { panic!("rows") };
                let at = usize::from(noise) % rows.len();
                match &mut rows[at] {
                    Some(row) if noise > 40 => twist(row, noise, &world.map),
                    row => *row = None,
                }
                Reply::Rows(rows)
            }
            _ => world.carry_out(&asked),
        };
        machine.reply(ticket, reply).expect("a reply of the right form is taken");
        taken += 1;
        old = Some(ticket);
    }
    panic!("it does not end: {:?}", machine.poll(world.now));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn inv_40_every_machine_ends_under_any_driver(moves in moves(), which in 0..7u8) {
        let mut world = World::new();
        world.register("ada");
        world.register("bob");
        let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
        let token = token.expose();
        world.wait(crate::support::millis(120_000));
        macro_rules! drive {
            ($operation:expr) => {{
                let machine = world.machine($operation);
                drive(&mut world, machine, &moves, true);
            }};
        }
        match which {
            0 => drive!(Login::new("ada", RIGHT)),
            1 => drive!(Login::new("ada", WRONG).previous(token)),
            2 => drive!(Login::new("bob", RIGHT).previous(token)),
            3 => drive!(Authenticate::new(token)),
            4 => drive!(Logout::new(token)),
            5 => drive!(Register::new("cleo", RIGHT)),
            _ => drive!(Open::new()),
        }
    }

    /// Whatever a store says about its rows, and whoever writes to it: as long as Argon2id does its work, a
    /// password that is wrong makes no session.
    #[test]
    fn inv_17_a_store_that_lies_makes_no_wrong_password_right(moves in moves()) {
        let mut world = World::new();
        world.register("ada");
        world.register("bob");
        world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
        let sessions = |world: &World| -> BTreeSet<Key> {
            world.map.rows.keys().filter(|key| key.kind() == Kind::Session).cloned().collect()
        };
        let before = sessions(&world);
        let machine = world.machine(Login::new("ada", WRONG));
        drive(&mut world, machine, &moves, false);
        prop_assert!(sessions(&world).is_subset(&before));
    }
}
