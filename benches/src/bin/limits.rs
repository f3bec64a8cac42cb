//! Our operations next to the raw part that each cannot do without, by turns.
//!
//!     limits
//!     limits --only verify --rounds 101
//!
//! `--only` leaves out what does not have this in its name, `--rounds` is how often each is compared, `--millis` how long each
//! works in a round. The exit code is 0 when every bound is kept, 1 when one is not, 2 when the arguments make no sense or
//! something fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;

use doorward_benches::Failure;
use doorward_benches::duel::{Bound, Outcome};
use doorward_benches::limits::{ALL, Limit};
use doorward_benches::rounds::Rounds;

fn main() -> ExitCode {
    match Rounds::asked(std::env::args().skip(1), 41, 5).and_then(|rounds| run(&rounds)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\nusage: limits [--only PART] [--rounds N] [--millis N]");
            ExitCode::from(2)
        }
    }
}

/// Whether every bound is kept.
fn run(asked: &Rounds) -> Result<bool, Failure> {
    println!("{:<46} {:>10} {:>10}  ratio (quartiles)", "ns for one", "ours", "theirs");
    let mut is_kept = true;
    for limit in ALL.iter().filter(|limit| limit.what.contains(&asked.only)) {
        let mut duel = limit.duel()?;
        let outcome = duel.fight(asked.count, asked.time)?;
        is_kept &= limit.bound.is_none_or(|bound| bound.is_kept(&outcome));
        println!("{}", line(limit, duel.theirs.name, &outcome));
    }
    Ok(is_kept)
}

fn line(limit: &Limit, by: &str, outcome: &Outcome) -> String {
    let Outcome { ours, theirs, ratio, more } = outcome;
    let kept = |bound: Bound| if bound.is_kept(outcome) { "kept" } else { "NOT KEPT" };
    let bound = match limit.bound {
        None => String::new(),
        Some(bound @ Bound::Times(most)) => format!("; at most {most}: {}", kept(bound)),
        Some(bound @ Bound::Nanos(most)) => {
            let (median, low, high) = (more.median, more.low, more.high);
            format!("; {median:.0} ns more ({low:.0} – {high:.0}), at most {most}: {}", kept(bound))
        }
    };
    format!(
        "{:<46} {:>10.0} {:>10.0}  {:.4} ({:.4} – {:.4}) of {by}{bound}",
        limit.what, ours.median, theirs.median, ratio.median, ratio.low, ratio.high
    )
}
