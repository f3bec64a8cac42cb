//! The known devices of an account in a guess at its password: which of them is presented, and what a success does to
//! them. What they have failed is counted beside all other failures, in the attempts row.

use alloc::vec::Vec;
use core::time::Duration;

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::{AccountId, DeviceId};
use crate::machine::{Context, Writes};
use crate::model::device::{DevicesRecord, KnownDevice};
use crate::planted::Planted;
use crate::record::{Key, RecordError, Row};
use crate::token::opaque::{self, Claim, DeviceToken};

/// The devices of an account that are known now.
pub(super) struct Devices {
    account: AccountId,
    known: Vec<KnownDevice>,
    presented: Option<DeviceId>,
    /// Whether the token that was presented is as a new one would be.
    is_current: bool,
}

impl Devices {
    /// Of this account, of which one may be presented; `None` when a row is not read. A claim that names none of them,
    /// was not made for it, or comes too late, presents nothing.
    pub(super) fn of(
        account: AccountId,
        claim: Option<&Claim<'_>>,
        facts: &Facts,
        cx: &Context<'_>,
    ) -> Result<Option<Self>, Fault> {
        let (devices, account_key) = (Key::Devices(account), Key::Account(account));
        let Some([row, account_row, keyring]) = facts.rows([&devices, &account_key, &Key::Keyring]) else {
            return Ok(None);
        };
        let keyring = keyring.ok_or(RecordError::NoKeyring)?;
        let record = row.filter(|row| row.owner == Some(account)).map(Row::devices).transpose()?;
        let stored = record.map_or(&[][..], |record| &record.devices);
        let is_meant = |claim: &Claim<'_>, device: &KnownDevice| {
            claim.account == Some(account) && claim.device() == device.id && claim.proven_by(&device.salt)
        };
        // The proof comes first: nothing that follows may be told to who did not receive the token.
        let presented = claim.and_then(|claim| stored.iter().find(|device| is_meant(claim, device)));
        let is_known = |device: &&KnownDevice| {
            let ignores_epochs = cx.policy.has(Planted::DeviceEpochsIgnored);
            let is_live = |account_row| device.is_live(account_row, keyring, cx.now) || ignores_epochs;
            cx.policy.devices().per_account > 0 && account_row.is_some_and(is_live)
        };
        let presented = presented.filter(is_known).map(|device| device.id);
        let is_current = claim.is_some_and(|claim| claim.is_of_active_key(cx.keys));
        let known = stored.iter().filter(is_known).cloned().collect();
        Ok(Some(Self { account, known, presented, is_current }))
    }

    /// The one that the guess comes from.
    pub(super) fn presented(&self) -> Option<DeviceId> {
        self.presented
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether it is known and not the one that the guess comes from.
    pub(super) fn is_another(&self, device: DeviceId) -> bool {
        self.presented != Some(device) && self.known.iter().any(|known| known.id == device)
    }

    /// The password was shown from the presented device: it is known for its whole lifetime from now. Written down
    /// once a day at most, so that daily logins do not meet in this row.
    pub(super) fn seen(mut self, writes: Writes, cx: &Context<'_>) -> Writes {
        let lifetime = cx.policy.devices().lifetime;
        let expires = cx.now.saturating_add(lifetime);
        let presented = self.presented;
        match self.known.iter_mut().find(|device| presented == Some(device.id)) {
            Some(device) if expires.since(device.expires) >= A_DAY.min(lifetime / 2) => {
                device.expires = expires;
                self.put(writes)
            }
            _ => writes,
        }
    }

    /// A further device, under these epochs of account and keyring, unless a known one is presented: that has a new token
    /// when the one it has is of a master key that is about to go. Where the list is full, a further one takes the place
    /// of the one that expires first.
    pub(super) fn remember(
        mut self,
        (account_epoch, global_epoch): (u64, u64),
        writes: Writes,
        cx: &Context<'_>,
    ) -> (Writes, Option<DeviceToken>) {
        let policy = cx.policy.devices();
        let most = usize::try_from(policy.per_account).unwrap_or(usize::MAX);
        if let Some(device) = self.known.iter().find(|device| self.presented == Some(device.id)) {
            let mint = || opaque::mint_device(cx.keys, self.account, device.id, &device.salt);
            return (writes, (!self.is_current).then(mint));
        }
        if most == 0 {
            return (writes, None);
        }
        while self.known.len() >= most
            && let Some((at, _)) = self.known.iter().enumerate().min_by_key(|(_, device)| device.expires)
        {
            self.known.remove(at);
        }
        let device = KnownDevice {
            id: DeviceId::from_bytes(cx.bytes("device")),
            salt: cx.bytes("device salt"),
            account_epoch,
            global_epoch,
            expires: cx.now.saturating_add(policy.lifetime),
        };
        let token = opaque::mint_device(cx.keys, self.account, device.id, &device.salt);
        self.known.push(device);
        (self.put(writes), Some(token))
    }

    fn put(self, writes: Writes) -> Writes {
        let expires = self.known.iter().map(|device| device.expires).max();
        let record = DevicesRecord { devices: self.known };
        writes.put(Key::Devices(self.account), Some(self.account), expires, record)
    }
}

const A_DAY: Duration = Duration::from_hours(24);
