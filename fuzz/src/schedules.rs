//! Every schedule of two or three operations on one account, with at most one fault, held against the model.
//!
//! A schedule is a set-up, which is always the same, and then calls of the store, one after the other, each by one of the
//! actors: an actor's next call, whichever it then is, is one way to go on. What can go wrong is another way, once:
//!
//! | at | what |
//! |---|---|
//! | a read or a scan | it fails, [retryable](crate::plan::Luck::Retryable) or [not](crate::plan::Luck::Fatal) |
//! | a commit | the same; its answer is lost, and it was applied, or lost, or lands at a later point; its sender crashes meanwhile; its reply reaches nobody |
//! | any point | an engine's process ends and begins again |
//!
//! Depth first goes through all of them; each is run from the set-up again, until it comes to a moment that is in all things
//! like one from which everything that can follow has been gone through. Time stands still, and processes are two.
//! Left out is what is another schedule in disguise:
//!
//! | twin | of |
//! |---|---|
//! | two looks of two actors in a row, the later actor's first | the other order: a look changes nothing that another could see. But not when one brings an answer and the other is its actor's first call: who was answered before another began was before it |
//! | a crash that does not directly follow a call of its engine | the one that does: nothing of the engine happened in between |
//! | a batch whose answer is lost, and which is then applied in vain, at once or late | the batch that is lost |
//! | a batch that lands before anything else has happened | the batch that was applied at once |
//! | a reply that is lost at a commit which brings none, for it met a conflict | the commit |
//!
//! For the first two: take of all the orders that differ by exchanging such neighbours the one that comes first when crashes
//! come before calls, and calls in the order of their actors. It has no such neighbours in the wrong order, and is gone through.

use std::collections::BTreeSet;

use doorward_core::policy::PolicyBuilder;

pub use actors::{ACTORS, Actor, Part};
pub use sets::{Set, Size};

use crate::violation::Violation;
use crate::world::World;
use choices::Choices;
use run::{Ended, Schedule};

mod actors;
mod choices;
mod run;
mod sets;

/// What may go wrong in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// One thing, or nothing.
    One,
}

/// A world in which schedules are tried: it is of one thread.
///
/// # Example: two logouts of one session
/// ```
/// use doorward_fuzz::schedules::{Faults, Search, Size};
///
/// let pairs = Size::Pairs.sets();
/// let logouts = pairs.iter().find(|pair| pair.to_string() == "logout | logout").unwrap();
/// let search = Search::new(|policy| policy)?;
/// assert_eq!(search.every(logouts, Faults::None)?.schedules, 4);
/// # Ok::<(), doorward_fuzz::schedules::Found>(())
/// ```
#[derive(Debug)]
pub struct Search {
    world: World,
    reduces: bool,
    merges: bool,
}

/// What was gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Schedules, each unlike all others.
    pub schedules: u64,
    /// How many of them were run to their end. The others came to a moment that one of these had come to: what can follow had
    /// been gone through from there.
    pub runs: u64,
    /// Runs that turned out to be of a schedule in disguise.
    pub twins: u64,
}

/// A violation, and in which schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{set}: {violation}")]
pub struct Found {
    /// Who took part.
    pub set: String,
    /// What.
    pub violation: Violation,
    /// The schedule.
    pub choices: Vec<usize>,
    /// The same, in words.
    pub story: Vec<String>,
}

impl Search {
    /// With a change to the policy of both engines: a planted bug.
    ///
    /// # Errors
    /// The set-up alone breaks an invariant.
    pub fn new(change: impl Fn(PolicyBuilder) -> PolicyBuilder + 'static) -> Result<Self, Found> {
        let world = World::new().with(change).set_up(&actors::set_up());
        let world = world.map_err(|violation| Found {
            set: "the set-up".to_owned(),
            violation,
            choices: Vec::new(),
            story: Vec::new(),
        })?;
        Ok(Self { world, reduces: true, merges: true })
    }

    /// The same, going through twins of looks, too.
    #[must_use]
    pub fn with_twins(self) -> Self {
        Self { reduces: false, ..self }
    }

    /// The same, running each schedule to its end.
    #[must_use]
    pub fn to_each_end(self) -> Self {
        Self { merges: false, ..self }
    }

    /// Goes through every schedule of these actors.
    ///
    /// # Errors
    /// The first violation, without a fault if there is one without.
    pub fn every(&self, set: &Set, faults: Faults) -> Result<Counted, Found> {
        let found = match self.each(set, faults, |_| {}) {
            Err(found) if faults == Faults::One => {
                self.each(set, Faults::None, |_| {}).err().unwrap_or(found)
            }
            counted => return counted,
        };
        Err(found)
    }

    /// In what different ways they end: rows and answers.
    ///
    /// # Errors
    /// As [`Search::every`].
    pub fn outcomes(&self, set: &Set, faults: Faults) -> Result<(BTreeSet<String>, Counted), Found> {
        let mut outcomes = BTreeSet::new();
        let counted = self.each(set, faults, |schedule| _ = outcomes.insert(schedule.outcome()))?;
        Ok((outcomes, counted))
    }

    /// Runs the schedule of these choices; gives it in words.
    ///
    /// # Errors
    /// What it finds. `None`: the choices are of no schedule of this set.
    pub fn replay(&self, set: &Set, faults: Faults, choices: &[usize]) -> Result<Option<Vec<String>>, Found> {
        let mut choices = Choices::given(choices);
        let mut schedule = self.schedule(set, faults, &mut choices)?;
        schedule.story = Some(Vec::new());
        let ended = schedule.run(true);
        let story = schedule.story.take().unwrap_or_default();
        match ended {
            Ended::Right | Ended::Twin => Ok(Some(story)),
            Ended::Known(_) | Ended::Lost => Ok(None),
            Ended::Wrong(violation) => {
                Err(Found { set: set.to_string(), violation, choices: choices.taken(), story })
            }
        }
    }

    fn each(&self, set: &Set, faults: Faults, mut seen: impl FnMut(&Schedule<'_>)) -> Result<Counted, Found> {
        let mut choices = if self.merges { Choices::merging() } else { Choices::default() };
        let mut counted = Counted::default();
        loop {
            let mut schedule = self.schedule(set, faults, &mut choices)?;
            match schedule.run(counted.schedules == 0) {
                Ended::Right => {
                    seen(&schedule);
                    counted.schedules += 1;
                    counted.runs += 1;
                }
                Ended::Known(follow) => counted.schedules += follow,
                Ended::Twin => counted.twins += 1,
                Ended::Wrong(violation) => return Err(self.found(set, faults, &choices.taken(), violation)),
                Ended::Lost => unreachable!("it gave the choices itself, and a run is the same each time"),
            }
            if !choices.advance(counted.schedules) {
                return Ok(counted);
            }
        }
    }

    fn schedule<'a>(
        &self,
        set: &Set,
        faults: Faults,
        choices: &'a mut Choices,
    ) -> Result<Schedule<'a>, Found> {
        let begun = Schedule::new(&self.world, &set.actors, choices, faults, self.reduces);
        begun.map_err(|violation| Found {
            set: set.to_string(),
            violation,
            choices: Vec::new(),
            story: Vec::new(),
        })
    }

    /// Once more, for its story. Whatever else it finds then was a violation of its being the same each time.
    fn found(&self, set: &Set, faults: Faults, choices: &[usize], violation: Violation) -> Found {
        match self.replay(set, faults, choices) {
            Err(found) if found.violation == violation => found,
            other => Found {
                set: set.to_string(),
                violation: Violation::new(40, format!("{violation}, and then {other:?}")),
                choices: choices.to_vec(),
                story: Vec::new(),
            },
        }
    }
}
