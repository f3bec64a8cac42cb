//! Which schedule is next: depth first, by running again from the start with the first choices as they were, and no further
//! than to a moment that another way has come to before.

use std::collections::HashMap;

/// The choices of one schedule, each a number below that of its branches.
///
/// `doorward_conformance::explore` does the same for tests, which end where something is found; a search goes on, can be
/// asked how far it is, and leaves schedules out.
#[derive(Debug, Default)]
pub(super) struct Choices {
    path: Vec<Branch>,
    next: usize,
    /// How many schedules were counted before this run.
    counted: u64,
    /// How many schedules follow each moment from which all have been gone through; `None`: each is run to its end.
    known: Option<HashMap<u64, u64>>,
}

#[derive(Debug, Clone, Copy)]
struct Branch {
    taken: usize,
    of: usize,
    /// The moment to which it led, and how many schedules had been counted by then.
    moment: Option<(u64, u64)>,
}

/// The choices were for another schedule, or the world is not the same each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSuchBranch;

/// Of a choice that was given from outside, until its run tells the number of its branches.
const GIVEN: usize = 0;

impl Choices {
    /// These first, and the first branch of every later one.
    pub(super) fn given(choices: &[usize]) -> Self {
        let branch = |taken: &usize| Branch { taken: *taken, of: GIVEN, moment: None };
        Self { path: choices.iter().map(branch).collect(), ..Self::default() }
    }

    /// All of them, each alike moment gone on from once.
    pub(super) fn merging() -> Self {
        Self { known: Some(HashMap::new()), ..Self::default() }
    }

    /// Which of so many branches to take; one branch is no choice.
    pub(super) fn pick(&mut self, of: usize) -> Result<usize, NoSuchBranch> {
        if of == 1 {
            return Ok(0);
        }
        if self.next == self.path.len() {
            self.path.push(Branch { taken: 0, of, moment: None });
        }
        let branch = &mut self.path[self.next];
        if branch.of == GIVEN {
            branch.of = of;
        }
        self.next += 1;
        if branch.of == of && branch.taken < of { Ok(branch.taken) } else { Err(NoSuchBranch) }
    }

    /// What the last choice led to: how many schedules follow, if all that do were gone through from another such moment.
    pub(super) fn arrive(&mut self, moment: impl FnOnce() -> u64) -> Option<u64> {
        let known = self.known.as_ref()?;
        let last = self.path[..self.next].last_mut().filter(|last| last.moment.is_none())?;
        let moment = moment();
        let follow = known.get(&moment).copied();
        if follow.is_none() {
            last.moment = Some((moment, self.counted));
        }
        follow
    }

    pub(super) fn taken(&self) -> Vec<usize> {
        self.path[..self.next].iter().map(|branch| branch.taken).collect()
    }

    /// On to the next schedule, after so many; `false`: this was the last.
    pub(super) fn advance(&mut self, counted: u64) -> bool {
        self.path.truncate(self.next);
        (self.next, self.counted) = (0, counted);
        while let Some(last) = self.path.last_mut() {
            if let (Some((moment, before)), Some(known)) = (last.moment.take(), &mut self.known) {
                known.insert(moment, counted - before);
            }
            last.taken += 1;
            if last.taken < last.of {
                return true;
            }
            self.path.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_branch_is_taken_once_also_where_a_run_stops_early() {
        let (mut choices, mut seen) = (Choices::default(), Vec::new());
        loop {
            let first = choices.pick(3).unwrap();
            // The second way asks for nothing more.
            let second = if first == 1 { 0 } else { choices.pick(2).unwrap() };
            seen.push((first, second));
            assert_eq!(choices.taken().len(), if first == 1 { 1 } else { 2 });
            if !choices.advance(0) {
                break;
            }
        }
        assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]);
    }

    /// Of four who take a step each, in any order: when all that matters is who has, 24 orders go through 16 moments.
    #[test]
    fn a_moment_is_gone_on_from_once_and_counts_each_time() {
        let all = |mut choices: Choices| {
            let (mut schedules, mut runs) = (0, 0);
            loop {
                let mut gone = 0_u64;
                schedules += loop {
                    let left: Vec<_> = (0..4).filter(|one| gone & 1 << one == 0).collect();
                    if left.is_empty() {
                        break 1;
                    }
                    gone |= 1 << left[choices.pick(left.len()).unwrap()];
                    if let Some(follow) = choices.arrive(|| gone) {
                        break follow;
                    }
                };
                runs += 1;
                if !choices.advance(schedules) {
                    return (schedules, runs, choices.known);
                }
            }
        };
        assert_eq!(all(Choices::default()), (24, 24, None));
        let (schedules, runs, known) = all(Choices::merging());
        // One for each way into a moment beyond the first way into each.
        assert_eq!((schedules, runs), (24, 18));
        // The last step is no choice.
        let follow = |gone: u64| (gone, [6, 6, 2, 1][gone.count_ones() as usize]);
        assert_eq!(known.unwrap(), (1..0b1111).map(follow).collect());
    }

    #[test]
    fn a_schedule_is_given_from_outside() {
        let mut choices = Choices::given(&[2, 1]);
        assert_eq!([3, 1, 2, 4].map(|of| choices.pick(of)), [Ok(2), Ok(0), Ok(1), Ok(0)]);
        assert_eq!(Choices::given(&[2]).pick(2), Err(NoSuchBranch));
    }
}
