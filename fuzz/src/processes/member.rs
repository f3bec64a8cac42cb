//! One of the processes: it opens the database when it is told to, does this and that on several threads, and follows the
//! journal.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use doorward::core::error::StoreErrorKind;
use doorward::store::SqliteStore;
use doorward::{
    Clock, Engine, Lifetime, MasterKey, OpenError, OpenSession, Policy, Span, SystemClock, ThrottlePolicy,
    Timestamp,
};
use doorward_core::password::Argon2Params;
use doorward_core::record::Key;
use doorward_core::store::{Cursor, Store};

use super::follow;
use super::log::{Line, Log, Op};
use super::worker::Worker;
use crate::rng::Rng;

/// What one of several processes is told when it is started; the rest comes line by line through its input.
#[derive(Debug, Clone)]
pub struct Member {
    /// Where all is.
    pub folder: PathBuf,
    /// Which one it is.
    pub process: usize,
    /// What it draws from.
    pub seed: u64,
}

/// How many threads each process has.
const THREADS: usize = 2;
/// An anonymous session lives so long, so that there is something to purge.
const GUEST: Duration = Duration::from_secs(10);

impl Member {
    /// Does what is said: `open FILE` (and answer), `live FILE` until `stop`, then `finish`.
    ///
    /// # Errors
    /// What may not be.
    pub fn run(self) -> Result<(), String> {
        let told = |error: io::Error| error.to_string();
        let mut lines = io::stdin().lock().lines();
        let mut next = || lines.next().unwrap_or_else(|| Ok(String::new())).map_err(told);
        loop {
            let line = next()?;
            match line.split_once(' ') {
                Some(("open", file)) => {
                    let begun = Instant::now();
                    let (hall, waits) = Hall::open(&self.folder.join(file))?;
                    let opened = hall
                        .engine
                        .open_session(OpenSession::new(file))
                        .map_err(|error| error.to_string())?;
                    let kept =
                        hall.engine.session_data(opened.token.expose()).map_err(|error| error.to_string())?;
                    if kept.data != file.as_bytes() {
                        return Err("what was just kept is another".to_owned());
                    }
                    say(&format!("opened {waits} {}", begun.elapsed().as_millis()))?;
                }
                Some(("live", file)) => {
                    let (hall, waits) = Hall::open(&self.folder.join(file))?;
                    say(&format!("opened {waits} 0"))?;
                    return self.live(&hall, &mut next);
                }
                _ => return Err(format!("told {line:?}")),
            }
        }
    }

    fn live(&self, hall: &Hall, next: &mut dyn FnMut() -> Result<String, String>) -> Result<(), String> {
        let told = |error: io::Error| error.to_string();
        let (is_over, is_final) = (AtomicBool::new(false), AtomicBool::new(false));
        let numbers = AtomicU64::new(0);
        let mut seeds = Rng::new(self.seed);
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| self.follow(hall, &is_final, &numbers));
            let mut workers = Vec::new();
            for _ in 0..THREADS {
                let log = Log::open(&self.folder).map_err(told)?;
                let rng = Rng::new(seeds.next());
                let mut worker = Worker::new(self.process, &numbers, hall, log, rng);
                let is_over = &is_over;
                workers.push(scope.spawn(move || worker.work(is_over)));
            }
            let waited = next();
            is_over.store(true, Ordering::SeqCst);
            let ended: Result<(), String> = workers
                .into_iter()
                .try_for_each(|worker| worker.join().map_err(|_| "a thread panicked".to_owned())?);
            say("stopped")?;
            let finish = next();
            is_final.store(true, Ordering::SeqCst);
            let read = follower.join().map_err(|_| "the follower panicked".to_owned())?;
            waited.and(finish).and(ended).and(read)?;
            say("finished")
        })
    }

    /// Writes down what the journal says while it grows, and looks after the clock's mark.
    fn follow(&self, hall: &Hall, is_final: &AtomicBool, numbers: &AtomicU64) -> Result<(), String> {
        let told = |error: io::Error| error.to_string();
        let log = Log::open(&self.folder).map_err(told)?;
        let mut seen = File::create(self.folder.join(format!("seen-{}", self.process))).map_err(told)?;
        let op = || Op { process: self.process, number: numbers.fetch_add(1, Ordering::SeqCst) };
        let wrong = |what: String| log.tell(&Line::Wrong { op: op(), what }).map_err(told);
        let (mut cursor, mut mark) = (Cursor::START, Timestamp::from_millis(0));
        loop {
            let is_last = is_final.load(Ordering::SeqCst);
            match hall.store.changes(cursor, 100) {
                Ok(page) => {
                    if page.end < cursor {
                        wrong(format!("the journal ends at {:?}, before {cursor:?}", page.end))?;
                    }
                    for change in &page.entries {
                        if change.cursor <= cursor || change.cursor > page.end {
                            wrong(format!("{change:?} after {cursor:?}"))?;
                        }
                        cursor = change.cursor;
                        writeln!(seen, "{}", follow::words(change)).map_err(told)?;
                    }
                    if is_last && cursor == page.end {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == StoreErrorKind::Retryable => {
                    let kind = "retryable".to_owned();
                    log.tell(&Line::Failed { op: op(), what: "changes".to_owned(), kind }).map_err(told)?;
                }
                Err(error) => wrong(format!("the journal cannot be read: {error}"))?,
            }
            if let Ok(rows) = hall.store.read(&[Key::Clock])
                && let Some(Some(row)) = rows.first()
                && let Ok(clock) = row.clock()
            {
                if clock.highest < mark {
                    wrong(format!("the clock's mark went from {mark:?} to {:?}", clock.highest))?;
                }
                mark = clock.highest;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn say(line: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// A clock that is a little off, by more or less.
struct Unsteady(Arc<AtomicI64>);

impl Clock for Unsteady {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.0.load(Ordering::Relaxed))
    }
}

/// The database and an engine on it, with a clock of this process's own.
pub(super) struct Hall {
    store: Arc<SqliteStore>,
    pub(super) engine: Engine,
    pub(super) clock: Arc<AtomicI64>,
}

impl Hall {
    /// Opens it, and says how often that had to be tried again.
    fn open(path: &Path) -> Result<(Self, u64), String> {
        let begun = Instant::now();
        let mut waits = 0;
        loop {
            let why = match Self::try_open(path) {
                Ok(hall) => return Ok((hall, waits)),
                Err((why, is_transient)) if is_transient && begun.elapsed() < Duration::from_secs(20) => why,
                Err((why, _)) => return Err(format!("the database does not open: {why}")),
            };
            waits += 1;
            let _to_whom_it_may_concern = writeln!(io::stderr(), "waits: {why}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_open(path: &Path) -> Result<Self, (String, bool)> {
        let store = SqliteStore::open(path).map_err(|error| (error.to_string(), error.is_transient()))?;
        let store = Arc::new(store);
        let clock = Arc::new(AtomicI64::new(0));
        let engine = Engine::builder(Arc::clone(&store))
            .master_key(MasterKey::new(1, [0x42; 32]))
            .policy(cheap().map_err(|why| (why, false))?)
            .clock(Unsteady(Arc::clone(&clock)))
            .open()
            .map_err(|error| match &error {
                OpenError::Fault(fault) => (error.to_string(), fault.is_transient()),
                _ => (error.to_string(), false),
            })?;
        Ok(Self { store, engine, clock })
    }
}

fn cheap() -> Result<Policy, String> {
    let argon2 = Argon2Params::default().with_memory_kib(12 * 1024).and_then(|params| params.with_passes(1));
    let span = |time| Span { idle: time, absolute: time };
    let throttle = ThrottlePolicy {
        free: 100,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(1),
        off_at: 100,
        forget_after: Duration::from_hours(1),
    };
    let builder = Policy::builder().argon2(argon2.map_err(|error| error.to_string())?).throttle(throttle);
    let builder = builder
        .session(Lifetime::Web, span(Duration::from_hours(24)))
        .anonymous(span(GUEST))
        .touch_every(Duration::from_secs(3));
    builder.build().map_err(|error| error.to_string())
}
