//! What a request should be told, and what it should change: each operation's rule in the fewest words.

use std::time::Duration;

use doorward_core::id::{DeviceId, SessionId};
use doorward_core::model::session::{Gone, Lifetime};
use doorward_core::operation::logout::Ended;
use doorward_core::password::PasswordHash;
use doorward_core::time::Timestamp;

use super::terms::Scopes;
use super::token::{Bearer, Request};
use super::verdict::{Effect, Judgement};
use super::{Model, Session, Stage};
use crate::action::Rotate;
use crate::answer::Answer;

/// A request, with every number given its meaning.
#[derive(Debug, Clone)]
pub(crate) enum Intent {
    Register { name: usize, password: usize },
    Login(Attempt),
    OpenSession { data: Vec<u8>, lifetime: Option<Duration> },
    SessionData(Shown),
    UpdateSessionData { token: Shown, data: Vec<u8>, lifetime: Option<Duration> },
    Rehash { account: usize, shown: PasswordHash },
    Authenticate(Shown),
    Reauthenticate(Shown, usize),
    RotateSession(Shown),
    Sessions(Who),
    EndSession(Who, SessionId),
    Logout(Shown),
    LogoutEverywhere(Who, Option<Shown>),
    ChangePassword { token: Shown, current: usize, new: usize },
    SetPassword(Who, usize),
    Unlock(Who),
    Disable(Who),
    Enable(Who),
    DeleteAccount(Who),
    FinishDeletion(Who),
    Rename(Who, usize),
    MarkCompromised(Who),
    Tick,
    TrustClock,
    AfterRestore,
    Open,
    Token(Request),
}

/// A login.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) name: usize,
    pub(crate) password: usize,
    pub(crate) previous: Option<Shown>,
    pub(crate) carry: bool,
    /// The device whose token came along.
    pub(crate) device: Option<DeviceId>,
    pub(crate) remember: bool,
    pub(crate) lifetime: Lifetime,
    /// What the session's tokens may allow.
    pub(crate) scope: Scopes,
}

/// An account, or an id that is nobody's.
pub(crate) type Who = Option<usize>;

/// What a client shows as its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A token as it was given out.
    Token(usize),
    /// The same, but for its proof.
    WrongProof(usize),
    /// A token of another kind.
    OtherKind,
    /// No token at all.
    Garbage,
}

/// What a token opens.
pub(super) enum Standing<'a> {
    BadToken,
    Absent,
    Proven(usize, &'a Session, Option<Gone>),
}

impl Intent {
    /// Whether it shows a password, so that its verdict must rest on the counters.
    pub(crate) fn is_guess(&self) -> bool {
        matches!(self, Self::Login(_) | Self::Reauthenticate(..) | Self::ChangePassword { .. })
    }

    /// Its session's token.
    pub(crate) fn session_token(&self) -> Option<Shown> {
        match self {
            Self::Authenticate(token)
            | Self::Reauthenticate(token, _)
            | Self::RotateSession(token)
            | Self::SessionData(token)
            | Self::UpdateSessionData { token, .. }
            | Self::LogoutEverywhere(_, Some(token))
            | Self::ChangePassword { token, .. }
            | Self::Token(Request::Issue { token, .. }) => Some(*token),
            _ => None,
        }
    }

    /// Whether it revokes what is no refresh token.
    pub(crate) fn revokes_garbage(&self) -> bool {
        matches!(self, Self::Token(Request::Revoke { token: Bearer::Refresh(Shown::Garbage), .. }))
    }

    /// Whether it takes away only, and compares nothing.
    pub(crate) fn is_blind(&self) -> bool {
        // One puts new keys, as long as it can; the other takes no counter away that it has not seen.
        self.is_ending() && !matches!(self, Self::AfterRestore | Self::Unlock(_))
    }

    /// Whether tokens end by it, those of one family or all of an account.
    pub(crate) fn ends_tokens(&self) -> bool {
        matches!(
            self,
            Self::EndSession(..)
                | Self::Logout(_)
                | Self::LogoutEverywhere(..)
                | Self::Disable(_)
                | Self::AfterRestore
                | Self::Token(Request::Refresh { .. } | Request::Revoke { .. } | Request::RevokeAll { .. })
        )
    }

    /// Whether nobody can starve it.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(
            self,
            Self::EndSession(..)
                | Self::Logout(_)
                | Self::LogoutEverywhere(_, None)
                | Self::Disable(_)
                | Self::AfterRestore
                | Self::Unlock(_)
        )
    }
}

impl Model {
    pub(crate) fn judge(&self, intent: &Intent, now: Timestamp) -> Judgement {
        Judgement { moment: self.landed, ..self.verdict(intent, now) }
    }

    #[allow(clippy::too_many_lines, reason = "an arm for each operation, and no more")]
    fn verdict(&self, intent: &Intent, now: Timestamp) -> Judgement {
        let nobody = || Judgement::told(Answer::NotFound);
        let there = |who: Who| who.filter(|account| self.accounts[*account].is_there());
        match *intent {
            Intent::Token(ref request) => self.judge_token(request, now),
            Intent::Open => {
                let judged =
                    self.clock(now, false, self.policy.max_clock_regression(), Answer::Opened(self.mark));
                match self.rotation(Rotate::WhenDue, now) {
                    Some(rotation) if judged.answer != Answer::Behind => {
                        let marks = judged.effect != Effect::None;
                        Judgement { effect: Effect::OpenRotating { marks, rotation }, ..judged }
                    }
                    _ => judged,
                }
            }
            Intent::Register { name, password } => match self.names[name].account {
                Some(_) => Judgement::told(Answer::Taken),
                None => Judgement::of(Answer::Done, Effect::Register { name, password }),
            },
            Intent::Login(attempt) => self.login(attempt, now),
            Intent::OpenSession { ref data, lifetime } => {
                let longest = self.policy.anonymous().absolute;
                let limit = self.policy.data_limits().anonymous;
                if data.len() > limit {
                    Judgement::told(Answer::TooMuch(limit))
                } else if lifetime.is_some_and(|asked| asked > longest || asked.is_zero()) {
                    Judgement::told(Answer::TooLong(longest))
                } else {
                    Judgement::done(Effect::OpenSession { data: data.clone(), lifetime })
                }
            }
            Intent::SessionData(token) => self.inside(token, now, |session, record| {
                Judgement::of(Answer::Kept(record.life(), record.data.clone()), self.touch(session, now))
            }),
            Intent::UpdateSessionData { token, ref data, lifetime } => {
                self.inside(token, now, |session, record| self.update(session, record, data, lifetime, now))
            }
            Intent::Rehash { account, ref shown }
                if self.accounts[account].hash == *shown && self.accounts[account].is_there() =>
            {
                Judgement::of(Answer::Upgraded, Effect::Rehash { account })
            }
            Intent::Rehash { .. } => Judgement::told(Answer::Overtaken),
            Intent::Authenticate(token) => self.inside(token, now, |session, record| {
                let life = record.life();
                let answer =
                    if record.account.is_some() { Answer::Live(life) } else { Answer::Anonymous(Some(life)) };
                Judgement::of(answer, self.touch(session, now))
            }),
            Intent::RotateSession(token) => self.inside(token, now, |session, record| {
                let next = record.renewed(now, false);
                Judgement::of(Answer::Renewed(next.life()), Effect::Rotate { session })
            }),
            Intent::Reauthenticate(token, password) => self.inside(token, now, |session, record| {
                self.guess_inside(record, password, now, || Effect::Reauthenticate { session })
            }),
            Intent::ChangePassword { token, current, new } => self.inside(token, now, |session, record| {
                self.guess_inside(record, current, now, || Effect::ChangePassword { session, new })
            }),
            Intent::Sessions(who) => Judgement::told(Answer::Listed(who.map_or_else(Vec::new, |account| {
                let all = self.accounts[account].sessions.iter().map(|session| &self.sessions[*session]);
                let live = all.filter(|session| session.is_there && session.over(now).is_none());
                live.map(|session| session.id).collect()
            }))),
            Intent::EndSession(who, id) => {
                let session = self.by_id.get(&id).copied().map(|session| (session, &self.sessions[session]));
                match session.filter(|(_, record)| {
                    record.is_there && record.account.is_some() && record.account == who
                }) {
                    None => nobody(),
                    Some((session, record)) => Judgement::ended(session, record.over(now).is_none()),
                }
            }
            Intent::Logout(token) => match self.standing(token, now) {
                Standing::BadToken => Judgement::told(Answer::BadToken),
                Standing::Absent => Judgement::told(Answer::Ended(Ended::AlreadyGone)),
                Standing::Proven(session, _, gone) => {
                    Judgement::ended(session, matches!(gone, None | Some(Gone::Replaced)))
                }
            },
            Intent::LogoutEverywhere(who, keep) => match (there(who), keep) {
                (_, Some(token)) => self.inside(token, now, |session, record| {
                    let Some(account) = record.account else {
                        return Judgement::told(Answer::Anonymous(Some(record.life())));
                    };
                    if Some(account) != who {
                        return Judgement::told(Answer::OtherAccount);
                    }
                    let effect = Effect::EndAll { account, keep: Some(session) };
                    Judgement::of(Answer::Renewed(record.renewed(now, false).life()), effect)
                }),
                (None, None) => nobody(),
                (Some(account), None) => Judgement::done(Effect::EndAll { account, keep: None }),
            },
            Intent::SetPassword(who, new) => there(who).map_or_else(nobody, |account| {
                let account_now = &self.accounts[account];
                if account_now.is_compromised && account_now.password == new {
                    return Judgement::told(Answer::MustChange);
                }
                Judgement::done(Effect::SetPassword { account, new })
            }),
            Intent::Unlock(who) => {
                there(who).map_or_else(nobody, |account| Judgement::done(Effect::Unlock { account }))
            }
            Intent::Disable(who) => {
                there(who).map_or_else(nobody, |account| Judgement::done(Effect::Disable { account }))
            }
            Intent::Enable(who) => there(who).map_or_else(nobody, |account| {
                let is_open = self.accounts[account].may_log_in;
                Judgement::done(if is_open { Effect::None } else { Effect::Enable { account } })
            }),
            Intent::DeleteAccount(who) => match who.map(|account| (account, self.accounts[account].stage)) {
                Some((account, Stage::There)) => Judgement::done(Effect::Delete { account }),
                Some((_, Stage::Remains)) => Judgement::told(Answer::Done),
                Some((_, Stage::Gone)) | None => nobody(),
            },
            Intent::FinishDeletion(who) => {
                let remains = who.filter(|account| self.accounts[*account].stage == Stage::Remains);
                let nothing = || Judgement::told(Answer::Remains(false));
                remains.map_or_else(nothing, |account| Judgement::done(Effect::Bite { account }))
            }
            Intent::Rename(who, name) => {
                there(who).map_or_else(nobody, |account| match self.names[name].account {
                    None => Judgement::done(Effect::Rename { account, name }),
                    Some(holder) if holder == account => Judgement::told(Answer::Done),
                    Some(_) => Judgement::told(Answer::Taken),
                })
            }
            Intent::MarkCompromised(who) => there(who).map_or_else(nobody, |account| {
                let is_known = self.accounts[account].is_compromised;
                Judgement::done(if is_known { Effect::None } else { Effect::Compromise { account } })
            }),
            Intent::Tick => {
                let most = self.policy.max_clock_regression() + self.policy.max_skew();
                self.clock(now, true, most, Answer::Done)
            }
            Intent::TrustClock if self.mark.since(now) > self.policy.max_clock_regression() => {
                Judgement::of(Answer::Trusted(now, true), Effect::Trust)
            }
            Intent::TrustClock => Judgement::told(Answer::Trusted(self.mark, false)),
            Intent::AfterRestore => Judgement::done(Effect::EndEverything),
        }
    }

    /// What an engine is told that shows the store its clock.
    fn clock(&self, now: Timestamp, is_durable: bool, most: Duration, good: Answer) -> Judgement {
        let is_due = now > self.mark && now.since(self.mark) >= self.policy.touch_every();
        let effect = if is_due { Effect::Mark { is_durable } } else { Effect::None };
        Judgement::of(if self.mark.since(now) > most { Answer::Behind } else { good }, effect)
    }

    pub(super) fn touch(&self, session: usize, now: Timestamp) -> Effect {
        let is_due = self.sessions[session].is_due(now, &self.policy);
        if is_due { Effect::Touch { session } } else { Effect::None }
    }

    fn update(
        &self,
        session: usize,
        record: &Session,
        data: &[u8],
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Judgement {
        let limits = self.policy.data_limits();
        let (limit, longest) = match record.account {
            Some(_) => (limits.logged_in, Duration::MAX),
            None => (limits.anonymous, self.policy.anonymous().absolute),
        };
        if data.len() > limit {
            return Judgement::told(Answer::TooMuch(limit));
        }
        if lifetime.is_some_and(|asked| asked > longest || asked.is_zero()) {
            return Judgement::told(Answer::TooLong(longest.min(match record.account {
                Some(_) => record.absolute_end.since(now),
                None => longest,
            })));
        }
        let next = record.updated(lifetime, now, &self.policy);
        let effect = Effect::Update { session, data: data.to_vec(), lifetime };
        Judgement::of(Answer::Updated(next.life()), effect)
    }

    /// For whoever shows the token of a live session; any other is told why not, and a session seen over is ended.
    pub(super) fn inside(
        &self,
        token: Shown,
        now: Timestamp,
        live: impl FnOnce(usize, &Session) -> Judgement,
    ) -> Judgement {
        match self.standing(token, now) {
            Standing::BadToken => Judgement::told(Answer::BadToken),
            Standing::Absent => Judgement::told(Answer::Gone(Gone::Ended)),
            Standing::Proven(session, record, None) => live(session, record),
            Standing::Proven(session, _, Some(gone @ (Gone::Idle | Gone::Expired))) => {
                Judgement::of(Answer::Gone(gone), Effect::End { session })
            }
            Standing::Proven(_, _, Some(gone)) => Judgement::told(Answer::Gone(gone)),
        }
    }

    pub(super) fn standing(&self, token: Shown, now: Timestamp) -> Standing<'_> {
        let (Shown::Token(number) | Shown::WrongProof(number)) = token else {
            return Standing::BadToken;
        };
        let token_given = &self.tokens[number];
        let record = &self.sessions[token_given.session];
        match token {
            _ if !record.is_there => Standing::Absent,
            Shown::WrongProof(_) => Standing::BadToken,
            _ => {
                let replaced = || (token_given.generation < record.generation).then_some(Gone::Replaced);
                Standing::Proven(token_given.session, record, record.over(now).or_else(replaced))
            }
        }
    }
}
