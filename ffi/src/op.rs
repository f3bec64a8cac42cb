//! An operation under way, step by step.
//!
//! | it | poll | reply | take |
//! |---|---|---|---|
//! | waits | the need, the same until the reply | taken, when ticket and form are right | `DW_SEQUENCE` |
//! | is done | `DW_NEED_DONE` | `DW_SEQUENCE` | the result, once; a refusal, as often as it is asked for |
//! | was taken | `DW_SEQUENCE` | `DW_SEQUENCE` | `DW_SEQUENCE` |

use core::ffi::c_int;
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward::core::error::Misuse;
use doorward::core::store::Commit;
use doorward::{Step, StepNeed, StepReply, StepTicket, SteppedEngine, Steps};

use crate::context::{CONTEXTS, Context, dw_context};
use crate::failure::{Called, Failure, call, dw_error, quietly};
use crate::given::{Out, Owned, Texts, free};
use crate::handle::Registry;
use crate::operation::Settled;
use crate::result::Public;
use crate::rows::{self, dw_batch, dw_change, dw_key, dw_range, dw_row};
use crate::status::dw_status::{self, DW_IN_USE, DW_REPLY, DW_SEQUENCE, DW_VALUE};

/// An operation under way. A handle: made by a `dw_op_` function, freed with `dw_op_free`, used by one thread at a time.
#[derive(Debug)]
pub struct dw_op {
    _opaque: (),
}

pub(crate) static OPS: Registry<Cell> = Registry::new("dw_op");

pub(crate) struct Cell {
    state: Mutex<State>,
    /// Whether a thread is in a call that one at a time may make.
    is_entered: AtomicBool,
}

/// A result in the form that C takes it in, or a context.
pub(crate) type Finished = Box<dyn Any + Send>;

pub(crate) enum State {
    Underway(Steps<Called<Finished>>),
    Done(Called<Finished>),
    Taken,
}

pub(crate) fn begun(steps: Steps<Called<Finished>>) -> *mut dw_op {
    OPS.add(Cell { state: Mutex::new(State::Underway(steps)), is_entered: AtomicBool::new(false) })
}

/// Begins an operation at a context.
///
/// # Safety
/// C may write to `op`.
pub(crate) unsafe fn begin<S: Settled + 'static>(
    context: *const dw_context,
    op: *mut *mut dw_op,
    begin: impl FnOnce(&SteppedEngine) -> Steps<S>,
) -> Called {
    let op = Out::new(op, "op")?;
    let context = CONTEXTS.find(context)?;
    let steps = begin(&context.engine).map(|outcome| {
        let done = outcome.settled()?;
        Ok(Owned::new(|texts| done.public(texts)) as Finished)
    });
    // SAFETY: as the caller has it.
    unsafe { op.put(begun(steps)) };
    Ok(())
}

/// What an operation needs from its host. To one that you do not know, reply `DW_FATAL` by `dw_op_reply_failed`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_need_kind {
    /// Nothing: its outcome is there, for the `dw_op_take_` function of its result.
    DW_NEED_DONE = 0,
    /// The rows under `keys`, all of one moment: `dw_op_reply_rows`.
    DW_NEED_READ = 1,
    /// The first `limit` rows of `range`: `dw_op_reply_page`.
    DW_NEED_SCAN = 2,
    /// That `batch` is applied, whole or not at all: `dw_op_reply_commit`.
    DW_NEED_COMMIT = 3,
    /// The first `limit` entries of the journal after `after`: `dw_op_reply_changes`.
    DW_NEED_CHANGES = 4,
    /// That at most `limit` rows and journal entries are removed whose end is at or before `now`: `dw_op_reply_purged`.
    DW_NEED_PURGE = 5,
    /// Work: `dw_work_run`, on any thread, which replies by itself.
    DW_NEED_WORK = 6,
}

/// What an operation needs. Freed with `dw_need_free`; the operation goes on without it.
#[repr(C)]
#[derive(Debug)]
pub struct dw_need {
    /// What it is; the fields that it does not name are NULL or 0.
    pub kind: dw_need_kind,
    /// For the reply. No two needs have the same.
    pub ticket: u64,
    /// Of `DW_NEED_READ`: the keys.
    pub keys: *const dw_key,
    /// How many keys there are.
    pub key_count: usize,
    /// Of `DW_NEED_SCAN`: the range.
    pub range: *const dw_range,
    /// Of `DW_NEED_COMMIT`: the batch.
    pub batch: *const dw_batch,
    /// Of `DW_NEED_CHANGES`: the number of the last entry that is known; 0 at the beginning.
    pub after: u64,
    /// Of `DW_NEED_PURGE`: the time to go by, in UTC milliseconds.
    pub now: i64,
    /// Of `DW_NEED_SCAN`, `DW_NEED_CHANGES`, `DW_NEED_PURGE`: how many at most.
    pub limit: usize,
    /// Of `DW_NEED_WORK`: whether a password is hashed, which takes milliseconds; a signature takes microseconds.
    pub is_hashing: bool,
}

fn need(ticket: u64, need: Option<&StepNeed>, texts: &mut Texts) -> dw_need {
    use dw_need_kind::*;
    let mut public = dw_need {
        kind: DW_NEED_DONE,
        ticket,
        keys: std::ptr::null(),
        key_count: 0,
        range: std::ptr::null(),
        batch: std::ptr::null(),
        after: 0,
        now: 0,
        limit: 0,
        is_hashing: false,
    };
    match need {
        None => {}
        Some(StepNeed::Read(keys)) => {
            let keys: Vec<dw_key> = keys.iter().map(|key| rows::key_of(key, texts)).collect();
            (public.kind, public.key_count) = (DW_NEED_READ, keys.len());
            public.keys = texts.list(keys);
        }
        Some(StepNeed::Scan(range, limit)) => {
            let range = rows::range_of(range, texts);
            (public.kind, public.range, public.limit) = (DW_NEED_SCAN, texts.list(vec![range]), *limit);
        }
        Some(StepNeed::Commit(batch)) => {
            let batch = rows::batch_of(batch, texts);
            (public.kind, public.batch) = (DW_NEED_COMMIT, texts.list(vec![batch]));
        }
        Some(StepNeed::Changes(after, limit)) => {
            (public.kind, public.after, public.limit) = (DW_NEED_CHANGES, after.number(), *limit);
        }
        Some(StepNeed::Purge(now, limit)) => {
            (public.kind, public.now, public.limit) = (DW_NEED_PURGE, now.as_millis(), *limit);
        }
        Some(StepNeed::Work(work)) => {
            (public.kind, public.is_hashing) = (DW_NEED_WORK, work.is_hashing());
        }
    }
    public
}

/// Goes on to what the operation needs next; `DW_NEED_DONE` says that its outcome is there. Before the reply the same need is
/// given again.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_poll(
    op: *mut dw_op,
    out: *mut *mut dw_need,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        let cell = OPS.find(op)?;
        let mut entered = cell.enter()?;
        let (ticket, needed) = entered.state.poll()?;
        let needed = Owned::new(|texts| need(ticket, needed.as_deref(), texts));
        // SAFETY: as the conventions say.
        unsafe { out.put(needed.into_raw()) };
        Ok(())
    })
}

impl State {
    /// What it needs, or nothing when it is done.
    fn poll(&mut self) -> Called<(u64, Option<Arc<StepNeed>>)> {
        match self {
            Self::Underway(steps) => match steps.poll() {
                Ok(Step::Need(ticket, need)) => Ok((ticket.number(), Some(need))),
                Ok(Step::Done(outcome)) => {
                    *self = Self::Done(outcome);
                    Ok((0, None))
                }
                Err(_) => {
                    *self = Self::Taken;
                    Err(taken())
                }
            },
            Self::Done(_) => Ok((0, None)),
            Self::Taken => Err(taken()),
        }
    }

    fn reply(&mut self, ticket: u64, reply: StepReply) -> Called {
        let Self::Underway(steps) = self else { return Err(misused(Misuse::Ticket)) };
        steps.reply(StepTicket::from_number(ticket), reply).map_err(misused)
    }

    /// The need with this ticket, which waits.
    fn waits_for(&self, ticket: u64) -> Called<Arc<StepNeed>> {
        let Self::Underway(steps) = self else { return Err(misused(Misuse::Ticket)) };
        match steps.waits_for() {
            Some((waiting, need)) if waiting.number() == ticket => Ok(need),
            _ => Err(misused(Misuse::Ticket)),
        }
    }
}

impl Cell {
    /// One thread at a time: a second one is refused. Only a thread that has worked for it may be in its way, and not for long.
    fn enter(&self) -> Called<Entered<'_>> {
        if self.is_entered.swap(true, Ordering::Acquire) {
            let sentence = "another thread is in a call with this dw_op: let one at a time use it";
            return Err(Failure::new(DW_IN_USE, sentence));
        }
        let leaves = Leaves(&self.is_entered);
        Ok(Entered { state: self.lock(), _leaves: leaves })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state is let go before another thread is let in.
struct Entered<'a> {
    state: MutexGuard<'a, State>,
    _leaves: Leaves<'a>,
}

struct Leaves<'a>(&'a AtomicBool);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn misused(misuse: Misuse) -> Failure {
    match misuse {
        Misuse::Reply => Failure::new(
            DW_REPLY,
            "the reply is of another form than its need: answer rows with rows, one for each key, in order, each of its key's kind",
        ),
        other => Failure::new(DW_SEQUENCE, other.to_string()),
    }
}

fn taken() -> Failure {
    Failure::new(
        DW_SEQUENCE,
        "the outcome of this dw_op was taken: begin another operation, and free this one",
    )
}

fn reply(
    op: *mut dw_op,
    ticket: u64,
    error: *mut *mut dw_error,
    reply: impl FnOnce(&StepNeed) -> Called<StepReply>,
) -> dw_status {
    call(error, || {
        let cell = OPS.find(op)?;
        let mut entered = cell.enter()?;
        let needed = entered.state.waits_for(ticket)?;
        let reply = reply(&needed)?;
        entered.state.reply(ticket, reply)
    })
}

/// Replies to `DW_NEED_READ`: as many rows as keys, in their order, `exists` false where there is none. A row that was damaged
/// ends the operation as `DW_CORRUPT`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_reply_rows(
    op: *mut dw_op,
    ticket: u64,
    rows: *const dw_row,
    row_count: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    reply(op, ticket, error, |need| {
        let StepNeed::Read(keys) = need else { return Err(misused(Misuse::Reply)) };
        // SAFETY: as the conventions say.
        unsafe { rows::rows_under(keys, rows, row_count) }?.ok_or_else(|| misused(Misuse::Reply))
    })
}

/// Replies to `DW_NEED_SCAN`: the rows in the order of their keys; fewer than the limit only when there are no more.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_reply_page(
    op: *mut dw_op,
    ticket: u64,
    rows: *const dw_row,
    row_count: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    reply(op, ticket, error, |need| {
        let StepNeed::Scan(range, limit) = need else { return Err(misused(Misuse::Reply)) };
        // SAFETY: as the conventions say.
        unsafe { rows::page(range, *limit, rows, row_count) }?.ok_or_else(|| misused(Misuse::Reply))
    })
}

/// Replies to `DW_NEED_COMMIT`: `applied` is 1 when all of it is done, as durably as the batch asks; 0 when a row was not as
/// it was expected, and nothing was changed. When the commit failed, call `dw_op_reply_failed`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_op_reply_commit(
    op: *mut dw_op,
    ticket: u64,
    applied: c_int,
    error: *mut *mut dw_error,
) -> dw_status {
    reply(op, ticket, error, |_| match applied {
        0 => Ok(StepReply::Commit(Commit::Conflict)),
        1 => Ok(StepReply::Commit(Commit::Applied)),
        other => Err(Failure::new(
            DW_VALUE,
            format!(
                "`applied` is {other}: say 1 for applied, 0 for a conflict, and call dw_op_reply_failed when it failed"
            ),
        )),
    })
}

/// Replies to `DW_NEED_CHANGES`: the entries in the order of their numbers, skipping none, and the number of the journal's
/// last entry, which never goes back, also when that entry was purged.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_reply_changes(
    op: *mut dw_op,
    ticket: u64,
    entries: *const dw_change,
    entry_count: usize,
    end: u64,
    error: *mut *mut dw_error,
) -> dw_status {
    // SAFETY: as the conventions say.
    reply(op, ticket, error, |_| unsafe { rows::changes(entries, entry_count, end) })
}

/// Replies to `DW_NEED_PURGE`: how many were removed; fewer than the limit say that none is left.
#[unsafe(no_mangle)]
pub extern "C" fn dw_op_reply_purged(
    op: *mut dw_op,
    ticket: u64,
    removed: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    reply(op, ticket, error, |_| Ok(StepReply::Purged(removed)))
}

/// Replies that the host's store has failed; `failure` is a `dw_store_failure`, which says what is true.
#[unsafe(no_mangle)]
pub extern "C" fn dw_op_reply_failed(
    op: *mut dw_op,
    ticket: u64,
    failure: c_int,
    error: *mut *mut dw_error,
) -> dw_status {
    reply(op, ticket, error, |need| rows::failed(failure, matches!(need, StepNeed::Commit(_))))
}

/// Replies to `DW_NEED_WORK` that the host has no room for it: the operation ends as `DW_BUSY`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_op_reply_busy(op: *mut dw_op, ticket: u64, error: *mut *mut dw_error) -> dw_status {
    reply(op, ticket, error, |_| Ok(StepReply::Busy))
}

/// Does the work of a `DW_NEED_WORK` on this thread, and replies. It waits while as many passwords are hashed as
/// `dw_config_hashing` says; where more wait already than it says, the operation ends as `DW_BUSY`. The operation may be freed
/// meanwhile: then the call answers `DW_HANDLE`. It may run beside other calls with the operation.
#[unsafe(no_mangle)]
pub extern "C" fn dw_work_run(op: *mut dw_op, ticket: u64, error: *mut *mut dw_error) -> dw_status {
    call(error, || {
        let needed = OPS.find(op)?.lock().waits_for(ticket)?;
        let StepNeed::Work(work) = &*needed else { return Err(misused(Misuse::Reply)) };
        let worked = work.run();
        let cell = OPS.find(op)?;
        let mut state = cell.lock();
        state.reply(ticket, worked)
    })
}

/// The outcome, if it is one of this type.
fn take<T: 'static>(op: *mut dw_op) -> Called<Box<T>> {
    let cell = OPS.find(op)?;
    let mut entered = cell.enter()?;
    let state = &mut *entered.state;
    match std::mem::replace(state, State::Taken) {
        State::Done(Ok(finished)) => match finished.downcast::<T>() {
            Ok(finished) => Ok(finished),
            Err(other) => {
                *state = State::Done(Ok(other));
                let sentence =
                    "the operation has another result: call the dw_op_take_ function that its own names";
                Err(Failure::new(DW_SEQUENCE, sentence))
            }
        },
        State::Done(Err(failure)) => {
            // Whatever was to be taken: it was refused.
            *state = State::Done(Err(failure.clone()));
            Err(failure)
        }
        State::Underway(steps) => {
            *state = State::Underway(steps);
            Err(Failure::new(DW_SEQUENCE, "the operation is not done: poll it, and bring what it needs"))
        }
        State::Taken => Err(taken()),
    }
}

/// Takes a result, or what the operation was refused with.
///
/// # Safety
/// C may write to `out`.
pub(crate) unsafe fn take_result<P: 'static>(op: *mut dw_op, out: *mut *mut P) -> Called {
    let out = Out::new(out, "out")?;
    let owned = take::<Owned<P>>(op)?;
    // SAFETY: as the caller has it.
    unsafe { out.put(owned.into_raw()) };
    Ok(())
}

/// Takes a result that is a plain value.
///
/// # Safety
/// C may write to `out`.
pub(crate) unsafe fn take_plain<P: Copy + 'static>(op: *mut dw_op, out: *mut P) -> Called {
    let out = Out::new(out, "out")?;
    let plain = *take::<Owned<P>>(op)?.public();
    // SAFETY: as the caller has it.
    unsafe { out.put(plain) };
    Ok(())
}

/// Takes the outcome of an operation without a result: the status is all of it.
#[unsafe(no_mangle)]
pub extern "C" fn dw_op_take(op: *mut dw_op, error: *mut *mut dw_error) -> dw_status {
    call(error, || take::<Owned<()>>(op).map(drop))
}

/// Takes the context of `dw_op_open`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_take_context(
    op: *mut dw_op,
    out: *mut *mut dw_context,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        let context = take::<Context>(op)?;
        // SAFETY: as the conventions say.
        unsafe { out.put(CONTEXTS.add(*context)) };
        Ok(())
    })
}

/// Frees an operation; NULL is nothing to free. One that is not done is abandoned: a commit that the host has not replied to
/// may stand or fall, and no token was given out.
#[unsafe(no_mangle)]
pub extern "C" fn dw_op_free(op: *mut dw_op) {
    quietly((), || {
        OPS.remove(op);
        Ok(())
    });
}

/// Frees a need; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_need_free(need: *mut dw_need) {
    // SAFETY: it is one that `dw_op_poll` gave, once, as the conventions say.
    unsafe { free(need) }
}
