//! One guess at a password: the counters that it must obey and move, shared by every operation that takes one.

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Writes};
use crate::model::throttle::{AttemptsRecord, ThrottleRecord};
use crate::password::{Normalization, Password, PasswordHash, Verdict};
use crate::planted::Planted;
use crate::record::{CredentialRecord, Key, Row};
use crate::time::Timestamp;
use crate::work::{Work, Worked};

/// The rows of a guess.
pub(super) struct Guess {
    throttle: Key,
    attempts: Key,
    credential: Key,
    /// Whose password it is; `None` for a name without an account, whose counters expire.
    owner: Option<AccountId>,
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
}

impl Guess {
    /// At the password of `account`, which stands for nobody unless it is the `owner`.
    pub(super) fn new(throttle: Key, account: AccountId, owner: Option<AccountId>) -> Self {
        Self { throttle, attempts: Key::Attempts(account), credential: Key::Credential(account), owner }
    }

    pub(super) fn keys(&self) -> [Key; 3] {
        [self.throttle.clone(), self.credential.clone(), self.attempts.clone()]
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
        let Some([throttle, credential, attempts]) =
            facts.rows([&self.throttle, &self.credential, &self.attempts])
        else {
            return Ok(Judged::Unread);
        };
        if let Some(until) = self.wait(facts, cx)? {
            return Ok(Judged::Wait(until));
        }
        let credential = credential.map(Row::credential).transpose()?;
        let (hash, normalization) = match credential {
            Some(record) => (record.hash.clone(), record.normalization),
            None => decoy(cx),
        };
        let work = Work::Verify { password: password.clone(), normalization, hash };
        let Some(Worked::Verified(verdict)) = facts.worked(&work) else {
            return Ok(Judged::Work(work));
        };
        let failed = live(attempts, cx).map(Row::attempts).transpose()?.map_or(0, |record| record.failures);
        let is_off = failed >= cx.policy.throttle().off_at && !cx.policy.has(Planted::OffIgnored);
        match credential {
            Some(record) if may && *verdict == Verdict::Match && !is_off => {
                let mut writes = Writes::new();
                if throttle.is_some() {
                    writes = writes.delete(self.throttle.clone());
                }
                if attempts.is_some() {
                    writes = writes.delete(self.attempts.clone());
                }
                Ok(Judged::Right(record, writes))
            }
            _ => {
                let before = live(throttle, cx).map(Row::throttle).transpose()?.cloned().unwrap_or_default();
                Ok(Judged::Wrong(self.failure(&before, failed, cx)))
            }
        }
    }

    /// One more failure. A decoy's counter expires with its name's; an account's lasts.
    fn failure(&self, before: &ThrottleRecord, failed: u32, cx: &Context<'_>) -> Writes {
        let policy = cx.policy.throttle();
        let none = ThrottleRecord::default();
        let before = if cx.policy.has(Planted::WaitNeverGrows) { &none } else { before };
        let throttle = before.failed(policy, cx.now);
        let expires = throttle.expires(policy, cx.now);
        let attempts = AttemptsRecord {
            failures: failed.saturating_add(u32::from(!cx.policy.has(Planted::FailuresUncounted))),
        };
        let attempts_expire = self.owner.is_none().then_some(expires);
        Writes::new().put(self.throttle.clone(), None, Some(expires), throttle).put(
            self.attempts.clone(),
            self.owner,
            attempts_expire,
            attempts,
        )
    }
}

/// A counter as it counts now: an expired one counts nothing.
fn live<'a>(row: Option<&'a Row>, cx: &Context<'_>) -> Option<&'a Row> {
    row.filter(|row| row.expires.is_none_or(|expires| cx.now < expires))
}

/// What a missing credential is taken for: as hard as the policy's, and matched by nothing.
fn decoy(cx: &Context<'_>) -> (PasswordHash, Normalization) {
    let hash = PasswordHash::decoy(cx.policy.argon2(), cx.bytes("decoy salt"), cx.bytes("decoy tag"));
    (hash, cx.policy.password().normalization)
}
