//! SE-2, INV 30, INV 42: what a store leaves on its medium, after every operation has run, holds nothing that makes a token,
//! nor a token: in no file, raw or encoded, at whatever alignment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward::core::model::signing::SigningEntry;
use doorward::core::record::Record;
use doorward::core::store::Store;
use doorward::events::EventQueue;
use doorward::store::MemoryStore;
use doorward::{Engine, Issue, ManualClock, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::canary::{KEY, Secrets, forms, holds};
use crate::printed::Printed;
use crate::support::engine::{OnDisk, each_on_disk};
use crate::support::rows::dump;
use crate::support::story::{DATA, LABEL, Listener, Story};
use crate::support::token_story::{API, CLIENT};
use crate::{START, engine};

/// What is left after all that an engine can do, and what must not be found there.
fn played(store: &Arc<dyn Store>) -> (Engine, Secrets, Vec<u8>) {
    let (mut printed, clock, queue) = (Printed::default(), ManualClock::at(START), EventQueue::new(4096));
    let engine = engine(Arc::clone(store), &clock, &printed, &queue);
    Story::new(&engine, &mut printed).every_outcome(&clock);
    let tokens = printed.tokens();
    let [hers, guest] = tokens.last_chunk().unwrap();
    // Tokens that live while their rows are looked at.
    let issued = engine.issue(Issue::new(hers, CLIENT, API).with_refresh()).unwrap();
    printed.gave(issued.access.expose());
    printed.gave(issued.refresh.unwrap().expose());
    // Who never had an account stands in rows of the throttle only, by a keyed hash.
    let secrets = Secrets::put_in().tokens(&printed.tokens()).and("name in a throttle's key", b"nobody");
    let secrets = signing_seeds(&**store).iter().fold(secrets, |all, seed| all.and("signing key", seed));
    let guest = Base64UrlUnpadded::decode_vec(&guest[4..]).unwrap()[21..37].to_vec();
    (engine, secrets, guest)
}

/// What the private keys are made of: derived here once more, from the master key and the entries' salts.
fn signing_seeds(store: &dyn Store) -> Vec<[u8; 32]> {
    let mac = |key: &[u8], parts: &[&[u8]]| -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    };
    let mut subkey = [0; 32];
    Hkdf::<Sha256>::new(Some(b"doorward v1"), &KEY).expand(b"signing key", &mut subkey).unwrap();
    let rows = dump(store).rows;
    let keyring = rows.values().find_map(|row| match &row.record {
        Record::Keyring(keyring) => Some(keyring),
        _ => None,
    });
    let entries = &keyring.unwrap().signing;
    assert!(!entries.is_empty());
    let seed_of = |entry: &SigningEntry| {
        let seed = mac(&subkey, &[b"EdDSA", &entry.salt, &0_u32.to_be_bytes()]);
        // It is what it is taken for: the published key is this one's.
        let [d, x] = [&seed[..], &entry.public[..]].map(Base64UrlUnpadded::encode_string);
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k","d":"{d}","x":"{x}"}}"#);
        assert!(SigningKey::from_jwk(&jwk).is_ok(), "another seed than the key's");
        seed
    };
    entries.iter().map(seed_of).collect()
}

/// All files below this path or of this name, with what a database has beside it.
fn files_of(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
}

#[test]
fn se_2_inv_30_inv_42_no_secret_in_the_bytes_of_any_store() {
    for OnDisk { name, open } in each_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("auth"));
        let (engine, secrets, guest) = played(&store);
        let look = || {
            let files = files_of(folder.path());
            let mut found = Vec::new();
            for file in &files {
                let bytes = std::fs::read(file).unwrap();
                secrets.assert_not_in(&format!("{name}'s file {}", file.display()), &bytes);
                found.extend(bytes);
            }
            // The net holds water: what may stand there does.
            assert!(holds(&found, LABEL.as_bytes()) && holds(&found, DATA.as_bytes()), "{name}");
            assert!(holds(&found, &guest) || name == "sled", "{name}: the live session's id is not there");
            files.len()
        };
        // While it is in use (SQLite's log, too), and after it was closed.
        assert!(look() >= if name == "sqlite" { 3 } else { 2 }, "{name}");
        drop((engine, store));
        look();
    }
}

#[test]
fn se_2_inv_30_inv_42_no_secret_in_encoded_rows() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (_engine, secrets, _) = played(&store);
    let all = dump(&*store);
    let mut bytes = Vec::new();
    for (key, row) in &all.rows {
        bytes.extend(format!("{key:?}").into_bytes());
        bytes.extend(row.encode(key));
    }
    bytes.extend(format!("{:?}", all.journal).into_bytes());
    secrets.assert_not_in("the encoded rows", &bytes);
    assert!(holds(&bytes, DATA.as_bytes()), "the net holds water");

    // Each secret, planted in each form among these bytes, is found.
    for seed in signing_seeds(&*store) {
        for form in forms(&seed) {
            let planted = [&bytes[..bytes.len() / 2], &form, &bytes[bytes.len() / 2..]].concat();
            assert!(secrets.found_in(&planted).is_some(), "{}", form.escape_ascii());
        }
    }
}
