//! A call of the ABI, and what it is held to.

use std::ptr;

use doorward_ffi::dw_status::{self, DW_OK};
use doorward_ffi::{dw_error, dw_error_free, dw_id};

use crate::given::{Given, Owned, Plain, text};

/// What a call came to.
pub type Called<T = ()> = Result<T, Refused>;

/// Why a call was not done as asked: the whole `dw_error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: dw_status,
    /// The sentence.
    pub message: String,
    /// The word.
    pub reason: Option<String>,
    /// Of `DW_THROTTLED`: when to come again.
    pub until: i64,
    /// Whether the same call may simply be made again.
    pub is_transient: bool,
}

/// A call without an output.
pub(crate) fn done(call: impl FnOnce(*mut *mut dw_error) -> dw_status) -> Called {
    let mut error = ptr::null_mut();
    let status = call(&raw mut error);
    if status == DW_OK {
        assert!(error.is_null(), "an error was written beside DW_OK");
        return Ok(());
    }
    // SAFETY: a call that was not done has written an error, which is ours to read and to free.
    let refused = unsafe {
        let refused = refused(error.as_ref().expect("an error is written when the status is not DW_OK"));
        dw_error_free(error);
        refused
    };
    assert_eq!(refused.status, status, "the error has another status than its call");
    Err(refused)
}

/// What an error says.
///
/// # Safety
/// It is one that a call gave, and is not freed.
pub(crate) unsafe fn refused(error: &dw_error) -> Refused {
    // SAFETY: as the caller has it.
    let (message, reason) = unsafe { (text(error.message), text(error.reason)) };
    Refused {
        status: error.status,
        message: message.expect("every error has a message"),
        reason,
        until: error.until,
        is_transient: error.is_transient,
    }
}

/// A call that writes a pointer: to a result, or a handle. NULL is one that may be.
pub(crate) fn pointer<T>(call: impl FnOnce(*mut *mut T, *mut *mut dw_error) -> dw_status) -> Called<*mut T> {
    let mut out = ptr::null_mut();
    let called = done(|error| call(&raw mut out, error));
    assert!(called.is_ok() || out.is_null(), "an output was written beside an error");
    called.map(|()| out)
}

/// A call that gives a result.
pub(crate) fn owned<T: Owned>(
    call: impl FnOnce(*mut *mut T, *mut *mut dw_error) -> dw_status,
) -> Called<Given> {
    let out = pointer(call)?;
    // SAFETY: the call has given it, and nobody else has it.
    unsafe {
        let given = out.as_ref().expect("a result is written on DW_OK").read();
        T::free(out);
        Ok(given)
    }
}

/// A call that writes a plain value. One that was not done leaves it as it was.
pub(crate) fn plain<T: Plain>(call: impl FnOnce(*mut T, *mut *mut dw_error) -> dw_status) -> Called<Given> {
    let mut out = T::UNTOUCHED;
    let called = done(|error| call(&raw mut out, error));
    assert!(called.is_ok() || out == T::UNTOUCHED, "an output was written beside an error");
    called.map(|()| out.given())
}

/// A call that gives nothing.
pub(crate) fn nothing(call: impl FnOnce(*mut *mut dw_error) -> dw_status) -> Called<Given> {
    done(call).map(|()| Given::Nothing)
}

impl Plain for dw_id {
    const UNTOUCHED: Self = Self { bytes: [0xee; 16] };

    fn given(self) -> Given {
        Given::Account(self.bytes)
    }
}

impl Plain for usize {
    const UNTOUCHED: Self = Self::MAX;

    fn given(self) -> Given {
        Given::Purged(self)
    }
}

impl Plain for bool {
    const UNTOUCHED: Self = false;

    fn given(self) -> Given {
        Given::Revoked(self)
    }
}
