//! RV-11, RV-7: every operation, with every fault at every call of the store, once and from then on. It returns,
//! what it says is true, its rows are all there or none, and afterwards the engine works as ever.
#![allow(clippy::similar_names)] // a case, and what came of it
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::event::{Event, EventResult};
use doorward::core::record::{Key, Kind};
use doorward::core::store::{Guarantees, Store};
use doorward::core::time::Timestamp;
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{
    AuthenticateError, Engine, Login, LoginError, LogoutError, ManualClock, MasterKey, OpenError, Register,
    RegisterError,
};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use support::engine::{NAME, PASSWORD, policy};
use support::rows::{Dump, dump};

const OTHER: &str = "grace";
const WRONG: &str = "a wrong and improper password";
const START: i64 = 1_700_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Open,
    Register,
    Login,
    LoginWrong,
    LoginPrevious,
    Authenticate,
    Touch,
    Logout,
}

const OPERATIONS: [Operation; 8] = [
    Operation::Open,
    Operation::Register,
    Operation::Login,
    Operation::LoginWrong,
    Operation::LoginPrevious,
    Operation::Authenticate,
    Operation::Touch,
    Operation::Logout,
];

impl Operation {
    /// All that it changes when nothing fails.
    fn changes(self) -> &'static [&'static str] {
        match self {
            Self::Open => &["+clock", "+keyring"],
            Self::Register => &["+account", "+active", "+credential", "+login"],
            Self::Login => &["+session", "-attempts", "-throttle"],
            Self::LoginWrong => &["~attempts", "~throttle"],
            Self::LoginPrevious => &["+journal", "+session", "-attempts", "-session", "-throttle"],
            Self::Authenticate => &[],
            Self::Touch => &["~session"],
            Self::Logout => &["+journal", "-session"],
        }
    }
}

fn failures() -> [Failure; 12] {
    [
        Failure::Retryable,
        Failure::UnknownApplied,
        Failure::UnknownNotApplied,
        Failure::UnknownAppliedLater { before_call: None },
        Failure::UnknownAppliedLater { before_call: Some(1) },
        Failure::FailedSync { applied: true },
        Failure::FailedSync { applied: false },
        Failure::Fatal,
        Failure::Corrupt,
        Failure::Panics,
        Failure::PanicsApplied,
        Failure::Slow(Duration::from_millis(1)),
    ]
}

/// Ada is registered, has one session and one failed login.
struct Base {
    rows: Dump,
    token: String,
}

impl Base {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let engine =
            open(Arc::clone(&store), &ManualClock::at(Timestamp::from_millis(START)), |_| ()).unwrap();
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token.expose().to_owned();
        assert!(matches!(engine.login(Login::new(NAME, WRONG)), Err(LoginError::Denied)));
        Self { rows: dump(&*store), token }
    }
}

fn open(
    store: Arc<dyn Store>,
    clock: &ManualClock,
    events: impl Fn(&Event) + Send + Sync + 'static,
) -> Result<Engine, OpenError> {
    let durable = store.guarantees().meets(Guarantees::ALL);
    let builder = Engine::builder(store)
        .master_key(MasterKey::new(1, [0x42; 32]))
        .policy(policy())
        .clock(clock.clone())
        .events(events);
    if durable { builder.open() } else { builder.ephemeral().open() }
}

/// What an operation came to.
#[derive(Debug)]
enum Came {
    Opened,
    Registered,
    LoggedIn(String),
    Denied,
    Recognised,
    LoggedOut,
    Fault(Fault),
}

/// A store in which one operation is about to meet its fault.
struct Stage<'a> {
    operation: Operation,
    inner: Arc<dyn Store>,
    faulty: FaultStore,
    clock: ManualClock,
    engine: Option<Engine>,
    base: &'a Base,
    before: Dump,
    events: Arc<Mutex<Vec<Event>>>,
}

impl<'a> Stage<'a> {
    fn new(operation: Operation, inner: Arc<dyn Store>, base: &'a Base) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(START));
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let faulty = FaultStore::new(Arc::clone(&inner));
        let engine = (operation != Operation::Open).then(|| {
            base.rows.restore(&*inner);
            let sink = Arc::clone(&events);
            let tell = move |event: &Event| sink.lock().unwrap().push(event.clone());
            open(Arc::new(faulty.clone()), &clock, tell).unwrap()
        });
        if operation == Operation::Touch {
            clock.advance(Duration::from_mins(2));
        }
        events.lock().unwrap().clear();
        faulty.forget_calls();
        let before = dump(&*inner);
        Self { operation, inner, faulty, clock, engine, base, before, events }
    }

    fn run(&mut self) -> Came {
        if self.operation == Operation::Open {
            let sink = Arc::clone(&self.events);
            let tell = move |event: &Event| sink.lock().unwrap().push(event.clone());
            return match open(Arc::new(self.faulty.clone()), &self.clock, tell) {
                Ok(engine) => {
                    self.engine = Some(engine);
                    Came::Opened
                }
                Err(OpenError::Fault(fault)) => Came::Fault(fault),
                Err(other) => panic!("{other:?}"),
            };
        }
        let engine = self.engine.as_ref().unwrap();
        let login = |operation| match engine.login(operation) {
            Ok(login) => Came::LoggedIn(login.token.expose().to_owned()),
            Err(LoginError::Denied) => Came::Denied,
            Err(LoginError::Fault(fault)) => Came::Fault(fault),
            Err(other) => panic!("{other:?}"),
        };
        match self.operation {
            Operation::Open => unreachable!("above"),
            Operation::Register => match engine.register(Register::new(OTHER, PASSWORD)) {
                Ok(_) => Came::Registered,
                Err(RegisterError::Fault(fault)) => Came::Fault(fault),
                Err(other) => panic!("{other:?}"),
            },
            Operation::Login => login(Login::new(NAME, PASSWORD)),
            Operation::LoginWrong => login(Login::new(NAME, WRONG)),
            Operation::LoginPrevious => login(Login::new(NAME, PASSWORD).previous(&self.base.token)),
            Operation::Authenticate | Operation::Touch => match engine.authenticate(&self.base.token) {
                Ok(_) => Came::Recognised,
                Err(AuthenticateError::Fault(fault)) => Came::Fault(fault),
                Err(other) => panic!("{other:?}"),
            },
            Operation::Logout => match engine.logout(&self.base.token) {
                Ok(_) => Came::LoggedOut,
                Err(LogoutError::Fault(fault)) => Came::Fault(fault),
                Err(other) => panic!("{other:?}"),
            },
        }
    }

    /// Whether all of the operation's changes stand. Some of them must not.
    fn stands(&self, case: &str) -> bool {
        let changes = self.before.changes_to(&dump(&*self.inner));
        assert!(changes.is_empty() || changes == self.operation.changes(), "{case}: half done: {changes:?}");
        !changes.is_empty()
    }

    /// One event, which says the same as the outcome (RV-8).
    fn check_event(&self, came: &Came, case: &str) {
        let events = self.events.lock().unwrap();
        let results: Vec<EventResult> = events.iter().map(|event| event.result).collect();
        let expected = match came {
            Came::Fault(fault) => EventResult::Failed(fault.word()),
            Came::Denied => EventResult::Refused("denied"),
            Came::Opened | Came::Registered | Came::LoggedIn(_) | Came::Recognised | Came::LoggedOut => {
                EventResult::Success
            }
        };
        assert_eq!(results, [expected], "{case}");
    }
}

/// What is said is true at once, and after everything that was on its way has arrived.
fn check_truth(stage: &Stage<'_>, came: &Came, failure: &Failure, met: CallKind, case: &str) {
    let now = stage.stands(case);
    stage.faulty.heal();
    stage.faulty.release();
    let later = stage.stands(case);
    assert!(later || !now, "{case}: undone");

    let says_done = !matches!(came, Came::Fault(_));
    match stage.operation {
        // The touch is an offer, and there is nothing else to stand.
        Operation::Authenticate | Operation::Touch => {}
        _ if says_done => assert!(now, "{case}: said done, and it is not"),
        _ => {}
    }
    if let Came::Fault(fault) = came {
        let certain = matches!(failure, Failure::Retryable | Failure::Fatal | Failure::Corrupt);
        assert!(!(certain && later), "{case}: {fault}, and it was applied");
        // A logout says "not done", and of a retried one that may be untrue: see `logouts_that_may_be_done`.
        let logout = stage.operation == Operation::Logout;
        assert!(
            !(fault.is_transient() && later && !logout),
            "{case}: `{fault}` is transient, but it was applied"
        );
    }
    // RV-11, INV 17: what cannot be read means no.
    if met == CallKind::Read && !matches!(failure, Failure::Slow(_)) {
        assert!(!says_done, "{case}: decided without a read");
    }
}

/// The engine, healed, shows what stands and does what it did before.
fn check_afterwards(stage: &Stage<'_>, came: &Came, engine: &Engine, case: &str) {
    let base = &stage.base.token;
    let stands = stage.stands(case);
    let lives = |token: &str| engine.authenticate(token).is_ok();
    match stage.operation {
        Operation::Open => assert!(engine.login(Login::new(NAME, PASSWORD)).is_err(), "{case}"),
        Operation::Register => {
            let again = engine.register(Register::new(OTHER, PASSWORD));
            assert_eq!(matches!(again, Err(RegisterError::Taken)), stands, "{case}: {again:?}");
            assert!(engine.login(Login::new(OTHER, PASSWORD)).is_ok(), "{case}: INV 24");
        }
        Operation::Login | Operation::LoginWrong | Operation::Authenticate | Operation::Touch => {
            assert!(lives(base), "{case}: an untouched session");
        }
        Operation::LoginPrevious => assert_eq!(lives(base), !stands, "{case}: SE-3"),
        Operation::Logout => {
            assert_eq!(lives(base), !stands, "{case}");
            assert!(engine.logout(base).is_ok(), "{case}: INV 16");
            assert!(!lives(base), "{case}: INV 11, 15");
        }
    }
    if let Came::LoggedIn(token) = came {
        assert!(lives(token), "{case}: a token that opens nothing");
        engine.logout(token).unwrap();
    }
    if stage.operation != Operation::Open {
        let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
        assert!(lives(token.expose()), "{case}");
        engine.logout(token.expose()).unwrap();
        assert!(!lives(token.expose()), "{case}");
    }
}

/// Which calls the operation makes when nothing fails.
fn undisturbed(operation: Operation, base: &Base) -> Vec<CallKind> {
    let mut stage = Stage::new(operation, Arc::new(MemoryStore::new()), base);
    let came = stage.run();
    assert!(!matches!(came, Came::Fault(_)), "{operation:?}: {came:?}");
    assert_eq!(stage.before.changes_to(&dump(&*stage.inner)), operation.changes(), "{operation:?}");
    stage.faulty.calls().iter().map(doorward_conformance::fault::Call::kind).collect()
}

fn each_case(
    operations: &[Operation],
    mut run: impl FnMut(&Base, Operation, CallKind, Failure, Rule, &str),
) -> u32 {
    let base = Base::new();
    let mut cases = 0;
    for operation in operations {
        for (at, met) in undisturbed(*operation, &base).into_iter().enumerate() {
            for failure in failures() {
                let nth = u64::try_from(at).unwrap() + 1;
                for sticky in [false, true] {
                    let rule = Rule::new(failure.clone()).nth(nth);
                    let rule = if sticky { rule.sticky() } else { rule };
                    let case = format!("{operation:?}, call {nth} ({met:?}), {failure:?}, sticky {sticky}");
                    run(&base, *operation, met, failure.clone(), rule, &case);
                    cases += 1;
                }
            }
        }
    }
    cases
}

#[test]
fn rv_11_inv_17_24_memory_every_fault_at_every_call() {
    let cases = each_case(&OPERATIONS, |base, operation, met, failure, rule, case| {
        let mut stage = Stage::new(operation, Arc::new(MemoryStore::new()), base);
        stage.faulty.add(rule);
        let came = stage.run();
        stage.check_event(&came, case);
        check_truth(&stage, &came, &failure, met, case);
        let engine = stage.engine.take().unwrap_or_else(|| {
            open(Arc::new(stage.faulty.clone()), &stage.clock, |_| ()).expect("a healed store opens")
        });
        check_afterwards(&stage, &came, &engine, case);
    });
    // Open 2, register 2, login 3, wrong 3, previous 3, authenticate 1, touch 2, logout 2.
    assert_eq!(cases, 18 * 12 * 2);
}

/// RV-7: what was said stands in the file, for whoever opens it next.
#[test]
fn rv_7_rv_11_sqlite_every_fault_and_then_a_restart() {
    let operations = [Operation::Register, Operation::LoginPrevious, Operation::Logout];
    let cases = each_case(&operations, |base, operation, met, failure, rule, case| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        let sqlite = |path: &Path| Arc::new(SqliteStore::open(path).unwrap());
        let mut stage = Stage::new(operation, sqlite(&path), base);
        stage.faulty.add(rule);
        let came = stage.run();
        check_truth(&stage, &came, &failure, met, case);
        // The process ends, and another opens the file.
        stage.engine = None;
        stage.faulty = FaultStore::new(Arc::new(MemoryStore::new()));
        stage.inner = Arc::new(MemoryStore::new());
        stage.inner = sqlite(&path);
        let engine = open(Arc::clone(&stage.inner), &stage.clock, |_| ()).unwrap();
        check_afterwards(&stage, &came, &engine, case);
    });
    assert_eq!(cases, (2 + 3 + 2) * 12 * 2);
}

/// INV 28, 24: a login whose fate is unknown has given no token away, and left one whole session at most.
#[test]
fn inv_28_what_an_unresolved_login_minted_is_nobodys() {
    let base = Base::new();
    let mut stage = Stage::new(Operation::Login, Arc::new(MemoryStore::new()), &base);
    stage.faulty.add(Rule::new(Failure::UnknownApplied).on(CallKind::Commit).sticky());
    stage.faulty.add(Rule::new(Failure::Retryable).on(CallKind::Read).nth(3));
    assert!(matches!(stage.run(), Came::Fault(Fault::Unresolved)));
    let after = dump(&*stage.inner);
    let sessions = after.rows.keys().filter(|key| matches!(key, Key::Session(_))).count();
    assert_eq!((sessions, after.has(Kind::Throttle)), (2, false));
}

/// `Fault::is_transient` promises that nothing was applied. A logout whose commit is unknown and whose reread then
/// fails as `Retryable` reports that second failure alone, and the session is gone.
#[test]
fn logouts_that_may_be_done_are_not_called_transient() {
    let base = Base::new();
    let mut stage = Stage::new(Operation::Logout, Arc::new(MemoryStore::new()), &base);
    stage.faulty.add(Rule::new(Failure::UnknownApplied).on(CallKind::Commit));
    stage.faulty.add(Rule::new(Failure::Retryable).on(CallKind::Read).nth(2));
    let Came::Fault(fault) = stage.run() else { panic!("the reread failed") };
    assert!(stage.stands("a logout in doubt"));
    assert!(!fault.is_transient(), "{fault:?}");
}
