//! This test binary again as a process of its own, with a disk that fails on demand if asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes calls fail on files whose path, with a `$` at its end, holds a given text. The file named by the variable
/// says which: `sync TEXT` (an I/O error), `write TEXT` (no room) or `write TEXT LENGTH` (no room for a longer one); none
/// while it is not there.
#[cfg(target_os = "linux")]
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_to_fail(const char *call, int file, off64_t end) {
    char link[64], path[4096], asked[16], text[256];
    const char *flag = getenv("DOORWARD_TEST_FAIL");
    if (!flag || access(flag, F_OK)) return 0;
    FILE *order = fopen(flag, "r");
    if (!order) return 0;
    long long length_left = 0;
    int words = fscanf(order, "%15s %255s %lld", asked, text, &length_left);
    fclose(order);
    if (words < 2 || strcmp(asked, call) || (words == 3 && end <= length_left)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 2);
    if (length < 0) return 0;
    path[length] = '$';
    path[length + 1] = 0;
    return strstr(path, text) != 0;
}

static int sync_by(const char *name, int file) {
    if (is_to_fail("sync", file, 0)) { errno = EIO; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return sync_by("fsync", file); }
int fdatasync(int file) { return sync_by("fdatasync", file); }

ssize_t write(int file, const void *bytes, size_t count) {
    if (is_to_fail("write", file, lseek64(file, 0, SEEK_CUR) + count)) { errno = ENOSPC; return -1; }
    return ((ssize_t (*)(int, const void *, size_t)) dlsym(RTLD_NEXT, "write"))(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    if (is_to_fail("write", file, at + count)) { errno = ENOSPC; return -1; }
    return ((ssize_t (*)(int, const void *, size_t, off_t)) dlsym(RTLD_NEXT, "pwrite"))(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    if (is_to_fail("write", file, at + count)) { errno = ENOSPC; return -1; }
    return ((ssize_t (*)(int, const void *, size_t, off64_t)) dlsym(RTLD_NEXT, "pwrite64"))(file, bytes, count, at);
}
"#;

/// The ignored test of this name, on this database.
pub(crate) fn child(test: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--nocapture", "--exact"])
        .arg(test)
        .env("DOORWARD_TEST_PATH", path)
        .stdout(Stdio::null());
    command
}

/// In a child: the database; `None` in a run of all ignored tests.
pub(crate) fn path_of_child() -> Option<PathBuf> {
    std::env::var("DOORWARD_TEST_PATH").ok().map(PathBuf::from)
}

/// A child whose disk fails as the file `fail` beside its database says.
#[cfg(target_os = "linux")]
pub(crate) fn child_on_a_bad_disk(test: &str, path: &Path) -> Command {
    let mut command = child(test, path);
    command
        .env("LD_PRELOAD", shim(path.parent().unwrap()))
        .env("DOORWARD_TEST_FAIL", path.with_file_name("fail"));
    command
}

/// In a child: from now on these calls fail; or none any more.
#[cfg(target_os = "linux")]
pub(crate) fn disk_fails(path: &Path, order: Option<&str>) {
    let flag = path.with_file_name("fail");
    match order {
        Some(order) => {
            fs::write(flag.with_extension("draft"), order).unwrap();
            fs::rename(flag.with_extension("draft"), flag).unwrap();
        }
        None => fs::remove_file(flag).unwrap(),
    }
}

#[cfg(target_os = "linux")]
fn shim(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
    assert!(built.unwrap().success(), "a C compiler builds the shim, as it builds SQLite");
    library
}
