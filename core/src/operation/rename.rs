//! Giving an account another login name.

use alloc::vec;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::name::{LoginName, NameError};
use crate::operation::names::names_of;
use crate::planted::Planted;
use crate::record::{Key, LoginRecord, Row};

/// Replaces the login name of an account; the old one is free in the same commit. Sessions live on, and the password
/// stays: whether the new name is part of it cannot be seen from its hash. Waits stay with the names that they were
/// brought on. To the name that it has: done, and nothing is written.
///
/// # Example: the old name is anybody's
/// ```
/// use doorward_core::operation::rename::Rename;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// engine.run(Rename::new(ada, "Countess"))??;
/// let login = engine.run(Login::new("countess", "plum kettle orbit"))??;
/// assert_eq!(login.session.account, ada);
/// assert!(engine.run(Login::new("ada", "plum kettle orbit"))?.is_err());
/// assert!(engine.run(Register::new("ada", "slate lantern ferry"))?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rename {
    account: AccountId,
    name: Result<LoginName, NameError>,
}

impl Rename {
    /// This account, to this name as it was typed.
    pub fn new(account: AccountId, name: &str) -> Self {
        Self { account, name: LoginName::parse(name) }
    }
}

/// Why the name is as it was.
///
/// # Example: somebody has it
/// ```
/// use doorward_core::operation::rename::{Rename, RenameError};
/// # use doorward_core::operation::register::Register;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # engine.run(Register::new("grace", "slate lantern ferry"))??;
/// assert!(matches!(engine.run(Rename::new(ada, "Grace"))?, Err(RenameError::Taken)));
/// assert!(matches!(engine.run(Rename::new(ada, ""))?, Err(RenameError::Name(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RenameError {
    /// The name cannot be one.
    #[error("the login name cannot be used: {0}")]
    Name(#[from] NameError),
    /// Somebody has this name.
    #[error("the login name is taken: choose another")]
    Taken,
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// It is not done.
    #[error("the account is not renamed: {0}")]
    Fault(#[from] Fault),
}

impl Decide for Rename {
    type Outcome = Result<(), RenameError>;

    fn name(&self) -> &'static str {
        "rename"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: RenameError| Ok(Decision::Done(Err(error)));
        let name = match &self.name {
            Ok(name) => name,
            Err(error) => return refused((*error).into()),
        };
        let (account, login) = (Key::Account(self.account), Key::Login(name.clone()));
        let Some([row, taken]) = facts.rows([&account, &login]) else {
            return Ok(Decision::Read(vec![account, login]));
        };
        let Some(row) = row else {
            return refused(RenameError::NotFound);
        };
        let holder = taken.map(Row::login).transpose()?.map(|record| record.account);
        if holder.is_some_and(|holder| holder != self.account) {
            return refused(RenameError::Taken);
        }
        let mut names = match names_of(self.account, facts) {
            Ok(names) => names,
            Err(range) => return Ok(Decision::Scan(range)),
        };
        names.retain(|old| old != name && !cx.policy.has(Planted::RenameLeavesName));
        if holder.is_some() && names.is_empty() {
            return Ok(Decision::Done(Ok(())));
        }
        // The account's row is put as it is, so that of two who give or take its names only one can be right.
        let owner = Some(self.account);
        let writes = Writes::new().put(account, row.owner, row.expires, row.account()?.clone()).put(
            login,
            owner,
            None,
            LoginRecord { account: self.account },
        );
        Ok(Decision::Commit(names.into_iter().map(Key::Login).fold(writes, Writes::delete), Ok(())))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(()) => EventResult::Success,
            Err(RenameError::Name(_)) => EventResult::Refused("name"),
            Err(RenameError::Taken) => EventResult::Refused("taken"),
            Err(RenameError::NotFound) => EventResult::Refused("not found"),
            Err(RenameError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { name: self.name.clone().ok(), account: Some(self.account), ..Subject::default() }
    }
}
