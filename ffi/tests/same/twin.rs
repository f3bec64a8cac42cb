//! Two engines at once: the one of Rust, whose outcomes a story goes on with, and the one behind the C ABI, which is told the
//! same and must do the same.

use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::operation::session_data::KeptData;
use doorward::core::store::Store;
use doorward::store::MemoryStore;
use doorward::{
    Access, AccountError, AccountId, AuthenticateError, ChangePasswordError, EndSessionError, Ended,
    EndedEverywhere, Engine, Entropy, EntropyError, Event, Introspection, IssueError, Issued, Lifetime,
    LoggedIn, LoginError, LogoutError, LogoutEverywhereError, Maintained, ManualClock, MasterKey,
    OpenSessionError, OpenedSession, PublishedKeys, ReauthenticateError, Receipt, RefreshError,
    RegisterError, RenameError, Renewed, RevokeTokenError, RotateKeysError, RotatedKeys, Scope, Session,
    SessionId, SetPasswordError, Timestamp, UpdateSessionDataError, VerifyError, Visitor,
};
use doorward_ffi_host::{self as host, Call, Context, Given, LoginOptions, Settings, drive};

use crate::Met;
use crate::expected::{self, Errs, Gives};
use crate::support::asked::{
    Introspect, Issue, Login, LogoutEverywhere, OpenSession, Refresh, Register, RevokeAllTokens, RotateKeys,
    UpdateSessionData, When,
};
use crate::support::face::Face;
use crate::support::rows::{Dump, dump};
use crate::support::story::policy;

/// How the ABI is used.
pub(crate) enum Through {
    /// By `dw_*`, on the store of this URL.
    Calls(String),
    /// By `dw_op_*`, on a store of the host's.
    Steps(Arc<dyn Store>),
}

enum Abi {
    Engine(host::Engine),
    Context(Context, Arc<dyn Store>),
}

pub(crate) struct Twin {
    rust: Engine,
    rows: Arc<MemoryStore>,
    clock: ManualClock,
    events: Arc<Mutex<Vec<Event>>>,
    abi: Abi,
    /// Those of the engine behind the ABI.
    seeds: Arc<Counting>,
    met: RefCell<Met>,
}

const START: i64 = 1_700_000_000_000;
const KEY: [u8; 32] = [0x42; 32];

/// The n-th seed is n.
#[derive(Default)]
struct Counting(AtomicU64);

impl Counting {
    fn count(&self, bytes: &mut [u8]) {
        let number = 1 + self.0.fetch_add(1, Ordering::SeqCst);
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.count(bytes);
        Ok(())
    }
}

impl Twin {
    pub(crate) fn open(through: &Through) -> Self {
        let (rows, events) = (Arc::new(MemoryStore::new()), Arc::<Mutex<Vec<Event>>>::default());
        let clock = ManualClock::at(Timestamp::from_millis(START));
        let sink = Arc::clone(&events);
        let rust = Engine::builder(Arc::clone(&rows))
            .ephemeral()
            .master_key(MasterKey::new(1, KEY))
            .policy(policy())
            .clock(clock.clone())
            .entropy(Counting::default())
            .events(move |event: &Event| sink.lock().unwrap().push(event.clone()))
            .open()
            .unwrap();
        let (json, seeds) = (policy().to_json(), Arc::new(Counting::default()));
        let counting = Arc::clone(&seeds);
        let settings = Settings {
            store: match through {
                Through::Calls(url) => Some(url),
                Through::Steps(_) => None,
            },
            master_key: (1, KEY),
            peppers: vec![],
            policy: &json,
            manual_clock: START,
            events: 1_000,
            remember_tokens: None,
            entropy: Arc::new(move |bytes: &mut [u8]| counting.count(bytes)),
        };
        let abi = match through {
            Through::Calls(_) => Abi::Engine(host::Engine::open(&settings).unwrap()),
            Through::Steps(store) => {
                Abi::Context(Context::open(&settings, &**store).unwrap(), Arc::clone(store))
            }
        };
        Self { rust, rows, clock, events, abi, seeds, met: RefCell::default() }
    }

    pub(crate) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Closes both engines. Gives what the one of Rust has left, and what was met.
    pub(crate) fn close(self) -> (Dump, Met) {
        (dump(&*self.rows), self.met.into_inner())
    }

    /// Both tell the same events, and what can be seen of both is the same. Gives the events.
    pub(crate) fn assert_alike(&self) -> Vec<Event> {
        let events = mem::take(&mut *self.events.lock().unwrap());
        let expected: Vec<host::Event> = events.iter().map(expected::event).collect();
        let (now, policy, told) = match &self.abi {
            Abi::Engine(engine) => (engine.now(), engine.policy(), engine.events()),
            Abi::Context(context, _) => (context.now(), context.policy(), context.events()),
        };
        assert_eq!(told.unwrap(), expected);
        assert_eq!(now, self.rust.now().as_millis());
        assert_eq!(policy.unwrap(), Given::Text(self.rust.policy().to_json()));
        if let Abi::Context(_, store) = &self.abi {
            assert_eq!(dump(&**store), dump(&*self.rows));
        }
        events
    }

    /// What cannot be said in C, and is refused: the other engine only draws its seed.
    fn untold<T, E>(&self, rust: impl FnOnce(&Engine) -> Result<T, E>) -> Result<T, E> {
        let outcome = rust(&self.rust);
        assert!(outcome.is_err(), "what C is not told of is refused");
        self.seeds.count(&mut [0; 32]);
        self.events.lock().unwrap().clear();
        outcome
    }

    /// Makes the call through the ABI as well, and compares.
    fn both<T: Gives, E: Errs + 'static>(
        &self,
        call: &Call<'_>,
        rust: impl FnOnce(&Engine) -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = rust(&self.rust);
        let now = doorward::Clock::now(&self.clock).as_millis();
        let called = match &self.abi {
            Abi::Engine(engine) => engine.set_time(now).and_then(|()| engine.call(call)),
            Abi::Context(context, store) => {
                let begun = context.set_time(now).and_then(|()| context.begin(call));
                begun.and_then(|op| drive(op, &**store))
            }
        };
        let events = self.assert_alike();
        let names = call.names();
        let operation = names[0].strip_prefix("dw_").unwrap();
        let expected = match &outcome {
            Ok(done) => Ok(done.given()),
            Err(error) => {
                let said = called.as_ref().err().map(|refused| &*refused.message);
                Err(expected::refused(error, operation, &events, said))
            }
        };
        assert_eq!(called, expected, "{call:?}");
        let status = called.map_or_else(|refused| refused.status, |_| doorward_ffi::dw_status::DW_OK);
        self.met.borrow_mut().insert((names, format!("{status:?}")));
        outcome
    }
}

/// Milliseconds, of which 0 leaves out. So a lifetime of nothing cannot be said in C; of a session of nobody it is refused as one
/// that has no end is.
fn millis(lifetime: Option<Duration>) -> u64 {
    match lifetime.map(|lifetime| u64::try_from(lifetime.as_millis()).unwrap()) {
        None => 0,
        Some(0) => u64::MAX,
        Some(millis) => millis,
    }
}

fn json(claims: &[(String, String)]) -> Option<String> {
    let members: Vec<String> = claims.iter().map(|(name, value)| format!("{name:?}:{value:?}")).collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

impl Face for Twin {
    fn register(&self, asked: Register) -> Result<AccountId, RegisterError> {
        let source = asked.source.map(|source| source.to_string());
        let call = Call::Register { name: &asked.name, password: &asked.password, source: source.as_deref() };
        self.both(&call, |rust| rust.register(asked.operation))
    }

    fn login(&self, asked: Login) -> Result<LoggedIn, LoginError> {
        let source = asked.source.map(|source| source.to_string());
        let options = LoginOptions {
            source: source.as_deref(),
            label: asked.label.as_deref(),
            scope: asked.scope.as_ref().map(Scope::as_str),
            lifetime: match asked.lifetime {
                Lifetime::Web => 0,
                Lifetime::Remembered => 1,
                Lifetime::Device => 2,
            },
            carry_data: asked.carries_data,
            previous: asked.previous.as_deref(),
            device: asked.device.as_deref(),
            remember_device: asked.remembers_device,
        };
        let call = Call::Login { name: &asked.name, password: &asked.password, options };
        self.both(&call, |rust| rust.login(asked.operation))
    }

    fn authenticate(&self, token: &str) -> Result<Session, AuthenticateError> {
        self.both(&Call::Authenticate { token }, |rust| rust.authenticate(token))
    }

    fn logout(&self, token: &str) -> Result<Receipt, LogoutError> {
        self.both(&Call::Logout { token }, |rust| rust.logout(token))
    }

    fn open_session(&self, asked: OpenSession) -> Result<OpenedSession, OpenSessionError> {
        let (lifetime_ms, label) = (millis(asked.lifetime), asked.label.as_deref());
        let call = Call::OpenSession { data: &asked.data, lifetime_ms, label };
        self.both(&call, |rust| rust.open_session(asked.operation))
    }

    fn session_data(&self, token: &str) -> Result<KeptData, AuthenticateError> {
        self.both(&Call::SessionData { token }, |rust| rust.session_data(token))
    }

    fn update_session_data(&self, asked: UpdateSessionData) -> Result<Visitor, UpdateSessionDataError> {
        if asked.lifetime == Some(Duration::ZERO) {
            return self.untold(|rust| rust.update_session_data(asked.operation));
        }
        let lifetime_ms = millis(asked.lifetime);
        let call = Call::UpdateSessionData { token: &asked.token, data: &asked.data, lifetime_ms };
        self.both(&call, |rust| rust.update_session_data(asked.operation))
    }

    fn rotate_session(&self, token: &str) -> Result<Renewed<Visitor>, AuthenticateError> {
        self.both(&Call::RotateSession { token }, |rust| rust.rotate_session(token))
    }

    fn reauthenticate(&self, token: &str, password: &str) -> Result<Renewed, ReauthenticateError> {
        let call = Call::Reauthenticate { token, password, source: None };
        self.both(&call, |rust| rust.reauthenticate(token, password))
    }

    fn sessions(&self, account: AccountId) -> Result<Vec<Session>, Fault> {
        self.both(&Call::Sessions { account: *account.as_bytes() }, |rust| rust.sessions(account))
    }

    fn end_session(&self, account: AccountId, session: SessionId) -> Result<Receipt, EndSessionError> {
        let call = Call::EndSession { account: *account.as_bytes(), session: *session.as_bytes() };
        self.both(&call, |rust| rust.end_session(account, session))
    }

    fn logout_everywhere(&self, asked: LogoutEverywhere) -> Result<EndedEverywhere, LogoutEverywhereError> {
        let call = Call::LogoutEverywhere { account: *asked.account.as_bytes(), keep: asked.keep.as_deref() };
        self.both(&call, |rust| rust.logout_everywhere(asked.operation))
    }

    fn change_password(&self, token: &str, current: &str, new: &str) -> Result<Renewed, ChangePasswordError> {
        let call = Call::ChangePassword { token, current, password: new, source: None };
        self.both(&call, |rust| rust.change_password(token, current, new))
    }

    fn set_password(&self, account: AccountId, new: &str) -> Result<(), SetPasswordError> {
        let call = Call::SetPassword { account: *account.as_bytes(), password: new };
        self.both(&call, |rust| rust.set_password(account, new))
    }

    fn unlock(&self, account: AccountId) -> Result<(), AccountError> {
        self.both(&Call::Unlock { account: *account.as_bytes() }, |rust| rust.unlock(account))
    }

    fn disable(&self, account: AccountId) -> Result<(), AccountError> {
        self.both(&Call::Disable { account: *account.as_bytes() }, |rust| rust.disable(account))
    }

    fn enable(&self, account: AccountId) -> Result<(), AccountError> {
        self.both(&Call::Enable { account: *account.as_bytes() }, |rust| rust.enable(account))
    }

    fn rename(&self, account: AccountId, name: &str) -> Result<(), RenameError> {
        self.both(&Call::Rename { account: *account.as_bytes(), name }, |rust| rust.rename(account, name))
    }

    fn mark_compromised(&self, account: AccountId) -> Result<(), AccountError> {
        let call = Call::MarkCompromised { account: *account.as_bytes() };
        self.both(&call, |rust| rust.mark_compromised(account))
    }

    fn delete_account(&self, account: AccountId) -> Result<(), AccountError> {
        let call = Call::DeleteAccount { account: *account.as_bytes() };
        self.both(&call, |rust| rust.delete_account(account))
    }

    fn issue(&self, asked: Issue) -> Result<Issued, IssueError> {
        let (first, others) = asked.audience.split_first().unwrap();
        let claims = json(&asked.claims);
        let call = Call::Issue {
            token: &asked.token,
            client: &asked.client,
            audience: first,
            audiences: others,
            scope: asked.scope.as_ref().map(Scope::as_str),
            claims: claims.as_deref(),
            refresh: asked.with_refresh,
        };
        self.both(&call, |rust| rust.issue(asked.operation))
    }

    fn refresh(&self, asked: Refresh) -> Result<Issued, RefreshError> {
        let claims = json(&asked.claims);
        let call = Call::Refresh {
            token: &asked.token,
            client: &asked.client,
            scope: asked.scope.as_ref().map(Scope::as_str),
            audiences: asked.audience.as_slice(),
            claims: claims.as_deref(),
        };
        self.both(&call, |rust| rust.refresh(asked.operation))
    }

    fn verify(&self, token: &str, audience: &str) -> Result<Arc<Access>, VerifyError> {
        self.both(&Call::Verify { token, audience }, |rust| rust.verify(token, audience))
    }

    fn introspect(&self, asked: Introspect) -> Result<Introspection, Fault> {
        let call = Call::Introspect { token: &asked.token, audience: asked.audience.as_deref() };
        self.both(&call, |rust| rust.introspect(asked.operation))
    }

    fn revoke_token(&self, token: &str, client: &str) -> Result<Ended, RevokeTokenError> {
        self.both(&Call::RevokeToken { token, client }, |rust| rust.revoke_token(token, client))
    }

    fn jwks(&self) -> Result<PublishedKeys, Fault> {
        self.both(&Call::Jwks, Engine::jwks)
    }

    fn rotate_keys(&self, asked: RotateKeys) -> Result<RotatedKeys, RotateKeysError> {
        let when = match asked.when {
            When::Orderly => 0,
            When::AtOnce => 1,
            When::Due => 2,
        };
        self.both(&Call::RotateKeys { when }, |rust| rust.rotate_keys(asked.operation))
    }

    fn revoke_all_tokens(&self, asked: RevokeAllTokens) -> Result<(), Fault> {
        let call = Call::RevokeAllTokens { and_sessions: asked.and_sessions };
        self.both(&call, |rust| rust.revoke_all_tokens(asked.operation))
    }

    fn after_restore(&self) -> Result<(), Fault> {
        self.both(&Call::AfterRestore, Engine::after_restore)
    }

    fn maintain(&self) -> Result<Maintained, Fault> {
        self.both(&Call::Maintain, Engine::maintain)
    }

    fn purge(&self, limit: usize) -> Result<usize, Fault> {
        self.both(&Call::Purge { limit }, |rust| rust.purge(limit))
    }
}
