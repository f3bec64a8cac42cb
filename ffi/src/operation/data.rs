//! What a host keeps with a session, a guest's too.

use core::ffi::{c_char, c_void};
use std::time::Duration;

use doorward::core::operation::open_session::OpenSession;
use doorward::core::operation::session_data::{SessionData, UpdateSessionData};

use super::give;
use crate::context::dw_context;
use crate::engine::dw_engine;
use crate::failure::{call, dw_error};
use crate::op::{begin, dw_op};
use crate::result::{dw_data, dw_renewed, dw_session};
use crate::status::dw_status;
use crate::text::{bytes_if, dw_text, text};

fn open_session(data: Option<&[u8]>, lifetime_ms: u64, label: Option<&str>) -> OpenSession {
    let mut operation = OpenSession::new(data.unwrap_or_default());
    if lifetime_ms > 0 {
        operation = operation.lifetime(Duration::from_millis(lifetime_ms));
    }
    match label {
        Some(label) => operation.label(label),
        None => operation,
    }
}

fn update_session_data(token: &str, data: Option<&[u8]>, lifetime_ms: u64) -> UpdateSessionData {
    let operation = UpdateSessionData::new(token, data.unwrap_or_default());
    if lifetime_ms > 0 { operation.lifetime(Duration::from_millis(lifetime_ms)) } else { operation }
}

/// Opens a session for nobody yet, with data of the host's; a login replaces it. `lifetime_ms` 0: the policy's. `label` is what the
/// client calls itself, or NULL.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_open_session(
    engine: *const dw_engine,
    data: *const c_void,
    data_len: usize,
    lifetime_ms: u64,
    label: *const c_char,
    label_len: usize,
    out: *mut *mut dw_renewed,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (data, label) = unsafe {
            (bytes_if(data, data_len, "data")?, dw_text { ptr: label, len: label_len }.shown("label")?)
        };
        let operation = open_session(data, lifetime_ms, label.as_deref());
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_open_session` at a context; its outcome is for `dw_op_take_renewed`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_open_session(
    context: *const dw_context,
    data: *const c_void,
    data_len: usize,
    lifetime_ms: u64,
    label: *const c_char,
    label_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (data, label) = unsafe {
            (bytes_if(data, data_len, "data")?, dw_text { ptr: label, len: label_len }.shown("label")?)
        };
        let operation = open_session(data, lifetime_ms, label.as_deref());
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// What the host keeps with a live session, and whose it is, a guest's too.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_session_data(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    out: *mut *mut dw_data,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        let operation = SessionData::new(token);
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_session_data` at a context; its outcome is for `dw_op_take_data`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_session_data(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        let operation = SessionData::new(token);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Replaces what the host keeps with a live session: durable when it returns, and refused once the session is over.
/// `lifetime_ms` other than 0 also gives the session that lifetime, from now on.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_update_session_data(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    data: *const c_void,
    data_len: usize,
    lifetime_ms: u64,
    out: *mut *mut dw_session,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, data) = unsafe { (text(token, token_len, "token")?, bytes_if(data, data_len, "data")?) };
        let operation = update_session_data(token, data, lifetime_ms);
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_update_session_data` at a context; its outcome is for `dw_op_take_session`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_update_session_data(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    data: *const c_void,
    data_len: usize,
    lifetime_ms: u64,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (token, data) = unsafe { (text(token, token_len, "token")?, bytes_if(data, data_len, "data")?) };
        let operation = update_session_data(token, data, lifetime_ms);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}
