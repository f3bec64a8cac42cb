//! Taking the outcomes of operations that ran step by step.

use crate::failure::{call, dw_error};
use crate::id::dw_id;
use crate::op::{dw_op, take_plain, take_result};
use crate::result::{
    dw_access, dw_data, dw_ended_everywhere, dw_jwks_result, dw_login_result, dw_maintained, dw_receipt,
    dw_renewed, dw_rotated, dw_session, dw_session_list, dw_string, dw_tokens,
};
use crate::status::dw_status;

/// Takes the outcome of `dw_op_verify`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_access(
    op: *mut dw_op,
    out: *mut *mut dw_access,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_register`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_account(
    op: *mut dw_op,
    out: *mut dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_plain(op, out) })
}

/// Takes the outcome of `dw_op_session_data`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_data(
    op: *mut dw_op,
    out: *mut *mut dw_data,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_logout_everywhere`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_ended_everywhere(
    op: *mut dw_op,
    out: *mut *mut dw_ended_everywhere,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_jwks`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_jwks(
    op: *mut dw_op,
    out: *mut *mut dw_jwks_result,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_login`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_login(
    op: *mut dw_op,
    out: *mut *mut dw_login_result,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_maintain`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_maintained(
    op: *mut dw_op,
    out: *mut *mut dw_maintained,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_purge`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_purged(
    op: *mut dw_op,
    out: *mut usize,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_plain(op, out) })
}

/// Takes the outcome of `dw_op_logout` or `dw_op_end_session`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_receipt(
    op: *mut dw_op,
    out: *mut *mut dw_receipt,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_reauthenticate`, `dw_op_change_password`, `dw_op_rotate_session` or `dw_op_open_session`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_renewed(
    op: *mut dw_op,
    out: *mut *mut dw_renewed,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_revoke_token`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_revoked(
    op: *mut dw_op,
    out: *mut bool,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_plain(op, out) })
}

/// Takes the outcome of `dw_op_rotate_keys`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_rotated(
    op: *mut dw_op,
    out: *mut *mut dw_rotated,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_authenticate` or `dw_op_update_session_data`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_session(
    op: *mut dw_op,
    out: *mut *mut dw_session,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_sessions`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_session_list(
    op: *mut dw_op,
    out: *mut *mut dw_session_list,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_introspect`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_string(
    op: *mut dw_op,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}

/// Takes the outcome of `dw_op_issue` or `dw_op_refresh`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_tokens(
    op: *mut dw_op,
    out: *mut *mut dw_tokens,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { take_result(op, out) })
}
