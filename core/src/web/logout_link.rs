//! A link that logs out: `GET` with a token that only a page of this session's can know.

use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The token of a link that ends the session of this cookie. It is made from the cookie's value, and gives nothing of it
/// away: whoever finds the link in a log or a history may end that session, and no more.
///
/// # Example: on a page that is rendered for this session
/// ```
/// use doorward_core::web::logout_link::{is_logout_token, logout_token};
///
/// let link = format!("/auth/logout?token={}", logout_token("dws_abc"));
/// let (_, sent) = link.split_once('=').unwrap();
/// assert!(is_logout_token(sent, "dws_abc"));
/// assert!(!is_logout_token(sent, "dws_abd")); // another session's
/// ```
pub fn logout_token(session_token: &str) -> String {
    let tag = tag(session_token);
    Base64UrlUnpadded::encode_string(&tag)
}

/// Whether this is the link's token for the session of this cookie.
///
/// # Example: a guess
/// ```
/// use doorward_core::web::logout_link::is_logout_token;
///
/// assert!(!is_logout_token("guess", "dws_abc"));
/// ```
pub fn is_logout_token(text: &str, session_token: &str) -> bool {
    logout_token(session_token).as_bytes().ct_eq(text.as_bytes()).into()
}

fn tag(session_token: &str) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(session_token.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(b"doorward: a link that logs out");
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_belongs_to_one_cookie_and_shows_nothing_of_it() {
        let (one, two) = (logout_token("dws_one"), logout_token("dws_two"));
        assert_eq!(one.len(), 43);
        assert!(is_logout_token(&one, "dws_one") && !is_logout_token(&two, "dws_one"));
        assert!(
            !one.contains("one")
                && !is_logout_token(&one[..42], "dws_one")
                && !is_logout_token("", "dws_one")
        );
    }
}
