//! The journal of what ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Change, Changes, Cursor, Revocation};

use crate::crowd::crowd;
use crate::draft::{Draft, account, account_id, at, bytes, ended, row, session};
use crate::fixture::Fixture;
use crate::promise::{Checked, Finding, ensure};
use crate::subject::{ALL, Subject};

/// Neither `until` nor the bytes of what ended go with the order, nor whether it was a session or a grant.
pub(crate) fn commit_order(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let mut expected = Vec::new();
    for batch in 0..12u64 {
        let mut draft = Draft::new();
        for entry in 0..3u64 {
            let number = batch * 3 + entry;
            let until = i64::try_from((batch * 7 + entry * 5) % 23).unwrap_or(0) + 1_000_000;
            draft = draft.ends_until(number, until);
            expected.push((ended(number), at(until)));
        }
        store.apply(&draft.put_absent(&session(batch), row(Kind::Session)).batch())?;
    }
    let found = store.journal()?;
    let told: Vec<_> = found.iter().map(|change| (change.revocation.clone(), change.until)).collect();
    ensure!(told == expected, "the journal tells {told:?}, committed were {expected:?}");
    rising(&found)
}

pub(crate) fn pages(fixture: &dyn Fixture) -> Checked {
    const ENTRIES: usize = 20;
    let store = Subject::of(fixture);
    let empty = store.changes(Cursor::START, 10)?;
    ensure!(empty == Changes::default(), "a journal without entries tells {empty:?}");
    for number in 0..ENTRIES as u64 {
        store.apply(&Draft::new().ends(number).batch())?;
    }
    // A batch that ends nothing tells nothing.
    store.create(&session(1))?;
    let all = store.changes(Cursor::START, ALL)?;
    ensure!(
        all.entries.len() == ENTRIES,
        "of {ENTRIES} entries a page without bound shows {}",
        all.entries.len()
    );
    let end = all.entries.last().map(|change| change.cursor).unwrap_or_default();
    ensure!(all.end == end, "the journal's last entry is at {end:?} and its end is said to be {:?}", all.end);
    for limit in [1, 3, ENTRIES, ENTRIES + 1] {
        for (place, change) in all.entries.iter().enumerate() {
            let page = store.changes(change.cursor, limit)?;
            let expected: Vec<_> = all.entries.iter().skip(place + 1).take(limit).collect();
            let found: Vec<_> = page.entries.iter().collect();
            ensure!(found == expected, "{limit} entries after {:?} are {found:?}", change.cursor);
            ensure!(page.end == end, "a page's end is {:?}, not the journal's {end:?}", page.end);
        }
    }
    Ok(())
}

/// One follower reads page by page while many threads commit. It must see every entry once, each thread's in
/// the thread's order, and none before an entry whose commit had answered before its own began.
pub(crate) fn follower(fixture: &dyn Fixture) -> Checked {
    const THREADS: usize = 8;
    const LEAST: u64 = 25;
    const MOST: u64 = 150;
    const ENOUGH_PAGES: u64 = 100;
    let store = Subject::of(fixture);
    let (working, clock, pages) = (AtomicUsize::new(THREADS), AtomicU64::new(0), AtomicU64::new(0));
    let spans = Mutex::new(BTreeMap::new());
    let goes_on = |round: u64| round < LEAST || pages.load(Ordering::Relaxed) < ENOUGH_PAGES;
    let commit = |thread: u64| {
        for round in (0..MOST).take_while(|round| goes_on(*round)) {
            let first = (thread * MOST + round) * 2;
            let begun = clock.fetch_add(1, Ordering::SeqCst);
            store.apply(&Draft::new().ends(first).ends(first + 1).batch())?;
            let answered = clock.fetch_add(1, Ordering::SeqCst);
            let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
            spans.insert(bytes(first), (begun, answered));
            spans.insert(bytes(first + 1), (begun, answered));
        }
        Ok(Vec::new())
    };
    let follow = || {
        let mut followed: Vec<Change> = Vec::new();
        loop {
            let idle = working.load(Ordering::SeqCst) == 0;
            let cursor = followed.last().map_or(Cursor::START, |change| change.cursor);
            let page = store.changes(cursor, 7)?;
            ensure!(page.end >= cursor, "the end {:?} lies before an entry seen at {cursor:?}", page.end);
            if idle && page.entries.is_empty() {
                return Ok(followed);
            }
            pages.fetch_add(u64::from(!page.entries.is_empty()), Ordering::Relaxed);
            followed.extend(page.entries);
        }
    };
    let results = crowd(THREADS + 1, |thread| {
        if thread == THREADS {
            return follow();
        }
        let _done = CountDown(&working);
        commit(thread as u64)
    })?;
    let followed: Vec<Change> = results.into_iter().flatten().collect();
    rising(&followed)?;
    let told: Vec<_> = followed
        .iter()
        .filter_map(|change| match &change.revocation {
            Revocation::Session(session) => Some(*session.as_bytes()),
            Revocation::Grant(grant) => Some(*grant.as_bytes()),
            Revocation::Account { .. } | Revocation::Everything { .. } => None,
        })
        .collect();
    let spans = spans.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut times: BTreeMap<[u8; 16], u32> = spans.keys().map(|id| (*id, 0)).collect();
    for id in &told {
        *times.entry(*id).or_default() += 1;
    }
    for (id, times) in times {
        ensure!(times == 1, "the follower saw the ending of {id:x?} {times} times");
    }
    ensure!(told.len() == spans.len(), "{} entries were told, {} committed", told.len(), spans.len());
    // Going through the journal, no commit may have answered before an entry ahead of it was begun.
    let mut latest_begun = 0;
    for (begun, answered) in told.iter().filter_map(|id| spans.get(id)) {
        ensure!(
            *answered >= latest_begun,
            "an entry stands behind another that was begun after it was answered"
        );
        latest_begun = latest_begun.max(*begun);
    }
    Ok(())
}

struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The row is raised in the batch, beside the batch, and not at all; it is put in the batch.
pub(crate) fn floor_after_batch(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for (number, of) in [(1, account(1)), (2, Key::Keyring)] {
        let made = store.create_as(&of, Row { epoch: 4, ..row(of.kind()) })?;
        store.apply(&Draft::new().ends_epoch(&of).batch())?;
        told(&store, &of, 4)?;
        store.apply(&Draft::new().raise(&of).ends_epoch(&of).batch())?;
        told(&store, &of, made.epoch + 1)?;
        store.apply(&Draft::new().raise(&of).batch())?;
        store.apply(&Draft::new().raise(&of).ends(number).ends_epoch(&of).batch())?;
        told(&store, &of, made.epoch + 3)?;
        let seen = store.present(&of)?;
        let put = Row { epoch: 90, ..row(of.kind()) };
        store.apply(&Draft::new().put_over(&of, put, &seen).ends_epoch(&of).batch())?;
        told(&store, &of, 90)?;
    }
    Ok(())
}

pub(crate) fn floor_of_nothing(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for of in [account(1), Key::Keyring] {
        store.apply(&Draft::new().ends_epoch(&of).batch())?;
        told(&store, &of, u64::MAX)?;
        store.create(&of)?;
        store.apply(&Draft::new().delete(&of).ends_epoch(&of).batch())?;
        told(&store, &of, u64::MAX)?;
    }
    Ok(())
}

/// Whether the journal's last entry is the ending of this key's epochs below the floor.
fn told(store: &Subject, key: &Key, floor: u64) -> Checked {
    let expected = match key {
        Key::Account(_) => Revocation::Account { account: account_id(1), floor },
        _ => Revocation::Everything { floor },
    };
    let last = store.journal()?.pop();
    let last =
        last.ok_or_else(|| Finding::Broken("an ending was applied and the journal is empty".to_owned()))?;
    ensure!(last.revocation == expected, "the journal tells {:?}, not {expected:?}", last.revocation);
    Ok(())
}

fn rising(changes: &[Change]) -> Checked {
    let cursors: Vec<Cursor> = changes.iter().map(|change| change.cursor).collect();
    ensure!(
        cursors.windows(2).all(|two| two.first() < two.last()) && cursors.first() != Some(&Cursor::START),
        "cursors do not rise from beyond the start: {cursors:?}"
    );
    Ok(())
}
