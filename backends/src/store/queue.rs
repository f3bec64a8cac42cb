//! How work reaches a store's one writer, and how its answer comes back, within a bound on both.
//!
//! | a ticket is | when | and its caller, past the deadline, hears |
//! |---|---|---|
//! | waiting | queued | `Retryable`: it is cancelled, nothing was applied |
//! | begun | its transaction is open, or its group taken | `Unknown`: it may yet be applied |
//! | cancelled | the caller left | – (the writer passes over it) |
//! | answered | its fate is known | the answer |

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use doorward_core::error::StoreError;
use doorward_core::store::Commit;

use super::failing::{retryable, unknown};
use super::standing::{Standing, dead};

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Applied,
    Conflict,
    Removed(usize),
}

impl Done {
    pub(super) fn commit(self) -> Commit {
        match self {
            Self::Applied | Self::Removed(_) => Commit::Applied,
            Self::Conflict => Commit::Conflict,
        }
    }

    pub(super) fn removed(self) -> usize {
        match self {
            Self::Applied | Self::Conflict => 0,
            Self::Removed(count) => count,
        }
    }
}

/// Removes `limit` rows at most, some at a time, between which other tasks go ahead; fewer when there are no more.
pub(super) fn in_bites(
    limit: usize,
    bite: usize,
    purge: impl Fn(usize) -> Result<usize, StoreError>,
) -> Result<usize, StoreError> {
    let mut removed = 0;
    while removed < limit {
        let most = bite.min(limit - removed);
        let bitten = purge(most)?;
        removed += bitten;
        if bitten < most {
            break;
        }
    }
    Ok(removed)
}

/// One task and what has become of it so far.
pub(super) struct Ticket<T> {
    pub(super) task: T,
    progress: Mutex<Progress>,
    answered: Condvar,
}

enum Progress {
    Waiting,
    Begun,
    Cancelled,
    Answered(Result<Done, StoreError>),
}

impl<T> Ticket<T> {
    pub(super) fn new(task: T) -> Arc<Self> {
        Arc::new(Self { task, progress: Mutex::new(Progress::Waiting), answered: Condvar::new() })
    }

    /// The answer, or what is true at the deadline without one. An `Unknown` unsettles the store before it
    /// is heard.
    pub(super) fn wait(&self, deadline: Instant, standing: &Standing) -> Result<Done, StoreError> {
        let mut progress = self.progress();
        loop {
            if let Progress::Answered(answer) = &*progress {
                return answer.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(match *progress {
                    Progress::Begun => {
                        standing.unsettle();
                        unknown("the commit did not end in time: read again")
                    }
                    Progress::Waiting | Progress::Cancelled | Progress::Answered(_) => {
                        *progress = Progress::Cancelled;
                        retryable("the writer is busy: nothing was done, try again")
                    }
                });
            }
            progress = self.answered.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Claims the task for the writer; `false` when it need not be done any more.
    pub(super) fn begin(&self) -> bool {
        let mut progress = self.progress();
        match *progress {
            Progress::Waiting | Progress::Begun => {
                *progress = Progress::Begun;
                true
            }
            Progress::Cancelled | Progress::Answered(_) => false,
        }
    }

    /// Tells the caller.
    pub(super) fn answer(&self, answer: Result<Done, StoreError>) {
        *self.progress() = Progress::Answered(answer);
        self.answered.notify_all();
    }

    /// Tells the caller what is true when the writer can do nothing more.
    pub(super) fn abandon(&self, standing: &Standing) {
        let mut progress = self.progress();
        *progress = match *progress {
            Progress::Answered(_) => return,
            Progress::Begun => Progress::Answered(Err(unknown(
                "the writer thread panicked: close the store, open it again, and read",
            ))),
            Progress::Waiting | Progress::Cancelled => {
                Progress::Answered(Err(standing.over().unwrap_or_else(dead)))
            }
        };
        self.answered.notify_all();
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tickets that wait for the writer, `bound` at most.
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
    bound: usize,
}

struct Waiting<T> {
    tickets: VecDeque<Arc<Ticket<T>>>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(bound: usize) -> Self {
        let waiting = Mutex::new(Waiting { tickets: VecDeque::new(), closed: false });
        Self { waiting, arrived: Condvar::new(), bound: bound.max(1) }
    }

    pub(super) fn push(&self, ticket: Arc<Ticket<T>>) -> Result<(), StoreError> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(dead());
        }
        if waiting.tickets.len() >= self.bound {
            return Err(retryable("the writer's queue is full: try again"));
        }
        waiting.tickets.push_back(ticket);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next tickets, in order of arrival, `most` of them at most; none once the queue is closed and empty.
    pub(super) fn take(&self, most: usize) -> Vec<Arc<Ticket<T>>> {
        let mut waiting = self.waiting();
        while waiting.tickets.is_empty() && !waiting.closed {
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let count = waiting.tickets.len().min(most);
        waiting.tickets.drain(..count).collect()
    }

    /// Takes no more tickets; those that wait are still handed out.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
