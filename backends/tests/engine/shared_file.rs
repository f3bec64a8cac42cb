//! Two engines on one database file, each with a handle of its own: what one says, the other sees at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use doorward::core::error::{Fault, StoreErrorKind};
use doorward::core::model::session::Gone;
use doorward::core::time::Timestamp;
use doorward::store::SqliteStore;
use doorward::{AuthenticateError, Ended, Engine, Login, LoginError, ManualClock, Register, RegisterError};
use tempfile::TempDir;

use crate::support::engine::{NAME, PASSWORD, open_with_clock};

const WRONG: &str = "a wrong and improper password";

fn two() -> (TempDir, [Engine; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let engines = [(); 2].map(|()| {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        open_with_clock(Arc::new(SqliteStore::open(&path).unwrap()), clock)
    });
    (folder, engines)
}

#[test]
fn inv_11_a_login_and_a_logout_in_one_are_seen_in_the_other_at_once() {
    let (_folder, [one, other]) = two();
    let account = one.register(Register::new(NAME, PASSWORD)).unwrap();
    assert!(matches!(other.register(Register::new(NAME, PASSWORD)), Err(RegisterError::Taken)));
    for (here, there) in [(&one, &other), (&other, &one)].into_iter().cycle().take(50) {
        let token = here.login(Login::new(NAME, PASSWORD)).unwrap().token;
        assert_eq!(there.authenticate(token.expose()).unwrap().account, account);
        assert_eq!(there.logout(token.expose()).unwrap().ended, Ended::Ended);
        let outcome = here.authenticate(token.expose());
        assert!(matches!(outcome, Err(AuthenticateError::Gone(Gone::Ended))), "{outcome:?}");
        assert_eq!(here.logout(token.expose()).unwrap().ended, Ended::AlreadyGone);
    }
}

#[test]
fn gu_4_guesses_in_both_are_counted_together() {
    let (_folder, [one, other]) = two();
    one.register(Register::new(NAME, PASSWORD)).unwrap();
    for engine in [&one, &other, &one, &other, &one] {
        assert!(matches!(engine.login(Login::new(NAME, WRONG)), Err(LoginError::Denied)));
    }
    for engine in [&other, &one] {
        let outcome = engine.login(Login::new(NAME, PASSWORD));
        assert!(matches!(outcome, Err(LoginError::Throttled { .. })), "{outcome:?}");
    }
}

/// GU-4, GU-1: at once, too, no more are decided than the five that are free.
#[test]
fn gu_4_parallel_guesses_in_both_decide_no_more_than_are_free() {
    let (_folder, engines) = two();
    engines[0].register(Register::new(NAME, PASSWORD)).unwrap();
    let denied = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for engine in engines.iter().cycle().take(8) {
            let denied = &denied;
            scope.spawn(move || {
                for _ in 0..10 {
                    match engine.login(Login::new(NAME, WRONG)) {
                        Err(LoginError::Denied) => drop(denied.fetch_add(1, Ordering::SeqCst)),
                        Err(
                            LoginError::Throttled { .. } | LoginError::Fault(Fault::Contended | Fault::Busy),
                        ) => {}
                        Err(LoginError::Fault(Fault::Store(error)))
                            if error.kind() == StoreErrorKind::Retryable => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(denied.into_inner(), 5);
}

/// Two processes that sign the same name up at once: one account.
#[test]
fn inv_29_one_name_registered_in_both_at_once_is_one_account() {
    let (_folder, engines) = two();
    for round in 0..10 {
        let name = format!("person{round}");
        let made: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = engines
                .iter()
                .map(|engine| scope.spawn(|| engine.register(Register::new(&name, PASSWORD))))
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap().is_ok())).sum()
        });
        assert_eq!(made, 1, "{name}");
        assert!(engines.iter().all(|engine| engine.login(Login::new(&name, PASSWORD)).is_ok()));
    }
}
