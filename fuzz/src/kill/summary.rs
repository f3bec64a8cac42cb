//! What a rig has done so far, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Counts of a rig that kills.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// Kills whose store was looked at.
    pub kills: u64,
    /// How many of them came before the victim had its engine open.
    pub early: u64,
    /// Further kills, of those who opened what a kill had left.
    pub recoveries: u64,
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// Operations that a fault ended, which said that nothing was done, and was right.
    pub refused: u64,
    /// Operations under way at a kill that are there.
    pub landed: u64,
    /// Those that are not.
    pub lost: u64,
    /// Entries of the journal that were expected, and found.
    pub endings: u64,
    /// Tokens that were tried, live ones and dead ones.
    pub tokens: u64,
    /// Of each operation, how many were begun.
    pub begun: BTreeMap<&'static str, u64>,
    /// The longest opening.
    pub slowest: Duration,
    wanted: u64,
    started: Instant,
}

impl Summary {
    pub(super) fn new(wanted: u64) -> Self {
        Self {
            kills: 0,
            early: 0,
            recoveries: 0,
            acknowledged: 0,
            refused: 0,
            landed: 0,
            lost: 0,
            endings: 0,
            tokens: 0,
            begun: BTreeMap::new(),
            slowest: Duration::ZERO,
            wanted,
            started: Instant::now(),
        }
    }

    /// One line: how far it is, how fast, and how long it will take.
    #[allow(clippy::cast_precision_loss, reason = "for people, who read three digits of it")]
    pub fn progress(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.kills as f64 / seconds;
        let left = self.wanted.saturating_sub(self.kills) as f64 / rate;
        format!(
            "{} of {} kills, {} operations acknowledged, {rate:.1} kills a second, {left:.0} s to go",
            self.kills, self.wanted, self.acknowledged
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.started.elapsed().as_secs_f64();
        writeln!(f, "{} kills in {seconds:.1} s, nothing lost", self.kills)?;
        writeln!(f, "  {:>9} came before the engine was open", self.early)?;
        writeln!(f, "  {:>9} more hit who recovered from one", self.recoveries)?;
        writeln!(f, "  {:>9} operations acknowledged", self.acknowledged)?;
        let under_way = self.landed + self.lost;
        writeln!(f, "  {under_way:>9} under way: {} whole, {} not at all", self.landed, self.lost)?;
        writeln!(f, "  {:>9} endings in the journal", self.endings)?;
        writeln!(f, "  {:>9} tokens tried", self.tokens)?;
        writeln!(f, "  {:>9} ms the slowest opening", self.slowest.as_millis())?;
        let begun: Vec<String> = self.begun.iter().map(|(word, count)| format!("{count} {word}")).collect();
        write!(f, "  begun: {}", begun.join(", "))
    }
}
