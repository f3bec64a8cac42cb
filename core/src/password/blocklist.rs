//! Lists of passwords that nobody may choose.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::cmp::Ordering;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::gather;

/// A host's own list of refused passwords: its products, its town, what leaked from it.
///
/// A password is refused when the whole of it is an entry, in whatever case and composition: an entry with something
/// added is another password (OWASP ASVS 5.0, 6.2.4 and 6.2.12).
///
/// # Example: the words of one company
///
/// ```
/// use doorward_core::password::{BlockedReason, Blocklist, Password, PasswordContext, PasswordError, PasswordRules};
///
/// let mut rules = PasswordRules::default();
/// rules.host_list = Blocklist::new(["Grünwald Brewery 1874"]);
/// let refused = rules.check(&Password::new("grünwald brewery 1874")?, &PasswordContext::default());
/// assert_eq!(refused, Err(PasswordError::Blocked(BlockedReason::Host)));
/// # Ok::<(), PasswordError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocklist(Box<[Box<str>]>);

impl Blocklist {
    /// A list of these entries, in any order; they are folded as passwords are.
    ///
    /// # Example: an empty list refuses nothing
    ///
    /// ```
    /// use doorward_core::password::Blocklist;
    ///
    /// assert_eq!(Blocklist::new([""; 0]), Blocklist::default());
    /// ```
    pub fn new(entries: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut entries: Vec<Box<str>> =
            entries.into_iter().map(|entry| String::from(fold(entry.as_ref()).as_str()).into()).collect();
        entries.sort_unstable();
        entries.dedup();
        Self(entries.into_boxed_slice())
    }

    /// Its entries, folded, each once.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|entry| &**entry)
    }

    pub(super) fn holds(&self, folded: &str) -> bool {
        self.0.binary_search_by(|entry| (**entry).cmp(folded)).is_ok()
    }
}

/// Whether the embedded list of common passwords holds this one. `core/data/README.md` says where it is from.
pub(super) fn is_common(folded: &str) -> bool {
    let mut lines = COMMON;
    while !lines.is_empty() {
        let (before, line, after) = middle(lines);
        match line.cmp(folded) {
            Ordering::Equal => return true,
            Ordering::Greater => lines = before,
            Ordering::Less => lines = after,
        }
    }
    false
}

/// The form in which passwords are looked up: NFC, lower case by the Unicode default, NFC again.
pub(super) fn fold(text: &str) -> Zeroizing<String> {
    // Each step triples a text at most: U+0130 goes from two bytes to three in lower case, and so does U+0331 behind U+0124,
    // which stands apart behind a capital and is joined to a small letter.
    let composed = gather(text.nfc(), text.len() * 3);
    let lower = gather(composed.chars().flat_map(char::to_lowercase), composed.len() * 3);
    gather(lower.nfc(), lower.len() * 3)
}

/// The line in the middle of sorted lines, each ended by a line feed, and what stands before and after it.
fn middle(lines: &str) -> (&str, &str, &str) {
    let half = lines.as_bytes().get(..lines.len() / 2).unwrap_or_default();
    let start = half.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    // Line feeds are ASCII, so both cuts fall between characters.
    let (before, rest) = lines.split_at(start);
    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
    (before, line, after)
}

/// Sorted by bytes, folded, a line feed after each.
const COMMON: &str = include_str!("../../data/common-passwords.txt");

#[cfg(test)]
mod tests {
    use unicode_normalization::char::canonical_combining_class;

    use super::*;

    #[test]
    fn the_embedded_list_is_fit_for_binary_search() {
        assert!(COMMON.ends_with('\n'));
        assert!(COMMON.lines().is_sorted_by(|a, b| a < b));
        assert!(COMMON.lines().all(|line| line.chars().count() >= 8 && *fold(line) == line));
    }

    /// PW-6: OWASP ASVS 5.0, 6.2.4, asks for 3,000 entries that the length rule would let pass.
    #[test]
    fn pw_6_the_list_is_long_enough_for_both_lengths() {
        assert!(COMMON.lines().filter(|line| line.chars().count() >= 15).count() >= 3000);
        assert!(COMMON.lines().count() >= 11_000);
    }

    #[test]
    fn pw_6_every_entry_is_found_and_no_neighbour_is() {
        for line in COMMON.lines() {
            assert!(is_common(line), "{line}");
            let longer = std::format!("{line}~~");
            assert!(!is_common(&longer), "{longer}");
        }
        assert!(!is_common(""));
        assert!(!is_common("\u{10ffff}"));
    }

    /// What grows most in each step: `gather` sees to it that no buffer does.
    #[test]
    fn folding_leaves_no_copy_behind() {
        let note = ("\u{1d160}", "\u{1d158}\u{1d165}\u{1d16e}");
        let dotted = ("\u{130}", "i\u{307}");
        for (short, long) in [note, dotted] {
            assert_eq!(*fold(&short.repeat(50)), long.repeat(50));
        }
        let has_case = |one: &char| one.to_lowercase().ne([*one]);
        let cased: Vec<char> = (0..=0x0010_ffff).filter_map(char::from_u32).filter(has_case).collect();
        assert!(cased.len() > 1000);
        for one in cased {
            fold(&String::from_iter([one; 50]));
        }
    }

    /// A mark that stands apart behind a composed capital may be joined to the small letter, and the text grows again: a
    /// buffer of the lower case's size grew with it, which left a copy of a password behind, and in a debug build panicked.
    #[test]
    fn inv_30_inv_40_folding_leaves_no_copy_of_what_grows_when_it_is_joined_anew() {
        assert_eq!(*fold(&"\u{124}\u{331}".repeat(15)), "\u{1e96}\u{302}".repeat(15));
        let characters = || (0..=0x0010_ffff).filter_map(char::from_u32);
        let marks: Vec<char> = characters().filter(|one| canonical_combining_class(*one) != 0).collect();
        let cased = characters().filter(|one| one.to_lowercase().ne([*one]));
        assert!(marks.len() > 800);
        for capital in cased {
            for mark in &marks {
                fold(&String::from_iter([capital, *mark]).repeat(2));
            }
        }
    }

    #[test]
    fn folding_joins_case_and_composition() {
        assert_eq!(*fold("CAFE\u{301}"), "café");
        assert_eq!(*fold("J\u{30c}"), "\u{1f0}");
        let list = Blocklist::new(["Zwei", "Eins", "eins"]);
        assert!(list.holds("eins") && list.holds("zwei") && !list.holds("drei"));
    }
}
