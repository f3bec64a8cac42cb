//! What is walked over: the journal, scans and purges.

use doorward_core::id::{GrantId, SessionId};
use doorward_core::record::{Key, Kind};
use doorward_core::store::{Commit, Cursor, Ending, Expect, Range, Revocation, Store, Write};

use crate::fixture::{Home, account, at, batch, create, id, name, put, row, session, stamp, throttle};

#[test]
fn the_journal_tells_each_ending_once_in_commit_order() {
    let home = Home::new();
    let store = home.open();
    let key = Key::Account(account(1));
    create(&store, &key, 1);
    let until = at(50);
    let ended = SessionId::from_bytes(id(5));
    let grant = GrantId::from_bytes(id(5));
    let mut first = batch(2, vec![Write::Raise { key: key.clone() }]);
    first.journal = vec![
        Ending::Session { session: ended, until },
        Ending::Epoch { key: key.clone(), until },
        Ending::Grant { grant, until },
    ];
    let mut second = batch(3, vec![Write::Delete { key: key.clone() }]);
    second.journal = vec![Ending::Epoch { key, until }, Ending::Epoch { key: Key::Keyring, until }];
    assert_eq!(store.commit(&first).unwrap(), Commit::Applied);
    assert_eq!(store.commit(&second).unwrap(), Commit::Applied);

    let told = store.changes(Cursor::START, 10).unwrap();
    let revocations: Vec<_> = told.entries.iter().map(|change| change.revocation.clone()).collect();
    let expected = [
        Revocation::Session(ended),
        Revocation::Account { account: account(1), floor: 1 },
        Revocation::Grant(grant),
        Revocation::Account { account: account(1), floor: u64::MAX },
        Revocation::Everything { floor: u64::MAX },
    ];
    assert_eq!(revocations, expected);
    assert!(told.entries.iter().all(|change| change.until == until));
    assert_eq!(told.end, told.entries[4].cursor);

    let page = store.changes(told.entries[0].cursor, 2).unwrap();
    assert_eq!(page.entries, told.entries[1..3]);
    assert_eq!(page.end, told.end);

    assert_eq!(store.purge(at(49), 10).unwrap(), 0);
    assert_eq!(store.purge(at(50), 10).unwrap(), 5);
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
    for (number, text) in (1..).zip(["ö", "z", "anna", "ann", "я", "日本"]) {
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
