//! Mutation testing of the core, shard by shard, going on where the ledger ends.
//!
//!     mutants --count 10
//!
//! `--count` is how many shards of the 400 are gone through, `--from` begins elsewhere and writes no page. What survived goes into
//! `fuzz/ledger/survivors.json`, where a line says why, or a new test takes it out. The exit code is 0 when nothing new survived, 1
//! when something did, 2 when the arguments make no sense or a tool is not there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;

use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::mutants::{self, Mutants, MutantsError, SHARDS};

struct Arguments {
    count: u64,
    from: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\nusage: mutants [--count N] [--from N]");
            return ExitCode::from(2);
        }
    };
    match search(&arguments) {
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
    let folder = ledger::folder();
    let mut page = Page::open(&folder, "mutants-core", "mutants --count 10", &format!("shards of {SHARDS}"))?;
    let from = arguments.from.unwrap_or_else(|| page.next());
    let mutants = Mutants::copy()?;
    let mut is_quiet = true;
    for shard in from..SHARDS.min(from.saturating_add(arguments.count)) {
        let of_shard = mutants.go_through(shard)?;
        let known = mutants::survivors(&folder)?;
        let (caught, unviable) = (of_shard.caught, of_shard.unviable);
        let survived = u64::try_from(of_shard.survived.len()).unwrap_or(u64::MAX);
        println!(
            "shard {shard} of {SHARDS}: {caught} caught, {unviable} do not compile, {survived} survived, {:.0} s",
            of_shard.seconds
        );
        for name in of_shard.survived.iter().filter(|name| !known.contains_key(*name)) {
            is_quiet = false;
            println!("  {name}");
        }
        mutants::note(&folder, &of_shard.survived)?;
        if arguments.from.is_none() {
            let counts = [("caught", caught), ("not compiled", unviable), ("survived", survived)];
            page.add(shard..shard + 1, counts, of_shard.seconds);
            page.save()?;
        }
    }
    Ok(is_quiet)
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { count: SHARDS, from: None };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = value.parse().map_err(|_| format!("{name} needs a number, not {value}"))?;
        match name.as_str() {
            "--count" => arguments.count = number,
            "--from" => arguments.from = Some(number),
            _ => return Err(format!("there is no {name}")),
        }
    }
    Ok(arguments)
}
