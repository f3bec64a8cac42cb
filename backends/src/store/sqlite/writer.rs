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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::time::Timestamp;
use rusqlite::Connection;

use super::connect::patiently;
use super::error::{OpenError, failed, failed_at_commit, refused};
use super::plan::{self, Plan};
use crate::store::failing::{corrupt, retryable};
use crate::store::queue::{self, Done, dead};
use crate::store::standing::{Stand, Standing};

/// What the writer is asked to do.
pub(super) enum Task {
    /// Apply a batch.
    Apply(Plan),
    /// Remove at most this many expired rows and journal entries.
    Purge { now: Timestamp, limit: usize },
    /// Nothing but what the writer does before any task: settle what is not.
    Settle,
}

type Queue = queue::Queue<Task>;
type Ticket = queue::Ticket<Task>;

/// The writer as the store holds it. Dropping it lets the thread finish what was queued, and joins it.
pub(super) struct Writer {
    queue: Arc<Queue>,
    standing: Arc<Standing>,
    deadline: Duration,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. What an earlier process may have left in the log unsynced is made durable first.
    pub(super) fn start(
        connection: Connection,
        queue: usize,
        deadline: Duration,
        patience: Duration,
        #[cfg(test)] fault: super::fault::Fault,
    ) -> Result<Self, OpenError> {
        let queue = Arc::new(Queue::new(queue));
        let standing = Arc::new(Standing::settled());
        connection.execute_batch(FULL).map_err(refused)?;
        barrier(&connection, patience)?;
        let work = Work {
            connection,
            standing: Arc::clone(&standing),
            #[cfg(test)]
            fault,
        };
        let waiting = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("doorward-sqlite".into())
            .spawn(move || work.run(&waiting))
            .map_err(OpenError::Thread)?;
        Ok(Self { queue, standing, deadline, thread: Some(thread) })
    }

    /// Has the task done and waits for its answer, within the commit deadline.
    pub(super) fn submit(&self, task: Task) -> Result<Done, StoreError> {
        let deadline = Instant::now() + self.deadline;
        let ticket = Ticket::new(task);
        self.queue.push(Arc::clone(&ticket))?;
        ticket.wait(deadline, &self.standing)
    }

    /// Sees to it that what is read now can be relied on.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        match self.standing.now() {
            Stand::Settled => return Ok(()),
            Stand::Stopped => return Err(dead()),
            Stand::Unsettled => {}
        }
        match self.submit(Task::Settle) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == StoreErrorKind::Fatal && self.standing.now() == Stand::Stopped => {
                Err(error)
            }
            Err(error) => Err(retryable(UNSETTLED).with_source(error)),
        }
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
    #[cfg(test)]
    fault: super::fault::Fault,
}

impl Work {
    fn run(mut self, queue: &Queue) {
        loop {
            let group = queue.take(GROUP);
            if group.is_empty() {
                return;
            }
            let served = catch_unwind(AssertUnwindSafe(|| self.serve(&group)));
            if served.is_err() {
                self.standing.stop();
            }
            for ticket in &group {
                ticket.abandon();
            }
            if self.standing.now() == Stand::Stopped {
                break;
            }
        }
        queue.close();
        loop {
            let group = queue.take(GROUP);
            if group.is_empty() {
                return;
            }
            for ticket in &group {
                ticket.abandon();
            }
        }
    }

    /// Answers every ticket of the group that was not cancelled.
    fn serve(&mut self, group: &[Arc<Ticket>]) {
        let tickets: Vec<&Ticket> = group.iter().map(AsRef::as_ref).collect();
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
        let (settled, tasks): (Vec<&Ticket>, Vec<&Ticket>) =
            tickets.into_iter().partition(|ticket| matches!(ticket.task, Task::Settle));
        for ticket in settled {
            ticket.answer(Ok(Done::Applied));
        }
        if !tasks.is_empty() {
            self.transact(&tasks);
        }
    }

    /// One transaction for these tickets; one for each of them when a task fails.
    fn transact(&mut self, tickets: &[&Ticket]) {
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
                    _ if self.standing.now() == Stand::Stopped => refuse(&begun, &error),
                    [alone] => alone.answer(Err(error)),
                    several => several.iter().for_each(|ticket| self.transact(&[ticket])),
                }
                return;
            }
        };
        match self.commit() {
            Ok(()) => {
                for (ticket, done) in begun.iter().zip(answers) {
                    ticket.answer(Ok(done));
                }
            }
            Err(error) => refuse(&begun, &error),
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
                Task::Settle => Done::Applied,
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

    /// A durable commit after one whose fate is unknown, and an emptied log: proof that nothing of that can change
    /// any more.
    ///
    /// The commit alone would do only if every frame before it were on the medium. Linux reports a failed write
    /// once, and holds those pages for written from then on: a later sync succeeds and a power cut still finds a
    /// hole, behind which no commit counts. Emptying the log writes its content to the database and syncs that.
    fn settle(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        if let Err(error) = raise_barrier(&self.connection) {
            self.roll_back();
            return Err(error);
        }
        self.commit()?;
        empty_log(&self.connection)?;
        self.standing.settle();
        Ok(())
    }
}

fn refuse(tickets: &[&Ticket], error: &StoreError) {
    for ticket in tickets {
        if ticket.begin() {
            ticket.answer(Err(error.clone()));
        }
    }
}

/// Before the first read: frames that a killed process wrote and did not sync, or could not, are found by
/// recovery, and would be shown though a power cut could still take them. See [`Work::settle`].
fn barrier(connection: &Connection, patience: Duration) -> Result<(), OpenError> {
    run(connection, BEGIN).map_err(refused)?;
    let raised = run(connection, RAISE_BARRIER).map_err(refused)?;
    run(connection, COMMIT).map_err(refused)?;
    if raised != 1 {
        return Err(OpenError::Damaged);
    }
    // Of two openers that empty it at once, one is told that it is busy, and does not wait.
    patiently(patience, || match connection.query_row(EMPTY_LOG, [], |columns| columns.get(0)) {
        Ok(0_i64) => Ok(()),
        Ok(_) => Err(OpenError::Locked),
        Err(error) => Err(refused(error)),
    })
}

fn raise_barrier(connection: &Connection) -> Result<(), StoreError> {
    match run(connection, RAISE_BARRIER).map_err(failed)? {
        1 => Ok(()),
        _ => Err(corrupt("the barrier row is gone: restore the database from a backup")),
    }
}

fn empty_log(connection: &Connection) -> Result<(), StoreError> {
    let busy: i64 = connection.query_row(EMPTY_LOG, [], |columns| columns.get(0)).map_err(failed)?;
    if busy == 0 { Ok(()) } else { Err(retryable("the log is being read: end long reads, try again")) }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute([])
}

/// How many tasks share a transaction at most: one sync is then a small part of the work.
const GROUP: usize = 128;

const UNSETTLED: &str =
    "an earlier commit is unsettled and no durable commit succeeds: check the disk, try again";

const FULL: &str = "PRAGMA synchronous = FULL";
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
const RAISE_BARRIER: &str = "UPDATE meta SET value = (value + 1) & 0x7fffffff WHERE name = 'barrier'";

/// What the writer keeps prepared beside the statements of each kind.
pub(super) const STATEMENTS: [&str; 5] = [BEGIN, COMMIT, RAISE_BARRIER, plan::APPEND, plan::PURGE_JOURNAL];
