//! What is refused at open, with the reason, and nothing touched.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use doorward::store::SledStore;
use doorward::store::sled::OpenError;
use doorward_core::store::{Expect, Store};

use crate::fixture::{Home, batch, bytes_of, child, copy_folder, create, given, put, read, session};

fn refused(path: &Path) -> OpenError {
    SledStore::open(path).unwrap_err()
}

/// Refused, and every byte in the folder as it was, and nothing new beside it.
fn refused_untouched(home: &Home) -> OpenError {
    let before = bytes_of(home.folder.path());
    let error = refused(&home.path);
    assert!(bytes_of(home.folder.path()) == before, "something was changed: {error}");
    error
}

fn made() -> Home {
    let home = Home::quick();
    create(&home.open(), &session(1), 1);
    home
}

#[cfg(unix)]
#[test]
fn a_new_folder_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = made();
    assert_eq!(fs::metadata(&home.path).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

/// INV-27. sled writes a snapshot of where its pages stand when it is opened; killed at that, it left half of one under
/// another name, took that for its newest the next time, and never opened again.
#[test]
fn inv_27_a_kill_while_it_recovers_leaves_a_folder_that_opens() {
    let home = made();
    let snapshots = || {
        let names =
            fs::read_dir(&home.path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("snap.")).collect::<Vec<_>>()
    };
    drop(home.open());
    let whole = fs::read(home.path.join(snapshots().first().expect("an opening leaves a snapshot"))).unwrap();
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(home.path.join("snap.7FFFFFFFFFFFFFFF.generating"), &whole[..cut]).unwrap();
        assert!(read(&home.open(), &session(1)).is_some(), "cut at {cut}");
        assert!(snapshots().iter().all(|name| !name.ends_with(".generating")), "cut at {cut}");
    }
}

/// sled's own threads let go of its lock a little after the last who used it: the next opening found it locked.
#[test]
fn rows_outlive_the_store_and_it_can_be_opened_again_at_once() {
    let home = Home::quick();
    for number in 1..40 {
        let store = home.open();
        assert!((1..number).all(|number| read(&store, &session(number)).is_some()));
        create(&store, &session(number), number);
    }
}

#[test]
fn a_folder_that_is_open_is_locked_here_and_in_another_process() {
    let home = made();
    let store = home.open();
    let error = refused(&home.path);
    assert!(matches!(error, OpenError::Locked) && error.is_transient(), "{error}");
    let other = child("opening::in_a_child_try_to_open", &home.path, 0).output().unwrap();
    assert!(String::from_utf8(other.stdout).unwrap().contains("answer: locked"));
    create(&store, &session(2), 2);
    drop(store);
    assert!(read(&home.open(), &session(2)).is_some());
}

#[test]
fn what_is_no_path_to_a_folder_is_refused() {
    let home = Home::quick();
    assert!(matches!(refused(Path::new("")), OpenError::NotAPath));
    assert!(matches!(refused(Path::new("/")), OpenError::Foreign));
    assert!(matches!(refused(&home.folder.path().join("no/such/auth")), OpenError::Create(_)));
    fs::write(&home.path, "a diary").unwrap();
    assert!(matches!(refused_untouched(&home), OpenError::NotAFolder));
    assert!(matches!(refused(&home.path.join("below/a/file")), OpenError::Create(_)));
    assert!(matches!(refused(&home.path.join("below")), OpenError::Create(_)));
}

#[test]
fn an_empty_folder_is_refused() {
    let home = Home::quick();
    fs::create_dir(&home.path).unwrap();
    assert!(matches!(refused_untouched(&home), OpenError::Empty));
}

/// sled would write its files into any folder, and would open another program's.
#[test]
fn a_folder_of_something_else_is_refused() {
    let diary = Home::quick();
    fs::create_dir(&diary.path).unwrap();
    fs::write(diary.file("diary.txt"), "dear diary").unwrap();
    let sled = Home::quick();
    drop(sled::open(&sled.path).unwrap());
    let named = made();
    fs::write(named.file("doorward"), "a house with a door").unwrap();
    for home in [diary, sled, named] {
        let error = refused_untouched(&home);
        assert!(matches!(error, OpenError::Foreign), "{error}");
    }
}

#[test]
fn a_newer_format_is_refused() {
    let home = made();
    let mark = fs::read_to_string(home.file("doorward")).unwrap();
    fs::write(home.file("doorward"), mark.replace("format 1", "format 9")).unwrap();
    let error = refused_untouched(&home);
    assert!(matches!(error, OpenError::Newer { found: 9, known: 1 }), "{error}");
}

#[test]
fn a_folder_of_another_sled_is_refused() {
    for (from, to) in [("version: 0.34", "version: 0.29"), ("524288", "262144"), ("false", "true")] {
        let home = made();
        let conf = fs::read(home.file("conf")).unwrap();
        let text = String::from_utf8_lossy(&conf[..conf.len() - 4]).replace(from, to);
        fs::write(home.file("conf"), [text.as_bytes(), &conf[conf.len() - 4..]].concat()).unwrap();
        let error = refused_untouched(&home);
        assert!(matches!(error, OpenError::OtherSled), "{to}: {error}");
    }
}

/// sled makes anew what it misses, and opens an empty database.
#[test]
fn a_folder_that_lacks_a_part_is_refused() {
    for part in ["db", "conf", "blobs"] {
        let home = made();
        if part == "blobs" {
            fs::remove_dir(home.file(part)).unwrap();
        } else {
            fs::remove_file(home.file(part)).unwrap();
        }
        assert!(matches!(refused_untouched(&home), OpenError::Damaged), "{part}");
    }
    let home = made();
    fs::write(home.file("conf"), "short").unwrap();
    assert!(matches!(refused_untouched(&home), OpenError::Damaged));
    let home = made();
    fs::remove_file(home.file("doorward")).unwrap();
    assert!(matches!(refused_untouched(&home), OpenError::Foreign));
}

/// A part of an older copy beside newer parts: sled opens it, and what was acknowledged since is gone.
#[test]
fn inv_26_a_folder_that_lost_acknowledged_commits_is_refused() {
    let home = made();
    let older = home.folder.path().join("older");
    copy_folder(&home.path, &older);
    create(&home.open(), &session(2), 2);
    fs::copy(home.file("doorward"), older.join("doorward")).unwrap();
    assert!(matches!(refused(&older), OpenError::Damaged));
}

/// Damage that sled overlooks need not come with fewer groups: one entry less, or one of an earlier moment, beside all the
/// others. Each entry decodes, and the number of groups is the right one; only their sum tells.
#[test]
fn inv_26_a_folder_that_lost_one_entry_is_refused() {
    let whole = made();
    let keys: Vec<_> = tree_of(&whole.path).iter().keys().map(Result::unwrap).collect();
    assert_eq!(keys.len(), 4, "a row, its two pointers, and what is known of the whole");
    for key in keys {
        let home = Home::quick();
        copy_folder(&whole.path, &home.path);
        let sled = tree_of(&home.path);
        sled.remove(key).unwrap();
        sled.flush().unwrap();
        drop(sled);
        assert!(matches!(refused_once_free(&home.path), OpenError::Damaged));
    }
    let home = Home::quick();
    copy_folder(&whole.path, &home.path);
    let sled = tree_of(&home.path);
    let (key, row) = sled.scan_prefix("r").next().unwrap().unwrap();
    let mut older = row.to_vec();
    older[0] ^= 1; // the first byte of its stamp, which is no part of the record
    sled.insert(key, older).unwrap();
    sled.flush().unwrap();
    drop(sled);
    assert!(matches!(refused_once_free(&home.path), OpenError::Damaged));
}

/// What the store says once sled has let go of its lock, which it does a little late.
fn refused_once_free(path: &Path) -> OpenError {
    loop {
        let error = refused(path);
        if !error.is_transient() {
            return error;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The folder as sled alone sees it. It lets go of its lock a little late.
fn tree_of(path: &Path) -> sled::Db {
    for _ in 0..1000 {
        match sled::Config::new().path(path).flush_every_ms(None).open() {
            Ok(sled) => return sled,
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    panic!("somebody keeps the folder locked");
}

/// Of several that make the store at once one does, and all end up with the same.
#[test]
fn many_first_openers_at_once_all_end_up_with_one_store() {
    for _round in 0..8 {
        let home = Home::quick();
        std::thread::scope(|scope| {
            for number in 0..6 {
                let home = &home;
                scope.spawn(move || create(&patiently(&home.path), &session(number), number));
            }
        });
        let store = home.open();
        assert!((0..6).all(|number| read(&store, &session(number)).is_some()));
        drop(store);
        assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 1, "losers tidy up");
    }
}

#[test]
fn many_first_opening_processes_all_end_up_with_one_store() {
    let home = Home::new();
    let test = "opening::in_a_child_open_and_write";
    let children: Vec<_> =
        (0..4).map(|number| child(test, &home.path, number).stdout(Stdio::null()).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = home.open();
    assert!((0..4).all(|number| read(&store, &session(number)).is_some()));
}

#[test]
#[ignore = "run by many_first_opening_processes_all_end_up_with_one_store"]
fn in_a_child_open_and_write() {
    let Some((path, number)) = given() else { return };
    create(&patiently(&path), &session(number), number);
}

/// Waits for others that have the store open, and for nothing else.
fn patiently(path: &Path) -> SledStore {
    loop {
        match SledStore::open(path) {
            Ok(store) => return store,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a creation that was killed leaves, step by step, stands beside the path and is in nobody's way.
#[test]
fn leftovers_of_a_killed_creation_are_harmless() {
    let whole = made();
    for parts in [&[][..], &["blobs"], &["blobs", "conf"], &["blobs", "conf", "db"]] {
        let home = Home::quick();
        let left = home.folder.path().join(".auth.new-1-1");
        fs::create_dir(&left).unwrap();
        for part in parts {
            if *part == "blobs" {
                fs::create_dir(left.join(part)).unwrap();
            } else {
                fs::copy(whole.file(part), left.join(part)).unwrap();
            }
        }
        let before = bytes_of(&left);
        create(&home.open(), &session(1), 1);
        assert!(bytes_of(&left) == before);
        let error = refused(&left);
        assert!(matches!(error, OpenError::Empty | OpenError::Foreign), "{parts:?}: {error}");
    }
}

/// A process before this one wrote what it could not sync. sled's recovery would build on that, and a sync alone proves
/// nothing: Linux reports a failed write once. So every byte is written again before sled looks.
#[test]
fn inv_26_opening_writes_every_file_again() {
    let home = made();
    fs::write(home.file("blobs").join("1"), "a blob that nothing points to any more").unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let files =
        || bytes_of(&home.path).into_iter().filter(|(_, bytes)| bytes.is_some()).map(|(path, _)| path);
    for file in files() {
        fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
    }
    drop(home.open());
    let untouched: Vec<_> =
        files().filter(|file| fs::metadata(file).unwrap().modified().unwrap() == long_ago).collect();
    assert!(untouched.is_empty(), "{untouched:?}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_or_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let home = made();
    mode(home.folder.path(), 0o755);
    for entry in bytes_of(&home.path).into_keys() {
        mode(&entry, 0o777);
    }
    mode(&home.path, 0o777);
    assert_eq!(as_nobody(&home.path), "opened");
    for (path, before, after, answer) in [
        (home.path.clone(), 0o777, 0o555, "read-only"),
        (home.file("db"), 0o777, 0o444, "read-only"),
        (home.file("doorward"), 0o777, 0o444, "read-only"),
        (home.file("blobs"), 0o777, 0o555, "read-only"),
        (home.path.clone(), 0o777, 0o700, "unreachable"),
    ] {
        mode(&path, after);
        assert_eq!(as_nobody(&home.path), answer, "{path:?}");
        mode(&path, before);
    }
    assert_eq!(as_nobody(&home.folder.path().join("new")), "not created");
}

/// What an unprivileged process says when it opens the folder: permissions do not bind root.
#[cfg(unix)]
fn as_nobody(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    let program = std::env::temp_dir().join(format!("doorward-sled-test-{}", std::process::id()));
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = std::process::Command::new(&program);
    command.args(["--ignored", "--nocapture", "--exact", "opening::in_a_child_try_to_open"]);
    command.env("DOORWARD_TEST_PATH", path).env("DOORWARD_TEST_NUMBER", "0");
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        command.uid(65534);
    }
    let output = command.output().unwrap();
    let _ = fs::remove_file(program);
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, answer) = text.split_once("answer: ").unwrap_or_else(|| panic!("{text}"));
    answer.lines().next().unwrap().to_owned()
}

#[test]
#[ignore = "run by a_folder_that_may_not_be_written_or_read_is_refused and others"]
fn in_a_child_try_to_open() {
    let Some((path, _)) = given() else { return };
    let word = match SledStore::open(path) {
        Ok(_) => "opened",
        Err(OpenError::Locked) => "locked",
        Err(OpenError::ReadOnly) => "read-only",
        Err(OpenError::Unreachable(_)) => "unreachable",
        Err(OpenError::Create(_)) => "not created",
        Err(_) => "refused",
    };
    println!("answer: {word}");
}

#[test]
fn messages_say_what_to_do_and_name_no_path() {
    let home = Home::quick();
    fs::create_dir(&home.path).unwrap();
    fs::write(home.file("doorward"), "x").unwrap();
    let text = refused(&home.path).to_string();
    assert!(text.contains("check the path") && !text.contains("auth"), "{text}");
    let store = made();
    let conflict = batch(2, vec![put(&session(2), 2, Expect::Absent)]);
    assert!(store.open().commit(&conflict).is_ok());
}
