//! Every schedule of a small world, one after the other.
//!
//! A test gives a closure that builds a fresh world, asks [`Choices::pick`] wherever more than one thing could
//! happen, and looks at the end. [`explore`] runs it again and again, depth first, until every branch of every
//! choice was taken. There is no state to save or compare: a run is repeated from its start with the first
//! choices as they were, so the closure must do the same when the choices are the same.
//!
//! # Example: two clerks, one counter, and the update that is lost
//! ```
//! use doorward_conformance::explore::{Step, explore, interleave};
//!
//! struct Clerk { seen: Option<u32> }
//!
//! let mut totals = std::collections::BTreeSet::new();
//! let explored = explore(|choices| {
//!     let mut counter = 0;
//!     let mut clerks = [Clerk { seen: None }, Clerk { seen: None }];
//!     interleave(choices, &mut clerks, |clerk, _choices| match clerk.seen {
//!         None => { clerk.seen = Some(counter); Step::More }
//!         Some(seen) => { counter = seen + 1; Step::Last }
//!     });
//!     totals.insert(counter);
//! });
//! assert_eq!(explored.schedules, 6);
//! assert_eq!(totals, [1, 2].into());
//! ```

use std::fmt::Debug;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What the world asks whenever more than one thing could happen.
///
/// # Example: a message that may be lost, on one of three ways
/// ```
/// use doorward_conformance::explore::explore;
///
/// let explored = explore(|choices| {
///     let way = *choices.one_of(&["north", "south", "sea"]);
///     let is_lost = way == "sea" && choices.pick(2) == 1; // asked on one way only
///     # let _ = is_lost;
/// });
/// assert_eq!((explored.schedules, explored.longest), (4, 2));
/// ```
#[derive(Debug, Default)]
pub struct Choices {
    path: Vec<Branch>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Branch {
    taken: usize,
    of: usize,
}

/// The number of branches of a choice that was given from outside, until the run tells it.
const REPLAYED: usize = 0;

impl Choices {
    /// Which of `of` branches to take now: a number below it. One branch is no choice and is not recorded.
    ///
    /// # Panics
    /// When there is no branch, or when an earlier run, with the same choices, had another number of them here.
    pub fn pick(&mut self, of: usize) -> usize {
        assert!(of > 0, "a choice needs at least one branch");
        if of == 1 {
            return 0;
        }
        if self.next == self.path.len() {
            self.path.push(Branch { taken: 0, of });
        }
        let place = self.next;
        let branch = self.path.get_mut(place).expect("pushed above when it was not there");
        if branch.of == REPLAYED {
            branch.of = of;
        }
        assert!(
            branch.of == of && branch.taken < of,
            "the world is not the same each time: choice {place} was {} of {} and now has {of} branches",
            branch.taken,
            branch.of
        );
        self.next += 1;
        branch.taken
    }

    /// One of these.
    ///
    /// # Panics
    /// As [`pick`](Self::pick).
    pub fn one_of<'a, T>(&mut self, branches: &'a [T]) -> &'a T {
        let taken = self.pick(branches.len());
        branches.get(taken).expect("`pick` answers with a number below the one it was given")
    }

    /// The same run once more beside this one, in a world that ought to be no other: on another store, say. It must ask
    /// for the choices that this one has asked for up to now, for all of them, and for no others.
    ///
    /// # Panics
    /// When it does not.
    ///
    /// # Example: two counters that ought to be alike
    /// ```
    /// use doorward_conformance::explore::{Choices, explore};
    ///
    /// fn race(counter: &mut u32, choices: &mut Choices) {
    ///     while *counter < 3 {
    ///         *counter += u32::try_from(1 + choices.pick(2)).unwrap();
    ///     }
    /// }
    /// let explored = explore(|choices| {
    ///     let (mut one, mut other) = (0, 0);
    ///     race(&mut one, choices);
    ///     choices.again(|choices| race(&mut other, choices));
    ///     assert_eq!(one, other);
    /// });
    /// assert_eq!(explored.schedules, 5);
    /// ```
    pub fn again<R>(&self, run: impl FnOnce(&mut Self) -> R) -> R {
        let mut again = Self { path: self.path.iter().take(self.next).copied().collect(), next: 0 };
        let done = run(&mut again);
        assert!(
            again.next == self.next,
            "the world is not the same each time: it made {} choices and now {}",
            self.next,
            again.next
        );
        done
    }

    fn taken(&self) -> Vec<usize> {
        self.path.iter().take(self.next).map(|branch| branch.taken).collect()
    }

    /// Moves to the next schedule: the last choice with a branch left takes it, and what followed is forgotten.
    fn advance(&mut self) -> bool {
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

/// What [`explore`] went through.
///
/// # Example: a test that notices when its world has shrunk
/// ```
/// use doorward_conformance::explore::{Explored, explore};
///
/// let explored = explore(|choices| _ = (choices.pick(3), choices.pick(2)));
/// assert_eq!(explored, Explored { schedules: 6, longest: 2 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explored {
    /// How many runs, each with other choices.
    pub schedules: u64,
    /// The most choices in one run.
    pub longest: usize,
}

/// How a run ends: `()`, or a `Result` whose error fails the exploration.
///
/// # Example: runs that end in a `Result`
/// ```
/// use doorward_conformance::explore::{Ending, explore};
///
/// explore(|choices| if choices.pick(2) < 2 { Ok(()) } else { Err("never") });
/// assert_eq!(().failure(), None);
/// assert_eq!(Err("lost").failure().as_deref(), Some("\"lost\""));
/// ```
pub trait Ending {
    /// What went wrong, when something did.
    fn failure(self) -> Option<String>;
}

impl Ending for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Debug> Ending for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// Runs the closure under every schedule.
///
/// # Panics
/// When a run panics or ends in an error. The choices that lead there are printed: give them to [`replay`].
///
/// # Example: the schedule that fails is found and named
/// ```
/// use doorward_conformance::explore::explore;
///
/// let run = || explore(|choices| if choices.pick(3) + choices.pick(3) == 4 { Err("four") } else { Ok(()) });
/// let payload = std::panic::catch_unwind(run).unwrap_err();
/// assert_eq!(payload.downcast_ref::<String>().unwrap(), "the schedule [2, 2] fails: \"four\"");
/// ```
pub fn explore<E: Ending>(mut run: impl FnMut(&mut Choices) -> E) -> Explored {
    let mut choices = Choices::default();
    let mut explored = Explored { schedules: 0, longest: 0 };
    loop {
        run_once(&mut choices, &mut run);
        explored.schedules += 1;
        explored.longest = explored.longest.max(choices.path.len());
        if !choices.advance() {
            return explored;
        }
    }
}

/// Runs the closure once, with these choices first and the first branch of every later one.
///
/// # Panics
/// When the run panics or ends in an error, or has no such branch.
///
/// # Example: the schedule that a failed exploration printed
/// ```
/// use doorward_conformance::explore::replay;
///
/// let mut seen = Vec::new();
/// replay(&[2, 1], |choices| seen = vec![choices.pick(3), choices.pick(2), choices.pick(4)]);
/// assert_eq!(seen, [2, 1, 0]);
/// ```
pub fn replay<E: Ending>(choices: &[usize], mut run: impl FnMut(&mut Choices) -> E) {
    let path = choices.iter().map(|taken| Branch { taken: *taken, of: REPLAYED }).collect();
    run_once(&mut Choices { path, next: 0 }, &mut run);
}

fn run_once<E: Ending>(choices: &mut Choices, run: &mut impl FnMut(&mut Choices) -> E) {
    match catch_unwind(AssertUnwindSafe(|| run(choices))) {
        Ok(ending) => {
            if let Some(failure) = ending.failure() {
                panic!("the schedule {:?} fails: {failure}", choices.taken());
            }
        }
        Err(payload) => {
            let _ = writeln!(std::io::stderr(), "the schedule {:?} panics", choices.taken());
            resume_unwind(payload);
        }
    }
}

/// What an actor's step says of it.
///
/// # Example: an actor of two steps, beside an actor of one
/// ```
/// use doorward_conformance::explore::{Step, explore, interleave};
///
/// let explored = explore(|choices| {
///     let mut left = [2, 1]; // steps to do, for each actor
///     interleave(choices, &mut left, |left, _choices| {
///         *left -= 1;
///         if *left == 0 { Step::Last } else { Step::More }
///     });
/// });
/// assert_eq!(explored.schedules, 3); // the one comes first, between, or last
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It has more to do.
    More,
    /// That was its last.
    Last,
}

/// Runs the actors' steps in an order that the choices give, until each has taken its last.
///
/// # Example: every order of three
/// ```
/// use doorward_conformance::explore::{Step, explore, interleave};
///
/// let mut orders = std::collections::BTreeSet::new();
/// explore(|choices| {
///     let mut order = String::new();
///     interleave(choices, &mut ['a', 'b', 'c'], |name, _choices| {
///         order.push(*name);
///         Step::Last
///     });
///     orders.insert(order);
/// });
/// assert_eq!(orders.len(), 6);
/// assert!(orders.contains("cab"));
/// ```
pub fn interleave<A>(
    choices: &mut Choices,
    actors: &mut [A],
    mut step: impl FnMut(&mut A, &mut Choices) -> Step,
) {
    let mut active: Vec<&mut A> = actors.iter_mut().collect();
    while !active.is_empty() {
        let turn = choices.pick(active.len());
        let last = active.get_mut(turn).map(|actor| step(actor, choices));
        if last == Some(Step::Last) {
            active.remove(turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C(a+b, a): the ways to interleave two sequences.
    fn binomial(a: u64, b: u64) -> u64 {
        (1..=a).fold(1, |ways, i| ways * (b + i) / i)
    }

    fn steps(counts: &[u32]) -> impl FnMut(&mut Choices) {
        move |choices| {
            interleave(choices, &mut counts.to_vec(), |left, _| {
                *left -= 1;
                if *left == 0 { Step::Last } else { Step::More }
            });
        }
    }

    #[test]
    fn two_sequences_interleave_in_as_many_ways_as_pascals_triangle_says() {
        for a in 1..=6 {
            for b in 1..=6 {
                let found = explore(steps(&[a, b])).schedules;
                assert_eq!(found, binomial(a.into(), b.into()), "{a} and {b} steps");
            }
        }
        // Three sequences: the multinomial 9! / (2! 3! 4!).
        assert_eq!(explore(steps(&[2, 3, 4])).schedules, 1260);
    }

    #[test]
    fn independent_choices_multiply_and_each_schedule_comes_once() {
        let mut seen = std::collections::BTreeSet::new();
        let explored = explore(|choices| {
            assert!(seen.insert([
                choices.pick(3),
                choices.pick(1),
                choices.pick(4),
                *choices.one_of(&[7, 8])
            ]));
        });
        assert_eq!(explored, Explored { schedules: 24, longest: 3 });
        assert_eq!(seen.len(), 24);
    }

    #[test]
    fn later_choices_may_depend_on_earlier_ones() {
        // One leaf at once, or two more choices.
        let explored = explore(|choices| {
            if choices.pick(2) == 1 {
                choices.pick(2);
                choices.pick(3);
            }
        });
        assert_eq!(explored, Explored { schedules: 7, longest: 3 });
        assert_eq!(explore(|_| ()).schedules, 1);
    }

    fn message(run: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        crate::promise::panic_text(&*payload).to_owned()
    }

    #[test]
    fn a_failing_schedule_stops_the_search_and_is_named_and_can_be_replayed() {
        let mut runs = 0;
        let mut world = |choices: &mut Choices| {
            runs += 1;
            let (a, b) = (choices.pick(3), choices.pick(3));
            if (a, b) == (1, 2) { Err("lost") } else { Ok(()) }
        };
        assert_eq!(message(|| _ = explore(&mut world)), "the schedule [1, 2] fails: \"lost\"");
        assert_eq!(message(|| replay(&[1, 2], &mut world)), "the schedule [1, 2] fails: \"lost\"");
        replay(&[1], &mut world);
        assert_eq!(runs, 6 + 1 + 1);
        assert_eq!(message(|| replay(&[2], |choices| assert!(choices.pick(3) < 2, "boom"))), "boom");
    }

    #[test]
    fn a_world_that_differs_between_runs_is_found_out() {
        let mut run = 0;
        let found = message(|| {
            explore(|choices| {
                run += 1;
                choices.pick(run + 1);
                choices.pick(2);
            });
        });
        assert!(found.starts_with("the world is not the same each time"), "{found}");
    }

    #[test]
    fn a_world_that_differs_beside_the_first_is_found_out() {
        let beside = |other: &[usize]| {
            message(|| {
                explore(|choices| {
                    choices.pick(2);
                    choices.pick(3);
                    choices.again(|choices| other.iter().for_each(|of| _ = choices.pick(*of)));
                });
            })
        };
        assert_eq!(explore(|choices| choices.again(|_| ())).schedules, 1);
        let other = "the world is not the same each time: choice 1 was 0 of 3 and now has 4 branches";
        assert_eq!(beside(&[2, 4]), other);
        assert_eq!(beside(&[2]), "the world is not the same each time: it made 2 choices and now 1");
        assert_eq!(beside(&[2, 3, 2]), "the world is not the same each time: it made 2 choices and now 3");
    }
}
