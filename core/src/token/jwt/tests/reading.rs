//! The engine reads its own tokens by a shorter way than a verifier of others' does: a header that its key writes is known by its
//! text, claims are borrowed, and its own claim is read as it writes it. Both ways say the same of every text.

use super::*;
use crate::id::GrantId;
use crate::model::keyring::Epochs;
use crate::token::access::{self, Access, Unproven};
use crate::token::jwt::Signed;
use crate::token::terms::{ClientId, Scope};
use proptest::prelude::*;
use std::string::ToString;

/// What a token says, by way of all its claims.
fn by_claims(body: &str) -> Result<Access, JwtError> {
    let mut claims = Claims::parse(body)?;
    let private = claims.extra.remove(access::PRIVATE).ok_or(JwtError::Missing(access::PRIVATE))?;
    let wrong = JwtError::Claim(access::PRIVATE);
    let three = private.get("e").and_then(|three| three.as_array()).ok_or(wrong)?;
    let [account, global, tokens] = three.as_slice() else { return Err(wrong) };
    let number = |value: &serde_json::Value| value.as_u64().ok_or(wrong);
    let epochs = Epochs { account: number(account)?, global: number(global)?, tokens: number(tokens)? };
    let family = match private.get("f") {
        None => None,
        Some(family) => Some(family.as_str().and_then(|text| text.parse().ok()).ok_or(wrong)?),
    };
    let moment = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    Ok(Access {
        account: claims.subject.parse().map_err(|_| JwtError::Claim("sub"))?,
        session: claims
            .session
            .ok_or(JwtError::Missing("sid"))?
            .parse()
            .map_err(|_| JwtError::Claim("sid"))?,
        token: claims.token_id.parse().map_err(|_| JwtError::Claim("jti"))?,
        client: ClientId::parse(&claims.client_id).map_err(|_| JwtError::Claim("client_id"))?,
        audience: claims.audience,
        scope: Scope::parse(&claims.scope.unwrap_or_default()).map_err(|_| JwtError::Claim("scope"))?,
        issued_at: moment(claims.issued_at),
        expires: moment(claims.expires),
        auth_time: moment(claims.auth_time.ok_or(JwtError::Missing("auth_time"))?),
        amr: claims.amr,
        claims: claims.extra,
        family,
        epochs,
    })
}

fn by_the_engine(body: &str) -> Result<Access, JwtError> {
    Access::of(Unproven::parse(body)?)
}

/// Members as the engine writes them, and what somebody else might.
const PIECES: [&str; 43] = [
    r#""iss":"https://login.example""#,
    r#""sub":"0f8fad5bd9cb469fa165708677289502""#,
    r#""aud":"https://api.example""#,
    r#""exp":1900000600"#,
    r#""iat":1900000000"#,
    r#""jti":"7c9e6679f7425e0f9b2a1c4d5e6f7081""#,
    r#""client_id":"web""#,
    r#""sid":"16fd2706aad5467b8d3c2f1e0a9b8c7d""#,
    r#""auth_time":1900000000"#,
    r#""dw":{"e":[1,2,3]}"#,
    // Ten that make a token; and others.
    r#""dw":{"e":[1,2,3],"f":"07070707070707070707070707070707"}"#,
    r#""d\u0077":{"e":[1,2,3]}"#,
    r#""dw":{"e":[1,2,-3]}"#,
    r#""dw":{"e":[1,2]}"#,
    r#""dw":{"e":[1,2,3,4]}"#,
    r#""dw":{"e":[1e0,2,3]}"#,
    r#""dw":{"e":[18446744073709551615,0,0]}"#,
    r#""dw":{"e":[18446744073709551616,0,0]}"#,
    r#""dw":{"\u0065":[1,2,3]}"#,
    r#""dw":{"e":[1,2,3],"e":[1,2,3]}"#,
    r#""dw":{"e":[1,2,3],"g":{"g":[],"g":[]}}"#,
    r#""dw":{"g":[[[[[[[[[[[[[[1]]]]]]]]]]]]]],"e":[1,2,3]}"#,
    r#""dw":{"g":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],"e":[1,2,3]}"#,
    r#""dw":null"#,
    r#""dw":"e""#,
    r#""amr":["pwd"]"#,
    r#""amr":[]"#,
    r#""amr":"pwd""#,
    r#""scope":"write read read""#,
    r#""scope":"a\"b""#,
    r#""scope":7"#,
    r#""nbf":1900000000"#,
    r#""sub":"somebody""#,
    r#""sub":"""#,
    r#""\u0073ub":"0f8fad5bd9cb469fa165708677289502""#,
    r#""sid":"""#,
    r#""aud":["https://api.example","https://other.example"]"#,
    r#""aud":[]"#,
    r#""exp":"soon""#,
    r#""client_id":"w\u00e4b""#,
    r#""role":{"of":["a",{"b":null}]}"#,
    r#""role":{"a":1,"a":2}"#,
    r#""role":"\ud800""#,
];
const USUAL: usize = 10;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn jw_7_jw_8_the_engine_reads_what_a_verifier_of_others_reads(
        absent in prop::option::weighted(0.3, 0..USUAL),
        others in prop::collection::vec((0..PIECES.len(), 0..USUAL + 1), 0..3),
        cut in prop::option::weighted(0.1, 0..400_usize),
        changed in prop::option::weighted(0.1, (0..400_usize, any::<char>())),
    ) {
        let mut members: Vec<&str> =
            (0..USUAL).filter(|at| Some(*at) != absent).map(|at| PIECES[at]).collect();
        for (piece, at) in others {
            members.insert(at.min(members.len()), PIECES[piece]);
        }
        let mut body: String = ["{", &members.join(","), "}"].concat();
        if let Some((at, to)) = changed {
            body = body.chars().enumerate().map(|(place, one)| if place == at { to } else { one }).collect();
        }
        if let Some(cut) = cut {
            body = body.chars().take(cut).collect();
        }
        prop_assert_eq!(by_the_engine(&body), by_claims(&body), "{}", body);
    }

    #[test]
    fn jw_5_a_header_that_a_key_writes_says_by_its_text_what_it_says_when_it_is_read(kid in any::<String>()) {
        let key = match SigningKey::from_secret(&kid, &[7; 32]) {
            Ok(key) => key.verifying_key().clone(),
            Err(error) => {
                prop_assert!(kid.is_empty() || kid.len() > 128, "{kid:?}: {error}");
                return Ok(());
            }
        };
        let text = [key.head(), "e30", ""].join(".");
        let known = Signed::parse(&text, |head| (head == key.head()).then(|| key.clone())).ok().unwrap();
        let read = Signed::parse(&text, |_| None).ok().unwrap();
        prop_assert_eq!((read.kid(), read.algorithm()), (&*kid, key.algorithm()));
        prop_assert_eq!((known.kid(), known.algorithm()), (&*kid, key.algorithm()));
    }
}

#[test]
fn the_usual_members_make_a_token_by_both_ways() {
    let body = ["{", &PIECES[..USUAL].join(","), "}"].concat();
    let access = by_the_engine(&body).unwrap();
    assert_eq!((access.family, access.epochs), (None, Epochs { account: 1, global: 2, tokens: 3 }));
    assert_eq!(by_claims(&body), Ok(access));
    let body = body.replace(PIECES[9], PIECES[10]);
    assert_eq!(by_the_engine(&body).unwrap().family, Some(GrantId::from_bytes([7; 16])));
    assert_eq!(
        by_claims(&body).map(|access| access.account.to_string()),
        Ok("0f8fad5bd9cb469fa165708677289502".to_string())
    );
}
