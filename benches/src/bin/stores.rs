//! Which store for whom, in figures: the same work on each, in rounds, each in an order of its own.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin stores [-- --rounds N --sessions N --millis N --folder PATH]
//! ```
//!
//! | argument | default | |
//! |---|---|---|
//! | `--rounds` | 7 | how many samples each figure has |
//! | `--sessions` | 10000 | how many sessions are there before the work begins |
//! | `--millis` | 300 | how long a sample takes |
//! | `--folder` | the system's temporary one | a folder on the disk to measure; it must not be a tmpfs |
//!
//! A login is what it spends in the store, by a blocking engine, also on the line of an asynchronous one. Tells what it
//! does on standard error, and prints the table and then one line of JSON on standard output.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a report is what this is for

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use doorward::Policy;
use doorward_benches::candidate::{ALL, Candidate, Subject};
use doorward_benches::table::{Table, Unit};
use doorward_benches::work::{self, Work};
use doorward_benches::{Failure, populate, process};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some((process::CHILD, rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        println!("{}", process::child(rest)?);
        return Ok(());
    }
    let asked = Asked::parse(&arguments)?;
    let names: Vec<&'static str> = ALL.iter().map(|candidate| candidate.name).collect();
    let mut table = Table::default();
    throughput(&asked, &mut table)?;
    for sessions in [10_000, 100_000] {
        opening(&asked, sessions, &mut table)?;
    }
    println!(
        "{} rounds, {} ms a sample, {} sessions",
        asked.rounds,
        asked.sample.as_millis(),
        asked.sessions
    );
    println!("median (quartiles), ratio of medians to the first\n");
    print!("{}", table.text(&names));
    println!("\n{}", table.json(&names));
    Ok(())
}

/// What the command line asks.
struct Asked {
    rounds: usize,
    sessions: usize,
    sample: Duration,
    folder: PathBuf,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut asked =
            Self { rounds: 7, sessions: 10_000, sample: Duration::from_millis(300), folder: env::temp_dir() };
        for pair in arguments.chunks(2) {
            let [option, value] = pair else { return Err(format!("{pair:?} has no value").into()) };
            match option.as_str() {
                "--rounds" => asked.rounds = value.parse()?,
                "--sessions" => asked.sessions = value.parse()?,
                "--millis" => asked.sample = Duration::from_millis(value.parse()?),
                "--folder" => asked.folder = value.into(),
                _ => return Err(format!("{option} is not an option").into()),
            }
        }
        Ok(asked)
    }
}

fn throughput(asked: &Asked, table: &mut Table) -> Result<(), Failure> {
    let mut subjects = Vec::new();
    for candidate in ALL {
        eprintln!("{}: making {} sessions", candidate.name, asked.sessions);
        let home = tempfile::tempdir_in(&asked.folder)?;
        let store = candidate.open(home.path())?;
        let subject = Subject::new(*candidate, &store, Policy::default())?;
        populate::sessions(&subject.timed, &*store, asked.sessions)?;
        let tokens = work::prepare(&subject.timed, 32)?;
        subjects.push((candidate.name, subject, tokens, home));
    }
    let mut chance = Chance(1);
    for round in 0..=asked.rounds {
        for work in Work::all() {
            for (name, subject, tokens, _) in shuffled(&mut chance, &subjects) {
                // A disk that was idle, or another's, is slower at first.
                work.sample(subject, tokens, asked.sample / 3)?;
                let time = work.sample(subject, tokens, asked.sample)?;
                // The first round warms up.
                if round > 0 {
                    table.add(&work.name(), Unit::Micros, name, micros(time));
                }
            }
        }
        eprintln!("round {round} of {}", asked.rounds);
    }
    Ok(())
}

fn opening(asked: &Asked, sessions: usize, table: &mut Table) -> Result<(), Failure> {
    let mut filled: Vec<(Candidate, tempfile::TempDir)> = Vec::new();
    for candidate in ALL {
        eprintln!("{}: {sessions} sessions on disk", candidate.name);
        let home = tempfile::tempdir_in(&asked.folder)?;
        if candidate.is_durable {
            process::fill(*candidate, home.path(), sessions)?;
            table.add(
                &format!("on disk, {sessions} sessions"),
                Unit::MiB,
                candidate.name,
                on_disk(home.path())?,
            );
        }
        filled.push((*candidate, home));
    }
    let mut chance = Chance(2);
    for _ in 0..asked.rounds {
        for (candidate, home) in shuffled(&mut chance, &filled) {
            let opened = process::open(*candidate, home.path(), sessions)?;
            if candidate.is_durable {
                table.add(
                    &format!("open, {sessions} sessions"),
                    Unit::Micros,
                    candidate.name,
                    micros(opened.time),
                );
            }
            if let Some(kib) = opened.resident_kib {
                let mib = f64::from(u32::try_from(kib)?) / 1024.0;
                table.add(&format!("resident, {sessions} sessions"), Unit::MiB, candidate.name, mib);
            }
        }
    }
    eprintln!("opened {} times with {sessions} sessions", asked.rounds);
    Ok(())
}

/// The same numbers in every run (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// All of them in an order of their own each time: with a fixed one each would inherit the disk from the same other.
fn shuffled<'a, T>(chance: &mut Chance, items: &'a [T]) -> Vec<&'a T> {
    let mut keyed: Vec<(u64, &T)> = items.iter().map(|item| (chance.next(), item)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, item)| item).collect()
}

fn on_disk(folder: &Path) -> Result<f64, Failure> {
    let kib = u32::try_from(process::bytes_below(&fs::canonicalize(folder)?)? / 1024)?;
    Ok(f64::from(kib) / 1024.0)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
