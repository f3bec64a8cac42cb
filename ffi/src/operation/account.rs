//! Accounts: how they come, change and go.

use core::ffi::c_char;

use doorward::core::operation::access::{Disable, Enable};
use doorward::core::operation::mark_compromised::MarkCompromised;
use doorward::core::operation::register::Register;
use doorward::core::operation::rename::Rename;
use doorward::core::operation::set_password::SetPassword;
use doorward::core::operation::unlock::Unlock;

use super::{done, give_plain, sourced};
use crate::context::dw_context;
use crate::engine::dw_engine;
use crate::failure::{call, dw_error};
use crate::id::dw_id;
use crate::op::{begin, dw_op};
use crate::status::dw_status;
use crate::text::{text, text_if};

/// Signs a person up: one Argon2id run, one durable commit. `source` is the client's address, or NULL. `out` is the new
/// account. After `DW_UNRESOLVED` it may be there.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_register(
    engine: *const dw_engine,
    name: *const c_char,
    name_len: usize,
    password: *const c_char,
    password_len: usize,
    source: *const c_char,
    source_len: usize,
    out: *mut dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (name, password, source) = unsafe {
            (
                text(name, name_len, "name")?,
                text(password, password_len, "password")?,
                text_if(source, source_len, "source")?,
            )
        };
        let operation = sourced(Register::new(name, password), source, Register::source)?;
        // SAFETY: as the conventions say.
        unsafe { give_plain(engine, out, |engine| engine.run(operation)) }
    })
}

/// Begins `dw_register` at a context; its outcome is for `dw_op_take_account`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_register(
    context: *const dw_context,
    name: *const c_char,
    name_len: usize,
    password: *const c_char,
    password_len: usize,
    source: *const c_char,
    source_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (name, password, source) = unsafe {
            (
                text(name, name_len, "name")?,
                text(password, password_len, "password")?,
                text_if(source, source_len, "source")?,
            )
        };
        let operation = sourced(Register::new(name, password), source, Register::source)?;
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Sets an account's password without the present one (recovery, administrators): ends all its sessions and lifts a lock.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_set_password(
    engine: *const dw_engine,
    account: dw_id,
    password: *const c_char,
    password_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let password = unsafe { text(password, password_len, "password") }?;
        let operation = SetPassword::new(account.account(), password);
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_set_password` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_set_password(
    context: *const dw_context,
    account: dw_id,
    password: *const c_char,
    password_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let password = unsafe { text(password, password_len, "password") }?;
        let operation = SetPassword::new(account.account(), password);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Gives an account another login name; the old one is free, and sessions live on.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_rename(
    engine: *const dw_engine,
    account: dw_id,
    name: *const c_char,
    name_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let name = unsafe { text(name, name_len, "name") }?;
        let operation = Rename::new(account.account(), name);
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_rename` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_rename(
    context: *const dw_context,
    account: dw_id,
    name: *const c_char,
    name_len: usize,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let name = unsafe { text(name, name_len, "name") }?;
        let operation = Rename::new(account.account(), name);
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Lifts what guesses have brought on an account: its count, and the waits on its names.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_unlock(
    engine: *const dw_engine,
    account: dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Unlock::new(account.account());
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_unlock` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_unlock(
    context: *const dw_context,
    account: dw_id,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Unlock::new(account.account());
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Shuts an account: all its sessions are over, and nobody logs in to it.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_disable(
    engine: *const dw_engine,
    account: dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Disable::new(account.account());
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_disable` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_disable(
    context: *const dw_context,
    account: dw_id,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Disable::new(account.account());
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Opens a disabled account for logins again; what was ended stays ended.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_enable(
    engine: *const dw_engine,
    account: dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Enable::new(account.account());
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_enable` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_enable(
    context: *const dw_context,
    account: dw_id,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = Enable::new(account.account());
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Says that an account's password is in other hands: all its sessions are over, and the password brings `DW_MUST_CHANGE`
/// until `dw_set_password` sets another.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_mark_compromised(
    engine: *const dw_engine,
    account: dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = MarkCompromised::new(account.account());
        done(engine, |engine| engine.run(operation))
    })
}

/// Begins `dw_mark_compromised` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_mark_compromised(
    context: *const dw_context,
    account: dw_id,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = MarkCompromised::new(account.account());
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.run(operation)) }
    })
}

/// Deletes an account: when this returns, all its sessions are over and its login name is free. Its id is never given again.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_delete_account(
    engine: *const dw_engine,
    account: dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = account.account();
        done(engine, |engine| engine.delete_account(operation))
    })
}

/// Begins `dw_delete_account` at a context; its outcome is for `dw_op_take`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_delete_account(
    context: *const dw_context,
    account: dw_id,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let operation = account.account();
        // SAFETY: as the conventions say.
        unsafe { begin(context, op, |engine| engine.delete_account(operation)) }
    })
}
