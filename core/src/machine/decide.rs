//! What an operation is: a pure decision, and what it may look at.

use alloc::vec::Vec;
use core::time::Duration;

use super::Writes;
use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::model::source::Toll;
use crate::policy::Policy;
use crate::record::Key;
use crate::secret::{MasterKeys, Seed};
use crate::store::Range;
use crate::time::Timestamp;
use crate::work::Work;

/// An operation: pure and rerun from the top whenever facts arrive, so it reads like straight code.
///
/// # Example: an operation that disables an account
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::error::Fault;
/// # use doorward_core::event::{EventResult, Subject};
/// # use doorward_core::facts::Facts;
/// # use doorward_core::id::AccountId;
/// # use doorward_core::machine::{Context, Decide, Decision, Environment, Machine, Need, Reply, Writes};
/// # use doorward_core::operation::logout::Ended;
/// # use doorward_core::{policy::Policy, record::Key, secret::*, time::Timestamp};
/// struct Disable(AccountId);
///
/// impl Decide for Disable {
///     type Outcome = Ended;
///
///     fn name(&self) -> &'static str {
///         "disable"
///     }
///
///     fn decide(&self, facts: &Facts, _: &Context<'_>) -> Result<Decision<Ended>, Fault> {
///         let active = Key::Active(self.0);
///         Ok(match facts.rows([&active]) {
///             None => Decision::Read(vec![active]),
///             Some([None]) => Decision::Done(Ended::AlreadyGone),
///             Some([Some(_)]) => Decision::Commit(Writes::new().delete(active), Ended::Ended),
///         })
///     }
///
///     fn audit(&self, _: &Ended) -> (EventResult, Subject) {
///         (EventResult::Success, Subject { account: Some(self.0), ..Subject::default() })
///     }
/// }
///
/// // Driven by hand: it asks for one row, hears that there is none, and is done.
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// # let (seed, now) = (Seed::from_bytes([2; 32]), Timestamp::from_millis(0));
/// let mut machine = Machine::new(Disable(AccountId::from_bytes([1; 16])), environment, seed);
/// let Need::Read(ticket, [Key::Active(_)]) = machine.poll(now) else { unreachable!() };
/// machine.reply(ticket, Reply::Rows(vec![None]))?;
/// let Need::Done(outcome, event) = machine.poll(now) else { unreachable!() };
/// assert_eq!((outcome?, event.operation), (Ended::AlreadyGone, "disable"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Decide {
    /// What it comes to, refusals included.
    type Outcome;

    /// Its name in events.
    fn name(&self) -> &'static str;

    /// The one thing to do next, given what is known.
    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault>;

    /// What the audit trail says of this outcome.
    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject);

    /// What the audit trail says of an operation that could not decide.
    fn subject(&self) -> Subject {
        Subject::default()
    }

    /// What its source is charged before it begins. A driver that slows by source asks
    /// [`SourceBuckets`](crate::model::source::SourceBuckets), and if that is throttled makes a
    /// [`Machine::turned_away`](super::Machine::turned_away) instead of a new one. Without it: nothing.
    fn toll(&self) -> Option<Toll> {
        None
    }

    /// What it comes to when its source has nothing left before `until`: alike whatever the store holds. Without it:
    /// [`Fault::Busy`].
    fn turned_away(&self, _until: Timestamp) -> Result<Self::Outcome, Fault> {
        Err(Fault::Busy)
    }

    /// Whether the charge stays, now that this came of it. The driver gives it back otherwise, and after a fault.
    /// Without it: it stays.
    fn is_due(&self, _outcome: &Self::Outcome) -> bool {
        true
    }

    /// Whether this outcome says that something is over, whoever has ended it: what its driver remembers of the store from
    /// before it was said may not know. Without it: no.
    fn says_over(&self, _outcome: &Self::Outcome) -> bool {
        false
    }

    /// The outcome, given out so long after it was decided, because its commit took so long. Without it: the same.
    fn given_out(&self, outcome: Self::Outcome, _after: Duration) -> Self::Outcome {
        outcome
    }
}

/// What an operation wants next.
///
/// # Example: look, then settle
/// ```
/// # use doorward_core::{facts::Facts, machine::{Decision, Writes}, operation::logout::Ended, record::Key};
/// fn end(key: Key, facts: &Facts) -> Decision<Ended> {
///     match facts.rows([&key]) {
///         None => Decision::Read(vec![key]), // `end` is called again when the row is known
///         Some([None]) => Decision::Done(Ended::AlreadyGone),
///         Some([Some(_)]) => Decision::Commit(Writes::new().delete(key), Ended::Ended),
///     }
/// }
/// assert!(matches!(end(Key::Keyring, &Facts::default()), Decision::Read(keys) if keys == [Key::Keyring]));
/// ```
#[derive(Debug)]
pub enum Decision<T> {
    /// Rows that are not known yet.
    Read(Vec<Key>),
    /// A page of rows. Never a precondition, and not of the snapshot that rows come from.
    Scan(Range),
    /// Slow work.
    Work(Work),
    /// Make these writes durable, then release the outcome.
    Commit(Writes, T),
    /// Release the outcome; these writes are welcome but settle nothing.
    Offer(Writes, T),
    /// Release the outcome.
    Done(T),
}

impl<T> Decision<T> {
    /// Release the outcome, after what must be written down before it is said, if anything.
    pub(crate) fn after(writes: Option<Writes>, outcome: T) -> Self {
        match writes {
            Some(writes) => Self::Commit(writes, outcome),
            None => Self::Done(outcome),
        }
    }
}

/// What an operation may look at besides facts.
///
/// # Example: time and fresh bytes, from nowhere but here
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::{error::Fault, event::{EventResult, Subject}, facts::Facts, policy::Policy, time::Timestamp};
/// # use doorward_core::machine::{Context, Decide, Decision, Environment, Machine, Need};
/// # use doorward_core::secret::{MasterKey, MasterKeys, Seed};
/// # struct Mint;
/// # impl Decide for Mint {
/// #     type Outcome = (Timestamp, [u8; 16]);
/// #     fn name(&self) -> &'static str { "mint" }
/// #     fn audit(&self, _: &Self::Outcome) -> (EventResult, Subject) { (EventResult::Success, Subject::default()) }
/// fn decide(&self, _: &Facts, cx: &Context<'_>) -> Result<Decision<(Timestamp, [u8; 16])>, Fault> {
///     Ok(Decision::Done((cx.now, cx.bytes("salt"))))
/// }
/// # }
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// # let now = Timestamp::from_millis(5);
///
/// let seed = Seed::from_bytes([2; 32]);
/// let mut machine = Machine::new(Mint, environment, seed.clone());
/// let Need::Done(outcome, _) = machine.poll(now) else { unreachable!() };
/// assert_eq!(outcome?, (now, seed.bytes("salt"))); // the same in every run: a replay is exact
/// # Ok::<(), Fault>(())
/// ```
#[derive(Debug)]
pub struct Context<'a> {
    /// The time of this poll; never earlier than at a poll before.
    pub now: Timestamp,
    /// The policy in force.
    pub policy: &'a Policy,
    /// The master keys.
    pub keys: &'a MasterKeys,
    /// Whether a conflict now would be the last: an operation that can do with fewer preconditions does so.
    pub is_last_attempt: bool,
    pub(super) seed: &'a Seed,
}

impl Context<'_> {
    /// The same, by a clock that no instance's is behind, nor will be when it is set back across a restart, which begins no
    /// earlier than at the store's mark: what is over by this one is over for everybody.
    pub(crate) fn furthest_behind(&self, mark: Timestamp) -> Self {
        let restarted = self.now.saturating_sub(self.policy.restart_sets_back()).min(mark);
        Self { now: restarted.saturating_sub(self.policy.max_skew() * 2), ..*self }
    }

    /// Fresh random bytes for this label: the same in every attempt of one operation.
    pub fn bytes<const N: usize>(&self, label: &str) -> [u8; N] {
        self.seed.bytes(label)
    }
}

/// What all operations of an engine share.
///
/// # Example: made once, shared by every operation
/// ```
/// use std::sync::Arc;
/// use doorward_core::machine::{Environment, Machine};
/// use doorward_core::operation::{authenticate::Authenticate, logout::Logout};
/// # use doorward_core::{policy::Policy, secret::{MasterKey, MasterKeys, Seed}};
///
/// let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// let one = Machine::new(Authenticate::new("dws_…"), Arc::clone(&environment), Seed::from_bytes([2; 32]));
/// let other = Machine::new(Logout::new("dws_…"), Arc::clone(&environment), Seed::from_bytes([3; 32]));
/// assert!(!one.is_done() && !other.is_done()); // each waits for its first poll
/// ```
#[derive(Debug)]
pub struct Environment {
    /// The policy in force.
    pub policy: Policy,
    /// The master keys.
    pub keys: MasterKeys,
}
