//! Lets libFuzzer at the targets, one after the other, until something is found.
//!
//!     fuzz --seconds 60
//!     fuzz --seconds 3600 --target jwt --ledger
//!     fuzz --target jwt --replay fuzz/artifacts/jwt/crash-0123
//!
//! Seconds are of one processor, for each target. What was found is an input, which `--replay` gives to the body again, without
//! libFuzzer. `--jobs` is how many targets are searched at once, `--seed` makes other inputs, `--keep` adds what led somewhere new
//! to the corpus and makes that minimal, and `--ledger` writes down how far the search went, and keeps too. The exit code is 0
//! when nothing was found, 1 when something was, 2 when the arguments make no sense.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::target::{Fuzzer, FuzzerError, Progress, Target};

struct Arguments {
    targets: Vec<Target>,
    seconds: u64,
    seed: u32,
    jobs: usize,
    keep: bool,
    ledger: bool,
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}");
            eprintln!(
                "usage: fuzz [--seconds N] [--target NAME] [--seed N] [--jobs N] [--keep] [--ledger] [--replay FILE]"
            );
            return ExitCode::from(2);
        }
    };
    let outcome = match &arguments.replay {
        Some(file) => replay(&arguments.targets, file),
        None => search(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            if let FuzzerError::Found { name, input, .. } = error {
                println!(
                    "replay: cargo run -p doorward-fuzz --bin fuzz -- --target {name} --replay {}",
                    input.display()
                );
            }
            ExitCode::FAILURE
        }
    }
}

/// A finding is a panic, as libFuzzer saw it.
fn replay(targets: &[Target], file: &PathBuf) -> Result<(), FuzzerError> {
    let input = fs::read(file)?;
    for target in targets {
        (target.body)(&input);
        println!("{} finds nothing in {}", target.name, file.display());
    }
    Ok(())
}

fn search(arguments: &Arguments) -> Result<(), FuzzerError> {
    let fuzzer = Fuzzer::build(&arguments.targets)?;
    let waiting = Mutex::new(arguments.targets.iter());
    let is_over = AtomicBool::new(false);
    let next = || {
        waiting.lock().map_or(None, |mut waiting| waiting.next()).filter(|_| !is_over.load(Ordering::Relaxed))
    };
    let work = || {
        while let Some(target) = next() {
            if let Err(error) = hunt(&fuzzer, target, arguments) {
                is_over.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.jobs).map(|_| scope.spawn(work)).collect();
        let outcomes = threads.into_iter().map(|thread| thread.join().expect("a hunt does not panic"));
        outcomes.collect::<Vec<_>>().into_iter().collect()
    })
}

fn hunt(fuzzer: &Fuzzer, target: &Target, arguments: &Arguments) -> Result<(), FuzzerError> {
    let name = target.name;
    let tell = |Progress { executions, coverage, seconds }: Progress| {
        println!("{name}: {executions} executions, {coverage} branches, {seconds} s");
    };
    let hunt = fuzzer.hunt(target, arguments.seed, arguments.seconds, tell)?;
    tell(hunt.progress);
    if arguments.keep || arguments.ledger {
        println!("{name}: {} inputs are kept", fuzzer.keep(target, &hunt)?);
    }
    if arguments.ledger {
        let folder = ledger::folder();
        fs::create_dir_all(&folder)?;
        let command = format!("fuzz --seconds N --target {name} --ledger");
        let mut page = Page::open(&folder, &format!("fuzz-{name}"), &command, "seconds")?;
        let (from, seconds) = (page.next(), hunt.progress.seconds);
        let counts = [("executions", hunt.progress.executions)];
        #[allow(clippy::cast_precision_loss, reason = "no search takes that long")]
        page.add(from..from + seconds, counts, seconds as f64);
        page.save()?;
    }
    Ok(())
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        targets: Target::ALL.into(),
        seconds: 60,
        seed: 1,
        jobs: 1,
        keep: false,
        ledger: false,
        replay: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        match name.as_str() {
            "--keep" => arguments.keep = true,
            "--ledger" => arguments.ledger = true,
            _ => {
                let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
                let number =
                    || value.parse::<u32>().map_err(|_| format!("{name} needs a number, not {value}"));
                match name.as_str() {
                    "--seconds" => arguments.seconds = number()?.into(),
                    "--seed" => arguments.seed = number()?,
                    "--jobs" => {
                        arguments.jobs =
                            usize::try_from(number()?.max(1)).map_err(|error| error.to_string())?;
                    }
                    "--replay" => arguments.replay = Some(value.into()),
                    "--target" => {
                        let names = Target::ALL.map(|target| target.name).join(", ");
                        let target =
                            Target::named(&value).ok_or_else(|| format!("there are {names}; not {value}"))?;
                        arguments.targets = Vec::from([target]);
                    }
                    _ => return Err(format!("{name} is not known")),
                }
            }
        }
    }
    if arguments.replay.is_some() && arguments.targets.len() > 1 {
        return Err("--replay needs a --target".into());
    }
    Ok(arguments)
}
