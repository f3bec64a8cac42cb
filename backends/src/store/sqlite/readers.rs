//! Connections that stay open and only read, lent to one thread each.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorward_core::error::StoreError;
use rusqlite::Connection;

use super::connect;
use super::error::{OpenError, failed};
use crate::store::failing::retryable;

pub(super) struct Readers {
    pool: Mutex<Pool>,
    returned: Condvar,
    patience: Duration,
}

struct Pool {
    idle: Vec<Connection>,
    /// How many threads wait for one. To wake nobody is a call to the system all the same.
    waiting: usize,
}

impl Readers {
    pub(super) fn open(path: &Path, connections: usize, patience: Duration) -> Result<Self, OpenError> {
        let idle: Result<Vec<_>, _> =
            (0..connections.max(1)).map(|_| connect::reading(path, patience)).collect();
        let pool = Mutex::new(Pool { idle: idle?, waiting: 0 });
        Ok(Self { pool, returned: Condvar::new(), patience })
    }

    /// Runs `look` on a connection of its own; all that it reads is one snapshot.
    pub(super) fn snapshot<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let loan = self.borrow()?;
        run(&loan, "BEGIN")?;
        let seen = look(&loan);
        let ended = run(&loan, "COMMIT");
        // A failed read tells more than the end of its transaction.
        let seen = seen?;
        ended.map(|()| seen)
    }

    /// Runs `look`, a single statement and so a snapshot by itself, on a connection of its own.
    pub(super) fn statement<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        look(&*self.borrow()?)
    }

    /// How many threads wait for a connection.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).waiting
    }

    fn borrow(&self) -> Result<Loan<'_>, StoreError> {
        let deadline = Instant::now() + self.patience;
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = loop {
            if let Some(connection) = pool.idle.pop() {
                break connection;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(retryable("every read connection is in use: try again, or open more of them"));
            }
            pool.waiting += 1;
            pool = self.returned.wait_timeout(pool, left).unwrap_or_else(PoisonError::into_inner).0;
            pool.waiting -= 1;
        };
        drop(pool);
        let loan = Loan { readers: self, connection: Some(connection) };
        // What an earlier read left open (its COMMIT failed) would show yesterday's rows.
        if !loan.is_autocommit() {
            loan.execute_batch("ROLLBACK").map_err(failed)?;
        }
        Ok(loan)
    }
}

/// A connection on loan; it goes back however the reading ends.
struct Loan<'a> {
    readers: &'a Readers,
    /// `None` only once it has gone back.
    connection: Option<Connection>,
}

impl Deref for Loan<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a loan keeps its connection until it is dropped")
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let mut pool = self.readers.pool.lock().unwrap_or_else(PoisonError::into_inner);
            pool.idle.push(connection);
            let is_awaited = pool.waiting > 0;
            drop(pool);
            if is_awaited {
                self.readers.returned.notify_one();
            }
        }
    }
}

fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.execute([]).map(drop).map_err(failed)
}
