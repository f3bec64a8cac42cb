//! Signing keys: next, active, retired, gone by the clock; master keys that come and go; keys of the host's own.

use std::sync::Arc;

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::machine::Environment;
use doorward_core::model::keyring::KeyringRecord;
use doorward_core::model::signing::KeyState;
use doorward_core::operation::issue::{Issue, IssueError, Issued};
use doorward_core::operation::jwks::Jwks;
use doorward_core::operation::open::Open;
use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward_core::operation::rotate_keys::{RotateKeys, RotateKeysError};
use doorward_core::operation::verify::VerifyError;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Record, RecordError, Row};
use doorward_core::secret::{KeyError, MasterKeys};
use doorward_core::token::jwt::{Algorithm, JwtError, SigningKey, Verifier};
use serde_json::Value;

use crate::support::tokens::{
    API, Person, at_home, at_home_in, engine, header, kid_of, logged_in, ring, secs, tokens, with_tokens,
};
use crate::support::{START, World, answer, ask_at, environment, environment_with, failed, millis, stamp};

const DAY: u64 = 24 * 3600;

fn keyring(world: &World) -> &KeyringRecord {
    world.map.rows[&Key::Keyring].keyring().unwrap()
}

fn state(world: &World, kid: &str) -> Option<KeyState> {
    keyring(world).state_of(kid, &world.environment.policy, world.now)
}

fn kids(world: &World) -> Vec<String> {
    keyring(world).signing.iter().map(|entry| entry.kid.clone()).collect()
}

fn rotate(world: &mut World, how: RotateKeys) -> bool {
    world.run(how).unwrap().unwrap().is_new
}

/// Her session ends within a day: she comes again.
fn issue_now(world: &mut World) -> Issued {
    let ada = logged_in(world, "ada");
    world.issue(&ada)
}

fn published(world: &mut World) -> Vec<Value> {
    let json: Value = serde_json::from_str(world.run(Jwks::new()).unwrap().to_json()).unwrap();
    json["keys"].as_array().unwrap().clone()
}

#[test]
fn inv_36_jw_19_a_key_is_next_active_retired_and_gone_by_the_clock_alone() {
    let (mut world, _) = at_home();
    let old = kids(&world)[0].clone();
    assert!(rotate(&mut world, RotateKeys::new()));
    let new = kids(&world)[1].clone();
    assert!(!rotate(&mut world, RotateKeys::new()), "one is to come");
    assert!(!rotate(&mut world, RotateKeys::when_due()));
    let written = world.map.rows[&Key::Keyring].clone();
    let life = [
        (0, [Some(KeyState::Active), Some(KeyState::Next)], &old),
        (DAY * 1000 - 1, [Some(KeyState::Active), Some(KeyState::Next)], &old),
        (DAY * 1000, [Some(KeyState::Retired), Some(KeyState::Active)], &new),
        (DAY * 1000 + 608_999, [Some(KeyState::Retired), Some(KeyState::Active)], &new),
        (DAY * 1000 + 609_000, [None, Some(KeyState::Active)], &new),
    ];
    let mut last = None;
    for (at, states, signs) in life {
        world.now = START.saturating_add(millis(at));
        assert_eq!([&old, &new].map(|kid| state(&world, kid)), states, "at {at}");
        let published: Vec<Value> = published(&mut world).iter().map(|key| key["kid"].clone()).collect();
        assert_eq!(published.len(), states.iter().flatten().count(), "at {at}");
        let issued = issue_now(&mut world);
        assert_eq!(kid_of(&issued), *signs, "at {at}");
        assert!(world.accepts(&issued));
        if at == DAY * 1000 - 1 {
            last = Some(issued);
        } else if at == DAY * 1000 {
            assert!(world.accepts(last.as_ref().unwrap()), "what the old key signed last");
        }
    }
    assert_eq!(world.map.rows[&Key::Keyring], written, "no write but the first");
}

#[test]
fn of_two_instances_that_rotate_at_once_the_second_finds_it_done() {
    let (mut world, _) = at_home();
    world.wait(secs(29 * DAY));
    let machines = [(); 2].map(|()| {
        let mut machine = world.machine(RotateKeys::when_due());
        world.step_to_commit(&mut machine);
        machine
    });
    let [one, other] = machines.map(|machine| world.finish(machine).unwrap().unwrap());
    assert!(one.is_new && !other.is_new);
    assert_eq!(one.active_from, other.active_from);
    assert_eq!(kids(&world).len(), 2);
}

#[test]
fn maintenance_makes_a_key_an_overlap_before_it_is_time_and_not_sooner() {
    let (mut world, _) = at_home();
    world.wait(millis(29 * DAY * 1000 - 1));
    assert!(!rotate(&mut world, RotateKeys::when_due()));
    world.wait(millis(1));
    assert!(rotate(&mut world, RotateKeys::when_due()));
    let from = keyring(&world).signing[1].active_from;
    assert_eq!(from, START.saturating_add(secs(30 * DAY)));
    world.now = from;
    assert!(!rotate(&mut world, RotateKeys::when_due()));
    world.wait(secs(29 * DAY));
    assert!(rotate(&mut world, RotateKeys::when_due()));
    assert_eq!(kids(&world).len(), 2, "the one that is gone made room");
}

/// A store that cannot be written to opens all the same when it is time for another key, which can wait; but not when it has
/// to learn a master key.
#[test]
fn a_full_disk_opens_although_it_is_time_for_a_key() {
    for (numbers, opens) in [(&[1][..], true), (&[2, 1], false)] {
        let (mut world, _) = at_home_in(engine(&[1]));
        world.wait(secs(29 * DAY));
        world.become_engine(engine(numbers));
        let mut machine = world.machine(Open::new());
        world.step_to_commit(&mut machine);
        answer(&mut machine, failed(StoreErrorKind::Fatal));
        assert_eq!(ask_at(&mut machine, world.now).done().is_ok(), opens, "{numbers:?}");
        assert_eq!(kids(&world).len(), 1);
    }
}

/// An instance whose clock is behind had no key for what another had just made: it replaced the key, and what that had
/// signed was refused; or it could sign nothing.
#[test]
fn inv_36_a_clock_behind_replaces_no_key_and_signs_with_it() {
    for behind in [2_000, 300_000] {
        let (mut world, ada) = at_home();
        let issued = world.issue(&ada);
        let before = kids(&world);
        world.now = START.saturating_sub(millis(behind));
        world.run(Open::new()).unwrap();
        assert!(!rotate(&mut world, RotateKeys::when_due()) && !rotate(&mut world, RotateKeys::new()));
        assert_eq!(kids(&world), before);
        let theirs = world.issue(&ada);
        assert_eq!(kid_of(&theirs), kid_of(&issued));
        world.now = START;
        assert!(world.accepts(&issued) && world.accepts(&theirs));
        world.run(RevokeAllTokens::new()).unwrap();
        world.now = START.saturating_sub(millis(behind));
        let after = world.issue(&ada);
        assert!(world.accepts(&after));
    }
}

/// A store made by a clock that was ten days ahead: the key of that time signed on, was never due, and the one after it,
/// which begins earlier, could not sign.
#[test]
fn inv_36_a_key_of_a_time_that_was_never_to_come_is_followed_in_order() {
    let (mut world, ada) = at_home();
    world.now = START.saturating_sub(secs(10 * DAY));
    let old = world.issue(&ada);
    assert!(rotate(&mut world, RotateKeys::when_due()), "it is due at once");
    assert_eq!(kid_of(&world.issue(&ada)), kids(&world)[0], "the overlap first");
    assert!(!rotate(&mut world, RotateKeys::when_due()));
    world.wait(secs(DAY - 1));
    let last = world.issue(&ada);
    world.wait(secs(1));
    let new = world.issue(&ada);
    let made = kids(&world);
    for (token, key) in [(&old, &made[0]), (&last, &made[0]), (&new, &made[1])] {
        assert_eq!(kid_of(token), *key);
    }
    assert!(world.accepts(&last) && world.accepts(&new), "no rotation kills");
}

#[test]
fn sixty_four_keys_are_enough_and_rotating_further_is_refused() {
    let (mut world, ada) = at_home();
    let first = world.issue(&ada);
    for _ in 1..64 {
        assert!(rotate(&mut world, RotateKeys::at_once()));
        world.wait(millis(1));
    }
    let before = world.map.clone();
    for how in [RotateKeys::at_once(), RotateKeys::new()] {
        assert!(matches!(world.run(how).unwrap(), Err(RotateKeysError::Full)));
    }
    assert_eq!(world.map, before);
    assert!(world.accepts(&first), "nothing that was signed dies of it");
    let issued = world.issue(&ada);
    world.run(RevokeAllTokens::new()).unwrap();
    assert_eq!(kids(&world).len(), 1);
    assert!(!world.accepts(&first) && !world.accepts(&issued));
}

/// A key that is to sign soon signs at once, and no third one is made.
#[test]
fn a_key_that_is_to_come_comes_at_once() {
    let (mut world, _) = at_home();
    assert!(rotate(&mut world, RotateKeys::new()));
    let made = kids(&world);
    let soon = world.now.saturating_add(world.environment.policy.tokens().overlap);
    assert_eq!(keyring(&world).signing[1].active_from, soon);
    world.run(RotateKeys::at_once()).unwrap().unwrap();
    assert_eq!((kids(&world), keyring(&world).signing[1].active_from), (made, world.now));
}

/// [1], [1, 2], [2, 1], [2]: no token is refused before key 1 is taken out, and then all of its tokens are at once.
#[test]
fn inv_36_a_master_key_moves_on_in_phases() {
    let (mut world, ada) = at_home_in(engine(&[1]));
    let (one, mut refresh) = world.issue_both(&ada);
    for phase in [&[1, 2][..], &[2, 1], &[1, 2], &[2, 1]] {
        world.become_engine(engine(phase));
        world.run(Open::new()).unwrap();
        assert!(world.accepts(&one), "{phase:?}");
        refresh = world.turn(&refresh);
        let both = world.issue(&ada);
        assert!(world.accepts(&both));
        assert_eq!(keyring(&world).signing.len(), 1 + usize::from(phase[0] == 2 || kids(&world).len() > 1));
    }
    let masters: Vec<u32> = keyring(&world).signing.iter().map(|entry| entry.master).collect();
    assert_eq!(masters, [1, 2], "one that comes late to the new key does not go back to the old one");
    let before = world.issue(&ada);
    assert_eq!(kid_of(&before), kids(&world)[0], "the overlap first");
    world.become_engine(engine(&[2]));
    world.run(Open::new()).unwrap();
    for token in [&one, &before] {
        let refused = world.verify(token);
        assert!(matches!(refused, Err(VerifyError::Token(JwtError::UnknownKey))), "{refused:?}");
    }
    world.turn(&refresh);
    let fresh = logged_in(&mut world, "ada");
    let token = world.issue(&fresh);
    assert!(world.accepts(&token));
    world.become_engine(engine(&[1]));
    let refused = world.verify(&token);
    assert!(matches!(refused, Err(VerifyError::Token(JwtError::UnknownKey))), "{refused:?}");
}

/// Two instances, one of which has not heard of the new key's rank yet, do not make keys against each other.
#[test]
fn inv_36_a_master_key_does_not_move_back() {
    let (mut world, _) = at_home_in(engine(&[1]));
    for phase in [&[1, 2][..], &[2, 1]] {
        world.become_engine(engine(phase));
        world.run(Open::new()).unwrap();
    }
    world.now = keyring(&world).signing[1].active_from;
    for _ in 0..3 {
        world.become_engine(engine(&[1, 2]));
        assert!(!rotate(&mut world, RotateKeys::when_due()));
        world.become_engine(engine(&[2, 1]));
        assert!(!rotate(&mut world, RotateKeys::when_due()));
    }
    let issued = issue_now(&mut world);
    assert_eq!(kid_of(&issued), kids(&world)[1]);
}

#[test]
fn jw_3_another_algorithm_follows_after_the_overlap_and_both_are_accepted() {
    for (one, other) in [
        (Algorithm::EdDsa, Algorithm::Es256),
        (Algorithm::Es256, Algorithm::Hs256),
        (Algorithm::Hs256, Algorithm::EdDsa),
    ] {
        let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.algorithm = one));
        let old = world.issue(&ada);
        assert_eq!(header(old.access.expose())["alg"], one.name());
        world.become_engine(with_tokens(|tokens| tokens.algorithm = other));
        world.run(Open::new()).unwrap();
        assert!(world.accepts(&old));
        world.now = keyring(&world).signing[1].active_from;
        let new = issue_now(&mut world);
        assert_eq!(header(new.access.expose())["alg"], other.name());
        assert!(world.accepts(&new));
        assert!(!rotate(&mut world, RotateKeys::when_due()));
    }
}

/// A secret has no public half to be kept: one that retired two keys ago is derived by whoever reads the keyring anew.
#[test]
fn jw_3_what_retired_long_ago_is_accepted_by_who_comes_anew() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256] {
        let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.algorithm = algorithm));
        let issued = world.issue(&ada);
        for _ in 0..2 {
            assert!(rotate(&mut world, RotateKeys::at_once()));
            world.wait(millis(1));
        }
        world.become_engine(with_tokens(|tokens| tokens.algorithm = algorithm));
        assert!(world.accepts(&issued), "{algorithm:?}");
    }
}

#[test]
fn jw_18_the_jwks_has_no_private_member_and_no_secret() {
    let allowed = ["kty", "crv", "x", "y", "kid", "alg", "use", "key_ops", "n", "e"];
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let (mut world, _) = at_home_in(with_tokens(|tokens| tokens.algorithm = algorithm));
        rotate(&mut world, RotateKeys::new());
        let keys = published(&mut world);
        assert_eq!(keys.len(), 2);
        for key in &keys {
            let names: Vec<&String> = key.as_object().unwrap().keys().collect();
            assert!(names.iter().all(|name| allowed.contains(&name.as_str())), "{names:?}");
        }
    }
    let (mut world, _) = at_home_in(with_tokens(|tokens| tokens.algorithm = Algorithm::Hs256));
    assert!(published(&mut world).is_empty());
    let own = ring(&[1]).signing_key(SigningKey::from_secret("shared", &[7; 32]).unwrap()).unwrap();
    world.become_engine(Arc::new(Environment { policy: world.environment.policy.clone(), keys: own }));
    assert!(published(&mut world).is_empty());
}

/// RFC 8037, appendix A.1, as PKCS#8.
const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

#[test]
fn jw_2_a_key_of_the_hosts_own_signs_and_what_others_signed_is_accepted() {
    for own in [
        SigningKey::from_pem(PEM, Algorithm::EdDsa).unwrap(),
        SigningKey::from_secret("shared", &[7; 32]).unwrap(),
    ] {
        let (mut world, ada) = at_home();
        let derived = world.issue(&ada);
        let keys = Arc::new(Environment {
            policy: Policy::default(),
            keys: support_keys().signing_key(own.clone()).unwrap(),
        });
        world.become_engine(keys);
        let issued = world.issue(&ada);
        assert_eq!(kid_of(&issued), own.kid());
        assert!(world.accepts(&issued) && world.accepts(&derived));
        world.wait(secs(40 * DAY));
        assert!(!rotate(&mut world, RotateKeys::when_due()), "its rotation is the host's affair");
        world.now = START;
        let is_public = own.algorithm() != Algorithm::Hs256;
        let shown: Vec<Value> = published(&mut world).iter().map(|key| key["kid"].clone()).collect();
        assert_eq!(shown.contains(&own.kid().into()), is_public);
        world.run(RevokeAllTokens::new()).unwrap();
        assert!(!world.accepts(&issued), "the key is the same, the tokens are not");
        // Another engine that was not given the key.
        let issued = world.issue(&ada);
        world.become_engine(environment());
        assert!(matches!(world.verify(&issued), Err(VerifyError::Token(JwtError::UnknownKey))));
    }
}

/// A verifier that takes HS256 beside public keys can be shown a public key as a secret (RFC 8725, 3.1).
#[test]
fn jw_2_public_keys_stand_beside_public_ones_and_secrets_beside_secrets() {
    let public = || {
        [PEM, include_str!("keys/p256.pem")].map(|pem| {
            let algorithm = if pem == PEM { Algorithm::EdDsa } else { Algorithm::Es256 };
            SigningKey::from_pem(pem, algorithm).unwrap()
        })
    };
    let secret = || ["one", "two"].map(|kid| SigningKey::from_secret(kid, &[7; 32]).unwrap());
    let add = |keys: [SigningKey; 2]| keys.into_iter().try_fold(support_keys(), MasterKeys::signing_key);
    let mixed = |one: SigningKey, two: SigningKey| matches!(add([one, two]), Err(KeyError::MixedSigning));
    assert!(add(public()).is_ok() && add(secret()).is_ok());
    let ([public, _], [secret, _]) = (public(), secret());
    assert!(mixed(public.clone(), secret.clone()) && mixed(secret, public));
}

/// The documentation promised that new keys end every token for everybody. A verifier without a store has the keys alone, and
/// those of a set that may be old; and a key of the host's own is in the new set too.
#[test]
fn inv_44_who_verifies_elsewhere_hears_of_new_keys_by_the_set_and_of_the_hosts_own_never() {
    let accepts = |jwks: &str, issued: &Issued, now| {
        Verifier::new(jwks, "doorward", API).unwrap().verify(issued.access.expose(), now).is_ok()
    };
    for own in [None, Some(SigningKey::from_pem(PEM, Algorithm::EdDsa).unwrap())] {
        let is_own = own.is_some();
        let keys = own.into_iter().fold(support_keys(), |keys, own| keys.signing_key(own).unwrap());
        let (mut world, ada) = at_home_in(Arc::new(Environment { policy: Policy::default(), keys }));
        let issued = world.issue(&ada);
        let old = world.run(Jwks::new()).unwrap();
        world.run(RevokeAllTokens::new()).unwrap();
        let new = world.run(Jwks::new()).unwrap();
        assert!(!world.accepts(&issued), "no engine accepts it");
        assert!(accepts(old.to_json(), &issued, world.now));
        assert_eq!(accepts(new.to_json(), &issued, world.now), is_own);
        let end = issued.expires.saturating_add(secs(5));
        assert!(!accepts(old.to_json(), &issued, end) && !accepts(new.to_json(), &issued, end));
    }
}

/// The keys of [`environment`].
fn support_keys() -> doorward_core::secret::MasterKeys {
    doorward_core::secret::MasterKeys::new(doorward_core::secret::MasterKey::new(1, [0x5a; 32]))
}

#[test]
fn inv_17_without_a_key_that_can_sign_nothing_is_issued() {
    let (mut world, ada) = at_home();
    let Record::Keyring(record) = &mut world.row(Key::Keyring).record else { panic!() };
    record.signing.clear();
    world.row(Key::Keyring).stamp = stamp(0xee);
    let refused = world.run(Issue::new(&ada.token, "web", API)).unwrap();
    assert!(matches!(refused, Err(IssueError::NoKey)));
    assert!(rotate(&mut world, RotateKeys::when_due()));
    let issued = world.issue(&ada);
    assert!(world.accepts(&issued));
}

/// The row is not what was written: the public half that tokens would be held against is another one's.
#[test]
fn inv_17_a_key_that_is_not_its_entrys_signs_nothing() {
    let (mut world, ada) = at_home();
    let Record::Keyring(record) = &mut world.row(Key::Keyring).record else { panic!() };
    record.signing[0].salt = [0xee; 16];
    world.row(Key::Keyring).stamp = stamp(0xee);
    assert!(matches!(world.run(Issue::new(&ada.token, "web", API)), Err(Fault::Key(_))));
}

#[test]
fn inv_40_a_keyring_of_a_newer_version_is_a_typed_refusal() {
    let (world, _) = at_home();
    let row = &world.map.rows[&Key::Keyring];
    let bytes = row.encode(&Key::Keyring);
    let (content, sum) = bytes.split_last_chunk::<4>().unwrap();
    let mut newer = content.to_vec();
    newer[0] = 2;
    let delta: Vec<u8> = content.iter().zip(&newer).map(|(a, b)| a ^ b).collect();
    let sum = u32::from_be_bytes(*sum) ^ crc32fast::hash(&delta) ^ crc32fast::hash(&vec![0; delta.len()]);
    newer.extend(sum.to_be_bytes());
    let read = Row::decode(&Key::Keyring, row.stamp, row.epoch, row.owner, row.expires, &newer);
    assert_eq!(read, Err(RecordError::Version(2)));
    assert!(matches!(Fault::from(read.unwrap_err()), Fault::Record(RecordError::Version(2))));
}

#[test]
fn inv_23_extremes_of_time_rotate_without_a_panic() {
    for now in [i64::MIN, -1, 0, 1 << 53, i64::MAX].map(doorward_core::time::Timestamp::from_millis) {
        let mut world = World::unopened(environment_with(tokens(|_| {})));
        world.now = now;
        world.run(Open::new()).unwrap();
        for how in [RotateKeys::new(), RotateKeys::at_once(), RotateKeys::when_due()] {
            let _ = world.run(how).unwrap();
        }
        world.register("ada");
        let login =
            world.run(doorward_core::operation::login::Login::new("ada", crate::support::RIGHT)).unwrap();
        if let Ok(login) = login {
            let (account, session) = (login.session.account, login.session.id);
            let ada = Person { account, session, token: login.token.expose().to_owned() };
            let _ = world.run(Issue::new(&ada.token, "web", API).with_refresh());
        }
    }
}
