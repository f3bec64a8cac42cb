//! Our operations next to what others build on, by turns.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin peers [-- --only PART --rounds N --millis N]
//! ```
//!
//! `--only` leaves out what has this in neither name, `--rounds` is how often each is compared, `--millis` how long each works in
//! a round. Builds the others first, below `target/peers`: needs cargo, npm, Python, and their registries. The exit code is 0 when
//! every bound is kept, 1 when one is not, 2 when the arguments make no sense or something fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use doorward_benches::Failure;
use doorward_benches::duel::Bound;
use doorward_benches::peers::{ALL, Home, Outcome, Peer};

struct Arguments {
    only: String,
    rounds: usize,
    time: Duration,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\nusage: peers [--only PART] [--rounds N] [--millis N]");
            ExitCode::from(2)
        }
    }
}

/// Whether every bound is kept.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let home = Home::build(&target.join("peers"), |what| eprintln!("building, {what}"))?;
    let is_asked =
        |peer: &&Peer| peer.what.contains(&arguments.only) || peer.theirs.contains(&arguments.only);
    let mut is_kept = true;
    println!("{:<42} {:>10} {:>10}  ratio (quartiles)", "µs for one", "ours", "theirs");
    for peer in ALL.iter().filter(is_asked) {
        let outcome = peer.meet(&home, arguments.rounds, arguments.time)?;
        is_kept &= peer.bound.is_none_or(|bound| bound.is_kept_by(&outcome.ratio));
        println!("{}", line(peer, &outcome));
    }
    Ok(is_kept)
}

fn line(peer: &Peer, Outcome { ours, theirs, ratio }: &Outcome) -> String {
    let bound = match peer.bound {
        Some(bound @ Bound::Times(most)) => {
            format!("; at most {most}: {}", if bound.is_kept_by(ratio) { "kept" } else { "NOT KEPT" })
        }
        Some(Bound::Nanos(_)) | None => String::new(),
    };
    format!(
        "{:<42} {:>10.2} {:>10.2}  {:.4} ({:.4} – {:.4}) of {}, which {}{bound}",
        peer.what, ours.median, theirs.median, ratio.median, ratio.low, ratio.high, peer.theirs, peer.note
    )
}

fn arguments() -> Result<Arguments, Failure> {
    let mut arguments = Arguments { only: String::new(), rounds: 11, time: Duration::from_millis(200) };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u32>().map_err(|_| format!("{name} needs a number, not {value}"));
        match name.as_str() {
            "--only" => arguments.only = value,
            "--rounds" => arguments.rounds = number()?.max(1) as usize,
            "--millis" => arguments.time = Duration::from_millis(number()?.max(1).into()),
            _ => return Err(format!("there is no {name}").into()),
        }
    }
    Ok(arguments)
}
