//! What an operation told its client, in the few words that the model compares: one place for each operation.

use std::time::Duration;

use doorward_core::error::{Fault, Misuse};
use doorward_core::id::{AccountId, DeviceId, SessionId};
use doorward_core::machine::{Decide, Machine, Need, Reply, Ticket};
use doorward_core::model::clock::ClockError;
use doorward_core::model::session::Gone;
use doorward_core::operation::access::{AccountError, Disable, Enable};
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::{
    AnonymousSession, Authenticate, AuthenticateError, Session, Visitor,
};
use doorward_core::operation::change_password::{ChangePassword, ChangePasswordError};
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::deletions::Deletions;
use doorward_core::operation::end_session::{EndSession, EndSessionError};
use doorward_core::operation::finish_deletion::{FinishDeletion, Remains};
use doorward_core::operation::issue::Issued;
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::logout::{Ended, Logout, LogoutError, Receipt};
use doorward_core::operation::logout_everywhere::{LogoutEverywhere, LogoutEverywhereError};
use doorward_core::operation::mark_compromised::MarkCompromised;
use doorward_core::operation::open::{Open, Opened};
use doorward_core::operation::open_session::{OpenSession, OpenSessionError};
use doorward_core::operation::reauthenticate::{Reauthenticate, ReauthenticateError};
use doorward_core::operation::register::{Register, RegisterError};
use doorward_core::operation::rehash::{Rehash, Rehashed};
use doorward_core::operation::rename::{Rename, RenameError};
use doorward_core::operation::rotate_session::{Renewed, RotateSession};
use doorward_core::operation::session_data::{SessionData, UpdateSessionData, UpdateSessionDataError};
use doorward_core::operation::sessions::Sessions;
use doorward_core::operation::set_password::{SetPassword, SetPasswordError};
use doorward_core::operation::tick::Tick;
use doorward_core::operation::trust_clock::TrustClock;
use doorward_core::operation::unlock::Unlock;
use doorward_core::operation::verify::Proven;
use doorward_core::record::Key;
use doorward_core::store::{Batch, Range};
use doorward_core::time::Timestamp;
use doorward_core::work::Work;

pub(crate) use token::{Flaw, Grant, Members, Seen};

mod token;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Registered(AccountId),
    Taken,
    /// And which device was made known.
    LoggedIn(Life, Option<DeviceId>),
    Denied,
    Throttled(Timestamp),
    OtherAccount,
    Live(Life),
    Gone(Gone),
    /// The session is nobody's; which one is told where nothing else was asked.
    Anonymous(Option<Life>),
    BadToken,
    Begun(Life),
    Kept(Life, Vec<u8>),
    Updated(Life),
    TooMuch(usize),
    /// No such lifetime: the longest is this one.
    TooLong(Duration),
    Renewed(Life),
    Listed(Vec<SessionId>),
    Ended(Ended),
    NotFound,
    Done,
    /// The password is right, and there is no room.
    TooManySessions,
    /// The password is right, and known to others.
    MustChange,
    /// Whether anything of a deleted account may be left.
    Remains(bool),
    Deletions(Vec<AccountId>),
    /// The clock mark, and whether everything was ended for it.
    Trusted(Timestamp, bool),
    Upgraded,
    Overtaken,
    /// With the store's clock mark.
    Opened(Timestamp),
    /// The clock is too far behind the mark.
    Behind,
    /// Tokens were made.
    Issued(Grant),
    /// More is asked for than was granted.
    TooWide,
    /// It is another client's.
    OtherClient,
    /// A refresh token was used a moment ago.
    Conflict,
    /// A refresh token came back.
    Reused,
    Verified(Seen),
    Unfit(Flaw),
    Active(Members),
    Inactive,
    /// Whether a signing key is new, and from when on the newest signs.
    Rotated(bool, Timestamp),
    /// The names of the public keys.
    Published(Vec<String>),
    /// One that the model has no word for: it is never the right one.
    Other(String),
}

/// What is told of a live session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Life {
    pub(crate) id: SessionId,
    /// `None`: nobody's.
    pub(crate) account: Option<AccountId>,
    pub(crate) created: Timestamp,
    pub(crate) auth_time: Timestamp,
    pub(crate) idle_ends: Timestamp,
    pub(crate) absolute_ends: Timestamp,
}

impl Answer {
    /// Whether it is for somebody whose token is good.
    pub(crate) fn opens(&self) -> bool {
        matches!(
            self,
            Self::Live(_)
                | Self::Renewed(_)
                | Self::Anonymous(_)
                | Self::Kept(..)
                | Self::Updated(_)
                | Self::Issued(_)
                | Self::Verified(_)
                | Self::Active(_)
        )
    }

    /// Which invariant it breaks to be told, or to do, otherwise.
    pub(crate) fn blame(&self, told: &Self) -> u8 {
        match (self, told) {
            // Of a refresh: another child where the same one is due.
            (Self::Issued(_), Self::Done) => 1,
            (Self::Issued(_), _) => 4,
            (Self::Reused, _) => 3,
            (Self::Conflict, Self::Issued(_)) => 4,
            (Self::TooWide, _) => 8,
            (Self::OtherClient | Self::Conflict, _) => 9,
            (Self::Unfit(Flaw::Key), _) | (_, Self::Unfit(Flaw::Key)) => 36,
            (Self::Rotated(..) | Self::Published(_), _) => 36,
            (Self::Unfit(Flaw::Audience), _) => 8,
            (Self::Unfit(Flaw::Forged), _) => 35,
            (Self::Unfit(Flaw::Expired) | Self::Verified(_) | Self::Active(_), _) => 18,
            (Self::Inactive, _) => 2,
            (Self::Gone(Gone::Expired), _) => 22,
            (Self::Gone(Gone::Idle), _) => 19,
            (Self::Gone(Gone::Revoked), _) => 12,
            (Self::Gone(Gone::Replaced), _) => 32,
            (Self::Gone(_), _) => 11,
            (Self::BadToken, _) => 35,
            (Self::Anonymous(_), _) => 34,
            (Self::Kept(..), _) => 29,
            (Self::Ended(_), _) => 16,
            (Self::Throttled(_), _) => 38,
            (Self::Denied, Self::LoggedIn(..)) => 14,
            (Self::Denied, _) => 37,
            (Self::OtherAccount | Self::NotFound, _) => 29,
            (Self::MustChange, _) | (_, Self::MustChange) => 14,
            (Self::Opened(_) | Self::Behind | Self::Trusted(..), _) => 20,
            (Self::Remains(_) | Self::Deletions(_), _) => 27,
            (Self::Upgraded | Self::Overtaken, _) => 39,
            (Self::Live(_), _) => 21,
            (Self::Renewed(_) | Self::LoggedIn(..), _) => 26,
            _ => 40,
        }
    }
}

/// An answer and what came with it.
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) token: Option<String>,
    /// A known device's token.
    pub(crate) device: Option<String>,
    pub(crate) rehash: Option<Rehash>,
    /// What an access token was proven to be.
    pub(crate) proven: Option<Proven>,
    pub(crate) issued: Option<Issued>,
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        Self { answer, token: None, device: None, rehash: None, proven: None, issued: None }
    }
}

/// An operation that the simulator runs.
pub(crate) trait Simulated: Decide {
    fn told(outcome: Self::Outcome) -> Result<Told, Fault>;
}

/// What a machine asks for, whatever its operation.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Asked<'a> {
    Read(Ticket, &'a [Key]),
    Scan(Ticket, &'a Range, usize),
    Work(Ticket, &'a Work),
    Commit(Ticket, &'a Batch),
    Done(Result<Told, Fault>),
}

/// A machine, whatever its operation.
pub(crate) trait Machinery {
    fn poll(&mut self, now: Timestamp) -> Asked<'_>;
    fn reply(&mut self, ticket: Ticket, reply: Reply) -> Result<(), Misuse>;
}

impl<O: Simulated> Machinery for Machine<O> {
    fn poll(&mut self, now: Timestamp) -> Asked<'_> {
        match Machine::poll(self, now) {
            Need::Read(ticket, keys) => Asked::Read(ticket, keys),
            Need::Scan(ticket, range, limit) => Asked::Scan(ticket, range, limit),
            Need::Work(ticket, work) => Asked::Work(ticket, work),
            Need::Commit(ticket, batch) => Asked::Commit(ticket, batch),
            Need::Done(outcome, _) => Asked::Done(outcome.and_then(O::told).or_else(behind)),
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) -> Result<(), Misuse> {
        Machine::reply(self, ticket, reply)
    }
}

impl Life {
    fn of(session: &Session) -> Self {
        Self {
            id: session.id,
            account: Some(session.account),
            created: session.created,
            auth_time: session.auth_time,
            idle_ends: session.idle_ends,
            absolute_ends: session.absolute_ends,
        }
    }

    fn of_nobody(session: &AnonymousSession) -> Self {
        Self {
            id: session.id,
            account: None,
            created: session.created,
            auth_time: session.created,
            idle_ends: session.idle_ends,
            absolute_ends: session.absolute_ends,
        }
    }
}

fn renewed(renewed: &Renewed) -> Told {
    Told {
        token: Some(renewed.token.expose().to_owned()),
        ..Answer::Renewed(Life::of(&renewed.session)).into()
    }
}

fn visitor(visitor: &Visitor) -> Life {
    match visitor {
        Visitor::Account(session) => Life::of(session),
        Visitor::Anonymous(session) => Life::of_nobody(session),
    }
}

fn other(error: impl std::fmt::Display) -> Told {
    Answer::Other(error.to_string()).into()
}

fn refused(error: AuthenticateError) -> Result<Told, Fault> {
    match error {
        AuthenticateError::Token(_) => Ok(Answer::BadToken.into()),
        AuthenticateError::Gone(gone) => Ok(Answer::Gone(gone).into()),
        AuthenticateError::Anonymous(session) => {
            Ok(Answer::Anonymous(Some(Life::of_nobody(&session))).into())
        }
        AuthenticateError::Fault(fault) => Err(fault),
        error => Ok(other(error)),
    }
}

fn unproven(error: ReauthenticateError) -> Result<Told, Fault> {
    match error {
        ReauthenticateError::Token(_) => Ok(Answer::BadToken.into()),
        ReauthenticateError::Gone(gone) => Ok(Answer::Gone(gone).into()),
        ReauthenticateError::Anonymous => Ok(Answer::Anonymous(None).into()),
        ReauthenticateError::Denied => Ok(Answer::Denied.into()),
        ReauthenticateError::Throttled { until } => Ok(Answer::Throttled(until).into()),
        ReauthenticateError::Fault(fault) => Err(fault),
        error => Ok(other(error)),
    }
}

fn administered(outcome: Result<(), AccountError>) -> Result<Told, Fault> {
    match outcome {
        Ok(()) => Ok(Answer::Done.into()),
        Err(AccountError::NotFound) => Ok(Answer::NotFound.into()),
        Err(AccountError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    }
}

/// A clock that is refused is an answer, not an accident.
fn behind(fault: Fault) -> Result<Told, Fault> {
    match fault {
        Fault::Clock(ClockError::Behind { .. }) => Ok(Answer::Behind.into()),
        fault => Err(fault),
    }
}

fn receipt(receipt: Receipt) -> Told {
    Answer::Ended(receipt.ended).into()
}

/// What each operation's outcome says.
macro_rules! simulated {
    ($($operation:ty: $outcome:pat_param => $told:expr;)+) => {
        $(impl Simulated for $operation {
            fn told(outcome: Self::Outcome) -> Result<Told, Fault> {
                let $outcome = outcome;
                $told
            }
        })+
    };
}

simulated! {
    Open: opening => match opening.found {
        Opened::New | Opened::Known => Ok(Answer::Opened(opening.mark).into()),
        Opened::KeyAdded => Ok(Answer::Other("a key was added".to_owned()).into()),
    };
    Register: outcome => match outcome {
        Ok(account) => Ok(Answer::Registered(account).into()),
        Err(RegisterError::Taken) => Ok(Answer::Taken.into()),
        Err(RegisterError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    Login: outcome => match outcome {
        Ok(login) => Ok(Told {
            device: login.device.map(|device| device.expose().to_owned()),
            token: Some(login.token.expose().to_owned()),
            rehash: login.rehash,
            ..Answer::LoggedIn(Life::of(&login.session), None).into()
        }),
        Err(LoginError::Denied) => Ok(Answer::Denied.into()),
        Err(LoginError::Throttled { until }) => Ok(Answer::Throttled(until).into()),
        Err(LoginError::TooManySessions) => Ok(Answer::TooManySessions.into()),
        Err(LoginError::MustChange) => Ok(Answer::MustChange.into()),
        Err(LoginError::OtherAccount) => Ok(Answer::OtherAccount.into()),
        Err(LoginError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    Rehash: rehashed => Ok(match rehashed {
        Rehashed::Upgraded => Answer::Upgraded,
        Rehashed::Overtaken => Answer::Overtaken,
    }.into());
    Authenticate: outcome => match outcome {
        Ok(session) => Ok(Answer::Live(Life::of(&session)).into()),
        Err(error) => refused(error),
    };
    Reauthenticate: outcome => outcome.map_or_else(unproven, |session| Ok(renewed(&session)));
    RotateSession: outcome => outcome.map_or_else(refused, |renewed| {
        let token = Some(renewed.token.expose().to_owned());
        Ok(Told { token, ..Answer::Renewed(visitor(&renewed.session)).into() })
    });
    OpenSession: outcome => match outcome {
        Ok(opened) => {
            let token = Some(opened.token.expose().to_owned());
            Ok(Told { token, ..Answer::Begun(Life::of_nobody(&opened.session)).into() })
        }
        Err(OpenSessionError::TooLarge { limit }) => Ok(Answer::TooMuch(limit).into()),
        Err(OpenSessionError::Lifetime { longest }) => Ok(Answer::TooLong(longest).into()),
        Err(OpenSessionError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    SessionData: outcome => outcome.map_or_else(refused, |kept| {
        Ok(Answer::Kept(visitor(&kept.visitor), kept.data).into())
    });
    UpdateSessionData: outcome => match outcome {
        Ok(updated) => Ok(Answer::Updated(visitor(&updated)).into()),
        Err(UpdateSessionDataError::Session(error)) => refused(error),
        Err(UpdateSessionDataError::TooLarge { limit }) => Ok(Answer::TooMuch(limit).into()),
        Err(UpdateSessionDataError::Lifetime { longest }) => Ok(Answer::TooLong(longest).into()),
        Err(UpdateSessionDataError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    Sessions: sessions => Ok(Answer::Listed(sessions.iter().map(|session| session.id).collect()).into());
    EndSession: outcome => match outcome {
        Ok(ended) => Ok(receipt(ended)),
        Err(EndSessionError::NotFound) => Ok(Answer::NotFound.into()),
        Err(EndSessionError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    Logout: outcome => match outcome {
        Ok(ended) => Ok(receipt(ended)),
        Err(LogoutError::Token(_) | LogoutError::UnknownKey) => Ok(Answer::BadToken.into()),
        Err(LogoutError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    LogoutEverywhere: outcome => match outcome {
        Ok(ended) => Ok(ended.kept.as_ref().map_or_else(|| Answer::Done.into(), renewed)),
        Err(LogoutEverywhereError::NoAccount) => Ok(Answer::NotFound.into()),
        Err(LogoutEverywhereError::OtherAccount) => Ok(Answer::OtherAccount.into()),
        Err(LogoutEverywhereError::Keep(error)) => refused(error),
        Err(LogoutEverywhereError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    ChangePassword: outcome => match outcome {
        Ok(session) => Ok(renewed(&session)),
        Err(ChangePasswordError::Current(error)) => unproven(error),
        Err(ChangePasswordError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    SetPassword: outcome => match outcome {
        Ok(()) => Ok(Answer::Done.into()),
        Err(SetPasswordError::Compromised) => Ok(Answer::MustChange.into()),
        Err(SetPasswordError::NotFound) => Ok(Answer::NotFound.into()),
        Err(SetPasswordError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    Unlock: outcome => administered(outcome);
    Disable: outcome => administered(outcome);
    Enable: outcome => administered(outcome);
    DeleteAccount: outcome => administered(outcome);
    FinishDeletion: remains => Ok(Answer::Remains(remains == Remains::Left).into());
    Deletions: accounts => Ok(Answer::Deletions(accounts).into());
    MarkCompromised: outcome => administered(outcome);
    Rename: outcome => match outcome {
        Ok(()) => Ok(Answer::Done.into()),
        Err(RenameError::Taken) => Ok(Answer::Taken.into()),
        Err(RenameError::NotFound) => Ok(Answer::NotFound.into()),
        Err(RenameError::Fault(fault)) => Err(fault),
        Err(error) => Ok(other(error)),
    };
    Tick: outcome => match outcome {
        Ok(()) => Ok(Answer::Done.into()),
        Err(error) => Err(error.into()),
    };
    TrustClock: trusted => Ok(Answer::Trusted(trusted.mark, trusted.ended_everything).into());
    AfterRestore: () => Ok(Answer::Done.into());
}
