//! The engine's view of what was revoked, and how old it is.
//!
//! Nobody polls in the background: whoever verifies a token and finds the view older than half its bound reads the journal
//! on. So an engine that verifies nothing costs nothing, and no thread has to be alive for a logout to be heard of.
//!
//! | the view is | then |
//! |---|---|
//! | younger than half its bound | taken as it is |
//! | older than that | one verification reads on; the others take it as it is |
//! | older than its bound, or distrusted | every verification reads on, and without success it is not taken |
//!
//! Its age is counted from when the reading *began*, by the monotonic clock and by the wall clock, whichever says more: a
//! clock that is set back makes nothing younger, nor does a machine that slept. A commit of this engine that ends something
//! makes it distrusted before anybody hears of the commit, and with it every reading that was under way: for whoever begins
//! to verify after it. Who had begun before may go by a reading of their own, or others' logouts would refuse good tokens.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::model::view::RevocationView;
use doorward_core::record::{Key, RecordError};
use doorward_core::store::{Batch, Write};
use doorward_core::time::Timestamp;

use super::reach::Reach;

#[derive(Default)]
pub(super) struct Watch {
    state: RwLock<State>,
    /// How often this engine has ended something.
    endings: AtomicU64,
    is_reading: AtomicBool,
}

#[derive(Default)]
struct State {
    view: RevocationView,
    read: Option<Read>,
    forgotten: Timestamp,
}

/// When the journal was read last, successfully.
#[derive(Clone, Copy)]
struct Read {
    began: Moment,
    endings: u64,
}

/// By both clocks.
#[derive(Clone, Copy)]
struct Moment {
    elapsed: Duration,
    now: Timestamp,
}

impl Moment {
    fn of(engine: &impl Reach) -> Self {
        let clock = &engine.parts().clock;
        Self { elapsed: clock.elapsed(), now: clock.now() }
    }

    fn since(self, earlier: Self) -> Duration {
        self.elapsed.saturating_sub(earlier.elapsed).max(self.now.since(earlier.now))
    }
}

impl Watch {
    /// Whether this batch ends something, or changes the keys.
    pub(super) fn is_touched_by(batch: &Batch) -> bool {
        !batch.journal.is_empty() || batch.writes.iter().any(|write: &Write| *write.key() == Key::Keyring)
    }

    /// A commit that ends something is under way.
    pub(super) fn ending(&self) -> Ending<'_> {
        Ending(self)
    }

    /// What was read until now proves nothing any more.
    fn distrust(&self) {
        self.endings.fetch_add(1, Ordering::SeqCst);
    }

    /// Looks at a view that is at most so old.
    ///
    /// # Errors
    /// It is older, and the store does not answer.
    pub(super) async fn look<E: Reach, T>(
        &self,
        engine: &E,
        bound: Duration,
        look: impl FnOnce(&RevocationView) -> T + Send,
    ) -> Result<T, Fault> {
        let needed = self.endings.load(Ordering::SeqCst);
        let age = self.age(engine, needed);
        if age.is_none_or(|age| age >= bound) {
            self.read_on(engine).await?;
        } else if age.is_none_or(|age| age >= bound / 2) && !self.is_reading.swap(true, Ordering::SeqCst) {
            let reading = Reading(&self.is_reading);
            // What fails is tried again, and until the bound the view is good.
            let _ = self.read_on(engine).await;
            drop(reading);
        }
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match age_of(state.read, needed, Moment::of(engine)) {
            Some(age) if age < bound => Ok(look(&state.view)),
            _ => Err(STALE.into()),
        }
    }

    fn age(&self, engine: &impl Reach, needed: u64) -> Option<Duration> {
        let read = self.state.read().unwrap_or_else(PoisonError::into_inner).read;
        age_of(read, needed, Moment::of(engine))
    }

    /// Reads the keyring, and the journal to its end.
    async fn read_on<E: Reach>(&self, engine: &E) -> Result<(), Fault> {
        let read = Read { began: Moment::of(engine), endings: self.endings.load(Ordering::SeqCst) };
        let keyring = engine.read(&[Key::Keyring]).await?.pop().flatten().ok_or(RecordError::NoKeyring)?;
        let policy = &engine.parts().environment.policy;
        for _ in 0..MOST_PAGES {
            let after = self.state.read().unwrap_or_else(PoisonError::into_inner).view.cursor();
            let page = engine.changes(after, PAGE).await?;
            let now = engine.parts().clock.now();
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let has_more = state.view.learn(after, &page, policy, now);
            if state.view.cursor() < after {
                // It began anew, and knows nothing before it has read all of this journal.
                state.read = None;
            }
            if has_more {
                continue;
            }
            // Of two that read at once, the one that began later knows more.
            if state
                .read
                .is_none_or(|last| (last.endings, last.began.elapsed) <= (read.endings, read.began.elapsed))
            {
                state.read = Some(read);
                state.view.learn_keyring(keyring);
            }
            if now.since(state.forgotten) >= FORGET_EVERY {
                state.forgotten = now;
                state.view.forget(now);
            }
            return Ok(());
        }
        Err(STALE.into())
    }
}

/// A commit that ends something: when it is over, or nobody waits for it any more, the view is distrusted.
pub(super) struct Ending<'a>(&'a Watch);

impl Ending<'_> {
    /// It may be carried out at any time from now on.
    pub(super) fn is_in_doubt(&self) {
        self.0.distrust();
    }

    /// It has done nothing.
    pub(super) fn forget(self) {
        mem::forget(self);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.distrust();
    }
}

/// How old the view is that was read then; none if the reading may have missed one of so many endings.
fn age_of(read: Option<Read>, needed: u64, now: Moment) -> Option<Duration> {
    let read = read.filter(|read| read.endings >= needed)?;
    Some(now.since(read.began))
}

/// Gives the turn back, also when its future is dropped.
struct Reading<'a>(&'a AtomicBool);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// As many entries as one look asks for.
const PAGE: usize = 1_000;
/// A journal that grows faster than it can be read is not read.
const MOST_PAGES: usize = 1_000_000;
const FORGET_EVERY: Duration = Duration::from_secs(10);

const STALE: StoreError = StoreError::new(
    StoreErrorKind::Retryable,
    "the revocation journal cannot be read fast enough: look at the store",
);
