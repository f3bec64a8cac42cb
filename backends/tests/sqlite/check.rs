//! What a check finds, what it says of it, and that writers never alarm it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use doorward::store::SqliteStore;
use doorward::store::sqlite::{CheckProgress, Part, Problem, Report};
use doorward_core::id::SessionId;
use doorward_core::record::{Key, Kind, RecordError};
use doorward_core::store::{Ending, Store};
use doorward_core::time::Timestamp;

use crate::fixture::{Home, account, at, batch, create, hasty, id, name, pair, session, throttle};

fn on(_: CheckProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn report(store: &SqliteStore) -> Report {
    store.check(on).unwrap()
}

fn problem(home: &Home, store: &SqliteStore, damage: &str) -> Vec<Problem> {
    home.sql().execute_batch(damage).unwrap();
    report(store).problems().to_vec()
}

fn ended(number: u32) -> doorward_core::store::Batch {
    let mut ending = batch(number, vec![]);
    ending.journal.push(Ending::Session { session: SessionId::from_bytes(id(number)), until: at(1000) });
    ending
}

#[test]
fn a_sound_database_is_counted_by_kind() {
    let home = Home::new();
    let store = home.open();
    for number in 1..=700 {
        store.commit(&pair(number)).unwrap();
    }
    create(&store, &name("anna"), 701);
    store.commit(&ended(702)).unwrap();
    let report = report(&store);
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(
        (report.rows(Kind::Session), report.rows(Kind::Throttle), report.rows(Kind::Login)),
        (700, 700, 1)
    );
    assert_eq!((report.rows(Kind::Account), report.journal()), (0, 1));
}

/// Rows come, change and go, the journal grows and is purged, here and in a second store: nothing is ever wrong.
#[test]
fn writers_make_no_false_alarm() {
    let home = Home::new();
    let (store, other) = (home.open(), home.open());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (first, store) in [(0, &store), (1_000_000, &other)] {
            let is_over = &is_over;
            scope.spawn(move || {
                for number in first.. {
                    store.commit(&pair(number)).unwrap();
                    store.commit(&ended(number)).unwrap();
                    if number % 7 == 0 {
                        store.purge(Timestamp::MAX, 12).unwrap();
                    }
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        let reports: Vec<Report> = (0..40).map(|_| report(&store)).collect();
        is_over.store(true, Ordering::SeqCst);
        assert!(reports.iter().all(Report::is_sound), "{reports:?}");
        assert!(reports.last().unwrap().rows(Kind::Session) > 0);
    });
}

#[test]
fn each_damage_is_told_by_kind_and_key() {
    let home = Home::new();
    let store = home.open();
    for number in 1..=3 {
        create(&store, &session(number), number);
    }
    store.commit(&ended(9)).unwrap();
    let one = "00000000000000000000000000000001";
    let found = problem(
        &home,
        &store,
        "UPDATE session SET record = x'01020304050607' WHERE key = (SELECT min(key) FROM session)",
    );
    let [Problem::Record { kind: Kind::Session, key, cause: RecordError::Checksum | RecordError::Length }] =
        &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!(key.to_string(), one);
    let found =
        problem(&home, &store, "UPDATE session SET stamp = x'00' WHERE key = (SELECT min(key) FROM session)");
    assert!(
        matches!(&found[..], [Problem::Column { kind: Kind::Session, key }] if key.to_string() == one),
        "{found:?}"
    );
    let found =
        problem(&home, &store, "UPDATE session SET key = x'0011' WHERE key = (SELECT min(key) FROM session)");
    assert!(
        matches!(&found[..], [Problem::Key { kind: Kind::Session, key }] if key.to_string() == "0011"),
        "{found:?}"
    );
    let found =
        problem(&home, &store, "DELETE FROM session WHERE key = x'0011'; UPDATE journal SET kind = 9");
    assert!(matches!(&found[..], [Problem::Entry { cursor: 1 }]), "{found:?}");
    let found = problem(&home, &store, "UPDATE journal SET kind = 4, subject = x'07'");
    assert!(matches!(&found[..], [Problem::Entry { cursor: 1 }]), "a grant has sixteen bytes: {found:?}");
    let found = problem(&home, &store, "UPDATE journal SET subject = zeroblob(16)");
    assert_eq!(found, [], "an ended grant");
    let found =
        problem(&home, &store, "UPDATE journal SET kind = 1, cursor = 7; UPDATE sqlite_sequence SET seq = 3");
    assert!(matches!(&found[..], [Problem::Beyond { cursor: 7, end: 3 }]), "{found:?}");
    let found = problem(&home, &store, "UPDATE sqlite_sequence SET seq = 7; DELETE FROM meta");
    assert_eq!(found, [Problem::Barrier]);
    let found = problem(&home, &store, "INSERT INTO meta VALUES ('barrier', 0); PRAGMA user_version = 77");
    assert_eq!(found, [Problem::Schema]);
    assert_eq!(problem(&home, &store, "PRAGMA user_version = 3"), []);
}

/// An index without one of its table's rows: a logout everywhere by owner would miss a session.
#[test]
fn an_index_that_disagrees_is_found() {
    let home = Home::new();
    let store = home.open();
    create(&store, &session(1), 1);
    drop(store);
    let sql = home.sql();
    sql.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false).unwrap();
    sql.execute_batch(
        "CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'session_owner';
         PRAGMA writable_schema = ON;
         DELETE FROM sqlite_schema WHERE name = 'session_owner';
         PRAGMA writable_schema = RESET;
         INSERT INTO session SELECT x'000000000000000000000000000000ff', stamp, epoch, owner, expires, record FROM session;
         PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema SELECT * FROM kept;
         PRAGMA writable_schema = RESET;
         DROP TABLE kept;",
    )
    .unwrap();
    drop(sql);
    let report = report(&home.open());
    let is_the_index = |problem: &Problem| matches!(problem, Problem::Structure { part: Part::Rows(Kind::Session), message } if message.contains("session_owner"));
    assert!(report.problems().iter().any(is_the_index), "{report:?}");
}

/// It does not stop at the first, and its list does not grow without end.
#[test]
fn all_problems_are_counted_and_a_hundred_are_listed() {
    let home = Home::new();
    let store = home.open();
    for number in 1..=300 {
        store.commit(&pair(number)).unwrap();
    }
    home.sql()
        .execute_batch("UPDATE session SET record = x'00'; UPDATE throttle SET record = x'00'")
        .unwrap();
    let report = report(&store);
    assert_eq!((report.problems().len(), report.unlisted()), (100, 500));
    assert_eq!((report.rows(Kind::Session), report.rows(Kind::Throttle)), (300, 300));
    assert!(report.is_complete() && !report.is_sound());
}

/// A name is a person's: neither it nor its bytes are in what goes to a log.
#[test]
fn inv_30_a_report_names_nobody() {
    let home = Home::new();
    let store = home.open();
    create(&store, &name("anna"), 1);
    for (damage, told) in [
        ("record = x'0102030405060708'", "login 00000000000000000000000000000001"),
        ("key = 'ANNA'", "login 00000000000000000000000000000001"),
        ("owner = NULL", "login ?"),
    ] {
        home.sql().execute_batch(&format!("UPDATE login SET {damage}")).unwrap();
        let report = report(&store);
        let [problem] = report.problems() else { panic!("{report:?}") };
        let text = format!("{problem} {report:?}").to_lowercase();
        assert!(problem.to_string().starts_with(told), "{problem}");
        assert!(!text.contains("anna") && !text.contains("616e6e61") && !text.contains("414e4e41"), "{text}");
    }
}

#[test]
fn a_check_ends_where_it_is_stopped() {
    let home = Home::new();
    let store = home.open();
    for number in 1..=600 {
        create(&store, &session(number), number);
    }
    let mut most = 0;
    let report = store
        .check(|progress| {
            most = progress.rows;
            if progress.rows > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(most, 256);
    assert!(!report.is_complete() && !report.is_sound());
}

/// Every page of the file is overwritten in turn: found, or in no use; never a panic, and always an end.
#[test]
fn a_ruined_page_is_found() {
    let home = Home::new();
    let store = home.open();
    for number in 0..300 {
        store.commit(&pair(number)).unwrap();
    }
    create(&store, &Key::Account(account(1)), 900);
    create(&store, &throttle(901), 901);
    drop(store);
    let whole = std::fs::read(&home.path).unwrap();
    let (mut opened, mut found) = (0, 0);
    for page in 1..whole.len() / 4096 {
        for ruin in [0_u8, 0xff, 0x0d] {
            let mut bytes = whole.clone();
            bytes[page * 4096..(page + 1) * 4096].fill(ruin);
            std::fs::write(&home.path, bytes).unwrap();
            let Ok(store) = hasty().open(&home.path) else { continue };
            opened += 1;
            found += usize::from(!report(&store).is_sound());
        }
    }
    assert!(opened > 30, "{opened}");
    assert_eq!(found, opened, "a ruined page was overlooked");
}
