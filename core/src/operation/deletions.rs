//! Listing the accounts that are deleted and not yet removed: what maintenance takes up again after a crash.

use alloc::vec::Vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision};
use crate::record::{Key, Kind};
use crate::store::Range;

/// Lists the accounts whose remains are still there.
///
/// # Example: a deletion that nobody has finished
/// ```
/// use doorward_core::operation::delete_account::DeleteAccount;
/// use doorward_core::operation::deletions::Deletions;
/// # use doorward_core::operation::register::Register;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// engine.run(DeleteAccount::new(ada))??;
/// assert_eq!(engine.run(Deletions::new())?, [ada]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Deletions {}

impl Deletions {
    /// The operation.
    pub fn new() -> Self {
        Self {}
    }
}

impl Decide for Deletions {
    type Outcome = Vec<AccountId>;

    fn name(&self) -> &'static str {
        "deletions"
    }

    fn decide(&self, facts: &Facts, _: &Context<'_>) -> Result<Decision<Vec<AccountId>>, Fault> {
        let mut range = Range { kind: Kind::Deletion, owner: None, after: None };
        let mut accounts = Vec::new();
        loop {
            let Some(page) = facts.page(&range) else {
                return Ok(Decision::Scan(range));
            };
            let Some((last, _)) = page.last() else {
                return Ok(Decision::Done(accounts));
            };
            range.after = Some(last.clone());
            accounts.extend(page.iter().filter_map(|(key, _)| match key {
                Key::Deletion(account) => Some(*account),
                _ => None,
            }));
        }
    }

    fn audit(&self, _: &Vec<AccountId>) -> (EventResult, Subject) {
        (EventResult::Success, Subject::default())
    }
}
