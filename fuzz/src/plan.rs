//! What happens in a case, move by move. Each move stands for itself, so that a plan from which moves are taken away is a
//! plan again: that is how a counterexample is made small.

use crate::action::Action;
use crate::rng::Rng;

/// How many engines work on the one store.
pub const ENGINES: u8 = 2;

/// The moves of a case, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What happens.
    pub moves: Vec<Move>,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A client asks an engine for something.
    Start {
        /// Which engine.
        engine: u8,
        /// What for.
        action: Action,
        /// What the operation's seed is made of.
        seed: u64,
    },
    /// An operation under way gets one need carried out.
    Step {
        /// Which one, among those under way.
        pick: u8,
        /// How that goes.
        luck: Luck,
    },
    /// A batch whose sender was told "unknown" lands after all.
    Land {
        /// Which one, among those in flight.
        pick: u8,
    },
    /// A batch in flight is lost for good.
    Lose {
        /// Which one, among those in flight.
        pick: u8,
    },
    /// Time passes, for all.
    Advance {
        /// Milliseconds.
        millis: u32,
    },
    /// The time source is set back, for all.
    StepBack {
        /// Milliseconds.
        millis: u32,
    },
    /// An engine's clock is set against the true time, within half of the declared skew.
    Skew {
        /// Which engine.
        engine: u8,
        /// Milliseconds, ahead when positive.
        millis: i16,
    },
    /// An engine's process ends and begins again: what it had under way is gone, and so is the highest time it saw.
    Restart {
        /// Which engine.
        engine: u8,
    },
    /// Everything stops, and what was committed without a barrier is undone.
    PowerCut,
    /// An engine purges.
    Purge {
        /// Which engine.
        engine: u8,
        /// How many rows at most.
        limit: u8,
    },
    /// Every token that was ever given out is tried at both engines.
    Sweep,
}

/// How one need goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// As it should.
    Good,
    /// The store is busy, or there is no room to hash.
    Retryable,
    /// The store fails, and nothing was applied.
    Fatal,
    /// The answer is lost; the batch was applied.
    UnknownApplied,
    /// The answer is lost, and so is the batch.
    UnknownLost,
    /// The answer is lost; the batch stays on its way.
    UnknownInFlight,
    /// A late, a doubled and an ill-formed reply come before the right one.
    Misfit,
    /// If this ends the operation, its reply never reaches the client.
    ReplyLost,
}

impl Plan {
    /// The plan of this seed with so many operations.
    ///
    /// # Example: the same seed, the same plan
    /// ```
    /// use doorward_fuzz::plan::Plan;
    ///
    /// let plan = Plan::from_seed(7, 100);
    /// assert_eq!(plan, Plan::from_seed(7, 100));
    /// assert_ne!(plan, Plan::from_seed(8, 100));
    /// assert_eq!(plan.operations(), 100);
    /// ```
    pub fn from_seed(seed: u64, operations: usize) -> Self {
        let rng = &mut Rng::new(seed);
        let mut moves = Vec::with_capacity(operations * 5);
        let mut started = 0;
        while started < operations {
            let one = Move::draw(rng);
            started += usize::from(matches!(one, Move::Start { .. }));
            moves.push(one);
        }
        Self { moves }
    }

    /// How many operations it starts.
    pub fn operations(&self) -> usize {
        self.moves.iter().filter(|one| matches!(one, Move::Start { .. })).count()
    }
}

impl Move {
    fn draw(rng: &mut Rng) -> Self {
        let engine = rng.byte() % ENGINES;
        let pick = rng.byte();
        match rng.below(1000) {
            0..250 => Self::Start { engine, action: Action::draw(rng), seed: rng.next() },
            250..840 => Self::Step { pick, luck: Luck::draw(rng) },
            840..880 => Self::Land { pick },
            880..890 => Self::Lose { pick },
            890..900 => Self::Skew { engine, millis: i16::from(pick) * 7 - 893 },
            900..903 => Self::StepBack { millis: span(rng) },
            903..906 => Self::Restart { engine },
            906..908 => Self::PowerCut,
            908..914 => Self::Purge { engine, limit: pick },
            914..916 => Self::Sweep,
            _ => Self::Advance { millis: span(rng) },
        }
    }
}

/// From a millisecond to about two minutes, the short ones far more often.
fn span(rng: &mut Rng) -> u32 {
    let magnitude = 1 << rng.below(12);
    let long = if rng.in_thousand(20) { 32 } else { 1 };
    (1 + rng.below(magnitude)) * long
}

impl Luck {
    fn draw(rng: &mut Rng) -> Self {
        let choices = [
            (740, Self::Good),
            (30, Self::Retryable),
            (30, Self::Fatal),
            (50, Self::UnknownApplied),
            (30, Self::UnknownLost),
            (60, Self::UnknownInFlight),
            (30, Self::Misfit),
            (30, Self::ReplyLost),
        ];
        rng.weighted(&choices).unwrap_or(Self::Good)
    }
}
