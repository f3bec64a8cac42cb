//! The one encoding of records: what is written reads back, and what is damaged is found out.

mod random;

use doorward_core::id::{AccountId, DeviceId, GrantId, NameHash, SessionId};
use doorward_core::model::clock::ClockRecord;
use doorward_core::model::data::DataRecord;
use doorward_core::model::deletion::DeletionRecord;
use doorward_core::model::device::{DevicesRecord, KnownDevice};
use doorward_core::model::grant::{Family, GrantsRecord, RevokedToken};
use doorward_core::model::keyring::{Epochs, KeyCheck, KeyringRecord};
use doorward_core::model::session::{Amr, SessionRecord};
use doorward_core::model::signing::SigningEntry;
use doorward_core::model::throttle::{AttemptsRecord, DeviceFailures, ThrottleRecord};
use doorward_core::name::LoginName;
use doorward_core::password::Normalization;
use doorward_core::record::{
    AccountRecord, ActiveRecord, ClientLabel, CredentialRecord, Key, Kind, LoginRecord, Record, RecordError,
    Row,
};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::Algorithm;
use doorward_core::token::terms::{Audience, ClientId, Scope};

use crate::support::{START, hash, stamp};

const ID: AccountId = AccountId::from_bytes([0xa5; 16]);

fn session() -> SessionRecord {
    SessionRecord {
        salt: [7; 16],
        generation: 3,
        account_epoch: 1,
        global_epoch: 2,
        created: START,
        last_seen: START,
        idle_millis: 3_600_000,
        absolute_end: Timestamp::MAX,
        auth_time: START,
        amr: Amr::PASSWORD,
        label: Some(ClientLabel::new("Firefox on Linux")),
        scope: Scope::NONE,
    }
}

fn grants() -> GrantsRecord {
    let family = Family {
        number: 1,
        id: GrantId::from_bytes([0xf; 16]),
        salt: [0xe; 16],
        generation: 3,
        rotated: START,
        epochs: Epochs { account: 4, global: 5, tokens: 6 },
        client: ClientId::parse("web").unwrap(),
        audience: vec![Audience::parse("urn:a").unwrap()],
        scope: Scope::parse("read write").unwrap(),
    };
    let revoked = RevokedToken { id: GrantId::from_bytes([0x1c; 16]), until: START };
    GrantsRecord { opened: 2, families: vec![family], revoked: vec![revoked] }
}

fn credential(pepper: Option<u32>) -> CredentialRecord {
    CredentialRecord::new(hash(1, 19456), Normalization::Nfc, pepper, START)
}

fn keyring(peppers: Vec<KeyCheck>) -> KeyringRecord {
    let check = KeyCheck { number: 1, value: [9; 16] };
    let entry = SigningEntry {
        kid: "kid".into(),
        algorithm: Algorithm::Es256,
        master: 1,
        salt: [0x6b; 16],
        public: vec![4; 65],
        active_from: START,
    };
    KeyringRecord {
        checks: vec![check],
        throttle_key: [0x77; 32],
        peppers,
        token_epoch: 7,
        signing: vec![entry],
    }
}

/// As it was before there were tokens.
fn without_keys(keyring: KeyringRecord) -> KeyringRecord {
    KeyringRecord { token_epoch: 0, signing: vec![], ..keyring }
}

/// One row of each kind.
fn samples() -> Vec<(Key, Row)> {
    let login = Key::Login(LoginName::parse("ada").unwrap());
    let credential = CredentialRecord { compromised: Some(START), ..credential(Some(2)) };
    let keyring = keyring(vec![KeyCheck { number: 2, value: [8; 16] }]);
    let device = KnownDevice {
        id: DeviceId::from_bytes([0xd; 16]),
        salt: [0xe; 16],
        account_epoch: 1,
        global_epoch: 2,
        expires: START,
    };
    let throttle = ThrottleRecord { failures: 4, until: START };
    let rows: [(Key, Option<AccountId>, Option<Timestamp>, Record); 13] = [
        (login, Some(ID), None, LoginRecord { account: ID }.into()),
        (Key::Account(ID), Some(ID), None, AccountRecord { created: START }.into()),
        (Key::Active(ID), Some(ID), None, ActiveRecord { since: START }.into()),
        (Key::Credential(ID), Some(ID), None, credential.into()),
        (Key::Attempts(ID), Some(ID), Some(START), AttemptsRecord { failures: 99, devices: vec![] }.into()),
        (Key::Throttle(NameHash::from_bytes([3; 16])), None, Some(START), throttle.into()),
        (Key::Session(SessionId::from_bytes([4; 16])), Some(ID), Some(START), session().into()),
        (Key::Keyring, None, None, keyring.into()),
        (
            Key::Data(SessionId::from_bytes([4; 16])),
            Some(ID),
            Some(START),
            DataRecord { bytes: vec![1; 40] }.into(),
        ),
        (Key::Devices(ID), Some(ID), Some(START), DevicesRecord { devices: vec![device] }.into()),
        (Key::Deletion(ID), Some(ID), None, DeletionRecord { started: START }.into()),
        (Key::Clock, None, None, ClockRecord::at(START).into()),
        (Key::Grants(SessionId::from_bytes([4; 16])), Some(ID), Some(START), grants().into()),
    ];
    let row =
        |(key, owner, expires, record)| (key, Row { stamp: stamp(1), epoch: 5, owner, expires, record });
    rows.map(row).into()
}

fn decode(key: &Key, row: &Row, bytes: &[u8]) -> Result<Row, RecordError> {
    Row::decode(key, row.stamp, row.epoch, row.owner, row.expires, bytes)
}

/// The bytes with their content overwritten and a checksum to match. CRC-32 is affine: what a change of the
/// content does to it does not depend on what was hashed before.
fn forged(bytes: &[u8], content: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let (was, sum) = bytes.split_last_chunk::<4>().unwrap();
    let mut is = was.to_vec();
    content(&mut is);
    let delta: Vec<u8> = was.iter().zip(&is).map(|(a, b)| a ^ b).collect();
    let zeros = vec![0; delta.len()];
    let sum = u32::from_be_bytes(*sum) ^ crc32fast::hash(&delta) ^ crc32fast::hash(&zeros);
    is.extend(sum.to_be_bytes());
    is
}

#[test]
fn each_kind_reads_back_as_it_was() {
    let kinds: Vec<Kind> = samples().iter().map(|(key, _)| key.kind()).collect();
    assert_eq!(kinds, Kind::ALL);
    for (key, row) in samples() {
        assert_eq!(decode(&key, &row, &row.encode(&key)), Ok(row.clone()), "{key:?}");
        assert_eq!(decode(&key, &row, &forged(&row.encode(&key), |_| {})), Ok(row), "the forger is no good");
    }
}

/// What is written must be readable for ever: version, then numbered fields.
#[test]
fn the_written_form_is_stable() {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let time = "1b000001a3185c5000";
    let id = format!("50{}", "a5".repeat(16));
    let salt = format!("50{}", "07".repeat(16));
    let label = "7046697265666f78206f6e204c696e7578";
    let phc = format!("7861{}", hex(credential(None).hash.as_str().as_bytes()));
    let (checks, throttle_key) = (format!("81820150{}", "09".repeat(16)), format!("5820{}", "77".repeat(32)));
    let terms = format!("63{}8165{}6a{}", hex(b"web"), hex(b"urn:a"), hex(b"read write"));
    let family = format!("81890150{}50{}03{time}83040506{terms}", "0f".repeat(16), "0e".repeat(16));
    let signing =
        format!("078186636b6964 02 01 50{} 5841{} {time}", "6b".repeat(16), "04".repeat(65)).replace(' ', "");
    let written = [
        (Kind::Login, format!("0181{id}")),
        (Kind::Account, format!("0181{time}")),
        (Kind::Active, format!("0181{time}")),
        (Kind::Attempts, "01811863".to_owned()),
        (Kind::Throttle, format!("018204{time}")),
        (Kind::Session, format!("018b{salt}030102{time}{time}1a0036ee801b7fffffffffffffff{time}01{label}")),
        (Kind::Data, format!("01815828{}", "01".repeat(40))),
        (
            Kind::Devices,
            format!("01818185 50{} 50{} 0102{time}", "0d".repeat(16), "0e".repeat(16)).replace(' ', ""),
        ),
        (Kind::Deletion, format!("0181{time}")),
        (Kind::Clock, format!("0181{time}")),
        (Kind::Credential, format!("0185{phc}00{time}{time}02")),
        (Kind::Keyring, format!("0185{checks}{throttle_key}81820250{}{signing}", "08".repeat(16))),
        (Kind::Grants, format!("018302{family}818250{}{time}", "1c".repeat(16))),
    ];
    for (key, row) in samples() {
        let bytes = row.encode(&key);
        let form = hex(&bytes[..bytes.len() - 4]);
        let (_, expected) = written.iter().find(|(kind, _)| *kind == key.kind()).unwrap();
        assert_eq!(form, *expected, "{key:?}");
    }
    // Without a pepper a credential is written as it was before there were any; a keyring has room for them.
    for (sample, record, expected) in [
        (3, Record::from(credential(None)), format!("0183{phc}00{time}")),
        (7, keyring(vec![]).into(), format!("0185{checks}{throttle_key}80{signing}")),
    ] {
        let (key, row) = samples().swap_remove(sample);
        let bytes = Row { record, ..row }.encode(&key);
        assert_eq!(hex(&bytes[..bytes.len() - 4]), expected, "{key:?}");
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// PW-13: rows of a store that never met a pepper, as they were written before there were any.
#[test]
fn pw_13_rows_without_the_fields_decode_as_no_pepper() {
    for (sample, record, written) in [
        (3, Record::from(credential(None)), CREDENTIAL_BEFORE_PEPPERS),
        (7, without_keys(keyring(vec![])).into(), KEYRING_BEFORE_PEPPERS),
    ] {
        let (key, row) = samples().swap_remove(sample);
        assert_eq!(decode(&key, &row, &unhex(written)).unwrap().record, record);
    }
}

const CREDENTIAL_BEFORE_PEPPERS: &str = "\
    01837861246172676f6e32696424763d3139246d3d31393435362c743d322c703d312430303030303030314141414141\
    414141414141414141244141414141414141414141414141414141414141414141414141414141414141414141414141\
    4141414141001b000001a3185c500011b84d73";
const KEYRING_BEFORE_PEPPERS: &str = "\
    018281820150090909090909090909090909090909095820777777777777777777777777777777777777777777777777\
    77777777777777779cd6992a";

/// Rows of a store that never granted a token, as they were written before there were any: nothing was ever granted, and
/// nothing revoked. A session that grants nothing is still written so, byte by byte: no touch makes it longer.
#[test]
fn inv_8_rows_written_before_tokens_grant_none() {
    let (key, row) = samples().swap_remove(6);
    let before = unhex(SESSION_BEFORE_TOKENS);
    let read = decode(&key, &row, &before).unwrap();
    assert!(read.session().unwrap().scope.is_none());
    assert_eq!((read.record, row.encode(&key)), (session().into(), before.clone()));
    let scoped = SessionRecord { scope: Scope::parse("read").unwrap(), ..session() };
    let scoped = Row { record: scoped.into(), ..row };
    assert_ne!(scoped.encode(&key), before);
    assert_eq!(decode(&key, &scoped, &scoped.encode(&key)), Ok(scoped));

    let (key, row) = samples().swap_remove(7);
    let read = decode(&key, &row, &unhex(KEYRING_BEFORE_TOKENS)).unwrap();
    assert_eq!(*read.keyring().unwrap(), without_keys(row.keyring().unwrap().clone()));
}

const SESSION_BEFORE_TOKENS: &str = "\
    018b50070707070707070707070707070707070301021b000001a3185c50001b000001a3185c50001a0036ee801b7fff\
    ffffffffffff1b000001a3185c5000017046697265666f78206f6e204c696e7578ac03884c";
const KEYRING_BEFORE_TOKENS: &str = "\
    018381820150090909090909090909090909090909095820777777777777777777777777777777777777777777777777\
    77777777777777778182025008080808080808080808080808080808baf2a00c";

/// A field that came later: written where it says something, so that all other rows are as they were.
#[test]
fn the_written_form_of_what_devices_hold_is_stable() {
    let devices = vec![DeviceFailures { device: DeviceId::from_bytes([0xd; 16]), failures: 3 }];
    let record = AttemptsRecord { failures: 99, devices }.into();
    let key = Key::Attempts(ID);
    let row = Row { stamp: stamp(1), epoch: 0, owner: Some(ID), expires: None, record };
    let bytes = row.encode(&key);
    let expected = [&[0x01, 0x82, 0x18, 0x63, 0x81, 0x82, 0x50][..], &[0xd; 16], &[0x03]].concat();
    assert_eq!(bytes[..bytes.len() - 4], expected);
    assert_eq!(decode(&key, &row, &bytes), Ok(row));
}

#[test]
fn every_changed_byte_is_found_out() {
    for (key, row) in samples() {
        let bytes = row.encode(&key);
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                assert!(decode(&key, &row, &damaged).is_err(), "{key:?}, byte {at} ^ {flip}");
            }
        }
    }
}

#[test]
fn every_truncation_and_extension_is_found_out() {
    for (key, row) in samples() {
        let bytes = row.encode(&key);
        for cut in 0..bytes.len() {
            assert!(decode(&key, &row, &bytes[..cut]).is_err(), "{key:?}, cut to {cut}");
            assert!(decode(&key, &row, &bytes[cut + 1..]).is_err(), "{key:?}, without the first {cut}");
        }
        for more in 0..=255 {
            assert!(decode(&key, &row, &[&bytes[..], &[more]].concat()).is_err());
        }
        assert_eq!(decode(&key, &row, &[]), Err(RecordError::Length));
        assert_eq!(decode(&key, &row, &vec![0; 256 * 1024 + 1]), Err(RecordError::Length));
    }
}

#[test]
fn a_row_under_another_key_is_found_out() {
    let mut keys: Vec<Key> = samples().into_iter().map(|(key, _)| key).collect();
    let other = AccountId::from_bytes([0xa4; 16]);
    keys.extend([Key::Account(other), Key::Active(other), Key::Credential(other), Key::Attempts(other)]);
    keys.extend([Key::Session(SessionId::from_bytes([5; 16])), Key::Throttle(NameHash::from_bytes([4; 16]))]);
    keys.push(Key::Login(LoginName::parse("adb").unwrap()));
    for (key, row) in samples() {
        let bytes = row.encode(&key);
        for elsewhere in keys.iter().filter(|other| **other != key) {
            let read = decode(elsewhere, &row, &bytes);
            assert_eq!(read, Err(RecordError::Checksum), "{key:?} under {elsewhere:?}");
        }
    }
}

#[test]
fn a_changed_owner_or_expiry_is_found_out() {
    for (key, row) in samples() {
        let bytes = row.encode(&key);
        let owners =
            [None, Some(ID), Some(AccountId::from_bytes([0; 16])), Some(AccountId::from_bytes([0xa4; 16]))];
        let moments = [None, Some(START), Some(START.saturating_add(crate::support::millis(1)))];
        let extremes = [Some(Timestamp::MAX), Some(Timestamp::from_millis(0))];
        for owner in owners {
            for expires in moments.into_iter().chain(extremes) {
                if (owner, expires) != (row.owner, row.expires) {
                    let read = Row::decode(&key, row.stamp, row.epoch, owner, expires, &bytes);
                    assert_eq!(read, Err(RecordError::Checksum), "{key:?} of {owner:?} until {expires:?}");
                }
            }
        }
    }
}

#[test]
fn a_version_that_is_not_known_is_refused_by_its_number() {
    for (key, row) in samples() {
        for version in (0..=255).filter(|version| *version != 1) {
            let newer = forged(&row.encode(&key), |content| content[0] = version);
            assert_eq!(decode(&key, &row, &newer), Err(RecordError::Version(version)), "{key:?}");
        }
    }
}

/// Within a right checksum, what no record can be is an error of its own, trailing bytes included.
#[test]
fn content_that_is_no_record_is_refused() {
    for (key, row) in samples() {
        let bytes = row.encode(&key);
        for fill in [0x00, 0x80, 0xff, 0x9f, 0xbf, 0x5b, 0x9b, 0x1b] {
            let nonsense = forged(&bytes, |content| content[1..].fill(fill));
            assert_eq!(decode(&key, &row, &nonsense), Err(RecordError::Content), "{key:?}, {fill:#x}");
        }
        // An array that promises 2^64 - 1 items must not be believed.
        let boast = forged(&bytes, |content| {
            let head = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
            content[1..].iter_mut().zip(head).for_each(|(to, from)| *to = from);
        });
        assert_eq!(decode(&key, &row, &boast), Err(RecordError::Content), "{key:?}");
    }
}

/// A shorter record and a rest that means nothing: whoever wrote it, it was not this encoder.
#[test]
fn a_record_with_a_rest_is_refused() {
    let (key, row) = samples().swap_remove(4);
    let with_rest = forged(&row.encode(&key), |content| content[1..].copy_from_slice(&[0x81, 0x05, 0x00]));
    assert_eq!(decode(&key, &row, &with_rest), Err(RecordError::Content));
    let without = forged(&row.encode(&key), |content| content[1..].copy_from_slice(&[0x81, 0x18, 0x20]));
    assert_eq!(decode(&key, &row, &without).unwrap().attempts().unwrap().failures, 32);
}

/// Whoever's row it is by its key, its content must be of that kind: a typed way in finds the rest.
#[test]
fn a_record_of_another_kind_has_no_typed_way_in() {
    for (key, row) in samples() {
        let ways = [
            row.login().is_ok(),
            row.account().is_ok(),
            row.active().is_ok(),
            row.credential().is_ok(),
            row.attempts().is_ok(),
            row.throttle().is_ok(),
            row.session().is_ok(),
            row.keyring().is_ok(),
            row.data().is_ok(),
            row.devices().is_ok(),
            row.deletion().is_ok(),
            row.clock().is_ok(),
            row.grants().is_ok(),
        ];
        let open: Vec<Kind> = Kind::ALL.into_iter().zip(ways).filter(|(_, ok)| *ok).map(|(k, _)| k).collect();
        assert_eq!(open, [key.kind()]);
    }
}

/// Stores name tables after them, and keep one row of two of them.
#[test]
fn kinds_have_lasting_names_and_two_have_one_row() {
    let names = Kind::ALL.map(Kind::name);
    assert_eq!(
        names.join(" "),
        "login account active credential attempts throttle session keyring data devices deletion clock grants"
    );
    let single: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| kind.is_single()).collect();
    assert_eq!(single, [Kind::Keyring, Kind::Clock]);
}
