//! The promises of `doorward_core::store`, one by one.

use std::sync::atomic::{AtomicBool, Ordering};

use doorward_core::error::StoreErrorKind;
use doorward_core::id::SessionId;
use doorward_core::model::data::DataRecord;
use doorward_core::record::{Key, Record, Row};
use doorward_core::store::{
    Batch, Check, Commit, Cursor, Durability, Ending, Expect, Guarantees, Store, Write,
};

use crate::fixture::{Home, account, at, batch, create, id, name, put, read, row, session, stamp, throttle};

#[test]
fn guarantees_are_all() {
    assert_eq!(Home::new().open().guarantees(), Guarantees::ALL);
}

#[test]
fn a_row_comes_back_as_it_was_put_and_in_the_order_asked() {
    let home = Home::new();
    let store = home.open();
    let keys = [session(1), name("anna"), Key::Account(account(1)), throttle(1), Key::Attempts(account(1))];
    for (number, key) in (1..).zip(&keys) {
        create(&store, key, number);
    }
    let asked = [&keys[3], &session(9), &keys[0], &keys[1], &keys[2], &keys[4], &keys[0]].map(Clone::clone);
    let rows = store.read(&asked).unwrap();
    let expected = [Some(4), None, Some(1), Some(2), Some(3), Some(5), Some(1)];
    for ((key, found), number) in asked.iter().zip(&rows).zip(expected) {
        assert_eq!(*found, number.map(|number| row(key, stamp(number))), "{key:?}");
    }
    assert_eq!(store.read(&[]).unwrap(), []);
}

#[test]
fn a_row_without_owner_and_end_comes_back_so() {
    let home = Home::new();
    let store = home.open();
    for expires in [None, Some(at(i64::MIN)), Some(at(0)), Some(at(i64::MAX))] {
        let mut row = row(&session(1), stamp(1));
        (row.owner, row.expires) = (None, expires);
        let expect = read(&store, &session(1)).map_or(Expect::Absent, |row| Expect::Stamp(row.stamp));
        let put = Write::Put { key: session(1), row: row.clone(), expect };
        assert_eq!(store.commit(&batch(1, vec![put])).unwrap(), Commit::Applied);
        assert_eq!(read(&store, &session(1)), Some(row));
    }
}

#[test]
fn any_expectation_that_fails_makes_the_whole_batch_a_conflict() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    let other = put(&session(2), 7, Expect::Absent);
    let bad_puts = [
        put(&session(1), 7, Expect::Absent),
        put(&session(1), 7, Expect::Stamp(stamp(2))),
        put(&session(3), 7, Expect::Stamp(stamp(2))),
    ];
    for bad in bad_puts {
        let batch = batch(7, vec![other.clone(), bad]);
        assert_eq!(store.commit(&batch).unwrap(), Commit::Conflict);
    }
    let bad_checks = [
        (session(1), Expect::Absent),
        (session(1), Expect::Stamp(stamp(2))),
        (session(3), Expect::Stamp(stamp(2))),
    ];
    for (key, expect) in bad_checks {
        let mut batch = batch(7, vec![other.clone(), Write::Delete { key: session(1) }]);
        batch.checks.push(Check { key, expect });
        batch.journal.push(Ending::Session { session: SessionId::from_bytes(id(1)), until: at(9) });
        assert_eq!(store.commit(&batch).unwrap(), Commit::Conflict);
    }
    assert_eq!(read(&store, &session(1)), Some(row(&session(1), stamp(1))));
    assert_eq!(read(&store, &session(2)), None);
    assert_eq!(store.changes(Cursor::START, 9).unwrap().end, Cursor::START);
}

/// A request in flight must not write a logged-out session back to life.
#[test]
fn what_was_ended_stays_ended() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    let delete = batch(2, vec![Write::Delete { key: session(1) }]);
    assert_eq!(store.commit(&delete).unwrap(), Commit::Applied);
    let touch = batch(3, vec![put(&session(1), 3, Expect::Stamp(stamp(1)))]);
    assert_eq!(store.commit(&touch).unwrap(), Commit::Conflict);
    assert_eq!(read(&store, &session(1)), None);
    assert_eq!(store.commit(&delete).unwrap(), Commit::Applied, "a delete is never refused");
}

#[test]
fn a_raise_adds_one_restamps_and_touches_nothing_else() {
    let home = Home::new();
    let store = home.open();
    let key = Key::Account(account(1));
    create(&store, &key, 1);
    for number in 2..=3 {
        let raise = batch(number, vec![Write::Raise { key: key.clone() }]);
        assert_eq!(store.commit(&raise).unwrap(), Commit::Applied);
        let mut expected = row(&key, stamp(number));
        expected.epoch = u64::from(number) - 1;
        assert_eq!(read(&store, &key), Some(expected));
    }
    let absent = batch(4, vec![Write::Raise { key: Key::Account(account(9)) }]);
    assert_eq!(store.commit(&absent).unwrap(), Commit::Applied);
    assert_eq!(read(&store, &Key::Account(account(9))), None);
}

/// SQLite's integers are signed: an epoch that wrapped would revive every session of the account.
#[test]
fn an_epoch_never_wraps() {
    let home = Home::new();
    let store = home.open();
    let key = Key::Account(account(1));
    let with_epoch = |epoch| {
        let mut row = row(&key, stamp(1));
        row.epoch = epoch;
        batch(1, vec![Write::Put { key: key.clone(), row, expect: Expect::Absent }])
    };
    let last = u64::try_from(i64::MAX).unwrap();
    assert_eq!(store.commit(&with_epoch(last + 1)).unwrap_err().kind(), StoreErrorKind::Fatal);
    assert_eq!(store.commit(&with_epoch(last)).unwrap(), Commit::Applied);
    let raise = batch(2, vec![Write::Raise { key: key.clone() }]);
    assert_eq!(store.commit(&raise).unwrap_err().kind(), StoreErrorKind::Fatal);
    assert_eq!(read(&store, &key).map(|row| row.epoch), Some(last));
    home.sql().execute("UPDATE account SET epoch = -1", []).unwrap();
    assert_eq!(store.read(&[key]).unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[test]
fn malformed_batches_are_refused() {
    let home = Home::new();
    let store = home.open();
    let mut of_a_session = batch(1, vec![]);
    of_a_session.journal.push(Ending::Epoch { key: session(1), until: at(9) });
    assert_eq!(store.commit(&of_a_session).unwrap_err().kind(), StoreErrorKind::Fatal);
    let row = row(&session(1), stamp(1));
    let mixed = batch(1, vec![Write::Put { key: Key::Account(account(1)), row, expect: Expect::Absent }]);
    assert_eq!(store.commit(&mixed).unwrap_err().kind(), StoreErrorKind::Fatal);
}

/// A record over 256 KiB was stored, and could never be read again.
#[test]
fn a_record_that_could_not_be_read_again_is_not_stored() {
    let home = Home::new();
    let store = home.open();
    let put = |number: u32, bytes: usize| {
        let key = Key::Data(SessionId::from_bytes(id(number)));
        let record = Record::Data(DataRecord { bytes: vec![7; bytes] });
        let row = Row { record, ..row(&session(number), stamp(number)) };
        let put = Write::Put { key: key.clone(), row, expect: Expect::Absent };
        (key, batch(number, vec![put]))
    };
    // Version, array, length and checksum.
    let most = 256 * 1024 - 1 - 1 - 5 - 4;
    let (key, longest) = put(1, most);
    assert_eq!(store.commit(&longest).unwrap(), Commit::Applied);
    assert!(read(&store, &key).is_some());
    let (key, longer) = put(2, most + 1);
    assert_eq!(store.commit(&longer).unwrap_err().kind(), StoreErrorKind::Fatal);
    assert!(read(&store, &key).is_none());
}

/// Many threads raise one row and create their own: whatever shares a group, each is done exactly once.
#[test]
fn grouped_commits_are_each_applied_once_and_answered_truly() {
    let home = Home::new();
    let store = home.open();
    let shared = Key::Account(account(1));
    create(&store, &shared, 1);
    let (threads, rounds) = (8_u32, 25_u32);
    let won: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (store, shared) = (&store, &shared);
                scope.spawn(move || {
                    let mut won = 0;
                    for round in 0..rounds {
                        let number = 1000 + thread * rounds + round;
                        let own = put(&session(number), number, Expect::Absent);
                        let raise = Write::Raise { key: shared.clone() };
                        let both = batch(number, vec![own, raise]);
                        assert_eq!(store.commit(&both).unwrap(), Commit::Applied);
                        assert!(read(store, &session(number)).is_some(), "applied is visible at once");
                        // One of the threads gets it; the others are told so.
                        let contested = batch(number, vec![put(&throttle(round), number, Expect::Absent)]);
                        won += usize::from(store.commit(&contested).unwrap() == Commit::Applied);
                    }
                    won
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(won, 25);
    assert_eq!(read(&store, &shared).map(|row| row.epoch), Some(u64::from(threads * rounds)));
}

/// Two rows that are always written together are never seen apart, here or through another handle.
#[test]
fn a_read_is_one_snapshot() {
    let home = Home::new();
    let store = home.open();
    let pair = [Key::Account(account(1)), session(1)];
    for key in &pair {
        create(&store, key, 1);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 2..400 {
                let raise = pair.iter().map(|key| Write::Raise { key: key.clone() }).collect();
                let batch = Batch { durability: Durability::Relaxed, ..batch(number, raise) };
                store.commit(&batch).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let other = home.open();
        while !done.load(Ordering::SeqCst) {
            for store in [&store, &other] {
                let rows = store.read(&pair).unwrap();
                let stamps: Vec<_> = rows.iter().flatten().map(|row| row.stamp).collect();
                assert_eq!(stamps[0], stamps[1]);
            }
        }
    });
}
