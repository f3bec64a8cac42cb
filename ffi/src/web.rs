//! The web, as values: cookies, return targets, bearer tokens, and who sent a request.

use core::ffi::{c_char, c_int};
use std::time::Duration;

use doorward::core::web::bearer::bearer;
use doorward::core::web::cookie::{Cookie, CookieSettings, SameSite, SetCookie};
use doorward::core::web::logout_link::{is_logout_token, logout_token};
use doorward::core::web::origin::{CrossSite, FetchHeaders, Origins};
use doorward::core::web::target::{ReturnTarget, TargetError};

use crate::failure::{Called, Failure, call, dw_error, quietly};
use crate::given::{Out, Owned, free};
use crate::operation::{Sized, sized};
use crate::result::{Public, dw_string};
use crate::status::dw_status::{self, DW_VALUE};
use crate::text::{bytes_if, dw_text, null, text, things};

/// How a cookie is to be. NULL means: `__Host-session`, path `/`, this host alone, `Secure`, `SameSite=Lax`; so does one with all
/// zeros but its `size`, which is `sizeof(dw_cookie)`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_cookie {
    /// `sizeof(dw_cookie)`.
    pub size: usize,
    /// The whole name, prefix included.
    pub name: dw_text,
    /// The paths that it is sent to.
    pub path: dw_text,
    /// The domain whose hosts all get it.
    pub domain: dw_text,
    /// Other than 0: it travels over plain HTTP too, for development; its name has no prefix then.
    pub insecure: c_int,
    /// Which requests of other sites carry it: a `dw_same_site`.
    pub same_site: c_int,
    /// How it was in earlier versions of the host, each behind a pointer: those are cleared wherever this one is.
    pub former: *const *const dw_cookie,
    /// How many there are of those.
    pub former_count: usize,
}

// SAFETY: `size` is its first field, and all zeros are a value of it.
unsafe impl Sized for dw_cookie {}

/// Which requests of other sites carry a cookie.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_same_site {
    /// Links that a person follows.
    DW_SAME_SITE_LAX = 0,
    /// None: who follows a link seems logged out on the first page.
    DW_SAME_SITE_STRICT = 1,
}

/// # Safety
/// As the conventions say of options.
unsafe fn cookie_of(cookie: *const dw_cookie) -> Called<Cookie> {
    // SAFETY: as the caller has it.
    let Some(given) = (unsafe { sized(cookie, "cookie") })? else { return Ok(Cookie::default()) };
    // SAFETY: as the caller has it.
    let (settings, former) =
        unsafe { (settings_of(&given)?, things(given.former, given.former_count, "former")?) };
    let mut cookie = Cookie::new(settings)?;
    for former in former {
        // SAFETY: as the caller has it.
        let Some(former) = (unsafe { sized(*former, "former") })? else { return Err(null("former")) };
        // SAFETY: as the caller has it.
        cookie = cookie.formerly(unsafe { settings_of(&former) }?)?;
    }
    Ok(cookie)
}

/// # Safety
/// As the conventions say of texts.
unsafe fn settings_of(cookie: &dw_cookie) -> Called<CookieSettings> {
    // SAFETY: as the caller has it.
    let [name, path, domain] =
        unsafe { [cookie.name.text("name")?, cookie.path.text("path")?, cookie.domain.text("domain")?] };
    let mut settings =
        if cookie.insecure == 0 { CookieSettings::default() } else { CookieSettings::plain_http() };
    if let Some(name) = name {
        name.clone_into(&mut settings.name);
    }
    if let Some(path) = path {
        path.clone_into(&mut settings.path);
    }
    settings.domain = domain.map(str::to_owned);
    settings.same_site = match cookie.same_site {
        0 => SameSite::Lax,
        1 => SameSite::Strict,
        other => return Err(Failure::new(DW_VALUE, format!("{other} is no dw_same_site"))),
    };
    Ok(settings)
}

/// Texts. Freed with `dw_strings_free`, all at once.
#[repr(C)]
#[derive(Debug)]
pub struct dw_strings {
    /// The first of them; NULL when there are none.
    pub items: *const dw_text,
    /// How many there are.
    pub count: usize,
}

/// Frees texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_strings_free(given: *mut dw_strings) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// The values of the `Set-Cookie` headers that give a client this token: the first sets it, the others clear what the cookie
/// was formerly. `max_age_ms` is from now to the session's absolute end.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_cookie_set(
    cookie: *const dw_cookie,
    token: *const c_char,
    token_len: usize,
    max_age_ms: u64,
    out: *mut *mut dw_strings,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        let (cookie, token) = unsafe { (cookie_of(cookie)?, text(token, token_len, "token")?) };
        let mut headers = vec![cookie.set(token, Duration::from_millis(max_age_ms))?];
        headers.extend(cookie.clear_former());
        // SAFETY: as the conventions say.
        unsafe { strings(&headers, out) };
        Ok(())
    })
}

/// The values of the `Set-Cookie` headers that take the token away from a client.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_cookie_clear(
    cookie: *const dw_cookie,
    out: *mut *mut dw_strings,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        let headers = unsafe { cookie_of(cookie) }?.clear();
        // SAFETY: as the conventions say.
        unsafe { strings(&headers, out) };
        Ok(())
    })
}

/// # Safety
/// C may write to `out`.
unsafe fn strings(headers: &[SetCookie], out: Out<*mut dw_strings>) {
    let given = Owned::new(|texts| {
        let items: Vec<dw_text> = headers.iter().map(|header| texts.keep(header.expose())).collect();
        dw_strings { count: items.len(), items: texts.list(items) }
    });
    // SAFETY: as the caller has it.
    unsafe { out.put(given.into_raw()) };
}

/// The token in a request's `Cookie` headers; NULL when there is none. Two cookies of this name are refused.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_cookie_read(
    cookie: *const dw_cookie,
    headers: *const dw_text,
    header_count: usize,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        let (cookie, headers) = unsafe { (cookie_of(cookie)?, all_bytes(headers, header_count)?) };
        // SAFETY: as the conventions say.
        unsafe { string_if(cookie.read(headers)?, out) };
        Ok(())
    })
}

/// The token in a request's `Authorization` headers (RFC 6750, section 2.1); NULL when there is none of the scheme `Bearer`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_bearer(
    headers: *const dw_text,
    header_count: usize,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        let headers = unsafe { all_bytes(headers, header_count) }?;
        // SAFETY: as the conventions say.
        unsafe { string_if(bearer(headers)?, out) };
        Ok(())
    })
}

/// # Safety
/// As the conventions say of arrays of texts.
unsafe fn all_bytes<'a>(headers: *const dw_text, count: usize) -> Called<Vec<&'a [u8]>> {
    // SAFETY: as the caller has it.
    let headers = unsafe { things(headers, count, "headers") }?;
    // SAFETY: as the caller has it.
    headers.iter().map(|header| Ok(unsafe { header.bytes("headers") }?.unwrap_or_default())).collect()
}

/// # Safety
/// C may write to `out`.
unsafe fn string_if(text: Option<&str>, out: Out<*mut dw_string>) {
    let given = text.map_or(std::ptr::null_mut(), |text| Owned::new(|texts| text.public(texts)).into_raw());
    // SAFETY: as the caller has it.
    unsafe { out.put(given) };
}

/// Where a client may be sent after a login or a logout: the target, when it is a path of this site; else `DW_WEB_TARGET`, and
/// `/` is safe. NULL is `/`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_return_target(
    target: *const c_char,
    target_len: usize,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        let target = unsafe { bytes_if(target.cast(), target_len, "target") }?;
        let parse =
            |target| str::from_utf8(target).map_err(|_| TargetError::Elsewhere).and_then(ReturnTarget::parse);
        let target = target.map_or_else(|| Ok(ReturnTarget::default()), parse)?;
        // SAFETY: as the conventions say.
        unsafe { string_if(Some(target.as_str()), out) };
        Ok(())
    })
}

/// The token of a link that logs out by `GET`, for pages of the session whose token this is.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_logout_token(
    session_token: *const c_char,
    session_token_len: usize,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        let session_token = unsafe { text(session_token, session_token_len, "session_token") }?;
        // SAFETY: as the conventions say.
        unsafe { string_if(Some(&logout_token(session_token)), out) };
        Ok(())
    })
}

/// Whether this is the link's token for that session; false for whatever is none.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_is_logout_token(
    token: *const c_char,
    token_len: usize,
    session_token: *const c_char,
    session_token_len: usize,
) -> bool {
    quietly(false, || {
        // SAFETY: as the conventions say.
        let (token, session_token) = unsafe {
            (text(token, token_len, "token")?, text(session_token, session_token_len, "session_token")?)
        };
        Ok(is_logout_token(token, session_token))
    })
}

/// What a request says of where it comes from; a header that it does not have is left out. Set `size` to
/// `sizeof(dw_fetch_headers)`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_fetch_headers {
    /// `sizeof(dw_fetch_headers)`.
    pub size: usize,
    /// `Host`.
    pub host: dw_text,
    /// `Origin`.
    pub origin: dw_text,
    /// `Sec-Fetch-Site`.
    pub site: dw_text,
    /// `Sec-Fetch-Mode`.
    pub mode: dw_text,
    /// `Sec-Fetch-Dest`.
    pub dest: dw_text,
    /// `Sec-Fetch-User`.
    pub user: dw_text,
    /// `Sec-Purpose`, or `Purpose`.
    pub purpose: dw_text,
}

// SAFETY: `size` is its first field, and all zeros are a value of it.
unsafe impl Sized for dw_fetch_headers {}

/// What is asked of where a request comes from.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_request_kind {
    /// It changes something: a page of this site must have sent it.
    DW_REQUEST_WRITE = 0,
    /// It reads: no page of another site may have sent it.
    DW_REQUEST_READ = 1,
    /// It is a link that logs out: a person must have followed it on a page of this site.
    DW_REQUEST_LINK = 2,
    /// It is a link that logs out with a token of `dw_logout_token`: a page must be opened with it.
    DW_REQUEST_OWN_LINK = 3,
}

/// Checks where a request comes from; `DW_WEB_CROSS_SITE` when it is not known to come from this site. `kind` is a
/// `dw_request_kind`; `origins` are the site's own (`https://app.example`); none: that of `Host` over TLS.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_check_request(
    headers: *const dw_fetch_headers,
    kind: c_int,
    origins: *const dw_text,
    origin_count: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let Some(headers) = (unsafe { sized(headers, "headers") })? else {
            return Err(null("headers"));
        };
        // SAFETY: as the conventions say.
        let origins = unsafe { origins_of(origins, origin_count) }?;
        let said = |header: dw_text, what| -> Called<Option<&str>> {
            // SAFETY: as the conventions say.
            let Some(said) = (unsafe { header.bytes(what) })? else { return Ok(None) };
            Ok(Some(str::from_utf8(said).map_err(|_| CrossSite::Foreign)?))
        };
        let headers = FetchHeaders {
            host: said(headers.host, "host")?,
            origin: said(headers.origin, "origin")?,
            site: said(headers.site, "site")?,
            mode: said(headers.mode, "mode")?,
            dest: said(headers.dest, "dest")?,
            user: said(headers.user, "user")?,
            purpose: said(headers.purpose, "purpose")?,
        };
        match kind {
            0 => headers.check_write(&origins)?,
            1 => headers.check_foreign(&origins)?,
            2 => headers.check_link(&origins)?,
            3 => headers.check_own_link()?,
            other => return Err(Failure::new(DW_VALUE, format!("{other} is no dw_request_kind"))),
        }
        Ok(())
    })
}

/// # Safety
/// As the conventions say of arrays of texts.
unsafe fn origins_of(origins: *const dw_text, count: usize) -> Called<Origins> {
    if count == 0 {
        return Ok(Origins::of_host());
    }
    // SAFETY: as the caller has it.
    let origins = unsafe { things(origins, count, "origins") }?;
    let mut texts = Vec::with_capacity(origins.len());
    for origin in origins {
        // SAFETY: as the caller has it.
        texts.push(unsafe { origin.text("origins") }?.unwrap_or_default());
    }
    Ok(Origins::only(texts)?)
}
