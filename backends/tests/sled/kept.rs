//! What an opening keeps until it has come to a good end.

use std::fs;

use doorward::store::SledStore;
use doorward::store::sled::OpenError;

use doorward_core::store::{Store, Write};

use crate::fixture::{Home, batch, bytes_of, copy_folder, create, read, session};

fn made() -> Home {
    let home = Home::quick();
    let store = home.open();
    for number in 0..50 {
        create(&store, &session(number), number);
    }
    home
}

fn kept(home: &Home) -> std::path::PathBuf {
    home.path.join("doorward.kept")
}

/// As an opening leaves them that is killed while sled writes over the files.
fn left_in_the_middle(home: &Home) {
    let copy = home.folder.path().join("copy");
    copy_folder(&home.path, &copy);
    fs::rename(copy, kept(home)).unwrap();
    let data = home.file("db");
    fs::write(&data, vec![0; usize::try_from(fs::metadata(&data).unwrap().len()).unwrap()]).unwrap();
    fs::write(home.path.join("snap.7FFFFFFFFFFFFFFF"), b"of nothing").unwrap();
}

fn is_alone(home: &Home) -> bool {
    !kept(home).exists() && !home.path.join("doorward.half").exists()
}

/// INV-26. `strace` let one read of an opening fail: sled took the whole segment for empty and wrote zeros over it. That opening was
/// refused, and all that had ever been acknowledged was gone. (Zeros at the beginning of the segment do the same to sled.)
#[test]
fn inv_26_an_opening_that_is_refused_leaves_every_byte() {
    let home = made();
    let mut bytes = fs::read(home.file("db")).unwrap();
    bytes[..20].fill(0);
    fs::write(home.file("db"), bytes).unwrap();
    let before = bytes_of(home.folder.path());
    let refused = SledStore::open(&home.path).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged), "{refused:?}");
    assert!(bytes_of(home.folder.path()) == before, "something was changed");
}

#[test]
fn inv_26_inv_27_an_opening_that_is_killed_while_sled_writes_over_the_files_is_made_good_by_the_next() {
    let home = made();
    left_in_the_middle(&home);
    let store = home.open();
    for number in 0..50 {
        assert!(read(&store, &session(number)).is_some(), "{number}");
    }
    assert!(is_alone(&home), "{:?}", bytes_of(&home.path).keys());
    // What is written from now on stays.
    create(&store, &session(50), 50);
    drop(store);
    assert!(read(&home.open(), &session(50)).is_some());
}

/// A copy is put back in a moment in which nobody has the folder open.
#[test]
fn inv_27_nothing_is_put_back_under_an_open_store() {
    let home = made();
    let store = home.open();
    fs::create_dir(kept(&home)).unwrap();
    let before = bytes_of(&home.path);
    assert!(matches!(SledStore::open(&home.path).unwrap_err(), OpenError::Locked));
    assert!(bytes_of(&home.path) == before, "something was changed");
    drop(store);
}

/// Killed while it made the copy, or removed it: there is no copy, and the folder is as it should be.
#[test]
fn inv_27_half_a_copy_is_none() {
    let home = made();
    let (copy, half) = (home.folder.path().join("copy"), home.path.join("doorward.half"));
    copy_folder(&home.path, &copy);
    fs::rename(copy, &half).unwrap();
    fs::write(half.join("db"), b"cut short").unwrap();
    assert!(read(&home.open(), &session(49)).is_some());
    assert!(is_alone(&home));
}

/// A Doorward from before there were copies, or a backup that was laid over the folder, goes on and leaves a copy of earlier rows.
/// Put back, it would let a session live again that was ended since.
#[test]
fn inv_15_inv_20_a_copy_from_before_what_was_acknowledged_is_not_put_back() {
    let home = made();
    let copy = home.folder.path().join("copy");
    copy_folder(&home.path, &copy);
    let store = home.open();
    store.commit(&batch(60, vec![Write::Delete { key: session(7) }])).unwrap();
    drop(store);
    fs::rename(copy, kept(&home)).unwrap();
    let store = home.open();
    assert!(read(&store, &session(7)).is_none(), "it is back");
    assert!(read(&store, &session(8)).is_some());
    assert!(is_alone(&home));
}
