//! What a browser sends and is sent: cookies, bearers, where a request comes from, the link that logs out.

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_core::web::bearer::{BearerError, bearer};
use doorward_core::web::cookie::{Cookie, CookieError, CookieSettings, SameSite};
use doorward_core::web::logout_link::{is_logout_token, logout_token};
use doorward_core::web::origin::{CrossSite, FetchHeaders, Origins};
use url::{Host, Url};

use super::take::Input;

/// The first byte: what the rest is; its parts stand in lines.
///
/// # Panics
/// A simple reader reads otherwise, or what is written could end its header.
pub fn headers(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 6 {
        0 => {
            let headers: Vec<_> = input.0.split(|byte| *byte == b'\n').collect();
            let read = Cookie::plain_http().read(headers.iter().copied());
            cookies(&headers, read);
        }
        1 => settings(input),
        2 => {
            let headers: Vec<_> = input.0.split(|byte| *byte == b'\n').collect();
            bearers(&headers, bearer(headers.iter().copied()));
        }
        3 => {
            let text = input.text();
            origin(&text, Origins::only([&*text]).is_ok());
        }
        4 => fetched(input),
        _ => link(&input.text_until(b'\n'), &input.text()),
    }
}

/// The headers of a request, and the value of the cookie `session` that was read in them.
fn cookies(headers: &[&[u8]], read: Result<Option<&str>, CookieError>) {
    let pairs: Vec<&[u8]> = headers.iter().flat_map(|header| header.split(|byte| *byte == b';')).collect();
    let ours: Vec<&[u8]> = pairs
        .iter()
        .filter_map(|pair| {
            let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
            (name.trim_ascii() == b"session").then_some(value[1..].trim_ascii())
        })
        .collect();
    assert!(read.is_err() || pairs.len() <= 64, "{} cookies are read", pairs.len());
    let is_fitting = match read {
        Ok(None) => ours.is_empty(),
        Ok(Some(value)) => ours == [value.as_bytes()],
        Err(CookieError::Twice) => ours.len() > 1,
        Err(CookieError::Value) => ours.iter().any(|value| std::str::from_utf8(value).is_err()),
        Err(CookieError::TooMany) => pairs.len() > 64,
        Err(CookieError::TooLong) => headers.iter().map(|header| header.len()).sum::<usize>() > 16 * 1024,
        Err(_) => false,
    };
    assert!(is_fitting, "cookies are read as {read:?}: {:?}", String::from_utf8_lossy(&headers.join(&b'\n')));
}

/// Flags, then a name, a path, a domain, an earlier name, and a value.
fn settings(mut input: Input<'_>) {
    let flags = input.byte();
    let [name, path, domain, earlier] = [0; 4].map(|_| input.text_until(b'\n').into_owned());
    let value = input.text();
    let settings = CookieSettings {
        name,
        path,
        domain: Some(domain).filter(|domain| !domain.is_empty()),
        secure: flags & 1 == 0,
        same_site: if flags & 2 == 0 { SameSite::Lax } else { SameSite::Strict },
    };
    let Ok(cookie) = Cookie::new(settings.clone()) else { return };
    let max_age = u64::from(flags) * 1000;
    let former = cookie.clone().formerly(CookieSettings { name: earlier.clone(), ..settings.clone() });
    let cleared = former.unwrap_or_else(|_| cookie.clone()).clear();
    for text in &cleared {
        let is_of = [&settings.name, &earlier]
            .into_iter()
            .find(|name| text.expose().starts_with(&format!("{name}=;")));
        written(
            &CookieSettings { name: is_of.cloned().unwrap_or_default(), ..settings.clone() },
            "",
            0,
            text.expose(),
        );
    }
    if let Ok(set) = cookie.set(&value, Duration::from_millis(max_age * 1000 + 999)) {
        assert!(set.expose().len() <= 4096, "a cookie is longer than browsers keep");
        written(&settings, &value, max_age, set.expose());
        let sent = format!("{}={value}", settings.name);
        assert_eq!(cookie.read([sent.as_bytes()]), Ok(Some(&*value)), "a cookie that was set is not read");
    }
}

/// A header that was written: split at its semicolons, it is what it should be.
fn written(settings: &CookieSettings, value: &str, max_age: u64, text: &str) {
    assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "a header could end: {text:?}");
    let mut attributes: BTreeSet<&str> = text.split("; ").collect();
    let mut take =
        |attribute: &str| assert!(attributes.remove(attribute), "{attribute:?} is not in {text:?}");
    take(&format!("{}={value}", settings.name));
    take(&format!("Max-Age={max_age}"));
    take(&format!("Path={}", settings.path));
    take("HttpOnly");
    take(if settings.same_site == SameSite::Lax { "SameSite=Lax" } else { "SameSite=Strict" });
    settings.domain.iter().for_each(|domain| take(&format!("Domain={domain}")));
    if settings.secure {
        take("Secure");
    }
    assert!(attributes.is_empty() && text.matches(';').count() < 7, "a header says more: {text:?}");
    let name = settings.name.to_ascii_lowercase();
    let is_kept = !name.starts_with("__secure-") || settings.secure;
    let is_kept = is_kept
        && (!name.starts_with("__host-")
            || settings.secure && settings.path == "/" && settings.domain.is_none());
    assert!(is_kept, "a browser keeps no such cookie: {text:?}");
}

/// The headers of a request, and the token that was read in them.
fn bearers(headers: &[&[u8]], read: Result<Option<&str>, BearerError>) {
    let text = String::from_utf8_lossy(headers[0]);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let is_token =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    let is_ours = text.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
        && matches!(text.as_bytes().get(6), None | Some(b' '));
    let expected = match &words[..] {
        _ if headers.len() > 1 => Err(BearerError::Several),
        _ if std::str::from_utf8(headers[0]).is_err() => Err(BearerError::Malformed),
        _ if !is_ours => Ok(None),
        [_, token] if is_token(token) => Ok(Some(*token)),
        _ => Err(BearerError::Malformed),
    };
    assert_eq!(read, expected, "a bearer is read in two ways: {text:?}");
}

/// An origin is taken when browsers write it so, and only then: else no request ever comes from it.
fn origin(text: &str, is_taken: bool) {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let url = Url::parse(text).ok().filter(|_| is_web);
    let is_written = url.as_ref().is_some_and(|url| url.origin().ascii_serialization() == text);
    // The names of the Domain Name System have letters, digits, hyphens, and in practice underscores. What stands behind `xn--`
    // is not looked into.
    let is_name = |host: Host<&str>| match host {
        Host::Domain(name) => name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        }),
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    };
    let is_host = url.as_ref().and_then(Url::host).is_some_and(is_name);
    // Nor does a browser ever ask at port 0.
    if text.contains("xn--") && !is_written || url.as_ref().is_some_and(|url| url.port() == Some(0)) {
        return;
    }
    assert_eq!(
        is_taken,
        is_written && is_host,
        "an origin that no browser writes, or one that they do: {text:?}"
    );
}

/// What browsers say of a request, line by line, and whose origins are ours.
fn fetched(mut input: Input<'_>) {
    let which = input.byte();
    let lines = [0; 7].map(|_| input.text_until(b'\n').into_owned());
    let [host, origin, site, mode, dest, user, purpose] =
        lines.each_ref().map(|line| Some(line.as_str()).filter(|line| *line != "-"));
    let said = FetchHeaders { host, origin, site, mode, dest, user, purpose };
    let origins = match which % 3 {
        0 => Origins::of_host(),
        1 => Origins::loopback(),
        _ => Origins::only(["https://app.example", "https://[::1]:8443"]).expect("these are origins"),
    };
    write(which % 3, said, said.check_write(&origins));
    let link = said.check_link(&origins);
    if link.is_ok() {
        let is_followed =
            said.mode == Some("navigate") && said.site == Some("same-origin") && said.purpose.is_none();
        assert!(
            is_followed && said.dest == Some("document") && said.user == Some("?1"),
            "a link logs out by itself: {said:?}"
        );
        assert!(
            said.check_foreign(&origins).is_ok() && said.check_own_link().is_ok(),
            "two rules for one link: {said:?}"
        );
    }
    let is_fetched = said.purpose.is_some() || said.mode.is_some_and(|mode| mode != "navigate");
    assert!(!is_fetched || said.check_own_link().is_err(), "a browser's fetch logs out: {said:?}");
}

/// Whose origins are ours, what was said, and whether a write is taken: by the table of `web::origin`.
fn write(which: u8, said: FetchHeaders<'_>, taken: Result<(), CrossSite>) {
    let host = said.host.unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    let ours = match which {
        0 => Vec::from([format!("https://{host}")]),
        1 if ["localhost", "127.0.0.1", "[::1]"].contains(&name) => Vec::from([format!("http://{host}")]),
        1 => Vec::new(),
        _ => Vec::from(["https://app.example".to_owned(), "https://[::1]:8443".to_owned()]),
    };
    let is_ours =
        said.origin.map(|origin| (which == 2 || said.host.is_some()) && ours.iter().any(|one| one == origin));
    let is_served = which != 1 || !ours.is_empty();
    let expected = match (said.site, is_ours) {
        _ if !is_served => Err(CrossSite::Foreign),
        (_, Some(false)) => Err(CrossSite::Foreign),
        (_, Some(true)) if which == 2 => Ok(()),
        (Some("same-origin"), _) => Ok(()),
        (None, Some(true)) => Ok(()),
        (None, None) => Err(CrossSite::Unknown),
        _ => Err(CrossSite::Foreign),
    };
    assert_eq!(taken, expected, "a write is judged otherwise than the table says: {said:?}");
}

/// A link's token logs out the session whose it is.
fn link(text: &str, session: &str) {
    let token = logout_token(session);
    assert!(is_logout_token(&token, session), "a session's own link does not log it out");
    assert!(
        token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "a link's token is not for a link"
    );
    assert_eq!(is_logout_token(text, session), text == token, "another link logs out");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let of = |kind: u8, text: &str| [&[kind][..], text.as_bytes()].concat();
    let mut seeds = Vec::new();
    let cookies = [
        "theme=dark; session=dws_abc",
        "session=a\nsession=b",
        " session = a=b ;;=;c",
        "xsession=1;sessionx=2;Session=3",
        "session=\u{1f600}",
    ];
    seeds.extend(cookies.map(|text| of(0, text)));
    seeds.push(of(0, &"a=b;".repeat(70)));
    seeds.push([&b"\0session=\xff"[..], b";"].concat());
    for (flags, text) in [
        (0, "__Host-session\n/\n\nsid\ndws_abc"),
        (3, "session\n/app\nexample.com\nold\ndws_abc"),
        (1, "__secure-s\n/\n\n\nx"),
        (2, "__HOST-s\n/a\n\n\nx"),
        (0, "s;\n/\r\n;\na\nb c"),
    ] {
        seeds.push([&[1, flags][..], text.as_bytes()].concat());
    }
    seeds.extend(
        [
            "bearer ey.a.b",
            "Bearer  abc ",
            "Basic YWRhOng=",
            "Bearer a b",
            "Bearer",
            "Bearer a\nBearer a",
            "BEARER \u{e9}",
        ]
        .map(|text| of(2, text)),
    );
    let origins = [
        "https://app.example",
        "http://localhost:3000",
        "https://[::1]:8443",
        "https://a.example:443",
        "https://A.example",
        "https://1.2.3",
        "https://[::0]",
        "https://a..b",
        "https://xn--bcher-kva.example",
        "https://a.example:080",
        "https://0x7f.1",
    ];
    seeds.extend(origins.map(|text| of(3, text)));
    for (which, text) in [
        (0, "app.example\nhttps://app.example\nsame-origin\nnavigate\ndocument\n?1\n-"),
        (0, "app.example\n-\ncross-site\nno-cors\nimage\n-\n-"),
        (0, "-\n-\n-\n-\n-\n-\n-"),
        (1, "localhost:3000\nhttp://localhost:3000\n-\n-\n-\n-\n-"),
        (1, "evil.example\nhttp://evil.example\nsame-origin\n-\n-\n-\n-"),
        (2, "10.0.0.7\nhttps://app.example\nsame-site\nnavigate\nempty\n-\nprefetch"),
        (2, "10.0.0.7\nnull\nsame-origin\n-\n-\n-\n-"),
    ] {
        seeds.push([&[4, which][..], text.as_bytes()].concat());
    }
    seeds.push(of(5, &format!("{}\ndws_abc", logout_token("dws_abc"))));
    seeds.push(of(5, "guess\ndws_abc"));
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "cookies are read as Ok(Some(\"a\"))")]
    fn a_reader_that_takes_the_first_of_two_is_found() {
        cookies(&[b"session=a; session=b"], Ok(Some("a")));
    }

    #[test]
    #[should_panic(expected = "cookies are read as Ok(None)")]
    fn a_reader_that_overlooks_a_cookie_is_found() {
        cookies(&[b"x=y", b"a;session=a"], Ok(None));
    }

    #[test]
    #[should_panic(expected = "a header could end")]
    fn a_value_that_ends_its_header_is_found() {
        written(
            &CookieSettings::default(),
            "a\r\nx",
            0,
            "__Host-session=a\r\nx; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",
        );
    }

    #[test]
    #[should_panic(expected = "\"Secure\" is not in")]
    fn a_clear_with_other_attributes_is_found() {
        written(
            &CookieSettings::default(),
            "",
            0,
            "__Host-session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
        );
    }

    #[test]
    #[should_panic(expected = "a header says more")]
    fn an_attribute_in_a_value_is_found() {
        written(
            &CookieSettings::default(),
            "",
            0,
            "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax; Domain=evil.example",
        );
    }

    #[test]
    #[should_panic(expected = "a browser keeps no such cookie")]
    fn a_prefix_that_is_not_kept_is_found() {
        let settings = CookieSettings { path: "/app".into(), ..CookieSettings::default() };
        written(&settings, "", 0, "__Host-session=; Max-Age=0; Path=/app; Secure; HttpOnly; SameSite=Lax");
    }

    #[test]
    #[should_panic(expected = "a bearer is read in two ways")]
    fn a_bearer_of_two_tokens_is_found() {
        bearers(&[b"Bearer a b"], Ok(Some("a")));
    }

    #[test]
    #[should_panic(expected = "an origin that no browser writes")]
    fn an_origin_with_a_slash_is_found() {
        origin("https://app.example/", true);
    }

    #[test]
    #[should_panic(expected = "a write is judged otherwise")]
    fn a_write_of_another_site_is_found() {
        let said = FetchHeaders { host: Some("a"), site: Some("cross-site"), ..FetchHeaders::default() };
        write(0, said, Ok(()));
    }
}
