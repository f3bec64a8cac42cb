//! Each row of `core/standards.toml`, and each invariant of this engine so far, has a test that names it. `core/STANDARDS.md` says
//! which: `DOORWARD_BLESS=1` writes it anew.
#![allow(clippy::unwrap_used)] // tests

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/STANDARDS.md");
const PREFACE: &str = "\
# What the standards ask, and the test of each

Written out of `core/standards.toml` and the names of the tests: `DOORWARD_BLESS=1 cargo test -p doorward --test standards`. A row without a
test fails that test.

M: must. S: should. H: the host's duty, for which the engine hands it the means. Sources: numbers alone are OWASP ASVS 5.0; NIST is SP
800-63B-4; CS the OWASP cheat sheets; bis is the draft that follows RFC 8725.
";

struct Row {
    id: String,
    values: BTreeMap<String, String>,
}

/// A test whose name says what it is of.
struct Test {
    name: String,
    ids: BTreeSet<String>,
    /// From the project's root.
    file: String,
}

#[test]
fn every_row_has_a_test_that_names_it() {
    let tests = tests();
    let rows = rows();
    assert_eq!(rows.len(), 67, "the rows are read");
    let is_named = |row: &&Row| tests.iter().any(|test| test.ids.contains(&row.in_names()));
    let unnamed: Vec<&str> = rows.iter().filter(|row| !is_named(row)).map(|row| row.id.as_str()).collect();
    assert!(unnamed.is_empty(), "no test names {unnamed:?}");
}

#[test]
fn every_invariant_has_a_test_that_names_it() {
    let tests = tests();
    let is_named = |number: &u32| tests.iter().any(|test| test.ids.contains(&format!("inv_{number}")));
    let unnamed: Vec<u32> = (1..=44).filter(|number| !is_named(number)).collect();
    assert!(unnamed.is_empty(), "no test names the invariants {unnamed:?}");
}

#[test]
fn the_page_says_which_test_is_of_which_row() {
    let tests = tests();
    let mut page = PREFACE.to_owned();
    let (rows, mut group) = (rows(), "");
    for row in &rows {
        let (letters, _) = row.id.split_once('-').unwrap();
        if letters != group {
            group = letters;
            page += "\n| | | asked | by | test |\n|---|---|---|---|---|\n";
        }
        let of_row = tests.iter().filter(|test| test.ids.contains(&row.in_names()));
        let links: Vec<String> = of_row.map(|test| format!("[`{}`](../{})", test.name, test.file)).collect();
        let (level, asks, source) = (&row.values["level"], &row.values["asks"], &row.values["source"]);
        writeln!(page, "| {} | {level} | {asks} | {source} | {} |", row.id, links.join("<br>")).unwrap();
    }
    if std::env::var_os("DOORWARD_BLESS").is_some_and(|value| value == "1") {
        fs::write(PAGE, &page).unwrap();
    }
    assert!(
        fs::read_to_string(PAGE).unwrap_or_default() == page,
        "core/STANDARDS.md is stale: DOORWARD_BLESS=1 writes it"
    );
}

fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in include_str!("../../core/standards.toml").lines() {
        if let Some(id) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            rows.push(Row { id: id.to_owned(), values: BTreeMap::new() });
        } else if let Some((key, value)) = line.split_once(" = ") {
            let value = value.trim_matches('"').replace("\\\"", "\"").replace('|', "\\|");
            rows.last_mut().unwrap().values.insert(key.to_owned(), value);
        }
    }
    rows
}

impl Row {
    /// As names of tests have it: `jw_6`.
    fn in_names(&self) -> String {
        self.id.to_lowercase().replace('-', "_")
    }
}

/// The tests of the project, in the order of their files.
fn tests() -> Vec<Test> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["core/src", "core/tests", "backends", "fuzz", "ffi/src", "ffi/tests", "bindings"] {
        sources(&root.join(folder), &mut files);
    }
    files.sort();
    let mut tests = Vec::new();
    for path in files {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&path).unwrap();
        // What stands above a function: whether it is run, and always.
        let (mut is_run, mut is_ignored) = (false, false);
        for line in text.lines().map(str::trim_start) {
            is_run |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            is_ignored |= line.starts_with("#[ignore");
            let name = line.trim_start_matches("async ");
            let name = match name.strip_prefix("fn ") {
                Some(rest) => Some(rest).filter(|_| is_run && !is_ignored),
                None => name.strip_prefix("def ").filter(|rest| rest.starts_with("test_")),
            };
            let goes_on = ["#", "//", "///"].iter().any(|mark| line.starts_with(mark));
            if !goes_on {
                (is_run, is_ignored) = (false, false);
            }
            let Some((name, _)) = name.and_then(|rest| rest.split_once('(')) else { continue };
            let words: Vec<&str> = name.split('_').collect();
            let ids = words.windows(2).map(|pair| pair.join("_")).collect();
            tests.push(Test { name: name.to_owned(), ids, file: file.clone() });
        }
    }
    tests
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            files.push(path);
        }
    }
}
