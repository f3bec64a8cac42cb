//! Rows and stores to try things on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward::store::sqlite::{SqliteOptions, SqliteStore};
use doorward_core::id::{AccountId, NameHash, SessionId, Stamp};
use doorward_core::model::session::{Amr, SessionRecord};
use doorward_core::model::throttle::{AttemptsRecord, ThrottleRecord};
use doorward_core::name::LoginName;
use doorward_core::record::{AccountRecord, ActiveRecord, ClientLabel, Key, LoginRecord, Record, Row};
use doorward_core::store::{Batch, Commit, Durability, Expect, Store, Write};
use doorward_core::time::Timestamp;
use tempfile::TempDir;

pub(crate) struct Home {
    pub(crate) path: PathBuf,
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("auth.db"), folder }
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path).unwrap()
    }

    pub(crate) fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.path).unwrap()
    }
}

pub(crate) fn hasty() -> SqliteOptions {
    SqliteOptions::new().busy_timeout(Duration::from_millis(100))
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn stamp(number: u32) -> Stamp {
    Stamp::from_bytes(id(number))
}

/// Sixteen bytes that sort as the number does.
pub(crate) fn id(number: u32) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

pub(crate) fn account(number: u32) -> AccountId {
    AccountId::from_bytes(id(number))
}

pub(crate) fn session(number: u32) -> Key {
    Key::Session(SessionId::from_bytes(id(number)))
}

pub(crate) fn name(text: &str) -> Key {
    Key::Login(LoginName::parse(text).unwrap())
}

pub(crate) fn throttle(number: u32) -> Key {
    Key::Throttle(NameHash::from_bytes(id(number)))
}

/// A row that fits under `key`, of owner 1 and expiring at 1000.
pub(crate) fn row(key: &Key, stamp: Stamp) -> Row {
    let record = match key {
        Key::Login(_) => Record::Login(LoginRecord { account: account(1) }),
        Key::Account(_) => Record::Account(AccountRecord { created: at(1) }),
        Key::Active(_) => Record::Active(ActiveRecord { since: at(1) }),
        Key::Attempts(_) => Record::Attempts(AttemptsRecord { failures: 3, devices: vec![] }),
        Key::Throttle(_) => Record::Throttle(ThrottleRecord { failures: 3, until: at(9) }),
        Key::Session(_) => Record::Session(SessionRecord {
            salt: [7; 16],
            generation: 1,
            account_epoch: 0,
            global_epoch: 0,
            created: at(1_700_000_000_000),
            last_seen: at(1_700_000_000_000),
            idle_millis: 3_600_000,
            absolute_end: at(1_700_086_400_000),
            auth_time: at(1_700_000_000_000),
            amr: Amr::PASSWORD,
            label: Some(ClientLabel::new("Firefox on Linux")),
        }),
        Key::Credential(_)
        | Key::Keyring
        | Key::Data(_)
        | Key::Devices(_)
        | Key::Deletion(_)
        | Key::Clock => unreachable!("no test puts such a row"),
    };
    Row { stamp, epoch: 0, owner: Some(account(1)), expires: Some(at(1000)), record }
}

pub(crate) fn put(key: &Key, number: u32, expect: Expect) -> Write {
    let row = row(key, stamp(number));
    Write::Put { key: key.clone(), row, expect }
}

pub(crate) fn batch(number: u32, writes: Vec<Write>) -> Batch {
    Batch { writes, ..Batch::new(stamp(number), Durability::Durable) }
}

pub(crate) fn create(store: &SqliteStore, key: &Key, number: u32) {
    let batch = batch(number, vec![put(key, number, Expect::Absent)]);
    assert_eq!(store.commit(&batch).unwrap(), Commit::Applied);
}

pub(crate) fn read(store: &SqliteStore, key: &Key) -> Option<Row> {
    store.read(std::slice::from_ref(key)).unwrap().remove(0)
}

/// Every file of the database, as a killed machine would leave it.
pub(crate) fn copy_image(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        let with = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if with(from).exists() {
            std::fs::copy(with(from), with(to)).unwrap();
        }
    }
}

/// Two rows by one batch: they are there together or not at all.
pub(crate) fn pair(number: u32) -> Batch {
    let writes =
        vec![put(&session(number), number, Expect::Absent), put(&throttle(number), number, Expect::Absent)];
    batch(number, writes)
}

/// Whether the pair is there; it is never half.
pub(crate) fn has_pair(store: &SqliteStore, number: u32) -> bool {
    let rows = store.read(&[session(number), throttle(number)]).unwrap();
    assert_eq!(rows[0].is_some(), rows[1].is_some(), "{number} is torn");
    rows[0].is_some()
}

/// A table of another's, so that the file has that many mebibytes more.
pub(crate) fn fill(home: &Home, mebibytes: usize) {
    let sql = home.sql();
    sql.execute_batch("CREATE TABLE fill (x BLOB)").unwrap();
    for _ in 0..mebibytes {
        sql.execute_batch("INSERT INTO fill VALUES (randomblob(1048576))").unwrap();
    }
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
