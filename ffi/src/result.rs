//! Results: what each outcome of the engine is to C.

use doorward::core::model::session::Amr;
use doorward::core::record::ClientLabel;
use doorward::{
    AccountId, AnonymousSession, DeviceToken, Ended, EndedEverywhere, KeptData, LoggedIn, OpenedSession,
    Receipt, Renewed, Session, Timestamp, Visitor,
};

use crate::given::{Texts, free};
use crate::id::dw_id;
use crate::text::dw_text;

pub use token::*;

mod token;

/// An outcome that has a form in C.
pub(crate) trait Public {
    /// That form.
    type C: 'static;

    fn public(&self, texts: &mut Texts) -> Self::C;
}

/// A live session. Freed with `dw_session_free`, unless it is part of another result.
#[repr(C)]
#[derive(Debug)]
pub struct dw_session {
    /// Its id.
    pub id: dw_id,
    /// Whose it is; all zeros for a guest's.
    pub account: dw_id,
    /// Whether it is a guest's: nobody has logged in to it. `dw_authenticate` never gives one.
    pub is_anonymous: bool,
    /// When it began, in UTC milliseconds, as are all times.
    pub created: i64,
    /// When the password was proven last; 0 for a guest's.
    pub auth_time: i64,
    /// How, in the registered words with spaces between them (RFC 8176): `pwd`.
    pub amr: dw_text,
    /// When it ends, unless it is used before.
    pub idle_ends: i64,
    /// When it ends in any case.
    pub absolute_ends: i64,
    /// What the client calls itself, made safe to show; NULL when nobody has said.
    pub label: dw_text,
    /// When this was so, by the engine's clock.
    pub seen_at: i64,
}

impl Public for Session {
    type C = dw_session;

    fn public(&self, texts: &mut Texts) -> dw_session {
        dw_session {
            id: self.id.into(),
            account: self.account.into(),
            is_anonymous: false,
            created: self.created.as_millis(),
            auth_time: self.auth_time.as_millis(),
            amr: amr(self.amr, texts),
            idle_ends: self.idle_ends.as_millis(),
            absolute_ends: self.absolute_ends.as_millis(),
            label: texts.keep_if(self.label.as_ref().map(ClientLabel::as_str)),
            seen_at: self.seen_at.as_millis(),
        }
    }
}

impl Public for AnonymousSession {
    type C = dw_session;

    fn public(&self, texts: &mut Texts) -> dw_session {
        dw_session {
            id: self.id.into(),
            account: dw_id::NONE,
            is_anonymous: true,
            created: self.created.as_millis(),
            auth_time: 0,
            amr: dw_text::NONE,
            idle_ends: self.idle_ends.as_millis(),
            absolute_ends: self.absolute_ends.as_millis(),
            label: texts.keep_if(self.label.as_ref().map(ClientLabel::as_str)),
            seen_at: self.seen_at.as_millis(),
        }
    }
}

impl Public for Visitor {
    type C = dw_session;

    fn public(&self, texts: &mut Texts) -> dw_session {
        match self {
            Self::Account(session) => session.public(texts),
            Self::Anonymous(session) => session.public(texts),
        }
    }
}

/// A session as part of another result.
fn session_in(session: &impl Public<C = dw_session>, texts: &mut Texts) -> *const dw_session {
    let session = session.public(texts);
    texts.list(vec![session])
}

/// Nearly all sessions began with a password: no memory is needed to say so.
fn amr(amr: Amr, texts: &mut Texts) -> dw_text {
    if amr == Amr::PASSWORD {
        return dw_text::fixed(c"pwd");
    }
    texts.keep(&amr.names().join(" "))
}

/// Whether the password was proven at most so many milliseconds before: what to ask before what is sensitive
/// (ASVS 5.0, 7.5). Never for a guest's session, nor for NULL.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_session_is_fresh(session: *const dw_session, within_ms: u64) -> bool {
    // SAFETY: NULL, or a session that a call gave and nobody has freed, as the conventions say.
    let Some(session) = (unsafe { session.as_ref() }) else { return false };
    let since = Timestamp::from_millis(session.seen_at).since(Timestamp::from_millis(session.auth_time));
    !session.is_anonymous && since.as_millis() <= u128::from(within_ms)
}

/// The live sessions of an account. Freed with `dw_session_list_free`, all at once.
#[repr(C)]
#[derive(Debug)]
pub struct dw_session_list {
    /// They, each behind a pointer; NULL when there are none.
    pub items: *const *const dw_session,
    /// How many there are.
    pub count: usize,
}

impl Public for Vec<Session> {
    type C = dw_session_list;

    fn public(&self, texts: &mut Texts) -> dw_session_list {
        let items: Vec<*const dw_session> = self.iter().map(|session| session_in(session, texts)).collect();
        dw_session_list { count: items.len(), items: texts.list(items) }
    }
}

/// A login. Freed with `dw_login_result_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_login_result {
    /// The session's token, for the client's cookie: it opens the session, and is nowhere else.
    pub token: dw_text,
    /// The session.
    pub session: *const dw_session,
    /// The token of the device, for a cookie of its own; NULL unless it was asked for.
    pub device_token: dw_text,
}

impl Public for LoggedIn {
    type C = dw_login_result;

    fn public(&self, texts: &mut Texts) -> dw_login_result {
        dw_login_result {
            token: texts.keep(self.token.expose()),
            session: session_in(&self.session, texts),
            device_token: texts.keep_if(self.device.as_ref().map(DeviceToken::expose)),
        }
    }
}

/// A session under a new token: the former one is dead. Freed with `dw_renewed_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_renewed {
    /// The new token, for the client's cookie.
    pub token: dw_text,
    /// The session.
    pub session: *const dw_session,
}

impl<S: Public<C = dw_session>> Public for Renewed<S> {
    type C = dw_renewed;

    fn public(&self, texts: &mut Texts) -> dw_renewed {
        dw_renewed { token: texts.keep(self.token.expose()), session: session_in(&self.session, texts) }
    }
}

impl Public for OpenedSession {
    type C = dw_renewed;

    fn public(&self, texts: &mut Texts) -> dw_renewed {
        dw_renewed { token: texts.keep(self.token.expose()), session: session_in(&self.session, texts) }
    }
}

/// What a logout everywhere has come to. Freed with `dw_ended_everywhere_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_ended_everywhere {
    /// The session that was kept, under its new token; NULL when none was to be.
    pub kept: *const dw_renewed,
}

impl Public for EndedEverywhere {
    type C = dw_ended_everywhere;

    fn public(&self, texts: &mut Texts) -> dw_ended_everywhere {
        let kept = self.kept.as_ref().map(|kept| kept.public(texts));
        dw_ended_everywhere { kept: texts.list(kept.into_iter().collect()) }
    }
}

/// What a logout has come to. Freed with `dw_receipt_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_receipt {
    /// Whether it was over before: no error, and no other answer to the client.
    pub was_over: bool,
    /// The session.
    pub session: dw_id,
    /// When the last access token dies that could still be accepted somewhere; 0 when there is none.
    pub access_dies_at: i64,
    /// How many milliseconds other instances may still accept it.
    pub others_lag_ms: u64,
}

impl Public for Receipt {
    type C = dw_receipt;

    fn public(&self, _: &mut Texts) -> dw_receipt {
        dw_receipt {
            was_over: self.ended == Ended::AlreadyGone,
            session: self.session.into(),
            access_dies_at: self.access_dies_at.map_or(0, Timestamp::as_millis),
            others_lag_ms: millis(self.others_lag),
        }
    }
}

/// Whether there was nothing to end.
impl Public for Ended {
    type C = bool;

    fn public(&self, _: &mut Texts) -> bool {
        *self == Self::AlreadyGone
    }
}

/// What the host keeps with a session. Freed with `dw_data_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_data {
    /// The session.
    pub session: *const dw_session,
    /// The bytes, as they were given; kept in clear, so no place for secrets.
    pub data: dw_text,
}

impl Public for KeptData {
    type C = dw_data;

    fn public(&self, texts: &mut Texts) -> dw_data {
        dw_data { session: session_in(&self.visitor, texts), data: texts.keep_bytes(&self.data) }
    }
}

impl Public for usize {
    type C = Self;

    fn public(&self, _: &mut Texts) -> Self {
        *self
    }
}

impl Public for AccountId {
    type C = dw_id;

    fn public(&self, _: &mut Texts) -> dw_id {
        (*self).into()
    }
}

/// An outcome without a result.
impl Public for () {
    type C = ();

    fn public(&self, _: &mut Texts) {}
}

fn millis(span: std::time::Duration) -> u64 {
    span.as_millis().try_into().unwrap_or(u64::MAX)
}

/// Frees a `dw_session` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_session_free(given: *mut dw_session) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_session_list` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_session_list_free(given: *mut dw_session_list) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_login_result` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_login_result_free(given: *mut dw_login_result) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_renewed` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_renewed_free(given: *mut dw_renewed) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_ended_everywhere` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_ended_everywhere_free(given: *mut dw_ended_everywhere) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_receipt` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_receipt_free(given: *mut dw_receipt) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_data` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_data_free(given: *mut dw_data) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}
