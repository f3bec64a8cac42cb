//! What a kill or a power cut leaves, and what may be seen before it is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use doorward_core::error::StoreErrorKind;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Change, Commit, Cursor, Range, Store};

use crate::draft::{Draft, account, row, session};
use crate::fixture::{Fixture, Medium};
use crate::promise::{Checked, Finding, ensure, panic_text};
use crate::subject::{ALL, Subject};

pub(crate) fn survives_a_kill(fixture: &dyn Fixture) -> Checked {
    let store = declared_durable(fixture)?;
    survives(&store, || {
        let missing = "the store declares `durable: true` and its fixture offers no `reopen`";
        fixture.reopen().ok_or_else(|| Finding::Broken(missing.to_owned()))
    })
}

/// A touch that every kill undid would end sessions that were in use.
pub(crate) fn relaxed_survives_a_kill(fixture: &dyn Fixture) -> Checked {
    let store = declared_durable(fixture)?;
    for number in 0..5 {
        let key = session(number);
        let draft = Draft::relaxed();
        let put = draft.row(row(Kind::Session));
        store.apply(&draft.put_absent(&key, put.clone()).batch())?;
        let none = || Finding::not_asked("the fixture offers no `reopen`");
        let found = Subject(fixture.reopen().ok_or_else(none)?).row(&key)?;
        ensure!(found.as_ref() == Some(&put), "a kill undid a relaxed batch: {found:?}");
    }
    Ok(())
}

pub(crate) fn survives_a_power_cut(fixture: &dyn Fixture) -> Checked {
    let (store, medium) = on_a_medium(fixture)?;
    survives(&store, || Ok(medium.cut_power()))?;
    // A sync that never comes back: `Applied` must not have been said meanwhile, or the batch must be safe.
    let batch = Draft::new().put_absent(&session(900), row(Kind::Session)).batch();
    with_commit_in_flight(&store, medium, &batch, |flight| {
        if flight == Flight::Answered {
            let image = Subject(medium.cut_power());
            let found = image.row(&session(900))?;
            ensure!(found.is_some(), "`Applied` was said before any sync, and a power cut undid the batch");
        }
        Ok(())
    })
}

/// Commits of every form of write, with an image after each: everything that was applied must be in it, and it
/// must go on as the same store.
fn survives(store: &Subject, image: impl Fn() -> Checked<Arc<dyn Store>>) -> Checked {
    let raised = account(1);
    let mut written: Vec<Key> = vec![raised.clone()];
    store.create(&raised)?;
    for round in 0..8 {
        let (kept, beside) = (session(round * 2), session(round * 2 + 1));
        let gone = written.last().cloned().filter(|key| *key != raised);
        let mut draft = Draft::new().put_absent(&kept, row(Kind::Session)).ends(round);
        draft = draft.put_absent(&beside, row(Kind::Session)).raise(&raised).ends_epoch(&raised);
        if let Some(gone) = &gone {
            draft = draft.delete(gone);
        }
        store.apply(&draft.batch())?;
        written.extend([kept, beside]);
        if round % 2 == 0 {
            let gone = session(round * 2);
            store.apply(&Draft::new().delete(&gone).raise(&raised).ends(100 + round).batch())?;
        }
        let found = Subject(image()?);
        same_state(&everything(store, &written)?, &everything(&found, &written)?)?;
        let cursor = found.changes(Cursor::START, ALL)?.end;
        found.apply(&Draft::new().put_absent(&session(500), row(Kind::Session)).ends(500).batch())?;
        let next = found.changes(cursor, ALL)?.entries;
        ensure!(next.len() == 1, "after a reopening a follower sees {next:?} of one new entry");
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
struct State {
    rows: Vec<Option<Row>>,
    journal: Vec<Change>,
}

fn everything(store: &Subject, keys: &[Key]) -> Checked<State> {
    Ok(State { rows: store.read(keys)?, journal: store.journal()? })
}

fn same_state(applied: &State, found: &State) -> Checked {
    ensure!(applied == found, "applied was {applied:?}, the image holds {found:?}");
    Ok(())
}

/// Cuts the power while a batch of many rows waits for its sync, and kills the process there too.
pub(crate) fn never_halved(fixture: &dyn Fixture) -> Checked {
    let (store, medium) = on_a_medium(fixture)?;
    let (raised, gone) = (account(1), session(100));
    store.create(&raised)?;
    store.create(&gone)?;
    let keys: Vec<Key> = (0..20).map(session).collect();
    let puts = Draft::new().delete(&gone).raise(&raised).ends(1);
    let batch =
        keys.iter().fold(puts, |draft, key| draft.put_absent(key, row(Kind::Session))).ends(2).batch();
    let images = || -> Checked<Vec<(usize, usize)>> {
        let found = [Some(medium.cut_power()), fixture.reopen()];
        let done = |image| writes_done(&Subject(image), &keys, &raised, &gone);
        found.into_iter().flatten().map(done).collect()
    };
    let during = with_commit_in_flight(&store, medium, &batch, |_| images())?;
    for (done, of) in during.into_iter().chain(images()?) {
        ensure!(done == 0 || done == of, "a crash left {done} of the {of} writes of a batch");
    }
    Ok(())
}

/// How many of the writes of that batch are done, and of how many.
fn writes_done(image: &Subject, put: &[Key], raised: &Key, gone: &Key) -> Checked<(usize, usize)> {
    let mut writes: Vec<bool> = image.read(put)?.iter().map(Option::is_some).collect();
    writes.push(image.row(raised)?.is_some_and(|row| row.epoch > 0));
    writes.push(image.row(gone)?.is_none());
    let told = image.journal()?.len();
    writes.extend([told > 0, told > 1]);
    Ok((writes.iter().filter(|done| **done).count(), writes.len()))
}

pub(crate) fn barrier(fixture: &dyn Fixture) -> Checked {
    let (store, medium) = on_a_medium(fixture)?;
    let keys: Vec<Key> = (0..5).map(session).collect();
    for key in &keys {
        store.apply(&Draft::relaxed().put_absent(key, row(Kind::Session)).batch())?;
    }
    store.apply(&Draft::new().batch())?;
    same_state(&everything(&store, &keys)?, &everything(&Subject(medium.cut_power()), &keys)?)
}

pub(crate) fn not_read_early(fixture: &dyn Fixture) -> Checked {
    let shown = |store: &dyn Store, key: &Key| {
        let rows = store.read(std::slice::from_ref(key)).unwrap_or_default();
        rows.iter().any(Option::is_some)
    };
    not_seen_early(fixture, "read", shown)
}

pub(crate) fn not_scanned_early(fixture: &dyn Fixture) -> Checked {
    let range = Range { kind: Kind::Session, owner: None, after: None };
    let shown = |store: &dyn Store, key: &Key| {
        let page = store.scan(&range, ALL).unwrap_or_default();
        page.iter().any(|(found, _)| found == key)
    };
    not_seen_early(fixture, "scan", shown)
}

pub(crate) fn not_told_early(fixture: &dyn Fixture) -> Checked {
    let shown = |store: &dyn Store, _: &Key| {
        let page = store.changes(Cursor::START, ALL).unwrap_or_default();
        !page.entries.is_empty() || page.end > Cursor::START
    };
    not_seen_early(fixture, "changes", shown)
}

/// Looks at a row and an ending while their commit waits for its sync. To wait with it, or to fail, is as good an
/// answer as to show the moment before.
fn not_seen_early(
    fixture: &dyn Fixture,
    call: &str,
    shown: impl Fn(&dyn Store, &Key) -> bool + Sync,
) -> Checked {
    let (store, medium) = on_a_medium(fixture)?;
    let key = session(1);
    let batch = Draft::new().put_absent(&key, row(Kind::Session)).ends(1).batch();
    let early = with_commit_in_flight(&store, medium, &batch, |flight| {
        if flight != Flight::Waiting {
            return Err(Finding::not_asked(
                "the commit did not wait for a sync: see what survives a power cut",
            ));
        }
        let seen = AtomicBool::new(false);
        thread::scope(|scope| {
            let look = scope.spawn(|| {
                if shown(&*store.0, &key) && medium.syncs_held() > 0 {
                    seen.store(true, Ordering::SeqCst);
                }
            });
            until(Duration::from_millis(300), || look.is_finished());
            medium.release_syncs();
        });
        Ok(seen.into_inner())
    })?;
    ensure!(!early, "{call} showed a `Durable` batch while its sync was still held");
    ensure!(shown(&*store.0, &key), "{call} does not show a batch that was applied");
    Ok(())
}

pub(crate) fn failed_sync(fixture: &dyn Fixture) -> Checked {
    let (store, medium) = on_a_medium(fixture)?;
    let (kept, doubtful) = (session(1), session(2));
    store.create(&kept)?;
    medium.fail_next_sync();
    let batch = Draft::new().put_absent(&doubtful, row(Kind::Session)).ends(1).batch();
    let keys = [kept, doubtful.clone()];
    match store.0.commit(&batch) {
        Err(error) if error.kind() == StoreErrorKind::Unknown => {
            let first = read_in_doubt(&store, &keys)?;
            // A relaxed commit settles nothing, whether it is taken or not.
            let _ = store.0.commit(&Draft::relaxed().put_absent(&session(3), row(Kind::Session)).batch());
            let second = read_in_doubt(&store, &keys)?;
            store.apply(&Draft::new().put_absent(&session(4), row(Kind::Session)).batch())?;
            let now = store.read(&keys)?;
            for early in [first, second].into_iter().flatten() {
                ensure!(early == now, "after a failed sync a read gave {early:?}, which became {now:?}");
            }
        }
        Err(_) => {
            let found = store.row(&doubtful)?;
            ensure!(found.is_none(), "a commit that said that nothing was applied left {found:?}");
        }
        Ok(answer) => ensure!(answer == Commit::Applied, "a failed sync is no conflict"),
    }
    // Whatever is shown from here on is what a power cut leaves.
    let (shown, left) = (everything(&store, &keys)?, everything(&Subject(medium.cut_power()), &keys)?);
    ensure!(shown == left, "after a failed sync reads show {shown:?}, and a power cut leaves {left:?}");
    let (put, told) = (shown.rows.last().is_some_and(Option::is_some), !shown.journal.is_empty());
    let whole = put == told;
    ensure!(whole, "a commit whose sync failed stands half: {shown:?}");
    Ok(())
}

/// What a read shows after a failed sync: nothing, or, from a store that has raised a barrier of its own, what stays.
fn read_in_doubt(store: &Subject, keys: &[Key]) -> Checked<Option<Vec<Option<Row>>>> {
    match store.0.read(keys) {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if error.kind() == StoreErrorKind::Retryable => Ok(None),
        Err(error) => {
            let kind = error.kind();
            Err(Finding::Broken(format!("a read after a failed sync failed as {kind:?}: {error}")))
        }
    }
}

fn declared_durable(fixture: &dyn Fixture) -> Checked<Subject> {
    let store = Subject::of(fixture);
    if store.0.guarantees().durable {
        return Ok(store);
    }
    Err(Finding::not_asked("the store declares `durable: false`"))
}

fn on_a_medium(fixture: &dyn Fixture) -> Checked<(Subject, &dyn Medium)> {
    let store = declared_durable(fixture)?;
    let none = || Finding::not_asked("the fixture offers no simulated medium");
    Ok((store, fixture.medium().ok_or_else(none)?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flight {
    /// The commit waits in a held sync.
    Waiting,
    /// It has answered, although no sync has gone through.
    Answered,
}

/// Starts the commit with syncs held, runs `meanwhile` when it waits there, then lets it through: it must apply.
fn with_commit_in_flight<T>(
    store: &Subject,
    medium: &dyn Medium,
    batch: &Batch,
    meanwhile: impl FnOnce(Flight) -> Checked<T>,
) -> Checked<T> {
    medium.hold_syncs();
    thread::scope(|scope| {
        let commit = scope.spawn(|| store.commit(batch));
        until(Duration::from_secs(10), || medium.syncs_held() > 0 || commit.is_finished());
        let flight = if commit.is_finished() { Flight::Answered } else { Flight::Waiting };
        let found = meanwhile(flight);
        medium.release_syncs();
        let answer = commit
            .join()
            .map_err(|payload| Finding::Broken(format!("the store panicked: {}", panic_text(&*payload))))??;
        ensure!(answer == Commit::Applied, "a batch without a cause for conflict was refused");
        found
    })
}

fn until(bound: Duration, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() && begun.elapsed() < bound {
        thread::sleep(Duration::from_millis(1));
    }
}
