//! The README's example is this crate's example `embed`, and does what it says.
#![allow(clippy::unwrap_used)] // tests

use std::process::Command;

#[test]
fn the_example_stands_in_the_readme_and_runs() {
    let (_, code) = include_str!("../examples/embed.rs").split_once("\n\n").unwrap();
    assert!(include_str!("../../README.md").contains(code), "README.md and examples/embed.rs differ");

    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let embed = ["run", "--quiet", "--locked", "--example", "embed", "--manifest-path", manifest];
        Command::new(env!("CARGO")).args(embed).current_dir(&folder).output().unwrap()
    };
    let first = run();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let second = run();
    assert!(String::from_utf8_lossy(&second.stderr).contains("Taken"), "the name is taken now");
}
