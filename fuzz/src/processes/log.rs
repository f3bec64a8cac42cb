//! The log that all processes append to: one order of what they all began and were told. What one has finished before
//! another begins stands before it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use doorward_core::id::{AccountId, SessionId};

/// Who does something: the process, and the number of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Op {
    pub(super) process: usize,
    pub(super) number: u64,
}

/// What is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Session(SessionId),
    Account(AccountId),
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// An account was made under this name.
    Registered { op: Op, name: String, account: AccountId },
    /// Somebody is about to log in, or to open an anonymous session.
    GrantBegins { op: Op },
    /// It is there; an anonymous one until so many milliseconds after 1970.
    Granted { op: Op, session: SessionId, account: Option<AccountId>, token: String, end: i64 },
    /// It is about to be ended.
    EndBegins { op: Op, subject: Subject },
    /// It was live, or was not.
    Ended { op: Op, was_live: bool, now: i64 },
    /// A session's token is about to be tried.
    TryBegins { op: Op, session: SessionId },
    /// It opened something, or not, and how late it was.
    Tried { op: Op, is_accepted: bool, now: i64 },
    /// The operation could not be decided.
    Failed { op: Op, what: String, kind: String },
    /// What may not be.
    Wrong { op: Op, what: String },
}

impl Line {
    pub(super) fn op(&self) -> Op {
        match self {
            Self::Registered { op, .. }
            | Self::GrantBegins { op }
            | Self::Granted { op, .. }
            | Self::EndBegins { op, .. }
            | Self::Ended { op, .. }
            | Self::TryBegins { op, .. }
            | Self::Tried { op, .. }
            | Self::Failed { op, .. }
            | Self::Wrong { op, .. } => *op,
        }
    }

    fn words(&self) -> String {
        let Op { process, number } = self.op();
        let rest = match self {
            Self::Registered { name, account, .. } => format!("registered {name} {account}"),
            Self::GrantBegins { .. } => "grant-begins".to_owned(),
            Self::Granted { session, account, token, end, .. } => {
                let account = account.map_or("-".to_owned(), |account| account.to_string());
                format!("granted {session} {account} {token} {end}")
            }
            Self::EndBegins { subject: Subject::Session(id), .. } => format!("end-begins session {id}"),
            Self::EndBegins { subject: Subject::Account(id), .. } => format!("end-begins account {id}"),
            Self::Ended { was_live, now, .. } => format!("ended {was_live} {now}"),
            Self::TryBegins { session, .. } => format!("try-begins {session}"),
            Self::Tried { is_accepted, now, .. } => format!("tried {is_accepted} {now}"),
            Self::Failed { what, kind, .. } => format!("failed {what} {kind}"),
            Self::Wrong { what, .. } => format!("wrong {what}"),
        };
        format!("{process} {number} {rest}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(4, ' ');
        let op = Op { process: words.next()?.parse().ok()?, number: words.next()?.parse().ok()? };
        let (word, rest) = (words.next()?, words.next().unwrap_or_default());
        let mut rest_words = rest.split(' ');
        let mut next = || rest_words.next();
        Some(match word {
            "registered" => Self::Registered { op, name: next()?.to_owned(), account: next()?.parse().ok()? },
            "grant-begins" => Self::GrantBegins { op },
            "granted" => Self::Granted {
                op,
                session: next()?.parse().ok()?,
                account: next()?.parse().ok(),
                token: next()?.to_owned(),
                end: next()?.parse().ok()?,
            },
            "end-begins" => {
                let is_session = next()? == "session";
                let id = next()?;
                let session = || id.parse().ok().map(Subject::Session);
                let account = || id.parse().ok().map(Subject::Account);
                Self::EndBegins { op, subject: if is_session { session()? } else { account()? } }
            }
            "ended" => Self::Ended { op, was_live: next()? == "true", now: next()?.parse().ok()? },
            "try-begins" => Self::TryBegins { op, session: next()?.parse().ok()? },
            "tried" => Self::Tried { op, is_accepted: next()? == "true", now: next()?.parse().ok()? },
            "failed" => Self::Failed { op, what: next()?.to_owned(), kind: next()?.to_owned() },
            "wrong" => Self::Wrong { op, what: rest.to_owned() },
            _ => return None,
        })
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    read: u64,
}

impl Log {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(folder.join("log"))?;
        Ok(Self { file, read: 0 })
    }

    /// One write at the end of the file: it stands as a whole, behind all that was written before.
    pub(super) fn tell(&self, line: &Line) -> io::Result<()> {
        (&self.file).write_all(line.words().as_bytes())
    }

    /// The lines since the last time.
    pub(super) fn next(&mut self) -> io::Result<Vec<Line>> {
        let mut text = String::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
        self.read += whole.len() as u64;
        let broken = |line: &str| io::Error::other(format!("no line of a log: {line}"));
        whole.lines().map(|line| Line::parse(line).ok_or_else(|| broken(line))).collect()
    }
}
