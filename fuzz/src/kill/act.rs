//! What a thread in a victim does, and what it was told, as words in its story.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use doorward_core::id::{AccountId, SessionId};

/// The number of an operation: of this thread, its so-manieth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Op {
    pub(super) thread: usize,
    pub(super) number: u32,
}

/// One operation on what the thread has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Register { name: String, password: u32 },
    Login { account: AccountId, previous: Option<SessionId> },
    Guess { account: AccountId },
    OpenSession,
    Update { session: SessionId, is_empty: bool },
    Rotate { session: SessionId },
    Reauthenticate { session: SessionId },
    Logout { session: SessionId },
    EndSession { account: AccountId, session: SessionId },
    LogoutEverywhere { account: AccountId, keep: Option<SessionId> },
    ChangePassword { session: SessionId, password: u32 },
    SetPassword { account: AccountId, password: u32 },
    Disable { account: AccountId },
    Enable { account: AccountId },
    Rename { account: AccountId, name: String },
    Delete { account: AccountId },
    Maintain,
}

/// What it was told: only what it could not know before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) account: Option<AccountId>,
    pub(super) session: Option<SessionId>,
    pub(super) token: Option<String>,
}

impl Op {
    /// What it keeps with a session: nobody else keeps the same.
    pub(super) fn data(self) -> String {
        format!("kept by {self}")
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.thread, self.number)
    }
}

impl FromStr for Op {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (thread, number) = text.split_once('.').ok_or(())?;
        Ok(Self { thread: thread.parse().map_err(drop)?, number: number.parse().map_err(drop)? })
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Self::Register { name, password } => write!(f, "{word} {name} {password}"),
            Self::Login { account, previous } => write!(f, "{word} {account} {}", Or(previous.as_ref())),
            Self::Guess { account }
            | Self::Disable { account }
            | Self::Enable { account }
            | Self::Delete { account } => write!(f, "{word} {account}"),
            Self::OpenSession | Self::Maintain => f.write_str(word),
            Self::Update { session, is_empty } => write!(f, "{word} {session} {is_empty}"),
            Self::Rotate { session } | Self::Reauthenticate { session } | Self::Logout { session } => {
                write!(f, "{word} {session}")
            }
            Self::EndSession { account, session } => write!(f, "{word} {account} {session}"),
            Self::LogoutEverywhere { account, keep } => write!(f, "{word} {account} {}", Or(keep.as_ref())),
            Self::ChangePassword { session, password } => write!(f, "{word} {session} {password}"),
            Self::SetPassword { account, password } => write!(f, "{word} {account} {password}"),
            Self::Rename { account, name } => write!(f, "{word} {account} {name}"),
        }
    }
}

impl Act {
    /// Whether it is more than one commit, so that a fault says nothing of what was done before.
    pub(super) fn is_several(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::Maintain)
    }

    /// What it is called.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Login { .. } => "login",
            Self::Guess { .. } => "guess",
            Self::OpenSession => "open-session",
            Self::Update { .. } => "update",
            Self::Rotate { .. } => "rotate",
            Self::Reauthenticate { .. } => "reauthenticate",
            Self::Logout { .. } => "logout",
            Self::EndSession { .. } => "end-session",
            Self::LogoutEverywhere { .. } => "logout-everywhere",
            Self::ChangePassword { .. } => "change-password",
            Self::SetPassword { .. } => "set-password",
            Self::Disable { .. } => "disable",
            Self::Enable { .. } => "enable",
            Self::Rename { .. } => "rename",
            Self::Delete { .. } => "delete",
            Self::Maintain => "maintain",
        }
    }
}

impl FromStr for Act {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let word = words.next().ok_or(())?;
        let (one, two) = (words.next().unwrap_or("-"), words.next().unwrap_or("-"));
        let account = || one.parse::<AccountId>().map_err(drop);
        let session = || one.parse::<SessionId>().map_err(drop);
        let number = || two.parse::<u32>().map_err(drop);
        let name = |text: &str| text.to_owned();
        Ok(match word {
            "register" => Self::Register { name: name(one), password: number()? },
            "login" => Self::Login { account: account()?, previous: optional(two)? },
            "guess" => Self::Guess { account: account()? },
            "open-session" => Self::OpenSession,
            "update" => Self::Update { session: session()?, is_empty: two == "true" },
            "rotate" => Self::Rotate { session: session()? },
            "reauthenticate" => Self::Reauthenticate { session: session()? },
            "logout" => Self::Logout { session: session()? },
            "end-session" => Self::EndSession { account: account()?, session: two.parse().map_err(drop)? },
            "logout-everywhere" => Self::LogoutEverywhere { account: account()?, keep: optional(two)? },
            "change-password" => Self::ChangePassword { session: session()?, password: number()? },
            "set-password" => Self::SetPassword { account: account()?, password: number()? },
            "disable" => Self::Disable { account: account()? },
            "enable" => Self::Enable { account: account()? },
            "rename" => Self::Rename { account: account()?, name: name(two) },
            "delete" => Self::Delete { account: account()? },
            "maintain" => Self::Maintain,
            _ => return Err(()),
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, session, token } = self;
        write!(f, "{} {} {}", Or(account.as_ref()), Or(session.as_ref()), Or(token.as_ref()))
    }
}

impl FromStr for Answer {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(());
        Ok(Self { account: optional(next()?)?, session: optional(next()?)?, token: optional(next()?)? })
    }
}

/// A word, or a dash where there is none.
struct Or<'a, T>(Option<&'a T>);

impl<T: fmt::Display> fmt::Display for Or<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(word) => word.fmt(f),
            None => f.write_char('-'),
        }
    }
}

fn optional<T: FromStr>(word: &str) -> Result<Option<T>, ()> {
    if word == "-" { Ok(None) } else { word.parse().map(Some).map_err(drop) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        let (account, session) = (AccountId::from_bytes([7; 16]), SessionId::from_bytes([9; 16]));
        let acts = [
            Act::Register { name: "t1n2".into(), password: 3 },
            Act::Login { account, previous: None },
            Act::Login { account, previous: Some(session) },
            Act::OpenSession,
            Act::Update { session, is_empty: true },
            Act::EndSession { account, session },
            Act::LogoutEverywhere { account, keep: Some(session) },
            Act::ChangePassword { session, password: 12 },
            Act::Rename { account, name: "t3n4".into() },
            Act::Maintain,
        ];
        for act in acts {
            assert_eq!(act.to_string().parse(), Ok(act));
        }
        let answer = Answer { account: None, session: Some(session), token: Some("dws_x".into()) };
        assert_eq!(answer.to_string().parse(), Ok(answer));
        assert_eq!("2.17".parse(), Ok(Op { thread: 2, number: 17 }));
    }
}
