//! Every function of the header, called in random order with random arguments, and held to the conventions.
//!
//! | of every call | is held |
//! |---|---|
//! | status | one of the header's, never `DW_PANIC` |
//! | error | written when the status is not `DW_OK` and only then: a sentence, without a secret |
//! | output | written on `DW_OK` and only then |
//! | time | seconds at most |
//!
//! A case comes from its seed. Handles are live ones, freed ones, those of another kind, made-up ones; texts are what they should
//! be, or NULL, empty, too long, not UTF-8, another token; what an operation needs is answered out of a store, or wrongly, or
//! with damage. In every fourth case several threads share all of it. At its end all is freed, and no handle is open.
//!
//! What C promises is kept: no length says more than there is, unless it must be refused; a result is freed once; who replies
//! with what was never stored lies, but does so in memory that is there.
#![allow(clippy::indexing_slicing, reason = "a wrong index is a bug of this module, and stops the test")]
#![allow(clippy::needless_for_each, reason = "what there may be or not is no list to loop over")]
#![allow(clippy::semicolon_if_nothing_returned, reason = "a call in a table of calls is its own line")]

mod draw;
mod freed;
mod open;
mod operations;
mod player;
mod pool;
mod rng;
mod steps;
mod tally;
mod web;

use std::any::Any;
use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use doorward_ffi::dw_open_handles;

use player::{Player, UnderWay};
use pool::{Kind, Pool};
use rng::Rng;

pub use tally::{Count, Tally};

/// What is not as the conventions have it.
#[derive(Debug)]
pub struct Finding {
    /// The case.
    pub seed: u64,
    /// What is wrong.
    pub what: String,
    /// The last calls before it, and what they answered.
    pub trail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}\nafter {}", self.seed, self.what, self.trail)
    }
}

/// Plays one case of about so many calls, none of which may take longer than that. One case at a time in a process.
///
/// # Errors
/// The first [`Finding`]. What the case has opened stays open then.
pub fn run(seed: u64, calls: usize, slowest: Duration) -> Result<Tally, Finding> {
    let mut rng = Rng::new(seed);
    let players = if seed % 4 == 3 { 4 } else { 1 };
    let first = rng.next();
    let players = (0..players).map(|_| rng.next()).collect::<Vec<_>>();
    let last = rng.next();
    let drawn = |seeds: &[u64]| seeds.iter().map(|seed| Rng::new(*seed)).collect();
    case(
        seed,
        Cast { first: Rng::new(first), players: drawn(&players), last: Rng::new(last) },
        calls,
        slowest,
    )
}

/// The same of calls that bytes choose, by one thread: a fuzzer's.
///
/// # Errors
/// The first [`Finding`]. What the case has opened stays open then.
pub fn chosen(bytes: &[u8], most_calls: usize, slowest: Duration) -> Result<Tally, Finding> {
    let (first, rest) = bytes.split_at(bytes.len().min(OPENING));
    let players = Vec::from([Rng::of_bytes(rest)]);
    case(0, Cast { first: Rng::of_bytes(first), players, last: Rng::new(1) }, most_calls, slowest)
}

/// How many bytes choose what is open before anything is asked.
const OPENING: usize = 64;

/// Who plays: first one who opens, then any number at once, and at last one who frees.
struct Cast {
    first: Rng,
    players: Vec<Rng>,
    last: Rng,
}

fn case(seed: u64, cast: Cast, calls: usize, slowest: Duration) -> Result<Tally, Finding> {
    watch_panics();
    panics().clear();
    let pool = Pool::new(seed);
    let mut tally = Tally::default();
    let mut play = |players: Vec<Rng>, game: fn(&mut Player<'_>, usize)| {
        let calls = calls / players.len();
        let under_way: Vec<UnderWay> = players.iter().map(|_| UnderWay::default()).collect();
        let outcome = thread::scope(|scope| {
            let (ended, ends) = channel::<()>();
            let threads = under_way.iter().zip(players).map(|(under_way, rng)| {
                let mut player = Player::new(rng, &pool, slowest, under_way);
                let ended = ended.clone();
                scope.spawn(move || {
                    // It says that it has ended, by a panic too.
                    let _ended = ended;
                    game(&mut player, calls);
                    player.tally
                })
            });
            let threads: Vec<_> = threads.collect();
            drop(ended);
            while ends.recv_timeout(slowest) == Err(RecvTimeoutError::Timeout) {
                watch(seed, &under_way, slowest);
            }
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
        });
        let trail = || under_way.iter().map(UnderWay::trail).collect::<Vec<_>>().join("\nbeside ");
        let found = |what| Finding { seed, what, trail: trail() };
        outcome.map_err(|panic| found(said(&*panic)))?.into_iter().for_each(|one| tally.add(one));
        let panicked = panics().join("; ");
        if panicked.is_empty() { Ok(()) } else { Err(found(panicked)) }
    };
    play(Vec::from([cast.first]), |player, _| player.begin())?;
    #[allow(clippy::redundant_closure_for_method_calls, reason = "the method is of one lifetime")]
    play(cast.players, |player, calls| player.play(calls))?;
    play(Vec::from([cast.last]), |player, _| {
        player.free_all();
        assert_eq!(dw_open_handles(), 0, "handles are open when all were freed");
    })?;
    Ok(tally)
}

impl Player<'_> {
    /// Mostly something is open before anything is asked.
    fn begin(&mut self) {
        if self.rng.chance(900) {
            self.open_engine();
            self.open_context();
        }
    }

    fn play(&mut self, calls: usize) {
        // Who has bytes to choose by ends with them.
        let is_chosen = !self.rng.is_used_up();
        while self.tally.calls() < u64::try_from(calls).unwrap_or(u64::MAX)
            && !(is_chosen && self.rng.is_used_up())
        {
            self.wild = self.rng.pick(&[0, 0, 0, 0, 0, 0, 100, 100, 200, 600]).unwrap_or(0);
            let which = self.rng.below(10);
            self.somewhere();
            match self.rng.below(100) {
                0..10 => self.account_operation(which),
                10..20 => self.login_operation(which),
                20..38 => self.session_operation(which),
                38..56 => self.token_operation(which),
                56..60 => self.upkeep_operation(which),
                60..66 => self.step(),
                66..74 => self.web(),
                74..81 => self.bare(),
                81..90 => self.look(),
                90..92 => self.configure(),
                92 => self.back_up(),
                93 if self.rng.chance(300) => self.open_engine(),
                94 if self.rng.chance(300) => self.open_context(),
                95..97 => drop(self.free_one()),
                97 => self.free_nothing(),
                98 => self.close_any(),
                _ => self.few_open(),
            }
        }
    }

    fn close_any(&mut self) {
        let kinds = [Kind::Config, Kind::Op, Kind::Engine, Kind::Context];
        let kind = self.rng.pick(&kinds).unwrap_or(Kind::Config);
        self.close(kind);
    }

    /// That not more and more is open, nor nothing.
    fn few_open(&mut self) {
        let [engines, contexts] =
            [Kind::Engine, Kind::Context].map(|kind| self.pool.known().live(kind).len());
        if self.rng.chance(500) && engines == 0 {
            self.open_engine();
        }
        if self.rng.chance(500) && contexts == 0 {
            self.open_context();
        }
        for (kind, most) in [(Kind::Config, 4), (Kind::Op, 6), (Kind::Engine, 3), (Kind::Context, 2)] {
            let oldest = self.pool.known().live(kind).first().copied();
            let count = self.pool.known().live(kind).len();
            if count > most {
                oldest.into_iter().for_each(|oldest| self.close_this(kind, oldest));
            }
        }
    }
}

/// A call that does not come back is told, and ends the process: nothing else can be done with it.
#[allow(clippy::print_stderr, reason = "nobody is there to return to")]
fn watch(seed: u64, under_way: &[UnderWay], slowest: Duration) {
    for one in under_way {
        if let Some(since) = one.since().filter(|since| *since > slowest * 4) {
            eprintln!("seed {seed}: a call has not come back for {since:?}\nafter {}", one.trail());
            std::process::exit(3);
        }
    }
}

/// What panicked, in any thread: some functions have no status to say it with.
fn panics() -> std::sync::MutexGuard<'static, Vec<String>> {
    static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            panics().push(panic.to_string());
            before(panic);
        }));
    });
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
    match panics().first() {
        Some(first) if !first.contains(text) => format!("{text}\nbefore it: {first}"),
        _ => text.to_owned(),
    }
}
