//! Tokens: what a request about them means as things stand, and what a client then has.

use doorward_core::operation::introspect::Introspect;
use doorward_core::operation::issue::{Issue, Issued};
use doorward_core::operation::jwks::Jwks;
use doorward_core::operation::refresh::Refresh;
use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward_core::operation::revoke_token::RevokeToken;
use doorward_core::operation::rotate_keys::RotateKeys;
use doorward_core::operation::verify::{Proven, Verify};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::Compact;

use doorward_ffi_host::Call;

use super::World;
use super::engines::At;
use super::start::{PROOF, with_another_character};
use crate::action::{AccessPick, AnyPick, Pick, RefreshPick, Rotate, TokenAction, TokenForgery};
use crate::answer::{Grant, Machinery};
use crate::model::judge::{Intent, Shown};
use crate::model::terms::{Audiences, Client, Scopes};
use crate::model::token::{AccessToken, Bearer, RefreshToken, Request, Terms, seconds};
use crate::task::Task;
use crate::violation::{Violation, ensure};

/// The tokens that reached a client, each with the operation that gave it.
#[derive(Clone, Default)]
pub(super) struct Purse {
    refresh: Vec<(u32, usize)>,
    access: Vec<(u32, usize)>,
    /// What services remember of access tokens.
    proven: Vec<(usize, Proven)>,
}

impl Purse {
    /// There are only so many of each, as a restored backup has them.
    pub(super) fn go_back(&mut self, refresh: usize, access: usize) {
        self.refresh.retain(|(_, number)| *number < refresh);
        self.access.retain(|(_, number)| *number < access);
        self.proven.retain(|(number, _)| *number < access);
    }
}

impl World {
    /// The request's meaning, and its machine.
    #[allow(clippy::too_many_lines, reason = "an arm for each operation, and no more")]
    pub(super) fn meaning_of_token(&self, action: TokenAction, at: &At) -> (Intent, Box<dyn Machinery>) {
        let (request, machine) = match action {
            TokenAction::Issue { token, client, audience, scope, with_refresh } => {
                let (token, text) = self.shown(self.lively(token));
                let (client, audience) = (Client::numbered(client), Audiences::numbered(audience));
                // Mostly less than the session was granted.
                let scope = scope.map(|noise| match self.scope_of(token) {
                    Some(granted) if noise < 200 => Scopes::numbered(noise).within(granted),
                    _ => Scopes::numbered(noise),
                });
                let mut texts = audience.texts();
                let mut operation = Issue::new(&text, &client.text(), texts.next().unwrap_or_default());
                operation = texts.fold(operation, Issue::audience);
                operation = scope.into_iter().fold(operation, |issue, scope| issue.scope(scope.scope()));
                if with_refresh {
                    operation = operation.with_refresh();
                }
                let audiences: Vec<String> = audience.texts().map(str::to_owned).collect();
                let (first, others) = audiences.split_first().expect("a set of audiences is never empty");
                let words = scope.map(Scopes::text);
                let call = Call::Issue {
                    token: &text,
                    client: &client.text(),
                    audience: first,
                    audiences: others,
                    scope: words.as_deref(),
                    claims: None,
                    refresh: with_refresh,
                };
                let terms = Terms { client, audience, scope };
                (Request::Issue { token, terms, with_refresh }, at.run(operation, &call))
            }
            TokenAction::Refresh { token, is_other_client, audience, scope } => {
                let (token, text) = self.shown_refresh(token);
                let client = self.client_of(Bearer::Refresh(token), is_other_client);
                let audience = audience.map(Audiences::numbered);
                let scope = scope.map(Scopes::numbered);
                let mut operation = Refresh::new(&text, &client.text());
                operation = scope.into_iter().fold(operation, |refresh, scope| refresh.scope(scope.scope()));
                let texts = audience.into_iter().flat_map(Audiences::texts);
                operation = texts.fold(operation, Refresh::audience);
                let request = Request::Refresh { token, client, audience, scope };
                let words = scope.map(Scopes::text);
                let texts = audience.into_iter().flat_map(Audiences::texts);
                let audiences: Vec<String> = texts.map(str::to_owned).collect();
                let (client, scope) = (&client.text(), words.as_deref());
                let call = Call::Refresh { token: &text, client, scope, audiences: &audiences, claims: None };
                (request, at.run(operation, &call))
            }
            TokenAction::Verify { token, is_other_audience, remembers } => {
                let (number, token, text) = self.shown_access(token);
                let audience = number.map_or(Audiences::numbered(0), |number| {
                    self.model.access_tokens[number].audience.one(is_other_audience)
                });
                let mut operation = Verify::new(&text, audience.texts().next().unwrap_or_default());
                // Of this token, or by mistake of another.
                let own = self.purse.proven.iter().rev().find(|(one, _)| Some(*one) == number);
                // A context remembers by itself, and so never here.
                if let (true, Some((_, proven))) =
                    (remembers && at.remembers(), own.or(self.purse.proven.last()))
                {
                    operation = operation.remembering(proven.clone());
                }
                let call =
                    Call::Verify { token: &text, audience: audience.texts().next().unwrap_or_default() };
                (Request::Verify { token, audience }, at.run(operation, &call))
            }
            TokenAction::Introspect { token, audience } => {
                let (token, text) = self.shown_any(token);
                let audience = audience.map(|noise| Audiences::numbered(noise).one(false));
                let operation = Introspect::new(&text);
                let texts = audience.into_iter().flat_map(Audiences::texts);
                let operation = texts.fold(operation, Introspect::audience);
                let asks = audience.and_then(|audience| audience.texts().next());
                let call = Call::Introspect { token: &text, audience: asks };
                (Request::Introspect { token, audience }, at.run(operation, &call))
            }
            TokenAction::Revoke { token, is_other_client } => {
                let (token, text) = self.shown_any(token);
                let client = self.client_of(token, is_other_client);
                let operation = RevokeToken::new(&text, &client.text());
                let call = Call::RevokeToken { token: &text, client: &client.text() };
                (Request::Revoke { token, client }, at.run(operation, &call))
            }
            TokenAction::RotateKeys(how) => {
                let (operation, when) = match how {
                    Rotate::Orderly => (RotateKeys::new(), 0),
                    Rotate::AtOnce => (RotateKeys::at_once(), 1),
                    Rotate::WhenDue => (RotateKeys::when_due(), 2),
                };
                (Request::RotateKeys(how), at.run(operation, &Call::RotateKeys { when }))
            }
            TokenAction::RevokeAll { and_sessions } => {
                let all = RevokeAllTokens::new();
                let operation = if and_sessions { all.and_sessions() } else { all };
                let call = Call::RevokeAllTokens { and_sessions };
                (Request::RevokeAll { and_sessions }, at.run(operation, &call))
            }
            TokenAction::Jwks => (Request::Jwks, at.run(Jwks::new(), &Call::Jwks)),
        };
        (Intent::Token(request), machine)
    }

    /// Mostly a session that is there, so that something is granted.
    fn lively(&self, pick: Pick) -> Pick {
        let is_there = |(_, token): &&(u32, usize)| {
            let session = &self.model.sessions[self.model.tokens[*token].session];
            session.is_there && !session.is_revoked && session.account.is_some()
        };
        let latest = self.wallet.iter().rev().take(8).filter(is_there).nth(usize::from(pick.of % 8 > 5));
        let latest = latest.filter(|_| !pick.of.is_multiple_of(4));
        Pick { of: latest.map_or(pick.of, |(label, _)| *label), ..pick }
    }

    /// The same of a family, one of two that were used last, so that several clients use it at once.
    fn lively_family(&self, pick: RefreshPick) -> RefreshPick {
        let is_there = |(_, token): &&(u32, usize)| {
            let family = &self.model.families[self.model.refresh_tokens[*token].family];
            family.is_there && !self.model.sessions[family.session].is_revoked
        };
        let latest =
            self.purse.refresh.iter().rev().take(16).filter(is_there).nth(usize::from(pick.of % 8 > 5));
        let latest = latest.filter(|_| !pick.of.is_multiple_of(4));
        RefreshPick { of: latest.map_or(pick.of, |(label, _)| *label), ..pick }
    }

    fn scope_of(&self, token: Shown) -> Option<Scopes> {
        let (Shown::Token(number) | Shown::WrongProof(number)) = token else { return None };
        Some(self.model.sessions[self.model.tokens[number].session].scope)
    }

    fn client_of(&self, token: Bearer, is_other: bool) -> Client {
        let own = match token {
            Bearer::Refresh(Shown::Token(number) | Shown::WrongProof(number)) => {
                self.model.families[self.model.refresh_tokens[number].family].client
            }
            Bearer::Access(Shown::Token(number) | Shown::WrongProof(number)) => {
                self.model.access_tokens[number].client
            }
            Bearer::Refresh(_) | Bearer::Access(_) => Client::numbered(0),
        };
        if is_other { own.next() } else { own }
    }

    fn shown_any(&self, pick: AnyPick) -> (Bearer, String) {
        match pick {
            AnyPick::Refresh(pick) => {
                let (shown, text) = self.shown_refresh(pick);
                (Bearer::Refresh(shown), text)
            }
            AnyPick::Access(pick) => {
                let (_, shown, text) = self.shown_access(pick);
                (Bearer::Access(shown), text)
            }
        }
    }

    fn shown_refresh(&self, pick: RefreshPick) -> (Shown, String) {
        let pick = self.lively_family(pick);
        let tokens = &self.model.refresh_tokens;
        let Some(number) = given_by(&self.purse.refresh, pick.of) else {
            return (Shown::Garbage, "dwr_none".to_owned());
        };
        let family = tokens[number].family;
        let mut known: Vec<usize> = self.purse.refresh.iter().map(|(_, number)| *number).collect();
        known.retain(|number| tokens[*number].family == family);
        known.sort_unstable_by_key(|number| tokens[*number].generation);
        let number = known[(known.len() - 1).saturating_sub(pick.back.into())];
        let text = tokens[number].text.clone();
        let garbage = |text| (Shown::Garbage, text);
        match pick.forgery {
            TokenForgery::None => (Shown::Token(number), text),
            TokenForgery::Proof(noise) => {
                let at = text.len() - 1 - usize::from(noise) % PROOF;
                (Shown::WrongProof(number), with_another_character(&text, at))
            }
            TokenForgery::Field(noise) => {
                let at = 4 + usize::from(noise) % (text.len() - PROOF - 5);
                garbage(with_another_character(&text, at))
            }
            TokenForgery::Spliced(of) => {
                let other = &tokens[given_by(&self.purse.refresh, of).unwrap_or(number)].text;
                let spliced = format!("{}{}", &other[..64], &text[64..]);
                if spliced == text { (Shown::Token(number), text) } else { garbage(spliced) }
            }
            TokenForgery::Kind(noise) => (Shown::OtherKind, self.other_kind(noise, &text)),
            TokenForgery::Cut(noise) => garbage(text[..usize::from(noise) % text.len()].to_owned()),
        }
    }

    /// And of which access token it was made.
    pub(super) fn shown_access(&self, pick: AccessPick) -> (Option<usize>, Shown, String) {
        let tokens = &self.model.access_tokens;
        let Some(number) = given_by(&self.purse.access, pick.of) else {
            return (None, Shown::Garbage, "none.at.all".to_owned());
        };
        let text = tokens[number].text.clone();
        let (said, signature) = text.rsplit_once('.').unwrap_or_default();
        let (shown, text) = match pick.forgery {
            TokenForgery::None => (Shown::Token(number), text),
            TokenForgery::Proof(noise) => {
                let at = said.len() + 1 + usize::from(noise) % signature.len();
                (Shown::WrongProof(number), with_another_character(&text, at))
            }
            TokenForgery::Field(noise) => {
                let at = usize::from(noise) * 7 % said.len();
                (Shown::Garbage, with_another_character(&text, at))
            }
            TokenForgery::Spliced(of) => {
                let other = &tokens[given_by(&self.purse.access, of).unwrap_or(number)].text;
                let spliced = format!("{}.{signature}", other.rsplit_once('.').unwrap_or_default().0);
                if spliced == text { (Shown::Token(number), text) } else { (Shown::Garbage, spliced) }
            }
            TokenForgery::Kind(noise) => (Shown::OtherKind, self.other_kind(noise, &text)),
            TokenForgery::Cut(noise) => {
                (Shown::Garbage, text[..usize::from(noise) * 3 % text.len()].to_owned())
            }
        };
        (Some(number), shown, text)
    }

    /// What is neither a refresh token nor an access token, made of what there is.
    fn other_kind(&self, noise: u8, text: &str) -> String {
        let session = self.model.tokens.last().map_or("dws_none", |token| &token.text);
        match noise % 4 {
            0 => session.to_owned(),
            1 => session.replacen("dws_", "dwr_", 1),
            2 => text.replacen("dwr_", "dwd_", 1).replacen("eyJ", "dwr_", 1),
            // {"alg":"none","typ":"at+jwt","kid":"1"}
            _ => {
                let claims = text.split('.').nth(1).unwrap_or("e30");
                format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiMSJ9.{claims}.")
            }
        }
    }

    /// Tokens were made: they are what they should be, and the client has them, unless the reply is lost.
    pub(super) fn give_tokens(
        &mut self,
        task: &Task,
        issued: &Issued,
        is_lost: bool,
    ) -> Result<(), Violation> {
        let text = issued.access.expose().to_owned();
        let key = Compact::parse(&text).map(|compact| compact.kid().to_owned());
        let key = key.map_err(|error| Violation::new(35, format!("no access token was made: {error}")))?;
        let family = task.judged.family;
        let session = self.model.by_id[&issued.session];
        let (client, audience, scope) = self.terms_of(task, family, session);
        self.model.draw(*issued.token.as_bytes())?;
        let policy = &self.model.policy;
        let set_back = policy.max_clock_regression() + policy.touch_every();
        let declared = self.time.saturating_add(policy.max_skew() + set_back);
        let is_from_ahead = self.now(task.engine) > declared;
        let number = self.model.access_tokens.len();
        self.model.access_tokens.push(AccessToken {
            text,
            id: issued.token,
            key,
            session,
            family,
            client,
            audience,
            scope,
            moment: task.judged.moment,
            ends: issued.expires,
            is_revoked: false,
            is_from_ahead,
            given: self.tick,
            dead: None,
        });
        if !is_lost {
            put(&mut self.purse.access, task.label, number);
        }
        let (Some(family), Some(refresh)) = (family, &issued.refresh) else { return Ok(()) };
        let number = self.child(task, family, refresh.expose())?;
        if !is_lost {
            put(&mut self.purse.refresh, task.label, number);
        }
        Ok(())
    }

    /// INVARIANTS 1 and 4: whoever shows the same parent is given the same child.
    fn child(&mut self, task: &Task, family: usize, text: &str) -> Result<usize, Violation> {
        let generation = match &*task.intent {
            Intent::Token(Request::Refresh { token: Shown::Token(parent), .. }) => {
                self.model.refresh_tokens[*parent].generation + 1
            }
            _ => 1,
        };
        let known = |token: &RefreshToken| (token.family, token.generation) == (family, generation);
        if let Some(at) = self.model.refresh_tokens.iter().position(known) {
            let is_same = self.model.refresh_tokens[at].text == text;
            ensure(is_same, 1, || format!("family {family} has two tokens of generation {generation}"))?;
            return Ok(at);
        }
        let is_new = self.model.refresh_tokens.iter().all(|token| token.text != text);
        ensure(is_new, 31, || "a refresh token came again".to_owned())?;
        let (text, given) = (text.to_owned(), self.tick);
        self.model.refresh_tokens.push(RefreshToken { text, family, generation, given, dead: None });
        Ok(self.model.refresh_tokens.len() - 1)
    }

    fn terms_of(&self, task: &Task, family: Option<usize>, session: usize) -> (Client, Audiences, Scopes) {
        match &*task.intent {
            Intent::Token(Request::Issue { terms, .. }) => {
                (terms.client, terms.audience, terms.scope.unwrap_or(self.model.sessions[session].scope))
            }
            Intent::Token(Request::Refresh { client, audience, scope, .. }) => {
                let granted = family.map(|family| &self.model.families[family]);
                let granted = granted.map(|family| (family.audience, family.scope));
                let (audiences, scopes) = granted.unwrap_or((Audiences::numbered(0), Scopes::default()));
                (*client, audience.unwrap_or(audiences), scope.unwrap_or(scopes))
            }
            _ => (Client::numbered(0), Audiences::numbered(0), Scopes::default()),
        }
    }

    pub(super) fn remember(&mut self, intent: &Intent, proven: Proven) {
        if let Intent::Token(Request::Verify { token: Shown::Token(number), .. }) = intent {
            self.purse.proven.push((*number, proven));
        }
    }

    /// INVARIANTS 7 and 18: an access token ends after its lifetime, and never after its session.
    pub(super) fn ends_right(&self, task: &Task, told: &Grant, judged: &Grant) -> Result<(), Violation> {
        let lifetime = i64::try_from(self.model.policy.tokens().lifetime.as_secs()).unwrap_or(i64::MAX);
        let begins = task.signed.ok_or_else(|| Violation::new(35, "nothing was signed"))?;
        let ends = seconds(told.ends);
        ensure(ends <= seconds(judged.ends), 7, || {
            format!("an access token ends at {:?}, and its session at {:?}", told.ends, judged.ends)
        })?;
        ensure(ends == (begins + lifetime).min(seconds(judged.ends)) && ends > begins, 18, || {
            format!("an access token of {begins} ends at {:?}", told.ends)
        })
    }
}

/// The session ends within the second in which the token would begin: it is over.
pub(super) fn is_too_late(task: &Task, grant: &Grant, now: Timestamp) -> bool {
    seconds(grant.ends) <= task.signed.unwrap_or(seconds(now))
}

fn given_by(purse: &[(u32, usize)], of: u32) -> Option<usize> {
    purse[..purse.partition_point(|(label, _)| *label <= of)].last().map(|(_, number)| *number)
}

fn put(purse: &mut Vec<(u32, usize)>, label: u32, number: usize) {
    let at = purse.partition_point(|(one, _)| *one <= label);
    purse.insert(at, (label, number));
}
