//! The README's example is this crate's example `embed`, and does what it says.
#![allow(clippy::unwrap_used)] // tests

use std::process::Command;

#[test]
fn the_example_stands_in_the_readme_and_runs() {
    let (_, code) = include_str!("../examples/embed.rs").split_once("\n\n").unwrap();
    assert!(include_str!("../../README.md").contains(code), "README.md and examples/embed.rs differ");

    // With the features of the whole workspace: it is built already where everything is tested.
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let build =
        ["build", "--quiet", "--locked", "--workspace", "--example", "embed", "--manifest-path", manifest];
    assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    let test = std::env::current_exe().unwrap();
    let embed = test.ancestors().nth(2).unwrap().join("examples/embed");

    let folder = tempfile::tempdir().unwrap();
    let run = || Command::new(&embed).current_dir(&folder).output().unwrap();
    let first = run();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let second = run();
    assert!(String::from_utf8_lossy(&second.stderr).contains("Taken"), "the name is taken now");
}
