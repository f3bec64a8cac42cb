//! Whoever shares an engine's secret can sign any header with it: what the header says counts, however near it is to the
//! engine's own, which is not read again in each token.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward::store::MemoryStore;
use doorward::{
    Algorithm, Audience, Engine, Issue, Login, MasterKey, Policy, Register, SigningKey, VerifyError,
};
use doorward_core::policy::TokenPolicy;
use doorward_core::token::jwt::JwtError;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::support::engine::{NAME, PASSWORD};

const SECRET: [u8; 32] = [0x5a; 32];
const AUDIENCE: &str = "https://api.example";

#[test]
fn jw_3_jw_4_jw_6_a_header_that_is_nearly_the_engines_own_is_read_for_what_it_says() {
    let tokens = TokenPolicy {
        issuer: Audience::parse("https://auth.example").unwrap(),
        algorithm: Algorithm::Hs256,
        ..TokenPolicy::default()
    };
    let engine = Engine::builder(Arc::new(MemoryStore::new()))
        .ephemeral()
        .master_key(MasterKey::new(1, [1; 32]))
        .policy(Policy::builder().tokens(tokens).build().unwrap())
        .signing_key(SigningKey::from_secret("shared", &SECRET).unwrap())
        .open()
        .unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let session = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    let issued = engine.issue(Issue::new(session.expose(), "web", AUDIENCE)).unwrap().access;
    let (input, _) = issued.expose().rsplit_once('.').unwrap();
    let (head, claims) = input.split_once('.').unwrap();
    let own = String::from_utf8(Base64UrlUnpadded::decode_vec(head).unwrap()).unwrap();
    assert_eq!(own, r#"{"alg":"HS256","typ":"at+jwt","kid":"shared"}"#);

    let signed = |header: &str| {
        let input = format!("{}.{claims}", Base64UrlUnpadded::encode_string(header.as_bytes()));
        let mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap().chain_update(&input);
        format!("{input}.{}", Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes()))
    };
    let accepted = |header: &str| match engine.verify(&signed(header), AUDIENCE) {
        Ok(_) => Ok(()),
        Err(VerifyError::Token(error)) => Err(error),
        Err(other) => panic!("{header}: {other}"),
    };
    for (from, to, expected) in [
        ("", "", Ok(())),
        // The same in other words.
        (",", " , ", Ok(())),
        (r#""at+jwt""#, r#""application/AT+JWT""#, Ok(())),
        (r#""shared""#, r#""\u0073hared""#, Ok(())),
        ("}", r#","jku":"https://evil.example/keys"}"#, Ok(())),
        // Another thing.
        ("at+jwt", "JWT", Err(JwtError::Type)),
        (r#""typ":"at+jwt","#, "", Err(JwtError::Type)),
        ("HS256", "none", Err(JwtError::Algorithm)),
        ("HS256", "EdDSA", Err(JwtError::Algorithm)),
        ("shared", "share", Err(JwtError::UnknownKey)),
        ("shared", "shared2", Err(JwtError::UnknownKey)),
        (r#","kid":"shared""#, "", Err(JwtError::KeyId)),
        ("}", r#","crit":[]}"#, Err(JwtError::Critical)),
        ("}", r#","kid":"shared"}"#, Err(JwtError::Duplicate)),
        ("}", "", Err(JwtError::Json)),
        ("}", "}}", Err(JwtError::Json)),
    ] {
        let header = own.replacen(from, to, 1);
        assert_eq!(accepted(&header), expected, "{header}");
    }
}
