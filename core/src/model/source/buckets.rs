//! The buckets themselves.

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use super::{Bucket, SourcePolicy, SourcePrefix, Throttled, Toll};
use crate::time::Timestamp;

/// The buckets of all sources. A driver has one of these for all its operations, charges before an operation begins, and
/// refunds what turned out not to be due: see [`Decide::toll`](crate::machine::Decide::toll).
///
/// The latest time that it was ever told counts: a clock that steps back gives nothing back and takes nothing.
///
/// # Example: what a driver does around each operation
/// ```
/// use std::net::IpAddr;
/// use doorward_core::machine::Decide;
/// use doorward_core::model::source::{SourceBuckets, SourcePolicy};
/// use doorward_core::operation::login::{Login, LoginError};
/// # use doorward_core::time::Timestamp;
/// # let now = Timestamp::from_millis(1_700_000_000_000);
///
/// let mut buckets = SourceBuckets::new(&SourcePolicy::default());
/// let login = Login::new("ada", "a guess").source(IpAddr::from([192, 0, 2, 1]));
/// let toll = login.toll().unwrap();
/// for _ in 0..30 {
///     assert!(buckets.charge(toll, now).is_ok());
///     let outcome = Err(LoginError::Denied); // run the machine here
///     if !login.is_due(&outcome) {
///         buckets.refund(toll);
///     }
/// }
/// let throttled = buckets.charge(toll, now).unwrap_err();
/// let outcome = login.turned_away(throttled.until)?; // instead of running it: see `Machine::turned_away`
/// assert!(matches!(outcome, Err(LoginError::Throttled { until }) if until.since(now).as_secs() == 10));
/// assert_eq!(buckets.remembered(), 1);
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
pub struct SourceBuckets {
    guesses: Buckets,
    registrations: Buckets,
    latest: Timestamp,
}

impl SourceBuckets {
    /// All of them full.
    pub fn new(policy: &SourcePolicy) -> Self {
        let buckets = |bucket| Buckets::new(bucket, policy.most_sources);
        Self {
            guesses: buckets(policy.guesses),
            registrations: buckets(policy.registrations),
            latest: Timestamp::from_millis(i64::MIN),
        }
    }

    /// Takes what an attempt costs, before it begins. One that is turned away costs nothing, so that asking again does
    /// not make the wait longer.
    pub fn charge(&mut self, toll: Toll, now: Timestamp) -> Result<(), Throttled> {
        self.latest = self.latest.max(now);
        let now = self.latest;
        let (buckets, source) = self.of(toll);
        buckets.charge(source, now)
    }

    /// Gives it back, once for a charge: the attempt was not due, or could not be decided. A bucket is never more than
    /// full.
    pub fn refund(&mut self, toll: Toll) {
        let now = self.latest;
        let (buckets, source) = self.of(toll);
        buckets.refund(source, now);
    }

    /// How many buckets are kept, of both kinds.
    pub fn remembered(&self) -> usize {
        self.guesses.full_at.len() + self.registrations.full_at.len()
    }

    fn of(&mut self, toll: Toll) -> (&mut Buckets, SourcePrefix) {
        match toll {
            Toll::Guess(source) => (&mut self.guesses, source),
            Toll::Registration(source) => (&mut self.registrations, source),
        }
    }
}

impl fmt::Debug for SourceBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceBuckets").field("remembered", &self.remembered()).finish_non_exhaustive()
    }
}

/// The buckets of one kind. One that is not kept is full.
struct Buckets {
    bucket: Bucket,
    most: usize,
    full_at: BTreeMap<SourcePrefix, Timestamp>,
    /// The same, in the order of who is full first.
    order: BTreeSet<(Timestamp, SourcePrefix)>,
}

impl Buckets {
    fn new(bucket: Bucket, most: usize) -> Self {
        Self { bucket, most, full_at: BTreeMap::new(), order: BTreeSet::new() }
    }

    fn charge(&mut self, source: SourcePrefix, now: Timestamp) -> Result<(), Throttled> {
        let Bucket { size, refill } = self.bucket;
        self.forget_full(now);
        let full_at = self.full_at.get(&source).map_or(now, |full_at| now.max(*full_at));
        let until = full_at.saturating_sub(refill.saturating_mul(size.saturating_sub(1)));
        if until > now {
            return Err(Throttled { until });
        }
        self.set(source, full_at.saturating_add(refill), now);
        Ok(())
    }

    fn refund(&mut self, source: SourcePrefix, now: Timestamp) {
        if let Some(full_at) = self.full_at.get(&source) {
            self.set(source, full_at.saturating_sub(self.bucket.refill), now);
        }
    }

    fn set(&mut self, source: SourcePrefix, full_at: Timestamp, now: Timestamp) {
        if let Some(before) = self.full_at.remove(&source) {
            self.order.remove(&(before, source));
        }
        if full_at <= now {
            return;
        }
        if self.full_at.len() >= self.most {
            self.forget_first();
        }
        self.full_at.insert(source, full_at);
        self.order.insert((full_at, source));
    }

    /// Two at most, so that no attempt pays for many; yet more go than come.
    fn forget_full(&mut self, now: Timestamp) {
        for _ in 0..2 {
            if self.order.first().is_some_and(|(full_at, _)| *full_at <= now) {
                self.forget_first();
            }
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, source)) = self.order.pop_first() {
            self.full_at.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};
    use core::time::Duration;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::event::Source;

    const REFILL: i64 = 10_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn source(number: u32) -> SourcePrefix {
        Source::from(IpAddr::from(Ipv4Addr::from_bits(number))).into()
    }

    fn guess(number: u32) -> Toll {
        Toll::Guess(source(number))
    }

    fn buckets(size: u32) -> SourceBuckets {
        let guesses = Bucket { size, ..SourcePolicy::default().guesses };
        SourceBuckets::new(&SourcePolicy { guesses, ..SourcePolicy::default() })
    }

    /// How many are admitted at this moment.
    fn admitted(buckets: &mut SourceBuckets, toll: Toll, now: Timestamp) -> usize {
        (0..1_000).take_while(|_| buckets.charge(toll, now).is_ok()).count()
    }

    #[test]
    fn gu_3_a_source_is_slowed_and_never_off() {
        let mut buckets = buckets(30);
        assert_eq!(admitted(&mut buckets, guess(1), at(0)), 30);
        for step in 1..1_000 {
            let now = at(step * REFILL);
            assert_eq!(buckets.charge(guess(1), at(step * REFILL - 1)), Err(Throttled { until: now }));
            assert_eq!(admitted(&mut buckets, guess(1), now), 1);
        }
        let recovered = at(999 * REFILL + 30 * REFILL);
        assert_eq!(admitted(&mut buckets, guess(1), recovered), 30, "all is forgotten");
    }

    #[test]
    fn gu_3_sources_and_kinds_do_not_share_a_bucket() {
        let mut buckets = buckets(30);
        assert_eq!(admitted(&mut buckets, guess(1), at(0)), 30);
        assert_eq!(admitted(&mut buckets, guess(2), at(0)), 30);
        assert_eq!(admitted(&mut buckets, Toll::Registration(source(1)), at(0)), 30);
        assert_eq!(buckets.remembered(), 3);
    }

    #[test]
    fn what_is_refunded_was_never_charged_and_no_bucket_is_more_than_full() {
        let mut buckets = buckets(3);
        for step in 0..100 {
            buckets.charge(guess(1), at(step)).unwrap();
            buckets.refund(guess(1));
            buckets.refund(guess(1));
            assert_eq!(buckets.remembered(), 0);
        }
        buckets.refund(guess(2));
        assert_eq!(admitted(&mut buckets, guess(1), at(100)), 3);
        buckets.refund(guess(1));
        assert_eq!(admitted(&mut buckets, guess(1), at(100)), 1);
    }

    #[test]
    fn inv_21_a_clock_that_steps_back_neither_frees_a_source_nor_shuts_one_out() {
        let mut buckets = buckets(30);
        let now = at(1_000_000_000);
        assert_eq!(admitted(&mut buckets, guess(1), now), 30);
        buckets.charge(guess(2), now).unwrap();
        for back in [999_999_999, 0, -1, i64::MIN] {
            assert_eq!(buckets.charge(guess(1), at(back)), Err(Throttled { until: at(1_000_010_000) }));
        }
        assert_eq!(admitted(&mut buckets, guess(2), at(0)), 29);
        assert_eq!(admitted(&mut buckets, guess(3), at(0)), 30);
        for number in 1..=3 {
            assert_eq!(admitted(&mut buckets, guess(number), at(1_000_010_000)), 1);
        }
    }

    #[test]
    fn inv_23_times_and_numbers_at_their_extremes_neither_panic_nor_wrap() {
        for millis in [i64::MIN, i64::MIN + 1, -1, 0, 1 << 53, i64::MAX - 1, i64::MAX] {
            for size in [0, 1, u32::MAX] {
                for refill in [Duration::ZERO, Duration::from_secs(10), Duration::MAX] {
                    for most_sources in [0, 1, usize::MAX] {
                        let bucket = Bucket { size, refill };
                        let policy = SourcePolicy { guesses: bucket, registrations: bucket, most_sources };
                        let mut buckets = SourceBuckets::new(&policy);
                        for _ in 0..3 {
                            buckets.charge(guess(1), at(millis)).ok();
                            buckets.charge(guess(2), at(millis)).ok();
                            assert!(buckets.remembered() <= most_sources.max(1));
                        }
                        buckets.refund(guess(1));
                        buckets.charge(guess(1), at(i64::MAX)).ok();
                        buckets.charge(guess(1), at(i64::MIN)).ok();
                    }
                }
            }
        }
        for millis in [i64::MIN, -1, 0, 1 << 53] {
            assert_eq!(admitted(&mut buckets(30), guess(1), at(millis)), 30, "at {millis}");
        }
    }

    #[test]
    fn a_million_sources_take_no_more_memory_than_the_most_that_are_kept() {
        let mut buckets = buckets(30);
        let most = SourcePolicy::default().most_sources;
        for number in 0..1_000_000 {
            buckets.charge(guess(number), at(i64::from(number / 1_000))).unwrap();
            assert!(buckets.remembered() <= most);
        }
        assert_eq!(buckets.remembered(), most);
        assert_eq!(buckets.guesses.order.len(), most);
        let later = at(1_000_000 * REFILL);
        for number in 0..100_000 {
            buckets.charge(guess(number), later).unwrap();
        }
        assert_eq!(buckets.remembered(), 100_000.min(most), "those that have recovered are gone");
    }

    #[test]
    fn a_bucket_that_was_full_again_unnoticed_is_full_and_no_more() {
        let mut buckets = buckets(30);
        for number in 0..4 {
            buckets.charge(guess(number), at(i64::from(number))).unwrap();
        }
        let later = at(1_000 * REFILL);
        assert_eq!(admitted(&mut buckets, guess(3), later), 30);
        assert_eq!(buckets.remembered(), 1, "the others are forgotten");
    }

    /// A flood of fresh sources must not wipe out what a busy one has to wait for.
    #[test]
    fn when_there_are_too_many_sources_the_first_to_recover_is_forgotten() {
        let guesses = SourcePolicy::default().guesses;
        let mut buckets = Buckets::new(guesses, 3);
        let mut charge = |number| buckets.charge(source(number), at(0));
        (0..30).for_each(|_| charge(1).unwrap());
        for number in 2..1_000 {
            charge(number).unwrap();
        }
        assert_eq!(charge(1), Err(Throttled { until: at(REFILL) }));
        assert_eq!((buckets.full_at.len(), buckets.order.len()), (3, 3));
        assert!(buckets.full_at.contains_key(&source(999)), "who came last is charged as well");
    }

    /// A bucket as one would draw it: how many milliseconds of waiting are in it, drained one by one.
    #[derive(Default)]
    struct Drawn {
        level: i64,
        running: i64,
        kept: i64,
    }

    proptest! {
        /// Attempts of three sources, which run for as long as they like and of which some are due.
        #[test]
        fn gu_4_it_is_the_bucket_that_one_would_draw(
            size in 1_u32..5,
            steps in prop::collection::vec((0_i64..30, 0_u32..3, 0..3), 1..200),
        ) {
            let refill = 20;
            let bucket = Bucket { size, refill: Duration::from_millis(20) };
            let mut buckets = SourceBuckets::new(&SourcePolicy { guesses: bucket, ..SourcePolicy::default() });
            let mut drawn: Vec<Drawn> = (0..3).map(|_| Drawn::default()).collect();
            let mut now = 0;
            for (wait, number, what) in steps {
                for _ in 0..wait {
                    now += 1;
                    for drawn in &mut drawn {
                        drawn.level = (drawn.level - 1).max(0);
                    }
                }
                let drawn = &mut drawn[number as usize];
                let over = drawn.level - refill * (i64::from(size) - 1);
                match what {
                    0 => {
                        let charged = buckets.charge(guess(number), at(now));
                        let expected = if over > 0 { Err(Throttled { until: at(now + over) }) } else { Ok(()) };
                        prop_assert_eq!(charged, expected);
                        if charged.is_ok() {
                            drawn.level += refill;
                            drawn.running += 1;
                        } else {
                            prop_assert!(drawn.running + drawn.kept >= i64::from(size), "turned away too early");
                        }
                    }
                    _ if drawn.running == 0 => {}
                    1 => {
                        buckets.refund(guess(number));
                        drawn.level = (drawn.level - refill).max(0);
                        drawn.running -= 1;
                    }
                    _ => {
                        drawn.running -= 1;
                        drawn.kept += 1;
                    }
                }
                let decided = drawn.running + drawn.kept;
                prop_assert!(decided <= i64::from(size) + now / refill, "{} decided after {} ms", decided, now);
            }
        }
    }
}
