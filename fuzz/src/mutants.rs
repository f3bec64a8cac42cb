//! Mutation testing of the core: `cargo mutants` changes a line in a copy of the tree, and a test of the core has to fail.
//!
//! The list of mutants goes in [`SHARDS`] shards, each gone through on its own. A mutant that no test fails on is written down as a
//! survivor: then either a test is missing, or a line in `fuzz/ledger/survivors.json` says why nothing can tell it from the core.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{fs, io};

use serde::Deserialize;
use thiserror::Error;

/// In how many shards the mutants go. Another number is another search.
pub const SHARDS: u64 = 400;
/// The name of the list in the ledger.
pub const SURVIVORS: &str = "survivors";

const VERSION: &str = "27.1.0";

/// What survives, with why; empty: nobody has said it yet.
pub type Survivors = BTreeMap<String, String>;

/// The survivors, as the ledger in this folder has them.
///
/// # Example: none yet
/// ```
/// use doorward_fuzz::mutants;
///
/// assert!(mutants::survivors(tempfile::tempdir()?.path())?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The list cannot be read, or is none.
pub fn survivors(folder: &Path) -> io::Result<Survivors> {
    match fs::read_to_string(list(folder)) {
        Ok(text) => Ok(serde_json::from_str(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Survivors::new()),
        Err(error) => Err(error),
    }
}

/// Adds to the list in this folder what it does not know.
///
/// # Example: a survivor that nobody has looked at
/// ```
/// use doorward_fuzz::mutants;
///
/// let folder = tempfile::tempdir()?;
/// mutants::note(folder.path(), &["core/src/id.rs: replace f with ()".to_owned()])?;
/// assert_eq!(mutants::survivors(folder.path())?.len(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// It cannot be read, or not written.
pub fn note(folder: &Path, survived: &[String]) -> io::Result<()> {
    let mut known = survivors(folder)?;
    for name in survived {
        known.entry(name.clone()).or_default();
    }
    fs::write(list(folder), serde_json::to_string_pretty(&known)? + "\n")
}

fn list(folder: &Path) -> PathBuf {
    folder.join(SURVIVORS).with_extension("json")
}

/// A copy of the tree in which lines are changed.
///
/// # Example: the first two shards
/// ```no_run
/// use doorward_fuzz::mutants::Mutants;
///
/// let mutants = Mutants::copy()?;
/// for shard in 0..2 {
///     println!("{:?}", mutants.go_through(shard)?);
/// }
/// # Ok::<(), doorward_fuzz::mutants::MutantsError>(())
/// ```
#[derive(Debug)]
pub struct Mutants {
    tree: PathBuf,
}

/// What became of the mutants of one shard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shard {
    /// A test failed, or did not end.
    pub caught: u64,
    /// They do not compile.
    pub unviable: u64,
    /// No test failed: file and change.
    pub survived: Vec<String>,
    /// How long it took, in seconds of the clock on the wall.
    pub seconds: f64,
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
    /// Makes the copy, or brings that of the last time to what is committed now, and sees its tests pass.
    ///
    /// # Errors
    /// [`MutantsError`]: a tool is not there, the tree is not committed, or a test fails.
    pub fn copy() -> Result<Self, MutantsError> {
        let version = Command::new("cargo").args(["mutants", "--version"]).output()?;
        if !String::from_utf8_lossy(&version.stdout).contains(VERSION) {
            return Err(MutantsError::NotInstalled);
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        if !git(&root, &["status", "--porcelain", "core", "backends/src"])?.is_empty() {
            return Err(MutantsError::NotCommitted);
        }
        let head = git(&root, &["rev-parse", "HEAD"])?;
        let tree = root.join("target/mutants/tree");
        if !tree.join(".git").exists() {
            fs::create_dir_all(&tree)?;
            git(&tree, &["init", "--quiet"])?;
        }
        let from = root.canonicalize()?;
        git(&tree, &["fetch", "--quiet", "--depth=1", &from.to_string_lossy(), head.trim()])?;
        git(&tree, &["checkout", "--quiet", "--force", "--detach", head.trim()])?;
        let tests = Command::new("cargo").args(TESTS).current_dir(&tree).envs(target(&tree)).status()?;
        if !tests.success() {
            return Err(MutantsError::Failed("a test of the core fails without any change".to_owned()));
        }
        Ok(Self { tree })
    }

    /// Goes through one shard.
    ///
    /// # Errors
    /// [`MutantsError`]: `cargo mutants` failed, not a test.
    pub fn go_through(&self, shard: u64) -> Result<Shard, MutantsError> {
        let begun = Instant::now();
        let folder = self.tree.join("../outcomes");
        let mut mutants = Command::new("cargo");
        mutants.current_dir(&self.tree).envs(target(&self.tree)).args(["mutants", "--in-place", "--output"]);
        mutants.arg(&folder).args(["--package", "doorward-core", "--shard", &format!("{shard}/{SHARDS}")]);
        mutants.args([
            "--baseline",
            "skip",
            "--timeout",
            "300",
            "--build-timeout",
            "600",
            "--no-times",
            "--",
        ]);
        mutants.args(&TESTS[1..]);
        let output = mutants.output()?;
        // 2: a mutant survived; 3: one did not end.
        if !matches!(output.status.code(), Some(0 | 2 | 3)) {
            let said = [output.stdout, output.stderr].concat();
            return Err(MutantsError::Failed(String::from_utf8_lossy(&said).into_owned()));
        }
        let outcomes = fs::read_to_string(folder.join("mutants.out/outcomes.json"))?;
        let mut of_shard = Shard { seconds: begun.elapsed().as_secs_f64(), ..Shard::default() };
        for Outcome { scenario, summary } in serde_json::from_str::<Outcomes>(&outcomes)?.outcomes {
            match (scenario, &*summary) {
                (Scenario::Baseline, _) => {}
                (_, "CaughtMutant" | "Timeout") => of_shard.caught += 1,
                (_, "Unviable") => of_shard.unviable += 1,
                (Scenario::Mutant { name }, "MissedMutant") => of_shard.survived.push(without_place(&name)),
                (Scenario::Mutant { name }, other) => {
                    return Err(MutantsError::Failed(format!("{name}: {other}")));
                }
            }
        }
        Ok(of_shard)
    }
}

/// The tests that have to fail.
const TESTS: [&str; 6] = ["test", "--package", "doorward-core", "--lib", "--test", "core"];

/// Artifacts of its own, beside the copy.
fn target(tree: &Path) -> [(&'static str, PathBuf); 1] {
    [("CARGO_TARGET_DIR", tree.join("../target"))]
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, MutantsError> {
    let output = Command::new("git").current_dir(folder).args(arguments).output()?;
    if !output.status.success() {
        return Err(MutantsError::Failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `core/src/id.rs:10:5: replace f with ()` without line and column, which move with every change.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(change)) => format!("{file}:{change}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survivor_is_known_by_its_file_and_its_change() {
        let name = "core/src/id.rs:10:5: replace Id::is_nil -> bool with true";
        assert_eq!(without_place(name), "core/src/id.rs: replace Id::is_nil -> bool with true");
        assert_eq!(without_place("something else"), "something else");
    }
}
