//! Cuts the power at many points of what a program does to its disk, and looks for what it had been told and is not there.
//!
//!     power --store sqlite --recordings 10
//!     power --store sled --resume --recordings 50
//!
//! A recording is a victim of `kill`, watched by `strace`, which must be there; a thousand images are made of each, or `--images`. With `--resume` it
//! goes on after the last recording in the ledger of this store, and writes down what it has gone through. With `--lies` the disk
//! only says that it syncs, and it must fail. The exit code is 0 when nothing was found, 1 when something was (it is kept), 2
//! when the arguments make no sense or a tool is not there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use doorward_fuzz::kill;
use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::power::{IMAGES, Lives, PowerError, Rig};
use doorward_fuzz::store::{StoreKind, UnknownStore};

const USAGE: &str = "usage: power [--store NAME] [--recordings N] [--from N | --resume] [--seconds N] [--threads N] [--images N] [--lies] [--folder PATH]";

struct Arguments {
    rig: Rig,
    from: u64,
    resumes: bool,
    recordings: u64,
}

fn main() -> ExitCode {
    let begun = Instant::now();
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(victim) = kill::Rig::arguments(&given) {
        let Err(why) = victim.run(begun) else { return ExitCode::SUCCESS };
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    let lives = std::env::current_exe().ok().and_then(|program| Lives::arguments(program, &given));
    if let Some(lives) = lives {
        let Err(why) = lives.run() else { return ExitCode::SUCCESS };
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    let arguments = match arguments(given) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match search(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(found @ PowerError::Found { .. }) => {
            println!("{found}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn search(arguments: Arguments) -> Result<(), PowerError> {
    let Arguments { mut rig, mut from, resumes, recordings } = arguments;
    let images = rig.images;
    let (name, command) = (format!("power-{}", rig.store), format!("power --resume --store {}", rig.store));
    let mut page = Page::open(&ledger::folder(), &name, &command, "images")?;
    if resumes {
        from = page.next() / IMAGES;
    }
    for recording in from..from.saturating_add(recordings) {
        rig.seed = recording;
        let (begun, mut told) = (Instant::now(), Instant::now());
        let summary = rig.run(|summary| {
            if told.elapsed() > Duration::from_secs(5) {
                println!("recording {recording}: {} of {images} images", summary.images);
                told = Instant::now();
            }
        })?;
        println!(
            "recording {recording}: {} calls, {} syncs, {} images in {} s: nothing lost of {} things told",
            summary.calls,
            summary.syncs,
            summary.images,
            begun.elapsed().as_secs(),
            summary.acknowledged,
        );
        if resumes {
            let counts = [("things told", summary.acknowledged), ("syncs recorded", summary.syncs)];
            page.add(recording * IMAGES..(recording + 1) * IMAGES, counts, begun.elapsed().as_secs_f64());
            page.save()?;
        }
    }
    Ok(())
}

fn arguments(given: Vec<String>) -> Result<Arguments, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let rig = Rig {
        program,
        store: StoreKind::Sqlite,
        seed: 0,
        seconds: 1,
        threads: 4,
        images: IMAGES,
        lies: false,
        folder: None,
    };
    let mut arguments = Arguments { rig, from: 0, resumes: false, recordings: 1 };
    let mut given = given.into_iter();
    while let Some(name) = given.next() {
        if name == "--resume" {
            arguments.resumes = true;
            continue;
        }
        if name == "--lies" {
            arguments.rig.lies = true;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
        let rig = &mut arguments.rig;
        match name.as_str() {
            "--store" => rig.store = value.parse().map_err(|unknown: UnknownStore| unknown.to_string())?,
            "--recordings" => arguments.recordings = number()?,
            "--images" => rig.images = number()?,
            "--from" => arguments.from = number()?,
            "--seconds" => rig.seconds = number()?.max(1),
            "--threads" => {
                rig.threads = usize::try_from(number()?.max(1)).map_err(|error| error.to_string())?;
            }
            "--folder" => rig.folder = Some(value.into()),
            _ => return Err(format!("{name} is not known")),
        }
    }
    if arguments.resumes && (arguments.rig.lies || arguments.rig.images != IMAGES) {
        return Err("--resume goes on with what the ledger has: no other --images, and no disk that --lies"
            .to_owned());
    }
    if arguments.rig.store == StoreKind::Memory {
        return Err("what is in memory is gone after a power cut: give another --store".to_owned());
    }
    Ok(arguments)
}
