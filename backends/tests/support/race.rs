//! Two operations side by side, in the order that the choices of an exploration give.

use doorward::core::error::Fault;
use doorward::core::machine::Decide;
use doorward_conformance::explore::Choices;

use super::world::{Actor, LUCK, Luck, Step, World};

/// A world whose rows the test looks at after each step.
pub(crate) trait Stage {
    fn world(&mut self) -> &mut World;
    fn watch(&mut self);
}

/// Runs them to their end, with at most one unlucky commit, whose batch may land late or never.
pub(crate) fn race<S: Stage>(
    stage: &mut S,
    actors: [&mut dyn Step; 2],
    choices: &mut Choices,
    done: &mut dyn FnMut(&mut S, usize, &dyn Step),
) {
    let mut is_lucky = true;
    loop {
        let ready: Vec<usize> = (0..2).filter(|at| !actors[*at].is_done()).collect();
        let landing = usize::from(!stage.world().in_flight.is_empty());
        if ready.is_empty() && (landing == 0 || choices.pick(2) == 1) {
            return;
        }
        let chosen = if ready.is_empty() { 0 } else { choices.pick(ready.len() + landing) };
        let Some(at) = ready.get(chosen).copied() else {
            stage.world().land();
            stage.watch();
            continue;
        };
        let mut luck = || {
            let luck = if is_lucky { LUCK[choices.pick(LUCK.len())] } else { Luck::Good };
            is_lucky &= luck == Luck::Good;
            luck
        };
        actors[at].step(stage.world(), &mut luck);
        stage.watch();
        if actors[at].is_done() {
            done(stage, at, &*actors[at]);
        }
    }
}

pub(crate) fn outcome_of<O: Decide + 'static>(step: &dyn Step) -> &Result<O::Outcome, Fault> {
    step.as_any().downcast_ref::<Actor<O>>().unwrap().outcome.as_ref().unwrap()
}
