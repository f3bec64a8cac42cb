//! Runs the model from seeds, and prints the first that breaks an invariant, made small.
//!
//!     simulate --seed 1 --cases 1000 --operations 2000 --store memory
//!
//! With `--through abi` each operation runs through the C ABI as well, with real hashing, which takes its time: fewer cases.
//! Case `n` has the seed `seed + n`, so that a failing one is replayed with its own seed and `--cases 1`. The exit
//! code is 0 when nothing was found, 1 when something was, 2 when the arguments make no sense.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;
use std::time::Instant;

use doorward_fuzz::plan::Plan;
use doorward_fuzz::shrink::shrink;
use doorward_fuzz::store::{StoreKind, UnknownStore};
use doorward_fuzz::world::{Run, World};

struct Arguments {
    seed: u64,
    cases: u64,
    operations: usize,
    store: StoreKind,
    planted: Option<String>,
    through_abi: bool,
    transcript: bool,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| Ok((world(&arguments)?, arguments))) {
        Ok((world, arguments)) if arguments.through_abi => {
            simulate(&arguments, &move || world().through_abi())
        }
        Ok((world, arguments)) => simulate(&arguments, &*world),
        Err(problem) => {
            eprintln!("{problem}");
            eprintln!(
                "usage: simulate [--seed N] [--cases N] [--operations N] [--store NAME] [--planted NAME] [--through abi] [--transcript]"
            );
            ExitCode::from(2)
        }
    }
}

fn simulate(arguments: &Arguments, world: &dyn Fn() -> World) -> ExitCode {
    let begun = Instant::now();
    let mut total = Run::default();
    for case in 0..arguments.cases {
        let seed = arguments.seed.wrapping_add(case);
        let plan = Plan::from_seed(seed, arguments.operations);
        match world().run(&plan) {
            Ok(run) => total.add(run),
            Err(found) => {
                println!("seed {seed}: {found}");
                println!("replay: {}", arguments.replay(seed));
                let same = |plan: &Plan| {
                    world()
                        .run(plan)
                        .is_err_and(|other| other.violation.invariant == found.violation.invariant)
                };
                let small = shrink(plan.up_to(found.at), same);
                println!("{} of {} moves are enough:", small.moves.len(), plan.moves.len());
                for one in &small.moves {
                    println!("  {one:?}");
                }
                if let Err(found) = world().run(&small) {
                    println!("{found}");
                }
                return ExitCode::FAILURE;
            }
        }
        if (case + 1) % 100 == 0 {
            report(case + 1, &total, begun);
        }
    }
    report(arguments.cases, &total, begun);
    for (answer, count) in &total.answers {
        println!("  {count:>9} {answer}");
    }
    if arguments.transcript {
        let plan = Plan::from_seed(arguments.seed, arguments.operations);
        if let Ok(run) = world().recording().run(&plan) {
            print!("{}", run.transcript);
        }
    }
    ExitCode::SUCCESS
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
        planted: None,
        through_abi: false,
        transcript: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        if name == "--transcript" {
            arguments.transcript = true;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
        match name.as_str() {
            "--seed" => arguments.seed = number()?,
            "--cases" => arguments.cases = number()?,
            "--operations" => {
                arguments.operations = usize::try_from(number()?).map_err(|error| error.to_string())?;
            }
            "--store" => {
                arguments.store = value.parse().map_err(|unknown: UnknownStore| unknown.to_string())?;
            }
            "--planted" => arguments.planted = Some(value),
            "--through" if value == "abi" => arguments.through_abi = true,
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok(arguments)
}

impl Arguments {
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
fn world(arguments: &Arguments) -> Result<Box<dyn Fn() -> World>, String> {
    use doorward_core::planted::Planted;
    let store = arguments.store;
    let Some(name) = &arguments.planted else { return Ok(Box::new(move || World::on(store))) };
    let known = || Planted::ALL.iter().map(|bug| format!("{bug:?}")).collect::<Vec<_>>().join(", ");
    let bug = Planted::ALL.iter().copied().find(|bug| format!("{bug:?}") == *name);
    let bug = bug.ok_or_else(|| format!("no such bug; there are {}", known()))?;
    Ok(Box::new(move || World::on(store).with(move |policy| policy.planted(bug))))
}

#[cfg(not(feature = "planted"))]
fn world(arguments: &Arguments) -> Result<Box<dyn Fn() -> World>, String> {
    let store = arguments.store;
    match arguments.planted {
        Some(_) => Err("planted bugs need `--features planted`".to_owned()),
        None => Ok(Box::new(move || World::on(store))),
    }
}
