//! How many instructions our operations take, next to what was committed.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin instructions [-- --only PART] [--bless] [--planted]
//! ```
//!
//! `--only` leaves out what does not have this in its name, `--bless` commits what is counted, `--planted` slows everything down
//! by a fifth, and compares with what is counted without. Needs `valgrind`. The exit code is 0 when nothing takes a tenth more, or,
//! of a slowdown that was planted, when everything does; else it is 1, and 2 when the arguments make no sense or something fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use doorward_benches::Failure;
use doorward_benches::instructions::{self, ALL, PLANTED};

/// How much of a difference is none. Counts of one program on one machine differ by a thousandth; what valgrind shows of another
/// machine's processor may be another one.
const NOISE: f64 = 0.1;

#[derive(Default)]
struct Arguments {
    only: String,
    bless: bool,
    planted: bool,
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match instructions::work(&given) {
        Ok(true) => Ok(true),
        Ok(false) => arguments(given).and_then(|arguments| run(&arguments)),
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\nusage: instructions [--only PART] [--bless] [--planted]");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing takes more than it did, or everything, where that is planted.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let committed = if arguments.bless { BTreeMap::new() } else { instructions::committed()? };
    if let Some(gone) = committed.keys().find(|name| !ALL.iter().any(|piece| piece.name == *name)) {
        return Err(format!(
            "{gone}: a count was committed, and nobody counts: --bless commits what is counted"
        )
        .into());
    }
    let mut counts = BTreeMap::new();
    let mut is_kept = true;
    for piece in ALL.iter().filter(|piece| piece.name.contains(&arguments.only)) {
        let count = piece.count(&[])?;
        let (count, before) = if arguments.planted {
            (piece.count(&[PLANTED])?, Some(count))
        } else {
            (count, committed.get(piece.name).copied())
        };
        let (line, is_more) = match before {
            None if arguments.bless => (String::new(), false),
            None => return Err(format!("{}: no count was committed: --bless commits one", piece.name).into()),
            Some(before) => compared(count, before),
        };
        is_kept &= is_more == arguments.planted;
        println!("{:<42} {count:>8}{line}", piece.name);
        counts.insert(piece.name.to_owned(), count);
    }
    if arguments.bless {
        instructions::commit(&counts)?;
    }
    Ok(is_kept)
}

/// What to say of a count, and whether it is more than before.
#[allow(clippy::cast_precision_loss, reason = "counts are far below what a float holds exactly")]
fn compared(count: u64, before: u64) -> (String, bool) {
    let times = count as f64 / before as f64;
    let is_more = times > 1.0 + NOISE;
    let verdict = match times {
        _ if is_more => ": TOO MANY",
        _ if times < 1.0 - NOISE => ": fewer, commit it",
        _ => "",
    };
    (format!("  {times:.3} of {before}{verdict}"), is_more)
}

fn arguments(given: Vec<String>) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::default();
    let mut given = given.into_iter();
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--bless" => arguments.bless = true,
            PLANTED => arguments.planted = true,
            "--only" => arguments.only = value()?,
            _ => return Err(format!("there is no {name}").into()),
        }
    }
    if arguments.bless && (arguments.planted || !arguments.only.is_empty()) {
        return Err("only all counts, as they are, are committed".into());
    }
    Ok(arguments)
}
