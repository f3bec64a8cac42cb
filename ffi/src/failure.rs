//! What a call failed with, and how it reaches C.

use std::panic::{AssertUnwindSafe, catch_unwind};

use doorward::{AccountId, SessionId, Timestamp};

use crate::given::{Owned, Texts, free};
use crate::id::dw_id;
use crate::status::dw_status::{self, DW_OK, DW_PANIC};
use crate::text::dw_text;

pub(crate) type Called<T = ()> = Result<T, Failure>;

/// Why a call was not done as asked.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: dw_status,
    message: String,
    reason: &'static str,
    until: Option<Timestamp>,
    is_transient: bool,
    account: Option<AccountId>,
    session: Option<SessionId>,
}

impl Failure {
    pub(crate) fn new(status: dw_status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            reason: "",
            until: None,
            is_transient: false,
            account: None,
            session: None,
        }
    }

    /// In one word, for programs.
    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    pub(crate) fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Whose it is.
    pub(crate) fn of(mut self, account: Option<AccountId>, session: SessionId) -> Self {
        (self.account, self.session) = (account, Some(session));
        self
    }

    pub(crate) fn transient(mut self, is_transient: bool) -> Self {
        self.is_transient = is_transient;
        self
    }

    fn public(&self, texts: &mut Texts) -> dw_error {
        dw_error {
            status: self.status,
            message: texts.keep(&self.message),
            reason: texts.keep_if(Some(self.reason).filter(|reason| !reason.is_empty())),
            until: self.until.map_or(0, Timestamp::as_millis),
            is_transient: self.is_transient,
            has_account: self.account.is_some(),
            account: self.account.map_or(dw_id::NONE, dw_id::from),
            has_session: self.session.is_some(),
            session: self.session.map_or(dw_id::NONE, dw_id::from),
        }
    }
}

/// Why a call was not done as asked. Freed with [`dw_error_free`].
#[repr(C)]
#[derive(Debug)]
pub struct dw_error {
    /// The status that the call answered.
    pub status: dw_status,
    /// A sentence for developers and logs that says what to do: no secret, no name, no full stop.
    pub message: dw_text,
    /// A fixed word, where the status has several causes; else NULL. Why a password is refused (`too short`, `too long`,
    /// `common`, `pattern`, `listed`, `login name`, `service`, `compromised`), why a session is gone (`ended`, `idle`, `expired`, `revoked`,
    /// `replaced`), which rule an access token breaks (`signature`, `expired`, …; `token` of a refresh token that is none).
    pub reason: dw_text,
    /// Of `DW_THROTTLED`: when to come again, in UTC milliseconds; else 0.
    pub until: i64,
    /// Whether the same call may simply be made again, a little later.
    pub is_transient: bool,
    /// Whether it is known whose account it is: of `DW_REUSED`, so that somebody can be told.
    pub has_account: bool,
    /// The account.
    pub account: dw_id,
    /// Whether it is known which session it is: of `DW_REUSED` and `DW_ANONYMOUS`.
    pub has_session: bool,
    /// The session.
    pub session: dw_id,
}

/// Frees an error; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_error_free(error: *mut dw_error) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(error) }
}

/// Every entry's frame: no panic leaves it, and what failed is told.
pub(crate) fn call(error: *mut *mut dw_error, body: impl FnOnce() -> Called) -> dw_status {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return DW_OK,
        Ok(Err(failure)) => failure,
        Err(payload) => {
            // Dropping it could panic again.
            std::mem::forget(payload);
            Failure::new(DW_PANIC, "a bug in doorward, which was contained: please report what was called")
        }
    };
    if !error.is_null() {
        let owned = Owned::new(|texts| failure.public(texts));
        // SAFETY: not NULL, and the caller's to write to, as the conventions say.
        unsafe { error.write_unaligned(owned.into_raw()) };
    }
    failure.status
}

/// As [`call`], of what has nothing to say when it fails.
pub(crate) fn quietly<T>(otherwise: T, body: impl FnOnce() -> Called<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(_)) => otherwise,
        Err(payload) => {
            std::mem::forget(payload);
            otherwise
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic)] // tests
mod tests {
    use std::panic::panic_any;
    use std::ptr;

    use super::*;

    /// What a panic may carry: it panics again when it goes.
    struct Explosive;

    impl Drop for Explosive {
        fn drop(&mut self) {
            panic!("again");
        }
    }

    #[test]
    fn rv_12_a_panic_becomes_a_status() {
        assert_eq!(call(ptr::null_mut(), || panic!("a bug")), DW_PANIC);
        assert_eq!(call(ptr::null_mut(), || panic_any(Explosive)), DW_PANIC);
        assert_eq!(quietly(7, || panic!("a bug")), 7);
        assert_eq!(quietly(7, || panic_any(Explosive)), 7);
    }

    #[test]
    fn rv_12_rv_9_a_panic_is_told_without_what_it_said() {
        let mut error = ptr::null_mut();
        let status = call(&raw mut error, || panic!("the password is swordfish"));
        // SAFETY: the call has written an error, which is read and then freed, once.
        let (told, message) = unsafe {
            let text = (*error).message;
            let bytes = std::slice::from_raw_parts(text.ptr.cast::<u8>(), text.len);
            ((*error).status, String::from_utf8_lossy(bytes).into_owned())
        };
        // SAFETY: as above.
        unsafe { dw_error_free(error) };
        assert_eq!((status, told), (DW_PANIC, DW_PANIC));
        assert!(message.contains("please report") && !message.contains("swordfish"), "{message}");
    }

    /// The next call is as any other.
    #[test]
    fn rv_12_a_panic_leaves_nothing_behind() {
        let mut error = ptr::null_mut();
        assert_eq!(call(&raw mut error, || panic!("a bug")), DW_PANIC);
        // SAFETY: the call has written it.
        unsafe { dw_error_free(error) };
        error = ptr::null_mut();
        assert_eq!(call(&raw mut error, || Ok(())), DW_OK);
        assert!(error.is_null());
    }
}
