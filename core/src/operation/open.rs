//! Opening a store: its keyring is made, or met and compared, and the clock with what the store has seen.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::clock::ClockRecord;
use crate::model::keyring::KeyringRecord;
use crate::planted::Planted;
use crate::record::{Key, Row};
use crate::time::Timestamp;
use crate::token::ring::{Rotated, Rotation};

/// Makes sure that the store has a keyring, that the given master keys and peppers fit it, and that the clock is not
/// behind what the store has seen ([`ClockError::Behind`](crate::model::clock::ClockError), as a [`Fault`]). Idempotent;
/// engines run it
/// before anything else.
///
/// # Example: a wrong key is found at once
/// ```
/// use doorward_core::error::Fault;
/// use doorward_core::operation::open::Open;
/// use doorward_core::secret::{KeyError, MasterKey, MasterKeys};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # use std::sync::Arc;
/// # use doorward_core::{machine::Environment, policy::Policy};
/// # let mut engine = Engine::opened();
///
/// let keys = MasterKeys::new(MasterKey::new(1, [0xff; 32])); // another key under the known number
/// # engine.environment = Arc::new(Environment { policy: Policy::default(), keys });
/// assert!(matches!(engine.run(Open::new()), Err(Fault::Key(KeyError::Wrong(1)))));
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Open {
    trusts_clock: bool,
}

impl Open {
    /// The operation.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the clock as it is: [`TrustClock`](super::trust_clock::TrustClock) is to follow.
    #[must_use]
    pub fn trusting_the_clock(mut self) -> Self {
        self.trusts_clock = true;
        self
    }
}

/// An open store.
///
/// # Example: a clock that is a little behind
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::open::Open;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
///
/// engine.now = engine.now.saturating_sub(Duration::from_secs(3));
/// let opening = engine.run(Open::new())?;
/// assert_eq!(opening.mark.since(engine.now), Duration::from_secs(3)); // the driver's time begins at the mark
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// What was found.
    pub found: Opened,
    /// The latest time that the store has seen: a driver's time must never be earlier (INV 20).
    pub mark: Timestamp,
}

/// What was found at open.
///
/// # Example: a new store, a known one
/// ```
/// use doorward_core::operation::open::{Open, Opened};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::new();
///
/// assert_eq!(engine.run(Open::new())?.found, Opened::New);
/// assert_eq!(engine.run(Open::new())?.found, Opened::Known);
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The store was empty; it has a keyring now.
    New,
    /// The store knew all the keys and peppers.
    Known,
    /// The store knew some; it knows all of them now.
    KeyAdded,
}

impl Decide for Open {
    type Outcome = Opening;

    fn name(&self) -> &'static str {
        "open"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Opening>, Fault> {
        let Some([keyring_row, clock]) = facts.rows([&Key::Keyring, &Key::Clock]) else {
            return Ok(Decision::Read(vec![Key::Keyring, Key::Clock]));
        };
        let (found, keyring) = match keyring_row {
            None => (Opened::New, Some(KeyringRecord::new(cx.keys, cx.bytes("throttle key")))),
            Some(row) => match row.keyring()?.accepting(cx.keys)? {
                None => (Opened::Known, None),
                Some(grown) => (Opened::KeyAdded, Some(grown)),
            },
        };
        let known = match (&keyring, keyring_row) {
            (Some(record), _) => Some(record),
            (None, Some(row)) => Some(row.keyring()?),
            (None, None) => None,
        };
        let keyring = match known.map(|record| record.rotated(Rotation::WhenDue, cx)).transpose()? {
            Some(Rotated::To(next)) => Some(next),
            Some(Rotated::AsItIs | Rotated::Full) | None => keyring,
        };
        let seen = clock.map(Row::clock).transpose()?;
        let clock = match seen {
            None => Some(ClockRecord::at(cx.now)),
            Some(_) if self.trusts_clock || cx.policy.has(Planted::MarkIgnored) => None,
            Some(seen) => {
                seen.check_behind(cx.now, cx.policy.max_clock_regression())?;
                seen.is_due(cx.now, cx.policy).then(|| seen.raised(cx.now, cx.policy))
            }
        };
        let opening = Opening { found, mark: seen.map_or(cx.now, |seen| seen.highest) };
        let put = |writes: Writes, clock| writes.put(Key::Clock, None, None, clock);
        Ok(match (keyring, clock) {
            // A known store opens on a full disk, too: that it is time for another signing key can wait.
            (Some(record), clock) if found == Opened::Known => {
                let writes = Writes::new().put(Key::Keyring, None, None, record);
                Decision::Offer(clock.into_iter().fold(writes, put), opening)
            }
            (Some(record), clock) => {
                let writes = Writes::new().put(Key::Keyring, None, None, record);
                Decision::Commit(clock.into_iter().fold(writes, put), opening)
            }
            (None, Some(clock)) => Decision::Offer(put(Writes::new(), clock), opening),
            (None, None) => Decision::Done(opening),
        })
    }

    fn audit(&self, _: &Opening) -> (EventResult, Subject) {
        (EventResult::Success, Subject::default())
    }
}
