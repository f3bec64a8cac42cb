//! From a path to connections that may be trusted: refused, with the reason, or set up and checked.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorward_core::record::Kind;
use rusqlite::ffi::SQLITE_ERROR;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::error::{OpenError, refused};
use super::place::Identity;
use super::rows::{Statements, TOGETHER};
use super::schema;
use super::writer;

/// The file at this path, made where there is none.
pub(super) fn make(path: &Path) -> Result<Option<Identity>, OpenError> {
    accept(rusqlite::version_number(), rusqlite::version())?;
    create_if_missing(path)?;
    Ok(Identity::at(path).ok().flatten())
}

/// The connection that writes, to a database of the newest schema that is ours.
pub(super) fn writing(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let connection = patiently(busy, || {
        let mut connection = connect(path, Access::Write, busy)?;
        // SQLite opens what it may not write for reading, and says nothing. Asked before anything is read, or
        // it would make a log of the same mode beside the file, and that would stay read-only.
        if connection.is_readonly(MAIN_DB).map_err(refused)? {
            return Err(OpenError::ReadOnly);
        }
        match schema::inspect(&mut connect(path, Access::Read, busy)?) {
            // It may be written, so this says that somebody was killed while the file was made or changed, and left a
            // journal that only a writer rolls back: every program that opens the file does so first.
            Err(OpenError::ReadOnly) => schema::inspect(&mut connection)?,
            seen => seen?,
        };
        prepare(connection)
    })?;
    for kind in Kind::ALL {
        hold(&connection, &Statements::of(kind).writing())?;
    }
    hold(&connection, &writer::STATEMENTS)?;
    Ok(connection)
}

/// A connection that only reads, with its statements prepared.
pub(super) fn reading(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let connection = connect(path, Access::Read, busy)?;
    connection.execute_batch(SETTINGS).map_err(refused)?;
    connection.execute_batch("PRAGMA query_only = ON").map_err(refused)?;
    for kind in Kind::ALL {
        hold(&connection, &Statements::of(kind).reading())?;
    }
    hold(&connection, &TOGETHER.map(|(_, sql)| sql))?;
    Ok(connection)
}

/// A connection for one long look, that needs no statement of a table and that an older schema does.
pub(super) fn source(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let connection = connect(path, Access::Read, busy)?;
    connection.execute_batch(SETTINGS).map_err(refused)?;
    connection.execute_batch("PRAGMA query_only = ON").map_err(refused)?;
    Ok(connection)
}

/// A connection that fills an empty file which nobody else knows and which is thrown away if that fails: without
/// journal, locks and syncs.
pub(super) fn draft(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path, Access::Write, Duration::ZERO)?;
    connection.execute_batch(SETTINGS).map_err(refused)?;
    let settings = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF";
    connection.execute_batch(settings).map_err(refused)?;
    Ok(connection)
}

/// Whether there is not even a schema. Refuses what is not ours to open, and what only says that it is.
pub(super) fn lacks_everything(connection: &mut Connection) -> Result<bool, OpenError> {
    let missing = schema::inspect(connection)?;
    if missing.is_empty() {
        for kind in Kind::ALL {
            hold(connection, &Statements::of(kind).reading())?;
        }
    }
    Ok(schema::is_everything(missing))
}

/// The path as SQLite is to see it: absolute, so that neither a later change of folder nor a name that
/// SQLite takes for something else (`:memory:`, a URI, the empty one) can lead elsewhere.
pub(super) fn locate(path: &Path) -> Result<PathBuf, OpenError> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        return Err(OpenError::NotAPath);
    }
    std::path::absolute(path).map_err(|_| OpenError::NotAPath)
}

/// Versions before 3.51.3 can lose commits when two connections restart the WAL at the same moment.
fn accept(number: i32, found: &'static str) -> Result<(), OpenError> {
    if number < OLDEST {
        return Err(OpenError::OldSqlite { found });
    }
    Ok(())
}

const OLDEST: i32 = 3_051_003;

/// A new file belongs to its owner alone; SQLite gives the log beside it the same mode.
fn create_if_missing(path: &Path) -> Result<(), OpenError> {
    // Closing any handle on a file drops all POSIX locks that this process holds on it, SQLite's too. The
    // lock sees to it that no opener in this process goes on to SQLite while another still holds a new file.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(OpenError::Create(error)),
    }
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

fn connect(path: &Path, access: Access, busy: Duration) -> Result<Connection, OpenError> {
    let access = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(refused)?;
    connection.busy_timeout(busy).map_err(refused)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_HELD);
    Ok(connection)
}

/// More than there are statements, so that none is ever prepared twice.
const STATEMENTS_HELD: usize = 128;

/// For every connection. No function runs because a (damaged or hostile) schema names it; a bad page is an error early;
/// no file beside the database and its log; no mapped memory, where an I/O error would be a signal. The page
/// cache stays small: a large one measured slower, as the system holds the pages too.
const SETTINGS: &str = "
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA mmap_size = 0;
    PRAGMA cache_size = -1024;";

/// For the writer. EXTRA while the file is being made: it also makes the removal of the last rollback
/// journal durable, so that none can come back and undo the log's first page. `fullfsync` asks macOS for a
/// sync that reaches the medium. `secure_delete = FAST` overwrites what is deleted (an old password hash)
/// wherever that costs no further page. A log that grew in a burst is cut back to the size limit.
const WRITER_SETTINGS: &str = "
    PRAGMA synchronous = EXTRA;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA secure_delete = FAST;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 8388608;";

fn prepare(mut connection: Connection) -> Result<Connection, OpenError> {
    connection.execute_batch(SETTINGS).map_err(refused)?;
    for setting in WRITER_SETTINGS.lines() {
        connection.execute_batch(setting).map_err(refused)?;
    }
    let mode: String =
        connection.query_row("PRAGMA journal_mode = wal", [], |columns| columns.get(0)).map_err(refused)?;
    if mode != "wal" {
        return Err(OpenError::NoWal);
    }
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Some locks (a change to WAL, a recovery, a checkpoint) answer BUSY at once instead of waiting for the busy timeout.
pub(super) fn patiently<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.is_transient() && start.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer => return answer,
        }
    }
}

fn hold(connection: &Connection, statements: &[&str]) -> Result<(), OpenError> {
    for sql in statements {
        connection.prepare_cached(sql).map_err(|error| {
            match error.sqlite_error().map(|cause| cause.extended_code) {
                // A table or column is missing: the schema says our version and is not it.
                Some(SQLITE_ERROR) => OpenError::Damaged,
                _ => refused(error),
            }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_can_lose_commits_is_refused() {
        assert!(accept(3_051_003, "3.51.3").is_ok());
        let refused = accept(3_051_002, "3.51.2").unwrap_err();
        assert!(matches!(refused, OpenError::OldSqlite { found: "3.51.2" }));
    }
}
