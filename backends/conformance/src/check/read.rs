//! What one read shows.

use std::sync::Mutex;

use doorward_core::record::{Key, Kind, Row};

use crate::crowd::while_working;
use crate::draft::{Draft, account, key, row, row_saying, session};
use crate::fixture::Fixture;
use crate::promise::{Checked, ensure};
use crate::subject::Subject;

pub(crate) fn answers_in_key_order(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let keys: Vec<Key> = Kind::ALL.into_iter().map(|kind| key(kind, 7)).collect();
    let rows: Vec<Row> = keys.iter().map(|key| store.create(key)).collect::<Checked<_>>()?;
    let absent = session(8);
    let mut asked: Vec<(&Key, Option<&Row>)> = keys.iter().zip(rows.iter().map(Some)).collect();
    asked.push((&absent, None));
    asked.extend_from_within(2..5);
    for rotation in 0..asked.len() {
        asked.rotate_left(1);
        if rotation % 2 == 1 {
            asked.reverse();
        }
        let (keys, expected): (Vec<Key>, Vec<Option<&Row>>) =
            asked.iter().map(|(key, row)| ((*key).clone(), *row)).unzip();
        let found = store.read(&keys)?;
        let found: Vec<Option<&Row>> = found.iter().map(Option::as_ref).collect();
        ensure!(found == expected, "a read of {keys:?} gave {found:?} for {expected:?}");
    }
    // What an engine reads all the time, with each of the rows there or not.
    for (beside, absent) in (0..3).flat_map(|beside| (0..16).map(move |absent| (beside, absent))) {
        let usual = usual(beside, |at| if absent >> at & 1 == 1 { 8 } else { 7 });
        let expected: Vec<Option<&Row>> = usual
            .iter()
            .map(|key| keys.iter().position(|one| one == key).and_then(|at| rows.get(at)))
            .collect();
        let found = store.read(&usual)?;
        let found: Vec<Option<&Row>> = found.iter().map(Option::as_ref).collect();
        ensure!(found == expected, "a read of {usual:?} gave {found:?} for {expected:?}");
    }
    Ok(())
}

/// The keys that engines read together, which a store may have a shorter way for: of these numbers, and one of three
/// choices of what stands beside a session.
fn usual(beside: usize, number: impl Fn(usize) -> u64) -> Vec<Key> {
    let beside = [None, Some(Kind::Grants), Some(Kind::Data)].into_iter().nth(beside % 3).flatten();
    let kinds = [Kind::Session, Kind::Account, Kind::Keyring].into_iter().chain(beside);
    kinds.enumerate().map(|(at, kind)| key(kind, number(at))).collect()
}

pub(crate) fn empty(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    store.create(&session(1))?;
    store.read(&[]).map(drop)
}

/// Many rows, of all kinds, are rewritten together, and a session is replaced by another: a reader that sees
/// two versions, or both sessions, or none, has not seen one moment.
pub(crate) fn one_snapshot(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    // Few enough to a batch that a store which cuts a long one breaks another promise.
    let rewritten: Vec<Key> = (0..2).flat_map(|n| Kind::ALL.map(|kind| key(kind, n))).collect();
    let rewritten: Vec<Key> = rewritten.into_iter().filter(|key| !key.kind().is_single()).collect();
    let pair = [account(100), session(100), session(101)];
    let [_, one, other] = &pair;
    let first = rewritten.iter().fold(Draft::new().put_absent(one, row(Kind::Session)), |draft, key| {
        draft.put_absent(key, row(key.kind()))
    });
    store.apply(&first.batch())?;
    let last = Mutex::new(first.row(row(Kind::Session)));
    let work = |round| {
        let draft = Draft::new();
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = draft.row(row(Kind::Session));
        let (gone, come) = if round % 2 == 0 { (one, other) } else { (other, one) };
        let draft = draft.delete(gone).put_absent(come, now.clone());
        let draft = rewritten
            .iter()
            .fold(draft, |draft, key| draft.put_over(key, row_saying(key.kind(), round), &last));
        *last = now;
        store.apply(&draft.batch())
    };
    let watch = |watcher| {
        let (keys, length) = if watcher % 2 == 0 {
            let mut keys: Vec<Key> = rewritten.iter().chain(&pair).cloned().collect();
            let length = keys.len();
            keys.rotate_left(watcher * 7 % length);
            (keys, rewritten.len() + 1)
        } else {
            // The keyring is not there.
            let keys = usual(watcher / 2, |_| 0);
            let length = keys.len() - 1;
            (keys, length)
        };
        let rows = store.read(&keys)?;
        let seen: Vec<_> = rows.iter().flatten().map(|row| row.stamp).collect();
        ensure!(
            seen.len() == length,
            "a row that is there at every moment was not there, or one session and the one that replaces it both were"
        );
        ensure!(
            seen.windows(2).all(|two| two.first() == two.last()),
            "rows that are only ever written together were read from different batches"
        );
        Ok(())
    };
    while_working(6, work, watch)
}
