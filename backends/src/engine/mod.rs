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

    /// Signs a person up.
    pub fn register(&self, operation: Register) -> Result<AccountId, RegisterError> {
        self.run(operation)?
    }

    /// Logs a person in. The session's token is in the answer, and nowhere else.
    pub fn login(&self, operation: Login) -> Result<LoggedIn, LoginError> {
        self.run(operation)?
    }

    /// Says whose session this token is, if it lives. Every error means no.
    pub fn authenticate(&self, token: &str) -> Result<Session, AuthenticateError> {
        self.run(Authenticate::new(token))?
    }

    /// Ends the session of this token for good. [`LogoutError::Fault`] means that it is not done.
    pub fn logout(&self, token: &str) -> Result<Receipt, LogoutError> {
        self.run(Logout::new(token))?
    }

    /// Removes what has expired, `limit` rows at most, and says how many it removed: call it now and then
    /// until it removes fewer. Nothing depends on it but the store's size.
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

    /// Runs any operation of the core to its end: what the methods above do with theirs.
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
