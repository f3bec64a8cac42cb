//! Logouts of sixteen threads, and logins of sixty-four.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin crowd [-- --rounds N --folder PATH]
//! ```
//!
//! `--rounds` is how often logouts of sixteen and of one are compared (11), `--folder` a folder on the disk to measure, which must not
//! be a tmpfs. Needs `strace`. The exit code is 0 when every bound is kept, 1 when one is not, 2 when the arguments make no sense or
//! something fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use doorward_benches::{Failure, crowd};

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\nusage: crowd [--rounds N] [--folder PATH]");
            ExitCode::from(2)
        }
    }
}

/// Whether every bound is kept.
fn run(arguments: &[String]) -> Result<bool, Failure> {
    if crowd::serve(arguments)? {
        return Ok(true);
    }
    let (mut rounds, mut folder) = (11, env::temp_dir());
    for pair in arguments.chunks(2) {
        match pair {
            [option, value] if option == "--rounds" => rounds = value.parse()?,
            [option, value] if option == "--folder" => folder = PathBuf::from(value),
            _ => return Err(format!("{pair:?} is not an option with its value").into()),
        }
    }
    let found = crowd::measure(rounds, &folder, |what| eprintln!("{what}"))?;
    for one in &found {
        let verdict = if one.is_kept { "kept" } else { "NOT KEPT" };
        println!("{}: {}; {}: {verdict}", one.what, one.figure, one.bound);
    }
    Ok(found.iter().all(|one| one.is_kept))
}
