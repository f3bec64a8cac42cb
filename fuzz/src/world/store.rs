//! The store: commits and how they fail, purges, power cuts. Beside it a mirror, which follows every change by itself.

use std::collections::BTreeMap;
use std::rc::Rc;

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::id::Stamp;
use doorward_core::machine::Reply;
use doorward_core::operation::open::Open;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Commit, Durability, Expect, Range, Write};
use doorward_core::time::Timestamp;

use super::World;
use crate::answer::{Answer, Asked};
use crate::model::judge::Intent;
use crate::model::land::Landing;
use crate::model::verdict::{Effect, Judgement};
use crate::model::{Counted, Throttle};
use crate::plan::Luck;
use crate::task::{Flight, Shape, Task, machine};
use crate::violation::{Violation, ensure};

/// How many rows are looked at at once.
const PAGE: usize = 1000;
/// How many rows an ending writes at most, however many tokens it ends: a session, its data and its grants.
const ENDING: usize = 3;
/// How many attempts an operation has: the last one of an ending rests on nothing.
const ATTEMPTS: usize = 8;
/// The seed of the first opening.
pub(super) const OPENING: u64 = u64::MAX;

pub(super) fn failed(kind: StoreErrorKind) -> Reply {
    Reply::Failed(StoreError::new(kind, "the plan says so"))
}

impl World {
    /// The first opening, undisturbed: from here on there is a keyring.
    pub(super) fn make_keyring(&mut self) {
        let now = self.now(0);
        self.model.mark = now;
        let mut machine = machine(Open::new(), &self.engines[0].environment, OPENING);
        loop {
            let (ticket, reply) = match machine.poll(now) {
                Asked::Read(ticket, keys) => (ticket, Reply::Rows(vec![None; keys.len()])),
                Asked::Commit(ticket, batch) => {
                    follow(&mut self.rows, batch);
                    if let Some(keyring) = self.rows.get(&Key::Keyring) {
                        self.model.read_keys(keyring);
                    }
                    let answer = self.store.commit(batch);
                    (ticket, answer.map_or_else(Reply::Failed, Reply::Commit))
                }
                Asked::Scan(..) | Asked::Work(..) | Asked::Done(_) => return,
            };
            if machine.reply(ticket, reply).is_err() {
                return;
            }
        }
    }

    /// Sends a task's batch to the store, with this luck.
    pub(super) fn commit(&mut self, task: &mut Task, batch: Batch, luck: Luck) -> Result<Reply, Violation> {
        self.run.commits += 1;
        let is_good = matches!(luck, Luck::Good | Luck::Misfit | Luck::ReplyLost);
        self.run.faults += usize::from(!is_good);
        let is_blind = batch.expectations().next().is_none();
        let puts = batch.writes.iter().any(|write| matches!(write, Write::Put { .. }));
        let is_touch = batch.durability == Durability::Relaxed;
        let intent = Rc::clone(&task.intent);
        // INVARIANT 6.
        ensure(!intent.ends_tokens() || batch.writes.len() <= ENDING, 6, || {
            format!("{intent:?} writes {} rows", batch.writes.len())
        })?;
        let flight = Flight {
            label: task.label,
            batch,
            intent,
            judged: task.judged.clone(),
            decided: task.decided,
            heard: task.heard,
            attempt: task.shape.iter().filter(|shape| matches!(shape, Shape::Commit { .. })).count(),
        };
        task.disturbed |= !is_good;
        let unknown = |task: &mut Task| {
            task.settles = puts && !is_touch;
            Ok(failed(StoreErrorKind::Unknown))
        };
        match luck {
            Luck::Good | Luck::Misfit | Luck::ReplyLost => {
                let (answer, judged) = self.apply(&flight)?;
                if answer == Commit::Conflict {
                    task.disturbed = true;
                    ensure(!is_blind && !task.intent.is_blind(), 43, || {
                        format!("{:?} met a conflict", task.intent)
                    })?;
                }
                land_in(task, judged);
                Ok(Reply::Commit(answer))
            }
            Luck::Retryable | Luck::Fatal => {
                task.failed = !is_touch;
                Ok(failed(if luck == Luck::Fatal {
                    StoreErrorKind::Fatal
                } else {
                    StoreErrorKind::Retryable
                }))
            }
            Luck::UnknownApplied => {
                let (_, judged) = self.apply(&flight)?;
                land_in(task, judged);
                unknown(task)
            }
            Luck::UnknownLost => unknown(task),
            Luck::UnknownInFlight => {
                self.flights.push(flight);
                unknown(task)
            }
        }
    }

    /// A batch in flight lands.
    pub(super) fn land(&mut self, at: usize) -> Result<(), Violation> {
        let flight = self.flights.swap_remove(at);
        let (_, judged) = self.apply(&flight)?;
        // Its sender may still be looking for it; one that decided again has forgotten it.
        if let Some(task) = self.tasks.iter_mut().find(|task| task.label == flight.label && task.settles) {
            land_in(task, judged);
        }
        Ok(())
    }

    fn apply(&mut self, flight: &Flight) -> Result<(Commit, Option<Judgement>), Violation> {
        let Flight { batch, intent, decided, .. } = flight;
        let answer = self.store.commit(batch);
        let answer = answer.map_err(|error| Violation::new(40, format!("a malformed batch: {error}")))?;
        let before: BTreeMap<Key, Row> = batch
            .writes
            .iter()
            .filter_map(|write| Some((write.key().clone(), self.rows.get(write.key())?.clone())))
            .collect();
        ensure(follow(&mut self.rows, batch) == answer, 26, || {
            "the store and its mirror disagree".to_owned()
        })?;
        let written: Vec<_> = batch.writes.iter().map(|write| write.key().clone()).collect();
        let found = self.store.read(&written).unwrap_or_default();
        let expected = written.iter().map(|key| self.rows.get(key).cloned());
        ensure(found.into_iter().eq(expected), 26, || {
            "the store did not write what its mirror did".to_owned()
        })?;
        if answer == Commit::Conflict {
            return Ok((answer, None));
        }
        let is_blind = batch.expectations().next().is_none();
        let is_verdict = !matches!(flight.judged.answer, Answer::Gone(_)) && intent.is_guess();
        ensure(!is_blind || !is_verdict, 38, || format!("{:?} rests on no counter", flight.judged.answer))?;
        let is_early = flight.attempt < ATTEMPTS;
        ensure(!is_blind || !is_early || !matches!(**intent, Intent::Unlock(_)), 38, || {
            "an unlock takes counters away that it has not seen".to_owned()
        })?;
        let mut judged = match (&**intent, is_blind) {
            // That there is no time left for a token is judged by what was to be signed, and not by the rows alone.
            (_, false) if matches!(flight.judged.answer, Answer::Gone(_)) => flight.judged.clone(),
            // What compares is right as of now, or it would not have been applied.
            (_, false) => {
                Judgement { beside: flight.judged.beside.clone(), ..self.model.judge(intent, *decided) }
            }
            // With nothing left to try, it ends all.
            (Intent::LogoutEverywhere(Some(account), Some(_)), true)
                if matches!(flight.judged.effect, Effect::EndAll { .. }) =>
            {
                Judgement::done(Effect::EndAll { account: *account, keep: None })
            }
            (_, true) => flight.judged.clone(),
        };
        if batch.writes.iter().any(|write| *write.key() == Key::Keyring) {
            self.keys_changed();
        }
        let relaxed = batch.durability == Durability::Relaxed;
        if relaxed {
            self.relaxed.extend(before.clone());
        } else {
            self.relaxed.clear();
        }
        let landing = Landing { batch, at: *decided, before: &before, rows: &self.rows };
        self.model.land(&mut judged, &landing)?;
        let mut tasks = std::mem::take(&mut self.tasks);
        for task in &mut tasks {
            self.show_list(task);
        }
        self.tasks = tasks;
        Ok((answer, Some(judged)))
    }

    /// Whoever lists sessions, page by page, may come upon all that is live at one of its moments.
    pub(super) fn show_list(&mut self, task: &mut Task) {
        if matches!(&*task.intent, Intent::Sessions(_)) {
            let now = self.now(task.engine);
            if let Answer::Listed(live) = self.model.judge(&task.intent, now).answer {
                task.once_live.extend(&live);
                match &mut task.always_live {
                    Some(always) => always.retain(|(id, _)| live.contains(id)),
                    none => {
                        let idle_end = |id| self.model.sessions[self.model.by_id[id]].idle_end();
                        *none = Some(live.iter().map(|id| (*id, idle_end(id))).collect());
                    }
                }
            }
        }
    }

    /// The lights go out: touches since the last barrier are undone, and nothing that was under way goes on.
    pub(super) fn power_cut(&mut self) -> Result<(), Violation> {
        self.flights.clear();
        self.drop_watcher();
        while let Some((key, row)) = self.relaxed.pop() {
            let Some(stamp) = self.rows.get(&key).map(|row| row.stamp) else { continue };
            let mut batch = Batch::new(Stamp::from_bytes([0; 16]), Durability::Durable);
            if let (Key::Session(id), Ok(record)) = (&key, row.session()) {
                let session = self.model.by_id[id];
                self.model.sessions[session].last_seen = record.last_seen;
            }
            if let (Key::Clock, Ok(record)) = (&key, row.clock()) {
                self.model.mark = record.highest;
            }
            if key == Key::Keyring {
                self.model.read_keys(&row);
            }
            batch.writes.push(Write::Put { key, row, expect: Expect::Stamp(stamp) });
            ensure(self.store.commit(&batch).is_ok(), 26, || "the store cannot be set back".to_owned())?;
            follow(&mut self.rows, &batch);
        }
        self.reopen()?;
        (0..self.engines.len()).try_for_each(|engine| self.restart(engine))
    }

    /// As `Engine::purge` does it: not yet what an instance that is behind still counts as live. Gives how many rows and
    /// entries of the journal the store has removed.
    pub(super) fn purge(&mut self, engine: usize, limit: usize) -> Result<usize, Violation> {
        let wait = self.engines[engine].environment.policy.purge_after();
        let until = self.now(engine).saturating_sub(wait);
        let is_due = |row: &Row| row.expires.is_some_and(|expires| expires <= until);
        let due: Vec<Key> =
            self.rows.iter().filter(|(_, row)| is_due(row)).map(|(key, _)| key.clone()).collect();
        let broken = |error| Violation::new(26, format!("{error}"));
        let removed = self.store.purge(until, limit).map_err(broken)?;
        let left = self.store.read(&due).map_err(broken)?;
        let gone: Vec<Key> =
            due.into_iter().zip(left).filter(|(_, row)| row.is_none()).map(|(key, _)| key).collect();
        ensure(gone.len() <= removed, 26, || "a purge took more than it says".to_owned())?;
        for key in gone {
            self.rows.remove(&key);
            // A touch that a power cut would undo is no more.
            self.relaxed.retain(|(touched, _)| *touched != key);
            self.purged(&key, until)?;
        }
        Ok(removed)
    }

    fn purged(&mut self, key: &Key, until: Timestamp) -> Result<(), Violation> {
        match (key, self.model.counter_rows.get(key)) {
            (Key::Session(id), _) => {
                let number = self.model.by_id[id];
                let session = &mut self.model.sessions[number];
                session.is_there = false;
                session.was_purged = true;
                let is_over = session.idle_end() <= until;
                if let Some(account) = session.account {
                    self.model.accounts[account].sessions.retain(|one| *one != number);
                }
                ensure(is_over, 26, || "a purge took a live session".to_owned())
            }
            (Key::Data(id), _) => {
                let session = &mut self.model.sessions[self.model.by_id[id]];
                session.data.clear();
                ensure(session.absolute_end <= until, 26, || "a purge took what is kept".to_owned())
            }
            (Key::Grants(id), _) => self.model.purged_grants(self.model.by_id[id], until),
            (Key::Devices(id), _) => {
                let account = self.model.by_account[id];
                let devices = std::mem::take(&mut self.model.accounts[account].devices);
                let is_over = devices.iter().all(|device| device.is_forgotten || device.expires <= until);
                ensure(is_over, 26, || "a purge took a known device".to_owned())
            }
            (_, Some(Counted::Name(name))) => {
                self.model.names[*name].throttle = Throttle::default();
                Ok(())
            }
            (_, Some(Counted::Account(account))) => {
                self.model.accounts[*account].throttle = Throttle::default();
                Ok(())
            }
            (_, Some(Counted::Decoy(name))) => {
                self.model.names[*name].decoy = None;
                Ok(())
            }
            (_, None) => Err(Violation::new(26, format!("a purge took {key:?}"))),
        }
    }

    /// Every row of the store, against the mirror, and against the model.
    pub(super) fn compare_all(&self) -> Result<(), Violation> {
        let mut all = BTreeMap::new();
        for kind in Kind::ALL {
            let mut range = Range { kind, owner: None, after: None };
            while let Ok(page) = self.store.scan(&range, PAGE) {
                let is_last = page.len() < PAGE;
                range.after = page.last().map(|(key, _)| key.clone());
                all.extend(page);
                if is_last {
                    break;
                }
            }
        }
        ensure(all == self.rows, 29, || "the store holds what nobody committed".to_owned())?;
        self.rows.iter().try_for_each(|(key, row)| self.model.compare(key, Some(row), &self.rows))
    }
}

fn land_in(task: &mut Task, judged: Option<Judgement>) {
    if let Some(judged) = judged {
        task.judged = judged;
        task.has_landed = true;
    }
}

/// Applies a batch as the contract of stores has it.
fn follow(rows: &mut BTreeMap<Key, Row>, batch: &Batch) -> Commit {
    if !batch.holds(|key| rows.get(key).map(|row| row.stamp)) {
        return Commit::Conflict;
    }
    for write in &batch.writes {
        match write {
            Write::Put { key, row, .. } => _ = rows.insert(key.clone(), row.clone()),
            Write::Delete { key } => _ = rows.remove(key),
            Write::Raise { key } => {
                if let Some(row) = rows.get_mut(key) {
                    (row.epoch, row.stamp) = (row.epoch + 1, batch.stamp);
                }
            }
        }
    }
    Commit::Applied
}
