//! The rules of access tokens, each by the row that it keeps. What only needs the public interface is in `core/tests`.

mod claims;
mod cookbook;
mod form;
mod json;
mod jwk;
mod keys;
mod matrix;
mod oracle;
mod reading;
mod vectors;
mod wycheproof_jws;

use std::format;
use std::string::String;
use std::time::Duration;
use std::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;

use super::*;
use crate::time::Timestamp;

const ED25519: &str = include_str!("../../../../tests/keys/ed25519.pem");
const P256: &str = include_str!("../../../../tests/keys/p256.pem");
const RSA: &str = include_str!("../../../../tests/keys/rsa2048.pem");
const SECRET: [u8; 32] = [0x5a; 32];

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "https://api.example";
const NOW: i64 = 1_700_000_000;

fn ed25519() -> SigningKey {
    SigningKey::from_pem(ED25519, Algorithm::EdDsa).unwrap()
}

fn hs256() -> SigningKey {
    SigningKey::from_secret("shared", &SECRET).unwrap()
}

/// A key of every algorithm.
fn keys() -> [SigningKey; 4] {
    let [p256, rsa] = [(P256, Algorithm::Es256), (RSA, Algorithm::Rs256)]
        .map(|(pem, algorithm)| SigningKey::from_pem(pem, algorithm).unwrap());
    [ed25519(), p256, hs256(), rsa]
}

fn claims() -> Claims {
    Claims {
        issuer: ISSUER.into(),
        subject: "ada".into(),
        audience: Vec::from([AUDIENCE.into()]),
        expires: NOW + 300,
        not_before: Some(NOW),
        issued_at: NOW,
        token_id: "t-1".into(),
        client_id: "web".into(),
        session: Some("s-1".into()),
        auth_time: Some(NOW - 60),
        amr: Vec::from(["pwd".into()]),
        scope: Some("read write".into()),
        extra: [("roles".into(), json!(["admin", {"of": "x"}]))].into_iter().collect(),
    }
}

fn expected(now: Timestamp) -> Expected<'static> {
    Expected { issuer: ISSUER, audience: Some(AUDIENCE), now, leeway: Duration::ZERO }
}

/// The whole way of a token, at `NOW`.
fn accept(text: &str, key: &SigningKey) -> Result<Claims, JwtError> {
    let claims = Compact::parse(text)?.verify(key.verifying_key())?;
    claims.check(&expected(Timestamp::from_millis(NOW * 1000)))?;
    Ok(claims)
}

/// A token of any text, properly signed.
fn crafted(key: &SigningKey, header: &[u8], claims: &[u8]) -> String {
    let encode = Base64UrlUnpadded::encode_string;
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = encode(&key.signature(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

fn header(key: &SigningKey) -> String {
    format!(r#"{{"alg":"{}","typ":"at+jwt","kid":"{}"}}"#, key.algorithm(), key.kid())
}

/// The claims as text, with one member replaced, or taken out.
fn claims_with(name: &str, value: Option<&str>) -> String {
    let rest: Vec<_> = MEMBERS.iter().filter(|(other, _)| *other != name).copied().collect();
    let all = rest.into_iter().chain(value.map(|value| (name, value)));
    format!("{{{}}}", all.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","))
}

const MEMBERS: [(&str, &str); 7] = [
    ("iss", r#""https://login.example""#),
    ("sub", r#""ada""#),
    ("aud", r#""https://api.example""#),
    ("exp", "1700000300"),
    ("iat", "1700000000"),
    ("jti", r#""t-1""#),
    ("client_id", r#""web""#),
];

/// What becomes of claims with this member, in a token that is right otherwise.
fn with_claim(name: &str, value: &str) -> Result<Claims, JwtError> {
    let key = ed25519();
    accept(&crafted(&key, header(&key).as_bytes(), claims_with(name, Some(value)).as_bytes()), &key)
}

/// What becomes of a header, in a token that is right otherwise. `KID` stands for the key's.
fn with_header(header: &str) -> Result<Claims, JwtError> {
    let key = ed25519();
    accept(
        &crafted(&key, header.replace("KID", key.kid()).as_bytes(), claims_with("", None).as_bytes()),
        &key,
    )
}
