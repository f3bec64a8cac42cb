//! What the web's rules say, seen from outside: bounds of cookies, where a request comes from, and what a refusal becomes.

use std::time::Duration;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::operation::logout::LogoutError;

use doorward_core::web::cookie::{Cookie, CookieError, CookieSettings};
use doorward_core::web::origin::{CrossSite, FetchHeaders, Origins};
use doorward_core::web::problem::{Kind, Problem, Refusal};
use doorward_core::web::reply::Wants;

use crate::support::START;

#[test]
fn ck_1_plain_http_is_what_its_name_says() {
    let cookie = Cookie::plain_http();
    let set = cookie.set("dws_x", Duration::from_secs(9)).unwrap();
    assert_eq!(set.expose(), "session=dws_x; Max-Age=9; Path=/; HttpOnly; SameSite=Lax");
    let usual = Cookie::default().set("dws_x", Duration::from_secs(9)).unwrap();
    assert_eq!(usual.expose(), "__Host-session=dws_x; Max-Age=9; Path=/; Secure; HttpOnly; SameSite=Lax");
}

#[test]
fn ck_5_sixteen_kilobytes_of_cookies_are_read_and_no_more() {
    let read = |bytes: usize| {
        let mine = "__Host-session=dws_x; other=";
        let header = format!("{mine}{}", "x".repeat(bytes - mine.len()));
        Cookie::default().read([header.as_bytes()]).map(|found| found.map(str::len))
    };
    assert_eq!(read(16 * 1024), Ok(Some(5)));
    assert_eq!(read(16 * 1024 + 1), Err(CookieError::TooLong));
}

#[test]
fn ck_1_a_cookies_name_path_and_domain_are_what_browsers_keep() {
    let made = |name: &str, path: &str, domain: Option<&str>| {
        let (name, path, domain) = (name.into(), path.into(), domain.map(Into::into));
        Cookie::new(CookieSettings { name, path, domain, ..CookieSettings::default() }).err()
    };
    let of_bytes = |bytes: usize| "x".repeat(bytes);
    let path_of = |bytes: usize| format!("/{}", of_bytes(bytes - 1));
    assert_eq!(made(&of_bytes(128), &path_of(1024), Some(&of_bytes(253))), None);
    for name in ["", &of_bytes(129), "a b", "a;b"] {
        assert_eq!(made(name, "/", None), Some(CookieError::Name), "{name}");
    }
    for path in ["", "x", "/a b", "/;", &path_of(1025)] {
        assert_eq!(made("sid", path, None), Some(CookieError::Path), "{path}");
    }
    for domain in ["", ".example", "a..b", "a_b", &of_bytes(254)] {
        assert_eq!(made("sid", "/", Some(domain)), Some(CookieError::Domain), "{domain}");
    }
}

/// A page of another host's, and a host that is none of this machine's: what a name server that lies would bring.
#[test]
fn of_loopback_neither_the_page_nor_the_host_may_be_elsewhere() {
    let says = |host, origin, site| {
        FetchHeaders { host, origin, site, ..FetchHeaders::default() }.check_write(&Origins::loopback())
    };
    let (here, ours) = (Some("localhost:8080"), Some("http://localhost:8080"));
    assert_eq!(says(here, ours, Some("same-origin")), Ok(()));
    assert_eq!(says(here, Some("http://evil.example"), None), Err(CrossSite::Foreign));
    assert_eq!(says(Some("evil.example"), None, Some("same-origin")), Err(CrossSite::Foreign));
    assert_eq!(says(Some("evil.example"), Some("http://evil.example"), None), Err(CrossSite::Foreign));
}

#[test]
fn a_fault_says_whether_to_try_again() {
    let of = |kind| Fault::Store(StoreError::new(kind, "scripted"));
    let (transient, lasting) = (of(StoreErrorKind::Retryable), of(StoreErrorKind::Fatal));
    let soon = transient.problem(START);
    assert_eq!((soon.kind, soon.retry_after.is_some()), (Kind::Busy, true));
    for (fault, words) in
        [(lasting, "nothing was granted"), (Fault::Unresolved, "not known whether it was done")]
    {
        let problem = fault.problem(START);
        assert_eq!((problem.kind, problem.retry_after), (Kind::Unavailable, None));
        assert!(problem.detail.contains(words), "{}", problem.detail);
    }
    let not_done = LogoutError::Fault(transient).problem(START);
    assert_eq!((not_done.kind, not_done.retry_after), (Kind::NotDone, soon.retry_after));
}

#[test]
fn ck_5_too_many_cookies_and_bad_ones_are_told_apart() {
    for (error, kind) in [
        (CookieError::TooLong, Kind::TooManyCookies),
        (CookieError::TooMany, Kind::TooManyCookies),
        (CookieError::Twice, Kind::Cookies),
    ] {
        assert_eq!(error.problem(START).kind, kind);
    }
}

#[test]
fn a_problem_in_json_is_sentences_and_says_all_that_it_knows() {
    let problem =
        Problem { retry_after: Some(Duration::from_secs(3)), ..Problem::new(Kind::Busy, "come again") };
    let plan = problem.plan(Wants::Json);
    let body: serde_json::Value = serde_json::from_str(plan.body.unwrap().expose()).unwrap();
    assert_eq!((&body["status"], &body["detail"]), (&plan.status.into(), &"Come again.".into()));
    assert_eq!((&body["title"], &body["retry_after_ms"]), (&Kind::Busy.title().into(), &3000.into()));
}
