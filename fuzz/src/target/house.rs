//! A house in which somebody has a session, a known device and tokens, and whose name is kept waiting. It is the same in each
//! process, so that an input that names its rows does so everywhere.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use doorward::store::MemoryStore;
use doorward::{
    AccountId, Engine, Entropy, EntropyError, Issue, Login, LoginError, ManualClock, MasterKey, Policy,
    Register, SessionId, ThrottlePolicy, Timestamp, UpdateSessionData,
};
use doorward_core::error::StoreError;
use doorward_core::password::Argon2Params;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Guarantees, Range, Store};

use crate::rng::Rng;

pub(super) const MASTER: [u8; 32] = [0x42; 32];
pub(super) const NAME: &str = "ada";
pub(super) const CLIENT: &str = "web";
const PASSWORD: &str = "plum kettle orbit";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(super) struct House {
    pub(super) engine: Engine,
    pub(super) store: Arc<Watched>,
    pub(super) account: AccountId,
    pub(super) session: SessionId,
    /// A session's, a device's and a refresh token.
    pub(super) tokens: [String; 3],
}

impl House {
    /// The one house: whoever has it has it alone.
    pub(super) fn enter() -> MutexGuard<'static, Self> {
        static HOUSE: OnceLock<Mutex<House>> = OnceLock::new();
        HOUSE.get_or_init(|| Mutex::new(Self::build())).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build() -> Self {
        let store = Arc::new(Watched::default());
        let argon2 = Argon2Params::default().with_memory_kib(12_288).and_then(|params| params.with_passes(1));
        let throttle = ThrottlePolicy { free: 1, ..ThrottlePolicy::default() };
        let policy = Policy::builder().argon2(argon2.expect("the least")).throttle(throttle).build();
        let builder =
            Engine::builder(Shared(Arc::clone(&store))).ephemeral().master_key(MasterKey::new(1, MASTER));
        let builder = builder.policy(policy.expect("a policy")).clock(ManualClock::at(NOW));
        let engine = builder.entropy(Counted::default()).open().expect("a new store opens");

        let account = engine.register(Register::new(NAME, PASSWORD)).expect("nobody is there");
        let login = engine.login(Login::new(NAME, PASSWORD).label("Firefox").remember_device());
        let login = login.expect("the password is right");
        let token = login.token.expose().to_owned();
        let issued = engine.issue(Issue::new(&token, CLIENT, "https://api.example").with_refresh());
        let refresh = issued.expect("the session is live").refresh.expect("it was asked for");
        let device = login.device.expect("it was asked for");
        engine
            .update_session_data(UpdateSessionData::new(&token, b"a cart".to_vec()))
            .expect("there is room");
        while !matches!(engine.login(Login::new(NAME, "no")), Err(LoginError::Throttled { .. })) {}
        let tokens = [token, device.expose().to_owned(), refresh.expose().to_owned()];
        Self { engine, store, account, session: login.session.id, tokens }
    }
}

/// A store that counts who asks it.
#[derive(Default)]
pub(super) struct Watched {
    rows: MemoryStore,
    reads: AtomicUsize,
    commits: AtomicUsize,
}

impl Watched {
    /// How often it was read, and how often written to.
    pub(super) fn calls(&self) -> (usize, usize) {
        (self.reads.load(Ordering::Relaxed), self.commits.load(Ordering::Relaxed))
    }

    /// Every row of these kinds.
    pub(super) fn rows(&self, kinds: &[Kind]) -> Vec<(Key, Row)> {
        let range = |kind: &Kind| Range { kind: *kind, owner: None, after: None };
        let scan = |kind| self.rows.scan(&range(kind), 100).expect("memory does not fail");
        kinds.iter().flat_map(scan).collect()
    }

    fn read(&self) -> &MemoryStore {
        self.reads.fetch_add(1, Ordering::Relaxed);
        &self.rows
    }
}

/// The store as the engine has it.
struct Shared(Arc<Watched>);

impl Store for Shared {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.0.read().read(keys)
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        self.0.commits.fetch_add(1, Ordering::Relaxed);
        self.0.rows.commit(batch)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        self.0.read().scan(range, limit)
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.0.read().changes(after, limit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.commits.fetch_add(1, Ordering::Relaxed);
        self.0.rows.purge(now, limit)
    }

    fn guarantees(&self) -> Guarantees {
        self.0.rows.guarantees()
    }
}

/// The same bytes in each process.
#[derive(Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let drawn = Rng::new(self.0.fetch_add(1 << 32, Ordering::Relaxed)).bytes();
        bytes.iter_mut().zip(drawn.iter().cycle()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}
