//! Calls to the system that fail: the disk is full or broken, a file cannot be opened, a lock cannot be had.
//!
//! A victim works under `strace`, which lets some of its calls fail, once, every so often, or from one on, and does not carry them out.
//! The victim goes on where it can. What it was told is held against what is in the store then, as after a kill: what was
//! acknowledged is there, what a fault ended is there as a whole or not at all, and not at all when the fault said so. An end
//! by a panic or a signal is a finding, and so is one that does not come. (A panic inside sled is contained, and printed all the same.)

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::hall::{ROUND_MILLIS, START_MILLIS};
use super::story::Line;
use super::{Failure, Rig, Siege, Summary, folder_in, why};
use crate::rng::Rng;

/// What was done, until so many calls had failed.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Calls that failed.
    pub faults: u64,
    /// Victims that endured them.
    pub victims: u64,
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// Operations that a fault ended, which said that nothing was done.
    pub refused: u64,
    /// Operations whose fate a fault left open: those that are there.
    pub landed: u64,
    /// And those that are not.
    pub lost: u64,
}

/// Calls that fail together. A story is written by `write`, which does not fail; nor do calls for memory, which end a process.
const CALLS: [&str; 12] = [
    "pwrite64",
    "fsync,fdatasync,sync_file_range",
    "fdatasync",
    "pwrite64,fsync,fdatasync,ftruncate,fallocate",
    "pread64",
    "read,pread64",
    "ftruncate,fallocate",
    "openat",
    "unlink,unlinkat,rename,renameat,renameat2,mkdir",
    "fcntl",
    "flock",
    "newfstatat,fstat,statx,lseek",
];

const ERRORS: [&str; 7] = ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN", "EACCES", "ENOLCK"];

/// How many victims work on one store, one after the other.
const LIFE: u64 = 4;

/// Whoever takes longer hangs: it waits a few times for a lock.
const PATIENCE: &str = "120";

/// Lets calls fail, beginning with this victim: `rig.from`, with `rig.kills` victims. `progress` is told after each.
///
/// # Errors
/// The first thing that is not as it must be.
pub fn run(rig: &Rig, mut progress: impl FnMut(&Tally)) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let end = rig.from.saturating_add(rig.kills);
    let mut victim = rig.from;
    while victim < end {
        let failed = |victim, folder: &Path, what| Failure {
            seed: rig.seed,
            kill: victim,
            folder: folder.to_owned(),
            what,
        };
        let folder = folder_in(rig.folder.as_deref(), "doorward-faults-")
            .map_err(|error| failed(victim, Path::new("."), error.to_string()))?;
        let mut summary = Summary::new(0);
        let mut siege = Siege::new(rig, folder.path(), &mut summary)
            .map_err(|what| failed(victim, folder.path(), what))?;
        siege.calls_fail = true;
        for age in 0..LIFE.min(end - victim) {
            let rng = &mut Rng::new(rig.seed ^ victim.wrapping_mul(0x9e37_79b9));
            let plan = Plan::draw(rng);
            match siege.endure(age, &plan, rng) {
                Ok(faults) => tally.faults += faults,
                Err(what) => return Err(failed(victim, &folder.keep(), format!("with {plan}: {what}"))),
            }
            tally.victims += 1;
            victim += 1;
            progress(&tally);
        }
        tally.acknowledged += summary.acknowledged;
        tally.refused += summary.refused;
        tally.landed += summary.landed;
        tally.lost += summary.lost;
    }
    Ok(tally)
}

/// Which calls fail, and when, as `strace` is told.
struct Plan {
    calls: &'static str,
    error: &'static str,
    when: String,
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:error={}:when={}", self.calls, self.error, self.when)
    }
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let (calls, error) = (CALLS[rng.below(12) as usize], ERRORS[rng.below(7) as usize]);
        // Early ones make and recover the store, and are few.
        let within = 2 << rng.below(9);
        let first = 1 + rng.below(within);
        let when = match rng.below(4) {
            0 => first.to_string(),
            // A call that is interrupted for ever is none of this world.
            1 if error != "EINTR" => format!("{first}+"),
            _ => format!("{first}+{}", 2 + rng.below(40)),
        };
        Self { calls, error, when }
    }
}

impl Siege<'_> {
    /// Lets a victim endure this, and looks; how many calls failed.
    fn endure(&mut self, age: u64, plan: &Plan, rng: &mut Rng) -> Result<u64, String> {
        let age = i64::try_from(age).unwrap_or(i64::MAX);
        let now = START_MILLIS.saturating_add(age.saturating_mul(ROUND_MILLIS));
        self.story.tell(&Line::Round(now)).map_err(why)?;
        let (trace, printed) = (self.folder.join("trace"), self.folder.join("printed"));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-e"]);
        strace.arg(format!("trace={}", plan.calls)).arg("-e").arg(format!("inject={plan}"));
        strace.arg("-o").arg(&trace).args(["timeout", "-s", "KILL", PATIENCE]).arg(&self.rig.program);
        strace.args(["victim", self.rig.store.name()]).arg(self.folder);
        strace.args([&rng.next().to_string(), &self.rig.threads.to_string(), "endures"]);
        strace.stdin(Stdio::null()).stdout(Stdio::null());
        let ended = strace.stderr(fs::File::create(&printed).map_err(why)?).status();
        let ended =
            ended.map_err(|error| format!("strace is not there (apt-get install strace): {error}"))?;
        // The story says more than the exit code does, if it says anything.
        self.read_on()?;
        let printed = fs::read_to_string(&printed).map_err(why)?;
        match ended.code() {
            Some(0) => {}
            // Not even its libraries could be loaded, or `timeout` could not begin.
            Some(125..=127) => {}
            Some(137) => return Err(format!("it does not end within {PATIENCE} s: {}", printed.trim())),
            code => {
                let signal = ended.signal();
                return Err(format!("it ended with {code:?}, signal {signal:?}: {}", printed.trim()));
            }
        }
        self.look(now)?;
        let trace = fs::read_to_string(&trace).map_err(why)?;
        Ok(trace.lines().filter(|line| line.ends_with("(INJECTED)")).count() as u64)
    }
}
