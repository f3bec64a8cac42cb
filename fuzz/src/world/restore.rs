//! A backup of the store, and what it is to restore it: everything that happened since has not, but clients remember.
//!
//! Nothing is under way across it, and before anybody is let in the host calls `after_restore`: from then on every token of
//! before is dead, whether the backup knows it or not.

use std::collections::BTreeMap;
use std::mem;

use doorward_core::id::DeviceId;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::introspect::Introspect;
use doorward_core::record::{Key, Row};

use super::World;
use crate::action::Action;
use crate::answer::Answer;
use crate::model::Model;
use crate::violation::{Violation, ensure};

/// Everything as it was when the backup was made.
pub(super) struct Backup {
    rows: BTreeMap<Key, Row>,
    model: Model,
}

/// A token that the restored store has never heard of, in the hands of a client.
pub(super) enum Orphan {
    Session(String),
    Refresh(String),
    Access(Stray),
}

/// An access token, for whom it was, and since when everybody knows that it is dead, on the clock that nobody sets.
#[derive(Clone)]
pub(super) struct Stray {
    pub(super) text: String,
    pub(super) audience: String,
    pub(super) dead: u64,
}

impl World {
    /// Makes a backup, where the store is of a kind that can.
    pub(super) fn back_up(&mut self) -> Result<(), Violation> {
        let Some(place) = self.shelf.clone() else { return Ok(()) };
        self.shut();
        place.borrow_mut().back_up().map_err(|error| Violation::new(27, error.to_string()))?;
        self.reopen()?;
        self.backup = Some(Box::new(Backup { rows: self.rows.clone(), model: self.model.clone() }));
        Ok(())
    }

    /// Everything stops, the store is as it was when the backup was made, and the host says so to an engine. Whoever watches
    /// the journal from elsewhere may go on as if nothing had been.
    pub(super) fn restore(&mut self, watcher_lives: bool) -> Result<(), Violation> {
        let (Some(place), Some(backup)) = (self.shelf.clone(), self.backup.take()) else { return Ok(()) };
        self.tasks.clear();
        self.flights.clear();
        self.relaxed.clear();
        if watcher_lives {
            self.watch_across_restore();
        } else {
            self.drop_watcher();
        }
        self.shut();
        let restored = place.borrow_mut().restore().map_err(|error| Violation::new(27, error.to_string()))?;
        ensure(restored, 27, || "a backup is gone".to_owned())?;
        self.reopen()?;
        self.go_back(&backup);
        (0..self.engines.len()).try_for_each(|engine| self.restart(engine))?;
        let label = u32::MAX / 2 - u32::try_from(self.tick).unwrap_or(0);
        self.launch(0, label, Action::AfterRestore, u64::from(label));
        self.bring_to_its_end(label)?;
        for orphan in &mut self.orphans {
            if let Orphan::Access(stray) = orphan {
                stray.dead = stray.dead.min(self.elapsed);
            }
        }
        self.backup = Some(backup);
        self.probe_orphans()
    }

    /// What is known is what the backup knows. But what was drawn once is never drawn again, and what clients hold they hold.
    fn go_back(&mut self, backup: &Backup) {
        let now = mem::replace(&mut self.model, backup.model.clone());
        self.rows.clone_from(&backup.rows);
        let known = &mut self.model;
        known.drawn = now.drawn;
        known.once_keys = now.once_keys;
        let (tokens, refresh, access) =
            (known.tokens.len(), known.refresh_tokens.len(), known.access_tokens.len());
        let orphans = &mut self.orphans;
        orphans.extend(now.tokens.into_iter().skip(tokens).map(|token| Orphan::Session(token.text)));
        let refreshing = now.refresh_tokens.into_iter().skip(refresh);
        orphans.extend(refreshing.map(|token| Orphan::Refresh(token.text)));
        orphans.extend(now.access_tokens.into_iter().skip(access).map(|token| {
            let audience = token.audience.texts().next().unwrap_or_default().to_owned();
            Orphan::Access(Stray { text: token.text, audience, dead: u64::MAX })
        }));
        let accounts = known.accounts.len();
        let is_known =
            |device: &DeviceId| known.accounts.iter().any(|account| account.once_known.contains(device));
        self.wallet.retain(|(_, token)| *token < tokens);
        self.devices.retain(|(_, device, _)| is_known(device));
        self.rehashes.retain(|(_, _, account, _)| *account < accounts);
        self.purse.go_back(refresh, access);
    }

    /// INVARIANT 44: what the backup does not know opens nothing either.
    pub(super) fn probe_orphans(&mut self) -> Result<(), Violation> {
        let latest = mem::take(&mut self.orphans);
        let outcome = latest.iter().rev().take(SAMPLE).try_for_each(|orphan| {
            let told = match orphan {
                Orphan::Session(text) => self.ask(Authenticate::new(text), 0)?,
                Orphan::Refresh(text) => self.ask(Introspect::new(text), 0)?,
                Orphan::Access(stray) => self.ask(Introspect::new(&stray.text), 0)?,
            };
            ensure(!told.as_ref().is_some_and(Answer::opens), 44, || {
                format!("a token from before the restored backup is told {told:?}")
            })
        });
        self.orphans = latest;
        outcome
    }
}

/// How many of them are tried at a time.
const SAMPLE: usize = 48;
