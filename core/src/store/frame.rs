//! One commit as bytes, for stores that keep a log or send one: `length (8 bytes) · CRC-32 (4) · version (1) · CBOR`,
//! the numbers big endian. The checksum covers the length too, so that zeros are no frame.
//!
//! | at the front stands | [`Effects::unframe`] |
//! |---|---|
//! | a whole frame | gives it, and what is behind it |
//! | nothing, or the beginning of a frame | `None`: the end, or a torn tail |
//! | zeros, or a broken frame with nothing behind it | `None`: a torn tail, whose bytes are not all there yet |
//! | a broken frame with more behind it | an error: what is behind it was written after it was whole |

use alloc::vec::Vec;

use minicbor::bytes::ByteVec;
use minicbor::{Decoder, Encoder};

use super::{Change, Changes, Cursor, Effects, Revocation};
use crate::id::{AccountId, SessionId, Stamp};
use crate::record::{Key, Kind, RecordError, Row};
use crate::time::Timestamp;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 12;

type Rows = Vec<(u8, ByteVec, Option<Columns>)>;
type Columns = (Stamp, u64, Option<AccountId>, Option<Timestamp>, ByteVec);
type Entries = Vec<(u64, Option<SessionId>, Option<AccountId>, u64, Timestamp)>;

impl Effects {
    /// Its frame.
    pub fn frame(&self) -> Vec<u8> {
        let columns = |key: &Key, row: &Row| {
            (row.stamp, row.epoch, row.owner, row.expires, ByteVec::from(row.encode(key)))
        };
        let row = |(key, row): &(Key, Option<Row>)| {
            let columns = row.as_ref().map(|row| columns(key, row));
            (key.kind().number(), ByteVec::from(key.id_bytes().to_vec()), columns)
        };
        let rows: Rows = self.rows.iter().map(row).collect();
        let entries: Entries = self.journal.entries.iter().map(entry).collect();
        let mut bytes = Vec::from([0; HEADER_BYTES]);
        bytes.push(VERSION);
        match Encoder::new(&mut bytes).encode((rows, entries, self.journal.end.number())) {
            Ok(_) => {}
            // Writing into a `Vec` is `Infallible`, and nothing in it refuses to be encoded.
            Err(error) => unreachable!("a frame encodes into memory: {error}"),
        }
        let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
        let length = (body.len() as u64).to_be_bytes();
        let header = length.into_iter().chain(checksum(length, body));
        header.zip(&mut bytes).for_each(|(value, byte)| *byte = value);
        bytes
    }

    /// The frame at the front of `bytes` and what stands behind it; `None` at the end and before a torn tail.
    ///
    /// It is for logs in which only the last frame can be incomplete: those that sync each.
    ///
    /// # Errors
    /// [`RecordError::Checksum`] for damage, and the others for what this version did not write.
    pub fn unframe(bytes: &[u8]) -> Result<Option<(Self, &[u8])>, RecordError> {
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
        let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let size = u64::from_be_bytes(*length);
        let whole = usize::try_from(size).ok().and_then(|size| rest.split_at_checked(size));
        let Some((body, behind)) = whole else { return Ok(None) };
        if checksum(*length, body) != *sum {
            return if size == 0 || behind.is_empty() { Ok(None) } else { Err(RecordError::Checksum) };
        }
        match body.split_first() {
            Some((&VERSION, body)) => Ok(Some((parse(body)?, behind))),
            Some((version, _)) => Err(RecordError::Version(*version)),
            None => Err(RecordError::Content),
        }
    }
}

fn entry(change: &Change) -> (u64, Option<SessionId>, Option<AccountId>, u64, Timestamp) {
    let (session, account, floor) = match change.revocation {
        Revocation::Session(session) => (Some(session), None, 0),
        Revocation::Account { account, floor } => (None, Some(account), floor),
        Revocation::Everything { floor } => (None, None, floor),
    };
    (change.cursor.number(), session, account, floor, change.until)
}

fn parse(body: &[u8]) -> Result<Effects, RecordError> {
    let mut decoder = Decoder::new(body);
    let (rows, entries, end): (Rows, Entries, u64) = decoder.decode().map_err(|_| RecordError::Content)?;
    if decoder.position() != body.len() {
        return Err(RecordError::Content);
    }
    let row = |(kind, id, columns): (u8, ByteVec, Option<Columns>)| {
        let key = Kind::from_number(kind)
            .and_then(|kind| Key::from_parts(kind, &id))
            .ok_or(RecordError::Content)?;
        let row = columns.map(|(stamp, epoch, owner, expires, record)| {
            Row::decode(&key, stamp, epoch, owner, expires, &record)
        });
        Ok((key, row.transpose()?))
    };
    let change = |(number, session, account, floor, until)| {
        let revocation = match (session, account) {
            (Some(session), _) => Revocation::Session(session),
            (None, Some(account)) => Revocation::Account { account, floor },
            (None, None) => Revocation::Everything { floor },
        };
        Change { cursor: Cursor::from_number(number), revocation, until }
    };
    let rows = rows.into_iter().map(row).collect::<Result<_, RecordError>>()?;
    let entries = entries.into_iter().map(change).collect();
    Ok(Effects { rows, journal: Changes { entries, end: Cursor::from_number(end) } })
}

fn checksum(length: [u8; 8], body: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize().to_be_bytes()
}
