//! Pages of rows.

use std::sync::Mutex;

use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::Range;

use crate::crowd::while_working;
use crate::draft::{Draft, account_id, key, login_name, row, row_saying, session};
use crate::fixture::Fixture;
use crate::promise::{Checked, ensure};
use crate::subject::{ALL, Subject};

pub(crate) fn one_kind(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        ensure!(store.keys(kind)?.is_empty(), "a new store has rows of kind {}", kind.name());
    }
    // The same sixteen bytes under every kind, so that only the kind tells them apart.
    for kind in Kind::ALL {
        let count = if kind.is_single() { 1 } else { 3 };
        for number in 0..count {
            store.create(&key(kind, number))?;
        }
    }
    for kind in Kind::ALL {
        let count = if kind.is_single() { 1 } else { 3 };
        let mut found = store.keys(kind)?;
        found.sort();
        let mut expected: Vec<Key> = (0..count).map(|number| key(kind, number)).collect();
        expected.sort();
        ensure!(found == expected, "a scan of {} shows {found:?}", kind.name());
    }
    Ok(())
}

/// Names whose order by bytes is not their order by length, by a locale or by any case.
pub(crate) fn key_order(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let names =
        ["b", "aa", "a", "\u{e9}", "z", "a-b", "a_b", "a.b", "ab", "a0", "a10", "a2", "\u{6f22}", "zz"];
    let names = names.map(|name| Key::Login(login_name(name)));
    let ids = (0..30).flat_map(|number| [session(number), key(Kind::Throttle, number)]);
    let mut expected: Vec<Key> = names.into_iter().chain(ids).collect();
    for key in &expected {
        store.create(key)?;
    }
    expected.sort();
    for kind in [Kind::Login, Kind::Session, Kind::Throttle] {
        let expected: Vec<&Key> = expected.iter().filter(|key| key.kind() == kind).collect();
        let found = store.keys(kind)?;
        ensure!(found.iter().eq(expected), "a scan of {} goes in the order {found:?}", kind.name());
    }
    Ok(())
}

pub(crate) fn by_owner(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let owners = [Some(account_id(1)), Some(account_id(2)), None];
    let kinds = [Kind::Session, Kind::Throttle, Kind::Grants];
    for number in 0..30 {
        let owner = owners.iter().copied().cycle().nth(number).flatten();
        for kind in kinds {
            store.create_as(&key(kind, number as u64), Row { owner, ..row(kind) })?;
        }
    }
    // A row that moves to another owner leaves the first one's pages.
    let seen = store.present(&session(0))?;
    let moved = Row { owner: owners.get(1).copied().flatten(), ..row(Kind::Session) };
    store.apply(&Draft::new().put_over(&session(0), moved, &seen).batch())?;
    for kind in kinds {
        for (owner, nth) in [(1, 0), (2, 1), (3, 3)] {
            let range = Range { kind, owner: Some(account_id(owner)), after: None };
            let mut found: Vec<Key> = store.scan(&range, ALL)?.into_iter().map(|(key, _)| key).collect();
            let mut expected: Vec<Key> =
                (0..30).filter(|number| number % 3 == nth).map(|number| key(kind, number)).collect();
            if kind == Kind::Session {
                expected.retain(|key| *key != session(0));
                expected.extend((owner == 2).then(|| session(0)));
            }
            expected.sort();
            found.sort();
            ensure!(found == expected, "a scan of {} by owner shows {found:?}", kind.name());
        }
    }
    Ok(())
}

pub(crate) fn strictly_after(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let owner = Some(account_id(1));
    for number in (0..20).step_by(2) {
        store.create_as(&session(number), Row { owner, ..row(Kind::Session) })?;
        store.create(&key(Kind::Login, number))?;
    }
    for (kind, owner) in [(Kind::Session, None), (Kind::Session, owner), (Kind::Login, None)] {
        for number in 0..20 {
            let after = key(kind, number);
            let mut expected: Vec<Key> = (0..20).step_by(2).map(|number| key(kind, number)).collect();
            expected.retain(|key| *key > after);
            let range = Range { kind, owner, after: Some(after) };
            let mut found: Vec<Key> = store.scan(&range, ALL)?.into_iter().map(|(key, _)| key).collect();
            expected.sort();
            found.sort();
            ensure!(found == expected, "a scan of {} after a key shows {found:?}", kind.name());
        }
    }
    Ok(())
}

/// The first page holds `limit` rows, and following the last key of each page goes through all of them.
pub(crate) fn limit(fixture: &dyn Fixture) -> Checked {
    const ROWS: usize = 23;
    let store = Subject::of(fixture);
    let owner = Some(account_id(1));
    for number in 0..ROWS as u64 {
        store.create_as(&session(number), Row { owner, ..row(Kind::Session) })?;
    }
    for (limit, owner) in [(1, None), (5, None), (5, owner), (ROWS, None), (ROWS + 1, owner)] {
        let range = Range { kind: Kind::Session, owner, after: None };
        let found = store.scan(&range, limit)?.len();
        ensure!(found == limit.min(ROWS), "a page of at most {limit} of {ROWS} rows has {found}");
    }
    let mut after = None;
    let mut walked = 0;
    loop {
        let range = Range { kind: Kind::Session, owner: None, after: after.clone() };
        // A page that begins with the last row again is another promise's affair, but must not loop for ever.
        let page = store.scan(&range, 5)?;
        let news: Vec<_> = page.into_iter().filter(|(key, _)| Some(key) > after.as_ref()).collect();
        walked += news.len();
        match news.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => break,
        }
    }
    ensure!(walked == ROWS, "walking page by page shows {walked} of {ROWS} rows");
    Ok(())
}

pub(crate) fn one_snapshot(fixture: &dyn Fixture) -> Checked {
    const ROWS: u64 = 16;
    let store = Subject::of(fixture);
    let rewritten: Vec<Key> = (0..ROWS).map(session).collect();
    let first = Draft::new();
    let last = Mutex::new(first.row(row(Kind::Session)));
    let first = rewritten.iter().fold(first, |draft, key| draft.put_absent(key, row(Kind::Session)));
    store.apply(&first.batch())?;
    let work = |round| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let draft = Draft::new();
        let now = draft.row(row(Kind::Session));
        let row = |key: &Key| row_saying(key.kind(), round);
        let draft = rewritten.iter().fold(draft, |draft, key| draft.put_over(key, row(key), &last));
        *last = now;
        store.apply(&draft.batch())
    };
    let range = Range { kind: Kind::Session, owner: None, after: None };
    let watch = |_| {
        let page = store.scan(&range, ALL)?;
        let whole = page.len() == rewritten.len()
            && page
                .windows(2)
                .all(|two| two.first().map(|(_, row)| row.stamp) == two.last().map(|(_, row)| row.stamp));
        ensure!(whole, "rows that are only ever written together were scanned from different batches");
        Ok(())
    };
    while_working(2, work, watch)
}
