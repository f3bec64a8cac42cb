//! The system's C compiler, and the library as Cargo builds it for C.
#![allow(dead_code)] // each test file takes what it needs

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// What a static library of Rust needs of the system.
pub(crate) const NATIVE: [&str; 5] = ["-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"];

pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The header as it is committed.
pub(crate) fn header() -> String {
    fs::read_to_string(here("include/doorward.h")).unwrap()
}

pub(crate) fn cc() -> Command {
    compiler("cc", "gcc")
}

pub(crate) fn cxx() -> Command {
    compiler("c++", "g++")
}

fn compiler(name: &str, package: &str) -> Command {
    let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(
        asked.is_ok_and(|status| status.success()),
        "there is no `{name}`: install one (apt-get install {package})"
    );
    Command::new(name)
}

/// Runs it to its end and gives what it printed. Panics, with all it said, when it fails or takes minutes.
pub(crate) fn output(command: &mut Command) -> String {
    let said = tempfile::NamedTempFile::new().unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(said.reopen().unwrap())
        .stderr(said.reopen().unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > Duration::from_mins(5) {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let said = fs::read_to_string(said.path()).unwrap();
    assert!(status.success(), "{command:?}: {status}\n{said}");
    said
}

pub(crate) struct Library {
    pub(crate) archive: PathBuf,
    pub(crate) shared: PathBuf,
}

/// `libdoorward.a` and `libdoorward.so`, built in the profile of this test: Cargo does not do that by itself, for the package
/// has nothing that Rust could link. Its lock is free while tests run.
pub(crate) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let built = test.ancestors().nth(2).unwrap();
        let profile = match built.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .current_dir(here(".."))
            .args(["build", "--locked", "--offline", "--package", "libdoorward", "--profile", profile])
            .arg("--message-format=json-render-diagnostics")
            .arg("--target-dir")
            .arg(built.parent().unwrap())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "cargo does not build libdoorward: {}", built.status);
        let files = files_of(&String::from_utf8(built.stdout).unwrap());
        let file = |suffixes: &[&str]| {
            let is_it =
                |file: &&PathBuf| suffixes.iter().any(|suffix| file.to_str().unwrap().ends_with(suffix));
            files.iter().find(is_it).unwrap_or_else(|| panic!("no {suffixes:?} among {files:?}")).clone()
        };
        Library { archive: file(&[".a"]), shared: file(&[".so", ".dylib"]) }
    })
}

/// The files of the library in what Cargo says.
fn files_of(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let library = messages
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "doorward")
        .find(|message| message["target"]["crate_types"].as_array().is_some_and(|types| types.len() == 2));
    let files = library.expect("cargo tells of no library for C")["filenames"].clone();
    serde_json::from_value(files).unwrap()
}
