//! A request of somebody logged in, over HTTP: our web login next to others, by turns.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin http [-- --only PART --rounds N --millis N]
//! ```
//!
//! `--only` leaves out those that do not have this in their name, `--rounds` is how often each is asked, `--millis` how long in a
//! round, whole seconds. Builds the others first, as `peers` does, and needs `wrk` besides. The exit code is 0 when every bound is
//! kept, 1 when one is not, 2 when the arguments make no sense or something fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::env;
use std::process::ExitCode;

use doorward_benches::Failure;
use doorward_benches::http::{self, Outcome};
use doorward_benches::peers::Home;
use doorward_benches::rounds::Rounds;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match http::serve(&arguments) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    }
    match Rounds::asked(arguments.into_iter(), 11, 2000).and_then(|rounds| run(&rounds)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\nusage: http [--only PART] [--rounds N] [--millis N]");
            ExitCode::from(2)
        }
    }
}

/// Whether every bound is kept.
fn run(asked: &Rounds) -> Result<bool, Failure> {
    // Before others are built for nothing.
    http::look()?;
    let home = Home::build(|what| eprintln!("building, {what}"))?;
    let tell = |round| eprintln!("round {round} of {}", asked.count);
    let outcomes = http::measure(&home, &asked.only, asked.count, asked.time, &env::temp_dir(), tell)?;
    println!("{:<54} {:>8} {:>8}  ratio (quartiles)", "requests per second", "ours", "theirs");
    for outcome in &outcomes {
        println!("{}", line(outcome));
    }
    Ok(outcomes.iter().all(Outcome::is_kept))
}

fn line(outcome: &Outcome) -> String {
    let Outcome { peer, ours, theirs, ratio } = outcome;
    let bound = peer.at_least.map_or_else(String::new, |least| {
        format!("; at least {least}: {}", if outcome.is_kept() { "kept" } else { "NOT KEPT" })
    });
    format!(
        "{:<54} {:>8.0} {:>8.0}  {:.2} ({:.2} – {:.2}){bound}",
        peer.theirs, ours.median, theirs.median, ratio.median, ratio.low, ratio.high
    )
}
