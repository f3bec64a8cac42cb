//! One loop for every operation: the machine says what it needs, the engine carries it out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::event::{Event, EventResult};
use doorward_core::machine::{Decide, Environment, Machine, Need, Reply};
use doorward_core::model::source::{SourcePrefix, Throttled};
use doorward_core::store::Store;

use super::Engine;
use super::clock::Monotonic;
use super::entropy::{self, Entropy};
use super::events::Sinks;
use super::hashing::Pool;
use super::sources::Sources;

/// What an engine is made of.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) environment: Arc<Environment>,
    pub(super) clock: Monotonic,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) hashing: Pool,
    pub(super) sources: Sources,
    pub(super) events: Sinks,
}

impl Engine {
    /// Runs any operation of the core, or one of the host's own ([`Decide`]), to its end: what the methods above do
    /// with theirs. One whose source is throttled is turned away before any work ([`Decide::toll`]).
    ///
    /// # Errors
    /// A [`Fault`] when it could not decide. What it decided, refusals included, is its outcome.
    pub fn run<O: Decide>(&self, operation: O) -> Result<O::Outcome, Fault> {
        let parts = &*self.parts;
        let (name, subject) = (operation.name(), operation.subject());
        let source = subject.source.map(SourcePrefix::from);
        // A fault that the machine does not see, and so has no event for.
        let told = |fault: Fault| {
            let result = EventResult::Failed(fault.word());
            parts.events.tell(&Event {
                at: parts.clock.now(),
                operation: name,
                result,
                subject: subject.clone(),
            });
            fault
        };
        let seed = entropy::seed(&*parts.entropy).map_err(told)?;
        let environment = Arc::clone(&parts.environment);
        let (mut machine, charge) = match parts.sources.charge(operation.toll(), &parts.clock) {
            Ok(charge) => (Machine::new(operation, environment, seed), Some(charge)),
            Err(Throttled { until }) => (Machine::turned_away(operation, environment, seed, until), None),
        };
        let (outcome, event) = loop {
            let (ticket, reply) = match machine.poll(parts.clock.now()) {
                Need::Read(ticket, keys) => {
                    (ticket, parts.store(|store| store.read(keys), StoreErrorKind::Retryable, Reply::Rows))
                }
                Need::Scan(ticket, range, limit) => (
                    ticket,
                    parts.store(|store| store.scan(range, limit), StoreErrorKind::Retryable, Reply::Page),
                ),
                Need::Commit(ticket, batch) => {
                    (ticket, parts.store(|store| store.commit(batch), StoreErrorKind::Unknown, Reply::Commit))
                }
                Need::Work(ticket, work) => {
                    (ticket, parts.hashing.run(work, source).map_or(Reply::Busy, Reply::Worked))
                }
                Need::Done(outcome, event) => break (outcome, event),
            };
            machine.reply(ticket, reply).map_err(|misuse| told(misuse.into()))?;
        };
        if let (Ok(outcome), Some(charge)) = (&outcome, charge)
            && machine.operation().is_due(outcome)
        {
            charge.keep();
        }
        parts.events.tell(&event);
        outcome
    }
}

impl Parts {
    /// One call of the store; a panic in it is contained and counts as the given kind of failure.
    fn store<T>(
        &self,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
        panicked: StoreErrorKind,
        reply: impl FnOnce(T) -> Reply,
    ) -> Reply {
        contain(|| call(&*self.store), panicked).map_or_else(Reply::Failed, reply)
    }
}

/// A panic of the store is its failure of this kind, and nobody else's.
pub(super) fn contain<T>(
    call: impl FnOnce() -> Result<T, StoreError>,
    panicked: StoreErrorKind,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        std::mem::forget(payload);
        Err(StoreError::new(panicked, "the store panicked: this is a bug in the store"))
    })
}
