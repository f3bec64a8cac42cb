//! The program that is recorded: it starts victims, one after the other, and ends each after a while.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::store::StoreKind;

/// Three lives of one store, two looks between them: whoever comes next recovers it, and first it is seen what became of what was under
/// way.
///
/// A life is stopped before it is killed: whatever it asked the system for has its answer then, and the recording has both. A call that a
/// kill interrupts may have been done, and the recording would not say so; but the next life goes on from what it did.
#[derive(Debug, Clone)]
pub struct Lives {
    /// The program that becomes a victim, and these lives when it is started with [`Lives::arguments`].
    pub program: PathBuf,
    /// Which store.
    pub store: StoreKind,
    /// Where.
    pub folder: PathBuf,
    /// What the victims draw from.
    pub seed: u64,
    /// How many threads each has.
    pub threads: usize,
    /// How long each lives.
    pub seconds: u64,
}

/// How long `strace` has to hear of a stop.
const SETTLES: Duration = Duration::from_millis(500);

impl Lives {
    /// As a command line: `lives STORE FOLDER SEED THREADS SECONDS`.
    pub(super) fn command(&self) -> Vec<std::ffi::OsString> {
        let numbers = [self.seed.to_string(), self.threads.to_string(), self.seconds.to_string()];
        let words = ["lives".into(), self.store.name().into(), self.folder.clone().into_os_string()];
        std::iter::once(self.program.clone().into_os_string())
            .chain(words)
            .chain(numbers.map(Into::into))
            .collect()
    }

    /// What such a command line, without the program, asks for.
    pub fn arguments(program: PathBuf, given: &[String]) -> Option<Self> {
        let [word, store, folder, seed, threads, seconds] = given else { return None };
        (word == "lives").then_some(Self {
            program,
            store: store.parse().ok()?,
            folder: folder.into(),
            seed: seed.parse().ok()?,
            threads: threads.parse().ok()?,
            seconds: seconds.parse().ok()?,
        })
    }

    /// Lives them.
    ///
    /// # Errors
    /// A victim that ended by itself, or a look that found something.
    pub fn run(self) -> Result<(), String> {
        for life in 1..=3_u64 {
            self.live(life)?;
            if life < 3 && !self.victim(life, "looks").status().map_err(why)?.success() {
                return Err("who looks found something".to_owned());
            }
        }
        Ok(())
    }

    fn live(&self, life: u64) -> Result<(), String> {
        let mut victim = self.victim(life, "lives").spawn().map_err(why)?;
        thread::sleep(Duration::from_secs(self.seconds));
        let pid = Pid::from_child(&victim);
        kill_process(pid, Signal::STOP).map_err(why)?;
        let is_stopped = loop {
            match waitpid(Some(pid), WaitOptions::UNTRACED) {
                Ok(Some((_, status))) => break status.stopped(),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(why(error)),
            }
        };
        if !is_stopped {
            return Err("it ended by itself".to_owned());
        }
        // `strace` hears of the stop as well, thread by thread, and gives up where one is gone by then.
        thread::sleep(SETTLES);
        victim.kill().map_err(why)?;
        victim.wait().map_err(why)?;
        Ok(())
    }

    fn victim(&self, life: u64, word: &str) -> Command {
        let mut victim = Command::new(&self.program);
        victim.args(["victim", self.store.name()]).arg(&self.folder);
        victim.args([
            self.seed.wrapping_mul(10).wrapping_add(life).to_string(),
            self.threads.to_string(),
            word.to_owned(),
        ]);
        victim.stdin(Stdio::null()).stdout(Stdio::null());
        victim
    }
}

fn why(error: impl Into<io::Error>) -> String {
    error.into().to_string()
}
