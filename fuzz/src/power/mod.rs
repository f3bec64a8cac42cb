//! Power cuts: what a program wrote since it last synced is on the disk, or is not, or is there in part.
//!
//! A victim of [`kill`] makes a store and works on it under `strace`, which writes down what it asks the system for.
//! Its calls are played again on a model of a disk, which is cut off at many points, each time with other luck; what is
//! left is opened, and held against what the victim had been told until then. All of that must be there.
//!
//! What it does not look at: a victim asks for no access tokens; and a disk that loses one sync of many is not tried, only one that
//! loses all ([`Rig::lies`]).
//!
//! | file | what |
//! |---|---|
//! | this one | the rig: recordings, and images of each |
//! | `lives` | the program that is recorded |
//! | `trace` | a recording, read |
//! | `disk` | what may be left of it |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::kill;
use crate::rng::Rng;
use crate::store::StoreKind;

use disk::{Disk, Left, Luck};
use trace::{Call, Traced};

pub use lives::Lives;

mod disk;
mod lives;
mod trace;

/// What the victim was told, beside the store.
const STORY: &str = "story";

/// How many images a search makes of each recording.
pub const IMAGES: u64 = 1000;

/// Recordings of a victim, and what power cuts leave of them.
#[derive(Debug, Clone)]
pub struct Rig {
    /// The program that becomes [`Lives`] and their victims when it is started with their arguments.
    pub program: PathBuf,
    /// Which store.
    pub store: StoreKind,
    /// What all is drawn from. What a victim does is also the machine's affair: a seed is no exact replay.
    pub seed: u64,
    /// How long each of three victims is recorded.
    pub seconds: u64,
    /// How many threads it has.
    pub threads: usize,
    /// How many images are made of the recording.
    pub images: u64,
    /// Whether the disk says that it has synced, and has not: then something must be found.
    pub lies: bool,
    /// Where to make the folders; the system's own place without it.
    pub folder: Option<PathBuf>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Images that were opened.
    pub images: u64,
    /// Calls that were recorded.
    pub calls: u64,
    /// Of these, those that brought something to the disk.
    pub syncs: u64,
    /// What the victim had been told before the power went, over all images.
    pub acknowledged: u64,
}

/// Why there is no answer, or a bad one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PowerError {
    /// There is no `strace`.
    #[error("strace is not there; install it (apt-get install strace): {0}")]
    NotInstalled(io::Error),
    /// The victim did not get far enough, or did what the trace cannot show.
    #[error("the recording cannot be used: {0}")]
    Recording(String),
    /// A file or a folder.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something was lost, or is there and should not be, or does not open.
    #[error("seed {seed}, image {image}: {what}; the image is kept in {}, and the recording beside it", folder.display())]
    Found {
        /// Of the rig.
        seed: u64,
        /// Which image of its recording.
        image: u64,
        /// The power went after so many calls, with this luck.
        what: String,
        /// What was left, and the trace.
        folder: PathBuf,
    },
}

/// A point at which the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cut {
    /// Before this line of the trace.
    line: usize,
    image: u64,
}

impl Rig {
    /// Records a victim, and looks at images of what power cuts leave. `progress` is told after each.
    ///
    /// # Errors
    /// [`PowerError`]: the first thing that is not as it must be, or what kept it from looking.
    pub fn run(&self, progress: impl FnMut(&Summary)) -> Result<Summary, PowerError> {
        let home = kill::folder_in(self.folder.as_deref(), "doorward-power-")?;
        let outcome = self.record(home.path()).and_then(|trace| self.cut(home.path(), &trace, progress));
        if let Err(PowerError::Found { .. }) = &outcome {
            let _it_stays = home.keep();
        }
        outcome
    }

    /// Plays the recording, and cuts it off.
    fn cut(
        &self,
        home: &Path,
        trace: &str,
        mut progress: impl FnMut(&Summary),
    ) -> Result<Summary, PowerError> {
        let store = home.join("store").canonicalize()?;
        let mut calls = trace::calls(trace, &store).map_err(PowerError::Recording)?;
        let lines = calls.iter().map(|traced| traced.ended).max().unwrap_or(0) + 1;
        let is_sync = |traced: &&Traced| matches!(traced.call, Call::Sync { .. });
        let (count, syncs) = (calls.len() as u64, calls.iter().filter(is_sync).count() as u64);
        let mut summary = Summary { calls: count, syncs, ..Summary::default() };
        if syncs == 0 {
            return Err(PowerError::Recording("nothing was synced".to_owned()));
        }
        if self.lies {
            calls.retain(|traced| !is_sync(&traced));
        }
        let rng = &mut Rng::new(self.seed);
        let mut play = Play::new(&calls, kill::begun());
        for cut in cuts(&calls, self.images, lines, rng) {
            play.until(cut.line);
            let luck = [Luck::Nothing, Luck::Everything, Luck::First, Luck::Some, Luck::Torn];
            let luck = luck[rng.below(5) as usize];
            let image = home.join("image");
            let left = play.disk.after_power_cut(luck, rng);
            lay_out(&left, &play.disk.story, &image)?;
            match kill::look(self.store, &image, self.threads) {
                Ok(told) => summary.acknowledged += told,
                Err(what) => {
                    // As it was: who looked has recovered it.
                    fs::remove_dir_all(&image)?;
                    lay_out(&left, &play.disk.story, &image)?;
                    let what = format!("the power went before line {}, {luck:?}: {what}", cut.line);
                    return Err(PowerError::Found { seed: self.seed, image: cut.image, what, folder: image });
                }
            }
            fs::remove_dir_all(&image)?;
            summary.images += 1;
            progress(&summary);
        }
        Ok(summary)
    }

    /// Runs victims for a while each, from an empty store on.
    fn record(&self, home: &Path) -> Result<String, PowerError> {
        let store = home.join("store");
        fs::create_dir(&store)?;
        fs::write(store.join(STORY), kill::begun())?;
        let (trace, printed) = (home.join("trace"), home.join("printed"));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-xx", "-qq", "-s", "16000000", "--seccomp-bpf"]);
        strace.args(["-e", "signal=none", "-e", trace::TRACED]).arg("-o").arg(&trace);
        let Self { program, store: kind, seed, threads, seconds, .. } = self.clone();
        strace.args(Lives { program, store: kind, folder: store, seed, threads, seconds }.command());
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&printed)?);
        if !strace.status().map_err(PowerError::NotInstalled)?.success() {
            let printed = fs::read_to_string(printed)?;
            return Err(PowerError::Recording(format!("the victim ended by itself: {}", printed.trim())));
        }
        Ok(fs::read_to_string(trace)?)
    }
}

/// A recording that is played on a disk.
struct Play<'a> {
    calls: &'a [Traced],
    disk: Disk,
    /// Which begins next.
    next: usize,
    /// Those that are to return, the next one last.
    returning: Vec<usize>,
}

impl<'a> Play<'a> {
    fn new(calls: &'a [Traced], story: Vec<u8>) -> Self {
        let mut returning: Vec<usize> = (0..calls.len()).collect();
        returning.sort_by_key(|at| std::cmp::Reverse(calls[*at].ended));
        Self { calls, disk: Disk::new(story), next: 0, returning }
    }

    /// As far as before this line. What begins and returns on one line does so in this order.
    fn until(&mut self, line: usize) {
        loop {
            let begins = self.calls.get(self.next).map(|traced| traced.begun).filter(|at| *at < line);
            let returns = self.returning.last().map(|at| self.calls[*at].ended).filter(|at| *at < line);
            match (begins, returns) {
                (None, None) => return,
                (Some(begun), ended) if ended.is_none_or(|ended| begun <= ended) => {
                    self.disk.begin(self.next, &self.calls[self.next].call);
                    self.next += 1;
                }
                _ => {
                    let Some(number) = self.returning.pop() else { return };
                    self.disk.end(number, &self.calls[number].call);
                }
            }
        }
    }
}

/// Where the power goes, in the order of the lines: anywhere, and just before and after something was synced or told, or got a name.
fn cuts(calls: &[Traced], images: u64, lines: usize, rng: &mut Rng) -> Vec<Cut> {
    let counts = |traced: &&Traced| match &traced.call {
        Call::Sync { .. } => true,
        Call::Write { path, .. } => path.ends_with(STORY),
        _ => false,
    };
    // Few of all calls: what makes and recovers a store.
    let names = |traced: &&Traced| {
        matches!(traced.call, Call::Rename { .. } | Call::MakeFolder { .. } | Call::Remove { .. })
    };
    let after = |calls: Vec<&Traced>| calls.iter().map(|traced| traced.ended).collect::<Vec<_>>();
    let edges = [after(calls.iter().filter(counts).collect()), after(calls.iter().filter(names).collect())];
    let mut below = |bound: usize| rng.below(u32::try_from(bound.max(1)).unwrap_or(u32::MAX)) as usize;
    let mut cuts: Vec<Cut> = (0..images)
        .map(|image| {
            let anywhere = below(lines + 1);
            let edges = &edges[usize::from(below(4) == 0)];
            let line = match edges.get(below(edges.len())) {
                Some(edge) if below(2) == 0 => (edge + below(4)).saturating_sub(1),
                _ => anywhere,
            };
            // The first lines make the store; they are few, and matter.
            let line = if below(10) == 0 { below(lines / 20) } else { line };
            Cut { line, image }
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

/// Writes what is left into a folder, with what the victim was told.
fn lay_out(left: &Left, story: &[u8], image: &Path) -> io::Result<()> {
    fs::create_dir(image)?;
    fs::write(image.join(STORY), story)?;
    for (path, bytes) in left {
        match bytes {
            None => fs::create_dir(image.join(path))?,
            Some(bytes) => fs::write(image.join(path), bytes)?,
        }
    }
    Ok(())
}
