//! Rows and journal as one value: what a batch does to them, and what they answer.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use doorward_core::id::{SessionId, Stamp};
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{
    Batch, Change, Changes, Commit, Cursor, Durability, Expect, Range, Revocation, Write,
};
use doorward_core::time::Timestamp;

use super::Flaw;

#[derive(Debug, Clone, Default)]
pub struct Data {
    pub flaw: Option<Flaw>,
    pub rows: BTreeMap<Key, Row>,
    journal: Vec<Change>,
    last: u64,
    /// Rows as they once were, for the flaws that remember too much.
    past: Vec<(Key, Row)>,
    hidden: BTreeMap<Key, Row>,
}

/// What a flawed store looked at before it took the lock.
#[derive(Debug, Default)]
pub struct Glimpse {
    pub held: Option<bool>,
    pub epochs: BTreeMap<Key, u64>,
    pub stamps: BTreeMap<Key, Option<Stamp>>,
    pub number: Option<u64>,
}

impl Data {
    /// Nothing yet.
    pub fn with(flaw: Option<Flaw>) -> Self {
        Self { flaw, ..Self::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub fn apply(&mut self, batch: &Batch, glimpse: &Glimpse) -> Commit {
        let before = self.clone();
        let holds = glimpse.held.unwrap_or_else(|| self.holds(batch));
        if !holds || self.refuses(batch, glimpse) {
            if self.has(Flaw::StopsHalfway) && self.checks_hold(batch) {
                let met = |write: &&Write| self.holds_for(write);
                let done: Vec<Write> = batch.writes.iter().take_while(met).cloned().collect();
                for write in &done {
                    self.write(write, batch, glimpse);
                }
            }
            if self.has(Flaw::JournalsConflicts) {
                self.append(&before, batch, glimpse);
            }
            return Commit::Conflict;
        }
        let most = if self.has(Flaw::ForgetsTheThirtyThird) { 32 } else { usize::MAX };
        for write in batch.writes.iter().take(most) {
            self.write(write, batch, glimpse);
        }
        self.append(&before, batch, glimpse);
        Commit::Applied
    }

    pub fn holds(&self, batch: &Batch) -> bool {
        self.checks_hold(batch) && batch.writes.iter().all(|write| self.holds_for(write))
    }

    fn checks_hold(&self, batch: &Batch) -> bool {
        batch.checks.iter().all(|check| match check.expect {
            Expect::Absent if self.has(Flaw::RefusesAbsentChecks) => false,
            Expect::Absent => self.has(Flaw::ForgetsAbsentChecks) || self.is(&check.key, check.expect),
            Expect::Stamp(_) => self.has(Flaw::ForgetsStampChecks) || self.is(&check.key, check.expect),
        })
    }

    fn holds_for(&self, write: &Write) -> bool {
        match write {
            Write::Put { expect: Expect::Absent, .. } if self.has(Flaw::Upserts) => true,
            Write::Put { key, expect: Expect::Stamp(_), .. }
                if self.has(Flaw::RevivesEnded) && !self.rows.contains_key(key) =>
            {
                true
            }
            Write::Put { key, expect: Expect::Stamp(stamp), .. } if self.has(Flaw::ComparesAPrefix) => {
                self.rows.get(key).is_some_and(|row| row.stamp.as_bytes()[..15] == stamp.as_bytes()[..15])
            }
            Write::Put { key, expect, .. } => self.is(key, *expect),
            Write::Delete { .. } | Write::Raise { .. } => true,
        }
    }

    fn is(&self, key: &Key, expect: Expect) -> bool {
        let found = self.rows.get(key).or_else(|| self.hidden.get(key));
        if let (true, Expect::Stamp(stamp), Some(found)) = (self.has(Flaw::ComparesContents), expect, found) {
            let says_the_same = |(past, row): &(Key, Row)| {
                past == key && row.stamp == stamp && row.record == found.record && row.epoch == found.epoch
            };
            return self.past.iter().any(says_the_same) || found.stamp == stamp;
        }
        expect.met_by(found.map(|row| row.stamp))
    }

    fn refuses(&self, batch: &Batch, glimpse: &Glimpse) -> bool {
        let stamp = |key: &Key| self.rows.get(key).map(|row| row.stamp);
        let touched = glimpse.stamps.iter().any(|(key, seen)| stamp(key) != *seen);
        let idle = |write: &Write| matches!(write, Write::Delete { key } if !self.rows.contains_key(key));
        let empty = batch.writes.is_empty() && batch.checks.is_empty() && batch.journal.is_empty();
        touched
            || self.has(Flaw::RefusesIdleDeletes) && batch.writes.iter().any(idle)
            || self.has(Flaw::RefusesEmptyBatches) && empty
    }

    fn write(&mut self, write: &Write, batch: &Batch, glimpse: &Glimpse) {
        let (stamp, durability) = (batch.stamp, batch.durability);
        let flaw = self.flaw;
        let is = |one: Flaw| flaw == Some(one);
        match write {
            Write::Put { key, row, .. } => {
                let mut row = row.clone();
                if is(Flaw::KeepsTheHighestEpoch) {
                    row.epoch = row.epoch.max(self.rows.get(key).map_or(0, |old| old.epoch));
                }
                if is(Flaw::EpochsAreFloats) {
                    // What a float keeps of a whole number: its upper 53 bits.
                    let lost = 11u32.saturating_sub(row.epoch.leading_zeros());
                    row.epoch = row.epoch >> lost << lost;
                }
                if let (Some(Flaw::TouchKeepsStamp), Durability::Relaxed, Some(old)) =
                    (flaw, durability, self.rows.get(key))
                {
                    row.stamp = old.stamp;
                }
                if is(Flaw::ComparesContents) && self.past.len() < 100 {
                    self.past.push((key.clone(), row.clone()));
                }
                self.hidden.remove(key);
                self.rows.insert(key.clone(), row);
            }
            Write::Delete { key } => {
                self.rows.remove(key);
            }
            Write::Raise { key } => {
                if let Some(row) = self.rows.get_mut(key) {
                    row.epoch = glimpse.epochs.get(key).copied().unwrap_or(row.epoch) + 1;
                    if !is(Flaw::RaiseKeepsStamp) {
                        row.stamp = stamp;
                    }
                    if is(Flaw::RaiseDropsExpiry) {
                        row.expires = None;
                    }
                } else if is(Flaw::RaisesNothing) {
                    let record = doorward_core::record::AccountRecord { created: Timestamp::MAX }.into();
                    let row = Row { stamp, epoch: 1, owner: None, expires: None, record };
                    self.rows.insert(key.clone(), row);
                }
            }
        }
    }

    fn append(&mut self, before: &Self, batch: &Batch, glimpse: &Glimpse) {
        for (place, ending) in batch.journal.iter().enumerate() {
            let Ok(entry) = ending.entry(|key| {
                let early = self.has(Flaw::FloorBeforeRaise) && self.rows.contains_key(key);
                let rows = if early { &before.rows } else { &self.rows };
                let nothing = self.has(Flaw::FloorOfNothingIsZero).then_some(0);
                Ok::<_, Infallible>(rows.get(key).map(|row| row.epoch).or(nothing))
            });
            let (mut revocation, until) = entry.expect("an account or the keyring");
            if let (Revocation::Grant(grant), true) = (&revocation, self.has(Flaw::GrantsAreSessions)) {
                revocation = Revocation::Session(SessionId::from_bytes(*grant.as_bytes()));
            }
            self.last = match glimpse.number {
                Some(number) => number + place as u64,
                None if self.has(Flaw::ReusesCursors) => self.journal.len() as u64 + 1,
                None => self.last + 1,
            };
            let cursor = Cursor::from_number(self.last);
            self.journal.push(Change { cursor, revocation, until });
        }
        self.journal.sort_by_key(|change| change.cursor);
        self.last = self.last.max(self.journal.last().map_or(0, |change| change.cursor.number()));
        if self.has(Flaw::ReusesCursors) {
            self.last = self.journal.last().map_or(0, |change| change.cursor.number());
        }
    }

    pub fn read(&self, keys: &[Key]) -> Vec<Option<Row>> {
        let mut answered = BTreeSet::new();
        let once = self.has(Flaw::AnswersDuplicatesOnce);
        let row = |key| self.rows.get(key).filter(|_| answered.insert(key) || !once);
        keys.iter().map(row).map(Option::<&Row>::cloned).collect()
    }

    pub fn scan(&self, range: &Range, limit: usize) -> Vec<(Key, Row)> {
        let in_range = |key: &Key, row: &Row| {
            let after_itself = self.has(Flaw::ScansAfterItself) && range.after.as_ref() == Some(key);
            let other_kind =
                self.has(Flaw::MixesKinds) && range.kind == Kind::Active && key.kind() == Kind::Credential;
            let nobodys = self.has(Flaw::ScansNobodys) && row.owner.is_none();
            let kind = if other_kind { key.kind() } else { range.kind };
            let after = if after_itself { None } else { range.after.clone() };
            let owner = if nobodys { None } else { range.owner };
            Range { kind, owner, after }.holds(key, row)
        };
        let found = self.rows.iter().filter(|(key, row)| in_range(key, row));
        let mut page: Vec<(Key, Row)> = found.map(|(key, row)| (key.clone(), row.clone())).collect();
        if self.has(Flaw::ScansByLength) {
            page.sort_by_key(|(key, _)| key.id_bytes().len());
        }
        page.truncate(limit + usize::from(self.has(Flaw::ScansOneMore)));
        page
    }

    pub fn changes(&self, after: Cursor, limit: usize) -> Changes {
        let mut all = self.journal.clone();
        if self.has(Flaw::JournalByUntil) {
            all.sort_by_key(|change| change.until);
            for (change, placed) in all.iter_mut().zip(&self.journal) {
                change.cursor = placed.cursor;
            }
        }
        let beyond = all.into_iter().filter(|change| change.cursor > after);
        let entries: Vec<Change> = beyond.take(limit).collect();
        let page_end = entries.last().map(|change| change.cursor);
        let end = page_end.filter(|_| self.has(Flaw::EndsWithThePage));
        Changes { entries, end: end.unwrap_or(Cursor::from_number(self.last)) }
    }

    pub fn purge(&mut self, now: Timestamp, limit: usize) -> usize {
        let limit = limit + usize::from(self.has(Flaw::PurgesOneMore));
        let is_over = |row: &Row| match row.expires {
            Some(expires) if self.has(Flaw::PurgeSparesTheMoment) => expires < now,
            Some(expires) => expires <= now,
            None => self.has(Flaw::PurgesTheUnexpiring),
        };
        let over = self.rows.iter().filter(|(_, row)| is_over(row)).take(limit);
        let over: Vec<Key> = over.map(|(key, _)| key.clone()).collect();
        for key in &over {
            let row = self.rows.remove(key);
            if self.has(Flaw::PurgeHides) {
                self.hidden.extend(row.map(|row| (key.clone(), row)));
            }
        }
        let all = self.has(Flaw::PurgesTheJournal);
        self.journal.retain(|change| change.until > now && !all);
        over.len()
    }

    /// The number of the last entry.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// As an opening finds it.
    pub fn opened(mut self) -> Self {
        if self.has(Flaw::NumbersOnAtOpening) {
            self.last = self.journal.last().map_or(0, |change| change.cursor.number());
        }
        self
    }

    /// The same with only half of what is new in it: how a torn write leaves it.
    pub fn halfway_to(&self, next: &Self) -> Self {
        let mut half = self.clone();
        let new = next.rows.iter().filter(|(key, row)| self.rows.get(key) != Some(row));
        let new: Vec<_> = new.map(|(key, row)| (key.clone(), row.clone())).collect();
        half.rows.extend(new.iter().take(new.len() / 2).cloned());
        half
    }
}

/// Gives other threads their turn: what makes a gap wide enough to fall into.
pub fn dawdle() {
    thread::sleep(Duration::from_micros(50));
}
