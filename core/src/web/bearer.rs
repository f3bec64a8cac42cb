//! The token that an `Authorization` header carries (RFC 6750, section 2.1).

use thiserror::Error;

/// The token in a request's `Authorization` headers, if one is a bearer's. Other schemes are somebody else's.
///
/// # Errors
/// [`BearerError`]: there are several headers, or what follows `Bearer` is no token.
///
/// # Example: the scheme's case does not matter, the token's does
/// ```
/// use doorward_core::web::bearer::{BearerError, bearer};
///
/// assert_eq!(bearer([&b"bearer ey.a.b"[..]]), Ok(Some("ey.a.b")));
/// assert_eq!(bearer([&b"Basic YWRhOng="[..]]), Ok(None));
/// assert_eq!(bearer([&b"Bearer a, Bearer b"[..]]), Err(BearerError::Malformed));
/// ```
pub fn bearer<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a str>, BearerError> {
    let mut headers = headers.into_iter();
    let (Some(header), more) = (headers.next(), headers.next()) else { return Ok(None) };
    if more.is_some() {
        return Err(BearerError::Several);
    }
    let header = core::str::from_utf8(header).map_err(|_| BearerError::Malformed)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    let is_token = !token.is_empty() && token.bytes().all(is_token_byte);
    if is_token { Ok(Some(token)) } else { Err(BearerError::Malformed) }
}

/// Why a header carries no token.
///
/// # Example: nothing after the scheme
/// ```
/// use doorward_core::web::bearer::{BearerError, bearer};
///
/// assert_eq!(bearer([&b"Bearer "[..]]), Err(BearerError::Malformed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum BearerError {
    /// There is more than one `Authorization` header.
    #[error("more than one Authorization header: send one")]
    Several,
    /// What follows `Bearer` is not one token.
    #[error("the Authorization header is not `Bearer` and one token")]
    Malformed,
}

/// RFC 6750, section 2.1: `b64token`.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_header_of_one_token() {
        assert_eq!(bearer([]), Ok(None));
        assert_eq!(bearer([&b"Bearer  abc "[..]]), Ok(Some("abc")));
        assert_eq!(bearer([&b"Bearerabc"[..]]), Ok(None));
        for malformed in
            [&b"Bearer"[..], b"Bearer a b", b"Bearer \"a\"", b"Bearer a\tb", b"Bearer \xff", b"BEARER a,b"]
        {
            assert_eq!(bearer([malformed]), Err(BearerError::Malformed), "{malformed:?}");
        }
        assert_eq!(bearer([&b"Bearer a"[..], b"Bearer a"]), Err(BearerError::Several));
        assert_eq!(bearer([&b"Basic a"[..], b"Bearer a"]), Err(BearerError::Several));
    }
}
