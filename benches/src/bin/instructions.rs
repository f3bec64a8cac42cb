//! How many instructions our operations take, next to what was committed.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin instructions [-- --only PART] [--bless] [--planted]
//! ```
//!
//! `--only` leaves out what does not have this in its name, `--bless` commits what is counted, `--planted` slows everything down
//! by a fifth. Needs `valgrind`. The exit code is 0 when nothing takes a tenth more than was committed, or, of a slowdown that was
//! planted, when it is found in everything; else it is 1, and 2 when the arguments make no sense or something fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use doorward_benches::Failure;
use doorward_benches::instructions::{self, ALL, Piece};

/// How much of a difference is none. Counts of one program on one machine differ by a thousandth; what valgrind shows of another
/// machine's processor may be another one.
const NOISE: f64 = 0.1;

#[derive(Default)]
struct Arguments {
    only: String,
    bless: bool,
    planted: bool,
    work: Option<Piece>,
    times: usize,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
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
    if let Some(piece) = arguments.work {
        piece.work(arguments.times, arguments.planted)?;
        return Ok(true);
    }
    let committed = if arguments.bless { BTreeMap::new() } else { instructions::committed()? };
    let mut counts = BTreeMap::new();
    let mut is_kept = true;
    for piece in ALL.iter().filter(|piece| piece.name.contains(&arguments.only)) {
        let count = piece.count(if arguments.planted { &["--planted"] } else { &[] })?;
        counts.insert(piece.name.to_owned(), count);
        let (line, is_more) = match committed.get(piece.name) {
            None if arguments.bless => (String::new(), false),
            None => return Err(format!("{}: no count was committed: --bless commits one", piece.name).into()),
            Some(before) => compared(count, *before),
        };
        is_kept &= is_more == arguments.planted;
        println!("{:<42} {count:>8}{line}", piece.name);
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

fn arguments() -> Result<Arguments, Failure> {
    let mut arguments = Arguments::default();
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--bless" => arguments.bless = true,
            "--planted" => arguments.planted = true,
            "--only" => arguments.only = value()?,
            "--work" => arguments.work = Some(Piece::named(&value()?).ok_or("there is no such work")?),
            "--times" => arguments.times = value()?.parse()?,
            _ => return Err(format!("there is no {name}").into()),
        }
    }
    if arguments.bless && (arguments.planted || !arguments.only.is_empty()) {
        return Err("only all counts, as they are, are committed".into());
    }
    Ok(arguments)
}
