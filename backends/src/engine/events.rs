//! The audit trail's ends: who is told of each finished operation ([`Builder::events`](crate::Builder::events)).
//!
//! | sink | for |
//! |---|---|
//! | a closure | whatever the host does with an [`Event`] |
//! | [`EventQueue`] | a thread, or another language, that fetches events when it has time |
//! | `to_tracing`, with the feature `tracing` | a host whose logs go through the `tracing` crate |

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_core::event::Event;

#[cfg(feature = "tracing")]
pub use self::tracing::to_tracing;

#[cfg(feature = "tracing")]
mod tracing;

/// Every sink that a host gave.
#[derive(Default)]
pub(super) struct Sinks(Vec<Sink>);

type Sink = Box<dyn Fn(&Event) + Send + Sync>;

impl Sinks {
    pub(super) fn add(&mut self, sink: impl Fn(&Event) + Send + Sync + 'static) {
        self.0.push(Box::new(sink));
    }

    pub(super) fn tell(&self, event: &Event) {
        for sink in &self.0 {
            // The outcome stands whether or not a sink can take the event, and the next one is told, too.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| sink(event))) {
                // Dropping it runs the host's code again, which could panic again.
                std::mem::forget(payload);
            }
        }
    }
}

/// A bounded queue of events, to be fetched on any thread. Cheap to clone; every clone is the same queue.
///
/// Nothing waits for it: an event that finds it full is lost, and counted. The newest is lost and not the oldest, so
/// that nobody can push what they did out of it by doing more. Once it is empty again, what was lost stands between
/// what was fetched and what comes next. [`EventQueue::lost`] only ever grows: compare it with what it was.
///
/// # Example: a thread that ships events, and notices a gap
/// ```
/// use doorward::events::EventQueue;
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, Login, MasterKey, Register};
///
/// let queue = EventQueue::new(2); // a host would take some thousands
/// let engine = Engine::builder(MemoryStore::new())
///     .ephemeral()
///     .master_key(MasterKey::new(1, [1; 32]))
///     .events(queue.sink())
///     .open()?;
/// engine.register(Register::new("ada", "plum kettle orbit"))?;
/// engine.login(Login::new("ada", "plum kettle orbit"))?; // finds it full
///
/// let shipped: Vec<&str> = queue.drain().iter().map(|event| event.operation).collect();
/// assert_eq!((shipped, queue.lost()), (vec!["open", "register"], 1));
/// engine.login(Login::new("ada", "plum kettle orbit"))?;
/// assert_eq!(queue.poll().map(|event| event.operation), Some("login"));
/// assert_eq!(queue.poll(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Example: not every request
/// ```
/// # use doorward::{Engine, MasterKey, events::EventQueue, store::MemoryStore};
/// # let builder = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32]));
/// let queue = EventQueue::new(4096);
/// let sink = queue.sink();
/// let engine = builder
///     .events(move |event| if event.operation != "authenticate" { sink(event) })
///     .open()?;
/// engine.authenticate("no token").unwrap_err();
/// assert_eq!(queue.drain().len(), 1); // "open"
/// # Ok::<(), doorward::OpenError>(())
/// ```
#[derive(Clone)]
pub struct EventQueue {
    capacity: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Event>,
    lost: u64,
}

impl EventQueue {
    /// An empty queue for this many events at most. One for none keeps none, and counts them all as lost.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, state: Arc::default() }
    }

    /// What puts events into it, for [`Builder::events`](crate::Builder::events). Several engines may have one queue.
    pub fn sink(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let queue = self.clone();
        move |event| queue.push(event)
    }

    /// Takes the oldest event, if there is one. It never waits for one.
    pub fn poll(&self) -> Option<Event> {
        self.state().waiting.pop_front()
    }

    /// Takes all that is there, the oldest first.
    pub fn drain(&self) -> Vec<Event> {
        // The engine's threads wait for a swap, and not for the rest.
        let waiting = std::mem::take(&mut self.state().waiting);
        waiting.into()
    }

    /// How many events found it full since it was made.
    pub fn lost(&self) -> u64 {
        self.state().lost
    }

    fn push(&self, event: &Event) {
        let event = event.clone();
        let mut state = self.state();
        if state.waiting.len() < self.capacity {
            state.waiting.push_back(event);
        } else {
            state.lost = state.lost.saturating_add(1);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EventQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, lost) = {
            let state = self.state();
            (state.waiting.len(), state.lost)
        };
        f.debug_struct("EventQueue")
            .field("capacity", &self.capacity)
            .field("waiting", &waiting)
            .field("lost", &lost)
            .finish_non_exhaustive()
    }
}
