//! A store that fails when it is told to.
//!
//! [`FaultStore`] stands before another store and passes every call on, until a [`Rule`] says otherwise. It
//! remembers each call it was given, so that a test can compare what two operations asked of the store.
//!
//! | [`Failure`] | the store does | the caller sees |
//! |---|---|---|
//! | [`Retryable`](Failure::Retryable), [`Fatal`](Failure::Fatal), [`Corrupt`](Failure::Corrupt) | nothing | that error |
//! | [`UnknownApplied`](Failure::UnknownApplied) | the call | `Unknown` |
//! | [`UnknownNotApplied`](Failure::UnknownNotApplied) | nothing | `Unknown` |
//! | [`UnknownAppliedLater`](Failure::UnknownAppliedLater) | the batch, later | `Unknown` |
//! | [`FailedSync`](Failure::FailedSync) | the batch or nothing | `Unknown`, then `Retryable` until a durable commit |
//! | [`Slow`](Failure::Slow) | the call, after a while | the answer |
//! | [`Panics`](Failure::Panics), [`PanicsApplied`](Failure::PanicsApplied) | nothing; the call | a panic |
//! | [`Stale`](Failure::Stale) | nothing | rows as they once were |

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Durability, Guarantees, Range, Store};
use doorward_core::time::Timestamp;

pub use call::{Call, CallKind, Written};
pub use rule::{Failure, Rule};
pub use snapshot::Snapshot;

mod call;
mod rule;
mod snapshot;

/// A store that passes calls on to another, except where its script says otherwise. Clones share the script,
/// the record of calls and the store.
///
/// # Example: the answer to the second commit is lost
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::id::Stamp;
/// # use doorward_core::record::Key;
/// # use doorward_core::store::{Batch, Durability, Store};
/// use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
///
/// let faulty = FaultStore::new(Arc::new(Memory::default()));
/// faulty.add(Rule::new(Failure::UnknownApplied).on(CallKind::Commit).nth(2));
/// let for_the_engine: Arc<dyn Store> = Arc::new(faulty.clone()); // shares script and record
/// # let batch = Batch::new(Stamp::from_bytes([1; 16]), Durability::Durable);
/// assert!(for_the_engine.commit(&batch).is_ok());
/// for_the_engine.read(&[Key::Keyring])?;
/// assert!(for_the_engine.commit(&batch).is_err());
///
/// let asked: Vec<String> = faulty.calls().iter().map(ToString::to_string).collect();
/// assert_eq!(asked, ["commit", "read keyring", "commit"]);
/// # Ok::<(), doorward_core::error::StoreError>(())
/// ```
#[derive(Clone)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    late: Vec<Late>,
    doubtful: bool,
}

/// A batch that is still on its way.
struct Late {
    batch: Batch,
    before_call: Option<u64>,
}

impl FaultStore {
    /// A store without a script: each call is passed on.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// Adds a rule. When several rules fit a call, the one that was added first decides; all count the call.
    pub fn add(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// Removes every rule, and ends the wait after a failed sync. What is on its way stays there.
    pub fn heal(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.doubtful = false;
    }

    /// Every call so far, in the order in which they came.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Forgets the calls so far. Rules count on.
    pub fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// Lets every batch that is on its way arrive, in the order in which they set out, and gives what became
    /// of each: one that arrives late still compares.
    pub fn release(&self) -> Vec<Result<Commit, StoreError>> {
        let late = std::mem::take(&mut self.state().late);
        late.into_iter().map(|late| self.inner.commit(&late.batch)).collect()
    }

    /// How many batches are on their way.
    pub fn on_the_way(&self) -> usize {
        self.state().late.len()
    }

    /// All that the store shows now, for [`Failure::Stale`]. Take it while nobody writes.
    ///
    /// # Errors
    /// The store's own. No rule is asked and no call is noted.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::of(&*self.inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the call, lets what is due arrive first, and says what is to happen.
    fn begin(&self, call: Call) -> Option<Failure> {
        let (due, failure) = {
            let mut state = self.state();
            let kind = call.kind();
            state.calls.push(call);
            for late in &mut state.late {
                late.before_call = late.before_call.map(|calls| calls.saturating_sub(1));
            }
            let is_due = |late: &mut Late| late.before_call == Some(0);
            let due: Vec<Late> = state.late.extract_if(.., is_due).collect();
            let mut failure = None;
            for rule in &mut state.rules {
                let fits = rule.meets(kind);
                failure = failure.or(fits);
            }
            (due, failure)
        };
        for late in due {
            // What becomes of it is nobody's answer any more.
            let _ = self.inner.commit(&late.batch);
        }
        failure
    }

    /// Carries out a call that is no commit.
    fn call<T>(
        &self,
        call: Call,
        pass_on: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
        stale: impl FnOnce(&Snapshot) -> Option<T>,
    ) -> Result<T, StoreError> {
        let shows = matches!(call.kind(), CallKind::Read | CallKind::Scan | CallKind::Changes);
        match self.begin(call) {
            Some(Failure::UnknownApplied) => {
                pass_on(&*self.inner)?;
                Err(error(StoreErrorKind::Unknown))
            }
            Some(Failure::Stale(snapshot)) => match stale(&snapshot) {
                Some(answer) => Ok(answer),
                None => pass_on(&*self.inner),
            },
            Some(Failure::PanicsApplied) => {
                let _ = pass_on(&*self.inner);
                panic!("{PANIC}")
            }
            Some(Failure::Slow(time)) => {
                thread::sleep(time);
                pass_on(&*self.inner)
            }
            Some(failure) => Err(failure.without_effect()),
            None if shows && self.state().doubtful => Err(error(StoreErrorKind::Retryable)),
            None => pass_on(&*self.inner),
        }
    }

    fn commit_on(&self, batch: &Batch) -> Result<Commit, StoreError> {
        let answer = self.inner.commit(batch)?;
        if answer == Commit::Applied && batch.durability == Durability::Durable {
            self.state().doubtful = false;
        }
        Ok(answer)
    }
}

impl Store for FaultStore {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let call = Call::Read { keys: keys.to_vec() };
        self.call(call, |inner| inner.read(keys), |old| Some(old.read(keys)))
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        match self.begin(Call::commit(batch)) {
            None | Some(Failure::Stale(_)) => self.commit_on(batch),
            Some(Failure::Slow(time)) => {
                thread::sleep(time);
                self.commit_on(batch)
            }
            Some(Failure::UnknownApplied) => {
                self.inner.commit(batch)?;
                Err(error(StoreErrorKind::Unknown))
            }
            Some(Failure::UnknownAppliedLater { before_call }) => {
                let batch = batch.clone();
                self.state().late.push(Late { batch, before_call });
                Err(error(StoreErrorKind::Unknown))
            }
            Some(Failure::FailedSync { applied }) => {
                if applied && self.inner.commit(batch)? == Commit::Conflict {
                    return Ok(Commit::Conflict);
                }
                self.state().doubtful = true;
                Err(error(StoreErrorKind::Unknown))
            }
            Some(Failure::PanicsApplied) => {
                let _ = self.inner.commit(batch);
                panic!("{PANIC}")
            }
            Some(failure) => Err(failure.without_effect()),
        }
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        let call = Call::Scan { range: range.clone(), limit };
        self.call(call, |inner| inner.scan(range, limit), |old| Some(old.scan(range, limit)))
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        let call = Call::Changes { after, limit };
        self.call(call, |inner| inner.changes(after, limit), |old| Some(old.changes(after, limit)))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.call(Call::Purge { now, limit }, |inner| inner.purge(now, limit), |_| None)
    }

    /// Passed on, neither counted nor noted.
    fn guarantees(&self) -> Guarantees {
        self.inner.guarantees()
    }
}

impl fmt::Debug for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("FaultStore")
            .field("rules", &state.rules)
            .field("calls", &state.calls.len())
            .field("on_the_way", &state.late.len())
            .finish_non_exhaustive()
    }
}

const PANIC: &str = "the fault store panics, as its script says";

fn error(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "the fault store fails, as its script says")
}
