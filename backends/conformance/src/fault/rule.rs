//! Which calls fail, and how.

use std::time::Duration;

use doorward_core::error::{StoreError, StoreErrorKind};

use super::{CallKind, PANIC, Snapshot, error};

/// What happens to a call.
///
/// # Example: a batch that was lost, and one that is late
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::error::StoreErrorKind;
/// # use doorward_core::id::Stamp;
/// # use doorward_core::store::{Batch, Commit, Durability, Store};
/// use doorward_conformance::fault::{Failure, FaultStore, Rule};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
///
/// let faulty = FaultStore::new(Arc::new(Memory::default()));
/// faulty.add(Rule::new(Failure::UnknownNotApplied));
/// faulty.add(Rule::new(Failure::UnknownAppliedLater { before_call: None }).nth(2));
/// # let batch = Batch::new(Stamp::from_bytes([1; 16]), Durability::Durable);
/// assert_eq!(faulty.commit(&batch).unwrap_err().kind(), StoreErrorKind::Unknown); // lost for good
/// assert_eq!(faulty.commit(&batch).unwrap_err().kind(), StoreErrorKind::Unknown); // on its way
/// assert_eq!(faulty.on_the_way(), 1);
/// assert!(matches!(faulty.release()[..], [Ok(Commit::Applied)]));
/// ```
#[derive(Debug, Clone)]
pub enum Failure {
    /// Nothing is applied, and the answer is `Retryable`.
    Retryable,
    /// The call is carried out, and the answer, whatever it was, is lost: `Unknown`. If the store itself
    /// fails, its own error is the answer.
    UnknownApplied,
    /// Nothing is applied, and the answer is `Unknown`.
    UnknownNotApplied,
    /// The answer is `Unknown`, and the batch arrives later: at [`FaultStore::release`](super::FaultStore::release),
    /// or just before the call that comes as the `before_call`-th after this one. It compares its expectations
    /// when it arrives. Calls other than `commit` are not carried out at all.
    UnknownAppliedLater {
        /// Before which later call it arrives, counted from 1; `None`: only at a release.
        before_call: Option<u64>,
    },
    /// The commit's sync fails: `Unknown`, and from then on reads, scans and changes are `Retryable` until a
    /// durable commit has applied. A batch that is to stand and conflicts is answered so. Other calls than
    /// `commit` are not carried out.
    FailedSync {
        /// Whether the batch stands nevertheless.
        applied: bool,
    },
    /// Nothing is applied, and the answer is `Fatal`.
    Fatal,
    /// Nothing is applied, and the answer is `Corrupt`.
    Corrupt,
    /// The call is carried out after this time.
    Slow(Duration),
    /// Nothing is applied, and the call panics.
    Panics,
    /// The call is carried out and panics.
    PanicsApplied,
    /// Reads, scans and changes answer from this snapshot; commits and purges are carried out.
    Stale(Snapshot),
}

impl Failure {
    /// The error of a failure before which nothing is applied.
    pub(super) fn without_effect(self) -> StoreError {
        error(match self {
            Self::Retryable => StoreErrorKind::Retryable,
            Self::Fatal => StoreErrorKind::Fatal,
            Self::Corrupt => StoreErrorKind::Corrupt,
            Self::Panics | Self::PanicsApplied => panic!("{PANIC}"),
            Self::UnknownApplied
            | Self::UnknownNotApplied
            | Self::UnknownAppliedLater { .. }
            | Self::FailedSync { .. }
            | Self::Slow(_)
            | Self::Stale(_) => StoreErrorKind::Unknown,
        })
    }
}

/// A line of the script: which calls meet which failure. By default the next call, of whatever kind, once.
///
/// # Example: from the third read on, all reads fail
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::store::Store;
/// use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
///
/// let faulty = FaultStore::new(Arc::new(Memory::default()));
/// faulty.add(Rule::new(Failure::Retryable).on(CallKind::Read).nth(3).sticky());
/// let answers: Vec<bool> = (0..4).map(|_| faulty.read(&[]).is_ok()).collect();
/// assert_eq!(answers, [true, true, false, false]);
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    failure: Failure,
    kind: Option<CallKind>,
    nth: u64,
    sticky: bool,
    met: u64,
}

impl Rule {
    /// The next call meets this failure.
    pub fn new(failure: Failure) -> Self {
        Self { failure, kind: None, nth: 1, sticky: false, met: 0 }
    }

    /// Only calls of this kind count.
    #[must_use]
    pub fn on(mut self, kind: CallKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The `nth` call that counts, from 1 on, since the rule was added.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    /// That call and every one after it.
    #[must_use]
    pub fn sticky(mut self) -> Self {
        self.sticky = true;
        self
    }

    /// Counts a call, and gives its failure when it is to meet one.
    pub(super) fn meets(&mut self, kind: CallKind) -> Option<Failure> {
        if self.kind.is_some_and(|only| only != kind) {
            return None;
        }
        self.met += 1;
        let now = self.met == self.nth || self.sticky && self.met > self.nth;
        now.then(|| self.failure.clone())
    }
}
