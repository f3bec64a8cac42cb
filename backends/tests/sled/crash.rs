//! What is there after the process is gone at any moment.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use doorward::store::SledStore;
use doorward_core::record::Kind;
use doorward_core::store::{Cursor, Ending, Expect, Range, Store};

use crate::fixture::{
    Home, at, batch, bytes_of, child, copy_folder, create, given, id, put, read, session, throttle,
};

/// INV-26. A process commits from four threads and says what was acknowledged, and is killed. All of it is there, and
/// each batch whole or not at all; and the next process goes on with the same folder.
#[test]
fn inv_26_every_acknowledged_batch_survives_a_kill() {
    let home = Home::new();
    let mut acknowledged: Vec<u32> = Vec::new();
    for round in 0..12 {
        let mut process = child("crash::in_a_child_commit_until_killed", &home.path, round)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut heard = 0;
        for line in lines {
            let line = line.unwrap();
            let Some(number) = line.split_once("applied: ").map(|(_, number)| number) else { continue };
            acknowledged.push(number.parse().unwrap());
            heard += 1;
            if heard == 20 + 7 * round {
                process.kill().unwrap();
            }
        }
        process.wait().unwrap();
        assert!(heard >= 20, "the child died by itself");

        let store = home.open();
        for number in &acknowledged {
            assert!(read(&store, &session(*number)).is_some(), "round {round} lost {number}");
        }
        let sessions = store.scan(&Range { kind: Kind::Session, owner: None, after: None }, 99_999).unwrap();
        let throttles =
            store.scan(&Range { kind: Kind::Throttle, owner: None, after: None }, 99_999).unwrap();
        assert!(
            sessions
                .iter()
                .map(|(key, _)| key.id_bytes())
                .eq(throttles.iter().map(|(key, _)| key.id_bytes()))
        );
        let journal = store.changes(Cursor::START, 99_999).unwrap();
        assert_eq!(journal.entries.len(), sessions.len(), "round {round} tore a batch");
        assert_eq!(journal.end.number(), sessions.len() as u64);
    }
}

#[test]
#[ignore = "run by inv_26_every_acknowledged_batch_survives_a_kill"]
fn in_a_child_commit_until_killed() {
    let Some((path, round)) = given() else { return };
    let store = SledStore::open(path).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in (round * 1_000_000 + thread * 100_000..).take(2000) {
                    store.commit(&whole(number)).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "applied: {number}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
    std::thread::sleep(Duration::from_mins(1));
}

fn whole(number: u32) -> doorward_core::store::Batch {
    let writes =
        vec![put(&session(number), number, Expect::Absent), put(&throttle(number), number, Expect::Absent)];
    let mut batch = batch(number, writes);
    let session = doorward_core::id::SessionId::from_bytes(id(number));
    batch.journal.push(Ending::Session { session, until: at(9_000_000_000_000) });
    batch
}

/// A kill in the middle of a group that nobody was told of leaves any part of what it wrote. The folder opens, with all
/// that was acknowledged, and the group whole or not at all.
#[test]
fn a_torn_group_is_whole_or_not_there() {
    let home = Home::quick();
    let store = home.open();
    for number in 1..=30 {
        create(&store, &session(number), number);
    }
    drop(store);
    drop(home.open());
    let before = bytes_of(&home.path);
    let store = home.open();
    let many: Vec<_> = (100..160).map(|number| put(&session(number), 99, Expect::Absent)).collect();
    store.commit(&batch(99, many)).unwrap();
    let last = home.folder.path().join("last");
    copy_folder(&home.path, &last);
    drop(store);
    let (old, new) = (before[&home.file("db")].clone().unwrap(), fs::read(last.join("db")).unwrap());
    let first = old.iter().zip(&new).position(|(old, new)| old != new).unwrap_or(old.len().min(new.len()));
    let end = new.len() - new.iter().rev().take_while(|byte| **byte == 0).count();
    assert!(end > first + 4000, "the group is somewhere in between: {first}..{end}");

    let (mut without, mut with) = (0, 0);
    for cut in (first..=end).step_by((end - first) / 60).chain([end - 1, end]) {
        let torn = home.folder.path().join(format!("torn-{cut}"));
        copy_folder(&last, &torn);
        let mut bytes = new.clone();
        let rest = old.get(cut..).unwrap_or_default();
        bytes.truncate(cut);
        bytes.extend(rest);
        fs::write(torn.join("db"), bytes).unwrap();
        fs::write(torn.join("doorward"), before[&home.file("doorward")].clone().unwrap()).unwrap();
        let store = SledStore::open(&torn).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let found = store.scan(&Range { kind: Kind::Session, owner: None, after: None }, 999).unwrap().len();
        assert!(found == 30 || found == 90, "cut at {cut} left {found}");
        *(if found == 30 { &mut without } else { &mut with }) += 1;
        create(&store, &session(500), 500);
        drop(store);
        assert!(read(&SledStore::open(&torn).unwrap(), &session(500)).is_some());
        fs::remove_dir_all(torn).unwrap();
    }
    assert!(without > 10 && with > 0, "{without} without, {with} with");
}
