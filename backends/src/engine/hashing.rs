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
    /// What a run of the policy costs: the memory to keep.
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use doorward_core::password::{Normalization, Password};

    use super::*;

    const KIB: u32 = 12 * 1024;

    fn params() -> Argon2Params {
        Argon2Params::default().with_memory_kib(KIB).unwrap().with_passes(1).unwrap()
    }

    fn pool(at_once: usize, queue: usize) -> Arc<Pool> {
        Arc::new(Pool::new(Hashing { at_once: NonZeroUsize::new(at_once).unwrap(), queue }, params()))
    }

    fn hash(params: Argon2Params) -> Work {
        let password = Password::new("plum kettle orbit").unwrap();
        Work::Hash { password, normalization: Normalization::Nfc, salt: [6; 16], params, pepper: None }
    }

    fn wait_for(pool: &Pool, waiting: usize) {
        let waits = || {
            (0..5_000).any(|_| {
                thread::sleep(Duration::from_millis(1));
                pool.state().waiting.len() == waiting
            })
        };
        assert!(waits(), "{waiting} should wait");
    }

    fn held(pool: &Pool) -> Vec<String> {
        pool.state().idle.iter().map(|memory| format!("{memory:?}")).collect()
    }

    #[test]
    fn pw_15_a_full_queue_is_busy_before_anything_is_allocated() {
        let pool = pool(1, 2);
        thread::scope(|scope| {
            let running = pool.enter().unwrap();
            let waiters: Vec<_> = (0..2).map(|_| scope.spawn(|| pool.run(&hash(params())))).collect();
            wait_for(&pool, 2);
            let refused = scope.spawn(|| pool.run(&hash(params())));
            thread::sleep(Duration::from_millis(100));
            assert!(refused.is_finished(), "it waits");
            assert!(matches!(refused.join().unwrap(), Err(Fault::Busy)));
            let seen = |state: &State| (state.running, state.waiting.len(), state.idle.len());
            assert_eq!(seen(&pool.state()), (1, 2, 0));
            drop(running);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap().is_ok()), "who waited is served");
        });
        assert!(pool.run(&hash(params())).is_ok(), "and the next one, too");
        assert_eq!(held(&pool).len(), 1);
    }

    #[test]
    fn pw_15_without_a_queue_the_second_is_busy_at_once() {
        let pool = pool(1, 0);
        let running = pool.enter().unwrap();
        assert!(matches!(pool.enter(), Err(Fault::Busy)));
        drop(running);
        assert!(pool.enter().is_ok());
    }

    #[test]
    fn pw_15_never_more_than_the_limit_run_and_as_many_blocks_are_kept() {
        let pool = pool(3, 100);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let mut slot = pool.enter().unwrap();
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        hash(params()).run(&mut slot.memory).unwrap();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 3, "all places are used, and no more");
        assert_eq!(held(&pool), ["HashMemory { held_kib: 12288, .. }"; 3]);
        assert_eq!(pool.state().running, 0);
    }

    #[test]
    fn who_comes_first_is_served_first() {
        let pool = pool(1, 100);
        let served = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let running = pool.enter().unwrap();
            for number in 0..12 {
                let (pool, served) = (&pool, &served);
                scope.spawn(move || {
                    let _slot = pool.enter().unwrap();
                    served.lock().unwrap().push(number);
                });
                wait_for(pool, number + 1);
            }
            drop(running);
        });
        assert!(served.lock().unwrap().iter().copied().eq(0..12), "{served:?}");
    }

    /// A free place is not for who comes now while others wait for it.
    #[test]
    fn nobody_overtakes_the_queue() {
        let pool = pool(1, 1);
        pool.state().waiting.push_back(u64::MAX);
        assert!(matches!(pool.enter(), Err(Fault::Busy)));
    }

    #[test]
    fn a_panic_in_a_run_gives_place_and_memory_back() {
        let pool = pool(1, 0);
        for _ in 0..3 {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _slot = pool.enter().unwrap();
                std::panic::resume_unwind(Box::new(()));
            }));
            assert!(panicked.is_err());
            assert_eq!(pool.state().running, 0);
            assert_eq!(held(&pool).len(), 1);
        }
        assert!(pool.run(&hash(params())).is_ok());
    }

    /// A host whose policy asks for more than the default paid for new memory at every login: the pool kept
    /// blocks of the default's size, and gave larger ones back after each run.
    #[test]
    fn the_memory_of_a_costly_policy_is_kept_too() {
        let costly = Argon2Params::default().with_memory_kib(24 * 1024).unwrap().with_passes(1).unwrap();
        let pool = Pool::new(Hashing { at_once: NonZeroUsize::MIN, queue: 0 }, costly);
        pool.run(&hash(costly)).unwrap();
        assert_eq!(held(&pool), ["HashMemory { held_kib: 24576, .. }"]);
    }
}
