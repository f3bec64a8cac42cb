//! Signing up: a name and a password become an account.

use alloc::string::String;
use alloc::vec;
use core::slice;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Source, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::source::Toll;
use crate::name::{LoginName, NameError};
use crate::operation::names::check_new;
use crate::password::{Password, PasswordError};
use crate::record::{AccountRecord, ActiveRecord, CredentialRecord, Key, LoginRecord};
use crate::secret::Pepper;
use crate::time::Timestamp;
use crate::work::{Work, Worked};

/// Registers a login name with a password. The name is taken in its canonical form (RFC 8265); the answer
/// tells whether it is taken, as a sign-up page must, after the same work; given its [`source`](Register::source), who
/// asks for many names is slowed.
///
/// # Example: two spellings of one name
/// ```
/// use doorward_core::operation::register::{Register, RegisterError};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
///
/// let ada = engine.run(Register::new("Ada", "plum kettle orbit"))??;
/// let again = engine.run(Register::new("ada", "another good password"))?;
/// assert!(matches!(again, Err(RegisterError::Taken)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Register {
    name: Result<LoginName, NameError>,
    password: Result<Password, PasswordError>,
    source: Option<Source>,
}

impl Register {
    /// For this name and password, as they were typed.
    pub fn new(name: &str, password: impl Into<String>) -> Self {
        Self { name: LoginName::parse(name), password: Password::new(password), source: None }
    }

    /// Where the request came from: for the audit trail, and registrations are slowed by it, those that only find a name
    /// taken too ([`SourcePolicy`](crate::model::source::SourcePolicy)). Without it: not at all.
    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Why nobody was registered. Nothing was changed.
///
/// # Example: the words for a sign-up form
/// ```
/// use doorward_core::operation::register::{Register, RegisterError};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
///
/// let refused = engine.run(Register::new("ada", "hunter2"))?.unwrap_err();
/// let field = match &refused {
///     RegisterError::Name(_) | RegisterError::Taken => "name",
///     RegisterError::Password(_) => "password",
///     _ => "", // nothing the person can mend: try again later
/// };
/// assert_eq!(field, "password");
/// assert!(refused.to_string().starts_with("the password cannot be used: "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name cannot be one.
    #[error("the login name cannot be used: {0}")]
    Name(#[from] NameError),
    /// The password cannot be one.
    #[error("the password cannot be used: {0}")]
    Password(#[from] PasswordError),
    /// Somebody has this name.
    #[error("the login name is taken: choose another")]
    Taken,
    /// Too many registrations from this source: nothing is decided before `until`.
    #[error("too many registrations: wait before the next")]
    Throttled {
        /// When the next registration is decided.
        until: Timestamp,
    },
    /// It could not be decided.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Decide for Register {
    type Outcome = Result<AccountId, RegisterError>;

    fn name(&self) -> &'static str {
        "register"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: RegisterError| Ok(Decision::Done(Err(error)));
        let name = match &self.name {
            Ok(name) => name,
            Err(error) => return refused((*error).into()),
        };
        let password = match &self.password {
            Ok(password) => password,
            Err(error) => return refused((*error).into()),
        };
        if let Err(error) = check_new(password, slice::from_ref(name), cx) {
            return refused(error.into());
        }

        // Before the name is looked up: else a full pool would tell a free name from a taken one, for nothing.
        let normalization = cx.policy.password().normalization;
        let work = Work::Hash {
            password: password.clone(),
            normalization,
            salt: cx.bytes("password salt"),
            params: *cx.policy.argon2(),
            pepper: cx.keys.active_pepper().cloned(),
        };
        let Some(Worked::Hashed(hash)) = facts.worked(&work) else {
            return Ok(Decision::Work(work));
        };
        let login = Key::Login(name.clone());
        let Some([taken]) = facts.rows([&login]) else {
            return Ok(Decision::Read(vec![login]));
        };
        if taken.is_some() {
            return refused(RegisterError::Taken);
        }
        let account = AccountId::from_bytes(cx.bytes("account"));
        let owner = Some(account);
        let now = cx.now;
        let pepper = cx.keys.active_pepper().map(Pepper::number);
        let credential = CredentialRecord::new(hash.clone(), normalization, pepper, now);
        let writes = Writes::new()
            .put(login, owner, None, LoginRecord { account })
            .put(Key::Account(account), owner, None, AccountRecord { created: now })
            .put(Key::Active(account), owner, None, ActiveRecord { since: now })
            .put(Key::Credential(account), owner, None, credential);
        Ok(Decision::Commit(writes, Ok(account)))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(_) => EventResult::Success,
            Err(RegisterError::Name(_)) => EventResult::Refused("name"),
            Err(RegisterError::Password(_)) => EventResult::Refused("password"),
            Err(RegisterError::Taken) => EventResult::Refused("taken"),
            Err(RegisterError::Throttled { .. }) => EventResult::Refused("throttled"),
            Err(RegisterError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, Subject { account: outcome.as_ref().ok().copied(), ..self.subject() })
    }

    fn subject(&self) -> Subject {
        Subject { name: self.name.clone().ok(), source: self.source, ..Subject::default() }
    }

    /// What cannot be a name or a password is told for nothing: it costs nothing.
    fn toll(&self) -> Option<Toll> {
        let can_be = self.name.is_ok() && self.password.is_ok();
        self.source.filter(|_| can_be).map(|source| Toll::Registration(source.into()))
    }

    fn turned_away(&self, until: Timestamp) -> Result<Self::Outcome, Fault> {
        Ok(Err(RegisterError::Throttled { until }))
    }

    fn is_due(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Ok(_) | Err(RegisterError::Taken))
    }
}
