//! The ends of accounts, sessions and waits that take more than a word: room under a cap, deletion, unlocking.

use doorward_core::model::session::WhenFull;
use doorward_core::record::Key;
use doorward_core::store::Write;
use doorward_core::time::Timestamp;

use super::land::{Landing, Scope, login};
use super::{Counted, Model, Stage, Throttle};
use crate::violation::{Violation, ensure};

impl Model {
    /// Under a cap, a login ends what is over, and the oldest of what is not; whether there is room then.
    pub(super) fn make_room(
        &mut self,
        account: usize,
        previous: Option<usize>,
        met: &[(usize, Timestamp)],
        landing: &Landing<'_>,
        touched: &mut Vec<Key>,
    ) -> Result<bool, Violation> {
        let Some(cap) = self.policy.session_cap() else { return Ok(true) };
        let most = usize::try_from(cap.most.get()).unwrap_or(usize::MAX);
        let (mut is_granted, mut ended) = (false, Vec::new());
        for write in &landing.batch.writes {
            match write {
                Write::Put { key: Key::Session(_), .. } => is_granted = true,
                Write::Delete { key: Key::Session(id) } => {
                    let session = self.by_id.get(id).copied();
                    ended.extend(session.filter(|session| Some(*session) != previous));
                }
                _ => {}
            }
        }
        let age = |session: &usize| (self.sessions[*session].created, self.sessions[*session].id);
        let is_live = |session: &usize| {
            let record = &self.sessions[*session];
            record.is_there && Some(*session) != previous && record.over(landing.at).is_none()
        };
        let (live, kept): (Vec<usize>, Vec<usize>) = self.accounts[account]
            .sessions
            .iter()
            .copied()
            .filter(is_live)
            .partition(|one| ended.contains(one));
        // A login may end one, or refuse, although another has ended since it read; and it may have met one over that an
        // activity has kept since.
        let was_full = met.len().max(self.beside(account, previous).len()) >= most;
        let was_over = |session: &usize| met.iter().any(|(one, end)| one == session && *end <= landing.at);
        let live: Vec<usize> = live.into_iter().filter(|session| !was_over(session)).collect();
        ensure(was_full || live.is_empty(), 0, || format!("{live:?} were ended, and there was room"))?;
        let is_oldest = live.iter().map(age).max() < kept.iter().map(age).min() || kept.is_empty();
        ensure(is_oldest, 0, || format!("{live:?} were ended, which are not the oldest"))?;
        for session in ended {
            self.end(session, touched);
        }
        if is_granted {
            let beside = self.beside(account, previous).len();
            ensure(beside < most, 0, || format!("a session was granted beside {beside} others"))?;
        } else {
            let may_refuse = cap.when_full == WhenFull::Refuse && was_full && live.is_empty();
            ensure(may_refuse, 0, || "a login was refused, and there was room".to_owned())?;
        }
        Ok(is_granted)
    }

    /// It is gone at once, and its name is free: but for one that a rename gave it while nobody looked.
    pub(super) fn delete(&mut self, account: usize, landing: &Landing<'_>, touched: &mut Vec<Key>) {
        let id = self.accounts[account].id;
        self.end_all(account, None, touched);
        self.forgive_all(account, touched);
        let rests_on_account = landing.batch.checks.iter().any(|check| check.key == Key::Account(id));
        let name = self.accounts[account].name;
        let is_written = landing.batch.writes.iter().any(|write| *write.key() == login(name));
        if rests_on_account || is_written {
            self.names[name].account = None;
        }
        let record = &mut self.accounts[account];
        record.stage = Stage::Remains;
        (record.may_log_in, record.throttle) = (false, Throttle::default());
        record.devices.clear();
        touched.extend([
            login(name),
            Key::Account(id),
            Key::Active(id),
            Key::Credential(id),
            Key::Deletion(id),
        ]);
    }

    /// Some of what is left is taken away; whether that was all.
    pub(super) fn bite(&mut self, account: usize, landing: &Landing<'_>) -> Result<bool, Violation> {
        let id = self.accounts[account].id;
        let mut is_all = false;
        for key in landing.batch.writes.iter().map(Write::key) {
            match key {
                Key::Session(session) => {
                    if let Some(session) = self.by_id.get(session).copied() {
                        self.end(session, &mut Vec::new());
                    }
                }
                Key::Data(session) => {
                    if let Some(session) = self.by_id.get(session) {
                        self.sessions[*session].data.clear();
                    }
                }
                Key::Grants(session) => {
                    if let Some(session) = self.by_id.get(session).copied() {
                        self.drop_grants(session);
                    }
                }
                Key::Login(_) => {
                    let name = self.accounts[account].name;
                    if *key == login(name) && self.names[name].account == Some(account) {
                        self.names[name].account = None;
                    }
                }
                Key::Attempts(_) => self.accounts[account].failures = 0,
                Key::Deletion(_) => is_all = true,
                _ => {}
            }
        }
        if is_all {
            self.accounts[account].stage = Stage::Gone;
            let left = landing.rows.iter().find(|(_, row)| row.owner == Some(id));
            ensure(left.is_none(), 14, || format!("a deletion is finished, and {left:?} is left"))?;
        }
        Ok(is_all)
    }

    /// Under the name that it has, and had when the names were read.
    pub(super) fn unlock(
        &mut self,
        account: usize,
        landing: &Landing<'_>,
        touched: &mut Vec<Key>,
    ) -> Result<Scope, Violation> {
        let lifted =
            landing.batch.writes.iter().map(Write::key).filter(|key| matches!(key, Key::Throttle(_)));
        let is_unnamed = !self.accounts[account].is_there();
        ensure(lifted.clone().count() > 1 || is_unnamed, 38, || "a name's wait was not lifted".to_owned())?;
        for key in lifted {
            match self.counter_rows.get(key) {
                Some(Counted::Name(name)) if self.accounts[account].once_named.contains(name) => {
                    self.names[*name].throttle = Throttle::default();
                }
                _ => {}
            }
        }
        self.accounts[account].throttle = Throttle::default();
        self.forgive_all(account, touched);
        Ok(Scope { account: Some(account), lifts: true, ..Scope::default() })
    }
}
