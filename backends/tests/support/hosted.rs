//! The asynchronous engine in a world of steps: its operations are futures that the test polls.
//!
//! A step is what a step of the bare machine is: one call of the store, or one piece of work. So each interleaving of
//! machines is one of these futures, with the same choices.

use std::future::Future;
use std::mem;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use doorward::core::error::Fault;
use doorward::core::policy::Policy;
use doorward::core::store::{Batch, Store, Write};
use doorward::core::time::Timestamp;
use doorward::{AsyncEngine, Clock, Entropy, EntropyError, Hashing, ManualClock, MasterKey};

use super::block_on::Woken;
use super::gate::{Arrival, Gate, Gated};
use super::world::{Luck, Operation};

/// An engine behind a gate.
pub(crate) struct Hosted {
    engine: AsyncEngine,
    pub(crate) gate: Arc<Gate>,
    clock: Counted,
}

impl Hosted {
    /// Opens it as a bare machine would: it draws its seeds by number.
    pub(crate) fn open(
        store: Arc<dyn Store>,
        policy: Policy,
        key: MasterKey,
        now: Timestamp,
        seeds: Arc<AtomicU8>,
    ) -> Self {
        let (gate, clock) = (Arc::<Gate>::default(), Counted::at(now));
        let at_once = NonZeroUsize::new(2).unwrap();
        let builder = AsyncEngine::builder(Gated { store, gate: Arc::clone(&gate) })
            .ephemeral()
            .master_key(key)
            .policy(policy)
            .clock(clock.clone())
            .entropy(Seeds(seeds))
            .hashing(Hashing { at_once, ..Hashing::default() });
        let mut opening = pin!(builder.open());
        loop {
            match opening.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(engine) => return Self { engine: engine.unwrap(), gate, clock },
                Poll::Pending => assert!(gate.look().0.is_some(), "it waits for nothing that the test knows"),
            }
            gate.let_in(Luck::Good);
        }
    }

    /// An operation that has begun, and waits for its first call.
    pub(crate) fn start<O: Operation>(&self, operation: O, now: Timestamp) -> Underway<O::Outcome> {
        self.clock.clock.set(now);
        let engine = self.engine.clone();
        let woken = Woken::here();
        let (gate, clock) = (Arc::clone(&self.gate), self.clock.clone());
        let future = Box::pin(async move { engine.run(operation).await });
        let mut underway = Underway {
            future: Some(future),
            waits_for: WaitsFor::Nobody,
            ahead: 0,
            settles: false,
            woken,
            gate,
            clock,
        };
        underway.gate.assert_quiet();
        underway.poll(&mut Vec::new());
        underway
    }
}

/// The seeds of a world, by number.
struct Seeds(Arc<AtomicU8>);

impl Entropy for Seeds {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(1 + self.0.fetch_add(1, Ordering::SeqCst));
        Ok(())
    }
}

/// A clock that counts how often it is looked at: the engine does, each time before it asks its machine what it needs.
#[derive(Clone)]
struct Counted {
    clock: ManualClock,
    looks: Arc<AtomicUsize>,
}

impl Counted {
    fn at(now: Timestamp) -> Self {
        Self { clock: ManualClock::at(now), looks: Arc::default() }
    }
}

impl Clock for Counted {
    fn now(&self) -> Timestamp {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.clock.now()
    }
}

/// An operation of the engine under way.
///
/// A machine that decides at once after a read or after its work takes one more step to say so: it could be delayed
/// before. A future has done that step by then, and keeps its outcome back for as long.
pub(crate) struct Underway<T> {
    future: Option<Outcome<T>>,
    waits_for: WaitsFor<T>,
    /// How much work was done before it could be seen to wait for it.
    ahead: usize,
    /// Whether the next read tells what became of a commit.
    settles: bool,
    woken: Arc<Woken>,
    gate: Arc<Gate>,
    clock: Counted,
}

type Outcome<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

enum WaitsFor<T> {
    Gate(Arrival),
    Work,
    Nothing(Result<T, Fault>),
    /// It was dropped, or has given its outcome.
    Nobody,
}

impl<T> Underway<T> {
    /// Lets it make its call, or waits for its work, and polls it; `luck` is asked when the call is a commit.
    pub(crate) fn step(
        &mut self,
        in_flight: &mut Vec<Batch>,
        luck: &mut dyn FnMut() -> Luck,
    ) -> Option<Result<T, Fault>> {
        if self.ahead > 0 {
            self.ahead -= 1;
            return None;
        }
        let is_told_at_once = match mem::replace(&mut self.waits_for, WaitsFor::Nobody) {
            WaitsFor::Gate(Arrival::Commit(batch)) => {
                let luck = luck();
                let is_put = |write: &Write| matches!(write, Write::Put { .. });
                self.settles = luck.is_unknown() && batch.writes.iter().any(is_put);
                self.gate.let_in(luck);
                true
            }
            WaitsFor::Gate(Arrival::Other) => {
                self.gate.let_in(Luck::Good);
                mem::take(&mut self.settles)
            }
            WaitsFor::Work => {
                self.gate.assert_quiet();
                self.woken.wait();
                false
            }
            WaitsFor::Nothing(outcome) => return Some(outcome),
            WaitsFor::Nobody => panic!("it is over"),
        };
        self.clock.looks.store(0, Ordering::SeqCst);
        self.poll(in_flight);
        // A thread may wake it early.
        while self.clock.looks.load(Ordering::SeqCst) == 0 {
            self.woken.wait();
            self.poll(in_flight);
        }
        self.ahead = self.clock.looks.load(Ordering::SeqCst) - 1;
        match mem::replace(&mut self.waits_for, WaitsFor::Nobody) {
            WaitsFor::Nothing(outcome) if is_told_at_once => Some(outcome),
            waits_for => {
                self.waits_for = waits_for;
                None
            }
        }
    }

    fn poll(&mut self, in_flight: &mut Vec<Batch>) {
        let waker = Waker::from(Arc::clone(&self.woken));
        let future = self.future.as_mut().expect("it was dropped");
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let (arrived, sent) = self.gate.look();
        in_flight.extend(sent);
        self.waits_for = match (polled, arrived) {
            (Poll::Ready(outcome), None) => WaitsFor::Nothing(outcome),
            (Poll::Pending, Some(arrival)) => WaitsFor::Gate(arrival),
            (Poll::Pending, None) => WaitsFor::Work,
            (Poll::Ready(_), Some(arrival)) => panic!("it has ended, and calls: {arrival:?}"),
        };
    }

    /// Drops its future where it stands. Gives the batch that it was about to commit.
    pub(crate) fn abandon(&mut self) -> Option<Batch> {
        self.gate.assert_quiet();
        self.future = None;
        self.gate.assert_quiet();
        match mem::replace(&mut self.waits_for, WaitsFor::Nobody) {
            WaitsFor::Gate(Arrival::Commit(batch)) if self.ahead == 0 => Some(batch),
            WaitsFor::Gate(_) | WaitsFor::Work | WaitsFor::Nothing(_) | WaitsFor::Nobody => None,
        }
    }
}
