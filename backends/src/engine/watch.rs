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
//! clock that is set back makes nothing younger, nor does a machine that slept. When this engine says that something is over,
//! the view is distrusted before anybody hears it, and with it every reading that was under way. A verification that had
//! begun by then may still take it: it comes before that ending.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::model::view::RevocationView;
use doorward_core::policy::RevocationMode;
use doorward_core::record::{Key, RecordError, Row};
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
    /// How often it was read.
    readings: u64,
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
    pub(super) fn is_ending(batch: &Batch) -> bool {
        !batch.journal.is_empty() || batch.writes.iter().any(|write: &Write| *write.key() == Key::Keyring)
    }

    /// A commit that ends something is under way.
    pub(super) fn ending(&self) -> EndingCommit<'_> {
        EndingCommit(self)
    }

    /// What was read until now proves nothing any more.
    pub(super) fn distrust(&self) {
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
        // What is ended from here on, this verification comes before.
        let heard = self.endings.load(Ordering::SeqCst);
        let mut readings = 0;
        loop {
            let is_good = {
                let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
                match age_of(state.read, heard, Moment::of(engine)).filter(|age| *age < bound) {
                    Some(age) if age < bound / 2 || readings > 0 || !self.takes_turn() => {
                        return Ok(look(&state.view));
                    }
                    age => age.is_some(),
                }
            };
            if readings == MOST_READINGS {
                return Err(STALE.into());
            }
            readings += 1;
            if is_good {
                let turn = Turn(&self.is_reading);
                // What fails is tried again, and until the bound the view is good.
                let _ = self.read_on(engine).await;
                drop(turn);
            } else {
                self.read_on(engine).await?;
            }
        }
    }

    /// Whether nobody else has it. It is given back as a [`Turn`].
    fn takes_turn(&self) -> bool {
        !self.is_reading.swap(true, Ordering::SeqCst)
    }

    /// Reads the keyring, and the journal to its end where sessions count.
    async fn read_on<E: Reach>(&self, engine: &E) -> Result<(), Fault> {
        let read = Read { began: Moment::of(engine), endings: self.endings.load(Ordering::SeqCst) };
        let readings = self.state.read().unwrap_or_else(PoisonError::into_inner).readings;
        let keyring = engine.read(&[Key::Keyring]).await?.pop().flatten().ok_or(RecordError::NoKeyring)?;
        if !self.meets(engine, &keyring, readings) {
            return Ok(());
        }
        match engine.parts().environment.policy.tokens().revocation {
            RevocationMode::UntilExpiry { .. } => {}
            RevocationMode::Bound | RevocationMode::Watched { .. } => self.follow(engine).await?,
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Of two that read at once nobody knows whose keyring is the older one: a revocation that was seen would be undone.
        if state.readings == readings {
            state.readings += 1;
            state.read = Some(read);
            state.view.learn_keyring(keyring);
        }
        Ok(())
    }

    /// Another keyring may come with another journal. Not if there was a reading meanwhile, whose keyring may be the later one:
    /// then there is nothing to go on with.
    fn meets(&self, engine: &impl Reach, keyring: &Row, readings: u64) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.readings != readings {
            return false;
        }
        if state.view.meets_keyring(keyring, &engine.parts().environment.policy) {
            // It knows nothing before it has read all of that.
            state.read = None;
        }
        true
    }

    /// Reads the journal to its end.
    async fn follow<E: Reach>(&self, engine: &E) -> Result<(), Fault> {
        for _ in 0..MOST_PAGES {
            let after = self.state.read().unwrap_or_else(PoisonError::into_inner).view.cursor();
            let page = engine.changes(after, PAGE).await?;
            let now = engine.parts().clock.now();
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let has_more = state.view.learn(after, &page, &engine.parts().environment.policy, now);
            if state.view.cursor() < after {
                // It began anew, and knows nothing before it has read all of this journal.
                state.read = None;
            }
            if has_more {
                continue;
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
pub(super) struct EndingCommit<'a>(&'a Watch);

impl EndingCommit<'_> {
    /// It may be carried out at any time from now on.
    pub(super) fn is_in_doubt(&self) {
        self.0.distrust();
    }

    /// It has done nothing.
    pub(super) fn refused(self) {
        mem::forget(self);
    }
}

impl Drop for EndingCommit<'_> {
    fn drop(&mut self) {
        self.0.distrust();
    }
}

/// `None`: it began before something was ended here that this verification comes after.
fn age_of(read: Option<Read>, heard: u64, now: Moment) -> Option<Duration> {
    read.filter(|read| read.endings >= heard).map(|read| now.since(read.began))
}

/// Gives the turn back, also when its future is dropped.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// As many entries as one look asks for.
const PAGE: usize = 1_000;
/// A reading is in vain when one that had begun before an ending of ours is noted first: that many are not under way.
const MOST_READINGS: usize = 8;
/// A journal that grows faster than it can be read is not read.
const MOST_PAGES: usize = 1_000_000;
const FORGET_EVERY: Duration = Duration::from_secs(10);

const STALE: StoreError = StoreError::new(
    StoreErrorKind::Retryable,
    "the revocation journal cannot be read fast enough: look at the store",
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use doorward_core::id::{SessionId, Stamp};
    use doorward_core::policy::{Policy, TokenPolicy, WhenStale};
    use doorward_core::store::{Durability, Ending, Store};

    use crate::engine::run::at_once;
    use crate::store::MemoryStore;
    use crate::{Engine, ManualClock, MasterKey};

    /// Ten hours of a thousand endings a minute, in entries that outlast them.
    #[test]
    fn inv_11_an_engine_that_watches_holds_no_more_than_was_ended_in_one_tokens_life() {
        let (store, now) = (Arc::new(MemoryStore::new()), Timestamp::from_millis(1_700_000_000_000));
        let clock = ManualClock::at(now);
        let bound = Duration::from_secs(2);
        let revocation = RevocationMode::Watched { max_staleness: bound, when_stale: WhenStale::Refuse };
        let tokens = TokenPolicy { revocation, ..TokenPolicy::default() };
        let engine = Engine::builder(Arc::clone(&store)).ephemeral().master_key(MasterKey::new(1, [1; 32]));
        let policy = Policy::builder().tokens(tokens).build().unwrap();
        let engine = engine.policy(policy).clock(clock.clone()).open().unwrap();
        let mut most = 0;
        for minute in 0_u16..600 {
            let mut batch = Batch::new(Stamp::from_bytes([7; 16]), Durability::Durable);
            for n in 0_u16..1_000 {
                let [[a, b], [c, d]] = [minute.to_be_bytes(), n.to_be_bytes()];
                let session = SessionId::from_bytes([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                batch.journal.push(Ending::Session { session, until: Timestamp::MAX });
            }
            store.commit(&batch).unwrap();
            let watch = &engine.parts.watch;
            at_once(watch.look(&engine, bound, |_| ())).unwrap();
            let mut state = watch.state.write().unwrap();
            assert_eq!(state.view.cursor().number(), (u64::from(minute) + 1) * 1_000);
            // As of an hour before time began: nothing is forgotten by asking.
            most = most.max(state.view.forget(Timestamp::from_millis(0)));
            drop(state);
            clock.advance(Duration::from_mins(1));
        }
        assert_eq!(most, 16_000, "fifteen minutes and nine seconds of them");
    }

    #[test]
    fn inv_21_the_clock_that_says_more_counts() {
        let moment = |elapsed, now| Moment {
            elapsed: Duration::from_millis(elapsed),
            now: Timestamp::from_millis(now),
        };
        let earlier = moment(100, 1_000);
        for (elapsed, now, age) in
            [(100, 1_000, 0), (150, 1_010, 50), (110, 1_050, 50), (150, -9, 50), (0, 1_050, 50), (0, 0, 0)]
        {
            assert_eq!(moment(elapsed, now).since(earlier), Duration::from_millis(age), "{elapsed} {now}");
        }
    }
}
