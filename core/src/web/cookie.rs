//! The session's cookie: set, read and cleared by one value, so that the three cannot disagree.
//!
//! | attribute | default | why |
//! |---|---|---|
//! | name | `__Host-session` | the prefix makes the browser insist on the next three, and on having got the cookie from this very host |
//! | `Secure` | yes | it travels over TLS only (to this machine itself, some browsers take plain HTTP for as good) |
//! | `Path` | `/` | |
//! | `Domain` | none | a neighbouring host neither gets it nor sets it |
//! | `HttpOnly` | always | no script reads it |
//! | `SameSite` | `Lax` | another site's forms and scripts do not send it; a link to us does |
//! | `Max-Age` | to the session's absolute end | nobody needs to set it again, so no late reply brings it back |

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

pub use settings::{CookieSettings, SameSite};

mod settings;

/// A session's cookie.
///
/// # Example: set at login, found in a request, cleared at logout
/// ```
/// use core::time::Duration;
/// use doorward_core::web::cookie::Cookie;
///
/// let cookie = Cookie::default();
/// let set = cookie.set("dws_abc", Duration::from_hours(24))?;
/// assert_eq!(set.expose(), "__Host-session=dws_abc; Max-Age=86400; Path=/; Secure; HttpOnly; SameSite=Lax");
///
/// let sent = ["theme=dark; __Host-session=dws_abc".as_bytes()];
/// assert_eq!(cookie.read(sent)?, Some("dws_abc"));
///
/// let clear = &cookie.clear()[0];
/// assert_eq!(clear.expose(), "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
/// # Ok::<(), doorward_core::web::cookie::CookieError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cookie {
    settings: CookieSettings,
    former: Vec<CookieSettings>,
}

impl Cookie {
    /// A cookie of these settings.
    ///
    /// # Errors
    /// [`CookieError`]: they are no cookie's, or promise what the name's prefix forbids (RFC 6265bis, section 4.1.3).
    pub fn new(settings: CookieSettings) -> Result<Self, CookieError> {
        settings.check()?;
        Ok(Self { settings, former: Vec::new() })
    }

    /// The session's cookie of [`CookieSettings::plain_http`].
    pub fn plain_http() -> Self {
        Self { settings: CookieSettings::plain_http(), former: Vec::new() }
    }

    /// The cookie for a known device's token beside this session's cookie: for this host alone, and as secure.
    #[must_use]
    pub fn of_device(&self) -> Self {
        let secure = self.settings.secure;
        let name = if secure { "__Host-device" } else { "device" };
        let settings = CookieSettings { name: name.into(), secure, ..CookieSettings::default() };
        Self { settings, former: Vec::new() }
    }

    /// The same, after an earlier configuration of the host's: whatever is still kept of that is cleared with this one.
    ///
    /// # Errors
    /// [`CookieError`]: no browser would have kept such a cookie.
    pub fn formerly(mut self, former: CookieSettings) -> Result<Self, CookieError> {
        former.check()?;
        // What a browser takes for one cookie (RFC 6265, sections 5.2.3 and 5.3): its clear would be that of today's.
        let today = &self.settings;
        let domain_of = |settings: &CookieSettings| settings.domain.as_deref().map(str::to_ascii_lowercase);
        let is_todays = (&today.name, &today.path) == (&former.name, &former.path)
            && domain_of(today) == domain_of(&former);
        if !is_todays {
            self.former.push(former);
        }
        Ok(self)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The header that keeps this value for so long: whole seconds, the rest is cut off.
    ///
    /// # Errors
    /// [`CookieError::Value`]: the value is not one of ours. [`CookieError::TooLong`].
    pub fn set(&self, value: &str, max_age: Duration) -> Result<SetCookie, CookieError> {
        let is_value = !value.is_empty() && value.bytes().all(is_value_byte);
        if !is_value {
            return Err(CookieError::Value);
        }
        let set = self.settings.write(value, max_age.as_secs());
        if set.expose().len() > MAX_SET_BYTES { Err(CookieError::TooLong) } else { Ok(set) }
    }

    /// The headers that make a browser forget it: of this cookie, and of each earlier configuration.
    pub fn clear(&self) -> Vec<SetCookie> {
        let mut all = self.clear_former();
        all.insert(0, self.settings.write("", 0));
        all
    }

    /// The headers of the earlier configurations alone: what no login of today has set, so that it can be sent at any time.
    pub fn clear_former(&self) -> Vec<SetCookie> {
        self.former.iter().map(|settings| settings.write("", 0)).collect()
    }

    /// Whether browsers send it to this path (RFC 6265, section 5.1.4).
    pub fn is_sent_to(&self, path: &str) -> bool {
        let ours = self.settings.path.as_str();
        path.strip_prefix(ours)
            .is_some_and(|rest| rest.is_empty() || ours.ends_with('/') || rest.starts_with('/'))
    }

    /// The value in a request's `Cookie` headers, if there is one.
    ///
    /// # Errors
    /// [`CookieError`]: there is more than is read, or two cookies have this name. Which of the two is meant, nobody
    /// knows: a neighbour may have set one of them.
    pub fn read<'a>(
        &self,
        headers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<&'a str>, CookieError> {
        let (mut found, mut bytes, mut pairs) = (None, 0, 0);
        for header in headers {
            bytes += header.len();
            if bytes > MAX_READ_BYTES {
                return Err(CookieError::TooLong);
            }
            for pair in header.split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
                pairs += 1;
                if pairs > MAX_PAIRS {
                    return Err(CookieError::TooMany);
                }
                let Some(value) = self.value_in(pair) else { continue };
                let value = core::str::from_utf8(value).map_err(|_| CookieError::Value)?;
                if found.replace(value).is_some() {
                    return Err(CookieError::Twice);
                }
            }
        }
        Ok(found)
    }

    fn value_in<'a>(&self, pair: &'a [u8]) -> Option<&'a [u8]> {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at_checked(at)?;
        (name.trim_ascii() == self.settings.name.as_bytes())
            .then(|| value.strip_prefix(b"=").map(<[u8]>::trim_ascii))?
    }
}

/// A `Set-Cookie` header's value. Redacted in `Debug`, wiped when dropped.
///
/// # Example: it does not print
/// ```
/// use core::time::Duration;
/// use doorward_core::web::cookie::Cookie;
///
/// let set = Cookie::default().set("dws_abc", Duration::from_secs(60))?;
/// assert_eq!(format!("{set:?}"), "SetCookie(..)");
/// assert!(set.expose().contains("dws_abc"));
/// # Ok::<(), doorward_core::web::cookie::CookieError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie(Zeroizing<String>);

impl SetCookie {
    /// The text: ASCII, without control characters.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetCookie(..)")
    }
}

/// Why there is no such cookie.
///
/// # Example: two of one name
/// ```
/// use doorward_core::web::cookie::{Cookie, CookieError};
///
/// let sent = [&b"__Host-session=dws_a"[..], b"__Host-session=dws_b"];
/// assert_eq!(Cookie::default().read(sent), Err(CookieError::Twice));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is no token (RFC 9110, section 5.6.2).
    #[error("a cookie's name is 1 to {MAX_NAME_BYTES} letters, digits, or one of !#$%&'*+-.^_`|~")]
    Name,
    /// The path is none.
    #[error(
        "a cookie's path begins with a slash, and is at most {MAX_PATH_BYTES} visible ASCII characters without a semicolon"
    )]
    Path,
    /// The domain is none.
    #[error(
        "a cookie's domain is letters, digits and hyphens with dots between them, without a port and a leading dot"
    )]
    Domain,
    /// The routes that set and clear it would not get it.
    #[error("the cookie's path leaves out the routes under {0}: a logout would end nothing")]
    OutOfReach(&'static str),
    /// A `__Host-` cookie is `Secure`, has the path `/`, and no domain (RFC 6265bis, section 4.1.3.2).
    #[error("a `__Host-` cookie is Secure, of the path `/` and without a domain: change these, or the name")]
    HostPrefix,
    /// A `__Secure-` cookie is `Secure` (RFC 6265bis, section 4.1.3.1).
    #[error("a `__Secure-` cookie is Secure: change this, or the name")]
    SecurePrefix,
    /// The value is empty, or has a character that a cookie must not have (RFC 6265, section 4.1.1).
    #[error("the cookie's value has characters that no token has")]
    Value,
    /// Written, it would be longer than a browser keeps; sent, the cookies are longer than is read.
    #[error("the cookies are too long: at most {MAX_SET_BYTES} bytes are set, and {MAX_READ_BYTES} read")]
    TooLong,
    /// A request has more cookies than are read.
    #[error("more than {MAX_PAIRS} cookies: delete some of this site's")]
    TooMany,
    /// Two cookies have the session's name.
    #[error("two cookies have the session's name: delete this site's cookies, and log in again")]
    Twice,
}

/// What browsers keep of one cookie (RFC 6265, section 6.1).
const MAX_SET_BYTES: usize = 4096;
const MAX_READ_BYTES: usize = 16 * 1024;
const MAX_PAIRS: usize = 64;
const MAX_NAME_BYTES: usize = 128;
const MAX_PATH_BYTES: usize = 1024;
const MAX_DOMAIN_BYTES: usize = 253;

fn is_value_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut CookieSettings)) -> Result<Cookie, CookieError> {
        let mut settings = CookieSettings::default();
        change(&mut settings);
        Cookie::new(settings)
    }

    fn cookie(change: impl FnOnce(&mut CookieSettings)) -> Cookie {
        settings(change).unwrap()
    }

    #[test]
    fn ck_1_a_prefix_that_the_attributes_do_not_keep_is_a_configuration_error() {
        for name in ["__Host-session", "__HOST-session", "__host-"] {
            let named = |change: &dyn Fn(&mut CookieSettings)| {
                settings(|settings| {
                    settings.name = name.into();
                    change(settings);
                })
            };
            assert!(named(&|_| {}).is_ok());
            let broken: [&dyn Fn(&mut CookieSettings); 3] = [
                &|settings| settings.domain = Some("example.com".into()),
                &|settings| settings.path = "/app".into(),
                &|settings| settings.secure = false,
            ];
            for change in broken {
                assert_eq!(named(change), Err(CookieError::HostPrefix), "{name}");
            }
        }
        let insecure = settings(|settings| {
            settings.name = "__secure-session".into();
            settings.secure = false;
        });
        assert_eq!(insecure, Err(CookieError::SecurePrefix));
    }

    #[test]
    fn ck_2_nothing_reaches_the_header_that_could_end_it() {
        let injections = ["a;b", "a\r\nSet-Cookie: x=y", "a b", "a\0", "a\u{7f}", "é", ""];
        for text in injections {
            assert_eq!(settings(|settings| settings.name = text.into()), Err(CookieError::Name));
            let path = settings(|settings| settings.path = alloc::format!("/{text}"));
            assert!(text.is_empty() || path == Err(CookieError::Path), "{text:?}");
            assert_eq!(settings(|settings| settings.domain = Some(text.into())), Err(CookieError::Domain));
            let set = Cookie::default().set(text, Duration::from_secs(1));
            assert_eq!(set.unwrap_err(), CookieError::Value, "{text:?}");
        }
        for domain in [".example.com", "example.com:80", "example..com", "*.example.com"] {
            assert_eq!(settings(|settings| settings.domain = Some(domain.into())), Err(CookieError::Domain));
        }
    }

    #[test]
    fn ck_2_it_is_as_long_as_a_browser_keeps() {
        let cookie = Cookie::default();
        let rest = cookie.set("x", Duration::from_secs(1)).unwrap().expose().len() - 1;
        let longest = "x".repeat(MAX_SET_BYTES - rest);
        assert!(cookie.set(&longest, Duration::from_secs(1)).is_ok());
        assert_eq!(cookie.set(&(longest + "x"), Duration::from_secs(1)), Err(CookieError::TooLong));
    }

    #[test]
    fn ck_3_a_clear_has_the_attributes_of_the_set_and_earlier_ones_theirs() {
        let former = CookieSettings {
            name: "sid".into(),
            path: "/app".into(),
            domain: Some("example.com".into()),
            secure: false,
            same_site: SameSite::Strict,
        };
        let cookie = Cookie::default().formerly(former.clone()).unwrap();
        let attributes = |text: &str| -> Vec<String> {
            let is_kept = |part: &&str| !part.contains("Max-Age");
            text.split("; ").skip(1).filter(is_kept).map(String::from).collect()
        };
        let cleared = cookie.clear();
        for (settings, cleared) in [CookieSettings::default(), former].into_iter().zip(&cleared) {
            let cookie = Cookie::new(settings).unwrap();
            let set = cookie.set("dws_x", Duration::from_secs(9)).unwrap();
            assert_eq!(attributes(cleared.expose()), attributes(set.expose()));
            let is_gone = alloc::format!("{}=; Max-Age=0; ", cookie.name());
            assert!(cleared.expose().starts_with(&is_gone), "{}", cleared.expose());
        }
        assert_eq!(cleared.len(), 2);
        // Other attributes make no other cookie: there is nothing left behind to clear.
        let before = CookieSettings { same_site: SameSite::Strict, ..CookieSettings::default() };
        assert!(Cookie::default().formerly(before).unwrap().clear_former().is_empty());
        // Nor does a domain in other letters, which a browser takes for the same: its clear took today's away.
        let of = |domain: &str| CookieSettings {
            name: "sid".into(),
            domain: Some(domain.into()),
            ..CookieSettings::default()
        };
        let today = Cookie::new(of("example.com")).unwrap();
        for (before, cleared) in [("Example.COM", 0), ("example.org", 1)] {
            assert_eq!(today.clone().formerly(of(before)).unwrap().clear_former().len(), cleared);
        }
    }

    #[test]
    fn what_is_made_unchecked_holds_together() {
        for session in [Cookie::default(), Cookie::plain_http()] {
            for cookie in [&session, &session.of_device()] {
                assert_eq!(Cookie::new(cookie.settings.clone()).as_ref(), Ok(cookie));
                assert_eq!(cookie.settings.secure, session.settings.secure);
            }
        }
    }

    #[test]
    fn it_reaches_what_stands_below_its_path() {
        for (path, to, is_sent) in [
            ("/", "/auth", true),
            ("/auth", "/auth", true),
            ("/auth/", "/auth", false),
            ("/au", "/auth", false),
            ("/app", "/auth", false),
            ("/a", "/a/b", true),
        ] {
            let cookie = cookie(|settings| (settings.name, settings.path) = ("s".into(), path.into()));
            assert_eq!(cookie.is_sent_to(to), is_sent, "{path} {to}");
        }
    }

    #[test]
    fn it_is_found_among_others() {
        let cookie = cookie(|settings| settings.name = "__Host-s".into());
        let read = |header: &'static str| cookie.read([header.as_bytes()]);
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("__Host-s"), Ok(None));
        assert_eq!(read("x__Host-s=1; __Host-sx=2; __host-s=3"), Ok(None));
        assert_eq!(read("a=b;__Host-s=dws_1 ;c"), Ok(Some("dws_1")));
        assert_eq!(read("__Host-s=a=b"), Ok(Some("a=b")));
        assert_eq!(read("__Host-s="), Ok(Some("")));
        assert_eq!(cookie.read([&b"a=1"[..], b"__Host-s=2"]), Ok(Some("2")));
    }

    #[test]
    fn hostile_ones_are_refused() {
        let cookie = Cookie::default();
        let twice = "__Host-session=a; b=c; __Host-session=a";
        assert_eq!(cookie.read([twice.as_bytes()]), Err(CookieError::Twice));
        assert_eq!(cookie.read([&b"__Host-session=\xff"[..]]), Err(CookieError::Value));
        let many = "a=b;".repeat(MAX_PAIRS - 1) + "a=b";
        assert_eq!(cookie.read([many.as_bytes()]), Ok(None));
        assert_eq!(cookie.read([many.as_bytes(), b"a=b"]), Err(CookieError::TooMany));
        let long = alloc::vec![b'x'; MAX_READ_BYTES];
        assert_eq!(cookie.read([&*long]), Ok(None));
        assert_eq!(cookie.read([&*long, b"x"]), Err(CookieError::TooLong));
    }
}
