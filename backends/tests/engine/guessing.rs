//! Many guesses at once: no more are decided than the policy allows, each one that is decided is counted, and
//! a logout in the middle of it is not starved.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use doorward::core::error::Fault;
use doorward::core::record::Key;
use doorward::core::store::Store;
use doorward::{Ended, Login, LoginError, ManualClock, Register};

use crate::support::engine::{NAME, PASSWORD, each_store, open_with_clock};

const THREADS: u32 = 16;
const GUESSES: u32 = 12;

#[test]
fn gu_4_of_parallel_guesses_only_the_allowed_number_is_decided() {
    for store in each_store() {
        let clock = ManualClock::at(doorward::core::time::Timestamp::from_millis(1_700_000_000_000));
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        let account = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;

        // Five free tries, then one after each wait.
        let mut counted = 0;
        for (round, allowed) in [5, 1, 1].into_iter().enumerate() {
            let denied = AtomicU32::new(0);
            let start = Barrier::new(THREADS as usize + 1);
            let guess = |thread| {
                start.wait();
                for guess in 0..GUESSES {
                    let password = format!("wrong guess number {guess} of thread {thread}");
                    match engine.login(Login::new(NAME, password)) {
                        Err(LoginError::Denied) => drop(denied.fetch_add(1, Ordering::SeqCst)),
                        Err(
                            LoginError::Throttled { .. } | LoginError::Fault(Fault::Contended | Fault::Busy),
                        ) => {}
                        other => panic!("{}: {other:?}", store.name),
                    }
                }
            };
            let guess = &guess;
            let logout_took = std::thread::scope(|scope| {
                (0..THREADS).for_each(|thread| drop(scope.spawn(move || guess(thread))));
                start.wait();
                let begun = Instant::now();
                if round == 0 {
                    assert_eq!(engine.logout(token.expose()).unwrap().ended, Ended::Ended, "{}", store.name);
                }
                begun.elapsed()
            });
            let denied = denied.into_inner();
            counted += allowed;
            assert_eq!(denied, allowed, "{}: decided in round {round}", store.name);
            let attempts = store.store.read(&[Key::Attempts(account)]).unwrap().remove(0).unwrap();
            assert_eq!(attempts.attempts().unwrap().failures, counted, "{}: counted", store.name);
            assert!(logout_took < Duration::from_secs(5), "{}: the logout took {logout_took:?}", store.name);
            // The wait before the next round: 30 s, then 60 s.
            clock.advance(Duration::from_secs(30 << round));
        }
        assert!(
            engine.authenticate(token.expose()).is_err(),
            "{}: the logged-out session came back",
            store.name
        );
    }
}
