//! A commit as bytes: what was written comes back, and nothing else does.

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

/// A whole frame of this body, whatever it says.
fn reframe(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u64).to_be_bytes();
    let sum = |bytes: &[u8]| crc32fast::hash(bytes).to_be_bytes();
    [&length, &sum(&length)[..], &sum(body), body].concat()
}

#[test]
fn what_this_version_did_not_write_is_refused() {
    let body = effects(1).frame()[16..].to_vec();
    assert_eq!(replay(&reframe(&body)), (vec![effects(1)], Ok(())));
    let newer = [&[2], &body[1..]].concat();
    assert_eq!(replay(&reframe(&newer)).1, Err(RecordError::Version(2)));
    let longer = [&body[..], &[0]].concat();
    assert_eq!(replay(&reframe(&longer)).1, Err(RecordError::Content));
    let unknown_kind = [1, 0x83, 0x81, 0x83, 99, 0x40, 0xf6, 0x80, 0];
    assert_eq!(replay(&reframe(&unknown_kind)).1, Err(RecordError::Content));
    let endless_rows = [1, 0x83, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(replay(&reframe(&endless_rows)).1, Err(RecordError::Content));
    assert_eq!(replay(&reframe(&[])).1, Err(RecordError::Content));
}

/// What a frame with one entry of this kind and subject, both as CBOR, tells.
fn told(kind: u8, subject: &[u8]) -> Result<Vec<Change>, RecordError> {
    let body = [&[1, 0x83, 0x80, 0x81, 0x85, 1, kind], subject, &[5, 9, 1]].concat();
    let (found, end) = replay(&reframe(&body));
    end.map(|()| found.into_iter().flat_map(|effects| effects.journal.entries).collect())
}

/// An ending of nobody that names somebody, and one of somebody that names nobody: neither is guessed at.
#[test]
fn inv_40_an_entry_whose_kind_and_subject_do_not_fit_is_refused() {
    let (somebody, nobody) = ([&[0x50][..], &[7; 16]].concat(), [0x40]);
    let (session, account) = (SessionId::from_bytes([7; 16]), AccountId::from_bytes([7; 16]));
    for (kind, subject, revocation) in [
        (1, &somebody[..], Revocation::Session(session)),
        (2, &somebody, Revocation::Account { account, floor: 5 }),
        (3, &nobody, Revocation::Everything { floor: 5 }),
        (4, &somebody, Revocation::Grant(GrantId::from_bytes([7; 16]))),
    ] {
        let (cursor, until) = (Cursor::from_number(1), Timestamp::from_millis(9));
        assert_eq!(told(kind, subject), Ok(vec![Change { cursor, revocation, until }]));
    }
    let short = [&[0x4f][..], &[7; 15]].concat();
    let long = [&[0x51][..], &[7; 17]].concat();
    let text = [&[0x70][..], &[b'7'; 16]].concat();
    let (none, endless, cut) = ([0xf6], [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x50, 7]);
    for subject in [&short[..], &long, &text, &none, &endless, &cut] {
        for kind in 0..=5 {
            assert_eq!(told(kind, subject), Err(RecordError::Content), "kind {kind} of {subject:x?}");
        }
    }
    for (kind, subject) in [(1, &nobody[..]), (2, &nobody), (4, &nobody), (3, &somebody)] {
        assert_eq!(told(kind, subject), Err(RecordError::Content), "kind {kind} of {subject:x?}");
    }
    for kind in [0, 5, 23] {
        assert_eq!(told(kind, &somebody), Err(RecordError::Content), "kind {kind}");
        assert_eq!(told(kind, &nobody), Err(RecordError::Content), "kind {kind}");
    }
}
