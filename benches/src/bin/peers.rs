//! Our operations next to what others build on, by turns.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin peers [-- --only PART --rounds N --millis N]
//! ```
//!
//! `--only` leaves out what has this in neither name, `--rounds` is how often each is compared, `--millis` how long each works in
//! a round. Builds the others first, below `target/peers`: needs cargo, a C compiler, npm, Python, and their registries. The exit code is 0 when
//! every bound is kept, 1 when one is not, 2 when the arguments make no sense or something fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;

use doorward_benches::Failure;
use doorward_benches::duel::Outcome;
use doorward_benches::peers::{ALL, Home, Peer};
use doorward_benches::rounds::Rounds;

fn main() -> ExitCode {
    match Rounds::asked(std::env::args().skip(1), 11, 200).and_then(|rounds| run(&rounds)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\nusage: peers [--only PART] [--rounds N] [--millis N]");
            ExitCode::from(2)
        }
    }
}

/// Whether every bound is kept.
fn run(asked: &Rounds) -> Result<bool, Failure> {
    let home = Home::build(|what| eprintln!("building, {what}"))?;
    let is_asked = |peer: &&Peer| peer.what.contains(&asked.only) || peer.theirs.contains(&asked.only);
    let mut is_kept = true;
    println!("{:<50} {:>10} {:>10}  ratio (quartiles)", "µs for one", "ours", "theirs");
    for peer in ALL.iter().filter(is_asked) {
        let outcome = peer.meet(&home, asked.count, asked.time)?;
        is_kept &= peer.bound.is_none_or(|bound| bound.is_kept(&outcome));
        println!("{}", line(peer, &outcome));
    }
    Ok(is_kept)
}

fn line(peer: &Peer, outcome: &Outcome) -> String {
    let bound = peer.bound.map_or_else(String::new, |bound| {
        let verdict = if bound.is_kept(outcome) { "kept" } else { "NOT KEPT" };
        format!("; {}: {verdict}", bound.told(outcome))
    });
    let Outcome { ours, theirs, ratio, .. } = outcome;
    format!(
        "{:<50} {:>10.2} {:>10.2}  {:.4} ({:.4} – {:.4}) of {}, which {}{bound}",
        peer.what,
        ours.median / 1e3,
        theirs.median / 1e3,
        ratio.median,
        ratio.low,
        ratio.high,
        peer.theirs,
        peer.note
    )
}
