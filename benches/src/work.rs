//! What is asked of each store. A sample is the time of one operation, hashing never counted.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use doorward::{Engine, Login, Register};

use crate::Failure;
use crate::candidate::Subject;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Recognising a session: three point reads.
    Authenticate {
        /// How many threads do so at once.
        threads: usize,
    },
    /// A durable commit: a session is opened, then ended; each counts as one. In memory nothing is durable.
    Commit {
        /// How many threads do so at once.
        threads: usize,
    },
    /// What a login spends in the store: reads and one durable commit, without its hashing.
    Login,
}

impl Work {
    /// All of it.
    pub fn all() -> Vec<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from).max(2);
        vec![
            Self::Authenticate { threads: 1 },
            Self::Authenticate { threads: cores },
            Self::Commit { threads: 1 },
            Self::Commit { threads: 16 },
            Self::Login,
        ]
    }

    /// Its name in the table.
    pub fn name(self) -> String {
        let at_once =
            |threads| if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
        match self {
            Self::Authenticate { threads } => format!("authenticate, {}", at_once(threads)),
            Self::Commit { threads } => format!("durable commit, {}", at_once(threads)),
            Self::Login => "login, in the store".to_owned(),
        }
    }

    /// Does it on the subject, for about `time`. How long one operation took on the wall, all threads together: with
    /// two threads that each need 2 µs it is 1 µs.
    pub fn sample(self, subject: &Subject, tokens: &[String], time: Duration) -> Result<Duration, Failure> {
        match self {
            Self::Authenticate { threads } => crowd(threads, time, 64, |thread, turn| {
                subject.door.authenticate(in_turn(tokens, turn + thread * 7)?)?;
                Ok(1)
            }),
            Self::Commit { threads } => crowd(threads, time, 1, |_, _| {
                subject.door.come_and_go()?;
                Ok(2)
            }),
            Self::Login => {
                let (begun, before) = (Instant::now(), subject.in_store());
                let mut logins = 0;
                // The sessions stay: a logout would be counted, too.
                while logins == 0 || begun.elapsed() < time {
                    subject.timed.login(Login::new(NAME, PASSWORD))?;
                    logins += 1;
                }
                Ok(subject.in_store().saturating_sub(before) / logins)
            }
        }
    }
}

/// Registers the account that logs in, and gives the tokens of this many live sessions of its own.
pub fn prepare(engine: &Engine, sessions: usize) -> Result<Vec<String>, Failure> {
    engine.register(Register::new(NAME, PASSWORD))?;
    let login = |_| Ok(engine.login(Login::new(NAME, PASSWORD))?.token.expose().to_owned());
    (0..sessions).map(login).collect()
}

/// One after the other, and from the first again.
pub(crate) fn in_turn(tokens: &[String], turn: usize) -> Result<&str, Failure> {
    Ok(tokens.get(turn % tokens.len().max(1)).ok_or("there is no token")?)
}

const NAME: &str = "ada";
const PASSWORD: &str = "plum kettle orbit";

/// Threads that begin together and stop after `time`; the clock is looked at every `stride` turns. The wall time by the
/// operations that were done.
fn crowd(
    threads: usize,
    time: Duration,
    stride: usize,
    turn: impl Fn(usize, usize) -> Result<u32, Failure> + Sync,
) -> Result<Duration, Failure> {
    let start = Barrier::new(threads);
    let work = |thread: usize| -> Result<(Instant, Instant, u64), Failure> {
        start.wait();
        let begun = Instant::now();
        let mut done = 0;
        for number in 0.. {
            done += u64::from(turn(thread, number)?);
            if number % stride == stride - 1 && begun.elapsed() >= time {
                break;
            }
        }
        Ok((begun, Instant::now(), done))
    };
    let spans = at_once(threads, work)?;
    let begun = spans.iter().map(|(begun, _, _)| *begun).min().ok_or("no threads")?;
    let ended = spans.iter().map(|(_, ended, _)| *ended).max().ok_or("no threads")?;
    let done: u64 = spans.iter().map(|(_, _, done)| done).sum();
    Ok(Duration::from_nanos(nanos(ended - begun) / done.max(1)))
}

/// What each of so many threads brings, by its number.
pub(crate) fn at_once<T: Send>(
    threads: usize,
    work: impl Fn(usize) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        let join =
            |thread: thread::ScopedJoinHandle<'_, _>| thread.join().map_err(|_| "a thread panicked")?;
        running.into_iter().map(join).collect()
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
