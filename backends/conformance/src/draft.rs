//! Batches, keys and rows for the checks. Contents and stamps come from one counter, so that no two are alike
//! unless a check wants them to be.

use std::sync::atomic::{AtomicU64, Ordering};

use doorward_core::id::{AccountId, DeviceId, GrantId, NameHash, SessionId, Stamp};
use doorward_core::model::clock::ClockRecord;
use doorward_core::model::data::DataRecord;
use doorward_core::model::deletion::DeletionRecord;
use doorward_core::model::device::{DevicesRecord, KnownDevice};
use doorward_core::model::grant::{Family, GrantsRecord, RevokedToken};
use doorward_core::model::keyring::{Epochs, KeyringRecord};
use doorward_core::model::session::{Amr, SessionRecord};
use doorward_core::model::throttle::{AttemptsRecord, ThrottleRecord};
use doorward_core::name::LoginName;
use doorward_core::password::{Normalization, PasswordHash};
use doorward_core::record::{
    AccountRecord, ActiveRecord, CredentialRecord, Key, Kind, LoginRecord, Record, Row,
};
use doorward_core::store::{Batch, Check, Durability, Ending, Expect, Revocation, Write};
use doorward_core::time::Timestamp;
use doorward_core::token::terms::{Audience, ClientId, Scope, TermError};

static COUNTER: AtomicU64 = AtomicU64::new(1);

/// A number that nobody else has had.
pub(crate) fn fresh() -> u64 {
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

/// Sixteen bytes out of a number, not in the number's order.
pub(crate) fn bytes(number: u64) -> [u8; 16] {
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (u128::from(scattered) << 64 | u128::from(number)).to_be_bytes()
}

pub(crate) fn account_id(number: u64) -> AccountId {
    AccountId::from_bytes(bytes(number))
}

pub(crate) fn session_id(number: u64) -> SessionId {
    SessionId::from_bytes(bytes(number))
}

pub(crate) fn grant_id(number: u64) -> GrantId {
    GrantId::from_bytes(bytes(number))
}

pub(crate) fn account(number: u64) -> Key {
    Key::Account(account_id(number))
}

pub(crate) fn session(number: u64) -> Key {
    Key::Session(session_id(number))
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A key of the kind; keyring and clock have only one.
pub(crate) fn key(kind: Kind, number: u64) -> Key {
    match kind {
        Kind::Login => Key::Login(login_name(&format!("user{number}"))),
        Kind::Account => account(number),
        Kind::Active => Key::Active(account_id(number)),
        Kind::Credential => Key::Credential(account_id(number)),
        Kind::Attempts => Key::Attempts(account_id(number)),
        Kind::Throttle => Key::Throttle(NameHash::from_bytes(bytes(number))),
        Kind::Session => session(number),
        Kind::Keyring => Key::Keyring,
        Kind::Data => Key::Data(session_id(number)),
        Kind::Devices => Key::Devices(account_id(number)),
        Kind::Deletion => Key::Deletion(account_id(number)),
        Kind::Clock => Key::Clock,
        Kind::Grants => Key::Grants(session_id(number)),
    }
}

/// # Panics
/// When the core does not take the name: a mistake in the check that names it.
pub(crate) fn login_name(text: &str) -> LoginName {
    match LoginName::parse(text) {
        Ok(name) => name,
        Err(error) => panic!("the kit uses a login name that is none: {text}: {error}"),
    }
}

/// A record of the kind that says this number.
pub(crate) fn record(kind: Kind, number: u64) -> Record {
    let millis = at(i64::try_from(number).unwrap_or(i64::MAX));
    let small = u32::try_from(number % u64::from(u32::MAX)).unwrap_or(0);
    match kind {
        Kind::Login => LoginRecord { account: account_id(number) }.into(),
        Kind::Account => AccountRecord { created: millis }.into(),
        Kind::Active => ActiveRecord { since: millis }.into(),
        Kind::Credential => {
            let (hash, normalization) = (password_hash(), Normalization::Nfc);
            let compromised = (number % 2 == 1).then_some(millis);
            let record = CredentialRecord::new(hash, normalization, Some(small), millis);
            CredentialRecord { compromised, ..record }.into()
        }
        Kind::Attempts => AttemptsRecord { failures: small, devices: vec![] }.into(),
        Kind::Throttle => ThrottleRecord { failures: small, until: millis }.into(),
        Kind::Session => session_record(number).into(),
        Kind::Keyring => {
            let [half, other] = [bytes(number), bytes(!number)];
            let mut throttle_key = [0; 32];
            throttle_key.iter_mut().zip(half.iter().chain(&other)).for_each(|(to, from)| *to = *from);
            KeyringRecord {
                checks: Vec::new(),
                throttle_key,
                peppers: Vec::new(),
                token_epoch: number,
                signing: Vec::new(),
            }
            .into()
        }
        Kind::Data => DataRecord { bytes: number.to_be_bytes().to_vec() }.into(),
        Kind::Devices => DevicesRecord { devices: vec![known_device(number, millis)] }.into(),
        Kind::Deletion => DeletionRecord { started: millis }.into(),
        Kind::Clock => ClockRecord::at(millis).into(),
        Kind::Grants => {
            let revoked = RevokedToken { id: grant_id(number), until: millis };
            GrantsRecord { opened: small, families: vec![family(number, millis)], revoked: vec![revoked] }
                .into()
        }
    }
}

pub(crate) fn known_device(number: u64, expires: Timestamp) -> KnownDevice {
    KnownDevice {
        id: DeviceId::from_bytes(bytes(number)),
        salt: bytes(!number),
        account_epoch: number,
        global_epoch: 0,
        expires,
    }
}

/// A family of refresh tokens; where the number is odd, one whose terms are as long as they come.
pub(crate) fn family(number: u64, rotated: Timestamp) -> Family {
    let is_long = !number.is_multiple_of(2);
    let text = |most: usize| if is_long { "x".repeat(most) } else { "web".to_owned() };
    let words = if is_long { "\u{21}ab ".repeat(Scope::MAX_BYTES / 4) } else { String::new() };
    Family {
        number: u32::try_from(number % u64::from(u32::MAX)).unwrap_or(0),
        id: grant_id(number),
        salt: bytes(!number),
        generation: if is_long { u32::MAX } else { 1 },
        rotated,
        epochs: Epochs { account: number, global: !number, tokens: 0 },
        client: term(ClientId::parse(&text(ClientId::MAX_BYTES))),
        audience: vec![term(Audience::parse(&text(Audience::MAX_BYTES)))],
        scope: term(Scope::parse(words.trim_end())),
    }
}

fn term<T>(parsed: Result<T, TermError>) -> T {
    match parsed {
        Ok(term) => term,
        Err(error) => panic!("the kit uses a term that is none: {error}"),
    }
}

fn session_record(number: u64) -> SessionRecord {
    SessionRecord {
        salt: bytes(number),
        generation: 1,
        account_epoch: 0,
        global_epoch: 0,
        created: at(0),
        last_seen: at(0),
        idle_millis: 3_600_000,
        absolute_end: at(86_400_000),
        auth_time: at(0),
        amr: Amr::PASSWORD,
        label: None,
        scope: Scope::NONE,
    }
}

fn password_hash() -> PasswordHash {
    let (salt, tag) = ("c29tZXNhbHRzb21lc2FsdA", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
    match PasswordHash::parse(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${tag}")) {
        Ok(hash) => hash,
        Err(error) => panic!("the kit uses a password hash that is none: {error}"),
    }
}

/// A row of the kind with a content that no other has; its stamp is still to be given by a batch.
pub(crate) fn row(kind: Kind) -> Row {
    row_saying(kind, fresh())
}

/// A row of the kind that says this number.
pub(crate) fn row_saying(kind: Kind, number: u64) -> Row {
    Row {
        stamp: Stamp::from_bytes([0; 16]),
        epoch: 0,
        owner: None,
        expires: None,
        record: record(kind, number),
    }
}

/// A row that a purge may take from this moment on.
pub(crate) fn row_until(kind: Kind, millis: i64) -> Row {
    Row { expires: Some(at(millis)), ..row(kind) }
}

/// What the journal says of that which has this number: sessions and grants take turns.
pub(crate) fn ended(number: u64) -> Revocation {
    if is_grant(number) {
        Revocation::Grant(grant_id(number))
    } else {
        Revocation::Session(session_id(number))
    }
}

fn is_grant(number: u64) -> bool {
    !number.is_multiple_of(2)
}

/// A batch in the making, with a stamp of its own.
#[derive(Clone)]
pub(crate) struct Draft(Batch);

impl Draft {
    pub(crate) fn new() -> Self {
        Self(Batch::new(Stamp::from_bytes(bytes(fresh())), Durability::Durable))
    }

    pub(crate) fn relaxed() -> Self {
        let mut draft = Self::new();
        draft.0.durability = Durability::Relaxed;
        draft
    }

    /// The row as this batch puts it: with its stamp.
    pub(crate) fn row(&self, row: Row) -> Row {
        Row { stamp: self.0.stamp, ..row }
    }

    pub(crate) fn put_absent(self, key: &Key, row: Row) -> Self {
        self.put(key, row, Expect::Absent)
    }

    pub(crate) fn put_over(self, key: &Key, row: Row, seen: &Row) -> Self {
        self.put(key, row, Expect::Stamp(seen.stamp))
    }

    pub(crate) fn put(mut self, key: &Key, row: Row, expect: Expect) -> Self {
        let row = self.row(row);
        self.0.writes.push(Write::Put { key: key.clone(), row, expect });
        self
    }

    pub(crate) fn delete(mut self, key: &Key) -> Self {
        self.0.writes.push(Write::Delete { key: key.clone() });
        self
    }

    pub(crate) fn raise(mut self, key: &Key) -> Self {
        self.0.writes.push(Write::Raise { key: key.clone() });
        self
    }

    pub(crate) fn check(mut self, key: &Key, expect: Expect) -> Self {
        self.0.checks.push(Check { key: key.clone(), expect });
        self
    }

    /// Tells the journal of what has this number (see [`ended`]), until long after any check.
    pub(crate) fn ends(self, number: u64) -> Self {
        self.ends_until(number, 1_000_000)
    }

    pub(crate) fn ends_until(mut self, number: u64, until: i64) -> Self {
        let until = at(until);
        self.0.journal.push(if is_grant(number) {
            Ending::Grant { grant: grant_id(number), until }
        } else {
            Ending::Session { session: session_id(number), until }
        });
        self
    }

    pub(crate) fn ends_epoch(mut self, key: &Key) -> Self {
        let (key, until) = (key.clone(), at(1_000_000));
        self.0.journal.push(Ending::Epoch { key, until });
        self
    }

    pub(crate) fn batch(&self) -> Batch {
        self.0.clone()
    }
}
