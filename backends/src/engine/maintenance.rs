//! What a store needs now and then: its clock mark raised, what has expired purged, deletions finished, signing keys rotated.
//!
//! The host calls [`Engine::maintain`], or asks for a thread that does
//! ([`Builder::maintain_every`](super::Builder::maintain_every)). The thread has an engine of its own, without the
//! handle that all the host's clones share: the last of them that is dropped stops it and waits for it, so that the store
//! is closed when the last engine is gone. It stops between two bites: one call of the store, or a handful of a deletion.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io, mem};

use doorward_core::error::Fault;
use doorward_core::event::{EventResult, Subject};
use doorward_core::id::AccountId;
use doorward_core::operation::deletions::Deletions;
use doorward_core::operation::finish_deletion::{FinishDeletion, Remains};
use doorward_core::operation::rotate_keys::{RotateKeys, RotateKeysError};
use doorward_core::operation::tick::Tick;
use doorward_core::time::Timestamp;

use super::blocking::Engine;
use super::reach::Reach;
use super::run::{self, at_once};

/// What one call of [`Engine::maintain`] has done.
///
/// # Example: until nothing is left to do
/// ```
/// # use std::time::Duration;
/// # use doorward::store::MemoryStore;
/// # use doorward::{Engine, Login, ManualClock, MasterKey, Register, core::time::Timestamp};
/// # let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
/// # let engine = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32]));
/// # let engine = engine.clock(clock.clone()).open()?;
/// # engine.register(Register::new("ada", "plum kettle orbit"))?;
/// engine.login(Login::new("ada", "plum kettle orbit"))?;
/// clock.advance(Duration::from_hours(24)); // the session is long over
///
/// let mut purged = 0;
/// loop {
///     let done = engine.maintain()?;
///     purged += done.purged;
///     if !done.more {
///         break;
///     }
/// }
/// assert_eq!(purged, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Maintained {
    /// Expired rows and journal entries removed.
    pub purged: usize,
    /// Deletions of accounts that are finished now.
    pub deletions: usize,
    /// Whether the next signing key was made.
    pub rotated: bool,
    /// Whether there is more to do than one call does.
    pub more: bool,
}

impl Engine {
    /// Raises the store's clock mark, purges what has expired, makes the next signing key when it is time for it, and
    /// finishes deletions that were interrupted: all in bites, and no more than 100 bites of each in a call. Call it every
    /// few minutes, at least once in the policy's `max_clock_regression`: a clock that is set back across a restart, by more
    /// than is allowed, is noticed by the mark alone, and of what had ended by then as much is remembered as that takes. Or
    /// let [`Builder::maintain_every`](super::Builder::maintain_every) do it. Several instances may run it at once.
    ///
    /// # Errors
    /// [`Fault::Clock`]: the clock cannot be right; nothing was purged, and the engine goes on. Else a fault of the
    /// store; what was done stays done. The next call takes it up again.
    pub fn maintain(&self) -> Result<Maintained, Fault> {
        at_once(maintain(self, &|| false))
    }
}

/// As [`Engine::maintain`], until it is stopped.
pub(super) async fn maintain<E: Reach>(
    engine: &E,
    is_stopped: &(dyn Fn() -> bool + Sync),
) -> Result<Maintained, Fault> {
    let mut done = Maintained::default();
    let outcome = match vouched(engine).await {
        Ok(now) => {
            let purged = purge_in_bites(engine, now, &mut done, is_stopped).await;
            // What fails here keeps the other from nothing.
            let deleted = finish_deletions(engine, &mut done, is_stopped).await;
            let rotated = rotate_keys(engine, &mut done).await;
            purged.and(deleted).and(rotated)
        }
        Err(fault) => Err(fault),
    };
    tell(engine, "maintain", &outcome);
    outcome.map(|()| done)
}

/// As [`Engine::purge`].
pub(super) async fn purge<E: Reach>(engine: &E, limit: usize) -> Result<usize, Fault> {
    let outcome = match vouched(engine).await {
        Ok(now) => bite(engine, now, limit).await,
        Err(fault) => Err(fault),
    };
    tell(engine, "purge", &outcome);
    outcome
}

/// What is left after as many bites as one call takes.
pub(super) async fn finish_deletion<E: Reach>(
    engine: &E,
    account: AccountId,
    is_stopped: &(dyn Fn() -> bool + Sync),
) -> Result<Remains, Fault> {
    for _ in 0..MOST_BITES {
        engine.pause().await;
        if is_stopped() {
            break;
        }
        if run::run(engine, FinishDeletion::new(account)).await? == Remains::None {
            return Ok(Remains::None);
        }
    }
    Ok(Remains::Left)
}

/// What is no operation of the core is told here.
fn tell<T>(engine: &impl Reach, operation: &'static str, outcome: &Result<T, Fault>) {
    let result =
        outcome.as_ref().map_or_else(|fault| EventResult::Failed(fault.word()), |_| EventResult::Success);
    engine.parts().tell(operation, result, Subject::default());
}

/// A time that can be right. A purge goes by it alone: the clock may jump while it is under way.
async fn vouched<E: Reach>(engine: &E) -> Result<Timestamp, Fault> {
    let now = engine.parts().clock.now();
    run::run(engine, Tick::new()).await??;
    Ok(now)
}

async fn bite<E: Reach>(engine: &E, now: Timestamp, limit: usize) -> Result<usize, Fault> {
    // An instance whose clock is behind may still count these rows as live.
    let now = now.saturating_sub(engine.parts().environment.policy.purge_after());
    Ok(engine.purge(now, limit).await?)
}

async fn purge_in_bites<E: Reach>(
    engine: &E,
    now: Timestamp,
    done: &mut Maintained,
    is_stopped: &(dyn Fn() -> bool + Sync),
) -> Result<(), Fault> {
    for _ in 0..MOST_BITES {
        if is_stopped() {
            break;
        }
        let removed = bite(engine, now, BITE).await?;
        done.purged += removed;
        if removed < BITE {
            return Ok(());
        }
        engine.pause().await;
    }
    done.more = true;
    Ok(())
}

/// Each of them, so that one which cannot be finished holds up no other.
async fn finish_deletions<E: Reach>(
    engine: &E,
    done: &mut Maintained,
    is_stopped: &(dyn Fn() -> bool + Sync),
) -> Result<(), Fault> {
    let mut outcome = Ok(());
    for account in run::run(engine, Deletions::new()).await? {
        match finish_deletion(engine, account, is_stopped).await {
            Ok(Remains::None) => done.deletions += 1,
            Ok(Remains::Left) => done.more = true,
            Err(fault) => outcome = outcome.and(Err(fault)),
        }
    }
    outcome
}

/// The next signing key, when it is time for it.
async fn rotate_keys<E: Reach>(engine: &E, done: &mut Maintained) -> Result<(), Fault> {
    match run::run(engine, RotateKeys::when_due()).await? {
        Ok(rotated) => done.rotated = rotated.is_new,
        // It is time again when some of them are gone.
        Err(RotateKeysError::Full) => {}
        Err(RotateKeysError::Fault(fault)) => return Err(fault),
        Err(_) => {}
    }
    Ok(())
}

const BITE: usize = 1_000;
const MOST_BITES: usize = 100;

/// The thread that maintains a store, while this lives.
pub(super) struct Thread {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signal {
    is_stopped: Mutex<bool>,
    stop: Condvar,
}

impl Thread {
    /// Starts it: the first run is at once, each other `every` so long after the one before.
    pub(super) fn start(engine: Engine, every: Duration) -> io::Result<Self> {
        let signal = Arc::<Signal>::default();
        let heard = Arc::clone(&signal);
        let thread = thread::Builder::new().name("doorward-maintenance".to_owned()).spawn(move || {
            loop {
                run_on_thread(&engine, &heard);
                if heard.stops_within(every) {
                    break;
                }
            }
        })?;
        Ok(Self { signal, thread: Some(thread) })
    }
}

/// Until there is nothing more to do. A failure was told to the events; the next run tries again.
fn run_on_thread(engine: &Engine, signal: &Signal) {
    loop {
        let is_stopped = || signal.is_stopped();
        // The engine contains its store and its sink; a clock is the host's code, too.
        let outcome = catch_unwind(AssertUnwindSafe(|| at_once(maintain(engine, &is_stopped))));
        match outcome {
            Ok(Ok(Maintained { more: true, .. })) if !signal.is_stopped() => {}
            Ok(_) => return,
            Err(payload) => return mem::forget(payload),
        }
    }
}

impl Signal {
    fn is_stopped(&self) -> bool {
        *self.is_stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stops_within(&self, span: Duration) -> bool {
        let is_stopped = self.is_stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.stop.wait_timeout_while(is_stopped, span, |is_stopped| !*is_stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        *self.signal.is_stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal.stop.notify_all();
        // A sink that holds the last engine drops it on this very thread, which cannot wait for itself.
        let other = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(Err(payload)) = other.map(JoinHandle::join) {
            mem::forget(payload);
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thread(..)")
    }
}
