//! Several threads, several handles, one store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use doorward_core::record::{Kind, Row};
use doorward_core::store::{Cursor, Expect, Guarantees, Range};

use crate::crowd::while_working;
use crate::draft::{Draft, account, row, row_saying, session};
use crate::fixture::Fixture;
use crate::promise::{Checked, Finding, ensure};
use crate::subject::{ALL, Subject};

pub(crate) fn guarantees_stand(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    let declared = store.0.guarantees();
    ensure!(declared.meets(Guarantees::EPHEMERAL), "the store is {declared}: no engine opens it");
    let key = session(1);
    let seen = store.create(&key)?;
    let mut others = vec![store.0.guarantees()];
    store.replace(&key, &seen)?;
    store.delete(&key)?;
    others.push(store.0.guarantees());
    others.extend(fixture.second_handle().map(|other| other.guarantees()));
    others.extend(fixture.reopen().map(|other| other.guarantees()));
    ensure!(
        others.iter().all(|other| *other == declared),
        "the guarantees changed from {declared:?} to one of {others:?}"
    );
    Ok(())
}

/// Two threads by turns, then a writer that counts up and says so only after `Applied`: whoever heard a number must
/// read at least that.
pub(crate) fn reads_see_what_was_applied(fixture: &dyn Fixture) -> Checked {
    let store = Subject::of(fixture);
    by_turns(&store)?;
    let key = account(1);
    let seen = Mutex::new(store.create_as(&key, row_saying(Kind::Account, 0))?);
    let said = AtomicU64::new(0);
    let work = |round| {
        let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let draft = Draft::new();
        let row = draft.row(row_saying(Kind::Account, round));
        store.apply(&draft.put_over(&key, row.clone(), &seen).batch())?;
        *seen = row;
        said.store(round, Ordering::SeqCst);
        Ok(())
    };
    let watch = |_| {
        let heard = said.load(Ordering::SeqCst);
        let read = said_by(&store.present(&key)?)?;
        ensure!(read >= heard, "batch {heard} was applied, and a read begun after that saw batch {read}");
        Ok(())
    };
    while_working(2, work, watch)
}

/// A thread that looks, waits while another writes, and looks again.
fn by_turns(store: &Subject) -> Checked {
    let key = account(2);
    let mut row = store.create(&key)?;
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    thread::scope(|scope| {
        let key = &key;
        scope.spawn(move || {
            for () in asked {
                if answer.send(store.row(key)).is_err() {
                    return;
                }
            }
        });
        let other = || -> Checked<Option<Row>> {
            let gone = |_| Finding::Broken("a read panicked".to_owned());
            ask.send(()).map_err(|_| Finding::Broken("a read panicked".to_owned()))?;
            answered.recv().map_err(gone)?
        };
        for _ in 0..20 {
            other()?;
            row = store.replace(key, &row)?;
            let found = other()?;
            ensure!(
                found.as_ref() == Some(&row),
                "a batch was applied, and another thread read {found:?} after it"
            );
        }
        drop(ask);
        Ok(())
    })
}

fn said_by(row: &Row) -> Checked<u64> {
    let wrong = |_| Finding::Broken("an account row came back as another kind".to_owned());
    let millis = row.account().map_err(wrong)?.created.as_millis();
    Ok(u64::try_from(millis).unwrap_or(u64::MAX))
}

pub(crate) fn another_handle_sees(fixture: &dyn Fixture) -> Checked {
    let one = Subject::of(fixture);
    let Some(other) = fixture.second_handle() else {
        return Err(Finding::not_asked("the fixture offers no second handle"));
    };
    let other = Subject(other);
    let all = Range { kind: Kind::Session, owner: None, after: None };
    for round in 0..20 {
        let (writer, reader) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let key = session(round);
        // Looked at before, so that whatever is remembered of it is old.
        let absent = reader.row(&key)?;
        ensure!(absent.is_none(), "a handle shows a row that nobody made");
        let made = writer.create(&key)?;
        let found = reader.row(&key)?;
        ensure!(found.as_ref() == Some(&made), "a row made in one handle is {found:?} in another");
        let now = writer.replace(&key, &made)?;
        let found = reader.row(&key)?;
        ensure!(found.as_ref() == Some(&now), "a row replaced in one handle is {found:?} in another");
        reader.refuse(&Draft::new().put(&key, row(Kind::Session), Expect::Stamp(made.stamp)).batch())?;
        writer.apply(&Draft::new().delete(&key).ends(round).batch())?;
        let found = reader.row(&key)?;
        ensure!(found.is_none(), "a row deleted in one handle is {found:?} in another");
        let page = reader.scan(&all, ALL)?;
        ensure!(page.is_empty(), "rows deleted in one handle are scanned in another");
        let (here, there) = (writer.changes(Cursor::START, ALL)?, reader.changes(Cursor::START, ALL)?);
        ensure!(here == there, "two handles on one store tell different journals");
    }
    Ok(())
}
