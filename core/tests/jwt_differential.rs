//! A hundred thousand tokens, whole and mangled, judged by us and by `jsonwebtoken` with its strictest settings.
//!
//! Whatever we accept, it accepts, and reads the same. Whatever it accepts and we refuse, we refuse by a rule that it
//! does not have: those stand in [`OURS_ALONE`], and each of them occurs. Its clock cannot be given, so its clock is off
//! and the times are compared by themselves.

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::{Algorithm, SigningKey, Verifier};
use jsonwebtoken::{DecodingKey, EncodingKey, Validation, crypto, decode};
use serde_json::{Map, Value, json};

const TOKENS: usize = 100_000;
const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "https://api.example";

/// The rules that `jsonwebtoken` does not have.
const OURS_ALONE: [&str; 11] = [
    "too_long",         // it reads megabytes
    "duplicate_member", // it takes the last
    "type",             // it accepts any `typ`, and none
    "critical_header",  // it ignores `crit` and `b64`
    "key_id",           // it is handed the key
    "unknown_key",      // likewise
    "missing_claim",    // it asks for iss, sub, aud, exp and nbf only
    "malformed_claim",  // fractions, negative times, empty texts
    "json",             // our bound on nesting
    "expired",          // its clock is off here
    "not_yet_valid",    // likewise
];

#[test]
fn jw_1_a_hundred_thousand_tokens_are_judged_alike() {
    let keys = keys();
    let verifiers = verifiers(&keys);
    let now = Timestamp::from_millis(NOW * 1000);
    let (mut both, mut refused, mut alone) = (0, BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new());
    let mut random = Random(0x5eed);
    for number in 0..TOKENS {
        // RSA signs slowly: a token in sixteen.
        let key = &keys[if number % 16 == 0 { 3 } else { number % 3 }];
        let token = token(&mut random, key);
        let ours = verifiers[usize::from(key.shared)].verify(&token, now);
        let theirs = decode::<Map<String, Value>>(&token, &key.decoding, &strict(key.theirs));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                both += 1;
                let read = theirs.claims;
                assert_eq!(read["sub"], *ours.subject, "{token}");
                assert_eq!(read["exp"], ours.expires, "{token}");
                assert!(ours.extra.iter().all(|(name, value)| read[name] == *value), "{token}");
            }
            (Err(rule), Err(_)) => *refused.entry(rule.rule()).or_default() += 1,
            (Err(rule), Ok(_)) => {
                assert!(OURS_ALONE.contains(&rule.rule()), "{rule:?} has no right to stand alone: {token}");
                match rule.rule() {
                    "too_long" => assert!(token.len() > 8192, "{token}"),
                    "json" => {
                        assert!(claims_of(&token).contains(&"[".repeat(16)), "nested too deeply: {token}");
                    }
                    _ => {}
                }
                *alone.entry(rule.rule()).or_default() += 1;
            }
            (Ok(_), Err(error)) => panic!("we accept what they refuse by {error:?}: {token}"),
        }
    }
    assert!(both > TOKENS / 10, "{both} are accepted by both: {alone:?} {refused:?}");
    for rule in OURS_ALONE {
        assert!(alone.get(rule).is_some_and(|count| *count > 20), "{rule}: {alone:?}");
    }
    for rule in ["signature", "algorithm", "encoding", "form", "json", "issuer", "audience"] {
        assert!(refused.get(rule).is_some_and(|count| *count > 20), "{rule}: {refused:?}");
    }
}

fn claims_of(token: &str) -> String {
    let part = token.split('.').nth(1).unwrap();
    String::from_utf8(Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

/// The strictest that there is.
fn strict(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

/// A token: right at first, and then perhaps not.
fn token(random: &mut Random, key: &Key) -> String {
    let mut header = Vec::from([
        ("alg", json!(key.ours.name()).to_string()),
        ("typ", "\"at+jwt\"".into()),
        ("kid", json!(key.kid).to_string()),
    ]);
    let (exp, iat) = (NOW + 1 + random.below(600), NOW - random.below(600));
    let mut claims = Vec::from([
        ("iss", json!(ISSUER).to_string()),
        ("sub", json!(random.word()).to_string()),
        (
            "aud",
            random
                .pick(&[
                    "\"https://api.example\"",
                    "[\"https://api.example\"]",
                    "[\"x\",\"https://api.example\"]",
                ])
                .into(),
        ),
        ("exp", exp.to_string()),
        ("iat", iat.to_string()),
        ("jti", json!(random.word()).to_string()),
        ("client_id", "\"web\"".into()),
    ]);
    if random.one_in(2) {
        claims.push(("scope", "\"read\"".into()));
        claims.push((
            "roles",
            random.pick(&["[\"a\"]", "null", "{\"x\":{\"y\":[1,2,3]}}", "-17", "true"]).into(),
        ));
    }
    if random.one_in(3) {
        claims.push(("nbf", (NOW - random.below(100)).to_string()));
    }
    let mut signs_other = false;
    if !random.one_in(4) {
        match random.below(4) {
            0 => mangle_header(random, &mut header),
            1 | 2 => mangle_claims(random, &mut claims),
            _ => signs_other = random.one_in(2),
        }
    }
    let (header, claims) = (object(random, &header), object(random, &claims));
    let mut input = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signed = if signs_other { format!("{input}x") } else { input.clone() };
    let signature = crypto::sign(signed.as_bytes(), &key.encoding, key.theirs).unwrap();
    input = format!("{input}.{signature}");
    if random.one_in(5) { mangle_text(random, &input) } else { input }
}

fn mangle_header(random: &mut Random, header: &mut Vec<(&'static str, String)>) {
    let at = random.index(header.len());
    match random.below(8) {
        0 => drop(header.remove(at)),
        1 => header.push(header[at].clone()),
        2 => {
            header[0].1 = random
                .pick(&["\"none\"", "\"HS256\"", "\"ES256\"", "\"RS256\"", "\"EdDSA\"", "\"HS512\"", "null"])
                .into();
        }
        3 => {
            header[1].1 = random
                .pick(&["\"JWT\"", "\"\"", "\"id_token\"", "\"application/at+jwt\"", "\"AT+JWT\""])
                .into();
        }
        4 => header[2].1 = random.pick(&["\"\"", "\"other\"", "\"../x\""]).into(),
        5 => header.push(("crit", random.pick(&["[\"exp\"]", "[\"b64\"]", "[\"x\"]"]).into())),
        6 => header.push(("b64", random.pick(&["true", "false"]).into())),
        _ => header.push((random.pick(&["jku", "x5u", "x-own"]), "\"https://evil.example\"".into())),
    }
}

fn mangle_claims(random: &mut Random, claims: &mut Vec<(&'static str, String)>) {
    let at = random.index(claims.len());
    match random.below(9) {
        0 => drop(claims.remove(at)),
        1 => claims.push(claims[at].clone()),
        2 => {
            claims[at].1 = random
                .pick(&[
                    "null",
                    "\"\"",
                    "[]",
                    "{}",
                    "1.5",
                    "-1",
                    "true",
                    "[null]",
                    "1e400",
                    "9007199254740993",
                ])
                .into();
        }
        3 => {
            claims[0].1 = random
                .pick(&[
                    "\"https://login.example/\"",
                    "\"\\u0068ttps://login.example\"",
                    "[\"https://login.example\"]",
                ])
                .into();
        }
        4 => {
            claims[2].1 = random
                .pick(&["\"https://API.example\"", "[\"x\"]", "\"\"", "[\"https://api.example\",\"\"]"])
                .into();
        }
        5 => claims[3].1 = (NOW - 10 + random.below(10)).to_string(),
        6 => claims.push(("nbf", (NOW + random.below(20)).to_string())),
        7 => {
            let levels = usize::try_from(random.below(40)).unwrap();
            claims.push(("deep", "[".repeat(levels) + "1" + &"]".repeat(levels)));
        }
        _ => {
            claims
                .push(("long", json!("x".repeat(usize::try_from(random.below(9000)).unwrap())).to_string()));
        }
    }
}

/// A change of the text after it was signed.
fn mangle_text(random: &mut Random, token: &str) -> String {
    let at = random.index(token.len());
    let with = random.pick(&["A", "B", "_", "-", "=", ".", " ", "+", "/", "\n", "\u{e9}"]);
    match random.below(6) {
        0 => format!("{}{with}{}", &token[..at], &token[at..]),
        1 | 2 => format!("{}{with}{}", &token[..at], &token[at + 1..]),
        3 => token[..at].into(),
        4 => format!("{token}{with}"),
        // The last character alone: its lowest bits may mean nothing.
        _ => {
            let last = random.pick(&["A", "B", "C", "D", "Q", "R", "S", "g", "h", "w", "x", "E", "I", "M"]);
            format!("{}{last}", &token[..token.len() - 1])
        }
    }
}

fn object(random: &mut Random, members: &[(&str, String)]) -> String {
    let space = if random.one_in(8) { random.pick(&[" ", "\n", "\t\r\n "]) } else { "" };
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("{space}\"{name}\"{space}:{value}{space}")).collect();
    format!("{space}{{{}}}{space}", members.join(","))
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

struct Key {
    kid: String,
    ours: Algorithm,
    theirs: jsonwebtoken::Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    shared: bool,
    jwk: Value,
}

/// In the order of `Algorithm`.
fn keys() -> [Key; 4] {
    let [ed, ec, rsa] =
        [include_str!("keys/ed25519.pem"), include_str!("keys/p256.pem"), include_str!("keys/rsa2048.pem")];
    let public = |pem: &str, ours, theirs, encoding| {
        let key = SigningKey::from_pem(pem, ours).unwrap();
        let jwk = key.verifying_key().to_jwk().unwrap();
        let decoding = DecodingKey::from_jwk(&jwk).unwrap();
        let jwk = serde_json::to_value(jwk).unwrap();
        Key { kid: key.kid().into(), ours, theirs, encoding, decoding, shared: false, jwk }
    };
    let secret = [0x5a; 32];
    [
        public(
            ed,
            Algorithm::EdDsa,
            jsonwebtoken::Algorithm::EdDSA,
            EncodingKey::from_ed_pem(ed.as_bytes()).unwrap(),
        ),
        public(
            ec,
            Algorithm::Es256,
            jsonwebtoken::Algorithm::ES256,
            EncodingKey::from_ec_pem(ec.as_bytes()).unwrap(),
        ),
        Key {
            kid: "shared".into(),
            ours: Algorithm::Hs256,
            theirs: jsonwebtoken::Algorithm::HS256,
            encoding: EncodingKey::from_secret(&secret),
            decoding: DecodingKey::from_secret(&secret),
            shared: true,
            jwk: json!({"kty": "oct", "kid": "shared", "k": encode(&secret)}),
        },
        public(
            rsa,
            Algorithm::Rs256,
            jsonwebtoken::Algorithm::RS256,
            EncodingKey::from_rsa_pem(rsa.as_bytes()).unwrap(),
        ),
    ]
}

/// One for the public keys, one for the secret: a set may not hold both.
fn verifiers(keys: &[Key]) -> [Verifier; 2] {
    [false, true].map(|shared| {
        let keys: Vec<_> = keys.iter().filter(|key| key.shared == shared).map(|key| &key.jwk).collect();
        let verifier = Verifier::new(&json!({ "keys": keys }).to_string(), ISSUER, AUDIENCE).unwrap();
        verifier.leeway(std::time::Duration::ZERO).unwrap()
    })
}

/// `SplitMix64`: the same tokens on each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: i64) -> i64 {
        (self.next() >> 1).cast_signed() % limit
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(i64::try_from(length).unwrap())).unwrap()
    }

    fn one_in(&mut self, many: i64) -> bool {
        self.below(many) == 0
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.index(from.len())]
    }

    fn word(&mut self) -> String {
        let kinds = ["ada", "gr\u{e4}ce", "\u{1f600}", "a\"b\\c", "line\nfeed", "\u{0}", "\u{2028}"];
        format!("{}{}", self.pick(&kinds), self.below(1000))
    }
}
