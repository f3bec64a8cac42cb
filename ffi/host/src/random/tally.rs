//! What came of the calls, function by function.

use std::collections::BTreeMap;
use std::fmt;

/// How often each function was called, and what it answered.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<&'static str, Count>);

/// What one function answered.
#[derive(Debug, Clone, Default)]
pub struct Count {
    /// How often it was called.
    pub calls: u64,
    /// How often it did what was asked: `DW_OK`; of one without a status, with something that was there.
    pub done: u64,
    /// What else it answered, and how often.
    pub refused: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn called(&mut self, function: &'static str, refused: Option<&str>) {
        let count = self.0.entry(function).or_default();
        count.calls += 1;
        match refused {
            None => count.done += 1,
            Some(status) => *count.refused.entry(status.to_owned()).or_default() += 1,
        }
    }

    /// Adds what came of another case.
    pub fn add(&mut self, other: Self) {
        for (function, more) in other.0 {
            let count = self.0.entry(function).or_default();
            count.calls += more.calls;
            count.done += more.done;
            for (status, often) in more.refused {
                *count.refused.entry(status).or_default() += often;
            }
        }
    }

    /// All calls.
    pub fn calls(&self) -> u64 {
        self.0.values().map(|count| count.calls).sum()
    }

    /// All that did what was asked.
    pub fn done(&self) -> u64 {
        self.0.values().map(|count| count.done).sum()
    }

    /// Every function that was called.
    pub fn functions(&self) -> impl Iterator<Item = (&'static str, &Count)> {
        self.0.iter().map(|(function, count)| (*function, count))
    }

    /// Whatever never did what was asked: nothing behind its first lines was looked at.
    pub fn never_done(&self) -> Vec<&'static str> {
        self.functions().filter(|(_, count)| count.done == 0).map(|(function, _)| function).collect()
    }
}

/// A line for each function: calls, how many were done, and the three most frequent refusals.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<30} {:>9} {:>9}  refused", "function", "calls", "DW_OK")?;
        for (function, count) in self.functions() {
            let mut refused: Vec<_> = count.refused.iter().collect();
            refused.sort_by_key(|(_, often)| std::cmp::Reverse(**often));
            let most = refused.iter().take(3).map(|(status, often)| format!("{status} {often}"));
            let most = most.collect::<Vec<_>>().join(", ");
            writeln!(f, "{function:<30} {:>9} {:>9}  {most}", count.calls, count.done)?;
        }
        Ok(())
    }
}
