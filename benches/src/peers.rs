//! Our operations next to what others build on: each in a process of its own, by turns with ours.
//!
//! What others are is in `benches/peers`, pinned: a workspace of its own (`sqlx` links another SQLite than ours), scripts for Node
//! and for Python. They and what they need are built below `target/peers`, from the registries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::Failure;
use crate::answering::Answering;
use crate::duel::{Bound, Contender};
use crate::limits::{hashing, sessions, tokens};
use crate::table::Summary;

/// One of our operations, and what others have in its place.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Our work, on which store and in which mode.
    pub what: &'static str,
    /// The other's.
    pub theirs: &'static str,
    /// What is not alike.
    pub note: &'static str,
    /// What we have set ourselves, in terms of the other.
    pub bound: Option<Bound>,
    /// Why it is not kept, where it is not.
    pub why: &'static str,
    ours: fn() -> Result<Contender, Failure>,
    language: Language,
    work: &'static [&'static str],
}

/// What runs the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
    Node,
    Python,
}

/// Where a path is to stand in the arguments of a process.
const FILE: &str = "FILE";

/// All of them.
pub const ALL: &[Peer] = &[
    Peer {
        what: "authenticate, memory",
        theirs: "tower-sessions, memory: load",
        note: "looks an id up in a map: no proof, no account, no epochs, no clock",
        bound: Some(Bound::Times(1.0)),
        why: "A look into a map takes about as long as one of the three tags that a token of ours is held against, which are why a stolen \
              database opens nothing.",
        ours: sessions::in_memory,
        language: Language::Rust,
        work: &["memory"],
    },
    Peer {
        what: "authenticate, SQLite",
        theirs: "tower-sessions, sqlx SQLite: load",
        note: "reads one row, by the id that the cookie holds: the database holds it, too",
        bound: Some(Bound::Times(0.15)),
        why: "",
        ours: sessions::on_sqlite,
        language: Language::Rust,
        work: &["sqlite", FILE],
    },
    Peer {
        what: "authenticate, SQLite",
        theirs: "Django, sessions in SQLite: load",
        note: "reads one row, by the id that the cookie holds: the database holds it, too",
        bound: Some(Bound::Times(0.06)),
        why: "",
        ours: sessions::on_sqlite,
        language: Language::Python,
        work: &["django", FILE],
    },
    Peer {
        what: "authenticate, SQLite",
        theirs: "express-session, better-sqlite3: get",
        note: "reads one row, by the id that the cookie holds: the database holds it, too",
        bound: None,
        why: "",
        ours: sessions::on_sqlite,
        language: Language::Node,
        work: &["express-session", FILE],
    },
    Peer {
        what: "verify EdDSA, first, UntilExpiry, memory",
        theirs: "jose: jwtVerify, EdDSA",
        note: "knows of no session that has ended",
        bound: None,
        why: "",
        ours: tokens::verifying_first_eddsa,
        language: Language::Node,
        work: &["jose"],
    },
    Peer {
        what: "verify HS256, first, UntilExpiry, memory",
        theirs: "jsonwebtoken (npm): verify, HS256",
        note: "knows of no session that has ended",
        bound: None,
        why: "",
        ours: tokens::verifying_first_hs256,
        language: Language::Node,
        work: &["jsonwebtoken"],
    },
    Peer {
        what: "verify EdDSA, first, UntilExpiry, memory",
        theirs: "PyJWT: decode, EdDSA",
        note: "knows of no session that has ended",
        bound: None,
        why: "",
        ours: tokens::verifying_first_eddsa,
        language: Language::Python,
        work: &["pyjwt", "EdDSA"],
    },
    Peer {
        what: "login, memory",
        theirs: "C libargon2 (argon2-cffi): one hash",
        note: "is the hash alone, of the same parameters",
        bound: Some(Bound::Times(0.85)),
        why: "",
        ours: hashing::logging_in,
        language: Language::Python,
        work: &["argon2"],
    },
];

/// What it came to: microseconds for one, and ours in terms of the other's.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Ours.
    pub ours: Summary,
    /// The other's.
    pub theirs: Summary,
    /// Round by round.
    pub ratio: Summary,
}

impl Peer {
    /// So many rounds, in each of which both work for about this time, ours first in every other one.
    ///
    /// # Errors
    /// The other is not built, or one of both failed.
    pub fn meet(&self, home: &Home, rounds: usize, time: Duration) -> Result<Outcome, Failure> {
        let mut ours = (self.ours)()?;
        let count = ours.count_in(time)?;
        let folder = tempfile::tempdir()?;
        let mut theirs = Answering::begin(&mut home.command(self, &folder))?;
        theirs.wait_until_ready()?;
        let millis = time.as_millis().to_string();
        let mut samples = [const { Vec::new() }; 3];
        // The first round warms up.
        for round in 0..=rounds {
            let (mine, other) = if round % 2 == 0 {
                let mine = ours.micros(count)?;
                (mine, theirs.ask(&millis)?)
            } else {
                let other = theirs.ask(&millis)?;
                (ours.micros(count)?, other)
            };
            if round > 0 {
                for (samples, sample) in samples.iter_mut().zip([mine, other, mine / other]) {
                    samples.push(sample);
                }
            }
        }
        let [ours, theirs, ratio] = samples.map(|samples| Summary::of(&samples).ok_or("no rounds"));
        Ok(Outcome { ours: ours?, theirs: theirs?, ratio: ratio? })
    }
}

/// Where the others were built.
#[derive(Debug, Clone)]
pub struct Home {
    target: PathBuf,
}

impl Home {
    /// Builds them, from the registries of their languages; what is there already is kept.
    ///
    /// # Errors
    /// `cargo`, `npm` or `python3` is not there, or what they ask for is not.
    pub fn build(target: &Path, tell: impl Fn(&str)) -> Result<Self, Failure> {
        let home = Self { target: target.to_owned() };
        tell("Rust: tower-sessions, sqlx");
        run(Command::new("cargo")
            .args(["build", "--quiet", "--locked", "--release", "--manifest-path"])
            .arg(sources().join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", target.join("rust")))?;
        tell("Node: express-session, better-sqlite3, jose, jsonwebtoken");
        let node = target.join("node");
        std::fs::create_dir_all(&node)?;
        for name in ["package.json", "package-lock.json", "peer.mjs"] {
            std::fs::copy(sources().join("node").join(name), node.join(name))?;
        }
        run(Command::new("npm").current_dir(&node).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
        tell("Python: Django, PyJWT, argon2-cffi");
        let python = target.join("python");
        if !python.join("bin/python").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&python))?;
        }
        let requirements = sources().join("python/requirements.txt");
        run(Command::new(python.join("bin/pip")).args(["install", "--quiet", "-r"]).arg(requirements))?;
        Ok(home)
    }

    fn command(&self, peer: &Peer, folder: &TempDir) -> Command {
        let mut command = match peer.language {
            Language::Rust => Command::new(self.target.join("rust/release/doorward-peers")),
            Language::Node => {
                let mut node = Command::new("node");
                node.arg(self.target.join("node/peer.mjs"));
                node
            }
            Language::Python => {
                let mut python = Command::new(self.target.join("python/bin/python"));
                python.arg(sources().join("python/peer.py"));
                python
            }
        };
        for word in peer.work {
            match *word {
                FILE => command.arg(folder.path().join("sessions.db")),
                word => command.arg(word),
            };
        }
        command
    }
}

fn sources() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
