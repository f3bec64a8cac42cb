//! Lets several processes at one database, and looks for what one of them is told that is untrue.
//!
//!     processes --processes 4 --seconds 60 --seed 1
//!
//! The exit code is 0 when nothing was found, 1 when something was (its folder is kept), 2 when the arguments make no sense.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;
use std::time::Duration;

use doorward_fuzz::processes::Rig;

const USAGE: &str = "usage: processes [--processes N] [--seconds N] [--races N] [--seed N] [--folder PATH]";

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(member) = Rig::arguments(&given) {
        let Err(why) = member.run() else { return ExitCode::SUCCESS };
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    match rig(given) {
        Ok(rig) => run(&rig),
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(rig: &Rig) -> ExitCode {
    println!("seed {}, {} processes, {} s", rig.seed, rig.processes, rig.time.as_secs());
    let mut next = 5;
    let outcome = rig.run(|lines, elapsed| {
        if elapsed.as_secs() >= next {
            println!("{} of {} s, {lines} lines", elapsed.as_secs(), rig.time.as_secs());
            next += 5;
        }
    });
    match outcome {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn rig(given: Vec<String>) -> Result<Rig, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let time = Duration::from_mins(1);
    let mut rig = Rig { program, processes: 4, time, races: 20, seed: 1, folder: None };
    let mut given = given.into_iter();
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
        let size = || number().and_then(|number| usize::try_from(number).map_err(|error| error.to_string()));
        match name.as_str() {
            "--processes" => rig.processes = size()?.max(1),
            "--seconds" => rig.time = Duration::from_secs(number()?),
            "--races" => rig.races = size()?,
            "--seed" => rig.seed = number()?,
            "--folder" => rig.folder = Some(value.into()),
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok(rig)
}
