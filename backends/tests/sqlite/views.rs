//! What a person sees who opens the database with any SQLite shell.

use doorward_core::id::{GrantId, SessionId};
use doorward_core::record::Key;
use doorward_core::store::{Ending, Store};

use crate::fixture::{Home, account, at, batch, create, grants, id, name, session, throttle};

#[test]
fn views_are_readable_beside_a_running_store_and_hold_no_record() {
    let home = Home::new();
    let store = home.open();
    let keys = [name("anna"), Key::Account(account(1)), Key::Active(account(1)), session(5), throttle(6)];
    for (number, key) in (1..).zip(keys.into_iter().chain([grants(5)])) {
        create(&store, &key, number);
    }
    let mut ending = batch(9, vec![]);
    ending.journal.push(Ending::Session { session: SessionId::from_bytes(id(5)), until: at(1000) });
    ending.journal.push(Ending::Grant { grant: GrantId::from_bytes(id(6)), until: at(1000) });
    store.commit(&ending).unwrap();

    let sql = home.sql();
    sql.execute_batch("PRAGMA trusted_schema = OFF").unwrap();
    let one = "00000000000000000000000000000001";
    let five = "00000000000000000000000000000005";
    let six = "00000000000000000000000000000006";
    let second = "1970-01-01T00:00:01Z";
    for (view, expected) in [
        ("logins", vec!["anna", one]),
        ("accounts", vec![one, "0", "1", "1"]),
        ("sessions", vec![five, one, second]),
        ("throttles", vec![six, second]),
        ("session_grants", vec![five, one, second]),
        ("journal_entries", vec!["1", "session", five, "-", second]),
        ("journal_entries WHERE cursor = 2", vec!["2", "grant", six, "-", second]),
    ] {
        let mut statement = sql.prepare(&format!("SELECT * FROM {view}")).unwrap();
        let columns = statement.column_count();
        assert!((0..columns).all(|column| statement.column_name(column).unwrap() != "record"), "{view}");
        let seen: Vec<String> = statement
            .query_row([], |row| {
                (0..columns)
                    .map(|column| {
                        Ok(match row.get_ref(column)? {
                            rusqlite::types::ValueRef::Null => "-".into(),
                            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                            other => other.as_str()?.to_owned(),
                        })
                    })
                    .collect()
            })
            .unwrap();
        assert_eq!(seen, expected, "{view}");
        let write = sql.execute(&format!("DELETE FROM {view}"), []);
        assert!(write.is_err(), "{view} is read-only");
    }
}

#[test]
fn file_tools_can_tell_whose_database_it_is() {
    let home = Home::new();
    drop(home.open());
    let header = std::fs::read(&home.path).unwrap();
    assert_eq!(&header[68..72], b"DOOR");
}
