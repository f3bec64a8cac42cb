//! What must be in the store for one thread, told by the story alone.
//!
//! Each thread has accounts and guests of its own, so that what it does to them comes one after the other, and at most one
//! of its operations is under way at the kill. All that was acknowledged is then known exactly.

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::id::{AccountId, SessionId};

use super::act::{Act, Answer, Op};
use super::hall::GUEST_MILLIS;
use super::story::Line;

/// The accounts, sessions and endings of one thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Town {
    pub(super) accounts: BTreeMap<AccountId, Account>,
    /// Anonymous sessions, by the time at which they end.
    pub(super) guests: BTreeMap<SessionId, (Session, i64)>,
    /// Sessions whose row was deleted.
    pub(super) deleted: BTreeSet<SessionId>,
    /// Sessions that an epoch ended: their row may be there.
    pub(super) revoked: BTreeSet<SessionId>,
    /// Accounts that were deleted.
    pub(super) gone: BTreeSet<AccountId>,
    /// Tokens that were given out and open nothing any more.
    pub(super) dead: Vec<String>,
    /// What the journal must say since it was looked at last, in this order.
    pub(super) endings: Vec<Ending>,
    /// What is under way.
    pub(super) pending: Option<(Op, Act)>,
    /// The number of the next operation.
    pub(super) next: u32,
    /// Accounts whose password was set since it was looked at last.
    pub(super) rehashed: BTreeSet<AccountId>,
    /// The time of the present round.
    pub(super) now: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) password: u32,
    pub(super) is_active: bool,
    pub(super) failures: u32,
    pub(super) epoch: u64,
    /// How often the epoch was raised since it was looked at last.
    pub(super) raises: u64,
    pub(super) sessions: BTreeMap<SessionId, Session>,
}

/// How often an ending is decided again while nobody knows what became of it: each time may raise an epoch once more.
const ATTEMPTS: u64 = 8;

#[derive(Debug, Clone)]
pub(super) struct Session {
    /// `None`: whoever was to have it was killed.
    pub(super) token: Option<String>,
    pub(super) generation: u64,
    /// Empty: none is kept.
    pub(super) data: String,
}

/// An entry of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Session(SessionId),
    Account(AccountId, u64),
}

impl Town {
    /// Goes on by a line of this thread's, or of nobody's.
    pub(super) fn follow(&mut self, line: &Line) -> Result<(), String> {
        match line {
            Line::Ready(_) => {}
            Line::Round(now) => self.begin_round(*now),
            Line::Begin(op, act) => {
                self.next = op.number + 1;
                self.pending = Some((*op, act.clone()));
            }
            Line::Failed(op, why) => return Err(format!("operation {op} failed: {why}")),
            Line::Lost(_) => self.pending = None,
            Line::Done(op, answer) | Line::Landed(op, answer) => {
                let pending = self.pending.take().filter(|(begun, _)| begun == op);
                let (_, act) = pending.ok_or_else(|| format!("operation {op} ended before it began"))?;
                self.apply(*op, &act, answer);
            }
        }
        Ok(())
    }

    /// The whole effect of an operation.
    pub(super) fn apply(&mut self, op: Op, act: &Act, answer: &Answer) {
        match act {
            Act::Register { name, password } => {
                let Some(account) = answer.account else { return };
                let (name, password) = (name.clone(), *password);
                let (is_active, failures, epoch, raises) = (true, 0, 0, 0);
                let sessions = BTreeMap::new();
                self.rehashed.insert(account);
                self.accounts.insert(
                    account,
                    Account { name, password, is_active, failures, epoch, raises, sessions },
                );
            }
            Act::Login { account, previous } => {
                let guest = previous.and_then(|previous| self.guests.get(&previous));
                let data = guest.map(|(guest, _)| guest.data.clone()).unwrap_or_default();
                if let Some(previous) = previous {
                    self.end(*previous);
                }
                let (Some(id), Some(account)) = (answer.session, self.accounts.get_mut(account)) else {
                    return;
                };
                account.failures = 0;
                account.sessions.insert(id, Session { token: answer.token.clone(), generation: 1, data });
            }
            Act::Guess { account } => self.change(account, |account| account.failures += 1),
            Act::OpenSession => {
                let Some(id) = answer.session else { return };
                let session = Session { token: answer.token.clone(), generation: 1, data: op.data() };
                self.guests.insert(id, (session, self.now + GUEST_MILLIS));
            }
            Act::Update { session, is_empty } => {
                let data = if *is_empty { String::new() } else { op.data() };
                if let Some(session) = self.session(session) {
                    session.data = data;
                }
            }
            Act::Rotate { session } => self.renew(session, answer),
            Act::Reauthenticate { session } => {
                if let Some(account) = self.owner(session) {
                    self.change(&account, |account| account.failures = 0);
                }
                self.renew(session, answer);
            }
            Act::Logout { session } | Act::EndSession { session, .. } => self.end(*session),
            Act::LogoutEverywhere { account, keep } => {
                self.raise(account, *keep);
                if let Some(keep) = keep {
                    self.renew(keep, answer);
                }
            }
            Act::ChangePassword { session, password } => {
                let Some(account) = self.owner(session) else { return };
                self.raise(&account, Some(*session));
                self.renew(session, answer);
                self.rehashed.insert(account);
                self.change(&account, |account| (account.password, account.failures) = (*password, 0));
            }
            Act::SetPassword { account, password } => {
                self.raise(account, None);
                self.rehashed.insert(*account);
                self.change(account, |account| (account.password, account.failures) = (*password, 0));
            }
            Act::Disable { account } => {
                self.raise(account, None);
                self.change(account, |account| account.is_active = false);
            }
            Act::Enable { account } => self.change(account, |account| account.is_active = true),
            Act::Rename { account, name } => self.change(account, |account| account.name.clone_from(name)),
            Act::Delete { account } => {
                let Some(gone) = self.accounts.remove(account) else { return };
                self.dead.extend(gone.sessions.into_values().filter_map(|session| session.token));
                self.gone.insert(*account);
                self.endings.push(Ending::Account(*account, u64::MAX));
            }
            Act::Maintain => {}
        }
    }

    /// An epoch that an ending may have raised more than once is what it is found to be.
    pub(super) fn learn_epochs(&mut self, found: impl Fn(AccountId) -> Option<u64>) {
        let pending = self.pending.as_ref().and_then(|(_, act)| match act {
            Act::Disable { account }
            | Act::SetPassword { account, .. }
            | Act::LogoutEverywhere { account, .. } => Some(*account),
            Act::ChangePassword { session, .. } => self.owner(session),
            _ => None,
        });
        for (id, account) in &mut self.accounts {
            let one_to_come = u64::from(pending == Some(*id));
            let raises = account.raises + one_to_come;
            let Some(more) = found(*id).and_then(|found| found.checked_sub(account.epoch)) else { continue };
            if more > 0 && more <= raises * ATTEMPTS {
                account.epoch += more - one_to_come;
            }
        }
    }

    /// Time has passed: guests are over.
    fn begin_round(&mut self, now: i64) {
        self.now = now;
        let over: Vec<SessionId> =
            self.guests.iter().filter(|(_, (_, end))| *end <= now).map(|(id, _)| *id).collect();
        for id in over {
            self.dead.extend(self.guests.remove(&id).and_then(|(guest, _)| guest.token));
            self.revoked.insert(id);
        }
    }

    /// A live session.
    pub(super) fn session(&mut self, id: &SessionId) -> Option<&mut Session> {
        let persons = self.accounts.values_mut().flat_map(|account| account.sessions.iter_mut());
        let guests = self.guests.iter_mut().map(|(id, (session, _))| (id, session));
        persons.chain(guests).find(|(one, _)| *one == id).map(|(_, session)| session)
    }

    /// Whose session it is.
    pub(super) fn owner(&self, id: &SessionId) -> Option<AccountId> {
        self.accounts.iter().find(|(_, account)| account.sessions.contains_key(id)).map(|(id, _)| *id)
    }

    /// Whether it ever was one of this thread's.
    pub(super) fn knows(&self, ending: &Ending) -> bool {
        match ending {
            Ending::Session(id) => {
                self.guests.contains_key(id)
                    || self.deleted.contains(id)
                    || self.revoked.contains(id)
                    || self.owner(id).is_some()
            }
            Ending::Account(id, _) => self.accounts.contains_key(id) || self.gone.contains(id),
        }
    }

    fn change(&mut self, account: &AccountId, change: impl FnOnce(&mut Account)) {
        if let Some(account) = self.accounts.get_mut(account) {
            change(account);
        }
    }

    fn renew(&mut self, id: &SessionId, answer: &Answer) {
        let Some(session) = self.session(id) else { return };
        session.generation += 1;
        let old = std::mem::replace(&mut session.token, answer.token.clone());
        self.dead.extend(old);
    }

    fn end(&mut self, id: SessionId) {
        let persons = self.accounts.values_mut().find_map(|account| account.sessions.remove(&id));
        let session = persons.or_else(|| self.guests.remove(&id).map(|(session, _)| session));
        self.dead.extend(session.and_then(|session| session.token));
        self.deleted.insert(id);
        self.endings.push(Ending::Session(id));
    }

    fn raise(&mut self, id: &AccountId, keep: Option<SessionId>) {
        let Some(account) = self.accounts.get_mut(id) else { return };
        account.epoch += 1;
        account.raises += 1;
        let kept = keep.and_then(|keep| account.sessions.remove_entry(&keep));
        let over = std::mem::take(&mut account.sessions);
        account.sessions.extend(kept);
        self.endings.push(Ending::Account(*id, account.epoch));
        for (id, session) in over {
            self.dead.extend(session.token);
            self.revoked.insert(id);
        }
    }
}
