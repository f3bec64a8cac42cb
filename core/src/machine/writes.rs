//! From what an operation wants written to the one batch that a store is given.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::facts::Facts;
use crate::id::{AccountId, Stamp};
use crate::record::{Key, Record, Row};
use crate::store::{Batch, Check, Durability, Ending, Expect, Write};
use crate::time::Timestamp;

/// The writes of a decision; the machine adds stamps and preconditions. Each key is written once: a later
/// write to a key takes the place of an earlier one.
///
/// # Example: logout everywhere, which nobody can starve
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::{error::Fault, event::{EventResult, Subject}, facts::Facts, id::AccountId};
/// # use doorward_core::machine::{Context, Decide, Decision, Environment, Machine, Need, Writes};
/// # use doorward_core::{policy::Policy, record::Key, secret::*, store::{Ending, Write}, time::Timestamp};
/// # struct Everywhere(AccountId);
/// # impl Decide for Everywhere {
/// #     type Outcome = ();
/// #     fn name(&self) -> &'static str { "everywhere" }
/// #     fn audit(&self, _: &()) -> (EventResult, Subject) { (EventResult::Success, Subject::default()) }
/// #     fn decide(&self, _: &Facts, cx: &Context<'_>) -> Result<Decision<()>, Fault> {
/// #         Ok(Decision::Commit(everywhere(self.0, cx.now), ()))
/// #     }
/// # }
/// fn everywhere(account: AccountId, until: Timestamp) -> Writes {
///     let key = Key::Account(account);
///     Writes::new().raise(key.clone()).journal(Ending::Epoch { key, until })
/// }
///
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// # let account = AccountId::from_bytes([1; 16]);
/// # let mut machine = Machine::new(Everywhere(account), environment, Seed::from_bytes([2; 32]));
/// // What the machine makes of it, for the store:
/// let Need::Commit(_, batch) = machine.poll(Timestamp::from_millis(0)) else { unreachable!() };
/// assert_eq!(batch.writes, [Write::Raise { key: Key::Account(account) }]);
/// assert_eq!(batch.expectations().count(), 0); // it takes away only, and so compares nothing
/// ```
#[derive(Debug, Default)]
pub struct Writes {
    intents: BTreeMap<Key, Intent>,
    journal: Vec<Ending>,
    guarded: bool,
}

#[derive(Debug)]
enum Intent {
    Put { owner: Option<AccountId>, expires: Option<Timestamp>, record: Record, raise: bool },
    Delete,
    Raise,
}

impl Writes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Create the row, or replace it as it was read. Its epoch stays.
    #[must_use]
    pub fn put(
        self,
        key: Key,
        owner: Option<AccountId>,
        expires: Option<Timestamp>,
        record: impl Into<Record>,
    ) -> Self {
        self.intend(key, Intent::Put { owner, expires, record: record.into(), raise: false })
    }

    /// Replace the row as it was read, and add one to its epoch: what was granted under it is over, in the same commit.
    #[must_use]
    pub fn put_raised(
        self,
        key: Key,
        owner: Option<AccountId>,
        expires: Option<Timestamp>,
        record: impl Into<Record>,
    ) -> Self {
        self.intend(key, Intent::Put { owner, expires, record: record.into(), raise: true })
    }

    /// Remove the row.
    #[must_use]
    pub fn delete(self, key: Key) -> Self {
        self.intend(key, Intent::Delete)
    }

    /// Add one to the row's epoch.
    #[must_use]
    pub fn raise(self, key: Key) -> Self {
        self.intend(key, Intent::Raise)
    }

    fn intend(mut self, key: Key, intent: Intent) -> Self {
        self.intents.insert(key, intent);
        self
    }

    /// Tell the journal.
    #[must_use]
    pub fn journal(mut self, ending: Ending) -> Self {
        self.journal.push(ending);
        self
    }

    /// Make every row consulted a precondition, as a `put` does, although these writes only take away: for a refusal
    /// that tells something, and may do so only if nothing has changed.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    /// Whether each record stands under a key of its own kind.
    pub(super) fn fit_their_keys(&self) -> bool {
        self.intents.iter().all(|(key, intent)| match intent {
            Intent::Put { record, .. } => record.kind() == key.kind(),
            Intent::Delete | Intent::Raise => true,
        })
    }

    pub(super) fn into_batch(self, facts: &Facts, stamp: Stamp, durability: Durability) -> Batch {
        let grants = self.guarded || self.intents.values().any(|intent| matches!(intent, Intent::Put { .. }));
        let expect = |row: Option<&Row>| row.map_or(Expect::Absent, |row| Expect::Stamp(row.stamp));
        let is_put = |key: &Key| matches!(self.intents.get(key), Some(Intent::Put { .. }));
        let checks = facts
            .consulted()
            .filter(|(key, _)| grants && !is_put(key))
            .map(|(key, row)| Check { key: key.clone(), expect: expect(row) })
            .collect();
        let writes = self.intents.into_iter().map(|(key, intent)| match intent {
            Intent::Put { owner, expires, record, raise } => {
                let seen = facts.seen(&key);
                let epoch = seen.map_or(0, |row| row.epoch).saturating_add(u64::from(raise));
                let row = Row { stamp, epoch, owner, expires, record };
                Write::Put { key, row, expect: expect(seen) }
            }
            Intent::Delete => Write::Delete { key },
            Intent::Raise => Write::Raise { key },
        });
        Batch { stamp, checks, writes: writes.collect(), journal: self.journal, durability }
    }
}
