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
//! Its age is counted from when the reading *began*, by the monotonic clock, by the engine's time and by what the wall clock
//! shows, whichever says more: a clock that is set back makes nothing younger, nor does a machine that slept, nor one after
//! the other. When this engine ends something, or finds it over when it verifies by the store or introspects, the view is
//! distrusted before anybody hears it, and with it every reading that was under way. A verification that had begun by then
//! may still take it: it comes before that ending. (A session or refresh token with which somebody is refused says nothing to the
//! view: that is free to be as old as its bound, and who holds a dead token could have it read all the time. Nor does text
//! for which the store was not asked.)

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
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
    /// How often it was read to the end, or began anew: a reading that began before counts no more.
    generation: u64,
    forgotten: Timestamp,
}

impl State {
    /// It knows nothing before it has read all of the journal.
    fn begins_anew(&mut self) {
        self.read = None;
        self.generation += 1;
    }
}

/// When the journal was read last, successfully.
#[derive(Clone, Copy)]
struct Read {
    began: Moment,
    endings: u64,
}

/// By every clock. The engine's time stands still while the wall clock catches up with what it showed once.
#[derive(Clone, Copy)]
struct Moment {
    elapsed: Duration,
    shown: Timestamp,
    now: Timestamp,
}

impl Moment {
    fn of(engine: &impl Reach) -> Self {
        let clock = &engine.parts().clock;
        let [shown, now] = clock.shown_and_now();
        Self { elapsed: clock.elapsed(), shown, now }
    }

    fn since(self, earlier: Self) -> Duration {
        self.passed_since(earlier).max(self.now.since(earlier.now)).max(self.shown.since(earlier.shown))
    }

    /// By the clock that nobody sets.
    fn passed_since(self, earlier: Self) -> Duration {
        self.elapsed.saturating_sub(earlier.elapsed)
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
        let mut began = None;
        loop {
            let is_good = {
                let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
                let now = Moment::of(engine);
                // A reading that takes as long as that is too old at its end, and so would be the next.
                let has_waited = now.passed_since(*began.get_or_insert(now)) >= bound;
                match age_of(state.read, heard, now).filter(|age| *age < bound) {
                    Some(age) if age < bound / 2 || readings > 0 || !self.takes_turn() => {
                        return Ok(look(&state.view));
                    }
                    None if has_waited || readings == MOST_READINGS => return Err(STALE.into()),
                    age => age.is_some(),
                }
            };
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

    /// Reads the journal to its end where sessions count, and the keyring. If another reading ends meanwhile, or the view begins
    /// anew, what this one has in hand may be older, or of another journal: it is given up, and the view is as good without it.
    async fn read_on<E: Reach>(&self, engine: &E) -> Result<(), Fault> {
        let (generation, has_met) = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            (state.generation, state.view.has_met_keyring())
        };
        let read = Read { began: Moment::of(engine), endings: self.endings.load(Ordering::SeqCst) };
        let follows = match engine.parts().environment.policy.tokens().revocation {
            RevocationMode::UntilExpiry { .. } => false,
            RevocationMode::Bound | RevocationMode::Watched { .. } => true,
        };
        if follows {
            let is_met = has_met || self.meets(engine, &read_keyring(engine).await?, generation);
            if !is_met || !self.follow(engine, generation).await? {
                return Ok(());
            }
        }
        // After the journal: beside a keyring of before, a restored journal would let in again what was over.
        let keyring = read_keyring(engine).await?;
        if !follows || self.meets(engine, &keyring, generation) {
            self.has_read(read, keyring, generation);
        }
        Ok(())
    }

    /// Whether it is the keyring that the journal was read beside; another may come with another journal.
    fn meets(&self, engine: &impl Reach, keyring: &Row, generation: u64) -> bool {
        let Some(mut state) = self.of_generation(generation) else { return false };
        let is_another = state.view.meets_keyring(keyring, &engine.parts().environment.policy);
        if is_another {
            state.begins_anew();
        }
        !is_another
    }

    /// Reads the journal to its end; whether it is still the one that this generation has read.
    async fn follow<E: Reach>(&self, engine: &E, generation: u64) -> Result<bool, Fault> {
        for _ in 0..MOST_PAGES {
            let Some(after) = self.of_generation(generation).map(|state| state.view.cursor()) else {
                return Ok(false);
            };
            let page = engine.changes(after, PAGE).await?;
            let now = engine.parts().clock.now();
            let Some(mut state) = self.of_generation(generation) else { return Ok(false) };
            let has_more = state.view.learn(after, &page, &engine.parts().environment.policy, now);
            if state.view.cursor() < after {
                state.begins_anew();
                return Ok(false);
            }
            if has_more {
                continue;
            }
            if now.since(state.forgotten) >= FORGET_EVERY {
                state.forgotten = now;
                state.view.forget(now);
            }
            return Ok(true);
        }
        Err(STALE.into())
    }

    /// All of it was read, in this generation.
    fn has_read(&self, read: Read, keyring: Row, generation: u64) {
        if let Some(mut state) = self.of_generation(generation) {
            state.generation += 1;
            state.read = Some(read);
            state.view.learn_keyring(keyring);
        }
    }

    /// `None`: it is another by now.
    fn of_generation(&self, generation: u64) -> Option<RwLockWriteGuard<'_, State>> {
        let state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        (state.generation == generation).then_some(state)
    }
}

async fn read_keyring(engine: &impl Reach) -> Result<Row, Fault> {
    Ok(engine.read(&[Key::Keyring]).await?.pop().flatten().ok_or(RecordError::NoKeyring)?)
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
/// A reading is in vain when one that had begun before an ending of ours ends first. Whoever ends while the next is read had
/// begun after that ending; so it takes more than two only where keyrings change as fast as they are read.
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

    const BOUND: Duration = Duration::from_secs(2);

    fn watching(store: &Arc<MemoryStore>, clock: &ManualClock) -> Engine {
        let revocation = RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse };
        let tokens = TokenPolicy { revocation, ..TokenPolicy::default() };
        let policy = Policy::builder().tokens(tokens).build().unwrap();
        let engine = Engine::builder(Arc::clone(store)).ephemeral().master_key(MasterKey::new(1, [1; 32]));
        engine.policy(policy).clock(clock.clone()).open().unwrap()
    }

    /// Ten hours of a thousand endings a minute, in entries that outlast them.
    #[test]
    fn inv_11_an_engine_that_watches_holds_no_more_than_was_ended_in_one_tokens_life() {
        let (store, now) = (Arc::new(MemoryStore::new()), Timestamp::from_millis(1_700_000_000_000));
        let clock = ManualClock::at(now);
        let engine = watching(&store, &clock);
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
            at_once(watch.look(&engine, BOUND, |_| ())).unwrap();
            let mut state = watch.state.write().unwrap();
            assert_eq!(state.view.cursor().number(), (u64::from(minute) + 1) * 1_000);
            // As of an hour before time began: nothing is forgotten by asking.
            most = most.max(state.view.forget(Timestamp::from_millis(0)));
            drop(state);
            clock.advance(Duration::from_mins(1));
        }
        assert_eq!(most, 17_000, "sixteen minutes and nine seconds of them");
    }

    /// One thread had read to the end and was about to say so; another met a new keyring, and the view began anew. Then the first
    /// said it, of a view that knew nothing.
    #[test]
    fn inv_11_a_view_that_has_begun_anew_was_not_read() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let engine = watching(&Arc::new(MemoryStore::new()), &ManualClock::at(now));
        let watch = &engine.parts.watch;
        at_once(watch.read_on(&engine)).unwrap();
        let keyring = watch.state.read().unwrap().view.keyring().unwrap().clone();
        let another = Row { stamp: Stamp::from_bytes([9; 16]), ..keyring.clone() };
        for meets_another in [false, true] {
            let generation = watch.state.read().unwrap().generation;
            let read = Read { began: Moment::of(&engine), endings: 0 };
            assert!(watch.meets(&engine, &keyring, generation));
            assert!(at_once(watch.follow(&engine, generation)).unwrap());
            if meets_another {
                assert!(!watch.meets(&engine, &another, generation));
            }
            watch.has_read(read, keyring.clone(), generation);
            assert_eq!(watch.state.read().unwrap().read.is_none(), meets_another);
        }
    }

    #[test]
    fn inv_21_the_clock_that_says_more_counts() {
        let moment = |elapsed, shown, now| Moment {
            elapsed: Duration::from_millis(elapsed),
            shown: Timestamp::from_millis(shown),
            now: Timestamp::from_millis(now),
        };
        let earlier = moment(100, 1_000, 2_000);
        for (elapsed, shown, now, age) in [
            (100, 1_000, 2_000, 0),
            (150, 1_010, 2_010, 50),
            (110, 1_050, 2_000, 50),
            (110, 1_010, 2_050, 50),
            (150, -9, 2_000, 50),
            (0, 0, 2_050, 50),
            (0, 0, 0, 0),
        ] {
            let age = Duration::from_millis(age);
            assert_eq!(moment(elapsed, shown, now).since(earlier), age, "{elapsed} {shown} {now}");
        }
    }
}
