//! Deletes and raises: writes that can only take away.

use std::time::Duration;

use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Commit, Expect};

use crate::crowd::{crowd, while_working};
use crate::draft::{Draft, account, account_id, at, fresh, key, row, session};
use crate::fixture::Fixture;
use crate::promise::{Checked, ensure};
use crate::subject::Subject;

/// One thread ends what two others keep making and changing.
pub(crate) fn never_refused(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let (deleted, raised) = (session(1), account(1));
    store.create(&raised)?;
    let end = |round| {
        let draft = if round % 2 == 0 {
            Draft::new().delete(&deleted).ends(fresh())
        } else {
            Draft::new().raise(&raised).ends_epoch(&raised)
        };
        // Twice in a row, as a second logout comes: the row may be gone already.
        for _ in 0..2 {
            let answer = store.commit(&draft.batch())?;
            ensure!(
                answer == Commit::Applied,
                "a batch that only takes away was refused while its row was busy"
            );
        }
        // Lets the others in, so that the row is busy the next time.
        std::thread::sleep(Duration::from_micros(20));
        Ok(())
    };
    let busy = |_| {
        for key in [&deleted, &raised] {
            let expect = store.row(key)?.map_or(Expect::Absent, |row| Expect::Stamp(row.stamp));
            store.commit(&Draft::new().put(key, row(key.kind()), expect).batch())?;
        }
        Ok(())
    };
    while_working(2, end, busy)
}

pub(crate) fn delete_nothing(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let (absent, beside) = (session(1), session(2));
    store.apply(&Draft::new().delete(&absent).ends(1).batch())?;
    store.apply(&Draft::new().delete(&absent).put_absent(&beside, row(Kind::Session)).batch())?;
    store.delete(&beside)?;
    store.delete(&beside)?;
    let rows = store.read(&[absent, beside])?;
    ensure!(rows == [None, None], "after deletes stood {rows:?}");
    Ok(())
}

pub(crate) fn raise_nothing(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        let absent = key(kind, 1);
        store.apply(&Draft::new().raise(&absent).batch())?;
        let found = store.row(&absent)?;
        ensure!(found.is_none(), "a raise where nothing was left {found:?}");
        store.create(&absent)?;
        store.delete(&absent)?;
        store.apply(&Draft::new().raise(&absent).batch())?;
        let found = store.row(&absent)?;
        ensure!(found.is_none(), "a raise of a deleted row left {found:?}");
    }
    Ok(())
}

pub(crate) fn raise_leaves_all_else(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in Kind::ALL {
        let key = key(kind, 1);
        let made = Row { epoch: 41, owner: Some(account_id(9)), expires: Some(at(1_234)), ..row(kind) };
        let mut expected = store.create_as(&key, made)?;
        for _ in 0..3 {
            store.apply(&Draft::new().raise(&key).batch())?;
            let found = store.present(&key)?;
            expected.epoch += 1;
            // Its stamp is another promise's.
            expected.stamp = found.stamp;
            ensure!(found == expected, "a raise left {found:?}, not {expected:?}");
        }
    }
    Ok(())
}

pub(crate) fn raise_restamps(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    for kind in [Kind::Account, Kind::Keyring] {
        let key: Key = key(kind, 1);
        let seen = store.create(&key)?;
        let raise = Draft::new().raise(&key).batch();
        store.apply(&raise)?;
        let found = store.present(&key)?.stamp;
        ensure!(found == raise.stamp, "a raised row carries {found:?}, not its batch's {:?}", raise.stamp);
        store.refuse(&Draft::new().put_over(&key, row(kind), &seen).batch())?;
    }
    Ok(())
}

pub(crate) fn no_raise_is_lost(fixture: &dyn Fixture) -> Checked {
    const THREADS: usize = 4;
    const EACH: u64 = 25;
    let store = Subject::of(fixture);
    let key = account(1);
    let before = store.create(&key)?.epoch;
    let raise = |_| {
        for _ in 0..EACH {
            // Whether one may be refused is another promise's; here only those count that were applied.
            while store.commit(&Draft::new().raise(&key).batch())? == Commit::Conflict {}
        }
        Ok(())
    };
    crowd(THREADS, raise)?;
    let (found, expected) = (store.present(&key)?.epoch, before + EACH * THREADS as u64);
    ensure!(found == expected, "{expected} raises were applied and the epoch is {found}");
    Ok(())
}
