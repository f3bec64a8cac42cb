//! Wycheproof's JWS and JWK vectors. Their payloads are no claims, and their headers have no `typ`: what is driven is all
//! but these two rules. Each vector that is judged otherwise than its file says stands in a table, with the rule; one
//! that is not listed, or that is listed and is judged as the file says, fails.

use super::super::compact::{Header, Parts, decoded, object_text};
use super::vectors::{file, groups, text};
use super::*;
use serde_json::Value;
use std::string::ToString;

/// The rules of a JWS: its parts, its header, its key, its signature.
pub(super) fn verify(key: &VerifyingKey, jws: &str) -> Result<Vec<u8>, JwtError> {
    let parts = Parts::split(jws)?;
    let header = Header::parse(&object_text(parts.header)?)?;
    let (payload, signature) = (decoded(parts.claims)?, decoded(parts.signature)?);
    if header.key_id.is_some_and(|kid| kid != key.kid()) {
        return Err(JwtError::UnknownKey);
    }
    if header.algorithm != key.algorithm() {
        return Err(JwtError::Algorithm);
    }
    if key.verify(parts.signing_input.as_bytes(), &signature) {
        Ok(payload)
    } else {
        Err(JwtError::Signature)
    }
}

/// The rule that a vector meets: its key's, or its token's. None: it is accepted.
fn rule(group: &Value, test: &Value) -> Option<String> {
    let Some(jws) = test.get("jws").or_else(|| test.get("jwe")) else { panic!("a vector without a token") };
    let jws = jws.as_str().map_or_else(|| jws.to_string(), Into::into);
    let key = group.get("public").or_else(|| group.get("private")).unwrap();
    let loaded = if key.get("keys").is_some() {
        Verifier::new(&key.to_string(), ISSUER, AUDIENCE).map(|verifier| {
            let kid = Parts::split(&jws)
                .and_then(|parts| Header::parse(&object_text(parts.header)?))
                .ok()
                .and_then(|header| header.key_id);
            verifier.keys().find(|key| Some(key.kid()) == kid.as_deref()).cloned()
        })
    } else {
        VerifyingKey::from_jwk(&key.to_string()).map(Some)
    };
    match loaded {
        Err(error) => Some(format!("key: {error:?}")),
        Ok(None) => Some("UnknownKey".into()),
        Ok(Some(key)) => verify(&key, &jws).err().map(|error| format!("{error:?}")),
    }
}

/// A deviation: from a vector's number to another, and the rule that refuses what the file calls valid; or "accepted".
type Deviation = (u64, u64, &'static str);

/// Judges all vectors of a file: how many there are, and how many came to a token's own rules.
fn judge(name: &str, deviations: &[Deviation]) -> Option<(usize, usize)> {
    let file = file(name)?;
    let (mut found, mut count, mut by_token) = (Vec::new(), 0, 0);
    for (group, tests) in groups(&file) {
        for test in tests {
            count += 1;
            let number = test["tcId"].as_u64().unwrap();
            let rule = rule(group, test);
            by_token += usize::from(!rule.as_deref().is_some_and(|rule| rule.starts_with("key: ")));
            match (text(test, "result"), &rule) {
                ("valid", None) | ("invalid", Some(_)) => {}
                ("valid", Some(rule)) => found.push((number, rule.clone())),
                ("invalid", None) => found.push((number, "accepted".into())),
                (other, _) => panic!("{other}"),
            }
        }
    }
    let listed: Vec<_> = deviations
        .iter()
        .flat_map(|(from, to, rule)| (*from..=*to).map(|number| (number, (*rule).to_string())))
        .collect();
    let unlisted: Vec<_> = found.iter().filter(|one| !listed.contains(one)).collect();
    let gone: Vec<_> = listed.iter().filter(|one| !found.contains(one)).collect();
    assert!(unlisted.is_empty() && gone.is_empty(), "{name}: not listed {unlisted:?}; gone {gone:?}");
    Some((count, by_token))
}

#[test]
fn jw_1_wycheproof_json_web_signature() {
    let name = "wycheproof_json_web_signature_test.json";
    let counts = judge(
        name,
        &[
            (264, 271, "key: Kind"), // RS384 and RS512 are not allowed
            (272, 275, "key: Kind"), // PS256 is not
            (287, 288, "key: Kind"),
            (320, 323, "key: Kind"), // PS384 is not
            (325, 328, "key: Kind"), // PS512 is not
            (346, 346, "key: Kind"), // the key is for PS256, the token says PS384
            (347, 347, "key: Kind"), // P-521 is not allowed
            (350, 350, "key: Kind"), // as 346
            (351, 351, "key: Kind"), // as 347
            (367, 367, "accepted"),  // the file has lost the padding: see below
            (370, 370, "accepted"),
            (372, 372, "Encoding"), // a question mark in the header
            (373, 373, "Encoding"), // and in the payload
        ],
    );
    assert!(counts.is_none_or(|counts| counts == (401, BY_TOKEN)), "{counts:?}");

    // What is accepted although it is called invalid is the very token that is called valid.
    let Some(file) = file(name) else { return };
    let tokens = |numbers: [u64; 3]| {
        let all = groups(&file).flat_map(|(_, tests)| tests);
        all.filter(|test| numbers.iter().any(|number| test["tcId"] == *number))
            .map(|test| text(test, "jws"))
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(tokens([357, 367, 370]).len(), 1);
}

const BY_TOKEN: usize = 312;

#[test]
fn jw_18_wycheproof_json_web_key() {
    let counts = judge(
        "wycheproof_json_web_key_test.json",
        &[(14, 15, "key: NoKey")], // HS384 and HS512 are not allowed
    );
    assert!(counts.is_none_or(|counts| counts == (26, 4)), "{counts:?}");
}

#[test]
fn jw_18_wycheproof_json_web_crypto() {
    let counts = judge(
        "wycheproof_json_web_crypto_test.json",
        &[
            (50, 50, "key: Kind"), // a JWE, and its key
            (67, 67, "key: Private"),
        ],
    );
    assert!(counts.is_none_or(|counts| counts == (83, 47)), "{counts:?}");
}
