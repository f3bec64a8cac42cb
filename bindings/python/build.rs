//! Gives maturin the header, from which cffi makes the module `doorward._native`: without comments and preprocessor, which
//! cffi does not read.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a build that cannot go on")]

use std::path::{Path, PathBuf};
use std::{env, fs};

const HEADER: &str = "../../ffi/include/doorward.h";

fn main() {
    println!("cargo::rerun-if-changed={HEADER}");
    let header = fs::read_to_string(HEADER).unwrap();
    // Where maturin looks before it would make a header of its own.
    fs::write(target_folder().join("header.h"), declarations(&header)).unwrap();
}

/// The declarations alone.
fn declarations(header: &str) -> String {
    let mut pieces = header.split("/*");
    let first = pieces.next().unwrap().to_owned();
    let plain = pieces.fold(first, |plain, piece| plain + piece.split_once("*/").unwrap().1);
    let is_code = |line: &&str| {
        !line.starts_with('#') && !line.starts_with("extern \"C\"") && !line.starts_with("}  //")
    };
    plain.lines().filter(is_code).fold(String::new(), |text, line| text + line + "\n")
}

/// The build's folder, which has cargo's mark in it.
fn target_folder() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    out.ancestors()
        .find(marked)
        .unwrap_or_else(|| panic!("no target folder above {}", out.display()))
        .to_owned()
}
