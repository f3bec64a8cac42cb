//! A driver that errs: every wrong reply is refused and changes nothing; the same inputs give the same bytes.

use std::fmt::Debug;
use std::sync::Arc;

use doorward_core::error::{Fault, Misuse, StoreErrorKind};
use doorward_core::id::{SessionId, Stamp};
use doorward_core::machine::{Decide, Decision, Machine, Reply, Ticket};
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::open::Open;
use doorward_core::operation::register::Register;
use doorward_core::password::Verdict;
use doorward_core::record::{AccountRecord, Key, Kind, LoginRecord, Row};
use doorward_core::secret::Seed;
use doorward_core::store::{Commit, Range};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::SignError;
use doorward_core::work::{Work, Worked};

use crate::support::{
    Ask, RIGHT, START, WRONG, World, account, account_row, answer, ask, ask_at, failed, hash, millis, rows,
    scripted,
};

/// The tickets that any machine gives out, in order.
fn tickets() -> Vec<Ticket> {
    let mut machine = scripted(9, |_, _| Ok(Decision::Read(vec![Key::Keyring])));
    let mut tickets = Vec::new();
    // Bounded here too, or a machine that reads without end would take this test along.
    while tickets.len() < 100
        && let Ask::Read(ticket, _) = ask(&mut machine)
    {
        tickets.push(ticket);
        answer(&mut machine, rows([None]));
    }
    tickets
}

fn page_row(byte: u8) -> (Key, Row) {
    (account(byte), account_row(byte, 0))
}

/// A row of a kind that does not belong under this key.
fn misfit(key: &Key) -> Row {
    let account = doorward_core::id::AccountId::from_bytes([0xee; 16]);
    let record = match key.kind() {
        Kind::Account => LoginRecord { account }.into(),
        _ => AccountRecord { created: START }.into(),
    };
    Row { stamp: Stamp::from_bytes([0xee; 16]), epoch: 0, owner: None, expires: None, record }
}

/// Every form of reply that does not answer this need.
fn misfits<T>(ask: &Ask<T>) -> Vec<Reply> {
    let mut wrong = Vec::new();
    let (mut rows, mut page, mut worked, mut busy, mut commit, mut failure) =
        (true, true, true, true, true, false);
    match ask {
        Ask::Read(_, keys) => {
            rows = false;
            wrong.push(Reply::Rows(vec![None; keys.len() - 1]));
            wrong.push(Reply::Rows(vec![None; keys.len() + 1]));
            for (at, key) in keys.iter().enumerate() {
                let mut found = vec![None; keys.len()];
                found[at] = Some(misfit(key));
                wrong.push(Reply::Rows(found));
            }
        }
        Ask::Scan(..) => page = false,
        Ask::Work(_, work) => {
            (worked, busy, failure) = (false, false, true);
            let all = [
                Worked::Verified(Verdict::Match),
                Worked::Hashed(hash(7, 19456)),
                Worked::Signed(Err(SignError::TooLong)),
            ];
            let own = match work {
                Work::Verify { .. } => 0,
                Work::Hash { .. } => 1,
                Work::Sign { .. } => 2,
            };
            let others = all.into_iter().enumerate().filter(|(at, _)| *at != own);
            wrong.extend(others.map(|(_, worked)| Reply::Worked(worked)));
        }
        Ask::Commit(..) => commit = false,
        Ask::Done(..) => {}
    }
    if rows {
        wrong.extend([Reply::Rows(vec![]), Reply::Rows(vec![None])]);
    }
    if page {
        wrong.extend([Reply::Page(vec![]), Reply::Page(vec![page_row(1)])]);
    }
    if worked {
        wrong.extend([
            Reply::Worked(Worked::Verified(Verdict::Match)),
            Reply::Worked(Worked::Hashed(hash(7, 19456))),
        ]);
    }
    if busy {
        wrong.push(Reply::Busy);
    }
    if commit {
        wrong.extend([Reply::Commit(Commit::Applied), Reply::Commit(Commit::Conflict)]);
    }
    if failure {
        wrong.push(failed(StoreErrorKind::Unknown));
    }
    wrong
}

/// Offers every wrong reply before each right one, and sees that nothing comes of them.
fn run_nagged<O: Decide<Outcome: Debug>>(
    world: &mut World,
    mut machine: Machine<O>,
) -> Result<O::Outcome, Fault> {
    let tickets = tickets();
    let mut last = None;
    loop {
        let asked = ask_at(&mut machine, world.now);
        let told = format!("{asked:?}");
        world.transcript.push(told.clone());
        if let Ask::Done(outcome, _) = asked {
            // Finished: no ticket of any number is taken any more.
            for ticket in &tickets {
                assert_eq!(machine.reply(*ticket, Reply::Commit(Commit::Applied)), Err(Misuse::Ticket));
                assert_eq!(machine.reply(*ticket, Reply::Rows(vec![])), Err(Misuse::Ticket));
            }
            return outcome;
        }
        let ticket = asked.ticket();
        for wrong in misfits(&asked) {
            let reply = format!("{wrong:?}");
            assert_eq!(machine.reply(ticket, wrong), Err(Misuse::Reply), "{reply} to {told}");
            assert_eq!(format!("{:?}", ask_at(&mut machine, world.now)), told, "after {reply}");
        }
        for other in tickets.iter().filter(|other| **other != ticket).chain(&last) {
            let right = world.map_reply(&asked);
            assert_eq!(machine.reply(*other, right), Err(Misuse::Ticket), "{other:?} to {told}");
        }
        assert_eq!(format!("{:?}", ask_at(&mut machine, world.now)), told, "after foreign tickets");
        let reply = world.carry_out(&asked);
        machine.reply(ticket, reply).unwrap();
        // The same reply again, before and after the next need is known.
        assert_eq!(machine.reply(ticket, Reply::Commit(Commit::Applied)), Err(Misuse::Ticket));
        last = Some(ticket);
    }
}

impl World {
    /// An answer of the right form, without doing anything.
    fn map_reply<T>(&self, asked: &Ask<T>) -> Reply {
        match asked {
            Ask::Read(_, keys) => Reply::Rows(self.map.read(keys)),
            Ask::Scan(..) => Reply::Page(vec![]),
            Ask::Work(..) => Reply::Busy,
            Ask::Commit(..) | Ask::Done(..) => Reply::Commit(Commit::Applied),
        }
    }
}

/// One operation of each kind, one after another, in a store that all of them change.
struct Day {
    world: World,
    seed: u8,
    nags: bool,
}

impl Day {
    fn lived(seed: u8, nags: bool) -> World {
        let mut day = Self { world: World::unopened(crate::support::environment()), seed, nags };
        day.run(Open::new());
        let _ = day.run(Register::new("ada", RIGHT));
        let _ = day.run(Login::new("ada", WRONG));
        let token = day.run(Login::new("ada", RIGHT)).unwrap().token;
        day.world.wait(millis(61_000));
        let _ = day.run(Authenticate::new(token.expose()));
        let _ = day.run(Login::new("ada", RIGHT).label("again").previous(token.expose()));
        let _ = day.run(Logout::new(token.expose()));
        day.world
    }

    fn run<O: Decide<Outcome: Debug>>(&mut self, operation: O) -> O::Outcome {
        self.seed += 1;
        let seed = Seed::from_bytes([self.seed; 32]);
        let machine = Machine::new(operation, Arc::clone(&self.world.environment), seed);
        let outcome =
            if self.nags { run_nagged(&mut self.world, machine) } else { self.world.finish(machine) };
        outcome.unwrap()
    }
}

#[test]
fn inv_40_wrong_late_and_foreign_replies_change_nothing() {
    let (clean, nagged) = (Day::lived(0, false), Day::lived(0, true));
    assert_eq!(clean.transcript, nagged.transcript);
    assert_eq!(clean.map, nagged.map);
    assert_eq!(clean.encodings, nagged.encodings);
}

#[test]
fn inv_40_the_same_inputs_give_the_same_bytes() {
    let (one, two) = (Day::lived(0, false), Day::lived(0, false));
    assert!(one.transcript.len() > 25);
    assert_eq!(one.transcript, two.transcript);
    assert_eq!(one.encodings, two.encodings);
    assert_eq!(one.map, two.map);
}

#[test]
fn inv_31_another_seed_gives_other_ids_and_stamps() {
    let (one, two) = (Day::lived(0, false), Day::lived(100, false));
    for kind in [Kind::Account, Kind::Active, Kind::Credential] {
        assert_ne!(one.map.only(kind).0, two.map.only(kind).0);
    }
    for (of, row) in &one.map.rows {
        assert!(two.map.rows.get(of).is_none_or(|other| other.stamp != row.stamp), "{of:?}");
    }
    let sessions = |world: &World| -> Vec<SessionId> {
        let of = |key: &Key| if let Key::Session(id) = key { Some(*id) } else { None };
        world.map.rows.keys().filter_map(of).collect()
    };
    assert!(sessions(&one).iter().all(|id| !sessions(&two).contains(id)));
}

fn scanning() -> Machine<impl Decide<Outcome = u64>> {
    let range = Range { kind: Kind::Account, owner: None, after: Some(account(5)) };
    scripted(1, move |facts, _| {
        Ok(match facts.page(&range) {
            None => Decision::Scan(range.clone()),
            Some(rows) => Decision::Done(rows.len() as u64),
        })
    })
}

#[test]
fn inv_40_a_page_out_of_range_or_too_long_is_refused() {
    let mut machine = scanning();
    let asked = ask(&mut machine);
    let told = format!("{asked:?}");
    let Ask::Scan(ticket, _, limit) = asked else { panic!("not a scan: {told}") };
    let session = Key::Session(SessionId::from_bytes([9; 16]));
    let too_long = (0..=limit).map(|_| page_row(6)).collect();
    let before = vec![page_row(6), page_row(4)];
    let at = vec![page_row(5)];
    let wrong = [too_long, before, at, vec![(session, account_row(1, 0))]];
    for page in wrong {
        let (len, first) = (page.len(), page[0].0.clone());
        assert_eq!(machine.reply(ticket, Reply::Page(page)), Err(Misuse::Reply), "{len} from {first:?}");
        assert_eq!(format!("{:?}", ask(&mut machine)), told);
    }
    for wrong in misfits(&ask(&mut machine)) {
        assert_eq!(machine.reply(ticket, wrong), Err(Misuse::Reply));
    }
    answer(&mut machine, Reply::Page(vec![page_row(6), page_row(7)]));
    assert!(matches!(ask(&mut machine).done(), Ok(2)));
}

#[test]
fn inv_40_a_page_of_another_owner_is_refused() {
    let owner = |byte: u8| doorward_core::id::AccountId::from_bytes([byte; 16]);
    let range = Range { kind: Kind::Account, owner: Some(owner(1)), after: None };
    let mut machine = scripted(1, move |_, _| Ok(Decision::Scan(range.clone())));
    let ticket = ask(&mut machine).ticket();
    let page =
        |of: Option<u8>| Reply::Page(vec![(account(6), Row { owner: of.map(owner), ..account_row(1, 0) })]);
    assert_eq!(machine.reply(ticket, page(Some(2))), Err(Misuse::Reply));
    assert_eq!(machine.reply(ticket, page(None)), Err(Misuse::Reply));
    assert_eq!(machine.reply(ticket, page(Some(1))), Ok(()));
}

#[test]
fn inv_40_a_reply_before_the_first_poll_is_refused() {
    let mut machine = scanning();
    for ticket in tickets() {
        assert_eq!(machine.reply(ticket, Reply::Page(vec![])), Err(Misuse::Ticket));
    }
    assert!(matches!(ask(&mut machine), Ask::Scan(..)));
}

#[test]
fn inv_40_settling_and_confirming_take_no_misfit_either() {
    let mut world = World::new();
    world.register("ada");
    let mut machine = world.machine(Login::new("ada", RIGHT));
    world.step_to_commit(&mut machine);
    let stamp = ask(&mut machine).commit().stamp;
    answer(&mut machine, failed(StoreErrorKind::Unknown));
    let asked = ask(&mut machine);
    let told = format!("{asked:?}");
    for wrong in misfits(&asked) {
        assert_eq!(machine.reply(asked.ticket(), wrong), Err(Misuse::Reply));
    }
    // The stamp is ours, the row is not a session: whatever wrote it, it was not this commit.
    let lie = Row { stamp, ..account_row(0, 0) };
    assert_eq!(machine.reply(asked.ticket(), rows([Some(lie)])), Err(Misuse::Reply));
    assert_eq!(format!("{:?}", ask(&mut machine)), told);
}

#[test]
fn inv_19_time_never_goes_back_within_a_machine() {
    let at = Timestamp::from_millis;
    let mut machine = scripted(1, |facts, cx| {
        Ok(match facts.rows([&account(1)]) {
            None => Decision::Read(vec![account(1)]),
            Some(_) => Decision::Done(u64::try_from(cx.now.as_millis()).unwrap()),
        })
    });
    let ticket = ask_at(&mut machine, at(100)).ticket();
    // A poll that only repeats the need counts as well.
    assert_eq!(ask_at(&mut machine, at(170)).ticket(), ticket);
    assert_eq!(ask_at(&mut machine, at(20)).ticket(), ticket);
    machine.reply(ticket, rows([None])).unwrap();
    let Ask::Done(outcome, event) = ask_at(&mut machine, at(50)) else { panic!("not done") };
    assert_eq!((outcome.unwrap(), event.at), (170, at(170)));
}

#[test]
fn inv_23_no_time_breaks_an_operation() {
    for millis in [i64::MIN, -1, 0, 1, 1 << 53, i64::MAX - 1, i64::MAX] {
        let mut world = World::unopened(crate::support::environment());
        world.now = Timestamp::from_millis(millis);
        world.run(Open::new()).unwrap();
        world.register("ada");
        for password in [WRONG, RIGHT] {
            let outcome = world.run(Login::new("ada", password)).unwrap();
            if let Ok(logged_in) = outcome {
                let token = logged_in.token.expose();
                let alive = world.run(Authenticate::new(token)).unwrap().is_ok();
                assert_eq!(alive, millis < i64::MAX, "{millis}");
                world.run(Logout::new(token)).unwrap().unwrap();
            }
        }
    }
}
