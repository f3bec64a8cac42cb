//! `jsonwebtoken` as the oracle: it accepts what we sign, and we accept what it signs.

use super::*;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::string::ToString;

const PUBLIC: [&str; 3] = [
    include_str!("../../../../tests/keys/ed25519_public.pem"),
    include_str!("../../../../tests/keys/p256_public.pem"),
    include_str!("../../../../tests/keys/rsa2048_public.pem"),
];

fn theirs(key: &SigningKey) -> (EncodingKey, DecodingKey, jsonwebtoken::Algorithm) {
    use jsonwebtoken::Algorithm as Theirs;
    let [ed, ec, rsa] = PUBLIC.map(str::as_bytes);
    match key.algorithm() {
        Algorithm::EdDsa => (
            EncodingKey::from_ed_pem(ED25519.as_bytes()).unwrap(),
            DecodingKey::from_ed_pem(ed).unwrap(),
            Theirs::EdDSA,
        ),
        Algorithm::Es256 => (
            EncodingKey::from_ec_pem(P256.as_bytes()).unwrap(),
            DecodingKey::from_ec_pem(ec).unwrap(),
            Theirs::ES256,
        ),
        Algorithm::Hs256 => {
            (EncodingKey::from_secret(&SECRET), DecodingKey::from_secret(&SECRET), Theirs::HS256)
        }
        Algorithm::Rs256 => (
            EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(),
            DecodingKey::from_rsa_pem(rsa).unwrap(),
            Theirs::RS256,
        ),
    }
}

fn validation(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp", "nbf"]);
    validation.validate_exp = false; // by its own clock
    validation
}

#[test]
fn jw_1_what_we_sign_is_accepted_elsewhere_and_says_the_same() {
    for key in keys() {
        let (_, decoding, algorithm) = theirs(&key);
        let token = key.sign(&claims()).unwrap();
        let read = decode::<Map<String, Value>>(token.expose(), &decoding, &validation(algorithm)).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(read.header.kid.as_deref(), Some(key.kid()));
        let ours = json!({
            "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "exp": NOW + 300, "nbf": NOW, "iat": NOW, "jti": "t-1",
            "client_id": "web", "sid": "s-1", "auth_time": NOW - 60, "amr": ["pwd"], "scope": "read write",
            "roles": ["admin", {"of": "x"}],
        });
        assert_eq!(Value::Object(read.claims), ours);

        let mut changed = String::from(token.expose());
        let last = changed.len() - 10;
        let other = if &changed[last..=last] == "A" { "B" } else { "A" };
        changed.replace_range(last..=last, other);
        assert!(decode::<Map<String, Value>>(&changed, &decoding, &validation(algorithm)).is_err());
    }
}

#[test]
fn jw_1_what_is_signed_elsewhere_is_accepted_and_says_the_same() {
    for key in keys() {
        let (encoding, _, algorithm) = theirs(&key);
        let mut header = Header::new(algorithm);
        header.typ = Some("at+jwt".into());
        header.kid = Some(key.kid().into());
        let body: Value = serde_json::from_str(&claims_with("roles", Some("[1,2.5,-3,null]"))).unwrap();
        let claims = accept(&encode(&header, &body, &encoding).unwrap(), &key).unwrap();
        assert_eq!((&*claims.subject, claims.expires), ("ada", NOW + 300));
        assert_eq!(claims.extra["roles"], body["roles"]);
    }
}

/// JW-18: what a JWKS of ours says is enough for others, and it says no more than they need.
#[test]
fn jw_18_our_jwks_verifies_elsewhere_and_holds_no_private_member() {
    let keys = keys();
    let set = JwkSet { keys: keys.iter().filter_map(|key| key.verifying_key().to_jwk()).collect() };
    assert_eq!(set.keys.len(), 3, "a secret is not in it");
    let text = serde_json::to_string(&set).unwrap();
    let again: JwkSet = serde_json::from_str(&text).unwrap();
    for key in keys.iter().filter(|key| key.algorithm() != Algorithm::Hs256) {
        let jwk = again.find(key.kid()).unwrap();
        let (_, _, algorithm) = theirs(key);
        let token = key.sign(&claims()).unwrap();
        let decoding = DecodingKey::from_jwk(jwk).unwrap();
        decode::<Map<String, Value>>(token.expose(), &decoding, &validation(algorithm)).unwrap();

        let value = serde_json::to_value(jwk).unwrap();
        // In what order serde_json writes them, another crate's features decide.
        let names: BTreeSet<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: &[&str] = match key.algorithm() {
            Algorithm::EdDsa => &["alg", "crv", "kid", "kty", "use", "x"],
            Algorithm::Es256 => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            Algorithm::Rs256 => &["alg", "e", "kid", "kty", "n", "use"],
            Algorithm::Hs256 => &[],
        };
        assert_eq!(names, expected.iter().copied().collect());
        let ours = VerifyingKey::from_jwk(&value.to_string()).unwrap();
        assert_eq!((ours.public_bytes(), ours.kid()), (key.verifying_key().public_bytes(), key.kid()));
    }
    let reader = Verifier::new(&text, ISSUER, AUDIENCE).unwrap();
    for key in keys {
        let verified =
            reader.verify(key.sign(&claims()).unwrap().expose(), Timestamp::from_millis(NOW * 1000));
        if key.algorithm() == Algorithm::Hs256 {
            assert_eq!(verified, Err(JwtError::UnknownKey));
        } else {
            assert_eq!(verified, Ok(claims()));
        }
    }
}
