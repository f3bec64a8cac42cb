//! Whatever a record says reads back, and whatever the bytes are, nothing panics.

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
    AccountRecord, ActiveRecord, ClientLabel, CredentialRecord, Key, LoginRecord, Record, Row,
};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::Algorithm;
use doorward_core::token::terms::{Audience, ClientId, Scope};
use proptest::prelude::*;

use super::{decode, forged, samples};

use crate::support::{hash, stamp};

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(i64::MIN), Just(-1), Just(0), Just(1 << 53), Just(i64::MAX), any::<i64>()]
        .prop_map(Timestamp::from_millis)
}

fn scope() -> impl Strategy<Value = Scope> {
    "([a-z:.]{1,9} ){0,4}".prop_map(|words| Scope::parse(words.trim_end()).unwrap())
}

prop_compose! {
    fn any_family()(
        ids: [[u8; 16]; 2],
        numbers: [u32; 2],
        rotated in moment(),
        epochs: [u64; 3],
        client in "[ -~]{1,40}",
        audience in proptest::collection::vec("[!-~]{1,40}", 0..4),
        scope in scope(),
    ) -> Family {
        let ([id, salt], [number, generation], [account, global, tokens]) = (ids, numbers, epochs);
        Family {
            id: GrantId::from_bytes(id), salt, number, generation, rotated,
            epochs: Epochs { account, global, tokens },
            client: ClientId::parse(&client).unwrap(),
            audience: audience.iter().map(|text| Audience::parse(text).unwrap()).collect(),
            scope,
        }
    }
}

fn any_grants() -> impl Strategy<Value = GrantsRecord> {
    let token = (any::<[u8; 16]>(), moment())
        .prop_map(|(id, until)| RevokedToken { id: GrantId::from_bytes(id), until });
    let (families, tokens) =
        (proptest::collection::vec(any_family(), 0..6), proptest::collection::vec(token, 0..6));
    (any::<u32>(), families, tokens).prop_map(|(opened, families, revoked)| GrantsRecord {
        opened,
        families,
        revoked,
    })
}

prop_compose! {
    fn any_session()(
        salt: [u8; 16],
        numbers: [u64; 4],
        created in moment(),
        last_seen in moment(),
        absolute_end in moment(),
        auth_time in moment(),
        label in proptest::option::of(".{0,200}"),
        scope in scope(),
    ) -> SessionRecord {
        let [generation, account_epoch, global_epoch, idle_millis] = numbers;
        let label = label.as_deref().map(ClientLabel::new);
        SessionRecord {
            salt, generation, account_epoch, global_epoch, created, last_seen, idle_millis, absolute_end, auth_time,
            amr: Amr::PASSWORD, label, scope,
        }
    }
}

fn any_record() -> impl Strategy<Value = (Key, Record)> {
    let id = || any::<[u8; 16]>().prop_map(AccountId::from_bytes);
    let check = (any::<u32>(), any::<[u8; 16]>()).prop_map(|(number, value)| KeyCheck { number, value });
    let checks = || proptest::collection::vec(check.clone(), 0..20);
    let algorithm = prop_oneof![Just(Algorithm::EdDsa), Just(Algorithm::Es256), Just(Algorithm::Hs256)];
    let public = proptest::collection::vec(any::<u8>(), 0..70);
    let entry = ("[!-~]{1,128}", algorithm, any::<u32>(), any::<[u8; 16]>(), public, moment()).prop_map(
        |(kid, algorithm, master, salt, public, active_from)| SigningEntry {
            kid,
            algorithm,
            master,
            salt,
            public,
            active_from,
        },
    );
    let signing = proptest::collection::vec(entry, 0..5);
    let keyring = (checks(), any::<[u8; 32]>(), checks(), any::<u64>(), signing).prop_map(
        |(checks, throttle_key, peppers, token_epoch, signing)| {
            (Key::Keyring, KeyringRecord { checks, throttle_key, peppers, token_epoch, signing }.into())
        },
    );
    let throttle = (any::<[u8; 16]>(), any::<u32>(), moment()).prop_map(|(name, failures, until)| {
        (Key::Throttle(NameHash::from_bytes(name)), ThrottleRecord { failures, until }.into())
    });
    let compromised = proptest::option::of(moment());
    let device = (any::<[[u8; 16]; 2]>(), any::<[u64; 2]>(), moment()).prop_map(
        |([id, salt], [account_epoch, global_epoch], expires)| {
            let id = DeviceId::from_bytes(id);
            KnownDevice { id, salt, account_epoch, global_epoch, expires }
        },
    );
    let held = (any::<[u8; 16]>(), any::<u32>())
        .prop_map(|(id, failures)| DeviceFailures { device: DeviceId::from_bytes(id), failures });
    let held = proptest::collection::vec(held, 0..12);
    let devices = proptest::collection::vec(device, 0..12).prop_map(|devices| DevicesRecord { devices });
    let login = ("[a-z]{1,60}", id()).prop_map(|(name, account)| {
        (Key::Login(LoginName::parse(&name).unwrap()), LoginRecord { account }.into())
    });
    prop_oneof![
        (any::<[u8; 16]>(), any_session())
            .prop_map(|(id, record)| (Key::Session(SessionId::from_bytes(id)), record.into())),
        keyring,
        throttle,
        (any::<[u8; 16]>(), any_grants())
            .prop_map(|(id, record)| (Key::Grants(SessionId::from_bytes(id)), record.into())),
        (any::<[u8; 16]>(), proptest::collection::vec(any::<u8>(), 0..3000))
            .prop_map(|(id, bytes)| (Key::Data(SessionId::from_bytes(id)), DataRecord { bytes }.into())),
        (id(), devices).prop_map(|(id, record)| (Key::Devices(id), record.into())),
        (id(), moment()).prop_map(|(id, started)| (Key::Deletion(id), DeletionRecord { started }.into())),
        (moment(), proptest::option::of(moment()))
            .prop_map(|(highest, jumped_from)| { (Key::Clock, ClockRecord { highest, jumped_from }.into()) }),
        login,
        (id(), moment()).prop_map(|(id, created)| (Key::Account(id), AccountRecord { created }.into())),
        (id(), moment()).prop_map(|(id, since)| (Key::Active(id), ActiveRecord { since }.into())),
        (id(), any::<u32>(), held).prop_map(|(id, failures, devices)| {
            (Key::Attempts(id), AttemptsRecord { failures, devices }.into())
        }),
        (id(), 0..100_000u32, moment(), compromised, any::<Option<u32>>()).prop_map(
            |(id, number, set, compromised, pepper)| {
                let record = CredentialRecord::new(hash(number, 19456), Normalization::Nfc, pepper, set);
                (Key::Credential(id), CredentialRecord { compromised, ..record }.into())
            },
        ),
    ]
}

proptest! {
    #[test]
    fn inv_23_every_field_reads_back(
        (key, record) in any_record(),
        owner in proptest::option::of(any::<[u8; 16]>()),
        expires in proptest::option::of(moment()),
        epoch: u64,
    ) {
        let row = Row { stamp: stamp(1), epoch, owner: owner.map(AccountId::from_bytes), expires, record };
        prop_assert_eq!(decode(&key, &row, &row.encode(&key)), Ok(row));
    }

    #[test]
    fn inv_40_arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (key, row) in samples() {
            prop_assert!(decode(&key, &row, &bytes).is_err());
        }
    }

    /// The same below the checksum, where a damaged byte would be believed.
    #[test]
    fn inv_40_arbitrary_content_does_not_panic(
        noise in proptest::collection::vec(any::<u8>(), 300),
        from in 1..40usize,
    ) {
        for (key, row) in samples() {
            let bytes = forged(&row.encode(&key), |content| {
                content.iter_mut().skip(from).zip(&noise).for_each(|(to, from)| *to = *from);
            });
            if let Ok(read) = decode(&key, &row, &bytes) {
                prop_assert_eq!(read.record.kind(), key.kind());
                prop_assert_eq!(decode(&key, &read, &read.encode(&key)), Ok(read));
            }
        }
    }
}
