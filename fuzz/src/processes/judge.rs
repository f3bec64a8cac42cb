//! The log, held against what the promises are: linearizable, whichever process asks.
//!
//! | | |
//! |---|---|
//! | a token is accepted | no ending of its session was finished before it was tried |
//! | a token is refused | an ending of its session was at least begun, or its time was over |
//! | an ending found it live | no other ending of it was finished before this one began |
//! | an ending found it gone | another one was begun, or its time was over |
//! | a name is registered | once |

use std::collections::BTreeMap;

use doorward_core::id::{AccountId, SessionId};

use super::log::{Line, Op, Subject};

/// All that happened, by the places of its lines in the log.
#[derive(Debug, Default)]
pub(super) struct Record {
    sessions: BTreeMap<SessionId, Session>,
    /// Each ending.
    pub(super) endings: Vec<Ending>,
    by_subject: BTreeMap<Subject, Vec<usize>>,
    tries: Vec<Try>,
    names: BTreeMap<String, AccountId>,
    /// Of each operation, how many were told something.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Of each failure, how many.
    pub(super) failures: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Session {
    begun: usize,
    granted: usize,
    account: Option<AccountId>,
    /// Of an anonymous one.
    end: i64,
}

/// From its first line to its last one; without that, nobody knows whether it is done.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) subject: Subject,
    pub(super) begun: usize,
    pub(super) told: Option<(usize, bool)>,
    now: i64,
}

#[derive(Debug)]
struct Try {
    session: SessionId,
    begun: usize,
    told: usize,
    is_accepted: bool,
    now: i64,
}

impl Record {
    /// Reads the whole log.
    pub(super) fn of(lines: &[Line]) -> Result<Self, String> {
        let mut record = Self::default();
        let mut begun: BTreeMap<Op, (usize, Option<SessionId>, Option<usize>)> = BTreeMap::new();
        for (at, line) in lines.iter().enumerate() {
            let op = line.op();
            match line {
                Line::Wrong { what, .. } => return Err(format!("process {}: {what}", op.process)),
                Line::Registered { name, account, .. } => {
                    if let Some(other) = record.names.insert(name.clone(), *account) {
                        return Err(format!("{name} was registered as {other} and as {account}"));
                    }
                    record.count("register");
                }
                Line::GrantBegins { .. } => _ = begun.insert(op, (at, None, None)),
                Line::EndBegins { subject, .. } => {
                    record.by_subject.entry(*subject).or_default().push(record.endings.len());
                    begun.insert(op, (at, None, Some(record.endings.len())));
                    record.endings.push(Ending { subject: *subject, begun: at, told: None, now: 0 });
                }
                Line::TryBegins { session, .. } => _ = begun.insert(op, (at, Some(*session), None)),
                Line::Failed { what, kind, .. } => {
                    *record.failures.entry(format!("{what}: {kind}")).or_default() += 1;
                }
                Line::Granted { session, account, end, .. } => {
                    let (begun, ..) = begun.remove(&op).ok_or("a grant was told before it began")?;
                    record.count(if account.is_some() { "login" } else { "open_session" });
                    let granted = Session { begun, granted: at, account: *account, end: *end };
                    if record.sessions.insert(*session, granted).is_some() {
                        return Err(format!("session {session} was granted twice"));
                    }
                }
                Line::Ended { was_live, now, .. } => {
                    let (_, _, ending) = begun.remove(&op).ok_or("an ending was told before it began")?;
                    let ending = ending.and_then(|ending| record.endings.get_mut(ending));
                    let ending = ending.ok_or("what was told is no ending")?;
                    (ending.told, ending.now) = (Some((at, *was_live)), *now);
                    let word = match ending.subject {
                        Subject::Session(_) => "logout, end_session",
                        Subject::Account(_) => "logout_everywhere",
                    };
                    record.count(word);
                }
                Line::Tried { is_accepted, now, .. } => {
                    let (begun, session, _) = begun.remove(&op).ok_or("a try was told before it began")?;
                    let session = session.ok_or("what was told is no try")?;
                    record.tries.push(Try { session, begun, told: at, is_accepted: *is_accepted, now: *now });
                    record.count(if *is_accepted { "tokens accepted" } else { "tokens refused" });
                }
            }
        }
        Ok(record)
    }

    fn count(&mut self, word: &'static str) {
        *self.counts.entry(word).or_default() += 1;
    }

    /// Finds what was untrue.
    pub(super) fn judge(&self) -> Result<(), String> {
        for one in &self.tries {
            let session = self.sessions.get(&one.session).ok_or("a token of no session was tried")?;
            if one.is_accepted {
                if let Some(ending) = self.ended_before(one.session, session, one.begun, None) {
                    return Err(format!("{one:?} was accepted after {ending:?}"));
                }
            } else if !self.may_be_over(one.session, session, one.told, one.now, None) {
                return Err(format!("{one:?} was refused, and nobody had begun to end {session:?}"));
            }
        }
        for (number, ending) in self.endings.iter().enumerate() {
            let (Subject::Session(id), Some((told, was_live))) = (ending.subject, ending.told) else {
                continue;
            };
            let Some(session) = self.sessions.get(&id) else { continue };
            if was_live {
                if let Some(other) = self.ended_before(id, session, ending.begun, Some(number)) {
                    return Err(format!("{ending:?} found it live after {other:?}"));
                }
            } else if !self.may_be_over(id, session, told, ending.now, Some(number)) {
                return Err(format!(
                    "{ending:?} found {session:?} gone, and nobody else had begun to end it"
                ));
            }
        }
        Ok(())
    }

    fn of_session<'a>(
        &'a self,
        id: SessionId,
        session: &Session,
        but: Option<usize>,
    ) -> impl Iterator<Item = &'a Ending> {
        let of = |subject: Option<Subject>| {
            subject.and_then(|subject| self.by_subject.get(&subject)).map_or(&[][..], Vec::as_slice)
        };
        let numbers = of(Some(Subject::Session(id))).iter().chain(of(session.account.map(Subject::Account)));
        numbers.filter(move |number| Some(**number) != but).filter_map(|number| self.endings.get(*number))
    }

    /// An ending of it that was finished by then.
    fn ended_before(
        &self,
        id: SessionId,
        session: &Session,
        then: usize,
        but: Option<usize>,
    ) -> Option<&Ending> {
        let is_its = |ending: &Ending| match ending.subject {
            Subject::Session(_) => true,
            // One that was under way at the login may have come before it.
            Subject::Account(_) => ending.begun > session.granted,
        };
        self.of_session(id, session, but)
            .find(|ending| is_its(ending) && ending.told.is_some_and(|(told, _)| told < then))
    }

    /// Whether an ending of it was begun by then, or its time had come.
    fn may_be_over(
        &self,
        id: SessionId,
        session: &Session,
        then: usize,
        now: i64,
        but: Option<usize>,
    ) -> bool {
        let is_its = |ending: &Ending| match ending.subject {
            Subject::Session(_) => true,
            // One that was finished before the login began did not end it.
            Subject::Account(_) => ending.told.is_none_or(|(told, _)| told > session.begun),
        };
        let is_old = session.account.is_none() && now + SLACK >= session.end;
        is_old || self.of_session(id, session, but).any(|ending| ending.begun < then && is_its(ending))
    }
}

/// By how much the clocks differ at most, in milliseconds.
pub(super) const SLACK: i64 = 2000;
