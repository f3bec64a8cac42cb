//! Whether what is read can be relied on.
//!
//! | from | by | to | reads |
//! |---|---|---|---|
//! | settled | a commit whose fate is unknown | unsettled | fail as `Retryable`, after asking the writer |
//! | unsettled | the writer, once nothing is in doubt | settled | are answered |
//! | any | a panic of the writer | stopped, for good | fail as `Fatal` |
//!
//! A disk can report an error when it syncs, and still have what was written after a recovery. Neither a reopened file
//! nor a second sync tells which; each writer's `settle` says how it finds out.

use std::sync::atomic::{AtomicU8, Ordering};

pub(super) struct Standing(AtomicU8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Settled,
    Unsettled,
    Stopped,
}

impl Standing {
    pub(super) fn settled() -> Self {
        Self(AtomicU8::new(SETTLED))
    }

    pub(super) fn now(&self) -> Stand {
        match self.0.load(Ordering::SeqCst) {
            SETTLED => Stand::Settled,
            UNSETTLED => Stand::Unsettled,
            _ => Stand::Stopped,
        }
    }

    pub(super) fn unsettle(&self) {
        self.change(SETTLED, UNSETTLED);
    }

    pub(super) fn settle(&self) {
        self.change(UNSETTLED, SETTLED);
    }

    pub(super) fn stop(&self) {
        self.0.store(STOPPED, Ordering::SeqCst);
    }

    /// From any other standing nothing changes: what is stopped stays stopped.
    fn change(&self, from: u8, to: u8) {
        let _unchanged = self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }
}

const SETTLED: u8 = 0;
const UNSETTLED: u8 = 1;
const STOPPED: u8 = 2;
