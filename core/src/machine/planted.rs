//! The bugs that a test can plant in the machine itself.

use alloc::vec;

use super::{Decide, Machine, Reply, State};
use crate::error::StoreErrorKind;
use crate::id::Stamp;
use crate::planted::Planted;
use crate::record::{Key, Row};
use crate::store::{Batch, Check, Commit, Durability, Expect, Write};

impl<O: Decide> Machine<O> {
    /// What a planted bug makes of a reply; `None`: it has dealt with it.
    pub(super) fn misread(&mut self, reply: Reply) -> Option<Reply> {
        let bugs = [
            Planted::TouchRevives,
            Planted::ConflictIsApplied,
            Planted::UnknownIsApplied,
            Planted::FailedReadIsEmpty,
        ];
        let [revives, conflict_applies, unknown_applies, failed_is_empty] = bugs.map(|bug| self.has(bug));
        let applied = Some(Reply::Commit(Commit::Applied));
        match (&mut self.state, &reply) {
            (State::Offering(batch, _), Reply::Commit(Commit::Conflict))
                if revives && !batch.checks.is_empty() =>
            {
                batch.checks.clear();
                for write in &mut batch.writes {
                    if let Write::Put { expect, .. } = write {
                        *expect = Expect::Absent;
                    }
                }
                None
            }
            (State::Committing(..), Reply::Commit(Commit::Conflict)) if conflict_applies => applied,
            (State::Committing(..), Reply::Failed(error))
                if error.kind() == StoreErrorKind::Unknown && unknown_applies =>
            {
                applied
            }
            (State::Reading(keys), Reply::Failed(_)) if failed_is_empty => {
                Some(Reply::Rows(vec![None; keys.len()]))
            }
            _ => Some(reply),
        }
    }

    /// What a planted bug makes of a batch.
    pub(super) fn spoil(&self, mut batch: Batch) -> Batch {
        if self.has(Planted::StampPerOperation) {
            batch.stamp = Stamp::from_bytes(self.seed.stamp(0));
            for write in &mut batch.writes {
                if let Write::Put { row, .. } = write {
                    row.stamp = batch.stamp;
                }
            }
        }
        if self.has(Planted::CommitsAreRelaxed) {
            batch.durability = Durability::Relaxed;
        }
        if self.has(Planted::ChecksDropped) {
            batch.checks.clear();
        }
        if self.has(Planted::UpdateIsBlind) && self.operation.name() == "update_session_data" {
            batch.checks.clear();
        }
        if self.has(Planted::EndingsCompare) && batch.expectations().next().is_none() {
            let expect = |row: Option<&Row>| row.map_or(Expect::Absent, |row| Expect::Stamp(row.stamp));
            let check = |(key, row): (&Key, Option<&Row>)| Check { key: key.clone(), expect: expect(row) };
            batch.checks = self.facts.consulted().map(check).collect();
        }
        batch
    }
}
