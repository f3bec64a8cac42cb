//! A session recognised: three rows of one moment, next to what a map or a database takes to give them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Engine, MasterKey, OpenSession};
use doorward_core::store::Store;
use rusqlite::Connection;

use crate::duel::{Contender, Duel};
use crate::{Failure, populate, work};

/// How many sessions there are.
const MANY: usize = 1000;
/// As long as a session's row is, about.
const RECORD: [u8; 120] = [7; 120];

pub(super) fn memory() -> Result<Duel, Failure> {
    let keys: Vec<_> = (0..MANY).map(key).collect();
    let map: HashMap<_, _> = keys.iter().map(|key| (*key, RECORD)).collect();
    let theirs = Contender::new("three gets of a map", move |turn| {
        let get = |at: usize| map.get(keys.get(at % MANY)?).copied();
        Ok((get(turn), get(turn + 1), get(turn + 2)))
    });
    Ok(Duel { ours: in_memory()?, theirs })
}

pub(super) fn sqlite() -> Result<Duel, Failure> {
    let folder = tempfile::tempdir()?;
    let theirs = reading(folder.path())?.in_folder(folder);
    Ok(Duel { ours: on_sqlite()?, theirs })
}

/// A session opened and ended: two commits that are synced.
pub(super) fn comings_and_goings() -> Result<Duel, Failure> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("auth.db"))?;
    let engine = Engine::builder(store).master_key(MasterKey::new(1, [1; 32])).open()?;
    let ours = Contender::new("Doorward", move |_| {
        let opened = engine.open_session(OpenSession::new(""))?;
        Ok(engine.logout(opened.token.expose())?)
    });
    let raw = tempfile::tempdir()?;
    let database = table(raw.path())?;
    database.execute_batch("PRAGMA synchronous = full")?;
    let theirs = Contender::new("an INSERT and a DELETE, each committed", move |turn| {
        let columns = (key(turn), key(turn), 1, key(turn), 1_900_000_000_000_i64, RECORD);
        database.prepare_cached("INSERT INTO rows VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(columns)?;
        Ok(database.prepare_cached("DELETE FROM rows WHERE key = ?1")?.execute([key(turn)])?)
    });
    Ok(Duel { ours: ours.in_folder(folder), theirs: theirs.in_folder(raw) })
}

/// Sessions in memory, recognised.
pub(crate) fn in_memory() -> Result<Contender, Failure> {
    authenticating(Arc::new(MemoryStore::new()))
}

/// The same in a file.
pub(crate) fn on_sqlite() -> Result<Contender, Failure> {
    let folder = tempfile::tempdir()?;
    let engine = authenticating(Arc::new(SqliteStore::open(folder.path().join("auth.db"))?))?;
    Ok(engine.in_folder(folder))
}

/// Anywhere in a table, as ids are.
fn key(number: usize) -> [u8; 16] {
    (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834).to_be_bytes()
}

/// The sessions of one person, one after the other, among those of others.
fn authenticating(store: Arc<dyn Store>) -> Result<Contender, Failure> {
    let engine =
        Engine::builder(Arc::clone(&store)).ephemeral().master_key(MasterKey::new(1, [1; 32])).open()?;
    populate::sessions(&engine, &*store, MANY)?;
    let tokens = work::prepare(&engine, 32)?;
    Ok(Contender::new("Doorward", move |turn| Ok(engine.authenticate(work::in_turn(&tokens, turn)?)?)))
}

/// Three prepared reads by key in one transaction, of a table like ours.
fn reading(folder: &Path) -> Result<Contender, Failure> {
    let database = table(folder)?;
    database.execute_batch("BEGIN")?;
    for number in 0..MANY {
        let columns = (key(number), key(number), 1, key(number), 1_900_000_000_000_i64, RECORD);
        database.execute("INSERT INTO rows VALUES (?1, ?2, ?3, ?4, ?5, ?6)", columns)?;
    }
    database.execute_batch("COMMIT")?;
    Ok(Contender::new("BEGIN, three prepared reads, COMMIT", move |turn| {
        database.prepare_cached("BEGIN")?.execute([])?;
        let sql = "SELECT stamp, epoch, owner, expires, record FROM rows WHERE key = ?1";
        let mut read = database.prepare_cached(sql)?;
        for row in [turn, 0, 1] {
            let columns = |columns: &rusqlite::Row<'_>| {
                let record: [u8; 120] = columns.get(4)?;
                Ok((columns.get::<_, [u8; 16]>(0)?, columns.get::<_, i64>(1)?, record))
            };
            std::hint::black_box(read.query_row([key(row % MANY)], columns)?);
        }
        drop(read);
        database.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }))
}

/// An empty one, like ours.
fn table(folder: &Path) -> Result<Connection, Failure> {
    let database = Connection::open(folder.join("raw.db"))?;
    database.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA mmap_size = 0; PRAGMA cache_size = -1024;
         CREATE TABLE rows (key BLOB PRIMARY KEY, stamp BLOB, epoch INTEGER, owner BLOB, expires INTEGER, record BLOB)
         WITHOUT ROWID, STRICT;",
    )?;
    Ok(database)
}
