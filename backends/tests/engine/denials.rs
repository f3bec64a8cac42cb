//! Four ways to be denied, one answer: nobody can tell which names exist, nor why a known one stays shut.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorward::core::id::Stamp;
use doorward::core::machine::{Environment, Machine, Need, Reply};
use doorward::core::password::HashMemory;
use doorward::core::record::{Key, Kind};
use doorward::core::secret::{MasterKeys, Seed};
use doorward::core::store::{Batch, Durability, Range, Store, Write};
use doorward::core::time::Timestamp;
use doorward::core::work::Work;
use doorward::{Login, LoginError, MasterKey, Register};
use doorward_conformance::fault::FaultStore;

use crate::support::engine::{PASSWORD, each_store, open_with_clock, policy};

/// The name that is registered, the one that is not, one that is disabled, one without a password.
const NAMES: [&str; 4] = ["ada", "nobody", "dora", "nopass"];

/// Takes a row away behind the engine's back: how an account loses its password, or the right to log in.
fn delete(store: &dyn Store, key: Key) {
    let mut batch = Batch::new(Stamp::from_bytes([9; 16]), Durability::Durable);
    batch.writes.push(Write::Delete { key });
    store.commit(&batch).unwrap();
}

/// GU-5, INV 37: unknown, disabled, no password, wrong and empty: the same answer, and the same calls of the
/// store, on every store; the first time and when there are failures already.
#[test]
fn gu_5_denials_are_alike_in_answer_and_store_calls() {
    for store in each_store() {
        let faulty = FaultStore::new(Arc::clone(&store.store));
        let clock = doorward::ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let engine = open_with_clock(Arc::new(faulty.clone()), clock);
        for name in NAMES.iter().filter(|name| **name != "nobody") {
            let account = engine.register(Register::new(name, PASSWORD)).unwrap();
            match *name {
                "dora" => delete(&*store.store, Key::Active(account)),
                "nopass" => delete(&*store.store, Key::Credential(account)),
                _ => {}
            }
        }
        let attempt = |name: &str, password: &str| {
            faulty.forget_calls();
            let outcome = engine.login(Login::new(name, password));
            assert!(matches!(outcome, Err(LoginError::Denied)), "{}: {name}: {outcome:?}", store.name);
            let message = outcome.map(|_| ()).unwrap_err().to_string();
            (message, faulty.calls().iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        for (round, password) in
            ["wrong, but long enough to be one", "", "wrong again, and long enough"].iter().enumerate()
        {
            let seen: BTreeSet<_> = NAMES
                .iter()
                .map(|name| {
                    // The right password tells no more than a wrong one where an account is shut.
                    let password =
                        if matches!(*name, "dora" | "nopass") && round == 0 { PASSWORD } else { password };
                    attempt(name, password)
                })
                .collect();
            assert_eq!(seen.len(), 1, "{}: round {round}: {seen:#?}", store.name);
            let (_, calls) = seen.first().unwrap();
            assert_eq!(calls.len(), 3, "two reads and one commit: {calls:?}");
        }
    }
}

/// GU-5: exactly one Argon2id run for each, with the parameters of the policy.
#[test]
fn gu_5_denials_cost_one_argon2id_run_each() {
    for store in each_store() {
        let engine = open_with_clock(Arc::clone(&store.store), doorward::SystemClock);
        engine.register(Register::new("ada", PASSWORD)).unwrap();
        let dora = engine.register(Register::new("dora", PASSWORD)).unwrap();
        let nopass = engine.register(Register::new("nopass", PASSWORD)).unwrap();
        delete(&*store.store, Key::Active(dora));
        delete(&*store.store, Key::Credential(nopass));

        let keys = MasterKeys::new(MasterKey::new(1, [0x42; 32]));
        let environment = Arc::new(Environment { policy: policy(), keys });
        for (name, password) in NAMES.iter().flat_map(|name| [(name, ""), (name, "wrong, but long enough")]) {
            let mut runs = Vec::new();
            let mut machine =
                Machine::new(Login::new(name, password), Arc::clone(&environment), Seed::from_bytes([7; 32]));
            let outcome = loop {
                let (ticket, reply) = match machine.poll(Timestamp::from_millis(1_700_000_000_000)) {
                    Need::Read(ticket, keys) => (ticket, Reply::Rows(store.store.read(keys).unwrap())),
                    Need::Commit(ticket, batch) => {
                        (ticket, Reply::Commit(store.store.commit(batch).unwrap()))
                    }
                    Need::Work(ticket, work) => {
                        let Work::Verify { hash, .. } = work else { panic!("{work:?}") };
                        runs.push(*hash.params());
                        (ticket, Reply::Worked(work.run(&mut HashMemory::default()).unwrap()))
                    }
                    Need::Scan(..) => panic!("a login scans nothing"),
                    Need::Done(outcome, _) => break outcome.unwrap(),
                };
                machine.reply(ticket, reply).unwrap();
            };
            assert!(matches!(outcome, Err(LoginError::Denied)));
            assert_eq!(runs, [*policy().argon2()], "{}: {name:?} {password:?}", store.name);
            // Forget the failures, so that nobody has to wait.
            for kind in [Kind::Throttle, Kind::Attempts] {
                let range = Range { kind, owner: None, after: None };
                for (key, _) in store.store.scan(&range, 100).unwrap() {
                    delete(&*store.store, key);
                }
            }
        }
    }
}
