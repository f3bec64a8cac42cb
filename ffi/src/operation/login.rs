//! Proving a password.

use core::ffi::{c_char, c_int};

use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::login::Login;
use doorward::core::operation::reauthenticate::Reauthenticate;
use doorward::{Lifetime, Scope};

use super::{Sized, give, sized, source_of, sourced};
use crate::context::dw_context;
use crate::engine::dw_engine;
use crate::failure::{Called, Failure, call, dw_error};
use crate::op::{begin, dw_op};
use crate::result::{dw_login_result, dw_renewed};
use crate::status::dw_status::{self, DW_VALUE};
use crate::text::{dw_text, text, text_if};

/// What a login may say besides. Set `size` to `sizeof(dw_login_options)` and all else to zero, then what is wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_login_options {
    /// `sizeof(dw_login_options)`.
    pub size: usize,
    /// The client's address, as text, without a port: who guesses from it is slowed.
    pub source: dw_text,
    /// What the client calls itself: its `User-Agent`, say. It is cut at 128 bytes, and made safe to show.
    pub label: dw_text,
    /// What tokens of this session may be granted at most: words with spaces between them.
    pub scope: dw_text,
    /// How long the session lives: a `dw_lifetime`.
    pub lifetime: c_int,
    /// Other than 0: the data of the guest's session `previous` is taken along.
    pub carry_data: c_int,
    /// The token of the session that this login replaces.
    pub previous: dw_text,
    /// The device's token of an earlier login: it has an allowance of guesses of its own.
    pub device: dw_text,
    /// Other than 0: the result has a token for this device.
    pub remember_device: c_int,
}

// SAFETY: `size` is its first field, and all zeros are a value of it.
unsafe impl Sized for dw_login_options {}

/// How long a session lives: the policy says what each of them means.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_lifetime {
    /// An hour without use, a day in all.
    DW_LIFETIME_WEB = 0,
    /// The "remember me" box: a week without use, 30 days in all.
    DW_LIFETIME_REMEMBERED = 1,
    /// An app on a device: 30 days without use, 90 in all.
    DW_LIFETIME_DEVICE = 2,
}

fn login(name: &str, password: &str, options: Option<dw_login_options>) -> Called<Login> {
    let login = Login::new(name, password);
    let Some(options) = options else { return Ok(login) };
    let mut login = login.lifetime(match options.lifetime {
        0 => Lifetime::Web,
        1 => Lifetime::Remembered,
        2 => Lifetime::Device,
        other => return Err(Failure::new(DW_VALUE, format!("{other} is no dw_lifetime"))),
    });
    // SAFETY: as the conventions say of texts in options.
    let (label, [source, scope, previous, device]) = unsafe {
        let texts = [
            options.source.text("source")?,
            options.scope.text("scope")?,
            options.previous.text("previous")?,
            options.device.text("device")?,
        ];
        (options.label.shown("label")?, texts)
    };
    if let Some(source) = source {
        login = login.source(source_of(source)?);
    }
    if let Some(label) = label {
        login = login.label(&label);
    }
    if let Some(scope) = scope {
        login = login.scope(Scope::parse(scope)?);
    }
    if let Some(previous) = previous {
        login = login.previous(previous);
    }
    if options.carry_data != 0 {
        login = login.carry_data();
    }
    if let Some(device) = device {
        login = login.device(device);
    }
    Ok(if options.remember_device != 0 { login.remember_device() } else { login })
}

/// Logs a person in. The session's token is in the result, and nowhere else. `options` may be NULL.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_login(
    engine: *const dw_engine,
    name: *const c_char,
    name_len: usize,
    password: *const c_char,
    password_len: usize,
    options: *const dw_login_options,
    out: *mut *mut dw_login_result,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (name, password, options) = unsafe {
            (
                text(name, name_len, "name")?,
                text(password, password_len, "password")?,
                sized(options, "options")?,
            )
        };
        let operation = login(name, password, options)?;
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.login(operation)) }
    })
}

/// Begins `dw_login` at a context; its outcome is for `dw_op_take_login`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_login(
    context: *const dw_context,
    name: *const c_char,
    name_len: usize,
    password: *const c_char,
    password_len: usize,
    options: *const dw_login_options,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (name, password, options) = unsafe {
            (
                text(name, name_len, "name")?,
                text(password, password_len, "password")?,
                sized(options, "options")?,
            )
        };
        let operation = login(name, password, options)?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.login(operation)) }
    })
}

/// Proves the password of a live session again; the session goes on under a new token. `source` is the client's address, or
/// NULL.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_reauthenticate(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    password: *const c_char,
    password_len: usize,
    source: *const c_char,
    source_len: usize,
    out: *mut *mut dw_renewed,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, password, source) = unsafe {
            (
                text(token, token_len, "token")?,
                text(password, password_len, "password")?,
                text_if(source, source_len, "source")?,
            )
        };
        let operation = sourced(Reauthenticate::new(token, password), source, Reauthenticate::source)?;
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_reauthenticate` at a context; its outcome is for `dw_op_take_renewed`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_reauthenticate(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    password: *const c_char,
    password_len: usize,
    source: *const c_char,
    source_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, password, source) = unsafe {
            (
                text(token, token_len, "token")?,
                text(password, password_len, "password")?,
                text_if(source, source_len, "source")?,
            )
        };
        let operation = sourced(Reauthenticate::new(token, password), source, Reauthenticate::source)?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Changes the password of a live session's account, given the present one; the session goes on under a new token, every
/// other is over. `source` is the client's address, or NULL.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_change_password(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    current: *const c_char,
    current_len: usize,
    password: *const c_char,
    password_len: usize,
    source: *const c_char,
    source_len: usize,
    out: *mut *mut dw_renewed,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, current, password, source) = unsafe {
            (
                text(token, token_len, "token")?,
                text(current, current_len, "current")?,
                text(password, password_len, "password")?,
                text_if(source, source_len, "source")?,
            )
        };
        let operation =
            sourced(ChangePassword::new(token, current, password), source, ChangePassword::source)?;
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_change_password` at a context; its outcome is for `dw_op_take_renewed`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_change_password(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    current: *const c_char,
    current_len: usize,
    password: *const c_char,
    password_len: usize,
    source: *const c_char,
    source_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, current, password, source) = unsafe {
            (
                text(token, token_len, "token")?,
                text(current, current_len, "current")?,
                text(password, password_len, "password")?,
                text_if(source, source_len, "source")?,
            )
        };
        let operation =
            sourced(ChangePassword::new(token, current, password), source, ChangePassword::source)?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}
