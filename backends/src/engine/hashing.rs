//! Password hashing: as many runs at once as there are cores, the others in a bounded queue.
//!
//! Each run needs its parameters' memory (19 MiB by default). The pool keeps one block per run at once, used
//! again and wiped after each run: allocating it anew each time costs a third more, and without a bound 64
//! logins at once would want more than a gigabyte. The caller's own thread does the work.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use doorward_core::error::Fault;
use doorward_core::password::{Argon2Params, HashMemory};
use doorward_core::work::{Work, Worked};

/// How much hashing an engine does at once.
///
/// # Example: a small machine
/// ```
/// use std::num::NonZeroUsize;
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, Hashing, MasterKey};
///
/// // At most 2 x 19 MiB for hashing; the eleventh caller at once is told to come again.
/// let hashing = Hashing { at_once: NonZeroUsize::new(2).expect("two is not zero"), queue: 8 };
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(1, [1; 32]))
///     .hashing(hashing)
///     .open()?;
/// assert_eq!(engine.policy().argon2().memory_kib(), 19 * 1024); // the memory of one run
/// # Ok::<(), doorward::OpenError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// Runs at once. Default: the number of cores.
    pub at_once: NonZeroUsize,
    /// Callers that may wait for a run; the next one is told [`Fault::Busy`] before anything is allocated.
    /// Default 128.
    pub queue: usize,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { at_once: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN), queue: 128 }
    }
}

pub(super) struct Pool {
    limits: Hashing,
    /// What most runs need: blocks of this size are kept between runs.
    params: Argon2Params,
    state: Mutex<State>,
    turn: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Who waits, in the order of coming: first come, first served.
    waiting: VecDeque<u64>,
    next: u64,
    idle: Vec<HashMemory>,
}

impl Pool {
    pub(super) fn new(limits: Hashing, params: Argon2Params) -> Self {
        Self { limits, params, state: Mutex::default(), turn: Condvar::new() }
    }

    /// Runs the work when its turn comes.
    pub(super) fn run(&self, work: &Work) -> Result<Worked, Fault> {
        let mut slot = self.enter()?;
        work.run(&mut slot.memory).map_err(|_| Fault::Busy)
    }

    fn enter(&self) -> Result<Slot<'_>, Fault> {
        let mut state = self.state();
        let is_free = |state: &State| state.running < self.limits.at_once.get();
        if !(is_free(&state) && state.waiting.is_empty()) {
            if state.waiting.len() >= self.limits.queue {
                return Err(Fault::Busy);
            }
            let ticket = state.next;
            state.next += 1;
            state.waiting.push_back(ticket);
            let is_turn = |state: &State| is_free(state) && state.waiting.front() == Some(&ticket);
            state =
                self.turn.wait_while(state, |state| !is_turn(state)).unwrap_or_else(PoisonError::into_inner);
            state.waiting.pop_front();
            // The next one in the queue may have a free run as well.
            self.turn.notify_all();
        }
        state.running += 1;
        let memory = state.idle.pop().unwrap_or_else(|| HashMemory::keeping(&self.params));
        Ok(Slot { pool: self, memory })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One run's place; gives memory and turn back, also when the run panics.
struct Slot<'a> {
    pool: &'a Pool,
    memory: HashMemory,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.running -= 1;
        state.idle.push(std::mem::take(&mut self.memory));
        self.pool.turn.notify_all();
    }
}
