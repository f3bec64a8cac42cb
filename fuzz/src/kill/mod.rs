//! Processes that are killed, and what is in the store then.
//!
//! A *victim* opens an engine on a store, and its threads log in, log out, register and change what they have. Each writes
//! down what it is about to do and what it was told, in a story beside the store. The rig kills it at a random moment, also
//! while it makes the store or recovers it from the kill before, then opens the store itself and compares:
//!
//! | | invariant |
//! |---|---|
//! | what was acknowledged is there: each login live, each logout dead, data, names, passwords, counters | 15, 26 |
//! | what was under way is there as a whole or not at all | 24 |
//! | no row is there that nobody asked for; a session whose token was not told may be there | 24, 28 |
//! | the journal has each ending once, in order; numbers ascend, and none comes again after a kill | 15, 26 |
//! | the store opens, within a bound, however often it was killed on the way; interrupted deletions go on | 27 |
//!
//! A kill takes the process, not the machine: what the system's page cache holds survives it. What a power cut leaves is looked at
//! in [`power`](crate::power).
//!
//! | file | what |
//! |---|---|
//! | this one | the rig: rounds of kills, and their summary |
//! | `faults` | the same rig, with victims whose calls to the system fail |
//! | `victim`, `plan`, `act`, `trouble` | what dies, what it does, and its words |
//! | `story`, `town` | what was written down, and what must be in the store therefore |
//! | `judge`, `journal`, `tokens` | what is in the store, held against that |
//! | `hall` | the engine that both open |
//! | `asked` | a command line |

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use doorward_core::password::HashMemory;
use doorward_core::record::Key;
use tempfile::TempDir;
use thiserror::Error;

use crate::rng::Rng;
use crate::store::StoreKind;

use hall::{Hall, ROUND_MILLIS, START_MILLIS};
use journal::Journal;
use story::{Line, Story, follow};
use town::Town;

pub use asked::Asked;
pub use summary::Summary;
pub use victim::{Life, Victim};

mod act;
mod asked;
pub mod faults;
mod hall;
mod journal;
mod judge;
mod plan;
mod story;
mod summary;
mod tokens;
mod town;
mod trouble;
mod victim;

/// A thousand kills, or as many as are wanted.
#[derive(Debug, Clone)]
pub struct Rig {
    /// The program that becomes a [`Victim`] when it is started with the arguments of [`Rig::arguments`].
    pub program: PathBuf,
    /// Which store.
    pub store: StoreKind,
    /// What all is drawn from. When a victim dies is also the machine's affair: a seed is no exact replay.
    pub seed: u64,
    /// The number of the first kill. It begins with an empty store, whichever it is.
    pub from: u64,
    /// How many.
    pub kills: u64,
    /// How many threads a victim has.
    pub threads: usize,
    /// Where to make the folders; the system's own place without it.
    pub folder: Option<PathBuf>,
}

/// Something was lost, or is there and should not be, or does not open.
#[derive(Debug, Error)]
#[error("seed {seed}, kill {kill}: {what}; all of it is kept in {}", folder.display())]
pub struct Failure {
    /// Of the rig.
    pub seed: u64,
    /// After which kill.
    pub kill: u64,
    /// The store, the story, and what the victims printed.
    pub folder: PathBuf,
    /// What.
    pub what: String,
}

/// Whoever opens takes no longer than this.
const PATIENCE: Duration = Duration::from_mins(1);

impl Rig {
    /// The arguments of a victim: `victim STORE FOLDER SEED THREADS lives|idles|endures|looks`.
    pub fn arguments(given: &[String]) -> Option<Victim> {
        let [word, store, folder, seed, threads, life] = given else { return None };
        (word == "victim").then_some(Victim {
            store: store.parse().ok()?,
            folder: folder.into(),
            seed: seed.parse().ok()?,
            threads: threads.parse().ok()?,
            life: match life.as_str() {
                "lives" => Life::Lives,
                "idles" => Life::Idles,
                "endures" => Life::Endures,
                "looks" => Life::Looks,
                _ => return None,
            },
        })
    }

    /// Kills, and looks. `progress` is told after each kill.
    ///
    /// # Errors
    /// The first thing that is not as it must be.
    pub fn run(&self, mut progress: impl FnMut(&Summary)) -> Result<Summary, Failure> {
        let mut summary = Summary::new(self.kills);
        let mut kill = self.from;
        let end = self.from.saturating_add(self.kills);
        while kill < end {
            let failed = |kill, folder: &Path, what| Failure {
                seed: self.seed,
                kill,
                folder: folder.to_owned(),
                what,
            };
            let folder = folder_in(self.folder.as_deref(), "doorward-kill-")
                .map_err(|error| failed(kill, Path::new("."), error.to_string()))?;
            let rng = &mut Rng::new(self.seed ^ kill.wrapping_mul(0x9e37_79b9));
            // Some stores grow old, and many are killed at their making.
            let life = [2, 6, 20, 50].get(rng.below(4) as usize).copied().unwrap_or(20).min(end - kill);
            let mut siege = Siege::new(self, folder.path(), &mut summary)
                .map_err(|what| failed(kill, folder.path(), what))?;
            for age in 0..life {
                if let Err(what) = siege.round(age, rng) {
                    return Err(failed(kill, &folder.keep(), what));
                }
                progress(siege.summary);
                kill += 1;
            }
        }
        Ok(summary)
    }
}

/// A new folder in this one, or in the system's own place.
pub(crate) fn folder_in(place: Option<&Path>, prefix: &str) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    match place {
        Some(place) => fs::create_dir_all(place).and_then(|()| builder.tempdir_in(place)),
        None => builder.tempdir(),
    }
}

/// What a story begins with, before a victim opens its store.
pub(crate) fn begun() -> Vec<u8> {
    format!("{}\n", Line::Round(START_MILLIS)).into_bytes()
}

/// Holds a store against the story beside it, whatever became of the victims; how much they had been told.
pub(crate) fn look(store: StoreKind, folder: &Path, threads: usize) -> Result<u64, String> {
    let rig = Rig { program: PathBuf::new(), store, seed: 0, from: 0, kills: 0, threads, folder: None };
    let mut summary = Summary::new(0);
    let mut siege = Siege::new(&rig, folder, &mut summary)?;
    siege.read_on()?;
    siege.look(START_MILLIS)?;
    Ok(summary.acknowledged)
}

/// One store, and those who open it.
struct Siege<'a> {
    rig: &'a Rig,
    folder: &'a Path,
    summary: &'a mut Summary,
    story: Story,
    towns: Vec<Town>,
    journal: Journal,
    memory: HashMemory,
    /// About how long a victim needs to open.
    opens_in: Duration,
    /// Whether calls fail, so that an ending may have been tried more than once.
    calls_fail: bool,
}

impl<'a> Siege<'a> {
    fn new(rig: &'a Rig, folder: &'a Path, summary: &'a mut Summary) -> Result<Self, String> {
        Ok(Self {
            rig,
            folder,
            summary,
            story: Story::open(folder).map_err(why)?,
            towns: vec![Town::default(); rig.threads],
            journal: Journal::default(),
            memory: HashMemory::default(),
            opens_in: Duration::from_millis(20),
            calls_fail: false,
        })
    }

    fn round(&mut self, age: u64, rng: &mut Rng) -> Result<(), String> {
        let age = i64::try_from(age).unwrap_or(i64::MAX);
        let now = START_MILLIS.saturating_add(age.saturating_mul(ROUND_MILLIS));
        self.story.tell(&Line::Round(now)).map_err(why)?;
        // At its making, at its recovery, or in the midst of its work.
        let is_early = rng.in_thousand(if age == 0 { 700 } else { 200 });
        let opening = u32::try_from(self.opens_in.as_micros()).unwrap_or(u32::MAX);
        let after = if is_early {
            rng.below(opening.saturating_add(opening / 4))
        } else {
            opening.saturating_add(rng.below(150_000))
        };
        self.kill(rng.next(), false, Duration::from_micros(after.into()))?;
        while rng.in_thousand(300) {
            // On what the kill has left: this one only opens it, and does not get far.
            let after = rng.below(opening);
            self.kill(rng.next(), true, Duration::from_micros(after.into()))?;
            self.summary.recoveries += 1;
        }
        let is_ready = self.read_on()?;
        if !is_early && !is_ready {
            // Or every victim dies before it has done anything, and nothing is ever found.
            self.opens_in = (self.opens_in * 2).min(PATIENCE);
        }
        self.look(now)?;
        self.summary.kills += 1;
        Ok(())
    }

    /// Starts a victim and ends it.
    fn kill(&mut self, seed: u64, is_idle: bool, after: Duration) -> Result<(), String> {
        let printed =
            File::options().create(true).append(true).open(self.folder.join("printed")).map_err(why)?;
        let mut victim = Command::new(&self.rig.program)
            .args(["victim", self.rig.store.name()])
            .arg(self.folder)
            .args([seed.to_string(), self.rig.threads.to_string()])
            .arg(if is_idle { "idles" } else { "lives" })
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(printed)
            .spawn()
            .map_err(why)?;
        std::thread::sleep(after);
        victim.kill().map_err(why)?;
        let ended = victim.wait().map_err(why)?;
        if ended.signal() == Some(SIGKILL) {
            return Ok(());
        }
        let printed = fs::read_to_string(self.folder.join("printed")).unwrap_or_default();
        // It may have written down why.
        self.read_on()?;
        Err(format!("a victim ended by itself ({ended}): {}", printed.trim()))
    }

    /// Follows the story, and says whether a victim had its engine open.
    fn read_on(&mut self) -> Result<bool, String> {
        let lines = self.story.next().map_err(why)?;
        let mut is_ready = false;
        for line in &lines {
            match line {
                Line::Ready(micros) => {
                    is_ready = true;
                    self.opens_in = (self.opens_in * 3 + Duration::from_micros(*micros)) / 4;
                }
                Line::Begin(_, act) => *self.summary.begun.entry(act.word()).or_default() += 1,
                Line::Done(..) => self.summary.acknowledged += 1,
                // By a victim: what the rig finds is skipped.
                Line::Lost(_) => self.summary.refused += 1,
                Line::Round(_) | Line::Failed(..) | Line::Landed(..) => {}
            }
        }
        self.summary.early += u64::from(!is_ready);
        follow(&mut self.towns, &lines)?;
        Ok(is_ready)
    }

    /// Opens the store, and holds it against the story.
    fn look(&mut self, now: i64) -> Result<(), String> {
        let hall = self.open(now)?;
        let rows = judge::rows_of(&*hall.store).map_err(why)?;
        if self.calls_fail {
            let epoch = |id| rows.get(&Key::Account(id)).map(|row| row.epoch);
            self.towns.iter_mut().for_each(|town| town.learn_epochs(epoch));
        }
        let settled = judge::settle(&mut self.towns, &rows, &mut self.memory)?;
        for line in &settled {
            self.story.tell(line).map_err(why)?;
            match line {
                Line::Landed(..) => self.summary.landed += 1,
                _ => self.summary.lost += 1,
            }
        }
        // They were followed when they were found.
        self.story.skip().map_err(why)?;
        self.summary.endings += self.towns.iter().map(|town| town.endings.len() as u64).sum::<u64>();
        self.journal.compare(&*hall.store, &mut self.towns, now, self.calls_fail)?;
        self.summary.tokens += tokens::try_all(&hall.engine, &self.towns)?;
        tokens::finish_deletions(&hall, &self.towns)?;
        self.journal.catch_up(&*hall.store).map_err(why)
    }

    /// Within a bound, or it hangs.
    fn open(&mut self, now: i64) -> Result<Hall, String> {
        let (kind, folder) = (self.rig.store, self.folder.to_owned());
        let (teller, told) = mpsc::channel();
        let begun = Instant::now();
        let opener = std::thread::spawn(move || {
            let _listener_is_gone = teller.send(Hall::open(kind, &folder, now));
        });
        let answer =
            told.recv_timeout(PATIENCE).map_err(|_| format!("it does not open within {PATIENCE:?}"))?;
        opener.join().map_err(|_| "opening it panicked".to_owned())?;
        self.summary.slowest = self.summary.slowest.max(begun.elapsed());
        answer.map_err(|error| format!("it does not open: {error}"))
    }
}

const SIGKILL: i32 = 9;

fn why(error: impl std::fmt::Display) -> String {
    error.to_string()
}
