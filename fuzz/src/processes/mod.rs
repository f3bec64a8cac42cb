//! Several processes on one SQLite database, each with an engine of its own.
//!
//! They are started at the same moment, on a file that is not there, so that its making is a race. Then they log in and out,
//! anonymous sessions too, end each other's sessions, purge, and try the tokens that the others were given, all of them on
//! the same few accounts and with clocks that are a little off. Each follows the journal.
//!
//! | | invariant |
//! |---|---|
//! | what one has ended, nobody accepts from then on; what one has granted, everybody does | 11, 12, 13 |
//! | each sees each ending in the journal, in the same order, none left out, none twice | 11 |
//! | the clock's mark only rises | 20 |
//! | a name is one account's | 29 |
//! | no failure but those that say "try again" | 17, 43 |
//!
//! | file | what |
//! |---|---|
//! | this one | the rig: it starts them, and sums up |
//! | `member`, `worker` | a process, and each of its threads |
//! | `log` | what they all write down, in one order |
//! | `judge`, `follow` | the log and the journal, held against the promises |

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

use judge::Record;
use log::Log;

pub use member::Member;

mod follow;
mod judge;
mod log;
mod member;
#[cfg(test)]
mod tests;
mod worker;

/// Several processes, for so long.
#[derive(Debug, Clone)]
pub struct Rig {
    /// The program that becomes a [`Member`] when it is started with the arguments of [`Rig::arguments`].
    pub program: PathBuf,
    /// How many.
    pub processes: usize,
    /// For how long.
    pub time: Duration,
    /// How many databases they all make at the same moment, before the one that they stay with.
    pub races: usize,
    /// What all is drawn from. What meets what is the machine's affair: a seed is no exact replay.
    pub seed: u64,
    /// Where to make the folder; the system's own place without it.
    pub folder: Option<PathBuf>,
}

/// Something untrue was told, or something failed that may not.
#[derive(Debug, Error)]
#[error("seed {seed}: {what}; all of it is kept in {}", folder.display())]
pub struct Failure {
    /// Of the rig.
    pub seed: u64,
    /// The database, the log, and what each process printed and saw.
    pub folder: PathBuf,
    /// What.
    pub what: String,
}

/// What was done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// How long the processes were at work.
    pub time: Duration,
    /// Of each operation, how many were told something.
    pub counts: BTreeMap<&'static str, u64>,
    /// Of each failure that says "try again", how many.
    pub failures: BTreeMap<String, u64>,
    /// Entries that each process saw in the journal.
    pub entries: usize,
    /// How often an opening had to be tried again.
    pub waits: u64,
    /// The longest opening of a database that all made at once.
    pub slowest: Duration,
}

impl Rig {
    /// The arguments of a process: `member FOLDER NUMBER SEED`.
    pub fn arguments(given: &[String]) -> Option<Member> {
        let [word, folder, process, seed] = given else { return None };
        (word == "member").then_some(Member {
            folder: folder.into(),
            process: process.parse().ok()?,
            seed: seed.parse().ok()?,
        })
    }

    /// Starts them, waits, and judges. `progress` is told now and then how many lines they have written.
    ///
    /// # Errors
    /// The first thing that is not as it must be.
    pub fn run(&self, progress: impl FnMut(usize, Duration)) -> Result<Summary, Failure> {
        let failed = |folder: &Path, what| Failure { seed: self.seed, folder: folder.to_owned(), what };
        let mut builder = tempfile::Builder::new();
        builder.prefix("doorward-processes-");
        let folder = match &self.folder {
            Some(folder) => fs::create_dir_all(folder).and_then(|()| builder.tempdir_in(folder)),
            None => builder.tempdir(),
        };
        let folder = folder.map_err(|error| failed(Path::new("."), error.to_string()))?;
        match self.play(folder.path(), progress) {
            Ok(summary) => Ok(summary),
            Err(what) => Err(failed(&folder.keep(), what)),
        }
    }

    fn play(&self, folder: &Path, mut progress: impl FnMut(usize, Duration)) -> Result<Summary, String> {
        let mut log = Log::open(folder).map_err(why)?;
        let mut members: Vec<Running> =
            (0..self.processes).map(|process| self.start(folder, process)).collect::<Result<_, _>>()?;
        let (mut waits, mut slowest) = (0, 0);
        let files = (0..self.races).map(|race| format!("open race-{race}.db"));
        for file in files.chain(["live auth.db".to_owned()]) {
            for member in &mut members {
                member.tell(&file)?;
            }
            for member in &mut members {
                let answer = member.hear(folder)?;
                let mut words = answer.trim().split(' ').skip(1).map(|word| word.parse::<u64>().unwrap_or(0));
                waits += words.next().unwrap_or(0);
                slowest = slowest.max(words.next().unwrap_or(0));
            }
        }
        let begun = Instant::now();
        let mut lines = Vec::new();
        while begun.elapsed() < self.time {
            std::thread::sleep(Duration::from_millis(100));
            lines.extend(log.next().map_err(why)?);
            progress(lines.len(), begun.elapsed());
        }
        let time = begun.elapsed();
        for order in ["stop", "finish"] {
            for member in &mut members {
                member.tell(order)?;
            }
            for member in &mut members {
                member.hear(folder)?;
            }
        }
        for mut member in members {
            let ended = member.child.wait().map_err(why)?;
            if !ended.success() {
                return Err(member.blame(folder));
            }
        }
        lines.extend(log.next().map_err(why)?);
        let record = Record::of(&lines)?;
        record.judge()?;
        let seen: io::Result<Vec<Vec<String>>> = (0..self.processes)
            .map(|process| fs::read_to_string(folder.join(format!("seen-{process}"))))
            .map(|text| text.map(|text| text.lines().map(str::to_owned).collect()))
            .collect();
        let entries = follow::judge(&seen.map_err(why)?, &record)?;
        let (counts, failures) = (record.counts, record.failures);
        Ok(Summary { time, counts, failures, entries, waits, slowest: Duration::from_millis(slowest) })
    }

    fn start(&self, folder: &Path, process: usize) -> Result<Running, String> {
        let printed = File::create(folder.join(format!("printed-{process}"))).map_err(why)?;
        let mut child = Command::new(&self.program)
            .arg("member")
            .arg(folder)
            .args([process.to_string(), (self.seed.wrapping_mul(1000) + process as u64).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(printed)
            .spawn()
            .map_err(why)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).ok_or("a process has no pipes")?;
        Ok(Running { process, child, input, output: BufReader::new(output) })
    }
}

/// A process under way. Dropping it ends it.
struct Running {
    process: usize,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn tell(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.input, "{line}").map_err(|error| format!("process {} is gone: {error}", self.process))
    }

    fn hear(&mut self, folder: &Path) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(1..) => Ok(line),
            Ok(0) | Err(_) => Err(self.blame(folder)),
        }
    }

    fn blame(&self, folder: &Path) -> String {
        let printed =
            fs::read_to_string(folder.join(format!("printed-{}", self.process))).unwrap_or_default();
        format!("process {} ended by itself: {}", self.process, printed.lines().last().unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _it_may_be_gone = self.child.kill();
        let _no_one_waits = self.child.wait();
    }
}

impl fmt::Display for Summary {
    #[allow(clippy::cast_precision_loss, reason = "for people, who read three digits of it")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        writeln!(f, "{seconds:.1} s, nothing untrue")?;
        for (word, count) in &self.counts {
            writeln!(f, "  {count:>9} {word} ({:.0} a second)", *count as f64 / seconds)?;
        }
        for (word, count) in &self.failures {
            writeln!(f, "  {count:>9} {word} ({:.2} a second)", *count as f64 / seconds)?;
        }
        writeln!(f, "  {:>9} entries of the journal, seen alike by all", self.entries)?;
        writeln!(f, "  {:>9} openings that had to be tried again", self.waits)?;
        write!(f, "  {:>9} ms the slowest opening of a race", self.slowest.as_millis())
    }
}

fn why(error: impl fmt::Display) -> String {
    error.to_string()
}
