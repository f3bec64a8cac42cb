//! One store, and operations that advance one store call at a time. Hashing is a stand-in: it compares.

use std::any::Any;
use std::sync::Arc;

use doorward::MasterKey;
use doorward::core::error::{Fault, StoreError, StoreErrorKind};
use doorward::core::machine::{Decide, Environment, Machine, Need, Reply};
use doorward::core::password::{Argon2Params, Normalization, Password, PasswordHash, Verdict};
use doorward::core::policy::Policy;
use doorward::core::record::{Key, Row};
use doorward::core::secret::{MasterKeys, Seed};
use doorward::core::store::{Batch, Store};
use doorward::core::time::Timestamp;
use doorward::core::work::{Work, Worked};

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

pub(crate) struct World {
    pub(crate) store: Box<dyn Store>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) now: Timestamp,
    /// Batches whose sender was told "unknown" and that may still land.
    pub(crate) in_flight: Vec<Batch>,
    seeds: u8,
}

impl World {
    pub(crate) fn new(store: impl Store + 'static) -> Self {
        Self::with_policy(store, Policy::default())
    }

    pub(crate) fn with_policy(store: impl Store + 'static, policy: Policy) -> Self {
        let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
        let mut world = Self {
            store: Box::new(store),
            environment: Arc::new(Environment { policy, keys }),
            now: Timestamp::from_millis(1_000_000_000),
            in_flight: Vec::new(),
            seeds: 0,
        };
        world.run(doorward::core::operation::open::Open::new()).unwrap();
        world
    }

    /// An operation at its beginning, with a seed of its own.
    pub(crate) fn start<O: Decide>(&mut self, operation: O) -> Actor<O> {
        self.seeds += 1;
        let machine =
            Machine::new(operation, Arc::clone(&self.environment), Seed::from_bytes([self.seeds; 32]));
        Actor { machine, outcome: None }
    }

    /// An operation from beginning to end, undisturbed.
    pub(crate) fn run<O: Decide>(&mut self, operation: O) -> Result<O::Outcome, Fault> {
        let mut actor = self.start(operation);
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

    fn commit(&mut self, batch: &Batch, luck: Luck) -> Reply {
        let failed = |kind| Reply::Failed(StoreError::new(kind, "the test said so"));
        match luck {
            Luck::Good => Reply::Commit(self.store.commit(batch).unwrap()),
            Luck::Retryable => failed(StoreErrorKind::Retryable),
            Luck::Fatal => failed(StoreErrorKind::Fatal),
            Luck::UnknownApplied => {
                self.store.commit(batch).unwrap();
                failed(StoreErrorKind::Unknown)
            }
            Luck::UnknownLost => failed(StoreErrorKind::Unknown),
            Luck::UnknownInFlight => {
                self.in_flight.push(batch.clone());
                failed(StoreErrorKind::Unknown)
            }
        }
    }
}

/// One operation under way.
pub(crate) struct Actor<O: Decide> {
    machine: Machine<O>,
    pub(crate) outcome: Option<Result<O::Outcome, Fault>>,
}

/// Any operation under way.
pub(crate) trait Step {
    /// Carries out its next need; `luck` is asked when that is a commit. Takes the outcome when there is one.
    fn step(&mut self, world: &mut World, luck: &mut dyn FnMut() -> Luck);
    fn is_done(&self) -> bool;
    fn as_any(&self) -> &dyn Any;
}

impl<O: Decide + 'static> Step for Actor<O>
where
    O::Outcome: 'static,
{
    fn step(&mut self, world: &mut World, luck: &mut dyn FnMut() -> Luck) {
        Actor::step(self, world, luck);
    }

    fn is_done(&self) -> bool {
        self.outcome.is_some()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<O: Decide> Actor<O> {
    pub(crate) fn step(&mut self, world: &mut World, luck: &mut dyn FnMut() -> Luck) {
        let (ticket, reply) = match self.machine.poll(world.now) {
            Need::Read(ticket, keys) => (ticket, Reply::Rows(world.store.read(keys).unwrap())),
            Need::Scan(ticket, range, limit) => {
                (ticket, Reply::Page(world.store.scan(range, limit).unwrap()))
            }
            Need::Work(ticket, work) => (ticket, Reply::Worked(stand_in(work))),
            Need::Commit(ticket, batch) => {
                let batch = batch.clone();
                (ticket, world.commit(&batch, luck()))
            }
            Need::Done(outcome, _) => {
                self.outcome = Some(outcome);
                return;
            }
        };
        self.machine.reply(ticket, reply).unwrap();
        // An outcome that is there is released: it needs no further step of the store.
        if self.machine.is_done()
            && let Need::Done(outcome, _) = self.machine.poll(world.now)
        {
            self.outcome = Some(outcome);
        }
    }
}

/// Instead of Argon2id: the "hash" is a function of the password, without the work.
pub(crate) fn stand_in(work: &Work) -> Worked {
    match work {
        Work::Hash { password, normalization, .. } => Worked::Hashed(cheap_hash(password, *normalization)),
        Work::Verify { password, normalization, hash, .. } => {
            let same = cheap_hash(password, *normalization) == *hash;
            Worked::Verified(if same { Verdict::Match } else { Verdict::Mismatch })
        }
    }
}

fn cheap_hash(password: &Password, normalization: Normalization) -> PasswordHash {
    let mut tag = [0_u8; 32];
    for (at, byte) in password.prepare(normalization).iter().enumerate() {
        tag[at % 32] = tag[at % 32].wrapping_mul(31).wrapping_add(*byte);
    }
    PasswordHash::decoy(&Argon2Params::default(), [0; 16], tag)
}
