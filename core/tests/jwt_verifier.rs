//! Access tokens of a foreign issuer, through the public interface. Its keys are made, and its tokens are signed, by
//! `jsonwebtoken`.

use std::time::Duration;

use doorward_core::time::Timestamp;
use doorward_core::token::jwt::{
    Algorithm, Claims, Compact, JwtError, KeyLoadError, SigningKey, Verifier, VerifyingKey,
};
use doorward_core::token::terms::Scope;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "https://api.example";
const NOW: i64 = 1_700_000_000;

const ED25519: &str = include_str!("keys/ed25519.pem");
const P256: &str = include_str!("keys/p256.pem");
const RSA: &str = include_str!("keys/rsa2048.pem");

#[test]
fn jw_1_an_issuers_tokens_are_accepted_by_its_published_keys() {
    let verifier = verifier(&json!([jwk(ED25519), jwk(P256), jwk(RSA)])).unwrap();
    assert_eq!((verifier.keys().count(), verifier.skipped()), (3, 0));
    for pem in [ED25519, P256, RSA] {
        let claims: Claims = verifier.verify(&token(pem, |_, _| ()), at(NOW)).unwrap();
        assert_eq!((&*claims.subject, &*claims.client_id, claims.expires), ("ada", "web", NOW + 300));
        assert_eq!(claims.extra["roles"], json!(["admin"]));
    }
    assert_eq!(verifier.verify("", at(NOW)), Err(JwtError::Form));
}

#[test]
fn jw_5_a_kid_that_nobody_published_is_refused_and_no_key_is_tried() {
    let verifier = verifier(&json!([jwk(P256)])).unwrap();
    assert_eq!(verifier.verify(&token(ED25519, |_, _| ()), at(NOW)), Err(JwtError::UnknownKey));
    let other = |header: &mut Header, _: &mut Value| header.kid = Some("../../etc/passwd".into());
    assert_eq!(verifier.verify(&token(P256, other), at(NOW)), Err(JwtError::UnknownKey));
    let none = |header: &mut Header, _: &mut Value| header.kid = None;
    assert_eq!(verifier.verify(&token(P256, none), at(NOW)), Err(JwtError::KeyId));
}

#[test]
fn jw_5_two_keys_of_one_kid_are_no_set() {
    let (mut one, mut two) = (jwk(ED25519), jwk(P256));
    (one["kid"], two["kid"]) = (json!("same"), json!("same"));
    assert_eq!(verifier(&json!([one, two])).unwrap_err(), KeyLoadError::DuplicateKeyId);
    assert_eq!(verifier(&json!([jwk(RSA), jwk(RSA)])).unwrap_err(), KeyLoadError::DuplicateKeyId);
    // Without a name of its own, a key has its thumbprint's.
    let mut unnamed = jwk(ED25519);
    unnamed.as_object_mut().unwrap().remove("kid");
    assert_eq!(verifier(&json!([unnamed, jwk(ED25519)])).unwrap_err(), KeyLoadError::DuplicateKeyId);
    assert!(verifier(&json!([unnamed])).unwrap().verify(&token(ED25519, |_, _| ()), at(NOW)).is_ok());
}

#[test]
fn jw_2_secrets_beside_public_keys_are_no_set() {
    let secret = json!({"kty": "oct", "kid": "shared", "k": "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo"});
    let alone = verifier(&json!([secret])).unwrap();
    let key = EncodingKey::from_secret(&[0x5a; 32]);
    let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
    (header.typ, header.kid) = (Some("at+jwt".into()), Some("shared".into()));
    assert!(alone.verify(&encode(&header, &claims(), &key).unwrap(), at(NOW)).is_ok());

    for public in [ED25519, P256, RSA] {
        assert_eq!(verifier(&json!([secret, jwk(public)])).unwrap_err(), KeyLoadError::MixedFamilies);
    }
    let mut unused = secret;
    unused["use"] = json!("enc");
    assert_eq!(
        verifier(&json!([jwk(P256), unused])).unwrap_err(),
        KeyLoadError::MixedFamilies,
        "it is still shown"
    );
}

#[test]
fn jw_18_keys_for_other_uses_are_skipped_and_counted() {
    let (mut encrypts, mut wraps) = (jwk(RSA), jwk(RSA));
    (encrypts["use"], wraps["alg"]) = (json!("enc"), json!("RSA-OAEP"));
    let mut signs = jwk(P256);
    signs["key_ops"] = json!(["deriveBits"]);
    let others = [
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "pq"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AAAA"}),
        json!({"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"}),
        encrypts,
        wraps,
        signs,
    ];
    let mut set = others.to_vec();
    assert_eq!(verifier(&json!(set)).unwrap_err(), KeyLoadError::NoKey);
    set.push(jwk(ED25519));
    let verifier = verifier(&json!(set)).unwrap();
    assert_eq!((verifier.keys().count(), verifier.skipped()), (1, 6));
    assert!(verifier.verify(&token(ED25519, |_, _| ()), at(NOW)).is_ok());
    assert_eq!(verifier.verify(&token(RSA, |_, _| ()), at(NOW)), Err(JwtError::UnknownKey));
}

#[test]
fn jw_18_a_private_member_in_a_jwks_is_an_error_wherever_it_stands() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        for (pem, meant) in [(ED25519, "sig"), (P256, "enc"), (RSA, "sig")] {
            let mut leaked = jwk(pem);
            (leaked["use"], leaked[name]) = (json!(meant), json!("AAAA"));
            let other = if pem == P256 { jwk(RSA) } else { jwk(P256) };
            assert_eq!(verifier(&json!([other, leaked])).unwrap_err(), KeyLoadError::Private, "{name}");
        }
    }
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "priv": "AAAA"});
    assert_eq!(verifier(&json!([jwk(P256), unknown])).unwrap_err(), KeyLoadError::Private);
}

#[test]
fn jw_16_a_weak_key_spoils_its_set() {
    let mut weak = jwk(RSA);
    weak["n"] = json!("_".repeat(170) + "8"); // 1024 bits
    assert_eq!(verifier(&json!([jwk(ED25519), weak])).unwrap_err(), KeyLoadError::Weak);
    // Of 2048 bits: a power of 65537 modulo every prime that is asked (CVE-2017-15361), and no such when one is added.
    let roca = "tkzkIow4-ykY8TXSX1VyAzAYUMWjj9VHkjpzaZTjv5EaYdviLkQVi66XupTQ7agvj20FWE74qjiSJ2ZYHiehwIpqY-wk7eaka0yyQkoj1ZYiF76t28SW\
                y46Blz4L7NewOJjRkPnr2swMseKcZYzaFJXmCvWTvQTPD9Yw8fKdDamVP0jxoJ92taFwszg5JjBZ8owQXR-xfCOQwZLP06yUrw8h3bZsrUomjRFu\
                zhc499k9nBckEeILj2sNVJtvA2daFgCjWgmZUNg29nXMgedO9ejiXZQO2QR1lTGYXV2dyfgYGOgRiS-QK9I_CCQSiy8zDFx_zk7Oa28jL21sEcJi\
                2w";
    weak["n"] = json!(roca);
    assert_eq!(verifier(&json!([jwk(ED25519), weak])).unwrap_err(), KeyLoadError::Weak);
    weak["n"] = json!(roca.replace("2w", "3Q"));
    assert!(verifier(&json!([jwk(ED25519), weak])).is_ok());
    let secret = json!({"kty": "oct", "kid": "shared", "k": "AAAA"});
    assert_eq!(verifier(&json!([secret])).unwrap_err(), KeyLoadError::Weak);
}

#[test]
fn a_scope_has_as_many_bytes_as_are_said() {
    let of = |bytes: usize| Scope::parse(&"x".repeat(bytes)).is_ok();
    assert_eq!((of(Scope::MAX_BYTES), of(Scope::MAX_BYTES + 1)), (true, false));
}

#[test]
fn jw_18_a_jwks_is_one_strict_object() {
    let load = |text: &str| Verifier::new(text, ISSUER, AUDIENCE).unwrap_err();
    let keys = json!([jwk(ED25519)]);
    for (text, error) in [
        (String::new(), KeyLoadError::Json),
        (keys.to_string(), KeyLoadError::Json),
        (format!(r#"{{"keys":{keys},"keys":{keys}}}"#), KeyLoadError::Json),
        (format!(r#"{{"keys":{keys},"key\u0073":{keys}}}"#), KeyLoadError::Json),
        (format!("\u{feff}{{\"keys\":{keys}}}"), KeyLoadError::Json),
        (r#"{"keys":{}}"#.into(), KeyLoadError::Member("keys")),
        (r#"{"keys":["x"]}"#.into(), KeyLoadError::Member("keys")),
        ("{}".into(), KeyLoadError::Member("keys")),
        (r#"{"keys":[]}"#.into(), KeyLoadError::NoKey),
        (r#"{"keys":[{}]}"#.into(), KeyLoadError::Member("kty")),
        (format!(r#"{{"keys":{keys},"x":"{}"}}"#, "x".repeat(256 * 1024)), KeyLoadError::TooLong),
        (format!(r#"{{"keys":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)), KeyLoadError::Json),
    ] {
        assert_eq!(load(&text), error, "{}", &text[..text.len().min(80)]);
    }
    let text = format!(r#"{{"keys":{keys},"next":"ignored"}}"#);
    assert!(Verifier::new(&text, ISSUER, AUDIENCE).is_ok());
}

#[test]
fn jw_9_and_inv_18_the_leeway_is_five_seconds_and_capped() {
    let verifier = verifier(&json!([jwk(ED25519)])).unwrap();
    let token = token(ED25519, |_, claims| claims["nbf"] = json!(NOW));
    let lives = |verifier: &Verifier, from: i64, to: i64| {
        assert_eq!(verifier.verify(&token, at(from - 1)), Err(JwtError::NotYet));
        assert!(verifier.verify(&token, at(from)).is_ok());
        assert!(verifier.verify(&token, at(to - 1)).is_ok());
        assert_eq!(verifier.verify(&token, at(to)), Err(JwtError::Expired));
    };
    lives(&verifier, NOW - 5, NOW + 305);
    lives(&verifier.clone().leeway(Duration::ZERO).unwrap(), NOW, NOW + 300);
    lives(&verifier.clone().leeway(Duration::from_mins(1)).unwrap(), NOW - 60, NOW + 360);
    for more in [Duration::from_millis(60_001), Duration::MAX] {
        assert_eq!(verifier.clone().leeway(more).unwrap_err(), KeyLoadError::Setting("leeway"));
    }
}

#[test]
fn jw_10_and_11_issuer_and_audience_are_the_verifiers() {
    let set = json!({"keys": [jwk(ED25519)]}).to_string();
    let verified = |issuer: &str, audience: &str| {
        Verifier::new(&set, issuer, audience).unwrap().verify(&token(ED25519, |_, _| ()), at(NOW)).map(|_| ())
    };
    assert_eq!(verified(ISSUER, AUDIENCE), Ok(()));
    assert_eq!(verified("https://login.example/", AUDIENCE), Err(JwtError::Issuer));
    assert_eq!(verified(ISSUER, "https://api.example/"), Err(JwtError::Audience));
    assert_eq!(Verifier::new(&set, "", AUDIENCE).unwrap_err(), KeyLoadError::Setting("issuer"));
    assert_eq!(Verifier::new(&set, ISSUER, "").unwrap_err(), KeyLoadError::Setting("audience"));
}

#[test]
fn jw_12_an_id_token_of_the_same_issuer_is_no_access_token() {
    let verifier = verifier(&json!([jwk(ED25519)])).unwrap();
    for kind in [Some("JWT"), Some("id_token"), Some("logout+jwt"), None] {
        let token = token(ED25519, |header, _| header.typ = kind.map(Into::into));
        assert_eq!(verifier.verify(&token, at(NOW)), Err(JwtError::Type), "{kind:?}");
    }
}

/// Nothing of a key or a token is in what is printed.
#[test]
fn rv_9_a_verifier_shows_no_secret() {
    let secret = "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo";
    let verifier = verifier(&json!([{"kty": "oct", "kid": "shared", "k": secret}])).unwrap();
    let shown = format!("{verifier:?} {:?}", verifier.keys().collect::<Vec<_>>());
    assert!(shown.contains("shared") && shown.contains(ISSUER));
    for leak in [secret, "5a5a", "90, 90", "ZZZZ"] {
        assert!(!shown.contains(leak), "{leak}");
    }
}

fn verifier(keys: &Value) -> Result<Verifier, KeyLoadError> {
    Verifier::new(&json!({ "keys": keys }).to_string(), ISSUER, AUDIENCE)
}

fn loaded(pem: &str) -> SigningKey {
    let algorithm = match pem {
        ED25519 => Algorithm::EdDsa,
        P256 => Algorithm::Es256,
        _ => Algorithm::Rs256,
    };
    SigningKey::from_pem(pem, algorithm).unwrap()
}

fn jwk(pem: &str) -> Value {
    let key: VerifyingKey = loaded(pem).verifying_key().clone();
    serde_json::to_value(key.to_jwk().unwrap()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": [AUDIENCE], "exp": NOW + 300, "iat": NOW, "jti": "t-1", "client_id": "web",
        "roles": ["admin"],
    })
}

/// A token as the issuer signs it, changed before.
fn token(pem: &str, change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let (algorithm, key) = match pem {
        ED25519 => (jsonwebtoken::Algorithm::EdDSA, EncodingKey::from_ed_pem(pem.as_bytes())),
        P256 => (jsonwebtoken::Algorithm::ES256, EncodingKey::from_ec_pem(pem.as_bytes())),
        _ => (jsonwebtoken::Algorithm::RS256, EncodingKey::from_rsa_pem(pem.as_bytes())),
    };
    let (mut header, mut claims) = (Header::new(algorithm), claims());
    (header.typ, header.kid) = (Some("at+jwt".into()), Some(loaded(pem).kid().into()));
    change(&mut header, &mut claims);
    encode(&header, &claims, &key.unwrap()).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

#[test]
fn a_token_that_is_only_read_says_whose_it_may_be_and_shows_nothing_else() {
    for (pem, algorithm) in [(ED25519, Algorithm::EdDsa), (P256, Algorithm::Es256), (RSA, Algorithm::Rs256)] {
        let text = token(pem, |_, _| ());
        let read = Compact::parse(&text).unwrap();
        assert_eq!((read.algorithm(), &*read.claims().subject), (algorithm, "ada"));
        let shown = format!("{read:?}");
        assert_eq!(shown, format!("Compact {{ kid: {:?}, algorithm: {algorithm:?}, .. }}", read.kid()));
    }
}

/// What events and logs say of a refusal: a word of its own for each.
#[test]
fn rv_8_each_refusal_of_a_token_has_a_word() {
    let all = [
        (JwtError::Form, "form"),
        (JwtError::TooLong, "too_long"),
        (JwtError::Encoding, "encoding"),
        (JwtError::Json, "json"),
        (JwtError::Duplicate, "duplicate_member"),
        (JwtError::Type, "type"),
        (JwtError::Algorithm, "algorithm"),
        (JwtError::Critical, "critical_header"),
        (JwtError::KeyId, "key_id"),
        (JwtError::UnknownKey, "unknown_key"),
        (JwtError::Signature, "signature"),
        (JwtError::Missing("exp"), "missing_claim"),
        (JwtError::Claim("exp"), "malformed_claim"),
        (JwtError::Issuer, "issuer"),
        (JwtError::Audience, "audience"),
        (JwtError::Expired, "expired"),
        (JwtError::NotYet, "not_yet_valid"),
    ];
    for (error, word) in all {
        assert_eq!(error.rule(), word);
    }
}

#[test]
fn jw_3_what_is_no_public_key_is_refused_for_what_it_is() {
    let der = "MAA=";
    let pem = |label: &str| format!("-----BEGIN {label}-----\n{der}\n-----END {label}-----\n");
    let refused = |label: &str| VerifyingKey::from_pem(&pem(label), Algorithm::EdDsa).unwrap_err();
    assert_eq!(refused("PRIVATE KEY"), KeyLoadError::Private);
    assert_eq!(refused("CERTIFICATE"), KeyLoadError::Pem);
    // A curve where there must be one, and none where there is none.
    let of = |json: &Value| VerifyingKey::from_jwk(&json.to_string()).unwrap_err();
    for json in [
        json!({"kty": "OKP", "kid": "a"}),
        json!({"kty": "EC", "kid": "a"}),
        json!({"kty": "RSA", "crv": "P-256", "kid": "a"}),
        json!({"kty": "oct", "crv": "Ed25519", "kid": "a"}),
    ] {
        assert_eq!(of(&json), KeyLoadError::Member("crv"));
    }
    assert_eq!(of(&json!({"kty": "OKP", "crv": "Ed448", "kid": "a"})), KeyLoadError::Kind);
    let longest = SigningKey::from_pem(include_str!("keys/rsa8200.pem"), Algorithm::Rs256);
    assert_eq!(longest.unwrap_err(), KeyLoadError::TooLong);
}

#[test]
fn keys_of_another_name_are_others() {
    let key = |kid: &str| {
        let json = json!({"kty": "oct", "kid": kid, "k": "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo"});
        VerifyingKey::from_jwk(&json.to_string()).unwrap()
    };
    assert!(key("a") == key("a") && key("a") != key("b"));
}
