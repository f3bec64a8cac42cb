// The engine of the examples in `src`: the core's machine on rows in memory. Included by doctests only.

use doorward_core::error::{Fault, StoreError};
use doorward_core::machine::{Decide, Environment, Machine, Need, Reply};
use doorward_core::password::{Argon2Params, HashMemory};
use doorward_core::record::{Key, Row};
use doorward_core::secret::{MasterKey, MasterKeys, Seed};
use doorward_core::{operation::open::Open, policy::Policy, store::*, time::Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

#[derive(Default)]
pub struct Rows(Mutex<BTreeMap<Key, Row>>);

impl Store for Rows {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        let rows = self.0.lock().unwrap();
        Ok(keys.iter().map(|key| rows.get(key).cloned()).collect())
    }
    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        let mut rows = self.0.lock().unwrap();
        batch.validate()?;
        if !batch.holds(|key| rows.get(key).map(|row| row.stamp)) {
            return Ok(Commit::Conflict);
        }
        for write in &batch.writes {
            match write {
                Write::Put { key, row, .. } => _ = rows.insert(key.clone(), row.clone()),
                Write::Delete { key } => _ = rows.remove(key),
                Write::Raise { key } => rows.get_mut(key).into_iter().for_each(|row| {
                    row.epoch += 1;
                    row.stamp = batch.stamp;
                }),
            }
        }
        Ok(Commit::Applied)
    }
    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        let rows = self.0.lock().unwrap();
        let found = rows.iter().filter(|(key, row)| range.holds(key, row)).take(limit);
        Ok(found.map(|(key, row)| (key.clone(), row.clone())).collect())
    }
    fn changes(&self, _: Cursor, _: usize) -> Result<Changes, StoreError> {
        Ok(Changes::default())
    }
    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
    fn guarantees(&self) -> Guarantees {
        Guarantees::EPHEMERAL
    }
}

pub struct Engine {
    pub store: Rows,
    pub environment: Arc<Environment>,
    pub now: Timestamp,
    seeds: u8,
}

impl Engine {
    pub fn new() -> Self {
        let argon2 = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(1).unwrap();
        let policy = Policy::builder().argon2(argon2).build().unwrap();
        let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
        let environment = Arc::new(Environment { policy, keys });
        let now = Timestamp::from_millis(1_700_000_000_000);
        Self { store: Rows::default(), environment, now, seeds: 0 }
    }
    pub fn opened() -> Self {
        let mut engine = Self::new();
        engine.run(Open::new()).unwrap();
        engine
    }
    pub fn seed(&mut self) -> Seed {
        self.seeds += 1;
        Seed::from_bytes([self.seeds; 32])
    }
    pub fn run<O: Decide>(&mut self, operation: O) -> Result<O::Outcome, Fault> {
        let seed = self.seed();
        let mut machine = Machine::new(operation, Arc::clone(&self.environment), seed);
        loop {
            let (ticket, reply) = match machine.poll(self.now) {
                Need::Read(ticket, keys) => (ticket, Reply::Rows(self.store.read(keys)?)),
                Need::Scan(ticket, range, limit) => (ticket, Reply::Page(self.store.scan(range, limit)?)),
                Need::Work(ticket, work) => {
                    (ticket, Reply::Worked(work.run(&mut HashMemory::default()).unwrap()))
                }
                Need::Commit(ticket, batch) => (ticket, Reply::Commit(self.store.commit(batch)?)),
                Need::Done(outcome, _) => return outcome,
            };
            machine.reply(ticket, reply)?;
        }
    }
}
