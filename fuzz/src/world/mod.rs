//! Two engines, one store, and clients who do everything at once.
//!
//! | file | what |
//! |---|---|
//! | this one | moves: time, processes, which operation is next |
//! | `engines` | the two engines: what their hosts chose |
//! | `start` | what a request means as things stand |
//! | `token` | the same of requests about tokens, and what a client then has |
//! | `step` | one need of one operation, and its outcome |
//! | `watch` | a service that verifies access tokens by what it has read of the journal |
//! | `restart` | a process that begins again |
//! | `restore` | a backup, and what it is to restore it |
//! | `host` | the moves of a host in another language |
//! | `store` | commits and their faults; every row again, as a mirror |
//! | `schedule` | the same world again and again, for each schedule of a few operations |
//! | `moment` | whether two moments of such worlds are alike |
//! | `probe` | tokens tried on the side, and what a thief of the whole store finds |

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use doorward::store::MemoryStore;
use doorward_core::id::DeviceId;
use doorward_core::operation::rehash::Rehash;
use doorward_core::password::PasswordHash;
use doorward_core::policy::PolicyBuilder;
use doorward_core::record::{Key, Row};
use doorward_core::store::Store;
use doorward_core::time::Timestamp;

use crate::action::Action;
use crate::answer::Answer;
use crate::model::Model;
use crate::model::judge::Intent;
use crate::plan::{CROWD, House, Luck, Move, Plan};
use crate::store::{OpenStoreError, Shelf, StoreKind};
use crate::task::{Flight, Heard, Task};
use crate::violation::Violation;

use engines::{Engine, engines};
pub use host::HostMove;
use restore::{Backup, Orphan};
use token::Purse;
use watch::Watcher;

mod engines;
mod host;
mod moment;
mod probe;
mod restart;
mod restore;
pub(crate) mod schedule;
mod start;
mod step;
mod store;
mod token;
mod watch;

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
    store: Arc<dyn Store>,
    /// Gives the store, with what was committed in it.
    open: Box<dyn Fn() -> Result<Arc<dyn Store>, OpenStoreError>>,
    /// Where it is kept, if backups can be made there.
    shelf: Option<Rc<RefCell<Shelf>>>,
    backup: Option<Box<Backup>>,
    /// Tokens that a restored backup does not know.
    orphans: Vec<Orphan>,
    watcher: Watcher,
    /// Every row, followed commit by commit.
    rows: BTreeMap<Key, Row>,
    engines: Vec<Engine>,
    house: House,
    through: Through,
    /// What a test changes in the policy.
    change: Rc<dyn Fn(PolicyBuilder) -> PolicyBuilder>,
    /// What the time source shows.
    time: Timestamp,
    /// How much time has passed, in milliseconds, by a clock that nobody sets; and so much had at each move.
    elapsed: u64,
    passed: Vec<u64>,
    model: Model,
    tasks: Vec<Task>,
    flights: Vec<Flight>,
    /// Tokens that reached a client, by the operation that gave them.
    wallet: Vec<(u32, usize)>,
    /// The same of devices, and which one each is.
    devices: Vec<(u32, DeviceId, String)>,
    purse: Purse,
    /// Tokens whose reply was lost: nobody has them, and nobody is to be given them.
    unreturned: BTreeSet<String>,
    rehashes: Vec<(u32, Rehash, usize, PasswordHash)>,
    /// What a power cut undoes: rows as they were before each commit without a barrier.
    relaxed: Vec<(Key, Row)>,
    /// The number of the present move.
    tick: usize,
    run: Run,
    records: bool,
}

/// How operations are run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    /// Their bare machines, with a stand-in for hashing.
    Machines,
    /// The C ABI's `dw_op_*` beside them.
    Abi,
    /// Their bare machines, and a host's engines told the same.
    Host,
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
    /// An empty store in memory, and two engines that have just opened it.
    pub fn new() -> Self {
        Self::on(StoreKind::Memory)
    }

    /// The same on another kind of store, in a folder that goes with the world.
    ///
    /// # Example: in a database file
    /// ```
    /// use doorward_fuzz::plan::Plan;
    /// use doorward_fuzz::store::StoreKind;
    /// use doorward_fuzz::world::World;
    ///
    /// let plan = Plan::from_seed(1, 50);
    /// let run = World::on(StoreKind::Sqlite).run(&plan)?;
    /// assert_eq!(run.operations, 50);
    /// # Ok::<(), doorward_fuzz::world::Found>(())
    /// ```
    pub fn on(kind: StoreKind) -> Self {
        let shelf = match Shelf::new(kind) {
            Ok(shelf) => Rc::new(RefCell::new(shelf)),
            Err(error) => return Self::opening(move || Err(io::Error::from(error.kind()).into())),
        };
        let kept = Rc::clone(&shelf);
        Self { shelf: Some(shelf), ..Self::opening(move || kept.borrow().open()) }
    }

    /// The same on a store that this opens: empty at the beginning, and again, with what was committed in it, after each
    /// power cut. The one before is closed by then.
    pub fn opening(open: impl Fn() -> Result<Arc<dyn Store>, OpenStoreError> + 'static) -> Self {
        let change: Rc<dyn Fn(PolicyBuilder) -> PolicyBuilder> = Rc::new(|policy| policy);
        let house = House { cap: None, peppers: false, shared_secret: false };
        let engines = engines(house, Through::Machines, &*change);
        let model = Model::new(engines[0].environment.policy.clone());
        Self {
            store: closed(),
            open: Box::new(open),
            shelf: None,
            backup: None,
            orphans: Vec::new(),
            watcher: Watcher::default(),
            rows: BTreeMap::new(),
            engines,
            house,
            through: Through::Machines,
            change,
            time: START,
            elapsed: 0,
            passed: Vec::new(),
            model,
            tasks: Vec::new(),
            flights: Vec::new(),
            wallet: Vec::new(),
            devices: Vec::new(),
            purse: Purse::default(),
            unreturned: BTreeSet::new(),
            rehashes: Vec::new(),
            relaxed: Vec::new(),
            tick: 0,
            run: Run::default(),
            records: false,
        }
    }

    /// The same, with a change to the policy of both engines: a planted bug.
    #[must_use]
    pub fn with(mut self, change: impl Fn(PolicyBuilder) -> PolicyBuilder + 'static) -> Self {
        self.change = Rc::new(change);
        self
    }

    /// The same, with each operation run through the C ABI as well, as a host in C runs it. Passwords are hashed for real.
    ///
    /// # Example: a short run
    /// ```
    /// use doorward_fuzz::plan::Plan;
    /// use doorward_fuzz::world::World;
    ///
    /// let run = World::new().through_abi().run(&Plan::from_seed(1, 30))?;
    /// assert_eq!(run.operations, 30);
    /// # Ok::<(), doorward_fuzz::world::Found>(())
    /// ```
    #[must_use]
    pub fn through_abi(mut self) -> Self {
        self.through = Through::Abi;
        self
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
    /// The first invariant that does not hold; a panic is one of them.
    pub fn run(mut self, plan: &Plan) -> Result<Run, Found> {
        // A plan that makes it panic is a counterexample like any other: it has a seed, and can be made small.
        let made = catch_unwind(AssertUnwindSafe(|| self.make_all(plan)));
        let panicked = |payload| Err(Violation::new(40, format!("a panic: {}", said(payload))));
        match made.unwrap_or_else(panicked) {
            Ok(()) => Ok(self.run),
            Err(violation) => Err(Found { violation, at: self.tick }),
        }
    }

    fn make_all(&mut self, plan: &Plan) -> Result<(), Violation> {
        self.begin(plan.house)?;
        for (tick, one) in plan.moves.iter().enumerate() {
            self.tick = tick;
            self.passed.push(self.elapsed);
            self.make(*one)?;
        }
        self.tick = plan.moves.len();
        self.finish()
    }

    /// Two engines open an empty store.
    fn begin(&mut self, house: House) -> Result<(), Violation> {
        self.house = house;
        self.engines = engines(house, self.through, &*self.change);
        self.model.policy = self.engines[0].environment.policy.clone();
        self.reopen()?;
        self.make_keyring();
        (0..self.engines.len()).try_for_each(|engine| self.open_context(engine))
    }

    /// Closes the store and opens it again.
    fn reopen(&mut self) -> Result<(), Violation> {
        self.shut();
        self.store = (self.open)().map_err(|error| Violation::new(27, error.to_string()))?;
        Ok(())
    }

    fn shut(&mut self) {
        self.store = closed();
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
                let time = Duration::from_millis(millis.into());
                self.time = self.time.saturating_add(time);
                self.elapsed += u64::from(millis);
                self.watch_passes(time);
                Ok(())
            }
            Move::StepBack { millis } => {
                self.time = self.time.saturating_sub(Duration::from_millis(millis.into()));
                self.watch_is_set(self.time);
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
                self.tick_and_purge(engine, limit.into(), self.seed())
            }
            Move::Sweep => {
                self.sweep(64)?;
                self.compare_all()
            }
            Move::Look { label, token, stray } => self.look(label, token, stray),
            Move::LookOn { label, line } => self.look_on(label, line),
            Move::BackUp => self.back_up(),
            Move::Restore { watcher_lives } => self.restore(watcher_lives),
        }
    }

    /// A purge is of a clock that is vouched for, by a mark that no later opening can be behind.
    fn tick_and_purge(&mut self, engine: usize, limit: usize, seed: u64) -> Result<(), Violation> {
        self.alone_with(engine, Action::Tick, seed)?;
        let now = self.now(engine);
        let vouched = self.model.judge(&Intent::Tick, now).answer;
        if vouched == Answer::Done { self.purge(engine, limit).map(drop) } else { Ok(()) }
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
            signed: None,
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
            heard: Heard::default(),
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

    fn bring_to_its_end(&mut self, label: u32) -> Result<(), Violation> {
        while let Some(at) = self.tasks.iter().position(|task| task.label == label) {
            self.step(at, Luck::Good)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Violation> {
        self.settle()?;
        self.probe_far_times()?;
        self.steal_store()
    }

    fn settle(&mut self) -> Result<(), Violation> {
        while !self.tasks.is_empty() {
            self.step(0, Luck::Good)?;
        }
        while !self.flights.is_empty() {
            self.land(0)?;
        }
        self.finish_looks()?;
        self.sweep(usize::MAX)?;
        self.compare_all()
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

/// In the place of a store that is not open: nothing is in it.
fn closed() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// What a panic says of itself.
fn said(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().copied().unwrap_or("without a word").to_owned(),
    }
}

/// The parts of an intent that name no secret: what a summary counts.
fn word(intent: &Intent) -> String {
    let text = format!("{intent:?}");
    let text = text.strip_prefix("Token(").unwrap_or(&text);
    text.split([' ', '(', ')']).next().unwrap_or_default().to_owned()
}
