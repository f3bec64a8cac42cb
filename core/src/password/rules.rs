//! What a person may choose as a password.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Blocklist, Normalization, Password, blocklist, pattern};
use crate::name::LoginName;

/// The rules for a new password: length and lists, never composition (NIST SP 800-63B-4, section 3.1.1.2; OWASP ASVS
/// 5.0, 6.2).
///
/// They are for choosing. A login does not consult them, so that stricter rules lock nobody out.
///
/// # Example: choosing a password
///
/// ```
/// use doorward_core::name::LoginName;
/// use doorward_core::password::{BlockedReason, Password, PasswordContext, PasswordError, PasswordRules};
///
/// let rules = PasswordRules::default();
/// let name = LoginName::parse("maria.lopez@example.com").unwrap();
/// let context = PasswordContext { login_name: Some(&name), service: &["Door & Ward"], ..Default::default() };
///
/// assert_eq!(rules.check(&Password::new("plum kettle orbit")?, &context), Ok(()));
/// assert_eq!(rules.check(&Password::new("Tr0ub4dor&3")?, &context), Err(PasswordError::TooShort { min: 15 }));
/// let refused = rules.check(&Password::new("Maria.Lopez@Example.com")?, &context);
/// assert_eq!(refused, Err(PasswordError::Blocked(BlockedReason::LoginName)));
/// # Ok::<(), PasswordError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordRules {
    /// The fewest code points where the password is all there is: 15.
    pub min: usize,
    /// The fewest code points where a second factor is asked for as well: 8.
    pub min_with_second_factor: usize,
    /// The most code points: 256. Both standards want 64 at least.
    pub max: usize,
    /// Which bytes of a new password are hashed, and so counted.
    pub normalization: Normalization,
    /// Whether the embedded list and the patterns are consulted: yes.
    pub refuse_common: bool,
    /// The host's own list.
    pub host_list: Blocklist,
}

impl PasswordRules {
    /// Whether this password may be chosen. Context, host list, embedded list and patterns are asked in this order.
    ///
    /// A context word blocks as the whole password, in any case and composition, and also when the password is nothing
    /// but repetitions of it.
    ///
    /// # Errors
    ///
    /// The first [`PasswordError`] that applies; lengths come before lists.
    ///
    /// # Example: a second factor allows a shorter password
    ///
    /// ```
    /// use doorward_core::password::{Factors, Password, PasswordContext, PasswordRules};
    ///
    /// let context = PasswordContext { factors: Factors::WithSecond, ..Default::default() };
    /// assert!(PasswordRules::default().check(&Password::new("mw9!tallow")?, &context).is_ok());
    /// # Ok::<(), doorward_core::password::PasswordError>(())
    /// ```
    pub fn check(&self, password: &Password, context: &PasswordContext<'_>) -> Result<(), PasswordError> {
        let min = match context.factors {
            Factors::PasswordOnly => self.min,
            Factors::WithSecond => self.min_with_second_factor,
        };
        let length = password.normalized(self.normalization).chars().count();
        if length < min {
            return Err(PasswordError::TooShort { min });
        }
        if length > self.max {
            return Err(PasswordError::TooLong { max: self.max });
        }
        match self.blocked(password, context, min) {
            Some(reason) => Err(PasswordError::Blocked(reason)),
            None => Ok(()),
        }
    }

    fn blocked(
        &self,
        password: &Password,
        context: &PasswordContext<'_>,
        min: usize,
    ) -> Option<BlockedReason> {
        let folded = blocklist::fold(&password.0);
        // Room for a letter a byte: it never moves while it is filled.
        let mut letters = Zeroizing::new(Vec::with_capacity(folded.len()));
        letters.extend(folded.chars());
        let unit = pattern::period(&letters);

        if let Some(name) = context.login_name {
            let local_part = name.as_str().rsplit_once('@').map(|(local, _)| local);
            if core::iter::once(name.as_str())
                .chain(local_part)
                .any(|word| pattern::is_made_of(&letters, unit, word))
            {
                return Some(BlockedReason::LoginName);
            }
        }
        if context.service.iter().any(|word| pattern::is_made_of(&letters, unit, word)) {
            return Some(BlockedReason::Service);
        }
        if self.host_list.holds(&folded) {
            return Some(BlockedReason::Host);
        }
        if self.refuse_common {
            if blocklist::is_common(&folded) {
                return Some(BlockedReason::Common);
            }
            // What repeats is worth its unit, so that is held to the same length.
            if unit.is_some_and(|unit| unit < min) || pattern::is_walk(&letters) {
                return Some(BlockedReason::Pattern);
            }
        }
        None
    }
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self {
            min: 15,
            min_with_second_factor: 8,
            max: 256,
            normalization: Normalization::default(),
            refuse_common: true,
            host_list: Blocklist::default(),
        }
    }
}

/// What is known when a password is chosen: words that an attacker would try first for this account, and whether
/// the password stands alone.
///
/// # Example: nothing known
///
/// ```
/// use doorward_core::password::{Factors, PasswordContext};
///
/// assert_eq!(PasswordContext::default().factors, Factors::PasswordOnly);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordContext<'a> {
    /// The account's login name; of an e-mail address also the part before the last `@`.
    pub login_name: Option<&'a LoginName>,
    /// The names of the service, as people write them.
    pub service: &'a [&'a str],
    /// Whether a second factor will be asked for.
    pub factors: Factors,
}

/// Whether the password stands alone.
///
/// # Example: the stricter case is the default
///
/// ```
/// use doorward_core::password::Factors;
///
/// assert_eq!(Factors::default(), Factors::PasswordOnly);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Factors {
    /// The password alone opens the account.
    #[default]
    PasswordOnly,
    /// A second factor is asked for as well, always.
    WithSecond,
}

/// Why a password was refused. It says what to do, and never repeats the password.
///
/// # Example: the words for a form
///
/// ```
/// use doorward_core::password::PasswordError;
///
/// assert_eq!(PasswordError::TooShort { min: 15 }.to_string(), "choose a password of at least 15 characters");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// More than [`Password::MAX_BYTES`] bytes: nothing else was looked at.
    #[error("choose a shorter password: 4096 bytes at most")]
    TooManyBytes,
    /// Fewer code points than the rules ask for.
    #[error("choose a password of at least {min} characters")]
    TooShort {
        /// The fewest code points.
        min: usize,
    },
    /// More code points than the rules allow.
    #[error("choose a password of at most {max} characters")]
    TooLong {
        /// The most code points.
        max: usize,
    },
    /// The whole password is one that attackers try.
    #[error("choose another password: {0}")]
    Blocked(BlockedReason),
}

/// What blocked a password: NIST SP 800-63B-4, section 3.1.1.2, wants the person to be told.
///
/// # Example: a reason in words
///
/// ```
/// use doorward_core::password::BlockedReason;
///
/// assert_eq!(BlockedReason::Service.to_string(), "it is the name of this service");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BlockedReason {
    /// It is in the embedded list.
    #[error("it is one of the most common passwords")]
    Common,
    /// It repeats one unit shorter than the least length, or walks along the keyboard or the alphabet.
    #[error("it is a simple pattern or repetition")]
    Pattern,
    /// It is in the host's list.
    #[error("it is on the list of refused passwords")]
    Host,
    /// It is the login name, or the local part of it.
    #[error("it is the login name")]
    LoginName,
    /// It is a name of the service.
    #[error("it is the name of this service")]
    Service,
}

#[cfg(test)]
mod tests {
    use std::{format, string::String};

    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> Result<(), PasswordError> {
        PasswordRules::default().check(&Password::new(text).unwrap(), &PasswordContext::default())
    }

    fn blocked(reason: BlockedReason) -> Result<(), PasswordError> {
        Err(PasswordError::Blocked(reason))
    }

    const EMOJI: &str = "😀🚪🔑🐙🌋🍉🚲🎻🧭🪁🦉🌵🥁🧩🛶";

    #[test]
    fn pw_1_fifteen_code_points_at_least() {
        let short = Err(PasswordError::TooShort { min: 15 });
        assert_eq!(check("plumkettleorbi"), short);
        assert_eq!(check("plumkettleorbit"), Ok(()));
        assert_eq!(check(EMOJI), Ok(()));
        assert_eq!(check(&EMOJI.chars().skip(1).collect::<String>()), short);
        // 15 code points as typed, 14 as hashed.
        assert_eq!(check("plumkettleorbe\u{301}"), short);
        let rules = PasswordRules { normalization: Normalization::Exact, ..Default::default() };
        let typed = Password::new("plumkettleorbe\u{301}").unwrap();
        assert_eq!(rules.check(&typed, &PasswordContext::default()), Ok(()));
    }

    #[test]
    fn pw_1_eight_only_with_a_second_factor() {
        let rules = PasswordRules::default();
        let second = PasswordContext { factors: Factors::WithSecond, ..Default::default() };
        let eight = Password::new("mw9!tall").unwrap();
        assert_eq!(rules.check(&eight, &second), Ok(()));
        assert_eq!(
            rules.check(&eight, &PasswordContext::default()),
            Err(PasswordError::TooShort { min: 15 })
        );
        let seven = Password::new("mw9!tal").unwrap();
        assert_eq!(rules.check(&seven, &second), Err(PasswordError::TooShort { min: 8 }));
    }

    #[test]
    fn pw_2_sixty_four_and_256_are_allowed() {
        let long: String = (0..257_u32).filter_map(|i| char::from_u32(0x4e00 + i)).collect();
        let first = |n: usize| long.chars().take(n).collect::<String>();
        assert_eq!(check(&first(64)), Ok(()));
        assert_eq!(check(&first(256)), Ok(()));
        assert_eq!(check(&first(257)), Err(PasswordError::TooLong { max: 256 }));
    }

    #[test]
    fn pw_5_no_composition_rules() {
        for fine in ["kqzvbnwyrtmxplj", "KQZVBNWYRTMXPLJ", "802714935560218", "!?;:_-)(/&%$#.,"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn pw_6_listed_is_blocked_with_the_reason_and_a_suffix_frees_it() {
        for listed in ["manchesterunited", "ManchesterUnited", "perasperaadastra", "1qaz2wsx3edc4rfv"] {
            assert_eq!(check(listed), blocked(BlockedReason::Common), "{listed}");
            assert_eq!(check(&format!("{listed}~x7")), Ok(()), "{listed}");
        }
        let rules = PasswordRules { host_list: Blocklist::new(["Grünwald Brewery"]), ..Default::default() };
        let check = |text: &str| rules.check(&Password::new(text).unwrap(), &PasswordContext::default());
        assert_eq!(check("GRU\u{308}NWALD brewery"), blocked(BlockedReason::Host));
        assert_eq!(check("Grünwald Brewery 9"), Ok(()));
    }

    #[test]
    fn pw_6_a_pattern_is_blocked_and_breaking_it_frees_it() {
        for pattern in [
            "jjjjjjjjjjjjjjj",
            "mw9!tallmw9!tall",
            "asdfghjkl98765432",
            "onmlkjihgfedcba",
            "ZXCVBNM,ZXCVBNM,",
        ] {
            assert_eq!(check(pattern), blocked(BlockedReason::Pattern), "{pattern}");
            assert_eq!(check(&format!("{pattern}~x7")), Ok(()), "{pattern}");
        }
        // A unit that would do alone may be repeated.
        assert_eq!(check("plumkettleorbitplumkettleorbit"), Ok(()));
    }

    #[test]
    fn pw_6_the_host_may_waive_the_embedded_list() {
        let rules = PasswordRules { refuse_common: false, ..Default::default() };
        for text in ["manchesterunited", "aaaaaaaaaaaaaaa"] {
            assert_eq!(
                rules.check(&Password::new(text).unwrap(), &PasswordContext::default()),
                Ok(()),
                "{text}"
            );
        }
    }

    #[test]
    fn pw_7_context_words_are_blocked() {
        let name = LoginName::parse("maria.fernanda.lopez@example.com").unwrap();
        let context = PasswordContext {
            login_name: Some(&name),
            service: &["Door & Ward", "doorward online"],
            ..Default::default()
        };
        let check = |text: &str| PasswordRules::default().check(&Password::new(text).unwrap(), &context);
        for text in [
            "maria.fernanda.lopez@example.com",
            "Maria.Fernanda.Lopez",
            "maria.fernanda.lopezmaria.fernanda.lopez",
        ] {
            assert_eq!(check(text), blocked(BlockedReason::LoginName), "{text}");
        }
        for text in ["Doorward Online", "Door & WardDoor & Ward"] {
            assert_eq!(check(text), blocked(BlockedReason::Service), "{text}");
        }
        assert_eq!(check("maria.fernanda.lopez, plum"), Ok(()));
        assert_eq!(super::tests::check("maria.fernanda.lopez"), Ok(()));
    }

    proptest! {
        #[test]
        fn any_password_is_judged_without_a_panic(text in "\\PC{0,80}|.{0,80}|(ab){0,40}", word in ".{0,20}") {
            let context = PasswordContext { service: &[&word], ..Default::default() };
            let _ = PasswordRules::default().check(&Password::new(text).unwrap(), &context);
        }
    }
}
