//! RV-8: events to be fetched, none of them lost without being counted; and several sinks, each of which is told once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use doorward::core::event::{Event, EventResult};
use doorward::core::record::Kind;
use doorward::core::store::Store;
use doorward::events::EventQueue;
use doorward::store::MemoryStore;
use doorward::{Builder, Engine, Login, LoginError, MasterKey, Register};

use crate::support::engine::{NAME, PASSWORD, policy};
use crate::support::rows::dump;

fn builder(store: Arc<dyn Store>) -> Builder {
    Engine::builder(store).ephemeral().master_key(MasterKey::new(1, [0x42; 32])).policy(policy())
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn operations(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.operation).collect()
}

#[test]
fn rv_8_a_queue_gives_each_event_once_and_the_oldest_first() {
    let queue = EventQueue::new(10);
    let engine = builder(memory()).events(queue.sink()).open().unwrap();
    assert_eq!(queue.poll().unwrap().operation, "open");
    assert_eq!(queue.poll(), None);
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine.login(Login::new(NAME, "a wrong and improper password")).unwrap_err();
    let other_handle = queue.clone();
    assert_eq!(other_handle.poll().unwrap().operation, "register");
    let rest = queue.drain();
    assert_eq!(operations(&rest), ["login"]);
    assert_eq!(rest[0].result, EventResult::Refused("denied"));
    assert_eq!((other_handle.drain(), queue.lost()), (vec![], 0));
}

/// The oldest stay: what somebody did is not pushed out by what they do next, and what is lost is counted.
#[test]
fn rv_8_a_full_queue_keeps_the_oldest_and_counts_the_rest() {
    let queue = EventQueue::new(3);
    let engine = builder(memory()).events(queue.sink()).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine.login(Login::new(NAME, PASSWORD)).unwrap();
    for flood in 1..=20 {
        engine.authenticate("no token").unwrap_err();
        assert_eq!(queue.lost(), flood);
    }
    assert_eq!(operations(&queue.drain()), ["open", "register", "login"]);
    engine.authenticate("no token").unwrap_err();
    assert_eq!((operations(&queue.drain()), queue.lost()), (vec!["authenticate"], 20));
    let none = EventQueue::new(0);
    let engine = builder(memory()).events(none.sink()).open().unwrap();
    engine.authenticate("no token").unwrap_err();
    assert_eq!((none.poll(), none.lost()), (None, 2));
}

#[test]
fn rv_8_four_threads_and_a_poller_account_for_every_event() {
    const EACH: usize = 2_000;
    let queue = EventQueue::new(50);
    let engine = builder(memory()).events(queue.sink()).open().unwrap();
    let told = 1 + 4 * EACH;
    let running = AtomicUsize::new(4);
    let fetched = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    engine.authenticate("no token").unwrap_err();
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let mut fetched = 0;
        while running.load(Ordering::SeqCst) > 0 {
            fetched += usize::from(queue.poll().is_some());
            // Now and then it is slow, so that the queue is full.
            if fetched % 100 == 0 {
                thread::yield_now();
            }
        }
        fetched
    });
    let rest = queue.drain().len();
    assert_eq!(fetched + rest + usize::try_from(queue.lost()).unwrap(), told);
    // Nobody fetches: then all but the capacity is lost.
    let before = queue.lost();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..EACH).for_each(|_| drop(engine.authenticate("no token").unwrap_err())));
        }
    });
    assert_eq!(queue.lost() - before, u64::try_from(4 * EACH - 50).unwrap());
    assert_eq!(queue.drain().len(), 50);
}

#[test]
fn rv_8_every_sink_is_told_once_after_the_commit_whatever_the_others_do() {
    let store = memory();
    let (first, last) = (EventQueue::new(10), EventQueue::new(10));
    let seen: Arc<Mutex<Vec<bool>>> = Arc::default();
    let (to, rows) = (Arc::clone(&seen), Arc::clone(&store));
    let engine = builder(store)
        .events(first.sink())
        .events(|_| panic!("a sink"))
        .events(move |_| to.lock().unwrap().push(dump(&*rows).has(Kind::Credential)))
        .events(last.sink())
        .open()
        .unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    assert!(matches!(engine.login(Login::new("nobody", PASSWORD)), Err(LoginError::Denied)));
    let told = first.drain();
    assert_eq!(operations(&told), ["open", "register", "login"]);
    assert_eq!(last.drain(), told);
    assert_eq!(*seen.lock().unwrap(), [false, true, true]);
}

/// RV-9: a queue in a log shows how full it is, and nothing of what it holds.
#[test]
fn rv_9_a_queue_prints_numbers_only() {
    let queue = EventQueue::new(1);
    let engine = builder(memory()).events(queue.sink()).open().unwrap();
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    assert_eq!(format!("{queue:?}"), "EventQueue { capacity: 1, waiting: 1, lost: 1, .. }");
}
