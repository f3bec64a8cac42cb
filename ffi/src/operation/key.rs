//! The keys that sign access tokens.

use core::ffi::c_int;

use doorward::core::operation::jwks::Jwks;
use doorward::core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward::core::operation::rotate_keys::RotateKeys;

use super::{done, give};
use crate::context::dw_context;
use crate::engine::dw_engine;
use crate::failure::{Called, Failure, call, dw_error};
use crate::op::{begin, dw_op};
use crate::result::{dw_jwks_result, dw_rotated};
use crate::status::dw_status::{self, DW_VALUE};

/// When the next signing key is to sign.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_rotation {
    /// When verifiers elsewhere have had the time to fetch it: after the policy's overlap.
    DW_ROTATE = 0,
    /// At once: who keeps a JWKS refuses its tokens until he fetches it anew.
    DW_ROTATE_AT_ONCE = 1,
    /// Nothing is made unless it is time for it.
    DW_ROTATE_WHEN_DUE = 2,
}

fn rotate_keys(when: c_int) -> Called<RotateKeys> {
    match when {
        0 => Ok(RotateKeys::new()),
        1 => Ok(RotateKeys::at_once()),
        2 => Ok(RotateKeys::when_due()),
        other => Err(Failure::new(DW_VALUE, format!("{other} is no dw_rotation"))),
    }
}

fn revoke_all_tokens(and_sessions: c_int) -> RevokeAllTokens {
    let operation = RevokeAllTokens::new();
    if and_sessions != 0 { operation.and_sessions() } else { operation }
}

/// The public keys that access tokens are verified with (RFC 7517), for verifiers elsewhere.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_jwks(
    engine: *const dw_engine,
    out: *mut *mut dw_jwks_result,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Jwks::new();
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_jwks` at a context; its outcome is for `dw_op_take_jwks`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_jwks(
    context: *const dw_context,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Jwks::new();
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Makes the next signing key before it is time for it; `when` is a `dw_rotation`. What was signed before lives to its end.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_rotate_keys(
    engine: *const dw_engine,
    when: c_int,
    out: *mut *mut dw_rotated,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = rotate_keys(when)?;
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_rotate_keys` at a context; its outcome is for `dw_op_take_rotated`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_rotate_keys(
    context: *const dw_context,
    when: c_int,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = rotate_keys(when)?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Ends every access and refresh token of everybody, by new keys; with `and_sessions` other than 0 every session too.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_revoke_all_tokens(
    engine: *const dw_engine,
    and_sessions: c_int,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = revoke_all_tokens(and_sessions);
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_revoke_all_tokens` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_revoke_all_tokens(
    context: *const dw_context,
    and_sessions: c_int,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = revoke_all_tokens(and_sessions);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}
