//! What the claims must be.

use super::*;
use serde_json::Value;
use std::string::ToString;

#[test]
fn jw_8_times_are_whole_seconds_in_range() {
    for name in ["exp", "iat", "nbf", "auth_time"] {
        let error = Err(JwtError::Claim(match name {
            "exp" => "exp",
            "iat" => "iat",
            "nbf" => "nbf",
            _ => "auth_time",
        }));
        for other in [
            "-1",
            "\"1700000300\"",
            "1700000300.0",
            "1700000300.5",
            "17e8",
            "-0",
            "true",
            "null",
            "[]",
            "{}",
            "9007199254740993",
            "18446744073709551616",
        ] {
            assert_eq!(with_claim(name, other), error, "{name}: {other}");
        }
        for broken in
            ["NaN", "Infinity", "1e400", "-1e400", "01700000300", "+1", "0x10", "1.", ".5", "1e", "--1"]
        {
            assert_eq!(with_claim(name, broken), Err(JwtError::Json), "{name}: {broken}");
        }
    }
    assert_eq!(with_claim("exp", "9007199254740992").map(|claims| claims.expires), Ok(1 << 53));
    assert_eq!(with_claim("exp", "0"), Err(JwtError::Expired));
    assert_eq!(with_claim("nbf", "9007199254740992"), Err(JwtError::NotYet));
}

#[test]
fn jw_9_and_inv_18_a_token_lives_from_nbf_to_exp_on_the_given_clock() {
    let claims = Claims { not_before: Some(NOW), expires: NOW + 300, ..claims() };
    for leeway in [0i64, 5_000, 60_000] {
        let at = |millis: i64| {
            let now = Timestamp::from_millis(millis);
            let leeway = Duration::from_millis(leeway.unsigned_abs());
            claims.check(&Expected { leeway, ..expected(now) })
        };
        let (begin, end) = (NOW * 1000 - leeway, (NOW + 300) * 1000 + leeway);
        for (millis, result) in [
            (begin - 1000, Err(JwtError::NotYet)),
            (begin - 1, Err(JwtError::NotYet)),
            (begin, Ok(())),
            (begin + 1000, Ok(())),
            (end - 1000, Ok(())),
            (end - 1, Ok(())),
            (end, Err(JwtError::Expired)),
            (end + 1000, Err(JwtError::Expired)),
            (i64::MIN, Err(JwtError::NotYet)),
            (i64::MAX, Err(JwtError::Expired)),
        ] {
            assert_eq!(at(millis), result, "{millis} with {leeway}");
        }
    }
    let always = Claims { not_before: None, expires: 1 << 53, ..claims };
    assert_eq!(always.check(&expected(Timestamp::from_millis(i64::MIN))), Ok(()));
}

#[test]
fn jw_10_the_audience_is_required_and_exact() {
    let malformed = Err(JwtError::Claim("aud"));
    for other in ["123", "{}", "[]", "null", "true", "\"\"", "[\"\"]", "[1]", "[[\"https://api.example\"]]"] {
        assert_eq!(with_claim("aud", other), malformed, "{other}");
    }
    let mixed = r#"["https://api.example",""]"#;
    assert_eq!(with_claim("aud", mixed), malformed);
    for other in
        ["\"https://api.example/\"", "\"https://API.example\"", "[\"a\",\"b\"]", "\" https://api.example\""]
    {
        assert_eq!(with_claim("aud", other), Err(JwtError::Audience), "{other}");
    }
    assert!(with_claim("aud", r#"["https://api.example"]"#).is_ok());
    assert!(with_claim("aud", r#"["x","https://api.example"]"#).is_ok());
    let any = Expected { audience: None, ..expected(Timestamp::from_millis(NOW * 1000)) };
    assert_eq!(Claims { audience: Vec::from(["x".into()]), ..claims() }.check(&any), Ok(()));
}

#[test]
fn jw_11_issuer_and_subject_are_exact() {
    for name in ["iss", "sub", "client_id", "jti", "sid"] {
        for other in ["[\"https://login.example\"]", "1", "null", "{}", "\"\""] {
            let Err(JwtError::Claim(named)) = with_claim(name, other) else { panic!("{name}: {other}") };
            assert_eq!(named, name);
        }
    }
    for other in [
        "https://login.example/",
        "HTTPS://login.example",
        "https://login.exampl\\u00e9",
        "https://login.example\\u0000",
    ] {
        assert_eq!(with_claim("iss", &format!("\"{other}\"")), Err(JwtError::Issuer), "{other}");
    }
    // The composed and the decomposed form of one letter are two issuers, and two subjects.
    let (nfc, nfd) = ("https://caf\u{e9}.example", "https://cafe\u{301}.example");
    let now = Timestamp::from_millis(NOW * 1000);
    let made = Claims { issuer: nfd.into(), subject: nfd.into(), ..claims() };
    assert_eq!(made.check(&Expected { issuer: nfc, ..expected(now) }), Err(JwtError::Issuer));
    assert_eq!(made.check(&Expected { issuer: nfd, ..expected(now) }), Ok(()));
    let key = ed25519();
    let token = key.sign(&Claims { subject: nfd.into(), ..claims() }).unwrap();
    assert_eq!(accept(token.expose(), &key).unwrap().subject, nfd);
}

#[test]
fn jw_11_an_escaped_text_is_the_text_that_it_stands_for() {
    assert!(with_claim("iss", r#""https:\/\/login.ex\u0061mple""#).is_ok());
    let claims = with_claim("sub", r#""\ud83d\ude00\"\\\/\b\f\n\r\t\u00E9""#).unwrap();
    assert_eq!(claims.subject, "\u{1f600}\"\\/\u{8}\u{c}\n\r\t\u{e9}");
}

#[test]
fn jw_13_each_claim_of_an_access_token_is_required() {
    let key = ed25519();
    for (name, _) in MEMBERS {
        let token = crafted(&key, header(&key).as_bytes(), claims_with(name, None).as_bytes());
        let Err(JwtError::Missing(named)) = accept(&token, &key) else { panic!("without {name}") };
        assert_eq!(named, name);
    }
    assert!(accept(&crafted(&key, header(&key).as_bytes(), claims_with("", None).as_bytes()), &key).is_ok());
}

#[test]
fn jw_13_each_claim_of_an_access_token_is_issued() {
    for key in keys() {
        let token = key.sign(&claims()).unwrap();
        let body = token.expose().split('.').nth(1).unwrap();
        let body: Value = serde_json::from_slice(&Base64UrlUnpadded::decode_vec(body).unwrap()).unwrap();
        for (name, _) in MEMBERS {
            assert!(body.get(name).is_some(), "{name}");
        }
        assert_eq!(body["aud"], AUDIENCE, "one audience is a string");
        assert_eq!(accept(token.expose(), &key), Ok(claims()));
    }
}

#[test]
fn jw_13_nothing_is_signed_that_no_verifier_would_accept() {
    let key = hs256();
    let refused = |name, said: Claims| assert_eq!(key.sign(&said).err(), Some(SignError::Claim(name)));
    let all = claims();
    refused("iss", Claims { issuer: String::new(), ..all.clone() });
    refused("sub", Claims { subject: String::new(), ..all.clone() });
    refused("aud", Claims { audience: Vec::new(), ..all.clone() });
    refused("aud", Claims { audience: Vec::from([String::new()]), ..all.clone() });
    refused("jti", Claims { token_id: String::new(), ..all.clone() });
    refused("client_id", Claims { client_id: String::new(), ..all.clone() });
    refused("sid", Claims { session: Some(String::new()), ..all.clone() });
    refused("exp", Claims { expires: -1, ..all.clone() });
    refused("exp", Claims { expires: (1 << 53) + 1, ..all.clone() });
    refused("iat", Claims { issued_at: -1, ..all.clone() });
    refused("nbf", Claims { not_before: Some(-1), ..all.clone() });
    refused("auth_time", Claims { auth_time: Some(i64::MIN), ..all.clone() });
    for name in ["iss", "exp", "nbf", "scope", "sid", "amr"] {
        let extra = [(name.to_string(), Value::Null)].into_iter().collect();
        refused(name, Claims { extra, ..all.clone() });
    }
}

/// What is signed reads back as it was, up to the deepest nesting that is read.
#[test]
fn jw_13_what_is_signed_can_be_read() {
    let key = hs256();
    let mut value = Value::Null;
    for levels in 0..20 {
        let said = Claims { extra: [("x".to_string(), value.clone())].into_iter().collect(), ..claims() };
        match key.sign(&said) {
            Ok(token) => assert_eq!(accept(token.expose(), &key), Ok(said.clone())),
            Err(error) => {
                assert_eq!(error, SignError::Nested);
                let body = serde_json::to_vec(&super::super::claims::Body(&said)).unwrap();
                let token = crafted(&key, header(&key).as_bytes(), &body);
                assert_eq!(accept(&token, &key), Err(JwtError::Json));
            }
        }
        assert_eq!(key.sign(&said).is_ok(), levels <= 15, "{levels}");
        value = if levels % 2 == 0 { Value::Array(Vec::from([value])) } else { json!({ "y": value }) };
    }
}

/// The same claims give the same token, but for ES256.
#[test]
fn jw_13_signing_is_deterministic_where_the_algorithm_is() {
    for key in keys() {
        let [one, two] = [(); 2].map(|()| key.sign(&claims()).unwrap());
        let same = one.expose() == two.expose();
        assert_eq!(same, key.algorithm() != Algorithm::Es256, "{:?}", key.algorithm());
    }
}

#[test]
fn jw_13_no_claim_that_is_read_or_that_binds_is_a_hosts() {
    for name in MEMBERS.map(|(name, _)| name).into_iter().chain([
        "nbf",
        "sid",
        "auth_time",
        "amr",
        "scope",
        "cnf",
        "act",
    ]) {
        assert!(is_registered(name), "{name}");
    }
    for name in ["roles", "groups", "entitlements", "Exp", "exp ", "", "acr"] {
        assert!(!is_registered(name), "{name}");
    }
}
