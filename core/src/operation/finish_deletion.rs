//! Removing what a deleted account has left behind, a bite at a time.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::planted::Planted;
use crate::record::{Key, Kind};
use crate::store::Range;

/// Removes one bite of what a deleted account still owns beyond the rows that went with it: of each kind a page at most.
/// When nothing is left it removes the tombstone. It takes away only, so that it may be stopped anywhere, repeated, and
/// run by several at once (INV 27). It compares nothing but login names: of all that an account leaves behind, they
/// alone can be another's a moment later.
///
/// No row of the account can be made any more: whoever makes one has consulted the account's row, which is gone.
///
/// # Example: an account that is there is not touched
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::finish_deletion::{FinishDeletion, Remains};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// assert_eq!(engine.run(FinishDeletion::new(ada))?, Remains::None);
/// assert!(engine.run(Authenticate::new(token))?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FinishDeletion {
    account: AccountId,
}

impl FinishDeletion {
    /// Of this account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }
}

/// What is left of an account after a bite.
///
/// # Example: again, until nothing is left
/// ```
/// use doorward_core::operation::delete_account::DeleteAccount;
/// use doorward_core::operation::finish_deletion::{FinishDeletion, Remains};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # engine.run(Login::new("ada", "plum kettle orbit"))??;
/// engine.run(DeleteAccount::new(ada))??;
/// assert_eq!(engine.run(FinishDeletion::new(ada))?, Remains::Left); // the session's row went
/// assert_eq!(engine.run(FinishDeletion::new(ada))?, Remains::None); // and the tombstone
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remains {
    /// Perhaps something, the tombstone at least: call again.
    Left,
    /// Nothing, nor a tombstone.
    None,
}

impl Decide for FinishDeletion {
    type Outcome = Remains;

    fn name(&self) -> &'static str {
        "finish_deletion"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Remains>, Fault> {
        let tombstone = Key::Deletion(self.account);
        let Some([deleted]) = facts.rows([&tombstone]) else {
            return Ok(Decision::Read(vec![tombstone]));
        };
        if deleted.is_none() {
            return Ok(Decision::Done(Remains::None));
        }
        let (mut bite, mut is_empty) = (Writes::new(), true);
        let mut names = Vec::new();
        let is_left = |kind| kind == Kind::Session && cx.policy.has(Planted::DeletionLeavesSessions);
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.has_many_per_owner() && !is_left(*kind));
        for kind in kinds {
            let range = Range { kind, owner: Some(self.account), after: None };
            let Some(page) = facts.page(&range) else {
                return Ok(Decision::Scan(range));
            };
            for (key, _) in page {
                is_empty = false;
                if let Key::Session(session) = key {
                    bite = bite.delete(Key::Data(*session)).delete(Key::Grants(*session));
                }
                match key {
                    Key::Login(_) => names.push(key.clone()),
                    key => bite = bite.delete(key.clone()),
                }
            }
        }
        for name in &names {
            let Some([row]) = facts.rows([name]) else {
                return Ok(Decision::Read(names));
            };
            bite = bite.guarded();
            if row.is_some_and(|row| row.owner == Some(self.account)) {
                bite = bite.delete(name.clone());
            }
        }
        Ok(if is_empty {
            // A guess by one of the names may have been counted after the account was gone; none is from here on.
            let attempts = Key::Attempts(self.account);
            Decision::Commit(bite.delete(attempts).delete(tombstone), Remains::None)
        } else {
            Decision::Commit(bite, Remains::Left)
        })
    }

    fn audit(&self, _: &Remains) -> (EventResult, Subject) {
        (EventResult::Success, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}
