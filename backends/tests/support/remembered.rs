//! Argon2id for worlds that run thousands of times: each piece of work is done once, and remembered.

use std::sync::{Mutex, PoisonError};

use doorward::core::password::{Argon2Params, HashMemory};
use doorward::core::work::{Work, Worked};

/// As cheap as the floor allows.
pub(crate) fn cheapest() -> Argon2Params {
    Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(1).unwrap()
}

/// What the work comes to. Seeds are the same in each schedule, and so salts and hashes are.
pub(crate) fn remembered(work: &Work) -> Worked {
    static DONE: Mutex<Vec<(Work, Worked)>> = Mutex::new(Vec::new());
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, worked)) = done.iter().find(|(known, _)| known == work) {
        return worked.clone();
    }
    assert!(done.len() < 1_000, "no two schedules do the same work");
    let worked = work.run(&mut HashMemory::keeping(&cheapest())).unwrap();
    done.push((work.clone(), worked.clone()));
    worked
}
