//! The example's store keeps what it says, and is short enough to start from.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

use std::fs;

use doorward_core::id::{SessionId, Stamp};
use doorward_core::store::{Batch, Commit, Cursor, Durability, Ending, Store};
use doorward_core::time::Timestamp;
use store::{Home, LogStore};
use tempfile::tempdir;

#[path = "../examples/custom_store/store.rs"]
mod store;

mod kit {
    doorward_conformance::suite!(super::Home(super::tempdir().unwrap()));
}

#[test]
fn the_example_with_its_fixture_has_fewer_than_150_lines() {
    let lines = include_str!("../examples/custom_store/store.rs").lines().count();
    assert!(lines < 150, "{lines}");
}

#[test]
fn the_example_is_built_into_a_program_that_asks_the_whole_kit() {
    let main = include_str!("../examples/custom_store/main.rs");
    assert!(main.contains("verdicts(") && main.contains("Verdict::Broken"));
}

#[test]
fn a_second_handle_is_refused_and_a_later_one_is_not() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("auth.log");
    let first = LogStore::open(&path).unwrap();
    assert!(LogStore::open(&path).is_err());
    drop(first);
    assert!(LogStore::open(&path).is_ok());
}

#[test]
fn a_torn_tail_is_cut_and_what_was_applied_before_it_stays() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("auth.log");
    let store = LogStore::open(&path).unwrap();
    apply(&store, 1);
    let before = fs::read(&path).unwrap().len();
    apply(&store, 2);
    drop(store);
    let whole = fs::read(&path).unwrap();
    for length in before..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let store = LogStore::open(&path).unwrap();
        assert_eq!(told(&store), 1, "torn at {length}");
        apply(&store, 3); // and it goes on from there
        drop(store);
        assert_eq!(told(&LogStore::open(&path).unwrap()), 2, "torn at {length}");
    }
}

/// What is behind the damage was acknowledged: to cut it off would bring back who was logged out.
#[test]
fn damage_before_the_last_frame_is_refused_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("auth.log");
    let store = LogStore::open(&path).unwrap();
    let before = fs::read(&path).unwrap().len();
    apply(&store, 1);
    apply(&store, 2);
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let frame = (bytes.len() - before) / 2;
    for at in before..before + frame {
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(LogStore::open(&path).is_err(), "damaged at {at}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        bytes[at] ^= 1;
    }
}

/// A log that was just opened is one frame. One flipped bit in it was taken for a torn tail: the store opened empty, and
/// wrote that down in place of all that there was.
#[test]
fn damage_to_the_only_frame_is_refused_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("auth.log");
    apply(&LogStore::open(&path).unwrap(), 1);
    drop(LogStore::open(&path).unwrap());
    let whole = fs::read(&path).unwrap();
    for at in 0..=whole.len() {
        let mut bytes = whole.clone();
        match bytes.get_mut(at) {
            Some(byte) => *byte ^= 1,
            None => bytes.clear(),
        }
        fs::write(&path, &bytes).unwrap();
        assert!(LogStore::open(&path).is_err(), "damaged at {at}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

fn ending(number: u8) -> Batch {
    let mut batch = Batch::new(Stamp::from_bytes([number; 16]), Durability::Durable);
    let (session, until) = (SessionId::from_bytes([number; 16]), Timestamp::from_millis(i64::MAX));
    batch.journal.push(Ending::Session { session, until });
    batch
}

fn apply(store: &LogStore, number: u8) {
    assert_eq!(store.commit(&ending(number)).unwrap(), Commit::Applied);
}

fn told(store: &LogStore) -> usize {
    store.changes(Cursor::START, 100).unwrap().entries.len()
}
