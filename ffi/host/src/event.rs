//! Events, copied field by field.

use doorward_ffi::{dw_event, dw_event_free, dw_event_result};

use crate::given::{Id, text};

/// `dw_event`
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the header")]
pub struct Event {
    pub at: i64,
    pub operation: String,
    pub result: dw_event_result,
    pub reason: Option<String>,
    pub name: Option<String>,
    pub account: Option<Id>,
    pub session: Option<Id>,
    pub source: Option<String>,
}

/// The event, if there is one; it is freed.
pub(crate) fn event(given: *mut dw_event) -> Option<Event> {
    // SAFETY: NULL, or one that a call has just given to nobody else.
    unsafe {
        let copied = event_of(given.as_ref()?);
        dw_event_free(given);
        Some(copied)
    }
}

/// What an event says.
///
/// # Safety
/// It is one that a call gave, and is not freed.
pub(crate) unsafe fn event_of(event: &dw_event) -> Event {
    // SAFETY: as the caller has it.
    unsafe {
        Event {
            at: event.at,
            operation: text(event.operation).expect("every event has an operation"),
            result: event.result,
            reason: text(event.reason),
            name: text(event.name),
            account: event.has_account.then_some(event.account.bytes),
            session: event.has_session.then_some(event.session.bytes),
            source: text(event.source),
        }
    }
}
