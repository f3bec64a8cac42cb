//! Each row of `core/standards.toml`, and each invariant of this engine so far, has a test that names it.
#![allow(clippy::unwrap_used)] // tests

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_row_has_a_test_that_names_it() {
    let named = names_of_tests();
    let rows: Vec<&str> = include_str!("../../core/standards.toml")
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
        .collect();
    assert_eq!(rows.len(), 67, "the rows are read");
    let is_named = |row: &&str| named.contains(&row.to_lowercase().replace('-', "_"));
    let unnamed: Vec<&str> = rows.into_iter().filter(|row| !is_named(row)).collect();
    assert!(unnamed.is_empty(), "no test names {unnamed:?}");
}

#[test]
fn every_invariant_has_a_test_that_names_it() {
    let named = names_of_tests();
    let unnamed: Vec<u32> = (1..=44).filter(|number| !named.contains(&format!("inv_{number}"))).collect();
    assert!(unnamed.is_empty(), "no test names the invariants {unnamed:?}");
}

/// The ids in names of test functions, as `jw_6` and `inv_40`.
fn names_of_tests() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let folders = [
        "../core/src",
        "../core/tests",
        "src",
        "tests",
        "conformance/src",
        "conformance/tests",
        "../fuzz",
        "../ffi/src",
        "../ffi/tests",
    ];
    for folder in folders {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut |text| {
            for line in text.lines() {
                let name = line.trim_start().trim_start_matches("async ").strip_prefix("fn ");
                let Some((name, _)) = name.and_then(|rest| rest.split_once('(')) else { continue };
                let words: Vec<&str> = name.split('_').collect();
                for pair in words.windows(2) {
                    ids.insert(pair.join("_"));
                }
            }
        });
    }
    ids
}

fn sources(folder: &Path, read: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&fs::read_to_string(&path).unwrap());
        }
    }
}
