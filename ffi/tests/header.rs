//! The committed header is what the code says. `DOORWARD_BLESS=1` writes it anew.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// In the order in which a reader wants them.
const SOURCES: [&str; 19] = [
    "text",
    "status",
    "failure",
    "id",
    "config",
    "engine",
    "result",
    "result/token",
    "operation/account",
    "operation/login",
    "operation/session",
    "operation/data",
    "operation/token",
    "operation/key",
    "operation/upkeep",
    "events",
    "web",
    "rows",
    "context",
];
const STEPS: [&str; 2] = ["op", "operation/take"];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn generated() -> String {
    let mut config = cbindgen::Config::from_file(here("cbindgen.toml")).unwrap();
    config.header = Some(preamble());
    config.after_includes = Some(version_macros());
    let sources = SOURCES.iter().chain(&STEPS).map(|name| here("src").join(name).with_extension("rs"));
    let builder = sources.fold(cbindgen::Builder::new().with_config(config), cbindgen::Builder::with_src);
    let mut bytes = Vec::new();
    builder.generate().unwrap().write(&mut bytes);
    for_c(&String::from_utf8(bytes).unwrap())
}

fn preamble() -> String {
    let mut lines = String::from("/*\n");
    for line in include_str!("../CONVENTIONS.md").lines() {
        assert!(!line.contains("*/"));
        writeln!(lines, "{}", format!(" * {line}").trim_end()).unwrap();
    }
    lines
        + " *\n * Written out of the sources: `DOORWARD_BLESS=1 cargo test -p doorward-ffi --test header`.\n */"
}

fn version_macros() -> String {
    let [major, minor, patch] =
        [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];
    format!(
        r#"
/* The version of this header; `dw_version()` is that of the library. */
#define DW_VERSION "{major}.{minor}.{patch}"
#define DW_VERSION_MAJOR {major}
#define DW_VERSION_MINOR {minor}
#define DW_VERSION_PATCH {patch}

/* A string literal as a pointer and a length: `dw_register(engine, DW_LITERAL("ada"), ...)`. */
#define DW_LITERAL(text) ("" text), (sizeof(text) - 1)"#
    )
}

/// Comments as C's readers have them, without what is for Rust's readers alone: which functions are unsafe to call.
fn for_c(header: &str) -> String {
    let mut header_for_c = String::new();
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        if line.contains('(') && !line.starts_with(['#', ' ', '/', 't', 'D']) {
            writeln!(header_for_c, "{}", prototype(line, &mut lines)).unwrap();
            continue;
        }
        if line.trim() != "/*" || header_for_c.is_empty() {
            header_for_c.extend([line, "\n"]);
            continue;
        }
        let indent = line.trim_end_matches("/*");
        let comment = lines.by_ref().map(str::trim).take_while(|line| *line != "*/");
        let comment = comment.collect::<Vec<_>>().join("\n");
        let comment = comment.split("# Safety").next().unwrap().trim();
        let comment = comment.replace('\n', &format!("\n{indent} * ")).replace("* \n", "*\n");
        writeln!(header_for_c, "{indent}/* {comment} */").unwrap();
    }
    header_for_c
}

/// A function on as many lines as it needs, by the names of its types.
fn prototype<'a>(first: &'a str, others: &mut impl Iterator<Item = &'a str>) -> String {
    let mut whole = first.to_owned();
    while !whole.ends_with(';') {
        whole.extend([" ", others.next().unwrap().trim()]);
    }
    let whole = whole.replace("struct ", "").replace("enum ", "");
    let mut wrapped = String::new();
    let mut column = 0;
    for word in whole.split_inclusive(", ").flat_map(|part| part.split_inclusive('(')) {
        if column + word.trim_end().len() > 105 {
            wrapped.truncate(wrapped.trim_end().len());
            wrapped += "\n    ";
            column = 4;
        }
        wrapped += word;
        column += word.len();
    }
    wrapped
}

#[test]
fn the_header_is_what_the_code_says() {
    let (path, generated) = (here("include/doorward.h"), generated());
    if std::env::var_os("DOORWARD_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(generated.lines()).position(|(one, other)| one != other);
    assert!(
        committed == generated,
        "include/doorward.h is stale from line {:?} on: DOORWARD_BLESS=1 cargo test -p doorward-ffi --test header",
        differs.map(|line| line + 1)
    );
}

#[test]
fn every_source_with_entries_is_in_the_header() {
    let listed: Vec<PathBuf> =
        SOURCES.iter().chain(&STEPS).map(|name| here("src").join(name).with_extension("rs")).collect();
    for folder in ["src", "src/operation", "src/result"] {
        for entry in fs::read_dir(here(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && fs::read_to_string(&path).unwrap().contains("no_mangle") {
                assert!(listed.contains(&path), "{} is missing in the header", path.display());
            }
        }
    }
}

/// Where a signature takes an integer for an enum, nothing but the list in `cbindgen.toml` brings it into the header.
#[test]
fn every_enum_is_in_the_header() {
    let header = fs::read_to_string(here("include/doorward.h")).unwrap();
    for name in SOURCES.iter().chain(&STEPS) {
        let source = fs::read_to_string(here("src").join(name).with_extension("rs")).unwrap();
        for line in source.lines().filter_map(|line| line.strip_prefix("pub enum ")) {
            let name = line.trim_end_matches(" {");
            assert!(header.contains(&format!("typedef enum {name} {{")), "add {name} to cbindgen.toml");
        }
    }
}
