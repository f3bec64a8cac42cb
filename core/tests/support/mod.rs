//! What every story needs: a plain map for a store, a driver that answers needs, and stand-ins for slow work.

pub(crate) mod devices;
pub(crate) mod home;
pub(crate) mod tokens;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::event::{Event, EventResult};
use doorward_core::facts::Facts;
use doorward_core::id::{AccountId, Stamp};
use doorward_core::machine::{Context, Decide, Decision, Environment, Machine, Need, Reply, Ticket};
use doorward_core::operation::open::Open;
use doorward_core::operation::register::Register;
use doorward_core::password::{HashMemory, Password, PasswordHash, Verdict};
use doorward_core::policy::Policy;
use doorward_core::record::{AccountRecord, Key, Kind, Record, Row};
use doorward_core::secret::{MasterKey, MasterKeys, Pepper, Seed};
use doorward_core::store::{Batch, Commit, Durability, Ending, Range, Write};
use doorward_core::time::Timestamp;
use doorward_core::work::{Work, Worked};

pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(crate) const RIGHT: &str = "correct horse battery staple";
pub(crate) const WRONG: &str = "incorrect horse battery staple";

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn environment() -> Arc<Environment> {
    environment_with(Policy::default())
}

pub(crate) fn environment_with(policy: Policy) -> Arc<Environment> {
    Arc::new(Environment { policy, keys: MasterKeys::new(MasterKey::new(1, [0x5a; 32])) })
}

pub(crate) fn stamp(byte: u8) -> Stamp {
    Stamp::from_bytes([byte; 16])
}

pub(crate) fn account(byte: u8) -> Key {
    Key::Account(AccountId::from_bytes([byte; 16]))
}

/// An account's row; the time of its making is as good a payload as any.
pub(crate) fn account_row(stamped: u8, epoch: u64) -> Row {
    let record = AccountRecord { created: START };
    Row { stamp: stamp(stamped), epoch, owner: None, expires: None, record: record.into() }
}

pub(crate) fn store_error(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "scripted")
}

pub(crate) fn failed(kind: StoreErrorKind) -> Reply {
    Reply::Failed(store_error(kind))
}

/// A hash that no password gives, told from others by its number.
pub(crate) fn hash(number: u32, memory: u32) -> PasswordHash {
    let text = format!("$argon2id$v=19$m={memory},t=2,p=1${number:08}{}${}", "A".repeat(14), "A".repeat(43));
    PasswordHash::parse(&text).unwrap()
}

pub(crate) fn verified(matches: bool) -> Worked {
    Worked::Verified(if matches { Verdict::Match } else { Verdict::Mismatch })
}

/// An operation made of one function.
pub(crate) struct Script<F>(pub(crate) F);

impl<F: Fn(&Facts, &Context<'_>) -> Result<Decision<u64>, Fault>> Decide for Script<F> {
    type Outcome = u64;

    fn name(&self) -> &'static str {
        "script"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<u64>, Fault> {
        (self.0)(facts, cx)
    }

    fn audit(&self, _: &u64) -> (EventResult, doorward_core::event::Subject) {
        (EventResult::Success, doorward_core::event::Subject::default())
    }
}

/// A machine that runs the function, under a seed of this byte.
pub(crate) fn scripted<F>(seed: u8, decide: F) -> Machine<Script<F>>
where
    F: Fn(&Facts, &Context<'_>) -> Result<Decision<u64>, Fault>,
{
    Machine::new(Script(decide), environment(), Seed::from_bytes([seed; 32]))
}

/// A need, owned.
#[derive(Debug)]
pub(crate) enum Ask<T> {
    Read(Ticket, Vec<Key>),
    Scan(Ticket, Range, usize),
    Work(Ticket, Work),
    Commit(Ticket, Batch),
    Done(Result<T, Fault>, Event),
}

impl<T: Debug> Ask<T> {
    pub(crate) fn ticket(&self) -> Ticket {
        match self {
            Self::Read(ticket, _)
            | Self::Scan(ticket, ..)
            | Self::Work(ticket, _)
            | Self::Commit(ticket, _) => *ticket,
            Self::Done(..) => panic!("no ticket: {self:?}"),
        }
    }

    pub(crate) fn read(self) -> Vec<Key> {
        let Self::Read(_, keys) = self else { panic!("not a read: {self:?}") };
        keys
    }

    pub(crate) fn work(self) -> Work {
        let Self::Work(_, work) = self else { panic!("not work: {self:?}") };
        work
    }

    pub(crate) fn commit(self) -> Batch {
        let Self::Commit(_, batch) = self else { panic!("not a commit: {self:?}") };
        batch
    }

    pub(crate) fn done(self) -> Result<T, Fault> {
        let Self::Done(outcome, _) = self else { panic!("not done: {self:?}") };
        outcome
    }
}

pub(crate) fn ask_at<O: Decide>(machine: &mut Machine<O>, now: Timestamp) -> Ask<O::Outcome> {
    match machine.poll(now) {
        Need::Read(ticket, keys) => Ask::Read(ticket, keys.to_vec()),
        Need::Scan(ticket, range, limit) => Ask::Scan(ticket, range.clone(), limit),
        Need::Work(ticket, work) => Ask::Work(ticket, work.clone()),
        Need::Commit(ticket, batch) => Ask::Commit(ticket, batch.clone()),
        Need::Done(outcome, event) => Ask::Done(outcome, event),
    }
}

pub(crate) fn ask<O: Decide>(machine: &mut Machine<O>) -> Ask<O::Outcome> {
    ask_at(machine, START)
}

/// Answers the need that waits.
pub(crate) fn answer<O: Decide<Outcome: Debug>>(machine: &mut Machine<O>, reply: Reply) {
    let ticket = ask(machine).ticket();
    machine.reply(ticket, reply).expect("the reply fits");
}

pub(crate) fn rows<const N: usize>(rows: [Option<Row>; N]) -> Reply {
    Reply::Rows(rows.to_vec())
}

/// A store as the contract wants it, and no more.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Map {
    pub(crate) rows: BTreeMap<Key, Row>,
    pub(crate) journal: Vec<Ending>,
}

impl Map {
    pub(crate) fn read(&self, keys: &[Key]) -> Vec<Option<Row>> {
        keys.iter().map(|key| self.rows.get(key).cloned()).collect()
    }

    pub(crate) fn commit(&mut self, batch: &Batch) -> Commit {
        if !batch.holds(|key| self.rows.get(key).map(|row| row.stamp)) {
            return Commit::Conflict;
        }
        for write in &batch.writes {
            match write {
                Write::Put { key, row, .. } => {
                    self.rows.insert(key.clone(), row.clone());
                }
                Write::Delete { key } => {
                    self.rows.remove(key);
                }
                Write::Raise { key } => self.raise(key, batch.stamp),
            }
        }
        self.journal.extend(batch.journal.iter().cloned());
        Commit::Applied
    }

    pub(crate) fn raise(&mut self, key: &Key, stamp: Stamp) {
        if let Some(row) = self.rows.get_mut(key) {
            row.epoch += 1;
            row.stamp = stamp;
        }
    }

    /// The one row of this kind.
    pub(crate) fn only(&self, kind: Kind) -> (&Key, &Row) {
        let mut rows = self.rows.iter().filter(|(key, _)| key.kind() == kind);
        let row = rows.next().expect("there is one");
        assert!(rows.next().is_none(), "more than one {kind:?}");
        row
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.rows.keys().filter(|key| key.kind() == kind).count()
    }
}

/// What a need was, as far as somebody could see who watches the store and the hashing threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Read(Vec<Kind>),
    Scan(Kind),
    Verify,
    Hash,
    Sign,
    Commit { checks: Vec<Kind>, puts: Vec<Kind>, takes: Vec<Kind>, durability: Durability },
}

impl Step {
    fn of_batch(batch: &Batch) -> Self {
        let kinds = |put: bool| {
            let these = |write: &&Write| matches!(write, Write::Put { .. }) == put;
            batch.writes.iter().filter(these).map(|write| write.key().kind()).collect()
        };
        let checks = batch.checks.iter().map(|check| check.key.kind()).collect();
        Self::Commit { checks, puts: kinds(true), takes: kinds(false), durability: batch.durability }
    }
}

/// A store, a clock, and stand-ins: a hash "matches" the password that it was made of here.
pub(crate) struct World {
    pub(crate) environment: Arc<Environment>,
    pub(crate) map: Map,
    pub(crate) now: Timestamp,
    pub(crate) steps: Vec<Step>,
    /// `Debug` of every need and outcome: replays compare it byte for byte, and no secret stands in it.
    pub(crate) transcript: Vec<String>,
    /// Every row put, whole: `Debug` leaves salts and hashes out.
    pub(crate) encodings: Vec<Vec<u8>>,
    hashes: Vec<(Password, Option<Pepper>, PasswordHash)>,
    seeds: u16,
}

impl World {
    /// An opened store, with nobody in it.
    pub(crate) fn new() -> Self {
        Self::with(environment())
    }

    pub(crate) fn with(environment: Arc<Environment>) -> Self {
        let mut world = Self::unopened(environment);
        world.run(Open::new()).unwrap();
        world
    }

    pub(crate) fn unopened(environment: Arc<Environment>) -> Self {
        Self {
            environment,
            map: Map::default(),
            now: START,
            steps: Vec::new(),
            transcript: Vec::new(),
            encodings: Vec::new(),
            hashes: Vec::new(),
            seeds: 0,
        }
    }

    /// Registers this name with the right password.
    pub(crate) fn register(&mut self, name: &str) -> AccountId {
        self.run(Register::new(name, RIGHT)).unwrap().expect("the name is free")
    }

    pub(crate) fn wait(&mut self, span: Duration) {
        self.now = self.now.saturating_add(span);
    }

    /// A machine with a seed of its own.
    pub(crate) fn machine<O: Decide>(&mut self, operation: O) -> Machine<O> {
        self.seeds += 1;
        let [high, low] = self.seeds.to_be_bytes();
        let mut seed = [low; 32];
        seed[31] ^= high;
        Machine::new(operation, Arc::clone(&self.environment), Seed::from_bytes(seed))
    }

    pub(crate) fn run<O: Decide<Outcome: Debug>>(&mut self, operation: O) -> Result<O::Outcome, Fault> {
        let machine = self.machine(operation);
        self.finish(machine)
    }

    /// Runs an operation and tells what it asked for.
    pub(crate) fn trace<O: Decide<Outcome: Debug>>(&mut self, operation: O) -> (O::Outcome, Vec<Step>) {
        self.steps.clear();
        let outcome = self.run(operation).expect("it is decided");
        (outcome, std::mem::take(&mut self.steps))
    }

    /// Runs an operation and gives its event: which it was, how it ended, and whose account it was about.
    pub(crate) fn told<O: Decide<Outcome: Debug>>(
        &mut self,
        operation: O,
    ) -> (&'static str, EventResult, Option<AccountId>) {
        let mut machine = self.machine(operation);
        loop {
            match ask_at(&mut machine, self.now) {
                Ask::Done(_, event) => return (event.operation, event.result, event.subject.account),
                asked => {
                    let (ticket, reply) = (asked.ticket(), self.carry_out(&asked));
                    machine.reply(ticket, reply).expect("the driver keeps to the protocol");
                }
            }
        }
    }

    pub(crate) fn finish<O: Decide<Outcome: Debug>>(
        &mut self,
        mut machine: Machine<O>,
    ) -> Result<O::Outcome, Fault> {
        loop {
            if let Some(outcome) = self.step(&mut machine) {
                return outcome;
            }
        }
    }

    /// Carries one need out.
    pub(crate) fn step<O: Decide<Outcome: Debug>>(
        &mut self,
        machine: &mut Machine<O>,
    ) -> Option<Result<O::Outcome, Fault>> {
        let ask = ask_at(machine, self.now);
        self.transcript.push(format!("{ask:?}"));
        let ticket = match &ask {
            Ask::Done(..) => return Some(ask.done()),
            _ => ask.ticket(),
        };
        let reply = self.carry_out(&ask);
        machine.reply(ticket, reply).expect("the driver keeps to the protocol");
        None
    }

    /// Carries needs out until a commit waits.
    pub(crate) fn step_to_commit<O: Decide<Outcome: Debug>>(&mut self, machine: &mut Machine<O>) {
        while !matches!(ask_at(machine, self.now), Ask::Commit(..)) {
            assert!(self.step(machine).is_none(), "it ended before a commit");
        }
    }

    pub(crate) fn carry_out<T: Debug>(&mut self, ask: &Ask<T>) -> Reply {
        let (step, reply) = match ask {
            Ask::Read(_, keys) => {
                (Step::Read(keys.iter().map(Key::kind).collect()), Reply::Rows(self.map.read(keys)))
            }
            Ask::Scan(_, range, limit) => {
                let all = self.map.rows.iter().filter(|(key, row)| range.holds(key, row));
                let page = all.take(*limit).map(|(key, row)| (key.clone(), row.clone()));
                (Step::Scan(range.kind), Reply::Page(page.collect()))
            }
            Ask::Work(_, work) => {
                let step = match work {
                    Work::Hash { .. } => Step::Hash,
                    Work::Verify { .. } => Step::Verify,
                    Work::Sign { .. } => Step::Sign,
                };
                (step, Reply::Worked(self.work(work)))
            }
            Ask::Commit(_, batch) => {
                self.encodings.extend(batch.writes.iter().filter_map(encoded));
                (Step::of_batch(batch), Reply::Commit(self.map.commit(batch)))
            }
            Ask::Done(..) => panic!("nothing to carry out"),
        };
        self.steps.push(step);
        reply
    }

    /// The stand-in for Argon2id: a new hash for each run, known by its number. A signature takes microseconds: it is one.
    pub(crate) fn work(&mut self, work: &Work) -> Worked {
        match work {
            Work::Hash { password, pepper, .. } => {
                let hash = hash(u32::try_from(self.hashes.len()).unwrap(), 19456);
                self.hashes.push((password.clone(), pepper.clone(), hash.clone()));
                Worked::Hashed(hash)
            }
            Work::Verify { password, hash, pepper, .. } => {
                let given = (password, pepper, hash);
                verified(self.hashes.iter().any(|(of, with, made)| (of, with, made) == given))
            }
            Work::Sign { .. } => work.run(&mut HashMemory::default()).expect("nothing is hashed"),
        }
    }

    /// Gives an account a hash of this password, made under these costs, as if somebody had set it.
    pub(crate) fn set_password(&mut self, account: AccountId, password: &str, memory: u32, stamped: u8) {
        let hash = hash(1000 + u32::from(stamped), memory);
        self.hashes.push((Password::new(password).unwrap(), None, hash.clone()));
        let row = self.map.rows.get_mut(&Key::Credential(account)).expect("it has one");
        let Record::Credential(record) = &mut row.record else { panic!("a credential") };
        (record.hash, record.pepper) = (hash, None);
        row.stamp = stamp(stamped);
    }
}

fn encoded(write: &Write) -> Option<Vec<u8>> {
    match write {
        Write::Put { key, row, .. } => Some(row.encode(key)),
        Write::Delete { .. } | Write::Raise { .. } => None,
    }
}
