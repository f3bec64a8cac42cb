//! Upgrading a stored hash to the policy's costs and the pepper in use, after a login has shown that the password is
//! right.
//!
//! It is an operation of its own, after the login's commit: as a part of the login it would double the time of a
//! right guess that is then told to wait, and so tell it from the wrong ones.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Source, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::password::{Password, PasswordHash};
use crate::planted::Planted;
use crate::record::{CredentialRecord, Key};
use crate::secret::Pepper;
use crate::work::{Work, Worked};

/// Replaces one stored hash by another of the same password, with the present costs and pepper: so a host that takes
/// up a pepper, changes it, or gives it up while it still accepts it has everybody under the new rule after a login.
/// Only a login makes it.
///
/// # Example: after the policy has moved
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::{machine::Environment, operation::{login::Login, register::Register}, policy::Policy, secret::*};
/// use doorward_core::operation::rehash::Rehashed;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??; // under the cheapest policy there is
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # engine.environment = Arc::new(Environment { policy: Policy::default(), keys });
///
/// let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// if let Some(rehash) = login.rehash {
///     assert_eq!(engine.run(rehash)?, Rehashed::Upgraded);
/// }
/// let next = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// assert!(next.rehash.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rehash {
    account: AccountId,
    password: Password,
    shown: PasswordHash,
    /// The login's: it pays for this hashing too.
    source: Option<Source>,
}

/// What became of an upgrade.
///
/// # Example: two logins at once, one upgrade
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::{machine::Environment, operation::{login::Login, register::Register}, policy::Policy, secret::*};
/// use doorward_core::operation::rehash::Rehashed;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??; // under the cheapest policy there is
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # engine.environment = Arc::new(Environment { policy: Policy::default(), keys });
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let other = engine.run(Login::new("ada", "plum kettle orbit"))??;
///
/// let (Some(one), Some(other)) = (login.rehash, other.rehash) else { unreachable!() };
/// assert_eq!(engine.run(one)?, Rehashed::Upgraded);
/// assert_eq!(engine.run(other)?, Rehashed::Overtaken);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehashed {
    /// The hash has the policy's costs and the pepper in use now.
    Upgraded,
    /// Another hash stands there by now: a changed password, or an upgrade by another login. It wins.
    Overtaken,
}

impl Rehash {
    /// Of the credential that this password has just opened, when it is not as a new one would be.
    pub(super) fn due(
        account: AccountId,
        password: &Password,
        credential: &CredentialRecord,
        source: Option<Source>,
        cx: &Context<'_>,
    ) -> Option<Self> {
        let is_due = credential.hash.needs_rehash(cx.policy.argon2())
            || credential.pepper != cx.keys.active_pepper().map(Pepper::number);
        let shown = || credential.hash.clone();
        is_due.then(|| Self { account, password: password.clone(), shown: shown(), source })
    }
}

impl Decide for Rehash {
    type Outcome = Rehashed;

    fn name(&self) -> &'static str {
        "rehash"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Rehashed>, Fault> {
        let key = Key::Credential(self.account);
        let Some([row]) = facts.rows([&key]) else {
            return Ok(Decision::Read(vec![key]));
        };
        let Some(row) = row else {
            return Ok(Decision::Done(Rehashed::Overtaken));
        };
        let record = row.credential()?;
        if record.hash != self.shown && !cx.policy.has(Planted::RehashIsBlind) {
            return Ok(Decision::Done(Rehashed::Overtaken));
        }
        let work = Work::Hash {
            password: self.password.clone(),
            normalization: record.normalization,
            salt: cx.bytes("password salt"),
            params: *cx.policy.argon2(),
            pepper: cx.keys.active_pepper().cloned(),
        };
        let Some(Worked::Hashed(hash)) = facts.worked(&work) else {
            return Ok(Decision::Work(work));
        };
        let pepper = cx.keys.active_pepper().map(Pepper::number);
        let pepper = if cx.policy.has(Planted::RehashKeepsPepper) { record.pepper } else { pepper };
        let upgraded = CredentialRecord { hash: hash.clone(), pepper, ..record.clone() };
        let writes = Writes::new().put(key, row.owner, row.expires, upgraded);
        Ok(Decision::Commit(writes, Rehashed::Upgraded))
    }

    fn audit(&self, outcome: &Rehashed) -> (EventResult, Subject) {
        let result = match outcome {
            Rehashed::Upgraded => EventResult::Success,
            Rehashed::Overtaken => EventResult::Refused("overtaken"),
        };
        (result, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), source: self.source, ..Subject::default() }
    }
}
