//! Mutation testing of the core, file by file, going on where the ledger ends.
//!
//!     mutants --jobs 2
//!     mutants --file core/src/id.rs
//!     mutants --again
//!
//! Without `--file`: all files that nobody has gone through as they are now. `--jobs` is how many are gone through at once, each in a
//! copy of the tree. It can be stopped after any of them. What survived goes into `fuzz/ledger/survivors.json`, where a line says why,
//! or a new test catches it: `--again` goes through what stands there and takes out what does not survive any more. The exit code
//! is 0 when nothing new survived, 1 when something did, 2 when the arguments make no sense or a tool is not there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::{thread, vec};

use doorward_fuzz::ledger;
use doorward_fuzz::mutants::{self, Fate, Mutants, MutantsError, Survivors};

struct Arguments {
    files: Vec<String>,
    jobs: usize,
    again: bool,
}

/// A file, and what became of it.
type Gone = (String, Result<Fate, MutantsError>);

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\nusage: mutants [--file FILE]... [--jobs N] | mutants --again");
            return ExitCode::from(2);
        }
    };
    let outcome = if arguments.again { again() } else { search(arguments) };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing survived that was not known.
fn search(arguments: Arguments) -> Result<bool, MutantsError> {
    let folder = ledger::folder();
    let files = if arguments.files.is_empty() { mutants::left(&folder)? } else { arguments.files };
    let count = files.len();
    let files = Mutex::new(files.into_iter());
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for job in 0..arguments.jobs {
            let (tell, files) = (tell.clone(), &files);
            scope.spawn(move || work(job, files, &tell));
        }
        drop(tell);
        let mut is_quiet = true;
        // Gone when there is an error: then nobody begins another file.
        for (at, (file, fate)) in told.into_iter().enumerate() {
            let fate = fate?;
            println!("{} of {count}: {}", at + 1, told_of(&file, &fate));
            is_quiet &= is_known(&fate)?;
            mutants::note(&folder, &file, &fate)?;
        }
        Ok(is_quiet)
    })
}

/// One job's part, in a copy of its own.
fn work(job: usize, files: &Mutex<vec::IntoIter<String>>, tell: &Sender<Gone>) {
    let mutants = Mutants::copy(job);
    while let Some(file) = files.lock().ok().and_then(|mut files| files.next()) {
        let fate = match &mutants {
            Ok(mutants) => mutants.go_through(&file),
            Err(error) => Err(MutantsError::Failed(error.to_string())),
        };
        if tell.send((file, fate)).is_err() {
            return;
        }
    }
}
fn told_of(file: &str, fate: &Fate) -> String {
    let Fate { caught, unviable, survived, seconds } = fate;
    let survived = survived.len();
    format!("{file}: {caught} caught, {unviable} do not compile, {survived} survived, {seconds:.0} s")
}

/// Says what survived that no line explains; whether there is nothing of the kind.
fn is_known(fate: &Fate) -> Result<bool, MutantsError> {
    let known = mutants::survivors(&ledger::folder())?;
    let new: Vec<_> = fate.survived.iter().filter(|name| !is_explained(&known, name)).collect();
    for name in &new {
        println!("  {name}");
    }
    Ok(new.is_empty())
}

fn is_explained(known: &Survivors, name: &str) -> bool {
    known.get(&mutants::without_place(name)).is_some_and(|why| !why.is_empty())
}

/// Goes through the survivors once more; whether a line says of each that is left why.
fn again() -> Result<bool, MutantsError> {
    let folder = ledger::folder();
    let known = mutants::survivors(&folder)?;
    if known.is_empty() {
        return Ok(true);
    }
    let fate = Mutants::copy(0)?.again(&known)?;
    mutants::retain(&folder, &fate.survived)?;
    let left = mutants::survivors(&folder)?;
    println!("{} are left of {}", left.len(), known.len());
    let unexplained: Vec<_> = left.iter().filter(|(_, why)| why.is_empty()).collect();
    for (name, _) in &unexplained {
        println!("  {name}");
    }
    Ok(unexplained.is_empty())
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { files: Vec::new(), jobs: 1, again: false };
    let files = mutants::files().map_err(|error| error.to_string())?;
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        if name == "--again" {
            arguments.again = true;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--file" if files.contains(&value) => arguments.files.push(value),
            "--file" => return Err(format!("{value} is no file of the core; one is {}", files.join(", "))),
            "--jobs" => {
                let number = value.parse::<usize>().ok().filter(|number| *number > 0);
                arguments.jobs = number.ok_or_else(|| format!("--jobs needs a number, not {value}"))?;
            }
            _ => return Err(format!("there is no {name}")),
        }
    }
    Ok(arguments)
}
