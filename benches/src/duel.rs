//! Two ways to do the same work, by turns: what one costs in terms of the other.
//!
//! A round is a batch of each, ours first in every other round; its ratio is of two times that lie milliseconds apart, so that
//! what else the machine does hits both alike. What is told is the median of the ratios, with their quartiles.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Failure;
use crate::table::Summary;

/// Somebody who can do the work: so many times.
pub struct Contender {
    /// What it is called in the table.
    pub name: &'static str,
    work: Box<dyn FnMut(usize) -> Result<(), Failure>>,
}

impl Contender {
    /// It does this once; it is told how often it has before.
    pub fn new<T>(name: &'static str, mut once: impl FnMut(usize) -> Result<T, Failure> + 'static) -> Self {
        let mut turn = 0;
        let work = move |count: usize| {
            for _ in 0..count {
                black_box(once(turn)?);
                turn += 1;
            }
            Ok(())
        };
        Self { name, work: Box::new(work) }
    }

    /// The same, keeping what it works in until it is gone.
    #[must_use]
    pub fn in_folder(self, folder: TempDir) -> Self {
        let mut inner = self.work;
        let work = move |count: usize| {
            let _kept = &folder;
            inner(count)
        };
        Self { name: self.name, work: Box::new(work) }
    }

    /// The same under another name.
    #[must_use]
    pub fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Does it so many times.
    ///
    /// # Errors
    /// The work failed: then there is no figure.
    pub fn work(&mut self, count: usize) -> Result<(), Failure> {
        (self.work)(count)
    }

    /// How long so many take.
    ///
    /// # Errors
    /// The work failed.
    pub fn took(&mut self, count: usize) -> Result<Duration, Failure> {
        let begun = Instant::now();
        self.work(count)?;
        Ok(begun.elapsed())
    }

    /// How many nanoseconds one takes, of so many.
    ///
    /// # Errors
    /// The work failed.
    #[allow(clippy::cast_precision_loss, reason = "a figure has three digits that mean something")]
    pub fn nanos(&mut self, count: usize) -> Result<f64, Failure> {
        Ok(self.took(count)?.as_nanos() as f64 / count as f64)
    }

    /// How many times fill this time.
    ///
    /// # Errors
    /// The work failed.
    pub fn count_in(&mut self, time: Duration) -> Result<usize, Failure> {
        let mut count = 1;
        loop {
            let took = self.took(count)?;
            if took >= time / 2 || count >= 1 << 24 {
                let scaled = time.as_nanos() * count as u128 / took.as_nanos().max(1);
                return Ok(usize::try_from(scaled)?.clamp(1, 1 << 24));
            }
            count *= 2;
        }
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What our work is to cost, at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// So many times what the other costs.
    Times(f64),
    /// So many nanoseconds more.
    Nanos(f64),
}

/// Two who do the same work.
#[derive(Debug)]
pub struct Duel {
    /// We.
    pub ours: Contender,
    /// What we are measured by.
    pub theirs: Contender,
}

/// What a duel came to: nanoseconds for one piece of work, and ours in terms of the other's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Ours.
    pub ours: Summary,
    /// The other's.
    pub theirs: Summary,
    /// Round by round.
    pub ratio: Summary,
    /// The same, in nanoseconds more.
    pub more: Summary,
}

impl Duel {
    /// So many rounds, in each of which both work for about this time.
    ///
    /// # Errors
    /// The work failed, or nothing was asked for.
    pub fn fight(&mut self, rounds: usize, time: Duration) -> Result<Outcome, Failure> {
        let counts = (self.ours.count_in(time)?, self.theirs.count_in(time)?);
        let mut samples = Samples::default();
        for round in 0..rounds {
            let (ours, theirs) = by_turns(round, |is_ours| {
                if is_ours { self.ours.nanos(counts.0) } else { self.theirs.nanos(counts.1) }
            })?;
            samples.add(ours, theirs);
        }
        samples.outcome()
    }
}

/// What both took in this round: the first is asked first in every other one.
pub(crate) fn by_turns(
    round: usize,
    mut ask: impl FnMut(bool) -> Result<f64, Failure>,
) -> Result<(f64, f64), Failure> {
    if round.is_multiple_of(2) {
        let first = ask(true)?;
        Ok((first, ask(false)?))
    } else {
        let second = ask(false)?;
        Ok((ask(true)?, second))
    }
}

/// What two took, round by round.
#[derive(Debug, Default)]
pub(crate) struct Samples([Vec<f64>; 4]);

impl Samples {
    /// Nanoseconds for one, of one round.
    pub(crate) fn add(&mut self, ours: f64, theirs: f64) {
        for (samples, sample) in self.0.iter_mut().zip([ours, theirs, ours / theirs, ours - theirs]) {
            samples.push(sample);
        }
    }

    pub(crate) fn outcome(&self) -> Result<Outcome, Failure> {
        let [ours, theirs, ratio, more] =
            self.0.each_ref().map(|samples| Summary::of(samples).ok_or("no rounds"));
        Ok(Outcome { ours: ours?, theirs: theirs?, ratio: ratio?, more: more? })
    }
}

impl Bound {
    /// Whether it is kept: by the median.
    pub fn is_kept(self, outcome: &Outcome) -> bool {
        match self {
            Self::Times(most) => outcome.ratio.median <= most,
            Self::Nanos(most) => outcome.more.median <= most,
        }
    }

    /// What it is, and what was found where that is not the ratio.
    pub fn told(self, outcome: &Outcome) -> String {
        match self {
            Self::Times(most) => format!("≤ {most}"),
            Self::Nanos(most) => format!("≤ {most} ns more, found {:.0}", outcome.more.median),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_times_the_work_takes_about_four_times_as_long() {
        let steps = |name, many: u64| {
            Contender::new(name, move |_| Ok((0..many).fold(1, |sum: u64, step| black_box(sum ^ step))))
        };
        let mut duel = Duel { ours: steps("four", 40_000), theirs: steps("one", 10_000) };
        let outcome = duel.fight(15, Duration::from_millis(1)).unwrap();
        assert!((2.5..6.5).contains(&outcome.ratio.median), "{outcome:?}");
        assert!(Bound::Times(6.5).is_kept(&outcome) && !Bound::Times(2.5).is_kept(&outcome));
        let more = outcome.more.median;
        assert!(
            more > 0.0 && Bound::Nanos(more).is_kept(&outcome) && !Bound::Nanos(more - 1.0).is_kept(&outcome)
        );
        assert!(duel.fight(0, Duration::from_millis(1)).is_err());
    }

    #[test]
    fn work_that_fails_has_no_figure() {
        let fine = Contender::new("fine", Ok);
        let mut left = 100;
        let failing = Contender::new("failing", move |_| {
            left -= 1;
            if left < 0 { Err("it is over".into()) } else { Ok(()) }
        });
        let mut duel = Duel { ours: fine, theirs: failing };
        assert_eq!(duel.fight(3, Duration::from_millis(1)).unwrap_err().to_string(), "it is over");
    }

    #[test]
    fn a_contender_is_told_its_turn() {
        let (tell, told) = std::sync::mpsc::channel();
        let mut contender = Contender::new("counts", move |turn| Ok(tell.send(turn)?));
        contender.work(2).unwrap();
        contender.work(1).unwrap();
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    }
}
