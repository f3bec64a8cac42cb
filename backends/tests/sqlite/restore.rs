//! The way back from a lost database, and the traps beside it.

use std::fs;
use std::sync::Arc;

use doorward::core::password::Argon2Params;
use doorward::store::SqliteStore;
use doorward::store::sqlite::{BackupError, OpenError};
use doorward::{AuthenticateError, Engine, Login, LoginError, MasterKey, Policy, Register};
use doorward_core::store::Store;

use crate::backup::on;
use crate::fixture::{Home, OLDER, copy_image, create, has_pair, names_in, of_version, pair, session};

const PASSWORD: &str = "the right and proper password";

pub(crate) fn engine(store: Arc<SqliteStore>) -> Engine {
    let argon2 = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(1).unwrap();
    let policy = Policy::builder().argon2(argon2).build().unwrap();
    Engine::builder(store).master_key(MasterKey::new(1, [0x42; 32])).policy(policy).open().unwrap()
}

/// The module's documentation, told as it goes: backup, loss, restore, `after_restore`.
#[test]
fn inv_15_the_way_back_from_a_lost_database() {
    let home = Home::new();
    let backup = home.folder.path().join("b.db");
    let store = Arc::new(home.open());
    let before = engine(Arc::clone(&store));
    let ada = before.register(Register::new("ada", PASSWORD)).unwrap();
    let ended = before.login(Login::new("ada", PASSWORD)).unwrap().token;
    let live = before.login(Login::new("ada", PASSWORD)).unwrap().token;
    store.backup(&backup, on).unwrap();
    before.logout(ended.expose()).unwrap();
    before.register(Register::new("bob", PASSWORD)).unwrap();
    drop((before, store));

    // Lost, with all that lies beside it.
    for name in names_in(home.folder.path()).iter().filter(|name| name.starts_with("auth.db")) {
        fs::remove_file(home.folder.path().join(name)).unwrap();
    }
    SqliteStore::restore(&backup, &home.path, on).unwrap();
    assert_eq!(names_in(home.folder.path()), ["auth.db", "b.db"]);

    // Whoever forgets the next step lets back in what was logged out after the backup: a known weakness.
    let forgetful = engine(Arc::new(home.open()));
    assert!(forgetful.authenticate(ended.expose()).is_ok(), "a session that was ended is back");
    drop(forgetful);

    let after = engine(Arc::new(home.open()));
    after.after_restore().unwrap();
    for token in [&ended, &live] {
        assert!(matches!(after.authenticate(token.expose()), Err(AuthenticateError::Gone(_))));
    }
    assert_eq!(after.login(Login::new("ada", PASSWORD)).unwrap().session.account, ada);
    assert!(matches!(after.login(Login::new("bob", PASSWORD)), Err(LoginError::Denied)), "bob came later");
    // The backup is as it was, and may be needed again.
    assert!(SqliteStore::open(&backup).is_ok());
}

/// The trap: a log of the lost database is replayed over whatever file has its name.
#[test]
fn a_log_left_beside_a_copied_backup_is_replayed_over_it() {
    let home = Home::new();
    let backup = home.folder.path().join("b.db");
    let store = home.open();
    store.commit(&pair(1)).unwrap();
    store.backup(&backup, on).unwrap();
    store.commit(&pair(2)).unwrap();
    // As a kill leaves them; then only the database is replaced.
    let killed = home.folder.path().join("killed.db");
    copy_image(&home.path, &killed);
    fs::remove_file(&killed).unwrap();
    fs::copy(&backup, &killed).unwrap();
    let mixed = SqliteStore::open(&killed);
    assert!(mixed.is_ok_and(|store| has_pair(&store, 2)), "what the backup never held");

    // `restore` sees the trap.
    let second = home.folder.path().join("second.db");
    copy_image(&home.path, &second);
    fs::remove_file(&second).unwrap();
    assert!(matches!(SqliteStore::restore(&backup, &second, on), Err(BackupError::StrayLog)));
    fs::remove_file(home.folder.path().join("second.db-wal")).unwrap();
    SqliteStore::restore(&backup, &second, on).unwrap();
    let restored = SqliteStore::open(&second).unwrap();
    assert!(has_pair(&restored, 1) && !has_pair(&restored, 2));
}

#[test]
fn a_restore_overwrites_nothing() {
    let home = Home::new();
    let backup = home.folder.path().join("b.db");
    let store = home.open();
    create(&store, &session(1), 1);
    store.backup(&backup, on).unwrap();
    drop(store);
    let before = fs::read(&home.path).unwrap();
    assert!(matches!(SqliteStore::restore(&backup, &home.path, on), Err(BackupError::Exists)));
    assert_eq!(fs::read(&home.path).unwrap(), before);
}

#[test]
fn what_is_not_worth_having_is_not_restored() {
    let home = Home::new();
    drop(home.open());
    let at = |name: &str| home.folder.path().join(name);
    let whole = fs::read(&home.path).unwrap();
    fs::write(at("short"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at("diary"), "a diary, not a database".repeat(100)).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::copy(&home.path, at("newer")).unwrap();
    fs::copy(&home.path, at("lacking")).unwrap();
    let sql =
        |name: &str, text: &str| rusqlite::Connection::open(at(name)).unwrap().execute_batch(text).unwrap();
    sql("newer", "PRAGMA journal_mode = DELETE; PRAGMA user_version = 99");
    sql("lacking", "PRAGMA journal_mode = DELETE; DROP TABLE throttle");
    sql("foreign", "CREATE TABLE t (x)");
    let refused = |name: &str| {
        let error = SqliteStore::restore(at(name), at("target"), on).unwrap_err();
        assert!(!at("target").exists(), "{name}");
        error
    };
    assert!(matches!(refused("nowhere"), BackupError::Missing));
    assert!(matches!(refused("empty"), BackupError::Empty));
    assert!(matches!(refused("short"), BackupError::Refused(OpenError::Damaged)));
    assert!(matches!(refused("diary"), BackupError::Refused(OpenError::NotADatabase)));
    assert!(matches!(refused("newer"), BackupError::Refused(OpenError::Newer { found: 99, .. })));
    assert!(matches!(refused("lacking"), BackupError::Refused(OpenError::Damaged)));
    assert!(matches!(refused("foreign"), BackupError::Refused(OpenError::Foreign)));
    assert!(!names_in(home.folder.path()).iter().any(|name| name.contains(".new")));
}

/// A backup of an older version is taken, and migrated when it is opened.
#[test]
fn a_backup_of_an_older_schema_is_restored() {
    for version in 1..=OLDER.len() {
        let home = Home::new();
        let backup = home.folder.path().join("old.db");
        drop(of_version(&backup, version));
        SqliteStore::restore(&backup, &home.path, on).unwrap();
        create(&home.open(), &session(1), 1);
    }
}

/// A copy of a database that is open elsewhere, log and all, loses neither its rows nor its owner's locks.
#[test]
fn a_source_that_is_open_is_read_with_its_log() {
    let home = Home::new();
    let store = home.open();
    store.commit(&pair(1)).unwrap();
    let copy = home.folder.path().join("copy.db");
    SqliteStore::restore(&home.path, &copy, on).unwrap();
    assert!(has_pair(&SqliteStore::open(&copy).unwrap(), 1));
    store.commit(&pair(2)).unwrap();
    assert!(has_pair(&home.open(), 2));
}
