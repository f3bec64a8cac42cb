//! One guess at a password: the counters that it must obey and move, shared by every operation that takes one.

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::{AccountId, DeviceId};
use crate::machine::{Context, Writes};
use crate::model::throttle::{AttemptsRecord, ThrottleRecord};
use crate::operation::device::Devices;
use crate::password::{Password, PasswordHash, Verdict};
use crate::planted::Planted;
use crate::record::{CredentialRecord, Key, Row};
use crate::time::Timestamp;
use crate::token::opaque::Claim;
use crate::work::{Work, Worked};

/// The rows of a guess, and where it comes from.
pub(super) struct Guess<'a> {
    throttle: Key,
    attempts: Key,
    credential: Key,
    account: AccountId,
    /// Whose password it is; `None` for a name without an account, whose counters expire.
    owner: Option<AccountId>,
    origin: Origin<'a>,
}

/// Who guesses: see the table of [`device`](crate::model::device).
enum Origin<'a> {
    /// Who has the name, and perhaps a known device.
    Name(Option<Claim<'a>>),
    /// Who is inside a session.
    Session,
}

/// What a guess has come to.
pub(super) enum Judged<'a> {
    /// Its rows are not read yet.
    Unread,
    /// Nothing is decided before this moment.
    Wait(Timestamp),
    /// This must be run first.
    Work(Work),
    /// Commit these, and deny.
    Wrong(Writes),
    /// It is the password; commit these with what it grants.
    Right(&'a CredentialRecord, Writes),
    /// It is the password, which is known to others: commit these, and grant nothing.
    Compromised(Writes),
}

impl<'k> Guess<'k> {
    /// At the password of `account`, which stands for nobody unless it is the `owner`.
    pub(super) fn new(throttle: Key, account: AccountId, owner: Option<AccountId>) -> Self {
        let (attempts, credential) = (Key::Attempts(account), Key::Credential(account));
        Self { throttle, attempts, credential, account, owner, origin: Origin::Name(None) }
    }

    /// From the device that this claims, if it is a known one.
    pub(super) fn from(self, device: Option<Claim<'k>>) -> Self {
        Self { origin: Origin::Name(device), ..self }
    }

    /// From inside one of the account's sessions.
    pub(super) fn inside(self) -> Self {
        Self { origin: Origin::Session, ..self }
    }

    /// The same rows wherever it comes from: what is read tells nobody what a token was worth.
    pub(super) fn keys(&self) -> [Key; 4] {
        let devices = Key::Devices(self.account);
        [self.throttle.clone(), self.credential.clone(), self.attempts.clone(), devices]
    }

    /// The account's devices, as this guess meets them; `None` when the rows are not read.
    pub(super) fn devices(&self, facts: &Facts, cx: &Context<'_>) -> Result<Option<Devices>, Fault> {
        let claim = match &self.origin {
            Origin::Name(claim) => claim.as_ref(),
            Origin::Session => None,
        };
        Devices::of(self.account, claim, facts, cx)
    }

    /// When the next guess is decided, if that is later than now; `None` when the rows are not read.
    pub(super) fn wait(&self, facts: &Facts, cx: &Context<'_>) -> Result<Option<Timestamp>, Fault> {
        let Some([throttle]) = facts.rows([&self.throttle]) else { return Ok(None) };
        let until = live(throttle, cx).map(Row::throttle).transpose()?.map(|record| record.until);
        Ok(until.filter(|until| *until > cx.now && !cx.policy.has(Planted::WaitIgnored)))
    }

    /// Exactly one run of Argon2id, whatever is there; `may` says whether the right password would do.
    pub(super) fn judge<'a>(
        &self,
        password: &Password,
        may: bool,
        facts: &'a Facts,
        cx: &Context<'_>,
    ) -> Result<Judged<'a>, Fault> {
        let (Some([throttle, credential, attempts]), Some(devices)) =
            (facts.rows([&self.throttle, &self.credential, &self.attempts]), self.devices(facts, cx)?)
        else {
            return Ok(Judged::Unread);
        };
        let failed = live(attempts, cx).map(Row::attempts).transpose()?.cloned().unwrap_or_default();
        let (off_at, tries) = (cx.policy.throttle().off_at, cx.policy.devices().tries);
        // A device with tries left goes by them alone; any other guess, by the name or the session it was made in.
        let has_tries = |id| failed.of(id) < tries || cx.policy.has(Planted::DeviceTriesEndless);
        let device = devices.presented().filter(|id| has_tries(*id) && failed.failures < off_at);
        if device.is_none()
            && let Some(until) = self.wait(facts, cx)?
        {
            return Ok(Judged::Wait(until));
        }
        let credential = credential.map(Row::credential).transpose()?;
        let verification = credential.and_then(|record| verification(record, password, cx));
        let credential = credential.filter(|_| verification.is_some());
        let work = verification.unwrap_or_else(|| decoy_work(password, cx));
        let Some(Worked::Verified(verdict)) = facts.worked(&work) else {
            return Ok(Judged::Work(work));
        };
        // The last tries are kept for the devices, where there are any.
        let kept = match self.origin {
            Origin::Name(_) if device.is_none() && !devices.is_empty() => tries,
            Origin::Name(_) | Origin::Session => 0,
        };
        let is_off = failed.failures >= off_at.saturating_sub(kept) && !cx.policy.has(Planted::OffIgnored);
        match credential {
            Some(record) if may && *verdict == Verdict::Match && !is_off => {
                let mut writes = Writes::new();
                let forgives_name = device.is_none() || cx.policy.has(Planted::DeviceForgivesName);
                if forgives_name && throttle.is_some() {
                    writes = writes.delete(self.throttle.clone());
                }
                let left = match device {
                    Some(device) => failed.without(device),
                    None => failed.only(|device| devices.is_another(device)),
                };
                if left.failures == 0 && attempts.is_some() {
                    writes = writes.delete(self.attempts.clone());
                } else if left != failed {
                    writes = writes.put(self.attempts.clone(), self.owner, None, left);
                }
                let is_let_in = cx.policy.has(Planted::CompromisedIsLetIn);
                Ok(match record.compromised.filter(|_| !is_let_in) {
                    None => Judged::Right(record, devices.seen(writes, cx)),
                    // That it is the right one rests on the counters too, or guesses in parallel would tell more.
                    Some(_) if cx.policy.has(Planted::MustChangeRestsOnNothing) => {
                        Judged::Compromised(writes)
                    }
                    Some(_) => Judged::Compromised(writes.guarded()),
                })
            }
            _ => {
                // What is off is not decided, and so is no failure: it must not use up what is kept for others.
                let is_uncounted = is_off || cx.policy.has(Planted::FailuresUncounted);
                let holder = device.filter(|_| !cx.policy.has(Planted::DeviceHoldsNothing));
                let failed = if is_uncounted { failed } else { failed.failed(holder) };
                let before = live(throttle, cx).map(Row::throttle).transpose()?.cloned().unwrap_or_default();
                Ok(Judged::Wrong(self.failure(device, &before, failed, cx)))
            }
        }
    }

    /// One more failure. A decoy's counter expires with its name's; an account's lasts. A known device's leaves the name
    /// as it is.
    fn failure(
        &self,
        device: Option<DeviceId>,
        before: &ThrottleRecord,
        failed: AttemptsRecord,
        cx: &Context<'_>,
    ) -> Writes {
        if device.is_some() {
            return Writes::new().put(self.attempts.clone(), self.owner, None, failed);
        }
        let policy = cx.policy.throttle();
        let none = ThrottleRecord::default();
        let before = if cx.policy.has(Planted::WaitNeverGrows) { &none } else { before };
        let throttle = before.failed(policy, cx.now);
        let expires = throttle.expires(policy, cx.now);
        let attempts_expire = self.owner.is_none().then_some(expires);
        Writes::new().put(self.throttle.clone(), None, Some(expires), throttle).put(
            self.attempts.clone(),
            self.owner,
            attempts_expire,
            failed,
        )
    }
}

/// A counter as it counts now: an expired one counts nothing.
fn live<'a>(row: Option<&'a Row>, cx: &Context<'_>) -> Option<&'a Row> {
    row.filter(|row| row.expires.is_none_or(|expires| cx.now < expires))
}

/// What tells whether this is the password; `None` when its pepper is not given: it is as good as no password then, and
/// must look like it.
pub(super) fn verification(record: &CredentialRecord, password: &Password, cx: &Context<'_>) -> Option<Work> {
    let pepper = match record.pepper {
        Some(number) => Some(cx.keys.numbered_pepper(number)?.clone()),
        None => None,
    };
    let (normalization, hash) = (record.normalization, record.hash.clone());
    Some(Work::Verify { password: password.clone(), normalization, hash, pepper })
}

/// What is run where there is no credential: as hard as one of the policy's, and matched by nothing.
pub(super) fn decoy_work(password: &Password, cx: &Context<'_>) -> Work {
    Work::Verify {
        password: password.clone(),
        normalization: cx.policy.password().normalization,
        hash: PasswordHash::decoy(cx.policy.argon2(), cx.bytes("decoy salt"), cx.bytes("decoy tag")),
        pepper: cx.keys.active_pepper().cloned(),
    }
}
