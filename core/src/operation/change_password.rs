//! Changing one's own password, inside a session, with the present one (ASVS 5.0, 6.2.3).

use alloc::string::String;
use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Source, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision};
use crate::model::session::SessionRecord;
use crate::operation::authenticate::{AuthenticateError, Session};
use crate::operation::guess::Judged;
use crate::operation::names::{check_new, names_of};
use crate::operation::reauthenticate::ReauthenticateError;
use crate::operation::rotate_session::Renewed;
use crate::operation::standing::{Entrance, account_guess};
use crate::password::{Password, PasswordError};
use crate::planted::Planted;
use crate::record::{CredentialRecord, Key};
use crate::secret::Pepper;
use crate::store::Ending;
use crate::work::{Work, Worked};

/// Changes the password of a live session's account. That session goes on under a new token, as after a
/// reauthentication; every other session of the account is over, and its known devices are forgotten.
///
/// The new password is hashed before the present one is looked at: a right guess that is not decided must not differ
/// in work from a wrong one. Wrong guesses count as in [`Reauthenticate`](super::reauthenticate::Reauthenticate).
///
/// # Example: the other browser is logged out, this one goes on
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::change_password::ChangePassword;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let other = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// let renewed = engine.run(ChangePassword::new(token, "plum kettle orbit", "slate lantern ferry"))??;
/// assert!(engine.run(Authenticate::new(renewed.token.expose()))?.is_ok());
/// assert!(engine.run(Authenticate::new(token))?.is_err()); // the old token of this session
/// assert!(engine.run(Authenticate::new(other.token.expose()))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ChangePassword {
    token: Zeroizing<String>,
    current: Result<Password, PasswordError>,
    new: Result<Password, PasswordError>,
    source: Option<Source>,
}

impl ChangePassword {
    /// In the session of this token, from this password to that.
    pub fn new(token: &str, current: impl Into<String>, new: impl Into<String>) -> Self {
        let (current, new) = (Password::new(current), Password::new(new));
        Self { token: Zeroizing::new(token.into()), current, new, source: None }
    }

    /// The same, with where the request came from: for the audit trail, and for its share of the hashing queue.
    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Why the password is as it was.
///
/// # Example: which of the two passwords to ask for again
/// ```
/// use doorward_core::operation::change_password::{ChangePassword, ChangePasswordError};
/// use doorward_core::operation::reauthenticate::ReauthenticateError;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let short = engine.run(ChangePassword::new(token, "plum kettle orbit", "short"))?;
/// assert!(matches!(short, Err(ChangePasswordError::New(_))));
/// let wrong = engine.run(ChangePassword::new(token, "not the password", "slate lantern ferry"))?;
/// assert!(matches!(wrong, Err(ChangePasswordError::Current(ReauthenticateError::Denied)))); // and counted
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ChangePasswordError {
    /// The present password was not shown.
    #[error(transparent)]
    Current(#[from] ReauthenticateError),
    /// The new password cannot be one.
    #[error("the new password cannot be used: {0}")]
    New(PasswordError),
    /// It is not done.
    #[error("the password is not changed: {0}")]
    Fault(#[from] Fault),
}

impl From<AuthenticateError> for ChangePasswordError {
    fn from(error: AuthenticateError) -> Self {
        Self::Current(error.into())
    }
}

impl Decide for ChangePassword {
    type Outcome = Result<Renewed, ChangePasswordError>;

    fn name(&self) -> &'static str {
        "change_password"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let denied = |error: ReauthenticateError| Ok(Decision::Done(Err(error.into())));
        let unfit = |error| Ok(Decision::Done(Err(ChangePasswordError::New(error))));
        let current = match &self.current {
            Ok(password) => password,
            Err(error) => return denied((*error).into()),
        };
        let new = match &self.new {
            Ok(password) => password,
            Err(error) => return unfit(*error),
        };
        let live = match Entrance::of(&self.token, facts, cx)? {
            Entrance::Read(keys) => return Ok(Decision::Read(keys)),
            Entrance::Refused(refusal) => return Ok(refusal.decision()),
            Entrance::Live(live) => live,
        };
        let guess = account_guess(live.account, facts)?;
        let (account, data_key) = (Key::Account(live.account), Key::Data(live.id));
        let reads = || guess.keys().into_iter().chain([data_key.clone()]).collect();
        let (Some([_, data]), Some([Some(account_row)])) =
            (facts.rows([&Key::Attempts(live.account), &data_key]), facts.rows([&account]))
        else {
            return Ok(Decision::Read(reads()));
        };
        let names = match names_of(live.account, facts) {
            Ok(names) => names,
            Err(range) => return Ok(Decision::Scan(range)),
        };
        if let Err(error) = check_new(new, &names, cx) {
            return unfit(error);
        }
        if let Some(until) = guess.wait(facts, cx)? {
            return denied(ReauthenticateError::Throttled { until });
        }
        let (normalization, params) = (cx.policy.password().normalization, *cx.policy.argon2());
        let work = Work::Hash {
            password: new.clone(),
            normalization,
            salt: cx.bytes("password salt"),
            params,
            pepper: cx.keys.active_pepper().cloned(),
        };
        let Some(Worked::Hashed(hash)) = facts.worked(&work) else {
            return Ok(Decision::Work(work));
        };
        let writes = match guess.judge(current, true, facts, cx)? {
            Judged::Unread => return Ok(Decision::Read(reads())),
            Judged::Wait(until) => return denied(ReauthenticateError::Throttled { until }),
            Judged::Work(work) => return Ok(Decision::Work(work)),
            // A mark has ended this session: who meets one here is denied as all others.
            Judged::Wrong(writes) | Judged::Compromised(writes) => {
                return Ok(Decision::Commit(writes, Err(ReauthenticateError::Denied.into())));
            }
            Judged::Right(_, writes) => writes,
        };
        let pepper = cx.keys.active_pepper().map(Pepper::number);
        let record = CredentialRecord::new(hash.clone(), normalization, pepper, cx.now);
        let spares_others = cx.policy.has(Planted::ChangeSparesOthers);
        let until = cx.policy.floor_dies_at(cx.now);
        let account_epoch = account_row.epoch.saturating_add(u64::from(!spares_others));
        let mut writes = writes
            .put(Key::Credential(live.account), Some(live.account), None, record)
            // No device is known under the old password, nor what it has failed.
            .delete(Key::Devices(live.account))
            .delete(Key::Attempts(live.account))
            // Nor is any token of the session's good that was granted before.
            .delete(Key::Grants(live.id))
            .journal(Ending::Epoch { key: account.clone(), until });
        if !spares_others {
            writes = writes.raise(account);
        }
        let next = SessionRecord { account_epoch, ..live.record.reauthenticated(cx.now) };
        let writes = live.prolong(data_key, data, next.absolute_end, writes);
        let (writes, renewed) = live.renew(next, writes, Session::of, cx);
        Ok(Decision::Commit(writes, Ok(renewed)))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(renewed) => {
                (EventResult::Success, Subject { source: self.source, ..renewed.session.subject() })
            }
            Err(ChangePasswordError::Current(error)) => (error.result(), self.subject()),
            Err(ChangePasswordError::New(_)) => (EventResult::Refused("new password"), self.subject()),
            Err(ChangePasswordError::Fault(fault)) => (EventResult::Failed(fault.word()), self.subject()),
        }
    }

    fn subject(&self) -> Subject {
        Subject { source: self.source, ..Subject::default() }
    }
}

impl fmt::Debug for ChangePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangePassword(..)")
    }
}
