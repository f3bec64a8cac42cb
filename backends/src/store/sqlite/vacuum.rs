//! `VACUUM` on the writer's connection, for so long and no longer.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorward_core::error::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode};

use super::error::failed;
use crate::store::failing::retryable;

/// Builds the database anew; what is not done by `until` is given up, and nothing is changed then.
///
/// The copy goes to a temporary file, not to memory: it is as large as the rows.
pub(super) fn run(connection: &Connection, until: Instant) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA temp_store = FILE").map_err(failed)?;
    let ended = interrupted_at(until, connection, || connection.execute_batch("VACUUM"));
    let back = connection.execute_batch("PRAGMA temp_store = MEMORY").map_err(failed);
    ended?.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => retryable(LATE).with_source(error),
        Some(ErrorCode::DiskFull) => StoreError::new(StoreErrorKind::Fatal, FULL).with_source(error),
        _ => failed(error),
    })?;
    back
}

/// Runs `work`, with an end. Whoever ends it does so under the lock that says whether it still runs: the statement
/// after it is never hit.
fn interrupted_at<T>(
    until: Instant,
    connection: &Connection,
    work: impl FnOnce() -> T,
) -> Result<T, StoreError> {
    let handle = connection.get_interrupt_handle();
    let is_over = Mutex::new(false);
    let ended = Condvar::new();
    std::thread::scope(|scope| {
        let watch = || {
            let mut over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
            while !*over {
                let mut left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    // Again and again: one that comes before the statement begins is forgotten when it does.
                    handle.interrupt();
                    left = AGAIN;
                }
                over = ended.wait_timeout(over, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        };
        std::thread::Builder::new().name("doorward-vacuum".into()).spawn_scoped(scope, watch).map_err(
            |error| retryable("no thread could be started to end the vacuum: try again").with_source(error),
        )?;
        // What panics here ends the watch too, or the scope would wait for it until the end.
        let _over = Over { is_over: &is_over, ended: &ended };
        Ok(work())
    })
}

struct Over<'a> {
    is_over: &'a Mutex<bool>,
    ended: &'a Condvar,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.notify_all();
    }
}

const AGAIN: Duration = Duration::from_millis(1);

const LATE: &str = "the vacuum did not end in time: nothing was changed; give it longer, or a quieter hour";
const FULL: &str = "the disk, or the folder for temporary files, is full: nothing was changed; make room";
