//! Many at once: logouts that share their syncs, and logins that share the memory of their hashes. Each in a process of its own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Engine, Login, OpenSession, Register};
use doorward_core::password::Argon2Params;

use crate::Failure;
use crate::answering::{Answering, answer};
use crate::candidate::key;
use crate::duel::by_turns;
use crate::process::resident_kib_at_most;
use crate::table::{Found, Summary};
use crate::work::at_once;

/// How many log out at once.
const LEAVING: usize = 16;
/// How many log in at once.
const COMING: usize = 64;
/// How long a sync takes where that is asked for, besides what it takes anyway.
const SLOW: Duration = Duration::from_millis(1);
/// How much memory there is to be besides that of the hashes.
const BESIDES_MIB: u64 = 24;

/// All of it, so many rounds, in files of this folder; `tell` hears of each round. The program must call [`serve`] before it does
/// anything else.
///
/// # Errors
/// A store, or a process, fails, or `strace` is not there.
pub fn measure(rounds: usize, folder: &Path, tell: impl Fn(&str)) -> Result<Vec<Found>, Failure> {
    look()?;
    let plain = "durable logouts, SQLite, 16 threads by one: how many times as many";
    let slow = "the same, where each sync takes a millisecond more";
    tell(plain);
    let plain = found(plain, logouts(Command::new(env::current_exe()?), rounds, folder)?, 2.5);
    tell(slow);
    let slow = found(slow, logouts(slowly()?, rounds, folder)?, 5.0);
    tell("logins");
    Ok(vec![plain, slow, logins()?])
}

fn found(what: &str, times: Summary, least: f64) -> Found {
    let Summary { median, low, high, .. } = times;
    let figure = format!("{median:.2} ({low:.2} – {high:.2})");
    Found { what: what.to_owned(), figure, bound: format!("≥ {least}"), is_kept: median >= least }
}

/// Whether `strace` can be run.
///
/// # Errors
/// It cannot.
pub fn look() -> Result<(), Failure> {
    let found = Command::new("strace").arg("-V").output();
    found.map(drop).map_err(|error| format!("strace cannot be run ({error}): install it").into())
}

/// This program, under `strace`, which lets each sync take longer.
fn slowly() -> Result<Command, Failure> {
    let inject = format!("inject=fsync,fdatasync:delay_exit={}", SLOW.as_micros());
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "signal=none"]);
    strace.args(["-e", "trace=fsync,fdatasync", "-e", &inject]).arg(env::current_exe()?);
    Ok(strace)
}

/// How many times as many logouts there are in the same time when sixteen leave at once, by turns with one after the other.
fn logouts(mut program: Command, rounds: usize, folder: &Path) -> Result<Summary, Failure> {
    let folder = tempfile::tempdir_in(folder)?;
    let mut house = Answering::begin(program.args([SERVE, LOGOUTS]).arg(folder.path()))?;
    house.wait_until_ready()?;
    let mut times = Vec::new();
    // The first round warms up.
    for round in 0..=rounds {
        let (one, many) = by_turns(round, |is_one| {
            let threads = if is_one { 1 } else { LEAVING };
            house.ask(&threads.to_string())
        })?;
        if round > 0 {
            times.push(one / many);
        }
    }
    Ok(Summary::of(&times).ok_or("no rounds")?)
}

/// The most memory a process ever had in which many logged in at once.
fn logins() -> Result<Found, Failure> {
    let mut house = Answering::begin(Command::new(env::current_exe()?).args([SERVE, LOGINS, "-"]))?;
    house.wait_until_ready()?;
    let cores = thread::available_parallelism()?.get() as u64;
    let each = u64::from(Argon2Params::default().memory_kib()) / 1024;
    let most = cores * each + BESIDES_MIB;
    let mib = house.ask(&COMING.to_string())? / 1024.0;
    Ok(Found {
        what: format!(
            "{COMING} logins at once, memory: the most memory the process ever had; none was refused"
        ),
        figure: format!("{mib:.1} MiB"),
        bound: format!("≤ {most} MiB: {cores} cores with {each} MiB each, and {BESIDES_MIB}"),
        #[allow(clippy::cast_precision_loss, reason = "it is some dozens")]
        is_kept: mib <= most as f64,
    })
}

/// The first argument of a process of [`measure`].
const SERVE: &str = "--serve-a-crowd";
const LOGOUTS: &str = "logouts";
const LOGINS: &str = "logins";
/// How many log out in a sample.
const SAMPLE: usize = 256;

/// Whether these are the arguments of a process of [`measure`]: then it has done its work.
///
/// # Errors
/// The store fails, somebody is refused, or it is asked what nobody answers.
pub fn serve(arguments: &[String]) -> Result<bool, Failure> {
    let [first, what, folder] = arguments else { return Ok(false) };
    if first != SERVE {
        return Ok(false);
    }
    match what.as_str() {
        LOGOUTS => {
            let store = SqliteStore::open(Path::new(folder).join("auth.db"))?;
            let engine = Engine::builder(store).master_key(key()).open()?;
            answer("ready", |threads| leave(&engine, threads.parse()?))?;
        }
        LOGINS => {
            let engine =
                Engine::builder(Arc::new(MemoryStore::new())).ephemeral().master_key(key()).open()?;
            engine.register(Register::new(NAME, PASSWORD))?;
            answer("ready", |count| come(&engine, count.parse()?))?;
        }
        other => return Err(format!("{other} is not asked").into()),
    }
    Ok(true)
}

/// Microseconds for each, on the wall, when so many threads log out.
fn leave(engine: &Engine, threads: usize) -> Result<f64, Failure> {
    let opened = at_once(LEAVING, |_| {
        let open = |_| Ok(engine.open_session(OpenSession::new(""))?.token.expose().to_owned());
        (0..SAMPLE / LEAVING).map(open).collect::<Result<Vec<_>, Failure>>()
    })?;
    let tokens = opened.concat();
    let begun = Instant::now();
    at_once(threads, |thread| {
        for token in tokens.iter().skip(thread).step_by(threads) {
            engine.logout(token)?;
        }
        Ok(())
    })?;
    #[allow(clippy::cast_precision_loss, reason = "it is some hundreds")]
    Ok(begun.elapsed().as_secs_f64() * 1e6 / tokens.len() as f64)
}

/// KiB, when so many log in at once.
fn come(engine: &Engine, count: usize) -> Result<f64, Failure> {
    // One who is refused fails it.
    at_once(count, |_| Ok(engine.login(Login::new(NAME, PASSWORD))?))?;
    #[allow(clippy::cast_precision_loss, reason = "it is some thousands")]
    resident_kib_at_most().map(|kib| kib as f64).ok_or_else(|| "the system does not tell".into())
}

const NAME: &str = "ada";
const PASSWORD: &str = "plum kettle orbit";
