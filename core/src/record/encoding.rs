//! The one encoding of records: `version (1 byte) · CBOR array · CRC-32 (4 bytes, big endian)`.
//!
//! Fields are numbered and never renumbered. A field added later is optional or has a default, so that this
//! reader takes older rows; a version it does not know it refuses instead of guessing. The checksum finds
//! damage, not malice: who can write the database is out of scope.

use alloc::vec::Vec;
use core::convert::Infallible;

use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};
use thiserror::Error;

use super::{Key, Kind, Record, Row};
use crate::id::AccountId;
use crate::time::Timestamp;

/// The version this build writes.
const VERSION: u8 = 1;
/// No record is near this size; what is longer is refused before it is written or looked at.
const MAX_BYTES: usize = 256 * 1024;
const CHECKSUM_BYTES: usize = 4;

/// Stored bytes that are not a record.
///
/// # Example: one flipped bit
/// ```
/// use doorward_core::id::{AccountId, Stamp};
/// use doorward_core::record::{ActiveRecord, Key, RecordError, Row};
/// use doorward_core::time::Timestamp;
///
/// let key = Key::Active(AccountId::from_bytes([1; 16]));
/// let (stamp, record) = (Stamp::from_bytes([2; 16]), ActiveRecord { since: Timestamp::from_millis(5) }.into());
/// let mut bytes = Row { stamp, epoch: 0, owner: None, expires: None, record }.encode(&key);
/// bytes[2] ^= 1;
/// let decoded = Row::decode(&key, stamp, 0, None, None, &bytes);
/// assert_eq!(decoded, Err(RecordError::Checksum));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Too short or too long to be one.
    #[error("a record has an impossible length: restore the database from a backup")]
    Length,
    /// Written by a newer Doorward.
    #[error("a record has the unknown format version {0}: open this database with a newer Doorward")]
    Version(u8),
    /// The checksum is not that of the bytes and their columns.
    #[error("a record is damaged (its checksum differs): restore the database from a backup")]
    Checksum,
    /// The checksum is right and the content is not what this kind holds.
    #[error("a record's content does not decode: restore the database from a backup")]
    Content,
    /// The store has no keyring row, which every store that was opened once has.
    #[error("the store has lost its keyring: restore the database from a backup")]
    NoKeyring,
    /// It stands under a key of another kind.
    #[error("a record stands under a key of another kind: the store mixed up its rows")]
    Kind,
}

pub(super) fn encode(key: &Key, row: &Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    bytes.push(VERSION);
    record_to(&mut bytes, &row.record);
    let sum = checksum(key, row.owner, row.expires, &bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes
}

pub(super) fn decode(
    key: &Key,
    owner: Option<AccountId>,
    expires: Option<Timestamp>,
    bytes: &[u8],
) -> Result<Record, RecordError> {
    if bytes.len() > MAX_BYTES {
        return Err(RecordError::Length);
    }
    let (covered, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(RecordError::Length)?;
    let (version, body) = covered.split_first().ok_or(RecordError::Length)?;
    if checksum(key, owner, expires, covered) != u32::from_be_bytes(*sum) {
        return Err(RecordError::Checksum);
    }
    if *version != VERSION {
        return Err(RecordError::Version(*version));
    }
    Ok(match key.kind() {
        Kind::Login => Record::Login(parse(body)?),
        Kind::Account => Record::Account(parse(body)?),
        Kind::Active => Record::Active(parse(body)?),
        Kind::Credential => Record::Credential(parse(body)?),
        Kind::Attempts => Record::Attempts(parse(body)?),
        Kind::Throttle => Record::Throttle(parse(body)?),
        Kind::Session => Record::Session(parse(body)?),
        Kind::Keyring => Record::Keyring(parse(body)?),
        Kind::Data => Record::Data(parse(body)?),
        Kind::Devices => Record::Devices(parse(body)?),
        Kind::Deletion => Record::Deletion(parse(body)?),
        Kind::Clock => Record::Clock(parse(body)?),
        Kind::Grants => Record::Grants(parse(body)?),
    })
}

/// Whether the record can be read again once it is encoded.
pub(super) fn fits(record: &Record) -> bool {
    let mut length = Length(1 + CHECKSUM_BYTES);
    record_to(&mut length, record);
    length.0 <= MAX_BYTES
}

/// Counts what is written, and keeps nothing.
struct Length(usize);

impl Write for Length {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

fn record_to(to: &mut impl Write<Error = Infallible>, record: &Record) {
    match record {
        Record::Login(record) => cbor(to, record),
        Record::Account(record) => cbor(to, record),
        Record::Active(record) => cbor(to, record),
        Record::Credential(record) => cbor(to, record),
        Record::Attempts(record) => cbor(to, record),
        Record::Throttle(record) => cbor(to, record),
        Record::Session(record) => cbor(to, record),
        Record::Keyring(record) => cbor(to, record),
        Record::Data(record) => cbor(to, record),
        Record::Devices(record) => cbor(to, record),
        Record::Deletion(record) => cbor(to, record),
        Record::Clock(record) => cbor(to, record),
        Record::Grants(record) => cbor(to, record),
    }
}

fn cbor(to: &mut impl Write<Error = Infallible>, record: &impl Encode<()>) {
    match Encoder::new(to).encode(record) {
        Ok(_) => {}
        // The writer is `Infallible`, and no record holds a value that refuses to be encoded.
        Err(error) => unreachable!("a record encodes into memory: {error}"),
    }
}

fn parse<'b, T: Decode<'b, ()>>(body: &'b [u8]) -> Result<T, RecordError> {
    let mut decoder = Decoder::new(body);
    let record = decoder.decode().map_err(|_| RecordError::Content)?;
    if decoder.position() == body.len() { Ok(record) } else { Err(RecordError::Content) }
}

fn checksum(key: &Key, owner: Option<AccountId>, expires: Option<Timestamp>, covered: &[u8]) -> u32 {
    let id = key.id_bytes();
    let mut hasher = crc32fast::Hasher::new();
    // Each part tells its length or presence first, or bytes could wander from one to the next unseen.
    hasher.update(&[key.kind().number(), u8::from(owner.is_some()), u8::from(expires.is_some())]);
    hasher.update(&(id.len() as u64).to_be_bytes());
    hasher.update(id);
    hasher.update(owner.as_ref().map_or(&[], |owner| owner.as_bytes().as_slice()));
    hasher.update(&expires.map_or([0; 8], |expires| expires.as_millis().to_be_bytes()));
    hasher.update(covered);
    hasher.finalize()
}

/// A password hash is written as its PHC string, and bounded again when it is read.
pub(super) mod password_hash {
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    use crate::password::PasswordHash;

    pub(in crate::record) fn encode<C, W: Write>(
        hash: &PasswordHash,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.str(hash.as_str())?.ok()
    }

    pub(in crate::record) fn decode<C>(
        decoder: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<PasswordHash, DecodeError> {
        PasswordHash::parse(decoder.str()?).map_err(|_| DecodeError::message("not a bounded Argon2id hash"))
    }
}
