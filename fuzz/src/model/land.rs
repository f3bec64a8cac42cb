//! A change lands: what is true from then on, and whether the rows say the same.

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::id::{AccountId, SessionId};
use doorward_core::model::session::Span;
use doorward_core::name::LoginName;
use doorward_core::record::{Key, Record, Row};
use doorward_core::store::{Batch, Durability, Write};
use doorward_core::time::Timestamp;

use super::device::Origin;
use super::terms::Scopes;
use super::token::Grants;
use super::verdict::{Effect, Judgement};
use super::{Account, Counted, Model, Session, Stage, Throttle};
use crate::answer::{Answer, Life};
use crate::violation::{Violation, ensure};

/// A batch that was applied, and the rows around that moment.
pub(crate) struct Landing<'a> {
    pub(crate) batch: &'a Batch,
    /// When it was decided.
    pub(crate) at: Timestamp,
    /// The rows that it writes, as they were.
    pub(crate) before: &'a BTreeMap<Key, Row>,
    /// Every row, as it is.
    pub(crate) rows: &'a BTreeMap<Key, Row>,
}

/// The row of the name of this number.
pub(super) fn login(number: usize) -> Key {
    Key::Login(LoginName::parse(&super::name(number)).expect("it is a name"))
}

/// Whose rows a change may write.
#[allow(clippy::struct_excessive_bools, reason = "each is a row, or rows, of its own")]
#[derive(Clone, Copy, Default)]
pub(super) struct Scope {
    pub(super) account: Option<usize>,
    pub(super) name: Option<usize>,
    pub(super) all: bool,
    /// One that may be nobody's.
    pub(super) session: Option<SessionId>,
    pub(super) clock: bool,
    pub(super) keyring: bool,
    /// Whether waits may be lifted under every name that the account had.
    pub(super) lifts: bool,
}

impl Model {
    /// Carries out what was to change, completes the answer, and compares the rows.
    pub(crate) fn land(&mut self, judged: &mut Judgement, landing: &Landing<'_>) -> Result<(), Violation> {
        self.landed += 1;
        let effect = judged.effect.clone();
        let wrote = || landing.batch.writes.iter().map(Write::key).collect::<Vec<_>>();
        let told = |what: &str| format!("{:?} {what} where {:?} was the answer", wrote(), judged.answer);
        ensure(effect != Effect::None, judged.answer.blame(&Answer::Done), || told("was written"))?;
        let is_relaxed = landing.batch.durability == Durability::Relaxed;
        let blame = match judged.answer {
            Answer::Gone(_) | Answer::Reused | Answer::Issued(_) => judged.answer.blame(&Answer::Done),
            _ => 41,
        };
        ensure(effect.is_relaxed() == is_relaxed, blame, || {
            told("was written without a barrier, or a touch with one,")
        })?;
        let mut touched = Vec::new();
        let scope = self.apply(&effect, judged, landing, &mut touched)?;
        for key in landing.batch.writes.iter().map(Write::key) {
            let (before, after) = (landing.before.get(key), landing.rows.get(key));
            if before.is_some() || after.is_some() {
                ensure(self.is_within(key, before.or(after), scope), 29, || {
                    format!("{effect:?} wrote the row of somebody else: {key:?}")
                })?;
            }
            self.compare(key, after, landing.rows)?;
        }
        touched.iter().try_for_each(|key| self.compare(key, landing.rows.get(key), landing.rows))
    }

    #[allow(clippy::too_many_lines, reason = "an arm for each effect, and no more")]
    fn apply(
        &mut self,
        effect: &Effect,
        judged: &mut Judgement,
        landing: &Landing<'_>,
        touched: &mut Vec<Key>,
    ) -> Result<Scope, Violation> {
        let at = landing.at;
        let of = |account| Scope { account: Some(account), ..Scope::default() };
        let scope = match *effect {
            Effect::None => Scope::default(),
            Effect::Register { name, password } => {
                let id = self.sign_up(name, password, landing)?;
                judged.answer = Answer::Registered(id);
                Scope { name: Some(name), ..of(self.accounts.len() - 1) }
            }
            Effect::Grant { account, name, lifetime, previous, ref data, origin, remember, scope } => {
                if !origin.has_tries {
                    self.names[name].throttle = Throttle::default();
                }
                self.touch_counter(Counted::Name(name), touched);
                self.forgive(account, origin, at, touched);
                if !self.make_room(account, previous, &judged.beside, landing, touched)? {
                    self.accounts[account].see_device(origin, None, at, &self.policy);
                    judged.answer = Answer::TooManySessions;
                    return Ok(Scope { name: Some(name), ..of(account) });
                }
                if let Some(previous) = previous {
                    self.end(previous, touched);
                }
                let new = remember && origin.device.is_none();
                let new = if new { Some(self.new_device(account, landing)?) } else { None };
                self.accounts[account].see_device(origin, new, at, &self.policy);
                let life =
                    self.begin(Some(account), self.policy.span(lifetime), data, scope, landing, touched)?;
                judged.answer = Answer::LoggedIn(life, new);
                judged.shown = Some((account, self.accounts[account].hash.clone()));
                self.accounts[account].sessions.push(self.sessions.len() - 1);
                let session = previous.map(|previous| self.sessions[previous].id);
                Scope { name: Some(name), session, ..of(account) }
            }
            Effect::OpenSession { ref data, lifetime } => {
                let Span { idle, absolute } = self.policy.anonymous();
                let absolute = lifetime.unwrap_or(absolute);
                let span = Span { idle: idle.min(absolute), absolute };
                let life = self.begin(None, span, data, Scopes::default(), landing, touched)?;
                judged.answer = Answer::Begun(life);
                Scope { session: Some(life.id), ..Scope::default() }
            }
            Effect::Update { session, ref data, lifetime } => {
                let next = self.sessions[session].updated(lifetime, at, &self.policy);
                self.sessions[session] = Session { data: data.clone(), ..next };
                self.see(session, touched)
            }
            Effect::Fail { counter, attempts } => {
                let name = self.fail(counter, attempts, landing)?;
                self.touch_counter(counter, touched);
                self.touch_counter(attempts, touched);
                let account = if let Counted::Account(account) = attempts { Some(account) } else { None };
                Scope { account, name, ..Scope::default() }
            }
            Effect::FailFrom { account, origin } => {
                self.accounts[account].failed(origin);
                touched.push(Key::Attempts(self.accounts[account].id));
                of(account)
            }
            Effect::Rehash { account } => of(account),
            Effect::Touch { session } => {
                self.sessions[session].last_seen = at;
                self.see(session, touched)
            }
            Effect::End { session } => self.end(session, touched),
            Effect::Rotate { session } => {
                self.sessions[session] = self.sessions[session].renewed(at, false);
                self.see(session, touched)
            }
            Effect::Reauthenticate { session } => {
                self.sessions[session] = self.sessions[session].renewed(at, true);
                let scope = self.see(session, touched);
                if let Some(account) = scope.account {
                    self.accounts[account].throttle = Throttle::default();
                    self.forgive(account, Origin::default(), at, touched);
                }
                scope
            }
            Effect::EndAll { account, keep } => {
                if let Some(kept) = keep {
                    self.sessions[kept] = self.sessions[kept].renewed(at, false);
                }
                self.end_all(account, keep, touched);
                // No token that was granted before is good, the kept session's neither.
                if let Some(kept) = keep {
                    self.drop_grants(kept);
                }
                of(account)
            }
            Effect::ChangePassword { session, new } => {
                self.sessions[session] = self.sessions[session].renewed(at, true);
                let scope = self.see(session, touched);
                if let Some(account) = scope.account {
                    self.end_all(account, Some(session), touched);
                    self.drop_grants(session);
                    self.accounts[account].password = new;
                    self.accounts[account].is_compromised = false;
                    self.accounts[account].throttle = Throttle::default();
                    self.forgive_all(account, touched);
                    self.accounts[account].devices.clear();
                }
                scope
            }
            Effect::SetPassword { account, new } => {
                self.end_all(account, None, touched);
                self.accounts[account].password = new;
                self.accounts[account].is_compromised = false;
                self.accounts[account].devices.clear();
                self.unlock(account, landing, touched)?
            }
            Effect::Unlock { account } => self.unlock(account, landing, touched)?,
            Effect::Disable { account } => {
                self.end_all(account, None, touched);
                self.accounts[account].may_log_in = false;
                touched.push(Key::Active(self.accounts[account].id));
                of(account)
            }
            Effect::Enable { account } => {
                self.accounts[account].may_log_in = true;
                touched.push(Key::Active(self.accounts[account].id));
                of(account)
            }
            Effect::Delete { account } => {
                self.delete(account, landing, touched);
                of(account)
            }
            Effect::Bite { account } => {
                judged.answer = Answer::Remains(!self.bite(account, landing)?);
                of(account)
            }
            Effect::Rename { account, name } => {
                let old = std::mem::replace(&mut self.accounts[account].name, name);
                self.names[old].account = None;
                self.names[name].account = Some(account);
                self.accounts[account].once_named.insert(name);
                touched.extend([old, name].map(login));
                of(account)
            }
            Effect::Compromise { account } => {
                self.end_all(account, None, touched);
                self.accounts[account].is_compromised = true;
                of(account)
            }
            Effect::Forgive { account, name, origin } => {
                if !origin.has_tries {
                    self.names[name].throttle = Throttle::default();
                }
                self.touch_counter(Counted::Name(name), touched);
                self.forgive(account, origin, at, touched);
                Scope { name: Some(name), ..of(account) }
            }
            Effect::EndEverything | Effect::Trust => {
                let is_trusted = *effect == Effect::Trust;
                if is_trusted {
                    self.mark = at;
                } else {
                    self.keys_after(landing)?;
                }
                self.end_everything(touched);
                Scope { all: true, clock: is_trusted, ..Scope::default() }
            }
            Effect::Mark { .. } => {
                self.mark = self.mark.max(at);
                Scope { clock: true, ..Scope::default() }
            }
            Effect::OpenRotating { marks, rotation } => {
                if marks {
                    self.mark = self.mark.max(at);
                }
                self.rotate(rotation, landing)?;
                Scope { clock: marks, keyring: true, ..Scope::default() }
            }
            Effect::Token(ref effect) => self.apply_token(effect, judged, landing, touched)?,
        };
        if let Some(account) = scope.account.filter(|account| self.accounts[*account].is_there()) {
            self.read_hash(account, landing.rows)?;
        }
        Ok(scope)
    }

    fn sign_up(
        &mut self,
        name: usize,
        password: usize,
        landing: &Landing<'_>,
    ) -> Result<AccountId, Violation> {
        let id = landing.batch.writes.iter().find_map(|write| match write.key() {
            Key::Account(id) => Some(*id),
            _ => None,
        });
        let id = id.ok_or_else(|| Violation::new(26, "a registration made no account"))?;
        self.draw(*id.as_bytes())?;
        let Some(Record::Credential(credential)) =
            landing.rows.get(&Key::Credential(id)).map(|row| &row.record)
        else {
            return Err(Violation::new(26, "a registration left no password"));
        };
        self.by_account.insert(id, self.accounts.len());
        self.names[name].account = Some(self.accounts.len());
        self.accounts.push(Account {
            id,
            stage: Stage::There,
            is_compromised: false,
            name,
            once_named: BTreeSet::from([name]),
            password,
            hash: credential.hash.clone(),
            may_log_in: true,
            failures: 0,
            held: BTreeMap::new(),
            devices: Vec::new(),
            once_known: BTreeSet::new(),
            throttle: Throttle::default(),
            sessions: Vec::new(),
            ended: 0,
        });
        Ok(id)
    }

    fn begin(
        &mut self,
        account: Option<usize>,
        span: Span,
        data: &[u8],
        scope: Scopes,
        landing: &Landing<'_>,
        touched: &mut Vec<Key>,
    ) -> Result<Life, Violation> {
        let new = landing.batch.writes.iter().find_map(|write| match write {
            Write::Put { key: Key::Session(id), row, .. } => Some((*id, row)),
            _ => None,
        });
        let (id, row) = new.ok_or_else(|| Violation::new(24, "a login made no session"))?;
        let Record::Session(record) = &row.record else {
            return Err(Violation::new(24, "a login made something else than a session"));
        };
        ensure(!self.by_id.contains_key(&id), 33, || "a login goes on under an id met before".to_owned())?;
        ensure(record.salt != *id.as_bytes(), 42, || "the key and a session's id make its token".to_owned())?;
        self.draw(*id.as_bytes())?;
        self.draw(record.salt)?;
        let session = Session {
            id,
            account,
            account_id: account.map(|account| self.accounts[account].id),
            salt: record.salt,
            generation: 1,
            created: landing.at,
            last_seen: landing.at,
            idle: span.idle,
            absolute_end: landing.at.saturating_add(span.absolute),
            auth_time: landing.at,
            is_there: true,
            is_revoked: false,
            data: data.to_vec(),
            scope,
            grants: Grants::default(),
            was_purged: false,
        };
        let life = session.life();
        touched.extend([Key::Session(id), Key::Data(id), Key::Grants(id)]);
        self.by_id.insert(id, self.sessions.len());
        self.sessions.push(session);
        Ok(life)
    }

    pub(crate) fn draw(&mut self, bytes: [u8; 16]) -> Result<(), Violation> {
        ensure(self.drawn.insert(bytes), 31, || "an id or a salt came again".to_owned())
    }

    pub(super) fn end(&mut self, session: usize, touched: &mut Vec<Key>) -> Scope {
        self.sessions[session].is_there = false;
        // An ending that was still on its way takes along what a purge has left.
        self.sessions[session].was_purged = false;
        self.drop_grants(session);
        let scope = self.see(session, touched);
        if let Some(account) = scope.account {
            self.accounts[account].sessions.retain(|one| *one != session);
        }
        scope
    }

    pub(super) fn end_all(&mut self, account: usize, keep: Option<usize>, touched: &mut Vec<Key>) {
        self.accounts[account].devices.iter_mut().for_each(|device| device.is_forgotten = true);
        touched.push(Key::Devices(self.accounts[account].id));
        self.accounts[account].ended = self.landed;
        for session in &self.accounts[account].sessions {
            self.sessions[*session].is_revoked |= Some(*session) != keep;
            touched.push(Key::Session(self.sessions[*session].id));
        }
    }

    pub(super) fn see(&self, session: usize, touched: &mut Vec<Key>) -> Scope {
        let Session { id, account, .. } = self.sessions[session];
        touched.extend([Key::Session(id), Key::Data(id), Key::Grants(id)]);
        Scope { account, session: Some(id), ..Scope::default() }
    }

    fn is_within(&self, key: &Key, row: Option<&Row>, scope: Scope) -> bool {
        let id = scope.account.map(|account| self.accounts[account].id);
        let owner = row.and_then(|row| row.owner);
        let account = scope.account.filter(|_| scope.lifts).map(|account| &self.accounts[account]);
        let is_lifted = |name: &usize| account.is_some_and(|account| account.once_named.contains(name));
        match key {
            Key::Clock => scope.clock,
            _ if scope.all => *key == Key::Keyring,
            Key::Keyring => scope.keyring,
            Key::Login(_) => owner == id && id.is_some(),
            Key::Throttle(_) => match self.counter_rows.get(key) {
                Some(Counted::Name(name)) => scope.name == Some(*name) || is_lifted(name),
                Some(Counted::Account(account)) => scope.account == Some(*account),
                Some(Counted::Decoy(_)) | None => false,
            },
            Key::Attempts(of) if Some(*of) != id => {
                matches!(self.counter_rows.get(key), Some(Counted::Decoy(name)) if scope.name == Some(*name))
            }
            Key::Account(of) | Key::Active(of) | Key::Credential(of) | Key::Attempts(of) => {
                Some(*of) == id && (owner == id || owner.is_none())
            }
            Key::Session(session) | Key::Data(session) | Key::Grants(session) => {
                let is_meant = scope.session == Some(*session) && (owner == id || owner.is_none());
                is_meant || (owner == id && id.is_some())
            }
            Key::Devices(of) | Key::Deletion(of) => Some(*of) == id && owner == id,
        }
    }
}
