//! What a JWK must be, and what it becomes.

use super::*;
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use serde_json::Value;
use std::string::ToString;

/// RFC 8037, appendix A.
#[test]
fn jw_18_the_standards_ed25519_key_its_thumbprint_and_its_signature() {
    let private = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let key = SigningKey::from_jwk(private).unwrap();
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let signature = key.signature(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc").unwrap();
    let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(encode(&signature), expected);
}

/// RFC 7638, section 3.1. Its `n` is of the key whose thumbprint is given there.
#[test]
fn jw_18_the_standards_rsa_thumbprint() {
    let public = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    let key = VerifyingKey::from_jwk(public).unwrap();
    assert_eq!(key.kid(), "2011-04-29");
    assert_eq!(key.thumbprint().unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/// The private JWK of each key that is imported.
fn private_jwks() -> [(SigningKey, Value); 4] {
    let [ed, ec, shared, rsa] = keys();
    let pem = |pem: &str| {
        base64ct::Base64::decode_vec(&pem.lines().filter(|line| !line.starts_with('-')).collect::<String>())
            .unwrap()
    };
    let public = |key: &SigningKey| serde_json::to_value(key.verifying_key().to_jwk().unwrap()).unwrap();

    let pair = Ed25519KeyPair::from_pkcs8(&pem(ED25519)).unwrap();
    let seed: Curve25519SeedBin<'_> = pair.seed().unwrap().as_be_bytes().unwrap();
    let mut edwards_jwk = public(&ed);
    edwards_jwk["d"] = json!(encode(seed.as_ref()));

    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pem(P256)).unwrap();
    let secret_scalar: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
    let mut curve_jwk = public(&ec);
    curve_jwk["d"] = json!(encode(secret_scalar.as_ref()));

    let secret_jwk =
        json!({"kty": "oct", "kid": "shared", "alg": "HS256", "use": "sig", "k": encode(&SECRET)});

    let mut modular_jwk = public(&rsa);
    let parts = integers(&pem(include_str!("../../../../tests/keys/rsa2048_pkcs1.pem")));
    let [_version, n, _e, parts @ ..] = parts.as_slice() else { panic!("nine integers") };
    assert_eq!(modular_jwk["n"], encode(n));
    for (name, part) in ["d", "p", "q", "dp", "dq", "qi"].into_iter().zip(parts) {
        modular_jwk[name] = json!(encode(part));
    }
    [(ed, edwards_jwk), (ec, curve_jwk), (shared, secret_jwk), (rsa, modular_jwk)]
}

/// The integers of a DER sequence, without their leading zeros.
fn integers(der: &[u8]) -> Vec<Vec<u8>> {
    let value = |der: &[u8]| {
        let (head, length) = match der[1] {
            0x81 => (3, usize::from(der[2])),
            0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
            short => (2, usize::from(short)),
        };
        (der[head..head + length].to_vec(), head + length)
    };
    let (sequence, _) = value(der);
    let (mut at, mut found) = (0, Vec::new());
    while at < sequence.len() {
        let (integer, length) = value(&sequence[at..]);
        found.push(integer.into_iter().skip_while(|byte| *byte == 0).collect());
        at += length;
    }
    found
}

#[test]
fn jw_18_an_modular_jwks_parts_fit_each_other() {
    let [.., (key, jwk)] = private_jwks();
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let missing = SigningKey::from_jwk(&changed(&jwk, name, Value::Null)).unwrap_err();
        assert_eq!(missing, if name == "d" { KeyLoadError::Public } else { KeyLoadError::Member(name) });
        for malformed in ["!", "AQ==", " AQAB"] {
            let error = SigningKey::from_jwk(&changed(&jwk, name, json!(malformed))).unwrap_err();
            assert_eq!(error, KeyLoadError::Member(name));
        }
        let mut bytes = Base64UrlUnpadded::decode_vec(jwk[name].as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() ^= 2;
        let error = SigningKey::from_jwk(&changed(&jwk, name, json!(encode(&bytes)))).unwrap_err();
        assert_eq!(error, KeyLoadError::Invalid, "{name}");
    }
    assert!(SigningKey::from_jwk(&jwk.to_string()).is_ok_and(|loaded| loaded == key));
}

#[test]
fn jw_18_a_private_jwk_signs_and_is_never_taken_for_a_public_one() {
    for (key, jwk) in private_jwks() {
        let loaded = SigningKey::from_jwk(&jwk.to_string()).unwrap();
        assert_eq!(loaded, key);
        let token = loaded.sign(&claims()).unwrap();
        assert_eq!(accept(token.expose(), &key), Ok(claims()));
        assert_eq!(SigningKey::from_jwk(&changed(&jwk, "key_ops", json!(["sign"]))), Ok(key.clone()));
        assert_eq!(
            SigningKey::from_jwk(&changed(&jwk, "key_ops", json!(["verify"]))),
            Err(KeyLoadError::Use)
        );
        if key.algorithm() != Algorithm::Hs256 {
            assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()), Err(KeyLoadError::Private));
            assert_eq!(SigningKey::from_jwk(&changed(&jwk, "d", Value::Null)), Err(KeyLoadError::Public));
        }
    }
    let unnamed = format!(r#"{{"kty":"oct","k":"{}"}}"#, encode(&SECRET));
    assert_eq!(SigningKey::from_jwk(&unnamed), Err(KeyLoadError::KeyId));
    assert_eq!(VerifyingKey::from_jwk(&unnamed), Err(KeyLoadError::KeyId));
}

/// A key whose halves do not fit would sign what its own public half refuses, and could tell its private half.
#[test]
fn jw_18_a_jwks_parts_fit_each_other() {
    let other = SigningKey::derived(Algorithm::Es256, None, |_| [3; 32].into()).unwrap();
    let other = serde_json::to_value(other.verifying_key().to_jwk().unwrap()).unwrap();
    for (key, jwk) in private_jwks() {
        if !matches!(key.algorithm(), Algorithm::EdDsa | Algorithm::Es256) {
            continue;
        }
        let d = jwk["d"].as_str().unwrap();
        let swapped = encode(&[9; 32]);
        assert_eq!(
            SigningKey::from_jwk(&changed(&jwk, "d", json!(swapped))),
            Err(KeyLoadError::Invalid),
            "{key:?}"
        );
        if key.algorithm() == Algorithm::Es256 {
            let mut mixed = jwk.clone();
            (mixed["x"], mixed["y"]) = (other["x"].clone(), other["y"].clone());
            assert_eq!(SigningKey::from_jwk(&mixed.to_string()), Err(KeyLoadError::Invalid));
        } else {
            assert_eq!(
                SigningKey::from_jwk(&changed(&jwk, "x", json!(encode(&[7; 32])))),
                Err(KeyLoadError::Invalid)
            );
        }
        for (name, value) in [("d", d), ("x", jwk["x"].as_str().unwrap())] {
            let cut = encode(&Base64UrlUnpadded::decode_vec(value).unwrap()[1..]);
            let long = encode(&[&[0][..], &Base64UrlUnpadded::decode_vec(value).unwrap()].concat());
            for malformed in [&*cut, &long, "", &format!("{value}="), &format!(" {value}"), "!"] {
                let error = SigningKey::from_jwk(&changed(&jwk, name, json!(malformed))).unwrap_err();
                assert_eq!(error, KeyLoadError::Member(name), "{malformed}");
            }
        }
    }
}

#[test]
fn jw_18_a_jwk_is_one_strict_object() {
    for other in [
        "",
        "{}{}",
        "[]",
        "\"x\"",
        "{",
        r#"{"kty":"oct","kty":"oct"}"#,
        r#"{"kty":"oct","kt\u0079":"oct"}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(VerifyingKey::from_jwk(other), Err(KeyLoadError::Json), "{other}");
        assert_eq!(SigningKey::from_jwk(other), Err(KeyLoadError::Json), "{other}");
    }
}

/// A key's JWK with a member replaced (`null`: taken out).
fn changed(jwk: &Value, name: &str, value: Value) -> String {
    let mut jwk = jwk.clone();
    let members = jwk.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name)
    } else {
        members.insert(name.into(), value)
    };
    jwk.to_string()
}

#[test]
fn jw_18_a_jwk_for_another_use_is_refused() {
    for key in keys() {
        let jwk = match key.verifying_key().to_jwk() {
            Some(jwk) => serde_json::to_value(jwk).unwrap(),
            None => {
                json!({"kty": "oct", "kid": "shared", "alg": "HS256", "use": "sig", "k": encode(&SECRET)})
            }
        };
        let load = |name: &str, value: Value| VerifyingKey::from_jwk(&changed(&jwk, name, value));
        assert_eq!(load("x-unknown", json!(1)).as_ref(), Ok(key.verifying_key()));
        assert_eq!(load("use", Value::Null).as_ref(), Ok(key.verifying_key()));
        assert_eq!(load("alg", Value::Null).as_ref(), Ok(key.verifying_key()));
        assert_eq!(load("key_ops", json!(["verify"])).as_ref(), Ok(key.verifying_key()));
        assert_eq!(load("key_ops", json!(["sign", "verify"])).as_ref(), Ok(key.verifying_key()));
        for other in [json!([]), json!(["sign"]), json!(["encrypt", "decrypt"])] {
            assert_eq!(load("key_ops", other), Err(KeyLoadError::Use));
        }
        for other in [json!("verify"), json!(["verify", "verify"]), json!([1, "verify"]), json!({})] {
            assert_eq!(load("key_ops", other), Err(KeyLoadError::Member("key_ops")));
        }
        for other in ["enc", "", "SIG", "sig "] {
            assert_eq!(load("use", json!(other)), Err(KeyLoadError::Use), "{other}");
        }
        for other in ["none", "EdDSA ", "ES384", "HS512", "RS512", "PS256", "RSA-OAEP", ""] {
            assert_eq!(load("alg", json!(other)), Err(KeyLoadError::Kind), "{other}");
        }
        for name in ["kid", "alg", "use"] {
            assert_eq!(load(name, json!(["x"])), Err(KeyLoadError::Member(name)));
        }
        let secret = key.algorithm() == Algorithm::Hs256; // whatever else it says it is, it shows its `k`
        let unnamed = if secret { KeyLoadError::Private } else { KeyLoadError::Member("kty") };
        let unknown = if secret { KeyLoadError::Private } else { KeyLoadError::Kind };
        assert_eq!(load("kty", Value::Null), Err(unnamed));
        for other in ["okp", "ec", "Oct", "AKP", ""] {
            assert_eq!(load("kty", json!(other)), Err(unknown));
        }
        for other in ["P-384", "P-521", "secp256k1", "Ed448", "X25519", "ed25519", "p-256"] {
            assert!(
                matches!(load("crv", json!(other)), Err(KeyLoadError::Kind | KeyLoadError::Member("crv"))),
                "{other}"
            );
        }
    }
}

/// Each operation was compared with all others: a quarter of a megabyte of them, as an issuer may publish, held the reader
/// up for seconds. Sixteen times as many take some sixteen times as long, or thirty where they fill the caches; not 256 times.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
fn inv_40_a_key_for_very_many_uses_is_read_in_no_time() {
    let key = |count: u32, last: &str| {
        let mut all: Vec<_> = (0..count).map(|n| format!("{n:x}")).collect();
        all.push(last.into());
        json!({"kty": "oct", "kid": "shared", "k": encode(&SECRET), "key_ops": all}).to_string()
    };
    let signer = hs256();
    let shared = signer.verifying_key();
    for (last, read) in [
        ("verify", Ok(shared)),
        ("sign", Err(&KeyLoadError::Use)),
        ("0", Err(&KeyLoadError::Member("key_ops"))),
    ] {
        // What else the machine does can only add to it.
        let least = |count: u32| {
            let key = key(count, last);
            let took = (0..5).map(|_| {
                let begun = std::time::Instant::now();
                assert_eq!(VerifyingKey::from_jwk(&key).as_ref(), read);
                begun.elapsed()
            });
            took.min().unwrap()
        };
        let (few, many) = (least(4_000), least(64_000));
        assert!(many < few * 100, "{last}: {few:?} for 4,000, {many:?} for 64,000");
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
