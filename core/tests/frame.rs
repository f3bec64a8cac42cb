//! A commit as bytes: what was written comes back, and nothing else does.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests

use doorward_core::id::{AccountId, GrantId, SessionId, Stamp};
use doorward_core::name::LoginName;
use doorward_core::record::{AccountRecord, ActiveRecord, Key, LoginRecord, Record, RecordError, Row};
use doorward_core::store::{Change, Changes, Cursor, Effects, Revocation};
use doorward_core::time::Timestamp;

fn effects(number: u8) -> Effects {
    let account = AccountId::from_bytes([number; 16]);
    let at = Timestamp::from_millis(i64::from(number) - 3);
    let row = |record: Record, owner, expires| Row {
        stamp: Stamp::from_bytes([number ^ 0x55; 16]),
        epoch: u64::MAX - u64::from(number),
        owner,
        expires,
        record,
    };
    let rows = vec![
        (Key::Account(account), Some(row(AccountRecord { created: at }.into(), Some(account), None))),
        (Key::Active(account), Some(row(ActiveRecord { since: at }.into(), None, Some(at)))),
        (Key::Login(LoginName::parse("ada").unwrap()), Some(row(LoginRecord { account }.into(), None, None))),
        (Key::Session(SessionId::from_bytes([number; 16])), None),
        (Key::Keyring, None),
    ];
    let revocations = [
        Revocation::Session(SessionId::from_bytes([0; 16])),
        Revocation::Account { account, floor: u64::MAX },
        Revocation::Everything { floor: u64::from(number) },
        Revocation::Grant(GrantId::from_bytes([!number; 16])),
    ];
    let first = u64::from(number) * 4;
    let change = |(cursor, revocation)| Change { cursor: Cursor::from_number(cursor), revocation, until: at };
    let entries = (first + 1..).zip(revocations).map(change).collect();
    Effects { rows, journal: Changes { entries, end: Cursor::from_number(first + 9) } }
}

/// Every frame that a replay finds, and whether it ends without an error.
fn replay(mut log: &[u8]) -> (Vec<Effects>, Result<(), RecordError>) {
    let mut found = Vec::new();
    loop {
        match Effects::unframe(log) {
            Ok(Some((effects, behind))) => {
                found.push(effects);
                log = behind;
            }
            Ok(None) => return (found, Ok(())),
            Err(error) => return (found, Err(error)),
        }
    }
}

fn log() -> Vec<u8> {
    [effects(1).frame(), Effects::default().frame(), effects(2).frame()].concat()
}

#[test]
fn what_was_framed_comes_back() {
    assert_eq!(replay(&log()), (vec![effects(1), Effects::default(), effects(2)], Ok(())));
}

#[test]
fn a_log_that_is_torn_anywhere_keeps_the_frames_before_and_is_not_damaged() {
    let whole = log();
    let ends =
        [effects(1).frame().len(), effects(1).frame().len() + Effects::default().frame().len(), whole.len()];
    for length in 0..=whole.len() {
        let (found, end) = replay(&whole[..length]);
        assert_eq!(
            (found.len(), end),
            (ends.iter().filter(|end| **end <= length).count(), Ok(())),
            "at {length}"
        );
    }
}

#[test]
fn a_tail_whose_bytes_are_not_all_there_is_torn() {
    let whole = log();
    let last = effects(2).frame().len();
    for zeros in [whole.len() - last, whole.len() - 1] {
        let mut holed = whole.clone();
        holed[zeros..].fill(0);
        let (found, end) = replay(&holed);
        assert_eq!((found.len(), end), (2, Ok(())));
        let mut longer = whole.clone();
        longer.resize(whole.len() + zeros, 0);
        let (found, end) = replay(&longer);
        assert_eq!((found.len(), end), (3, Ok(())));
    }
}

/// A flipped bit never makes another commit, nor hides one whose frame is whole behind it. One in a length did: it reached
/// past the end of the log, all that came after was taken for a torn tail, and who had logged out was in again.
#[test]
fn no_flipped_bit_passes_and_damage_before_a_whole_frame_is_told() {
    let whole = log();
    let last = effects(2).frame().len();
    let originals = [effects(1), Effects::default(), effects(2)];
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let (found, end) = replay(&damaged);
        assert_eq!(found, originals[..found.len()], "bit {bit}");
        assert!(found.len() < 3, "bit {bit}");
        let is_last = bit / 8 >= whole.len() - last;
        assert_eq!(end, if is_last { Ok(()) } else { Err(RecordError::Checksum) }, "bit {bit}");
    }
}

/// As when a disk loses a sector that it had synced.
#[test]
fn zeros_before_a_whole_frame_are_damage_and_no_torn_tail() {
    let (whole, first) = (log(), effects(1).frame().len());
    for length in [1, 8, 16, first] {
        let mut holed = whole.clone();
        holed[..length].fill(0);
        // A first byte of a length is 0 anyway.
        let told = if length == 1 { Ok(()) } else { Err(RecordError::Checksum) };
        assert_eq!(replay(&holed).1, told, "{length} zeros");
    }
}

#[test]
fn what_this_version_did_not_write_is_refused() {
    let reframe = |body: &[u8]| {
        let length = (body.len() as u64).to_be_bytes();
        let sum = |bytes: &[u8]| crc32fast::hash(bytes).to_be_bytes();
        [&length, &sum(&length)[..], &sum(body), body].concat()
    };
    let body = effects(1).frame()[16..].to_vec();
    assert_eq!(replay(&reframe(&body)), (vec![effects(1)], Ok(())));
    let newer = [&[2], &body[1..]].concat();
    assert_eq!(replay(&reframe(&newer)).1, Err(RecordError::Version(2)));
    let longer = [&body[..], &[0]].concat();
    assert_eq!(replay(&reframe(&longer)).1, Err(RecordError::Content));
    let unknown_kind = [1, 0x83, 0x81, 0x83, 99, 0x40, 0xf6, 0x80, 0];
    assert_eq!(replay(&reframe(&unknown_kind)).1, Err(RecordError::Content));
    let id = [&[0x50][..], &[7; 16]].concat();
    let entry = |kind: u8, subject: &[u8]| {
        let body = [&[1, 0x83, 0x80, 0x81, 0x85, 1][..], &[kind], subject, &[5, 9, 1]].concat();
        replay(&reframe(&body))
    };
    let told =
        |kind, subject| entry(kind, subject).0.pop().unwrap().journal.entries.pop().unwrap().revocation;
    let (session, account) = (SessionId::from_bytes([7; 16]), AccountId::from_bytes([7; 16]));
    assert_eq!(told(1, &id), Revocation::Session(session));
    assert_eq!(told(2, &id), Revocation::Account { account, floor: 5 });
    assert_eq!(told(3, &[0x40]), Revocation::Everything { floor: 5 });
    assert_eq!(told(4, &id), Revocation::Grant(GrantId::from_bytes([7; 16])));
    // An ending of everything that names somebody, and one of somebody that names nobody: neither is guessed at.
    let (short, long) = (&id[..16], [&[0x51][..], &[7; 17]].concat());
    let short = [&[0x4f], &short[1..]].concat();
    for (kind, subject) in
        [1, 2, 4].into_iter().flat_map(|kind| [&[0x40][..], &short, &long].map(|of| (kind, of)))
    {
        assert_eq!(entry(kind, subject), (vec![], Err(RecordError::Content)), "kind {kind} of {subject:x?}");
    }
    for kind in [0, 3, 5, 0x17] {
        assert_eq!(entry(kind, &id), (vec![], Err(RecordError::Content)), "kind {kind}");
        assert_eq!(entry(kind, &[0x40]).1.is_ok(), kind == 3, "kind {kind}");
    }
    // A text for a subject, a session's id as the form before this one had it, and a subject that never comes.
    for subject in
        [&[0x70, 7][..], &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x5b, 0xff, 0xff, 0xff]]
    {
        assert_eq!(entry(4, subject).1, Err(RecordError::Content));
    }
    let endless_rows = [1, 0x83, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(replay(&reframe(&endless_rows)).1, Err(RecordError::Content));
    assert_eq!(replay(&reframe(&[])).1, Err(RecordError::Content));
}
