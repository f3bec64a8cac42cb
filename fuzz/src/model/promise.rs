//! What clients were told: a token that somebody knows to be dead never opens anything again.
//!
//! This asks nothing of the rest of the model: an answer that was given out binds every request that begins later.

use super::Model;
use super::judge::{Attempt, Intent, Shown};
use super::token::{Bearer, Request};
use crate::answer::Answer;
use crate::violation::{Violation, ensure};

/// What an answer ends, as far as it was given out.
#[derive(Clone, Copy)]
enum Doomed {
    /// A session's tokens, of every kind, whenever they are given out.
    Session(usize),
    /// The tokens that its session had before.
    Replaced(usize),
    Account(usize),
    Everything,
    /// Of all sessions, and not these.
    Grants,
    Family(usize),
    Access(usize),
}

impl Model {
    /// A request that began at `started` was answered at `now`, with the token of this number when one came with it.
    pub(crate) fn promise(
        &mut self,
        intent: &Intent,
        answer: &Answer,
        minted: Option<usize>,
        started: usize,
        now: usize,
    ) {
        let Some((doomed, invariant)) = self.doomed(intent, answer) else { return };
        let account_of = |session: usize| self.sessions[session].account;
        let is_theirs = |session: usize, given: usize| match doomed {
            Doomed::Session(doomed) => session == doomed,
            Doomed::Account(account) => given < started && account_of(session) == Some(account),
            Doomed::Everything => given < started,
            Doomed::Replaced(_) | Doomed::Grants | Doomed::Family(_) | Doomed::Access(_) => false,
        };
        let dead = Some((now, invariant));
        for (number, token) in self.tokens.iter_mut().enumerate() {
            let is_replaced = matches!(doomed, Doomed::Replaced(session) if session == token.session);
            let is_meant = is_theirs(token.session, token.given) || is_replaced && token.given < started;
            if is_meant && Some(number) != minted {
                token.dead = token.dead.or(dead);
            }
        }
        let is_granted = |session: usize, family: Option<usize>, given: usize| match doomed {
            Doomed::Grants => given < started,
            Doomed::Family(doomed) => family == Some(doomed),
            _ => is_theirs(session, given),
        };
        for token in &mut self.refresh_tokens {
            let session = self.families[token.family].session;
            if is_granted(session, Some(token.family), token.given) {
                token.dead = token.dead.or(dead);
            }
        }
        for (number, token) in self.access_tokens.iter_mut().enumerate() {
            let is_it = matches!(doomed, Doomed::Access(access) if access == number);
            if is_it || is_granted(token.session, token.family, token.given) {
                token.dead = token.dead.or(dead);
            }
        }
    }

    /// What is over, and by which invariant.
    fn doomed(&self, intent: &Intent, answer: &Answer) -> Option<(Doomed, u8)> {
        let session_of = |token: Shown| Some(self.tokens[token.genuine()?].session);
        let family_of = |token: Shown| Some(self.refresh_tokens[token.genuine()?].family);
        Some(match (intent, answer) {
            (Intent::Logout(token), Answer::Ended(_)) => (Doomed::Session(session_of(*token)?), 11),
            (Intent::EndSession(_, id), Answer::Ended(_)) => {
                (Doomed::Session(self.by_id.get(id).copied()?), 11)
            }
            (Intent::RotateSession(token) | Intent::Reauthenticate(token, _), Answer::Renewed(_)) => {
                (Doomed::Replaced(session_of(*token)?), 32)
            }
            (Intent::Login(Attempt { previous: Some(token), .. }), Answer::LoggedIn(life, _)) => {
                let session = session_of(*token)?;
                let owner = self.sessions[session].account_id;
                let is_own = owner.is_none() || owner == life.account;
                (Doomed::Session(Some(session).filter(|_| is_own)?), 32)
            }
            (Intent::LogoutEverywhere(who, _), Answer::Done | Answer::Renewed(_)) => {
                (Doomed::Account((*who)?), 12)
            }
            (Intent::ChangePassword { token, .. }, Answer::Renewed(_)) => {
                (Doomed::Account(self.sessions[session_of(*token)?].account?), 14)
            }
            (
                Intent::SetPassword(who, _)
                | Intent::Disable(who)
                | Intent::DeleteAccount(who)
                | Intent::MarkCompromised(who),
                Answer::Done,
            ) => (Doomed::Account((*who)?), 14),
            (Intent::AfterRestore, Answer::Done) => (Doomed::Everything, 44),
            (Intent::TrustClock, Answer::Trusted(_, true)) => (Doomed::Everything, 12),
            (Intent::Token(Request::RevokeAll { and_sessions }), Answer::Done) => {
                (if *and_sessions { Doomed::Everything } else { Doomed::Grants }, 44)
            }
            (Intent::Token(Request::Refresh { token, .. }), Answer::Reused) => {
                (Doomed::Session(self.families[family_of(*token)?].session), 3)
            }
            (Intent::Token(Request::Revoke { token, .. }), Answer::Ended(ended)) => match token {
                Bearer::Refresh(token) => (Doomed::Family(family_of(*token)?), 5),
                // A clock that is set back while its engine runs may find it alive: by more than is declared.
                Bearer::Access(_) if *ended == doorward_core::operation::logout::Ended::AlreadyGone => {
                    return None;
                }
                Bearer::Access(token) => (Doomed::Access(token.genuine()?), 5),
            },
            _ => return None,
        })
    }

    /// A request that began at `started` was told that its tokens are good.
    pub(crate) fn accepted(&self, intent: &Intent, started: usize) -> Result<(), Violation> {
        if let Some(token) = intent.session_token() {
            is_alive(token, started, |number| self.tokens[number].dead)?;
        }
        match intent {
            Intent::Token(
                Request::Refresh { token, .. } | Request::Introspect { token: Bearer::Refresh(token), .. },
            ) => is_alive(*token, started, |number| self.refresh_tokens[number].dead),
            Intent::Token(
                Request::Verify { token, .. } | Request::Introspect { token: Bearer::Access(token), .. },
            ) => is_alive(*token, started, |number| self.access_tokens[number].dead),
            _ => Ok(()),
        }
    }
}

impl Shown {
    fn genuine(self) -> Option<usize> {
        match self {
            Self::Token(number) => Some(number),
            Self::WrongProof(_) | Self::OtherKind | Self::Garbage => None,
        }
    }
}

fn is_alive(
    token: Shown,
    started: usize,
    dead: impl Fn(usize) -> Option<(usize, u8)>,
) -> Result<(), Violation> {
    let number = match token {
        Shown::Token(number) => number,
        Shown::OtherKind => return Err(Violation::new(34, "a token of another kind was accepted")),
        Shown::WrongProof(_) | Shown::Garbage => {
            return Err(Violation::new(35, "a forged token was accepted"));
        }
    };
    let since = dead(number).filter(|(since, _)| *since < started);
    ensure(since.is_none(), since.map_or(11, |(_, invariant)| invariant), || {
        format!("token {number} was accepted, and its death had been acknowledged")
    })
}
