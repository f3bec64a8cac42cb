//! Taking the clock's word against the store's: the explicit override of a refused clock.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::clock::ClockRecord;
use crate::planted::Planted;
use crate::record::{Key, RecordError, Row};
use crate::store::Ending;
use crate::time::Timestamp;

/// Sets the store's clock mark to the present, where that would be refused otherwise; else it changes nothing, so that
/// a host may always run it at open.
///
/// A mark that is lowered means that times were written that have not come yet, and that what was over by them would
/// live again: all sessions of the store are ended in the same commit (INV 19, 20). Waits that guesses brought on names
/// in that time last as they were announced; [`Unlock`](super::unlock::Unlock) lifts them.
///
/// # Example: the clock was a year ahead, and is right now
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::open::Open;
/// use doorward_core::operation::trust_clock::TrustClock;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.now = engine.now.saturating_sub(Duration::from_hours(365 * 24));
/// assert!(engine.run(Open::new()).is_err());
///
/// engine.run(Open::new().trusting_the_clock())?;
/// assert!(engine.run(TrustClock::new())?.ended_everything);
/// assert!(engine.run(Authenticate::new(token))?.is_err()); // of a time that has not come yet
/// assert!(engine.run(Open::new()).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TrustClock {}

impl TrustClock {
    /// The operation.
    pub fn new() -> Self {
        Self {}
    }
}

/// What is true once the clock is trusted.
///
/// # Example: a clock that nobody doubted
/// ```
/// use doorward_core::operation::trust_clock::{TrustClock, Trusted};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
///
/// let trusted = engine.run(TrustClock::new())?;
/// assert_eq!(trusted, Trusted { mark: engine.now, ended_everything: false });
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trusted {
    /// The mark that stands: a driver's time must never be earlier.
    pub mark: Timestamp,
    /// Whether the mark was lowered, and all sessions are over.
    pub ended_everything: bool,
}

impl Decide for TrustClock {
    type Outcome = Trusted;

    fn name(&self) -> &'static str {
        "trust_clock"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Trusted>, Fault> {
        let Some([keyring, clock]) = facts.rows([&Key::Keyring, &Key::Clock]) else {
            return Ok(Decision::Read(vec![Key::Keyring, Key::Clock]));
        };
        keyring.ok_or(RecordError::NoKeyring)?;
        let at = |mark| Writes::new().put(Key::Clock, None, None, ClockRecord::at(mark));
        let trusted = |mark, ended_everything| Trusted { mark, ended_everything };
        let seen = clock.map(Row::clock).transpose()?;
        Ok(match seen {
            Some(seen) if seen.check_behind(cx.now, cx.policy.max_clock_regression()).is_err() => {
                // What was granted last was granted at the mark, or later by what a restart may have set back.
                let until = cx.policy.floor_dies_at(seen.highest);
                let ending = Ending::Epoch { key: Key::Keyring, until };
                let spares_all = cx.policy.has(Planted::TrustSparesAll);
                let writes = if spares_all { at(cx.now) } else { at(cx.now).raise(Key::Keyring) };
                Decision::Commit(writes.journal(ending), trusted(cx.now, true))
            }
            Some(seen) if seen.check_jump(cx.now, cx.policy).is_ok() => {
                Decision::Done(trusted(seen.highest, false))
            }
            // A clock that is a little behind the mark lowers it no more here than at any open.
            Some(_) | None => {
                let mark = seen.map_or(cx.now, |seen| seen.highest.max(cx.now));
                Decision::Commit(at(mark), trusted(mark, false))
            }
        })
    }

    fn audit(&self, _: &Trusted) -> (EventResult, Subject) {
        (EventResult::Success, Subject::default())
    }
}
