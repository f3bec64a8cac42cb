//! What is over is taken away, in bounded bites.

use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::Cursor;

use crate::draft::{Draft, account_id, at, ended, key, row, row_until, session};
use crate::fixture::Fixture;
use crate::promise::{Checked, ensure};
use crate::subject::{ALL, Subject};

const NOW: i64 = 1_000;

pub(crate) fn leaves_the_living(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let mut alive: Vec<(Key, Row)> = Vec::new();
    for kind in Kind::ALL {
        let rows = [
            row_until(kind, NOW + 1),
            row(kind),
            row_until(kind, i64::MAX),
            // Whose epoch, owner or content could be taken for a moment long past.
            Row { epoch: 1, owner: Some(account_id(0)), ..row_until(kind, NOW + 1) },
        ];
        let keys = if kind.is_single() { 1 } else { rows.len() };
        for (number, row) in rows.into_iter().take(keys).enumerate() {
            let key = key(kind, number as u64);
            alive.push((key.clone(), store.create_as(&key, row)?));
        }
    }
    store.create_as(&session(100), row_until(Kind::Session, NOW - 1))?;
    for now in [i64::MIN, 0, NOW] {
        store.purge_all(at(now))?;
        for (key, row) in &alive {
            let found = store.row(key)?;
            ensure!(found.as_ref() == Some(row), "a purge at {now} left {found:?} of the living {row:?}");
        }
    }
    Ok(())
}

pub(crate) fn takes_the_expired(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let mut over = Vec::new();
    for kind in Kind::ALL {
        for (number, expires) in [NOW, NOW - 1, 0, -5, i64::MIN].into_iter().enumerate() {
            if !kind.is_single() || number == 0 {
                let key = key(kind, number as u64);
                store.create_as(&key, row_until(kind, expires))?;
                over.push(key);
            }
        }
    }
    let removed = store.purge(at(NOW), ALL)?;
    let left: Vec<Row> = store.read(&over)?.into_iter().flatten().collect();
    ensure!(left.is_empty(), "a purge at {NOW} that had no bound left {left:?}");
    ensure!(removed == over.len(), "a purge of {} rows says it removed {removed}", over.len());
    let again = store.purge(at(NOW), ALL)?;
    ensure!(again == 0, "a purge with nothing to remove says it removed {again}");
    Ok(())
}

pub(crate) fn limit(fixture: &dyn Fixture) -> Checked {
    const ROWS: u64 = 10;
    let store = Subject::of(fixture);
    let kinds = [Kind::Session, Kind::Throttle, Kind::Grants];
    let keys: Vec<Key> = (0..ROWS).flat_map(|number| kinds.map(|kind| key(kind, number))).collect();
    for key in &keys {
        store.create_as(key, row_until(key.kind(), 1))?;
    }
    let mut left = keys.len();
    while left > 0 {
        let said = store.purge(at(NOW), 3)?;
        let now = store.read(&keys)?.into_iter().flatten().count();
        ensure!(
            said <= 3 && left - now == said,
            "a purge of at most 3 says {said} and removed {}",
            left - now
        );
        ensure!(said == left.min(3), "a purge of at most 3 removed {said} where {left} were over");
        left = now;
    }
    Ok(())
}

pub(crate) fn journal_until(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for (number, until) in
        [(1, NOW + 1), (2, NOW), (3, i64::MAX), (4, NOW - 1), (5, NOW + 1), (6, NOW + 1), (7, NOW)]
    {
        store.apply(&Draft::new().ends_until(number, until).batch())?;
    }
    let before = store.journal()?;
    store.purge_all(at(NOW - 2))?;
    let found = store.journal()?;
    ensure!(found == before, "a purge before its time left {found:?} of the journal");
    store.purge_all(at(NOW))?;
    let told: Vec<_> = store.journal()?.into_iter().map(|change| change.revocation).collect();
    let expected = [1, 3, 5, 6].map(ended);
    let left = told.len() == expected.len() && expected.iter().all(|entry| told.contains(entry));
    ensure!(left, "a purge at {NOW} left {told:?}, not {expected:?}");
    Ok(())
}

pub(crate) fn gone_for_good(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let gone = session(1);
    store.create_as(&gone, row_until(Kind::Session, 1))?;
    store.purge_all(at(NOW))?;
    let found = store.row(&gone)?;
    ensure!(found.is_none(), "what was purged is read as {found:?}");
    let keys = store.keys(Kind::Session)?;
    ensure!(keys.is_empty(), "what was purged is scanned as {keys:?}");
    let again = store.create(&gone)?;
    let found = store.row(&gone)?;
    ensure!(found.as_ref() == Some(&again), "a row made where another was purged is {found:?}");
    Ok(())
}

/// A follower that read everything, and then sleeps while all of it is purged and the store is opened anew, misses nothing
/// that comes after.
pub(crate) fn cursor_never_twice(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let mut cursor = Cursor::START;
    for round in 0..6 {
        for number in 0..3 {
            store.apply(&Draft::new().ends_until(round * 3 + number, 1).batch())?;
        }
        let page = store.changes(cursor, ALL)?;
        let told: Vec<_> = page.entries.iter().map(|change| change.revocation.clone()).collect();
        let expected = [0, 1, 2].map(|number| ended(round * 3 + number));
        ensure!(told == expected, "after a purge a follower at {cursor:?} sees {told:?}");
        cursor = page.entries.last().map_or(cursor, |change| change.cursor);
        store.purge_all(at(NOW))?;
        let end = store.changes(cursor, ALL)?.end;
        ensure!(end >= cursor, "after a purge the journal's end {end:?} lies before the entry at {cursor:?}");
    }
    store.create(&session(1))?; // a store that forgets its last batch breaks another promise
    let Some(reopened) = fixture.reopen() else { return Ok(()) };
    let store = Subject(reopened);
    let end = store.changes(cursor, ALL)?.end;
    ensure!(
        end >= cursor,
        "reopened after a purge, the journal ends at {end:?}, before the entry at {cursor:?}"
    );
    store.apply(&Draft::new().ends_until(99, 1).batch())?;
    let told: Vec<_> =
        store.changes(cursor, ALL)?.entries.into_iter().map(|change| change.revocation).collect();
    let expected = [ended(99)];
    ensure!(told == expected, "reopened after a purge, a follower at {cursor:?} sees {told:?}");
    Ok(())
}
