//! Results, copied field by field.

use doorward_ffi as ffi;
use doorward_ffi::{
    dw_access, dw_data, dw_ended_everywhere, dw_jwks_result, dw_login_result, dw_maintained, dw_receipt,
    dw_renewed, dw_rotated, dw_session, dw_session_list, dw_string, dw_text, dw_tokens,
};

/// An id's bytes.
pub type Id = [u8; 16];

/// A result, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the header")]
pub enum Given {
    /// There is none: the status is all.
    Nothing,
    /// A plain id.
    Account(Id),
    /// How many rows were removed.
    Purged(usize),
    /// Whether there was nothing to end.
    Revoked(bool),
    /// `dw_session`
    Session(Session),
    /// `dw_session_list`
    Sessions(Vec<Session>),
    /// `dw_login_result`
    Login { token: String, session: Session, device_token: Option<String> },
    /// `dw_renewed`
    Renewed(Renewed),
    /// `dw_ended_everywhere`
    Everywhere { kept: Option<Renewed> },
    /// `dw_receipt`
    Receipt { was_over: bool, session: Id, access_dies_at: i64, others_lag_ms: u64 },
    /// `dw_data`
    Data { session: Session, data: Vec<u8> },
    /// `dw_tokens`
    Tokens {
        access: String,
        refresh: Option<String>,
        token: Id,
        expires: i64,
        scope: String,
        account: Id,
        session: Id,
    },
    /// `dw_access`
    Access {
        account: Id,
        session: Id,
        token: Id,
        client: String,
        audience: String,
        scope: String,
        issued_at: i64,
        expires: i64,
        auth_time: i64,
        amr: String,
        claims: String,
    },
    /// `dw_string`
    Text(String),
    /// `dw_jwks_result`
    Keys { json: String, max_age_ms: u64 },
    /// `dw_rotated`
    Rotated { is_new: bool, active_from: i64 },
    /// `dw_maintained`
    Maintained { purged: usize, deletions: usize, rotated: bool, more: bool },
}

/// `dw_session`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the header")]
pub struct Session {
    pub id: Id,
    pub account: Id,
    pub is_anonymous: bool,
    pub created: i64,
    pub auth_time: i64,
    pub amr: Option<String>,
    pub idle_ends: i64,
    pub absolute_ends: i64,
    pub label: Option<String>,
    pub seen_at: i64,
}

/// `dw_renewed`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the header")]
pub struct Renewed {
    pub token: String,
    pub session: Session,
}

/// A result that is freed.
pub(crate) trait Owned: Sized {
    /// # Safety
    /// It is a result that a call gave, and is not freed.
    unsafe fn read(&self) -> Given;

    /// # Safety
    /// It is a result that a call gave, and is not freed; nor is it read again.
    unsafe fn free(given: *mut Self);
}

/// A result that is a value.
pub(crate) trait Plain: Copy + PartialEq {
    /// What no call gives.
    const UNTOUCHED: Self;

    fn given(self) -> Given;
}

/// The bytes of a text of the library's, which end in a zero that does not count; `None` when it is NULL.
///
/// # Safety
/// What it belongs to is not freed.
pub(crate) unsafe fn bytes(text: dw_text) -> Option<Vec<u8>> {
    if text.ptr.is_null() {
        assert_eq!(text.len, 0, "no text has no length");
        return None;
    }
    // SAFETY: as many bytes as it says and one more, by the conventions.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr.cast::<u8>(), text.len + 1) };
    let (zero, bytes) = bytes.split_last()?;
    assert_eq!(*zero, 0, "a text ends in a zero");
    Some(bytes.to_vec())
}

/// The text, if there is one.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text(text: dw_text) -> Option<String> {
    // SAFETY: as the caller has it.
    let bytes = unsafe { bytes(text) }?;
    Some(String::from_utf8(bytes).expect("a text is UTF-8"))
}

/// The text, which is there.
///
/// # Safety
/// As [`bytes`].
unsafe fn said(of: dw_text) -> String {
    // SAFETY: as the caller has it.
    unsafe { text(of) }.expect("this text is never left out")
}

/// # Safety
/// As [`Owned::read`] of what it is part of.
unsafe fn session(session: *const dw_session) -> Session {
    // SAFETY: as the caller has it.
    unsafe {
        let session = session.as_ref().expect("the session is there");
        Session {
            id: session.id.bytes,
            account: session.account.bytes,
            is_anonymous: session.is_anonymous,
            created: session.created,
            auth_time: session.auth_time,
            amr: text(session.amr),
            idle_ends: session.idle_ends,
            absolute_ends: session.absolute_ends,
            label: text(session.label),
            seen_at: session.seen_at,
        }
    }
}

/// # Safety
/// As [`session`].
unsafe fn renewed(renewed: &dw_renewed) -> Renewed {
    // SAFETY: as the caller has it.
    unsafe { Renewed { token: said(renewed.token), session: session(renewed.session) } }
}

/// What each result says, and what frees it.
macro_rules! owned {
    ($($type:ident $free:ident: $this:ident => $given:expr;)*) => {
        $(impl Owned for $type {
            unsafe fn read(&self) -> Given {
                let $this = self;
                // SAFETY: as the caller has it.
                #[allow(unused_unsafe, reason = "some have no pointers")]
                unsafe { $given }
            }

            unsafe fn free(given: *mut Self) {
                // SAFETY: as the caller has it.
                unsafe { ffi::$free(given) }
            }
        })*
    };
}

owned! {
    dw_session dw_session_free: this => Given::Session(session(this));
    dw_session_list dw_session_list_free: this => {
        let sessions = (0..this.count).map(|at| session(*this.items.add(at)));
        Given::Sessions(sessions.collect())
    };
    dw_login_result dw_login_result_free: this => Given::Login {
        token: said(this.token),
        session: session(this.session),
        device_token: text(this.device_token),
    };
    dw_renewed dw_renewed_free: this => Given::Renewed(renewed(this));
    dw_ended_everywhere dw_ended_everywhere_free: this => {
        Given::Everywhere { kept: this.kept.as_ref().map(|kept| renewed(kept)) }
    };
    dw_receipt dw_receipt_free: this => Given::Receipt {
        was_over: this.was_over,
        session: this.session.bytes,
        access_dies_at: this.access_dies_at,
        others_lag_ms: this.others_lag_ms,
    };
    dw_data dw_data_free: this => {
        Given::Data { session: session(this.session), data: bytes(this.data).expect("no data is none, not NULL") }
    };
    dw_tokens dw_tokens_free: this => Given::Tokens {
        access: said(this.access),
        refresh: text(this.refresh),
        token: this.token.bytes,
        expires: this.expires,
        scope: said(this.scope),
        account: this.account.bytes,
        session: this.session.bytes,
    };
    dw_access dw_access_free: this => Given::Access {
        account: this.account.bytes,
        session: this.session.bytes,
        token: this.token.bytes,
        client: said(this.client),
        audience: said(this.audience),
        scope: said(this.scope),
        issued_at: this.issued_at,
        expires: this.expires,
        auth_time: this.auth_time,
        amr: said(this.amr),
        claims: said(this.claims),
    };
    dw_string dw_string_free: this => Given::Text(said(this.text));
    dw_jwks_result dw_jwks_result_free: this => {
        Given::Keys { json: said(this.json), max_age_ms: this.max_age_ms }
    };
    dw_rotated dw_rotated_free: this => {
        Given::Rotated { is_new: this.is_new, active_from: this.active_from }
    };
    dw_maintained dw_maintained_free: this => Given::Maintained {
        purged: this.purged,
        deletions: this.deletions,
        rotated: this.rotated,
        more: this.more,
    };
}
