//! Nothing that is shown may rest on a frame of the log that a power cut could take.
//!
//! Linux reports a failed write once, and holds those pages for written from then on: a later sync succeeds and a
//! power cut still finds a hole, behind which no commit counts.
//!
//! | step | proves |
//! |---|---|
//! | empty the log | all that can be seen is in the database, written there and synced |
//! | a small commit, synced | the log begins anew, on the medium too |
//!
//! In this order: SQLite does not sync the emptied log. Until the next sync a power cut can bring the old one back, hole
//! and all, and what stands before the hole would be replayed over what was written from behind it.

use std::time::Duration;

use doorward_core::error::StoreError;
use rusqlite::Connection;

use super::connect::patiently;
use super::error::{OpenError, failed, refused};
use super::writer::{BEGIN, COMMIT};
use crate::store::failing::{corrupt, retryable};

/// Before the first read: frames that a killed process wrote and did not sync, or could not, are found by
/// recovery, and would be shown though a power cut could still take them.
pub(super) fn make_durable(connection: &Connection, patience: Duration) -> Result<(), OpenError> {
    // Of two openers that empty it at once, one is told that it is busy, and does not wait.
    patiently(patience, || match connection.query_row(EMPTY_LOG, [], |columns| columns.get(0)) {
        Ok(0_i64) => Ok(()),
        Ok(_) => Err(OpenError::Locked),
        Err(error) => Err(refused(error)),
    })?;
    run(connection, BEGIN).map_err(refused)?;
    let raised = run(connection, RAISE_BARRIER).map_err(refused)?;
    run(connection, COMMIT).map_err(refused)?;
    if raised == 1 { Ok(()) } else { Err(OpenError::Damaged) }
}

pub(super) fn raise(connection: &Connection) -> Result<(), StoreError> {
    match run(connection, RAISE_BARRIER).map_err(failed)? {
        1 => Ok(()),
        _ => Err(corrupt("the barrier row is gone: restore the database from a backup")),
    }
}

pub(super) fn empty_log(connection: &Connection) -> Result<(), StoreError> {
    let busy: i64 = connection.query_row(EMPTY_LOG, [], |columns| columns.get(0)).map_err(failed)?;
    if busy == 0 { Ok(()) } else { Err(retryable("the log is being read: end long reads, try again")) }
}

pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute([])
}

pub(super) const RAISE_BARRIER: &str =
    "UPDATE meta SET value = (value + 1) & 0x7fffffff WHERE name = 'barrier'";
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
