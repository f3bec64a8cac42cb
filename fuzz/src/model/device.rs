//! Known devices, and what failures become: see the tables of `doorward_core::model::{device, throttle}`.

use std::time::Duration;

use doorward_core::id::DeviceId;
use doorward_core::policy::Policy;
use doorward_core::time::Timestamp;

use super::Account;

/// A device that became known; it stays on the list until the list is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) expires: Timestamp,
    /// Whether everything of its account, or of the store, was ended since.
    pub(crate) is_forgotten: bool,
}

/// Where a guess by name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct Origin {
    /// A known device of the account.
    pub(crate) device: Option<DeviceId>,
    /// Whether that has tries left, so that no wait on the name holds it up.
    pub(crate) has_tries: bool,
}

impl Device {
    pub(crate) fn is_known(&self, now: Timestamp) -> bool {
        !self.is_forgotten && now < self.expires
    }
}

impl Account {
    /// How a guess with this device's token is met.
    pub(crate) fn origin(&self, device: Option<DeviceId>, now: Timestamp, policy: &Policy) -> Origin {
        let is_known = |id: &DeviceId| self.devices.iter().any(|one| one.id == *id && one.is_known(now));
        let device = device.filter(is_known);
        let is_below =
            |id| self.held(id) < policy.devices().tries && self.failures < policy.throttle().off_at;
        Origin { device, has_tries: device.is_some_and(is_below) }
    }

    /// Whether guesses from there are off: the last tries are kept for known devices.
    pub(crate) fn is_off(&self, origin: Option<Origin>, now: Timestamp, policy: &Policy) -> bool {
        let is_anybodys = origin.is_some_and(|origin| !origin.has_tries);
        let is_kept = is_anybodys && self.devices.iter().any(|device| device.is_known(now));
        let kept = if is_kept { policy.devices().tries } else { 0 };
        self.failures >= policy.throttle().off_at - kept
    }

    /// A failure from there, which is decided: counted for the device, too, that has tries left.
    pub(crate) fn failed(&mut self, origin: Origin) {
        self.failures += 1;
        if let (Some(device), true) = (origin.device, origin.has_tries) {
            *self.held.entry(device).or_default() += 1;
        }
    }

    /// A success takes off what its own subject has brought on.
    pub(crate) fn forgive(&mut self, origin: Origin, now: Timestamp) {
        if let (Some(device), true) = (origin.device, origin.has_tries) {
            self.failures -= self.held.remove(&device).unwrap_or_default();
        } else {
            let (devices, own) = (&self.devices, origin.device);
            let is_others = |id: &DeviceId| {
                Some(*id) != own && devices.iter().any(|device| device.id == *id && device.is_known(now))
            };
            self.held.retain(|id, _| is_others(id));
            self.failures = self.held.values().sum();
        }
    }

    /// The password was shown from there, and a device may become known; the list is written when that changes it.
    pub(crate) fn see_device(
        &mut self,
        origin: Origin,
        new: Option<DeviceId>,
        now: Timestamp,
        policy: &Policy,
    ) {
        let rule = policy.devices();
        let expires = now.saturating_add(rule.lifetime);
        let seldom = Duration::from_hours(24).min(rule.lifetime / 2);
        let is_due =
            |device: &Device| Some(device.id) == origin.device && expires.since(device.expires) >= seldom;
        let seen = self.devices.iter_mut().find(|device| is_due(device));
        let is_written = seen.is_some() || new.is_some();
        if let Some(device) = seen {
            device.expires = expires;
        }
        if is_written {
            self.devices.retain(|device| device.is_known(now));
        }
        if let Some(id) = new {
            let most = usize::try_from(rule.per_account).unwrap_or(usize::MAX);
            while self.devices.len() >= most {
                let first = self.devices.iter().map(|device| device.expires).min();
                let at = self.devices.iter().position(|device| Some(device.expires) == first);
                self.devices.remove(at.unwrap_or(0));
            }
            self.once_known.insert(id);
            self.devices.push(Device { id, expires, is_forgotten: false });
        }
    }

    /// Whether this was ever one of its devices.
    pub(crate) fn has_had(&self, device: DeviceId) -> bool {
        self.once_known.contains(&device)
    }

    fn held(&self, device: DeviceId) -> u32 {
        self.held.get(&device).copied().unwrap_or_default()
    }
}
