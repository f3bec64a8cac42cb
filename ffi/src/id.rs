//! Ids of accounts, sessions and grants, and their text.

use core::ffi::c_char;

use doorward::core::id::Stamp;
use doorward::{AccountId, SessionId};

use crate::failure::{Failure, call, dw_error};
use crate::given::Out;
use crate::status::dw_status::{self, DW_VALUE};
use crate::text::text;

/// An id: of an account, of a session, of a token. It is no secret, and opens nothing.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct dw_id {
    /// Its bytes.
    pub bytes: [u8; 16],
}

impl dw_id {
    pub(crate) const NONE: Self = Self { bytes: [0; 16] };

    pub(crate) fn account(self) -> AccountId {
        AccountId::from_bytes(self.bytes)
    }

    pub(crate) fn session(self) -> SessionId {
        SessionId::from_bytes(self.bytes)
    }
}

impl From<AccountId> for dw_id {
    fn from(id: AccountId) -> Self {
        Self { bytes: *id.as_bytes() }
    }
}

impl From<SessionId> for dw_id {
    fn from(id: SessionId) -> Self {
        Self { bytes: *id.as_bytes() }
    }
}

/// How long an id's text is, with the zero that ends it.
pub const DW_ID_TEXT: usize = 33;

/// Writes an id as 32 lower-case hexadecimal digits and a zero: `char text[DW_ID_TEXT]`. Nothing happens when `text` is NULL.
///
/// # Safety
/// As the conventions say: `text` has room for `DW_ID_TEXT` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_id_text(id: dw_id, text: *mut c_char) {
    if text.is_null() {
        return;
    }
    let digits = Stamp::from_bytes(id.bytes).to_string();
    for (at, byte) in digits.bytes().chain([0]).enumerate().take(DW_ID_TEXT) {
        // SAFETY: `at` is below `DW_ID_TEXT`, for which there is room.
        unsafe { text.add(at).cast::<u8>().write(byte) };
    }
}

/// Reads an id from its 32 hexadecimal digits.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_id_parse(
    digits: *const c_char,
    digits_len: usize,
    out: *mut dw_id,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        let digits = unsafe { text(digits, digits_len, "digits") }?;
        let id = digits.parse::<AccountId>().map_err(|id| Failure::new(DW_VALUE, id.to_string()))?;
        // SAFETY: as the conventions say.
        unsafe { out.put(id.into()) };
        Ok(())
    })
}
