//! Lifting what guesses have brought on an account: its count and the waits on its names.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::operation::access::AccountError;
use crate::operation::names::{keyring_of, names_of, throttles_of};
use crate::record::Key;

/// Removes the counters of an account without looking at them, so that nobody can starve it by guessing on. The
/// password stays; a disabled account stays disabled.
#[derive(Debug, Clone, Copy)]
pub struct Unlock {
    account: AccountId,
}

impl Unlock {
    /// This account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }
}

impl Decide for Unlock {
    type Outcome = Result<(), AccountError>;

    fn name(&self) -> &'static str {
        "unlock"
    }

    fn decide(&self, facts: &Facts, _: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let account = Key::Account(self.account);
        let Some([row, keyring]) = facts.rows([&account, &Key::Keyring]) else {
            return Ok(Decision::Read(vec![account, Key::Keyring]));
        };
        if row.is_none() {
            return Ok(Decision::Done(Err(AccountError::NotFound)));
        }
        let names = match names_of(self.account, facts) {
            Ok(names) => names,
            Err(range) => return Ok(Decision::Scan(range)),
        };
        let writes = Writes::new().delete(Key::Attempts(self.account));
        let throttles = throttles_of(self.account, &names, keyring_of(keyring)?);
        Ok(Decision::Commit(throttles.fold(writes, Writes::delete), Ok(())))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        (AccountError::result(outcome), self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}
