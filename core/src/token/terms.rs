//! The words that tokens are granted in: who asks (`client_id`), for whom (`aud`), and for what (`scope`).

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

use thiserror::Error;

use crate::record::text::text_in_records;

/// Why a text is no term of a grant.
///
/// # Example: what to tell the developer
/// ```
/// use doorward_core::token::terms::{Scope, TermError};
///
/// let error = Scope::parse("say \"hi\"").unwrap_err();
/// assert_eq!(error, TermError::Scope);
/// assert!(error.to_string().contains("RFC 6749"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TermError {
    /// It cannot be a client's id.
    #[error(
        "a client id is 1 to {} printable ASCII characters (RFC 6749, appendix A.1)",
        ClientId::MAX_BYTES
    )]
    Client,
    /// It cannot name an audience or an issuer.
    #[error(
        "an audience or issuer is 1 to {} visible ASCII characters: a URI, as a rule",
        Audience::MAX_BYTES
    )]
    Audience,
    /// It cannot be a scope.
    #[error(
        "a scope is words of visible ASCII without quotes and backslashes, with spaces between them, {} bytes at most (RFC 6749, section 3.3)",
        Scope::MAX_BYTES
    )]
    Scope,
}

macro_rules! term {
    ($(#[$doc:meta])* $name:ident, $error:ident, $most:literal, $is_allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The longest, in bytes.
            pub const MAX_BYTES: usize = $most;

            /// The term that this text is.
            ///
            /// # Errors
            /// [`TermError`]: it is none.
            pub fn parse(text: &str) -> Result<Self, TermError> {
                let is_allowed: fn(u8) -> bool = $is_allowed;
                let is_one = (1..=$most).contains(&text.len()) && text.bytes().all(is_allowed);
                if is_one { Ok(Self(text.into())) } else { Err(TermError::$error) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        shown!($name);
        text_in_records!($name, |text| $name::parse(text).ok());
    };
}

macro_rules! shown {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

term! {
    /// Who a token is issued to: the `client_id` (RFC 6749, section 2.2; RFC 9068, section 2.2). The host knows its
    /// clients, and how each proves who it is; the engine binds what it grants to the name.
    ///
    /// # Example: a first-party web page
    /// ```
    /// use doorward_core::token::terms::ClientId;
    ///
    /// assert_eq!(ClientId::parse("web")?.as_str(), "web");
    /// assert!(ClientId::parse("").is_err());
    /// # Ok::<(), doorward_core::token::terms::TermError>(())
    /// ```
    ClientId, Client, 128, |byte| (0x20..=0x7e).contains(&byte)
}

term! {
    /// For whom a token is: a resource server, as the `aud` claim names it (RFC 7519, section 4.1.3). An issuer is named
    /// alike.
    ///
    /// # Example: an API
    /// ```
    /// use doorward_core::token::terms::Audience;
    ///
    /// assert_eq!(Audience::parse("https://api.example")?.as_str(), "https://api.example");
    /// assert!(Audience::parse("two words").is_err());
    /// # Ok::<(), doorward_core::token::terms::TermError>(())
    /// ```
    Audience, Audience, 256, |byte| (0x21..=0x7e).contains(&byte)
}

/// What a token allows: a set of words (RFC 6749, section 3.3). Its text has each word once, in byte order.
///
/// # Example: a grant never widens
/// ```
/// use doorward_core::token::terms::Scope;
///
/// let granted = Scope::parse("write read read")?;
/// assert_eq!(granted.as_str(), "read write");
/// assert!(Scope::parse("read")?.is_within(&granted));
/// assert!(!Scope::parse("read admin")?.is_within(&granted));
/// assert!(Scope::NONE.is_within(&granted));
/// # Ok::<(), doorward_core::token::terms::TermError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Scope(Option<Box<str>>);

impl Scope {
    /// Nothing.
    pub const NONE: Self = Self(None);

    /// The longest text, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// The set of these words; no words are [`Scope::NONE`].
    ///
    /// # Errors
    /// [`TermError::Scope`]: it is none.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        let is_word = |word: &str| word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if text.len() > Self::MAX_BYTES || !text.split(' ').all(is_word) {
            return Err(TermError::Scope);
        }
        let words: BTreeSet<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        let mut canonical = String::with_capacity(text.len());
        for word in words {
            if !canonical.is_empty() {
                canonical.push(' ');
            }
            canonical.push_str(word);
        }
        Ok(if canonical.is_empty() { Self::NONE } else { Self(Some(canonical.into_boxed_str())) })
    }

    /// The words, each once, in byte order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.as_str().split(' ').filter(|word| !word.is_empty())
    }

    /// Whether it allows nothing that `wider` does not.
    pub fn is_within(&self, wider: &Self) -> bool {
        // Both are in order: who looks for a word has passed all that are less.
        let mut wider = wider.words();
        self.words().all(|word| wider.any(|other| other == word))
    }

    /// Whether it allows nothing.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

shown!(Scope);
text_in_records!(Scope, |text| Scope::parse(text).ok());

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn a_term_is_bounded_and_holds_nothing_that_breaks_a_line() {
        for bad in ["", "a\nb", "ä", "a\u{7f}", &"x".repeat(129)] {
            assert_eq!(ClientId::parse(bad), Err(TermError::Client), "{bad:?}");
        }
        for bad in ["", "a b", "a\r", &"x".repeat(257)] {
            assert_eq!(Audience::parse(bad), Err(TermError::Audience), "{bad:?}");
        }
        for bad in ["a\"b", "a\\b", "a\tb", "é", &"x".repeat(1025)] {
            assert_eq!(Scope::parse(bad), Err(TermError::Scope), "{bad:?}");
        }
        assert_eq!(Scope::parse(""), Ok(Scope::NONE));
    }

    proptest! {
        #[test]
        fn inv_8_a_scope_is_within_another_as_a_set_is(one in "([a-d]{1,2} ){0,4}", other in "([a-d]{1,2} ){0,6}") {
            let (one, other) = (Scope::parse(&one).unwrap(), Scope::parse(&other).unwrap());
            let set = |scope: &Scope| scope.words().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(one.is_within(&other), set(&one).is_subset(&set(&other)));
            prop_assert_eq!(Scope::parse(one.as_str()).unwrap(), one);
        }
    }
}
