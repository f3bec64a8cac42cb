//! What clients and administrators ask for, as small numbers that any state of the world gives a meaning to.

use std::time::Duration;

use serde::Deserialize;

use crate::rng::Rng;

pub use token::{AccessPick, AnyPick, RefreshPick, Rotate, TokenAction, TokenForgery};

mod token;

/// How many bytes may be kept with an anonymous session.
pub(crate) const DATA_OF_NOBODY: usize = 20;
/// With a person's.
pub(crate) const DATA_OF_A_PERSON: usize = 30;

/// How many people sign up before anything else happens.
const SETTLERS: u32 = 14;

/// One request. Numbers choose among what there is when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the fields say no more than their types")]
pub enum Action {
    /// Somebody signs up under this name.
    Register { name: u8, password: u8 },
    /// Somebody logs in.
    Login { name: u8, guess: Guess, previous: Option<Pick>, carry: bool, device: Known, lifetime: u8 },
    /// A session for nobody.
    OpenSession { data: Data, lifetime: Option<Stay> },
    /// What is kept with a session is read.
    SessionData { token: Pick },
    /// Something else is kept with a session.
    UpdateSessionData { token: Pick, data: Data, lifetime: Option<Stay> },
    /// The upgrade of a hash that a login called for, now or much later.
    Rehash { of: u32 },
    /// A request with a token.
    Authenticate { token: Pick },
    /// The password is shown again in a session.
    Reauthenticate { token: Pick, guess: Guess },
    /// A token is replaced.
    RotateSession { token: Pick },
    /// An account's sessions are listed.
    Sessions { name: u8 },
    /// One session is ended by its id: of the account's own, or of anybody's.
    EndSession { name: u8, session: u32, own: bool },
    /// A token's session is ended.
    Logout { token: Pick },
    /// All of an account's sessions are ended, but perhaps one.
    LogoutEverywhere { name: u8, keep: Option<Pick> },
    /// The password is changed in a session.
    ChangePassword { token: Pick, guess: Guess, new: u8 },
    /// The password is set from outside.
    SetPassword { name: u8, new: u8 },
    /// Counters are lifted.
    Unlock { name: u8 },
    /// An account is shut.
    Disable { name: u8 },
    /// An account is opened.
    Enable { name: u8 },
    /// An account is deleted.
    DeleteAccount { name: u8 },
    /// A bite of what is left of one that was deleted.
    FinishDeletion { of: u8 },
    /// An account gets another name.
    Rename { name: u8, new: u8 },
    /// A password is known to others.
    MarkCompromised { name: u8 },
    /// How late it is is written down.
    Tick,
    /// The clock's word is taken against the store's.
    TrustClock,
    /// Everything is ended.
    AfterRestore,
    /// The store is opened once more.
    Open,
    /// Something about tokens.
    Token(TokenAction),
}

/// Which password is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Guess {
    /// The one in force when the request starts.
    Right,
    /// One of the list: perhaps an old one, perhaps by luck the right one.
    Listed(u8),
}

/// What a client has of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Known {
    /// Whose token it shows.
    pub shown: ShownDevice,
    /// Whether it asks for one.
    pub remember: bool,
}

/// Which device's token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ShownDevice {
    /// None.
    None,
    /// The account's latest, or one before.
    Own(u8),
    /// That of any account.
    Any(u32),
    /// The account's latest, with another proof or under another prefix.
    Forged(u8),
}

/// What a host keeps: bytes that no other operation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Data {
    /// None.
    Nothing,
    /// As much as any session may keep.
    Little,
    /// As much as a person's may.
    Some,
    /// More than is allowed.
    TooMuch,
}

/// How long a host lets a session live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Stay {
    /// For less than nothing.
    None,
    /// For this many tenths of a second.
    For(u8),
    /// For longer than an anonymous session may.
    TooLong,
}

/// Which token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Pick {
    /// The one that this operation gave, or else the last one before.
    pub of: u32,
    /// What an attacker did to it.
    pub forgery: Forgery,
}

/// What became of a token on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Forgery {
    /// Nothing.
    None,
    /// Another proof, all else as it was.
    Proof(u8),
    /// Another kind's prefix.
    Prefix(u8),
    /// Another character somewhere before the proof.
    Field(u8),
    /// The fields of another token.
    Spliced(u32),
    /// Cut short.
    Cut(u8),
}

impl Action {
    /// The operations before `next` are there to be named.
    pub(crate) fn draw(rng: &mut Rng, next: u32) -> Self {
        let (name, password) = (rng.byte(), rng.byte());
        let token = Pick::draw(rng, next);
        let guess = Guess::draw(rng);
        // A town without people has nothing to tell.
        if next < SETTLERS {
            return Self::Register { name: next.to_le_bytes()[0], password };
        }
        match rng.below(1500) {
            0..40 => Self::Register { name, password },
            40..260 => {
                let previous = rng.in_thousand(250).then_some(token);
                let carry = rng.in_thousand(500);
                // Some are after the same few, so that these have to wait.
                let name = if rng.in_thousand(200) { name % 3 } else { name };
                let device = Known::draw(rng, next);
                // A device's tries are to be used up, too.
                let fails = matches!(device.shown, ShownDevice::Own(_)) && rng.in_thousand(200);
                let guess = if fails { Guess::Listed(rng.byte()) } else { guess };
                Self::Login { name, guess, previous, carry, device, lifetime: password }
            }
            260..285 => Self::Rehash { of: token.of },
            285..335 => Self::OpenSession { data: Data::draw(rng), lifetime: Stay::draw(rng) },
            335..380 => Self::SessionData { token },
            380..440 => Self::UpdateSessionData { token, data: Data::draw(rng), lifetime: Stay::draw(rng) },
            440..575 => Self::Authenticate { token },
            575..587 => Self::DeleteAccount { name },
            587..612 => Self::FinishDeletion { of: password },
            612..622 => Self::Rename { name, new: password },
            622..626 => Self::MarkCompromised { name },
            626..642 => Self::Tick,
            642..695 => Self::Reauthenticate { token, guess },
            695..750 => Self::RotateSession { token },
            750..780 => Self::Sessions { name },
            780..805 => Self::EndSession { name, session: token.of, own: !rng.in_thousand(250) },
            805..855 => Self::Logout { token },
            855..880 => Self::LogoutEverywhere { name, keep: rng.in_thousand(500).then_some(token) },
            880..920 => Self::ChangePassword { token, guess, new: password },
            920..935 => Self::SetPassword { name, new: password },
            935..955 => Self::Unlock { name },
            955..967 => Self::Disable { name },
            967..995 => Self::Enable { name },
            995..997 => Self::AfterRestore,
            997 => Self::TrustClock,
            998..1000 => Self::Open,
            _ => Self::Token(TokenAction::draw(rng, next)),
        }
    }
}

impl Guess {
    fn draw(rng: &mut Rng) -> Self {
        if rng.in_thousand(700) { Self::Right } else { Self::Listed(rng.byte()) }
    }
}

impl Known {
    fn draw(rng: &mut Rng, next: u32) -> Self {
        let (noise, of) = (rng.byte(), rng.below(next + 1));
        let choices = [
            (350, ShownDevice::None),
            (550, ShownDevice::Own(noise % 3)),
            (50, ShownDevice::Any(of)),
            (50, ShownDevice::Forged(noise)),
        ];
        let shown = rng.weighted(&choices).unwrap_or(ShownDevice::None);
        Self { shown, remember: rng.in_thousand(300) }
    }
}

impl Data {
    fn draw(rng: &mut Rng) -> Self {
        let choices = [(200, Self::Nothing), (600, Self::Little), (150, Self::Some), (50, Self::TooMuch)];
        rng.weighted(&choices).unwrap_or(Self::Nothing)
    }

    /// The bytes, which say whose they are.
    pub(crate) fn bytes(self, label: u32) -> Vec<u8> {
        let many = match self {
            Self::Nothing => 0,
            Self::Little => DATA_OF_NOBODY,
            Self::Some => DATA_OF_A_PERSON,
            Self::TooMuch => DATA_OF_A_PERSON + 1,
        };
        format!("kept by {label:08}{}", ".".repeat(DATA_OF_A_PERSON)).into_bytes()[..many].to_vec()
    }
}

impl Stay {
    fn draw(rng: &mut Rng) -> Option<Self> {
        let tenths = rng.byte() % 120;
        let choices =
            [(700, None), (30, Some(Self::None)), (240, Some(Self::For(tenths))), (30, Some(Self::TooLong))];
        rng.weighted(&choices).flatten()
    }

    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::For(tenths) => Duration::from_millis(u64::from(tenths) * 100 + 1),
            Self::TooLong => Duration::from_hours(1),
        }
    }
}

impl Pick {
    fn draw(rng: &mut Rng, next: u32) -> Self {
        let noise = rng.byte();
        let forgery = [
            (920, Forgery::None),
            (30, Forgery::Proof(noise)),
            (10, Forgery::Prefix(noise)),
            (15, Forgery::Field(noise)),
            (15, Forgery::Spliced(rng.below(next + 1))),
            (10, Forgery::Cut(noise)),
        ];
        // Mostly one of the latest, and now and then any that there ever was.
        let back = if rng.in_thousand(150) { next } else { next.min(40) };
        Self { of: next - rng.below(back + 1), forgery: rng.weighted(&forgery).unwrap_or(Forgery::None) }
    }
}
