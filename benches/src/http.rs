//! A request of somebody who is logged in, over HTTP: our web login next to others, each in a process of its own.
//!
//! Each server has a SQLite file with a thousand sessions and answers `GET /me` with who asks, or 401. Somebody logs in as the
//! server's people do, by a form, and `wrk` then asks with that cookie, by turns. `wrk` and the server share the machine's cores:
//! what a figure leaves out of a fast server's lead is what `wrk` takes.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::Failure;
use crate::answering::Answering;
use crate::peers::Home;
use crate::table::Summary;

use request::Request;

pub use ours::serve;
pub use page::page;
pub use wrk::{CONNECTIONS, look};

mod ours;
mod page;
mod request;
mod wrk;

/// Another web login, and what we have set ourselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peer {
    /// What it is made of.
    pub theirs: &'static str,
    /// What is not alike: who does less, and who more.
    pub note: &'static str,
    /// So many times as many requests per second as it answers.
    pub at_least: Option<f64>,
    /// Why that is not kept, where it is not.
    pub why: &'static str,
    stack: Stack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stack {
    AxumLogin,
    /// With this word for `synchronous`.
    Express(&'static str),
}

/// All of them.
pub const ALL: &[Peer] = &[
    Peer {
        theirs: "axum-login, tower-sessions on sqlx SQLite",
        note: "two reads, the session and then its user, where ours are three in one statement. The cookie is the id under which the \
               database holds the session: whoever reads the database is logged in. It compares the user's password hash with the one \
               of the login, and asks for no proof of the cookie and no state of the account",
        at_least: Some(3.0),
        why: "",
        stack: Stack::AxumLogin,
    },
    Peer {
        theirs: "Express, Passport, express-session on better-sqlite3",
        note: "one process, as `node` makes one: one core, where the others have all. Two reads, and one durable write, for \
               express-session moves the end of a session at each request, which ours does once in a while. The cookie is signed; the \
               database holds its id as it is. Neither a new password nor a state of the account ends a session by itself",
        at_least: Some(10.0),
        why: "",
        stack: Stack::Express("FULL"),
    },
    Peer {
        theirs: "the same Express stack, synchronous NORMAL",
        note: "as better-sqlite3 is built: its writes are not synced, and a power cut may undo a logout",
        at_least: Some(10.0),
        why: "",
        stack: Stack::Express("NORMAL"),
    },
];

/// What it came to: requests per second, and ours in terms of the other's.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The other.
    pub peer: &'static Peer,
    /// Ours.
    pub ours: Summary,
    /// The other's.
    pub theirs: Summary,
    /// Round by round.
    pub ratio: Summary,
}

impl Outcome {
    /// Whether we keep what we have set ourselves: by the median.
    pub fn is_kept(&self) -> bool {
        self.peer.at_least.is_none_or(|least| self.ratio.median >= least)
    }
}

/// So many rounds, in each of which every server is asked for that long, a whole number of seconds; ours first in every other one.
/// Peers without `only` in their name are left out. The files are in `folder`. The program must call [`serve`] before it does
/// anything else.
///
/// # Errors
/// `wrk` is not there, a server fails or answers what it should not, or a request was not answered well.
pub fn measure(
    home: &Home,
    only: &str,
    rounds: usize,
    time: Duration,
    folder: &Path,
    tell: impl Fn(usize),
) -> Result<Vec<Outcome>, Failure> {
    look()?;
    let mut own = Command::new(env::current_exe()?);
    own.arg(ours::SERVE);
    let mut sites = vec![Site::begin(own, &[], LOGIN, folder)?];
    let peers: Vec<_> = ALL.iter().filter(|peer| peer.theirs.contains(only)).collect();
    for peer in &peers {
        sites.push(peer.begin(home, folder)?);
    }
    let mut samples = vec![Vec::new(); sites.len()];
    // The first round warms up.
    for round in 0..=rounds {
        let mut turns: Vec<_> = sites.iter().zip(&mut samples).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (site, samples) in turns {
            let figure = wrk::per_second(&site.address(), &site.cookie, time)?;
            if round > 0 {
                samples.push(figure);
            }
        }
        tell(round);
    }
    for site in &sites {
        check(site.port, &site.cookie)?;
    }
    let (ours, theirs) = samples.split_first().ok_or("nobody was asked")?;
    peers.into_iter().zip(theirs).map(|(peer, theirs)| Outcome::of(peer, ours, theirs)).collect()
}

impl Outcome {
    fn of(peer: &'static Peer, ours: &[f64], theirs: &[f64]) -> Result<Self, Failure> {
        let ratios: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let summary = |samples: &[f64]| Summary::of(samples).ok_or("no rounds");
        Ok(Self { peer, ours: summary(ours)?, theirs: summary(theirs)?, ratio: summary(&ratios)? })
    }
}

impl Peer {
    fn begin(&self, home: &Home, folder: &Path) -> Result<Site, Failure> {
        match self.stack {
            Stack::AxumLogin => Site::begin(home.rust("axum-login"), &[], "/login", folder),
            Stack::Express(synchronous) => {
                let mut node = home.node("express.mjs");
                node.env("NODE_ENV", "production");
                Site::begin(node, &[synchronous], "/login", folder)
            }
        }
    }
}

/// How many sessions there are beside the one that is asked for.
const MANY: usize = 1000;
const NAME: &str = "ada";
const PASSWORD: &str = "plum kettle orbit";
/// Where ours logs in.
const LOGIN: &str = "/auth/login";
const FORM: &str = "name=ada&password=plum+kettle+orbit";

/// A server that somebody is logged in to.
struct Site {
    /// Ended when this is dropped, before its folder is removed.
    _process: Answering,
    port: u16,
    cookie: String,
    _folder: TempDir,
}

impl Site {
    /// Begins it with a new file and `more`, and logs in.
    fn begin(mut command: Command, more: &[&str], login: &str, folder: &Path) -> Result<Self, Failure> {
        let folder = tempfile::tempdir_in(folder)?;
        let mut process = Answering::begin(command.arg(folder.path().join("sessions.db")).args(more))?;
        let port = process.wait_for_port()?;
        let cookie = log_in(port, login)?;
        check(port, &cookie)?;
        Ok(Self { _process: process, port, cookie, _folder: folder })
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/me", self.port)
    }
}

/// The cookie that a login by this path sets.
fn log_in(port: u16, path: &str) -> Result<String, Failure> {
    let answer = Request::Post { path, form: FORM }.send(port)?;
    Ok(answer
        .cookie
        .ok_or_else(|| format!("no cookie after a login, but {} {}", answer.status, answer.body))?)
}

/// Who is logged in is told who they are, and nobody else is: `wrk` takes a redirect for a success.
fn check(port: u16, cookie: &str) -> Result<(), Failure> {
    let get = |cookie| Request::Get { path: "/me", cookie }.send(port);
    let (known, unknown) = (get(Some(cookie))?, get(None)?);
    if known.status != 200 || !known.body.contains(r#""id":"#) {
        return Err(format!("a server does not know who is logged in: {known:?}").into());
    }
    if unknown.status != 401 {
        return Err(format!("a server does not refuse a request without a cookie: {unknown:?}").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round_and_the_bound_is_a_least() {
        let [peer, ..] = ALL else { unreachable!() };
        let outcome = |ours: &[f64], theirs: &[f64]| Outcome::of(peer, ours, theirs).unwrap();
        // The machine was twice as slow in the second round, for both.
        let kept = outcome(&[60.0, 30.0, 90.0], &[20.0, 10.0, 30.0]);
        assert_eq!((kept.ratio.low, kept.ratio.median, kept.ratio.high), (3.0, 3.0, 3.0));
        assert!(kept.is_kept() && !outcome(&[59.9], &[20.0]).is_kept());
        assert!(Outcome::of(peer, &[], &[]).is_err());
    }
}
