//! `core/EVIDENCE.md`, out of the ledger.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::catalogue::{self, Caught};
use crate::ledger::{self, Page};
use crate::mutants::{self, Search, Searched, Survivors};
use crate::schedules::Size;
use crate::target::Target;
use crate::violation::INVARIANTS;

/// The text, from the pages in this folder.
///
/// # Example: a folder with nothing in it
/// ```
/// use doorward_fuzz::evidence;
///
/// let text = evidence::text(tempfile::tempdir()?.path())?;
/// assert!(text.contains("| 1,000,000 seeded simulations | not run |"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// A page cannot be read.
pub fn text(folder: &Path) -> io::Result<String> {
    let pages = pages(folder)?;
    let mut text = String::from(INTRODUCTION);
    searches(&mut text, &pages);
    let (survivors, searched) = (mutants::survivors(folder)?, mutants::searched(folder)?);
    let (all, left) = (mutants::files()?.len(), mutants::left(folder)?.len());
    let mutants = mutants_of(&searched, all, left, &survivors);
    bar(&mut text, &pages, mutants);
    survived(&mut text, &survivors);
    planted(&mut text, &catalogue::read(folder)?);
    text.push_str(OTHERS);
    Ok(text)
}

/// Where it is kept.
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/EVIDENCE.md")
}

/// Each page with its name, in order.
fn pages(folder: &Path) -> io::Result<Vec<(String, Page)>> {
    let others = [catalogue::NAME, mutants::FILES, mutants::SURVIVORS];
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "json") && !others.contains(&&*name) {
            pages.push((name, serde_json::from_str(&fs::read_to_string(&path)?)?));
        }
    }
    pages.sort_by(|(one, _): &(String, Page), (other, _)| one.cmp(other));
    Ok(pages)
}

fn searches(text: &mut String, pages: &[(String, Page)]) {
    let present = ledger::sources();
    for (name, page) in pages {
        let mut counted: Vec<&String> = page.parts.iter().flat_map(|part| part.counts.keys()).collect();
        counted.sort_unstable();
        counted.dedup();
        let counted: Vec<String> =
            counted.into_iter().map(|name| format!("{} {name}", number(page.count(name)))).collect();
        let _ = writeln!(
            text,
            "| `{name}` | {} {} | {} | {} | {} | `{}` |",
            number(page.units()),
            page.unit,
            number(page.of(&present).units()),
            counted.join(", "),
            time(page.seconds()),
            page.command.replacen(' ', " -- ", 1),
        );
    }
}

/// What was set as the goal, and how far that is.
fn bar(text: &mut String, pages: &[(String, Page)], mutants: String) {
    text.push_str(BAR);
    let of = |prefix: &str| pages.iter().filter(|(name, _)| name.starts_with(prefix)).collect::<Vec<_>>();
    let units = |prefix: &str| of(prefix).iter().map(|(_, page)| page.units()).sum::<u64>();
    let done = |count: u64| if count == 0 { NOT_RUN.to_owned() } else { number(count) };
    let mut row = |asked: &str, is: String| _ = writeln!(text, "| {asked} | {is} |");
    row("1,000,000 seeded simulations", simulated(&of("simulate-")));
    let schedules = |name: &str, size: Size| match pages.iter().find(|(known, _)| known == name) {
        None => NOT_RUN.to_owned(),
        Some((_, page)) => {
            let (gone, all) = (number(page.units()), number(size.sets().len() as u64));
            format!("{gone} of {all} {}, {} schedules", page.unit, number(page.count("schedules")))
        }
    };
    row(
        "every pair of operations, a fault at every step",
        schedules("schedules-pairs-and-a-fault", Size::Pairs),
    );
    row(
        "every triple with a refresh, a logout or a key change, without faults",
        schedules("schedules-triples", Size::Triples),
    );
    row("the same, a fault at every step", schedules("schedules-triples-and-a-fault", Size::Triples));
    row("an hour of one processor for each fuzz target", fuzzed(&of("fuzz-")));
    row("10,000 kills", done(units("kill-")));
    let failed = of("faults-").iter().map(|(_, page)| page.count("calls that failed")).sum();
    row("100,000 calls to the system that fail under a process", done(failed));
    row("100,000 images of a power cut", done(units("power-")));
    row("no surviving mutant of the core", mutants);
}

/// How many seeds of each kind, and how fast.
#[allow(clippy::cast_precision_loss, reason = "for people, who read three digits of it")]
fn simulated(pages: &[&(String, Page)]) -> String {
    let each = pages.iter().map(|(name, page)| {
        let (seeds, rate) = (page.units(), page.units() as f64 / page.seconds().max(1.0));
        let mut parts = name.split('-').skip(1);
        let (store, operations) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        format!("{} of {operations} operations ({store}, {rate:.0} a second)", number(seeds))
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { NOT_RUN.to_owned() } else { each.join("; ") }
}

/// How many targets, the least of their times, and which are left.
fn fuzzed(pages: &[&(String, Page)]) -> String {
    let Some(least) = pages.iter().map(|(_, page)| page.seconds()).min_by(f64::total_cmp) else {
        return NOT_RUN.to_owned();
    };
    let is_left = |target: &Target| !pages.iter().any(|(name, _)| *name == format!("fuzz-{}", target.name));
    let left: Vec<&str> =
        Target::ALL.iter().filter(|target| is_left(target)).map(|target| target.name).collect();
    let left = if left.is_empty() { String::new() } else { format!("; {NOT_RUN}: {}", left.join(", ")) };
    format!("{} of {} targets, the least for {}{left}", pages.len(), Target::ALL.len(), time(least))
}

/// What became of the mutants of the files that were gone through, each as it was then.
fn mutants_of(searched: &Searched, all: usize, left: usize, survivors: &Survivors) -> String {
    if searched.is_empty() {
        return NOT_RUN.to_owned();
    }
    let sum = |of: fn(&Search) -> u64| number(searched.values().map(of).sum());
    format!(
        "{} of {all} files, {} of them as they are now: {} caught, {} do not compile, {} survived, of which those below are left, under {} names; \
         {} (`mutants -- --jobs 2`)",
        searched.len(),
        all - left,
        sum(|search| search.caught),
        sum(|search| search.not_compiled),
        sum(|search| search.survived),
        survivors.len(),
        time(searched.values().map(|search| search.seconds).sum()),
    )
}

fn survived(text: &mut String, survivors: &Survivors) {
    if survivors.is_empty() {
        return;
    }
    text.push_str(SURVIVED);
    for (name, why) in survivors {
        let why =
            if why.is_empty() { "no line says why: a test is missing, or was written since" } else { why };
        let _ = writeln!(text, "| `{}` | {why} |", name.replace('|', "\\|"));
    }
}

fn planted(text: &mut String, catalogue: &[Caught]) {
    text.push_str(PLANTED);
    for Caught { bug, seeds, operations, invariant } in catalogue {
        let name = INVARIANTS.iter().find(|(known, _)| known == invariant).map_or("", |(_, name)| name);
        let (seeds, operations) = (number(*seeds), number(*operations));
        let _ = writeln!(text, "| `{bug}` | {seeds} | {operations} | {invariant}: {name} |");
    }
}

fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

const NOT_RUN: &str = "not run";

const INTRODUCTION: &str = "\
# Evidence

How this engine was searched for what is wrong, how far, and with what: written by `cargo run -p doorward-fuzz --bin evidence` out of
`fuzz/ledger`, where each search but `abi` and `processes` writes down how far it has come. A search stops at what it finds, which is mended before it goes on: what
stands here found nothing. What is in every run of `cargo test` and of CI is not counted. A search goes on with
`cargo run --release -p doorward-fuzz --bin` and its last column. Present sources are those of `core/src` and `backends/src`, to the letter, but for lines that are a comment; on others, `schedules` begins anew.

| search | gone through | of these, on the present sources | counted | time | goes on with |
|---|---|---|---|---|---|
";

const BAR: &str = "
## The goal, and how far it is

| the goal | so far |
|---|---|
";

const SURVIVED: &str = "
## Mutants that survive

Each is a change to a line of the core on which no test of the core failed (`--lib` and `--test core`; the slow ones, `core/tests/wiped.rs` and the examples are asked where no line says why; 100,000 tokens of `jwt_differential` never). A change is known by its function: where a function has two of
the same name, what is said of one was read to be true of all that survive.

| change | why |
|---|---|
";

const PLANTED: &str = "
## Planted bugs

A search that finds nothing proves something only if it would have found it. Each of these is a bug in one rule of the core, put there on
demand; the simulator found it after so many seeds of 2,000 operations, from the first seed on (`cargo test -p doorward-fuzz --features planted
--test planted`, which holds this table to what happens). A bug that takes more operations than a seed has is found by longer seeds alone.

| bug | seeds | operations | the invariant that broke first |
|---|---|---|---|
";

const OTHERS: &str = "
## What others publish

| who | what they say of themselves | where |
|---|---|---|
| SQLite 3.42 | 590 times as much test code as code; every branch, and every condition that decides one; a fuzzer of its own tries half a billion inputs a day | sqlite.org/testing.html |
| TigerBeetle | a deterministic simulator: a run is a seed and a commit, commits some hundred batches under faults of network, disk and clock, and replays exactly | docs.tigerbeetle.com/about/vopr |

Of libraries and servers for logins we know of none that publishes figures of this kind; if there is one, it belongs here.
";
