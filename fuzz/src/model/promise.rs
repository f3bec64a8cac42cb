//! What clients were told: a token that somebody knows to be dead never opens anything again.
//!
//! This asks nothing of the rest of the model: an answer that was given out binds every request that begins later.

use super::Model;
use super::judge::{Attempt, Intent, Shown};
use crate::answer::Answer;
use crate::violation::{Violation, ensure};

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
        let session_of = |token: Shown| match token {
            Shown::Token(number) => Some(self.tokens[number].session),
            Shown::WrongProof(_) | Shown::OtherKind | Shown::Garbage => None,
        };
        let renewed = matches!(answer, Answer::Renewed(_));
        let (sessions, accounts, all, invariant) = match (intent, answer) {
            (Intent::Logout(token), Answer::Ended(_)) => (session_of(*token), None, false, 11),
            (Intent::EndSession(_, id), Answer::Ended(_)) => (self.by_id.get(id).copied(), None, false, 11),
            (Intent::RotateSession(token) | Intent::Reauthenticate(token, _), Answer::Renewed(_)) => {
                (session_of(*token), None, false, 32)
            }
            (Intent::Login(Attempt { previous: Some(token), .. }), Answer::LoggedIn(life, _)) => {
                let own = |session: &usize| {
                    let owner = self.sessions[*session].account_id;
                    owner.is_none() || owner == life.account
                };
                (session_of(*token).filter(own), None, false, 32)
            }
            (Intent::LogoutEverywhere(who, _), Answer::Done | Answer::Renewed(_)) => (None, *who, false, 12),
            (Intent::ChangePassword { token, .. }, Answer::Renewed(_)) => {
                (None, session_of(*token).and_then(|session| self.sessions[session].account), false, 14)
            }
            (
                Intent::SetPassword(who, _)
                | Intent::Disable(who)
                | Intent::DeleteAccount(who)
                | Intent::MarkCompromised(who),
                Answer::Done,
            ) => (None, *who, false, 14),
            (Intent::AfterRestore, Answer::Done) | (Intent::TrustClock, Answer::Trusted(_, true)) => {
                (None, None, true, 12)
            }
            _ => return,
        };
        for (number, token) in self.tokens.iter_mut().enumerate() {
            let session = &self.sessions[token.session];
            let is_meant = if let Some(session) = sessions {
                // Logging out ends the session; renewing replaces what was given out before.
                token.session == session && (!renewed || token.given < started)
            } else {
                let is_theirs = accounts.is_some() && session.account == accounts;
                token.given < started && (all || is_theirs)
            };
            if is_meant && Some(number) != minted && token.dead.is_none() {
                token.dead = Some((now, invariant));
            }
        }
    }

    /// A request that began at `started` was told that this token is good.
    pub(crate) fn accepted(&self, token: Shown, started: usize) -> Result<(), Violation> {
        let number = match token {
            Shown::Token(number) => number,
            Shown::OtherKind => return Err(Violation::new(34, "a token of another kind was accepted")),
            Shown::WrongProof(_) | Shown::Garbage => {
                return Err(Violation::new(35, "a forged token was accepted"));
            }
        };
        let since = self.tokens[number].dead.filter(|(since, _)| *since < started);
        ensure(since.is_none(), since.map_or(11, |(_, invariant)| invariant), || {
            format!("token {number} was accepted, and its death had been acknowledged")
        })
    }
}
