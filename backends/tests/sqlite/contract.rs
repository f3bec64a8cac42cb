//! The promises of `doorward_core::store`, one by one.

use std::sync::atomic::{AtomicBool, Ordering};

use doorward_core::error::StoreErrorKind;
use doorward_core::id::SessionId;
use doorward_core::record::{Key, Kind};
use doorward_core::store::{
    Batch, Check, Commit, Cursor, Durability, Ending, Expect, Guarantees, Range, Revocation, Store, Write,
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

#[test]
fn the_journal_tells_each_ending_once_in_commit_order() {
    let home = Home::new();
    let store = home.open();
    let key = Key::Account(account(1));
    create(&store, &key, 1);
    let until = at(50);
    let ended = SessionId::from_bytes(id(5));
    let mut first = batch(2, vec![Write::Raise { key: key.clone() }]);
    first.journal =
        vec![Ending::Session { session: ended, until }, Ending::Epoch { key: key.clone(), until }];
    let mut second = batch(3, vec![Write::Delete { key: key.clone() }]);
    second.journal = vec![Ending::Epoch { key, until }, Ending::Epoch { key: Key::Keyring, until }];
    assert_eq!(store.commit(&first).unwrap(), Commit::Applied);
    assert_eq!(store.commit(&second).unwrap(), Commit::Applied);

    let told = store.changes(Cursor::START, 10).unwrap();
    let revocations: Vec<_> = told.entries.iter().map(|change| change.revocation.clone()).collect();
    let expected = [
        Revocation::Session(ended),
        Revocation::Account { account: account(1), floor: 1 },
        Revocation::Account { account: account(1), floor: u64::MAX },
        Revocation::Everything { floor: u64::MAX },
    ];
    assert_eq!(revocations, expected);
    assert!(told.entries.iter().all(|change| change.until == until));
    assert_eq!(told.end, told.entries[3].cursor);

    let page = store.changes(told.entries[0].cursor, 2).unwrap();
    assert_eq!(page.entries, told.entries[1..3]);
    assert_eq!(page.end, told.end);

    assert_eq!(store.purge(at(49), 10).unwrap(), 0);
    assert_eq!(store.purge(at(50), 10).unwrap(), 4);
    let purged = store.changes(Cursor::START, 10).unwrap();
    assert_eq!((purged.entries.len(), purged.end), (0, told.end), "the end stands when its entries are gone");
    drop(store);
    let again = home.open();
    let mut third = batch(4, vec![]);
    third.journal = vec![Ending::Session { session: ended, until }];
    again.commit(&third).unwrap();
    assert!(again.changes(Cursor::START, 1).unwrap().end > told.end, "no number is given twice");
}

#[test]
fn scans_walk_in_key_order_from_page_to_page() {
    let home = Home::new();
    let store = home.open();
    let numbers = [3_u32, 1, 300, 2, 70_000, 255, 256];
    for number in numbers {
        create(&store, &session(number), number);
    }
    let mut foreign = row(&session(4), stamp(4));
    foreign.owner = Some(account(2));
    store
        .commit(&batch(4, vec![Write::Put { key: session(4), row: foreign, expect: Expect::Absent }]))
        .unwrap();
    let walk = |owner, limit| {
        let mut found = Vec::new();
        let mut range = Range { kind: Kind::Session, owner, after: None };
        loop {
            let page = store.scan(&range, limit).unwrap();
            assert!(page.iter().all(|(key, row)| range.holds(key, row)));
            found.extend(page.iter().map(|(key, _)| key.clone()));
            range.after = page.last().map(|(key, _)| key.clone());
            if page.len() < limit {
                return found;
            }
        }
    };
    let keys = |numbers: &[u32]| numbers.iter().map(|number| session(*number)).collect::<Vec<_>>();
    for limit in [1, 3, 100] {
        assert_eq!(walk(None, limit), keys(&[1, 2, 3, 4, 255, 256, 300, 70_000]));
        assert_eq!(walk(Some(account(1)), limit), keys(&[1, 2, 3, 255, 256, 300, 70_000]));
        assert_eq!(walk(Some(account(2)), limit), keys(&[4]));
        assert_eq!(walk(Some(account(3)), limit), keys(&[]));
    }
    let beyond =
        |after| store.scan(&Range { kind: Kind::Session, owner: None, after: Some(after) }, 100).unwrap();
    assert_eq!(beyond(name("anna")).len(), 8, "every session sorts after a login name");
    assert_eq!(beyond(Key::Keyring).len(), 0, "and before the keyring");
    assert_eq!(store.scan(&Range { kind: Kind::Session, owner: None, after: None }, 0).unwrap(), []);
}

#[test]
fn names_are_scanned_in_the_order_of_their_bytes() {
    let home = Home::new();
    let store = home.open();
    for (number, text) in (1..).zip(["ö", "z", "anna", "ann", "a\u{10ffff}", "𝒶"]) {
        create(&store, &name(text), number);
    }
    let page = store.scan(&Range { kind: Kind::Login, owner: None, after: None }, 10).unwrap();
    let mut sorted: Vec<_> = page.iter().map(|(key, _)| key.clone()).collect();
    sorted.sort();
    assert_eq!(page.len(), 6);
    assert!(page.iter().map(|(key, _)| key).eq(&sorted));
}

#[test]
fn a_purge_takes_what_has_expired_and_nothing_else_in_bounded_bites() {
    let home = Home::new();
    let store = home.open();
    let mut writes: Vec<_> = (0..600).map(|number| put(&session(number), 1, Expect::Absent)).collect();
    writes.push(put(&throttle(1), 1, Expect::Absent));
    for (number, expires) in [(1000, None), (1001, Some(at(1001)))] {
        let mut row = row(&session(number), stamp(1));
        row.expires = expires;
        writes.push(Write::Put { key: session(number), row, expect: Expect::Absent });
    }
    store.commit(&batch(1, writes)).unwrap();
    assert_eq!(store.purge(at(999), 1000).unwrap(), 0);
    assert_eq!(store.purge(at(1000), 0).unwrap(), 0);
    assert_eq!(store.purge(at(1000), 10).unwrap(), 10);
    assert_eq!(store.purge(at(1000), 1000).unwrap(), 591);
    assert_eq!(store.purge(at(1000), 1000).unwrap(), 0);
    let rest = store.scan(&Range { kind: Kind::Session, owner: None, after: None }, 10).unwrap();
    assert!(rest.iter().map(|(key, _)| key).eq(&[session(1000), session(1001)]));
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
