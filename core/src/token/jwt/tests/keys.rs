//! What a key must be.

use super::*;
use std::string::ToString;
use std::vec;
use zeroize::Zeroizing;

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/keys/", $name, ".pem"))
    };
}

const FILES: [(&str, Algorithm); 5] = [
    (ED25519, Algorithm::EdDsa),
    (P256, Algorithm::Es256),
    (pem!("p256_sec1"), Algorithm::Es256),
    (RSA, Algorithm::Rs256),
    (pem!("rsa2048_pkcs1"), Algorithm::Rs256),
];
const PUBLIC_FILES: [(&str, Algorithm); 4] = [
    (pem!("ed25519_public"), Algorithm::EdDsa),
    (pem!("p256_public"), Algorithm::Es256),
    (pem!("rsa2048_public"), Algorithm::Rs256),
    (pem!("rsa2048_pkcs1_public"), Algorithm::Rs256),
];

#[test]
fn jw_18_both_halves_of_a_pem_key_have_one_thumbprint_and_fit() {
    for (private, algorithm) in FILES {
        let key = SigningKey::from_pem(private, algorithm).unwrap();
        assert_eq!(Some(key.kid()), key.verifying_key().thumbprint().as_deref());
        let mut halves = 0;
        for (public, of) in PUBLIC_FILES.into_iter().filter(|(_, of)| *of == algorithm) {
            let public = VerifyingKey::from_pem(public, of).unwrap();
            assert_eq!(public, *key.verifying_key());
            let token = key.sign(&claims()).unwrap();
            assert_eq!(Compact::parse(token.expose()).unwrap().verify(&public), Ok(claims()));
            halves += 1;
        }
        assert!(halves > 0);
    }
}

#[test]
fn jw_18_a_pem_key_is_of_the_kind_that_is_asked_for() {
    let all = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256, Algorithm::Rs256];
    for (private, own) in FILES {
        for other in all.into_iter().filter(|other| *other != own) {
            let error = SigningKey::from_pem(private, other).unwrap_err();
            assert!(
                matches!(error, KeyLoadError::Kind | KeyLoadError::Invalid),
                "{own} as {other}: {error:?}"
            );
        }
        assert_eq!(VerifyingKey::from_pem(private, own), Err(KeyLoadError::Private));
    }
    for (public, own) in PUBLIC_FILES {
        for other in all.into_iter().filter(|other| *other != own) {
            let error = VerifyingKey::from_pem(public, other).unwrap_err();
            assert!(
                matches!(error, KeyLoadError::Kind | KeyLoadError::Invalid),
                "{own} as {other}: {error:?}"
            );
        }
        assert_eq!(SigningKey::from_pem(public, own), Err(KeyLoadError::Public));
    }
    assert_eq!(
        SigningKey::from_pem(pem!("p384"), Algorithm::Es256),
        Err(KeyLoadError::Invalid),
        "another curve"
    );
}

/// Keys were equal by name and algorithm alone: a stranger's key passed for a pinned one under its name, and a test that
/// compared keys let a wrong one by.
#[test]
fn jw_3_two_keys_of_one_name_are_two_keys() {
    let made = |algorithm, fill: u8| {
        SigningKey::derived(algorithm, Some("k"), |_| Zeroizing::new([fill; 32])).unwrap()
    };
    let signing = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256];
    for algorithm in signing {
        let (key, again, other) = (made(algorithm, 7), made(algorithm, 7), made(algorithm, 8));
        assert!(key == again && key.verifying_key() == again.verifying_key(), "{algorithm}");
        assert!(key != other && key.verifying_key() != other.verifying_key(), "{algorithm}");
    }
    let modular = |last: u8| {
        let mut n = [0xff; 256];
        n[255] = last;
        let jwk = format!(r#"{{"kty":"RSA","kid":"k","n":"{}","e":"AQAB"}}"#, encode(&n));
        VerifyingKey::from_jwk(&jwk).unwrap()
    };
    assert!(modular(0xff) == modular(0xff) && modular(0xff) != modular(0xfd));
    let all = signing.map(|algorithm| made(algorithm, 7));
    let equals = all.iter().map(|one| all.iter().filter(|other| *other == one).count());
    assert_eq!(equals.collect::<Vec<_>>(), [1, 1, 1]);
}

/// PKCS#8 (RFC 5958, version 2) and SEC 1 carry the public half as well. A key that signs under another's public half tells
/// its private half in two signatures.
#[test]
fn jw_18_a_pem_keys_halves_fit_each_other() {
    let public = |algorithm, fill: u8| {
        let key = SigningKey::derived(algorithm, None, |_| Zeroizing::new([fill; 32])).unwrap();
        key.verifying_key().public_bytes().unwrap().to_vec()
    };
    let load = |algorithm, label: &str, parts: [&[u8]; 4]| {
        let body = base64ct::Base64::encode_string(&parts.concat());
        SigningKey::from_pem(&format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----"), algorithm)
    };
    let edwards = |public: &[u8]| {
        let parts = [&hex("3051020101300506032b657004220420"), &[7; 32][..], &hex("812100"), public];
        load(Algorithm::EdDsa, "PRIVATE KEY", parts)
    };
    let mut scalar = [7; 32];
    scalar[31] = 8; // the candidate and one
    let curve = |public: &[u8]| {
        let between = hex("a00a06082a8648ce3d030107a144034200");
        load(Algorithm::Es256, "EC PRIVATE KEY", [&hex("30770201010420"), &scalar, &between, public])
    };
    assert!(edwards(&public(Algorithm::EdDsa, 7)).is_ok());
    assert_eq!(edwards(&public(Algorithm::EdDsa, 8)), Err(KeyLoadError::Invalid));
    assert!(curve(&public(Algorithm::Es256, 7)).is_ok());
    assert_eq!(curve(&public(Algorithm::Es256, 8)), Err(KeyLoadError::Invalid));
}

#[test]
fn jw_18_a_pem_file_is_one_whole_block() {
    let body: Vec<_> = ED25519.lines().filter(|line| !line.starts_with('-')).collect();
    let block = |begin: &str, body: &str, end: &str| {
        format!("-----BEGIN {begin}-----\n{body}\n-----END {end}-----\n")
    };
    let body = body.concat();
    let whole = block("PRIVATE KEY", &body, "PRIVATE KEY");
    assert_eq!(SigningKey::from_pem(&whole, Algorithm::EdDsa), Ok(ed25519()));
    assert_eq!(SigningKey::from_pem(&whole.replace('\n', "\r\n"), Algorithm::EdDsa), Ok(ed25519()));
    for other in [
        String::new(),
        body.clone(),
        "-----BEGIN PRIVATE KEY-----".into(),
        "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----".into(),
        block("PRIVATE KEY", "", "PRIVATE KEY"),
        block("PRIVATE KEY", &body, "PUBLIC KEY"),
        block("ENCRYPTED PRIVATE KEY", &body, "ENCRYPTED PRIVATE KEY"),
        block("CERTIFICATE", &body, "CERTIFICATE"),
        block("PRIVATE KEY", &body[..body.len() - 1], "PRIVATE KEY"),
        block("PRIVATE KEY", &format!("Proc-Type: 4,ENCRYPTED\n\n{body}"), "PRIVATE KEY"),
        block("PRIVATE KEY", &body.replace('+', "-").replace('/', "_").replace('M', "-"), "PRIVATE KEY"),
        format!("{whole}{whole}"),
        format!("x{whole}"),
        format!("{whole}x"),
    ] {
        let error = SigningKey::from_pem(&other, Algorithm::EdDsa).unwrap_err();
        assert!(matches!(error, KeyLoadError::Pem | KeyLoadError::Invalid), "{error:?}: {other}");
        assert!(VerifyingKey::from_pem(&other, Algorithm::EdDsa).is_err());
    }
}

#[test]
fn jw_16_weak_keys_are_refused() {
    assert_eq!(SigningKey::from_secret("k", &[1; 31]), Err(KeyLoadError::Weak));
    assert!(SigningKey::from_secret("k", &[1; 32]).is_ok());
    let oct = |bytes: usize| format!(r#"{{"kty":"oct","kid":"k","k":"{}"}}"#, encode(&vec![1; bytes]));
    assert_eq!(SigningKey::from_jwk(&oct(31)), Err(KeyLoadError::Weak));
    assert_eq!(VerifyingKey::from_jwk(&oct(31)), Err(KeyLoadError::Weak));
    assert!(VerifyingKey::from_jwk(&oct(32)).is_ok());

    assert_eq!(SigningKey::from_pem(pem!("rsa1024"), Algorithm::Rs256), Err(KeyLoadError::Weak));
    assert_eq!(VerifyingKey::from_pem(pem!("rsa1024_public"), Algorithm::Rs256), Err(KeyLoadError::Weak));
    let rsa = |bits: usize, e: &[u8]| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        VerifyingKey::from_jwk(&format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, encode(&n), encode(e)))
    };
    assert_eq!(rsa(2047, &[1, 0, 1]), Err(KeyLoadError::Weak));
    assert_eq!(rsa(2048, &[1, 0, 1]).map(|key| key.algorithm()), Ok(Algorithm::Rs256));
    assert_eq!(rsa(8192, &[1, 0, 1]).map(|key| key.algorithm()), Ok(Algorithm::Rs256));
    assert_eq!(rsa(8193, &[1, 0, 1]), Err(KeyLoadError::TooLong));
    for e in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[0, 1, 0, 1], &[0xff; 9]] {
        assert!(rsa(2048, e).is_err(), "{e:?}");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "any key of that length will do")]
fn jw_16_an_rsa_key_under_3072_bits_is_warned_of() {
    let short = SigningKey::from_pem(RSA, Algorithm::Rs256).unwrap();
    assert!(short.warning().is_some_and(|text| text.contains("3072")));
    for key in keys().into_iter().filter(|key| key.algorithm() != Algorithm::Rs256) {
        assert_eq!(key.warning(), None);
    }
    let long = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa3072).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&long).unwrap();
    let body = base64ct::Base64::encode_string(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
    assert_eq!(SigningKey::from_pem(&pem, Algorithm::Rs256).unwrap().warning(), None);
}

/// CVE-2017-15361. A number that is a multiple of the primes, and 65537, is a power of 65537 modulo each.
#[test]
fn jw_16_a_modulus_with_rocas_fingerprint_is_refused() {
    let primes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    let product: u128 = primes.into_iter().product();
    let load = |low: [u8; 3]| {
        let mut n = [0; 257]; // 2052 bits: the product has 100
        n[..13].copy_from_slice(&product.to_be_bytes()[3..]);
        n[254..].copy_from_slice(&low);
        VerifyingKey::from_jwk(&format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#, encode(&n)))
    };
    assert_eq!(load([1, 0, 1]), Err(KeyLoadError::Weak));
    assert_eq!(load([1, 0, 3]).map(|key| key.algorithm()), Ok(Algorithm::Rs256));
}

/// Under such a key, one signature holds for every text, and anybody can make it.
#[test]
fn jw_16_points_of_small_order_are_no_keys() {
    let mut refused = 0;
    for text in SMALL {
        for sign in [0, 0x80] {
            let mut point = hex(text);
            point[31] |= sign;
            assert_eq!(VerifyingKey::from_public(Algorithm::EdDsa, "k", &point), Err(KeyLoadError::Weak));
            refused += 1;
        }
    }
    assert_eq!(refused, 14);
    assert!(
        VerifyingKey::from_public(Algorithm::EdDsa, "k", ed25519().verifying_key().public_bytes().unwrap())
            .is_ok()
    );
}

/// The canonical ones, and two that are not: p and p + 1.
const SMALL: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

pub(super) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn jw_18_a_public_key_comes_back_from_its_bytes() {
    for key in keys().iter().filter(|key| key.algorithm() != Algorithm::Hs256) {
        let key = key.verifying_key();
        let bytes = key.public_bytes().unwrap();
        let again = VerifyingKey::from_public(key.algorithm(), key.kid(), bytes).unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint());
        for changed in [&bytes[1..], &bytes[..bytes.len() - 1], &[bytes, &[0]].concat(), &[]] {
            assert!(VerifyingKey::from_public(key.algorithm(), "k", changed).is_err());
        }
        assert_eq!(VerifyingKey::from_public(Algorithm::Hs256, "k", bytes), Err(KeyLoadError::Kind));
    }
    let point = keys()[1].verifying_key().public_bytes().unwrap().to_vec();
    let compressed = [&[2 | point[64] & 1], &point[1..33]].concat();
    assert!(VerifyingKey::from_public(Algorithm::Es256, "k", &compressed).is_err(), "one key, one encoding");
    let mut off = point;
    off[64] ^= 1;
    assert_eq!(
        VerifyingKey::from_public(Algorithm::Es256, "k", &off),
        Err(KeyLoadError::Invalid),
        "not on the curve"
    );
}

#[test]
fn jw_18_a_secret_is_in_no_jwk_and_has_no_thumbprint() {
    let key = hs256();
    assert_eq!(key.verifying_key().to_jwk(), None);
    assert_eq!(key.verifying_key().thumbprint(), None);
    assert_eq!(key.verifying_key().public_bytes(), None);
    let shown = format!("{:?} {:?} {:?}", key, key.verifying_key(), key.sign(&claims()).unwrap());
    assert_eq!(shown, r#"SigningKey("shared", HS256) VerifyingKey("shared", HS256) AccessToken(..)"#);
}

#[test]
fn jw_19_a_derived_key_is_the_same_again() {
    for (algorithm, kid) in
        [(Algorithm::EdDsa, None), (Algorithm::Es256, None), (Algorithm::Hs256, Some("k"))]
    {
        let make = |fill: u8| SigningKey::derived(algorithm, kid, |_| Zeroizing::new([fill; 32])).unwrap();
        let (one, two, other) = (make(7), make(7), make(8));
        let token = one.sign(&claims()).unwrap();
        assert_eq!(accept(token.expose(), &two), Ok(claims()));
        assert!(accept(token.expose(), &other).is_err());
        assert_eq!(one.verifying_key().public_bytes(), two.verifying_key().public_bytes());
    }
    let bytes = |_| Zeroizing::new([7; 32]);
    assert_eq!(SigningKey::derived(Algorithm::Rs256, Some("k"), bytes), Err(KeyLoadError::Derived));
    assert_eq!(SigningKey::derived(Algorithm::Hs256, None, bytes), Err(KeyLoadError::KeyId));
    let named = SigningKey::derived(Algorithm::EdDsa, Some("mine"), bytes).unwrap();
    assert_eq!(named.kid(), "mine");
}

/// FIPS 186-5, appendix A.2.2: a candidate above n - 2 is drawn again, and the key is the candidate and one.
#[test]
fn jw_19_a_candidate_beyond_the_curves_order_is_drawn_again() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let below = |less: u8| {
        let mut bytes = hex(order);
        bytes[31] -= less;
        <[u8; 32]>::try_from(bytes).unwrap()
    };
    let derived = |draws: &[[u8; 32]]| {
        let mut asked = 0;
        let key = SigningKey::derived(Algorithm::Es256, None, |draw| {
            asked = draw + 1;
            Zeroizing::new(*draws.get(draw as usize).unwrap_or(&[0xff; 32]))
        });
        (key.map(|key| key.kid().to_string()), asked)
    };
    let one = derived(&[[0; 32]]);
    assert_eq!(one.1, 1, "zero and one is the least key");
    for beyond in [below(1), below(0), [0xff; 32]] {
        assert_eq!(derived(&[beyond, beyond, [0; 32]]), (one.0.clone(), 3));
    }
    let greatest = derived(&[below(2)]);
    assert_eq!(greatest.1, 1);
    assert_eq!(derived(&[[0xff; 32]]), (Err(KeyLoadError::Invalid), 16));
    // n - 1 and 1: the same x, and the other y.
    let point = |fill: [u8; 32]| {
        let key = SigningKey::derived(Algorithm::Es256, None, |_| Zeroizing::new(fill)).unwrap();
        key.verifying_key().public_bytes().unwrap().to_vec()
    };
    let (least, greatest) = (point([0; 32]), point(below(2)));
    assert_eq!(least[1..33], greatest[1..33]);
    assert_ne!(least[33..], greatest[33..]);
    assert_eq!(
        least[1..33],
        hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        "the generator"
    );
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
