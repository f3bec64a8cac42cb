//! What an entry can be given: what is right, and what is wrong in every way that the library can see.
//!
//! What it cannot see, nobody can say with these: no length is claimed of memory that has less, unless it is longer than any
//! that is taken.

use std::collections::BTreeMap;

use doorward::Timestamp;
use doorward::core::record::{Key, Row};
use doorward::core::store::Change;

use super::outcome::Outcome;
use crate::given::Id;
use crate::rows;

/// The most bytes that are taken: a longer length is refused unread.
pub const MOST: usize = 1 << 24;

/// What one slot is given.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is for the slots of its name")]
pub enum Arg {
    /// A number that may be a handle.
    Handle(usize),
    /// For texts and data.
    Bytes(Bytes),
    /// For every kind of integer, cut to its width.
    Int(u64),
    Id(Id),
    /// NULL, or what the host's function does.
    Callback(Option<Does>),
    Options(Option<Options>),
    Texts(Many<Bytes>),
    Rows(Many<RowArg>),
    Changes(Many<ChangeArg>),
    /// NULL, or a result: its own function frees it.
    Result(Option<Outcome>),
    /// Whether there is a place, or NULL: for outputs, errors, and an id's text.
    Place(bool),
}

/// Bytes and their length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bytes {
    /// These.
    Given(Vec<u8>),
    /// NULL, with this length.
    Null(usize),
    /// A pointer, with a length that is more than [`MOST`].
    Long(usize),
}

impl Bytes {
    /// NULL with length 0.
    pub const NONE: Self = Self::Null(0);

    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Given(text.as_bytes().to_vec())
    }
}

/// Things and their count.
#[derive(Debug, Clone)]
pub enum Many<T> {
    /// These.
    Given(Vec<T>),
    /// NULL, with this count.
    Null(usize),
    /// A pointer, with a count of things that take more than [`MOST`] bytes.
    Long(usize),
    /// A pointer that is not aligned, with this count.
    Unaligned(usize),
}

/// What the host's callback does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// What it should.
    Works,
    /// It answers that it cannot.
    Fails,
}

/// A struct of options: what is not said is zero.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What `size` says; `None`: the size that it has. There are as many bytes as it may say.
    pub size: Option<usize>,
    /// By name.
    pub fields: BTreeMap<&'static str, Field>,
    /// What stands behind its last field.
    pub tail: Vec<u8>,
}

/// A field of options.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is for the fields of its name")]
pub enum Field {
    Text(Bytes),
    Int(i32),
    Texts(Many<Bytes>),
    /// Former cookies, each behind a pointer that may be NULL.
    Cookies(Many<Option<Options>>),
}

impl Options {
    /// With this field.
    #[must_use]
    pub fn with(mut self, name: &'static str, field: Field) -> Self {
        self.fields.insert(name, field);
        self
    }

    /// With this text.
    #[must_use]
    pub fn text(self, name: &'static str, text: &str) -> Self {
        self.with(name, Field::Text(Bytes::text(text)))
    }

    /// With this number.
    #[must_use]
    pub fn int(self, name: &'static str, int: i32) -> Self {
        self.with(name, Field::Int(int))
    }
}

/// `dw_row`
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are those of the header")]
pub struct RowArg {
    pub kind: u32,
    pub id: Bytes,
    pub exists: u8,
    pub stamp: [u8; 16],
    pub epoch: u64,
    pub has_owner: u8,
    pub owner: Id,
    pub has_expires: u8,
    pub expires: i64,
    pub record: Bytes,
}

impl RowArg {
    /// No row.
    pub fn absent() -> Self {
        Self {
            kind: 0,
            id: Bytes::NONE,
            exists: 0,
            stamp: [0; 16],
            epoch: 0,
            has_owner: 0,
            owner: [0; 16],
            has_expires: 0,
            expires: 0,
            record: Bytes::NONE,
        }
    }

    /// A row as it was written.
    pub fn of(key: &Key, row: &Row) -> Self {
        Self {
            kind: key.kind().number().into(),
            id: Bytes::Given(key.id_bytes().to_vec()),
            exists: 1,
            stamp: *row.stamp.as_bytes(),
            epoch: row.epoch,
            has_owner: row.owner.is_some().into(),
            owner: row.owner.map_or([0; 16], |owner| *owner.as_bytes()),
            has_expires: row.expires.is_some().into(),
            expires: row.expires.map_or(0, Timestamp::as_millis),
            record: Bytes::Given(row.encode(key)),
        }
    }
}

/// `dw_change`
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are those of the header")]
pub struct ChangeArg {
    pub number: u64,
    pub kind: u32,
    pub subject: Id,
    pub floor: u64,
    pub until: i64,
}

impl ChangeArg {
    /// An entry as it was written.
    pub fn of(change: &Change) -> Self {
        let change = rows::change(change);
        Self {
            number: change.number,
            kind: change.kind,
            subject: change.subject.bytes,
            floor: change.floor,
            until: change.until,
        }
    }
}
