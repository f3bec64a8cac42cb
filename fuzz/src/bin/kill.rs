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

use doorward_fuzz::kill::{Rig, Summary};
use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::store::{StoreKind, UnknownStore};

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
    let (rig, resumes) = match rig(given) {
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

/// And whether it goes on where the ledger ends.
fn rig(given: Vec<String>) -> Result<(Rig, bool), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut rig =
        Rig { program, store: StoreKind::Sqlite, seed: 1, from: 0, kills: 1000, threads: 4, folder: None };
    let mut resumes = false;
    let mut given = given.into_iter();
    while let Some(name) = given.next() {
        if name == "--resume" {
            resumes = true;
            continue;
        }
        if name == "--without-syncs" {
            rig.store = without_syncs(rig.store)?;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
        match name.as_str() {
            "--store" => rig.store = value.parse().map_err(|unknown: UnknownStore| unknown.to_string())?,
            "--seed" => rig.seed = number()?,
            "--from" => rig.from = number()?,
            "--kills" => rig.kills = number()?,
            "--threads" => {
                rig.threads = usize::try_from(number()?.max(1)).map_err(|error| error.to_string())?;
            }
            "--folder" => rig.folder = Some(value.into()),
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok((rig, resumes))
}

/// The same store on a disk that does not sync.
#[cfg(feature = "planted")]
fn without_syncs(store: StoreKind) -> Result<StoreKind, String> {
    match store {
        StoreKind::Sled | StoreKind::SledWithoutSyncs => Ok(StoreKind::SledWithoutSyncs),
        StoreKind::Memory | StoreKind::Sqlite => Err("give --store sled before --without-syncs".to_owned()),
    }
}

#[cfg(not(feature = "planted"))]
fn without_syncs(_: StoreKind) -> Result<StoreKind, String> {
    Err("--without-syncs needs `--features planted`".to_owned())
}
