//! The same world again and again, for each schedule of a few operations: set up once, forked, and moved from outside.
//!
//! A step here is a call of the store. Hashing and signing touch nothing that anybody shares, so that no operation can tell
//! when another works: work belongs to the step before it, and one schedule stands for all that differ in that alone.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use doorward::store::MemoryStore;
use doorward_core::id::Stamp;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Commit, Durability, Expect, Store, Write};

use super::World;
use super::engines::{Engine, engines};
use super::watch::Watcher;
use crate::action::Action;
use crate::answer::Asked;
use crate::plan::{Luck, Move, Plan};
use crate::violation::Violation;

/// What an operation under way waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// A read or a scan.
    Look,
    Commit,
}

impl World {
    /// The world after the moves of a plan, each operation brought to its end before the next.
    pub(crate) fn set_up(mut self, plan: &Plan) -> Result<Self, Violation> {
        self.begin(plan.house)?;
        for one in &plan.moves {
            self.tick += 1;
            self.make(*one)?;
            if let Move::Start { label, .. } = one {
                self.bring_to_its_end(*label)?;
            }
        }
        Ok(self)
    }

    /// The same world once more, on a store of its own, with nothing under way. The new store's journal is empty: no
    /// operation reads it.
    pub(crate) fn fork(&self) -> Result<Self, Violation> {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let stored = store.commit(&all_of(&self.rows));
        if !matches!(stored, Ok(Commit::Applied)) {
            return Err(Violation::new(
                26,
                format!("a new store does not take the rows of another: {stored:?}"),
            ));
        }
        let kept = Arc::clone(&store);
        Ok(Self {
            store,
            open: Box::new(move || Ok::<_, io::Error>(Arc::clone(&kept)).map_err(Into::into)),
            shelf: None,
            backup: None,
            orphans: Vec::new(),
            watcher: Watcher::default(),
            rows: self.rows.clone(),
            engines: self.same_engines(),
            house: self.house,
            through: self.through,
            change: Rc::clone(&self.change),
            time: self.time,
            elapsed: self.elapsed,
            passed: self.passed.clone(),
            model: self.model.clone(),
            tasks: Vec::new(),
            flights: Vec::new(),
            wallet: self.wallet.clone(),
            devices: self.devices.clone(),
            purse: self.purse.clone(),
            unreturned: self.unreturned.clone(),
            rehashes: self.rehashes.clone(),
            relaxed: self.relaxed.clone(),
            tick: self.tick,
            run: self.run.clone(),
            records: self.records,
        })
    }

    /// The engines in processes of their own. One that served two worlds would remember in the second what it parsed in the
    /// first: in both, the same seeds give the same stamps, and to other rows.
    fn same_engines(&self) -> Vec<Engine> {
        let new = engines(self.house, self.through, &*self.change);
        let same = |(new, old): (Engine, &Engine)| Engine { environment: new.environment, ..old.clone() };
        new.into_iter().zip(&self.engines).map(same).collect()
    }

    /// An operation is about to begin: what it means is settled, and it waits for the store.
    pub(crate) fn prepare(
        &mut self,
        engine: usize,
        label: u32,
        action: Action,
        seed: u64,
    ) -> Result<(), Violation> {
        self.launch(engine, label, action, seed);
        self.work(label)
    }

    /// What the operation waits for; `None`: it is not under way.
    pub(crate) fn waits_for(&mut self, label: u32) -> Option<Call> {
        let at = self.tasks.iter().position(|task| task.label == label)?;
        let now = self.now(self.tasks[at].engine);
        match self.tasks[at].machine.poll(now) {
            Asked::Commit(..) => Some(Call::Commit),
            Asked::Read(..) | Asked::Scan(..) | Asked::Work(..) | Asked::Done(_) => Some(Call::Look),
        }
    }

    /// Whether the operation has not called the store yet.
    pub(crate) fn is_new(&self, label: u32) -> bool {
        self.tasks.iter().any(|task| task.label == label && task.is_new())
    }

    /// The operation's next call, with this luck. It begins with its first: whoever was answered before that was before it.
    pub(crate) fn call(&mut self, label: u32, luck: Luck) -> Result<(), Violation> {
        self.tick += 1;
        if self.is_new(label) {
            let tick = self.tick;
            for task in self.tasks.iter_mut().filter(|task| task.label == label) {
                task.started = tick;
                (task.once_live, task.always_live) = (Vec::new(), None);
            }
        }
        self.make(Move::Step { label, luck })?;
        self.work(label)
    }

    /// Another move, between calls.
    pub(crate) fn moves(&mut self, one: Move) -> Result<(), Violation> {
        self.tick += 1;
        self.make(one)
    }

    /// An engine purges, with a seed of the purge's own: whenever it comes, it is the same.
    pub(crate) fn purges(&mut self, engine: usize, seed: u64) -> Result<(), Violation> {
        self.tick += 1;
        self.tick_and_purge(engine, self.rows.len(), seed)
    }

    /// How many changes have landed.
    pub(crate) fn landed(&self) -> usize {
        self.model.landed
    }

    /// Whether a batch is on its way whose sender was told "unknown".
    pub(crate) fn has_flight(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Brings everything to its end, tries every token at every engine and compares every row. What a thief finds is looked
    /// at on demand: it takes as long as all the rest.
    pub(crate) fn close(&mut self, robbed: bool) -> Result<(), Violation> {
        self.tick += 1;
        self.settle()?;
        if robbed { self.steal_store() } else { Ok(()) }
    }

    /// What has become of it: the rows, and the answers by their number.
    pub(crate) fn outcome(&self) -> String {
        format!("{:?} {:?}", self.rows, self.run.answers)
    }

    /// Carries out what the operation needs until it waits for the store; or it ends, having needed nothing of it.
    fn work(&mut self, label: u32) -> Result<(), Violation> {
        while let Some(at) = self.tasks.iter().position(|task| task.label == label) {
            let mut task = self.tasks.remove(at);
            let now = self.now(task.engine);
            let works = match task.machine.poll(now) {
                Asked::Work(..) => true,
                Asked::Read(..) | Asked::Scan(..) | Asked::Commit(..) => false,
                Asked::Done(outcome) => return self.release(&task, outcome, Luck::Good),
            };
            self.tasks.insert(at, task);
            if !works {
                return Ok(());
            }
            self.step(at, Luck::Good)?;
        }
        Ok(())
    }
}

/// A batch that makes these rows, as they are.
fn all_of(rows: &BTreeMap<Key, Row>) -> Batch {
    let mut batch = Batch::new(Stamp::from_bytes([0; 16]), Durability::Durable);
    let put =
        |(key, row): (&Key, &Row)| Write::Put { key: key.clone(), row: row.clone(), expect: Expect::Absent };
    batch.writes.extend(rows.iter().map(put));
    batch
}
