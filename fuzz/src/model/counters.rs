//! What failures and successes leave behind.

use doorward_core::id::DeviceId;
use doorward_core::record::Key;
use doorward_core::time::Timestamp;

use super::device::Origin;
use super::land::Landing;
use super::{Counted, Model, Throttle};
use crate::violation::{Violation, ensure};

impl Model {
    pub(super) fn fail(
        &mut self,
        counter: Counted,
        attempts: Counted,
        landing: &Landing<'_>,
    ) -> Result<Option<usize>, Violation> {
        for write in &landing.batch.writes {
            let of = match write.key() {
                Key::Throttle(_) => counter,
                Key::Attempts(_) => attempts,
                _ => continue,
            };
            self.learn(write.key(), of)?;
        }
        let throttle = match counter {
            Counted::Name(name) => &mut self.names[name].throttle,
            Counted::Account(account) => &mut self.accounts[account].throttle,
            Counted::Decoy(_) => return Err(Violation::new(38, "a decoy has no wait")),
        };
        let failed = throttle.failed(&self.policy, landing.at);
        *throttle = Throttle(Some(failed));
        let name = if let Counted::Name(name) = counter { Some(name) } else { None };
        let off_at = self.policy.throttle().off_at;
        match attempts {
            // What is off is not decided, and so is no failure.
            Counted::Account(account) => {
                let origin = name.map(|_| Origin::default());
                if !self.accounts[account].is_off(origin, landing.at, &self.policy) {
                    self.accounts[account].failed(Origin::default());
                }
            }
            Counted::Decoy(name) => {
                let decoy = &mut self.names[name].decoy;
                let before = decoy.filter(|(_, kept_until)| landing.at < *kept_until);
                *decoy =
                    Some((before.map_or(1, |(failures, _)| off_at.min(failures + 1)), failed.kept_until));
            }
            Counted::Name(_) => return Err(Violation::new(38, "attempts are counted by account")),
        }
        Ok(name)
    }

    /// A counter's row is known from the first failure on, and it is no other counter's.
    pub(super) fn learn(&mut self, key: &Key, of: Counted) -> Result<(), Violation> {
        if let (Key::Attempts(id), Counted::Account(account)) = (key, of) {
            return ensure(*id == self.accounts[account].id, 29, || "another's failures were counted".into());
        }
        let known = *self.counter_rows.entry(key.clone()).or_insert(of);
        let row = self.row_of.entry(of).or_insert_with(|| key.clone());
        ensure(known == of && row == key, 29, || format!("{key:?} counts for {known:?} and for {of:?}"))
    }

    pub(super) fn new_device(
        &mut self,
        account: usize,
        landing: &Landing<'_>,
    ) -> Result<DeviceId, Violation> {
        let none = || Violation::new(38, "a device is not remembered");
        let row = landing.rows.get(&Key::Devices(self.accounts[account].id)).ok_or_else(none)?;
        let device = row.devices().ok().and_then(|record| record.devices.last()).ok_or_else(none)?;
        ensure(device.salt != *device.id.as_bytes(), 42, || "the key and an id make its token".to_owned())?;
        self.draw(*device.id.as_bytes())?;
        self.draw(device.salt)?;
        Ok(device.id)
    }

    pub(super) fn forgive(&mut self, account: usize, origin: Origin, at: Timestamp, touched: &mut Vec<Key>) {
        self.accounts[account].forgive(origin, at);
        touched.extend([Key::Attempts(self.accounts[account].id), Key::Devices(self.accounts[account].id)]);
        self.touch_counter(Counted::Account(account), touched);
    }

    pub(super) fn forgive_all(&mut self, account: usize, touched: &mut Vec<Key>) {
        self.accounts[account].failures = 0;
        self.accounts[account].held.clear();
        touched.push(Key::Attempts(self.accounts[account].id));
        self.touch_counter(Counted::Account(account), touched);
    }

    pub(super) fn touch_counter(&self, counter: Counted, touched: &mut Vec<Key>) {
        touched.extend(self.row_of.get(&counter).cloned());
        if let Counted::Account(account) = counter {
            touched.push(Key::Attempts(self.accounts[account].id));
        }
    }
}
