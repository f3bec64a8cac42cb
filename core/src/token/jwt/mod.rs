//! Access tokens that others can check without the store: JWTs (RFC 9068), signed and read strictly.
//!
//! A token is refused unless its form, its header, its claims, its key, its signature and its times are all as the
//! standards ask for; the first rule that it breaks is the [`JwtError`].
//!
//! | refused | why | |
//! |---|---|---|
//! | more or fewer than three parts, padding, another alphabet, stray bits, over 8 KiB | one token, one text | RFC 7515, sections 2 and 7.1 |
//! | two members of one name, at any depth | it could mean two things | RFC 7519, section 4 |
//! | `alg` outside [`Algorithm`], or not the key's own | one key, one algorithm | RFC 8725, section 3.1 |
//! | `typ` other than an access token's | an ID token is none | RFC 9068, section 4 |
//! | `crit`, `b64` | no extension is understood | RFC 7515, section 4.1.11; RFC 7797, section 6 |
//! | no `kid`, or one that nobody published | a key is looked up, never tried | RFC 8725, section 3.10 |
//! | a required claim that is missing or of another type | | RFC 9068, section 2.2 |
//! | `iss` or `aud` of others, compared byte by byte | | RFC 8725, sections 3.8 and 3.9 |
//! | now ≥ `exp` + leeway, now + leeway < `nbf` | | RFC 7519, section 4.1 |
//!
//! `jku`, `jwk`, `x5u` and `x5c` are ignored: keys come from configuration, never from a token (RFC 8725, section 3.10).

mod algorithm;
mod claims;
mod compact;
mod error;
pub(crate) mod json;
mod jwk;
mod pem;
mod signing_key;
#[cfg(test)]
mod tests;
mod verifier;
mod verifying_key;
mod weak;

use alloc::string::String;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

pub use algorithm::Algorithm;
pub use claims::{Claims, is_registered};
pub(crate) use claims::{Expected, Said, once};
pub(crate) use compact::Signed;
pub use compact::{Compact, MAX_BYTES};
pub use error::{JwtError, KeyLoadError, SignError};
pub(crate) use json::is_shallow;
pub use signing_key::SigningKey;
pub use verifier::Verifier;
pub use verifying_key::VerifyingKey;

token! {
    /// An access token: whoever holds it is who it says, until it expires. Redacted in `Debug`, wiped when dropped.
    ///
    /// # Example: as a client sends it
    /// ```
    /// use doorward_core::token::jwt::AccessToken;
    ///
    /// fn header(token: &AccessToken) -> String {
    ///     format!("Authorization: Bearer {}", token.expose())
    /// }
    /// # let _ = header;
    /// assert!(core::mem::needs_drop::<AccessToken>());
    /// ```
    AccessToken
}
