//! The web helpers, and what needs no handle.

use core::ffi::c_char;
use std::ffi::CStr;

use doorward_ffi as ffi;
use doorward_ffi::{dw_cookie, dw_fetch_headers, dw_id, dw_session, dw_string, dw_text};

use super::draw::{List, Options, Text};
use super::player::Player;
use super::pool::Opens;
use crate::given::Owned;

/// Results that have a session, which is asked how fresh it is.
const WITH_SESSION: [&str; 2] = ["dw_session_free", "dw_login_result_free"];

impl Player<'_> {
    /// Any of the web helpers.
    pub(super) fn web(&mut self) {
        let token = self.token(Opens::Session);
        // SAFETY: each pointer goes with its length or count, and there is a place for each output.
        unsafe {
            match self.rng.below(9) {
                0 => {
                    let (cookie, age) = (self.cookie(), self.number(&[0, 1, 999, 86_400_000]));
                    let set = self.out("dw_cookie_set", |out, error| {
                        ffi::dw_cookie_set(cookie.ptr(), token.ptr(), token.len, age, out, error)
                    });
                    set.into_iter().for_each(|set| self.hold(set));
                }
                1 => {
                    let cookie = self.cookie();
                    let cleared = self
                        .out("dw_cookie_clear", |out, error| ffi::dw_cookie_clear(cookie.ptr(), out, error));
                    cleared.into_iter().for_each(|cleared| self.hold(cleared));
                }
                2 => {
                    let cookie = self.cookie();
                    let headers = ["__Host-session=abc", "a=b; sid=\"x y\"; c", "sid=1; sid=2", ";;=", ""];
                    let headers = self.some_of(&headers);
                    let read = self.out("dw_cookie_read", |out, error| {
                        ffi::dw_cookie_read(cookie.ptr(), headers.ptr(), headers.count, out, error)
                    });
                    self.string_if(read);
                }
                3 => {
                    let headers = ["Bearer abc.def-123", "bearer x", "Basic eDp5", "Bearer a b", ""];
                    let headers = self.some_of(&headers);
                    let read = self.out("dw_bearer", |out, error| {
                        ffi::dw_bearer(headers.ptr(), headers.count, out, error)
                    });
                    self.string_if(read);
                }
                4 => {
                    let targets =
                        ["/", "/inbox?a=1#b", "//evil.example", "https://evil.example/", "/\\evil", "/%"];
                    let target = self.rng.pick(&targets).unwrap_or_default();
                    let target = self.maybe(target);
                    self.owned("dw_return_target", |out, error| {
                        ffi::dw_return_target(target.ptr(), target.len, out, error)
                    });
                }
                5 => {
                    let made = self.owned("dw_logout_token", |out, error| {
                        ffi::dw_logout_token(token.ptr(), token.len, out, error)
                    });
                    if let Some(crate::given::Given::Text(made)) = made {
                        self.pool.known().learn(self.home, Opens::LogoutLink, made);
                    }
                }
                6 => {
                    let link = self.token(Opens::LogoutLink);
                    self.quiet("dw_is_logout_token", link.len > 0, || {
                        ffi::dw_is_logout_token(link.ptr(), link.len, token.ptr(), token.len)
                    });
                }
                _ => self.check_request(),
            }
        }
    }

    fn check_request(&mut self) {
        let kind = self.choice(0, 4);
        let said: [&[&str]; 7] = [
            &["app.example", "app.example:8443", "evil.example", "["],
            &["https://app.example", "https://evil.example", "null", "app.example"],
            &["same-origin", "cross-site", "none", "same-site"],
            &["navigate", "cors", "no-cors"],
            &["document", "empty", "image"],
            &["?1", "?0"],
            &["prefetch"],
        ];
        let texts: Vec<Text> = said.iter().map(|said| self.likely(said)).collect();
        let raw: Vec<dw_text> = texts.iter().map(Text::raw).collect();
        let [host, origin, site, mode, dest, user, purpose] = raw[..] else { return };
        let headers = dw_fetch_headers { size: 0, host, origin, site, mode, dest, user, purpose };
        let headers = self.options(headers, texts);
        let origins =
            self.some_of(&["https://app.example", "https://app.example:8443", "http://localhost", "x"]);
        // SAFETY: each pointer goes with its count.
        self.done("dw_check_request", |error| unsafe {
            ffi::dw_check_request(headers.ptr(), kind, origins.ptr(), origins.count, error)
        });
    }

    /// The first of these more often than others; or none.
    fn likely(&mut self, good: &[&str]) -> Text {
        let one = if self.rng.chance(600) { good.first().copied() } else { self.rng.pick(good) };
        if self.rng.chance(200) { Text::LEFT_OUT } else { self.text(one.unwrap_or_default()) }
    }

    fn some_of(&mut self, good: &[&str]) -> List<dw_text> {
        let count = self.rng.below(3);
        let texts = (0..count).map(|_| self.rng.pick(good).unwrap_or_default().to_owned());
        let texts = texts.collect();
        self.texts(texts)
    }

    fn string_if(&mut self, read: Option<*mut dw_string>) {
        let Some(read) = read.filter(|read| !read.is_null()) else { return };
        // SAFETY: a call has given it, and nobody else has it.
        unsafe { (*read).read() };
        self.hold(read);
    }

    fn cookie(&mut self) -> Cookie {
        let former = if self.rng.chance(200) { self.rng.below(3) } else { 0 };
        let former: Vec<_> = (0..former).map(|_| self.plain_cookie(None)).collect();
        let pointers = former.iter().map(Options::ptr).collect();
        let pointers = self.list(pointers, vec![]);
        let cookie = self.plain_cookie(Some(&pointers));
        Cookie { own: cookie, _pointers: pointers, _former: former }
    }

    fn plain_cookie(&mut self, former: Option<&List<*const dw_cookie>>) -> Options<dw_cookie> {
        let is_insecure = self.rng.chance(200);
        let names: &[&str] =
            if is_insecure { &["sid"] } else { &["__Host-session", "__Secure-a", "s id", "é"] };
        let (name, path) = (self.likely(names), self.likely(&["/", "/app", "app", "/a;b"]));
        let domain =
            if self.rng.chance(150) { self.likely(&["example.org", ".", "x y"]) } else { Text::LEFT_OUT };
        let cookie = dw_cookie {
            size: 0,
            name: name.raw(),
            path: path.raw(),
            domain: domain.raw(),
            insecure: is_insecure.into(),
            same_site: self.choice(0, 2),
            former: former.map_or(std::ptr::null(), List::ptr),
            former_count: former.map_or(0, |former| former.count),
        };
        self.options(cookie, vec![name, path, domain])
    }

    /// What needs no handle at all.
    pub(super) fn bare(&mut self) {
        match self.rng.below(7) {
            0 => {
                let status = self.choice(0, 100);
                let name = self.quiet("dw_status_name", true, || ffi::dw_status_name(status));
                // SAFETY: it ends in a zero, and lives as long as the library.
                let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes().to_vec());
                assert!(name.is_none_or(|name| name.starts_with(b"DW_")), "{status} has no name of a status");
            }
            1 => {
                let status = self.choice(0, 100);
                let http = self.quiet("dw_status_http", true, || ffi::dw_status_http(status));
                assert!(http == 0 || (100..600).contains(&http), "{status} is {http} to the web");
            }
            2 => {
                let version = self.quiet("dw_version", true, || ffi::dw_version());
                // SAFETY: it ends in a zero, and lives as long as the library.
                assert!(!unsafe { CStr::from_ptr(version) }.is_empty());
            }
            3 => {
                self.quiet("dw_open_handles", true, || ffi::dw_open_handles());
            }
            4 => self.id_text(),
            5 => {
                let digits = self.text("00112233445566778899aabbccddeeff");
                // SAFETY: the pointer goes with its length, and there is a place for each output.
                let id = self.plain::<dw_id>("dw_id_parse", |out, error| unsafe {
                    ffi::dw_id_parse(digits.ptr(), digits.len, out, error)
                });
                if id.is_some() && self.rng.chance(900) {
                    self.pool.known().accounts.pop();
                }
            }
            _ => self.is_fresh(),
        }
    }

    fn id_text(&mut self) {
        let id = self.account();
        let mut text = vec![0x5a_u8; ffi::DW_ID_TEXT].into_boxed_slice();
        let is_there = !self.wild();
        let place = if is_there { text.as_mut_ptr().cast::<c_char>() } else { std::ptr::null_mut() };
        // SAFETY: there is room for as many bytes, or it is NULL.
        self.quiet("dw_id_text", is_there, || unsafe { ffi::dw_id_text(id, place) });
        let (zero, digits) = text.split_last().expect("it is not empty");
        let is_written = *zero == 0 && digits.iter().all(u8::is_ascii_hexdigit);
        assert_eq!(is_written, is_there, "an id is 32 digits and a zero");
    }

    /// Of a session that nobody frees meanwhile.
    fn is_fresh(&mut self) {
        let within = self.number(&[0, 60_000, 3_600_000]);
        let held = {
            let mut known = self.pool.known();
            let at = known.held.iter().position(|held| WITH_SESSION.contains(&held.free));
            at.filter(|_| self.rng.chance(900)).map(|at| known.held.swap_remove(at))
        };
        let session: *const dw_session = match &held {
            None => std::ptr::null(),
            Some(held) if held.free == "dw_session_free" => std::ptr::with_exposed_provenance(held.address),
            // SAFETY: it is a login that is not freed.
            Some(held) => unsafe {
                (*std::ptr::with_exposed_provenance::<ffi::dw_login_result>(held.address)).session
            },
        };
        // SAFETY: NULL, or a session that is not freed.
        let is_fresh = self.quiet("dw_session_is_fresh", !session.is_null(), || unsafe {
            ffi::dw_session_is_fresh(session, within)
        });
        assert!(!(is_fresh && session.is_null()), "nobody is fresh");
        self.pool.known().held.extend(held);
    }
}

/// A cookie's settings with those of its former ones.
struct Cookie {
    own: Options<dw_cookie>,
    _pointers: List<*const dw_cookie>,
    _former: Vec<Options<dw_cookie>>,
}

impl Cookie {
    fn ptr(&self) -> *const dw_cookie {
        self.own.ptr()
    }
}
