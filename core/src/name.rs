//! Login names: one canonical form, made by one rule, at every entrance.
//!
//! Two spellings that a person takes for the same name must be one name, or somebody registers the other one.
//! So a name is never compared as it was typed: [`LoginName::parse`] makes the canonical form, and nothing else
//! in the engine can hold a name.
//!
//! | step | rule | a refusal |
//! |---|---|---|
//! | 1 | at most [`LoginName::MAX_INPUT`] bytes, looked at before any other work | [`NameError::TooLong`] |
//! | 2 | RFC 8265, section 3.3, `UsernameCaseMapped`: width, `IdentifierClass`, lower case, NFC, Bidi Rule | [`NameError::Empty`], [`NameError::Forbidden`], [`NameError::Bidirectional`] |
//! | 3 | RFC 8264, section 7: applied again, step 2 changes nothing | [`NameError::Forbidden`] |
//! | 4 | no zero-width joiner, which PRECIS allows in some contexts | [`NameError::Invisible`] |
//! | 5 | UTS 39, section 5.1: the whole name is of a single script | [`NameError::MixedScript`] |
//! | 6 | at most [`LoginName::MAX`] bytes | [`NameError::TooLong`] |
//!
//! Spaces are refused, not trimmed. The Unicode tables of step 2 are those of Unicode 6.3: younger letters are
//! refused as unassigned.
//!
//! # Weaker than it looks
//!
//! - **Whole-script confusables pass.** A Latin `paypal` with one Cyrillic letter is refused, but a name that is
//!   Cyrillic throughout may look Latin. So may `rn` look like `m`, `l` like `1`, and what `İ` becomes like `i`. A host
//!   that shows names to people who trust them should compare the skeletons of UTS 39, section 4.
//! - **An address with a Cyrillic mailbox at a Latin domain is refused** as mixed: looking at the two halves apart
//!   would let the look-alike of every mailbox of that domain in. Such a person needs another login name.
//! - **Final sigma is a letter of its own** (`σας` and `σασ` are two names), as RFC 8265 maps letters one by one.
//! - Different addresses that one mail provider delivers to one mailbox (`a.b@`, `ab@`, `ab+x@`) are different names.

use alloc::{borrow::Cow, boxed::Box};
use core::fmt;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::{
    Error as PrecisError,
    profile::{Profile, Rules},
};
use unicode_security::MixedScript;

/// A login name in its canonical form.
///
/// Two values are equal exactly when they name the same login. `Debug` and `Display` print the name: it holds no
/// control, bidirectional or invisible characters, so it cannot forge a line of a log. It may be personal data.
///
/// # Example: two spellings, one name
///
/// ```
/// use doorward_core::name::LoginName;
///
/// let typed = LoginName::parse("Alice@Example.COM")?;
/// assert_eq!(typed.as_str(), "alice@example.com");
/// assert_eq!(typed, LoginName::parse("ａｌｉｃｅ@example.com")?); // full-width letters
/// # Ok::<(), doorward_core::name::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(Box<str>);

impl LoginName {
    /// The longest canonical name, in bytes of UTF-8: what RFC 5321, section 4.5.3.1.3, leaves for an address.
    pub const MAX: usize = 254;

    /// The longest input that is looked at, in bytes: normalisation can shrink a name, but not from further.
    pub const MAX_INPUT: usize = 1024;

    /// The canonical form of a name as a person typed it. Idempotent.
    ///
    /// # Errors
    ///
    /// One [`NameError`] for each rule in the [table](self).
    ///
    /// # Example: what is refused
    ///
    /// ```
    /// use doorward_core::name::{LoginName, NameError};
    ///
    /// assert_eq!(LoginName::parse(" alice"), Err(NameError::Forbidden));
    /// assert_eq!(LoginName::parse("аlice"), Err(NameError::MixedScript)); // the first letter is Cyrillic
    /// assert_eq!(LoginName::parse(&"a".repeat(2000)), Err(NameError::TooLong));
    /// ```
    pub fn parse(input: &str) -> Result<Self, NameError> {
        if input.len() > Self::MAX_INPUT {
            return Err(NameError::TooLong);
        }
        let name = stable(input)?;
        if name.chars().any(is_joiner) {
            return Err(NameError::Invisible);
        }
        if !name.as_ref().is_single_script() {
            return Err(NameError::MixedScript);
        }
        if name.len() > Self::MAX {
            return Err(NameError::TooLong);
        }
        Ok(Self(name.into_owned().into_boxed_str()))
    }

    /// A name that a store gives back: only what [`LoginName::parse`] could have made.
    ///
    /// # Errors
    ///
    /// [`NameError::NotCanonical`] where the canonical form is another string; otherwise as [`LoginName::parse`].
    /// Either means that the record is corrupt or foreign.
    ///
    /// # Example: a store cannot smuggle a second spelling in
    ///
    /// ```
    /// use doorward_core::name::{LoginName, NameError};
    ///
    /// assert!(LoginName::from_stored("alice").is_ok());
    /// assert_eq!(LoginName::from_stored("Alice"), Err(NameError::NotCanonical));
    /// ```
    pub fn from_stored(stored: &str) -> Result<Self, NameError> {
        let name = Self::parse(stored)?;
        if name.as_str() == stored { Ok(name) } else { Err(NameError::NotCanonical) }
    }

    /// The canonical form: 1 to [`LoginName::MAX`] bytes.
    ///
    /// # Example: as a key
    ///
    /// ```
    /// # use doorward_core::name::LoginName;
    /// assert_eq!(LoginName::parse("ΑΘΗΝΆ")?.as_str(), "αθηνά");
    /// # Ok::<(), doorward_core::name::NameError>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What sorts before every name; not itself a name. For the beginning of ranges.
    pub(crate) fn before_all() -> Self {
        Self(Box::default())
    }
}

impl fmt::Debug for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginName({})", self.0)
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a login name was refused. It says what to do, and never repeats the name.
///
/// # Example: the words for a form
///
/// ```
/// use doorward_core::name::{LoginName, NameError};
///
/// let refused = LoginName::parse("").unwrap_err();
/// assert_eq!(refused, NameError::Empty);
/// assert_eq!(refused.to_string(), "give a login name");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("give a login name")]
    Empty,
    /// More than [`LoginName::MAX_INPUT`] bytes as typed, or than [`LoginName::MAX`] in canonical form.
    #[error("choose a shorter login name: 254 bytes at most")]
    TooLong,
    /// A space, a control, or another character outside the `IdentifierClass` of RFC 8264, section 4.2.
    #[error("use only letters, digits and ASCII punctuation in a login name, without spaces")]
    Forbidden,
    /// A zero-width joiner or non-joiner: two names that look alike could differ by it.
    #[error("remove the invisible characters from the login name")]
    Invisible,
    /// Right-to-left letters that break the Bidi Rule of RFC 5893, section 2.
    #[error("do not mix right-to-left and left-to-right letters in a login name")]
    Bidirectional,
    /// Letters of scripts that are not written together (UTS 39, section 5.1).
    #[error("use the letters of one script in a login name")]
    MixedScript,
    /// A stored name is not in canonical form.
    #[error("the stored login name is not in canonical form")]
    NotCanonical,
}

/// RFC 8264, section 7, asks for a stable result. A letter that is older than its lower case is refused here: Cherokee.
fn stable(input: &str) -> Result<Cow<'_, str>, NameError> {
    let name = enforce(input)?;
    if enforce(&name)? == name { Ok(name) } else { Err(NameError::Forbidden) }
}

/// RFC 8265, section 3.3.3, rule by rule, so that each refusal keeps its reason.
fn enforce(input: &str) -> Result<Cow<'_, str>, NameError> {
    if input.is_empty() {
        return Err(NameError::Empty);
    }
    let profile = UsernameCaseMapped::new();
    let name = profile.prepare(input).map_err(forbidden)?;
    let name = profile.case_mapping_rule(name).map_err(forbidden)?;
    let name = profile.normalization_rule(name).map_err(forbidden)?;
    profile.directionality_rule(name).map_err(|_| NameError::Bidirectional)
}

/// The error of PRECIS names the code point and its place: user data, so it is dropped.
fn forbidden(_: PrecisError) -> NameError {
    NameError::Forbidden
}

/// RFC 5892, appendices A.1 and A.2, the only default-ignorable code points that the `IdentifierClass` lets in.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, string::ToString};

    use proptest::prelude::*;
    use unicode_security::{GeneralSecurityProfile, general_security_profile::IdentifierType};

    use super::*;

    fn canonical(input: &str) -> Result<String, NameError> {
        LoginName::parse(input).map(|name| name.as_str().into())
    }

    #[test]
    fn spellings_of_one_name_meet() {
        for (typed, name) in [
            ("Alice", "alice"),
            ("ＡＬＩＣＥ", "alice"),
            ("Jose\u{301}", "jos\u{e9}"),
            ("JOS\u{c9}", "jos\u{e9}"),
            ("ｶﾞﾝﾀﾞﾑ", "ガンダム"),
            ("İbrahim", "i\u{307}brahim"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ] {
            assert_eq!(canonical(typed).as_deref(), Ok(name), "{typed}");
        }
    }

    #[test]
    fn e_mail_addresses_are_names() {
        for address in [
            "alice@example.com",
            "o'brien+tag!#$%&*/=?^_`{|}~-@sub.example.co.uk",
            "почта@пример.рф",
            "田中@例え.日本",
            "유저@예시.한국",
        ] {
            assert_eq!(canonical(address).as_deref(), Ok(address));
        }
    }

    #[test]
    fn each_rule_refuses_what_it_guards() {
        for (typed, refusal) in [
            ("", NameError::Empty),
            ("alice ", NameError::Forbidden),
            ("al\u{a0}ice", NameError::Forbidden),
            ("al\0ice", NameError::Forbidden),
            ("alice\n", NameError::Forbidden),
            ("al\u{ad}ice", NameError::Forbidden),
            ("al\u{200b}ice", NameError::Forbidden),
            ("al\u{202e}ice", NameError::Forbidden),
            ("al\u{feff}ice", NameError::Forbidden),
            ("al\u{fe0f}ice", NameError::Forbidden),
            ("\u{2800}", NameError::Forbidden),
            ("\u{3164}", NameError::Forbidden),
            ("ﬁne", NameError::Forbidden),
            ("ᎠᎡᎢ", NameError::Forbidden),
            ("ali\u{200d}ce", NameError::Forbidden),
            ("क\u{94d}\u{200d}ष", NameError::Invisible),
            ("क\u{94d}\u{200c}ष", NameError::Invisible),
            ("שלוםabc", NameError::Bidirectional),
            ("аlice", NameError::MixedScript),
            ("раураl@example.com", NameError::MixedScript),
            ("почта@example.com", NameError::MixedScript),
        ] {
            assert_eq!(canonical(typed), Err(refusal), "{typed:?}");
        }
    }

    #[test]
    fn length_is_bounded_before_and_after() {
        assert_eq!(canonical(&"a".repeat(254)).map(|n| n.len()), Ok(254));
        assert_eq!(canonical(&"a".repeat(255)), Err(NameError::TooLong));
        // Three bytes a letter as typed, one in canonical form.
        assert_eq!(canonical(&"ａ".repeat(254)).map(|n| n.len()), Ok(254));
        // Past the input bound the length alone speaks: a space would be `Forbidden`.
        assert_eq!(canonical(&" ".repeat(1025)), Err(NameError::TooLong));
        assert_eq!(canonical(&" ".repeat(1024)), Err(NameError::Forbidden));
    }

    #[test]
    fn a_store_gives_back_only_canonical_names() {
        assert_eq!(LoginName::from_stored("jos\u{e9}").map(|n| n.to_string()), Ok("jos\u{e9}".into()));
        for other in ["Alice", "jose\u{301}", "ａ"] {
            assert_eq!(LoginName::from_stored(other), Err(NameError::NotCanonical), "{other}");
        }
    }

    /// Sweeps every code point: whatever passes, alone or between letters, is visible and not a control.
    #[test]
    fn no_code_point_hides_in_a_name() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            for input in [format!("{c}"), format!("क\u{94d}{c}ष"), format!("a{c}b")] {
                let Ok(name) = LoginName::parse(&input) else {
                    continue;
                };
                let hidden = |c: char| {
                    c.is_control() || c.identifier_type() == Some(IdentifierType::Default_Ignorable)
                };
                assert!(!name.as_str().chars().any(hidden), "U+{:04X}", u32::from(c));
            }
        }
    }

    #[test]
    fn errors_do_not_repeat_the_name() {
        let refused = LoginName::parse("secret name").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn any_string_is_refused_or_canonical_for_good(input in "\\PC{0,40}|.{0,40}|[a-zA-ZÀ-žΑ-ωЀ-ӿ@.]{1,40}") {
            if let Ok(name) = LoginName::parse(&input) {
                prop_assert!((1..=LoginName::MAX).contains(&name.as_str().len()));
                prop_assert_eq!(LoginName::from_stored(name.as_str()), Ok(name));
            }
        }

        #[test]
        fn case_never_makes_a_second_name(input in "[a-zA-Z0-9@.]{1,40}") {
            prop_assert_eq!(LoginName::parse(&input), LoginName::parse(&input.to_uppercase()));
        }
    }
}
