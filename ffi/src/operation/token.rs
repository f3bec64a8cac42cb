//! Access tokens and refresh tokens.

use core::ffi::{c_char, c_int};

use doorward::Scope;
use doorward::core::operation::introspect::Introspect;
use doorward::core::operation::issue::Issue;
use doorward::core::operation::refresh::Refresh;
use doorward::core::operation::revoke_token::RevokeToken;
use serde_json::{Map, Value};

use super::{Sized, give, give_plain, sized};
use crate::context::dw_context;
use crate::engine::dw_engine;
use crate::failure::{Called, Failure, call, dw_error};
use crate::op::{begin, dw_op};
use crate::result::{dw_access, dw_string, dw_tokens};
use crate::status::dw_status::{self, DW_CLAIMS};
use crate::text::{dw_text, text, text_if, things};

/// What may be said of a token that is issued. Set `size` to `sizeof(dw_issue_options)` and all else to zero, then what is
/// wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_issue_options {
    /// `sizeof(dw_issue_options)`.
    pub size: usize,
    /// Further audiences.
    pub audiences: *const dw_text,
    /// How many further audiences there are.
    pub audience_count: usize,
    /// What is asked for: words with spaces between them. Left out: all that the session may grant.
    pub scope: dw_text,
    /// Further claims: a JSON object.
    pub claims: dw_text,
    /// Other than 0: a refresh token too.
    pub refresh: c_int,
}

/// What may be said of a refresh. Set `size` to `sizeof(dw_refresh_options)` and all else to zero, then what is wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_refresh_options {
    /// `sizeof(dw_refresh_options)`.
    pub size: usize,
    /// Less than was granted, for this access token; left out: all of it.
    pub scope: dw_text,
    /// The audiences of this access token, some of those at first; left out: all of them.
    pub audiences: *const dw_text,
    /// How many there are of those.
    pub audience_count: usize,
    /// Further claims of this access token: a JSON object.
    pub claims: dw_text,
}

// SAFETY: `size` is its first field, and all zeros are a value of it.
unsafe impl Sized for dw_issue_options {}
// SAFETY: as above.
unsafe impl Sized for dw_refresh_options {}

fn issue(token: &str, client: &str, audience: &str, options: Option<dw_issue_options>) -> Called<Issue> {
    let mut operation = Issue::new(token, client, audience);
    let Some(options) = options else { return Ok(operation) };
    // SAFETY: as the conventions say of texts in options.
    let (audiences, scope, claims) = unsafe {
        (
            things(options.audiences, options.audience_count, "audiences")?,
            options.scope.text("scope")?,
            options.claims.text("claims")?,
        )
    };
    for audience in audiences {
        // SAFETY: as above.
        let audience = unsafe { audience.text("audiences") }?;
        operation = operation.audience(audience.unwrap_or_default());
    }
    if let Some(scope) = scope {
        operation = operation.scope(Scope::parse(scope)?);
    }
    for (name, value) in claims_of(claims)? {
        operation = operation.claim(&name, value);
    }
    Ok(if options.refresh != 0 { operation.with_refresh() } else { operation })
}

fn refresh(token: &str, client: &str, options: Option<dw_refresh_options>) -> Called<Refresh> {
    let mut operation = Refresh::new(token, client);
    let Some(options) = options else { return Ok(operation) };
    // SAFETY: as the conventions say of texts in options.
    let (audiences, scope, claims) = unsafe {
        (
            things(options.audiences, options.audience_count, "audiences")?,
            options.scope.text("scope")?,
            options.claims.text("claims")?,
        )
    };
    if let Some(scope) = scope {
        operation = operation.scope(Scope::parse(scope)?);
    }
    for audience in audiences {
        // SAFETY: as above.
        let audience = unsafe { audience.text("audiences") }?;
        operation = operation.audience(audience.unwrap_or_default());
    }
    for (name, value) in claims_of(claims)? {
        operation = operation.claim(&name, value);
    }
    Ok(operation)
}

fn claims_of(json: Option<&str>) -> Called<Map<String, Value>> {
    let none = |_| Failure::new(DW_CLAIMS, "the claims are no JSON object: give one, like {\"tenant\":7}");
    json.map_or_else(|| Ok(Map::new()), |json| serde_json::from_str(json).map_err(none))
}

fn introspect(token: &str, audience: Option<&str>) -> Introspect {
    let operation = Introspect::new(token);
    match audience {
        Some(audience) => operation.audience(audience),
        None => operation,
    }
}

/// Issues an access token for a live session, to this client and for this audience; a refresh token too if the options ask for
/// it. `options` may be NULL.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_issue(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    client: *const c_char,
    client_len: usize,
    audience: *const c_char,
    audience_len: usize,
    options: *const dw_issue_options,
    out: *mut *mut dw_tokens,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, client, audience, options) = unsafe {
            (
                text(token, token_len, "token")?,
                text(client, client_len, "client")?,
                text(audience, audience_len, "audience")?,
                sized(options, "options")?,
            )
        };
        let operation = issue(token, client, audience, options)?;
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_issue` at a context; its outcome is for `dw_op_take_tokens`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_issue(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    client: *const c_char,
    client_len: usize,
    audience: *const c_char,
    audience_len: usize,
    options: *const dw_issue_options,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, client, audience, options) = unsafe {
            (
                text(token, token_len, "token")?,
                text(client, client_len, "client")?,
                text(audience, audience_len, "audience")?,
                sized(options, "options")?,
            )
        };
        let operation = issue(token, client, audience, options)?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Uses a refresh token: the next one and an access token. One that comes back ends its session (`DW_REUSED`), except within the
/// policy's grace, when it gives the same again. After `DW_UNRESOLVED` try again with the same token. `options` may be NULL.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_refresh(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    client: *const c_char,
    client_len: usize,
    options: *const dw_refresh_options,
    out: *mut *mut dw_tokens,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, client, options) = unsafe {
            (
                text(token, token_len, "token")?,
                text(client, client_len, "client")?,
                sized(options, "options")?,
            )
        };
        let operation = refresh(token, client, options)?;
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_refresh` at a context; its outcome is for `dw_op_take_tokens`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_refresh(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    client: *const c_char,
    client_len: usize,
    options: *const dw_refresh_options,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, client, options) = unsafe {
            (
                text(token, token_len, "token")?,
                text(client, client_len, "client")?,
                sized(options, "options")?,
            )
        };
        let operation = refresh(token, client, options)?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Verifies an access token for this audience, in the policy's revocation mode. Every status but `DW_OK` means no.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_verify(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    audience: *const c_char,
    audience_len: usize,
    out: *mut *mut dw_access,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, audience) =
            unsafe { (text(token, token_len, "token")?, text(audience, audience_len, "audience")?) };
        let operation = (token, audience);
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.verify(operation.0, operation.1)) }
    })
}

/// Begins `dw_verify` at a context; its outcome is for `dw_op_take_access`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_verify(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    audience: *const c_char,
    audience_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, audience) =
            unsafe { (text(token, token_len, "token")?, text(audience, audience_len, "audience")?) };
        let operation = (token, audience);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.verify(operation.0, operation.1)) }
    })
}

/// Says what an access or refresh token is, as JSON (RFC 7662, section 2.2). `audience` is the resource server that asks; NULL when
/// nobody in particular does.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_introspect(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    audience: *const c_char,
    audience_len: usize,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, audience) =
            unsafe { (text(token, token_len, "token")?, text_if(audience, audience_len, "audience")?) };
        let operation = introspect(token, audience);
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_introspect` at a context; its outcome is for `dw_op_take_string`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_introspect(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    audience: *const c_char,
    audience_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, audience) =
            unsafe { (text(token, token_len, "token")?, text_if(audience, audience_len, "audience")?) };
        let operation = introspect(token, audience);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Revokes a token of this client (RFC 7009): a refresh token with all that came of it, or one access token. No error for a token
/// that is none; `out` is whether there was nothing to end.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_revoke_token(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    client: *const c_char,
    client_len: usize,
    out: *mut bool,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, client) =
            unsafe { (text(token, token_len, "token")?, text(client, client_len, "client")?) };
        let operation = RevokeToken::new(token, client);
        // SAFETY: as the conventions say.
        unsafe { give_plain(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_revoke_token` at a context; its outcome is for `dw_op_take_revoked`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_revoke_token(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    client: *const c_char,
    client_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, client) =
            unsafe { (text(token, token_len, "token")?, text(client, client_len, "client")?) };
        let operation = RevokeToken::new(token, client);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}
