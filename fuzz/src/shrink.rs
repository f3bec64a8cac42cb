//! Making a counterexample small: moves are taken away, many at once and then fewer, while what is left still fails.

use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::plan::{House, Move, Plan};

/// Plans of so many operations, from seeds that `proptest` draws; a failing one shrinks to few moves.
///
/// # Example: a property of every plan
/// ```
/// use doorward_fuzz::{shrink::Plans, world::World};
/// use proptest::prelude::*;
///
/// let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(3));
/// let outcome = runner.run(&Plans { operations: 50 }, |plan| {
///     prop_assert_eq!(World::new().run(&plan).err(), None);
///     Ok(())
/// });
/// assert!(outcome.is_ok());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Plans {
    /// How many operations each starts.
    pub operations: usize,
}

/// A failing plan on its way to a smaller one.
#[derive(Debug, Clone)]
pub struct Shrinking {
    house: House,
    moves: Vec<Move>,
    /// How many moves are taken away at once; zero at the end.
    size: usize,
    /// Before which move the next ones go.
    end: usize,
    /// What was taken away last, and from where.
    taken: Vec<Move>,
    from: usize,
    /// Whether this round, at this size, took anything away for good.
    progress: bool,
}

impl Strategy for Plans {
    type Tree = Shrinking;
    type Value = Plan;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        use proptest::prelude::Rng;
        Ok(Shrinking::new(Plan::from_seed(runner.rng().next_u64(), self.operations)))
    }
}

impl Shrinking {
    /// From this plan on.
    pub fn new(plan: Plan) -> Self {
        let (size, end) = (plan.moves.len() / 2, plan.moves.len());
        Self { house: plan.house, moves: plan.moves, size, end, taken: Vec::new(), from: 0, progress: false }
    }

    fn take(&mut self) -> bool {
        if self.end == 0 {
            // A round of single moves is made again while it helps.
            self.size = if self.size == 1 && self.progress { 1 } else { self.size / 2 };
            (self.end, self.progress) = (self.moves.len(), false);
        }
        if self.size == 0 || self.end == 0 {
            return false;
        }
        self.from = self.end.saturating_sub(self.size);
        self.taken = self.moves.drain(self.from..self.end).collect();
        self.end = self.from;
        true
    }
}

impl ValueTree for Shrinking {
    type Value = Plan;

    fn current(&self) -> Plan {
        Plan { house: self.house, moves: self.moves.clone() }
    }

    /// What is left still fails: on with less.
    fn simplify(&mut self) -> bool {
        self.progress |= !self.taken.is_empty();
        self.taken.clear();
        self.take()
    }

    /// It took too much away: that comes back, and something else goes.
    fn complicate(&mut self) -> bool {
        let from = self.from;
        self.moves.splice(from..from, self.taken.drain(..));
        self.take()
    }
}

/// The smallest plan found that still fails.
///
/// # Example: three moves matter
/// ```
/// use doorward_fuzz::plan::{Move, Plan};
/// use doorward_fuzz::shrink::shrink;
///
/// let cuts = |plan: &Plan| plan.moves.iter().filter(|one| matches!(one, Move::Sweep)).count();
/// let small = shrink(Plan::from_seed(5, 2000), |plan| cuts(plan) >= 3);
/// assert_eq!(small.moves, [Move::Sweep; 3]);
/// ```
pub fn shrink(plan: Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut tree = Shrinking::new(plan);
    let mut is_left = tree.simplify();
    while is_left {
        is_left = if fails(&tree.current()) { tree.simplify() } else { tree.complicate() };
    }
    tree.current()
}
