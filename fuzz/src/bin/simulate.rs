//! Runs the model from seeds, and prints the first that breaks an invariant, made small.
//!
//!     simulate --seed 1 --cases 1000 --operations 2000 --store memory --jobs 2
//!
//! With `--resume` it begins after the last seed in the ledger (`fuzz/ledger`), of this store and so many operations, and writes
//! down every hundred cases how far it is: `simulate --resume --operations 200 --cases 1000000` may be interrupted at any time.
//!
//! With `--through abi` each operation runs through the C ABI as well, with real hashing, which takes its time: fewer cases.
//! Case `n` has the seed `seed + n`, so that a failing one is replayed with its own seed and `--cases 1`. The exit
//! code is 0 when nothing was found, 1 when something was, 2 when the arguments make no sense.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{io, thread};

use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::plan::Plan;
use doorward_fuzz::shrink::shrink;
use doorward_fuzz::store::{StoreKind, UnknownStore};
use doorward_fuzz::world::{Found, Run, World};

const USAGE: &str = "usage: simulate [--seed N | --resume] [--cases N] [--operations N] [--store NAME] [--jobs N] [--planted NAME] \
                     [--through abi] [--transcript]";
/// As many cases are gone through between two reports.
const CHUNK: usize = 100;

/// Makes another world, in any thread.
type Worlds<'a> = &'a (dyn Fn() -> World + Sync);

struct Arguments {
    seed: u64,
    cases: u64,
    operations: usize,
    store: StoreKind,
    jobs: u32,
    planted: Option<String>,
    through_abi: bool,
    resumes: bool,
    transcript: bool,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| Ok((world(&arguments)?, arguments))) {
        Ok((world, arguments)) if arguments.through_abi => {
            simulate(&arguments, &move || world().through_abi())
        }
        Ok((world, arguments)) => simulate(&arguments, &*world),
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn simulate(arguments: &Arguments, world: Worlds<'_>) -> ExitCode {
    let begun = Instant::now();
    let mut page = match arguments.resumes.then(|| arguments.page()).transpose() {
        Ok(page) => page,
        Err(error) => {
            eprintln!("the ledger cannot be read: {error}");
            return ExitCode::from(2);
        }
    };
    let first = page.as_ref().map_or(arguments.seed, Page::next);
    let end = first.saturating_add(arguments.cases);
    let mut total = Run::default();
    for from in (first..end).step_by(CHUNK) {
        let seeds = from..end.min(from.saturating_add(CHUNK as u64));
        let chunk = Instant::now();
        match go_through(seeds.clone(), arguments, world) {
            Ok(run) => {
                if let Some(page) = &mut page {
                    let counts = [("operations", run.operations), ("commits that went wrong", run.faults)];
                    let counts = counts.map(|(name, count)| (name, count as u64));
                    let seconds = (chunk.elapsed() * arguments.jobs).as_secs_f64();
                    page.add(seeds.clone(), counts, seconds);
                    if let Err(error) = page.save() {
                        eprintln!("the ledger cannot be written: {error}");
                        return ExitCode::from(2);
                    }
                }
                total.add(run);
                report(seeds.end - first, &total, begun);
            }
            Err((seed, found)) => {
                tell(seed, &found, arguments, world);
                return ExitCode::FAILURE;
            }
        }
    }
    for (answer, count) in &total.answers {
        println!("  {count:>9} {answer}");
    }
    if arguments.transcript {
        let plan = Plan::from_seed(first, arguments.operations);
        if let Ok(run) = world().recording().run(&plan) {
            print!("{}", run.transcript);
        }
    }
    ExitCode::SUCCESS
}

/// Each of these seeds, by as many threads as there are jobs; or the least that breaks an invariant.
fn go_through(seeds: Range<u64>, arguments: &Arguments, world: Worlds<'_>) -> Result<Run, (u64, Found)> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut total = Run::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(total);
            }
            match world().run(&Plan::from_seed(seed, arguments.operations)) {
                Ok(run) => total.add(run),
                Err(found) => {
                    // Those that were begun before are gone through to their end: one of them may fail, too.
                    next.fetch_max(seeds.end, Ordering::Relaxed);
                    return Err((seed, found));
                }
            }
        }
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let jobs: Vec<_> = (0..arguments.jobs).map(|_| scope.spawn(work)).collect();
        jobs.into_iter().map(|job| job.join().expect("a simulation finds, and does not panic")).collect()
    });
    let mut total = Run::default();
    let mut first: Option<(u64, Found)> = None;
    for outcome in outcomes {
        match outcome {
            Ok(run) => total.add(run),
            Err(found) => first = Some(first.filter(|(seed, _)| *seed < found.0).unwrap_or(found)),
        }
    }
    first.map_or(Ok(total), Err)
}

/// What was found, made small.
fn tell(seed: u64, found: &Found, arguments: &Arguments, world: Worlds<'_>) {
    println!("seed {seed}: {found}");
    println!("replay: {}", arguments.replay(seed));
    let plan = Plan::from_seed(seed, arguments.operations);
    let same = |plan: &Plan| {
        world().run(plan).is_err_and(|other| other.violation.invariant == found.violation.invariant)
    };
    let small = shrink(plan.up_to(found.at), same);
    println!("{} of {} moves are enough:", small.moves.len(), plan.moves.len());
    for one in &small.moves {
        println!("  {one:?}");
    }
    if let Err(found) = world().run(&small) {
        println!("{found}");
    }
}

#[allow(clippy::cast_precision_loss, reason = "for people, who read three digits of it")]
fn report(cases: u64, total: &Run, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{cases} cases, {} operations ({} answered), {} of {} commits went wrong, {:.0} operations a second",
        total.operations,
        total.answered,
        total.faults,
        total.commits,
        total.operations as f64 / seconds,
    );
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        seed: 1,
        cases: 100,
        operations: 2000,
        store: StoreKind::Memory,
        jobs: 1,
        planted: None,
        through_abi: false,
        resumes: false,
        transcript: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        match name.as_str() {
            "--transcript" => arguments.transcript = true,
            "--resume" => arguments.resumes = true,
            _ => {}
        }
        if matches!(name.as_str(), "--transcript" | "--resume") {
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
        let size = || number().and_then(|number| usize::try_from(number).map_err(|error| error.to_string()));
        match name.as_str() {
            "--seed" => arguments.seed = number()?,
            "--cases" => arguments.cases = number()?,
            "--operations" => arguments.operations = size()?,
            "--jobs" => {
                arguments.jobs = u32::try_from(number()?).map_err(|error| error.to_string())?.max(1);
            }
            "--store" => {
                arguments.store = value.parse().map_err(|unknown: UnknownStore| unknown.to_string())?;
            }
            "--planted" => arguments.planted = Some(value),
            "--through" if value == "abi" => arguments.through_abi = true,
            _ => return Err(format!("{name} is not known")),
        }
    }
    if arguments.resumes && arguments.planted.is_some() {
        return Err("a planted bug is to be found, and does not go into the ledger".to_owned());
    }
    Ok(arguments)
}

impl Arguments {
    /// The ledger's page of what is searched so.
    fn page(&self) -> io::Result<Page> {
        let (through, beside) = if self.through_abi { (" --through abi", "-abi") } else { ("", "") };
        let command =
            format!("simulate --resume --store {} --operations {}{through}", self.store, self.operations);
        let name = format!("simulate-{}-{}{beside}", self.store, self.operations);
        Page::open(&ledger::folder(), &name, &command, "seeds")
    }

    fn replay(&self, seed: u64) -> String {
        let (planted, feature) = match &self.planted {
            Some(name) => (format!(" --planted {name}"), " --features planted"),
            None => (String::new(), ""),
        };
        format!(
            "cargo run --release -p doorward-fuzz{feature} --bin simulate -- --seed {seed} --cases 1 --operations {} --store {}{planted}{}",
            self.operations,
            self.store,
            if self.through_abi { " --through abi" } else { "" }
        )
    }
}

/// Worlds with the planted bug of this name, if any.
#[cfg(feature = "planted")]
fn world(arguments: &Arguments) -> Result<Box<dyn Fn() -> World + Sync>, String> {
    use doorward_core::planted::Planted;
    let store = arguments.store;
    let Some(name) = &arguments.planted else { return Ok(Box::new(move || World::on(store))) };
    let known = || Planted::ALL.iter().map(|bug| format!("{bug:?}")).collect::<Vec<_>>().join(", ");
    let bug = Planted::ALL.iter().copied().find(|bug| format!("{bug:?}") == *name);
    let bug = bug.ok_or_else(|| format!("no such bug; there are {}", known()))?;
    Ok(Box::new(move || World::on(store).with(move |policy| policy.planted(bug))))
}

#[cfg(not(feature = "planted"))]
fn world(arguments: &Arguments) -> Result<Box<dyn Fn() -> World + Sync>, String> {
    let store = arguments.store;
    match arguments.planted {
        Some(_) => Err("planted bugs need `--features planted`".to_owned()),
        None => Ok(Box::new(move || World::on(store))),
    }
}
