//! Wycheproof's vectors of the four primitives, in full, against the key that verifies access tokens.
//!
//! Found in the folder `DOORWARD_VECTORS`, or `../shared/vectors` beside the workspace. A vector's key is loaded in every
//! form that it is given in.

#![allow(clippy::disallowed_methods, reason = "the vectors are files, and a skipped test must be seen")]

use super::keys::hex;
use super::*;
use serde_json::Value;
use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

/// Reads a file of vectors. Where there is none, a line says so.
pub(super) fn file(name: &str) -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let path = env::var_os("DOORWARD_VECTORS").map_or_else(|| beside.into(), PathBuf::from).join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        // Not `eprintln!`: the harness would keep the line to itself.
        writeln!(io::stderr(), "SKIPPED: no {}; set DOORWARD_VECTORS", path.display())
            .expect("stderr takes a line");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// Each group of a file with its tests.
pub(super) fn groups(file: &Value) -> impl Iterator<Item = (&Value, &Vec<Value>)> {
    let groups = file["testGroups"].as_array().unwrap();
    groups.iter().map(|group| (group, group["tests"].as_array().unwrap()))
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is a text"))
}

/// Runs every vector of a file of signatures; tells how many were valid and how many were not.
fn run(name: &str, load: impl Fn(&Value) -> Vec<VerifyingKey>) -> Option<(u64, u64)> {
    let (mut valid, mut invalid) = (0, 0);
    let file = file(name)?;
    for (group, tests) in groups(&file) {
        let keys = load(group);
        assert!(!keys.is_empty());
        for test in tests {
            let expected = match text(test, "result") {
                "valid" => true,
                // Encodings that some accept: there is one here.
                "invalid" | "acceptable" => false,
                other => panic!("{other}"),
            };
            let (message, signature) = (hex(text(test, "msg")), hex(text(test, "sig")));
            for key in &keys {
                let what = format!("{name} {}: {} {}", test["tcId"], test["comment"], test["result"]);
                assert_eq!(key.verify(&message, &signature), expected, "{what}");
            }
            if expected { valid += 1 } else { invalid += 1 }
        }
    }
    assert_eq!(valid + invalid, file["numberOfTests"].as_u64().unwrap(), "every vector was run");
    Some((valid, invalid))
}

fn pem_and_raw(group: &Value, algorithm: Algorithm, raw: &str) -> Vec<VerifyingKey> {
    let pem = VerifyingKey::from_pem(text(group, "publicKeyPem"), algorithm).unwrap();
    let der = VerifyingKey::from_encoded(algorithm, None, &hex(text(group, "publicKeyDer"))).unwrap();
    let raw = VerifyingKey::from_public(algorithm, "k", &hex(raw)).unwrap();
    Vec::from([pem, der, raw])
}

fn jwk(group: &Value, name: &str) -> Option<VerifyingKey> {
    group.get(name).map(|jwk| VerifyingKey::from_jwk(&serde_json::to_string(jwk).unwrap()).unwrap())
}

#[test]
fn jw_1_wycheproof_ed25519() {
    let counts = run("wycheproof_ed25519_test.json", |group| {
        let mut keys = pem_and_raw(group, Algorithm::EdDsa, text(&group["publicKey"], "pk"));
        keys.extend(jwk(group, "publicKeyJwk"));
        assert_eq!(keys.len(), 4);
        keys
    });
    assert!(counts.is_none_or(|(valid, invalid)| valid > 80 && invalid > 60), "{counts:?}");
}

#[test]
fn jw_1_wycheproof_es256() {
    let counts = run("wycheproof_ecdsa_secp256r1_sha256_p1363_test.json", |group| {
        let mut keys = pem_and_raw(group, Algorithm::Es256, text(&group["publicKey"], "uncompressed"));
        keys.extend(jwk(group, "publicKeyJwk"));
        keys
    });
    assert!(counts.is_none_or(|(valid, invalid)| valid > 100 && invalid > 30), "{counts:?}");
}

#[test]
fn jw_1_wycheproof_rs256() {
    let counts = run("wycheproof_rsa_signature_2048_sha256_test.json", |group| {
        let mut keys = pem_and_raw(group, Algorithm::Rs256, text(group, "publicKeyAsn"));
        keys.extend(jwk(group, "keyJwk"));
        assert_eq!(keys.len(), 4);
        keys
    });
    assert!(counts.is_none_or(|(valid, invalid)| valid > 5 && invalid > 200), "{counts:?}");
}

/// A shortened tag is none here, and neither is a short key.
#[test]
fn jw_1_wycheproof_hs256() {
    let Some(file) = file("wycheproof_hmac_sha256_test.json") else { return };
    let (mut valid, mut invalid, mut weak, mut short) = (0, 0, 0, 0);
    for (group, tests) in groups(&file) {
        for test in tests {
            let secret = hex(text(test, "key"));
            let key = match SigningKey::from_secret("k", &secret) {
                Ok(key) => key,
                Err(error) => {
                    assert_eq!((error, group["keySize"].as_u64()), (KeyLoadError::Weak, Some(128)));
                    weak += 1;
                    continue;
                }
            };
            let (message, tag) = (hex(text(test, "msg")), hex(text(test, "tag")));
            let whole = group["tagSize"] == 256;
            let expected = text(test, "result") == "valid" && whole;
            assert_eq!(key.verifying_key().verify(&message, &tag), expected, "{}", test["tcId"]);
            if text(test, "result") == "valid" {
                assert!(key.signature(&message).unwrap().starts_with(&tag));
            }
            match (whole, expected) {
                (false, _) => short += 1,
                (true, true) => valid += 1,
                (true, false) => invalid += 1,
            }
        }
    }
    assert_eq!(valid + invalid + weak + short, file["numberOfTests"].as_u64().unwrap());
    assert!(valid > 20 && invalid > 50 && weak == 6 && short > 80, "{valid} {invalid} {weak} {short}");
}
