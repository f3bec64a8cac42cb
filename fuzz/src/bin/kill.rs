//! Kills processes at random moments, and looks for what they lost.
//!
//!     kill --store sqlite --seed 1 --kills 1000
//!
//! With the feature `planted`, `--store sled --without-syncs` leaves out every flush and sync, and must fail.
//!
//! Go on with another seed, or from a kill on with `--from`; or with `--resume` after the last kill in the ledger (`fuzz/ledger`) of
//! this store: it writes down every hundred kills how far it is, and may be interrupted at any time. The exit code is 0 when
//! nothing was found, 1 when something was (its folder is kept), 2 when the arguments make no sense.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use doorward_fuzz::kill::{Asked, Rig, Summary};
use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::store::StoreKind;

const USAGE: &str = "usage: kill [--store NAME] [--seed N] [--from N | --resume] [--kills N] [--threads N] [--folder PATH] [--without-syncs]";
/// After so many kills it is written down how far the search is.
const PART: u64 = 100;

fn main() -> ExitCode {
    let begun = Instant::now();
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(victim) = Rig::arguments(&given) {
        let Err(why) = victim.run(begun) else { return ExitCode::SUCCESS };
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    let Asked { rig, resumes } = match asked(given) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = if resumes { go_on(rig) } else { kill(&rig).map(drop) };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    println!("{failure}");
    ExitCode::FAILURE
}

fn kill(rig: &Rig) -> Result<Summary, Box<dyn Error>> {
    println!("seed {}, {} kills on {} from {}", rig.seed, rig.kills, rig.store, rig.from);
    let mut told = Instant::now();
    let summary = rig.run(|summary| {
        if told.elapsed() > Duration::from_secs(5) {
            println!("{}", summary.progress());
            told = Instant::now();
        }
    })?;
    println!("{summary}");
    Ok(summary)
}

/// From where the ledger ends.
fn go_on(mut rig: Rig) -> Result<(), Box<dyn Error>> {
    let command = format!("kill --resume --store {}", rig.store);
    let mut page = Page::open(&ledger::folder(), &format!("kill-{}", rig.store), &command, "kills")?;
    let mut left = rig.kills;
    while left > 0 {
        (rig.from, rig.kills) = (page.next(), left.min(PART));
        let begun = Instant::now();
        let Summary { recoveries, acknowledged, lost, .. } = kill(&rig)?;
        let counts =
            [("kills of who recovers", recoveries), ("acknowledged", acknowledged), ("never landed", lost)];
        page.add(rig.from..rig.from + rig.kills, counts, begun.elapsed().as_secs_f64());
        page.save()?;
        left -= rig.kills;
    }
    Ok(())
}

/// A thousand kills of SQLite, unless others are asked for.
fn asked(given: Vec<String>) -> Result<Asked, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let rig =
        Rig { program, store: StoreKind::Sqlite, seed: 1, from: 0, kills: 1000, threads: 4, folder: None };
    Asked::of(given, rig, "--kills")
}
