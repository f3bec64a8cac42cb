//! Operations, and what happens between them: the bytes choose a plan, and the model judges it.

use crate::plan::Plan;
use crate::rng::Rng;
use crate::world::World;

/// The bytes are a [`Plan`].
///
/// # Panics
/// An invariant does not hold.
pub fn operations(data: &[u8]) {
    judge(World::new(), data);
}

fn judge(world: World, data: &[u8]) {
    let found = world.run(&Plan::from_bytes(data)).err();
    assert_eq!(found, None, "{}", found.as_ref().map(ToString::to_string).unwrap_or_default());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    (1..=32).map(|seed| noise(seed, 4000)).collect()
}

/// So many bytes, the same on each run: a plan like any other.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    (0..length).map(|_| rng.byte()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/planted.rs` shows that bytes find the bugs that are planted.
    #[test]
    fn bytes_choose_whole_stories() {
        let run = World::new().run(&Plan::from_bytes(&noise(7, 2000))).unwrap();
        assert!(run.operations > 20 && run.faults > 2 && run.answers.len() > 10, "{run:?}");
    }
}
