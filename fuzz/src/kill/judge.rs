//! What is in the store after a kill, against what must be.
//!
//! | of an operation | must be in the store |
//! |---|---|
//! | acknowledged | all of its effect |
//! | under way | all of its effect, or nothing of it |
//! | never begun | nothing: every row is somebody's |

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::error::{Fault, StoreError};
use doorward_core::id::{AccountId, SessionId};
use doorward_core::name::LoginName;
use doorward_core::password::{HashMemory, Password, Verdict, verify};
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Range, Store};

use super::act::{Act, Answer};
use super::plan;
use super::story::Line;
use super::town::{Account, Session, Town};

/// Every row.
pub(super) type Rows = BTreeMap<Key, Row>;

pub(super) fn rows_of(store: &dyn Store) -> Result<Rows, StoreError> {
    let mut rows = Rows::new();
    for kind in Kind::ALL {
        let mut range = Range { kind, owner: None, after: None };
        loop {
            let page = store.scan(&range, 1000)?;
            let Some((last, _)) = page.last() else { break };
            range.after = Some(last.clone());
            rows.extend(page);
        }
    }
    Ok(rows)
}

/// Settles what was under way in each town by what is there, and says so; or finds what cannot be.
pub(super) fn settle(towns: &mut [Town], rows: &Rows, memory: &mut HashMemory) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let mut explained = BTreeSet::from([Key::Keyring, Key::Clock]);
    for (thread, town) in towns.iter_mut().enumerate() {
        let compared = match town.pending.clone() {
            None => compare(town, thread, rows, memory)
                .map_err(|found| format!("thread {thread}, nothing under way: {found}"))?,
            Some((op, act)) => {
                let (line, keys) = settle_one(town, thread, rows, memory).map_err(|found| {
                    format!("operation {op} ({act}) is neither whole nor not at all: {found}")
                })?;
                town.follow(&line)?;
                lines.push(line);
                keys
            }
        };
        explained.extend(compared);
        town.rehashed.clear();
        town.accounts.values_mut().for_each(|account| account.raises = 0);
    }
    // Filed under a hash of the name, they are nobody's that one could tell.
    let is_odd = |key: &&Key| !explained.contains(*key) && key.kind() != Kind::Throttle;
    match rows.keys().find(is_odd) {
        Some(key) => Err(format!("{key:?} is in the store, and nobody's")),
        None => Ok(lines),
    }
}

fn settle_one(
    town: &Town,
    thread: usize,
    rows: &Rows,
    memory: &mut HashMemory,
) -> Result<(Line, BTreeSet<Key>), String> {
    let Some((op, act)) = town.pending.clone() else { return Err("nothing is under way".to_owned()) };
    let mut before = town.clone();
    // Its password may have changed: which one it is now tells.
    before.rehashed.extend(match &act {
        Act::SetPassword { account, .. } => Some(*account),
        Act::ChangePassword { session, .. } => town.owner(session),
        _ => None,
    });
    let without = match compare(&before, thread, rows, memory) {
        Ok(keys) => return Ok((Line::Lost(op), keys)),
        Err(found) => found,
    };
    let Some(answer) = landed(town, &act, &op.data(), rows) else { return Err(without) };
    let mut after = town.clone();
    after.apply(op, &act, &answer);
    match compare(&after, thread, rows, memory) {
        Ok(keys) => Ok((Line::Landed(op, answer), keys)),
        Err(with) => Err(format!("without it, {without}; with it, {with}")),
    }
}

/// What the operation would have been told, but for the token, which nobody has.
fn landed(town: &Town, act: &Act, data: &str, rows: &Rows) -> Option<Answer> {
    let is_new = |id: &SessionId| {
        !town.deleted.contains(id) && !town.revoked.contains(id) && !town.guests.contains_key(id)
    };
    match act {
        Act::Register { name, .. } => {
            let row = rows.get(&Key::Login(LoginName::parse(name).ok()?))?;
            Some(Answer { account: Some(row.login().ok()?.account), ..Answer::default() })
        }
        Act::Login { account, .. } => {
            let known = &town.accounts.get(account)?.sessions;
            let session = sessions(rows, Some(*account)).find(|id| is_new(id) && !known.contains_key(id))?;
            Some(Answer { session: Some(session), ..Answer::default() })
        }
        Act::OpenSession => {
            let is_its = |id: &SessionId| is_new(id) && data_of(rows, id).is_some_and(|bytes| bytes == data);
            let session = sessions(rows, None).find(is_its)?;
            Some(Answer { session: Some(session), ..Answer::default() })
        }
        _ => Some(Answer::default()),
    }
}

fn sessions(rows: &Rows, owner: Option<AccountId>) -> impl Iterator<Item = SessionId> + '_ {
    rows.iter().filter_map(move |(key, row)| match key {
        Key::Session(id) if row.owner == owner => Some(*id),
        _ => None,
    })
}

fn data_of(rows: &Rows, id: &SessionId) -> Option<String> {
    let row = rows.get(&Key::Data(*id))?;
    Some(String::from_utf8_lossy(&row.data().ok()?.bytes).into_owned())
}

/// Whether the rows are what the town has; if so, which are its.
fn compare(
    town: &Town,
    thread: usize,
    rows: &Rows,
    memory: &mut HashMemory,
) -> Result<BTreeSet<Key>, String> {
    let mut its = BTreeSet::new();
    for (id, account) in &town.accounts {
        compare_account(*id, account, rows, &mut its).map_err(|found| format!("account {id}: {found}"))?;
        if town.rehashed.contains(id) && !opens(*id, account.password, rows, memory)? {
            return Err(format!("account {id}: its password is another one"));
        }
    }
    for (id, (guest, _)) in &town.guests {
        compare_session(*id, guest, None, rows, &mut its).map_err(|found| format!("guest {id}: {found}"))?;
    }
    for (key, row) in rows {
        let is_removed = row.owner.filter(|owner| town.gone.contains(owner));
        if let Some(owner) = is_removed {
            if !rows.contains_key(&Key::Deletion(owner)) {
                return Err(format!("{key:?} of a deleted account is there, and nothing says so"));
            }
            its.insert(key.clone());
        }
        match key {
            _ if its.contains(key) => {}
            Key::Session(id) | Key::Data(id) if town.revoked.contains(id) => _ = its.insert(key.clone()),
            Key::Session(id) | Key::Data(id) | Key::Grants(id) if town.deleted.contains(id) => {
                return Err(format!("session {id} was ended, and {key:?} is there"));
            }
            Key::Session(id) if is_of(town, thread, row, rows, id) => {
                return Err(format!("session {id} is there, and nobody was given it"));
            }
            Key::Login(name) if name.as_str().starts_with(&format!("t{thread}n")) => {
                return Err(format!("{key:?} is there, and no account of this thread has it"));
            }
            _ => {}
        }
    }
    Ok(its)
}

/// Whether a session that is not known can only be this thread's.
fn is_of(town: &Town, thread: usize, row: &Row, rows: &Rows, id: &SessionId) -> bool {
    match row.owner {
        Some(owner) => town.accounts.contains_key(&owner),
        None => data_of(rows, id).is_some_and(|data| data.starts_with(&format!("kept by {thread}."))),
    }
}

fn compare_account(
    id: AccountId,
    account: &Account,
    rows: &Rows,
    its: &mut BTreeSet<Key>,
) -> Result<(), String> {
    let row = rows.get(&Key::Account(id)).ok_or("it is not there")?;
    same("its epoch", &row.epoch, &account.epoch)?;
    let name = LoginName::parse(&account.name).map_err(|error| error.to_string())?;
    let login = rows.get(&Key::Login(name.clone())).ok_or("its name is not there")?;
    same("whose its name is", &login.login().map_err(broken)?.account, &id)?;
    let names = rows.iter().filter(|(key, row)| key.kind() == Kind::Login && row.owner == Some(id)).count();
    same("how many names it has", &names, &1)?;
    same("whether it has a password", &rows.contains_key(&Key::Credential(id)), &true)?;
    same("whether it is active", &rows.contains_key(&Key::Active(id)), &account.is_active)?;
    let failures = match rows.get(&Key::Attempts(id)) {
        Some(row) => row.attempts().map_err(broken)?.failures,
        None => 0,
    };
    same("its failures", &failures, &account.failures)?;
    its.extend([Key::Account(id), Key::Login(name), Key::Credential(id), Key::Active(id), Key::Attempts(id)]);
    for (session, state) in &account.sessions {
        compare_session(*session, state, Some((id, account.epoch)), rows, its)
            .map_err(|found| format!("session {session}: {found}"))?;
    }
    Ok(())
}

fn compare_session(
    id: SessionId,
    session: &Session,
    owner: Option<(AccountId, u64)>,
    rows: &Rows,
    its: &mut BTreeSet<Key>,
) -> Result<(), String> {
    let row = rows.get(&Key::Session(id)).ok_or("it is not there")?;
    let record = row.session().map_err(broken)?;
    same("its owner", &row.owner, &owner.map(|(id, _)| id))?;
    if let Some((_, epoch)) = owner {
        same("the epoch it is of", &record.account_epoch, &epoch)?;
    }
    same("its generation", &record.generation, &session.generation)?;
    same("its data", &data_of(rows, &id).unwrap_or_default(), &session.data)?;
    its.extend([Key::Session(id), Key::Data(id)]);
    Ok(())
}

fn opens(id: AccountId, password: u32, rows: &Rows, memory: &mut HashMemory) -> Result<bool, String> {
    let row = rows.get(&Key::Credential(id)).ok_or("its password is not there")?;
    let credential = row.credential().map_err(broken)?;
    let password = Password::new(plan::password(password)).map_err(|error| error.to_string())?;
    let verdict = verify(&password, credential.normalization, &credential.hash, None, memory);
    Ok(verdict.map_err(|error| error.to_string())? == Verdict::Match)
}

fn broken(fault: Fault) -> String {
    fault.to_string()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?} instead of {expected:?}")) }
}
