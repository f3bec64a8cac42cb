//! Writing down how late it is, for the next one who opens the store.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::clock::{ClockError, ClockRecord};
use crate::planted::Planted;
use crate::record::{Key, Row};

/// Raises the store's clock mark to the present, as seldom as a touch; never lowers it. Its outcome is whether the clock
/// can be right: maintenance runs it first, and purges nothing on the word of one that cannot.
///
/// # Example: a clock that has jumped
/// ```
/// use core::time::Duration;
/// use doorward_core::model::clock::ClockError;
/// use doorward_core::operation::tick::Tick;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
///
/// engine.now = engine.now.saturating_add(Duration::from_hours(24));
/// engine.run(Tick::new())??;
/// engine.now = engine.now.saturating_add(Duration::from_hours(31 * 24));
/// let refused = engine.run(Tick::new())?;
/// assert!(matches!(refused, Err(ClockError::Jumped { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Tick {}

impl Tick {
    /// The operation.
    pub fn new() -> Self {
        Self {}
    }
}

impl Decide for Tick {
    type Outcome = Result<(), ClockError>;

    fn name(&self) -> &'static str {
        "tick"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let Some([clock]) = facts.rows([&Key::Clock]) else {
            return Ok(Decision::Read(vec![Key::Clock]));
        };
        let put = |record: ClockRecord| Writes::new().put(Key::Clock, None, None, record);
        let Some(seen) = clock.map(Row::clock).transpose()? else {
            return Ok(Decision::Commit(put(ClockRecord::at(cx.now)), Ok(())));
        };
        // The mark may be another instance's, whose clock may be ahead of this one's.
        let most = cx.policy.max_clock_regression().saturating_add(cx.policy.max_skew());
        let verdict = seen.check_behind(cx.now, most).and(seen.check_jump(cx.now, cx.policy));
        if cx.policy.has(Planted::MarkIsLowered) && cx.now < seen.highest {
            return Ok(Decision::Commit(put(ClockRecord::at(cx.now)), verdict));
        }
        Ok(if seen.is_due(cx.now, cx.policy) {
            Decision::Commit(put(seen.raised(cx.now, cx.policy)), verdict)
        } else {
            Decision::Done(verdict)
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(()) => EventResult::Success,
            Err(error) => EventResult::Failed(Fault::from(*error).word()),
        };
        (result, Subject::default())
    }
}
