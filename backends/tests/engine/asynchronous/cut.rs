//! Every operation, dropped wherever it waits, on a store that answers one poll late: what is left is what was there
//! before, or what the whole operation leaves.
//!
//! A hash is made by another thread, and may be there within the poll that asked for it. So places are counted in the
//! store's waits, which are the same in every run; in polls, a quick hash once moved the last place out of reach.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use doorward::core::event::{Event, EventResult};
use doorward::core::record::{Key, Row};
use doorward::core::store::{
    AsyncStore, Batch, Changes, Commit, Cursor, Guarantees, Range, Store, StoreFuture,
};
use doorward::core::time::Timestamp;
use doorward::store::MemoryStore;
use doorward::{
    AsyncEngine, Entropy, EntropyError, Issue, Login, LogoutEverywhere, ManualClock, MasterKey, OpenSession,
    Refresh, Register, RevokeAllTokens, RotateKeys, UpdateSessionData,
};

use super::polled::{Polled, block_on};

use crate::support::engine::{NAME, PASSWORD, policy};
use crate::support::rows::{Dump, dump};

/// Waits a poll before each call, and a poll after each commit.
struct Late {
    store: Arc<MemoryStore>,
    waits: Arc<AtomicU32>,
}

impl Late {
    async fn a_poll_later(&self) {
        let mut is_polled = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut is_polled, true) {
                return Poll::Ready(());
            }
            self.waits.fetch_add(1, Ordering::SeqCst);
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl AsyncStore for Late {
    fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
        Box::pin(async {
            self.a_poll_later().await;
            Store::read(&*self.store, keys)
        })
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
        Box::pin(async {
            self.a_poll_later().await;
            let answer = Store::commit(&*self.store, batch);
            self.a_poll_later().await;
            answer
        })
    }

    fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
        Box::pin(async move {
            self.a_poll_later().await;
            Store::scan(&*self.store, range, limit)
        })
    }

    fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
        Box::pin(async move { Store::changes(&*self.store, after, limit) })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
        Box::pin(async move { Store::purge(&*self.store, now, limit) })
    }

    fn guarantees(&self) -> Guarantees {
        Store::guarantees(&*self.store)
    }
}

/// The same bytes in every run.
struct Counted(Mutex<u64>);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut number = self.0.lock().unwrap();
        *number += 1;
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = number.to_le_bytes()[at % 8] ^ u8::try_from(at).unwrap() ^ 0x5a;
        }
        Ok(())
    }
}

/// A house in which somebody is logged in and a guest has data: always the same.
struct House {
    store: Arc<MemoryStore>,
    waits: Arc<AtomicU32>,
    engine: AsyncEngine,
    events: Arc<Mutex<Vec<Event>>>,
    token: String,
    guest: String,
    refresh: String,
}

impl House {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let waits = Arc::<AtomicU32>::default();
        let events = Arc::<Mutex<Vec<Event>>>::default();
        let heard = Arc::clone(&events);
        let builder = AsyncEngine::builder(Late { store: Arc::clone(&store), waits: Arc::clone(&waits) })
            .ephemeral()
            .master_key(MasterKey::new(1, [0x42; 32]))
            .policy(policy())
            .clock(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)))
            .entropy(Counted(Mutex::new(0)))
            .events(move |event| heard.lock().unwrap().push(event.clone()));
        let (engine, token, guest, refresh) = block_on(async {
            let engine = builder.open().await.unwrap();
            engine.register(Register::new(NAME, PASSWORD)).await.unwrap();
            let token = engine.login(Login::new(NAME, PASSWORD)).await.unwrap().token.expose().to_owned();
            let guest = engine.open_session(OpenSession::new("a cart")).await.unwrap().token;
            let issue = Issue::new(&token, "web", "https://api.example").with_refresh();
            let refresh = engine.issue(issue).await.unwrap().refresh.unwrap();
            (engine, token, guest.expose().to_owned(), refresh.expose().to_owned())
        });
        events.lock().unwrap().clear();
        waits.store(0, Ordering::SeqCst);
        Self { store, waits, engine, events, token, guest, refresh }
    }

    fn dump(&self) -> Dump {
        dump(&*self.store)
    }
}

type Operation = for<'a> fn(&'a House) -> Polled<'a, Result<(), String>>;

/// An operation as a future that says whether it went well.
macro_rules! operation {
    (|$house:ident| $call:expr) => {
        |$house: &House| {
            Polled::new(async move { $call.await.map(drop).map_err(|error| format!("{error:?}")) })
        }
    };
}

const OPERATIONS: [(&str, Operation); 16] = [
    ("register", operation!(|house| house.engine.register(Register::new("grace", PASSWORD)))),
    ("login", operation!(|house| house.engine.login(Login::new(NAME, PASSWORD)))),
    (
        "login that takes a guest along",
        operation!(|house| {
            house.engine.login(Login::new(NAME, PASSWORD).previous(&house.guest).carry_data())
        }),
    ),
    ("open_session", operation!(|house| house.engine.open_session(OpenSession::new("another cart")))),
    (
        "update_session_data",
        operation!(|house| {
            house.engine.update_session_data(UpdateSessionData::new(&house.guest, "a fuller cart"))
        }),
    ),
    ("rotate_session", operation!(|house| house.engine.rotate_session(&house.token))),
    ("reauthenticate", operation!(|house| house.engine.reauthenticate(&house.token, PASSWORD))),
    (
        "change_password",
        operation!(|house| house.engine.change_password(&house.token, PASSWORD, "another long sentence")),
    ),
    (
        "issue",
        operation!(|house| {
            house.engine.issue(Issue::new(&house.token, "web", "https://api.example").with_refresh())
        }),
    ),
    ("refresh", operation!(|house| house.engine.refresh(Refresh::new(&house.refresh, "web")))),
    ("revoke_token", operation!(|house| house.engine.revoke_token(&house.refresh, "web"))),
    ("rotate_keys", operation!(|house| house.engine.rotate_keys(RotateKeys::new()))),
    ("revoke_all_tokens", operation!(|house| house.engine.revoke_all_tokens(RevokeAllTokens::new()))),
    ("logout", operation!(|house| house.engine.logout(&house.token))),
    (
        "logout_everywhere",
        operation!(|house| async {
            let account = house.engine.authenticate(&house.token).await.unwrap().account;
            house.engine.logout_everywhere(LogoutEverywhere::new(account)).await
        }),
    ),
    (
        "disable",
        operation!(|house| async {
            let account = house.engine.authenticate(&house.token).await.unwrap().account;
            house.engine.disable(account).await
        }),
    ),
];

/// Where a future is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    BeforeItsFirstPoll,
    /// At this wait of the store, counted from one.
    InTheStore(u32),
    /// While a hash is made, after so many waits of the store.
    InAHash(u32),
}

/// Whether the operation was still under way there. A hash that nobody waited for is no place.
fn cut(operation: Operation, house: &House, at: Cut) -> bool {
    let mut future = operation(house);
    if at == Cut::BeforeItsFirstPoll {
        return true;
    }
    loop {
        let (polls, waits) = (future.polls, house.waits.load(Ordering::SeqCst));
        if future.poll().is_some() {
            return false;
        }
        let now = house.waits.load(Ordering::SeqCst);
        let reached = if now > waits { Cut::InTheStore(now) } else { Cut::InAHash(now) };
        if future.polls > polls && reached == at {
            return true;
        }
        std::thread::yield_now();
    }
}

#[test]
fn inv_24_inv_28_a_future_dropped_at_any_poll_leaves_all_or_nothing() {
    let mut hashes_waited_for = 0;
    for (name, operation) in OPERATIONS {
        let whole = House::new();
        let before = whole.dump();
        operation(&whole).within(std::time::Duration::from_mins(1)).unwrap().unwrap();
        let after = whole.dump();
        assert_ne!(before, after, "{name} changes something");
        let waits = whole.waits.load(Ordering::SeqCst);
        assert!(waits >= 3, "{name}: {waits} waits of the store");

        let mut untouched_in_the_store = 0;
        let in_the_store = (1..=waits).map(Cut::InTheStore);
        let in_a_hash = (0..=waits).map(Cut::InAHash);
        for at in [Cut::BeforeItsFirstPoll].into_iter().chain(in_the_store).chain(in_a_hash) {
            let house = House::new();
            assert_eq!(house.dump(), before, "the same house");
            let was_under_way = cut(operation, &house, at);
            let left = house.dump();
            if !was_under_way {
                assert!(matches!(at, Cut::InAHash(_)), "{name} was over before {at:?}");
                assert_eq!(left, after, "{name} was over before {at:?}");
                continue;
            }
            assert!(left == before || left == after, "{name}, dropped {at:?}: {left:?}");
            match at {
                Cut::BeforeItsFirstPoll => assert_eq!(left, before, "{name} had not begun"),
                Cut::InTheStore(_) => untouched_in_the_store += u32::from(left == before),
                Cut::InAHash(_) => hashes_waited_for += 1,
            }
            rv_8_it_is_told(name, at, &house);
            is_well(name, at, &house);
        }
        assert!(
            (1..waits).contains(&untouched_in_the_store),
            "{name}: untouched at {untouched_in_the_store} of {waits} waits"
        );
    }
    assert!(hashes_waited_for > 0, "no hash took longer than a poll");
}

/// One event for each operation that had begun, and none for one that had not.
fn rv_8_it_is_told(name: &str, at: Cut, house: &House) {
    let told = std::mem::take(&mut *house.events.lock().unwrap());
    let Some((last, others)) = told.split_last() else {
        return assert_eq!(at, Cut::BeforeItsFirstPoll, "{name}, dropped {at:?}, told nobody");
    };
    assert_ne!(at, Cut::BeforeItsFirstPoll, "{name} had not begun: {told:?}");
    assert_eq!(last.result, EventResult::Failed("abandoned"), "{name}, dropped {at:?}: {told:?}");
    assert!(others.iter().all(|event| event.operation == "authenticate"), "{told:?}");
}

/// Nothing is held that the next one needs.
fn is_well(name: &str, at: Cut, house: &House) {
    block_on(async {
        let next = house.engine.register(Register::new("linus", PASSWORD)).await;
        assert!(next.is_ok(), "after {name}, dropped {at:?}: {next:?}");
    });
}
