//! Mutation testing of the core: `cargo mutants` changes a line in a copy of the tree, and a test of the core has to fail.
//!
//! It goes file by file, several at once, each in a copy of the tree. A mutant that no test fails on is written down as a survivor: then
//! either a test is missing, or a line in `fuzz/ledger/survivors.json` says why nothing can tell it from the core.

mod books;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;
use std::{fs, io};

use serde::Deserialize;
use thiserror::Error;

pub use books::{
    FILES, SURVIVORS, Search, Searched, Survivors, files, left, note, retain, searched, survivors,
};

use crate::ledger;

const VERSION: &str = "27.1.0";

/// A copy of the tree in which lines are changed; each job has one of its own.
///
/// # Example: one file
/// ```no_run
/// use doorward_fuzz::mutants::Mutants;
///
/// println!("{:?}", Mutants::copy(0)?.go_through("core/src/id.rs")?);
/// # Ok::<(), doorward_fuzz::mutants::MutantsError>(())
/// ```
#[derive(Debug)]
pub struct Mutants {
    tree: PathBuf,
}

/// What became of some mutants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fate {
    /// A test failed, or did not end.
    pub caught: u64,
    /// They do not compile.
    pub unviable: u64,
    /// No test failed: file, line, column and change.
    pub survived: Vec<String>,
    /// How long it took, in seconds of the clock on the wall.
    pub seconds: f64,
}

impl Fate {
    /// With what became of those that had survived.
    fn and_then(self, again: Self) -> Self {
        Self {
            caught: self.caught + again.caught,
            survived: again.survived,
            seconds: self.seconds + again.seconds,
            ..self
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MutantsError {
    /// There is no `cargo mutants` of that version.
    #[error("cargo-mutants is not there: cargo install --locked --version {VERSION} cargo-mutants")]
    NotInstalled,
    /// A copy is of what is committed.
    #[error("the sources of the core and of the engine are not committed: a copy would be of others")]
    NotCommitted,
    /// The tests fail without a change, or `cargo mutants` does.
    #[error("{0}")]
    Failed(String),
    /// A file or a process.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What `cargo mutants` wrote cannot be read.
    #[error("the outcomes of cargo-mutants are none: {0}")]
    Outcomes(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant { name: String },
}

impl Mutants {
    /// Makes the copy of this number, or brings that of the last time to what is committed now, and sees its tests pass.
    ///
    /// # Errors
    /// [`MutantsError`]: a tool is not there, the tree is not committed, or a test fails.
    pub fn copy(number: usize) -> Result<Self, MutantsError> {
        let told = Command::new("cargo").args(["mutants", "--version"]).output()?;
        if !String::from_utf8_lossy(&told.stdout).contains(VERSION) {
            return Err(MutantsError::NotInstalled);
        }
        let root = ledger::root();
        if !git(&root, &["status", "--porcelain", "core", "backends/src"])?.is_empty() {
            return Err(MutantsError::NotCommitted);
        }
        let head = git(&root, &["rev-parse", "HEAD"])?;
        let mutants = Self { tree: root.join(format!("target/mutants/{number}/tree")) };
        let tree = &mutants.tree;
        if !tree.join(".git").exists() {
            fs::create_dir_all(tree)?;
            git(tree, &["init", "--quiet"])?;
        }
        let from = root.canonicalize()?;
        git(tree, &["fetch", "--quiet", "--depth=1", &from.to_string_lossy(), head.trim()])?;
        git(tree, &["checkout", "--quiet", "--force", "--detach", head.trim()])?;
        // What a failed test of the last time kept, for one.
        git(tree, &["clean", "--quiet", "--force", "-d"])?;
        mutants.configure(PATIENCE)?;
        let tests = mutants.cargo(&["test", "--package=doorward-core"]).args(LONG).output()?;
        if !tests.status.success() {
            return Err(MutantsError::Failed(said(&tests)));
        }
        Ok(mutants)
    }

    /// Goes through one file, without the tests that take most of the time: with those beside it or around it first, which catch
    /// most, and with both what these let pass.
    ///
    /// # Errors
    /// [`MutantsError`]: `cargo mutants` failed, not a test.
    pub fn go_through(&self, file: &str) -> Result<Fate, MutantsError> {
        let beside = WITH_TESTS_BESIDE.iter().find(|part| file.contains(**part));
        let module =
            beside.map(|part| part.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::"));
        let first: Vec<&str> = match &module {
            Some(module) => quick(&["--lib"]).into_iter().chain([module.as_str()]).collect(),
            None => quick(&["--test=core"]),
        };
        let fate = self.try_those(&[format!("--file={file}")], (&first, QUICK), |_| true)?;
        let again = self.try_again(&fate.survived, (&quick(&TESTS), QUICK))?;
        Ok(fate.and_then(again))
    }

    /// Goes through the mutants of this list that there still are, with the quick tests; and with all tests and examples those
    /// that these let pass, and of which no line says why.
    ///
    /// # Errors
    /// As [`Mutants::go_through`].
    pub fn again(&self, known: &Survivors) -> Result<Fate, MutantsError> {
        let fate = self.try_again(known.keys(), (&quick(&TESTS), QUICK))?;
        let has_line = |name: &String| known.get(&without_place(name)).is_some_and(|why| !why.is_empty());
        let (explained, open): (Vec<_>, Vec<_>) = fate.survived.iter().cloned().partition(has_line);
        let mut again = self.try_again(&open, (&LONG, PATIENCE))?;
        again.survived.extend(explained);
        Ok(fate.and_then(again))
    }

    fn try_again<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
        tests: (&[&str], u32),
    ) -> Result<Fate, MutantsError> {
        let names: BTreeSet<&str> = names.into_iter().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(Fate::default());
        }
        let which = names.iter().flat_map(|name| {
            let file = name.split(':').next().unwrap_or_default();
            [format!("--file={file}"), format!("--re=^{}$", pattern(name))]
        });
        // It takes some mutants besides, which no expression leaves out.
        let asked = |name: &str| names.contains(name) || names.contains(&*without_place(name));
        self.try_those(&which.collect::<Vec<_>>(), tests, asked)
    }

    fn try_those(
        &self,
        which: &[String],
        (tests, patience): (&[&str], u32),
        asked: impl Fn(&str) -> bool,
    ) -> Result<Fate, MutantsError> {
        let begun = Instant::now();
        self.configure(patience)?;
        let folder = self.tree.join("../outcomes");
        let mut mutants = self.cargo(&["mutants", "--in-place", "--baseline=skip", "--no-times"]);
        mutants.args(["--timeout=600", "--build-timeout=600", "--exclude=**/planted.rs"]);
        mutants.args(PLANTED);
        mutants.arg("--output").arg(&folder).args(which);
        let output = mutants.args(["--package=doorward-core", "--"]).args(tests).output()?;
        // 2: a mutant survived; 3: one did not end.
        if !matches!(output.status.code(), Some(0 | 2 | 3)) {
            return Err(MutantsError::Failed(said(&output)));
        }
        let folder = folder.join("mutants.out");
        if fs::read_to_string(folder.join("mutants.json")).is_ok_and(|list| list.trim() == "[]") {
            return Ok(Fate::default());
        }
        let outcomes = fs::read_to_string(folder.join("outcomes.json"))?;
        let mut fate = Fate { seconds: begun.elapsed().as_secs_f64(), ..Fate::default() };
        for Outcome { scenario, summary } in serde_json::from_str::<Outcomes>(&outcomes)?.outcomes {
            let Scenario::Mutant { name } = scenario else { continue };
            match &*summary {
                _ if !asked(&name) => {}
                "CaughtMutant" | "Timeout" => fate.caught += 1,
                "Unviable" => fate.unviable += 1,
                "MissedMutant" => fate.survived.push(name),
                other => return Err(MutantsError::Failed(format!("{name}: {other}"))),
            }
        }
        Ok(fate)
    }

    /// Says to cargo where artifacts go, that nothing is optimised of what is built each time, and what a test may use: time
    /// of a processor, whatever else the machine does, and memory, which a loop that a mutant does not leave may fill. Nothing is
    /// made smaller that failed, and nothing is kept for the next mutant's tests.
    fn configure(&self, seconds: u32) -> io::Result<()> {
        let folder = self.tree.join("../.cargo");
        fs::create_dir_all(&folder)?;
        let text = format!(
            r#"
            [target.'cfg(all())']
            runner = ["prlimit", "--cpu={seconds}", "--as=8000000000"]
            [profile.dev]
            opt-level = 0
            debug = false
            [profile.dev.package."*"]
            opt-level = 3
            [env]
            RUST_BACKTRACE = {{ value = "0", force = true }}
            PROPTEST_MAX_SHRINK_ITERS = "0"
            PROPTEST_DISABLE_FAILURE_PERSISTENCE = "1"
            "#
        );
        fs::write(folder.join("config.toml"), text)
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.tree).env("CARGO_TARGET_DIR", self.tree.join("../target")).args(arguments);
        cargo
    }
}

/// The tests of which one has to fail, without the examples in the documentation, which are built anew each time.
const TESTS: [&str; 2] = ["--lib", "--test=core"];

/// Whose files have tests beside them that know more of them than those around the whole core.
const WITH_TESTS_BESIDE: [&str; 8] = [
    "src/id.rs",
    "src/model/view",
    "src/name.rs",
    "src/password",
    "src/policy",
    "src/secret",
    "src/token/jwt",
    "src/web",
];

/// Without the feature there is no planted bug: whoever asks for one is told so, and what would be one is not compiled.
const PLANTED: [&str; 2] =
    [r"--exclude-re=has\(Planted::\w+\) with false", r"--exclude-re=\w+::planted( ->|$)"];

/// The one that would take more time than all others.
const LONG: [&str; 3] = ["--", "--skip", "jw_1_a_hundred_thousand_tokens_are_judged_alike"];

/// Those that take most of the time; they are asked only about what all others let pass.
const SLOW: [&str; 5] = [
    "jw_1_and_inv_35_every_changed_character_is_refused",
    "no_code_point_hides_in_a_name",
    "every_character_may_stand_in_a_list",
    "a_million_sources_take_no_more_memory_than_the_most_that_are_kept",
    "inv_40_a_key_for_very_many_uses_is_read_in_no_time",
];

/// These tests, but for those that take most of the time.
fn quick(tests: &[&'static str]) -> Vec<&'static str> {
    tests.iter().copied().chain(LONG).chain(SLOW.into_iter().flat_map(|slow| ["--skip", slow])).collect()
}

/// How many seconds of a processor each program of the quick tests may take, which needs two, and how many one of all: whoever
/// takes longer is in a loop.
const QUICK: u32 = 20;
const PATIENCE: u32 = 600;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, MutantsError> {
    let output = Command::new("git").current_dir(folder).args(arguments).output()?;
    if !output.status.success() {
        return Err(MutantsError::Failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `core/src/id.rs:10:5: replace f with ()` without line and column, which move with every change.
///
/// # Example: and without it already
/// ```
/// use doorward_fuzz::mutants::without_place;
///
/// assert_eq!(without_place("core/src/id.rs:10:5: replace f with ()"), "core/src/id.rs: replace f with ()");
/// assert_eq!(without_place("core/src/id.rs: replace f with ()"), "core/src/id.rs: replace f with ()");
/// ```
pub fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(line), Some(column), Some(change)) if is_number(line) && is_number(column) => {
            format!("{file}:{change}")
        }
        _ => name.to_owned(),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A regular expression for a mutant, at any place if its name says none.
fn pattern(name: &str) -> String {
    let mut pattern = String::new();
    for character in name.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    if without_place(name) == name { pattern.replacen(':', r":\d+:\d+:", 1) } else { pattern }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_found_by_its_name_with_place_and_without() {
        assert_eq!(pattern("core/src/id.rs:1:25: f && g"), r"core/src/id\.rs:1:25: f && g");
        assert_eq!(pattern("core/src/id.rs: f && g"), r"core/src/id\.rs:\d+:\d+: f && g");
        let in_a_path = "core/src/id.rs: replace <impl Decide for Id>::is_nil with true";
        assert_eq!(without_place(in_a_path), in_a_path);
    }
}
