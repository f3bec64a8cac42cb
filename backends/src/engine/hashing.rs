//! Password hashing: as many runs at once as there are cores, the others in a bounded queue, in which no source crowds
//! the others out.
//!
//! Each run needs its parameters' memory (19 MiB by default). The pool keeps one block per run at once, used
//! again and wiped after each run: allocating it anew each time costs a third more, and without a bound 64
//! logins at once would want more than a gigabyte. The caller's own thread does the work.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use doorward_core::error::Fault;
use doorward_core::model::source::SourcePrefix;
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
/// // At most 2 x 19 MiB for hashing; the eleventh caller at once is told to come again, and so is the third that
/// // would wait from one address.
/// let at_once = NonZeroUsize::new(2).expect("two is not zero");
/// let hashing = Hashing { at_once, queue: 8, ..Hashing::default() };
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
    /// Into how many shares the queue is cut. Callers of one source may fill one share, which is one place at least;
    /// the next one is told [`Fault::Busy`] while others still get in. A caller without a source may take any place.
    /// Default 4.
    pub shares: NonZeroUsize,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            at_once: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            queue: 128,
            shares: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
        }
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
    /// The sources of the runs in progress, in the order of beginning.
    running: Vec<Option<SourcePrefix>>,
    /// Who waits, in the order of coming.
    waiting: VecDeque<Waiter>,
    next: u64,
    idle: Vec<HashMemory>,
}

struct Waiter {
    ticket: u64,
    source: Option<SourcePrefix>,
}

impl Pool {
    pub(super) fn new(limits: Hashing, params: Argon2Params) -> Self {
        Self { limits, params, state: Mutex::default(), turn: Condvar::new() }
    }

    /// Runs the work when its source's turn comes.
    pub(super) fn run(&self, work: &Work, source: Option<SourcePrefix>) -> Result<Worked, Fault> {
        let mut slot = self.enter(source)?;
        work.run(&mut slot.memory).map_err(|_| Fault::Busy)
    }

    fn enter(&self, source: Option<SourcePrefix>) -> Result<Slot<'_>, Fault> {
        let mut state = self.state();
        if state.running.len() < self.limits.at_once.get() && state.waiting.is_empty() {
            state.running.push(source);
        } else {
            if state.waiting.len() >= self.limits.queue || state.waiting_of(source) >= self.share() {
                return Err(Fault::Busy);
            }
            let ticket = state.next;
            state.next += 1;
            state.waiting.push_back(Waiter { ticket, source });
            // Whoever ends a run takes the next one out of the queue and gives it the place.
            let waits = |state: &mut State| state.waiting.iter().any(|waiter| waiter.ticket == ticket);
            state = self.turn.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        }
        let memory = state.idle.pop().unwrap_or_else(|| HashMemory::keeping(&self.params));
        Ok(Slot { pool: self, source, memory })
    }

    /// How many callers of one source may wait.
    fn share(&self) -> usize {
        (self.limits.queue / self.limits.shares).max(1)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The place of a run that ends goes to who waits: to the source with the fewest runs in progress, the one that ends
    /// included, and among these to who came first. A caller without a source is a source of its own, so that without
    /// sources it is first come, first served.
    ///
    /// Nobody starves. The first in the queue of a busy source is passed over while that source has runs in progress, and
    /// these end. Then it has none, no other has fewer, and only those who came before it go before it.
    fn hand_over(&mut self, ended: Option<SourcePrefix>) {
        let runs_of = |waiter: &Waiter| match waiter.source {
            None => 0,
            source => self.running.iter().filter(|running| **running == source).count(),
        };
        let next = self.waiting.iter().enumerate().min_by_key(|(_, waiter)| runs_of(waiter));
        let next = next.map(|(position, _)| position);
        if let Some(position) = self.running.iter().position(|running| *running == ended) {
            self.running.remove(position);
        }
        if let Some(waiter) = next.and_then(|position| self.waiting.remove(position)) {
            self.running.push(waiter.source);
        }
    }

    fn waiting_of(&self, source: Option<SourcePrefix>) -> usize {
        match source {
            None => 0,
            source => self.waiting.iter().filter(|waiter| waiter.source == source).count(),
        }
    }
}

/// One run's place; gives memory and turn back, also when the run panics.
struct Slot<'a> {
    pool: &'a Pool,
    source: Option<SourcePrefix>,
    memory: HashMemory,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.idle.push(std::mem::take(&mut self.memory));
        state.hand_over(self.source);
        self.pool.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use doorward_core::event::Source;
    use doorward_core::password::{Normalization, Password};

    use super::*;

    const KIB: u32 = 12 * 1024;

    fn params() -> Argon2Params {
        Argon2Params::default().with_memory_kib(KIB).unwrap().with_passes(1).unwrap()
    }

    fn limits(at_once: usize, queue: usize) -> Hashing {
        Hashing { at_once: NonZeroUsize::new(at_once).unwrap(), queue, ..Hashing::default() }
    }

    fn pool(at_once: usize, queue: usize) -> Arc<Pool> {
        Arc::new(Pool::new(limits(at_once, queue), params()))
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
            let running = pool.enter(None).unwrap();
            let waiters: Vec<_> = (0..2).map(|_| scope.spawn(|| pool.run(&hash(params()), None))).collect();
            wait_for(&pool, 2);
            let refused = scope.spawn(|| pool.run(&hash(params()), None));
            thread::sleep(Duration::from_millis(100));
            assert!(refused.is_finished(), "it waits");
            assert!(matches!(refused.join().unwrap(), Err(Fault::Busy)));
            let seen = |state: &State| (state.running.len(), state.waiting.len(), state.idle.len());
            assert_eq!(seen(&pool.state()), (1, 2, 0));
            drop(running);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap().is_ok()), "who waited is served");
        });
        assert!(pool.run(&hash(params()), None).is_ok(), "and the next one, too");
        assert_eq!(held(&pool).len(), 1);
    }

    #[test]
    fn pw_15_without_a_queue_the_second_is_busy_at_once() {
        let pool = pool(1, 0);
        let running = pool.enter(None).unwrap();
        assert!(matches!(pool.enter(None), Err(Fault::Busy)));
        drop(running);
        assert!(pool.enter(None).is_ok());
    }

    #[test]
    fn pw_15_never_more_than_the_limit_run_and_as_many_blocks_are_kept() {
        let pool = pool(3, 100);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let mut slot = pool.enter(None).unwrap();
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        hash(params()).run(&mut slot.memory).unwrap();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 3, "all places are used, and no more");
        assert_eq!(held(&pool), ["HashMemory { held_kib: 12288, .. }"; 3]);
        assert_eq!(pool.state().running.len(), 0);
    }

    #[test]
    fn who_comes_first_is_served_first() {
        let pool = pool(1, 100);
        let served = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let running = pool.enter(None).unwrap();
            for number in 0..12 {
                let (pool, served) = (&pool, &served);
                scope.spawn(move || {
                    let _slot = pool.enter(None).unwrap();
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
        pool.state().waiting.push_back(Waiter { ticket: u64::MAX, source: None });
        assert!(matches!(pool.enter(None), Err(Fault::Busy)));
    }

    fn source(number: u32) -> SourcePrefix {
        Source::from(IpAddr::from(Ipv4Addr::from_bits(number))).into()
    }

    #[test]
    fn pw_15_a_source_fills_its_share_of_the_queue_and_others_still_get_in() {
        let pool = pool(1, 8);
        thread::scope(|scope| {
            let running = pool.enter(Some(source(1))).unwrap();
            let wait = |source| {
                let waiting = pool.state().waiting.len() + 1;
                let pool = &pool;
                scope.spawn(move || drop(pool.enter(source).unwrap()));
                wait_for(pool, waiting);
            };
            let is_busy = |source| {
                let pool = &pool;
                let asked = scope.spawn(move || matches!(pool.enter(source), Err(Fault::Busy)));
                let is_answered = |_| {
                    thread::sleep(Duration::from_millis(1));
                    asked.is_finished()
                };
                (0..5_000).any(is_answered) && asked.join().unwrap()
            };
            wait(Some(source(1)));
            wait(Some(source(1)));
            assert!(is_busy(Some(source(1))), "a quarter of eight");
            assert!(pool.state().idle.is_empty(), "nothing is allocated");
            wait(Some(source(2)));
            wait(Some(source(2)));
            assert!(is_busy(Some(source(2))));
            (0..4).for_each(|_| wait(None));
            assert!(is_busy(Some(source(3))), "the queue itself is full");
            drop(running);
        });
        assert!(pool.enter(Some(source(1))).is_ok(), "and all were served");
    }

    #[test]
    fn pw_15_a_source_may_wait_in_the_shortest_queue_too() {
        let pool = pool(1, 1);
        thread::scope(|scope| {
            let running = pool.enter(Some(source(1))).unwrap();
            scope.spawn(|| drop(pool.enter(Some(source(1))).unwrap()));
            wait_for(&pool, 1);
            drop(running);
        });
    }

    #[test]
    fn a_flood_from_one_source_does_not_keep_another_waiting() {
        for at_once in [1, 2, 3] {
            let pool = pool(at_once, 100);
            let served = Mutex::new(Vec::new());
            thread::scope(|scope| {
                let mut running: Vec<_> =
                    (0..at_once).map(|_| pool.enter(Some(source(1))).unwrap()).collect();
                for (waiting, number) in [1, 1, 1, 1, 1, 1, 1, 1, 2].into_iter().enumerate() {
                    let (pool, served) = (&pool, &served);
                    scope.spawn(move || {
                        let _slot = pool.enter(Some(source(number))).unwrap();
                        served.lock().unwrap().push(number);
                    });
                    wait_for(pool, waiting + 1);
                }
                drop(running.pop());
                wait_for(&pool, 0);
            });
            assert_eq!(served.lock().unwrap()[0], 2, "{at_once} at once");
        }
    }

    /// Callers of fresh sources come without end; each finds a place in the queue, and none of them keeps a caller
    /// of the busy source from being served.
    #[test]
    fn nobody_starves() {
        const QUEUE: u64 = 16;
        for at_once in 1..5 {
            let mut state = State { running: vec![Some(source(0)); at_once], ..State::default() };
            let come = |state: &mut State, source| {
                state.waiting.push_back(Waiter { ticket: state.next, source });
                state.next += 1;
            };
            (0..4).for_each(|_| come(&mut state, Some(source(0))));
            for turn in 0..200_u32 {
                while state.waiting.len() < 16 {
                    come(&mut state, Some(source(1_000 + turn)));
                }
                // The oldest run ends; who came when is what waits too long.
                let ended = state.running[0];
                state.hand_over(ended);
                assert_eq!(state.running.len(), at_once);
                let oldest = state.waiting.iter().map(|waiter| waiter.ticket).min().unwrap();
                let most = 4 * (QUEUE + u64::try_from(at_once).unwrap());
                assert!(state.next - oldest <= most, "{at_once} at once: ticket {oldest} in turn {turn}");
            }
        }
    }

    #[test]
    fn a_panic_in_a_run_gives_place_and_memory_back() {
        let pool = pool(1, 0);
        for _ in 0..3 {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _slot = pool.enter(None).unwrap();
                std::panic::resume_unwind(Box::new(()));
            }));
            assert!(panicked.is_err());
            assert_eq!(pool.state().running.len(), 0);
            assert_eq!(held(&pool).len(), 1);
        }
        assert!(pool.run(&hash(params()), None).is_ok());
    }

    /// A host whose policy asks for more than the default paid for new memory at every login: the pool kept
    /// blocks of the default's size, and gave larger ones back after each run.
    #[test]
    fn the_memory_of_a_costly_policy_is_kept_too() {
        let costly = Argon2Params::default().with_memory_kib(24 * 1024).unwrap().with_passes(1).unwrap();
        let pool = Pool::new(limits(1, 0), costly);
        pool.run(&hash(costly), None).unwrap();
        assert_eq!(held(&pool), ["HashMemory { held_kib: 24576, .. }"]);
    }
}
