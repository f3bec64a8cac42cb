//! Where everything stands in sled's one tree. Its order is that of bytes; so each key is built to sort as it means.
//!
//! | prefix | then | value | for |
//! |---|---|---|---|
//! | `e` | `expires`, kind, id | – | purges |
//! | `j` | cursor | an ending | the journal |
//! | `m` | | [`Meta`](super::value::Meta) | the writer and the opener |
//! | `o` | owner, kind, id | – | scans by owner, of kinds of which an owner has many |
//! | `r` | kind, id | a row | reads and scans |
//! | `u` | `until`, cursor | – | purges |
//!
//! All parts but the id have one length, and the id comes last: no key is another's by chance, and names of any length
//! sort as [`Key`] does.

use std::ops::Bound;

use doorward_core::id::AccountId;
use doorward_core::record::{Key, Kind};
use doorward_core::store::Cursor;
use doorward_core::time::Timestamp;

/// A stretch of the tree.
pub(super) type Span = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What a raw key names.
pub(super) enum Place {
    Expiry { of: Key },
    Ending(Cursor),
    Meta,
    Owned { key: Key },
    Row(Key),
    Lapse(Cursor),
}

impl Place {
    /// `None` for a key that nobody here wrote.
    pub(super) fn of(raw: &[u8]) -> Option<Self> {
        let (prefix, rest) = raw.split_first()?;
        match *prefix {
            EXPIRY => key(rest.get(8..)?).map(|of| Self::Expiry { of }),
            ENDING => cursor(rest).map(Self::Ending),
            META => rest.is_empty().then_some(Self::Meta),
            OWNED => key(rest.get(16..)?).map(|key| Self::Owned { key }),
            ROW => key(rest).map(Self::Row),
            LAPSE => cursor(rest.get(8..)?).map(Self::Lapse),
            _ => None,
        }
    }
}

pub(super) fn meta() -> Vec<u8> {
    vec![META]
}

pub(super) fn row(key: &Key) -> Vec<u8> {
    joined(&[&[ROW], &id(key)])
}

pub(super) fn owned(owner: AccountId, key: &Key) -> Vec<u8> {
    joined(&[&[OWNED], owner.as_bytes(), &id(key)])
}

pub(super) fn expiry(expires: Timestamp, key: &Key) -> Vec<u8> {
    joined(&[&[EXPIRY], &moment(expires), &id(key)])
}

pub(super) fn ending(cursor: Cursor) -> Vec<u8> {
    joined(&[&[ENDING], &cursor.number().to_be_bytes()])
}

pub(super) fn lapse(until: Timestamp, cursor: Cursor) -> Vec<u8> {
    joined(&[&[LAPSE], &moment(until), &cursor.number().to_be_bytes()])
}

/// The rows of a kind, after a key of it.
pub(super) fn rows_of(kind: Kind, after: Option<&Key>) -> Span {
    span(vec![ROW, kind.number()], after.map(row))
}

/// The owner index for a kind, after a key of it.
pub(super) fn owned_by(owner: AccountId, kind: Kind, after: Option<&Key>) -> Span {
    let prefix = joined(&[&[OWNED], owner.as_bytes(), &[kind.number()]]);
    span(prefix, after.map(|after| owned(owner, after)))
}

/// What a purge at `now` may take of the rows.
pub(super) fn expired(now: Timestamp) -> Span {
    (Bound::Included(vec![EXPIRY]), Bound::Excluded(beyond(joined(&[&[EXPIRY], &moment(now)]))))
}

/// What a purge at `now` may take of the journal.
pub(super) fn lapsed(now: Timestamp) -> Span {
    (Bound::Included(vec![LAPSE]), Bound::Excluded(beyond(joined(&[&[LAPSE], &moment(now)]))))
}

/// The journal after a cursor.
pub(super) fn endings_after(after: Cursor) -> Span {
    span(vec![ENDING], Some(ending(after)))
}

fn span(prefix: Vec<u8>, after: Option<Vec<u8>>) -> Span {
    let end = Bound::Excluded(beyond(prefix.clone()));
    (after.map_or(Bound::Included(prefix), Bound::Excluded), end)
}

/// The least key that is greater than all that begin with this one. The first byte is a prefix of ours, so there is one.
fn beyond(mut start: Vec<u8>) -> Vec<u8> {
    while let Some(last) = start.pop() {
        if let Some(next) = last.checked_add(1) {
            start.push(next);
            break;
        }
    }
    start
}

fn id(key: &Key) -> Vec<u8> {
    joined(&[&[key.kind().number()], key.id_bytes()])
}

fn key(bytes: &[u8]) -> Option<Key> {
    let (kind, id) = bytes.split_first()?;
    Key::from_parts(Kind::from_number(*kind)?, id).filter(|key| key.id_bytes() == id)
}

fn cursor(bytes: &[u8]) -> Option<Cursor> {
    Some(Cursor::from_number(u64::from_be_bytes(bytes.try_into().ok()?)))
}

/// A time before 1970 sorts before one after it.
fn moment(time: Timestamp) -> [u8; 8] {
    (time.as_millis().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

const EXPIRY: u8 = b'e';
const ENDING: u8 = b'j';
const META: u8 = b'm';
const OWNED: u8 = b'o';
const ROW: u8 = b'r';
const LAPSE: u8 = b'u';

#[cfg(test)]
mod tests {
    use doorward_core::id::SessionId;
    use doorward_core::name::LoginName;

    use super::*;

    #[test]
    fn raw_keys_sort_as_what_they_mean() {
        let names = ["a", "aa", "b", "a-b", "z\u{e9}", "zz"].map(|name| LoginName::parse(name).unwrap());
        let mut keys: Vec<Key> = names.into_iter().map(Key::Login).collect();
        keys.extend(Kind::ALL.map(Kind::least_key));
        keys.sort();
        keys.dedup();
        assert!(keys.is_sorted_by(|one, next| row(one) < row(next)));
        let times = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_millis);
        let [first, .., last] = [&keys[1], &keys[2], &keys[5]];
        assert!(times.is_sorted_by(|one, next| expiry(*one, last) < expiry(*next, first)));
    }

    #[test]
    fn a_key_is_taken_apart_as_it_was_put_together() {
        let key = Key::Login(LoginName::parse("ada").unwrap());
        let (owner, time, cursor) =
            (AccountId::from_bytes([255; 16]), Timestamp::from_millis(-5), Cursor::from_number(9));
        assert!(matches!(Place::of(&row(&key)), Some(Place::Row(found)) if found == key));
        assert!(matches!(Place::of(&owned(owner, &key)), Some(Place::Owned { key: found }) if found == key));
        assert!(matches!(Place::of(&expiry(time, &key)), Some(Place::Expiry { of }) if of == key));
        assert!(matches!(Place::of(&ending(cursor)), Some(Place::Ending(found)) if found == cursor));
        assert!(matches!(Place::of(&lapse(time, cursor)), Some(Place::Lapse(found)) if found == cursor));
        assert!(matches!(Place::of(&meta()), Some(Place::Meta)));
        for strange in [&b""[..], b"x", b"mm", b"r\x01", b"r\x63aaaa", b"r\x01ADA", b"j123", b"e1234567\x01a"]
        {
            assert!(Place::of(strange).is_none(), "{strange:?}");
        }
    }

    /// An owner of nothing but 0xff, and the last moment, have no successor of their own length.
    #[test]
    fn a_span_ends_where_its_prefix_does() {
        let owner = AccountId::from_bytes([255; 16]);
        let last = Key::Grants(SessionId::from_bytes([255; 16]));
        let Bound::Excluded(end) = owned_by(owner, Kind::Grants, None).1 else { unreachable!() };
        assert!(owned(owner, &last) < end && end < row(&Kind::Login.least_key()));
        let Bound::Excluded(end) = expired(Timestamp::MAX).1 else { unreachable!() };
        assert!(expiry(Timestamp::MAX, &last) < end && end <= ending(Cursor::START));
    }
}
