//! The rows: does each say what the model says?

use std::collections::BTreeMap;

use doorward_core::id::AccountId;
use doorward_core::record::{Key, Record, Row};
use doorward_core::time::Timestamp;

use super::{Counted, Failures, Model, PASSWORDS, Session, Stage, Throttle};
use crate::hashing::is_hash_of;
use crate::violation::{Violation, ensure};

impl Model {
    /// Whether the row says what the model says.
    #[allow(clippy::too_many_lines, reason = "an arm for each kind of row, and no more")]
    pub(crate) fn compare(
        &self,
        key: &Key,
        row: Option<&Row>,
        rows: &BTreeMap<Key, Row>,
    ) -> Result<(), Violation> {
        let is = |holds, invariant, what: &str| {
            ensure(holds, invariant, || format!("{what}: {key:?} is {:?}", row.map(|row| &row.record)))
        };
        let account = |id: &AccountId| self.by_account.get(id).map(|account| &self.accounts[*account]);
        let owner = row.and_then(|row| row.owner).and_then(|owner| account(&owner));
        is(owner.is_none_or(|owner| owner.stage != Stage::Gone), 15, "a row of an account that is no more")?;
        match (key, row.map(|row| &row.record)) {
            (Key::Session(id), record) => match (self.by_id.get(id).map(|at| &self.sessions[*at]), record) {
                (None, None) => Ok(()),
                (Some(session), None) => is(!session.is_there, 26, "a session is lost"),
                (None, Some(_)) => is(false, 24, "a session that nobody was granted"),
                (Some(session), Some(_)) if !session.is_there => {
                    is(false, 15, "a session that is over is back")
                }
                (Some(session), Some(_)) => compare_session(session, row, rows),
            },
            (Key::Attempts(id), record) => {
                let (failures, held) = match record {
                    Some(Record::Attempts(record)) => {
                        let held = record.devices.iter().map(|held| (held.device, held.failures));
                        (record.failures, held.collect())
                    }
                    _ => (0, BTreeMap::new()),
                };
                let none = BTreeMap::new();
                let held_by_right = account(id).map_or(&none, |account| &account.held);
                is(held == *held_by_right, 38, "a device holds what it did not fail")?;
                let expected = match self.counter_rows.get(key) {
                    Some(Counted::Decoy(name)) => self.names[*name].decoy.map_or(0, |(failures, _)| failures),
                    _ => account(id).map_or(0, |account| account.failures),
                };
                is(failures == expected, 38, "failures are miscounted")
            }
            (Key::Throttle(_), record) => {
                let expected = match self.counter_rows.get(key) {
                    Some(Counted::Name(name)) => self.names[*name].throttle,
                    Some(Counted::Account(account)) => self.accounts[*account].throttle,
                    Some(Counted::Decoy(_)) | None => Throttle::default(),
                };
                let found = match (row, record) {
                    (Some(row), Some(Record::Throttle(record))) => Throttle(Some(Failures {
                        count: record.failures,
                        until: record.until,
                        kept_until: row.expires.unwrap_or(Timestamp::MAX),
                    })),
                    _ => Throttle::default(),
                };
                let shorter = found.0.map(|one| one.until) < expected.0.map(|one| one.until);
                is(found == expected, if shorter { 21 } else { 38 }, "a wait is wrong")
            }
            (Key::Active(id), record) => {
                let may = account(id).is_some_and(|account| account.may_log_in);
                is(record.is_some() == may, 14, "who may log in is wrong")
            }
            (Key::Credential(id), Some(Record::Credential(record))) => {
                let account = account(id).filter(|account| account.is_there());
                is(account.is_some(), 26, "a password is made up")?;
                let is_compromised = account.is_some_and(|account| account.is_compromised);
                is(record.compromised.is_some() == is_compromised, 14, "whether others know it is wrong")
            }
            (Key::Account(id) | Key::Credential(id), record) => is(
                record.is_some() == account(id).is_some_and(super::Account::is_there),
                26,
                "an account is lost or made up",
            ),
            (Key::Login(name), record) => {
                let number = (0..super::NAMES).find(|number| super::name(*number) == name.as_str());
                let holder = number.and_then(|number| self.names[number].account);
                let named = match record {
                    Some(Record::Login(record)) => Some(record.account),
                    _ => None,
                };
                let holder = holder.map(|holder| self.accounts[holder].id);
                is(named == holder, 26, "a name is lost, or another's")
            }
            (Key::Keyring, Some(Record::Keyring(record))) => {
                is(self.are_keys(record), 36, "other keys sign than should")
            }
            (Key::Keyring, _) => is(false, 26, "the keyring is lost"),
            (Key::Data(id), record) => {
                let session = self.by_id.get(id).map(|at| &self.sessions[*at]);
                // A purge takes the session first, at its idle end.
                let kept = session.filter(|session| session.is_there || session.was_purged);
                let kept = kept.filter(|session| !session.data.is_empty());
                match (kept, row, record) {
                    (None, None, _) => Ok(()),
                    (None, Some(_), _) => is(false, 15, "what was kept is there, and its session is over"),
                    (Some(session), Some(row), Some(Record::Data(record))) => {
                        is(record.bytes == session.data, 29, "something else is kept")?;
                        is(row.owner == session.account_id, 29, "it is kept for somebody else")?;
                        let ends = Some(session.absolute_end);
                        is(row.expires == ends, 26, "a purge would take what is kept at another time")
                    }
                    (Some(_), ..) => is(false, 26, "what was kept is lost"),
                }
            }
            (Key::Devices(id), record) => {
                let epoch = |key| rows.get(&key).map_or(0, |row: &Row| row.epoch);
                let epochs = (epoch(Key::Account(*id)), epoch(Key::Keyring));
                let listed = match record {
                    Some(Record::Devices(record)) => &record.devices[..],
                    _ => &[],
                };
                let listed = listed.iter().filter(|one| (one.account_epoch, one.global_epoch) == epochs);
                let listed: Vec<_> = listed.map(|one| (one.id, one.expires)).collect();
                let known = account(id).map_or(&[][..], |account| &account.devices);
                let known = known.iter().filter(|one| !one.is_forgotten).map(|one| (one.id, one.expires));
                let (lost, kept) = (listed.len() < known.clone().count(), 12);
                is(listed.into_iter().eq(known), if lost { 26 } else { kept }, "the known devices are others")
            }
            (Key::Deletion(id), record) => {
                let remains = account(id).is_some_and(|account| account.stage == Stage::Remains);
                is(record.is_some() == remains, 27, "a deletion is forgotten, or made up")
            }
            (Key::Grants(id), record) => {
                let session = self.by_id.get(id).map(|at| &self.sessions[*at]);
                let session = session.filter(|session| session.is_there || session.was_purged);
                match (session.filter(|session| session.grants.is_there), row, record) {
                    (None, None, _) => Ok(()),
                    (None, Some(_), _) => is(false, 15, "what was granted is there, and is over"),
                    (Some(session), Some(row), Some(Record::Grants(record))) => {
                        self.compare_grants(session, row, record, rows)
                    }
                    (Some(_), ..) => is(false, 25, "what was granted is lost"),
                }
            }
            (Key::Clock, record) => {
                let is_it = matches!(record, Some(Record::Clock(record)) if record.highest == self.mark);
                is(is_it, 20, "the clock mark is wrong")
            }
        }
    }

    /// The stored hash is one of the password in force: whatever raced, the last change stands.
    pub(super) fn read_hash(&mut self, account: usize, rows: &BTreeMap<Key, Row>) -> Result<(), Violation> {
        let account = &mut self.accounts[account];
        let Some(Record::Credential(record)) = rows.get(&Key::Credential(account.id)).map(|row| &row.record)
        else {
            return Err(Violation::new(39, "an account lost its password"));
        };
        if account.hash != record.hash {
            ensure(
                is_hash_of(&record.hash, PASSWORDS[account.password].as_bytes(), record.pepper),
                39,
                || "the stored hash is not of the password that was set last".to_owned(),
            )?;
            account.hash = record.hash.clone();
        }
        ensure(is_hash_of(&account.hash, PASSWORDS[account.password].as_bytes(), record.pepper), 26, || {
            "the password that was set is not the stored one".to_owned()
        })
    }
}

fn compare_session(session: &Session, row: Option<&Row>, rows: &BTreeMap<Key, Row>) -> Result<(), Violation> {
    let Some((row, Record::Session(record))) = row.map(|row| (row, &row.record)) else {
        return Err(Violation::new(24, "half a session"));
    };
    let is = |holds, invariant, what: &str| {
        ensure(holds, invariant, || format!("{what}: {record:?} instead of {session:?}"))
    };
    let epoch = |key| rows.get(&key).map(|row: &Row| row.epoch);
    let account_epoch = session.account_id.map_or(Some(0), |id| epoch(Key::Account(id)));
    let is_current =
        account_epoch == Some(record.account_epoch) && epoch(Key::Keyring) == Some(record.global_epoch);
    is(!(is_current && session.is_revoked), 12, "a session outlived the ending of all")?;
    is(is_current || session.is_revoked, 13, "a session was granted dead, or was not kept")?;
    is(record.salt == session.salt && row.owner == session.account_id, 29, "another's session")?;
    is(record.generation == session.generation, 32, "a token is not replaced as it should be")?;
    is(record.absolute_end == session.absolute_end, 22, "the absolute end moved")?;
    is(record.last_seen == session.last_seen, 21, "the activity is not as it was")?;
    is(record.idle_end() == session.idle_end(), 21, "the idle end moved")?;
    is(record.scope == session.scope.scope(), 8, "its tokens may allow something else")?;
    is(row.expires == Some(session.idle_end()), 26, "a purge would come at another time")?;
    is(record.auth_time == session.auth_time && record.created == session.created, 32, "another history")
}
