//! Our operations next to what others build on, by turns; and what they cost from other languages.
//!
//! What others are is in `benches/peers`, pinned: a workspace of its own (`sqlx` links another SQLite than ours), scripts for Node
//! and for Python. They and what they need are built below `target/peers`, from the registries. Each works in a process of its own.

use std::time::Duration;

use tempfile::TempDir;

use crate::Failure;
use crate::answering::Answering;
use crate::duel::{Bound, Contender, Outcome, Samples, by_turns};

pub use all::ALL;
pub use home::Home;

mod all;
mod home;

/// One of our operations, and what others have in its place.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Our work, on which store and in which mode.
    pub what: &'static str,
    /// The other's.
    pub theirs: &'static str,
    /// What is not alike.
    pub note: &'static str,
    /// What we have set ourselves, in terms of the other.
    pub bound: Option<Bound>,
    /// Why it is not kept, where it is not.
    pub why: &'static str,
    ours: Side,
    other: Side,
}

/// Who does some work.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// This process.
    Here(fn() -> Result<Contender, Failure>),
    /// One of its own, of these arguments.
    There(Language, &'static [&'static str]),
}

/// What a process is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    C,
    Rust,
    Node,
    Python,
}

impl Peer {
    /// So many rounds, in each of which both work for about this time, ours first in every other one.
    ///
    /// # Errors
    /// One of both is not built, or failed.
    pub fn meet(&self, home: &Home, rounds: usize, time: Duration) -> Result<Outcome, Failure> {
        let mut ours = Worker::begin(self.ours, home, time)?;
        let mut other = Worker::begin(self.other, home, time)?;
        let mut samples = Samples::default();
        // The first round warms up.
        for round in 0..=rounds {
            let (mine, theirs) =
                by_turns(round, |is_ours| if is_ours { ours.nanos() } else { other.nanos() })?;
            if round > 0 {
                samples.add(mine, theirs);
            }
        }
        samples.outcome()
    }
}

/// A side that has begun.
enum Worker {
    /// It does so many at a time.
    Here(Contender, usize),
    /// It is asked with this line; its files are removed with it.
    There { process: Answering, line: String, _folder: TempDir },
}

impl Worker {
    fn begin(side: Side, home: &Home, time: Duration) -> Result<Self, Failure> {
        match side {
            Side::Here(prepare) => {
                let mut contender = prepare()?;
                let count = contender.count_in(time)?;
                Ok(Self::Here(contender, count))
            }
            Side::There(language, work) => {
                let folder = tempfile::tempdir()?;
                let mut process = Answering::begin(&mut home.command(language, work, &folder))?;
                process.wait_until_ready()?;
                Ok(Self::There { process, line: time.as_millis().to_string(), _folder: folder })
            }
        }
    }

    /// What one takes now.
    fn nanos(&mut self) -> Result<f64, Failure> {
        match self {
            Self::Here(contender, count) => contender.nanos(*count),
            Self::There { process, line, .. } => Ok(process.ask(line)? * 1e3),
        }
    }
}
