//! README's web login is this crate's example `ten_lines`, which is compiled with the tests.
#![allow(clippy::unwrap_used)] // tests

#[test]
fn the_ten_lines_stand_in_the_readme() {
    let (_, code) = include_str!("../examples/ten_lines.rs").split_once("\n\n").unwrap();
    assert!(include_str!("../../../README.md").contains(code), "README.md and examples/ten_lines.rs differ");
}
