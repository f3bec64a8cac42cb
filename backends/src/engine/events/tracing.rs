//! The audit trail through the `tracing` crate.

use doorward_core::event::{Event, EventResult, Source, Subject};

/// A level is a part of the place in the code that tells: so there is one place for each.
macro_rules! told {
    ($level:ident, $event:expr, $result:literal, $why:expr) => {{
        let Subject { name, account, session, source } = &$event.subject;
        tracing::$level!(
            target: "doorward",
            operation = $event.operation,
            result = $result,
            why = $why,
            at = $event.at.as_millis(),
            name = name.as_ref().map(|name| tracing::field::debug(name.as_str())),
            account = account.map(tracing::field::display),
            session = session.map(tracing::field::display),
            source = source.map(Source::address).map(tracing::field::display),
        )
    }};
}

/// A sink: tells an audit event to the `tracing` crate, under the target `doorward`.
///
/// | result | level |
/// |---|---|
/// | success | `debug`: a healthy engine is silent at `info` |
/// | refused | `info` |
/// | refused because somebody must wait (`throttled`): guesses have passed what is free | `warn` |
/// | failed | `error` |
///
/// The fields are `operation`, `result` and `why` (fixed words), `at` (UTC, in milliseconds), and `name`, `account`,
/// `session` and `source` where they are known. A name is the only text of a stranger: it is quoted and escaped, so
/// that no line is broken by it (OWASP ASVS 5.0, 16.4.1).
///
/// # Example: beside a queue
/// ```
/// use doorward::events::{EventQueue, to_tracing};
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, MasterKey};
///
/// let queue = EventQueue::new(4096);
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(1, [1; 32]))
///     .events(queue.sink())
///     .events(to_tracing)
///     .open()?; // told to `tracing`, at the level `debug`
/// assert_eq!(queue.drain().len(), 1);
/// # Ok::<(), doorward::OpenError>(())
/// ```
pub fn to_tracing(event: &Event) {
    const NO_REASON: Option<&str> = None;
    match event.result {
        EventResult::Success => told!(debug, event, "success", NO_REASON),
        EventResult::Refused(why @ "throttled") => told!(warn, event, "refused", why),
        EventResult::Refused(why) => told!(info, event, "refused", why),
        EventResult::Failed(why) => told!(error, event, "failed", why),
    }
}
