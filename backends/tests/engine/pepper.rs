//! PW-13: with a pepper (NIST SP 800-63B-4), the database and the right password open nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorward::core::id::AccountId;
use doorward::core::password::{HashMemory, Password, Verdict};
use doorward::core::record::{CredentialRecord, Key};
use doorward::core::secret::KeyError;
use doorward::core::store::{Guarantees, Store};
use doorward::core::work::{Work, Worked};
use doorward::{Builder, Engine, Login, LoginError, MasterKey, OpenError, Pepper, Register};
use doorward_conformance::fault::FaultStore;

use crate::support::engine::{NAME, PASSWORD, each_store, policy};

fn builder(store: &Arc<dyn Store>) -> Builder {
    let builder =
        Engine::builder(Arc::clone(store)).master_key(MasterKey::new(1, [0x42; 32])).policy(policy());
    if store.guarantees().meets(Guarantees::ALL) { builder } else { builder.ephemeral() }
}

fn pepper(number: u32) -> Pepper {
    Pepper::new(number, [0x60 + u8::try_from(number).unwrap(); 32])
}

fn credential(store: &Arc<dyn Store>, account: AccountId) -> CredentialRecord {
    let rows = store.read(&[Key::Credential(account)]).unwrap();
    rows[0].as_ref().unwrap().credential().unwrap().clone()
}

/// One try of a dictionary, by who has the database and this pepper.
fn guess(stolen: &CredentialRecord, password: &str, pepper: Option<Pepper>) -> Verdict {
    let (password, normalization) = (Password::new(password).unwrap(), stolen.normalization);
    let work = Work::Verify { password, normalization, hash: stolen.hash.clone(), pepper };
    let Worked::Verified(verdict) = work.run(&mut HashMemory::default()).unwrap() else { panic!() };
    verdict
}

#[test]
fn pw_13_two_key_ids_verify_during_a_change_and_both_end_up_under_the_new_one() {
    for named in each_store() {
        let store = &named.store;
        let engine = builder(store).pepper(pepper(1)).open().unwrap();
        let ada = engine.register(Register::new("ada", PASSWORD)).unwrap();
        let engine = builder(store).pepper(pepper(2)).pepper(pepper(1)).open().unwrap();
        let bob = engine.register(Register::new("bob", PASSWORD)).unwrap();
        let under = || [ada, bob].map(|account| credential(store, account).pepper);
        assert_eq!(under(), [Some(1), Some(2)]);
        for name in ["ada", "bob"] {
            engine.login(Login::new(name, PASSWORD)).unwrap();
        }
        assert_eq!(under(), [Some(2), Some(2)]);
        let engine = builder(store).pepper(pepper(2)).open().unwrap();
        for name in ["ada", "bob"] {
            engine.login(Login::new(name, PASSWORD)).unwrap();
        }
    }
}

#[test]
fn pw_13_a_wrong_pepper_under_a_known_number_is_refused_at_open() {
    for store in each_store() {
        let open = |builder: Builder| {
            builder.open().map(|_| ()).map_err(|error| match error {
                OpenError::Key(error) => error,
                other => panic!("{other}"),
            })
        };
        builder(&store.store).pepper(pepper(1)).accept_pepper(pepper(2)).open().unwrap();
        for number in [1, 2] {
            let wrong = Pepper::new(number, [0xee; 32]);
            let refused = Err(KeyError::WrongPepper(number));
            assert_eq!(open(builder(&store.store).pepper(wrong.clone())), refused);
            assert_eq!(open(builder(&store.store).pepper(pepper(3)).accept_pepper(wrong)), refused);
        }
        let twice = builder(&store.store).pepper(pepper(1)).accept_pepper(pepper(1));
        assert_eq!(open(twice), Err(KeyError::DuplicatePepper(1)));
        // A refused ring noted nothing: the third number is still anybody's.
        assert_eq!(open(builder(&store.store).accept_pepper(Pepper::new(3, [0xdd; 32]))), Ok(()));
        assert_eq!(open(builder(&store.store)), Ok(()), "none need be given");
    }
}

/// A dictionary of one, and it holds the password: who has the database alone learns nothing from it.
#[test]
fn pw_13_the_database_and_the_right_password_verify_nothing_without_the_pepper() {
    for store in each_store() {
        let engine = builder(&store.store).pepper(pepper(1)).open().unwrap();
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let stolen = credential(&store.store, ada);
        assert_eq!(guess(&stolen, PASSWORD, None), Verdict::Mismatch);
        assert_eq!(guess(&stolen, PASSWORD, Some(pepper(2))), Verdict::Mismatch);
        assert_eq!(guess(&stolen, PASSWORD, Some(pepper(1))), Verdict::Match, "the guess was the right one");
        for thief in [builder(&store.store), builder(&store.store).pepper(pepper(2))] {
            let refused = thief.open().unwrap().login(Login::new(NAME, PASSWORD));
            assert!(matches!(refused, Err(LoginError::Denied)), "{}: {refused:?}", store.name);
        }
        assert_eq!(credential(&store.store, ada), stolen, "a denial upgrades nothing");
        engine.login(Login::new(NAME, PASSWORD)).unwrap();
    }
}

/// GU-5, INV 37: on every store, an account whose pepper is gone is denied as a name that nobody has, the right
/// password included; so is every other with a pepper in use.
#[test]
fn gu_5_denials_are_alike_with_a_pepper_and_when_it_is_gone() {
    for store in each_store() {
        let register = |name: &str, builder: Builder| {
            builder.open().unwrap().register(Register::new(name, PASSWORD)).unwrap()
        };
        register("gone", builder(&store.store).pepper(pepper(1)));
        register("bare", builder(&store.store));
        register("used", builder(&store.store).pepper(pepper(2)));
        let faulty = FaultStore::new(Arc::clone(&store.store));
        let shared: Arc<dyn Store> = Arc::new(faulty.clone());
        let engine = builder(&shared).pepper(pepper(2)).open().unwrap();
        for round in 0..3 {
            let seen: BTreeSet<(String, Vec<String>)> = ["gone", "nobody", "bare", "used"]
                .into_iter()
                .map(|name| {
                    let password = if name == "gone" { PASSWORD } else { "a wrong and improper password" };
                    faulty.forget_calls();
                    let denied = engine.login(Login::new(name, password)).unwrap_err();
                    assert!(matches!(denied, LoginError::Denied), "{name}: {denied:?}");
                    (denied.to_string(), faulty.calls().iter().map(ToString::to_string).collect())
                })
                .collect();
            assert_eq!(seen.len(), 1, "{}: round {round}: {seen:#?}", store.name);
            assert_eq!(seen.first().unwrap().1.len(), 3, "two reads and one commit: {seen:?}");
        }
    }
}
