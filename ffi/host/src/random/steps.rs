//! The steps of an operation: what it needs, what it is told, and what it came to.

use core::ffi::c_int;

use doorward::core::record::Key;
use doorward::core::store::{Commit, Store};
use doorward_ffi as ffi;
use doorward_ffi::{dw_context, dw_need, dw_op, dw_row, dw_text};

use super::draw::List;
use super::player::Player;
use super::pool::{Kind, Under};
use crate::op::{Need, copy};
use crate::rows::{self, Rows};

/// The functions that take an outcome; after `dw_op_take` and `dw_op_take_context` by their forms.
macro_rules! takes {
    ($me:ident, $op:ident, $take:expr; $($form:ident: $($name:ident)*;)*) => {
        match $take {
            $($(stringify!($name) => {
                // SAFETY: there is a place for each output.
                $me.$form(stringify!($name), |out, error| unsafe { ffi::$name($op, out, error) }).is_some()
            })*)*
            "dw_op_take" => $me.done("dw_op_take", |error| ffi::dw_op_take($op, error)),
            _ => $me.take_context($op),
        }
    };
}

/// Their names.
const TAKES: [&str; 18] = [
    "dw_op_take",
    "dw_op_take_access",
    "dw_op_take_account",
    "dw_op_take_context",
    "dw_op_take_data",
    "dw_op_take_ended_everywhere",
    "dw_op_take_jwks",
    "dw_op_take_login",
    "dw_op_take_maintained",
    "dw_op_take_purged",
    "dw_op_take_receipt",
    "dw_op_take_renewed",
    "dw_op_take_revoked",
    "dw_op_take_rotated",
    "dw_op_take_session",
    "dw_op_take_session_list",
    "dw_op_take_string",
    "dw_op_take_tokens",
];

/// More than any operation takes that is told the truth.
const MOST_STEPS: usize = 80;

impl Player<'_> {
    /// Steps an operation to its end, and takes what it came to.
    pub(super) fn drive(&mut self, op: usize) {
        let handle = std::ptr::without_provenance_mut::<dw_op>(op);
        for _ in 0..MOST_STEPS {
            match self.poll(handle) {
                Some(Need::Done) => break,
                Some(_) => self.reply(handle),
                None if self.wild == 0 => break,
                None => {}
            }
            self.wild = if self.rng.chance(30) { 200 } else { 0 };
        }
        self.take(handle);
        self.close_this(Kind::Op, op);
    }

    /// One step of any operation.
    pub(super) fn step(&mut self) {
        let op = self.handle::<dw_op>(Kind::Op);
        match self.rng.below(8) {
            0..=2 => drop(self.poll(op)),
            3..=5 => self.reply(op),
            6 => self.take(op),
            _ => self.drive(op.addr()),
        }
    }

    fn poll(&mut self, op: *mut dw_op) -> Option<Need> {
        // SAFETY: there is a place for each output.
        let given: *mut dw_need =
            self.out("dw_op_poll", |out, error| unsafe { ffi::dw_op_poll(op, out, error) })?;
        // SAFETY: the call has given it, and nobody else has it.
        let (ticket, need) = unsafe {
            let given = given.as_ref().expect("a need is written on DW_OK");
            (given.ticket, copy(given))
        };
        self.hold(given);
        if let Some(under) = self.pool.known().ops.get_mut(&op.addr()) {
            under.need = Some((ticket, need.clone()));
        }
        Some(need)
    }

    /// Replies to what the operation was seen to need; wild, to something else.
    fn reply(&mut self, op: *mut dw_op) {
        let under = self.pool.known().ops.get(&op.addr()).cloned();
        let under = under.unwrap_or(Under { take: "", store: 0, need: None });
        let (mut ticket, need) = under.need.unwrap_or((0, Need::Done));
        if self.wild() {
            ticket = self.rng.pick(&[0, ticket + 1, ticket.wrapping_sub(1), u64::MAX]).unwrap_or(0);
        }
        if self.wild() || need == Need::Done {
            return self.reply_at_random(op, ticket);
        }
        let is_work = matches!(need, Need::Work { .. });
        if self.rng.chance(15) {
            return self.reply_failed(op, ticket);
        }
        if is_work && self.rng.chance(30) {
            self.done("dw_op_reply_busy", |error| ffi::dw_op_reply_busy(op, ticket, error));
            return;
        }
        let store = &self.pool.stores[under.store % 2];
        match need {
            Need::Done => {}
            Need::Work { .. } => {
                self.done("dw_work_run", |error| ffi::dw_work_run(op, ticket, error));
            }
            Need::Read(keys) => match store.read(&keys) {
                Ok(found) => self.reply_rows(op, ticket, &Rows::under(&keys, &found), true),
                Err(_) => self.reply_failed(op, ticket),
            },
            Need::Scan(range, limit) => match store.scan(&range, limit) {
                Ok(page) => self.reply_rows(op, ticket, &Rows::page(&page), false),
                Err(_) => self.reply_failed(op, ticket),
            },
            Need::Commit(batch) => match store.commit(&batch) {
                Ok(commit) => self.reply_commit(op, ticket, (commit == Commit::Applied).into()),
                Err(_) => self.reply_failed(op, ticket),
            },
            Need::Changes(after, limit) => match store.changes(after, limit) {
                Ok(changes) => {
                    let entries = changes.entries.iter().map(rows::change).collect();
                    self.reply_changes(op, ticket, entries, changes.end.number());
                }
                Err(_) => self.reply_failed(op, ticket),
            },
            Need::Purge(now, limit) => match store.purge(now, limit) {
                Ok(removed) => self.reply_purged(op, ticket, removed),
                Err(_) => self.reply_failed(op, ticket),
            },
        }
    }

    fn reply_at_random(&mut self, op: *mut dw_op, ticket: u64) {
        match self.rng.below(9) {
            0 => {
                let keys = [Key::Keyring, Key::Clock];
                let found = self.pool.stores[0].read(&keys).unwrap_or_default();
                self.reply_rows(op, ticket, &Rows::under(&keys, &found), true);
            }
            1 => self.reply_rows(op, ticket, &Rows::page(&[]), false),
            2 => {
                let applied = self.choice(0, 2);
                self.reply_commit(op, ticket, applied);
            }
            3 => {
                let end = self.rng.number();
                self.reply_changes(op, ticket, vec![], end);
            }
            4 => {
                let removed = self.size(&[0, 1, 1000]);
                self.reply_purged(op, ticket, removed);
            }
            5 => {
                self.done("dw_op_reply_busy", |error| ffi::dw_op_reply_busy(op, ticket, error));
            }
            6 => {
                self.done("dw_work_run", |error| ffi::dw_work_run(op, ticket, error));
            }
            _ => self.reply_failed(op, ticket),
        }
    }

    fn reply_rows(&mut self, op: *mut dw_op, ticket: u64, rows: &Rows, is_read: bool) {
        let mut changed = rows.all.clone();
        // What a changed row points to.
        let mut record = vec![];
        if self.wild() {
            self.change_rows(&mut changed, &mut record);
        }
        let list: List<dw_row> = self.list(changed, vec![]);
        // SAFETY: the pointer goes with its count, and what it points to lives during the call.
        unsafe {
            if is_read {
                self.done("dw_op_reply_rows", |error| {
                    ffi::dw_op_reply_rows(op, ticket, list.ptr(), list.count, error)
                });
            } else {
                self.done("dw_op_reply_page", |error| {
                    ffi::dw_op_reply_page(op, ticket, list.ptr(), list.count, error)
                });
            }
        }
    }

    fn change_rows(&mut self, rows: &mut Vec<dw_row>, record: &mut Vec<u8>) {
        let at = self.rng.below(rows.len());
        let Some(row) = rows.get_mut(at) else { return };
        match self.rng.below(13) {
            0 => row.exists = self.rng.byte(),
            1 => row.stamp.bytes = self.rng.bytes(),
            2 => row.epoch = self.rng.number(),
            3 => row.has_owner = self.rng.byte(),
            4 => row.owner.bytes = self.rng.bytes(),
            5 => row.has_expires = self.rng.byte(),
            6 => row.expires = self.rng.number().cast_signed(),
            7 => row.key.kind = self.rng.pick(&[0, 1, 9, 13, 14, 255, 256, u32::MAX]).unwrap_or(0),
            8 => row.record.len = self.rng.below(row.record.len),
            9 => {
                // SAFETY: it is as long as it says: nothing has changed it yet.
                let bytes =
                    unsafe { std::slice::from_raw_parts(row.record.ptr.cast::<u8>(), row.record.len) };
                record.extend_from_slice(bytes);
                let bit = 1 << self.rng.below(8);
                let at = self.rng.below(record.len());
                record.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
                row.record = dw_text { ptr: record.as_ptr().cast(), len: record.len() };
            }
            10 => row.record = dw_text { ptr: std::ptr::null(), len: self.rng.below(2) },
            11 => rows.truncate(at),
            _ => {
                let again = *row;
                rows.insert(self.rng.below(rows.len()), again);
            }
        }
    }

    fn reply_commit(&mut self, op: *mut dw_op, ticket: u64, applied: c_int) {
        self.done("dw_op_reply_commit", |error| ffi::dw_op_reply_commit(op, ticket, applied, error));
    }

    fn reply_changes(&mut self, op: *mut dw_op, ticket: u64, mut entries: Vec<ffi::dw_change>, end: u64) {
        if self.wild() {
            let entry = ffi::dw_change {
                number: self.rng.number(),
                kind: self.rng.pick(&[0, 1, 2, 3, 4, 5, u32::MAX]).unwrap_or(0),
                subject: self.account(),
                floor: self.rng.number(),
                until: self.time(),
            };
            entries.insert(self.rng.below(entries.len()), entry);
        }
        let end = self.number(&[end]);
        let list = self.list(entries, vec![]);
        // SAFETY: the pointer goes with its count, and what it points to lives during the call.
        self.done("dw_op_reply_changes", |error| unsafe {
            ffi::dw_op_reply_changes(op, ticket, list.ptr(), list.count, end, error)
        });
    }

    fn reply_purged(&mut self, op: *mut dw_op, ticket: u64, removed: usize) {
        self.done("dw_op_reply_purged", |error| ffi::dw_op_reply_purged(op, ticket, removed, error));
    }

    fn reply_failed(&mut self, op: *mut dw_op, ticket: u64) {
        let failure = self.choice(1, 4);
        self.done("dw_op_reply_failed", |error| ffi::dw_op_reply_failed(op, ticket, failure, error));
    }

    /// Takes the outcome by its own function; wild, by another.
    fn take(&mut self, op: *mut dw_op) {
        let under = self.pool.known().ops.get(&op.addr()).cloned();
        self.home = under.as_ref().map_or(0, |under| under.store);
        let own = under.map(|under| under.take);
        let any = self.rng.pick(&TAKES).unwrap_or_default();
        let take = if self.wild() { any } else { own.unwrap_or(any) };
        takes! { self, op, take;
            plain: dw_op_take_account dw_op_take_purged dw_op_take_revoked;
            owned: dw_op_take_access dw_op_take_data dw_op_take_ended_everywhere dw_op_take_jwks
                dw_op_take_login dw_op_take_maintained dw_op_take_receipt dw_op_take_renewed
                dw_op_take_rotated dw_op_take_session dw_op_take_session_list dw_op_take_string
                dw_op_take_tokens;
        };
    }

    fn take_context(&mut self, op: *mut dw_op) -> bool {
        let store = self.pool.known().ops.get(&op.addr()).map_or(0, |under| under.store);
        // SAFETY: there is a place for each output.
        let context =
            self.opened("dw_op_take_context", Kind::Context, |out: *mut *mut dw_context, error| unsafe {
                ffi::dw_op_take_context(op, out, error)
            });
        if let Some(context) = context {
            self.pool.known().homes.insert(context, store);
        }
        context.is_some()
    }
}
