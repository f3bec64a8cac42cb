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
//! | `--sizes` | 10000,1000000,10000000 | how many sessions, for `scale` |
//! | `--folder` | the system's temporary one | a folder on the disk to measure; it must not be a tmpfs |
//!
//! Needs what `peers`, `http`, `crowd` and `instructions` need: cargo, a C compiler, npm, Python, their registries, wrk, strace, and
//! valgrind. Tells what it does on standard error. It takes a quarter of an hour.
#![allow(clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use doorward_benches::chart::Chart;
use doorward_benches::duel::{Bound, Outcome};
use doorward_benches::instructions::{HASH, LOGIN, LOGIN_BY_HASH, Piece};
use doorward_benches::peers::Home;
use doorward_benches::table::{Found, Summary};
use doorward_benches::{Failure, crowd, http, instructions, limits, peers, scale};

struct Asked {
    rounds: usize,
    time: Duration,
    sizes: Vec<usize>,
    folder: PathBuf,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has_served = scale::serve(&arguments)? || http::serve(&arguments)? || crowd::serve(&arguments)?;
    if has_served || instructions::work(&arguments)? {
        return Ok(());
    }
    let asked = Asked::parse(&arguments)?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    http::look()?;
    crowd::look()?;
    let home = Home::build(|what| eprintln!("building, {what}"))?;
    let (compared, charts) = peers_page(&asked, &home)?;
    let (requests, chart) = http_page(&asked, &home)?;
    let pages = [
        heading(&asked)?,
        limits_page(&asked)?,
        compared,
        requests,
        crowd_page(&asked)?,
        scale_page(&asked)?,
        instructions_page()?,
    ];
    for (name, chart) in charts.into_iter().chain([("http.svg", chart)]) {
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
            sizes: vec![10_000, 1_000_000, 10_000_000],
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
    let (system, release) = (said("uname", &["-s"])?, said("uname", &["-r"])?);
    let versions = [
        said("rustc", &["--version"])?,
        format!("Node {}", said("node", &["--version"])?),
        said("python3", &["--version"])?,
        format!("SQLite {}", rusqlite::version()),
    ];
    let (rounds, millis) = (asked.rounds, asked.time.as_millis());
    let (slow_rounds, slow_millis) = (asked.slowly().0, asked.slowly().1.as_millis());
    Ok(format!(
        "# What Doorward costs, measured\n\n\
         Written by `cargo run --release -p doorward-benches --bin report -- --rounds {rounds} --millis {millis}`, all of it in one \
         run, at commit `{commit}`.\n\n\
         Machine: {cpu}, {cores} cores, {system} {}; it is shared, and figures of different runs are not to be compared. {}. What \
         others are is pinned in `peers/`.\n\n\
         Each pair works by turns, {rounds} rounds of {millis} ms ({slow_rounds} of {slow_millis} ms where the other is another \
         process), ours first in every other round. Figures are medians, with quartiles in brackets; a ratio is the median of the \
         rounds' ratios. The default policy, but for what is named.\n",
        release.split('-').next().unwrap_or_default(),
        versions.join(", "),
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
        let bound = limit.bound.map_or_else(String::new, |bound| told(bound, &outcome));
        if limit.bound.is_some_and(|bound| !bound.is_kept(&outcome)) {
            let _infallible = write!(reasons, "\n**{}.** {}\n", limit.what, limit.why);
        }
        let _infallible = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {bound} |",
            limit.what,
            micros(&outcome.ours),
            duel.theirs.name,
            micros(&outcome.theirs),
            ratio(&outcome.ratio)
        );
    }
    Ok(page + &reasons)
}

/// File names, and what is in the files.
type Charts = [(&'static str, Chart); 2];

fn peers_page(asked: &Asked, home: &Home) -> Result<(String, Charts), Failure> {
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
        let outcome = peer.meet(home, rounds, time)?;
        let bound = peer.bound.map_or_else(String::new, |bound| told(bound, &outcome));
        if peer.bound.is_some_and(|bound| !bound.is_kept(&outcome)) {
            let _infallible = write!(reasons, "\n**{} by {}.** {}\n", peer.what, peer.theirs, peer.why);
        }
        let _infallible = writeln!(
            page,
            "| {} | {} | {}, which {} | {} | {} | {bound} |",
            peer.what,
            micros(&outcome.ours),
            peer.theirs,
            peer.note,
            micros(&outcome.theirs),
            ratio(&outcome.ratio)
        );
        let chart = match peer.what {
            "authenticate, SQLite" => &mut recognise,
            "verify EdDSA, first, UntilExpiry, memory" => &mut verify,
            _ => continue,
        };
        let name = "Doorward".to_owned();
        if chart.bars.is_empty() {
            chart.bars.push((name, outcome.ours.median / 1e3));
        }
        chart.bars.push((peer.theirs.to_owned(), outcome.theirs.median / 1e3));
    }
    Ok((page + &reasons, [("recognise.svg", recognise), ("verify.svg", verify)]))
}

fn http_page(asked: &Asked, home: &Home) -> Result<(String, Chart), Failure> {
    let (rounds, _) = asked.slowly();
    let time = Duration::from_secs(2);
    let tell = |round| eprintln!("http: round {round} of {rounds}");
    let outcomes = http::measure(home, "", rounds, time, &asked.folder, tell)?;
    let title = "a request of somebody logged in, over HTTP, sessions in a SQLite file: µs for one";
    let micros = |per_second: &Summary| 1e6 / per_second.median;
    let ours = outcomes.first().map(|outcome| ("Doorward, on axum".to_owned(), micros(&outcome.ours)));
    let theirs = outcomes.iter().map(|outcome| (outcome.peer.theirs.to_owned(), micros(&outcome.theirs)));
    let chart = Chart { title: title.to_owned(), bars: ours.into_iter().chain(theirs).collect() };
    Ok((http::page(&outcomes, rounds, time), chart))
}

fn crowd_page(asked: &Asked) -> Result<String, Failure> {
    let found = crowd::measure(asked.slowly().0, &asked.folder, |what| eprintln!("crowd: {what}"))?;
    Ok(format!("## Many at once\n\n{}", bounds(&found)))
}

fn scale_page(asked: &Asked) -> Result<String, Failure> {
    let (rounds, time) = asked.slowly();
    let names: Vec<String> = asked.sizes.iter().map(usize::to_string).collect();
    let (mut tables, mut found) = (String::new(), Vec::new());
    for store in ["memory", "sqlite"] {
        let tell = |round| eprintln!("scale, {store}: round {round} of {rounds}");
        let table = scale::measure(store, &asked.sizes, rounds, time, &asked.folder, tell)?;
        let _infallible = write!(tables, "\n### {store}\n\n{}", table.markdown(&names));
        found.extend(scale::bounds(store, &table, &asked.sizes));
    }
    Ok(format!(
        "## Among few sessions and among very many\n\nEach size in a process of its own, asked by turns; ratios are to the first. \
         Memory is what the process grew by, caches included. A session has a label of 16 bytes, and no host data. Asked are 2,000 of \
         them, of 200 people, one after the other, and activity is written down every half an hour, so that figures are of reading. A \
         login is without its hash. More than {} are put into a file in the order of their ids, which leaves fewer gaps than an engine does.\n\n{}{tables}",
        scale::AT_RANDOM,
        bounds(&found)
    ))
}

fn bounds(found: &[Found]) -> String {
    let mut table = String::from("| | | bound |\n|---|---:|---|\n");
    for Found { what, figure, bound, is_kept } in found {
        let verdict = if *is_kept { "kept" } else { "**not kept**" };
        let _infallible = writeln!(table, "| {what} | {figure} | {bound}: {verdict} |");
    }
    table
}

fn instructions_page() -> Result<String, Failure> {
    let mut page = String::from(
        "## Instructions\n\nUnder `valgrind`, which shows a processor with fewer instructions than most have: to compare with what was \
         committed, and with nothing else. `.ci/speed` fails when one takes a tenth more.\n\n| | instructions | committed |\n|---|---:|---:|\n",
    );
    let committed = instructions::committed()?;
    let mut counts = BTreeMap::new();
    for piece in instructions::ALL {
        eprintln!("instructions: {}", piece.name);
        let before = committed.get(piece.name).map_or_else(|| "–".to_owned(), u64::to_string);
        let count = piece.count(&[])?;
        let _infallible = writeln!(page, "| {} | {count} | {before} |", piece.name);
        counts.insert(piece.name, count);
    }
    let of = |piece: Piece| counts.get(piece.name).copied().ok_or("it was not counted");
    #[allow(clippy::cast_precision_loss, reason = "counts are far below what a float holds exactly")]
    let times = of(LOGIN)? as f64 / of(HASH)? as f64;
    let _infallible = writeln!(
        page,
        "\nA login takes {times:.4} times as many as its hash over memory that is used again, and is to take {LOGIN_BY_HASH} at most: {}",
        if times <= LOGIN_BY_HASH { "kept." } else { instructions::WHY_LOGIN }
    );
    Ok(page)
}

fn micros(nanos: &Summary) -> String {
    let [median, low, high] = [nanos.median, nanos.low, nanos.high].map(|figure| figure / 1e3);
    format!("{median:.2} µs ({low:.2} – {high:.2})")
}

fn ratio(Summary { median, low, high, .. }: &Summary) -> String {
    format!("{median:.4} ({low:.4} – {high:.4})")
}

fn told(bound: Bound, found: &Outcome) -> String {
    format!("{}: {}", bound.told(found), if bound.is_kept(found) { "kept" } else { "**not kept**" })
}
