//! Passwords that are one gesture: `aaaaaaaaaaaaaaa`, `passwordpassword`, `123456789qwerty`.
//!
//! Guessing tools try these before any word list, and no list could hold them all. Both rules look at the whole
//! password, so that nothing is held against a password which merely contains a pattern.

use super::blocklist::fold;

/// The shortest unit that the password consists of, in characters, if it is seen at least twice: 3 for `abcabcab`.
pub(super) fn period(password: &[char]) -> Option<usize> {
    (1..=password.len() / 2)
        .find(|&unit| password.iter().zip(password.iter().skip(unit)).all(|(a, b)| a == b))
}

/// Whether a folded password of this period is the word, in any case, or repetitions of it and nothing else.
pub(super) fn is_made_of(password: &[char], unit: Option<usize>, word: &str) -> bool {
    let word = fold(word);
    let is_word = |part: &[char]| part.iter().copied().eq(word.chars());
    is_word(password) || unit.is_some_and(|unit| password.chunks(unit).all(is_word))
}

/// Whether nothing is left when runs of [`RUN`] or more are taken off: along a row of keys or the alphabet, either
/// way, or of one character. The longest run is taken each time, so an unlucky cut may let a walk pass.
pub(super) fn is_walk(password: &[char]) -> bool {
    let mut rest = password;
    while !rest.is_empty() {
        let longest = (RUN..=rest.len()).take_while(|&n| rest.get(..n).is_some_and(is_run)).last();
        let Some(after) = longest.and_then(|n| rest.get(n..)) else {
            return false;
        };
        rest = after;
    }
    !password.is_empty()
}

fn is_run(run: &[char]) -> bool {
    let same = run.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    same || ROWS.iter().any(|row| {
        row.char_indices().any(|(at, _)| {
            let along = row.get(at..).unwrap_or_default();
            starts_with(along.chars(), run.iter()) || starts_with(along.chars(), run.iter().rev())
        })
    })
}

fn starts_with<'a>(mut row: impl Iterator<Item = char>, run: impl Iterator<Item = &'a char>) -> bool {
    run.into_iter().all(|c| row.next() == Some(*c))
}

/// Shorter runs occur in words: `rst`, `ere`, `tre`.
const RUN: usize = 4;

const ROWS: [&str; 9] = [
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
];

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn a_period_is_the_shortest_unit_seen_twice() {
        for (text, unit) in [
            ("aaaa", Some(1)),
            ("passwordpassword", Some(8)),
            ("12345678901234567890", Some(10)),
            ("abcabcab", Some(3)),
            ("🔑🚪🔑🚪", Some(2)),
            ("abcdabc", None),
            ("passwordpasswort", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(period(&chars(text)), unit, "{text}");
        }
    }

    #[test]
    fn a_word_may_be_whole_or_repeated_but_not_cut() {
        let made = |text: &str| is_made_of(&chars(text), period(&chars(text)), "Door");
        assert!(made("door") && made("doordoor") && made("doordoordoor"));
        assert!(!made("doordoordo") && !made("doors") && !made("do") && !made(""));
    }

    #[test]
    fn a_walk_is_runs_and_nothing_else() {
        for walk in [
            "123456789012345",
            "abcdefghijklmno",
            "onmlkjihgfedcba",
            "qwertyuiopasdfgh",
            "123456789qwerty",
            "12345678987654321",
            "1qaz2wsx3edc4rfv",
            "1q2w3e4r5t6y7u8i",
            "aaaaabbbbbccccc",
            "qwertz1234asdf",
        ] {
            assert!(is_walk(&chars(walk)), "{walk}");
        }
        for fine in [
            "",
            "abc",
            "kqzvbnwyrtmxplj",
            "qwertyuiopasdfgh!",
            "correcthorsebattery",
            "overturefirst",
            "1234x5678",
        ] {
            assert!(!is_walk(&chars(fine)), "{fine}");
        }
    }
}
