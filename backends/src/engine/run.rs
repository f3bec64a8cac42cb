//! One loop for every operation and for both engines: the machine says what it needs, the engine carries it out.
//!
//! The loop is asynchronous. What the blocking engine needs is done when its future is made, so that polling once brings
//! the outcome ([`at_once`]).

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use doorward_core::error::Fault;
use doorward_core::event::{Event, EventResult, Subject};
use doorward_core::id::AccountId;
use doorward_core::machine::{Decide, Environment, Machine, Need, Reply};
use doorward_core::model::source::{SourcePrefix, Throttled};
use doorward_core::operation::access::AccountError;
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::record::Row;
use doorward_core::store::Commit;
use doorward_core::time::Timestamp;

use super::clock::Monotonic;
use super::entropy::{self, Entropy};
use super::events::Sinks;
use super::hashing::Pool;
use super::maintenance::finish_deletion;
use super::proven::ProvenTokens;
use super::reach::Reach;
use super::sources::{Charge, Sources};
use super::watch::Watch;

/// What an engine is made of, but for its store.
pub(super) struct Parts {
    pub(super) environment: Arc<Environment>,
    pub(super) clock: Monotonic,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) hashing: Pool,
    pub(super) sources: Sources,
    pub(super) events: Sinks,
    pub(super) watch: Watch,
    pub(super) proven: ProvenTokens,
}

impl Parts {
    /// Tells of what the machine has no event for.
    pub(super) fn tell(&self, operation: &'static str, result: EventResult, subject: Subject) {
        self.events.tell(&Event { at: self.clock.now(), operation, result, subject });
    }
}

/// Runs an operation to its end.
pub(super) async fn run<E: Reach, O: Decide>(engine: &E, operation: O) -> Result<O::Outcome, Fault> {
    go_on(engine, Attempt::begin(engine.parts(), operation)?, false).await
}

/// The same, where its first need was foreseen: these rows were read after `begun`.
pub(super) async fn run_on<E: Reach, O: Decide>(
    engine: &E,
    operation: O,
    begun: Timestamp,
    rows: Vec<Option<Row>>,
) -> Result<O::Outcome, Fault> {
    let mut attempt = Attempt::begin(engine.parts(), operation)?;
    if let Need::Read(ticket, _) = attempt.machine.poll(begun)
        && let Err(misuse) = attempt.machine.reply(ticket, Reply::Rows(rows))
    {
        return Err(attempt.fail(misuse.into()));
    }
    go_on(engine, attempt, true).await
}

async fn go_on<E: Reach, O: Decide>(
    engine: &E,
    mut attempt: Attempt<'_, O>,
    mut was_store_asked: bool,
) -> Result<O::Outcome, Fault> {
    let parts = engine.parts();
    let source = attempt.subject.source.map(SourcePrefix::from);
    let mut in_doubt = None;
    let (outcome, event) = loop {
        attempt.polled = parts.clock.now();
        let need = attempt.machine.poll(attempt.polled);
        was_store_asked |= matches!(need, Need::Read(..) | Need::Scan(..) | Need::Commit(..));
        let (ticket, reply) = match need {
            Need::Read(ticket, keys) => {
                (ticket, engine.read(keys).await.map_or_else(Reply::Failed, Reply::Rows))
            }
            Need::Scan(ticket, range, limit) => {
                (ticket, engine.scan(range, limit).await.map_or_else(Reply::Failed, Reply::Page))
            }
            Need::Commit(ticket, batch) => {
                let ending = Watch::is_ending(batch).then(|| parts.watch.ending());
                let answer = engine.commit(batch).await;
                if let Some(ending) = ending {
                    match answer {
                        // Before anybody hears that it is done.
                        Ok(Commit::Applied) => drop(ending),
                        Ok(Commit::Conflict) => ending.refused(),
                        // It may land later, and be found done then.
                        Err(_) => {
                            ending.is_in_doubt();
                            in_doubt = Some(ending);
                        }
                    }
                }
                (ticket, answer.map_or_else(Reply::Failed, Reply::Commit))
            }
            Need::Work(ticket, work) => {
                (ticket, engine.work(work, source).await.map_or(Reply::Busy, Reply::Worked))
            }
            Need::Done(outcome, event) => break (outcome, event),
        };
        if let Err(misuse) = attempt.machine.reply(ticket, reply) {
            return Err(attempt.fail(misuse.into()));
        }
    };
    drop(in_doubt);
    // It may be over by another's commit, or by one of ours of which nobody heard; but not where nobody has looked.
    let says_over = |outcome: &O::Outcome| attempt.machine.operation().says_over(outcome);
    if was_store_asked && outcome.as_ref().is_ok_and(says_over) {
        parts.watch.distrust();
    }
    attempt.end(outcome, &event)
}

/// A login, and the upgrade of its hash.
pub(super) async fn login<E: Reach>(engine: &E, operation: Login) -> Result<LoggedIn, LoginError> {
    let mut login = run(engine, operation).await??;
    if let Some(rehash) = login.rehash.take() {
        // The person is in; a hash that could not be upgraded now is upgraded at the next login.
        let _ = run(engine, rehash).await;
    }
    Ok(login)
}

/// A deletion, and the removal of what it leaves.
pub(super) async fn delete_account<E: Reach>(engine: &E, account: AccountId) -> Result<(), AccountError> {
    run(engine, DeleteAccount::new(account)).await??;
    // The account is gone; of what it leaves behind the tombstone tells, until maintenance has removed it.
    let _ = finish_deletion(engine, account, &|| false).await;
    Ok(())
}

/// The outcome of what never waits.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("every call of a blocking engine is done before its future is polled"),
    }
}

/// An operation under way, and what is owed: an event, and the charge or its return.
struct Attempt<'a, O: Decide> {
    parts: &'a Parts,
    machine: Machine<O>,
    charge: Option<Charge<'a>>,
    name: &'static str,
    subject: Subject,
    polled: Timestamp,
    is_told: bool,
}

impl<'a, O: Decide> Attempt<'a, O> {
    fn begin(parts: &'a Parts, operation: O) -> Result<Self, Fault> {
        let (name, subject) = (operation.name(), operation.subject());
        let seed = match entropy::seed(&*parts.entropy) {
            Ok(seed) => seed,
            Err(fault) => {
                parts.tell(name, EventResult::Failed(fault.word()), subject);
                return Err(fault);
            }
        };
        let environment = Arc::clone(&parts.environment);
        let (machine, charge) = match parts.sources.charge(operation.toll(), &parts.clock) {
            Ok(charge) => (Machine::new(operation, environment, seed), Some(charge)),
            Err(Throttled { until }) => (Machine::turned_away(operation, environment, seed, until), None),
        };
        let polled = parts.clock.now();
        Ok(Self { parts, machine, charge, name, subject, polled, is_told: false })
    }

    fn end(mut self, outcome: Result<O::Outcome, Fault>, event: &Event) -> Result<O::Outcome, Fault> {
        if let Some(charge) = self.charge.take()
            && let Ok(outcome) = &outcome
            && self.machine.operation().is_due(outcome)
        {
            charge.keep();
        }
        self.is_told = true;
        self.parts.events.tell(event);
        outcome
    }

    /// Ends it by a fault that the machine does not see, and so has no event for.
    fn fail(mut self, fault: Fault) -> Fault {
        self.charge = None;
        self.tell(fault.word());
        fault
    }

    fn tell(&mut self, failed: &'static str) {
        self.is_told = true;
        self.parts.events.tell(&Event {
            at: self.polled,
            operation: self.name,
            result: EventResult::Failed(failed),
            subject: self.subject.clone(),
        });
    }
}

/// Its future was dropped before it ended, or the host's clock panicked. The charge stays when nobody waits any more:
/// hanging up in time would be free else.
impl<O: Decide> Drop for Attempt<'_, O> {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        if let Some(charge) = self.charge.take().filter(|_| !thread::panicking()) {
            charge.keep();
        }
        self.tell(ABANDONED);
    }
}

/// What is told of whose future was dropped.
pub(super) const ABANDONED: &str = "abandoned";
