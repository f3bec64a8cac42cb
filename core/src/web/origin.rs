//! Whether a request was sent by one of our own pages, going by what browsers say of it: `Origin` (RFC 6454, section 7)
//! and fetch metadata (W3C, Fetch Metadata Request Headers). No page can forge or withhold them; a program that is no
//! browser can, and gains nothing: it has no cookie but its own.
//!
//! | `Sec-Fetch-Site` | `Origin` | a write |
//! |---|---|---|
//! | `same-origin` | ours, or none | taken |
//! | none | ours | taken |
//! | anything | one that [`Origins::only`] names | taken: pages of several hosts may be ours |
//! | none | none | refused: nobody vouches for it |
//! | anything else | | refused |
//! | | another, `null`, or several | refused |
//!
//! | a link that logs out | |
//! |---|---|
//! | with the session's own token, unless the browser says that it is no page that is opened: an image, a frame, a prefetch | taken |
//! | without: `same-origin`, `navigate`, `document`, `?1`, and no `Sec-Purpose` | taken: a person followed a link of ours |
//! | anything else: another site, an old browser | refused |

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Which origins are ours.
///
/// # Example: behind a proxy that rewrites `Host`
/// ```
/// use doorward_core::web::origin::{FetchHeaders, Origins};
///
/// let origins = Origins::only(["https://app.example"])?;
/// let headers = FetchHeaders { origin: Some("https://app.example"), host: Some("10.0.0.7"), ..FetchHeaders::default() };
/// assert!(headers.check_write(&origins).is_ok());
/// # Ok::<(), doorward_core::web::origin::OriginError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(Rule);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Only(Vec<String>),
    HostOverTls,
    Loopback,
}

impl Origins {
    /// The host that the request names, over TLS. The default: it asks for a proxy that hands on `Host`.
    pub fn of_host() -> Self {
        Self(Rule::HostOverTls)
    }

    /// The host that the request names, over plain HTTP, if it is this machine itself: `localhost`, `127.0.0.1` or `[::1]`
    /// with any port. For development. A stranger's name that leads here (DNS rebinding) is none of them.
    pub fn loopback() -> Self {
        Self(Rule::Loopback)
    }

    /// These, whatever `Host` and `Sec-Fetch-Site` say: scheme, host, and the port if it is not the scheme's own. Name every
    /// host whose pages may act for the person.
    ///
    /// # Errors
    /// [`OriginError`]: one is not written as browsers write an origin, and no request would ever match it.
    pub fn only<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, OriginError> {
        let origins: Vec<String> = origins
            .into_iter()
            .map(|origin| if is_origin(origin) { Ok(origin.into()) } else { Err(OriginError) })
            .collect::<Result<_, _>>()?;
        if origins.is_empty() { Err(OriginError) } else { Ok(Self(Rule::Only(origins))) }
    }

    fn has(&self, origin: &str, host: Option<&str>) -> bool {
        let is_of = |scheme| host.is_some_and(|host| origin.strip_prefix(scheme) == Some(host));
        match &self.0 {
            Rule::Only(_) => self.names(origin),
            Rule::HostOverTls => is_of("https://"),
            Rule::Loopback => is_of("http://") && host.is_some_and(is_loopback),
        }
    }

    fn names(&self, origin: &str) -> bool {
        matches!(&self.0, Rule::Only(origins) if origins.iter().any(|ours| ours == origin))
    }

    /// Whether a request to this host is one to us at all.
    fn serves(&self, host: Option<&str>) -> bool {
        match &self.0 {
            Rule::Loopback => host.is_some_and(is_loopback),
            Rule::Only(_) | Rule::HostOverTls => true,
        }
    }
}

impl Default for Origins {
    fn default() -> Self {
        Self::of_host()
    }
}

/// A text is no origin as browsers write it.
///
/// # Example: a trailing slash
/// ```
/// use doorward_core::web::origin::{OriginError, Origins};
///
/// assert_eq!(Origins::only(["https://app.example/"]), Err(OriginError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error(
    "an origin is `https://` or `http://`, a host in lower case, and the port unless it is the scheme's own: no path, no slash at its end"
)]
pub struct OriginError;

/// What a browser says of where a request comes from. A header that came several times is given as an empty text.
///
/// # Example: a form of another site's
/// ```
/// use doorward_core::web::origin::{CrossSite, FetchHeaders, Origins};
///
/// let headers = FetchHeaders {
///     host: Some("app.example"),
///     origin: Some("https://evil.example"),
///     site: Some("cross-site"),
///     ..FetchHeaders::default()
/// };
/// assert_eq!(headers.check_write(&Origins::of_host()), Err(CrossSite::Foreign));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchHeaders<'a> {
    /// `Host`, or what HTTP/2 calls the authority.
    pub host: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub mode: Option<&'a str>,
    /// `Sec-Fetch-Dest`.
    pub dest: Option<&'a str>,
    /// `Sec-Fetch-User`.
    pub user: Option<&'a str>,
    /// `Sec-Purpose`, or what older browsers have for it: `Purpose`, `X-Purpose`, `X-Moz`.
    pub purpose: Option<&'a str>,
}

impl FetchHeaders<'_> {
    /// Whether a request that changes something was sent by a page of ours (OWASP, cross-site request forgery).
    ///
    /// # Errors
    /// [`CrossSite`]: it was not, or nobody says so.
    pub fn check_write(&self, origins: &Origins) -> Result<(), CrossSite> {
        self.check_foreign(origins)?;
        if self.site.is_none() && self.origin.is_none() { Err(CrossSite::Unknown) } else { Ok(()) }
    }

    /// The same for a request whose right to be made is in its body, as a refresh token's is: no page of another site has
    /// it, so that a program which says nothing of its origin is taken.
    ///
    /// # Errors
    /// [`CrossSite::Foreign`]: a page of another site sent it.
    pub fn check_foreign(&self, origins: &Origins) -> Result<(), CrossSite> {
        let is_named = self.origin.is_some_and(|origin| origins.names(origin));
        let is_site_ours = is_named || self.site.is_none_or(|site| site == "same-origin");
        let is_origin_ours = self.origin.is_none_or(|origin| origins.has(origin, self.host));
        if is_site_ours && is_origin_ours && origins.serves(self.host) {
            Ok(())
        } else {
            Err(CrossSite::Foreign)
        }
    }

    /// Whether a person followed a link on a page of ours, so that a `GET` may log them out.
    ///
    /// # Errors
    /// [`CrossSite`]: it is an image, a frame, a prefetch, another site's link, or the browser does not say.
    pub fn check_link(&self, origins: &Origins) -> Result<(), CrossSite> {
        self.check_foreign(origins)?;
        let said = [self.site, self.mode, self.dest, self.user];
        let is_followed = said == [Some("same-origin"), Some("navigate"), Some("document"), Some("?1")];
        if is_followed && self.purpose.is_none() { Ok(()) } else { Err(CrossSite::NotOpened) }
    }

    /// The same for a link that carries the session's own [token](super::logout_link): who has it may log out, from a mail or
    /// an old browser too. Only what a browser fetches by itself is refused, for it does so with every link on a page.
    ///
    /// # Errors
    /// [`CrossSite::NotOpened`]: it is an image, a frame, a prefetch.
    pub fn check_own_link(&self) -> Result<(), CrossSite> {
        // A service worker that passes a navigation on has no other word for it than `empty`.
        let is_page = |dest| dest == "document" || dest == "empty" && self.mode == Some("navigate");
        let is_opened = self.mode.is_none_or(|mode| mode == "navigate")
            && self.dest.is_none_or(is_page)
            && self.purpose.is_none();
        if is_opened { Ok(()) } else { Err(CrossSite::NotOpened) }
    }
}

/// Why a request may not change anything.
///
/// # Example: a program that says nothing
/// ```
/// use doorward_core::web::origin::{CrossSite, FetchHeaders, Origins};
///
/// let said = FetchHeaders { host: Some("app.example"), ..FetchHeaders::default() };
/// assert_eq!(said.check_write(&Origins::of_host()), Err(CrossSite::Unknown));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CrossSite {
    /// A page of another site sent it, or it was sent to another name than ours.
    #[error("the request comes from another site")]
    Foreign,
    /// Nothing says that a page of ours sent it.
    #[error("nothing says that a page of this site sent the request: send the Origin header")]
    Unknown,
    /// A link that logs out was not opened by a person on a page of ours, or the browser does not say so.
    #[error("this link logs out only where a person opens it on a page of this site: use the button there")]
    NotOpened,
}

fn is_origin(text: &str) -> bool {
    let (own_port, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(authority), _) => (443, authority),
        (_, Some(authority)) => (80, authority),
        (None, None) => return false,
    };
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port =
        |port: &str| !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok_and(|port| port != own_port);
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => is_ipv6(address),
        None if ends_in_number(host) => {
            host.parse().is_ok_and(|address: Ipv4Addr| address.to_string() == host)
        }
        None => host.bytes().all(is_name) && host.split('.').all(|label| !label.is_empty()),
    };
    is_host && port.is_none_or(is_port)
}

/// WHATWG URL, section 3.5: browsers write addresses in one way, and an IPv4 address that is mapped in hexadecimal digits.
fn is_ipv6(text: &str) -> bool {
    text.parse().is_ok_and(|address: Ipv6Addr| {
        let written = match (address.to_ipv4_mapped(), address.segments()) {
            (Some(_), [.., high, low]) => format!("::ffff:{high:x}:{low:x}"),
            (None, _) => address.to_string(),
        };
        written == text
    })
}

/// WHATWG URL, section 3.5: whatever ends so is an IPv4 address to a browser, or nothing.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    !last.is_empty() && last.bytes().all(|digit| digit.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(is_hex)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Option<&str> = Some("app.example");

    fn said<'a>(site: Option<&'a str>, origin: Option<&'a str>) -> FetchHeaders<'a> {
        FetchHeaders { host: HOST, site, origin, ..FetchHeaders::default() }
    }

    #[test]
    fn ck_4_a_write_is_of_this_origin_or_refused() {
        let ours = Some("https://app.example");
        let origins = [Origins::of_host(), Origins::only(["https://app.example"]).unwrap()];
        for (origins, is_named) in origins.iter().zip([false, true]) {
            for taken in [said(Some("same-origin"), ours), said(Some("same-origin"), None), said(None, ours)]
            {
                assert_eq!(taken.check_write(origins), Ok(()));
            }
            assert_eq!(said(None, None).check_write(origins), Err(CrossSite::Unknown));
            assert_eq!(said(None, None).check_foreign(origins), Ok(()));
            for site in ["cross-site", "same-site", "none", "", "same-origin, same-origin", "Same-Origin"] {
                let headers = said(Some(site), None);
                assert_eq!(headers.check_write(origins), Err(CrossSite::Foreign), "{site}");
                assert_eq!(headers.check_foreign(origins), Err(CrossSite::Foreign), "{site}");
                // A page of another host of ours, which the host has named.
                assert_eq!(said(Some(site), ours).check_write(origins).is_ok(), is_named, "{site}");
            }
            for origin in [
                "http://app.example",
                "https://app.example:8443",
                "https://app.example.evil.example",
                "null",
                "",
                "https://APP.example",
                "https://app.example/",
                "app.example",
                "https://evil.example",
            ] {
                assert_eq!(
                    said(None, Some(origin)).check_write(origins),
                    Err(CrossSite::Foreign),
                    "{origin}"
                );
                let headers = said(Some("same-origin"), Some(origin));
                assert_eq!(headers.check_write(origins), Err(CrossSite::Foreign), "{origin}");
            }
        }
        let nowhere = FetchHeaders { host: None, ..said(None, ours) };
        assert_eq!(nowhere.check_write(&Origins::of_host()), Err(CrossSite::Foreign));
        assert_eq!(nowhere.check_write(&origins[1]), Ok(()));
    }

    #[test]
    fn ck_4_plain_http_is_for_this_machine_alone() {
        for (host, origin) in [
            ("localhost:80", "http://localhost:80"),
            ("127.0.0.1", "http://127.0.0.1"),
            ("[::1]:9", "http://[::1]:9"),
        ] {
            let headers = FetchHeaders { host: Some(host), ..said(None, Some(origin)) };
            assert_eq!(headers.check_write(&Origins::loopback()), Ok(()), "{host}");
        }
        // Another name for this machine, as DNS rebinding gives it: page and host agree, and are refused.
        for host in
            ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost:x", "127.0.0.2", "::1"]
        {
            let origin = alloc::format!("http://{host}");
            let headers = FetchHeaders { host: Some(host), ..said(Some("same-origin"), Some(&origin)) };
            assert_eq!(headers.check_write(&Origins::loopback()), Err(CrossSite::Foreign), "{host}");
        }
    }

    #[test]
    fn ck_4_only_a_person_on_our_page_follows_a_link_that_logs_out() {
        let (origins, followed) = (
            Origins::of_host(),
            FetchHeaders {
                host: HOST,
                origin: None,
                site: Some("same-origin"),
                mode: Some("navigate"),
                dest: Some("document"),
                user: Some("?1"),
                purpose: None,
            },
        );
        assert_eq!(followed.check_link(&origins), Ok(()));
        for other in [
            FetchHeaders { site: Some("cross-site"), ..followed },
            FetchHeaders { site: Some("same-site"), ..followed },
            FetchHeaders { site: Some("none"), ..followed },
            FetchHeaders { site: None, ..followed },
            FetchHeaders { mode: Some("no-cors"), ..followed },
            FetchHeaders { dest: Some("image"), ..followed },
            FetchHeaders { dest: Some("iframe"), ..followed },
            FetchHeaders { user: None, ..followed },
            FetchHeaders { user: Some("?0"), ..followed },
            FetchHeaders { purpose: Some("prefetch"), ..followed },
            FetchHeaders { purpose: Some("prefetch;prerender"), ..followed },
            FetchHeaders { origin: Some("https://evil.example"), ..followed },
            FetchHeaders { host: HOST, ..FetchHeaders::default() },
        ] {
            assert!(other.check_link(&origins).is_err(), "{other:?}");
        }
        // With the session's own token: from anywhere, but not by a browser of its own accord.
        let mailed = FetchHeaders { site: Some("cross-site"), user: None, ..followed };
        let passed_on = FetchHeaders { dest: Some("empty"), user: None, ..followed };
        for taken in [followed, mailed, passed_on, FetchHeaders::default()] {
            assert_eq!(taken.check_own_link(), Ok(()), "{taken:?}");
        }
        for refused in [
            FetchHeaders { mode: Some("no-cors"), dest: Some("image"), ..followed },
            FetchHeaders { dest: Some("iframe"), ..followed },
            FetchHeaders { mode: Some("cors"), dest: Some("empty"), ..followed },
            FetchHeaders { purpose: Some("prefetch"), ..followed },
            FetchHeaders { purpose: Some("prefetch;prerender"), site: Some("none"), ..followed },
        ] {
            assert_eq!(refused.check_own_link(), Err(CrossSite::NotOpened), "{refused:?}");
        }
    }

    /// The fuzz target `headers` found that `https://1.2.3` was taken: a browser writes that as `https://1.2.0.3`, so that no
    /// request would ever have come from it, and every login of the host's would have been refused as another site's.
    #[test]
    fn an_address_that_no_browser_writes_so_is_a_configuration_error() {
        for (written_so, not_so) in [
            ("https://1.2.0.3", "https://1.2.3"),
            ("https://127.0.0.1:8443", "https://0x7f.1:8443"),
            ("https://8.8.8.8", "https://8.8.8.08"),
            ("https://1.2.3.a", "https://1.2.3.4.5"),
            ("https://0xg", "https://a.0x"),
            ("https://[::1]", "https://[0:0:0:0:0:0:0:1]"),
            ("https://[1::1:0:0:1]", "https://[1:0:0:0:1:0:0:1]"),
            ("https://[::ffff:102:304]", "https://[::ffff:1.2.3.4]"),
            ("https://[::102:304]", "https://[::1.2.3.4]"),
            ("https://[ab::]", "https://[AB::]"),
        ] {
            assert!(Origins::only([written_so]).is_ok(), "{written_so}");
            assert_eq!(Origins::only([not_so]), Err(OriginError), "{not_so}");
        }
    }

    #[test]
    fn an_origin_that_no_browser_writes_is_a_configuration_error() {
        for origin in [
            "app.example",
            "https://",
            "https://App.example",
            "https://a.example/",
            "https://a.example:443",
            "https://a.example:080",
            "https://a.example:65536",
            "https://a.example:",
            "https://a:b:c",
            "https://a..b",
            "https://[::1",
            "http://[::g]",
            "ftp://a",
            "null",
        ] {
            assert_eq!(Origins::only([origin]), Err(OriginError), "{origin}");
        }
        assert_eq!(Origins::only([]), Err(OriginError));
        assert!(
            Origins::only([
                "https://a.example:8443",
                "http://localhost:3000",
                "http://[::1]:8080",
                "https://my_host.example"
            ])
            .is_ok()
        );
    }
}
