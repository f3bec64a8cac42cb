//! The engine: the core's machine on a store, a clock, a random source and a hashing pool.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::event::{Event, EventResult};
use doorward_core::id::AccountId;
use doorward_core::machine::{Decide, Environment, Machine, Need, Reply};
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError, Session};
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::operation::logout::{Logout, LogoutError, Receipt};
use doorward_core::operation::register::{Register, RegisterError};
use doorward_core::policy::Policy;
use doorward_core::store::Store;
use doorward_core::time::Timestamp;

pub use builder::{Builder, OpenError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{Entropy, EntropyError, SystemEntropy};
pub use hashing::Hashing;

mod builder;
mod clock;
mod entropy;
mod hashing;

/// An authentication engine on a store. Cheap to clone; every method may be called from any thread, and
/// blocks until its outcome is durable.
///
/// # Example: the whole story of one session
/// ```
/// use doorward::{Engine, Login, MasterKey, Register};
/// use doorward::store::MemoryStore;
///
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(1, [0x42; 32])) // a host keeps 32 random bytes; see `KeyFile`
///     .open()?;
///
/// let ada = engine.register(Register::new("ada", "correct horse battery staple"))?;
/// let login = engine.login(Login::new("Ada", "correct horse battery staple"))?;
/// let token = login.token.expose(); // goes into the client's cookie
///
/// assert_eq!(engine.authenticate(token)?.account, ada);
/// engine.logout(token)?;
/// assert!(engine.authenticate(token).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    parts: Arc<Parts>,
}

struct Parts {
    store: Arc<dyn Store>,
    environment: Arc<Environment>,
    clock: clock::Monotonic,
    entropy: Box<dyn Entropy>,
    hashing: hashing::Pool,
    events: Option<Sink>,
}

type Sink = Box<dyn Fn(&Event) + Send + Sync>;

impl Engine {
    /// A builder for an engine on this store.
    pub fn builder(store: impl Store + 'static) -> Builder {
        Builder::new(Arc::new(store))
    }

    /// Signs a person up: one Argon2id run, one durable commit. A session is made by [`Engine::login`] only.
    ///
    /// # Errors
    /// [`RegisterError`]: what to tell the person, or a [`Fault`]. After [`Fault::Unresolved`] the account may be there.
    pub fn register(&self, operation: Register) -> Result<AccountId, RegisterError> {
        self.run(operation)?
    }

    /// Logs a person in. The session's token is in the answer, and nowhere else.
    ///
    /// # Errors
    /// [`LoginError`]. Nobody was logged in, whatever it is; a failure that was counted stays counted.
    ///
    /// # Example: five wrong guesses, then a wait also for the right password
    /// ```
    /// use doorward::{Engine, Login, LoginError, MasterKey, Register};
    /// # use doorward::store::MemoryStore;
    /// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32])).open()?;
    /// engine.register(Register::new("ada", "plum kettle orbit"))?;
    /// for _ in 0..5 {
    ///     let denied = engine.login(Login::new("ada", "a guess"));
    ///     assert!(matches!(denied, Err(LoginError::Denied)));
    /// }
    /// let early = engine.login(Login::new("ada", "plum kettle orbit"));
    /// let Err(LoginError::Throttled { until }) = early else { panic!("no wait") };
    /// assert!(until.since(engine.now()).as_secs() <= 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn login(&self, operation: Login) -> Result<LoggedIn, LoginError> {
        let mut login = self.run(operation)??;
        if let Some(rehash) = login.rehash.take() {
            // The person is in; a hash that could not be upgraded now is upgraded at the next login.
            let _ = self.run(rehash);
        }
        Ok(login)
    }

    /// Says whose session this token is, if it lives: one read of three rows, no hashing of passwords.
    ///
    /// # Errors
    /// [`AuthenticateError`]. Every one means no; only a [`Fault`] may be another answer a moment later.
    pub fn authenticate(&self, token: &str) -> Result<Session, AuthenticateError> {
        self.run(Authenticate::new(token))?
    }

    /// Ends the session of this token for good: durable when it returns. A second call is no error.
    ///
    /// # Errors
    /// [`LogoutError::Token`]: the text opens nothing. [`LogoutError::UnknownKey`], [`LogoutError::Fault`]: it is not done; keep the cookie and
    /// call again.
    pub fn logout(&self, token: &str) -> Result<Receipt, LogoutError> {
        self.run(Logout::new(token))?
    }

    /// Removes what has expired by more than the policy's `max_skew`: rows and journal entries, `limit` at most of
    /// both together. Says how many it removed: call it now and then until it removes fewer. Nothing depends on it but
    /// the store's size.
    ///
    /// # Errors
    /// [`Fault::Store`]. What was removed before stays removed.
    ///
    /// # Example: a job for the night
    /// ```
    /// # use std::time::Duration;
    /// # use doorward::store::MemoryStore;
    /// # use doorward::{Engine, Login, ManualClock, MasterKey, Register, core::time::Timestamp};
    /// # let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    /// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32]));
    /// # let engine = engine.clock(clock.clone()).open()?;
    /// # engine.register(Register::new("ada", "plum kettle orbit"))?;
    /// engine.login(Login::new("ada", "plum kettle orbit"))?;
    /// clock.advance(Duration::from_hours(24)); // the session is long over
    ///
    /// let mut removed = 0;
    /// loop {
    ///     let now = engine.purge(1000)?;
    ///     removed += now;
    ///     if now < 1000 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(removed, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn purge(&self, limit: usize) -> Result<usize, Fault> {
        // An instance whose clock is behind may still count these rows as live.
        let now = self.now().saturating_sub(self.policy().max_skew());
        Ok(contain(|| self.parts.store.purge(now, limit), StoreErrorKind::Unknown)?)
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.parts.environment.policy
    }

    /// The engine's time: its clock's, but never earlier than before.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Runs any operation of the core, or one of the host's own ([`Decide`]), to its end: what the methods above do
    /// with theirs.
    ///
    /// # Errors
    /// A [`Fault`] when it could not decide. What it decided, refusals included, is its outcome.
    pub fn run<O: Decide>(&self, operation: O) -> Result<O::Outcome, Fault> {
        let parts = &*self.parts;
        let (name, subject) = (operation.name(), operation.subject());
        // A fault that the machine does not see, and so has no event for.
        let told = |fault: Fault| {
            let result = EventResult::Failed(fault.word());
            parts.tell(&Event { at: parts.clock.now(), operation: name, result, subject: subject.clone() });
            fault
        };
        let seed = entropy::seed(&*parts.entropy).map_err(told)?;
        let mut machine = Machine::new(operation, Arc::clone(&parts.environment), seed);
        loop {
            let (ticket, reply) = match machine.poll(parts.clock.now()) {
                Need::Read(ticket, keys) => {
                    (ticket, parts.store(|store| store.read(keys), StoreErrorKind::Retryable, Reply::Rows))
                }
                Need::Scan(ticket, range, limit) => (
                    ticket,
                    parts.store(|store| store.scan(range, limit), StoreErrorKind::Retryable, Reply::Page),
                ),
                Need::Commit(ticket, batch) => {
                    (ticket, parts.store(|store| store.commit(batch), StoreErrorKind::Unknown, Reply::Commit))
                }
                Need::Work(ticket, work) => {
                    (ticket, parts.hashing.run(work).map_or(Reply::Busy, Reply::Worked))
                }
                Need::Done(outcome, event) => {
                    parts.tell(&event);
                    return outcome;
                }
            };
            machine.reply(ticket, reply).map_err(|misuse| told(misuse.into()))?;
        }
    }
}

impl Parts {
    /// One call of the store; a panic in it is contained and counts as the given kind of failure.
    fn store<T>(
        &self,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
        panicked: StoreErrorKind,
        reply: impl FnOnce(T) -> Reply,
    ) -> Reply {
        contain(|| call(&*self.store), panicked).map_or_else(Reply::Failed, reply)
    }

    fn tell(&self, event: &Event) {
        if let Some(events) = &self.events {
            // The outcome stands whether or not the host's sink can take the event.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| events(event))) {
                // Dropping it runs the host's code again, which could panic again.
                std::mem::forget(payload);
            }
        }
    }
}

fn contain<T>(
    call: impl FnOnce() -> Result<T, StoreError>,
    panicked: StoreErrorKind,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        std::mem::forget(payload);
        Err(StoreError::new(panicked, "the store panicked: this is a bug in the store"))
    })
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("keys", &self.parts.environment.keys).finish_non_exhaustive()
    }
}
