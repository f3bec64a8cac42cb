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
use crate::model::keyring::KeyringRecord;
use crate::model::session::{Amr, Lifetime, SessionRecord};
use crate::model::throttle::{AttemptsRecord, ThrottleRecord};
use crate::name::{LoginName, NameError};
use crate::operation::authenticate::Session;
use crate::operation::rehash::Rehash;
use crate::operation::standing::Standing;
use crate::password::{Normalization, Password, PasswordError, PasswordHash, Verdict};
use crate::record::{ClientLabel, Key, RecordError, Row};
use crate::store::Ending;
use crate::time::Timestamp;
use crate::token::opaque::{self, Claim, SessionToken};
use crate::work::{Work, Worked};

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
        let keys = Keys::new(name, owner, keyring);

        // What is known of it? Everything in one read, the previous session too.
        let previous = self.previous.as_ref().and_then(|token| Claim::parse(&token.0, cx.keys).ok());
        let previous_standing =
            previous.as_ref().map(|claim| Standing::of(claim, facts, cx.now)).transpose()?;
        let all = [&keys.throttle, &keys.account, &keys.active, &keys.credential, &keys.attempts];
        let (Some([throttle, account, active, credential, attempts]), false) =
            (facts.rows(all), matches!(previous_standing, Some(Standing::Unread(_))))
        else {
            let mut reads = all.map(Key::clone).to_vec();
            if let Some(Standing::Unread(more)) = previous_standing {
                reads.extend(more);
            }
            return Ok(Decision::Read(reads));
        };
        let seen = Seen::new(throttle, attempts, cx)?;

        // Before any password is looked at, and alike for names that do not exist: it says nothing about them.
        if let Some(Standing::Proven { row, life: Ok(()), .. }) = &previous_standing
            && row.owner != owner
        {
            return refused(LoginError::OtherAccount);
        }
        if seen.throttle.until > cx.now {
            return refused(LoginError::Throttled { until: seen.throttle.until });
        }

        // Exactly one run of Argon2id, whatever is there.
        let credential = credential.map(Row::credential).transpose()?;
        let (hash, normalization) = match credential {
            Some(record) => (record.hash.clone(), record.normalization),
            None => decoy(cx),
        };
        let work = Work::Verify { password: password.clone(), normalization, hash };
        let Some(Worked::Verified(verdict)) = facts.worked(&work) else {
            return Ok(Decision::Work(work));
        };
        let is_off = seen.attempts.failures >= cx.policy.throttle().off_at;
        match (owner, account, active, credential) {
            (Some(id), Some(account), Some(_), Some(credential)) if *verdict == Verdict::Match && !is_off => {
                let counters = (throttle.is_some(), attempts.is_some());
                let previous = previous.as_ref().map(|claim| claim.session).zip(previous_standing);
                let door = Door { id, account, keyring: keyring_row, counters, previous, keys };
                let rehash = credential.hash.needs_rehash(cx.policy.argon2());
                let rehash = rehash.then(|| Rehash::new(id, password.clone(), credential.hash.clone()));
                Ok(self.admit(door, rehash, cx))
            }
            _ => Ok(Decision::Commit(keys.failure(&seen, owner, cx), Err(LoginError::Denied))),
        }
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

/// What stands around a person who has shown the right password.
struct Door<'a> {
    id: AccountId,
    account: &'a Row,
    keyring: &'a Row,
    /// Whether there is a throttle row, and an attempts row, to remove.
    counters: (bool, bool),
    previous: Option<(SessionId, Standing<'a>)>,
    keys: Keys,
}

impl Login {
    /// Lets the person in: all that a success changes, in one commit.
    fn admit(
        &self,
        door: Door<'_>,
        rehash: Option<Rehash>,
        cx: &Context<'_>,
    ) -> Decision<Result<LoggedIn, LoginError>> {
        let owner = Some(door.id);
        let mut writes = Writes::new();
        if let Some((session, Standing::Proven { row, record, .. })) = door.previous
            && row.owner == owner
        {
            let ending = Ending::Session { session, until: record.absolute_end };
            writes = writes.delete(Key::Session(session)).journal(ending);
        }
        if door.counters.0 {
            writes = writes.delete(door.keys.throttle);
        }
        if door.counters.1 {
            writes = writes.delete(door.keys.attempts);
        }

        let id = SessionId::from_bytes(cx.bytes("session"));
        let record = self.session(door.account.epoch, door.keyring.epoch, cx);
        let token = opaque::mint(cx.keys, owner, id, record.generation, &record.salt);
        let session = Session::of(id, door.id, &record, cx.now);
        let writes = writes.put(Key::Session(id), owner, Some(record.idle_end()), record);
        Decision::Commit(writes, Ok(LoggedIn { token, session, rehash }))
    }

    fn session(&self, account_epoch: u64, global_epoch: u64, cx: &Context<'_>) -> SessionRecord {
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

/// The keys of a login, once it is known whose name it is.
struct Keys {
    throttle: Key,
    account: Key,
    active: Key,
    credential: Key,
    attempts: Key,
}

impl Keys {
    fn new(name: &LoginName, owner: Option<AccountId>, keyring: &KeyringRecord) -> Self {
        let account = owner.unwrap_or_else(|| keyring.decoy(name));
        Self {
            throttle: Key::Throttle(keyring.name_hash(name)),
            account: Key::Account(account),
            active: Key::Active(account),
            credential: Key::Credential(account),
            attempts: Key::Attempts(account),
        }
    }

    /// One more failure. A decoy's counter expires with its name's; an account's lasts.
    fn failure(self, seen: &Seen, owner: Option<AccountId>, cx: &Context<'_>) -> Writes {
        let policy = cx.policy.throttle();
        let throttle = seen.throttle.failed(policy, cx.now);
        let expires = throttle.expires(policy, cx.now);
        let attempts = AttemptsRecord { failures: seen.attempts.failures.saturating_add(1) };
        Writes::new().put(self.throttle, None, Some(expires), throttle).put(
            self.attempts,
            owner,
            owner.is_none().then_some(expires),
            attempts,
        )
    }
}

/// The counters as they count now: an expired row counts nothing.
struct Seen {
    throttle: ThrottleRecord,
    attempts: AttemptsRecord,
}

impl Seen {
    fn new(throttle: Option<&Row>, attempts: Option<&Row>, cx: &Context<'_>) -> Result<Self, Fault> {
        let live = |row: &&Row| row.expires.is_none_or(|expires| cx.now < expires);
        Ok(Self {
            throttle: throttle.filter(live).map(Row::throttle).transpose()?.cloned().unwrap_or_default(),
            attempts: attempts.filter(live).map(Row::attempts).transpose()?.cloned().unwrap_or_default(),
        })
    }
}

/// What a missing credential is taken for: as hard as the policy's, and matched by nothing.
fn decoy(cx: &Context<'_>) -> (PasswordHash, Normalization) {
    let hash = PasswordHash::decoy(cx.policy.argon2(), cx.bytes("decoy salt"), cx.bytes("decoy tag"));
    (hash, cx.policy.password().normalization)
}

/// A token that came with the request.
struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
