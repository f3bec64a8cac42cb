//! Putting an engine together.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use doorward_core::error::Fault;
use doorward_core::event::Event;
use doorward_core::machine::Environment;
use doorward_core::model::clock::ClockError;
use doorward_core::operation::open::Open;
use doorward_core::operation::trust_clock::TrustClock;
use doorward_core::policy::Policy;
use doorward_core::secret::{KeyError, MasterKey, MasterKeys, Pepper};
use doorward_core::store::{AsyncStore, Guarantees, Store};
use doorward_core::token::jwt::SigningKey;
use thiserror::Error;

use crate::crew::Crew;

use super::asynchronous::AsyncEngine;
use super::blocking::Engine;
use super::clock::{Clock, Monotonic, SystemClock};
use super::entropy::{Entropy, SystemEntropy};
use super::events::Sinks;
use super::hashing::{Hashing, Pool};
use super::maintenance::Thread;
use super::proven::{DEFAULT_PROVEN, ProvenTokens};
use super::reach::Reach;
use super::run::{Parts, at_once, run};
use super::sources::Sources;
use super::stepped::{SteppedEngine, Steps};
use super::watch::Watch;

/// Builds an [`Engine`], over an [`AsyncStore`] an [`AsyncEngine`], and over the [`Guarantees`] of a host's own a
/// [`SteppedEngine`]. Only the store and a master key have no default.
///
/// | part | default |
/// |---|---|
/// | policy | [`Policy::default`] |
/// | pepper | none |
/// | signing keys | derived from the master key, rotated as the policy says |
/// | verified tokens remembered | 4096 |
/// | clock | [`SystemClock`] |
/// | entropy | [`SystemEntropy`] |
/// | hashing | as many runs at once as cores, 128 may wait, a quarter of them from one source |
/// | durability | required of the store |
/// | events | told to nobody |
/// | maintenance | the host's affair: no thread |
///
/// # Example: two keys, a clock of the test's own, and an audit trail
/// ```
/// use std::sync::{Arc, Mutex};
/// use doorward::core::time::Timestamp;
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, ManualClock, MasterKey, Register};
///
/// let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
/// let lines = Arc::new(Mutex::new(Vec::new()));
/// let sink = Arc::clone(&lines);
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(2, [2; 32])) // makes new tokens
///     .master_key(MasterKey::new(1, [1; 32])) // accepted still
///     .clock(clock)
///     .events(move |event| sink.lock().unwrap().push(format!("{} {:?}", event.operation, event.result)))
///     .open()?;
/// engine.register(Register::new("ada", "plum kettle orbit"))?;
/// assert_eq!(*lines.lock().unwrap(), ["open Success", "register Success"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Example: one pepper follows another
/// ```
/// # use std::sync::Arc;
/// # use doorward::{core::store::Store, store::MemoryStore};
/// use doorward::{Engine, Login, MasterKey, Pepper, Register};
///
/// # let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
/// let builder = || Engine::builder(Arc::clone(&store)).ephemeral().master_key(MasterKey::new(1, [1; 32]));
/// let (old, new) = (Pepper::new(1, [2; 32]), Pepper::new(2, [3; 32])); // a host keeps 32 random bytes for each
///
/// let engine = builder().pepper(old.clone()).open()?;
/// engine.register(Register::new("ada", "plum kettle orbit"))?;
/// let engine = builder().pepper(new.clone()).pepper(old).open()?;
/// engine.login(Login::new("ada", "plum kettle orbit"))?; // from now on under the new one
/// let engine = builder().pepper(new).open()?;
/// assert!(engine.login(Login::new("ada", "plum kettle orbit")).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Builder<S: ?Sized = dyn Store> {
    store: Arc<S>,
    keys: Vec<MasterKey>,
    peppers: Vec<Pepper>,
    accepted_peppers: Vec<Pepper>,
    policy: Policy,
    clock: Box<dyn Clock>,
    entropy: Box<dyn Entropy>,
    hashing: Hashing,
    asked: Guarantees,
    events: Sinks,
    signing_keys: Vec<SigningKey>,
    proven_tokens: usize,
    trusts_clock: bool,
    maintain_every: Option<Duration>,
}

impl<S: ?Sized> Builder<S> {
    pub(super) fn new(store: Arc<S>) -> Self {
        Self {
            store,
            keys: Vec::new(),
            peppers: Vec::new(),
            accepted_peppers: Vec::new(),
            policy: Policy::default(),
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy),
            hashing: Hashing::default(),
            asked: Guarantees::ALL,
            events: Sinks::default(),
            signing_keys: Vec::new(),
            proven_tokens: DEFAULT_PROVEN,
            trusts_clock: false,
            maintain_every: None,
        }
    }

    /// A master key. The first one given makes new tokens; tokens of all of them are accepted.
    #[must_use]
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.keys.push(key);
        self
    }

    /// A pepper: passwords are hashed with it, so that the database alone does not let anybody try one. The first one
    /// given hashes new passwords; all of them verify. Each login brings its password under the first.
    ///
    /// To change it, put the new one before the old; where several engines share a store, let each of them accept the
    /// new one first ([`Builder::accept_pepper`]). A password whose pepper is not given is answered as if it were
    /// wrong: a pepper can be left out once nobody needs it, or once those who do may recover their accounts.
    #[must_use]
    pub fn pepper(mut self, pepper: Pepper) -> Self {
        self.peppers.push(pepper);
        self
    }

    /// A pepper that verifies what was hashed with it and hashes nothing new: one that is about to be used, or one
    /// that the host gives up without a successor.
    #[must_use]
    pub fn accept_pepper(mut self, pepper: Pepper) -> Self {
        self.accepted_peppers.push(pepper);
        self
    }

    /// A key of the host's own that signs access tokens, in the place of those that the engine derives, and that the host
    /// rotates. The first one given signs; tokens of all of them are accepted.
    #[must_use]
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.signing_keys.push(key);
        self
    }

    /// How many verified access tokens are remembered at most, so that their signature is not looked at again; their times, their
    /// audience and their revocation always are. Default 4096; 0: none; a larger number than 1,048,576 counts as that. What is
    /// kept is what the tokens say, not the tokens.
    #[must_use]
    pub fn remember_tokens(mut self, most: usize) -> Self {
        self.proven_tokens = most;
        self
    }

    /// The policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The random source.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Box::new(entropy);
        self
    }

    /// How much hashing is done at once.
    #[must_use]
    pub fn hashing(mut self, hashing: Hashing) -> Self {
        self.hashing = hashing;
        self
    }

    /// Takes a store that forgets: sessions, and logouts, may be undone when the process or the machine
    /// stops. All accounts and sessions go together, so nothing ended comes back alone.
    #[must_use]
    pub fn ephemeral(mut self) -> Self {
        self.asked = Guarantees::EPHEMERAL;
        self
    }

    /// Who is told of each finished operation, once, after its commit, on the thread that ran it: a closure, an
    /// [`EventQueue`](super::events::EventQueue)'s sink, or `events::to_tracing`. Given more than once, each is told. Of one
    /// whose future is dropped they are told at once, on the thread that drops it; its commit may be under way still.
    /// Keep it short; a panic in it is contained, and harms neither the outcome nor the others.
    #[must_use]
    pub fn events(mut self, sink: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.events.add(sink);
        self
    }

    /// Takes the clock's word against the store's, where they are too far apart to open ([`OpenError::Clock`]) or to
    /// purge. It is for a person who has looked at the clock, once. When the store's mark is lowered by it, all sessions of
    /// the store are ended: some are of a time that has not come yet, others were over and would live again. Waits on
    /// names last as they were announced: [`Engine::unlock`] lifts them.
    #[must_use]
    pub fn trust_clock(mut self) -> Self {
        self.trusts_clock = true;
        self
    }

    /// The engine's parts, once what can be known without its store is right.
    fn put_together(self, offered: Guarantees) -> Result<(Parts, Arc<S>), OpenError> {
        if !offered.meets(self.asked) {
            return Err(OpenError::Guarantees { offered, asked: self.asked });
        }
        let mut given = self.keys.into_iter();
        let first = given.next().ok_or(OpenError::NoKey)?;
        let keys = given.try_fold(MasterKeys::new(first), MasterKeys::accept)?;
        let keys = self.peppers.into_iter().try_fold(keys, MasterKeys::pepper)?;
        let keys = self.accepted_peppers.into_iter().try_fold(keys, MasterKeys::accept_pepper)?;
        let keys = self.signing_keys.into_iter().try_fold(keys, MasterKeys::signing_key)?;
        let parts = Parts {
            hashing: Pool::new(self.hashing, *self.policy.argon2()),
            sources: Sources::new(self.policy.sources()),
            environment: Arc::new(Environment { policy: self.policy, keys }),
            clock: Monotonic::new(self.clock),
            entropy: self.entropy,
            events: self.events,
            watch: Watch::default(),
            proven: ProvenTokens::new(self.proven_tokens),
        };
        Ok((parts, self.store))
    }
}

/// For an [`Engine`].
impl Builder {
    /// Runs [`Engine::maintain`] at open and so long after the end of each run from then on (a few minutes, and at most half
    /// of the policy's `max_clock_regression`, within which one must have succeeded), on a thread of the engine's own, until
    /// the last clone of the engine is dropped. That waits for a run under way to stop, which is within a few calls of the
    /// store: do not hold a lock then that the [`events`](Self::events) wait for. What fails is told to them, and tried
    /// again the next time.
    #[must_use]
    pub fn maintain_every(mut self, every: Duration) -> Self {
        self.maintain_every = Some(every);
        self
    }

    /// Opens the engine: makes the store's keyring, or compares keys and peppers with it, and the clock with what the
    /// store has seen.
    ///
    /// # Errors
    /// What does not fit. Nothing was changed.
    pub fn open(self) -> Result<Engine, OpenError> {
        let (maintain_every, trusts_clock) = (self.maintain_every, self.trusts_clock);
        if maintain_every.is_some_and(|every| every < Duration::from_secs(1)) {
            return Err(OpenError::Interval);
        }
        let offered = self.store.guarantees();
        let (parts, store) = self.put_together(offered)?;
        let mut engine = Engine { parts: Arc::new(parts), store, maintenance: None };
        at_once(greet(&engine, trusts_clock))?;
        if let Some(every) = maintain_every {
            let thread =
                Thread::start(engine.clone(), every).map_err(|error| OpenError::Thread(error.kind()))?;
            engine.maintenance = Some(Arc::new(thread));
        }
        Ok(engine)
    }
}

/// For an [`AsyncEngine`]. Maintenance is the host's affair: a task that calls [`AsyncEngine::maintain`] every few
/// minutes by the host's own timer.
impl Builder<dyn AsyncStore> {
    /// As [`Builder::open`]. Starts the engine's hashing threads, as many as hash at once.
    ///
    /// # Errors
    /// What does not fit, or more than 1024 hashing threads. Nothing was changed.
    pub async fn open(self) -> Result<AsyncEngine, OpenError> {
        let (hashing, trusts_clock) = (self.hashing, self.trusts_clock);
        let offered = self.store.guarantees();
        let (parts, store) = self.put_together(offered)?;
        // Who runs has a thread; one that has just handed its place over may not be free yet.
        let hashers = Crew::start("doorward-hashing", hashing.at_once, hashing.at_once.get())
            .map_err(|error| OpenError::Thread(error.kind()))?;
        let engine = AsyncEngine { parts: Arc::new(parts), store, hashers: Arc::new(hashers) };
        greet(&engine, trusts_clock).await?;
        Ok(engine)
    }
}

/// For a [`SteppedEngine`]. Maintenance is the host's affair: [`SteppedEngine::maintain`] every few minutes, and at least
/// once in the policy's `max_clock_regression`.
impl Builder<Guarantees> {
    /// As [`Builder::open`], in steps: it reads and commits like any operation. An error says what does not fit, and
    /// nothing was changed.
    pub fn open(self) -> Steps<Result<SteppedEngine, OpenError>> {
        let (trusts_clock, offered) = (self.trusts_clock, *self.store);
        match self.put_together(offered) {
            Ok((parts, _)) => SteppedEngine::open(parts, trusts_clock),
            Err(error) => Steps::over(Err(error)),
        }
    }
}

/// What an engine and its store say to each other first.
pub(super) async fn greet<E: Reach>(engine: &E, trusts_clock: bool) -> Result<(), OpenError> {
    let mark = if trusts_clock {
        run(engine, Open::new().trusting_the_clock()).await?;
        run(engine, TrustClock::new()).await?.mark
    } else {
        run(engine, Open::new()).await?.mark
    };
    engine.parts().clock.start_at(mark);
    Ok(())
}

impl<S: ?Sized> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("keys", &self.keys)
            .field("peppers", &self.peppers)
            .field("accepted_peppers", &self.accepted_peppers)
            .field("policy", &self.policy)
            .field("hashing", &self.hashing)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

/// Why an engine does not open. Nothing was changed.
///
/// # Example: a store that forgets is not taken silently
/// ```
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, MasterKey, OpenError};
///
/// let builder = || Engine::builder(MemoryStore::new());
/// assert!(matches!(builder().ephemeral().open(), Err(OpenError::NoKey)));
/// let refused = builder().master_key(MasterKey::new(1, [0x42; 32])).open().unwrap_err();
/// assert!(matches!(refused, OpenError::Guarantees { offered, .. } if !offered.durable));
/// assert!(refused.to_string().starts_with("the store is atomic, linearizable, not durable"));
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No master key was given.
    #[error("an engine needs a master key: give 32 random bytes that are kept apart from the database")]
    NoKey,
    /// The store promises too little.
    #[error(
        "the store is {offered}, but the engine asks for one that is {asked}: take another store, or waive durability with `ephemeral()`"
    )]
    Guarantees {
        /// What the store promises.
        offered: Guarantees,
        /// What was asked.
        asked: Guarantees,
    },
    /// The master keys or peppers do not fit each other or the store.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The clock is too far behind what the store has seen.
    #[error(transparent)]
    Clock(ClockError),
    /// Maintenance was asked for too often.
    #[error("maintenance needs at least a second from one run to the next")]
    Interval,
    /// The system gave no thread for maintenance, or for hashing.
    #[error("no thread can be started ({0}): raise the limit on threads")]
    Thread(io::ErrorKind),
    /// The store could not be read or written.
    #[error(transparent)]
    Fault(Fault),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Key(error) => Self::Key(error),
            Fault::Clock(error) => Self::Clock(error),
            other => Self::Fault(other),
        }
    }
}
