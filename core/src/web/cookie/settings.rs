//! What a cookie is to be, and what its name's prefix promises of it.

use alloc::string::String;
use core::fmt::Write as _;

use zeroize::Zeroizing;

use super::{CookieError, MAX_DOMAIN_BYTES, MAX_NAME_BYTES, MAX_PATH_BYTES, SetCookie};

/// Which requests from other sites' pages carry the cookie (RFC 6265bis, section 4.1.2.7).
///
/// # Example: the stricter one
/// ```
/// use core::time::Duration;
/// use doorward_core::web::cookie::{Cookie, CookieSettings, SameSite};
///
/// let cookie = Cookie::new(CookieSettings { same_site: SameSite::Strict, ..CookieSettings::default() })?;
/// assert!(cookie.set("dws_x", Duration::from_secs(60))?.expose().ends_with("SameSite=Strict"));
/// # Ok::<(), doorward_core::web::cookie::CookieError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SameSite {
    /// Top-level navigations by `GET` do: who follows a link to us is logged in there.
    #[default]
    Lax,
    /// None does: who follows a link to us seems logged out on the first page.
    Strict,
}

/// How a session's cookie is to be. [`Cookie::new`](super::Cookie::new) checks that it holds together.
///
/// # Example: one session for all hosts of a domain
/// ```
/// use doorward_core::web::cookie::{Cookie, CookieError, CookieSettings};
///
/// let mut settings = CookieSettings { domain: Some("example.com".into()), ..CookieSettings::default() };
/// assert_eq!(Cookie::new(settings.clone()).unwrap_err(), CookieError::HostPrefix);
/// settings.name = "__Secure-session".into();
/// assert_eq!(Cookie::new(settings)?.name(), "__Secure-session");
/// # Ok::<(), CookieError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieSettings {
    /// The whole name, prefix included. Default `__Host-session`.
    pub name: String,
    /// The paths that it is sent to. Default `/`.
    pub path: String,
    /// The domain whose hosts all get it. Default none: this host alone.
    pub domain: Option<String>,
    /// Whether it travels over TLS only. Default yes.
    pub secure: bool,
    /// Which requests of other sites carry it. Default [`SameSite::Lax`].
    pub same_site: SameSite,
}

impl CookieSettings {
    /// For development over plain HTTP on this machine, in browsers that take a `Secure` cookie only over TLS. Anybody on
    /// the way reads a cookie like this.
    pub fn plain_http() -> Self {
        Self { name: "session".into(), secure: false, ..Self::default() }
    }
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self {
            name: "__Host-session".into(),
            path: "/".into(),
            domain: None,
            secure: true,
            same_site: SameSite::default(),
        }
    }
}

impl CookieSettings {
    pub(super) fn check(&self) -> Result<(), CookieError> {
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || !self.name.bytes().all(is_name_byte) {
            return Err(CookieError::Name);
        }
        if !self.path.starts_with('/') || self.path.len() > MAX_PATH_BYTES || !is_attribute(&self.path) {
            return Err(CookieError::Path);
        }
        let is_domain = |domain: &str| {
            let mut labels = domain.split('.');
            domain.len() <= MAX_DOMAIN_BYTES
                && labels.all(|label| {
                    let mut bytes = label.bytes();
                    !label.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                })
        };
        if !self.domain.as_deref().is_none_or(is_domain) {
            return Err(CookieError::Domain);
        }
        // Browsers compare prefixes without regard to case.
        let has_prefix = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|name| name.eq_ignore_ascii_case(prefix))
        };
        if has_prefix("__Host-") && !(self.secure && self.path == "/" && self.domain.is_none()) {
            return Err(CookieError::HostPrefix);
        }
        if has_prefix("__Secure-") && !self.secure { Err(CookieError::SecurePrefix) } else { Ok(()) }
    }

    pub(super) fn write(&self, value: &str, max_age: u64) -> SetCookie {
        // Room for all of it: a text that grows leaves its secret behind in the memory that it had.
        let room = self.name.len() + value.len() + self.path.len() + MAX_DOMAIN_BYTES + 128;
        let mut text = Zeroizing::new(String::with_capacity(room));
        let _ = write!(text, "{}={value}; Max-Age={max_age}; Path={}", self.name, self.path);
        if let Some(domain) = &self.domain {
            let _ = write!(text, "; Domain={domain}");
        }
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str("; HttpOnly; SameSite=");
        text.push_str(match self.same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        });
        SetCookie(text)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_attribute(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}
