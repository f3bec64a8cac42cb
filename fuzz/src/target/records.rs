//! Records and frames of a log: what is read is of its kind, is written again, and then reads as the same.

use doorward_core::id::{AccountId, Stamp};
use doorward_core::model::deletion::DeletionRecord;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Changes, Cursor, Effects};
use doorward_core::time::Timestamp;

use super::house::House;
use super::take::Input;

/// The first byte: whether the rest is a row, a row's content, a frame, or a frame's content. Content is put under the right
/// checksums, so that it is looked at.
///
/// # Panics
/// What is read does not come back.
pub fn records(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 4 {
        0 => row(input, |_, bytes| bytes.to_vec()),
        1 => row(input, Place::summed),
        2 => frame(input.0),
        _ => frame(&framed(input.0)),
    }
}

/// Where a row stands, and what its columns say.
#[derive(Clone)]
struct Place {
    key: Key,
    owner: Option<AccountId>,
    expires: Option<Timestamp>,
}

impl Place {
    /// Of a kind, which columns are there, sixteen bytes of id and owner, and eight of time.
    fn of(input: &mut Input<'_>) -> Self {
        let (kind, there, id) = (input.byte(), input.byte(), input.array::<16>());
        let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
        let id_bytes: &[u8] = match kind {
            Kind::Login => b"ada",
            Kind::Keyring | Kind::Clock => b"",
            _ => &id,
        };
        let key = Key::from_parts(kind, id_bytes).expect("each kind has such a key");
        let expires = Timestamp::from_millis(i64::from_be_bytes(input.array()));
        Self {
            key,
            owner: (there & 1 != 0).then(|| AccountId::from_bytes(id)),
            expires: (there & 2 != 0).then_some(expires),
        }
    }

    /// Content under its checksum: version, content, and the CRC-32 of all that the row is.
    fn summed(&self, content: &[u8]) -> Vec<u8> {
        let bytes = [&[1], content].concat();
        let (id, mut hasher) = (self.key.id_bytes(), crc32fast::Hasher::new());
        let there = [self.owner.is_some(), self.expires.is_some()].map(u8::from);
        hasher.update(&[&[self.key.kind().number()][..], &there].concat());
        hasher.update(&u64::try_from(id.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(id);
        self.owner.iter().for_each(|owner| hasher.update(owner.as_bytes()));
        hasher.update(&self.expires.map_or(0, Timestamp::as_millis).to_be_bytes());
        hasher.update(&bytes);
        [bytes, hasher.finalize().to_be_bytes().to_vec()].concat()
    }

    fn decode(&self, bytes: &[u8]) -> Option<Row> {
        Row::decode(&self.key, Stamp::from_bytes([1; 16]), 7, self.owner, self.expires, bytes).ok()
    }
}

fn row(mut input: Input<'_>, bytes: fn(&Place, &[u8]) -> Vec<u8>) {
    let place = Place::of(&mut input);
    let mut bytes = bytes(&place, input.0);
    let Some(row) = place.decode(&bytes) else { return };
    assert_eq!(row.record.kind(), place.key.kind(), "a record is of another kind than its key");
    judge(&row, &row.encode(&place.key), |bytes| place.decode(bytes));
    let owner = place.owner.is_none().then(|| AccountId::from_bytes([0; 16]));
    assert_eq!(Place { owner, ..place.clone() }.decode(&bytes), None, "another owner's record is read");
    bytes[0] ^= 1;
    assert_eq!(place.decode(&bytes), None, "damage is read");
}

/// A row that was read, as it is written, and what reads it.
fn judge(row: &Row, written: &[u8], decode: impl Fn(&[u8]) -> Option<Row>) {
    assert_eq!(decode(written).as_ref(), Some(row), "a record does not come back as it was");
}

fn frame(log: &[u8]) {
    if let Ok(Some((effects, behind))) = Effects::unframe(log) {
        assert!(behind.len() < log.len() && log.ends_with(behind), "what is behind a frame is not the log's");
        framed_again(&effects, &effects.frame());
    }
}

/// What a frame says, and its frame.
fn framed_again(effects: &Effects, frame: &[u8]) {
    let again = Effects::unframe(frame).ok().flatten();
    assert_eq!(again, Some((effects.clone(), &[][..])), "a frame does not come back as it was");
    let torn = frame.split_last().map(|(_, torn)| Effects::unframe(torn));
    assert_eq!(torn, Some(Ok(None)), "a torn frame is read, or is called damage");
}

/// A frame's content under its checksums.
fn framed(content: &[u8]) -> Vec<u8> {
    let body = [&[1], content].concat();
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX).to_be_bytes();
    let sum = |bytes: &[u8]| crc32fast::hash(bytes).to_be_bytes();
    [&length[..], &sum(&length), &sum(&body), &body].concat()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut rows = House::enter().store.rows(&Kind::ALL);
    let account = AccountId::from_bytes([5; 16]);
    let deletion = DeletionRecord { started: Timestamp::from_millis(5) };
    let stamp = Stamp::from_bytes([1; 16]);
    rows.push((
        Key::Deletion(account),
        Row { stamp, epoch: 0, owner: Some(account), expires: None, record: deletion.into() },
    ));
    for (key, row) in &rows {
        let kind = key.kind().number() - 1;
        let there = u8::from(row.owner.is_some()) + 2 * u8::from(row.expires.is_some());
        let id = row.owner.map_or([9; 16], |owner| *owner.as_bytes());
        let time = row.expires.map_or(0, Timestamp::as_millis).to_be_bytes();
        let place = [&[kind, there][..], &id, &time].concat();
        let written = row.encode(key);
        let content = written.get(1..written.len() - 4).unwrap_or_default();
        seeds.push([&[1][..], &place, content].concat());
        let summed = Place::of(&mut Input(&place)).summed(content);
        seeds.push([&[0][..], &place, &summed].concat());
    }
    let journal = Changes { entries: Vec::new(), end: Cursor::from_number(3) };
    let rows = rows.into_iter().map(|(key, row)| (key, Some(row))).take(3).collect();
    let frame = Effects { rows, journal }.frame();
    seeds.push([&[2][..], &frame, &frame].concat());
    seeds.push([&[3][..], &frame[17..]].concat());
    // Lengths that nothing stands behind: two to the 31st bytes, texts, elements.
    let place = [[1, 8, 0].as_slice(), &[0; 24]].concat();
    for hostile in [[0x81, 0x5a], [0x81, 0x9a], [0x9a, 0x9a], [0xba, 0x7a]] {
        seeds.push([&place[..], &hostile, &[0x80, 0, 0, 0]].concat());
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> (Key, Row) {
        House::enter().store.rows(&[Kind::Session]).remove(0)
    }

    /// Content is looked at: else this would search for nothing but checksums.
    #[test]
    fn what_is_put_under_its_checksums_is_read() {
        let mut read = 0;
        for seed in seeds().iter().filter(|seed| seed[0] == 1) {
            let mut input = Input(&seed[1..]);
            let place = Place::of(&mut input);
            read += usize::from(place.decode(&place.summed(input.0)).is_some());
        }
        assert!(read >= Kind::ALL.len(), "{read} records are read");
        let frame = Effects::default().frame();
        assert_eq!(framed(&frame[17..]), frame);
    }

    #[test]
    #[should_panic(expected = "does not come back")]
    fn a_field_that_is_lost_is_found() {
        let (key, row) = one();
        let lost = Row { epoch: row.epoch + 1, ..row.clone() };
        judge(&row, &row.encode(&key), |_| Some(lost.clone()));
    }

    #[test]
    #[should_panic(expected = "a frame does not come back")]
    fn a_frame_of_something_else_is_found() {
        let effects = Effects { rows: Vec::from([(one().0, None)]), ..Effects::default() };
        framed_again(&effects, &Effects::default().frame());
    }
}
