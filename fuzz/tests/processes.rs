//! Several processes on one database: what one says, all others see.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail as they do")]

use std::path::PathBuf;
use std::time::Duration;

use doorward_fuzz::processes::Rig;

#[test]
fn inv_11_inv_12_inv_13_inv_29_four_processes_agree() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_processes"));
    let rig = Rig { program, processes: 4, time: Duration::from_secs(3), races: 3, seed: 1, folder: None };
    let summary = rig.run(|_, _| {}).unwrap();
    // Whoever does nothing is told nothing untrue.
    let at_least =
        |word, count| assert!(summary.counts.get(word).is_some_and(|told| *told >= count), "{summary}");
    at_least("register", 4);
    at_least("login", 5);
    at_least("open_session", 20);
    at_least("logout, end_session", 20);
    at_least("logout_everywhere", 2);
    at_least("tokens accepted", 20);
    at_least("tokens refused", 20);
    assert!(summary.entries >= 20, "{summary}");
}
