//! Rows come back as they were given.

use doorward_core::id::{AccountId, Stamp};
use doorward_core::model::clock::ClockRecord;
use doorward_core::model::data::DataRecord;
use doorward_core::model::deletion::DeletionRecord;
use doorward_core::model::device::DevicesRecord;
use doorward_core::model::grant::{GrantsRecord, RevokedToken};
use doorward_core::model::keyring::{KeyCheck, KeyringRecord};
use doorward_core::model::session::{Amr, SessionRecord};
use doorward_core::model::signing::SigningEntry;
use doorward_core::model::throttle::{AttemptsRecord, DeviceFailures, ThrottleRecord};
use doorward_core::name::LoginName;
use doorward_core::record::{AccountRecord, ActiveRecord, ClientLabel, Key, Kind, LoginRecord, Record, Row};
use doorward_core::store::{Expect, Range};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::Algorithm;
use doorward_core::token::terms::Scope;

use crate::draft::{
    Draft, account_id, at, family, grant_id, key, known_device, login_name, record, session_id,
};
use crate::fixture::Fixture;
use crate::promise::{Checked, ensure};
use crate::subject::{ALL, Subject};

/// Each record of each kind, under every combination of extreme columns, by read, by scan and, where the fixture
/// can, after a reopening.
pub(crate) fn bit_for_bit(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        for (number, record) in records_of(kind).into_iter().enumerate() {
            let key = key_for(kind, number);
            there_and_back(fixture, &store, &key, &record)?;
            store.delete(&key)?;
        }
    }
    Ok(())
}

fn there_and_back(fixture: &dyn Fixture, store: &Subject, key: &Key, record: &Record) -> Checked {
    let mut seen: Option<Row> = None;
    for columns in columns() {
        let expect = seen.as_ref().map_or(Expect::Absent, |row| Expect::Stamp(row.stamp));
        let draft = Draft::new();
        let row = draft.row(Row { record: record.clone(), ..columns });
        store.apply(&draft.put(key, row.clone(), expect).batch())?;
        let found = store.row(key)?;
        same("read", Some(&row), found.as_ref())?;
        seen = Some(row);
    }
    let range = Range { kind: key.kind(), owner: None, after: None };
    let page = store.scan(&range, ALL)?;
    same("scanned", seen.as_ref(), page.iter().find(|(found, _)| found == key).map(|(_, row)| row))?;
    if !store.0.guarantees().durable {
        return Ok(());
    }
    // Whether the last version is there is another promise's; here it is what that version says.
    let again = fixture.reopen().map(|again| Subject(again).row(key)).transpose()?.flatten();
    let version = |row: &Row| row.stamp;
    if again.is_none() || again.as_ref().map(version) != seen.as_ref().map(version) {
        return Ok(());
    }
    same("found on reopening", seen.as_ref(), again.as_ref())
}

fn same(how: &str, given: Option<&Row>, found: Option<&Row>) -> Checked {
    ensure!(given == found, "given was {given:?}, {how} was {found:?}");
    Ok(())
}

const MOMENTS: [i64; 9] =
    [0, 1, -1, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, 1_700_000_000_123, i64::MAX - 1];

/// Extreme epochs, owners and expiries, pair by pair.
fn columns() -> Vec<Row> {
    let epochs = [0, 1, i64::MAX as u64, i64::MAX as u64 - 1, (1 << 53) + 1, u64::from(u32::MAX) + 1];
    let owners = [None, Some([0; 16]), Some([0xff; 16]), Some(*account_id(5).as_bytes())];
    let expiries = [None].into_iter().chain(MOMENTS.map(Some));
    let mut columns: Vec<Row> = expiries
        .enumerate()
        .map(|(number, expires)| Row {
            stamp: Stamp::from_bytes([0; 16]),
            epoch: epochs.get(number % epochs.len()).copied().unwrap_or(0),
            owner: owners.get(number % owners.len()).copied().flatten().map(AccountId::from_bytes),
            expires: expires.map(at),
            record: record(Kind::Account, 0),
        })
        .collect();
    // That an epoch may also go down is another promise's.
    columns.sort_by_key(|row| row.epoch);
    columns
}

fn records_of(kind: Kind) -> Vec<Record> {
    let moments = || MOMENTS.map(Timestamp::from_millis).into_iter();
    let ids = [[0; 16], [0xff; 16], *account_id(3).as_bytes()];
    match kind {
        Kind::Login => ids.map(|id| LoginRecord { account: AccountId::from_bytes(id) }.into()).into(),
        Kind::Account => moments().map(|created| AccountRecord { created }.into()).collect(),
        Kind::Active => moments().map(|since| ActiveRecord { since }.into()).collect(),
        // How a hash is spelt is the core's affair; a store that keeps one text whole keeps them all.
        Kind::Credential => vec![record(Kind::Credential, 1), record(Kind::Credential, u64::MAX)],
        Kind::Attempts => [0, 1, u32::MAX].map(attempts).into(),
        Kind::Throttle => moments()
            .zip([0, u32::MAX].into_iter().cycle())
            .map(|(until, failures)| ThrottleRecord { failures, until }.into())
            .collect(),
        Kind::Session => moments().enumerate().map(|(number, moment)| session(number, moment)).collect(),
        Kind::Keyring => [0, 1, 40].map(keyring).into(),
        Kind::Data => [0, 1, 64 * 1024].map(|size| DataRecord { bytes: vec![0xff; size] }.into()).into(),
        Kind::Devices => [0, 1, 10].map(devices).into(),
        Kind::Deletion => moments().map(|started| DeletionRecord { started }.into()).collect(),
        Kind::Clock => moments()
            .flat_map(|highest| [None, Some(highest)].map(|jumped_from| ClockRecord { highest, jumped_from }))
            .map(Record::from)
            .collect(),
        Kind::Grants => [0, 1, 12].map(grants).into(),
    }
}

fn attempts(failures: u32) -> Record {
    let held = |number| DeviceFailures { device: known_device(number, at(0)).id, failures };
    let devices = if failures == 1 { vec![] } else { (0..10).map(held).collect() };
    AttemptsRecord { failures, devices }.into()
}

fn session(number: usize, moment: Timestamp) -> Record {
    let labels = [
        None,
        Some(ClientLabel::new("")),
        Some(ClientLabel::new("Firefox on Linux")),
        Some(ClientLabel::new(&"x".repeat(ClientLabel::MAX_BYTES))),
        Some(ClientLabel::new("'; DROP TABLE session; -- \" \\ \0 \r\n")),
        Some(ClientLabel::new(&"\u{1f511}\u{e9}e\u{301}".repeat(20))),
    ];
    let numbers = [0, 1, i64::MAX as u64, u64::MAX, (1 << 53) + 1];
    let number_at = |offset: usize| numbers.get((number + offset) % numbers.len()).copied().unwrap_or(0);
    let moment_at = |offset: usize| at(MOMENTS.get((number + offset) % MOMENTS.len()).copied().unwrap_or(0));
    SessionRecord {
        salt: if number.is_multiple_of(2) { [0; 16] } else { [0xff; 16] },
        generation: number_at(0),
        account_epoch: number_at(1),
        global_epoch: number_at(2),
        created: moment,
        last_seen: moment_at(1),
        idle_millis: number_at(3),
        absolute_end: moment_at(2),
        auth_time: moment_at(3),
        amr: if number.is_multiple_of(3) { Amr::default() } else { Amr::PASSWORD },
        label: labels.get(number % labels.len()).cloned().flatten(),
        scope: if number.is_multiple_of(2) { Scope::NONE } else { family(1, at(0)).scope },
    }
    .into()
}

fn keyring(keys: u32) -> Record {
    let check = |number: u32| KeyCheck {
        number: if number.is_multiple_of(2) { number } else { u32::MAX - number },
        value: *session_id(u64::from(number)).as_bytes(),
    };
    let (checks, peppers) = ((0..keys).map(check).collect(), (0..keys / 2).map(check).collect());
    KeyringRecord {
        checks,
        throttle_key: [if keys == 0 { 0 } else { 0xa5 }; 32],
        peppers,
        token_epoch: if keys == 1 { u64::MAX } else { u64::from(keys) },
        signing: (0..keys).zip(MOMENTS.into_iter().cycle().map(at)).map(signing_entry).collect(),
    }
    .into()
}

fn signing_entry((number, active_from): (u32, Timestamp)) -> SigningEntry {
    let algorithm = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256]
        .into_iter()
        .cycle()
        .nth(usize::try_from(number).unwrap_or(0))
        .unwrap_or_default();
    let public = match algorithm {
        Algorithm::EdDsa => vec![0x5a; 32],
        Algorithm::Es256 => vec![4; 65],
        Algorithm::Hs256 | Algorithm::Rs256 => Vec::new(),
    };
    let salt = *session_id(u64::from(number)).as_bytes();
    SigningEntry { kid: "k".repeat(43), algorithm, master: u32::MAX - number, salt, public, active_from }
}

/// Up to more families and revoked tokens than the engine keeps of one session.
fn grants(count: u64) -> Record {
    let moments = || MOMENTS.into_iter().cycle().map(at);
    let families = (0..count).zip(moments()).map(|(number, moment)| family(number, moment));
    let token = |(number, until)| RevokedToken { id: grant_id(number), until };
    let revoked = (0..count * 30).zip(moments()).map(token);
    let opened = if count == 1 { u32::MAX } else { 0 };
    GrantsRecord { opened, families: families.collect(), revoked: revoked.collect() }.into()
}

fn devices(count: u64) -> Record {
    let moments = MOMENTS.into_iter().cycle();
    let devices = (0..count).zip(moments).map(|(number, moment)| known_device(number, at(moment)));
    DevicesRecord { devices: devices.collect() }.into()
}

/// Names go to the longest that the core takes, and beyond ASCII; ids to both ends.
fn key_for(kind: Kind, number: usize) -> Key {
    let longest = || (0..=20).rev().find_map(|power| LoginName::parse(&"n".repeat(1 << power)).ok());
    let end = |byte| Key::from_parts(kind, &[byte; 16]);
    let extreme = match (kind, number) {
        (Kind::Keyring, _) => Some(Key::Keyring),
        (Kind::Clock, _) => Some(Key::Clock),
        (Kind::Login, 0) => longest().map(Key::Login),
        (Kind::Login, 1) => Some(Key::Login(login_name("\u{e9}"))),
        (_, 0) => end(0),
        (_, 1) => end(0xff),
        (_, _) => None,
    };
    extreme.unwrap_or_else(|| key(kind, number as u64))
}
