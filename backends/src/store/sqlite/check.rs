//! Everything in the database looked at, while others read and write.
//!
//! | of | what | in one snapshot |
//! |---|---|---|
//! | each table | SQLite's `integrity_check`: pages, order and type of keys, each index against its table | the table |
//! | each kind | every row: key, columns, record with its checksum | 256 rows |
//! | the journal | every entry; its number against the last that was given | 256 entries |
//! | the store's own | schema, barrier | each |
//!
//! What is committed is whole, so in a snapshot nothing is ever half there, and no writer makes a false alarm. What
//! belongs to no table (a page in two tables, the list of free pages) a check of one table does not see; a
//! [`backup`](super::backup) does, on its copy.

use std::ops::ControlFlow;

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::record::{Key, Kind, RecordError};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{OpenError, failed, unopened};
use super::report::{KeyId, Part, Problem, Report};
use super::rows::{self, KeyColumn, Statements};
use super::{JOURNAL_AFTER, JOURNAL_END, SqliteStore, connect, schema};

/// How far a check has come.
///
/// # Example: a line for each part
/// ```
/// use std::ops::ControlFlow;
/// use doorward::store::SqliteStore;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("auth.db");
/// let store = SqliteStore::open(&path)?;
/// let mut lines = Vec::new();
/// store.check(|progress| {
///     lines.push(format!("{} of {}, {} rows", progress.part, progress.parts, progress.rows));
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(lines.last().unwrap(), "16 of 16, 0 rows");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckProgress {
    /// Parts that are done.
    pub part: usize,
    /// Parts that there are.
    pub parts: usize,
    /// Rows and journal entries that were looked at.
    pub rows: u64,
}

impl SqliteStore {
    /// Looks at everything in the database, while others read and write, and tells all that is wrong.
    ///
    /// `progress` is called for each part and after each 256 rows; `ControlFlow::Break` ends it there. It reads
    /// the whole file twice. No snapshot is held for longer than SQLite needs for one table; but when a commit's fate is
    /// unknown meanwhile, everybody waits for as long (`Retryable`): a [`backup`](Self::backup) makes way, this does not.
    ///
    /// # Errors
    /// What keeps it from looking: the store cannot be read now, or no more. What it finds wrong is in the [`Report`].
    ///
    /// # Example: what a check tells
    /// ```
    /// use std::ops::ControlFlow;
    /// use doorward::store::SqliteStore;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("auth.db");
    /// let store = SqliteStore::open(&path)?;
    /// # rusqlite::Connection::open(&path)?.execute_batch("DELETE FROM meta")?;
    /// let report = store.check(|_| ControlFlow::Continue(()))?;
    /// assert!(report.is_complete() && !report.is_sound());
    /// for problem in report.problems() {
    ///     assert_eq!(problem.to_string(), "the barrier row is gone: restore a backup");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(
        &self,
        progress: impl FnMut(CheckProgress) -> ControlFlow<()>,
    ) -> Result<Report, StoreError> {
        self.writer.settle()?;
        let place = self.writer.place();
        let connection = connect::source(place.path(), place.patience()).map_err(unopened)?;
        self.writer.vouch_for_a_new_connection()?;
        let mut check = Check { connection, report: Report::default(), progress, part: 0 };
        let ended = check.run();
        self.writer.vouch_for_a_new_connection()?;
        match ended {
            Ok(()) => check.report.complete = true,
            Err(End::Stopped) => {}
            Err(End::Failed(error)) => return Err(error),
        }
        Ok(check.report)
    }
}

struct Check<P> {
    connection: Connection,
    report: Report,
    progress: P,
    part: usize,
}

/// Why it ended before its end.
enum End {
    Stopped,
    Failed(StoreError),
}

impl<P: FnMut(CheckProgress) -> ControlFlow<()>> Check<P> {
    fn run(&mut self) -> Result<(), End> {
        for part in Part::all() {
            let looked = self.structure(part).and_then(|()| match part {
                Part::Schema => self.schema(),
                Part::Rows(kind) => self.rows(kind),
                Part::Journal => self.journal(),
                Part::Meta => self.barrier(),
            });
            match looked {
                Err(End::Failed(error)) => self.unreadable(part, error)?,
                other => other?,
            }
            self.part += 1;
            self.tell()?;
        }
        Ok(())
    }

    fn tell(&mut self) -> Result<(), End> {
        let progress = CheckProgress { part: self.part, parts: Part::COUNT, rows: self.report.counted() };
        if (self.progress)(progress).is_break() { Err(End::Stopped) } else { Ok(()) }
    }

    /// A page that cannot be read is found, not a failure; a lock or a lack of memory is a failure.
    fn unreadable(&mut self, part: Part, error: StoreError) -> Result<(), End> {
        match error.kind() {
            StoreErrorKind::Corrupt | StoreErrorKind::Fatal => {
                self.report.add(Problem::Unreadable { part });
                Ok(())
            }
            StoreErrorKind::Retryable | StoreErrorKind::Unknown => Err(End::Failed(error)),
        }
    }

    fn structure(&mut self, part: Part) -> Result<(), End> {
        let mut statement =
            self.connection.prepare(&format!("PRAGMA integrity_check({})", part.table())).map_err(stop)?;
        let mut lines = statement.query([]).map_err(stop)?;
        while let Some(line) = lines.next().map_err(stop)? {
            let line: String = line.get(0).map_err(stop)?;
            if line != "ok" {
                let message = line.chars().take(MESSAGE).collect();
                self.report.add(Problem::Structure { part, message });
            }
        }
        Ok(())
    }

    fn schema(&mut self) -> Result<(), End> {
        match schema::inspect(&mut self.connection) {
            Ok([]) => {}
            Err(OpenError::Locked) => return Err(End::Failed(unopened(OpenError::Locked))),
            Ok(_) | Err(_) => self.report.add(Problem::Schema),
        }
        Ok(())
    }

    fn rows(&mut self, kind: Kind) -> Result<(), End> {
        let statements = Statements::of(kind);
        let mut last: Option<Value> = None;
        loop {
            let next = {
                let sql = if last.is_some() { statements.after } else { statements.from };
                let mut statement = self.connection.prepare_cached(sql).map_err(stop)?;
                let found = match &last {
                    None => statement.query(params![KeyColumn::least(kind), PAGE]),
                    Some(last) => statement.query(params![last, PAGE]),
                };
                page(kind, &mut found.map_err(stop)?, &mut self.report)?
            };
            self.tell()?;
            match (next, &last) {
                (None, _) => return Ok(()),
                // A page that is damaged can lead back: it would never end.
                (Some(next), Some(last)) if !follows(&next, last) => {
                    let message = "keys that do not ascend".into();
                    self.report.add(Problem::Structure { part: Part::Rows(kind), message });
                    return Ok(());
                }
                (Some(next), _) => last = Some(next),
            }
        }
    }

    fn journal(&mut self) -> Result<(), End> {
        let mut last = i64::MIN;
        loop {
            let (seen, next) = self.entries(last)?;
            self.tell()?;
            if seen == 0 || next <= last {
                return Ok(());
            }
            last = next;
        }
    }

    /// A page of the journal and the number that was given last, of one moment.
    fn entries(&mut self, after: i64) -> Result<(usize, i64), End> {
        let snapshot = self.connection.unchecked_transaction().map_err(stop)?;
        let end = snapshot.query_row(JOURNAL_END, [], |columns| columns.get::<_, i64>(0)).optional();
        let end = end.map_err(stop)?.unwrap_or(0);
        let mut statement = snapshot.prepare_cached(JOURNAL_AFTER).map_err(stop)?;
        let mut found = statement.query(params![after, PAGE]).map_err(stop)?;
        let (mut seen, mut last) = (0, after);
        while let Some(columns) = found.next().map_err(stop)? {
            seen += 1;
            self.report.count(Part::Journal);
            let cursor: i64 = columns.get(0).map_err(stop)?;
            if rows::change(columns).is_err() {
                self.report.add(Problem::Entry { cursor });
            }
            if cursor > end {
                self.report.add(Problem::Beyond { cursor, end });
            }
            last = cursor;
        }
        Ok((seen, last))
    }

    fn barrier(&mut self) -> Result<(), End> {
        let sql = "SELECT count(*) FROM meta WHERE name = 'barrier' AND typeof(value) = 'integer'";
        let found: i64 = self.connection.query_row(sql, [], |columns| columns.get(0)).map_err(stop)?;
        if found != 1 {
            self.report.add(Problem::Barrier);
        }
        Ok(())
    }
}

/// Looks at every row of a page; the last one's key, if there is any.
fn page(kind: Kind, found: &mut rusqlite::Rows<'_>, report: &mut Report) -> Result<Option<Value>, End> {
    let mut last = None;
    while let Some(columns) = found.next().map_err(stop)? {
        report.count(Part::Rows(kind));
        if let Err(problem) = row(kind, columns) {
            report.add(problem);
        }
        last = Some(columns.get::<_, Value>(KEY).map_err(stop)?);
    }
    Ok(last)
}

fn row(kind: Kind, columns: &rusqlite::Row<'_>) -> Result<(), Problem> {
    let id = match (kind, columns.get_ref(KEY)) {
        (Kind::Login, Ok(ValueRef::Text(id))) => Some(id),
        (Kind::Login, _) => None,
        (_, Ok(ValueRef::Blob(id))) => Some(id),
        (_, _) => None,
    };
    let Some(key) = id.and_then(|id| Key::from_parts(kind, id).filter(|key| key.id_bytes() == id)) else {
        return Err(Problem::Key { kind, key: told(kind, columns) });
    };
    rows::row(&key, columns).map(drop).map_err(|error| {
        let key = told(kind, columns);
        let cause = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<RecordError>());
        cause.map_or(Problem::Column { kind, key: key.clone() }, |cause| Problem::Record {
            kind,
            key,
            cause: *cause,
        })
    })
}

/// A login's key is a person's name: it is told by its owner.
fn told(kind: Kind, columns: &rusqlite::Row<'_>) -> KeyId {
    let column = if kind == Kind::Login { OWNER } else { KEY };
    match columns.get_ref(column) {
        Ok(ValueRef::Blob(id)) => KeyId::of(id),
        _ => KeyId::untold(),
    }
}

/// By SQLite's order: text stands before blobs.
fn follows(next: &Value, last: &Value) -> bool {
    match (next, last) {
        (Value::Text(next), Value::Text(last)) => next > last,
        (Value::Blob(next), Value::Blob(last)) => next > last,
        (Value::Blob(_), Value::Text(_)) => true,
        (_, _) => false,
    }
}

fn stop(error: rusqlite::Error) -> End {
    End::Failed(failed(error))
}

/// Where a page's columns hold them: see [`Statements`].
const OWNER: usize = 2;
const KEY: usize = 5;

/// Rows in one snapshot.
const PAGE: i64 = 256;

/// Longer than what SQLite says.
const MESSAGE: usize = 200;
