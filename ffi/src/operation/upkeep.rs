//! What a store needs now and then.

use doorward::core::operation::after_restore::AfterRestore;
use doorward::{Engine, SteppedEngine};

use super::{done, give, give_plain};
use crate::context::dw_context;
use crate::engine::dw_engine;
use crate::failure::{call, dw_error};
use crate::op::{begin, dw_op};
use crate::result::dw_maintained;
use crate::status::dw_status;

/// What a store needs now and then: purges, finishes deletions, makes the next signing key in time. Call it every few minutes, and at
/// least once in the policy's `max_clock_regression_ms`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_maintain(
    engine: *const dw_engine,
    out: *mut *mut dw_maintained,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        unsafe { give(engine, out, Engine::maintain) }
    })
}

/// Begins `dw_maintain` at a context; its outcome is for `dw_op_take_maintained`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_maintain(
    context: *const dw_context,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, SteppedEngine::maintain) }
    })
}

/// Removes what has expired some time ago, `limit` rows and journal entries at most; `out` is how many were removed.
/// Nothing depends on it but the store's size.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_purge(
    engine: *const dw_engine,
    limit: usize,
    out: *mut usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = limit;
        // SAFETY: as the conventions say.
        unsafe { give_plain(engine, out, |engine| engine.purge(operation)) }
    })
}

/// Begins `dw_purge` at a context; its outcome is for `dw_op_take_purged`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_purge(
    context: *const dw_context,
    limit: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = limit;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.purge(operation)) }
    })
}

/// Ends every session of every account: run it once after restoring a backup, before the doors open.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_after_restore(engine: *const dw_engine, error: *mut *mut dw_error) -> dw_status {
    call(error, || {
        let operation = AfterRestore::new();
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_after_restore` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_after_restore(
    context: *const dw_context,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = AfterRestore::new();
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}
