//! A change of tokens or keys lands: what is true from then on, and whether the rows say the same.

use std::collections::BTreeMap;

use doorward_core::id::GrantId;
use doorward_core::model::grant::GrantsRecord;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Ending, Write};
use doorward_core::time::Timestamp;

use super::land::{Landing, Scope};
use super::token::{Family, Grants, TokenEffect};
use super::verdict::Judgement;
use super::{Model, Session};
use crate::violation::{Violation, ensure};

impl Model {
    pub(super) fn apply_token(
        &mut self,
        effect: &TokenEffect,
        judged: &mut Judgement,
        landing: &Landing<'_>,
        touched: &mut Vec<Key>,
    ) -> Result<Scope, Violation> {
        let keyring = Scope { keyring: true, ..Scope::default() };
        Ok(match *effect {
            TokenEffect::Open { session, terms, scope } => {
                self.be_active(session, landing.at);
                let most = usize::try_from(self.policy.tokens().families).unwrap_or(usize::MAX);
                while self.sessions[session].grants.families.len() >= most {
                    let families = self.sessions[session].grants.families.iter().copied();
                    let rest = |family: &usize| (self.families[*family].rotated, *family);
                    let Some(oldest) = families.min_by_key(rest) else { break };
                    self.end_family(oldest, landing)?;
                }
                let (id, salt) = self.drawn_for_family(session, landing)?;
                let number = self.sessions[session].grants.opened;
                let family = Family {
                    id,
                    salt,
                    session,
                    number,
                    generation: 1,
                    rotated: landing.at,
                    client: terms.client,
                    audience: terms.audience,
                    scope,
                    moment: self.landed,
                    is_there: true,
                };
                judged.family = Some(self.families.len());
                let grants = &mut self.sessions[session].grants;
                (grants.is_there, grants.opened) = (true, number + 1);
                grants.families.push(self.families.len());
                self.families.push(family);
                self.see(session, touched)
            }
            TokenEffect::MoveOn { family } => {
                let record = &mut self.families[family];
                (record.generation, record.rotated) = (record.generation + 1, landing.at);
                let session = record.session;
                self.be_active(session, landing.at);
                self.see(session, touched)
            }
            TokenEffect::RevokeFamily { family } => {
                self.end_family(family, landing)?;
                self.see(self.families[family].session, touched)
            }
            TokenEffect::RevokeAccess { access } => {
                let set_back = self.policy.max_clock_regression() + self.policy.touch_every();
                let wait = self.policy.tokens().leeway + self.policy.max_skew() * 2 + set_back;
                let token = &mut self.access_tokens[access];
                let until = token.ends.saturating_add(wait);
                token.is_revoked = true;
                let (id, session, ends) = (token.id, token.session, token.ends);
                let grants = &mut self.sessions[session].grants;
                // They are forgotten only where there is no more room, which is not tried here.
                grants.revoked.push((id, until));
                grants.is_there = true;
                self.tells(id, ends, landing)?;
                self.see(session, touched)
            }
            TokenEffect::Rotate(rotation) => {
                self.rotate(rotation, landing)?;
                keyring
            }
            TokenEffect::RevokeAll { and_sessions } => {
                self.tokens_ended = self.landed;
                self.replace_keys(landing)?;
                if and_sessions {
                    self.end_everything(touched);
                }
                keyring
            }
        })
    }

    /// Everything of everybody is over.
    pub(super) fn end_everything(&mut self, touched: &mut Vec<Key>) {
        self.ended = self.landed;
        let devices = self.accounts.iter_mut().flat_map(|account| &mut account.devices);
        devices.for_each(|device| device.is_forgotten = true);
        for session in self.sessions.iter_mut().filter(|session| session.is_there) {
            session.is_revoked = true;
            touched.push(Key::Session(session.id));
        }
    }

    /// The keyring was put anew, and not only raised: with another key.
    pub(super) fn keys_after(&mut self, landing: &Landing<'_>) -> Result<(), Violation> {
        let is_put = |write: &Write| matches!(write, Write::Put { key: Key::Keyring, .. });
        if landing.batch.writes.iter().any(is_put) { self.replace_keys(landing) } else { Ok(()) }
    }

    /// What the session has granted is gone, all at once.
    pub(super) fn drop_grants(&mut self, session: usize) {
        for family in std::mem::take(&mut self.sessions[session].grants).families {
            self.families[family].is_there = false;
        }
    }

    /// INVARIANT 10: not while a replay could still be told from an unknown token.
    pub(crate) fn purged_grants(&mut self, session: usize, until: Timestamp) -> Result<(), Violation> {
        self.drop_grants(session);
        let is_over = self.sessions[session].absolute_end <= until;
        ensure(is_over, 10, || "a purge took what a live session has granted".to_owned())
    }

    fn be_active(&mut self, session: usize, at: Timestamp) {
        if self.sessions[session].is_due(at, &self.policy) {
            self.sessions[session].last_seen = at;
        }
    }

    fn end_family(&mut self, family: usize, landing: &Landing<'_>) -> Result<(), Violation> {
        let Family { id, session, .. } = self.families[family];
        self.families[family].is_there = false;
        self.sessions[session].grants.families.retain(|one| *one != family);
        let tokens = self.access_tokens.iter().filter(|token| token.family == Some(family));
        let ends = tokens.map(|token| token.ends).max().unwrap_or(landing.at);
        self.tells(id, ends, landing)
    }

    /// Whoever watches the journal hears of it, for as long as he could accept a token of it.
    fn tells(&self, id: GrantId, ends: Timestamp, landing: &Landing<'_>) -> Result<(), Violation> {
        let dies = ends.saturating_add(self.policy.tokens().leeway);
        let is_it = |ending: &Ending| matches!(ending, Ending::Grant { grant, until } if *grant == id && *until >= dies);
        ensure(landing.batch.journal.iter().any(is_it), 5, || {
            "a grant ended, and the journal is silent".to_owned()
        })
    }

    fn drawn_for_family(
        &mut self,
        session: usize,
        landing: &Landing<'_>,
    ) -> Result<(GrantId, [u8; 16]), Violation> {
        let row = landing.rows.get(&Key::Grants(self.sessions[session].id));
        let record = row.and_then(|row| row.grants().ok()).and_then(|record| record.families.last());
        let family = record.ok_or_else(|| Violation::new(25, "a refresh token without a family"))?;
        let (id, salt) = (family.id, family.salt);
        ensure(salt != *id.as_bytes(), 42, || "the key and an id make its token".to_owned())?;
        self.draw(*id.as_bytes())?;
        self.draw(salt)?;
        Ok((id, salt))
    }

    pub(super) fn compare_grants(
        &self,
        session: &Session,
        row: &Row,
        record: &GrantsRecord,
        rows: &BTreeMap<Key, Row>,
    ) -> Result<(), Violation> {
        let Grants { opened, families, revoked, .. } = &session.grants;
        let is = |holds, invariant, what: &str| {
            ensure(holds, invariant, || format!("{what}: {record:?} instead of {:?}", session.grants))
        };
        is(row.owner == session.account_id, 29, "it is granted to somebody else")?;
        is(row.expires >= Some(session.absolute_end), 10, "a purge would forget what was granted")?;
        is(record.opened == *opened, 2, "families are miscounted")?;
        is(record.families.len() == families.len(), 5, "other families live")?;
        let is_revoked = record.revoked.iter().map(|one| (one.id, one.until)).eq(revoked.iter().copied());
        is(is_revoked, 5, "other tokens are revoked")?;
        let epoch = |key| rows.get(&key).map(|row: &Row| row.epoch);
        let tokens = rows.get(&Key::Keyring).and_then(|row| row.keyring().ok()).map(|ring| ring.token_epoch);
        let account = session.account_id.and_then(|id| epoch(Key::Account(id)));
        for (found, family) in record.families.iter().zip(families.iter().map(|one| &self.families[*one])) {
            let is_it = (found.id, found.number, found.salt) == (family.id, family.number, family.salt);
            is(is_it, 2, "another family")?;
            is(found.generation == family.generation, 1, "a refresh token has another child")?;
            is(found.rotated == family.rotated, 4, "the grace is another")?;
            is(family.client.is(&found.client), 8, "it is another client's")?;
            is(family.audience.are(&found.audience), 8, "it is for others")?;
            is(found.scope == family.scope.scope(), 8, "it allows something else")?;
            let epochs = (Some(found.epochs.account), Some(found.epochs.global), Some(found.epochs.tokens));
            let is_current = epochs == (account, epoch(Key::Keyring), tokens);
            let is_alive = self.is_current(session.account, family.moment) && !session.is_revoked;
            is(is_current || !is_alive, 13, "a family was granted dead")?;
            is(!is_current || is_alive, 12, "a family outlived the ending of all")?;
        }
        Ok(())
    }
}
