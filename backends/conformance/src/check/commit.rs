//! Expectations, and what a batch does as a whole.

use doorward_core::error::{StoreError, StoreErrorKind};
use doorward_core::id::Stamp;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Commit, Expect};

use crate::crowd::crowd;
use crate::draft::{Draft, account, bytes, fresh, key, row, row_until, session};
use crate::fixture::Fixture;
use crate::promise::{Checked, ensure};
use crate::subject::Subject;

pub(crate) fn met_expectations_apply(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let (written, checked, absent) = (session(1), account(1), session(2));
    let seen = store.create(&written)?;
    let consulted = store.create(&checked)?;
    let draft = Draft::new();
    let put = draft.row(row(Kind::Session));
    let draft = draft
        .check(&checked, Expect::Stamp(consulted.stamp))
        .check(&absent, Expect::Absent)
        .put_over(&written, put.clone(), &seen);
    store.apply(&draft.batch())?;
    let rows = store.read(&[written, checked, absent])?;
    ensure!(rows == [Some(put), Some(consulted), None], "after the batch stood {rows:?}");
    Ok(())
}

/// Alone, and in a race of many that would each make the row.
pub(crate) fn absent_put_on_row(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        let key = key(kind, 1);
        let there = store.create(&key)?;
        store.refuse(&Draft::new().put_absent(&key, row(kind)).batch())?;
        unchanged(&store, &key, Some(&there))?;
    }
    for round in 0..ROUNDS {
        race(&store, &session(100 + round), Expect::Absent)?;
    }
    Ok(())
}

pub(crate) fn stamp_put_on_nothing(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        let key = key(kind, 1);
        let never = Stamp::from_bytes(bytes(fresh()));
        store.refuse(&Draft::new().put(&key, row(kind), Expect::Stamp(never)).batch())?;
        unchanged(&store, &key, None)?;
        let there = store.create(&key)?;
        store.delete(&key)?;
        store.refuse(&Draft::new().put_over(&key, row(kind), &there).batch())?;
        unchanged(&store, &key, None)?;
    }
    Ok(())
}

pub(crate) fn stamp_put_on_other(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        let key = key(kind, 1);
        let seen = store.create(&key)?;
        let now = store.replace(&key, &seen)?;
        store.refuse(&Draft::new().put_over(&key, row(kind), &seen).batch())?;
        // A stamp that differs in its last bit only is another stamp.
        let mut near = *now.stamp.as_bytes();
        if let Some(last) = near.last_mut() {
            *last ^= 1;
        }
        let near = Expect::Stamp(Stamp::from_bytes(near));
        store.refuse(&Draft::new().put(&key, row(kind), near).batch())?;
        unchanged(&store, &key, Some(&now))?;
    }
    Ok(())
}

pub(crate) fn absent_check_on_row(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let (checked, written) = (account(1), session(1));
    let there = store.create(&checked)?;
    let draft = Draft::new().check(&checked, Expect::Absent);
    store.refuse(&draft.put_absent(&written, row(Kind::Session)).batch())?;
    store.refuse(&Draft::new().check(&checked, Expect::Absent).batch())?;
    unchanged(&store, &checked, Some(&there))?;
    unchanged(&store, &written, None)
}

pub(crate) fn stamp_check_on_other(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let (checked, written) = (account(1), session(1));
    let seen = store.create(&checked)?;
    store.replace(&checked, &seen)?;
    let stale = Draft::new().check(&checked, Expect::Stamp(seen.stamp));
    store.refuse(&stale.clone().batch())?;
    store.refuse(&stale.put_absent(&written, row(Kind::Session)).batch())?;
    let seen = store.present(&checked)?;
    store.delete(&checked)?;
    let gone = Draft::new().check(&checked, Expect::Stamp(seen.stamp));
    store.refuse(&gone.put_absent(&written, row(Kind::Session)).batch())?;
    // An ending in a batch that also checks is no longer an ending alone.
    let other = store.create(&session(2))?;
    let gone = Draft::new().check(&checked, Expect::Stamp(seen.stamp));
    store.refuse(&gone.delete(&session(2)).batch())?;
    unchanged(&store, &session(2), Some(&other))?;
    unchanged(&store, &written, None)
}

pub(crate) fn aba(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let key = session(1);
    let content = row(Kind::Session);
    let seen = store.create_as(&key, content.clone())?;
    let between = store.replace(&key, &seen)?;
    let back = Draft::new();
    let again = back.row(content.clone());
    store.apply(&back.put_over(&key, content.clone(), &between).batch())?;
    store.refuse(&Draft::new().put_over(&key, row(Kind::Session), &seen).batch())?;
    unchanged(&store, &key, Some(&again))?;
    store.delete(&key)?;
    let again = store.create_as(&key, content)?;
    store.refuse(&Draft::new().put_over(&key, row(Kind::Session), &seen).batch())?;
    unchanged(&store, &key, Some(&again))
}

pub(crate) fn one_winner(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for round in 0..ROUNDS {
        let key = session(round);
        let seen = store.create(&key)?;
        race(&store, &key, Expect::Stamp(seen.stamp))?;
    }
    Ok(())
}

const ROUNDS: u64 = 25;
const RACERS: usize = 6;

/// Many puts with one expectation that holds now: exactly one may apply, and its row must stand.
fn race(store: &Subject, key: &Key, expect: Expect) -> Checked {
    let put = |_| {
        let draft = Draft::new();
        let row = draft.row(row(key.kind()));
        let answer = store.commit(&draft.put(key, row.clone(), expect).batch())?;
        Ok((answer == Commit::Applied).then_some(row))
    };
    let winners: Vec<Row> = crowd(RACERS, put)?.into_iter().flatten().collect();
    ensure!(winners.len() == 1, "{} of {RACERS} puts with one expectation were applied", winners.len());
    unchanged(store, key, winners.first())
}

/// The one failing expectation stands last among many writes, then first, then in a check.
pub(crate) fn conflict_changes_nothing(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let (overwritten, deleted, raised, busy) = (session(1), session(2), account(3), session(4));
    let created = session(5);
    let seen = store.create(&overwritten)?;
    store.create(&deleted)?;
    store.create(&raised)?;
    let old = store.create(&busy)?;
    store.replace(&busy, &old)?;
    let keys = [overwritten.clone(), deleted.clone(), raised.clone(), busy.clone(), created.clone()];
    let (rows, journal) = (store.read(&keys)?, store.journal()?);

    let good = |draft: Draft| {
        let draft = draft.put_over(&overwritten, row(Kind::Session), &seen).delete(&deleted);
        draft.raise(&raised).put_absent(&created, row(Kind::Session)).ends(9).ends_epoch(&raised)
    };
    let last = good(Draft::new()).put_over(&busy, row(Kind::Session), &old);
    let first = good(Draft::new().put_over(&busy, row(Kind::Session), &old));
    let check = good(Draft::new()).check(&busy, Expect::Stamp(old.stamp));
    for draft in [last, first, check] {
        if store.commit(&draft.batch())? == Commit::Applied {
            // That it must conflict is the promise of each form of expectation.
            return Ok(());
        }
        let now = store.read(&keys)?;
        ensure!(now == rows, "a conflict left {now:?} where {rows:?} stood");
        let entries = store.journal()?;
        ensure!(entries == journal, "a conflict left {entries:?} in the journal");
    }
    Ok(())
}

pub(crate) fn applied_whole(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let (overwritten, deleted, raised, checked) = (session(1), session(2), account(3), account(4));
    let seen = store.create(&overwritten)?;
    store.create(&deleted)?;
    let before = store.create(&raised)?;
    let consulted = store.create(&checked)?;
    let draft = Draft::new();
    let put = draft.row(row_until(Kind::Session, 77));
    let mut draft = draft
        .check(&checked, Expect::Stamp(consulted.stamp))
        .put_over(&overwritten, put.clone(), &seen)
        .delete(&deleted)
        .raise(&raised);
    let many: Vec<Key> = (10..60).map(session).collect();
    for key in &many {
        draft = draft.put_absent(key, put.clone());
    }
    for number in 10..30 {
        draft = draft.ends(number);
    }
    store.apply(&draft.batch())?;
    let rows = store.read(&[overwritten, deleted, checked])?;
    ensure!(rows == [Some(put.clone()), None, Some(consulted)], "after the batch stood {rows:?}");
    ensure!(store.present(&raised)?.epoch > before.epoch, "the raise of the batch was not done");
    let rows = store.read(&many)?;
    ensure!(rows.iter().all(|row| row.as_ref() == Some(&put)), "some of 50 puts of a batch were not done");
    let entries = store.journal()?;
    ensure!(entries.len() == 20, "of 20 entries the journal has {}", entries.len());
    Ok(())
}

pub(crate) fn empty(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let there = store.create(&session(1))?;
    store.apply(&Draft::new().batch())?;
    store.apply(&Draft::relaxed().batch())?;
    unchanged(&store, &session(1), Some(&there))
}

pub(crate) fn malformed(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let there = store.create(&session(1))?;
    let twice = Draft::new().put_absent(&account(1), row(Kind::Account)).delete(&account(1));
    let no_epoch = Draft::new().put_absent(&account(1), row(Kind::Account)).ends_epoch(&session(1));
    let checked =
        |expect| Draft::new().check(&session(1), Expect::Stamp(there.stamp)).check(&session(1), expect);
    let checked_twice = checked(Expect::Absent).put_absent(&account(1), row(Kind::Account));
    let misfiled = Draft::new().put_absent(&account(1), row(Kind::Active));
    for draft in [twice, no_epoch, checked_twice, misfiled] {
        let answer = store.attempt(&draft.batch());
        let kind = answer.as_ref().err().map(StoreError::kind);
        ensure!(kind == Some(StoreErrorKind::Fatal), "a malformed batch was answered {answer:?}");
        unchanged(&store, &account(1), None)?;
        unchanged(&store, &session(1), Some(&there))?;
        ensure!(store.journal()?.is_empty(), "a malformed batch was told to the journal");
    }
    Ok(())
}

pub(crate) fn epoch_given(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let key = account(1);
    let mut seen = store.create_as(&key, Row { epoch: 5, ..row(Kind::Account) })?;
    ensure!(store.present(&key)?.epoch == 5, "a row made with epoch 5 has another");
    for epoch in [6, 6, 2, 0, 1_000] {
        let draft = Draft::new();
        let put = draft.row(Row { epoch, ..row(Kind::Account) });
        store.apply(&draft.put_over(&key, put.clone(), &seen).batch())?;
        let found = store.present(&key)?.epoch;
        ensure!(found == epoch, "a put with epoch {epoch} over epoch {} gave {found}", seen.epoch);
        seen = put;
    }
    Ok(())
}

/// Also by a relaxed batch: a touch that left the stamp would let a grant pass that never saw it.
pub(crate) fn stamp_given(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        let key = key(kind, 1);
        let mut seen = store.create(&key)?;
        ensure!(store.present(&key)?.stamp == seen.stamp, "a row that was made carries another stamp");
        for draft in [Draft::new(), Draft::relaxed()] {
            let put = draft.row(row(kind));
            store.apply(&draft.put_over(&key, put.clone(), &seen).batch())?;
            let found = store.present(&key)?.stamp;
            ensure!(found == put.stamp, "a row that was put carries {found:?}, not its batch's stamp");
            seen = put;
        }
    }
    Ok(())
}

fn unchanged(store: &Subject, key: &Key, expected: Option<&Row>) -> Checked {
    let found = store.row(key)?;
    ensure!(found.as_ref() == expected, "{key:?} stands as {found:?}, not as {expected:?}");
    Ok(())
}
