//! The engine of a host that does its own I/O: each operation says what it needs, and the host brings it.

use std::fmt;
use std::sync::Arc;

use doorward_core::error::Fault;
use doorward_core::id::AccountId;
use doorward_core::machine::Decide;
use doorward_core::operation::access::AccountError;
use doorward_core::operation::authenticate::{AuthenticateError, Session};
use doorward_core::operation::login::{LoggedIn, Login, LoginError};
use doorward_core::operation::verify::VerifyError;
use doorward_core::policy::Policy;
use doorward_core::store::Guarantees;
use doorward_core::time::Timestamp;
use doorward_core::token::access::Access;
use zeroize::Zeroizing;

use super::authenticate;
use super::builder::{Builder, OpenError, greet};
use super::maintenance::{self, Maintained};
use super::proven::Remembered;
use super::run::{self, Parts};
use super::verify;

use desk::Guest;
pub use desk::{StepNeed, StepReply, StepTicket, StepWork};
pub use steps::{Step, Steps};

mod desk;
mod steps;

/// [`Engine`](crate::Engine) for hosts that do their own I/O: whose rows are in a database of their own, whose event loop is
/// not Rust's, or that must decide each call themselves. It touches nothing; an operation is a value ([`Steps`]) that says
/// what it needs and takes what comes of it. The same decisions, the same rows, the same outcomes and events, the same
/// checked path for access tokens. Cheap to clone, and usable from any thread.
///
/// What comes of the host's store is believed: it must keep the contract of [`Store`](doorward_core::store::Store).
///
/// # Example: rows in a map, one operation after the other
/// ```
/// use doorward::core::store::{Guarantees, Store};
/// use doorward::store::MemoryStore; // any place for rows
/// use doorward::{Login, MasterKey, Register, Step, StepNeed, StepReply, SteppedEngine, Steps};
///
/// fn drive<T>(mut steps: Steps<T>, rows: &MemoryStore) -> T {
///     loop {
///         let (ticket, need) = match steps.poll().expect("each outcome is taken once") {
///             Step::Need(ticket, need) => (ticket, need),
///             Step::Done(outcome) => return outcome,
///         };
///         let reply = match &*need {
///             StepNeed::Read(keys) => rows.read(keys).map(StepReply::Rows),
///             StepNeed::Scan(range, limit) => rows.scan(range, *limit).map(StepReply::Page),
///             StepNeed::Commit(batch) => rows.commit(batch).map(StepReply::Commit),
///             StepNeed::Changes(after, limit) => rows.changes(*after, *limit).map(StepReply::Changes),
///             StepNeed::Purge(now, limit) => rows.purge(*now, *limit).map(StepReply::Purged),
///             StepNeed::Work(work) => Ok(work.run()), // on whatever thread the host likes
///         };
///         steps.reply(ticket, reply.unwrap_or_else(StepReply::Failed)).expect("it fits its need");
///     }
/// }
///
/// let rows = MemoryStore::new();
/// let builder = SteppedEngine::builder(Guarantees::EPHEMERAL).ephemeral().master_key(MasterKey::new(1, [0x42; 32]));
/// let engine = drive(builder.open(), &rows)?;
///
/// let ada = drive(engine.run(Register::new("ada", "plum kettle orbit")), &rows)??;
/// let login = drive(engine.login(Login::new("ada", "plum kettle orbit")), &rows)?;
/// assert_eq!(login.session.account, ada);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SteppedEngine {
    parts: Arc<Parts>,
}

impl SteppedEngine {
    /// A builder for an engine whose host's store promises this.
    pub fn builder(guarantees: Guarantees) -> Builder<Guarantees> {
        Builder::new(Arc::new(guarantees))
    }

    pub(super) fn open(parts: Parts, trusts_clock: bool) -> Steps<Result<Self, OpenError>> {
        let engine = Self { parts: Arc::new(parts) };
        let guest = engine.guest();
        Steps::new(guest.desk(), async move {
            greet(&guest, trusts_clock).await?;
            Ok(engine)
        })
    }

    /// Begins any operation of the core, or one of the host's own, as [`Engine::run`](crate::Engine::run). Of those below
    /// there is more to do than one operation, or less.
    pub fn run<O>(&self, operation: O) -> Steps<Result<O::Outcome, Fault>>
    where
        O: Decide<Outcome: Send> + Send + 'static,
    {
        let guest = self.guest();
        Steps::new(guest.desk(), async move { run::run(&guest, operation).await })
    }

    /// As [`Engine::login`](crate::Engine::login). Dropped after its commit, it leaves a session whose token nobody has.
    pub fn login(&self, operation: Login) -> Steps<Result<LoggedIn, LoginError>> {
        let guest = self.guest();
        Steps::new(guest.desk(), async move { run::login(&guest, operation).await })
    }

    /// As [`Engine::authenticate`](crate::Engine::authenticate).
    pub fn authenticate(&self, token: &str) -> Steps<Result<Session, AuthenticateError>> {
        let (guest, token) = (self.guest(), Zeroizing::new(token.to_owned()));
        Steps::new(guest.desk(), async move { authenticate::authenticate(&guest, &token).await })
    }

    /// As [`Engine::delete_account`](crate::Engine::delete_account). Dropped after its first commit, it leaves the rest to
    /// [`SteppedEngine::maintain`].
    pub fn delete_account(&self, account: AccountId) -> Steps<Result<(), AccountError>> {
        let guest = self.guest();
        Steps::new(guest.desk(), async move { run::delete_account(&guest, account).await })
    }

    /// As [`Engine::verify`](crate::Engine::verify): in every mode.
    pub fn verify(&self, token: &str, audience: &str) -> Steps<Result<Arc<Access>, VerifyError>> {
        let (guest, token, audience) = (self.guest(), Zeroizing::new(token.to_owned()), audience.to_owned());
        Steps::new(guest.desk(), async move { verify::verify(&guest, &token, &audience).await })
    }

    /// As [`Engine::maintain`](crate::Engine::maintain): call it as often. Dropped, it leaves the rest to the next
    /// call, and no event of its own.
    pub fn maintain(&self) -> Steps<Result<Maintained, Fault>> {
        let guest = self.guest();
        Steps::new(guest.desk(), async move { maintenance::maintain(&guest, &|| false).await })
    }

    /// As [`Engine::purge`](crate::Engine::purge).
    pub fn purge(&self, limit: usize) -> Steps<Result<usize, Fault>> {
        let guest = self.guest();
        Steps::new(guest.desk(), async move { maintenance::purge(&guest, limit).await })
    }

    /// As [`Engine::remembered_tokens`](crate::Engine::remembered_tokens).
    pub fn remembered_tokens(&self) -> Remembered {
        self.parts.proven.count()
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.parts.environment.policy
    }

    /// The engine's time: its clock's, but never earlier than before.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn guest(&self) -> Guest {
        Guest::of(&self.parts)
    }
}

impl fmt::Debug for SteppedEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteppedEngine").field("keys", &self.parts.environment.keys).finish_non_exhaustive()
    }
}
