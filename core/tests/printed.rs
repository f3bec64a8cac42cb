//! What is printed of what holds secrets: which one it is, and nothing else. (That no secret stands anywhere is searched in
//! `secrets.rs`.)

use std::time::Duration;

use doorward_core::id::AccountId;
use doorward_core::model::source::{SourceBuckets, SourcePolicy};
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::introspect::Introspect;
use doorward_core::operation::issue::Issue;
use doorward_core::operation::jwks::Jwks;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::open_session::OpenSession;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::refresh::Refresh;
use doorward_core::operation::revoke_token::RevokeToken;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::session_data::{SessionData, UpdateSessionData};
use doorward_core::operation::verify::{Digested, TokenDigest, Verify};
use doorward_core::password::{Argon2Params, HashMemory, Password, PasswordHash};
use doorward_core::record::Key;
use doorward_core::secret::{Pepper, Seed};
use doorward_core::token::jwt::{Algorithm, SigningKey, Verifier};
use doorward_core::web::cookie::Cookie;
use doorward_core::web::reply::Replies;
use doorward_core::web::target::ReturnTarget;

use crate::support::tokens::{API, Person, at_home, kid_of};
use crate::support::{RIGHT, START};

const TOKEN: &str = "dws_QWxhZGRpbjpvcGVuIHNlc2FtZQ";

#[test]
fn inv_30_an_operation_prints_its_name_and_what_is_public_of_it() {
    let nobody = AccountId::from_bytes([9; 16]);
    let printed = [
        format!("{:?}", Authenticate::new(TOKEN)),
        format!("{:?}", ChangePassword::new(TOKEN, RIGHT, RIGHT)),
        format!("{:?}", Logout::new(TOKEN)),
        format!("{:?}", Reauthenticate::new(TOKEN, RIGHT)),
        format!("{:?}", RotateSession::new(TOKEN)),
        format!("{:?}", SessionData::new(TOKEN)),
        format!("{:?}", OpenSession::new(b"plums")),
        format!("{:?}", UpdateSessionData::new(TOKEN, b"plums")),
        format!("{:?}", LogoutEverywhere::new(nobody).keep(TOKEN)),
        format!("{:?}", Issue::new(TOKEN, "web", API)),
        format!("{:?}", Refresh::new(TOKEN, "web")),
        format!("{:?}", RevokeToken::new(TOKEN, "web")),
        format!("{:?}", Introspect::new(TOKEN).audience(API)),
        format!("{:?}", Verify::new(TOKEN, API)),
        format!("{:?}", TokenDigest::of(TOKEN)),
        format!("{:?}", Digested::of(TOKEN)),
    ];
    let expected = [
        "Authenticate(..)",
        "ChangePassword(..)",
        "Logout(..)",
        "Reauthenticate(..)",
        "RotateSession(..)",
        "SessionData(..)",
        "OpenSession { bytes: 5, .. }",
        "UpdateSessionData { bytes: 5, .. }",
        "LogoutEverywhere { account: AccountId(09090909090909090909090909090909), .. }",
        r#"Issue { client: Ok(ClientId("web")), .. }"#,
        r#"Refresh { client: Ok(ClientId("web")), .. }"#,
        r#"RevokeToken { client: Ok(ClientId("web")), .. }"#,
        r#"Introspect { audience: Some("https://api.example"), .. }"#,
        r#"Verify { audience: "https://api.example", .. }"#,
        "TokenDigest(..)",
        "Digested(..)",
    ];
    assert_eq!(printed, expected);
    let login = format!("{:?}", Login::new("ada", RIGHT).previous(TOKEN));
    let public = r#"Login { name: Ok(LoginName(ada)), password: Ok(Password(..)), source: None, label: None, scope: Scope("")"#;
    assert!(login.starts_with(public) && login.contains("previous: Some(..)"), "{login}");
}

#[test]
fn inv_30_a_key_a_password_and_a_seed_print_what_they_are_called() {
    let printed = [
        format!("{:?}", SigningKey::from_secret("shared", &[7; 32]).unwrap()),
        format!("{:?}", SigningKey::from_secret("shared", &[7; 32]).unwrap().verifying_key()),
        format!("{START:?}"),
        format!("{:?}", Pepper::new(7, [7; 32])),
        format!("{:?}", Seed::from_bytes([7; 32])),
        format!("{:?}", Password::new(RIGHT).unwrap()),
        format!("{:?}", PasswordHash::decoy(&Argon2Params::default(), [0; 16], [0; 32])),
        format!("{:?}", HashMemory::default()),
        [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256]
            .map(|algorithm| algorithm.to_string())
            .join(" "),
        ReturnTarget::parse("/plums?ripe=1").unwrap().to_string(),
        format!("{:?}", Cookie::plain_http().set("secret", Duration::from_secs(1)).unwrap()),
        format!("{:?}", SourceBuckets::new(&SourcePolicy::default())),
    ];
    let expected = [
        r#"SigningKey("shared", HS256)"#,
        r#"VerifyingKey("shared", HS256)"#,
        "1800000000000 ms",
        "Pepper(7, ..)",
        "Seed(..)",
        "Password(..)",
        "PasswordHash { params: Argon2Params { memory_kib: 19456, passes: 2, lanes: 1 }, .. }",
        "HashMemory { held_kib: 0, .. }",
        "EdDSA ES256 HS256",
        "/plums?ripe=1",
        "SetCookie(..)",
        "SourceBuckets { remembered: 0, .. }",
    ];
    assert_eq!(printed, expected);
}

#[test]
fn inv_30_what_a_session_has_granted_prints_its_ids() {
    let (mut world, ada) = at_home();
    let issued = world.run(Issue::new(&ada.token, "web", API).with_refresh()).unwrap().unwrap();
    let proven = world.run(Verify::new(issued.access.expose(), API)).unwrap().unwrap();
    let jwks = world.run(Jwks::new()).unwrap();
    let plan = Replies::default().issued(&issued, world.now);
    let Person { account, session, .. } = ada;
    let (access, kid) = (proven.access(), kid_of(&issued));
    let verifier = Verifier::new(jwks.to_json(), "doorward", API).unwrap();
    let printed =
        [format!("{plan:?}"), format!("{:?}", plan.body), format!("{access:?}"), format!("{verifier:?}")];
    let of = format!("account: {account:?}, session: {session:?}, token: {:?}", access.token);
    let expected = [
        "Plan { status: 200, location: None, cookies: [], .. }".to_owned(),
        r#"Some(Body { content_type: "application/json", .. })"#.to_owned(),
        format!(
            r#"Access {{ {of}, client: ClientId("web"), scope: Scope("read write"), expires: 1800000600000 ms, .. }}"#
        ),
        format!(
            r#"Verifier {{ issuer: "doorward", audience: "{API}", keys: [VerifyingKey("{kid}", EdDSA)], .. }}"#
        ),
    ];
    assert_eq!(printed, expected);
}

#[test]
fn inv_30_a_row_prints_what_it_is_about() {
    let (mut world, ada) = at_home();
    world.run(Login::new("ada", RIGHT).remember_device()).unwrap().unwrap();
    world.run(Issue::new(&ada.token, "web", API).with_refresh()).unwrap().unwrap();
    let record = |key: &Key| format!("{:?}", world.map.rows[key].record);
    let (now, family) =
        ("1800000000000 ms", world.map.rows[&Key::Grants(ada.session)].grants().unwrap().families[0].id);
    assert_eq!(
        record(&Key::Credential(ada.account)),
        format!("Credential(CredentialRecord {{ set: {now}, .. }})")
    );
    assert_eq!(
        record(&Key::Session(ada.session)),
        format!(
            "Session(SessionRecord {{ generation: 1, created: {now}, last_seen: {now}, absolute_end: 1800086400000 ms, .. }})"
        )
    );
    assert_eq!(
        record(&Key::Grants(ada.session)),
        format!(
            r#"Grants(GrantsRecord {{ opened: 1, families: [Family {{ id: {family:?}, generation: 1, rotated: {now}, client: ClientId("web"), .. }}], revoked: [] }})"#
        )
    );
    let device = world.map.rows[&Key::Devices(ada.account)].devices().unwrap().devices[0].clone();
    let (id, expires) = (device.id, device.expires);
    assert_eq!(format!("{device:?}"), format!("KnownDevice {{ id: {id:?}, expires: {expires:?}, .. }}"));
    let keyring = record(&Key::Keyring);
    assert!(
        keyring.starts_with("Keyring(KeyringRecord { checks: [KeyCheck { number: 1, value: ["),
        "{keyring}"
    );
    assert!(keyring.ends_with("], peppers: [], .. })"), "{keyring}");
    let entry = &world.map.rows[&Key::Keyring].keyring().unwrap().signing[0];
    let (kid, from) = (&entry.kid, entry.active_from);
    assert_eq!(
        format!("{entry:?}"),
        format!("SigningEntry {{ kid: {kid:?}, algorithm: EdDsa, active_from: {from:?}, .. }}")
    );
}
