//! The engine of a host that does its own I/O: what it does with a host that replies late, twice, to another operation, in
//! another form, or never. That its operations are those of the other engines, `same_everywhere` shows.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::core::error::{Fault, Misuse, StoreError, StoreErrorKind};
use doorward::core::event::EventResult;
use doorward::core::id::{AccountId, SessionId};
use doorward::core::operation::authenticate::Authenticate;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::sessions::Sessions;
use doorward::core::record::{ActiveRecord, Key};
use doorward::core::store::{Change, Changes, Commit, Cursor, Guarantees, Revocation, Store};
use doorward::store::MemoryStore;
use doorward::{
    Builder, Engine, Hashing, Issue, Login, LoginError, ManualClock, MasterKey, OpenError, Policy, Register,
    RegisterError, RevocationMode, Step, StepNeed, StepReply, StepTicket, SteppedEngine, Steps, Timestamp,
    TokenPolicy, WhenStale,
};

use crate::support::steps::{bring, drive};

type Told = Arc<Mutex<Vec<(&'static str, EventResult)>>>;

struct Host {
    engine: SteppedEngine,
    rows: Arc<MemoryStore>,
    clock: ManualClock,
    told: Told,
}

impl Host {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(change: impl FnOnce(Builder<Guarantees>) -> Builder<Guarantees>) -> Self {
        let (rows, told) = (Arc::new(MemoryStore::new()), Told::default());
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let sink = Arc::clone(&told);
        let builder = SteppedEngine::builder(rows.guarantees())
            .ephemeral()
            .master_key(key())
            .clock(clock.clone())
            .events(move |event| sink.lock().unwrap().push((event.operation, event.result)));
        let engine = drive(change(builder).open(), &*rows).unwrap();
        Self { engine, rows, clock, told }
    }

    fn drive<T>(&self, steps: Steps<T>) -> T {
        drive(steps, &*self.rows)
    }

    fn register(&self) -> AccountId {
        self.drive(self.engine.run(Register::new("ada", PASSWORD))).unwrap().unwrap()
    }

    fn login(&self) -> String {
        let login = self.drive(self.engine.login(Login::new("ada", PASSWORD))).unwrap();
        login.token.expose().to_owned()
    }
}

fn key() -> MasterKey {
    MasterKey::new(1, [0x42; 32])
}

const PASSWORD: &str = "plum kettle orbit";

fn next<T>(steps: &mut Steps<T>) -> (StepTicket, Arc<StepNeed>) {
    match steps.poll().unwrap() {
        Step::Need(ticket, need) => (ticket, need),
        Step::Done(_) => panic!("it is over"),
    }
}

/// Every form of reply.
fn replies() -> Vec<StepReply> {
    let entry = |number| Change {
        cursor: Cursor::from_number(number),
        revocation: Revocation::Session(SessionId::from_bytes([1; 16])),
        until: Timestamp::from_millis(1),
    };
    let changes = |numbers: &[u64], end| {
        let entries = numbers.iter().map(|number| entry(*number)).collect();
        StepReply::Changes(Changes { entries, end: Cursor::from_number(end) })
    };
    vec![
        StepReply::Rows(vec![]),
        StepReply::Rows((0..100).map(|_| None).collect()),
        StepReply::Page(vec![]),
        StepReply::Commit(Commit::Applied),
        StepReply::Commit(Commit::Conflict),
        StepReply::Purged(0),
        StepReply::Purged(usize::MAX),
        changes(&[], 0),
        changes(&[2, 1], 2),
        changes(&[1, 1], 2),
        changes(&[3], 2),
        StepReply::Busy,
        StepReply::Failed(StoreError::new(StoreErrorKind::Retryable, "down")),
    ]
}

/// Whether such a reply is one to such a need.
fn is_of_the_form(need: &StepNeed, reply: &StepReply) -> bool {
    match (need, reply) {
        (StepNeed::Work(_), StepReply::Failed(_)) => false,
        (StepNeed::Commit(_), StepReply::Commit(_))
        | (StepNeed::Work(_), StepReply::Busy)
        | (StepNeed::Scan(..), StepReply::Page(_))
        | (_, StepReply::Failed(_)) => true,
        (StepNeed::Purge(_, limit), StepReply::Purged(removed)) => removed <= limit,
        (StepNeed::Changes(..), StepReply::Changes(changes)) => changes.entries.is_empty(),
        (_, _) => false,
    }
}

/// Runs it to its end on the rows; before each reply come all those that do not fit.
fn pestered<T>(mut steps: Steps<T>, rows: &dyn Store, met: &mut Vec<String>) -> T {
    let mut earlier = StepTicket::from_number(0);
    loop {
        let (ticket, need) = match steps.poll().unwrap() {
            Step::Need(ticket, need) => (ticket, need),
            Step::Done(outcome) => return outcome,
        };
        met.push(format!("{need:?}").split(['(', ' ']).next().unwrap().to_owned());
        for reply in replies().into_iter().filter(|reply| !is_of_the_form(&need, reply)) {
            assert_eq!(steps.reply(ticket, reply), Err(Misuse::Reply), "to {need:?}");
        }
        for other in [0, 1, u64::MAX, earlier.number(), ticket.number() + 1] {
            let stray = steps.reply(StepTicket::from_number(other), bring(&need, &MemoryStore::new()));
            assert_eq!(stray, Err(Misuse::Ticket), "ticket {other} to {need:?}");
        }
        let (same, again) = next(&mut steps);
        assert!(same == ticket && Arc::ptr_eq(&again, &need), "the same need waits");
        steps.reply(ticket, bring(&need, rows)).unwrap();
        let second = steps.reply(ticket, StepReply::Failed(StoreError::new(StoreErrorKind::Fatal, "late")));
        assert_eq!(second, Err(Misuse::Ticket), "a second reply to {need:?}");
        earlier = ticket;
    }
}

#[test]
fn inv_40_a_reply_that_does_not_fit_changes_nothing() {
    let watched =
        RevocationMode::Watched { max_staleness: Duration::from_millis(500), when_stale: WhenStale::Refuse };
    let tokens = TokenPolicy { revocation: watched, ..TokenPolicy::default() };
    let host = Host::with(|builder| builder.policy(Policy::builder().tokens(tokens).build().unwrap()));
    let (rows, engine) = (&*host.rows, &host.engine);
    let mut met = Vec::new();
    let ada = pestered(engine.run(Register::new("ada", PASSWORD)), rows, &mut met).unwrap().unwrap();
    let login = pestered(engine.login(Login::new("ada", PASSWORD)), rows, &mut met).unwrap();
    let issue = Issue::new(login.token.expose(), "web", "api");
    let issued = pestered(engine.run(issue), rows, &mut met).unwrap().unwrap();
    let access = pestered(engine.verify(issued.access.expose(), "api"), rows, &mut met).unwrap();
    assert_eq!((access.account, access.session), (ada, login.session.id));
    assert_eq!(pestered(engine.run(Sessions::new(ada)), rows, &mut met).unwrap().len(), 1);
    pestered(engine.maintain(), rows, &mut met).unwrap();
    let out = pestered(engine.run(Logout::new(login.token.expose())), rows, &mut met).unwrap();
    assert_eq!(out.unwrap().session, login.session.id);
    let refused = pestered(engine.verify(issued.access.expose(), "api"), rows, &mut met);
    assert!(refused.is_err(), "this engine knows of its own logout at once");
    for form in ["Read", "Scan", "Commit", "Changes", "Purge", "Work"] {
        assert!(met.iter().any(|need| need == form), "{form} was not met");
    }
}

#[test]
fn a_row_under_a_key_of_another_kind_is_no_reply() {
    let host = Host::new();
    host.register();
    let token = host.login();
    let mut steps = host.engine.run(Authenticate::new(&token));
    let (ticket, need) = next(&mut steps);
    let StepReply::Rows(mut rows) = bring(&need, &*host.rows) else { panic!("it reads") };
    let good = rows.clone();
    let record = ActiveRecord { since: Timestamp::from_millis(1) }.into();
    rows.iter_mut().flatten().for_each(|row| row.record = Clone::clone(&record));
    assert_eq!(steps.reply(ticket, StepReply::Rows(rows)), Err(Misuse::Reply));
    steps.reply(ticket, StepReply::Rows(good)).unwrap();
    assert!(host.drive(steps).unwrap().is_ok());
}

#[test]
fn a_page_of_other_rows_is_no_reply() {
    let host = Host::new();
    let ada = host.register();
    let _ = (host.login(), host.login());
    let mut steps = host.engine.run(Sessions::new(ada));
    let (mut ticket, mut need) = next(&mut steps);
    while !matches!(*need, StepNeed::Scan(..)) {
        steps.reply(ticket, bring(&need, &*host.rows)).unwrap();
        (ticket, need) = next(&mut steps);
    }
    let StepReply::Page(page) = bring(&need, &*host.rows) else { panic!("it scans") };
    assert_eq!(page.len(), 2);
    let turned = page.iter().rev().cloned().collect();
    let twice = [page.clone(), page.clone()].concat();
    let account = host.rows.read(&[Key::Account(ada)]).unwrap().pop().flatten().unwrap();
    let strange = vec![(Key::Account(ada), account)];
    let mut others = page.clone();
    others[0].1.owner = None;
    for bad in [turned, twice, strange, others] {
        assert_eq!(steps.reply(ticket, StepReply::Page(bad)), Err(Misuse::Reply));
    }
    steps.reply(ticket, StepReply::Page(page)).unwrap();
    assert_eq!(host.drive(steps).unwrap().len(), 2);
}

#[test]
fn inv_40_a_reply_to_another_operation_is_refused() {
    let host = Host::new();
    host.register();
    let token = host.login();
    let mut one = host.engine.run(Authenticate::new(&token));
    let mut other = host.engine.run(Logout::new(&token));
    let ((for_one, read), (for_other, _)) = (next(&mut one), next(&mut other));
    assert_eq!(other.reply(for_one, bring(&read, &*host.rows)), Err(Misuse::Ticket));
    assert_ne!(for_one, for_other);
    host.drive(other).unwrap().unwrap();
    // What was read before the logout decides nothing that is written after it.
    assert!(host.drive(one).unwrap().is_err());
}

#[test]
fn an_outcome_is_taken_once() {
    let host = Host::new();
    let mut steps = host.engine.run(Logout::new("no token"));
    assert!(matches!(steps.poll().unwrap(), Step::Done(Ok(Err(_)))));
    assert_eq!(steps.poll().err(), Some(Misuse::Finished));
    assert_eq!(steps.reply(StepTicket::from_number(1), StepReply::Busy), Err(Misuse::Ticket));
    assert_eq!(host.told.lock().unwrap().last().unwrap().0, "logout");
}

/// Nobody is let in by a reply that never came, and somebody hears of it.
#[test]
fn a_reply_that_never_comes_leaves_it_abandoned() {
    let host = Host::new();
    host.register();
    let source = std::net::IpAddr::from([192, 0, 2, 1]);
    let mut seen = 0;
    for needs in 1.. {
        let mut steps = host.engine.login(Login::new("ada", PASSWORD).source(source));
        let mut brought = 0;
        let is_over = loop {
            match steps.poll().unwrap() {
                Step::Done(login) => break login.is_ok(),
                Step::Need(..) if brought + 1 == needs => break false,
                Step::Need(ticket, need) => steps.reply(ticket, bring(&need, &*host.rows)).unwrap(),
            }
            brought += 1;
        };
        host.told.lock().unwrap().clear();
        drop(steps);
        let told = host.told.lock().unwrap().clone();
        if is_over {
            assert!(told.is_empty());
            break;
        }
        assert_eq!(told, [("login", EventResult::Failed("abandoned"))], "after {brought} replies");
        seen += 1;
    }
    assert!(seen >= 3, "a login reads, hashes and commits");
    let ada = host.drive(host.engine.run(Sessions::new(host_account(&host)))).unwrap();
    assert_eq!(ada.len(), 1, "of all those logins one was let in");
}

fn host_account(host: &Host) -> AccountId {
    host.drive(host.engine.login(Login::new("ada", PASSWORD)))
        .map(|login| {
            host.drive(host.engine.run(Logout::new(login.token.expose()))).unwrap().unwrap();
            login.session.account
        })
        .unwrap()
}

/// A host with few threads, and more logins than it hashes at once: each is done or told that there is no room.
#[test]
fn pw_15_work_on_the_hosts_threads_is_bounded_as_on_ours() {
    let limits = Hashing { at_once: NonZeroUsize::MIN, queue: 0, ..Hashing::default() };
    let host = Host::with(|builder| builder.hashing(limits));
    host.register();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let login = || host.drive(host.engine.login(Login::new("ada", PASSWORD)));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(login)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let busy = |outcome: &&Result<_, LoginError>| matches!(outcome, Err(LoginError::Fault(Fault::Busy)));
    let refused = outcomes.iter().filter(busy).count();
    assert!(refused > 0 && refused < 8, "{refused} of 8 found no room");
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 8 - refused);
}

#[test]
fn a_store_that_fails_in_a_commit_is_read_again() {
    let host = Host::new();
    let mut steps = host.engine.run(Register::new("ada", PASSWORD));
    loop {
        let (ticket, need) = next(&mut steps);
        let reply = bring(&need, &*host.rows);
        if matches!(*need, StepNeed::Commit(_)) {
            let lost = StoreError::new(StoreErrorKind::Unknown, "the answer was lost");
            steps.reply(ticket, StepReply::Failed(lost)).unwrap();
            break;
        }
        steps.reply(ticket, reply).unwrap();
    }
    let ada = host.drive(steps).unwrap().unwrap();
    let again = host.drive(host.engine.run(Register::new("Ada", PASSWORD))).unwrap();
    assert!(matches!(again, Err(RegisterError::Taken)));
    assert_eq!(host_account(&host), ada);
}

/// Rows are shared with an engine of another kind: what it ended is ended here.
#[test]
fn inv_11_a_logout_by_another_engine_is_heard_of_within_the_bound() {
    let watched = RevocationMode::Watched {
        max_staleness: Duration::from_millis(500),
        when_stale: WhenStale::AskStore,
    };
    let policy = || {
        let tokens = TokenPolicy { revocation: watched, ..TokenPolicy::default() };
        Policy::builder().tokens(tokens).build().unwrap()
    };
    let host = Host::with(|builder| builder.policy(policy()));
    host.register();
    let token = host.login();
    let issued = host.drive(host.engine.run(Issue::new(&token, "web", "api"))).unwrap().unwrap();
    let verify = || host.drive(host.engine.verify(issued.access.expose(), "api"));
    assert!(verify().is_ok());
    let other = Engine::builder(Arc::clone(&host.rows)).ephemeral().master_key(key()).policy(policy());
    let other = other.clock(host.clock.clone()).open().unwrap();
    other.logout(&token).unwrap();
    host.clock.advance(Duration::from_millis(500));
    assert!(verify().is_err());
}

#[test]
fn a_host_whose_store_forgets_says_so_in_so_many_words() {
    let opening = SteppedEngine::builder(Guarantees::EPHEMERAL).master_key(key()).open();
    let refused = drive(opening, &MemoryStore::new()).unwrap_err();
    assert!(matches!(refused, OpenError::Guarantees { .. }));
}
