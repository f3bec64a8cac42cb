//! Rows as an engine makes them: copies of one of its sessions under ids of their own.

use doorward::{Engine, OpenSession};
use doorward_core::id::{SessionId, Stamp};
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Commit, Durability, Expect, Range, Store, Write};

use crate::Failure;

/// Fills the store up to about this many sessions, a few hundred to a batch.
pub fn sessions(engine: &Engine, store: &dyn Store, count: usize) -> Result<(), Failure> {
    engine.open_session(OpenSession::new(""))?;
    let range = Range { kind: Kind::Session, owner: None, after: None };
    let (_, template) = store.scan(&range, 1)?.pop().ok_or("the engine made no session")?;
    let mut left = count;
    while left > 0 {
        let stamp = Stamp::from_bytes(random()?);
        let mut batch = Batch::new(stamp, Durability::Durable);
        for _ in 0..left.min(PER_BATCH) {
            let (key, row) =
                (Key::Session(SessionId::from_bytes(random()?)), Row { stamp, ..template.clone() });
            batch.writes.push(Write::Put { key, row, expect: Expect::Absent });
        }
        left -= batch.writes.len();
        if store.commit(&batch)? == Commit::Conflict {
            return Err("two random ids are the same".into());
        }
    }
    Ok(())
}

const PER_BATCH: usize = 500;

/// Bytes for an id.
pub(crate) fn random() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
