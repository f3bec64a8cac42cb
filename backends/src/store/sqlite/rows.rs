//! Rows as columns: the statements of each kind's table, and the way back from a column to a value.

use doorward_core::error::StoreError;
use doorward_core::id::{AccountId, GrantId, SessionId, Stamp};
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Change, Cursor, Revocation};
use doorward_core::time::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, params_from_iter};

use super::error::failed;
use crate::store::failing::corrupt;

/// The statements of one kind's table. A scan begins after a key (`after`) or at the least one (`from`).
pub(super) struct Statements {
    pub(super) table: &'static str,
    pub(super) read: &'static str,
    pub(super) stamp: &'static str,
    pub(super) epoch: &'static str,
    pub(super) insert: &'static str,
    pub(super) update: &'static str,
    pub(super) delete: &'static str,
    pub(super) raise: &'static str,
    pub(super) purge: &'static str,
    pub(super) after: &'static str,
    pub(super) from: &'static str,
    pub(super) owned_after: &'static str,
    pub(super) owned_from: &'static str,
}

macro_rules! statements {
    ($table:literal) => {
        &Statements {
            table: $table,
            read: concat!("SELECT stamp, epoch, owner, expires, record FROM ", $table, " WHERE key = ?1"),
            stamp: concat!("SELECT stamp FROM ", $table, " WHERE key = ?1"),
            epoch: concat!("SELECT epoch FROM ", $table, " WHERE key = ?1"),
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (key, stamp, epoch, owner, expires, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            ),
            update: concat!(
                "UPDATE ",
                $table,
                " SET stamp = ?2, epoch = ?3, owner = ?4, expires = ?5, record = ?6 WHERE key = ?1"
            ),
            delete: concat!("DELETE FROM ", $table, " WHERE key = ?1"),
            raise: concat!("UPDATE ", $table, " SET epoch = epoch + 1, stamp = ?2 WHERE key = ?1"),
            purge: concat!(
                "DELETE FROM ",
                $table,
                " WHERE key IN (SELECT key FROM ",
                $table,
                " WHERE expires <= ?1 ORDER BY expires LIMIT ?2)"
            ),
            after: concat!(
                "SELECT stamp, epoch, owner, expires, record, key FROM ",
                $table,
                " WHERE key > ?1 ORDER BY key LIMIT ?2"
            ),
            from: concat!(
                "SELECT stamp, epoch, owner, expires, record, key FROM ",
                $table,
                " WHERE key >= ?1 ORDER BY key LIMIT ?2"
            ),
            owned_after: concat!(
                "SELECT stamp, epoch, owner, expires, record, key FROM ",
                $table,
                " WHERE owner = ?3 AND key > ?1 ORDER BY key LIMIT ?2"
            ),
            owned_from: concat!(
                "SELECT stamp, epoch, owner, expires, record, key FROM ",
                $table,
                " WHERE owner = ?3 AND key >= ?1 ORDER BY key LIMIT ?2"
            ),
        }
    };
}

impl Statements {
    pub(super) const fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::Login => statements!("login"),
            Kind::Account => statements!("account"),
            Kind::Active => statements!("active"),
            Kind::Credential => statements!("credential"),
            Kind::Attempts => statements!("attempts"),
            Kind::Throttle => statements!("throttle"),
            Kind::Session => statements!("session"),
            Kind::Keyring => statements!("keyring"),
            Kind::Data => statements!("data"),
            Kind::Devices => statements!("devices"),
            Kind::Deletion => statements!("deletion"),
            Kind::Clock => statements!("clock"),
            Kind::Grants => statements!("grants"),
        }
    }

    /// Those that a reading connection keeps prepared.
    pub(super) fn reading(&self) -> [&'static str; 5] {
        [self.read, self.after, self.from, self.owned_after, self.owned_from]
    }

    /// Those that the writing connection keeps prepared.
    pub(super) fn writing(&self) -> [&'static str; 7] {
        [self.stamp, self.epoch, self.insert, self.update, self.delete, self.raise, self.purge]
    }
}

macro_rules! together {
    ($first:literal $first_table:literal $(, $number:literal $table:literal)*) => {
        concat!(
            "SELECT stamp, epoch, owner, expires, record, ", $first,
            " FROM ", $first_table, " WHERE key = ?", $first,
            $(
                " UNION ALL SELECT stamp, epoch, owner, expires, record, ", $number,
                " FROM ", $table, " WHERE key = ?", $number,
            )*
        )
    };
}

/// Rows of these kinds are read together all the time: by one statement, which is a snapshot by itself and takes less
/// time than a transaction around several. Its last column says which of the keys a row stands under, from 1.
pub(super) const TOGETHER: [(&[Kind], &str); 3] = [
    (&[Kind::Session, Kind::Account, Kind::Keyring], together!(1 "session", 2 "account", 3 "keyring")),
    (
        &[Kind::Session, Kind::Account, Kind::Keyring, Kind::Grants],
        together!(1 "session", 2 "account", 3 "keyring", 4 "grants"),
    ),
    (
        &[Kind::Session, Kind::Account, Kind::Keyring, Kind::Data],
        together!(1 "session", 2 "account", 3 "keyring", 4 "data"),
    ),
];

/// The statement that reads the rows under these keys at once, if there is one.
pub(super) fn together(keys: &[Key]) -> Option<&'static str> {
    let are_these = |kinds: &[Kind]| keys.iter().map(Key::kind).eq(kinds.iter().copied());
    TOGETHER.iter().find(|(kinds, _)| are_these(kinds)).map(|(_, sql)| *sql)
}

/// A key's id as its table's key column holds it: text for names, so that a person can read them.
pub(super) struct KeyColumn<'a> {
    kind: Kind,
    id: &'a [u8],
}

impl<'a> KeyColumn<'a> {
    pub(super) fn of(key: &'a Key) -> Self {
        Self { kind: key.kind(), id: key.id_bytes() }
    }

    /// What no key of this kind sorts before.
    pub(super) fn least(kind: Kind) -> Self {
        Self { kind, id: &[] }
    }
}

impl ToSql for KeyColumn<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.kind {
            Kind::Login => ValueRef::Text(self.id),
            Kind::Account
            | Kind::Active
            | Kind::Credential
            | Kind::Attempts
            | Kind::Throttle
            | Kind::Session
            | Kind::Keyring
            | Kind::Data
            | Kind::Devices
            | Kind::Deletion
            | Kind::Clock
            | Kind::Grants => ValueRef::Blob(self.id),
        }))
    }
}

/// The row under `key`, if there is one.
pub(super) fn read(connection: &Connection, key: &Key) -> Result<Option<Row>, StoreError> {
    let sql = Statements::of(key.kind()).read;
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([KeyColumn::of(key)]).map_err(failed)?;
    match rows.next().map_err(failed)? {
        Some(columns) => row(key, columns).map(Some),
        None => Ok(None),
    }
}

/// The rows under `keys`, by the statement that is [`together`] for them.
pub(super) fn read_together(
    connection: &Connection,
    sql: &str,
    keys: &[Key],
) -> Result<Vec<Option<Row>>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut found = statement.query(params_from_iter(keys.iter().map(KeyColumn::of))).map_err(failed)?;
    let mut rows = vec![None; keys.len()];
    while let Some(columns) = found.next().map_err(failed)? {
        let at = usize::try_from(integer(columns, 5)? - 1).map_err(|_| mistyped())?;
        let (key, place) = keys.get(at).zip(rows.get_mut(at)).ok_or_else(mistyped)?;
        *place = Some(row(key, columns)?);
    }
    Ok(rows)
}

/// The stamp of the row under `key`, if there is one.
pub(super) fn stamp(connection: &Connection, key: &Key) -> Result<Option<Stamp>, StoreError> {
    let sql = Statements::of(key.kind()).stamp;
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([KeyColumn::of(key)]).map_err(failed)?;
    match rows.next().map_err(failed)? {
        Some(columns) => sixteen(columns, 0).map(|bytes| Some(Stamp::from_bytes(bytes))),
        None => Ok(None),
    }
}

/// The epoch of the row under `key`, if there is one.
pub(super) fn epoch(connection: &Connection, key: &Key) -> Result<Option<u64>, StoreError> {
    let sql = Statements::of(key.kind()).epoch;
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let found: Option<i64> =
        statement.query_row([KeyColumn::of(key)], |columns| columns.get(0)).optional().map_err(failed)?;
    found.map(count).transpose()
}

/// Columns `stamp, epoch, owner, expires, record`, as the row under `key`.
pub(super) fn row(key: &Key, columns: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let stamp = Stamp::from_bytes(sixteen(columns, 0)?);
    let epoch = count(integer(columns, 1)?)?;
    let owner = match value(columns, 2)? {
        ValueRef::Null => None,
        _ => Some(AccountId::from_bytes(sixteen(columns, 2)?)),
    };
    let expires = match value(columns, 3)? {
        ValueRef::Null => None,
        _ => Some(Timestamp::from_millis(integer(columns, 3)?)),
    };
    let ValueRef::Blob(record) = value(columns, 4)? else {
        return Err(mistyped());
    };
    Ok(Row::decode(key, stamp, epoch, owner, expires, record)?)
}

/// A page's row: the columns of [`row`], then its key.
pub(super) fn keyed_row(kind: Kind, columns: &rusqlite::Row<'_>) -> Result<(Key, Row), StoreError> {
    let id = match (kind, value(columns, 5)?) {
        (Kind::Login, ValueRef::Text(id)) => id,
        (Kind::Login, _) => return Err(mistyped()),
        (_, ValueRef::Blob(id)) => id,
        (_, _) => return Err(mistyped()),
    };
    let key = Key::from_parts(kind, id)
        .filter(|key| key.id_bytes() == id)
        .ok_or_else(|| corrupt("a row stands under an impossible key: restore the database from a backup"))?;
    let row = row(&key, columns)?;
    Ok((key, row))
}

/// A revocation as the journal's columns `kind, subject, floor`.
pub(super) struct Entry {
    pub(super) kind: i64,
    pub(super) subject: Option<[u8; 16]>,
    pub(super) floor: Option<i64>,
}

impl Entry {
    pub(super) fn of(revocation: &Revocation) -> Self {
        // No count reaches the columns' end: what is beyond it means that nothing counts any more.
        let floor = |floor: u64| i64::try_from(floor).ok();
        match revocation {
            Revocation::Session(session) => {
                Self { kind: SESSION, subject: Some(*session.as_bytes()), floor: None }
            }
            Revocation::Account { account, floor: least } => {
                Self { kind: ACCOUNT, subject: Some(*account.as_bytes()), floor: floor(*least) }
            }
            Revocation::Everything { floor: least } => {
                Self { kind: EVERYTHING, subject: None, floor: floor(*least) }
            }
            Revocation::Grant(grant) => Self { kind: GRANT, subject: Some(*grant.as_bytes()), floor: None },
        }
    }
}

/// The journal's columns `cursor, kind, subject, floor, until`, as an entry.
pub(super) fn change(columns: &rusqlite::Row<'_>) -> Result<Change, StoreError> {
    let floor = match value(columns, 3)? {
        ValueRef::Null => u64::MAX,
        _ => count(integer(columns, 3)?)?,
    };
    let revocation = match integer(columns, 1)? {
        SESSION => Revocation::Session(SessionId::from_bytes(sixteen(columns, 2)?)),
        ACCOUNT => Revocation::Account { account: AccountId::from_bytes(sixteen(columns, 2)?), floor },
        EVERYTHING => Revocation::Everything { floor },
        GRANT => Revocation::Grant(GrantId::from_bytes(sixteen(columns, 2)?)),
        _ => {
            return Err(corrupt("the journal holds an unknown kind of entry: use a newer Doorward"));
        }
    };
    Ok(Change {
        cursor: Cursor::from_number(count(integer(columns, 0)?)?),
        revocation,
        until: Timestamp::from_millis(integer(columns, 4)?),
    })
}

const SESSION: i64 = 1;
const ACCOUNT: i64 = 2;
const EVERYTHING: i64 = 3;
const GRANT: i64 = 4;

/// A column that counts. SQLite's integers are signed; one below zero was never written here.
pub(super) fn count(integer: i64) -> Result<u64, StoreError> {
    u64::try_from(integer)
        .map_err(|_| corrupt("a stored count is below zero: restore the database from a backup"))
}

fn value<'a>(columns: &'a rusqlite::Row<'_>, column: usize) -> Result<ValueRef<'a>, StoreError> {
    columns.get_ref(column).map_err(failed)
}

fn integer(columns: &rusqlite::Row<'_>, column: usize) -> Result<i64, StoreError> {
    match value(columns, column)? {
        ValueRef::Integer(integer) => Ok(integer),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(mistyped()),
    }
}

fn sixteen(columns: &rusqlite::Row<'_>, column: usize) -> Result<[u8; 16], StoreError> {
    match value(columns, column)? {
        ValueRef::Blob(bytes) => bytes.try_into().map_err(|_| mistyped()),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Integer(_) => Err(mistyped()),
    }
}

fn mistyped() -> StoreError {
    corrupt("a stored column is not of its type or size: restore the database from a backup")
}
