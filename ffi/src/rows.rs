//! Rows on their way to the host's database and back.

use core::ffi::c_int;

use doorward::core::error::{StoreError, StoreErrorKind};
use doorward::core::id::{AccountId, GrantId, SessionId, Stamp};
use doorward::core::record::{Key, Kind, Row};
use doorward::core::store::{
    Batch, Change, Changes, Cursor, Durability, Ending, Expect, Range, Revocation, Write,
};
use doorward::{StepReply, Timestamp};

use crate::failure::{Called, Failure};
use crate::given::Texts;
use crate::id::dw_id;
use crate::status::dw_status::DW_VALUE;
use crate::text::{dw_text, things};

/// A row's stamp: 16 bytes that change whenever the row does.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct dw_stamp {
    /// Its bytes.
    pub bytes: [u8; 16],
}

impl From<Stamp> for dw_stamp {
    fn from(stamp: Stamp) -> Self {
        Self { bytes: *stamp.as_bytes() }
    }
}

/// What a row is filed under. Keys sort by kind, then by the bytes of their ids, as strings do: the first byte that differs
/// decides, and a prefix comes first.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_key {
    /// The kind, from 1 to `DW_KINDS`; each has a lasting number.
    pub kind: u32,
    /// What tells it from others of its kind: 16 bytes, a name's UTF-8, or nothing.
    pub id: dw_text,
}

/// How many kinds of rows there are: a later version may have more.
pub const DW_KINDS: u32 = 13;

/// A row. The host keeps each of its parts as it is, and understands none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_row {
    /// What it is filed under. In a reply to `DW_NEED_READ` it is not looked at.
    pub key: dw_key,
    /// 0 in a reply to `DW_NEED_READ` where there is no such row; else 1.
    pub exists: u8,
    /// Its stamp.
    pub stamp: dw_stamp,
    /// A counter that `DW_WRITE_RAISE` adds one to.
    pub epoch: u64,
    /// 1 when it has an owner, else 0.
    pub has_owner: u8,
    /// The account that owns it.
    pub owner: dw_id,
    /// 1 when it expires, else 0.
    pub has_expires: u8,
    /// When it expires, in UTC milliseconds: `DW_NEED_PURGE` removes it.
    pub expires: i64,
    /// The record: bytes with a checksum over them, the key, the owner and the end.
    pub record: dw_text,
}

/// Rows of one kind, in the order of their keys.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_range {
    /// Their kind.
    pub kind: u32,
    /// Whether only rows of one owner are asked for: of kinds 1, 7, 9 and 13, which are worth an index by owner.
    pub has_owner: bool,
    /// That owner.
    pub owner: dw_id,
    /// Whether only rows after a key are asked for.
    pub has_after: bool,
    /// That key, which does not belong to the range, and whose row may be gone.
    pub after: dw_key,
}

/// A row that must still be as it was seen, or the whole batch is a conflict.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_check {
    /// Its key.
    pub key: dw_key,
    /// Whether there must be none.
    pub absent: bool,
    /// Else the stamp that it must carry.
    pub stamp: dw_stamp,
}

/// What a write does. To a batch with one that you do not know, reply `DW_FATAL`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_write_kind {
    /// Creates or replaces the row, if it is as `expect` says; else the whole batch is a conflict.
    DW_WRITE_PUT = 1,
    /// Removes the row; without effect where there is none, and never a conflict.
    DW_WRITE_DELETE = 2,
    /// Adds one to the row's `epoch` and gives it the batch's stamp, all else left as it is; without effect where there is
    /// none, and never a conflict.
    DW_WRITE_RAISE = 3,
}

/// One write of a batch.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_write {
    /// What it does.
    pub kind: dw_write_kind,
    /// Of `DW_WRITE_PUT`: what must be there before. Its key is the row's.
    pub expect: dw_check,
    /// Of `DW_WRITE_PUT`: the row as it is to stand. Of the others only its key counts.
    pub row: dw_row,
}

/// What the journal tells. To a batch with one that you do not know, reply `DW_FATAL`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_ending_kind {
    /// A session has ended.
    DW_ENDING_SESSION = 1,
    /// Of an account all before its floor.
    DW_ENDING_ACCOUNT = 2,
    /// Of everybody all before the keyring's floor.
    DW_ENDING_EVERYTHING = 3,
    /// What was granted under one token.
    DW_ENDING_GRANT = 4,
}

/// What a batch appends to the journal. Of an account or of everything the entry's floor is the `epoch` of the row under
/// `key` as the batch leaves it, or `UINT64_MAX` when there is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_ending {
    /// What it tells.
    pub kind: dw_ending_kind,
    /// The session, the account or the grant; all zeros of everything.
    pub subject: dw_id,
    /// Of an account or of everything: the row whose epoch is the floor.
    pub key: dw_key,
    /// When the entry may be purged.
    pub until: i64,
}

/// One atomic change: all of it is done, or nothing.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_batch {
    /// The stamp that every row it raises receives. (Those it puts carry it already.)
    pub stamp: dw_stamp,
    /// Whether it must survive a power cut before it is acknowledged. An empty one says: all before it must.
    pub durable: bool,
    /// What must still be so.
    pub checks: *const dw_check,
    /// How many checks there are.
    pub check_count: usize,
    /// What to write; each key once.
    pub writes: *const dw_write,
    /// How many writes there are.
    pub write_count: usize,
    /// What to append to the journal, in this order.
    pub endings: *const dw_ending,
    /// How many endings there are.
    pub ending_count: usize,
}

/// An entry of the journal, as the host keeps it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_change {
    /// Its number: from 1, in commit order, never given twice.
    pub number: u64,
    /// A `dw_ending_kind`.
    pub kind: u32,
    /// The session, the account or the grant; all zeros of everything.
    pub subject: dw_id,
    /// Of an account or of everything: the floor.
    pub floor: u64,
    /// When it may be purged.
    pub until: i64,
}

pub(crate) fn key_of(key: &Key, texts: &mut Texts) -> dw_key {
    dw_key { kind: key.kind().number().into(), id: texts.keep_bytes(key.id_bytes()) }
}

pub(crate) fn range_of(range: &Range, texts: &mut Texts) -> dw_range {
    dw_range {
        kind: range.kind.number().into(),
        has_owner: range.owner.is_some(),
        owner: range.owner.map_or(dw_id::NONE, dw_id::from),
        has_after: range.after.is_some(),
        after: range.after.as_ref().map_or(NO_KEY, |after| key_of(after, texts)),
    }
}

pub(crate) fn batch_of(batch: &Batch, texts: &mut Texts) -> dw_batch {
    let checks: Vec<dw_check> =
        batch.checks.iter().map(|check| check_of(key_of(&check.key, texts), check.expect)).collect();
    let writes: Vec<dw_write> = batch.writes.iter().map(|write| write_of(write, texts)).collect();
    let endings: Vec<dw_ending> = batch.journal.iter().map(|ending| ending_of(ending, texts)).collect();
    dw_batch {
        stamp: batch.stamp.into(),
        durable: batch.durability == Durability::Durable,
        check_count: checks.len(),
        checks: texts.list(checks),
        write_count: writes.len(),
        writes: texts.list(writes),
        ending_count: endings.len(),
        endings: texts.list(endings),
    }
}

fn check_of(key: dw_key, expect: Expect) -> dw_check {
    match expect {
        Expect::Absent => dw_check { key, absent: true, stamp: NO_STAMP },
        Expect::Stamp(stamp) => dw_check { key, absent: false, stamp: stamp.into() },
    }
}

fn write_of(write: &Write, texts: &mut Texts) -> dw_write {
    let key = key_of(write.key(), texts);
    let bare = dw_row {
        key,
        exists: 1,
        stamp: NO_STAMP,
        epoch: 0,
        has_owner: 0,
        owner: dw_id::NONE,
        has_expires: 0,
        expires: 0,
        record: dw_text::NONE,
    };
    let unchecked = dw_check { key, absent: false, stamp: NO_STAMP };
    match write {
        Write::Put { key: under, row, expect } => dw_write {
            kind: dw_write_kind::DW_WRITE_PUT,
            expect: check_of(key, *expect),
            row: dw_row {
                stamp: row.stamp.into(),
                epoch: row.epoch,
                has_owner: row.owner.is_some().into(),
                owner: row.owner.map_or(dw_id::NONE, dw_id::from),
                has_expires: row.expires.is_some().into(),
                expires: row.expires.map_or(0, Timestamp::as_millis),
                record: texts.keep_bytes(&row.encode(under)),
                ..bare
            },
        },
        Write::Delete { .. } => {
            dw_write { kind: dw_write_kind::DW_WRITE_DELETE, expect: unchecked, row: bare }
        }
        Write::Raise { .. } => dw_write { kind: dw_write_kind::DW_WRITE_RAISE, expect: unchecked, row: bare },
    }
}

fn ending_of(ending: &Ending, texts: &mut Texts) -> dw_ending {
    use dw_ending_kind::{DW_ENDING_ACCOUNT, DW_ENDING_EVERYTHING, DW_ENDING_GRANT, DW_ENDING_SESSION};
    let (kind, subject, key, until) = match ending {
        Ending::Session { session, until } => (DW_ENDING_SESSION, dw_id::from(*session), NO_KEY, until),
        Ending::Grant { grant, until } => {
            (DW_ENDING_GRANT, dw_id { bytes: *grant.as_bytes() }, NO_KEY, until)
        }
        Ending::Epoch { key: Key::Account(account), until } => {
            (DW_ENDING_ACCOUNT, (*account).into(), key_of(&Key::Account(*account), texts), until)
        }
        Ending::Epoch { key, until } => (DW_ENDING_EVERYTHING, dw_id::NONE, key_of(key, texts), until),
    };
    dw_ending { kind, subject, key, until: until.as_millis() }
}

const NO_STAMP: dw_stamp = dw_stamp { bytes: [0; 16] };
const NO_KEY: dw_key = dw_key { kind: 0, id: dw_text::NONE };

/// The rows of a reply, under these keys; `None`: not one for each. That is looked at before any row is: one that was damaged
/// ends the operation.
///
/// # Safety
/// As the conventions say of `rows`.
pub(crate) unsafe fn rows_under(
    keys: &[Key],
    rows: *const dw_row,
    count: usize,
) -> Called<Option<StepReply>> {
    // SAFETY: as the caller has it.
    let rows = unsafe { things(rows, count, "rows") }?;
    if rows.len() != keys.len() {
        return Ok(None);
    }
    let mut read = Vec::with_capacity(rows.len());
    for (key, row) in keys.iter().zip(rows) {
        if row.exists == 0 {
            read.push(None);
            continue;
        }
        // SAFETY: as the caller has it.
        match unsafe { row_under(key, row) }? {
            Ok(row) => read.push(Some(row)),
            Err(damaged) => return Ok(Some(StepReply::Failed(damaged))),
        }
    }
    Ok(Some(StepReply::Rows(read)))
}

/// The page of a reply; `None`: more rows than were asked for, of another kind, or not in the order of their keys. That is
/// looked at before any row is.
///
/// # Safety
/// As the conventions say of `rows`.
pub(crate) unsafe fn page(
    range: &Range,
    limit: usize,
    rows: *const dw_row,
    count: usize,
) -> Called<Option<StepReply>> {
    // SAFETY: as the caller has it.
    let rows = unsafe { things(rows, count, "rows") }?;
    // SAFETY: as the caller has it.
    let keys = rows.iter().map(|row| unsafe { key(&row.key) }).collect::<Called<Vec<Key>>>()?;
    let is_after = keys.first().is_none_or(|first| range.after.as_ref().is_none_or(|after| first > after));
    let is_of_kind = keys.iter().all(|key| key.kind() == range.kind);
    if rows.len() > limit || !is_after || !is_of_kind || !keys.is_sorted_by(|one, next| one < next) {
        return Ok(None);
    }
    let mut page = Vec::with_capacity(rows.len());
    for (key, row) in keys.into_iter().zip(rows) {
        // SAFETY: as the caller has it.
        match unsafe { row_under(&key, row) }? {
            Ok(row) => page.push((key, row)),
            Err(damaged) => return Ok(Some(StepReply::Failed(damaged))),
        }
    }
    Ok(Some(StepReply::Page(page)))
}

/// The journal's page of a reply.
///
/// # Safety
/// As the conventions say of `entries`.
pub(crate) unsafe fn changes(entries: *const dw_change, count: usize, end: u64) -> Called<StepReply> {
    // SAFETY: as the caller has it.
    let entries = unsafe { things(entries, count, "entries") }?;
    let entries = entries.iter().map(change).collect::<Called<_>>()?;
    Ok(StepReply::Changes(Changes { entries, end: Cursor::from_number(end) }))
}

fn change(entry: &dw_change) -> Called<Change> {
    let (bytes, floor) = (entry.subject.bytes, entry.floor);
    let revocation = match entry.kind {
        1 => Revocation::Session(SessionId::from_bytes(bytes)),
        2 => Revocation::Account { account: AccountId::from_bytes(bytes), floor },
        3 => Revocation::Everything { floor },
        4 => Revocation::Grant(GrantId::from_bytes(bytes)),
        other => return Err(Failure::new(DW_VALUE, format!("{other} is no dw_ending_kind"))),
    };
    let until = Timestamp::from_millis(entry.until);
    Ok(Change { cursor: Cursor::from_number(entry.number), revocation, until })
}

/// # Safety
/// As the conventions say of a key.
unsafe fn key(key: &dw_key) -> Called<Key> {
    // SAFETY: as the caller has it.
    let id = unsafe { key.id.bytes("key.id") }?.unwrap_or_default();
    let kind = u8::try_from(key.kind).ok().and_then(Kind::from_number);
    let no_key = || Failure::new(DW_VALUE, "a key of the reply is none: give it as it was written");
    kind.and_then(|kind| Key::from_parts(kind, id)).ok_or_else(no_key)
}

/// The row, or that the store has damaged it.
///
/// # Safety
/// As the conventions say of a row.
unsafe fn row_under(key: &Key, row: &dw_row) -> Called<Result<Row, StoreError>> {
    // SAFETY: as the caller has it.
    let record = unsafe { row.record.bytes("row.record") }?.unwrap_or_default();
    let stamp = Stamp::from_bytes(row.stamp.bytes);
    let owner = (row.has_owner != 0).then(|| row.owner.account());
    let expires = (row.has_expires != 0).then(|| Timestamp::from_millis(row.expires));
    Ok(Row::decode(key, stamp, row.epoch, owner, expires, record).map_err(StoreError::from))
}

/// What became of a call of the host's store that failed.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_store_failure {
    /// Nothing was applied; the same call may succeed later.
    DW_RETRYABLE = 1,
    /// A commit may have been applied, or may yet be: only a reread can tell. A deadline that passed, a connection that was
    /// lost. Of any other call it is as `DW_RETRYABLE`.
    DW_UNKNOWN = 2,
    /// Nothing was applied, and the same call will fail again until somebody acts.
    DW_FATAL = 3,
    /// What is stored cannot be what was written.
    DW_DAMAGED = 4,
}

pub(crate) fn failed(kind: c_int, is_commit: bool) -> Called<StepReply> {
    let kind = match kind {
        1 => StoreErrorKind::Retryable,
        2 if is_commit => StoreErrorKind::Unknown,
        // Nothing was to be applied: it may be asked again.
        2 => StoreErrorKind::Retryable,
        3 => StoreErrorKind::Fatal,
        4 => StoreErrorKind::Corrupt,
        other => return Err(Failure::new(DW_VALUE, format!("{other} is no dw_store_failure"))),
    };
    Ok(StepReply::Failed(StoreError::new(kind, "the host's store has failed")))
}
