//! Some operations side by side, in the order that the choices of an exploration give.

use doorward::core::error::Fault;
use doorward_conformance::explore::Choices;

use super::world::{Actor, Driver, LUCK, Luck, Operation, Step, World};

/// A world whose rows the test looks at after each step.
pub(crate) trait Stage {
    fn world(&mut self) -> &mut World;
    fn watch(&mut self);

    /// Whether something may go wrong.
    fn has_faults(&self) -> bool {
        true
    }
}

/// Runs them to their end, with at most one unlucky commit, whose batch may land late or never, or, where futures may be
/// abandoned, with one of them dropped on its way. `done` hears of whoever has an outcome.
pub(crate) fn race<S: Stage, const N: usize>(
    stage: &mut S,
    actors: [&mut dyn Step; N],
    choices: &mut Choices,
    done: &mut dyn FnMut(&mut S, usize, &dyn Step),
) {
    let mut is_lucky = stage.has_faults();
    loop {
        let ready: Vec<usize> = (0..N).filter(|at| !actors[*at].is_over()).collect();
        let landing = usize::from(!stage.world().in_flight.is_empty());
        if ready.is_empty() && (landing == 0 || choices.pick(2) == 1) {
            return;
        }
        let drops = is_lucky && stage.world().driver == Driver::Abandoning;
        let drops = if drops { ready.len() } else { 0 };
        let chosen = if ready.is_empty() { 0 } else { choices.pick(ready.len() + landing + drops) };
        if let Some(at) = ready.get(chosen).copied() {
            let mut luck = || {
                let luck = if is_lucky { LUCK[choices.pick(LUCK.len())] } else { Luck::Good };
                is_lucky &= luck == Luck::Good;
                luck
            };
            actors[at].step(stage.world(), &mut luck);
        } else if chosen < ready.len() + landing {
            stage.world().land();
        } else {
            is_lucky = false;
            actors[ready[chosen - ready.len() - landing]].abandon(stage.world(), &mut || choices.pick(3));
        }
        stage.watch();
        if let Some(at) = ready.get(chosen).copied()
            && actors[at].is_done()
        {
            done(stage, at, &*actors[at]);
        }
    }
}

pub(crate) fn outcome_of<O: Operation>(step: &dyn Step) -> &Result<O::Outcome, Fault> {
    step.as_any().downcast_ref::<Actor<O>>().unwrap().outcome.as_ref().unwrap()
}
