//! Deletions, finished at once or by whoever maintains next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use doorward::core::error::Fault;
use doorward::core::event::EventResult;
use doorward::core::model::session::Gone;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::finish_deletion::FinishDeletion;
use doorward::core::record::Key;
use doorward::core::store::{Cursor, Revocation, Store};
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{AccountError, AuthenticateError, Login, LoginError, ManualClock, Register, RenameError};

use super::stage::{DAY, Disturbed, NEW, broken, builder, crowd, on_file, owned, start};

use crate::support::engine::{NAME, PASSWORD, each_store, open_with_clock};
use crate::support::rows::dump;

#[test]
fn inv_14_se_8_a_deleted_account_leaves_nothing_and_its_name_is_free() {
    for store in each_store() {
        let engine = open_with_clock(Arc::clone(&store.store), ManualClock::at(start()));
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let grace = engine.register(Register::new("grace", PASSWORD)).unwrap();
        let login = |name| engine.login(Login::new(name, PASSWORD)).unwrap().token;
        let (hers, others) = (login(NAME), login("grace"));
        crowd(&*store.store, ada, 300, start().saturating_add(DAY));
        engine.login(Login::new(NAME, NEW)).unwrap_err();

        engine.delete_account(ada).unwrap();
        assert_eq!(owned(&*store.store, ada), 0, "{}", store.name);
        let gone = engine.authenticate(hers.expose());
        assert!(matches!(gone, Err(AuthenticateError::Gone(Gone::Ended))), "{gone:?}");
        assert_eq!(engine.authenticate(others.expose()).unwrap().account, grace);
        let journal = store.store.changes(Cursor::START, 10).unwrap().entries;
        assert_eq!(journal[0].revocation, Revocation::Account { account: ada, floor: u64::MAX });
        assert!(matches!(engine.login(Login::new(NAME, PASSWORD)), Err(LoginError::Denied)));
        assert!(matches!(engine.delete_account(ada), Err(AccountError::NotFound)));
        assert_ne!(engine.register(Register::new(NAME, PASSWORD)).unwrap(), ada);
        assert_eq!(engine.maintain().unwrap().deletions, 0);
    }
}

#[test]
fn pw_8_a_rename_and_a_mark_on_every_store() {
    for store in each_store() {
        let engine = open_with_clock(Arc::clone(&store.store), ManualClock::at(start()));
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        engine.register(Register::new("grace", PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        assert!(matches!(engine.rename(ada, "Grace"), Err(RenameError::Taken)));
        engine.rename(ada, "Countess").unwrap();
        assert_eq!(engine.authenticate(token.expose()).unwrap().account, ada);
        assert!(matches!(engine.login(Login::new(NAME, PASSWORD)), Err(LoginError::Denied)));

        engine.mark_compromised(ada).unwrap();
        assert!(engine.authenticate(token.expose()).is_err());
        for _ in 0..6 {
            // Without a counter to reset, the commit that guards this answer writes nothing.
            let refused = engine.login(Login::new("countess", PASSWORD));
            assert!(matches!(refused, Err(LoginError::MustChange)), "{}: {refused:?}", store.name);
        }
        assert!(engine.sessions(ada).unwrap().is_empty());
        assert!(engine.set_password(ada, PASSWORD).is_err());
        engine.set_password(ada, NEW).unwrap();
        engine.login(Login::new("countess", NEW)).unwrap();
    }
}

/// INV 27: the process stops after any of the deletion's commits; the next one's maintenance finishes it.
#[test]
fn inv_27_a_deletion_that_a_crash_interrupts_is_finished_by_maintenance() {
    const CROWD: u32 = 600;
    for bites in 0..=5 {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("auth.db"), ManualClock::at(start()));
        let engine = on_file(&path, &clock).open().unwrap();
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        let second = SqliteStore::open(&path).unwrap();
        crowd(&second, ada, CROWD, start().saturating_add(DAY));
        engine.run(DeleteAccount::new(ada)).unwrap().unwrap();
        let bitten = (0..bites).map(|_| engine.run(FinishDeletion::new(ada)).unwrap()).collect::<Vec<_>>();
        drop((engine, second));

        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
        let engine = builder(Arc::clone(&store), &clock).open().unwrap();
        let left = owned(&*store, ada);
        assert_eq!(left == 0, bites >= 4, "{bitten:?}");
        assert!(left == 0 || dump(&*store).rows.contains_key(&Key::Deletion(ada)), "the tombstone goes last");
        assert!(engine.authenticate(token.expose()).is_err());
        let done = engine.maintain().unwrap();
        assert_eq!((done.deletions, done.more), (usize::from(left > 0), false));
        assert_eq!(owned(&*store, ada), 0);
        let before = dump(&*store);
        assert_eq!(engine.maintain().unwrap(), doorward::Maintained::default());
        assert_eq!(dump(&*store), before);
    }
}

#[test]
fn a_call_is_bounded_and_says_that_there_is_more() {
    let (store, clock): (Arc<dyn Store>, _) = (Arc::new(MemoryStore::new()), ManualClock::at(start()));
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine.login(Login::new(NAME, PASSWORD)).unwrap();
    crowd(&*store, ada, 100_005, start());
    clock.advance(engine.policy().purge_after());
    let first = engine.maintain().unwrap();
    assert_eq!((first.purged, first.more), (100_000, true));
    let second = engine.maintain().unwrap();
    assert_eq!((second.purged, second.more), (5, false));
}

/// One account whose rows cannot be read, and a purge that fails, hold up no other deletion.
#[test]
fn rv_11_one_deletion_that_fails_holds_up_no_other() {
    let stuck = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&stuck);
    let store = Arc::new(Disturbed::new(move |call, owner| {
        let stuck = *seen.lock().unwrap();
        if stuck.is_some() && (call == "purge" || owner == stuck) { Err(broken()) } else { Ok(()) }
    }));
    let clock = ManualClock::at(start());
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    let mut accounts = ["ada", "bob", "cleo"].map(|name| {
        let account = engine.register(Register::new(name, PASSWORD)).unwrap();
        engine.run(DeleteAccount::new(account)).unwrap().unwrap();
        account
    });
    accounts.sort_unstable();
    *stuck.lock().unwrap() = Some(accounts[0]);
    assert!(matches!(engine.maintain(), Err(Fault::Store(_))));
    let left = |account| owned(&*store.store, account);
    assert_eq!(accounts.map(left), [1, 0, 0]);
    *stuck.lock().unwrap() = None;
    assert_eq!(engine.maintain().unwrap().deletions, 1);
    assert_eq!(accounts.map(left), [0, 0, 0]);
}

/// The account is gone although its remains cannot be removed now.
#[test]
fn inv_26_a_deletion_is_done_although_its_bites_fail() {
    let is_broken = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&is_broken);
    let commits = AtomicUsize::new(0);
    let store = Arc::new(Disturbed::new(move |call, _| {
        let fails = *seen.lock().unwrap() && call == "commit" && commits.fetch_add(1, Ordering::SeqCst) > 0;
        if fails { Err(broken()) } else { Ok(()) }
    }));
    let engine = builder(Arc::clone(&store), &ManualClock::at(start())).open().unwrap();
    let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    *is_broken.lock().unwrap() = true;
    engine.delete_account(ada).unwrap();
    *is_broken.lock().unwrap() = false;
    assert_eq!(owned(&*store.store, ada), 2, "the session's row and the tombstone");
    assert!(engine.authenticate(token.expose()).is_err());
    assert_eq!(engine.maintain().unwrap().deletions, 1);
}

#[test]
fn rv_8_maintenance_tells_of_itself_once() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (sink, clock) = (Arc::clone(&heard), ManualClock::at(start()));
    let engine = builder(MemoryStore::new(), &clock);
    let engine = engine
        .events(move |event| sink.lock().unwrap().push((event.operation, event.result)))
        .open()
        .unwrap();
    let maintain = || {
        heard.lock().unwrap().clear();
        let _ = engine.maintain();
        let told = heard.lock().unwrap();
        told.iter()
            .filter(|(operation, _)| *operation == "maintain")
            .map(|(_, result)| *result)
            .collect::<Vec<_>>()
    };
    assert_eq!(maintain(), [EventResult::Success]);
    clock.advance(DAY * 31);
    assert_eq!(maintain(), [EventResult::Failed("clock")]);
}
