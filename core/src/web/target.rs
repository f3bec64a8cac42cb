//! Where a browser may be sent back to after a login or a logout: a path of this host, and nowhere else.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

/// A path of this host, with its query and fragment: safe in a `Location` header. `Default` is `/`.
///
/// A browser reads `//evil.example` and `/\evil.example` as another host, strips tabs and line ends before it reads, and
/// a proxy on the way may decode `%2f`. None of these is taken.
///
/// # Example: the page that asked for a login
/// ```
/// use doorward_core::web::target::{ReturnTarget, TargetError};
///
/// assert_eq!(ReturnTarget::parse("/basket?open=1#pay")?.as_str(), "/basket?open=1#pay");
/// for evil in ["//evil.example", "/\\evil.example", "https://evil.example", "/%2fevil.example"] {
///     assert!(ReturnTarget::parse(evil).is_err());
///     assert_eq!(ReturnTarget::or_root(Some(evil)).as_str(), "/");
/// }
/// # Ok::<(), TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReturnTarget(String);

impl ReturnTarget {
    /// The longest, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// The target that this text names.
    ///
    /// # Errors
    /// [`TargetError`]: it could lead away.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > Self::MAX_BYTES {
            return Err(TargetError::TooLong);
        }
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let is_local = text.starts_with('/')
            && !path.contains("//")
            && !path.split('/').any(is_dot_segment)
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !has_escaped_delimiter(path);
        if is_local && !has_escaped_control(text) {
            Ok(Self(text.into()))
        } else {
            Err(TargetError::Elsewhere)
        }
    }

    /// The same for a text from anywhere: `/` when there is none, or it could lead away (OWASP, unvalidated redirects).
    pub fn or_root(text: Option<&str>) -> Self {
        text.and_then(|text| Self::parse(text).ok()).unwrap_or_default()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its path, decoded.
    pub fn path(&self) -> Vec<u8> {
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        let mut parts = path.split('%');
        let mut bytes: Vec<u8> = parts.next().unwrap_or_default().into();
        for part in parts {
            match escaped(part) {
                Some((byte, rest)) => {
                    bytes.push(byte);
                    bytes.extend(rest.bytes());
                }
                None => bytes.extend([b"%", part.as_bytes()].concat()),
            }
        }
        bytes
    }
}

impl Default for ReturnTarget {
    fn default() -> Self {
        Self("/".into())
    }
}

impl fmt::Display for ReturnTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no target.
///
/// # Example: what to say
/// ```
/// use doorward_core::web::target::{ReturnTarget, TargetError};
///
/// assert_eq!(ReturnTarget::parse("https://evil.example"), Err(TargetError::Elsewhere));
/// assert!(TargetError::Elsewhere.to_string().contains("begins with one slash"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It is longer than is read.
    #[error("a return target has at most {} bytes", ReturnTarget::MAX_BYTES)]
    TooLong,
    /// It leads to another host, or some browser or proxy could read it so.
    #[error(
        "a return target is a path of this site: it begins with one slash, is ASCII, and has no backslash, `//`, `..`, escaped slash or escaped percent sign"
    )]
    Elsewhere,
}

/// What begins a path or a host once it is decoded: `/`, `\`, and a `%` that would hide one from the first reader.
fn has_escaped_delimiter(path: &str) -> bool {
    escapes(path).any(|byte| matches!(byte, b'/' | b'\\' | b'%'))
}

fn has_escaped_control(text: &str) -> bool {
    escapes(text).any(|byte| byte.is_ascii_control())
}

/// What a browser leaves out of a path, so that it names another (WHATWG URL, section 4.4).
fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// The bytes that are written as `%xx`.
fn escapes(text: &str) -> impl Iterator<Item = u8> {
    text.split('%').skip(1).filter_map(|after| escaped(after).map(|(byte, _)| byte))
}

/// The byte whose two digits stand at the beginning, and what stands behind them.
fn escaped(after: &str) -> Option<(u8, &str)> {
    let (digits, rest) = after.split_at_checked(2)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    Some((u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ck_5_what_could_lead_away_becomes_the_root() {
        let evil = [
            "//x",
            "/\\x",
            "\\\\x",
            "https:x",
            "https://x",
            "javascript:alert(1)",
            "x",
            "",
            "?x",
            "#x",
            " /x",
            "/x y",
            "/\tx",
            "/\n/x",
            "/x\r\nSet-Cookie: a=b",
            "/%0d%0aSet-Cookie:a=b",
            "/?x=%0D",
            "/x%00",
            "%2f%2fevil",
            "/%2f%2fevil",
            "/%2Fevil",
            "/%5cevil",
            "/a/%5Cb",
            "/%252fevil",
            "/.//x",
            "/a//b",
            "/é",
            "/x?y=\\z",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2E/b",
            "/a/.%2e",
            "/\u{202e}",
        ];
        for text in evil {
            assert_eq!(ReturnTarget::parse(text), Err(TargetError::Elsewhere), "{text:?}");
            assert_eq!(ReturnTarget::or_root(Some(text)), ReturnTarget::default(), "{text:?}");
        }
        assert_eq!(ReturnTarget::or_root(None).as_str(), "/");
    }

    #[test]
    fn ck_5_paths_of_this_site_are_kept_as_they_are() {
        let longest = alloc::format!("/{}", "x".repeat(ReturnTarget::MAX_BYTES - 1));
        for text in [
            "/",
            "/a/b",
            "/a?next=//b",
            "/a?u=https://x",
            "/a#//b",
            "/%C3%A9",
            "/a%20b?c=%2Fd",
            "/%zz",
            "/%+5",
            "/a%",
            &longest,
        ] {
            assert_eq!(ReturnTarget::parse(text).map(|target| target.0).as_deref(), Ok(text));
        }
        for (text, path) in [
            ("/a%6cb?c#d", "/alb"),
            ("/%zz%6", "/%zz%6"),
            ("/%C3%A9", "/é"),
            ("/%+f", "/%+f"),
            ("/...", "/..."),
        ] {
            assert_eq!(ReturnTarget::parse(text).unwrap().path(), path.as_bytes(), "{text}");
        }
        assert_eq!(ReturnTarget::parse(&(longest + "x")), Err(TargetError::TooLong));
        assert_eq!(ReturnTarget::parse(&"/".repeat(64 * 1024)), Err(TargetError::TooLong));
    }
}
