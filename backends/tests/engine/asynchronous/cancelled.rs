//! Thousands of operations, each dropped after a random time, on real stores: what was acknowledged stands, what was
//! dropped is there wholly or not at all, and nothing that ended comes back.
//!
//! Each client knows of each of its sessions only what it was told:
//!
//! | a session is | after | its token |
//! |---|---|---|
//! | live | an acknowledged grant | is accepted |
//! | doubtful | an ending or a rotation that was dropped | is accepted, or is over; a dropped commit may land later |
//! | over | an acknowledged ending, or once it was refused | is refused for good |

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward::core::event::{Event, EventResult};
use doorward::core::record::Kind;
use doorward::core::store::{AsyncStore, Store};
use doorward::store::{MemoryStore, Pooled, SqliteStore};
use doorward::{
    AccountId, AsyncEngine, AuthenticateError, KeptData, Login, LogoutEverywhere, MasterKey, OpenSession,
    Register, UpdateSessionData,
};

use super::polled::{Polled, block_on};

use crate::support::engine::{PASSWORD, open, policy};
use crate::support::rows::dump;

const CLIENTS: u64 = 4;
/// How many each of them drops under way.
const DROPPED: u64 = 2_500;

#[test]
fn inv_15_inv_24_inv_26_ten_thousand_dropped_operations_on_memory() {
    let store = Arc::new(MemoryStore::new());
    let engine = Pooled::new(Arc::clone(&store)).unwrap();
    drop_at_random(0xd0, engine, move || store);
}

#[test]
fn inv_15_inv_24_inv_26_ten_thousand_dropped_operations_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let engine = Pooled::new(SqliteStore::open(&path).unwrap()).unwrap();
    drop_at_random(0xd1, engine, || Arc::new(SqliteStore::open(&path).unwrap()));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Live,
    Doubtful,
    Over,
}

struct Session {
    token: String,
    life: Life,
    /// An ending was dropped: it may land at any time.
    is_ending: bool,
    is_guest: bool,
    /// What it may hold.
    data: BTreeSet<Vec<u8>>,
}

struct Client {
    engine: AsyncEngine,
    name: String,
    account: AccountId,
    sessions: Vec<Session>,
    random: Random,
    begun: u64,
    dropped: u64,
    number: u64,
}

fn drop_at_random<S: Store + 'static>(
    seed: u64,
    store: impl AsyncStore + 'static,
    reopened: impl FnOnce() -> Arc<S>,
) {
    let (events, foul) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<Vec<Event>>>::default());
    let (counted, kept) = (Arc::clone(&events), Arc::clone(&foul));
    let builder = AsyncEngine::builder(store)
        .ephemeral()
        .master_key(MasterKey::new(1, [0x42; 32]))
        .policy(policy())
        .events(move |event| {
            counted.fetch_add(1, Ordering::SeqCst);
            if !matches!(event.result, EventResult::Success | EventResult::Failed("abandoned"))
                && event.result != EventResult::Refused("gone")
            {
                kept.lock().unwrap().push(event.clone());
            }
        });
    let engine = block_on(builder.open()).unwrap();
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|number| Client::new(engine.clone(), seed * 1_000 + number)).collect();
    drop(engine);
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| client.live());
        }
    });
    let begun: u64 = clients.iter().map(|client| client.begun).sum();
    let dropped: u64 = clients.iter().map(|client| client.dropped).sum();
    println!("seed {seed:#x}: {begun} operations, {dropped} of them dropped under way");
    assert_eq!(dropped, 10_000);

    // What a thread has taken is finished before the store is closed.
    let known: Vec<Session> = clients.drain(..).flat_map(|client| client.sessions).collect();
    let store = reopened();
    let engine = open(Arc::clone(&store) as Arc<dyn Store>);
    for session in &known {
        session.compare(engine.session_data(&session.token));
    }
    let told = events.load(Ordering::SeqCst);
    // Beside theirs: the opening, and of each client its registration.
    assert_eq!(told as u64, begun + 1 + CLIENTS, "RV-8: one event for each operation that had begun");
    assert_eq!(*foul.lock().unwrap(), [], "nothing failed but what was dropped");
    let dump = dump(&*store);
    let ids = |kind: Kind| -> BTreeSet<Vec<u8>> {
        dump.rows.keys().filter(|key| key.kind() == kind).map(|key| key.id_bytes().to_vec()).collect()
    };
    assert!(ids(Kind::Data).is_subset(&ids(Kind::Session)), "INV 24: data without its session");
    assert!(known.iter().any(|session| session.life == Life::Over), "some are over");
}

impl Client {
    fn new(engine: AsyncEngine, seed: u64) -> Self {
        let name = format!("client{seed}");
        let account = block_on(engine.register(Register::new(&name, PASSWORD))).unwrap();
        let random = Random(seed);
        Self { engine, name, account, sessions: Vec::new(), random, begun: 0, dropped: 0, number: 0 }
    }

    fn live(&mut self) {
        while self.dropped < DROPPED {
            let choice = self.random.below(100);
            match choice {
                0..2 => self.login(),
                2..20 => self.open_session(),
                20..22 => self.logout_everywhere(),
                _ if self.sessions.is_empty() => {}
                22..45 => self.look(),
                45..65 => self.update(),
                65..80 => self.rotate(),
                _ => self.logout(),
            }
        }
    }

    /// The outcome, when it was there before its time ran out; most run out.
    fn hurry<T>(&mut self, future: impl Future<Output = T> + Send) -> Option<T> {
        let microseconds = 1 << self.random.below(11);
        let patience = match self.random.below(5) {
            0 => Duration::from_mins(1),
            _ => Duration::from_micros(self.random.below(microseconds)),
        };
        let mut future = Polled::new(future);
        self.begun += 1;
        let outcome = future.within(patience);
        self.dropped += u64::from(outcome.is_none());
        outcome
    }

    fn some_session(&mut self) -> usize {
        // Mostly a late one: those are the ones that live.
        let reach = self.random.below(7);
        let back = self.random.below(1 << reach);
        self.sessions.len().saturating_sub(1 + usize::try_from(back).unwrap())
    }

    fn some_data(&mut self) -> Vec<u8> {
        self.number += 1;
        format!("{} keeps {}", self.name, self.number).into_bytes()
    }

    fn add(&mut self, token: &str, is_guest: bool, data: Vec<u8>) {
        self.sessions.push(Session {
            token: token.to_owned(),
            life: Life::Live,
            is_ending: false,
            is_guest,
            data: BTreeSet::from([data]),
        });
    }

    fn login(&mut self) {
        let engine = self.engine.clone();
        let login = Login::new(&self.name, PASSWORD);
        if let Some(login) = self.hurry(async move { engine.login(login).await }) {
            self.add(login.unwrap().token.expose(), false, Vec::new());
        }
    }

    fn open_session(&mut self) {
        let (engine, data) = (self.engine.clone(), self.some_data());
        let opening = OpenSession::new(data.clone());
        if let Some(opened) = self.hurry(async move { engine.open_session(opening).await }) {
            self.add(opened.unwrap().token.expose(), true, data);
        }
    }

    fn look(&mut self) {
        let at = self.some_session();
        let (engine, token) = (self.engine.clone(), self.sessions[at].token.clone());
        if let Some(found) = self.hurry(async move { engine.session_data(&token).await }) {
            let is_over = found.is_err();
            self.sessions[at].compare(found);
            if is_over {
                self.sessions[at].life = Life::Over;
            }
        }
    }

    fn update(&mut self) {
        let (at, data) = (self.some_session(), self.some_data());
        let (engine, token, new) = (self.engine.clone(), self.sessions[at].token.clone(), data.clone());
        let update = async move { engine.update_session_data(UpdateSessionData::new(&token, new)).await };
        match self.hurry(update) {
            Some(Ok(_)) => {
                assert_ne!(self.sessions[at].life, Life::Over, "INV 15: an ended session was written");
                // What was dropped before compares with what stands now, and is too late.
                self.sessions[at].data = BTreeSet::from([data]);
            }
            Some(Err(error)) => self.sessions[at].refused(&error),
            None => drop(self.sessions[at].data.insert(data)),
        }
    }

    fn rotate(&mut self) {
        let at = self.some_session();
        let (engine, token) = (self.engine.clone(), self.sessions[at].token.clone());
        match self.hurry(async move { engine.rotate_session(&token).await }) {
            Some(Ok(renewed)) => {
                let old = &mut self.sessions[at];
                assert_ne!(old.life, Life::Over, "INV 15: an ended session was rotated");
                let life = if old.is_ending { Life::Doubtful } else { Life::Live };
                let token = renewed.token.expose().to_owned();
                let new = Session { token, life, data: old.data.clone(), ..*old };
                old.life = Life::Over;
                self.sessions.push(new);
            }
            Some(Err(error)) => self.sessions[at].refused(&error),
            None => self.sessions[at].doubt(),
        }
    }

    fn logout(&mut self) {
        let at = self.some_session();
        let (engine, token) = (self.engine.clone(), self.sessions[at].token.clone());
        let is_done = self.hurry(async move { engine.logout(&token).await }).map(Result::unwrap).is_some();
        // Tokens made of one another by rotation name one session.
        let id = session_of(&self.sessions[at].token);
        self.sessions.iter_mut().filter(|session| session_of(&session.token) == id).for_each(|session| {
            session.is_ended(is_done);
        });
    }

    fn logout_everywhere(&mut self) {
        let (engine, account) = (self.engine.clone(), self.account);
        let ending = async move { engine.logout_everywhere(LogoutEverywhere::new(account)).await };
        let is_done = self.hurry(ending).map(Result::unwrap).is_some();
        self.sessions
            .iter_mut()
            .filter(|session| !session.is_guest)
            .for_each(|session| session.is_ended(is_done));
    }
}

/// The bytes of a token that name its row: after version, key number and account.
fn session_of(token: &str) -> Vec<u8> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let bytes = Base64UrlUnpadded::decode_vec(token.strip_prefix("dws_").unwrap()).unwrap();
    bytes[SESSION].to_vec()
}

const SESSION: std::ops::Range<usize> = 21..37;

impl Session {
    fn is_ended(&mut self, is_done: bool) {
        self.is_ending = true;
        if is_done { self.life = Life::Over } else { self.doubt() }
    }

    fn doubt(&mut self) {
        if self.life == Life::Live {
            self.life = Life::Doubtful;
        }
    }

    fn refused(&mut self, error: &dyn std::fmt::Debug) {
        assert_ne!(self.life, Life::Live, "INV 26: a live session was refused: {error:?}");
        assert!(format!("{error:?}").contains("Gone"), "{error:?}");
        self.life = Life::Over;
    }

    fn compare(&self, found: Result<KeptData, AuthenticateError>) {
        match (self.life, found) {
            (Life::Live | Life::Doubtful, Ok(kept)) => {
                assert!(self.data.contains(&kept.data), "INV 24: {:?} among {:?}", kept.data, self.data);
            }
            (Life::Doubtful | Life::Over, Err(AuthenticateError::Gone(_))) => {}
            (Life::Over, Ok(_)) => panic!("INV 15: a session that ended was accepted"),
            (_, Err(error)) => panic!("{:?}, and it was refused: {error:?}", self.life),
        }
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}
