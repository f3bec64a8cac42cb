//! What stands under the raw keys: a row's columns before its record, an ending, and what is known of the whole.

use doorward_core::error::StoreError;
use doorward_core::id::{AccountId, GrantId, SessionId, Stamp};
use doorward_core::record::{Key, Row};
use doorward_core::store::{Change, Cursor, Revocation};
use doorward_core::time::Timestamp;

use crate::store::failing::corrupt;

/// `stamp, epoch, what follows, owner?, expires?, record`. The record's own checksum covers key, owner and expiry.
pub(super) fn of_row(key: &Key, row: &Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend(row.stamp.as_bytes());
    bytes.extend(row.epoch.to_be_bytes());
    bytes.push(flag(OWNER, row.owner.is_some()) | flag(EXPIRES, row.expires.is_some()));
    bytes.extend(row.owner.iter().flat_map(AccountId::as_bytes));
    bytes.extend(row.expires.iter().flat_map(|expires| expires.as_millis().to_be_bytes()));
    bytes.extend(row.encode(key));
    bytes
}

pub(super) fn row(key: &Key, bytes: &[u8]) -> Result<Row, StoreError> {
    let mut rest = Rest(bytes);
    let stamp = Stamp::from_bytes(rest.take()?);
    let epoch = u64::from_be_bytes(rest.take()?);
    let [flags] = rest.take()?;
    if flags & !(OWNER | EXPIRES) != 0 {
        return Err(damaged());
    }
    let owner = if flags & OWNER == 0 { None } else { Some(AccountId::from_bytes(rest.take()?)) };
    let expires = if flags & EXPIRES == 0 { None } else { Some(rest.moment()?) };
    Ok(Row::decode(key, stamp, epoch, owner, expires, rest.0)?)
}

/// `kind, until, floor, subject?`.
pub(super) fn of_ending(revocation: &Revocation, until: Timestamp) -> Vec<u8> {
    let (kind, floor, subject) = match revocation {
        Revocation::Session(session) => (SESSION, 0, Some(session.as_bytes())),
        Revocation::Account { account, floor } => (ACCOUNT, *floor, Some(account.as_bytes())),
        Revocation::Everything { floor } => (EVERYTHING, *floor, None),
        Revocation::Grant(grant) => (GRANT, 0, Some(grant.as_bytes())),
    };
    let mut bytes = vec![kind];
    bytes.extend(until.as_millis().to_be_bytes());
    bytes.extend(floor.to_be_bytes());
    bytes.extend(subject.into_iter().flatten());
    bytes
}

pub(super) fn change(cursor: Cursor, bytes: &[u8]) -> Result<Change, StoreError> {
    let mut rest = Rest(bytes);
    let [kind] = rest.take()?;
    let until = rest.moment()?;
    let floor = u64::from_be_bytes(rest.take()?);
    let revocation = match kind {
        SESSION => Revocation::Session(SessionId::from_bytes(rest.take()?)),
        ACCOUNT => Revocation::Account { account: AccountId::from_bytes(rest.take()?), floor },
        EVERYTHING => Revocation::Everything { floor },
        GRANT => Revocation::Grant(GrantId::from_bytes(rest.take()?)),
        _ => return Err(damaged()),
    };
    rest.end()?;
    Ok(Change { cursor, revocation, until })
}

/// What is known of the whole, and written with every group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Meta {
    /// How many groups were applied since the store was made.
    pub(super) sequence: u64,
    /// The last cursor that was given out.
    pub(super) end: u64,
    /// The [`fingerprint`]s of all other entries, added up.
    pub(super) sum: u64,
}

impl Meta {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.sequence, self.end, self.sum].into_iter().flat_map(u64::to_be_bytes).collect()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut rest = Rest(bytes);
        let [sequence, end, sum] = [rest.take()?, rest.take()?, rest.take()?].map(u64::from_be_bytes);
        rest.end()?;
        Ok(Self { sequence, end, sum })
    }

    /// An entry stands that did not.
    pub(super) fn add(&mut self, raw: &[u8], value: &[u8]) {
        self.sum = self.sum.wrapping_add(fingerprint(raw, value));
    }

    /// An entry stands no more.
    pub(super) fn take(&mut self, raw: &[u8], value: &[u8]) {
        self.sum = self.sum.wrapping_sub(fingerprint(raw, value));
    }
}

/// Sixty-four bits of an entry, against accidents: FNV-1a over length, key and value, mixed so that sums of it tell sets
/// apart. The standard library's hashes may change from one release to the next; these bytes are on disks.
fn fingerprint(raw: &[u8], value: &[u8]) -> u64 {
    let length = (raw.len() as u64).to_be_bytes();
    let bytes = length.iter().chain(raw).chain(value);
    let mut hash =
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn moment(&mut self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_millis(i64::from_be_bytes(self.take()?)))
    }

    fn end(&self) -> Result<(), StoreError> {
        if self.0.is_empty() { Ok(()) } else { Err(damaged()) }
    }
}

fn flag(bit: u8, is_set: bool) -> u8 {
    if is_set { bit } else { 0 }
}

/// What no writer here could have written.
pub(super) fn damaged() -> StoreError {
    corrupt("a stored entry is not one that was written so: restore the folder from a backup")
}

const OWNER: u8 = 1;
const EXPIRES: u8 = 2;
const SESSION: u8 = 1;
const ACCOUNT: u8 = 2;
const EVERYTHING: u8 = 3;
const GRANT: u8 = 4;
const FNV: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_come_back() {
        let until = Timestamp::from_millis(-7);
        let cursor = Cursor::from_number(3);
        for revocation in [
            Revocation::Session(SessionId::from_bytes([1; 16])),
            Revocation::Account { account: AccountId::from_bytes([2; 16]), floor: u64::MAX },
            Revocation::Everything { floor: 5 },
            Revocation::Grant(GrantId::from_bytes([4; 16])),
        ] {
            let bytes = of_ending(&revocation, until);
            assert_eq!(change(cursor, &bytes).unwrap(), Change { cursor, revocation, until });
            for length in 0..bytes.len() {
                assert!(change(cursor, &bytes[..length]).is_err());
            }
            assert!(change(cursor, &[&bytes[..], &[0]].concat()).is_err());
        }
        assert!(change(cursor, &[9; 33]).is_err());
    }

    #[test]
    fn a_sum_is_of_the_set_and_tells_a_neighbour_from_it() {
        let sum_of = |entries: &[(&[u8], &[u8])]| {
            let mut meta = Meta::default();
            for (raw, value) in entries {
                meta.add(raw, value);
            }
            meta.sum
        };
        let whole = sum_of(&[(b"a", b"1"), (b"b", b"2")]);
        assert_eq!(whole, sum_of(&[(b"b", b"2"), (b"a", b"1")]));
        for other in
            [&[(&b"a"[..], &b"1"[..])][..], &[(b"a", b"2"), (b"b", b"1")], &[(b"a1", b""), (b"b", b"2")]]
        {
            assert_ne!(whole, sum_of(other));
        }
        let mut meta = Meta { sum: whole, ..Meta::default() };
        meta.take(b"a", b"1");
        assert_eq!(meta.sum, sum_of(&[(b"b", b"2")]));
        assert_eq!(Meta::decode(&meta.encode()).unwrap(), meta);
    }
}
