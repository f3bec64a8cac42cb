//! What our operations take among ten thousand sessions, and among ten million.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin scale [-- --sizes 10000,10000000 --stores memory,sqlite --rounds N --millis N
//!                                                        --folder PATH]
//! ```
//!
//! | argument | default | |
//! |---|---|---|
//! | `--sizes` | 10000,1000000,10000000 | how many sessions; ratios are to the first |
//! | `--stores` | memory,sqlite | on which stores |
//! | `--rounds` | 7 | how many samples each figure has |
//! | `--millis` | 300 | how long a sample takes |
//! | `--folder` | the system's temporary one | a folder on the disk to measure; it must not be a tmpfs |
//!
//! All sizes of a store are filled, each in a process of its own, and then asked by turns. Ten million sessions take some 4 GiB
//! in memory, and two and a half on the disk; more than a million are put into a file in the order of their ids. Tells what it does
//! on standard error, and prints a table for each store on standard output.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a report is what this is for

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use doorward_benches::{Failure, scale};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if scale::serve(&arguments)? {
        return Ok(());
    }
    let asked = Asked::parse(&arguments)?;
    let Asked { sizes, rounds, time, .. } = &asked;
    for store in &asked.stores {
        let tell = |round| eprintln!("{store}: round {round} of {rounds}");
        let table = scale::measure(store, sizes, *rounds, *time, &asked.folder, tell)?;
        let names: Vec<String> = sizes.iter().map(usize::to_string).collect();
        println!("{store}, {rounds} rounds of {} ms\n\n{}", time.as_millis(), table.text(&names));
        for found in scale::bounds(store, &table, sizes) {
            let verdict = if found.is_kept { "kept" } else { "NOT KEPT" };
            println!("{}: {}; {}: {verdict}", found.what, found.figure, found.bound);
        }
    }
    Ok(())
}

struct Asked {
    sizes: Vec<usize>,
    stores: Vec<String>,
    rounds: usize,
    time: Duration,
    folder: PathBuf,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut asked = Self {
            sizes: vec![10_000, 1_000_000, 10_000_000],
            stores: vec!["memory".to_owned(), "sqlite".to_owned()],
            rounds: 7,
            time: Duration::from_millis(300),
            folder: env::temp_dir(),
        };
        for pair in arguments.chunks(2) {
            let [option, value] = pair else { return Err(format!("{pair:?} has no value").into()) };
            match option.as_str() {
                "--sizes" => asked.sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--stores" => asked.stores = value.split(',').map(str::to_owned).collect(),
                "--rounds" => asked.rounds = value.parse()?,
                "--millis" => asked.time = Duration::from_millis(value.parse()?),
                "--folder" => asked.folder = value.into(),
                _ => return Err(format!("{option} is not an option").into()),
            }
        }
        Ok(asked)
    }
}
