//! Cookies, as a host and its browsers meet them.

use std::time::Duration;

use doorward_core::web::cookie::{Cookie, CookieError};

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
