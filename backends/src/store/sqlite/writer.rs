//! The one thread that writes: it takes what waits as a group, and makes it durable with one sync.
//!
//! `BEGIN IMMEDIATE`, each task, `COMMIT`; nobody is answered before the last. A batch compares before it
//! writes, so a conflict leaves nothing to undo and a batch needs no savepoint. A task that fails undoes the
//! whole group; each task is then tried again in a transaction of its own, and hears its own truth.
//!
//! | fails | is true | answer |
//! |---|---|---|
//! | `BEGIN` | nothing was begun | by its code, to the group |
//! | a task | the group was rolled back | by its code, to that task alone |
//! | `COMMIT`, busy | the group was rolled back | `Retryable`, to the group |
//! | `COMMIT`, else | the log may hold the group | `Unknown`, to the group; the store is unsettled |
//! | `ROLLBACK` | the transaction will not be committed | by the first failure; the writer stops |
//! | the file, before | nothing was begun | `Fatal`, to the group; the writer stops |
//! | the file, after | the group stands in a file that is no more where it was | `Unknown`, to the group; the writer stops |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::time::Timestamp;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::barrier::{self, RAISE_BARRIER, empty_log, run};
use super::error::{OpenError, failed, failed_at_commit, refused};
use super::place::{Identity, Place};
use super::plan::{self, Plan};
use super::vacuum;
use crate::store::failing::{retryable, unknown};
use crate::store::queue::{self, Done};
use crate::store::standing::{Stand, Standing};

/// What the writer is asked to do.
pub(super) enum Task {
    /// Apply a batch.
    Apply(Plan),
    /// Remove at most this many expired rows and journal entries.
    Purge { now: Timestamp, limit: usize },
    /// Nothing but what the writer does before any task: look for its file, and settle what is not.
    Settle,
    /// Build the file anew without its free pages, or give up then.
    Vacuum { until: Instant },
}

impl Task {
    /// Whether it is done between BEGIN and COMMIT, with others.
    fn is_in_a_transaction(&self) -> bool {
        match self {
            Self::Apply(_) | Self::Purge { .. } => true,
            Self::Settle | Self::Vacuum { .. } => false,
        }
    }
}

type Queue = queue::Queue<Task>;
type Ticket = queue::Ticket<Task>;

/// The writer as the store holds it. Dropping it lets the thread finish what was queued, and joins it.
pub(super) struct Writer {
    queue: Arc<Queue>,
    standing: Arc<Standing>,
    place: Arc<Place>,
    deadline: Duration,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. What an earlier process may have left in the log unsynced is made durable first.
    pub(super) fn start(
        connection: Connection,
        path: &Path,
        opened: Option<Identity>,
        queue: usize,
        deadline: Duration,
        patience: Duration,
        #[cfg(test)] fault: super::fault::Fault,
    ) -> Result<Self, OpenError> {
        let queue = Arc::new(Queue::new(queue));
        let standing = Arc::new(Standing::settled());
        connection.execute_batch(FULL).map_err(refused)?;
        barrier::make_durable(&connection, patience)?;
        let place = Arc::new(Place::hold(path, patience, opened)?);
        let work = Work {
            connection,
            standing: Arc::clone(&standing),
            place: Arc::clone(&place),
            seen: None,
            #[cfg(test)]
            fault,
        };
        let waiting = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("doorward-sqlite".into())
            .spawn(move || work.run(&waiting))
            .map_err(OpenError::Thread)?;
        Ok(Self { queue, standing, place, deadline, thread: Some(thread) })
    }

    /// Has the task done and waits for its answer, within the commit deadline.
    pub(super) fn submit(&self, task: Task) -> Result<Done, StoreError> {
        self.submit_within(task, self.deadline)
    }

    pub(super) fn submit_within(&self, task: Task, patience: Duration) -> Result<Done, StoreError> {
        if let Some(over) = self.standing.over() {
            return Err(over);
        }
        let deadline = Instant::now() + patience;
        let ticket = Ticket::new(task);
        self.queue.push(Arc::clone(&ticket))?;
        ticket.wait(deadline, &self.standing)
    }

    /// Sees to it that what is read now can be relied on.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        match self.standing.now() {
            Stand::Settled => return Ok(()),
            Stand::Unsettled | Stand::Stopped | Stand::Lost => {}
        }
        match self.submit(Task::Settle) {
            Ok(_) => Ok(()),
            // Damage is for the backup, not for another try.
            Err(error) if error.kind() == StoreErrorKind::Corrupt || self.standing.over().is_some() => {
                Err(error)
            }
            Err(error) => Err(retryable(UNSETTLED).with_source(error)),
        }
    }

    /// Whether nothing waits to be settled: what is in the log may be held on to.
    pub(super) fn is_settled(&self) -> bool {
        self.standing.now() == Stand::Settled
    }

    /// Sees to it that what was just read came from the file that is to be read; see [`Place`].
    pub(super) fn vouch(&self) -> Result<(), StoreError> {
        if self.place.was_kept() { Ok(()) } else { self.lose() }
    }

    /// The same for a connection that was opened by the path just now: what was seen a moment ago says nothing of it.
    pub(super) fn vouch_for_a_new_connection(&self) -> Result<(), StoreError> {
        if self.place.is_kept() { Ok(()) } else { self.lose() }
    }

    fn lose(&self) -> Result<(), StoreError> {
        self.standing.lose();
        // So that the writer hears of it, and leaves its file as it should.
        let _nobody_waits = self.queue.push(Ticket::new(Task::Settle));
        self.standing.over().map_or(Ok(()), Err)
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// How long a commit may take.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // It contains its own panics, so there is nothing to hear.
            let _ended = thread.join();
        }
    }
}

/// What the thread owns.
struct Work {
    connection: Connection,
    standing: Arc<Standing>,
    place: Arc<Place>,
    /// SQLite's count of what others wrote into the log, as it was when the file was last where it belongs.
    seen: Option<i64>,
    #[cfg(test)]
    fault: super::fault::Fault,
}

impl Work {
    fn run(mut self, queue: &Queue) {
        loop {
            let group = queue.take(GROUP);
            if group.is_empty() {
                break;
            }
            let served = catch_unwind(AssertUnwindSafe(|| self.serve(&group)));
            if served.is_err() {
                self.standing.stop();
            }
            for ticket in &group {
                ticket.abandon(&self.standing);
            }
            if self.standing.over().is_some() {
                break;
            }
        }
        queue.close();
        self.take_leave();
        loop {
            let group = queue.take(GROUP);
            if group.is_empty() {
                return;
            }
            for ticket in &group {
                ticket.abandon(&self.standing);
            }
        }
    }

    /// Of a file that is elsewhere now, or nowhere. What was committed belongs to it: the log is emptied into it, so
    /// that it is whole wherever it went, and no log of it lies beside the file that took its place. Where
    /// somebody else's log lies, nothing may be written any more. Nor where another file took the place and our log was
    /// written to since: who opened that file found our log beside it and took it for its own.
    fn take_leave(&mut self) {
        if self.place.is_kept() {
            return;
        }
        self.standing.lose();
        let is_shared = self.place.has_a_successor() && self.seen != data_version(&self.connection);
        if self.place.has_the_log_to_itself() && !is_shared {
            let _as_far_as_it_goes = empty_log(&self.connection);
        } else {
            let _as_far_as_it_goes =
                self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    /// Whether the file is the one that was opened; the store is lost if not.
    fn has_its_file(&mut self) -> bool {
        // Before the look: nobody could have opened another file by then.
        let seen = data_version(&self.connection);
        let kept = self.place.is_kept();
        if kept {
            self.seen = seen;
        } else {
            self.standing.lose();
        }
        kept
    }

    /// Answers every ticket of the group that was not cancelled.
    fn serve(&mut self, group: &[Arc<Ticket>]) {
        let tickets: Vec<&Ticket> = group.iter().map(AsRef::as_ref).collect();
        self.has_its_file();
        if let Some(over) = self.standing.over() {
            return refuse(&tickets, &over);
        }
        if self.standing.now() == Stand::Unsettled
            && let Err(error) = self.settle()
        {
            // It is the barrier's fate that is unknown; of these tasks none was begun.
            return match error.kind() {
                StoreErrorKind::Unknown => refuse(&tickets, &retryable(UNSETTLED).with_source(error)),
                StoreErrorKind::Retryable | StoreErrorKind::Fatal | StoreErrorKind::Corrupt => {
                    refuse(&tickets, &error);
                }
            };
        }
        let (alone, tasks): (Vec<&Ticket>, Vec<&Ticket>) =
            tickets.into_iter().partition(|ticket| !ticket.task.is_in_a_transaction());
        for ticket in alone.iter().filter(|ticket| matches!(ticket.task, Task::Settle)) {
            ticket.answer(Ok(Done::Applied));
        }
        if !tasks.is_empty() {
            self.transact(&tasks);
        }
        for ticket in alone {
            if let Task::Vacuum { until } = ticket.task {
                match self.standing.now() {
                    Stand::Settled if ticket.begin() => ticket.answer(self.vacuum(until)),
                    Stand::Settled => {}
                    Stand::Unsettled => refuse(&[ticket], &retryable(UNSETTLED)),
                    Stand::Stopped | Stand::Lost => ticket.abandon(&self.standing),
                }
            }
        }
    }

    fn vacuum(&mut self, until: Instant) -> Result<Done, StoreError> {
        if let Err(error) = vacuum::run(&self.connection, until) {
            // What it wrote before a failed sync is a hole like any other.
            if error.kind() != StoreErrorKind::Retryable {
                self.standing.unsettle();
            }
            return Err(error);
        }
        // Where somebody reads the log it is emptied later: the file shrinks then.
        let _emptied = empty_log(&self.connection);
        if self.has_its_file() { Ok(Done::Applied) } else { Err(unknown(LOST)) }
    }

    /// One transaction for these tickets; one for each of them when a task fails.
    fn transact(&mut self, tickets: &[&Ticket]) {
        if let Some(over) = self.standing.over() {
            return refuse(tickets, &over);
        }
        if let Err(error) = self.begin() {
            return refuse(tickets, &error);
        }
        let begun: Vec<&Ticket> = tickets.iter().copied().filter(|ticket| ticket.begin()).collect();
        let answers = match self.carry_out(&begun) {
            Ok(answers) => answers,
            Err(error) => {
                self.roll_back();
                match begun.as_slice() {
                    [] => {}
                    _ if self.standing.over().is_some() => refuse(&begun, &error),
                    [alone] => alone.answer(Err(error)),
                    several => several.iter().for_each(|ticket| self.transact_alone(ticket)),
                }
                return;
            }
        };
        match self.commit() {
            Ok(()) if !self.has_its_file() => refuse(&begun, &unknown(LOST)),
            Ok(()) => {
                for (ticket, done) in begun.iter().zip(answers) {
                    ticket.answer(Ok(done));
                }
            }
            Err(error) => refuse(&begun, &error),
        }
    }

    /// On nothing that is unsettled: of those before it, one may have met a failing disk.
    fn transact_alone(&mut self, ticket: &Ticket) {
        if self.standing.now() == Stand::Unsettled {
            refuse(&[ticket], &retryable(UNSETTLED));
        } else {
            self.transact(&[ticket]);
        }
    }

    fn begin(&self) -> Result<(), StoreError> {
        run(&self.connection, BEGIN).map(drop).map_err(failed)
    }

    fn carry_out(&mut self, begun: &[&Ticket]) -> Result<Vec<Done>, StoreError> {
        #[cfg(test)]
        self.fault.before_group(&self.connection);
        let mut answers = Vec::with_capacity(begun.len());
        for ticket in begun {
            answers.push(match &ticket.task {
                Task::Apply(plan) => plan.apply(&self.connection)?,
                Task::Purge { now, limit } => Done::Removed(plan::purge(&self.connection, *now, *limit)?),
                Task::Settle | Task::Vacuum { .. } => Done::Applied,
            });
        }
        #[cfg(test)]
        self.fault.in_group();
        Ok(answers)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.end().map_err(|error| {
            let error = failed_at_commit(error);
            if error.kind() == StoreErrorKind::Unknown {
                self.standing.unsettle();
            }
            self.roll_back();
            error
        })
    }

    #[cfg(not(test))]
    fn end(&mut self) -> rusqlite::Result<()> {
        run(&self.connection, COMMIT).map(drop)
    }

    #[cfg(test)]
    fn end(&mut self) -> rusqlite::Result<()> {
        self.fault.at_commit(&self.connection)
    }

    /// Ends a transaction that must not stand. One that cannot even be ended stops the writer: closing its
    /// connection ends it.
    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            let _judged_below = run(&self.connection, "ROLLBACK");
        }
        if !self.connection.is_autocommit() {
            self.standing.stop();
        }
    }

    /// After a commit whose fate is unknown: proof that nothing of that can change any more. See [`barrier`].
    ///
    /// On a full disk the log that is emptied first also makes room for the barrier, where all its pages have their
    /// place in the database already.
    fn settle(&mut self) -> Result<(), StoreError> {
        empty_log(&self.connection)?;
        self.begin()?;
        if let Err(error) = barrier::raise(&self.connection) {
            self.roll_back();
            return Err(error);
        }
        self.commit()?;
        self.standing.settle();
        Ok(())
    }
}

/// Changes whenever another connection has written.
fn data_version(connection: &Connection) -> Option<i64> {
    let mut statement = connection.prepare_cached(DATA_VERSION).ok()?;
    statement.query_row([], |columns| columns.get(0)).ok()
}

fn refuse(tickets: &[&Ticket], error: &StoreError) {
    for ticket in tickets {
        if ticket.begin() {
            ticket.answer(Err(error.clone()));
        }
    }
}

/// How many tasks share a transaction at most: one sync is then a small part of the work.
const GROUP: usize = 128;

const UNSETTLED: &str =
    "an earlier commit is unsettled and no durable commit succeeds: check the disk, try again";

const LOST: &str =
    "the commit is in a database file that was deleted or replaced: put that file back, open it, and read";

const FULL: &str = "PRAGMA synchronous = FULL";
const DATA_VERSION: &str = "PRAGMA data_version";
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";

/// What the writer keeps prepared beside the statements of each kind.
pub(super) const STATEMENTS: [&str; 6] =
    [BEGIN, COMMIT, DATA_VERSION, RAISE_BARRIER, plan::APPEND, plan::PURGE_JOURNAL];
