//! Processes are killed, and nothing that they acknowledged is lost.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail as they do")]

use std::path::PathBuf;

use doorward_fuzz::kill::Rig;
use doorward_fuzz::store::StoreKind;

fn rig(store: StoreKind, kills: u64) -> Rig {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_kill"));
    Rig { program, store, seed: 1, from: 0, kills, threads: 4, folder: None }
}

#[test]
fn inv_15_inv_24_inv_26_inv_27_twenty_kills_lose_nothing() {
    for store in [StoreKind::Sqlite, StoreKind::Sled] {
        let mut told = 0;
        let summary = rig(store, 20).run(|_| told += 1).unwrap();
        assert_eq!((summary.kills, told), (20, 20), "{store}");
        // A rig that kills nobody at work finds nothing.
        assert!(
            summary.acknowledged > 50 && summary.endings > 10 && summary.tokens > 100,
            "{store}: {summary}"
        );
        assert!(summary.early > 0 && summary.recoveries > 0, "{store}: {summary}");
        assert!(summary.landed + summary.lost > 10, "{store}: {summary}");
    }
}

/// Without flush and sync, what sled acknowledges is in the memory of the process that is killed. Mostly the store sees for
/// itself that it is less than it was.
#[cfg(feature = "planted")]
#[test]
fn inv_26_a_store_that_does_not_sync_is_found() {
    let failure = rig(StoreKind::SledWithoutSyncs, 20).run(|_| {}).unwrap_err();
    std::fs::remove_dir_all(&failure.folder).unwrap();
    let lost = ["is damaged", "is not there", "instead of", "is there", "neither whole"];
    assert!(lost.iter().any(|word| failure.what.contains(word)), "{failure}");
}
