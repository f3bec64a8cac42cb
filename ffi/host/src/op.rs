//! An operation at a context, stepped by the host.

use core::ffi::c_int;
use std::fmt;
use std::sync::Arc;

use doorward::Timestamp;
use doorward::core::error::{StoreError, StoreErrorKind};
use doorward::core::record::{Key, Row};
use doorward::core::store::{Batch, Changes, Commit, Cursor, Range, Store};
use doorward_ffi as ffi;
use doorward_ffi::{dw_need, dw_need_kind, dw_op, dw_store_failure};

use crate::called::{Called, done, pointer};
use crate::given::Given;
use crate::host::Fill;
use crate::rows;

pub(crate) type Take = fn(*mut dw_op) -> Called<Given>;

/// `dw_op`
pub struct Op {
    raw: *mut dw_op,
    take: Take,
    /// It is called for as long as an operation goes on.
    _entropy: Arc<Arc<Fill>>,
}

/// `dw_need`, with its parts as the engine's own types again.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// The outcome is there.
    Done,
    /// Rows under keys.
    Read(Vec<Key>),
    /// A page of rows.
    Scan(Range, usize),
    /// A batch to apply.
    Commit(Batch),
    /// A page of the journal.
    Changes(Cursor, usize),
    /// What is to be removed.
    Purge(Timestamp, usize),
    /// Work.
    Work {
        /// Whether a password is hashed.
        is_hashing: bool,
    },
}

/// What a host replies with.
#[derive(Debug)]
pub enum Reply {
    /// `dw_op_reply_rows`
    Rows(Vec<Option<Row>>),
    /// `dw_op_reply_page`
    Page(Vec<(Key, Row)>),
    /// `dw_op_reply_commit`
    Commit(Commit),
    /// `dw_op_reply_changes`
    Changes(Changes),
    /// `dw_op_reply_purged`
    Purged(usize),
    /// `dw_op_reply_failed`
    Failed(StoreErrorKind),
    /// `dw_op_reply_busy`
    Busy,
}

impl Op {
    pub(crate) fn new(raw: *mut dw_op, take: Take, entropy: Arc<Arc<Fill>>) -> Self {
        Self { raw, take, _entropy: entropy }
    }

    /// `dw_op_poll`: the ticket and the need.
    pub fn poll(&mut self) -> Called<(u64, Need)> {
        // SAFETY: there is a place for each output.
        let given: *mut dw_need = pointer(|out, error| unsafe { ffi::dw_op_poll(self.raw, out, error) })?;
        // SAFETY: the call has given it, and nobody else has it.
        unsafe {
            let need = given.as_ref().expect("a need is written on DW_OK");
            let copied = (need.ticket, copy(need));
            ffi::dw_need_free(given);
            Ok(copied)
        }
    }

    /// The reply function of this form. Rows go under these keys, those of the need.
    pub fn reply(&mut self, ticket: u64, keys: &[Key], reply: &Reply) -> Called {
        let op = self.raw;
        // SAFETY: each pointer goes with its count, and what it points to lives during the call.
        unsafe {
            match reply {
                Reply::Rows(found) => {
                    let kept = rows::Rows::under(keys, found);
                    done(|error| ffi::dw_op_reply_rows(op, ticket, kept.all.as_ptr(), kept.all.len(), error))
                }
                Reply::Page(page) => {
                    let kept = rows::Rows::page(page);
                    done(|error| ffi::dw_op_reply_page(op, ticket, kept.all.as_ptr(), kept.all.len(), error))
                }
                Reply::Commit(commit) => {
                    let applied = c_int::from(*commit == Commit::Applied);
                    done(|error| ffi::dw_op_reply_commit(op, ticket, applied, error))
                }
                Reply::Changes(changes) => {
                    let entries: Vec<_> = changes.entries.iter().map(rows::change).collect();
                    let (first, count, end) = (entries.as_ptr(), entries.len(), changes.end.number());
                    done(|error| ffi::dw_op_reply_changes(op, ticket, first, count, end, error))
                }
                Reply::Purged(removed) => done(|error| ffi::dw_op_reply_purged(op, ticket, *removed, error)),
                Reply::Failed(kind) => {
                    let failure = failure(*kind) as c_int;
                    done(|error| ffi::dw_op_reply_failed(op, ticket, failure, error))
                }
                Reply::Busy => done(|error| ffi::dw_op_reply_busy(op, ticket, error)),
            }
        }
    }

    /// `dw_work_run`
    pub fn work(&mut self, ticket: u64) -> Called {
        done(|error| ffi::dw_work_run(self.raw, ticket, error))
    }

    /// The `dw_op_take_` function of its result.
    pub fn take(&mut self) -> Called<Given> {
        (self.take)(self.raw)
    }
}

/// # Safety
/// A call gave it, and it is not freed.
pub(crate) unsafe fn copy(need: &dw_need) -> Need {
    // SAFETY: as the caller has it, each pointer is that of the kind's own part.
    unsafe {
        match need.kind {
            dw_need_kind::DW_NEED_DONE => Need::Done,
            dw_need_kind::DW_NEED_READ => {
                let keys = (0..need.key_count).map(|at| rows::key(&*need.keys.add(at)));
                Need::Read(keys.collect())
            }
            dw_need_kind::DW_NEED_SCAN => Need::Scan(rows::range(&*need.range), need.limit),
            dw_need_kind::DW_NEED_COMMIT => Need::Commit(rows::batch(&*need.batch)),
            dw_need_kind::DW_NEED_CHANGES => Need::Changes(Cursor::from_number(need.after), need.limit),
            dw_need_kind::DW_NEED_PURGE => Need::Purge(Timestamp::from_millis(need.now), need.limit),
            dw_need_kind::DW_NEED_WORK => Need::Work { is_hashing: need.is_hashing },
        }
    }
}

pub(crate) fn failure(kind: StoreErrorKind) -> dw_store_failure {
    match kind {
        StoreErrorKind::Retryable => dw_store_failure::DW_RETRYABLE,
        StoreErrorKind::Unknown => dw_store_failure::DW_UNKNOWN,
        StoreErrorKind::Fatal => dw_store_failure::DW_FATAL,
        StoreErrorKind::Corrupt => dw_store_failure::DW_DAMAGED,
    }
}

/// Brings one need out of this store; whether there was one.
pub(crate) fn bring(op: &mut Op, store: &dyn Store) -> Called<bool> {
    let (ticket, need) = op.poll()?;
    let (keys, reply) = match need {
        Need::Done => return Ok(false),
        Need::Work { .. } => return op.work(ticket).map(|()| true),
        Need::Read(keys) => {
            let rows = store.read(&keys).map(Reply::Rows);
            (keys, rows)
        }
        Need::Scan(range, limit) => (vec![], store.scan(&range, limit).map(Reply::Page)),
        Need::Commit(batch) => (vec![], store.commit(&batch).map(Reply::Commit)),
        Need::Changes(after, limit) => (vec![], store.changes(after, limit).map(Reply::Changes)),
        Need::Purge(now, limit) => (vec![], store.purge(now, limit).map(Reply::Purged)),
    };
    let reply = reply.unwrap_or_else(|error: StoreError| Reply::Failed(error.kind()));
    op.reply(ticket, &keys, &reply).map(|()| true)
}

/// Runs an operation to its end on this store.
pub fn drive(mut op: Op, store: &dyn Store) -> Called<Given> {
    while bring(&mut op, store)? {}
    op.take()
}

impl Drop for Op {
    fn drop(&mut self) {
        ffi::dw_op_free(self.raw);
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Op").field(&self.raw).finish()
    }
}
