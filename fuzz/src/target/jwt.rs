//! Access tokens, judged by us and by `jsonwebtoken` with its strictest settings, as `core/tests/jwt_differential.rs` does with
//! tokens that it makes up: whatever we accept it accepts, and reads the same; whatever it accepts and we refuse, we refuse by a
//! rule that it does not have, and the token breaks that rule. And judged by an engine, whose own tokens they may be.

use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use doorward::{Algorithm, Claims, Timestamp, Verifier};
use doorward_core::token::jwt::{JwtError, MAX_BYTES};
use jsonwebtoken::{Validation, decode};
use serde_json::{Map, Value, json};

use super::engines_own;
use super::keys::Signer;
use super::policy::depth;
use super::take::{Input, edited};
use super::twins;

/// The first byte: which key, and whether the rest is a text, or claims, or header and claims with a zero between them, that the
/// key signs; or these with changes after a second zero.
///
/// # Panics
/// We and `jsonwebtoken` disagree otherwise than by our rules, or an engine and a verifier.
pub fn jwt(data: &[u8]) {
    let mut input = Input(data);
    let how = input.byte();
    let key = &Signer::all()[usize::from(how & 3)];
    let text = match how >> 2 & 3 {
        0 => input.text().into_owned(),
        1 => key.sign(header(key).as_bytes(), input.0),
        2 => key.sign(input.until(0), input.0),
        _ => {
            let token = key.sign(input.until(0), input.until(0));
            String::from_utf8_lossy(&edited(token.into_bytes(), input)).into_owned()
        }
    };
    let ours = verifier(key).verify(&text, NOW);
    engines_own::agrees(&text, key, ISSUER, NOW, &ours);
    let theirs = decode::<Map<String, Value>>(&text, &key.decoding, &strict(key)).ok();
    judge(&text, key, ours, theirs.map(|read| read.claims));
}

const NOW: Timestamp = Timestamp::from_millis(SECOND * 1000);
const SECOND: i64 = 1_700_000_000;
const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "https://api.example";

fn header(key: &Signer) -> String {
    json!({"alg": key.ours.name(), "typ": "at+jwt", "kid": key.kid}).to_string()
}

/// One for the public keys, one for the secret: a set may not hold both.
fn verifier(key: &Signer) -> &'static Verifier {
    static VERIFIERS: OnceLock<[Verifier; 2]> = OnceLock::new();
    let all = VERIFIERS.get_or_init(|| {
        [false, true].map(|shared| {
            let keys = Signer::all().iter().filter(|key| (key.ours == Algorithm::Hs256) == shared);
            let keys: Vec<_> = keys.map(|key| &key.jwk).collect();
            let verifier = Verifier::new(&json!({ "keys": keys }).to_string(), ISSUER, AUDIENCE);
            verifier.and_then(|verifier| verifier.leeway(Duration::ZERO)).expect("the keys are good")
        })
    });
    &all[usize::from(key.ours == Algorithm::Hs256)]
}

/// The strictest that there is. It cannot be given a clock, so its clock is off.
fn strict(key: &Signer) -> Validation {
    let mut validation = Validation::new(key.theirs);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

/// A text, what we say of it, and what they read.
fn judge(text: &str, key: &Signer, ours: Result<Claims, JwtError>, theirs: Option<Map<String, Value>>) {
    match (ours, theirs) {
        (Ok(ours), Some(theirs)) => {
            is_canonical(text);
            is_same(&Value::Object(said(&ours)), &Value::Object(theirs), "");
            assert!(
                ours.expires > SECOND && ours.not_before.is_none_or(|begin| begin <= SECOND),
                "not its time: {text}"
            );
        }
        (Ok(_), None) => panic!("we accept what they refuse: {text}"),
        (Err(rule), Some(_)) => breaks(rule, text, key),
        (Err(_), None) => {}
    }
}

/// A token has one text.
fn is_canonical(text: &str) {
    let part =
        |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let again: Vec<_> = text.split('.').map(|one| part(one).unwrap_or_default()).collect();
    assert!(
        again.len() == 3 && again.join(".") == text,
        "another text of the same token is accepted: {text}"
    );
}

/// Our claims as members.
fn said(claims: &Claims) -> Map<String, Value> {
    let mut all = claims.extra.clone();
    let audience = match &claims.audience[..] {
        [one] => json!(one),
        more => json!(more),
    };
    for (name, value) in [
        ("iss", json!(claims.issuer)),
        ("sub", json!(claims.subject)),
        ("aud", audience),
        ("exp", json!(claims.expires)),
        ("iat", json!(claims.issued_at)),
        ("jti", json!(claims.token_id)),
        ("client_id", json!(claims.client_id)),
        ("nbf", json!(claims.not_before)),
        ("sid", json!(claims.session)),
        ("auth_time", json!(claims.auth_time)),
        ("amr", json!(claims.amr)),
        ("scope", json!(claims.scope)),
    ] {
        // What may be absent is null or empty to us; what was said as null is refused.
        let is_absent = value.is_null() || name == "amr" && claims.amr.is_empty();
        let before = if is_absent { None } else { all.insert(name.into(), value) };
        assert_eq!(before, None, "the claim {name} is also among the others");
    }
    all
}

/// Two readings of one text. `serde_json` may be off by a little in fractions.
fn is_same(ours: &Value, theirs: &Value, path: &str) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs {
                match (ours.get(name), theirs) {
                    (Some(ours), _) => is_same(ours, theirs, &format!("{path}.{name}")),
                    (None, Value::Array(none)) if path.is_empty() && name == "amr" && none.is_empty() => {}
                    (None, _) => panic!("{path}.{name} is not read"),
                }
            }
            let made_up = ours.keys().find(|name| !theirs.contains_key(*name));
            assert_eq!(made_up, None, "{path} has what nobody said");
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{path} has another length");
            ours.iter().zip(theirs).for_each(|(ours, theirs)| is_same(ours, theirs, path));
        }
        // One audience may be written as a list.
        (Value::String(_), Value::Array(theirs)) if path == ".aud" => {
            assert_eq!(&theirs[..], std::slice::from_ref(ours), "another audience");
        }
        (Value::Number(ours), Value::Number(theirs)) if ours != theirs => {
            let [ours, theirs] = [ours, theirs].map(|number| number.as_f64().unwrap_or(f64::NAN));
            assert!((ours - theirs).abs() <= theirs.abs() * 1e-14, "{path} is {ours} to us, and {theirs}");
        }
        _ => assert_eq!(ours, theirs, "{path} is read in two ways"),
    }
}

/// That the token breaks the rule, which is one that they do not have.
fn breaks(rule: JwtError, text: &str, key: &Signer) {
    let part = |at: usize| {
        BASE64_URL_SAFE_NO_PAD.decode(text.split('.').nth(at).unwrap_or_default()).unwrap_or_default()
    };
    let [header, claims] = [part(0), part(1)];
    let lax = |part: &[u8]| {
        serde_json::from_str::<Map<String, Value>>(&String::from_utf8_lossy(part)).unwrap_or_default()
    };
    let [header_says, says] = [lax(&header), lax(&claims)];
    let word = |name: &str| header_says.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_plain = |part: &[u8]| {
        let read = std::str::from_utf8(part).ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
        read.is_some_and(|read| read.is_object() && depth(&read) <= 16)
    };
    let is_broken = match rule {
        JwtError::TooLong => text.len() > MAX_BYTES,
        JwtError::Type => !["at+jwt", "application/at+jwt"].contains(&&*word("typ").to_ascii_lowercase()),
        JwtError::Critical => header_says.contains_key("crit") || header_says.contains_key("b64"),
        JwtError::KeyId => !(1..=128).contains(&word("kid").len()),
        JwtError::UnknownKey => word("kid") != key.kid,
        // They are handed the key; we look it up by its name, and then its algorithm is another.
        JwtError::Algorithm => word("kid") != key.kid,
        JwtError::Missing(name) => !says.contains_key(name),
        JwtError::Claim(name) => says.contains_key(name),
        JwtError::Json => !is_plain(&header) || !is_plain(&claims),
        JwtError::Duplicate => [header, claims].iter().any(|part| twins::has_twins(part)),
        JwtError::Expired => says.get("exp").and_then(Value::as_i64).is_some_and(|end| end <= SECOND),
        JwtError::NotYet => says.get("nbf").and_then(Value::as_i64).is_some_and(|begin| begin > SECOND),
        _ => false,
    };
    assert!(is_broken, "{rule:?} has no right to stand alone: {text}");
}

fn good() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "exp": SECOND + 60, "iat": SECOND, "jti": "t-1", "client_id": "web",
        "scope": "read write", "sid": "s-1", "amr": ["pwd"], "nbf": SECOND - 5, "auth_time": SECOND, "roles": ["a", {"of": 1.5}],
    })
}

/// What an engine says of a token of its own.
fn engines() -> Value {
    json!({
        "iss": ISSUER, "sub": "0f8fad5bd9cb469fa165708677289502", "aud": AUDIENCE, "exp": SECOND + 60, "iat": SECOND,
        "jti": "7c9e6679f7425e0f9b2a1c4d5e6f7081", "client_id": "web", "sid": "16fd2706aad5467b8d3c2f1e0a9b8c7d",
        "auth_time": SECOND, "amr": ["pwd"], "scope": "read write", "roles": ["a"],
        "dw": {"e": [1, 2, 3], "f": "07070707070707070707070707070707"},
    })
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let good = good();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims.to_string()
    };
    let mut seeds = Vec::new();
    for (at, key) in (0_u8..).zip(Signer::all()) {
        let (header, claims) = (header(key), good.to_string());
        seeds.push([&[at][..], key.sign(header.as_bytes(), claims.as_bytes()).as_bytes()].concat());
        seeds.push([&[at | 4][..], claims.as_bytes()].concat());
        seeds.push([&[at | 8][..], header.as_bytes(), b"\0", claims.as_bytes()].concat());
        seeds.push([&[at | 0xc][..], header.as_bytes(), b"\0", claims.as_bytes(), b"\0\0\x09x"].concat());
    }
    for (name, value) in [
        ("aud", json!([AUDIENCE, "x"])),
        ("aud", json!([AUDIENCE])),
        ("aud", json!(["https://api.example.org"])),
        ("iss", json!("https://login.example/")),
        ("iss", json!([ISSUER])),
        ("sub", json!("")),
        ("exp", json!(1.7e9)),
        ("nbf", json!(SECOND + 1)),
        ("exp", json!(SECOND)),
        ("x", json!(-0.0)),
        ("x", json!([[[[[[[[[[[[[[1]]]]]]]]]]]]]])),
        ("amr", json!([])),
        ("x", json!("é\u{1f600}\"\\\n")),
    ] {
        seeds.push([b"\x06", with(name, value).as_bytes()].concat());
    }
    for (at, key) in (0_u8..).zip(Signer::all()) {
        seeds.push([&[at | 4][..], engines().to_string().as_bytes()].concat());
        let own = key.signing.verifying_key().kid();
        let header = format!(r#"{{"alg":"{}","typ":"at+jwt","kid":{}}}"#, key.ours.name(), json!(own));
        seeds.push([&[at | 8][..], header.as_bytes(), b"\0", engines().to_string().as_bytes()].concat());
    }
    let dw = json!({"e": [1, 2, 3], "f": "07070707070707070707070707070707"}).to_string();
    for other in
        [r#"{"e":[1,2,3]}"#, r#"{"e":[1,2,3],"g":1}"#, r#"{"e":[1,2]}"#, r#"{"e":[1,2,3],"e":[]}"#, "null"]
    {
        seeds.push([b"\x06", engines().to_string().replace(&dw, other).as_bytes()].concat());
    }
    let twins = good.to_string().replacen('{', r#"{"x":1,"\u0078":2,"#, 1);
    seeds.push([b"\x06", twins.as_bytes()].concat());
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"shared","crit":["b64"]}"#,
    ] {
        seeds.push([b"\x0a", header.as_bytes(), b"\0", good.to_string().as_bytes()].concat());
    }
    seeds
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn token() -> (&'static Signer, String, Claims, Map<String, Value>) {
        let key = &Signer::all()[2];
        let text = key.sign(header(key).as_bytes(), good().to_string().as_bytes());
        let ours = verifier(key).verify(&text, NOW).unwrap();
        let theirs = decode::<Map<String, Value>>(&text, &key.decoding, &strict(key)).unwrap().claims;
        (key, text, ours, theirs)
    }

    /// Or the comparison with an engine would never come to what an accepted token says.
    #[test]
    fn an_engine_accepts_its_own() {
        for key in Signer::all() {
            for claims in [engines().to_string(), engines().to_string().replace("\"e\"", "\"g\":0,\"e\"")] {
                let text = key.sign(header(key).as_bytes(), claims.as_bytes());
                let ours = verifier(key).verify(&text, NOW);
                assert!(ours.is_ok(), "{ours:?}");
                engines_own::agrees(&text, key, ISSUER, NOW, &ours);
                assert!(engines_own::accepts(&text, key, ISSUER, NOW), "{text}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "we accept what they refuse")]
    fn a_verifier_that_accepts_too_much_is_found() {
        let (key, text, ours, _) = token();
        judge(&text, key, Ok(ours), None);
    }

    #[test]
    #[should_panic(expected = ".sub is read in two ways")]
    fn a_claim_of_somebody_else_is_found() {
        let (key, text, ours, theirs) = token();
        judge(&text, key, Ok(Claims { subject: "eve".into(), ..ours }), Some(theirs));
    }

    #[test]
    #[should_panic(expected = ".roles is not read")]
    fn a_claim_that_is_lost_is_found() {
        let (key, text, ours, theirs) = token();
        judge(&text, key, Ok(Claims { extra: Map::new(), ..ours }), Some(theirs));
    }

    #[test]
    #[should_panic(expected = "another text of the same token")]
    fn a_second_text_is_found() {
        let (key, text, ours, theirs) = token();
        judge(&format!("{text}="), key, Ok(ours), Some(theirs));
    }

    #[test]
    fn a_refusal_without_a_reason_is_found() {
        let (key, text, _, theirs) = token();
        for rule in [
            JwtError::Signature,
            JwtError::TooLong,
            JwtError::Type,
            JwtError::Critical,
            JwtError::KeyId,
            JwtError::UnknownKey,
            JwtError::Algorithm,
            JwtError::Missing("exp"),
            JwtError::Claim("act"),
            JwtError::Json,
            JwtError::Duplicate,
            JwtError::Expired,
            JwtError::NotYet,
        ] {
            let judging = AssertUnwindSafe(|| judge(&text, key, Err(rule), Some(theirs.clone())));
            let judged = catch_unwind(judging);
            assert!(judged.is_err(), "{rule:?} is taken for a reason");
        }
    }
}
