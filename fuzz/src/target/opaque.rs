//! Opaque tokens: one text each, of one kind, and only those that were given out open anything.
//!
//! An independent reader says what a token is; where it says no, an engine must refuse without asking its store. Where it says
//! yes, because the input was put under the real master key, the store must be asked, and still only the real token is taken.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use doorward::{AuthenticateError, Login, LoginError, Refresh, RefreshError};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::house::{CLIENT, House, MASTER, NAME};
use super::take::{Input, edited};

/// The first byte: whether the rest is a text, changes of a real token, or fields.
///
/// # Panics
/// A text is taken that was not given out, or one that is no token costs a look into the store.
pub fn opaque(data: &[u8]) {
    let house = House::enter();
    let text = text(data, &house);
    let kind = KINDS.iter().position(|prefix| is_token(prefix, &text));
    let answers = [Some(authenticate(&house, &text)), device(&house, &text), refresh(&house, &text)];
    for (at, answer) in answers.into_iter().enumerate() {
        if let Some(answer) = answer {
            judge(&text, kind == Some(at), text == house.tokens[at], answer);
        }
    }
}

/// What every token begins with: a session's, a device's, a refresh token.
const KINDS: [&str; 3] = ["dws_", "dwd_", "dwr_"];

/// What came of a token.
#[derive(Debug, Clone, Copy)]
struct Answer {
    is_taken: bool,
    /// Whether the store was read for it, where that says something.
    is_looked_up: Option<bool>,
    commits: usize,
}

/// A text, whether it is a token of a kind, and whether it is the one that was given out, and what came of it.
fn judge(text: &str, is_token: bool, was_given_out: bool, answer: Answer) {
    assert!(is_token || !was_given_out, "the simple reader does not know a real token: {text}");
    assert_eq!(answer.is_taken, was_given_out, "a token is taken, or refused, that must not be: {text}");
    if let Some(is_looked_up) = answer.is_looked_up {
        assert_eq!(
            is_looked_up, is_token,
            "the store is asked for a token that is none, or not for one: {text}"
        );
    }
    assert_eq!(answer.commits, 0, "a refused token changes something: {text}");
}

fn asked<T>(house: &House, ask: impl FnOnce() -> T) -> (T, bool, usize) {
    let before = house.store.calls();
    let answer = ask();
    let after = house.store.calls();
    (answer, after.0 > before.0, after.1 - before.1)
}

fn authenticate(house: &House, text: &str) -> Answer {
    let (answer, is_read, commits) = asked(house, || house.engine.authenticate(text));
    let is_refused = matches!(answer, Ok(_) | Err(AuthenticateError::Token(_) | AuthenticateError::Gone(_)));
    assert!(is_refused, "a token is answered with {answer:?}");
    Answer { is_taken: answer.is_ok(), is_looked_up: Some(is_read), commits }
}

/// The name is kept waiting: who is let through to a guess was taken for the known device. The real one would guess.
fn device(house: &House, text: &str) -> Option<Answer> {
    if text == house.tokens[1] {
        return None;
    }
    let (answer, _, commits) = asked(house, || house.engine.login(Login::new(NAME, "no").device(text)));
    let is_taken = !matches!(answer, Err(LoginError::Throttled { .. }));
    Some(Answer { is_taken, is_looked_up: None, commits })
}

/// The real one would be used up.
fn refresh(house: &House, text: &str) -> Option<Answer> {
    if text == house.tokens[2] {
        return None;
    }
    let (answer, is_read, commits) = asked(house, || house.engine.refresh(Refresh::new(text, CLIENT)));
    let is_refused = matches!(answer, Ok(_) | Err(RefreshError::Token(_) | RefreshError::Gone(_)));
    assert!(is_refused, "a token is answered with {answer:?}");
    Some(Answer { is_taken: answer.is_ok(), is_looked_up: Some(is_read), commits })
}

fn text(data: &[u8], house: &House) -> String {
    let mut input = Input(data);
    let how = input.byte();
    let which = usize::from(input.byte() % 3);
    let bytes = match how % 3 {
        0 => input.0.to_vec(),
        1 => edited(house.tokens[which].clone().into_bytes(), input),
        _ => return under_the_key(KINDS[which], input, house),
    };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A token of these fields, with the tag that the master key gives it. Bits of the first byte: which fields are the real ones.
fn under_the_key(prefix: &str, mut input: Input<'_>, house: &House) -> String {
    let real = input.byte();
    let or = |bit: u8, real_one: &[u8], other: &[u8]| {
        if real & bit == 0 { real_one.to_vec() } else { other.to_vec() }
    };
    let mut fields = or(1, &[1], &input.array::<1>());
    fields.extend(or(2, &1_u32.to_be_bytes(), &input.array::<4>()));
    fields.extend(or(4, house.account.as_bytes(), &input.array::<16>()));
    fields.extend(or(8, house.session.as_bytes(), &input.array::<16>()));
    fields.extend(or(16, &1_u64.to_be_bytes(), &input.array::<8>()));
    let proof = input.array::<16>();
    let bytes = [&fields[..], &tag(prefix, &fields), &proof].concat();
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether a text is a token with this prefix: put together again, it is the same, its tag is the master key's, and but for a
/// session's, it names an account.
fn is_token(prefix: &str, text: &str) -> bool {
    let Some(body) = text.strip_prefix(prefix) else { return false };
    let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(body) else { return false };
    let (fields, rest) = bytes.split_at(bytes.len().min(45));
    fields.starts_with(&[1, 0, 0, 0, 1])
        && rest.len() == 24
        && rest.starts_with(&tag(prefix, fields))
        && (prefix == KINDS[0] || fields[5..21] != [0; 16])
        && BASE64_URL_SAFE_NO_PAD.encode(&bytes) == body
}

/// HMAC-SHA256 under a key of its own, which HKDF-SHA256 makes of the master key.
fn tag(prefix: &str, fields: &[u8]) -> [u8; 8] {
    let mut key = [0; 32];
    let master = Hkdf::<Sha256>::new(Some(b"doorward v1"), &MASTER);
    master.expand(b"token tag", &mut key).expect("32 bytes can be had");
    let mac = Hmac::<Sha256>::new_from_slice(&key).expect("every length is a key");
    let full: [u8; 32] = mac.chain_update(prefix).chain_update(fields).finalize().into_bytes().into();
    std::array::from_fn(|at| full[at])
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let house = House::enter();
    let texts = house.tokens.iter().map(|token| [b"\0\0", token.as_bytes()].concat());
    let kinds = 0..3_u8;
    let changed = kinds.clone().flat_map(|kind| {
        [
            Vec::from([1, kind]),
            Vec::from([1, kind, 0, 95, b'B']),
            Vec::from([1, kind, 2, 96, b'A']),
            Vec::from([1, kind, 0, 2, b'd']),
        ]
    });
    let forged = kinds
        .flat_map(|kind| [0, 1, 2, 4, 8, 16, 31].map(|real| [[2, kind, real].as_slice(), &[7; 61]].concat()));
    texts.chain(changed).chain(forged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Answer = Answer { is_taken: false, is_looked_up: Some(false), commits: 0 };

    /// With the proof too: the simple reader's formats are the engine's.
    #[test]
    fn the_simple_reader_knows_the_real_tokens_each_by_its_kind() {
        let house = House::enter();
        for (at, token) in house.tokens.iter().enumerate() {
            let kinds: Vec<bool> = KINDS.iter().map(|prefix| is_token(prefix, token)).collect();
            assert_eq!(kinds.iter().position(|is_one| *is_one), Some(at));
            assert_eq!(kinds.iter().filter(|is_one| **is_one).count(), 1);
        }
    }

    #[test]
    #[should_panic(expected = "is taken, or refused, that must not be")]
    fn a_forgery_that_opens_is_found() {
        judge("dws_forged", true, false, Answer { is_taken: true, ..REFUSED });
    }

    #[test]
    #[should_panic(expected = "the store is asked")]
    fn a_look_for_no_token_is_found() {
        judge("dws_", false, false, Answer { is_looked_up: Some(true), ..REFUSED });
    }

    #[test]
    #[should_panic(expected = "changes something")]
    fn a_refusal_that_writes_is_found() {
        judge("dws_", false, false, Answer { commits: 1, ..REFUSED });
    }
}
