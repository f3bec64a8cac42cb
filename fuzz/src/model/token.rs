//! What a session has granted in tokens, and what each is worth: the rules of `doorward_core::model::{grant, signing}`
//! without rows and epochs. A grant remembers at which moment it was made, and lives while nothing that ends it came later.

use doorward_core::id::GrantId;
use doorward_core::model::session::Gone;
use doorward_core::operation::logout::Ended;
use doorward_core::time::Timestamp;

use super::judge::Shown;
use super::keys::Rotation;
use super::terms::{Audiences, Client, Scopes};
use super::verdict::{Effect, Judgement};
use super::{Model, Session};
use crate::action::Rotate;
use crate::answer::{Answer, Flaw, Grant, Seen};

/// A request about tokens, with every number given its meaning.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// The session's token.
    Issue {
        token: Shown,
        terms: Terms,
        with_refresh: bool,
    },
    Refresh {
        token: Shown,
        client: Client,
        audience: Option<Audiences>,
        scope: Option<Scopes>,
    },
    Verify {
        token: Shown,
        audience: Audiences,
    },
    Introspect {
        token: Bearer,
        audience: Option<Audiences>,
    },
    Revoke {
        token: Bearer,
        client: Client,
    },
    RotateKeys(Rotate),
    RevokeAll {
        and_sessions: bool,
    },
    Jwks,
}

/// To whom, for whom and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) client: Client,
    pub(crate) audience: Audiences,
    /// `None`: all that the session was granted.
    pub(crate) scope: Option<Scopes>,
}

/// A token of one of the two kinds; its number is among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearer {
    Refresh(Shown),
    Access(Shown),
}

/// What should become of tokens and keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TokenEffect {
    Open { session: usize, terms: Terms, scope: Scopes },
    MoveOn { family: usize },
    RevokeFamily { family: usize },
    RevokeAccess { access: usize },
    Rotate(Rotation),
    RevokeAll { and_sessions: bool },
}

/// The refresh tokens that follow one another.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Family {
    pub(crate) id: GrantId,
    pub(crate) salt: [u8; 16],
    pub(crate) session: usize,
    pub(crate) number: u32,
    pub(crate) generation: u32,
    pub(crate) rotated: Timestamp,
    pub(crate) client: Client,
    pub(crate) audience: Audiences,
    pub(crate) scope: Scopes,
    /// At which moment it was opened.
    pub(crate) moment: usize,
    /// Whether it is remembered: not revoked, nor pushed out, nor gone with its session.
    pub(crate) is_there: bool,
}

/// A refresh token that an engine gave out.
#[derive(Clone)]
pub(crate) struct RefreshToken {
    pub(crate) text: String,
    pub(crate) family: usize,
    pub(crate) generation: u32,
    pub(crate) given: usize,
    /// Since when a client knows that it is dead, and by which invariant.
    pub(crate) dead: Option<(usize, u8)>,
}

/// An access token that an engine gave out.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) text: String,
    pub(crate) id: GrantId,
    /// What its key is called.
    pub(crate) key: String,
    pub(crate) session: usize,
    pub(crate) family: Option<usize>,
    pub(crate) client: Client,
    pub(crate) audience: Audiences,
    pub(crate) scope: Scopes,
    /// As of which moment it was granted.
    pub(crate) moment: usize,
    pub(crate) ends: Timestamp,
    pub(crate) is_revoked: bool,
    /// Whether the clock of who gave it was further ahead than clocks are declared to be.
    pub(crate) is_from_ahead: bool,
    pub(crate) given: usize,
    pub(crate) dead: Option<(usize, u8)>,
}

/// What a session has granted.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Grants {
    /// Whether anything ever was, since they were last all ended.
    pub(crate) is_there: bool,
    /// How many families there ever were.
    pub(crate) opened: u32,
    pub(crate) families: Vec<usize>,
    pub(crate) revoked: Vec<(GrantId, Timestamp)>,
}

/// What a refresh token opens.
enum Presented {
    BadToken,
    Absent,
    /// Its session is over by its time.
    Over(usize, Gone),
    Revoked,
    Live(usize, u32),
}

/// What a parent that comes again is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    SameChild,
    Conflict,
    Reuse,
}

impl Model {
    pub(super) fn judge_token(&self, request: &Request, now: Timestamp) -> Judgement {
        match *request {
            Request::Issue { token, terms, with_refresh } => self
                .inside(token, now, |session, record| self.issue(session, record, terms, with_refresh, now)),
            Request::Refresh { token, client, audience, scope } => {
                self.refresh(token, client, audience, scope, now)
            }
            Request::Verify { token, audience } => match self.genuine(token, now) {
                Err(flaw) => Judgement::told(Answer::Unfit(flaw)),
                Ok(access) if !access.audience.has(audience) => {
                    Judgement::told(Answer::Unfit(Flaw::Audience))
                }
                Ok(access) => match self.life_of(access, now) {
                    Ok(()) => Judgement::told(Answer::Verified(self.seen(access))),
                    Err(gone) => over(access, gone, Answer::Gone(gone)),
                },
            },
            // No resource server is to take one for a bearer's access token.
            Request::Introspect { token: Bearer::Refresh(_), audience: Some(_) } => {
                Judgement::told(Answer::Inactive)
            }
            Request::Introspect { token: Bearer::Refresh(token), audience: None } => {
                match self.presented(token, now) {
                    Presented::Live(number, generation) => {
                        let family = &self.families[number];
                        let ends = seconds(self.sessions[family.session].idle_end());
                        let active = Answer::Active((family.scope.text(), family.client.text(), ends));
                        let is_leaf = generation == family.generation;
                        Judgement::told(if is_leaf { active } else { Answer::Inactive })
                    }
                    Presented::Over(session, _) => Judgement::of(Answer::Inactive, Effect::End { session }),
                    Presented::BadToken | Presented::Absent | Presented::Revoked => {
                        Judgement::told(Answer::Inactive)
                    }
                }
            }
            Request::Introspect { token: Bearer::Access(token), audience } => {
                let Ok(access) = self.genuine(token, now) else { return Judgement::told(Answer::Inactive) };
                if let Err(gone) = self.life_of(access, now) {
                    return over(access, gone, Answer::Inactive);
                }
                let is_for = audience.is_none_or(|asked| access.audience.has(asked));
                let active = (access.scope.text(), access.client.text(), seconds(access.ends));
                Judgement::told(if is_for { Answer::Active(active) } else { Answer::Inactive })
            }
            Request::Revoke { token, client } => self.revoke(token, client, now),
            Request::RotateKeys(how) => {
                let newest = self.keys.last().map_or(now, |key| key.from);
                match self.rotation(how, now) {
                    None => Judgement::told(Answer::Rotated(false, newest)),
                    Some(rotation) => {
                        let from = rotation.from(now);
                        Judgement::of(Answer::Rotated(true, from), TokenEffect::Rotate(rotation).into())
                    }
                }
            }
            Request::RevokeAll { and_sessions } => {
                Judgement::done(TokenEffect::RevokeAll { and_sessions }.into())
            }
            Request::Jwks => Judgement::told(Answer::Published(self.public_keys(now))),
        }
    }

    fn issue(
        &self,
        session: usize,
        record: &Session,
        terms: Terms,
        with_refresh: bool,
        now: Timestamp,
    ) -> Judgement {
        let scope = terms.scope.unwrap_or(record.scope);
        if record.account.is_none() {
            return Judgement::told(Answer::Anonymous(None));
        }
        if !scope.is_within(record.scope) {
            return Judgement::told(Answer::TooWide);
        }
        let Some(answer) = self.issued(session, scope, with_refresh) else {
            return Judgement::told(Answer::Anonymous(None));
        };
        Judgement::of(
            answer,
            if with_refresh {
                TokenEffect::Open { session, terms, scope }.into()
            } else {
                self.touch(session, now)
            },
        )
    }

    fn refresh(
        &self,
        token: Shown,
        client: Client,
        audience: Option<Audiences>,
        scope: Option<Scopes>,
        now: Timestamp,
    ) -> Judgement {
        let (number, generation) = match self.presented(token, now) {
            Presented::BadToken => return Judgement::told(Answer::BadToken),
            Presented::Absent => return Judgement::told(Answer::Gone(Gone::Ended)),
            Presented::Revoked => return Judgement::told(Answer::Gone(Gone::Revoked)),
            Presented::Over(session, gone) => {
                return Judgement::of(Answer::Gone(gone), Effect::End { session });
            }
            Presented::Live(family, generation) => (family, generation),
        };
        let family = &self.families[number];
        let session = family.session;
        if client != family.client {
            return Judgement::told(Answer::OtherClient);
        }
        let reused = || Judgement::of(Answer::Reused, Effect::End { session });
        if generation + 1 < family.generation {
            return reused();
        }
        let retried = (generation < family.generation).then_some((session, family.rotated));
        // A copy that asks for more than was granted is a copy.
        if let Some(late) = self.retried(retried, now) {
            return late;
        }
        let scope = scope.unwrap_or(family.scope);
        let audience = audience.unwrap_or(family.audience);
        if !scope.is_within(family.scope) || !family.audience.has(audience) {
            return Judgement::told(Answer::TooWide);
        }
        let Some(answer) = self.issued(session, scope, true) else { return reused() };
        let effect = match retried {
            None => TokenEffect::MoveOn { family: number }.into(),
            Some(_) => self.touch(session, now),
        };
        Judgement { family: Some(number), retried, ..Judgement::of(answer, effect) }
    }

    /// What becomes of a parent that came within the grace, if it is later by now.
    pub(crate) fn retried(&self, retried: Option<(usize, Timestamp)>, now: Timestamp) -> Option<Judgement> {
        let (session, rotated) = retried?;
        match self.retry(rotated, now) {
            Retry::SameChild => None,
            Retry::Conflict => Some(Judgement::told(Answer::Conflict)),
            Retry::Reuse => Some(Judgement::of(Answer::Reused, Effect::End { session })),
        }
    }

    /// A clock that stepped back reopens no grace.
    fn retry(&self, rotated: Timestamp, now: Timestamp) -> Retry {
        let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let (grace, skew) = (millis(self.policy.tokens().grace), millis(self.policy.max_skew()));
        match now.as_millis() - rotated.as_millis() {
            age if age < -skew => Retry::Conflict,
            age if age < grace => Retry::SameChild,
            age if age < grace + skew => Retry::Conflict,
            _ => Retry::Reuse,
        }
    }

    fn revoke(&self, token: Bearer, client: Client, now: Timestamp) -> Judgement {
        let gone = || Answer::Ended(Ended::AlreadyGone);
        let (owner, effect) = match token {
            Bearer::Refresh(token) => match self.presented(token, now) {
                Presented::Live(family, _) => {
                    (self.families[family].client, TokenEffect::RevokeFamily { family })
                }
                // What is said to be over here must be over everywhere.
                Presented::Over(session, _) => return Judgement::of(gone(), Effect::End { session }),
                Presented::BadToken | Presented::Absent | Presented::Revoked => {
                    return Judgement::told(gone());
                }
            },
            Bearer::Access(token) => {
                // What is said to be over here must be over everywhere, too, and stay so.
                let set_back = self.policy.max_clock_regression() + self.policy.touch_every();
                let behind =
                    now.saturating_sub(set_back).min(self.mark).saturating_sub(self.policy.max_skew() * 2);
                let (Ok(access), Shown::Token(number)) = (self.genuine(token, behind), token) else {
                    return Judgement::told(gone());
                };
                if let Err(why) = self.life_of(access, behind) {
                    return over(access, why, gone());
                }
                (access.client, TokenEffect::RevokeAccess { access: number })
            }
        };
        if owner != client {
            return Judgement::told(Answer::OtherClient);
        }
        Judgement::of(Answer::Ended(Ended::Ended), effect.into())
    }

    fn issued(&self, session: usize, scope: Scopes, has_refresh: bool) -> Option<Answer> {
        let record = &self.sessions[session];
        let (account, ends) = (record.account_id?, record.idle_end());
        Some(Answer::Issued(Grant { account, session: record.id, scope: scope.text(), ends, has_refresh }))
    }

    fn presented(&self, token: Shown, now: Timestamp) -> Presented {
        let (Shown::Token(number) | Shown::WrongProof(number)) = token else { return Presented::BadToken };
        let RefreshToken { family, generation, .. } = self.refresh_tokens[number];
        let record = &self.families[family];
        let session = &self.sessions[record.session];
        match session.over(now) {
            _ if !session.is_there => Presented::Absent,
            // After all families of a session were ended, their numbers are given again.
            _ if !record.is_there && self.has_family(session, record.number) => Presented::BadToken,
            _ if !record.is_there => Presented::Absent,
            _ if matches!(token, Shown::WrongProof(_)) => Presented::BadToken,
            Some(gone @ (Gone::Idle | Gone::Expired)) => Presented::Over(record.session, gone),
            Some(_) => Presented::Revoked,
            None if !self.is_current(session.account, record.moment) => Presented::Revoked,
            None => Presented::Live(family, generation),
        }
    }

    fn has_family(&self, session: &Session, number: u32) -> bool {
        session.grants.families.iter().any(|family| self.families[*family].number == number)
    }

    /// The session of a refresh token that opens it.
    pub(super) fn session_refreshed(&self, token: Shown, now: Timestamp) -> Option<usize> {
        match self.presented(token, now) {
            Presented::Live(family, _) => Some(self.families[family].session),
            Presented::BadToken | Presented::Absent | Presented::Over(..) | Presented::Revoked => None,
        }
    }

    /// An access token whose key and time are good.
    fn genuine(&self, token: Shown, now: Timestamp) -> Result<&AccessToken, Flaw> {
        let Shown::Token(number) = token else { return Err(Flaw::Forged) };
        let access = &self.access_tokens[number];
        if !self.accepts_key(&access.key, now) {
            return Err(Flaw::Key);
        }
        let is_over = now >= access.ends.saturating_add(self.policy.tokens().leeway);
        if is_over { Err(Flaw::Expired) } else { Ok(access) }
    }

    fn life_of(&self, access: &AccessToken, now: Timestamp) -> Result<(), Gone> {
        let session = &self.sessions[access.session];
        if !session.is_there {
            return Err(Gone::Ended);
        }
        if let Some(gone) = session.over(now) {
            return Err(gone);
        }
        let has_family = access.family.is_none_or(|family| self.families[family].is_there);
        let is_current = self.is_current(session.account, access.moment);
        if is_current && has_family && !access.is_revoked { Ok(()) } else { Err(Gone::Revoked) }
    }

    /// Whether nothing that ends what was granted at this moment came later.
    pub(super) fn is_current(&self, account: Option<usize>, moment: usize) -> bool {
        let ended = account.map_or(0, |account| self.accounts[account].ended);
        ended.max(self.ended).max(self.tokens_ended) <= moment
    }

    fn seen(&self, access: &AccessToken) -> Seen {
        let session = &self.sessions[access.session];
        let account = session.account.map(|account| self.accounts[account].id);
        Seen {
            token: access.id,
            account: account.expect("nobody's session has no tokens"),
            session: session.id,
            client: access.client.text(),
            audience: access.audience.texts().map(str::to_owned).collect(),
            scope: access.scope.text(),
            ends: access.ends,
        }
    }
}

impl From<TokenEffect> for Effect {
    fn from(effect: TokenEffect) -> Self {
        Self::Token(effect)
    }
}

/// What is said of one that is not alive: a session that is seen over by its own time goes for good.
fn over(access: &AccessToken, gone: Gone, answer: Answer) -> Judgement {
    match gone {
        Gone::Idle | Gone::Expired => Judgement::of(answer, Effect::End { session: access.session }),
        _ => Judgement::told(answer),
    }
}

pub(crate) fn seconds(moment: Timestamp) -> i64 {
    moment.as_millis().div_euclid(1000)
}
