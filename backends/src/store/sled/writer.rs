//! The one thread that writes: it takes what waits as a group, and makes it durable with one sync.
//!
//! A group is drawn up beside sled, each batch against what the ones before it leave; then sled gets all of it as one
//! atomic batch, flushes, and is synced; then readers are shown it and everybody is answered. A conflict leaves nothing
//! to undo. A task that fails throws the draft away; each task is then tried in a group of its own, and hears its own
//! truth. A relaxed batch is treated as a durable one: sled has nothing between memory and `flush`, and a sync of its own
//! is what it would cost the others to keep it apart.
//!
//! | fails | is true | answer |
//! |---|---|---|
//! | a look at the tree | nothing was begun | by its kind, to that task alone |
//! | sled's `apply_batch` or `flush`, a sync | the files may hold the group | `Unknown`, to the group; the store is in doubt |
//! | while in doubt: anything else than a durable batch, or a look some time after the last reopening | nothing was begun | `Retryable` |
//! | while in doubt: the reopening for one of those | nothing was begun | `Retryable`, or `Corrupt` and the store stops |
//! | a panic | the files may hold the group | `Unknown`, to the group; the store stops |

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ::sled::Db;
use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::store::Durability;
use doorward_core::time::Timestamp;

use super::SledOptions;
use super::disk::Files;
use super::error::{DAMAGED, OpenError};
use super::mark::Mark;
use super::open::{self, Opened};
use super::plan::{Draft, Plan};
use super::value::Meta;
use super::view::{Era, Gate, Shown};
use crate::store::failing::{corrupt, retryable, unknown};
use crate::store::queue::{self, Done};
use crate::store::standing::{Stand, Standing};

/// What the writer is asked to do.
pub(super) enum Task {
    /// Apply a batch.
    Apply(Plan),
    /// Remove at most this many expired rows and journal entries.
    Purge { now: Timestamp, limit: usize },
    /// Somebody is to look: nothing may be in doubt.
    Settle,
}

type Queue = queue::Queue<Task>;
type Ticket = queue::Ticket<Task>;

/// The writer as the store holds it. Dropping it lets the thread finish what was queued and close sled, and waits for
/// that within the commit deadline: a disk that hangs must not hang the host.
pub(super) struct Writer {
    queue: Arc<Queue>,
    standing: Arc<Standing>,
    deadline: Duration,
    thread: Option<JoinHandle<()>>,
    /// Alone in use when the store is dropped; a mutex makes it one that threads may share.
    ended: Mutex<Receiver<()>>,
}

impl Writer {
    /// Starts the thread, and gives what readers look through.
    pub(super) fn start(
        path: PathBuf,
        opened: Opened,
        options: SledOptions,
        standing: Arc<Standing>,
    ) -> Result<(Self, Arc<Gate>), OpenError> {
        let queue = Arc::new(Queue::new(options.queue));
        let deadline = options.commit_deadline;
        let (held, gate) = Held::new(opened);
        let gate = Arc::new(Gate::open(gate));
        let work = Work {
            held: Some(held),
            gate: Arc::clone(&gate),
            standing: Arc::clone(&standing),
            is_in_doubt: false,
            reopened: None,
            path,
            options,
        };
        let waiting = Arc::clone(&queue);
        let (running, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("doorward-sled".into())
            .spawn(move || {
                work.run(&waiting);
                drop(running);
            })
            .map_err(OpenError::Thread)?;
        Ok((Self { queue, standing, deadline, thread: Some(thread), ended: Mutex::new(ended) }, gate))
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
        if self.standing.now() == Stand::Settled {
            return Ok(());
        }
        match self.submit(Task::Settle) {
            Ok(_) => Ok(()),
            // It is over, and this says why.
            Err(error)
                if matches!(error.kind(), StoreErrorKind::Fatal | StoreErrorKind::Corrupt)
                    && self.standing.over().is_some() =>
            {
                Err(error)
            }
            Err(error) => Err(in_doubt().with_source(error)),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        let patience = self.deadline + CLOSING;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(patience) != Err(RecvTimeoutError::Timeout)
            && let Some(thread) = self.thread.take()
        {
            // It contains its own panics, so there is nothing to hear.
            let _ended = thread.join();
        }
    }
}

/// What the thread owns.
struct Work {
    /// `None` only while a sled in doubt is closed and could not be opened again.
    held: Option<Held>,
    gate: Arc<Gate>,
    standing: Arc<Standing>,
    /// Something was written and may not be durable, or not whole: nothing is shown or begun on top of it.
    is_in_doubt: bool,
    /// When sled was last closed and opened again for that, or tried to be.
    reopened: Option<Instant>,
    path: PathBuf,
    options: SledOptions,
}

/// An open sled as the writer needs it.
struct Held {
    sled: Arc<Db>,
    era: Arc<Era>,
    meta: Meta,
    files: Files,
    mark: Mark,
}

impl Held {
    fn new(opened: Opened) -> (Self, Shown) {
        let Opened { sled, meta, files, mark } = opened;
        let (sled, era) = (Arc::new(sled), Arc::<Era>::default());
        let shown = Shown { sled: Arc::clone(&sled), era: Arc::clone(&era) };
        (Self { sled, era, meta, files, mark }, shown)
    }
}

impl Work {
    fn run(mut self, queue: &Queue) {
        loop {
            let group = queue.take(GROUP);
            if group.is_empty() {
                break;
            }
            if self.standing.over().is_none()
                && catch_unwind(AssertUnwindSafe(|| self.serve(&group))).is_err()
            {
                self.standing.stop();
            }
            for ticket in &group {
                ticket.abandon(&self.standing);
            }
            if self.standing.over().is_some() {
                queue.close();
            }
        }
        self.gate.show(None);
        if let Some(held) = self.held.take() {
            let _closed = catch_unwind(AssertUnwindSafe(|| close(held)));
        }
    }

    /// Answers every ticket of the group that was not cancelled.
    fn serve(&mut self, group: &[Arc<Ticket>]) {
        let mut tickets: Vec<&Ticket> = group.iter().map(AsRef::as_ref).collect();
        if self.is_in_doubt {
            // An engine reads before it commits, so looks ask for it as well; but not each of them, for the folder is read and
            // written whole.
            let may_look = self.reopened.is_none_or(|at| at.elapsed() >= PAUSE);
            let asks = |ticket: &&Ticket| match &ticket.task {
                Task::Apply(plan) => plan.durability == Durability::Durable,
                Task::Settle => may_look,
                Task::Purge { .. } => false,
            };
            if !tickets.iter().any(asks) {
                return refuse(&tickets, &in_doubt());
            }
            let settled = self.settle();
            self.reopened = Some(Instant::now());
            if let Err(error) = settled {
                return refuse(&tickets, &error);
            }
        } else {
            // Somebody's deadline passed, and what they waited for has come to its end since.
            self.standing.settle();
        }
        while !tickets.is_empty() && !self.is_in_doubt {
            let rest = tickets.split_off(share(&tickets));
            self.transact(&tickets);
            tickets = rest;
        }
        refuse(&tickets, &in_doubt());
    }

    /// One group for these tickets; one for each of them when a task fails.
    fn transact(&mut self, tickets: &[&Ticket]) {
        let Some(held) = &mut self.held else {
            return refuse(tickets, &in_doubt());
        };
        let begun: Vec<&Ticket> = tickets.iter().copied().filter(|ticket| ticket.begin()).collect();
        let sled = Arc::clone(&held.sled);
        let drawn = draw(Draft::new(&sled, held.meta), &begun);
        let (answers, change) = match (drawn, begun.as_slice()) {
            (Ok(drawn), _) => drawn,
            (Err(error), [alone]) => return alone.answer(Err(error)),
            (Err(_), several) => {
                for ticket in several {
                    if self.is_in_doubt {
                        refuse(&[ticket], &in_doubt());
                    } else {
                        self.transact(&[ticket]);
                    }
                }
                return;
            }
        };
        if let Some((before, batch, meta)) = change {
            let next = held.era.close(before);
            let shown = Shown { sled: Arc::clone(&sled), era: Arc::clone(&next) };
            let written = sled.apply_batch(batch).map_err(io::Error::other).and_then(|()| {
                #[cfg(feature = "planted")]
                if self.options.is_without_gate {
                    self.gate.show(Some(shown.clone()));
                }
                self.options.syncs.run(&mut || {
                    sled.flush().map_err(io::Error::other)?;
                    held.files.sync_group()
                })
            });
            if let Err(error) = written {
                self.is_in_doubt = true;
                self.standing.unsettle();
                // Another folder's content, an older one perhaps, must not be taken for what was settled.
                if held.files.is_in_place().is_ok_and(|is_in_place| !is_in_place) {
                    self.standing.lose();
                }
                self.gate.show(None);
                return refuse(&begun, &unknown(NOT_WRITTEN).with_source(error));
            }
            // It only helps to find out damage later; without it nothing is less durable.
            let _noted = held.mark.note(meta.sequence);
            (held.meta, held.era) = (meta, next);
            self.gate.show(Some(shown));
        }
        for (ticket, done) in begun.iter().zip(answers) {
            ticket.answer(Ok(done));
        }
    }

    /// Finds out what stands after a write whose fate is unknown: sled is closed and opened again, as a new process would.
    ///
    /// A later sync that succeeds would prove nothing: Linux reports a failed write once, and holds those pages for
    /// written from then on. Opening writes every byte again and syncs it, and then asks sled what there is.
    fn settle(&mut self) -> Result<(), StoreError> {
        self.gate.show(None);
        if let Some(held) = &self.held
            && !has_no_readers(held)
        {
            return Err(retryable("a read of before the failure has not ended: try again"));
        }
        if let Some(held) = self.held.take() {
            // sled syncs while it closes, and panics when that fails: it is what is being found out.
            let _closed = catch_unwind(AssertUnwindSafe(|| close(held)));
        }
        let opened = open::reopen(&self.path, &self.options).map_err(|error| match error {
            OpenError::Damaged | OpenError::Foreign | OpenError::OtherSled | OpenError::Newer { .. } => {
                self.standing.stop();
                corrupt(DAMAGED).with_source(error)
            }
            error => in_doubt().with_source(error),
        })?;
        let (held, shown) = Held::new(opened);
        self.held = Some(held);
        self.gate.show(Some(shown));
        self.is_in_doubt = false;
        self.standing.settle();
        Ok(())
    }
}

type Drawn = (Vec<Done>, Option<(super::view::Patches, ::sled::Batch, Meta)>);

fn draw(mut draft: Draft<'_>, begun: &[&Ticket]) -> Result<Drawn, StoreError> {
    let mut answers = Vec::with_capacity(begun.len());
    for ticket in begun {
        answers.push(match &ticket.task {
            Task::Apply(plan) => plan.draw(&mut draft)?,
            Task::Purge { now, limit } => Done::Removed(draft.purge(*now, *limit)?),
            Task::Settle => Done::Applied,
        });
    }
    Ok((answers, draft.finish()?))
}

/// How many of these may share a group. sled writes its log in segments of 512 KiB, and takes a segment into use again when
/// all that stood in it stands in newer ones: a group of several stays well below a segment, so that those were synced before.
fn share(tickets: &[&Ticket]) -> usize {
    let mut weight = 0;
    let fit = tickets.iter().take_while(|ticket| {
        weight += match &ticket.task {
            Task::Apply(plan) => plan.weight(),
            Task::Purge { limit, .. } => 4 * limit,
            Task::Settle => 0,
        };
        weight <= ENTRIES
    });
    fit.count().max(1)
}

/// Whether nobody looks at sled any more, within a bound.
fn has_no_readers(held: &Held) -> bool {
    let start = Instant::now();
    while Arc::strong_count(&held.sled) > 1 {
        if start.elapsed() > CLOSING {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Lets go of sled and of its lock, so that whoever opens it next finds it free.
fn close(held: Held) {
    let Held { sled, era, meta: _, files, mark } = held;
    drop((sled, era, mark));
    open::await_release(&files);
}

fn refuse(tickets: &[&Ticket], error: &StoreError) {
    for ticket in tickets {
        if ticket.begin() {
            ticket.answer(Err(error.clone()));
        }
    }
}

pub(super) fn in_doubt() -> StoreError {
    retryable("an earlier commit is in doubt: check the disk, then try again in a second")
}

const NOT_WRITTEN: &str = "the commit failed on its way to the disk: check the disk, then read again";

/// How many tasks are taken at once, and how many entries of the tree a group may change, about.
const GROUP: usize = 128;
const ENTRIES: usize = 256;

/// How long after one reopening the next look may ask for another.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a reader, and the closing of sled, is waited for.
const CLOSING: Duration = Duration::from_secs(2);
