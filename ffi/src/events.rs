//! The audit trail, fetched event by event.

use doorward::core::name::LoginName;
use doorward::{Event, EventResult};

use crate::config::Fittings;
use crate::context::{CONTEXTS, dw_context};
use crate::engine::{ENGINES, dw_engine};
use crate::failure::{Called, call, dw_error, quietly};
use crate::given::{Out, Owned, Texts, free};
use crate::id::dw_id;
use crate::status::dw_status;
use crate::text::dw_text;

/// How an operation ended.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_event_result {
    /// It did what was asked.
    DW_EVENT_SUCCESS = 0,
    /// It decided against it.
    DW_EVENT_REFUSED = 1,
    /// It could not decide.
    DW_EVENT_FAILED = 2,
}

/// One finished operation. It holds no secret. Freed with `dw_event_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_event {
    /// When, in UTC milliseconds.
    pub at: i64,
    /// Which: `login`, `logout`, … the name of its function without `dw_`; or one that others are made of: `open`, `tick`, `rehash`,
    /// `deletions`, `finish_deletion`, `trust_clock`.
    pub operation: dw_text,
    /// How it ended.
    pub result: dw_event_result,
    /// Why, in a fixed word; NULL when it succeeded.
    pub reason: dw_text,
    /// The name that was given, canonical; NULL when there was none that can be one.
    pub name: dw_text,
    /// Whether the account is known, that is: proven.
    pub has_account: bool,
    /// The account.
    pub account: dw_id,
    /// Whether the session is known.
    pub has_session: bool,
    /// The session.
    pub session: dw_id,
    /// The address that was given; NULL when there was none.
    pub source: dw_text,
}

fn public(event: &Event, texts: &mut Texts) -> dw_event {
    let (result, reason) = match event.result {
        EventResult::Success => (dw_event_result::DW_EVENT_SUCCESS, None),
        EventResult::Refused(why) => (dw_event_result::DW_EVENT_REFUSED, Some(why)),
        EventResult::Failed(why) => (dw_event_result::DW_EVENT_FAILED, Some(why)),
    };
    let subject = &event.subject;
    dw_event {
        at: event.at.as_millis(),
        operation: texts.keep(event.operation),
        result,
        reason: texts.keep_if(reason),
        name: texts.keep_if(subject.name.as_ref().map(LoginName::as_str)),
        has_account: subject.account.is_some(),
        account: subject.account.map_or(dw_id::NONE, dw_id::from),
        has_session: subject.session.is_some(),
        session: subject.session.map_or(dw_id::NONE, dw_id::from),
        source: texts.keep_if(subject.source.map(|source| source.address().to_string()).as_deref()),
    }
}

/// The event that waits longest, or NULL when none waits: see `dw_config_events`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_engine_event(
    engine: *const dw_engine,
    out: *mut *mut dw_event,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { next(out, || Ok(ENGINES.find(engine)?.fittings.event())) })
}

/// How many events found no room. They are lost.
#[unsafe(no_mangle)]
pub extern "C" fn dw_engine_events_lost(engine: *const dw_engine) -> u64 {
    quietly(0, || Ok(ENGINES.find(engine)?.fittings.events.lost()))
}

/// The event that waits longest, as `dw_engine_event`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_context_event(
    context: *const dw_context,
    out: *mut *mut dw_event,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    call(error, || unsafe { next(out, || Ok(CONTEXTS.find(context)?.fittings.event())) })
}

/// How many events found no room, as `dw_engine_events_lost`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_events_lost(context: *const dw_context) -> u64 {
    quietly(0, || Ok(CONTEXTS.find(context)?.fittings.events.lost()))
}

/// Frees an event; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_event_free(event: *mut dw_event) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(event) }
}

impl Fittings {
    fn event(&self) -> Option<Event> {
        self.events.poll()
    }
}

/// # Safety
/// C may write to `out`.
unsafe fn next(out: *mut *mut dw_event, poll: impl FnOnce() -> Called<Option<Event>>) -> Called {
    let out = Out::new(out, "out")?;
    let event =
        poll()?.map_or(std::ptr::null_mut(), |event| Owned::new(|texts| public(&event, texts)).into_raw());
    // SAFETY: as the caller has it.
    unsafe { out.put(event) };
    Ok(())
}
