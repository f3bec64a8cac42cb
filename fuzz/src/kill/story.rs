//! The story: a file beside the store to which the victims append what they begin and what they were told, and the rig
//! what it found after each kill. A line is one write, so that a kill leaves it whole.
//!
//! The state of the model is a function of the story alone ([`Town`](super::town::Town)): the next victim goes on from it, and
//! whoever keeps the folder of a failure has all of it.
//!
//! | line | by | means |
//! |---|---|---|
//! | `round MILLIS` | rig | the clock shows this from here on |
//! | `ready MICROS` | victim | the engine is open, so long after the process began |
//! | `begin OP ACT` | victim | it is about to be done |
//! | `done OP ANSWER` | victim | it was acknowledged |
//! | `failed OP WHY` | victim | it was refused: nothing here may be |
//! | `landed OP ANSWER` | rig | it was under way at the kill, and is there |
//! | `lost OP` | rig | it was under way at the kill, and is not there |

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::str::FromStr;

use super::act::{Act, Answer, Op};
use super::town::Town;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Round(i64),
    Ready(u64),
    Begin(Op, Act),
    Done(Op, Answer),
    Failed(Op, String),
    Landed(Op, Answer),
    Lost(Op),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Round(now) => write!(f, "round {now}"),
            Self::Ready(micros) => write!(f, "ready {micros}"),
            Self::Begin(op, act) => write!(f, "begin {op} {act}"),
            Self::Done(op, answer) => write!(f, "done {op} {answer}"),
            Self::Failed(op, why) => write!(f, "failed {op} {why}"),
            Self::Landed(op, answer) => write!(f, "landed {op} {answer}"),
            Self::Lost(op) => write!(f, "lost {op}"),
        }
    }
}

impl Line {
    /// Whose line it is; nobody's concerns all.
    pub(super) fn thread(&self) -> Option<usize> {
        match self {
            Self::Round(_) | Self::Ready(_) => None,
            Self::Begin(op, _)
            | Self::Done(op, _)
            | Self::Failed(op, _)
            | Self::Landed(op, _)
            | Self::Lost(op) => Some(op.thread),
        }
    }
}

impl FromStr for Line {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (word, rest) = text.split_once(' ').ok_or(())?;
        match word {
            "round" => return rest.parse().map(Self::Round).map_err(drop),
            "ready" => return rest.parse().map(Self::Ready).map_err(drop),
            _ => {}
        }
        let (op, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let op = op.parse()?;
        Ok(match word {
            "begin" => Self::Begin(op, rest.parse()?),
            "done" => Self::Done(op, rest.parse()?),
            "failed" => Self::Failed(op, rest.to_owned()),
            "landed" => Self::Landed(op, rest.parse()?),
            "lost" => Self::Lost(op),
            _ => return Err(()),
        })
    }
}

/// Where the story leaves each thread.
pub(super) fn follow(towns: &mut [Town], lines: &[Line]) -> Result<(), String> {
    for line in lines {
        match line.thread() {
            Some(thread) => {
                let town = towns.get_mut(thread).ok_or_else(|| format!("there is no thread {thread}"))?;
                town.follow(line)?;
            }
            None => towns.iter_mut().try_for_each(|town| town.follow(line))?,
        }
    }
    Ok(())
}

/// The file, to be read on from where it was left, and appended to.
#[derive(Debug)]
pub(super) struct Story {
    file: File,
    read: u64,
}

impl Story {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(folder.join("story"))?;
        Ok(Self { file, read: 0 })
    }

    pub(super) fn tell(&self, line: &Line) -> io::Result<()> {
        (&self.file).write_all(format!("{line}\n").as_bytes())
    }

    /// What was told since the last time is known.
    pub(super) fn skip(&mut self) -> io::Result<()> {
        self.read = self.file.metadata()?.len();
        Ok(())
    }

    /// The lines since the last time.
    pub(super) fn next(&mut self) -> io::Result<Vec<Line>> {
        let mut text = String::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.read_to_string(&mut text)?;
        // A write that a kill cut short is no line.
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
        self.read += whole.len() as u64;
        let broken = |line: &str| io::Error::other(format!("no line of a story: {line}"));
        whole.lines().map(|line| line.parse().map_err(|()| broken(line))).collect()
    }
}
