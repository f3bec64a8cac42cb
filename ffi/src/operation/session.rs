//! Sessions: whose they are, and how they end.

use core::ffi::c_char;

use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::logout_everywhere::LogoutEverywhere;
use doorward::core::operation::rotate_session::RotateSession;
use doorward::core::operation::sessions::Sessions;

use super::give;
use crate::context::dw_context;
use crate::engine::dw_engine;
use crate::failure::{call, dw_error};
use crate::id::dw_id;
use crate::op::{begin, dw_op};
use crate::result::{dw_ended_everywhere, dw_receipt, dw_renewed, dw_session, dw_session_list};
use crate::status::dw_status;
use crate::text::{text, text_if};

fn logout_everywhere(account: dw_id, keep: Option<&str>) -> LogoutEverywhere {
    let operation = LogoutEverywhere::new(account.account());
    match keep {
        Some(token) => operation.keep(token),
        None => operation,
    }
}

/// Says whose session this token is, if it lives. Every status but `DW_OK` means no.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_authenticate(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    out: *mut *mut dw_session,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.authenticate(token)) }
    })
}

/// Begins `dw_authenticate` at a context; its outcome is for `dw_op_take_session`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_authenticate(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.authenticate(token)) }
    })
}

/// Ends the session of this token for good: durable when it returns `DW_OK`. A second call is no error. `DW_TOKEN`: the text opens
/// nothing. After any other status it is not known to be done: keep the cookie and call again.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_logout(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    out: *mut *mut dw_receipt,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        let operation = Logout::new(token);
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_logout` at a context; its outcome is for `dw_op_take_receipt`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_logout(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        let operation = Logout::new(token);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Ends every session of an account, but for that of `keep`, which goes on under a new token; NULL keeps none.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_logout_everywhere(
    engine: *const dw_engine,
    account: dw_id,
    keep: *const c_char,
    keep_len: usize,
    out: *mut *mut dw_ended_everywhere,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let keep = unsafe { text_if(keep, keep_len, "keep") }?;
        let operation = logout_everywhere(account, keep);
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_logout_everywhere` at a context; its outcome is for `dw_op_take_ended_everywhere`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_logout_everywhere(
    context: *const dw_context,
    account: dw_id,
    keep: *const c_char,
    keep_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let keep = unsafe { text_if(keep, keep_len, "keep") }?;
        let operation = logout_everywhere(account, keep);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// The live sessions of an account, in the order of their ids; none for an account that is not there.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_sessions(
    engine: *const dw_engine,
    account: dw_id,
    out: *mut *mut dw_session_list,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Sessions::new(account.account());
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_sessions` at a context; its outcome is for `dw_op_take_session_list`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_sessions(
    context: *const dw_context,
    account: dw_id,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Sessions::new(account.account());
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Ends one session of this account; `DW_NOT_FOUND` for every other session, another account's too.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_end_session(
    engine: *const dw_engine,
    account: dw_id,
    session: dw_id,
    out: *mut *mut dw_receipt,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = EndSession::new(account.account(), session.session());
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_end_session` at a context; its outcome is for `dw_op_take_receipt`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_end_session(
    context: *const dw_context,
    account: dw_id,
    session: dw_id,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = EndSession::new(account.account(), session.session());
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Gives a live session another token; the former one is dead.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_rotate_session(
    engine: *const dw_engine,
    token: *const c_char,
    token_len: usize,
    out: *mut *mut dw_renewed,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        let operation = RotateSession::new(token);
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_rotate_session` at a context; its outcome is for `dw_op_take_renewed`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_rotate_session(
    context: *const dw_context,
    token: *const c_char,
    token_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let token = unsafe { text(token, token_len, "token") }?;
        let operation = RotateSession::new(token);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}
