//! Keys and sets of keys: what is taken says what it says, elsewhere too, and no private member ever comes out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use doorward::{Algorithm, SigningKey, Verifier};
use doorward_core::token::jwt::{KeyLoadError, VerifyingKey};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::keys::Signer;
use super::policy::depth;
use super::take::Input;
use super::twins;

/// The whole input is a key or a set.
///
/// # Panics
/// A key is taken that others read as another, or gives away what is private.
pub fn jwk(data: &[u8]) {
    let text = Input(data).text();
    let public = VerifyingKey::from_jwk(&text);
    if let Ok(key) = &public {
        verifying(&text, key);
    }
    if let Ok(key) = public.as_ref()
        && depth(&Value::Object(said(&text))) <= 14
    {
        // Alone in a set, it is the same key, unless it is nested too deeply there.
        let set = format!("{{\"keys\":[{text}]}}");
        let alone =
            Verifier::new(&set, "i", "a").unwrap_or_else(|error| panic!("no key of a set, {error}: {text}"));
        assert!(alone.keys().eq([key]) && alone.skipped() == 0, "another key in a set: {text}");
    }
    if let Ok(key) = SigningKey::from_jwk(&text) {
        signing(&text, &key, public);
    }
    if let Ok(verifier) = Verifier::new(&text, "i", "a") {
        let keys: Vec<_> = verifier.keys().cloned().collect();
        set(&text, &keys, verifier.skipped());
    }
}

/// What a key says that is read: one JSON object, without twins.
fn said(text: &str) -> Map<String, Value> {
    assert!(!twins::has_twins(text.as_bytes()), "a key is taken that could be two: {text}");
    serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("a key is taken that is no JSON, {error}: {text}"))
}

/// What of a key is public, and makes it this key.
fn public_part(said: &Map<String, Value>) -> Map<String, Value> {
    let names: &[&str] = match said.get("kty").and_then(Value::as_str) {
        Some("OKP") => &["kty", "crv", "x"],
        Some("EC") => &["kty", "crv", "x", "y"],
        Some("RSA") => &["kty", "n", "e"],
        _ => &["kty"],
    };
    names.iter().filter_map(|name| Some(((*name).to_owned(), said.get(*name)?.clone()))).collect()
}

/// A text, and the public key or the secret that it is.
fn verifying(text: &str, key: &VerifyingKey) {
    let said = said(text);
    let named = said.get("kid").and_then(Value::as_str);
    match (key.to_jwk(), key.thumbprint()) {
        (None, None) => {
            assert_eq!(key.algorithm(), Algorithm::Hs256, "a public key is not published");
            let secret =
                said.get("k").and_then(Value::as_str).and_then(|k| BASE64_URL_SAFE_NO_PAD.decode(k).ok());
            assert!(secret.is_some_and(|secret| secret.len() >= 32), "a short secret is taken");
            assert_eq!(named, Some(key.kid()), "a secret has another name");
        }
        (Some(published), Some(thumbprint)) => {
            let private = PRIVATE.into_iter().find(|name| said.contains_key(*name));
            assert_eq!(private, None, "a public key with a private member is taken");
            public(&said, &published, key.kid(), &thumbprint);
            let again = VerifyingKey::from_jwk(&json!(published).to_string());
            assert_eq!(again.as_ref(), Ok(key), "what is published is another key: {text}");
        }
        _ => panic!("a key is public by half: {text}"),
    }
}

const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// What a key says, what is published of it, its name and its thumbprint.
fn public(said: &Map<String, Value>, published: &Jwk, kid: &str, thumbprint: &str) {
    let given = public_part(said);
    let value = json!(published);
    let members = value.as_object().expect("a JWK is an object");
    let extra = members
        .keys()
        .find(|name| !given.contains_key(*name) && !["alg", "kid", "use"].contains(&name.as_str()));
    assert_eq!(extra, None, "more is published than was given");
    for (name, given) in &given {
        assert_eq!(members.get(name), Some(given), "{name} is published as another");
    }
    let theirs = serde_json::from_value::<Jwk>(Value::Object(given.clone()));
    let theirs =
        theirs.unwrap_or_else(|error| panic!("jsonwebtoken does not read the key, {error}: {given:?}"));
    assert_eq!(theirs.algorithm, published.algorithm, "jsonwebtoken reads another key");
    assert!(DecodingKey::from_jwk(&theirs).is_ok(), "jsonwebtoken cannot verify with the key: {given:?}");
    let other = theirs.thumbprint(ThumbprintHash::SHA256).ok();
    assert_eq!(other.as_deref(), Some(thumbprint), "jsonwebtoken has another thumbprint");
    // RFC 7638, section 3: the members that are required, in order, without spaces. In what order a map is, another crate's
    // features decide.
    let sorted: BTreeMap<_, _> = given.iter().collect();
    let sorted: Vec<_> = sorted.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let own = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", sorted.join(","))));
    assert_eq!(own, thumbprint, "the thumbprint is of something else");
    let named = said.get("kid").map_or(Some(&*own), Value::as_str);
    assert_eq!(named, Some(kid), "the key has another name");
}

/// A text, the key that it signs with, and what it is as a public key.
fn signing(text: &str, key: &SigningKey, as_public: Result<VerifyingKey, KeyLoadError>) {
    let said = said(text);
    let verifying = key.verifying_key();
    match verifying.to_jwk() {
        None => assert!(as_public.is_err() || as_public.as_ref() == Ok(verifying), "a secret is two: {text}"),
        Some(published) => {
            let refused = as_public.err();
            assert_eq!(refused, Some(KeyLoadError::Private), "a private key passes for a public one");
            let thumbprint = verifying.thumbprint().unwrap_or_default();
            public(&said, &published, key.kid(), &thumbprint);
        }
    }
}

/// A set, the keys that can verify, and how many cannot.
fn set(text: &str, keys: &[VerifyingKey], skipped: usize) {
    let said = said(text);
    let all = said.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    assert_eq!(keys.len() + skipped, all.len(), "a key of the set is lost: {text}");
    assert!(!keys.is_empty(), "a set without a key is taken");
    let kinds = |secret: bool| all.iter().any(|key| (key.get("kty") == Some(&json!("oct"))) == secret);
    assert!(!(kinds(true) && kinds(false)), "a set of secrets and public keys is taken");
    // Whatever others know of keys, and we overlook, is left out.
    let plain = all.iter().filter_map(Value::as_object).map(|key| {
        let mut plain = public_part(key);
        plain.extend(
            ["kid", "k"].iter().filter_map(|name| Some(((*name).to_owned(), key.get(*name)?.clone()))),
        );
        Value::Object(plain)
    });
    let readable: Vec<_> = plain.filter(|key| serde_json::from_value::<Jwk>(key.clone()).is_ok()).collect();
    let theirs: JwkSet =
        serde_json::from_value(json!({ "keys": readable })).expect("each of the keys is read");
    for key in keys {
        let is_ours = |theirs: &&Jwk| match key.to_jwk() {
            Some(ours) => theirs.algorithm == ours.algorithm,
            None => theirs.common.key_id.as_deref() == Some(key.kid()),
        };
        let found = theirs.keys.iter().find(is_ours);
        assert!(found.is_some(), "jsonwebtoken does not find the key {}: {text}", key.kid());
    }
    let names: std::collections::BTreeSet<_> = keys.iter().map(VerifyingKey::kid).collect();
    assert_eq!(names.len(), keys.len(), "two keys have one name: {text}");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let keys: Vec<_> = Signer::all().iter().map(|key| key.jwk.clone()).collect();
    let mut seeds: Vec<_> = keys.iter().map(ToString::to_string).collect();
    // RFC 8037, appendix A.1, and RFC 7517, appendix A.2.
    seeds.extend(PRIVATE_KEYS.map(str::to_owned));
    let [ed, ec, shared, rsa] = [0, 1, 2, 3].map(|at| keys[at].clone());
    let encryption = json!({"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"});
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"});
    seeds.push(json!({"keys": [ed, ec, rsa, encryption, unknown]}).to_string());
    seeds.push(json!({"keys": [shared]}).to_string());
    seeds.push(json!({"keys": [shared, ec]}).to_string());
    for (name, value) in
        [("kid", json!("a")), ("use", json!("enc")), ("key_ops", json!(["verify"])), ("alg", json!("ES256"))]
    {
        let mut key = ed.clone();
        key[name] = value;
        seeds.push(key.to_string());
    }
    let small = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode([0; 32])});
    seeds.push(small.to_string());
    seeds.into_iter().map(String::into_bytes).collect()
}

const PRIVATE_KEYS: [&str; 2] = [
    r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"sig","kid":"1"}"#,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ed25519() -> (String, Map<String, Value>, Jwk, VerifyingKey) {
        let text = Signer::all()[0].jwk.to_string();
        let key = VerifyingKey::from_jwk(&text).unwrap();
        (text.clone(), said(&text), key.to_jwk().unwrap(), key)
    }

    #[test]
    fn the_private_keys_sign() {
        assert!(PRIVATE_KEYS.iter().all(|text| SigningKey::from_jwk(text).is_ok()));
    }

    #[test]
    #[should_panic(expected = "more is published than was given")]
    fn a_private_member_that_comes_out_is_found() {
        let (_, said, _, key) = ed25519();
        let published = serde_json::from_str(&Signer::all()[1].jwk.to_string()).unwrap();
        public(&said, &published, key.kid(), &key.thumbprint().unwrap());
    }

    #[test]
    #[should_panic(expected = "another thumbprint")]
    fn a_thumbprint_of_something_else_is_found() {
        let (_, said, published, key) = ed25519();
        public(&said, &published, key.kid(), "kPrK");
    }

    #[test]
    #[should_panic(expected = "x is published as another")]
    fn another_key_is_found() {
        let (_, mut said, published, key) = ed25519();
        said.insert("x".into(), json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
        public(&said, &published, key.kid(), &key.thumbprint().unwrap());
    }

    #[test]
    #[should_panic(expected = "a private key passes for a public one")]
    fn a_private_key_that_passes_for_public_is_found() {
        let key = SigningKey::from_jwk(PRIVATE_KEYS[0]).unwrap();
        signing(PRIVATE_KEYS[0], &key, Ok(key.verifying_key().clone()));
    }

    #[test]
    #[should_panic(expected = "a public key with a private member is taken")]
    fn a_lax_reader_is_found() {
        let (text, .., key) = ed25519();
        verifying(&text.replacen('{', r#"{"d":"AA","#, 1), &key);
    }

    #[test]
    #[should_panic(expected = "a key of the set is lost")]
    fn a_key_that_is_lost_is_found() {
        let (text, .., key) = ed25519();
        set(&format!(r#"{{"keys":[{text},{text}]}}"#), &[key], 0);
    }

    #[test]
    #[should_panic(expected = "could be two")]
    fn a_reader_of_twins_is_found() {
        let (text, .., key) = ed25519();
        verifying(&text.replacen('{', r#"{"kty":"EC","#, 1), &key);
    }
}
