//! Databases that an older Doorward made: brought to the newest schema with all that is in them.

use doorward::store::SqliteStore;
use doorward_core::id::{GrantId, SessionId};
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Change, Commit, Cursor, Ending, Range, Revocation, Store};
use rusqlite::params;
use rusqlite::types::Value;

use crate::fixture::{
    Home, OLDER, account, at, batch, create, grants, id, name, of_version, read, row, stamp,
};

/// What that version had a table for, but for the two kinds that no test here puts.
fn rows_of(version: usize) -> Vec<(Key, Row)> {
    let mut keys = vec![
        name("anna"),
        Key::Account(account(1)),
        Key::Active(account(1)),
        Key::Attempts(account(1)),
        crate::fixture::throttle(6),
        crate::fixture::session(5),
        crate::fixture::session(6),
    ];
    if version > 1 {
        keys.push(Key::Data(SessionId::from_bytes(id(5))));
        keys.extend([Key::Devices(account(1)), Key::Deletion(account(2)), Key::Clock]);
    }
    let row = |(number, key): (u32, Key)| (key.clone(), Row { epoch: 3, ..row(&key, stamp(number)) });
    (1..).zip(keys).map(row).collect()
}

/// Written by statements of its own: this build writes only the newest schema.
fn insert(sql: &rusqlite::Connection, key: &Key, row: &Row) {
    let id = match key {
        Key::Login(name) => Value::Text(name.as_str().to_owned()),
        _ => Value::Blob(key.id_bytes().to_vec()),
    };
    let statement = format!("INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6)", key.kind().name());
    let (owner, expires) = (row.owner.unwrap(), row.expires.unwrap().as_millis());
    let epoch = i64::try_from(row.epoch).unwrap();
    let columns = params![id, row.stamp.as_bytes(), epoch, owner.as_bytes(), expires, row.encode(key)];
    sql.execute(&statement, columns).unwrap();
}

fn lived_in(home: &Home, version: usize) -> (Vec<(Key, Row)>, Vec<Change>) {
    let sql = of_version(&home.path, version);
    let rows = rows_of(version);
    for (key, row) in &rows {
        insert(&sql, key, row);
    }
    for (kind, subject, floor) in
        [(1, Some(id(9)), None), (2, Some(id(1)), Some(4)), (3, None, Some(2)), (1, Some(id(8)), None)]
    {
        let columns = params![kind, subject, floor];
        sql.execute("INSERT INTO journal (kind, subject, floor, until) VALUES (?1, ?2, ?3, 1000)", columns)
            .unwrap();
    }
    // Purged: its number stays given.
    sql.execute("DELETE FROM journal WHERE cursor = 4", []).unwrap();
    let revocations = [
        Revocation::Session(SessionId::from_bytes(id(9))),
        Revocation::Account { account: account(1), floor: 4 },
        Revocation::Everything { floor: 2 },
    ];
    let change =
        |(cursor, revocation)| Change { cursor: Cursor::from_number(cursor), revocation, until: at(1000) };
    (rows, (1..).zip(revocations).map(change).collect())
}

fn all_rows(store: &SqliteStore) -> Vec<(Key, Row)> {
    let scan = |kind| store.scan(&Range { kind, owner: None, after: None }, 100).unwrap();
    Kind::ALL.into_iter().flat_map(scan).collect()
}

/// INV 15, 26: no row and no entry is lost, changed or brought back; and what the newer version is for works.
#[test]
fn inv_15_inv_26_an_older_database_is_migrated_with_its_rows_and_its_journal() {
    for version in 1..=OLDER.len() {
        let home = Home::new();
        let (rows, journal) = lived_in(&home, version);
        for opening in ["migrated", "opened again"] {
            let store = home.open();
            assert_eq!(all_rows(&store), rows, "{opening} from version {version}");
            let page = store.changes(Cursor::START, 10).unwrap();
            assert_eq!((page.entries, page.end.number()), (journal.clone(), 4), "{opening}");
            for (key, row) in &rows {
                assert_eq!(read(&store, key).as_ref(), Some(row));
            }
            assert!(store.check(|_| std::ops::ControlFlow::Continue(())).is_ok_and(|told| told.is_sound()));
        }
        let number: i64 = home.sql().query_row("PRAGMA user_version", [], |columns| columns.get(0)).unwrap();
        assert_eq!(number, 3);

        let store = home.open();
        create(&store, &grants(5), 20);
        let mut ending = batch(21, vec![]);
        ending.journal.push(Ending::Grant { grant: GrantId::from_bytes(id(3)), until: at(1001) });
        assert_eq!(store.commit(&ending).unwrap(), Commit::Applied);
        let told = store.changes(Cursor::from_number(4), 10).unwrap().entries;
        let revocation = Revocation::Grant(GrantId::from_bytes(id(3)));
        assert_eq!(told, [Change { cursor: Cursor::from_number(5), revocation, until: at(1001) }]);
        let owned = Range { kind: Kind::Grants, owner: Some(account(1)), after: None };
        assert_eq!(store.scan(&owned, 10).unwrap().len(), 1);
        // All that was there expires at 1000, the new row too; the new entry stays.
        assert_eq!(store.purge(at(1000), 100).unwrap(), rows.len() + journal.len() + 1);
        assert_eq!((all_rows(&store), read(&store, &grants(5))), (vec![], None));
        assert_eq!(store.changes(Cursor::START, 10).unwrap().entries.len(), 1);
    }
}
