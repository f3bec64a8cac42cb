//! An operation under way.
//!
//! | it | poll gives | reply |
//! |---|---|---|
//! | goes on | its first need, or its outcome | refused: nothing waits |
//! | waits | the same need again | taken, when ticket and form are right; it goes on at the next poll |
//! | is over | [`Misuse::Finished`] | refused: nothing waits |

use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use doorward_core::error::Misuse;

use super::desk::{Desk, StepNeed, StepReply, StepTicket};

/// One operation under way: poll it, bring what it needs, reply, until it is done. Begun by a
/// [`SteppedEngine`](crate::SteppedEngine). One that was polled and is dropped before its end is told to the events as
/// `abandoned`.
///
/// # Example: a reply that does not fit changes nothing
/// ```
/// use doorward::core::error::{Misuse, StoreError, StoreErrorKind};
/// use doorward::core::store::Guarantees;
/// use doorward::{MasterKey, Step, StepReply, SteppedEngine};
///
/// let builder = SteppedEngine::builder(Guarantees::ALL).master_key(MasterKey::new(1, [0x42; 32]));
/// let mut opening = builder.open();
/// let Step::Need(ticket, _) = opening.poll()? else { panic!("it reads first") };
/// assert_eq!(opening.reply(ticket, StepReply::Rows(vec![])), Err(Misuse::Reply));
///
/// let down = StoreError::new(StoreErrorKind::Retryable, "the database does not answer");
/// opening.reply(ticket, StepReply::Failed(down))?;
/// assert!(matches!(opening.poll()?, Step::Done(Err(_))));
/// # Ok::<(), Misuse>(())
/// ```
#[must_use = "an operation does nothing until it is polled"]
pub struct Steps<T> {
    /// `None` once it is over.
    operation: Option<Operation<T>>,
    desk: Arc<Desk>,
}

type Operation<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What an operation has come to.
///
/// # Example: is there anything to bring?
/// ```
/// use doorward::Step;
///
/// fn is_over<T>(step: &Step<T>) -> bool {
///     matches!(step, Step::Done(_))
/// }
/// assert!(is_over(&Step::Done(7)));
/// ```
#[derive(Debug)]
pub enum Step<T> {
    /// It needs this; [`Steps::reply`] with the ticket.
    Need(StepTicket, Arc<StepNeed>),
    /// Its outcome; given once.
    Done(T),
}

impl<T> Steps<T> {
    pub(super) fn new(desk: Arc<Desk>, operation: impl Future<Output = T> + Send + 'static) -> Self {
        Self { operation: Some(Box::pin(operation)), desk }
    }

    /// One that has come to its outcome already.
    pub(in crate::engine) fn over(outcome: T) -> Self
    where
        T: Send + 'static,
    {
        Self::new(Arc::default(), future::ready(outcome))
    }

    /// Goes on to the next need, or to the outcome. Before the reply it gives the same need again.
    ///
    /// # Errors
    /// [`Misuse::Finished`]: the outcome was taken, or the host's clock or events panicked while it was polled.
    pub fn poll(&mut self) -> Result<Step<T>, Misuse> {
        let mut operation = self.operation.take().ok_or(Misuse::Finished)?;
        if self.waits_for().is_none() {
            let polled = operation.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(outcome) = polled {
                return Ok(Step::Done(outcome));
            }
        }
        self.operation = Some(operation);
        // It waits for nothing but what it has asked for.
        let (ticket, need) = self.desk.need().ok_or(Misuse::Finished)?;
        Ok(Step::Need(ticket, need))
    }

    /// The need that waits for its reply, if one does: it goes no further.
    pub fn waits_for(&self) -> Option<(StepTicket, Arc<StepNeed>)> {
        self.desk.need()
    }

    /// Takes the reply to the need with this ticket.
    ///
    /// # Errors
    /// [`Misuse`] when no such need waits, or the reply is not of its form; the operation is as it was, and waits.
    pub fn reply(&mut self, ticket: StepTicket, reply: StepReply) -> Result<(), Misuse> {
        self.desk.reply(ticket, reply)
    }

    /// The same operation with another outcome.
    pub fn map<U: 'static>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Steps<U>
    where
        T: 'static,
    {
        let Self { operation, desk } = self;
        let changed =
            operation.map(|operation| -> Operation<U> { Box::pin(async move { change(operation.await) }) });
        Steps { operation: changed, desk }
    }
}

impl<T> fmt::Debug for Steps<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps").field("is_over", &self.operation.is_none()).finish_non_exhaustive()
    }
}
