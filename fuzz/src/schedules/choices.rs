//! Which schedule is next: depth first, by running again from the start with the first choices as they were.

/// The choices of one schedule, each a number below that of its branches.
///
/// `doorward_conformance::explore` does the same for tests, which end where something is found; a search goes on, can be
/// asked how far it is, and leaves schedules out.
#[derive(Debug, Default)]
pub(super) struct Choices {
    path: Vec<Branch>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Branch {
    taken: usize,
    of: usize,
}

/// The choices were for another schedule, or the world is not the same each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSuchBranch;

/// Of a choice that was given from outside, until its run tells the number of its branches.
const GIVEN: usize = 0;

impl Choices {
    /// These first, and the first branch of every later one.
    pub(super) fn given(choices: &[usize]) -> Self {
        Self { path: choices.iter().map(|taken| Branch { taken: *taken, of: GIVEN }).collect(), next: 0 }
    }

    /// Which of so many branches to take; one branch is no choice.
    pub(super) fn pick(&mut self, of: usize) -> Result<usize, NoSuchBranch> {
        if of == 1 {
            return Ok(0);
        }
        if self.next == self.path.len() {
            self.path.push(Branch { taken: 0, of });
        }
        let branch = &mut self.path[self.next];
        if branch.of == GIVEN {
            branch.of = of;
        }
        self.next += 1;
        if branch.of == of && branch.taken < of { Ok(branch.taken) } else { Err(NoSuchBranch) }
    }

    pub(super) fn taken(&self) -> Vec<usize> {
        self.path[..self.next].iter().map(|branch| branch.taken).collect()
    }

    /// On to the next schedule; `false`: this was the last.
    pub(super) fn advance(&mut self) -> bool {
        self.path.truncate(self.next);
        self.next = 0;
        while let Some(last) = self.path.last_mut() {
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
            if !choices.advance() {
                break;
            }
        }
        assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]);
    }

    #[test]
    fn a_schedule_is_given_from_outside() {
        let mut choices = Choices::given(&[2, 1]);
        assert_eq!([3, 1, 2, 4].map(|of| choices.pick(of)), [Ok(2), Ok(0), Ok(1), Ok(0)]);
        assert_eq!(Choices::given(&[2]).pick(2), Err(NoSuchBranch));
    }
}
