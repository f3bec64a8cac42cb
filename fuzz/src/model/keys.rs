//! The keys that sign access tokens: which there are, and what a rotation makes of them.

use doorward_core::model::keyring::KeyringRecord;
use doorward_core::record::{Key, Row};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::Algorithm;

use super::Model;
use super::land::Landing;
use crate::action::Rotate;
use crate::violation::{Violation, ensure};

/// A key, of those in the keyring, which sign in this order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SigningKey {
    pub(crate) name: String,
    /// From when on it signs.
    pub(crate) from: Timestamp,
}

/// What a rotation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rotation {
    /// Another key, which signs from then on.
    New(Timestamp),
    /// The key that is to come signs now.
    Forward,
}

impl Rotation {
    pub(super) fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::New(from) => from,
            Self::Forward => now,
        }
    }
}

impl Model {
    pub(super) fn rotation(&self, how: Rotate, now: Timestamp) -> Option<Rotation> {
        let tokens = self.policy.tokens();
        let newest = self.keys.last().map_or(now, |key| key.from);
        // One of a time that was never to come, by a clock that was wrong, is to make room.
        let soon = now.saturating_add(tokens.overlap).saturating_add(self.policy.max_skew());
        let active = self.keys.iter().rfind(|key| key.from <= now).or(self.keys.first());
        let active = active.map_or(now, |key| key.from);
        let is_due = now < active || now.since(active) >= tokens.rotate_every.saturating_sub(tokens.overlap);
        match how {
            Rotate::AtOnce if newest > now => Some(Rotation::Forward),
            Rotate::WhenDue | Rotate::Orderly if newest > now && newest <= soon => None,
            Rotate::WhenDue if !is_due => None,
            Rotate::WhenDue | Rotate::Orderly => Some(Rotation::New(now.saturating_add(tokens.overlap))),
            Rotate::AtOnce => Some(Rotation::New(now)),
        }
    }

    /// A token made under it is looked at: it is in the keyring, and has not been out of use for too long.
    pub(super) fn accepts_key(&self, name: &str, now: Timestamp) -> bool {
        let at = self.keys.iter().position(|key| key.name == name);
        at.is_some_and(|at| !self.is_gone(at, now))
    }

    pub(super) fn public_keys(&self, now: Timestamp) -> Vec<String> {
        let all = (0..self.keys.len()).filter(|at| !self.is_gone(*at, now));
        let is_secret = self.policy.tokens().algorithm == Algorithm::Hs256;
        all.filter(|_| !is_secret).map(|at| self.keys[at].name.clone()).collect()
    }

    /// What it signed last is dead for every clock.
    fn is_gone(&self, at: usize, now: Timestamp) -> bool {
        let is_to_come = at > 0 && self.keys[at].from > now;
        let successor = self.keys.get(at + 1).map(|key| key.from).filter(|_| !is_to_come);
        successor.is_some_and(|from| now >= self.access_dies_at(from))
    }

    pub(super) fn access_dies_at(&self, moment: Timestamp) -> Timestamp {
        let tokens = self.policy.tokens();
        moment.saturating_add(tokens.lifetime).saturating_add(tokens.leeway + self.policy.max_skew() * 2)
    }

    pub(super) fn rotate(&mut self, rotation: Rotation, landing: &Landing<'_>) -> Result<(), Violation> {
        match rotation {
            Rotation::Forward => {
                if let Some(newest) = self.keys.last_mut() {
                    newest.from = landing.at;
                }
                Ok(())
            }
            Rotation::New(from) => {
                let is_to_come = |at: usize| at > 0 && self.keys[at].from > landing.at;
                let kept = (0..self.keys.len()).filter(|at| !self.is_gone(*at, landing.at));
                let kept = kept.filter(|at| !is_to_come(*at));
                self.keys = kept.map(|at| self.keys[at].clone()).collect();
                self.new_key(from, landing)
            }
        }
    }

    /// All others are gone.
    pub(super) fn replace_keys(&mut self, landing: &Landing<'_>) -> Result<(), Violation> {
        self.keys.clear();
        self.new_key(landing.at, landing)
    }

    fn new_key(&mut self, from: Timestamp, landing: &Landing<'_>) -> Result<(), Violation> {
        let record = landing.rows.get(&Key::Keyring).and_then(|row| row.keyring().ok());
        let newest = record.and_then(|record| record.signing.last());
        let newest = newest.ok_or_else(|| Violation::new(36, "a rotation left no key"))?;
        ensure(self.once_keys.insert(newest.kid.clone()), 36, || "a key is back, or stays".to_owned())?;
        self.draw(newest.salt)?;
        self.keys.push(SigningKey { name: newest.kid.clone(), from });
        Ok(())
    }

    pub(super) fn are_keys(&self, record: &KeyringRecord) -> bool {
        let found = record.signing.iter().map(|entry| (&entry.kid, entry.active_from));
        found.eq(self.keys.iter().map(|key| (&key.name, key.from)))
    }

    /// As they are in the keyring: at its making, and after a power cut.
    pub(crate) fn read_keys(&mut self, keyring: &Row) {
        let Ok(record) = keyring.keyring() else { return };
        let key = |entry: &doorward_core::model::signing::SigningEntry| SigningKey {
            name: entry.kid.clone(),
            from: entry.active_from,
        };
        self.keys = record.signing.iter().map(key).collect();
        self.once_keys.extend(self.keys.iter().map(|key| key.name.clone()));
    }
}
