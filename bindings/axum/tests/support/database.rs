//! The database file, read beside the engine that has it open.

use std::collections::BTreeMap;
use std::path::Path;

use doorward::SessionId;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Every row of every table of ours.
pub(crate) fn rows(path: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let database = open(path);
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut tables = database.prepare(sql).unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(tables.len() > 10, "{tables:?}");
    let all = |table: &String| {
        let mut all = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
        let columns = all.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
        all.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    tables.iter().map(|table| (table.clone(), all(table))).collect()
}

pub(crate) fn count(path: &Path, table: &str) -> i64 {
    open(path).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// How many rows a session has, its data and its grants counted with it.
pub(crate) fn rows_of(database: &Connection, session: SessionId) -> i64 {
    let key = session.as_bytes().to_vec();
    let sql =
        "SELECT (SELECT count(*) FROM session WHERE key = ?1) + (SELECT count(*) FROM data WHERE key = ?1)
               + (SELECT count(*) FROM grants WHERE key = ?1)";
    database.prepare_cached(sql).unwrap().query_row([key], |row| row.get(0)).unwrap()
}

pub(crate) fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}
