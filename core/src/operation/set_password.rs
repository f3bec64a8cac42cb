//! Setting an account's password without the old one: recovery, and administrators.

use alloc::string::String;
use alloc::vec;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::operation::guess::verification;
use crate::operation::names::{check_new, keyring_of, names_of, throttles_of};
use crate::password::{Password, PasswordError, Verdict};
use crate::planted::Planted;
use crate::record::{CredentialRecord, Key, Row};
use crate::secret::Pepper;
use crate::store::Ending;
use crate::work::{Work, Worked};

/// Sets the password, ends every session of the account, forgets its known devices, and lifts what guesses have brought
/// on it. The host has already made sure that it may. A disabled account stays disabled. A password that was marked as
/// compromised cannot be set again (ASVS 5.0, 6.2.10).
///
/// The counters are deleted without being looked at, so nobody can starve a recovery by guessing on.
///
/// # Example: after a recovery by mail
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::set_password::SetPassword;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(SetPassword::new(ada, "slate lantern ferry"))??;
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// assert!(engine.run(Login::new("ada", "slate lantern ferry"))?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SetPassword {
    account: AccountId,
    password: Result<Password, PasswordError>,
}

impl SetPassword {
    /// Of this account, to this password.
    pub fn new(account: AccountId, password: impl Into<String>) -> Self {
        Self { account, password: Password::new(password) }
    }
}

/// Why the password is as it was.
///
/// # Example: the rules hold for administrators too
/// ```
/// use doorward_core::operation::set_password::{SetPassword, SetPasswordError};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let outcome = engine.run(SetPassword::new(ada, "short"))?;
/// assert!(matches!(outcome, Err(SetPasswordError::Password(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum SetPasswordError {
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// The new password cannot be one.
    #[error("the new password cannot be used: {0}")]
    Password(#[from] PasswordError),
    /// It is the present one, which is known to others.
    #[error("the new password is the one that is known to others: choose another")]
    Compromised,
    /// It is not done.
    #[error("the password is not set: {0}")]
    Fault(#[from] Fault),
}

impl Decide for SetPassword {
    type Outcome = Result<(), SetPasswordError>;

    fn name(&self) -> &'static str {
        "set_password"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: SetPasswordError| Ok(Decision::Done(Err(error)));
        let password = match &self.password {
            Ok(password) => password,
            Err(error) => return refused((*error).into()),
        };
        let (account, credential) = (Key::Account(self.account), Key::Credential(self.account));
        let Some([present, keyring]) = facts.rows([&credential, &Key::Keyring]) else {
            let mut reads = vec![credential, Key::Keyring];
            // Seven conflicts say that the account is there. Not to look at it now is to need nothing of it: where the
            // policy caps sessions, each login writes its row, and who has the password may log in without end.
            if !cx.is_last_attempt {
                reads.push(account);
            }
            return Ok(Decision::Read(reads));
        };
        match facts.rows([&account]) {
            Some([Some(_)]) => {}
            Some([None]) => return refused(SetPasswordError::NotFound),
            // A credential goes with its account, so it stands for it.
            None if present.is_some() => {}
            None => return Ok(Decision::Read(vec![account])),
        }
        let names = match names_of(self.account, facts) {
            Ok(names) => names,
            Err(range) => return Ok(Decision::Scan(range)),
        };
        if let Err(error) = check_new(password, &names, cx) {
            return refused(error.into());
        }
        let present = present.map(Row::credential).transpose()?;
        let marked = present.filter(|record| record.compromised.is_some());
        if let Some(work) = marked.and_then(|record| verification(record, password, cx)) {
            match facts.worked(&work) {
                Some(Worked::Verified(Verdict::Match)) => return refused(SetPasswordError::Compromised),
                Some(Worked::Verified(Verdict::Mismatch)) => {}
                _ => return Ok(Decision::Work(work)),
            }
        }
        let (normalization, params) = (cx.policy.password().normalization, *cx.policy.argon2());
        let work = Work::Hash {
            password: password.clone(),
            normalization,
            salt: cx.bytes("password salt"),
            params,
            pepper: cx.keys.active_pepper().cloned(),
        };
        let Some(Worked::Hashed(hash)) = facts.worked(&work) else {
            return Ok(Decision::Work(work));
        };
        let pepper = cx.keys.active_pepper().map(Pepper::number);
        let record = CredentialRecord::new(hash.clone(), normalization, pepper, cx.now);
        let until = cx.policy.floor_dies_at(cx.now);
        let mut writes = Writes::new()
            .put(credential, Some(self.account), None, record)
            .journal(Ending::Epoch { key: account.clone(), until })
            .delete(Key::Attempts(self.account))
            .delete(Key::Devices(self.account));
        if !cx.policy.has(Planted::SetSparesSessions) {
            writes = writes.raise(account);
        }
        let throttles = throttles_of(self.account, &names, keyring_of(keyring)?);
        Ok(Decision::Commit(throttles.fold(writes, Writes::delete), Ok(())))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Ok(()) | Err(SetPasswordError::NotFound))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(()) => EventResult::Success,
            Err(SetPasswordError::NotFound) => EventResult::Refused("not found"),
            Err(SetPasswordError::Password(_)) => EventResult::Refused("password"),
            Err(SetPasswordError::Compromised) => EventResult::Refused("compromised"),
            Err(SetPasswordError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}
