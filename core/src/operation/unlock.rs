//! Lifting what guesses have brought on an account: its count and the waits on its names.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::operation::access::AccountError;
use crate::operation::names::{keyring_of, names_of, throttles_of};
use crate::planted::Planted;
use crate::record::Key;

/// Removes the counters of an account as it finds them: what is counted after it was answered stays counted, also when its
/// commit lands late. Nobody can starve it by guessing on: the last of its attempts does not look at them. The
/// password stays; a disabled account stays disabled. Known devices stay known, with all their tries: where the guessing
/// goes on, they are the owner's way in.
///
/// # Example: the owner need not wait
/// ```
/// use doorward_core::operation::login::LoginError;
/// use doorward_core::operation::unlock::Unlock;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// for _ in 0..5 {
///     engine.run(Login::new("ada", "not the password"))?.unwrap_err();
/// }
/// let outcome = engine.run(Login::new("ada", "plum kettle orbit"))?;
/// assert!(matches!(outcome, Err(LoginError::Throttled { .. })));
/// engine.run(Unlock::new(ada))??;
/// assert!(engine.run(Login::new("ada", "plum kettle orbit"))?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
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
        let throttles = throttles_of(self.account, &names, keyring_of(keyring)?);
        let counters: Vec<Key> = throttles.chain([Key::Attempts(self.account)]).collect();
        let writes = counters.iter().cloned().fold(Writes::new(), Writes::delete);
        if cx.is_last_attempt || cx.policy.has(Planted::UnlockIsBlind) {
            return Ok(Decision::Commit(writes, Ok(())));
        }
        if counters.iter().any(|counter| facts.rows([counter]).is_none()) {
            return Ok(Decision::Read(counters));
        }
        Ok(Decision::Commit(writes.guarded(), Ok(())))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        (AccountError::result(outcome), self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}
