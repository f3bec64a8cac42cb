//! A store in which one operation is about to meet its fault, and what it comes to.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::event::Event;
use doorward::core::id::{AccountId, SessionId};
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::password::Argon2Params;
use doorward::core::record::{Key, Row};
use doorward::core::store::{Guarantees, Store};
use doorward::core::time::Timestamp;
use doorward::core::token::opaque::SessionToken;
use doorward::store::MemoryStore;
use doorward::{
    AccountError, AuthenticateError, ChangePasswordError, EndSessionError, Engine, Introspect, Introspection,
    Issue, IssueError, Issued, Login, LoginError, LogoutError, LogoutEverywhere, LogoutEverywhereError,
    ManualClock, MasterKey, OpenError, OpenSession, OpenSessionError, Policy, ReauthenticateError, Refresh,
    RefreshError, Register, RegisterError, RenameError, RevokeAllTokens, RevokeTokenError, RotateKeys,
    RotateKeysError, SessionCap, SetPasswordError, UpdateSessionData, UpdateSessionDataError, VerifyError,
    WhenFull,
};
use doorward_conformance::fault::{Call, CallKind, FaultStore};

use super::operation::{Held, Operation};

use crate::support::engine::{NAME, PASSWORD, policy};
use crate::support::rows::{Dump, dump};
use crate::support::token_story::{API, CLIENT};

pub(crate) const OTHER: &str = "grace";
const HERS: &str = "linus";
pub(crate) const NEW_NAME: &str = "countess";
pub(crate) const NEW: &str = "an entirely different sentence";
const WRONG: &str = "a wrong and improper password";
const START: i64 = 1_700_000_000_000;

/// Ada is registered, has two sessions, the first one with data, a known device and one failed login. Linus has as
/// much, and a guest has a session with data.
pub(crate) struct Base {
    rows: Dump,
    now: Timestamp,
    pub(crate) ada: AccountId,
    second_id: SessionId,
    pub(crate) first: String,
    second: String,
    guest: String,
    device: String,
    hers: String,
    /// An access token of the first session, and the refresh token beside it.
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) her_access: String,
    /// What no operation on Ada may change (INV 29).
    pub(crate) her_rows: BTreeMap<Key, Row>,
}

impl Base {
    pub(crate) fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = ManualClock::at(Timestamp::from_millis(START));
        let builder = Engine::builder(Arc::clone(&store)).ephemeral().master_key(key(1));
        let engine = builder.policy(policy()).clock(clock.clone()).open().unwrap();
        let moves_in = |name| {
            let account = engine.register(Register::new(name, PASSWORD)).unwrap();
            let first = engine.login(Login::new(name, PASSWORD).remember_device()).unwrap();
            let token = first.token.expose().to_owned();
            engine.update_session_data(UpdateSessionData::new(&token, "a draft")).unwrap();
            let issued = engine.issue(Issue::new(&token, CLIENT, API).with_refresh()).unwrap();
            clock.advance(Duration::from_secs(1));
            let second = engine.login(Login::new(name, PASSWORD)).unwrap();
            assert!(matches!(engine.login(Login::new(name, WRONG)), Err(LoginError::Denied)));
            (account, token, first.device.unwrap().expose().to_owned(), second, issued)
        };
        let (ada, first, device, second, issued) = moves_in(NAME);
        let guest = engine.open_session(OpenSession::new("a cart")).unwrap().token.expose().to_owned();
        let before = dump(&*store).rows;
        let (_, hers, _, _, her_issued) = moves_in(HERS);
        let rows = dump(&*store);
        let her_rows = rows.rows.clone().into_iter().filter(|(key, _)| !before.contains_key(key)).collect();
        let (second_id, second) = (second.session.id, second.token.expose().to_owned());
        let access = issued.access.expose().to_owned();
        let refresh = issued.refresh.unwrap().expose().to_owned();
        let her_access = her_issued.access.expose().to_owned();
        let now = engine.now();
        Self {
            rows,
            now,
            ada,
            second_id,
            first,
            second,
            guest,
            device,
            hers,
            access,
            refresh,
            her_access,
            her_rows,
        }
    }

    pub(crate) fn token(&self, held: Held) -> &str {
        match held {
            Held::First => &self.first,
            Held::Second => &self.second,
            Held::Guest => &self.guest,
            Held::Hers => &self.hers,
        }
    }
}

fn key(number: u32) -> MasterKey {
    MasterKey::new(number, [0x42 ^ u8::try_from(number).unwrap(); 32])
}

fn policy_of(operation: Operation) -> Policy {
    let builder = Policy::builder().argon2(*policy().argon2());
    let cap = |when_full| SessionCap { most: NonZeroU32::new(2).unwrap(), when_full };
    let moved = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(2).unwrap();
    match operation {
        Operation::LoginCap => builder.session_cap(cap(WhenFull::EndOldest)),
        Operation::LoginFull => builder.session_cap(cap(WhenFull::Refuse)),
        Operation::LoginRehash => builder.argon2(moved),
        _ => builder,
    }
    .build()
    .unwrap()
}

/// What an operation came to.
#[derive(Debug)]
pub(crate) enum Came {
    Done,
    /// A person's new token, or a guest's.
    Token(String),
    /// An access token, and a refresh token if there is one.
    Issued(String, Option<String>),
    Refused(&'static str),
    Fault(Fault),
}

/// The outcome as `$done` makes it of the success; another refusal than those named is the test's failure.
macro_rules! came {
    ($outcome:expr, $error:ident, $done:expr $(, $refusal:pat => $word:literal)*) => {
        match $outcome {
            Ok(done) => $done(done),
            Err($error::Fault(fault)) => Came::Fault(fault),
            $(Err($refusal) => Came::Refused($word),)*
            Err(other) => panic!("{other:?}"),
        }
    };
}

/// A store in which one operation is about to meet its fault.
pub(crate) struct Stage<'a> {
    pub(crate) operation: Operation,
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) faulty: FaultStore,
    pub(crate) engine: Option<Engine>,
    clock: ManualClock,
    pub(crate) base: &'a Base,
    pub(crate) before: Dump,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(operation: Operation, inner: Arc<dyn Store>, base: &'a Base) -> Self {
        let clock = ManualClock::at(base.now);
        let faulty = FaultStore::new(Arc::clone(&inner));
        if operation != Operation::Open {
            base.rows.restore(&*inner);
        }
        let before = dump(&*inner);
        let mut stage =
            Self { operation, inner, faulty, engine: None, clock, base, before, events: Arc::default() };
        stage.prepare();
        stage.events.lock().unwrap().clear();
        stage.faulty.forget_calls();
        stage.before = dump(&*stage.inner);
        stage
    }

    fn prepare(&mut self) {
        match self.operation {
            Operation::Open | Operation::OpenNewKey => return,
            Operation::TrustClock => {
                return self.clock.set(Timestamp::from_millis(START).saturating_sub(Duration::from_hours(9)));
            }
            _ => self.engine = Some(self.open(Arc::new(self.faulty.clone())).unwrap()),
        }
        let (engine, ada) = (self.engine.as_ref().unwrap(), self.base.ada);
        match self.operation {
            Operation::LoginMarked => engine.mark_compromised(ada).unwrap(),
            Operation::Enable => engine.disable(ada).unwrap(),
            Operation::Maintain => engine.run(DeleteAccount::new(ada)).unwrap().unwrap(),
            Operation::RefreshAgain | Operation::RefreshReused => {
                engine.refresh(Refresh::new(&self.base.refresh, CLIENT)).unwrap();
                if self.operation == Operation::RefreshReused {
                    self.clock.advance(Duration::from_secs(30));
                }
            }
            Operation::Touch | Operation::SessionData => self.clock.advance(Duration::from_mins(2)),
            Operation::Reauthenticate | Operation::ChangePassword => {
                self.clock.advance(Duration::from_secs(9));
            }
            _ => {}
        }
    }

    /// An engine with this operation's keys and policy on this store.
    pub(crate) fn open(&self, store: Arc<dyn Store>) -> Result<Engine, OpenError> {
        let events = Arc::clone(&self.events);
        let durable = store.guarantees().meets(Guarantees::ALL);
        let builder = Engine::builder(store)
            .policy(policy_of(self.operation))
            .clock(self.clock.clone())
            .events(move |event| events.lock().unwrap().push(event.clone()));
        let builder = if durable { builder } else { builder.ephemeral() };
        let builder = match self.operation {
            Operation::OpenNewKey => builder.master_key(key(2)),
            Operation::TrustClock => builder.trust_clock(),
            _ => builder,
        };
        builder.master_key(key(1)).open()
    }

    #[allow(clippy::too_many_lines, reason = "a line for each operation")]
    pub(crate) fn run(&mut self) -> Came {
        let Some(engine) = &self.engine else {
            let opened = self.open(Arc::new(self.faulty.clone()));
            return came!(
                opened,
                OpenError,
                (|engine| {
                    self.engine = Some(engine);
                    Came::Done
                })
            );
        };
        let (base, ada, first) = (self.base, self.base.ada, &*self.base.first);
        let with_token = |token: SessionToken| Came::Token(token.expose().to_owned());
        let login = |operation| {
            came!(engine.login(operation).map(|login| login.token), LoginError, with_token,
                LoginError::Denied => "denied",
                LoginError::MustChange => "must change",
                LoginError::TooManySessions => "too many sessions")
        };
        macro_rules! done {
            ($outcome:expr, $error:ident) => {
                came!($outcome, $error, (|_| Came::Done))
            };
        }
        macro_rules! token {
            ($outcome:expr, $error:ident $(, $refusal:pat => $word:literal)*) => {
                came!($outcome.map(|done| done.token), $error, with_token $(, $refusal => $word)*)
            };
        }
        let with_both = |issued: Issued| {
            let refresh = issued.refresh.map(|refresh| refresh.expose().to_owned());
            Came::Issued(issued.access.expose().to_owned(), refresh)
        };
        let issue = || Issue::new(first, CLIENT, API);
        let bare = |outcome: Result<(), Fault>| outcome.map_or_else(Came::Fault, |()| Came::Done);
        match self.operation {
            Operation::Open | Operation::OpenNewKey | Operation::TrustClock => unreachable!("above"),
            Operation::Register => done!(engine.register(Register::new(OTHER, PASSWORD)), RegisterError),
            Operation::Login
            | Operation::LoginCap
            | Operation::LoginFull
            | Operation::LoginMarked
            | Operation::LoginRehash => login(Login::new(NAME, PASSWORD)),
            Operation::LoginWrong => login(Login::new(NAME, WRONG)),
            Operation::LoginPrevious => login(Login::new(NAME, PASSWORD).previous(first)),
            Operation::LoginCarry => login(Login::new(NAME, PASSWORD).previous(&base.guest).carry_data()),
            Operation::LoginRemember => login(Login::new(NAME, PASSWORD).remember_device()),
            Operation::LoginDevice => login(Login::new(NAME, WRONG).device(&base.device)),
            Operation::Authenticate | Operation::Touch => {
                done!(engine.authenticate(first), AuthenticateError)
            }
            Operation::SessionData => done!(engine.session_data(first), AuthenticateError),
            Operation::Logout => done!(engine.logout(first), LogoutError),
            Operation::LogoutGuest => done!(engine.logout(&base.guest), LogoutError),
            Operation::OpenSession => {
                token!(engine.open_session(OpenSession::new("a cart")), OpenSessionError)
            }
            Operation::UpdateData => {
                let update = UpdateSessionData::new(first, "another draft");
                done!(engine.update_session_data(update), UpdateSessionDataError)
            }
            Operation::UpdateLifetime => {
                let update = UpdateSessionData::new(first, "another draft");
                let update = update.lifetime(Duration::from_mins(15));
                done!(engine.update_session_data(update), UpdateSessionDataError)
            }
            Operation::Rotate => token!(engine.rotate_session(first), AuthenticateError),
            Operation::RotateGuest => token!(engine.rotate_session(&base.guest), AuthenticateError),
            Operation::Reauthenticate => token!(engine.reauthenticate(first, PASSWORD), ReauthenticateError),
            Operation::ReauthenticateWrong => {
                token!(engine.reauthenticate(first, WRONG), ReauthenticateError,
                    ReauthenticateError::Denied => "denied")
            }
            Operation::Sessions => bare(engine.sessions(ada).map(drop)),
            // An ending in doubt is decided again, and may find that it stands.
            Operation::EndSession => came!(engine.end_session(ada, base.second_id), EndSessionError,
                (|_| Came::Done), EndSessionError::NotFound => "not found"),
            Operation::LogoutEverywhere => {
                done!(engine.logout_everywhere(LogoutEverywhere::new(ada)), LogoutEverywhereError)
            }
            Operation::LogoutEverywhereKeep => {
                let kept = engine.logout_everywhere(LogoutEverywhere::new(ada).keep(first));
                token!(kept.map(|ended| ended.kept.unwrap()), LogoutEverywhereError)
            }
            Operation::ChangePassword => {
                token!(engine.change_password(first, PASSWORD, NEW), ChangePasswordError)
            }
            Operation::ChangePasswordWrong => {
                token!(engine.change_password(first, WRONG, NEW), ChangePasswordError,
                    ChangePasswordError::Current(ReauthenticateError::Denied) => "denied")
            }
            Operation::SetPassword => done!(engine.set_password(ada, NEW), SetPasswordError),
            Operation::Unlock => done!(engine.unlock(ada), AccountError),
            Operation::Rename => done!(engine.rename(ada, NEW_NAME), RenameError),
            Operation::MarkCompromised => done!(engine.mark_compromised(ada), AccountError),
            Operation::Disable => done!(engine.disable(ada), AccountError),
            Operation::Enable => done!(engine.enable(ada), AccountError),
            Operation::DeleteAccount => done!(engine.delete_account(ada), AccountError),
            Operation::AfterRestore => bare(engine.after_restore()),
            Operation::Maintain => bare(engine.maintain().map(drop)),
            Operation::Issue => came!(engine.issue(issue()), IssueError, with_both),
            Operation::IssueRefresh => came!(engine.issue(issue().with_refresh()), IssueError, with_both),
            Operation::Refresh | Operation::RefreshAgain | Operation::RefreshReused => {
                came!(engine.refresh(Refresh::new(&base.refresh, CLIENT)), RefreshError, with_both,
                    RefreshError::Reused { .. } => "reused", RefreshError::Gone(_) => "gone")
            }
            Operation::Verify => done!(engine.verify(&base.access, API), VerifyError),
            Operation::Introspect => active(engine.introspect(Introspect::new(&base.access))),
            Operation::IntrospectRefresh => active(engine.introspect(Introspect::new(&base.refresh))),
            Operation::RevokeAccess => done!(engine.revoke_token(&base.access, CLIENT), RevokeTokenError),
            Operation::RevokeRefresh => done!(engine.revoke_token(&base.refresh, CLIENT), RevokeTokenError),
            Operation::Jwks => bare(engine.jwks().map(drop)),
            Operation::RotateKeys => done!(engine.rotate_keys(RotateKeys::new()), RotateKeysError),
            Operation::RevokeAllTokens => bare(engine.revoke_all_tokens(RevokeAllTokens::new())),
            Operation::RevokeAllTokensAndSessions => {
                bare(engine.revoke_all_tokens(RevokeAllTokens::new().and_sessions()))
            }
        }
    }
}

/// Of a token that lives.
fn active(introspected: Result<Introspection, Fault>) -> Came {
    introspected.map_or_else(Came::Fault, |introspected| {
        assert!(introspected.is_active(), "INV 17: what cannot be read is a fault, and no answer");
        Came::Done
    })
}

/// Which calls the operation makes when nothing fails, each with whether its answer rests on it.
pub(crate) fn undisturbed(operation: Operation, base: &Base) -> Vec<(CallKind, bool)> {
    let mut stage = Stage::new(operation, Arc::new(MemoryStore::new()), base);
    let came = stage.run();
    assert!(!matches!(came, Came::Fault(_)), "{operation:?}: {came:?}");
    let changes = stage.before.changes_to(&dump(&*stage.inner));
    assert_eq!(changes, operation.changes().last().copied().unwrap_or_default(), "{operation:?}");
    stage.check_event(&came, "undisturbed");
    let calls: Vec<CallKind> = stage.faulty.calls().iter().map(Call::kind).collect();
    let commits = calls.iter().scan(0, |commits, kind| {
        let before = *commits;
        *commits += usize::from(*kind == CallKind::Commit);
        Some(before)
    });
    let follows = operation.promised() < operation.changes().len() && operation.promised() > 0;
    let rests = commits.map(|before| !follows || before < operation.promised()).collect::<Vec<_>>();
    calls.into_iter().zip(rests).collect()
}
