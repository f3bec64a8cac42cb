//! The C programs of `bindings/c`, compiled by the system's compiler and run.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{NATIVE, STRICT, cc, here, library, output};

/// Each program, and the files that it is made of; a folder stands for those directly in it.
const PROGRAMS: [(&str, &[&str]); 6] = [
    ("login", &["login.c"]),
    ("ten_lines", &["ten_lines.c"]),
    ("server", &["server"]),
    ("own_store", &["own_store"]),
    ("promises", &["own_store/promises", "own_store/rows.c", "own_store/tables.c"]),
    ("story", &["../../ffi/tests/c/story.c"]),
];

const STORES: [&str; 3] = ["sqlite:rows.db", "sled:rows.sled", "memory:"];

#[derive(Clone, Copy, PartialEq)]
enum Link {
    Static,
    Shared,
}

fn in_c(path: &str) -> PathBuf {
    here("../bindings/c").join(path)
}

fn c_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "c")).collect()
}

fn sources(program: &str) -> Vec<PathBuf> {
    let (_, parts) = PROGRAMS.iter().find(|(name, _)| *name == program).unwrap();
    let files = |part: &&str| {
        let path = in_c(part);
        if path.is_dir() { c_files(&path) } else { vec![path] }
    };
    parts.iter().flat_map(files).collect()
}

/// A folder with the program in it, in which it runs.
fn compiled(program: &str, link: Link) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut cc = cc();
    cc.args(["-std=c99", "-g", "-pthread"]).args(STRICT).arg("-I").arg(here("include"));
    cc.args(sources(program)).arg("-o").arg(folder.path().join(program));
    match link {
        Link::Static => cc.arg(&library().archive).args(NATIVE),
        Link::Shared => cc.arg(&library().shared).arg(rpath()),
    };
    output(&mut cc);
    folder
}

fn rpath() -> String {
    format!("-Wl,-rpath,{}", library().shared.parent().unwrap().display())
}

fn run(folder: &tempfile::TempDir, program: &str, arguments: &[&str]) -> String {
    output(Command::new(folder.path().join(program)).current_dir(folder).args(arguments))
}

#[test]
fn every_c_file_belongs_to_a_program() {
    let mut known: Vec<PathBuf> = PROGRAMS.iter().flat_map(|(program, _)| sources(program)).collect();
    let mut folders = vec![in_c("")];
    while let Some(folder) = folders.pop() {
        for file in c_files(&folder) {
            assert!(
                known.contains(&file),
                "{} is in no program: add it to PROGRAMS, and to the Makefile",
                file.display()
            );
            known.retain(|other| *other != file);
        }
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        folders.extend(entries.filter(|path| path.is_dir()));
    }
}

#[test]
fn the_ten_lines_log_in() {
    for link in [Link::Static, Link::Shared] {
        let folder = compiled("ten_lines", link);
        assert_eq!(run(&folder, "ten_lines", &[]), "ada was here\n");
        assert!(folder.path().join("app.key").exists() && folder.path().join("app.db").exists());
    }
}

#[test]
fn login_tells_a_session_s_life_on_each_store() {
    const TOLD: [&str; 13] = [
        "register       DW_OK",
        "login          DW_DENIED: name or password is wrong",
        "login          DW_OK",
        "authenticate   DW_OK",
        "  session      Firefox on Linux, by pwd",
        "cookie         DW_OK",
        "issue          DW_OK",
        "verify         DW_OK",
        "verify         DW_TOKEN_INVALID: made for another audience [audience]",
        "logout         DW_OK",
        "authenticate   DW_GONE: the session has ended [ended]",
        "refresh        DW_TOKEN_INVALID: the session has ended [ended]",
        "handles still open: 0",
    ];
    let folder = compiled("login", Link::Static);
    for store in STORES {
        let said = run(&folder, "login", &[store, "login.key"]);
        let mut lines = said.lines();
        for expected in TOLD {
            assert!(lines.any(|line| line == expected), "{store}: no more {expected:?} in\n{said}");
        }
        assert!(said.contains("  Set-Cookie: __Host-session=...; Max-Age=86"), "{said}");
        assert!(
            said.contains("  Set-Cookie: __Host-session=; Max-Age=0; Path=/; Secure; HttpOnly"),
            "{said}"
        );
    }
    // A second time ada is there already, unless nothing was kept.
    for store in STORES {
        let said = run(&folder, "login", &[store, "login.key"]);
        let is_taken = said.contains("register       DW_TAKEN");
        assert_eq!(is_taken, store != "memory:", "{said}");
    }
}

#[test]
fn the_story_of_every_operation_is_told_on_each_store() {
    let folder = compiled("story", Link::Shared);
    for store in STORES {
        let said = run(&folder, "story", &[store]);
        assert_eq!(said, "accounts and sessions\nwhat becomes of them\ntokens\nupkeep\n", "{store}");
    }
}

/// README shows the program as it is.
#[test]
fn the_ten_lines_of_readme_are_the_program() {
    let readme = fs::read_to_string(here("../README.md")).unwrap();
    let (_, after) = readme.split_once("```c\n").unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    let program = fs::read_to_string(in_c("ten_lines.c")).unwrap();
    assert!(program.ends_with(shown) && shown.starts_with("#include"), "README and ten_lines.c differ");
}

#[test]
fn login_says_what_is_wrong_with_its_store() {
    let folder = compiled("login", Link::Shared);
    let ran =
        Command::new(folder.path().join("login")).current_dir(&folder).arg("mysql:rows").output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("DW_CONFIG_STORE: "), "{said}");
}

#[test]
fn a_store_of_the_host_s_own_tells_the_same_story() {
    let folder = compiled("own_store", Link::Static);
    let said = run(&folder, "own_store", &[]);
    let told: Vec<&str> = said.lines().map(str::trim_end).collect();
    let statuses = [
        "configure      DW_OK",
        "master key     DW_OK",
        "open           DW_OK",
        "register       DW_OK",
        "login          DW_OK",
        "login          DW_OK",
        "authenticate   DW_OK",
        "issue          DW_OK",
        "refresh        DW_OK",
        "verify         DW_OK",
        "sessions       DW_OK",
        "  live         2",
        "logout         DW_OK",
        "authenticate   DW_GONE: the session has ended",
        "authenticate   DW_OK",
        "verify         DW_TOKEN_INVALID: the session has ended",
        "sessions       DW_OK",
        "  live         1",
        "maintain       DW_OK",
        "handles still open: 0",
    ];
    assert_eq!(told, statuses);
}

/// The program fails when a promise is broken by a store that is right, or a mistake is not found.
#[test]
fn the_promises_find_every_mistake() {
    let folder = compiled("promises", Link::Static);
    let said = run(&folder, "promises", &[]);
    assert!(said.ends_with("all as it should be\n"), "{said}");
    assert!(said.matches(" kept\n").count() >= 38, "{said}");
    let (_, mistakes) = said.split_once("broken on purpose\n").unwrap();
    assert!(mistakes.lines().filter(|line| line.starts_with("  ")).count() >= 28, "{said}");
}

#[test]
fn the_server_answers_its_own_clients_on_each_store() {
    let folder = compiled("server", Link::Shared);
    for store in STORES {
        let said = run(&folder, "server", &[store, "server.key", "--self-test"]);
        assert!(said.ends_with("404 requests, 0 wrong answers\n"), "{store}: {said}");
    }
}
