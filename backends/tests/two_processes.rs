//! Two processes on one database file, each with an engine: what one ends, the other refuses within its mode's bound, and
//! when it can learn nothing any more it accepts nothing any more.
//!
//! The bounds are asserted of what was accepted, by the moments at which each verification began: they hold on a machine as
//! loaded as it likes. Both processes look at the same machine's clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // tests

mod support;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward::store::SqliteStore;
use doorward::{
    Clock, Engine, Issue, Login, MasterKey, Register, RevocationMode, RevokeAllTokens, SessionToken,
    SystemClock, Timestamp, VerifyError, WhenStale,
};
use tempfile::TempDir;

use support::engine::{NAME, PASSWORD};
use support::modes::{AUDIENCE, in_mode, policy};

const BOUND: Duration = Duration::from_millis(600);

const MODES: [(&str, RevocationMode); 4] = [
    ("bound", RevocationMode::Bound),
    ("asking", RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::AskStore }),
    ("refusing", RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse }),
    ("until-expiry", RevocationMode::UntilExpiry { max_key_age: BOUND }),
];

fn open(path: &Path, mode: RevocationMode, clock: impl Clock + 'static) -> Engine {
    let builder = Engine::builder(SqliteStore::open(path).unwrap()).master_key(MasterKey::new(1, [0x42; 32]));
    builder.policy(policy(in_mode(mode))).clock(clock).open().unwrap()
}

/// Since 1970, by the machine's clock.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// An engine in another process, that is told what to do line by line.
struct Other {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// The last moments of a token, as the other process saw them.
struct Last {
    /// When the last verification began that accepted it.
    accepted: Duration,
    why: String,
}

impl Other {
    fn start(path: &Path, mode: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--nocapture", "--exact", "in_a_child_verify"])
            .env("DOORWARD_TEST_PATH", path)
            .env("DOORWARD_TEST_MODE", mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut other = Self { process, orders, answers };
        assert_eq!(other.answer(), "ready");
        other
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    fn answer(&mut self) -> String {
        loop {
            let line = self.answers.next().expect("the child lives").unwrap();
            if let Some((_, answer)) = line.split_once("answer: ") {
                return answer.to_owned();
            }
        }
    }

    /// It begins to verify this token over and over, and has accepted it.
    fn watch(&mut self, token: &str) {
        self.order(&format!("watch {token}"));
        assert_eq!(self.answer(), "accepted");
    }

    /// Waits until it refuses it.
    fn last(&mut self) -> Last {
        let answer = self.answer();
        let (accepted, why) = answer.split_once(' ').unwrap();
        Last { accepted: Duration::from_nanos(accepted.parse().unwrap()), why: why.to_owned() }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A clock that can be set.
#[derive(Clone, Default)]
struct Settable(Arc<AtomicI64>);

impl Clock for Settable {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.0.load(Ordering::SeqCst))
    }
}

#[test]
#[ignore = "run by the others, in a process of its own"]
fn in_a_child_verify() {
    let (Ok(path), Ok(mode)) = (std::env::var("DOORWARD_TEST_PATH"), std::env::var("DOORWARD_TEST_MODE"))
    else {
        return;
    };
    let (_, mode) = MODES.into_iter().find(|(name, _)| *name == mode).unwrap();
    let clock = Settable::default();
    let engine = open(Path::new(&path), mode, clock.clone());
    println!("answer: ready");
    for line in std::io::stdin().lines().map(Result::unwrap) {
        match line.split_once(' ').unwrap() {
            ("watch", token) => {
                let (mut accepted, since) = (None, now());
                let why = loop {
                    if now().saturating_sub(since) > Duration::from_secs(20) {
                        break "never";
                    }
                    let began = now();
                    match engine.verify(token, AUDIENCE) {
                        Ok(_) if accepted.replace(began).is_none() => println!("answer: accepted"),
                        Ok(_) => {}
                        Err(VerifyError::Stale) => break "stale",
                        Err(VerifyError::Fault(_)) => break "fault",
                        Err(VerifyError::Gone(_) | VerifyError::Token(_)) => break "refused",
                        Err(_) => break "else",
                    }
                    thread::sleep(Duration::from_micros(500));
                };
                println!("answer: {} {why}", accepted.unwrap_or_default().as_nanos());
            }
            ("back", hours) => {
                let back = Duration::from_hours(hours.parse().unwrap()).as_millis();
                clock.0.fetch_sub(i64::try_from(back).unwrap(), Ordering::SeqCst);
                println!("answer: back");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// An engine here, one there, and ada.
struct Two {
    folder: TempDir,
    here: Option<Engine>,
    other: Other,
    name: &'static str,
    mode: RevocationMode,
}

impl Two {
    fn new(which: usize) -> Self {
        let (name, mode) = MODES[which];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        let here = open(&path, mode, SystemClock);
        here.register(Register::new(NAME, PASSWORD)).unwrap();
        let other = Other::start(&path, name);
        Self { folder, here: Some(here), other, name, mode }
    }

    fn here(&self) -> &Engine {
        self.here.as_ref().unwrap()
    }

    fn log_in(&self) -> (SessionToken, String) {
        let session = self.here().login(Login::new(NAME, PASSWORD)).unwrap().token;
        let issue = Issue::new(session.expose(), "web", AUDIENCE);
        let token = self.here().issue(issue).unwrap().access.expose().to_owned();
        (session, token)
    }

    /// That what was done at this moment at the latest was heard of in time.
    #[track_caller]
    fn assert_heard(&mut self, done: Duration, bound: Duration) -> String {
        let last = self.other.last();
        let lag = last.accepted.saturating_sub(done);
        assert!(lag < bound || lag.is_zero(), "{}: accepted {lag:?} after it was done", self.name);
        println!("{}: the last one accepted began {lag:?} after it was done: {}", self.name, last.why);
        last.why
    }
}

#[test]
fn inv_11_a_logout_in_one_process_is_refused_by_the_other_within_its_bound() {
    for which in 0..3 {
        let mut two = Two::new(which);
        let bound = if which == 0 { Duration::ZERO } else { BOUND };
        for pause in [0, 100, 350] {
            let (session, token) = two.log_in();
            two.other.watch(&token);
            thread::sleep(Duration::from_millis(pause));
            two.here().logout(session.expose()).unwrap();
            let done = now();
            assert_eq!(two.assert_heard(done, bound), "refused");
        }
    }
}

#[test]
fn inv_44_revoke_all_tokens_in_one_process_is_seen_by_the_other_in_every_mode() {
    for which in 0..4 {
        let mut two = Two::new(which);
        let bound = if which == 0 { Duration::ZERO } else { BOUND };
        for restored in [false, true] {
            let (_, token) = two.log_in();
            two.other.watch(&token);
            if restored {
                two.here().after_restore().unwrap();
            } else {
                two.here().revoke_all_tokens(RevokeAllTokens::new()).unwrap();
            }
            let done = now();
            let why = two.assert_heard(done, bound);
            // Who may not ask the rows may find the keyring unread for too long, on a machine that is busy.
            assert!(why == "refused" || which >= 2 && why == "stale", "{why}");
        }
    }
}

/// The other's file is taken away from under it, and put where only this process looks: it can hear of nothing any more.
#[test]
fn inv_17_a_process_whose_file_is_taken_away_accepts_nothing_beyond_the_bound() {
    for which in 0..4 {
        let mut two = Two::new(which);
        let (session, token) = two.log_in();
        two.other.watch(&token);
        two.here = None;
        let (from, to) = (two.folder.path().join("auth.db"), two.folder.path().join("taken.db"));
        for suffix in ["-wal", "-shm", ""] {
            let with = |path: &Path| format!("{}{suffix}", path.display());
            if Path::new(&with(&from)).exists() {
                std::fs::rename(with(&from), with(&to)).unwrap();
            }
        }
        // A store looks for its file every 50 ms: from then on it reads nothing.
        thread::sleep(Duration::from_millis(100));
        let gone = now();
        let engine = open(&to, two.mode, SystemClock);
        engine.logout(session.expose()).unwrap();
        let bound = if which == 0 { Duration::ZERO } else { BOUND };
        let why = two.assert_heard(gone, bound);
        let expected = if which < 2 { "fault" } else { "stale" };
        assert_eq!(why, expected, "{}", two.name);
    }
}

/// The other's wall clock is set back, again and again: it still counts the time that has passed.
#[test]
fn inv_21_a_process_whose_clock_is_set_back_hears_of_a_logout_within_the_bound() {
    for which in 0..3 {
        let mut two = Two::new(which);
        let bound = if which == 0 { Duration::ZERO } else { BOUND };
        for hours in [1, 24, 240] {
            two.other.order(&format!("back {hours}"));
            assert_eq!(two.other.answer(), "back");
            let (session, token) = two.log_in();
            two.other.watch(&token);
            two.here().logout(session.expose()).unwrap();
            let done = now();
            assert_eq!(two.assert_heard(done, bound), "refused");
        }
    }
}
