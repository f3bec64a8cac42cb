//! What happens in a case, move by move. Moves name operations, and the tokens they gave, by a number of the operation's
//! own: a plan from which moves are taken away is a plan again, and the moves that are left mean what they meant.
//! That is how a counterexample is made small.

use std::num::NonZeroU32;

use doorward_core::model::session::{SessionCap, WhenFull};

use crate::action::{AccessPick, Action};
use crate::rng::Rng;

/// How many engines work on the one store.
pub const ENGINES: u8 = 2;
/// How many operations are under way at once, at most: when one more starts, the oldest is brought to its end.
pub const CROWD: u32 = 8;
/// A backup of a town without people is worth little: not before this operation.
const SETTLED: u32 = 60;

/// The moves of a case, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Under which rules.
    pub house: House,
    /// What happens.
    pub moves: Vec<Move>,
}

/// What a host chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct House {
    /// How many sessions an account may have: one or two; without it, any number.
    pub cap: Option<SessionCap>,
    /// Whether passwords are peppered: each engine with a pepper of its own, and accepting the other's.
    pub peppers: bool,
    /// Whether access tokens are signed with a shared secret (HS256), and not with `EdDSA`.
    pub shared_secret: bool,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A client asks an engine for something.
    Start {
        /// Which engine.
        engine: u8,
        /// The operation's own number.
        label: u32,
        /// What for.
        action: Action,
        /// What the operation's seed is made of.
        seed: u64,
    },
    /// An operation under way gets one need carried out.
    Step {
        /// Whose; without effect when it is not under way.
        label: u32,
        /// How that goes.
        luck: Luck,
    },
    /// A batch whose sender was told "unknown" lands after all.
    Land {
        /// Whose; without effect when it has none in flight.
        label: u32,
    },
    /// A batch in flight is lost for good.
    Lose {
        /// Whose; without effect when it has none in flight.
        label: u32,
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
    /// A service that watches the journal is shown an access token.
    Look {
        /// The number of the operation that would start next.
        label: u32,
        /// Which one.
        token: AccessPick,
        /// Rather one that a restored backup does not know.
        stray: bool,
    },
    /// A verification under way is answered by the store.
    LookOn {
        /// The last that began by then; without effect when none is under way.
        label: u32,
        /// How that goes.
        line: Line,
    },
    /// A backup is made, in the place of the one before.
    BackUp,
    /// Everything stops, and the backup is restored; without effect when there is none.
    Restore {
        /// Whether the service that watches goes on meanwhile.
        watcher_lives: bool,
    },
}

/// How an answer of the store comes to who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// At once.
    Good,
    /// When it is asked for once more.
    Late,
    /// Not at all.
    Dead,
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
        let mut label = 0;
        while started < operations {
            let one = Move::draw(rng, label);
            if matches!(one, Move::Start { .. }) {
                started += 1;
                label += 1;
            }
            moves.push(one);
        }
        Self { house: House::draw(&mut Rng::new(!seed)), moves }
    }

    /// The plan that these bytes choose, move by move, so that a fuzzer can change one.
    ///
    /// # Example: one more byte, the same beginning
    /// ```
    /// use doorward_fuzz::plan::Plan;
    ///
    /// let (plan, longer) = (Plan::from_bytes(b"from a fuzzer"), Plan::from_bytes(b"from a fuzzer, longer"));
    /// let most = plan.moves.len() - 1; // the last had too few bytes for all of its choices
    /// assert_eq!(plan.moves[..most], longer.moves[..most]);
    /// assert!(longer.moves.len() > plan.moves.len());
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let rng = &mut Rng::of_bytes(bytes);
        let house = House::draw(rng);
        let mut moves = Vec::new();
        let mut label = 0;
        while !rng.is_used_up() {
            let one = Move::draw(rng, label);
            label += u32::from(matches!(one, Move::Start { .. }));
            moves.push(one);
        }
        Self { house, moves }
    }

    /// The moves up to this one, which is the last.
    #[must_use]
    pub fn up_to(&self, last: usize) -> Self {
        let moves = self.moves.iter().take(last.saturating_add(1)).copied().collect();
        Self { house: self.house, moves }
    }

    /// How many operations it starts.
    pub fn operations(&self) -> usize {
        self.moves.iter().filter(|one| matches!(one, Move::Start { .. })).count()
    }
}

impl House {
    fn draw(rng: &mut Rng) -> Self {
        let choices = [(2, None), (1, Some(WhenFull::EndOldest)), (1, Some(WhenFull::Refuse))];
        let most = NonZeroU32::MIN.saturating_add(rng.below(2));
        let when_full = rng.weighted(&choices).flatten();
        let cap = when_full.map(|when_full| SessionCap { most, when_full });
        Self { cap, peppers: rng.in_thousand(500), shared_secret: rng.in_thousand(500) }
    }
}

impl Move {
    /// The operations before `next` are there to be named.
    fn draw(rng: &mut Rng, next: u32) -> Self {
        let engine = rng.byte() % ENGINES;
        let noise = rng.byte();
        let label = next.saturating_sub(1 + rng.below(CROWD));
        match rng.below(1000) {
            0..180 => Self::Start { engine, label: next, action: Action::draw(rng, next), seed: rng.next() },
            180..840 => Self::Step { label, luck: Luck::draw(rng) },
            840..852 => Self::Look {
                label: next,
                token: AccessPick::draw(rng, next).or_latest(noise.is_multiple_of(2), next),
                stray: rng.in_thousand(250),
            },
            852..880 => Self::LookOn {
                label: next.saturating_sub(rng.below(CROWD)),
                line: rng
                    .weighted(&[(8, Line::Good), (3, Line::Late), (1, Line::Dead)])
                    .unwrap_or(Line::Good),
            },
            880..910 => Self::Land { label: next.saturating_sub(1 + rng.below(4 * CROWD)) },
            910..916 => Self::Lose { label },
            916..924 => Self::Skew { engine, millis: i16::from(noise) * 7 - 893 },
            924..926 => Self::StepBack {
                millis: span(rng) + if rng.in_thousand(400) { 4000 + 60 * u32::from(noise) } else { 0 },
            },
            926..930 => Self::Restart { engine },
            930..932 => Self::PowerCut,
            932..936 => Self::Purge { engine, limit: noise },
            936 => Self::Sweep,
            937 => match rng.below(8) {
                0..4 if next > SETTLED => Self::BackUp,
                4..6 => Self::Restore { watcher_lives: noise.is_multiple_of(2) },
                _ => Self::Sweep,
            },
            _ => Self::Advance { millis: span(rng) },
        }
    }
}

/// From a millisecond to a minute, the short ones far more often.
fn span(rng: &mut Rng) -> u32 {
    let magnitude = 1 << rng.below(12);
    let long = if rng.in_thousand(20) { 32 } else { 1 };
    (1 + rng.below(magnitude)) * long
}

impl Luck {
    fn draw(rng: &mut Rng) -> Self {
        let choices = [
            (700, Self::Good),
            (35, Self::Retryable),
            (35, Self::Fatal),
            (60, Self::UnknownApplied),
            (35, Self::UnknownLost),
            (75, Self::UnknownInFlight),
            (30, Self::Misfit),
            (30, Self::ReplyLost),
        ];
        rng.weighted(&choices).unwrap_or(Self::Good)
    }
}
