//! Goes through every schedule of two or three operations on one account, and prints the first that breaks an invariant.
//!
//!     schedules --actors 2 --faults one
//!     schedules --actors 3 --faults none --jobs 4 --resume
//!
//! Sets of actors are numbered: `--from N --to N` goes through some of them. With `--resume` it goes on where the page of its
//! ledger ends, and writes down what it has gone through; on other sources it begins anew. `--set N --choices 0,3,1` runs one
//! schedule, and tells it. The exit code is 0 when nothing was found, 1 when something was, 2 when the arguments make no sense.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "planted")]
use doorward_core::policy::PolicyBuilder;
use doorward_fuzz::ledger::{self, Page};
use doorward_fuzz::schedules::{Counted, Faults, Found, Search, Set, Size};

struct Arguments {
    size: Size,
    faults: Faults,
    from: Option<u64>,
    to: Option<u64>,
    resume: bool,
    jobs: usize,
    planted: Option<String>,
    set: Option<u64>,
    choices: Vec<usize>,
}

/// What became of a set: its place among those that are gone through, and how many seconds it took.
type Gone = (usize, Result<Counted, Found>, f64);

/// The ledger is written, and a line printed, so often.
const PAUSE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let done = arguments().and_then(|arguments| {
        search(&arguments)?;
        let mut sets = arguments.size.sets();
        if let Some(number) = arguments.set {
            let set = sets.into_iter().find(|set| set.number == number);
            return replay(&arguments, &set.ok_or("there is no such set")?);
        }
        let page = arguments.page()?;
        let from = arguments.from.unwrap_or_else(|| page.as_ref().map_or(0, Page::next));
        let to = arguments.to.unwrap_or(u64::MAX);
        sets.retain(|set| (from..to).contains(&set.number));
        go_through(&arguments, &sets, page)
    });
    done.unwrap_or_else(|problem| {
        eprintln!("{problem}");
        eprintln!(
            "usage: schedules [--actors 2|3] [--faults none|one] [--from N] [--to N] [--resume] [--jobs N] [--planted NAME] [--set N --choices N,N,...]"
        );
        ExitCode::from(2)
    })
}

fn replay(arguments: &Arguments, set: &Set) -> Result<ExitCode, String> {
    let search = search(arguments)?;
    println!("{set}");
    match search.replay(set, arguments.faults, &arguments.choices) {
        Ok(None) => Err("that is no schedule of this set".to_owned()),
        Ok(Some(story)) => {
            println!("  {}", story.join("\n  "));
            Ok(ExitCode::SUCCESS)
        }
        Err(found) => {
            println!("  {}\n{found}", found.story.join("\n  "));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn go_through(arguments: &Arguments, sets: &[Set], page: Option<Page>) -> Result<ExitCode, String> {
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            let tell = tell.clone();
            scope.spawn(|| work(arguments, sets, &next, tell));
        }
        drop(tell);
        let outcome = keep_books(arguments, sets, page, &told);
        // Whoever is still at work stops at the next set.
        next.store(sets.len(), Ordering::Relaxed);
        outcome
    })
}

/// One thread's part: a world of its own.
fn work(arguments: &Arguments, sets: &[Set], next: &AtomicUsize, tell: Sender<Gone>) {
    let Ok(search) = search(arguments) else { return };
    while let Some((place, set)) = sets.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
        let begun = Instant::now();
        let counted = search.every(set, arguments.faults);
        if tell.send((place, counted, begun.elapsed().as_secs_f64())).is_err() {
            return;
        }
    }
}

/// Counts what was gone through in the order of the sets, and writes it down.
fn keep_books(
    arguments: &Arguments,
    sets: &[Set],
    mut page: Option<Page>,
    told: &Receiver<Gone>,
) -> Result<ExitCode, String> {
    let begun = Instant::now();
    let (mut waiting, mut place, mut total) = (BTreeMap::new(), 0, Counted::default());
    let mut last = Instant::now();
    while place < sets.len() {
        let (gone, counted, seconds) = told.recv().map_err(|_| "no set was gone through".to_owned())?;
        waiting.insert(gone, (counted, seconds));
        while let (Some((counted, seconds)), Some(set)) = (waiting.remove(&place), sets.get(place)) {
            let counted = match counted {
                Ok(counted) => counted,
                Err(found) => {
                    save(page.as_ref())?;
                    println!("{found}\n  {}", found.story.join("\n  "));
                    println!("replay: {}", arguments.replay(set, &found.choices));
                    return Ok(ExitCode::FAILURE);
                }
            };
            total.schedules += counted.schedules;
            total.runs += counted.runs;
            total.twins += counted.twins;
            if let Some(page) = &mut page {
                page.add(set.number..set.number + 1, [("schedules", counted.schedules)], seconds);
            }
            place += 1;
        }
        if last.elapsed() >= PAUSE {
            save(page.as_ref())?;
            report(arguments, sets, place, total, begun);
            last = Instant::now();
        }
    }
    save(page.as_ref())?;
    report(arguments, sets, place, total, begun);
    Ok(ExitCode::SUCCESS)
}

fn save(page: Option<&Page>) -> Result<(), String> {
    page.map_or(Ok(()), |page| page.save().map_err(|error| format!("the ledger cannot be written: {error}")))
}

#[allow(clippy::cast_precision_loss, reason = "for people, who read three digits of it")]
fn report(arguments: &Arguments, sets: &[Set], place: usize, total: Counted, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let left = seconds / place.max(1) as f64 * (sets.len() - place) as f64;
    println!(
        "{place} of {} {}, {} schedules ({} run to their ends, {} twins left out), {:.0} a second; {left:.0} s are left",
        sets.len(),
        arguments.size.word(),
        total.schedules,
        total.runs,
        total.twins,
        total.schedules as f64 / seconds,
    );
}

impl Arguments {
    fn page(&self) -> Result<Option<Page>, String> {
        if !self.resume {
            return Ok(None);
        }
        let page = Page::open(
            &ledger::folder(),
            &self.name(),
            &format!("{} --resume", self.command()),
            self.size.word(),
        );
        let mut page = page.map_err(|error| format!("the ledger cannot be read: {error}"))?;
        page.forget_others();
        Ok(Some(page))
    }

    /// Of the page.
    fn name(&self) -> String {
        let faults = if self.faults == Faults::None { "" } else { "-and-a-fault" };
        format!("schedules-{}{faults}", self.size.word())
    }

    fn command(&self) -> String {
        let actors = if self.size == Size::Pairs { 2 } else { 3 };
        let faults = if self.faults == Faults::None { "none" } else { "one" };
        format!("schedules --actors {actors} --faults {faults}")
    }

    fn replay(&self, set: &Set, choices: &[usize]) -> String {
        let (planted, feature) = match &self.planted {
            Some(name) => (format!(" --planted {name}"), " --features planted"),
            None => (String::new(), ""),
        };
        let choices = choices.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        format!(
            "cargo run --release -p doorward-fuzz{feature} --bin {}{planted} --set {} --choices {choices}",
            self.command().replacen(' ', " -- ", 1),
            set.number
        )
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        size: Size::Pairs,
        faults: Faults::One,
        from: None,
        to: None,
        resume: false,
        jobs: 1,
        planted: None,
        set: None,
        choices: Vec::new(),
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        if name == "--resume" {
            arguments.resume = true;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
        match (name.as_str(), value.as_str()) {
            ("--actors", "2") => arguments.size = Size::Pairs,
            ("--actors", "3") => arguments.size = Size::Triples,
            ("--faults", "none") => arguments.faults = Faults::None,
            ("--faults", "one") => arguments.faults = Faults::One,
            ("--from", _) => arguments.from = Some(number()?),
            ("--to", _) => arguments.to = Some(number()?),
            ("--jobs", _) => {
                arguments.jobs = usize::try_from(number()?.max(1)).map_err(|error| error.to_string())?;
            }
            ("--planted", _) => arguments.planted = Some(value),
            ("--set", _) => arguments.set = Some(number()?),
            ("--choices", _) => {
                let choices: Result<_, _> =
                    value.split(',').filter(|choice| !choice.is_empty()).map(str::parse).collect();
                arguments.choices = choices.map_err(|_| format!("{name} needs numbers, not {value}"))?;
            }
            _ => return Err(format!("{name} {value} is not known")),
        }
    }
    let picks = arguments.from.is_some() || arguments.planted.is_some();
    if arguments.resume && picks {
        Err("--resume goes on where the ledger ends".to_owned())
    } else {
        Ok(arguments)
    }
}

/// With the planted bug of this name, if any.
#[cfg(feature = "planted")]
fn search(arguments: &Arguments) -> Result<Search, String> {
    use doorward_core::planted::Planted;
    let bug = match &arguments.planted {
        None => None,
        Some(name) => {
            let known = || Planted::ALL.iter().map(|bug| format!("{bug:?}")).collect::<Vec<_>>().join(", ");
            let bug = Planted::ALL.iter().copied().find(|bug| format!("{bug:?}") == *name);
            Some(bug.ok_or_else(|| format!("no such bug; there are {}", known()))?)
        }
    };
    let planted = move |policy| bug.into_iter().fold(policy, PolicyBuilder::planted);
    Search::new(planted).map_err(|found| found.to_string())
}

#[cfg(not(feature = "planted"))]
fn search(arguments: &Arguments) -> Result<Search, String> {
    match arguments.planted {
        Some(_) => Err("planted bugs need `--features planted`".to_owned()),
        None => Search::new(|policy| policy).map_err(|found| found.to_string()),
    }
}
