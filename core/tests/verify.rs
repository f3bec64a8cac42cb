//! Verifying: what an access token opens, for how long, and what stands in its way.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::model::session::{Gone, Lifetime, Span};
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::introspect::Introspect;
use doorward_core::operation::issue::{Issue, IssueError};
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::{Ended, Logout, LogoutError};
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::revoke_token::RevokeToken;
use doorward_core::operation::rotate_keys::RotateKeys;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::verify::{Digested, Proof, Proven, TokenDigest, Verify, VerifyError};
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Kind};
use doorward_core::token::jwt::{Algorithm, JwtError, MAX_BYTES};

use crate::support::tokens::{API, OTHER_API, Person, at_home, at_home_in, logged_in, secs, with_tokens};
use crate::support::{RIGHT, Step, World, answer, environment_with, failed, millis, stamp};

/// Refused so, remembered or not, and nothing of the store is another.
fn refused(world: &mut World, token: &str, remembered: &Proven) -> VerifyError {
    let before = world.map.clone();
    let error = world.run(Verify::new(token, API)).unwrap().expect_err("it is refused");
    let again = world.run(Verify::new(token, API).remembering(remembered.clone())).unwrap();
    assert_eq!(format!("{:?}", again.expect_err("remembered or not")), format!("{error:?}"));
    assert_eq!(world.map, before);
    error
}

#[test]
fn inv_34_jw_12_no_kind_of_token_passes_for_another() {
    let (mut world, ada) = at_home();
    let device = world.run(Login::new("ada", RIGHT).remember_device()).unwrap().unwrap().device.unwrap();
    let (issued, refresh) = world.issue_both(&ada);
    let kinds = [ada.token.as_str(), &refresh, device.expose(), issued.access.expose()];
    let renamed = |from: &str, to: &str| from.replacen(&from[..4], to, 1);
    let before = world.map.clone();
    for (kind, text) in kinds.into_iter().enumerate() {
        let (opens_session, refreshes, is_access) = (kind == 0, kind == 1, kind == 3);
        let authenticated = world.run(Authenticate::new(text)).unwrap();
        assert_eq!(authenticated.is_ok(), opens_session, "{text}");
        assert!(opens_session || matches!(authenticated, Err(AuthenticateError::Token(_))));
        let verified = world.run(Verify::new(text, API)).unwrap();
        assert_eq!(verified.is_ok(), is_access, "{text}");
        assert!(is_access || matches!(verified, Err(VerifyError::Token(JwtError::Form))));
        let introspected = world.run(Introspect::new(text)).unwrap();
        assert_eq!(introspected.is_active(), is_access || refreshes, "{text}");
        if !opens_session {
            assert!(matches!(world.run(Logout::new(text)).unwrap(), Err(LogoutError::Token(_))));
            assert!(matches!(world.run(Issue::new(text, "web", API)).unwrap(), Err(IssueError::Token(_))));
        }
        if !refreshes {
            assert!(matches!(world.run(Refresh::new(text, "web")).unwrap(), Err(RefreshError::Token(_))));
        }
        if !refreshes && !is_access {
            let revoked = world.run(RevokeToken::new(text, "web")).unwrap();
            assert!(matches!(revoked, Ok(Ended::AlreadyGone)), "{revoked:?}");
        }
    }
    // Nor under another's name.
    for (text, name) in [(&refresh, "dws_"), (&refresh, "dwd_"), (&ada.token, "dwr_"), (&ada.token, "dwd_")] {
        let text = renamed(text, name);
        assert!(matches!(world.run(Authenticate::new(&text)).unwrap(), Err(AuthenticateError::Token(_))));
        assert!(matches!(world.run(Refresh::new(&text, "web")).unwrap(), Err(RefreshError::Token(_))));
        assert!(!world.run(Introspect::new(&text)).unwrap().is_active());
        assert!(matches!(world.run(RevokeToken::new(&text, "web")).unwrap(), Ok(Ended::AlreadyGone)));
    }
    assert_eq!(world.map, before);
}

#[test]
fn inv_17_a_verification_is_one_read_of_all_that_a_token_depends_on() {
    let (mut world, ada) = at_home();
    let issued = world.issue(&ada);
    world.wait(secs(120));
    let (proven, steps) = world.trace(Verify::new(issued.access.expose(), API));
    let reads = Step::Read(vec![Kind::Session, Kind::Account, Kind::Keyring, Kind::Grants]);
    assert_eq!(steps, std::slice::from_ref(&reads), "and no activity of the session");
    let proven = proven.unwrap();
    assert_eq!((proven.access().account, proven.access().session), (ada.account, ada.session));
    let (_, steps) = world.trace(Verify::new(issued.access.expose(), API).remembering(proven));
    assert_eq!(steps, [reads]);
    for kind in
        [StoreErrorKind::Retryable, StoreErrorKind::Fatal, StoreErrorKind::Corrupt, StoreErrorKind::Unknown]
    {
        let mut verify = world.machine(Verify::new(issued.access.expose(), API));
        answer(&mut verify, failed(kind));
        assert!(matches!(world.finish(verify), Err(Fault::Store(_))));
    }
}

#[test]
fn jw_10_another_audience_is_refused_remembered_or_not() {
    let (mut world, ada) = at_home();
    let issued = world.issue(&ada);
    let proven = world.verify(&issued).unwrap();
    let longer = format!("{API}/");
    for other in [OTHER_API, "", &longer, "https://API.example", "https://api.exampl"] {
        let verify = Verify::new(issued.access.expose(), other);
        let refused = world.run(verify).unwrap();
        assert!(matches!(refused, Err(VerifyError::Token(JwtError::Audience))), "{other}");
        let verify = Verify::new(issued.access.expose(), other).remembering(proven.clone());
        let refused = world.run(verify).unwrap();
        assert!(matches!(refused, Err(VerifyError::Token(JwtError::Audience))), "{other}");
    }
}

#[test]
fn inv_18_accepted_only_before_its_end_and_the_leeway() {
    for leeway in [0, 5, 60] {
        let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.leeway = secs(leeway)));
        let issued = world.issue(&ada);
        let proven = world.verify(&issued).unwrap();
        let end = issued.expires.saturating_add(secs(leeway));
        world.now = end.saturating_sub(millis(1));
        assert!(world.accepts(&issued));
        assert!(
            world.run(Verify::new(issued.access.expose(), API).remembering(proven.clone())).unwrap().is_ok()
        );
        world.now = end;
        let error = refused(&mut world, issued.access.expose(), &proven);
        assert!(matches!(error, VerifyError::Token(JwtError::Expired)));
    }
}

#[test]
fn inv_11_inv_12_a_token_dies_with_what_it_was_granted_under() {
    type End = fn(&mut World, &Person);
    let all: [(&str, End, Gone); 6] = [
        ("logout", |world, ada| _ = world.run(Logout::new(&ada.token)).unwrap(), Gone::Ended),
        (
            "everywhere",
            |world, ada| _ = world.run(LogoutEverywhere::new(ada.account)).unwrap(),
            Gone::Revoked,
        ),
        (
            "kept",
            |world, ada| _ = world.run(LogoutEverywhere::new(ada.account).keep(&ada.token)).unwrap().unwrap(),
            Gone::Revoked,
        ),
        ("deleted", |world, ada| _ = world.run(DeleteAccount::new(ada.account)).unwrap(), Gone::Revoked),
        ("global epoch", |world, _| world.map.raise(&Key::Keyring, stamp(0xee)), Gone::Revoked),
        ("purged", |world, ada| _ = world.map.rows.remove(&Key::Session(ada.session)), Gone::Ended),
    ];
    for (name, end, expected) in all {
        let (mut world, ada) = at_home();
        let (issued, _) = world.issue_both(&ada);
        let proven = world.verify(&issued).unwrap();
        end(&mut world, &ada);
        let error = refused(&mut world, issued.access.expose(), &proven);
        assert!(matches!(error, VerifyError::Gone(gone) if gone == expected), "{name}: {error:?}");
    }
}

#[test]
fn inv_7_the_leeway_lengthens_no_session() {
    let span = Span { idle: secs(120), absolute: secs(180) };
    let policy = Policy::builder().session(Lifetime::Web, span).touch_every(secs(60)).build().unwrap();
    let (mut world, ada) = at_home_in(environment_with(policy));
    let issued = world.issue(&ada);
    let proven = world.verify(&issued).unwrap();
    let alive = world.map.clone();
    for remembered in [None, Some(proven)] {
        world.map = alive.clone();
        world.now = issued.expires;
        let verify = Verify::new(issued.access.expose(), API);
        let verify = remembered.into_iter().fold(verify, Verify::remembering);
        let refused = world.run(verify).unwrap();
        assert!(matches!(refused, Err(VerifyError::Gone(Gone::Idle))), "{refused:?}");
    }
    world.map = alive;
    world.now = crate::support::START.saturating_add(secs(60));
    world.run(Authenticate::new(&ada.token)).unwrap().unwrap();
    world.wait(secs(60));
    world.run(Authenticate::new(&ada.token)).unwrap().unwrap();
    let issued = world.issue(&ada);
    world.now = crate::support::START.saturating_add(secs(180));
    let error = world.verify(&issued).unwrap_err();
    assert!(matches!(error, VerifyError::Gone(Gone::Expired)));
}

/// Another cookie for the same session: what was granted in it lives on.
#[test]
fn inv_32_a_rotated_session_keeps_its_access_tokens() {
    let (mut world, ada) = at_home();
    let issued = world.issue(&ada);
    world.run(RotateSession::new(&ada.token)).unwrap().unwrap();
    assert!(world.accepts(&issued));
}

/// The store mixed rows up, or somebody else's session stands where the token's stood.
#[test]
fn inv_29_a_session_of_another_owner_is_refused() {
    let (mut world, ada) = at_home();
    let bob = world.register("bob");
    let issued = world.issue(&ada);
    let proven = world.verify(&issued).unwrap();
    world.row(Key::Session(ada.session)).owner = Some(bob);
    assert!(matches!(refused(&mut world, issued.access.expose(), &proven), VerifyError::Gone(Gone::Ended)));
    // Another session of the same account does not stand in for it.
    let other = logged_in(&mut world, "ada");
    let other = world.issue(&other);
    assert!(world.accepts(&other));
    assert!(!world.accepts(&issued));
}

#[test]
fn inv_36_jw_19_a_retired_key_is_accepted_to_the_end_of_what_it_signed() {
    let (mut world, ada) = at_home();
    let old = world.issue(&ada);
    let proven = world.verify(&old).unwrap();
    world.run(RotateKeys::at_once()).unwrap().unwrap();
    let new = world.issue(&ada);
    assert_ne!(crate::support::tokens::kid_of(&old), crate::support::tokens::kid_of(&new));
    world.now = old.expires.saturating_add(millis(4_999));
    assert!(world.accepts(&old), "to its last millisecond");
    world.now = old.expires.saturating_add(secs(5));
    assert!(matches!(
        refused(&mut world, old.access.expose(), &proven),
        VerifyError::Token(JwtError::Expired)
    ));
    // 600 s of life, 5 s of leeway, twice 2 s of skew: then the key itself is gone.
    world.now = crate::support::START.saturating_add(millis(608_999));
    let error = refused(&mut world, old.access.expose(), &proven);
    assert!(matches!(error, VerifyError::Token(JwtError::Expired)), "{error:?}");
    world.now = crate::support::START.saturating_add(secs(609));
    let error = refused(&mut world, old.access.expose(), &proven);
    assert!(matches!(error, VerifyError::Token(JwtError::UnknownKey)), "{error:?}");
}

#[test]
fn inv_36_a_remembered_proof_is_worth_nothing_under_another_keyring() {
    let (mut world, ada) = at_home();
    let issued = world.issue(&ada);
    let proven = world.verify(&issued).unwrap();
    // Of another token, it proves nothing at all.
    let other = world.issue(&ada);
    let mut forged = other.access.expose().to_owned();
    let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
    forged.push(last);
    let error = world.run(Verify::new(&forged, API).remembering(proven.clone())).unwrap().unwrap_err();
    assert!(matches!(error, VerifyError::Token(JwtError::Signature | JwtError::Encoding)), "{error:?}");
    // The keyring was written anew, without the key.
    let doorward_core::record::Record::Keyring(record) = &mut world.row(Key::Keyring).record else {
        panic!()
    };
    record.signing[0].kid = "another".into();
    world.row(Key::Keyring).stamp = stamp(0xee);
    let error = refused(&mut world, issued.access.expose(), &proven);
    assert!(matches!(error, VerifyError::Token(JwtError::UnknownKey)), "{error:?}");
}

/// A key that has its successor already retires by the clock, without a new stamp: what was proven before knows it too.
#[test]
fn inv_36_a_remembered_proof_outlives_no_key() {
    let (mut world, _) = at_home();
    world.run(RotateKeys::new()).unwrap().unwrap();
    let overlap = secs(24 * 3600);
    world.now = crate::support::START.saturating_add(overlap).saturating_sub(secs(1));
    let ada = logged_in(&mut world, "ada");
    let issued = world.issue(&ada);
    let proven = world.verify(&issued).unwrap();
    world.now = crate::support::START.saturating_add(overlap).saturating_add(secs(609));
    let error = refused(&mut world, issued.access.expose(), &proven);
    assert!(matches!(error, VerifyError::Token(JwtError::UnknownKey)), "{error:?}");
}

/// Under the same `kid` stands another secret: only the signature tells.
#[test]
fn inv_36_a_remembered_proof_is_not_believed_under_another_secret() {
    let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.algorithm = Algorithm::Hs256));
    let issued = world.issue(&ada);
    let proven = world.verify(&issued).unwrap();
    let doorward_core::record::Record::Keyring(record) = &mut world.row(Key::Keyring).record else {
        panic!()
    };
    record.signing[0].salt = [0xee; 16];
    world.row(Key::Keyring).stamp = stamp(0xee);
    let error = refused(&mut world, issued.access.expose(), &proven);
    assert!(matches!(error, VerifyError::Token(JwtError::Signature)), "{error:?}");
}

#[test]
fn a_proof_of_another_token_is_no_help_and_no_harm() {
    let (mut world, ada) = at_home();
    let one = world.issue(&ada);
    let one = world.verify(&one).unwrap();
    let other = logged_in(&mut world, "ada");
    let issued = world.issue(&other);
    let verify = Verify::new(issued.access.expose(), API).remembering(one.clone());
    assert_eq!(world.run(verify).unwrap().unwrap().access().session, other.session);
    // Nor where a verification is not an operation.
    let (keyring, environment) = (world.row(Key::Keyring).clone(), Arc::clone(&world.environment));
    let (policy, keys) = (&environment.policy, &environment.keys);
    let proof = Proof { keyring: &keyring, policy, keys, now: world.now };
    let proven = proof.of(Digested::of(issued.access.expose()), Some(&one)).unwrap();
    assert_eq!(proven.access().session, other.session);
}

/// What a stranger sends is neither hashed nor copied whole before its length is looked at.
#[test]
fn of_a_text_that_is_too_long_no_more_is_looked_at_than_tells_so() {
    let of = |text: &str| Digested::of(text).digest();
    for letter in ["a", "é", "€", "𝄞"] {
        let long = letter.repeat(MAX_BYTES);
        for more in ["", letter, "b"] {
            assert_eq!(of(&format!("b{long}{more}")), of(&format!("b{long}")), "{letter}");
        }
        let (mut world, _) = at_home();
        for text in [format!("b{long}"), long.repeat(9)] {
            let refused = world.run(Verify::new(&text, API)).unwrap().unwrap_err();
            assert!(matches!(refused, VerifyError::Token(JwtError::TooLong)), "{refused:?}");
        }
    }
    // The longest that may be one is looked at whole.
    let whole = "a".repeat(MAX_BYTES - 1);
    assert_ne!(of(&format!("{whole}a")), of(&format!("{whole}b")));
    assert_eq!(of(&format!("{whole}a")), TokenDigest::of(&format!("{whole}a")));
}

#[test]
fn tokens_are_spread_over_all_shards() {
    let shards: BTreeSet<usize> =
        (0..200).map(|number| TokenDigest::of(&number.to_string()).spread(7)).collect();
    assert!(shards.into_iter().eq(0..7));
    assert_eq!([0, 1].map(|shards| TokenDigest::of("a").spread(shards)), [0, 0]);
    let most = (0..200).map(|number| TokenDigest::of(&number.to_string()).spread(1 << 20)).max();
    assert!(most > Some(1 << 19), "two bytes of it would reach 65,535");
}

/// The row that would know of its revocation is not there: that means no.
#[test]
fn inv_17_a_token_of_a_family_is_worth_nothing_without_the_grants() {
    let (mut world, ada) = at_home();
    let (of_family, alone) = (world.issue_both(&ada).0, world.issue(&ada));
    let proven = world.verify(&of_family).unwrap();
    world.map.rows.remove(&Key::Grants(ada.session));
    assert!(matches!(
        refused(&mut world, of_family.access.expose(), &proven),
        VerifyError::Gone(Gone::Revoked)
    ));
    assert!(world.accepts(&alone), "it came of none");
}

/// n − s of the same signature verifies, too: another text with the same meaning.
#[test]
fn jw_17_the_twin_of_a_revoked_token_is_revoked() {
    let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.algorithm = Algorithm::Es256));
    let issued = world.issue(&ada);
    let (said, signature) = issued.access.expose().rsplit_once('.').unwrap();
    let mut bytes = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let mut borrow = 0;
    for (s, n) in bytes[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let twin = format!("{said}.{}", Base64UrlUnpadded::encode_string(&bytes));
    assert_ne!(twin, issued.access.expose());
    assert!(world.run(Verify::new(&twin, API)).unwrap().is_ok(), "else this test proves nothing");
    world.run(RevokeToken::new(issued.access.expose(), "web")).unwrap().unwrap();
    for text in [issued.access.expose(), &twin] {
        let refused = world.run(Verify::new(text, API)).unwrap();
        assert!(matches!(refused, Err(VerifyError::Gone(Gone::Revoked))), "{refused:?}");
        assert_eq!(world.run(Introspect::new(text)).unwrap().to_json(), r#"{"active":false}"#);
    }
}

/// The order of P-256 (FIPS 186-5).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
