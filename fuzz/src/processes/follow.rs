//! The journal as each process saw it while it grew: all the same, in the same order, and with every ending.

use std::collections::BTreeMap;

use doorward_core::store::{Change, Cursor, Revocation};

use super::judge::{Ending, Record};
use super::log::Subject;

/// A change as a line, and back: what two processes must have seen alike.
pub(super) fn words(change: &Change) -> String {
    let what = match &change.revocation {
        Revocation::Session(id) => format!("session {id} 0"),
        Revocation::Grant(id) => format!("grant {id} 0"),
        Revocation::Account { account, floor } => format!("account {account} {floor}"),
        Revocation::Everything { floor } => format!("everything - {floor}"),
    };
    format!("{} {what}", change.cursor.number())
}

struct Seen {
    cursor: Cursor,
    subject: Subject,
    floor: u64,
}

fn parse(line: &str) -> Option<Seen> {
    let mut words = line.split(' ');
    let cursor = Cursor::from_number(words.next()?.parse().ok()?);
    let (word, id) = (words.next()?, words.next()?);
    let subject = match word {
        "session" => Subject::Session(id.parse().ok()?),
        "account" => Subject::Account(id.parse().ok()?),
        _ => return None,
    };
    Some(Seen { cursor, subject, floor: words.next()?.parse().ok()? })
}

/// Compares what the processes saw with each other, and with the endings that were told. Says how many entries there are.
pub(super) fn judge(seen: &[Vec<String>], record: &Record) -> Result<usize, String> {
    let Some(first) = seen.first() else { return Ok(0) };
    for (process, other) in seen.iter().enumerate() {
        if let Some(at) = (0..first.len().max(other.len())).find(|at| first.get(*at) != other.get(*at)) {
            let (one, other) = (first.get(at), other.get(at));
            return Err(format!(
                "entry {at} of the journal is {one:?} to process 0, and {other:?} to {process}"
            ));
        }
    }
    let parsed: Option<Vec<Seen>> = first.iter().map(|line| parse(line)).collect();
    let parsed = parsed.ok_or("the journal tells of what nobody did")?;
    if let Some(twice) =
        parsed.windows(2).find(|pair| pair.first().map(|one| one.cursor) >= pair.last().map(|one| one.cursor))
    {
        return Err(format!(
            "{:?} is followed by {:?}",
            twice.first().map(|one| one.cursor),
            twice.last().map(|one| one.cursor)
        ));
    }
    let mut by_subject: BTreeMap<Subject, Vec<&Seen>> = BTreeMap::new();
    for one in &parsed {
        by_subject.entry(one.subject).or_default().push(one);
    }
    each_has_its_entry(&by_subject, record)?;
    in_order(&by_subject, record)?;
    Ok(parsed.len())
}

fn each_has_its_entry(by_subject: &BTreeMap<Subject, Vec<&Seen>>, record: &Record) -> Result<(), String> {
    let mut told: BTreeMap<Subject, (usize, usize)> = BTreeMap::new();
    for ending in &record.endings {
        let (begun, done) = told.entry(ending.subject).or_default();
        *begun += 1;
        *done += usize::from(ending.told.is_some_and(|(_, was_live)| was_live));
    }
    if let Some(subject) = by_subject.keys().find(|subject| !told.contains_key(subject)) {
        return Err(format!("the journal tells of the end of {subject:?}, which nobody had begun"));
    }
    for (subject, (begun, done)) in &told {
        let entries = by_subject.get(subject).map_or(&[][..], Vec::as_slice);
        if entries.len() < *done {
            return Err(format!(
                "{done} endings of {subject:?} were told, {} are in the journal",
                entries.len()
            ));
        }
        // Each logout everywhere is one step.
        let floors = entries.iter().map(|seen| seen.floor);
        let is_account = matches!(subject, Subject::Account(_));
        if entries.len() > *begun || (is_account && !floors.eq(1..=entries.len() as u64)) {
            return Err(format!("{subject:?} was ended {begun} times, and has {} entries", entries.len()));
        }
    }
    Ok(())
}

/// What was told before another was begun stands before it.
fn in_order(by_subject: &BTreeMap<Subject, Vec<&Seen>>, record: &Record) -> Result<(), String> {
    let mut placed: Vec<(Cursor, &Ending)> = Vec::new();
    let mut count: BTreeMap<Subject, usize> = BTreeMap::new();
    // One that found it gone has no entry.
    let with_entry =
        || record.endings.iter().filter(|ending| ending.told.is_none_or(|(_, was_live)| was_live));
    for ending in with_entry() {
        *count.entry(ending.subject).or_default() += 1;
    }
    for ending in with_entry() {
        // Of several endings of one subject nobody can tell whose entry is which.
        if let (Some(1), Some([entry])) =
            (count.get(&ending.subject), by_subject.get(&ending.subject).map(Vec::as_slice))
        {
            placed.push((entry.cursor, ending));
        }
    }
    placed.sort_by_key(|(cursor, _)| *cursor);
    let mut earliest = usize::MAX;
    for (cursor, ending) in placed.iter().rev() {
        if ending.begun > earliest {
            return Err(format!("{ending:?} stands at {cursor:?}, before one that was told before it began"));
        }
        earliest = earliest.min(ending.told.map_or(usize::MAX, |(told, _)| told));
    }
    Ok(())
}
