//! Texts and bytes on their way in.
//!
//! | | pointer | length | |
//! |---|---|---|---|
//! | needed | NULL | any | [`DW_NULL`] |
//! | may be left out | NULL | 0 | left out |
//! | may be left out | NULL | more | [`DW_NULL`] |
//! | either | any | more than [`MOST`] | [`DW_VALUE`]: a length that was negative, or forgotten |

use core::ffi::{CStr, c_char, c_void};
use core::slice;
use std::borrow::Cow;

use crate::failure::{Called, Failure};
use crate::status::dw_status::{DW_NOT_UTF8, DW_NULL, DW_VALUE};

/// The longest text or piece of data that is taken, in bytes: longer than any of them may be.
pub(crate) const MOST: usize = 1 << 24;

/// A text, or bytes, that this library lends or is lent: not ended by a zero unless the library made it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dw_text {
    /// Its first byte; NULL when there is none.
    pub ptr: *const c_char,
    /// How many bytes it has.
    pub len: usize,
}

impl dw_text {
    pub(crate) const NONE: Self = Self { ptr: core::ptr::null(), len: 0 };

    /// A text that lives as long as the library.
    pub(crate) fn fixed(text: &'static CStr) -> Self {
        Self { ptr: text.as_ptr(), len: text.count_bytes() }
    }

    /// The bytes, when there are any.
    ///
    /// # Safety
    /// They are `len` readable bytes, or `ptr` is NULL.
    pub(crate) unsafe fn bytes<'a>(self, what: &str) -> Called<Option<&'a [u8]>> {
        // SAFETY: as the caller has it.
        unsafe { bytes_if(self.ptr.cast(), self.len, what) }
    }

    /// The text, when there is one, with U+FFFD for what is not UTF-8: where it is only shown.
    ///
    /// # Safety
    /// As [`dw_text::bytes`].
    pub(crate) unsafe fn shown<'a>(self, what: &str) -> Called<Option<Cow<'a, str>>> {
        // SAFETY: as the caller has it.
        Ok(unsafe { self.bytes(what) }?.map(String::from_utf8_lossy))
    }

    /// The text, when there is one.
    ///
    /// # Safety
    /// As [`dw_text::bytes`].
    pub(crate) unsafe fn text<'a>(self, what: &str) -> Called<Option<&'a str>> {
        // SAFETY: as the caller has it.
        unsafe { text_if(self.ptr, self.len, what) }
    }
}

/// The bytes, which must be given.
///
/// # Safety
/// They are `len` readable bytes that nobody changes meanwhile, or `ptr` is NULL.
pub(crate) unsafe fn bytes<'a>(ptr: *const c_void, len: usize, what: &str) -> Called<&'a [u8]> {
    // SAFETY: as the caller has it.
    match unsafe { bytes_if(ptr, len, what) }? {
        Some(bytes) => Ok(bytes),
        None => Err(null(what)),
    }
}

/// The bytes, when they are given.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn bytes_if<'a>(ptr: *const c_void, len: usize, what: &str) -> Called<Option<&'a [u8]>> {
    if len > MOST {
        return Err(Failure::new(
            DW_VALUE,
            format!("the length of `{what}` is {len}: at most {MOST} bytes are taken"),
        ));
    }
    if ptr.is_null() {
        return if len == 0 { Ok(None) } else { Err(null(what)) };
    }
    // SAFETY: not NULL, and `len` readable bytes, as the caller has it; `len` is far below `isize::MAX`.
    Ok(Some(unsafe { slice::from_raw_parts(ptr.cast(), len) }))
}

/// The text, which must be given.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(ptr: *const c_char, len: usize, what: &str) -> Called<&'a str> {
    // SAFETY: as the caller has it.
    match unsafe { text_if(ptr, len, what) }? {
        Some(text) => Ok(text),
        None => Err(null(what)),
    }
}

/// The text, when it is given.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text_if<'a>(ptr: *const c_char, len: usize, what: &str) -> Called<Option<&'a str>> {
    // SAFETY: as the caller has it.
    let Some(bytes) = (unsafe { bytes_if(ptr.cast(), len, what) })? else { return Ok(None) };
    let text = core::str::from_utf8(bytes);
    text.map(Some).map_err(|_| Failure::new(DW_NOT_UTF8, format!("`{what}` is not UTF-8: encode it so")))
}

/// Things that stand one after the other.
///
/// # Safety
/// They are `count` readable things, or `ptr` is NULL.
pub(crate) unsafe fn things<'a, T>(ptr: *const T, count: usize, what: &str) -> Called<&'a [T]> {
    if count > MOST / size_of::<T>().max(1) {
        return Err(Failure::new(DW_VALUE, format!("the count of `{what}` is {count}: that is no count")));
    }
    if count == 0 {
        return Ok(&[]);
    }
    if ptr.is_null() {
        return Err(null(what));
    }
    if !ptr.is_aligned() {
        return Err(Failure::new(DW_VALUE, format!("`{what}` is not aligned: it is no array of its kind")));
    }
    // SAFETY: not NULL, aligned, and `count` readable things, as the caller has it.
    Ok(unsafe { slice::from_raw_parts(ptr, count) })
}

pub(crate) fn null(what: &str) -> Failure {
    Failure::new(DW_NULL, format!("`{what}` is NULL, and must not be"))
}
