//! Every file that sled writes is synced, and a sync that fails is heard: a shim below the C library makes those of one file
//! fail on demand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use doorward::store::SledStore;
use doorward::store::sled::OpenError;
use doorward_core::error::StoreErrorKind;
use doorward_core::id::SessionId;
use doorward_core::model::data::DataRecord;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Expect, Store, Write};

use crate::fixture::{Home, batch, child, create, given, id, put, read, row, session, stamp};

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The flag holds the end of a path, or a part of one that ends in a slash. */
static int is_to_fail(int file) {
    char link[64], path[4096], part[256];
    const char *flag = getenv("DOORWARD_TEST_FAIL");
    FILE *read = flag ? fopen(flag, "r") : NULL;
    if (!read) return 0;
    size_t count = fread(part, 1, sizeof part - 1, read);
    fclose(read);
    part[count] = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!count || length < (ssize_t) count) return 0;
    path[length] = 0;
    if (part[count - 1] == '/' || part[count - 1] == '.') return strstr(path, part) != NULL;
    return !strcmp(path + length - count, part);
}

static int sync_by(const char *name, int file) {
    if (is_to_fail(file)) { errno = EIO; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return sync_by("fsync", file); }
int fdatasync(int file) { return sync_by("fdatasync", file); }
"#;

/// What a child with the shim says when the syncs of this file fail.
fn says(home: &Home, shim: &Path, step: u32, file: &str) -> String {
    let flag = home.folder.path().join("fail");
    let _none = fs::remove_file(&flag);
    let output = child("syncs::in_a_child_fail_to_sync", &home.path, step)
        .env("LD_PRELOAD", shim)
        .env("DOORWARD_TEST_FAIL", &flag)
        .env("DOORWARD_TEST_FILE", file)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, answer) = text.split_once("answer: ").unwrap_or_else(|| panic!("{text}"));
    answer.lines().next().unwrap().to_owned()
}

const COMMIT: u32 = 0;
const COMMIT_LARGE: u32 = 1;
const OPEN: u32 = 2;
const NONE: &str = "/no such file";

#[test]
fn inv_26_a_commit_hears_of_every_sync_that_it_needs() {
    let home = Home::new();
    let shim = shim(home.folder.path());
    create(&home.open(), &session(1), 1);
    assert_eq!(says(&home, &shim, COMMIT, NONE), "applied");
    assert_eq!(says(&home, &shim, COMMIT_LARGE, NONE), "applied");
    assert_eq!(says(&home, &shim, COMMIT, "/auth/db"), "Unknown");
    assert_eq!(says(&home, &shim, COMMIT_LARGE, "/auth/blobs/"), "Unknown");
    assert_eq!(says(&home, &shim, COMMIT_LARGE, "/auth/blobs"), "Unknown");
    assert!(
        fs::read_dir(home.file("blobs")).unwrap().count() > 0,
        "no row was large enough for a file of its own"
    );
    assert!(read(&home.open(), &session(1)).is_some());
}

#[test]
fn inv_26_an_opening_hears_of_every_sync_that_it_needs() {
    let home = Home::new();
    let shim = shim(home.folder.path());
    create(&home.open(), &session(1), 1);
    assert_eq!(says(&home, &shim, COMMIT_LARGE, NONE), "applied");
    assert_eq!(says(&home, &shim, OPEN, NONE), "applied");
    for file in
        ["/auth/db", "/auth/conf", "/auth/doorward", "/auth/snap.", "/auth/blobs/", "/auth/blobs", "/auth"]
    {
        assert_eq!(says(&home, &shim, OPEN, file), "failed", "{file}");
    }
    assert!(read(&home.open(), &session(1)).is_some());
}

#[test]
fn inv_26_a_creation_hears_of_every_sync_that_it_needs() {
    let home = Home::new();
    let shim = shim(home.folder.path());
    for file in ["/db", "/conf", "/doorward", "/blobs"] {
        assert_eq!(says(&home, &shim, OPEN, file), "not created", "{file}");
        assert!(!home.path.exists(), "{file}");
    }
    let folder = home.folder.path().to_str().unwrap().to_owned();
    assert_eq!(says(&home, &shim, OPEN, &folder), "not created");
}

#[test]
#[ignore = "run by the others"]
fn in_a_child_fail_to_sync() {
    let Some((path, step)) = given() else { return };
    let [flag, file] = ["DOORWARD_TEST_FAIL", "DOORWARD_TEST_FILE"].map(|name| std::env::var(name).unwrap());
    let fail = || fs::write(&flag, &file).unwrap();
    if step == OPEN {
        fail();
        let word = match SledStore::open(path) {
            Ok(_) => "applied",
            Err(OpenError::Io(_)) => "failed",
            Err(OpenError::Create(_)) => "not created",
            Err(error) => return println!("answer: {error:?}"),
        };
        return println!("answer: {word}");
    }
    let store = SledStore::open(path).unwrap();
    let number = 100 + std::process::id() % 1_000_000 * 10;
    fail();
    let writes = match step {
        COMMIT => vec![put(&session(number), number, Expect::Absent)],
        _ => vec![large(number)],
    };
    let answer = store.commit(&batch(number, writes));
    fs::remove_file(&flag).unwrap();
    match answer {
        Ok(_) => println!("answer: applied"),
        Err(error) => {
            println!("answer: {:?}", error.kind());
            assert_eq!(store.read(&[session(1)]).unwrap_err().kind(), StoreErrorKind::Retryable);
        }
    }
}

/// sled puts a page beyond 128 KiB into a file of its own.
fn large(number: u32) -> Write {
    let key = Key::Data(SessionId::from_bytes(id(number)));
    let record = DataRecord { bytes: vec![7; 200 * 1024] }.into();
    let row = Row { record, ..row(&session(number), stamp(number)) };
    Write::Put { key, row, expect: Expect::Absent }
}

fn shim(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
    assert!(built.unwrap().success(), "a C compiler builds the shim");
    library
}
