//! Who takes part: every operation, with one fixed meaning on the account that all of them are about.
//!
//! | when | what there is |
//! |---|---|
//! | at first | a session of nobody that is over by now; `purge` may take it |
//! | then | Ada's account; a bystander with a session, under whose name a guess was wrong |
//! | then | a session of nobody, with data that a login may carry over |
//! | then | Ada's two sessions, `one` from a device that is known since, with data; both hashes call for an upgrade |
//! | then | in `one` a family whose refresh token was used once: its `parent` may come again, its `leaf` moves it on |
//! | now | an activity is to be written down, as late as a parent may come again |

use crate::action::{
    AccessPick, Action, AnyPick, Data, Forgery, Guess, Known, Pick, RefreshPick, Rotate, ShownDevice, Stay,
    TokenAction, TokenForgery,
};
use crate::plan::{House, Move, Plan};

/// One who takes part.
///
/// # Example: by name
/// ```
/// use doorward_fuzz::schedules::ACTORS;
///
/// assert!(ACTORS.iter().any(|actor| actor.name == "logout"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub part: Part,
}

/// What an actor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It asks for this.
    Asks(Action),
    /// It has the store purge, which is one call.
    Purges,
}

impl Actor {
    /// Whether it is a refresh, a logout or a change of keys: one of these is in every triple.
    pub const fn is_leading(&self) -> bool {
        match self.part {
            Part::Asks(Action::Logout { .. } | Action::LogoutEverywhere { .. }) => true,
            // Both may put a new key.
            Part::Asks(Action::AfterRestore | Action::Open) => true,
            Part::Asks(Action::Token(
                TokenAction::Refresh { .. } | TokenAction::RotateKeys(_) | TokenAction::RevokeAll { .. },
            )) => true,
            Part::Asks(_) | Part::Purges => false,
        }
    }
}

/// Everybody. Sets of actors are numbered in this order.
pub const ACTORS: &[Actor] = &[
    asks("register", Action::Register { name: ADA, password: NEXT }),
    asks("register another", Action::Register { name: FREE, password: NEXT }),
    asks("login", LOGIN.action()),
    asks("login of one", Login { previous: Some(ONE), ..LOGIN }.action()),
    asks("login of the guest", Login { previous: Some(GUEST), ..LOGIN }.action()),
    asks("login, wrong", Login { password: WRONG, ..LOGIN }.action()),
    asks("login, device", Login { device: KNOWN, ..LOGIN }.action()),
    asks("login, device, wrong", Login { password: WRONG, device: KNOWN, ..LOGIN }.action()),
    asks("login, new device", Login { device: REMEMBERED, ..LOGIN }.action()),
    asks("rehash", Action::Rehash { of: OTHER }),
    asks("open session", Action::OpenSession { data: Data::Little, lifetime: None }),
    asks("session data", Action::SessionData { token: token(ONE) }),
    asks("update", Action::UpdateSessionData { token: token(ONE), data: Data::Little, lifetime: None }),
    asks(
        "update of the guest",
        Action::UpdateSessionData { token: token(GUEST), data: Data::Nothing, lifetime: Some(Stay::For(80)) },
    ),
    asks("authenticate", Action::Authenticate { token: token(ONE) }),
    asks("authenticate the guest", Action::Authenticate { token: token(GUEST) }),
    asks("authenticate what is over", Action::Authenticate { token: token(OVER) }),
    asks("reauthenticate", Action::Reauthenticate { token: token(ONE), guess: Guess::Listed(PASSWORD) }),
    asks("reauthenticate, wrong", Action::Reauthenticate { token: token(ONE), guess: Guess::Listed(WRONG) }),
    asks("rotate session", Action::RotateSession { token: token(ONE) }),
    asks("sessions", Action::Sessions { name: ADA }),
    asks("end session", Action::EndSession { name: ADA, session: ONE, own: true }),
    asks("logout", Action::Logout { token: token(ONE) }),
    asks("logout of the other", Action::Logout { token: token(OTHER) }),
    asks("logout of the guest", Action::Logout { token: token(GUEST) }),
    asks("logout everywhere", Action::LogoutEverywhere { name: ADA, keep: None }),
    asks("logout everywhere else", Action::LogoutEverywhere { name: ADA, keep: Some(token(ONE)) }),
    asks(
        "change password",
        Action::ChangePassword { token: token(ONE), guess: Guess::Listed(PASSWORD), new: NEXT },
    ),
    asks("set password", Action::SetPassword { name: ADA, new: NEXT }),
    asks("unlock", Action::Unlock { name: ADA }),
    asks("disable", Action::Disable { name: ADA }),
    asks("enable", Action::Enable { name: ADA }),
    asks("delete", Action::DeleteAccount { name: ADA }),
    asks("finish deletion", Action::FinishDeletion { of: ADA }),
    asks("rename", Action::Rename { name: ADA, new: FREE }),
    asks("mark compromised", Action::MarkCompromised { name: ADA }),
    asks("tick", Action::Tick),
    asks("trust clock", Action::TrustClock),
    asks("after restore", Action::AfterRestore),
    asks("open", Action::Open),
    about("issue", issue(true)),
    about("issue without refresh", issue(false)),
    about("refresh", refresh(0, false)),
    about("refresh of the parent", refresh(1, false)),
    about("refresh by another", refresh(0, true)),
    about("verify", TokenAction::Verify { token: ACCESS, is_other_audience: false, remembers: false }),
    about("introspect", TokenAction::Introspect { token: AnyPick::Access(ACCESS), audience: None }),
    about(
        "introspect refresh",
        TokenAction::Introspect { token: AnyPick::Refresh(presents(0)), audience: None },
    ),
    about("revoke", TokenAction::Revoke { token: AnyPick::Access(ACCESS), is_other_client: false }),
    about(
        "revoke refresh",
        TokenAction::Revoke { token: AnyPick::Refresh(presents(0)), is_other_client: false },
    ),
    about("rotate keys when due", TokenAction::RotateKeys(Rotate::WhenDue)),
    about("rotate keys", TokenAction::RotateKeys(Rotate::Orderly)),
    about("rotate keys at once", TokenAction::RotateKeys(Rotate::AtOnce)),
    about("revoke all", TokenAction::RevokeAll { and_sessions: false }),
    about("revoke all and sessions", TokenAction::RevokeAll { and_sessions: true }),
    about("jwks", TokenAction::Jwks),
    Actor { name: "purge", part: Part::Purges },
];

/// What happens before they come.
pub(super) fn set_up() -> Plan {
    let house = House { cap: None, peppers: true, shared_secret: true };
    let wrong = Login { name: BYSTANDER, password: WRONG, ..LOGIN };
    let remembered = Login { device: REMEMBERED, lifetime: REMEMBERED_AND_ALL, ..LOGIN };
    let soon_over = Action::OpenSession { data: Data::Nothing, lifetime: Some(Stay::For(0)) };
    let guest = Action::OpenSession { data: Data::Little, lifetime: None };
    let kept = Action::UpdateSessionData { token: token(ONE), data: Data::Some, lifetime: None };
    let moves = [
        start(0, OVER, soon_over),
        Move::Advance { millis: 60_000 },
        start(0, NOBODYS, Action::Register { name: ADA, password: PASSWORD }),
        start(0, NOBODYS + 1, Action::Register { name: BYSTANDER, password: PASSWORD }),
        start(0, GUEST, guest),
        start(0, BESIDE, Login { name: BYSTANDER, ..LOGIN }.action()),
        start(0, NOBODYS + 2, wrong.action()),
        start(1, ONE, remembered.action()),
        start(1, OTHER, LOGIN.action()),
        start(0, NOBODYS + 3, kept),
        start(0, ISSUED, Action::Token(issue(true))),
        Move::Advance { millis: 400 },
        start(0, REFRESHED, Action::Token(refresh(0, false))),
        Move::Advance { millis: 700 },
    ];
    Plan { house, moves: moves.to_vec() }
}

/// Ada's name. No request about such a number is turned to another account, as random plans want it.
const ADA: u8 = 3;
const BYSTANDER: u8 = 7;
/// Nobody's, until somebody takes it.
const FREE: u8 = 11;

/// Of both.
const PASSWORD: u8 = 0;
const NEXT: u8 = 1;
const WRONG: u8 = 2;

// Which operation of the set-up gave a token. Of multiples of four none is exchanged for a livelier one.
const OVER: u32 = 0;
const GUEST: u32 = 4;
const BESIDE: u32 = 8;
const ONE: u32 = 12;
const OTHER: u32 = 16;
const ISSUED: u32 = 20;
const REFRESHED: u32 = 24;
/// And from here on those that gave none that is used.
const NOBODYS: u32 = 100;

const KNOWN: Known = Known { shown: ShownDevice::Own(0), remember: false };
const STRANGE: Known = Known { shown: ShownDevice::None, remember: false };
const REMEMBERED: Known = Known { shown: ShownDevice::None, remember: true };

/// A lifetime, and by four times the number every scope.
const WEB_AND_ALL: u8 = 28;
const REMEMBERED_AND_ALL: u8 = 30;

#[derive(Clone, Copy)]
struct Login {
    name: u8,
    password: u8,
    previous: Option<u32>,
    device: Known,
    lifetime: u8,
}

const LOGIN: Login =
    Login { name: ADA, password: PASSWORD, previous: None, device: STRANGE, lifetime: WEB_AND_ALL };

impl Login {
    const fn action(self) -> Action {
        let Self { name, password, device, lifetime, .. } = self;
        let previous = match self.previous {
            Some(of) => Some(token(of)),
            None => None,
        };
        Action::Login { name, guess: Guess::Listed(password), previous, carry: true, device, lifetime }
    }
}

const ACCESS: AccessPick = AccessPick { of: REFRESHED, forgery: TokenForgery::None };

const fn asks(name: &'static str, action: Action) -> Actor {
    Actor { name, part: Part::Asks(action) }
}

const fn about(name: &'static str, action: TokenAction) -> Actor {
    asks(name, Action::Token(action))
}

const fn token(of: u32) -> Pick {
    Pick { of, forgery: Forgery::None }
}

const fn presents(back: u8) -> RefreshPick {
    RefreshPick { of: REFRESHED, back, forgery: TokenForgery::None }
}

const fn issue(with_refresh: bool) -> TokenAction {
    TokenAction::Issue { token: token(ONE), client: 0, audience: 0, scope: None, with_refresh }
}

const fn refresh(back: u8, is_other_client: bool) -> TokenAction {
    TokenAction::Refresh { token: presents(back), is_other_client, audience: None, scope: None }
}

fn start(engine: u8, label: u32, action: Action) -> Move {
    Move::Start { engine, label, action, seed: label.into() }
}
