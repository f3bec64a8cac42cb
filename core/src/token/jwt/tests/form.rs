//! What the text and its header must be.

use super::*;
use proptest::prelude::*;
use std::string::ToString;

#[test]
fn jw_1_and_inv_35_every_changed_character_is_refused() {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.+/ ";
    for key in keys() {
        let token = key.sign(&claims()).unwrap();
        let text = token.expose();
        assert_eq!(accept(text, &key), Ok(claims()));
        for (at, own) in text.char_indices() {
            for other in alphabet.chars().filter(|other| *other != own) {
                let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert!(accept(&changed, &key).is_err(), "{at}: {own} became {other}");
                let more = format!("{}{other}{}", &text[..at], &text[at..]);
                assert!(accept(&more, &key).is_err(), "{other} came before {at}");
            }
            assert!(accept(&format!("{}{}", &text[..at], &text[at + 1..]), &key).is_err(), "{at} is missing");
            assert!(accept(&text[..at], &key).is_err(), "cut at {at}");
        }
        for other in alphabet.chars() {
            assert!(accept(&format!("{text}{other}"), &key).is_err(), "{other} at the end");
        }
    }
}

#[test]
fn jw_2_only_the_listed_algorithms_are_read() {
    for alg in ["none", "nOnE", "NONE", "", "hs256", "eddsa", "EdDSA ", "HS384", "PS256", "ES256K", "Ed25519"]
    {
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"KID"}}"#);
        assert_eq!(with_header(&header), Err(JwtError::Algorithm), "{alg}");
    }
    for alg in ["null", "1", "[\"EdDSA\"]", "{}"] {
        let header = format!(r#"{{"alg":{alg},"typ":"at+jwt","kid":"KID"}}"#);
        assert_eq!(with_header(&header), Err(JwtError::Algorithm), "{alg}");
    }
    assert_eq!(with_header(r#"{"typ":"at+jwt","kid":"KID"}"#), Err(JwtError::Algorithm));
    assert!(with_header(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"KID"}"#).is_ok());
}

/// The classic: the public key is known to everybody, and serves as an HMAC secret.
#[test]
fn jw_2_a_public_key_is_no_secret() {
    for public in [&keys()[0], &keys()[1], &keys()[3]] {
        let key = public.verifying_key();
        let secrets =
            [key.public_bytes().unwrap().to_vec(), serde_json::to_vec(&key.to_jwk().unwrap()).unwrap()];
        for secret in secrets {
            let forged = SigningKey::from_secret(key.kid(), &secret).unwrap().sign(&claims()).unwrap();
            assert_eq!(accept(forged.expose(), public), Err(JwtError::Algorithm));
        }
    }
}

#[test]
fn jw_2_an_unsigned_token_is_refused() {
    let key = ed25519();
    let token = key.sign(&claims()).unwrap();
    let (input, _) = token.expose().rsplit_once('.').unwrap();
    assert_eq!(accept(&format!("{input}."), &key), Err(JwtError::Signature));
    let none = crafted(&key, br#"{"alg":"none","typ":"at+jwt","kid":"x"}"#, claims_with("", None).as_bytes());
    let (input, _) = none.rsplit_once('.').unwrap();
    assert_eq!(accept(&format!("{input}."), &key), Err(JwtError::Algorithm));
}

#[test]
fn jw_3_a_key_has_one_algorithm_and_one_name() {
    for key in keys() {
        for other in keys().into_iter().filter(|other| other.algorithm() != key.algorithm()) {
            let name = format!(r#"{{"alg":"{}","typ":"at+jwt","kid":"{}"}}"#, key.algorithm(), other.kid());
            let token = crafted(&key, name.as_bytes(), claims_with("", None).as_bytes());
            assert_eq!(accept(&token, &other), Err(JwtError::Algorithm));
            assert_eq!(accept(&token, &key), Err(JwtError::UnknownKey));
        }
    }
}

#[test]
fn jw_4_a_key_inside_a_token_is_ignored() {
    let attacker = SigningKey::derived(Algorithm::EdDsa, Some(ed25519().kid()), |_| [9; 32].into()).unwrap();
    let jwk = serde_json::to_string(&attacker.verifying_key().to_jwk().unwrap()).unwrap();
    for own in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"https://evil.example/jwks""#.to_string(),
        r#""x5u":"https://evil.example/x5u""#.to_string(),
        r#""x5c":["MIIB"]"#.to_string(),
        r#""jwk":null,"jku":17"#.to_string(),
    ] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"KID",{own}}}"#);
        assert!(with_header(&header).is_ok(), "it is ignored where the right key signed");
        let header = header.replace("KID", attacker.kid());
        let forged = crafted(&attacker, header.as_bytes(), claims_with("", None).as_bytes());
        assert_eq!(accept(&forged, &ed25519()), Err(JwtError::Signature));
    }
}

#[test]
fn jw_5_a_kid_is_looked_up_and_nothing_else() {
    let long = "k".repeat(129);
    for (kid, error) in [
        (r#""../../../etc/passwd""#, JwtError::UnknownKey),
        (r#""' OR 1=1 --""#, JwtError::UnknownKey),
        (r#""\u0000""#, JwtError::UnknownKey),
        (r#""""#, JwtError::KeyId),
        ("1", JwtError::KeyId),
        ("null", JwtError::KeyId),
        (&*format!("\"{long}\""), JwtError::KeyId),
        (&*format!("\"{}\"", "k".repeat(10_240)), JwtError::TooLong),
    ] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":{kid}}}"#);
        assert_eq!(with_header(&header), Err(error), "{kid}");
    }
    assert_eq!(with_header(r#"{"alg":"EdDSA","typ":"at+jwt"}"#), Err(JwtError::KeyId));

    let name = "k".repeat(128);
    let key = SigningKey::from_secret(&name, &SECRET).unwrap();
    assert!(accept(key.sign(&claims()).unwrap().expose(), &key).is_ok());
    assert_eq!(SigningKey::from_secret(&long, &SECRET), Err(KeyLoadError::KeyId));
    assert_eq!(SigningKey::from_secret("", &SECRET), Err(KeyLoadError::KeyId));
}

#[test]
fn jw_6_no_extension_is_understood() {
    for extension in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":["b64"],"b64":true"#,
        r#""b64":false"#,
        r#""b64":true"#,
    ] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"KID",{extension}}}"#);
        assert_eq!(with_header(&header), Err(JwtError::Critical), "{extension}");
    }
}

#[test]
fn jw_7_members_are_unique() {
    for twice in [
        r#""alg":"EdDSA""#,
        r#""kid":"KID""#,
        r#""typ":"at+jwt""#,
        r#""\u0061lg":"EdDSA""#,
        r#""x":1,"x":1"#,
        r#""x":1,"\u0078":1"#,
        r#""x":{"y":1,"y":2}"#,
        r#""x":[[{"y":1,"\u0079":2}]]"#,
    ] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"KID",{twice}}}"#);
        assert_eq!(with_header(&header), Err(JwtError::Duplicate), "{twice}");
    }
    let key = ed25519();
    let all = claims_with("", None);
    let doubled = MEMBERS.iter().map(|(name, value)| format!("\"{name}\":{value}"));
    let optional = ["nbf", "auth_time"].map(|name| format!("\"{name}\":1,\"{name}\":1"));
    let texts = ["sid", "scope"].map(|name| format!("\"{name}\":\"a\",\"{name}\":\"a\""));
    let others = [
        r#""amr":[],"amr":[]"#,
        r#""\u0065xp":9999999999"#,
        r#""roles":1,"roles":2"#,
        r#""roles":1,"role\u0073":2"#,
        r#""x":{"y":{"z":1,"z":1}}"#,
        r#""x":[{"y":1,"\u0079":1}]"#,
    ];
    let others = others.map(ToString::to_string);
    for twice in doubled.chain(optional).chain(texts).chain(others) {
        let text = format!("{},{twice}}}", &all[..all.len() - 1]);
        let token = crafted(&key, header(&key).as_bytes(), text.as_bytes());
        assert_eq!(accept(&token, &key), Err(JwtError::Duplicate), "{twice}");
    }
}

#[test]
fn jw_14_only_the_compact_form_is_read() {
    let key = ed25519();
    let token = key.sign(&claims()).unwrap();
    let text = token.expose();
    let (input, signature) = text.rsplit_once('.').unwrap();
    let (head, body) = input.split_once('.').unwrap();
    for (other, error) in [
        (String::new(), JwtError::Form),
        (head.into(), JwtError::Form),
        (input.into(), JwtError::Form),
        (format!("{text}."), JwtError::Form),
        (format!("{text}.AAAA.AAAA"), JwtError::Form),
        (format!(r#"{{"payload":"{body}","protected":"{head}","signature":"{signature}"}}"#), JwtError::Form),
        (format!("{text}="), JwtError::Encoding),
        (format!("{text}=="), JwtError::Encoding),
        (format!("{head}=.{body}.{signature}"), JwtError::Encoding),
        (format!(" {text}"), JwtError::Encoding),
        (format!("{text}\n"), JwtError::Encoding),
        (format!("{head}.{body}\n.{signature}"), JwtError::Encoding),
        (format!("{head}. {body}.{signature}"), JwtError::Encoding),
        (
            format!("{head}.{body}.{}", signature.replace('_', "/").replace('-', "+") + "+/+/"),
            JwtError::Encoding,
        ),
        ("..".into(), JwtError::Json),
    ] {
        assert_eq!(accept(&other, &key), Err(error), "{other}");
    }
}

#[test]
fn jw_14_stray_bits_make_another_text_and_are_refused() {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let key = ed25519(); // 64 bytes: the last character has four bits that mean nothing
    let token = key.sign(&claims()).unwrap();
    let (rest, last) = token.expose().split_at(token.expose().len() - 1);
    let at = alphabet.find(last).unwrap();
    assert_eq!(at % 16, 0);
    for stray in 1..16 {
        let other = format!("{rest}{}", &alphabet[at + stray..=at + stray]);
        assert_eq!(accept(&other, &key), Err(JwtError::Encoding));
    }
}

#[test]
fn jw_14_the_longest_token_is_eight_kibibytes() {
    let key = hs256();
    let mut said = claims();
    let mut lengths = std::collections::BTreeSet::new();
    for length in 5_700..5_900 {
        said.extra.insert("x".into(), "y".repeat(length).into());
        match key.sign(&said) {
            Ok(token) => {
                lengths.insert(token.expose().len());
                assert_eq!(accept(token.expose(), &key).as_ref(), Ok(&said));
            }
            Err(error) => {
                assert_eq!(error, SignError::TooLong);
                let body = serde_json::to_vec(&super::super::claims::Body(&said)).unwrap();
                let longer = crafted(&key, header(&key).as_bytes(), &body);
                assert!(longer.len() > MAX_BYTES);
                assert_eq!(accept(&longer, &key), Err(JwtError::TooLong));
            }
        }
    }
    assert!(
        lengths.last().is_some_and(|longest| (MAX_BYTES - 1..=MAX_BYTES).contains(longest)),
        "{lengths:?}"
    );
    assert_eq!(accept(&"A".repeat(1 << 24), &key), Err(JwtError::TooLong));
}

#[test]
fn jw_15_header_and_claims_are_objects_in_utf_8() {
    let key = ed25519();
    let (head, body) = (header(&key), claims_with("", None));
    assert!(accept(&crafted(&key, head.as_bytes(), body.as_bytes()), &key).is_ok());
    let broken = |text: &str| -> [Vec<u8>; 9] {
        [
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            text.replacen('{', "{\"x\":\"\u{0}\",", 1).into_bytes(),
            [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xff\"}"].concat(),
            [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xed\xa0\x80\"}"].concat(),
            text.replacen('{', r#"{"x":"\ud800","#, 1).into_bytes(),
            text.replacen('{', r#"{"x":"\udc00\ud800","#, 1).into_bytes(),
            format!("[{text}]").into_bytes(),
            format!("{text}{text}").into_bytes(),
            format!("\"{}\"", text.replace('"', "\\\"")).into_bytes(),
        ]
    };
    for other in broken(&head) {
        assert_eq!(accept(&crafted(&key, &other, body.as_bytes()), &key), Err(JwtError::Json), "{other:?}");
    }
    for other in broken(&body) {
        assert_eq!(accept(&crafted(&key, head.as_bytes(), &other), &key), Err(JwtError::Json), "{other:?}");
    }
}

proptest! {
    #[test]
    fn inv_40_no_text_panics(text in ".{0,300}") {
        prop_assert!(Compact::parse(&text).is_err());
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let parts = format!("{}.{}.AAAA", encode(&header(&hs256())), encode(&text));
        prop_assert!(Compact::parse(&parts).is_err());
        let parts = format!("{}.{}.AAAA", encode(&text), encode(&claims_with("", None)));
        prop_assert!(Compact::parse(&parts).is_err());
    }

    #[test]
    fn inv_40_no_broken_json_panics(at in 0usize..200, with in "[\"\\\\{}\\[\\]:,0-9eE+.u a-z\\-]{0,4}", cut in 0usize..4) {
        let mut body = claims_with("x", Some(r#"[{"a":[1,-2.5e3,"\u00e4\n"]},null,true,false]"#));
        let at = at % body.len();
        let end = (at + cut).min(body.len());
        if body.is_char_boundary(at) && body.is_char_boundary(end) {
            body.replace_range(at..end, &with);
        }
        let parts = format!(
            "{}.{}.AAAA",
            Base64UrlUnpadded::encode_string(header(&hs256()).as_bytes()),
            Base64UrlUnpadded::encode_string(body.as_bytes()),
        );
        let ours = Compact::parse(&parts);
        if ours.is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{}", body);
        }
    }
}
