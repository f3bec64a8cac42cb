//! What every call answers.

use core::ffi::c_char;
use core::ptr;

/// What every call answers. Codes are grouped by tens, lasting, and only ever added to: take one that you do not know for a
/// refusal.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each says it beside its number")]
pub enum dw_status {
    /// Done as asked.
    DW_OK = 0,

    /// A pointer is NULL that must not be.
    DW_NULL = 10,
    /// A text is not UTF-8. It may be the client's.
    DW_NOT_UTF8 = 11,
    /// A number, a length or a text is out of range.
    DW_VALUE = 12,
    /// The handle is freed, or none of this kind.
    DW_HANDLE = 13,
    /// Another thread is in a call with this handle, which one at a time may use.
    DW_IN_USE = 14,
    /// It is not the time for this call: a reply without a need, an outcome before it is there or after it was taken.
    DW_SEQUENCE = 15,
    /// A reply is of another form than its need.
    DW_REPLY = 16,
    /// The host's own callback has stopped it: nothing was done.
    DW_STOPPED = 17,

    /// No store was named, or its URL is none.
    DW_CONFIG_STORE = 20,
    /// The policy is none: the sentence says which key.
    DW_CONFIG_POLICY = 21,
    /// Master keys, peppers or signing keys do not fit each other or the store.
    DW_CONFIG_KEY = 22,
    /// The key file is missing, open to others, or none.
    DW_CONFIG_KEY_FILE = 23,
    /// The store promises too little.
    DW_CONFIG_GUARANTEES = 24,
    /// The store cannot be opened.
    DW_CONFIG_OPEN = 25,
    /// The engine cannot be opened with these numbers.
    DW_CONFIG_ENGINE = 26,

    /// The name cannot be one.
    DW_NAME = 30,
    /// The password cannot be one; the reason is a word.
    DW_PASSWORD = 31,
    /// The name is taken.
    DW_TAKEN = 32,
    /// What is to be kept is too large.
    DW_TOO_LARGE = 33,
    /// The lifetime is out of bounds.
    DW_LIFETIME = 34,
    /// A client id, an audience or a scope cannot be one.
    DW_TERM = 35,
    /// The extra claims cannot be taken.
    DW_CLAIMS = 36,

    /// Name or password is wrong, or the account may not log in.
    DW_DENIED = 40,
    /// Too many attempts: wait until `until`.
    DW_THROTTLED = 41,
    /// The password is known to others, and must be changed.
    DW_MUST_CHANGE = 42,
    /// Somebody else is logged in there.
    DW_OTHER_ACCOUNT = 43,
    /// The account has as many sessions as it may.
    DW_TOO_MANY_SESSIONS = 44,

    /// The text is no token of a session of this engine.
    DW_TOKEN = 50,
    /// The session is over; the reason is a word.
    DW_GONE = 51,
    /// A live session, but of a guest.
    DW_ANONYMOUS = 52,
    /// No such account, or no such session of it.
    DW_NOT_FOUND = 53,
    /// A token under a master key that this engine does not have: it is not known to be over.
    DW_UNKNOWN_KEY = 54,

    /// The access or refresh token is not accepted; the reason is a word.
    DW_TOKEN_INVALID = 60,
    /// The refresh token came back: its session has ended.
    DW_REUSED = 61,
    /// The refresh token was used a moment ago, by another instance.
    DW_CONFLICT = 62,
    /// The token is another client's.
    DW_CLIENT = 63,
    /// More was asked for than was granted.
    DW_SCOPE = 64,
    /// Nothing fresh enough is known of what was ended.
    DW_STALE = 65,
    /// There is no key to sign with.
    DW_NO_KEY = 66,
    /// More than are kept: signing keys, or tokens revoked one by one.
    DW_FULL = 67,

    /// The store failed, nothing was done; the same call may succeed later.
    DW_STORE_RETRYABLE = 70,
    /// The store failed, nothing was done; somebody must look at it.
    DW_STORE_FATAL = 71,
    /// What is stored cannot be what was written.
    DW_CORRUPT = 72,
    /// It may be done or not: nobody knows. No token was given out.
    DW_UNRESOLVED = 73,
    /// The rows kept changing: nothing was decided, try again.
    DW_CONTENDED = 74,
    /// No room to hash a password now: nothing was changed, try again.
    DW_BUSY = 75,
    /// The master keys do not fit this store.
    DW_KEY = 76,
    /// The clock cannot be right.
    DW_CLOCK = 77,
    /// The system gave no random bytes.
    DW_ENTROPY = 78,
    /// A token could not be signed.
    DW_SIGNING = 79,

    /// The return target could lead away.
    DW_WEB_TARGET = 80,
    /// The cookie's settings or a cookie of the request cannot be taken.
    DW_WEB_COOKIE = 81,
    /// The `Authorization` header is not one bearer token.
    DW_WEB_BEARER = 82,
    /// The request is not known to come from this site.
    DW_WEB_CROSS_SITE = 83,
    /// More cookies than are read, or longer ones.
    DW_WEB_TOO_MANY_COOKIES = 84,

    /// A bug of this library, contained: the call may be done or not. Please report it.
    DW_PANIC = 90,
}

use dw_status::*;

impl dw_status {
    /// Every one of them.
    pub const ALL: &'static [Self] = &[
        DW_OK,
        DW_NULL,
        DW_NOT_UTF8,
        DW_VALUE,
        DW_HANDLE,
        DW_IN_USE,
        DW_SEQUENCE,
        DW_REPLY,
        DW_STOPPED,
        DW_CONFIG_STORE,
        DW_CONFIG_POLICY,
        DW_CONFIG_KEY,
        DW_CONFIG_KEY_FILE,
        DW_CONFIG_GUARANTEES,
        DW_CONFIG_OPEN,
        DW_CONFIG_ENGINE,
        DW_NAME,
        DW_PASSWORD,
        DW_TAKEN,
        DW_TOO_LARGE,
        DW_LIFETIME,
        DW_TERM,
        DW_CLAIMS,
        DW_DENIED,
        DW_THROTTLED,
        DW_MUST_CHANGE,
        DW_OTHER_ACCOUNT,
        DW_TOO_MANY_SESSIONS,
        DW_TOKEN,
        DW_GONE,
        DW_ANONYMOUS,
        DW_NOT_FOUND,
        DW_UNKNOWN_KEY,
        DW_TOKEN_INVALID,
        DW_REUSED,
        DW_CONFLICT,
        DW_CLIENT,
        DW_SCOPE,
        DW_STALE,
        DW_NO_KEY,
        DW_FULL,
        DW_STORE_RETRYABLE,
        DW_STORE_FATAL,
        DW_CORRUPT,
        DW_UNRESOLVED,
        DW_CONTENDED,
        DW_BUSY,
        DW_KEY,
        DW_CLOCK,
        DW_ENTROPY,
        DW_SIGNING,
        DW_WEB_TARGET,
        DW_WEB_COOKIE,
        DW_WEB_BEARER,
        DW_WEB_CROSS_SITE,
        DW_WEB_TOO_MANY_COOKIES,
        DW_PANIC,
    ];

    /// The status code that a web host answers with (RFC 9110, section 15): what `doorward_core::web` says of the same
    /// refusal, where a web login meets it.
    fn http(self) -> u16 {
        match self {
            DW_OK => 200,
            DW_TERM | DW_CLAIMS | DW_LIFETIME | DW_NOT_UTF8 | DW_WEB_TARGET | DW_WEB_COOKIE
            | DW_WEB_BEARER => 400,
            DW_DENIED | DW_TOKEN | DW_GONE | DW_ANONYMOUS | DW_TOKEN_INVALID | DW_REUSED => 401,
            DW_MUST_CHANGE | DW_CLIENT | DW_SCOPE | DW_WEB_CROSS_SITE => 403,
            DW_NOT_FOUND => 404,
            DW_TAKEN | DW_OTHER_ACCOUNT | DW_TOO_MANY_SESSIONS | DW_CONFLICT => 409,
            DW_TOO_LARGE => 413,
            DW_NAME | DW_PASSWORD => 422,
            DW_THROTTLED => 429,
            DW_WEB_TOO_MANY_COOKIES => 431,
            DW_UNKNOWN_KEY | DW_STALE | DW_NO_KEY | DW_FULL | DW_STORE_RETRYABLE | DW_STORE_FATAL
            | DW_CORRUPT | DW_UNRESOLVED | DW_CONTENDED | DW_BUSY | DW_KEY | DW_CLOCK | DW_ENTROPY
            | DW_SIGNING => 503,
            DW_NULL | DW_VALUE | DW_HANDLE | DW_IN_USE | DW_SEQUENCE | DW_REPLY | DW_STOPPED
            | DW_CONFIG_STORE | DW_CONFIG_POLICY | DW_CONFIG_KEY | DW_CONFIG_KEY_FILE
            | DW_CONFIG_GUARANTEES | DW_CONFIG_OPEN | DW_CONFIG_ENGINE | DW_PANIC => 500,
        }
    }

    fn of(code: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| *status as i32 == code)
    }
}

/// The name of a status, `"DW_OK"` and so on; NULL for a number that is none. It lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn dw_status_name(status: i32) -> *const c_char {
    static NAMES: std::sync::LazyLock<Vec<(i32, std::ffi::CString)>> = std::sync::LazyLock::new(|| {
        let name = |status: &dw_status| std::ffi::CString::new(format!("{status:?}")).unwrap_or_default();
        dw_status::ALL.iter().map(|status| (*status as i32, name(status))).collect()
    });
    let found = NAMES.iter().find(|(code, _)| *code == status);
    found.map_or(ptr::null(), |(_, name)| name.as_ptr())
}

/// The status code that a web host answers with (RFC 9110, section 15); 0 for a number that is none. Of a logout that
/// failed say 503: it is not done.
#[unsafe(no_mangle)]
pub extern "C" fn dw_status_http(status: i32) -> u16 {
    dw_status::of(status).map_or(0, dw_status::http)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests
mod tests;
