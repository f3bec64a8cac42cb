//! Damage is found out, said, and never a panic.

use doorward_core::error::StoreErrorKind;
use doorward_core::record::{Key, Kind};
use doorward_core::store::{Batch, Check, Durability, Expect, Range, Store};

use crate::fixture::{Home, account, batch, create, hasty, name, put, session, stamp};

#[test]
fn a_flip_of_any_byte_of_a_record_is_corrupt() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    let sql = home.sql();
    let record: Vec<u8> = sql.query_row("SELECT record FROM session", [], |row| row.get(0)).unwrap();
    let everything = Range { kind: Kind::Session, owner: None, after: None };
    for place in 0..record.len() {
        let mut flipped = record.clone();
        flipped[place] ^= 1 << (place % 8);
        sql.execute("UPDATE session SET record = ?1", [flipped]).unwrap();
        assert_eq!(store.read(&[session(1)]).unwrap_err().kind(), StoreErrorKind::Corrupt, "{place}");
        assert_eq!(store.scan(&everything, 9).unwrap_err().kind(), StoreErrorKind::Corrupt, "{place}");
    }
    sql.execute("UPDATE session SET record = ?1", [record]).unwrap();
    assert!(store.read(&[session(1)]).unwrap()[0].is_some());
}

#[test]
fn a_column_that_cannot_be_is_corrupt() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    for damage in [
        "stamp = x'00'",
        "owner = x'00112233'",
        "owner = NULL",
        "expires = 5",
        "expires = NULL",
        "epoch = -5",
        "record = x''",
    ] {
        let sql = home.sql();
        sql.execute_batch("CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM session").unwrap();
        sql.execute(&format!("UPDATE session SET {damage}"), []).unwrap();
        assert_eq!(store.read(&[session(1)]).unwrap_err().kind(), StoreErrorKind::Corrupt, "{damage}");
        sql.execute_batch("DELETE FROM session; INSERT INTO session SELECT * FROM kept").unwrap();
        assert!(store.read(&[session(1)]).unwrap()[0].is_some());
    }
}

#[test]
fn a_damaged_stamp_fails_its_own_batch_and_no_other() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    home.sql().execute("UPDATE session SET stamp = x'00'", []).unwrap();
    let mut check = Batch::new(stamp(2), Durability::Durable);
    check.checks.push(Check { key: session(1), expect: Expect::Stamp(stamp(1)) });
    std::thread::scope(|scope| {
        let bad = scope.spawn(|| store.commit(&check));
        for number in 10..30 {
            store.commit(&batch(number, vec![put(&session(number), number, Expect::Absent)])).unwrap();
        }
        assert_eq!(bad.join().unwrap().unwrap_err().kind(), StoreErrorKind::Corrupt);
    });
}

#[test]
fn a_key_that_no_row_has_is_corrupt() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    create(&store, &name("anna"), 2);
    home.sql().execute_batch("UPDATE session SET key = x'0011'; UPDATE login SET key = 'ANNA'").unwrap();
    for kind in [Kind::Session, Kind::Login] {
        let range = Range { kind, owner: None, after: None };
        assert_eq!(store.scan(&range, 9).unwrap_err().kind(), StoreErrorKind::Corrupt, "{kind:?}");
    }
}

/// Every page of the file is overwritten in turn: an answer or a typed error, never a panic or a hang.
#[test]
fn a_ruined_page_is_an_error_and_no_panic() {
    let home = Home::new();
    let store = home.open();
    for number in 0..300 {
        create(&store, &session(number), number);
    }
    drop(store);
    let whole = std::fs::read(&home.path).unwrap();
    let mut refusals = 0;
    for page in 0..whole.len() / 4096 {
        for ruin in [0_u8, 0xff, 0x0d] {
            let mut bytes = whole.clone();
            bytes[page * 4096..(page + 1) * 4096].fill(ruin);
            std::fs::write(&home.path, bytes).unwrap();
            let Ok(store) = hasty().open(&home.path) else {
                refusals += 1;
                continue;
            };
            let keys: Vec<Key> = (0..300).map(session).chain([Key::Account(account(1))]).collect();
            let answers = [
                store.read(&keys).map(drop),
                store
                    .scan(&Range { kind: Kind::Session, owner: Some(account(1)), after: None }, 999)
                    .map(drop),
                store.commit(&batch(900, vec![put(&session(900), 900, Expect::Absent)])).map(drop),
            ];
            refusals += usize::from(answers.iter().any(Result::is_err));
            for answer in answers {
                let kind = answer.map_err(|error| error.kind());
                assert!(matches!(kind, Ok(()) | Err(StoreErrorKind::Corrupt)), "page {page}: {kind:?}");
            }
        }
    }
    assert!(refusals > 30, "damage was mostly overlooked: {refusals}");
}
