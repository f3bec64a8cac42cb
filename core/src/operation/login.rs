//! Logging in: a name and a password become a session.
//!
//! | what is there | what happens | answer |
//! |---|---|---|
//! | `previous` is a live session of another account | nothing; before any hashing, alike for names that do not exist | [`LoginError::OtherAccount`] |
//! | a wait on the name | the same | [`LoginError::Throttled`] |
//! | no account, disabled, no password, off, wrong password | one Argon2id run, both counters up | [`LoginError::Denied`] |
//! | right password | counters reset, `previous` ended, session made: one commit | [`LoggedIn`] |
//!
//! The ways to be denied differ in neither answer nor work nor store calls: where nothing is there, a
//! decoy is read, hashed and written. A success rests on the counters as it read them, so that of many
//! guesses in parallel only the allowed number is decided. Until that commit a right guess has done nothing that
//! a wrong one has not: an upgrade of the hash comes after it, as [`Rehash`].

use alloc::string::String;
use alloc::vec;
use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Source, Subject};
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::session::{Amr, Lifetime, SessionRecord};
use crate::name::{LoginName, NameError};
use crate::operation::authenticate::Session;
use crate::operation::guess::{Guess, Judged};
use crate::operation::rehash::Rehash;
use crate::operation::standing::Standing;
use crate::password::{Password, PasswordError};
use crate::planted::Planted;
use crate::record::{ClientLabel, Key, RecordError};
use crate::store::Ending;
use crate::time::Timestamp;
use crate::token::opaque::{self, Claim, SessionToken};

/// Logs in with a name and a password.
///
/// # Example: a remembered browser that had a session before
/// ```
/// use doorward_core::model::session::Lifetime;
/// use doorward_core::operation::login::Login;
/// # use doorward_core::operation::{authenticate::Authenticate, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let before = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let cookie = before.token.expose();
///
/// let operation = Login::new("ada", "plum kettle orbit")
///     .lifetime(Lifetime::Remembered)
///     .label("Firefox on Linux")
///     .previous(cookie); // the token that came with the request, if any
/// let login = engine.run(operation)??;
/// assert_ne!(login.token.expose(), cookie);
/// assert!(engine.run(Authenticate::new(cookie))?.is_err()); // ended in the same commit
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Login {
    name: Result<LoginName, NameError>,
    password: Result<Password, PasswordError>,
    source: Option<Source>,
    label: Option<ClientLabel>,
    lifetime: Lifetime,
    previous: Option<Secret>,
}

impl Login {
    /// With this name and password, as they were typed.
    pub fn new(name: &str, password: impl Into<String>) -> Self {
        Self {
            name: LoginName::parse(name),
            password: Password::new(password),
            source: None,
            label: None,
            lifetime: Lifetime::default(),
            previous: None,
        }
    }

    /// Where the request came from: for the audit trail. Guesses are not slowed by it.
    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What to call the client in lists of sessions.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(ClientLabel::new(label));
        self
    }

    /// How long the session is to live. Without it: [`Lifetime::Web`].
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The session token that came with the request. A live session of the same account is ended; one of
    /// another account is a refusal; anything else is ignored.
    #[must_use]
    pub fn previous(mut self, token: &str) -> Self {
        self.previous = Some(Secret(Zeroizing::new(token.into())));
        self
    }
}

/// A session that was just made. The token is shown here and never again: nothing of it is stored.
///
/// # Example: the answer to a login form
/// ```
/// use doorward_core::operation::login::{LoggedIn, Login};
/// # use doorward_core::operation::register::Register;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
///
/// fn set_cookie(login: &LoggedIn, now_millis: i64) -> String {
///     let seconds = (login.session.absolute_ends.as_millis() - now_millis) / 1000;
///     format!("__Host-session={}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax; Path=/", login.token.expose())
/// }
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// let cookie = set_cookie(&login, engine.now.as_millis());
/// assert!(cookie.starts_with("__Host-session=dws_") && cookie.contains("Max-Age=86400"));
/// assert!(login.rehash.is_none()); // the hash is as the policy wants it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// What the client must send to be recognised.
    pub token: SessionToken,
    /// What was made.
    pub session: Session,
    /// What is left to do when the policy's hashing moved since the password was hashed: run it after the login,
    /// and do not mind if it fails. `Engine::login` does.
    pub rehash: Option<Rehash>,
}

/// Why nobody was logged in.
///
/// # Example: what to tell a person
/// ```
/// use doorward_core::operation::login::LoginError;
/// use doorward_core::time::Timestamp;
///
/// fn tell(error: &LoginError, now: Timestamp) -> (u16, String) {
///     match error {
///         LoginError::Denied => (401, error.to_string()),
///         LoginError::Throttled { until } => (429, format!("wait {} s", until.since(now).as_secs())),
///         LoginError::OtherAccount => (409, "log out first".into()),
///         LoginError::Name(why) => (422, why.to_string()),
///         LoginError::Password(why) => (422, why.to_string()),
///         _ => (503, "try again".into()), // nobody was logged in
///     }
/// }
/// let now = Timestamp::from_millis(0);
/// assert_eq!(tell(&LoginError::Denied, now), (401, "name or password is wrong".into()));
/// let until = Timestamp::from_millis(30_000);
/// assert_eq!(tell(&LoginError::Throttled { until }, now), (429, "wait 30 s".into()));
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Name and password do not open an account; which of the two is wrong is not told.
    #[error("name or password is wrong")]
    Denied,
    /// Too many failures: nothing is decided before `until`.
    #[error("too many attempts: wait before the next")]
    Throttled {
        /// When the next attempt is decided.
        until: Timestamp,
    },
    /// The browser is logged in as somebody else, who must log out first.
    #[error("the previous session is another account's: log out of it first")]
    OtherAccount,
    /// The name cannot be anybody's: told before any work, for it tells nothing about who exists.
    #[error("the login name cannot be one: {0}")]
    Name(#[from] NameError),
    /// The password is too long to be anybody's.
    #[error("the password cannot be one: {0}")]
    Password(#[from] PasswordError),
    /// It could not be decided, which means no.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Decide for Login {
    type Outcome = Result<LoggedIn, LoginError>;

    fn name(&self) -> &'static str {
        "login"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: LoginError| Ok(Decision::Done(Err(error)));
        let name = match &self.name {
            Ok(name) => name,
            Err(error) => return refused((*error).into()),
        };
        let password = match &self.password {
            Ok(password) => password,
            Err(error) => return refused((*error).into()),
        };

        // Whose name is it? A decoy stands in for nobody.
        let login = Key::Login(name.clone());
        let Some([keyring, login]) = facts.rows([&Key::Keyring, &login]) else {
            return Ok(Decision::Read(vec![Key::Keyring, login]));
        };
        let keyring_row = keyring.ok_or(RecordError::NoKeyring)?;
        let keyring = keyring_row.keyring()?;
        let owner = login.map(|row| row.login().map(|record| record.account)).transpose()?;
        let account = owner.unwrap_or_else(|| keyring.decoy(name));
        let (account_key, active_key) = (Key::Account(account), Key::Active(account));
        let guess = Guess::new(Key::Throttle(keyring.name_hash(name)), account, owner);

        // What is known of it? Everything in one read, the previous session too.
        let previous = self.previous.as_ref().and_then(|token| Claim::parse(&token.0, cx.keys).ok());
        let previous_standing =
            previous.as_ref().map(|claim| Standing::of(claim, facts, cx.now)).transpose()?;
        let (Some([account, active]), false) =
            (facts.rows([&account_key, &active_key]), matches!(previous_standing, Some(Standing::Unread(_))))
        else {
            let mut reads = vec![account_key, active_key];
            reads.extend(guess.keys());
            if let Some(Standing::Unread(more)) = previous_standing {
                reads.extend(more);
            }
            return Ok(Decision::Read(reads));
        };

        // Before any password is looked at, and alike for names that do not exist: it says nothing about them.
        if let Some(Standing::Proven { row, life: Ok(()), .. }) = &previous_standing
            && row.owner != owner
        {
            return refused(LoginError::OtherAccount);
        }
        let is_active = active.is_some() || cx.policy.has(Planted::DisabledMayLogIn);
        let may = owner.is_some() && account.is_some() && is_active;
        if owner.is_none() && cx.policy.has(Planted::UnknownIsQuick) {
            return refused(LoginError::Denied);
        }
        let (credential, writes) = match guess.judge(password, may, facts, cx)? {
            Judged::Unread => return Ok(Decision::Read(guess.keys().to_vec())),
            Judged::Wait(until) => return refused(LoginError::Throttled { until }),
            Judged::Work(work) => return Ok(Decision::Work(work)),
            Judged::Wrong(writes) => return Ok(Decision::Commit(writes, Err(LoginError::Denied))),
            Judged::Right(credential, writes) => (credential, writes),
        };
        let (Some(id), Some(account)) = (owner, account) else {
            return refused(LoginError::Denied);
        };
        let previous = previous.as_ref().map(|claim| claim.session).zip(previous_standing);
        let rehash = credential.hash.needs_rehash(cx.policy.argon2());
        let rehash = rehash.then(|| Rehash::new(id, password.clone(), credential.hash.clone()));
        let epochs = (account.epoch, keyring_row.epoch);
        Ok(self.admit(id, epochs, previous, writes, rehash, cx))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(logged_in) => {
                let (account, session) = (Some(logged_in.session.account), Some(logged_in.session.id));
                return (EventResult::Success, Subject { account, session, ..self.subject() });
            }
            Err(LoginError::Denied) => EventResult::Refused("denied"),
            Err(LoginError::Throttled { .. }) => EventResult::Refused("throttled"),
            Err(LoginError::OtherAccount) => EventResult::Refused("other account"),
            Err(LoginError::Name(_)) => EventResult::Refused("name"),
            Err(LoginError::Password(_)) => EventResult::Refused("password"),
            Err(LoginError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { name: self.name.clone().ok(), source: self.source, ..Subject::default() }
    }
}

impl Login {
    /// Lets the person in: all that a success changes, in one commit.
    fn admit(
        &self,
        account: AccountId,
        epochs: (u64, u64),
        previous: Option<(SessionId, Standing<'_>)>,
        mut writes: Writes,
        rehash: Option<Rehash>,
        cx: &Context<'_>,
    ) -> Decision<Result<LoggedIn, LoginError>> {
        let owner = Some(account);
        let mut id = SessionId::from_bytes(cx.bytes("session"));
        if let Some((session, Standing::Proven { row, record, .. })) = previous
            && row.owner == owner
            && !cx.policy.has(Planted::PreviousLives)
        {
            let ending = Ending::Session { session, until: record.absolute_end };
            writes = writes.delete(Key::Session(session)).journal(ending);
            if cx.policy.has(Planted::PreviousIdAdopted) {
                id = session;
            }
        }
        let mut record = self.session(epochs, cx);
        if cx.policy.has(Planted::SaltIsId) {
            record.salt = *id.as_bytes();
        }
        let token = opaque::mint(cx.keys, owner, id, record.generation, &record.salt);
        let session = Session::of(id, account, &record, cx.now);
        let writes = writes.put(Key::Session(id), owner, Some(record.idle_end()), record);
        Decision::Commit(writes, Ok(LoggedIn { token, session, rehash }))
    }

    fn session(&self, (account_epoch, global_epoch): (u64, u64), cx: &Context<'_>) -> SessionRecord {
        let span = cx.policy.span(self.lifetime);
        SessionRecord {
            salt: cx.bytes("session salt"),
            generation: 1,
            account_epoch,
            global_epoch,
            created: cx.now,
            last_seen: cx.now,
            idle_millis: u64::try_from(span.idle.as_millis()).unwrap_or(u64::MAX),
            absolute_end: cx.now.saturating_add(span.absolute),
            auth_time: cx.now,
            amr: Amr::PASSWORD,
            label: self.label.clone(),
        }
    }
}

/// A token that came with the request.
struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
