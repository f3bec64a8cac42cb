//! libFuzzer on a target: built through `cargo fuzz`, run for so many seconds of a processor, and what it found kept small.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use thiserror::Error;

use super::Target;

/// Where the binaries are.
///
/// # Example: a minute for one target
/// ```no_run
/// use doorward_fuzz::target::{Fuzzer, Target};
///
/// let target = Target::named("phc").unwrap();
/// let fuzzer = Fuzzer::build(&[target])?;
/// let hunt = fuzzer.hunt(&target, 1, 60, |progress| println!("{progress:?}"))?;
/// assert!(hunt.progress.executions > 0);
/// fuzzer.keep(&target, &hunt)?;
/// # Ok::<(), doorward_fuzz::target::FuzzerError>(())
/// ```
#[derive(Debug)]
pub struct Fuzzer {
    binaries: PathBuf,
}

/// How far a hunt has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How often the body was called.
    pub executions: u64,
    /// How many branches of the program were seen.
    pub coverage: u64,
    /// Seconds of one processor.
    pub seconds: u64,
}

/// A hunt that found nothing wrong.
#[derive(Debug)]
pub struct Hunt {
    /// At its end.
    pub progress: Progress,
    /// Inputs that led somewhere new; they go with it.
    folder: TempDir,
}

/// Why a hunt came to nothing, or to something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FuzzerError {
    /// There is no `cargo fuzz`.
    #[error("cargo-fuzz is not there: cargo install --locked --version {VERSION} cargo-fuzz")]
    NotInstalled,
    /// A binary did not build.
    #[error("{0} does not build")]
    Build(&'static str),
    /// libFuzzer did not minimise.
    #[error("the corpus of {0} could not be minimised")]
    Minimise(&'static str),
    /// A finding.
    #[error("{name} has a finding: {}\n{said}", input.display())]
    Found {
        /// Whose.
        name: &'static str,
        /// What finds it again.
        input: PathBuf,
        /// What the body said.
        said: String,
    },
    /// A file or a process.
    #[error(transparent)]
    Io(#[from] io::Error),
}

const VERSION: &str = "0.13.2";

impl Fuzzer {
    /// Builds the binaries of these targets.
    ///
    /// # Errors
    /// `cargo fuzz` is not there, or a binary does not build.
    pub fn build(targets: &[Target]) -> Result<Self, FuzzerError> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let version = Command::new("cargo").args(["fuzz", "--version"]).output()?;
        if !version.status.success() {
            return Err(FuzzerError::NotInstalled);
        }
        let triple = host()?;
        let built =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), PathBuf::from);
        // A folder of their own: cargo builds much anew where `RUSTC_BOOTSTRAP` is another than it was.
        let built = built.join("fuzz");
        for target in targets {
            let mut cargo = Command::new("cargo");
            cargo
                .current_dir(here)
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["fuzz", "build", "--fuzz-dir"])
                .arg(here);
            // Checks of overflow and `debug_assert` are on. Without `cfg(fuzzing)`: what is searched is what people build.
            cargo.args(["--dev", "--features", "libfuzzer", "--no-cfg-fuzzing", "--sanitizer", "none"]);
            cargo.args(["--target", &triple, "--target-dir"]).arg(&built);
            if !cargo.arg(target.name).status()?.success() {
                return Err(FuzzerError::Build(target.name));
            }
        }
        Ok(Self { binaries: built.join(triple).join("debug") })
    }

    /// Calls a target's body for so many seconds of one processor, beginning at its corpus and its seeds, and tells now and
    /// then how far it is.
    ///
    /// # Errors
    /// [`FuzzerError::Found`]: what it is for.
    pub fn hunt(
        &self,
        target: &Target,
        seed: u32,
        seconds: u64,
        tell: impl Fn(Progress),
    ) -> Result<Hunt, FuzzerError> {
        let folder = tempfile::tempdir()?;
        let [new, seeds] = ["new", "seeds"].map(|name| folder.path().join(name));
        for folder in [&new, &seeds] {
            fs::create_dir(folder)?;
        }
        for (number, input) in target.seeds().iter().enumerate() {
            fs::write(seeds.join(number.to_string()), input)?;
        }
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(target.name);
        fs::create_dir_all(&found)?;
        let mut command = self.command(target);
        command.arg(format!("-seed={seed}")).arg(format!("-artifact_prefix={}/", found.display()));
        command.args(["-print_final_stats=1", "-timeout=60", "-rss_limit_mb=4096"]);
        command.args(target.dictionary().map(|file| format!("-dict={}", file.display())));
        command.arg(new).arg(seeds).args(Some(target.corpus()).filter(|folder| folder.exists()));
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;

        let told = Arc::new(Mutex::new(Told::default()));
        let listener = listen(&mut child, &told);
        let status = attend(
            &mut child,
            seconds,
            |seconds| {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.progress.seconds = seconds;
                told.progress
            },
            tell,
        )?;
        drop(listener.map(thread::JoinHandle::join));
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if status.success() || status.code() == Some(INTERRUPTED) {
            return Ok(Hunt { progress: told.progress, folder });
        }
        let input = told.input.clone().unwrap_or(found);
        Err(FuzzerError::Found { name: target.name, input, said: told.last.join("\n") })
    }

    /// Keeps, of the corpus and of what a hunt found, what it takes to see all that they saw; where that is too much for every run
    /// of the tests, some of it, of all sizes.
    ///
    /// # Errors
    /// libFuzzer fails, or a file cannot be written.
    pub fn keep(&self, target: &Target, hunt: &Hunt) -> Result<usize, FuzzerError> {
        let least = hunt.folder.path().join("least");
        fs::create_dir(&least)?;
        let corpus = target.corpus();
        fs::create_dir_all(&corpus)?;
        let mut command = self.command(target);
        command.arg("-set_cover_merge=1").arg(&least);
        command.arg(&corpus).args(["new", "seeds"].map(|name| hunt.folder.path().join(name)));
        if !command.stderr(Stdio::null()).stdout(Stdio::null()).status()?.success() {
            return Err(FuzzerError::Minimise(target.name));
        }
        for file in fs::read_dir(&corpus)? {
            fs::remove_file(file?.path())?;
        }
        let files =
            fs::read_dir(least)?.map(|file| file.map(|file| file.path())).collect::<Result<Vec<_>, _>>()?;
        let kept = few(files, target.most_kept)?;
        for file in &kept {
            fs::copy(file, corpus.join(file.file_name().unwrap_or_default()))?;
        }
        Ok(kept.len())
    }

    fn command(&self, target: &Target) -> Command {
        let mut command = Command::new(self.binaries.join(target.name));
        command.arg(format!("-max_len={}", target.most_bytes));
        command
    }
}

/// So many files at most, and no more bytes than are worth keeping: one in so many, in the order of their sizes.
fn few(files: Vec<PathBuf>, most: usize) -> io::Result<Vec<PathBuf>> {
    let sized = |path: PathBuf| Ok((fs::metadata(&path)?.len(), path));
    let mut files = files.into_iter().map(sized).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    let is_few = |some: &[(u64, PathBuf)]| {
        some.len() <= most && some.iter().map(|(size, _)| size).sum::<u64>() <= MOST_BYTES
    };
    let some = (1..=files.len())
        .map(|step| files.iter().step_by(step).cloned().collect::<Vec<_>>())
        .find(|some| is_few(some));
    Ok(some.unwrap_or_default().into_iter().map(|(_, path)| path).collect())
}

/// Of one target's corpus.
const MOST_BYTES: u64 = 64 * 1024;

/// How libFuzzer ends when it is interrupted.
const INTERRUPTED: i32 = 72;

/// What libFuzzer says.
#[derive(Debug, Default)]
struct Told {
    progress: Progress,
    /// The input that it found.
    input: Option<PathBuf>,
    /// The last lines that are no progress.
    last: Vec<String>,
}

impl Told {
    /// `#8192  pulse  cov: 905 ft: 2841 …`, `stat::number_of_executed_units: 9000`, `… Test unit written to …`, or words.
    fn line(&mut self, line: &str) {
        let number = |text: Option<&str>| text?.split_whitespace().next()?.parse::<u64>().ok();
        let behind = |mark: &str| line.split_once(mark).map(|(_, behind)| behind);
        if let Some(executions) = number(line.strip_prefix('#')) {
            self.progress.executions = executions.max(self.progress.executions);
            self.progress.coverage = number(behind("cov: ")).unwrap_or(self.progress.coverage);
        } else if let Some(executions) = number(behind("stat::number_of_executed_units: ")) {
            self.progress.executions = executions;
        } else if let Some(input) = behind("Test unit written to ") {
            self.input = Some(input.trim().into());
        } else if self.last.len() < MOST_LINES {
            let is_word =
                !line.trim().is_empty() && !line.starts_with("INFO: ") && !line.starts_with("stat::");
            self.last.extend(is_word.then(|| line.to_owned()));
        }
    }
}

/// A panic's sentence comes first, and its frames behind it.
const MOST_LINES: usize = 30;

fn listen(child: &mut Child, told: &Arc<Mutex<Told>>) -> Option<thread::JoinHandle<()>> {
    let (lines, told) = (BufReader::new(child.stderr.take()?), Arc::clone(told));
    Some(thread::spawn(move || {
        for line in lines.split(b'\n').map_while(Result::ok) {
            told.lock().unwrap_or_else(PoisonError::into_inner).line(&String::from_utf8_lossy(&line));
        }
    }))
}

/// Waits until the child has ended, or has had its seconds, and then interrupts it: by `TERM`, for what a shell runs in the background
/// may have been told to ignore `INT`.
fn attend(
    child: &mut Child,
    seconds: u64,
    progress: impl Fn(u64) -> Progress,
    tell: impl Fn(Progress),
) -> io::Result<ExitStatus> {
    let (begun, mut told) = (Instant::now(), Instant::now());
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let mut is_over = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        // A process that has ended and was not waited for has its times still.
        let used = cpu_seconds(child.id()).unwrap_or_else(|| begun.elapsed().as_secs());
        let so_far = progress(used);
        if used >= seconds && !is_over {
            is_over = true;
            pid.map_or(Ok(()), |pid| kill_process(pid, Signal::TERM))?;
        }
        if told.elapsed() >= TELLS_EVERY {
            told = Instant::now();
            tell(so_far);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

const TELLS_EVERY: Duration = Duration::from_secs(10);

/// What a process has used, where Linux tells (proc(5): the fields 14 and 15 of `stat`, in hundredths).
fn cpu_seconds(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(2).map_while(|field| field.parse::<u64>().ok());
    Some(times.sum::<u64>() / 100)
}

/// What programs are built for here.
fn host() -> Result<String, FuzzerError> {
    let said = Command::new("rustc").arg("-vV").output()?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| io::Error::other("rustc does not say what it builds for").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_understood() {
        let mut told = Told::default();
        for line in [
            "INFO: Seed: 1",
            "#2\tINITED cov: 905 ft: 905 corp: 1/1b exec/s: 0 rss: 50Mb",
            "#8192\tpulse  cov: 1201 ft: 2841 corp: 77/1024b lim: 80 exec/s: 4096 rss: 61Mb",
            "thread '<unnamed>' panicked at fuzz/src/target/phc.rs:1:1:",
            "a hash is read in two ways: $argon2id",
            "artifact_prefix='artifacts/phc/'; Test unit written to artifacts/phc/crash-01",
            "stat::number_of_executed_units: 9000",
        ] {
            told.line(line);
        }
        assert_eq!(told.progress, Progress { executions: 9000, coverage: 1201, seconds: 0 });
        assert_eq!(told.input.as_deref(), Some(Path::new("artifacts/phc/crash-01")));
        assert_eq!(told.last.len(), 2);
    }

    #[test]
    fn a_corpus_is_thinned_out_evenly() {
        let folder = tempfile::tempdir().unwrap();
        let files = (0..100_usize).map(|size| folder.path().join(format!("{size:03}"))).collect::<Vec<_>>();
        for (size, file) in files.iter().enumerate() {
            fs::write(file, vec![0; size * 10]).unwrap();
        }
        let sizes = |most| {
            let kept = few(files.clone(), most).unwrap();
            kept.iter().map(|file| fs::metadata(file).unwrap().len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(5), [0, 200, 400, 600, 800]);
        assert_eq!(sizes(1000).len(), 100);
    }

    #[test]
    fn a_child_is_interrupted_when_it_has_had_its_seconds() {
        let script = "trap 'exit 72' TERM; while true; do :; done";
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let status = attend(&mut child, 1, |seconds| Progress { seconds, ..Progress::default() }, |_| {});
        assert_eq!(status.unwrap().code(), Some(INTERRUPTED));
    }
}
