//! Logging in: a name and a password become a session.
//!
//! | what is there | what happens | answer |
//! |---|---|---|
//! | a wait on the source ([`Decide::toll`]) | nothing; the store is not asked | [`LoginError::Throttled`] |
//! | `previous` is a live session of another account | nothing; before any hashing, alike for names that do not exist | [`LoginError::OtherAccount`] |
//! | a wait on the name, and no known device with tries left | the same | [`LoginError::Throttled`] |
//! | no account, disabled, no password, off, wrong password | one Argon2id run, both counters up | [`LoginError::Denied`] |
//! | right password, marked as compromised | counters reset | [`LoginError::MustChange`] |
//! | right password, no room under the policy's cap | counters reset; scans the account's sessions first | [`LoginError::TooManySessions`] |
//! | right password | counters reset, `previous` ended, session made, an anonymous one's data carried over and the device remembered when asked: one commit | [`LoggedIn`] |
//!
//! The ways to be denied differ in neither answer nor work nor store calls: where nothing is there, a
//! decoy is read, hashed and written. A success rests on the counters as it read them, so that of many
//! guesses in parallel only the allowed number is decided. Until that commit a right guess has done nothing that
//! a wrong one has not: an upgrade of the hash comes after it, as [`Rehash`]. Only where the policy caps sessions does
//! it scan for them.
//!
//! A device's token never opens anything alone: it takes the guess off the name's wait (see
//! [`device`](crate::model::device)). One that is worth nothing is ignored, after the same calls as none.

use alloc::string::String;
use alloc::vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Source, Subject};
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::session::{Amr, Lifetime, SessionRecord};
use crate::model::source::Toll;
use crate::name::{LoginName, NameError};
use crate::operation::authenticate::Session;
use crate::operation::cap::Room;
use crate::operation::guess::{Guess, Judged, decoy_work};
use crate::operation::rehash::Rehash;
use crate::operation::sessions::sessions_of;
use crate::operation::standing::{Standing, end};
use crate::password::{Password, PasswordError};
use crate::planted::Planted;
use crate::record::{ClientLabel, Key, RecordError, Row};
use crate::time::Timestamp;
use crate::token::opaque::{self, Claim, DeviceToken, Purpose};
use crate::token::terms::Scope;

pub use outcome::{LoggedIn, LoginError};

mod outcome;

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
///
/// # Example: a stranger keeps the name waiting, and its owner comes in from a known device
/// ```
/// use doorward_core::operation::login::{Login, LoginError};
/// # use doorward_core::operation::register::Register;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let first = engine.run(Login::new("ada", "plum kettle orbit").remember_device())??;
/// let device = first.device.ok_or("none was known")?; // into a cookie of its own, which outlives the session's
///
/// for _ in 0..5 {
///     engine.run(Login::new("ada", "a stranger's guess"))?.unwrap_err();
/// }
/// let from_anywhere = engine.run(Login::new("ada", "plum kettle orbit"))?;
/// assert!(matches!(from_anywhere, Err(LoginError::Throttled { .. })));
/// let operation = Login::new("ada", "plum kettle orbit").device(device.expose()).remember_device();
/// let login = engine.run(operation)??;
/// assert!(login.device.is_none()); // the one that it has is still good
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Login {
    name: Result<LoginName, NameError>,
    password: Result<Password, PasswordError>,
    source: Option<Source>,
    label: Option<ClientLabel>,
    scope: Scope,
    lifetime: Lifetime,
    previous: Option<Secret>,
    carries_data: bool,
    device: Option<Secret>,
    remember_device: bool,
}

impl Login {
    /// With this name and password, as they were typed.
    pub fn new(name: &str, password: impl Into<String>) -> Self {
        Self {
            name: LoginName::parse(name),
            password: Password::new(password),
            source: None,
            label: None,
            scope: Scope::NONE,
            lifetime: Lifetime::default(),
            previous: None,
            carries_data: false,
            device: None,
            remember_device: false,
        }
    }

    /// Where the request came from: for the audit trail, and wrong guesses are slowed by it
    /// ([`SourcePolicy`](crate::model::source::SourcePolicy)). Without it: not by source.
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

    /// What the session's tokens may allow at most. Without it: nothing, so that they carry no scope.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// How long the session is to live. Without it: [`Lifetime::Web`].
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The session token that came with the request. A session of the same account is ended, and so is an anonymous
    /// one; a live one of another account is a refusal; anything else is ignored.
    #[must_use]
    pub fn previous(mut self, token: &str) -> Self {
        self.previous = Some(Secret(Zeroizing::new(token.into())));
        self
    }

    /// What the host keeps with the previous session comes along, if that is a live anonymous one; never from an
    /// account's. Somebody else may have put that session into this browser: take the data for a stranger's.
    #[must_use]
    pub fn carry_data(mut self) -> Self {
        self.carries_data = true;
        self
    }

    /// The device token that came with the request, from the cookie of its own. One of this account's known devices
    /// has guesses of its own, however long the name must wait; anything else is ignored.
    #[must_use]
    pub fn device(mut self, token: &str) -> Self {
        self.device = Some(Secret(Zeroizing::new(token.into())));
        self
    }

    /// Ask for a token that makes this a known device, should the login succeed and no known one be presented, or one
    /// whose token is of an earlier master key: see [`LoggedIn::device`].
    #[must_use]
    pub fn remember_device(mut self) -> Self {
        self.remember_device = true;
        self
    }
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
        let decoy = keyring.decoy(name);
        let account = owner.unwrap_or(decoy);
        let (account_key, active_key) = (Key::Account(account), Key::Active(account));
        let device = self.device.as_ref();
        let device = device.and_then(|token| Claim::parse(Purpose::Device, &token.0, cx.keys).ok());
        let guess = Guess::new(Key::Throttle(keyring.name_hash(name)), account, owner).from(device);

        // What is known of it? Everything in one read, the previous session too.
        let previous = self.previous.as_ref();
        let previous = previous.and_then(|token| Claim::parse(Purpose::Session, &token.0, cx.keys).ok());
        let is_anybodys = cx.policy.has(Planted::AccountsDataCarried);
        let may_carry = |claim: &&Claim<'_>| self.carries_data && (claim.account.is_none() || is_anybodys);
        let carried = previous.as_ref().filter(may_carry);
        let carried = carried.map(|claim| Key::Data(claim.session()));
        let previous_standing =
            previous.as_ref().map(|claim| Standing::of(claim, facts, cx.now)).transpose()?;
        let (Some([account_row, active]), false) =
            (facts.rows([&account_key, &active_key]), matches!(previous_standing, Some(Standing::Unread(_))))
        else {
            let mut reads = vec![account_key, active_key];
            reads.extend(guess.keys());
            if let Some(Standing::Unread(more)) = previous_standing {
                reads.extend(more);
                reads.extend(carried);
            }
            return Ok(Decision::Read(reads));
        };

        // Before any password is looked at, and alike for names that do not exist: it says nothing about them.
        if let Some(Standing::Proven { row, life: Ok(()), .. }) = &previous_standing
            && row.owner.is_some_and(|other| owner != Some(other))
        {
            return refused(LoginError::OtherAccount);
        }
        let is_active = active.is_some() || cx.policy.has(Planted::DisabledMayLogIn);
        let may = owner.is_some() && account_row.is_some() && is_active;
        if owner.is_none() && cx.policy.has(Planted::UnknownIsQuick) {
            return refused(LoginError::Denied);
        }
        let judged = guess.judge(password, may, facts, cx)?;
        // Whatever comes of the guess: a scan that only a right one makes would tell it, decided or not.
        if !matches!(judged, Judged::Unread | Judged::Wait(_))
            && cx.policy.session_cap().is_some()
            && let Err(range) = sessions_of(account, facts)?
        {
            return Ok(Decision::Scan(range));
        }
        let (credential, writes) = match judged {
            Judged::Unread => return Ok(Decision::Read(guess.keys().to_vec())),
            Judged::Wait(_)
                if cx.policy.has(Planted::WaitAfterHash)
                    && facts.worked(&decoy_work(password, cx)).is_none() =>
            {
                return Ok(Decision::Work(decoy_work(password, cx)));
            }
            Judged::Wait(until) => return refused(LoginError::Throttled { until }),
            Judged::Work(work) => return Ok(Decision::Work(work)),
            Judged::Wrong(writes) => return Ok(Decision::Commit(writes, Err(LoginError::Denied))),
            Judged::Compromised(writes) => return Ok(Decision::Commit(writes, Err(LoginError::MustChange))),
            Judged::Right(credential, writes) => (credential, writes),
        };
        let (Some(account_row), Some(devices)) = (account_row, guess.devices(facts, cx)?) else {
            return refused(LoginError::Denied);
        };
        let carried = carried.and_then(|key| facts.rows([&key])).and_then(|[row]| row);
        let previous = previous
            .as_ref()
            .zip(previous_standing)
            .and_then(|(claim, standing)| Previous::replaced_by(account, claim.session(), standing, carried));
        let left_out = previous.as_ref().map(|previous| previous.session);
        let writes = match Room::of((account, account_row), keyring_row, left_out, writes, facts, cx)? {
            Room::Unread(range) => return Ok(Decision::Scan(range)),
            // It tells that the password is right, and so rests on the counters as a success does.
            Room::Full(writes) => {
                return Ok(Decision::Commit(writes.guarded(), Err(LoginError::TooManySessions)));
            }
            Room::Made(writes) => writes,
        };
        let epochs = (account_row.epoch, keyring_row.epoch);
        let (writes, device) =
            if self.remember_device { devices.remember(epochs, writes, cx) } else { (writes, None) };
        let rehash = Rehash::due(account, password, credential, self.source, cx);
        Ok(self.admit(Admission { account, epochs, previous, device, rehash }, writes, cx))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(logged_in) => {
                let (account, session) = (Some(logged_in.session.account), Some(logged_in.session.id));
                return (EventResult::Success, Subject { account, session, ..self.subject() });
            }
            Err(LoginError::Denied) => EventResult::Refused("denied"),
            Err(LoginError::Throttled { .. }) => EventResult::Refused("throttled"),
            Err(LoginError::MustChange) => EventResult::Refused("must change"),
            Err(LoginError::OtherAccount) => EventResult::Refused("other account"),
            Err(LoginError::TooManySessions) => EventResult::Refused("too many sessions"),
            Err(LoginError::Name(_)) => EventResult::Refused("name"),
            Err(LoginError::Password(_)) => EventResult::Refused("password"),
            Err(LoginError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { name: self.name.clone().ok(), source: self.source, ..Subject::default() }
    }

    /// What cannot be a name or a password is told for nothing: it costs nothing.
    fn toll(&self) -> Option<Toll> {
        let is_guess = self.name.is_ok() && self.password.is_ok();
        self.source.filter(|_| is_guess).map(|source| Toll::Guess(source.into()))
    }

    fn turned_away(&self, until: Timestamp) -> Result<Self::Outcome, Fault> {
        Ok(Err(LoginError::Throttled { until }))
    }

    fn is_due(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Err(LoginError::Denied))
    }
}

/// Who is let in, and what for.
struct Admission<'a> {
    account: AccountId,
    /// Of account and keyring.
    epochs: (u64, u64),
    previous: Option<Previous<'a>>,
    device: Option<DeviceToken>,
    rehash: Option<Rehash>,
}

impl Login {
    /// Lets the person in: all that a success changes, in one commit.
    fn admit(
        &self,
        admission: Admission<'_>,
        mut writes: Writes,
        cx: &Context<'_>,
    ) -> Decision<Result<LoggedIn, LoginError>> {
        let Admission { account, epochs, previous, device, rehash } = admission;
        let owner = Some(account);
        let mut id = SessionId::from_bytes(cx.bytes("session"));
        let mut record = self.session(epochs, cx);
        if let Some(previous) = previous.filter(|_| !cx.policy.has(Planted::PreviousLives)) {
            writes = end(previous.session, previous.owner, previous.record, writes, cx);
            if let Some(data) = previous.carried {
                writes = writes.put(Key::Data(id), owner, Some(record.absolute_end), data.record.clone());
            }
            if cx.policy.has(Planted::PreviousIdAdopted) {
                id = previous.session;
            }
        }
        if cx.policy.has(Planted::SaltIsId) {
            record.salt = *id.as_bytes();
        }
        let token = opaque::mint_session(cx.keys, owner, id, record.generation, &record.salt);
        let session = Session::of(id, account, &record, cx.now);
        let writes = writes.put(Key::Session(id), owner, Some(record.idle_end()), record);
        Decision::Commit(writes, Ok(LoggedIn { token, session, device, rehash }))
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
            scope: self.scope.clone(),
        }
    }
}

/// The session that came with the request and is replaced, and what is carried over from it.
struct Previous<'a> {
    session: SessionId,
    owner: Option<AccountId>,
    record: &'a SessionRecord,
    carried: Option<&'a Row>,
}

impl<'a> Previous<'a> {
    /// Nobody's session, or this account's own; over or not.
    fn replaced_by(
        account: AccountId,
        session: SessionId,
        standing: Standing<'a>,
        carried: Option<&'a Row>,
    ) -> Option<Self> {
        let Standing::Proven { row, record, life } = standing else { return None };
        let is_replaced = row.owner.is_none_or(|owner| owner == account);
        let carried = carried.filter(|_| life.is_ok());
        is_replaced.then_some(Self { session, owner: row.owner, record, carried })
    }
}

/// A token that came with the request.
struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
