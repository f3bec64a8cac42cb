//! What is refused at open, with the reason, and nothing touched.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward::store::sqlite::{OpenError, SqliteStore};
use doorward_core::error::StoreErrorKind;
use doorward_core::store::{Expect, Store};

use crate::fixture::{Home, batch, create, hasty, put, read, session};

fn refused(path: &Path) -> OpenError {
    hasty().open(path).unwrap_err()
}

/// Refused, and every byte of the file as it was.
fn refused_untouched(home: &Home) -> OpenError {
    let before = std::fs::read(&home.path).unwrap();
    let error = refused(&home.path);
    assert_eq!(std::fs::read(&home.path).unwrap(), before, "the file was changed");
    error
}

#[cfg(unix)]
#[test]
fn a_new_database_and_its_log_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    for end in ["auth.db", "auth.db-wal", "auth.db-shm"] {
        let mode = std::fs::metadata(home.folder.path().join(end)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
}

#[test]
fn rows_outlive_the_store_and_the_log_is_tidied_away() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    drop(store);
    assert_eq!(std::fs::read_dir(home.folder.path()).unwrap().count(), 1, "one file is left");
    assert!(read(&home.open(), &session(1)).is_some());
}

/// INV-27. A process was killed while it turned a new file into one with a log: its first page was written, and the
/// journal that takes that back is still there. Only a writer rolls back; whoever looked first, for reading, was told that
/// the database is read-only, and so it never opened again.
#[test]
fn inv_27_a_kill_at_its_making_leaves_a_file_that_opens() {
    let home = Home::new();
    drop(
        home.sql().query_row("PRAGMA journal_mode = wal", [], |columns| columns.get::<_, String>(0)).unwrap(),
    );
    assert_eq!(std::fs::metadata(&home.path).unwrap().len(), 4096, "its first page is there");
    // Magic, no page, a nonce, no page before either; sectors and pages of their usual sizes.
    let header = [0xd9d5_05f9, 0x20a1_63d7, 0, 0x6586_e463, 0, 512, 4096_u32];
    let mut journal: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
    journal.resize(512, 0);
    std::fs::write(home.folder.path().join("auth.db-journal"), journal).unwrap();
    create(&home.open(), &session(1), 1);
    assert!(read(&home.open(), &session(1)).is_some());
}

#[test]
fn a_newer_schema_is_refused() {
    let home = Home::new();
    drop(home.open());
    home.sql().pragma_update(None, "user_version", 99).unwrap();
    let error = refused_untouched(&home);
    assert!(matches!(error, OpenError::Newer { found: 99, known: 3 }), "{error}");
}

#[test]
fn a_database_of_another_application_is_refused() {
    let marked = Home::new();
    marked.sql().execute_batch("PRAGMA application_id = 7; CREATE TABLE t (x)").unwrap();
    let unmarked = Home::new();
    unmarked.sql().execute_batch("CREATE TABLE t (x)").unwrap();
    for home in [marked, unmarked] {
        let error = refused_untouched(&home);
        assert!(matches!(error, OpenError::Foreign), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let home = Home::new();
    std::fs::write(&home.path, "a diary, not a database".repeat(100)).unwrap();
    let error = refused_untouched(&home);
    assert!(matches!(error, OpenError::NotADatabase), "{error}");
}

#[test]
fn a_truncated_database_is_refused() {
    let home = Home::new();
    drop(home.open());
    let whole = std::fs::read(&home.path).unwrap();
    std::fs::write(&home.path, &whole[..whole.len() / 2]).unwrap();
    let error = refused_untouched(&home);
    assert!(matches!(error, OpenError::Damaged), "{error}");
}

#[test]
fn a_database_that_lacks_a_table_is_refused() {
    let home = Home::new();
    drop(home.open());
    home.sql().execute_batch("DROP TABLE throttle").unwrap();
    let error = refused(&home.path);
    assert!(matches!(error, OpenError::Damaged), "{error}");
}

#[test]
fn what_is_no_path_to_a_file_is_refused() {
    let home = Home::new();
    assert!(matches!(refused(Path::new("")), OpenError::NotAPath));
    assert!(matches!(refused(Path::new(":memory:")), OpenError::NotAPath));
    let folder = refused(home.folder.path());
    assert!(matches!(folder, OpenError::Unreachable), "{folder}");
    let nowhere = home.folder.path().join("no/such/folder/auth.db");
    assert!(matches!(refused(&nowhere), OpenError::Create(_)));
}

/// SQLite takes `file:…` for a URI where it may: then the options in it could switch off locks.
#[test]
fn a_path_is_never_taken_for_a_uri() {
    let home = Home::new();
    let path = home.folder.path().join("file:x?mode=memory");
    drop(SqliteStore::open(&path).unwrap());
    assert!(path.exists());
}

#[test]
fn a_lock_held_elsewhere_is_waited_for_and_then_said() {
    let home = Home::new();
    drop(home.open());
    let holder = home.sql();
    // Out of WAL, so that the lock keeps readers out too.
    holder.execute_batch("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").unwrap();
    let error = refused(&home.path);
    assert!(matches!(error, OpenError::Locked) && error.is_transient(), "{error}");
    holder.execute_batch("ROLLBACK").unwrap();
    drop(home.open());
}

#[test]
fn a_write_lock_held_elsewhere_fails_commits_as_retryable_and_no_read() {
    let home = Home::new();
    let store = hasty().open(&home.path).unwrap();
    create(&store, &session(1), 1);
    let holder = home.sql();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let creation = batch(2, vec![put(&session(2), 2, Expect::Absent)]);
    assert_eq!(store.commit(&creation).unwrap_err().kind(), StoreErrorKind::Retryable);
    assert!(read(&store, &session(1)).is_some());
    assert!(matches!(refused(&home.path), OpenError::Locked));
    holder.execute_batch("ROLLBACK").unwrap();
    assert!(read(&store, &session(2)).is_none(), "a retryable commit applied nothing");
    create(&store, &session(2), 2);
}

/// Racing openers of a new file: one migrates, the others wait and find it done.
#[test]
fn many_first_openers_at_once_all_succeed() {
    for _round in 0..8 {
        let home = Home::new();
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..6)
                .map(|number| {
                    let home = &home;
                    scope.spawn(move || {
                        let store = home.open();
                        create(&store, &session(number), number);
                    })
                })
                .collect();
            for opener in openers {
                opener.join().unwrap();
            }
        });
        let store = home.open();
        assert!((0..6).all(|number| read(&store, &session(number)).is_some()));
    }
}

/// Whoever empties the log holds a lock that SQLite does not wait for: an opener beside them found the store locked, at
/// once.
#[test]
fn an_opener_waits_for_a_checkpoint_of_its_neighbour() {
    let home = Home::new();
    drop(home.open());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let neighbour = home.sql();
            neighbour.busy_timeout(Duration::from_secs(5)).unwrap();
            neighbour.execute_batch("PRAGMA synchronous = FULL").unwrap();
            while !is_over.load(Ordering::SeqCst) {
                neighbour
                    .execute_batch("UPDATE meta SET value = value + 1; PRAGMA wal_checkpoint(PASSIVE)")
                    .unwrap();
                // It is a lively neighbour, and not one that leaves no gap.
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let opened: Vec<_> = (0..100).map(|_| SqliteStore::open(&home.path).map(drop)).collect();
        is_over.store(true, Ordering::SeqCst);
        assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    });
}

/// First openers in several processes, which share neither locks nor a mutex.
#[test]
fn many_first_opening_processes_all_succeed() {
    let home = Home::new();
    let children: Vec<_> = (0..4)
        .map(|number| child("opening::in_a_child_open_and_write", &home.path, number).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = home.open();
    assert!((0..4).all(|number| read(&store, &session(number)).is_some()));
}

#[test]
#[ignore = "run by many_first_opening_processes_all_succeed"]
fn in_a_child_open_and_write() {
    let Ok(path) = std::env::var("DOORWARD_TEST_PATH") else {
        return;
    };
    let number = std::env::var("DOORWARD_TEST_NUMBER").unwrap().parse().unwrap();
    create(&SqliteStore::open(path).unwrap(), &session(number), number);
}

/// SQLite opens a file that it may not write for reading, and says nothing.
#[cfg(unix)]
#[test]
fn a_read_only_file_or_folder_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let home = Home::new();
    drop(home.open());
    mode(&home.path, 0o444);
    mode(home.folder.path(), 0o777);
    assert_eq!(as_nobody(&home.path), "read-only");
    mode(&home.path, 0o666);
    mode(home.folder.path(), 0o555);
    assert_eq!(as_nobody(&home.path), "read-only");
    mode(home.folder.path(), 0o777);
    assert_eq!(as_nobody(&home.path), "opened");
}

/// What an unprivileged process says when it opens the database: permissions do not bind root.
#[cfg(unix)]
fn as_nobody(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    let program = std::env::temp_dir().join(format!("doorward-test-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = std::process::Command::new(&program);
    command.args(CHILD).arg("opening::in_a_child_try_to_open").env("DOORWARD_TEST_PATH", path);
    if std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        command.uid(65534);
    }
    let output = command.output().unwrap();
    let _ = std::fs::remove_file(program);
    let text = String::from_utf8(output.stdout).unwrap();
    ["read-only", "refused", "opened"]
        .into_iter()
        .find(|word| text.contains(&format!("answer: {word}")))
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

#[test]
#[ignore = "run by a_read_only_file_or_folder_is_refused"]
fn in_a_child_try_to_open() {
    let Ok(path) = std::env::var("DOORWARD_TEST_PATH") else {
        return;
    };
    let word = match hasty().open(path) {
        Ok(_) => "opened",
        Err(OpenError::ReadOnly) => "read-only",
        Err(_) => "refused",
    };
    println!("answer: {word}");
}

fn child(test: &str, path: &Path, number: u32) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(CHILD)
        .arg(test)
        .env("DOORWARD_TEST_PATH", path)
        .env("DOORWARD_TEST_NUMBER", number.to_string())
        .stdout(std::process::Stdio::null());
    command
}

const CHILD: [&str; 3] = ["--ignored", "--nocapture", "--exact"];

#[test]
fn messages_say_what_to_do_and_name_no_path() {
    let home = Home::new();
    std::fs::write(&home.path, [1; 4096]).unwrap();
    let text = refused(&home.path).to_string();
    assert!(text.contains("check the path") && !text.contains("auth.db"), "{text}");
    assert!(hasty().busy_timeout(Duration::ZERO).open(home.folder.path().join("b.db")).is_ok());
}
