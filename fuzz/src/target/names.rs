//! Names and terms: what is prepared stays as it is, and no second spelling is another name.

use doorward_core::name::LoginName;
use doorward_core::password::{Normalization, Password};
use doorward_core::record::ClientLabel;
use doorward_core::token::terms::{Audience, ClientId, Scope};
use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_security::MixedScript;

use super::take::Input;

/// The first byte: what the rest is a text of.
///
/// # Panics
/// What was prepared changes when it is prepared again, hides a character, or differs by its spelling.
pub fn names(data: &[u8]) {
    let mut input = Input(data);
    let (kind, text) = (input.byte(), input.text());
    match kind % 4 {
        0 => name(&text),
        1 => label(&text, &|text| ClientLabel::new(text).as_str().into()),
        2 => terms(&text),
        _ => password(&text),
    }
}

fn name(text: &str) {
    let parse = |text: &str| LoginName::parse(text).ok().map(|name| name.as_str().to_owned());
    let Some(name) = parse(text) else { return };
    judge(&name, parse);
    assert_eq!(LoginName::from_stored(&name).ok().map(|name| name.to_string()), Some(name.clone()));
    assert_eq!(LoginName::from_stored(text).is_ok(), text == name, "a store may hold {text:?} for {name:?}");
}

/// A name that was made, and what makes names.
fn judge(name: &str, parse: impl Fn(&str) -> Option<String>) {
    assert!((1..=LoginName::MAX).contains(&name.len()), "a name of {} bytes", name.len());
    assert_eq!(parse(name).as_deref(), Some(name), "a name is changed when it is prepared again");
    assert!(is_nfc(name), "a name is not in NFC: {name:?}");
    assert!(!name.chars().any(is_hidden), "a name hides a character: {name:?}");
    assert!(name.is_single_script(), "a name is of several scripts: {name:?}");
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        _ => c,
    };
    let spellings = [
        ("NFD", name.nfd().collect::<String>()),
        ("capitals", name.to_ascii_uppercase()),
        ("full width", name.chars().map(wide).collect()),
    ];
    for (how, spelling) in spellings {
        // What has no such spelling is refused.
        let other = parse(&spelling).filter(|other| other != name);
        assert_eq!(other, None, "{name:?} is another name in {how}");
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn label(text: &str, make: &dyn Fn(&str) -> String) {
    let label = make(text);
    assert!(label.len() <= ClientLabel::MAX_BYTES, "a label is longer than one is");
    assert_eq!(make(&label), label, "a label is changed when it is made again");
    let is_shown =
        |c: char| !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(label.chars().all(is_shown), "a label can forge a line: {label:?}");
    let kept = text.chars().zip(label.chars()).all(|(from, to)| from == to || to == '\u{fffd}');
    assert!(kept, "a label says what was not said: {label:?}");
    let is_cut = label.chars().count() < text.chars().count();
    assert!(!is_cut || label.len() + 4 > ClientLabel::MAX_BYTES, "a label is cut too early: {label:?}");
}

fn terms(text: &str) {
    for (term, most) in [
        (ClientId::parse(text).ok().map(|term| term.to_string()), ClientId::MAX_BYTES),
        (Audience::parse(text).ok().map(|term| term.to_string()), Audience::MAX_BYTES),
    ] {
        assert!(term.is_none_or(|term| term == text && term.len() <= most), "a term is changed: {text:?}");
    }
    if let Ok(scope) = Scope::parse(text) {
        scope_of(text, scope.as_str());
        assert!(scope.is_within(&scope) && Scope::NONE.is_within(&scope), "a scope is wider than itself");
        assert_eq!(
            Scope::parse(scope.as_str()).as_ref(),
            Ok(&scope),
            "a scope is changed when it is read again"
        );
        let wider = Scope::parse(&format!("{} {text}", "z".repeat(text.len() + 1)));
        let is_narrow =
            wider.is_err() || wider.is_ok_and(|wider| scope.is_within(&wider) && !wider.is_within(&scope));
        assert!(is_narrow, "a word more is no more: {text:?}");
    }
}

/// A scope has the words that were said, each once and in order.
fn scope_of(said: &str, scope: &str) {
    let words: std::collections::BTreeSet<&str> = said.split(' ').filter(|word| !word.is_empty()).collect();
    let written: Vec<&str> = scope.split(' ').filter(|word| !word.is_empty()).collect();
    assert_eq!(Vec::from_iter(words), written, "a scope is not what was said");
    let is_word = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    assert!(
        written.iter().all(|word| word.bytes().all(is_word)),
        "a scope has a word that is none: {scope:?}"
    );
}

fn password(text: &str) {
    let Ok(password) = Password::new(text) else {
        assert!(text.is_empty() || text.len() > Password::MAX_BYTES, "a password is refused");
        return;
    };
    let nfc = password.prepare(Normalization::Nfc);
    assert_eq!(*password.prepare(Normalization::Exact), text.as_bytes(), "an exact password is changed");
    prepared(text, &nfc);
}

/// What is hashed does not depend on how the person's keyboard spells it.
fn prepared(text: &str, hashed: &[u8]) {
    assert_eq!(text.nfc().collect::<String>().as_bytes(), hashed, "a password is not hashed in NFC");
    let spelling = Password::new(text.nfd().collect::<String>());
    let same = spelling.map(|spelling| *spelling.prepare(Normalization::Nfc) == *hashed);
    assert!(same.unwrap_or(true), "a password is another in another spelling");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let names = [
        "ada",
        "Ada@Example.COM",
        "ａｌｉｃｅ@example.com",
        "Jose\u{301}",
        "ΣΊΣΥΦΟΣ",
        "ｶﾞﾝﾀﾞﾑ",
        "İbrahim",
        "유저@예시.한국",
        "аlice",
        "שלום",
        "क\u{94d}\u{200d}ष",
        "ﬁne",
        "ᎠᎡᎢ",
    ];
    let of = |kind: u8, text: &str| [&[kind][..], text.as_bytes()].concat();
    let mut all: Vec<_> = names.iter().map(|name| of(0, name)).collect();
    all.extend(["Firefox on Linux", "a\r\nb\u{202e}c", &"é".repeat(70)].map(|text| of(1, text)));
    all.extend(["read write read", "https://api.example", "a\"b", "b a"].map(|text| of(2, text)));
    all.extend(["plum kettle orbit", "re\u{301}sume\u{301} \0\u{1f600}"].map(|text| of(3, text)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "changed when it is prepared again")]
    fn a_preparation_that_never_ends_is_found() {
        judge("ada", |text| Some(format!("{text}a")));
    }

    #[test]
    #[should_panic(expected = "is another name in capitals")]
    fn a_preparation_that_keeps_capitals_is_found() {
        judge("ada", |text| Some(text.to_owned()));
    }

    #[test]
    #[should_panic(expected = "hides a character")]
    fn a_name_with_a_joiner_is_found() {
        judge("a\u{200d}da", |text| Some(text.to_owned()));
    }

    #[test]
    #[should_panic(expected = "of several scripts")]
    fn a_look_alike_is_found() {
        judge("аda", |text| Some(text.to_lowercase()));
    }

    #[test]
    #[should_panic(expected = "can forge a line")]
    fn a_label_with_a_line_end_is_found() {
        label("a\nb", &str::to_owned);
    }

    #[test]
    #[should_panic(expected = "a scope is not what was said")]
    fn a_scope_that_widens_is_found() {
        scope_of("read", "read write");
    }

    #[test]
    #[should_panic(expected = "not hashed in NFC")]
    fn a_password_that_depends_on_the_keyboard_is_found() {
        prepared("re\u{301}sume\u{301}", "re\u{301}sume\u{301}".as_bytes());
    }
}
