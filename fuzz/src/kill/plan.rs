//! What a thread does next, drawn from what it has.

use doorward_core::id::{AccountId, SessionId};

use super::act::{Act, Op};
use super::town::{Account, Town};
use crate::rng::Rng;

/// The password of this number.
pub(super) fn password(number: u32) -> String {
    format!("plum kettle orbit {number}")
}

/// One that is nobody's.
pub(super) const WRONG: &str = "slate lantern ferry";

/// Mostly without hashing, so that most of the time goes to commits.
pub(super) fn next(town: &Town, op: Op, rng: &mut Rng) -> Act {
    let choices = [
        (20, Choice::OpenSession),
        (20, Choice::Update),
        (16, Choice::Rotate),
        (14, Choice::Logout),
        (9, Choice::Login),
        (9, Choice::EndSession),
        (6, Choice::LogoutEverywhere),
        (3, Choice::Register),
        (3, Choice::Reauthenticate),
        (3, Choice::Rename),
        (3, Choice::Disable),
        (2, Choice::Guess),
        (2, Choice::ChangePassword),
        (2, Choice::SetPassword),
        (2, Choice::Maintain),
        (1, Choice::Delete),
    ];
    // What is not possible now is drawn again; a guest is always possible where there are few.
    for _ in 0..16 {
        let choice = rng.weighted(&choices).unwrap_or(Choice::Maintain);
        if let Some(act) = choice.act(town, op, rng) {
            return act;
        }
    }
    Act::Maintain
}

#[derive(Debug, Clone, Copy)]
enum Choice {
    Register,
    Login,
    Guess,
    OpenSession,
    Update,
    Rotate,
    Reauthenticate,
    Logout,
    EndSession,
    LogoutEverywhere,
    ChangePassword,
    SetPassword,
    Disable,
    Rename,
    Delete,
    Maintain,
}

impl Choice {
    fn act(self, town: &Town, op: Op, rng: &mut Rng) -> Option<Act> {
        let name = || format!("t{}n{}", op.thread, op.number);
        Some(match self {
            Self::Register if town.accounts.len() >= MOST_ACCOUNTS => return None,
            Self::Register => Act::Register { name: name(), password: op.number },
            Self::OpenSession if town.guests.len() >= MOST_GUESTS => return None,
            Self::OpenSession => Act::OpenSession,
            Self::Maintain => Act::Maintain,
            Self::Update => Act::Update { session: anybodys(town, rng)?, is_empty: rng.in_thousand(150) },
            Self::Rotate => Act::Rotate { session: anybodys(town, rng)? },
            Self::Logout => Act::Logout { session: anybodys(town, rng)? },
            Self::Reauthenticate => Act::Reauthenticate { session: of(account(town, rng)?.1, rng)? },
            Self::ChangePassword => {
                Act::ChangePassword { session: of(account(town, rng)?.1, rng)?, password: op.number }
            }
            Self::Login => {
                let (account, state) = account(town, rng)?;
                if !state.is_active || state.sessions.len() >= MOST_SESSIONS {
                    return None;
                }
                let previous = match rng.below(4) {
                    0 => guest(town, rng),
                    1 => of(state, rng),
                    _ => None,
                };
                Act::Login { account, previous }
            }
            Self::Guess => {
                let (account, state) = account(town, rng)?;
                if !state.is_active || state.failures >= MOST_FAILURES {
                    return None;
                }
                Act::Guess { account }
            }
            Self::EndSession => {
                // By its id: the token may be nobody's.
                let (account, state) = account(town, rng)?;
                let session = pick(&state.sessions.keys().copied().collect::<Vec<_>>(), rng)?;
                Act::EndSession { account, session }
            }
            Self::LogoutEverywhere => {
                let (account, state) = account(town, rng)?;
                let keep = if rng.in_thousand(500) { of(state, rng) } else { None };
                Act::LogoutEverywhere { account, keep }
            }
            Self::SetPassword => Act::SetPassword { account: account(town, rng)?.0, password: op.number },
            Self::Disable => {
                let (account, state) = account(town, rng)?;
                if state.is_active { Act::Disable { account } } else { Act::Enable { account } }
            }
            Self::Rename => Act::Rename { account: account(town, rng)?.0, name: name() },
            Self::Delete => Act::Delete { account: account(town, rng)?.0 },
        })
    }
}

const MOST_ACCOUNTS: usize = 4;
const MOST_GUESTS: usize = 8;
const MOST_SESSIONS: usize = 6;
/// Below what is free: nobody waits.
const MOST_FAILURES: u32 = 3;

fn account<'a>(town: &'a Town, rng: &mut Rng) -> Option<(AccountId, &'a Account)> {
    let id = pick(&town.accounts.keys().copied().collect::<Vec<_>>(), rng)?;
    town.accounts.get(&id).map(|account| (id, account))
}

/// A session of this account whose token is known.
fn of(account: &Account, rng: &mut Rng) -> Option<SessionId> {
    let known = account.sessions.iter().filter(|(_, session)| session.token.is_some());
    pick(&known.map(|(id, _)| *id).collect::<Vec<_>>(), rng)
}

fn guest(town: &Town, rng: &mut Rng) -> Option<SessionId> {
    let known = town.guests.iter().filter(|(_, (session, _))| session.token.is_some());
    pick(&known.map(|(id, _)| *id).collect::<Vec<_>>(), rng)
}

fn anybodys(town: &Town, rng: &mut Rng) -> Option<SessionId> {
    if rng.in_thousand(500) { guest(town, rng) } else { of(account(town, rng)?.1, rng) }
}

fn pick<T: Copy>(among: &[T], rng: &mut Rng) -> Option<T> {
    let many = u32::try_from(among.len()).ok().filter(|many| *many > 0)?;
    among.get(rng.below(many) as usize).copied()
}
