//! Password hashes: one spelling, costs that may be obeyed, and nothing else.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use doorward_core::password::{Argon2Params, PasswordHash};

use super::take::Input;

/// The first byte: whether the rest is a text or the parts of one.
///
/// # Panics
/// A text is read that a simple reader does not read alike, or the other way round.
pub fn phc(data: &[u8]) {
    let mut input = Input(data);
    let text = if input.byte() % 2 == 0 { input.text().into_owned() } else { of_parts(input) };
    let ours = PasswordHash::parse(&text).ok();
    judge(&text, ours.as_ref().map(|hash| (hash.as_str(), *hash.params())));
    if let Some(hash) = ours {
        assert_eq!(PasswordHash::parse(hash.as_str()).as_ref(), Ok(&hash), "a hash reads back as another");
        assert!(!format!("{hash:?}").contains(salt_and_tag(&text)), "a hash prints what can be guessed at");
    }
}

/// Costs, a length, and so many bytes of salt; the rest is the tag.
fn of_parts(mut input: Input<'_>) -> String {
    let [memory, [passes, ..], [lanes, ..]] = [input.array::<4>(), input.array(), input.array()];
    let (memory, salt) = (u32::from_be_bytes(memory), usize::from(input.byte()));
    let (salt, tag) = input.0.split_at(salt.min(input.0.len()));
    let [salt, tag] = [salt, tag].map(|bytes| BASE64_STANDARD_NO_PAD.encode(bytes));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${tag}")
}

/// Ours is what a simple reader makes of the text.
fn judge(text: &str, ours: Option<(&str, Argon2Params)>) {
    let simple = simple(text);
    let said = ours.map(|(spelt, params)| {
        assert_eq!(spelt, text, "a hash is spelt in another way than it was read");
        [params.memory_kib(), params.passes(), params.lanes()]
    });
    assert_eq!(said, simple, "a hash is read in two ways: {text}");
}

/// Memory, passes and lanes of a text that is taken to pieces and put together again.
fn simple(text: &str) -> Option<[u32; 3]> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", "argon2id", "v=19", costs, salt, tag] = parts[..] else { return None };
    let costs: Vec<u32> = costs.split(',').filter_map(|cost| cost.get(2..)?.parse().ok()).collect();
    let [memory, passes, lanes] = costs[..] else { return None };
    let [salt, tag] = [salt, tag].map(|part| BASE64_STANDARD_NO_PAD.decode(part).ok());
    let (salt, tag) = (salt?, tag?);
    let is_bounded = (12_288..=1 << 20).contains(&memory)
        && (1..=16).contains(&passes)
        && (1..=4).contains(&lanes)
        && (16..=48).contains(&salt.len())
        && tag.len() == 32;
    let [salt, tag] = [salt, tag].map(|part| BASE64_STANDARD_NO_PAD.encode(part));
    let again = format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${tag}");
    (is_bounded && again == text).then_some([memory, passes, lanes])
}

fn salt_and_tag(text: &str) -> &str {
    text.splitn(5, '$').last().unwrap_or_default()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    const GOOD: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU";
    let text = |text: &str| [b"\0", text.as_bytes()].concat();
    let parts = |memory: u32, [passes, lanes, salt]: [u8; 3], bytes: usize| {
        [&[1][..], &memory.to_be_bytes(), &[passes, lanes, salt], &vec![7; bytes]].concat()
    };
    Vec::from([
        text(GOOD),
        text(&GOOD.replace("m=19456", "m=4194304")),
        text(&GOOD.replace("t=2", "t=02")),
        text(&GOOD.replace("SkIU", "SkIV")),
        text(&GOOD.replace("argon2id", "argon2i")),
        parts(12_288, [1, 1, 16], 48),
        parts(1 << 20, [16, 4, 48], 80),
        parts(1 << 20, [17, 4, 48], 80),
        parts(12_287, [3, 4, 15], 47),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> (String, Argon2Params) {
        let hash = PasswordHash::decoy(&Argon2Params::default(), [1; 16], [2; 32]);
        (hash.as_str().into(), *hash.params())
    }

    #[test]
    #[should_panic(expected = "read in two ways")]
    fn a_reader_that_takes_too_much_memory_is_found() {
        let (text, params) = good();
        let hostile = text.replace("m=19456", "m=4194304");
        judge(&hostile, Some((&hostile, params)));
    }

    #[test]
    #[should_panic(expected = "read in two ways")]
    fn a_reader_that_refuses_a_good_one_is_found() {
        judge(&good().0, None);
    }

    #[test]
    #[should_panic(expected = "spelt in another way")]
    fn a_reader_of_two_spellings_is_found() {
        let (text, params) = good();
        judge(&text.replace("t=2", "t=02"), Some((&text, params)));
    }
}
