//! INV-30: what may be printed anywhere, and what may not.

use std::fmt::Debug;

use doorward_core::id::AccountId;
use doorward_core::machine::Machine;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::open_session::OpenSession;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::register::Register;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::session_data::{SessionData, UpdateSessionData};
use doorward_core::operation::sessions::Sessions;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::record::{Key, Record};
use doorward_core::secret::Seed;
use doorward_core::token::opaque::SessionToken;

use crate::support::{RIGHT, WRONG, World, millis};

/// Every run of eight characters of a secret is one too many.
fn assert_hides(shown: &str, secret: &str) {
    for window in secret.as_bytes().windows(8) {
        let part = std::str::from_utf8(window).unwrap();
        assert!(!shown.contains(part), "{part:?} of a secret stands in {shown}");
    }
}

/// Tag and proof: what no one can tell who knows all the ids. The fields before them are public.
fn secret_part(token: &SessionToken) -> &str {
    secret_part_of(token.expose(), "dws_")
}

fn secret_part_of<'a>(token: &'a str, prefix: &str) -> &'a str {
    let (_fields, secret) = token.strip_prefix(prefix).unwrap().split_at(60);
    assert_eq!(secret.len(), 32);
    secret
}

/// Bytes as `Debug` or hexadecimal would show them.
fn assert_hides_bytes(shown: &str, secret: &[u8]) {
    let list: Vec<String> = secret[..4].iter().map(u8::to_string).collect();
    let hex = secret[..4].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    for form in [list.join(", "), hex] {
        assert!(!shown.contains(&form), "{form} of a secret stands in {shown}");
    }
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

#[test]
fn inv_30_no_input_prints_its_secret() {
    let token = "dws_QWxhZGRpbjpvcGVuIHNlc2FtZQAAAAAAAAAAAAAA";
    let nobody = AccountId::from_bytes([9; 16]);
    let inputs = [
        shown(&Login::new("ada", RIGHT).previous(token)),
        shown(&Login::new("ada", RIGHT).device(token).remember_device()),
        shown(&Register::new("ada", RIGHT)),
        shown(&Authenticate::new(token)),
        shown(&Logout::new(token)),
        shown(&RotateSession::new(token)),
        shown(&Reauthenticate::new(token, RIGHT)),
        shown(&ChangePassword::new(token, RIGHT, RIGHT)),
        shown(&SetPassword::new(nobody, RIGHT)),
        shown(&LogoutEverywhere::new(nobody).keep(token)),
        shown(&OpenSession::new(RIGHT)),
        shown(&SessionData::new(token)),
        shown(&UpdateSessionData::new(token, RIGHT)),
    ];
    for shown in inputs {
        assert_hides(&shown, RIGHT);
        assert_hides(&shown, token);
    }
}

#[test]
fn inv_30_no_need_outcome_event_or_row_prints_a_secret() {
    let mut world = World::new();
    world.register("ada");
    world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    world.run(Register::new("ada", WRONG)).unwrap().unwrap_err();
    let first = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let second = world.run(Login::new("ada", RIGHT).previous(first.token.expose())).unwrap().unwrap();
    world.wait(millis(61_000));
    world.run(Authenticate::new(second.token.expose())).unwrap().unwrap();
    let rows = shown(&world.map);
    let salt = world.map.rows[&Key::Session(second.session.id)].session().unwrap().salt;
    let throttle_key = world.map.rows[&Key::Keyring].keyring().unwrap().throttle_key;
    world.run(Logout::new(second.token.expose())).unwrap().unwrap();

    let all = world.transcript.join("\n") + &rows + &shown(&second) + &shown(&world.environment);
    assert!(all.contains("Commit") && all.contains("Verify") && all.contains("LoggedIn"));
    for secret in [RIGHT, WRONG, secret_part(&first.token), secret_part(&second.token)] {
        assert_hides(&all, secret);
    }
    assert!(!all.contains("$argon2id$"), "a hash is worth attacking");
    for secret in [&salt[..], &throttle_key, &[0x5a; 32]] {
        assert_hides_bytes(&all, secret);
    }
}

/// RV-9: the same of every operation after the login, refused and done.
#[test]
fn rv_9_inv_30_nothing_in_a_sessions_life_prints_a_secret() {
    const NEW: &str = "an entirely different sentence";
    let mut world = World::new();
    let ada = world.register("ada");
    let first = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let rotated = world.run(RotateSession::new(first.expose())).unwrap().unwrap();
    world.run(RotateSession::new(first.expose())).unwrap().unwrap_err();
    world.run(Reauthenticate::new(rotated.token.expose(), WRONG)).unwrap().unwrap_err();
    let proven = world.run(Reauthenticate::new(rotated.token.expose(), RIGHT)).unwrap().unwrap();
    world.run(LogoutEverywhere::new(ada).keep(first.expose())).unwrap().unwrap_err();
    let everywhere = LogoutEverywhere::new(ada).keep(proven.token.expose());
    let kept = world.run(everywhere).unwrap().unwrap().kept.unwrap();
    world.run(ChangePassword::new(kept.token.expose(), WRONG, NEW)).unwrap().unwrap_err();
    let changed = world.run(ChangePassword::new(kept.token.expose(), RIGHT, NEW)).unwrap().unwrap();
    world.run(Sessions::new(ada)).unwrap();
    let salt = world.map.rows[&Key::Session(changed.session.id)].session().unwrap().salt;
    world.run(SetPassword::new(ada, RIGHT)).unwrap().unwrap();

    let all = world.transcript.join("\n") + &shown(&world.map) + &shown(&changed);
    let operations = ["Renewed", "EndedEverywhere", "Denied", "Scan", "Gone(Replaced)"];
    assert!(operations.iter().all(|word| all.contains(word)), "else this search proves nothing");
    let tokens = [&first, &rotated.token, &proven.token, &kept.token, &changed.token];
    for secret in tokens.map(secret_part).into_iter().chain([RIGHT, WRONG, NEW]) {
        assert_hides(&all, secret);
    }
    assert!(!all.contains("$argon2id$"), "a hash is worth attacking");
    assert_hides_bytes(&all, &salt);
}

/// What a host keeps may be private, and a guest's token is a token.
#[test]
fn inv_30_a_guests_session_prints_neither_its_token_nor_its_data() {
    let (cart, more) = (b"two plums and a kettle", b"three plums and a kettle");
    let mut world = World::new();
    world.register("ada");
    let guest = world.run(OpenSession::new(cart)).unwrap().unwrap().token;
    world.run(UpdateSessionData::new(guest.expose(), more)).unwrap().unwrap();
    world.run(SessionData::new(guest.expose())).unwrap().unwrap();
    let renewed = world.run(RotateSession::new(guest.expose())).unwrap().unwrap();
    let login = Login::new("ada", RIGHT).previous(renewed.token.expose()).carry_data();
    let login = world.run(login).unwrap().unwrap();
    world.run(SessionData::new(login.token.expose())).unwrap().unwrap();

    let all = world.transcript.join("\n") + &shown(&world.map) + &shown(&renewed);
    let words = ["OpenedSession", "KeptData", "DataRecord(24 bytes)", "Anonymous", "LoggedIn"];
    assert!(words.iter().all(|word| all.contains(word)), "else this search proves nothing");
    for token in [&guest, &renewed.token, &login.token] {
        assert_hides(&all, secret_part(token));
    }
    for data in [&cart[..], more] {
        assert_hides_bytes(&all, data);
    }
}

/// The same of a known device: its making, its slips, its refreshing. Of its token only the fields are public.
#[test]
fn inv_30_inv_42_nothing_in_a_devices_life_prints_or_stores_a_secret() {
    let mut world = World::new();
    let ada = world.register("ada");
    let login = world.run(Login::new("ada", RIGHT).remember_device()).unwrap().unwrap();
    let device = login.device.clone().unwrap();
    world.run(Login::new("ada", WRONG).device(device.expose())).unwrap().unwrap_err();
    world.wait(millis(25 * 3_600_000));
    world.run(Login::new("ada", RIGHT).device(device.expose())).unwrap().unwrap();
    let salt = world.map.rows[&Key::Devices(ada)].devices().unwrap().devices[0].salt;

    let secret = secret_part_of(device.expose(), "dwd_");
    let all = world.transcript.join("\n") + &shown(&world.map) + &shown(&login);
    assert!(
        all.contains("DeviceToken(..)") && all.contains("KnownDevice"),
        "else this search proves nothing"
    );
    assert_hides(&all, secret);
    assert_hides_bytes(&all, &salt);
    let dump: Vec<u8> = world.encodings.concat();
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(holds(&salt), "else this search proves nothing");
    assert!(secret.as_bytes().windows(8).all(|part| !holds(part)));
    let bytes = decode(device.expose().strip_prefix("dwd_").unwrap());
    assert!(bytes[45..].windows(4).all(|part| !holds(part)), "tag and proof are nowhere");
}

#[test]
fn inv_30_a_machine_does_not_print_what_it_holds() {
    let seed = Seed::from_bytes(core::array::from_fn(|i| 0xc0 + u8::try_from(i).unwrap()));
    let mut world = World::new();
    world.register("ada");
    let environment = std::sync::Arc::clone(&world.environment);
    let mut machine = Machine::new(Login::new("ada", RIGHT), environment, seed);
    world.step_to_commit(&mut machine);
    let all = shown(&machine) + &shown(&Seed::from_bytes([0xc0; 32]));
    assert_hides(&all, RIGHT);
    assert_hides_bytes(&all, &[0xc0, 0xc1, 0xc2, 0xc3]);
    assert_hides_bytes(&all, &[0xc0; 4]);
}

/// SE-2, INV-42: the bytes of a store that kept everything hold no part of a token.
#[test]
fn se_2_inv_42_no_part_of_a_token_rests_in_the_store() {
    let mut world = World::new();
    world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    world.wait(millis(61_000));
    world.run(Authenticate::new(token.expose())).unwrap().unwrap();
    let dump: Vec<u8> = world.encodings.concat();
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    for secret in [secret_part(&token), RIGHT] {
        assert!(secret.as_bytes().windows(8).all(|part| !holds(part)));
    }
    // The proof, as bytes: the last sixteen.
    let bytes = decode(token.expose().strip_prefix("dws_").unwrap());
    assert_eq!(bytes.len(), 69);
    assert!(bytes[45..].windows(4).all(|part| !holds(part)), "tag and proof are nowhere");
    let salts = world.map.rows.values().filter_map(|row| match &row.record {
        Record::Session(record) => Some(record.salt),
        _ => None,
    });
    assert!(salts.into_iter().all(|salt| holds(&salt)), "else this search proves nothing");
}

/// Base64url without padding (RFC 4648, section 5).
fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = text.chars().flat_map(|c| {
        let value = ALPHABET.find(c).expect("base64url");
        (0..6).rev().map(move |bit| value >> bit & 1 == 1)
    });
    let mut bytes = Vec::new();
    loop {
        let byte: Vec<bool> = bits.by_ref().take(8).collect();
        if byte.len() < 8 {
            return bytes;
        }
        bytes.push(byte.into_iter().fold(0, |byte, bit| byte << 1 | u8::from(bit)));
    }
}
