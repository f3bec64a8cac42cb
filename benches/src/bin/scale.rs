//! What our operations take among ten thousand sessions, and among ten million.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin scale [-- --sizes 10000,10000000 --stores memory,sqlite --rounds N --millis N
//!                                                        --folder PATH]
//! ```
//!
//! | argument | default | |
//! |---|---|---|
//! | `--sizes` | 10000,100000,1000000 | how many sessions; ratios are to the first |
//! | `--stores` | memory,sqlite | on which stores |
//! | `--rounds` | 7 | how many samples each figure has |
//! | `--millis` | 300 | how long a sample takes |
//! | `--folder` | the system's temporary one | a folder on the disk to measure; it must not be a tmpfs |
//!
//! All sizes of a store are filled, each in a process of its own, and then asked by turns. Ten million sessions take some 4 GiB,
//! in memory or on the disk. Tells what it does on standard error, and prints a table for each store on standard output.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a report is what this is for

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{env, io};

use doorward_benches::Failure;
use doorward_benches::answering::Answering;
use doorward_benches::candidate::Candidate;
use doorward_benches::scale::{ASKED, House};
use doorward_benches::table::{Table, Unit};

/// The first argument of a process that answers.
const SERVE: &str = "--serve";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some((SERVE, rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return serve(rest);
    }
    let asked = Asked::parse(&arguments)?;
    for store in &asked.stores {
        println!("{store}, {} rounds of {} ms\n\n{}", asked.rounds, asked.millis, measured(store, &asked)?);
    }
    Ok(())
}

struct Asked {
    sizes: Vec<usize>,
    stores: Vec<String>,
    rounds: usize,
    millis: u64,
    folder: PathBuf,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut asked = Self {
            sizes: vec![10_000, 100_000, 1_000_000],
            stores: vec!["memory".to_owned(), "sqlite".to_owned()],
            rounds: 7,
            millis: 300,
            folder: env::temp_dir(),
        };
        for pair in arguments.chunks(2) {
            let [option, value] = pair else { return Err(format!("{pair:?} has no value").into()) };
            match option.as_str() {
                "--sizes" => asked.sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--stores" => asked.stores = value.split(',').map(str::to_owned).collect(),
                "--rounds" => asked.rounds = value.parse()?,
                "--millis" => asked.millis = value.parse()?,
                "--folder" => asked.folder = value.into(),
                _ => return Err(format!("{option} is not an option").into()),
            }
        }
        Ok(asked)
    }
}

/// The table of one store.
fn measured(store: &str, asked: &Asked) -> Result<String, Failure> {
    let mut table = Table::default();
    let mut answering = Vec::new();
    let mut names: Vec<&'static str> = Vec::new();
    for size in &asked.sizes {
        let folder = tempfile::tempdir_in(&asked.folder)?;
        let name: &'static str = format!("{size}").leak();
        let mut house = Answering::begin(
            Command::new(env::current_exe()?).args([SERVE, store, name]).arg(folder.path()),
        )?;
        let [memory, disk] = house.hear()?[..] else { return Err("it does not tell what it takes".into()) };
        table.add("memory for a session", Unit::Bytes, name, memory);
        if disk > 0.0 {
            table.add("disk for a session", Unit::Bytes, name, disk);
        }
        names.push(name);
        answering.push((name, house, folder));
    }
    // The first round warms up.
    for round in 0..=asked.rounds {
        for what in ASKED {
            for (name, house, _) in &mut answering {
                let micros = house.ask(&format!("{} {what}", asked.millis))?;
                if round > 0 {
                    table.add(what, Unit::Micros, name, micros);
                }
            }
        }
        eprintln!("{store}: round {round} of {}", asked.rounds);
    }
    Ok(table.text(&names))
}

/// A process that fills a store, says what a session takes, and answers.
fn serve(arguments: &[String]) -> Result<(), Failure> {
    let [store, sessions, folder] = arguments else { return Err("store, sessions, folder".into()) };
    let candidate = Candidate::named(store).ok_or_else(|| format!("there is no store {store}"))?;
    let tell = |filled| eprintln!("{store}: {filled} of {sessions} sessions");
    let (house, taken) = House::fill(candidate, folder.as_ref(), sessions.parse()?, tell)?;
    let mut answers = io::stdout();
    writeln!(answers, "{} {}", taken.memory.unwrap_or(0), taken.disk)?;
    answers.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (millis, what) = line.split_once(' ').ok_or("how long, and what")?;
        writeln!(answers, "{}", house.answer(what, Duration::from_millis(millis.parse()?))?)?;
        answers.flush()?;
    }
    Ok(())
}
