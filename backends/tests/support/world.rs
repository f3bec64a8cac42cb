//! One store, and operations that advance one store call at a time.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use doorward::MasterKey;
use doorward::core::error::{Fault, StoreError, StoreErrorKind};
use doorward::core::machine::{Decide, Environment, Machine, Need, Reply};
use doorward::core::operation::open::Open;
use doorward::core::policy::Policy;
use doorward::core::record::{Key, Row};
use doorward::core::secret::{MasterKeys, Seed};
use doorward::core::store::{Batch, Commit, Store};
use doorward::core::time::Timestamp;

use super::hosted::{Hosted, Underway};
use super::remembered::{cheapest, remembered};

/// What a commit does when it is an actor's turn to be unlucky.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    Good,
    Retryable,
    Fatal,
    UnknownApplied,
    UnknownLost,
    /// The batch stays in flight and lands when the test lets it.
    UnknownInFlight,
}

pub(crate) const LUCK: [Luck; 6] = [
    Luck::Good,
    Luck::Retryable,
    Luck::Fatal,
    Luck::UnknownApplied,
    Luck::UnknownLost,
    Luck::UnknownInFlight,
];

impl Luck {
    /// Whether the sender does not hear what came of it.
    pub(crate) fn is_unknown(self) -> bool {
        matches!(self, Self::UnknownApplied | Self::UnknownLost | Self::UnknownInFlight)
    }
}

/// Sends a batch to the store, as lucky as that.
pub(crate) fn send(
    store: &dyn Store,
    batch: &Batch,
    luck: Luck,
    in_flight: &mut Vec<Batch>,
) -> Result<Commit, StoreError> {
    let failed = |kind| Err(StoreError::new(kind, "the test said so"));
    match luck {
        Luck::Good => Ok(store.commit(batch).unwrap()),
        Luck::Retryable => failed(StoreErrorKind::Retryable),
        Luck::Fatal => failed(StoreErrorKind::Fatal),
        Luck::UnknownApplied => {
            store.commit(batch).unwrap();
            failed(StoreErrorKind::Unknown)
        }
        Luck::UnknownLost => failed(StoreErrorKind::Unknown),
        Luck::UnknownInFlight => {
            in_flight.push(batch.clone());
            failed(StoreErrorKind::Unknown)
        }
    }
}

/// What a world is made on.
#[derive(Clone)]
pub(crate) struct Ground {
    /// Empty.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) driver: Driver,
}

/// Who drives the operations that are started. What is run undisturbed is run by the bare machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    /// The test, which has the bare machine.
    Machine,
    /// The asynchronous engine.
    AsyncEngine,
    /// The same, and a future may be dropped before its end.
    Abandoning,
}

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) now: Timestamp,
    /// Batches whose sender was told "unknown" and that may still land.
    pub(crate) in_flight: Vec<Batch>,
    pub(crate) driver: Driver,
    hosted: Option<Hosted>,
    /// How many were drawn.
    seeds: Arc<AtomicU8>,
}

impl World {
    pub(crate) fn new(ground: Ground) -> Self {
        Self::with_policy(ground, Policy::builder().argon2(cheapest()).build().unwrap())
    }

    /// The policy ought to hash as cheaply as it may.
    pub(crate) fn with_policy(Ground { store, driver }: Ground, policy: Policy) -> Self {
        let key = || MasterKey::new(1, [1; 32]);
        let now = Timestamp::from_millis(1_000_000_000);
        let seeds = Arc::<AtomicU8>::default();
        let hosted = (driver != Driver::Machine)
            .then(|| Hosted::open(Arc::clone(&store), policy.clone(), key(), now, Arc::clone(&seeds)));
        let environment = Arc::new(Environment { policy, keys: MasterKeys::new(key()) });
        let mut world = Self { store, environment, now, in_flight: Vec::new(), driver, hosted, seeds };
        if driver == Driver::Machine {
            world.run(Open::new()).unwrap();
        }
        world
    }

    /// An operation at its beginning, with a seed of its own.
    pub(crate) fn start<O: Operation>(&mut self, operation: O) -> Actor<O> {
        let by = match &self.hosted {
            Some(hosted) => By::Engine(hosted.start(operation, self.now)),
            None => By::Machine(self.machine(operation)),
        };
        Actor { by, outcome: None, is_abandoned: false }
    }

    fn machine<O: Decide>(&mut self, operation: O) -> Box<Machine<O>> {
        let seed = Seed::from_bytes([1 + self.seeds.fetch_add(1, Ordering::SeqCst); 32]);
        Box::new(Machine::new(operation, Arc::clone(&self.environment), seed))
    }

    /// An operation from beginning to end, undisturbed.
    pub(crate) fn run<O: Operation>(&mut self, operation: O) -> Result<O::Outcome, Fault> {
        let by = By::Machine(self.machine(operation));
        let mut actor = Actor { by, outcome: None, is_abandoned: false };
        while actor.outcome.is_none() {
            actor.step(self, &mut || Luck::Good);
        }
        actor.outcome.unwrap()
    }

    pub(crate) fn row(&self, key: Key) -> Option<Row> {
        self.store.read(&[key]).unwrap().remove(0)
    }

    /// Lets the batch that has been in flight longest land.
    pub(crate) fn land(&mut self) {
        let batch = self.in_flight.remove(0);
        self.store.commit(&batch).unwrap();
    }
}

/// What an engine can run as a future.
pub(crate) trait Operation: Decide<Outcome: Send> + Send + 'static {}

impl<O: Decide<Outcome: Send> + Send + 'static> Operation for O {}

/// One operation under way.
pub(crate) struct Actor<O: Operation> {
    by: By<O>,
    pub(crate) outcome: Option<Result<O::Outcome, Fault>>,
    is_abandoned: bool,
}

enum By<O: Operation> {
    Machine(Box<Machine<O>>),
    Engine(Underway<O::Outcome>),
}

/// Any operation under way.
pub(crate) trait Step {
    /// Carries out its next need; `luck` is asked when that is a commit. Takes the outcome when there is one.
    fn step(&mut self, world: &mut World, luck: &mut dyn FnMut() -> Luck);

    /// Drops it. If it was about to commit, `fate` is asked (0: nothing comes of that, 1: all, 2: later).
    fn abandon(&mut self, world: &mut World, fate: &mut dyn FnMut() -> usize);

    /// Whether it has ended, or was dropped.
    fn is_over(&self) -> bool;

    /// Whether there is an outcome.
    fn is_done(&self) -> bool;

    fn as_any(&self) -> &dyn Any;
}

impl<O: Operation> Step for Actor<O> {
    fn step(&mut self, world: &mut World, luck: &mut dyn FnMut() -> Luck) {
        Actor::step(self, world, luck);
    }

    fn abandon(&mut self, world: &mut World, fate: &mut dyn FnMut() -> usize) {
        let By::Engine(underway) = &mut self.by else { panic!("a machine has no future") };
        self.is_abandoned = true;
        if let Some(batch) = underway.abandon() {
            match fate() {
                0 => {}
                1 => _ = world.store.commit(&batch).unwrap(),
                _ => world.in_flight.push(batch),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_done() || self.is_abandoned
    }

    fn is_done(&self) -> bool {
        self.outcome.is_some()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<O: Operation> Actor<O> {
    pub(crate) fn step(&mut self, world: &mut World, luck: &mut dyn FnMut() -> Luck) {
        let machine = match &mut self.by {
            By::Machine(machine) => machine,
            By::Engine(underway) => {
                self.outcome = underway.step(&mut world.in_flight, luck);
                return;
            }
        };
        let (ticket, reply) = match machine.poll(world.now) {
            Need::Read(ticket, keys) => (ticket, Reply::Rows(world.store.read(keys).unwrap())),
            Need::Scan(ticket, range, limit) => {
                (ticket, Reply::Page(world.store.scan(range, limit).unwrap()))
            }
            Need::Work(ticket, work) => (ticket, Reply::Worked(remembered(work))),
            Need::Commit(ticket, batch) => {
                let sent = send(&*world.store, batch, luck(), &mut world.in_flight);
                (ticket, sent.map_or_else(Reply::Failed, Reply::Commit))
            }
            Need::Done(outcome, _) => {
                self.outcome = Some(outcome);
                return;
            }
        };
        machine.reply(ticket, reply).unwrap();
        // An outcome that is there is released: it needs no further step of the store.
        if machine.is_done()
            && let Need::Done(outcome, _) = machine.poll(world.now)
        {
            self.outcome = Some(outcome);
        }
    }
}
