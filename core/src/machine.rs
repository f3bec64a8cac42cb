//! The machine: drives one operation from a question to an outcome, as values in and values out.
//!
//! An operation is a pure function, [`Decide::decide`], from what is known to one [`Decision`]. The machine
//! reruns it from the top each time facts arrive, turns decisions into [`Need`]s for a driver to carry out,
//! and keeps, for every operation alike, the promises that none may forget:
//!
//! | promise | how |
//! |---|---|
//! | nothing consulted has changed | every row read goes into the batch at the stamp seen, "absent" included |
//! | no upsert | a row put without having been read is expected absent |
//! | an ending is never starved | a batch of `Delete` and `Raise` alone carries no precondition |
//! | one snapshot | an outcome that no precondition guards and whose rows came from several reads is decided again from one read of them all |
//! | a landed attempt is known by its own stamp | stamps are per attempt, 16 bytes from the seed |
//! | no untrue outcome | an outcome is released only when its commit is known to stand |
//!
//! | state | reply | next |
//! |---|---|---|
//! | reading, scanning, working | the rows, the page, the result | decide |
//! | committing | applied | release |
//! | committing | conflict | forget rows, keep work, decide again; the 8th time [`Fault::Contended`] |
//! | committing | unknown, the batch puts rows | settle: read what was put |
//! | committing | unknown, the batch only takes away | forget rows, decide again; any fault from then on is [`Fault::Unresolved`] |
//! | settling | a row with this attempt's stamp | release |
//! | settling | anything else | [`Fault::Unresolved`]: landed and overwritten, or still in flight; nobody knows |
//! | offering | the commit's answer, or any failure | release |
//! | working | busy | [`Fault::Busy`] |
//! | reading, scanning, committing | any other failure | [`Fault::Store`] |
//! | any | a reply with another ticket or of another form | [`Misuse`], nothing changed |

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use crate::error::{Fault, Misuse, StoreError, StoreErrorKind};
use crate::event::{Event, EventResult};
use crate::facts::Facts;
use crate::id::Stamp;
use crate::planted::Planted;
use crate::record::{Key, Row};
use crate::secret::Seed;
use crate::store::{Batch, Commit, Durability, Range, Write};
use crate::time::Timestamp;
use crate::work::{Work, Worked};

pub use decide::{Context, Decide, Decision, Environment};
pub use writes::Writes;

mod decide;
#[cfg(feature = "planted")]
mod planted;
mod writes;

/// How often an operation is decided anew before it fails closed.
const ATTEMPTS: u32 = 8;
/// More reads and pieces of work than any operation needs in all its attempts.
const ROUNDS: u32 = 16 * ATTEMPTS;
/// How many rows a scan asks for at once. A page of fewer is the last.
pub(crate) const PAGE: usize = 256;

/// Which need a reply answers: of which machine, and which of its needs.
///
/// # Example: a reply to one machine is not taken by another
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::{operation::open::Open, policy::Policy, secret::*, time::Timestamp};
/// # use doorward_core::{error::Misuse, machine::{Environment, Machine, Need, Reply}};
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// # let now = Timestamp::from_millis(0);
/// let mut one = Machine::new(Open::new(), Arc::clone(&environment), Seed::from_bytes([2; 32]));
/// let mut other = Machine::new(Open::new(), environment, Seed::from_bytes([3; 32]));
/// let Need::Read(for_one, _) = one.poll(now) else { unreachable!() };
/// let Need::Read(for_other, _) = other.poll(now) else { unreachable!() };
/// assert_eq!(other.reply(for_one, Reply::Rows(vec![None, None])), Err(Misuse::Ticket));
/// assert_eq!(other.reply(for_other, Reply::Rows(vec![None, None])), Ok(()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    machine: u64,
    need: u32,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.need)
    }
}

/// What the machine waits for. Polling again before the reply gives the same need again.
///
/// # Example: the whole of a driver
/// ```
/// use doorward_core::error::Fault;
/// use doorward_core::machine::{Decide, Machine, Need, Reply};
/// use doorward_core::password::HashMemory;
/// use doorward_core::store::Store;
/// use doorward_core::time::Timestamp;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn drive<O: Decide>(
///     mut machine: Machine<O>,
///     store: &dyn Store,
///     now: impl Fn() -> Timestamp,
/// ) -> Result<O::Outcome, Fault> {
///     let mut memory = HashMemory::default();
///     loop {
///         let (ticket, reply) = match machine.poll(now()) {
///             Need::Read(ticket, keys) => (ticket, store.read(keys).map_or_else(Reply::Failed, Reply::Rows)),
///             Need::Scan(ticket, range, limit) => {
///                 (ticket, store.scan(range, limit).map_or_else(Reply::Failed, Reply::Page))
///             }
///             Need::Work(ticket, work) => (ticket, work.run(&mut memory).map_or(Reply::Busy, Reply::Worked)),
///             Need::Commit(ticket, batch) => {
///                 (ticket, store.commit(batch).map_or_else(Reply::Failed, Reply::Commit))
///             }
///             Need::Done(outcome, _event) => return outcome,
///         };
///         machine.reply(ticket, reply)?;
///     }
/// }
/// # use doorward_core::operation::open::{Open, Opened};
/// # let mut engine = Engine::new();
/// # let seed = engine.seed();
/// # let machine = Machine::new(Open::new(), engine.environment.clone(), seed);
/// # assert_eq!(drive(machine, &engine.store, || engine.now)?.found, Opened::New);
/// # Ok::<(), Fault>(())
/// ```
#[derive(Debug)]
pub enum Need<'a, T> {
    /// [`Store::read`](crate::store::Store::read) these keys; answer with [`Reply::Rows`].
    Read(Ticket, &'a [Key]),
    /// [`Store::scan`](crate::store::Store::scan) this range with this limit; answer with [`Reply::Page`].
    Scan(Ticket, &'a Range, usize),
    /// [`Work::run`]; answer with [`Reply::Worked`], or [`Reply::Busy`] when there is no room for it.
    Work(Ticket, &'a Work),
    /// [`Store::commit`](crate::store::Store::commit) this batch; answer with [`Reply::Commit`].
    Commit(Ticket, &'a Batch),
    /// The outcome and its event; given once.
    Done(Result<T, Fault>, Event),
}

/// What became of a need.
///
/// # Example: a commit whose answer is lost is looked up
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::machine::{Environment, Machine, Need, Reply};
/// # use doorward_core::operation::open::{Open, Opened};
/// # use doorward_core::{error::*, policy::Policy, secret::*, store::Write, time::Timestamp};
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// # let now = Timestamp::from_millis(0);
/// # let mut machine = Machine::new(Open::new(), environment, Seed::from_bytes([2; 32]));
/// let Need::Read(ticket, _) = machine.poll(now) else { unreachable!() };
/// machine.reply(ticket, Reply::Rows(vec![None, None]))?; // neither keyring nor clock
/// let Need::Commit(ticket, batch) = machine.poll(now) else { unreachable!() };
/// let [Write::Put { row: keyring, .. }, Write::Put { row: clock, .. }] = &batch.writes[..] else { unreachable!() };
/// let rows = vec![Some(keyring.clone()), Some(clock.clone())];
///
/// machine.reply(ticket, Reply::Failed(StoreError::new(StoreErrorKind::Unknown, "connection lost")))?;
/// let Need::Read(ticket, _) = machine.poll(now) else { unreachable!() };
/// machine.reply(ticket, Reply::Rows(rows))?; // they carry this attempt's stamp
/// assert!(matches!(machine.poll(now), Need::Done(Ok(opening), _) if opening.found == Opened::New));
/// # Ok::<(), Misuse>(())
/// ```
#[derive(Debug)]
pub enum Reply {
    /// The rows, one for each key, in order.
    Rows(Vec<Option<Row>>),
    /// The page.
    Page(Vec<(Key, Row)>),
    /// The work's result.
    Worked(Worked),
    /// There is no room for the work.
    Busy,
    /// What the store said of the batch.
    Commit(Commit),
    /// The store failed. A panic or a missed deadline in a commit is [`StoreErrorKind::Unknown`].
    Failed(StoreError),
}

/// One operation on its way.
///
/// # Example: a driver without any I/O of its own
/// ```
/// use std::sync::Arc;
/// use doorward_core::machine::{Environment, Machine, Need, Reply};
/// use doorward_core::operation::logout::Logout;
/// use doorward_core::policy::Policy;
/// use doorward_core::secret::{MasterKey, MasterKeys, Seed};
/// use doorward_core::time::Timestamp;
///
/// let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// let mut machine = Machine::new(Logout::new("not a token"), environment, Seed::from_bytes([2; 32]));
/// // Refused without looking at any store.
/// let Need::Done(outcome, event) = machine.poll(Timestamp::from_millis(0)) else { panic!("no need") };
/// assert!(outcome.unwrap().is_err());
/// assert_eq!(event.operation, "logout");
/// ```
pub struct Machine<O: Decide> {
    operation: O,
    environment: Arc<Environment>,
    seed: Seed,
    now: Timestamp,
    decided: Timestamp,
    facts: Facts,
    attempt: u32,
    /// Whether an attempt's commit may stand without our knowing.
    unsure: bool,
    rounds: u32,
    ticket: Ticket,
    state: State<O::Outcome>,
}

enum State<T> {
    Deciding,
    Reading(Vec<Key>),
    Scanning(Range),
    Working(Work),
    Committing(Batch, T),
    Offering(Batch, T),
    Settling(Vec<Key>, Stamp, T),
    Released(Result<T, Fault>),
    Finished,
}

impl<O: Decide> Machine<O> {
    /// The operation, at its beginning. The seed must be fresh and is used for nothing else.
    pub fn new(operation: O, environment: Arc<Environment>, seed: Seed) -> Self {
        Self {
            operation,
            environment,
            now: Timestamp::from_millis(i64::MIN),
            decided: Timestamp::from_millis(i64::MIN),
            facts: Facts::default(),
            attempt: 0,
            unsure: false,
            rounds: 0,
            ticket: Ticket { machine: seed.machine(), need: 0 },
            seed,
            state: State::Deciding,
        }
    }

    /// The operation, at its end: its source is throttled until then
    /// ([`SourceBuckets`](crate::model::source::SourceBuckets)). The first poll gives outcome and event; nothing is read or
    /// hashed, so it tells nothing of what the store holds.
    pub fn turned_away(operation: O, environment: Arc<Environment>, seed: Seed, until: Timestamp) -> Self {
        let outcome = operation.turned_away(until);
        Self { state: State::Released(outcome), ..Self::new(operation, environment, seed) }
    }

    /// The operation: to ask it whether its outcome is due.
    pub fn operation(&self) -> &O {
        &self.operation
    }

    /// What is needed next, at this time.
    pub fn poll(&mut self, now: Timestamp) -> Need<'_, O::Outcome> {
        self.now = self.now.max(now);
        if matches!(self.state, State::Deciding) {
            self.state = self.decide();
        }
        if matches!(self.state, State::Released(_) | State::Finished) {
            let outcome = match mem::replace(&mut self.state, State::Finished) {
                // "Nothing was applied" is not for an attempt to say when an earlier one may stand.
                State::Released(Err(_)) if self.unsure => Err(Fault::Unresolved),
                State::Released(outcome) => {
                    let after = self.now.since(self.decided);
                    outcome.map(|outcome| self.operation.given_out(outcome, after))
                }
                _ => Err(Misuse::Finished.into()),
            };
            let event = self.event(&outcome);
            return Need::Done(outcome, event);
        }
        match &self.state {
            State::Reading(keys) | State::Settling(keys, ..) => Need::Read(self.ticket, keys),
            State::Scanning(range) => Need::Scan(self.ticket, range, PAGE),
            State::Working(work) => Need::Work(self.ticket, work),
            State::Committing(batch, _) | State::Offering(batch, _) => Need::Commit(self.ticket, batch),
            State::Deciding | State::Released(_) | State::Finished => unreachable!("handled above"),
        }
    }

    /// Whether the outcome is there: the next poll gives it, or has given it.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Released(_) | State::Finished)
    }

    /// Takes the reply to the need with this ticket.
    ///
    /// # Errors
    /// [`Misuse`] when no such need waits, or the reply is not of its form; the machine is as it was.
    pub fn reply(&mut self, ticket: Ticket, reply: Reply) -> Result<(), Misuse> {
        if ticket != self.ticket && !self.has(Planted::LateReplyTaken) {
            return Err(Misuse::Ticket);
        }
        if !self.state.takes(&reply)? {
            return Err(Misuse::Reply);
        }
        self.ticket.need += 1;
        #[cfg(feature = "planted")]
        let Some(reply) = self.misread(reply) else { return Ok(()) };
        self.state = match (mem::replace(&mut self.state, State::Finished), reply) {
            (State::Reading(keys), Reply::Rows(rows)) => {
                self.facts.learn_rows(keys, rows, self.decided);
                State::Deciding
            }
            (State::Settling(_, stamp, outcome), Reply::Rows(rows)) => {
                let is_own = |row: &Row| row.stamp == stamp || self.has(Planted::AnyRowSettles);
                let landed = rows.iter().flatten().any(is_own);
                State::Released(if landed { Ok(outcome) } else { Err(Fault::Unresolved) })
            }
            (State::Scanning(range), Reply::Page(rows)) => {
                self.facts.learn_page(range, rows);
                State::Deciding
            }
            (State::Working(work), Reply::Worked(worked)) => {
                self.facts.learn_work(work, worked);
                State::Deciding
            }
            (State::Committing(_, outcome), Reply::Commit(Commit::Applied)) => State::Released(Ok(outcome)),
            (State::Committing(..), Reply::Commit(Commit::Conflict)) => self.decide_again(Fault::Contended),
            (State::Committing(batch, outcome), Reply::Failed(error)) => match error.kind() {
                StoreErrorKind::Unknown => self.settle(&batch, outcome),
                StoreErrorKind::Retryable | StoreErrorKind::Fatal | StoreErrorKind::Corrupt => {
                    State::Released(Err(error.into()))
                }
            },
            (State::Offering(_, outcome), _) => State::Released(Ok(outcome)),
            (State::Settling(..), Reply::Failed(_)) => State::Released(Err(Fault::Unresolved)),
            (_, Reply::Failed(error)) => State::Released(Err(error.into())),
            (_, Reply::Busy) => State::Released(Err(Fault::Busy)),
            _ => unreachable!("`takes` admits no other pair"),
        };
        Ok(())
    }

    fn decide(&mut self) -> State<O::Outcome> {
        self.decided = self.now;
        let Environment { policy, keys } = &*self.environment;
        let cx = Context {
            now: self.now,
            policy,
            keys,
            is_last_attempt: self.attempt + 1 == ATTEMPTS,
            seed: &self.seed,
        };
        match self.operation.decide(&self.facts, &cx) {
            Err(fault) => State::Released(Err(fault)),
            Ok(Decision::Read(_) | Decision::Work(_)) if self.rounds == ROUNDS => {
                State::Released(Err(Misuse::Endless.into()))
            }
            Ok(Decision::Read(keys)) => {
                self.rounds += 1;
                State::Reading(each_once(keys))
            }
            Ok(Decision::Work(work)) => {
                self.rounds += 1;
                State::Working(work)
            }
            // A page that is known does not come again: the store's size bounds how many there are.
            Ok(Decision::Scan(range)) if self.facts.page(&range).is_some() => {
                State::Released(Err(Misuse::Endless.into()))
            }
            Ok(Decision::Scan(range)) => State::Scanning(range),
            Ok(Decision::Commit(writes, _) | Decision::Offer(writes, _)) if !writes.fit_their_keys() => {
                State::Released(Err(Misuse::Record.into()))
            }
            Ok(Decision::Commit(writes, outcome)) => {
                let batch = self.batch(writes, Durability::Durable);
                if batch.expectations().next().is_some() || self.facts.is_one_snapshot() {
                    State::Committing(batch, outcome)
                } else {
                    self.read_all_at_once()
                }
            }
            // An offer settles nothing, so its preconditions guard nothing.
            Ok(Decision::Offer(..) | Decision::Done(_))
                if !self.facts.is_one_snapshot() && !self.has(Planted::MomentsMixed) =>
            {
                self.read_all_at_once()
            }
            Ok(Decision::Offer(writes, outcome)) => {
                State::Offering(self.batch(writes, Durability::Relaxed), outcome)
            }
            Ok(Decision::Done(outcome)) => State::Released(Ok(outcome)),
        }
    }

    #[allow(clippy::let_and_return, reason = "a planted bug may spoil it first")]
    fn batch(&self, writes: Writes, durability: Durability) -> Batch {
        let stamp = Stamp::from_bytes(self.seed.stamp(self.attempt));
        let batch = writes.into_batch(&self.facts, stamp, durability);
        #[cfg(feature = "planted")]
        let batch = self.spoil(batch);
        batch
    }

    fn has(&self, bug: Planted) -> bool {
        self.environment.policy.has(bug)
    }

    /// The rows came from several moments: sees them all at one, and decides again.
    fn read_all_at_once(&mut self) -> State<O::Outcome> {
        let keys = self.facts.consulted().map(|(key, _)| key.clone()).collect();
        match self.decide_again(Fault::Contended) {
            State::Deciding => State::Reading(keys),
            released => released,
        }
    }

    fn settle(&mut self, batch: &Batch, outcome: O::Outcome) -> State<O::Outcome> {
        let is_put = |write: &&Write| matches!(write, Write::Put { .. });
        let puts: Vec<Key> = batch.writes.iter().filter(is_put).map(|write| write.key().clone()).collect();
        if puts.is_empty() {
            self.unsure = true;
            self.decide_again(Fault::Unresolved)
        } else {
            State::Settling(puts, batch.stamp, outcome)
        }
    }

    fn decide_again(&mut self, or: Fault) -> State<O::Outcome> {
        self.facts.forget_rows();
        self.attempt += 1;
        if self.attempt < ATTEMPTS { State::Deciding } else { State::Released(Err(or)) }
    }

    fn event(&self, outcome: &Result<O::Outcome, Fault>) -> Event {
        let (result, subject) = match outcome {
            Ok(outcome) => self.operation.audit(outcome),
            Err(fault) => (EventResult::Failed(fault.word()), self.operation.subject()),
        };
        Event { at: self.now, operation: self.operation.name(), result, subject }
    }
}

impl<T> State<T> {
    /// Whether the reply is of the form that this state waits for.
    fn takes(&self, reply: &Reply) -> Result<bool, Misuse> {
        let fit = |keys: &[Key], rows: &[Option<Row>]| {
            let kinds = |(key, row): (&Key, &Option<Row>)| {
                row.as_ref().is_none_or(|row| row.record.kind() == key.kind())
            };
            keys.len() == rows.len() && keys.iter().zip(rows).all(kinds)
        };
        Ok(match (self, reply) {
            (Self::Deciding | Self::Released(_) | Self::Finished, _) => return Err(Misuse::Ticket),
            (Self::Reading(keys) | Self::Settling(keys, ..), Reply::Rows(rows)) => fit(keys, rows),
            (Self::Scanning(range), Reply::Page(rows)) => {
                let fits = |(key, row): &(Key, Row)| range.holds(key, row) && row.record.kind() == key.kind();
                let ascends = rows.is_sorted_by(|(one, _), (next, _)| one < next);
                rows.len() <= PAGE && ascends && rows.iter().all(fits)
            }
            (Self::Working(work), Reply::Worked(worked)) => work.fits(worked),
            (Self::Working(_), Reply::Busy) => true,
            (Self::Working(_), _) => false,
            (Self::Committing(..) | Self::Offering(..), Reply::Commit(_)) => true,
            (_, Reply::Failed(_)) => true,
            (_, Reply::Rows(_) | Reply::Page(_) | Reply::Worked(_) | Reply::Busy | Reply::Commit(_)) => false,
        })
    }
}

/// The keys in their order, without those that come again.
fn each_once(keys: Vec<Key>) -> Vec<Key> {
    keys.into_iter().fold(Vec::new(), |mut once, key| {
        if !once.contains(&key) {
            once.push(key);
        }
        once
    })
}

impl<O: Decide> fmt::Debug for Machine<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("operation", &self.operation.name())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
