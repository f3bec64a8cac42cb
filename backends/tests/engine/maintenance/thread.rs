//! The thread that maintains when asked, and ends with the last engine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use doorward::core::event::EventResult;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::time::Timestamp;
use doorward::store::MemoryStore;
use doorward::{Clock, Engine, ManualClock, OpenError, Register};

use super::stage::{DAY, Disturbed, SECOND, broken, builder, owned, start, until};

use crate::support::engine::{NAME, PASSWORD};

#[test]
fn nobody_maintains_who_was_not_asked_to() {
    let (store, clock) = (Arc::new(Disturbed::new(|_, _| Ok(()))), ManualClock::at(start()));
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    thread::sleep(SECOND + SECOND / 5);
    assert_eq!(store.purges(), 0);
    drop(engine);
    assert_eq!(Arc::strong_count(&store), 1);
    let often = builder(MemoryStore::new(), &clock).maintain_every(Duration::from_millis(999)).open();
    assert!(matches!(often, Err(OpenError::Interval)), "{often:?}");
}

/// At open and every so often; the last clone ends it, and then nobody holds the store.
#[test]
fn the_thread_runs_from_the_opening_to_the_last_drop() {
    let (store, clock) = (Arc::new(Disturbed::new(|_, _| Ok(()))), ManualClock::at(start()));
    let engine = builder(Arc::clone(&store), &clock).open().unwrap();
    let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
    engine.run(DeleteAccount::new(ada)).unwrap().unwrap();
    drop(engine);

    let engine = builder(Arc::clone(&store), &clock).maintain_every(SECOND).open().unwrap();
    until("the first run finishes what a crash left", || owned(&*store.store, ada) == 0);
    until("the second run", || store.purges() >= 2);
    let clone = engine.clone();
    drop(engine);
    let seen = store.purges();
    until("one clone is enough", || store.purges() > seen);
    let begun = Instant::now();
    drop(clone);
    assert!(begun.elapsed() < SECOND / 2, "it does not wait for the next run");
    assert_eq!(Arc::strong_count(&store), 1, "the store is closed when the engine is gone");
}

/// A clock that panics when the trouble is of its number.
struct Troubled(Arc<AtomicUsize>);

impl Clock for Troubled {
    fn now(&self) -> Timestamp {
        assert!(self.0.load(Ordering::SeqCst) != 3, "in the clock");
        start()
    }
}

/// Store, sink and clock may fail and panic: the next run tries again.
#[test]
fn the_thread_survives_what_it_meets() {
    let trouble = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&trouble);
    let store = Arc::new(Disturbed::new(move |call, _| match seen.load(Ordering::SeqCst) {
        1 if call == "purge" => Err(broken()),
        2 if call == "purge" => panic!("in the store"),
        _ => Ok(()),
    }));
    let (told, sink) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(&trouble));
    let heard = Arc::clone(&told);
    let engine = builder(Arc::clone(&store), &ManualClock::at(start()))
        .clock(Troubled(Arc::clone(&trouble)))
        .events(move |event| {
            if event.operation == "maintain" {
                heard.lock().unwrap().push(event.result);
            }
            assert!(sink.load(Ordering::SeqCst) != 4, "in the sink");
        })
        .maintain_every(SECOND)
        .open()
        .unwrap();
    let last = || told.lock().unwrap().last().copied();
    until("a first run", || last() == Some(EventResult::Success));
    for number in 1..=4 {
        trouble.store(number, Ordering::SeqCst);
        match number {
            1 | 2 => until("a failure is told", || last() == Some(EventResult::Failed("store"))),
            _ => thread::sleep(SECOND + SECOND / 5),
        }
        trouble.store(0, Ordering::SeqCst);
        told.lock().unwrap().clear();
        until("it goes on", || last() == Some(EventResult::Success));
    }
    drop(engine);
    assert_eq!(Arc::strong_count(&store), 1);
}

/// A run that finds no end is left between two bites.
#[test]
fn a_drop_stops_a_long_run_between_two_bites() {
    let store = Disturbed { is_endless: true, ..Disturbed::new(|_, _| Ok(())) };
    let store = Arc::new(store);
    let engine = builder(Arc::clone(&store), &ManualClock::at(start())).maintain_every(DAY).open().unwrap();
    until("more than one call's bites", || store.purges() > 250);
    drop(engine);
    let purges = store.purges();
    assert_eq!(Arc::strong_count(&store), 1);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(store.purges(), purges);
}

/// A sink that holds the last engine drops it on the thread itself.
#[test]
fn the_last_engine_may_be_dropped_on_the_thread_itself() {
    let store = Arc::new(Disturbed::new(|_, _| Ok(())));
    let held: Arc<Mutex<Option<Engine>>> = Arc::default();
    let (slot, (done, dropped)) = (Arc::clone(&held), mpsc::channel());
    let engine = builder(Arc::clone(&store), &ManualClock::at(start()))
        .events(move |event| {
            let engine = if event.operation == "maintain" { slot.lock().unwrap().take() } else { None };
            if engine.is_some() {
                drop(engine);
                let _ = done.send(());
            }
        })
        .maintain_every(SECOND)
        .open()
        .unwrap();
    *held.lock().unwrap() = Some(engine);
    dropped.recv_timeout(Duration::from_secs(20)).unwrap();
    until("the thread has ended", || Arc::strong_count(&store) == 1);
}
