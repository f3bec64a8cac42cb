//! JW-12: every kind of token against every verifier. Only the diagonal is accepted.

use super::*;
use crate::id::{AccountId, DeviceId, SessionId};
use crate::secret::{MasterKey, MasterKeys};
use crate::token::opaque::{Claim, Purpose, mint_device, mint_session};

#[test]
fn jw_12_kinds_of_tokens_exclude_each_other() {
    let master = MasterKeys::new(MasterKey::new(1, [1; 32]));
    let (account, salt) = (AccountId::from_bytes([2; 16]), [7; 16]);
    let session = mint_session(&master, Some(account), SessionId::from_bytes([3; 16]), 1, &salt);
    let device = mint_device(&master, account, DeviceId::from_bytes([3; 16]), &salt);
    let access = keys().map(|key| key.sign(&claims()).unwrap());
    let others = [
        "JWT",
        "id_token+jwt",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "at+jwt+x",
        "at+JWTS",
        "",
        "application/jwt",
    ];
    let others = others.map(|kind| {
        let key = ed25519();
        let header = format!(r#"{{"alg":"EdDSA","typ":"{kind}","kid":"{}"}}"#, key.kid());
        crafted(&key, header.as_bytes(), claims_with("", None).as_bytes())
    });

    let mut kinds = Vec::from([
        ("session", session.expose().into()),
        ("device", device.expose().into()),
        ("refresh", session.expose().replacen("dws_", "dwr_", 1)),
    ]);
    kinds.extend(access.iter().map(|token| ("access", token.expose().into())));
    kinds.extend(others.into_iter().map(|token| ("other", token)));

    for (kind, text) in &kinds {
        let opaque = |purpose| Claim::parse(purpose, text, &master).is_ok_and(|claim| claim.proven_by(&salt));
        assert_eq!(opaque(Purpose::Session), *kind == "session", "{kind}");
        assert_eq!(opaque(Purpose::Device), *kind == "device", "{kind}");
        let accepting = keys().iter().filter(|key| accept(text, key).is_ok()).count();
        assert_eq!(accepting, usize::from(*kind == "access"), "{kind}: by its own key, and by no other");
    }
}

/// RFC 9068, section 4; media types without regard to case, by RFC 7515, section 4.1.9.
#[test]
fn jw_12_an_access_token_says_that_it_is_one() {
    for kind in ["at+jwt", "application/at+jwt", "AT+JWT", "Application/at+JWT"] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"{kind}","kid":"KID"}}"#);
        assert!(with_header(&header).is_ok(), "{kind}");
    }
    for kind in [
        r#""JWT""#,
        r#""""#,
        r#"" at+jwt""#,
        r#""at+jwt ""#,
        r#""application/application/at+jwt""#,
        r#""x/at+jwt""#,
        "null",
        "1",
        r#"["at+jwt"]"#,
        r#"{"at+jwt":1}"#,
    ] {
        let header = format!(r#"{{"alg":"EdDSA","typ":{kind},"kid":"KID"}}"#);
        assert_eq!(with_header(&header), Err(JwtError::Type), "{kind}");
    }
    assert_eq!(with_header(r#"{"alg":"EdDSA","kid":"KID"}"#), Err(JwtError::Type));
}
