//! Engines of either kind in a given mode on one store, each behind a tap of its own, with a clock that the test sets.

use std::sync::Arc;
use std::time::Duration;

use doorward::core::machine::Decide;
use doorward::core::store::Store;
use doorward::core::time::Timestamp;
use doorward::store::MemoryStore;
use doorward::{
    Access, AccountId, AsyncEngine, Clock, Engine, Fault, Issue, Issued, Login, ManualClock, MasterKey,
    Policy, Register, RevocationMode, SessionId, SessionToken, TokenPolicy, VerifyError, WhenStale,
};

use super::block_on::block_on;
use super::engine::{NAME, PASSWORD};
use super::remembered::cheapest;
use super::tapped::Tapped;

pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const BOUND: Duration = Duration::from_secs(2);
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) const ASKING: RevocationMode =
    RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::AskStore };
pub(crate) const REFUSING: RevocationMode =
    RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse };
pub(crate) const UNTIL_EXPIRY: RevocationMode = RevocationMode::UntilExpiry { max_key_age: BOUND };
pub(crate) const EVERY_MODE: [RevocationMode; 4] = [RevocationMode::Bound, ASKING, REFUSING, UNTIL_EXPIRY];

/// Whose calls return, or whose futures do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Blocking,
    Asynchronous,
}

pub(crate) const BOTH: [Kind; 2] = [Kind::Blocking, Kind::Asynchronous];

#[derive(Clone)]
pub(crate) enum Either {
    Blocking(Engine),
    Asynchronous(AsyncEngine),
}

impl Either {
    pub(crate) fn run<O: Decide + Send>(&self, operation: O) -> Result<O::Outcome, Fault>
    where
        O::Outcome: Send,
    {
        match self {
            Self::Blocking(engine) => engine.run(operation),
            Self::Asynchronous(engine) => block_on(engine.run(operation)),
        }
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Arc<Access>, VerifyError> {
        match self {
            Self::Blocking(engine) => engine.verify(token, AUDIENCE),
            Self::Asynchronous(engine) => block_on(engine.verify(token, AUDIENCE)),
        }
    }

    pub(crate) fn accepts(&self, token: &str) -> bool {
        self.verify(token).is_ok()
    }

    pub(crate) fn blocking(&self) -> &Engine {
        match self {
            Self::Blocking(engine) => engine,
            Self::Asynchronous(_) => panic!("it is none"),
        }
    }

    pub(crate) fn asynchronous(&self) -> &AsyncEngine {
        match self {
            Self::Asynchronous(engine) => engine,
            Self::Blocking(_) => panic!("it is none"),
        }
    }
}

/// An engine, what it asks of its store, and its clock.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) engine: Either,
    pub(crate) store: Tapped,
    pub(crate) clock: ManualClock,
}

pub(crate) fn policy(tokens: TokenPolicy) -> Policy {
    Policy::builder().argon2(cheapest()).tokens(tokens).build().unwrap()
}

pub(crate) fn in_mode(revocation: RevocationMode) -> TokenPolicy {
    TokenPolicy { revocation, ..TokenPolicy::default() }
}

impl Instance {
    /// On this store, whose clock shows this time.
    pub(crate) fn open(kind: Kind, store: &Arc<dyn Store>, tokens: TokenPolicy, now: Timestamp) -> Self {
        let (store, clock) = (Tapped::new(Arc::clone(store)), ManualClock::at(now));
        let (policy, key) = (policy(tokens), MasterKey::new(1, [0x42; 32]));
        let engine = match kind {
            Kind::Blocking => {
                let builder = Engine::builder(store.clone()).ephemeral().master_key(key);
                Either::Blocking(builder.policy(policy).clock(clock.clone()).open().unwrap())
            }
            Kind::Asynchronous => {
                let builder = AsyncEngine::builder(store.clone()).ephemeral().master_key(key);
                let opening = builder.policy(policy).clock(clock.clone()).open();
                Either::Asynchronous(block_on(opening).unwrap())
            }
        };
        store.calls();
        Self { engine, store, clock }
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Arc<Access>, VerifyError> {
        self.engine.verify(token)
    }

    pub(crate) fn accepts(&self, token: &str) -> bool {
        self.engine.accepts(token)
    }
}

/// Two instances on one store, with ada logged in, and a token of her session.
pub(crate) struct Deployment {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) here: Instance,
    pub(crate) there: Instance,
    pub(crate) ada: AccountId,
    pub(crate) session: SessionToken,
    pub(crate) id: SessionId,
    pub(crate) issued: Issued,
}

impl Deployment {
    pub(crate) fn new(kind: Kind, mode: RevocationMode) -> Self {
        Self::with(kind, in_mode(mode))
    }

    pub(crate) fn with(kind: Kind, tokens: TokenPolicy) -> Self {
        Self::on(kind, tokens, Arc::new(MemoryStore::new()))
    }

    pub(crate) fn on(kind: Kind, tokens: TokenPolicy, store: Arc<dyn Store>) -> Self {
        let [here, there] = [(); 2].map(|()| Instance::open(kind, &store, tokens.clone(), START));
        let ada = here.engine.run(Register::new(NAME, PASSWORD)).unwrap().unwrap();
        let (session, id) = log_in(&here);
        let issued = issue(&here, &session);
        let deployment = Self { store, here, there, ada, session, id, issued };
        // The views of both are fresh from here on.
        assert!(deployment.here.accepts(deployment.token()) && deployment.there.accepts(deployment.token()));
        deployment.here.store.calls();
        deployment.there.store.calls();
        deployment
    }

    /// The access token.
    pub(crate) fn token(&self) -> &str {
        self.issued.access.expose()
    }

    /// Time passes, for both.
    pub(crate) fn wait(&self, by: Duration) {
        self.here.clock.advance(by);
        self.there.clock.advance(by);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.here.clock.now()
    }
}

/// One more session of ada's.
pub(crate) fn log_in(at: &Instance) -> (SessionToken, SessionId) {
    let login = at.engine.run(Login::new(NAME, PASSWORD)).unwrap().unwrap();
    (login.token, login.session.id)
}

pub(crate) fn issue(at: &Instance, session: &SessionToken) -> Issued {
    let issue = Issue::new(session.expose(), "web", AUDIENCE).with_refresh();
    at.engine.run(issue).unwrap().unwrap()
}
