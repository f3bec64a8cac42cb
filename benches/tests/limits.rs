//! Each does its work, and so does what it is measured by; how long they take is asked by `bin limits` alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "it fails as a test does")]

use std::collections::BTreeSet;

use doorward_benches::limits::ALL;

#[test]
fn both_sides_of_each_limit_can_do_their_work() {
    for limit in ALL {
        let mut duel = limit.duel().unwrap();
        for contender in [&mut duel.ours, &mut duel.theirs] {
            contender.work(3).unwrap_or_else(|error| panic!("{}: {}: {error}", limit.what, contender.name));
        }
    }
    assert_eq!(ALL.iter().map(|limit| limit.what).collect::<BTreeSet<_>>().len(), ALL.len());
}
