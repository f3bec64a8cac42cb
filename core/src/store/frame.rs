//! One commit as bytes, for stores that keep a log or send one: `length (8 bytes) · CRC-32 of the length (4) · CRC-32 of
//! the rest (4) · version (1) · CBOR`, the numbers big endian. The length has a checksum of its own: one that is damaged
//! would reach past the end of the log, and what is behind it would be taken for a torn tail.
//!
//! | at the front stands | [`Effects::unframe`] |
//! |---|---|
//! | a whole frame | gives it, and what is behind it |
//! | nothing, or the beginning of a frame | `None`: the end, or a torn tail |
//! | a broken frame with nothing behind it | `None`: a torn tail, whose bytes are not all there yet |
//! | no header, and no whole frame behind | `None`: a torn tail likewise; zeros are no header |
//! | a broken frame with more behind it, or no header and a whole frame behind | an error: that was written later |

use alloc::vec::Vec;

use minicbor::bytes::ByteVec;
use minicbor::{Decoder, Encoder};

use super::{Change, Changes, Cursor, Effects, Revocation};
use crate::id::{AccountId, GrantId, SessionId, Stamp};
use crate::record::{Key, Kind, RecordError, Row};
use crate::time::Timestamp;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 16;

type Rows = Vec<(u8, ByteVec, Option<Columns>)>;
type Columns = (Stamp, u64, Option<AccountId>, Option<Timestamp>, ByteVec);
type Entries = Vec<(u64, u8, ByteVec, u64, Timestamp)>;

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
        let (length, sum) = ((body.len() as u64).to_be_bytes(), checksum(body));
        let header = length.into_iter().chain(checksum(&length)).chain(sum);
        header.zip(&mut bytes).for_each(|(value, byte)| *byte = value);
        bytes
    }

    /// The frame at the front of `bytes` and what stands behind it; `None` at the end and before a torn tail.
    ///
    /// It is for logs in which only the last frame can be incomplete: those that sync each. A last frame that was damaged
    /// later reads like a torn one: a log that begins with a frame which cannot be torn refuses to do without it.
    ///
    /// # Errors
    /// [`RecordError::Checksum`] for damage, and the others for what this version did not write.
    pub fn unframe(bytes: &[u8]) -> Result<Option<(Self, &[u8])>, RecordError> {
        let (body, behind) = match front(bytes) {
            Front::Whole { body, behind } => (body, behind),
            Front::Torn => return Ok(None),
            Front::Broken => return Err(RecordError::Checksum),
            Front::NoHeader if is_frame_behind(bytes) => return Err(RecordError::Checksum),
            Front::NoHeader => return Ok(None),
        };
        match body.split_first() {
            Some((&VERSION, body)) => Ok(Some((parse(body)?, behind))),
            Some((version, _)) => Err(RecordError::Version(*version)),
            None => Err(RecordError::Content),
        }
    }
}

/// What stands at the front of a log.
enum Front<'a> {
    Whole { body: &'a [u8], behind: &'a [u8] },
    Torn,
    Broken,
    NoHeader,
}

fn front(bytes: &[u8]) -> Front<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Front::Torn };
    let (length, sums) = header.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let (of_length, of_body) = sums.split_at_checked(4).unwrap_or_default();
    if checksum(length) != of_length {
        return Front::NoHeader;
    }
    let size = usize::try_from(u64::from_be_bytes(*length)).ok();
    match size.and_then(|size| rest.split_at_checked(size)) {
        None => Front::Torn,
        Some((body, behind)) if checksum(body) == of_body => Front::Whole { body, behind },
        Some((_, [])) => Front::Torn,
        Some(_) => Front::Broken,
    }
}

/// A torn tail has none: nothing was written before it was whole.
fn is_frame_behind(bytes: &[u8]) -> bool {
    let behind = (1..bytes.len()).filter_map(|at| bytes.get(at..));
    behind.map(front).any(|front| matches!(front, Front::Whole { .. }))
}

fn entry(change: &Change) -> (u64, u8, ByteVec, u64, Timestamp) {
    let (kind, subject, floor) = match &change.revocation {
        Revocation::Session(session) => (SESSION, session.as_bytes().as_slice(), 0),
        Revocation::Account { account, floor } => (ACCOUNT, account.as_bytes().as_slice(), *floor),
        Revocation::Everything { floor } => (EVERYTHING, [].as_slice(), *floor),
        Revocation::Grant(grant) => (GRANT, grant.as_bytes().as_slice(), 0),
    };
    (change.cursor.number(), kind, subject.to_vec().into(), floor, change.until)
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
    let change = |(number, kind, subject, floor, until): (u64, u8, ByteVec, u64, Timestamp)| {
        let sixteen = || <[u8; 16]>::try_from(subject.as_slice()).map_err(|_| RecordError::Content);
        let revocation = match kind {
            SESSION => Revocation::Session(SessionId::from_bytes(sixteen()?)),
            ACCOUNT => Revocation::Account { account: AccountId::from_bytes(sixteen()?), floor },
            EVERYTHING if subject.is_empty() => Revocation::Everything { floor },
            GRANT => Revocation::Grant(GrantId::from_bytes(sixteen()?)),
            _ => return Err(RecordError::Content),
        };
        Ok(Change { cursor: Cursor::from_number(number), revocation, until })
    };
    let rows = rows.into_iter().map(row).collect::<Result<_, RecordError>>()?;
    let entries = entries.into_iter().map(change).collect::<Result<_, RecordError>>()?;
    Ok(Effects { rows, journal: Changes { entries, end: Cursor::from_number(end) } })
}

const SESSION: u8 = 1;
const ACCOUNT: u8 = 2;
const EVERYTHING: u8 = 3;
const GRANT: u8 = 4;

fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_be_bytes()
}
