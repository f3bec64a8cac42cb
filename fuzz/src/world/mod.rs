//! Two engines, one store, and clients who do everything at once.
//!
//! | file | what |
//! |---|---|
//! | this one | moves: time, processes, which operation is next |
//! | `start` | what a request means as things stand |
//! | `step` | one need of one operation, and its outcome |
//! | `store` | commits and their faults; every row again, as a mirror |
//! | `probe` | tokens tried on the side, and what a thief of the whole store finds |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use doorward::store::MemoryStore;
use doorward_core::id::DeviceId;
use doorward_core::machine::Environment;
use doorward_core::model::data::DataLimits;
use doorward_core::model::device::DevicePolicy;
use doorward_core::model::session::{Lifetime, Span};
use doorward_core::model::throttle::ThrottlePolicy;
use doorward_core::operation::open::Open;
use doorward_core::operation::rehash::Rehash;
use doorward_core::password::{Argon2Params, PasswordHash};
use doorward_core::policy::{Policy, PolicyBuilder};
use doorward_core::record::{Key, Row};
use doorward_core::secret::{MasterKey, MasterKeys, Pepper};
use doorward_core::time::Timestamp;

use crate::action::{Action, DATA_OF_A_PERSON, DATA_OF_NOBODY};
use crate::answer::Answer;
use crate::model::Model;
use crate::model::judge::Intent;
use crate::plan::{CROWD, House, Luck, Move, Plan};
use crate::task::{Flight, Task};
use crate::violation::{Violation, ensure};

mod probe;
mod start;
mod step;
mod store;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A run of a plan.
///
/// # Example: a seed, run and run again
/// ```
/// use doorward_fuzz::plan::Plan;
/// use doorward_fuzz::world::World;
///
/// let plan = Plan::from_seed(1, 200);
/// let run = World::new().recording().run(&plan).unwrap();
/// assert_eq!(run.operations, 200);
/// assert_eq!(run, World::new().recording().run(&plan).unwrap());
/// ```
pub struct World {
    store: MemoryStore,
    /// Every row, followed commit by commit.
    rows: BTreeMap<Key, Row>,
    engines: Vec<Engine>,
    /// What a test changes in the policy.
    change: Box<dyn Fn(PolicyBuilder) -> PolicyBuilder>,
    /// What the time source shows.
    time: Timestamp,
    model: Model,
    tasks: Vec<Task>,
    flights: Vec<Flight>,
    /// Tokens that reached a client, by the operation that gave them.
    wallet: Vec<(u32, usize)>,
    /// The same of devices, and which one each is.
    devices: Vec<(u32, DeviceId, String)>,
    rehashes: Vec<(u32, Rehash, usize, PasswordHash)>,
    /// What a power cut undoes: rows as they were before each commit without a barrier.
    relaxed: Vec<(Key, Row)>,
    /// The number of the present move.
    tick: usize,
    run: Run,
    records: bool,
}

struct Engine {
    environment: Arc<Environment>,
    /// Milliseconds ahead of the time source.
    skew: i16,
    /// The highest time that this process saw.
    highest: Timestamp,
}

/// What happened in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Operations that were started.
    pub operations: usize,
    /// Operations whose answer, a refusal too, was given.
    pub answered: usize,
    /// Commits that were asked for.
    pub commits: usize,
    /// How many of them went wrong.
    pub faults: usize,
    /// Of each answer, how many.
    pub answers: BTreeMap<String, usize>,
    /// Everything, when it was recorded.
    pub transcript: String,
}

impl Run {
    /// Counts another run in; transcripts are not kept.
    pub fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.answered += other.answered;
        self.commits += other.commits;
        self.faults += other.faults;
        for (answer, count) in other.answers {
            *self.answers.entry(answer).or_default() += count;
        }
    }
}

/// A violation, and at which move of the plan.
///
/// # Example: none
/// ```
/// use doorward_fuzz::{plan::Plan, world::World};
///
/// assert_eq!(World::new().run(&Plan::from_seed(3, 50)).err(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{violation} (at move {at})")]
pub struct Found {
    /// What.
    pub violation: Violation,
    /// The number of the move; the number of moves when only the end showed it.
    pub at: usize,
}

impl World {
    /// An empty store and two engines that have just opened it.
    pub fn new() -> Self {
        Self::with(|policy| policy)
    }

    /// The same, with a change to the policy of both engines: a planted bug.
    pub fn with(change: impl Fn(PolicyBuilder) -> PolicyBuilder + 'static) -> Self {
        let engines = engines(House { cap: None, peppers: false }, &change);
        let model = Model::new(engines[0].environment.policy.clone());
        Self {
            store: MemoryStore::new(),
            rows: BTreeMap::new(),
            engines,
            change: Box::new(change),
            time: START,
            model,
            tasks: Vec::new(),
            flights: Vec::new(),
            wallet: Vec::new(),
            devices: Vec::new(),
            rehashes: Vec::new(),
            relaxed: Vec::new(),
            tick: 0,
            run: Run::default(),
            records: false,
        }
    }

    /// The same, writing down everything that happens.
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.records = true;
        self
    }

    /// Makes every move of the plan, then lets all that is under way come to its end, and looks at everything once more.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn run(mut self, plan: &Plan) -> Result<Run, Found> {
        self.engines = engines(plan.house, &*self.change);
        self.model.policy = self.engines[0].environment.policy.clone();
        self.make_keyring();
        for (tick, one) in plan.moves.iter().enumerate() {
            self.tick = tick;
            self.make(*one).map_err(|violation| Found { violation, at: tick })?;
        }
        self.tick = plan.moves.len();
        self.finish().map_err(|violation| Found { violation, at: plan.moves.len() })?;
        Ok(self.run)
    }

    fn make(&mut self, one: Move) -> Result<(), Violation> {
        match one {
            Move::Start { engine, label, action, seed } => self.start(engine, label, action, seed),
            Move::Step { label, luck } => match self.tasks.iter().position(|task| task.label == label) {
                Some(at) => self.step(at, luck),
                None => Ok(()),
            },
            Move::Land { label } => match self.flights.iter().position(|flight| flight.label == label) {
                Some(at) => self.land(at),
                None => Ok(()),
            },
            Move::Lose { label } => {
                self.flights.retain(|flight| flight.label != label);
                Ok(())
            }
            Move::Advance { millis } => {
                self.time = self.time.saturating_add(Duration::from_millis(millis.into()));
                Ok(())
            }
            Move::StepBack { millis } => {
                self.time = self.time.saturating_sub(Duration::from_millis(millis.into()));
                Ok(())
            }
            Move::Skew { engine, millis } => {
                let engine = self.engine(engine);
                self.engines[engine].skew = millis;
                Ok(())
            }
            Move::Restart { engine } => {
                let engine = self.engine(engine);
                self.restart(engine)
            }
            Move::PowerCut => self.power_cut(),
            Move::Purge { engine, limit } => {
                let engine = self.engine(engine);
                self.purge(engine, limit)
            }
            Move::Sweep => {
                self.sweep(64)?;
                self.compare_all()
            }
        }
    }

    fn start(&mut self, engine: u8, label: u32, action: Action, seed: u64) -> Result<(), Violation> {
        while self.tasks.len() >= CROWD as usize {
            self.step(0, Luck::Good)?;
        }
        let engine = self.engine(engine);
        self.run.operations += 1;
        self.launch(engine, label, action, seed);
        Ok(())
    }

    fn launch(&mut self, engine: usize, label: u32, action: Action, seed: u64) {
        let (intent, machine) = self.meaning(action, engine, label, seed);
        if self.records {
            let tick = self.tick;
            let _ = writeln!(self.run.transcript, "{tick} engine {engine}: {intent:?}");
        }
        let now = self.now(engine);
        let judged = self.model.judge(&intent, now);
        self.tasks.push(Task {
            label,
            machine,
            intent: Rc::new(intent),
            engine,
            started: self.tick,
            judged,
            session: None,
            has_landed: false,
            decided: self.time,
            settles: false,
            disturbed: false,
            waited: false,
            failed: false,
            shape: Vec::new(),
            once_live: Vec::new(),
            always_live: None,
            old_ticket: None,
        });
    }

    fn engine(&self, number: u8) -> usize {
        usize::from(number) % self.engines.len()
    }

    /// What time it is for an engine: the highest that its process saw.
    fn now(&mut self, engine: usize) -> Timestamp {
        let engine = &mut self.engines[engine];
        let shown = Timestamp::from_millis(self.time.as_millis() + i64::from(engine.skew));
        engine.highest = engine.highest.max(shown);
        engine.highest
    }

    /// A new process opens a store that is known to it, and changes nothing, however often.
    fn restart(&mut self, engine: usize) -> Result<(), Violation> {
        self.engines[engine].highest = Timestamp::from_millis(0);
        self.tasks.retain(|task| task.engine != engine);
        let told = self.ask(Open::new(), engine)?;
        let (now, mark) = (self.now(engine), self.model.mark);
        let is_behind = mark.since(now) > self.model.policy.max_clock_regression();
        let expected = if is_behind { Answer::Behind } else { Answer::Opened(mark) };
        ensure(told.as_ref() == Some(&expected), expected.blame(&expected), || {
            format!("a known store was opened at {now:?} as {told:?} instead of {expected:?}")
        })?;
        if is_behind {
            return self.trust_clock(engine);
        }
        // As the engine does: its time begins at the mark.
        self.engines[engine].highest = mark;
        Ok(())
    }

    /// An engine that its clock keeps out opens on its host's word, which ends everything.
    fn trust_clock(&mut self, engine: usize) -> Result<(), Violation> {
        let label = u32::MAX - u32::try_from(self.tick).unwrap_or(0);
        self.launch(engine, label, Action::TrustClock, u64::from(label));
        while let Some(at) = self.tasks.iter().position(|task| task.label == label) {
            self.step(at, Luck::Good)?;
        }
        self.engines[engine].highest = self.model.mark;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Violation> {
        while !self.tasks.is_empty() {
            self.step(0, Luck::Good)?;
        }
        while !self.flights.is_empty() {
            self.land(0)?;
        }
        self.sweep(usize::MAX)?;
        self.compare_all()?;
        self.steal_store()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("tick", &self.tick).finish_non_exhaustive()
    }
}

/// Two, of different costs and with different peppers in use, as while a change is rolled out: each calls for a rehash
/// of the other's hashes.
fn engines(house: House, change: &dyn Fn(PolicyBuilder) -> PolicyBuilder) -> Vec<Engine> {
    let engine = |memory, active: u8, other: u8| {
        let pepper = |number: u8| Pepper::new(number.into(), [number; 32]);
        let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
        let keys = if house.peppers {
            let keys = keys.pepper(pepper(active)).and_then(|keys| keys.accept_pepper(pepper(other)));
            keys.expect("they are two")
        } else {
            keys
        };
        let capped = |policy: PolicyBuilder| match house.cap {
            Some(cap) => policy.session_cap(cap),
            None => policy,
        };
        let policy = policy(memory, |policy| change(capped(policy)));
        Engine {
            environment: Arc::new(Environment { policy, keys }),
            skew: 0,
            highest: Timestamp::from_millis(0),
        }
    };
    vec![engine(19 * 1024, 1, 2), engine(24 * 1024, 2, 1)]
}

/// Short lives and few guesses, so that every end comes within a case.
fn policy(memory: u32, change: impl Fn(PolicyBuilder) -> PolicyBuilder) -> Policy {
    let span =
        |idle, absolute| Span { idle: Duration::from_secs(idle), absolute: Duration::from_secs(absolute) };
    let throttle = ThrottlePolicy {
        free: 2,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(5),
        off_at: 8,
        forget_after: Duration::from_secs(20),
    };
    let argon2 = Argon2Params::default().with_memory_kib(memory);
    let builder = Policy::builder()
        .argon2(argon2.expect("it is within Argon2's bounds"))
        .throttle(throttle)
        .devices(DevicePolicy { tries: 2, lifetime: Duration::from_mins(1), per_account: 2 })
        .touch_every(Duration::from_secs(1))
        .max_clock_regression(Duration::from_secs(4))
        .session(Lifetime::Web, span(4, 10))
        .session(Lifetime::Remembered, span(10, 40))
        .session(Lifetime::Device, span(40, 200))
        .anonymous(span(4, 12))
        .data_limits(DataLimits { logged_in: DATA_OF_A_PERSON, anonymous: DATA_OF_NOBODY });
    change(builder).build().expect("the simulator's policy makes sense")
}

/// The parts of an intent that name no secret: what a summary counts.
fn word(intent: &Intent) -> String {
    let text = format!("{intent:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}
