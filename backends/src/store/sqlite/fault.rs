//! Failures that real disks show and tests cannot bring about: only in this crate's own tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rusqlite::Connection;
use rusqlite::ffi;

use super::writer::COMMIT;

/// What the next commit of the writer meets; then nothing more, unless it is sticky.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault {
    next: Arc<AtomicU8>,
    level: Arc<AtomicU8>,
}

#[derive(Clone, Copy)]
pub(super) enum Meets {
    Nothing = 0,
    /// COMMIT reports an I/O error; the transaction stands.
    AppliedThenError = 1,
    /// COMMIT reports an I/O error; the transaction is gone.
    GoneThenError = 2,
    /// COMMIT reports an I/O error, this time and every time.
    ErrorAlways = 3,
    /// COMMIT is refused because of a lock.
    Busy = 4,
    /// The writer panics inside the group.
    Panic = 5,
    /// The writer hangs inside the group for a second and a half.
    Hang = 6,
    /// The file may not grow by a page: a full disk, until there is room again.
    FullDisk = 7,
    /// The file may grow again.
    RoomAgain = 8,
}

impl Fault {
    pub(super) fn set(&self, meets: Meets) {
        self.next.store(meets as u8, Ordering::SeqCst);
    }

    /// `PRAGMA synchronous` as the last commit had it: 2 syncs the log.
    pub(super) fn level(&self) -> u8 {
        self.level.load(Ordering::SeqCst)
    }

    fn meet(&self, kinds: &[Meets]) -> Option<Meets> {
        let kind = kinds.iter().copied().find(|kind| *kind as u8 == self.next.load(Ordering::SeqCst))?;
        if !matches!(kind, Meets::ErrorAlways) {
            self.set(Meets::Nothing);
        }
        Some(kind)
    }

    pub(super) fn before_group(&self, connection: &Connection) {
        let pages = match self.meet(&[Meets::FullDisk, Meets::RoomAgain]) {
            // SQLite raises it to the pages that there are.
            Some(Meets::FullDisk) => 1,
            Some(Meets::RoomAgain) => i64::from(u32::MAX - 1),
            _ => return,
        };
        let limit = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], limit)
            .expect("the limit on pages can always be set");
    }

    pub(super) fn in_group(&self) {
        match self.meet(&[Meets::Panic, Meets::Hang]) {
            Some(Meets::Panic) => panic!("a test asked the writer to panic"),
            Some(Meets::Hang) => std::thread::sleep(std::time::Duration::from_millis(1500)),
            _ => {}
        }
    }

    pub(super) fn at_commit(&self, connection: &Connection) -> rusqlite::Result<()> {
        let level = connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
        self.level.store(level, Ordering::SeqCst);
        let run = |sql| connection.execute_batch(sql);
        let error = |code| Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        match self.meet(&[Meets::AppliedThenError, Meets::GoneThenError, Meets::ErrorAlways, Meets::Busy]) {
            Some(Meets::AppliedThenError) => run(COMMIT).and(error(ffi::SQLITE_IOERR_FSYNC)),
            Some(Meets::GoneThenError | Meets::ErrorAlways) => {
                run("ROLLBACK").and(error(ffi::SQLITE_IOERR_FSYNC))
            }
            Some(Meets::Busy) => error(ffi::SQLITE_BUSY),
            _ => run(COMMIT),
        }
    }
}
