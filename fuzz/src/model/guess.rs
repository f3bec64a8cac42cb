//! What a guess at a password should be told: a login, or somebody inside a session.

use doorward_core::time::Timestamp;

use super::device::Origin;
use super::judge::{Attempt, Standing};
use super::verdict::{Effect, Judgement};
use super::{Account, Counted, Model, Name, Session};
use crate::answer::Answer;

impl Model {
    pub(super) fn login(&self, attempt: Attempt, now: Timestamp) -> Judgement {
        let Attempt { name, password, previous, carry, lifetime, device, remember, scope } = attempt;
        let Name { account, throttle, .. } = &self.names[name];
        let (mut ends, mut data) = (None, Vec::new());
        if let Some(Standing::Proven(session, record, gone)) = previous.map(|token| self.standing(token, now))
        {
            let is_replaced = record.account.is_none() || record.account == *account;
            if gone.is_none() && !is_replaced {
                return Judgement::told(Answer::OtherAccount);
            }
            ends = is_replaced.then_some(session);
            if carry && gone.is_none() && record.account.is_none() {
                data.clone_from(&record.data);
            }
        }
        let owner = account.map(|account| &self.accounts[account]);
        let origin = owner.map_or_else(Origin::default, |owner| owner.origin(device, now, &self.policy));
        let wait = throttle.wait(now);
        if let (Some(until), false) = (wait, origin.has_tries) {
            return Judgement::told(Answer::Throttled(until));
        }
        let expiry = |owner: &Account| {
            owner.devices.iter().find(|one| Some(one.id) == origin.device).map(|device| device.expires)
        };
        let wait = owner.and_then(expiry).zip(wait);
        let judged = match *account {
            Some(account)
                if self.is_password(account, password, Some(origin), now)
                    && self.accounts[account].may_log_in =>
            {
                if self.accounts[account].is_compromised {
                    return Judgement::of(Answer::MustChange, Effect::Forgive { account, name, origin });
                }
                let previous = ends;
                let effect =
                    Effect::Grant { account, name, lifetime, previous, data, origin, remember, scope };
                Judgement::of(Answer::Done, effect)
            }
            Some(account) if origin.has_tries => {
                Judgement::of(Answer::Denied, Effect::FailFrom { account, origin })
            }
            _ => {
                let attempts = account.map_or(Counted::Decoy(name), Counted::Account);
                Judgement::of(Answer::Denied, Effect::Fail { counter: Counted::Name(name), attempts })
            }
        };
        let beside = account.map_or_else(Vec::new, |account| self.beside(account, ends));
        Judgement { wait, beside, ..judged }
    }

    /// The sessions of this account that are there and not revoked, but for this one.
    pub(super) fn beside(&self, account: usize, but: Option<usize>) -> Vec<(usize, Timestamp)> {
        let sessions = self.accounts[account].sessions.iter().copied();
        let sessions = sessions.filter(|one| Some(*one) != but && !self.sessions[*one].is_revoked);
        sessions.map(|one| (one, self.sessions[one].idle_end())).collect()
    }

    /// Whether this is the account's password, and it is on.
    pub(super) fn is_password(
        &self,
        account: usize,
        password: usize,
        origin: Option<Origin>,
        now: Timestamp,
    ) -> bool {
        let account = &self.accounts[account];
        account.password == password && !account.is_off(origin, now, &self.policy)
    }

    pub(super) fn guess_inside(
        &self,
        record: &Session,
        password: usize,
        now: Timestamp,
        effect: impl Fn() -> Effect,
    ) -> Judgement {
        let Some(account) = record.account else {
            return Judgement::told(Answer::Anonymous(None));
        };
        if let Some(until) = self.accounts[account].throttle.wait(now) {
            return Judgement::told(Answer::Throttled(until));
        }
        if self.is_password(account, password, None, now) {
            return Judgement::of(Answer::Renewed(record.renewed(now, true).life()), effect());
        }
        let counter = Counted::Account(account);
        Judgement::of(Answer::Denied, Effect::Fail { counter, attempts: counter })
    }
}
