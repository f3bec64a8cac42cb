//! Everything, measured in one run, and written down: `benches/RESULTS.md`, and charts beside it.
//!
//! ```text
//! cargo run --release -p doorward-benches --bin report [-- --rounds N --millis N --sizes 10000,1000000 --folder PATH]
//! ```
//!
//! | argument | default | |
//! |---|---|---|
//! | `--rounds` | 41 | how often each pair is compared; what runs in other processes a quarter as often |
//! | `--millis` | 20 | how long each works in a round; in other processes ten times as long |
//! | `--sizes` | 10000,100000,1000000 | how many sessions, for `scale` |
//! | `--folder` | the system's temporary one | a folder on the disk to measure; it must not be a tmpfs |
//!
//! Needs what `peers` and `instructions` need: cargo, npm, Python, their registries, and valgrind. Tells what it does on standard
//! error. It is as long as a quarter of an hour, and twice that with ten million sessions.
#![allow(clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use doorward_benches::chart::Chart;
use doorward_benches::duel::Bound;
use doorward_benches::peers::Home;
use doorward_benches::table::Summary;
use doorward_benches::{Failure, instructions, limits, peers, scale};

struct Asked {
    rounds: usize,
    time: Duration,
    sizes: Vec<usize>,
    folder: PathBuf,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if scale::serve(&arguments)? || instructions::work(&arguments)? {
        return Ok(());
    }
    let asked = Asked::parse(&arguments)?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (compared, charts) = peers_page(&asked)?;
    let pages = [heading(&asked)?, limits_page(&asked)?, compared, scale_page(&asked)?, instructions_page()?];
    for (name, chart) in charts {
        fs::write(here.join(name), chart.svg())?;
    }
    fs::write(here.join("RESULTS.md"), pages.join("\n"))?;
    eprintln!("benches/RESULTS.md is written");
    Ok(())
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut asked = Self {
            rounds: 41,
            time: Duration::from_millis(20),
            sizes: vec![10_000, 100_000, 1_000_000],
            folder: env::temp_dir(),
        };
        for pair in arguments.chunks(2) {
            let [option, value] = pair else { return Err(format!("{pair:?} has no value").into()) };
            match option.as_str() {
                "--rounds" => asked.rounds = value.parse::<usize>()?.max(4),
                "--millis" => asked.time = Duration::from_millis(value.parse::<u64>()?.max(1)),
                "--sizes" => asked.sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--folder" => asked.folder = value.into(),
                _ => return Err(format!("{option} is not an option").into()),
            }
        }
        Ok(asked)
    }

    /// For what runs in other processes.
    fn slowly(&self) -> (usize, Duration) {
        (self.rounds / 4, self.time * 10)
    }
}

fn heading(asked: &Asked) -> Result<String, Failure> {
    let said = |program: &str, arguments: &[&str]| -> Result<String, Failure> {
        let output =
            Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cpu = cpu.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism()?;
    let commit = said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"])?;
    let versions = [
        said("rustc", &["--version"])?,
        format!("Node {}", said("node", &["--version"])?),
        said("python3", &["--version"])?,
        format!("SQLite {}", rusqlite::version()),
    ];
    Ok(format!(
        "# What Doorward costs, measured\n\n\
         Written by `cargo run --release -p doorward-benches --bin report`, all of it in one run, at commit `{commit}`.\n\n\
         Machine: {cpu}, {cores} cores, {} {}; it is shared, and figures of different runs are not to be compared. {}. What others \
         are is pinned in `peers/`.\n\n\
         Each pair works by turns, {} rounds of {} ms ({} of {} ms where the other is another process), ours first in every other round. \
         Figures are medians, with quartiles in brackets; a ratio is the median of the rounds' ratios. The default policy, but for what is \
         named.\n",
        said("uname", &["-s"])?,
        said("uname", &["-r"])?,
        versions.join(", "),
        asked.rounds,
        asked.time.as_millis(),
        asked.slowly().0,
        asked.slowly().1.as_millis(),
    ))
}

fn limits_page(asked: &Asked) -> Result<String, Failure> {
    let mut page = String::from(
        "## Next to the raw part\n\nWhat each operation cannot do without, alone.\n\n\
         | ours | | the raw part | | ratio | bound |\n|---|---:|---|---:|---:|---|\n",
    );
    let mut reasons = String::new();
    for limit in limits::ALL {
        eprintln!("limits: {}", limit.what);
        let mut duel = limit.duel()?;
        let outcome = duel.fight(asked.rounds, asked.time)?;
        let bound = match limit.bound {
            None => String::new(),
            Some(bound) => {
                told(bound, if matches!(bound, Bound::Times(_)) { &outcome.ratio } else { &outcome.more })
            }
        };
        if limit.bound.is_some_and(|bound| !bound.is_kept(&outcome)) {
            let _infallible = write!(reasons, "\n**{}.** {}\n", limit.what, limit.why);
        }
        let _infallible = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {bound} |",
            limit.what,
            micros(&outcome.ours, 1e3),
            duel.theirs.name,
            micros(&outcome.theirs, 1e3),
            ratio(&outcome.ratio)
        );
    }
    Ok(page + &reasons)
}

/// File names, and what is in the files.
type Charts = [(&'static str, Chart); 2];

fn peers_page(asked: &Asked) -> Result<(String, Charts), Failure> {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let home = Home::build(&target.join("peers"), |what| eprintln!("building, {what}"))?;
    let (rounds, time) = asked.slowly();
    let mut page = String::from(
        "## Next to what others build on\n\n![recognising a session](recognise.svg)\n\n![verifying an access token](verify.svg)\n\n\
         | ours | | theirs | | ratio | bound |\n|---|---:|---|---:|---:|---|\n",
    );
    let mut reasons = String::new();
    let chart = |title: &str| Chart { title: title.to_owned(), bars: Vec::new() };
    let mut recognise = chart("recognising a session, its rows in a SQLite file: µs for one");
    let mut verify = chart("verifying an access token, EdDSA, seen for the first time: µs for one");
    for peer in peers::ALL {
        eprintln!("peers: {}", peer.theirs);
        let outcome = peer.meet(&home, rounds, time)?;
        let bound = peer.bound.map_or_else(String::new, |bound| told(bound, &outcome.ratio));
        if peer.bound.is_some_and(|bound| !bound.is_kept_by(&outcome.ratio)) {
            let _infallible = write!(reasons, "\n**{} by {}.** {}\n", peer.what, peer.theirs, peer.why);
        }
        let _infallible = writeln!(
            page,
            "| {} | {} | {}, which {} | {} | {} | {bound} |",
            peer.what,
            micros(&outcome.ours, 1.0),
            peer.theirs,
            peer.note,
            micros(&outcome.theirs, 1.0),
            ratio(&outcome.ratio)
        );
        let chart = match peer.what {
            "authenticate, SQLite" => &mut recognise,
            "verify EdDSA, first, UntilExpiry, memory" => &mut verify,
            _ => continue,
        };
        let name = "Doorward".to_owned();
        if chart.bars.is_empty() {
            chart.bars.push((name, outcome.ours.median));
        }
        chart.bars.push((peer.theirs.to_owned(), outcome.theirs.median));
    }
    Ok((page + &reasons, [("recognise.svg", recognise), ("verify.svg", verify)]))
}

fn scale_page(asked: &Asked) -> Result<String, Failure> {
    let (rounds, time) = asked.slowly();
    let names: Vec<String> = asked.sizes.iter().map(usize::to_string).collect();
    let mut page = String::from(
        "## Among few sessions and among very many\n\nEach size in a process of its own, asked by turns; ratios are to the first. \
         Memory is what the process grew by, caches included. A session has a label of 16 bytes, and no host data. A login without its hash.\n",
    );
    for store in ["memory", "sqlite"] {
        let tell = |round| eprintln!("scale, {store}: round {round} of {rounds}");
        let table = scale::measure(store, &asked.sizes, rounds, time, &asked.folder, tell)?;
        let _infallible = write!(page, "\n### {store}\n\n{}", table.markdown(&names));
    }
    Ok(page)
}

fn instructions_page() -> Result<String, Failure> {
    let mut page = String::from(
        "## Instructions\n\nUnder `valgrind`, which shows a processor with fewer instructions than most have: to compare with what was \
         committed, and with nothing else. `.ci/speed` fails when one takes a tenth more.\n\n| | instructions | committed |\n|---|---:|---:|\n",
    );
    let committed = instructions::committed()?;
    for piece in instructions::ALL {
        eprintln!("instructions: {}", piece.name);
        let before = committed.get(piece.name).map_or_else(|| "–".to_owned(), u64::to_string);
        let _infallible = writeln!(page, "| {} | {} | {before} |", piece.name, piece.count(&[])?);
    }
    Ok(page)
}

fn micros(summary: &Summary, nanos: f64) -> String {
    let [median, low, high] = [summary.median, summary.low, summary.high].map(|figure| figure / nanos);
    format!("{median:.2} µs ({low:.2} – {high:.2})")
}

fn ratio(Summary { median, low, high, .. }: &Summary) -> String {
    format!("{median:.4} ({low:.4} – {high:.4})")
}

fn told(bound: Bound, found: &Summary) -> String {
    let verdict = if bound.is_kept_by(found) { "kept" } else { "**not kept**" };
    match bound {
        Bound::Times(most) => format!("≤ {most}: {verdict}"),
        Bound::Nanos(most) => format!("≤ {most} ns more, found {:.0}: {verdict}", found.median),
    }
}
