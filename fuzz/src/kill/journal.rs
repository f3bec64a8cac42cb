//! The journal after a kill: of each thread every ending, in its order, and nobody else's; no number twice.

use doorward_core::error::StoreError;
use doorward_core::store::{Change, Cursor, Revocation, Store};

use super::town::{Ending, Town};

/// Where the rig has read to, and what it read last.
#[derive(Debug, Default)]
pub(super) struct Journal {
    end: Cursor,
    tail: Vec<Change>,
}

impl Journal {
    /// Compares what is new with what the towns expect, and forgets that; entries from before must be as they were. Where
    /// calls fail, an epoch may have been raised more than once: the last of its entries is compared.
    pub(super) fn compare(
        &mut self,
        store: &dyn Store,
        towns: &mut [Town],
        now: i64,
        calls_fail: bool,
    ) -> Result<(), String> {
        let told = |error: StoreError| error.to_string();
        let new = all_after(store, self.end).map_err(told)?;
        let end = store.changes(self.end, 1).map_err(told)?.end;
        if end < self.end {
            return Err(format!("the journal ends at {end:?}, and ended at {:?} before", self.end));
        }
        let mut last = self.end;
        for change in &new {
            if change.cursor <= last || change.cursor > end {
                return Err(format!("{change:?} comes after {last:?}, and the journal ends at {end:?}"));
            }
            last = change.cursor;
        }
        for (thread, town) in towns.iter_mut().enumerate() {
            let mut expected = std::mem::take(&mut town.endings);
            let mut found: Vec<Ending> =
                new.iter().filter_map(ending).filter(|ending| town.knows(ending)).collect();
            if calls_fail {
                compare_epochs(town, &found)?;
                expected.retain(is_exact);
                found.retain(is_exact);
            }
            if let Some(at) =
                (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))
            {
                return Err(format!(
                    "thread {thread}'s ending {at} of {} is {:?} in the journal instead of {:?}",
                    expected.len(),
                    found.get(at),
                    expected.get(at)
                ));
            }
        }
        let is_somebodys = |change: &&Change| {
            ending(change).is_some_and(|ending| towns.iter().any(|town| town.knows(&ending)))
        };
        if let Some(odd) = new.iter().find(|change| !is_somebodys(change)) {
            return Err(format!("{odd:?} is in the journal, and nobody ended that"));
        }
        self.compare_old(store, now).map_err(told)??;
        self.catch_up(store).map_err(told)
    }

    /// What the rig itself has ended is not of interest.
    pub(super) fn catch_up(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let page = store.changes(self.end, usize::MAX)?;
        self.end = page.end;
        self.tail.extend(page.entries);
        let much = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..much);
        Ok(())
    }

    /// Entries that were read before are there again, but for those that a purge may have taken.
    fn compare_old(&self, store: &dyn Store, now: i64) -> Result<Result<(), String>, StoreError> {
        let Some(first) = self.tail.first() else { return Ok(Ok(())) };
        let before = Cursor::from_number(first.cursor.number().saturating_sub(1));
        let mut again = all_after(store, before)?;
        again.retain(|change| change.cursor <= self.end);
        if let Some(other) = again.iter().find(|change| !self.tail.contains(change)) {
            return Ok(Err(format!("{other:?} was another one in the journal, or none")));
        }
        let is_lost = |change: &&Change| change.until.as_millis() > now && !again.contains(change);
        Ok(match self.tail.iter().find(is_lost) {
            Some(lost) => Err(format!("{lost:?} was in the journal, and is not any more")),
            None => Ok(()),
        })
    }
}

/// An epoch's last entry is the epoch that it has.
fn compare_epochs(town: &Town, found: &[Ending]) -> Result<(), String> {
    for (id, account) in &town.accounts {
        let mut floors = found.iter().filter_map(|ending| match ending {
            Ending::Account(of, floor) if of == id => Some(*floor),
            _ => None,
        });
        if let Some(last) = floors.next_back().filter(|last| *last != account.epoch) {
            return Err(format!(
                "account {id} ends at {last} in the journal, and its epoch is {}",
                account.epoch
            ));
        }
    }
    Ok(())
}

fn is_exact(ending: &Ending) -> bool {
    !matches!(ending, Ending::Account(_, floor) if *floor != u64::MAX)
}

/// How many entries are read again after each kill.
const TAIL: usize = 200;

fn all_after(store: &dyn Store, after: Cursor) -> Result<Vec<Change>, StoreError> {
    let mut all = Vec::new();
    let mut cursor = after;
    loop {
        let page = store.changes(cursor, 100)?;
        let Some(last) = page.entries.last() else { return Ok(all) };
        cursor = last.cursor;
        all.extend(page.entries);
    }
}

fn ending(change: &Change) -> Option<Ending> {
    match &change.revocation {
        Revocation::Session(id) => Some(Ending::Session(*id)),
        Revocation::Account { account, floor } => Some(Ending::Account(*account, *floor)),
        Revocation::Grant(_) | Revocation::Everything { .. } => None,
    }
}
