//! Rows as a host keeps them: out of a need's batch, and back into a reply.

use doorward::Timestamp;
use doorward::core::id::{AccountId, GrantId, SessionId, Stamp};
use doorward::core::record::{Key, Kind, Row};
use doorward::core::store::{Batch, Change, Check, Durability, Ending, Expect, Range, Revocation, Write};
use doorward_ffi::{
    dw_batch, dw_change, dw_check, dw_ending, dw_ending_kind, dw_id, dw_key, dw_range, dw_row, dw_stamp,
    dw_text, dw_write, dw_write_kind,
};

use crate::given::bytes;

/// # Safety
/// Its need is not freed.
pub(crate) unsafe fn key(key: &dw_key) -> Key {
    let kind = u8::try_from(key.kind).ok().and_then(Kind::from_number).expect("a kind that there is");
    // SAFETY: as the caller has it.
    let id = unsafe { bytes(key.id) }.expect("a key has an id, if an empty one");
    Key::from_parts(kind, &id).expect("an id of this kind")
}

/// # Safety
/// As [`key`].
pub(crate) unsafe fn range(range: &dw_range) -> Range {
    Range {
        kind: u8::try_from(range.kind).ok().and_then(Kind::from_number).expect("a kind that there is"),
        owner: range.has_owner.then(|| AccountId::from_bytes(range.owner.bytes)),
        // SAFETY: as the caller has it.
        after: range.has_after.then(|| unsafe { key(&range.after) }),
    }
}

/// # Safety
/// As [`key`].
pub(crate) unsafe fn batch(batch: &dw_batch) -> Batch {
    // SAFETY: as the caller has it, there are as many as it says.
    unsafe {
        Batch {
            stamp: stamp(batch.stamp),
            checks: (0..batch.check_count).map(|at| check(&*batch.checks.add(at))).collect(),
            writes: (0..batch.write_count).map(|at| write(&*batch.writes.add(at))).collect(),
            journal: (0..batch.ending_count).map(|at| ending(&*batch.endings.add(at))).collect(),
            durability: if batch.durable { Durability::Durable } else { Durability::Relaxed },
        }
    }
}

fn stamp(stamp: dw_stamp) -> Stamp {
    Stamp::from_bytes(stamp.bytes)
}

fn expect(check: &dw_check) -> Expect {
    if check.absent { Expect::Absent } else { Expect::Stamp(stamp(check.stamp)) }
}

/// # Safety
/// As [`key`].
unsafe fn check(check: &dw_check) -> Check {
    // SAFETY: as the caller has it.
    Check { key: unsafe { key(&check.key) }, expect: expect(check) }
}

/// # Safety
/// As [`key`].
unsafe fn write(write: &dw_write) -> Write {
    // SAFETY: as the caller has it.
    let key = unsafe { key(&write.row.key) };
    match write.kind {
        dw_write_kind::DW_WRITE_DELETE => Write::Delete { key },
        dw_write_kind::DW_WRITE_RAISE => Write::Raise { key },
        dw_write_kind::DW_WRITE_PUT => {
            // SAFETY: as the caller has it.
            let record = unsafe { bytes(write.row.record) }.expect("a row has a record");
            let owner = (write.row.has_owner != 0).then(|| AccountId::from_bytes(write.row.owner.bytes));
            let expires = (write.row.has_expires != 0).then(|| Timestamp::from_millis(write.row.expires));
            let row = Row::decode(&key, stamp(write.row.stamp), write.row.epoch, owner, expires, &record);
            Write::Put { key, row: row.expect("the record fits its row"), expect: expect(&write.expect) }
        }
    }
}

/// # Safety
/// As [`key`].
unsafe fn ending(ending: &dw_ending) -> Ending {
    let (subject, until) = (ending.subject.bytes, Timestamp::from_millis(ending.until));
    match ending.kind {
        dw_ending_kind::DW_ENDING_SESSION => {
            Ending::Session { session: SessionId::from_bytes(subject), until }
        }
        dw_ending_kind::DW_ENDING_GRANT => Ending::Grant { grant: GrantId::from_bytes(subject), until },
        dw_ending_kind::DW_ENDING_ACCOUNT | dw_ending_kind::DW_ENDING_EVERYTHING => {
            // SAFETY: as the caller has it.
            let key = unsafe { key(&ending.key) };
            let is_account = ending.kind == dw_ending_kind::DW_ENDING_ACCOUNT;
            assert_eq!(is_account, key == Key::Account(AccountId::from_bytes(subject)));
            Ending::Epoch { key, until }
        }
    }
}

/// Rows of a reply, with the memory that they point to.
pub(crate) struct Rows {
    pub(crate) all: Vec<dw_row>,
    _ids: Vec<Vec<u8>>,
    _records: Vec<Vec<u8>>,
}

impl Rows {
    pub(crate) fn under(keys: &[Key], found: &[Option<Row>]) -> Self {
        // One that is missing has no key to be filed under.
        let nowhere = Key::Keyring;
        let keys = keys.iter().chain(std::iter::repeat(&nowhere));
        Self::new(found.iter().zip(keys).map(|(row, key)| (key, row.as_ref())))
    }

    pub(crate) fn page(page: &[(Key, Row)]) -> Self {
        Self::new(page.iter().map(|(key, row)| (key, Some(row))))
    }

    fn new<'a>(all: impl Iterator<Item = (&'a Key, Option<&'a Row>)>) -> Self {
        let (mut rows, mut ids, mut records) = (vec![], vec![], vec![]);
        for (key, row) in all {
            let id = key.id_bytes().to_vec();
            let record = row.map(|row| row.encode(key)).unwrap_or_default();
            rows.push(dw_row {
                key: dw_key { kind: key.kind().number().into(), id: lend(&id) },
                exists: row.is_some().into(),
                stamp: dw_stamp { bytes: row.map_or([0; 16], |row| *row.stamp.as_bytes()) },
                epoch: row.map_or(0, |row| row.epoch),
                has_owner: row.is_some_and(|row| row.owner.is_some()).into(),
                owner: dw_id { bytes: row.and_then(|row| row.owner).map_or([0; 16], |id| *id.as_bytes()) },
                has_expires: row.is_some_and(|row| row.expires.is_some()).into(),
                expires: row.and_then(|row| row.expires).map_or(0, Timestamp::as_millis),
                record: lend(&record),
            });
            // Where its bytes are does not change by it.
            ids.push(id);
            records.push(record);
        }
        Self { all: rows, _ids: ids, _records: records }
    }
}

fn lend(bytes: &[u8]) -> dw_text {
    dw_text { ptr: bytes.as_ptr().cast(), len: bytes.len() }
}

pub(crate) fn change(change: &Change) -> dw_change {
    let none = [0; 16];
    let (kind, subject, floor) = match change.revocation {
        Revocation::Session(session) => (1, *session.as_bytes(), 0),
        Revocation::Account { account, floor } => (2, *account.as_bytes(), floor),
        Revocation::Everything { floor } => (3, none, floor),
        Revocation::Grant(grant) => (4, *grant.as_bytes(), 0),
    };
    dw_change {
        number: change.cursor.number(),
        kind,
        subject: dw_id { bytes: subject },
        floor,
        until: change.until.as_millis(),
    }
}
