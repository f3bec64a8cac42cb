//! Mutation testing of the core, shard by shard, going on where the ledger ends.
//!
//!     mutants --count 10 --jobs 2
//!     mutants --again
//!
//! `--count` is how many shards of the 400 are gone through, `--from` begins elsewhere and writes no page, `--jobs` is how many are
//! gone through at once, each in a copy of the tree. What survived goes into `fuzz/ledger/survivors.json`, where a line says why,
//! or a new test catches it: `--again` goes through what stands there and takes out what does not survive any more. The exit code
//! is 0 when nothing new survived, 1 when something did, 2 when the arguments make no sense or a tool is not there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::mutants::{self, Fate, Mutants, MutantsError, SHARDS, Survivors};

struct Arguments {
    count: u64,
    from: Option<u64>,
    jobs: usize,
    again: bool,
}

/// A shard, and what became of it.
type Gone = (u64, Result<Fate, MutantsError>);

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\nusage: mutants [--count N] [--from N] [--jobs N] | mutants --again");
            return ExitCode::from(2);
        }
    };
    let outcome = if arguments.again { again() } else { search(&arguments) };
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
fn search(arguments: &Arguments) -> Result<bool, MutantsError> {
    let page =
        Page::open(&ledger::folder(), "mutants-core", "mutants --count 10", &format!("shards of {SHARDS}"))?;
    let from = arguments.from.unwrap_or_else(|| page.next());
    let to = SHARDS.min(from.saturating_add(arguments.count));
    let next = AtomicU64::new(from);
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for job in 0..arguments.jobs {
            let (tell, next) = (tell.clone(), &next);
            scope.spawn(move || work(job, next, to, &tell));
        }
        drop(tell);
        let outcome = keep_books(from..to, arguments.from.is_none().then_some(page), &told);
        // Whoever is still at work stops at the next shard.
        next.store(to, Ordering::Relaxed);
        outcome
    })
}

/// One job's part, in a copy of its own.
fn work(job: usize, next: &AtomicU64, to: u64, tell: &Sender<Gone>) {
    let mutants = Mutants::copy(job);
    loop {
        let shard = next.fetch_add(1, Ordering::Relaxed);
        if shard >= to {
            return;
        }
        let fate = match &mutants {
            Ok(mutants) => mutants.go_through(shard),
            Err(error) => Err(MutantsError::Failed(error.to_string())),
        };
        if tell.send((shard, fate)).is_err() {
            return;
        }
    }
}

/// Writes down what became of the shards, in their order.
fn keep_books(
    shards: Range<u64>,
    mut page: Option<Page>,
    told: &Receiver<Gone>,
) -> Result<bool, MutantsError> {
    let (mut waiting, mut is_quiet) = (BTreeMap::new(), true);
    for shard in shards {
        while !waiting.contains_key(&shard) {
            let (gone, fate) = told.recv().expect("whoever works tells of each shard that it took");
            let fate = fate?;
            is_quiet &= tell_of(gone, &fate)?;
            waiting.insert(gone, fate);
        }
        let Some(fate) = waiting.remove(&shard) else { continue };
        if let Some(page) = &mut page {
            let survived = u64::try_from(fate.survived.len()).unwrap_or(u64::MAX);
            let counts = [("caught", fate.caught), ("not compiled", fate.unviable), ("survived", survived)];
            page.add(shard..shard + 1, counts, fate.seconds);
            page.save()?;
        }
    }
    Ok(is_quiet)
}

/// Says it, and notes what survived; whether all of that was known.
fn tell_of(shard: u64, fate: &Fate) -> Result<bool, MutantsError> {
    let Fate { caught, unviable, survived, seconds } = fate;
    let known = mutants::survivors(&ledger::folder())?;
    println!(
        "shard {shard} of {SHARDS}: {caught} caught, {unviable} do not compile, {} survived, {seconds:.0} s",
        survived.len()
    );
    let new: Vec<_> = survived.iter().filter(|name| !is_explained(&known, name)).collect();
    for name in &new {
        println!("  {name}");
    }
    mutants::note(&ledger::folder(), survived)?;
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
    let fate = Mutants::copy(0)?.again(known.keys())?;
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
    let mut arguments = Arguments { count: SHARDS, from: None, jobs: 1, again: false };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        if name == "--again" {
            arguments.again = true;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number: u64 = value.parse().map_err(|_| format!("{name} needs a number, not {value}"))?;
        match name.as_str() {
            "--count" => arguments.count = number,
            "--from" => arguments.from = Some(number),
            "--jobs" => arguments.jobs = usize::try_from(number.max(1)).map_err(|error| error.to_string())?,
            _ => return Err(format!("there is no {name}")),
        }
    }
    Ok(arguments)
}
