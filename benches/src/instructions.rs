//! How many instructions our operations take: the same number whatever else the machine does.
//!
//! A piece of work is done so many times, and twice as often, each in a process of its own under `valgrind`; what the second
//! takes more is what it takes so many times. Calls to the system count as nothing. `valgrind` shows a processor of its own,
//! with fewer instructions than most have, so that the counts are not of the code that runs elsewhere; a slower one has more of
//! them all the same.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs};

use doorward::store::{MemoryStore, SqliteStore};
use doorward::{
    Algorithm, Audience, Engine, Entropy, EntropyError, Issue, Login, ManualClock, MasterKey, Policy,
    Register, SigningKey,
};
use doorward_core::policy::{RevocationMode, TokenPolicy};
use doorward_core::store::Store;
use doorward_core::time::Timestamp;

use crate::Failure;
use crate::duel::Contender;
use crate::limits::hashing;

/// Some work whose instructions are counted.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// Which work, on which store and in which mode.
    pub name: &'static str,
    times: usize,
    prepare: fn() -> Result<Contender, Failure>,
}

/// All of it.
pub const ALL: &[Piece] = &[
    piece("authenticate, memory", || authenticating(Arc::new(MemoryStore::new()))),
    piece("authenticate, SQLite", authenticating_on_sqlite),
    piece("verify HS256, first, UntilExpiry, memory", || verifying(UNTIL_EXPIRY, 0)),
    piece("verify HS256, again, UntilExpiry, memory", || verifying(UNTIL_EXPIRY, 64)),
    piece("verify HS256, again, Bound, memory", || verifying(RevocationMode::Bound, 64)),
    piece("issue HS256, memory", issuing),
    LOGIN,
    HASH,
];

/// A login.
pub const LOGIN: Piece = Piece { times: 5, ..piece("login, memory", hashing::logging_in) };
/// The hash that it waits for.
pub const HASH: Piece = Piece { times: 5, ..piece("argon2, memory used again", hashing::hashing) };
/// How many times as many instructions a login may take as its hash.
pub const LOGIN_BY_HASH: f64 = 1.01;
/// Why it takes more, and what was tried.
pub const WHY_LOGIN: &str = "**not kept**. Four fifths of what is above the hash wipe its memory, in the widest steps that the compiler's \
                             `memset` takes block by block. Tried: word by word, as `zeroize` does, 1.032; all of it at once, which is \
                             one instruction for each byte in valgrind's eyes, 1.172. In time none of them differs.";

impl Piece {
    /// The piece of this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|piece| piece.name == name).copied()
    }

    /// Does it so many times, and, when a slowdown is planted, every fifth time twice.
    ///
    /// # Errors
    /// The work failed.
    pub fn work(self, times: usize, is_slow: bool) -> Result<(), Failure> {
        (self.prepare)()?.work(if is_slow { times + times / 5 } else { times })
    }

    /// How many instructions it takes once; with [`PLANTED`] it is slowed down. The program must call [`work`] before it does anything
    /// else.
    ///
    /// # Errors
    /// `valgrind` is not there, or the work failed.
    pub fn count(self, more: &[&str]) -> Result<u64, Failure> {
        let [few, many] = [self.times, 2 * self.times].map(|times| self.count_all(times, more));
        Ok((many?.saturating_sub(few?)) / self.times as u64)
    }

    fn count_all(self, times: usize, more: &[&str]) -> Result<u64, Failure> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(env::current_exe()?)
            .args(["--work", self.name, "--times", &times.to_string()])
            .args(more)
            .output()
            .map_err(|error| format!("valgrind does not run ({error}): install it"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("{} under valgrind: {said}", self.name).into());
        }
        let collected =
            said.lines().find_map(|line| line.split_once("Collected : ")).ok_or("valgrind tells no count")?;
        Ok(collected.1.trim().parse()?)
    }
}

/// Whether these are the arguments of a process that [`Piece::count`] begins: then it has done its work.
///
/// # Errors
/// The work failed, or there is none of this name.
pub fn work(arguments: &[String]) -> Result<bool, Failure> {
    let [work, name, times, count, more @ ..] = arguments else { return Ok(false) };
    if (work.as_str(), times.as_str()) != ("--work", "--times") {
        return Ok(false);
    }
    let piece = Piece::named(name).ok_or_else(|| format!("there is no work {name}"))?;
    piece.work(count.parse()?, more.iter().any(|word| word == PLANTED))?;
    Ok(true)
}

/// What slows a process down by a fifth.
pub const PLANTED: &str = "--planted";

/// The counts that were committed, by name.
///
/// # Errors
/// There are none, or they are not counts.
pub fn committed() -> Result<BTreeMap<String, u64>, Failure> {
    Ok(serde_json::from_str(&fs::read_to_string(FILE)?)?)
}

/// Commits these.
///
/// # Errors
/// They could not be written.
pub fn commit(counts: &BTreeMap<String, u64>) -> Result<(), Failure> {
    Ok(fs::write(FILE, serde_json::to_string_pretty(counts)? + "\n")?)
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

const fn piece(name: &'static str, prepare: fn() -> Result<Contender, Failure>) -> Piece {
    Piece { name, times: 1000, prepare }
}

const AUDIENCE: &str = "https://api.example";
const UNTIL_EXPIRY: RevocationMode =
    RevocationMode::UntilExpiry { max_key_age: std::time::Duration::from_hours(1) };

/// Random bytes that are the same in every process.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
        Ok(())
    }
}

/// An engine on this store, and the token of a session of one of its accounts.
fn house(
    store: Arc<dyn Store>,
    revocation: RevocationMode,
    remembered: usize,
) -> Result<(Engine, String), Failure> {
    let tokens = TokenPolicy {
        issuer: Audience::parse("https://auth.example")?,
        algorithm: Algorithm::Hs256,
        revocation,
        ..TokenPolicy::default()
    };
    let engine = Engine::builder(store)
        .ephemeral()
        .master_key(MasterKey::new(1, [1; 32]))
        .policy(Policy::builder().tokens(tokens).build()?)
        .signing_key(SigningKey::from_secret("shared", &[0x5a; 32])?)
        .clock(ManualClock::at(Timestamp::from_millis(1_900_000_000_000)))
        .entropy(Counting(AtomicU64::new(0)))
        .remember_tokens(remembered)
        .open()?;
    engine.register(Register::new("ada", "plum kettle orbit"))?;
    let session = engine.login(Login::new("ada", "plum kettle orbit"))?.token;
    Ok((engine, session.expose().to_owned()))
}

fn authenticating(store: Arc<dyn Store>) -> Result<Contender, Failure> {
    let (engine, session) = house(store, RevocationMode::Bound, 0)?;
    Ok(Contender::new("Doorward", move |_| Ok(engine.authenticate(&session)?)))
}

fn authenticating_on_sqlite() -> Result<Contender, Failure> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(folder.path().join("auth.db"))?);
    Ok(authenticating(store)?.in_folder(folder))
}

fn verifying(revocation: RevocationMode, remembered: usize) -> Result<Contender, Failure> {
    let (engine, session) = house(Arc::new(MemoryStore::new()), revocation, remembered)?;
    let token = engine.issue(Issue::new(&session, "web", AUDIENCE))?.access;
    Ok(Contender::new("Doorward", move |_| Ok(engine.verify(token.expose(), AUDIENCE)?)))
}

fn issuing() -> Result<Contender, Failure> {
    let (engine, session) = house(Arc::new(MemoryStore::new()), RevocationMode::Bound, 0)?;
    Ok(Contender::new("Doorward", move |_| Ok(engine.issue(Issue::new(&session, "web", AUDIENCE))?)))
}
