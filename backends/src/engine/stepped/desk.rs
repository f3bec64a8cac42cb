//! Where an operation lays down what it needs, and finds what came of it.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use doorward_core::error::{Fault, Misuse, StoreError, StoreErrorKind};
use doorward_core::model::source::SourcePrefix;
use doorward_core::password::HashMemory;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Range};
use doorward_core::time::Timestamp;
use doorward_core::work::{Work, Worked};

use super::super::reach::Reach;
use super::super::run::Parts;

/// What an operation needs from its host.
///
/// # Example: which needs go to the database
/// ```
/// use doorward::StepNeed;
///
/// fn is_for_the_database(need: &StepNeed) -> bool {
///     match need {
///         StepNeed::Read(_) | StepNeed::Scan(..) | StepNeed::Commit(_) => true,
///         StepNeed::Changes(..) | StepNeed::Purge(..) => true,
///         StepNeed::Work(_) => false,
///     }
/// }
/// assert!(is_for_the_database(&StepNeed::Read(vec![])));
/// ```
#[derive(Debug)]
pub enum StepNeed {
    /// [`Store::read`](doorward_core::store::Store::read) these keys; answer with [`StepReply::Rows`].
    Read(Vec<Key>),
    /// [`Store::scan`](doorward_core::store::Store::scan) this range with this limit; answer with [`StepReply::Page`].
    Scan(Range, usize),
    /// [`Store::commit`](doorward_core::store::Store::commit) this batch; answer with [`StepReply::Commit`].
    Commit(Batch),
    /// [`Store::changes`](doorward_core::store::Store::changes) after this; answer with [`StepReply::Changes`].
    Changes(Cursor, usize),
    /// [`Store::purge`](doorward_core::store::Store::purge); answer with [`StepReply::Purged`].
    Purge(Timestamp, usize),
    /// [`StepWork::run`]; its answer is the reply.
    Work(StepWork),
}

/// What came of a need.
///
/// # Example: a deadline that passed in a commit
/// ```
/// use doorward::StepReply;
/// use doorward::core::error::{StoreError, StoreErrorKind};
///
/// let late = StoreError::new(StoreErrorKind::Unknown, "the database has not answered in time");
/// let reply = StepReply::Failed(late); // it is read again: never guess
/// assert!(matches!(reply, StepReply::Failed(error) if error.kind() == StoreErrorKind::Unknown));
/// ```
#[derive(Debug)]
pub enum StepReply {
    /// The rows, one for each key, in order.
    Rows(Vec<Option<Row>>),
    /// The page.
    Page(Vec<(Key, Row)>),
    /// What the store said of the batch.
    Commit(Commit),
    /// The journal's page.
    Changes(Changes),
    /// How many were removed.
    Purged(usize),
    /// What the work came to.
    Worked(Worked),
    /// There is no room for the work.
    Busy,
    /// The store failed. A panic or a missed deadline in a commit is [`StoreErrorKind::Unknown`].
    Failed(StoreError),
}

/// Which need a reply answers. No two needs of a process have the same.
///
/// # Example: kept as a number while another language waits
/// ```
/// use doorward::StepTicket;
///
/// let ticket = StepTicket::from_number(7);
/// assert_eq!(StepTicket::from_number(ticket.number()), ticket);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepTicket(u64);

impl StepTicket {
    /// The ticket with this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number: never 0.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A piece of work: hashing a password, or signing.
///
/// # Example: hashing on a thread of the host's own
/// ```
/// use doorward::core::store::Guarantees;
/// use doorward::{MasterKey, Register, Step, StepNeed, StepReply, SteppedEngine};
/// # use doorward::core::store::Store;
/// # use doorward::store::MemoryStore;
///
/// # let rows = MemoryStore::new();
/// # let builder = SteppedEngine::builder(Guarantees::EPHEMERAL).ephemeral().master_key(MasterKey::new(1, [1; 32]));
/// # let mut opening = builder.open();
/// # let engine = loop {
/// #     match opening.poll()? {
/// #         Step::Need(ticket, need) => match &*need {
/// #             StepNeed::Read(keys) => opening.reply(ticket, StepReply::Rows(rows.read(keys)?))?,
/// #             StepNeed::Commit(batch) => opening.reply(ticket, StepReply::Commit(rows.commit(batch)?))?,
/// #             _ => unreachable!(),
/// #         },
/// #         Step::Done(engine) => break engine?,
/// #     }
/// # };
/// let mut steps = engine.run(Register::new("ada", "plum kettle orbit"));
/// let Step::Need(ticket, need) = steps.poll()? else { panic!("it hashes") };
/// let worked = std::thread::spawn(move || match &*need {
///     StepNeed::Work(work) => work.run(),
///     other => panic!("{other:?}"),
/// });
/// steps.reply(ticket, worked.join().unwrap())?;
/// // Now it asks whether the name is free.
/// assert!(matches!(steps.poll()?, Step::Need(_, need) if matches!(*need, StepNeed::Read(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StepWork {
    parts: Arc<Parts>,
    work: Work,
    source: Option<SourcePrefix>,
}

impl StepWork {
    /// Does it on this thread. As many hashes run at once as [`Hashing::at_once`](crate::Hashing) says; who comes then waits
    /// here, within the bounds of its queue. Signing waits for nothing.
    pub fn run(&self) -> StepReply {
        let worked = if self.work.is_hashing() {
            self.parts.hashing.run(&self.work, self.source)
        } else {
            self.work.run(&mut HashMemory::default()).map_err(|_| Fault::Busy)
        };
        worked.map_or(StepReply::Busy, StepReply::Worked)
    }

    /// Whether it hashes a password, so that it takes milliseconds and much memory; signing takes microseconds.
    pub fn is_hashing(&self) -> bool {
        self.work.is_hashing()
    }

    /// The work itself.
    pub fn work(&self) -> &Work {
        &self.work
    }
}

impl std::fmt::Debug for StepWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StepWork").field(&self.work).finish()
    }
}

impl StepNeed {
    /// Whether the reply is of the form that this need waits for.
    fn takes(&self, reply: &StepReply) -> bool {
        match (self, reply) {
            (Self::Read(keys), StepReply::Rows(rows)) => {
                let fits = |(key, row): (&Key, &Option<Row>)| {
                    row.as_ref().is_none_or(|row| row.record.kind() == key.kind())
                };
                keys.len() == rows.len() && keys.iter().zip(rows).all(fits)
            }
            (Self::Scan(range, limit), StepReply::Page(rows)) => {
                let fits = |(key, row): &(Key, Row)| range.holds(key, row) && row.record.kind() == key.kind();
                let ascends = rows.is_sorted_by(|(one, _), (next, _)| one < next);
                rows.len() <= *limit && ascends && rows.iter().all(fits)
            }
            (Self::Changes(after, limit), StepReply::Changes(changes)) => {
                let numbers = changes.entries.iter().map(|change| change.cursor);
                let ascends = numbers.clone().is_sorted_by(|one, next| one < next);
                changes.entries.len() <= *limit
                    && ascends
                    && numbers.clone().all(|number| number > *after && number <= changes.end)
            }
            (Self::Purge(_, limit), StepReply::Purged(removed)) => removed <= limit,
            (Self::Work(work), StepReply::Worked(worked)) => work.work.fits(worked),
            (Self::Commit(_), StepReply::Commit(_)) | (Self::Work(_), StepReply::Busy) => true,
            (Self::Work(_), StepReply::Failed(_)) => false,
            (_, StepReply::Failed(_)) => true,
            (_, _) => false,
        }
    }
}

/// Of one operation.
#[derive(Default)]
pub(super) struct Desk(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Needs(StepTicket, Arc<StepNeed>),
    Replied(StepReply),
}

impl Desk {
    /// The need without a reply.
    pub(super) fn need(&self) -> Option<(StepTicket, Arc<StepNeed>)> {
        match &*self.state() {
            State::Needs(ticket, need) => Some((*ticket, Arc::clone(need))),
            State::Empty | State::Replied(_) => None,
        }
    }

    pub(super) fn reply(&self, ticket: StepTicket, reply: StepReply) -> Result<(), Misuse> {
        let mut state = self.state();
        match &*state {
            State::Needs(waiting, need) if *waiting == ticket => {
                if !need.takes(&reply) {
                    return Err(Misuse::Reply);
                }
            }
            State::Needs(..) | State::Empty | State::Replied(_) => return Err(Misuse::Ticket),
        }
        *state = State::Replied(reply);
        Ok(())
    }

    /// Lays the need down, and waits for the reply.
    async fn ask(&self, need: StepNeed) -> StepReply {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let ticket = StepTicket(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        *self.state() = State::Needs(ticket, Arc::new(need));
        let replied = poll_fn(|_| {
            let mut state = self.state();
            match std::mem::replace(&mut *state, State::Empty) {
                State::Replied(reply) => Poll::Ready(reply),
                waiting => {
                    *state = waiting;
                    Poll::Pending
                }
            }
        });
        replied.await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine as one of its operations sees it: its store is the desk.
pub(in crate::engine) struct Guest {
    parts: Arc<Parts>,
    desk: Arc<Desk>,
}

impl Guest {
    pub(super) fn of(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts), desk: Arc::default() }
    }

    pub(super) fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// A reply of the store, when it is one of this form.
    async fn ask<T>(
        &self,
        need: StepNeed,
        take: impl FnOnce(StepReply) -> Option<T>,
    ) -> Result<T, StoreError> {
        match self.desk.ask(need).await {
            StepReply::Failed(error) => Err(error),
            // The desk admits no other.
            reply => take(reply).ok_or(StoreError::new(StoreErrorKind::Unknown, "a reply of another form")),
        }
    }
}

impl Reach for Guest {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let take = |reply| if let StepReply::Rows(rows) = reply { Some(rows) } else { None };
        self.ask(StepNeed::Read(keys.to_vec()), take).await
    }

    async fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        let take = |reply| if let StepReply::Page(rows) = reply { Some(rows) } else { None };
        self.ask(StepNeed::Scan(range.clone(), limit), take).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        let take = |reply| if let StepReply::Commit(commit) = reply { Some(commit) } else { None };
        self.ask(StepNeed::Commit(batch.clone()), take).await
    }

    async fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        let take = |reply| if let StepReply::Changes(changes) = reply { Some(changes) } else { None };
        self.ask(StepNeed::Changes(after, limit), take).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let take = |reply| if let StepReply::Purged(removed) = reply { Some(removed) } else { None };
        self.ask(StepNeed::Purge(now, limit), take).await
    }

    fn work(
        &self,
        work: &Work,
        source: Option<SourcePrefix>,
    ) -> impl Future<Output = Result<Worked, Fault>> + Send {
        let need = StepWork { parts: Arc::clone(&self.parts), work: work.clone(), source };
        async move {
            match self.desk.ask(StepNeed::Work(need)).await {
                StepReply::Worked(worked) => Ok(worked),
                _ => Err(Fault::Busy),
            }
        }
    }

    /// Each need is a pause.
    async fn pause(&self) {}
}
