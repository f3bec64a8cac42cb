//! The end of an account, and its other names: at every point where a crash may stand between.

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::event::EventResult;
use doorward_core::id::{AccountId, SessionId};
use doorward_core::model::data::DataRecord;
use doorward_core::model::device::DevicesRecord;
use doorward_core::model::grant::GrantsRecord;
use doorward_core::model::session::Gone;
use doorward_core::name::LoginName;
use doorward_core::operation::access::AccountError;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::deletions::Deletions;
use doorward_core::operation::finish_deletion::{FinishDeletion, Remains};
use doorward_core::operation::login::{Login, LoginError};
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::register::Register;
use doorward_core::operation::rename::{Rename, RenameError};
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::record::{Key, Kind, LoginRecord, Row};
use doorward_core::store::{Commit, Ending};

use crate::support::home::{gone, home, is_live, login};
use crate::support::{RIGHT, START, Step, WRONG, World, answer, ask, ask_at, failed, millis, stamp};

/// The longest session of the default policy.
const LONGEST: u64 = 90 * 24 * 3_600_000;
const MINUTE: u64 = 60_000;

fn name(text: &str) -> Key {
    Key::Login(LoginName::parse(text).unwrap())
}

fn owned(world: &World, account: AccountId) -> Vec<Kind> {
    let rows = world.map.rows.iter().filter(|(_, row)| row.owner == Some(account));
    rows.map(|(key, _)| key.kind()).collect()
}

/// As many more sessions as this, each with data and grants; and known devices.
fn crowd(world: &mut World, account: AccountId, sessions: u16) {
    let session = world.map.rows.values().find(|row| row.owner == Some(account) && row.session().is_ok());
    let session = session.expect("there is one").clone();
    let row = |record| Row { record, ..session.clone() };
    for number in 0..sessions {
        let mut id = [0xab; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let id = SessionId::from_bytes(id);
        world.map.rows.insert(Key::Session(id), session.clone());
        world.map.rows.insert(Key::Data(id), row(DataRecord { bytes: vec![7] }.into()));
        world.map.rows.insert(Key::Grants(id), row(GrantsRecord::default().into()));
    }
    world.map.rows.insert(Key::Devices(account), row(DevicesRecord::default().into()));
}

#[test]
fn inv_12_inv_14_se_8_a_deleted_account_is_gone_in_one_commit() {
    let (mut world, [ada, _], [token, others]) = home();
    world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    world.run(Reauthenticate::new(&token, WRONG)).unwrap().unwrap_err();
    crowd(&mut world, ada, 3);
    let (outcome, steps) = world.trace(DeleteAccount::new(ada));
    outcome.unwrap();
    assert_eq!(steps.iter().filter(|step| matches!(step, Step::Commit { .. })).count(), 1);
    let until = START.saturating_add(millis(LONGEST));
    assert_eq!(world.map.journal, [Ending::Epoch { key: Key::Account(ada), until }]);
    let remains = [Kind::Session, Kind::Data, Kind::Grants, Kind::Deletion];
    assert!(owned(&world, ada).iter().all(|kind| remains.contains(kind)));
    assert_eq!(
        world.map.count(Kind::Throttle),
        1,
        "a stranger's wait on the name stays, the account's own goes"
    );

    assert_eq!(gone(&mut world, &token), Some(Gone::Revoked));
    assert!(is_live(&mut world, &others));
    assert!(matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::Denied)));
    let anew = world.register("ada");
    assert_ne!(anew, ada);
    let again = login(&mut world, "ada");
    assert!(is_live(&mut world, &again) && !is_live(&mut world, &token));
}

#[test]
fn inv_16_a_deletion_is_idempotent_until_nothing_is_left() {
    let (mut world, [ada, bob], _) = home();
    let nobody = AccountId::from_bytes([9; 16]);
    let before = world.map.clone();
    assert!(matches!(world.run(DeleteAccount::new(nobody)).unwrap(), Err(AccountError::NotFound)));
    for account in [ada, nobody] {
        assert_eq!(world.run(FinishDeletion::new(account)).unwrap(), Remains::None);
    }
    assert_eq!(world.map, before, "without a tombstone nothing is removed");

    world.run(DeleteAccount::new(ada)).unwrap().unwrap();
    let deleted = world.map.clone();
    world.run(DeleteAccount::new(ada)).unwrap().unwrap();
    assert_eq!(world.map, deleted);
    assert_eq!(world.run(Deletions::new()).unwrap(), [ada]);
    while world.run(FinishDeletion::new(ada)).unwrap() == Remains::Left {}
    assert!(matches!(world.run(DeleteAccount::new(ada)).unwrap(), Err(AccountError::NotFound)));
    assert_eq!(world.run(Deletions::new()).unwrap(), []);
    assert!(owned(&world, ada).is_empty() && !owned(&world, bob).is_empty());
}

/// INV 27: stopped after any commit, and inside any, the bites end at the same rows; the tombstone goes last.
#[test]
fn inv_27_inv_29_a_deletion_that_is_stopped_anywhere_is_finished_later() {
    let (mut world, [ada, bob], _) = home();
    crowd(&mut world, ada, 600);
    crowd(&mut world, bob, 3);
    world.map.rows.insert(
        name("left-over"),
        Row { record: LoginRecord { account: ada }.into(), ..world.map.rows[&Key::Account(ada)].clone() },
    );
    // What a session granted, after a purge has taken the session.
    let orphan = Row { record: GrantsRecord::default().into(), ..world.map.rows[&Key::Account(ada)].clone() };
    world.map.rows.insert(Key::Grants(SessionId::from_bytes([0xcd; 16])), orphan);
    let of_bob = |world: &World| {
        let rows = world.map.rows.iter().filter(|(_, row)| row.owner == Some(bob));
        rows.map(|(key, row)| (key.clone(), row.clone())).collect::<Vec<_>>()
    };
    let bobs = of_bob(&world);
    world.run(DeleteAccount::new(ada)).unwrap().unwrap();

    let mut bites = 0;
    loop {
        let (held, had) = (owned(&world, ada), world.map.clone());
        assert!(held.contains(&Kind::Deletion), "the tombstone went before the rest");
        // A crash before the commit, and one after it whose answer nobody heard: each bite is taken twice.
        let mut lost = world.machine(FinishDeletion::new(ada));
        world.step_to_commit(&mut lost);
        assert_eq!(world.map, had);
        let remains = world.run(FinishDeletion::new(ada)).unwrap();
        assert_eq!(world.finish(lost).unwrap(), remains, "the same bite again");
        bites += 1;
        if remains == Remains::None {
            assert_eq!(held, [Kind::Deletion], "more was left");
            break;
        }
        assert!(held.len() - owned(&world, ada).len() <= 3 * 256 + 1, "a bite is bounded");
    }
    assert_eq!(bites, 4, "three of sessions, and the tombstone");
    assert!(owned(&world, ada).is_empty() && !world.map.rows.contains_key(&name("left-over")));
    assert_eq!(of_bob(&world), bobs);
}

/// An answer that is lost: what takes away only is decided again, and the deletion knows its own tombstone.
#[test]
fn a_deletion_whose_answer_is_lost_is_looked_up() {
    let (mut world, [ada, _], [token, _]) = home();
    let mut machine = world.machine(DeleteAccount::new(ada));
    world.step_to_commit(&mut machine);
    let batch = ask(&mut machine).commit();
    assert_eq!(world.map.commit(&batch), Commit::Applied);
    answer(&mut machine, failed(StoreErrorKind::Unknown));
    world.finish(machine).unwrap().unwrap();
    assert!(!is_live(&mut world, &token));

    let mut bite = world.machine(FinishDeletion::new(ada));
    world.step_to_commit(&mut bite);
    let batch = ask(&mut bite).commit();
    assert_eq!(batch.expectations().count(), 0);
    assert_eq!(world.map.commit(&batch), Commit::Applied);
    answer(&mut bite, failed(StoreErrorKind::Unknown));
    assert_eq!(world.finish(bite).unwrap(), Remains::None);
}

/// INV 15, 24: whoever was on the way when the account went makes no row of it, and gets nothing.
#[test]
fn inv_15_inv_24_nothing_on_its_way_outlives_the_account() {
    macro_rules! beside {
        ($($operation:expr),+ $(,)?) => {$({
            let (mut world, [ada, _], [token, _]) = home();
            world.wait(millis(2 * MINUTE));
            let make: fn(AccountId, &str) -> _ = $operation;
            let mut machine = world.machine(make(ada, &token));
            world.step_to_commit(&mut machine);
            world.run(DeleteAccount::new(ada)).unwrap().unwrap();
            while world.run(FinishDeletion::new(ada)).unwrap() == Remains::Left {}
            let outcome = world.finish(machine);
            assert!(owned(&world, ada).is_empty(), "{outcome:?} left {:?}", owned(&world, ada));
            assert!(!is_live(&mut world, &token));
        })+};
    }
    beside![
        |_, _| Login::new("ada", RIGHT),
        |_, _| Login::new("ada", WRONG),
        |_, token| Authenticate::new(token),
        |_, token| RotateSession::new(token),
        |_, token| Reauthenticate::new(token, RIGHT),
        |_, token| Reauthenticate::new(token, WRONG),
        |_, token| ChangePassword::new(token, RIGHT, "an entirely different sentence"),
        |ada, token| LogoutEverywhere::new(ada).keep(token),
        |ada, _| SetPassword::new(ada, "an entirely different sentence"),
        |ada, _| Rename::new(ada, "countess"),
    ];
}

/// Who keeps the account's row busy keeps nobody from deleting it.
#[test]
fn inv_43_a_deletion_is_not_starved() {
    let (mut world, [ada, _], [token, _]) = home();
    let mut machine = world.machine(DeleteAccount::new(ada));
    for attempt in 0..8_u8 {
        world.step_to_commit(&mut machine);
        let batch = ask_at(&mut machine, world.now).commit();
        let rests = batch.expectations().any(|(key, _)| matches!(key, Key::Account(_)));
        assert_eq!(rests, attempt < 7);
        world.map.raise(&Key::Account(ada), stamp(0xc0 + attempt));
        assert!(attempt == 7 || world.step(&mut machine).is_none());
    }
    world.finish(machine).unwrap().unwrap();
    assert!(!is_live(&mut world, &token) && world.map.rows.contains_key(&Key::Deletion(ada)));
    // Its name falls to the first bite.
    assert_eq!(world.run(FinishDeletion::new(ada)).unwrap(), Remains::Left);
    assert!(!world.map.rows.contains_key(&name("ada")));
}

#[test]
fn a_rename_frees_the_old_name_and_harms_no_session() {
    let (mut world, [ada, bob], [token, _]) = home();
    let before = world.map.clone();
    assert!(matches!(world.run(Rename::new(ada, "BOB")).unwrap(), Err(RenameError::Taken)));
    assert!(matches!(world.run(Rename::new(ada, "a b")).unwrap(), Err(RenameError::Name(_))));
    let nobody = AccountId::from_bytes([9; 16]);
    assert!(matches!(world.run(Rename::new(nobody, "cleo")).unwrap(), Err(RenameError::NotFound)));
    let (same, steps) = world.trace(Rename::new(ada, "Ada"));
    assert!(same.is_ok() && !steps.iter().any(|step| matches!(step, Step::Commit { .. })));
    assert_eq!(world.map, before);

    world.run(Rename::new(ada, "Countess")).unwrap().unwrap();
    assert_eq!(world.map.count(Kind::Login), 2);
    assert_eq!(world.map.rows[&name("countess")].owner, Some(ada));
    assert!(is_live(&mut world, &token));
    assert!(matches!(world.run(Login::new("ada", RIGHT)).unwrap(), Err(LoginError::Denied)));
    world.run(Login::new("countess", RIGHT)).unwrap().unwrap();
    world.run(Rename::new(bob, "ada")).unwrap().unwrap();
    assert_eq!(world.run(Login::new("ada", RIGHT)).unwrap().unwrap().session.account, bob);
    assert!(world.map.journal.is_empty(), "nothing has ended");
}

/// However many names a store has for an account, it has one afterwards: the one that was asked for, also when that was
/// among them, and when there was none.
#[test]
fn a_rename_leaves_one_name_of_many_and_of_none() {
    for (before, new) in [(&["ada", "countess"][..], "ada"), (&["ada", "countess"], "lovelace"), (&[], "ada")]
    {
        let (mut world, [ada, _], _) = home();
        let row = world.map.rows.remove(&name("ada")).unwrap();
        world.map.rows.extend(before.iter().map(|one| (name(one), row.clone())));
        world.run(Rename::new(ada, new)).unwrap().unwrap();
        let names =
            world.map.rows.iter().filter(|(key, row)| key.kind() == Kind::Login && row.owner == Some(ada));
        assert_eq!(names.map(|(key, _)| key.clone()).collect::<Vec<_>>(), [name(new)], "{before:?}");
        assert_eq!(world.run(Login::new(new, RIGHT)).unwrap().unwrap().session.account, ada);
    }
}

/// Two at once leave one name, whichever comes first; and a login under the old name falls before or after.
#[test]
fn of_two_renames_at_once_the_second_takes_the_firsts_name_away() {
    let (mut world, [ada, _], _) = home();
    let mut machines = ["one", "two"].map(|name| world.machine(Rename::new(ada, name)));
    let mut late = world.machine(Login::new("ada", RIGHT));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    world.step_to_commit(&mut late);
    for machine in machines {
        world.finish(machine).unwrap().unwrap();
    }
    let names = |world: &World| owned(world, ada).iter().filter(|kind| **kind == Kind::Login).count();
    assert_eq!(names(&world), 1);
    assert!(world.map.rows.contains_key(&name("two")));
    assert!(matches!(world.finish(late).unwrap(), Err(LoginError::Denied)));
}

/// The same name for two accounts, by rename or by registration: one gets it.
#[test]
fn of_two_who_want_one_name_one_gets_it() {
    let (mut world, [ada, bob], _) = home();
    let mut machines = [ada, bob].map(|account| world.machine(Rename::new(account, "cleo")));
    let mut registers = world.machine(Register::new("cleo", RIGHT));
    for machine in &mut machines {
        world.step_to_commit(machine);
    }
    world.step_to_commit(&mut registers);
    let [first, second] = machines;
    world.finish(first).unwrap().unwrap();
    assert!(matches!(world.finish(second).unwrap(), Err(RenameError::Taken)));
    assert!(world.finish(registers).unwrap().is_err());
    assert!(world.map.rows.contains_key(&name("bob")), "who was refused keeps the old one");
}

/// RV-8.
#[test]
fn rv_8_each_tells_of_its_success_and_of_its_refusal() {
    let (mut world, [ada, _], _) = home();
    let nobody = AccountId::from_bytes([9; 16]);
    let (success, refused) = (EventResult::Success, EventResult::Refused);
    assert_eq!(world.told(Rename::new(ada, "cleo")), ("rename", success, Some(ada)));
    assert_eq!(world.told(Rename::new(ada, "bob")), ("rename", refused("taken"), Some(ada)));
    assert_eq!(world.told(Rename::new(ada, "")), ("rename", refused("name"), Some(ada)));
    assert_eq!(world.told(Rename::new(nobody, "dora")), ("rename", refused("not found"), Some(nobody)));
    assert_eq!(
        world.told(DeleteAccount::new(nobody)),
        ("delete_account", refused("not found"), Some(nobody))
    );
    assert_eq!(world.told(DeleteAccount::new(ada)), ("delete_account", success, Some(ada)));
    assert_eq!(world.told(FinishDeletion::new(ada)), ("finish_deletion", success, Some(ada)));
    assert_eq!(world.told(Deletions::new()), ("deletions", success, None));
    let mut machine = world.machine(DeleteAccount::new(ada));
    answer(&mut machine, failed(StoreErrorKind::Fatal));
    assert!(matches!(world.finish(machine), Err(Fault::Store(_))));
}

/// The story: whoever kept an account's row busy had its deletion leave the names to those who finish it. A wrong guess by one of
/// them, in between, was counted for the account that was gone, in a row that nobody looked for again.
#[test]
fn inv_27_a_guess_that_was_counted_for_who_is_gone_goes_too() {
    let (mut world, [account, _], _) = home();
    let mut delete = world.machine(DeleteAccount::new(account));
    for busy in 0..7 {
        world.step_to_commit(&mut delete);
        world.map.raise(&Key::Account(account), stamp(200 + busy));
        assert!(world.step(&mut delete).is_none(), "it met a change");
    }
    world.finish(delete).unwrap().unwrap();
    world.run(Login::new("ada", WRONG)).unwrap().unwrap_err();
    assert!(owned(&world, account).contains(&Kind::Attempts), "it is counted, as long as there is the name");
    while world.run(FinishDeletion::new(account)).unwrap() == Remains::Left {}
    assert_eq!(owned(&world, account), []);
}
