//! A copy of one moment, made beside readers and writers, that is whole or not there.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use doorward::store::SqliteStore;
use doorward::store::sqlite::{BackupError, OpenError, Progress};
use doorward_core::store::Store;

use crate::fixture::{Home, create, fill, has_pair, hasty, names_in, pair, session};
use crate::process::{child, path_of_child};

pub(crate) fn on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn refused(store: &SqliteStore, target: &Path) -> BackupError {
    store.backup(target, on).unwrap_err()
}

/// SQLite begins a backup anew when somebody else commits: beside these writers it would not end. What was
/// acknowledged before it began is in it, what came after its first page is not, and no batch is torn.
#[test]
fn inv_41_a_backup_is_of_one_moment_and_ends_beside_writers_here_and_elsewhere() {
    let home = Home::new();
    let store = home.open();
    fill(&home, 24);
    let mut elsewhere = child("backup::in_a_child_write_until_told", &home.path).spawn().unwrap();
    let [target, over, first] = ["b.db", "over", "first"].map(|name| home.folder.path().join(name));
    let is_over = AtomicBool::new(false);
    let acknowledged = AtomicU32::new(0);
    let seen = Mutex::new(Vec::new());
    let (before, after) = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1.. {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                store.commit(&pair(number)).unwrap();
                acknowledged.store(number, Ordering::SeqCst);
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                let start = Instant::now();
                has_pair(&store, 1);
                seen.lock().unwrap().push(start.elapsed());
            }
        });
        let _writers_end_however_this_does = Over(&is_over);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !(first.exists() && acknowledged.load(Ordering::SeqCst) > 3) {
            assert!(Instant::now() < deadline, "the writers did not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        let before = acknowledged.load(Ordering::SeqCst);
        let (mut done, mut after, mut elsewhere_by_then, mut steps) = (0, None, None, 0);
        store
            .backup(&target, |progress| {
                assert!(
                    progress.done > done && progress.done <= progress.total,
                    "it began anew: {progress:?}"
                );
                assert!(progress.done - done <= 256, "a step is bounded");
                done = progress.done;
                steps += 1;
                // One commit more may be under way by now.
                let after = *after.get_or_insert(acknowledged.load(Ordering::SeqCst) + 2);
                let elsewhere = *elsewhere_by_then.get_or_insert_with(|| written_elsewhere(&store));
                // Half way through both writers get on, however long that takes them here.
                let start = Instant::now();
                while steps == 12
                    && (acknowledged.load(Ordering::SeqCst) <= after
                        || written_elsewhere(&store) <= elsewhere + 1)
                {
                    assert!(start.elapsed() < Duration::from_secs(20), "commits wait for the backup");
                    std::thread::sleep(Duration::from_millis(5));
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(steps >= 24, "{steps}");
        (before, after.unwrap())
    });
    fs::write(over, "").unwrap();
    assert!(elsewhere.wait().unwrap().success());
    assert!(seen.into_inner().unwrap().iter().all(|taken| *taken < Duration::from_secs(2)), "reads went on");

    let backup = SqliteStore::open(&target).unwrap();
    assert!((1..=before).all(|number| has_pair(&backup, number)), "what was acknowledged is in it");
    let last = acknowledged.into_inner();
    assert!((after..=last).all(|number| !has_pair(&backup, number)), "what came later is not");
    let elsewhere = written_elsewhere(&backup);
    assert!(
        elsewhere >= 1 && elsewhere < written_elsewhere(&store),
        "of the other process, too, it has the part before"
    );
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The first pair that the other process writes.
const ELSEWHERE: u32 = 1_000_000;

fn written_elsewhere(store: &SqliteStore) -> usize {
    (ELSEWHERE..ELSEWHERE + 50_000).take_while(|number| has_pair(store, *number)).count()
}

#[test]
#[ignore = "run by inv_41_a_backup_is_of_one_moment_and_ends_beside_writers_here_and_elsewhere"]
fn in_a_child_write_until_told() {
    let Some(path) = path_of_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    let start = Instant::now();
    for number in ELSEWHERE.. {
        store.commit(&pair(number)).unwrap();
        if number == ELSEWHERE {
            fs::write(path.with_file_name("first"), "").unwrap();
        }
        if path.with_file_name("over").exists() || start.elapsed() > Duration::from_mins(1) {
            return;
        }
    }
}

/// One file, for its owner alone, without a log: who looks at it leaves nothing beside it.
#[test]
fn a_backup_is_one_private_file() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    store.backup(home.folder.path().join("b.db"), on).unwrap();
    drop(store);
    assert_eq!(names_in(home.folder.path()), ["auth.db", "b.db"]);
    let target = home.folder.path().join("b.db");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let header = fs::read(&target).unwrap();
    assert_eq!(&header[18..20], [1, 1], "the header asks for no log");
    let sql =
        rusqlite::Connection::open_with_flags(&target, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let rows: i64 = sql.query_row("SELECT count(*) FROM session", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    assert_eq!(names_in(home.folder.path()), ["auth.db", "b.db"]);
}

#[test]
fn a_target_that_exists_is_untouched() {
    let home = Home::new();
    let store = home.open();
    let target = home.folder.path().join("b.db");
    fs::write(&target, "a diary").unwrap();
    assert!(matches!(refused(&store, &target), BackupError::Exists));
    assert!(matches!(refused(&store, &home.path), BackupError::Exists), "not over itself");
    assert_eq!(fs::read(&target).unwrap(), b"a diary");

    // It comes into being after the first look.
    let late = home.folder.path().join("late.db");
    let outcome = store.backup(&late, |_| {
        fs::write(&late, "a late diary").unwrap();
        ControlFlow::Continue(())
    });
    assert!(matches!(outcome, Err(BackupError::Exists)), "{outcome:?}");
    assert_eq!(fs::read(&late).unwrap(), b"a late diary");
    assert!(!names_in(home.folder.path()).iter().any(|name| name.contains(".new")), "no draft is left");
}

/// SQLite would take the log for the backup's own, and replay it.
#[test]
fn a_log_beside_the_target_is_refused() {
    for ending in ["-wal", "-shm", "-journal"] {
        let home = Home::new();
        let store = home.open();
        fs::write(home.folder.path().join(format!("b.db{ending}")), "a log").unwrap();
        let outcome = refused(&store, &home.folder.path().join("b.db"));
        assert!(matches!(outcome, BackupError::StrayLog), "{ending}: {outcome}");
    }
}

#[test]
fn without_a_folder_there_is_no_backup() {
    let home = Home::new();
    let store = home.open();
    let outcome = refused(&store, &home.folder.path().join("no/folder/b.db"));
    assert!(matches!(outcome, BackupError::Write(_)), "{outcome}");
    assert!(matches!(refused(&store, Path::new("")), BackupError::Refused(OpenError::NotAPath)));
}

#[test]
fn a_backup_that_is_stopped_leaves_nothing_and_holds_nothing() {
    let home = Home::new();
    let store = home.open();
    fill(&home, 4);
    let names = names_in(home.folder.path());
    for steps in 1..4 {
        let mut left = steps;
        let outcome = store.backup(home.folder.path().join("b.db"), |_| {
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(outcome, Err(BackupError::Stopped)), "{outcome:?}");
        assert_eq!(names_in(home.folder.path()), names);
    }
    // The log can be emptied again: opening does it, and waits for nobody.
    drop(hasty().open(&home.path).unwrap());
}

/// A page is damaged while the store is open: the copy is not given its name.
#[test]
fn a_damaged_database_makes_no_backup() {
    let home = Home::new();
    let store = home.open();
    for number in 1..200 {
        create(&store, &session(number), number);
    }
    drop(store);
    let sql = home.sql();
    let root: i64 = sql
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'session'", [], |row| row.get(0))
        .unwrap();
    drop(sql);
    let root = usize::try_from(root).unwrap();
    let mut bytes = fs::read(&home.path).unwrap();
    bytes[(root - 1) * 4096 + 8..root * 4096].fill(0x5a);
    fs::write(&home.path, bytes).unwrap();
    let store = home.open();
    let outcome = refused(&store, &home.folder.path().join("b.db"));
    assert!(matches!(outcome, BackupError::Refused(OpenError::Damaged)), "{outcome}");
    assert!(!names_in(home.folder.path()).iter().any(|name| name.starts_with("b.db")));
}
