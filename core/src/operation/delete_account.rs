//! Deleting an account: from one commit on it is gone; what it leaves behind is removed in bites.
//!
//! | step | commit | then |
//! |---|---|---|
//! | [`DeleteAccount`] | tombstone; account, names, password, counters and devices go; the journal ends every session | nobody is in, nobody gets in, the name is free |
//! | [`FinishDeletion`](super::finish_deletion::FinishDeletion), again and again | one bite of what the account still owns | less is left |
//! | the last of them | the tombstone | nothing is left |
//!
//! A session is over without its account's row, whether its own row is there or not. So the first commit is the
//! deletion, and the bites, which a crash may stop anywhere, are housekeeping that maintenance takes up again.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::deletion::DeletionRecord;
use crate::operation::access::AccountError;
use crate::operation::names::{keyring_of, names_of};
use crate::planted::Planted;
use crate::record::Key;
use crate::store::Ending;

/// Deletes an account: its sessions are over, its name is free, and its id is never given again. Idempotent while its
/// remains are there; then, as for every account that never was, [`AccountError::NotFound`].
///
/// # Example: gone at once, and the name is free
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::delete_account::DeleteAccount;
/// use doorward_core::operation::finish_deletion::{FinishDeletion, Remains};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(DeleteAccount::new(ada))??;
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// let another = engine.run(Register::new("ada", "slate lantern ferry"))??;
/// assert_ne!(another, ada);
///
/// while engine.run(FinishDeletion::new(ada))? == Remains::Left {}
/// # assert_eq!(engine.run(FinishDeletion::new(ada))?, Remains::None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DeleteAccount {
    account: AccountId,
}

impl DeleteAccount {
    /// This account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }
}

impl Decide for DeleteAccount {
    type Outcome = Result<(), AccountError>;

    fn name(&self) -> &'static str {
        "delete_account"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let (account, tombstone) = (Key::Account(self.account), Key::Deletion(self.account));
        let Some([deleted, keyring]) = facts.rows([&tombstone, &Key::Keyring]) else {
            let mut reads = vec![tombstone, Key::Keyring];
            // Seven conflicts say that the account is there, or was a moment ago. Not to look at it now is to need
            // nothing of it: whoever keeps its row busy keeps nobody from deleting it.
            if !cx.is_last_attempt {
                reads.push(account);
            }
            return Ok(Decision::Read(reads));
        };
        if deleted.is_some() {
            return Ok(Decision::Done(Ok(())));
        }
        if let Some([None]) = facts.rows([&account]) {
            return Ok(Decision::Done(Err(AccountError::NotFound)));
        }
        // Without its row nothing says that a name which a scan found is the account's still: the bites see to them.
        let mut names = match names_of(self.account, facts) {
            _ if cx.is_last_attempt => vec![],
            Ok(names) => names,
            Err(range) => return Ok(Decision::Scan(range)),
        };
        let until = cx.policy.floor_dies_at(cx.now);
        let own_throttle = keyring_of(keyring)?.account_hash(self.account);
        let mut writes = Writes::new()
            .put(tombstone, Some(self.account), None, DeletionRecord { started: cx.now })
            .delete(Key::Active(self.account))
            .delete(Key::Credential(self.account))
            .delete(Key::Attempts(self.account))
            .delete(Key::Devices(self.account))
            .delete(Key::Throttle(own_throttle))
            .journal(Ending::Epoch { key: account.clone(), until });
        if !cx.policy.has(Planted::DeletionLeavesAccount) {
            writes = writes.delete(account);
        }
        if cx.policy.has(Planted::DeletionLeavesName) {
            names.clear();
        }
        Ok(Decision::Commit(names.into_iter().map(Key::Login).fold(writes, Writes::delete), Ok(())))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Ok(()) | Err(AccountError::NotFound))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        (AccountError::result(outcome), self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}
