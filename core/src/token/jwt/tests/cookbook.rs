//! The examples of RFC 7520 (section 4), RFC 7797 and RFC 8037 (appendix A): what can be reproduced is, byte for byte; what is
//! no access token's form or algorithm is refused by its rule.

use super::vectors::{file, text};
use super::wycheproof_jws::verify;
use super::*;
use serde_json::Value;
use std::string::ToString;

fn example(name: &str) -> Option<Value> {
    file(&format!("jose_cookbook/{name}"))
}

/// RFC 7520, sections 4.1 and 4.4; RFC 8037, appendix A.4.
#[test]
fn jw_1_the_cookbooks_signatures_are_reproduced() {
    for (name, algorithm) in [
        ("jws_4_1.rsa_v15_signature.json", Algorithm::Rs256),
        ("jws_4_4.hmac-sha2_integrity_protection.json", Algorithm::Hs256),
        ("curve25519_jws.json", Algorithm::EdDsa),
    ] {
        let Some(example) = example(name) else { continue };
        let key = SigningKey::from_jwk(&example["input"]["key"].to_string()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let signing = &example["signing"];
        let signature = key.signature(text(signing, "sig-input").as_bytes()).unwrap();
        assert_eq!(Base64UrlUnpadded::encode_string(&signature), text(signing, "sig"), "{name}");

        let compact = text(&example["output"], "compact");
        let payload = verify(key.verifying_key(), compact).unwrap();
        assert_eq!(payload, text(&example["input"], "payload").as_bytes());
        // And an access token it is not.
        let refused = Compact::parse(compact).unwrap_err();
        assert_eq!(refused, JwtError::Type, "{name}");
        for form in ["json", "json_flat"] {
            let json = example["output"][form].to_string();
            assert_eq!(verify(key.verifying_key(), &json), Err(JwtError::Form), "{name}: {form}");
        }
    }
}

/// RFC 7520, sections 4.2 and 4.3: other algorithms; 4.5 to 4.8: detached, unprotected and many signatures.
#[test]
fn jw_14_the_cookbooks_other_forms_are_refused() {
    for (name, rule) in [
        ("jws_4_2.rsa-pss_signature.json", "Algorithm"),
        ("jws_4_3.ecdsa_signature.json", "key: Kind"),
        ("jws_4_5.signature_with_detached_content.json", "Signature"),
        ("jws_4_6.protecting_specific_header_fields.json", "Form"),
        ("jws_4_7.protecting_content_only.json", "Form"),
        ("jws_4_8.multiple_signatures.json", "Form"),
    ] {
        let Some(example) = example(name) else { continue };
        let (key, output) = (&example["input"]["key"], &example["output"]);
        let key = key.as_array().map_or(key, |keys| &keys[0]);
        let jws = output
            .get("compact")
            .map_or_else(|| output["json"].to_string(), |_| text(output, "compact").into());
        let found = match SigningKey::from_jwk(&key.to_string()) {
            Ok(key) => format!("{:?}", verify(key.verifying_key(), &jws).unwrap_err()),
            Err(error) => format!("key: {error:?}"),
        };
        assert_eq!(found, rule, "{name}");
    }
}

/// RFC 7797, section 4.2, with its payload as it is, and the same in compact form.
#[test]
fn jw_6_the_cookbooks_unencoded_payload_is_refused() {
    for name in ["rfc7797_4.2.hmac-sha2_b64_false.json", "rfc7797_hmac-sha2_b64_false.json"] {
        let Some(example) = example(name) else { continue };
        let mut key = example["input"]["key"].clone();
        key["kid"] = json!("k");
        let key = VerifyingKey::from_jwk(&key.to_string()).unwrap();
        let signing = &example["signing"];
        let (head, signature) = (text(signing, "protected_b64u"), text(signing, "sig"));
        for payload in ["", "JC4wMg"] {
            assert_eq!(
                verify(&key, &format!("{head}.{payload}.{signature}")),
                Err(JwtError::Critical),
                "{name}"
            );
        }
    }
}

/// RFC 7520, section 3: keys. Those of P-521 and those to encrypt with are no keys here.
#[test]
fn jw_18_the_cookbooks_keys() {
    for (name, rule) in [
        ("jwk_3_1.ec_public_key.json", Err(KeyLoadError::Kind)),
        ("jwk_3_2.ec_private_key.json", Err(KeyLoadError::Private)),
        ("jwk_3_3.rsa_public_key.json", Ok(Algorithm::Rs256)),
        ("jwk_3_4.rsa_private_key.json", Err(KeyLoadError::Private)),
        ("jwk_3_5.symmetric_key_mac_computation.json", Ok(Algorithm::Hs256)),
        ("jwk_3_6.symmetric_key_encryption.json", Err(KeyLoadError::Kind)),
    ] {
        let Some(key) = example(name) else { continue };
        let found = VerifyingKey::from_jwk(&key.to_string()).map(|key| key.algorithm());
        assert_eq!(found, rule, "{name}");
    }
    if let (Some(public), Some(private)) =
        (example("jwk_3_3.rsa_public_key.json"), example("jwk_3_4.rsa_private_key.json"))
    {
        let public = VerifyingKey::from_jwk(&public.to_string()).unwrap();
        let private = SigningKey::from_jwk(&private.to_string()).unwrap();
        assert_eq!(private.verifying_key().public_bytes(), public.public_bytes());
        let token = private.sign(&claims()).unwrap();
        assert_eq!(Compact::parse(token.expose()).unwrap().verify(&public), Ok(claims()));
    }
}
