//! Opening a store in a process of its own: what a host waits for, and what memory it then has.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use doorward::{Engine, Policy};
use doorward_core::store::Store;

use crate::Failure;
use crate::candidate::{Candidate, Door, key};
use crate::populate;

/// The first argument of the program when it is such a process.
pub const CHILD: &str = "--opened-in-a-process-of-its-own";

/// What such a process found.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    /// From nothing to an engine that is ready.
    pub time: Duration,
    /// Resident memory then, in KiB; `None` where the system does not tell.
    pub resident_kib: Option<u64>,
}

/// Opens the candidate's store in a new process. One that finds nothing again is filled first, and not timed.
pub fn open(candidate: Candidate, folder: &Path, sessions: usize) -> Result<Opened, Failure> {
    let output = Command::new(env::current_exe()?)
        .args([CHILD, candidate.name, &sessions.to_string()])
        .arg(folder)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut words = text.split_whitespace();
    let time = Duration::from_nanos(words.next().ok_or("no answer")?.parse()?);
    Ok(Opened { time, resident_kib: words.next().and_then(|word| word.parse().ok()) })
}

/// What the process does; gives what it is to print.
pub fn child(arguments: &[String]) -> Result<String, Failure> {
    let [name, sessions, folder] = arguments else { return Err("name, sessions, folder".into()) };
    let candidate = Candidate::named(name).ok_or("no such store")?;
    let begun = Instant::now();
    let store = candidate.open(Path::new(folder))?;
    let door = Door::open(candidate, &store, Policy::default())?;
    let time = begun.elapsed();
    if !candidate.is_durable {
        fill_store(&store, sessions.parse()?)?;
    }
    let resident = resident_kib().map_or("unknown".to_owned(), |kib| kib.to_string());
    drop((door, store));
    Ok(format!("{} {resident}", time.as_nanos()))
}

/// The bytes of all files below the folder, as long as they are; `None` where nothing is kept.
pub fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        bytes += if found.is_dir() { bytes_below(&entry.path())? } else { found.len() };
    }
    Ok(bytes)
}

/// Resident memory now, in KiB; `None` where the system does not tell.
pub(crate) fn resident_kib() -> Option<u64> {
    told("VmRSS:")
}

/// The most that there ever was.
pub(crate) fn resident_kib_at_most() -> Option<u64> {
    told("VmHWM:")
}

fn told(what: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(what))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Fills a store in this folder, closes it, and leaves what it has on disk.
pub fn fill(candidate: Candidate, folder: &Path, sessions: usize) -> Result<(), Failure> {
    fill_store(&candidate.open(folder)?, sessions)
}

fn fill_store(store: &Arc<dyn Store>, sessions: usize) -> Result<(), Failure> {
    let engine = Engine::builder(Arc::clone(store)).ephemeral().master_key(key()).open()?;
    populate::sessions(&engine, &**store, sessions)
}
