//! Lets calls to the system fail under a program, and looks for what it was told and is not so.
//!
//!     faults --store sqlite --victims 1000
//!     faults --store sled --resume --victims 5000
//!
//! `strace` must be there, which makes them fail: each victim endures other calls, errors and moments. With `--resume` it goes on
//! after the last victim in the ledger of this store, and writes down every hundred victims how far it is. The exit code is 0 when
//! nothing was found, 1 when something was (its folder is kept), 2 when the arguments make no sense.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use doorward_fuzz::kill::{Asked, Rig, faults};
use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::store::StoreKind;

const USAGE: &str = "usage: faults [--store NAME] [--victims N] [--seed N] [--from N | --resume] [--threads N] [--folder PATH]";
/// After so many victims it is written down how far the search is.
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
    let Err(failure) = search(rig, resumes) else { return ExitCode::SUCCESS };
    println!("{failure}");
    ExitCode::FAILURE
}

fn search(mut rig: Rig, resumes: bool) -> Result<(), Box<dyn Error>> {
    let (name, command) = (format!("faults-{}", rig.store), format!("faults --resume --store {}", rig.store));
    let mut page = Page::open(&ledger::folder(), &name, &command, "victims")?;
    if resumes {
        rig.from = page.next();
    }
    let end = rig.from.saturating_add(rig.kills);
    let (begun, mut told) = (Instant::now(), Instant::now());
    println!("seed {}, victims {} to {end} on {}", rig.seed, rig.from, rig.store);
    let mut faults = 0;
    while rig.from < end {
        rig.kills = (end - rig.from).min(PART);
        let part = Instant::now();
        let tally = faults::run(&rig, |tally| {
            if told.elapsed() > Duration::from_secs(5) {
                let (victim, faults, seconds) =
                    (rig.from + tally.victims, faults + tally.faults, begun.elapsed().as_secs());
                println!("victim {victim} of {end}, {faults} calls failed in {seconds} s");
                told = Instant::now();
            }
        })?;
        faults += tally.faults;
        if resumes {
            let counts = [
                ("calls that failed", tally.faults),
                ("acknowledged", tally.acknowledged),
                ("told that nothing was done", tally.refused),
                ("left open, and done", tally.landed),
                ("left open, and not done", tally.lost),
            ];
            page.add(rig.from..rig.from + rig.kills, counts, part.elapsed().as_secs_f64());
            page.save()?;
        }
        rig.from += rig.kills;
        println!(
            "{} calls failed, {} operations acknowledged, {} told that nothing was done, {} left open and done, {} left open and not done",
            tally.faults, tally.acknowledged, tally.refused, tally.landed, tally.lost
        );
    }
    println!(
        "{faults} calls failed in {} s: nothing lost, and nothing there that should not be",
        begun.elapsed().as_secs()
    );
    Ok(())
}

/// A hundred victims on SQLite, unless others are asked for.
fn asked(given: Vec<String>) -> Result<Asked, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let rig =
        Rig { program, store: StoreKind::Sqlite, seed: 1, from: 0, kills: PART, threads: 2, folder: None };
    let asked = Asked::of(given, rig, "--victims")?;
    if asked.rig.store == StoreKind::Memory {
        return Err("what is in memory asks the system for nothing: give another --store".to_owned());
    }
    Ok(asked)
}
