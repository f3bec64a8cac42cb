//! Rows and batches to try on any store.
#![allow(dead_code, reason = "each test program uses some of these")]

use doorward_core::id::{AccountId, GrantId, NameHash, SessionId, Stamp};
use doorward_core::model::clock::ClockRecord;
use doorward_core::model::data::DataRecord;
use doorward_core::model::deletion::DeletionRecord;
use doorward_core::model::device::DevicesRecord;
use doorward_core::model::grant::{GrantsRecord, RevokedToken};
use doorward_core::model::session::{Amr, SessionRecord};
use doorward_core::model::throttle::{AttemptsRecord, ThrottleRecord};
use doorward_core::name::LoginName;
use doorward_core::record::{AccountRecord, ActiveRecord, ClientLabel, Key, LoginRecord, Record, Row};
use doorward_core::store::{Batch, Commit, Durability, Expect, Store, Write};
use doorward_core::time::Timestamp;
use doorward_core::token::terms::Scope;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn stamp(number: u32) -> Stamp {
    Stamp::from_bytes(id(number))
}

/// Sixteen bytes that sort as the number does.
pub(crate) fn id(number: u32) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

pub(crate) fn account(number: u32) -> AccountId {
    AccountId::from_bytes(id(number))
}

pub(crate) fn session(number: u32) -> Key {
    Key::Session(SessionId::from_bytes(id(number)))
}

pub(crate) fn grants(number: u32) -> Key {
    Key::Grants(SessionId::from_bytes(id(number)))
}

pub(crate) fn name(text: &str) -> Key {
    Key::Login(LoginName::parse(text).unwrap())
}

pub(crate) fn throttle(number: u32) -> Key {
    Key::Throttle(NameHash::from_bytes(id(number)))
}

/// A row that fits under `key`, of owner 1 and expiring at 1000.
pub(crate) fn row(key: &Key, stamp: Stamp) -> Row {
    let record = match key {
        Key::Login(_) => Record::Login(LoginRecord { account: account(1) }),
        Key::Account(_) => Record::Account(AccountRecord { created: at(1) }),
        Key::Active(_) => Record::Active(ActiveRecord { since: at(1) }),
        Key::Attempts(_) => Record::Attempts(AttemptsRecord { failures: 3, devices: vec![] }),
        Key::Throttle(_) => Record::Throttle(ThrottleRecord { failures: 3, until: at(9) }),
        Key::Session(_) => Record::Session(SessionRecord {
            salt: [7; 16],
            generation: 1,
            account_epoch: 0,
            global_epoch: 0,
            created: at(1_700_000_000_000),
            last_seen: at(1_700_000_000_000),
            idle_millis: 3_600_000,
            absolute_end: at(1_700_086_400_000),
            auth_time: at(1_700_000_000_000),
            amr: Amr::PASSWORD,
            label: Some(ClientLabel::new("Firefox on Linux")),
            scope: Scope::NONE,
        }),
        Key::Grants(_) => {
            let revoked = RevokedToken { id: GrantId::from_bytes(id(3)), until: at(1000) };
            Record::Grants(GrantsRecord { revoked: vec![revoked], ..GrantsRecord::default() })
        }
        Key::Data(_) => Record::Data(DataRecord { bytes: vec![7; 40] }),
        Key::Devices(_) => Record::Devices(DevicesRecord::default()),
        Key::Deletion(_) => Record::Deletion(DeletionRecord { started: at(1) }),
        Key::Clock => Record::Clock(ClockRecord::at(at(1))),
        Key::Credential(_) | Key::Keyring => unreachable!("no test puts such a row"),
    };
    Row { stamp, epoch: 0, owner: Some(account(1)), expires: Some(at(1000)), record }
}

pub(crate) fn put(key: &Key, number: u32, expect: Expect) -> Write {
    let row = row(key, stamp(number));
    Write::Put { key: key.clone(), row, expect }
}

pub(crate) fn batch(number: u32, writes: Vec<Write>) -> Batch {
    Batch { writes, ..Batch::new(stamp(number), Durability::Durable) }
}

pub(crate) fn create(store: &dyn Store, key: &Key, number: u32) {
    let batch = batch(number, vec![put(key, number, Expect::Absent)]);
    assert_eq!(store.commit(&batch).unwrap(), Commit::Applied);
}

pub(crate) fn read(store: &dyn Store, key: &Key) -> Option<Row> {
    store.read(std::slice::from_ref(key)).unwrap().remove(0)
}
