//! Calls every function of the C ABI in random order with random arguments, and prints the first finding.
//!
//!     abi --seed 1 --seconds 600
//!
//! Case `n` has the seed `seed + n`: a finding is replayed with its own seed and `--cases 1`, and a run that was stopped goes
//! on from the seed that it told last. (In every fourth case threads take turns as they please.) The exit code is 0 when
//! nothing was found and, after 200,000 calls, all functions were reached, 1 when not, 2 when the arguments make no sense, 3 when
//! a call did not return.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use doorward_ffi_host::random::{self, Tally};

struct Arguments {
    seed: u64,
    cases: u64,
    seconds: u64,
    calls: usize,
    /// No call may take longer.
    slowest: Duration,
}

fn main() -> ExitCode {
    match arguments() {
        Ok(arguments) => play(&arguments),
        Err(problem) => {
            eprintln!("{problem}");
            eprintln!("usage: abi [--seed N] [--cases N] [--seconds N] [--calls N] [--slowest SECONDS]");
            ExitCode::from(2)
        }
    }
}

fn play(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let mut told = begun;
    let mut total = Tally::default();
    let mut case = 0;
    while case < arguments.cases && begun.elapsed().as_secs() < arguments.seconds {
        let seed = arguments.seed.wrapping_add(case);
        match random::run(seed, arguments.calls, arguments.slowest) {
            Ok(tally) => total.add(tally),
            Err(found) => {
                println!("{found}");
                println!(
                    "replay: cargo run --release -p doorward-fuzz --bin abi -- --seed {seed} --cases 1 --calls {}",
                    arguments.calls
                );
                return ExitCode::FAILURE;
            }
        }
        case += 1;
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            report(arguments.seed, case, &total, begun);
        }
    }
    print!("{total}");
    report(arguments.seed, case, &total, begun);
    let never = total.never_done();
    if total.calls() > LONG && !never.is_empty() {
        println!("never done as asked: {}", never.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// After so many calls each function has once done what it is for.
const LONG: u64 = 200_000;

fn report(seed: u64, cases: u64, total: &Tally, begun: Instant) {
    println!(
        "{cases} cases, seeds {seed} to {}: {} calls, {} done as asked, {} functions, no finding, {} s",
        seed.wrapping_add(cases).wrapping_sub(1),
        total.calls(),
        total.done(),
        total.functions().count(),
        begun.elapsed().as_secs(),
    );
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments =
        Arguments { seed: 1, cases: u64::MAX, seconds: 60, calls: 600, slowest: Duration::from_secs(10) };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"))?;
        match name.as_str() {
            "--seed" => arguments.seed = number,
            "--cases" => arguments.cases = number,
            "--seconds" => arguments.seconds = number,
            "--calls" => arguments.calls = usize::try_from(number).map_err(|error| error.to_string())?,
            "--slowest" => arguments.slowest = Duration::from_secs(number.max(1)),
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok(arguments)
}
